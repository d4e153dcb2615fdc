//! The language's reference cases, where they are at hand: `../shared/jsonata-suite` beside the workspace.
//!
//! They are not part of the repository; without them the test says so and passes.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};

use jsonata_core::evaluator::EvaluatorOptions;
use jsonata_core::value::JValue;
use serde_json::{Map, Value};

use super::{Bindings, Expression, values};
use crate::scope::{Entropy, Variables};
use crate::{Scope, Timestamp};

/// Cases that must pass; raise it when more do.
const PASSING_MIN: usize = 1_094;
/// Native stack of the thread that runs the cases.
const STACK_BYTES: usize = 8 << 20;
/// Longest evaluation of a case that sets no limit, so that a runaway fails instead of hanging.
const CASE_MS_MAX: u64 = 10_000;

/// Groups about something that AWS does not have.
const LEFT_OUT: [&str; 1] = ["function-eval"];

#[test]
fn the_reference_cases_keep_their_score() {
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/jsonata-suite");
    if !suite.is_dir() {
        println!("skipped: no reference cases at {}", suite.display());
        return;
    }
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let (passed, failed) = thread.spawn(move || run(&suite)).unwrap().join().unwrap();
    println!(
        "JSONata reference cases: {passed} of {} pass",
        passed + failed.len()
    );
    for failure in &failed {
        println!("  {failure}");
    }
    assert!(
        passed >= PASSING_MIN,
        "{passed} cases pass, at least {PASSING_MIN} did before"
    );
}

fn run(suite: &Path) -> (usize, Vec<String>) {
    let mut passed = 0;
    let mut failed = Vec::new();
    for group in sorted(&suite.join("groups")) {
        let name = group.file_name().unwrap().to_string_lossy().into_owned();
        if LEFT_OUT.contains(&name.as_str()) {
            continue;
        }
        for file in sorted(&group)
            .iter()
            .filter(|file| file.extension().is_some_and(|e| e == "json"))
        {
            let Ok(content) = serde_json::from_str::<Value>(&fs::read_to_string(file).unwrap())
            else {
                // Half a surrogate pair, which no Rust text can hold.
                continue;
            };
            let cases = match content {
                Value::Array(cases) => cases,
                case => vec![case],
            };
            for (index, case) in cases.iter().enumerate() {
                let label = format!(
                    "{name}/{}[{index}]",
                    file.file_stem().unwrap().to_string_lossy()
                );
                match check(suite, &group, case) {
                    Ok(()) => passed += 1,
                    Err(difference) => failed.push(format!("{label}: {difference}")),
                }
            }
        }
    }
    (passed, failed)
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    entries
}

fn check(suite: &Path, group: &Path, case: &Value) -> Result<(), String> {
    let source = match (case["expr"].as_str(), case["expr-file"].as_str()) {
        (Some(source), _) => source.to_owned(),
        (None, Some(file)) => fs::read_to_string(group.join(file)).unwrap(),
        (None, None) => return Err("no expression".to_owned()),
    };
    let root = match case["dataset"].as_str() {
        Some(name) => {
            let text =
                fs::read_to_string(suite.join("datasets").join(format!("{name}.json"))).unwrap();
            values::from_json(&serde_json::from_str(&text).unwrap())
        }
        None => case
            .get("data")
            .map_or(JValue::Undefined, values::from_json),
    };
    let outcome = evaluated(&source, &root, case);
    if let Some(expected) = case.get("result") {
        let value = outcome?;
        let found = values::to_json(&value).map_err(|problem| format!("{problem:?}"))?;
        return same(&found, expected)
            .then_some(())
            .ok_or_else(|| format!("{found} instead of {expected}"));
    }
    if case["undefinedResult"] == Value::Bool(true) {
        let value = outcome?;
        return value
            .is_undefined()
            .then_some(())
            .ok_or_else(|| format!("{value:?} instead of undefined"));
    }
    let code = case["code"]
        .as_str()
        .or(case["error"]["code"].as_str())
        .unwrap_or_default();
    match outcome {
        Ok(value) => Err(format!("{value:?} instead of the error {code}")),
        Err(message) if code == "S0106" && message == "Unclosed comment" => Ok(()),
        Err(message) if message.contains(code) || (code == "U1001" && message.contains("D101")) => {
            Ok(())
        }
        Err(message) => Err(format!("the error {message} instead of {code}")),
    }
}

fn evaluated(source: &str, root: &JValue, case: &Value) -> Result<JValue, String> {
    let expression = Expression::parse_with_code(source)?;
    let bindings = case["bindings"].as_object().cloned().unwrap_or_default();
    let (context, variables) = (Value::Object(Map::new()), Variables::new());
    let entropy = Entropy::derive(&[1; 32], 1);
    let scope = Scope {
        input: &Value::Null,
        context: &context,
        variables: &variables,
        result: None,
        error_output: None,
        now: Timestamp::from_millis(1_700_000_000_123),
        entropy: &entropy,
    };
    let options = EvaluatorOptions {
        timeout_ms: Some(case["timelimit"].as_u64().unwrap_or(CASE_MS_MAX)),
        cancel: None,
        max_stack_depth: case["depth"]
            .as_u64()
            .map(|depth| usize::try_from(depth).unwrap()),
        max_sequence_length: None,
    };
    let bindings = Bindings(
        bindings
            .iter()
            .map(|(name, value)| (name.clone(), values::from_json(value)))
            .collect(),
    );
    expression
        .run(&bindings, root, &scope, options)
        .map_err(|error| error.message().to_owned())
}

/// Equal as JSON of JavaScript, where 1 is 1.0.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            let (left, right) = (left.as_f64().unwrap(), right.as_f64().unwrap());
            left == right || (left - right).abs() <= f64::EPSILON * left.abs()
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(name, value)| right.get(name).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}
