//! Starting environments beside the invocations that wait for them, and looking after those that nobody uses.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::lease::Lease;
use super::load::one;
use super::plan::{EnvironmentId, Release, Start};
use super::processors::Counted;
use super::{Blueprint, Grant, Inner, Pool, Shared, lease};
use crate::configuration::{Configuration, Runtime};
use crate::environment::{Environment, Init, NotStarted, SharedEnvironment, Uninitialised};
use crate::invocation::{Invocation, InvokeError, InvokeReply};

/// How a start went.
enum Started {
    Ready(Box<Environment>, Duration),
    /// Ready for several invocations at one time.
    Shared(SharedEnvironment, Duration),
    Failed(Box<Environment>, Uninitialised, Duration),
    /// The init took too long; the process is killed.
    TimedOut,
    Unstarted(NotStarted),
}

impl Inner {
    /// Starts what the plan wants started; returns the environments that ended for it. Drop them without the lock.
    pub(super) fn start_wanted(self: &Arc<Inner>, shared: &mut Shared) -> Vec<Environment> {
        let now = self.now();
        let mut ended = Vec::new();
        let Some(runtime) = self.runtime.get() else {
            // Nothing has been asked for yet.
            return ended;
        };
        if shared.plan.is_hungry() && shared.processors.is_due(now) {
            runtime.spawn(look_at_processors(Arc::downgrade(self)));
        }
        for (ticket, id) in shared.plan.grants(now) {
            let grant = shared.take(id);
            if let Some(grant) = shared.deliver(ticket, grant) {
                // Its invocation is just being dropped: given back once the lock is free.
                let inner = Arc::clone(self);
                runtime.spawn(async move { lease::reclaim(&inner, grant) });
            }
        }
        for start in shared.plan.starts(now) {
            let Start { id, end, blueprint } = start;
            ended.extend(end.and_then(|end| shared.end(end)));
            one(&self.counted.started);
            let task = runtime.spawn(start_one(Arc::downgrade(self), id, blueprint));
            shared.starting.insert(id, task.abort_handle());
        }
        if let Some(look) = shared.plan.next_look(now)
            && shared.looks_at.is_none_or(|at| look < at)
        {
            shared.looks_at = Some(look);
            runtime.spawn(look_later(
                Arc::downgrade(self),
                look,
                look.saturating_sub(now),
            ));
        }
        ended
    }

    pub(super) async fn start_environment(
        &self,
        id: EnvironmentId,
        blueprint: &Blueprint,
    ) -> Result<Environment, NotStarted> {
        let configuration = &blueprint.configuration;
        let package = Arc::clone(&blueprint.package);
        let code = self.packages.code(configuration, package).await?;
        self.host.start(configuration, code, id.0).await
    }

    /// Starts the task that ends idle environments, if none runs.
    pub(super) fn sweep(self: &Arc<Inner>, shared: &mut Shared) {
        let Some(runtime) = self.runtime.get() else {
            return;
        };
        if std::mem::replace(&mut shared.sweeps, true) {
            return;
        }
        let every = (self.idle_after / 4).clamp(SWEEP_MIN, SWEEP_MAX);
        runtime.spawn(sweep(Arc::downgrade(self), every));
    }

    /// Hands a started environment on, or tells who waits for it why there is none.
    fn settle(self: &Arc<Inner>, id: EnvironmentId, started: Started) {
        let now = self.now();
        let mut shared = self.lock();
        if shared.starting.remove(&id).is_none() {
            // The pool was closed in the meantime, and the plan has forgotten it.
            drop(shared);
            return;
        }
        let mut left = None;
        let mut undelivered = Vec::new();
        match started {
            Started::Shared(environment, took) => {
                shared.running.insert(id, environment.group());
                shared.shared.insert(id, environment.clone());
                let mut init = Some(took);
                match shared.plan.started(id, now) {
                    Release::Run(tickets) => {
                        for ticket in tickets {
                            let grant = Grant::Shared(id, environment.clone(), init.take());
                            undelivered.extend(shared.deliver(ticket, grant));
                        }
                    }
                    Release::Keep => self.sweep(&mut shared),
                    Release::End => drop(shared.end(id)),
                }
            }
            Started::Ready(environment, took) => match shared.plan.started(id, now) {
                Release::Run(tickets) => {
                    let [ticket] = tickets[..] else {
                        unreachable!("an environment of the pool runs one invocation at a time");
                    };
                    shared.running.insert(id, environment.group());
                    undelivered.extend(shared.deliver(ticket, Grant::Fresh(id, environment, took)));
                }
                Release::Keep => {
                    shared.idle.insert(id, environment);
                    self.sweep(&mut shared);
                }
                Release::End => left = Some(environment),
            },
            Started::Failed(environment, why, took) => match shared.plan.start_failed(id, now) {
                Some(ticket) => {
                    let grant = Grant::Failed(id, environment, why, took);
                    undelivered.extend(shared.deliver(ticket, grant));
                }
                None => {
                    environment.note(report_init_error(took));
                    left = Some(environment);
                }
            },
            Started::TimedOut => {
                if let Some(ticket) = shared.plan.start_failed(id, now) {
                    undelivered.extend(shared.deliver(ticket, Grant::TimedOut(id)));
                }
            }
            Started::Unstarted(error) => {
                if let Some(ticket) = shared.plan.start_failed(id, now) {
                    undelivered.extend(shared.deliver(ticket, Grant::Unstarted(id, error)));
                }
            }
        }
        let ended = self.start_wanted(&mut shared);
        drop(shared);
        drop((left, ended));
        for grant in undelivered {
            lease::reclaim(self, grant);
        }
    }

    /// Says once that a runtime is not the one that its name promises.
    fn tell_mismatch(&self, configuration: &Configuration, environment: &Environment) {
        let Some(Runtime::Node { major }) = Runtime::parse(&configuration.runtime) else {
            return;
        };
        let Some(version) = environment
            .user_agent()
            .and_then(|agent| agent.strip_prefix("stepwell-node/"))
        else {
            return;
        };
        if version.split('.').next() == Some(major.to_string().as_str()) {
            return;
        }
        let runtime = &configuration.runtime;
        let mut shared = self.lock();
        if shared.told_runtimes.contains(runtime) || shared.told_runtimes.len() >= TOLD_RUNTIMES_MAX
        {
            return;
        }
        shared.told_runtimes.push(runtime.clone());
        drop(shared);
        environment.note(format!(
            "[runtime {runtime} runs on Node.js {version}, the `node` found on this machine]"
        ));
    }
}

impl Pool {
    /// Tells the caller, or fails the invocation where the function itself is why.
    pub(super) fn not_started(
        &self,
        lease: Lease,
        blueprint: &Blueprint,
        invocation: &Invocation,
        why: NotStarted,
    ) -> Result<InvokeReply, InvokeError> {
        let problem = match why {
            NotStarted::Refused(error) => return Err(error),
            NotStarted::InvalidEntrypoint(problem) => problem,
        };
        let configuration = &blueprint.configuration;
        let host = &self.inner.host;
        host.fail_without_process(configuration, lease.id.0, invocation, &problem)
    }
}

/// Settles a start that broke off, so that nobody waits for it for ever.
struct Settles {
    inner: Weak<Inner>,
    id: EnvironmentId,
    started: Option<Started>,
}

impl Drop for Settles {
    fn drop(&mut self) {
        let broken = || InvokeError::Service("the start of an environment broke off".to_owned());
        let started = self.started.take();
        if let Some(inner) = self.inner.upgrade() {
            inner.settle(
                self.id,
                started.unwrap_or_else(|| Started::Unstarted(broken().into())),
            );
        }
    }
}

/// The pool may go while this runs: it is not kept, and ends this task.
async fn start_one(inner: Weak<Inner>, id: EnvironmentId, blueprint: Blueprint) {
    let mut settles = Settles {
        inner,
        id,
        started: None,
    };
    let Some(pool) = settles.inner.upgrade() else {
        return;
    };
    let environment = pool.start_environment(id, &blueprint).await;
    drop(pool);
    let mut environment = match environment {
        Ok(environment) => Box::new(environment),
        Err(error) => {
            settles.started = Some(Started::Unstarted(error));
            return;
        }
    };
    let began = Instant::now();
    settles.started = Some(match environment.first_init().await {
        Init::Ready => {
            if let Some(pool) = settles.inner.upgrade() {
                pool.tell_mismatch(&blueprint.configuration, &environment);
            }
            if blueprint.configuration.concurrency() > 1 {
                Started::Shared(environment.share(), began.elapsed())
            } else {
                Started::Ready(environment, began.elapsed())
            }
        }
        Init::Failed(why) => Started::Failed(environment, why, began.elapsed()),
        Init::TimedOut => Started::TimedOut,
    });
}

/// Looks whether a processor is free, and asks the plan again with what it finds.
async fn look_at_processors(inner: Weak<Inner>) {
    // Without the lock: the kernel sums its counts up over all processors, and every invocation would wait for it.
    let counted = tokio::task::spawn_blocking(Counted::now).await;
    let Some(inner) = inner.upgrade() else { return };
    let now = inner.now();
    let mut shared = inner.lock();
    let Some(is_busy) = shared.processors.note(now, counted.ok().flatten()) else {
        return;
    };
    shared.plan.notice_machine(is_busy);
    let ended = inner.start_wanted(&mut shared);
    drop(shared);
    drop(ended);
}

/// Asks the plan again at `look`.
async fn look_later(inner: Weak<Inner>, look: Duration, wait: Duration) {
    tokio::time::sleep(wait).await;
    let Some(inner) = inner.upgrade() else { return };
    let mut shared = inner.lock();
    if shared.looks_at == Some(look) {
        shared.looks_at = None;
    }
    let ended = inner.start_wanted(&mut shared);
    drop(shared);
    drop(ended);
}

/// Ends idle environments; ends itself when none is left or the pool is gone.
async fn sweep(inner: Weak<Inner>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(inner) = inner.upgrade() else { return };
        let mut shared = inner.lock();
        let over = shared.plan.expire(inner.now());
        let mut environments: Vec<_> = over.iter().filter_map(|id| shared.end(*id)).collect();
        environments.extend(inner.start_wanted(&mut shared));
        let is_over = shared.idle.is_empty() && shared.shared.is_empty();
        shared.sweeps = !is_over;
        drop(shared);
        drop(environments);
        if is_over {
            return;
        }
    }
}

/// AWS: the line that tells of an init that failed before any invocation; the runtime has logged why.
fn report_init_error(took: Duration) -> String {
    format!(
        "INIT_REPORT Init Duration: {:.2} ms\tPhase: init\tStatus: error",
        took.as_secs_f64() * 1000.0
    )
}

/// Bounds of the time between two looks at idle environments.
const SWEEP_MIN: Duration = Duration::from_millis(50);
const SWEEP_MAX: Duration = Duration::from_secs(30);
/// Runtimes told of; there are fewer `nodejsN.x` than this.
const TOLD_RUNTIMES_MAX: usize = 32;
