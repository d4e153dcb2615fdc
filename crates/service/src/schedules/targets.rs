//! What a schedule's target must be, and what is brought to it.
//!
//! AWS: "Using templated targets" and "Using universal targets" of EventBridge Scheduler.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stepwell_api::{scheduler, states};
use stepwell_engine::Timestamp;

use super::invalid;
use crate::command::{BusEvent, Effect, GivenUp, Message, Refusal, Request, Settings};
use crate::deliveries::{Delivery, RetryPolicy, Target};
use crate::events::{PublishedEvent, bus_in, find_bus};
use crate::shard::{Done, Shard, Stop};

/// What stands before service and operation in a universal target.
const UNIVERSAL: &str = "arn:aws:scheduler:::aws-sdk:";

/// An occurrence that is due.
pub(super) struct Fired {
    pub(super) schedule_arn: String,
    pub(super) execution_id: String,
    pub(super) occurrence_ms: i64,
    /// How long ago it was due.
    pub(super) age_ms: i64,
}

/// What an operation of an SDK is asked to do.
enum Universal {
    StartExecution(states::StartExecutionInput),
    Invoke {
        function: String,
        payload: String,
    },
    Send {
        target: String,
        message: String,
        group_id: Option<String>,
    },
}

impl Fired {
    fn time(&self) -> String {
        Timestamp::from_millis(self.occurrence_ms.div_euclid(1_000) * 1_000).shortest()
    }

    /// AWS: what an input may say of the occurrence.
    fn fill_in(&self, input: &str) -> String {
        // The first attempt is the one that is queued; later ones bring the same text.
        input
            .replace("<aws.scheduler.schedule-arn>", &self.schedule_arn)
            .replace("<aws.scheduler.scheduled-time>", &self.time())
            .replace("<aws.scheduler.execution-id>", &self.execution_id)
            .replace("<aws.scheduler.attempt-number>", "1")
    }

    /// AWS: what a target gets whose schedule says no input.
    fn default_input(&self, settings: &Settings) -> String {
        json!({
            "version": "0",
            "id": self.execution_id,
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": settings.account,
            "time": self.time(),
            "region": settings.region,
            "resources": [self.schedule_arn],
            "detail": "{}",
        })
        .to_string()
    }
}

/// Whether something can be brought to a target; errors name what is not built.
pub(super) fn check(
    target: &scheduler::Target,
    settings: &Settings,
) -> Result<(), scheduler::Error> {
    let arn = &target.arn;
    if let Some(operation) = arn.strip_prefix(UNIVERSAL) {
        return universal(operation, target.input.as_deref().unwrap_or("{}"), settings).map(drop);
    }
    if bus_in(arn, settings).is_some() && target.event_bridge_parameters.is_none() {
        return Err(invalid(format!(
            "EventBridgeParameters is required for target {arn}."
        )));
    }
    let takes_json = match Target::parse(arn) {
        // AWS: the Scheduler calls no API destinations.
        Some(Target::ApiDestination | Target::Url) | None => {
            return Err(scheduler::Error::not_implemented(format!(
                "Stepwell does not implement the target {arn} yet: a target is a state machine, a Lambda function, an \
                 SQS queue, an SNS topic, an event bus, or sfn:startExecution, lambda:invoke, sqs:sendMessage or \
                 sns:publish of the SDK"
            )));
        }
        Some(Target::Queue | Target::Topic) => false,
        Some(_) => true,
    };
    let is_json = |text: &String| serde_json::from_str::<Value>(text).is_ok();
    if takes_json && !target.input.as_ref().is_none_or(is_json) {
        return Err(invalid(
            "Invalid RequestJson provided. Reason: The Input is no JSON.",
        ));
    }
    Ok(())
}

impl Shard {
    /// Hands an occurrence to the deliveries.
    pub(super) fn bring_schedule(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        target: &scheduler::Target,
        fired: &Fired,
    ) -> Done<()> {
        let input = match &target.input {
            Some(input) => fired.fill_in(input),
            None => fired.default_input(&self.settings),
        };
        if let Some(operation) = target.arn.strip_prefix(UNIVERSAL) {
            return self.bring_universal(now, entropy, target, fired, operation, &input);
        }
        if let Some(bus) = bus_in(&target.arn, &self.settings) {
            return self.bring_event(now, entropy, bus, target, fired, &input);
        }
        let group_id = target
            .sqs_parameters
            .as_ref()
            .and_then(|parameters| parameters.message_group_id.clone());
        let delivery = delivery(target, fired, target.arn.clone(), input, group_id);
        self.deliver_or_tell(now, entropy, delivery)
    }

    fn bring_universal(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        target: &scheduler::Target,
        fired: &Fired,
        operation: &str,
        input: &str,
    ) -> Done<()> {
        let asked = match universal(operation, input, &self.settings) {
            Ok(asked) => asked,
            Err(error) => return self.tell(target, fired, &error.message),
        };
        let (to, payload, group_id) = match asked {
            Universal::StartExecution(input) if input.name.is_some() => {
                if is_too_old(target, fired) {
                    return self.tell(target, fired, "its maximum age was exceeded");
                }
                let request = Request::StartExecution(input);
                return match self.carry_out(now, *entropy, None, request) {
                    Ok(_) => Ok(()),
                    Err(Stop::Refused(refusal)) => {
                        let text = refusal_text(&refusal);
                        self.tell(target, fired, &text)
                    }
                    Err(stop) => Err(stop),
                };
            }
            Universal::StartExecution(input) => (
                input.state_machine_arn,
                input.input.unwrap_or_else(|| "{}".to_string()),
                None,
            ),
            Universal::Invoke { function, payload } => (function, payload, None),
            Universal::Send {
                target,
                message,
                group_id,
            } => (target, message, group_id),
        };
        let delivery = delivery(target, fired, to, payload, group_id);
        self.deliver_or_tell(now, entropy, delivery)
    }

    fn bring_event(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        bus: &str,
        target: &scheduler::Target,
        fired: &Fired,
        input: &str,
    ) -> Done<()> {
        if is_too_old(target, fired) {
            return self.tell(target, fired, "its maximum age was exceeded");
        }
        let Some(parameters) = &target.event_bridge_parameters else {
            return self.tell(target, fired, "EventBridgeParameters are missing");
        };
        if find_bus(&self.staging, 0, bus)?.is_none() {
            return self.tell(target, fired, "the event bus does not exist");
        }
        let detail = serde_json::from_str(input).unwrap_or(Value::Null);
        let event = PublishedEvent {
            id: crate::uuid(entropy),
            source: parameters.source.clone(),
            detail_type: parameters.detail_type.clone(),
            time_ms: fired.occurrence_ms,
            resources: vec![fired.schedule_arn.clone()],
            detail,
            trace_header: None,
        };
        self.publish_event(now, bus, event);
        Ok(())
    }

    /// Queues a delivery, or tells people why it is not taken.
    pub(crate) fn deliver_or_tell(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        delivery: Delivery,
    ) -> Done<()> {
        let (target, origin) = (delivery.target.clone(), delivery.origin.clone());
        if let Err(refused) = self.deliver(now, entropy, delivery)? {
            self.release_effect(Effect::DeliveryGivenUp {
                what: GivenUp::Other,
                target,
                origin,
                reason: refused.to_string(),
            });
        }
        Ok(())
    }

    fn tell(&mut self, target: &scheduler::Target, fired: &Fired, reason: &str) -> Done<()> {
        self.release_effect(Effect::DeliveryGivenUp {
            what: GivenUp::Other,
            target: target.arn.clone(),
            origin: fired.schedule_arn.clone(),
            reason: reason.to_string(),
        });
        Ok(())
    }
}

fn refusal_text(refusal: &Refusal) -> String {
    let (name, message) = refusal.parts();
    format!("{name}: {message}")
}

/// Whether it is too late for an occurrence, because the server was down.
fn is_too_old(target: &scheduler::Target, fired: &Fired) -> bool {
    fired.age_ms > retry_policy(target.retry_policy.as_ref()).age_max_ms
}

fn delivery(
    target: &scheduler::Target,
    fired: &Fired,
    to: String,
    payload: String,
    group_id: Option<String>,
) -> Delivery {
    let attributes = BTreeMap::from([
        ("SCHEDULE_ARN".to_string(), fired.schedule_arn.clone()),
        ("TARGET_ARN".to_string(), target.arn.clone()),
        ("EXECUTION_ID".to_string(), fired.execution_id.clone()),
        ("SCHEDULED_TIME".to_string(), fired.time()),
    ]);
    let dead_letter = target
        .dead_letter_config
        .as_ref()
        .and_then(|config| config.arn.clone())
        .map(|arn| (arn, attributes));
    let event = target
        .event_bridge_parameters
        .as_ref()
        .map(|parameters| BusEvent {
            source: parameters.source.clone(),
            detail_type: parameters.detail_type.clone(),
            resources: vec![fired.schedule_arn.clone()],
        });
    let mut retry = retry_policy(target.retry_policy.as_ref());
    // What is too old already is given up at once, with its dead letter.
    retry.age_max_ms -= fired.age_ms;
    Delivery {
        target: to,
        payload,
        origin: fired.schedule_arn.clone(),
        retry,
        dead_letter,
        message: Message {
            group_id,
            event,
            ..Message::default()
        },
        trace_header: None,
    }
}

fn retry_policy(policy: Option<&scheduler::RetryPolicy>) -> RetryPolicy {
    let mut all = RetryPolicy::default();
    if let Some(policy) = policy {
        if let Some(attempts) = policy.maximum_retry_attempts {
            all.retries_max = attempts.unsigned_abs();
        }
        if let Some(seconds) = policy.maximum_event_age_in_seconds {
            all.age_max_ms = i64::from(seconds) * 1_000;
        }
    }
    all
}

/// Reads a universal target.
///
/// - `operation`: `sfn:startExecution`.
/// - `input`: the operation's input as JSON, its members as the API names them.
fn universal(
    operation: &str,
    input: &str,
    settings: &Settings,
) -> Result<Universal, scheduler::Error> {
    let known = [
        "sfn:startExecution",
        "lambda:invoke",
        "sqs:sendMessage",
        "sns:publish",
    ];
    if !known.contains(&operation) {
        return Err(scheduler::Error::not_implemented(format!(
            "Stepwell does not implement the target {UNIVERSAL}{operation} yet"
        )));
    }
    let Ok(Value::Object(members)) = serde_json::from_str(input) else {
        return Err(invalid(
            "Invalid RequestJson provided. Reason: The Input is no JSON object.",
        ));
    };
    let text = |name: &str| match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(invalid(format!(
            "Invalid RequestJson provided. Reason: The member {name} is no text."
        ))),
    };
    let required = |name: &str| {
        text(name)?.ok_or_else(|| {
            invalid(format!(
                "Invalid RequestJson provided. Reason: The request needs the member {name}."
            ))
        })
    };
    let to = |arn: String| match Target::parse(&arn) {
        Some(_) => Ok(arn),
        None => Err(invalid(format!(
            "Invalid RequestJson provided. Reason: {arn} is no target."
        ))),
    };
    Ok(match operation {
        "sfn:startExecution" => Universal::StartExecution(states::StartExecutionInput {
            state_machine_arn: to(required("StateMachineArn")?)?,
            name: text("Name")?,
            input: text("Input")?,
            trace_header: text("TraceHeader")?,
        }),
        "lambda:invoke" => Universal::Invoke {
            function: to(function_arn(
                required("FunctionName")?,
                text("Qualifier")?,
                settings,
            ))?,
            payload: match members.get("Payload") {
                None => "{}".to_string(),
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
            },
        },
        "sqs:sendMessage" => Universal::Send {
            target: queue_arn(&required("QueueUrl")?, settings)?,
            message: required("MessageBody")?,
            group_id: text("MessageGroupId")?,
        },
        _ => Universal::Send {
            target: to(required("TopicArn")?)?,
            message: required("Message")?,
            group_id: text("MessageGroupId")?,
        },
    })
}

fn function_arn(name: String, qualifier: Option<String>, settings: &Settings) -> String {
    let arn = if name.starts_with("arn:") {
        name
    } else {
        let (region, account) = (&settings.region, &settings.account);
        format!("arn:aws:lambda:{region}:{account}:function:{name}")
    };
    match qualifier {
        Some(qualifier) => format!("{arn}:{qualifier}"),
        None => arn,
    }
}

/// AWS: the last two parts of a queue's URL are account and name.
fn queue_arn(url: &str, settings: &Settings) -> Result<String, scheduler::Error> {
    let mut parts = url.rsplit('/');
    match (parts.next(), parts.next()) {
        (Some(name), Some(account)) if !name.is_empty() && !account.is_empty() => {
            Ok(format!("arn:aws:sqs:{}:{account}:{name}", settings.region))
        }
        _ => Err(invalid(format!(
            "Invalid RequestJson provided. Reason: {url} is no URL of a queue."
        ))),
    }
}
