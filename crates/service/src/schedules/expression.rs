//! Schedule expressions: `rate(...)`, `cron(...)` and `at(...)`, and when they are due.
//!
//! AWS: "Schedule types on EventBridge Scheduler", with its rules for daylight saving: a local time that does not
//! exist is skipped, one that occurs twice is due once.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use super::cron::Cron;

/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;

/// Largest value of a rate. A bound of ours: 1,900 years of minutes.
const RATE_VALUE_MAX: i64 = 999_999_999;

/// When something is due again and again, or once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    /// Every so many milliseconds.
    Rate(i64),
    /// In local time.
    Cron(Box<Cron>),
    /// Once, in local time.
    At(DateTime),
}

impl Expression {
    /// Reads an expression; `None` where it is none.
    ///
    /// - AWS: `rate(1 minute)` and `rate(5 minutes)`: the unit agrees with the value.
    pub(crate) fn parse(text: &str) -> Option<Expression> {
        let (kind, rest) = text.split_once('(')?;
        let inner = rest.strip_suffix(')')?;
        match kind {
            "rate" => rate(inner).map(Expression::Rate),
            "cron" => Cron::parse(inner).map(|cron| Expression::Cron(Box::new(cron))),
            "at" => instant(inner).map(Expression::At),
            _ => None,
        }
    }

    /// The first instant after `after_ms` at which this is due, in milliseconds.
    ///
    /// - `anchor_ms`: what a rate counts from; the anchor itself is an occurrence.
    pub(crate) fn next(&self, after_ms: i64, anchor_ms: i64, zone: &TimeZone) -> Option<i64> {
        match self {
            Expression::Rate(period_ms) => {
                if after_ms < anchor_ms {
                    return Some(anchor_ms);
                }
                let periods = (after_ms - anchor_ms) / period_ms + 1;
                anchor_ms.checked_add(periods.checked_mul(*period_ms)?)
            }
            Expression::Cron(cron) => next_of_cron(cron, after_ms, zone),
            Expression::At(local) => at(*local, zone).filter(|due_ms| *due_ms > after_ms),
        }
    }

    /// The last instant in `from_ms..=until_ms` at which this is due, if there is one.
    pub(crate) fn last(
        &self,
        from_ms: i64,
        until_ms: i64,
        anchor_ms: i64,
        zone: &TimeZone,
    ) -> Option<i64> {
        let is_due_after = |after_ms: i64| {
            self.next(after_ms, anchor_ms, zone)
                .filter(|due_ms| *due_ms <= until_ms)
        };
        let mut last = is_due_after(from_ms - 1)?;
        // What comes after an instant never comes earlier when the instant is later: halve what is left.
        let (mut low, mut high) = (last, until_ms);
        while low < high {
            let middle = low + (high - low) / 2;
            match is_due_after(middle) {
                Some(due_ms) => {
                    last = due_ms;
                    low = due_ms;
                }
                None => high = middle,
            }
        }
        Some(last)
    }
}

/// The time zone with this name of the IANA database.
pub(crate) fn time_zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

fn rate(text: &str) -> Option<i64> {
    let (value, unit) = text.split_once(' ')?;
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: i64 = value.parse().ok()?;
    if value == 0 || value > RATE_VALUE_MAX {
        return None;
    }
    let unit_ms = match (unit, value) {
        ("minute", 1) | ("minutes", 2..) => MINUTE_MS,
        ("hour", 1) | ("hours", 2..) => 60 * MINUTE_MS,
        ("day", 1) | ("days", 2..) => 24 * 60 * MINUTE_MS,
        _ => return None,
    };
    value.checked_mul(unit_ms)
}

/// `2026-11-20T13:00:00`.
fn instant(text: &str) -> Option<DateTime> {
    let shape = "dddd-dd-ddTdd:dd:dd";
    let fits = text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, wanted)| {
            if wanted == b'd' {
                byte.is_ascii_digit()
            } else {
                byte == wanted
            }
        });
    if !fits {
        return None;
    }
    let number = |from: usize, to: usize| text[from..to].parse::<i8>().ok();
    let date = Date::new(text[..4].parse().ok()?, number(5, 7)?, number(8, 10)?).ok()?;
    let time = Time::new(number(11, 13)?, number(14, 16)?, number(17, 19)?, 0).ok()?;
    Some(date.to_datetime(time))
}

/// The instant of a local time. One that occurs twice is its first, one that does not exist is as much later as the
/// clocks are put forward.
fn at(local: DateTime, zone: &TimeZone) -> Option<i64> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    Some(ambiguous.compatible().ok()?.as_millisecond())
}

fn next_of_cron(cron: &Cron, after_ms: i64, zone: &TimeZone) -> Option<i64> {
    let after = jiff::Timestamp::from_millisecond(after_ms).ok()?;
    let mut local = zone.to_datetime(after);
    // Ends: each turn is a later local minute, and the last year is bounded.
    loop {
        local = cron.next(local)?;
        let ambiguous = zone.to_ambiguous_timestamp(local);
        let due = match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } => continue,
            _ => ambiguous.earlier().ok()?.as_millisecond(),
        };
        if due > after_ms {
            return Some(due);
        }
    }
}

#[cfg(test)]
mod tests;
