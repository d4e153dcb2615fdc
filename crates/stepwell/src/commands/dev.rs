//! `stepwell dev`: an application served from its sources, up to date after every save.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use serde_json::json;
use stepwell_template::Code;

use crate::server_log::{self, LogFormat};
use crate::{
    Verdict,
    arguments::Dev,
    assembly::{self, Builder, Resolved, Source, shortfalls},
    client::Client,
    configuration::Configuration,
    deployment::{self, Change, Outcome},
    embedded::{Embedded, HEALTH_CHECK, Settings},
    interrupt, names,
    packaging::Stop,
    plan::{self, Application, Beside, Function, StateMachine},
    report::Report,
    samples,
    stack::{self, Known},
    terminal,
    type_checks::{Project, TypeChecks},
    variables::Variables,
    watch::{Changes, Watch},
};

/// An editor writes a file in several steps; this much silence means that it is done.
const QUIET: Duration = Duration::from_millis(10);
/// A build that writes without end must not keep a reload from happening.
const QUIET_WAIT_MAX: Duration = Duration::from_millis(500);
/// One wake-up pending is enough, one more may be the request to stop.
const WAKES_MAX: usize = 2;
const STOP_WITHIN: Duration = Duration::from_secs(2);
/// Sample inputs that are told beside the first.
const SAMPLES_TOLD_MAX: usize = 8;
/// The store of an application under development, inside its directory.
const DATA_DIRECTORY: &str = ".stepwell";

enum Wake {
    Changed,
    Stop,
}

pub fn run(arguments: &Dev, is_json: bool) -> anyhow::Result<Verdict> {
    server_log::start(LogFormat::Text, None)?;
    let begun = Instant::now();
    let template = match &arguments.template {
        Some(template) => template.clone(),
        None => assembly::find_template(&arguments.dir)?,
    };
    let source = Source::new(&template, &arguments.stack, &arguments.owner)?;
    let configuration = Configuration::of_application(&arguments.dir)?;
    let report = Report::new(is_json);
    let (wake, woken) = mpsc::sync_channel(WAKES_MAX);
    let ask = wake.clone();
    let stop = Stop::default();
    let ended = stop.clone();
    interrupt::on_interrupt(move || {
        // A build that runs, and perhaps installs, is not waited for.
        ended.stop();
        let _ = ask.send(Wake::Stop);
    })?;
    let mut watch = Watch::new(source.directory(), move || {
        // A full channel already holds the news.
        let _ = wake.try_send(Wake::Changed);
    })?;
    let data = arguments.dir.join(DATA_DIRECTORY);
    create_data_directory(&data)
        .with_context(|| format!("cannot create the data directory {}", data.display()))?;
    let mut server = Embedded::start(Settings {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port)),
        data: data.clone(),
        region: source.region.clone(),
        account: source.account.clone(),
        retries_lost_tasks: false,
        checks_roles: false,
        retention: configuration.retention.unwrap_or_default(),
        sandbox: false,
        control_group: None,
        drain_for: Duration::ZERO,
        stop_within: STOP_WITHIN,
        limits: configuration.limits,
        endpoints: configuration.endpoints,
        otlp: configuration.otlp,
        inspection: arguments.inspection.of_lines(is_json),
        project: Some(source.project(true)),
        mask: configuration.mask,
        access_keys: Vec::new(),
        hosts: Vec::new(),
        hidden_files: Vec::new(),
        trace_port: arguments.xray_port,
    })?;
    server.inspect();
    let endpoint = server.endpoint();
    let types = TypeChecks::new(report, data.clone());
    let mut session = Session::new(Client::new(&endpoint)?, source, report, stop);
    session.types = Some(types);
    session.variables = Variables::of_application(&arguments.dir, arguments.env_vars.as_deref());
    session.reload(&Changes::default(), begun)?;
    watch.cover(&session.watched_files())?;
    session.greet(&endpoint, begun);
    session.serve(&server, &mut watch, &woken)?;
    report.say("stopping");
    server.stop();
    Ok(Verdict::Well)
}

/// An application and what the server holds of it.
struct Session {
    client: Client,
    source: Source,
    report: Report,
    builder: Builder,
    files: BTreeSet<PathBuf>,
    is_template_broken: bool,
    warned: Vec<String>,
    is_greeted: bool,
    /// By name, as last deployed.
    functions: BTreeMap<String, Function>,
    state_machines: BTreeMap<String, StateMachine>,
    companions: Vec<Beside>,
    known: Known,
    variables: Variables,
    types: Option<TypeChecks>,
}

impl Session {
    fn new(client: Client, source: Source, report: Report, stop: Stop) -> Self {
        let variables = Variables::of_application(source.directory(), None);
        Self {
            builder: Builder::new(source.directory(), stop),
            files: BTreeSet::from([source.template.clone()]),
            client,
            source,
            report,
            is_template_broken: false,
            warned: Vec::new(),
            is_greeted: false,
            functions: BTreeMap::new(),
            state_machines: BTreeMap::new(),
            companions: Vec::new(),
            known: Known::default(),
            variables,
            types: None,
        }
    }

    /// Reloads after every save until asked to stop.
    fn serve(
        &mut self,
        server: &Embedded,
        watch: &mut Watch,
        woken: &Receiver<Wake>,
    ) -> anyhow::Result<()> {
        loop {
            match woken.recv_timeout(HEALTH_CHECK) {
                Ok(Wake::Changed) => {}
                Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {
                    server.check()?;
                    continue;
                }
            }
            let begun = Instant::now();
            if !wait_for_quiet(woken, begun) {
                return Ok(());
            }
            let changes = watch.take();
            if self.is_relevant(&changes) {
                self.reload(&changes, begun)?;
                if !self.is_greeted && !self.is_empty() {
                    self.greet(&server.endpoint(), begun);
                }
            }
            // A new directory can hold the source that is saved next.
            if changes.is_everything
                || changes.paths.iter().any(|path| path.is_dir())
                || self.is_relevant(&changes)
            {
                watch.cover(&self.watched_files())?;
            }
        }
    }

    fn watched_files(&self) -> BTreeSet<PathBuf> {
        let mut files = self.files.clone();
        files.extend(self.builder.inputs());
        files.extend(self.variables.files());
        files
    }

    fn is_relevant(&self, changes: &Changes) -> bool {
        // A template that cannot be read names no files: any that could be part of it may mend it.
        let may_mend = || changes.paths.iter().any(|path| is_template_part(path));
        (self.is_template_broken && may_mend())
            || !self.files.is_disjoint(&changes.paths)
            || !self.variables.files().is_disjoint(&changes.paths)
            || self.builder.is_concerned(changes)
    }

    /// Brings the server to the sources. What cannot be read or built is told, and its old version stays.
    fn reload(&mut self, changes: &Changes, begun: Instant) -> anyhow::Result<()> {
        let resolved = match self.source.resolve() {
            Ok(resolved) => resolved,
            Err(error) => {
                self.is_template_broken = true;
                self.report.failure(
                    &self.source.template.display().to_string(),
                    &error.to_string(),
                );
                return Ok(());
            }
        };
        let values = match self.variables.read() {
            Ok(values) => values,
            Err(reason) => {
                self.report.failure("variables of functions", &reason);
                return Ok(());
            }
        };
        self.is_template_broken = false;
        self.files.clone_from(&resolved.files);
        self.warn(&resolved);
        let built = self.builder.build(&resolved.stack.functions, changes);
        if self.builder.is_stopped() {
            return Ok(());
        }
        let has_failed = self.builder.tell(&built, self.report);
        let is_built = !self.builder.build_layers(&resolved.stack, self.report) && !has_failed;
        let mut whole = self.builder.application(&self.source, &resolved.stack);
        values.apply(&mut whole);
        let fresh = self.fresh(whole.clone());
        let is_same = fresh.functions.is_empty()
            && fresh.state_machines.is_empty()
            && whole.companions == self.companions;
        let is_brought = self.bring(fresh, begun)?;
        // What is deployed may still call what has left the template, so that goes only after all else is in place.
        let is_whole = is_built && is_brought;
        let removed = if is_whole {
            self.remove(&resolved, begun)? + self.prune(whole, begun)?
        } else {
            0
        };
        self.check_types(&resolved, changes);
        if is_same && is_whole && removed == 0 {
            self.report.say(&self.report.style.dim(&format!(
                "nothing to update  {}",
                terminal::duration(elapsed_ms(begun))
            )));
        }
        Ok(())
    }

    /// Has the types of what was saved looked at, beside what runs.
    fn check_types(&self, resolved: &Resolved, changes: &Changes) {
        let is_first = changes.paths.is_empty();
        let concerns = |path: &PathBuf| {
            path.extension().is_some_and(|extension| {
                ["ts", "tsx", "mts", "cts", "json"]
                    .iter()
                    .any(|kind| extension == *kind)
            })
        };
        let Some(types) = self.types.as_ref() else {
            return;
        };
        if !is_first && !changes.is_everything && !changes.paths.iter().any(concerns) {
            return;
        }
        let directories = resolved.stack.functions.iter().filter_map(|function| {
            let Code::Directory(code) = &function.code else {
                return None;
            };
            Some(self.source.directory().join(code))
        });
        types.restart(directories.filter_map(|code| Project::of(&code)).collect());
    }

    /// Each warning once, not on every save.
    fn warn(&mut self, resolved: &Resolved) {
        let stack = &resolved.stack;
        let warnings: Vec<String> = stack
            .warnings
            .iter()
            .map(ToString::to_string)
            .chain(
                shortfalls(stack)
                    .into_iter()
                    .map(|(subject, reason)| format!("{subject}: {reason}")),
            )
            .collect();
        for warning in warnings
            .iter()
            .filter(|warning| !self.warned.contains(warning))
        {
            self.report.warning(warning);
        }
        self.warned = warnings;
    }

    /// What differs from what was deployed last.
    fn fresh(&self, application: Application) -> Application {
        // What names something that another resource gives, a layer's version say, follows it.
        let is_other = application.companions != self.companions;
        Application {
            functions: application
                .functions
                .into_iter()
                .filter(|function| {
                    let is_new = self.functions.get(&function.name) != Some(function);
                    is_new || is_other && function.is_open()
                })
                .collect(),
            state_machines: application
                .state_machines
                .into_iter()
                .filter(|machine| {
                    let is_new = self.state_machines.get(&machine.name) != Some(machine);
                    is_new || is_other && machine.is_open()
                })
                .collect(),
            // Versions follow what they are versions of; all others go together, since they name each other.
            companions: match application.companions == self.companions {
                true => application
                    .companions
                    .into_iter()
                    .filter(|beside| beside.is_published())
                    .collect(),
                false => application.companions,
            },
            ..application
        }
    }

    /// Deletes what left the template beside functions and state machines, once it is another template.
    fn prune(&mut self, whole: Application, begun: Instant) -> anyhow::Result<usize> {
        if whole.companions == self.companions {
            return Ok(0);
        }
        let report = self.report;
        let count = match self.companions.is_empty() {
            true => 0,
            false => stack::prune(&self.client, &whole.stack(), &mut |change| {
                report.change(&Change {
                    took_ms: elapsed_ms(begun),
                    ..change
                });
            })?,
        };
        self.companions = whole.companions;
        Ok(count)
    }

    /// Whether the server took all of it.
    fn bring(&mut self, fresh: Application, begun: Instant) -> anyhow::Result<bool> {
        let mut refused = BTreeSet::new();
        let report = self.report;
        deployment::deploy(&self.client, &fresh, &mut self.known, |change| {
            if change.has_failed() {
                refused.insert(change.name.clone());
            }
            let is_main = matches!(change.what, "function" | "state machine");
            if !is_main && matches!(change.outcome, Outcome::Unchanged) {
                return;
            }
            report.change(&Change {
                took_ms: elapsed_ms(begun),
                ..change
            });
        })?;
        let is_taken = |name: &str| !refused.contains(name);
        self.functions.extend(
            fresh
                .functions
                .into_iter()
                .filter(|function| is_taken(&function.name))
                .map(|function| (function.name.clone(), function)),
        );
        self.state_machines.extend(
            fresh
                .state_machines
                .into_iter()
                .filter(|machine| is_taken(&machine.name))
                .map(|machine| (machine.name.clone(), machine)),
        );
        Ok(refused.is_empty())
    }

    /// Deletes what has left the template, state machines first, since they name functions.
    fn remove(&mut self, resolved: &Resolved, begun: Instant) -> anyhow::Result<usize> {
        let machines: Vec<&str> = resolved
            .stack
            .state_machines
            .iter()
            .map(|machine| machine.name.as_str())
            .collect();
        let functions: Vec<&str> = resolved
            .stack
            .functions
            .iter()
            .map(|function| function.name.as_str())
            .collect();
        let mut changes = Vec::new();
        for name in plan::removed(self.state_machines.keys().map(String::as_str), &machines) {
            changes.push(deployment::delete_state_machine(
                &self.client,
                &self.state_machines[name],
            )?);
        }
        for name in plan::removed(self.functions.keys().map(String::as_str), &functions) {
            changes.push(deployment::delete_function(
                &self.client,
                &self.functions[name],
            )?);
        }
        self.state_machines
            .retain(|name, _| machines.contains(&name.as_str()));
        self.functions
            .retain(|name, _| functions.contains(&name.as_str()));
        let count = changes.len();
        for change in changes {
            self.report.change(&Change {
                took_ms: elapsed_ms(begun),
                ..change
            });
        }
        Ok(count)
    }

    fn is_empty(&self) -> bool {
        self.state_machines.is_empty() && self.functions.is_empty()
    }

    /// Says where what is deployed can be called, or that nothing is.
    fn greet(&mut self, endpoint: &str, begun: Instant) {
        if self.builder.is_stopped() {
            return;
        }
        if self.is_empty() {
            self.report
                .document(&json!({ "event": "waiting", "endpoint": endpoint }));
            self.report.say(&format!(
                "\n{} at {endpoint}: nothing is deployed yet, the next save is tried. Ctrl-C stops.",
                self.report.style.bold(&self.source.stack_name),
            ));
            return;
        }
        self.is_greeted = true;
        let machines: Vec<&str> = self
            .state_machines
            .values()
            .map(|machine| machine.arn.as_str())
            .collect();
        self.report.document(&json!({
            "event": "ready",
            "endpoint": endpoint,
            "stateMachines": machines,
            "functions": self.functions.keys().collect::<Vec<_>>(),
            "durationMs": elapsed_ms(begun),
        }));
        let style = self.report.style;
        let heading = format!(
            "{} at {endpoint}, ready in {}",
            self.source.stack_name,
            terminal::duration(elapsed_ms(begun))
        );
        self.report.say(&format!("\n{}\n", style.bold(&heading)));
        for arn in &machines {
            self.report
                .say(&format!("  state machine  {}", style.cyan(arn)));
        }
        for name in self.functions.keys() {
            self.report
                .say(&format!("  function       {}", style.cyan(name)));
        }
        self.report
            .say("\nFor the AWS CLI, an SDK or `stepwell` in another terminal:\n");
        self.report.say(&format!(
            "  {}\n",
            terminal::exports(endpoint, &self.source.region)
        ));
        if let Some(arn) = machines.first() {
            let samples = samples::of(self.source.directory());
            let sample = samples
                .first()
                .map(|path| format!(" --input {}", path.display()))
                .unwrap_or_default();
            self.report.say(&format!(
                "  {} start {}{sample} --follow\n",
                terminal::program(),
                names::short(arn)
            ));
            if let [_, others @ ..] = samples.as_slice()
                && !others.is_empty()
            {
                let names: Vec<String> = others
                    .iter()
                    .take(SAMPLES_TOLD_MAX)
                    .map(|path| path.display().to_string())
                    .collect();
                self.report.say(&style.dim(&format!(
                    "  other inputs: {}{}\n",
                    names.join(", "),
                    if others.len() > names.len() {
                        ", ..."
                    } else {
                        ""
                    }
                )));
            }
        }
        self.report.say(
            &style.dim(
                "Every save is deployed; executions in flight keep their version. Ctrl-C stops.",
            ),
        );
    }
}

/// A store of its own making inside the application's directory, which is often a repository, keeps itself out of it.
fn create_data_directory(data: &Path) -> io::Result<()> {
    if data.exists() {
        return Ok(());
    }
    fs::create_dir_all(data)?;
    fs::write(data.join(".gitignore"), "*\n")
}

/// Waits until nothing more is saved; false if asked to stop.
fn wait_for_quiet(woken: &Receiver<Wake>, begun: Instant) -> bool {
    while begun.elapsed() < QUIET_WAIT_MAX {
        match woken.recv_timeout(QUIET) {
            Ok(Wake::Changed) => {}
            Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => return true,
        }
    }
    true
}

fn is_template_part(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["yaml", "yml", "json"]
            .iter()
            .any(|kind| extension == *kind)
    })
}

fn elapsed_ms(begun: Instant) -> i64 {
    i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "dev_tests.rs"]
mod tests;
