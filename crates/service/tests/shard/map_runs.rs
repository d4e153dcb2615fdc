//! Map runs: child executions, counts, thresholds, aborts, and crashes in the middle.

use serde_json::{Value, json};
use stepwell_service::{Payload, TaskOutcome};

use crate::crashes::{Run, Scenario, check_history, cut_everywhere};
use crate::world::{World, execution_arn};

/// A machine of one Distributed Map with the label `l`.
fn distributed(fields: &str, kind: &str, states: &str) -> String {
    format!(
        r#"{{"StartAt": "M", "States": {{"M": {{"Type": "Map", "Label": "l", {fields} "End": true, "ItemProcessor": {{
            "ProcessorConfig": {{"Mode": "DISTRIBUTED", "ExecutionType": "{kind}"}}, {states}}}}}}}}}"#
    )
}

const PASS: &str = r#""StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}"#;
const TASK: &str = r#""StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "End": true}}"#;
const WAIT: &str =
    r#""StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": true}}"#;
/// Fails for the items that are `"bad"`.
const CHOOSE: &str = r#""StartAt": "C", "States": {"C": {"Type": "Choice", "Default": "S",
    "Choices": [{"Variable": "$", "StringEquals": "bad", "Next": "F"}]},
    "S": {"Type": "Succeed"}, "F": {"Type": "Fail", "Error": "Bad", "Cause": "item"}}"#;

impl World {
    fn run_of(&mut self, definition: &str, input: &str) -> Value {
        self.create("m", "STANDARD", definition);
        self.start("m", "e", input);
        self.tick();
        self.only_run("m", "e")
    }

    /// `DescribeMapRun` of the newest run of an execution.
    fn only_run(&mut self, machine: &str, name: &str) -> Value {
        let listed = self.json(
            "ListMapRuns",
            json!({ "executionArn": execution_arn(machine, name) }),
        );
        let runs = listed["mapRuns"].as_array().expect("runs");
        let arn = &runs.last().expect("a run")["mapRunArn"];
        self.json("DescribeMapRun", json!({ "mapRunArn": arn }))
    }

    fn json(&mut self, operation: &str, body: Value) -> Value {
        let text = self.ask(operation, &body.to_string());
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }

    fn children(&mut self, run: &Value, filters: Value) -> Vec<Value> {
        let mut body = json!({ "mapRunArn": run["mapRunArn"] });
        for (name, value) in filters.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let listed = self.json("ListExecutions", body);
        let executions = listed["executions"].as_array();
        executions.unwrap_or_else(|| panic!("{listed}")).clone()
    }

    fn succeed(&mut self, output: &str) {
        self.complete(TaskOutcome::Succeeded(Payload::from_text(output)));
        self.tick();
    }
}

fn counts(run: &Value) -> String {
    let shown = |what: &str| {
        let counts = &run[what];
        let of = |name: &str| counts[name].as_i64().expect("a count");
        format!(
            "{} pending, {} running, {} succeeded, {} failed, {} timed out, {} aborted of {}",
            of("pending"),
            of("running"),
            of("succeeded"),
            of("failed"),
            of("timedOut"),
            of("aborted"),
            of("total")
        )
    };
    format!("{}: {}", run["status"], shown("executionCounts"))
}

#[test]
fn children_are_executions_with_arns_histories_and_a_map_run() {
    let mut world = World::new();
    let run = world.run_of(&distributed("", "STANDARD", PASS), r#"["a", "b"]"#);
    assert_eq!(
        counts(&run),
        r#""SUCCEEDED": 0 pending, 0 running, 2 succeeded, 0 failed, 0 timed out, 0 aborted of 2"#
    );
    assert_eq!(world.describe("m", "e")["output"], r#"["a","b"]"#);
    let children = world.children(&run, json!({}));
    let newest = &children[0];
    assert_eq!(children.len(), 2);
    assert_eq!(newest["itemCount"], 1);
    assert_eq!(newest["mapRunArn"], run["mapRunArn"]);
    let arn = newest["executionArn"].as_str().expect("an ARN");
    assert!(arn.starts_with("arn:aws:states:us-east-1:123456789012:execution:m/l:"));
    let shown = world.json("DescribeExecution", json!({ "executionArn": arn }));
    assert_eq!(shown["output"], "\"b\"");
    assert_eq!(shown["mapRunArn"], run["mapRunArn"]);
    assert_eq!(
        shown["stateMachineArn"],
        "arn:aws:states:us-east-1:123456789012:stateMachine:m/l"
    );
    let machine = world.json(
        "DescribeStateMachineForExecution",
        json!({ "executionArn": arn }),
    );
    assert_eq!(
        (&machine["label"], &machine["name"]),
        (&json!("l"), &json!("m"))
    );
    assert_eq!(machine["mapRunArn"], run["mapRunArn"]);
    check_history(&mut world, "m/l", newest["name"].as_str().expect("a name"));
    check_history(&mut world, "m", "e");
    let listed = world.json(
        "ListExecutions",
        json!({ "stateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:m" }),
    );
    assert_eq!(listed["executions"].as_array().map(Vec::len), Some(1));
}

#[test]
fn as_many_children_are_open_as_the_concurrency_allows() {
    let mut world = World::new();
    let definition = distributed(r#""MaxConcurrency": 2,"#, "STANDARD", TASK);
    let run = world.run_of(&definition, "[1, 2, 3]");
    assert_eq!(
        counts(&run),
        r#""RUNNING": 1 pending, 2 running, 0 succeeded, 0 failed, 0 timed out, 0 aborted of 3"#
    );
    // Results are in the order of the items, whichever comes first.
    world.open.swap(0, 1);
    world.succeed("20");
    assert_eq!(world.open.len(), 2);
    world.succeed("10");
    world.succeed("30");
    assert_eq!(world.describe("m", "e")["output"], "[10,20,30]");
}

#[test]
fn an_update_changes_a_run_that_goes_on() {
    let mut world = World::new();
    let definition = distributed(r#""MaxConcurrency": 1,"#, "STANDARD", TASK);
    let run = world.run_of(&definition, "[1, 2, 3]");
    let arn = run["mapRunArn"].clone();
    assert_eq!(world.open.len(), 1);
    let wider = json!({ "mapRunArn": arn, "maxConcurrency": 3, "toleratedFailureCount": 2, "toleratedFailurePercentage": 90.0 });
    assert_eq!(world.ask("UpdateMapRun", &wider.to_string()), "{}");
    world.tick();
    assert_eq!(world.open.len(), 3);
    let run = world.only_run("m", "e");
    assert_eq!(
        (&run["maxConcurrency"], &run["toleratedFailureCount"]),
        (&json!(3), &json!(2))
    );
    for _ in 0..2 {
        world.complete(TaskOutcome::Failed {
            error: Some("Broken".to_string()),
            cause: None,
        });
        world.tick();
    }
    world.succeed("3");
    assert_eq!(world.describe("m", "e")["status"], "SUCCEEDED");
    let refused = world.ask("UpdateMapRun", &wider.to_string());
    assert!(refused.starts_with("! ValidationException"), "{refused}");
    let refused = world.ask("UpdateMapRun", &json!({ "mapRunArn": arn }).to_string());
    assert!(refused.starts_with("! ValidationException"), "{refused}");
    let nobody = json!({ "mapRunArn": "arn:aws:states:us-east-1:123456789012:mapRun:m/l:none", "maxConcurrency": 1 });
    let refused = world.ask("UpdateMapRun", &nobody.to_string());
    assert!(refused.starts_with("! ResourceNotFound"), "{refused}");
}

#[test]
fn a_run_fails_when_more_fail_than_it_tolerates() {
    let run_with = |fields: &str, input: &str| {
        let mut world = World::new();
        let run = world.run_of(&distributed(fields, "STANDARD", CHOOSE), input);
        let shown = world.describe("m", "e");
        (run["status"].clone(), shown)
    };
    let (status, shown) = run_with("", r#"["good", "bad"]"#);
    assert_eq!(status, "FAILED");
    assert_eq!(shown["error"], "States.ExceedToleratedFailureThreshold");
    assert_eq!(
        shown["cause"],
        "The specified tolerated failure threshold was exceeded"
    );
    let one_of_three = r#"["good", "bad", "good"]"#;
    let tolerant = [
        r#""ToleratedFailureCount": 1,"#,
        r#""ToleratedFailurePercentage": 34,"#,
        r#""ToleratedFailureCount": 1, "ToleratedFailurePercentage": 34,"#,
    ];
    for fields in tolerant {
        let (status, shown) = run_with(fields, one_of_three);
        assert_eq!(status, "SUCCEEDED", "{fields}");
        let output: Value =
            serde_json::from_str(shown["output"].as_str().expect("an output")).expect("JSON");
        assert_eq!((&output[0], &output[2]), (&json!("good"), &json!("good")));
        assert_eq!(
            (&output[1]["Status"], &output[1]["Error"]),
            (&json!("FAILED"), &json!("Bad"))
        );
        assert_eq!(output[1]["Input"], "\"bad\"");
    }
    let strict = [
        r#""ToleratedFailurePercentage": 33,"#,
        r#""ToleratedFailureCount": 0, "ToleratedFailurePercentage": 50,"#,
        r#""ToleratedFailureCount": 5, "ToleratedFailurePercentage": 10,"#,
    ];
    for fields in strict {
        assert_eq!(run_with(fields, one_of_three).0, "FAILED", "{fields}");
    }
}

#[test]
fn children_are_aborted_with_their_parent() {
    let mut world = World::new();
    let run = world.run_of(&distributed("", "STANDARD", WAIT), "[1, 2, 3]");
    let stop = json!({ "executionArn": execution_arn("m", "e"), "error": "Enough" });
    world.ask("StopExecution", &stop.to_string());
    // The process dies before any child was told.
    world.crash();
    assert_eq!(
        counts(&world.only_run("m", "e")),
        r#""ABORTED": 0 pending, 0 running, 0 succeeded, 0 failed, 0 timed out, 3 aborted of 3"#
    );
    let filter = |status: &str| json!({ "statusFilter": status });
    assert_eq!(world.children(&run, filter("ABORTED")).len(), 3);
    assert_eq!(world.children(&run, filter("RUNNING")).len(), 0);
    assert_eq!(world.children(&run, filter("PENDING_REDRIVE")).len(), 0);
    assert_eq!(world.kinds().get(&11), None, "a mark of doubt is left");
    assert_eq!(world.shard.next_deadline(), None);
}

#[test]
fn a_parent_that_times_out_takes_its_children_with_it() {
    let mut world = World::new();
    let definition =
        distributed("", "STANDARD", WAIT).replacen('{', r#"{"TimeoutSeconds": 5, "#, 1);
    world.run_of(&definition, "[1]");
    world.wait_ms(5_000);
    assert_eq!(world.describe("m", "e")["status"], "TIMED_OUT");
    assert_eq!(
        counts(&world.only_run("m", "e")),
        r#""ABORTED": 0 pending, 0 running, 0 succeeded, 0 failed, 0 timed out, 1 aborted of 1"#
    );
}

#[test]
fn a_child_can_be_stopped_alone() {
    let mut world = World::new();
    let run = world.run_of(&distributed("", "STANDARD", TASK), "[1, 2]");
    let child = world.children(&run, json!({}))[0]["executionArn"].clone();
    let stop = json!({ "executionArn": child, "error": "Enough" });
    assert!(
        world
            .ask("StopExecution", &stop.to_string())
            .starts_with('{')
    );
    world.tick();
    world.succeed("10");
    let output = world.describe("m", "e")["output"].to_string();
    assert!(
        output.contains("ABORTED") && output.starts_with(r#""[10,{"#),
        "{output}"
    );
}

/// Starts three children, of which the first succeeds and the second fails.
fn failed_run(kind: &str) -> (World, Value) {
    let mut world = World::new();
    let run = world.run_of(&distributed("", kind, TASK), "[1, 2, 3]");
    world.succeed("10");
    world.complete(TaskOutcome::Failed {
        error: Some("Broken".to_string()),
        cause: None,
    });
    world.tick();
    assert_eq!(world.describe("m", "e")["status"], "FAILED");
    assert_eq!(
        counts(&world.only_run("m", "e")),
        r#""FAILED": 0 pending, 0 running, 1 succeeded, 1 failed, 0 timed out, 1 aborted of 3"#
    );
    (world, run)
}

fn redrive(world: &mut World) {
    let body = json!({ "executionArn": execution_arn("m", "e") });
    let answer = world.ask("RedriveExecution", &body.to_string());
    assert!(answer.starts_with('{'), "{answer}");
}

#[test]
fn a_redrive_runs_the_children_without_success_again() {
    let (mut world, run) = failed_run("STANDARD");
    redrive(&mut world);
    let waiting = world.only_run("m", "e");
    assert_eq!(
        (
            &waiting["status"],
            &waiting["executionCounts"]["pendingRedrive"]
        ),
        (&json!("RUNNING"), &json!(2))
    );
    let pending = world.children(&run, json!({ "statusFilter": "PENDING_REDRIVE" }));
    assert_eq!(pending.len(), 2);
    // A crash before the first child was redriven.
    world.crash();
    world.tick();
    assert_eq!(
        counts(&world.only_run("m", "e")),
        r#""RUNNING": 0 pending, 2 running, 1 succeeded, 0 failed, 0 timed out, 0 aborted of 3"#
    );
    let redriven = world.children(&run, json!({ "redriveFilter": "REDRIVEN" }));
    assert_eq!(redriven.len(), 2);
    world.succeed("20");
    world.succeed("30");
    let shown = world.describe("m", "e");
    assert_eq!(shown["output"], "[10,20,30]");
    let run = world.only_run("m", "e");
    assert_eq!(
        (&run["redriveCount"], &run["status"]),
        (&json!(1), &json!("SUCCEEDED"))
    );
    let history = world.ask(
        "GetExecutionHistory",
        &json!({ "executionArn": execution_arn("m", "e") }).to_string(),
    );
    assert!(history.contains("MapRunRedriven"), "{history}");
    let child = json!({ "executionArn": redriven[0]["executionArn"] });
    let refused = world.ask("RedriveExecution", &child.to_string());
    assert!(refused.starts_with("! ExecutionNotRedrivable"), "{refused}");
}

#[test]
fn a_redrive_starts_express_children_anew() {
    let (mut world, _) = failed_run("EXPRESS");
    redrive(&mut world);
    world.tick();
    let payloads: Vec<&str> = world
        .open
        .iter()
        .map(|call| call.payload.text().as_ref())
        .collect();
    assert_eq!(payloads, ["2", "3"]);
    world.succeed("20");
    world.succeed("30");
    assert_eq!(world.describe("m", "e")["output"], "[10,20,30]");
}

#[test]
fn a_redrive_before_all_children_were_aborted_lets_them_run() {
    let mut world = World::new();
    world.run_of(&distributed("", "STANDARD", WAIT), "[1, 2]");
    let arn = json!({ "executionArn": execution_arn("m", "e") }).to_string();
    world.ask("StopExecution", &arn);
    redrive(&mut world);
    world.tick();
    assert_eq!(
        counts(&world.only_run("m", "e")),
        r#""RUNNING": 0 pending, 2 running, 0 succeeded, 0 failed, 0 timed out, 0 aborted of 2"#
    );
    world.wait_ms(60_000);
    assert_eq!(world.describe("m", "e")["output"], "[1,2]");
}

#[test]
fn a_child_that_fails_after_the_redrive_stays_as_it_ended() {
    let mut world = World::new();
    let definition = distributed(r#""ToleratedFailureCount": 1,"#, "STANDARD", TASK);
    world.run_of(&definition, "[1, 2]");
    let arn = json!({ "executionArn": execution_arn("m", "e") }).to_string();
    world.ask("StopExecution", &arn);
    redrive(&mut world);
    // Before the run has looked at any child.
    world.complete(TaskOutcome::Failed {
        error: Some("Broken".to_string()),
        cause: None,
    });
    world.tick();
    world.succeed("20");
    assert_eq!(
        counts(&world.only_run("m", "e")),
        r#""SUCCEEDED": 0 pending, 0 running, 1 succeeded, 1 failed, 0 timed out, 0 aborted of 2"#
    );
}

#[test]
fn express_children_run_and_are_not_listed() {
    let mut world = World::new();
    let run = world.run_of(&distributed("", "EXPRESS", TASK), "[1, 2]");
    assert_eq!(world.open.len(), 2);
    assert!(world.children(&run, json!({})).is_empty());
    // An Express execution that a crash cut off starts again, and is the same child.
    world.crash();
    world.tick();
    world.succeed("10");
    world.succeed("20");
    assert_eq!(world.describe("m", "e")["output"], "[10,20]");
    assert_eq!(
        counts(&world.only_run("m", "e")),
        r#""SUCCEEDED": 0 pending, 0 running, 2 succeeded, 0 failed, 0 timed out, 0 aborted of 2"#
    );
}

#[test]
fn batches_count_their_items() {
    let mut world = World::new();
    let definition = distributed(
        r#""MaxConcurrency": 1, "ItemBatcher": {"MaxItemsPerBatch": 2},"#,
        "STANDARD",
        TASK,
    );
    let run = world.run_of(&definition, "[1, 2, 3, 4, 5]");
    assert_eq!(
        counts(&run),
        r#""RUNNING": 2 pending, 1 running, 0 succeeded, 0 failed, 0 timed out, 0 aborted of 3"#
    );
    let items = &run["itemCounts"];
    assert_eq!(
        (&items["pending"], &items["running"], &items["total"]),
        (&json!(3), &json!(2), &json!(5))
    );
    assert_eq!(world.children(&run, json!({}))[0]["itemCount"], 2);
}

#[test]
fn results_are_formatted_as_the_writer_says() {
    let output = |config: &str| {
        let mut world = World::new();
        let fields = format!(r#""ResultWriter": {{"WriterConfig": {config}}},"#);
        world.run_of(&distributed(&fields, "STANDARD", PASS), "[[1, 2], 3]");
        let shown = world.describe("m", "e");
        shown["output"].as_str().expect("an output").to_string()
    };
    assert_eq!(output(r#"{"Transformation": "COMPACT"}"#), "[[1,2],3]");
    assert_eq!(output(r#"{"Transformation": "FLATTEN"}"#), "[1,2,3]");
    assert_eq!(output(r#"{"OutputType": "JSONL"}"#), r#""[1,2]\n3""#);
    let records: Value =
        serde_json::from_str(&output(r#"{"Transformation": "NONE"}"#)).expect("JSON");
    assert_eq!(
        (&records[1]["Output"], &records[1]["Status"]),
        (&json!("3"), &json!("SUCCEEDED"))
    );
}

#[test]
fn results_over_the_limit_fail_the_state() {
    let mut world = World::new();
    let definition = distributed("", "STANDARD", TASK);
    world.run_of(&definition, "[1, 2]");
    let large = format!("\"{}\"", "x".repeat(150_000));
    world.succeed(&large);
    world.succeed(&large);
    let shown = world.describe("m", "e");
    assert_eq!(shown["error"], "States.DataLimitExceeded");
}

#[test]
fn a_run_without_items_succeeds_at_once() {
    let mut world = World::new();
    let run = world.run_of(&distributed("", "STANDARD", PASS), "[]");
    assert_eq!(world.describe("m", "e")["output"], "[]");
    assert_eq!(run["itemCounts"]["total"], 0);
}

#[test]
fn a_distributed_map_runs_inside_an_inline_one_and_a_branch() {
    let inner = r#"{"StartAt": "D", "States": {"D": {"Type": "Map", "Label": "l", "End": true, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}}}"#;
    let mut world = World::new();
    let inline = format!(
        r#"{{"StartAt": "I", "States": {{"I": {{"Type": "Map", "End": true, "ItemProcessor": {inner}}}}}}}"#
    );
    world.run_of(&inline, "[[1, 2], [3]]");
    assert_eq!(world.describe("m", "e")["output"], "[[1,2],[3]]");
    // Both runs have the label of the one Map state.
    assert_eq!(world.kinds()[&21], 2);
    let mut world = World::new();
    let parallel = format!(
        r#"{{"StartAt": "B", "States": {{"B": {{"Type": "Parallel", "End": true, "Branches": [{inner}]}}}}}}"#
    );
    world.run_of(&parallel, "[1, 2]");
    assert_eq!(world.describe("m", "e")["output"], "[[1,2]]");
}

#[test]
fn children_speak_the_language_of_their_machine() {
    let mut world = World::new();
    let definition = r#"{"QueryLanguage": "JSONata", "StartAt": "M", "States": {"M": {"Type": "Map", "End": true,
        "Items": "{% $states.input.items %}", "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, "StartAt": "P", "States": {
            "P": {"Type": "Pass", "Output": "{% $states.input * 2 %}", "End": true}}}}}}"#;
    world.run_of(definition, r#"{"items": [1, 2]}"#);
    assert_eq!(world.describe("m", "e")["output"], "[2,4]");
}

#[test]
fn children_are_opened_over_many_commits() {
    let mut world = World::new();
    world.create("m", "STANDARD", &distributed("", "STANDARD", WAIT));
    let items: Vec<u32> = (0..3_000).collect();
    world.start("m", "e", &json!(items).to_string());
    let mut opened = Vec::new();
    while world
        .shard
        .next_deadline()
        .is_some_and(|due| due <= world.now())
    {
        world.shard.tick(world.now());
        world.commit();
        opened.push(world.kinds()[&28]);
    }
    assert!(opened.len() >= 3, "{opened:?}");
    assert!(opened[0] <= 1_024, "{opened:?}");
    assert_eq!(opened.last(), Some(&3_000));
}

/// Two runs, one inside a child of the other, with tasks that fail first and waits.
const NESTED: Scenario = Scenario {
    definition: r#"{"StartAt": "Outer", "States": {"Outer": {"Type": "Map", "MaxConcurrency": 2, "End": true, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Inner", "States": {
            "Inner": {"Type": "Map", "MaxConcurrency": 1, "ItemsPath": "$", "ItemSelector": {"n.$": "$$.Map.Item.Value"}, "Next": "Pause", "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Double", "States": {
                    "Double": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:double", "End": true,
                        "Retry": [{"ErrorEquals": ["Busy", "Lambda.SdkClientException"], "IntervalSeconds": 1, "MaxAttempts": 20, "MaxDelaySeconds": 2}]}}}},
            "Pause": {"Type": "Wait", "Seconds": 3, "End": true}}}}}}"#,
    input: "[[1, 2, 3], [4], []]",
};

#[test]
fn a_crash_at_any_commit_loses_no_child_and_starts_none_twice() {
    fn also(run: &mut Run) {
        let kinds = run.world.kinds();
        // Four runs: the outer one and one in each of its three children; four items in the inner ones.
        assert_eq!(kinds[&21], 4);
        assert_eq!((kinds[&28], kinds[&22]), (7, 7));
        assert_eq!(kinds[&4], 8);
    }
    cut_everywhere(NESTED, "[[2,4,6],[8],[]]", also);
}

/// Tasks that fail first and are not retried: the run fails, and redrives bring it to its end.
const REDRIVEN: Scenario = Scenario {
    definition: r#"{"StartAt": "M", "States": {"M": {"Type": "Map", "MaxConcurrency": 2, "End": true,
        "ItemSelector": {"n.$": "$$.Map.Item.Value"}, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Double", "States": {
            "Double": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:double", "End": true}}}}}}"#,
    input: "[1, 2, 3]",
};

#[test]
fn a_crash_at_any_commit_of_a_redriven_run_loses_no_child() {
    fn also(run: &mut Run) {
        let kinds = run.world.kinds();
        assert_eq!((kinds[&21], kinds[&28], kinds[&4]), (1, 3, 4));
    }
    cut_everywhere(REDRIVEN, "[2,4,6]", also);
}
