//! A loaded model: text in, vectors or scores out. Texts are tokenised as they are needed and collected into ragged
//! batches of about [`BATCH_TOKENS`] tokens. Since nothing is padded, a batch costs the same in any order and no
//! sorting by length is needed: results come in the caller's order by themselves, and a text's result does not
//! depend on the texts beside it, to the last bit.

use crate::error::{Error, Result};
use crate::limits;
use crate::model::batch::Batch;
use crate::model::bert::Readout;
use crate::model::config::{ModelCard, ModelKind, Pooling, QuerySide};
use crate::model::encoder::{Encoder, Scratch};
use crate::model::head::{self, Head, Pool, PoolerScratch};
use crate::model::late::LateHead;
use crate::model::layout::STATIC_TABLE;
use crate::model::reading::Reading;
use crate::model::sparse::{SparseScratch, TermWeights};
use crate::model::tokenizer::Tokenizer;
use crate::model::weights::Weights;
use crate::model::{Embedder, EmbedderInfo, Reranker, Role, Spanned, TokenRows};
use crate::pace::{LocalFuture, Pacer};
use crate::text::TokenCounter;
use std::cell::{Cell, RefCell};
use std::ops::Range;

/// Tokens that fill a batch. More would not make the products faster (weights are read from the cache already); fewer
/// keep the hidden states in the second-level cache and the pauses close together.
const BATCH_TOKENS: usize = 256;

/// Rows of a table between two pauses of a model that only looks up: a few milliseconds.
const ROWS_BETWEEN_PAUSES: usize = 16_384;

pub struct NeuralModel {
    card: ModelCard,
    info: EmbedderInfo,
    tokenizer: Tokenizer,
    encoder: Encoder,
    head: Head,
    /// Buffers of calls that have ended. A call takes one set, so that calls may overlap at their pauses.
    idle: RefCell<Vec<Workspace>>,
    /// Tokens of all batches so far.
    encoded: Cell<u64>,
}

/// Everything that a call writes to.
#[derive(Default)]
struct Workspace {
    batch: Batch,
    scratch: Scratch,
    pooler: PoolerScratch,
    terms: SparseScratch,
}

/// Tokens of one input; `types` is empty where all are 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    pub ids: Vec<u32>,
    pub types: Vec<u32>,
}

impl NeuralModel {
    /// Packs `weights` for the kernels; what they held unpacked is freed.
    ///
    /// Errors: `Corrupt` for weights that do not fit the card.
    pub fn new(card: ModelCard, tokenizer: Tokenizer, mut weights: Weights) -> Result<NeuralModel> {
        if tokenizer.vocabulary() > card.bert.vocab {
            let (tokens, rows) = (tokenizer.vocabulary(), card.bert.vocab);
            return Err(Error::corrupt(format!("tokenizer.json has {tokens} tokens, the model {rows} embeddings")));
        }
        let encoder = match card.kind {
            ModelKind::Static { .. } => {
                let table = weights.take_table(STATIC_TABLE, card.bert.vocab, card.bert.hidden)?;
                Encoder::of_table(&card.bert, table)
            }
            _ => Encoder::new(&card.bert, &mut weights)?,
        };
        let head = Head::new(&card, &mut weights, &encoder.embeddings.words, &tokenizer)?;
        let info = EmbedderInfo {
            name: card.name.clone(),
            digest: card.digest.clone(),
            dims: card.dims(),
            max_tokens: card.max_tokens,
            matryoshka: card.matryoshka,
        };
        Ok(NeuralModel { card, info, tokenizer, encoder, head, idle: RefCell::default(), encoded: Cell::new(0) })
    }

    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    pub fn head(&self) -> &Head {
        &self.head
    }

    /// What a pass over the layers ends in, for an encoder elsewhere; none for models without layers, or with another
    /// head.
    pub fn readout(&self) -> Option<Readout> {
        match &self.head {
            &Head::Pool(Pool { pooling, normalize, dense: None }) => Some(Readout::Vector { pooling, normalize }),
            Head::Classify(_) => Some(Readout::Logit),
            Head::Pool(_) | Head::Rows { .. } | Head::Sparse(_) | Head::Late(_) => None,
        }
    }

    /// Memory of weights and buffers in bytes, the vocabulary not counted.
    pub fn memory_bytes(&self) -> usize {
        let buffers: usize = self.idle.borrow().iter().map(|idle| idle.scratch.memory_bytes()).sum();
        self.encoder.memory_bytes() + self.head.memory_bytes() + buffers
    }

    /// Tokens that went through the encoder so far, special tokens included: by it and a clock, speed is measured.
    pub fn tokens_encoded(&self) -> u64 {
        self.encoded.get()
    }

    /// Tokens of a text as the model reads it: with the prefix of its role, special tokens, truncated.
    pub fn tokens(&self, text: &str, role: Role) -> Result<Tokens> {
        self.tokens_read(text, &role.into())
    }

    /// The same, with what the caller says.
    ///
    /// Errors: `InvalidInput` for an instruction to a model that is no more than a table.
    pub fn tokens_read(&self, text: &str, reading: &Reading) -> Result<Tokens> {
        if let Head::Rows { .. } = self.head {
            if reading.instruction.is_some() {
                return Err(Error::invalid(format!("model {:?} follows no instructions", self.card.name)));
            }
            let ids = self.tokenizer.encode_bare(text, self.card.max_tokens);
            return Ok(Tokens { ids, types: Vec::new() });
        }
        if let Head::Late(head) = &self.head {
            let most = match reading.role {
                Role::Query => self.card.max_tokens.min(limits::QUERY_TOKENS),
                Role::Passage => self.card.max_tokens,
            };
            let ids = self.tokenizer.encode(text, most - 1);
            return Ok(Tokens { ids: head.marked(ids, reading.role), types: Vec::new() });
        }
        let prefix = reading.prefix(&self.card);
        let ids = match prefix.is_empty() {
            true => self.tokenizer.encode(text, self.card.max_tokens),
            false => self.tokenizer.encode(&format!("{prefix}{text}"), self.card.max_tokens),
        };
        Ok(Tokens { ids, types: Vec::new() })
    }

    /// Tokens at the beginning of each text that a mean leaves out: all before the text itself, if any are.
    pub fn unpooled(&self, reading: &Reading) -> usize {
        let prefix = reading.prefix(&self.card);
        match prefix.is_empty() || reading.is_pooled(&self.card) {
            true => 0,
            false => self.tokenizer.special_tokens().min(1) + self.tokenizer.count(prefix),
        }
    }

    /// Tokens of a query and a passage as a cross-encoder reads them.
    pub fn pair_tokens(&self, query: &str, passage: &str) -> Tokens {
        let (ids, types) = self.tokenizer.encode_pair(query, passage, self.card.max_tokens);
        Tokens { ids, types }
    }

    /// Vectors of inputs that are tokens already, `[inputs, dims]`.
    ///
    /// Errors: `InvalidInput` for tokens that the model does not have, or if it is a cross-encoder; what `pacer` says.
    pub async fn embed_tokens(&self, inputs: &[Tokens], pacer: &dyn Pacer) -> Result<Vec<f32>> {
        self.vectors(inputs.len(), |i| Ok(inputs[i].clone()), 0, pacer).await
    }

    /// Vectors of texts that are read as the caller says.
    ///
    /// Errors: as of [`Self::embed_tokens`] and [`Self::tokens_read`].
    pub async fn embed_read(&self, texts: &[String], reading: &Reading, pacer: &dyn Pacer) -> Result<Vec<f32>> {
        let unpooled = self.unpooled(reading);
        self.vectors(texts.len(), |i| self.tokens_read(&texts[i], reading), unpooled, pacer).await
    }

    /// Scores of pairs that are tokens already.
    ///
    /// Errors: as of [`Self::embed_tokens`], the other way round.
    pub async fn score_tokens(&self, inputs: &[Tokens], pacer: &dyn Pacer) -> Result<Vec<f32>> {
        self.logits(inputs.len(), |i| Ok(inputs[i].clone()), pacer).await
    }

    /// Hidden states of an input, `[tokens, hidden]`: what [`reference`](super::reference) can be compared with.
    ///
    /// Errors: what `pacer` says.
    pub async fn states(&self, input: &Tokens, pacer: &dyn Pacer) -> Result<Vec<f32>> {
        if let Head::Rows { .. } = self.head {
            return Err(Error::unsupported(format!("model {:?} has no hidden states", self.card.name)));
        }
        let mut states = Vec::new();
        let hidden = self.card.bert.hidden;
        self.run(
            1,
            |_| Ok(input.clone()),
            pacer,
            |workspace, range| {
                for token in range {
                    states.extend_from_slice(&workspace.scratch.hidden(token)[..hidden]);
                }
            },
        )
        .await?;
        Ok(states)
    }

    /// `unpooled` tokens at the beginning of each input are left out of its mean.
    async fn vectors(
        &self,
        count: usize,
        tokens: impl Fn(usize) -> Result<Tokens>,
        unpooled: usize,
        pacer: &dyn Pacer,
    ) -> Result<Vec<f32>> {
        let pool = match &self.head {
            Head::Pool(pool) => pool,
            &Head::Rows { normalize } => return self.row_means(count, tokens, normalize, pacer).await,
            Head::Classify(_) | Head::Sparse(_) | Head::Late(_) => {
                return Err(Error::invalid(format!("model {:?} makes no vectors", self.card.name)))
            }
        };
        let dims = self.info.dims;
        let mut out = Vec::with_capacity(result_len(count, dims)?);
        self.run(count, tokens, pacer, |workspace, range| {
            let at = out.len();
            out.resize(at + dims, 0.0);
            let Workspace { scratch, pooler, .. } = workspace;
            // Of an input that ends within what is left out, all counts: there is nothing else.
            let range = match pool.pooling == Pooling::Mean && unpooled < range.len() {
                true => range.start + unpooled..range.end,
                false => range,
            };
            pool.vector(pool.pooling, scratch, range, pooler, &mut out[at..]);
        })
        .await?;
        head::check_finite(&out, &self.card.name)?;
        Ok(out)
    }

    /// The tokens of a passage, and where among them those of each span are.
    fn spanned_tokens(&self, input: &Spanned, reading: &Reading) -> Result<(Tokens, Vec<Range<usize>>)> {
        let tokens = self.tokens_read(&input.text, reading)?;
        let prefix = reading.prefix(&self.card);
        let places = self.tokenizer.token_spans(&format!("{prefix}{}", input.text));
        // One special token before the text, the others behind it.
        let special = self.tokenizer.special_tokens();
        let (before, count) = (special.min(1), tokens.ids.len().saturating_sub(special));
        let places = &places[..count.min(places.len())];
        let range = |span: &Range<usize>| {
            let first = places.partition_point(|place| place.1 <= span.start + prefix.len());
            let end = places.partition_point(|place| place.0 < span.end + prefix.len());
            match first < end {
                true => before + first..before + end,
                false => 0..tokens.ids.len(),
            }
        };
        let ranges = input.spans.iter().map(range).collect();
        Ok((tokens, ranges))
    }

    /// As [`Embedder::embed_spans`], of passages that are read as the caller says.
    pub async fn embed_spans_read(&self, inputs: &[Spanned], reading: &Reading, pacer: &dyn Pacer) -> Result<Vec<f32>> {
        let Head::Pool(pool) = &self.head else {
            return Err(Error::invalid(format!("model {:?} has no vectors of tokens in context", self.card.name)));
        };
        let read = inputs.iter().map(|input| self.spanned_tokens(input, reading)).collect::<Result<Vec<_>>>()?;
        let (dims, mut out) = (self.info.dims, Vec::new());
        let mut ranges = read.iter().map(|(_, ranges)| ranges);
        self.run(
            read.len(),
            |i| Ok(read[i].0.clone()),
            pacer,
            |workspace, sequence| {
                for range in ranges.next().into_iter().flatten() {
                    let at = out.len();
                    out.resize(at + dims, 0.0);
                    let tokens = sequence.start + range.start..sequence.start + range.end;
                    let Workspace { scratch, pooler, .. } = &mut *workspace;
                    pool.vector(Pooling::Mean, scratch, tokens, pooler, &mut out[at..]);
                }
            },
        )
        .await?;
        head::check_finite(&out, &self.card.name)?;
        Ok(out)
    }

    /// Means of the rows of the word table, for models without layers. A text without known words has a vector of
    /// zeros.
    async fn row_means(
        &self,
        count: usize,
        tokens: impl Fn(usize) -> Result<Tokens>,
        normalize: bool,
        pacer: &dyn Pacer,
    ) -> Result<Vec<f32>> {
        let dims = self.info.dims;
        let (mut out, mut row) = (vec![0.0; result_len(count, dims)?], vec![0.0; dims]);
        let mut read = 0;
        for (index, vector) in out.chunks_exact_mut(dims).enumerate() {
            let Tokens { ids, .. } = tokens(index)?;
            for &id in &ids {
                if id as usize >= self.card.bert.vocab {
                    let rows = self.card.bert.vocab;
                    return Err(Error::invalid(format!("token id {id}: the vocabulary has {rows}")));
                }
                self.encoder.word_row(id, &mut row);
                vector.iter_mut().zip(&row).for_each(|(sum, x)| *sum += x);
            }
            if !ids.is_empty() {
                let share = 1.0 / ids.len() as f32;
                vector.iter_mut().for_each(|x| *x *= share);
            }
            if normalize {
                head::normalise(vector);
            }
            read += ids.len();
            self.encoded.set(self.encoded.get() + ids.len() as u64);
            if read >= ROWS_BETWEEN_PAUSES {
                read = 0;
                pacer.pause().await?;
            }
        }
        pacer.pause().await?;
        head::check_finite(&out, &self.card.name)?;
        Ok(out)
    }

    async fn logits(
        &self,
        count: usize,
        tokens: impl Fn(usize) -> Result<Tokens>,
        pacer: &dyn Pacer,
    ) -> Result<Vec<f32>> {
        let Head::Classify(classifier) = &self.head else {
            return Err(Error::invalid(format!("model {:?} does not score pairs", self.card.name)));
        };
        let mut out = Vec::with_capacity(count);
        self.run(count, tokens, pacer, |workspace, range| {
            out.push(classifier.logit(&workspace.scratch, range, &mut workspace.pooler));
        })
        .await?;
        head::check_finite(&out, &self.card.name)?;
        Ok(out)
    }

    /// Weighted terms of each text, by descending weight. `query` says otherwise than the model where a query's come
    /// from.
    ///
    /// Errors: `InvalidInput` if this is no learned sparse model, or has no table of weights that is asked for;
    /// `Corrupt` for weights that overflow; what `pacer` says.
    pub async fn terms(
        &self,
        texts: &[String],
        role: Role,
        query: Option<QuerySide>,
        pacer: &dyn Pacer,
    ) -> Result<Vec<TermWeights>> {
        let Head::Sparse(head) = &self.head else {
            return Err(Error::invalid(format!("model {:?} is no learned sparse model", self.card.name)));
        };
        let query = query.unwrap_or(head.query_side());
        if query == QuerySide::Table && head.query_side() != QuerySide::Table {
            return Err(Error::invalid(format!("model {:?} has no table of query weights", self.card.name)));
        }
        if role == Role::Query && query != QuerySide::Model {
            let plain = |text: &String| self.tokenizer.encode_bare(text, self.card.max_tokens);
            let weights = |text| head.token_weights(&plain(text), query == QuerySide::Table);
            return Ok(texts.iter().map(weights).collect());
        }
        let mut out = Vec::with_capacity(texts.len());
        self.run(
            texts.len(),
            |i| self.tokens(&texts[i], role),
            pacer,
            |workspace, range| {
                out.push(head.weights(&workspace.scratch, range, &mut workspace.terms));
            },
        )
        .await?;
        let named = |error: Error| error.within(format!("model {:?}", self.card.name));
        out.into_iter().map(|terms| terms.map_err(named)).collect()
    }

    pub(super) fn late_head(&self) -> Result<&LateHead> {
        match &self.head {
            Head::Late(head) => Ok(head),
            _ => Err(Error::invalid(format!("model {:?} is no late-interaction model", self.card.name))),
        }
    }

    /// Vectors of the tokens of each text.
    ///
    /// Errors: `InvalidInput` if this is no late-interaction model, `Corrupt` for weights that overflow,
    /// `LimitExceeded` for a result that is too large; what `pacer` says.
    pub async fn token_rows(&self, texts: &[String], role: Role, pacer: &dyn Pacer) -> Result<TokenRows> {
        let head = self.late_head()?;
        let read = texts.iter().map(|text| self.tokens(text, role)).collect::<Result<Vec<_>>>()?;
        result_len(read.iter().map(|tokens| tokens.ids.len()).sum(), head.dims())?;
        let mut out = TokenRows::default();
        let mut ids = read.iter().map(|tokens| &tokens.ids[..]);
        self.run(
            read.len(),
            |i| Ok(read[i].clone()),
            pacer,
            |workspace, range| {
                let kept = range.zip(ids.next().unwrap_or_default()).filter(|(_, &id)| head.keeps(id, role));
                let before = out.rows.len();
                kept.for_each(|(token, _)| head.push(&workspace.scratch, token, &mut out.rows));
                out.counts.push(((out.rows.len() - before) / head.dims()) as u32);
            },
        )
        .await?;
        head::check_finite(&out.rows, &self.card.name)?;
        Ok(out)
    }

    /// Encodes `count` inputs batch by batch and shows `each` the states of every sequence, in order.
    async fn run(
        &self,
        count: usize,
        tokens: impl Fn(usize) -> Result<Tokens>,
        pacer: &dyn Pacer,
        mut each: impl FnMut(&mut Workspace, Range<usize>),
    ) -> Result<()> {
        let mut workspace = Borrowed::new(&self.idle);
        let workspace = &mut workspace.workspace;
        for index in 0..count {
            let Tokens { ids, types } = tokens(index)?;
            let tokens = workspace.batch.tokens();
            if tokens > 0 && tokens + ids.len() > BATCH_TOKENS {
                self.flush(workspace, pacer, &mut each).await?;
            }
            workspace.batch.push(&ids, &types, &self.card.bert)?;
        }
        self.flush(workspace, pacer, &mut each).await
    }

    async fn flush(
        &self,
        workspace: &mut Workspace,
        pacer: &dyn Pacer,
        each: &mut impl FnMut(&mut Workspace, Range<usize>),
    ) -> Result<()> {
        if workspace.batch.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut workspace.batch);
        self.encoder.forward(&batch, &mut workspace.scratch, pacer).await?;
        self.encoded.set(self.encoded.get() + batch.tokens() as u64);
        for range in batch.sequences() {
            each(workspace, range);
            // The head of a sparse model takes longer than its encoder.
            pacer.pause().await?;
        }
        workspace.batch = batch;
        workspace.batch.clear();
        Ok(())
    }
}

/// Numbers of a result, if there are not too many.
fn result_len(count: usize, dims: usize) -> Result<usize> {
    let len = count.checked_mul(dims).filter(|len| *len <= limits::RESULT_NUMBERS);
    let cap = limits::RESULT_NUMBERS;
    len.ok_or_else(|| Error::limit(format!("{count} vectors of {dims} in one call; the limit is {cap} numbers")))
}

/// A workspace for as long as a call lives: also when it is dropped at a pause, the buffers come back.
struct Borrowed<'a> {
    workspace: Workspace,
    home: &'a RefCell<Vec<Workspace>>,
}

impl<'a> Borrowed<'a> {
    fn new(home: &'a RefCell<Vec<Workspace>>) -> Borrowed<'a> {
        let workspace = home.borrow_mut().pop().unwrap_or_default();
        Borrowed { workspace, home }
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let mut home = self.home.borrow_mut();
        // One set stays; those of calls that overlapped it are freed.
        if home.is_empty() {
            self.workspace.batch.clear();
            home.push(std::mem::take(&mut self.workspace));
        }
    }
}

impl Embedder for NeuralModel {
    fn info(&self) -> &EmbedderInfo {
        &self.info
    }

    fn embed<'a>(&'a self, texts: &'a [String], role: Role, pacer: &'a dyn Pacer) -> LocalFuture<'a, Result<Vec<f32>>> {
        Box::pin(async move { self.embed_read(texts, &role.into(), pacer).await })
    }

    fn embed_spans<'a>(&'a self, texts: &'a [Spanned], pacer: &'a dyn Pacer) -> LocalFuture<'a, Result<Vec<f32>>> {
        Box::pin(async move { self.embed_spans_read(texts, &Role::Passage.into(), pacer).await })
    }
}

impl Reranker for NeuralModel {
    fn score<'a>(
        &'a self,
        query: &'a str,
        passages: &'a [String],
        pacer: &'a dyn Pacer,
    ) -> LocalFuture<'a, Result<Vec<f32>>> {
        Box::pin(self.logits(passages.len(), move |i| Ok(self.pair_tokens(query, &passages[i])), pacer))
    }
}
