//! Python functions: AWS's own runtime interface client on the Python that is installed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;

use super::host::{Host, all_on_path, service};
use super::logs::Capture;
use super::process::LOG_DESCRIPTOR;
use super::runner::Runner;
use crate::configuration::Configuration;
use crate::invocation::InvokeError;
use crate::package::Code;
use crate::runtime_api::{Listener, Wire};

/// What has been found out, by the runtime's minor version.
pub(crate) type Pythons = BTreeMap<u32, Python>;

/// A Python that can run functions.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    executable: PathBuf,
    /// Such as `3.12`.
    version: String,
    /// Where the client is that was installed for it; `None` if it has one of its own.
    client: Option<PathBuf>,
}

impl Host {
    pub(super) async fn python(
        &self,
        configuration: &Configuration,
        code: &Code,
        minor: u32,
        capture: &Capture,
    ) -> Result<Runner, InvokeError> {
        let python = self.python_of(configuration, minor, capture).await?;
        let listener = Listener::bind().await.map_err(service)?;
        let runtime_directory = match &python.client {
            Some(client) => client.clone(),
            None => self.runtime_directory.clone(),
        };
        // AWS: the runtime itself, then what layers bring.
        let mut search: Vec<PathBuf> = python.client.iter().cloned().collect();
        // Holds `sitecustomize`, which keeps calls of AWS SDKs on this machine.
        search.push(self.runtime_directory.clone());
        if let Some(opt) = code.opt() {
            search.push(opt.join("python"));
            let packages = format!("python/lib/python{}/site-packages", python.version);
            search.push(opt.join(packages));
        }
        Ok(Runner {
            program: python.executable,
            arguments: vec![
                "-m".to_owned(),
                "awslambdaric".to_owned(),
                configuration.handler.clone(),
            ],
            variables: vec![
                ("AWS_LAMBDA_RUNTIME_API", listener.address().to_string()),
                // The client's own name for the descriptor of its log.
                ("_LAMBDA_TELEMETRY_LOG_FD", LOG_DESCRIPTOR.to_string()),
                // Packages are read-only, and shared.
                ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
            ],
            search: Some(("PYTHONPATH", search)),
            runtime_directory,
            api: None,
            writes_frames: true,
            takes_wrapper: true,
            wire: Wire::Listener(listener),
        })
    }

    /// Finds a Python, and gets it the client if it has none. Other environments wait meanwhile, so that it is done once.
    async fn python_of(
        &self,
        configuration: &Configuration,
        minor: u32,
        capture: &Capture,
    ) -> Result<Python, InvokeError> {
        let mut pythons = self.pythons.lock().await;
        if let Some(python) = pythons.get(&minor) {
            return Ok(python.clone());
        }
        let runtime = &configuration.runtime;
        let (mut python, has_client) = find(minor).await.ok_or_else(|| {
            InvokeError::Service(format!(
                "runtime {runtime} needs Python, and neither a `python3.{minor}` nor a `python3` on PATH runs"
            ))
        })?;
        if python.version != format!("3.{minor}") {
            capture.note(format!(
                "[runtime {runtime} runs on Python {}, the `python3` found on this machine]",
                python.version
            ));
        }
        if !has_client {
            let name = format!("python{}-{CLIENT}", python.version);
            let directory = self.cache_directory.join("runtime").join(name);
            if !directory.is_dir() {
                capture.note(format!(
                    "[runtime {runtime}: pip installs {CLIENT} from the package index into {}, once]",
                    directory.display()
                ));
                let started = Instant::now();
                install(&python.executable, &directory).await.map_err(|reason| {
                    InvokeError::Service(format!(
                        "runtime {runtime} needs the package {CLIENT}, and `{} -m pip install {CLIENT}` failed: {reason}",
                        python.executable.display()
                    ))
                })?;
                let seconds = started.elapsed().as_secs_f64();
                capture.note(format!(
                    "[runtime {runtime}: {CLIENT} installed in {seconds:.1} s]"
                ));
            }
            python.client = Some(directory);
        }
        pythons.insert(minor, python.clone());
        Ok(python)
    }
}

/// The first Python that runs, of the wanted version if there is one, and whether it has the client itself.
async fn find(minor: u32) -> Option<(Python, bool)> {
    let wanted = all_on_path(&format!("python3.{minor}"));
    // A name on the path may be that of a version manager that has no such version.
    for candidate in wanted.into_iter().chain(all_on_path("python3")) {
        let mut command = Command::new(&candidate);
        command.args(["-c", PROBE]);
        let Ok(output) = run(command, PROBE_MAX).await else {
            continue;
        };
        let mut lines = output.lines();
        if let (Some(executable), Some(version), Some(has_client)) =
            (lines.next(), lines.next(), lines.next())
        {
            let python = Python {
                executable: PathBuf::from(executable),
                version: version.to_owned(),
                client: None,
            };
            return Some((python, has_client == "True"));
        }
    }
    None
}

/// Installs the client beside its place and renames it there, so that a directory that exists is complete.
async fn install(executable: &Path, directory: &Path) -> Result<(), String> {
    let unfinished = directory.with_extension(std::process::id().to_string());
    let mut command = Command::new(executable);
    command
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
            "--prefer-binary",
            "--target",
        ])
        .arg(&unfinished)
        .arg(CLIENT);
    let installed = run(command, INSTALL_MAX).await;
    let placed = installed
        .and_then(|_| std::fs::rename(&unfinished, directory).map_err(|error| error.to_string()));
    if placed.is_err() {
        let _ = std::fs::remove_dir_all(&unfinished);
    }
    match placed {
        // Another server that shares the cache was faster.
        Err(_) if directory.is_dir() => Ok(()),
        other => other,
    }
}

/// Runs a tool of the server's own, in the server's own environment; the error is the end of what it said.
async fn run(mut command: Command, within: Duration) -> Result<String, String> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let output = tokio::time::timeout(within, command.output())
        .await
        .map_err(|_| format!("it took more than {} s", within.as_secs()))?
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = said.lines().rev().take(SAID_LINES_MAX).collect();
    Err(last.into_iter().rev().collect::<Vec<_>>().join("; "))
}

/// AWS's runtime interface client, by its name on the package index.
const CLIENT: &str = "awslambdaric";
const PROBE: &str = "import sys, importlib.util
print(sys.executable)
print('%d.%d' % sys.version_info[:2])
print(importlib.util.find_spec('awslambdaric') is not None)";
const PROBE_MAX: Duration = Duration::from_secs(10);
/// Without a wheel for this Python the client is compiled.
const INSTALL_MAX: Duration = Duration::from_secs(300);
const SAID_LINES_MAX: usize = 3;
