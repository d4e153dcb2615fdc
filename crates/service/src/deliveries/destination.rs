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

/// When destinations may be called. In memory only: a crash lets a second's calls be made again.
#[derive(Default)]
pub(super) struct Paces {
    /// The first instant without a call, in microseconds, by the destination's ARN; as many as there are destinations with
    /// deliveries.
    free_us: BTreeMap<String, i64>,
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
        self.free_us.retain(|_, free| *free > now_us);
        let free = self.free_us.entry(target.to_string()).or_insert(now_us);
        let at_us = *free;
        *free = at_us + SECOND_US / i64::from(rate.max(1));
        let at_ms = at_us.div_euclid(1_000);
        if at_ms > now_ms {
            self.waiting.insert(number);
        }
        at_ms
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
    use super::*;

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
