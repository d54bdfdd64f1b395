//! A writer that adds, deletes and merges segments as the engine does, dying at every call to its store in turn. What
//! is left is a whole generation, at most one later than the last that was acknowledged, and the next writer goes on.

use crate::support::faulty::{Fault, Faulty, MEMORY};
use nearfield::store::{
    Blob, BlobKind, Fresh, Manifest, MemoryStore, Named, Numbered, Retired, SegmentEntry, Store, Tombstones,
};
use nearfield::{Error, ErrorKind, Result};
use pollster::block_on;
use std::collections::HashMap;

/// The bytes of a blob follow from its name, so that any reader can tell whether it has the right ones.
fn content(name: &str, bytes: u64) -> Vec<u8> {
    name.bytes().cycle().take(bytes as usize).collect()
}

/// Whether every blob that the manifest names is there and right.
async fn whole(store: &dyn Store, manifest: &Manifest) -> Result<()> {
    for (name, blob) in manifest.blobs() {
        if store.read(&name).await? != content(&name, blob.bytes) {
            return Err(Error::corrupt(name));
        }
    }
    Ok(())
}

async fn open(store: &dyn Store) -> Result<Manifest> {
    let stored = store.manifest().await?;
    stored.map_or(Ok(Manifest::new(serde_json::json!({}))), |bytes| Manifest::decode(&bytes))
}

/// One change after the other, `rounds` in all, each a commit; `acknowledged` follows.
async fn write(store: &dyn Store, rounds: u64, acknowledged: &mut u64) -> Result<()> {
    let mut current = open(store).await?;
    whole(store, &current).await?;
    let orphans = current.orphans(&store.list().await?);
    for round in 0..rounds {
        let mut next = current.clone();
        if round == 0 {
            next.retired.extend(orphans.iter().map(|name| Retired { name: name.clone(), since: 1 }));
            next.next_id += orphans.len() as u64;
        }
        let overdue: Vec<String> = current.overdue().map(String::from).collect();
        store.discard(&overdue).await?;
        next.retired.retain(|blob| !overdue.contains(&blob.name));
        match round % 5 {
            3 => {
                for segment in &mut next.segments {
                    segment.tombstones.insert(round as u32);
                }
            }
            4 => {
                let docs = next.segments.drain(..).map(|segment| segment.live_docs()).sum();
                add(&mut next, docs);
                next.segments[0].graph = Some(Numbered { number: next.generation + 1, blob: blob(50) });
            }
            _ => add(&mut next, 10),
        }
        let known: HashMap<_, _> = current.blobs().collect();
        let new = next.blobs().filter(|(name, _)| !known.contains_key(name));
        let blobs: Vec<Named> = new.map(|(name, blob)| (name.clone(), content(&name, blob.bytes))).collect();
        let commit = match round % 5 {
            // A merge is staged, blob by blob, and on its way some of it is thought better of.
            4 => {
                let staged = blobs.iter().map(|(name, bytes)| (name.clone(), bytes.len() as u64)).collect();
                for blob in &blobs {
                    store.stage(vec![blob.clone()]).await?;
                }
                store.discard(&[blobs[0].0.clone()]).await?;
                store.stage(blobs[..1].to_vec()).await?;
                next.commit(&current, Fresh { put: Vec::new(), staged })?
            }
            _ => next.commit(&current, blobs)?,
        };
        store.commit(commit).await?;
        *acknowledged = next.generation;
        // A reader on the generation before still finds what it needs.
        whole(store, &current).await?;
        current = next;
    }
    Ok(())
}

fn blob(bytes: u64) -> Blob {
    Blob { bytes, sum: Some(7) }
}

fn add(manifest: &mut Manifest, docs: u32) {
    let id = manifest.next_id;
    manifest.next_id += 1;
    let (tombstones, pages) = (Tombstones::new(docs), vec![blob(30); 1 + id as usize % 3]);
    let numbered = Numbered { number: id, blob: blob(50) };
    let extras = [(BlobKind::Splade, numbered)].into();
    manifest.shared = [(BlobKind::Rotation, numbered)].into();
    manifest.segments.push(SegmentEntry {
        id,
        docs,
        chunks: docs,
        head: 0,
        main: blob(100 + id),
        pages,
        vectors: None,
        graph: None,
        extras,
        tombstones,
    });
}

/// Lets the fault strike at every call. Returns how many there are, and how many times the writer noticed nothing.
fn crash_everywhere(fault: Fault) -> (u64, u64) {
    let mut unnoticed = 0;
    for at in 0.. {
        let store = MemoryStore::new();
        block_on(write(&store.handle(), 3, &mut 0)).unwrap();
        let faulty = Faulty::new(store.handle(), at, fault);
        let mut acknowledged = 3;
        let outcome = block_on(write(&faulty, 12, &mut acknowledged));
        if !faulty.struck() {
            outcome.unwrap();
            return (at, unnoticed);
        }
        unnoticed += u64::from(outcome.is_ok());
        let left = block_on(open(&store)).unwrap();
        block_on(whole(&store, &left)).unwrap();
        // What a store forgets it has not promised, only said.
        let promised = faulty.acknowledged().get().max(3);
        assert!(acknowledged == promised || fault == Fault::Forgets && acknowledged > promised);
        let late = left.generation - promised;
        assert!(late == 0 || late == 1 && fault == Fault::DiesAfter, "{fault:?} at call {at}: {late} generations late");
        block_on(write(&store.handle(), 6, &mut 0)).unwrap();
        let left = block_on(open(&store)).unwrap();
        assert_eq!(left.orphans(&block_on(store.list()).unwrap()), [""; 0]);
    }
    unreachable!()
}

#[test]
fn a_writer_that_dies_leaves_a_whole_generation() {
    let mut points = 0;
    for fault in [Fault::DiesBefore, Fault::DiesAfter, Fault::Forgets] {
        let (calls, unnoticed) = crash_everywhere(fault);
        // While a store still remembers, the last of the work is done.
        let expected = if fault == Fault::Forgets { MEMORY + 1 } else { 0 };
        assert!(calls > 100 && unnoticed == expected, "{fault:?}: {calls} calls, {unnoticed} unnoticed");
        points += calls;
    }
    println!("harness: crash points of the store alone: {points}, states other than before or after: 0");
}

#[test]
fn a_write_that_is_refused_costs_only_itself() {
    assert_eq!(crash_everywhere(Fault::Refused(ErrorKind::QuotaExceeded)).1, 0);
}

#[test]
fn what_is_read_torn_is_noticed() {
    // All but the one call that lists blobs, which has nothing to tear.
    assert_eq!(crash_everywhere(Fault::Torn).1, 1);
}

#[test]
fn what_was_discarded_may_come_back() {
    let (calls, unnoticed) = crash_everywhere(Fault::Undiscards);
    assert_eq!(calls, unnoticed);
}
