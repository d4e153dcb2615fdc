//! The Stepwell binary.
//!
//! Lives here: the command line, building an application from its template, watching its files, and
//! the composition root that starts a server in this process.
//! Never here: a private door into the server: every command but `serve` and `validate` speaks the AWS API
//! over HTTP, as any client does. No decision about an execution.
//! Read first: [`main`], then [`timeline::Timeline::push`].

mod arguments;
mod assembly;
mod bench;
mod client;
mod commands;
mod configuration;
mod credentials;
mod deployment;
mod embedded;
mod expected;
mod follow;
mod history;
mod input;
mod interrupt;
mod live_tail;
mod names;
mod otlp;
mod packaging;
mod plan;
mod report;
mod samples;
mod server_log;
mod stack;
mod terminal;
mod timeline;
mod type_checks;
mod variables;
mod watch;
mod waterfall;

#[cfg(test)]
#[path = "../tests/fake/mod.rs"]
mod fake;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use arguments::{Arguments, Command};
use stepwell_functions::sandbox;

// A commit allocates on one thread and frees on others; the system's allocator keeps growing and
// trimming its arenas then (docs/decisions/0014-mimalloc.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the exit code says when nothing went wrong with the command itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Well,
    /// It ran, and ended badly: exit code 1.
    Badly,
}

impl Verdict {
    fn of_status(status: &str) -> Self {
        if status == "SUCCEEDED" {
            Self::Well
        } else {
            Self::Badly
        }
    }
}

/// Exit code of a command that could not run; clap uses the same for wrong usage.
const COULD_NOT_RUN: u8 = 2;

fn main() -> ExitCode {
    let mut own = std::env::args().skip(1);
    if own.next().as_deref() == Some(sandbox::FIRST_ARGUMENT) {
        // Started by a server to become a function in a sandbox.
        sandbox::run(own.collect());
    }
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(Verdict::Well) => ExitCode::SUCCESS,
        Ok(Verdict::Badly) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{} {error:#}", terminal::Style::of_stderr().red("error:"));
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<Verdict> {
    let is_json = arguments.json;
    match &arguments.command {
        Command::Demo(demo) => commands::demo::run(demo, is_json),
        Command::Dev(dev) => commands::dev::run(dev, is_json),
        Command::Serve(serve) => commands::serve::run(serve, is_json),
        Command::Deploy(deploy) => commands::deploy::run(deploy, is_json),
        Command::Start(start) => commands::start::run(start, is_json),
        Command::History(history) => commands::history::run(history, is_json),
        Command::Trace(trace) => commands::trace::run(trace, is_json),
        Command::Logs(logs) => commands::logs::run(logs, is_json),
        Command::Metrics(metrics) => commands::metrics::run(metrics, is_json),
        Command::Alarms(alarms) => commands::alarms::run(alarms, is_json),
        Command::Invoke(invoke) => commands::invoke::run(invoke, is_json),
        Command::Validate(validate) => commands::validate::run(validate, is_json),
        Command::List(list) => commands::list::run(list, is_json),
        Command::Bench(bench) => commands::bench::run(bench, is_json),
        Command::AccessKey(name) => commands::access_key::run(name, is_json),
        Command::Backup(backup) => commands::backup::run(backup, is_json),
        Command::Restore(restore) => commands::backup::restore(restore, is_json),
        Command::Fsck(fsck) => commands::fsck::run(fsck, is_json),
        Command::Completions(completions) => {
            let mut script = Vec::new();
            clap_complete::generate(
                completions.shell,
                &mut Arguments::command(),
                "stepwell",
                &mut script,
            );
            terminal::put(&String::from_utf8_lossy(&script));
            Ok(Verdict::Well)
        }
    }
}
