//! Schedule groups.

use stepwell_api::scheduler;
use stepwell_engine::Timestamp;
use stepwell_store::{Direction, Error};

use super::{DEFAULT_GROUP, body, check_tags, invalid, tag_map};
use crate::command::{Answered, Settings};
use crate::rows::schedule::{ScheduleGroupRow, ScheduleRow, schedule_group_key, schedules_of};
use crate::rows::{after, decode_json, encode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// Groups of an account. Source: quotas of EventBridge Scheduler.
const GROUPS_MAX: usize = 500;

impl Shard {
    pub(super) fn create_schedule_group(
        &mut self,
        now: Timestamp,
        input: scheduler::CreateScheduleGroupInput,
    ) -> Done<Answered> {
        let name = input.name;
        if let Some(before) = find_group(&self.staging, now.as_millis(), &name)? {
            // AWS: a request that is sent again with its token is answered again.
            let is_again =
                input.client_token.is_some() && before.client_token == input.client_token;
            if !is_again {
                let text = format!("Schedule group {name} already exists.");
                return Err(scheduler::Error::conflict_exception(text).into());
            }
            return Ok(self.group_created(&name));
        }
        let all = schedule_group_key("");
        let groups = self
            .staging
            .scan(&all, &after(&all), Direction::Ascending, GROUPS_MAX)?;
        if groups.len() >= GROUPS_MAX {
            let text = format!("The number of schedule groups is over the limit of {GROUPS_MAX}.");
            return Err(scheduler::Error::service_quota_exceeded_exception(text).into());
        }
        let tags = tag_map(input.tags.unwrap_or_default());
        check_tags(&tags)?;
        self.put_group(&ScheduleGroupRow {
            name: name.clone(),
            created_ms: now.as_millis(),
            modified_ms: now.as_millis(),
            tags,
            schedules: 0,
            client_token: input.client_token,
        });
        Ok(self.group_created(&name))
    }

    /// AWS: the schedules of a group go with it.
    pub(super) fn delete_schedule_group(
        &mut self,
        input: &scheduler::DeleteScheduleGroupInput,
    ) -> Done<Answered> {
        let name = &input.name;
        if name == DEFAULT_GROUP {
            return Err(invalid("The default schedule group cannot be deleted.").into());
        }
        find_group(&self.staging, 0, name)?.ok_or_else(|| missing_group(name))?;
        let all = schedules_of(name);
        let rows = self
            .staging
            .scan(&all, &after(&all), Direction::Ascending, usize::MAX)?;
        for (key, value) in rows {
            let row: ScheduleRow = decode_json(&key, &value)?;
            self.set_due(row.ticking(), row.due_ms(), None);
            self.staging.delete(key);
        }
        self.staging.delete(schedule_group_key(name));
        Ok(body(&scheduler::DeleteScheduleGroupOutput {}))
    }

    pub(super) fn put_group(&mut self, group: &ScheduleGroupRow) {
        self.staging
            .put(schedule_group_key(&group.name), encode_json(group));
    }

    fn group_created(&self, name: &str) -> Answered {
        body(&scheduler::CreateScheduleGroupOutput {
            schedule_group_arn: group_arn(name, &self.settings),
        })
    }
}

/// The group with this name; the default group is always there.
pub(crate) fn find_group(
    rows: &dyn Rows,
    now_ms: i64,
    name: &str,
) -> Result<Option<ScheduleGroupRow>, Error> {
    let key = schedule_group_key(name);
    if let Some(value) = rows.get(&key)? {
        return decode_json(&key, &value).map(Some);
    }
    Ok((name == DEFAULT_GROUP).then(|| ScheduleGroupRow {
        name: name.to_string(),
        created_ms: now_ms,
        modified_ms: now_ms,
        tags: Default::default(),
        schedules: 0,
        client_token: None,
    }))
}

pub(crate) fn group_arn(name: &str, settings: &Settings) -> String {
    format!("{}{name}", arn_prefix(settings))
}

/// The name in the ARN of a group of this account and region.
fn group_in<'a>(arn: &'a str, settings: &Settings) -> Option<&'a str> {
    arn.strip_prefix(&arn_prefix(settings))
}

/// The group that an ARN names; errors: `ResourceNotFoundException`.
pub(crate) fn group_tagged(
    rows: &dyn Rows,
    now_ms: i64,
    arn: &str,
    settings: &Settings,
) -> Done<ScheduleGroupRow> {
    let found = match group_in(arn, settings) {
        Some(name) => find_group(rows, now_ms, name)?,
        None => None,
    };
    Ok(found.ok_or_else(|| {
        let text = format!("Resource {arn} does not exist.");
        scheduler::Error::resource_not_found_exception(text)
    })?)
}

pub(crate) fn missing_group(name: &str) -> scheduler::Error {
    let text = format!("Schedule group {name} does not exist.");
    scheduler::Error::resource_not_found_exception(text)
}

fn arn_prefix(settings: &Settings) -> String {
    format!(
        "arn:aws:scheduler:{}:{}:schedule-group/",
        settings.region, settings.account
    )
}
