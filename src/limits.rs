//! Every cap on untrusted input, each with its reason. Exceeding one is `LimitExceeded`, never a panic or a silent cut.

/// Longest text of one document, in UTF-8 bytes. Spans are `u32`, and one document must fit in memory several times
/// over (source, chunks, tokens).
pub const DOCUMENT_BYTES: usize = 64 << 20;

/// Longest document id, title, URL or metadata key, in UTF-8 bytes. Ids are kept in memory for every document.
pub const NAME_BYTES: usize = 4 << 10;

/// Metadata of one document as JSON, in bytes. It travels with every hit.
pub const META_BYTES: usize = 64 << 10;

/// Longest query in UTF-8 bytes: 10,000 words are answered, a pasted book is refused.
pub const QUERY_BYTES: usize = 1 << 20;

/// Distinct terms of a query that take part in lexical search, the rarest first. Beyond it terms carry no signal
/// and cost a posting list each.
pub const QUERY_TERMS: usize = 256;

/// Most hits one search returns. `k` above it is cut to it: "give me everything" is a legitimate wish.
pub const HITS: usize = 10_000;

/// Nesting of a filter expression: it is evaluated by recursion.
pub const FILTER_DEPTH: usize = 32;

/// Conditions in one filter expression, lists counted by element.
pub const FILTER_TERMS: usize = 10_000;

/// Width of a vector. The widest published embedding models have 8,192.
pub const VECTOR_DIMS: usize = 16_384;

/// Width of vectors that can be rotated: fitting takes the cube of it, and what is stored its square.
pub const ROTATION_DIMS: usize = 2_048;

/// Greatest magnitude of a component of a vector: sums of 16,384 products of two such numbers are finite in f32.
pub const VECTOR_VALUE: f32 = 1e15;

/// Longest run of characters that is kept as one lexical term, in UTF-8 bytes; longer ones (encoded binary, minified
/// code) are cut, as Lucene does at 255.
pub const TERM_BYTES: usize = 255;

/// Header of a safetensors file: the largest published ones have some 300 kB.
pub const SAFETENSORS_HEADER_BYTES: usize = 16 << 20;

/// One model file, in bytes: wasm memory ends at 4 GiB, and an encoder above this is no browser model.
pub const MODEL_BYTES: u64 = 2 << 30;

/// tokenizer.json, in bytes; the largest multilingual vocabularies have some 20 MB.
pub const TOKENIZER_BYTES: usize = 64 << 20;

/// config.json and the small files beside it, in bytes.
pub const CONFIG_BYTES: usize = 4 << 20;

/// Sections of one stored blob; the format uses some twenty.
pub const FRAME_SECTIONS: usize = 256;

/// Longest name of a blob, in UTF-8 bytes: escaped threefold it is still a file name everywhere.
pub const BLOB_NAME_BYTES: usize = 80;

/// Upper layers of a graph: each has less than a third of the nodes of the one below.
pub const GRAPH_LAYERS: usize = 32;

/// Languages of the documents of one segment: more than have an analyser, so that regions may be told apart, and
/// their numbers are of one byte.
pub const SEGMENT_LANGUAGES: usize = 255;

/// Documents of a collection, deleted ones included until they are merged away. A manifest that declares more is
/// refused before a bit is set aside for each.
pub const COLLECTION_DOCS: u32 = 1 << 24;

/// Layers of an encoder: the largest BERT-like ones have 48.
pub const MODEL_LAYERS: usize = 64;

/// Width of a hidden state and of a feed-forward layer. Larger ones are no browser models, and products of two
/// such sizes stay within 32 bits.
pub const MODEL_HIDDEN: usize = 4_096;
pub const MODEL_INTERMEDIATE: usize = 16_384;

/// Entries of a vocabulary: the largest multilingual ones have some 256,000.
pub const MODEL_VOCAB: usize = 1 << 20;

/// Longest input of a model in tokens: attention takes memory for its square.
pub const MODEL_POSITIONS: usize = 32_768;

/// Numbers in the result of one call of a model, which the caller's memory has to take in one piece.
pub const RESULT_NUMBERS: usize = 1 << 27;

/// Manifest of an archive, in bytes: it has a few for each page of text and a bit for each document.
pub const MANIFEST_BYTES: u64 = 64 << 20;

/// Other queries and hypothetical answers that one search may bring: each costs a search or an embedding.
pub const EXPANSIONS: usize = 32;

/// Answers of the first pass that feedback reads.
pub const FEEDBACK_DOCUMENTS: usize = 1_000;

/// Chunks of one context: choosing takes time for the square of the candidates.
pub const CONTEXT_PASSAGES: usize = 1_000;

/// Terms that a learned sparse model may give one text.
pub const SPARSE_TERMS: usize = 4096;

/// Width of a token's vector. Published late-interaction models have 96 to 1,024.
pub const TOKEN_DIMS: usize = 1_024;

/// Centroids that tell token vectors apart: their numbers have 16 bits.
pub const TOKEN_CENTROIDS: usize = 1 << 16;

/// Tokens that a query of a late-interaction model is padded to: each costs a column in every comparison.
pub const QUERY_TOKENS: usize = 512;

/// Tensors and settings of a GGUF file: a language model of 100 layers has some 1,000 and some 50.
pub const GGUF_TENSORS: usize = 1 << 14;
pub const GGUF_SETTINGS: usize = 1 << 12;

/// Header of a GGUF file: the vocabulary stands in it, in the largest ones some 12 MB.
pub const GGUF_HEADER_BYTES: usize = 32 << 20;

/// Context in tokens that a GGUF file may declare; of it no more than [`GENERATION_TOKENS`] are used.
pub const GGUF_CONTEXT: usize = 1 << 20;

/// Tokens that a language model may read and write in one go: memory for attention grows with them.
pub const GENERATION_TOKENS: usize = 4096;
