//! How many there are of what stays, and of map runs that go on.

use stepwell_store::{Direction, Error};

use super::Reader;
use crate::rows::machine::{Machine, machines};
use crate::rows::map_run::{MapRun, MapRunStatus, runs_of};
use crate::rows::{activity, after, decode, decode_json, index};
use crate::staging::Rows;
use crate::target;

/// Rows that are read at once.
const PAGE: usize = 1_000;

/// Resources of an account.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ResourceCounts {
    pub state_machines: u64,
    pub activities: u64,
    /// By ARN of the state machine; one without any is left out.
    pub versions: Vec<(String, u64)>,
    pub aliases: Vec<(String, u64)>,
}

/// Map runs that have not ended.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct OpenMapRuns {
    /// Those that have begun their children.
    pub begun: u64,
    /// Those that wait before their first child, or before the first one of their redrive.
    pub backlogged: u64,
}

impl Reader {
    /// Counts state machines, activities, versions and aliases: reads their rows.
    pub fn resource_counts(&self) -> Result<ResourceCounts, Error> {
        let rows = &self.snapshot;
        let mut counts = ResourceCounts::default();
        self.every_row(&machines(), &mut |key, value| {
            let machine: Machine = decode_json(key, value)?;
            counts.state_machines += 1;
            let versions = target::versions(rows, &machine.name)?.len();
            if versions > 0 {
                counts.versions.push((machine.arn.clone(), versions as u64));
            }
            let aliases = target::aliases(rows, &machine.name)?.len();
            if aliases > 0 {
                counts.aliases.push((machine.arn, aliases as u64));
            }
            Ok(())
        })?;
        self.every_row(&activity::activities(), &mut |_, _| {
            counts.activities += 1;
            Ok(())
        })?;
        Ok(counts)
    }

    /// Counts map runs that have not ended: reads the rows of the executions that a crash would interrupt.
    pub fn open_map_runs(&self) -> Result<OpenMapRuns, Error> {
        let mut counts = OpenMapRuns::default();
        // INVARIANT: an execution with an open map run is marked as in doubt; fsck checks it.
        self.every_row(&index::doubts(), &mut |key, _| {
            let Some(parent) = index::first_number(key) else {
                return Err(Error::Corrupt { key: key.to_vec() });
            };
            self.every_row(&runs_of(parent), &mut |key, value| {
                let run: MapRun = decode(key, value)?;
                match run.status {
                    MapRunStatus::Running if run.has_begun() => counts.begun += 1,
                    MapRunStatus::Running => counts.backlogged += 1,
                    _ => {}
                }
                Ok(())
            })
        })?;
        Ok(counts)
    }

    fn every_row(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), Error> {
        let to = after(prefix);
        let mut from = prefix.to_vec();
        loop {
            let page = Rows::scan(&self.snapshot, &from, &to, Direction::Ascending, PAGE)?;
            for (key, value) in &page {
                visit(key, value)?;
            }
            match page.last() {
                Some((last, _)) if page.len() == PAGE => from = index::next_key(last),
                _ => return Ok(()),
            }
        }
    }
}

/// What is done with the key and the value of a row.
type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), Error> + 'a;
