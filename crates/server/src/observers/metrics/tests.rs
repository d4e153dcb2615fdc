//! Over random lives of executions: what is counted is what their histories say.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stepwell_api::states;
use stepwell_service::{
    Answered, Command, Effect, LostTask, Payload, Request, RequestId, Settings, Shard, TaskOutcome,
    Ticket, Timestamp, UnknownRole,
};
use stepwell_store::Memory;

use super::*;
use crate::observers::Observers;

/// Steps of one life.
const STEPS: usize = 400;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

/// A shard, its callers, and what was projected of it.
struct World {
    shard: Shard,
    settings: Settings,
    observer: Arc<MetricsObserver>,
    observers: Observers,
    now_ms: i64,
    drawn: u64,
    projection: Projection,
    milestones: Waiting,
    /// Sum and number of the values of each metric, all dimensions together.
    projected: BTreeMap<String, (f64, f64)>,
    machines: Vec<String>,
    executions: Vec<String>,
    calls: Vec<(u64, Ticket)>,
}

impl World {
    fn new(seed: u64) -> World {
        let settings = Settings {
            region: "us-east-1".to_string(),
            account: "123456789012".to_string(),
            lost_task: LostTask::Fail,
            unknown_role: UnknownRole::Accepted,
            retention_ms: stepwell_service::retention::DEFAULT,
        };
        let memory = Box::new(Memory::new());
        let observer = Arc::new(MetricsObserver::new());
        let mut world = World {
            shard: Shard::open(memory, settings.clone()).expect("an empty store opens"),
            settings,
            observers: Observers::new(vec![Arc::clone(&observer) as Arc<dyn Observer>]),
            observer,
            now_ms: 1_790_000_000_000,
            drawn: seed,
            projection: Projection::default(),
            milestones: Waiting::default(),
            projected: BTreeMap::new(),
            machines: Vec::new(),
            executions: Vec::new(),
            calls: Vec::new(),
        };
        for (number, definition) in definitions().iter().enumerate() {
            let request = json!({
                "name": format!("m{number}"), "roleArn": "arn:aws:iam::123456789012:role/r",
                "definition": definition.to_string(),
            });
            let answer = world.ask(Request::CreateStateMachine(Box::new(decoded(&request))));
            let arn = answer.expect("it is created")["stateMachineArn"].clone();
            world
                .machines
                .push(arn.as_str().expect("an ARN").to_string());
        }
        world
    }

    /// A number below `bound`. Source of the constants: Knuth, MMIX.
    fn draw(&mut self, bound: usize) -> usize {
        let (factor, addend) = (6_364_136_223_846_793_005, 1_442_695_040_888_963_407);
        self.drawn = self.drawn.wrapping_mul(factor).wrapping_add(addend);
        (self.drawn >> 33) as usize % bound
    }

    /// Applies a request and commits; the answer's body, or `None` if it was refused.
    fn ask(&mut self, request: Request) -> Option<Value> {
        let mut entropy = [0; 32];
        entropy[..8].copy_from_slice(&self.drawn.to_be_bytes());
        let (id, now) = (Some(RequestId(1)), Timestamp::from_millis(self.now_ms));
        self.draw(2);
        self.shard.apply(now, entropy, Command { id, request });
        self.commit()
    }

    fn commit(&mut self) -> Option<Value> {
        let committed = self.shard.commit().expect("memory takes everything");
        let (snapshot, settings) = (self.shard.snapshot(), &self.settings);
        let now = Timestamp::from_millis(self.now_ms);
        let open = || Reader::new(snapshot.clone(), settings.clone(), now);
        let (events, bytes) = (committed.events, committed.events_bytes);
        self.observers
            .committed(events, bytes, committed.open_executions);
        let taken = self.observer.mailbox.take(Duration::ZERO);
        for item in taken.expect("it is open").items {
            let Item::Commit(commit) = item else {
                unreachable!("nothing else is told");
            };
            for live in &commit.live {
                let is_counted = |event: &Event| change_of(&event.details).is_some();
                assert!(live.events.iter().all(is_counted), "nobody wants the rest");
                project(&mut self.projection, live, &open);
            }
        }
        // Told after the changes of its tasks.
        self.observer.milestones.take(&mut self.milestones);
        for kind in &self.milestones.kinds {
            self.projection
                .milestones(&kind.machine(), &kind.milestones);
        }
        self.projection.close_ended();
        for effect in committed.effects {
            if let Effect::InvokeFunction(call) = effect {
                self.calls.push((call.execution, call.ticket));
            }
        }
        let (_, answer) = committed.answers.into_iter().next()?;
        match answer {
            Ok(Answered::States(body)) => serde_json::from_slice(&body).ok(),
            _ => None,
        }
    }

    fn step(&mut self) {
        self.now_ms += self.draw(3_000) as i64;
        match self.draw(10) {
            0..=2 => {
                let at = self.draw(self.machines.len());
                let input = states::StartExecutionInput {
                    state_machine_arn: self.machines[at].clone(),
                    ..Default::default()
                };
                let started = self.ask(Request::StartExecution(input)).expect("it starts");
                let arn = started["executionArn"].as_str().expect("an ARN");
                self.executions.push(arn.to_string());
            }
            3..=6 if !self.calls.is_empty() => {
                let at = self.draw(self.calls.len());
                let (execution, ticket) = self.calls.swap_remove(at);
                let failed = |error: &str| TaskOutcome::Failed {
                    error: Some(error.to_string()),
                    cause: None,
                };
                let outcome = match self.draw(4) {
                    0 => failed("Again"),
                    1 => failed("Boom"),
                    _ => TaskOutcome::Succeeded(Payload::from_text("{}".to_string())),
                };
                self.ask(Request::CompleteTask {
                    execution,
                    ticket,
                    outcome,
                });
            }
            7 if !self.executions.is_empty() => {
                let at = self.draw(self.executions.len());
                let execution_arn = self.executions[at].clone();
                if self.draw(2) == 0 {
                    let input = json!({ "executionArn": execution_arn });
                    self.ask(Request::StopExecution(decoded(&input)));
                } else {
                    let input = json!({ "executionArn": execution_arn });
                    self.ask(Request::RedriveExecution(decoded(&input)));
                }
            }
            // Another process: what was open is not known to it.
            8 => self.hand_over(true),
            _ => {
                self.shard.tick(Timestamp::from_millis(self.now_ms));
                self.commit();
            }
        }
    }

    fn hand_over(&mut self, forgets: bool) {
        for sample in self.projection.take() {
            let name = sample.metric.name().to_string();
            let (sum, count) = self.projected.entry(name).or_default();
            *sum += sample.values.sum();
            *count += sample.values.count();
        }
        if forgets {
            self.projection = Projection::default();
        }
    }

    /// The same from the histories, in the words of the API.
    fn expected(&self) -> BTreeMap<String, (f64, f64)> {
        let now = Timestamp::from_millis(self.now_ms);
        let reader = Reader::new(self.shard.snapshot(), self.settings.clone(), now);
        let mut expected = BTreeMap::new();
        for execution in &self.executions {
            let input = states::GetExecutionHistoryInput {
                execution_arn: execution.clone(),
                max_results: Some(1_000),
                ..Default::default()
            };
            let history = reader
                .get_execution_history(&input)
                .expect("rows can be read");
            counted(&history.expect("it has a history").events, &mut expected);
        }
        expected
    }
}

/// Counts a whole history, event by event, as AWS's guide describes the metrics.
fn counted(events: &[states::HistoryEvent], counts: &mut BTreeMap<String, (f64, f64)>) {
    let mut add = |name: String, value: f64| {
        let (sum, count): &mut (f64, f64) = counts.entry(name).or_default();
        *sum += value;
        *count += 1.0;
    };
    let by_id: BTreeMap<i64, &states::HistoryEvent> =
        events.iter().map(|event| (event.id, event)).collect();
    let ms = |event: &states::HistoryEvent| event.timestamp.ms() as f64;
    // The nearest event before this one, along `previousEventId`, whose type ends so.
    let before = |event: &states::HistoryEvent, end: &str| {
        let mut at = event.previous_event_id.unwrap_or_default();
        for _ in 0..4 {
            let found = by_id.get(&at)?;
            if found.r#type.ends_with(end) {
                return Some(ms(found));
            }
            at = found.previous_event_id.unwrap_or_default();
        }
        None
    };
    let mut redrives = 0;
    for event in events {
        let kind = event.r#type.as_str();
        match kind {
            "ExecutionStarted" => add("ExecutionsStarted".to_string(), 1.0),
            "ExecutionRedriven" => {
                redrives += 1;
                add("ExecutionsRedriven".to_string(), 1.0);
            }
            "ExecutionSucceeded" | "ExecutionFailed" | "ExecutionAborted" | "ExecutionTimedOut" => {
                let end = kind.trim_start_matches("Execution");
                add("ExecutionsStarted".to_string(), 0.0);
                add(format!("Executions{end}"), 1.0);
                add("ExecutionTime".to_string(), ms(event) - ms(&events[0]));
                if redrives > 0 {
                    add(format!("RedrivenExecutions{end}"), 1.0);
                }
            }
            _ => {
                let works = [
                    ("LambdaFunction", "LambdaFunction"),
                    ("Task", "ServiceIntegration"),
                ];
                for (prefix, metric) in works {
                    let Some(end) = kind.strip_prefix(prefix) else {
                        continue;
                    };
                    if ["Scheduled", "Started", "Succeeded", "Failed", "TimedOut"].contains(&end) {
                        add(format!("{metric}s{end}"), 1.0);
                    }
                    let scheduled = before(event, "Scheduled");
                    let started = before(event, "Started");
                    match (end, scheduled) {
                        ("Started", Some(scheduled)) => {
                            add(format!("{metric}ScheduleTime"), ms(event) - scheduled);
                        }
                        ("Succeeded" | "Failed" | "TimedOut", Some(scheduled)) => {
                            add(format!("{metric}Time"), ms(event) - scheduled);
                            if let Some(started) = started {
                                add(format!("{metric}RunTime"), ms(event) - started);
                            }
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}

fn decoded<T: stepwell_api::Input>(request: &Value) -> T {
    stepwell_api::states::decode(request.to_string().as_bytes()).expect("a request")
}

fn definitions() -> [Value; 3] {
    let integration = json!({
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": { "FunctionName": "f" }, "End": true,
    });
    let task = |more: Value| {
        let mut task = json!({ "Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 20 });
        let more = more.as_object().cloned().unwrap_or_default();
        task.as_object_mut().expect("an object").extend(more);
        task
    };
    let retry = json!([{ "ErrorEquals": ["Again"], "IntervalSeconds": 1, "MaxAttempts": 2 }]);
    [
        json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } }),
        json!({
            "TimeoutSeconds": 90, "StartAt": "T", "States": {
                "T": task(json!({ "Retry": retry, "Next": "W" })),
                "W": { "Type": "Wait", "Seconds": 3, "Next": "I" },
                "I": integration,
            },
        }),
        json!({
            "StartAt": "B", "States": { "B": { "Type": "Parallel", "End": true, "Branches": [
                { "StartAt": "T", "States": { "T": task(json!({ "End": true })) } },
                { "StartAt": "I", "States": { "I": integration } },
            ] } },
        }),
    ]
}

#[test]
fn what_is_counted_is_what_histories_say() {
    for seed in 1..=20 {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
        }
        world.hand_over(false);
        let expected = world.expected();
        assert!(
            expected.len() > 15,
            "seed {seed} does too little: {expected:?}"
        );
        assert_eq!(world.projected, expected, "seed {seed}");
    }
}
