//! Asynchronous invocation: an event that a function takes, and how its versions and aliases are told to treat it.

use stepwell_api::arn::{FunctionArn, Scope};
use stepwell_api::{EpochSeconds, lambda};
use stepwell_engine::Timestamp;
use stepwell_store::{Direction, Error};

use super::{NotTaken, Target, new_row};
use crate::command::{Answered, EventInvocation};
use crate::functions::missing_function;
use crate::rows::delivery::{
    DeliveryRow, EventInvokeRow, Stage, event_invoke_key, event_invokes_of, qualifier_in,
};
use crate::rows::{after, decode_json, encode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// The configuration of a version or alias.
pub(crate) fn config_of(
    rows: &dyn Rows,
    function: &str,
    qualifier: &str,
) -> Result<Option<EventInvokeRow>, Error> {
    let key = event_invoke_key(function, qualifier);
    let value = rows.get(&key)?;
    value.map(|value| decode_json(&key, &value)).transpose()
}

/// The configurations of a function by qualifier, from one on.
pub(crate) fn configs_of(
    rows: &dyn Rows,
    function: &str,
    from: &str,
    limit: usize,
) -> Result<Vec<(String, EventInvokeRow)>, Error> {
    let to = after(&event_invokes_of(function));
    let from = event_invoke_key(function, from);
    let found = rows.scan(&from, &to, Direction::Ascending, limit)?;
    found
        .iter()
        .map(|(key, value)| {
            let qualifier = qualifier_in(key).ok_or_else(|| Error::Corrupt { key: key.clone() })?;
            Ok((qualifier, decode_json(key, value)?))
        })
        .collect()
}

impl EventInvokeRow {
    /// As Lambda shows it.
    ///
    /// - `arn`: of the function, with the qualifier.
    pub(crate) fn shown(&self, arn: String) -> lambda::FunctionEventInvokeConfig {
        lambda::FunctionEventInvokeConfig {
            last_modified: Some(EpochSeconds::from_ms(self.modified_ms)),
            function_arn: Some(arn),
            maximum_retry_attempts: self.retries_max,
            maximum_event_age_in_seconds: self.age_max_seconds,
            destination_config: Some(lambda::DestinationConfig {
                on_success: Some(lambda::OnSuccess {
                    destination: self.on_success.clone(),
                }),
                on_failure: Some(lambda::OnFailure {
                    destination: self.on_failure.clone(),
                }),
            }),
        }
    }
}

/// What is to be changed of a configuration.
pub(crate) struct EventInvokeChange {
    pub(crate) function: String,
    pub(crate) qualifier: Option<String>,
    pub(crate) retries_max: Option<i32>,
    pub(crate) age_max_seconds: Option<i32>,
    pub(crate) destinations: Option<lambda::DestinationConfig>,
}

impl From<lambda::PutFunctionEventInvokeConfigRequest> for EventInvokeChange {
    fn from(input: lambda::PutFunctionEventInvokeConfigRequest) -> EventInvokeChange {
        EventInvokeChange {
            function: input.function_name,
            qualifier: input.qualifier,
            retries_max: input.maximum_retry_attempts,
            age_max_seconds: input.maximum_event_age_in_seconds,
            destinations: input.destination_config,
        }
    }
}

impl From<lambda::UpdateFunctionEventInvokeConfigRequest> for EventInvokeChange {
    fn from(input: lambda::UpdateFunctionEventInvokeConfigRequest) -> EventInvokeChange {
        EventInvokeChange {
            function: input.function_name,
            qualifier: input.qualifier,
            retries_max: input.maximum_retry_attempts,
            age_max_seconds: input.maximum_event_age_in_seconds,
            destinations: input.destination_config,
        }
    }
}

impl Shard {
    /// Takes an event for a function: answered once it is durable.
    pub(crate) fn take_event(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        event: EventInvocation,
    ) -> Done<Answered> {
        let arn = self.function_target(&event.function, event.qualifier.as_deref())?;
        if let Err(refused) = self.admit(arn.as_str(), event.payload.len()) {
            return Err(refusal(&refused).into());
        }
        let stage = Stage::Invoke {
            request_id: event.request_id,
        };
        let row = DeliveryRow {
            origin: event.origin,
            trace_header: event.trace_header,
            client_context: event.client_context,
            ..new_row(now, arn.to_string(), stage, event.payload.len())
        };
        self.queue_delivery(entropy, row, &event.payload);
        Ok(Answered::EventTaken)
    }

    pub(crate) fn put_event_invoke(
        &mut self,
        now: Timestamp,
        change: EventInvokeChange,
    ) -> Done<Answered> {
        self.change_event_invoke(now, change, |_| Ok(EventInvokeRow::default()))
    }

    /// AWS: what a member does not name stays as it is.
    pub(crate) fn update_event_invoke(
        &mut self,
        now: Timestamp,
        change: EventInvokeChange,
    ) -> Done<Answered> {
        self.change_event_invoke(now, change, |before| before)
    }

    fn change_event_invoke(
        &mut self,
        now: Timestamp,
        change: EventInvokeChange,
        start: impl FnOnce(
            Result<EventInvokeRow, lambda::Error>,
        ) -> Result<EventInvokeRow, lambda::Error>,
    ) -> Done<Answered> {
        let arn = self.function_target(&change.function, change.qualifier.as_deref())?;
        let qualifier = arn.qualifier().unwrap_or("$LATEST").to_string();
        let arn = arn.with_qualifier(&qualifier);
        let before = config_of(&self.staging, arn.name(), &qualifier)?;
        let mut row = start(before.ok_or_else(|| no_config(arn.as_str())))?;
        row.modified_ms = now.as_millis();
        row.retries_max = change.retries_max.or(row.retries_max);
        row.age_max_seconds = change.age_max_seconds.or(row.age_max_seconds);
        if let Some(destinations) = change.destinations {
            if let Some(on_success) = destinations.on_success {
                row.on_success = destination(on_success.destination)?;
            }
            if let Some(on_failure) = destinations.on_failure {
                row.on_failure = destination(on_failure.destination)?;
            }
        }
        self.staging
            .put(event_invoke_key(arn.name(), &qualifier), encode_json(&row));
        let shown = row.shown(arn.to_string());
        Ok(Answered::EventInvokeConfig(Box::new(shown)))
    }

    pub(crate) fn delete_event_invoke(
        &mut self,
        input: &lambda::DeleteFunctionEventInvokeConfigRequest,
    ) -> Done<Answered> {
        let arn = self.function_target(&input.function_name, input.qualifier.as_deref())?;
        let qualifier = arn.qualifier().unwrap_or("$LATEST");
        if config_of(&self.staging, arn.name(), qualifier)?.is_none() {
            let arn = arn.with_qualifier(qualifier);
            return Err(no_config(arn.as_str()).into());
        }
        self.staging.delete(event_invoke_key(arn.name(), qualifier));
        Ok(Answered::EventInvokeConfigDeleted)
    }

    /// A function is deleted, and how it is invoked with it.
    pub(crate) fn forget_event_invokes(&mut self, function: &str) -> Result<(), Error> {
        for (qualifier, _) in configs_of(&self.staging, function, "", usize::MAX)? {
            self.staging.delete(event_invoke_key(function, &qualifier));
        }
        Ok(())
    }

    /// The ARN of a function that exists, with the qualifier if one was given.
    ///
    /// - Errors: `ResourceNotFoundException`, `InvalidParameterValueException`.
    pub(crate) fn function_target(&self, text: &str, qualifier: Option<&str>) -> Done<FunctionArn> {
        let scope = Scope::new(
            self.settings.region.as_str(),
            self.settings.account.as_str(),
        );
        let mut arn = FunctionArn::resolve(&scope, text)?;
        if let Some(qualifier) = qualifier {
            arn = arn.with_qualifier(qualifier);
        }
        if !self.has_function(&arn)? {
            return Err(missing_function(arn.as_str()).into());
        }
        Ok(arn)
    }
}

/// What a caller is told whose event is not taken.
pub(crate) fn refusal(refused: &NotTaken) -> lambda::Error {
    let text = refused.to_string();
    match refused {
        NotTaken::Full => lambda::Error::too_many_requests_exception(text),
        NotTaken::TooLarge(_) => lambda::Error::request_too_large_exception(text),
        NotTaken::Unsupported(_) => lambda::Error::invalid_parameter_value_exception(text),
    }
}

pub(crate) fn no_config(arn: &str) -> lambda::Error {
    lambda::Error::resource_not_found_exception(format!(
        "The function {arn} doesn't have an EventInvokeConfig"
    ))
}

/// A destination that can be delivered to; an empty text means none.
fn destination(arn: Option<String>) -> Result<Option<String>, lambda::Error> {
    let Some(arn) = arn.filter(|arn| !arn.is_empty()) else {
        return Ok(None);
    };
    if arn.starts_with("arn:aws:s3:") {
        return Err(lambda::Error::not_implemented(format!(
            "Stepwell does not implement the destination {arn} yet: S3 buckets"
        )));
    }
    match Target::parse(&arn) {
        Some(Target::StateMachine | Target::ApiDestination | Target::Url) | None => {
            Err(lambda::Error::invalid_parameter_value_exception(format!(
                "The destination {arn} is invalid: it must be a Lambda function, an SQS queue, an SNS topic or an event bus"
            )))
        }
        Some(_) => Ok(Some(arn)),
    }
}
