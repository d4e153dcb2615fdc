//! The clients of a crash test: they start, redrive, stop and complete, and note what is acknowledged.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::book::{Book, PAUSE, Phase, Record, Target, error_name, is_throttled, operation};
use super::machines::{self, Kind};
use crate::random::Random;
use crate::soak::client::{Client, zip};

/// The files that functions write to.
pub struct Files<'f> {
    pub lines: &'f Path,
    pub tokens: &'f Path,
}

/// Creates the functions, the activity and the state machines.
pub fn deploy(client: &mut Client, files: &Files) -> Result<()> {
    for (name, code) in [
        (machines::COUNTS, machines::COUNTS_CODE),
        (machines::KEEPS, machines::KEEPS_CODE),
    ] {
        let package = STANDARD.encode(zip("index.js", code.as_bytes()));
        let body = json!({
            "FunctionName": name, "Runtime": "nodejs20.x", "Handler": "index.handler", "Timeout": 60, "MemorySize": 128,
            "Role": ROLE, "Code": { "ZipFile": package },
            "Environment": { "Variables": { "LINES": files.lines, "TOKENS": files.tokens } },
        });
        let reply = client.call("POST", "/2015-03-31/functions", &[], &body.to_string())?;
        ensure!(reply.status == 201, "create {name}: {}", reply.payload);
    }
    let reply = operation(
        client,
        "CreateActivity",
        &json!({ "name": machines::ACTIVITY }),
    )?;
    ensure!(
        reply.status == 200,
        "create the activity: {}",
        reply.payload
    );
    for kind in Kind::MACHINES {
        let body = json!({
            "name": kind.name(), "roleArn": ROLE, "definition": kind.definition().to_string(),
            "type": if kind.is_express() { "EXPRESS" } else { "STANDARD" },
        });
        let reply = operation(client, "CreateStateMachine", &body)?;
        ensure!(
            reply.status == 200,
            "create {}: {}",
            kind.name(),
            reply.payload
        );
    }
    Ok(())
}

/// How much a client asks for.
#[derive(Clone, Copy)]
pub struct Pace {
    /// Mean time between two starts.
    pub pause_ms: u64,
    /// What is carried through the states that only pass it on.
    pub pad_bytes: usize,
}

/// One client: starts executions, and brings those to their end that need it.
pub struct Starter<'t> {
    target: &'t Target,
    book: &'t Book,
    next: &'t AtomicU64,
    random: Random,
    pace: Pace,
    open: VecDeque<(Record, Instant)>,
    waits_for_answer: Option<Record>,
}

impl<'t> Starter<'t> {
    pub fn new(
        target: &'t Target,
        book: &'t Book,
        next: &'t AtomicU64,
        random: Random,
        pace: Pace,
    ) -> Starter<'t> {
        Starter {
            target,
            book,
            next,
            random,
            pace,
            open: VecDeque::new(),
            waits_for_answer: None,
        }
    }

    pub fn run(&mut self) {
        while let Some((mut client, life)) = self.target.connect() {
            // An error is a server that has gone; the next one is asked again.
            if let Ok(()) = self.work(&mut client, life) {
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Returns when there is nothing left to do.
    fn work(&mut self, client: &mut Client, life: u64) -> Result<()> {
        loop {
            if let Some(record) = self.waits_for_answer.take() {
                if self.random.chance(50) {
                    self.start(client, life, record, true)?;
                } else {
                    self.book.give_up(record);
                }
                if self.waits_for_answer.is_some() {
                    std::thread::sleep(PAUSE);
                    continue;
                }
            }
            let is_loading = self.target.phase() == Phase::Load;
            if !is_loading && self.open.is_empty() || self.target.phase() == Phase::Over {
                return Ok(());
            }
            if is_loading && self.random.chance(80) {
                let record = self.draw();
                self.start(client, life, record, false)?;
            } else {
                self.follow(client)?;
            }
            let pause_ms = self.random.below(2 * self.pace.pause_ms);
            std::thread::sleep(Duration::from_millis(pause_ms));
        }
    }

    fn draw(&mut self) -> Record {
        let mut share = self.random.below(100);
        let mut kind = Kind::Pass;
        for (each, percent) in Kind::SHARES {
            kind = each;
            if share < percent {
                break;
            }
            share -= percent;
        }
        Record {
            kind,
            n: self.next.fetch_add(1, Ordering::Relaxed),
            life: 0,
        }
    }

    /// - `was_asked`: it was asked for before, without an answer.
    fn start(
        &mut self,
        client: &mut Client,
        life: u64,
        mut record: Record,
        was_asked: bool,
    ) -> Result<()> {
        record.life = life;
        // Noted first: an error on the way leaves it there.
        self.waits_for_answer = Some(record.clone());
        let ms = record.n % 40;
        let reply = match record.kind {
            Kind::Called => {
                let path = format!("/2015-03-31/functions/{}/invocations", machines::COUNTS);
                let headers = [("X-Amz-Invocation-Type", "Event")];
                client.call("POST", &path, &headers, &alone(&record, ms).to_string())?
            }
            Kind::Scheduled => {
                let body = json!({
                    "ScheduleExpression": format!("at({})", utc(1 + record.n % 4)),
                    "FlexibleTimeWindow": { "Mode": "OFF" },
                    "Target": { "Arn": machines::function_arn(machines::COUNTS), "RoleArn": ROLE,
                                "Input": alone(&record, ms).to_string() },
                });
                let path = format!("/schedules/{}", record.name());
                client.call("POST", &path, &[], &body.to_string())?
            }
            kind => {
                let mut input = kind.input(record.n, ms);
                if kind == Kind::Pass {
                    input["pad"] = json!("x".repeat(self.pace.pad_bytes));
                }
                let body = json!({
                    "stateMachineArn": kind.machine_arn(), "name": record.name(), "input": input.to_string(),
                });
                operation(client, "StartExecution", &body)?
            }
        };
        // Of a schedule: 409.
        let exists = error_name(&reply) == "ExecutionAlreadyExists" || reply.status == 409;
        if (200..300).contains(&reply.status) || exists && was_asked {
            self.waits_for_answer = None;
            self.book.acknowledge(record.clone());
            if matches!(record.kind, Kind::Redriven | Kind::Stopped) {
                let not_before = Instant::now() + Duration::from_millis(self.random.below(1_500));
                self.open.push_back((record.clone(), not_before));
            }
            if !record.kind.is_only_counted() && self.random.chance(20) {
                self.book.see(&record, &describe(client, &record)?);
            }
        } else if reply.status < 500 && !is_throttled(&reply) && !self.book.is_starved() {
            self.waits_for_answer = None;
            self.book.violate(format!(
                "the start of {} was refused: {}",
                record.name(),
                reply.payload
            ));
        }
        Ok(())
    }

    /// Redrives or stops the execution that has waited longest.
    fn follow(&mut self, client: &mut Client) -> Result<()> {
        let Some((record, not_before)) = self.open.front().cloned() else {
            return Ok(());
        };
        if not_before > Instant::now() {
            return Ok(());
        }
        let name = record.name();
        let (action, body) = match record.kind {
            Kind::Stopped => (
                "StopExecution",
                json!({ "executionArn": record.arn(), "error": "told to" }),
            ),
            _ => (
                "RedriveExecution",
                json!({ "executionArn": record.arn(), "clientToken": name }),
            ),
        };
        if record.kind == Kind::Redriven {
            let reply = describe(client, &record)?;
            self.book.see(&record, &reply);
            if reply.payload["status"] == "RUNNING" {
                self.open.rotate_left(1);
                return Ok(());
            }
        }
        let reply = operation(client, action, &body)?;
        if reply.status == 200 {
            self.open.pop_front();
            match record.kind {
                Kind::Stopped => self.book.stop(&name),
                _ => self.book.redrive(&name),
            }
        } else if reply.status < 500 && !is_throttled(&reply) && !self.book.is_starved() {
            self.open.pop_front();
            self.book
                .violate(format!("{action} of {name} was refused: {}", reply.payload));
        }
        Ok(())
    }
}

/// Sends what completes tasks, once each, until it is answered.
pub struct Completer<'t> {
    target: &'t Target,
    book: &'t Book,
    random: Random,
    /// Sent and not answered: it may have been accepted.
    asked: BTreeMap<String, String>,
    sent: u64,
    /// Tells the completions of two completers apart.
    mark: &'static str,
}

impl<'t> Completer<'t> {
    pub fn new(
        target: &'t Target,
        book: &'t Book,
        random: Random,
        mark: &'static str,
    ) -> Completer<'t> {
        Completer {
            target,
            book,
            random,
            asked: BTreeMap::new(),
            sent: 0,
            mark,
        }
    }

    /// Completes what the function that keeps its tokens has written down.
    pub fn run_tokens(&mut self, tokens: &Path) {
        let mut read = 0;
        let mut waiting: VecDeque<(String, String, Instant)> = VecDeque::new();
        while let Some((mut client, _)) = self.target.connect() {
            loop {
                if self.target.phase() == Phase::Over {
                    return;
                }
                let text = fs::read_to_string(tokens).unwrap_or_default();
                let whole = text.rfind('\n').map_or(0, |end| end + 1);
                for line in text[read..whole].lines() {
                    if let Some((name, token)) = line.split_once(' ') {
                        let due = Instant::now() + Duration::from_millis(self.random.below(1_500));
                        waiting.push_back((name.to_owned(), token.to_owned(), due));
                    }
                }
                read = whole;
                let Some((name, token, due)) = waiting.pop_front() else {
                    std::thread::sleep(PAUSE);
                    continue;
                };
                if due > Instant::now() {
                    waiting.push_back((name, token, due));
                    std::thread::sleep(PAUSE);
                    continue;
                }
                if self.complete(&mut client, &name, &token).is_err() {
                    waiting.push_back((name, token, due));
                    break;
                }
            }
        }
    }

    /// A worker of the activity.
    pub fn run_worker(&mut self) {
        let mut held: Option<(String, String)> = None;
        while let Some((mut client, _)) = self.target.connect() {
            loop {
                if self.target.phase() == Phase::Over {
                    return;
                }
                if let Some((name, token)) = held.clone() {
                    if self.complete(&mut client, &name, &token).is_err() {
                        break;
                    }
                    held = None;
                }
                let body = json!({ "activityArn": machines::activity_arn(), "workerName": "w" });
                let Ok(reply) = operation(&mut client, "GetActivityTask", &body) else {
                    break;
                };
                if let Some(token) = reply.payload["taskToken"].as_str() {
                    let input = reply.payload["input"].as_str().unwrap_or("");
                    let input: Value = serde_json::from_str(input).unwrap_or_default();
                    let name = format!("{}-{}", Kind::Activity.name(), input["n"]);
                    held = Some((name, token.to_owned()));
                    let pause_ms = self.random.below(60);
                    std::thread::sleep(Duration::from_millis(pause_ms));
                } else {
                    std::thread::sleep(PAUSE);
                }
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// An error: it was not answered and must be asked again.
    fn complete(&mut self, client: &mut Client, name: &str, token: &str) -> Result<()> {
        let by = match self.asked.get(token) {
            Some(by) => by.clone(),
            None => {
                self.sent += 1;
                format!("{}-{}", self.mark, self.sent)
            }
        };
        let body = json!({ "taskToken": token, "output": json!({ "by": by }).to_string() });
        self.asked.insert(token.to_owned(), by.clone());
        let reply = operation(client, "SendTaskSuccess", &body)?;
        ensure!(reply.status < 500 && !is_throttled(&reply), "ask again");
        self.asked.remove(token);
        if reply.status != 200 {
            // An earlier one was accepted, or the attempt is over.
            return Ok(());
        }
        self.book.complete(name, by);
        if self.random.chance(25) {
            let again = operation(client, "SendTaskSuccess", &body)?;
            self.book.checked(1);
            if again.status == 200 {
                self.book
                    .violate(format!("the token of {name} was accepted twice"));
            }
        }
        Ok(())
    }
}

/// Describes executions at random: what was acknowledged is there, and what has ended stays so.
pub fn observe(target: &Target, book: &Book, random: &mut Random) {
    while let Some((mut client, _)) = target.connect() {
        while target.phase() != Phase::Over {
            let found = book.any(random.next());
            if let Some(record) = found.filter(|record| !record.kind.is_only_counted()) {
                let Ok(reply) = describe(&mut client, &record) else {
                    break;
                };
                book.see(&record, &reply);
            }
            std::thread::sleep(PAUSE);
        }
    }
}

pub fn describe(client: &mut Client, record: &Record) -> Result<crate::soak::client::Reply> {
    operation(
        client,
        "DescribeExecution",
        &json!({ "executionArn": record.arn() }),
    )
}

/// What the function gets that counts, from whoever is not an execution.
fn alone(record: &Record, ms: u64) -> Value {
    json!({ "execution": record.name(), "state": "-", "index": "-", "redrive": 0, "retry": 0, "n": record.n, "ms": ms })
}

/// So many seconds from now, as a schedule has it.
fn utc(seconds: u64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = now.as_secs() + seconds;
    let (mut days, of_day) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let months = [
        31,
        28 + u64::from(is_leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let mut month = 1;
    for length in months {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!(
        "{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}",
        days + 1,
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

const ROLE: &str = "arn:aws:iam::123456789012:role/crash";
