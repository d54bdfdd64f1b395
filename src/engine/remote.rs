//! Reading a published collection in parts. What a query needs is known from the heads of its segments: some blocks of
//! the lexicon, the lists of its terms, the columns if it filters, the vectors if it compares them, and the blocks of
//! text that hold its hits. Each is fetched once, verified, and kept.

use super::Engine;
use crate::codec::blocks::BLOCK;
use crate::codec::Blocks;
use crate::error::{Error, Result};
use crate::index::{BlobKind, Lazy, Segment};
use crate::pace::LocalFuture;
use crate::search::retrieve::Candidate;
use crate::search::snapshot::{Snapshot, View};
use crate::sorting::sort_by_key;
use std::cell::RefCell;
use std::future::poll_fn;
use std::ops::Range;
use std::rc::Rc;
use std::task::Poll;

/// Pages of a local collection that are read ahead: no more than what keeps them has room for.
const PAGES_AT_ONCE: usize = 64;

/// What one query will look at.
pub(super) struct Needs<'a> {
    pub terms: &'a [(String, f32)],
    pub columns: bool,
    pub vectors: bool,
    /// Weighted terms.
    pub splade: bool,
    /// Token vectors.
    pub tokens: bool,
}

impl Engine {
    /// The snapshot with everything at hand that a query needs.
    pub(super) async fn equipped(&self, snapshot: Rc<Snapshot>, needs: &Needs<'_>) -> Result<Rc<Snapshot>> {
        if snapshot.views.iter().all(|view| view.lazy.is_none()) {
            return Ok(snapshot);
        }
        let views = RefCell::new(snapshot.views.clone());
        let equip = |(at, view): (usize, &'_ View)| -> LocalFuture<'_, Result<()>> {
            let (view, views) = (view.clone(), &views);
            Box::pin(async move {
                if let Some(lazy) = &view.lazy {
                    let segment = self.equip(&view, lazy, needs).await?;
                    views.borrow_mut()[at].segment = Rc::new(segment);
                }
                Ok(())
            })
        };
        all(snapshot.views.iter().enumerate().map(equip).collect()).await?;
        Ok(Rc::new(Snapshot { views: views.take(), ..(*snapshot).clone() }))
    }

    async fn equip(&self, view: &View, lazy: &Lazy, needs: &Needs<'_>) -> Result<Segment> {
        let name = view.entry.main_name();
        if let Some(place) = lazy.columns_place().filter(|_| needs.columns) {
            let range = place.start as u64..(place.start + place.length) as u64;
            lazy.take_columns(&self.store.read_range(&name, range).await?)?;
        }
        if let (true, Some(vectors), Some(blob)) = (needs.vectors, view.entry.vectors, view.entry.vectors_name()) {
            if lazy.segment().config().vectors.is_none() {
                lazy.take_vectors(&self.blob(&blob, &vectors.blob).await?)?;
            }
        }
        for (kind, needed) in [(BlobKind::Splade, needs.splade), (BlobKind::Colbert, needs.tokens)] {
            let extra = view.entry.extras.get(&kind).filter(|_| needed && cfg!(feature = "neural"));
            if let (Some(extra), Some(blob)) = (extra, view.entry.extra_name(kind)) {
                if !lazy.segment().extras().contains(&kind) {
                    lazy.take_extra(kind, &self.blob(&blob, &extra.blob).await?)?;
                }
            }
        }
        let wanted: Vec<(&str, &Blocks, Range<usize>)> = needs
            .terms
            .iter()
            .filter_map(|(term, _)| lazy.term_part(term).map(|(run, part)| (term.as_str(), run, part)))
            .collect();
        if let Some((_, run, _)) = wanted.first() {
            let parts: Vec<Range<usize>> = wanted.iter().map(|(.., part)| part.clone()).collect();
            let entries = self.parts(&name, run, &parts).await?;
            let mut found = Vec::new();
            for ((term, ..), bytes) in wanted.iter().zip(&entries) {
                match lazy.find(term, bytes)? {
                    Some((df, run, list)) => found.push((*term, df, run, list)),
                    None => lazy.learn(term, None),
                }
            }
            if let Some((_, _, run, _)) = found.first() {
                let parts: Vec<Range<usize>> = found.iter().map(|(.., list)| list.clone()).collect();
                let lists = self.parts(&name, run, &parts).await?;
                for ((term, df, ..), list) in found.iter().zip(lists) {
                    lazy.learn(term, Some((*df, list)));
                }
            }
        }
        lazy.with_terms(needs.terms.iter().map(|(term, _)| term.as_str()))
    }

    pub(super) async fn remote_text(
        &self,
        view: &View,
        lazy: &Lazy,
        doc: u32,
        span: Option<Range<usize>>,
    ) -> Result<String> {
        let (page, part) = text_place(view, doc, span)?;
        let bytes = self.parts(&view.entry.page_name(page as usize), lazy.page(page)?, &[part]).await?.concat();
        String::from_utf8(bytes).map_err(|error| Error::corrupt("text that is not UTF-8").with_source(error))
    }

    /// Fetches the texts of all hits at once, so that showing them one after the other waits for none: for no server, and
    /// no more than once for a writer who has the store's ear.
    pub(super) async fn fetch_texts(&self, snapshot: &Snapshot, candidates: &[&Candidate]) -> Result<()> {
        /// View and page: there are few.
        type Place = (u32, u32);
        let mut wanted: Vec<(Place, Vec<Range<usize>>)> = Vec::new();
        for candidate in candidates {
            let view = &snapshot.views[candidate.place.view as usize];
            let chunk = view.segment.chunk(candidate.place.chunk)?;
            let (page, part) = text_place(view, chunk.doc, Some(chunk.span))?;
            let place = (candidate.place.view, page);
            match wanted.iter_mut().find(|(known, _)| *known == place) {
                Some((_, parts)) => parts.push(part),
                None => wanted.push((place, vec![part])),
            }
        }
        let mut fetches: Vec<LocalFuture<'_, Result<()>>> = Vec::new();
        for &((at, page), ref parts) in &wanted {
            let view = &snapshot.views[at as usize];
            match &view.lazy {
                Some(lazy) => fetches.push(Box::pin(async move {
                    let name = view.entry.page_name(page as usize);
                    self.parts(&name, lazy.page(page)?, parts).await.map(drop)
                })),
                None if fetches.len() < PAGES_AT_ONCE
                    && self.pages.borrow_mut().get(&(view.entry.id, page)).is_none() =>
                {
                    fetches.push(Box::pin(async move {
                        // What cannot be read is met again, and reported, where it is shown.
                        drop(self.fresh_page(&view.entry, &view.segment, page).await);
                        Ok(())
                    }));
                }
                None => {}
            }
        }
        all(fetches).await
    }

    /// Parts of one run of a blob. The blocks that are not here yet are fetched at once, neighbours together.
    async fn parts(&self, blob: &str, run: &Blocks, parts: &[Range<usize>]) -> Result<Vec<Vec<u8>>> {
        let key = |block: usize| (blob.to_owned(), run.place(&(block..block)).start);
        let (mut here, mut missing) = (Vec::new(), Vec::new());
        for part in parts {
            for block in run.covering(part)? {
                match self.blocks.borrow_mut().get(&key(block)) {
                    Some(bytes) => here.push((block, bytes)),
                    None => missing.push(block),
                }
            }
        }
        missing.sort_unstable();
        missing.dedup();
        let fetched = RefCell::new(Vec::new());
        let fetch = async |blocks: Range<usize>| -> Result<()> {
            let place = run.place(&blocks);
            let bytes = self.store.read_range(blob, place.start as u64..place.end as u64).await?;
            for (block, bytes) in blocks.zip(bytes.chunks(BLOCK)) {
                run.check(block, bytes).map_err(|error| error.within(format!("blob {blob}")))?;
                let bytes = Rc::new(bytes.to_vec());
                self.blocks.borrow_mut().put(key(block), Rc::clone(&bytes), bytes.len());
                fetched.borrow_mut().push((block, bytes));
            }
            Ok(())
        };
        let boxed = |blocks| -> LocalFuture<'_, Result<()>> { Box::pin(fetch(blocks)) };
        all(neighbours(&missing).into_iter().map(boxed).collect()).await?;
        here.extend(fetched.take());
        sort_by_key(&mut here, |&(block, _)| block);
        let cut = |part: &Range<usize>| {
            let mut bytes = Vec::with_capacity(part.len());
            for block in run.covering(part)? {
                let before = block * BLOCK;
                let within = part.start.max(before) - before..part.end.min(before + BLOCK) - before;
                let found = here.binary_search_by_key(&block, |&(block, _)| block).ok();
                let found = found.and_then(|at| here[at].1.get(within));
                bytes
                    .extend_from_slice(found.ok_or_else(|| Error::internal(format!("block {block} was not fetched")))?);
            }
            Ok(bytes)
        };
        parts.iter().map(cut).collect()
    }
}

/// Waits for all of them at once, or until one fails.
async fn all(mut running: Vec<LocalFuture<'_, Result<()>>>) -> Result<()> {
    poll_fn(|context| {
        let mut at = 0;
        while let Some(future) = running.get_mut(at) {
            match future.as_mut().poll(context) {
                Poll::Pending => at += 1,
                Poll::Ready(Ok(())) => drop(running.swap_remove(at)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
        if running.is_empty() {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    })
    .await
}

/// Page, and bytes of its text.
fn text_place(view: &View, doc: u32, span: Option<Range<usize>>) -> Result<(u32, Range<usize>)> {
    let found = view.segment.doc(doc)?;
    let part = match span {
        Some(span) => found.text.start + span.start..found.text.start + span.end,
        None => found.text,
    };
    Ok((found.page, part))
}

/// Ranges without a gap, out of ascending numbers.
fn neighbours(numbers: &[usize]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some(last) if last.end == number => last.end += 1,
            _ => ranges.push(number..number + 1),
        }
    }
    ranges
}
