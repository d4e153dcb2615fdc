//! An environment that runs several invocations at one time, as Lambda Managed Instances do.
//!
//! One task owns the environment and its connection: the runtime asks for as many invocations as it may run, and
//! answers them by their request ids in any order. What one invocation does to the process ends the others with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::{Environment, Failure, LOOK_EVERY, NotDelivered, Ran};
use crate::invocation::Invocation;
use crate::runtime_api::{Answer, Body, Call};

/// A handle to the environment. When the last one is gone it ends, once nothing runs in it.
#[derive(Clone)]
pub(crate) struct SharedEnvironment {
    jobs: mpsc::UnboundedSender<Job>,
    group: i32,
}

struct Job {
    invocation: Invocation,
    init: Option<Duration>,
    done: oneshot::Sender<Result<Ran, NotDelivered>>,
}

struct Open {
    request_id: Arc<str>,
    started: Instant,
    deadline: Instant,
    init: Option<Duration>,
    done: oneshot::Sender<Result<Ran, NotDelivered>>,
}

impl SharedEnvironment {
    pub(crate) fn group(&self) -> i32 {
        self.group
    }

    /// Runs one invocation beside the others.
    ///
    /// - `init`: how long init took, on the first invocation.
    /// - The plan bounds how many run at one time.
    pub(crate) async fn invoke(
        &self,
        invocation: Invocation,
        init: Option<Duration>,
    ) -> Result<Ran, NotDelivered> {
        let (done, ran) = oneshot::channel();
        let job = Job {
            invocation,
            init,
            done,
        };
        self.jobs.send(job).map_err(|_| NotDelivered)?;
        ran.await.unwrap_or(Err(NotDelivered))
    }
}

impl Environment {
    /// Lets several invocations run in it, from its init on.
    pub(crate) fn share(self) -> SharedEnvironment {
        let (jobs, received) = mpsc::unbounded_channel();
        let group = self.process.group();
        let shared = Running {
            environment: self,
            open: BTreeMap::new(),
            is_broken: false,
        };
        tokio::spawn(shared.run(received));
        SharedEnvironment { jobs, group }
    }
}

struct Running {
    environment: Environment,
    /// Invocations that run, by request id.
    open: BTreeMap<Arc<str>, Open>,
    /// It takes no invocation any more.
    is_broken: bool,
}

impl Running {
    async fn run(mut self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        let mut is_wanted = true;
        while is_wanted || !self.open.is_empty() {
            let look = self.next_look();
            tokio::select! {
                job = jobs.recv(), if is_wanted => match job {
                    Some(job) => self.begin(job).await,
                    None => is_wanted = false,
                },
                // Cancelling it between two reads loses nothing: what was read is kept.
                call = self.environment.wire.call() => match call {
                    Ok(call) => self.called(call).await,
                    Err(_) => {
                        let exit = self.environment.process.end().await;
                        self.end_all(|environment, id| match environment.ended(exit) {
                            super::Watched::OutOfMemory => Failure::out_of_memory(id),
                            _ => Failure::exit(id, exit),
                        });
                        return;
                    }
                },
                () = sleep_until(look) => if !self.look().await {
                    return;
                },
            }
        }
    }

    fn next_look(&self) -> Instant {
        let deadlines = self.open.values().map(|open| open.deadline);
        let soon = Instant::now() + LOOK_EVERY;
        deadlines.chain([soon]).min().unwrap_or(soon)
    }

    async fn begin(&mut self, job: Job) {
        let environment = &mut self.environment;
        let id = job.invocation.request_id.as_str();
        // Two of one request id cannot be told apart.
        self.is_broken |= self.open.contains_key(id);
        if self.is_broken {
            // Whoever is not there any more needs no answer, here and below.
            let _ = job.done.send(Err(NotDelivered));
            return;
        }
        let request_id: Arc<str> = Arc::from(job.invocation.request_id.as_str());
        let started = Instant::now();
        let deadline = started + environment.configuration.timeout;
        environment
            .capture
            .open_one(&request_id, job.invocation.log_tail);
        if let Some(line) = super::report::start(&environment.configuration, &request_id) {
            environment.capture.line_of(&request_id, line);
        }
        let headers = environment.headers(&job.invocation, deadline);
        let sent = environment
            .wire
            .invoke(&headers, &job.invocation.payload)
            .await;
        if sent.is_err() {
            environment.capture.close_one(&request_id);
            environment.capture.finish(Vec::new());
            self.is_broken = true;
            let _ = job.done.send(Err(NotDelivered));
            return;
        }
        let open = Open {
            request_id: Arc::clone(&request_id),
            started,
            deadline,
            init: job.init,
            done: job.done,
        };
        self.open.insert(request_id, open);
    }

    async fn called(&mut self, call: Call) {
        let (id, result, answer) = match call {
            // It has room for one more; the plan counts that by itself.
            Call::Next { .. } => return,
            Call::Response {
                request_id,
                body: Body::Complete(payload),
            } => (request_id, Ok(payload), Answer::Accepted),
            Call::Response {
                request_id,
                body: Body::TooLarge(length),
            } => (
                request_id,
                Err(Failure::too_large(length)),
                Answer::TooLarge,
            ),
            Call::Error { request_id, body } => {
                (request_id, Err(Failure::of_runtime(body)), Answer::Accepted)
            }
            Call::InitError { .. } => {
                let _ = self.environment.wire.answer(Answer::InvalidState).await;
                return;
            }
            Call::Streaming { .. } | Call::Chunk(_) | Call::StreamEnd { .. } => {
                // Our bootstrap streams nothing beside other invocations; whoever wrote this has broken the connection.
                self.environment.process.kill();
                return;
            }
        };
        let open = self.open.remove(id.as_str());
        let answer = if open.is_some() {
            answer
        } else {
            Answer::InvalidRequestId
        };
        // A runtime that is gone is seen by the next look at the wire.
        let _ = self.environment.wire.answer(answer).await;
        let Some(open) = open else { return };
        let elapsed = open.started.elapsed();
        let environment = &mut self.environment;
        environment.request_id = Arc::clone(&open.request_id);
        environment.capture.close_one(&open.request_id);
        let ran = match result {
            Ok(payload) => environment.success(payload, elapsed, open.init, true),
            Err(failure) => Ran {
                reply: environment.fail(failure, elapsed, open.init),
                is_healthy: environment.was_within_memory(),
            },
        };
        self.is_broken |= !ran.is_healthy;
        let is_healthy = !self.is_broken;
        let _ = open.done.send(Ok(Ran { is_healthy, ..ran }));
    }

    /// Looks at deadlines, memory and callers; false once it has ended.
    async fn look(&mut self) -> bool {
        let now = Instant::now();
        let over: Vec<Arc<str>> = self
            .open
            .values()
            .filter(|open| now >= open.deadline)
            .map(|open| Arc::clone(&open.request_id))
            .collect();
        for id in over {
            // It cannot be stopped alone: the environment takes nothing new, and ends when the others have answered.
            self.is_broken = true;
            let timeout = self.environment.configuration.timeout;
            self.end_one(&id, Failure::timeout(&id, timeout));
        }
        if self.open.values().any(|open| open.done.is_closed()) {
            self.is_broken = true;
            self.open.retain(|_, open| !open.done.is_closed());
        }
        if !self.environment.is_within_memory() {
            self.environment.process.kill();
            self.end_all(|_, id| Failure::out_of_memory(id));
            return false;
        }
        if self.environment.is_crowded() {
            self.environment.process.kill();
            self.end_all(|environment, _| environment.crowded());
            return false;
        }
        if self.environment.process.exited().is_some() && self.open.is_empty() {
            return false;
        }
        true
    }

    fn end_all(&mut self, failure: impl Fn(&Environment, &str) -> Failure) {
        self.is_broken = true;
        let ids: Vec<Arc<str>> = self.open.keys().cloned().collect();
        for id in ids {
            let failure = failure(&self.environment, &id);
            self.end_one(&id, failure);
        }
    }

    fn end_one(&mut self, id: &str, failure: Failure) {
        let Some(open) = self.open.remove(id) else {
            return;
        };
        self.environment.request_id = Arc::clone(&open.request_id);
        self.environment.capture.close_one(&open.request_id);
        let reply = self
            .environment
            .fail(failure, open.started.elapsed(), open.init);
        let _ = open.done.send(Ok(Ran {
            reply,
            is_healthy: false,
        }));
    }
}
