//! A crash at every commit of a run: the output is the one of a run without crashes.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stepwell_service::{FunctionCall, LostTask, Payload, Request, TaskOutcome};
use stepwell_store::{Disk, Fault};

use crate::world::{Row, START_MS, World, change, execution_arn, start_body};

/// Everything that has a row of its own: Map and Parallel frames, tasks, backoff, waits, variables.
const MACHINE: &str = r#"{"StartAt": "Map", "States": {
    "Map": {"Type": "Map", "MaxConcurrency": 2, "ItemsPath": "$.items", "ResultPath": "$.doubled", "Assign": {"first.$": "$[0]"}, "Next": "Both",
        "ItemSelector": {"n.$": "$$.Map.Item.Value"},
        "ItemProcessor": {"StartAt": "Double", "States": {
            "Double": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:double",
                "Retry": [{"ErrorEquals": ["Busy", "Lambda.SdkClientException"], "IntervalSeconds": 1, "MaxAttempts": 20, "MaxDelaySeconds": 2}],
                "Next": "Pause"},
            "Pause": {"Type": "Wait", "Seconds": 3, "End": true}}}},
    "Both": {"Type": "Parallel", "ResultPath": "$.both", "Next": "Last", "Branches": [
        {"StartAt": "Nap", "States": {"Nap": {"Type": "Wait", "Seconds": 2, "Assign": {"mine": 1}, "Next": "See"},
            "See": {"Type": "Pass", "Parameters": {"first.$": "$first", "mine.$": "$mine"}, "End": true}}},
        {"StartAt": "Ask", "States": {"Ask": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "double", "Payload": {"n.$": "$first"}}, "OutputPath": "$.Payload", "TimeoutSeconds": 50,
            "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 20, "BackoffRate": 1}], "End": true}}}]},
    "Last": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:double", "Parameters": {"n.$": "$first"},
        "ResultPath": "$.last", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Last", "ResultPath": "$.last"}], "End": true}}}"#;

const INPUT: &str = r#"{"items": [1, 2, 3, 4]}"#;

const OUTPUT: &str =
    r#"{"items":[1,2,3,4],"doubled":[2,4,6,8],"both":[{"first":2,"mine":1},4],"last":4}"#;

/// What is run.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    pub definition: &'static str,
    pub input: &'static str,
}

const ALL_KINDS_OF_STATES: Scenario = Scenario {
    definition: MACHINE,
    input: INPUT,
};

/// What the function answers: the first attempt of every task is too much for it.
fn performed(call: &FunctionCall) -> TaskOutcome {
    if call.ticket.attempt == 1 && call.function.ends_with(":double") {
        return TaskOutcome::Failed {
            error: Some("Busy".to_string()),
            cause: Some("later".to_string()),
        };
    }
    let n = call.payload.value()["n"].as_i64().expect("a number");
    let doubled = Payload::from_value(json!(n * 2));
    if call.function == "double" {
        return TaskOutcome::Succeeded(Payload::from_value(
            json!({ "Payload": n * 2, "StatusCode": 200 }),
        ));
    }
    TaskOutcome::Succeeded(doubled)
}

/// Where a run is cut off.
#[derive(Debug, Clone, Copy)]
pub enum Cut {
    Never,
    /// This commit never reaches the disk, or its acknowledgement never arrives.
    At(u64, Fault),
    /// Right after this commit: what it released is lost.
    After(u64),
}

pub struct Run {
    pub world: World,
    cut: Cut,
    pub commits: u64,
    /// How often each attempt was released.
    released: BTreeMap<(u64, stepwell_service::Ticket), u32>,
}

impl Run {
    /// Runs the machine to its good end, with redrives; the process dies once, where `cut` says.
    pub fn to_the_end(scenario: Scenario, cut: Cut, lost_task: LostTask) -> Run {
        let mut run = Run {
            world: World::on(&Disk::new(), lost_task),
            cut,
            commits: 0,
            released: BTreeMap::new(),
        };
        run.world.create("m", "STANDARD", scenario.definition);
        if let Cut::At(commit, fault) = cut {
            run.world.disk.fail(fault, commit - 1);
        }
        // A client repeats a start that was not acknowledged; the same name is the same execution.
        for _ in 0..2 {
            run.world.apply(
                change("StartExecution", &start_body("m", "e", scenario.input))
                    .expect("decodes")
                    .expect("changes"),
            );
            if run.commit() {
                break;
            }
        }
        for _ in 0..1_000 {
            match run.world.describe("m", "e")["status"].as_str() {
                Some("RUNNING") => run.go_on(),
                Some("FAILED") => run.redrive(),
                _ => return run,
            }
            run.commit();
        }
        panic!("{cut:?}: the execution does not end");
    }

    pub fn go_on(&mut self) {
        let due = self.world.shard.next_deadline();
        if due.is_some_and(|due| due.as_millis() < START_MS) {
            // Work that waits for nothing: steps of map runs.
            self.world.shard.tick(self.world.now());
            return;
        }
        if let Some(call) = self.world.open.first() {
            let (execution, ticket, outcome) = (call.execution, call.ticket, performed(call));
            self.world.open.remove(0);
            self.world.apply(Request::CompleteTask {
                execution,
                ticket,
                outcome,
            });
            return;
        }
        let due = self
            .world
            .shard
            .next_deadline()
            .expect("something is due or a call is open");
        self.world.now_ms = self.world.now_ms.max(due.as_millis());
        self.world.shard.tick(self.world.now());
    }

    fn redrive(&mut self) {
        let body = json!({ "executionArn": execution_arn("m", "e") }).to_string();
        let request = change("RedriveExecution", &body).expect("decodes");
        self.world.apply(request.expect("changes"));
    }

    /// Commits; `false` if the process died on the way.
    pub fn commit(&mut self) -> bool {
        self.commits += 1;
        let open = self.world.open.len();
        match self.world.try_commit() {
            Ok(_) if matches!(self.cut, Cut::After(commit) if commit == self.commits) => {
                self.note_released(open.min(self.world.open.len()));
                self.world.crash();
                self.note_released(0);
                true
            }
            Ok(_) => {
                self.note_released(open.min(self.world.open.len()));
                true
            }
            Err(_) => {
                self.world.crash();
                self.note_released(0);
                false
            }
        }
    }

    fn note_released(&mut self, from: usize) {
        for call in &self.world.open[from..] {
            *self
                .released
                .entry((call.execution, call.ticket))
                .or_default() += 1;
        }
    }

    pub fn check(&mut self, output: &str, times_max: u32) {
        let cut = self.cut;
        let shown = self.world.describe("m", "e");
        assert_eq!(shown["output"], output, "{cut:?}: {shown}");
        check_history(&mut self.world, "m", "e");
        assert!(
            self.released.values().all(|times| *times <= times_max),
            "{cut:?}: {:?}",
            self.released
        );
        for kind in [5, 9, 10, 11, 15] {
            assert_eq!(
                self.world.kinds().get(&kind),
                None,
                "{cut:?}: rows of kind {kind} are left"
            );
        }
        assert_eq!(self.world.shard.next_deadline(), None, "{cut:?}");
    }
}

/// Ids 1..n, predecessors before their successors, one end more than redrives and nothing after the last one.
pub fn check_history(world: &mut World, machine: &str, name: &str) {
    let body = json!({ "executionArn": execution_arn(machine, name), "maxResults": 1000 });
    let page: Value =
        serde_json::from_str(&world.ask("GetExecutionHistory", &body.to_string())).expect("a page");
    let events = page["events"].as_array().expect("events");
    for (event, id) in events.iter().zip(1..) {
        assert_eq!(event["id"], json!(id), "ids have a gap");
        assert!(
            event["previousEventId"].as_u64() < event["id"].as_u64(),
            "{event}"
        );
    }
    let ends = [
        "ExecutionSucceeded",
        "ExecutionFailed",
        "ExecutionAborted",
        "ExecutionTimedOut",
    ];
    let is_end = |event: &Value| ends.iter().any(|end| event["type"] == *end);
    let redrives = events
        .iter()
        .filter(|event| event["type"] == "ExecutionRedriven");
    let redrives = redrives.count();
    assert_eq!(
        events.iter().filter(|event| is_end(event)).count(),
        1 + redrives
    );
    assert!(events.last().is_some_and(is_end));
}

#[test]
fn a_crash_at_any_commit_changes_no_output() {
    cut_everywhere(ALL_KINDS_OF_STATES, OUTPUT, |_| ());
}

/// Runs a scenario with a crash at each of its commits; `also` looks at the end of every run.
pub fn cut_everywhere(scenario: Scenario, output: &str, also: fn(&mut Run)) {
    let mut fault_free = Run::to_the_end(scenario, Cut::Never, LostTask::Fail);
    fault_free.check(output, 1);
    also(&mut fault_free);
    assert!(fault_free.commits > 15, "{}", fault_free.commits);
    for commit in 1..=fault_free.commits {
        for cut in [
            Cut::After(commit),
            Cut::At(commit, Fault::BeforeWrite),
            Cut::At(commit, Fault::AfterWrite),
        ] {
            // An attempt runs at most once, whatever happens.
            let mut run = Run::to_the_end(scenario, cut, LostTask::Fail);
            run.check(output, 1);
            also(&mut run);
            // Where that is asked for, an attempt in doubt runs again.
            let mut run = Run::to_the_end(scenario, cut, LostTask::Retry);
            run.check(output, 2);
            also(&mut run);
        }
    }
}

#[test]
fn the_same_commands_times_and_entropy_give_the_same_rows() {
    let rows = || -> Vec<Vec<Row>> {
        let mut run = Run {
            world: World::new(),
            cut: Cut::Never,
            commits: 0,
            released: BTreeMap::new(),
        };
        run.world.create("m", "STANDARD", MACHINE);
        run.world.create(
            "x",
            "EXPRESS",
            r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"End":true}}}"#,
        );
        run.world.start("m", "e", INPUT);
        run.world.start("x", "e", "{}");
        let body = json!({ "stateMachineArn": crate::world::machine_arn("m"), "input": INPUT });
        run.world.ask("StartExecution", &body.to_string());
        let mut seen = vec![run.world.rows()];
        while run.world.shard.next_deadline().is_some() || !run.world.open.is_empty() {
            run.go_on();
            run.commit();
            seen.push(run.world.rows());
        }
        seen
    };
    let (first, second) = (rows(), rows());
    assert!(first.len() > 20);
    assert!(first == second, "two runs differ");
}

#[test]
fn a_store_that_forgets_idle_executions_runs_them_as_well() {
    // An execution in the middle of everything, read back from its rows before every single input.
    let mut run = Run {
        world: World::on(&Disk::new(), LostTask::Retry),
        cut: Cut::Never,
        commits: 0,
        released: BTreeMap::new(),
    };
    run.world.create("m", "STANDARD", MACHINE);
    run.world.start("m", "e", INPUT);
    while run.world.describe("m", "e")["status"] == "RUNNING" {
        run.world.crash();
        run.go_on();
        run.commit();
    }
    assert_eq!(run.world.describe("m", "e")["output"], OUTPUT);
    check_history(&mut run.world, "m", "e");
}
