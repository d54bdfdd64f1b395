//! `nearfield index`, `search`, `check`: collections as folders, which any static host can publish.

use crate::collect::{sources, Source};
use crate::host::{block_on, model, Models};
use clap::Args;
use nearfield::adapters::files::FileStore;
use nearfield::engine::{Engine, Incoming, Phase, Progress, Wanted};
use nearfield::store::Store;
use nearfield::text::{chunk, ChunkOptions, WordCounter};
use nearfield::{Error, Result};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Text handed to the engine in one call.
const SLICE_BYTES: usize = 16 << 20;

#[derive(Args)]
pub struct Index {
    /// Folder with Markdown, HTML and text files.
    folder: PathBuf,
    /// Folder of the collection. One that is there is brought up to date: files that did not change are left as they
    /// are, so a run that was stopped goes on where it was.
    #[arg(long)]
    out: PathBuf,
    /// Folder of the model that makes vectors, as `models get` writes it. Without: a collection for search by words.
    #[arg(long)]
    embedder: Option<PathBuf>,
    /// URL of a document: {path} is the file's path below FOLDER, {stem} the same without its ending.
    #[arg(long)]
    url: Option<String>,
    /// Language of the documents: ISO 639-1, or none.
    #[arg(long)]
    language: Option<String>,
    /// Tokens of a chunk at most.
    #[arg(long)]
    chunk: Option<usize>,
}

#[derive(Args)]
pub struct Search {
    /// Folder of the collection.
    dir: PathBuf,
    query: String,
    /// Documents to print.
    #[arg(short, default_value_t = 10)]
    k: usize,
    /// Folder of the model whose vectors the collection has. Without: search by words.
    #[arg(long)]
    embedder: Option<PathBuf>,
    /// Print hits as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Check {
    /// Folder of the collection.
    dir: PathBuf,
    /// Drop what is broken, and say what was lost.
    #[arg(long)]
    repair: bool,
}

/// The collection in a folder; `NotFound` if there is none.
fn existing(dir: &Path, wanted: Wanted) -> Result<Engine> {
    let store = FileStore::new(dir);
    if block_on(store.manifest())?.is_none() {
        return Err(Error::not_found(format!("there is no collection in {}", dir.display())));
    }
    block_on(Engine::open(Box::new(store), wanted))
}

pub fn index(arguments: &Index) -> Result<()> {
    let models = Models { embedder: arguments.embedder.as_deref().map(model).transpose()?, ..Models::default() };
    let mut wanted = Wanted { language: arguments.language.clone(), ..Wanted::default() };
    wanted.chunk = arguments.chunk.map(|size| ChunkOptions { size, overlap: size / 8, ..default_chunks() });
    let engine = block_on(Engine::open(Box::new(FileStore::new(&arguments.out)), wanted))?;
    let sources = sources(&arguments.folder)?;
    let (changed, skipped) = changed(&engine, &sources, arguments.url.as_deref())?;
    let unchanged = sources.len() - changed.len() - skipped;
    eprintln!("{} files, {unchanged} of them as they were, {skipped} skipped", sources.len());
    let total = changed.len();
    let mut before = 0;
    for slice in slices(changed, arguments.url.as_deref())? {
        let count = slice.len();
        let report = |progress: Progress| {
            if progress.phase == Phase::Commit && progress.done == progress.committed {
                eprintln!("committed {} of {total}", before + progress.committed);
            }
        };
        block_on(engine.add(slice, &models.services(&report)))?;
        before += count;
    }
    let ids: HashSet<&str> = sources.iter().map(|source| source.id.as_str()).collect();
    let gone: Vec<String> = engine.ids().into_iter().filter(|id| !ids.contains(id.as_str())).collect();
    block_on(engine.delete(&gone))?;
    block_on(engine.compact(&models.services(&|_| {})))?;
    block_on(engine.forget())?;
    let stats = engine.stats();
    let (removed, megabytes) = (gone.len(), stats.bytes as f64 / 1e6);
    println!(
        "{} documents in {} chunks, {megabytes:.1} MB; {total} added, {removed} removed",
        stats.documents, stats.chunks
    );
    Ok(())
}

fn default_chunks() -> ChunkOptions {
    nearfield::engine::Settings::new(Wanted::default()).chunk
}

/// The files that are not in the collection as they are, and how many cannot be read.
fn changed<'a>(engine: &Engine, sources: &'a [Source], url: Option<&str>) -> Result<(Vec<&'a Source>, usize)> {
    let (mut changed, mut skipped) = (Vec::new(), 0);
    for source in sources {
        let incoming = match source.read(url) {
            Ok(incoming) => incoming,
            Err(error) => {
                eprintln!("skipped: {error}");
                skipped += 1;
                continue;
            }
        };
        // The collection keeps the text that chunks are cut from: of HTML, what it says.
        let options = ChunkOptions { strategy: source.kind.strategy(), ..default_chunks() };
        let stored = block_on(engine.get(&source.id))?;
        let same = match stored {
            Some(stored) if stored.url == incoming.document.url => {
                chunk(&incoming.document.text, &options, &WordCounter)?.text == stored.text
            }
            _ => false,
        };
        if !same {
            changed.push(source);
        }
    }
    Ok((changed, skipped))
}

/// The documents, in slices of limited size: only one is in memory at a time.
fn slices<'a>(sources: Vec<&'a Source>, url: Option<&'a str>) -> Result<impl Iterator<Item = Vec<Incoming>> + 'a> {
    let mut rest = sources.into_iter();
    Ok(std::iter::from_fn(move || {
        let (mut slice, mut bytes) = (Vec::new(), 0);
        while bytes < SLICE_BYTES {
            let Some(source) = rest.next() else { break };
            // One that cannot be read any more is left for the next run.
            if let Ok(incoming) = source.read(url) {
                bytes += incoming.document.text.len();
                slice.push(incoming);
            }
        }
        (!slice.is_empty()).then_some(slice)
    }))
}

pub fn search(arguments: &Search) -> Result<()> {
    let engine = existing(&arguments.dir, Wanted::default())?;
    let models = Models { embedder: arguments.embedder.as_deref().map(model).transpose()?, ..Models::default() };
    let mode = if models.embedder.is_some() { "hybrid" } else { "sparse" };
    let options = serde_json::json!({ "k": arguments.k, "mode": mode });
    let options = serde_json::from_value(options).map_err(|e| Error::invalid("options").with_source(e))?;
    let found = block_on(engine.search(&arguments.query, options, &models.services(&|_| {})))?;
    if arguments.json {
        let json = serde_json::to_string_pretty(&found.hits);
        println!("{}", json.map_err(|e| Error::internal("hits").with_source(e))?);
        return Ok(());
    }
    for (rank, hit) in (1..).zip(&found.hits) {
        println!("{rank:>3}  {:>8.4}  {}", hit.score, hit.id);
        if let Some(content) = &hit.content {
            let line: String = content.text.split_whitespace().collect::<Vec<_>>().join(" ");
            println!("     {}", line.chars().take(160).collect::<String>());
        }
    }
    Ok(())
}

pub fn check(arguments: &Check) -> Result<()> {
    let engine = existing(&arguments.dir, Wanted::default())?;
    let models = Models::default();
    let services = models.services(&|_| {});
    let verify = || block_on(engine.verify(&services));
    let mut report = verify()?;
    report.problems.iter().for_each(|problem| println!("{problem}"));
    if arguments.repair && !report.ok {
        let repair = block_on(engine.repair(&services))?;
        repair.actions.iter().for_each(|action| println!("{action}"));
        println!("{} documents lost", repair.lost);
        repair.lost_ids.iter().for_each(|id| println!("lost: {id}"));
        report = verify()?;
    }
    let (blobs, bytes) = (report.blobs, report.bytes as f64 / 1e6);
    println!("{} documents, {blobs} blobs, {bytes:.1} MB, {} left behind by a crash", report.documents, report.orphans);
    match report.ok {
        true => Ok(()),
        false => Err(Error::corrupt(format!("{} problems; --repair drops what is broken", report.problems.len()))),
    }
}
