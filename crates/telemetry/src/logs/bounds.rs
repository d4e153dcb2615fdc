//! What goes: events over their retention, the oldest when the disk is full, streams when there are too many.

use std::collections::BTreeMap;

use stepwell_store::{Direction, Error};

use super::block::{BLOCK_SPAN_MS_MAX, Block};
use super::rows::{Place, after, block_key, blocks_of, encode_group, group_key};
use super::{EVENT_BYTES, GroupState, Logs, PAGE_BYTES, PAGE_ROWS};

/// The part of the disk's budget that rows may take: the rest is for the store's journals and for what is written
/// anew before the old goes. Measured: a store under load takes up to 1.5 times its rows, and its journals.
pub(super) const ROWS_PERCENT: u64 = 55;

/// The least that is kept, however slowly the store gives back what has gone.
const ROWS_PERCENT_MIN: u64 = 5;

/// From this part of the budget on, less is kept; below the second one, more again.
const CROWDED_PERCENT: u64 = 90;
const ROOMY_PERCENT: u64 = 70;

/// What the journals and the unflushed rows of the store may take beside its rows.
const JOURNAL_BYTES: u64 = 192 << 20;

/// Over the bound, this part of the rows goes at once, so that the next events find room.
const PART_GIVEN_UP: u64 = 20;

/// Blocks that one commit removes at most.
const REMOVED_MAX: usize = 20_000;

impl Logs {
    /// Bytes that the rows of all groups may take.
    pub(super) fn stored_bytes_max(&self) -> u64 {
        let budget = self.limits.disk_bytes_max;
        budget.saturating_sub(JOURNAL_BYTES.min(budget / 2)) / 100 * self.rows_percent
    }

    /// Keeps less while the store takes nearly all of its budget: what goes leaves the disk only when the store has
    /// written anew what stays.
    pub(super) fn adjust_rows(&mut self) {
        let used = self.disk_bytes.saturating_mul(100) / self.limits.disk_bytes_max.max(1);
        if used >= CROWDED_PERCENT {
            self.rows_percent = (self.rows_percent * 9 / 10).max(ROWS_PERCENT_MIN);
        } else if used < ROOMY_PERCENT {
            self.rows_percent = (self.rows_percent + 5).min(ROWS_PERCENT);
        }
    }

    /// The bytes of the rows of all groups.
    pub fn stored_bytes(&self) -> u64 {
        self.groups.values().map(|state| state.row.stored).sum()
    }

    /// Removes what is over a group's retention; gives whether there may be more of it.
    ///
    /// - `not_before_ms`: events before this instant go. An event beside a younger one goes with it, at most
    ///   10 minutes later.
    pub fn expire(&mut self, group: &str, not_before_ms: i64) -> Result<bool, Error> {
        self.commit()?;
        if !self.groups.contains_key(group) {
            return Ok(false);
        }
        let has_more = self.remove_oldest(group, &mut |_, block| {
            block.last().timestamp_ms < not_before_ms
        })?;
        self.store.commit(std::mem::take(&mut self.batch))?;
        Ok(has_more)
    }

    /// While all groups together hold too much, the group with the oldest event gives up a part.
    pub(super) fn bound_all(&mut self) -> Result<(), Error> {
        let most = self.stored_bytes_max();
        for _ in 0..=self.groups.len() {
            let stored = self.stored_bytes();
            if stored <= most {
                return Ok(());
            }
            let Some(group) = self.oldest_group()? else {
                return Ok(());
            };
            let mut excess = (stored - most).max(most / PART_GIVEN_UP);
            self.remove_oldest(&group, &mut |size, _| {
                let goes = excess > 0;
                excess = excess.saturating_sub(size);
                goes
            })?;
        }
        Ok(())
    }

    /// The group whose oldest committed event is older than those of the others.
    fn oldest_group(&self) -> Result<Option<String>, Error> {
        let snapshot = self.store.snapshot();
        let mut oldest: Option<(Place, String)> = None;
        for id in self.groups.keys() {
            let prefix = blocks_of(id);
            let rows = snapshot.scan(&prefix, &after(&prefix), Direction::Ascending, 1)?;
            let Some((key, value)) = rows.first() else {
                continue;
            };
            // In the batch: it goes already, or is written anew just now.
            if self.batch.get(key).is_some() {
                continue;
            }
            let first = Block::open(key, value)?.first();
            if oldest.as_ref().is_none_or(|(oldest, _)| first < *oldest) {
                oldest = Some((first, id.clone()));
            }
        }
        Ok(oldest.map(|(_, id)| id))
    }

    /// Removes committed blocks of a group, oldest first, while `goes` says so of the bytes of the row and the block;
    /// gives whether a bound ended it.
    fn remove_oldest(
        &mut self,
        group: &str,
        goes: &mut dyn FnMut(u64, &Block) -> bool,
    ) -> Result<bool, Error> {
        let prefix = blocks_of(group);
        let snapshot = self.store.snapshot();
        let mut from = prefix.clone();
        let mut removed = 0;
        let mut gone: BTreeMap<Vec<u8>, (u64, u64, u64)> = BTreeMap::new();
        'walk: loop {
            let page = snapshot.page(&from, &after(&prefix), PAGE_ROWS, PAGE_BYTES)?;
            let Some((last, _)) = page.last() else {
                break;
            };
            from.clone_from(last);
            from.push(0);
            for (key, value) in page {
                if self.batch.get(&key).is_some() {
                    continue;
                }
                let block = Block::open(&key, &value)?;
                if removed == REMOVED_MAX || !goes(value.len() as u64, &block) {
                    break 'walk;
                }
                removed += 1;
                let bytes = block.message_bytes() as u64 + block.count() * EVENT_BYTES;
                gone.insert(key.clone(), (block.count(), bytes, value.len() as u64));
            }
        }
        if gone.is_empty() {
            return Ok(false);
        }
        let is_tail = |state: &GroupState| state.tail.keys.iter().any(|key| gone.contains_key(key));
        if self.groups.get(group).is_some_and(is_tail) {
            self.forget_tail(group);
        }
        let Some(state) = self.groups.get_mut(group) else {
            return Ok(false);
        };
        for (key, (events, bytes, stored)) in gone {
            state.row.events = state.row.events.saturating_sub(events);
            state.row.bytes = state.row.bytes.saturating_sub(bytes);
            state.row.stored = state.row.stored.saturating_sub(stored);
            self.batch.delete(key);
        }
        self.batch.put(group_key(group), encode_group(&state.row));
        Ok(removed == REMOVED_MAX)
    }

    /// The stream that was written to longest ago goes when a group has too many.
    pub(super) fn bound_streams(&mut self, group: &str) -> Result<(), Error> {
        let Some(state) = self.groups.get(group) else {
            return Ok(());
        };
        if state.row.streams <= self.limits.group_streams_max {
            return Ok(());
        }
        let oldest = self
            .reader()
            .streams(group)?
            .into_iter()
            .filter(|stream| !state.streams.contains_key(stream.name.as_str()))
            .min_by_key(|stream| stream.last_ingestion_ms.unwrap_or(stream.created_ms));
        if let Some(oldest) = oldest {
            self.delete_stream(group, &oldest.name)?;
        }
        Ok(())
    }
}

/// The key from which on blocks may have events at or after `from`.
pub(super) fn first_key(group: &str, from: Place) -> Vec<u8> {
    let earlier = from.timestamp_ms.saturating_sub(BLOCK_SPAN_MS_MAX);
    block_key(group, Place::at(earlier))
}
