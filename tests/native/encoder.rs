//! The int8 encoder on real weights, against the f32 reference by candle.

use crate::support::models::{load_model, raw_weights, Cached};
use nearfield::model::float_weights::{FloatWeights, WithHead};
use nearfield::model::neural::{NeuralModel, Tokens};
use nearfield::model::reference;
use nearfield::model::{
    config::{ModelKind, Pooling},
    Embedder, Reranker, Role, Spanned,
};
use nearfield::pace::{LocalFuture, Pacer, Unpaced};
use nearfield::text::TokenCounter;
use nearfield::{Error, ErrorKind, Result};
use pollster::block_on;
use std::cell::Cell;

const MINILM: &str = "all-MiniLM-L6-v2";
const CROSS: &str = "ms-marco-MiniLM-L-12-v2";

/// Sentences of many kinds, to be strung together.
const SENTENCES: [&str; 24] = [
    "The ferry leaves the northern pier at half past six and reaches the island before noon.",
    "Add the flour slowly, stir until no lumps remain, and let the dough rest for an hour.",
    "Who repaired the clock of the town hall after the fire of 1903?",
    "fn main() { let total: u32 = (1..=10).map(|n| n * n).sum(); println!(\"{total}\"); }",
    "Glaciers carve valleys with steep walls and leave lakes behind when they retreat.",
    "An invoice of 1,249.50 euros is due on the fourteenth of next month.",
    "Her second album, recorded in a barn with borrowed microphones, sold better than the first.",
    "Patients who received the lower dose reported fewer headaches than those in the control group.",
    "Die Brücke über den Fluss wurde im Frühjahr wegen Hochwassers gesperrt.",
    "¿Dónde se puede comprar un billete para el tren nocturno?",
    "The enzyme loses its activity above sixty degrees and does not regain it when cooled.",
    "Return the parcel within thirty days; the label is inside the box.",
    "SELECT name, count(*) FROM visits GROUP BY name HAVING count(*) > 3;",
    "Two kestrels nested on the tower, and the bells were silent until the young had flown.",
    "To reset the router, hold the button for ten seconds until the light turns orange.",
    "The committee could not agree on a budget, so the vote was moved to Thursday.",
    "Copper conducts heat better than iron, which is why good pans have copper bottoms.",
    "北京的冬天很冷,但是很少下雪。",
    "How do I convert a list of strings into one string separated by commas?",
    "Rents in the old quarter have doubled since the tram line was extended.",
    "A right angle has ninety degrees; the three angles of a triangle add up to two of them.",
    "The goalkeeper touched the ball, but it crossed the line before she could hold it.",
    "https://example.org/docs/v2/index.html?lang=en#install",
    "😀 great job!!! see you tmrw :-)",
];

/// Words for texts without grammar, which are harder on the encoder than prose.
const WORDS: [&str; 32] = [
    "river", "stone", "of", "the", "quickly", "blue", "seven", "engine", "under", "paper", "music", "with", "cold",
    "market", "run", "window", "is", "a", "bright", "theory", "glass", "and", "walk", "number", "green", "over",
    "signal", "to", "heavy", "garden", "answer", "because",
];

/// A linear congruential generator (Knuth's MMIX constants): seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// Texts of all lengths from one word to more than any model reads, half of them prose, half strings of words.
fn texts(count: usize) -> Vec<String> {
    let mut random = Random(7);
    let one = |i: usize| {
        let words = 1 + i * 280 / count;
        let mut text = String::new();
        while text.split_whitespace().count() < words {
            let pieces: &[&str] = if i.is_multiple_of(2) { &SENTENCES } else { &WORDS };
            text.push_str(pieces[random.below(pieces.len())]);
            text.push(' ');
        }
        text.split_inclusive(' ').take(words).collect()
    };
    (0..count).map(one).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn embed(model: &NeuralModel, texts: &[String]) -> Vec<Vec<f32>> {
    let flat = block_on(model.embed(texts, Role::Passage, &Unpaced)).unwrap();
    flat.chunks_exact(model.info().dims).map(<[f32]>::to_vec).collect()
}

fn reference_vector(model: &NeuralModel, weights: &dyn FloatWeights, text: &str) -> Vec<f32> {
    let ModelKind::BiEncoder { pooling, normalize } = model.card().kind else { panic!("not a bi-encoder") };
    let tokens = model.tokens(text, Role::Passage).unwrap();
    let states = reference::hidden_states(&model.card().bert, weights, &tokens.ids, &tokens.types).unwrap();
    reference::pool(&states, pooling, normalize).unwrap()
}

/// Mean and least cosine of the int8 vectors with those of the original weights in f32.
fn agreement(name: &str, count: usize) -> (f64, f64) {
    let (model, weights) = (load_model(name), raw_weights(name));
    let weights = Cached::new(&weights);
    let texts = texts(count);
    let cosines: Vec<f64> = embed(&model, &texts)
        .iter()
        .zip(&texts)
        .map(|(ours, text)| cosine(ours, &reference_vector(&model, &weights, text)))
        .collect();
    let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
    let least = cosines.iter().copied().fold(1.0, f64::min);
    println!("{name}: {count} texts, cosine with f32: mean {mean:.5}, least {least:.5}");
    (mean, least)
}

#[test]
fn minilm_agrees_with_its_original_weights() {
    let (mean, least) = agreement(MINILM, 220);
    assert!(mean >= 0.995 && least >= 0.98, "mean {mean}, least {least}");
}

/// Late chunking by its definition: the f32 reference reads the whole text, and the tokens of a run of words, counted
/// word by word, are averaged.
#[test]
fn spans_are_the_means_of_their_tokens_in_the_whole_text() {
    let (model, weights) = (load_model(MINILM), raw_weights(MINILM));
    let weights = Cached::new(&weights);
    let text = SENTENCES[..3].join(" ");
    let tokens = model.tokens(&text, Role::Passage).unwrap();
    let states = reference::hidden_states(&model.card().bert, &weights, &tokens.ids, &tokens.types).unwrap();
    let (mut place, mut words) = (1, Vec::new());
    for word in text.split_whitespace() {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        let count = model.tokenizer().count(word);
        words.push((start..start + word.len(), place..place + count));
        place += count;
    }
    assert_eq!(place + 1, tokens.ids.len());
    let (mut spans, mut expected) = (Vec::new(), Vec::new());
    for length in [1, 3, 7, words.len()] {
        for run in words.chunks(length) {
            let (first, last) = (&run[0], &run[run.len() - 1]);
            spans.push(first.0.start..last.0.end);
            let part = states.narrow(0, first.1.start, last.1.end - first.1.start).unwrap();
            expected.push(reference::pool(&part, Pooling::Mean, true).unwrap());
        }
    }
    // Without tokens, as behind the end of what the model reads: the mean of all.
    spans.push(text.len()..text.len());
    expected.push(reference::pool(&states, Pooling::Mean, true).unwrap());
    let other = Spanned { text: "Other.".into(), spans: std::iter::once(0..6).collect() };
    let read = [other, Spanned { text, spans }];
    let ours = block_on(model.embed_spans(&read, &Unpaced)).unwrap();
    let ours: Vec<&[f32]> = ours.chunks_exact(model.info().dims).collect();
    assert_eq!(ours.len(), 1 + expected.len());
    for (ours, expected) in ours[1..].iter().zip(&expected) {
        let cosine = cosine(ours, expected);
        assert!(cosine > 0.98, "{cosine}");
    }
}

#[test]
fn states_agree_with_the_reference_on_the_same_weights() {
    let model = load_model(MINILM);
    for text in &SENTENCES[..3] {
        let tokens = model.tokens(text, Role::Passage).unwrap();
        let states = block_on(model.states(&tokens, &Unpaced)).unwrap();
        let ours: Vec<Vec<f32>> = states.chunks(model.card().bert.hidden).map(<[f32]>::to_vec).collect();
        let expected =
            reference::hidden_states(&model.card().bert, model.encoder(), &tokens.ids, &tokens.types).unwrap();
        let least = reference::least_cosine(&ours, &expected).unwrap();
        assert!(least > 0.98, "{least}");
    }
}

#[test]
fn a_batch_gives_what_each_text_gives_alone() {
    let model = load_model(MINILM);
    let texts: Vec<String> = texts(60).into_iter().rev().chain([String::new()]).collect();
    let together = embed(&model, &texts);
    for (text, together) in texts.iter().zip(&together) {
        let alone = &embed(&model, std::slice::from_ref(text))[0];
        assert!(alone.iter().zip(together).all(|(a, b)| a.to_bits() == b.to_bits()), "{text}");
        let length: f32 = alone.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5);
    }
}

#[test]
fn tokens_give_what_their_text_gives() {
    let model = load_model(MINILM);
    let texts = SENTENCES.map(String::from);
    let tokens: Vec<Tokens> = texts.iter().map(|text| model.tokens(text, Role::Passage).unwrap()).collect();
    let ours = block_on(model.embed_tokens(&tokens, &Unpaced)).unwrap();
    assert_eq!(ours, embed(&model, &texts).concat());
}

#[test]
fn a_cross_encoder_orders_passages() {
    let model = load_model(CROSS);
    let passages = [
        "Berlin has a population of 3,520,031 registered inhabitants in an area of 891.82 square kilometers.",
        "Berlin is well known for its museums.",
        "New York City is famous for the Metropolitan Museum of Art.",
    ]
    .map(String::from);
    let scores = block_on(model.score("How many people live in Berlin?", &passages, &Unpaced)).unwrap();
    println!("{scores:?}");
    assert!(scores[0] > 8.0 && scores[1] < 0.0 && scores[2] < scores[1], "{scores:?}");
}

#[test]
fn scores_keep_the_order_of_the_reference() {
    let model = load_model(CROSS);
    let weights = WithHead { encoder: model.encoder(), head: model.head() };
    let weights = Cached::new(&weights);
    let query = "How do glaciers shape the land?";
    let passages: Vec<String> = SENTENCES.map(String::from).into_iter().chain(texts(26)).collect();
    let ours = block_on(model.score(query, &passages, &Unpaced)).unwrap();
    let expected: Vec<f32> = passages
        .iter()
        .map(|passage| {
            let Tokens { ids, types } = model.pair_tokens(query, passage);
            let states = reference::hidden_states(&model.card().bert, &weights, &ids, &types).unwrap();
            reference::logit(&weights, &states).unwrap()
        })
        .collect();
    let correlation = rank_correlation(&ours, &expected);
    println!("rank correlation {correlation:.5}");
    assert!(correlation >= 0.99, "{correlation}");
}

/// Spearman's: the correlation of the ranks.
fn rank_correlation(a: &[f32], b: &[f32]) -> f64 {
    let ranks = |x: &[f32]| -> Vec<f32> {
        x.iter().map(|v| x.iter().filter(|w| *w < v).count() as f32 - (x.len() - 1) as f32 / 2.0).collect()
    };
    cosine(&ranks(a), &ranks(b))
}

#[test]
fn a_model_refuses_what_it_cannot_do() {
    let (model, cross) = (load_model(MINILM), load_model(CROSS));
    let texts = [String::from("a")];
    let error = block_on(model.score("a", &texts, &Unpaced)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidInput);
    let error = block_on(cross.embed(&texts, Role::Query, &Unpaced)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidInput);
    let unknown = Tokens { ids: vec![101, 1 << 20], types: Vec::new() };
    let error = block_on(model.embed_tokens(&[unknown], &Unpaced)).unwrap_err();
    assert!(error.context.contains("token id 1048576"), "{error}");
    assert_eq!(embed(&model, &texts).len(), 1);
}

/// Lets a number of pauses pass, then raises the caller's signal.
struct Patience(Cell<usize>);

impl Pacer for Patience {
    fn pause(&self) -> LocalFuture<'_, Result<()>> {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        let result = if left == 0 { Err(Error::new(ErrorKind::Aborted, "enough")) } else { Ok(()) };
        Box::pin(std::future::ready(result))
    }
}

#[test]
fn an_abort_stops_within_a_batch_and_leaves_the_model_usable() {
    let model = load_model(MINILM);
    let texts = texts(40);
    let expected = embed(&model, &texts);
    for pauses in [0, 1, 5, 20] {
        let patience = Patience(Cell::new(pauses));
        let error = block_on(model.embed(&texts, Role::Passage, &patience)).unwrap_err();
        assert_eq!((error.kind, patience.0.get()), (ErrorKind::Aborted, 0));
        assert_eq!(embed(&model, &texts), expected);
    }
}

/// Two calls that take turns at every pause, as two requests of a page do.
#[test]
fn calls_may_overlap() {
    struct Turns(Cell<bool>);
    impl Pacer for Turns {
        fn pause(&self) -> LocalFuture<'_, Result<()>> {
            Box::pin(std::future::poll_fn(|context| {
                self.0.set(!self.0.get());
                context.waker().wake_by_ref();
                if self.0.get() {
                    std::task::Poll::Pending
                } else {
                    std::task::Poll::Ready(Ok(()))
                }
            }))
        }
    }
    let model = load_model(MINILM);
    let (first, second) = (texts(20), SENTENCES.map(String::from));
    let (a, b) = (Turns(Cell::new(false)), Turns(Cell::new(false)));
    let both =
        futures_util::future::join(model.embed(&first, Role::Passage, &a), model.embed(&second, Role::Passage, &b));
    let (ours_first, ours_second) = block_on(both);
    assert_eq!(ours_first.unwrap(), embed(&model, &first).concat());
    assert_eq!(ours_second.unwrap(), embed(&model, &second).concat());
}

/// Codes, panels and buffers, not the file: MiniLM has 22.7 million weights.
#[test]
fn memory_is_what_the_weights_need() {
    let model = load_model(MINILM);
    embed(&model, &texts(10));
    let bytes = model.memory_bytes();
    assert!((22_000_000..30_000_000).contains(&bytes), "{bytes}");
}
