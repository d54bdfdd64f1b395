//! The HNSW graph over the vectors of one segment (Malkov and Yashunin 2016), in bytes of its own: `build_graph`
//! makes them out of a [`graph_job`], in another worker if need be, [`Graph::open`] checks every id once, and the
//! search is our own loop over the stored, quantised vectors.
//!
//! ```text
//! frame of kind "GRPH" and the segment's id
//! section HEAD  fingerprint of the vectors' blob u32 | vectors u32 | upper layers u8
//! section UPPR  nodes of each upper layer, lowest first, varint | per node of the lowest: its chunk varint |
//!               per layer, lowest first, per node: links varint, each a node varint
//! section ZERO  width in bits u8 | links of each chunk varint | all links, packed, lowest bit first
//! ```
//! The nodes of a layer are the first of the nodes of the layer below. Searches begin at node 0 of the highest layer;
//! without upper layers at chunk 0. In layer zero a node is a chunk, and every chunk can be reached from the first.

#[cfg(feature = "neural")]
mod build;
mod layers;
mod traverse;

#[cfg(feature = "neural")]
pub use build::build_graph;

use super::bitset::Bitset;
use super::segment::Segment;
use super::vectors::{Probe, Scan};
use crate::codec::{Frame, FrameWriter, Reader, Writer};
use crate::error::{Error, Result};
use crate::limits;
use crate::pace::{at_once, Pacer, Unpaced};
use layers::Links;

const KIND: [u8; 4] = *b"GRPH";
const JOB: [u8; 4] = *b"GJOB";

/// A graph whose every id was checked against its segment.
#[derive(Debug)]
pub struct Graph {
    segment: u64,
    fingerprint: u32,
    /// The chunks that are nodes of the lowest upper layer, in the order of the nodes; never empty.
    order: Vec<u32>,
    /// Links between nodes, lowest layer first.
    upper: Vec<Links>,
    /// Links between chunks.
    zero: Links,
}

impl Graph {
    /// # Errors
    /// `Corrupt` for damaged bytes and for the graph of another segment; `InvalidInput` for a segment without vectors.
    pub fn open(bytes: &[u8], segment: &Segment) -> Result<Graph> {
        at_once(Graph::open_paced(bytes, segment, &Unpaced))
    }

    /// As [`Graph::open`], politely.
    pub async fn open_paced(bytes: &[u8], segment: &Segment, pacer: &dyn Pacer) -> Result<Graph> {
        let vectors = vectors(segment)?;
        let graph = Graph::read(bytes, segment.id(), vectors.fingerprint(), vectors.len(), pacer).await;
        graph.map_err(|e| e.within(format!("graph of segment {}", segment.id())))
    }

    async fn read(bytes: &[u8], segment: u64, fingerprint: u32, count: usize, pacer: &dyn Pacer) -> Result<Graph> {
        let frame = Frame::open(bytes, KIND, segment)?;
        frame.verify_paced(pacer).await?;
        let mut head = Reader::new(frame.section(*b"HEAD")?);
        let (found, nodes, layers) = (head.u32()?, head.u32()?, head.u8()?);
        head.end()?;
        if found != fingerprint || nodes as usize != count || layers as usize > limits::GRAPH_LAYERS {
            return Err(Error::corrupt(format!("made for {nodes} vectors of other content, in {layers} layers")));
        }
        let (order, upper) = layers::read_upper(frame.section(*b"UPPR")?, layers as usize, count)?;
        pacer.pause().await?;
        let zero = Links::unpack(frame.section(*b"ZERO")?, count, pacer).await?;
        Ok(Graph { segment, fingerprint, order, upper, zero })
    }

    /// Memory it takes.
    pub fn bytes(&self) -> usize {
        self.order.len() * size_of::<u32>() + self.upper.iter().chain([&self.zero]).map(Links::bytes).sum::<usize>()
    }

    /// Whether every chunk can be reached in layer zero, and no list links to its own node or to one node twice.
    ///
    /// # Errors
    /// `Corrupt` if not.
    pub fn check(&self) -> Result<()> {
        let mut nodes = self.order.clone();
        nodes.sort_unstable();
        if nodes.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Error::corrupt("a chunk that is a node twice"));
        }
        for links in self.upper.iter().chain([&self.zero]) {
            for node in 0..links.len() as u32 {
                let mut list = links.of(node).to_vec();
                list.push(node);
                list.sort_unstable();
                if list.windows(2).any(|pair| pair[0] == pair[1]) {
                    return Err(Error::corrupt(format!("node {node} has links to itself or to one node twice")));
                }
            }
        }
        let count = self.zero.len() as u32;
        let mut reached = Bitset::new(count);
        let mut ahead: Vec<u32> = self.order.first().copied().or((count > 0).then_some(0)).into_iter().collect();
        while let Some(node) = ahead.pop() {
            if !reached.contains(node) {
                reached.insert(node);
                ahead.extend(self.zero.of(node).iter().filter(|&&link| !reached.contains(link)));
            }
        }
        match reached.count() {
            all if all == count => Ok(()),
            some => Err(Error::corrupt(format!("{some} of {count} vectors can be reached"))),
        }
    }

    pub(super) fn belongs_to(&self, segment: &Segment) -> bool {
        let vectors = segment.vectors().map(|vectors| vectors.fingerprint());
        (self.segment, Some(self.fingerprint)) == (segment.id(), vectors)
    }

    /// Offers the `ef` nearest chunks that are allowed, in no order. Chunks that are not are passed through.
    pub(super) fn search(&self, probe: &Probe, allowed: Option<&Bitset>, ef: usize, offer: &mut dyn FnMut(u32, f32)) {
        traverse::search(self, &|chunk| probe.one(chunk as usize), allowed, ef, offer);
    }
}

fn vectors(segment: &Segment) -> Result<&super::vectors::Vectors> {
    let without = || Error::invalid(format!("segment {} has no vectors", segment.id()));
    segment.vectors().ok_or_else(without)
}

/// Everything `build_graph` needs, to be handed to another thread or worker.
///
/// # Errors
/// `InvalidInput` when the segment has no vectors.
pub fn graph_job(segment: &Segment) -> Result<Vec<u8>> {
    let vectors = vectors(segment)?;
    let mut head = Writer::new();
    head.u64(segment.id());
    head.u32(vectors.fingerprint());
    head.u32(vectors.len() as u32);
    vectors.config().encode(&mut head);
    let mut frame = FrameWriter::new(JOB, 0);
    frame.section(*b"HEAD", head.into_bytes()).section(*b"ROWS", vectors.encode());
    frame.finish()
}

#[cfg(all(test, feature = "neural"))]
mod tests;
