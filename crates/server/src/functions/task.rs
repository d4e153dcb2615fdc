//! Tasks that call operations of Lambda which run no function: `aws-sdk:lambda:*`.

use serde_json::{Map, Value, json};
use stepwell_api::catalogue::{Naming, Service};
use stepwell_api::lambda::{self, Operation, Routed};
use stepwell_service::{Payload, Timestamp};

use super::Functions;
use super::operations::Call;

/// Why an operation has no result.
pub(crate) enum Unanswered {
    /// The parameters are none of the operation's: AWS's texts.
    Parameters(String),
    Refused(lambda::Error),
}

impl Functions {
    /// Carries out an operation for a task: its result, in the names that an SDK integration has.
    pub(crate) async fn operate(
        &self,
        operation: Operation,
        parameters: &Payload,
        request_id: &str,
    ) -> Result<Value, Unanswered> {
        let catalogue = Service::find("lambda").expect("the catalogue has Lambda");
        let name = operation.name();
        let action = name[..1].to_ascii_lowercase() + &name[1..];
        if !catalogue.has(&action) {
            return Err(Unanswered::Refused(unserved(operation)));
        }
        let given: &Map<String, Value> = parameters.value().as_object().ok_or_else(|| {
            Unanswered::Parameters("The Parameters must be a JSON object".to_string())
        })?;
        let members = catalogue
            .request(&action, Naming::Sdk, given)
            .map_err(|reasons| Unanswered::Parameters(reasons.join(", ")))?;
        let output = self
            .answer_members(operation, members, request_id)
            .await
            .map_err(Unanswered::Refused)?;
        Ok(catalogue.result(&action, Naming::Sdk, output, &|ms| {
            json!(Timestamp::from_millis(ms).to_string().replace(".000Z", "Z"))
        }))
    }

    async fn answer_members(
        &self,
        operation: Operation,
        members: Value,
        request_id: &str,
    ) -> Result<Value, lambda::Error> {
        let routed = Routed {
            operation,
            path: Vec::new(),
            query: Vec::new(),
        };
        let call = Call {
            routed: &routed,
            header: &|_| None,
            body: Vec::new(),
            members: Some(members),
            request_id,
        };
        let reply = self.dispatch(call).await?;
        if reply.body.is_empty() {
            return Ok(json!({}));
        }
        serde_json::from_slice(&reply.body)
            .map_err(|error| lambda::Error::service_exception(error.to_string()))
    }
}

/// What a task is told that calls an operation which no task can call yet.
pub(super) fn unserved(operation: Operation) -> lambda::Error {
    let name = operation.name();
    lambda::Error::not_implemented(format!(
        "Stepwell does not implement tasks that call {name} yet"
    ))
}
