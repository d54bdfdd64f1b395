//! The engine as a JavaScript class. Every method takes the number of the call first; see [`super::hooks`].

use super::counter::counter;
use super::error::{from_json, parse, parse_json, to_js, JsResult};
use super::hooks::{fetcher, Hooks, Host, HostEmbedder};
#[cfg(feature = "neural")]
use super::hooks::{HostLate, HostSparse};
use crate::adapters::http::HttpStore;
use crate::adapters::indexeddb::IndexedDbStore;
use crate::engine::{Engine as Core, GraphBuilder, Incoming, ListOptions, Maintenance, Progress, Services, Wanted};
use crate::error::Result;
use crate::index::Meta;
#[cfg(feature = "neural")]
use crate::model::vocabulary::Vocabulary;
use crate::model::{Embedder, EmbedderInfo};
#[cfg(feature = "neural")]
use crate::model::{EncoderInfo, LateEncoder, SparseEncoder};
use crate::search::options::SearchOptions;
use crate::store::{MemoryStore, Store};
use crate::text::{TokenCounter, WordCounter};
use serde::{Deserialize, Serialize};
#[cfg(feature = "neural")]
use std::cell::OnceCell;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OpenOptions {
    /// The model whose vectors this collection holds; none for a lexical collection.
    #[serde(default)]
    embedder: Option<EmbedderInfo>,
    /// The model of its weighted terms.
    #[cfg(feature = "neural")]
    #[serde(default)]
    sparse_encoder: Option<EncoderInfo>,
    /// The model of its token vectors.
    #[cfg(feature = "neural")]
    #[serde(default)]
    late_encoder: Option<LateInfo>,
    #[serde(default)]
    store: Storage,
    /// Of a published collection: where it is, with a slash at its end.
    #[serde(default)]
    url: Option<String>,
    #[serde(flatten)]
    wanted: serde_json::Map<String, serde_json::Value>,
}

/// A late-interaction model, as far as the engine knows it.
#[cfg(feature = "neural")]
#[derive(Deserialize)]
struct LateInfo {
    info: EncoderInfo,
    dims: usize,
}

/// Where the collection lives.
#[derive(Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Storage {
    #[default]
    IndexedDb,
    /// For tests and private windows: nothing outlives the page.
    Memory,
    /// Published on a static host, for reading.
    Http,
}

#[wasm_bindgen]
pub struct Engine {
    pub(super) core: Core,
    hooks: Hooks,
    pub(super) model: RefCell<Model>,
    #[cfg(feature = "neural")]
    sparse: Option<SparseModel>,
    #[cfg(feature = "neural")]
    late: Option<LateInfo>,
}

/// The model whose vectors the collection holds, as far as the engine knows it.
#[derive(Default)]
pub(super) struct Model {
    pub embedder: Option<EmbedderInfo>,
    /// The text of its tokenizer.json, parsed when the first document comes: searching needs it not.
    pub tokenizer_json: Option<String>,
    pub counter: Option<Rc<dyn TokenCounter>>,
}

/// The learned sparse model, as far as the engine knows it.
#[cfg(feature = "neural")]
struct SparseModel {
    info: EncoderInfo,
    /// The text of its tokenizer.json, parsed when terms are first needed.
    tokenizer_json: Option<String>,
    vocabulary: OnceCell<Rc<Vocabulary>>,
}

#[wasm_bindgen]
impl Engine {
    /// `tokenizer` is the text of the embedder's tokenizer.json; without it, chunks are measured in words.
    /// `terms` is that of the sparse encoder.
    pub async fn open(
        name: String,
        options: JsValue,
        hooks: Hooks,
        tokenizer: Option<String>,
        terms: Option<String>,
    ) -> JsResult<Engine> {
        let options: OpenOptions = parse_json(options, "options")?;
        let wanted: Wanted = from_json(serde_json::Value::Object(options.wanted), "options")?;
        let store: Box<dyn Store> = match options.store {
            Storage::Memory => Box::new(MemoryStore::new()),
            Storage::IndexedDb => Box::new(IndexedDbStore::open(&name).await?),
            Storage::Http => Box::new(HttpStore::new(options.url.unwrap_or_default(), fetcher(&hooks))),
        };
        let core = match options.store {
            Storage::Http => Core::open_remote(store, wanted).await?,
            _ => Core::open_for_words(store, wanted).await?,
        };
        let model = Model { embedder: options.embedder, tokenizer_json: tokenizer, counter: None };
        #[cfg(not(feature = "neural"))]
        drop(terms);
        Ok(Engine {
            core,
            hooks,
            model: RefCell::new(model),
            #[cfg(feature = "neural")]
            sparse: options.sparse_encoder.map(|info| SparseModel {
                info,
                tokenizer_json: terms,
                vocabulary: OnceCell::new(),
            }),
            #[cfg(feature = "neural")]
            late: options.late_encoder,
        })
    }

    /// Adds or replaces documents; resolves with their number once they are committed.
    pub async fn add(&self, call: u32, documents: JsValue) -> JsResult<JsValue> {
        let documents: Vec<Incoming> = parse(documents, "documents")?;
        self.load_counter()?;
        let added = self.with(call, async |services| self.core.add(documents, services).await).await?;
        to_js(&Added { added })
    }

    pub async fn delete(&self, _call: u32, ids: Vec<String>) -> JsResult<usize> {
        Ok(self.core.delete(&ids).await?)
    }

    pub async fn get(&self, _call: u32, id: String) -> JsResult<JsValue> {
        match self.core.get(&id).await? {
            Some(document) => to_js(&document),
            None => Ok(JsValue::UNDEFINED),
        }
    }

    pub async fn list(&self, _call: u32, options: JsValue) -> JsResult<JsValue> {
        let options: ListOptions = parse_json(options, "list options")?;
        to_js(&self.core.list(&options).await?)
    }

    #[wasm_bindgen(js_name = updateMeta)]
    pub async fn update_meta(&self, _call: u32, id: String, meta: JsValue) -> JsResult<()> {
        let meta: Meta = parse(meta, "meta")?;
        Ok(self.core.update_meta(&id, meta).await?)
    }

    pub async fn search(&self, call: u32, query: String, options: JsValue) -> JsResult<JsValue> {
        let options: SearchOptions = parse_json(options, "search options")?;
        if options.context.is_some() {
            self.load_counter()?;
        }
        let found = self.with(call, async |services| self.core.search(&query, options, services).await).await?;
        to_js(&found)
    }

    /// One step of background work. True if there may be more.
    pub async fn maintain(&self, call: u32) -> JsResult<bool> {
        let done = self.with(call, async |services| self.core.maintain(services).await).await?;
        Ok(done != Maintenance::Nothing)
    }

    /// Whether `maintain` would find something to do.
    pub async fn due(&self, call: u32) -> JsResult<bool> {
        Ok(self.with(call, async |services| self.core.is_due(services.pacer).await).await?)
    }

    pub async fn compact(&self, call: u32) -> JsResult<()> {
        Ok(self.with(call, async |services| self.core.compact(services).await).await?)
    }

    /// True if another tab had committed and its generation was adopted.
    pub async fn refresh(&self, call: u32) -> JsResult<bool> {
        Ok(self.with(call, async |services| self.core.refresh_paced(services.pacer).await).await?)
    }

    /// Reads what opening has left for later.
    pub async fn complete(&self, call: u32) -> JsResult<()> {
        Ok(self.with(call, async |services| self.core.complete(services.pacer).await).await?)
    }

    pub async fn stats(&self, call: u32) -> JsResult<JsValue> {
        // What cannot be read at all will be met by who needs it.
        let _ = self.complete(call).await;
        to_js(&self.core.stats())
    }

    pub async fn verify(&self, call: u32) -> JsResult<JsValue> {
        let report = self.with(call, async |services| self.core.verify(services).await).await?;
        to_js(&report)
    }

    pub async fn repair(&self, call: u32) -> JsResult<JsValue> {
        let report = self.with(call, async |services| self.core.repair(services).await).await?;
        to_js(&report)
    }

    pub async fn close(&self) {
        self.core.close();
    }
}

impl Engine {
    /// Runs one call of the core with everything its host offers.
    pub(super) async fn with<T>(&self, call: u32, run: impl AsyncFnOnce(&Services<'_>) -> Result<T>) -> Result<T> {
        let info = self.model.borrow().embedder.clone();
        self.with_model(call, info, run).await
    }

    pub(super) async fn with_model<T>(
        &self,
        call: u32,
        info: Option<EmbedderInfo>,
        run: impl AsyncFnOnce(&Services<'_>) -> Result<T>,
    ) -> Result<T> {
        let host = Host { hooks: &self.hooks, call };
        let embedder = info.map(|info| HostEmbedder { host: &host, info });
        let report = |progress: Progress| host.report(progress);
        let counter = self.model.borrow().counter.clone();
        let counter: &dyn TokenCounter = match &counter {
            Some(counter) => &**counter,
            None => &WordCounter,
        };
        #[cfg(feature = "neural")]
        let sparse = self.sparse.as_ref().map(|sparse| sparse.of(&host)).transpose()?;
        #[cfg(feature = "neural")]
        let sparse = sparse.as_ref().map(|sparse| sparse as &dyn SparseEncoder);
        #[cfg(feature = "neural")]
        let late = self.late.as_ref().map(|late| HostLate { host: &host, info: &late.info, dims: late.dims });
        #[cfg(feature = "neural")]
        let late = late.as_ref().map(|late| late as &dyn LateEncoder);
        #[cfg(not(feature = "neural"))]
        let (sparse, late) = (None, None);
        let services = Services {
            pacer: &host,
            clock: &host,
            embedder: embedder.as_ref().map(|embedder| embedder as &dyn Embedder),
            sparse,
            late,
            reranker: Some(&host),
            // Without the builder, vectors are scanned.
            graphs: cfg!(feature = "neural").then_some(&host as &dyn GraphBuilder),
            turn: Some(&host),
            counter,
            progress: &report,
        };
        run(&services).await
    }

    fn load_counter(&self) -> Result<()> {
        let mut model = self.model.borrow_mut();
        if model.counter.is_none() {
            model.counter = Some(counter(model.tokenizer_json.as_deref())?.into());
        }
        Ok(())
    }
}

#[cfg(feature = "neural")]
impl SparseModel {
    fn of<'a>(&self, host: &'a Host<'a>) -> Result<HostSparse<'a>> {
        let vocabulary = match self.vocabulary.get() {
            Some(known) => Rc::clone(known),
            None => {
                let json = self.tokenizer_json.as_deref().unwrap_or_default();
                let read = Rc::new(Vocabulary::from_json(json.as_bytes())?);
                Rc::clone(self.vocabulary.get_or_init(|| read))
            }
        };
        Ok(HostSparse { host, info: self.info.clone(), vocabulary })
    }
}

#[derive(Serialize)]
struct Added {
    added: usize,
}
