//! Builds graphs with `instant-distance` and takes them out of it.
//!
//! The library shuffles its points, knows distances only, and keeps its graph to itself; so a point is no more than
//! an ordinal and a way to the vectors, and the graph comes out through serde. What the library cannot promise, that
//! every chunk can be reached, is mended afterwards.

use super::layers::Links;
use super::{layers, Graph, JOB, KIND};
use crate::codec::{Frame, FrameWriter, Reader, Writer};
use crate::error::{Error, Result};
use crate::index::bitset::Bitset;
use crate::index::vectors::{Distance, VectorConfig, Vectors};
use crate::pace::{at_once, Unpaced};
use instant_distance::{Builder, Hnsw};
use serde::{Deserialize, Serialize, Serializer};
use std::sync::Arc;

/// Candidates kept while a point is inserted.
const EF_CONSTRUCTION: usize = 100;

/// An empty place in the library's lists.
const NONE: u32 = u32::MAX;

#[derive(Clone)]
struct Point {
    row: u32,
    distance: Arc<Distance>,
}

impl instant_distance::Point for Point {
    fn distance(&self, other: &Point) -> f32 {
        self.distance.between(self.row as usize, other.row as usize)
    }
}

impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.row)
    }
}

/// The library's `Hnsw` as serde shows it: the points by their number, the links between numbers in layer zero (64
/// for each) and in the upper layers (32 for each), lowest first.
#[derive(Deserialize)]
struct Mirror {
    _ef_search: usize,
    points: Vec<u32>,
    zero: Vec<[[u32; 32]; 2]>,
    layers: Vec<Vec<[u32; 32]>>,
}

/// Builds the graph that a job asks for: one blocking call, about a second for 800 vectors of 384 dimensions in wasm.
/// Same job, seed and target, same bytes.
///
/// # Errors
/// `Corrupt` for a damaged job.
pub fn build_graph(job: &[u8], seed: u64) -> Result<Vec<u8>> {
    let Job { segment, fingerprint, vectors } = Job::read(job)?;
    let Mirror { points, zero, layers, .. } = mirror(Distance::new(vectors), seed)?;
    let valid = |list: &[u32]| list.iter().copied().take_while(|&node| node != NONE).collect::<Vec<u32>>();
    // Layer zero goes from the library's numbers to chunks; the upper layers keep the numbers, of which the first
    // are theirs.
    let mut lists = vec![Vec::new(); points.len()];
    for (links, &chunk) in zero.iter().zip(&points) {
        lists[chunk as usize] = valid(links.as_flattened()).into_iter().map(|node| points[node as usize]).collect();
    }
    let lowest = layers.first().map_or(0, Vec::len);
    let upper = layers.iter().map(|layer| Links::new(layer.iter().map(|links| valid(links)))).collect();
    let order = points[..lowest].to_vec();
    connect(&mut lists, order.first().copied().unwrap_or(0));
    let graph = Graph { segment, fingerprint, order, upper, zero: Links::new(lists) };
    graph.encode()
}

/// A job, read again.
struct Job {
    segment: u64,
    fingerprint: u32,
    vectors: Vectors,
}

impl Job {
    fn read(bytes: &[u8]) -> Result<Job> {
        let frame = Frame::open(bytes, JOB, 0)?;
        let mut head = Reader::new(frame.section(*b"HEAD")?);
        let (segment, fingerprint, count) = (head.u64()?, head.u32()?, head.u32()?);
        let config = VectorConfig::decode(&mut head)?;
        head.end()?;
        let rows = frame.section(*b"ROWS")?;
        let vectors = at_once(Vectors::decode(&config, rows, count, fingerprint, &Unpaced))?;
        Ok(Job { segment, fingerprint, vectors })
    }
}

impl Graph {
    fn encode(&self) -> Result<Vec<u8>> {
        let mut head = Writer::new();
        head.u32(self.fingerprint);
        head.u32(self.zero.len() as u32);
        head.u8(self.upper.len() as u8);
        let mut frame = FrameWriter::new(KIND, self.segment);
        frame.section(*b"HEAD", head.into_bytes());
        frame.section(*b"UPPR", layers::write_upper(&self.order, &self.upper));
        frame.section(*b"ZERO", self.zero.pack());
        frame.finish()
    }
}

fn mirror(distance: Distance, seed: u64) -> Result<Mirror> {
    let (len, distance) = (distance.len() as u32, Arc::new(distance));
    let points = (0..len).map(|row| Point { row, distance: distance.clone() }).collect();
    let hnsw = build(Builder::default().ef_construction(EF_CONSTRUCTION).seed(seed), points)?;
    let lost = |e: postcard::Error| Error::internal("the graph did not come out of its library").with_source(e);
    let bytes = postcard::to_stdvec(&hnsw).map_err(lost)?;
    drop(hnsw);
    postcard::from_bytes(&bytes).map_err(lost)
}

/// In wasm there is one thread, natively there must be: insertion in parallel gives another graph every time.
fn build(builder: Builder, points: Vec<Point>) -> Result<Hnsw<Point>> {
    #[cfg(not(target_arch = "wasm32"))]
    {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let pool = pool.map_err(|e| Error::internal("no thread to build a graph in").with_source(e))?;
        Ok(pool.install(|| builder.build_hnsw(points).0))
    }
    #[cfg(target_arch = "wasm32")]
    Ok(builder.build_hnsw(points).0)
}

/// Adds links until every node can be reached from `first`. A node that cannot gets a link from one of its own
/// neighbours that can, so from nearby.
fn connect(lists: &mut [Vec<u32>], first: u32) {
    let mut reached = Bitset::new(lists.len() as u32);
    let flood = |from: u32, lists: &[Vec<u32>], reached: &mut Bitset| {
        let mut ahead = vec![from];
        reached.insert(from);
        while let Some(node) = ahead.pop() {
            for &link in &lists[node as usize] {
                if !reached.contains(link) {
                    reached.insert(link);
                    ahead.push(link);
                }
            }
        }
    };
    if lists.is_empty() {
        return;
    }
    flood(first, lists, &mut reached);
    for node in 0..lists.len() as u32 {
        if !reached.contains(node) {
            let near = lists[node as usize].iter().copied().find(|&link| reached.contains(link)).unwrap_or(first);
            lists[near as usize].push(node);
            flood(node, lists, &mut reached);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn islands_are_connected() {
        let mut lists = vec![vec![1], vec![0], vec![3], vec![2], vec![0], vec![]];
        connect(&mut lists, 0);
        assert_eq!(lists, [vec![1, 2, 4, 5], vec![0], vec![3], vec![2], vec![0], vec![]]);
    }
}
