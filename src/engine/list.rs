//! What is in a collection, a page at a time: the segments' documents, each in order of their ids, merged. No text is
//! read, and nothing beyond the page is looked at.

use super::remote::Needs;
use super::Engine;
use crate::error::Result;
use crate::index::{Filter, Meta};
use crate::limits;
use crate::search::snapshot::View;
use serde::{Deserialize, Serialize};

/// Documents of one answer, unless the caller says otherwise.
const LIMIT: usize = 100;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListOptions {
    /// Only documents whose ids come after this one, by bytes.
    #[serde(default)]
    pub after: String,
    #[serde(default)]
    pub limit: Option<usize>,
    #[serde(default)]
    pub filter: Option<serde_json::Value>,
}

/// A document without its text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    pub meta: Meta,
    pub chunks: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listing {
    pub documents: Vec<Listed>,
    /// `after` of the next page; `None`: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Engine {
    /// One page of the documents, ascending by id.
    ///
    /// # Errors
    /// `InvalidInput` for a filter that cannot be, or on a field that no document has.
    pub async fn list(&self, options: &ListOptions) -> Result<Listing> {
        let filter = options.filter.as_ref().map(Filter::parse).transpose()?;
        let needs = Needs { terms: &[], columns: filter.is_some(), vectors: false, splade: false, tokens: false };
        let snapshot = self.equipped(self.snapshot(), &needs).await?;
        if let Some(filter) = &filter {
            snapshot.check_fields(filter.fields())?;
        }
        let limit = options.limit.unwrap_or(LIMIT).clamp(1, limits::HITS);
        let of_view = |view| documents(view, &options.after, filter.as_ref());
        let mut queues: Vec<_> = snapshot.views.iter().map(|view| (view, of_view(view).peekable())).collect();
        let mut documents = Vec::new();
        loop {
            let heads = queues.iter_mut().enumerate();
            let heads = heads.filter_map(|(at, (_, queue))| queue.peek().map(|&(id, _)| (id, at)));
            let Some((_, at)) = heads.min() else { return Ok(Listing { documents, next: None }) };
            if documents.len() == limit {
                let next = documents.last().map(|last: &Listed| last.id.clone());
                return Ok(Listing { documents, next });
            }
            let (view, queue) = &mut queues[at];
            if let Some((_, doc)) = queue.next() {
                documents.push(listed(view, doc)?);
            }
        }
    }
}

/// Id and number of the documents of a segment that are not deleted and match, ascending by id.
fn documents<'a>(view: &'a View, after: &str, filter: Option<&Filter>) -> impl Iterator<Item = (&'a str, u32)> {
    let matching = filter.map(|filter| filter.evaluate(&view.segment));
    let order = view.segment.docs_after(after).iter().copied();
    let live = order.filter(|&doc| !view.tombstones().contains(doc));
    let wanted = live.filter(move |&doc| matching.as_ref().is_none_or(|matching| matching.contains(doc)));
    wanted.filter_map(|doc| view.segment.doc(doc).ok().map(|found| (found.id, doc)))
}

fn listed(view: &View, doc: u32) -> Result<Listed> {
    let found = view.segment.doc(doc)?;
    Ok(Listed {
        id: found.id.to_owned(),
        title: found.title.map(str::to_owned),
        url: found.url.map(str::to_owned),
        meta: found.meta()?,
        chunks: view.segment.doc_chunks(doc).len(),
    })
}
