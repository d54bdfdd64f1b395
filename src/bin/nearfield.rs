//! The native command-line tool. Each subcommand is a file in `nearfield/`; it prints what it does to standard error
//! and its results to standard output, and exits with 0 only on success.

#[path = "nearfield/collect.rs"]
mod collect;
#[path = "nearfield/collection.rs"]
mod collection;
#[path = "nearfield/eval.rs"]
mod eval;
#[path = "nearfield/host.rs"]
mod host;
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
    /// Make a collection of a folder of documents, or bring one up to date.
    Index(collection::Index),
    /// Search a collection.
    Search(collection::Search),
    /// Measure how well pipelines rank a judged collection.
    Eval(eval::Eval),
    /// Read everything in a collection and check it.
    Check(collection::Check),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Models(command) => models::run(command),
        Command::Index(arguments) => collection::index(&arguments),
        Command::Search(arguments) => collection::search(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Check(arguments) => collection::check(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nearfield: {error}");
            ExitCode::FAILURE
        }
    }
}
