//! EventBridge Scheduler: groups, schedules, and what is due.

mod cron;
mod due;
pub(crate) mod expression;
mod groups;
mod operations;
mod targets;

use std::collections::BTreeMap;

use stepwell_api::scheduler;
use stepwell_engine::Timestamp;

use crate::command::{Answered, SchedulerRequest};
use crate::rows::schedule::ScheduleGroupRow;
use crate::shard::{Done, Shard};

pub(crate) use due::Dues;
pub(crate) use groups::{find_group, group_arn, group_tagged, missing_group};
pub(crate) use operations::{find_schedule, missing_schedule, schedule_arn};

/// The group that every account has.
pub(crate) const DEFAULT_GROUP: &str = "default";

/// Tags on one group. Source: quotas of EventBridge Scheduler.
const TAGS_MAX: usize = 200;

impl Shard {
    /// Carries out a change of the Scheduler.
    pub(crate) fn change_schedules(
        &mut self,
        now: Timestamp,
        request: SchedulerRequest,
    ) -> Done<Answered> {
        match request {
            SchedulerRequest::CreateSchedule(input) => self.create_schedule(now, *input),
            SchedulerRequest::UpdateSchedule(input) => self.update_schedule(now, *input),
            SchedulerRequest::DeleteSchedule(input) => self.delete_schedule(&input),
            SchedulerRequest::CreateScheduleGroup(input) => self.create_schedule_group(now, input),
            SchedulerRequest::DeleteScheduleGroup(input) => self.delete_schedule_group(&input),
            SchedulerRequest::TagResource(input) => {
                let mut group = self.tagged_group(now, &input.resource_arn)?;
                group.tags.extend(tag_map(input.tags));
                check_tags(&group.tags)?;
                self.put_group(&group);
                Ok(body(&scheduler::TagResourceOutput {}))
            }
            SchedulerRequest::UntagResource(input) => {
                let mut group = self.tagged_group(now, &input.resource_arn)?;
                group.tags.retain(|key, _| !input.tag_keys.contains(key));
                self.put_group(&group);
                Ok(body(&scheduler::UntagResourceOutput {}))
            }
        }
    }

    fn tagged_group(&self, now: Timestamp, arn: &str) -> Done<ScheduleGroupRow> {
        group_tagged(&self.staging, now.as_millis(), arn, &self.settings)
    }
}

fn body(output: &impl serde::Serialize) -> Answered {
    Answered::Scheduler(serde_json::to_vec(output).expect("a generated shape has text keys only"))
}

fn invalid(text: impl Into<String>) -> scheduler::Error {
    scheduler::Error::validation_exception(text)
}

fn tag_map(tags: Vec<scheduler::Tag>) -> BTreeMap<String, String> {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), scheduler::Error> {
    if tags.len() <= TAGS_MAX {
        return Ok(());
    }
    Err(invalid(format!("{} tags, at most {TAGS_MAX}", tags.len())))
}
