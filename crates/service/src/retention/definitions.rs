//! Definitions that no state machine, version, map run or execution has any more.

use std::collections::BTreeSet;

use stepwell_engine::{Identity, MachineKind};
use stepwell_store::{Direction, Error};

use super::{Budget, PAGE_ROWS, READ_WORK};
use crate::rows::execution::decode_execution;
use crate::rows::machine::{Machine, definition_key};
use crate::rows::map_run::MapRun;
use crate::rows::version::{Version, is_numbering_key};
use crate::rows::{Kind, after, decode, decode_json, key};
use crate::shard::{Done, Shard, hash_kind};
use crate::staging::{Row, Rows};

/// Between two walks over definitions, in milliseconds: one may read every execution.
pub(super) const WALK_EVERY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Definitions that one walk asks about; the next walk goes on behind them.
const DEFINITIONS_MAX: usize = 10_000;

/// Definitions in one read: each may have a million characters.
const DEFINITION_ROWS: usize = 8;

/// Who may have a definition, in the order in which they are asked. Those that are many come last: where
/// nothing is unused, they are never read.
const OWNERS: [Kind; 5] = [
    Kind::Machine,
    Kind::StateMachineVersion,
    Kind::ExpressStart,
    Kind::MapRun,
    Kind::Execution,
];

/// A walk over everything that can have a definition.
///
/// INVARIANT: a definition that nothing had when the walk began is had again only through
/// [`Shard::store_definition`], which takes it off the list.
pub(super) struct DefinitionWalk {
    from: Vec<u8>,
    station: Station,
    /// Keys of definitions that nobody was found to have.
    unused: BTreeSet<String>,
}

enum Station {
    /// The definitions themselves.
    Definitions,
    /// Index into [`OWNERS`].
    Owners(usize),
    /// Nobody has what is left.
    Unused,
}

pub(super) fn first() -> Vec<u8> {
    key(Kind::Definition, &[])
}

impl DefinitionWalk {
    pub(super) fn from(from: Vec<u8>) -> DefinitionWalk {
        DefinitionWalk {
            from,
            station: Station::Definitions,
            unused: BTreeSet::new(),
        }
    }

    fn at(self, owner: usize) -> Option<DefinitionWalk> {
        if self.unused.is_empty() {
            return None;
        }
        let kind = OWNERS.get(owner);
        Some(DefinitionWalk {
            from: kind.map(|kind| key(*kind, &[])).unwrap_or_default(),
            station: kind.map_or(Station::Unused, |_| Station::Owners(owner)),
            unused: self.unused,
        })
    }

    pub(super) fn is_used(&mut self, hash: &str) {
        self.unused.remove(hash);
    }
}

impl Shard {
    pub(super) fn walk_on_definitions(
        &mut self,
        mut walk: DefinitionWalk,
        budget: &mut Budget,
    ) -> Done<Option<DefinitionWalk>> {
        budget.read();
        match walk.station {
            Station::Definitions => Ok(self.list_definitions(walk, budget)?),
            Station::Owners(owner) => {
                let kind = OWNERS[owner];
                let rows = self.rows_of(kind, &walk.from, PAGE_ROWS)?;
                budget.look(rows.len());
                for (row_key, value) in &rows {
                    for hash in definitions_in(kind, row_key, value)? {
                        walk.is_used(&hash);
                    }
                }
                match rows.last() {
                    Some((last, _)) if rows.len() == PAGE_ROWS => {
                        walk.from = crate::rows::index::next_key(last);
                        Ok(Some(walk))
                    }
                    _ => Ok(walk.at(owner + 1)),
                }
            }
            Station::Unused => {
                let Some(hash) = walk.unused.pop_first() else {
                    return Ok(None);
                };
                budget.delete();
                self.forget_definition(&hash);
                self.staging.delete(definition_key(&hash));
                Ok(Some(walk))
            }
        }
    }

    fn list_definitions(
        &mut self,
        mut walk: DefinitionWalk,
        budget: &mut Budget,
    ) -> Result<Option<DefinitionWalk>, Error> {
        let rows = self.rows_of(Kind::Definition, &walk.from, DEFINITION_ROWS)?;
        // Each may be as large as many rows of other kinds.
        budget.look(rows.len() * READ_WORK);
        for (row_key, _) in &rows {
            let hash = String::from_utf8(row_key[1..].to_vec());
            walk.unused.extend(hash.ok());
        }
        let is_last = rows.len() < DEFINITION_ROWS;
        self.retention.definitions_from = match rows.last() {
            Some((last, _)) if !is_last => crate::rows::index::next_key(last),
            _ => first(),
        };
        if is_last || walk.unused.len() >= DEFINITIONS_MAX {
            return Ok(walk.at(0));
        }
        walk.from.clone_from(&self.retention.definitions_from);
        Ok(Some(walk))
    }

    fn rows_of(&self, kind: Kind, from: &[u8], limit: usize) -> Result<Vec<Row>, Error> {
        let to = after(&key(kind, &[]));
        self.staging.scan(from, &to, Direction::Ascending, limit)
    }
}

/// The definitions that a row names, as the keys of their rows have them.
fn definitions_in(kind: Kind, row_key: &[u8], value: &[u8]) -> Result<Vec<String>, Error> {
    let kinds = [MachineKind::Standard, MachineKind::Express];
    let either = |hash: &str| kinds.map(|kind| hash_kind(hash, kind)).to_vec();
    Ok(match kind {
        Kind::Machine => either(&decode_json::<Machine>(row_key, value)?.definition),
        Kind::StateMachineVersion if is_numbering_key(row_key) => Vec::new(),
        Kind::StateMachineVersion => either(&decode_json::<Version>(row_key, value)?.definition),
        Kind::ExpressStart => {
            let (_, _, definition): (Identity, String, String) = decode(row_key, value)?;
            either(&definition)
        }
        Kind::MapRun => either(&decode::<MapRun>(row_key, value)?.definition),
        _ => either(&decode_execution(row_key, value)?.definition),
    })
}
