//! What a rule's target must be, and what is brought to it.

use std::collections::BTreeMap;

use stepwell_api::events;

use super::{bus_in, invalid, webhook};
use crate::command::Settings;
use crate::command::{BusEvent, Message};
use crate::deliveries::{Delivery, RetryPolicy, Target};

/// Seconds that an event is kept for a target. Source: RetryPolicy of EventBridge.
const AGE_SECONDS_MAX: i32 = 86_400;

/// Whether something can be brought to a target; errors name what is not built.
pub(super) fn check(target: &events::Target, settings: &Settings) -> Result<(), events::Error> {
    let arn = &target.arn;
    if !arn.starts_with("arn:") || arn.splitn(6, ':').count() < 6 {
        return Err(invalid(format!(
            "Parameter {arn} is not valid. Reason: Provided Arn is not in correct format."
        )));
    }
    if bus_in(arn, settings).is_some() {
        return Ok(());
    }
    match Target::parse(arn) {
        None => Err(events::Error::not_implemented(format!(
            "Stepwell does not implement the target {arn} yet: a target is a state machine, a Lambda function, an SQS \
             queue, an SNS topic, an event bus or an API destination"
        ))),
        // AWS: an execution is started, and a destination called, with a role.
        Some(Target::StateMachine | Target::ApiDestination) if target.role_arn.is_none() => {
            Err(invalid(format!("RoleArn is required for target {arn}.")))
        }
        Some(_) => webhook::check_parameters(target).map_err(invalid),
    }
}

/// What is brought to a target for one event.
///
/// - `payload`: what the target gets, as text.
/// - `parameters`: for an API destination.
/// - `event`: for a bus of somebody else.
pub(super) fn delivery(
    target: &events::Target,
    rule_arn: &str,
    payload: String,
    parameters: BTreeMap<String, String>,
    event: BusEvent,
    trace_header: Option<String>,
) -> Delivery {
    let attributes = BTreeMap::from([
        ("RULE_ARN".to_string(), rule_arn.to_string()),
        ("TARGET_ARN".to_string(), target.arn.clone()),
    ]);
    let dead_letter = target
        .dead_letter_config
        .as_ref()
        .and_then(|config| config.arn.clone())
        .map(|arn| (arn, attributes));
    Delivery {
        target: target.arn.clone(),
        payload,
        origin: rule_arn.to_string(),
        retry: retry_policy(target.retry_policy.as_ref()),
        dead_letter,
        message: Message {
            attributes: parameters,
            group_id: target
                .sqs_parameters
                .as_ref()
                .and_then(|parameters| parameters.message_group_id.clone()),
            event: Some(event),
        },
        trace_header,
    }
}

fn retry_policy(policy: Option<&events::RetryPolicy>) -> RetryPolicy {
    let default = RetryPolicy::default();
    let Some(policy) = policy else {
        return default;
    };
    RetryPolicy {
        retries_max: policy
            .maximum_retry_attempts
            .map_or(default.retries_max, i32::unsigned_abs),
        age_max_ms: 1_000
            * i64::from(
                policy
                    .maximum_event_age_in_seconds
                    .unwrap_or(AGE_SECONDS_MAX),
            ),
    }
}
