//! Instants of the language: milliseconds since the Unix epoch, UTC.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};

/// Digits after the decimal point of a second.
const FRACTION_DIGITS_MAX: usize = 9;

/// An instant, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The last instant that can be written.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Timestamp {
        Timestamp(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This instant moved by `duration`; saturates.
    pub fn plus(self, duration: Duration) -> Timestamp {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_add(millis))
    }

    /// Time from `earlier` to this instant; zero if `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// ISO 8601 in UTC with no more digits than the instant has, as the context object writes it.
    ///
    /// - AWS: a fraction of zero is left out (developer guide, "Timestamp format with fractional seconds").
    pub fn shortest(self) -> String {
        match DateTime::from_timestamp_millis(self.0) {
            Some(instant) => instant.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            None => self.to_string(),
        }
    }

    /// The instant as HTTP headers write it, `Thu, 18 Apr 2024 06:27:01 GMT`.
    pub fn http_date(self) -> String {
        DateTime::from_timestamp_millis(self.0)
            .map(|instant| instant.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
            .unwrap_or_default()
    }

    /// Parses an RFC 3339 instant with an upper-case `T` and `Z` or an offset, as the language asks.
    ///
    /// - Returns `None` when the text is not such an instant.
    /// - AWS: fractions beyond milliseconds are cut off here; the wait ends on the millisecond. Java, which reads
    ///   it there, knows no leap seconds and at most nine digits.
    pub fn parse(text: &str) -> Option<Timestamp> {
        let date = text.get(..10)?;
        if text.as_bytes().get(10) != Some(&b'T') || text.contains('z') || !date.is_ascii() {
            return None;
        }
        let fraction = text.split_once('.').map_or("", |(_, rest)| rest);
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let instant = DateTime::parse_from_rfc3339(text).ok()?;
        // A leap second is the second before with more than a thousand milliseconds.
        let is_leap = instant.timestamp_subsec_nanos() >= 1_000_000_000;
        (digits <= FRACTION_DIGITS_MAX && !is_leap).then(|| Timestamp(instant.timestamp_millis()))
    }
}

/// ISO 8601 in UTC with milliseconds, as JSONata's `$now` writes it (`2026-01-31T10:00:00.123Z`).
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp_millis(self.0) {
            Some(instant) => f.write_str(&instant.to_rfc3339_opts(SecondsFormat::Millis, true)),
            None => write!(f, "{}ms", self.0),
        }
    }
}
