//! The engine on a local directory, built on the log-structured merge tree `fjall`.
//!
//! One database, one keyspace for all rows: the caller's first key byte already keeps kinds of rows apart,
//! and a single memtable means that one idle kind of row never pins the journal of a busy one.
//! Never used here: clearing a keyspace and key-value separation, both of which lost data upstream.

mod directory;
mod journal;
mod row;

use std::io;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use fjall::config::PartitioningPolicy;
use fjall::{KeyspaceCreateOptions, PersistMode, Readable};

use crate::{Batch, Direction, Error, Snapshot, Store, Value};
use directory::Directory;

/// Block cache, in bytes: hot rows are mostly in the memtable, cold ones come from the page cache.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;
/// The memtable is flushed at this size, in bytes; with the cache it bounds what an idle store holds.
/// Twice that costs 20 MB of memory more. Stored with the keyspace when it is
/// created, so a change is for new directories.
const MEMTABLE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// All journals together, in bytes. A journal goes when its rows are flushed.
const JOURNAL_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Files of the database kept open.
const OPEN_FILES_MAX: usize = 256;
/// Threads of the engine that flush and compact: one always free to flush, so that a long compaction does not hold up
/// commits. That one hands every compaction back to the queue, over and over while nobody else takes it, so two others
/// are there: with one, it took a twelfth of the server's processor time under load.
const ENGINE_THREADS: usize = 3;
const KEYSPACE: &str = "rows";

/// A durable store in a directory of its own.
///
/// Bounded: 8 MiB of cache and 8 MiB of unflushed rows at rest; under load up to five such memtables
/// before commits wait for the disk. A batch larger than a memtable is held whole until it is flushed.
pub struct Embedded {
    tree: Arc<Tree>,
    is_stopped: bool,
}

impl Embedded {
    /// Opens the store in `directory`, or creates both.
    ///
    /// - At most one store has a directory open, in this process or any other; a snapshot keeps it open.
    /// - A kill at any moment, creation included, leaves a directory that opens.
    /// - A last commit that was cut off, which was never acknowledged, is dropped. A journal that is damaged before that is
    ///   refused, by its name, and left as it is.
    /// - [`Error::Locked`], [`Error::NewerFormat`], [`Error::Damaged`], [`Error::Io`].
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let directory = Directory::open(directory, &mut |path| {
            let (keyspace, database) = open_database(path)?;
            drop((keyspace, database));
            Ok(())
        })?;
        journal::check(&directory.rows())?;
        let (keyspace, database) =
            open_database(&directory.rows()).map_err(|cause| open_error(&directory, cause))?;
        let tree = Tree {
            keyspace,
            database,
            directory,
        };
        Ok(Self {
            tree: Arc::new(tree),
            is_stopped: false,
        })
    }
}

impl Embedded {
    /// What the engine says of itself, from any thread, for as long as the store is open.
    pub fn watch(&self) -> Watch {
        Watch(Arc::downgrade(&self.tree))
    }
}

/// A look at an open store. It does not keep the store open.
#[derive(Clone)]
pub struct Watch(Weak<Tree>);

/// What a store holds and what its engine has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of tables and journals on disk.
    pub bytes: u64,
    /// Journals: what is not in tables yet.
    pub journals: u64,
    pub journal_bytes: u64,
    /// Bytes of rows in memory that are not in tables yet.
    pub memory_bytes: u64,
    /// Compactions that have ended.
    pub compactions: u64,
    /// How long compactions have taken in all.
    pub compacting: Duration,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

impl Watch {
    /// `None` once the store is closed, or if its directory cannot be asked.
    ///
    /// - May wait for a commit that is being made: not for the thread that commits.
    pub fn usage(&self) -> Option<Usage> {
        let tree = self.0.upgrade()?;
        let database = &tree.database;
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Some(Usage {
            bytes: database.disk_space().ok()?,
            journals: count(database.journal_count()),
            journal_bytes: database.journal_disk_space().ok()?,
            memory_bytes: database.write_buffer_size(),
            compactions: count(database.compactions_completed()),
            compacting: database.time_compacting(),
        })
    }
}

/// The open database. Fields drop in this order: the lock of the directory goes last.
struct Tree {
    keyspace: fjall::Keyspace,
    database: fjall::Database,
    directory: Directory,
}

fn open_database(path: &Path) -> fjall::Result<(fjall::Keyspace, fjall::Database)> {
    let database = fjall::Database::builder(path)
        .cache_size(CACHE_BYTES)
        .max_journaling_size(JOURNAL_BYTES_MAX)
        .max_cached_files(Some(OPEN_FILES_MAX))
        .worker_threads(ENGINE_THREADS)
        .open()?;
    let keyspace = database.keyspace(KEYSPACE, || {
        // In pieces of a few KiB: the filter and the index of a table are half a megabyte each, and a read of a cold row
        // would bring them into the cache as a whole, and others out. Stored with the keyspace as well.
        KeyspaceCreateOptions::default()
            .max_memtable_size(MEMTABLE_BYTES_MAX)
            .filter_block_partitioning_policy(PartitioningPolicy::all(true))
            .index_block_partitioning_policy(PartitioningPolicy::all(true))
    })?;
    Ok((keyspace, database))
}

impl Store for Embedded {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        Arc::new(View {
            snapshot: self.tree.database.snapshot(),
            tree: Arc::clone(&self.tree),
        })
    }

    fn commit(&mut self, batch: Batch) -> Result<(), Error> {
        if self.is_stopped {
            return Err(Error::Stopped {
                place: self.tree.directory.name(),
            });
        }
        batch.check()?;
        if batch.is_empty() {
            return Ok(());
        }
        let tree = &self.tree;
        let mut writes = fjall::OwnedWriteBatch::with_capacity(tree.database.clone(), batch.len())
            .durability(Some(PersistMode::SyncData));
        let mut encoded = Vec::new();
        for (key, value) in batch.into_writes() {
            match value {
                Some(value) => {
                    row::encode(&key, &value, &mut encoded);
                    writes.insert(&tree.keyspace, key, encoded.as_slice());
                }
                None => writes.remove(&tree.keyspace, key),
            }
        }
        // Set first, so that a panic inside the engine also leaves the store stopped.
        self.is_stopped = true;
        writes.commit().map_err(|cause| Error::Io {
            action: "commit",
            place: self.tree.directory.name(),
            cause: io_cause(cause),
        })?;
        self.is_stopped = false;
        Ok(())
    }
}

struct View {
    snapshot: fjall::Snapshot,
    tree: Arc<Tree>,
}

impl Snapshot for View {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, Error> {
        let stored = self
            .snapshot
            .get(&self.tree.keyspace, key)
            .map_err(|cause| self.read_error(cause))?;
        stored.map(|stored| row::decode(key, &stored)).transpose()
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Value)>, Error> {
        if from >= to {
            return Ok(Vec::new());
        }
        let range = self.snapshot.range(&self.tree.keyspace, from..to);
        match direction {
            Direction::Ascending => self.collect(&mut range.take(limit)),
            Direction::Descending => self.collect(&mut range.rev().take(limit)),
        }
    }

    fn page(
        &self,
        from: &[u8],
        to: &[u8],
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<(Vec<u8>, Value)>, Error> {
        if from >= to {
            return Ok(Vec::new());
        }
        let mut range = self.snapshot.range(&self.tree.keyspace, from..to);
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while rows.len() < rows_max && bytes < bytes_max {
            let Some(row) = self.collect(&mut range.by_ref().take(1))?.pop() else {
                break;
            };
            bytes += row.0.len() + row.1.len();
            rows.push(row);
        }
        Ok(rows)
    }
}

impl View {
    fn collect(
        &self,
        guards: &mut dyn Iterator<Item = fjall::Guard>,
    ) -> Result<Vec<(Vec<u8>, Value)>, Error> {
        guards
            .map(|guard| {
                let (key, stored) = guard.into_inner().map_err(|cause| self.read_error(cause))?;
                Ok((key.to_vec(), row::decode(&key, &stored)?))
            })
            .collect()
    }

    fn read_error(&self, cause: fjall::Error) -> Error {
        let directory = &self.tree.directory;
        match into_io(cause) {
            Ok(cause) => Error::Io {
                action: "read",
                place: directory.name(),
                cause,
            },
            Err(cause) => Error::Damaged {
                directory: directory.name(),
                reason: cause.to_string(),
            },
        }
    }
}

fn open_error(directory: &Directory, cause: fjall::Error) -> Error {
    if matches!(cause, fjall::Error::Locked) {
        return Error::Locked {
            directory: directory.name(),
        };
    }
    match into_io(cause) {
        Ok(cause) if cause.kind() == io::ErrorKind::NotFound => Error::Damaged {
            directory: directory.name(),
            reason: format!("a file of the database is missing ({cause})"),
        },
        Ok(cause) => Error::Io {
            action: "open the database",
            place: directory.name(),
            cause,
        },
        Err(cause) => Error::Damaged {
            directory: directory.name(),
            reason: cause.to_string(),
        },
    }
}

fn io_cause(cause: fjall::Error) -> io::Error {
    into_io(cause).unwrap_or_else(|cause| match cause {
        fjall::Error::Poisoned => io::Error::other("an earlier flush or compaction failed"),
        cause => io::Error::other(cause.to_string()),
    })
}

fn into_io(cause: fjall::Error) -> Result<io::Error, fjall::Error> {
    match cause {
        fjall::Error::Io(cause) | fjall::Error::Storage(fjall::LsmError::Io(cause)) => Ok(cause),
        cause => Err(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(key: &[u8], value: &[u8]) -> Batch {
        let mut batch = Batch::new();
        batch.put(key.to_vec(), value.to_vec());
        batch
    }

    /// Writes a row below the checksum, as a failing disk or a stray process would.
    fn write_raw(store: &Embedded, key: &[u8], stored: &[u8]) -> fjall::Result<()> {
        store.tree.keyspace.insert(key, stored)
    }

    fn stored(store: &Embedded, key: &[u8]) -> Vec<u8> {
        let stored = store.tree.keyspace.get(key).expect("the row is read");
        stored.expect("the row is there").to_vec()
    }

    #[test]
    fn a_flipped_bit_is_found_when_the_row_is_read() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut store = Embedded::open(directory.path()).expect("it opens");
        store.commit(batch(b"a", b"sound")).expect("it commits");
        store.commit(batch(b"b", b"flipped")).expect("it commits");
        let sound = stored(&store, b"b");
        for byte in 0..sound.len() {
            let mut flipped = sound.clone();
            flipped[byte] ^= 0x10;
            write_raw(&store, b"b", &flipped).expect("the raw row is written");
            let snapshot = store.snapshot();
            let is_corrupt = |error: &Error| matches!(error, Error::Corrupt { key } if key == b"b");
            assert!(
                snapshot.get(b"b").is_err_and(|error| is_corrupt(&error)),
                "byte {byte}"
            );
            let rows = snapshot.scan(b"a", b"z", Direction::Descending, 2);
            assert!(rows.is_err_and(|error| is_corrupt(&error)), "byte {byte}");
            assert_eq!(
                snapshot.get(b"a").expect("it reads").as_deref(),
                Some(&b"sound"[..])
            );
        }
    }

    #[test]
    fn a_row_shorter_than_its_checksum_is_corrupt() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Embedded::open(directory.path()).expect("it opens");
        write_raw(&store, b"k", b"abc").expect("the raw row is written");
        assert!(matches!(
            store.snapshot().get(b"k"),
            Err(Error::Corrupt { .. })
        ));
    }

    #[test]
    fn a_row_under_the_key_of_another_is_corrupt() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut store = Embedded::open(directory.path()).expect("it opens");
        store.commit(batch(b"a", b"mine")).expect("it commits");
        write_raw(&store, b"b", &stored(&store, b"a")).expect("the raw row is written");
        assert!(matches!(store.snapshot().get(b"b"), Err(Error::Corrupt { key }) if key == b"b"));
    }
}
