//! How good a ranking is: the field's metrics for judged queries, with intervals and a paired test, so that a
//! difference between two pipelines can be told from noise.

pub mod metrics;
pub mod statistics;

pub use metrics::{evaluate, QueryMetrics, Report};
pub use statistics::{bootstrap_interval, paired_p_value, SplitMix};
