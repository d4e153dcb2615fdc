//! Schedules: made, changed, deleted.

use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};
use stepwell_api::{EpochSeconds, scheduler};
use stepwell_engine::Timestamp;
use stepwell_store::Error;

use super::expression::{Expression, time_zone};
use super::{DEFAULT_GROUP, body, find_group, invalid, missing_group, targets};
use crate::command::{Answered, Settings};
use crate::rows::schedule::{ScheduleRow, Ticking, schedule_key};
use crate::rows::{decode_json, encode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// Schedules of a group. A bound of ours; AWS's is of the account.
const SCHEDULES_MAX: u64 = 100_000;

/// How long an instant may be over when its schedule is made. AWS: schedules are due to the minute.
const PAST_MS_MAX: i64 = 60_000;

/// AWS: a start may be this long ago.
const START_AGO_MS_MAX: i64 = 5 * 60_000;

/// The last instant that a calendar names, 31 December 9999.
const DATE_MS_MAX: i64 = 253_402_300_799_000;

/// What CreateSchedule and UpdateSchedule say alike.
struct Wanted {
    name: String,
    group: String,
    expression: String,
    time_zone: Option<String>,
    start: Option<EpochSeconds>,
    end: Option<EpochSeconds>,
    description: Option<String>,
    state: Option<String>,
    kms_key_arn: Option<String>,
    target: scheduler::Target,
    window: scheduler::FlexibleTimeWindow,
    after_completion: Option<String>,
}

impl Shard {
    pub(super) fn create_schedule(
        &mut self,
        now: Timestamp,
        input: scheduler::CreateScheduleInput,
    ) -> Done<Answered> {
        let token = input.client_token;
        let wanted = Wanted {
            name: input.name,
            group: input
                .group_name
                .unwrap_or_else(|| DEFAULT_GROUP.to_string()),
            expression: input.schedule_expression,
            time_zone: input.schedule_expression_timezone,
            start: input.start_date,
            end: input.end_date,
            description: input.description,
            state: input.state,
            kms_key_arn: input.kms_key_arn,
            target: input.target,
            window: input.flexible_time_window,
            after_completion: input.action_after_completion,
        };
        let arn = schedule_arn(&wanted.group, &wanted.name, &self.settings);
        let created = body(&scheduler::CreateScheduleOutput { schedule_arn: arn });
        if let Some(before) = find_schedule(&self.staging, &wanted.group, &wanted.name)? {
            // AWS: a request that is sent again with its token is answered again.
            if token.is_some() && before.client_token == token {
                return Ok(created);
            }
            let text = format!("Schedule {} already exists.", wanted.name);
            return Err(scheduler::Error::conflict_exception(text).into());
        }
        let mut row = self.checked(now, wanted, None)?;
        row.client_token = token;
        let group = find_group(&self.staging, now.as_millis(), &row.group)?;
        let mut group = group.ok_or_else(|| missing_group(&row.group))?;
        if group.schedules >= SCHEDULES_MAX {
            let text =
                format!("The number of schedules of a group is over the limit of {SCHEDULES_MAX}.");
            return Err(scheduler::Error::service_quota_exceeded_exception(text).into());
        }
        group.schedules += 1;
        self.put_group(&group);
        self.set_due(row.ticking(), None, row.due_ms());
        self.put_schedule(&row);
        Ok(created)
    }

    /// AWS: what a request leaves out gets its default; nothing of what was before stays.
    pub(super) fn update_schedule(
        &mut self,
        now: Timestamp,
        input: scheduler::UpdateScheduleInput,
    ) -> Done<Answered> {
        let wanted = Wanted {
            name: input.name,
            group: input
                .group_name
                .unwrap_or_else(|| DEFAULT_GROUP.to_string()),
            expression: input.schedule_expression,
            time_zone: input.schedule_expression_timezone,
            start: input.start_date,
            end: input.end_date,
            description: input.description,
            state: input.state,
            kms_key_arn: input.kms_key_arn,
            target: input.target,
            window: input.flexible_time_window,
            after_completion: input.action_after_completion,
        };
        let before = find_schedule(&self.staging, &wanted.group, &wanted.name)?
            .ok_or_else(|| missing_schedule(&wanted.name))?;
        let mut row = self.checked(now, wanted, before.start_ms)?;
        row.created_ms = before.created_ms;
        row.client_token = before.client_token.clone();
        // A rate that stays goes on counting.
        let is_same_rate = row.expression.starts_with("rate")
            && before.next.is_some()
            && (&row.expression, row.start_ms) == (&before.expression, before.start_ms);
        if is_same_rate && row.next.is_some() {
            row.anchor_ms = before.anchor_ms;
            row.next = row.after(now.as_millis());
        }
        self.set_due(row.ticking(), before.due_ms(), row.due_ms());
        self.put_schedule(&row);
        let arn = schedule_arn(&row.group, &row.name, &self.settings);
        Ok(body(&scheduler::UpdateScheduleOutput { schedule_arn: arn }))
    }

    pub(super) fn delete_schedule(
        &mut self,
        input: &scheduler::DeleteScheduleInput,
    ) -> Done<Answered> {
        let group = input.group_name.as_deref().unwrap_or(DEFAULT_GROUP);
        let row = find_schedule(&self.staging, group, &input.name)?
            .ok_or_else(|| missing_schedule(&input.name))?;
        self.set_due(row.ticking(), row.due_ms(), None);
        self.remove_schedule(&row)?;
        Ok(body(&scheduler::DeleteScheduleOutput {}))
    }

    /// Deletes the row of a schedule that is due no more.
    pub(super) fn remove_schedule(&mut self, row: &ScheduleRow) -> Result<(), Error> {
        self.staging.delete(schedule_key(&row.group, &row.name));
        if let Some(mut group) = find_group(&self.staging, row.created_ms, &row.group)? {
            group.schedules = group.schedules.saturating_sub(1);
            self.put_group(&group);
        }
        Ok(())
    }

    pub(super) fn put_schedule(&mut self, row: &ScheduleRow) {
        self.staging
            .put(schedule_key(&row.group, &row.name), encode_json(row));
    }

    /// The row that a request asks for, with its first occurrence.
    ///
    /// - `start_before_ms`: the start that the schedule has had, however long ago that is.
    fn checked(
        &self,
        now: Timestamp,
        wanted: Wanted,
        start_before_ms: Option<i64>,
    ) -> Done<ScheduleRow> {
        let now_ms = now.as_millis();
        let Some(expression) = Expression::parse(&wanted.expression) else {
            return Err(invalid_expression(&wanted.expression).into());
        };
        let name = wanted.time_zone.unwrap_or_else(|| "UTC".to_string());
        let Some(zone) = time_zone(&name) else {
            return Err(invalid(format!("Invalid ScheduleExpressionTimezone {name}.")).into());
        };
        check_window(&wanted.window)?;
        let (start_ms, end_ms) = (
            wanted.start.map(EpochSeconds::ms),
            wanted.end.map(EpochSeconds::ms),
        );
        if let Expression::At(_) = &expression {
            // AWS: an instant that is over is no valid expression.
            let is_to_come = expression.next(now_ms - PAST_MS_MAX - 1, now_ms, &zone);
            if is_to_come.is_none() {
                return Err(invalid_expression(&wanted.expression).into());
            }
        } else {
            let new_start_ms = start_ms.filter(|_| start_ms != start_before_ms);
            check_dates(now_ms, new_start_ms, end_ms)?;
        }
        targets::check(&wanted.target, &self.settings)?;
        self.check_scheduler_role(&wanted.target.role_arn)?;
        let mut row = ScheduleRow {
            group: wanted.group,
            name: wanted.name,
            expression: wanted.expression,
            time_zone: name,
            start_ms,
            end_ms,
            description: wanted.description,
            state: wanted.state.unwrap_or_else(|| "ENABLED".to_string()),
            kms_key_arn: wanted.kms_key_arn,
            target: wanted.target,
            window: wanted.window,
            after_completion: wanted
                .after_completion
                .unwrap_or_else(|| "NONE".to_string()),
            created_ms: now_ms,
            modified_ms: now_ms,
            anchor_ms: start_ms.unwrap_or(now_ms),
            next: None,
            client_token: None,
        };
        // AWS: a rate without a start is due at once; an instant may be just over.
        let after_ms = match expression {
            Expression::At(_) => now_ms - PAST_MS_MAX - 1,
            Expression::Rate(_) => now_ms - 1,
            Expression::Cron(_) => now_ms,
        };
        row.next = row.after(after_ms);
        Ok(row)
    }
}

impl ScheduleRow {
    pub(crate) fn ticking(&self) -> Ticking {
        Ticking::Schedule(self.group.clone(), self.name.clone())
    }

    pub(crate) fn due_ms(&self) -> Option<i64> {
        self.next.map(|(_, due_ms)| due_ms)
    }

    /// Its expression and time zone; both were read when it was made.
    pub(crate) fn timing(&self) -> Option<(Expression, TimeZone)> {
        Some((
            Expression::parse(&self.expression)?,
            time_zone(&self.time_zone)?,
        ))
    }

    /// The first occurrence after an instant, and when it is due; `None` if there is none or the schedule is off.
    pub(crate) fn after(&self, after_ms: i64) -> Option<(i64, i64)> {
        if self.state != "ENABLED" {
            return None;
        }
        let (expression, zone) = self.timing()?;
        let is_once = matches!(expression, Expression::At(_));
        // AWS: an instant has neither start nor end.
        let from_ms = match self.start_ms {
            Some(start_ms) if !is_once => after_ms.max(start_ms - 1),
            _ => after_ms,
        };
        let occurrence_ms = expression.next(from_ms, self.anchor_ms, &zone)?;
        let is_over = !is_once && self.end_ms.is_some_and(|end_ms| occurrence_ms > end_ms);
        (!is_over).then(|| (occurrence_ms, occurrence_ms + self.delay_ms(occurrence_ms)))
    }

    /// Where in its flexible window an occurrence is due: anywhere, and the same each time it is asked.
    pub(super) fn delay_ms(&self, occurrence_ms: i64) -> i64 {
        let minutes = self.window.maximum_window_in_minutes.unwrap_or(0);
        if self.window.mode != "FLEXIBLE" || minutes <= 0 {
            return 0;
        }
        let mut hash = Sha256::new();
        hash.update(self.group.as_bytes());
        hash.update([0]);
        hash.update(self.name.as_bytes());
        hash.update(occurrence_ms.to_be_bytes());
        let drawn: [u8; 32] = hash.finalize().into();
        let number = drawn[..6]
            .iter()
            .fold(0i64, |number, byte| number << 8 | i64::from(*byte));
        number % (i64::from(minutes) * 60_000)
    }
}

fn check_window(window: &scheduler::FlexibleTimeWindow) -> Result<(), scheduler::Error> {
    match (window.mode.as_str(), window.maximum_window_in_minutes) {
        ("FLEXIBLE", None) => Err(invalid(
            "MaximumWindowInMinutes is required when the FlexibleTimeWindow Mode is FLEXIBLE.",
        )),
        ("OFF", Some(_)) => Err(invalid(
            "MaximumWindowInMinutes must not be set when the FlexibleTimeWindow Mode is OFF.",
        )),
        _ => Ok(()),
    }
}

fn check_dates(
    now_ms: i64,
    start_ms: Option<i64>,
    end_ms: Option<i64>,
) -> Result<(), scheduler::Error> {
    if start_ms.is_some_and(|start_ms| start_ms < now_ms - START_AGO_MS_MAX) {
        let text = "The StartDate you specify cannot be earlier than 5 minutes ago.";
        return Err(invalid(text));
    }
    if [start_ms, end_ms]
        .into_iter()
        .flatten()
        .any(|date_ms| date_ms > DATE_MS_MAX)
    {
        return Err(invalid(
            "The dates you specify cannot be after the year 9999.",
        ));
    }
    let Some(end_ms) = end_ms else {
        return Ok(());
    };
    if end_ms < now_ms {
        return Err(invalid("The EndDate you specify cannot be in the past."));
    }
    if start_ms.is_some_and(|start_ms| start_ms >= end_ms) {
        return Err(invalid(
            "The StartDate you specify must come before the EndDate.",
        ));
    }
    Ok(())
}

fn invalid_expression(text: &str) -> scheduler::Error {
    invalid(format!("Invalid Schedule Expression {text}."))
}

/// The schedule with this name.
pub(crate) fn find_schedule(
    rows: &dyn Rows,
    group: &str,
    name: &str,
) -> Result<Option<ScheduleRow>, Error> {
    let key = schedule_key(group, name);
    rows.get(&key)?
        .map(|value| decode_json(&key, &value))
        .transpose()
}

pub(crate) fn schedule_arn(group: &str, name: &str, settings: &Settings) -> String {
    format!(
        "arn:aws:scheduler:{}:{}:schedule/{group}/{name}",
        settings.region, settings.account
    )
}

pub(crate) fn missing_schedule(name: &str) -> scheduler::Error {
    let text = format!("Schedule {name} does not exist.");
    scheduler::Error::resource_not_found_exception(text)
}
