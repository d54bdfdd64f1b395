//! How long computations stay polite. The core reads no clock and knows no event loop: between two layers of the
//! encoder, two batches of documents or two slices of a scan it asks its [`Pacer`], which may hand control back to
//! the event loop for a moment and which fails with `Aborted` once the caller's signal was raised.

use crate::error::{Error, Result};
use futures_util::FutureExt;
use std::future::Future;
use std::pin::Pin;

/// A future that stays on its thread, as everything in a browser worker does.
pub type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

pub trait Pacer {
    /// Called every few milliseconds of work. `Err(Aborted)` unwinds the computation; nothing half-done is kept.
    fn pause(&self) -> LocalFuture<'_, Result<()>>;
}

/// Pauses each time that about so much was done: for loops whose single turns are too short to ask.
pub(crate) struct Stride<'a> {
    pacer: &'a dyn Pacer,
    length: usize,
    since: usize,
}

impl Stride<'_> {
    pub fn new(pacer: &dyn Pacer, length: usize) -> Stride<'_> {
        Stride { pacer, length, since: 0 }
    }

    /// To be called after so much more was done.
    pub async fn done(&mut self, more: usize) -> Result<()> {
        self.since += more;
        if self.since < self.length {
            return Ok(());
        }
        self.since = 0;
        self.pacer.pause().await
    }
}

/// The outcome of work that never waits, as what runs with [`Unpaced`] and without I/O.
pub fn at_once<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    work.now_or_never().unwrap_or_else(|| Err(Error::internal("work that does not wait has waited")))
}

/// Runs straight through: for native tools and tests.
pub struct Unpaced;

impl Pacer for Unpaced {
    fn pause(&self) -> LocalFuture<'_, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Time, for measurements only: nothing that is computed depends on it.
pub trait Clock {
    /// Milliseconds since some fixed point.
    fn now_ms(&self) -> f64;
}

/// A clock that stands still: for tests, and where nobody asks for timings.
pub struct Stopped;

impl Clock for Stopped {
    fn now_ms(&self) -> f64 {
        0.0
    }
}
