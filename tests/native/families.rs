//! Families of embedding models by what their published files say, on tiny checkpoints with random weights: vectors
//! against those of the Python library (tests/fixtures/families_fixture.py), in f32 by candle and in int8 by our own
//! encoder.

use nearfield::model::config::{Activation, DenseHead, ModelCard, ModelKind, Pooling};
use nearfield::model::float_weights::FloatWeights;
use nearfield::model::neural::{NeuralModel, Tokens};
use nearfield::model::reading::Reading;
use nearfield::model::reference;
use nearfield::model::stream::{Finished, WeightStream};
use nearfield::model::tokenizer::Tokenizer;
use nearfield::model::{Embedder, Reranker, Role, Spanned};
use nearfield::pace::Unpaced;
use nearfield::{ErrorKind, Result};
use pollster::block_on;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// Least cosine between the numbers of the reference, in f32, and those of the Python library, rounded to 5 digits.
const SAME: f64 = 0.999_99;
/// Of our int8 encoder.
const CLOSE: f64 = 0.999;

#[derive(Deserialize)]
struct Fixture {
    config: Value,
    texts: Vec<String>,
    families: Vec<Family>,
    cross_encoder: CrossEncoder,
}

/// The same encoder with a classifier of one output, and the logits of pairs.
#[derive(Deserialize)]
struct CrossEncoder {
    config: Value,
    classifier: BTreeMap<String, Vec<f32>>,
    pairs: Vec<(String, String)>,
    logits: Vec<f32>,
}

impl CrossEncoder {
    /// The weights as they would be published: one file, with the encoder below "bert.".
    fn file(&self) -> Vec<u8> {
        let encoder = file("model.safetensors");
        let encoder = SafeTensors::deserialize(&encoder).unwrap();
        let halves = |numbers: &[f32]| -> Vec<u8> {
            numbers.iter().flat_map(|x| half::f16::from_f32(*x).to_le_bytes()).collect()
        };
        let (weight, bias) = (halves(&self.classifier["weight"]), halves(&self.classifier["bias"]));
        let view = |shape: Vec<usize>, data| TensorView::new(Dtype::F16, shape, data).unwrap();
        let mut tensors: Vec<(String, TensorView)> =
            encoder.tensors().into_iter().map(|(name, tensor)| (format!("bert.{name}"), tensor)).collect();
        tensors.push(("classifier.weight".into(), view(vec![1, weight.len() / 2], &weight)));
        tensors.push(("classifier.bias".into(), view(vec![1], &bias)));
        safetensors::serialize(tensors, None).unwrap()
    }
}

#[derive(Deserialize)]
struct Family {
    name: String,
    files: BTreeMap<String, Value>,
    dense: bool,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    #[serde(flatten)]
    reading: Reading,
    vectors: Vec<Vec<f32>>,
}

fn file(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/families/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn fixture() -> Fixture {
    serde_json::from_slice(&file("families.json")).unwrap()
}

impl Family {
    fn card(&self, config: &Value) -> ModelCard {
        let files = self.files.iter().map(|(path, json)| (path.clone(), json.to_string())).collect();
        ModelCard::read(&self.name, &config.to_string(), &files).unwrap()
    }

    fn dense_file(&self) -> Option<Vec<u8>> {
        self.dense.then(|| file(&format!("{}.dense.safetensors", self.name)))
    }

    /// The quantised file, and what comes of it.
    fn load(&self, card: &ModelCard) -> Result<(Vec<u8>, Finished)> {
        let mut stream = WeightStream::new(card);
        if let Some(dense) = self.dense_file() {
            stream.add_dense(&dense)?;
        }
        let quantised = stream.push(&file("model.safetensors"))?;
        Ok((quantised, stream.finish()?))
    }

    fn model(&self, config: &Value) -> NeuralModel {
        let card = self.card(config);
        let (_, Finished { weights, digest }) = self.load(&card).unwrap();
        let tokenizer = Tokenizer::from_json(&file("tokenizer.json")).unwrap();
        NeuralModel::new(ModelCard { digest, ..card }, tokenizer, weights).unwrap()
    }
}

/// The numbers of the files as they are.
struct Published(HashMap<String, Vec<f32>>);

impl Published {
    fn of(family: &Family) -> Published {
        let mut tensors = HashMap::new();
        let files = [("", Some(file("model.safetensors"))), ("dense.", family.dense_file())];
        for (prefix, bytes) in files.into_iter().filter_map(|(prefix, bytes)| Some((prefix, bytes?))) {
            for (name, tensor) in SafeTensors::deserialize(&bytes).unwrap().iter() {
                let halves = tensor.data().chunks_exact(2);
                let numbers = halves.map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32()).collect();
                tensors.insert(format!("{prefix}{name}"), numbers);
            }
        }
        Published(tensors)
    }
}

impl FloatWeights for Published {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let tensor = self.0[name].clone();
        assert_eq!(tensor.len(), shape.iter().product::<usize>());
        Ok(tensor)
    }

    fn row(&self, name: &str, row: usize, width: usize) -> Result<Vec<f32>> {
        Ok(self.0[name][row * width..][..width].to_vec())
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn centred(numbers: &[f32]) -> Vec<f32> {
    let mean = numbers.iter().sum::<f32>() / numbers.len() as f32;
    numbers.iter().map(|x| x - mean).collect()
}

#[test]
fn the_reference_computes_what_the_python_library_computes() {
    let fixture = fixture();
    for family in &fixture.families {
        let (model, weights) = (family.model(&fixture.config), Published::of(family));
        for Case { reading, vectors } in &family.cases {
            for (text, expected) in fixture.texts.iter().zip(vectors) {
                let ids = model.tokens_read(text, reading).unwrap().ids;
                let states = reference::hidden_states(&model.card().bert, &weights, &ids, &[]).unwrap();
                let ours = reference::vector(model.card(), &weights, &states, model.unpooled(reading)).unwrap();
                let found = cosine(&ours, expected);
                assert!(found > SAME, "{}, {reading:?}, {text:?}: cosine {found}", family.name);
                let length = |vector: &[f32]| vector.iter().map(|x| x * x).sum::<f32>();
                assert!((length(&ours) - length(expected)).abs() < 1e-3, "{}: another length", family.name);
            }
        }
    }
}

#[test]
fn int8_stays_close_to_the_python_library() {
    let fixture = fixture();
    let mut least = 1f64;
    for family in &fixture.families {
        let model = family.model(&fixture.config);
        for Case { reading, vectors } in &family.cases {
            let flat = block_on(model.embed_read(&fixture.texts, reading, &Unpaced)).unwrap();
            for ((ours, expected), text) in flat.chunks_exact(model.info().dims).zip(vectors).zip(&fixture.texts) {
                let found = cosine(ours, expected);
                assert!(found > CLOSE, "{}, {reading:?}, {text:?}: cosine {found}", family.name);
                least = least.min(found);
            }
            if reading.instruction.is_none() && reading.pooled.is_none() {
                let plain = block_on(model.embed(&fixture.texts, reading.role, &Unpaced)).unwrap();
                assert_eq!(plain, flat, "{}: the role alone says the same", family.name);
            }
        }
    }
    println!("least cosine of int8 with the Python library: {least:.5}");
}

#[test]
fn the_quantised_file_holds_the_dense_head_and_loads_alone() {
    let fixture = fixture();
    for family in &fixture.families {
        let card = family.card(&fixture.config);
        let (quantised, first) = family.load(&card).unwrap();
        let converted = ModelCard { digest: first.digest.clone(), ..card };
        let read = ModelCard::read("copy", &converted.config_json().to_string(), &Default::default()).unwrap();
        assert_eq!(read, converted);
        let mut stream = WeightStream::new(&read);
        assert_eq!(stream.push(&quantised).unwrap(), quantised, "{}", family.name);
        let second = stream.finish().unwrap();
        assert_eq!((second.digest, second.weights), (first.digest, first.weights), "{}", family.name);
    }
}

#[test]
fn a_cross_encoder_scores_as_in_the_python_library() {
    let fixture = fixture();
    let cross = &fixture.cross_encoder;
    let card = ModelCard::read("cross", &cross.config.to_string(), &BTreeMap::new()).unwrap();
    assert_eq!(card.kind, ModelKind::CrossEncoder);
    let mut stream = WeightStream::new(&card);
    stream.push(&cross.file()).unwrap();
    let Finished { weights, digest } = stream.finish().unwrap();
    let tokenizer = Tokenizer::from_json(&file("tokenizer.json")).unwrap();
    let model = NeuralModel::new(ModelCard { digest, ..card }, tokenizer, weights).unwrap();
    let mut published = HashMap::new();
    for (name, tensor) in SafeTensors::deserialize(&cross.file()).unwrap().iter() {
        let numbers = tensor.data().chunks_exact(2).map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32()).collect();
        published.insert(name.trim_start_matches("bert.").to_owned(), numbers);
    }
    let published = Published(published);
    let mut found = Vec::new();
    for ((query, passage), expected) in cross.pairs.iter().zip(&cross.logits) {
        let Tokens { ids, types } = model.pair_tokens(query, passage);
        let states = reference::hidden_states(&model.card().bert, &published, &ids, &types).unwrap();
        let exact = reference::logit(&published, &states).unwrap();
        assert!((exact - expected).abs() < 1e-4, "{query} / {passage}: {exact}, not {expected}");
        found.extend(block_on(model.score(query, std::slice::from_ref(passage), &Unpaced)).unwrap());
    }
    let correlation = cosine(&centred(&found), &centred(&cross.logits));
    println!("correlation of int8 logits with those of the Python library: {correlation:.5}");
    assert!(correlation >= 0.99, "{correlation}: {found:?}, not {:?}", cross.logits);
}

#[test]
fn what_the_files_say_becomes_the_card() {
    let fixture = fixture();
    let card = |name: &str| fixture.families.iter().find(|it| it.name == name).unwrap().card(&fixture.config);
    let leaf = card("mdbr-leaf-ir");
    assert_eq!(leaf.dense, Some(DenseHead { outputs: 40, bias: true, activation: Activation::Identity }));
    assert_eq!((leaf.dims(), leaf.bert.hidden, leaf.pool_prefix), (40, 32, true));
    assert_eq!(leaf.kind, ModelKind::BiEncoder { pooling: Pooling::Mean, normalize: true });
    let tanh = card("sentence-tanh");
    assert_eq!(tanh.dense, Some(DenseHead { outputs: 24, bias: false, activation: Activation::Tanh }));
    assert_eq!(tanh.kind, ModelKind::BiEncoder { pooling: Pooling::Cls, normalize: false });
    assert_eq!(card("last-token").kind, ModelKind::BiEncoder { pooling: Pooling::Last, normalize: true });
    assert!(!card("instruction-bert").pool_prefix);
}

#[test]
fn a_dense_head_that_is_broken_or_not_wanted_is_refused() {
    let fixture = fixture();
    let by_name = |name: &str| fixture.families.iter().find(|it| it.name == name).unwrap();
    let (leaf, e5) = (by_name("mdbr-leaf-ir"), by_name("e5-small-v2"));
    let dense = leaf.dense_file().unwrap();
    let refusal =
        |family: &Family, file: &[u8]| WeightStream::new(&family.card(&fixture.config)).add_dense(file).unwrap_err();
    assert_eq!(refusal(e5, &dense).kind, ErrorKind::InvalidInput);
    assert_eq!(refusal(leaf, &dense[..dense.len() - 1]).kind, ErrorKind::Integrity);
    assert_eq!(refusal(leaf, &by_name("sentence-tanh").dense_file().unwrap()).kind, ErrorKind::Corrupt);
    assert_eq!(refusal(leaf, b"<!DOCTYPE html>").kind, ErrorKind::Network);
    // Without it, the file of the encoder lacks something.
    let mut stream = WeightStream::new(&leaf.card(&fixture.config));
    let error = stream.push(&file("model.safetensors")).unwrap_err();
    assert!(error.context.contains("dense.linear.weight"), "{error}");
}

#[test]
fn spans_read_in_context_go_through_the_dense_head() {
    let fixture = fixture();
    let family = fixture.families.iter().find(|it| it.name == "mdbr-leaf-ir").unwrap();
    let (model, text) = (family.model(&fixture.config), &fixture.texts[0]);
    let whole = Spanned { text: text.clone(), spans: vec![0..0, 0..text.len()] };
    let rows = block_on(model.embed_spans(&[whole], &Unpaced)).unwrap();
    assert_eq!(rows.len(), 2 * model.info().dims);
    // A span without tokens gets the mean of all, which is the vector of the text.
    let plain = block_on(model.embed(std::slice::from_ref(text), Role::Passage, &Unpaced)).unwrap();
    assert_eq!(rows[..model.info().dims], plain);
}

#[test]
fn another_reading_of_passages_has_another_digest() {
    let plain = Reading::from(Role::Passage);
    let told = |instruction: &str| Reading { instruction: Some(instruction.into()), ..plain.clone() };
    assert_eq!(plain.digest("d"), "d");
    let digests =
        [told("a"), told("b"), told(""), Reading { pooled: Some(false), ..told("a") }].map(|it| it.digest("d"));
    for (at, digest) in digests.iter().enumerate() {
        assert_eq!(digest.len(), 64);
        assert!(!digests[..at].contains(digest));
    }
    assert_ne!(told("a").digest("e"), digests[0]);
}

#[test]
fn a_text_behind_an_instruction_that_fills_the_model_still_has_a_vector() {
    let fixture = fixture();
    let family = fixture.families.iter().find(|it| it.name == "instruction-bert").unwrap();
    let model = family.model(&fixture.config);
    let reading = Reading { role: Role::Query, instruction: Some("tea ".repeat(60)), pooled: Some(false) };
    let vector = block_on(model.embed_read(&fixture.texts[..1], &reading, &Unpaced)).unwrap();
    assert!((vector.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
}
