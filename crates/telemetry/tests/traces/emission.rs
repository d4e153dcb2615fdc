//! What executions and functions emit.

use std::fmt::Write as _;
use std::sync::Arc;

use expect_test::expect;
use serde_json::Value;
use stepwell_telemetry::{
    Callee, ExecutionTrace, Failing, Happening, InvocationOutcome, SegmentId, TraceHeader, TraceId,
    TracedExecution, TracedInvocation, What, invocation_segments,
};

use super::world::{NOW_MS, World, world};

const ROOT: &str = "1-6553f100-000000000000000000000001";

fn started() -> ExecutionTrace {
    ExecutionTrace::new(TracedExecution {
        trace_id: TraceId::parse(ROOT).expect("an id"),
        id: SegmentId(1 << 32),
        parent: None,
        name: "orders".to_owned(),
        execution_arn: "arn:aws:states:eu-west-1:123456789012:execution:orders:one".to_owned(),
        state_machine_arn: "arn:aws:states:eu-west-1:123456789012:stateMachine:orders".to_owned(),
        region: "eu-west-1".to_owned(),
        account_id: "123456789012".to_owned(),
        start_ms: NOW_MS,
    })
}

/// One happening for each entry: event number, the event before it, milliseconds since the start.
fn tell(trace: &mut ExecutionTrace, happenings: impl IntoIterator<Item = (u64, u64, i64, What)>) {
    for (event, previous, ms, what) in happenings {
        trace.happened(Happening {
            event,
            previous,
            at_ms: NOW_MS + ms,
            id: SegmentId((1 << 32) + event),
            what,
        });
    }
}

fn entered(name: &str, kind: &'static str) -> What {
    What::Entered(Arc::from(name), kind)
}

fn called() -> What {
    What::Called(Callee::of(
        "arn:aws:lambda:eu-west-1:123456789012:function:pay",
    ))
}

fn failing(error: &str) -> Option<Failing> {
    Some(Failing {
        error: Some(error.to_owned()),
        cause: Some("because".to_owned()),
        is_client_error: false,
    })
}

/// The tree as text: one node a line, with its time and how it ended.
fn shown(trace: &ExecutionTrace) -> String {
    let mut world = world();
    for segment in trace.documents() {
        // What is emitted is what anybody could send.
        assert!(segment.text.len() <= stepwell_telemetry::DOCUMENT_BYTES_MAX);
        let parsed =
            stepwell_telemetry::Segment::parse(segment.text.clone(), NOW_MS).expect("a document");
        assert_eq!(parsed, segment);
        world.traces.add(segment, NOW_MS).expect("a store");
    }
    world.commit();
    tree(&world)
}

fn tree(world: &World) -> String {
    let mut text = String::new();
    for document in world.documents(1) {
        show(&document, 0, &mut text);
    }
    text
}

fn show(document: &Value, depth: usize, text: &mut String) {
    let ms = |name: &str| {
        document[name]
            .as_f64()
            .map(|at| ((at - NOW_MS as f64 / 1000.0) * 1000.0).round())
    };
    let name = document["name"].as_str().expect("a name");
    let _ = write!(text, "{:1$}{name}", "", depth * 2);
    match (ms("start_time"), ms("end_time")) {
        (Some(start), Some(end)) => {
            let _ = write!(text, " {start}..{end}");
        }
        (Some(start), None) => {
            let _ = write!(text, " {start}.. in progress");
        }
        _ => {}
    }
    for flag in ["error", "throttle", "fault"] {
        if document[flag] == true {
            let _ = write!(text, " {flag}");
        }
    }
    if let Some(error) = document.pointer("/cause/exceptions/0/type") {
        let _ = write!(text, " {error}");
    }
    for member in ["attempt", "iteration"] {
        if let Some(value) = document["aws"].get(member) {
            let _ = write!(text, " {member} {value}");
        }
    }
    text.push('\n');
    for child in document["subsegments"].as_array().into_iter().flatten() {
        show(child, depth + 1, text);
    }
}

#[test]
fn an_execution_is_a_segment_with_its_states_and_their_calls_retries_among_them() {
    let mut trace = started();
    tell(
        &mut trace,
        [
            (1, 0, 0, What::Other),
            (2, 0, 1, entered("Check (fast)", "Pass")),
            (3, 2, 2, What::Exited),
            (4, 3, 3, entered("Pay", "Task")),
            (5, 4, 3, called()),
            (6, 5, 4, What::GoesOn),
            (7, 6, 50, What::Returned(failing("ServiceError"))),
            (8, 7, 1_050, called()),
            (9, 8, 1_051, What::GoesOn),
        ],
    );
    expect![[r#"
        orders 0.. in progress
          Check fast 1..2
          Pay 3.. in progress
            Lambda 3..50 fault "ServiceError" attempt 1
            Lambda 1050.. in progress attempt 2
    "#]]
    .assert_eq(&shown(&trace));
    tell(
        &mut trace,
        [
            (10, 9, 1_100, What::Returned(None)),
            (11, 10, 1_101, What::Exited),
            (12, 11, 1_102, What::Ended(None)),
        ],
    );
    expect![[r#"
        orders 0..1102
          Check fast 1..2
          Pay 3..1101
            Lambda 3..50 fault "ServiceError" attempt 1
            Lambda 1050..1100 attempt 2
    "#]]
    .assert_eq(&shown(&trace));
}

#[test]
fn branches_and_iterations_are_below_their_states() {
    let mut trace = started();
    tell(
        &mut trace,
        [
            (1, 0, 0, What::Other),
            (2, 0, 0, entered("Both", "Parallel")),
            (3, 2, 0, What::Other),
            (4, 3, 1, entered("Left", "Wait")),
            (5, 3, 1, entered("Right", "Pass")),
            (6, 5, 2, What::Exited),
            (7, 4, 9, What::Exited),
            (8, 7, 10, entered("After left", "Pass")),
            (9, 8, 11, What::Exited),
            (10, 9, 12, What::Other),
            (11, 10, 12, What::Exited),
            (12, 11, 13, entered("Each", "Map")),
            (13, 12, 13, What::Other),
            (14, 13, 13, What::Iteration(0)),
            (15, 14, 13, entered("Item", "Pass")),
            (16, 13, 13, What::Iteration(1)),
            (17, 16, 14, entered("Item", "Pass")),
            (18, 15, 15, What::Exited),
            (19, 18, 15, What::Other),
            (20, 17, 16, What::Exited),
            (21, 20, 16, entered("Then", "Succeed")),
            (22, 21, 17, What::Exited),
            (23, 22, 18, What::Other),
            (24, 23, 18, What::Other),
            (25, 24, 18, What::Exited),
            (26, 25, 19, What::Ended(None)),
        ],
    );
    expect![[r#"
        orders 0..19
          Both 0..12
            Left 1..9
            Right 1..2
            After left 10..11
          Each 13..18
            Item 13..15 iteration 0
            Item 14..16 iteration 1
            Then 16..17 iteration 1
    "#]]
    .assert_eq(&shown(&trace));
}

#[test]
fn what_failed_is_marked_up_to_the_execution_and_what_was_caught_is_not() {
    let mut trace = started();
    tell(
        &mut trace,
        [
            (1, 0, 0, What::Other),
            (2, 0, 0, entered("Try", "Task")),
            (3, 2, 0, called()),
            (
                4,
                3,
                5,
                What::Returned(failing("Lambda.TooManyRequestsException")),
            ),
            (5, 4, 5, What::Exited),
            (6, 5, 6, entered("Give up", "Fail")),
            (7, 6, 7, What::Ended(failing("OutOfStock"))),
        ],
    );
    expect![[r#"
        orders 0..7 fault "OutOfStock"
          Try 0..5 error throttle "Lambda.TooManyRequestsException"
            Lambda 0..5 error throttle "Lambda.TooManyRequestsException" attempt 1
          Give up 6..7 fault "OutOfStock"
    "#]]
    .assert_eq(&shown(&trace));
}

#[test]
fn a_long_execution_is_split_into_documents_that_fit() {
    let mut trace = started();
    let mut event = 1;
    for _ in 0..700 {
        tell(
            &mut trace,
            [
                (
                    event + 1,
                    event,
                    1,
                    entered(&"long name ".repeat(7), "Task"),
                ),
                (event + 2, event + 1, 1, called()),
                (event + 3, event + 2, 1, What::Returned(None)),
                (event + 4, event + 3, 1, What::Exited),
            ],
        );
        event += 4;
    }
    tell(&mut trace, [(event + 1, event, 2, What::Ended(None))]);
    assert!(trace.documents().len() > 2);
    let text = shown(&trace);
    assert_eq!(text.lines().count(), 1 + 2 * 700, "nothing is lost");
    assert!(
        text.starts_with("orders 0..2\n"),
        "all is below the segment: {text:.200}"
    );
}

#[test]
fn an_execution_shows_a_bounded_number_of_states() {
    let mut trace = started();
    for event in 1..20_000 {
        let what = match event % 2 {
            1 => entered("S", "Pass"),
            _ => What::Exited,
        };
        tell(&mut trace, [(event, event - 1, 1, what)]);
    }
    tell(&mut trace, [(20_000, 19_999, 2, What::Ended(None))]);
    let documents = trace.documents();
    let segment: Value =
        serde_json::from_str(&documents.last().expect("a segment").text).expect("JSON");
    assert_eq!(segment["aws"]["subsegments_left_out"], 5_000);
}

fn invoked(outcome: InvocationOutcome, init_ms: Option<f64>) -> String {
    let mut world = world();
    let segments = invocation_segments(&TracedInvocation {
        trace_id: TraceId::parse(ROOT).expect("an id"),
        parent: None,
        ids: (SegmentId(1), SegmentId(2)),
        function_name: "pay".to_owned(),
        function_arn: "arn:aws:lambda:eu-west-1:123456789012:function:pay".to_owned(),
        account_id: "123456789012".to_owned(),
        request_id: "r".to_owned(),
        asked_ms: NOW_MS,
        init_ms,
        started_ms: NOW_MS + 200,
        duration_ms: 49.5,
        attempt: None,
        outcome,
    });
    for segment in segments {
        world.traces.add(segment, NOW_MS).expect("a store");
    }
    world.commit();
    tree(&world)
}

#[test]
fn an_invocation_is_two_segments_and_its_init_is_in_the_second() {
    expect![[r#"
        pay 0..250
        pay 50..250
          Init 50..200
    "#]]
    .assert_eq(&invoked(InvocationOutcome::Succeeded, Some(150.0)));
    expect![[r#"
        pay 0..250 fault
        pay 200..250 fault
    "#]]
    .assert_eq(&invoked(InvocationOutcome::Failed, None));
    expect![[r#"
        pay 0..0 error throttle
    "#]]
    .assert_eq(&invoked(InvocationOutcome::Throttled, None));
}

#[test]
fn a_trace_header_is_read_and_written() {
    let header = |text| TraceHeader::parse(text).map(|header| header.to_string());
    let whole = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    assert_eq!(header(whole).as_deref(), Some(whole));
    let with_lineage = format!("{whole};Lineage=a87bd80c:1");
    assert_eq!(header(&with_lineage).as_deref(), Some(whole));
    let root = "Root=1-5759e988-bd862e3fe1be46a994272793";
    assert_eq!(header(root).as_deref(), Some(root));
    let asks = "Root=1-5759e988-bd862e3fe1be46a994272793; Sampled=?";
    assert_eq!(header(asks).as_deref(), Some(root));
    assert_eq!(header("Parent=53995c3f42cd8ad8"), None);
    assert_eq!(header(""), None);
}

#[test]
fn a_resource_names_what_it_calls() {
    let callee = |resource: &str| {
        let callee = Callee::of(resource);
        format!("{} {} {}", callee.namespace, callee.name, callee.operation)
    };
    for (resource, expected) in [
        (
            "arn:aws:lambda:eu-west-1:123456789012:function:f",
            "aws Lambda Invoke",
        ),
        (
            "arn:aws:states:eu-west-1:123456789012:activity:a",
            "aws Step Functions Activity",
        ),
        (
            "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "aws Lambda Invoke",
        ),
        (
            "arn:aws:states:::aws-sdk:dynamodb:getItem",
            "aws DynamoDB GetItem",
        ),
        (
            "arn:aws:states:::states:startExecution.sync:2",
            "aws Step Functions StartExecution",
        ),
        ("arn:aws:states:::http:invoke", "remote HTTP Invoke"),
    ] {
        assert_eq!(callee(resource), expected, "{resource}");
    }
}
