//! `telemetry`: what is seen of everything, how fast, and what seeing it costs the engine.

mod metrics;
mod paired;

use super::plan::Plan;
use super::table::Table;
use super::{logs, traces};

/// Every part, one after the other.
pub fn run(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    metrics::run(plan, table)?;
    // The number is one of series.
    let of_logs = Plan {
        count: None,
        ..plan.clone()
    };
    logs::run(&of_logs, table)?;
    traces::run(plan, table)?;
    paired::run(plan, table)
}

/// Only what seeing costs.
pub fn overhead(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    paired::run(plan, table)
}
