//! The resource policy of a bus: kept and shown, not enforced. There is one account.

use serde_json::{Map, Value, json};
use stepwell_api::events;
use stepwell_engine::Timestamp;

use super::{bus_arn, bus_named, find_bus, invalid, missing_bus, nothing};
use crate::command::Answered;
use crate::rows::event::EventBusRow;
use crate::shard::{Done, Shard};

/// Characters of a policy. Source: EventBridge quotas.
const POLICY_CHARACTERS_MAX: usize = 10_240;

impl Shard {
    pub(super) fn put_bus_permission(
        &mut self,
        now: Timestamp,
        input: events::PutPermissionRequest,
    ) -> Done<Answered> {
        let mut bus = self.permitted_bus(now, input.event_bus_name.as_deref())?;
        let policy = match &input.policy {
            Some(policy) => {
                if !serde_json::from_str(policy).is_ok_and(|policy: Value| policy.is_object()) {
                    return Err(invalid("Policy is not valid JSON.").into());
                }
                policy.clone()
            }
            None => {
                let (id, statement) = statement(&input, bus_arn(&bus.name, &self.settings))?;
                let mut statements = statements(&bus);
                statements.retain(|one| one["Sid"] != id.as_str());
                statements.push(statement);
                policy_of(statements)
            }
        };
        if policy.chars().count() > POLICY_CHARACTERS_MAX {
            let text = format!("A policy has at most {POLICY_CHARACTERS_MAX} characters.");
            return Err(events::Error::policy_length_exceeded_exception(text).into());
        }
        bus.policy = Some(policy);
        self.put_bus(&bus);
        Ok(nothing())
    }

    pub(super) fn remove_bus_permission(
        &mut self,
        now: Timestamp,
        input: &events::RemovePermissionRequest,
    ) -> Done<Answered> {
        let mut bus = self.permitted_bus(now, input.event_bus_name.as_deref())?;
        let mut left = statements(&bus);
        if input.remove_all_permissions != Some(true) {
            let id = input.statement_id.as_deref();
            let before = left.len();
            left.retain(|one| one["Sid"].as_str() != id);
            if left.len() == before {
                let text = "Statement with the provided id does not exist.";
                return Err(events::Error::resource_not_found_exception(text).into());
            }
        } else {
            left.clear();
        }
        bus.policy = (!left.is_empty()).then(|| policy_of(left));
        self.put_bus(&bus);
        Ok(nothing())
    }

    fn permitted_bus(&self, now: Timestamp, name: Option<&str>) -> Done<EventBusRow> {
        let name = bus_named(name, &self.settings)?;
        let mut bus =
            find_bus(&self.staging, now.as_millis(), &name)?.ok_or_else(|| missing_bus(&name))?;
        bus.modified_ms = now.as_millis();
        Ok(bus)
    }
}

/// The statement that a request asks for, and its id.
fn statement(
    input: &events::PutPermissionRequest,
    bus_arn: String,
) -> Result<(String, Value), events::Error> {
    let required = |value: &Option<String>, name: &str| {
        value
            .clone()
            .ok_or_else(|| invalid(format!("Parameter {name} must be specified.")))
    };
    let id = required(&input.statement_id, "StatementId")?;
    let action = required(&input.action, "Action")?;
    let principal = match required(&input.principal, "Principal")?.as_str() {
        "*" => json!("*"),
        account => json!({ "AWS": format!("arn:aws:iam::{account}:root") }),
    };
    let mut statement = json!({
        "Sid": id, "Effect": "Allow", "Principal": principal, "Action": action, "Resource": bus_arn,
    });
    if let Some(condition) = &input.condition {
        let named = Map::from_iter([(condition.key.clone(), json!(condition.value))]);
        statement["Condition"] = json!({ condition.r#type.as_str(): named });
    }
    Ok((id, statement))
}

fn statements(bus: &EventBusRow) -> Vec<Value> {
    let policy: Option<Value> = bus
        .policy
        .as_ref()
        .and_then(|policy| serde_json::from_str(policy).ok());
    match policy.map(|mut policy| policy["Statement"].take()) {
        Some(Value::Array(statements)) => statements,
        Some(Value::Null) | None => Vec::new(),
        Some(one) => vec![one],
    }
}

fn policy_of(statements: Vec<Value>) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}
