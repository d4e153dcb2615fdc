//! Performers: what happens with the effects that a shard releases.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use stepwell_api::catalogue::Naming;
use stepwell_service::{
    CallStyle, Effect, FunctionCall, Payload, Request, ServiceCall, TakenTask, TaskOutcome,
};

use super::agenda::{Happening, TaskKey, Verb};
use super::book::{Asked, Token};
use super::{Go, World, reads, wrong};
use crate::definitions::{Reply, reply};

/// Milliseconds that a task takes.
const TASK_MS: [i64; 4] = [0, 5, 200, 2_000];

/// Milliseconds of an answer that comes too late, and of one that comes only when the world is quiet.
const LATE_MS: i64 = 2 * 60 * 60 * 1_000;
const NEVER_MS: i64 = 100 * 365 * 24 * 60 * 60 * 1_000;

/// First byte of the key of an execution's row.
const EXECUTION_ROWS: u8 = 4;

/// What was released of the tasks of executions that have rows.
#[derive(Debug, Default)]
pub struct Tasks {
    open: BTreeMap<TaskKey, Released>,
    done: BTreeSet<TaskKey>,
    /// What was told to the shard since the last commit.
    completing: Vec<TaskKey>,
    returning: Vec<TaskKey>,
    /// How often something was asked, by execution, frame and resource.
    asked: BTreeMap<(u64, u32, String), u32>,
}

#[derive(Debug, Clone, Copy)]
struct Released {
    times: u32,
    /// How often it may be.
    allowed: u32,
}

impl Tasks {
    /// An attempt is about to be run.
    fn run(&mut self, key: TaskKey) -> Go {
        if self.done.contains(&key) {
            return Err(wrong(
                "tasks",
                format!("{key:?} runs again, and its result is durable"),
            ));
        }
        let released = self.open.entry(key).or_insert(Released {
            times: 0,
            allowed: 1,
        });
        released.times += 1;
        if released.times > released.allowed {
            let Released { times, allowed } = released;
            return Err(wrong(
                "tasks",
                format!("{key:?} runs {times} times, at most {allowed} are allowed"),
            ));
        }
        Ok(())
    }

    /// What the shard was told is durable.
    pub fn committed(&mut self) {
        for key in self.completing.drain(..) {
            self.open.remove(&key);
            self.done.insert(key);
        }
        for key in self.returning.drain(..) {
            if let Some(released) = self.open.get_mut(&key) {
                released.allowed += 1;
            }
        }
    }

    /// The process has died.
    ///
    /// - `may_repeat`: whether what was running may be run again.
    pub fn crashed(&mut self, may_repeat: bool) {
        self.completing.clear();
        self.returning.clear();
        if may_repeat {
            self.open
                .values_mut()
                .for_each(|released| released.allowed = released.times + 1);
        }
    }

    fn nth(&mut self, key: TaskKey, resource: &str) -> u32 {
        let asked = self
            .asked
            .entry((key.0, key.1.frame.0, resource.to_string()))
            .or_default();
        *asked += 1;
        *asked
    }
}

impl World<'_> {
    pub(crate) fn perform(&mut self, effect: Effect) -> Go {
        self.say(|| format!("  effect {}", shown(&effect)));
        match effect {
            Effect::InvokeFunction(call) if self.is_draining => {
                self.hand_back((call.execution, call.ticket));
                Ok(())
            }
            Effect::CallService(call) if self.is_draining => {
                self.hand_back((call.execution, call.ticket));
                Ok(())
            }
            Effect::InvokeFunction(call) => self.invoke(*call),
            Effect::CallService(call) => {
                let at_ms = self.soon();
                self.agenda.add(at_ms, Happening::Call(call));
                Ok(())
            }
            Effect::Deliver(_) if self.is_draining => Ok(()),
            Effect::Deliver(call) => {
                let at_ms = self.soon();
                self.agenda.add(at_ms, Happening::Delivered(call.number));
                Ok(())
            }
            // A function that runs already runs on, and its answer comes too late.
            Effect::CancelTask { execution, ticket } => {
                if self.draw.percent(50) {
                    self.agenda.cancel((execution, ticket));
                }
                Ok(())
            }
            Effect::DeliveryGivenUp { .. }
            | Effect::AuthorizeConnection(_)
            | Effect::ValidateLogDelivery { .. }
            | Effect::RetireFunction { .. }
            | Effect::ProvisionFunction { .. } => Ok(()),
        }
    }

    fn hand_back(&mut self, key: TaskKey) {
        let request = Request::ReturnTask {
            execution: key.0,
            ticket: key.1,
        };
        self.agenda
            .add(self.time_ms, Happening::Tell(Box::new(request)));
    }

    fn invoke(&mut self, call: FunctionCall) -> Go {
        let key = (call.execution, call.ticket);
        if self.has_rows(call.execution)? {
            self.tasks.run(key)?;
        }
        let nth = self.tasks.nth(key, &call.function);
        let reply = reply(&call.function, call.payload.value(), nth);
        let is_callback = matches!(
            call.style,
            CallStyle::Integration {
                is_callback: true,
                ..
            }
        );
        let (at_ms, outcome, poison) = if is_callback {
            let text = call.payload.value()["token"]
                .as_str()
                .unwrap_or_default()
                .to_string();
            self.hand_token(text, reply);
            let submitted = |value: Value| TaskOutcome::Submitted(Payload::from_value(value));
            (
                self.soon(),
                submitted(json!({ "StatusCode": 200 })),
                submitted(poison()),
            )
        } else {
            let poison = TaskOutcome::Succeeded(Payload::from_value(poison()));
            (
                self.answer_time(place_of(call.trace_header.as_deref())),
                outcome(&call.style, &reply),
                poison,
            )
        };
        self.agenda.add(at_ms, Happening::Outcome { key, outcome });
        if self.faulty(self.options.faults.answers_twice) {
            let again_ms = at_ms + self.draw.between(0, 3_000);
            self.agenda.add(
                again_ms,
                Happening::Outcome {
                    key,
                    outcome: poison,
                },
            );
        }
        Ok(())
    }

    /// Somebody outside gets a token, and will send it.
    fn hand_token(&mut self, text: String, reply: Reply) {
        let token = self.book.tokens.len();
        self.book.tokens.push(Token {
            text,
            reply,
            accepted: 0,
            is_in_doubt: false,
        });
        let at_ms = self.answer_time(None);
        if self.options.callers.beat {
            let beats = self.draw.below(3);
            for _ in 0..beats {
                let before_ms = self.time_ms
                    + self
                        .draw
                        .between(0, (at_ms - self.time_ms).clamp(0, 20_000));
                self.agenda.add(
                    before_ms,
                    Happening::Token {
                        token,
                        verb: Verb::Beat,
                    },
                );
            }
        }
        self.agenda.add(
            at_ms,
            Happening::Token {
                token,
                verb: Verb::Complete,
            },
        );
    }

    /// A worker has a task in its hands.
    pub(crate) fn work(&mut self, taken: TakenTask, body: &[u8]) -> Go {
        let key = (taken.execution, taken.ticket);
        self.tasks.run(key)?;
        let body: Value =
            serde_json::from_slice(body).map_err(|error| wrong("answers", error.to_string()))?;
        let resource = super::arn("activity", &taken.activity);
        let text = body["input"].as_str().unwrap_or("null");
        let input: Value =
            serde_json::from_str(text).map_err(|error| wrong("answers", error.to_string()))?;
        let nth = self.tasks.nth(key, &resource);
        let reply = reply(&resource, &input, nth);
        self.hand_token(
            body["taskToken"].as_str().unwrap_or_default().to_string(),
            reply,
        );
        Ok(())
    }

    /// A worker had hung up: its task goes to the next one.
    pub(crate) fn give_back(&mut self, taken: TakenTask) -> Go {
        self.tell(Request::ReturnActivityTask(taken))
    }

    pub(crate) fn task_ends(&mut self, key: TaskKey, outcome: TaskOutcome) -> Go {
        if self.has_rows(key.0)? {
            self.tasks.completing.push(key);
        }
        self.tell(Request::CompleteTask {
            execution: key.0,
            ticket: key.1,
            outcome,
        })
    }

    pub(crate) fn note_returned(&mut self, request: &Request) {
        if let Request::ReturnTask { execution, ticket } = request {
            self.tasks.returning.push((*execution, *ticket));
        }
    }

    /// What the shell does with a task's call of Step Functions.
    pub(crate) fn call_service(&mut self, call: Box<ServiceCall>) -> Go {
        match reads::change(call.operation, call.body.as_bytes()) {
            Ok(Some(request @ (Request::StartSyncExecution(_) | Request::GetActivityTask(_)))) => {
                self.ask(Asked::ForTask(call), request)
            }
            Ok(Some(request)) => self.tell(Request::CallTask {
                call,
                request: Box::new(request),
            }),
            Ok(None) => {
                let answer = self.read_operation(call.operation, call.body.as_bytes())?;
                self.tell(Request::AnswerTask { call, answer })
            }
            Err(error) => self.tell(Request::AnswerTask {
                call,
                answer: Err(error),
            }),
        }
    }

    /// Whether an execution has rows: a Standard one.
    fn has_rows(&mut self, execution: u64) -> Result<bool, super::Wrong> {
        let mut key = vec![EXECUTION_ROWS];
        key.extend(execution.to_be_bytes());
        let row = self.shard().snapshot().get(&key).map_err(super::failed)?;
        Ok(row.is_some())
    }

    pub(crate) fn soon(&mut self) -> i64 {
        self.time_ms + self.draw.between(0, 20)
    }

    /// When an answer comes.
    ///
    /// - `execution`: who waits for it, by its place in the book, if that is known.
    fn answer_time(&mut self, execution: Option<usize>) -> i64 {
        let is_never = self.faulty(self.options.faults.answers_never);
        let is_late = !is_never && self.faulty(self.options.faults.answers_late);
        if !is_never && !is_late {
            let longest_ms = *self.draw.one_of(&TASK_MS);
            return self.time_ms + self.draw.between(0, longest_ms);
        }
        if let Some(number) = execution {
            self.book.executions[number].disturbance.late_answers += 1;
        }
        self.time_ms + if is_never { NEVER_MS } else { LATE_MS }
    }

    /// Whether something goes wrong now that does so `percent` times in a hundred.
    pub(crate) fn faulty(&mut self, percent: u32) -> bool {
        percent > 0 && !self.is_quiet && self.draw.percent(percent)
    }
}

/// The result of what must not be taken.
pub(crate) fn poison() -> Value {
    json!({ "poison": true })
}

/// The execution that a call's trace header names: its caller gave it its place in the book.
fn place_of(trace_header: Option<&str>) -> Option<usize> {
    trace_header?.strip_prefix("sim-")?.parse().ok()
}

/// What the shell makes of a function's reply.
pub(crate) fn outcome(style: &CallStyle, reply: &Reply) -> TaskOutcome {
    let output = match reply {
        Reply::Error { error, cause } => {
            let (error, cause) = (Some(error.clone()), Some(cause.clone()));
            return TaskOutcome::Failed { error, cause };
        }
        Reply::Output(output) => output,
    };
    let payload = match style {
        CallStyle::Direct | CallStyle::Operation { .. } => {
            return TaskOutcome::Succeeded(Payload::from_value(output.clone()));
        }
        CallStyle::Integration {
            naming: Naming::Sdk,
            ..
        } => Value::String(output.to_string()),
        CallStyle::Integration { .. } => output.clone(),
    };
    let result = json!({ "ExecutedVersion": "$LATEST", "Payload": payload, "StatusCode": 200 });
    TaskOutcome::Succeeded(Payload::from_value(result))
}

/// An effect for people.
fn shown(effect: &Effect) -> String {
    match effect {
        Effect::InvokeFunction(call) => {
            let FunctionCall {
                execution,
                ticket,
                function,
                payload,
                is_recovered,
                ..
            } = call.as_ref();
            let again = if *is_recovered {
                " after a recovery"
            } else {
                ""
            };
            format!(
                "invoke {function} for {execution}/{}/{} with {}{again}",
                ticket.frame.0,
                ticket.attempt,
                payload.text()
            )
        }
        other => super::shortened(&format!("{other:?}")),
    }
}
