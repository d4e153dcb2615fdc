//! The writes of one commit.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;

use crate::{BATCH_BYTES_MAX, Error, KEY_BYTES_MAX};

/// Rows to put and to delete, committed as one.
///
/// Holds at most one write a key: the last one wins. Can be read, so that a writer which collects many
/// commands into one batch sees the rows of the earlier ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
}

/// What a batch does to one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write<'a> {
    /// The row gets this value, whether it existed or not.
    Put(&'a [u8]),
    /// The row is gone; deleting a row that does not exist changes nothing.
    Delete,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a row; replaces an earlier write of this key in this batch.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.write(key, Some(value));
    }

    /// Deletes a row; replaces an earlier write of this key in this batch.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.write(key, None);
    }

    /// What this batch does to `key`, or `None` when it leaves it alone.
    pub fn get(&self, key: &[u8]) -> Option<Write<'_>> {
        self.writes.get(key).map(as_write)
    }

    /// The writes with `from <= key < to`, in the order of their keys.
    pub fn range<'a>(
        &'a self,
        from: &[u8],
        to: &[u8],
    ) -> impl DoubleEndedIterator<Item = (&'a [u8], Write<'a>)> + use<'a> {
        // A range of a BTreeMap panics when it ends before it starts.
        let to = to.max(from);
        self.writes
            .range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)))
            .map(|(key, value)| (key.as_slice(), as_write(value)))
    }

    /// All writes, in the order of their keys.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], Write<'_>)> {
        self.writes
            .iter()
            .map(|(key, value)| (key.as_slice(), as_write(value)))
    }

    /// How many keys are written.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// The size in bytes, keys and values together; at most [`BATCH_BYTES_MAX`] can be committed.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether every key and the whole keep their bounds; engines ask before they write anything.
    pub(crate) fn check(&self) -> Result<(), Error> {
        const START_BYTES: usize = 32;
        if self.bytes > BATCH_BYTES_MAX {
            return Err(Error::BatchTooLarge {
                batch_bytes: self.bytes,
            });
        }
        match self
            .writes
            .keys()
            .find(|key| key.is_empty() || key.len() > KEY_BYTES_MAX)
        {
            Some(key) => Err(Error::Key {
                key_bytes: key.len(),
                start: key[..key.len().min(START_BYTES)].to_vec(),
            }),
            None => Ok(()),
        }
    }

    pub(crate) fn into_writes(self) -> impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)> {
        self.writes.into_iter()
    }

    fn write(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        let value_bytes = value.as_ref().map_or(0, Vec::len);
        match self.writes.entry(key) {
            Entry::Vacant(entry) => {
                self.bytes += entry.key().len() + value_bytes;
                entry.insert(value);
            }
            Entry::Occupied(mut entry) => {
                let replaced = entry.insert(value);
                self.bytes = self.bytes + value_bytes - replaced.map_or(0, |value| value.len());
            }
        }
    }
}

fn as_write(value: &Option<Vec<u8>>) -> Write<'_> {
    match value {
        Some(value) => Write::Put(value),
        None => Write::Delete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_the_last_write_of_each_key() {
        let mut batch = Batch::new();
        batch.put(b"ab".to_vec(), b"12345".to_vec());
        assert_eq!(batch.bytes(), 7);
        batch.put(b"ab".to_vec(), b"1".to_vec());
        assert_eq!(batch.bytes(), 3);
        batch.delete(b"ab".to_vec());
        batch.delete(b"c".to_vec());
        assert_eq!((batch.bytes(), batch.len()), (3, 2));
    }

    #[test]
    fn a_batch_shows_its_own_writes() {
        let mut batch = Batch::new();
        batch.put(b"b".to_vec(), b"1".to_vec());
        batch.delete(b"a".to_vec());
        batch.put(b"c".to_vec(), b"3".to_vec());
        assert_eq!(batch.get(b"a"), Some(Write::Delete));
        assert_eq!(batch.get(b"b"), Some(Write::Put(b"1")));
        assert_eq!(batch.get(b"d"), None);
        let keys = |from: &[u8], to: &[u8]| -> Vec<Vec<u8>> {
            batch.range(from, to).map(|(key, _)| key.to_vec()).collect()
        };
        assert_eq!(keys(b"a", b"c"), [b"a", b"b"]);
        assert_eq!(keys(b"c", b"a"), Vec::<Vec<u8>>::new());
        assert_eq!(batch.iter().count(), 3);
    }
}
