//! A whole server: store, shard, pool, listener.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use stepwell_functions::{ControlGroup, Pool, PoolOptions, sandbox::Sandbox};
use stepwell_integrations::Integrations;
use stepwell_service::{Quotas, Settings, Shard};
use stepwell_store::Embedded;
use stepwell_telemetry::alarms::Owner;
use stepwell_telemetry::metrics::{self, Metrics};
use stepwell_telemetry::otlp::Origin;
use stepwell_telemetry::{Logs, Traces};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::access::Access;
use crate::alarms::AlarmBook;
use crate::backup::{self, Backups};
use crate::body::Room;
use crate::caller::Names;
use crate::cloudwatch::CloudWatchOperations;
use crate::commits::{Commits, Counted};
use crate::connections::{self, Connections};
use crate::console::live::Live;
use crate::disk_space::DiskSpace;
use crate::endpoints::{self};
use crate::functions::Functions;
use crate::http::{self, Services};
use crate::in_flight::InFlight;
use crate::inspection::{self, Inspection};
use crate::limits::in_memory;
use crate::log_writer::LogQueue;
use crate::log_writer::thread::LogThread;
use crate::logs::LogOperations;
use crate::metric_writer::{MetricQueue, MetricThread};
use crate::observers::{MetricsObserver, MetricsObserverThread, Observer, Observers, Surroundings};
use crate::options::{LostTask, Options, check};
use crate::otlp::{self, Exporter, GrpcReceiver, OtlpSenders, PointSink, Receiver, SegmentSink};
use crate::performer::{self, EFFECTS_MAX};
use crate::prometheus::{self, Instruments};
use crate::quotas::Rates;
use crate::sampling_targets::SamplingTargets;
use crate::shard::{Handle, Run, Thread, entropy, now};
use crate::trace_daemon::{Receiving, TraceDaemon};
use crate::trace_writer::{TraceQueue, TraceThread};
use crate::xray::XrayOperations;

/// Threads that serve connections and wait for functions.
const WORKER_THREADS: usize = 2;

/// How often a locked directory is tried, and how long after each other: for a second in all.
const LOCK_TRIES: u32 = 40;
const LOCK_PAUSE: Duration = Duration::from_millis(25);

/// Descriptors beside those of connections: files of the store, functions.
const OTHER_DESCRIPTORS: u64 = 1_000;

/// How often a server that is about to stop looks whether it has failed.
const LEAVING_TICK: Duration = Duration::from_millis(100);

/// How long calls that a stop has ended may take to tell the shard, and answers to leave.
const REPORT_GRACE: Duration = Duration::from_secs(1);

/// How long what waits to be exported may take to leave.
const EXPORT_GRACE: Duration = Duration::from_secs(3);

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Choose another address, or end the process that has this one.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        address: SocketAddr,
        cause: std::io::Error,
    },
    /// The data directory cannot be used as it is; the text says why.
    #[error(transparent)]
    Store(#[from] stepwell_store::Error),
    /// The operating system refused something that every process needs.
    #[error("cannot {action}: {cause}")]
    System {
        action: String,
        cause: std::io::Error,
    },
    /// A setting has a value that cannot be.
    #[error("{0}")]
    Setting(String),
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    runtime: Runtime,
    thread: Thread,
    log_thread: LogThread,
    trace_thread: TraceThread,
    receiving: Receiving,
    trace_address: SocketAddr,
    metric_thread: MetricThread,
    emission_thread: MetricsObserverThread,
    handle: Handle,
    pool: Pool,
    in_flight: Arc<InFlight>,
    stopping: watch::Sender<bool>,
    connections: Arc<Connections>,
    drain_for: Duration,
    inspected: Option<(Functions, Inspection)>,
    stop_within: Duration,
    live: Arc<Live>,
    exporter: Option<(watch::Sender<bool>, JoinHandle<()>)>,
}

impl Server {
    /// Opens the store, recovers what the last process left, and listens.
    ///
    /// - Returns once requests are answered. The server runs on threads of its own.
    pub fn start(options: Options) -> Result<Server, Error> {
        check(&options)?;
        if let Some(refusal) = backup::refusal(&options.data) {
            return Err(Error::Setting(refusal));
        }
        let settings = Settings {
            region: options.region.clone(),
            account: options.account.clone(),
            lost_task: match options.lost_task {
                LostTask::Fail => stepwell_service::LostTask::Fail,
                LostTask::Retry => stepwell_service::LostTask::Retry,
            },
            unknown_role: match options.checks_roles {
                true => stepwell_service::UnknownRole::Refused,
                false => stepwell_service::UnknownRole::Accepted,
            },
            retention_ms: options.retention_ms,
        };
        let commits = Arc::new(Commits::default());
        let instruments = Arc::new(Instruments::default());
        let store = open_store(&options.data.join("store"))?;
        instruments.watch_store("store", store.watch());
        let store = Counted::new(store, Arc::clone(&commits), Arc::clone(&instruments));
        let mut shard = Shard::open(Box::new(store), settings.clone())?;
        shard.set_quotas(Quotas {
            open_executions: options.limits.open_executions,
            state_machines: options.limits.state_machines,
            activities: options.limits.activities,
        });
        raise_descriptors(options.limits.connections);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKER_THREADS)
            .enable_all()
            .build()
            .map_err(|cause| Error::System {
                action: "start the runtime's threads".to_string(),
                cause,
            })?;
        let listener = runtime
            .block_on(http::bind(options.listen))
            .map_err(|cause| Error::Listen {
                address: options.listen,
                cause,
            })?;
        let address = listener.local_addr().map_err(|cause| Error::Listen {
            address: options.listen,
            cause,
        })?;
        let logs = Arc::new(LogQueue::default());
        let metrics = Arc::new(MetricQueue::default());
        metrics.show(&instruments);
        let traces = Arc::new(TraceQueue::default());
        let daemon = TraceDaemon::bind(address.ip(), options.trace_port).map_err(no_daemon)?;
        let access = Arc::new(Access::new(&options.account, options.access_keys.clone()));
        let pool = runtime
            .block_on(async { pool(&options, &logs, &access, daemon.address(), address) })?;
        let trace_address = daemon.address();
        let (receiving, asked) = daemon.start(Arc::clone(&traces)).map_err(no_daemon)?;
        let (effects, released) = mpsc::channel(EFFECTS_MAX);
        let in_flight = Arc::new(InFlight::default());
        let live = Arc::new(Live::new());
        let emission = Arc::new(MetricsObserver::new());
        metrics.await_before_reads(Arc::clone(&emission), Arc::clone(&logs));
        // One line for each observer: what answers a page, and what telemetry is made of.
        let mut all = vec![Arc::clone(&live) as Arc<dyn Observer>];
        if options.limits.is_observed {
            all.push(Arc::clone(&logs) as Arc<dyn Observer>);
            all.push(Arc::clone(&traces) as Arc<dyn Observer>);
            all.push(Arc::clone(&emission) as Arc<dyn Observer>);
        }
        let observers = Observers::new(all);
        let run = Run::new(
            shard,
            settings,
            effects,
            Arc::clone(&in_flight),
            Arc::clone(&logs),
            observers.clone(),
            in_memory(options.limits.requests_waiting),
            Arc::clone(&instruments),
        );
        let handle = run.handle();
        // Before anything is begun: a disk that is low at the start is known.
        let disk = DiskSpace::new(options.data.clone(), options.limits.free_disk_bytes);
        disk.look(handle.standing());
        let log_thread = log_thread(&options, &logs, &handle, &metrics)?;
        let trace_thread = trace_thread(&options, &traces, &handle)?;
        let (metric_thread, alarms) = metric_thread(&options, &metrics, &instruments)?;
        runtime.spawn(alarms.clone().hand_over(handle.clone()));
        let rates = Arc::new(match options.limits.aws_quotas {
            true => Rates::of_region(&options.region),
            false => Rates::none(),
        });
        let emission_thread = emission_thread(
            emission,
            Surroundings {
                handle: handle.clone(),
                metrics: Arc::clone(&metrics),
                concurrency: Arc::clone(observers.concurrency()),
                open_executions_max: options.limits.open_executions,
                rates: Arc::clone(&rates),
                is_observed: options.limits.is_observed,
            },
        )?;
        let integrations = integrations(&options, &access, address);
        let functions = Functions {
            handle: handle.clone(),
            pool: pool.clone(),
            endpoint_url: format!("http://{address}"),
            access: Arc::clone(&access),
            prepared: Arc::default(),
            observers,
            function_sampler: Arc::default(),
        };
        let inspected = options
            .inspection
            .map(|inspection| (functions.clone(), inspection));
        runtime.spawn(performer::run(
            functions.clone(),
            released,
            Arc::clone(&in_flight),
            Arc::new(integrations),
            alarms.clone(),
        ));
        let (stopping, is_stopping) = watch::channel(false);
        let receiver = Arc::new(Receiver::new(
            options.otlp.receive,
            Arc::clone(&instruments),
            Arc::new(Room::new(in_memory(options.limits.body_bytes))),
            Arc::clone(&logs),
            segment_sink(&traces),
            point_sink(&metrics),
        ));
        if let Some(address) = options.otlp.grpc {
            let bound = runtime.block_on(GrpcReceiver::bind(address, Arc::clone(&receiver)));
            let grpc = bound.map_err(|cause| Error::Listen { address, cause })?;
            runtime.spawn(grpc.run());
        }
        let services = Arc::new(Services::new(
            functions.clone(),
            LogOperations {
                handle: handle.clone(),
                queue: logs,
                queries: Arc::default(),
            },
            XrayOperations {
                handle: handle.clone(),
                queue: traces,
                targets: SamplingTargets::default(),
            },
            CloudWatchOperations {
                queue: metrics,
                account: options.account.clone(),
                alarms,
            },
            options.endpoints,
            address,
            Names {
                listen: address,
                hosts: options.hosts,
            },
            commits,
            options.limits,
            rates,
            Arc::clone(&in_flight),
            Backups::new(&options.data),
            options.console,
            options.project,
            access,
            Arc::new(options.mask),
            Arc::clone(&live),
            receiver,
        ));
        let exporter = options.otlp.export.map(|export| {
            let origin = Origin {
                region: options.region.clone(),
                account: options.account.clone(),
                version: env!("CARGO_PKG_VERSION").to_string(),
            };
            let exporter = Exporter::new(export, Arc::clone(&instruments), origin);
            let (ends, is_ending) = watch::channel(false);
            let services = Arc::clone(&services);
            exporter.map(|exporter| {
                let families = move || prometheus::families(&services);
                (ends, runtime.spawn(exporter.run(is_ending, families)))
            })
        });
        let exporter = exporter.transpose().map_err(Error::Setting)?;
        let connections = Arc::clone(&services.connections);
        serve_daemon(&runtime, asked, &services, is_stopping.clone()).map_err(no_daemon)?;
        // Before the recovery: probes are answered during it, and everybody else waits.
        runtime.spawn(connections::serve(
            listener,
            Arc::clone(&connections),
            is_stopping,
            move |request, peer, place| {
                let services = Arc::clone(&services);
                async move { http::answer(&services, request, peer, place).await }
            },
        ));
        live.start().map_err(|cause| Error::System {
            action: "start the thread of the console's live stream".to_string(),
            cause,
        })?;
        let thread = run.start(|error| {
            tracing::error!(%error, "the store has failed: nothing more is acknowledged; restart to recover");
        })?;
        handle.standing().recovered(now());
        runtime.spawn(disk.watch(handle.clone()));
        runtime.spawn_blocking(move || functions.provision_all());
        Ok(Server {
            address,
            runtime,
            thread,
            log_thread,
            trace_thread,
            receiving,
            trace_address,
            metric_thread,
            emission_thread,
            handle,
            pool,
            in_flight,
            stopping,
            connections,
            drain_for: options.drain_for,
            inspected,
            stop_within: options.stop_within,
            live,
            exporter,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where segments of X-Ray are taken.
    pub fn trace_address(&self) -> SocketAddr {
        self.trace_address
    }

    /// Opens the ports of functions for debuggers, if the options say so, and tells them from now on.
    pub fn inspect(&mut self) {
        if let Some((functions, inspection)) = self.inspected.take() {
            self.runtime.spawn(inspection::run(functions, inspection));
        }
    }

    /// Why the store or the shard's thread has failed, so that only a restart helps.
    pub fn failure(&self) -> Option<&str> {
        self.handle.standing().failure()
    }

    /// Stops: no new requests, no new calls; waits for calls and requests in flight, commits, and returns.
    ///
    /// - At first, for `drain_for`, everything is served and `/ready` says no: whoever spreads requests over servers
    ///   has time to notice.
    /// - A task that was not started yet is handed back and called after the restart.
    /// - Takes at most `drain_for` and `stop_within`, and a few seconds to end what still runs then.
    pub fn stop(self) {
        let standing = self.handle.standing();
        standing.leave();
        self.runtime.block_on(async {
            let failed = async {
                while standing.failure().is_none() {
                    tokio::time::sleep(LEAVING_TICK).await;
                }
            };
            // A server that fails meanwhile serves nobody.
            drop(tokio::time::timeout(self.drain_for, failed).await);
        });
        // The listener may have ended by itself; then there is nobody to tell.
        let _ = self.stopping.send(true);
        // Streams that would never end by themselves.
        self.live.close();
        self.handle.drain();
        let in_flight = Arc::clone(&self.in_flight);
        // The pool refuses at once what waits in it, and kills what runs when the same time is over.
        let drained = self.runtime.block_on(async {
            let all = async {
                tokio::join!(
                    in_flight.wait_until_empty(),
                    self.connections.wait_until_none()
                )
            };
            let ended = tokio::time::timeout(self.stop_within, all);
            tokio::join!(ended, self.pool.shutdown()).0
        });
        if drained.is_err() {
            tracing::warn!(
                "tasks or requests still ran after {:?}: such tasks fail as lost when the server starts again",
                self.stop_within
            );
        }
        // What was refused or killed just now still tells the shard. A call that cannot is one in doubt.
        let _ = self.runtime.block_on(async {
            tokio::time::timeout(REPORT_GRACE, in_flight.wait_until_empty()).await
        });
        // What subscriptions have gathered of acknowledged events: the shard still takes it, and delivers after the restart.
        let _ = self.runtime.block_on(async {
            tokio::time::timeout(REPORT_GRACE, self.log_thread.queue().hand_over()).await
        });
        self.thread.stop();
        // Answers of the last commit are on their way.
        let _ = self.runtime.block_on(async {
            tokio::time::timeout(REPORT_GRACE, self.connections.wait_until_none()).await
        });
        // Last: the shard's last commit is logged too.
        self.log_thread.stop();
        self.receiving.stop();
        self.trace_thread.stop();
        self.emission_thread.stop();
        self.metric_thread.stop();
        if let Some((ends, exporter)) = self.exporter {
            let _ = ends.send(true);
            self.runtime.block_on(async {
                drop(tokio::time::timeout(EXPORT_GRACE, exporter).await);
            });
        }
        self.runtime.shutdown_timeout(Duration::from_millis(100));
    }
}

/// Opens a store that the last server may have left a moment ago.
///
/// A process that is killed while it starts a function leaves a child behind that holds the lock of the directory until
/// it becomes the function's program: a few milliseconds.
fn open_store(directory: &Path) -> Result<Embedded, stepwell_store::Error> {
    patiently(LOCK_TRIES, LOCK_PAUSE, || Embedded::open(directory))
}

/// Tries again while the directory is locked, `tries` times in all.
fn patiently<T>(
    tries: u32,
    pause: Duration,
    mut open: impl FnMut() -> Result<T, stepwell_store::Error>,
) -> Result<T, stepwell_store::Error> {
    for _ in 1..tries {
        match open() {
            Err(stepwell_store::Error::Locked { .. }) => std::thread::sleep(pause),
            opened => return opened,
        }
    }
    open()
}

/// Takes as many descriptors as the process may have, and says so where they are too few for all connections.
fn raise_descriptors(connections: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: maximum,
        maximum,
    };
    let granted = match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => maximum,
        Err(_) => current,
    };
    let needed = connections + OTHER_DESCRIPTORS;
    if let Some(granted) = granted.filter(|granted| *granted < needed) {
        tracing::warn!(
            "this process may have {granted} descriptors, and {connections} connections need about {needed}: the last of them will not be accepted"
        );
    }
}

/// Opens the logs of the groups that exist and starts to write.
fn log_thread(
    options: &Options,
    queue: &Arc<LogQueue>,
    handle: &Handle,
    metrics: &Arc<MetricQueue>,
) -> Result<LogThread, Error> {
    let groups = handle.reader().log_group_ids()?;
    let directory = options.data.join("telemetry");
    let store = open_store(&directory)?;
    handle.instruments().watch_store("telemetry", store.watch());
    let limits = stepwell_telemetry::Limits {
        disk_bytes_max: options.limits.telemetry.logs_disk_bytes,
        ..stepwell_telemetry::Limits::default()
    };
    let logs = Logs::open(Box::new(store), limits, |id| {
        groups.iter().any(|group| group == id)
    })?;
    LogThread::start(
        Arc::clone(queue),
        logs,
        directory,
        handle.clone(),
        Arc::clone(metrics),
    )
    .map_err(|cause| Error::System {
        action: "start the thread that writes logs".to_string(),
        cause,
    })
}

/// Starts to make metrics of what happens.
fn emission_thread(
    observer: Arc<MetricsObserver>,
    around: Surroundings,
) -> Result<MetricsObserverThread, Error> {
    MetricsObserverThread::start(observer, around).map_err(|cause| Error::System {
        action: "start the thread that makes metrics".to_string(),
        cause,
    })
}

/// Answers what SDKs ask the daemon of X-Ray over TCP.
fn serve_daemon(
    runtime: &Runtime,
    listener: std::net::TcpListener,
    services: &Arc<Services>,
    is_stopping: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let _inside = runtime.enter();
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let services = Arc::clone(services);
    runtime.spawn(connections::serve(
        listener,
        Arc::clone(&services.connections),
        is_stopping,
        move |request, _, place| {
            let services = Arc::clone(&services);
            async move { http::answer_daemon(&services, request, place).await }
        },
    ));
    Ok(())
}

/// Where the spans of OTLP go.
fn segment_sink(queue: &Arc<TraceQueue>) -> SegmentSink {
    let queue = Arc::clone(queue);
    Box::new(move |document| {
        let taken = queue.segment(document);
        taken.map_err(|rejected| rejected.message)
    })
}

/// Where the points of OTLP go.
fn point_sink(queue: &Arc<MetricQueue>) -> PointSink {
    let queue = Arc::clone(queue);
    Box::new(move |points| match queue.offer(otlp::samples(points)) {
        true => Ok(()),
        false => Err("metrics come faster than they can be kept".to_string()),
    })
}

/// Opens the traces and starts to write.
fn trace_thread(
    options: &Options,
    queue: &Arc<TraceQueue>,
    handle: &Handle,
) -> Result<TraceThread, Error> {
    let store = open_store(&options.data.join("traces"))?;
    handle.instruments().watch_store("traces", store.watch());
    let traces = Traces::open(Box::new(store), options.limits.telemetry.traces())?;
    TraceThread::start(Arc::clone(queue), traces, handle.clone()).map_err(|cause| Error::System {
        action: "start the thread that writes traces".to_string(),
        cause,
    })
}

/// Opens the metrics and the alarms, and starts to write.
fn metric_thread(
    options: &Options,
    queue: &Arc<MetricQueue>,
    instruments: &Instruments,
) -> Result<(MetricThread, AlarmBook), Error> {
    let store = open_store(&options.data.join("metrics"))?;
    instruments.watch_store("metrics", store.watch());
    let metrics = Metrics::open(Box::new(store), metrics::Limits::default())?;
    let owner = Owner {
        region: options.region.clone(),
        account: options.account.clone(),
    };
    let [a, b, c, d, e, f, g, h, ..] = entropy();
    let name = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    let now_ms = now().as_millis();
    let alarms = AlarmBook::open(&metrics, Arc::clone(queue), owner, name, now_ms)?;
    // What goes on by itself beside the metrics.
    let ticks = vec![alarms.evaluation()];
    let thread =
        MetricThread::start(Arc::clone(queue), metrics, ticks).map_err(|cause| Error::System {
            action: "start the thread that writes metrics".to_string(),
            cause,
        })?;
    Ok((thread, alarms))
}

fn no_daemon(cause: std::io::Error) -> Error {
    Error::System {
        action: "take segments of X-Ray".to_string(),
        cause,
    }
}

fn pool(
    options: &Options,
    logs: &Arc<LogQueue>,
    access: &Arc<Access>,
    trace_daemon: SocketAddr,
    address: SocketAddr,
) -> Result<Pool, Error> {
    let data = &options.data;
    let logs = Arc::clone(logs);
    let mut pool_options = PoolOptions::new(
        data.join("functions"),
        Arc::new(move |line| logs.line(line)),
    );
    pool_options.shutdown_grace = options.stop_within;
    let access = Arc::clone(access);
    pool_options.credentials = Arc::new(move |configuration| access.of_function(configuration));
    if let Some(control_group) = &options.control_group {
        pool_options.control_group = ControlGroup::At(control_group.clone());
    }
    if options.sandbox {
        pool_options.sandbox = Sandbox::Namespaces {
            helper: own_program()?,
            hidden: hidden(options)?,
        };
    }
    pool_options.variables = endpoints::variables(&options.endpoints);
    pool_options.variables.insert(
        "AWS_XRAY_DAEMON_ADDRESS".to_owned(),
        trace_daemon.to_string(),
    );
    if options.otlp.receive != OtlpSenders::Nobody {
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}")),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".to_owned()),
        ] {
            pool_options.variables.insert(name.to_owned(), value);
        }
    }
    pool_options.inspection = options.inspection.map(|inspection| inspection.ports);
    pool_options.signed_endpoints = endpoints::by_signing_name(&options.endpoints);
    Pool::new(pool_options).map_err(|cause| Error::System {
        action: format!("prepare the function cache in {}", data.display()),
        cause,
    })
}

/// What functions in a sandbox do not see: what is durable, and secrets.
fn hidden(options: &Options) -> Result<Vec<PathBuf>, Error> {
    let files = options.hidden_files.iter();
    let all = files.chain([&options.data]);
    all.map(|path| absolute(path)).collect()
}

fn own_program() -> Result<PathBuf, Error> {
    std::env::current_exe().map_err(|cause| Error::System {
        action: "find this program".to_owned(),
        cause,
    })
}

fn absolute(directory: &Path) -> Result<PathBuf, Error> {
    directory.canonicalize().map_err(|cause| Error::System {
        action: format!("find {}", directory.display()),
        cause,
    })
}

/// Calls of services at the endpoints of the options; events are put to this server if no other is named.
fn integrations(options: &Options, access: &Access, address: SocketAddr) -> Integrations {
    let mut endpoints = options.endpoints.clone();
    endpoints
        .entry("eventbridge".to_string())
        .or_insert_with(|| format!("http://{address}"));
    let credentials = access.of_deliveries();
    Integrations::new(endpoints, &options.region, credentials)
}

#[cfg(test)]
mod tests {
    use stepwell_store::Error;

    use super::*;

    /// Opens a directory that is locked for the first `locked` times, with three tries; gives how often it was tried.
    fn opened(locked: u32) -> (u32, Result<(), Error>) {
        let mut tried = 0;
        let opened = patiently(3, Duration::ZERO, || {
            tried += 1;
            if tried > locked {
                return Ok(());
            }
            Err(Error::Locked {
                directory: "data".to_string(),
            })
        });
        (tried, opened)
    }

    #[test]
    fn what_a_killed_server_still_holds_is_waited_for_and_what_another_has_is_not() {
        assert!(matches!(opened(0), (1, Ok(()))));
        assert!(matches!(opened(2), (3, Ok(()))));
        assert!(matches!(opened(9), (3, Err(Error::Locked { .. }))));
    }
}
