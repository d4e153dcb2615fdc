//! The shard's inbox: what waits for the writer, taken in one go.

mod lanes;

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use stepwell_api::{events, lambda, states};
use stepwell_service::{Answer, EventsRequest, Refusal, Request, TaskOutcome};
use tokio::sync::oneshot;

use self::lanes::{Bounds, Class, Put, Queues, Waiting};
use crate::in_flight::InFlight;

/// Messages taken at once: what one commit carries.
const BATCH_MAX: usize = 1_024;

/// Bytes of the payloads of all starts that wait, and of all changes; one more is throttled.
const WAITING_BYTES_MAX: usize = 128 << 20;

/// A start that has waited longer is throttled instead of begun: its client has most likely given up.
///
/// botocore and the JS SDK wait 60 s for an answer, unless they are told otherwise.
const START_PATIENCE: Duration = Duration::from_secs(20);

/// Outcomes of tasks that may wait before nothing new is begun.
const OUTCOMES_GOAL: usize = 8_192;

/// The text of AWS's throttling errors.
pub(crate) const RATE_EXCEEDED: &str = "Rate exceeded";

/// Why the server is not available: it is stopping.
const CLOSED: &str = "the server is stopping";

/// Why the server is not available: the disk of the data is nearly full, and a request would begin something.
pub(crate) const LOW_ON_DISK: &str = "the disk of the data is nearly full: nothing new is begun until there is space, what runs goes on";

/// One message to the shard.
pub(crate) struct Message {
    pub(crate) request: Request,
    /// `None` if nobody waits: for the outcome of a task, for what is handed over.
    pub(crate) answer_to: Option<oneshot::Sender<Answer>>,
}

/// A bounded queue from many tasks to one thread, fair between state machines.
///
/// Outcomes of tasks are never refused: there are at most as many as there are calls in flight, and while those are
/// too many nothing new is begun ([`InFlight::is_crowded`]).
pub(crate) struct Inbox {
    queue: Mutex<Queue>,
    arrived: Condvar,
    in_flight: Arc<InFlight>,
    /// The origin of time in the queues.
    opened: Instant,
}

struct Queue {
    queues: Queues<Message>,
    /// The thread that takes waits for something to come, and nobody has woken it yet.
    is_awaited: bool,
    throttled: u64,
    abandoned: u64,
    is_closed: bool,
    /// The thread that took from it has ended as it was asked to.
    is_ended: bool,
    /// Nobody takes from it any more.
    is_abandoned: bool,
}

/// Why a request was not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    /// The server does not take it now, and says why.
    Unavailable(&'static str),
    /// The shard has failed.
    Failed,
}

/// What waits, and what was turned away since the start of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) starts: usize,
    pub(crate) changes: usize,
    pub(crate) outcomes: usize,
    /// Bytes of all payloads that wait.
    pub(crate) bytes: usize,
    pub(crate) throttled: u64,
    /// Requests that were not carried out because their client had gone.
    pub(crate) abandoned: u64,
}

impl Inbox {
    /// - `requests_max`: starts that may wait, and as many changes.
    pub(crate) fn new(requests_max: usize, in_flight: Arc<InFlight>) -> Inbox {
        let bounds = Bounds {
            requests_max,
            bytes_max: WAITING_BYTES_MAX,
        };
        Inbox {
            queue: Mutex::new(Queue {
                queues: Queues::new(bounds),
                is_awaited: false,
                throttled: 0,
                abandoned: 0,
                is_closed: false,
                is_ended: false,
                is_abandoned: false,
            }),
            arrived: Condvar::new(),
            in_flight,
            opened: Instant::now(),
        }
    }

    /// Whether a request begins something that goes on after its answer.
    pub(crate) fn is_start(request: &Request) -> bool {
        class_of(request) == Class::Start
    }

    /// Puts a request in; refused when too many wait or the server is stopping.
    pub(crate) fn put_request(&self, message: Message) -> Result<(), Refused> {
        self.put(message, false)
    }

    /// Puts a request in that is owed to somebody who was answered already.
    ///
    /// - While the server stops it is taken too, as long as there is the shard's thread, and room beside the outcomes.
    pub(crate) fn put_owed(&self, message: Message) -> Result<(), Refused> {
        self.put(message, true)
    }

    fn put(&self, message: Message, is_owed: bool) -> Result<(), Refused> {
        let now = self.opened.elapsed();
        let class = class_of(&message.request);
        let bytes = bytes_of(&message.request);
        let lane = lane_of(&message.request).to_owned();
        let mut queue = self.lock();
        if queue.is_abandoned {
            return Err(Refused::Failed);
        }
        if queue.is_closed {
            if !is_owed || queue.is_ended {
                return Err(Refused::Unavailable(CLOSED));
            }
            if queue.queues.waiting(Class::Outcome).1 + bytes > WAITING_BYTES_MAX {
                return Err(Refused::Full);
            }
            queue.queues.put(Class::Outcome, "", message, bytes, now);
            self.wake(queue);
            return Ok(());
        }
        let put = queue.queues.put(class, &lane, message, bytes, now);
        if put_was_refused(&put) {
            queue.throttled += 1;
        }
        match put {
            Put::Waits => self.wake(queue),
            Put::InPlaceOf(other) => {
                self.wake(queue);
                throttle(other);
            }
            Put::Full(_) => {
                // What is dropped with its message is told to somebody.
                drop(queue);
                return Err(Refused::Full);
            }
        }
        Ok(())
    }

    /// Puts the outcome of a task in; an abandoned inbox drops it, and the task is in doubt at the next start.
    pub(crate) fn put_outcome(&self, request: Request) {
        let now = self.opened.elapsed();
        let bytes = bytes_of(&request);
        let message = Message {
            request,
            answer_to: None,
        };
        let mut queue = self.lock();
        if queue.is_abandoned {
            return;
        }
        queue.queues.put(Class::Outcome, "", message, bytes, now);
        self.wake(queue);
    }

    /// Something has come. A thread that does not wait finds it by itself, and a call of the system costs more than the
    /// rest of a put.
    fn wake(&self, mut queue: MutexGuard<'_, Queue>) {
        let is_awaited = std::mem::take(&mut queue.is_awaited);
        drop(queue);
        if is_awaited {
            self.arrived.notify_one();
        }
    }

    /// Nothing is accepted or taken any more; what waits is dropped, so that whoever awaits an answer is told.
    pub(crate) fn abandon(&self) {
        let mut queue = self.lock();
        queue.is_closed = true;
        queue.is_abandoned = true;
        let dropped = queue.queues.take_all();
        drop(queue);
        drop(dropped);
    }

    /// No more requests are accepted; what waits is still taken.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.arrived.notify_one();
    }

    /// The thread that takes from a closed inbox ends, unless something still waits. Whether it may.
    pub(crate) fn end(&self) -> bool {
        let mut queue = self.lock();
        queue.is_ended = queue.queues.len() == 0;
        queue.is_ended
    }

    /// Takes what waits, after waiting for at most `patience` for something to come.
    ///
    /// - What nobody waits for any more is dropped: a client that has gone gets no answer, so nothing was acknowledged.
    /// - A start that has waited too long is throttled, also while nothing new is begun.
    pub(crate) fn take(&self, patience: Duration) -> Vec<Message> {
        let takes_starts = |queue: &Queue| queue.is_closed || !self.is_crowded(queue);
        let mut queue = self.lock();
        if !queue.queues.has(takes_starts(&queue)) && !patience.is_zero() {
            queue.is_awaited = true;
            queue = match self.arrived.wait_timeout(queue, patience) {
                Ok((queue, _)) => queue,
                Err(poisoned) => poisoned.into_inner().0,
            };
            queue.is_awaited = false;
        }
        let takes_starts = takes_starts(&queue);
        let mut taken = queue.queues.take(BATCH_MAX, takes_starts);
        let now = self.opened.elapsed();
        let is_late =
            |waiting: &Waiting<Message>| now.saturating_sub(waiting.since) > START_PATIENCE;
        if !takes_starts {
            let expired = queue
                .queues
                .take_expired(|waiting| has_gone(waiting) || is_late(waiting));
            taken.extend(expired);
        }
        let mut messages = Vec::with_capacity(taken.len());
        let mut late = Vec::new();
        for waiting in taken {
            if has_gone(&waiting) {
                queue.abandoned += 1;
            } else if is_late(&waiting) && class_of(&waiting.item.request) == Class::Start {
                queue.throttled += 1;
                late.push(waiting.item);
            } else {
                messages.push(waiting.item);
            }
        }
        drop(queue);
        late.into_iter().for_each(throttle);
        messages
    }

    /// Whether so much goes on already that nothing new should begin.
    pub(crate) fn holds_back(&self) -> bool {
        self.is_crowded(&self.lock())
    }

    fn is_crowded(&self, queue: &Queue) -> bool {
        queue.queues.waiting(Class::Outcome).0 >= OUTCOMES_GOAL || self.in_flight.is_crowded()
    }

    pub(crate) fn load(&self) -> Load {
        let queue = self.lock();
        let waiting = |class| queue.queues.waiting(class);
        let (starts, changes, outcomes) = (
            waiting(Class::Start),
            waiting(Class::Change),
            waiting(Class::Outcome),
        );
        Load {
            starts: starts.0,
            changes: changes.0,
            outcomes: outcomes.0,
            bytes: starts.1 + changes.1 + outcomes.1,
            throttled: queue.throttled,
            abandoned: queue.abandoned,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn put_was_refused<T>(put: &Put<T>) -> bool {
    !matches!(put, Put::Waits)
}

/// Whether nobody waits for the answer any more.
fn has_gone(waiting: &Waiting<Message>) -> bool {
    let answer_to = waiting.item.answer_to.as_ref();
    answer_to.is_some_and(oneshot::Sender::is_closed)
}

/// Answers a request that is not carried out.
fn throttle(message: Message) {
    let refusal = match &message.request {
        Request::TakeEvent(_) => {
            Refusal::Lambda(lambda::Error::too_many_requests_exception(RATE_EXCEEDED))
        }
        Request::Events(_) => Refusal::Events(events::Error::throttling_exception(RATE_EXCEEDED)),
        // INVARIANT: only starts lose their place, and the others of them are of Step Functions.
        _ => Refusal::States(states::Error::throttling_exception(RATE_EXCEEDED)),
    };
    if let Some(answer_to) = message.answer_to {
        // A client that has gone does not want its answer.
        drop(answer_to.send(Err(refusal)));
    }
}

fn class_of(request: &Request) -> Class {
    match request {
        Request::StartExecution(_)
        | Request::StartSyncExecution(_)
        | Request::RedriveExecution(_)
        | Request::TakeEvent(_)
        | Request::Events(EventsRequest::PutEvents(_)) => Class::Start,
        _ => Class::Change,
    }
}

/// Who takes turns with the others: a state machine, an activity, a function.
fn lane_of(request: &Request) -> &str {
    match request {
        Request::StartExecution(input) => machine_of(&input.state_machine_arn),
        Request::StartSyncExecution(input) => machine_of(&input.state_machine_arn),
        Request::RedriveExecution(input) => machine_of(&input.execution_arn),
        Request::StopExecution(input) => machine_of(&input.execution_arn),
        Request::UpdateStateMachine(input) => machine_of(&input.state_machine_arn),
        Request::GetActivityTask(input) => &input.activity_arn,
        Request::SendTaskSuccess(_)
        | Request::SendTaskFailure(_)
        | Request::SendTaskHeartbeat(_) => "tokens",
        Request::TakeEvent(event) => &event.function,
        _ => "",
    }
}

/// The name of the state machine in an ARN of it, of its version or alias, or of an execution.
fn machine_of(arn: &str) -> &str {
    let name = arn.split(':').nth(6).unwrap_or(arn);
    name.split('/').next().unwrap_or(name)
}

/// About how many bytes a request holds while it waits.
fn bytes_of(request: &Request) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    match request {
        Request::StartExecution(input) => text(&input.input),
        Request::StartSyncExecution(input) => text(&input.input),
        Request::SendTaskSuccess(input) => input.output.len(),
        Request::SendTaskFailure(input) => text(&input.cause),
        Request::CreateStateMachine(input) => input.definition.len(),
        Request::UpdateStateMachine(input) => text(&input.definition),
        Request::CreateFunction(_, code) | Request::UpdateFunctionCode(_, code) => code.zip.len(),
        Request::TakeEvent(event) => event.payload.len(),
        Request::Deliver(delivery) => delivery.payload.len(),
        Request::CompleteTask { outcome, .. } => match outcome {
            TaskOutcome::Succeeded(output) | TaskOutcome::Submitted(output) => output.text().len(),
            TaskOutcome::Failed { cause, .. } => text(cause),
        },
        Request::AnswerTask { answer, .. } => answer.as_ref().map_or(0, Vec::len),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
