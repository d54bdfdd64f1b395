//! Whole segments: round trips, copies, damage.

use super::testing::{entries, lexical, repair, seal, segment, some, with_vectors, Entry, Random};
use super::*;
use crate::error::{Error, ErrorKind, Result};
use crate::pace::{at_once, LocalFuture, Pacer};
use proptest::prelude::*;
use std::cell::Cell;

fn configs() -> impl Strategy<Value = SegmentConfig> {
    let storages = prop_oneof![Just(Storage::F32), Just(Storage::F16), Just(Storage::Int8)];
    let metrics = prop_oneof![Just(Metric::Cosine), Just(Metric::Dot), Just(Metric::Euclidean)];
    let vectors = (1usize..6, storages, metrics);
    prop_oneof![Just(lexical()), vectors.prop_map(|(dims, storage, metric)| with_vectors(dims, storage, metric)),]
}

fn sample(seed: u64, config: &SegmentConfig, docs: u32) -> Vec<Entry> {
    entries(&mut Random(seed), "doc", docs, 4, config.vectors.as_ref().map_or(0, |vectors| vectors.dims))
}

proptest! {
    #[test]
    fn documents_come_back(seed: u64, config in configs(), docs in 0u32..30) {
        let entries = sample(seed, &config, docs);
        let sealed = seal(&config, 7, &entries);
        let segment = sealed.open().unwrap();
        prop_assert_eq!((segment.docs(), segment.chunks()), (sealed.docs, sealed.chunks));
        prop_assert_eq!((segment.pages() as usize, segment.config()), (sealed.pages.len(), &config));
        let mut next = 0;
        for (ordinal, Entry { document, chunks, .. }) in (0..).zip(&entries) {
            prop_assert_eq!(segment.find(&document.id), Some(ordinal));
            let doc = segment.doc(ordinal).unwrap();
            prop_assert_eq!(doc.id, &document.id);
            prop_assert_eq!((doc.title, doc.url), (document.title.as_deref(), document.url.as_deref()));
            prop_assert_eq!(&doc.meta().unwrap(), &document.meta);
            let bytes = &sealed.pages[doc.page as usize];
            prop_assert_eq!(segment.text_of(bytes, ordinal).unwrap(), &document.text);
            let page = Page::open(&segment, doc.page, bytes).unwrap();
            prop_assert_eq!(page.text(&segment, ordinal).unwrap(), &document.text);
            prop_assert_eq!(segment.doc_chunks(ordinal), next..next + chunks.len() as u32);
            for ChunkEntry { span, source, context, unit } in chunks {
                let (span, source, unit) = (span.clone(), source.clone(), unit.clone());
                let expected = ChunkRef { doc: ordinal, span, source, context, unit };
                prop_assert_eq!(segment.chunk(next).unwrap(), expected);
                next += 1;
            }
        }
        prop_assert!(segment.find("nobody").is_none());
        prop_assert!(segment.doc(docs).is_err() && segment.chunk(next).is_err() && segment.vector(next).is_err());
        prop_assert!(segment.doc_chunks(docs + 1).is_empty());
    }

    /// Merging with deletions gives the bytes of a segment that never held what was deleted.
    #[test]
    fn copies_are_what_building_anew_would_give(seed: u64, config in configs(), docs in 0u32..40, kept in 0.0f32..1.2) {
        let mut random = Random(seed);
        let entries = sample(seed, &config, docs);
        let (left, right) = entries.split_at(random.below(0..docs + 1) as usize);
        let keep = some(&mut random, docs, kept);
        let mut builder = SegmentBuilder::new(&config).unwrap();
        for (id, part, start) in [(1, left, 0), (2, right, left.len() as u32)] {
            let sealed = seal(&config, id, part);
            let (segment, pages) = (sealed.open().unwrap(), sealed.pages);
            for doc in (0..segment.docs()).filter(|doc| keep.contains(start + doc)) {
                let page = &pages[segment.page_of(doc).unwrap() as usize];
                builder.copy(&segment, doc, segment.text_of(page, doc).unwrap(), None).unwrap();
            }
        }
        let copied = builder.seal(9).unwrap();
        let rest: Vec<Entry> = (0..).zip(entries).filter(|(doc, _)| keep.contains(*doc)).map(|(_, entry)| entry).collect();
        let built = seal(&config, 9, &rest);
        prop_assert!(copied.main == built.main && copied.pages == built.pages && copied.vectors == built.vectors);
        prop_assert_eq!((copied.docs, copied.chunks), (built.docs, built.chunks));
    }

    /// A flipped bit is noticed; and so is one behind repaired checksums, or it does no harm.
    #[test]
    fn damage_is_an_error_and_never_a_panic(seed: u64, config in configs(), at: prop::sample::Index, bit in 0u8..8) {
        let Sealed { main, pages, vectors, .. } = seal(&config, 7, &sample(seed, &config, 8));
        let mut bad = main.clone();
        let at_main = at.index(main.len());
        bad[at_main] ^= 1 << bit;
        prop_assert!(Segment::open(7, &bad).is_err());
        prop_assert!(Segment::open(7, &main[..at_main]).is_err());
        prop_assert!(Segment::open(8, &main).is_err());
        let segment = Segment::open(7, &main).unwrap();
        for (number, page) in (0..).zip(&pages) {
            let mut bad = page.clone();
            let at = at.index(bad.len());
            bad[at] ^= 1 << bit;
            prop_assert!(Page::open(&segment, number, &bad).is_err());
            prop_assert!(Page::open(&segment, number, &page[..at]).is_err());
            prop_assert!(Page::open(&segment, number + 1, page).is_err());
        }
        repair(&mut bad);
        if let Ok(segment) = Segment::open(7, &bad) {
            use_everything(&segment);
        }
        if let Some(vectors) = vectors {
            let mut bad = vectors.clone();
            let at = at.index(bad.len());
            bad[at] ^= 1 << bit;
            prop_assert!(segment.with_vectors(&bad).is_err() && segment.with_vectors(&vectors[..at]).is_err());
            repair(&mut bad);
            if let Ok(segment) = segment.with_vectors(&bad) {
                use_everything(&segment);
            }
        }
    }
}

/// Whatever the bytes say, nothing may panic.
fn use_everything(segment: &Segment) {
    let text = "x".repeat(1 << 16);
    let mut builder = SegmentBuilder::new(segment.config());
    for doc in 0..segment.docs() {
        let found = segment.doc(doc).unwrap();
        let meta = found.meta();
        if let (Ok(builder), Some(text), Ok(_)) = (&mut builder, text.get(..found.text.len()), meta) {
            builder.copy(segment, doc, text, None).ok();
        }
        segment.doc_chunks(doc).for_each(|chunk| assert_eq!(segment.chunk(chunk).unwrap().doc, doc));
    }
    if let Ok(sealed) = builder.and_then(|builder| builder.seal(1)) {
        sealed.open().unwrap();
    }
    let terms: Vec<(String, f32)> = (0..40).map(|i| (format!("w{i}"), 1.0)).collect();
    for scorer in [SparseScorer::BM25, SparseScorer::TfIdf] {
        let (query, legs) = (SparseQuery { terms: &terms, scorer }, [Leg { segment, allowed: None }]);
        for hit in sparse_top_k(&legs, &query, 5) {
            assert!(hit.score.is_finite());
            explain_sparse(&legs, 0, hit.chunk, &query);
        }
    }
    for field in segment.fields() {
        let filter = serde_json::json!({ field: { "gte": 2004, "exists": true } });
        segment.expand(&Filter::parse(&filter).unwrap().evaluate(segment));
    }
    if let Some(vectors) = &segment.config().vectors {
        let legs = [DenseLeg { segment, graph: None, allowed: None }];
        let hits = dense_top_k(&legs, &vec![0.5; vectors.dims], DenseParams::default(), 5).unwrap();
        assert!(hits.iter().all(|hit| hit.score.is_finite()));
        (0..segment.chunks()).for_each(|chunk| assert!(segment.vector(chunk).unwrap().is_some()));
    }
}

fn document(id: &str, text: &str) -> Document {
    Document { id: id.into(), text: text.into(), title: None, url: None, meta: Meta::new(), language: None }
}

fn chunk(span: std::ops::Range<usize>) -> ChunkEntry {
    ChunkEntry { span, source: 0..0, context: String::new(), unit: Unit::default() }
}

#[track_caller]
fn refused(config: &SegmentConfig, text: &str, chunks: &[ChunkEntry], vectors: Option<&[f32]>, kind: ErrorKind) {
    let mut builder = SegmentBuilder::new(config).unwrap();
    assert_eq!(builder.add(&document("a", text), chunks, vectors).unwrap_err().kind, kind);
    // Nothing of it stays.
    let sound = vec![0.5; config.vectors.as_ref().map_or(0, |vectors| vectors.dims)];
    builder.add(&document("a", "fine"), &[chunk(0..4)], vectors.map(|_| sound.as_slice())).unwrap();
    let mut other = SegmentBuilder::new(config).unwrap();
    other.add(&document("a", "fine"), &[chunk(0..4)], vectors.map(|_| sound.as_slice())).unwrap();
    assert!(builder.seal(1).unwrap().main == other.seal(1).unwrap().main);
}

#[test]
fn wrong_input_is_refused_and_leaves_nothing() {
    let (dense, invalid) = (with_vectors(2, Storage::Int8, Metric::Cosine), ErrorKind::InvalidInput);
    refused(&lexical(), "short", &[chunk(0..6)], None, invalid);
    refused(&lexical(), "gr\u{fc}n", &[chunk(0..3)], None, invalid);
    refused(
        &lexical(),
        "short",
        &[ChunkEntry { source: std::ops::Range { start: 3, end: 2 }, ..chunk(0..1) }],
        None,
        invalid,
    );
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30] {
        refused(&dense, "text", &[chunk(0..4)], Some(&[0.5, bad]), invalid);
    }
    refused(&dense, "text", &[chunk(0..4)], Some(&[0.5]), invalid);
    refused(&dense, "text", &[chunk(0..4)], Some(&[0.5; 4]), invalid);
    let half = with_vectors(1, Storage::F16, Metric::Dot);
    refused(&half, "text", &[chunk(0..4)], Some(&[1e5]), invalid);
}

#[test]
fn vectors_must_be_as_configured() {
    let mut without = SegmentBuilder::new(&lexical()).unwrap();
    assert!(without.add(&document("a", ""), &[], Some(&[])).is_err());
    let mut with = SegmentBuilder::new(&with_vectors(2, Storage::F32, Metric::Dot)).unwrap();
    assert!(with.add(&document("a", ""), &[], None).is_err());
    assert!(with.add(&document("a", ""), &[], Some(&[])).is_ok());
    assert!(SegmentBuilder::new(&with_vectors(0, Storage::F32, Metric::Dot)).is_err());
    assert!(SegmentBuilder::new(&with_vectors(1 << 20, Storage::F32, Metric::Dot)).is_err());
}

#[test]
fn an_id_is_taken_once() {
    let mut builder = SegmentBuilder::new(&lexical()).unwrap();
    builder.add(&document("a", "one"), &[chunk(0..3)], None).unwrap();
    assert!(builder.contains("a") && !builder.contains("b"));
    assert_eq!(builder.add(&document("a", "two"), &[chunk(0..3)], None).unwrap_err().kind, ErrorKind::InvalidInput);
    assert_eq!((builder.docs(), builder.chunks()), (1, 1));
}

#[test]
fn metadata_can_be_replaced_by_a_copy() {
    let source = segment(&lexical(), 1, &sample(3, &lexical(), 5));
    let text = "x".repeat(source.doc(2).unwrap().text.len());
    let meta = Meta::from([("tag".to_owned(), MetaValue::Text("new".into()))]);
    let mut builder = SegmentBuilder::new(&lexical()).unwrap();
    builder.copy(&source, 2, &text, Some(&meta)).unwrap();
    assert!(builder.copy(&source, 3, &(text + "more"), None).is_err());
    let copy = builder.seal(2).unwrap().open().unwrap();
    assert_eq!(copy.doc(0).unwrap().meta().unwrap(), meta);
    assert_eq!(copy.fields().collect::<Vec<_>>(), ["tag"]);
    let other = SegmentConfig { language: "en".into(), vectors: None };
    assert!(SegmentBuilder::new(&other).unwrap().copy(&source, 2, "", None).is_err());
}

#[test]
fn pages_hold_about_64_kb_and_a_long_document_alone() {
    let texts: Vec<String> = [100, 40_000, 30_000, 300_000, 10].map(|len| "y".repeat(len)).into();
    let mut builder = SegmentBuilder::new(&lexical()).unwrap();
    for (number, text) in texts.iter().enumerate() {
        builder.add(&document(&number.to_string(), text), &[], None).unwrap();
    }
    let sealed = builder.seal(1).unwrap();
    let segment = sealed.open().unwrap();
    let pages: Vec<u32> = (0..5).map(|doc| segment.page_of(doc).unwrap()).collect();
    assert_eq!((pages, sealed.pages.len()), (vec![0, 0, 0, 1, 2], 3));
    let page = Page::open(&segment, 0, &sealed.pages[0]).unwrap();
    assert_eq!((page.len(), page.text(&segment, 1).unwrap()), (70_100, texts[1].as_str()));
    assert_eq!(page.text(&segment, 3).unwrap_err().kind, ErrorKind::Internal);
}

#[test]
fn numbers_in_metadata_are_finite() {
    let meta = Meta::from([("a".to_owned(), MetaValue::List(vec![MetaValue::Number(f64::NAN)]))]);
    let document = Document { meta, ..document("a", "") };
    let error = SegmentBuilder::new(&lexical()).unwrap().add(&document, &[], None).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidInput);
}

/// Counts pauses, and fails at one of them.
struct Stop {
    pauses: Cell<usize>,
    at: usize,
}

impl Pacer for Stop {
    fn pause(&self) -> LocalFuture<'_, Result<()>> {
        let before = self.pauses.replace(self.pauses.get() + 1);
        let stopped = (before == self.at).then(|| Error::new(ErrorKind::Aborted, "the caller's signal"));
        Box::pin(std::future::ready(stopped.map_or(Ok(()), Err)))
    }
}

/// A query waits for whoever seals or opens a large segment only until the next pause.
#[test]
fn sealing_and_opening_pause_throughout_and_stop_at_each_pause() {
    let config = with_vectors(3, Storage::Int8, Metric::Cosine);
    let entries = sample(11, &config, 4000);
    let whole = seal(&config, 1, &entries);
    let build = || {
        let mut builder = SegmentBuilder::new(&config).unwrap();
        entries.iter().for_each(|it| builder.add(&it.document, &it.chunks, Some(&it.vectors)).unwrap());
        builder
    };
    let sealed = |at| {
        let stop = Stop { pauses: Cell::default(), at };
        (at_once(build().seal_paced(1, &stop)), stop.pauses.get())
    };
    let opened = |at| {
        let stop = Stop { pauses: Cell::default(), at };
        (at_once(whole.open_paced(&stop)), stop.pauses.get())
    };
    let (sealing, seal_pauses) = sealed(usize::MAX);
    assert!(sealing.unwrap().main == whole.main);
    let (opening, open_pauses) = opened(usize::MAX);
    let slices = opening.unwrap().postings.count / 8192;
    assert!(slices > 2 && seal_pauses > slices && open_pauses > slices, "{slices}: {seal_pauses}, {open_pauses}");
    for at in (0..seal_pauses).step_by(3) {
        assert_eq!(sealed(at).0.unwrap_err().kind, ErrorKind::Aborted);
    }
    for at in 0..open_pauses {
        assert_eq!(opened(at).0.map(drop).unwrap_err().kind, ErrorKind::Aborted);
    }
}
