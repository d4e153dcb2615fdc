//! Alarms: their operations, their evaluation on the thread of the metrics, and the way of their transitions to the shard.
//!
//! Alarms are changed on the thread of the metrics only, and what has changed is in its next commit. A transition is
//! handed to the shard once it is durable, in the order of its number, until the shard has taken it; then a commit of
//! the metrics forgets it. A crash in between hands it over again, which the shard notices.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stepwell_api::Reply;
use stepwell_api::cloudwatch::{
    Call, DeleteAlarmsInput, DescribeAlarmHistoryInput, DescribeAlarmsForMetricInput,
    DescribeAlarmsInput, DisableAlarmActionsInput, EnableAlarmActionsInput, Error,
    ListTagsForResourceInput, ListTagsForResourceOutput, Operation, PutCompositeAlarmInput,
    PutMetricAlarmInput, SetAlarmStateInput, TagResourceInput, TagResourceOutput,
    UntagResourceInput, UntagResourceOutput,
};
use stepwell_service::{AlarmAction, AlarmEvent, AlarmTransition, Answered, Request};
use stepwell_telemetry::alarms::{self, AlarmHistory, Alarms, Owner, Transition};
use stepwell_telemetry::metrics::Metrics;
use tokio::sync::Notify;

use crate::metric_writer::{Act, MetricQueue, Tick, Unavailable};
use crate::shard::Handle;

/// How long the shard has before a transition that it did not take is handed over again.
const PATIENCE: Duration = Duration::from_secs(1);

/// Seconds between two looks at what is too old in the history.
const TRIM_EVERY_MS: i64 = 60_000;

/// An operation without an output.
const NOTHING: Option<&()> = None;

/// The alarms of this server. Cheap to share.
#[derive(Clone)]
pub(crate) struct AlarmBook {
    alarms: Arc<Mutex<Alarms>>,
    queue: Arc<MetricQueue>,
    /// A transition is durable.
    has_transition: Arc<Notify>,
    /// Held while a transition is between the two stores.
    handing: Arc<tokio::sync::Mutex<()>>,
}

/// How handing over the oldest transition ended.
enum Handed {
    /// The shard has it, and it is forgotten here.
    Over,
    /// There is none.
    Nothing,
    /// The shard did not take it.
    NotYet,
    /// The metrics' thread has ended.
    Ended,
}

impl AlarmBook {
    /// Opens the alarms of a store.
    ///
    /// - `store`: names a store that has no name yet; random.
    pub(crate) fn open(
        metrics: &Metrics,
        queue: Arc<MetricQueue>,
        owner: Owner,
        store: u64,
        now_ms: i64,
    ) -> Result<AlarmBook, stepwell_store::Error> {
        let alarms = Alarms::open(&metrics.reader(), owner, store, now_ms)?;
        let has_transition = Arc::new(Notify::new());
        // What the last server did not hand over.
        has_transition.notify_one();
        Ok(AlarmBook {
            alarms: Arc::new(Mutex::new(alarms)),
            queue,
            has_transition,
            handing: Arc::default(),
        })
    }

    /// As long as what is returned is held, no transition is handed over: each is in the metrics or the shard has it.
    ///
    /// Snapshots of both stores must be of one such time. Else a restored shard may know nothing of a transition that
    /// the metrics have forgotten, or know a number that the restored metrics give to another one: both are lost.
    pub(crate) async fn hold(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.handing.lock().await
    }

    /// What evaluates the alarms on the thread of the metrics.
    pub(crate) fn evaluation(&self) -> Box<dyn Tick> {
        Box::new(Evaluation {
            book: self.clone(),
            trimmed_ms: 0,
        })
    }

    /// Answers a request that is one of alarms; `None`: it is another one.
    pub(crate) async fn answer(
        &self,
        call: &Call<'_>,
        request_id: &str,
    ) -> Result<Option<Reply>, Error> {
        let reply = match call.operation {
            Operation::PutMetricAlarm => {
                let input: PutMetricAlarmInput = call.input()?;
                self.change(move |alarms, now_ms| alarms.put_metric_alarm(input, now_ms))
                    .await??;
                call.reply(request_id, NOTHING)
            }
            Operation::PutCompositeAlarm => {
                let input: PutCompositeAlarmInput = call.input()?;
                self.change(move |alarms, now_ms| alarms.put_composite_alarm(input, now_ms))
                    .await??;
                call.reply(request_id, NOTHING)
            }
            Operation::DescribeAlarms => {
                let input: DescribeAlarmsInput = call.input()?;
                let output = self
                    .change(move |alarms, _| alarms.describe_alarms(&input))
                    .await??;
                call.reply(request_id, Some(&output))
            }
            Operation::DescribeAlarmsForMetric => {
                let input: DescribeAlarmsForMetricInput = call.input()?;
                let output = self
                    .change(move |alarms, _| alarms.describe_alarms_for_metric(&input))
                    .await?;
                call.reply(request_id, Some(&output))
            }
            Operation::DescribeAlarmHistory => {
                let input: DescribeAlarmHistoryInput = call.input()?;
                let reader = self.queue.reader().await.map_err(unavailable)?;
                let described = AlarmHistory::new(reader).describe(&input);
                let output = described.map_err(|error| {
                    Error::service_unavailable(format!("the history cannot be read: {error}"))
                })??;
                call.reply(request_id, Some(&output))
            }
            Operation::SetAlarmState => {
                let input: SetAlarmStateInput = call.input()?;
                self.change(move |alarms, now_ms| alarms.set_alarm_state(input, now_ms))
                    .await??;
                call.reply(request_id, NOTHING)
            }
            Operation::EnableAlarmActions => {
                let input: EnableAlarmActionsInput = call.input()?;
                self.set_actions_enabled(input.alarm_names, true).await?;
                call.reply(request_id, NOTHING)
            }
            Operation::DisableAlarmActions => {
                let input: DisableAlarmActionsInput = call.input()?;
                self.set_actions_enabled(input.alarm_names, false).await?;
                call.reply(request_id, NOTHING)
            }
            Operation::DeleteAlarms => {
                let input: DeleteAlarmsInput = call.input()?;
                self.change(move |alarms, now_ms| alarms.delete_alarms(&input, now_ms))
                    .await??;
                call.reply(request_id, NOTHING)
            }
            _ => return self.answer_tags(call, request_id).await,
        };
        Ok(Some(reply))
    }

    /// Operations on the tags of alarms; `None`: the ARN is one of something else.
    async fn answer_tags(&self, call: &Call<'_>, request_id: &str) -> Result<Option<Reply>, Error> {
        match call.operation {
            Operation::ListTagsForResource => {
                let input: ListTagsForResourceInput = call.input()?;
                let arn = input.resource_arn;
                let tags = self.change(move |alarms, _| alarms.tags(&arn)).await?;
                let output = tags
                    .transpose()?
                    .map(|tags| ListTagsForResourceOutput { tags: Some(tags) });
                Ok(output.map(|output| call.reply(request_id, Some(&output))))
            }
            Operation::TagResource => {
                let input: TagResourceInput = call.input()?;
                let done = self
                    .change(move |alarms, _| alarms.tag(&input.resource_arn, &input.tags))
                    .await?;
                let output = TagResourceOutput::default();
                Ok(done
                    .transpose()?
                    .map(|()| call.reply(request_id, Some(&output))))
            }
            Operation::UntagResource => {
                let input: UntagResourceInput = call.input()?;
                let done = self
                    .change(move |alarms, _| alarms.untag(&input.resource_arn, &input.tag_keys))
                    .await?;
                let output = UntagResourceOutput::default();
                Ok(done
                    .transpose()?
                    .map(|()| call.reply(request_id, Some(&output))))
            }
            _ => Ok(None),
        }
    }

    async fn set_actions_enabled(&self, names: Vec<String>, is_enabled: bool) -> Result<(), Error> {
        self.change(move |alarms, now_ms| alarms.set_actions_enabled(&names, is_enabled, now_ms))
            .await
    }

    /// An action could not be brought to its target in the end; what is not an alarm's is none of ours.
    pub(crate) fn given_up(&self, origin: &str, target: &str, reason: &str) {
        let is_alarm = origin.starts_with("arn:aws:cloudwatch:") && origin.contains(":alarm:");
        // AWS: what a function makes of its event is not the alarm's affair.
        if !is_alarm || reason.starts_with("200: ") {
            return;
        }
        let (origin, target, reason) = (origin.to_string(), target.to_string(), reason.to_string());
        let book = self.clone();
        tokio::spawn(async move {
            let done = book.change(move |alarms, now_ms| {
                alarms.given_up(&origin, &target, &reason, now_ms);
            });
            // The history is for people; a server that stops has nobody to tell.
            drop(done.await);
        });
    }

    /// Hands transitions to the shard, one after the other, as long as the server runs.
    pub(crate) async fn hand_over(self, handle: Handle) {
        loop {
            self.has_transition.notified().await;
            loop {
                match self.hand_over_oldest(&handle).await {
                    Handed::Over => {}
                    Handed::Nothing => break,
                    Handed::NotYet => tokio::time::sleep(PATIENCE).await,
                    Handed::Ended => return,
                }
            }
        }
    }

    async fn hand_over_oldest(&self, handle: &Handle) -> Handed {
        let _handing = self.handing.lock().await;
        // What was changed before this is committed when it is answered.
        let oldest = self.change(|alarms, _| alarms.oldest_transition().cloned());
        let transition = match oldest.await {
            Ok(Some(transition)) => transition,
            Ok(None) => return Handed::Nothing,
            Err(_) => return Handed::Ended,
        };
        let number = transition.number;
        let Some(outcomes) = taken(handle, transition).await else {
            return Handed::NotYet;
        };
        let done = self.change(move |alarms, now_ms| {
            alarms.handed_over(number, &outcomes, now_ms);
        });
        match done.await {
            Ok(()) => Handed::Over,
            Err(_) => Handed::Ended,
        }
    }

    /// Makes a change on the thread of the metrics; returns once it is durable.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Alarms, i64) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let book = self.clone();
        let made = self.queue.change(move |metrics, now_ms| {
            let mut alarms = book.lock();
            let made = change(&mut alarms, now_ms);
            alarms.stage(metrics);
            let is_waiting = alarms.oldest_transition().is_some();
            Ok((made, is_waiting))
        });
        let (made, is_waiting) = made.await.map_err(unavailable)?;
        if is_waiting {
            self.has_transition.notify_one();
        }
        Ok(made)
    }

    fn lock(&self) -> MutexGuard<'_, Alarms> {
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unavailable(Unavailable(text): Unavailable) -> Error {
    Error::service_unavailable(text)
}

/// Has the shard take a transition: what it says of each action, or nothing if it must be asked again.
async fn taken(handle: &Handle, transition: Transition) -> Option<Vec<Option<String>>> {
    let event = transition.event.map(|event| AlarmEvent {
        id: event.id,
        detail_type: event.detail_type,
        detail: event.detail,
    });
    let actions = transition.actions.into_iter().map(|action| AlarmAction {
        target: action.target,
        payload: action.payload,
    });
    let request = Request::TakeTransition(Box::new(AlarmTransition {
        store: transition.store,
        number: transition.number,
        alarm_arn: transition.alarm_arn,
        at_ms: transition.at_ms,
        event,
        actions: actions.collect(),
    }));
    match handle.send(request).ok()?.await.ok()? {
        Ok(Answered::Alarm(outcomes)) => Some(outcomes),
        _ => None,
    }
}

/// Evaluates what is due, once a second.
struct Evaluation {
    book: AlarmBook,
    trimmed_ms: i64,
}

impl Tick for Evaluation {
    fn tick(
        &mut self,
        metrics: &mut Metrics,
        now_ms: i64,
    ) -> Result<Vec<Act>, stepwell_store::Error> {
        let reader = metrics.reader();
        let mut alarms = self.book.lock();
        if alarms.next_due().is_some_and(|due_ms| due_ms <= now_ms) {
            alarms.tick(now_ms, &|watched| alarms::points(&reader, watched));
        }
        if now_ms - self.trimmed_ms >= TRIM_EVERY_MS {
            self.trimmed_ms = now_ms;
            alarms.trim_history(&reader, now_ms)?;
        }
        alarms.stage(metrics);
        if alarms.oldest_transition().is_none() {
            return Ok(Vec::new());
        }
        let has_transition = Arc::clone(&self.book.has_transition);
        Ok(vec![Box::new(move || has_transition.notify_one())])
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use stepwell_store::Memory;
    use stepwell_telemetry::metrics::Limits;

    use super::*;
    use crate::metric_writer::MetricThread;
    use crate::shard::now;
    use crate::shard::tests::at_rest;

    fn owner() -> Owner {
        Owner {
            region: "us-east-1".to_string(),
            account: "123456789012".to_string(),
        }
    }

    /// Whether it is done when it is asked once.
    async fn is_done<T>(future: impl Future<Output = T>) -> bool {
        tokio::select! {
            biased;
            _ = future => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn no_transition_is_between_the_stores_while_they_are_held() {
        let queue = Arc::new(MetricQueue::default());
        let metrics = Metrics::open(Box::new(Memory::new()), Limits::default()).expect("it opens");
        let now_ms = now().as_millis();
        let book = AlarmBook::open(&metrics, Arc::clone(&queue), owner(), 7, now_ms);
        let book = book.expect("there are no alarms");
        let thread = MetricThread::start(Arc::clone(&queue), metrics, Vec::new()).expect("starts");
        let call = |name, body: &str| {
            let (book, body) = (book.clone(), body.as_bytes().to_vec());
            async move {
                let call = Call::of_target(name, &body).expect("it is an operation");
                let answered = book.answer(&call, "r").await;
                assert!(answered.expect("it is taken").is_some(), "{name}");
            }
        };
        call(
            "PutMetricAlarm",
            r#"{"AlarmName":"a","Namespace":"n","MetricName":"m","Statistic":"Sum","Period":86400,
            "EvaluationPeriods":1,"Threshold":1,"ComparisonOperator":"GreaterThanThreshold"}"#,
        )
        .await;
        call(
            "SetAlarmState",
            r#"{"AlarmName":"a","StateValue":"ALARM","StateReason":"a test"}"#,
        )
        .await;
        let (run, _performed) = at_rest(Box::new(Memory::new()));
        let handle = run.handle();

        let held = book.hold().await;
        let mut handing = pin!(book.hand_over_oldest(&handle));
        for _ in 0..3 {
            assert!(!is_done(handing.as_mut()).await);
            // All that was asked of the metrics before this is answered.
            let asked = book.change(|alarms, _| alarms.oldest_transition().is_some());
            assert!(asked.await.expect("the metrics live"), "it waits here");
        }
        assert_eq!(handle.load().changes, 0, "nothing goes while it is held");
        drop(held);
        while handle.load().changes == 0 {
            assert!(!is_done(handing.as_mut()).await);
            tokio::task::yield_now().await;
        }
        let mut holding = pin!(book.hold());
        assert!(!is_done(holding.as_mut()).await, "it is on its way");

        let shard = run.start(drop).expect("nothing is there to recover");
        assert!(matches!(handing.await, Handed::Over));
        drop(holding.await);
        let rows = queue.reader().await.expect("the metrics live");
        let restored = Alarms::open(&rows, owner(), 8, now_ms).expect("it opens");
        assert_eq!(restored.oldest_transition(), None, "the shard has it");
        shard.stop();
        thread.stop();
    }
}
