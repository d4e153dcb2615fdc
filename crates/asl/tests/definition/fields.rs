//! Fields of every state type, paths, templates and expressions.

use expect_test::expect;

use crate::{check, check_jsonata, check_state};

#[test]
fn a_state_has_a_known_type() {
    check_state(
        "",
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: These fields are required: [Type] at /States/A
    "#]],
    );
    check_state(
        r#""Type": "Loop""#,
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: Value should be one of the following: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map] at /States/A/Type
        "#]],
    );
    check_state(
        r#""Type": 3"#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Expected value of type String at /States/A/Type
    "#]],
    );
    check(
        r#"{"StartAt": "A", "States": {"A": []}}"#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Expected value of type Object at /States/A
    "#]],
    );
}

#[test]
fn each_type_has_its_fields() {
    check_state(
        r#""Type": "Pass", "Next": "Z", "Retry": []"#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Field 'Retry' is not supported at /States/A
    "#]],
    );
    check_state(
        r#""Type": "Wait", "Seconds": 1, "Next": "Z", "ResultPath": null"#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Field 'ResultPath' is not supported at /States/A
    "#]],
    );
    check_state(
        r#""Type": "Parallel", "Next": "Z", "TimeoutSeconds": 1,
           "Branches": [{"StartAt": "B", "States": {"B": {"Type": "Succeed", "Assign": {"x": 1}}}}]"#,
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: Field 'TimeoutSeconds' is not supported at /States/A
            Error SCHEMA_VALIDATION_FAILED: Field 'Assign' is not supported at /States/A/Branches[0]/States/B
        "#]],
    );
    check_state(
        r#""Type": "Pass", "Next": "Z", "next": "Z""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Field 'next' is not supported at /States/A
    "#]],
    );
}

#[test]
fn each_query_language_has_its_fields() {
    check_state(
        r#""Type": "Pass", "Next": "Z", "Output": 1"#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage at /States/A
    "#]],
    );
    check_jsonata(
        r#""Type": "Pass", "Next": "Z", "InputPath": "$.a", "Result": 1"#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONata', but field 'InputPath' is only supported for the 'JSONPath' QueryLanguage at /States/A
        Error SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONata', but field 'Result' is only supported for the 'JSONPath' QueryLanguage at /States/A
    "#]],
    );
    check_jsonata(
        r#""Type": "Pass", "Next": "Z", "QueryLanguage": "JSONPath""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: 'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine at /States/A
    "#]],
    );
    check_state(
        r#""Type": "Pass", "Next": "Z", "QueryLanguage": "JSONata", "Output": "{% 1 + 1 %}""#,
        expect![[r#"
        ok
    "#]],
    );
    check_state(
        r#""Type": "Pass", "Next": "Z", "QueryLanguage": "jsonpath""#,
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: Value should be one of the following: [JSONPath, JSONata] at /States/A/QueryLanguage
        "#]],
    );
    // A block inside a JSONata state is in the machine's language again.
    check_state(
        r#""Type": "Map", "QueryLanguage": "JSONata", "Items": [1], "Next": "Z",
           "ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Pass", "Output": 1, "End": true}}}"#,
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage at /States/A/ItemProcessor/States/B
        "#]],
    );
    check_state(
        r#""Type": "Map", "Next": "Z",
           "ItemProcessor": {"QueryLanguage": "JSONPath", "StartAt": "B", "States": {"B": {"Type": "Succeed"}}}"#,
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: Field 'QueryLanguage' is not supported at /States/A/ItemProcessor
        "#]],
    );
}

#[test]
fn paths_are_paths() {
    check_state(
        r#""Type": "Pass", "Next": "Z", "InputPath": "a", "OutputPath": "$.a[""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Value must be a valid JSONPath. at /States/A/InputPath
        Error SCHEMA_VALIDATION_FAILED: Value must be a valid JSONPath. at /States/A/OutputPath
    "#]],
    );
    check_state(
        r#""Type": "Pass", "Next": "Z", "InputPath": null, "OutputPath": "$$.State.Name""#,
        expect![[r#"
        ok
    "#]],
    );
    check_state(
        r#""Type": "Pass", "Next": "Z", "ResultPath": "a""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Value is not a Reference Path: Reference path didn't start with '$' at /States/A/ResultPath
    "#]],
    );
    check_state(
        r#""Type": "Pass", "Next": "Z", "ResultPath": "$.a[*]""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Value is not a Reference Path: '$.a[*]' is not a reference path: it may not use '@', '..', ',', ':', '?' or '*' at /States/A/ResultPath
    "#]],
    );
    check_state(
        r#""Type": "Pass", "Next": "Z", "ResultPath": 5"#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Expected value of type String at /States/A/ResultPath
    "#]],
    );
}

#[test]
fn payload_templates_hold_paths_and_calls() {
    check_state(
        r#""Type": "Pass", "Next": "Z", "Parameters": {"a": {"b.$": "hello"}}"#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: The value for the field 'b.$' must be a valid JSONPath or a valid intrinsic function call at /States/A/Parameters/a
    "#]],
    );
    check_state(
        r#""Type": "Pass", "Next": "Z", "Parameters": {"a.$": "States.Nothing()"}"#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call at /States/A/Parameters
    "#]],
    );
    check_state(
        r#""Type": "Pass", "Next": "Z", "Parameters": {"a.$": "$.x", "b.$": "States.UUID()", "c.$": "$$.State.Name"}"#,
        expect![[r#"
            ok
        "#]],
    );
}

#[test]
fn jsonata_is_compiled() {
    check_jsonata(
        r#""Type": "Pass", "Next": "Z", "Output": "{% 1 + %}""#,
        expect![[r#"
        Error INVALID_JSONATA_EXPRESSION: Unexpected end of expression at /States/A/Output
    "#]],
    );
    check_jsonata(
        r#""Type": "Pass", "Next": "Z", "Output": {"a": ["{% phone %}"]}"#,
        expect![[r#"
        Error UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'phone' at the top level is not supported. at /States/A/Output/a[0]
    "#]],
    );
}

#[test]
fn a_choice_has_rules() {
    check_state(
        r#""Type": "Choice", "Default": "Z""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: These fields are required: [Choices] at /States/A
    "#]],
    );
    check_state(
        r#""Type": "Choice", "Choices": [], "Default": "Z""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/A/Choices
    "#]],
    );
    check_state(
        r#""Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": true}], "Default": "Z""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: These fields are required: [Next] at /States/A/Choices[0]
    "#]],
    );
    check_state(
        r#""Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": true, "Next": "Z", "End": true}]"#,
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: Field 'End' is not supported at /States/A/Choices[0]
        "#]],
    );
    check_state(
        r#""Type": "Choice", "Choices": [{"Not": {"Variable": "$.a", "IsNull": true, "Next": "Z"}, "Next": "Z"}]"#,
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: Field 'Next' is not supported at /States/A/Choices[0]/Not
        "#]],
    );
    check_state(
        r#""Type": "Choice", "Choices": [{"Condition": true, "Next": "Z"}]"#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONPath', but field 'Condition' is only supported for the 'JSONata' QueryLanguage at /States/A/Choices[0]
    "#]],
    );
    check_jsonata(
        r#""Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": true, "Next": "Z"}]"#,
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONata', but field 'Variable' is only supported for the 'JSONPath' QueryLanguage at /States/A/Choices[0]
            Error SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONata', but field 'IsNull' is only supported for the 'JSONPath' QueryLanguage at /States/A/Choices[0]
            Error SCHEMA_VALIDATION_FAILED: These fields are required: [Condition] at /States/A/Choices[0]
        "#]],
    );
    check_jsonata(
        r#""Type": "Choice", "Choices": [{"Condition": 1, "Next": "Z"}]"#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Expected value of type Boolean at /States/A/Choices[0]/Condition
    "#]],
    );
    check_jsonata(
        r#""Type": "Choice", "Choices": [{"Condition": "{% $states.input.a %}", "Output": 1, "Next": "Z"},
           {"Condition": true, "Next": "Z"}]"#,
        expect![[r#"
            ok
        "#]],
    );
}

#[test]
fn a_wait_waits_for_one_thing() {
    check_state(
        r#""Type": "Wait", "Next": "Z""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: One of these fields is required: [Seconds, SecondsPath, Timestamp, TimestampPath] at /States/A
    "#]],
    );
    check_state(
        r#""Type": "Wait", "Next": "Z", "Seconds": 1, "TimestampPath": "$.t""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [Seconds, SecondsPath, Timestamp, TimestampPath] at /States/A
    "#]],
    );
    check_state(
        r#""Type": "Wait", "Next": "Z", "Seconds": -1"#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Minimum value is 0 at /States/A/Seconds
    "#]],
    );
    check_state(
        r#""Type": "Wait", "Next": "Z", "Timestamp": "2026-01-31 10:00:00Z""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: String does not match RFC3339 timestamp at /States/A/Timestamp
    "#]],
    );
    check_state(
        r#""Type": "Wait", "Next": "Z", "Timestamp": "2026-01-31T10:00:00+01:00""#,
        expect![[r#"
        ok
    "#]],
    );
    check_state(
        r#""Type": "Wait", "Next": "Z", "TimestampPath": "t""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Value is not a Reference Path: Reference path didn't start with '$' at /States/A/TimestampPath
    "#]],
    );
    check_jsonata(
        r#""Type": "Wait", "Next": "Z", "Seconds": "{% 1 %}""#,
        expect![[r#"
        ok
    "#]],
    );
    check_jsonata(
        r#""Type": "Wait", "Next": "Z", "SecondsPath": "$.s""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONata', but field 'SecondsPath' is only supported for the 'JSONPath' QueryLanguage at /States/A
        Error SCHEMA_VALIDATION_FAILED: One of these fields is required: [Seconds, Timestamp] at /States/A
    "#]],
    );
}

#[test]
fn a_fail_tells_error_and_cause_once() {
    check_state(
        r#""Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": true, "Next": "Z"}], "Default": "F""#,
        expect![[r#"
        Error MISSING_TRANSITION_TARGET: Missing 'Next' target: F at /States/A/Default
    "#]],
    );
    let fail = |fields: &str| {
        format!(r#"{{"StartAt": "F", "States": {{"F": {{"Type": "Fail", {fields}}}}}}}"#)
    };
    check(
        &fail(r#""Error": "E", "Cause": "C""#),
        expect![[r#"
        ok
    "#]],
    );
    check(
        &fail(r#""Error": "E", "ErrorPath": "$.e""#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [Error, ErrorPath] at /States/F
    "#]],
    );
    check(
        &fail(r#""ErrorPath": "$$.State.Name", "CausePath": "States.Format('{}', $.c)""#),
        expect![[r#"
        ok
    "#]],
    );
    check(
        &fail(r#""ErrorPath": "States.Array(1)", "CausePath": "c""#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Value must be a valid Reference Path or an intrinsic function that returns a string at /States/F/ErrorPath
        Error SCHEMA_VALIDATION_FAILED: Value is not a Reference Path: Reference path didn't start with '$' at /States/F/CausePath
    "#]],
    );
    check(
        &fail(r#""Error": "$.error", "OutputPath": "$""#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Field 'OutputPath' is not supported at /States/F
        Warning NO_PATH: The value of the field 'Error' looks like a path, but the field name does not end with 'Path' at /States/F/Error
    "#]],
    );
}

#[test]
fn a_parallel_has_branches() {
    check_state(
        r#""Type": "Parallel", "Next": "Z""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: These fields are required: [Branches] at /States/A
    "#]],
    );
    check_state(
        r#""Type": "Parallel", "Next": "Z", "Branches": []"#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/A/Branches
    "#]],
    );
    check_state(
        r#""Type": "Parallel", "Next": "Z", "Branches": [1, {"StartAt": "B", "Name": "n"}]"#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Expected value of type Object at /States/A/Branches[0]
        Error SCHEMA_VALIDATION_FAILED: Field 'Name' is not supported at /States/A/Branches[1]
        Error SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /States/A/Branches[1]
    "#]],
    );
}

#[test]
fn a_template_is_an_object_that_names_everything_once() {
    check_state(
        r#""Type": "Pass", "Next": "Z", "Parameters": "x""#,
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: Expected value of type Object at /States/A/Parameters
        "#]],
    );
    check_state(
        r#""Type": "Pass", "Next": "Z", "Parameters": {"a": 1, "b": {"c.$": "$", "c": 2}, "a.$": "$"}"#,
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [a, a.$] at /States/A/Parameters
            Error SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [c, c.$] at /States/A/Parameters/b
        "#]],
    );
    check_state(
        r#""Type": "Pass", "Next": "Z", "Assign": {"a": 1, "a.$": "$"}"#,
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [a, a.$] at /States/A/Assign
        "#]],
    );
}

#[test]
fn parts_of_states_are_refused_where_they_are_not() {
    let machine = |states: &str| {
        format!(r#"{{"QueryLanguage": "JSONata", "StartAt": "A", "States": {{{states}}}}}"#)
    };
    check(
        &machine(
            r#""A": {"Type": "Parallel", "Arguments": "{% $states.result %}", "Output": "{% $states.result %}", "Assign": {"x": "{% $states.errorOutput %}"},
                "Branches": [{"StartAt": "P", "States": {"P": {"Type": "Pass", "Output": {"a": ["{% $states.result.b %}"]}, "End": true}}}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput & $states.result %}", "Next": "Z"}], "Next": "Z"},
               "Z": {"Type": "Fail", "Cause": "{% $states.errorOutput.Cause %}"}"#,
        ),
        expect![[r#"
            Error UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$states.result' is not supported in this field. at /States/A/Arguments
            Error UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$states.errorOutput' is not supported in this field. at /States/A/Assign/x
            Error UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$states.result' is not supported in this field. at /States/A/Branches[0]/States/P/Output/a[0]
            Error UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$states.result' is not supported in this field. at /States/A/Catch[0]/Output
            Error UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$states.errorOutput' is not supported in this field. at /States/Z/Cause
        "#]],
    );
    check(
        &machine(
            r#""A": {"Type": "Parallel", "Output": "{% $states.result %}", "Assign": {"x": "{% $states %}"},
                "Branches": [{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput %}", "Assign": {"y": "{% $states.errorOutput.Error %}"}, "Next": "Z"}],
                "Next": "Z"},
               "Z": {"Type": "Succeed"}"#,
        ),
        expect![[r#"
            ok
        "#]],
    );
}

#[test]
fn half_an_expression_is_refused() {
    check_jsonata(
        r#""Type": "Wait", "Seconds": "{% 1", "Output": [" {% 1 %}", "100 %"], "Next": "Z""#,
        expect![[r#"
            Error INVALID_JSONATA_EXPRESSION: An expression must start with '{%' and end with '%}', without blanks around it:  {% 1 %} at /States/A/Output[0]
            Error INVALID_JSONATA_EXPRESSION: An expression must start with '{%' and end with '%}', without blanks around it: {% 1 at /States/A/Seconds
        "#]],
    );
    check_jsonata(
        r#""Type": "Choice", "Choices": [{"Condition": "true", "Next": "Z"}], "Default": "Z""#,
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: Expected value of type Boolean at /States/A/Choices[0]/Condition
        "#]],
    );
}
