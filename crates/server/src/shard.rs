//! The shard's thread: take what waits, apply it all, commit once, release everything.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};
use stepwell_service::{
    Answer, Answered, Command, Committed, Effect, Reader, Request, RequestId, Settings, Shard,
    TakenTask, Timestamp,
};
use stepwell_store::{Error, Snapshot};
use tokio::sync::{mpsc, oneshot};

use crate::in_flight::InFlight;
use crate::inbox::{self, Inbox, Message, Refused};
use crate::log_writer::LogQueue;
use crate::observers::Observers;
use crate::prometheus::Instruments;
use crate::standing::Standing;

/// Longest sleep of the shard's thread: a clock that jumps is noticed after this time.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// What callers are told once the shard's thread has failed.
pub(crate) const FAILED: &str =
    "the server has failed; nothing can be acknowledged until it restarts";

/// A handle to the shard: send requests, read snapshots. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Handle {
    inbox: Arc<Inbox>,
    snapshot: Arc<RwLock<Arc<dyn Snapshot>>>,
    settings: Settings,
    standing: Arc<Standing>,
    instruments: Arc<Instruments>,
    /// Counts commits after which a function or a rule of sampling may be another one.
    functions_changed: Arc<AtomicU64>,
}

/// A message whose answer somebody waits for.
fn awaited(request: Request) -> (Message, oneshot::Receiver<Answer>) {
    let (sender, receiver) = oneshot::channel();
    let message = Message {
        request,
        answer_to: Some(sender),
    };
    (message, receiver)
}

impl Handle {
    /// Sends a request; its answer comes once it is durable.
    pub(crate) fn send(&self, request: Request) -> Result<oneshot::Receiver<Answer>, Refused> {
        self.check_disk(&request)?;
        let (message, receiver) = awaited(request);
        self.inbox.put_request(message)?;
        Ok(receiver)
    }

    /// Sends a request that is owed to somebody who was answered already: it is taken while the server stops too, until the
    /// shard's thread ends. Nobody waits for its own answer.
    ///
    /// Not the same as `send` without its receiver: the shard does nothing for a client that has gone.
    pub(crate) fn hand_over(&self, request: Request) -> Result<(), Refused> {
        self.check_disk(&request)?;
        self.inbox.put_owed(Message {
            request,
            answer_to: None,
        })
    }

    /// As [`Handle::hand_over`], for what waits for the answer.
    pub(crate) fn owe(&self, request: Request) -> Result<oneshot::Receiver<Answer>, Refused> {
        self.check_disk(&request)?;
        let (message, receiver) = awaited(request);
        self.inbox.put_owed(message)?;
        Ok(receiver)
    }

    fn check_disk(&self, request: &Request) -> Result<(), Refused> {
        match Inbox::is_start(request) && self.standing.low_disk().is_some() {
            true => Err(Refused::Unavailable(inbox::LOW_ON_DISK)),
            false => Ok(()),
        }
    }

    /// Reports what became of a task.
    pub(crate) fn report(&self, request: Request) {
        self.inbox.put_outcome(request);
    }

    /// Reads that see every acknowledged write.
    pub(crate) fn reader(&self) -> Reader {
        Reader::new(self.snapshot(), self.settings.clone(), now())
    }

    /// The rows of every acknowledged write.
    pub(crate) fn snapshot(&self) -> Arc<dyn Snapshot> {
        let published = self.snapshot.read();
        Arc::clone(&published.unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// A number that is another one after every acknowledged change of a function, or of a rule of sampling.
    ///
    /// What was read of them after this was asked holds as long as it stays the same.
    pub(crate) fn functions_changed(&self) -> u64 {
        self.functions_changed.load(Ordering::SeqCst)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether the shard's thread has failed: the process must restart and recover.
    pub(crate) fn has_failed(&self) -> bool {
        self.standing.failure().is_some()
    }

    /// How the server stands, for whoever asks whether it is well.
    pub(crate) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// What is counted while the server works.
    pub(crate) fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    /// What waits for the shard.
    pub(crate) fn load(&self) -> inbox::Load {
        self.inbox.load()
    }

    /// No more requests and no new calls; outcomes of tasks are still taken.
    pub(crate) fn drain(&self) {
        self.standing.drain();
        self.inbox.close();
    }

    /// Whether new calls are handed back instead of being performed.
    pub(crate) fn is_draining(&self) -> bool {
        self.standing.is_draining()
    }
}

/// The thread that a shard runs on.
pub(crate) struct Thread {
    thread: std::thread::JoinHandle<()>,
    stop: Arc<AtomicBool>,
    inbox: Arc<Inbox>,
}

impl Thread {
    /// Takes what waits once more, commits it, and ends the thread.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.inbox.close();
        // A thread that panicked has said so on standard error; there is nothing to add here.
        drop(self.thread.join());
    }
}

/// A shard with what its thread needs.
pub(crate) struct Run {
    shard: Shard,
    handle: Handle,
    effects: mpsc::Sender<Effect>,
    in_flight: Arc<InFlight>,
    logs: Arc<LogQueue>,
    observers: Observers,
    stop: Arc<AtomicBool>,
    waiting: BTreeMap<RequestId, oneshot::Sender<Answer>>,
    next_id: u64,
    entropy: Entropy,
    /// Whether something was applied that the next commit may change a function by.
    may_change_functions: bool,
}

/// Tells everybody that the shard's thread has ended before it was asked to, by an error or by a panic.
struct FailureGuard {
    handle: Handle,
    was_asked: bool,
}

impl Drop for FailureGuard {
    fn drop(&mut self) {
        if !self.was_asked {
            self.handle.standing.fail("the shard's thread panicked");
            self.handle.inbox.abandon();
        }
    }
}

/// Entropy for commands: drawn from the operating system once, then stretched by SHA-256.
struct Entropy {
    seed: [u8; 32],
    drawn: u64,
}

impl Entropy {
    fn draw(&mut self) -> [u8; 32] {
        self.drawn += 1;
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(self.drawn.to_be_bytes());
        hash.finalize().into()
    }
}

impl Run {
    /// A shard that nothing has happened to yet. Effects go to `effects`, calls are listed in `in_flight` first.
    ///
    /// - `requests_max`: starts that may wait, and as many changes.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of the server that the thread needs"
    )]
    pub(crate) fn new(
        shard: Shard,
        settings: Settings,
        effects: mpsc::Sender<Effect>,
        in_flight: Arc<InFlight>,
        logs: Arc<LogQueue>,
        observers: Observers,
        requests_max: usize,
        instruments: Arc<Instruments>,
    ) -> Run {
        let handle = Handle {
            inbox: Arc::new(Inbox::new(requests_max, Arc::clone(&in_flight))),
            snapshot: Arc::new(RwLock::new(shard.snapshot())),
            settings,
            standing: Arc::default(),
            instruments,
            functions_changed: Arc::new(AtomicU64::new(0)),
        };
        Run {
            shard,
            handle,
            effects,
            in_flight,
            logs,
            observers,
            stop: Arc::new(AtomicBool::new(false)),
            waiting: BTreeMap::new(),
            next_id: 0,
            entropy: Entropy {
                seed: entropy(),
                drawn: 0,
            },
            may_change_functions: true,
        }
    }

    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Recovers the shard and starts its thread.
    ///
    /// - Effects must be performed from before this on: a call of one batch of the recovery is durable before
    ///   the next batch, and is in doubt if the process ends without having made it.
    pub(crate) fn start(
        mut self,
        on_failure: impl FnOnce(Error) + Send + 'static,
    ) -> Result<Thread, Error> {
        self.recover()?;
        let stop = Arc::clone(&self.stop);
        let inbox = Arc::clone(&self.handle.inbox);
        let body = move || {
            let mut run = self;
            // Dropped before `run`: who loses an answer with it finds the failure already told.
            let mut guard = FailureGuard {
                handle: run.handle(),
                was_asked: false,
            };
            match run.run() {
                Ok(()) => guard.was_asked = true,
                Err(error) => {
                    guard.handle.standing.fail(error.to_string());
                    on_failure(error);
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("shard-0".to_string())
            .spawn(body)
            .map_err(|cause| Error::Io {
                action: "start the shard's thread",
                place: "this process".to_string(),
                cause,
            })?;
        Ok(Thread {
            thread,
            stop,
            inbox,
        })
    }

    fn recover(&mut self) -> Result<(), Error> {
        let mut position = None;
        loop {
            position = self.shard.recover(now(), position)?;
            self.commit()?;
            if position.is_none() {
                return Ok(());
            }
        }
    }

    fn run(&mut self) -> Result<(), Error> {
        loop {
            let is_last = self.stop.load(Ordering::SeqCst);
            let patience = if is_last {
                Duration::ZERO
            } else {
                self.patience()
            };
            let messages = self.handle.inbox.take(patience);
            if is_last && messages.is_empty() && self.handle.inbox.end() {
                return Ok(());
            }
            let now = now();
            self.handle.standing.shard_lives(now);
            self.handle.instruments.shard.came_around(messages.len());
            let late = self
                .shard
                .next_timer()
                .map_or(0, |due| now.since(due).as_millis());
            self.handle
                .standing
                .was_late(u64::try_from(late).unwrap_or(u64::MAX));
            self.shard.hold_back(self.handle.inbox.holds_back());
            self.forget_workers_that_left();
            for message in messages {
                self.apply(now, message);
                if self.shard.is_full() {
                    self.commit()?;
                }
            }
            self.shard.tick(now);
            self.commit()?;
        }
    }

    /// A worker that has hung up must not swallow a task; a server that stops keeps none waiting.
    fn forget_workers_that_left(&mut self) {
        if self.handle.is_draining() {
            self.shard.end_polls();
        }
        let left = |id: &RequestId| self.waiting.get(id).is_none_or(oneshot::Sender::is_closed);
        let left: Vec<RequestId> = self.shard.polls().filter(left).collect();
        for id in left {
            self.waiting.remove(&id);
            self.shard.forget_poll(id);
        }
    }

    fn commit(&mut self) -> Result<(), Error> {
        loop {
            let committed = self.shard.commit()?;
            let returned = self.release(committed);
            if returned.is_empty() {
                return Ok(());
            }
            self.forget_workers_that_left();
            for task in returned {
                let command = Command {
                    id: None,
                    request: Request::ReturnActivityTask(task),
                };
                self.shard.apply(now(), self.entropy.draw(), command);
            }
        }
    }

    fn patience(&self) -> Duration {
        match self.shard.next_deadline() {
            None => SLEEP_MAX,
            Some(deadline) => deadline.since(now()).min(SLEEP_MAX),
        }
    }

    fn apply(&mut self, now: Timestamp, message: Message) {
        let id = message.answer_to.map(|sender| {
            let id = RequestId(self.next_id);
            self.next_id += 1;
            self.waiting.insert(id, sender);
            id
        });
        self.may_change_functions |= !never_changes_functions(&message.request);
        let command = Command {
            id,
            request: message.request,
        };
        self.shard.apply(now, self.entropy.draw(), command);
    }

    /// Gives out what has become durable; returns the tasks whose workers had hung up.
    fn release(&mut self, committed: Committed) -> Vec<TakenTask> {
        let has_changed = committed.has_written
            || !committed.answers.is_empty()
            || !committed.effects.is_empty()
            || !committed.events.is_empty();
        if has_changed {
            let snapshot = self.shard.snapshot();
            // Held over both: who sees what a commit did finds it in the log, and the log writer reads no older rows.
            let mut published = self
                .handle
                .snapshot
                .write()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            let events = committed.events.iter().map(|live| live.events.len()).sum();
            let shard = &self.handle.instruments.shard;
            shard.happened(events, committed.events.len());
            self.observers.committed(
                committed.events,
                committed.events_bytes,
                committed.open_executions,
            );
            *published = snapshot;
        }
        // After the snapshot and before the answers: who was answered finds no older function.
        if std::mem::take(&mut self.may_change_functions) {
            self.handle.functions_changed.fetch_add(1, Ordering::SeqCst);
        }
        let mut returned = Vec::new();
        for (id, answer) in committed.answers {
            // A client that has gone does not want its answer.
            if let Some(sender) = self.waiting.remove(&id)
                && let Err(Ok(Answered::Task(_, task))) = sender.send(answer)
            {
                returned.push(task);
            }
        }
        for effect in committed.effects {
            self.release_effect(effect);
        }
        returned
    }

    fn release_effect(&self, effect: Effect) {
        let effect = match effect {
            Effect::ValidateLogDelivery { log_group_arn } => {
                return self.logs.validate(log_group_arn);
            }
            effect => effect,
        };
        if let Effect::Deliver(call) = &effect {
            // INVARIANT: listed before the performer asks whether the server drains, as calls are.
            self.in_flight.list_delivery(call.number);
        }
        let called = match &effect {
            Effect::InvokeFunction(call) => {
                Some((call.execution, call.ticket, call.payload.text().len()))
            }
            Effect::CallService(call) => Some((call.execution, call.ticket, call.body.len())),
            _ => None,
        };
        if let Some((execution, ticket, bytes)) = called {
            // INVARIANT: listed before the question whether the server drains. A stop first says that it drains and
            // then waits for this list, so it either waits for this call or the call is handed back here.
            self.in_flight.list((execution, ticket), bytes);
            if self.handle.is_draining() {
                self.handle
                    .report(Request::ReturnTask { execution, ticket });
                self.in_flight.end((execution, ticket));
                return;
            }
        }
        // The receiver lives as long as the server. Who waits here waits for tasks to be spawned, not for their ends.
        drop(self.effects.blocking_send(effect));
    }
}

/// Whether a request is one of the many that move executions and deliveries along, and never change a function or a rule of
/// sampling.
fn never_changes_functions(request: &Request) -> bool {
    matches!(
        request,
        Request::StartExecution(_)
            | Request::StartSyncExecution(_)
            | Request::StopExecution(_)
            | Request::GetActivityTask(_)
            | Request::SendTaskSuccess(_)
            | Request::SendTaskFailure(_)
            | Request::SendTaskHeartbeat(_)
            | Request::CompleteTask { .. }
            | Request::ReturnTask { .. }
            | Request::ReturnActivityTask(_)
            | Request::TakeEvent(_)
            | Request::EndDelivery { .. }
    )
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// 32 bytes from the operating system.
pub(crate) fn entropy() -> [u8; 32] {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A random (version 4) UUID.
pub(crate) fn uuid() -> String {
    stepwell_service::uuid(&entropy())
}

#[cfg(test)]
pub(crate) mod tests {
    use stepwell_service::{LostTask, UnknownRole};
    use stepwell_store::{Batch, Memory, Store};

    use super::*;

    /// A shard over `store` whose thread has not started, and where its effects come out.
    pub(crate) fn at_rest(store: Box<dyn Store>) -> (Run, mpsc::Receiver<Effect>) {
        let settings = Settings {
            region: "us-east-1".to_string(),
            account: "123456789012".to_string(),
            lost_task: LostTask::Fail,
            unknown_role: UnknownRole::Accepted,
            retention_ms: stepwell_service::retention::DEFAULT,
        };
        let shard = Shard::open(store, settings.clone()).expect("an empty store opens");
        let (effects, performed) = mpsc::channel(1);
        let run = Run::new(
            shard,
            settings,
            effects,
            Arc::default(),
            Arc::default(),
            Observers::default(),
            10,
            Arc::default(),
        );
        (run, performed)
    }

    /// A store whose commits end as `commit` says once anything is written.
    struct Broken {
        memory: Memory,
        commit: fn() -> Result<(), Error>,
    }

    impl Store for Broken {
        fn snapshot(&self) -> Arc<dyn Snapshot> {
            self.memory.snapshot()
        }

        fn commit(&mut self, batch: Batch) -> Result<(), Error> {
            if batch.is_empty() {
                return self.memory.commit(batch);
            }
            (self.commit)()
        }
    }

    #[track_caller]
    fn check(commit: fn() -> Result<(), Error>) {
        let store = Broken {
            memory: Memory::new(),
            commit,
        };
        let (run, _performed) = at_rest(Box::new(store));
        let handle = run.handle();
        let machine = || {
            let request = serde_json::json!({
                "name": "m", "roleArn": "arn:aws:iam::123456789012:role/r",
                "definition": r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#,
            });
            let body = request.to_string();
            Request::CreateStateMachine(Box::new(
                stepwell_api::states::decode(body.as_bytes()).expect("a request"),
            ))
        };
        // Both are put in before the thread runs: one commit carries them.
        let answers = [handle.send(machine()), handle.send(machine())];
        let thread = run.start(drop).expect("nothing is there to recover");
        for answer in answers {
            let lost = answer.expect("the inbox takes it").blocking_recv();
            assert!(lost.is_err(), "what is not durable is not acknowledged");
        }
        assert!(handle.has_failed(), "told before the answers are lost");
        assert!(matches!(handle.send(machine()), Err(Refused::Failed)));
        thread.stop();
    }

    #[test]
    fn what_is_owed_is_answered_while_the_server_stops() {
        let (run, _performed) = at_rest(Box::new(Memory::new()));
        let handle = run.handle();
        let thread = run.start(drop).expect("nothing is there to recover");
        handle.drain();
        let group = || {
            let input = stepwell_api::logs::CreateLogGroupRequest {
                log_group_name: "/aws/lambda/f".to_string(),
                ..Default::default()
            };
            Request::Logs(stepwell_service::LogsRequest::CreateLogGroup(input))
        };
        assert!(matches!(handle.send(group()), Err(Refused::Unavailable(_))));
        let answer = handle.owe(group()).expect("it is owed").blocking_recv();
        assert!(answer.expect("it is answered").is_ok());
        thread.stop();
    }

    #[test]
    fn a_thread_that_fails_leaves_nobody_waiting() {
        check(|| {
            Err(Error::Stopped {
                place: "here".to_string(),
            })
        });
    }

    #[test]
    fn a_thread_that_panics_leaves_nobody_waiting() {
        check(|| panic!("the store breaks an invariant"));
    }
}
