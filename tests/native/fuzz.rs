//! Every decoder of bytes that others wrote, fed with good bytes spoilt at random. Where there are checksums they are
//! made right again, so that what lies behind them is reached. Whatever comes in, the outcome is a value or an error of
//! the caller's; never a panic, and never `Internal`. The generator is seeded: a failure can be run again.

use crate::support::host::{Host, WordHashes, WordVectors};
use crate::support::library::{self, document, Random};
use crate::support::overlay::{blobs, Blobs, MANIFEST};
use crate::support::tiny_llama::TinyLlama;
use nearfield::codec::{Frame, FrameWriter, Tag};
use nearfield::engine::{Engine, GraphPolicy, Importer, Maintenance, Reembedding, VectorSettings, Wanted};
use nearfield::index::{
    join_vectors, sparse_top_k, token_top_k, BlobKind, Codebook, Graph, Lazy, Leg, Page, Rotation, Segment,
    SparseQuery, SparseScorer, TokenQuery,
};
use nearfield::model::config::ModelCard;
use nearfield::model::generator::{BpeVocabulary, Llama};
use nearfield::model::gguf::Gguf;
use nearfield::model::layout::{expected_tensors, Expected};
use nearfield::model::stream::WeightStream;
use nearfield::model::tokenizer::Tokenizer;
use nearfield::pace::Unpaced;
use nearfield::store::{Manifest, MemoryStore};
use nearfield::text::{chunk, highlight, Analyzer, ChunkOptions, Strategy, WordCounter};
use nearfield::{Error, ErrorKind};
use pollster::block_on;
use safetensors::tensor::TensorView;
use safetensors::Dtype;
use std::panic::{catch_unwind, AssertUnwindSafe};

fn executions() -> usize {
    if std::env::var_os("NEARFIELD_LONG").is_some() {
        200_000
    } else {
        20_000
    }
}

/// Spoils bytes in one to four ways.
fn spoil(random: &mut Random, good: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..1 + random.below(4) {
        let (at, len) = (random.below(bytes.len()), 1 + random.below(12));
        let end = (at + len).min(bytes.len());
        match random.below(8) {
            _ if bytes.is_empty() => bytes.push(random.next() as u8),
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => bytes[at..end].fill([0, 0x7f, 0x80, 0xff][random.below(4)]),
            3 => drop(bytes.drain(at..end)),
            4 => drop(bytes.splice(at..at, (0..len).map(|_| random.next() as u8))),
            5 => {
                let from = random.below(good.len());
                let piece = &good[from..(from + len * 4).min(good.len())];
                drop(bytes.splice(at..at, piece.iter().copied()));
            }
            6 if at + 4 <= bytes.len() => {
                let number = [0, 1, u32::MAX, 1 << 31, random.next() as u32][random.below(5)];
                bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
            }
            _ => bytes.truncate(at.max(bytes.len() / 2)),
        }
    }
    bytes
}

/// Makes the table of a frame fit its sections again after one of them was spoilt, with good checksums, also those that
/// a segment keeps of its blocks.
fn reframe(random: &mut Random, blob: &[u8]) -> Vec<u8> {
    let (kind, id) = Frame::identity(blob).unwrap();
    let frame = Frame::open(blob, kind, id).unwrap();
    let mut sections: Vec<(Tag, Vec<u8>)> =
        frame.tags().map(|tag| (tag, frame.section(tag).unwrap().to_vec())).collect();
    let spoilt = random.below(sections.len());
    sections[spoilt].1 = spoil(random, &sections[spoilt].1);
    if matches!(&sections[spoilt].0, b"TERM" | b"POST") && frame.optional(*b"SUMS").unwrap().is_some() {
        let sums = |bytes: &[u8]| -> Vec<u8> {
            bytes.chunks(BLOCK).flat_map(|block| crc32fast::hash(block).to_le_bytes()).collect()
        };
        let of = |tag: &Tag| &sections.iter().find(|(found, _)| found == tag).unwrap().1;
        let old = sums(frame.section(*b"TERM").unwrap()).len() + sums(frame.section(*b"POST").unwrap()).len();
        let fresh = [&sums(of(b"TERM"))[..], &sums(of(b"POST")), &of(b"SUMS")[old..]].concat();
        sections.iter_mut().find(|(tag, _)| tag == b"SUMS").unwrap().1 = fresh;
    }
    let mut writer = FrameWriter::new(kind, id);
    for (tag, bytes) in sections {
        writer.section(tag, bytes);
    }
    writer.finish().unwrap()
}

/// Bytes of a segment that have a checksum of their own (FORMAT.md, section SUMS).
const BLOCK: usize = 4096;

/// Spoils an archive, and puts the checksum at its end right.
fn rearchive(random: &mut Random, good: &[u8]) -> Vec<u8> {
    let mut bytes = spoil(random, &good[..good.len() - 4]);
    let sum = crc32fast::hash(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

/// How a kind of input is spoilt, and what errors say when it was refused before anybody read what was spoilt.
struct Form {
    spoil: fn(&mut Random, &[u8]) -> Vec<u8>,
    unread: Option<&'static str>,
}

const PLAIN: Form = Form { spoil, unread: None };
const FRAME: Form = Form { spoil: reframe, unread: Some("checksum") };
/// Its blobs have checksums of their own, which are for whoever opens the collection.
const ARCHIVE: Form = Form { spoil: rearchive, unread: Some("checksum at its end") };

/// Runs one decoder on spoilt bytes, many times. `use_it` looks at everything that came out.
#[track_caller]
fn fuzz(name: &str, seeds: &[Vec<u8>], form: Form, use_it: impl Fn(&[u8]) -> Result<(), Error>) {
    for seed in seeds {
        use_it(seed).unwrap_or_else(|error| panic!("{name}: a good one is refused: {error}"));
    }
    let (mut random, mut taken, mut unread) = (Random(name.len() as u64), 0, 0);
    for execution in 0..executions() {
        let bytes = (form.spoil)(&mut random, &seeds[execution % seeds.len()]);
        match catch_unwind(AssertUnwindSafe(|| use_it(&bytes))) {
            Ok(Ok(())) => taken += 1,
            Ok(Err(error)) => {
                assert_ne!(error.kind, ErrorKind::Internal, "{name}, execution {execution}: {error}");
                unread += usize::from(form.unread.is_some_and(|what| error.to_string().contains(what)));
            }
            Err(_) => panic!("{name} panicked at execution {execution}"),
        }
    }
    let read = executions() - unread;
    println!("harness: fuzz {name}: {} executions, {read} past checksums, {taken} taken, 0 crashes", executions());
    assert!(read * 10 >= executions() * 9, "{name}: only {read} were read");
}

/// A small collection with everything in it, and the vectors of another model on their way.
fn collection() -> Blobs {
    let store = MemoryStore::new();
    let vectors = VectorSettings { index: GraphPolicy::Hnsw, dims: Some(8), ..VectorSettings::default() };
    let wanted = Wanted { vectors: Some(vectors), ..Wanted::default() };
    let engine = block_on(Engine::open(Box::new(store.handle()), wanted)).unwrap();
    library::add_with(&Host::late(), &engine, (0..40).map(|number| document(number, 1, 40)).collect());
    Host::late().run(async |services| {
        engine.fit(services).await.unwrap();
        while engine.maintain(services).await.unwrap() != Maintenance::Nothing {}
    });
    block_on(engine.delete(&["d3".into()])).unwrap();
    let other = Host::with(Unpaced, Some(WordHashes::new("other")));
    assert_eq!(other.run(async |services| engine.reembed(services).await).unwrap(), Reembedding::Going);
    blobs(&store)
}

/// The blobs of a kind, as their frames say.
fn kind(blobs: &Blobs, kind: &Tag) -> Vec<Vec<u8>> {
    let found: Vec<Vec<u8>> =
        blobs.values().filter(|blob| Frame::identity(blob).unwrap().0 == *kind).cloned().collect();
    assert!(!found.is_empty(), "no blob of kind {}", kind.escape_ascii());
    found
}

fn named(blobs: &Blobs, part: &str) -> Vec<Vec<u8>> {
    blobs.iter().filter(|(name, _)| name.contains(part)).map(|(_, blob)| blob.clone()).collect()
}

fn manifest(blobs: &Blobs) -> Manifest {
    Manifest::decode(&blobs[MANIFEST]).unwrap()
}

/// The segment with the vectors that the manifest names.
fn opened(blobs: &Blobs) -> Segment {
    let segment = Segment::open(1, &kind(blobs, b"SEGM")[0]).unwrap();
    segment.with_vectors(&blobs[&manifest(blobs).segments[0].vectors_name().unwrap()]).unwrap()
}

fn search(segment: &Segment) {
    let terms: Vec<(String, f32)> = ["harbour", "salt", "n7"].map(|term| (term.to_owned(), 1.0)).into();
    for scorer in [SparseScorer::BM25, SparseScorer::TfIdf] {
        let hits = sparse_top_k(&[Leg { segment, allowed: None }], &SparseQuery { terms: &terms, scorer }, 5);
        assert!(hits.iter().all(|hit| hit.score.is_finite()));
    }
}

#[test]
fn manifests() {
    let blobs = collection();
    let plain = Manifest { pending: None, shared: Default::default(), ..manifest(&blobs) };
    assert!(manifest(&blobs).pending.is_some() && manifest(&blobs).shared.len() == 2);
    let seeds = [blobs[MANIFEST].clone(), plain.encode().unwrap()];
    fuzz("manifest", &seeds, FRAME, |bytes| {
        let manifest = Manifest::decode(bytes)?;
        manifest.encode().unwrap();
        Ok(())
    });
}

#[test]
fn segments_whole() {
    fuzz("segment", &kind(&collection(), b"SEGM"), FRAME, |bytes| {
        let segment = Segment::open(1, bytes)?;
        search(&segment);
        let _ = segment.check();
        for doc in 0..segment.docs() {
            segment.doc(doc)?.meta().ok();
            for chunk in segment.doc_chunks(doc) {
                segment.chunk(chunk)?;
            }
        }
        Ok(())
    });
}

#[test]
fn segments_in_parts() {
    let seeds = kind(&collection(), b"SEGM");
    fuzz("segment in parts", &seeds, FRAME, |bytes| {
        let frame = Frame::open(bytes, *b"SEGM", 1)?;
        let (head, terms) = (frame.place(*b"COLS")?.start, frame.section(*b"TERM")?);
        let lazy = Lazy::open(1, &bytes[..head], bytes.len())?;
        for term in ["harbour", "salt", "e1", "zzz"] {
            let Some((run, part)) = lazy.term_part(term) else { continue };
            run.covering(&part)?;
            let found = lazy.find(term, terms.get(part).unwrap_or_default())?;
            let list = found.map(|(df, run, list)| {
                run.covering(&list).map(|_| (df, frame.section(*b"POST").unwrap()[list].to_vec()))
            });
            lazy.learn(term, list.transpose()?);
        }
        lazy.take_columns(frame.section(*b"COLS")?)?;
        search(&lazy.with_terms(["harbour", "salt", "e1", "zzz"])?);
        Ok(())
    });
}

#[test]
fn pages_vectors_and_graphs() {
    let blobs = collection();
    let segment = opened(&blobs);
    fuzz("page", &named(&blobs, "-t0-"), FRAME, |bytes| Page::open(&segment, 0, bytes)?.check(&segment));
    fuzz("vectors", &named(&blobs, "-v"), FRAME, |bytes| {
        let segment = segment.with_vectors(bytes)?;
        (0..segment.chunks()).for_each(|chunk| drop(segment.vector(chunk).unwrap()));
        Ok(())
    });
    fuzz("graph", &kind(&blobs, b"GRPH"), FRAME, |bytes| {
        let graph = Graph::open(bytes, &segment)?;
        let _ = graph.check();
        use nearfield::index::{dense_top_k, DenseLeg, DenseMode, DenseParams};
        let params = DenseParams { mode: DenseMode::Hnsw, ef: 10, ..DenseParams::default() };
        let leg = DenseLeg { segment: &segment, graph: Some(&graph), allowed: None };
        let hits = dense_top_k(&[leg], &[0.5; 8], params, 3)?;
        assert!(hits.iter().all(|hit| hit.chunk < segment.chunks()));
        Ok(())
    });
}

#[test]
fn rotations_and_pending_vectors() {
    let blobs = collection();
    fuzz("rotation", &kind(&blobs, b"ROTA"), FRAME, |bytes| {
        let rotation = Rotation::decode(bytes)?;
        let turned = rotation.turn(&vec![0.5; rotation.dims()])?;
        assert!(rotation.turn_back(&turned)?.iter().all(|x| x.is_finite()));
        Ok(())
    });
    let config = opened(&blobs).config().vectors.clone().unwrap();
    fuzz("pending vectors", &named(&blobs, "-p"), FRAME, |bytes| {
        let whole = join_vectors(&config, 1, &[bytes.to_vec()])?;
        // As many as the manifest says is for the engine to ask.
        opened(&blobs).with_vectors(&whole).map(drop)
    });
}

#[test]
fn weighted_terms() {
    let blobs = collection();
    let segment = opened(&blobs);
    let terms: Vec<(String, f32)> = ["harbour", "sa", "n7"].map(|term| (term.to_owned(), 1.0)).into();
    fuzz("impacts", &kind(&blobs, b"IMPT"), FRAME, |bytes| {
        let segment = segment.with_extra(BlobKind::Splade, bytes)?;
        let query = SparseQuery { terms: &terms, scorer: SparseScorer::Impact };
        let hits = sparse_top_k(&[Leg { segment: &segment, allowed: None }], &query, 5);
        assert!(hits.iter().all(|hit| hit.score.is_finite() && hit.chunk < segment.chunks()));
        Ok(())
    });
}

#[test]
fn codebooks_and_token_vectors() {
    let blobs = collection();
    fuzz("codebook", &kind(&blobs, b"CENT"), FRAME, |bytes| {
        let codebook = Codebook::decode(bytes)?;
        let codes = codebook.quantise(&vec![0.1; codebook.form().dims]);
        let mut vector = Vec::new();
        codebook.dequantise(codes.view(), &mut vector);
        assert!(vector.iter().all(|x| x.is_finite()));
        Ok(())
    });
    let segment = opened(&blobs);
    let codebook = Codebook::decode(&kind(&blobs, b"CENT")[0]).unwrap();
    let query = TokenQuery::new(&WordVectors::vectors("harbour salt n7").concat(), &codebook).unwrap();
    fuzz("token vectors", &kind(&blobs, b"TOKN"), FRAME, |bytes| {
        let segment = segment.with_extra(BlobKind::Colbert, bytes)?;
        // The engine compares the form before it asks.
        if segment.token_form() == Some(codebook.form()) {
            let hits = token_top_k(&[Leg { segment: &segment, allowed: None }], &query, 5)?;
            assert!(hits.iter().all(|hit| hit.score.is_finite()));
        }
        Ok(())
    });
}

#[test]
fn archives() {
    let engine = library::open(MemoryStore::new());
    library::add(&engine, (0..6).map(|number| document(number, 1, 20)).collect());
    let mut file = Vec::new();
    let mut emit = |piece: Vec<u8>| {
        file.extend(piece);
        Ok(())
    };
    Host::new().run(async |services| engine.export(services, &mut emit).await).unwrap();
    fuzz("archive", &[file], ARCHIVE, |bytes| {
        let mut importer = block_on(Importer::new(Box::new(MemoryStore::new())))?;
        for piece in bytes.chunks(700) {
            block_on(importer.push(piece))?;
        }
        block_on(importer.finish()).map(drop)
    });
}

const CONFIG: &str = r#"{"model_type":"bert","hidden_size":32,"num_hidden_layers":1,"num_attention_heads":2,
    "intermediate_size":64,"vocab_size":16,"max_position_embeddings":32,"type_vocab_size":2,"layer_norm_eps":1e-12,
    "hidden_act":"gelu"}"#;

const TOKENIZER: &str = r###"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[
    {"id":0,"content":"[PAD]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
    {"id":1,"content":"[UNK]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
    {"id":2,"content":"[CLS]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
    {"id":3,"content":"[SEP]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
    "normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
    "pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":{"type":"TemplateProcessing",
    "single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}}],
    "pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],
    "special_tokens":{"[CLS]":{"id":"[CLS]","ids":[2],"tokens":["[CLS]"]},"[SEP]":{"id":"[SEP]","ids":[3],"tokens":["[SEP]"]}}},
    "decoder":null,"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,
    "vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"sea":4,"##s":5,"salt":6,"lamp":7}}}"###;

/// Its charsmap turns a tab into an x.
const UNIGRAM: &str = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[
    {"id":0,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
    {"id":1,"content":"</s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
    {"id":6,"content":"<mask>","single_word":false,"lstrip":true,"rstrip":false,"normalized":false,"special":true}],
    "normalizer":{"type":"Sequence","normalizers":[{"type":"Precompiled","precompiled_charsmap":
    "KAAAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACQUAAAIAAIB5AHgA"},
    {"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "}]},
    "pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},
    {"type":"Metaspace","replacement":"▁","add_prefix_space":true,"prepend_scheme":"always"}]},
    "post_processor":{"type":"TemplateProcessing",
    "single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],
    "pair":[{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}},{"Sequence":{"id":"B","type_id":0}}],
    "special_tokens":{"<s>":{"id":"<s>","ids":[0],"tokens":["<s>"]},"</s>":{"id":"</s>","ids":[1],"tokens":["</s>"]}}},
    "decoder":null,"model":{"type":"Unigram","unk_id":2,"byte_fallback":false,
    "vocab":[["<s>",0.0],["</s>",0.0],["<unk>",0.0],["▁s",-2.5],["alt",-3.25],["▁lamp",-4.0],["<mask>",0.0]]}}"#;

/// All tensors that [`CONFIG`] asks for, of ones.
fn safetensors(card: &ModelCard) -> Vec<u8> {
    let expected = expected_tensors(card);
    let size = |tensor: &Expected| tensor.shape.iter().product::<usize>() * 4;
    let ones = 1f32.to_le_bytes().repeat(expected.iter().map(size).max().unwrap() / 4);
    let view = |tensor: &Expected| TensorView::new(Dtype::F32, tensor.shape.clone(), &ones[..size(tensor)]).unwrap();
    safetensors::serialize(expected.iter().map(|tensor| (&tensor.name, view(tensor))), None).unwrap()
}

#[test]
fn model_files() {
    let card = ModelCard::read("m", CONFIG, &Default::default()).unwrap();
    fuzz("config.json", &[CONFIG.as_bytes().to_vec()], PLAIN, |bytes| {
        ModelCard::read("m", &String::from_utf8_lossy(bytes), &Default::default()).map(drop)
    });
    fuzz("tokenizer.json", &[TOKENIZER.as_bytes().to_vec()], PLAIN, |bytes| {
        let tokenizer = Tokenizer::from_json(bytes)?;
        tokenizer.encode("salt and seas \u{0}\u{fffd} by the lamp", 8);
        tokenizer.encode_pair("salt", "lamps", 8);
        Ok(())
    });
    fuzz("tokenizer.json of Unigram", &[UNIGRAM.as_bytes().to_vec()], PLAIN, |bytes| {
        let tokenizer = Tokenizer::from_json(bytes)?;
        tokenizer.encode("salt and\tseas \u{0}\u{fffd} by the <mask> lamp", 8);
        tokenizer.encode_pair("salt", "lamps", 8);
        Ok(())
    });
    fuzz("safetensors", &[safetensors(&card)], PLAIN, |bytes| {
        let mut stream = WeightStream::new(&card);
        for piece in bytes.chunks(1000) {
            stream.push(piece)?;
        }
        stream.finish().map(drop)
    });
}

#[test]
fn language_models() {
    let tiny = TinyLlama::new(3);
    let header = tiny.gguf()[..tiny.header_bytes()].to_vec();
    let size = tiny.gguf().len() as u64;
    fuzz("GGUF", &[header], PLAIN, |bytes| Llama::check(&Gguf::read(bytes, size)?).map(drop));
    fuzz("tokenizer.json of BPE", &[tiny.tokenizer()], PLAIN, |bytes| {
        BpeVocabulary::from_json(bytes)?.encode("Salt, and 12 seas\u{0}\u{fffd}").map(drop)
    });
}

#[test]
fn queries_and_filters() {
    let engine = library::open(MemoryStore::new());
    library::add(&engine, (0..20).map(|number| document(number, 1, 30)).collect());
    let options = r#"{"k":5,"mode":"sparse","filter":{"or":[{"shelf":{"gte":2,"lt":6}},{"not":{"kind":{"in":["salt",null,true]}}},{"$id":"d3"}]},
        "bm25":{"k1":1.2,"b":0.75},"fusion":{"method":"weighted","weights":{"dense":1}},"depth":50,"explain":true,"group":false}"#;
    fuzz("search options", &[options.as_bytes().to_vec()], PLAIN, |bytes| {
        let options = serde_json::from_slice(bytes).map_err(|e| Error::invalid("options").with_source(e))?;
        let found = Host::new().run(async |services| engine.search("harbour salt n3", options, services).await)?;
        assert!(found.hits.iter().all(|hit| hit.score.is_finite()));
        Ok(())
    });
    let query =
        "harbour \"salt & pepper\" naïve e\u{301} 漢字 \u{202e}right\u{202c} n3 -- ' OR 1=1".as_bytes().to_vec();
    fuzz("query", &[query], PLAIN, |bytes| {
        let options = serde_json::from_str(r#"{"mode":"hybrid"}"#).unwrap();
        let query = String::from_utf8_lossy(bytes);
        Host::new().run(async |services| engine.search(&query, options, services).await).map(drop)
    });
}

#[test]
fn documents() {
    let html = "<html><head><title>Lamp</title><script>var a='</p>';</script></head><body><nav>x</nav><main><h1>Lamp &amp; oil</h1>\
        <p>One <b>two</b><br>three &#x1F600; &nbsp;</p><table><tr><td>a<td>b</table><pre>code\n  more</pre></main></body></html>";
    let markdown = "---\ntitle: Lamp\n---\n# Lamp\n\nText *with* `code` and [a link](x).\n\n```rust\nfn main() {}\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quote\n\n1. one\n2. two\n\n## Oil\n\nMore.";
    let analyzers = ["en", "de", "zh", "none"].map(|language| Analyzer::new(language).unwrap());
    for (name, seed, strategy) in [
        ("HTML", html, Strategy::Html),
        ("Markdown", markdown, Strategy::Markdown),
        ("recursive", markdown, Strategy::Recursive),
        ("sentences", markdown, Strategy::Sentences),
    ] {
        fuzz(name, &[seed.as_bytes().to_vec()], PLAIN, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let chunked = chunk(&text, &ChunkOptions { strategy, size: 24, overlap: 4 }, &WordCounter)?;
            for piece in &chunked.chunks {
                let part = &chunked.text[piece.span.clone()];
                assert!(piece.source.end <= text.len());
                for analyzer in &analyzers {
                    let terms = analyzer.terms(part).into_iter().collect();
                    let units = part.encode_utf16().count() as u32;
                    let ranges = highlight(part, &terms, analyzer);
                    assert!(ranges.iter().all(|range| range.start < range.end && range.end <= units));
                }
            }
            Ok(())
        });
    }
}
