//! Scripts: one line an act, and below it what came out.

use std::fmt::Write as _;

use expect_test::Expect;
use serde_json::{Value, json};
use stepwell_engine::Details;
use stepwell_service::{LostTask, Payload, Request, TaskOutcome};
use stepwell_store::Disk;

use super::{World, activity_arn, execution_arn, machine_arn};

/// Runs a script against an empty shard and compares what is printed.
///
/// - `create NAME DEFINITION`, `express NAME DEFINITION`: a state machine.
/// - `start MACHINE EXECUTION [INPUT]`, `sync MACHINE [INPUT]`, `stop MACHINE EXECUTION`.
/// - `ok JSON`, `fail ERROR CAUSE`, `submit JSON`, `return`: the outcome of the oldest open call.
/// - `token VERB`, for `success JSON`, `failure ERROR`, `beat`: by the token that was printed last.
/// - `wait SECONDS`, `crash`, `rows`, `show MACHINE EXECUTION`, `history MACHINE EXECUTION`.
/// - `poll ACTIVITY WORKER`, `leave`: a worker asks for a task; the one that has waited longest hangs up.
/// - `OPERATION JSON`: any operation of Step Functions; `@m` in the JSON is the ARN of the machine `m`, and
///   `@activity:a` that of the activity `a`.
pub fn check(script: &str, expected: Expect) {
    check_with(LostTask::Fail, script, expected);
}

pub fn check_with(lost_task: LostTask, script: &str, expected: Expect) {
    let mut run = Run {
        world: World::on(&Disk::new(), lost_task),
        token: String::new(),
        text: String::new(),
    };
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        run.act(line);
    }
    expected.assert_eq(&run.text);
}

struct Run {
    world: World,
    token: String,
    text: String,
}

impl Run {
    fn print(&mut self, text: &str) {
        writeln!(self.text, "{text}").expect("a string takes text");
    }

    fn act(&mut self, line: &str) {
        self.print(&format!("> {line}"));
        let released = self.world.calls.len();
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        self.perform(verb, rest);
        for answer in std::mem::take(&mut self.world.polled) {
            let readable = self.readable(&answer);
            self.print(&format!("  polled {readable}"));
        }
        let calls = self.world.calls[released..].to_vec();
        for call in &calls {
            let readable = self.readable(call);
            self.print(&format!("  call {readable}"));
        }
    }

    fn perform(&mut self, verb: &str, rest: &str) {
        let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb {
            "create" | "express" => {
                let kind = if verb == "create" { "STANDARD" } else { "EXPRESS" };
                let role = "arn:aws:iam::123456789012:role/r";
                self.ask("CreateStateMachine", &json!({ "name": first, "definition": second, "type": kind, "roleArn": role }));
            }
            "start" => {
                let (name, input) = second.split_once(' ').unwrap_or((second, ""));
                let mut body = json!({ "stateMachineArn": machine_arn(first), "name": name });
                if !input.is_empty() {
                    body["input"] = json!(input);
                }
                self.ask("StartExecution", &body);
            }
            "sync" => {
                let input = if second.is_empty() { "{}" } else { second };
                self.ask("StartSyncExecution", &json!({ "stateMachineArn": machine_arn(first), "name": "s", "input": input }));
            }
            "stop" => self.ask("StopExecution", &json!({ "executionArn": execution_arn(first, second), "error": "Enough", "cause": "said" })),
            "ok" => self.complete(TaskOutcome::Succeeded(Payload::from_text(rest))),
            "submit" => self.complete(TaskOutcome::Submitted(Payload::from_text(rest))),
            "fail" => self.complete(TaskOutcome::Failed { error: Some(first.to_string()), cause: Some(second.to_string()) }),
            "return" => {
                let call = self.world.open.remove(0);
                self.world.send(Request::ReturnTask { execution: call.execution, ticket: call.ticket });
            }
            "poll" => match self.world.poll(first, second) {
                Some(answer) => self.print_answer(&answer),
                None => self.print("  (waits)"),
            },
            "leave" => {
                let id = self.world.polls.remove(0);
                self.world.shard.forget_poll(id);
            }
            "token" => self.send_token(first, second),
            "wait" => {
                let seconds: f64 = rest.parse().expect("a number of seconds");
                self.world.wait_ms((seconds * 1_000.0) as i64);
            }
            "crash" => self.world.crash(),
            "rows" => {
                let kinds = format!("  {:?}", self.world.kinds());
                self.print(&kinds);
            }
            "show" => {
                let shown = self.world.describe(first, second);
                let failure = [&shown["error"], &shown["cause"]].map(|field| field.as_str().unwrap_or("-"));
                let result = if shown["output"].is_string() { shown["output"].as_str().unwrap_or_default().to_string() } else { failure.join(" | ") };
                self.print(&format!("  {} {result}", shown["status"].as_str().unwrap_or_default()));
            }
            "history" => self.history(&execution_arn(first, second)),
            operation => {
                let body = with_arns(rest);
                let answer = self.world.ask(operation, &body);
                self.print_answer(&answer);
            }
        }
    }

    fn ask(&mut self, operation: &str, body: &Value) {
        let answer = self.world.ask(operation, &body.to_string());
        self.print_answer(&answer);
    }

    fn print_answer(&mut self, answer: &str) {
        let readable = self.readable(answer);
        self.print(&format!("  {readable}"));
    }

    fn complete(&mut self, outcome: TaskOutcome) {
        let call = self.world.open.remove(0);
        let (execution, ticket) = (call.execution, call.ticket);
        self.world.apply(Request::CompleteTask {
            execution,
            ticket,
            outcome,
        });
        let committed = self.world.commit();
        for (_, answer) in committed.answers {
            let text = super::answer_text(answer);
            self.print_answer(&text);
        }
    }

    fn send_token(&mut self, verb: &str, rest: &str) {
        let token = self.token.clone();
        match verb {
            "success" => self.ask(
                "SendTaskSuccess",
                &json!({ "taskToken": token, "output": rest }),
            ),
            "failure" => self.ask(
                "SendTaskFailure",
                &json!({ "taskToken": token, "error": rest }),
            ),
            "beat" => self.ask("SendTaskHeartbeat", &json!({ "taskToken": token })),
            other => panic!("{other} is not something to do with a token"),
        }
    }

    /// Long texts short: ARNs of our account lose what they share, a task token becomes `TOKEN`.
    fn readable(&mut self, text: &str) -> String {
        let mut text = text
            .replace("arn:aws:states:us-east-1:123456789012:", "@")
            .replace("arn:aws:lambda:us-east-1:123456789012:function:", "@f:");
        let is_token =
            |word: &&str| word.len() == 66 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let found = text.split('"').find(is_token).map(str::to_string);
        if let Some(token) = found {
            text = text.replace(&token, "TOKEN");
            self.token = token;
        }
        text
    }

    fn history(&mut self, arn: &str) {
        let events = self.world.events.get(arn).cloned().unwrap_or_default();
        let mut line = String::new();
        for event in events {
            let name = match &event.details {
                Details::StateEntered { name, .. } => format!("+{name}"),
                Details::StateExited { name, .. } => format!("-{name}"),
                other => format!("{other:?}")
                    .split([' ', '(', '{'])
                    .next()
                    .unwrap_or_default()
                    .to_string(),
            };
            write!(line, " {}<{} {name}", event.id.0, event.previous.0)
                .expect("a string takes text");
        }
        self.print(&format!(" {line}"));
    }
}

/// `@name` as the ARN of a state machine, `@activity:name` as that of an activity.
fn with_arns(text: &str) -> String {
    let activity = format!("\"{}", activity_arn(""));
    text.replace("\"@activity:", &activity)
        .replace("\"@", &format!("\"{}", machine_arn("")))
}
