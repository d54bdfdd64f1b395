//! What a caller hands in, and what comes back with a hit.

use crate::error::{Error, Result};
use crate::limits;
use crate::text::Analyzer;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A value that can be filtered on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MetaValue {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    /// A filter matches a list when it matches one of its items.
    List(Vec<MetaValue>),
    /// Kept and returned; no filter matches it.
    Map(BTreeMap<String, MetaValue>),
}

pub type Meta = BTreeMap<String, MetaValue>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    pub id: String,
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Meta::is_empty")]
    pub meta: Meta,
    /// Of its words, where it is not the collection's: as [`Analyzer::new`] takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl Document {
    /// Checks id, sizes and that every number is finite.
    pub fn check(&self) -> Result<()> {
        let long = |what: &str, len: usize, cap: usize| match len > cap {
            true => Err(Error::limit(format!("document {:.60?}: {what} has {len} bytes, at most {cap}", self.id))),
            false => Ok(()),
        };
        if self.id.is_empty() {
            return Err(Error::invalid("a document with an empty id"));
        }
        long("id", self.id.len(), limits::NAME_BYTES)?;
        long("title", self.title.as_ref().map_or(0, String::len), limits::NAME_BYTES)?;
        long("url", self.url.as_ref().map_or(0, String::len), limits::NAME_BYTES)?;
        long("text", self.text.len(), limits::DOCUMENT_BYTES)?;
        if let Some(language) = &self.language {
            Analyzer::check(language).map_err(|e| e.within(format!("document {:.60?}", self.id)))?;
        }
        let meta = serde_json::to_vec(&self.meta);
        let meta = meta.map_err(|e| Error::invalid(format!("document {:?}: metadata", self.id)).with_source(e))?;
        long("metadata", meta.len(), limits::META_BYTES)
    }
}
