//! What the clients of a crash test know: what was acknowledged, and what must never change again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use serde_json::Value;

use super::machines::Kind;
use crate::soak::client::{Client, Reply};

/// An execution, or an invocation that has no execution.
#[derive(Debug, Clone)]
pub struct Record {
    pub kind: Kind,
    pub n: u64,
    /// In which life of the server it was acknowledged.
    pub life: u64,
}

impl Record {
    pub fn name(&self) -> String {
        format!("{}-{}", self.kind.name(), self.n)
    }

    pub fn arn(&self) -> String {
        self.kind.execution_arn(&self.name())
    }
}

/// Everything acknowledged so far.
#[derive(Default)]
pub struct Book {
    acknowledged: Mutex<Vec<Record>>,
    /// Asked for once, and given up without an answer.
    unknown: Mutex<BTreeMap<String, Record>>,
    /// By name of the execution: what completed its task, acknowledged.
    completed: Mutex<BTreeMap<String, Vec<String>>>,
    redriven: Mutex<BTreeSet<String>>,
    stopped: Mutex<BTreeSet<String>>,
    /// Executions that were seen ended, and how: status and number of redrives.
    ended: Mutex<BTreeMap<String, (String, u64)>>,
    /// Whether the server may refuse what is right, because its disk is taken away.
    is_starved: AtomicBool,
    violations: Mutex<Vec<String>>,
    checks: Mutex<u64>,
}

impl Book {
    pub fn acknowledge(&self, record: Record) {
        lock(&self.unknown).remove(&record.name());
        lock(&self.acknowledged).push(record);
    }

    pub fn give_up(&self, record: Record) {
        lock(&self.unknown).insert(record.name(), record);
    }

    pub fn acknowledged(&self) -> Vec<Record> {
        lock(&self.acknowledged).clone()
    }

    pub fn acknowledged_since(&self, life: u64) -> Vec<Record> {
        let all = lock(&self.acknowledged);
        let recent = all.iter().rev().take_while(|record| record.life >= life);
        recent.cloned().collect()
    }

    /// One of them; `None` while there is none.
    pub fn any(&self, draw: u64) -> Option<Record> {
        let all = lock(&self.acknowledged);
        let index = draw.checked_rem(all.len() as u64)?;
        all.get(usize::try_from(index).unwrap_or(0)).cloned()
    }

    pub fn count(&self) -> u64 {
        lock(&self.acknowledged).len() as u64
    }

    pub fn is_unknown(&self, name: &str) -> bool {
        lock(&self.unknown).contains_key(name)
    }

    pub fn complete(&self, name: &str, by: String) {
        let mut completed = lock(&self.completed);
        completed.entry(name.to_owned()).or_default().push(by);
    }

    pub fn completed(&self, name: &str) -> Vec<String> {
        lock(&self.completed).get(name).cloned().unwrap_or_default()
    }

    pub fn completions(&self) -> u64 {
        lock(&self.completed).values().map(Vec::len).sum::<usize>() as u64
    }

    pub fn redrive(&self, name: &str) {
        lock(&self.redriven).insert(name.to_owned());
    }

    pub fn is_redriven(&self, name: &str) -> bool {
        lock(&self.redriven).contains(name)
    }

    pub fn redrives(&self) -> u64 {
        lock(&self.redriven).len() as u64
    }

    pub fn stop(&self, name: &str) {
        lock(&self.stopped).insert(name.to_owned());
    }

    pub fn is_stopped(&self, name: &str) -> bool {
        lock(&self.stopped).contains(name)
    }

    /// Looks at an answer of `DescribeExecution`: an acknowledged execution is there, and an ended one stays ended.
    /// An answer that the server could not give says nothing.
    pub fn see(&self, record: &Record, reply: &Reply) {
        if reply.status >= 500 || is_throttled(reply) {
            return;
        }
        self.checked(1);
        let name = record.name();
        if reply.status != 200 {
            return self.violate(format!(
                "{name} was acknowledged in life {}, and DescribeExecution answers {}",
                record.life, reply.payload
            ));
        }
        let status = reply.payload["status"].as_str().unwrap_or("").to_owned();
        let redrives = reply.payload["redriveCount"].as_u64().unwrap_or(0);
        let mut ended = lock(&self.ended);
        if let Some((before, redrives_before)) = ended.get(&name) {
            let is_right = if *redrives_before == redrives {
                *before == status
            } else {
                *redrives_before < redrives
            };
            if !is_right {
                let text = format!(
                    "{name} was {before} after {redrives_before} redrives, and then {status} after {redrives}"
                );
                drop(ended);
                return self.violate(text);
            }
        }
        if status != "RUNNING" {
            ended.insert(name, (status, redrives));
        }
    }

    pub fn starve(&self, is_starved: bool) {
        self.is_starved.store(is_starved, Ordering::SeqCst);
    }

    pub fn is_starved(&self) -> bool {
        self.is_starved.load(Ordering::SeqCst)
    }

    pub fn checked(&self, checks: u64) {
        *lock(&self.checks) += checks;
    }

    pub fn checks(&self) -> u64 {
        *lock(&self.checks)
    }

    pub fn violate(&self, text: String) {
        let mut violations = lock(&self.violations);
        if violations.len() < VIOLATIONS_MAX {
            println!("VIOLATION: {text}");
            violations.push(text);
        }
    }

    pub fn violations(&self) -> Vec<String> {
        lock(&self.violations).clone()
    }
}

/// How far a test is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Load,
    /// Nothing new is started; what was started is brought to its end.
    Finish,
    Over,
}

/// Where the server is at the moment, for everybody who calls it.
pub struct Target {
    state: Mutex<State>,
    has_changed: Condvar,
}

struct State {
    address: Option<String>,
    life: u64,
    phase: Phase,
}

impl Target {
    pub fn new() -> Target {
        Target {
            state: Mutex::new(State {
                address: None,
                life: 0,
                phase: Phase::Load,
            }),
            has_changed: Condvar::new(),
        }
    }

    pub fn set(&self, address: Option<String>, life: u64) {
        let mut state = lock(&self.state);
        (state.address, state.life) = (address, life);
        self.has_changed.notify_all();
    }

    /// Where the server is; `None` while it is not up.
    pub fn address(&self) -> Option<String> {
        lock(&self.state).address.clone()
    }

    pub fn enter(&self, phase: Phase) {
        lock(&self.state).phase = phase;
        self.has_changed.notify_all();
    }

    pub fn phase(&self) -> Phase {
        lock(&self.state).phase
    }

    /// A connection to the server as soon as it is up, with the number of its life; `None` once the test is over.
    pub fn connect(&self) -> Option<(Client, u64)> {
        loop {
            let (address, life) = {
                let mut state = lock(&self.state);
                loop {
                    if state.phase == Phase::Over {
                        return None;
                    }
                    if let Some(address) = &state.address {
                        break (address.clone(), state.life);
                    }
                    state = self
                        .has_changed
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            };
            match Client::connect(&address) {
                Ok(client) => return Some((client, life)),
                Err(_) => std::thread::sleep(PAUSE),
            }
        }
    }
}

/// One call of Step Functions.
pub fn operation(client: &mut Client, name: &str, body: &Value) -> Result<Reply> {
    let target = format!("AWSStepFunctions.{name}");
    let headers = [
        ("X-Amz-Target", target.as_str()),
        ("Content-Type", "application/x-amz-json-1.0"),
    ];
    client.call("POST", "/", &headers, &body.to_string())
}

/// The name of the error that a reply has.
pub fn error_name(reply: &Reply) -> &str {
    let kind = reply.payload["__type"].as_str().unwrap_or("");
    kind.rsplit('#').next().unwrap_or("")
}

/// Whether a reply says nothing about what was asked.
pub fn is_throttled(reply: &Reply) -> bool {
    error_name(reply).contains("Throttling") || error_name(reply).contains("TooManyRequests")
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub const PAUSE: std::time::Duration = std::time::Duration::from_millis(10);
const VIOLATIONS_MAX: usize = 200;
