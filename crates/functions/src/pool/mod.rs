//! The pool: environments kept warm, handed to invocations as `plan` decides.

mod lease;
mod load;
mod plan;
mod processors;
mod start;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::configuration::{Configuration, CredentialSource, Credentials, Runtime};
use crate::environment::cgroup::Cgroups;
use crate::environment::host::write_bootstrap;
use crate::environment::process::kill_group;
use crate::environment::remains::{Cleaner, Ground};
use crate::environment::scratch::Scratch;
use crate::environment::spawner::Spawner;
use crate::environment::tag::Tags;
use crate::environment::{
    Environment, Failure, Host, INIT_MAX, Init, NotDelivered, NotStarted, Ran, SharedEnvironment,
    Uninitialised,
};
use crate::inspector::{Debugger, Inspection, Inspectors, StartFunction};
use crate::invocation::{Invocation, InvokeError, InvokeReply, LogSink, REQUEST_BYTES_MAX};
use crate::package::{PackageSource, Packages};
use crate::sandbox::{self, Sandbox};
use lease::{Lease, WaitGuard};
pub use load::Load;
use load::{Counted, one};
use plan::{Decision, Demand, EnvironmentId, Limits, Plan, Ticket};
use processors::Processors;

/// How a pool is made.
pub struct PoolOptions {
    /// Directory for unpacked packages and our bootstrap; made if missing.
    pub cache_dir: PathBuf,
    /// Receives every log line of every function.
    pub log_sink: LogSink,
    /// Invocations running and waiting at one time; beyond it they are throttled. AWS: 1,000 an account.
    pub concurrency_max: u32,
    /// Processes at one time; invocations beyond it wait.
    pub environments_max: u32,
    /// Processes that start at one time.
    pub starting_max: u32,
    /// Memory sizes of all environments together beyond which none is started ahead of demand, in MiB.
    pub spare_memory_mb_max: u64,
    /// How long an environment stays warm without an invocation.
    pub idle_after: Duration,
    /// How long [`Pool::shutdown`] waits for running invocations.
    pub shutdown_grace: Duration,
    /// The Node.js to use instead of the first `node` on `PATH`.
    pub node: Option<PathBuf>,
    /// Variables of every handler; those of a function itself replace them.
    pub variables: BTreeMap<String, String>,
    /// Gives each environment what its handler calls AWS services with, unless the function brings its own.
    pub credentials: CredentialSource,
    /// Endpoints of services by the name in their signatures, for SDKs that read no variable.
    pub signed_endpoints: BTreeMap<String, String>,
    /// Whether and where functions can be debugged. Then each runs in one environment at a time.
    pub inspection: Option<Inspection>,
    /// How long the init phase may take before it is run again within the invocation; AWS: 10 s.
    pub init_max: Duration,
    /// Where limits for all processes of an environment together are made.
    pub control_group: ControlGroup,
    /// What stands between functions and the machine.
    pub sandbox: Sandbox,
}

/// A directory of the version 2 control group hierarchy, below which each environment gets a group.
///
/// What its limits are depends on the controllers that are delegated: memory, processes, processor shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlGroup {
    /// The group the server is in, if it may be used; else none.
    Own,
    /// A delegated directory; a pool that cannot use it is not made.
    At(PathBuf),
    /// Limits of single processes only.
    None,
}

impl PoolOptions {
    /// The defaults: 1,000 invocations on at most 64 processes, warm for 5 minutes, 20 s to drain. As many processes
    /// start at one time as the machine has processors, twice; half of its memory may be held by spares.
    pub fn new(cache_dir: PathBuf, log_sink: LogSink) -> PoolOptions {
        PoolOptions {
            cache_dir,
            log_sink,
            concurrency_max: 1000,
            environments_max: 64,
            starting_max: processors() * 2,
            spare_memory_mb_max: machine_memory_mb() / 2,
            idle_after: Duration::from_secs(300),
            shutdown_grace: Duration::from_secs(20),
            node: None,
            variables: BTreeMap::new(),
            credentials: Arc::new(|_| Credentials::placeholder()),
            signed_endpoints: BTreeMap::new(),
            inspection: None,
            init_max: INIT_MAX,
            control_group: ControlGroup::Own,
            sandbox: Sandbox::None,
        }
    }
}

/// Runs functions. A cheap handle: clones share the environments, the last one to go ends them.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<Inner>,
}

struct Inner {
    host: Host,
    packages: Arc<Packages>,
    shutdown_grace: Duration,
    idle_after: Duration,
    /// The origin of the plan's time.
    started: Instant,
    /// Where environments are started: known from the first invocation on.
    runtime: OnceLock<Handle>,
    shared: Mutex<Shared>,
    /// Told when the last busy environment comes free during a shutdown.
    drained: Notify,
    counted: Counted,
}

struct Shared {
    plan: Plan<Blueprint>,
    /// Environments without an invocation. Boxed: a map moves what is in it about.
    idle: BTreeMap<EnvironmentId, Box<Environment>>,
    /// Environments that run several invocations at one time, with and without any.
    shared: BTreeMap<EnvironmentId, SharedEnvironment>,
    /// Process groups of environments with one.
    running: BTreeMap<EnvironmentId, i32>,
    /// Environments that are being started.
    starting: BTreeMap<EnvironmentId, AbortHandle>,
    waiting: BTreeMap<Ticket, oneshot::Sender<Grant>>,
    /// Runtimes whose mismatch with the Node.js on this machine has been told.
    told_runtimes: Vec<String>,
    processors: Processors,
    sweeps: bool,
    /// When the plan is looked at next although nothing has changed.
    looks_at: Option<Duration>,
    is_killed: bool,
}

/// What starting an environment takes.
#[derive(Clone)]
struct Blueprint {
    configuration: Arc<Configuration>,
    package: Arc<dyn PackageSource>,
}

/// What a waiting invocation gets.
enum Grant {
    /// An environment that has served before, or was started ahead.
    Warm(EnvironmentId, Box<Environment>),
    /// One that has just started, and how long its init took.
    Fresh(EnvironmentId, Box<Environment>, Duration),
    /// A place in one that runs several, and how long its init took if it has just started.
    Shared(EnvironmentId, SharedEnvironment, Option<Duration>),
    /// One whose init failed: the failure is the invocation's.
    Failed(EnvironmentId, Box<Environment>, Uninitialised, Duration),
    /// The place of one whose init took too long: the invocation starts another one.
    TimedOut(EnvironmentId),
    /// The place of one that could not be started.
    Unstarted(EnvironmentId, NotStarted),
    Closed,
}

impl Grant {
    fn id(&self) -> Option<EnvironmentId> {
        match self {
            Grant::Warm(id, _)
            | Grant::Fresh(id, ..)
            | Grant::Shared(id, ..)
            | Grant::Failed(id, ..)
            | Grant::TimedOut(id)
            | Grant::Unstarted(id, _) => Some(*id),
            Grant::Closed => None,
        }
    }
}

impl Pool {
    /// Prepares the cache directory; starts no process yet.
    ///
    /// Errors: the directory cannot be written, or no thread can be started.
    pub fn new(options: PoolOptions) -> io::Result<Pool> {
        std::fs::create_dir_all(&options.cache_dir)?;
        let scratch = Scratch::open(&options.cache_dir)?;
        if let Sandbox::Namespaces { helper, hidden } = &options.sandbox {
            sandbox::check(helper, hidden, scratch.root())?;
        }
        let host = Host {
            spawner: Spawner::new(options.environments_max as usize)?,
            sink: options.log_sink,
            runtime_directory: write_bootstrap(&options.cache_dir)?,
            node: options.node,
            variables: options.variables,
            credentials: options.credentials,
            signed_endpoints: options.signed_endpoints,
            cache_directory: options.cache_dir.canonicalize()?,
            sandbox: options.sandbox,
            init_max: options.init_max,
            pythons: tokio::sync::Mutex::default(),
            inspectors: options
                .inspection
                .map(|inspection| Inspectors::open(&options.cache_dir, inspection)),
            ground: Arc::new(Ground {
                scratch,
                cgroups: Cgroups::open(&options.control_group)?,
                tags: Tags::new(),
            }),
            cleaner: Cleaner::start(options.environments_max as usize)?,
        };
        let limits = Limits {
            concurrency_max: options.concurrency_max,
            environments_max: options.environments_max,
            starting_max: options.starting_max,
            crowd_max: processors() * 2,
            // A spare would have the inspector that a person means.
            spare_memory_mb_max: match options.inspection {
                Some(_) => 0,
                None => options.spare_memory_mb_max,
            },
            idle_after: options.idle_after,
        };
        let shared = Shared {
            plan: Plan::new(limits),
            idle: BTreeMap::new(),
            shared: BTreeMap::new(),
            running: BTreeMap::new(),
            starting: BTreeMap::new(),
            waiting: BTreeMap::new(),
            told_runtimes: Vec::new(),
            processors: Processors::default(),
            sweeps: false,
            looks_at: None,
            is_killed: false,
        };
        let inner = Inner {
            host,
            packages: Arc::new(Packages::open(&options.cache_dir)?),
            shutdown_grace: options.shutdown_grace,
            idle_after: options.idle_after,
            started: Instant::now(),
            runtime: OnceLock::new(),
            shared: Mutex::new(shared),
            drained: Notify::new(),
            counted: Counted::default(),
        };
        Ok(Pool {
            inner: Arc::new(inner),
        })
    }

    /// Runs one invocation to its end, in a warm environment if there is one.
    ///
    /// - A failing function is a reply with `function_error`; an [`InvokeError`] means that the service failed.
    /// - Dropping the future kills the environment it runs in.
    /// - Must be called inside a tokio runtime with time and I/O enabled.
    pub async fn invoke(
        &self,
        configuration: &Arc<Configuration>,
        package: Arc<dyn PackageSource>,
        invocation: Invocation,
    ) -> Result<InvokeReply, InvokeError> {
        self.invoke_unless(configuration, package, invocation, std::future::pending())
            .await
    }

    /// As [`Pool::invoke`], but `revoked` takes back an invocation that has no environment yet.
    ///
    /// - One that waits leaves the queue with [`InvokeError::Revoked`] as soon as `revoked` ends.
    /// - One that has its environment runs to its end, whatever `revoked` says.
    pub async fn invoke_unless(
        &self,
        configuration: &Arc<Configuration>,
        package: Arc<dyn PackageSource>,
        invocation: Invocation,
        revoked: impl Future<Output = ()>,
    ) -> Result<InvokeReply, InvokeError> {
        let invocation = checked(invocation)?;
        if Runtime::parse(&configuration.runtime).is_none() {
            return Err(InvokeError::InvalidRuntime(format!(
                "runtime {:?} of function {} cannot be run here; nodejsN.x, python3.N and provided.* can",
                configuration.runtime, configuration.function_name
            )));
        }
        let blueprint = self.blueprint(configuration, package);
        let debugger = self.inner.host.debugger(configuration);
        let place = async {
            let mut turn = None;
            if let Some(debugger) = &debugger {
                turn = Some(debugger.turn().await);
                self.make_room(debugger, configuration);
            }
            let (lease, grant) = self.lease(&blueprint).await?;
            Ok::<_, InvokeError>((turn, lease, grant))
        };
        let (_turn, lease, grant) = tokio::select! {
            // First: of two that are ready, being unwanted counts.
            biased;
            () = revoked => return Err(InvokeError::Revoked),
            placed = place => placed?,
        };
        self.run(lease, grant, blueprint, &invocation).await
    }

    fn blueprint(
        &self,
        configuration: &Arc<Configuration>,
        package: Arc<dyn PackageSource>,
    ) -> Blueprint {
        let mut configuration = Arc::clone(configuration);
        if self.inner.host.inspectors.is_some() && configuration.concurrency() > 1 {
            // Time stands still for one invocation while it is looked at, not for its neighbours.
            Arc::make_mut(&mut configuration).invocations_per_environment = 1;
        }
        Blueprint {
            configuration,
            package,
        }
    }

    /// Starts the environments that `provisioned_concurrency` asks for, and keeps that many until the function is
    /// retired or provisioned with another number.
    ///
    /// - As many as fit: one place of the pool stays free for other functions.
    /// - Must be called inside a tokio runtime, as [`Pool::invoke`].
    pub fn provision(&self, configuration: &Arc<Configuration>, package: Arc<dyn PackageSource>) {
        let blueprint = self.blueprint(configuration, package);
        self.inner.runtime.get_or_init(Handle::current);
        if let Some(debugger) = self.inner.host.debugger(configuration) {
            self.make_room(&debugger, configuration);
        }
        let now = self.inner.now();
        let mut shared = self.inner.lock();
        shared
            .plan
            .provision(&demand(&blueprint.configuration), &blueprint, now);
        let ended = self.inner.start_wanted(&mut shared);
        drop(shared);
        drop(ended);
    }

    /// The port at which a function can be debugged, open from now on; `None` if functions are not debugged.
    ///
    /// Errors: another process has the port.
    pub async fn open_inspector_port(&self, function_name: &str) -> Option<io::Result<u16>> {
        let inspectors = self.inner.host.inspectors.as_ref()?;
        Some(inspectors.open_port(function_name).await)
    }

    /// What starts an environment of a function when a debugger comes and there is none.
    pub fn on_attach(&self, start: StartFunction) {
        if let Some(inspectors) = &self.inner.host.inspectors {
            inspectors.on_attach(start);
        }
    }

    /// Ends the environment of another revision: a function that is debugged has one at a time.
    fn make_room(&self, debugger: &Debugger, configuration: &Configuration) {
        if debugger.changes_revision(&configuration.revision) {
            self.retire(&configuration.function_arn, None);
        }
    }

    /// Ends the idle environments of a function whose code or configuration has changed; busy ones finish first.
    ///
    /// - `revision`: the one that is gone; `None` means all of them.
    pub fn retire(&self, function_arn: &str, revision: Option<&str>) {
        let mut shared = self.inner.lock();
        let ended = shared.plan.retire(function_arn, revision, self.inner.now());
        let mut environments: Vec<_> = ended.iter().filter_map(|id| shared.end(*id)).collect();
        environments.extend(self.inner.start_wanted(&mut shared));
        drop(shared);
        drop(environments);
    }

    /// Refuses new invocations, waits for the running ones until the grace is over, then kills what is left.
    ///
    /// Waiting invocations end with [`InvokeError::ShuttingDown`] and have not run. Safe to call twice.
    pub async fn shutdown(&self) {
        self.close();
        let _ = tokio::time::timeout(self.inner.shutdown_grace, self.drain()).await;
        let groups: Vec<i32> = {
            let mut shared = self.inner.lock();
            shared.is_killed = true;
            shared.running.values().copied().collect()
        };
        groups.into_iter().for_each(kill_group);
        // Killed invocations end within a moment; they must have told their callers before the process goes.
        let _ = tokio::time::timeout(KILL_GRACE, self.drain()).await;
        // Nor may anything that functions left outlive it.
        self.inner.host.cleaner.is_done().await;
    }

    fn close(&self) {
        let mut shared = self.inner.lock();
        let (unused, waiting) = shared.plan.close();
        let environments: Vec<_> = unused.iter().filter_map(|id| shared.end(*id)).collect();
        for starting in std::mem::take(&mut shared.starting).into_values() {
            starting.abort();
        }
        for ticket in waiting {
            if let Some(waiting) = shared.waiting.remove(&ticket) {
                // An invocation that is just being dropped needs no answer.
                let _ = waiting.send(Grant::Closed);
            }
        }
        drop(shared);
        drop(environments);
    }

    async fn drain(&self) {
        loop {
            let drained = self.inner.drained.notified();
            if self.inner.lock().plan.busy() == 0 {
                return;
            }
            drained.await;
        }
    }

    /// A place to run in.
    async fn lease(&self, blueprint: &Blueprint) -> Result<(Lease, Grant), InvokeError> {
        self.inner.runtime.get_or_init(Handle::current);
        let (receiver, ticket) = {
            let mut shared = self.inner.lock();
            let now = self.inner.now();
            let decision = shared
                .plan
                .request(&demand(&blueprint.configuration), blueprint, now);
            match decision {
                Decision::Run(id) => {
                    let grant = shared.take(id);
                    let ended = self.inner.start_wanted(&mut shared);
                    drop(shared);
                    drop(ended);
                    one(&self.inner.counted.placed);
                    return Ok((self.hold(id), grant));
                }
                Decision::Throttle { reason, limit } => {
                    one(&self.inner.counted.throttled);
                    return Err(InvokeError::TooManyRequests { reason, limit });
                }
                Decision::Closed => return Err(InvokeError::ShuttingDown { started: false }),
                Decision::Wait(ticket) => {
                    let (sender, receiver) = oneshot::channel();
                    shared.waiting.insert(ticket, sender);
                    let ended = self.inner.start_wanted(&mut shared);
                    drop(shared);
                    drop(ended);
                    (receiver, ticket)
                }
            }
        };
        let mut waiting = WaitGuard {
            pool: self.clone(),
            ticket,
            receiver,
        };
        let closed = InvokeError::ShuttingDown { started: false };
        let grant = (&mut waiting.receiver).await.map_err(|_| closed.clone())?;
        let id = grant.id().ok_or(closed)?;
        one(&self.inner.counted.placed);
        one(&self.inner.counted.waited);
        if matches!(grant, Grant::Fresh(..) | Grant::Shared(_, _, Some(_))) {
            one(&self.inner.counted.cold);
        }
        Ok((self.hold(id), grant))
    }

    fn hold(&self, id: EnvironmentId) -> Lease {
        Lease {
            inner: Arc::clone(&self.inner),
            id,
            is_held: true,
        }
    }

    async fn run(
        &self,
        lease: Lease,
        grant: Grant,
        blueprint: Blueprint,
        invocation: &Invocation,
    ) -> Result<InvokeReply, InvokeError> {
        let timeout = blueprint.configuration.timeout;
        match grant {
            Grant::Warm(_, mut environment) => {
                environment.begin(invocation);
                match environment
                    .invoke(invocation, Instant::now() + timeout, None)
                    .await
                {
                    Ok(ran) => self.finish(lease, environment, ran),
                    Err(NotDelivered) => {
                        // It died of its own while idle, or dies just now; this invocation gets another one.
                        drop(environment);
                        self.run_cold(lease, &blueprint, invocation).await
                    }
                }
            }
            Grant::Fresh(_, mut environment, init) => {
                environment.begin(invocation);
                let deadline = Instant::now() + timeout;
                let ran = first(&mut environment, invocation, deadline, Some(init)).await;
                self.finish(lease, environment, ran)
            }
            Grant::Shared(_, environment, init) => {
                match environment.invoke(invocation.clone(), init).await {
                    Ok(ran) => self.finish_shared(lease, ran),
                    Err(NotDelivered) => {
                        drop(environment);
                        lease.give_back(None);
                        Box::pin(self.again(blueprint, invocation)).await
                    }
                }
            }
            Grant::Failed(_, mut environment, why, init) => {
                environment.begin(invocation);
                let failure = environment.init_failure(why);
                let ran = Ran {
                    reply: environment.fail(failure, init, Some(init)),
                    is_healthy: false,
                };
                self.finish(lease, environment, ran)
            }
            Grant::TimedOut(_) => self.run_again(lease, &blueprint, invocation).await,
            Grant::Unstarted(_, why) => self.not_started(lease, &blueprint, invocation, why),
            Grant::Closed => Err(InvokeError::ShuttingDown { started: false }),
        }
    }

    /// Runs an invocation that did not reach its handler in another environment.
    async fn again(
        &self,
        blueprint: Blueprint,
        invocation: &Invocation,
    ) -> Result<InvokeReply, InvokeError> {
        let (lease, grant) = self.lease(&blueprint).await?;
        self.run(lease, grant, blueprint, invocation).await
    }

    fn finish_shared(&self, lease: Lease, ran: Ran) -> Result<InvokeReply, InvokeError> {
        if !ran.is_healthy && self.inner.lock().is_killed {
            return Err(InvokeError::ShuttingDown { started: true });
        }
        lease.leave(ran.is_healthy);
        Ok(ran.reply)
    }

    /// Starts an environment in the place that the invocation has, and runs in it.
    async fn run_cold(
        &self,
        lease: Lease,
        blueprint: &Blueprint,
        invocation: &Invocation,
    ) -> Result<InvokeReply, InvokeError> {
        let mut environment = match self.start(&lease, blueprint).await {
            Ok(environment) => environment,
            Err(why) => return self.not_started(lease, blueprint, invocation, why),
        };
        environment.begin(invocation);
        let started = Instant::now();
        let ran = match environment.first_init().await {
            Init::Ready => {
                let init = Some(started.elapsed());
                let deadline = Instant::now() + blueprint.configuration.timeout;
                first(&mut environment, invocation, deadline, init).await
            }
            Init::Failed(why) => {
                let failure = environment.init_failure(why);
                failed(&mut environment, failure, started, Some(started.elapsed()))
            }
            Init::TimedOut => {
                drop(environment);
                return self.run_again(lease, blueprint, invocation).await;
            }
        };
        self.finish(lease, Box::new(environment), ran)
    }

    /// AWS: an init beyond 10 s is run again as part of the invocation, within the function's timeout.
    async fn run_again(
        &self,
        lease: Lease,
        blueprint: &Blueprint,
        invocation: &Invocation,
    ) -> Result<InvokeReply, InvokeError> {
        let mut environment = match self.start(&lease, blueprint).await {
            Ok(environment) => environment,
            Err(why) => return self.not_started(lease, blueprint, invocation, why),
        };
        environment.begin(invocation);
        let configuration = &blueprint.configuration;
        let ran = self
            .run_suppressed(&mut environment, configuration, invocation)
            .await;
        self.finish(lease, Box::new(environment), ran)
    }

    async fn run_suppressed(
        &self,
        environment: &mut Environment,
        configuration: &Configuration,
        invocation: &Invocation,
    ) -> Ran {
        let started = Instant::now();
        let deadline = started + configuration.timeout;
        match environment.init(deadline).await {
            Init::Ready => first(environment, invocation, deadline, None).await,
            Init::Failed(why) => {
                let failure = environment.init_failure(why);
                failed(environment, failure, started, None)
            }
            Init::TimedOut => {
                let failure = environment.timed_out();
                failed(environment, failure, started, None)
            }
        }
    }

    async fn start(&self, lease: &Lease, blueprint: &Blueprint) -> Result<Environment, NotStarted> {
        let environment = self.inner.start_environment(lease.id, blueprint).await?;
        let mut shared = self.inner.lock();
        if shared.is_killed {
            return Err(InvokeError::ShuttingDown { started: false }.into());
        }
        shared.running.insert(lease.id, environment.group());
        Ok(environment)
    }

    /// Gives the environment back and the reply out.
    fn finish(
        &self,
        lease: Lease,
        environment: Box<Environment>,
        ran: Ran,
    ) -> Result<InvokeReply, InvokeError> {
        if !ran.is_healthy && self.inner.lock().is_killed {
            return Err(InvokeError::ShuttingDown { started: true });
        }
        lease.give_back(ran.is_healthy.then_some(environment));
        Ok(ran.reply)
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time as the plan counts it.
    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Shared {
    /// The environment that the plan has given to an invocation.
    fn take(&mut self, id: EnvironmentId) -> Grant {
        if let Some(environment) = self.shared.get(&id) {
            return Grant::Shared(id, environment.clone(), None);
        }
        let environment = self.idle.remove(&id).expect("the plan knows what is idle");
        self.running.insert(id, environment.group());
        Grant::Warm(id, environment)
    }

    /// Takes out an environment that nothing runs in. Drop it without the lock.
    fn end(&mut self, id: EnvironmentId) -> Option<Environment> {
        // The task of a shared one ends it.
        if self.shared.remove(&id).is_some() {
            self.running.remove(&id);
        }
        self.idle.remove(&id).map(|environment| *environment)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let shared = self
            .shared
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        shared.starting.values().for_each(AbortHandle::abort);
    }
}

fn demand(configuration: &Configuration) -> Demand<'_> {
    Demand {
        function: &configuration.function_arn,
        revision: &configuration.revision,
        reserved: configuration.reserved_concurrency,
        provisioned: configuration.provisioned_concurrency.unwrap_or(0),
        capacity: configuration.concurrency(),
        memory_mb: configuration.memory_mb,
    }
}

fn processors() -> u32 {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(processors).unwrap_or(u32::MAX)
}

/// Memory of this machine in MiB; a little where the system does not tell.
fn machine_memory_mb() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .and_then(|number| number.parse::<u64>().ok());
    total.map_or(MEMORY_MB_UNKNOWN, |kib| kib >> 10)
}

/// The first invocation of an environment: one that dies now would die again, so its end is the answer.
async fn first(
    environment: &mut Environment,
    invocation: &Invocation,
    deadline: Instant,
    init: Option<Duration>,
) -> Ran {
    let started = Instant::now();
    match environment.invoke(invocation, deadline, init).await {
        Ok(ran) => ran,
        Err(NotDelivered) => {
            let failure = environment.undelivered().await;
            failed(environment, failure, started, init)
        }
    }
}

fn failed(
    environment: &mut Environment,
    failure: Failure,
    started: Instant,
    init: Option<Duration>,
) -> Ran {
    Ran {
        reply: environment.fail(failure, started.elapsed(), init),
        is_healthy: false,
    }
}

/// Refuses what Lambda refuses; turns the client context into the JSON the runtime gets.
fn checked(mut invocation: Invocation) -> Result<Invocation, InvokeError> {
    let length = invocation.payload.len();
    if length > REQUEST_BYTES_MAX {
        return Err(InvokeError::RequestTooLarge {
            length,
            limit: REQUEST_BYTES_MAX,
        });
    }
    if invocation.payload.iter().all(u8::is_ascii_whitespace) {
        invocation.payload = Bytes::from_static(b"{}");
    } else if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&invocation.payload)
    {
        // AWS: the text of InvalidRequestContentException.
        let reason = format!("Could not parse request body into json: {error}");
        return Err(InvokeError::InvalidRequestContent(reason));
    }
    if let Some(encoded) = &invocation.client_context {
        let bytes = STANDARD.decode(encoded).ok();
        let context =
            bytes.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
        let context = context.ok_or_else(|| {
            InvokeError::InvalidRequestContent(
                "Client context must be a valid Base64-encoded JSON object.".to_owned(),
            )
        })?;
        invocation.client_context = Some(context.to_string());
    }
    Ok(invocation)
}

/// How long killed invocations may take to tell their callers.
const KILL_GRACE: Duration = Duration::from_secs(2);
/// What a machine is taken to have that does not tell.
const MEMORY_MB_UNKNOWN: u64 = 2048;
