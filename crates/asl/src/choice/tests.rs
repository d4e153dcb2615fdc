#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use serde_json::{Value, json};

use super::Test;
use crate::scope::{Entropy, Variables};
use crate::{Failure, Scope, Timestamp};

fn outcome(rule: &Value) -> Result<bool, Failure> {
    let input = json!({
        "s": "abc", "t": "abd", "n": 5, "f": 5.0, "m": 6, "yes": true, "no": false, "null": null, "list": [1], "none": [],
        "at": "2024-02-29T10:00:00Z", "same": "2024-02-29T11:00:00+01:00", "later": "2024-02-29T10:00:00.0001Z",
        "day": "2024-02-29", "path": "log-2024.txt", "star": "a*b", "back": "a\\b"
    });
    let context = json!({"State": {"RetryCount": 2}});
    let variables = Variables::from([("limit".to_owned(), json!(5))]);
    let entropy = Entropy::derive(&[0; 32], 0);
    let scope = Scope {
        input: &input,
        context: &context,
        variables: &variables,
        result: None,
        error_output: None,
        now: Timestamp::from_millis(0),
        entropy: &entropy,
    };
    Test::compile(rule, "/States/C/Choices[0]")
        .unwrap()
        .holds(&scope)
}

/// Each line: operator, variable, what it is compared with, and whether it holds.
const CASES: &[(&str, &str, &str, bool)] = &[
    ("StringEquals", "$.s", r#""abc""#, true),
    ("StringEquals", "$.n", r#""5""#, false),
    ("StringEquals", "$.null", r#""null""#, false),
    ("StringLessThan", "$.s", r#""abd""#, true),
    ("StringLessThan", "$.s", r#""abc""#, false),
    ("StringGreaterThan", "$.s", r#""ab""#, true),
    ("StringLessThanEquals", "$.s", r#""abc""#, true),
    ("StringGreaterThanEquals", "$.s", r#""abd""#, false),
    ("StringEqualsPath", "$.s", r#""$.t""#, false),
    ("StringLessThanPath", "$.s", r#""$.t""#, true),
    ("StringGreaterThanPath", "$.t", r#""$.s""#, true),
    ("StringLessThanEqualsPath", "$.s", r#""$.s""#, true),
    ("StringGreaterThanEqualsPath", "$.s", r#""$.t""#, false),
    ("StringLessThanPath", "$.s", r#""$.n""#, false),
    ("NumericEquals", "$.n", "5", true),
    ("NumericEquals", "$.n", "5.0", true),
    ("NumericEquals", "$.s", "5", false),
    ("NumericLessThan", "$.n", "5.01", true),
    ("NumericGreaterThan", "$.n", "5", false),
    ("NumericLessThanEquals", "$.f", "5", true),
    ("NumericGreaterThanEquals", "$$.State.RetryCount", "2", true),
    ("NumericEqualsPath", "$.n", r#""$.f""#, true),
    ("NumericEqualsPath", "$.n", r#""$limit""#, true),
    ("NumericLessThanPath", "$.n", r#""$.m""#, true),
    ("NumericGreaterThanPath", "$.n", r#""$.m""#, false),
    ("NumericLessThanEqualsPath", "$.n", r#""$.n""#, true),
    ("NumericGreaterThanEqualsPath", "$.n", r#""$.m""#, false),
    ("NumericEqualsPath", "$.n", r#""$.s""#, false),
    ("BooleanEquals", "$.yes", "true", true),
    ("BooleanEquals", "$.no", "true", false),
    ("BooleanEquals", "$.n", "true", false),
    ("BooleanEqualsPath", "$.no", r#""$.no""#, true),
    (
        "TimestampEquals",
        "$.at",
        r#""2024-02-29T11:00:00+01:00""#,
        true,
    ),
    (
        "TimestampEquals",
        "$.later",
        r#""2024-02-29T10:00:00Z""#,
        false,
    ),
    (
        "TimestampEquals",
        "$.day",
        r#""2024-02-29T00:00:00Z""#,
        false,
    ),
    (
        "TimestampLessThan",
        "$.at",
        r#""2024-02-29T10:00:01Z""#,
        true,
    ),
    (
        "TimestampGreaterThan",
        "$.later",
        r#""2024-02-29T10:00:00Z""#,
        true,
    ),
    (
        "TimestampLessThanEquals",
        "$.at",
        r#""2024-02-29T10:00:00Z""#,
        true,
    ),
    (
        "TimestampGreaterThanEquals",
        "$.at",
        r#""2024-03-01T00:00:00Z""#,
        false,
    ),
    ("TimestampEqualsPath", "$.at", r#""$.same""#, true),
    ("TimestampLessThanPath", "$.at", r#""$.later""#, true),
    ("TimestampGreaterThanPath", "$.at", r#""$.later""#, false),
    ("TimestampLessThanEqualsPath", "$.at", r#""$.same""#, true),
    (
        "TimestampGreaterThanEqualsPath",
        "$.at",
        r#""$.same""#,
        true,
    ),
    ("IsNull", "$.null", "true", true),
    ("IsNull", "$.n", "false", true),
    ("IsNumeric", "$.f", "true", true),
    ("IsNumeric", "$.s", "true", false),
    ("IsString", "$.s", "true", true),
    ("IsBoolean", "$.null", "true", false),
    ("IsTimestamp", "$.at", "true", true),
    ("IsTimestamp", "$.day", "true", false),
    ("IsPresent", "$.null", "true", true),
    ("IsPresent", "$.gone.deep", "true", false),
    ("IsPresent", "$.gone", "false", true),
    ("IsPresent", "$none", "false", true),
    ("IsPresent", "$.list[*]", "true", true),
    ("IsPresent", "$.none[*]", "true", false),
    ("StringMatches", "$.path", r#""log-*.txt""#, true),
    ("StringMatches", "$.path", r#""*2024*""#, true),
    ("StringMatches", "$.path", r#""log-*.tx""#, false),
    ("StringMatches", "$.path", r#""LOG-*""#, false),
    ("StringMatches", "$.star", r#""a\\*b""#, true),
    ("StringMatches", "$.s", r#""a\\*c""#, false),
    ("StringMatches", "$.back", r#""a\\\\b""#, true),
    ("StringMatches", "$.n", r#""*""#, false),
];

#[test]
fn operators_compare_only_their_own_type() {
    for (operator, variable, with, expected) in CASES {
        let with: Value = serde_json::from_str(with).unwrap();
        let rule = json!({"Variable": variable, *operator: with, "Next": "X"});
        assert_eq!(
            outcome(&rule),
            Ok(*expected),
            "{operator} {variable} {with}"
        );
    }
}

#[test]
fn a_missing_value_ends_the_execution() {
    let cause =
        "Invalid path '$.gone': The choice state's condition path references an invalid value.";
    for rule in [
        json!({"Variable": "$.gone", "NumericEquals": 1}),
        json!({"Variable": "$.n", "NumericEqualsPath": "$.gone"}),
        json!({"Not": {"Variable": "$.gone", "IsNull": true}}),
    ] {
        let failure = outcome(&rule).unwrap_err();
        assert_eq!(
            (failure.error.as_ref(), failure.cause.as_str()),
            ("States.Runtime", cause)
        );
    }
}

#[test]
fn and_and_or_stop_at_the_first_that_decides() {
    let gone = json!({"Variable": "$.gone", "IsNull": true});
    let yes = json!({"Variable": "$.yes", "BooleanEquals": true});
    let no = json!({"Variable": "$.yes", "BooleanEquals": false});
    assert_eq!(outcome(&json!({"And": [no, gone]})), Ok(false));
    assert_eq!(outcome(&json!({"Or": [yes, gone]})), Ok(true));
    assert_eq!(outcome(&json!({"And": [yes, {"Not": no}]})), Ok(true));
    assert_eq!(outcome(&json!({"Or": [no, {"Not": yes}]})), Ok(false));
    assert!(outcome(&json!({"And": [yes, gone]})).is_err());
}

#[test]
fn a_bad_rule_is_located() {
    let problems = |rule: Value| {
        let problems = Test::compile(&rule, "/R").unwrap_err();
        let shown: Vec<String> = problems
            .iter()
            .map(|p| format!("{} at {}", p.message, p.location.as_deref().unwrap()))
            .collect();
        shown.join("; ")
    };
    assert_eq!(
        problems(
            json!({"And": [{"Variable": "$.x", "TimestampEquals": "soon"}, {"IsNull": true}]})
        ),
        "String does not match RFC3339 timestamp at /R/And[0]/TimestampEquals; \
         The object must have only one of the following fields, [And, Or, Not, Variable, Condition] at /R/And[1]"
    );
    assert_eq!(
        problems(json!({"Variable": "$.x", "Not": {"Variable": "$.x", "IsNull": true}})),
        "The object must have only one of the following fields, [And, Or, Not, Variable, Condition] at /R"
    );
    assert_eq!(
        problems(json!({"Variable": "$.x", "StringEquals": "a", "IsNull": true})),
        "There should only be one of the following fields: [IsNull, StringEquals] at /R"
    );
    assert_eq!(
        problems(json!({"Or": []})),
        "Value cannot be empty at /R/Or"
    );
    assert_eq!(
        problems(json!({"Variable": "$.x", "NumericEquals": "1"})),
        "Expected value of type Number at /R/NumericEquals"
    );
    assert_eq!(
        problems(json!({"Variable": "$.x", "BooleanLessThan": true})),
        "Field 'BooleanLessThan' is not supported at /R/BooleanLessThan"
    );
    assert_eq!(
        problems(json!({"Variable": "x", "IsNull": true})),
        "Value is not a Reference Path: Reference path didn't start with '$' at /R/Variable"
    );
    let mut deep = json!({"Variable": "$.x", "IsNull": true});
    for _ in 0..100 {
        deep = json!({"Not": deep});
    }
    assert!(problems(deep).starts_with("Choice rules nest at most 64 levels"));
}

#[test]
fn matching_takes_no_exponential_time() {
    let pattern = "*a".repeat(200) + "c";
    let rule = json!({"Variable": "$.s", "StringMatches": pattern});
    assert_eq!(outcome(&rule), Ok(false));
}

#[test]
fn a_rule_tells_its_variables() {
    let rule = json!({"And": [{"Variable": "$a.x", "IsNull": true}, {"Variable": "$.n", "NumericEqualsPath": "$b"}]});
    assert_eq!(
        Vec::from_iter(Test::compile(&rule, "/R").unwrap().variables()),
        ["a", "b"]
    );
}
