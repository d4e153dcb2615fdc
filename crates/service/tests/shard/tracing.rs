//! Which executions are traced, the headers of what they call, sampling rules and groups.

use serde_json::{Value, json};
use stepwell_api::xray;
use stepwell_service::{
    LostTask, Payload, Request, SamplingRuleRow, TaskOutcome, XrayRequest, default_rule, segment_id,
};
use stepwell_store::Disk;

use crate::world::{World, answer_text, machine_arn};

const TASK: &str = r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":1}],"End":true}}}"#;

const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

fn create(world: &mut World, name: &str, definition: &str, is_traced: bool) {
    let body = json!({
        "name": name,
        "definition": definition,
        "roleArn": "arn:aws:iam::123456789012:role/r",
        "tracingConfiguration": { "enabled": is_traced },
    });
    let answer = world.ask("CreateStateMachine", &body.to_string());
    assert!(answer.starts_with('{'), "{answer}");
}

fn start(world: &mut World, machine: &str, name: &str, header: Option<&str>) -> Option<String> {
    let mut body = json!({ "stateMachineArn": machine_arn(machine), "name": name, "input": "{}" });
    if let Some(header) = header {
        body["traceHeader"] = json!(header);
    }
    let answer = world.ask("StartExecution", &body.to_string());
    assert!(answer.starts_with('{'), "{answer}");
    header_of(&world.describe(machine, name))
}

fn header_of(described: &Value) -> Option<String> {
    described["traceHeader"].as_str().map(str::to_owned)
}

fn change(world: &mut World, request: XrayRequest) -> String {
    answer_text(world.send(Request::Xray(request)).expect("it is answered"))
}

fn rule(name: &str, fixed_rate: f64, service_name: &str) -> XrayRequest {
    let SamplingRuleRow {
        resource_arn: any, ..
    } = default_rule();
    XrayRequest::CreateSamplingRule(Box::new(xray::CreateSamplingRuleRequest {
        sampling_rule: xray::SamplingRule {
            rule_name: Some(name.to_owned()),
            resource_arn: any.clone(),
            priority: 5,
            fixed_rate,
            reservoir_size: 0,
            service_name: service_name.to_owned(),
            service_type: any.clone(),
            host: any.clone(),
            http_method: any.clone(),
            url_path: any,
            version: 1,
            ..Default::default()
        },
        tags: None,
    }))
}

#[test]
fn a_caller_who_has_decided_has_decided_and_tracing_that_is_off_makes_no_header() {
    let mut world = World::new();
    create(&mut world, "off", TASK, false);
    create(&mut world, "on", TASK, true);
    assert_eq!(start(&mut world, "off", "none", None), None);
    for (number, decided) in [";Sampled=0", ";Parent=53995c3f42cd8ad8;Sampled=1"]
        .iter()
        .enumerate()
    {
        let given = format!("{ROOT}{decided}");
        let name = format!("e{number}");
        for machine in ["off", "on"] {
            assert_eq!(
                start(&mut world, machine, &name, Some(&given)).as_ref(),
                Some(&given)
            );
        }
    }
    assert_eq!(
        start(&mut world, "off", "open", Some(ROOT)).as_deref(),
        Some(ROOT)
    );
    let made = start(
        &mut world,
        "on",
        "open",
        Some(&format!("{ROOT};Parent=53995c3f42cd8ad8")),
    );
    let made = made.expect("a header");
    assert!(
        made.starts_with(&format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=")),
        "{made}"
    );
}

#[test]
fn the_reservoir_takes_one_a_second_and_rules_say_otherwise() {
    let mut world = World::new();
    create(&mut world, "on", TASK, true);
    let mut headers: Vec<String> = (0..50)
        .map(|number| start(&mut world, "on", &format!("e{number}"), None).expect("a header"))
        .collect();
    assert!(headers[0].ends_with(";Sampled=1"), "the first of a second");
    let sampled = headers
        .iter()
        .filter(|header| header.ends_with("=1"))
        .count();
    assert!((1..15).contains(&sampled), "{sampled}");
    headers.sort();
    headers.dedup_by_key(|header| header[..40].to_owned());
    assert_eq!(headers.len(), 50, "each has a trace of its own");
    change(&mut world, rule("all", 1.0, "o?"));
    assert!((0..20).all(|number| {
        start(&mut world, "on", &format!("f{number}"), None).is_some_and(|it| it.ends_with("=1"))
    }));
    let delete = xray::DeleteSamplingRuleRequest {
        rule_name: Some("all".to_owned()),
        rule_arn: None,
    };
    change(&mut world, XrayRequest::DeleteSamplingRule(delete));
    change(&mut world, rule("none", 0.0, "*"));
    world.wait_ms(5_000);
    assert!((0..20).all(|number| {
        start(&mut world, "on", &format!("g{number}"), None).is_some_and(|it| it.ends_with("=0"))
    }));
}

#[test]
fn the_same_commands_give_the_same_headers() {
    let headers = || {
        let mut world = World::new();
        create(&mut world, "on", TASK, true);
        let headers: Vec<_> = (0..30)
            .map(|number| {
                world.wait_ms(200);
                start(&mut world, "on", &format!("e{number}"), None)
            })
            .collect();
        headers
    };
    assert_eq!(headers(), headers());
}

#[test]
fn a_call_has_the_subsegment_of_its_attempt_for_a_parent() {
    let mut world = World::new();
    create(&mut world, "m", TASK, false);
    start(&mut world, "m", "e", Some(&format!("{ROOT};Sampled=1")));
    let started_ms = world.now_ms;
    let expected = |number: u64, event: u64| {
        let id = segment_id(number, started_ms, event);
        Some(format!("{ROOT};Parent={id:016x};Sampled=1"))
    };
    // Event 3 schedules the first attempt: ExecutionStarted, TaskStateEntered, LambdaFunctionScheduled.
    let number = world.open[0].execution;
    assert_eq!(world.open[0].trace_header, expected(number, 3));
    world.complete(TaskOutcome::Failed {
        error: Some("E".to_owned()),
        cause: None,
    });
    world.wait_ms(1_000);
    // LambdaFunctionStarted and LambdaFunctionFailed lie between.
    assert_eq!(world.open[0].trace_header, expected(number, 6));
    world.complete(TaskOutcome::Succeeded(Payload::from_text("1")));
    // Who is not sampled gets the header as it is.
    start(
        &mut world,
        "m",
        "unsampled",
        Some(&format!("{ROOT};Sampled=0")),
    );
    assert_eq!(
        world.open[0].trace_header,
        Some(format!("{ROOT};Sampled=0"))
    );
}

#[test]
fn a_child_execution_is_below_the_task_and_children_of_a_map_run_are_not_traced() {
    let mut world = World::new();
    create(&mut world, "c", TASK, true);
    let parent = format!(
        r#"{{"StartAt":"N","States":{{"N":{{"Type":"Task","Resource":"arn:aws:states:::states:startExecution","Parameters":{{"StateMachineArn":"{}","Name":"child"}},"End":true}}}}}}"#,
        machine_arn("c")
    );
    create(&mut world, "p", &parent, false);
    start(&mut world, "p", "e", Some(&format!("{ROOT};Sampled=1")));
    let header = header_of(&world.describe("c", "child")).expect("a header");
    assert!(
        header.starts_with(&format!("{ROOT};Parent=")) && header.ends_with(";Sampled=1"),
        "{header}"
    );
    let map = r#"{"StartAt":"M","States":{"M":{"Type":"Map","Label":"L","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}},"End":true}}}"#;
    create(&mut world, "m", map, false);
    world.open.clear();
    let body = json!({
        "stateMachineArn": machine_arn("m"), "name": "e", "input": "[1]", "traceHeader": format!("{ROOT};Sampled=1"),
    });
    world.ask("StartExecution", &body.to_string());
    world.tick();
    let call = world.open.first().expect("the child calls");
    assert_eq!(call.trace_header, Some(format!("{ROOT};Sampled=0")));
}

#[test]
fn rules_and_groups_are_there_after_a_crash_and_what_is_wrong_is_refused() {
    let disk = Disk::new();
    let mut world = World::on(&disk, LostTask::Fail);
    assert!(change(&mut world, rule("mine", 0.5, "*")).contains(":sampling-rule/mine"));
    let group = |filter: &str| {
        XrayRequest::CreateGroup(Box::new(xray::CreateGroupRequest {
            group_name: "slow".to_owned(),
            filter_expression: Some(filter.to_owned()),
            ..Default::default()
        }))
    };
    assert!(change(&mut world, group("duration > 1")).contains(":group/slow/"));
    assert_eq!(
        change(&mut world, rule("mine", 0.5, "*")),
        "! InvalidRequestException: A sampling rule with the name mine exists already."
    );
    assert_eq!(
        change(&mut world, group("duration > 1")),
        "! InvalidRequestException: A group with the name slow exists already."
    );
    world.crash();
    let reader = world.reader();
    let rules = reader.sampling_rules().expect("a store");
    let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["mine", "Default"]);
    assert_eq!(reader.trace_groups().expect("a store").len(), 1);
    for number in 1..25 {
        let answer = change(&mut world, rule(&format!("r{number}"), 0.5, "*"));
        assert!(answer.starts_with('{'), "{answer}");
    }
    assert_eq!(
        change(&mut world, rule("many", 0.5, "*")),
        "! RuleLimitExceededException: at most 25 sampling rules"
    );
}
