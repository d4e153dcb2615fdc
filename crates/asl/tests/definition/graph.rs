//! Names, transitions, terminal and unreachable states.

use expect_test::expect;

use crate::{check, check_state};

#[test]
fn every_transition_names_a_state_of_its_own_block() {
    check(
        r#"{"StartAt": "B", "States": {"A": {"Type": "Succeed"}}}"#,
        expect![[r#"
        Error MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /StartAt
        Error MISSING_TRANSITION_TARGET: State "A" is not reachable. at /States/A
    "#]],
    );
    check(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "C"}, "B": {"Type": "Pass", "End": true}}}"#,
        expect![[r#"
            Error MISSING_TRANSITION_TARGET: Missing 'Next' target: C at /States/A/Next
            Error MISSING_TRANSITION_TARGET: State "B" is not reachable. at /States/B
        "#]],
    );
    check_state(
        r#""Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": true, "Next": "X"}], "Default": "Y""#,
        expect![[r#"
            Error MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/A/Choices[0]/Next
            Error MISSING_TRANSITION_TARGET: Missing 'Next' target: Y at /States/A/Default
            Error MISSING_TRANSITION_TARGET: State "Z" is not reachable. at /States/Z
        "#]],
    );
    check_state(
        r#""Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "Next": "Z",
           "Catch": [{"ErrorEquals": ["E"], "Next": "X"}]"#,
        expect![[r#"
            Error MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/A/Catch[0]/Next
        "#]],
    );
    check_state(
        r#""Type": "Parallel", "Next": "Z",
           "Branches": [{"StartAt": "B", "States": {"B": {"Type": "Pass", "Next": "Z"}}}]"#,
        expect![[r#"
            Error MISSING_TRANSITION_TARGET: Missing 'Next' target: Z at /States/A/Branches[0]/States/B/Next
            Error MISSING_END_STATE: Workflow has no terminal state at null
        "#]],
    );
}

#[test]
fn a_state_that_nothing_leads_to_is_refused() {
    check(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}, "B": {"Type": "Pass", "Next": "C"},
            "C": {"Type": "Succeed"}}}"#,
        expect![[r#"
            Error MISSING_TRANSITION_TARGET: State "B" is not reachable. at /States/B
        "#]],
    );
}

#[test]
fn a_block_has_a_terminal_state() {
    check(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"},
            "C": {"Type": "Pass", "Next": "A"}}}"#,
        expect![[r#"
            Error MISSING_END_STATE: Workflow has no terminal state at null
        "#]],
    );
    check(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "X"}}}"#,
        expect![[r#"
        Error MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/A/Next
        Error MISSING_END_STATE: Workflow has no terminal state at null
    "#]],
    );
}

#[test]
fn the_graph_is_judged_only_when_the_shape_is_clean() {
    check(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "X", "Seconds": 1}}}"#,
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: Field 'Seconds' is not supported at /States/A
        "#]],
    );
}

#[test]
fn a_state_goes_on_or_ends() {
    check_state(
        r#""Type": "Pass""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: One of these fields is required: [Next, End] at /States/A
    "#]],
    );
    check_state(
        r#""Type": "Pass", "End": false"#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: One of these fields is required: [Next, End] at /States/A
    "#]],
    );
    check_state(
        r#""Type": "Pass", "End": "true""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Expected value of type Boolean at /States/A/End
    "#]],
    );
    check_state(
        r#""Type": "Pass", "End": true, "Next": "Z""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [Next, End] at /States/A
    "#]],
    );
    check_state(
        r#""Type": "Pass", "End": false, "Next": "Z""#,
        expect![[r#"
        ok
    "#]],
    );
    check_state(
        r#""Type": "Fail", "End": true"#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Field 'End' is not supported at /States/A
    "#]],
    );
}

#[test]
fn a_state_name_is_short_and_unique_in_the_whole_machine() {
    let long = "n".repeat(81);
    check(
        &format!(r#"{{"StartAt": "{long}", "States": {{"{long}": {{"Type": "Succeed"}}}}}}"#),
        expect![[r#"
            Error INVALID_STATE_NAME: Invalid State name: State 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn' exceeds the 80-character limit allowed by the service at /States/nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn
        "#]],
    );
    let umlauts = "ü".repeat(80);
    check(
        &format!(r#"{{"StartAt": "{umlauts}", "States": {{"{umlauts}": {{"Type": "Succeed"}}}}}}"#),
        expect![[r#"
            ok
        "#]],
    );
    check_state(
        r#""Type": "Map", "Next": "Z", "ItemProcessor": {"StartAt": "Z", "States": {"Z": {"Type": "Succeed"}}}"#,
        expect![[r#"
            Error DUPLICATE_STATE_NAME: Duplicate State name: Z at /States/A/ItemProcessor/States/Z
        "#]],
    );
}
