//! The text, the top level, nesting and warnings.

use expect_test::expect;
use stepwell_asl::definition::{Block, MachineKind};

use crate::{check, check_state, findings, parsed, starting_with};

#[test]
fn a_text_that_is_not_json_names_the_place() {
    check(
        "",
        expect![[r#"
        Error MISSING_DESCRIPTION: Received a null or empty workflow input at null
    "#]],
    );
    check(
        "null",
        expect![[r#"
        Error MISSING_DESCRIPTION: Received a null or empty workflow input at null
    "#]],
    );
    check(
        r#"{"StartAt": "A", }"#,
        expect![[r#"
        Error INVALID_JSON_DESCRIPTION: Invalid JSON description: trailing comma at line 1 column 18 at null
    "#]],
    );
    check(
        r#"{"StartAt": "A", "StartAt": "B"}"#,
        expect![[r#"
        Error INVALID_JSON_DESCRIPTION: Invalid JSON description: duplicate field 'StartAt' at line 1 column 26 at null
    "#]],
    );
    check(
        "[]",
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Expected value of type Object at /
    "#]],
    );
    check(
        &format!("{}{}", "[".repeat(121), "]".repeat(121)),
        expect![[r#"
        Error TOO_DEEPLY_NESTED: JSON is nested more than 120 levels deep at null
    "#]],
    );
}

#[test]
fn a_text_longer_than_a_megabyte_is_refused() {
    let long = starting_with(&format!(
        r#""Type": "Pass", "Next": "Z", "Comment": "{}""#,
        "x".repeat(1_048_576)
    ));
    check(
        &long,
        expect![[r#"
        Error INVALID_JSON_DESCRIPTION: Definition is longer than 1048576 characters at null
    "#]],
    );
}

#[test]
fn the_top_level_has_a_closed_set_of_fields() {
    check(
        "{}",
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: These fields are required: [StartAt, States] at /
    "#]],
    );
    check(
        r#"{"States": {"A": {"Type": "Succeed"}}}"#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: These fields are required: [StartAt] at /
    "#]],
    );
    check(
        r#"{"StartAt": "A", "States": {}}"#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States
    "#]],
    );
    check(
        r#"{"StartAt": 1, "States": {"A": {"Type": "Succeed"}}}"#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Expected value of type String at /StartAt
    "#]],
    );
    check(
        r#"{"StartsAt": "A", "StartAt": "A", "Version": "2.0", "TimeoutSeconds": 0, "Comment": 1,
            "QueryLanguage": "XPath", "States": {"A": {"Type": "Succeed"}}}"#,
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: Field 'StartsAt' is not supported at /
            Error SCHEMA_VALIDATION_FAILED: Value should be one of the following: [JSONPath, JSONata] at /QueryLanguage
            Error SCHEMA_VALIDATION_FAILED: Expected value of type String at /Comment
            Error SCHEMA_VALIDATION_FAILED: Value should be one of the following: [1.0] at /Version
            Error SCHEMA_VALIDATION_FAILED: Minimum value is 1 at /TimeoutSeconds
        "#]],
    );
    check(
        r#"{"StartAt": "A", "Version": "1.0", "TimeoutSeconds": 99999999, "Comment": "", "QueryLanguage": "JSONPath",
            "States": {"A": {"Type": "Succeed"}}}"#,
        expect![[r#"
            ok
        "#]],
    );
}

#[test]
fn nesting_is_bounded() {
    let mut machine = r#"{"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}"#.to_owned();
    for level in 0..26 {
        machine = format!(
            r#"{{"StartAt": "M{level}", "States": {{"M{level}": {{"Type": "Map", "End": true, "ItemProcessor": {machine}}}}}}}"#
        );
    }
    let found = findings(&machine, MachineKind::Standard);
    assert!(
        found.starts_with(
            "Error TOO_DEEPLY_NESTED: States are nested more than 24 levels deep at /States/M25/"
        ),
        "{found}"
    );
}

#[test]
fn blocks_follow_in_document_order() {
    let definition = parsed(
        r#"{"StartAt": "A", "Comment": "c", "TimeoutSeconds": 9, "States": {"A": {"Type": "Parallel", "End": true,
            "Branches": [
                {"StartAt": "B", "States": {"B": {"Type": "Map", "End": true,
                    "ItemProcessor": {"StartAt": "C", "States": {"C": {"Type": "Succeed"}}}}}},
                {"StartAt": "D", "States": {"D": {"Type": "Succeed"}}}]}}}"#,
    );
    let start = |block: &Block| block.states[block.start_at.0 as usize].name.to_string();
    assert_eq!(
        definition.blocks().iter().map(start).collect::<Vec<_>>(),
        ["A", "B", "C", "D"]
    );
    assert_eq!(
        (definition.comment(), definition.timeout_seconds()),
        (Some("c"), Some(9))
    );
}

#[test]
fn doubts_do_not_refuse() {
    check_state(
        r#""Type": "Pass", "Next": "Z", "Parameters": {"a": "$.b", "c": [{"d": "States.UUID()"}]}"#,
        expect![[r#"
        Warning NO_DOLLAR: No .$ on the field 'a', whose value appears to be a JSONPath or Intrinsic Function at /States/A/Parameters/a
        Warning NO_DOLLAR: No .$ on the field 'd', whose value appears to be a JSONPath or Intrinsic Function at /States/A/Parameters/c[0]/d
    "#]],
    );
    check_state(
        r#""Type": "Pass", "Next": "Z", "Result": {"a.$": "$.b"}"#,
        expect![[r#"
        Warning PASS_RESULT_IS_STATIC: Attempt to use a path in the result of a Pass state at /States/A/Result
    "#]],
    );
}
