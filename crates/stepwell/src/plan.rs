//! What must be called so that a server holds what an application says: desired against existing. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// A built application: everything a deployment sends, nothing it must still read.
#[derive(Debug, Clone, Default)]
pub struct Application {
    pub functions: Vec<Function>,
    pub state_machines: Vec<StateMachine>,
    pub outputs: Vec<(String, String)>,
}

/// A function with its package.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    pub logical_id: String,
    pub name: String,
    pub arn: String,
    /// The members of `CreateFunction` but `Code`: what `UpdateFunctionConfiguration` may change too.
    pub configuration: Map<String, Value>,
    /// A zip archive.
    pub package: Vec<u8>,
    /// Base64 of the package's SHA-256, as Lambda reports it.
    pub code_sha256: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StateMachine {
    pub logical_id: String,
    pub name: String,
    pub arn: String,
    /// The text of the definition, substitutions done.
    pub definition: String,
    /// `STANDARD` or `EXPRESS`.
    pub kind: String,
    pub role_arn: String,
    pub logging: Option<Value>,
    pub tracing: Option<Value>,
    pub tags: BTreeMap<String, String>,
}

/// What to do about one resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Create,
    /// The members that differ, by their names in the API.
    Update {
        changed: Vec<String>,
    },
    Nothing,
    /// The difference cannot be applied to the existing resource.
    Refuse {
        reason: String,
    },
}

/// AWS: members of a function that only `CreateFunction` takes.
const CREATE_ONLY: [&str; 3] = ["FunctionName", "Tags", "PackageType"];

/// What turns the existing function (`GetFunctionConfiguration`, or none) into the desired one.
///
/// `Code` among the changed members calls for `UpdateFunctionCode`, every other for `UpdateFunctionConfiguration`.
pub fn function_action(desired: &Function, existing: Option<&Value>) -> Action {
    let Some(existing) = existing else {
        return Action::Create;
    };
    let mut changed = Vec::new();
    if existing["CodeSha256"].as_str() != Some(&desired.code_sha256) {
        changed.push("Code".to_owned());
    }
    for (member, value) in &desired.configuration {
        // AWS: the architecture travels with the code, not with the configuration.
        let is_updatable = !CREATE_ONLY.contains(&member.as_str()) && member != "Architectures";
        if is_updatable && !is_same(member, value, existing.get(member)) {
            changed.push(member.clone());
        }
    }
    // A template that no longer sets variables takes them away.
    let had_variables = existing["Environment"]["Variables"]
        .as_object()
        .is_some_and(|variables| !variables.is_empty());
    if had_variables && !desired.configuration.contains_key("Environment") {
        changed.push("Environment".to_owned());
    }
    if changed.is_empty() {
        Action::Nothing
    } else {
        Action::Update { changed }
    }
}

/// The body of `UpdateFunctionConfiguration` for the changed members; `None` if only the code differs.
pub fn configuration_update(desired: &Function, changed: &[String]) -> Option<Value> {
    let members: Map<String, Value> = changed
        .iter()
        .filter(|member| *member != "Code")
        .map(|member| {
            let value = desired.configuration.get(member).cloned();
            (
                member.clone(),
                value.unwrap_or_else(|| json!({ "Variables": {} })),
            )
        })
        .collect();
    if members.is_empty() {
        None
    } else {
        Some(Value::Object(members))
    }
}

/// The body of `CreateFunction` but `Code`.
pub fn function_creation(desired: &Function) -> Value {
    let mut body = desired.configuration.clone();
    body.insert("FunctionName".to_owned(), json!(desired.name));
    Value::Object(body)
}

/// What turns the existing state machine (`DescribeStateMachine`, or none) into the desired one.
pub fn state_machine_action(desired: &StateMachine, existing: Option<&Value>) -> Action {
    let Some(existing) = existing else {
        return Action::Create;
    };
    // AWS: a state machine keeps the type it was created with.
    let kind = existing["type"].as_str().unwrap_or("STANDARD");
    if kind != desired.kind {
        let reason = format!(
            "{} is {kind} and cannot become {}: delete it first, or give it another name",
            desired.name, desired.kind
        );
        return Action::Refuse { reason };
    }
    let mut changed = Vec::new();
    if existing["definition"].as_str() != Some(&desired.definition) {
        changed.push("definition".to_owned());
    }
    if existing["roleArn"].as_str() != Some(&desired.role_arn) {
        changed.push("roleArn".to_owned());
    }
    let logging_off = json!({ "level": "OFF", "includeExecutionData": false });
    if !is_same_or_default(
        desired.logging.as_ref(),
        existing.get("loggingConfiguration"),
        &logging_off,
    ) {
        changed.push("loggingConfiguration".to_owned());
    }
    if !is_same_or_default(
        desired.tracing.as_ref(),
        existing.get("tracingConfiguration"),
        &json!({ "enabled": false }),
    ) {
        changed.push("tracingConfiguration".to_owned());
    }
    if changed.is_empty() {
        Action::Nothing
    } else {
        Action::Update { changed }
    }
}

/// The body of `CreateStateMachine`.
pub fn state_machine_creation(desired: &StateMachine) -> Value {
    let mut body = json!({
        "name": desired.name,
        "definition": desired.definition,
        "roleArn": desired.role_arn,
        "type": desired.kind,
    });
    if let Some(logging) = &desired.logging {
        body["loggingConfiguration"] = logging.clone();
    }
    if let Some(tracing) = &desired.tracing {
        body["tracingConfiguration"] = tracing.clone();
    }
    if !desired.tags.is_empty() {
        body["tags"] = desired
            .tags
            .iter()
            .map(|(key, value)| json!({ "key": key, "value": value }))
            .collect();
    }
    body
}

/// The body of `UpdateStateMachine` for the changed members.
pub fn state_machine_update(desired: &StateMachine, changed: &[String]) -> Value {
    let mut body = json!({ "stateMachineArn": desired.arn });
    for member in changed {
        body[member] = match member.as_str() {
            "definition" => json!(desired.definition),
            "roleArn" => json!(desired.role_arn),
            "loggingConfiguration" => desired
                .logging
                .clone()
                .unwrap_or_else(|| json!({ "level": "OFF" })),
            _ => desired
                .tracing
                .clone()
                .unwrap_or_else(|| json!({ "enabled": false })),
        };
    }
    body
}

/// Names that were deployed and are no longer asked for.
pub fn removed<'a>(before: impl Iterator<Item = &'a str>, after: &[&str]) -> Vec<&'a str> {
    before.filter(|name| !after.contains(name)).collect()
}

/// An absent member and AWS's default for it are the same.
fn is_same(member: &str, desired: &Value, existing: Option<&Value>) -> bool {
    let default = match member {
        "Environment" => json!({ "Variables": {} }),
        "TracingConfig" => json!({ "Mode": "PassThrough" }),
        _ => Value::Null,
    };
    let existing = existing.unwrap_or(&default);
    // Variables are a set: one that the template no longer has must go, so covering is not enough.
    if member == "Environment" {
        let variables = |environment: &Value| {
            environment["Variables"]
                .as_object()
                .cloned()
                .unwrap_or_default()
        };
        return variables(existing) == variables(desired);
    }
    covers(existing, desired)
}

fn is_same_or_default(desired: Option<&Value>, existing: Option<&Value>, default: &Value) -> bool {
    covers(existing.unwrap_or(default), desired.unwrap_or(default))
}

/// Whether every member that is asked for is there: a server fills in defaults of its own.
fn covers(existing: &Value, desired: &Value) -> bool {
    match (existing, desired) {
        (Value::Object(existing), Value::Object(desired)) => desired.iter().all(|(name, value)| {
            existing
                .get(name)
                .map_or(is_empty(value), |found| covers(found, value))
        }),
        _ => existing == desired || is_empty(existing) && is_empty(desired),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(configuration: Value) -> Function {
        let Value::Object(configuration) = configuration else {
            panic!("an object")
        };
        Function {
            logical_id: "Charge".to_owned(),
            name: "shop-Charge".to_owned(),
            arn: "arn:aws:lambda:us-east-1:123456789012:function:shop-Charge".to_owned(),
            configuration,
            package: vec![1],
            code_sha256: "sha".to_owned(),
        }
    }

    fn machine() -> StateMachine {
        StateMachine {
            logical_id: "Orders".to_owned(),
            name: "shop-Orders".to_owned(),
            arn: "arn:aws:states:us-east-1:123456789012:stateMachine:shop-Orders".to_owned(),
            definition: "{}".to_owned(),
            kind: "STANDARD".to_owned(),
            role_arn: "arn:aws:iam::123456789012:role/stepwell".to_owned(),
            logging: None,
            tracing: None,
            tags: BTreeMap::new(),
        }
    }

    fn changed(members: &[&str]) -> Action {
        Action::Update {
            changed: members.iter().map(|member| (*member).to_owned()).collect(),
        }
    }

    #[test]
    fn a_resource_that_is_absent_is_created() {
        assert_eq!(function_action(&function(json!({})), None), Action::Create);
        assert_eq!(state_machine_action(&machine(), None), Action::Create);
        let created = function_creation(&function(json!({ "Timeout": 5 })));
        assert_eq!(
            created,
            json!({ "Timeout": 5, "FunctionName": "shop-Charge" })
        );
    }

    #[test]
    fn an_equal_function_is_left_alone_whatever_the_server_adds() {
        let desired = function(
            json!({ "Timeout": 5, "Environment": { "Variables": {} }, "Tags": { "a": "b" }, "Description": "" }),
        );
        let existing =
            json!({ "CodeSha256": "sha", "Timeout": 5, "State": "Active", "MemorySize": 128 });
        assert_eq!(function_action(&desired, Some(&existing)), Action::Nothing);
    }

    #[test]
    fn only_what_differs_in_a_function_is_sent() {
        let desired = function(
            json!({ "Timeout": 9, "MemorySize": 128, "Environment": { "Variables": { "A": "1" } } }),
        );
        let existing = json!({ "CodeSha256": "old", "Timeout": 5, "MemorySize": 128, "Environment": { "Variables": { "A": "1", "B": "2" } } });
        let action = function_action(&desired, Some(&existing));
        assert_eq!(action, changed(&["Code", "Timeout", "Environment"]));
        let Action::Update { changed } = action else {
            panic!("an update")
        };
        assert_eq!(
            configuration_update(&desired, &changed),
            Some(json!({ "Timeout": 9, "Environment": { "Variables": { "A": "1" } } }))
        );
        assert_eq!(configuration_update(&desired, &["Code".to_owned()]), None);
    }

    #[test]
    fn variables_a_template_no_longer_sets_are_taken_away() {
        let desired = function(json!({}));
        let existing = json!({ "CodeSha256": "sha", "Environment": { "Variables": { "A": "1" } } });
        assert_eq!(
            function_action(&desired, Some(&existing)),
            changed(&["Environment"])
        );
        assert_eq!(
            configuration_update(&desired, &["Environment".to_owned()]),
            Some(json!({ "Environment": { "Variables": {} } }))
        );
    }

    #[test]
    fn a_state_machine_with_the_servers_defaults_is_unchanged() {
        let existing = json!({
            "type": "STANDARD", "definition": "{}", "roleArn": "arn:aws:iam::123456789012:role/stepwell",
            "loggingConfiguration": { "level": "OFF", "includeExecutionData": false }, "tracingConfiguration": { "enabled": false },
        });
        assert_eq!(
            state_machine_action(&machine(), Some(&existing)),
            Action::Nothing
        );
        let desired = StateMachine {
            definition: "{ }".to_owned(),
            tracing: Some(json!({ "enabled": true })),
            ..machine()
        };
        let action = state_machine_action(&desired, Some(&existing));
        assert_eq!(action, changed(&["definition", "tracingConfiguration"]));
        let Action::Update { changed } = action else {
            panic!("an update")
        };
        assert_eq!(
            state_machine_update(&desired, &changed),
            json!({ "stateMachineArn": desired.arn, "definition": "{ }", "tracingConfiguration": { "enabled": true } })
        );
    }

    #[test]
    fn a_state_machine_cannot_change_its_type() {
        let desired = StateMachine {
            kind: "EXPRESS".to_owned(),
            ..machine()
        };
        let existing = json!({ "type": "STANDARD", "definition": "{}" });
        assert!(
            matches!(state_machine_action(&desired, Some(&existing)), Action::Refuse { reason } if reason.contains("cannot become EXPRESS"))
        );
    }

    #[test]
    fn what_left_the_template_is_removed() {
        assert_eq!(
            removed(["a", "b", "c"].into_iter(), &["a", "c", "d"]),
            ["b"]
        );
    }
}
