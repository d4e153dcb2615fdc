//! An ordered, transactional key-value store, and the engines behind it.
//!
//! Lives here: the four-method seam ([`Store`], [`Snapshot`]), the [`Batch`] that is committed as one,
//! the engine on a local directory ([`Embedded`]), the engine in memory that can fail and crash on
//! request ([`Memory`]), all rows in one file ([`Archive`]), row checksums, the format marker and the lock of a data directory.
//!
//! Never here: what a row means, key kinds, encoding of values, clocks, threads of ours, async, and the
//! queue of writers (group commit belongs to the caller, see [`Store::commit`]).
//!
//! Read first: [`Store::commit`].

mod archive;
mod batch;
mod embedded;
mod error;
mod memory;
mod value;

use std::sync::Arc;

pub use archive::{Archive, ArchiveWriter};
pub use batch::{Batch, Write};
pub use embedded::{Embedded, Usage, Watch};
pub use error::Error;
pub use memory::{Disk, Fault, Memory};
pub use value::Value;

/// The longest key, in bytes.
///
/// Far below what either engine can hold, so that the same rows fit the index of a PostgreSQL table
/// (a B-tree entry there is at most 2,704 bytes).
pub const KEY_BYTES_MAX: usize = 1024;

/// The largest batch, in bytes of keys and values together: 128 MiB.
///
/// The engine keeps a batch in memory until it is flushed, so this is also what one commit can cost.
pub const BATCH_BYTES_MAX: usize = 128 * 1024 * 1024;

/// One shard's rows: a single writer, any number of snapshots.
pub trait Store: Send {
    /// A read view of every commit that has returned `Ok` so far.
    ///
    /// - Commits made later do not show in it.
    /// - Old versions of rows are kept while a snapshot lives: drop it when the read is done.
    fn snapshot(&self) -> Arc<dyn Snapshot>;

    /// Writes the batch: all of it or nothing, on stable storage (fsync) when this returns `Ok`.
    ///
    /// - Group commit belongs to the caller. A commit costs one fsync whatever its size, so the one
    ///   writer of a shard takes all commands that wait, puts their rows into one batch and commits once.
    /// - [`Error::Key`] and [`Error::BatchTooLarge`]: nothing was written, the store goes on.
    /// - [`Error::Io`]: the outcome is unknown, the batch may or may not be there after the next open.
    ///   From then on the store is stopped: every later commit returns [`Error::Stopped`], because what
    ///   the operating system still holds of the failed write cannot be known (a second fsync may report
    ///   success for pages it dropped). Snapshots still read, and do not show the failed batch. The only
    ///   way on is to drop the store, open it again and recover from what is there.
    /// - An empty batch writes nothing and needs no fsync.
    fn commit(&mut self, batch: Batch) -> Result<(), Error>;
}

/// A consistent read view; the rows in it never change.
pub trait Snapshot: Send + Sync {
    /// The value of `key`, or `None` when there is no such row.
    ///
    /// - [`Error::Corrupt`]: the row is there and its checksum does not match.
    fn get(&self, key: &[u8]) -> Result<Option<Value>, Error>;

    /// The rows with `from <= key < to` in `direction`, at most `limit` of them.
    ///
    /// - Keys compare as unsigned bytes. `from >= to` is an empty range, not an error.
    /// - A descending scan starts at the greatest key below `to`.
    /// - Page on by passing the last key with a zero byte appended as `from` (ascending), or the last key
    ///   itself as `to` (descending).
    /// - [`Error::Corrupt`]: a row of the range does not match its checksum.
    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Value)>, Error>;

    /// The rows with `from <= key < to`, smallest key first, until there are `rows_max` of them or they hold
    /// `bytes_max` bytes: who walks over everything holds little of it.
    ///
    /// - The row that goes over `bytes_max` is the last one; an empty page means that the range has ended.
    /// - [`Error::Corrupt`]: as with [`Snapshot::scan`].
    fn page(
        &self,
        from: &[u8],
        to: &[u8],
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<(Vec<u8>, Value)>, Error> {
        let mut rows: Vec<(Vec<u8>, Value)> = Vec::new();
        let (mut from, mut bytes) = (from.to_vec(), 0);
        while rows.len() < rows_max && bytes < bytes_max {
            let Some((key, value)) = self.scan(&from, to, Direction::Ascending, 1)?.pop() else {
                break;
            };
            bytes += key.len() + value.len();
            from.clone_from(&key);
            from.push(0);
            rows.push((key, value));
        }
        Ok(rows)
    }
}

/// The order of a scan, by key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest key first.
    Ascending,
    /// Greatest key first.
    Descending,
}
