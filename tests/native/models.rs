//! Weights as they arrive: cut anywhere, in every number format, broken in every way. Tiny checkpoints are made here
//! byte by byte; the real models are those that `nearfield models get` has put into the cache.

use crate::support::model_dir as common;
use nearfield::adapters::model_dir;
use nearfield::model::catalogue;
use nearfield::model::config::ModelCard;
use nearfield::model::hub::Extras;
use nearfield::model::layout::{expected_tensors, Storage};
use nearfield::model::stream::{hex, Promised, WeightStream};
use nearfield::model::weights::{Tensor, Weights};
use nearfield::{ErrorKind, Result};
use proptest::prelude::*;
use safetensors::tensor::Dtype;
use safetensors::SafeTensors;
use serde_json::{json, Value};
use sha2::{Digest, Sha256};

/// A BERT with one layer, small enough to try every byte of its file.
fn card() -> ModelCard {
    let config = json!({
        "architectures": ["BertModel"], "num_hidden_layers": 1, "hidden_size": 4, "num_attention_heads": 2,
        "intermediate_size": 6, "vocab_size": 9, "max_position_embeddings": 5, "type_vocab_size": 2,
    });
    ModelCard::read("tiny", &config.to_string(), &Extras::new()).unwrap()
}

/// Tensors of a safetensors file in the order of their data, to be changed before it is written.
#[derive(Clone)]
struct Checkpoint(Vec<(String, Vec<usize>, &'static str, Vec<u8>)>);

impl Checkpoint {
    /// Weights between -1 and 1, the same for the same seed, in a number format; beside them what files of hubs
    /// have and the model does not need.
    fn new(format: &'static str, mut seed: u32) -> Checkpoint {
        let mut number = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed as f32 / u32::MAX as f32 * 2.0 - 1.0
        };
        let mut tensors = vec![("embeddings.position_ids".to_string(), vec![1, 5], "I64", vec![7; 40])];
        for tensor in expected_tensors(&card()) {
            let size = tensor.shape.iter().product();
            let bytes = (0..size).flat_map(|_| encode(format, number())).collect();
            tensors.push((tensor.name, tensor.shape, format, bytes));
        }
        tensors.push(("pooler.dense.bias".to_string(), vec![4], "F32", [0xff; 16].to_vec()));
        Checkpoint(tensors)
    }

    fn entry(&mut self, name: &str) -> &mut (String, Vec<usize>, &'static str, Vec<u8>) {
        self.0.iter_mut().find(|tensor| tensor.0 == name).unwrap()
    }

    fn header(&self) -> Value {
        let (mut header, mut end) = (json!({"__metadata__": {"format": "pt"}}), 0);
        for (name, shape, format, bytes) in &self.0 {
            let start = end;
            end += bytes.len();
            header[name] = json!({"dtype": format, "shape": shape, "data_offsets": [start, end]});
        }
        header
    }

    fn with_header(&self, header: &str) -> Vec<u8> {
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.bytes());
        file.extend(self.0.iter().flat_map(|tensor| &tensor.3));
        file
    }

    fn file(&self) -> Vec<u8> {
        self.with_header(&self.header().to_string())
    }
}

fn encode(format: &str, number: f32) -> Vec<u8> {
    match format {
        "F32" => number.to_le_bytes().to_vec(),
        "F16" => half::f16::from_f32(number).to_le_bytes().to_vec(),
        "BF16" => half::bf16::from_f32(number).to_le_bytes().to_vec(),
        other => panic!("{other}"),
    }
}

fn decode(format: &str, bytes: &[u8]) -> Vec<f32> {
    match format {
        "F32" => bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
        "F16" => bytes.chunks_exact(2).map(|b| half::f16::from_le_bytes(b.try_into().unwrap()).to_f32()).collect(),
        "BF16" => bytes.chunks_exact(2).map(|b| half::bf16::from_le_bytes(b.try_into().unwrap()).to_f32()).collect(),
        other => panic!("{other}"),
    }
}

/// Weights, quantised file and digest of a source that comes in pieces that end at `cuts`.
fn load(source: &[u8], cuts: &[usize], promised: Promised) -> Result<(Weights, Vec<u8>, String)> {
    let mut stream = WeightStream::with(expected_tensors(&card()), promised);
    let (mut out, mut start) = (Vec::new(), 0);
    for end in cuts.iter().copied().chain([source.len()]) {
        out.extend(stream.push(&source[start..end])?);
        start = end;
    }
    assert_eq!(stream.progress().0, source.len() as u64);
    let finished = stream.finish()?;
    Ok((finished.weights, out, finished.digest))
}

fn load_whole(source: &[u8]) -> Result<(Weights, Vec<u8>, String)> {
    load(source, &[], Promised::default())
}

#[track_caller]
fn check_error(source: &[u8], kind: ErrorKind, part: &str) {
    let error = load_whole(source).unwrap_err();
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.to_string().contains(part), "{error}");
}

#[test]
fn every_format_is_quantised_within_half_a_step_and_small_tensors_are_kept() {
    for format in ["F32", "F16", "BF16"] {
        let mut source = Checkpoint::new(format, 1);
        let (weights, ..) = load_whole(&source.file()).unwrap();
        assert_eq!(weights.iter().count(), expected_tensors(&card()).len());
        for (name, tensor) in weights.iter() {
            let original = decode(format, &source.entry(name).3);
            match tensor {
                Tensor::Float { data, .. } => assert_eq!(data, &original, "{name}"),
                Tensor::Blocks(_) => panic!("{name}: nothing becomes blocks by itself"),
                Tensor::Quant(matrix) => {
                    for (at, weight) in original.iter().enumerate() {
                        let scale = matrix.scales[at / matrix.cols];
                        let error = (f32::from(matrix.data[at]) * scale - weight).abs();
                        assert!(error <= scale * 0.500_01, "{name}[{at}] in {format}: {error} off, scale {scale}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_quantised_file_is_a_safetensors_file_of_the_same_weights() {
    let (weights, file, _) = load_whole(&Checkpoint::new("F32", 2).file()).unwrap();
    let read = SafeTensors::deserialize(&file).unwrap();
    let quantised = expected_tensors(&card()).iter().filter(|tensor| tensor.storage != Storage::Float).count();
    assert_eq!(read.len(), expected_tensors(&card()).len() + quantised);
    for (name, tensor) in weights.iter() {
        let view = read.tensor(name).unwrap();
        assert_eq!(view.shape(), tensor.shape());
        match tensor {
            Tensor::Float { data, .. } => assert_eq!(decode("F32", view.data()), *data),
            Tensor::Blocks(_) => panic!("{name}: nothing becomes blocks by itself"),
            Tensor::Quant(matrix) => {
                assert_eq!(view.dtype(), Dtype::I8);
                assert!(view.data().iter().map(|byte| *byte as i8).eq(matrix.data.iter().copied()));
                let scales = read.tensor(&format!("{name}_scale")).unwrap();
                assert_eq!(decode("F32", scales.data()), matrix.scales);
            }
        }
    }
}

#[test]
fn a_quantised_file_comes_out_as_it_went_in() {
    let (weights, file, digest) = load_whole(&Checkpoint::new("BF16", 3).file()).unwrap();
    let again = load_whole(&file).unwrap();
    assert_eq!((again.0, again.1, again.2), (weights, file, digest));
}

#[test]
fn the_digest_is_that_of_the_weights_and_not_of_the_file() {
    let source = Checkpoint::new("F32", 4);
    let (weights, _, digest) = load_whole(&source.file()).unwrap();
    let mut other = source.clone();
    other.0.reverse();
    for tensor in &mut other.0 {
        let name = tensor.0.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
        tensor.0 = format!("bert.{name}");
    }
    let renamed = load_whole(&other.file()).unwrap();
    assert_eq!((renamed.0, renamed.2), (weights, digest.clone()));
    let changed = load_whole(&Checkpoint::new("F32", 5).file()).unwrap();
    assert_ne!(changed.2, digest);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn where_the_source_is_cut_makes_no_difference(
        seed: u32,
        format in prop::sample::select(vec!["F32", "F16", "BF16"]),
        quantised: bool,
        cuts in prop::collection::vec(0.0..1.0f64, 0..40),
    ) {
        let mut source = Checkpoint::new(format, seed).file();
        if quantised {
            source = load_whole(&source).unwrap().1;
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|at| (at * source.len() as f64) as usize).collect();
        cuts.sort_unstable();
        let (weights, file, digest) = load_whole(&source).unwrap();
        let cut = load(&source, &cuts, Promised::default()).unwrap();
        prop_assert_eq!((cut.0, cut.1, cut.2), (weights, file, digest));
    }
}

#[test]
fn byte_by_byte_is_as_good_as_whole() {
    let source = Checkpoint::new("F16", 6).file();
    let cuts: Vec<usize> = (0..source.len()).collect();
    assert_eq!(load(&source, &cuts, Promised::default()).unwrap().1, load_whole(&source).unwrap().1);
}

#[test]
fn every_truncation_is_an_integrity_error() {
    let full = Checkpoint::new("F32", 7).file();
    for source in [&full, &load_whole(&full).unwrap().1] {
        for length in 0..source.len() {
            let error = load_whole(&source[..length]).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Integrity, "{length} bytes: {error}");
            assert!(error.context.contains(&length.to_string()), "{error}");
        }
    }
}

#[test]
fn no_changed_byte_of_the_header_makes_it_panic() {
    let source = Checkpoint::new("F32", 8).file();
    let header = 8 + u64::from_le_bytes(source[..8].try_into().unwrap()) as usize;
    for at in 0..header {
        for flip in [1, 0x20, 0x80] {
            let mut broken = source.clone();
            broken[at] ^= flip;
            let _ = load_whole(&broken);
        }
    }
}

#[test]
fn what_is_promised_is_checked() {
    let source = Checkpoint::new("F32", 9).file();
    let sha256 = hex(&Sha256::digest(&source));
    let digest = load_whole(&source).unwrap().2;
    let kept = Promised { source_sha256: Some(sha256), digest };
    load(&source, &[3, 700], kept.clone()).unwrap();
    let wrong = "ab".repeat(32);
    let source_wrong = Promised { source_sha256: Some(wrong.clone()), ..kept.clone() };
    let digest_wrong = Promised { digest: wrong.clone(), ..kept };
    for (promised, what) in [(source_wrong, "SHA-256 of the weights file"), (digest_wrong, "quantised weights")] {
        let error = load(&source, &[], promised).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Integrity);
        assert!(error.context.contains(what) && error.context.contains(&wrong), "{error}");
    }
}

#[test]
fn tensors_that_do_not_fit_the_model_are_named() {
    let query = "encoder.layer.0.attention.self.query.weight";
    let tiny = |change: &dyn Fn(&mut Checkpoint)| {
        let mut checkpoint = Checkpoint::new("F32", 10);
        change(&mut checkpoint);
        checkpoint.file()
    };
    let missing = tiny(&|c| c.0.retain(|tensor| tensor.0 != query));
    check_error(&missing, ErrorKind::Corrupt, "tensor \"encoder.layer.0.attention.self.query.weight\" is missing");
    let shape = tiny(&|c| c.entry(query).1 = vec![2, 8]);
    check_error(&shape, ErrorKind::Corrupt, "has shape [2, 8], config.json asks for [4, 4]");
    let integers = tiny(&|c| c.entry(query).2 = "I32");
    check_error(&integers, ErrorKind::Unsupported, "has type I32");
    let twice = tiny(&|c| {
        let mut copy = c.entry(query).clone();
        copy.0 = format!("bert.{query}");
        c.0.push(copy);
    });
    check_error(&twice, ErrorKind::Corrupt, "is there twice");
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let number = tiny(&|c| c.entry(query).3[20..24].copy_from_slice(&bad.to_le_bytes()));
        check_error(&number, ErrorKind::Corrupt, "query.weight\": number 5 is");
        let bias = tiny(&|c| c.entry("encoder.layer.0.output.dense.bias").3[4..8].copy_from_slice(&bad.to_le_bytes()));
        check_error(&bias, ErrorKind::Corrupt, "output.dense.bias\": number 1 is");
    }
}

#[test]
fn quantised_files_are_checked_too() {
    let file = load_whole(&Checkpoint::new("F32", 11).file()).unwrap().1;
    let text = |file: &[u8]| {
        let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
        (String::from_utf8(file[8..8 + length].to_vec()).unwrap(), file[8 + length..].to_vec())
    };
    let write = |header: &str, data: &[u8]| [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat();
    let (header, data) = text(&file);
    let json: Value = serde_json::from_str(&header).unwrap();
    let offset = |name: &str| json[name]["data_offsets"][0].as_u64().unwrap() as usize;

    let name = "embeddings.word_embeddings.weight";
    let mut code = data.clone();
    code[offset(name) + 6] = 0x80;
    check_error(&write(&header, &code), ErrorKind::Corrupt, "word_embeddings.weight\": code 6 is -128");
    for (scale, part) in [(-1f32, "scale of row 2 is negative"), (f32::NAN, "number 2 is NaN")] {
        let mut scales = data.clone();
        let at = offset("embeddings.word_embeddings.weight_scale") + 8;
        scales[at..at + 4].copy_from_slice(&scale.to_le_bytes());
        check_error(&write(&header, &scales), ErrorKind::Corrupt, part);
    }
    let without = header.replace("word_embeddings.weight_scale", "word_embeddings.weight_other");
    check_error(&write(&without, &data), ErrorKind::Corrupt, "is int8 without scales");
}

#[test]
fn what_is_no_safetensors_file_is_said_to_be_what_it_is() {
    check_error(b"<!DOCTYPE html><title>404</title>", ErrorKind::Network, "HTML page");
    check_error(b"\n\n<html lang=en>", ErrorKind::Network, "HTML page");
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 90868376\n";
    check_error(pointer, ErrorKind::Network, "Git LFS pointer");
    check_error(b"Not found", ErrorKind::Network, "\"Not foun…\"");
    check_error(b"GGUF\x03\x00\x00\x00\x00\x00", ErrorKind::Unsupported, "GGUF");
    check_error(b"", ErrorKind::Integrity, "end after 0 bytes");
    check_error(&[0; 16], ErrorKind::Corrupt, "empty header");
    check_error(&[0xff; 16], ErrorKind::Corrupt, "18446744073709551615 bytes, the limit is");

    let source = Checkpoint::new("F32", 12);
    check_error(&[source.file(), vec![0]].concat(), ErrorKind::Integrity, "bytes after the");
    check_error(&source.with_header("{\"a\": 1}"), ErrorKind::Corrupt, "header of the weights");
    check_error(&source.with_header("no JSON"), ErrorKind::Corrupt, "header of the weights");
    let mut hole = source.header();
    hole["pooler.dense.bias"]["data_offsets"] = json!([1 << 20, (1 << 20) + 16]);
    check_error(&source.with_header(&hole.to_string()), ErrorKind::Corrupt, "header of the weights");
    let mut huge = source.header();
    huge["embeddings.position_ids"]["shape"] = json!([1u64 << 40, 1u64 << 40]);
    check_error(&source.with_header(&huge.to_string()), ErrorKind::Corrupt, "header of the weights");
}

/// Sum of the squares of a matrix's numbers, its root.
fn norm(weights: &mut Weights, name: &str, rows: usize, cols: usize) -> f64 {
    let matrix = weights.take_matrix(name, rows, cols).unwrap();
    let numbers = matrix.data.chunks_exact(cols).zip(&matrix.scales);
    let squares = numbers.flat_map(|(row, scale)| row.iter().map(move |code| f64::from(*code) * f64::from(*scale)));
    squares.map(|number| number * number).sum::<f64>().sqrt()
}

/// Norms that NumPy finds in the same files, read by the Python packages `onnx` and `safetensors`.
#[test]
fn the_real_models_are_what_their_packages_hold() {
    let query = "encoder.layer.0.attention.self.query.weight";
    let cases = [
        ("all-MiniLM-L6-v2", "encoder.layer.5.output.dense.weight", [190.42729, 36.6556786, 29.7765766]),
        ("ms-marco-MiniLM-L-12-v2", "encoder.layer.11.output.dense.weight", [169.019471, 33.0842583, 1.83468976]),
        ("bge-small-en-v1.5", "encoder.layer.11.output.dense.weight", [236.421481, 38.6026244, 4.25591068]),
    ];
    for (name, last, [words, first_query, last_dense]) in cases {
        let mut files = model_dir::open(&common::model_dir(name)).unwrap();
        assert_eq!(files.card, catalogue::find(name).unwrap().card());
        assert_eq!(files.tokenizer.vocabulary(), files.card.bert.vocab);
        let found = [
            norm(&mut files.weights, "embeddings.word_embeddings.weight", 30522, 384),
            norm(&mut files.weights, query, 384, 384),
            norm(&mut files.weights, last, 384, 1536),
        ];
        for (found, expected) in found.into_iter().zip([words, first_query, last_dense]) {
            assert!((found - expected).abs() <= 2e-4 * expected, "{name}: {found} for {expected}");
        }
    }
}

#[test]
fn minilm_takes_at_most_24_megabytes() {
    let files = std::fs::read_dir(common::model_dir("all-MiniLM-L6-v2")).unwrap();
    let size: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(size <= 24_000_000, "{size} bytes");
}

#[test]
fn a_folder_without_a_model_is_not_found() {
    let error = model_dir::open(std::path::Path::new("no/such/folder")).err().unwrap();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.context.contains("config.json"), "{error}");
}
