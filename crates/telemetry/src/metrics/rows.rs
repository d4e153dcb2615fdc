//! Rows of the store of metrics. Kinds and versions are persisted: never change, never reuse.
//!
//! Times in keys are hours and days since 1970, so that rows of one time lie together: what is old goes from the front.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use stepwell_store::Error;

use super::distribution::Bins;
use super::sample::SUM_MAX;
use super::{Distribution, Metric, Unit};
use crate::encoding::{put_varint, take_varint, unzigzag, zigzag};
use crate::rows::versioned;
pub(super) use crate::rows::{after, corrupt};

/// The first byte of a key. 20 to 39 belong to alarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// What the store holds in all.
    Counters = 1,
    /// A series: its number under its namespace, name, dimensions and unit.
    Name = 2,
    /// A minute of a series that is not yet in a chunk: hour, series, minute of the hour.
    Minute = 3,
    /// A second of a series of high resolution: hour, series, second of the hour.
    Second = 4,
    /// An hour of a series: day, series, hour of the day.
    Chunk = 5,
    /// A dashboard: name.
    Dashboard = 10,
    /// Tags: ARN.
    Tags = 11,
}

/// The first byte of a value.
pub(super) const VERSION: u8 = 1;

/// Bytes of a namespace or a name that are in a key as they are.
const PART_BYTES_MAX: usize = 400;

/// What the store holds in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counters {
    pub(super) next_series: u32,
    pub(super) series: u64,
    /// Of keys and values of names, minutes, seconds and chunks.
    pub(super) bytes: u64,
}

/// A series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NameRow {
    pub(super) series: u32,
    /// The hour in which its last value came.
    pub(super) last_hour: u32,
    pub(super) unit: Unit,
    pub(super) metric: Metric,
}

/// A point of a chunk: seconds since 1970.
pub(super) type Point = (u32, Distribution);

pub(super) fn counters_key() -> Vec<u8> {
    vec![Kind::Counters as u8]
}

/// The first key of a kind; that of the next kind ends it.
pub(super) fn start(kind: Kind) -> Vec<u8> {
    vec![kind as u8]
}

pub(super) fn end(kind: Kind) -> Vec<u8> {
    vec![kind as u8 + 1]
}

fn part(key: &mut Vec<u8>, text: &str) {
    match text.len() {
        0..=PART_BYTES_MAX => key.extend_from_slice(text.as_bytes()),
        _ => {
            key.extend_from_slice(&text.as_bytes()[..PART_BYTES_MAX]);
            key.extend_from_slice(&Sha256::digest(text)[..16]);
        }
    }
    key.push(0);
}

/// Names of a namespace; of everything where there is none.
pub(super) fn namespace_prefix(namespace: Option<&str>) -> Vec<u8> {
    let mut key = start(Kind::Name);
    if let Some(namespace) = namespace {
        part(&mut key, namespace);
    }
    key
}

/// Series of a name in a namespace.
pub(super) fn name_prefix(namespace: &str, name: &str) -> Vec<u8> {
    let mut key = namespace_prefix(Some(namespace));
    part(&mut key, name);
    key
}

/// Series of a metric, one a unit.
pub(super) fn metric_prefix(metric: &Metric) -> Vec<u8> {
    let mut key = name_prefix(metric.namespace(), metric.name());
    let mut hash = Sha256::new();
    for (name, value) in metric.dimensions() {
        for text in [name, value] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
    }
    key.extend_from_slice(&hash.finalize()[..16]);
    key
}

pub(super) fn name_key(metric: &Metric, unit: Unit) -> Vec<u8> {
    let mut key = metric_prefix(metric);
    key.push(unit.number());
    key
}

fn timed(kind: Kind, time: &[u8], series: u32, rest: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(12);
    key.push(kind as u8);
    key.extend_from_slice(time);
    key.extend_from_slice(&series.to_be_bytes());
    key.extend_from_slice(rest);
    key
}

/// - `minute`: since 1970.
pub(super) fn minute_key(series: u32, minute: u32) -> Vec<u8> {
    timed(
        Kind::Minute,
        &(minute / 60).to_be_bytes(),
        series,
        &[(minute % 60) as u8],
    )
}

pub(super) fn minutes_prefix(hour: u32, series: u32) -> Vec<u8> {
    timed(Kind::Minute, &hour.to_be_bytes(), series, &[])
}

pub(super) fn minutes_before(hour: u32) -> Vec<u8> {
    let mut key = start(Kind::Minute);
    key.extend_from_slice(&hour.to_be_bytes());
    key
}

/// Hour, series and minute since 1970 of a key.
pub(super) fn minute_of(key: &[u8]) -> Option<(u32, u32, u32)> {
    let (hour, series, rest) = hour_and_series(key)?;
    let minute = *rest.first()?;
    Some((hour, series, hour * 60 + u32::from(minute)))
}

/// - `second`: since 1970.
pub(super) fn second_key(series: u32, second: u32) -> Vec<u8> {
    timed(
        Kind::Second,
        &(second / 3_600).to_be_bytes(),
        series,
        &((second % 3_600) as u16).to_be_bytes(),
    )
}

pub(super) fn seconds_prefix(hour: u32, series: u32) -> Vec<u8> {
    timed(Kind::Second, &hour.to_be_bytes(), series, &[])
}

pub(super) fn seconds_before(hour: u32) -> Vec<u8> {
    let mut key = start(Kind::Second);
    key.extend_from_slice(&hour.to_be_bytes());
    key
}

/// Second since 1970 of a key.
pub(super) fn second_of(key: &[u8]) -> Option<u32> {
    let (hour, _, rest) = hour_and_series(key)?;
    let second: [u8; 2] = rest.try_into().ok()?;
    Some(hour * 3_600 + u32::from(u16::from_be_bytes(second)))
}

fn hour_and_series(key: &[u8]) -> Option<(u32, u32, &[u8])> {
    let hour: [u8; 4] = key.get(1..5)?.try_into().ok()?;
    let series: [u8; 4] = key.get(5..9)?.try_into().ok()?;
    let hour = u32::from_be_bytes(hour);
    // No later hour has a second that fits.
    (hour < u32::MAX / 3_600).then_some((hour, u32::from_be_bytes(series), &key[9..]))
}

pub(super) fn chunk_key(series: u32, hour: u32) -> Vec<u8> {
    let day = (hour / 24) as u16;
    timed(
        Kind::Chunk,
        &day.to_be_bytes(),
        series,
        &[(hour % 24) as u8],
    )
}

pub(super) fn chunks_before(day: u32) -> Vec<u8> {
    let mut key = start(Kind::Chunk);
    key.extend_from_slice(&(day as u16).to_be_bytes());
    key
}

/// Day since 1970 of a key.
pub(super) fn day_of_chunk(key: &[u8]) -> Option<u32> {
    let day: [u8; 2] = key.get(1..3)?.try_into().ok()?;
    Some(u16::from_be_bytes(day).into())
}

pub(super) fn encode_counters(counters: &Counters) -> Vec<u8> {
    let text = postcard::to_allocvec(counters).expect("counters are plain numbers");
    [&[VERSION], text.as_slice()].concat()
}

pub(super) fn decode_counters(key: &[u8], value: &[u8]) -> Result<Counters, Error> {
    let body = body(key, value)?;
    postcard::from_bytes(body).map_err(|_| corrupt(key))
}

pub(super) fn encode_name(row: &NameRow) -> Vec<u8> {
    let metric = &row.metric;
    let parts = (
        row.series,
        row.last_hour,
        row.unit.number(),
        metric.namespace(),
        metric.name(),
        metric.dimensions(),
    );
    let text = postcard::to_allocvec(&parts).expect("a name is texts and numbers");
    [&[VERSION], text.as_slice()].concat()
}

pub(super) fn decode_name(key: &[u8], value: &[u8]) -> Result<NameRow, Error> {
    type Parts = (u32, u32, u8, String, String, Vec<(String, String)>);
    let body = body(key, value)?;
    let read = || {
        let parts: Parts = postcard::from_bytes(body).ok()?;
        let (series, last_hour, unit, namespace, name, dimensions) = parts;
        Some(NameRow {
            series,
            last_hour,
            unit: Unit::of_number(unit)?,
            metric: Metric::new(namespace, name, dimensions),
        })
    };
    read().ok_or_else(|| corrupt(key))
}

pub(super) fn encode_point(distribution: &Distribution) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    put_distribution(&mut bytes, distribution);
    bytes
}

pub(super) fn decode_point(key: &[u8], value: &[u8]) -> Result<Distribution, Error> {
    let mut rest = body(key, value)?;
    let mut read = || {
        let distribution = take_distribution(&mut rest)?;
        rest.is_empty().then_some(distribution)
    };
    read().ok_or_else(|| corrupt(key))
}

/// - `resolution_s`: of the points, which are in order of time.
pub(super) fn encode_chunk(resolution_s: u32, hour: u32, points: &[Point]) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    put_varint(&mut bytes, resolution_s.into());
    for (second, distribution) in points {
        put_varint(
            &mut bytes,
            u64::from(second.saturating_sub(hour * 3_600) / resolution_s),
        );
        put_distribution(&mut bytes, distribution);
    }
    bytes
}

/// The resolution and the points of a chunk.
pub(super) fn decode_chunk(key: &[u8], value: &[u8]) -> Result<(u32, Vec<Point>), Error> {
    let mut rest = body(key, value)?;
    let mut read = || {
        let hour = day_of_chunk(key)? * 24 + u32::from(*key.get(7)?);
        let resolution_s = u32::try_from(take_varint(&mut rest)?).ok()?;
        if !matches!(resolution_s, 60 | 300 | 3_600) {
            return None;
        }
        let mut points = Vec::new();
        while !rest.is_empty() {
            let number = u32::try_from(take_varint(&mut rest)?).ok()?;
            if number >= 3_600 / resolution_s {
                return None;
            }
            let second = (hour * 3_600).checked_add(number * resolution_s)?;
            points.push((second, take_distribution(&mut rest)?));
        }
        Some((resolution_s, points))
    };
    read().ok_or_else(|| corrupt(key))
}

/// What follows the version of a value.
pub(super) fn body<'v>(key: &[u8], value: &'v [u8]) -> Result<&'v [u8], Error> {
    let (_, body) = versioned("the store of metrics", key, value, VERSION)?;
    Ok(body)
}

/// All values are equal and the sum is theirs.
const SAME: u8 = 0;
/// All values are equal; the sum follows.
const SAME_WITH_SUM: u8 = 1;
/// Sum, count, minimum and maximum.
const UNKNOWN: u8 = 2;
/// The same, then bins.
const MANY: u8 = 3;

fn put_distribution(bytes: &mut Vec<u8>, distribution: &Distribution) {
    let Distribution {
        sum,
        count,
        min,
        bins,
        ..
    } = distribution;
    match bins {
        Bins::Same => {
            let has_sum = *sum != min * count;
            bytes.push(if has_sum { SAME_WITH_SUM } else { SAME });
            put_number(bytes, *min);
            put_number(bytes, *count);
            if has_sum {
                put_number(bytes, *sum);
            }
        }
        Bins::Unknown => {
            bytes.push(UNKNOWN);
            put_statistics(bytes, distribution);
        }
        Bins::Many { bits, bins } => {
            bytes.push(MANY);
            put_statistics(bytes, distribution);
            bytes.push(*bits);
            put_varint(bytes, bins.len() as u64);
            let dropped = 52 - u32::from(*bits);
            let mut last = 0;
            for (value, count) in bins {
                match dropped {
                    0 => put_number(bytes, *value),
                    _ => {
                        let kept = (value.to_bits() >> dropped) as i64;
                        put_varint(bytes, zigzag(kept - last));
                        last = kept;
                    }
                }
                put_number(bytes, *count);
            }
        }
    }
}

fn put_statistics(bytes: &mut Vec<u8>, distribution: &Distribution) {
    put_number(bytes, distribution.sum);
    put_number(bytes, distribution.count);
    put_number(bytes, distribution.min);
    put_number(bytes, distribution.max);
}

fn take_distribution(rest: &mut &[u8]) -> Option<Distribution> {
    let kind = take_byte(rest)?;
    if matches!(kind, SAME | SAME_WITH_SUM) {
        let (min, count) = (take_bounded(rest)?, take_finite(rest)?);
        let sum = match kind {
            SAME => bounded(min * count),
            _ => take_bounded(rest)?,
        };
        return Some(Distribution {
            sum,
            count,
            min,
            max: min,
            bins: Bins::Same,
        });
    }
    let (sum, count) = (take_bounded(rest)?, take_finite(rest)?);
    let (min, max) = (take_bounded(rest)?, take_bounded(rest)?);
    let bins = match kind {
        UNKNOWN => Bins::Unknown,
        MANY => take_bins(rest)?,
        _ => return None,
    };
    Some(Distribution {
        sum,
        count,
        min,
        max,
        bins,
    })
}

fn take_bins(rest: &mut &[u8]) -> Option<Bins> {
    let bits = take_byte(rest).filter(|bits| *bits <= 52)?;
    let length = usize::try_from(take_varint(rest)?).ok()?;
    // A bin takes two bytes at least.
    if length > rest.len() / 2 {
        return None;
    }
    let dropped = 52 - u32::from(bits);
    let mut last = 0i64;
    let mut bins = Vec::with_capacity(length);
    for _ in 0..length {
        let value = match dropped {
            0 => take_bounded(rest)?,
            _ => {
                last = last.checked_add(unzigzag(take_varint(rest)?))?;
                bounded(f64::from_bits((last as u64) << dropped))
            }
        };
        bins.push((value, take_finite(rest)?));
    }
    Some(Bins::Many { bits, bins })
}

/// A whole number takes as many bytes as it needs, any other a mark and eight.
fn put_number(bytes: &mut Vec<u8>, number: f64) {
    const WHOLE_MAX: f64 = (1u64 << 48) as f64;
    let is_whole = number.fract() == 0.0 && number.abs() < WHOLE_MAX;
    if is_whole {
        put_varint(bytes, zigzag(number as i64) << 1);
    } else {
        bytes.push(1);
        bytes.extend_from_slice(&number.to_le_bytes());
    }
}

fn take_number(rest: &mut &[u8]) -> Option<f64> {
    if rest.first() == Some(&1) {
        let number: [u8; 8] = rest.get(1..9)?.try_into().ok()?;
        *rest = &rest[9..];
        return Some(f64::from_le_bytes(number));
    }
    let number = take_varint(rest)?;
    (number & 1 == 0).then(|| unzigzag(number >> 1) as f64)
}

fn take_finite(rest: &mut &[u8]) -> Option<f64> {
    take_number(rest).filter(|number| number.is_finite())
}

/// Versions before 0.2 wrote values of any size, and sums that had become infinite.
fn take_bounded(rest: &mut &[u8]) -> Option<f64> {
    take_number(rest).map(bounded)
}

/// What is no number was a sum of both infinities: nothing is known of it.
fn bounded(number: f64) -> f64 {
    match number.is_nan() {
        true => 0.0,
        false => number.clamp(-SUM_MAX, SUM_MAX),
    }
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (byte, after) = rest.split_first()?;
    *rest = after;
    Some(*byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(values: impl IntoIterator<Item = f64>) -> Distribution {
        let mut distribution = Distribution::default();
        values
            .into_iter()
            .for_each(|value| distribution.add(value, 1.0));
        distribution
    }

    #[test]
    fn a_point_is_read_as_it_was_written() {
        for distribution in [
            Distribution::of(1.0),
            Distribution::of(-0.25),
            Distribution::of_statistics(7.0, 3.0, 2.0, 2.0),
            Distribution::of_statistics(7.5, 3.0, 2.0, 3.5),
            many([1.0, 2.0, -7.125, 1e200]),
            many((0..5_000).map(|i| f64::from(i) * 0.37 - 300.0)),
        ] {
            let bytes = encode_point(&distribution);
            let read = decode_point(b"k", &bytes).expect("it reads back");
            assert_eq!(read, distribution);
            for cut in 0..bytes.len() {
                assert!(decode_point(b"k", &bytes[..cut]).is_err());
            }
        }
    }

    #[test]
    fn sums_that_had_become_infinite_are_read_as_bounded_ones() {
        let sum_of = |distribution: &Distribution| {
            let read = decode_point(b"k", &encode_point(distribution)).expect("it reads");
            let later = decode_point(b"k", &encode_point(&read)).expect("it reads");
            assert_eq!(later, read);
            assert!(read.min.is_finite() && read.max.is_finite());
            let bins = read.bins().unwrap_or_default();
            assert!(bins.iter().all(|(value, _)| value.is_finite()), "{bins:?}");
            read.sum
        };
        let huge = many([1.7e308, 1.7e308]);
        assert_eq!(sum_of(&huge), SUM_MAX);
        assert_eq!(sum_of(&many([-1.7e308, -1.7e308, 1.0])), -SUM_MAX);
        let mut neither = many([1.7e308, 1.7e308, 1.0]);
        neither.merge(&many([-1.7e308, -1.7e308]));
        assert!(neither.sum.is_nan());
        assert_eq!(sum_of(&neither), 0.0);
        let one = Distribution::of_statistics(f64::INFINITY, 2.0, 1.0, 2.0);
        assert_eq!(sum_of(&one), SUM_MAX);
        // Rounded up to a value that is none.
        let mut rounded = many((0..1_000).map(|i| f64::MAX / f64::from(i + 1)));
        rounded.sum = 0.0;
        sum_of(&rounded);
    }

    #[test]
    fn rows_of_a_newer_version_say_so() {
        let key = chunk_key(7, 25);
        for newer in [
            decode_counters(&key, &[2, 0]).err(),
            decode_name(&key, &[2, 0]).err(),
            decode_point(&key, &[2, 0]).err(),
            decode_chunk(&key, &[2, 0]).err(),
        ] {
            let is_newer = matches!(newer, Some(Error::NewerFormat { found: 2, .. }));
            assert!(is_newer, "{newer:?}");
        }
    }

    #[test]
    fn rows_keep_their_bytes() {
        // What is written here is on disks: these bytes never change.
        assert_eq!(encode_point(&Distribution::of(1.0)), [1, 0, 4, 4]);
        let metric = Metric::known("A", "b", &[("c", "d")]);
        let row = NameRow {
            series: 7,
            last_hour: 500_000,
            unit: Unit::Count,
            metric: metric.clone(),
        };
        let bytes = encode_name(&row);
        assert_eq!(
            bytes,
            [
                1, 7, 0xa0, 0xc2, 0x1e, 15, 1, b'A', 1, b'b', 1, 1, b'c', 1, b'd'
            ]
        );
        assert_eq!(decode_name(b"k", &bytes).expect("it reads back"), row);
        assert_eq!(&name_key(&metric, Unit::Count)[..5], b"\x02A\0b\0");
        assert_eq!(minute_key(7, 61), [3, 0, 0, 0, 1, 0, 0, 0, 7, 1]);
        assert_eq!(second_key(7, 3_601), [4, 0, 0, 0, 1, 0, 0, 0, 7, 0, 1]);
        assert_eq!(chunk_key(7, 25), [5, 0, 1, 0, 0, 0, 7, 1]);
        let points = vec![(25 * 3_600 + 60, Distribution::of(2.0))];
        let chunk = encode_chunk(60, 25, &points);
        assert_eq!(chunk, [1, 60, 1, 0, 8, 4]);
        let read = decode_chunk(&chunk_key(7, 25), &chunk).expect("it reads back");
        assert_eq!(read, (60, points));
    }
}
