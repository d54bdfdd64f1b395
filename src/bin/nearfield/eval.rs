//! `nearfield eval`: retrieval quality on a judged collection, by the same engine and the same encoders as in a browser,
//! whose products are the same integers; sums of f32 run in the order of the processor's lanes, so that scores differ a
//! little. What a browser makes of it, `npm run eval` measures.

use crate::host::{block_on, model, sparse_model, Models, SEED};
use clap::Args;
use nearfield::adapters::files::FileStore;
use nearfield::engine::{Engine, Incoming, Phase, Progress, Wanted};
use nearfield::eval::metrics::Judgements;
use nearfield::eval::{evaluate, Report};
use nearfield::index::Document;
use nearfield::model::late_model::LateModel;
use nearfield::search::options::SearchOptions;
use nearfield::text::{ChunkOptions, Strategy};
use nearfield::{Error, Result};
use serde::de::DeserializeOwned;
use serde::Deserialize;
use serde_json::{json, Value};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Hits of each query, of which metrics look at the first ten or hundred.
const DEPTH: usize = 100;

#[derive(Args)]
pub struct Eval {
    /// Folder in BEIR's form: corpus.jsonl {_id, title, text}, queries.jsonl {_id, text}, qrels.tsv with a header line.
    #[arg(long)]
    data: PathBuf,
    /// Folder of the collection that is made of it. One that is there is used again.
    #[arg(long)]
    out: PathBuf,
    /// Folders of models, as `models get` writes them.
    #[arg(long)]
    embedder: Option<PathBuf>,
    #[arg(long)]
    sparse_encoder: Option<PathBuf>,
    #[arg(long)]
    late_encoder: Option<PathBuf>,
    #[arg(long)]
    reranker: Option<PathBuf>,
    /// Options `vectors` of the collection as JSON, such as '{"storage":"f32"}'.
    #[arg(long, default_value = "{}")]
    vectors: String,
    /// Language of the collection.
    #[arg(long)]
    language: Option<String>,
    /// Merge everything and fit vectors on their axes before searching.
    #[arg(long)]
    compact: bool,
    /// Only the first so many judged queries.
    #[arg(long)]
    limit: Option<usize>,
    /// Each a mode, such as `sparse`, `dense` or `hybrid`, or NAME=OPTIONS with options of `search` as JSON, such as
    /// 'weighted={"fusion":{"method":"weighted"}}'.
    #[arg(required = true)]
    pipelines: Vec<String>,
}

/// A line of corpus.jsonl or queries.jsonl.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    title: String,
    text: String,
}

fn parse<T: DeserializeOwned>(json: &str, what: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|e| Error::invalid(format!("{what}: {e}")))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|e| Error::not_found(format!("reading {}", path.display())).with_source(e))
}

fn lines(path: &Path) -> Result<Vec<Line>> {
    let text = read(path)?;
    let filled = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    filled.map(|(at, line)| parse(line, &format!("{}, line {}", path.display(), at + 1))).collect()
}

fn judgements(path: &Path) -> Result<BTreeMap<String, Judgements>> {
    let mut found: BTreeMap<String, Judgements> = BTreeMap::new();
    for (at, line) in read(path)?.lines().enumerate().skip(1) {
        let wrong = || Error::invalid(format!("{}, line {}: not query, document and grade", path.display(), at + 1));
        let mut fields = line.split('\t');
        let (query, document, grade) = match (fields.next(), fields.next(), fields.next()) {
            (Some(query), Some(document), Some(grade)) => (query, document, grade.trim().parse().map_err(|_| wrong())?),
            _ => return Err(wrong()),
        };
        found.entry(query.to_owned()).or_default().insert(document.to_owned(), grade);
    }
    Ok(found)
}

/// Name and options.
fn pipeline(text: &str) -> Result<(&str, SearchOptions)> {
    let (name, mut options) = match text.split_once('=') {
        Some((name, json)) => (name, parse(json, name)?),
        None => (text, json!({ "mode": text })),
    };
    if let Value::Object(fields) = &mut options {
        fields.insert("k".into(), DEPTH.into());
        fields.insert("text".into(), false.into());
    }
    let options = serde_json::from_value(options).map_err(|e| Error::invalid(format!("pipeline {name}: {e}")))?;
    Ok((name, options))
}

impl Eval {
    fn models(&self) -> Result<Models> {
        let loaded = |dir: &Option<PathBuf>| dir.as_deref().map(model).transpose();
        Ok(Models {
            embedder: loaded(&self.embedder)?,
            sparse: self.sparse_encoder.as_deref().map(sparse_model).transpose()?,
            late: loaded(&self.late_encoder)?.map(LateModel::new).transpose()?,
            reranker: loaded(&self.reranker)?,
        })
    }

    fn open(&self) -> Result<Engine> {
        let wanted = Wanted {
            // Each document is what its judgements say it is: one unit, of which models read as much as they can.
            chunk: Some(ChunkOptions { strategy: Strategy::None, size: 256, overlap: 0 }),
            vectors: Some(parse(&self.vectors, "--vectors")?),
            language: self.language.clone(),
            ..Wanted::default()
        };
        block_on(Engine::open(Box::new(FileStore::new(&self.out)), wanted))
    }

    /// Adds what is not there yet.
    fn fill(&self, engine: &Engine, models: &Models) -> Result<()> {
        let there: HashSet<String> = engine.ids().into_iter().collect();
        let missing = lines(&self.data.join("corpus.jsonl"))?.into_iter().filter(|line| !there.contains(&line.id));
        let documents: Vec<Incoming> = missing.map(|line| document(line).into()).collect();
        if documents.is_empty() && !self.compact {
            return Ok(());
        }
        let (total, start) = (documents.len(), Instant::now());
        let report = |progress: Progress| {
            if progress.phase == Phase::Commit && progress.done == progress.committed {
                eprintln!("indexed {} of {total}", progress.committed);
            }
        };
        block_on(engine.add(documents, &models.services(&report)))?;
        if self.compact {
            block_on(engine.compact(&models.services(&report)))?;
        }
        let stats = engine.stats();
        let (seconds, megabytes) = (start.elapsed().as_secs_f64(), stats.bytes as f64 / 1e6);
        println!("{} documents, {megabytes:.1} MB, {total} of them indexed in {seconds:.1} s", stats.documents);
        Ok(())
    }
}

fn document(Line { id, title, text }: Line) -> Document {
    let text = if title.is_empty() { text } else { format!("{title}\n{text}") };
    Document { id, text, title: None, url: None, meta: Default::default(), language: None }
}

pub fn run(arguments: &Eval) -> Result<()> {
    let pipelines: Vec<(&str, SearchOptions)> =
        arguments.pipelines.iter().map(|text| pipeline(text)).collect::<Result<_>>()?;
    let mut judged = judgements(&arguments.data.join("qrels.tsv"))?;
    judged.retain(|_, judgements| judgements.values().any(|&grade| grade > 0.0));
    let mut queries = lines(&arguments.data.join("queries.jsonl"))?;
    queries.retain(|query| judged.contains_key(&query.id));
    queries.truncate(arguments.limit.unwrap_or(usize::MAX));
    let asked: HashSet<&str> = queries.iter().map(|query| query.id.as_str()).collect();
    judged.retain(|id, _| asked.contains(id.as_str()));

    let models = arguments.models()?;
    let engine = arguments.open()?;
    arguments.fill(&engine, &models)?;
    println!("{} judged queries", queries.len());
    println!(
        "{:<28} {:>8} {:>13} {:>11} {:>8} {:>8} {:>9}",
        "pipeline", "ndcg@10", "ci95", "recall@100", "mrr@10", "map", "p50 ms"
    );
    for (name, options) in pipelines {
        let (mut rankings, mut times) = (HashMap::new(), Vec::new());
        for query in &queries {
            let start = Instant::now();
            let found = block_on(engine.search(&query.text, options.clone(), &models.services(&|_| {})))?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
            rankings.insert(query.id.clone(), found.hits.into_iter().map(|hit| hit.id).collect());
        }
        times.sort_by(f64::total_cmp);
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        print(name, &evaluate(&rankings, &judged, SEED), median);
    }
    Ok(())
}

fn print(name: &str, Report { mean, ci95: (low, high), .. }: &Report, median: f64) {
    let interval = format!("{low:.3}-{high:.3}");
    println!(
        "{name:<28} {:>8.4} {interval:>13} {:>11.4} {:>8.4} {:>8.4} {median:>9.2}",
        mean.ndcg_at_10, mean.recall_at_100, mean.mrr_at_10, mean.map
    );
}
