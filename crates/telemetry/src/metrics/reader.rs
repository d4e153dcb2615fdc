//! Reads of metrics: which series there are, and their values over time.

use std::ops::RangeInclusive;
use std::sync::Arc;

use stepwell_store::{Direction, Error, Snapshot};

use super::rows::{self, NameRow};
use super::store::other_key;
use super::{Distribution, Metric, Unit};

/// Names that one scan reads.
const PAGE: usize = 1_000;

/// What is committed; never changes.
pub struct MetricsReader {
    pub(super) snapshot: Arc<dyn Snapshot>,
}

/// Names in the order of their keys.
pub(super) struct Names {
    pub(super) rows: Vec<(Vec<u8>, NameRow)>,
    /// Where to go on; `None` at the end.
    pub(super) next: Option<Vec<u8>>,
}

/// Where a range has rows at all: it may be as wide as the caller likes.
struct Kept {
    days: Option<RangeInclusive<u32>>,
    hours: Option<RangeInclusive<u32>>,
}

/// Key and value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Values of one span of time.
pub type Bucket = (i64, Distribution);

impl MetricsReader {
    pub(super) fn new(snapshot: Arc<dyn Snapshot>) -> MetricsReader {
        MetricsReader { snapshot }
    }

    /// The snapshot behind it, for backups.
    pub fn snapshot(&self) -> Arc<dyn Snapshot> {
        Arc::clone(&self.snapshot)
    }

    /// The series of a metric: one for each unit that its values came with.
    ///
    /// - `unit`: only this one.
    pub fn series(&self, metric: &Metric, unit: Option<Unit>) -> Result<Vec<(u32, Unit)>, Error> {
        let prefix = rows::metric_prefix(metric);
        let found = self.snapshot.scan(
            &prefix,
            &rows::after(&prefix),
            Direction::Ascending,
            usize::MAX,
        )?;
        let mut series = Vec::new();
        for (key, value) in found {
            let row = rows::decode_name(&key, &value)?;
            if unit.is_none_or(|unit| unit == row.unit) {
                series.push((row.series, row.unit));
            }
        }
        Ok(series)
    }

    /// Names from a key on, at most [`PAGE`] of them.
    pub(super) fn names(&self, from: &[u8], to: &[u8]) -> Result<Names, Error> {
        let found = self.snapshot.scan(from, to, Direction::Ascending, PAGE)?;
        let next = match found.last() {
            Some((key, _)) if found.len() == PAGE => Some([key.as_slice(), &[0]].concat()),
            _ => None,
        };
        let mut rows = Vec::with_capacity(found.len());
        for (key, value) in found {
            let row = rows::decode_name(&key, &value)?;
            rows.push((key, row));
        }
        Ok(Names { rows, next })
    }

    /// Values of series put together, in spans of `period_s` seconds from `start_s` on, in order of time; spans without
    /// a value are not there.
    ///
    /// - `start_s`, `end_s`: seconds since 1970; `end_s` is not part of it.
    /// - Where values are only kept coarser than the period asks, there are none. AWS: the same.
    /// - A period below a minute reads what is kept by the second.
    pub fn buckets(
        &self,
        series: &[u32],
        start_s: i64,
        end_s: i64,
        period_s: u32,
    ) -> Result<Vec<Bucket>, Error> {
        let mut buckets: Vec<Bucket> = Vec::new();
        let second_of = |at_s: i64| at_s.clamp(0, i64::from(u32::MAX)) as u32;
        let (from, to) = (second_of(start_s), second_of(end_s));
        if from >= to {
            return Ok(buckets);
        }
        let (first, last) = (from / 3_600, (to - 1) / 3_600);
        let is_of_minutes = period_s.is_multiple_of(60);
        let kept = match is_of_minutes {
            true => Kept {
                days: self.days_of_chunks(first / 24, last / 24)?,
                hours: self.hours_of_minutes(first, last)?,
            },
            false => Kept {
                days: None,
                hours: self.hours_of_seconds(first, last)?,
            },
        };
        for series in series {
            let mut add = |second: u32, values: &Distribution| {
                if second < from || second >= to {
                    return;
                }
                let number = (i64::from(second) - start_s) / i64::from(period_s);
                let at = start_s + number * i64::from(period_s);
                match buckets.last_mut() {
                    Some((last, kept)) if *last == at => kept.merge(values),
                    _ => buckets.push((at, values.clone())),
                }
            };
            match is_of_minutes {
                true => self.each_minute(*series, (first, last), &kept, period_s, &mut add)?,
                false => self.each_second(*series, &kept, &mut add)?,
            }
        }
        // Points come by day and kind of row, not by time alone.
        buckets.sort_by_key(|(at, _)| *at);
        buckets.dedup_by(|(at, values), (kept_at, kept)| {
            let is_same = at == kept_at;
            if is_same {
                kept.merge(values);
            }
            is_same
        });
        Ok(buckets)
    }

    /// - `first_hour`, `last_hour`: of the range that is asked for.
    fn each_minute(
        &self,
        series: u32,
        (first_hour, last_hour): (u32, u32),
        kept: &Kept,
        period_s: u32,
        add: &mut impl FnMut(u32, &Distribution),
    ) -> Result<(), Error> {
        for day in kept.days.clone().into_iter().flatten() {
            let from_key = rows::chunk_key(series, first_hour.max(day * 24));
            let to_key = rows::chunk_key(series, last_hour.min(day * 24 + 23));
            let to_key = rows::after(&to_key);
            let found = self
                .snapshot
                .scan(&from_key, &to_key, Direction::Ascending, 24)?;
            for (key, value) in found {
                let (resolution_s, points) = rows::decode_chunk(&key, &value)?;
                if period_s.is_multiple_of(resolution_s) {
                    points
                        .iter()
                        .for_each(|(second, values)| add(*second, values));
                }
            }
        }
        for hour in kept.hours.clone().into_iter().flatten() {
            let prefix = rows::minutes_prefix(hour, series);
            let end = rows::after(&prefix);
            for (key, value) in self
                .snapshot
                .scan(&prefix, &end, Direction::Ascending, 60)?
            {
                let (_, _, minute) = rows::minute_of(&key).ok_or_else(|| rows::corrupt(&key))?;
                add(minute * 60, &rows::decode_point(&key, &value)?);
            }
        }
        Ok(())
    }

    fn each_second(
        &self,
        series: u32,
        kept: &Kept,
        add: &mut impl FnMut(u32, &Distribution),
    ) -> Result<(), Error> {
        for hour in kept.hours.clone().into_iter().flatten() {
            let prefix = rows::seconds_prefix(hour, series);
            let end = rows::after(&prefix);
            for (key, value) in self
                .snapshot
                .scan(&prefix, &end, Direction::Ascending, 3_600)?
            {
                let second = rows::second_of(&key).ok_or_else(|| rows::corrupt(&key))?;
                add(second, &rows::decode_point(&key, &value)?);
            }
        }
        Ok(())
    }

    /// Days that have chunks, from the first to the last.
    fn days_of_chunks(&self, first: u32, last: u32) -> Result<Option<RangeInclusive<u32>>, Error> {
        let (from, to) = (rows::chunks_before(first), rows::chunks_before(last + 1));
        self.ends(&from, &to, rows::day_of_chunk)
    }

    /// Hours that have minutes which are in no chunk yet.
    fn hours_of_minutes(
        &self,
        first: u32,
        last: u32,
    ) -> Result<Option<RangeInclusive<u32>>, Error> {
        let (from, to) = (rows::minutes_before(first), rows::minutes_before(last + 1));
        self.ends(&from, &to, |key| {
            rows::minute_of(key).map(|(hour, _, _)| hour)
        })
    }

    fn hours_of_seconds(
        &self,
        first: u32,
        last: u32,
    ) -> Result<Option<RangeInclusive<u32>>, Error> {
        let (from, to) = (rows::seconds_before(first), rows::seconds_before(last + 1));
        self.ends(&from, &to, |key| {
            rows::second_of(key).map(|second| second / 3_600)
        })
    }

    /// The times of the first and the last row of a range of keys.
    fn ends(
        &self,
        from: &[u8],
        to: &[u8],
        time_of: impl Fn(&[u8]) -> Option<u32>,
    ) -> Result<Option<RangeInclusive<u32>>, Error> {
        let end = |direction| -> Result<Option<u32>, Error> {
            let found = self.snapshot.scan(from, to, direction, 1)?;
            let time = found
                .first()
                .map(|(key, _)| time_of(key).ok_or_else(|| rows::corrupt(key)));
            time.transpose()
        };
        let Some(first) = end(Direction::Ascending)? else {
            return Ok(None);
        };
        Ok(end(Direction::Descending)?.map(|last| first..=last))
    }

    /// Rows of alarms and their like: see [`super::Metrics::scan`].
    pub fn scan(
        &self,
        kind: u8,
        from: &[u8],
        to: Option<&[u8]>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Row>, Error> {
        let to = match to {
            Some(to) => other_key(kind, to),
            None => vec![kind + 1],
        };
        let found = self
            .snapshot
            .scan(&other_key(kind, from), &to, direction, limit)?;
        let found = found.into_iter();
        Ok(found
            .map(|(key, value)| (key[1..].to_vec(), value.to_vec()))
            .collect())
    }

    /// A row of another kind.
    pub fn get(&self, kind: u8, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let value = self.snapshot.get(&other_key(kind, key))?;
        Ok(value.map(|value| value.to_vec()))
    }
}
