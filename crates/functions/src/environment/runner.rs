//! The program that runs a function, for each kind of runtime.

use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tokio::net::UnixStream;

use super::entrypoint::{self, NotStarted};
use super::host::{Host, find_on_path, service};
use super::process::{API_DESCRIPTOR, LOG_DESCRIPTOR};
use crate::configuration::Configuration;
use crate::inspector::Debugger;
use crate::invocation::InvokeError;
use crate::package::Code;
use crate::runtime_api::{Direct, Listener, Wire};

/// What to execute, and how it speaks the Runtime API.
pub(super) struct Runner {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    /// Beside those that every runtime gets.
    pub(super) variables: Vec<(&'static str, String)>,
    /// Directories to put before what the function's own variable of the name says.
    pub(super) search: Option<(&'static str, Vec<PathBuf>)>,
    /// Holds the runtime itself: `LAMBDA_RUNTIME_DIR`.
    pub(super) runtime_directory: PathBuf,
    /// The runtime's end of `wire`, where it inherits one.
    pub(super) api: Option<OwnedFd>,
    /// Whether it writes frames to [`LOG_DESCRIPTOR`].
    pub(super) writes_frames: bool,
    /// Whether `AWS_LAMBDA_EXEC_WRAPPER` is heeded.
    pub(super) takes_wrapper: bool,
    pub(super) wire: Wire,
}

impl Host {
    pub(super) fn node(
        &self,
        configuration: &Configuration,
        code: &Code,
        major: u32,
        debugger: Option<&Debugger>,
    ) -> Result<Runner, InvokeError> {
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
        // AWS: the old generation gets nine tenths of the memory size, the rest is for everything else.
        let mut arguments = vec![format!(
            "--max-old-space-size={}",
            configuration.memory_mb * 9 / 10
        )];
        if has_source_map(code.task_root(), &configuration.handler) {
            arguments.push("--enable-source-maps".to_owned());
        }
        let bootstrap = self.runtime_directory.join("bootstrap.mjs");
        arguments.push(bootstrap.to_string_lossy().into_owned());
        // AWS: modules of layers are found by `require`, not by `import`.
        let search = code.opt().map(|opt| {
            let nodejs = opt.join("nodejs");
            let of_major = nodejs.join(format!("node{major}")).join("node_modules");
            ("NODE_PATH", vec![of_major, nodejs.join("node_modules")])
        });
        // The bootstrap takes these out again before the handler's module is loaded.
        let mut variables = vec![
            ("_STEPWELL_API_FD", API_DESCRIPTOR.to_string()),
            ("_STEPWELL_LOG_FD", LOG_DESCRIPTOR.to_string()),
            ("_STEPWELL_RUNTIME", configuration.runtime.clone()),
            (
                "_STEPWELL_CONCURRENCY",
                configuration.concurrency().to_string(),
            ),
        ];
        if let Some(debugger) = debugger {
            let port = debugger.choose_target().map_err(service)?;
            // What is printed otherwise names the process's own port, which nobody needs.
            arguments.insert(0, "--inspect-publish-uid=http".to_owned());
            if debugger.waits() {
                variables.push(("_STEPWELL_INSPECTOR", port.to_string()));
            } else {
                arguments.insert(0, format!("--inspect=127.0.0.1:{port}"));
            }
        }
        if !self.signed_endpoints.is_empty() {
            let endpoints = serde_json::json!(self.signed_endpoints).to_string();
            variables.push(("_STEPWELL_ENDPOINTS", endpoints));
        }
        Ok(Runner {
            program,
            arguments,
            variables,
            search,
            runtime_directory: self.runtime_directory.clone(),
            api: Some(OwnedFd::from(theirs)),
            writes_frames: true,
            takes_wrapper: true,
            wire,
        })
    }

    pub(super) async fn provided(&self, code: &Code) -> Result<Runner, NotStarted> {
        let program = entrypoint::bootstrap(code)?;
        let listener = Listener::bind().await.map_err(service)?;
        Ok(Runner {
            program,
            arguments: Vec::new(),
            variables: vec![("AWS_LAMBDA_RUNTIME_API", listener.address().to_string())],
            search: None,
            runtime_directory: self.runtime_directory.clone(),
            api: None,
            writes_frames: false,
            takes_wrapper: false,
            wire: Wire::Listener(listener),
        })
    }
}

pub(super) fn is_executable(program: &Path) -> bool {
    std::fs::metadata(program)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
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
