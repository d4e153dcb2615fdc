//! The command line: names, options, help. What each command does is in its own file.

use std::{env, net::SocketAddr, path::PathBuf, time::Duration};

use serde_json::json;

use crate::{
    embedded::{Inspection, Retention},
    server_log::LogFormat,
    terminal,
};

use clap::{Args, Parser, Subcommand, ValueEnum};

pub const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:8333";
pub const DEFAULT_REGION: &str = "us-east-1";
pub const DEFAULT_ACCOUNT: &str = "123456789012";
pub const DEFAULT_PORT: u16 = 8333;
/// Node's own.
const INSPECT_PORT: &str = "9229";

const EXIT_CODES: &str = "\
Exit codes:
  0  it went well
  1  it ran and ended badly: an execution that failed, timed out or was aborted, a function error,
     an invalid template or definition, a sample order that did not end as it says
  2  it could not run: wrong usage, no server, an error of the server or of this machine

Environment:
  AWS_ENDPOINT_URL                 the server, unless --endpoint is given
  AWS_REGION, AWS_DEFAULT_REGION   the region, unless --region is given
  NO_COLOR                         set to anything: no colours
  STEPWELL_LOG                     what the server logs to stderr: error, warn (default), info, debug";

#[derive(Debug, Parser)]
#[command(
    name = "stepwell",
    version,
    about = "AWS Step Functions applications, unchanged, on one binary",
    after_help = "Start here:\n  stepwell demo                      run the sample application to its end\n  stepwell dev examples/order-processing\n                                     serve an application and reload it on save\n\nExit codes: 0 well, 1 ended badly, 2 could not run (see --help)",
    after_long_help = EXIT_CODES,
    arg_required_else_help = true
)]
pub struct Arguments {
    /// Print JSON for machines: one document, or one document a line
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the sample order-processing application: deploy it, run every sample order, check each end
    Demo(Demo),
    /// Serve an application from its template and reload it on every save
    Dev(Dev),
    /// Serve the AWS API on a data directory
    Serve(Serve),
    /// Build a SAM or CloudFormation template and bring a server to it
    Deploy(Deploy),
    /// Start an execution, and follow it to its end with --follow
    Start(Start),
    /// Show the history of an execution
    History(History),
    /// Show the trace of an execution: states, attempts, functions and their calls, over time
    Trace(Trace),
    /// Show the log of a function or a state machine
    Logs(Logs),
    /// List the metrics of a server, or show the values of one
    Metrics(Metrics),
    /// List alarms with their states, or show the history of one
    Alarms(Alarms),
    /// Invoke a function
    Invoke(Invoke),
    /// Check a template or a state machine definition, without a server
    Validate(Validate),
    /// List state machines with their latest executions, and functions
    List(List),
    /// Measure this machine: figures of Stepwell beside the machine's own limits in the same run
    Bench(Bench),
    /// Copy everything durable of a running server, or of a data directory, into a new directory
    Backup(Backup),
    /// Make a data directory of a backup
    Restore(Restore),
    /// Check every row of a data directory or a backup
    Fsck(Fsck),
    /// Make an access key, as a section of the file that `serve --access-keys` reads
    AccessKey(NewAccessKey),
    /// Print a completion script for a shell
    Completions(Completions),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  stepwell bench transitions\n  stepwell bench tasks --clients 8 --seconds 20 --json\n  stepwell bench all --directory /var/lib\n  stepwell bench start --server ./stepwell-of-last-week\n\nEach workload runs against a server process of its own with an empty durable store; the load generator is a client over HTTP."
)]
pub struct Bench {
    #[arg(value_enum)]
    pub workload: Workload,
    /// Calls or executions open at once
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub clients: u16,
    /// How long each rate is measured, in seconds [default: 10, for all workloads 5]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: Option<u64>,
    /// Executions, children or items, where a workload has a number of them [default: as named at the workload]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub count: Option<u64>,
    /// Directory below which the stores are: the disk that is measured
    #[arg(long, alias = "data", value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    /// The program that serves, to compare two releases [default: this one]
    #[arg(long, value_name = "PROGRAM")]
    pub server: Option<PathBuf>,
}

impl Bench {
    pub fn time(&self) -> Duration {
        let of_all = self.workload == Workload::All;
        Duration::from_secs(self.seconds.unwrap_or(if of_all { 5 } else { 10 }))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Standard executions of ten Pass states: durable state transitions a second, bytes written for each
    Transitions,
    /// StartExecution until it is durable: how many a second, and how late at half of that
    Start,
    /// One client: a Standard execution to its end, an Express one in its call
    Latency,
    /// Express executions in their calls (StartSyncExecution), beside an HTTP server that only answers
    Express,
    /// A warm no-op function through Task states, beside the bare Runtime API loop
    Tasks,
    /// An inline Map of 10,000 items, distributed ones of 100,000 children (--count, and a tenth of it inline)
    Map,
    /// A history of 25,000 events in pages of 1,000
    History,
    /// Starts after kill -9, with up to 200,000 finished executions (--count) and with functions in flight
    Recovery,
    /// A million executions asleep in a Wait (--count): memory, disk, processor, restart
    Sleepers,
    /// A list over a million executions (--count), as the console pages and filters it
    Lists,
    /// What one more state, branch, item and kilobyte costs, and what 100,000 open executions (--count) add
    Costs,
    /// Functions: runs of tasks, warm calls, cold starts, deployed functions, edits
    Functions,
    /// Metrics (--count: series), logs, traces, and what seeing costs the engine: the same load with telemetry and without
    Telemetry,
    /// The part of `telemetry` about logs: lines of functions and of PutLogEvents (--count: calls of 1,000 lines), FilterLogEvents
    Logs,
    /// The part of `telemetry` about what seeing costs: the same load with telemetry and without, in turns
    Overhead,
    /// Every workload, one after the other
    All,
}

impl Workload {
    /// The workloads that one stands for.
    pub fn all(&self) -> &[Workload] {
        const ALL: [Workload; 13] = [
            Workload::Transitions,
            Workload::Start,
            Workload::Latency,
            Workload::Express,
            Workload::Tasks,
            Workload::Map,
            Workload::Sleepers,
            Workload::History,
            Workload::Lists,
            Workload::Recovery,
            Workload::Costs,
            Workload::Functions,
            Workload::Telemetry,
        ];
        if *self == Workload::All {
            &ALL
        } else {
            std::slice::from_ref(self)
        }
    }

    /// As the command line names it.
    pub fn name(self) -> &'static str {
        match self {
            Workload::Transitions => "transitions",
            Workload::Start => "start",
            Workload::Latency => "latency",
            Workload::Express => "express",
            Workload::Tasks => "tasks",
            Workload::Map => "map",
            Workload::Sleepers => "sleepers",
            Workload::History => "history",
            Workload::Lists => "lists",
            Workload::Recovery => "recovery",
            Workload::Costs => "costs",
            Workload::Functions => "functions",
            Workload::Telemetry => "telemetry",
            Workload::Logs => "logs",
            Workload::Overhead => "overhead",
            Workload::All => "all",
        }
    }
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  stepwell backup --to /backups/monday\n  stepwell backup --to /backups/monday --data .stepwell    without a server\n\nEverything that was acknowledged before the call is in it. The directory is made by the server, on its machine, and must not exist.\nPut it on another disk: a disk that a backup fills is full for the server too."
)]
pub struct Backup {
    /// The directory to make
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// A data directory that no server has open [default: ask the running server]
    #[arg(long, value_name = "DIR", conflicts_with = "endpoint")]
    pub data: Option<PathBuf>,
    /// How fast it reads, in MiB a second
    #[arg(long, value_name = "MIB", default_value_t = crate::embedded::BACKUP_RATE, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rate: u32,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  stepwell restore --from /backups/monday --to .stepwell && stepwell serve --data .stepwell\n\nTasks that ran at the instant of the backup are in doubt, as after a crash: see --on-lost-task of serve.\nWhat has happened since is not known to the restored server: run only one of the two, or tasks run twice."
)]
pub struct Restore {
    /// The backup
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// The data directory to make; absent or empty
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  stepwell fsck .stepwell\n  stepwell fsck /backups/monday --json\n\nExit codes: 0 nothing was found, 1 something was found, 2 it could not be checked (a server has it open, no store).\nA running server is checked through a backup of it."
)]
pub struct Fsck {
    /// A data directory that no server has open, or a backup
    pub dir: PathBuf,
    /// Make again what follows from other rows; not built yet
    #[arg(long)]
    pub repair: bool,
}

/// Which server to talk to.
#[derive(Debug, Args)]
pub struct Connection {
    /// The server [default: $AWS_ENDPOINT_URL, else http://127.0.0.1:8333]
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
}

impl Connection {
    pub fn endpoint(&self) -> String {
        let from_environment = || {
            env::var("AWS_ENDPOINT_URL")
                .ok()
                .filter(|url| !url.is_empty())
        };
        self.endpoint
            .clone()
            .or_else(from_environment)
            .unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned())
    }
}

/// Whose resources they are.
#[derive(Debug, Args, Clone)]
pub struct Owner {
    /// The AWS region in every ARN [default: $AWS_REGION, $AWS_DEFAULT_REGION, else us-east-1]
    #[arg(long, value_parser = region)]
    pub region: Option<String>,
    /// The AWS account in every ARN
    #[arg(long, value_parser = account, default_value = DEFAULT_ACCOUNT)]
    pub account: String,
}

impl Owner {
    pub fn region(&self) -> String {
        let from_environment = || {
            ["AWS_REGION", "AWS_DEFAULT_REGION"]
                .iter()
                .find_map(|name| env::var(name).ok().filter(|value| region(value).is_ok()))
        };
        self.region
            .clone()
            .or_else(from_environment)
            .unwrap_or_else(|| DEFAULT_REGION.to_owned())
    }
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  stepwell demo\n  stepwell demo --keep --port 8333    keep serving afterwards, to look around"
)]
pub struct Demo {
    /// Port to serve on [default: any free one]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub port: u16,
    /// Keep the server and its data after the orders have run, until Ctrl-C
    #[arg(long)]
    pub keep: bool,
    /// The application's directory [default: examples/order-processing of the repository]
    #[arg(long)]
    pub dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  stepwell dev\n  stepwell dev examples/order-processing --port 8333\n  stepwell dev --template infra/template.yaml --parameter Stage=test"
)]
pub struct Dev {
    /// The application's directory, with template.yaml, template.yml or template.json
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Port to serve on; 0 for any free one
    #[arg(long, default_value_t = DEFAULT_PORT)]
    pub port: u16,
    /// Variables of functions, in the format of `sam local`; they replace what the template declares
    #[arg(long, value_name = "FILE")]
    pub env_vars: Option<PathBuf>,
    /// The template, if it is not DIR/template.{yaml,yml,json}
    #[arg(long, value_name = "FILE")]
    pub template: Option<PathBuf>,
    #[command(flatten)]
    pub inspection: Inspect,
    /// Port of the daemon of X-Ray on the loopback interface; without it 2000, or another one if that is in use
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub xray_port: Option<u16>,
    #[command(flatten)]
    pub stack: Stack,
    #[command(flatten)]
    pub owner: Owner,
}

/// Whether and where functions can be debugged.
#[derive(Debug, Args, Clone)]
pub struct Inspect {
    /// Let debuggers attach to functions, each at a port of its own from PORT on; time-outs of a function stand still meanwhile
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = INSPECT_PORT, value_parser = clap::value_parser!(u16).range(1024..))]
    pub inspect: Option<u16>,
    /// As --inspect, and a handler's module is loaded only once a debugger is attached
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = INSPECT_PORT, value_parser = clap::value_parser!(u16).range(1024..), conflicts_with = "inspect")]
    pub inspect_brk: Option<u16>,
}

impl Inspect {
    /// What a server is told; ports are told in lines of text or of JSON.
    pub fn of_lines(&self, is_json: bool) -> Option<Inspection> {
        Some(Inspection {
            first_port: self.inspect.or(self.inspect_brk)?,
            waits: self.inspect_brk.is_some(),
            told: if is_json { tell_port_json } else { tell_port },
        })
    }
}

fn tell_port(function: &str, port: Result<u16, &str>) {
    terminal::put_line(&match port {
        Ok(port) => format!("inspector      {function:<40} 127.0.0.1:{port}"),
        Err(reason) => format!("warning: no inspector for {function}: {reason}"),
    });
}

fn tell_port_json(function: &str, port: Result<u16, &str>) {
    terminal::put_json(&match port {
        Ok(port) => json!({ "event": "inspector", "function": function, "port": port }),
        Err(reason) => json!({
            "event": "warning",
            "message": format!("no inspector for {function}: {reason}"),
        }),
    });
}

/// What a template needs to become a stack.
#[derive(Debug, Args, Clone)]
pub struct Stack {
    /// Value of a template parameter, KEY=VALUE; may be repeated
    #[arg(long = "parameter", value_name = "KEY=VALUE", value_parser = parameter)]
    pub parameters: Vec<(String, String)>,
    /// The stack's name, the first part of made-up names [default: the name of the template's directory]
    #[arg(long, value_parser = stack_name)]
    pub stack_name: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  stepwell serve --listen 127.0.0.1:8333 --data .stepwell\n  stepwell serve --on-lost-task retry    at-least-once tasks after a crash\n\nThe first line on stdout is `listening on http://HOST:PORT`, as soon as calls are answered.\nSIGINT or SIGTERM stops gracefully: running tasks may finish first. A second one stops at once."
)]
pub struct Serve {
    /// Address to serve on; port 0 for any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8333")]
    pub listen: SocketAddr,
    /// Directory of the durable store; created if absent
    #[arg(long, value_name = "DIR", default_value = ".stepwell")]
    pub data: PathBuf,
    #[command(flatten)]
    pub owner: Owner,
    /// A task that ran when the server crashed: fail it, so that its Retry and Catch decide, or run it again
    #[arg(long, value_enum, default_value_t = LostTask::Fail)]
    pub on_lost_task: LostTask,
    /// A role that no CreateRole made: accept its name, or refuse it where AWS does
    #[arg(long, value_enum, default_value_t = Roles::Unchecked)]
    pub roles: Roles,
    /// How long executions are kept after their end, where the tag stepwell:retention of their state machine does not say:
    /// 90d, 12h, 30m, 45s or never [default: the settings', else 90d]
    #[arg(long, value_name = "TIME")]
    pub retention: Option<Retention>,
    /// What stands between functions and this machine, beside limits: nothing, or namespaces of their own (Linux)
    #[arg(long, value_enum, default_value_t = Sandbox::None)]
    pub sandbox: Sandbox,
    /// Control group (version 2) that is delegated to this server, for limits on functions [default: the server's own]
    #[arg(long, value_name = "DIR")]
    pub control_group: Option<PathBuf>,
    /// How long to serve on when asked to stop, while /ready says no, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub drain_seconds: u64,
    /// Longest wait for running tasks and requests when stopping, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub stop_within: u64,
    /// Throttle as an account of AWS is throttled, so that a test finds out
    #[arg(long)]
    pub aws_quotas: bool,
    /// Settings, such as limits, and where the services are that Stepwell does not serve [default: none]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Access keys of users, in the form of ~/.aws/credentials: requests must then be signed with one [default: none,
    /// anybody is taken]
    #[arg(long, value_name = "FILE")]
    pub access_keys: Option<PathBuf>,
    /// Name that requests call the server by, beside its address, localhost and names without a dot, such as that of a proxy
    /// in front; may be given several times
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
    /// How the server's own log on stderr is written: for people, or one JSON object a line
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// What the server logs: error, warn, info, debug, or as in stepwell_server=debug [default: STEPWELL_LOG, else warn]
    #[arg(long, value_name = "LEVELS")]
    pub log: Option<String>,
    /// Metrics, logs of executions and traces of what happens: made, or not
    #[arg(long, value_enum, default_value_t = Telemetry::On)]
    pub telemetry: Telemetry,
    #[command(flatten)]
    pub inspection: Inspect,
    /// Port of the daemon of X-Ray on the loopback interface; without it 2000, or another one if that is in use
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub xray_port: Option<u16>,
}

#[derive(Debug, Args)]
pub struct NewAccessKey {
    /// The user's name
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Telemetry {
    On,
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LostTask {
    Fail,
    Retry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sandbox {
    None,
    Namespaces,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Roles {
    Checked,
    Unchecked,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  stepwell deploy template.yaml\n  stepwell deploy app/template.yaml --stack-name shop --parameter Stage=prod --endpoint http://10.0.0.5:8333\n\nDeploying twice changes nothing: what is already there is reported as unchanged."
)]
pub struct Deploy {
    /// The SAM or CloudFormation template, or the directory that has one; a cdk.out too
    pub template: PathBuf,
    /// Only show what would change
    #[arg(long)]
    pub plan: bool,
    /// How long a minute of a deployment preference lasts, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = seconds)]
    pub rollout_minute: f64,
    #[command(flatten)]
    pub stack: Stack,
    #[command(flatten)]
    pub owner: Owner,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  stepwell start OrderProcessing --input events/paid.json --follow\n  stepwell start OrderProcessing --input '{\"orderId\": \"7\"}'\n  generate-order | stepwell start OrderProcessing --input - --follow --json\n\nWith --follow the exit code is 0 if the execution succeeded, 1 if it failed, timed out or was aborted.\nAn Express state machine runs to its end in the call (StartSyncExecution)."
)]
pub struct Start {
    /// The state machine: its ARN, its name, or a part of its name that only one has
    pub state_machine: String,
    /// The input: a file, - for stdin, or JSON text [default: {}]
    #[arg(long, short, value_name = "FILE|-|JSON")]
    pub input: Option<String>,
    /// The execution's name [default: made up by the server]
    #[arg(long)]
    pub name: Option<String>,
    /// Show each state as it ends, then the output
    #[arg(long, short)]
    pub follow: bool,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  stepwell history arn:aws:states:us-east-1:123456789012:execution:OrderProcessing:7f9c\n  stepwell history OrderProcessing:7f9c        machine and execution name\n  stepwell history OrderProcessing             its latest execution\n  stepwell history OrderProcessing --json      every event, one JSON document a line"
)]
pub struct History {
    /// The execution: its ARN, MACHINE:NAME, or a state machine for its latest execution
    pub execution: String,
    /// Show every event instead of one line a state
    #[arg(long, short)]
    pub events: bool,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  stepwell trace OrderProcessing:7f9c         machine and execution name\n  stepwell trace OrderProcessing              its latest execution\n  stepwell trace 1-6553f100-0123456789abcdef01234567\n  stepwell trace OrderProcessing --json       the tree as one JSON document"
)]
pub struct Trace {
    /// The execution: its ARN, MACHINE:NAME, or a state machine for its latest execution; or the id of a trace
    pub execution: String,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  stepwell logs ValidatePayment\n  stepwell logs ValidatePayment --follow\n  stepwell logs OrderProcessing --since 10m --filter Failed    the log group of a state machine\n  stepwell logs query 'stats count(*) by level' --group ValidatePayment --since 1h",
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Logs {
    #[command(subcommand)]
    pub query: Option<LogsCommand>,
    /// The function or state machine: its ARN, its name, or a part of its name that only one has; or /a/log/group
    #[arg(required = true)]
    pub function: Option<String>,
    /// Only what was logged within this time: 90s, 10m, 2h, 1d
    #[arg(long, value_name = "TIME", value_parser = time_span)]
    pub since: Option<Duration>,
    /// Only what matches a filter pattern of CloudWatch Logs, such as a word or "quoted text"
    #[arg(long, value_name = "PATTERN")]
    pub filter: Option<String>,
    /// Go on with what the function logs from now on, until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Subcommand)]
pub enum LogsCommand {
    /// Ask a query of CloudWatch Logs Insights
    Query(LogsQuery),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  stepwell logs query 'filter @message like /ERROR/ | limit 20' --group ValidatePayment\n  stepwell logs query 'stats count(*), avg(ms) by level, bin(5m)' --group /app/a --group /app/b --since 1d --json\n\nThe language is described in docs/logs.md."
)]
pub struct LogsQuery {
    /// The query
    pub query: String,
    /// A function, a state machine or a /log/group that is asked; may be given several times
    #[arg(long, short, value_name = "NAME", required = true)]
    pub group: Vec<String>,
    /// How far back is looked: 90s, 10m, 2h, 1d
    #[arg(long, value_name = "TIME", value_parser = time_span, default_value = "1h")]
    pub since: Duration,
    /// Rows at most
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: Option<u32>,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  stepwell metrics                       the metrics of all namespaces\n  stepwell metrics AWS/States            those of one, with their dimensions\n  stepwell metrics OrderProcessing PaymentFailures --stat Sum --period 10 --since 10m\n  stepwell metrics AWS/Lambda Duration --dimension FunctionName=pay --stat p99"
)]
pub struct Metrics {
    /// Such as AWS/States, AWS/Lambda, or an application's own
    pub namespace: Option<String>,
    /// The metric whose values are shown
    pub metric: Option<String>,
    /// A dimension of the metric; all of them must be named, as with CloudWatch
    #[arg(long, short, value_name = "NAME=VALUE")]
    pub dimension: Vec<String>,
    /// Sum, Average, Minimum, Maximum, SampleCount, p99 and the like
    #[arg(long, default_value = "Sum")]
    pub stat: String,
    /// Seconds of one value: below 60 for metrics of high resolution
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub period: u32,
    /// How far back: 90s, 10m, 2h, 1d [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = time_span)]
    pub since: Option<Duration>,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  stepwell alarms\n  stepwell alarms PaymentFailures        its state, and what has happened to it"
)]
pub struct Alarms {
    /// The alarm whose history is shown
    pub alarm: Option<String>,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  stepwell invoke ValidatePayment --event events/paid.json --log\n  stepwell invoke ValidatePayment --event '{\"orderId\": \"7\"}'\n  stepwell invoke ValidatePayment --event paid --qualifier live    a file of the directory events\n\nThe exit code is 1 if the function returned an error."
)]
pub struct Invoke {
    /// The function: its ARN, its name, or a part of its name that only one has
    pub function: String,
    /// The event: a file, - for stdin, or JSON text [default: {}]
    #[arg(long, short, value_name = "FILE|-|JSON")]
    pub event: Option<String>,
    /// A version or an alias of the function
    #[arg(long, value_name = "VERSION|ALIAS")]
    pub qualifier: Option<String>,
    /// Let it run on its own: returns once the event is taken
    #[arg(long = "async", conflicts_with = "log")]
    pub is_async: bool,
    /// Show the last 4 KiB of the function's log on stderr
    #[arg(long, short, visible_alias = "tail")]
    pub log: bool,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  stepwell validate template.yaml\n  stepwell validate statemachine/order-processing.asl.json\n\nThe exit code is 1 if there is an error; warnings alone are 0."
)]
pub struct Validate {
    /// A SAM or CloudFormation template, or a definition in the Amazon States Language (JSON or YAML)
    pub file: PathBuf,
    /// Check the definition as one of an Express state machine
    #[arg(long)]
    pub express: bool,
    #[command(flatten)]
    pub stack: Stack,
    #[command(flatten)]
    pub owner: Owner,
}

#[derive(Debug, Args)]
pub struct List {
    /// Executions shown of each state machine, newest first
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub executions: u16,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  stepwell completions bash > ~/.local/share/bash-completion/completions/stepwell\n  stepwell completions zsh > ~/.zfunc/_stepwell\n  stepwell completions fish > ~/.config/fish/completions/stepwell.fish"
)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// A number and its unit.
fn time_span(text: &str) -> Result<Duration, String> {
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => 0,
    };
    let number = text.get(..text.len().saturating_sub(1)).unwrap_or_default();
    let seconds = number.parse::<u32>().ok().filter(|_| unit > 0);
    seconds
        .map(|number| Duration::from_secs(u64::from(number) * unit))
        .ok_or_else(|| "a time is a number and s, m, h or d, like 10m".to_owned())
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a parameter is KEY=VALUE")?;
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric());
    if is_key {
        Ok((key.to_owned(), value.to_owned()))
    } else {
        Err(format!("parameter name {key:?} is not alphanumeric"))
    }
}

// AWS: a stack name starts with a letter and holds letters, digits and hyphens, at most 128.
fn stack_name(text: &str) -> Result<String, String> {
    let is_start = text.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_start && text.len() <= 128 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    {
        Ok(text.to_owned())
    } else {
        Err(
            "a stack name is a letter, then letters, digits and hyphens, at most 128 characters"
                .to_owned(),
        )
    }
}

fn seconds(value: &str) -> Result<f64, String> {
    let parsed = value.parse().ok();
    let parsed =
        parsed.filter(|seconds: &f64| seconds.is_finite() && (0.0..=3_600.0).contains(seconds));
    parsed.ok_or_else(|| "expected a number of seconds from 0 to 3600".to_owned())
}

fn region(text: &str) -> Result<String, String> {
    let is_region = !text.is_empty()
        && text.len() <= 32
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if is_region {
        Ok(text.to_owned())
    } else {
        Err("a region is lower-case letters, digits and hyphens, like eu-central-1".to_owned())
    }
}

fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("an account is 12 digits".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn values_are_checked_before_anything_runs() {
        assert_eq!(
            parameter("Stage=a=b"),
            Ok(("Stage".to_owned(), "a=b".to_owned()))
        );
        assert!(
            parameter("Stage").is_err() && parameter("=x").is_err() && parameter("a b=x").is_err()
        );
        assert!(
            stack_name("shop-2").is_ok()
                && stack_name("2shop").is_err()
                && stack_name("a_b").is_err()
        );
        assert!(region("eu-central-1").is_ok() && region("EU").is_err() && region("").is_err());
        assert!(
            account("123456789012").is_ok()
                && account("1234").is_err()
                && account("12345678901x").is_err()
        );
    }
}
