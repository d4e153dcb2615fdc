//! Deliveries to API destinations: their pace, and the request of one attempt.

use std::collections::{BTreeMap, BTreeSet};

use stepwell_api::events::connection_state;
use stepwell_engine::Timestamp;
use stepwell_store::Error;

use super::outcome::Exhausted;
use crate::command::{DeliveryAction, HttpCall, WebhookCall};
use crate::events::{RATE_DEFAULT, api_destination_at, connection_at, webhook_call};
use crate::rows::delivery::DeliveryRow;
use crate::shard::{Done, Shard};

/// Microseconds of a second.
const SECOND_US: i64 = 1_000_000;

/// Destinations that are kept before it is looked which of them have been free for long.
const FREE_KEPT_MIN: usize = 64;

/// When destinations may be called. In memory only: a crash lets a second's calls be made again.
#[derive(Default)]
pub(super) struct Paces {
    /// The first instant without a call, in microseconds, by the destination's ARN; at most twice as many as there are
    /// destinations with deliveries, or [`FREE_KEPT_MIN`].
    free_us: BTreeMap<String, i64>,
    /// How many there may be in `free_us` until those that say nothing any more are left out.
    free_max: usize,
    /// Deliveries that wait for the instant that was theirs; as many as there are deliveries at most.
    waiting: BTreeSet<u64>,
}

impl Paces {
    /// The instant of a delivery, in milliseconds: now, or the next that its destination has free.
    fn instant(&mut self, now_ms: i64, number: u64, target: &str, rate: i32) -> i64 {
        if self.waiting.remove(&number) {
            return now_ms;
        }
        let now_us = now_ms.saturating_mul(1_000);
        if self.free_us.len() >= self.free_max.max(FREE_KEPT_MIN) {
            self.free_us.retain(|_, free| *free > now_us);
            // Twice what is left: each look at all of them is paid for by as many new ones.
            self.free_max = 2 * self.free_us.len();
        }
        let free = self.free_us.entry(target.to_string()).or_insert(now_us);
        let at_us = now_us.max(*free);
        *free = at_us + SECOND_US / i64::from(rate.max(1));
        let at_ms = at_us.div_euclid(1_000);
        if at_ms > now_ms {
            self.waiting.insert(number);
        }
        at_ms
    }

    /// A delivery has ended, perhaps without having been called at the instant that was given to it.
    pub(super) fn forget(&mut self, number: u64) {
        self.waiting.remove(&number);
    }
}

impl Shard {
    /// One attempt at an API destination.
    pub(super) fn call_destination(
        &mut self,
        now: Timestamp,
        number: u64,
        row: &mut DeliveryRow,
    ) -> Done<()> {
        let Some(destination) = api_destination_at(&self.staging, &row.target, &self.settings)?
        else {
            let text = format!("The API destination {} does not exist.", row.target);
            return self.give_up(
                now,
                number,
                row,
                Exhausted::refused("RESOURCE_NOT_FOUND", text),
            );
        };
        let arn = &destination.connection_arn;
        let connection = connection_at(&self.staging, arn, &self.settings)?
            .filter(|connection| connection.state != connection_state::DEAUTHORIZED);
        let Some(connection) = connection else {
            let text = format!("The connection {arn} does not exist or is not authorized.");
            return self.give_up(now, number, row, Exhausted::refused("NO_PERMISSIONS", text));
        };
        let rate = destination.rate.unwrap_or(RATE_DEFAULT);
        let now_ms = now.as_millis();
        let paces = &mut self.deliveries.paces;
        let at_ms = paces.instant(now_ms, number, &row.target, rate);
        if at_ms > now_ms {
            self.postpone(number, row, at_ms);
            return Ok(());
        }
        let payload = self.payload_of(number)?;
        let attributes = &row.message.attributes;
        let call = webhook_call(&destination, &connection, arn, attributes, &payload);
        self.release_action(number, row, payload, DeliveryAction::Call(Box::new(call)));
        Ok(())
    }

    /// One attempt at a URL: the payload is posted as JSON.
    pub(super) fn call_url(&mut self, number: u64, row: &DeliveryRow) -> Result<(), Error> {
        let payload = self.payload_of(number)?;
        let content_type = ("content-type", "application/json; charset=utf-8");
        let headers = [content_type].map(|(name, value)| (name.to_string(), value.to_string()));
        let call = WebhookCall {
            call: HttpCall {
                method: "POST".to_string(),
                url: row.target.clone(),
                headers: headers.into(),
                body: payload.clone(),
            },
            token: None,
        };
        self.release_action(number, row, payload, DeliveryAction::Call(Box::new(call)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use stepwell_store::Memory;

    use super::*;
    use crate::deliveries::{Delivery, RetryPolicy};
    use crate::{LostTask, Message, Settings, UnknownRole};

    #[test]
    fn a_delivery_that_is_given_up_at_its_instant_waits_for_none_any_more() {
        let settings = Settings {
            region: "us-east-1".to_string(),
            account: "123456789012".to_string(),
            lost_task: LostTask::Fail,
            unknown_role: UnknownRole::Accepted,
            retention_ms: crate::retention::DEFAULT,
        };
        let mut shard = Shard::open(Box::new(Memory::new()), settings).expect("it opens");
        let now = Timestamp::from_millis(1_700_000_000_000);
        let target = "arn:aws:events:us-east-1:123456789012:api-destination/gone/1";
        let number = shard.deliveries.counters.next;
        let delivery = Delivery {
            target: target.to_string(),
            payload: "{}".to_string(),
            origin: "a rule".to_string(),
            retry: RetryPolicy::default(),
            dead_letter: None,
            message: Message::default(),
            trace_header: None,
        };
        let taken = shard.deliver(now, &[7; 32], delivery).expect("rows");
        assert_eq!(taken, Ok(()));
        // As if the destination had been there until just now.
        let paces = &mut shard.deliveries.paces;
        for number in [number + 1, number] {
            paces.instant(now.as_millis(), number, target, 1);
        }
        assert!(paces.waiting.contains(&number));
        shard.tick(now);
        assert_eq!(shard.deliveries.counters.open, 0, "it was given up");
        assert!(shard.deliveries.paces.waiting.is_empty());
    }

    #[test]
    fn destinations_that_are_not_called_any_more_are_forgotten() {
        let mut paces = Paces::default();
        let start = 1_700_000_000_000;
        for number in 0..10_000 {
            let at_ms = start + 10 * i64::try_from(number).expect("it is small");
            let target = format!("d{number}");
            assert_eq!(paces.instant(at_ms, number, &target, 50), at_ms);
            let kept = paces.free_us.len();
            assert!(kept <= FREE_KEPT_MIN, "{kept}");
        }
    }

    #[test]
    fn calls_come_at_the_rate_of_their_destination() {
        let mut paces = Paces::default();
        let start = 1_700_000_000_000;
        let instants: Vec<i64> = (0..6)
            .map(|number| paces.instant(start, number, "a", 2) - start)
            .collect();
        assert_eq!(instants, [0, 500, 1_000, 1_500, 2_000, 2_500]);
        // Each goes at the instant that was given to it.
        assert_eq!(paces.instant(start + 500, 1, "a", 2), start + 500);
        assert_eq!(paces.instant(start, 9, "b", 2), start);
        // After a pause the pace begins anew.
        let later = start + 10_000;
        assert_eq!(paces.instant(later, 10, "a", 2), later);
        assert_eq!(paces.instant(later, 11, "a", 2), later + 500);
    }
}
