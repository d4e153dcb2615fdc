//! What is due: the index of schedules and scheduled rules, and what happens when one of them is.
//!
//! A row of the index is deleted, what is due is handed to the deliveries, and the next occurrence is written in one
//! commit: a crash repeats nothing and loses nothing. Events that were put wait in the same index, so that one that many
//! rules match is handed on over as many commits as it takes.

use serde_json::json;
use stepwell_engine::Timestamp;
use stepwell_store::{Direction, Error};

use super::targets::Fired;
use super::{find_schedule, schedule_arn};
use crate::events::{PublishedEvent, find_rule, rule_arn};
use crate::rows::schedule::{ScheduleRow, Ticking, due_key, due_parts, dues};
use crate::rows::{VERSION, after};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// How late a tick is on time. AWS: rules and schedules are due to the minute. What is later was missed: the server
/// was down.
const LATE_MS_MAX: i64 = 60_000;

/// Schedules and events that are worked on in one tick; the others are due in the next.
const DUE_PER_TICK_MAX: usize = 1_024;

/// How long what is due waits for room in the queue of deliveries.
const FULL_PAUSE_MS: i64 = 1_000;

/// What a shard remembers of the index.
pub(crate) struct Dues {
    /// Nothing is due before this instant; `None`: nothing is due at all.
    not_before_ms: Option<i64>,
}

impl Dues {
    /// Before anything was read.
    pub(crate) fn unread() -> Dues {
        Dues {
            not_before_ms: Some(0),
        }
    }

    /// The instant of the next tick that may have something to do.
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.not_before_ms
    }

    fn add(&mut self, due_ms: i64) {
        let first = self.not_before_ms.map_or(due_ms, |first| first.min(due_ms));
        self.not_before_ms = Some(first);
    }
}

impl Shard {
    /// Moves a row of the index.
    pub(crate) fn set_due(&mut self, ticking: Ticking, before: Option<i64>, after: Option<i64>) {
        if before == after {
            return;
        }
        if let Some(due_ms) = before {
            self.staging.delete(due_key(due_ms, &ticking));
        }
        if let Some(due_ms) = after {
            self.staging.put(due_key(due_ms, &ticking), vec![VERSION]);
            self.dues.add(due_ms);
        }
    }

    /// Writes a row of the index that holds an event.
    pub(crate) fn put_event_row(&mut self, now: Timestamp, ticking: &Ticking, value: Vec<u8>) {
        let due_ms = now.as_millis();
        self.staging.put(due_key(due_ms, ticking), value);
        self.dues.add(due_ms);
    }

    /// Does what is due.
    pub(crate) fn work_on_schedules(&mut self, now: Timestamp) -> Done<()> {
        let now_ms = now.as_millis();
        if self.dues.not_before_ms.is_none_or(|first| first > now_ms) {
            return Ok(());
        }
        let all = dues();
        let limit = DUE_PER_TICK_MAX + 1;
        let rows = self
            .staging
            .scan(&all, &after(&all), Direction::Ascending, limit)?;
        // From here on whatever is written, or left over, says when it is due.
        self.dues.not_before_ms = None;
        for (at, (key, value)) in rows.into_iter().enumerate() {
            let Some((due_ms, ticking)) = due_parts(&key) else {
                return Err(Error::Corrupt { key }.into());
            };
            if self.deliveries.is_nearly_full() {
                self.dues.not_before_ms = Some(due_ms.max(now_ms + FULL_PAUSE_MS));
                return Ok(());
            }
            if due_ms > now_ms || at == DUE_PER_TICK_MAX || self.is_full() {
                self.dues.add(due_ms);
                return Ok(());
            }
            match ticking {
                Ticking::Event(bus, _) => {
                    if !self.hand_on(now, &bus, key, &value)? {
                        self.dues.add(due_ms);
                    }
                }
                Ticking::Rule(bus, name) => {
                    self.staging.delete(key);
                    self.rule_due(now, due_ms, &bus, &name)?;
                }
                Ticking::Schedule(group, name) => {
                    self.staging.delete(key);
                    self.schedule_due(now, due_ms, &group, &name)?;
                }
            }
        }
        Ok(())
    }

    /// A rule's schedule: ticks that were missed are skipped.
    fn rule_due(&mut self, now: Timestamp, due_ms: i64, bus: &str, name: &str) -> Done<()> {
        let now_ms = now.as_millis();
        let Some(mut rule) = find_rule(&self.staging, bus, name)? else {
            return Ok(());
        };
        if rule.due_ms != Some(due_ms) {
            return Ok(());
        }
        let is_missed = now_ms - due_ms > LATE_MS_MAX;
        let after_ms = if is_missed { now_ms } else { due_ms };
        rule.due_ms = rule.next_due(after_ms);
        self.set_due(rule.ticking(), None, rule.due_ms);
        self.put_rule_row(&rule);
        if is_missed {
            return Ok(());
        }
        let arn = rule_arn(bus, name, &self.settings);
        let seed = crate::events::derived(&[0; 32], format!("{arn} {due_ms}").as_bytes());
        // AWS: what targets of a scheduled rule get.
        let event = PublishedEvent {
            id: crate::uuid(&seed),
            source: "aws.events".to_string(),
            detail_type: "Scheduled Event".to_string(),
            time_ms: due_ms,
            resources: vec![arn],
            detail: json!({}),
            trace_header: None,
        };
        self.feed_targets(now, &rule, &event, 0)
    }

    /// A schedule: of the occurrences that were missed, the last one is made up for if it is not too old.
    fn schedule_due(&mut self, now: Timestamp, due_ms: i64, group: &str, name: &str) -> Done<()> {
        let now_ms = now.as_millis();
        let Some(mut row) = find_schedule(&self.staging, group, name)? else {
            return Ok(());
        };
        let Some((mut occurrence_ms, _)) = row.next.filter(|(_, due)| *due == due_ms) else {
            return Ok(());
        };
        if now_ms - due_ms > LATE_MS_MAX {
            occurrence_ms = last_missed(&row, occurrence_ms, now_ms);
        }
        // Occurrences come in their order: one whose window is open may be due at once.
        row.next = row
            .after(occurrence_ms)
            .map(|(occurrence_ms, next_ms)| (occurrence_ms, next_ms.max(due_ms)));
        self.fire(now, &row, occurrence_ms)?;
        match row.due_ms() {
            Some(due_ms) => {
                self.set_due(row.ticking(), None, Some(due_ms));
                self.put_schedule(&row);
            }
            None if row.after_completion == "DELETE" => self.remove_schedule(&row)?,
            None => self.put_schedule(&row),
        }
        Ok(())
    }

    fn fire(&mut self, now: Timestamp, row: &ScheduleRow, occurrence_ms: i64) -> Done<()> {
        let arn = schedule_arn(&row.group, &row.name, &self.settings);
        let seed = crate::events::derived(&[1; 32], format!("{arn} {occurrence_ms}").as_bytes());
        let fired = Fired {
            schedule_arn: arn,
            execution_id: crate::uuid(&seed),
            occurrence_ms,
            age_ms: (now.as_millis() - occurrence_ms - row.delay_ms(occurrence_ms)).max(0),
        };
        self.bring_schedule(now, &seed, &row.target, &fired)
    }
}

/// The last occurrence up to now, from one that was missed on.
fn last_missed(row: &ScheduleRow, first_ms: i64, now_ms: i64) -> i64 {
    let until_ms = row.end_ms.map_or(now_ms, |end_ms| end_ms.min(now_ms));
    let last = row
        .timing()
        .and_then(|(expression, zone)| expression.last(first_ms, until_ms, row.anchor_ms, &zone));
    last.unwrap_or(first_ms)
}
