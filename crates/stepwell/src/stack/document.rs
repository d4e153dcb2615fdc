//! Comparing documents. Pure.

use serde_json::{Map, Value};

/// Members whose every part counts: what is there and not wanted must go.
const EXACT: [&str; 12] = [
    "Environment",
    "Layers",
    "ManagedPolicyArns",
    "Policies",
    "Roles",
    "RoutingConfig",
    "StageVariables",
    "Tags",
    "Targets",
    "Variables",
    "DestinationConfig",
    "Cors",
];

/// The members that differ, by name.
///
/// An absent member, null, false and what is empty are the same: a service fills in or leaves out such values.
pub fn differences(wanted: &Map<String, Value>, existing: &Map<String, Value>) -> Vec<String> {
    let only_existing = existing.keys().filter(|name| !wanted.contains_key(*name));
    let names = wanted.keys().chain(only_existing);
    let differs = |name: &&String| {
        let (wanted, existing) = (wanted.get(*name), existing.get(*name));
        let (wanted, existing) = (
            wanted.unwrap_or(&Value::Null),
            existing.unwrap_or(&Value::Null),
        );
        let is_exact = EXACT.contains(&name.as_str());
        !covers(existing, wanted) || is_exact && !covers(wanted, existing)
    };
    names.filter(differs).cloned().collect()
}

/// The members as a reader knows them: a package is known by its hash, and is the code.
pub fn shown(members: &[String]) -> Vec<String> {
    let shown = members.iter().map(|member| match member.as_str() {
        "CodeSha256" => "Code".to_owned(),
        "BodyHash" => "Body".to_owned(),
        member => member.to_owned(),
    });
    let mut shown: Vec<String> = shown.collect();
    shown.dedup();
    shown
}

/// Whether every member that is asked for is there: a server fills in defaults of its own.
pub fn covers(existing: &Value, wanted: &Value) -> bool {
    match (existing, wanted) {
        (Value::Object(existing), Value::Object(wanted)) => wanted.iter().all(|(name, value)| {
            existing
                .get(name)
                .map_or(is_empty(value), |found| covers(found, value))
        }),
        (Value::Array(existing), Value::Array(wanted)) => {
            existing.len() == wanted.len()
                && existing
                    .iter()
                    .zip(wanted)
                    .all(|(existing, wanted)| covers(existing, wanted))
        }
        (Value::Object(_) | Value::Array(_), _) | (_, Value::Object(_) | Value::Array(_)) => {
            is_empty(existing) && is_empty(wanted)
        }
        // CloudFormation takes "30" for 30 and "true" for true.
        _ => scalar(existing) == scalar(wanted) || is_empty(existing) && is_empty(wanted),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.fract() == 0.0 => format!("{float:.0}"),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

pub fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::String(text) => text.is_empty() || text == "false",
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(wanted: Value, existing: Value, expected: &[&str]) {
        let (Value::Object(wanted), Value::Object(existing)) = (wanted, existing) else {
            panic!("two objects")
        };
        assert_eq!(differences(&wanted, &existing), expected);
    }

    #[test]
    fn absent_null_false_and_empty_are_the_same() {
        check(
            json!({"A": "", "B": [], "C": false, "D": {"E": ""}}),
            json!({"F": null, "G": {}}),
            &[],
        );
        check(json!({"A": 0}), json!({}), &["A"]);
    }

    #[test]
    fn a_member_that_only_the_server_has_differs_unless_it_is_empty() {
        check(
            json!({}),
            json!({"DeadLetterConfig": {"TargetArn": "q"}}),
            &["DeadLetterConfig"],
        );
    }

    #[test]
    fn a_server_may_add_to_a_nested_member_but_not_to_variables_and_tags() {
        check(
            json!({"Logging": {"Format": "Text"}}),
            json!({"Logging": {"Format": "Text", "Group": "g"}}),
            &[],
        );
        check(
            json!({"Environment": {"Variables": {"A": "1"}}, "Tags": {"a": "b"}}),
            json!({"Environment": {"Variables": {"A": "1", "B": "2"}}, "Tags": {"a": "b", "c": "d"}}),
            &["Environment", "Tags"],
        );
    }

    #[test]
    fn texts_of_numbers_and_booleans_are_numbers_and_booleans() {
        check(
            json!({"A": "30", "B": "true", "C": 1}),
            json!({"A": 30, "B": true, "C": 1.0}),
            &[],
        );
        check(json!({"A": "30"}), json!({"A": 31}), &["A"]);
    }
}
