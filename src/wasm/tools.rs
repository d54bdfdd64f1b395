//! The parts that are used without an engine: chunking, housekeeping.

use super::counter::counter;
use super::error::{parse_json, to_js, JsResult};
use crate::adapters::indexeddb;
use crate::text::{chunk as chunk_text, ChunkOptions};
use serde::Serialize;
use wasm_bindgen::prelude::*;

#[derive(Serialize)]
struct Piece {
    text: String,
    context: String,
    /// UTF-8 bytes of the text that came in.
    source: [usize; 2],
}

/// Cuts one text. `tokenizer` is the text of a tokenizer.json; without it, words are counted.
#[wasm_bindgen]
pub fn chunk(text: &str, options: JsValue, tokenizer: Option<String>) -> JsResult<JsValue> {
    let options: ChunkOptions = parse_json(options, "chunk options")?;
    let counter = counter(tokenizer.as_deref())?;
    let chunked = chunk_text(text, &options, &*counter)?;
    let piece = |chunk: crate::text::Chunk| Piece {
        text: chunked.text[chunk.span].to_owned(),
        context: chunk.context,
        source: [chunk.source.start, chunk.source.end],
    };
    let pieces: Vec<Piece> = chunked.chunks.into_iter().map(piece).collect();
    to_js(&pieces)
}

#[wasm_bindgen(js_name = listCollections)]
pub async fn list_collections() -> JsResult<Vec<String>> {
    Ok(indexeddb::list().await?)
}

/// Deletes a collection with everything in it.
#[wasm_bindgen]
pub async fn destroy(name: String) -> JsResult<()> {
    Ok(indexeddb::destroy(&name).await?)
}
