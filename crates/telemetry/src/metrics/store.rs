//! The writer of metrics: rollups over a store of their own.
//!
//! What comes is added to its minute, in memory and in a row.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use stepwell_store::{Batch, Direction, Error, Snapshot, Store, Write};

use super::maintenance::{SECONDS_KEPT_S, Walks};
use super::open::OpenPoints;
use super::reader::Row;
use super::rows::{self, Counters, NameRow};
use super::{Metric, MetricsReader, Sample, Unit};

/// Bytes of rows, where nothing else is said.
const BYTES_MAX: u64 = 2 << 30;

/// Series, where nothing else is said.
const SERIES_MAX: u64 = 1_000_000;

/// What the store of metrics may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of rows. What would go over is dropped until the oldest has given way.
    pub bytes_max: u64,
    /// Series: distinct namespaces, names, dimensions and units. Values of more are dropped.
    pub series_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            bytes_max: BYTES_MAX,
            series_max: SERIES_MAX,
        }
    }
}

/// Minutes that stay in memory, counted back from now.
const OPEN_MINUTES: u32 = 2;

/// Minutes and seconds that are in memory at most, written or not.
const OPEN_MAX: usize = 2_000_000;

/// Bytes of them: a minute of many distinct values takes some thousands.
const OPEN_BYTES_MAX: usize = 512 << 20;

/// Series whose number is in memory.
const KNOWN_MAX: usize = 1_100_000;

/// Rows that one batch writes at most.
const BATCH_ROWS_MAX: usize = 30_000;

/// Bytes of a batch beyond which it is committed: names may be long.
const BATCH_BYTES: usize = 32 << 20;

/// What was not kept, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Samples of series beyond the bound.
    pub series: u64,
    /// Samples that found no room on disk.
    pub bytes: u64,
    /// Samples with a value that is no number or beyond [`VALUE_MAX`](super::VALUE_MAX).
    pub value: u64,
    /// Samples of another time than the store takes: older than two weeks, or later than two hours from now.
    pub time: u64,
}

/// The writer. What is added is there for readers, and durable, after the next [`Metrics::commit`].
pub struct Metrics {
    store: Box<dyn Store>,
    /// What was committed last.
    pub(super) snapshot: Arc<dyn Snapshot>,
    pub(super) limits: Limits,
    pub(super) counters: Counters,
    pub(super) batch: Batch,
    pub(super) known: HashMap<u128, Known>,
    pub(super) minutes: OpenPoints,
    pub(super) seconds: OpenPoints,
    oldest_minute: u32,
    dropped: Dropped,
    pub(super) walks: Walks,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    series: u32,
    last_hour: u32,
}

/// Two weeks and two hours, in milliseconds. AWS: PutMetricData refuses what is outside.
pub const PAST_MAX_MS: i64 = 14 * 86_400_000;
pub const FUTURE_MAX_MS: i64 = 2 * 3_600_000;

impl Metrics {
    /// Opens the metrics over their store.
    pub fn open(store: Box<dyn Store>, limits: Limits) -> Result<Metrics, Error> {
        let snapshot = store.snapshot();
        let key = rows::counters_key();
        let counters = match snapshot.get(&key)? {
            Some(value) => rows::decode_counters(&key, &value)?,
            None => Counters::default(),
        };
        Ok(Metrics {
            store,
            snapshot,
            limits,
            counters,
            batch: Batch::new(),
            known: HashMap::new(),
            minutes: OpenPoints::new(rows::minute_key),
            seconds: OpenPoints::new(rows::second_key),
            oldest_minute: u32::MAX,
            dropped: Dropped::default(),
            walks: Walks::default(),
        })
    }

    /// What is committed now.
    pub fn reader(&self) -> MetricsReader {
        MetricsReader::new(Arc::clone(&self.snapshot))
    }

    /// What was not kept, since the start.
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// How many series there are, and the bytes of all rows.
    pub fn size(&self) -> (u64, u64) {
        (self.counters.series, self.counters.bytes)
    }

    /// Adds values to their metric.
    ///
    /// - What is not kept is counted: see [`Metrics::dropped`].
    /// - Values of high resolution that are older than three hours are only kept by the minute.
    pub fn add(&mut self, sample: &Sample, now_ms: i64) -> Result<(), Error> {
        let age_ms = now_ms - sample.timestamp_ms;
        // A little older than PutMetricData takes: the sample may have waited.
        let taken = -FUTURE_MAX_MS - 60_000..=PAST_MAX_MS + 3_600_000;
        if !taken.contains(&age_ms) {
            self.dropped.time += 1;
            return Ok(());
        }
        if self.counters.bytes >= self.limits.bytes_max {
            self.dropped.bytes += 1;
            return Ok(());
        }
        if sample.values.is_empty() {
            return Ok(());
        }
        if !sample.is_bounded() {
            self.dropped.value += 1;
            return Ok(());
        }
        let hour = hour_of(now_ms);
        let Some(series) = self.series(&sample.metric, sample.unit, hour)? else {
            self.dropped.series += 1;
            return Ok(());
        };
        let second = u32::try_from(sample.timestamp_ms.div_euclid(1_000)).unwrap_or(0);
        let minute = second / 60;
        self.oldest_minute = self.oldest_minute.min(minute);
        let (values, snapshot) = (&sample.values, &*self.snapshot);
        self.minutes.add((series, minute), values, snapshot)?;
        let is_recent = age_ms < i64::from(SECONDS_KEPT_S) * 1_000;
        if sample.is_high_resolution && is_recent {
            self.seconds.add((series, second), values, snapshot)?;
        }
        Ok(())
    }

    /// Whether so much waits that it should be committed.
    pub fn is_full(&self) -> bool {
        let ((minutes, of_minutes), (seconds, of_seconds)) =
            (self.minutes.dirty(), self.seconds.dirty());
        minutes + seconds + self.batch.len() >= BATCH_ROWS_MAX
            || of_minutes + of_seconds + self.batch.bytes() >= BATCH_BYTES
    }

    /// Writes everything that was added or changed.
    pub fn commit(&mut self, now_ms: i64) -> Result<(), Error> {
        let mut put = |key, value| self.batch.put(key, value);
        let change = self.minutes.write(&mut put) + self.seconds.write(&mut put);
        self.count_bytes(change);
        self.commit_batch()?;
        self.forget_old(now_ms);
        Ok(())
    }

    pub(super) fn commit_batch(&mut self) -> Result<(), Error> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.batch
            .put(rows::counters_key(), rows::encode_counters(&self.counters));
        self.store.commit(std::mem::take(&mut self.batch))?;
        self.snapshot = self.store.snapshot();
        Ok(())
    }

    /// Everything is committed: what is no longer likely to change leaves memory.
    fn forget_old(&mut self, now_ms: i64) {
        let keep_from = (second_of(now_ms) / 60).saturating_sub(OPEN_MINUTES);
        let is_full = self.minutes.len() + self.seconds.len() > OPEN_MAX
            || self.minutes.bytes() + self.seconds.bytes() > OPEN_BYTES_MAX;
        if is_full {
            self.minutes.clear();
            self.seconds.clear();
            self.oldest_minute = u32::MAX;
        }
        if self.oldest_minute < keep_from {
            self.seconds.forget_before(keep_from * 60);
            let earliest = self.minutes.forget_before(keep_from);
            self.oldest_minute = earliest.unwrap_or(u32::MAX);
        }
        if self.known.len() > KNOWN_MAX {
            self.known.clear();
        }
    }

    pub(super) fn count_bytes(&mut self, change: i64) {
        self.counters.bytes = self.counters.bytes.saturating_add_signed(change);
    }

    /// The number of a series; `None` if there are too many already.
    fn series(&mut self, metric: &Metric, unit: Unit, hour: u32) -> Result<Option<u32>, Error> {
        let hash = hash_of(metric, unit);
        if let Some(known) = self.known.get_mut(&hash) {
            if known.last_hour >= hour {
                return Ok(Some(known.series));
            }
            known.last_hour = hour;
            let series = known.series;
            self.put_name(metric, unit, series, hour);
            return Ok(Some(series));
        }
        let key = rows::name_key(metric, unit);
        let found = match self.row(&key)? {
            Some(value) => Some(rows::decode_name(&key, &value)?),
            None => None,
        };
        let series = match found {
            Some(row) if row.last_hour >= hour => row.series,
            Some(row) => {
                self.put_name(metric, unit, row.series, hour);
                row.series
            }
            None if self.counters.series >= self.limits.series_max => return Ok(None),
            None => {
                let series = self.counters.next_series;
                self.counters.next_series += 1;
                self.counters.series += 1;
                let bytes = self.put_name(metric, unit, series, hour);
                self.count_bytes(bytes as i64);
                series
            }
        };
        self.known.insert(
            hash,
            Known {
                series,
                last_hour: hour,
            },
        );
        Ok(Some(series))
    }

    /// Gives the bytes of the row.
    fn put_name(&mut self, metric: &Metric, unit: Unit, series: u32, last_hour: u32) -> usize {
        let key = rows::name_key(metric, unit);
        let value = rows::encode_name(&NameRow {
            series,
            last_hour,
            unit,
            metric: metric.clone(),
        });
        let bytes = key.len() + value.len();
        self.batch.put(key, value);
        bytes
    }

    /// A row as the batch leaves it.
    pub(super) fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        match self.batch.get(key) {
            Some(Write::Put(value)) => Ok(Some(value.to_vec())),
            Some(Write::Delete) => Ok(None),
            None => Ok(self.snapshot.get(key)?.map(|value| value.to_vec())),
        }
    }

    pub(super) fn put_row(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.batch.put(key, value);
    }

    pub(super) fn delete_row(&mut self, key: Vec<u8>) {
        self.batch.delete(key);
    }
}

pub(super) fn hash_of(metric: &Metric, unit: Unit) -> u128 {
    let mut hash = Sha256::new();
    let dimensions = metric.dimensions().iter();
    let texts = dimensions.flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    for text in [metric.namespace(), metric.name()].into_iter().chain(texts) {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hash.update([unit.number()]);
    let hash = hash.finalize();
    hash[..16]
        .iter()
        .fold(0, |number, byte| number << 8 | u128::from(*byte))
}

fn hour_of(now_ms: i64) -> u32 {
    second_of(now_ms) / 3_600
}

/// Seconds since 1970.
pub(super) fn second_of(now_ms: i64) -> u32 {
    u32::try_from(now_ms.div_euclid(1_000)).unwrap_or(0)
}

/// Rows of alarms and their like: committed with everything else, and read as the batch leaves them.
impl Metrics {
    /// Kinds of rows that [`Metrics::put`] takes; those below are of this crate's own.
    pub const OTHER_KINDS: std::ops::RangeInclusive<u8> = 20..=39;

    /// Puts a row of another kind.
    pub fn put(&mut self, kind: u8, key: &[u8], value: Vec<u8>) {
        self.batch.put(other_key(kind, key), value);
    }

    /// Deletes a row of another kind.
    pub fn delete(&mut self, kind: u8, key: &[u8]) {
        self.batch.delete(other_key(kind, key));
    }

    /// A row of another kind.
    pub fn get(&self, kind: u8, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.row(&other_key(kind, key))
    }

    /// Rows of another kind with `from <= key < to`, as they are committed; keys without the kind.
    pub fn scan(
        &self,
        kind: u8,
        from: &[u8],
        to: Option<&[u8]>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Row>, Error> {
        self.reader().scan(kind, from, to, direction, limit)
    }
}

pub(super) fn other_key(kind: u8, key: &[u8]) -> Vec<u8> {
    assert!(
        Metrics::OTHER_KINDS.contains(&kind),
        "the kind {kind} is of the metrics themselves"
    );
    [&[kind], key].concat()
}
