//! `nearfield index`, `search` and `check`, run as a person runs them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn nearfield(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nearfield"));
    command.args(arguments);
    command
}

/// What it printed, after it ended as expected.
#[track_caller]
fn check(arguments: &[&str], success: bool, parts: &[&str]) -> String {
    let output = nearfield(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.success(), success, "{said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
    said
}

/// An empty folder of this test's own, below the folder of build results.
fn folder(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-index").join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    dir
}

fn write(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_folder_becomes_a_collection_and_is_brought_up_to_date() {
    let (docs, out) = (folder("docs"), folder("docs-out"));
    let files = [
        ("guide/start.md", "# Starting\n\nTurn the copper key twice.\n"),
        ("page.html", "<html><title>Pumps</title><body><nav>menu</nav><p>The brass pump hums.</p></body></html>"),
        ("notes.txt", "Violets by the window.\n"),
        ("image.png", "not a document"),
        (".hidden.md", "nobody reads this"),
    ];
    write(&docs, &files);
    fs::write(docs.join("latin1.txt"), b"caf\xe9").unwrap();
    let arguments = ["index", text(&docs), "--out", text(&out), "--url", "/site/{stem}.html"];
    check(&arguments, true, &["3 documents", "3 added", "latin1.txt is no UTF-8", "committed 3 of 3"]);
    check(&arguments, true, &["3 documents", "0 added, 0 removed", "3 of them as they were, 1 skipped"]);
    check(&["search", text(&out), "copper key"], true, &["guide/start.md", "Turn the copper key"]);
    check(&["search", text(&out), "brass pump", "--json", "-k", "1"], true, &["\"/site/page.html\"", "\"Pumps\""]);
    check(&["check", text(&out)], true, &["3 documents", "0 left behind"]);

    write(&docs, &[("notes.txt", "Asters by the gate.\n")]);
    fs::remove_file(docs.join("page.html")).unwrap();
    check(&arguments, true, &["2 documents", "1 added, 1 removed"]);
    assert!(!check(&["search", text(&out), "violets brass"], true, &[]).contains("notes.txt"));
    check(&["search", text(&out), "asters"], true, &["notes.txt"]);
    // What is published holds nothing but the collection.
    let blobs = fs::read_dir(out.join("blobs")).unwrap().count();
    check(&["check", text(&out)], true, &[&format!("{blobs} blobs")]);
}

#[test]
fn what_cannot_work_says_why() {
    let out = folder("nothing");
    let missing = out.join("missing");
    check(&["search", text(&missing), "x"], false, &["there is no collection in"]);
    check(&["check", text(&missing)], false, &["there is no collection in"]);
    check(&["index", text(&missing), "--out", text(&out)], false, &["NotFound", "missing"]);
    check(&["index", text(&out), "--out", text(&out), "--language", "xx"], false, &["xx"]);
    check(&["index", "--help"], true, &["--out", "--embedder", "--url"]);
    check(&["check", "--help"], true, &["--repair"]);
}

#[test]
fn a_run_that_was_killed_goes_on_where_it_was() {
    let (docs, out) = (folder("many"), folder("many-out"));
    for number in 0..400 {
        let words = (0..300).map(|at| format!("w{} ", (number * 31 + at * 7) % 500)).collect::<String>();
        fs::write(docs.join(format!("{number:03}.txt")), format!("Note number n{number}. {words}")).unwrap();
    }
    let arguments = ["index", text(&docs), "--out", text(&out)];
    let mut kills = 0;
    for after in 1..4 {
        let mut child = nearfield(&arguments).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let committed = lines.map_while(Result::ok).filter(|line| line.starts_with("committed")).nth(after - 1);
        kills += u32::from(committed.is_some() && child.kill().is_ok());
        child.wait().unwrap();
        check(&["check", text(&out)], true, &["documents"]);
    }
    assert!(kills > 0);
    let said = check(&arguments, true, &["400 documents"]);
    assert!(!said.contains(" 0 of them as they were"), "{said}");
    check(&["search", text(&out), "n377"], true, &["377.txt"]);
    check(&["check", text(&out)], true, &["400 documents", " 0 left behind"]);
}

#[test]
fn damage_is_found_and_repaired() {
    let (docs, out) = (folder("damaged"), folder("damaged-out"));
    write(&docs, &[("a.txt", "The first lamp."), ("b.txt", "The second lamp.")]);
    check(&["index", text(&docs), "--out", text(&out)], true, &["2 documents"]);
    let segment = fs::read_dir(out.join("blobs")).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.filter(|path| !text(path).contains("-t")).min().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, bytes).unwrap();
    check(&["check", text(&out)], false, &["Corrupt", "checksum", "1 problems"]);
    check(&["search", text(&out), "lamp"], true, &[]);
    check(&["check", text(&out), "--repair"], true, &["2 documents lost", "0 documents"]);
    check(&["check", text(&out)], true, &["0 documents"]);
    check(&["index", text(&docs), "--out", text(&out)], true, &["2 documents", "2 added"]);
    check(&["search", text(&out), "lamp"], true, &["a.txt", "b.txt"]);
    fs::write(out.join("manifest"), "nonsense").unwrap();
    check(&["check", text(&out), "--repair"], false, &["Corrupt", "manifest"]);
}
