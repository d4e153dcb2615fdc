//! Random definitions are valid, and everything of the language is among them.

use std::collections::BTreeSet;

use serde_json::Value;
use stepwell_engine::{Definition, MachineKind};
use stepwell_sim::Draw;
use stepwell_sim::definitions::{Features, Sample, children};

const SEEDS: u64 = 10_000;

fn sample(seed: u64) -> Sample {
    Sample::draw(&mut Draw::of(seed, 7), &Features::all())
}

#[test]
fn every_random_definition_is_valid() {
    for seed in 0..SEEDS {
        let sample = sample(seed);
        if let Err(problems) = Definition::parse(&sample.definition, sample.kind) {
            panic!("seed {seed}: {problems:#?}\n{}", sample.definition);
        }
    }
    for (name, sample) in children() {
        Definition::parse(&sample.definition, sample.kind)
            .unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
    }
}

/// Everything that some state, retrier, catcher or rule of the language can have and that a shard performs.
const WANTED: &[&str] = &[
    "Type=Pass",
    "Type=Task",
    "Type=Choice",
    "Type=Wait",
    "Type=Parallel",
    "Type=Map",
    "Type=Succeed",
    "Type=Fail",
    "QueryLanguage=JSONata",
    "QueryLanguage=JSONPath",
    "Mode=INLINE",
    "Mode=DISTRIBUTED",
    "ExecutionType=STANDARD",
    "ExecutionType=EXPRESS",
    "JitterStrategy=FULL",
    "JitterStrategy=NONE",
    "Transformation=NONE",
    "Transformation=COMPACT",
    "Transformation=FLATTEN",
    "OutputType=JSONL",
    "Comment",
    "Version",
    "TimeoutSeconds",
    "TimeoutSecondsPath",
    "HeartbeatSeconds",
    "HeartbeatSecondsPath",
    "Credentials",
    "InputPath",
    "OutputPath",
    "Parameters",
    "ResultSelector",
    "ResultPath",
    "Result",
    "Arguments",
    "Output",
    "Assign",
    "Retry",
    "ErrorEquals",
    "IntervalSeconds",
    "MaxAttempts",
    "BackoffRate",
    "MaxDelaySeconds",
    "Catch",
    "Choices",
    "Default",
    "Condition",
    "Variable",
    "And",
    "Or",
    "Not",
    "Branches",
    "ItemProcessor",
    "Iterator",
    "ProcessorConfig",
    "ItemsPath",
    "Items",
    "ItemSelector",
    "ItemBatcher",
    "MaxItemsPerBatch",
    "MaxInputBytesPerBatch",
    "BatchInput",
    "ResultWriter",
    "Label",
    "MaxConcurrency",
    "MaxConcurrencyPath",
    "ToleratedFailureCount",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentage",
    "ToleratedFailurePercentagePath",
    "Seconds",
    "SecondsPath",
    "Timestamp",
    "TimestampPath",
    "Error",
    "ErrorPath",
    "Cause",
    "CausePath",
    "Resource=lambda",
    "Resource=activity",
    "Resource=states:::lambda:invoke",
    "Resource=states:::lambda:invoke.waitForTaskToken",
    "Resource=states:::states:startExecution",
    "Resource=states:::states:startExecution.sync",
    "Resource=states:::states:startExecution.sync:2",
];

#[test]
fn every_type_of_state_and_every_field_occurs() {
    let mut seen = BTreeSet::new();
    for seed in 0..SEEDS / 5 {
        let sample = sample(seed);
        let is_express = sample.kind == MachineKind::Express;
        seen.insert(format!("express={is_express}"));
        let definition: Value = serde_json::from_str(&sample.definition).expect("it is JSON");
        note(&definition, &mut seen);
    }
    let missing: Vec<&&str> = WANTED
        .iter()
        .filter(|wanted| !seen.contains(**wanted))
        .collect();
    assert!(missing.is_empty(), "never drawn: {missing:?}");
    assert!(seen.contains("express=true") && seen.contains("express=false"));
}

/// Notes the fields of a definition, and the values of some.
fn note(value: &Value, seen: &mut BTreeSet<String>) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| note(element, seen)),
        Value::Object(members) => {
            for (name, content) in members {
                seen.insert(name.clone());
                if let Value::String(text) = content {
                    seen.insert(format!("{name}={text}"));
                    if name == "Resource" {
                        seen.insert(format!("Resource={}", kind_of(text)));
                    }
                }
                note(content, seen);
            }
        }
        _ => {}
    }
}

fn kind_of(resource: &str) -> &str {
    if resource.contains(":lambda:us-east-1:") {
        return "lambda";
    }
    if resource.contains(":activity:") {
        return "activity";
    }
    resource.trim_start_matches("arn:aws:")
}
