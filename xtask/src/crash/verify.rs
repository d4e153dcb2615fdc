//! What must be true once everything has come to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::book::{Book, PAUSE, Record, lock, operation};
use super::history::{self, Attempt};
use super::load::describe;
use super::machines::{self, Kind, NOT_STARTED};
use crate::soak::client::Client;

/// How often each try of each task had its effect, by execution.
pub type Effects = BTreeMap<String, BTreeMap<Attempt, u64>>;

/// What is asked of the end.
#[derive(Clone, Copy)]
pub struct Rules {
    /// Whether the server was told to call lost tasks again.
    pub retries_lost: bool,
    /// Whether a function can fail for want of room.
    pub functions_may_fail: bool,
}

/// Reads the lines that functions wrote.
pub fn effects(lines: &Path) -> Result<Effects> {
    let mut effects = Effects::new();
    let text = match fs::read_to_string(lines) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        text => text?,
    };
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [execution, state, index, redrive, retry] = words[..] else {
            anyhow::bail!("a function wrote {line:?}");
        };
        let attempt = Attempt {
            state: state.to_owned(),
            index: index.to_owned(),
            redrive: redrive.parse()?,
            retry: retry.parse()?,
        };
        let of_execution = effects.entry(execution.to_owned()).or_default();
        *of_execution.entry(attempt).or_default() += 1;
    }
    Ok(effects)
}

/// Waits until nothing runs any more and everything that is only counted has been.
pub fn settle(address: &str, book: &Book, lines: &Path, rules: Rules) -> Result<()> {
    let mut client = Client::connect(address)?;
    let until = Instant::now() + SETTLE_MAX;
    // Who could not call a function waits for a minute before it calls again.
    let is_called = |kind| matches!(kind, Kind::Called | Kind::Scheduled);
    let counted = |record: &Record| {
        record.kind.is_only_counted() && !(rules.functions_may_fail && is_called(record.kind))
    };
    let counted: Vec<Record> = book.acknowledged().into_iter().filter(counted).collect();
    loop {
        let mut open = Vec::new();
        for kind in machines_with_history() {
            let running = executions(
                &mut client,
                &json!({ "stateMachineArn": kind.machine_arn(), "statusFilter": "RUNNING" }),
            )?;
            for (name, _) in running {
                // Nobody has the answer of its start, so nobody has stopped it.
                if kind == Kind::Stopped && !book.is_stopped(&name) {
                    let body = json!({ "executionArn": kind.execution_arn(&name) });
                    operation(&mut client, "StopExecution", &body)?;
                }
                open.push(name);
            }
        }
        let effects = effects(lines)?;
        open.extend(
            counted
                .iter()
                .map(Record::name)
                .filter(|name| !effects.contains_key(name)),
        );
        if open.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            let some: Vec<&String> = open.iter().take(20).collect();
            book.violate(format!(
                "{} executions have not ended after {SETTLE_MAX:?}: {some:?}",
                open.len()
            ));
            return Ok(());
        }
        std::thread::sleep(10 * PAUSE);
    }
}

/// Looks at every execution that there is.
pub fn verify(address: &str, book: &Book, lines: &Path, rules: Rules) -> Result<u64> {
    let mut client = Client::connect(address)?;
    let mut effects = effects(lines)?;
    let acknowledged = book.acknowledged();
    let known: BTreeMap<String, &Record> = acknowledged
        .iter()
        .map(|record| (record.name(), record))
        .collect();
    let mut listed = Vec::new();
    for kind in machines_with_history() {
        let all = executions(
            &mut client,
            &json!({ "stateMachineArn": kind.machine_arn() }),
        )?;
        let names: BTreeSet<String> = all.into_iter().map(|(name, _)| name).collect();
        for record in acknowledged.iter().filter(|record| record.kind == kind) {
            book.checked(1);
            if !names.contains(&record.name()) {
                book.violate(format!(
                    "{} was acknowledged in life {}, and is not listed",
                    record.name(),
                    record.life
                ));
            }
        }
        for name in names {
            let is_child = name.ends_with("-child");
            if !is_child && !known.contains_key(&name) && !book.is_unknown(&name) {
                book.violate(format!("nobody has started {name}"));
            }
            let number = name.trim_end_matches("-child").rsplit('-').next();
            let n = number.and_then(|number| number.parse().ok()).unwrap_or(0);
            let of_it = effects.remove(&name).unwrap_or_default();
            listed.push((Record { kind, n, life: 0 }, name, of_it));
        }
    }
    // What is left belongs to what has no history, and must belong to something.
    for name in effects.keys() {
        if !known.contains_key(name) && !book.is_unknown(name) {
            book.violate(format!(
                "a function ran for {name}, which nobody has started"
            ));
        }
    }
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                let work = || -> Result<()> {
                    let mut client = Client::connect(address)?;
                    while let Some((record, name, of_it)) =
                        listed.get(next.fetch_add(1, Ordering::Relaxed))
                    {
                        check(&mut client, book, record, name, of_it, rules)?;
                    }
                    Ok(())
                };
                if let Err(error) = work() {
                    *lock(&failure) = Some(error);
                }
            });
        }
    });
    match lock(&failure).take() {
        Some(error) => Err(error),
        None => Ok(listed.len() as u64),
    }
}

fn check(
    client: &mut Client,
    book: &Book,
    record: &Record,
    name: &str,
    effects: &BTreeMap<Attempt, u64>,
    rules: Rules,
) -> Result<()> {
    let arn = record.kind.execution_arn(name);
    let reply = operation(client, "DescribeExecution", &json!({ "executionArn": arn }))?;
    if name == record.name() {
        book.see(record, &reply);
    }
    let described = &reply.payload;
    let status = described["status"].as_str().unwrap_or("");
    let error = described["error"].as_str().unwrap_or("");
    let output = described["output"].as_str().unwrap_or("null");
    let output: Value = serde_json::from_str(output).context("an output is JSON")?;
    // Nobody knows that it was started, so nobody has redriven it.
    let waits_for_redrive = record.kind == Kind::Redriven && !book.is_redriven(name);
    let may_fail = rules.functions_may_fail && status == "FAILED" && error == NOT_STARTED;
    if !waits_for_redrive
        && !may_fail
        && let Some(wrong) = record.kind.judge(record.n, status, &output, error)
    {
        book.violate(format!("{name} {wrong}"));
    }
    let acknowledged = book.completed(name);
    if acknowledged.len() > 1 || acknowledged.iter().any(|by| output["by"] != json!(by)) {
        book.violate(format!(
            "{name} was completed by {acknowledged:?}, and its output is {output}"
        ));
    }
    let events = events(client, &arn)?;
    let account = match history::read(&events) {
        Ok(account) => account,
        Err(wrong) => {
            book.violate(format!("the history of {name}: {wrong}"));
            return Ok(());
        }
    };
    if described["redriveCount"].as_u64().unwrap_or(0) != account.redrives {
        book.violate(format!(
            "{name} has {} redrives and its history {}",
            described["redriveCount"], account.redrives
        ));
    }
    if record.kind == Kind::Wait {
        let time = |event: Option<&Value>| event.and_then(|event| event["timestamp"].as_f64());
        let entered = time(
            events
                .iter()
                .find(|event| event["type"] == "WaitStateEntered"),
        );
        let exited = time(
            events
                .iter()
                .find(|event| event["type"] == "WaitStateExited"),
        );
        let waited = exited
            .zip(entered)
            .map(|(exited, entered)| exited - entered);
        if waited.is_none_or(|waited| waited < machines::wait_seconds(record.n) as f64 - 0.001) {
            book.violate(format!("{name} waited for {waited:?} s"));
        }
    }
    let mut scheduled = account.attempts;
    if record.kind == Kind::Nested {
        // It starts an execution and calls no function.
        scheduled.clear();
    }
    if record.kind == Kind::Distributed {
        scheduled = children(client, book, name, &arn)?;
    }
    book.checked(6 + scheduled.len() as u64);
    judge_effects(book, name, effects, &scheduled, rules);
    Ok(())
}

/// At most one effect a try, exactly one if it succeeded, none that was not scheduled.
fn judge_effects(
    book: &Book,
    name: &str,
    effects: &BTreeMap<Attempt, u64>,
    scheduled: &BTreeMap<Attempt, bool>,
    rules: Rules,
) {
    for (attempt, times) in effects {
        match scheduled.get(attempt) {
            None => book.violate(format!("{name}: {attempt:?} ran and was not scheduled")),
            Some(_) if *times > 1 && !rules.retries_lost => {
                book.violate(format!("{name}: {attempt:?} ran {times} times"));
            }
            Some(_) => {}
        }
    }
    for (attempt, has_succeeded) in scheduled {
        if *has_succeeded && !effects.contains_key(attempt) {
            book.violate(format!("{name}: {attempt:?} succeeded and never ran"));
        }
    }
}

/// The tries of all children of a Distributed Map, which has one child an item.
fn children(
    client: &mut Client,
    book: &Book,
    name: &str,
    arn: &str,
) -> Result<BTreeMap<Attempt, bool>> {
    let runs = operation(client, "ListMapRuns", &json!({ "executionArn": arn }))?;
    let runs = runs.payload["mapRuns"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let mut all = BTreeMap::new();
    if runs.len() != 1 {
        book.violate(format!("{name} has {} map runs", runs.len()));
    }
    for run in runs {
        let described = operation(
            client,
            "DescribeMapRun",
            &json!({ "mapRunArn": run["mapRunArn"] }),
        )?;
        let counts = &described.payload["executionCounts"];
        let listed = executions(client, &json!({ "mapRunArn": run["mapRunArn"] }))?;
        if counts["total"] != machines::ITEMS
            || counts["succeeded"] != machines::ITEMS
            || listed.len() as u64 != machines::ITEMS
        {
            book.violate(format!(
                "{name} has {} items, its map run lists {} children and counts {counts}",
                machines::ITEMS,
                listed.len()
            ));
        }
        for (_, child) in listed {
            let described = operation(
                client,
                "DescribeExecution",
                &json!({ "executionArn": child }),
            )?;
            let input = described.payload["input"].as_str().unwrap_or("{}");
            let input: Value = serde_json::from_str(input).unwrap_or_default();
            match history::read(&events(client, &child)?) {
                Ok(account) => {
                    for (mut attempt, has_succeeded) in account.attempts {
                        attempt.index = input["index"].to_string();
                        all.insert(attempt, has_succeeded);
                    }
                }
                Err(wrong) => book.violate(format!("the history of {child}: {wrong}")),
            }
        }
    }
    Ok(all)
}

/// Everything acknowledged from a life on is there.
pub fn recheck(client: &mut Client, book: &Book, life: u64) -> Result<u64> {
    let mut unanswered = 0;
    for record in book.acknowledged_since(life) {
        if !record.kind.is_only_counted() {
            let reply = describe(client, &record)?;
            unanswered += u64::from(reply.status >= 500);
            book.see(&record, &reply);
        }
    }
    Ok(unanswered)
}

/// Every name with its ARN, over all pages.
fn executions(client: &mut Client, body: &Value) -> Result<Vec<(String, String)>> {
    let mut all = Vec::new();
    let mut body = body.clone();
    body["maxResults"] = json!(1000);
    loop {
        let reply = operation(client, "ListExecutions", &body)?;
        ensure!(reply.status == 200, "ListExecutions: {}", reply.payload);
        for execution in reply.payload["executions"].as_array().into_iter().flatten() {
            let text = |name: &str| execution[name].as_str().unwrap_or("").to_owned();
            all.push((text("name"), text("executionArn")));
        }
        match &reply.payload["nextToken"] {
            Value::String(token) => body["nextToken"] = json!(token),
            _ => return Ok(all),
        }
    }
}

fn events(client: &mut Client, arn: &str) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    let mut body = json!({ "executionArn": arn, "maxResults": 1000 });
    loop {
        let reply = operation(client, "GetExecutionHistory", &body)?;
        ensure!(
            reply.status == 200,
            "GetExecutionHistory of {arn}: {}",
            reply.payload
        );
        all.extend(
            reply.payload["events"]
                .as_array()
                .into_iter()
                .flatten()
                .cloned(),
        );
        match &reply.payload["nextToken"] {
            Value::String(token) => body["nextToken"] = json!(token),
            _ => return Ok(all),
        }
    }
}

fn machines_with_history() -> impl Iterator<Item = Kind> {
    Kind::MACHINES
        .into_iter()
        .filter(|kind| !kind.is_only_counted())
}

const READERS: usize = 4;
const SETTLE_MAX: Duration = Duration::from_secs(90);

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(retry: u64) -> Attempt {
        Attempt {
            state: "A".to_owned(),
            index: "-".to_owned(),
            redrive: 0,
            retry,
        }
    }

    fn violations(effects: &[(u64, u64)], scheduled: &[(u64, bool)], retries_lost: bool) -> usize {
        let book = Book::default();
        let effects = effects
            .iter()
            .map(|(retry, times)| (attempt(*retry), *times))
            .collect();
        let scheduled = scheduled
            .iter()
            .map(|(retry, has_succeeded)| (attempt(*retry), *has_succeeded))
            .collect();
        let rules = Rules {
            retries_lost,
            functions_may_fail: false,
        };
        judge_effects(&book, "x", &effects, &scheduled, rules);
        book.violations().len()
    }

    #[test]
    fn an_effect_that_is_missing_repeated_or_made_up_is_found() {
        let once_more = [(0, 1), (1, 1)];
        assert_eq!(violations(&once_more, &[(0, false), (1, true)], false), 0);
        assert_eq!(violations(&[(1, 1)], &[(0, false), (1, true)], false), 0);
        assert_eq!(violations(&[(0, 2)], &[(0, true)], false), 1);
        assert_eq!(violations(&[(0, 2)], &[(0, true)], true), 0);
        assert_eq!(violations(&[], &[(0, true)], true), 1);
        assert_eq!(violations(&once_more, &[(0, true)], true), 1);
    }
}
