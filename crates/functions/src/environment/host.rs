//! What all environments of a pool share, and how one is started.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::Environment;
use super::cgroup::{Cgroup, MEMORY_MB_OF_ONE_CPU};
use super::entrypoint::{self, NotStarted};
use super::family::tasks_on_machine;
use super::guard::Guard;
use super::logs::{Capture, WriteEnds};
use super::process::{Bounds, Launch, own_process_group};
use super::processor::ProcessorUse;
use super::python::Pythons;
use super::remains::{Cleaner, Ground, Remains};
use super::report;
use super::runner::{Runner, is_executable};
use super::scratch::Usage;
use super::spawner::Spawner;
use super::variables::variables;
use crate::configuration::{Configuration, CredentialSource, Runtime};
use crate::inspector::{Debugger, Inspectors};
use crate::invocation::{InvokeError, LogSink};
use crate::package::{Code, hex};
use crate::runtime_api::Wire;
use crate::sandbox::{Mounts, Sandbox};
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
    pub(crate) credentials: CredentialSource,
    /// URLs of services by the name in their signatures.
    pub(crate) signed_endpoints: BTreeMap<String, String>,
    /// Holds what runtimes need and what is made once.
    pub(crate) cache_directory: PathBuf,
    pub(crate) sandbox: Sandbox,
    pub(crate) init_max: Duration,
    pub(crate) pythons: tokio::sync::Mutex<Pythons>,
    pub(crate) inspectors: Option<Arc<Inspectors>>,
    pub(crate) ground: Arc<Ground>,
    pub(crate) cleaner: Cleaner,
}

impl Host {
    /// Starts the process of an environment; its init begins at once.
    pub(crate) async fn start(
        &self,
        configuration: &Arc<Configuration>,
        code: Code,
        serial: u64,
    ) -> Result<Environment, NotStarted> {
        let runtime =
            Runtime::parse(&configuration.runtime).ok_or_else(|| unknown_runtime(configuration))?;
        let log_stream = log_stream(configuration, serial);
        let (capture, ends) = Capture::open(
            Arc::clone(&self.sink),
            configuration,
            Arc::clone(&log_stream),
        )
        .map_err(service)?;
        let memory_mb = configuration.memory_mb;
        let mut remains =
            Remains::prepare(&self.ground, &self.cleaner, serial, memory_mb).map_err(service)?;
        let debugger = self.debugger(configuration);
        let runner = match runtime {
            Runtime::Node { major } => {
                self.node(configuration, &code, major, debugger.as_deref())?
            }
            Runtime::Python { minor } => self.python(configuration, &code, minor, &capture).await?,
            Runtime::Provided => self.provided(&code).await?,
        };
        let place = Place {
            configuration,
            code: &code,
            log_stream: &log_stream,
            scratch: remains.scratch(),
        };
        let bounds = bounds(configuration, &remains).map_err(service)?;
        let (launch, wire) = self.launch(&place, runner, ends, bounds)?;
        let program = launch.program.clone();
        let is_bootstrap = runtime == Runtime::Provided && !launch.is_helped;
        let process = self.spawner.start(launch).await.map_err(|error| {
            let refusal = is_bootstrap.then(|| entrypoint::refusal(&code, &program, &error));
            refusal.flatten().unwrap_or_else(|| {
                let program = program.display();
                InvokeError::Service(format!("cannot start {program}: {error}")).into()
            })
        })?;
        remains.started(process.group());
        // A helper that stands between computes nothing, and would make every invocation look short.
        let processor = ProcessorUse::of((!process.is_helped()).then(|| process.group()));
        if let Some(line) = report::init_start(configuration) {
            capture.line(line);
        }
        Ok(Environment {
            configuration: Arc::clone(configuration),
            process,
            wire,
            capture,
            _code: code,
            remains,
            tasks_before: tasks_on_machine(),
            has_family: self.sandbox != Sandbox::None,
            init_max: self.init_max,
            usage: Usage::default(),
            peak_bytes: 0,
            processor,
            processor_time: None,
            looked_at: None,
            request_id: Arc::from(""),
            traced: None,
            user_agent: None,
            debugger,
            is_ready: false,
            stood: Duration::ZERO,
        })
    }

    /// The debugger of a function, if functions are debugged and this one can be.
    pub(crate) fn debugger(&self, configuration: &Configuration) -> Option<Arc<Debugger>> {
        let is_node = matches!(
            Runtime::parse(&configuration.runtime),
            Some(Runtime::Node { .. })
        );
        let inspectors = self.inspectors.as_ref().filter(|_| is_node)?;
        Some(inspectors.debugger(&configuration.function_name))
    }

    fn launch(
        &self,
        place: &Place<'_>,
        runner: Runner,
        ends: WriteEnds,
        mut bounds: Bounds,
    ) -> Result<(Launch, Wire), InvokeError> {
        let credentials = (self.credentials)(place.configuration);
        let mut variables = variables(place, &runner, &self.variables, &credentials);
        for (name, value) in runner.variables {
            variables.insert(name.to_owned(), value);
        }
        let (mut program, mut arguments) = (runner.program, runner.arguments);
        if runner.takes_wrapper
            && let Some(wrapper) = place.configuration.environment.get(WRAPPER)
        {
            arguments.insert(0, program.to_string_lossy().into_owned());
            program = place.wrapper(wrapper)?;
        }
        if let Sandbox::Namespaces { helper, hidden } = &self.sandbox {
            let mounts = Mounts {
                task_root: place.code.task_root(),
                opt: place.code.opt(),
                runtime: &runner.runtime_directory,
                scratch: place.scratch,
            };
            variables
                .values_mut()
                .for_each(|value| *value = mounts.seen(value));
            let mut all = mounts.arguments(hidden);
            all.push(mounts.seen(&program.to_string_lossy()));
            all.extend(arguments.iter().map(|argument| mounts.seen(argument)));
            (program, arguments) = (helper.clone(), all);
            // Processes have other numbers in there, and the server has none.
            bounds.guard = None;
        }
        let launch = Launch {
            program,
            arguments,
            variables,
            directory: place.code.task_root().to_owned(),
            stdout: ends.stdout,
            stderr: ends.stderr,
            api: runner.api,
            log: runner.writes_frames.then_some(ends.frames),
            bounds,
            is_helped: self.sandbox != Sandbox::None,
        };
        Ok((launch, runner.wire))
    }
}

/// Where an environment is started.
pub(super) struct Place<'a> {
    pub(super) configuration: &'a Configuration,
    pub(super) code: &'a Code,
    pub(super) log_stream: &'a str,
    pub(super) scratch: &'a Path,
}

impl Place<'_> {
    /// Where something is that has a name below `/opt` or `/var/task` on Lambda.
    pub(super) fn real(&self, named: &str) -> PathBuf {
        let below = |place: &str| Path::new(named).strip_prefix(place).ok();
        match (below("/opt"), self.code.opt(), below("/var/task")) {
            (Some(rest), Some(opt), _) => opt.join(rest),
            (_, _, Some(rest)) => self.code.task_root().join(rest),
            _ => PathBuf::from(named),
        }
    }

    /// The file that `AWS_LAMBDA_EXEC_WRAPPER` names.
    fn wrapper(&self, named: &str) -> Result<PathBuf, InvokeError> {
        let wrapper = self.real(named);
        if is_executable(&wrapper) {
            return Ok(wrapper);
        }
        let function = &self.configuration.function_name;
        Err(InvokeError::InvalidRuntime(format!(
            "{WRAPPER} of function {function} names {named}, which is no executable file"
        )))
    }
}

fn bounds(configuration: &Configuration, remains: &Remains) -> io::Result<Bounds> {
    let cgroups = remains.cgroup().map(Cgroup::procs).transpose()?;
    Ok(Bounds {
        data_bytes_max: (u64::from(configuration.memory_mb) << 20) + DATA_SLACK_BYTES,
        file_bytes_max: u64::from(configuration.ephemeral_storage_mb) << 20,
        processes_max: tasks_on_machine() + PROCESSES_SLACK,
        nice: nice(configuration.memory_mb),
        tag: remains.tag(),
        guard: Some(Guard::of(std::process::id(), own_process_group())),
        cgroups: cgroups.unwrap_or_default(),
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
    all_on_path(name).into_iter().next()
}

/// All executable files `name` on the server's own `PATH`, in its order.
pub(super) fn all_on_path(name: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .filter(|candidate| is_executable(candidate))
        .collect()
}

/// AWS: `2024/01/31/[$LATEST]` and 32 hexadecimal digits; in a group that is not the function's own its name stands
/// before the version.
pub(super) fn log_stream(configuration: &Configuration, serial: u64) -> Arc<str> {
    let now_ms = timestamp::now_ms();
    let (year, month, day) = timestamp::date(now_ms);
    let seed = format!(
        "{}/{now_ms}/{}/{serial}",
        configuration.function_arn,
        std::process::id()
    );
    let digits = hex(&Sha256::digest(seed));
    let name = match configuration.log_group {
        Some(_) => configuration.function_name.as_str(),
        None => "",
    };
    Arc::from(format!(
        "{year:04}/{month:02}/{day:02}/{name}[{}]{}",
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
        "function {function_name} has runtime {runtime:?}, which cannot be run here: nodejsN.x, python3.N and provided.* can"
    ))
}

pub(super) fn service(error: io::Error) -> InvokeError {
    InvokeError::Service(format!("cannot start an environment: {error}"))
}

/// AWS: a script that starts the runtime, which it is given as its arguments.
const WRAPPER: &str = "AWS_LAMBDA_EXEC_WRAPPER";
/// Writable memory beyond the memory size: thread stacks and allocator arenas of an idle Node are some 300 MiB.
const DATA_SLACK_BYTES: u64 = 1 << 30;
/// Processes and threads that a user's functions may start beyond what the machine runs already. A function has its
/// 1,024 by its control group; this holds where there is none, and leaves room for what others start meanwhile.
const PROCESSES_SLACK: u64 = 4096;

const BOOTSTRAP: [(&str, &str); 8] = [
    (
        "sitecustomize.py",
        include_str!("../../bootstrap/sitecustomize.py"),
    ),
    ("aws.mjs", include_str!("../../bootstrap/aws.mjs")),
    (
        "bootstrap.mjs",
        include_str!("../../bootstrap/bootstrap.mjs"),
    ),
    ("client.mjs", include_str!("../../bootstrap/client.mjs")),
    ("console.mjs", include_str!("../../bootstrap/console.mjs")),
    ("errors.mjs", include_str!("../../bootstrap/errors.mjs")),
    ("handler.mjs", include_str!("../../bootstrap/handler.mjs")),
    (
        "streaming.mjs",
        include_str!("../../bootstrap/streaming.mjs"),
    ),
];
