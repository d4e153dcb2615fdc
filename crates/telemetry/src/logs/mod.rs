//! Log streams and log events: one writer, any number of readers.

mod block;
mod bounds;
mod migration;
mod operations;
mod reader;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stepwell_store::{Batch, Direction, Error, Store};

use block::{BLOCK_BYTES_GOAL, Block, Event};
pub use operations::Read;
pub use reader::{LogsReader, Scanned, Scope, Visited};
use rows::{
    GroupRow, Place, StreamRow, after, block_key, blocks_of, decode_group, encode, encode_group,
    group_key, group_of, groups, stream_key, streams_of,
};

/// What the store of logs may hold. When there is more, the oldest events go first.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes that the store may take on its disk.
    pub disk_bytes_max: u64,
    /// Streams of one group.
    pub group_streams_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            disk_bytes_max: 4 << 30,
            group_streams_max: GROUP_STREAMS_MAX,
        }
    }
}

/// The id of an event, as FilterLogEvents gives it.
pub fn event_id(timestamp_ms: i64, number: u64) -> String {
    Place {
        timestamp_ms,
        number,
    }
    .digits()
}

/// Streams of a group, if nothing else is said.
const GROUP_STREAMS_MAX: u64 = 10_000;

/// What an event takes beside its message. AWS: PutLogEvents counts 26 bytes.
const EVENT_BYTES: u64 = 26;

/// Small blocks that are kept apart before they become one.
const TAIL_ROWS_MAX: usize = 256;

/// Bytes of all events that are held in memory to be joined with later ones.
const TAILS_BYTES_MAX: usize = 32 << 20;

/// Appended bytes after which a commit should come first.
const BATCH_BYTES_GOAL: usize = 8 << 20;

/// A log group as the logs know it: streams and events belong to its id.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    pub id: &'a str,
    /// Its ARN, without `:*`.
    pub arn: &'a str,
    /// Events before this instant are over their retention.
    pub not_before_ms: i64,
}

/// An event to be logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    pub timestamp_ms: i64,
    pub message: String,
}

/// The writer. What is appended is there for readers, and durable, after the next [`Logs::commit`].
pub struct Logs {
    store: Box<dyn Store>,
    limits: Limits,
    /// What is not an event: changes of streams, and rows that go.
    batch: Batch,
    groups: BTreeMap<String, GroupState>,
    /// Groups that have something to commit.
    changed: BTreeSet<String>,
    appended_bytes: usize,
    tails_bytes: usize,
    /// What the store took on its disk when its owner looked last.
    disk_bytes: u64,
    /// The part of the budget that rows may take now.
    rows_percent: u64,
}

/// A group in memory.
#[derive(Default)]
struct GroupState {
    row: GroupRow,
    /// Streams that were read or changed since the last commit; `None` is one that is not there.
    streams: BTreeMap<Arc<str>, Option<StreamState>>,
    /// Events since the last commit.
    appended: Vec<Event>,
    tail: Tail,
}

struct StreamState {
    row: StreamRow,
    is_changed: bool,
}

/// The newest blocks of a group while they are small: their rows become one block when there is enough of them, so an
/// event is written twice and not in a row of its own for ever.
#[derive(Default)]
struct Tail {
    /// Whether the rows that an earlier process left have been looked at.
    is_known: bool,
    keys: Vec<Vec<u8>>,
    /// Bytes of these rows.
    stored: u64,
    events: Vec<Event>,
    /// Bytes of the events' messages.
    bytes: usize,
}

impl Logs {
    /// Opens the logs over their store, and forgets the groups that are gone.
    ///
    /// - `is_there`: whether a group of this id still exists.
    /// - Events that an older version wrote are moved into blocks, over as many commits as it takes.
    pub fn open(
        store: Box<dyn Store>,
        limits: Limits,
        is_there: impl Fn(&str) -> bool,
    ) -> Result<Logs, Error> {
        let snapshot = store.snapshot();
        let mut logs = Logs {
            store,
            limits,
            batch: Batch::new(),
            groups: BTreeMap::new(),
            changed: BTreeSet::new(),
            appended_bytes: 0,
            tails_bytes: 0,
            disk_bytes: 0,
            rows_percent: bounds::ROWS_PERCENT,
        };
        let rows = snapshot.scan(
            &groups(),
            &after(&groups()),
            Direction::Ascending,
            usize::MAX,
        )?;
        for (key, value) in rows {
            let id = group_of(&key).ok_or_else(|| rows::corrupt(&key))?;
            let state = GroupState {
                row: decode_group(&key, &value)?,
                ..GroupState::default()
            };
            logs.groups.insert(id, state);
        }
        drop(snapshot);
        let gone: Vec<String> = logs
            .groups
            .keys()
            .filter(|id| !is_there(id))
            .cloned()
            .collect();
        for id in gone {
            logs.delete_group(&id)?;
        }
        logs.migrate()?;
        Ok(logs)
    }

    /// What is committed now.
    pub fn reader(&self) -> LogsReader {
        LogsReader::new(self.store.snapshot())
    }

    /// Makes a stream; `false` if it is there already.
    pub fn create_stream(&mut self, group: &str, name: &str, now_ms: i64) -> Result<bool, Error> {
        if self.has_stream(group, name)? {
            return Ok(false);
        }
        let row = StreamRow {
            name: name.to_owned(),
            created_ms: now_ms,
            first_event_ms: None,
            last_event_ms: None,
            last_ingestion_ms: None,
        };
        let state = self.state(group);
        state.row.streams += 1;
        let stream = StreamState {
            row,
            is_changed: true,
        };
        state.streams.insert(Arc::from(name), Some(stream));
        self.bound_streams(group)?;
        Ok(true)
    }

    /// Appends events to a stream, which is made if it is not there.
    pub fn append(
        &mut self,
        group: &str,
        stream: &str,
        now_ms: i64,
        events: impl IntoIterator<Item = LogEvent>,
    ) -> Result<(), Error> {
        self.create_stream(group, stream, now_ms)?;
        // One stream too many has made room by a commit, after which streams are read again.
        self.has_stream(group, stream)?;
        let state = self.state(group);
        let Some((name, _)) = state.streams.get_key_value(stream) else {
            return Ok(());
        };
        let name = Arc::clone(name);
        let Some(Some(held)) = state.streams.get_mut(stream) else {
            return Ok(());
        };
        let mut bytes = 0;
        for event in events {
            let at = event.timestamp_ms;
            let place = Place {
                timestamp_ms: at,
                number: state.row.next,
            };
            state.row.next += 1;
            let row = &mut held.row;
            row.first_event_ms = Some(row.first_event_ms.map_or(at, |first| first.min(at)));
            row.last_event_ms = Some(row.last_event_ms.map_or(at, |last| last.max(at)));
            bytes += event.message.len() + EVENT_BYTES as usize;
            state.appended.push(Event {
                place,
                stream: Arc::clone(&name),
                ingestion_ms: now_ms,
                message: event.message,
            });
        }
        held.row.last_ingestion_ms = Some(now_ms);
        held.is_changed = true;
        self.appended_bytes += bytes;
        Ok(())
    }

    /// The number that the next event of a group will have.
    pub fn next_number(&self, group: &str) -> u64 {
        self.groups.get(group).map_or(0, |state| state.row.next)
    }

    /// What the store takes on its disk now, which only its owner can see.
    ///
    /// - Near the budget, less may be kept from now on, until what has gone has left the disk too.
    pub fn set_disk_bytes(&mut self, bytes: u64) {
        self.disk_bytes = bytes;
        self.adjust_rows();
    }

    /// Whether the disk's budget has room for more events.
    pub fn has_room(&self) -> bool {
        self.disk_bytes < self.limits.disk_bytes_max
    }

    /// Whether so much has been appended that a commit should come first.
    pub fn is_full(&self) -> bool {
        self.appended_bytes >= BATCH_BYTES_GOAL
    }

    /// Removes a stream and its events, over as many commits as it takes; `false` if there is none.
    pub fn delete_stream(&mut self, group: &str, name: &str) -> Result<bool, Error> {
        // What is only appended must be found by the scan.
        self.commit()?;
        let Some(row) = self.reader().stream(group, name)? else {
            return Ok(false);
        };
        self.remove_events_of(group, &row)?;
        let state = self.state(group);
        state.row.streams = state.row.streams.saturating_sub(1);
        state.streams.insert(Arc::from(name), None);
        self.batch.delete(stream_key(group, name));
        self.commit_removal(group)?;
        Ok(true)
    }

    /// Commits what goes and the row of its group, nothing else: what is looked at later must not be there any more.
    fn commit_removal(&mut self, group: &str) -> Result<(), Error> {
        self.forget_tail(group);
        let row = encode_group(&self.state(group).row);
        self.batch.put(group_key(group), row);
        self.store.commit(std::mem::take(&mut self.batch))
    }

    /// Rewrites the blocks that have events of this stream.
    fn remove_events_of(&mut self, group: &str, stream: &StreamRow) -> Result<(), Error> {
        let (Some(first), Some(last)) = (stream.first_event_ms, stream.last_event_ms) else {
            return Ok(());
        };
        let snapshot = self.store.snapshot();
        let mut from = block_key(
            group,
            Place::at(first.saturating_sub(block::BLOCK_SPAN_MS_MAX)),
        );
        let to = block_key(group, Place::at(last.saturating_add(1)));
        loop {
            let page = snapshot.page(&from, &to, PAGE_ROWS, PAGE_BYTES)?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            from.clone_from(last);
            from.push(0);
            for (key, value) in page {
                let block = Block::open(&key, &value)?;
                if !block.streams().contains(&stream.name.as_str()) {
                    continue;
                }
                let events = block.events()?;
                let kept: Vec<Event> = events
                    .into_iter()
                    .filter(|event| *event.stream != *stream.name)
                    .collect();
                let removed = (block.count() - kept.len() as u64, block.message_bytes());
                self.batch.delete(key.clone());
                let stored = self.put_block(group, &kept);
                let row = &mut self.state(group).row;
                let kept_bytes: usize = kept.iter().map(|event| event.message.len()).sum();
                let bytes = (removed.1 - kept_bytes) as u64 + removed.0 * EVENT_BYTES;
                row.events = row.events.saturating_sub(removed.0);
                row.bytes = row.bytes.saturating_sub(bytes);
                row.stored = (row.stored + stored).saturating_sub(value.len() as u64);
                if self.batch.bytes() >= BATCH_BYTES_GOAL {
                    self.commit_removal(group)?;
                }
            }
        }
    }

    /// Removes everything that was logged to a group, over as many commits as it takes.
    pub fn delete_group(&mut self, group: &str) -> Result<(), Error> {
        self.commit()?;
        self.forget_tail(group);
        let snapshot = self.store.snapshot();
        // Its own row goes last: what a crash leaves is found by it.
        for prefix in [
            rows::events_of(group),
            blocks_of(group),
            streams_of(group),
            group_key(group),
        ] {
            let mut from = prefix.clone();
            loop {
                let page = snapshot.page(&from, &after(&prefix), PAGE_ROWS, PAGE_BYTES)?;
                let Some((last, _)) = page.last() else {
                    break;
                };
                from.clone_from(last);
                from.push(0);
                for (key, _) in page {
                    self.batch.delete(key);
                }
                self.store.commit(std::mem::take(&mut self.batch))?;
            }
        }
        self.groups.remove(group);
        self.changed.remove(group);
        Ok(())
    }

    /// Writes what was appended and removes what is over a bound.
    pub fn commit(&mut self) -> Result<(), Error> {
        for group in std::mem::take(&mut self.changed) {
            self.write_group(&group)?;
        }
        self.appended_bytes = 0;
        if self.batch.is_empty() {
            return Ok(());
        }
        self.bound_all()?;
        self.store.commit(std::mem::take(&mut self.batch))?;
        self.bound_tails();
        Ok(())
    }

    /// Puts what is new of a group into the batch.
    fn write_group(&mut self, group: &str) -> Result<(), Error> {
        self.know_tail(group)?;
        let Some(state) = self.groups.get_mut(group) else {
            return Ok(());
        };
        for (name, stream) in std::mem::take(&mut state.streams) {
            if let Some(stream) = stream
                && stream.is_changed
            {
                self.batch
                    .put(stream_key(group, &name), encode(&stream.row));
            }
        }
        let mut appended = std::mem::take(&mut state.appended);
        appended.sort_by_key(|event| event.place);
        let bytes: usize = appended.iter().map(|event| event.message.len()).sum();
        state.row.events += appended.len() as u64;
        state.row.bytes += bytes as u64 + appended.len() as u64 * EVENT_BYTES;
        let mut tail = std::mem::take(&mut state.tail);
        self.tails_bytes -= tail.bytes;
        let is_enough = tail.bytes + bytes >= BLOCK_BYTES_GOAL || tail.keys.len() >= TAIL_ROWS_MAX;
        if is_enough {
            for key in tail.keys.drain(..) {
                self.batch.delete(key);
            }
            state.row.stored = state.row.stored.saturating_sub(tail.stored);
            appended.append(&mut tail.events);
            appended.sort_by_key(|event| event.place);
            tail = Tail {
                is_known: true,
                ..Tail::default()
            };
        }
        let mut stored = 0;
        let blocks = block::cut(&appended);
        let last = blocks.len().saturating_sub(1);
        let mut tail_from = appended.len();
        let mut at = 0;
        for (number, events) in blocks.into_iter().enumerate() {
            let size: usize = events.iter().map(|event| event.message.len()).sum();
            let (key, row) = (block_key(group, events[0].place), block::encode(events));
            stored += row.len() as u64;
            // Of many blocks only the last can still grow.
            if !is_enough || (number == last && size < BLOCK_BYTES_GOAL / 2) {
                tail_from = tail_from.min(at);
                tail.keys.push(key.clone());
                tail.stored += row.len() as u64;
                tail.bytes += size;
            }
            self.batch.put(key, row);
            at += events.len();
        }
        tail.events.extend(appended.drain(tail_from..));
        self.tails_bytes += tail.bytes;
        let Some(state) = self.groups.get_mut(group) else {
            return Ok(());
        };
        state.tail = tail;
        state.row.stored += stored;
        self.batch.put(group_key(group), encode_group(&state.row));
        Ok(())
    }

    /// Writes events as one block, if there are any; gives the bytes of its row.
    fn put_block(&mut self, group: &str, events: &[Event]) -> u64 {
        let Some(first) = events.first() else {
            return 0;
        };
        let row = block::encode(events);
        let stored = row.len() as u64;
        self.batch.put(block_key(group, first.place), row);
        stored
    }

    /// Finds the small blocks at the end of a group that an earlier process has left.
    fn know_tail(&mut self, group: &str) -> Result<(), Error> {
        let Some(state) = self.groups.get_mut(group) else {
            return Ok(());
        };
        if state.tail.is_known {
            return Ok(());
        }
        let mut tail = Tail {
            is_known: true,
            ..Tail::default()
        };
        let prefix = blocks_of(group);
        let snapshot = self.store.snapshot();
        let mut to = after(&prefix);
        while tail.keys.len() < TAIL_ROWS_MAX {
            let found = snapshot.scan(&prefix, &to, Direction::Descending, 1)?;
            let Some((key, value)) = found.into_iter().next() else {
                break;
            };
            let block = Block::open(&key, &value)?;
            if tail.bytes + block.message_bytes() >= BLOCK_BYTES_GOAL / 2 {
                break;
            }
            tail.bytes += block.message_bytes();
            tail.stored += value.len() as u64;
            tail.events.extend(block.events()?);
            to.clone_from(&key);
            tail.keys.push(key);
        }
        self.tails_bytes += tail.bytes;
        state.tail = tail;
        Ok(())
    }

    /// What is in its blocks may change: the next commit looks at them again.
    fn forget_tail(&mut self, group: &str) {
        if let Some(state) = self.groups.get_mut(group) {
            self.tails_bytes -= state.tail.bytes;
            state.tail = Tail::default();
        }
    }

    /// The largest tails stay as they are in the store when all together are too large.
    fn bound_tails(&mut self) {
        while self.tails_bytes > TAILS_BYTES_MAX {
            let largest = self
                .groups
                .values_mut()
                .max_by_key(|state| state.tail.bytes);
            let Some(state) = largest.filter(|state| state.tail.bytes > 0) else {
                return;
            };
            self.tails_bytes -= state.tail.bytes;
            state.tail = Tail {
                is_known: true,
                ..Tail::default()
            };
        }
    }

    /// The group, which has something to commit from now on.
    fn state(&mut self, group: &str) -> &mut GroupState {
        if !self.changed.contains(group) {
            self.changed.insert(group.to_owned());
        }
        if !self.groups.contains_key(group) {
            let state = GroupState {
                tail: Tail {
                    is_known: true,
                    ..Tail::default()
                },
                ..GroupState::default()
            };
            self.groups.insert(group.to_owned(), state);
        }
        self.groups
            .get_mut(group)
            .expect("it was made if it was not there")
    }

    /// Whether there is such a stream; it is in memory afterwards.
    fn has_stream(&mut self, group: &str, name: &str) -> Result<bool, Error> {
        if let Some(known) = self
            .groups
            .get(group)
            .and_then(|state| state.streams.get(name))
        {
            return Ok(known.is_some());
        }
        let row = self.reader().stream(group, name)?;
        let is_there = row.is_some();
        if let Some(row) = row {
            let stream = StreamState {
                row,
                is_changed: false,
            };
            self.state(group)
                .streams
                .insert(Arc::from(name), Some(stream));
        }
        Ok(is_there)
    }
}

/// Rows and bytes that a walk over a group holds at once.
const PAGE_ROWS: usize = 256;
const PAGE_BYTES: usize = 4 << 20;
