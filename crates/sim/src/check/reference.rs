//! A sample run on a shard of its own where nothing goes wrong: what it should come to.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_api::states::{self, HistoryEvent};
use stepwell_engine::{Details, MachineKind};
use stepwell_service::{
    Answered, CallStyle, Command, Effect, FunctionCall, LostTask, Payload, Reader, Refusal,
    Request, RequestId, Settings, Shard, TakenTask, TaskOutcome, Ticket, Timestamp, UnknownRole,
};
use stepwell_store::{Error, Memory};

use super::Ending;
use crate::definitions::{Reply, Sample, children, reply};
use crate::world::{ACCOUNT, REGION, outcome};

/// When a reference begins: at the same instant as a world.
const START_MS: i64 = 1_700_000_000_000;

/// Rounds of a reference: more than any sample needs.
const ROUNDS_MAX: usize = 5_000;

/// References that a thread keeps.
const KEPT_MAX: usize = 256;

/// Names of the machine and its execution.
const NAME: &str = "reference";

/// What a sample comes to where nothing goes wrong.
#[derive(Debug)]
pub struct Reference {
    pub ending: Ending,
    /// Empty for Express.
    pub events: Vec<HistoryEvent>,
    /// Whether something was aborted because its sibling had failed: which one comes first is a matter of time.
    pub has_aborts: bool,
}

thread_local! {
    static KEPT: RefCell<BTreeMap<(String, String), Arc<Reference>>> = const { RefCell::new(BTreeMap::new()) };
}

/// The reference of a sample; made once for each definition and input.
///
/// - Errors: why there is none.
pub fn reference(sample: &Sample) -> Result<Arc<Reference>, String> {
    let key = (sample.definition.clone(), sample.input.clone());
    if let Some(kept) = KEPT.with(|kept| kept.borrow().get(&key).cloned()) {
        return Ok(kept);
    }
    let made = Arc::new(Run::of(sample)?);
    KEPT.with(|kept| {
        let mut kept = kept.borrow_mut();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&made));
    });
    Ok(made)
}

struct Run {
    shard: Shard,
    now_ms: i64,
    requests: u64,
    waiting: VecDeque<Request>,
    polls: BTreeMap<RequestId, String>,
    asked: BTreeMap<(u64, u32, String), u32>,
    /// The last answer to a request that is no poll.
    answer: Option<Vec<u8>>,
    has_aborts: bool,
    has_ended: bool,
}

impl Run {
    fn of(sample: &Sample) -> Result<Reference, String> {
        let shard = Shard::open(Box::new(Memory::new()), settings()).map_err(failed)?;
        let mut run = Run {
            shard,
            now_ms: START_MS,
            requests: 0,
            waiting: VecDeque::new(),
            polls: BTreeMap::new(),
            asked: BTreeMap::new(),
            answer: None,
            has_aborts: false,
            has_ended: false,
        };
        run.shard.recover(run.now(), None).map_err(failed)?;
        run.set_up(sample)?;
        run.answer = None;
        run.go(sample)
    }

    fn set_up(&mut self, sample: &Sample) -> Result<(), String> {
        if sample.definition.contains(":stateMachine:") {
            for (name, child) in children() {
                self.create(name, &child)?;
            }
        }
        for activity in &sample.activities {
            let input = decoded(&json!({ "name": activity }))?;
            self.apply(Request::CreateActivity(input))?;
            self.poll(activity)?;
        }
        self.create(NAME, sample)
    }

    fn create(&mut self, name: &str, sample: &Sample) -> Result<(), String> {
        let kind = match sample.kind {
            MachineKind::Standard => "STANDARD",
            MachineKind::Express => "EXPRESS",
        };
        let input = decoded(&json!({
            "name": name, "definition": sample.definition, "type": kind, "roleArn": "arn:aws:iam::123456789012:role/sim"
        }))?;
        self.apply(Request::CreateStateMachine(Box::new(input)))?;
        self.answer
            .take()
            .map(|_| ())
            .ok_or_else(|| format!("{name} is not created: {}", sample.definition))
    }

    fn go(&mut self, sample: &Sample) -> Result<Reference, String> {
        let start = json!({
            "stateMachineArn": crate::world::arn("stateMachine", NAME), "name": NAME, "input": sample.input
        });
        let is_express = sample.kind == MachineKind::Express;
        self.apply(if is_express {
            Request::StartSyncExecution(decoded(&start)?)
        } else {
            Request::StartExecution(decoded(&start)?)
        })?;
        for _ in 0..ROUNDS_MAX {
            if self.has_ended && (!is_express || self.answer.is_some()) {
                return self.ended(is_express);
            }
            match self.waiting.pop_front() {
                Some(request) => self.apply(request)?,
                None => self.wait()?,
            }
        }
        Err("the reference does not end".to_string())
    }

    fn wait(&mut self) -> Result<(), String> {
        let due = self.shard.next_deadline();
        let due_ms = due.ok_or("the reference waits for nothing")?.as_millis();
        self.now_ms = self.now_ms.max(due_ms);
        self.shard.tick(self.now());
        self.commit()
    }

    fn apply(&mut self, request: Request) -> Result<(), String> {
        self.requests += 1;
        let id = RequestId(self.requests);
        let mut entropy = [0; 32];
        entropy[..8].copy_from_slice(&self.requests.to_be_bytes());
        if let Request::GetActivityTask(input) = &request {
            let name = crate::definitions::name_of(&input.activity_arn).to_string();
            self.polls.insert(id, name);
        }
        let id = Some(id);
        let now = self.now();
        self.shard.apply(now, entropy, Command { id, request });
        self.commit()
    }

    fn commit(&mut self) -> Result<(), String> {
        let committed = self.shard.commit().map_err(failed)?;
        for live in &committed.events {
            let is_mine = live.execution.identity.arn.contains(&format!(":{NAME}:"));
            for event in &live.events {
                self.has_ended |= is_mine && event.details.is_terminal();
                self.has_aborts |= matches!(
                    event.details,
                    Details::TaskStateAborted
                        | Details::WaitStateAborted
                        | Details::ParallelStateAborted
                        | Details::MapStateAborted
                        | Details::MapIterationAborted { .. }
                        | Details::MapRunAborted
                );
            }
        }
        for (id, answer) in committed.answers {
            let polled = self.polls.remove(&id);
            match (polled, answer) {
                (Some(activity), Ok(Answered::Task(body, task))) => {
                    self.work(&task, &body)?;
                    self.poll_later(&activity)?;
                }
                (Some(activity), _) => self.poll_later(&activity)?,
                (None, Ok(Answered::States(body))) => self.answer = Some(body),
                // A sibling has failed while somebody held the token of this task.
                (None, Err(Refusal::States(error))) if error.name() == "TaskTimedOut" => {}
                (None, Err(refusal)) => {
                    return Err(format!("the reference is refused: {refusal:?}"));
                }
                (None, _) => {}
            }
        }
        for effect in committed.effects {
            self.perform(effect)?;
        }
        Ok(())
    }

    fn perform(&mut self, effect: Effect) -> Result<(), String> {
        match effect {
            Effect::InvokeFunction(call) => self.invoke(&call),
            Effect::CallService(call) => {
                let input = states::decode(call.body.as_bytes());
                let input = input.map_err(|error| error.message)?;
                self.waiting.push_back(Request::CallTask {
                    call,
                    request: Box::new(Request::StartExecution(input)),
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn invoke(&mut self, call: &FunctionCall) {
        let nth = self.nth(call.execution, call.ticket, &call.function);
        let reply = reply(&call.function, call.payload.value(), nth);
        let is_callback = matches!(
            call.style,
            CallStyle::Integration {
                is_callback: true,
                ..
            }
        );
        let outcome = if is_callback {
            TaskOutcome::Submitted(Payload::from_value(json!({ "StatusCode": 200 })))
        } else {
            outcome(&call.style, &reply)
        };
        self.waiting.push_back(Request::CompleteTask {
            execution: call.execution,
            ticket: call.ticket,
            outcome,
        });
        if is_callback {
            let token = call.payload.value()["token"].as_str().unwrap_or_default();
            self.send(token, &reply);
        }
    }

    fn work(&mut self, task: &TakenTask, body: &[u8]) -> Result<(), String> {
        let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let text = body["input"].as_str().unwrap_or("null");
        let input: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let resource = crate::world::arn("activity", &task.activity);
        let nth = self.nth(task.execution, task.ticket, &resource);
        let reply = reply(&resource, &input, nth);
        self.send(body["taskToken"].as_str().unwrap_or_default(), &reply);
        Ok(())
    }

    fn send(&mut self, token: &str, reply: &Reply) {
        let task_token = token.to_string();
        self.waiting.push_back(match reply {
            Reply::Output(output) => Request::SendTaskSuccess(states::SendTaskSuccessInput {
                task_token,
                output: output.to_string(),
            }),
            Reply::Error { error, cause } => {
                Request::SendTaskFailure(states::SendTaskFailureInput {
                    task_token,
                    error: Some(error.clone()),
                    cause: Some(cause.clone()),
                })
            }
        });
    }

    fn nth(&mut self, execution: u64, ticket: Ticket, resource: &str) -> u32 {
        let key = (execution, ticket.frame.0, resource.to_string());
        let asked = self.asked.entry(key).or_default();
        *asked += 1;
        *asked
    }

    fn poll(&mut self, activity: &str) -> Result<(), String> {
        self.poll_later(activity)?;
        match self.waiting.pop_back() {
            Some(request) => self.apply(request),
            None => Ok(()),
        }
    }

    fn poll_later(&mut self, activity: &str) -> Result<(), String> {
        let arn = crate::world::arn("activity", activity);
        let input = decoded(&json!({ "activityArn": arn }))?;
        self.waiting.push_back(Request::GetActivityTask(input));
        Ok(())
    }

    fn ended(&self, is_express: bool) -> Result<Reference, String> {
        if is_express {
            let body = self.answer.as_deref().unwrap_or_default();
            let output: states::StartSyncExecutionOutput =
                serde_json::from_slice(body).map_err(|error| error.to_string())?;
            return Ok(Reference {
                ending: Ending {
                    status: output.status,
                    output: output.output,
                    error: output.error,
                    cause: output.cause,
                },
                events: Vec::new(),
                has_aborts: self.has_aborts,
            });
        }
        let reader = Reader::new(self.shard.snapshot(), settings(), self.now());
        let arn = crate::world::arn("execution", &format!("{NAME}:{NAME}"));
        let described = reader
            .describe_execution(&decoded(&json!({ "executionArn": arn }))?)
            .map_err(failed)?
            .map_err(|refusal| format!("{refusal:?}"))?;
        let page = reader
            .get_execution_history(&decoded(
                &json!({ "executionArn": arn, "maxResults": 1_000 }),
            )?)
            .map_err(failed)?
            .map_err(|refusal| format!("{refusal:?}"))?;
        Ok(Reference {
            ending: Ending {
                status: described.status,
                output: described.output,
                error: described.error,
                cause: described.cause,
            },
            events: page.events,
            has_aborts: self.has_aborts,
        })
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms)
    }
}

fn settings() -> Settings {
    Settings {
        region: REGION.to_string(),
        account: ACCOUNT.to_string(),
        lost_task: LostTask::Fail,
        unknown_role: UnknownRole::Accepted,
        retention_ms: stepwell_service::retention::DEFAULT,
    }
}

fn decoded<T: stepwell_api::Input>(body: &Value) -> Result<T, String> {
    states::decode(body.to_string().as_bytes()).map_err(|error| error.message)
}

fn failed(error: Error) -> String {
    error.to_string()
}
