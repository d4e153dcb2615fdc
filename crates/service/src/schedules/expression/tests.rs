use std::collections::BTreeSet;

use jiff::Timestamp;

use super::*;

fn utc() -> TimeZone {
    TimeZone::UTC
}

fn ms(text: &str) -> i64 {
    text.parse::<Timestamp>()
        .expect("an instant")
        .as_millisecond()
}

fn text(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .expect("an instant")
        .to_string()
}

/// The next instants after `after`.
#[track_caller]
fn check(expression: &str, zone: &str, after: &str, expected: &[&str]) {
    let parsed =
        Expression::parse(expression).unwrap_or_else(|| panic!("{expression} is an expression"));
    let zone = time_zone(zone).expect("a time zone");
    let mut at = ms(after);
    let mut found = Vec::new();
    while found.len() < expected.len() {
        let Some(next) = parsed.next(at, at, &zone) else {
            break;
        };
        found.push(text(next));
        at = next;
    }
    assert_eq!(found, expected, "{expression}");
}

#[test]
fn cron_fields_name_minutes() {
    let from = "2026-01-30T10:07:31Z";
    check(
        "cron(0/15 * * * ? *)",
        "UTC",
        from,
        &[
            "2026-01-30T10:15:00Z",
            "2026-01-30T10:30:00Z",
            "2026-01-30T10:45:00Z",
            "2026-01-30T11:00:00Z",
        ],
    );
    check(
        "cron(0 18 ? * MON-FRI *)",
        "UTC",
        from,
        &["2026-01-30T18:00:00Z", "2026-02-02T18:00:00Z"],
    );
    check(
        "cron(5,7 0-2/2 1 JAN,7 ? 2026-2027)",
        "UTC",
        from,
        &[
            "2026-07-01T00:05:00Z",
            "2026-07-01T00:07:00Z",
            "2026-07-01T02:05:00Z",
            "2026-07-01T02:07:00Z",
            "2027-01-01T00:05:00Z",
        ],
    );
    check(
        "cron(0 10 ? * 6L *)",
        "UTC",
        from,
        &["2026-02-27T10:00:00Z", "2026-03-27T10:00:00Z"],
    );
    check(
        "cron(0 10 ? * TUE#2 *)",
        "UTC",
        from,
        &["2026-02-10T10:00:00Z", "2026-03-10T10:00:00Z"],
    );
    check(
        "cron(0 10 L * ? *)",
        "UTC",
        from,
        &["2026-01-31T10:00:00Z", "2026-02-28T10:00:00Z"],
    );
    // 1 February and 1 March 2026 are Sundays, 1 August is a Saturday.
    check(
        "cron(0 10 1W 2,3,8 ? *)",
        "UTC",
        from,
        &[
            "2026-02-02T10:00:00Z",
            "2026-03-02T10:00:00Z",
            "2026-08-03T10:00:00Z",
        ],
    );
    check(
        "cron(0 10 31W 1,5 ? 2026)",
        "UTC",
        from,
        &["2026-01-30T10:00:00Z", "2026-05-29T10:00:00Z"][1..],
    );
    check(
        "cron(0 10 LW * ? *)",
        "UTC",
        "2026-01-30T10:00:00Z",
        &["2026-02-27T10:00:00Z", "2026-03-31T10:00:00Z"],
    );
    check("cron(0 0 29 2 ? *)", "UTC", from, &["2028-02-29T00:00:00Z"]);
    check("cron(0 0 31 2 ? *)", "UTC", from, &[]);
    check("cron(0 0 1 1 ? 2025)", "UTC", from, &[]);
}

#[test]
fn a_local_time_that_does_not_exist_is_skipped() {
    // New York put its clocks forward from 02:00 to 03:00 on 8 March 2026.
    check(
        "cron(30 2 * * ? *)",
        "America/New_York",
        "2026-03-07T00:00:00Z",
        &["2026-03-07T07:30:00Z", "2026-03-09T06:30:00Z"],
    );
    check(
        "cron(0/30 1-3 8 3 ? 2026)",
        "America/New_York",
        "2026-03-08T00:00:00Z",
        &[
            "2026-03-08T06:00:00Z",
            "2026-03-08T06:30:00Z",
            "2026-03-08T07:00:00Z",
            "2026-03-08T07:30:00Z",
        ],
    );
}

#[test]
fn a_local_time_that_occurs_twice_is_due_once() {
    // New York puts its clocks back from 02:00 to 01:00 on 1 November 2026.
    check(
        "cron(30 1 * * ? *)",
        "America/New_York",
        "2026-10-31T12:00:00Z",
        &["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
    );
    // Asked in the second pass.
    check(
        "cron(0/30 * * * ? *)",
        "America/New_York",
        "2026-11-01T06:10:00Z",
        &["2026-11-01T07:00:00Z", "2026-11-01T07:30:00Z"],
    );
}

#[test]
fn a_whole_day_that_a_zone_left_out_is_skipped() {
    // Samoa had no 30 December 2011.
    check(
        "cron(0 12 * * ? *)",
        "Pacific/Apia",
        "2011-12-29T00:00:00Z",
        &["2011-12-29T22:00:00Z", "2011-12-30T22:00:00Z"],
    );
}

#[test]
fn a_rate_counts_from_its_anchor() {
    let expression = Expression::parse("rate(5 minutes)").expect("a rate");
    let anchor = ms("2026-01-01T00:00:30Z");
    assert_eq!(expression.next(anchor - 1, anchor, &utc()), Some(anchor));
    assert_eq!(
        expression.next(anchor, anchor, &utc()),
        Some(anchor + 300_000)
    );
    assert_eq!(
        expression.next(anchor + 300_001, anchor, &utc()),
        Some(anchor + 600_000)
    );
    // A day is 24 hours, whatever the clocks do.
    check(
        "rate(1 day)",
        "America/New_York",
        "2026-03-07T12:00:00Z",
        &["2026-03-08T12:00:00Z", "2026-03-09T12:00:00Z"],
    );
}

#[test]
fn an_instant_is_local() {
    let from = "2026-01-01T00:00:00Z";
    check(
        "at(2026-07-01T09:00:05)",
        "Europe/Berlin",
        from,
        &["2026-07-01T07:00:05Z"],
    );
    check(
        "at(2026-03-29T02:30:00)",
        "Europe/Berlin",
        from,
        &["2026-03-29T01:30:00Z"],
    );
    check("at(2025-12-31T23:59:59)", "UTC", from, &[]);
}

#[test]
fn what_is_no_expression_is_none() {
    for text in [
        "",
        "rate()",
        "rate(0 minutes)",
        "rate(1 minutes)",
        "rate(2 minute)",
        "rate(5 seconds)",
        "rate(5  minutes)",
        "rate(-5 minutes)",
        "rate(99999999999999999999 days)",
        "Rate(5 minutes)",
        "rate(5 minutes) ",
        "cron(0 10 * * *)",
        "cron(0 10 * * * *)",
        "cron(0 10 ? * ? *)",
        "cron(0 10 1 * MON *)",
        "cron(60 10 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 10 0 * ? *)",
        "cron(0 10 32 * ? *)",
        "cron(0 10 * 13 ? *)",
        "cron(0 10 ? * 0 *)",
        "cron(0 10 ? * 8 *)",
        "cron(0 10 ? * 3#6 *)",
        "cron(0 10 ? * 3#1,6#3 *)",
        "cron(0 10 * * ? 1969)",
        "cron(0 10 * * ? 2200)",
        "cron(0/0 10 * * ? *)",
        "cron(0/60 10 * * ? *)",
        "cron(/5 10 * * ? *)",
        "cron(0, 10 * * ? *)",
        "cron(? 10 * * ? *)",
        "cron(0 10 W * ? *)",
        "at(2026-01-01)",
        "at(2026-02-30T00:00:00)",
        "at(2026-01-01T24:00:00)",
        "at(2026-01-01T00:00:00Z)",
        "every(5 minutes)",
    ] {
        assert_eq!(Expression::parse(text), None, "{text}");
    }
    assert!(time_zone("Europe/Atlantis").is_none());
    assert!(time_zone("europe/berlin").is_some());
}

#[test]
fn ranges_may_go_around() {
    check(
        "cron(0 22-1 * * ? *)",
        "UTC",
        "2026-01-01T21:30:00Z",
        &[
            "2026-01-01T22:00:00Z",
            "2026-01-01T23:00:00Z",
            "2026-01-02T00:00:00Z",
            "2026-01-02T01:00:00Z",
            "2026-01-02T22:00:00Z",
        ],
    );
}

/// Draws numbers that are the same in each run.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).expect("small")]
    }

    fn field(&mut self, low: u64, high: u64) -> String {
        let mut number = || low + self.below(high - low + 1);
        let (a, b) = (number(), number());
        let (a, b) = (a.min(b), a.max(b));
        match self.below(5) {
            0 => "*".to_string(),
            1 => a.to_string(),
            2 => format!("{a},{b}"),
            3 => format!("{a}-{b}"),
            _ => format!("{a}/{}", 1 + self.below(7)),
        }
    }

    fn cron(&mut self) -> String {
        let (minutes, hours) = (self.field(0, 59), self.field(0, 23));
        let months = self.field(1, 12);
        let days = match self.below(8) {
            0 => "L ?".to_string(),
            1 => format!("{}W ?", 1 + self.below(31)),
            2 => format!("? {}L", 1 + self.below(7)),
            3 => format!("? {}#{}", 1 + self.below(7), 1 + self.below(5)),
            4 => format!("? {}", self.field(1, 7)),
            5 => "LW ?".to_string(),
            _ => format!("{} ?", self.field(1, 31)),
        };
        let (day, weekday) = days.split_once(' ').expect("two fields");
        format!("cron({minutes} {hours} {day} {months} {weekday} *)")
    }
}

/// Whether a field of lists, ranges and steps names a number: read from the text, element by element.
fn names(field: &str, number: i64, high: i64) -> bool {
    field.split(',').any(|element| {
        let (base, step) = element.split_once('/').unwrap_or((element, ""));
        let (from, to) = match base.split_once('-') {
            Some((from, to)) => (from.parse().expect("number"), to.parse().expect("number")),
            None if base == "*" => return true,
            None => {
                let from: i64 = base.parse().expect("a number");
                (from, if step.is_empty() { from } else { high })
            }
        };
        let step: i64 = step.parse().unwrap_or(1);
        (from..=to).contains(&number) && (number - from) % step == 0
    })
}

/// Whether an expression names a local minute, decided from the text and the calendar alone.
fn is_named(expression: &str, local: DateTime) -> bool {
    let inner = &expression["cron(".len()..expression.len() - 1];
    let fields: Vec<&str> = inner.split(' ').collect();
    let day = i64::from(local.day());
    let weekday = i64::from(local.date().weekday().to_sunday_one_offset());
    let last = i64::from(local.date().days_in_month());
    let weekday_of = |day: i64| {
        let date = Date::new(
            local.year(),
            local.month(),
            i8::try_from(day).expect("a day"),
        );
        i64::from(
            date.expect("a date of the month")
                .weekday()
                .to_sunday_one_offset(),
        )
    };
    // The weekday with the smallest distance; ties do not exist, Saturdays go back and Sundays go on.
    let nearest = |wanted: i64| {
        (1..=last)
            .filter(|day| (2..=6).contains(&weekday_of(*day)))
            .min_by_key(|day| (day - wanted).abs())
            .expect("a month has weekdays")
    };
    let is_day = match (fields[2], fields[4]) {
        ("L", _) => day == last,
        ("LW", _) => day == nearest(last),
        ("?", of_week) => match (of_week.split_once('#'), of_week.strip_suffix('L')) {
            (Some((of, nth)), _) => {
                names(of, weekday, 7) && (day - 1) / 7 + 1 == nth.parse::<i64>().expect("number")
            }
            (_, Some(of)) => names(of, weekday, 7) && day > last - 7,
            _ => names(of_week, weekday, 7),
        },
        (of_month, _) => match of_month.strip_suffix('W') {
            Some(wanted) => {
                let wanted: i64 = wanted.parse().expect("a number");
                wanted <= last && day == nearest(wanted)
            }
            None => names(of_month, day, 31),
        },
    };
    is_day
        && names(fields[0], i64::from(local.minute()), 59)
        && names(fields[1], i64::from(local.hour()), 23)
        && names(fields[3], i64::from(local.month()), 12)
}

#[test]
fn no_text_and_no_instant_makes_the_reader_panic() {
    let put = [
        "", " ", "*", "?", "/", "-", ",", "L", "W", "#", "LW", "MON", "0", "9", "99999", "(", ")",
        "é",
    ];
    let mut draws = Draws(0xfa11);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..5_000 {
        let whole = match draws.below(4) {
            0 => format!("rate({} minutes)", draws.below(90)),
            1 => format!(
                "at(20{:02}-1{}-2{}T1{}:30:00)",
                draws.below(99),
                draws.below(4),
                draws.below(10),
                draws.below(10)
            ),
            _ => draws.cron(),
        };
        // One character is lost or becomes another text.
        let at = usize::try_from(draws.below(whole.len() as u64)).expect("small");
        let text = format!("{}{}{}", &whole[..at], draws.one(&put), &whole[at + 1..]);
        let Some(parsed) = Expression::parse(&text) else {
            refused += 1;
            continue;
        };
        read += 1;
        for at in [i64::MIN / 2, -1, 0, 253_402_300_799_000] {
            parsed.next(at, at, &utc());
        }
    }
    assert!(
        read > 100 && refused > 100,
        "{read} read, {refused} refused"
    );
}

#[test]
fn the_next_occurrence_is_the_one_that_a_walk_over_all_minutes_finds() {
    let zones = [
        "UTC",
        "America/New_York",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Africa/Casablanca",
    ];
    // Days around changes of clocks, ends of months and a leap day.
    let starts = [
        "2026-03-07T20:00:00Z",
        "2026-10-31T20:00:00Z",
        "2026-03-28T12:00:00Z",
        "2026-10-24T12:00:00Z",
        "2026-04-04T10:00:00Z",
        "2026-10-03T10:00:00Z",
        "2028-02-27T00:00:00Z",
        "2026-12-30T00:00:00Z",
    ];
    let walked_minutes = 3 * 24 * 60;
    let mut draws = Draws(0x5eed);
    let mut occurrences = 0;
    for _ in 0..60 {
        let expression = draws.cron();
        let zone = time_zone(draws.one(&zones)).expect("a zone");
        let start = ms(draws.one(&starts));
        let parsed =
            Expression::parse(&expression).unwrap_or_else(|| panic!("{expression} is no cron"));
        // A walk over instants: a local minute that was seen before is not due again.
        let mut seen = BTreeSet::new();
        let mut walked = Vec::new();
        let before = 3 * 60;
        for minute in -before..walked_minutes {
            let at = start + i64::from(minute) * MINUTE_MS;
            let instant = Timestamp::from_millisecond(at).expect("an instant");
            let local = zone.to_datetime(instant);
            if seen.insert(local) && minute > 0 && is_named(&expression, local) {
                walked.push(at);
            }
        }
        let until = start + i64::from(walked_minutes - 1) * MINUTE_MS;
        let mut found = Vec::new();
        let mut at = start;
        while let Some(next) = parsed.next(at, at, &zone).filter(|next| *next <= until) {
            found.push(next);
            at = next;
        }
        let show = |all: &[i64]| all.iter().map(|at| text(*at)).collect::<Vec<_>>();
        assert_eq!(
            show(&found),
            show(&walked),
            "{expression} {zone:?} from {}",
            text(start)
        );
        assert_eq!(
            parsed.last(start + 1, until, start, &zone),
            walked.last().copied(),
            "{expression}"
        );
        occurrences += found.len();
    }
    assert!(occurrences > 1_000, "{occurrences} occurrences say little");
}
