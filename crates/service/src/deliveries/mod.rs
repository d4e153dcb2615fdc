//! Deliveries: a JSON payload is brought to an ARN, durably, with retries, until it is there or given up.
//!
//! A delivery is a row, a row with its payload, and a row in the index of what is due. A tick releases what is due;
//! the rows stay as they are until the outcome is known. What a crash cuts off is therefore due again at once: every
//! delivery is made at least once, and an asynchronous invocation may run twice.
//!
//! AWS: "it's possible for it to receive the same event from Lambda multiple times".

mod destination;
mod event_invoke;
mod in_flight;
mod outcome;
mod task;

use std::collections::{BTreeMap, VecDeque};

use sha2::{Digest, Sha256};
use stepwell_api::arn::FunctionArn;
use stepwell_engine::{Payload, Timestamp};
use stepwell_store::Error;

use crate::command::{
    BusEvent, DeliveryAction, DeliveryCall, Effect, FunctionCall, Message, Request,
};
use crate::events::{PublishedEvent, bus_in, find_bus};
use crate::functions::named::function_settings;
use crate::rows::delivery::{
    Counters, DeadLetterRow, DeliveryRow, MessageRow, Stage, counters_key, delivery_key,
    payload_key,
};
use crate::rows::{Kind, VERSION, decode, encode, index};
use crate::shard::{Done, Shard, Stop};
use crate::staging::Rows;
use crate::timers::Timers;
use destination::Paces;
use in_flight::InFlight;

pub(crate) use event_invoke::{config_of, configs_of, no_config, refusal};
pub use task::{Unawaited, unawaited, unawaited_outcome};

/// Bytes of an asynchronous payload. Source: Lambda quotas, asynchronous invocation.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// Deliveries that wait or are being made; one more is throttled.
const DELIVERIES_MAX: u64 = 100_000;

/// Bytes of the payloads of all deliveries together; beyond it one more is throttled.
const QUEUED_BYTES_MAX: u64 = 1 << 30;

/// Deliveries that one tick releases.
const RELEASED_PER_TICK_MAX: usize = 1_024;

/// Something to bring to a target.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// ARN of a function (with or without a qualifier), a state machine, a queue, a topic, an event bus or an API
    /// destination, or a URL.
    pub target: String,
    /// JSON text, at most [`PAYLOAD_BYTES_MAX`] bytes: a function's event, an execution's input, a message.
    pub payload: String,
    /// ARN of who sends it, for people.
    pub origin: String,
    /// How often and how long it is tried. What a function makes of an event that it has taken is not the sender's
    /// affair: the function's own configuration says how often it is run.
    pub retry: RetryPolicy,
    /// Where it goes when it is given up, as a message with `ERROR_CODE`, `ERROR_MESSAGE`,
    /// `EXHAUSTED_RETRY_CONDITION` and `RETRY_ATTEMPTS` beside these attributes.
    pub dead_letter: Option<(String, BTreeMap<String, String>)>,
    /// What a queue, a topic or an event bus needs beside the payload.
    pub message: Message,
    pub trace_header: Option<String>,
}

/// How often and how long a delivery is tried.
///
/// AWS: EventBridge and Scheduler try 185 times within 24 hours if they are not told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts after the first one.
    pub retries_max: u32,
    pub age_max_ms: i64,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy {
            retries_max: 185,
            age_max_ms: 24 * 60 * 60 * 1_000,
        }
    }
}

/// Why a delivery is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// Nothing can be brought to this ARN here.
    Unsupported(String),
    TooLarge(usize),
    /// Too much waits; try again later.
    Full,
}

impl std::fmt::Display for NotTaken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NotTaken::Unsupported(arn) => write!(
                f,
                "Stepwell does not deliver to {arn}: a target is a Lambda function, a state machine, an SQS queue, \
                 an SNS topic, an event bus or an API destination"
            ),
            NotTaken::TooLarge(bytes) => write!(
                f,
                "{bytes} byte payload is too large for the Event invocation type (limit {PAYLOAD_BYTES_MAX} bytes)"
            ),
            NotTaken::Full => write!(
                f,
                "Rate exceeded: {DELIVERIES_MAX} deliveries or {QUEUED_BYTES_MAX} bytes of them are waiting"
            ),
        }
    }
}

/// What an ARN means as a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Function(FunctionArn),
    StateMachine,
    Queue,
    Topic,
    EventBus,
    ApiDestination,
    /// An `http://` or `https://` URL: the webhook of an alarm. No service of AWS takes one.
    Url,
}

impl Target {
    /// The target that an ARN names; `None` if nothing can be brought there.
    pub(crate) fn parse(arn: &str) -> Option<Target> {
        if arn.starts_with("http://") || arn.starts_with("https://") {
            return Some(Target::Url);
        }
        let mut parts = arn.splitn(6, ':').skip(2);
        let (service, resource) = (parts.next()?, parts.nth(2)?);
        if resource.is_empty() || !arn.starts_with("arn:") {
            return None;
        }
        match service {
            "lambda" => FunctionArn::parse(arn).ok().map(Target::Function),
            "states" if resource.starts_with("stateMachine:") => Some(Target::StateMachine),
            "sqs" => Some(Target::Queue),
            "sns" => Some(Target::Topic),
            "events" if resource.starts_with("event-bus/") => Some(Target::EventBus),
            "events" if resource.starts_with("api-destination/") => Some(Target::ApiDestination),
            _ => None,
        }
    }
}

/// What a shard remembers of its deliveries between commits.
pub(crate) struct Deliveries {
    counters: Counters,
    due: Timers,
    in_flight: InFlight,
    paces: Paces,
    /// Task states that invoke a function asynchronously and have not been answered.
    tasks: VecDeque<FunctionCall>,
}

impl Deliveries {
    pub(crate) fn open(rows: &dyn Rows) -> Result<Deliveries, Error> {
        let key = counters_key();
        let counters = match rows.get(&key)? {
            Some(value) => decode(&key, &value)?,
            None => Counters::default(),
        };
        Ok(Deliveries {
            counters,
            due: Timers::unread(Kind::DeliveryDue),
            in_flight: InFlight::default(),
            paces: Paces::default(),
            tasks: VecDeque::new(),
        })
    }

    /// Whether a few more deliveries, however large, may be refused.
    pub(crate) fn is_nearly_full(&self) -> bool {
        const FEW: u64 = 8;
        let bytes = FEW * PAYLOAD_BYTES_MAX as u64;
        self.counters.open + FEW > DELIVERIES_MAX
            || self.counters.payload_bytes + bytes > QUEUED_BYTES_MAX
    }

    fn is_full(&self) -> bool {
        self.counters.open >= DELIVERIES_MAX || self.counters.payload_bytes >= QUEUED_BYTES_MAX
    }

    /// The instant of the next tick that has something to release.
    pub(crate) fn next_due(&self) -> Option<i64> {
        if !self.tasks.is_empty() {
            return Some(0);
        }
        let due = match self.in_flight.has_ready() {
            true => Some(0),
            false => self.due.next_due(),
        };
        due.filter(|_| self.in_flight.has_room())
    }
}

impl Shard {
    /// Takes a delivery: once the commit is durable, it is brought to its target at least once, or given up as its
    /// policy says.
    pub(crate) fn deliver(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        delivery: Delivery,
    ) -> Result<Result<(), NotTaken>, Error> {
        if let Err(refused) = self.admit(&delivery.target, delivery.payload.len()) {
            return Ok(Err(refused));
        }
        let RetryPolicy {
            retries_max,
            age_max_ms,
        } = delivery.retry;
        let stage = Stage::Bring {
            retries_max,
            age_max_ms,
            dead_letter: delivery
                .dead_letter
                .map(|(target, attributes)| DeadLetterRow { target, attributes }),
        };
        let row = DeliveryRow {
            origin: delivery.origin,
            message: row_of(delivery.message),
            trace_header: delivery.trace_header,
            ..new_row(now, delivery.target, stage, delivery.payload.len())
        };
        self.queue_delivery(entropy, row, &delivery.payload);
        Ok(Ok(()))
    }

    /// Whether there is room, and a way, for a payload to a target.
    pub(crate) fn admit(&self, target: &str, payload_bytes: usize) -> Result<(), NotTaken> {
        if Target::parse(target).is_none() {
            return Err(NotTaken::Unsupported(target.to_string()));
        }
        if payload_bytes > PAYLOAD_BYTES_MAX {
            return Err(NotTaken::TooLarge(payload_bytes));
        }
        if self.deliveries.is_full() {
            return Err(NotTaken::Full);
        }
        Ok(())
    }

    /// Writes the rows of a new delivery.
    fn queue_delivery(&mut self, entropy: &[u8; 32], mut row: DeliveryRow, payload: &str) {
        let counters = &mut self.deliveries.counters;
        let number = counters.next;
        counters.next += 1;
        counters.open += 1;
        counters.payload_bytes += row.payload_bytes;
        self.staging.put(counters_key(), encode(counters));
        row.seed = derived(entropy, number);
        self.staging.put(payload_key(number), encode(&payload));
        self.staging.put(delivery_key(number), encode(&row));
        self.put_due(number, row.due_ms);
    }

    fn put_due(&mut self, number: u64, due_ms: i64) {
        let key = index::due_key(Kind::DeliveryDue, due_ms, number);
        self.staging.put(key, vec![VERSION]);
        self.deliveries.due.insert((due_ms, number), true);
    }

    fn delete_due(&mut self, number: u64, due_ms: i64) {
        self.staging
            .delete(index::due_key(Kind::DeliveryDue, due_ms, number));
        self.deliveries.due.remove((due_ms, number), true);
    }

    /// Writes a delivery back that is due at another instant.
    fn postpone(&mut self, number: u64, row: &mut DeliveryRow, due_ms: i64) {
        self.delete_due(number, row.due_ms);
        row.due_ms = due_ms;
        self.staging.put(delivery_key(number), encode(row));
        self.put_due(number, due_ms);
    }

    /// Removes a delivery: it was made, or something else has taken its place in the same commit.
    fn forget(&mut self, number: u64, row: &DeliveryRow) {
        self.delete_due(number, row.due_ms);
        self.staging.delete(delivery_key(number));
        self.staging.delete(payload_key(number));
        self.deliveries.paces.forget(number);
        let counters = &mut self.deliveries.counters;
        counters.open = counters.open.saturating_sub(1);
        counters.payload_bytes = counters.payload_bytes.saturating_sub(row.payload_bytes);
        self.staging.put(counters_key(), encode(counters));
    }

    fn delivery(&self, number: u64) -> Result<Option<DeliveryRow>, Error> {
        let key = delivery_key(number);
        let value = self.staging.get(&key)?;
        value.map(|value| decode(&key, &value)).transpose()
    }

    fn payload_of(&self, number: u64) -> Result<String, Error> {
        let key = payload_key(number);
        let value = self.staging.get(&key)?;
        let value = value.ok_or_else(|| Error::Corrupt { key: key.clone() })?;
        decode(&key, &value)
    }

    /// Releases what is due, as far as there is room.
    pub(crate) fn work_on_deliveries(&mut self, now: Timestamp) -> Done<()> {
        for _ in 0..RELEASED_PER_TICK_MAX {
            if self.is_full() || !self.deliveries.in_flight.has_room() {
                return Ok(());
            }
            let Deliveries { in_flight, due, .. } = &mut self.deliveries;
            let timer = match in_flight.take_ready() {
                Some(timer) => timer,
                None => match due.take_due(&self.staging, now)? {
                    Some(timer) => timer,
                    None => return Ok(()),
                },
            };
            let (due_ms, number) = timer;
            if self.deliveries.in_flight.contains(number) {
                continue;
            }
            let row = self.delivery(number)?;
            let Some(row) = row.filter(|row| row.due_ms == due_ms) else {
                continue;
            };
            let target = row.target.clone();
            if self.deliveries.in_flight.admit(&target, timer) {
                self.make(now, number, row)?;
                // Made without a call, it has left its place to the next one.
                self.deliveries.in_flight.unpark(&target);
            }
        }
        Ok(())
    }

    /// One attempt: carried out here, or released.
    fn make(&mut self, now: Timestamp, number: u64, mut row: DeliveryRow) -> Done<()> {
        if self.is_too_old(&row, now.as_millis())? {
            return self.give_up(now, number, &row, outcome::Exhausted::by_age());
        }
        let target = Target::parse(&row.target);
        match (&row.stage, target) {
            (Stage::Bring { .. }, Some(Target::Function(arn))) => {
                if !self.has_function(&arn)? {
                    let missing = outcome::Exhausted::refused(
                        "ResourceNotFoundException",
                        format!("Function not found: {arn}"),
                    );
                    return self.give_up(now, number, &row, missing);
                }
                // The function's service has it now, as after an Invoke of type Event.
                row.stage = Stage::Invoke {
                    request_id: crate::uuid(&row.seed),
                };
                row.unreached = 0;
                row.queued_ms = now.as_millis();
                self.staging.put(delivery_key(number), encode(&row));
                return self.make(now, number, row);
            }
            (Stage::Bring { .. }, Some(Target::StateMachine)) => {
                self.start_delivered(now, number, &mut row)?
            }
            (Stage::Bring { .. }, Some(Target::EventBus)) => {
                match bus_in(&row.target, &self.settings).map(str::to_string) {
                    Some(bus) => self.publish_delivered(now, number, &bus, &row)?,
                    // A bus of somebody else.
                    None => self.release_delivery(number, &row)?,
                }
            }
            (Stage::Bring { .. }, Some(Target::ApiDestination)) => {
                self.call_destination(now, number, &mut row)?
            }
            (Stage::Bring { .. }, Some(Target::Url)) => self.call_url(number, &row)?,
            (Stage::Invoke { .. }, Some(Target::Function(arn))) if self.is_shut(&arn)? => {
                return self.give_up(now, number, &row, outcome::Exhausted::shut());
            }
            _ => self.release_delivery(number, &row)?,
        }
        Ok(())
    }

    /// AWS: with a reserved concurrency of zero, events are given up without an attempt.
    fn is_shut(&self, arn: &FunctionArn) -> Result<bool, Error> {
        let kept = function_settings(&self.staging, arn.name())?;
        Ok(kept.reserved_concurrency == Some(0))
    }

    fn release_delivery(&mut self, number: u64, row: &DeliveryRow) -> Result<(), Error> {
        let action = match &row.stage {
            Stage::Invoke { request_id } => DeliveryAction::Invoke {
                request_id: request_id.clone(),
                trace_header: row.trace_header.clone(),
                client_context: row.client_context.clone(),
                queued_ms: row.queued_ms,
                answered: row.answered,
                is_first: row.answered == 0 && row.unreached == 0,
            },
            Stage::Bring { .. } => DeliveryAction::Send(message_of(&row.message)),
        };
        let payload = self.payload_of(number)?;
        self.release_action(number, row, payload, action);
        Ok(())
    }

    fn release_action(
        &mut self,
        number: u64,
        row: &DeliveryRow,
        payload: String,
        action: DeliveryAction,
    ) {
        self.deliveries
            .in_flight
            .begin(number, &row.target, row.payload_bytes);
        self.release_effect(Effect::Deliver(Box::new(DeliveryCall {
            number,
            target: row.target.clone(),
            payload: Payload::from_text(payload),
            action,
        })));
    }

    /// PutEvents on a bus of ours, in the commit that ends the delivery.
    fn publish_delivered(
        &mut self,
        now: Timestamp,
        number: u64,
        bus: &str,
        row: &DeliveryRow,
    ) -> Done<()> {
        if find_bus(&self.staging, 0, bus)?.is_none() {
            let text = format!("Event bus {bus} does not exist.");
            let missing = outcome::Exhausted::refused("ResourceNotFoundException", text);
            return self.give_up(now, number, row, missing);
        }
        let (source, detail_type, resources) = row.message.event.clone().unwrap_or_default();
        let event = PublishedEvent {
            id: crate::uuid(&row.seed),
            source,
            detail_type,
            time_ms: row.queued_ms,
            resources,
            detail: serde_json::from_str(&self.payload_of(number)?).unwrap_or_default(),
            trace_header: row.trace_header.clone(),
        };
        self.forget(number, row);
        self.publish_event(now, bus, event);
        Ok(())
    }

    /// StartExecution, in the commit that ends the delivery.
    fn start_delivered(&mut self, now: Timestamp, number: u64, row: &mut DeliveryRow) -> Done<()> {
        let input = stepwell_api::states::StartExecutionInput {
            state_machine_arn: row.target.clone(),
            // AWS: a delivery that is made twice starts one execution.
            name: Some(crate::uuid(&row.seed)),
            input: Some(self.payload_of(number)?),
            trace_header: row.trace_header.clone(),
        };
        let entropy = row.seed;
        match self.carry_out(now, entropy, None, Request::StartExecution(input)) {
            Ok(_) => {
                self.forget(number, row);
                Ok(())
            }
            Err(Stop::Refused(refusal)) => {
                let (name, message) = refusal.parts();
                let is_throttled = name.contains("Throttling") || name.contains("LimitExceeded");
                let failure = outcome::Failure {
                    code: name.to_string(),
                    message,
                    is_retryable: is_throttled,
                };
                self.not_brought(now, number, row, failure)
            }
            Err(Stop::Store(error)) => Err(Stop::Store(error)),
        }
    }
}

/// A delivery that is due at once.
fn new_row(now: Timestamp, target: String, stage: Stage, payload_bytes: usize) -> DeliveryRow {
    DeliveryRow {
        target,
        stage,
        seed: [0; 32],
        queued_ms: now.as_millis(),
        due_ms: now.as_millis(),
        payload_bytes: payload_bytes as u64,
        answered: 0,
        unreached: 0,
        origin: String::new(),
        message: MessageRow::default(),
        trace_header: None,
        client_context: None,
    }
}

fn row_of(message: Message) -> MessageRow {
    MessageRow {
        attributes: message.attributes,
        group_id: message.group_id,
        event: message
            .event
            .map(|event| (event.source, event.detail_type, event.resources)),
    }
}

fn message_of(row: &MessageRow) -> Message {
    Message {
        attributes: row.attributes.clone(),
        group_id: row.group_id.clone(),
        event: row
            .event
            .clone()
            .map(|(source, detail_type, resources)| BusEvent {
                source,
                detail_type,
                resources,
            }),
    }
}

/// The entropy of one delivery out of that of the command that queued it.
fn derived(entropy: &[u8; 32], number: u64) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(entropy);
    hash.update(number.to_be_bytes());
    hash.finalize().into()
}
