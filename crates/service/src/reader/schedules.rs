//! EventBridge Scheduler: what describes and lists.

use stepwell_api::{EpochSeconds, scheduler};
use stepwell_store::Direction;

use super::{Read, Reader, settle};
use crate::rows::schedule::{
    ScheduleGroupRow, ScheduleRow, schedule_group_key, schedule_key, schedules_of,
};
use crate::rows::{Kind, after, decode_json, key};
use crate::schedules::{
    DEFAULT_GROUP, find_group, find_schedule, group_arn, missing_group, missing_schedule,
    schedule_arn,
};
use crate::shard::Done;
use crate::staging::Rows;

/// Results on a page. Source: the API's `MaxResults`.
const PAGE_MAX: usize = 100;

/// Schedules looked at for one page: a page may be short, its token goes on.
const SCAN_MAX: usize = 1_000;

impl Reader {
    pub fn get_schedule(
        &self,
        input: &scheduler::GetScheduleInput,
    ) -> Read<scheduler::GetScheduleOutput> {
        settle(self.schedule(input))
    }

    fn schedule(&self, input: &scheduler::GetScheduleInput) -> Done<scheduler::GetScheduleOutput> {
        let group = input.group_name.as_deref().unwrap_or(DEFAULT_GROUP);
        let row = find_schedule(&self.snapshot, group, &input.name)?
            .ok_or_else(|| missing_schedule(&input.name))?;
        Ok(scheduler::GetScheduleOutput {
            arn: Some(schedule_arn(group, &row.name, &self.settings)),
            group_name: Some(row.group),
            name: Some(row.name),
            schedule_expression: Some(row.expression),
            start_date: row.start_ms.map(EpochSeconds::from_ms),
            end_date: row.end_ms.map(EpochSeconds::from_ms),
            description: row.description,
            schedule_expression_timezone: Some(row.time_zone),
            state: Some(row.state),
            creation_date: Some(EpochSeconds::from_ms(row.created_ms)),
            last_modification_date: Some(EpochSeconds::from_ms(row.modified_ms)),
            kms_key_arn: row.kms_key_arn,
            target: Some(shown_target(row.target)),
            flexible_time_window: Some(row.window),
            action_after_completion: Some(row.after_completion),
        })
    }

    pub fn list_schedules(
        &self,
        input: &scheduler::ListSchedulesInput,
    ) -> Read<scheduler::ListSchedulesOutput> {
        settle(self.schedules(input))
    }

    fn schedules(
        &self,
        input: &scheduler::ListSchedulesInput,
    ) -> Done<scheduler::ListSchedulesOutput> {
        let all = match &input.group_name {
            Some(group) => {
                find_group(&self.snapshot, 0, group)?.ok_or_else(|| missing_group(group))?;
                schedules_of(group)
            }
            None => key(Kind::Schedule, &[]),
        };
        let from = self.schedule_page(input.next_token.as_deref(), &all)?;
        let rows = Rows::scan(
            &self.snapshot,
            &from,
            &after(&all),
            Direction::Ascending,
            SCAN_MAX + 1,
        )?;
        let limit = page_size(input.max_results);
        let prefix = input.name_prefix.as_deref().unwrap_or_default();
        let mut schedules = Vec::new();
        let mut next = rows.get(SCAN_MAX).map(|(key, _)| key.clone());
        for (key, value) in rows.iter().take(SCAN_MAX) {
            let row: ScheduleRow = decode_json(key, value)?;
            let is_wanted = row.name.starts_with(prefix)
                && input.state.as_ref().is_none_or(|state| *state == row.state);
            if !is_wanted {
                continue;
            }
            if schedules.len() == limit {
                next = Some(schedule_key(&row.group, &row.name));
                break;
            }
            schedules.push(self.summary(row));
        }
        Ok(scheduler::ListSchedulesOutput {
            next_token: next.map(|key| self.token_of(&key)),
            schedules,
        })
    }

    fn summary(&self, row: ScheduleRow) -> scheduler::ScheduleSummary {
        scheduler::ScheduleSummary {
            arn: Some(schedule_arn(&row.group, &row.name, &self.settings)),
            name: Some(row.name),
            group_name: Some(row.group),
            state: Some(row.state),
            creation_date: Some(EpochSeconds::from_ms(row.created_ms)),
            last_modification_date: Some(EpochSeconds::from_ms(row.modified_ms)),
            target: Some(scheduler::TargetSummary {
                arn: row.target.arn,
            }),
        }
    }

    pub fn get_schedule_group(
        &self,
        input: &scheduler::GetScheduleGroupInput,
    ) -> Read<scheduler::GetScheduleGroupOutput> {
        settle(self.schedule_group(input))
    }

    fn schedule_group(
        &self,
        input: &scheduler::GetScheduleGroupInput,
    ) -> Done<scheduler::GetScheduleGroupOutput> {
        let group = find_group(&self.snapshot, self.now.as_millis(), &input.name)?
            .ok_or_else(|| missing_group(&input.name))?;
        Ok(scheduler::GetScheduleGroupOutput {
            arn: Some(group_arn(&group.name, &self.settings)),
            name: Some(group.name),
            state: Some(scheduler::schedule_group_state::ACTIVE.to_string()),
            creation_date: Some(EpochSeconds::from_ms(group.created_ms)),
            last_modification_date: Some(EpochSeconds::from_ms(group.modified_ms)),
        })
    }

    pub fn list_schedule_groups(
        &self,
        input: &scheduler::ListScheduleGroupsInput,
    ) -> Read<scheduler::ListScheduleGroupsOutput> {
        settle(self.schedule_groups(input))
    }

    fn schedule_groups(
        &self,
        input: &scheduler::ListScheduleGroupsInput,
    ) -> Done<scheduler::ListScheduleGroupsOutput> {
        let all = schedule_group_key("");
        let rows = Rows::scan(
            &self.snapshot,
            &all,
            &after(&all),
            Direction::Ascending,
            usize::MAX,
        )?;
        let mut groups = rows
            .iter()
            .map(|(key, value)| decode_json(key, value))
            .collect::<Result<Vec<ScheduleGroupRow>, _>>()?;
        if !groups.iter().any(|group| group.name == DEFAULT_GROUP) {
            groups.extend(find_group(
                &self.snapshot,
                self.now.as_millis(),
                DEFAULT_GROUP,
            )?);
            groups.sort_by(|one, other| one.name.cmp(&other.name));
        }
        let from = self.schedule_page(input.next_token.as_deref(), &all)?;
        let prefix = input.name_prefix.as_deref().unwrap_or_default();
        groups.retain(|group| {
            group.name.starts_with(prefix) && schedule_group_key(&group.name) >= from
        });
        let limit = page_size(input.max_results);
        let next = groups
            .get(limit)
            .map(|group| schedule_group_key(&group.name));
        groups.truncate(limit);
        let shown = groups
            .into_iter()
            .map(|group| scheduler::ScheduleGroupSummary {
                arn: Some(group_arn(&group.name, &self.settings)),
                name: Some(group.name),
                state: Some(scheduler::schedule_group_state::ACTIVE.to_string()),
                creation_date: Some(EpochSeconds::from_ms(group.created_ms)),
                last_modification_date: Some(EpochSeconds::from_ms(group.modified_ms)),
            });
        Ok(scheduler::ListScheduleGroupsOutput {
            schedule_groups: shown.collect(),
            next_token: next.map(|key| self.token_of(&key)),
        })
    }

    pub fn list_schedule_tags(
        &self,
        input: &scheduler::ListTagsForResourceInput,
    ) -> Read<scheduler::ListTagsForResourceOutput> {
        settle(self.schedule_tags(input))
    }

    fn schedule_tags(
        &self,
        input: &scheduler::ListTagsForResourceInput,
    ) -> Done<scheduler::ListTagsForResourceOutput> {
        let group = crate::schedules::group_tagged(
            &self.snapshot,
            self.now.as_millis(),
            &input.resource_arn,
            &self.settings,
        )?;
        let tags = group.tags.into_iter();
        Ok(scheduler::ListTagsForResourceOutput {
            tags: Some(
                tags.map(|(key, value)| scheduler::Tag { key, value })
                    .collect(),
            ),
        })
    }

    fn schedule_page(&self, token: Option<&str>, all: &[u8]) -> Done<Vec<u8>> {
        let Some(token) = token else {
            return Ok(all.to_vec());
        };
        let key = self.read_token(token).filter(|key| key.starts_with(all));
        Ok(key.ok_or_else(|| scheduler::Error::validation_exception("Invalid pagination token."))?)
    }
}

fn page_size(max_results: Option<i32>) -> usize {
    max_results
        .and_then(|max| usize::try_from(max).ok())
        .unwrap_or(PAGE_MAX)
}

/// AWS: a target is shown with the retry policy that it has, said or not.
fn shown_target(mut target: scheduler::Target) -> scheduler::Target {
    let policy = target.retry_policy.get_or_insert_default();
    policy.maximum_retry_attempts.get_or_insert(185);
    policy.maximum_event_age_in_seconds.get_or_insert(86_400);
    target
}
