//! What a mock stands in for, and how its errors are handled.

use expect_test::expect;
use serde_json::{Value, json};

use crate::{check, check_debug};

fn task(mut more: Value) -> Value {
    more["Type"] = json!("Task");
    more["Resource"] = json!("arn:aws:states:::lambda:invoke");
    if more.get("Parameters").is_none() && more.get("Arguments").is_none() {
        more["Parameters"] = json!({"FunctionName": "f"});
    }
    if more.get("Next").is_none() {
        more["End"] = json!(true);
    }
    more
}

fn error(name: &str) -> Value {
    json!({"errorOutput": {"error": name, "cause": "why"}})
}

#[test]
fn a_mocked_task_shows_what_it_would_have_called_with_and_what_became_of_the_result() {
    check_debug(
        task(
            json!({"Parameters": {"FunctionName": "f", "Payload.$": "$.a"},
                    "ResultSelector": {"p.$": "$.Payload"}, "ResultPath": "$.r", "Next": "Then"}),
        ),
        json!({"input": "{\"a\": 1}", "mock": {"result": "{\"Payload\": 2, \"StatusCode\": 200}"}}),
        expect![[r#"
            output {"a":1,"r":{"p":2}}
              input {"a": 1}
              afterInputPath {"a": 1}
              afterParameters {"FunctionName":"f","Payload":1}
              result {"Payload": 2, "StatusCode": 200}
              afterResultSelector {"p":2}
              afterResultPath {"a":1,"r":{"p":2}}
            nextState Then
            status SUCCEEDED
        "#]],
    );
    check_debug(
        task(
            json!({"QueryLanguage": "JSONata", "Arguments": {"FunctionName": "f"},
                    "Output": "{% $states.result.Payload %}"}),
        ),
        json!({"mock": {"result": "{\"Payload\": 2, \"StatusCode\": 200}"}}),
        expect![[r#"
            output 2
              input {}
              afterArguments {"FunctionName":"f"}
              result {"Payload": 2, "StatusCode": 200}
            status SUCCEEDED
        "#]],
    );
}

#[test]
fn a_retrier_that_is_not_spent_makes_the_state_retriable() {
    let state = task(json!({
        "Retry": [{"ErrorEquals": ["Other"]},
                  {"ErrorEquals": ["Oops"], "IntervalSeconds": 3, "BackoffRate": 2, "MaxAttempts": 2}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "Sorry"}]}));
    check_debug(
        state.clone(),
        json!({"mock": error("Oops")}),
        expect![[r#"
            error Oops
            cause why
              input {}
              afterInputPath {}
              afterParameters {"FunctionName":"f"}
              errorDetails {"retryIndex":1,"retryBackoffIntervalSeconds":3}
            status RETRIABLE
        "#]],
    );
    let with = |retries: u32| json!({"mock": error("Oops"), "stateConfiguration": {"retrierRetryCount": retries}});
    check_debug(
        state.clone(),
        with(1),
        expect![[r#"
            error Oops
            cause why
              input {}
              afterInputPath {}
              afterParameters {"FunctionName":"f"}
              errorDetails {"retryIndex":1,"retryBackoffIntervalSeconds":6}
            status RETRIABLE
        "#]],
    );
    check_debug(
        state,
        with(2),
        expect![[r#"
            output {"e":{"Error":"Oops","Cause":"why"}}
            error Oops
            cause why
              input {}
              afterInputPath {}
              afterParameters {"FunctionName":"f"}
              errorDetails {"catchIndex":0,"retryIndex":1}
            nextState Sorry
            status CAUGHT_ERROR
        "#]],
    );
}

#[test]
fn an_error_that_nothing_names_fails_the_state() {
    let state = task(json!({"Retry": [{"ErrorEquals": ["Other"]}]}));
    check_debug(
        state,
        json!({"mock": error("Oops")}),
        expect![[r#"
            error Oops
            cause why
              input {}
              afterInputPath {}
              afterParameters {"FunctionName":"f"}
            status FAILED
        "#]],
    );
}

#[test]
fn a_mocked_parallel_goes_on_with_the_results_of_its_branches() {
    let branch = json!({"StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}});
    let state = json!({"Type": "Parallel", "Branches": [branch], "InputPath": "$.a",
                       "ResultSelector": {"first.$": "$[0]"}, "ResultPath": "$.r", "End": true});
    check_debug(
        state.clone(),
        json!({"input": "{\"a\": 1}", "mock": {"result": "[2]"}}),
        expect![[r#"
            output {"a":1,"r":{"first":2}}
              input {"a": 1}
              afterResultSelector {"first":2}
              afterResultPath {"a":1,"r":{"first":2}}
            status SUCCEEDED
        "#]],
    );
    check_debug(
        state.clone(),
        json!({"mock": error("Oops")}),
        expect![[r#"
        error Oops
        cause why
          input {}
        status FAILED
    "#]],
    );
    check(
        state.clone(),
        json!({"mock": {"result": "[1, 2]"}}),
        expect![[r#"
            ValidationException: Mocked result must contain the same number of items as number of Parallel branches.
        "#]],
    );
    check(
        state,
        json!({"mock": {"result": "{}"}}),
        expect![[r#"
        ValidationException: Mocked result must be an array.
    "#]],
    );
}

fn map(mut more: Value) -> Value {
    more["Type"] = json!("Map");
    more["ItemProcessor"] = json!({
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "One", "States": {"One": {"Type": "Pass", "End": true}}});
    more["End"] = json!(true);
    more
}

#[test]
fn a_mocked_map_shows_its_items_and_its_limits() {
    check_debug(
        map(
            json!({"InputPath": "$.a", "ItemsPath": "$.list", "ResultPath": "$.r", "MaxConcurrency": 2,
                   "ItemSelector": {"it.$": "$$.Map.Item.Value", "at.$": "$$.Map.Item.Index"}}),
        ),
        json!({"input": "{\"a\": {\"list\": [5, 6]}}", "mock": {"result": "[1, 2]"}}),
        expect![[r#"
            output {"a":{"list":[5,6]},"r":[1,2]}
              input {"a": {"list": [5, 6]}}
              afterInputPath {"list":[5,6]}
              afterResultSelector [1, 2]
              afterResultPath {"a":{"list":[5,6]},"r":[1,2]}
              afterItemsPath [5,6]
              afterItemSelector [{"it":5,"at":0},{"it":6,"at":1}]
              maxConcurrency 2
            status SUCCEEDED
        "#]],
    );
    check_debug(
        map(
            json!({"QueryLanguage": "JSONata", "Items": [5, 6], "ToleratedFailurePercentage": 12.5,
                   "ItemSelector": {"it": "{% $states.context.Map.Item.Value %}"}}),
        ),
        json!({"mock": {"result": "[1, 2]"}}),
        expect![[r#"
            output [1, 2]
              input {}
              afterItemSelector [{"it":5},{"it":6}]
              toleratedFailurePercentage 12.5
              maxConcurrency 0
            status SUCCEEDED
        "#]],
    );
}

#[test]
fn a_mocked_map_shows_its_batches() {
    check_debug(
        map(
            json!({"ItemsPath": "$.l", "ItemSelector": {"it.$": "$$.Map.Item.Value"},
                   "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"b": 1}}}),
        ),
        json!({"input": "{\"l\": [5, 6, 7]}", "mock": {"result": "[1, 2]"}}),
        expect![[r#"
            output [1, 2]
              input {"l": [5, 6, 7]}
              afterInputPath {"l": [5, 6, 7]}
              afterResultSelector [1, 2]
              afterResultPath [1, 2]
              afterItemsPath [5, 6, 7]
              afterItemSelector [{"it":5},{"it":6},{"it":7}]
              afterItemBatcher [{"BatchInput":{"b":1},"Items":[{"it":5},{"it":6}]},{"BatchInput":{"b":1},"Items":[{"it":7}]}]
              maxConcurrency 0
            status SUCCEEDED
        "#]],
    );
}

#[test]
fn a_map_fails_beside_a_mocked_result_once_more_iterations_failed_than_it_tolerates() {
    let counted = map(json!({"ItemsPath": "$.l", "ToleratedFailureCount": 1}));
    let input = json!("{\"l\": [1, 2, 3, 4]}");
    let request = |failed: u32| {
        json!({"input": input, "mock": {"result": "[1, 2, 3, 4]"},
               "stateConfiguration": {"mapIterationFailureCount": failed}})
    };
    check(
        counted.clone(),
        request(1),
        expect![[r#"
        output [1, 2, 3, 4]
        status SUCCEEDED
    "#]],
    );
    check(
        counted,
        request(2),
        expect![[r#"
        error States.ExceedToleratedFailureThreshold
        cause The specified tolerated failure threshold was exceeded
        status FAILED
    "#]],
    );
    let percentage = map(json!({"ItemsPath": "$.l", "ToleratedFailurePercentage": 25,
        "Catch": [{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "Next": "Sorry"}]}));
    check(
        percentage.clone(),
        request(1),
        expect![[r#"
        output [1, 2, 3, 4]
        status SUCCEEDED
    "#]],
    );
    check(
        percentage,
        request(2),
        expect![[r#"
        output {"Error":"States.ExceedToleratedFailureThreshold","Cause":"The specified tolerated failure threshold was exceeded"}
        error States.ExceedToleratedFailureThreshold
        cause The specified tolerated failure threshold was exceeded
        nextState Sorry
        status CAUGHT_ERROR
    "#]],
    );
}

#[test]
fn what_an_item_reader_has_read_is_given() {
    check_debug(
        map(
            json!({"QueryLanguage": "JSONata", "ItemSelector": {"it": "{% $states.context.Map.Item.Value %}"},
                   "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "Arguments": {"Bucket": "b", "Key": "k"},
                                  "ReaderConfig": {"InputType": "JSON", "ItemsPointer": "/list"}}}),
        ),
        json!({"mock": {"result": "[1, 2]"}, "stateConfiguration": {"mapItemReaderData": "{\"list\": [5, 6]}"}}),
        expect![[r#"
            output [1, 2]
              input {}
              afterItemSelector [{"it":5},{"it":6}]
              afterItemsPointer [5,6]
              maxConcurrency 0
            status SUCCEEDED
        "#]],
    );
}

#[test]
fn the_result_of_a_map_is_an_array_or_what_its_writer_says() {
    check(
        map(json!({})),
        json!({"mock": {"result": "{}"}}),
        expect![[r#"
            ValidationException: Mocked result must be an array.
        "#]],
    );
    let written = map(
        json!({"ResultWriter": {"Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": "b", "Prefix": "p"}}}),
    );
    check(
        written,
        json!({"mock": {"result": "[]"}}),
        expect![[r#"
        ValidationException: Mocked result must be a JSON object.
    "#]],
    );
}
