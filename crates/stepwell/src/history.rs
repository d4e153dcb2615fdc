//! Reads the history of an execution from a server, whole or as it grows.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use crate::client::{Client, Error, HISTORY_PAGE_EVENTS};

/// AWS: the quota of events in one history.
pub const HISTORY_EVENTS_MAX: usize = 25_000;
/// A follower asks this often at first, and half as often each time nothing has happened.
const POLL_FIRST: Duration = Duration::from_millis(20);
const POLL_SLOWEST: Duration = Duration::from_millis(400);

/// One history event, read from the wire without its payloads' meaning.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub id: u64,
    pub previous: u64,
    /// Milliseconds since the epoch.
    pub at_ms: i64,
    /// AWS's event type, `TaskStateEntered`.
    pub kind: String,
    /// The one detail member the event carries, or `Null`.
    pub details: Value,
}

impl Event {
    /// Reads an event of `GetExecutionHistory`; an event without id, time or type is `None`.
    pub fn read(wire: &Value) -> Option<Self> {
        let members = wire.as_object()?;
        let details = members
            .iter()
            .find(|(name, _)| name.ends_with("EventDetails"))
            .map(|(_, value)| value.clone());
        Some(Self {
            id: wire["id"].as_u64()?,
            previous: wire["previousEventId"].as_u64().unwrap_or(0),
            at_ms: epoch_ms(&wire["timestamp"])?,
            kind: wire["type"].as_str()?.to_owned(),
            details: details.unwrap_or(Value::Null),
        })
    }

    pub fn detail(&self, member: &str) -> Option<&str> {
        self.details.get(member).and_then(Value::as_str)
    }
}

/// A wire timestamp (epoch seconds with a fraction) in milliseconds.
pub fn epoch_ms(wire: &Value) -> Option<i64> {
    let seconds = wire.as_f64()?;
    // A double holds every millisecond of the next 200,000 years exactly enough to round.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounded, and far inside the range of i64"
    )]
    Some((seconds * 1000.0).round() as i64)
}

/// The whole history, oldest first, as it was on the wire.
pub fn whole(client: &Client, execution_arn: &str) -> Result<Vec<Value>, Error> {
    let input = json!({ "executionArn": execution_arn, "maxResults": HISTORY_PAGE_EVENTS });
    client.list("GetExecutionHistory", &input, "events", HISTORY_EVENTS_MAX)
}

/// Follows one execution: each [`Follower::poll`] gives the events that are new.
pub struct Follower<'client> {
    client: &'client Client,
    execution_arn: String,
    seen: u64,
    pause: Duration,
}

impl<'client> Follower<'client> {
    pub fn new(client: &'client Client, execution_arn: &str) -> Self {
        Self {
            client,
            execution_arn: execution_arn.to_owned(),
            seen: 0,
            pause: POLL_FIRST,
        }
    }

    /// The events since the last poll, oldest first; reads from the newest back to the last one seen.
    pub fn poll(&mut self) -> Result<Vec<Event>, Error> {
        let mut fresh = BTreeMap::new();
        let mut input = json!({
            "executionArn": self.execution_arn,
            "maxResults": HISTORY_PAGE_EVENTS,
            "reverseOrder": true,
            "includeExecutionData": false,
        });
        let pages_max = HISTORY_EVENTS_MAX / HISTORY_PAGE_EVENTS as usize + 1;
        for _ in 0..pages_max {
            let page = self.client.states("GetExecutionHistory", &input)?;
            let events = page["events"]
                .as_array()
                .map(Vec::as_slice)
                .unwrap_or_default();
            let mut reached_seen = events.is_empty();
            for event in events.iter().filter_map(Event::read) {
                reached_seen |= event.id <= self.seen + 1;
                if event.id > self.seen {
                    fresh.insert(event.id, event);
                }
            }
            let Some(token) = page["nextToken"].as_str().filter(|_| !reached_seen) else {
                break;
            };
            input["nextToken"] = json!(token);
        }
        if let Some((last, _)) = fresh.last_key_value() {
            self.seen = *last;
        }
        self.pause = if fresh.is_empty() {
            (self.pause * 2).min(POLL_SLOWEST)
        } else {
            POLL_FIRST
        };
        Ok(fresh.into_values().collect())
    }

    /// How long to wait before the next poll.
    pub fn pause(&self) -> Duration {
        self.pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_with_its_one_detail_member() {
        let event = Event::read(&json!({
            "timestamp": 1_700_000_000.125, "type": "TaskStateEntered", "id": 2, "previousEventId": 0,
            "stateEnteredEventDetails": { "name": "Charge" },
        }));
        let event = event.expect("a complete event");
        assert_eq!(
            (event.id, event.previous, event.at_ms),
            (2, 0, 1_700_000_000_125)
        );
        assert_eq!(event.detail("name"), Some("Charge"));
    }

    #[test]
    fn an_incomplete_event_is_not_an_event() {
        assert_eq!(
            Event::read(&json!({ "id": 1, "type": "ExecutionStarted" })),
            None
        );
        assert_eq!(Event::read(&json!("ExecutionStarted")), None);
    }
}
