//! What becomes of metrics with age.
//!
//! Minutes whose hour is over become a chunk; chunks become coarser and go at last. All of that goes on in small steps,
//! see [`Metrics::maintain`].

use stepwell_store::Error;

use super::reader::Row;
use super::rows::{self, Kind, Point};
use super::store::{Metrics, hash_of, second_of};

/// How long each resolution is kept. AWS: the same.
pub(super) const SECONDS_KEPT_S: u32 = 3 * 3_600;
pub(super) const MINUTES_KEPT_S: u32 = 15 * 86_400;
pub(super) const FIVE_MINUTES_KEPT_S: u32 = 63 * 86_400;
pub(super) const HOURS_KEPT_S: u32 = 455 * 86_400;

/// An hour becomes chunks this long after its end: most of what comes late has come.
const CHUNK_AFTER_S: u32 = 600;

/// Rows that one step of the maintenance looks at.
const STEP_ROWS: usize = 4_000;

/// Bytes that one step reads.
const STEP_BYTES: usize = 8 << 20;

/// The store gives up its oldest rows from this part of its bound on.
const FULL_PERCENT: u64 = 90;

/// Where the walks over chunks stand; from the front again after a start.
#[derive(Debug, Default)]
pub(super) struct Walks {
    five_minutes: Vec<u8>,
    hours: Vec<u8>,
    names: Option<Vec<u8>>,
    names_day: u32,
}

impl Metrics {
    /// One step of what must go on beside the writing, committed. Gives whether there is more to do now.
    ///
    /// - Minutes of hours that are over become chunks; chunks become coarser with age; what is over its time goes. Where
    ///   the store is nearly full, seconds go first, then the oldest chunks.
    /// - To be called after a [`Metrics::commit`]: everything added is committed.
    pub fn maintain(&mut self, now_ms: i64) -> Result<bool, Error> {
        let now_s = second_of(now_ms);
        let goes_on = self.gather_minutes(now_s)?
            || self.drop_seconds(now_s)?
            || self.coarsen(now_s, Age::FiveMinutes)?
            || self.coarsen(now_s, Age::Hours)?
            || self.drop_chunks(now_s.saturating_sub(HOURS_KEPT_S) / 86_400)?
            || self.give_up_oldest(now_s)?
            || self.forget_names(now_s)?;
        self.commit_batch()?;
        Ok(goes_on)
    }

    fn page(&self, from: &[u8], to: &[u8]) -> Result<Vec<Row>, Error> {
        let page = self.snapshot.page(from, to, STEP_ROWS, STEP_BYTES)?;
        Ok(page
            .into_iter()
            .map(|(key, value)| (key, value.to_vec()))
            .collect())
    }

    /// Minutes of hours that are over become chunks.
    fn gather_minutes(&mut self, now_s: u32) -> Result<bool, Error> {
        let until = now_s.saturating_sub(CHUNK_AFTER_S) / 3_600;
        let page = self.page(&rows::start(Kind::Minute), &rows::minutes_before(until))?;
        let mut groups: Vec<((u32, u32), Vec<Point>)> = Vec::new();
        for (key, value) in &page {
            let (hour, series, minute) = rows::minute_of(key).ok_or_else(|| rows::corrupt(key))?;
            let point = (minute * 60, rows::decode_point(key, value)?);
            match groups.last_mut() {
                Some((last, points)) if *last == (hour, series) => points.push(point),
                _ => groups.push(((hour, series), vec![point])),
            }
        }
        for ((hour, series), points) in groups {
            self.add_to_chunk(series, hour, points)?;
        }
        let removed: usize = page
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        self.count_bytes(-(removed as i64));
        // What is still in memory of these hours would be written again, as a whole.
        if !page.is_empty() {
            self.minutes.forget_before(until * 60);
        }
        let goes_on = !page.is_empty();
        page.into_iter().for_each(|(key, _)| self.batch.delete(key));
        Ok(goes_on)
    }

    fn add_to_chunk(&mut self, series: u32, hour: u32, points: Vec<Point>) -> Result<(), Error> {
        let key = rows::chunk_key(series, hour);
        let stored = self.row(&key)?;
        let (resolution_s, mut all) = match &stored {
            Some(value) => rows::decode_chunk(&key, value)?,
            None => (60, Vec::new()),
        };
        all.extend(points);
        let all = merged(all, resolution_s);
        let value = rows::encode_chunk(resolution_s, hour, &all);
        let before = stored.map_or(0, |stored| key.len() + stored.len());
        self.count_bytes((key.len() + value.len()) as i64 - before as i64);
        self.batch.put(key, value);
        Ok(())
    }

    fn drop_seconds(&mut self, now_s: u32) -> Result<bool, Error> {
        let until = now_s.saturating_sub(SECONDS_KEPT_S) / 3_600;
        self.drop_range(&rows::start(Kind::Second), &rows::seconds_before(until))
    }

    fn drop_chunks(&mut self, until_day: u32) -> Result<bool, Error> {
        self.drop_range(&rows::start(Kind::Chunk), &rows::chunks_before(until_day))
    }

    fn drop_range(&mut self, from: &[u8], to: &[u8]) -> Result<bool, Error> {
        let page = self.page(from, to)?;
        let removed: usize = page
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        self.count_bytes(-(removed as i64));
        let goes_on = !page.is_empty();
        page.into_iter().for_each(|(key, _)| self.batch.delete(key));
        Ok(goes_on)
    }

    /// Chunks of days that are older than their resolution is kept get the next one.
    fn coarsen(&mut self, now_s: u32, age: Age) -> Result<bool, Error> {
        let (kept_s, resolution_s) = age.rule();
        let until = rows::chunks_before(now_s.saturating_sub(kept_s) / 86_400);
        let cursor = match age {
            Age::FiveMinutes => &mut self.walks.five_minutes,
            Age::Hours => &mut self.walks.hours,
        };
        let from = std::mem::take(cursor).max(rows::start(Kind::Chunk));
        let page = self.page(&from, &until)?;
        for (key, value) in &page {
            let (finer_s, points) = rows::decode_chunk(key, value)?;
            if finer_s >= resolution_s {
                continue;
            }
            let hour = points.first().map_or(0, |(second, _)| second / 3_600);
            let coarser = rows::encode_chunk(resolution_s, hour, &merged(points, resolution_s));
            self.count_bytes(coarser.len() as i64 - value.len() as i64);
            self.batch.put(key.clone(), coarser);
        }
        let next = match page.last() {
            Some((key, _)) => [key.as_slice(), &[0]].concat(),
            None => from,
        };
        match age {
            Age::FiveMinutes => self.walks.five_minutes = next,
            Age::Hours => self.walks.hours = next,
        }
        Ok(!page.is_empty())
    }

    /// The finest goes first, then the oldest.
    fn give_up_oldest(&mut self, now_s: u32) -> Result<bool, Error> {
        if self.counters.bytes < self.limits.bytes_max / 100 * FULL_PERCENT {
            return Ok(false);
        }
        if self.drop_range(&rows::start(Kind::Second), &rows::end(Kind::Second))? {
            self.seconds.clear();
            return Ok(true);
        }
        if self.drop_chunks(now_s / 86_400 + 2)? {
            return Ok(true);
        }
        let goes_on = self.drop_range(&rows::start(Kind::Minute), &rows::end(Kind::Minute))?;
        self.minutes.clear();
        Ok(goes_on)
    }

    /// Once a day: series that have had no value for as long as anything is kept.
    fn forget_names(&mut self, now_s: u32) -> Result<bool, Error> {
        let today = now_s / 86_400;
        if self.walks.names.is_none() {
            if self.walks.names_day >= today {
                return Ok(false);
            }
            self.walks.names_day = today;
        }
        let from = self
            .walks
            .names
            .take()
            .unwrap_or_else(|| rows::start(Kind::Name));
        let page = self.page(&from, &rows::end(Kind::Name))?;
        let oldest_hour = now_s.saturating_sub(HOURS_KEPT_S) / 3_600;
        for (key, value) in &page {
            let row = rows::decode_name(key, value)?;
            if row.last_hour < oldest_hour {
                self.count_bytes(-((key.len() + value.len()) as i64));
                self.counters.series = self.counters.series.saturating_sub(1);
                self.known.remove(&hash_of(&row.metric, row.unit));
                self.batch.delete(key.clone());
            }
        }
        self.walks.names = page.last().map(|(key, _)| [key.as_slice(), &[0]].concat());
        Ok(self.walks.names.is_some())
    }
}

/// What age makes of a chunk.
#[derive(Debug, Clone, Copy)]
enum Age {
    FiveMinutes,
    Hours,
}

impl Age {
    /// How long the finer one is kept, and the resolution after it.
    fn rule(self) -> (u32, u32) {
        match self {
            Age::FiveMinutes => (MINUTES_KEPT_S + 86_400, 300),
            Age::Hours => (FIVE_MINUTES_KEPT_S + 86_400, 3_600),
        }
    }
}

/// Points in order of time, those of one span put together.
fn merged(mut points: Vec<Point>, resolution_s: u32) -> Vec<Point> {
    for (second, _) in &mut points {
        *second -= *second % resolution_s;
    }
    points.sort_by_key(|(second, _)| *second);
    let mut all: Vec<Point> = Vec::with_capacity(points.len());
    for (second, values) in points {
        match all.last_mut() {
            Some((last, kept)) if *last == second => kept.merge(&values),
            _ => all.push((second, values)),
        }
    }
    all
}
