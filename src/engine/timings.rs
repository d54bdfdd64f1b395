//! How long each stage of a search took.

use super::services::Services;
use serde::Serialize;

/// Milliseconds of each stage.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Timings {
    pub embed: f64,
    pub expand: f64,
    pub sparse: f64,
    pub dense: f64,
    /// Comparing token vectors.
    pub tokens: f64,
    pub fuse: f64,
    pub rerank: f64,
    pub context: f64,
    pub fetch: f64,
    pub total: f64,
}

pub(super) struct Watch<'a> {
    services: &'a Services<'a>,
    start: f64,
    last: f64,
    timings: Timings,
}

impl<'a> Watch<'a> {
    pub(super) fn start(services: &'a Services<'a>) -> Watch<'a> {
        let now = services.clock.now_ms();
        Watch { services, start: now, last: now, timings: Timings::default() }
    }

    /// Adds the time since the last lap to one stage.
    pub(super) fn lap(&mut self, stage: impl Fn(&mut Timings) -> &mut f64) {
        let now = self.services.clock.now_ms();
        *stage(&mut self.timings) += now - self.last;
        self.last = now;
    }

    pub(super) fn finish(mut self) -> Timings {
        self.timings.total = self.services.clock.now_ms() - self.start;
        self.timings
    }
}
