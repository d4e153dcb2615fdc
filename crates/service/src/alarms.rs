//! What follows from a change of state of an alarm: its event is published, its actions are delivered.
//!
//! Alarms live in a store of their own. What follows from a transition waits there until a commit of this shard has
//! taken it; the row that says so is of the same commit, so a transition that is handed over again, because a crash came
//! between the two stores, is answered as the first time and changes nothing.

use serde_json::Value;
use stepwell_api::states;
use stepwell_engine::Timestamp;

use crate::command::Answered;
use crate::deliveries::{Delivery, RetryPolicy};
use crate::events::{PublishedEvent, derived};
use crate::rows::alarm::{TransitionRow, transition_key};
use crate::rows::{decode, encode};
use crate::shard::{Done, Shard};
use crate::staging::Rows as _;

/// A change of state of an alarm, to be taken in the order of its numbers.
#[derive(Debug, Clone)]
pub struct AlarmTransition {
    /// Names the store that numbers transitions.
    pub store: u64,
    pub number: u64,
    pub alarm_arn: String,
    pub at_ms: i64,
    /// For the default bus.
    pub event: Option<AlarmEvent>,
    pub actions: Vec<AlarmAction>,
}

/// An event of CloudWatch about an alarm.
#[derive(Debug, Clone)]
pub struct AlarmEvent {
    pub id: String,
    pub detail_type: String,
    pub detail: Value,
}

/// An action of an alarm.
#[derive(Debug, Clone)]
pub struct AlarmAction {
    /// ARN of a function, a state machine or a topic.
    pub target: String,
    /// JSON text.
    pub payload: String,
}

impl Shard {
    /// Takes a transition: once this commit is durable, its event reaches the rules of the default bus, and its actions
    /// their targets, at least once.
    ///
    /// - Answers for each action why it cannot be delivered, or nothing.
    /// - Errors: `ThrottlingException` while too many deliveries wait; then nothing was taken.
    pub(crate) fn take_transition(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        transition: AlarmTransition,
    ) -> Done<Answered> {
        let key = transition_key(transition.store);
        let last = match self.staging.get(&key)? {
            Some(value) => decode(&key, &value)?,
            None => TransitionRow::default(),
        };
        if transition.number <= last.number {
            return Ok(Answered::Alarm(last.outcomes));
        }
        if self.deliveries.is_nearly_full() {
            return Err(states::Error::throttling_exception("Rate exceeded").into());
        }
        if let Some(event) = transition.event {
            let event = PublishedEvent {
                id: event.id,
                source: "aws.cloudwatch".to_string(),
                detail_type: event.detail_type,
                time_ms: transition.at_ms,
                resources: vec![transition.alarm_arn.clone()],
                detail: event.detail,
                trace_header: None,
            };
            self.publish_event(now, "default", event);
        }
        let mut outcomes = Vec::new();
        for (at, action) in transition.actions.into_iter().enumerate() {
            let delivery = Delivery {
                target: action.target,
                payload: action.payload,
                origin: transition.alarm_arn.clone(),
                retry: RetryPolicy::default(),
                dead_letter: None,
                message: Default::default(),
                trace_header: None,
            };
            let entropy = derived(entropy, &at.to_be_bytes());
            let taken = self.deliver(now, &entropy, delivery)?;
            outcomes.push(taken.err().map(|refused| refused.to_string()));
        }
        let row = TransitionRow {
            number: transition.number,
            outcomes: outcomes.clone(),
        };
        self.staging.put(key, encode(&row));
        Ok(Answered::Alarm(outcomes))
    }
}
