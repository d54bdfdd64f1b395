//! A collection as one file: what was exported is imported, cut anywhere; what was damaged is refused, and leaves
//! nothing behind.

use crate::support::host::Host;
use crate::support::library::{add, answer, document, open, questions, Random};
use nearfield::engine::{Engine, Importer, Wanted};
use nearfield::store::{MemoryStore, Store};
use nearfield::{ErrorKind, Result};
use pollster::block_on;

fn collection(documents: usize) -> Engine {
    let engine = open(MemoryStore::new());
    add(&engine, (0..documents).map(|number| document(number, 1, 60)).collect());
    add(&engine, (0..3).map(|number| document(number, 2, 60)).collect());
    block_on(engine.delete(&["d5".into()])).unwrap();
    engine
}

fn export(engine: &Engine) -> Vec<u8> {
    let mut file = Vec::new();
    let mut emit = |piece: Vec<u8>| {
        file.extend(piece);
        Ok(())
    };
    Host::new().run(async |services| engine.export(services, &mut emit).await).unwrap();
    file
}

/// Imports the file in pieces of so many bytes.
fn import(store: &MemoryStore, file: &[u8], piece: usize) -> Result<usize> {
    let mut importer = block_on(Importer::new(Box::new(store.handle())))?;
    for piece in file.chunks(piece) {
        block_on(importer.push(piece))?;
    }
    block_on(importer.finish())
}

#[test]
fn what_was_exported_is_imported() {
    let engine = collection(40);
    let file = export(&engine);
    for piece in [1, 7, 1000, 1 << 20] {
        let store = MemoryStore::new();
        assert_eq!(import(&store, &file, piece).unwrap(), 39);
        let copy = open(store.handle());
        for (query, options) in questions() {
            assert_eq!(answer(&copy, query, options.clone()).unwrap(), answer(&engine, query, options).unwrap());
        }
        let report = Host::new().run(async |services| copy.verify(services).await).unwrap();
        assert!(report.ok && report.orphans == 0, "{report:?}");
        add(&copy, vec![document(5, 3, 10)]);
        assert_eq!(copy.stats().documents, 40);
        // A second import would lose what is there.
        assert_eq!(import(&store, &file, 1000).unwrap_err().kind, ErrorKind::InvalidInput);
    }
}

#[test]
fn a_large_file_goes_into_the_store_bit_by_bit_and_is_seen_at_the_end() {
    let engine = open(MemoryStore::new());
    let mut random = Random(3);
    for number in 0..12 {
        let mut incoming = document(number, 1, 0);
        incoming.document.text = (0..250_000).map(|_| format!("{:04x} ", random.next() as u16)).collect();
        add(&engine, vec![incoming]);
    }
    let file = export(&engine);
    let store = MemoryStore::new();
    let mut importer = block_on(Importer::new(Box::new(store.handle()))).unwrap();
    block_on(importer.push(&file[..file.len() - 3])).unwrap();
    assert!(block_on(store.list()).unwrap().len() > 5);
    assert_eq!(open(store.handle()).stats().documents, 0);
    // The process dies here; the next writer clears up what is left.
    drop(importer);
    let engine = open(store.handle());
    add(&engine, vec![document(1, 1, 10)]);
    Host::new().run(async |services| engine.maintain(services).await).unwrap();
    let report = Host::new().run(async |services| engine.verify(services).await).unwrap();
    assert!(report.ok && report.orphans == 0 && report.documents == 1, "{report:?}");
}

#[test]
fn a_damaged_file_is_refused_and_leaves_nothing_behind() {
    let file = export(&collection(4));
    let mut cases = 0;
    let mut refuse = |bad: &[u8]| {
        let store = MemoryStore::new();
        let error = import(&store, bad, 500).unwrap_err();
        let kinds = [ErrorKind::Corrupt, ErrorKind::FormatTooNew, ErrorKind::FormatTooOld];
        assert!(kinds.contains(&error.kind), "{error}");
        assert_eq!(open(store).stats().documents, 0);
        cases += 1;
    };
    for length in 0..file.len() {
        refuse(&file[..length]);
    }
    let mut random = Random(1);
    for at in 0..file.len() {
        let mut bad = file.clone();
        bad[at] ^= 1 << random.below(8);
        refuse(&bad);
    }
    refuse(&[file.clone(), vec![0]].concat());
    println!("harness: archive: {cases} damaged files refused");
    let empty = block_on(Engine::open(Box::new(MemoryStore::new()), Wanted::default())).unwrap();
    let nothing = Host::new().run(async |services| empty.export(services, &mut |_| Ok(())).await);
    assert_eq!(nothing.unwrap_err().kind, ErrorKind::InvalidInput);
}
