//! Whatever is wrong with a definition, it is answered, and the two entries agree.

use serde_json::{Value, json};
use stepwell_asl::Severity;
use stepwell_asl::definition::{Definition, MachineKind};

/// A machine with every state type and most fields, in both languages.
fn rich() -> Value {
    json!({
        "StartAt": "Decide", "Comment": "c", "Version": "1.0", "TimeoutSeconds": 60,
        "States": {
            "Decide": {"Type": "Choice", "Default": "Call", "Choices": [
                {"And": [{"Variable": "$.a", "IsPresent": true}, {"Not": {"Variable": "$.a", "NumericEquals": 1}}],
                 "Assign": {"seen.$": "$.a"}, "Next": "Call"}]},
            "Call": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "TimeoutSecondsPath": "$.t",
                "HeartbeatSeconds": 5, "Parameters": {"Payload.$": "$"}, "ResultSelector": {"r.$": "$.Payload"},
                "Credentials": {"RoleArn.$": "$.role"}, "ResultPath": "$.result", "InputPath": "$", "OutputPath": "$.x",
                "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1.5,
                    "MaxDelaySeconds": 9, "JitterStrategy": "FULL"}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Assign": {"e.$": "$"}, "Next": "Stop"}],
                "Next": "Each"},
            "Each": {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "Label": "each",
                "ItemSelector": {"v.$": "$$.Map.Item.Value"}, "ToleratedFailurePercentage": 5.5,
                "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b"},
                    "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["h"], "MaxItems": 3}},
                "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"x.$": "$.x"}},
                "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}},
                "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "Item", "States": {"Item": {"Type": "Pass", "Result": [1], "End": true}}},
                "Next": "Fork"},
            "Fork": {"Type": "Parallel", "QueryLanguage": "JSONata", "Arguments": "{% $states.input %}",
                "Output": {"o": "{% $states.result %}"}, "Next": "Rest",
                "Branches": [{"StartAt": "Arm", "States": {"Arm": {"Type": "Succeed", "OutputPath": null}}}]},
            "Rest": {"Type": "Wait", "QueryLanguage": "JSONata", "Seconds": "{% 1 %}", "Next": "Ask"},
            "Ask": {"Type": "Choice", "QueryLanguage": "JSONata",
                "Choices": [{"Condition": "{% $seen = 1 %}", "Output": 1, "Next": "Until"}]},
            "Until": {"Type": "Wait", "Timestamp": "2026-01-31T10:00:00Z", "End": true},
            "Stop": {"Type": "Fail", "ErrorPath": "States.Format('{}', $.e)", "Cause": "c"}
        }
    })
}

/// What becomes of a value; `None` takes it away.
type Change<'c> = &'c dyn Fn(&Value) -> Option<Value>;

/// `value` with the `at`-th of its values, counted from the outside in, taken through `change`.
fn changed(value: &Value, at: &mut usize, change: Change<'_>) -> Option<Value> {
    if *at == 0 {
        *at = usize::MAX;
        return change(value);
    }
    *at -= 1;
    match value {
        Value::Array(items) => Some(
            items
                .iter()
                .filter_map(|item| step(item, at, change))
                .collect(),
        ),
        Value::Object(fields) => Some(Value::Object(
            fields
                .iter()
                .filter_map(|(name, field)| Some((name.clone(), step(field, at, change)?)))
                .collect(),
        )),
        leaf => Some(leaf.clone()),
    }
}

fn step(value: &Value, at: &mut usize, change: Change<'_>) -> Option<Value> {
    if *at == usize::MAX {
        Some(value.clone())
    } else {
        changed(value, at, change)
    }
}

fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(fields) => fields.values().map(size).sum(),
        _ => 0,
    }
}

#[test]
fn every_single_change_is_answered() {
    let rich = rich();
    let whole = Definition::diagnose(&rich.to_string(), MachineKind::Standard);
    assert_eq!(whole, [], "the definition to change is itself valid");
    let changes: [Change<'_>; 7] = [
        &|_| None,
        &|_| Some(Value::Null),
        &|_| Some(json!([])),
        &|_| Some(json!({"Type": {}, "a.$": 1})),
        &|_| Some(json!(-1.5)),
        &|_| Some(json!("{% $ %}")),
        &|value| Some(json!([value, value])),
    ];
    let mut refused = 0;
    for at in 0..size(&rich) {
        for change in changes {
            let text = changed(&rich, &mut at.clone(), change)
                .map_or(String::new(), |value| value.to_string());
            let errors: Vec<_> = Definition::diagnose(&text, MachineKind::Standard)
                .into_iter()
                .filter(|finding| finding.severity == Severity::Error)
                .collect();
            match Definition::parse(&text, MachineKind::Standard) {
                Ok(definition) => {
                    assert!(errors.is_empty() && **definition.text() == *text, "{text}")
                }
                Err(told) => {
                    refused += 1;
                    assert!(!told.is_empty() && told == errors, "{text}");
                }
            }
        }
    }
    // Most changes are faults; a reader that accepts everything must not pass.
    assert!(
        refused > 5 * size(&rich),
        "{refused} of {} changes were refused",
        7 * size(&rich)
    );
}
