//! Lists of links and their bytes.

use crate::codec::Reader;
#[cfg(any(test, feature = "neural"))]
use crate::codec::Writer;
use crate::error::{Error, Result};
use crate::pace::Pacer;

/// Links that are read between two pauses: a few milliseconds of work.
const SLICE: u64 = 1 << 17;

/// For each node the nodes it points to, nearest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Links {
    /// Where the links of each node end; they begin where those of the node before end.
    ends: Vec<u32>,
    links: Vec<u32>,
}

impl Links {
    pub fn new(lists: impl IntoIterator<Item = Vec<u32>>) -> Links {
        let mut links = Links::default();
        for list in lists {
            links.links.extend(list);
            links.ends.push(links.links.len() as u32);
        }
        links
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn of(&self, node: u32) -> &[u32] {
        let node = node as usize;
        let start = node.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |&end| end as usize);
        self.ends.get(node).and_then(|&end| self.links.get(start..end as usize)).unwrap_or_default()
    }

    pub fn bytes(&self) -> usize {
        (self.ends.len() + self.links.len()) * size_of::<u32>()
    }

    /// Section ZERO.
    #[cfg(any(test, feature = "neural"))]
    pub fn pack(&self) -> Vec<u8> {
        let width = width(self.len());
        let mut writer = Writer::new();
        writer.u8(width);
        (0..self.len() as u32).for_each(|node| writer.varint(self.of(node).len() as u64));
        let (mut word, mut held) = (0u64, 0);
        for &link in &self.links {
            word |= u64::from(link) << held;
            held += u32::from(width);
            while held >= 8 {
                writer.u8(word as u8);
                word >>= 8;
                held -= 8;
            }
        }
        if held > 0 {
            writer.u8(word as u8);
        }
        writer.into_bytes()
    }

    /// Reads section ZERO of a graph of `count` nodes.
    pub async fn unpack(bytes: &[u8], count: usize, pacer: &dyn Pacer) -> Result<Links> {
        let mut reader = Reader::new(bytes);
        let width = match reader.u8()? {
            found if found == width(count) => u32::from(found),
            found => return Err(Error::corrupt(format!("links of {found} bits between {count} nodes"))),
        };
        if count > reader.remaining() {
            return Err(Error::corrupt(format!("links of {count} nodes in {} bytes", reader.remaining())));
        }
        let mut ends = Vec::with_capacity(count);
        let mut total = 0u64;
        for _ in 0..count {
            total = total.saturating_add(reader.varint()?);
            ends.push(u32::try_from(total).map_err(|_| Error::corrupt("2^32 links"))?);
        }
        // With two nodes or more a link has a bit at least, so the bytes limit what is allocated.
        if total.saturating_mul(u64::from(width)).div_ceil(8) != reader.remaining() as u64 || (width == 0 && total > 0)
        {
            return Err(Error::corrupt(format!("{total} links in {} bytes", reader.remaining())));
        }
        let mut links = Vec::with_capacity(total as usize);
        let (mut word, mut held) = (0u64, 0);
        for done in 0..total {
            if done % SLICE == SLICE - 1 {
                pacer.pause().await?;
            }
            while held < width {
                word |= u64::from(reader.u8()?) << held;
                held += 8;
            }
            links.push(check((word & ((1 << width) - 1)) as u32, count)?);
            word >>= width;
            held -= width;
        }
        if word != 0 {
            return Err(Error::corrupt("bits after the last link"));
        }
        Ok(Links { ends, links })
    }
}

/// Bits that the number of any of `count` nodes needs.
fn width(count: usize) -> u8 {
    (usize::BITS - count.saturating_sub(1).leading_zeros()) as u8
}

fn check(node: u32, count: usize) -> Result<u32> {
    match (node as usize) < count {
        true => Ok(node),
        false => Err(Error::corrupt(format!("a link to node {node} of {count}"))),
    }
}

/// Section UPPR.
#[cfg(any(test, feature = "neural"))]
pub(super) fn write_upper(order: &[u32], layers: &[Links]) -> Vec<u8> {
    let mut writer = Writer::new();
    layers.iter().for_each(|layer| writer.varint(layer.len() as u64));
    order.iter().for_each(|&chunk| writer.varint(u64::from(chunk)));
    for layer in layers {
        for node in 0..layer.len() as u32 {
            let links = layer.of(node);
            writer.varint(links.len() as u64);
            links.iter().for_each(|&link| writer.varint(u64::from(link)));
        }
    }
    writer.into_bytes()
}

/// Reads section UPPR of a graph of `count` vectors: the chunks of its nodes and the links of its layers.
pub(super) fn read_upper(bytes: &[u8], layers: usize, count: usize) -> Result<(Vec<u32>, Vec<Links>)> {
    let mut reader = Reader::new(bytes);
    let mut sizes = Vec::with_capacity(layers);
    for _ in 0..layers {
        let size = reader.varint()?;
        let most = sizes.last().copied().unwrap_or(count);
        match usize::try_from(size) {
            Ok(size) if (1..=most).contains(&size) => sizes.push(size),
            _ => return Err(Error::corrupt(format!("an upper layer of {size} nodes above {most}"))),
        }
    }
    let node = |reader: &mut Reader, count: usize| {
        let node = reader.varint()?;
        check(u32::try_from(node).unwrap_or(u32::MAX), count)
    };
    let lowest = sizes.first().copied().unwrap_or(0);
    let order = (0..lowest).map(|_| node(&mut reader, count)).collect::<Result<Vec<u32>>>()?;
    let mut upper = Vec::with_capacity(layers);
    for size in sizes {
        let mut lists = Vec::new();
        for _ in 0..size {
            let links = reader.count(1)?;
            lists.push((0..links).map(|_| node(&mut reader, size)).collect::<Result<Vec<u32>>>()?);
        }
        upper.push(Links::new(lists));
    }
    reader.end().map(|()| (order, upper))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::{at_once, Unpaced};
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn lists() -> impl Strategy<Value = Vec<Vec<u32>>> {
        (0u32..70).prop_flat_map(|count| vec(vec(0..count.max(1), 0..if count > 1 { 9 } else { 1 }), count as usize))
    }

    fn unpack(bytes: &[u8], count: usize) -> Result<Links> {
        at_once(Links::unpack(bytes, count, &Unpaced))
    }

    proptest! {
        #[test]
        fn links_come_back(lists in lists()) {
            let links = Links::new(lists.clone());
            let bytes = links.pack();
            prop_assert_eq!(&unpack(&bytes, lists.len()).unwrap(), &links);
            prop_assert!((0..).zip(&lists).all(|(node, list)| links.of(node) == list.as_slice()));
            prop_assert_eq!(links.of(lists.len() as u32), &[] as &[u32]);
            prop_assert!((0..bytes.len()).all(|cut| unpack(&bytes[..cut], lists.len()).is_err()));
        }

        #[test]
        fn upper_layers_come_back(a in lists(), order in vec(0u32..1000, 70)) {
            let layers: Vec<Links> = if a.is_empty() { vec![] } else { vec![Links::new(a.clone()), Links::new([vec![0]])] };
            let order = &order[..a.len()];
            let bytes = write_upper(order, &layers);
            let (found, back) = read_upper(&bytes, layers.len(), 1000).unwrap();
            prop_assert_eq!((found.as_slice(), &back), (order, &layers));
            prop_assert!((0..bytes.len()).all(|cut| read_upper(&bytes[..cut], layers.len(), 1000).is_err()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..60), count in 0usize..20, layers in 0usize..4) {
            if let Ok(links) = unpack(&bytes, count) {
                prop_assert!(links.links.iter().all(|&link| (link as usize) < count));
            }
            if let Ok((order, upper)) = read_upper(&bytes, layers, count) {
                prop_assert!(order.iter().all(|&chunk| (chunk as usize) < count));
                prop_assert!(upper.iter().all(|layer| layer.links.iter().all(|&link| (link as usize) < layer.len())));
            }
        }
    }
}
