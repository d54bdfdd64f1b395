//! The native command-line tool. Each subcommand is a file in `nearfield/`; it prints what it does to standard error
//! and its results to standard output, and exits with 0 only on success.

#[path = "nearfield/models.rs"]
mod models;
#[path = "nearfield/package.rs"]
mod package;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Search your own documents by meaning: the native tool.
#[derive(Parser)]
#[command(name = "nearfield", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fetch models and convert them to the form that the browser loads.
    #[command(subcommand)]
    Models(models::Models),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Models(command) => models::run(command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nearfield: {error}");
            ExitCode::FAILURE
        }
    }
}
