//! The host's side of the engine: JavaScript functions behind the core's traits. Each engine call carries a number,
//! `call`, by which the host knows whose work it is pausing, embedding or reporting.

use super::error::from_js;
use crate::adapters::http::Fetch;
use crate::engine::{GraphBuilder, Progress, Turn};
use crate::error::{Error, Result};
#[cfg(feature = "neural")]
use crate::model::vocabulary::Vocabulary;
use crate::model::{Embedder, EmbedderInfo, Reranker, Role, Spanned};
#[cfg(feature = "neural")]
use crate::model::{EncoderInfo, LateEncoder, SparseEncoder, SparseVector, TokenRows};
use crate::pace::{Clock, LocalFuture, Pacer};
use js_sys::{Float32Array, Promise, Uint32Array, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(typescript_type = "EngineHooks")]
    pub type Hooks;

    #[wasm_bindgen(method, catch)]
    fn embed(this: &Hooks, call: u32, texts: Vec<String>, role: &str) -> Result<Promise, JsValue>;
    /// `spans`: for each text, start and end of each span in bytes.
    #[wasm_bindgen(method, catch, js_name = embedSpans)]
    fn embed_spans(this: &Hooks, call: u32, texts: Vec<String>, spans: Vec<Uint32Array>) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn score(this: &Hooks, call: u32, query: &str, texts: Vec<String>) -> Result<Promise, JsValue>;
    /// Rows of equal width: token id and weight in turn, weight 0 after the last.
    #[cfg(feature = "neural")]
    #[wasm_bindgen(method, catch)]
    fn weigh(this: &Hooks, call: u32, texts: Vec<String>, role: &str) -> Result<Promise, JsValue>;
    /// For each text the number of its tokens, then as many rows.
    #[cfg(feature = "neural")]
    #[wasm_bindgen(method, catch, js_name = encodeTokens)]
    fn encode_tokens(this: &Hooks, call: u32, texts: Vec<String>, role: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = buildGraph)]
    fn build_graph(this: &Hooks, call: u32, job: Uint8Array) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method)]
    fn release(this: &Hooks, call: u32);
    #[wasm_bindgen(method, catch)]
    fn regain(this: &Hooks, call: u32) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn pause(this: &Hooks, call: u32) -> Result<Option<Promise>, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn progress(this: &Hooks, call: u32, event: JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    fn now(this: &Hooks) -> f64;
    /// Resolves with a Uint8Array, or with nothing where there is nothing. Without a range, `end` is 0.
    #[wasm_bindgen(method, catch)]
    fn fetch(this: &Hooks, url: &str, start: f64, end: f64) -> Result<Promise, JsValue>;
}

/// One call's view of the host.
pub struct Host<'a> {
    pub hooks: &'a Hooks,
    pub call: u32,
}

impl Host<'_> {
    pub fn report(&self, progress: Progress) {
        if let Ok(event) = super::error::to_js(&progress) {
            // A progress listener that throws must not end the work it watches.
            let _ = self.hooks.progress(self.call, event);
        }
    }

    async fn floats(&self, promise: Result<Promise, JsValue>) -> Result<Vec<f32>> {
        let value = JsFuture::from(promise.map_err(from_js)?).await.map_err(from_js)?;
        match value.dyn_into::<Float32Array>() {
            Ok(array) => Ok(array.to_vec()),
            Err(value) => Err(Error::invalid(format!("a Float32Array was expected, not {value:?}"))),
        }
    }
}

impl Pacer for Host<'_> {
    fn pause(&self) -> LocalFuture<'_, Result<()>> {
        match self.hooks.pause(self.call) {
            Ok(None) => Box::pin(std::future::ready(Ok(()))),
            Ok(Some(promise)) => Box::pin(async { JsFuture::from(promise).await.map(|_| ()).map_err(from_js) }),
            Err(error) => Box::pin(std::future::ready(Err(from_js(error)))),
        }
    }
}

impl Turn for Host<'_> {
    fn release(&self) {
        self.hooks.release(self.call);
    }

    fn regain(&self) -> LocalFuture<'_, Result<()>> {
        let promise = self.hooks.regain(self.call);
        Box::pin(async { JsFuture::from(promise.map_err(from_js)?).await.map(drop).map_err(from_js) })
    }
}

impl Clock for Host<'_> {
    fn now_ms(&self) -> f64 {
        self.hooks.now()
    }
}

pub struct HostEmbedder<'a> {
    pub host: &'a Host<'a>,
    pub info: EmbedderInfo,
}

impl Embedder for HostEmbedder<'_> {
    fn info(&self) -> &EmbedderInfo {
        &self.info
    }

    fn embed<'a>(&'a self, texts: &'a [String], role: Role, _: &'a dyn Pacer) -> LocalFuture<'a, Result<Vec<f32>>> {
        let promise = self.host.hooks.embed(self.host.call, texts.to_vec(), role_name(role));
        Box::pin(self.host.floats(promise))
    }

    fn embed_spans<'a>(&'a self, texts: &'a [Spanned], _: &'a dyn Pacer) -> LocalFuture<'a, Result<Vec<f32>>> {
        let spans = |text: &Spanned| -> Uint32Array {
            let ends = text.spans.iter().flat_map(|span| [span.start as u32, span.end as u32]).collect::<Vec<_>>();
            Uint32Array::from(&ends[..])
        };
        let (texts, spans) = (texts.iter().map(|it| it.text.clone()).collect(), texts.iter().map(spans).collect());
        let promise = self.host.hooks.embed_spans(self.host.call, texts, spans);
        Box::pin(self.host.floats(promise))
    }
}

/// The learned sparse model, whose host answers in ids of tokens.
#[cfg(feature = "neural")]
pub struct HostSparse<'a> {
    pub host: &'a Host<'a>,
    pub info: EncoderInfo,
    pub vocabulary: std::rc::Rc<Vocabulary>,
}

#[cfg(feature = "neural")]
impl SparseEncoder for HostSparse<'_> {
    fn info(&self) -> &EncoderInfo {
        &self.info
    }

    fn encode<'a>(
        &'a self,
        texts: &'a [String],
        role: Role,
        _: &'a dyn Pacer,
    ) -> LocalFuture<'a, Result<Vec<SparseVector>>> {
        let promise = self.host.hooks.weigh(self.host.call, texts.to_vec(), role_name(role));
        Box::pin(async move {
            let numbers = self.host.floats(promise).await?;
            let named = |pair: &[f32]| match *pair {
                [id, weight] if weight > 0.0 => Some((self.vocabulary.token(id as u32)?.to_owned(), weight)),
                _ => None,
            };
            let rows = numbers.chunks_exact((numbers.len() / texts.len().max(1)).max(2));
            Ok(rows.map(|row| row.chunks_exact(2).filter_map(named).collect()).collect())
        })
    }
}

/// The late-interaction model.
#[cfg(feature = "neural")]
pub struct HostLate<'a> {
    pub host: &'a Host<'a>,
    pub info: &'a EncoderInfo,
    pub dims: usize,
}

#[cfg(feature = "neural")]
impl LateEncoder for HostLate<'_> {
    fn info(&self) -> &EncoderInfo {
        self.info
    }

    fn dims(&self) -> usize {
        self.dims
    }

    fn encode<'a>(&'a self, texts: &'a [String], role: Role, _: &'a dyn Pacer) -> LocalFuture<'a, Result<TokenRows>> {
        let promise = self.host.hooks.encode_tokens(self.host.call, texts.to_vec(), role_name(role));
        Box::pin(async move {
            let mut numbers = self.host.floats(promise).await?;
            // The counts are taken out in place: it is much to copy.
            let (mut counts, mut from, mut to) = (Vec::with_capacity(texts.len()), 0, 0);
            while let Some(&count) = numbers.get(from) {
                let length = (count as usize).saturating_mul(self.dims).min(numbers.len() - from - 1);
                numbers.copy_within(from + 1..from + 1 + length, to);
                counts.push(count as u32);
                (from, to) = (from + 1 + length, to + length);
            }
            numbers.truncate(to);
            Ok(TokenRows { counts, rows: numbers })
        })
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Query => "query",
        Role::Passage => "passage",
    }
}

impl Reranker for Host<'_> {
    fn score<'a>(
        &'a self,
        query: &'a str,
        passages: &'a [String],
        _: &'a dyn Pacer,
    ) -> LocalFuture<'a, Result<Vec<f32>>> {
        let promise = self.hooks.score(self.call, query, passages.to_vec());
        Box::pin(self.floats(promise))
    }
}

impl GraphBuilder for Host<'_> {
    fn build<'a>(&'a self, job: Vec<u8>) -> LocalFuture<'a, Result<Vec<u8>>> {
        let promise = self.hooks.build_graph(self.call, Uint8Array::from(&job[..]));
        drop(job);
        Box::pin(async move {
            let value = JsFuture::from(promise.map_err(from_js)?).await.map_err(from_js)?;
            match value.dyn_into::<Uint8Array>() {
                Ok(array) => Ok(array.to_vec()),
                Err(value) => Err(Error::invalid(format!("a Uint8Array was expected, not {value:?}"))),
            }
        })
    }
}

/// The host's way to fetch a published collection.
pub fn fetcher(hooks: &Hooks) -> Fetch {
    let hooks: Hooks = JsValue::from(hooks).unchecked_into();
    Box::new(move |url, range| {
        let (start, end) = range.map_or((0.0, 0.0), |range| (range.start as f64, range.end as f64));
        let promise = hooks.fetch(&url, start, end);
        Box::pin(async move {
            let value = JsFuture::from(promise.map_err(from_js)?).await.map_err(from_js)?;
            Ok(value.dyn_into::<Uint8Array>().ok().map(|bytes| bytes.to_vec()))
        })
    })
}

/// A bare pause function, for the parts that are used without an engine.
#[cfg(feature = "neural")]
pub struct Pause(pub js_sys::Function);

#[cfg(feature = "neural")]
impl Pacer for Pause {
    fn pause(&self) -> LocalFuture<'_, Result<()>> {
        match self.0.call0(&JsValue::UNDEFINED) {
            Err(error) => Box::pin(std::future::ready(Err(from_js(error)))),
            Ok(value) => match value.dyn_into::<Promise>() {
                Ok(promise) => Box::pin(async { JsFuture::from(promise).await.map(|_| ()).map_err(from_js) }),
                Err(_) => Box::pin(std::future::ready(Ok(()))),
            },
        }
    }
}
