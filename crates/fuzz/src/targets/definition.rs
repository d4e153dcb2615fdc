//! Definitions: whole machines with values changed, moved, nested and taken away.

use serde_json::{Value, json};
use stepwell_asl::Severity;
use stepwell_asl::definition::{Definition, MachineKind};

use crate::Target;
use crate::corpus::Corpus;
use crate::draw::Draw;

pub static TARGET: Target = Target {
    name: "definition",
    generate,
    read,
};

/// Most structural changes of one input.
const CHANGES_MAX: usize = 6;

/// Fields of the language, so that a change often stays close to it.
const FIELDS: [&str; 64] = [
    "StartAt",
    "States",
    "Comment",
    "Version",
    "TimeoutSeconds",
    "QueryLanguage",
    "Type",
    "Next",
    "End",
    "InputPath",
    "OutputPath",
    "ResultPath",
    "Parameters",
    "ResultSelector",
    "Result",
    "Arguments",
    "Output",
    "Assign",
    "Resource",
    "TimeoutSecondsPath",
    "HeartbeatSeconds",
    "HeartbeatSecondsPath",
    "Credentials",
    "Retry",
    "Catch",
    "ErrorEquals",
    "IntervalSeconds",
    "MaxAttempts",
    "BackoffRate",
    "MaxDelaySeconds",
    "JitterStrategy",
    "Choices",
    "Default",
    "Condition",
    "Variable",
    "And",
    "Or",
    "Not",
    "StringEquals",
    "NumericGreaterThanPath",
    "IsPresent",
    "StringMatches",
    "TimestampLessThan",
    "Branches",
    "ItemProcessor",
    "Iterator",
    "ProcessorConfig",
    "Mode",
    "ExecutionType",
    "ItemsPath",
    "Items",
    "ItemSelector",
    "ItemReader",
    "ItemBatcher",
    "ResultWriter",
    "Label",
    "MaxConcurrency",
    "MaxConcurrencyPath",
    "ToleratedFailurePercentage",
    "ToleratedFailureCount",
    "Seconds",
    "Timestamp",
    "Error",
    "CausePath",
];

/// Texts that mean something as a value.
const TEXTS: [&str; 24] = [
    "Pass",
    "Task",
    "Choice",
    "Map",
    "Parallel",
    "Wait",
    "Succeed",
    "Fail",
    "JSONata",
    "JSONPath",
    "DISTRIBUTED",
    "INLINE",
    "EXPRESS",
    "STANDARD",
    "FULL",
    "States.ALL",
    "$",
    "$.a[*]",
    "$$.Map.Item.Value",
    "{% $states.input %}",
    "{% $x := %}",
    "States.Format('{}', $.a)",
    "arn:aws:states:::lambda:invoke.waitForTaskToken",
    "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST",
];

fn generate(draw: &mut Draw, corpus: &Corpus) -> Vec<u8> {
    let text = corpus.text(draw);
    let changed = match serde_json::from_str::<Value>(text) {
        Ok(mut value) if !draw.once_in(4) => {
            for _ in 0..=draw.below(CHANGES_MAX) {
                change(draw, &mut value, corpus);
            }
            value.to_string()
        }
        _ => text.to_owned(),
    };
    if draw.once_in(3) {
        draw.mutated(&changed, &TEXTS, corpus).into_bytes()
    } else {
        changed.into_bytes()
    }
}

/// Changes one value, chosen on a way down from the root.
fn change(draw: &mut Draw, value: &mut Value, corpus: &Corpus) {
    if !draw.once_in(6) {
        match value {
            Value::Object(members) if !members.is_empty() => {
                let at = draw.below(members.len());
                let (_, below) = members
                    .iter_mut()
                    .nth(at)
                    .expect("the place is below the length");
                return change(draw, below, corpus);
            }
            Value::Array(items) if !items.is_empty() => {
                let at = draw.below(items.len());
                return change(draw, &mut items[at], corpus);
            }
            _ => {}
        }
    }
    match (draw.below(6), &mut *value) {
        (0, Value::Object(members)) => {
            let name = draw.one_of(&FIELDS).to_owned();
            let content = leaf(draw);
            members.insert(name, content);
        }
        (1, Value::Object(members)) if !members.is_empty() => {
            let name = members
                .keys()
                .nth(draw.below(members.len()))
                .cloned()
                .unwrap_or_default();
            let content = members.shift_remove(&name).unwrap_or_default();
            if draw.once_in(2) {
                members.insert(draw.one_of(&FIELDS).to_owned(), content);
            }
        }
        (2, Value::Array(items)) => items.extend(items.clone().into_iter().take(50)),
        (3, _) => *value = wrapped(draw, value.take()),
        (4, _) => {
            if let Ok(other) = serde_json::from_str(corpus.text(draw)) {
                *value = part_of(draw, other);
            }
        }
        _ => *value = leaf(draw),
    }
}

fn leaf(draw: &mut Draw) -> Value {
    match draw.below(8) {
        0 => Value::Null,
        1 => json!(draw.once_in(2)),
        2 => serde_json::from_str(&draw.number()).unwrap_or_else(|_| json!(-1)),
        3 => json!([]),
        4 => json!({}),
        5 => Value::from(draw.one_of(&FIELDS)),
        _ => Value::from(draw.one_of(&TEXTS)),
    }
}

/// `value` inside a list, an object or a branch of its own, a few or many times.
fn wrapped(draw: &mut Draw, value: Value) -> Value {
    let levels = draw.one_of(&[1, 2, 9, 40, 100]);
    let kind = draw.below(4);
    (0..levels).fold(value, |inner, level| match kind {
        0 => json!([inner]),
        1 => json!({"a.$": inner}),
        2 => json!({"And": [inner], "Not": {"Variable": "$", "IsNull": true}}),
        _ => {
            let name = format!("S{level}");
            let branch = json!({"StartAt": name, "States": {name.clone(): inner}});
            json!({"Type": "Parallel", "Branches": [branch], "End": true})
        }
    })
}

/// Some value inside `value`.
fn part_of(draw: &mut Draw, mut value: Value) -> Value {
    while !draw.once_in(3) {
        value = match value {
            Value::Object(members) if !members.is_empty() => {
                let at = draw.below(members.len());
                members
                    .into_iter()
                    .nth(at)
                    .map(|(_, below)| below)
                    .unwrap_or_default()
            }
            Value::Array(mut items) if !items.is_empty() => {
                let at = draw.below(items.len());
                items.swap_remove(at)
            }
            leaf => return leaf,
        };
    }
    value
}

fn read(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for kind in [MachineKind::Standard, MachineKind::Express] {
        let findings = Definition::diagnose(&text, kind);
        let has_errors = findings
            .iter()
            .any(|finding| finding.severity == Severity::Error);
        match Definition::parse(&text, kind) {
            Ok(definition) => assert!(
                !has_errors && **definition.text() == *text,
                "errors, and yet a definition"
            ),
            Err(errors) => assert!(
                has_errors && !errors.is_empty(),
                "no definition, and yet no error"
            ),
        }
    }
}
