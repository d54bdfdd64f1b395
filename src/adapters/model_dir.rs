//! A model as a folder of files: `config.json`, `tokenizer.json`, `model.safetensors`, and the small files that
//! sentence-transformers writes beside them. For the native tool and for tests; in the browser the same bytes come
//! by HTTP.

use crate::error::{Error, ErrorKind, Result};
use crate::model::config::ModelCard;
use crate::model::hub::Extras;
use crate::model::stream::WeightStream;
use crate::model::tokenizer::Tokenizer;
use crate::model::weights::Weights;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

const EXTRAS: [&str; 6] = [
    "modules.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "tokenizer_config.json",
    "artifact.metadata",
];

/// Everything that an encoder is made of.
pub struct ModelFiles {
    /// With the digest of the weights that were read.
    pub card: ModelCard,
    pub tokenizer: Tokenizer,
    pub weights: Weights,
}

/// Reads and checks a model's folder. Full-precision weights are quantised on the way, a row at a time.
///
/// Errors: `NotFound` for a missing folder or file, and all those of [`ModelCard::read`], [`Tokenizer::from_json`]
/// and [`WeightStream`].
pub fn open(dir: &Path) -> Result<ModelFiles> {
    let read = |path: &str| std::fs::read_to_string(dir.join(path)).map_err(|e| failed(&dir.join(path), e));
    let mut extras = Extras::new();
    for path in EXTRAS {
        match read(path) {
            Ok(text) => drop(extras.insert(path.to_string(), text)),
            Err(error) if error.kind == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let name = dir.file_name().unwrap_or(dir.as_os_str()).to_string_lossy();
    let card = ModelCard::read(&name, &read("config.json")?, &extras)?;
    let tokenizer = Tokenizer::from_json(read("tokenizer.json")?.as_bytes())?;
    let mut card = card.complete(&tokenizer);
    let path = dir.join("model.safetensors");
    let mut file = File::open(&path).map_err(|e| failed(&path, e))?;
    let mut stream = WeightStream::new(&card);
    let mut block = vec![0; 1 << 20];
    loop {
        match file.read(&mut block).map_err(|e| failed(&path, e))? {
            0 => break,
            length => drop(stream.push(&block[..length])?),
        }
    }
    let finished = stream.finish()?;
    card.digest = finished.digest;
    Ok(ModelFiles { card, tokenizer, weights: finished.weights })
}

fn failed(path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::InvalidData => ErrorKind::Corrupt,
        _ => ErrorKind::Internal,
    };
    Error::new(kind, format!("reading {}", path.display())).with_source(error)
}
