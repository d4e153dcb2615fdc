//! Activities: create, delete, and the way of a task to a worker.
//!
//! A scheduled task is two rows: its place by attempt, and its entry in the queue of its activity. Both go when
//! a worker takes it, and when its attempt closes without one.

use std::collections::BTreeSet;

use stepwell_api::arn::{self, ActivityArn, Scope};
use stepwell_api::{EpochSeconds, states};
use stepwell_engine::{Input, TaskToken, Ticket, Timestamp};
use stepwell_store::{Direction, Error};

use crate::command::{Answered, RequestId, TakenTask};
use crate::configuration::{check_encryption, same_encryption};
use crate::polls::{POLLS_MAX, Poll};
use crate::rows::activity::{
    Activity, QueuedTask, activity_key, activity_task_key, queue_key, queue_of, queued,
};
use crate::rows::history::text_at;
use crate::rows::{VERSION, after, decode, decode_json, encode, encode_json};
use crate::shard::{Done, Shard, body};
use crate::staging::Rows;
use crate::tags::tag_map;

/// Entries of a queue that one poll looks at: an entry whose attempt has closed is passed over.
const ENTRIES_PER_POLL_MAX: usize = 64;

impl Shard {
    pub(crate) fn create_activity(
        &mut self,
        now: Timestamp,
        input: states::CreateActivityInput,
    ) -> Done<Answered> {
        arn::check_name(&input.name)?;
        check_encryption(input.encryption_configuration.as_ref())?;
        let scope = Scope::new(&self.settings.region, &self.settings.account);
        let arn = String::from(ActivityArn::new(&scope, &input.name));
        if let Some(existing) = activity(&self.staging, &input.name)? {
            // AWS: the same create again answers with the activity that is there; tags are not compared.
            if same_encryption(&existing.encryption, &input.encryption_configuration) {
                return Ok(created(&existing));
            }
            return Err(states::Error::activity_already_exists(&existing.arn).into());
        }
        let tags = tag_map(input.tags.unwrap_or_default(), &arn)?;
        self.one_more_activity()?;
        let created_activity = Activity {
            tags,
            name: input.name,
            arn,
            created_ms: now.as_millis(),
            encryption: input.encryption_configuration,
        };
        self.put_activity(&created_activity);
        Ok(created(&created_activity))
    }

    /// AWS: deleting an activity that is not there succeeds.
    ///
    /// Workers that wait for it are told; tasks that a worker has taken go on.
    pub(crate) fn delete_activity(
        &mut self,
        input: &states::DeleteActivityInput,
    ) -> Done<Answered> {
        let parsed = ActivityArn::parse(&input.activity_arn)?;
        if let Some(activity) = named(&self.staging, &parsed)? {
            self.counts.activity_went();
            self.staging.delete(activity_key(&activity.name));
            while let Some((id, _)) = self.polls.take_first(&activity.name) {
                let missing = states::Error::activity_does_not_exist(&activity.arn);
                self.release_answer(id, Err(missing.into()));
            }
        }
        Ok(body(&states::DeleteActivityOutput {}))
    }

    /// The task that has waited longest, or a place among the waiting workers.
    ///
    /// - `None`: the answer comes with a task, or without one when the poll's time is up.
    pub(crate) fn get_activity_task(
        &mut self,
        now: Timestamp,
        id: Option<RequestId>,
        input: states::GetActivityTaskInput,
    ) -> Done<Option<Answered>> {
        let parsed = ActivityArn::parse(&input.activity_arn)?;
        let missing = || states::Error::activity_does_not_exist(&input.activity_arn);
        let activity = named(&self.staging, &parsed)?.ok_or_else(missing)?;
        if let Some(taken) = self.take_task(now, &activity.name, input.worker_name.clone())? {
            return Ok(Some(taken));
        }
        if self.polls.waiting(&activity.name) >= POLLS_MAX {
            let text = format!(
                "{POLLS_MAX} workers wait for {}, the most that may",
                activity.arn
            );
            return Err(states::Error::activity_worker_limit_exceeded(text).into());
        }
        let Some(id) = id else {
            return Ok(None);
        };
        let poll = Poll {
            activity: activity.name,
            worker_name: input.worker_name,
        };
        self.polls.add(now, id, poll);
        Ok(None)
    }

    /// A task was scheduled: it goes to the worker that has waited longest, or into the queue.
    pub(crate) fn queue_task(
        &mut self,
        now: Timestamp,
        execution: u64,
        ticket: Ticket,
        arn: &str,
    ) -> Done<()> {
        let activity = ActivityArn::parse(arn)?.name().to_string();
        self.queue(
            now,
            TakenTask {
                execution,
                ticket,
                activity,
            },
        )
    }

    /// The history keeps the name of the worker that the task did not reach.
    pub(crate) fn return_activity_task(&mut self, now: Timestamp, task: TakenTask) -> Done<()> {
        let is_open = self
            .resident(task.execution)?
            .is_some_and(|resident| resident.row.execution.scheduled_at(task.ticket).is_some());
        if is_open {
            self.queue(now, task)?;
        }
        Ok(())
    }

    fn queue(&mut self, now: Timestamp, task: TakenTask) -> Done<()> {
        let (execution, ticket) = (task.execution, task.ticket);
        let task = QueuedTask {
            activity: task.activity,
            queued_ms: now.as_millis(),
        };
        self.staging
            .put(queue_key(&task, execution, ticket), vec![VERSION]);
        self.staging
            .put(activity_task_key(execution, ticket), encode(&task));
        if let Some((id, poll)) = self.polls.take_first(&task.activity) {
            match self.take_task(now, &task.activity, poll.worker_name.clone())? {
                Some(taken) => self.release_answer(id, Ok(taken)),
                None => self.polls.add(now, id, poll),
            }
        }
        Ok(())
    }

    /// The attempt is not for a worker any more: its rows go, if it has any.
    pub(crate) fn unqueue_task(&mut self, execution: u64, ticket: Ticket) -> Result<bool, Error> {
        let key = activity_task_key(execution, ticket);
        let Some(value) = self.staging.get(&key)? else {
            return Ok(false);
        };
        let task: QueuedTask = decode(&key, &value)?;
        self.staging.delete(queue_key(&task, execution, ticket));
        self.staging.delete(key);
        Ok(true)
    }

    /// Gives the first task of a queue to a worker.
    fn take_task(
        &mut self,
        now: Timestamp,
        activity: &str,
        worker_name: Option<String>,
    ) -> Done<Option<Answered>> {
        let prefix = queue_of(activity);
        let to = after(&prefix);
        for _ in 0..ENTRIES_PER_POLL_MAX {
            let first = self
                .staging
                .scan(&prefix, &to, Direction::Ascending, 1)?
                .pop();
            let Some((key, _)) = first else {
                return Ok(None);
            };
            let Some((execution, ticket)) = queued(&key) else {
                return Err(Error::Corrupt { key }.into());
            };
            self.unqueue_task(execution, ticket)?;
            // What has no row by attempt would be found again and again.
            self.staging.delete(key);
            let task = TakenTask {
                execution,
                ticket,
                activity: activity.to_string(),
            };
            if let Some(taken) = self.hand_over(now, task, worker_name.clone())? {
                return Ok(Some(taken));
            }
        }
        Ok(None)
    }

    /// The answer to the worker that takes this task; `None` if its attempt is not open any more.
    fn hand_over(
        &mut self,
        now: Timestamp,
        task: TakenTask,
        worker_name: Option<String>,
    ) -> Done<Option<Answered>> {
        let (execution, ticket) = (task.execution, task.ticket);
        let Some((seed, scheduled)) = self.resident(execution)?.and_then(|resident| {
            let scheduled = resident.row.execution.scheduled_at(ticket)?;
            Some((resident.row.execution.identity.seed, scheduled))
        }) else {
            return Ok(None);
        };
        let Some(input) = text_at(&self.staging, execution, scheduled)? else {
            return Ok(None);
        };
        self.advance(
            now,
            execution,
            Input::Taken {
                ticket,
                worker_name,
            },
        )?;
        let token = TaskToken::issue(execution, ticket.frame, ticket.attempt, &seed);
        let output = states::GetActivityTaskOutput {
            task_token: Some(token.to_string()),
            input: Some(input),
        };
        let body = serde_json::to_vec(&output).expect("a generated shape has text keys only");
        Ok(Some(Answered::Task(body, task)))
    }

    /// Activities of an execution's definition that are not there.
    pub(crate) fn missing_activities(&self, arns: &BTreeSet<String>) -> Done<BTreeSet<String>> {
        let mut missing = BTreeSet::new();
        for arn in arns {
            let parsed = ActivityArn::parse(arn).ok();
            let found = match &parsed {
                Some(parsed) => named(&self.staging, parsed)?,
                None => None,
            };
            if found.is_none() {
                missing.insert(arn.clone());
            }
        }
        Ok(missing)
    }

    /// Polls whose time is up are answered without a task.
    pub(crate) fn expire_polls(&mut self, now: Timestamp) {
        while let Some(id) = self.polls.take_expired(now) {
            self.release_answer(id, Ok(no_task()));
        }
    }

    pub(crate) fn put_activity(&mut self, activity: &Activity) {
        self.staging
            .put(activity_key(&activity.name), encode_json(activity));
    }
}

pub(crate) fn activity(rows: &dyn Rows, name: &str) -> Result<Option<Activity>, Error> {
    let key = activity_key(name);
    rows.get(&key)?
        .map(|value| decode_json(&key, &value))
        .transpose()
}

/// The activity of an ARN. The account and the region are part of its name.
pub(crate) fn named(rows: &dyn Rows, parsed: &ActivityArn) -> Result<Option<Activity>, Error> {
    let found = activity(rows, parsed.name())?;
    Ok(found.filter(|activity| activity.arn == parsed.as_str()))
}

/// AWS: a poll without a task is answered without a token.
fn no_task() -> Answered {
    body(&states::GetActivityTaskOutput {
        task_token: None,
        input: None,
    })
}

fn created(activity: &Activity) -> Answered {
    body(&states::CreateActivityOutput {
        activity_arn: activity.arn.clone(),
        creation_date: EpochSeconds::from_ms(activity.created_ms),
    })
}
