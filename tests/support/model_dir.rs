//! Where the models of tests are.

use std::path::PathBuf;

/// Folder of a converted model: below `NEARFIELD_MODELS`, or in the cache of this checkout.
pub fn model_dir(name: &str) -> PathBuf {
    let models = std::env::var_os("NEARFIELD_MODELS").map(PathBuf::from);
    let models = models.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".cache/models"));
    let dir = models.join(name);
    assert!(dir.is_dir(), "{} is missing: run `nearfield models get {name}`", dir.display());
    dir
}
