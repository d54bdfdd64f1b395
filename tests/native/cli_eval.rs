//! `nearfield eval`, run as a person runs it: figures that can be worked out by hand.

use crate::support::model_dir::model_dir;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const CORPUS: &str = r#"{"_id": "a", "title": "Lanterns", "text": "A lantern hangs over the copper door."}
{"_id": "b", "title": "", "text": "Copper kettles are polished with salt."}
{"_id": "c", "title": "", "text": "Nobody polishes anything here."}
"#;
const QUERIES: &str = r#"{"_id": "q1", "text": "lantern"}
{"_id": "q2", "text": "copper salt"}
{"_id": "q3", "text": "kettles"}
{"_id": "unjudged", "text": "door"}
"#;
/// What q3 finds is no answer, so that a third of the queries fails.
const QRELS: &str = "query-id\tcorpus-id\tscore\nq1\ta\t1\nq2\tb\t1\nq3\tc\t1\nunjudged\ta\t0\n";

fn folder(name: &str, qrels: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-eval").join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    for (name, text) in [("corpus.jsonl", CORPUS), ("queries.jsonl", QUERIES), ("qrels.tsv", qrels)] {
        fs::write(dir.join(name), text).unwrap();
    }
    dir
}

/// What it printed on standard output, or the error.
fn eval(data: &Path, more: &[&str]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nearfield"));
    let out = data.join("out");
    let output = command.arg("eval").arg("--data").arg(data).arg("--out").arg(out).args(more).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

/// The numbers behind a pipeline's name: nDCG@10, Recall@100, MRR@10, MAP.
fn figures(said: &str, pipeline: &str) -> [f64; 4] {
    let line = said.lines().find(|line| line.split_whitespace().next() == Some(pipeline)).unwrap();
    let fields: Vec<&str> = line.split_whitespace().collect();
    [1, 3, 4, 5].map(|at| fields[at].parse().unwrap())
}

#[test]
fn words_find_two_of_three_and_the_collection_is_used_again() {
    let data = folder("words", QRELS);
    let said = eval(&data, &["sparse", r#"cosine={"mode":"sparse","sparse":"tfidf"}"#]).unwrap();
    assert!(said.contains("3 of them indexed") && said.contains("3 judged queries"), "{said}");
    for pipeline in ["sparse", "cosine"] {
        assert_eq!(figures(&said, pipeline), [2.0 / 3.0; 4].map(|x| (x * 1e4_f64).round() / 1e4), "{said}");
    }
    let again = eval(&data, &["--limit", "2", "sparse"]).unwrap();
    assert!(!again.contains("indexed") && again.contains("2 judged queries"), "{again}");
    assert_eq!(figures(&again, "sparse"), [1.0; 4]);
}

#[test]
fn a_model_finds_what_words_do_not() {
    let data = folder("model", QRELS);
    let model = model_dir("potion-base-2M");
    let said = eval(&data, &["--embedder", model.to_str().unwrap(), "--vectors", r#"{"storage":"f32"}"#, "dense"]);
    let [ndcg, recall, ..] = figures(&said.unwrap(), "dense");
    assert!(recall == 1.0 && ndcg > 2.0 / 3.0 && ndcg < 1.0, "{ndcg} {recall}");
}

#[test]
fn what_cannot_work_says_why() {
    let refused = |qrels: &str, more: &[&str], part: &str| {
        let said = eval(&folder("refused", qrels), more).unwrap_err();
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    };
    refused("header\nq1\ta\tmany\n", &["sparse"], "qrels.tsv, line 2");
    refused(QRELS, &["nonsense"], "pipeline nonsense");
    refused(QRELS, &["mine={"], "mine: ");
    refused(QRELS, &["--vectors", "{\"colour\":1}", "sparse"], "--vectors: unknown field");
    refused(QRELS, &["dense"], "dense");
    refused(QRELS, &[], "PIPELINES");
    let missing = eval(Path::new("nowhere"), &["sparse"]).unwrap_err();
    assert!(missing.contains("qrels.tsv"), "{missing}");
}
