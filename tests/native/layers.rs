//! Rooms import only from rooms below them. The order is that of `ARCHITECTURE.md`; an upward import fails here.

use std::fs;
use std::path::{Path, PathBuf};

/// Each row may import from itself (the same room only) and from the rows before it.
const LAYERS: &[&[&str]] = &[
    &["error", "limits", "pace", "sorting"],
    &["codec"],
    &["kernel", "text"],
    &["model", "index"],
    &["store"],
    &["search"],
    &["eval"],
    &["engine"],
    &["gpu", "adapters"],
    &["wasm", "bin"],
];

/// The lowest layer is one: errors, caps and pacing know each other.
const ALLOWED_PEERS: &[(&str, &str)] = &[("error", "pace"), ("pace", "error"), ("limits", "error")];

fn layer(room: &str) -> Option<usize> {
    LAYERS.iter().position(|rooms| rooms.contains(&room))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, found),
            false if path.extension().is_some_and(|extension| extension == "rs") => found.push(path),
            false => {}
        }
    }
}

/// The rooms that a file names by `crate::room` or, in the tool, `nearfield::room`.
fn imports(source: &str) -> Vec<String> {
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut rooms = Vec::new();
    for start in ["crate::", "nearfield::"] {
        for (at, _) in code.match_indices(start) {
            let rest = &code[at + start.len()..];
            let names: Vec<&str> = match rest.strip_prefix('{') {
                Some(list) => list.split('}').next().unwrap_or("").split(',').collect(),
                None => vec![rest],
            };
            let room = |name: &str| {
                name.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("").to_owned()
            };
            rooms.extend(names.into_iter().map(room));
        }
    }
    rooms
}

#[test]
fn no_room_imports_from_above() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut checked = 0;
    for file in files {
        let inside = file.strip_prefix(&root).unwrap();
        let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        let room = first.trim_end_matches(".rs");
        let Some(own) = layer(room) else {
            assert_eq!(room, "lib", "{} is in no layer", inside.display());
            continue;
        };
        for import in imports(&fs::read_to_string(&file).unwrap()) {
            let Some(theirs) = layer(&import) else { continue };
            let fine = theirs < own || import == room || ALLOWED_PEERS.contains(&(room, import.as_str()));
            assert!(fine, "{} imports from {import}, which is not below {room}", inside.display());
            checked += 1;
        }
    }
    assert!(checked > 50, "only {checked} imports found: the parser of this test no longer understands the code");
}

#[test]
fn the_core_touches_nothing_outside() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let outside = [
        "std::fs",
        "std::net",
        "std::time",
        "std::thread",
        "std::env",
        "std::process",
        "wasm_bindgen",
        "js_sys",
        "web_sys",
    ];
    for room in ["codec", "kernel", "text", "model", "index", "store", "search", "eval", "engine"] {
        let mut files = Vec::new();
        sources(&root.join(room), &mut files);
        for file in files {
            let source = fs::read_to_string(&file).unwrap();
            let code = source.split("#[cfg(test)]").next().unwrap_or("");
            for name in outside {
                assert!(!code.contains(name), "{} uses {name}", file.display());
            }
        }
    }
}
