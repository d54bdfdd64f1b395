//! A collection on its way: to another model, to other axes, out as one file, in from one. Not in the lite build, for its
//! size.

use super::engine::{Engine, Model};
use super::error::{from_js, parse, JsResult};
use crate::adapters::indexeddb::IndexedDbStore;
use crate::engine::{Reembedding, Services};
use crate::error::Error;
use crate::model::EmbedderInfo;
use js_sys::{Function, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
impl Engine {
    /// One step towards the vectors of another model, which the host runs for this call. True if there is more to do;
    /// else the model is the collection's from now on.
    pub async fn reembed(&self, call: u32, embedder: JsValue, tokenizer: Option<String>) -> JsResult<bool> {
        let info: EmbedderInfo = parse(embedder, "embedder")?;
        let step = async |services: &Services<'_>| self.core.reembed(services).await;
        let going = self.with_model(call, Some(info.clone()), step).await? == Reembedding::Going;
        if !going {
            *self.model.borrow_mut() = Model { embedder: Some(info), tokenizer_json: tokenizer, counter: None };
        }
        Ok(going)
    }

    /// Fits axes on the vectors and turns them all.
    pub async fn fit(&self, call: u32) -> JsResult<()> {
        Ok(self.with(call, async |services| self.core.fit(services).await).await?)
    }

    /// Calls `emit` with one Uint8Array after the other: the collection as one file.
    pub async fn export(&self, call: u32, emit: Function) -> JsResult<()> {
        let mut write = |bytes: Vec<u8>| {
            let piece = Uint8Array::from(&bytes[..]);
            emit.call1(&JsValue::UNDEFINED, &piece).map(drop).map_err(from_js)
        };
        Ok(self.with(call, async |services| self.core.export(services, &mut write).await).await?)
    }
}

/// Takes a collection that was exported, in pieces cut anywhere, into IndexedDB. Nothing of it can be seen before
/// `finish`; who gives up destroys the collection.
#[wasm_bindgen]
pub struct Importer {
    core: Option<crate::engine::Importer>,
}

#[wasm_bindgen]
impl Importer {
    pub async fn open(name: String) -> JsResult<Importer> {
        let store = IndexedDbStore::open(&name).await?;
        Ok(Importer { core: Some(crate::engine::Importer::new(Box::new(store)).await?) })
    }

    pub async fn push(&mut self, bytes: Vec<u8>) -> JsResult<()> {
        let core = self.core.as_mut().ok_or_else(|| Error::invalid("the import has ended"))?;
        Ok(core.push(&bytes).await?)
    }

    /// Number of documents.
    pub async fn finish(&mut self) -> JsResult<usize> {
        let core = self.core.as_mut().ok_or_else(|| Error::invalid("the import has ended"))?;
        let documents = core.finish().await?;
        self.core = None;
        Ok(documents)
    }
}
