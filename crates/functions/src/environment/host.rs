//! What all environments of a pool share, and how one is started.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::net::UnixStream;

use super::Environment;
use super::cgroup::MEMORY_MB_OF_ONE_CPU;
use super::family::tasks_on_machine;
use super::guard::Guard;
use super::logs::{Capture, WriteEnds};
use super::process::{API_DESCRIPTOR, Bounds, LOG_DESCRIPTOR, Launch, own_process_group};
use super::remains::{Cleaner, Ground, Remains};
use super::spawner::Spawner;
use super::variables::variables;
use crate::configuration::{Configuration, Runtime};
use crate::invocation::{InvokeError, LogSink};
use crate::package::{Unpacked, hex};
use crate::runtime_api::{Direct, Listener, Wire};
use crate::timestamp;

/// The parts environments are made of.
pub(crate) struct Host {
    pub(crate) spawner: Spawner,
    pub(crate) sink: LogSink,
    /// Holds our bootstrap; the handler's `LAMBDA_RUNTIME_DIR`.
    pub(crate) runtime_directory: PathBuf,
    /// The Node.js to use instead of the one on `PATH`.
    pub(crate) node: Option<PathBuf>,
    /// Variables of every handler, replaced by its own.
    pub(crate) variables: BTreeMap<String, String>,
    /// URLs of services by the name in their signatures.
    pub(crate) signed_endpoints: BTreeMap<String, String>,
    pub(crate) ground: Arc<Ground>,
    pub(crate) cleaner: Cleaner,
}

impl Host {
    /// Starts the process of an environment; its init begins at once.
    pub(crate) async fn start(
        &self,
        configuration: &Arc<Configuration>,
        package: Arc<Unpacked>,
        serial: u64,
    ) -> Result<Environment, InvokeError> {
        let runtime =
            Runtime::parse(&configuration.runtime).ok_or_else(|| unknown_runtime(configuration))?;
        let log_stream = log_stream(configuration, serial);
        let name = configuration.function_name.clone();
        let (capture, ends) = Capture::open(Arc::clone(&self.sink), name, Arc::clone(&log_stream))
            .map_err(service)?;
        let memory_mb = configuration.memory_mb;
        let mut remains =
            Remains::prepare(&self.ground, &self.cleaner, serial, memory_mb).map_err(service)?;
        let place = Place {
            configuration,
            task_root: package.directory(),
            log_stream: &log_stream,
            scratch: remains.scratch(),
            bounds: bounds(configuration, &remains).map_err(service)?,
        };
        let (launch, wire) = match runtime {
            Runtime::Node { .. } => self.node(place, ends)?,
            Runtime::Provided => self.provided(place, ends).await?,
        };
        let program = launch.program.display().to_string();
        let process = self.spawner.start(launch).await;
        let process = process
            .map_err(|error| InvokeError::Service(format!("cannot start {program}: {error}")))?;
        remains.started(process.group());
        capture.note(format!(
            "INIT_START Runtime Version: {}",
            configuration.runtime
        ));
        Ok(Environment {
            configuration: Arc::clone(configuration),
            process,
            wire,
            capture,
            _package: package,
            remains,
            tasks_before: tasks_on_machine(),
            peak_bytes: 0,
            request_id: Arc::from(""),
            user_agent: None,
        })
    }

    fn node(&self, place: Place<'_>, ends: WriteEnds) -> Result<(Launch, Wire), InvokeError> {
        let (configuration, task_root) = (place.configuration, place.task_root);
        let program = match &self.node {
            Some(node) => node.clone(),
            None => find_on_path("node").ok_or_else(|| {
                let runtime = &configuration.runtime;
                InvokeError::Service(format!(
                    "runtime {runtime} needs Node.js, and no `node` is on PATH"
                ))
            })?,
        };
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(service)?;
        ours.set_nonblocking(true).map_err(service)?;
        let wire = Wire::Direct(Direct::new(UnixStream::from_std(ours).map_err(service)?));
        let theirs = OwnedFd::from(theirs);
        let mut variables = self.variables(&place, &program);
        // The bootstrap takes these out again before the handler's module is loaded.
        if !self.signed_endpoints.is_empty() {
            variables.insert(
                "_STEPWELL_ENDPOINTS".to_owned(),
                serde_json::json!(self.signed_endpoints).to_string(),
            );
        }
        variables.insert("_STEPWELL_API_FD".to_owned(), API_DESCRIPTOR.to_string());
        variables.insert("_STEPWELL_LOG_FD".to_owned(), LOG_DESCRIPTOR.to_string());
        variables.insert(
            "_STEPWELL_RUNTIME".to_owned(),
            configuration.runtime.clone(),
        );
        // AWS: the old generation gets nine tenths of the memory size, the rest is for everything else.
        let mut arguments = vec![format!(
            "--max-old-space-size={}",
            configuration.memory_mb * 9 / 10
        )];
        if has_source_map(task_root, &configuration.handler) {
            arguments.push("--enable-source-maps".to_owned());
        }
        arguments.push(
            self.runtime_directory
                .join("bootstrap.mjs")
                .to_string_lossy()
                .into_owned(),
        );
        let launch = Launch {
            program,
            arguments,
            variables,
            directory: task_root.to_owned(),
            stdout: ends.stdout,
            stderr: ends.stderr,
            api: Some(theirs),
            log: Some(ends.frames),
            bounds: place.bounds,
        };
        Ok((launch, wire))
    }

    async fn provided(
        &self,
        place: Place<'_>,
        ends: WriteEnds,
    ) -> Result<(Launch, Wire), InvokeError> {
        let (configuration, task_root) = (place.configuration, place.task_root);
        let program = task_root.join("bootstrap");
        let is_executable =
            std::fs::metadata(&program).is_ok_and(|found| found.permissions().mode() & 0o111 != 0);
        if !is_executable {
            let runtime = &configuration.runtime;
            let reason = format!(
                "runtime {runtime} needs an executable file `bootstrap` at the root of the package"
            );
            return Err(InvokeError::InvalidRuntime(reason));
        }
        let listener = Listener::bind().await.map_err(service)?;
        let mut variables = self.variables(&place, &program);
        variables.insert(
            "AWS_LAMBDA_RUNTIME_API".to_owned(),
            listener.address().to_string(),
        );
        let launch = Launch {
            program,
            arguments: Vec::new(),
            variables,
            directory: task_root.to_owned(),
            stdout: ends.stdout,
            stderr: ends.stderr,
            api: None,
            log: None,
            bounds: place.bounds,
        };
        Ok((launch, Wire::Listener(listener)))
    }

    fn variables(&self, place: &Place<'_>, program: &Path) -> BTreeMap<String, String> {
        variables(
            place.configuration,
            place.task_root,
            &self.runtime_directory,
            place.log_stream,
            program,
            &self.variables,
            place.scratch,
        )
    }
}

/// Where an environment is started, and what it is held to.
struct Place<'a> {
    configuration: &'a Configuration,
    task_root: &'a Path,
    log_stream: &'a str,
    scratch: &'a Path,
    bounds: Bounds,
}

fn bounds(configuration: &Configuration, remains: &Remains) -> io::Result<Bounds> {
    let cgroup = remains
        .cgroup()
        .map(|cgroup| cgroup.procs().try_clone())
        .transpose()?;
    Ok(Bounds {
        data_bytes_max: (u64::from(configuration.memory_mb) << 20) + DATA_SLACK_BYTES,
        file_bytes_max: u64::from(configuration.ephemeral_storage_mb) << 20,
        processes_max: tasks_on_machine() + PROCESSES_SLACK,
        nice: nice(configuration.memory_mb),
        tag: remains.tag(),
        guard: Some(Guard::of(std::process::id(), own_process_group())),
        cgroup,
    })
}

/// Functions give way to the server, small ones more than large ones: Lambda gives processor time by memory size.
fn nice(memory_mb: u32) -> i32 {
    match memory_mb {
        0..512 => 3,
        512..MEMORY_MB_OF_ONE_CPU => 2,
        _ => 1,
    }
}

/// Writes our bootstrap below `cache_dir`, once a version of it.
pub(crate) fn write_bootstrap(cache_dir: &Path) -> io::Result<PathBuf> {
    let mut digest = Sha256::new();
    for (name, text) in BOOTSTRAP {
        digest.update(name);
        digest.update(text);
    }
    let directory = cache_dir
        .join("runtime")
        .join(&hex(&digest.finalize())[..16]);
    std::fs::create_dir_all(&directory)?;
    for (name, text) in BOOTSTRAP {
        let path = directory.join(name);
        if std::fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
            continue;
        }
        // Renamed into place: another server may start from the same cache.
        let unfinished = directory.join(format!("{name}.{}", std::process::id()));
        std::fs::write(&unfinished, text)?;
        std::fs::rename(&unfinished, &path)?;
    }
    directory.canonicalize()
}

/// The first executable file `name` on the server's own `PATH`.
pub(crate) fn find_on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let is_executable = |candidate: &PathBuf| {
        std::fs::metadata(candidate)
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(is_executable)
}

/// Whether a source map lies beside the handler's file.
fn has_source_map(task_root: &Path, handler: &str) -> bool {
    let module = crate::bundle::handler_module(handler);
    ["js", "mjs", "cjs"].iter().any(|extension| {
        task_root
            .join(format!("{module}.{extension}.map"))
            .is_file()
    })
}

/// AWS: `2024/01/31/[$LATEST]` and 32 hexadecimal digits.
fn log_stream(configuration: &Configuration, serial: u64) -> Arc<str> {
    let now_ms = timestamp::now_ms();
    let (year, month, day) = timestamp::date(now_ms);
    let seed = format!(
        "{}/{now_ms}/{}/{serial}",
        configuration.function_arn,
        std::process::id()
    );
    let digits = hex(&Sha256::digest(seed));
    Arc::from(format!(
        "{year:04}/{month:02}/{day:02}/[{}]{}",
        configuration.version,
        &digits[..32]
    ))
}

fn unknown_runtime(configuration: &Configuration) -> InvokeError {
    let Configuration {
        runtime,
        function_name,
        ..
    } = configuration;
    InvokeError::InvalidRuntime(format!(
        "function {function_name} has runtime {runtime:?}, which cannot be run here: nodejsN.x and provided.* can"
    ))
}

fn service(error: io::Error) -> InvokeError {
    InvokeError::Service(format!("cannot start an environment: {error}"))
}

/// Writable memory beyond the memory size: thread stacks and allocator arenas of an idle Node are some 300 MiB.
const DATA_SLACK_BYTES: u64 = 1 << 30;
/// Processes and threads that a user's functions may start beyond what the machine runs already. A function has its
/// 1,024 by its control group; this holds where there is none, and leaves room for what others start meanwhile.
const PROCESSES_SLACK: u64 = 4096;

const BOOTSTRAP: [(&str, &str); 6] = [
    ("aws.mjs", include_str!("../../bootstrap/aws.mjs")),
    (
        "bootstrap.mjs",
        include_str!("../../bootstrap/bootstrap.mjs"),
    ),
    ("client.mjs", include_str!("../../bootstrap/client.mjs")),
    ("console.mjs", include_str!("../../bootstrap/console.mjs")),
    ("errors.mjs", include_str!("../../bootstrap/errors.mjs")),
    ("handler.mjs", include_str!("../../bootstrap/handler.mjs")),
];
