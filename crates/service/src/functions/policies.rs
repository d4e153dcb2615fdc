//! Resource-based policies of functions and layers: kept and shown. Nothing here is denied by them.

use serde_json::{Map, Value, json};
use stepwell_api::lambda;

use super::named::{Given, alias, read, version, version_number};
use super::{answered, check_revision, missing_function, nothing};
use crate::command::Answered;
use crate::rows::encode_json;
use crate::rows::function::{LATEST, ResourcePolicy, policy_key};
use crate::shard::{Done, Shard};

/// Bytes of one policy. Source: Lambda quotas.
const POLICY_BYTES_MAX: usize = 20_480;

impl Shard {
    pub(super) fn add_permission(
        &mut self,
        entropy: &[u8; 32],
        input: lambda::AddPermissionRequest,
    ) -> Done<Answered> {
        let given = self.policy_owner(&input.function_name, input.qualifier.as_deref())?;
        let key = policy_key(&given.name, given.qualifier.as_deref());
        let mut policy: ResourcePolicy = read(&self.staging, &key)?.unwrap_or_default();
        check_revision(&policy.revision_id, input.revision_id.as_deref())?;
        let statement = statement(
            &input.statement_id,
            &input.action,
            principal(&input.principal),
            &given.arn(&self.settings),
            conditions(&input),
        );
        let text = statement.to_string();
        policy.add(&input.statement_id, statement)?;
        policy.revision_id = crate::uuid(entropy);
        self.staging.put(key, encode_json(&policy));
        Ok(answered(&lambda::AddPermissionResponse {
            statement: Some(text),
        }))
    }

    pub(super) fn remove_permission(
        &mut self,
        entropy: &[u8; 32],
        input: &lambda::RemovePermissionRequest,
    ) -> Done<Answered> {
        let given = self.policy_owner(&input.function_name, input.qualifier.as_deref())?;
        let key = policy_key(&given.name, given.qualifier.as_deref());
        let Some(mut policy) = read::<ResourcePolicy>(&self.staging, &key)? else {
            return Err(no_policy().into());
        };
        check_revision(&policy.revision_id, input.revision_id.as_deref())?;
        policy.remove(&input.statement_id)?;
        policy.revision_id = crate::uuid(entropy);
        if policy.statements.is_empty() {
            self.staging.delete(key);
        } else {
            self.staging.put(key, encode_json(&policy));
        }
        Ok(nothing())
    }

    pub(super) fn add_layer_permission(
        &mut self,
        entropy: &[u8; 32],
        input: lambda::AddLayerVersionPermissionRequest,
    ) -> Done<Answered> {
        let mut row = self.existing_layer(&input.layer_name, input.version_number)?;
        let mut policy = row.policy.take().unwrap_or_default();
        check_revision(&policy.revision_id, input.revision_id.as_deref())?;
        let condition = input
            .organization_id
            .map(|id| json!({ "StringEquals": { "aws:PrincipalOrgID": id } }));
        let statement = statement(
            &input.statement_id,
            &input.action,
            principal(&input.principal),
            &row.arn(),
            condition,
        );
        let text = statement.to_string();
        policy.add(&input.statement_id, statement)?;
        policy.revision_id = crate::uuid(entropy);
        let revision_id = policy.revision_id.clone();
        row.policy = Some(policy);
        self.put_layer(&row);
        Ok(answered(&lambda::AddLayerVersionPermissionResponse {
            statement: Some(text),
            revision_id: Some(revision_id),
        }))
    }

    pub(super) fn remove_layer_permission(
        &mut self,
        entropy: &[u8; 32],
        input: &lambda::RemoveLayerVersionPermissionRequest,
    ) -> Done<Answered> {
        let mut row = self.existing_layer(&input.layer_name, input.version_number)?;
        let mut policy = row.policy.take().ok_or_else(no_policy)?;
        check_revision(&policy.revision_id, input.revision_id.as_deref())?;
        policy.remove(&input.statement_id)?;
        policy.revision_id = crate::uuid(entropy);
        row.policy = Some(policy).filter(|policy| !policy.statements.is_empty());
        self.put_layer(&row);
        Ok(nothing())
    }

    /// The function, version or alias that a policy is of.
    fn policy_owner(&self, text: &str, qualifier: Option<&str>) -> Done<Given> {
        let given = self.given(text, qualifier)?;
        self.owned(&given)?;
        let is_there = match given.qualifier.as_deref() {
            None => true,
            Some(LATEST) => {
                let text = "We currently do not support adding policies for $LATEST.";
                return Err(lambda::Error::invalid_parameter_value_exception(text).into());
            }
            Some(qualifier) => match version_number(qualifier) {
                Some(number) => version(&self.staging, &given.name, number)?.is_some(),
                None => alias(&self.staging, &given.name, qualifier)?.is_some(),
            },
        };
        if is_there {
            Ok(given)
        } else {
            Err(missing_function(&given.arn(&self.settings)).into())
        }
    }
}

impl ResourcePolicy {
    fn add(&mut self, id: &str, statement: Value) -> Result<(), lambda::Error> {
        if self.position(id).is_some() {
            let text = format!(
                "The statement id ({id}) provided already exists. Please provide a new statement id, or remove the existing statement."
            );
            return Err(lambda::Error::resource_conflict_exception(text));
        }
        self.statements.push(statement);
        let bytes = shown_policy(self).len();
        if bytes > POLICY_BYTES_MAX {
            let text = format!(
                "The final policy size ({bytes}) is bigger than the limit ({POLICY_BYTES_MAX})."
            );
            return Err(lambda::Error::policy_length_exceeded_exception(text));
        }
        Ok(())
    }

    fn remove(&mut self, id: &str) -> Result<(), lambda::Error> {
        let at = self.position(id).ok_or_else(|| {
            let text = format!("Statement {id} is not found in resource policy.");
            lambda::Error::resource_not_found_exception(text)
        })?;
        self.statements.remove(at);
        Ok(())
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.statements
            .iter()
            .position(|statement| statement["Sid"] == id)
    }
}

/// A policy as text.
pub(crate) fn shown_policy(policy: &ResourcePolicy) -> String {
    json!({ "Version": "2012-10-17", "Id": "default", "Statement": policy.statements }).to_string()
}

fn statement(
    id: &str,
    action: &str,
    principal: Value,
    resource: &str,
    condition: Option<Value>,
) -> Value {
    let mut statement = json!({
        "Sid": id,
        "Effect": "Allow",
        "Principal": principal,
        "Action": action,
        "Resource": resource,
    });
    if let Some(condition) = condition {
        statement["Condition"] = condition;
    }
    statement
}

/// AWS: an account is shown as its root, a service as a service.
fn principal(text: &str) -> Value {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if text == "*" {
        json!("*")
    } else if is_account {
        json!({ "AWS": format!("arn:aws:iam::{text}:root") })
    } else if text.starts_with("arn:") {
        json!({ "AWS": text })
    } else {
        json!({ "Service": text })
    }
}

fn conditions(input: &lambda::AddPermissionRequest) -> Option<Value> {
    let mut equal = Map::new();
    let mut add = |key: &str, value: &Option<String>| {
        if let Some(value) = value {
            equal.insert(key.to_string(), json!(value));
        }
    };
    add("AWS:SourceAccount", &input.source_account);
    add("lambda:FunctionUrlAuthType", &input.function_url_auth_type);
    add("lambda:EventSourceToken", &input.event_source_token);
    add("aws:PrincipalOrgID", &input.principal_org_id);
    let mut conditions = Map::new();
    if !equal.is_empty() {
        conditions.insert("StringEquals".to_string(), Value::Object(equal));
    }
    if let Some(via_url) = input.invoked_via_function_url {
        let condition = json!({ "lambda:InvokedViaFunctionUrl": via_url.to_string() });
        conditions.insert("Bool".to_string(), condition);
    }
    if let Some(arn) = &input.source_arn {
        conditions.insert("ArnLike".to_string(), json!({ "AWS:SourceArn": arn }));
    }
    (!conditions.is_empty()).then_some(Value::Object(conditions))
}

fn no_policy() -> lambda::Error {
    lambda::Error::resource_not_found_exception("No policy is associated with the given resource.")
}
