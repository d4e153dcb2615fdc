//! What becomes of a delivery: done, tried again, or given up with a record of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stepwell_api::arn::FunctionArn;
use stepwell_engine::Timestamp;
use stepwell_store::Error;

use super::{RetryPolicy, Target, config_of, derived, new_row, row_of};
use crate::command::{BusEvent, DeliveryOutcome, Effect, FunctionReply, GivenUp, Message};
use crate::rows::delivery::{DeadLetterRow, DeliveryRow, EventInvokeRow, Stage};
use crate::shard::{Done, Shard};

/// What follows from a delivery, as its origin calls it.
const DEAD_LETTER: &str = "dead letter";
const RECORD: &str = "destination";

/// AWS: function errors are retried twice if the configuration does not say otherwise.
pub(crate) const RETRIES_DEFAULT: u32 = 2;

/// AWS: an event is kept for six hours at most.
pub(crate) const AGE_SECONDS_MAX: i32 = 21_600;

/// AWS: a minute before the second attempt, two minutes before the third.
const FUNCTION_ERROR_DELAYS_MS: [i64; 2] = [60_000, 120_000];

/// AWS: throttles and system errors are retried after a second at first, after five minutes at most.
const BACKOFF_FIRST_MS: i64 = 1_000;
const BACKOFF_MAX_MS: i64 = 300_000;

/// AWS: a dead letter's `ErrorMessage` is the first kilobyte.
const DEAD_LETTER_MESSAGE_BYTES_MAX: usize = 1_024;

/// A target that could not be reached, or that refused.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) is_retryable: bool,
}

/// Why a delivery is given up.
#[derive(Debug)]
pub(crate) struct Exhausted {
    /// AWS: `RetriesExhausted` or `EventAgeExceeded`.
    condition: &'static str,
    /// What the function answered last.
    reply: Option<FunctionReply>,
    code: String,
    message: String,
}

impl Exhausted {
    pub(crate) fn by_age() -> Exhausted {
        Exhausted {
            condition: "EventAgeExceeded",
            reply: None,
            code: "EventAgeExceeded".to_string(),
            message: "The maximum age of the event was exceeded.".to_string(),
        }
    }

    /// The function may not run at all.
    pub(crate) fn shut() -> Exhausted {
        Exhausted::refused("429", "Rate Exceeded.".to_string())
    }

    pub(crate) fn refused(code: &str, message: String) -> Exhausted {
        Exhausted {
            condition: "RetriesExhausted",
            reply: None,
            code: code.to_string(),
            message,
        }
    }
}

impl Shard {
    /// The shell knows what became of a delivery that was released; one that is not in flight is ignored.
    pub(crate) fn delivered(
        &mut self,
        now: Timestamp,
        number: u64,
        outcome: DeliveryOutcome,
    ) -> Done<()> {
        if matches!(outcome, DeliveryOutcome::Returned) {
            // The server is stopping: the rows are as they were, and due again when it starts.
            return Ok(());
        }
        if !self.deliveries.in_flight.end(number) {
            return Ok(());
        }
        let Some(mut row) = self.delivery(number)? else {
            return Ok(());
        };
        match outcome {
            DeliveryOutcome::Returned => unreachable!("answered above"),
            DeliveryOutcome::Delivered => {
                self.forget(number, &row);
                Ok(())
            }
            DeliveryOutcome::Ran(reply) => self.ran(now, number, &mut row, reply),
            DeliveryOutcome::Failed {
                code,
                message,
                is_retryable,
            } => {
                let failure = Failure {
                    code,
                    message,
                    is_retryable,
                };
                self.not_brought(now, number, &mut row, failure)
            }
        }
    }

    fn ran(
        &mut self,
        now: Timestamp,
        number: u64,
        row: &mut DeliveryRow,
        reply: FunctionReply,
    ) -> Done<()> {
        row.answered += 1;
        row.unreached = 0;
        let config = self.event_invoke_of(row)?;
        if reply.function_error.is_none() {
            if let Some(destination) = config.on_success {
                let record = self.record(now, number, row, "Success", Some(&reply))?;
                self.send_record(now, row, destination, record, "Success")?;
            }
            self.forget(number, row);
            return Ok(());
        }
        let retries_max = match config.retries_max {
            Some(retries) => retries.unsigned_abs(),
            None => RETRIES_DEFAULT,
        };
        let message = error_message(&reply);
        let exhausted = |condition| Exhausted {
            condition,
            reply: Some(reply.clone()),
            code: "200".to_string(),
            message,
        };
        if row.answered > retries_max {
            return self.give_up(now, number, row, exhausted("RetriesExhausted"));
        }
        let last = FUNCTION_ERROR_DELAYS_MS.len() - 1;
        let delay = FUNCTION_ERROR_DELAYS_MS[(row.answered as usize - 1).min(last)];
        let due_ms = now.as_millis() + delay;
        if self.is_too_old(row, due_ms)? {
            return self.give_up(now, number, row, exhausted("EventAgeExceeded"));
        }
        self.postpone(number, row, due_ms);
        Ok(())
    }

    /// The target was not reached: tried again later, unless that is in vain or too late.
    pub(crate) fn not_brought(
        &mut self,
        now: Timestamp,
        number: u64,
        row: &mut DeliveryRow,
        failure: Failure,
    ) -> Done<()> {
        let delay = BACKOFF_FIRST_MS
            .checked_shl(row.unreached.min(16))
            .unwrap_or(BACKOFF_MAX_MS)
            .min(BACKOFF_MAX_MS);
        row.unreached += 1;
        let is_spent = match &row.stage {
            Stage::Bring { retries_max, .. } => row.unreached > *retries_max,
            // AWS: throttles and system errors do not count as attempts; the age of the event ends them.
            Stage::Invoke { .. } => false,
        };
        let due_ms = now.as_millis() + delay;
        let condition = if !failure.is_retryable || is_spent {
            "RetriesExhausted"
        } else if self.is_too_old(row, due_ms)? {
            "EventAgeExceeded"
        } else {
            self.postpone(number, row, due_ms);
            return Ok(());
        };
        let exhausted = Exhausted {
            condition,
            reply: None,
            code: failure.code,
            message: failure.message,
        };
        self.give_up(now, number, row, exhausted)
    }

    /// Whether an attempt at this instant would be too late.
    pub(crate) fn is_too_old(&self, row: &DeliveryRow, at_ms: i64) -> Result<bool, Error> {
        let age_max_ms = match &row.stage {
            Stage::Bring { age_max_ms, .. } => *age_max_ms,
            Stage::Invoke { .. } => {
                let seconds = self.event_invoke_of(row)?.age_max_seconds;
                i64::from(seconds.unwrap_or(AGE_SECONDS_MAX)) * 1_000
            }
        };
        Ok(at_ms.saturating_sub(row.queued_ms) > age_max_ms)
    }

    /// Ends a delivery that was not made, and tells whoever is to be told.
    pub(crate) fn give_up(
        &mut self,
        now: Timestamp,
        number: u64,
        row: &DeliveryRow,
        exhausted: Exhausted,
    ) -> Done<()> {
        let what = match &row.stage {
            Stage::Invoke { .. } => GivenUp::Event {
                function_arn: row.target.clone(),
                was_tried: row.answered > 0 || row.unreached > 0,
            },
            Stage::Bring { .. } => given_up(&row.origin),
        };
        self.release_effect(Effect::DeliveryGivenUp {
            what,
            target: row.target.clone(),
            origin: row.origin.clone(),
            reason: format!("{}: {}", exhausted.code, exhausted.message),
        });
        match &row.stage {
            Stage::Bring { dead_letter, .. } => {
                if let Some(dead_letter) = dead_letter.clone() {
                    self.send_dead_letter(now, number, row, dead_letter, &exhausted)?;
                }
            }
            Stage::Invoke { request_id } => {
                let config = self.event_invoke_of(row)?;
                let reply = exhausted.reply.as_ref();
                if let Some(destination) = config.on_failure {
                    let record = self.record(now, number, row, exhausted.condition, reply)?;
                    self.send_record(now, row, destination, record, "Failure")?;
                }
                if let Some(target) = self.dead_letter_of(row)? {
                    let mut message = exhausted.message.clone();
                    truncate(&mut message, DEAD_LETTER_MESSAGE_BYTES_MAX);
                    let attributes = BTreeMap::from([
                        ("RequestID".to_string(), request_id.clone()),
                        ("ErrorCode".to_string(), exhausted.code.clone()),
                        ("ErrorMessage".to_string(), message),
                    ]);
                    self.send_payload(now, number, row, target, attributes)?;
                }
            }
        }
        self.forget(number, row);
        Ok(())
    }

    /// AWS: the attributes that EventBridge and Scheduler add to a dead letter.
    fn send_dead_letter(
        &mut self,
        now: Timestamp,
        number: u64,
        row: &DeliveryRow,
        dead_letter: DeadLetterRow,
        exhausted: &Exhausted,
    ) -> Done<()> {
        let condition = match exhausted.condition {
            "EventAgeExceeded" => "MaximumEventAgeInSeconds",
            _ => "MaximumRetryAttempts",
        };
        let retries = row.unreached.saturating_sub(1).to_string();
        let mut message = exhausted.message.clone();
        truncate(&mut message, DEAD_LETTER_MESSAGE_BYTES_MAX);
        let mut attributes = dead_letter.attributes;
        attributes.insert("ERROR_CODE".to_string(), exhausted.code.clone());
        attributes.insert("ERROR_MESSAGE".to_string(), message);
        attributes.insert(
            "EXHAUSTED_RETRY_CONDITION".to_string(),
            condition.to_string(),
        );
        attributes.insert("RETRY_ATTEMPTS".to_string(), retries);
        self.send_payload(now, number, row, dead_letter.target, attributes)
    }

    /// The payload of a delivery goes to another target instead.
    fn send_payload(
        &mut self,
        now: Timestamp,
        number: u64,
        row: &DeliveryRow,
        target: String,
        attributes: BTreeMap<String, String>,
    ) -> Done<()> {
        let message = Message {
            attributes,
            ..Message::default()
        };
        let payload = self.payload_of(number)?;
        self.follow(now, row, target, payload, message, DEAD_LETTER)
    }

    /// AWS: the record of an asynchronous invocation ("Capturing records of Lambda asynchronous invocations").
    fn record(
        &self,
        now: Timestamp,
        number: u64,
        row: &DeliveryRow,
        condition: &str,
        reply: Option<&FunctionReply>,
    ) -> Result<String, Error> {
        let Stage::Invoke { request_id } = &row.stage else {
            unreachable!("only invocations have records");
        };
        let mut record = json!({
            "version": "1.0",
            "timestamp": now.to_string(),
            "requestContext": {
                "requestId": request_id,
                "functionArn": qualified(&row.target),
                "condition": condition,
                "approximateInvokeCount": row.answered,
            },
            "requestPayload": json_of(&self.payload_of(number)?),
        });
        if let Some(reply) = reply {
            let mut context =
                json!({ "statusCode": 200, "executedVersion": reply.executed_version });
            if let Some(error) = &reply.function_error {
                context["functionError"] = json!(error);
            }
            record["responseContext"] = context;
            record["responsePayload"] = json_of(&reply.payload);
        }
        Ok(record.to_string())
    }

    fn send_record(
        &mut self,
        now: Timestamp,
        row: &DeliveryRow,
        destination: String,
        record: String,
        result: &str,
    ) -> Done<()> {
        let event = BusEvent {
            source: "lambda".to_string(),
            detail_type: format!("Lambda Function Invocation Result - {result}"),
            resources: vec![destination.clone(), qualified(&row.target)],
        };
        let message = Message {
            event: Some(event),
            ..Message::default()
        };
        self.follow(now, row, destination, record, message, RECORD)
    }

    /// Queues what follows from a delivery that ends in this commit, so that a full queue does not keep it.
    fn follow(
        &mut self,
        now: Timestamp,
        row: &DeliveryRow,
        target: String,
        payload: String,
        message: Message,
        what: &str,
    ) -> Done<()> {
        let origin = format!("{what} of {}", row.target);
        if Target::parse(&target).is_none() || payload.len() > super::PAYLOAD_BYTES_MAX {
            let reason = match Target::parse(&target) {
                None => super::NotTaken::Unsupported(target.clone()),
                Some(_) => super::NotTaken::TooLarge(payload.len()),
            };
            self.release_effect(Effect::DeliveryGivenUp {
                what: given_up(&origin),
                target,
                origin,
                reason: reason.to_string(),
            });
            return Ok(());
        }
        let RetryPolicy {
            retries_max,
            age_max_ms,
        } = RetryPolicy::default();
        let stage = Stage::Bring {
            retries_max,
            age_max_ms,
            dead_letter: None,
        };
        let followed = DeliveryRow {
            origin,
            message: row_of(message),
            trace_header: row.trace_header.clone(),
            ..new_row(now, target, stage, payload.len())
        };
        self.queue_delivery(&derived(&row.seed, u64::MAX), followed, &payload);
        Ok(())
    }

    fn event_invoke_of(&self, row: &DeliveryRow) -> Result<EventInvokeRow, Error> {
        let Some(Target::Function(arn)) = Target::parse(&row.target) else {
            return Ok(EventInvokeRow::default());
        };
        let qualifier = arn.qualifier().unwrap_or("$LATEST");
        Ok(config_of(&self.staging, arn.name(), qualifier)?.unwrap_or_default())
    }

    fn dead_letter_of(&self, row: &DeliveryRow) -> Result<Option<String>, Error> {
        let Some(Target::Function(arn)) = Target::parse(&row.target) else {
            return Ok(None);
        };
        let function = self.function_of(&arn)?;
        Ok(function.and_then(|function| function.dead_letter_target))
    }
}

/// AWS: records name the qualifier, `$LATEST` too.
/// What a delivery is that has this origin, as [`Shard::follow`] writes it.
fn given_up(origin: &str) -> GivenUp {
    let of = |what: &str| {
        let arn = origin.strip_prefix(what)?.strip_prefix(" of ")?;
        matches!(Target::parse(arn), Some(Target::Function(_))).then(|| arn.to_string())
    };
    if let Some(function_arn) = of(DEAD_LETTER) {
        GivenUp::DeadLetter { function_arn }
    } else if let Some(function_arn) = of(RECORD) {
        GivenUp::Record { function_arn }
    } else {
        GivenUp::Other
    }
}

fn qualified(arn: &str) -> String {
    match FunctionArn::parse(arn) {
        Ok(arn) if arn.qualifier().is_none() => arn.with_qualifier("$LATEST").to_string(),
        _ => arn.to_string(),
    }
}

/// A text as the JSON that it is.
fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

fn error_message(reply: &FunctionReply) -> String {
    let parsed: Option<Value> = serde_json::from_str(&reply.payload).ok();
    let message = parsed
        .as_ref()
        .and_then(|value| value["errorMessage"].as_str());
    message.unwrap_or(&reply.payload).to_string()
}

/// Cuts a text to a number of bytes, at a character.
fn truncate(text: &mut String, bytes_max: usize) {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}
