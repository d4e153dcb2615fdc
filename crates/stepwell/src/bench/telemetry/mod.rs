//! `telemetry`: what is seen of everything, how fast, and what seeing it costs the engine.

mod paired;

use super::plan::Plan;
use super::table::Table;
use super::traces;

/// Every part, one after the other.
pub fn run(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    traces::run(plan, table)?;
    paired::run(plan, table)
}
