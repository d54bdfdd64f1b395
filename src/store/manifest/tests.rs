use super::*;
use crate::error::ErrorKind;
use crate::store::{Numbered, Part, Tombstones};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

/// Without a fingerprint, which names then do not show.
fn blob(bytes: u64) -> Blob {
    Blob { bytes, sum: None }
}

fn numbered(number: u64, bytes: u64) -> Option<Numbered> {
    Some(Numbered { number, blob: blob(bytes) })
}

fn entry(id: u64) -> SegmentEntry {
    let tombstones = Tombstones::new(10);
    let (pages, main) = (vec![blob(1), blob(2)], blob(3));
    let (vectors, graph, extras) = (None, None, Extras::new());
    SegmentEntry { id, docs: 10, chunks: 20, head: 2, main, pages, vectors, graph, extras, tombstones }
}

/// The blobs of a segment, in the sizes that its entry states.
fn blobs(entry: &SegmentEntry) -> Vec<(String, Vec<u8>)> {
    entry.blobs().map(|(name, blob)| (name, vec![7; blob.bytes as usize])).collect()
}

fn model(name: &str, dims: usize) -> EmbedderInfo {
    EmbedderInfo { name: name.into(), digest: "d1".into(), dims, max_tokens: 256, matryoshka: false }
}

fn extras<const N: usize>(list: [(BlobKind, u64, u64); N]) -> Extras {
    list.map(|(kind, number, bytes)| (kind, Numbered { number, blob: blob(bytes) })).into()
}

fn sample() -> Manifest {
    let mut second = entry(5);
    second.graph = numbered(2, 99);
    second.vectors = numbered(1, 50);
    second.extras = extras([(BlobKind::Splade, 3, 40), (BlobKind::Colbert, 4, 41)]);
    second.tombstones.insert(3);
    Manifest {
        generation: 9,
        next_id: 6,
        settings: serde_json::json!({ "language": "en", "k1": 1.2 }),
        embedder: Some(model("m", 384)),
        encoders: [(BlobKind::Splade, EncoderInfo { name: "s".into(), digest: "d2".into() })].into(),
        shared: extras([(BlobKind::Rotation, 6, 42)]),
        segments: vec![entry(4), second],
        pending: Some(Pending {
            embedder: model("n", 12),
            run: 8,
            segments: vec![(4, vec![Part { rows: 15, blob: blob(9) }, Part { rows: 5, blob: blob(8) }])],
        }),
        retired: vec![Retired { name: "seg-1".into(), since: 8 }],
        origin: Origin::default(),
    }
}

fn any_blob() -> impl Strategy<Value = Blob> {
    (1u64.., of(any::<u32>())).prop_map(|(bytes, sum)| Blob { bytes, sum })
}

fn any_numbered() -> impl Strategy<Value = Numbered> {
    (any::<u64>(), any_blob()).prop_map(|(number, blob)| Numbered { number, blob })
}

/// Of segments, or of the collection.
fn any_extras(of_segments: bool) -> impl Strategy<Value = Extras> {
    let kinds = BlobKind::ALL.into_iter().filter(|kind| kind.of_segments() == of_segments).collect::<Vec<_>>();
    proptest::collection::btree_map(proptest::sample::select(kinds), any_numbered(), 0..3)
}

fn any_entry() -> impl Strategy<Value = SegmentEntry> {
    let beside = (of(any_numbered()), of(any_numbered()), any_extras(true));
    let marks = vec(0u32..300, 0..300);
    (0u32..300, any::<u32>(), any_blob(), vec(any_blob(), 0..5), beside, marks).prop_map(
        |(docs, chunks, main, pages, (vectors, graph, extras), marks)| {
            let mut tombstones = Tombstones::new(docs);
            for mark in marks {
                tombstones.insert(mark);
            }
            let head = main.bytes.min(77) as u32;
            SegmentEntry { id: 0, docs, chunks, head, main, pages, vectors, graph, extras, tombstones }
        },
    )
}

fn any_manifest() -> impl Strategy<Value = Manifest> {
    let embedder = of(("\\PC*", "[0-9a-f]{64}", 1..=limits::VECTOR_DIMS, any::<u32>()).prop_map(
        |(name, digest, dims, tokens)| EmbedderInfo {
            name,
            digest,
            dims,
            max_tokens: tokens as usize,
            matryoshka: false,
        },
    ));
    let settings = proptest::collection::btree_map("\\PC*", any::<i64>(), 0..5).prop_map(|map| serde_json::json!(map));
    let encoder = ("\\PC*", "[0-9a-f]{64}").prop_map(|(name, digest)| EncoderInfo { name, digest });
    let encoders = proptest::collection::btree_map(proptest::sample::select(&BlobKind::ALL[..]), encoder, 0..3);
    let models = (embedder, encoders, any_extras(false));
    (1u64.., 0u64..1 << 60, settings, models, vec(any_entry(), 0..6), vec(any::<u64>(), 0..6)).prop_map(
        |(generation, base, settings, (embedder, encoders, shared), mut segments, retired)| {
            segments.iter_mut().zip(base..).for_each(|(segment, id)| segment.id = id);
            let retired = retired
                .iter()
                .enumerate()
                .map(|(at, since)| Retired { name: format!("gone-{at}"), since: since % generation + 1 });
            let (next_id, retired) = (base + segments.len() as u64, retired.collect());
            let parts = |entry: &SegmentEntry| vec![Part { rows: entry.chunks.max(1), blob: entry.main }];
            let begun = segments.iter().filter(|entry| entry.chunks > 0).map(|entry| (entry.id, parts(entry)));
            let embed = |embedder| Pending { embedder, run: base, segments: begun.collect() };
            let pending = embedder.clone().map(embed);
            let origin = Origin::default();
            Manifest { generation, next_id, settings, embedder, encoders, shared, segments, pending, retired, origin }
        },
    )
}

proptest! {
    #[test]
    fn it_comes_back(manifest in any_manifest()) {
        prop_assert_eq!(Manifest::decode(&manifest.encode().unwrap()).unwrap(), manifest);
    }

    #[test]
    fn garbage_under_good_checksums_is_an_error_or_a_manifest(sections in vec(vec(any::<u8>(), 0..80), 4)) {
        let mut frame = FrameWriter::new(KIND, 3);
        for (tag, bytes) in [HEAD, SETTINGS, SEGMENTS, RETIRED].into_iter().zip(sections) {
            frame.section(tag, bytes);
        }
        let _ = Manifest::decode(&frame.finish().unwrap());
    }

    #[test]
    fn flipped_bytes_under_good_checksums_never_panic(at in any::<prop::sample::Index>(), value in any::<u8>()) {
        let good = sample().encode().unwrap();
        let frame = Frame::open(&good, KIND, 9).unwrap();
        let mut segments = frame.section(SEGMENTS).unwrap().to_vec();
        let at = at.index(segments.len());
        segments[at] = value;
        let mut bad = FrameWriter::new(KIND, 9);
        for tag in [HEAD, SETTINGS, EMBEDDER, ENCODERS, SHARED, PENDING, RETIRED] {
            bad.section(tag, frame.section(tag).unwrap().to_vec());
        }
        bad.section(SEGMENTS, segments);
        if let Ok(manifest) = Manifest::decode(&bad.finish().unwrap()) {
            manifest.check().unwrap();
        }
    }
}

#[test]
fn every_truncation_and_every_flipped_bit_is_noticed() {
    let bytes = sample().encode().unwrap();
    assert!((0..bytes.len()).all(|len| Manifest::decode(&bytes[..len]).is_err()));
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(Manifest::decode(&bad).is_err(), "bit {bit}");
    }
    assert!(Manifest::decode(&[bytes, vec![0]].concat()).is_err());
}

#[test]
fn a_newer_format_says_so() {
    let mut bytes = sample().encode().unwrap();
    bytes[6] = 99;
    let error = Manifest::decode(&bytes).unwrap_err();
    assert_eq!(error.kind, ErrorKind::FormatTooNew);
    assert!(error.context.starts_with("manifest: "), "{error}");
}

#[test]
fn another_kind_of_blob_is_refused() {
    let blob = FrameWriter::new(*b"SEGM", 9).finish().unwrap();
    assert_eq!(Manifest::decode(&blob).unwrap_err().kind, ErrorKind::Corrupt);
}

#[track_caller]
fn refused(spoil: impl FnOnce(&mut Manifest), says: &str) {
    let mut manifest = sample();
    spoil(&mut manifest);
    let error = manifest.encode().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Internal);
    assert!(error.context.contains(says), "{error}");
}

#[test]
fn the_rules_hold_in_every_manifest() {
    refused(|m| m.generation = 0, "generation 0");
    refused(|m| m.segments[1].id = 4, "segment 4 appears twice");
    refused(|m| m.next_id = 5, "not below 5");
    refused(|m| m.segments[0].docs = 11, "segment 4: tombstones of 10 documents, 11 there");
    refused(|m| m.segments[0].main.bytes = 0, "a head of 2 bytes");
    refused(|m| m.segments[0].pages[1] = blob(0), "no bytes");
    refused(|m| m.segments[1].graph = numbered(1, 0), "no bytes");
    let of_segments = || extras([(BlobKind::Splade, 3, 40)]);
    refused(|m| m.shared = of_segments(), "a splade blob in the wrong list");
    refused(|m| m.segments[1].extras = extras([(BlobKind::Rotation, 1, 1)]), "a rotation blob in the wrong list");
    refused(|m| m.segments[1].extras = extras([(BlobKind::Colbert, 1, 0)]), "no bytes");
    refused(|m| m.shared = extras([(BlobKind::Rotation, 1, 0)]), "no bytes");
    refused(|m| m.embedder.as_mut().unwrap().dims = 0, "0 dimensions");
    refused(|m| m.embedder.as_mut().unwrap().dims = limits::VECTOR_DIMS + 1, "dimensions");
    refused(|m| m.pending.as_mut().unwrap().embedder.dims = 0, "0 dimensions");
    refused(|m| m.pending.as_mut().unwrap().segments[0].0 = 3, "pending vectors of segment 3");
    refused(|m| m.segments[0].chunks = 19, "pending vectors of segment 4");
    refused(|m| m.pending.as_mut().unwrap().segments[0].1[0].blob.bytes = 0, "no bytes");
    refused(|m| m.retired[0].since = 10, "retired since generation 10");
    refused(|m| m.retired[0].since = 0, "retired since generation 0");
    refused(|m| m.retired[0].name = "seg-4".into(), "live");
    refused(|m| m.retired.push(m.retired[0].clone()), "twice");
    refused(|m| m.retired[0].name.clear(), "without a name");
}

#[test]
fn segments_that_declare_more_documents_than_allowed_cost_no_memory() {
    let mut writer = Writer::new();
    writer.varint(100_000);
    for id in 0..100_000 {
        let docs = if id < 2 { 1 << 23 } else { u32::MAX };
        writer.u64(id);
        [docs, 0, 0].iter().for_each(|&number| writer.u32(number));
        writer.raw(&[1, 0, 0, 0, 0, 0]);
        writer.varint(docs.into());
        writer.raw(&[0, 0]);
    }
    let mut frame = FrameWriter::new(KIND, 1);
    frame.section(HEAD, 200_000u64.to_le_bytes().to_vec()).section(SETTINGS, b"{}".to_vec());
    frame.section(SEGMENTS, writer.into_bytes()).section(RETIRED, vec![0]);
    let error = Manifest::decode(&frame.finish().unwrap()).unwrap_err();
    assert!(error.context.contains("segment 2 of 4294967295 documents; 0 are the most left"), "{error}");
}

#[test]
fn blobs_are_retired_kept_and_then_forgotten() {
    let empty = Manifest::new(serde_json::json!({}));
    let mut first = Manifest { next_id: 3, segments: vec![entry(1), entry(2)], ..empty.clone() };
    let put = [blobs(&first.segments[0]), blobs(&first.segments[1])].concat();
    let commit = first.commit(&empty, put).unwrap();
    assert_eq!((commit.expected, commit.generation, commit.put.len()), (0, 1, 6));
    assert_eq!(Manifest::decode(&commit.manifest).unwrap(), first);

    let mut merged = first.clone();
    merged.segments = vec![entry(3)];
    merged.next_id = 4;
    merged.commit(&first, blobs(&merged.segments[0])).unwrap();
    assert_eq!(merged.retired.len(), 6);

    let mut current = merged;
    for generation in 3..6 {
        let mut next = current.clone();
        let commit = next.commit(&current, vec![]).unwrap();
        assert_eq!((commit.generation, next.retired.len()), (generation, 6));
        // Retired in generation 2 and kept through 3.
        assert_eq!(next.overdue().count(), if generation < 2 + KEEP { 0 } else { 6 });
        current = next;
    }
    let gone: Vec<String> = current.overdue().take(4).map(String::from).collect();
    let mut next = current.clone();
    next.retired.retain(|blob| !gone.contains(&blob.name));
    let commit = next.commit(&current, vec![]).unwrap();
    assert_eq!(Manifest::decode(&commit.manifest).unwrap().retired, current.retired[4..]);
}

#[test]
fn a_new_graph_retires_the_old_one_and_tombstones_write_no_blob() {
    let current = sample();
    let mut next = current.clone();
    next.segments[0].tombstones.insert(0);
    assert_eq!(next.segments[0].live_docs(), 9);
    next.segments[1].graph = numbered(3, 4);
    next.commit(&current, vec![("seg-5-g3".into(), vec![0; 4])]).unwrap();
    let retired = |name: &str, since| Retired { name: name.into(), since };
    assert_eq!(next.retired, [retired("seg-1", 8), retired("seg-5-g2", 10)]);
    assert_eq!(next.overdue().collect::<Vec<_>>(), ["seg-1"]);
}

#[test]
fn blobs_beside_the_usual_ones_come_and_go_alone() {
    let current = sample();
    let mut next = current.clone();
    next.segments[1].extras = extras([(BlobKind::Splade, 10, 7), (BlobKind::Colbert, 4, 41)]);
    next.shared = Extras::new();
    let commit = next.commit(&current, vec![("seg-5-splade-10".into(), vec![0; 7])]).unwrap();
    let retired: Vec<&str> = next.retired.iter().map(|blob| blob.name.as_str()).collect();
    assert_eq!(retired, ["seg-1", "all-rotation-6", "seg-5-splade-3"]);
    assert_eq!(Manifest::decode(&commit.manifest).unwrap(), next);
    assert_eq!(next.segments[1].extra_name(BlobKind::Colbert).unwrap(), "seg-5-colbert-4");
    assert_eq!(
        (current.shared_name(BlobKind::Rotation).unwrap().as_str(), next.shared_name(BlobKind::Rotation)),
        ("all-rotation-6", None)
    );
}

#[test]
fn kinds_of_blobs_are_known_ascending_and_once() {
    let list = |codes: &[u8]| {
        let mut writer = Writer::new();
        writer.varint(codes.len() as u64);
        for &code in codes {
            writer.u8(code);
            writer.u64(1);
            writer.raw(&[5, 0]);
        }
        extra::read(&mut Reader::new(&writer.into_bytes())).map(|extras| extras.len()).map_err(|e| e.context)
    };
    assert_eq!((list(&[]), list(&[1, 2])), (Ok(0), Ok(2)));
    assert!(list(&[2, 1]).unwrap_err().contains("the splade blob is out of order"));
    assert!(list(&[3, 3]).unwrap_err().contains("the rotation blob is out of order"));
    assert!(list(&[0]).unwrap_err().contains("kind 0") && list(&[5]).unwrap_err().contains("kind 5"));
}

#[track_caller]
fn miscommitted(change: impl FnOnce(&mut Manifest), put: Vec<(String, Vec<u8>)>, says: &str) {
    let current = sample();
    let mut next = current.clone();
    change(&mut next);
    let error = next.commit(&current, put).unwrap_err();
    assert!(error.context.contains(says), "{error}");
}

#[test]
fn a_commit_puts_exactly_what_is_new() {
    let add = |manifest: &mut Manifest| {
        manifest.segments.push(entry(6));
        manifest.next_id = 7;
    };
    let good = blobs(&entry(6));
    miscommitted(add, vec![], "blob seg-6 ");
    miscommitted(add, good[..2].to_vec(), "seg-6-t1 of 2 bytes");
    miscommitted(add, [good.clone(), vec![("seg-7".into(), vec![])]].concat(), "seg-7 of 0 bytes");
    miscommitted(|_| (), vec![("seg-4".into(), vec![0; 3])], "seg-4 of 3 bytes");
    // A blob is never written again, neither with other bytes nor after it was retired.
    miscommitted(|m| m.segments[0].main = blob(8), vec![("seg-4".into(), vec![0; 8])], "\"seg-4\" retired");
    let revive = |manifest: &mut Manifest| manifest.segments.push(SegmentEntry { pages: vec![], ..entry(1) });
    miscommitted(revive, vec![("seg-1".into(), vec![0; 3])], "\"seg-1\" retired");
    let flood = |manifest: &mut Manifest| {
        manifest.segments[0].docs = limits::COLLECTION_DOCS;
        manifest.segments[0].tombstones = Tombstones::new(limits::COLLECTION_DOCS);
    };
    miscommitted(flood, vec![], "16777226 documents");
}

#[test]
fn orphans_are_what_nobody_names() {
    let list = ["seg-1", "seg-4", "seg-4-p8-0", "seg-4-t0", "seg-4-t2", "seg-5-g1", "seg-5-g2", "seg-5-v1", "seg-6"];
    let list = list.map(|name| (name.to_string(), 1));
    assert_eq!(sample().orphans(&list), ["seg-4-t2", "seg-5-g1", "seg-6"]);
}

#[test]
fn names_carry_the_fingerprint_where_it_is_known() {
    let summed = |bytes, sum| Blob { bytes, sum: Some(sum) };
    let vectors = Some(Numbered { number: 9, blob: summed(4, 0xab) });
    let extras: Extras = [(BlobKind::Splade, Numbered { number: 9, blob: summed(5, 0xcd) })].into();
    let entry = SegmentEntry { extras, main: summed(3, 1), pages: vec![summed(1, 2)], vectors, ..entry(4) };
    let names: Vec<String> = entry.blobs().map(|(name, _)| name).collect();
    assert_eq!(names, ["seg-4-00000001", "seg-4-t0-00000002", "seg-4-v9-000000ab", "seg-4-splade-9-000000cd"]);
    assert_eq!(sample().pending.unwrap().names(4), ["seg-4-p8-0", "seg-4-p8-15"]);
}
