//! Metrics: values of series over time, in rollups that become coarser with age.
//!
//! Read first: [`Metrics::add`], then [`MetricsReader::buckets`].

mod distribution;
mod maintenance;
pub mod math;
mod open;
pub mod operations;
mod reader;
mod rows;
mod sample;
mod statistic;
mod store;

pub use distribution::{BINS_MAX, Distribution};
pub use reader::{Bucket, MetricsReader, Row};
pub use sample::{Metric, Sample, Unit, VALUE_MAX};
pub use statistic::{Bounds, Statistic};
pub use store::{Dropped, FUTURE_MAX_MS, Limits, Metrics, PAST_MAX_MS};
