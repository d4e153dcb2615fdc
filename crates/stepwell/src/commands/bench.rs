//! `stepwell bench`: figures of this machine, beside the machine's own limits in the same run.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::{
    Verdict,
    arguments::{Bench, Workload},
    bench::{bare, functions, load, machine},
    client::Client,
    embedded::{Embedded, Settings},
    packaging, terminal,
};

/// Pass states of the `transitions` machine.
const PASS_STATES: usize = 10;

/// Task states of the `tasks` machine.
const TASK_STATES: usize = 400;

/// What the functions of the benchmarks run on.
pub const RUNTIME: &str = "nodejs20.x";

/// A handler that does nothing.
pub const NO_OP: &str = "exports.handler = async () => ({});\n";

/// Runs one workload against a server of its own, on a fresh store.
pub fn run(arguments: &Bench, is_json: bool) -> anyhow::Result<Verdict> {
    let data = tempdir(&arguments.data)?;
    if arguments.workload == Workload::Functions {
        let measured = functions::run_all(&data, arguments.time());
        remove(&data)?;
        let table = measured?;
        if is_json {
            terminal::put_json(&table.json());
        } else {
            terminal::put(&table.text());
        }
        return Ok(Verdict::Well);
    }
    let syncs = machine::disk(&data)?.syncs_per_second;
    let server = Embedded::start(settings(&data))?;
    let measured = match arguments.workload {
        Workload::Transitions => transitions(&server.endpoint(), arguments),
        Workload::Tasks => tasks(&server.endpoint(), arguments, &data),
        Workload::Functions => unreachable!("it has returned above"),
    };
    server.stop();
    remove(&data)?;
    report(measured?, syncs, is_json);
    Ok(Verdict::Well)
}

/// Standard executions of ten Pass states: durable state transitions a second.
fn transitions(endpoint: &str, arguments: &Bench) -> anyhow::Result<Value> {
    let states: Vec<String> = (0..PASS_STATES)
        .map(|index| match index + 1 < PASS_STATES {
            true => format!(
                r#""S{index}": {{"Type": "Pass", "Next": "S{}"}}"#,
                index + 1
            ),
            false => format!(r#""S{index}": {{"Type": "Pass", "End": true}}"#),
        })
        .collect();
    let arn = create_machine(endpoint, "bench", &states)?;
    let input = json!({ "stateMachineArn": arn, "input": "{\"order\": 1}" }).to_string();
    let started = load::run(
        endpoint,
        "AWSStepFunctions.StartExecution",
        &input,
        usize::from(arguments.clients),
        arguments.time(),
    )?;
    let per_second = started.calls as f64 / started.elapsed.as_secs_f64();
    Ok(json!({
        "workload": "transitions",
        "clients": arguments.clients,
        "executions": started.calls,
        "executionsPerSecond": per_second,
        "transitionsPerSecond": per_second * PASS_STATES as f64,
        "startLatencyMicros": { "p50": started.micros(0.5), "p99": started.micros(0.99) },
    }))
}

/// A warm no-op function through Task states, beside the same function without any state machine.
fn tasks(endpoint: &str, arguments: &Bench, data: &Path) -> anyhow::Result<Value> {
    let package = packaging::inline(NO_OP, RUNTIME).map_err(anyhow::Error::msg)?;
    let client = Client::new(endpoint)?;
    let function = no_op_function(&client)?;
    let arn = create_machine(endpoint, "bench", &task_states(&function, TASK_STATES))?;
    let through = through_states(&client, &arn, arguments)?;
    let bare = bare::rate(
        &package.zip,
        &data.join("bare"),
        usize::from(arguments.clients),
        arguments.time(),
    )?;
    Ok(json!({
        "workload": "tasks",
        "clients": arguments.clients,
        "invocationsPerSecond": through,
        "bareRuntimeApiPerSecond": bare,
        "ratio": through / bare,
    }))
}

/// Keeps as many executions running as there are clients; the invocations a second they make.
fn through_states(client: &Client, arn: &str, arguments: &Bench) -> anyhow::Result<f64> {
    let run_one = |client: &Client| -> anyhow::Result<()> {
        let started = client.states("StartExecution", &json!({ "stateMachineArn": arn }))?;
        let describe =
            json!({ "executionArn": started["executionArn"], "includedData": "METADATA_ONLY" });
        loop {
            let status = client.states("DescribeExecution", &describe)?["status"].clone();
            if status == "SUCCEEDED" {
                return Ok(());
            }
            anyhow::ensure!(
                status == "RUNNING",
                "an execution of the benchmark ended {status}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    // Warm: every environment that will be used has been started.
    std::thread::scope(|scope| {
        let warm: Vec<_> = (0..arguments.clients)
            .map(|_| scope.spawn(|| run_one(client)))
            .collect();
        warm.into_iter()
            .try_for_each(|thread| thread.join().expect("a benchmark thread does not panic"))
    })?;
    let began = Instant::now();
    let runs = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..arguments.clients)
            .map(|_| {
                scope.spawn(|| -> anyhow::Result<u64> {
                    let mut runs = 0;
                    while began.elapsed() < arguments.time() {
                        run_one(client)?;
                        runs += 1;
                    }
                    Ok(runs)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a benchmark thread does not panic"))
            .sum::<anyhow::Result<u64>>()
    })?;
    Ok((runs * TASK_STATES as u64) as f64 / began.elapsed().as_secs_f64())
}

/// Creates a Standard state machine of these states; its ARN.
pub fn create_machine(endpoint: &str, name: &str, states: &[String]) -> anyhow::Result<String> {
    let definition = format!(
        r#"{{"StartAt": "S0", "States": {{{}}}}}"#,
        states.join(", ")
    );
    let input = json!({ "name": name, "definition": definition, "roleArn": "arn:aws:iam::123456789012:role/bench" });
    let created = Client::new(endpoint)?.states("CreateStateMachine", &input)?;
    let arn = created["stateMachineArn"]
        .as_str()
        .context("CreateStateMachine answered without an ARN")?;
    Ok(arn.to_owned())
}

/// Creates the function `no-op`; its ARN.
pub fn no_op_function(client: &Client) -> anyhow::Result<String> {
    let package = packaging::inline(NO_OP, RUNTIME).map_err(anyhow::Error::msg)?;
    let configuration = json!({
        "FunctionName": "no-op", "Runtime": RUNTIME, "Handler": "index.handler",
        "Role": "arn:aws:iam::123456789012:role/bench", "Timeout": 30,
    });
    let created = client.create_function(&configuration, &package.zip)?;
    let arn = created["FunctionArn"]
        .as_str()
        .context("CreateFunction answered without an ARN")?;
    Ok(arn.to_owned())
}

/// Task states of `function`, one after the other, as members of a JSON object.
pub fn task_states(function: &str, count: usize) -> Vec<String> {
    let state = |index: usize| {
        let next = if index + 1 < count {
            format!(r#""Next": "S{}""#, index + 1)
        } else {
            r#""End": true"#.to_owned()
        };
        format!(r#""S{index}": {{"Type": "Task", "Resource": "{function}", {next}}}"#)
    };
    (0..count).map(state).collect()
}

/// A server on a free port, with its store below `data`.
pub fn settings(data: &Path) -> Settings {
    Settings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data: data.join("server"),
        region: "us-east-1".to_owned(),
        account: "123456789012".to_owned(),
        retries_lost_tasks: false,
        checks_roles: false,
        sandbox: false,
        control_group: None,
        stop_within: Duration::from_secs(10),
        endpoints: BTreeMap::new(),
        inspection: None,
    }
}

fn remove(directory: &Path) -> anyhow::Result<()> {
    std::fs::remove_dir_all(directory)
        .with_context(|| format!("cannot remove {}", directory.display()))
}

fn tempdir(below: &Path) -> anyhow::Result<std::path::PathBuf> {
    let directory = below.join(format!("stepwell-bench-{}", std::process::id()));
    std::fs::create_dir_all(&directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    Ok(directory)
}

fn report(mut measured: Value, syncs: f64, is_json: bool) {
    measured["fdatasyncPerSecond"] = json!(syncs);
    if is_json {
        terminal::put_json(&measured);
        return;
    }
    let Value::Object(members) = measured else {
        return;
    };
    for (name, value) in members {
        let text = match value {
            Value::Number(number) if number.is_f64() => {
                format!("{:.2}", number.as_f64().unwrap_or_default())
            }
            Value::String(text) => text,
            other => other.to_string(),
        };
        terminal::put_line(&format!("{name:<26} {text}"));
    }
}
