//! What the shard has committed since the server started, counted where its store is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde_json::{Value, json};
use stepwell_store::{Batch, Error, Snapshot, Store};

use crate::prometheus::Instruments;

/// Commits, and what was in them. Read by anybody at any time.
#[derive(Debug, Default)]
pub(crate) struct Commits {
    count: AtomicU64,
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl Commits {
    /// `count` of durable batches, `rows` written or deleted, `bytes` of keys and values.
    pub(crate) fn json(&self) -> Value {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        json!({ "count": read(&self.count), "rows": read(&self.rows), "bytes": read(&self.bytes) })
    }

    /// Batches, rows and bytes.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (read(&self.count), read(&self.rows), read(&self.bytes))
    }

    fn add(&self, rows: usize, bytes: usize) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// A store whose commits are counted.
pub(crate) struct Counted<S> {
    store: S,
    commits: Arc<Commits>,
    instruments: Arc<Instruments>,
}

impl<S> Counted<S> {
    pub(crate) fn new(
        store: S,
        commits: Arc<Commits>,
        instruments: Arc<Instruments>,
    ) -> Counted<S> {
        Counted {
            store,
            commits,
            instruments,
        }
    }
}

impl<S: Store> Store for Counted<S> {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.store.snapshot()
    }

    fn commit(&mut self, batch: Batch) -> Result<(), Error> {
        let (rows, bytes) = (batch.len(), batch.bytes());
        let began = Instant::now();
        self.store.commit(batch)?;
        if rows > 0 {
            self.instruments.shard.committed(began.elapsed());
            self.commits.add(rows, bytes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use stepwell_store::{Fault, Memory};

    use super::*;

    #[test]
    fn what_is_durable_is_counted_and_nothing_else() {
        let commits = Arc::new(Commits::default());
        let memory = Memory::new();
        let disk = memory.disk();
        let mut store = Counted::new(memory, Arc::clone(&commits), Arc::default());
        let batch = |rows: &[&str]| {
            let mut batch = Batch::new();
            for row in rows {
                batch.put(row.as_bytes().to_vec(), b"value".to_vec());
            }
            batch
        };
        store.commit(batch(&["a", "b"])).expect("it commits");
        store.commit(batch(&[])).expect("an empty one is nothing");
        store.commit(batch(&["key"])).expect("it commits");
        disk.fail(Fault::BeforeWrite, 0);
        store.commit(batch(&["lost"])).expect_err("it is refused");
        assert_eq!(
            commits.json(),
            json!({ "count": 2, "rows": 3, "bytes": 2 * 6 + 8 })
        );
    }
}
