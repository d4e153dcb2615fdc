//! The engine in memory: for simulation and tests, and it can fail and crash on request.

mod tree;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Batch, Direction, Error, Snapshot, Store, Value};
use tree::Tree;

const PLACE: &str = "memory";

/// A store in memory with the promises of a durable one.
///
/// What would survive a crash is its [`Disk`]: keep a handle to it, let a commit fail with [`Disk::fail`],
/// end the life of the store with [`Disk::crash`] and go on with what was durable.
pub struct Memory {
    disk: Disk,
    session: u64,
    /// The rows as of the last commit that succeeded, once one has failed.
    stopped: Option<Tree>,
}

/// What is durable of a [`Memory`]; a clone is a handle to the same disk.
#[derive(Clone, Default)]
pub struct Disk(Arc<Mutex<Platter>>);

/// How a commit fails. The caller of the commit cannot tell which it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing reaches the disk.
    BeforeWrite,
    /// The batch is durable, but its acknowledgement is lost.
    AfterWrite,
}

#[derive(Default)]
struct Platter {
    rows: Tree,
    /// Which store may write: the one opened last.
    session: u64,
    commits: u64,
    fault: Option<(Fault, u64)>,
}

impl Memory {
    /// An empty store on a disk of its own.
    pub fn new() -> Self {
        Disk::new().open()
    }

    /// The disk under this store.
    pub fn disk(&self) -> Disk {
        self.disk.clone()
    }

    /// Ends this store as a crash would, and opens one with exactly what was durable.
    pub fn crash(self) -> Self {
        self.disk.crash()
    }

    fn stopped_error(&self) -> Error {
        Error::Stopped {
            place: PLACE.to_owned(),
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Disk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// A store with exactly what is durable. A store opened earlier on this disk is stopped, as if its
    /// process had died; a fault not yet met is forgotten.
    pub fn crash(&self) -> Memory {
        self.open()
    }

    /// A store on this disk; see [`Disk::crash`] for what happens to an earlier one.
    pub fn open(&self) -> Memory {
        let mut platter = self.platter();
        platter.session += 1;
        platter.fault = None;
        Memory {
            disk: self.clone(),
            session: platter.session,
            stopped: None,
        }
    }

    /// Lets one commit fail: the one after `commits` more have succeeded. Replaces a fault not yet met.
    pub fn fail(&self, fault: Fault, commits: u64) {
        self.platter().fault = Some((fault, commits));
    }

    /// How many batches became durable, acknowledged or not.
    pub fn commits(&self) -> u64 {
        self.platter().commits
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        // A panic between two rows would leave half a batch, but nothing in there panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platter {
    fn write(&mut self, batch: Batch) {
        for (key, value) in batch.into_writes() {
            match value {
                Some(value) => self.rows.put(&key, value.into()),
                None => self.rows.delete(&key),
            }
        }
        self.commits += 1;
    }

    fn next_fault(&mut self) -> Option<Fault> {
        let (fault, commits) = self.fault.as_mut()?;
        if *commits > 0 {
            *commits -= 1;
            return None;
        }
        let fault = *fault;
        self.fault = None;
        Some(fault)
    }
}

impl Store for Memory {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        Arc::new(match &self.stopped {
            Some(rows) => rows.clone(),
            None => self.disk.platter().rows.clone(),
        })
    }

    fn commit(&mut self, batch: Batch) -> Result<(), Error> {
        if self.stopped.is_some() {
            return Err(self.stopped_error());
        }
        let mut platter = self.disk.platter();
        if platter.session != self.session {
            return Err(self.stopped_error());
        }
        batch.check()?;
        if batch.is_empty() {
            return Ok(());
        }
        let Some(fault) = platter.next_fault() else {
            platter.write(batch);
            return Ok(());
        };
        let before = platter.rows.clone();
        if fault == Fault::AfterWrite {
            platter.write(batch);
        }
        drop(platter);
        self.stopped = Some(before);
        Err(Error::Io {
            action: "commit",
            place: PLACE.to_owned(),
            cause: io::Error::other("a fault was injected"),
        })
    }
}

impl Snapshot for Tree {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, Error> {
        Ok(Tree::get(self, key).cloned())
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Value)>, Error> {
        Ok(Tree::scan(self, from, to, direction, limit))
    }
}
