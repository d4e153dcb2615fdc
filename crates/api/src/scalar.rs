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
        serializer.serialize_f64(self.0 as f64 / 1000.0)
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
