//! Small collections out of a seed, for the tests of this room.

use super::*;
use std::ops::Range;

/// splitmix64 (Steele, Lea and Flood 2014).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, range: Range<u32>) -> u32 {
        range.start + (self.next() % u64::from(range.end - range.start)) as u32
    }

    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// About normal, variance 1.
    pub fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.unit()).sum::<f32>() - 6.0
    }

    /// Small numbers are frequent, as words are.
    pub fn word(&mut self, vocabulary: u32) -> String {
        format!("w{}", (f64::from(vocabulary) * f64::from(self.unit()).powi(3)) as u32)
    }

    pub fn words(&mut self, count: u32, vocabulary: u32) -> String {
        (0..count).map(|_| self.word(vocabulary)).collect::<Vec<_>>().join(" ")
    }
}

/// A document with its chunks and vectors.
pub struct Entry {
    pub document: Document,
    pub chunks: Vec<ChunkEntry>,
    pub vectors: Vec<f32>,
}

pub fn lexical() -> SegmentConfig {
    SegmentConfig { language: "none".into(), vectors: None }
}

pub fn with_vectors(dims: usize, storage: Storage, metric: Metric) -> SegmentConfig {
    SegmentConfig { vectors: Some(VectorConfig { dims, storage, metric }), ..lexical() }
}

/// `docs` documents named `prefix` and a number, each of up to `chunks` chunks, with vectors of `dims`.
pub fn entries(random: &mut Random, prefix: &str, docs: u32, chunks: u32, dims: usize) -> Vec<Entry> {
    let entry = |number: u32, random: &mut Random| {
        let (mut text, mut places) = (String::new(), Vec::new());
        for _ in 0..random.below(0..chunks + 1) {
            let start = text.len();
            let count = random.below(0..14);
            text.push_str(&random.words(count, 40));
            let context = if random.below(0..3) == 0 { random.words(2, 10) } else { String::new() };
            let parent = (random.below(0..4) == 0).then(|| random.below(0..start as u32 + 1) as usize..text.len());
            let parent = parent.filter(|parent| text.is_char_boundary(parent.start));
            let unit = Unit { sentence: random.below(0..6) == 0, parent };
            places.push(ChunkEntry { span: start..text.len(), source: start + 3..text.len() + 9, context, unit });
            text.push('\n');
        }
        let titled = random.below(0..2) == 0;
        let tags = ["red", "green", "blue", "1"];
        let mut meta = Meta::from([("year".to_owned(), MetaValue::Number(f64::from(random.below(2000..2010))))]);
        if random.below(0..2) == 0 {
            let tag = |random: &mut Random| MetaValue::Text(tags[random.below(0..4) as usize].to_owned());
            meta.insert("tag".to_owned(), MetaValue::List((0..random.below(0..3)).map(|_| tag(random)).collect()));
        }
        let vectors = (0..places.len() * dims).map(|_| random.normal()).collect();
        let document = Document {
            id: format!("{prefix}{number}"),
            text,
            title: titled.then(|| random.words(3, 20)),
            url: (!titled).then(|| format!("https://example.org/{number}")),
            meta,
            language: None,
        };
        Entry { document, chunks: places, vectors }
    };
    (0..docs).map(|number| entry(number, random)).collect()
}

pub fn seal(config: &SegmentConfig, id: u64, entries: &[Entry]) -> Sealed {
    let mut builder = SegmentBuilder::new(config).unwrap();
    for Entry { document, chunks, vectors } in entries {
        builder.add(document, chunks, config.vectors.as_ref().map(|_| vectors.as_slice())).unwrap();
    }
    builder.seal(id).unwrap()
}

pub fn segment(config: &SegmentConfig, id: u64, entries: &[Entry]) -> Segment {
    seal(config, id, entries).open().unwrap()
}

/// One chunk a document, with nothing but a vector.
pub fn vectors_only(config: &SegmentConfig, id: u64, rows: &[Vec<f32>]) -> Segment {
    let mut builder = SegmentBuilder::new(config).unwrap();
    let chunks = [ChunkEntry { span: 0..0, source: 0..0, context: String::new(), unit: Unit::default() }];
    for (number, row) in rows.iter().enumerate() {
        let id = number.to_string();
        let document = Document { id, text: String::new(), title: None, url: None, meta: Meta::new(), language: None };
        builder.add(&document, &chunks, Some(row)).unwrap();
    }
    builder.seal(id).unwrap().open().unwrap()
}

/// Points around centres, as embeddings are.
pub fn clustered(random: &mut Random, count: usize, dims: usize, clusters: u32) -> Vec<Vec<f32>> {
    let mut point = |spread: f32, around: &[f32]| -> Vec<f32> {
        around.iter().map(|centre| centre + spread * random.normal()).collect()
    };
    let centres: Vec<Vec<f32>> = (0..clusters).map(|_| point(1.0, &vec![0.0; dims])).collect();
    (0..count).map(|i| point(0.5, &centres[i % clusters as usize])).collect()
}

/// Some ordinals, each with probability `share`.
pub fn some(random: &mut Random, len: u32, share: f32) -> Bitset {
    Bitset::from_ones(len, (0..len).filter(|_| random.unit() < share))
}

/// Makes the checksums of a frame right again, as far as its table can be followed.
pub fn repair(frame: &mut [u8]) {
    let word = |frame: &[u8], at: usize| u32::from_le_bytes(frame[at..at + 4].try_into().unwrap()) as usize;
    let count = word(frame, 20);
    let table = 24 + 16usize.saturating_mul(count);
    if table + 4 > frame.len() {
        return;
    }
    for entry in (24..table).step_by(16) {
        let (start, len) = (word(frame, entry + 4), word(frame, entry + 8));
        if let Some(section) = frame.get(start..start.saturating_add(len)) {
            let crc = crc32fast::hash(section).to_le_bytes();
            frame[entry + 12..entry + 16].copy_from_slice(&crc);
        }
    }
    let crc = crc32fast::hash(&frame[..table]).to_le_bytes();
    frame[table..table + 4].copy_from_slice(&crc);
}
