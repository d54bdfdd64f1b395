//! First-stage retrieval over a snapshot: the lexical leg, the vector leg, and their fusion into candidates.

use super::fusion::{fuse, Ranking};
use super::options::{FusionMethod, FusionOptions, Mode, SearchOptions, SparseKind, Weights};
use super::snapshot::{Snapshot, View};
use crate::error::{Error, Result};
use crate::index::{
    dense_rescore, dense_top_k, joint_top_k, sparse_top_k, token_top_k, Bitset, DenseLeg, Filter, Joint, JointQuery,
    Leg, Level, Scored, SparseQuery, SparseScorer, TokenQuery,
};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// A chunk of a snapshot: position of its view, number within its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    pub view: u32,
    pub chunk: u32,
}

/// Where a leg put a candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// From 1.
    pub rank: usize,
    pub score: f32,
}

#[derive(Clone, Debug)]
pub struct Candidate {
    /// The chunk that stands for the document (the one its better leg ranked higher), or the chunk itself.
    pub place: Place,
    pub score: f32,
    pub sparse: Option<Standing>,
    pub dense: Option<Standing>,
    pub tokens: Option<Standing>,
}

/// What the legs of a search found, each in its own order. `joint` is empty but in joint mode, `tokens` but where token
/// vectors are compared.
#[derive(Default)]
pub struct Legs {
    pub sparse: Vec<Scored>,
    pub dense: Vec<Scored>,
    pub joint: Vec<Scored>,
    pub tokens: Vec<Scored>,
}

/// The chunks that deletions and the filter leave, by view; `None`: all of them.
pub fn allowed(snapshot: &Snapshot, filter: Option<&Filter>) -> Vec<Option<Rc<Bitset>>> {
    let of_view = |view: &super::snapshot::View| match filter {
        None => view.live.clone(),
        Some(filter) => {
            let mut chunks = view.segment.expand(&filter.evaluate(&view.segment));
            if let Some(live) = &view.live {
                chunks.intersect(live);
            }
            Some(Rc::new(chunks))
        }
    };
    snapshot.views.iter().map(of_view).collect()
}

pub fn scorer(options: &SearchOptions) -> SparseScorer {
    let bm25 = options.bm25;
    match options.sparse {
        SparseKind::Tfidf => SparseScorer::TfIdf,
        SparseKind::Splade => SparseScorer::Impact,
        SparseKind::Bm25 => {
            SparseScorer::Bm25 { k1: bm25.k1, b: bm25.b, title_weight: bm25.title, body_weight: bm25.body }
        }
    }
}

pub fn sparse_leg(
    snapshot: &Snapshot,
    allowed: &[Option<Rc<Bitset>>],
    terms: &[(String, f32)],
    options: &SearchOptions,
    depth: usize,
) -> Vec<Scored> {
    let legs: Vec<Leg> = legs(snapshot, allowed);
    sparse_top_k(&legs, &SparseQuery { terms, scorer: scorer(options) }, depth)
}

pub fn legs<'a>(snapshot: &'a Snapshot, allowed: &'a [Option<Rc<Bitset>>]) -> Vec<Leg<'a>> {
    let pairs = snapshot.views.iter().zip(allowed);
    pairs.map(|(view, allowed)| Leg { segment: &view.segment, allowed: allowed.as_deref() }).collect()
}

fn dense_legs<'a>(snapshot: &'a Snapshot, allowed: &'a [Option<Rc<Bitset>>]) -> Vec<DenseLeg<'a>> {
    let leg = |(view, allowed): (&'a View, &'a Option<Rc<Bitset>>)| DenseLeg {
        segment: &view.segment,
        graph: view.graph.as_deref(),
        allowed: allowed.as_deref(),
    };
    snapshot.views.iter().zip(allowed).map(leg).collect()
}

/// The second of two stages: what the sparse leg found, in the order of its vectors.
pub fn second_stage(
    snapshot: &Snapshot,
    allowed: &[Option<Rc<Bitset>>],
    query: &[f32],
    options: &SearchOptions,
    found: &[Scored],
) -> Result<Vec<Scored>> {
    dense_rescore(&dense_legs(snapshot, allowed), query, options.dims, found.to_vec(), found.len())
}

/// Words and vectors in one pass.
pub fn joint_leg(
    snapshot: &Snapshot,
    allowed: &[Option<Rc<Bitset>>],
    terms: &[(String, f32)],
    vector: &[f32],
    options: &SearchOptions,
    depth: usize,
) -> Result<Legs> {
    let Weights { sparse, dense } = options.fusion.weights;
    let terms = SparseQuery { terms, scorer: scorer(options) };
    let query = JointQuery { terms, vector, dims: options.dims, sparse, dense };
    let Joint { joint, sparse, dense } = joint_top_k(&dense_legs(snapshot, allowed), &query, depth)?;
    Ok(Legs { joint, sparse, dense, ..Legs::default() })
}

pub fn dense_leg(
    snapshot: &Snapshot,
    allowed: &[Option<Rc<Bitset>>],
    query: &[f32],
    options: &SearchOptions,
    depth: usize,
) -> Result<Vec<Scored>> {
    let allowed = match options.level {
        Some(level @ (Level::Chunk | Level::Sentence)) => &of_level(snapshot, allowed, level)?,
        _ => allowed,
    };
    dense_top_k(&dense_legs(snapshot, allowed), query, options.dense_params(depth), depth)
}

/// The chunks whose tokens are nearest to the query's.
pub fn token_leg(
    snapshot: &Snapshot,
    allowed: &[Option<Rc<Bitset>>],
    query: &TokenQuery,
    depth: usize,
) -> Result<Vec<Scored>> {
    token_top_k(&legs(snapshot, allowed), query, depth)
}

/// Of the allowed chunks, those of a level.
fn of_level(snapshot: &Snapshot, allowed: &[Option<Rc<Bitset>>], level: Level) -> Result<Vec<Option<Rc<Bitset>>>> {
    let masks: Vec<Option<Bitset>> = snapshot.views.iter().map(|view| view.segment.of_level(level)).collect();
    if level == Level::Sentence && !masks.is_empty() && masks.iter().flatten().all(|mask| mask.count() == 0) {
        return Err(Error::invalid("level: the collection has no sentences; chunk.sentences makes them"));
    }
    let both = |(mask, allowed): (Option<Bitset>, &Option<Rc<Bitset>>)| match (mask, allowed) {
        (None, allowed) => allowed.clone(),
        (Some(mask), None) => Some(Rc::new(mask)),
        (Some(mut mask), Some(allowed)) => {
            mask.intersect(allowed);
            Some(Rc::new(mask))
        }
    };
    Ok(masks.into_iter().zip(allowed).map(both).collect())
}

/// One ranking of candidates from what the legs found. With `group`, chunks first become documents in each leg, by their
/// best chunk, so that a long document has one voice.
pub fn candidates(snapshot: &Snapshot, legs: &Legs, options: &SearchOptions) -> Result<Vec<Candidate>> {
    let key = |place: Place| key(snapshot, options, place);
    let (sparse, dense) = (ranking(&legs.sparse, key)?, ranking(&legs.dense, key)?);
    let (joint, tokens) = (ranking(&legs.joint, key)?, ranking(&legs.tokens, key)?);
    let weights = options.fusion.weights;
    let items = |leg: &[Entry]| leg.iter().map(|entry| (entry.key, entry.score)).collect::<Vec<_>>();
    let fused = match options.mode {
        Mode::Sparse | Mode::Splade => items(&sparse),
        Mode::Dense | Mode::TwoStage => items(&dense),
        Mode::Joint => items(&joint),
        Mode::Colbert => items(&tokens),
        Mode::Hybrid => {
            let legs = [(weights.sparse, items(&sparse)), (weights.dense, items(&dense))];
            let voices: Vec<_> = legs.iter().map(|(weight, items)| Ranking { weight: *weight, items }).collect();
            fuse(&voices, &options.fusion)
        }
    };
    let by_key = |leg: &[Entry]| -> HashMap<Place, (usize, Place, f32)> {
        leg.iter().enumerate().map(|(index, entry)| (entry.key, (index + 1, entry.place, entry.score))).collect()
    };
    let (sparse, dense) = (by_key(&sparse), by_key(&dense));
    let (joint, tokens) = (by_key(&joint), by_key(&tokens));
    let candidate = |(key, score): (Place, f32)| {
        let (sparse, dense, tokens) = (sparse.get(&key), dense.get(&key), tokens.get(&key));
        // A joint score is that of one chunk.
        let best =
            joint.get(&key).or_else(|| [dense, sparse, tokens].into_iter().flatten().min_by_key(|found| found.0));
        let standing = |found: Option<&(usize, Place, f32)>| found.map(|&(rank, _, score)| Standing { rank, score });
        let place = best.map_or(key, |found| found.1);
        Candidate { place, score, sparse: standing(sparse), dense: standing(dense), tokens: standing(tokens) }
    };
    Ok(fused.into_iter().map(candidate).collect())
}

/// One ranking of the answers to several queries, by reciprocal ranks. What stands for a document is the chunk of the
/// answer that ranks it highest.
pub fn unite(snapshot: &Snapshot, answers: Vec<Vec<Candidate>>, options: &SearchOptions) -> Result<Vec<Candidate>> {
    if answers.len() < 2 {
        return Ok(answers.into_iter().next().unwrap_or_default());
    }
    let mut lists = Vec::with_capacity(answers.len());
    let mut best: HashMap<Place, (usize, Candidate)> = HashMap::new();
    for answer in answers {
        let mut items = Vec::with_capacity(answer.len());
        for (rank, candidate) in answer.into_iter().enumerate() {
            let key = key(snapshot, options, candidate.place)?;
            items.push((key, candidate.score));
            if best.get(&key).is_none_or(|(known, _)| rank < *known) {
                best.insert(key, (rank, candidate));
            }
        }
        lists.push(items);
    }
    let voices: Vec<_> = lists.iter().map(|items| Ranking { weight: 1.0, items }).collect();
    let fused = fuse(&voices, &FusionOptions { method: FusionMethod::Rrf, ..options.fusion });
    let of = |(key, score)| best.remove(&key).map(|(_, candidate)| Candidate { score, ..candidate });
    Ok(fused.into_iter().filter_map(of).collect())
}

/// What counts as one: the document, or the chunk.
fn key(snapshot: &Snapshot, options: &SearchOptions, place: Place) -> Result<Place> {
    match options.group {
        true => Ok(Place { chunk: snapshot.views[place.view as usize].segment.chunk(place.chunk)?.doc, ..place }),
        false => Ok(place),
    }
}

struct Entry {
    key: Place,
    place: Place,
    score: f32,
}

/// The first entry of each key, in order.
fn ranking(scored: &[Scored], key: impl Fn(Place) -> Result<Place>) -> Result<Vec<Entry>> {
    let mut seen = HashSet::new();
    let mut entries = Vec::with_capacity(scored.len());
    for scored in scored {
        let place = Place { view: scored.segment, chunk: scored.chunk };
        let key = key(place)?;
        if seen.insert(key) {
            entries.push(Entry { key, place, score: scored.score });
        }
    }
    Ok(entries)
}
