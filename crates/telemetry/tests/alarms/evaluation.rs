//! What an evaluation gives, by the tables of the user guide.

use expect_test::{Expect, expect};
use stepwell_telemetry::alarms::{
    Comparison, Criteria, Missing, Point, Verdict, evaluate, samples_of_percentile,
};

/// A period of a minute, the newest data point of which begins at 2023-11-14T22:13:00Z.
const NEWEST_MS: i64 = 1_700_000_000_000 - 20_000;

fn criteria(missing: Missing) -> Criteria<'static> {
    Criteria {
        comparison: Comparison::Greater,
        threshold: 5.0,
        evaluation_periods: 3,
        datapoints_to_alarm: Some(3),
        missing,
        samples_min: 0.0,
        period_s: 60,
        statistic: Some("Sum"),
        unit: None,
    }
}

/// `X` breaches, `0` does not, `-` is missing; the newest is the last one.
fn points(text: &str) -> Vec<Point> {
    let newest_first = text.split_whitespace().rev().enumerate();
    newest_first
        .map(|(age, mark)| Point {
            start_ms: NEWEST_MS - i64::try_from(age).expect("small") * 60_000,
            value: match mark {
                "X" => Some(9.0),
                "0" => Some(1.0),
                _ => None,
            },
            samples: 1.0,
        })
        .collect()
}

fn state(criteria: &Criteria<'_>, text: &str) -> String {
    match evaluate(criteria, NEWEST_MS + 61_000, &points(text)) {
        Verdict::Retain => "Retain current state".to_owned(),
        Verdict::State { value, .. } => value.to_string(),
    }
}

/// The states for MISSING, IGNORE, BREACHING and NOT BREACHING, as a row of the guide has them.
fn row(minimum: usize, text: &str) -> String {
    let all = [
        Missing::Missing,
        Missing::Ignore,
        Missing::Breaching,
        Missing::NotBreaching,
    ];
    let states = all.map(|missing| {
        let criteria = Criteria {
            datapoints_to_alarm: Some(minimum),
            ..criteria(missing)
        };
        state(&criteria, text)
    });
    format!("{text} | {}", states.join(" | "))
}

#[test]
fn missing_data_is_treated_as_the_tables_of_the_guide_say() {
    // AWS: "How alarm state is evaluated when data is missing", the first table: 3 out of 3.
    let rows = [
        "0 - X - X",
        "0 - - - -",
        "- - - - -",
        "0 X X - X",
        "- - X - -",
    ];
    expect![[r#"
        0 - X - X | OK | OK | OK | OK
        0 - - - - | OK | OK | OK | OK
        - - - - - | INSUFFICIENT_DATA | Retain current state | ALARM | OK
        0 X X - X | ALARM | ALARM | ALARM | ALARM
        - - X - - | ALARM | Retain current state | ALARM | OK"#]]
    .assert_eq(&rows.map(|text| row(3, text)).join("\n"));
    // The second table: 2 out of 3.
    let rows = [
        "0 - X - X",
        "0 0 X 0 X",
        "0 - X - -",
        "- - - - 0",
        "- - - X -",
    ];
    expect![[r#"
        0 - X - X | ALARM | ALARM | ALARM | ALARM
        0 0 X 0 X | ALARM | ALARM | ALARM | ALARM
        0 - X - - | OK | OK | ALARM | OK
        - - - - 0 | OK | OK | ALARM | OK
        - - - X - | ALARM | Retain current state | ALARM | OK"#]]
    .assert_eq(&rows.map(|text| row(2, text)).join("\n"));
    // "Avoiding premature transitions": neither of these goes to ALARM, 3 out of 3.
    let rows = ["- - - - X", "- - - X -", "- - - X 0", "- - X - 0"];
    expect![[r#"
        - - - - X | INSUFFICIENT_DATA | Retain current state | ALARM | OK
        - - - X - | INSUFFICIENT_DATA | Retain current state | ALARM | OK
        - - - X 0 | OK | OK | OK | OK
        - - X - 0 | OK | OK | OK | OK"#]]
    .assert_eq(&rows.map(|text| row(3, text)).join("\n"));
}

/// A point stays in the evaluation range for two periods after those that are evaluated, and decides as long as
/// nothing newer is there, however missing data is treated.
#[test]
fn a_single_period_looks_two_further_back() {
    let one = |text: &str| {
        let criteria = Criteria {
            evaluation_periods: 1,
            datapoints_to_alarm: None,
            ..criteria(Missing::NotBreaching)
        };
        format!("{text} {}", state(&criteria, text))
    };
    let rows = ["- - X", "- X -", "X - -", "X - - -", "X - 0", "0 X"].map(one);
    expect![[r#"
        - - X ALARM
        - X - ALARM
        X - - ALARM
        X - - - OK
        X - 0 OK
        0 X ALARM"#]]
    .assert_eq(&rows.join("\n"));
}

#[test]
fn each_comparison_is_what_it_says() {
    let all = [
        ("GreaterThanThreshold", Comparison::Greater),
        ("GreaterThanOrEqualToThreshold", Comparison::GreaterOrEqual),
        ("LessThanThreshold", Comparison::Less),
        ("LessThanOrEqualToThreshold", Comparison::LessOrEqual),
    ];
    let mut lines = Vec::new();
    for (name, comparison) in all {
        assert_eq!(Comparison::parse(name), Some(comparison));
        let states = [4.0, 5.0, 6.0].map(|value| {
            let criteria = Criteria {
                comparison,
                evaluation_periods: 1,
                datapoints_to_alarm: Some(1),
                ..criteria(Missing::Missing)
            };
            let point = Point {
                start_ms: NEWEST_MS,
                value: Some(value),
                samples: 1.0,
            };
            match evaluate(&criteria, NEWEST_MS + 61_000, &[point]) {
                Verdict::State { value, .. } => value.to_string(),
                Verdict::Retain => "retain".to_owned(),
            }
        });
        lines.push(format!("{name}: {}", states.join(" ")));
    }
    expect![[r#"
        GreaterThanThreshold: OK OK ALARM
        GreaterThanOrEqualToThreshold: OK ALARM ALARM
        LessThanThreshold: ALARM OK OK
        LessThanOrEqualToThreshold: ALARM ALARM OK"#]]
    .assert_eq(&lines.join("\n"));
    assert_eq!(Comparison::parse("GreaterThanUpperThreshold"), None);
}

fn check_reason(criteria: &Criteria<'_>, text: &str, expected: Expect) {
    let verdict = evaluate(criteria, NEWEST_MS + 61_589, &points(text));
    let Verdict::State {
        reason,
        reason_data,
        ..
    } = verdict
    else {
        panic!("the state is kept");
    };
    expected.assert_eq(&format!("{reason}\n{reason_data}"));
}

#[test]
fn reasons_are_worded_as_cloudwatch_words_them() {
    let out_of = |missing| criteria(missing);
    let all = |missing| Criteria {
        datapoints_to_alarm: None,
        ..criteria(missing)
    };
    check_reason(
        &out_of(Missing::Missing),
        "0 X X - X",
        expect![[r#"
        Threshold Crossed: 3 out of the last 3 datapoints [9.0 (14/11/23 22:13:00), 9.0 (14/11/23 22:11:00), 9.0 (14/11/23 22:10:00)] were greater than the threshold (5.0) (minimum 3 datapoints for OK -> ALARM transition).
        {"version":"1.0","queryDate":"2023-11-14T22:14:01.589+0000","startDate":"2023-11-14T22:10:00.000+0000","statistic":"Sum","period":60,"recentDatapoints":[9.0,9.0,9.0],"threshold":5.0,"evaluatedDatapoints":[{"timestamp":"2023-11-14T22:13:00.000+0000","sampleCount":1.0,"value":9.0},{"timestamp":"2023-11-14T22:11:00.000+0000","sampleCount":1.0,"value":9.0},{"timestamp":"2023-11-14T22:10:00.000+0000","sampleCount":1.0,"value":9.0}]}"#]],
    );
    check_reason(
        &out_of(Missing::Missing),
        "X X 0",
        expect![[r#"
        Threshold Crossed: 1 out of the last 3 datapoints [1.0 (14/11/23 22:13:00)] was not greater than the threshold (5.0) (minimum 1 datapoint for ALARM -> OK transition).
        {"version":"1.0","queryDate":"2023-11-14T22:14:01.589+0000","startDate":"2023-11-14T22:11:00.000+0000","statistic":"Sum","period":60,"recentDatapoints":[9.0,9.0,1.0],"threshold":5.0,"evaluatedDatapoints":[{"timestamp":"2023-11-14T22:13:00.000+0000","sampleCount":1.0,"value":1.0},{"timestamp":"2023-11-14T22:12:00.000+0000","sampleCount":1.0,"value":9.0},{"timestamp":"2023-11-14T22:11:00.000+0000","sampleCount":1.0,"value":9.0}]}"#]],
    );
    check_reason(
        &all(Missing::Missing),
        "X X X",
        expect![[r#"
        Threshold Crossed: 3 datapoints [9.0 (14/11/23 22:13:00), 9.0 (14/11/23 22:12:00), 9.0 (14/11/23 22:11:00)] were greater than the threshold (5.0).
        {"version":"1.0","queryDate":"2023-11-14T22:14:01.589+0000","startDate":"2023-11-14T22:11:00.000+0000","statistic":"Sum","period":60,"recentDatapoints":[9.0,9.0,9.0],"threshold":5.0,"evaluatedDatapoints":[{"timestamp":"2023-11-14T22:13:00.000+0000","sampleCount":1.0,"value":9.0},{"timestamp":"2023-11-14T22:12:00.000+0000","sampleCount":1.0,"value":9.0},{"timestamp":"2023-11-14T22:11:00.000+0000","sampleCount":1.0,"value":9.0}]}"#]],
    );
    check_reason(
        &all(Missing::Missing),
        "- - - - -",
        expect![[r#"
        Insufficient Data: 3 datapoints were unknown.
        {"version":"1.0","queryDate":"2023-11-14T22:14:01.589+0000","statistic":"Sum","period":60,"recentDatapoints":[],"threshold":5.0,"evaluatedDatapoints":[{"timestamp":"2023-11-14T22:13:00.000+0000"},{"timestamp":"2023-11-14T22:12:00.000+0000"},{"timestamp":"2023-11-14T22:11:00.000+0000"}]}"#]],
    );
    check_reason(
        &all(Missing::Breaching),
        "- - - - -",
        expect![[r#"
        Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as [Breaching].
        {"version":"1.0","queryDate":"2023-11-14T22:14:01.589+0000","statistic":"Sum","period":60,"recentDatapoints":[],"threshold":5.0,"evaluatedDatapoints":[{"timestamp":"2023-11-14T22:13:00.000+0000"},{"timestamp":"2023-11-14T22:12:00.000+0000"},{"timestamp":"2023-11-14T22:11:00.000+0000"}]}"#]],
    );
    check_reason(
        &all(Missing::NotBreaching),
        "- - - X -",
        expect![[r#"
        Threshold Crossed: 1 datapoint was received for 3 periods and 2 missing datapoints were treated as [NonBreaching].
        {"version":"1.0","queryDate":"2023-11-14T22:14:01.589+0000","startDate":"2023-11-14T22:12:00.000+0000","statistic":"Sum","period":60,"recentDatapoints":[9.0],"threshold":5.0,"evaluatedDatapoints":[{"timestamp":"2023-11-14T22:13:00.000+0000"},{"timestamp":"2023-11-14T22:12:00.000+0000","sampleCount":1.0,"value":9.0},{"timestamp":"2023-11-14T22:11:00.000+0000"}]}"#]],
    );
}

/// AWS: below 10/(1 - percentile) samples the state is kept if the alarm says so.
#[test]
fn a_percentile_of_few_samples_is_ignored_if_the_alarm_says_so() {
    let needed = ["p99", "p50", "p10", "p99.9", "Average", "p100"].map(samples_of_percentile);
    let needed = needed.map(|samples| format!("{samples:.0}"));
    assert_eq!(needed.join(" "), "1000 20 100 10000 0 0");
    let criteria = Criteria {
        samples_min: 4.0,
        ..criteria(Missing::Missing)
    };
    assert_eq!(state(&criteria, "X X X"), "Retain current state");
    let criteria = Criteria {
        samples_min: 3.0,
        ..criteria
    };
    assert_eq!(state(&criteria, "X X X"), "ALARM");
}
