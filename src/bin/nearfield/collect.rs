//! The documents of a folder: Markdown, HTML and plain text, each with its path as id.

use clap::ValueEnum;
use nearfield::engine::Incoming;
use nearfield::index::Document;
use nearfield::text::Strategy;
use nearfield::{limits, Error, ErrorKind, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// How files are cut that have an ending of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Markdown,
    Html,
    Text,
}

impl Kind {
    fn of(path: &Path) -> Option<Kind> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "md" | "markdown" => Some(Kind::Markdown),
            "html" | "htm" | "xhtml" => Some(Kind::Html),
            "txt" | "text" => Some(Kind::Text),
            _ => None,
        }
    }

    pub fn strategy(self) -> Strategy {
        match self {
            // Plain text often is Markdown without knowing it.
            Kind::Markdown | Kind::Text => Strategy::Markdown,
            Kind::Html => Strategy::Html,
        }
    }
}

/// A file that will be a document.
pub struct Source {
    /// Path below the folder, with `/` between its parts.
    pub id: String,
    pub path: PathBuf,
    pub kind: Kind,
}

/// Every such file below the folder, in order of its id. Hidden files and folders are left out, and links to folders
/// are not followed.
pub fn sources(folder: &Path) -> Result<Vec<Source>> {
    let mut found = Vec::new();
    walk(folder, "", &mut found)?;
    found.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(found)
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<Source>) -> Result<()> {
    let failed = |error: std::io::Error| {
        let kind =
            if error.kind() == std::io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Unsupported };
        Error::new(kind, format!("reading folder {}", folder.display())).with_source(error)
    };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned).filter(|name| !name.starts_with('.')) else {
            continue;
        };
        let (path, id) = (entry.path(), format!("{prefix}{name}"));
        if entry.file_type().map_err(failed)?.is_dir() {
            walk(&path, &format!("{id}/"), found)?;
        } else if let Some(kind) = Kind::of(&path).filter(|_| path.is_file()) {
            found.push(Source { id, path, kind });
        }
    }
    Ok(())
}

impl Source {
    /// The document, with `url` filled in: `{path}` is the id, `{stem}` the id without its ending.
    ///
    /// # Errors
    /// `InvalidInput` for a file that is not UTF-8, `LimitExceeded` for one that is too large.
    pub fn read(&self, url: Option<&str>) -> Result<Incoming> {
        let bytes = fs::read(&self.path);
        let bytes = bytes.map_err(|e| Error::not_found(format!("reading {}", self.path.display())).with_source(e))?;
        if bytes.len() > limits::DOCUMENT_BYTES {
            let message = format!("{} has {} bytes, at most {}", self.id, bytes.len(), limits::DOCUMENT_BYTES);
            return Err(Error::limit(message));
        }
        let text =
            String::from_utf8(bytes).map_err(|e| Error::invalid(format!("{} is no UTF-8", self.id)).with_source(e))?;
        let stem = self.id.rsplit_once('.').map_or(self.id.as_str(), |(stem, _)| stem);
        let url = url.map(|pattern| pattern.replace("{path}", &self.id).replace("{stem}", stem));
        let document =
            Document { id: self.id.clone(), text, title: None, url, meta: Default::default(), language: None };
        Ok(Incoming { document, strategy: Some(self.kind.strategy()) })
    }
}
