//! Scalars of the wire that JSON has no type for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant, kept in milliseconds since 1970 (UTC); on the wire a JSON number of seconds with at
/// most three fraction digits.
///
/// ```
/// use stepwell_api::EpochSeconds;
/// let json = |ms| serde_json::to_string(&EpochSeconds::from_ms(ms)).expect("a number");
/// assert_eq!(json(1_700_000_000_123), "1700000000.123");
/// assert_eq!(json(1_700_000_000_000), "1700000000.0");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EpochSeconds(i64);

impl EpochSeconds {
    /// What serializers are told: CBOR and XML write an instant in ways of their own.
    pub(crate) const NAME: &'static str = "EpochSeconds";

    /// The instant `ms` milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn ms(self) -> i64 {
        self.0
    }
}

impl Serialize for EpochSeconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The shortest decimal that reads back as this double has at most three fraction digits
        // for every instant before the year 287,396.
        serializer.serialize_newtype_struct(EpochSeconds::NAME, &(self.0 as f64 / 1000.0))
    }
}

impl<'de> Deserialize<'de> for EpochSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        Ok(Self((seconds * 1000.0).round() as i64))
    }
}

/// An instant, kept in milliseconds since 1970 (UTC); on the wire ISO 8601 with whole seconds, as the services
/// write it that speak the query protocol.
///
/// ```
/// use stepwell_api::DateTime;
/// assert_eq!(DateTime::from_ms(1_700_000_000_123).to_string(), "2023-11-14T22:13:20Z");
/// assert_eq!(DateTime::from_ms(-1).to_string(), "1969-12-31T23:59:59Z");
/// assert_eq!(DateTime::from_ms(951_782_400_000).to_string(), "2000-02-29T00:00:00Z");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime(i64);

impl DateTime {
    /// The instant `ms` milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// Reads ISO 8601 as clients write it: `2026-01-31`, `2026-01-31T10:00Z`, `2026-01-31T10:00:00.123+01:00`.
    ///
    /// - Without an offset it is UTC. Fractions of a millisecond are dropped.
    ///
    /// ```
    /// use stepwell_api::DateTime;
    /// let ms = |text| DateTime::parse(text).map(DateTime::ms);
    /// assert_eq!(ms("2023-11-14T22:13:20.123Z"), Some(1_700_000_000_123));
    /// assert_eq!(ms("2023-11-14T23:13:20+01:00"), Some(1_700_000_000_000));
    /// assert_eq!(ms("20231114T221320Z"), Some(1_700_000_000_000));
    /// assert_eq!(ms("2000-02-29"), Some(951_782_400_000));
    /// assert_eq!(ms("2001-02-29"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = match text.split_once(['T', 't', ' ']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let (year, month, day) = triple(date, '-', 4)?;
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 => 28 + i64::from(is_leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        if !(1..=days).contains(&day) {
            return None;
        }
        // Days since 1970, of years that begin in March.
        let from_march = (month + 9) % 12;
        let year = year - i64::from(month <= 2);
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * from_march + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let midnight_ms = (era * 146_097 + day_of_era - 719_468) * 86_400_000;
        let time_ms = time.map_or(Some(0), time_of_day_ms)?;
        Some(Self(midnight_ms + time_ms))
    }

    /// Year, month, day, hour and minute (UTC).
    pub fn minute(self) -> (i64, i64, i64, i64, i64) {
        let minutes = self.0.div_euclid(60_000);
        let (days, minute_of_day) = (minutes.div_euclid(1_440), minutes.rem_euclid(1_440));
        // Days since 0000-03-01, in eras of 400 years: a leap day is then the last of its year.
        let days = days + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        (year, month, day, minute_of_day / 60, minute_of_day % 60)
    }
}

/// Three numbers, with or without marks between them; the first has `digits` digits, the others two.
fn triple(text: &str, mark: char, digits: usize) -> Option<(i64, i64, i64)> {
    let plain: String = text.chars().filter(|c| *c != mark).collect();
    let marks = text.len() - plain.len();
    let is_number = plain.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || plain.len() != digits + 4 || !matches!(marks, 0 | 2) {
        return None;
    }
    let number = |from: usize, to: usize| plain.get(from..to)?.parse().ok();
    let parts = (
        number(0, digits)?,
        number(digits, digits + 2)?,
        number(digits + 2, digits + 4)?,
    );
    Some(parts)
}

/// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.fff`, then nothing, `Z` or an offset.
fn time_of_day_ms(text: &str) -> Option<i64> {
    let sign_at = text.find(['Z', 'z', '+', '-']).unwrap_or(text.len());
    let (clock, offset) = text.split_at(sign_at);
    let (clock, fraction) = clock.split_once(['.', ',']).unwrap_or((clock, ""));
    let seconds = seconds_of(clock)?;
    if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction_ms: i64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    let offset_s = match offset {
        "" | "Z" | "z" => 0,
        _ => {
            let size = seconds_of(&offset[1..])?;
            if offset.starts_with('-') { -size } else { size }
        }
    };
    Some((seconds - offset_s) * 1000 + fraction_ms)
}

fn seconds_of(clock: &str) -> Option<i64> {
    let plain = clock.replace(':', "");
    let full = format!("{plain:0<6}");
    if !plain.len().is_multiple_of(2) || plain.is_empty() {
        return None;
    }
    let (hours, minutes, seconds) = triple(&full, ':', 2)?;
    // A leap second is the last one of its minute.
    let is_time = hours <= 23 && minutes <= 59 && seconds <= 60;
    is_time.then_some(hours * 3_600 + minutes * 60 + seconds.min(59))
}

impl std::fmt::Display for DateTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day, hour, minute) = self.minute();
        let second = self.0.div_euclid(1_000).rem_euclid(60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DateTime {
    /// AWS: no request of these services carries an instant, so nothing here needs to read one.
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("an instant is only ever written"))
    }
}

/// Bytes; on the wire standard base64 with padding.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Blob(pub Vec<u8>);

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD
            .decode(text)
            .map(Self)
            .map_err(|error| serde::de::Error::custom(format!("not base64: {error}")))
    }
}
