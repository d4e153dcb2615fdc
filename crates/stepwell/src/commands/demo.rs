//! `stepwell demo`: the sample application, deployed and run on a fresh durable store, each order checked.

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use serde_json::json;

use super::{deploy, incidents, orders, serve};
use crate::{
    Verdict,
    arguments::{self, Demo},
    assembly::{self, Source},
    client::Client,
    configuration::Configuration,
    embedded::{Embedded, Settings},
    interrupt,
    packaging::Stop,
    plan::{Application, StateMachine},
    report::Report,
    server_log::{self, LogFormat},
    stack::Pace,
    terminal,
};

const EXAMPLE: &str = "examples/order-processing";
/// Output of the sample's template that names the state machine of orders.
const MACHINE_OUTPUT: &str = "StateMachineArn";
const STOP_WITHIN: Duration = Duration::from_secs(2);
/// Data directories that are tried before giving up on the temporary directory.
const DATA_DIRECTORIES_MAX: u32 = 100;

pub fn run(arguments: &Demo, is_json: bool) -> anyhow::Result<Verdict> {
    server_log::start(LogFormat::Text, None)?;
    let begun = Instant::now();
    let report = Report::new(is_json);
    let directory = find_example(arguments.dir.as_deref())?;
    let source = source(&directory)?;
    let configuration = Configuration::of_application(&directory)?;
    require_node()?;
    install_packages(&directory, report)?;

    let (ask, asked) = mpsc::sync_channel(1);
    let data = DataDirectory::create(arguments.keep)?;
    interrupt::on_interrupt(move || {
        let _ = ask.send(());
    })?;
    let server = Embedded::start(Settings {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port)),
        data: data.path.clone(),
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
        inspection: None,
        project: Some(source.project(false)),
        mask: configuration.mask,
        access_keys: Vec::new(),
        hosts: Vec::new(),
        hidden_files: Vec::new(),
        trace_port: None,
    })?;
    let endpoint = server.endpoint();
    report.say(&format!(
        "{} at {endpoint}, durable data in {}\n",
        report.style.bold(&directory.display().to_string()),
        data.path.display()
    ));
    let goes_on = || {
        if asked.try_recv().is_ok() {
            bail!("interrupted");
        }
        server.check()
    };
    let verdict = deploy_and_run(&source, &directory, &endpoint, &goes_on, report, begun);
    if matches!(verdict, Ok(Verdict::Well)) {
        say_next(&directory, &endpoint, arguments.keep, report);
    }
    if verdict.is_ok() && arguments.keep {
        report.say(&format!("\n{}", report.style.dim("Serving until Ctrl-C.")));
        serve::wait(&server, &asked)?;
    }
    server.stop();
    drop(data);
    verdict
}

fn deploy_and_run(
    source: &Source,
    directory: &Path,
    endpoint: &str,
    goes_on: &dyn Fn() -> anyhow::Result<()>,
    report: Report,
    begun: Instant,
) -> anyhow::Result<Verdict> {
    let client = Client::new(endpoint)?;
    let Some(application) = deploy::build(source, report, Stop::default())? else {
        return Ok(Verdict::Badly);
    };
    if deploy::bring(&client, &application, Pace::default(), report)? == Verdict::Badly {
        return Ok(Verdict::Badly);
    }
    let Some(machine) = orders_machine(&application) else {
        bail!(
            "the application has {} state machines, and the demo runs the one that its output {MACHINE_OUTPUT} names",
            application.state_machines.len()
        );
    };
    report.say(&format!(
        "\ndeployed in {}\n",
        terminal::duration(i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX))
    ));
    let orders = orders::read(&directory.join("events"))?;
    let watcher = Client::new(endpoint)?;
    let verdict = orders::run(client, &machine.arn, orders, goes_on, report)?;
    let of_alarms = incidents::run(&watcher, &application, goes_on, report)?;
    Ok(match (verdict, of_alarms) {
        (Verdict::Well, Verdict::Well) => Verdict::Well,
        _ => Verdict::Badly,
    })
}

/// The state machine that takes orders: the only one, or the one that an output of the template names.
fn orders_machine(application: &Application) -> Option<&StateMachine> {
    if let [machine] = application.state_machines.as_slice() {
        return Some(machine);
    }
    let named = application
        .outputs
        .iter()
        .find(|(output, _)| output == MACHINE_OUTPUT);
    let (_, arn) = named?;
    application
        .state_machines
        .iter()
        .find(|machine| machine.arn == *arn)
}

fn source(directory: &Path) -> anyhow::Result<Source> {
    let template = assembly::find_template(directory)?;
    let stack = arguments::Stack {
        parameters: Vec::new(),
        stack_name: None,
    };
    let owner = arguments::Owner {
        region: Some(arguments::DEFAULT_REGION.to_owned()),
        account: arguments::DEFAULT_ACCOUNT.to_owned(),
    };
    Source::new(&template, &stack, &owner)
}

/// The named directory, else the example beside this binary's sources, else beside the current directory.
fn find_example(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(named) = named {
        return named.canonicalize().with_context(|| {
            format!(
                "cannot read the application's directory {}",
                named.display()
            )
        });
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let places = [repository, PathBuf::from(".")];
    let found = places
        .iter()
        .map(|place| place.join(EXAMPLE))
        .find(|place| place.is_dir());
    let found = found.with_context(|| {
        format!(
            "the sample application is not here: run in a clone of the repository, or name its {EXAMPLE} with --dir"
        )
    })?;
    let found = found.canonicalize()?;
    // A path that can be pasted is shorter from here.
    let here = env::current_dir().ok();
    Ok(here
        .and_then(|here| {
            found
                .strip_prefix(here)
                .ok()
                .filter(|path| path.is_dir())
                .map(Path::to_path_buf)
        })
        .unwrap_or(found))
}

fn require_node() -> anyhow::Result<()> {
    let version = Command::new("node")
        .arg("--version")
        .stdin(Stdio::null())
        .output();
    match version {
        Ok(output) if output.status.success() => Ok(()),
        _ => bail!(
            "Node.js was not found, and the sample's functions are written for it\nnext: install Node.js 20 or newer, so that `node --version` works"
        ),
    }
}

/// `npm ci`, once: the sample is bundled with the esbuild and the SDK of its own lock file.
fn install_packages(directory: &Path, report: Report) -> anyhow::Result<()> {
    if directory.join("node_modules").is_dir() || !directory.join("package-lock.json").is_file() {
        return Ok(());
    }
    report.say(&format!(
        "installing the sample's npm packages once: npm ci (in {})",
        directory.display()
    ));
    let begun = Instant::now();
    let output = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .context(
            "npm was not found\nnext: install Node.js with npm, so that `npm --version` works",
        )?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!(
            "npm ci failed in {}\n{}\nnext: run it there yourself",
            directory.display(),
            told.trim_end()
        );
    }
    report.say(&format!(
        "installed in {}\n",
        terminal::duration(i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX))
    ));
    Ok(())
}

/// A fresh directory, removed at the end unless it is to be kept.
struct DataDirectory {
    path: PathBuf,
    is_kept: bool,
}

impl DataDirectory {
    fn create(is_kept: bool) -> anyhow::Result<Self> {
        for number in 0..DATA_DIRECTORIES_MAX {
            let path = env::temp_dir().join(format!("stepwell-demo-{}-{number}", process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path, is_kept }),
                Err(reason) if reason.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(reason) => {
                    return Err(reason)
                        .with_context(|| format!("cannot create {}", path.display()));
                }
            }
        }
        bail!(
            "{} is full of stepwell-demo directories\nnext: remove them",
            env::temp_dir().display()
        )
    }
}

impl Drop for DataDirectory {
    fn drop(&mut self) {
        if !self.is_kept {
            // Temporary: what cannot be removed now, the system removes.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn say_next(directory: &Path, endpoint: &str, is_kept: bool, report: Report) {
    report.document(&json!({ "event": "done", "endpoint": endpoint, "kept": is_kept }));
    report.say(&format!("\n{}\n", report.style.bold("Next")));
    let program = terminal::program();
    let mut lines = Vec::new();
    if is_kept {
        report.say(&format!(
            "  {}",
            terminal::exports(endpoint, arguments::DEFAULT_REGION)
        ));
        lines.push((format!("{program} list"), "what ran just now"));
        lines.push((
            format!("{program} logs ValidatePayment"),
            "what a function wrote",
        ));
        lines.push((
            "aws stepfunctions list-state-machines".to_owned(),
            "the same through the AWS CLI",
        ));
    } else {
        lines.push((
            format!("{program} dev {}", directory.display()),
            "serve it, edit a handler, see the next call change",
        ));
        lines.push((
            format!("{program} demo --keep --port 8333"),
            "run the orders again, then look around",
        ));
    }
    let width = lines
        .iter()
        .map(|(command, _)| command.chars().count())
        .max()
        .unwrap_or_default();
    for (command, why) in lines {
        report.say(&format!("  {command:<width$}   {}", report.style.dim(why)));
    }
}
