//! Instants and numbers as CloudWatch writes them into the reasons of states.

use stepwell_api::DateTime;

/// `2019-10-02T17:20:48.551+0000`.
pub(super) fn instant(ms: i64) -> String {
    let text = DateTime::from_ms(ms).to_string();
    let seconds = text.trim_end_matches('Z');
    format!("{seconds}.{:03}+0000", ms.rem_euclid(1_000))
}

/// `02/10/19 17:10:00`.
pub(super) fn short_instant(ms: i64) -> String {
    let (year, month, day, hour, minute) = DateTime::from_ms(ms).minute();
    let second = ms.div_euclid(1_000).rem_euclid(60);
    let year = year.rem_euclid(100);
    format!("{day:02}/{month:02}/{year:02} {hour:02}:{minute:02}:{second:02}")
}

/// `Friday 04 August, 2023 12:54:46 UTC`.
pub(super) fn long_instant(ms: i64) -> String {
    let (year, month, day, hour, minute) = DateTime::from_ms(ms).minute();
    let second = ms.div_euclid(1_000).rem_euclid(60);
    // 1970-01-01 was a Thursday.
    let weekday = (ms.div_euclid(86_400_000) + 4).rem_euclid(7);
    let weekday = WEEKDAYS[usize::try_from(weekday).unwrap_or_default() % WEEKDAYS.len()];
    let month = MONTHS[usize::try_from(month - 1).unwrap_or_default() % MONTHS.len()];
    format!("{weekday} {day:02} {month}, {year} {hour:02}:{minute:02}:{second:02} UTC")
}

const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A number as Java prints a double: `50.0`, `1.0E7`.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        let text = value.to_string();
        return if text.contains('.') {
            text
        } else {
            format!("{text}.0")
        };
    }
    if !value.is_finite() {
        return value.to_string();
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) if mantissa.contains('.') => format!("{mantissa}E{exponent}"),
        Some((mantissa, exponent)) => format!("{mantissa}.0E{exponent}"),
        None => text,
    }
}

/// `1 datapoint`, `3 datapoints`.
pub(super) fn datapoints(count: usize) -> String {
    match count {
        1 => "1 datapoint".to_owned(),
        _ => format!("{count} datapoints"),
    }
}

/// `was` or `were`.
pub(super) fn was(count: usize) -> &'static str {
    if count == 1 { "was" } else { "were" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_and_numbers_are_written_as_cloudwatch_does() {
        let ms = 1_691_153_686_138;
        assert_eq!(instant(ms), "2023-08-04T12:54:46.138+0000");
        assert_eq!(short_instant(ms), "04/08/23 12:54:46");
        assert_eq!(long_instant(ms), "Friday 04 August, 2023 12:54:46 UTC");
        let numbers = [0.0, 50.0, 99.501, 1e7, 12_345_678.9, 0.000_25, -3.0];
        let texts = numbers.map(number).join(" ");
        assert_eq!(texts, "0.0 50.0 99.501 1.0E7 1.23456789E7 2.5E-4 -3.0");
    }
}
