//! Log streams and log events: one writer, any number of readers.

mod operations;
mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use stepwell_api::logs;
use stepwell_store::{Batch, Direction, Error, Snapshot, Store};

pub use operations::Read;
use rows::{
    EventRow, GroupRow, Place, StreamRow, after, decode, encode, event_key, events_of, group_key,
    group_of, groups, place_of, stream_key, streams_of,
};

/// What the store of logs may hold. When there is more, the oldest events go first.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Events of one group.
    pub group_events_max: u64,
    /// Bytes of one group's messages.
    pub group_bytes_max: u64,
    /// Bytes of all messages.
    pub bytes_max: u64,
    /// Streams of one group.
    pub group_streams_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            group_events_max: 100_000,
            group_bytes_max: 64 << 20,
            bytes_max: 512 << 20,
            group_streams_max: 10_000,
        }
    }
}

/// A group over its bound gives up this part of what it holds, so that the next events find room at once.
const PART_GIVEN_UP: u64 = 10;

/// Events that one batch removes at most.
const REMOVED_MAX: usize = 20_000;

/// What an event takes beside its message. AWS: PutLogEvents counts 26 bytes.
const EVENT_BYTES: u64 = 26;

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
    batch: Batch,
    groups: BTreeMap<String, GroupRow>,
    /// Streams that the batch has read or changed, by group and name.
    streams: BTreeMap<(String, String), Option<StreamRow>>,
}

impl Logs {
    /// Opens the logs over their store, and forgets the groups that are gone.
    ///
    /// - `is_there`: whether a group of this id still exists.
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
            streams: BTreeMap::new(),
        };
        let rows = snapshot.scan(
            &groups(),
            &after(&groups()),
            Direction::Ascending,
            usize::MAX,
        )?;
        for (key, value) in rows {
            let id = group_of(&key).ok_or_else(|| Error::Corrupt { key: key.clone() })?;
            logs.groups.insert(id, decode(&key, &value)?);
        }
        let gone: Vec<String> = logs
            .groups
            .keys()
            .filter(|id| !is_there(id))
            .cloned()
            .collect();
        for id in gone {
            logs.delete_group(&id)?;
        }
        Ok(logs)
    }

    /// What is committed now.
    pub fn reader(&self) -> LogsReader {
        LogsReader {
            snapshot: self.store.snapshot(),
        }
    }

    /// Makes a stream; `false` if it is there already.
    pub fn create_stream(&mut self, group: &str, name: &str, now_ms: i64) -> Result<bool, Error> {
        if self.stream(group, name)?.is_some() {
            return Ok(false);
        }
        let row = StreamRow {
            name: name.to_owned(),
            created_ms: now_ms,
            first_event_ms: None,
            last_event_ms: None,
            last_ingestion_ms: None,
        };
        self.put_stream(group, row);
        let mut held = self.groups.get(group).copied().unwrap_or_default();
        held.streams += 1;
        self.put_group(group, held);
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
        let Some(mut row) = self.stream(group, stream)? else {
            return Ok(());
        };
        let mut held = self.groups.get(group).copied().unwrap_or_default();
        for event in events {
            let place = Place {
                timestamp_ms: event.timestamp_ms,
                number: held.next,
            };
            held.next += 1;
            held.events += 1;
            held.bytes += event.message.len() as u64 + EVENT_BYTES;
            let first = row.first_event_ms.unwrap_or(event.timestamp_ms);
            let last = row.last_event_ms.unwrap_or(event.timestamp_ms);
            row.first_event_ms = Some(first.min(event.timestamp_ms));
            row.last_event_ms = Some(last.max(event.timestamp_ms));
            let event = EventRow {
                stream: stream.to_owned(),
                ingestion_ms: now_ms,
                message: event.message,
            };
            self.batch.put(event_key(group, place), encode(&event));
        }
        row.last_ingestion_ms = Some(now_ms);
        self.put_stream(group, row);
        self.put_group(group, held);
        Ok(())
    }

    /// Whether so much has been appended that a commit should come first.
    pub fn is_full(&self) -> bool {
        self.batch.bytes() >= BATCH_BYTES_GOAL
    }

    /// Removes a stream and its events; `false` if there is none.
    pub fn delete_stream(&mut self, group: &str, name: &str) -> Result<bool, Error> {
        // What is only in the batch must be found by the scan.
        self.commit()?;
        if self.stream(group, name)?.is_none() {
            return Ok(false);
        }
        let prefix = events_of(group);
        let snapshot = self.store.snapshot();
        let rows = snapshot.scan(&prefix, &after(&prefix), Direction::Ascending, usize::MAX)?;
        let mut held = self.groups.get(group).copied().unwrap_or_default();
        for (key, value) in rows {
            let event: EventRow = decode(&key, &value)?;
            if event.stream == name {
                held.events -= 1;
                held.bytes -= event.message.len() as u64 + EVENT_BYTES;
                self.batch.delete(key);
            }
        }
        held.streams -= 1;
        self.put_group(group, held);
        self.batch.delete(stream_key(group, name));
        self.streams
            .insert((group.to_owned(), name.to_owned()), None);
        Ok(true)
    }

    /// Removes everything that was logged to a group.
    pub fn delete_group(&mut self, group: &str) -> Result<(), Error> {
        self.commit()?;
        let snapshot = self.store.snapshot();
        for prefix in [events_of(group), streams_of(group), group_key(group)] {
            for (key, _) in
                snapshot.scan(&prefix, &after(&prefix), Direction::Ascending, usize::MAX)?
            {
                self.batch.delete(key);
            }
        }
        self.groups.remove(group);
        self.streams.clear();
        self.commit()
    }

    /// Writes what was appended and removes what is over a bound.
    pub fn commit(&mut self) -> Result<(), Error> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.bound_groups()?;
        self.bound_all()?;
        self.streams.clear();
        self.store.commit(std::mem::take(&mut self.batch))
    }

    fn bound_groups(&mut self) -> Result<(), Error> {
        let limits = self.limits;
        let over: Vec<(String, GroupRow)> = self
            .groups
            .iter()
            .filter(|(_, held)| {
                held.events > limits.group_events_max || held.bytes > limits.group_bytes_max
            })
            .map(|(id, held)| (id.clone(), *held))
            .collect();
        for (id, held) in over {
            let events_goal = limits.group_events_max - limits.group_events_max / PART_GIVEN_UP;
            let bytes_goal = limits.group_bytes_max - limits.group_bytes_max / PART_GIVEN_UP;
            let is_enough =
                |held: &GroupRow| held.events <= events_goal && held.bytes <= bytes_goal;
            self.give_up(&id, held, is_enough)?;
        }
        Ok(())
    }

    /// While all groups together hold too much, the group with the oldest event gives up a part.
    fn bound_all(&mut self) -> Result<(), Error> {
        for _ in 0..self.groups.len() {
            let bytes: u64 = self.groups.values().map(|held| held.bytes).sum();
            if bytes <= self.limits.bytes_max {
                return Ok(());
            }
            let snapshot = self.store.snapshot();
            let mut oldest: Option<(Place, String)> = None;
            for id in self.groups.keys() {
                let prefix = events_of(id);
                let first = snapshot.scan(&prefix, &after(&prefix), Direction::Ascending, 1)?;
                let place = first.first().and_then(|(key, _)| place_of(key));
                if let Some(place) = place
                    && oldest.as_ref().is_none_or(|(oldest, _)| place < *oldest)
                {
                    oldest = Some((place, id.clone()));
                }
            }
            let Some((_, id)) = oldest else {
                return Ok(());
            };
            let held = self.groups[&id];
            let goal = (held.bytes - held.bytes.div_ceil(PART_GIVEN_UP))
                .min(held.bytes.saturating_sub(bytes - self.limits.bytes_max));
            self.give_up(&id, held, |held| held.bytes <= goal)?;
        }
        Ok(())
    }

    /// Removes the oldest committed events of a group until it holds little enough.
    fn give_up(
        &mut self,
        group: &str,
        mut held: GroupRow,
        is_enough: impl Fn(&GroupRow) -> bool,
    ) -> Result<(), Error> {
        let prefix = events_of(group);
        let snapshot = self.store.snapshot();
        let rows = snapshot.scan(&prefix, &after(&prefix), Direction::Ascending, REMOVED_MAX)?;
        for (key, value) in rows {
            if is_enough(&held) {
                break;
            }
            if self.batch.get(&key).is_some() {
                continue;
            }
            let event: EventRow = decode(&key, &value)?;
            held.events -= 1;
            held.bytes -= event.message.len() as u64 + EVENT_BYTES;
            self.batch.delete(key);
        }
        self.put_group(group, held);
        Ok(())
    }

    /// The stream that was written to longest ago goes when a group has too many.
    fn bound_streams(&mut self, group: &str) -> Result<(), Error> {
        let held = self.groups.get(group).copied().unwrap_or_default();
        if held.streams <= self.limits.group_streams_max {
            return Ok(());
        }
        let oldest = self
            .reader()
            .streams(group)?
            .into_iter()
            .filter(|stream| {
                let key = (group.to_owned(), stream.name.clone());
                !self.streams.contains_key(&key)
            })
            .min_by_key(|stream| stream.last_ingestion_ms.unwrap_or(stream.created_ms));
        if let Some(oldest) = oldest {
            self.delete_stream(group, &oldest.name)?;
        }
        Ok(())
    }

    fn stream(&mut self, group: &str, name: &str) -> Result<Option<StreamRow>, Error> {
        let key = (group.to_owned(), name.to_owned());
        if let Some(row) = self.streams.get(&key) {
            return Ok(row.clone());
        }
        let row = self.reader().stream(group, name)?;
        self.streams.insert(key, row.clone());
        Ok(row)
    }

    fn put_stream(&mut self, group: &str, row: StreamRow) {
        self.batch.put(stream_key(group, &row.name), encode(&row));
        self.streams
            .insert((group.to_owned(), row.name.clone()), Some(row));
    }

    fn put_group(&mut self, group: &str, held: GroupRow) {
        self.batch.put(group_key(group), encode(&held));
        self.groups.insert(group.to_owned(), held);
    }
}

/// Appended bytes after which a commit should come first.
const BATCH_BYTES_GOAL: usize = 8 << 20;

/// Reads of one snapshot.
pub struct LogsReader {
    snapshot: Arc<dyn Snapshot>,
}

/// Which events of a group are wanted.
struct Wanted<'a> {
    from: Place,
    /// The first that is not wanted any more.
    to: Place,
    direction: Direction,
    /// Events at most.
    limit: usize,
    accepts: &'a dyn Fn(&EventRow) -> bool,
}

/// Events that were found, and where the search ended.
struct Found {
    events: Vec<(Place, EventRow)>,
    /// Whether a bound ended the search: there may be more.
    was_cut: bool,
    /// The last event that was looked at.
    last: Option<Place>,
}

/// Rows read at once.
const SCAN_ROWS: usize = 1_000;

/// Rows looked at for one page. A page may be short; its token goes on.
const SCANNED_MAX: usize = 100_000;

/// Bytes of messages on a page. AWS: 1 MB.
const PAGE_BYTES_MAX: usize = 1 << 20;

impl LogsReader {
    /// The rows that it reads.
    pub fn snapshot(&self) -> Arc<dyn Snapshot> {
        Arc::clone(&self.snapshot)
    }

    fn stream(&self, group: &str, name: &str) -> Result<Option<StreamRow>, Error> {
        let key = stream_key(group, name);
        let value = self.snapshot.get(&key)?;
        value.map(|value| decode(&key, &value)).transpose()
    }

    fn streams(&self, group: &str) -> Result<Vec<StreamRow>, Error> {
        let prefix = streams_of(group);
        let rows =
            self.snapshot
                .scan(&prefix, &after(&prefix), Direction::Ascending, usize::MAX)?;
        rows.iter().map(|(key, value)| decode(key, value)).collect()
    }

    /// Bytes that a group's events take.
    pub fn stored_bytes(&self, group: &str) -> Result<u64, Error> {
        let key = group_key(group);
        let row: Option<GroupRow> = self
            .snapshot
            .get(&key)?
            .map(|value| decode(&key, &value))
            .transpose()?;
        Ok(row.map_or(0, |row| row.bytes))
    }

    fn find(&self, group: &str, wanted: &Wanted) -> Result<Found, Error> {
        let mut found = Found {
            events: Vec::new(),
            was_cut: false,
            last: None,
        };
        let (mut from, mut to) = (event_key(group, wanted.from), event_key(group, wanted.to));
        let (mut scanned, mut bytes) = (0, 0);
        loop {
            let rows = self
                .snapshot
                .scan(&from, &to, wanted.direction, SCAN_ROWS)?;
            let is_last = rows.len() < SCAN_ROWS;
            for (key, value) in rows {
                let event: EventRow = decode(&key, &value)?;
                let is_wanted = (wanted.accepts)(&event);
                let size = event.message.len() + EVENT_BYTES as usize;
                let is_full = found.events.len() == wanted.limit
                    || (bytes + size > PAGE_BYTES_MAX && !found.events.is_empty());
                if scanned == SCANNED_MAX || (is_wanted && is_full) {
                    found.was_cut = true;
                    return Ok(found);
                }
                scanned += 1;
                let place = place_of(&key).ok_or_else(|| Error::Corrupt { key: key.clone() })?;
                found.last = Some(place);
                if is_wanted {
                    bytes += size;
                    found.events.push((place, event));
                }
                match wanted.direction {
                    Direction::Ascending => {
                        from = key;
                        from.push(0);
                    }
                    Direction::Descending => to = key,
                }
            }
            if is_last {
                return Ok(found);
            }
        }
    }
}

pub(crate) fn missing_stream() -> logs::Error {
    logs::Error::resource_not_found_exception("The specified log stream does not exist.")
}
