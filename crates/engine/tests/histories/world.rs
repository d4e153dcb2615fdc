//! A definition, a script of what the world does, and the events that come of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use expect_test::Expect;
use stepwell_engine::{
    Body, Call, Definition, Details, Effect, Event, Execution, Identity, Input, MachineKind,
    MapRunStart, Mode, Payload, Status, Ticket, Timestamp, step,
};

const START_MS: i64 = 1_700_000_000_000;

/// Runs `definition` on `input`, then the script, and compares the history.
///
/// Script lines: `ok JSON`, `fail ERROR CAUSE`, `submit JSON` and `beat` act on the oldest open call;
/// `last JSON` completes the newest one; `again JSON` completes the call that was completed last once more; `wait SECONDS` moves the clock;
/// `stop ERROR CAUSE` stops the execution; `redrive` reads it back from its rows and redrives it; `run-ok JSON`,
/// `run-ok too large` and `run-fail ERROR CAUSE` end the map run that was started last.
pub fn check(definition: &str, input: &str, script: &[&str], expected: Expect) {
    let mut world = World::start(definition, input);
    script.iter().for_each(|line| world.act(line));
    expected.assert_eq(&world.text);
}

pub struct World {
    pub execution: Execution,
    pub now: Timestamp,
    open: Vec<Call>,
    last: Option<Ticket>,
    /// The map run that was started last.
    run: Option<Ticket>,
    pub text: String,
    /// Payloads by the event that stores them.
    stored: BTreeMap<u64, String>,
}

impl World {
    pub fn start(definition: &str, input: &str) -> World {
        let definition = match Definition::parse(definition, MachineKind::Standard) {
            Ok(definition) => Arc::new(definition),
            Err(problems) => panic!(
                "{}",
                problems
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("\n")
            ),
        };
        let identity = Identity {
            number: 1,
            arn: "arn:aws:states:us-east-1:123456789012:execution:m:e".to_string(),
            name: "e".to_string(),
            state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m".to_string(),
            state_machine_name: "m".to_string(),
            role_arn: "arn:aws:iam::123456789012:role/r".to_string(),
            mode: Mode::Standard,
            started_ms: START_MS,
            seed: [7; 32],
        };
        let timeout = definition.timeout_seconds();
        let execution = Execution::new(identity, definition, Payload::from_text(input), timeout);
        let mut world = World {
            execution,
            now: Timestamp::from_millis(START_MS),
            open: Vec::new(),
            last: None,
            run: None,
            text: String::new(),
            stored: BTreeMap::new(),
        };
        world.feed(Input::Start);
        world
    }

    /// The same world after the execution was written to rows and read back; `input` is the execution's.
    pub fn reloaded(mut self, input: &str) -> World {
        self.reload(input);
        self
    }

    fn reload(&mut self, input: &str) {
        let definition = Arc::clone(self.execution.definition());
        let row = serde_json::to_string(&self.execution).expect("an execution is written");
        let frames: Vec<String> = self
            .execution
            .frames()
            .values()
            .map(|frame| serde_json::to_string(frame).expect("a frame is written"))
            .collect();
        let mut loaded: Execution = serde_json::from_str(&row).expect("an execution is read");
        let read = |text: &String| serde_json::from_str(text).expect("a frame is read");
        loaded.attach(definition, frames.iter().map(read).collect());
        let mut payloads = std::collections::BTreeMap::new();
        for id in loaded.unsupplied() {
            let text = if id.0 == 1 {
                input
            } else {
                &self.stored[&id.0]
            };
            payloads.insert(id, Payload::from_text(text));
        }
        loaded.supply_all(&payloads);
        loaded.restore_redrives(self.execution.redrives());
        self.execution = loaded;
    }

    pub fn act(&mut self, line: &str) {
        writeln!(self.text, "> {line}").expect("a string");
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            "ok" => {
                let ticket = self.take_call();
                self.feed(Input::Succeeded {
                    ticket,
                    output: Payload::from_text(rest),
                });
            }
            "last" => {
                let ticket = self.open.pop().expect("a call is open").ticket;
                self.feed(Input::Succeeded {
                    ticket,
                    output: Payload::from_text(rest),
                });
            }
            "again" => {
                let ticket = self.last.expect("a call was completed before");
                self.feed(Input::Succeeded {
                    ticket,
                    output: Payload::from_text(rest),
                });
            }
            "fail" => {
                let (error, cause) = rest.split_once(' ').unwrap_or((rest, ""));
                let ticket = self.take_call();
                self.feed(Input::Failed {
                    ticket,
                    error: Some(error.to_string()),
                    cause: Some(cause.to_string()),
                });
            }
            "run-ok" => {
                let ticket = self.run.expect("a map run was started");
                let output = (rest != "too large").then(|| Payload::from_text(rest));
                self.feed(Input::MapRunSucceeded { ticket, output });
            }
            "run-fail" => {
                let ticket = self.run.expect("a map run was started");
                let (error, cause) = rest.split_once(' ').unwrap_or((rest, ""));
                self.feed(Input::MapRunFailed {
                    ticket,
                    error: error.to_string(),
                    cause: Some(cause.to_string()),
                });
            }
            "submit" => {
                let ticket = self.open[0].ticket;
                self.feed(Input::Submitted {
                    ticket,
                    output: Payload::from_text(rest),
                });
            }
            "beat" => {
                let ticket = self.open[0].ticket;
                self.feed(Input::Heartbeat { ticket });
            }
            "wait" => {
                let seconds: f64 = rest.parse().expect("a number of seconds");
                self.now =
                    Timestamp::from_millis(self.now.as_millis() + (seconds * 1_000.0) as i64);
                self.feed(Input::Due);
            }
            "stop" => {
                let (error, cause) = rest.split_once(' ').unwrap_or((rest, ""));
                self.feed(Input::Stop {
                    error: Some(error.to_string()),
                    cause: Some(cause.to_string()),
                });
            }
            "redrive" => {
                let input = self.stored[&1].clone();
                self.reload(&input);
                let timeout = self.execution.definition().timeout_seconds();
                let now_ms = self.now.as_millis();
                let deadline = timeout.map(|seconds| {
                    let ms = i64::try_from(seconds * 1_000).expect("a short time");
                    Timestamp::from_millis(now_ms + ms)
                });
                self.feed(Input::Redrive { deadline });
            }
            other => panic!("unknown verb {other}"),
        }
    }

    /// Asks for the inputs of all children, as the service does in its time.
    fn open_run(&mut self, run: &MapRunStart) {
        writeln!(self.text, "  start map run of {} items", run.items).expect("a string");
        self.run = Some(run.ticket);
        let mut first = 0;
        while first < run.items {
            match self.execution.map_run_child(run.ticket, first) {
                Ok(child) => {
                    writeln!(self.text, "  child {}", child.input.text()).expect("a string");
                    first += child.items;
                }
                Err(fault) => {
                    writeln!(self.text, "  no child: {} | {}", fault.error, fault.cause)
                        .expect("a string");
                    return;
                }
            }
        }
    }

    fn take_call(&mut self) -> Ticket {
        let call = self.open.remove(0);
        self.last = Some(call.ticket);
        call.ticket
    }

    fn feed(&mut self, input: Input) {
        let transition = step(&mut self.execution, self.now, input);
        for event in &transition.events {
            if let Some(Body::Text(text)) = event.details.body() {
                self.stored.insert(event.id.0, text.to_string());
            }
            writeln!(self.text, "{}", event_line(event)).expect("a string");
        }
        for effect in transition.effects {
            match effect {
                Effect::Call(call) => {
                    writeln!(self.text, "  call {} {}", call.resource, call.input.text())
                        .expect("a string");
                    self.open.push(*call);
                }
                Effect::Cancel(ticket) => {
                    writeln!(self.text, "  cancel").expect("a string");
                    self.open.retain(|call| call.ticket != ticket);
                }
                Effect::StartMapRun(run) => self.open_run(&run),
                Effect::RedriveMapRun { ticket, .. } => {
                    writeln!(self.text, "  redrive map run").expect("a string");
                    self.run = Some(ticket);
                }
                Effect::StopMapRun(_) => {
                    writeln!(self.text, "  stop map run").expect("a string");
                }
            }
        }
        if let (Status::Running, Some(deadline)) =
            (self.execution.status(), self.execution.next_deadline())
        {
            let seconds = (deadline.as_millis() - self.now.as_millis()) as f64 / 1_000.0;
            writeln!(self.text, "  due in {seconds} s").expect("a string");
        }
    }
}

fn event_line(event: &Event) -> String {
    let body = |body: &Body| match body {
        Body::Text(text) => text.to_string(),
        Body::Same(id) => format!("=#{}", id.0),
    };
    let failure = |error: &Option<String>, cause: &Option<String>| {
        format!(
            "{} | {}",
            error.as_deref().unwrap_or("-"),
            cause.as_deref().unwrap_or("-")
        )
    };
    let what = match &event.details {
        Details::StateEntered { kind, name, input } => {
            format!("{kind:?}StateEntered {name} {}", body(input))
        }
        Details::StateExited {
            kind,
            name,
            output,
            assigned,
        } => {
            let variables: String = assigned
                .iter()
                .map(|(name, value)| format!(" ${name}={value}"))
                .collect();
            format!("{kind:?}StateExited {name} {}{variables}", body(output))
        }
        Details::ExecutionStarted { input } => format!("ExecutionStarted {}", body(input)),
        Details::ExecutionSucceeded { output } => format!("ExecutionSucceeded {}", body(output)),
        Details::ExecutionFailed { error, cause } => {
            format!("ExecutionFailed {}", failure(error, cause))
        }
        Details::ExecutionAborted { error, cause } => {
            format!("ExecutionAborted {}", failure(error, cause))
        }
        Details::FunctionScheduled { input, .. } => format!("FunctionScheduled {}", body(input)),
        Details::FunctionSucceeded { output } => format!("FunctionSucceeded {}", body(output)),
        Details::FunctionFailed { error, cause } => {
            format!("FunctionFailed {}", failure(error, cause))
        }
        Details::TaskScheduled { parameters, .. } => format!("TaskScheduled {}", body(parameters)),
        Details::TaskSubmitted { output, .. } => format!("TaskSubmitted {}", body(output)),
        Details::TaskSucceeded { output, .. } => format!("TaskSucceeded {}", body(output)),
        other => format!("{other:?}"),
    };
    format!("{}<{} {what}", event.id.0, event.previous.0)
}

pub const TASK: &str =
    r#""Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f""#;

pub fn machine(states: &str) -> String {
    format!(r#"{{"StartAt": "A", "States": {{{states}}}}}"#)
}
