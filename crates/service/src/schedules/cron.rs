//! `cron(minutes hours day-of-month month day-of-week year)` in local time.

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time, Weekday};

/// Names of months, from January.
const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];

/// Names of days, from Sunday.
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// Years that an expression may name. Source: the table of fields.
const YEARS: (u16, u16) = (1970, 2199);

/// Elements of one field. A bound of ours; an expression has at most 256 characters anyway.
const ELEMENTS_MAX: usize = 256;

/// Which minutes of the calendar an expression names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cron {
    minutes: u64,
    hours: u64,
    months: u64,
    days: Days,
    /// From the first year on.
    years: Vec<bool>,
}

/// Which days. AWS: one of day-of-month and day-of-week says so, the other one is `?`.
#[derive(Debug, Clone, PartialEq)]
enum Days {
    OfMonth {
        days: u64,
        /// `L`.
        is_last: bool,
        /// `LW`.
        is_last_weekday: bool,
        /// `15W`.
        nearest_weekdays: u64,
    },
    OfWeek {
        days: u64,
        /// `6L`.
        last: u64,
        /// `3#2`.
        instance: Option<(u16, u16)>,
    },
}

impl Cron {
    /// Reads the six fields; `None` where they are not as AWS documents them.
    pub(crate) fn parse(text: &str) -> Option<Cron> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minutes, hours, day, month, weekday, year] = fields[..] else {
            return None;
        };
        let days = match (day, weekday) {
            ("?", "?") => return None,
            (day, "?") => days_of_month(day)?,
            ("?", weekday) => days_of_week(weekday)?,
            _ => return None,
        };
        let mut years = vec![false; usize::from(YEARS.1 - YEARS.0) + 1];
        for value in values(year, YEARS, &[])? {
            years[usize::from(value - YEARS.0)] = true;
        }
        Some(Cron {
            minutes: bits(&values(minutes, (0, 59), &[])?),
            hours: bits(&values(hours, (0, 23), &[])?),
            months: bits(&values(month, (1, 12), &MONTHS)?),
            days,
            years,
        })
    }

    /// The first minute after `after` that the expression names.
    pub(crate) fn next(&self, after: DateTime) -> Option<DateTime> {
        let minute = Time::new(after.hour(), after.minute(), 0, 0).ok()?;
        let start = after
            .date()
            .to_datetime(minute)
            .checked_add(1.minute())
            .ok()?;
        let first = Date::new(i16::try_from(YEARS.0).ok()?, 1, 1).ok()?;
        let mut date = start.date().max(first);
        let mut from = if start.date() < first {
            Time::midnight()
        } else {
            start.time()
        };
        // Ends: each turn is a later date, and the years are bounded.
        loop {
            if !self.has_year(date.year())? {
                date = Date::new(date.year().checked_add(1)?, 1, 1).ok()?;
            } else if !has(self.months, date.month()) {
                date = date.last_of_month().tomorrow().ok()?;
            } else if let Some(time) = self.has_day(date).then(|| self.time(from)).flatten() {
                return Some(date.to_datetime(time));
            } else {
                date = date.tomorrow().ok()?;
            }
            from = Time::midnight();
        }
    }

    /// `None` beyond the last year.
    fn has_year(&self, year: i16) -> Option<bool> {
        let at = usize::try_from(i32::from(year) - i32::from(YEARS.0)).ok()?;
        self.years.get(at).copied()
    }

    fn has_day(&self, date: Date) -> bool {
        let day = date.day();
        let last = date.days_in_month();
        match &self.days {
            Days::OfMonth {
                days,
                is_last,
                is_last_weekday,
                nearest_weekdays,
            } => {
                has(*days, day)
                    || *is_last && day == last
                    || *is_last_weekday && day == nearest_weekday(date, last)
                    || (1..=last).any(|wanted| {
                        has(*nearest_weekdays, wanted) && day == nearest_weekday(date, wanted)
                    })
            }
            Days::OfWeek {
                days,
                last: last_of,
                instance,
            } => {
                let weekday = date.weekday().to_sunday_one_offset();
                has(*days, weekday)
                    || has(*last_of, weekday) && day + 7 > last
                    || instance.is_some_and(|(wanted, nth)| {
                        i16::from(weekday) == i16::try_from(wanted).unwrap_or(0)
                            && (i16::from(day) - 1) / 7 + 1 == i16::try_from(nth).unwrap_or(0)
                    })
            }
        }
    }

    /// The first time of a day that is not before `from`.
    fn time(&self, from: Time) -> Option<Time> {
        for hour in from.hour()..24 {
            if !has(self.hours, hour) {
                continue;
            }
            let start = if hour == from.hour() {
                from.minute()
            } else {
                0
            };
            if let Some(minute) = (start..60).find(|minute| has(self.minutes, *minute)) {
                return Time::new(hour, minute, 0, 0).ok();
            }
        }
        None
    }
}

/// The weekday of the month that is closest to a day of it.
fn nearest_weekday(in_month: Date, day: i8) -> i8 {
    let last = in_month.days_in_month();
    let first = in_month.first_of_month();
    let weekday = first
        .checked_add(i64::from(day - 1).days())
        .unwrap_or(first)
        .weekday();
    match weekday {
        Weekday::Saturday if day == 1 => 3,
        Weekday::Saturday => day - 1,
        Weekday::Sunday if day == last => day - 2,
        Weekday::Sunday => day + 1,
        _ => day,
    }
}

fn days_of_month(field: &str) -> Option<Days> {
    let (mut days, mut nearest_weekdays) = (0, 0);
    let (mut is_last, mut is_last_weekday) = (false, false);
    for element in elements(field)? {
        if element == "L" {
            is_last = true;
        } else if element == "LW" {
            is_last_weekday = true;
        } else if let Some(day) = element.strip_suffix('W') {
            nearest_weekdays |= bits(&[value(day, (1, 31), &[])?]);
        } else {
            days |= bits(&element_values(element, (1, 31), &[])?);
        }
    }
    Some(Days::OfMonth {
        days,
        is_last,
        is_last_weekday,
        nearest_weekdays,
    })
}

fn days_of_week(field: &str) -> Option<Days> {
    if let Some((day, nth)) = field.split_once('#') {
        return Some(Days::OfWeek {
            days: 0,
            last: 0,
            instance: Some((value(day, (1, 7), &WEEKDAYS)?, value(nth, (1, 5), &[])?)),
        });
    }
    let (mut days, mut last) = (0, 0);
    for element in elements(field)? {
        if element == "L" {
            // The last day of the week.
            days |= bits(&[7]);
        } else if let Some(day) = element.strip_suffix('L') {
            last |= bits(&[value(day, (1, 7), &WEEKDAYS)?]);
        } else {
            days |= bits(&element_values(element, (1, 7), &WEEKDAYS)?);
        }
    }
    Some(Days::OfWeek {
        days,
        last,
        instance: None,
    })
}

/// What a field of lists, ranges and steps names.
fn values(field: &str, range: (u16, u16), names: &[&str]) -> Option<Vec<u16>> {
    let mut all = Vec::new();
    for element in elements(field)? {
        all.extend(element_values(element, range, names)?);
    }
    Some(all)
}

fn elements(field: &str) -> Option<Vec<&str>> {
    let elements: Vec<&str> = field.split(',').collect();
    (elements.len() <= ELEMENTS_MAX).then_some(elements)
}

/// `*`, `5`, `1-5`, `*/2`, `10/5`, `10-30/5`. A range that ends before it begins goes on from the start of the field.
fn element_values(element: &str, range: (u16, u16), names: &[&str]) -> Option<Vec<u16>> {
    let (base, step) = match element.split_once('/') {
        Some((base, step)) => (base, Some(value(step, (1, range.1), &[])?)),
        None => (element, None),
    };
    let (from, to) = match base.split_once('-') {
        Some((from, to)) => (value(from, range, names)?, value(to, range, names)?),
        None if base == "*" => range,
        None => {
            let from = value(base, range, names)?;
            (from, if step.is_some() { range.1 } else { from })
        }
    };
    let step = usize::from(step.unwrap_or(1));
    if from <= to {
        return Some((from..=to).step_by(step).collect());
    }
    let around = (from..=range.1).chain(range.0..=to);
    Some(around.step_by(step).collect())
}

fn value(text: &str, range: (u16, u16), names: &[&str]) -> Option<u16> {
    if let Some(at) = names
        .iter()
        .position(|name| name.eq_ignore_ascii_case(text))
    {
        return Some(range.0 + u16::try_from(at).ok()?);
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u16 = text.parse().ok()?;
    (range.0..=range.1).contains(&number).then_some(number)
}

/// INVARIANT: the values are below 64: all fields but the years are.
fn bits(values: &[u16]) -> u64 {
    values.iter().fold(0, |bits, value| bits | 1 << value)
}

fn has(bits: u64, value: i8) -> bool {
    bits >> value & 1 == 1
}
