//! Rows as the commands of one batch see them: what is durable, and over it what is staged.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;
use std::sync::Arc;

use stepwell_store::{Batch, Direction, Error, Snapshot};

/// Staged bytes after which a commit should come first: far below what one batch may hold, because the
/// command that goes over it is carried out whole.
const STAGED_BYTES_GOAL: usize = 16 << 20;

/// Key and value.
pub(crate) type Row = (Vec<u8>, Vec<u8>);

/// Something that rows can be read from.
pub(crate) trait Rows {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;
    /// Rows with `from <= key < to`, at most `limit`.
    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Row>, Error>;
}

impl Rows for Arc<dyn Snapshot> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.as_ref().get(key)?.map(|value| value.to_vec()))
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Row>, Error> {
        let rows = self.as_ref().scan(from, to, direction, limit)?;
        Ok(rows
            .into_iter()
            .map(|(key, value)| (key, value.to_vec()))
            .collect())
    }
}

/// What is staged for one key.
struct Staged {
    /// `None`: the row goes.
    value: Option<Vec<u8>>,
    /// Nothing of the key is durable: a row that goes before it was written leaves no trace.
    is_new: bool,
}

/// Staged writes over a snapshot.
pub(crate) struct Staging {
    base: Arc<dyn Snapshot>,
    writes: BTreeMap<Vec<u8>, Staged>,
    /// Bytes put since the last batch, replaced values included.
    put_bytes: usize,
}

impl Staging {
    pub(crate) fn new(base: Arc<dyn Snapshot>) -> Staging {
        Staging {
            base,
            writes: BTreeMap::new(),
            put_bytes: 0,
        }
    }

    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.write(key, value, false);
    }

    /// Puts a row of which nothing can be durable yet: one of an execution or a frame that has just come to be.
    ///
    /// If it is deleted before it is written, nothing of it is.
    pub(crate) fn put_new(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.write(key, value, true);
    }

    pub(crate) fn delete(&mut self, key: Vec<u8>) {
        match self.writes.entry(key) {
            Entry::Occupied(entry) if entry.get().is_new => drop(entry.remove()),
            Entry::Occupied(entry) => entry.into_mut().value = None,
            Entry::Vacant(entry) => {
                entry.insert(Staged {
                    value: None,
                    is_new: false,
                });
            }
        }
    }

    fn write(&mut self, key: Vec<u8>, value: Vec<u8>, is_new: bool) {
        self.put_bytes += key.len() + value.len();
        let value = Some(value);
        match self.writes.entry(key) {
            Entry::Occupied(entry) => entry.into_mut().value = value,
            Entry::Vacant(entry) => {
                entry.insert(Staged { value, is_new });
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Whether a commit should come before more is staged.
    pub(crate) fn is_full(&self) -> bool {
        self.put_bytes >= STAGED_BYTES_GOAL
    }

    /// The staged writes as one batch; the staging is empty afterwards.
    pub(crate) fn take_batch(&mut self) -> Batch {
        let mut batch = Batch::new();
        self.put_bytes = 0;
        for (key, staged) in std::mem::take(&mut self.writes) {
            match staged.value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            }
        }
        batch
    }

    /// Reads from here on see `base`.
    pub(crate) fn rebase(&mut self, base: Arc<dyn Snapshot>) {
        self.base = base;
    }
}

impl Rows for Staging {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        match self.writes.get(key) {
            Some(staged) => Ok(staged.value.clone()),
            None => self.base.get(key),
        }
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Row>, Error> {
        if from >= to {
            return Ok(Vec::new());
        }
        let bounds = (Bound::Included(from), Bound::Excluded(to));
        let staged = self.writes.range::<[u8], _>(bounds);
        if staged.clone().next().is_none() {
            return self.base.scan(from, to, direction, limit);
        }
        let hidden = staged
            .clone()
            .filter(|(_, staged)| staged.value.is_none())
            .count();
        // As many rows more as staged deletions may hide.
        let base = self
            .base
            .scan(from, to, direction, limit.saturating_add(hidden))?;
        let mut merged: BTreeMap<Vec<u8>, Vec<u8>> = base
            .into_iter()
            .map(|(key, value)| (key, value.to_vec()))
            .collect();
        for (key, staged) in staged {
            match &staged.value {
                Some(value) => drop(merged.insert(key.clone(), value.clone())),
                None => drop(merged.remove(key)),
            }
        }
        let rows = merged.into_iter();
        Ok(match direction {
            Direction::Ascending => rows.take(limit).collect(),
            Direction::Descending => rows.rev().take(limit).collect(),
        })
    }
}
