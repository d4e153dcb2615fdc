//! Traces: one writer, any number of readers.

mod analysis;
mod causes;
mod datagram;
mod document;
mod emission;
mod filter;
mod graph;
mod header;
mod inferred;
mod operations;
mod rows;
mod summary;
mod tree;
mod write;

use std::collections::HashMap;
use std::sync::Arc;

use stepwell_store::{Batch, Direction, Error, Snapshot, Store};

pub use datagram::datagram;
pub use document::{DOCUMENT_BYTES_MAX, Rejected, Segment, SegmentId, TraceId, name_of};
pub use emission::{
    Callee, ExecutionTrace, Failing, Happening, InvocationOutcome, TracedExecution,
    TracedInvocation, What, invocation_segments,
};
pub use filter::TraceFilter;
pub use header::TraceHeader;
pub use operations::{GroupFilters, TraceRead, filter_of};
use rows::{
    DocumentRow, Place, TraceRow, after, decode, document_key, document_of, documents_of, encode,
    index, index_key, place_of, trace_key,
};
pub use tree::{Entry, Trace};

/// What the store of traces may hold. When there is more, the oldest traces go first.
#[derive(Debug, Clone, Copy)]
pub struct TraceLimits {
    /// How long a trace is kept after its first document came.
    pub retention_ms: i64,
    /// Bytes of all documents, with [`DOCUMENT_BYTES`] for each.
    pub bytes_max: u64,
    pub traces_max: u64,
    /// Bytes of one trace.
    pub trace_bytes_max: u64,
    /// Documents of one trace.
    pub trace_documents_max: u64,
}

impl Default for TraceLimits {
    fn default() -> TraceLimits {
        TraceLimits {
            // AWS: X-Ray keeps traces for 30 days.
            retention_ms: 30 * 24 * 3_600_000,
            bytes_max: 512 << 20,
            traces_max: 200_000,
            trace_bytes_max: 8 << 20,
            trace_documents_max: 10_000,
        }
    }
}

/// What a document takes beside its text.
const DOCUMENT_BYTES: u64 = 64;

/// Traces over a bound: this part of what is allowed goes, so that the next ones find room at once.
const PART_GIVEN_UP: u64 = 20;

/// Added bytes after which a commit should come first.
const BATCH_BYTES_GOAL: usize = 8 << 20;

/// Traces whose time is over that one commit deletes.
const EXPIRED_MAX: usize = 1_000;

/// What became of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    Stored,
    /// It is in progress, and what is there has ended already.
    Late,
    /// The trace has as many documents, or bytes, as a trace may have.
    TraceFull,
}

/// The writer. What is added is there for readers, and durable, after the next [`Traces::commit`].
pub struct Traces {
    store: Box<dyn Store>,
    limits: TraceLimits,
    /// What is committed.
    base: Arc<dyn Snapshot>,
    batch: Batch,
    /// Traces that the batch has changed.
    touched: HashMap<TraceId, Touched>,
    traces: u64,
    bytes: u64,
}

struct Touched {
    place: Place,
    row: TraceRow,
    /// Nothing of it is committed.
    is_new: bool,
    /// Documents that are in the batch.
    written: Vec<SegmentId>,
}

impl Traces {
    /// Opens the traces over their store.
    pub fn open(store: Box<dyn Store>, limits: TraceLimits) -> Result<Traces, Error> {
        let snapshot = store.snapshot();
        let (mut traces, mut bytes) = (0, 0);
        let (mut from, to) = (index(), after(&index()));
        loop {
            let rows = snapshot.scan(&from, &to, Direction::Ascending, SCAN_ROWS)?;
            let Some((last, _)) = rows.last() else {
                break;
            };
            from.clone_from(last);
            from.push(0);
            for (key, value) in &rows {
                let row: TraceRow = decode(key, value)?;
                traces += 1;
                bytes += row.bytes;
            }
        }
        Ok(Traces {
            store,
            limits,
            base: snapshot,
            batch: Batch::new(),
            touched: HashMap::new(),
            traces,
            bytes,
        })
    }

    /// What is committed now.
    pub fn reader(&self) -> TracesReader {
        TracesReader {
            snapshot: Arc::clone(&self.base),
        }
    }

    /// Traces and their bytes, with those that are not committed yet.
    pub fn held(&self) -> (u64, u64) {
        (self.traces, self.bytes)
    }

    /// Whether so much waits that a commit should come first.
    pub fn is_full(&self) -> bool {
        self.batch.bytes() >= BATCH_BYTES_GOAL
    }

    /// Stores a document.
    ///
    /// - AWS: a complete segment takes the place of the one in progress with its id, never the other way round.
    pub fn add(&mut self, segment: Segment, now_ms: i64) -> Result<Added, Error> {
        let trace_id = segment.trace_id;
        self.touch(trace_id, &segment, now_ms)?;
        let key = document_key(trace_id, segment.id);
        let is_new = self
            .touched
            .get(&trace_id)
            .is_some_and(|touched| touched.is_new);
        let before = self.document(&key, is_new)?;
        let size = tree::counted_bytes(&segment.text);
        let limits = self.limits;
        let touched = self
            .touched
            .get_mut(&trace_id)
            .expect("it was touched just now");
        let row = &mut touched.row;
        let freed = before
            .as_ref()
            .map_or(0, |row| tree::counted_bytes(&row.text));
        if segment.is_in_progress && before.as_ref().is_some_and(|before| !before.is_in_progress) {
            return Ok(Added::Late);
        }
        let is_full = before.is_none() && row.documents >= limits.trace_documents_max;
        if is_full || row.bytes - freed + size > limits.trace_bytes_max {
            row.refused += 1;
            return Ok(Added::TraceFull);
        }
        row.start_ms = row.start_ms.min(segment.start_ms);
        row.end_ms = row.end_ms.max(segment.end_ms);
        row.changed_ms = now_ms;
        row.revision = row.revision.saturating_add(1);
        row.documents += u64::from(before.is_none());
        row.bytes = row.bytes - freed + size;
        self.bytes = self.bytes - freed + size;
        touched.written.push(segment.id);
        let document = DocumentRow {
            is_subsegment: segment.is_subsegment,
            is_in_progress: segment.is_in_progress,
            text: segment.text,
        };
        self.batch.put(key, encode(&document));
        Ok(Added::Stored)
    }

    /// Writes what was added, and removes what is over a bound or over its time.
    pub fn commit(&mut self, now_ms: i64) -> Result<(), Error> {
        let touched = std::mem::take(&mut self.touched);
        for touched in touched.values().filter(|touched| touched.row.documents > 0) {
            self.batch
                .put(index_key(touched.place), encode(&touched.row));
        }
        self.touched = touched;
        self.expire(now_ms)?;
        self.bound()?;
        self.touched.clear();
        if self.batch.is_empty() {
            return Ok(());
        }
        self.store.commit(std::mem::take(&mut self.batch))?;
        self.base = self.store.snapshot();
        Ok(())
    }

    /// Reads a trace's row, or makes it.
    fn touch(&mut self, trace_id: TraceId, segment: &Segment, now_ms: i64) -> Result<(), Error> {
        if self.touched.contains_key(&trace_id) {
            return Ok(());
        }
        let key = trace_key(trace_id);
        let snapshot = &self.base;
        let touched = match snapshot.get(&key)? {
            Some(value) => {
                let place = Place {
                    received_ms: decode(&key, &value)?,
                    trace_id,
                };
                let key = index_key(place);
                let value = snapshot.get(&key)?;
                let value = value.ok_or_else(|| Error::Corrupt { key: key.clone() })?;
                Touched {
                    place,
                    row: decode(&key, &value)?,
                    is_new: false,
                    written: Vec::new(),
                }
            }
            None => {
                self.batch.put(key, encode(&now_ms));
                self.traces += 1;
                Touched {
                    place: Place {
                        received_ms: now_ms,
                        trace_id,
                    },
                    row: TraceRow {
                        start_ms: segment.start_ms,
                        end_ms: segment.end_ms,
                        ..TraceRow::default()
                    },
                    is_new: true,
                    written: Vec::new(),
                }
            }
        };
        self.touched.insert(trace_id, touched);
        Ok(())
    }

    /// - `is_new`: nothing of its trace is committed.
    fn document(&self, key: &[u8], is_new: bool) -> Result<Option<DocumentRow>, Error> {
        match self.batch.get(key) {
            Some(stepwell_store::Write::Put(value)) => decode(key, value).map(Some),
            Some(stepwell_store::Write::Delete) => Ok(None),
            None if is_new => Ok(None),
            None => {
                let value = self.base.get(key)?;
                value.map(|value| decode(key, &value)).transpose()
            }
        }
    }

    fn expire(&mut self, now_ms: i64) -> Result<(), Error> {
        let until = rows::index_from(now_ms.saturating_sub(self.limits.retention_ms));
        let snapshot = Arc::clone(&self.base);
        let rows = snapshot.scan(&index(), &until, Direction::Ascending, EXPIRED_MAX)?;
        for (key, _) in rows {
            let place = place_of(&key).ok_or(Error::Corrupt { key })?;
            self.delete(place, &*snapshot)?;
        }
        Ok(())
    }

    /// INVARIANT: what is committed is within the bounds.
    fn bound(&mut self) -> Result<(), Error> {
        let limits = self.limits;
        if self.bytes <= limits.bytes_max && self.traces <= limits.traces_max {
            return Ok(());
        }
        let bytes_goal = limits.bytes_max - limits.bytes_max / PART_GIVEN_UP;
        let traces_goal = limits.traces_max - limits.traces_max / PART_GIVEN_UP;
        let snapshot = Arc::clone(&self.base);
        let (mut from, to) = (index(), after(&index()));
        while self.bytes > bytes_goal || self.traces > traces_goal {
            let rows = snapshot.scan(&from, &to, Direction::Ascending, SCAN_ROWS)?;
            let Some((last, _)) = rows.last() else {
                break;
            };
            from.clone_from(last);
            from.push(0);
            for (key, _) in rows {
                if self.bytes <= bytes_goal && self.traces <= traces_goal {
                    return Ok(());
                }
                let place = place_of(&key).ok_or(Error::Corrupt { key })?;
                self.delete(place, &*snapshot)?;
            }
        }
        // All that was committed is gone: what is new alone is too much.
        let mut new: Vec<Place> = self.touched.values().map(|touched| touched.place).collect();
        new.sort_unstable();
        for place in new {
            if self.bytes <= bytes_goal && self.traces <= traces_goal {
                break;
            }
            self.delete(place, &*snapshot)?;
        }
        Ok(())
    }

    /// Removes a trace with what the batch has of it. One that is gone already stays so.
    fn delete(&mut self, place: Place, snapshot: &dyn Snapshot) -> Result<(), Error> {
        let key = index_key(place);
        if matches!(self.batch.get(&key), Some(stepwell_store::Write::Delete)) {
            return Ok(());
        }
        let touched = self.touched.remove(&place.trace_id);
        let row = match &touched {
            Some(touched) => Some(touched.row),
            None => snapshot
                .get(&key)?
                .map(|value| decode(&key, &value))
                .transpose()?,
        };
        let Some(row) = row else {
            return Ok(());
        };
        self.traces -= 1;
        self.bytes -= row.bytes;
        self.batch.delete(key);
        self.batch.delete(trace_key(place.trace_id));
        for id in touched.iter().flat_map(|touched| &touched.written) {
            self.batch.delete(document_key(place.trace_id, *id));
        }
        let prefix = documents_of(place.trace_id);
        let rows = snapshot.scan(&prefix, &after(&prefix), Direction::Ascending, usize::MAX)?;
        for (key, _) in rows {
            self.batch.delete(key);
        }
        Ok(())
    }
}

/// Documents of one trace, in the order of their ids.
type Documents = Vec<(SegmentId, DocumentRow)>;

/// Rows read at once.
const SCAN_ROWS: usize = 1_000;

/// Reads of one snapshot.
pub struct TracesReader {
    snapshot: Arc<dyn Snapshot>,
}

impl TracesReader {
    /// The rows that it reads.
    pub fn snapshot(&self) -> Arc<dyn Snapshot> {
        Arc::clone(&self.snapshot)
    }

    /// A trace's row and its documents, in the order of their ids.
    fn stored(&self, trace_id: TraceId) -> Result<Option<(TraceRow, Documents)>, Error> {
        let key = trace_key(trace_id);
        let Some(value) = self.snapshot.get(&key)? else {
            return Ok(None);
        };
        let place = Place {
            received_ms: decode(&key, &value)?,
            trace_id,
        };
        let key = index_key(place);
        let value = self.snapshot.get(&key)?;
        let value = value.ok_or_else(|| Error::Corrupt { key: key.clone() })?;
        let row = decode(&key, &value)?;
        Ok(Some((row, self.documents(trace_id)?)))
    }

    fn documents(&self, trace_id: TraceId) -> Result<Documents, Error> {
        let prefix = documents_of(trace_id);
        // INVARIANT: a trace has at most `trace_documents_max` documents.
        let rows =
            self.snapshot
                .scan(&prefix, &after(&prefix), Direction::Ascending, usize::MAX)?;
        rows.iter()
            .map(|(key, value)| {
                let id = document_of(key).ok_or_else(|| Error::Corrupt { key: key.clone() })?;
                Ok((id, decode(key, value)?))
            })
            .collect()
    }
}
