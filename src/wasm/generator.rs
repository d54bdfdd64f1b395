//! The language model as a module of its own: large, and asked for by few. It reads its file through a function of its
//! worker's, so that the file's bytes are never in memory beside the tensors made of them.

use super::error::{from_js, JsResult};
use crate::error::Error;
use crate::model::generator::known::GENERATORS;
use crate::model::generator::{self, Step, INSTRUCTION};
use js_sys::{Function, Uint8Array};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::io::{self, Read, Seek, SeekFrom};
use wasm_bindgen::prelude::*;

/// Bytes that are asked for at a time.
const PIECE: u64 = 1 << 20;

/// A file that `read(start, end)` gives the bytes of.
struct File<'a> {
    read: &'a Function,
    size: u64,
    at: u64,
    piece: Vec<u8>,
    piece_at: u64,
}

impl File<'_> {
    fn fetch(&mut self) -> io::Result<()> {
        let end = self.size.min(self.at + PIECE);
        let failed = |e: JsValue| io::Error::other(from_js(e).to_string());
        let bytes = self.read.call2(&JsValue::NULL, &(self.at as f64).into(), &(end as f64).into()).map_err(failed)?;
        self.piece = Uint8Array::new(&bytes).to_vec();
        self.piece_at = self.at;
        match self.piece.len() as u64 == end - self.at {
            true => Ok(()),
            false => Err(io::Error::other("the file is shorter than it was")),
        }
    }
}

impl Read for File<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.size || out.is_empty() {
            return Ok(0);
        }
        if !(self.piece_at..self.piece_at + self.piece.len() as u64).contains(&self.at) {
            self.fetch()?;
        }
        let rest = &self.piece[(self.at - self.piece_at) as usize..];
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for File<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(to) => Some(to),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
        };
        self.at = to.ok_or_else(|| io::Error::other("a place before the file"))?;
        Ok(self.at)
    }
}

#[wasm_bindgen]
pub struct Generator(generator::Generator);

#[wasm_bindgen]
impl Generator {
    /// Reads a model: `read(start, end)` gives bytes of its file of `size` bytes.
    pub fn load(read: &Function, size: f64, tokenizer: &[u8]) -> JsResult<Generator> {
        let mut file = File { read, size: size as u64, at: 0, piece: Vec::new(), piece_at: 0 };
        Ok(Generator(generator::Generator::open(&mut file, size as u64, tokenizer)?))
    }

    /// Begins an answer of at most `most` tokens; returns how many the prompt has.
    pub fn begin(&mut self, instruction: Option<String>, prompt: &str, most: u32) -> JsResult<u32> {
        let instruction = instruction.as_deref().unwrap_or(INSTRUCTION);
        Ok(self.0.begin(instruction, prompt, most as usize)? as u32)
    }

    /// Goes on with it: nothing while the prompt is read, then one token's text after the other, `false` at the end.
    pub fn step(&mut self) -> JsResult<JsValue> {
        Ok(match self.0.step()? {
            Step::Read { .. } => JsValue::UNDEFINED,
            Step::Wrote(text) => text.into(),
            Step::Done => false.into(),
        })
    }
}

/// SHA-256 of what is pushed, piece by piece.
#[wasm_bindgen]
#[derive(Default)]
pub struct Hash(Sha256);

#[wasm_bindgen]
impl Hash {
    #[wasm_bindgen(constructor)]
    pub fn new() -> Hash {
        Hash::default()
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[derive(Serialize)]
struct Entry {
    name: &'static str,
    weights: &'static str,
    tokenizer: &'static str,
}

/// Language models that can be named without a URL, and the digests of their files.
#[wasm_bindgen]
pub fn generators() -> JsResult<JsValue> {
    let entry = |known: &crate::model::generator::known::KnownGenerator| Entry {
        name: known.name,
        weights: known.weights_sha256,
        tokenizer: known.tokenizer_sha256,
    };
    let entries: Vec<Entry> = GENERATORS.iter().map(entry).collect();
    serde_wasm_bindgen::to_value(&entries).map_err(|e| Error::internal(e.to_string()).into())
}
