//! The program of a custom runtime: where it is looked for, and invocations for which it cannot be executed.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::time::Instant;

use super::failure::Failure;
use super::host::{Host, log_stream, service};
use super::logs::Capture;
use super::report::{self, Report};
use super::runner::is_executable;
use crate::configuration::{Configuration, LogLevel};
use crate::invocation::{FunctionError, Invocation, InvokeError, InvokeReply};
use crate::package::Code;

/// Why there is no environment.
pub(crate) enum NotStarted {
    /// It is the service's.
    Refused(InvokeError),
    /// It is the function's: what is wrong with its `bootstrap`, in AWS's words.
    InvalidEntrypoint(String),
}

impl From<InvokeError> for NotStarted {
    fn from(error: InvokeError) -> NotStarted {
        NotStarted::Refused(error)
    }
}

/// The `bootstrap` to execute.
///
/// AWS: the first of the two places that has a file of the name, whether it can be executed or not.
pub(super) fn bootstrap(code: &Code) -> Result<PathBuf, NotStarted> {
    let places = [(Some(code.task_root()), OF_TASK), (code.opt(), OF_LAYERS)];
    let found = places
        .into_iter()
        .filter_map(|(place, seen)| Some((place?.join("bootstrap"), seen)))
        .find(|(program, _)| program.is_file());
    let Some((program, seen)) = found else {
        return Err(NotStarted::InvalidEntrypoint(format!(
            "Couldn't find valid bootstrap(s): [{OF_TASK} {OF_LAYERS}]"
        )));
    };
    if !is_executable(&program) {
        return Err(not_executed(seen, "permission denied"));
    }
    if cfg!(target_os = "linux") && !has_known_format(&program) {
        // The C library would give it to a shell.
        return Err(not_executed(seen, "exec format error"));
    }
    Ok(program)
}

/// What the system's refusal to execute a `bootstrap` means, if it is the function's doing.
pub(super) fn refusal(code: &Code, program: &Path, error: &io::Error) -> Option<NotStarted> {
    let text = match error.raw_os_error()? {
        libc::ENOENT => "no such file or directory",
        libc::EACCES => "permission denied",
        libc::ENOEXEC => "exec format error",
        _ => return None,
    };
    let is_layers = code.opt().is_some_and(|opt| program.starts_with(opt));
    let seen = if is_layers { OF_LAYERS } else { OF_TASK };
    Some(not_executed(seen, text))
}

/// AWS: as Go's `os/exec` says it, with the name that the file has on Lambda.
fn not_executed(seen: &str, text: &str) -> NotStarted {
    NotStarted::InvalidEntrypoint(format!("fork/exec {seen}: {text}"))
}

/// Whether Linux executes files that begin like this: programs, and scripts that name their interpreter.
fn has_known_format(program: &Path) -> bool {
    let mut head = Vec::new();
    let read = std::fs::File::open(program)
        .and_then(|file| file.take(ELF_HEAD_BYTES).read_to_end(&mut head));
    // One that can be executed and not read is a program.
    if read.is_err() || head.starts_with(b"#!") {
        return true;
    }
    head.starts_with(b"\x7fELF") && (!is_foreign(&head) || emulates_others())
}

/// Whether a program is of the other one of Lambda's two architectures.
fn is_foreign(head: &[u8]) -> bool {
    // Both are little-endian.
    let machine = head
        .get(18..20)
        .map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    match machine {
        Some(MACHINE_X86_64) => cfg!(target_arch = "aarch64"),
        Some(MACHINE_AARCH64) => cfg!(target_arch = "x86_64"),
        _ => false,
    }
}

/// Whether the kernel was told of interpreters for other formats, an emulator for instance.
fn emulates_others() -> bool {
    let Ok(formats) = std::fs::read_dir("/proc/sys/fs/binfmt_misc") else {
        return false;
    };
    formats
        .flatten()
        .any(|format| format.file_name() != "register" && format.file_name() != "status")
}

impl Host {
    /// The reply to an invocation that has no process, and its log in a stream of its own.
    ///
    /// AWS: a failure of the function, `Runtime.InvalidEntrypoint`.
    pub(crate) fn fail_without_process(
        &self,
        configuration: &Configuration,
        serial: u64,
        invocation: &Invocation,
        problem: &str,
    ) -> Result<InvokeReply, InvokeError> {
        let began = Instant::now();
        let stream = log_stream(configuration, serial);
        let sink = Arc::clone(&self.sink);
        let (capture, ends) = Capture::open(sink, configuration, stream).map_err(service)?;
        drop(ends);
        if let Some(line) = report::init_start(configuration) {
            capture.line(line);
        }
        capture.note(format!(
            "INIT_REPORT Init Duration: 0.00 ms\tPhase: init\tStatus: error\tError Type: {INVALID_ENTRYPOINT}"
        ));
        let request_id: Arc<str> = Arc::from(invocation.request_id.as_str());
        capture.begin(&request_id, invocation.log_tail);
        if let Some(line) = report::start(configuration, &request_id) {
            capture.line(line);
        }
        let failure = Failure::invalid_entrypoint(&request_id, problem);
        let logging = configuration.logging;
        let mut lines: Vec<String> = failure
            .log_lines()
            .into_iter()
            .map(|text| report::message(logging, LogLevel::Error, Some(&request_id), text))
            .collect();
        let traced = invocation
            .trace_id
            .as_deref()
            .filter(|_| invocation.has_segment);
        let report = Report {
            request_id: &request_id,
            traced,
            elapsed: began.elapsed(),
            memory_mb: configuration.memory_mb,
            peak_mb: 0,
            init: None,
            status: failure.status,
        };
        lines.extend(report.lines(logging));
        Ok(InvokeReply {
            payload: failure.payload,
            function_error: Some(FunctionError::Unhandled),
            log_tail: capture.finish(lines),
            executed_version: configuration.version.clone(),
            figures: report.figures(),
        })
    }
}

/// Of a program: up to the number of its machine.
const ELF_HEAD_BYTES: u64 = 20;
/// Numbers of machines (System V ABI, `e_machine`).
const MACHINE_X86_64: u16 = 62;
const MACHINE_AARCH64: u16 = 183;
/// AWS: the type of the error.
pub(super) const INVALID_ENTRYPOINT: &str = "Runtime.InvalidEntrypoint";
/// The names that the two places have on Lambda.
const OF_TASK: &str = "/var/task/bootstrap";
const OF_LAYERS: &str = "/opt/bootstrap";
