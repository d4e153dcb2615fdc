//! The composition root: a server in this process. The only file that names the server crate.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use anyhow::{Context as _, bail};
pub use stepwell_server::{
    AccessKey, Limits, Mask, OtlpExport, OtlpOptions, OtlpProtocol, OtlpSenders, Project,
};
use stepwell_server::{Error, LostTask, Options, Server};

/// The files of the console, if they were built before this binary was.
mod console {
    include!(concat!(env!("OUT_DIR"), "/console.rs"));
}

/// How often a command asks its server whether it still works.
pub const HEALTH_CHECK: Duration = Duration::from_millis(500);

/// What to serve, where, for whom.
pub struct Settings {
    pub listen: SocketAddr,
    pub data: PathBuf,
    pub region: String,
    pub account: String,
    /// Whether a task that a crash interrupted runs again, instead of failing.
    pub retries_lost_tasks: bool,
    /// Whether a role that does not exist is refused where AWS refuses it.
    pub checks_roles: bool,
    /// How long executions are kept after their end, where their state machine does not say.
    pub retention: Retention,
    /// Whether functions run in namespaces of their own.
    pub sandbox: bool,
    /// A control group that is delegated to the server.
    pub control_group: Option<PathBuf>,
    /// How long everything is still served when stopping.
    pub drain_for: Duration,
    /// Longest wait for running tasks after that.
    pub stop_within: Duration,
    /// How much the server takes on.
    pub limits: Limits,
    /// Where services are that the server does not serve, by service id.
    pub endpoints: BTreeMap<String, String>,
    /// Whether and where functions can be debugged.
    pub inspection: Option<Inspection>,
    /// Where segments of X-Ray are taken; `None`: 2000, or another one if that is in use.
    pub trace_port: Option<u16>,
    /// How OpenTelemetry is sent on and taken.
    pub otlp: OtlpOptions,
    /// The application that is served, for the console's start page.
    pub project: Option<Project>,
    /// Fields that the console does not get.
    pub mask: Mask,
    /// Whose requests are answered; none: anybody's.
    pub access_keys: Vec<AccessKey>,
    /// Files that functions in a sandbox do not see, beside the data directory.
    pub hidden_files: Vec<PathBuf>,
    /// Names that the server is called by beside addresses and local names.
    pub hosts: Vec<String>,
}

/// How functions can be debugged.
#[derive(Clone, Copy)]
pub struct Inspection {
    /// The port of the first function; others follow.
    pub first_port: u16,
    /// Whether a handler's module waits for a debugger before it is loaded.
    pub waits: bool,
    /// Told the port of each function, or why it has none.
    pub told: fn(&str, Result<u16, &str>),
}

/// How long executions are kept after their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention(stepwell_server::retention::Period);

impl Default for Retention {
    fn default() -> Self {
        Self(stepwell_server::retention::DEFAULT)
    }
}

/// Reads `90d`, `12h`, `30m`, `45s` or `never`.
impl FromStr for Retention {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        stepwell_server::retention::parse(text).map(Self)
    }
}

/// A server that answers calls until [`Embedded::stop`].
pub struct Embedded {
    server: Server,
    data: PathBuf,
}

impl Embedded {
    /// Returns when calls are answered.
    pub fn start(settings: Settings) -> anyhow::Result<Self> {
        let data = settings.data.clone();
        fs::create_dir_all(&data)
            .with_context(|| format!("cannot create the data directory {}", data.display()))?;
        let server = Server::start(Options {
            listen: settings.listen,
            data: settings.data,
            region: settings.region,
            account: settings.account,
            lost_task: if settings.retries_lost_tasks {
                LostTask::Retry
            } else {
                LostTask::Fail
            },
            checks_roles: settings.checks_roles,
            retention_ms: settings.retention.0,
            sandbox: settings.sandbox,
            control_group: settings.control_group,
            drain_for: settings.drain_for,
            stop_within: settings.stop_within,
            limits: settings.limits,
            endpoints: settings.endpoints,
            otlp: settings.otlp,
            inspection: settings
                .inspection
                .map(|inspection| stepwell_server::Inspection {
                    ports: stepwell_server::Ports {
                        first_port: inspection.first_port,
                        waits: inspection.waits,
                    },
                    told: inspection.told,
                }),
            console: console::ASSETS,
            project: settings.project,
            mask: settings.mask,
            access_keys: settings.access_keys,
            hosts: settings.hosts,
            hidden_files: settings.hidden_files,
            trace_port: settings.trace_port,
        })
        .map_err(|error| match next_step(&error, &data) {
            Some(next) => anyhow::anyhow!("{error}\nnext: {next}"),
            None => error.into(),
        })?;
        Ok(Self { server, data })
    }

    /// Lets debuggers attach to functions, if the settings say so, and tells their ports from now on.
    pub fn inspect(&mut self) {
        self.server.inspect();
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Where segments of X-Ray are taken: `HOST:PORT`.
    pub fn daemon(&self) -> String {
        self.server.trace_address().to_string()
    }

    /// An error once the server has failed: nothing is acknowledged any more, and only a restart helps.
    ///
    /// To be asked every [`HEALTH_CHECK`].
    pub fn check(&self) -> anyhow::Result<()> {
        if let Some(failure) = self.server.failure() {
            bail!(
                "the server on {} has stopped: {failure}\nnext: put that right and start again; nothing that was acknowledged is lost",
                self.data.display()
            );
        }
        Ok(())
    }

    /// Lets running tasks finish, for as long as the settings say, then ends.
    pub fn stop(self) {
        self.server.stop();
    }
}

fn next_step(error: &Error, data: &Path) -> Option<String> {
    match error {
        Error::Listen { .. } => Some(
            "end the process that has the port, or choose another one; 0 takes any free one"
                .to_owned(),
        ),
        Error::Store(_) => Some(format!(
            "if another server runs on {}, end it or choose another directory",
            data.display()
        )),
        Error::System { .. } | Error::Setting(_) => None,
    }
}

/// Why a setting names no endpoint of a service.
pub fn check_endpoint(id: &str, url: &str) -> Result<(), String> {
    stepwell_server::check_endpoint(id, url)
}

/// One finding about a definition, as `ValidateStateMachineDefinition` words it.
pub struct Diagnostic {
    /// `ERROR` or `WARNING`.
    pub severity: String,
    pub code: String,
    pub message: String,
    /// JSON pointer into the definition.
    pub location: Option<String>,
}

/// What is wrong with the text of a definition.
pub fn validate_definition(text: &str, is_express: bool) -> Vec<Diagnostic> {
    stepwell_server::validate_definition(text, is_express)
        .into_iter()
        .map(|found| Diagnostic {
            severity: found.severity,
            code: found.code,
            message: found.message,
            location: found.location,
        })
        .collect()
}

/// How fast a backup reads if nothing else is asked for, in MiB a second.
pub const BACKUP_RATE: u32 = stepwell_server::backup::DEFAULT_RATE;

/// Copies a data directory that no server has open; the manifest of the copy.
pub fn back_up(
    data: &Path,
    to: &Path,
    rate: u32,
    told: &mut dyn FnMut(u64, u64),
) -> anyhow::Result<serde_json::Value> {
    let made = stepwell_server::backup::back_up_offline(data, to, rate, told)?;
    Ok(serde_json::to_value(&made)?)
}

/// Makes a data directory of a backup; the manifest of the backup.
pub fn restore(
    from: &Path,
    to: &Path,
    told: &mut dyn FnMut(u64, u64),
) -> anyhow::Result<serde_json::Value> {
    let manifest = stepwell_server::backup::restore(from, to, told)?;
    Ok(serde_json::to_value(&manifest)?)
}

/// What a check of a data directory or a backup has found.
pub fn check(directory: &Path, repairs: bool) -> anyhow::Result<stepwell_server::backup::Checked> {
    use stepwell_server::backup::Repair;
    let repair = if repairs { Repair::Yes } else { Repair::No };
    Ok(stepwell_server::backup::check(directory, repair)?)
}
