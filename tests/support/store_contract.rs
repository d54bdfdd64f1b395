//! What every [`Store`] promises, as tests that know no implementation. A test file names its runner:
//! `store_contract!(run)` calls `run!(case)` for every case, and each case gets a [`Place`] of its own.

use nearfield::codec::{fingerprint, FrameWriter};
use nearfield::pace::LocalFuture;
use nearfield::store::{Commit, Named, Store};
use nearfield::{limits, ErrorKind, Result};

/// Where one collection can be opened again and again, empty at first.
pub trait Place {
    fn open(&self) -> LocalFuture<'_, Result<Box<dyn Store>>>;
}

macro_rules! store_contract {
    ($run:ident) => {
        $run!(a_new_collection_is_empty);
        $run!(what_was_committed_is_read);
        $run!(a_missing_blob_is_not_found);
        $run!(parts_of_blobs_are_read);
        $run!(deleted_blobs_are_gone_and_others_stay);
        $run!(a_commit_upon_another_generation_is_locked_and_changes_nothing);
        $run!(of_two_handles_the_second_to_commit_loses);
        $run!(one_handle_reads_what_another_committed);
        $run!(everything_is_there_after_opening_again);
        $run!(a_malformed_commit_is_refused_whole);
        $run!(big_blobs_come_back);
        $run!(many_blobs_come_back);
        $run!(any_text_is_a_name);
        $run!(an_empty_blob_is_a_blob);
        $run!(a_closed_handle_says_so);
        $run!(destroying_leaves_nothing);
        $run!(calls_may_overlap);
        $run!(a_commit_upon_another_collection_is_locked_and_changes_nothing);
        $run!(what_is_staged_counts_once_it_is_committed);
        $run!(a_commit_without_what_was_staged_is_locked_and_changes_nothing);
        $run!(what_is_staged_may_be_staged_anew_and_discarded);
        $run!(what_a_dead_writer_staged_is_listed_and_can_go);
        $run!(parts_of_large_blobs_are_read_however_they_came);
    };
}
pub(crate) use store_contract;

/// The manifest of a generation: any frame of the right kind and id.
fn manifest(generation: u64, content: &str) -> Vec<u8> {
    let mut frame = FrameWriter::new(*b"MANI", generation);
    frame.section(*b"TEST", content.as_bytes().to_vec());
    frame.finish().unwrap()
}

fn named(blobs: &[(&str, &[u8])]) -> Vec<Named> {
    blobs.iter().map(|(name, bytes)| (name.to_string(), bytes.to_vec())).collect()
}

/// A commit of blobs that were staged.
fn commit_staged(expected: u64, blobs: &[(&str, &[u8])]) -> Commit {
    let staged = blobs.iter().map(|(name, bytes)| (name.to_string(), bytes.len() as u64)).collect();
    Commit { staged, ..commit(expected, &[]) }
}

fn commit(expected: u64, put: &[(&str, &[u8])]) -> Commit {
    Commit {
        expected,
        upon: None,
        generation: expected + 1,
        manifest: manifest(expected + 1, ""),
        put: named(put),
        staged: vec![],
    }
}

async fn names(store: &dyn Store) -> Vec<String> {
    store.list().await.unwrap().into_iter().map(|(name, _)| name).collect()
}

#[track_caller]
fn fails<T: std::fmt::Debug>(outcome: Result<T>, kind: ErrorKind) {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind, kind, "{error}");
}

/// Bytes without a pattern that compression or a wrong offset could hide behind.
fn noise(len: usize, mut seed: u32) -> Vec<u8> {
    let step = |_| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    (0..len).map(step).collect()
}

pub async fn a_new_collection_is_empty(place: &dyn Place) {
    let store = place.open().await.unwrap();
    assert_eq!(store.manifest().await.unwrap(), None);
    assert_eq!(store.list().await.unwrap(), []);
}

pub async fn what_was_committed_is_read(place: &dyn Place) {
    let store = place.open().await.unwrap();
    store.commit(commit(0, &[("b", b"two"), ("a", b"three")])).await.unwrap();
    assert_eq!(store.manifest().await.unwrap(), Some(manifest(1, "")));
    assert_eq!(store.read("a").await.unwrap(), b"three");
    assert_eq!(store.read("b").await.unwrap(), b"two");
    assert_eq!(store.list().await.unwrap(), [("a".to_string(), 5), ("b".to_string(), 3)]);
}

pub async fn a_missing_blob_is_not_found(place: &dyn Place) {
    let store = place.open().await.unwrap();
    fails(store.read("a").await, ErrorKind::NotFound);
    store.commit(commit(0, &[("a", b"1")])).await.unwrap();
    fails(store.read("b").await, ErrorKind::NotFound);
    fails(store.read("../manifest").await, ErrorKind::NotFound);
    let error = store.read("seg-7").await.unwrap_err();
    assert!(error.context.contains("seg-7"), "{error}");
}

pub async fn parts_of_blobs_are_read(place: &dyn Place) {
    let store = place.open().await.unwrap();
    let blob = noise(10_000, 3);
    store.commit(commit(0, &[("a", &blob)])).await.unwrap();
    for range in [0..10_000, 0..0, 1..2, 9_999..10_000, 10_000..10_000, 4_000..9_000] {
        assert_eq!(store.read_range("a", range.clone()).await.unwrap(), blob[range.start as usize..range.end as usize]);
    }
    fails(store.read_range("a", 9_999..10_001).await, ErrorKind::Corrupt);
    fails(store.read_range("b", 0..1).await, ErrorKind::NotFound);
}

pub async fn deleted_blobs_are_gone_and_others_stay(place: &dyn Place) {
    let store = place.open().await.unwrap();
    store.commit(commit(0, &[("a", b"1"), ("b", b"2"), ("c", b"3")])).await.unwrap();
    store.discard(&["a", "c", "never was"].map(String::from)).await.unwrap();
    assert_eq!(names(&*store).await, ["b"]);
    fails(store.read("a").await, ErrorKind::NotFound);
    assert_eq!(store.read("b").await.unwrap(), b"2");
    // A name that is free again may be used again.
    store.commit(commit(1, &[("a", b"anew")])).await.unwrap();
    assert_eq!(store.read("a").await.unwrap(), b"anew");
}

pub async fn a_commit_upon_another_generation_is_locked_and_changes_nothing(place: &dyn Place) {
    let store = place.open().await.unwrap();
    fails(store.commit(commit(1, &[("a", b"1")])).await, ErrorKind::Locked);
    store.commit(commit(0, &[("a", b"1")])).await.unwrap();
    store.commit(commit(1, &[("b", b"2")])).await.unwrap();
    for expected in [0, 1, 3] {
        let error = store.commit(commit(expected, &[("c", b"3")])).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Locked, "{error}");
        assert!(error.context.contains(&expected.to_string()) && error.context.contains('2'), "{error}");
    }
    assert_eq!(names(&*store).await, ["a", "b"]);
    assert_eq!(store.manifest().await.unwrap(), Some(manifest(2, "")));
}

pub async fn of_two_handles_the_second_to_commit_loses(place: &dyn Place) {
    let (one, two) = (place.open().await.unwrap(), place.open().await.unwrap());
    one.commit(commit(0, &[("a", b"of one")])).await.unwrap();
    fails(two.commit(commit(0, &[("a", b"of two")])).await, ErrorKind::Locked);
    assert_eq!(two.read("a").await.unwrap(), b"of one");
    two.commit(commit(1, &[("b", b"of two")])).await.unwrap();
    fails(one.commit(commit(1, &[("c", b"of one")])).await, ErrorKind::Locked);
    assert_eq!(names(&*one).await, ["a", "b"]);
}

pub async fn one_handle_reads_what_another_committed(place: &dyn Place) {
    let (one, two) = (place.open().await.unwrap(), place.open().await.unwrap());
    for generation in 0..5 {
        let name = format!("blob of {generation}");
        one.commit(commit(generation, &[(&name, name.as_bytes())])).await.unwrap();
        assert_eq!(two.manifest().await.unwrap(), Some(manifest(generation + 1, "")));
        assert_eq!(two.read(&name).await.unwrap(), name.as_bytes());
    }
}

pub async fn everything_is_there_after_opening_again(place: &dyn Place) {
    let store = place.open().await.unwrap();
    let first = Commit { manifest: manifest(1, "settings"), ..commit(0, &[("a", b"1")]) };
    store.commit(first).await.unwrap();
    store.close();
    drop(store);
    let store = place.open().await.unwrap();
    assert_eq!(store.manifest().await.unwrap(), Some(manifest(1, "settings")));
    assert_eq!(store.read("a").await.unwrap(), b"1");
    store.commit(commit(1, &[])).await.unwrap();
}

pub async fn a_commit_upon_another_collection_is_locked_and_changes_nothing(place: &dyn Place) {
    let store = place.open().await.unwrap();
    let named = |content: &str| Commit { manifest: manifest(1, content), ..commit(0, &[("a", b"1")]) };
    store.commit(named("mine")).await.unwrap();
    let upon = Some(fingerprint(&manifest(1, "mine")).unwrap());
    let mine = || Commit { upon, ..commit(1, &[("b", b"2")]) };
    store.destroy().await.unwrap();
    let store = place.open().await.unwrap();
    store.commit(named("another's")).await.unwrap();
    fails(store.commit(mine()).await, ErrorKind::Locked);
    assert_eq!(
        (store.manifest().await.unwrap(), names(&*store).await),
        (Some(manifest(1, "another's")), vec!["a".into()])
    );
    store.destroy().await.unwrap();
    let store = place.open().await.unwrap();
    store.commit(named("mine")).await.unwrap();
    store.commit(mine()).await.unwrap();
    assert_eq!(
        (store.manifest().await.unwrap(), names(&*store).await),
        (Some(manifest(2, "")), vec!["a".into(), "b".into()])
    );
}

pub async fn a_malformed_commit_is_refused_whole(place: &dyn Place) {
    let store = place.open().await.unwrap();
    let long = "n".repeat(limits::BLOB_NAME_BYTES + 1);
    let good = || commit(0, &[("a", b"1")]);
    for (bad, kind) in [
        (Commit { generation: 2, ..good() }, ErrorKind::Internal),
        (Commit { manifest: manifest(2, ""), ..good() }, ErrorKind::Internal),
        (Commit { manifest: b"not a frame".to_vec(), ..good() }, ErrorKind::Corrupt),
        (Commit { expected: u64::MAX, ..good() }, ErrorKind::Internal),
        (commit(0, &[("a", b"1"), ("a", b"2")]), ErrorKind::Internal),
        (Commit { staged: vec![("a".into(), 1)], ..good() }, ErrorKind::Internal),
        (commit(0, &[("a", b"1"), ("", b"2")]), ErrorKind::InvalidInput),
        (commit(0, &[("a", b"1"), (&long, b"2")]), ErrorKind::LimitExceeded),
    ] {
        fails(store.commit(bad).await, kind);
    }
    assert_eq!((store.manifest().await.unwrap(), names(&*store).await), (None, vec![]));
    store.commit(good()).await.unwrap();
}

pub async fn big_blobs_come_back(place: &dyn Place) {
    let store = place.open().await.unwrap();
    let (one, two) = (noise(8 << 20, 1), noise((8 << 20) - 1, 2));
    store.commit(commit(0, &[("one", &one), ("two", &two)])).await.unwrap();
    assert!(store.read("one").await.unwrap() == one);
    assert!(store.read("two").await.unwrap() == two);
    assert_eq!(store.list().await.unwrap(), [("one".to_string(), 8 << 20), ("two".to_string(), (8 << 20) - 1)]);
}

pub async fn many_blobs_come_back(place: &dyn Place) {
    let store = place.open().await.unwrap();
    let names: Vec<String> = (0..500).map(|at| format!("seg-{at:03}")).collect();
    let blobs: Vec<Vec<u8>> = (0..500).map(|at| noise(at * 7, at as u32)).collect();
    let put: Vec<(&str, &[u8])> = names.iter().zip(&blobs).map(|(name, blob)| (&**name, &**blob)).collect();
    store.commit(commit(0, &put)).await.unwrap();
    assert_eq!(self::names(&*store).await, names);
    for (name, blob) in put {
        assert_eq!(store.read(name).await.unwrap(), blob);
    }
    let doomed: Vec<String> = names.iter().step_by(2).cloned().collect();
    store.discard(&doomed).await.unwrap();
    assert_eq!(self::names(&*store).await.len(), 250);
}

pub async fn any_text_is_a_name(place: &dyn Place) {
    let store = place.open().await.unwrap();
    let limit = "n".repeat(limits::BLOB_NAME_BYTES);
    let odd = [
        ".",
        "..",
        "../a",
        "/",
        "a/b",
        "a\\b",
        "A",
        "a",
        "%41",
        "a.tmp",
        "manifest",
        "lock",
        "blobs",
        " ",
        "a ",
        "a:b",
        "a\0b",
        "a\nb",
        "*?\"<>|",
        "ä",
        "a\u{308}",
        "名前",
        "😀",
        "toString",
        "__proto__",
        "1",
        "-",
        &limit,
    ];
    let put: Vec<(&str, &[u8])> = odd.iter().map(|name| (*name, name.as_bytes())).collect();
    store.commit(commit(0, &put)).await.unwrap();
    for name in odd {
        assert_eq!(store.read(name).await.unwrap(), name.as_bytes(), "{name:?}");
    }
    let mut sorted = odd.map(str::to_string);
    sorted.sort();
    assert_eq!(names(&*store).await, sorted);
    store.discard(&odd.map(String::from)).await.unwrap();
    assert_eq!(names(&*store).await, [""; 0]);
}

pub async fn an_empty_blob_is_a_blob(place: &dyn Place) {
    let store = place.open().await.unwrap();
    store.commit(commit(0, &[("a", b"")])).await.unwrap();
    assert_eq!(store.read("a").await.unwrap(), b"");
    assert_eq!(store.list().await.unwrap(), [("a".to_string(), 0)]);
    // So is a commit without any.
    store.commit(commit(1, &[])).await.unwrap();
}

pub async fn a_closed_handle_says_so(place: &dyn Place) {
    let store = place.open().await.unwrap();
    store.commit(commit(0, &[("a", b"1")])).await.unwrap();
    store.close();
    store.close();
    fails(store.manifest().await, ErrorKind::ConnectionLost);
    fails(store.read("a").await, ErrorKind::ConnectionLost);
    fails(store.list().await, ErrorKind::ConnectionLost);
    fails(store.commit(commit(1, &[])).await, ErrorKind::ConnectionLost);
    fails(store.destroy().await, ErrorKind::ConnectionLost);
    assert_eq!(place.open().await.unwrap().read("a").await.unwrap(), b"1");
}

pub async fn destroying_leaves_nothing(place: &dyn Place) {
    let (store, other) = (place.open().await.unwrap(), place.open().await.unwrap());
    store.commit(commit(0, &[("a", b"1")])).await.unwrap();
    assert_eq!(other.read("a").await.unwrap(), b"1");
    store.destroy().await.unwrap();
    fails(store.read("a").await, ErrorKind::ConnectionLost);
    // The other handle finds nothing, and cannot bring the collection back half.
    fails(other.read("a").await, ErrorKind::NotFound);
    assert!(other.commit(commit(1, &[("b", b"2")])).await.is_err());
    let anew = place.open().await.unwrap();
    assert_eq!((anew.manifest().await.unwrap(), names(&*anew).await), (None, vec![]));
    anew.commit(commit(0, &[("a", b"anew")])).await.unwrap();
    assert_eq!(anew.read("a").await.unwrap(), b"anew");
}

pub async fn calls_may_overlap(place: &dyn Place) {
    let store = place.open().await.unwrap();
    store.commit(commit(0, &[("a", b"1"), ("b", b"2")])).await.unwrap();
    let (one, two) = (commit(1, &[("c", b"one")]), commit(1, &[("d", b"two")]));
    let reads = futures_util::future::join(store.read("a"), store.read("b"));
    let commits = futures_util::future::join(store.commit(one), store.commit(two));
    let ((a, b), (one, two)) = futures_util::future::join(reads, commits).await;
    assert_eq!((a.unwrap(), b.unwrap()), (b"1".to_vec(), b"2".to_vec()));
    // Exactly one won, and the store is as it wanted.
    assert_eq!(names(&*store).await, ["a", "b", if one.is_ok() { "c" } else { "d" }]);
    fails(if one.is_ok() { two } else { one }, ErrorKind::Locked);
}

/// Large ones and small ones, of lengths about which pieces might be wrong.
fn assorted() -> Vec<(String, Vec<u8>)> {
    let lengths = [0, 1, 70_000, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 1 << 20, (1 << 20) + 1, 3_000_001];
    lengths.into_iter().enumerate().map(|(at, len)| (format!("seg-{at}"), noise(len, len as u32))).collect()
}

fn borrowed(blobs: &[(String, Vec<u8>)]) -> Vec<(&str, &[u8])> {
    blobs.iter().map(|(name, bytes)| (&**name, &**bytes)).collect()
}

pub async fn what_is_staged_counts_once_it_is_committed(place: &dyn Place) {
    let (store, other) = (place.open().await.unwrap(), place.open().await.unwrap());
    store.commit(commit(0, &[("a", b"1")])).await.unwrap();
    let blobs = assorted();
    let put = borrowed(&blobs);
    store.stage(named(&put[..5])).await.unwrap();
    store.stage(named(&put[5..])).await.unwrap();
    // Nothing has changed, and others go on writing.
    assert_eq!(other.manifest().await.unwrap(), Some(manifest(1, "")));
    other.commit(commit(1, &[("b", b"2")])).await.unwrap();
    store.commit(commit_staged(2, &put)).await.unwrap();
    assert_eq!(other.manifest().await.unwrap(), Some(manifest(3, "")));
    for (name, blob) in &put {
        assert!(other.read(name).await.unwrap() == *blob, "{name}");
    }
    let mut expected: Vec<_> = put.iter().map(|(name, blob)| (name.to_string(), blob.len() as u64)).collect();
    expected.splice(0..0, [("a".into(), 1), ("b".into(), 1)]);
    assert_eq!(other.list().await.unwrap(), expected);
    let large: Vec<String> = put.iter().map(|(name, _)| name.to_string()).collect();
    other.discard(&large).await.unwrap();
    assert_eq!(names(&*store).await, ["a", "b"]);
    fails(store.read("seg-8").await, ErrorKind::NotFound);
}

pub async fn a_commit_without_what_was_staged_is_locked_and_changes_nothing(place: &dyn Place) {
    let store = place.open().await.unwrap();
    store.commit(commit(0, &[("a", b"1")])).await.unwrap();
    store.stage(named(&[("b", b"22")])).await.unwrap();
    for wrong in [commit_staged(1, &[("b", b"22"), ("c", b"3")]), commit_staged(1, &[("b", b"333")])] {
        let error = store.commit(wrong).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Locked, "{error}");
        assert!(error.context.contains("staged"), "{error}");
    }
    // Nor does one upon another generation.
    fails(store.commit(commit_staged(2, &[("b", b"22")])).await, ErrorKind::Locked);
    fails(
        store.commit(Commit { put: named(&[("b", b"22")]), ..commit_staged(1, &[("b", b"22")]) }).await,
        ErrorKind::Internal,
    );
    assert_eq!(
        (store.manifest().await.unwrap(), names(&*store).await),
        (Some(manifest(1, "")), vec!["a".into(), "b".into()])
    );
    store.commit(commit_staged(1, &[("b", b"22")])).await.unwrap();
    assert_eq!(store.read("b").await.unwrap(), b"22");
}

pub async fn what_is_staged_may_be_staged_anew_and_discarded(place: &dyn Place) {
    let store = place.open().await.unwrap();
    let large = noise(2_000_000, 5);
    store.stage(named(&[("a", b"one"), ("b", &large), ("c", b"three")])).await.unwrap();
    store.stage(named(&[("a", b"other")])).await.unwrap();
    store.discard(&["b".into(), "c".into(), "never was".into()]).await.unwrap();
    assert_eq!(store.list().await.unwrap(), [("a".to_string(), 5)]);
    fails(store.commit(commit_staged(0, &[("a", b"other"), ("b", &large)])).await, ErrorKind::Locked);
    store.stage(named(&[("b", b"small")])).await.unwrap();
    store.commit(commit_staged(0, &[("a", b"other"), ("b", b"small")])).await.unwrap();
    assert_eq!(
        (store.read("a").await.unwrap(), store.read("b").await.unwrap()),
        (b"other".to_vec(), b"small".to_vec())
    );
    for bad in ["", &"n".repeat(limits::BLOB_NAME_BYTES + 1)] {
        assert!(store.stage(named(&[(bad, b"1")])).await.is_err());
    }
    store.close();
    fails(store.stage(named(&[("d", b"4")])).await, ErrorKind::ConnectionLost);
    fails(store.discard(&["d".into()]).await, ErrorKind::ConnectionLost);
}

pub async fn what_a_dead_writer_staged_is_listed_and_can_go(place: &dyn Place) {
    let large = noise(1_000_000, 6);
    {
        let store = place.open().await.unwrap();
        store.commit(commit(0, &[("a", b"1")])).await.unwrap();
        store.stage(named(&[("b", &large), ("c", b"3")])).await.unwrap();
        store.close();
    }
    let next = place.open().await.unwrap();
    assert_eq!(names(&*next).await, ["a", "b", "c"]);
    // A commit of the same name puts its own bytes there; the rest can be removed.
    next.commit(commit(1, &[("c", b"other")])).await.unwrap();
    next.discard(&["b".into()]).await.unwrap();
    assert_eq!(
        (names(&*next).await, next.read("c").await.unwrap()),
        (vec!["a".to_string(), "c".into()], b"other".to_vec())
    );
    fails(next.read("b").await, ErrorKind::NotFound);
}

pub async fn parts_of_large_blobs_are_read_however_they_came(place: &dyn Place) {
    let store = place.open().await.unwrap();
    let (one, two) = (noise(1_500_000, 7), noise(1_500_000, 8));
    store.stage(named(&[("two", &two)])).await.unwrap();
    let staged = vec![("two".to_string(), two.len() as u64)];
    store.commit(Commit { staged, ..commit(0, &[("one", &one)]) }).await.unwrap();
    for (name, blob) in [("one", &one), ("two", &two)] {
        for range in
            [0..0, 0..1, 262_143..262_145, 262_144..524_288, 100..1_400_000, 1_499_999..1_500_000, 0..1_500_000]
        {
            let expected = &blob[range.start as usize..range.end as usize];
            assert!(store.read_range(name, range.clone()).await.unwrap() == expected, "{name} {range:?}");
        }
        fails(store.read_range(name, 1_499_999..1_500_001).await, ErrorKind::Corrupt);
    }
}
