//! What a collection was created with. Stored in its manifest; what shaped the bytes can not be changed afterwards.

use super::Levels;
use crate::error::{Error, Result};
use crate::index::{Metric, Storage, TokenBits};
use crate::limits;
use crate::text::{ChunkOptions, Strategy};
use serde::{Deserialize, Serialize};

/// Whether segments get a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GraphPolicy {
    /// From the size at which a graph is faster than a scan.
    #[default]
    Auto,
    /// Never.
    Flat,
    /// Always, however small.
    Hnsw,
}

/// Whether vectors are turned so that their first dimensions say most; see [`crate::index::Rotation`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RotationPolicy {
    /// Where the model was not trained for prefixes, and as soon as there are vectors enough to fit it on.
    #[default]
    Auto,
    /// Only when it is asked for.
    None,
    /// Whatever the model.
    Pca,
}

impl RotationPolicy {
    /// What is not said is not stored: so older versions can read the settings of those who never said it.
    fn is_auto(&self) -> bool {
        *self == RotationPolicy::Auto
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct VectorSettings {
    pub storage: Storage,
    /// Stored dimensions, a prefix of the model's; all of them by default.
    pub dims: Option<usize>,
    pub metric: Metric,
    pub index: GraphPolicy,
    #[serde(skip_serializing_if = "RotationPolicy::is_auto")]
    pub rotation: RotationPolicy,
    /// Bits of each dimension of token vectors, once there are many.
    #[serde(skip_serializing_if = "is_usual")]
    pub tokens: TokenBits,
}

/// As for [`RotationPolicy::is_auto`].
fn is_usual(bits: &TokenBits) -> bool {
    *bits == TokenBits::default()
}

impl Default for VectorSettings {
    fn default() -> VectorSettings {
        let (index, rotation) = (GraphPolicy::Auto, RotationPolicy::Auto);
        let tokens = TokenBits::default();
        VectorSettings { storage: Storage::Int8, dims: None, metric: Metric::Cosine, index, rotation, tokens }
    }
}

/// All optional: what is not said is taken from the stored collection, or from the defaults for a new one.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    pub language: Option<String>,
    pub chunk: Option<ChunkOptions>,
    pub levels: Option<Levels>,
    pub vectors: Option<VectorSettings>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    pub language: String,
    pub chunk: ChunkOptions,
    #[serde(default, skip_serializing_if = "Levels::is_plain")]
    pub levels: Levels,
    pub vectors: VectorSettings,
}

impl Settings {
    /// Of a new collection.
    pub fn new(wanted: Wanted) -> Settings {
        let chunk = wanted.chunk.unwrap_or(ChunkOptions { strategy: Strategy::Markdown, size: 256, overlap: 32 });
        let language = wanted.language.unwrap_or_else(|| "en".to_owned());
        let levels = wanted.levels.unwrap_or_default();
        Settings { language, chunk, levels, vectors: wanted.vectors.unwrap_or_default() }
    }

    /// Of a stored collection that is opened with `wanted`. How documents are cut, which graphs are built and when
    /// vectors are turned may change; the language and the form of the vectors may not, since stored and new segments must agree.
    pub fn reopened(mut self, wanted: Wanted) -> Result<Settings> {
        let differs = |what: &str, stored: &str, asked: &str| {
            let advice = "destroy it first, or use another name";
            Err(Error::invalid(format!("the collection was created with {what} {stored}, not {asked}; {advice}")))
        };
        if let Some(language) = wanted.language.filter(|language| *language != self.language) {
            return differs("language", &self.language, &language);
        }
        if let Some(vectors) = wanted.vectors {
            let form = |v: &VectorSettings| {
                let tokens = u8::from(v.tokens);
                format!("{:?} vectors, {:?}, dims {:?}, tokens of {tokens} bits", v.storage, v.metric, v.dims)
            };
            if form(&vectors) != form(&self.vectors) {
                return differs("", &form(&self.vectors), &form(&vectors));
            }
            (self.vectors.index, self.vectors.rotation) = (vectors.index, vectors.rotation);
        }
        self.chunk = wanted.chunk.unwrap_or(self.chunk);
        self.levels = wanted.levels.unwrap_or(self.levels);
        Ok(self)
    }

    pub fn check(&self) -> Result<()> {
        self.levels.check()?;
        if self.vectors.storage == Storage::Binary && self.vectors.rotation == RotationPolicy::Pca {
            return Err(Error::invalid("vectors.rotation \"pca\": of one bit a dimension there is nothing to turn"));
        }
        match self.vectors.dims {
            Some(dims) if dims == 0 || dims > limits::VECTOR_DIMS => {
                Err(Error::invalid(format!("vectors.dims is {dims}, must be 1 to {}", limits::VECTOR_DIMS)))
            }
            _ => Ok(()),
        }
    }
}
