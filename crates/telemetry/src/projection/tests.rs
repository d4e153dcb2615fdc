use std::collections::BTreeMap;

use expect_test::{Expect, expect};

use super::*;

const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:orders";

fn machine() -> Machine<'static> {
    Machine {
        state_machine_arn: MACHINE,
        version_arn: None,
        alias_arn: None,
        is_express: false,
    }
}

fn passed(execution: u64, timestamp_ms: i64, what: Passed) -> Milestone {
    Milestone {
        execution,
        timestamp_ms,
        what,
    }
}

fn end(how: Ended) -> Passed {
    Passed::End {
        how,
        started_ms: 1_000,
        redrive_count: 0,
        stored_bytes: 0,
    }
}

fn at(event: u64, previous: u64, timestamp_ms: i64) -> At {
    At {
        event,
        previous,
        timestamp_ms,
    }
}

/// What was gathered: name, dimensions, unit, and value and count of each bin, one a line.
fn shown(projection: &mut Projection) -> String {
    let mut lines: Vec<String> = projection
        .take()
        .iter()
        .map(|sample| {
            let dimensions = sample.metric.dimensions().iter();
            let dimensions: Vec<String> = dimensions
                .map(|(name, value)| format!("{name}={}", value.replace(MACHINE, "M")))
                .collect();
            let bins: Vec<String> = sample
                .values
                .bins()
                .unwrap_or_default()
                .iter()
                .map(|(value, count)| format!("{value}x{count}"))
                .collect();
            format!(
                "{} [{}] {} {}",
                sample.metric.name(),
                dimensions.join(" "),
                bins.join(" "),
                sample.unit.name()
            )
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

fn check(projection: &mut Projection, expected: Expect) {
    expected.assert_eq(&shown(projection));
}

#[test]
fn an_execution_counts_at_its_start_and_once_more_with_zero_at_its_end() {
    let mut projection = Projection::default();
    for (number, ended) in [(1, Ended::Succeeded), (2, Ended::TimedOut)] {
        let started = passed(number, 1_000, Passed::Start);
        projection.milestones(&machine(), &[started, passed(number, 3_500, end(ended))]);
    }
    check(
        &mut projection,
        expect![[r#"
            ExecutionTime [StateMachineArn=M] 2500x2 Milliseconds
            ExecutionsStarted [StateMachineArn=M] 0x2 1x2 Count
            ExecutionsSucceeded [StateMachineArn=M] 1x1 Count
            ExecutionsTimedOut [StateMachineArn=M] 1x1 Count"#]],
    );
    check(&mut projection, expect![[""]]);
}

#[test]
fn versions_and_aliases_have_series_of_their_own() {
    let mut projection = Projection::default();
    let machine = Machine {
        version_arn: Some("M:3"),
        alias_arn: Some("M:live"),
        ..machine()
    };
    projection.milestones(&machine, &[passed(1, 1_000, Passed::Start)]);
    check(
        &mut projection,
        expect![[r#"
            ExecutionsStarted [StateMachineArn=M:3] 1x1 Count
            ExecutionsStarted [StateMachineArn=M:live] 1x1 Count
            ExecutionsStarted [StateMachineArn=M] 1x1 Count"#]],
    );
}

#[test]
fn a_redriven_execution_counts_as_one() {
    let mut projection = Projection::default();
    let end = Passed::End {
        how: Ended::Failed,
        started_ms: 1_000,
        redrive_count: 1,
        stored_bytes: 0,
    };
    let redriven = passed(1, 5_000, Passed::Redrive);
    projection.milestones(&machine(), &[redriven, passed(1, 6_000, end)]);
    check(
        &mut projection,
        expect![[r#"
            ExecutionTime [StateMachineArn=M] 5000x1 Milliseconds
            ExecutionsFailed [StateMachineArn=M] 1x1 Count
            ExecutionsRedriven [StateMachineArn=M] 1x1 Count
            ExecutionsStarted [StateMachineArn=M] 0x1 Count
            RedrivenExecutionsFailed [StateMachineArn=M] 1x1 Count"#]],
    );
}

#[test]
fn express_is_billed_by_100_ms_and_64_mb() {
    let mut projection = Projection::default();
    let machine = Machine {
        is_express: true,
        ..machine()
    };
    let end = Passed::End {
        how: Ended::Succeeded,
        started_ms: 1_000,
        redrive_count: 0,
        stored_bytes: 70 << 20,
    };
    projection.milestones(&machine, &[passed(1, 1_101, end)]);
    check(
        &mut projection,
        expect![[r#"
            ExecutionTime [StateMachineArn=M] 101x1 Milliseconds
            ExecutionsStarted [StateMachineArn=M] 0x1 Count
            ExecutionsSucceeded [StateMachineArn=M] 1x1 Count
            ExpressExecutionBilledDuration [StateMachineArn=M] 200x1 Milliseconds
            ExpressExecutionBilledMemory [StateMachineArn=M] 128x1 Megabytes
            ExpressExecutionMemory [StateMachineArn=M] 73400320x1 Bytes"#]],
    );
}

/// Schedules at 3, starts at 4, submits at 5 if asked, ends at 6.
fn task(projection: &mut Projection, work: Work<'_>, ended: WorkEnded, is_submitted: bool) {
    let mut change = |at, change| projection.change(1, at, &change, &mut ());
    change(at(3, 2, 1_000), Change::Scheduled(work));
    change(at(4, 3, 1_010), Change::WorkStarted);
    if is_submitted {
        change(at(5, 4, 1_020), Change::WorkSubmitted);
    }
    let previous = if is_submitted { 5 } else { 4 };
    change(at(6, previous, 1_110), Change::WorkEnded(ended));
}

#[test]
fn a_task_has_its_times_from_the_events_it_goes_on_from() {
    let mut projection = Projection::default();
    let function = Work::Function("arn:f");
    task(&mut projection, function, WorkEnded::Succeeded, false);
    check(
        &mut projection,
        expect![[r#"
            LambdaFunctionRunTime [LambdaFunctionArn=arn:f] 100x1 Milliseconds
            LambdaFunctionScheduleTime [LambdaFunctionArn=arn:f] 10x1 Milliseconds
            LambdaFunctionTime [LambdaFunctionArn=arn:f] 110x1 Milliseconds
            LambdaFunctionsScheduled [LambdaFunctionArn=arn:f] 1x1 Count
            LambdaFunctionsStarted [LambdaFunctionArn=arn:f] 1x1 Count
            LambdaFunctionsSucceeded [LambdaFunctionArn=arn:f] 1x1 Count"#]],
    );
    let integration = Work::Integration {
        resource_type: "lambda",
        resource: "invoke.waitForTaskToken",
    };
    task(&mut projection, integration, WorkEnded::TimedOut, true);
    check(
        &mut projection,
        expect![[r#"
            ServiceIntegrationRunTime [ServiceIntegrationResourceArn=arn:aws:states:::lambda:invoke.waitForTaskToken] 100x1 Milliseconds
            ServiceIntegrationScheduleTime [ServiceIntegrationResourceArn=arn:aws:states:::lambda:invoke.waitForTaskToken] 10x1 Milliseconds
            ServiceIntegrationTime [ServiceIntegrationResourceArn=arn:aws:states:::lambda:invoke.waitForTaskToken] 110x1 Milliseconds
            ServiceIntegrationsScheduled [ServiceIntegrationResourceArn=arn:aws:states:::lambda:invoke.waitForTaskToken] 1x1 Count
            ServiceIntegrationsStarted [ServiceIntegrationResourceArn=arn:aws:states:::lambda:invoke.waitForTaskToken] 1x1 Count
            ServiceIntegrationsTimedOut [ServiceIntegrationResourceArn=arn:aws:states:::lambda:invoke.waitForTaskToken] 1x1 Count"#]],
    );
    let activity = Work::Activity {
        arn: "arn:a",
        timeout_seconds: Some(1),
    };
    task(&mut projection, activity, WorkEnded::TimedOut, false);
    check(
        &mut projection,
        expect![[r#"
            ActivitiesHeartbeatTimedOut [ActivityArn=arn:a] 1x1 Count
            ActivitiesScheduled [ActivityArn=arn:a] 1x1 Count
            ActivitiesStarted [ActivityArn=arn:a] 1x1 Count
            ActivityRunTime [ActivityArn=arn:a] 100x1 Milliseconds
            ActivityScheduleTime [ActivityArn=arn:a] 10x1 Milliseconds
            ActivityTime [ActivityArn=arn:a] 110x1 Milliseconds"#]],
    );
    let spent = Work::Activity {
        arn: "arn:a",
        timeout_seconds: Some(0),
    };
    task(&mut projection, spent, WorkEnded::TimedOut, false);
    let counted = shown(&mut projection);
    assert!(counted.contains("ActivitiesTimedOut"), "{counted}");
    assert!(!counted.contains("HeartbeatTimedOut"), "{counted}");
    assert_eq!(projection.states.open_attempts(), 0);
}

#[test]
fn an_attempt_of_an_earlier_process_is_read_from_its_history() {
    let work = Work::Function("arn:f").owned();
    let mut history = Recorded(BTreeMap::from([
        (3, ancestor(2, 1_000, Some(work), false)),
        (4, ancestor(3, 1_010, None, true)),
        (5, ancestor(4, 1_020, None, false)),
    ]));
    let mut projection = Projection::default();
    let ended = Change::WorkEnded(WorkEnded::Failed);
    projection.change(1, at(6, 5, 1_110), &ended, &mut history);
    check(
        &mut projection,
        expect![[r#"
            LambdaFunctionRunTime [LambdaFunctionArn=arn:f] 100x1 Milliseconds
            LambdaFunctionTime [LambdaFunctionArn=arn:f] 110x1 Milliseconds
            LambdaFunctionsFailed [LambdaFunctionArn=arn:f] 1x1 Count"#]],
    );
}

struct Recorded(BTreeMap<u64, Ancestor>);

impl History for Recorded {
    fn event(&mut self, _execution: u64, event: u64) -> Option<Ancestor> {
        self.0.get(&event).cloned()
    }
}

fn ancestor(
    previous: u64,
    timestamp_ms: i64,
    scheduled: Option<attempts::OwnedWork>,
    is_start: bool,
) -> Ancestor {
    Ancestor {
        previous,
        timestamp_ms,
        scheduled,
        is_start,
    }
}

#[test]
fn open_attempts_end_with_their_execution_and_are_bounded() {
    let mut projection = Projection::default();
    let scheduled = Change::Scheduled(Work::Activity {
        arn: "arn:a",
        timeout_seconds: None,
    });
    for event in 1..=3 {
        projection.change(7, at(event, 0, 1_000), &scheduled, &mut ());
    }
    projection.milestones(&machine(), &[passed(7, 1_000, end(Ended::Aborted))]);
    assert_eq!(
        projection.states.open_attempts(),
        3,
        "its last changes may come"
    );
    projection.close_ended();
    assert_eq!(projection.states.open_attempts(), 0);
    for number in 0..=ATTEMPTS_MAX as u64 {
        projection.change(number, at(1, 0, 1_000), &scheduled, &mut ());
    }
    assert_eq!(projection.states.open_attempts(), ATTEMPTS_MAX);
    assert_eq!(projection.forgotten_attempts(), 1);
}

#[test]
fn values_of_two_minutes_are_two_samples() {
    let mut projection = Projection::default();
    for ms in [59_999, 60_000, 60_001] {
        projection.milestones(&machine(), &[passed(1, ms, Passed::Start)]);
    }
    let samples = projection.take();
    let stamps: Vec<(i64, f64)> = samples
        .iter()
        .map(|sample| (sample.timestamp_ms, sample.values.sum()))
        .collect();
    assert_eq!(stamps, [(59_999, 1.0), (60_000, 2.0)]);
}

#[test]
fn subjects_are_bounded_and_counting_goes_on() {
    let mut projection = Projection::default();
    let arns: Vec<String> = (0..=SUBJECTS_MAX).map(|n| format!("arn:{n}")).collect();
    for round in 0..2 {
        for arn in &arns {
            let machine = Machine {
                state_machine_arn: arn,
                ..machine()
            };
            projection.milestones(&machine, &[passed(1, 1_000, Passed::Start)]);
        }
        assert_eq!(projection.take().len(), arns.len(), "round {round}");
    }
}

fn invoked(function: &'static str) -> Invoked<'static> {
    Invoked {
        function,
        qualifier: None,
        version: "$LATEST",
        started_ms: 1_000,
        duration_ms: Some(12.5),
        is_failure: false,
        concurrency: (1, 2),
        event_age_ms: None,
    }
}

#[test]
fn invocations_count_for_the_function_and_for_the_account() {
    let mut projection = Projection::default();
    projection.invoked(&invoked("pay"));
    projection.invoked(&Invoked {
        is_failure: true,
        event_age_ms: Some(40),
        ..invoked("pay")
    });
    projection.invoked(&Invoked {
        duration_ms: None,
        ..invoked("pay")
    });
    check(
        &mut projection,
        expect![[r#"
            AsyncEventAge [FunctionName=pay] 40x1 Milliseconds
            AsyncEventAge [] 40x1 Milliseconds
            ConcurrentExecutions [FunctionName=pay] 1x2 Count
            ConcurrentExecutions [] 2x2 Count
            Duration [FunctionName=pay] 12.5x2 Milliseconds
            Duration [] 12.5x2 Milliseconds
            Errors [FunctionName=pay] 0x1 1x1 Count
            Errors [] 0x1 1x1 Count
            Invocations [FunctionName=pay] 1x2 Count
            Invocations [] 1x2 Count
            Throttles [FunctionName=pay] 0x2 1x1 Count
            Throttles [] 0x2 1x1 Count"#]],
    );
}

#[test]
fn an_alias_also_counts_by_the_version_that_ran() {
    let mut projection = Projection::default();
    for (qualifier, version) in [("live", "7"), ("7", "7")] {
        projection.invoked(&Invoked {
            qualifier: Some(qualifier),
            version,
            ..invoked("pay")
        });
    }
    let lines = shown(&mut projection);
    let invocations: Vec<&str> = lines
        .lines()
        .filter(|line| line.starts_with("Invocations"))
        .collect();
    assert_eq!(
        invocations,
        [
            "Invocations [ExecutedVersion=7 FunctionName=pay Resource=pay:live] 1x1 Count",
            "Invocations [FunctionName=pay Resource=pay:7] 1x1 Count",
            "Invocations [FunctionName=pay Resource=pay:live] 1x1 Count",
            "Invocations [FunctionName=pay] 1x2 Count",
            "Invocations [] 1x2 Count",
        ]
    );
}

fn bucket(requests: u64) -> Option<Consumed> {
    Some(Consumed {
        requests,
        size: 100,
        per_second: 1,
    })
}

fn asked(throttled: u64, bucket: Option<Consumed>) -> Asked {
    Asked {
        api: "CreateActivity",
        throttled,
        bucket,
    }
}

#[test]
fn a_bucket_says_what_it_holds_once_a_minute_and_what_was_taken_always() {
    let mut projection = Projection::default();
    projection.asked(60_000, &asked(0, bucket(98)));
    projection.asked(61_000, &asked(3, bucket(2)));
    projection.asked(62_000, &asked(0, bucket(0)));
    check(
        &mut projection,
        expect![[r#"
            ConsumedCapacity [APIName=CreateActivity] 1x100 Count
            ProvisionedBucketSize [APIName=CreateActivity] 100x1 Count
            ProvisionedRefillRate [APIName=CreateActivity] 1x1 Count
            ThrottledEvents [APIName=CreateActivity] 1x3 Count"#]],
    );
    projection.asked(119_999, &asked(0, bucket(0)));
    check(&mut projection, expect![[""]]);
    // A minute in which nothing is asked has the size and the rate all the same.
    projection.asked(120_000, &asked(0, bucket(0)));
    check(
        &mut projection,
        expect![[r#"
            ProvisionedBucketSize [APIName=CreateActivity] 100x1 Count
            ProvisionedRefillRate [APIName=CreateActivity] 1x1 Count"#]],
    );
}

#[test]
fn what_no_bucket_holds_has_no_capacity_and_may_be_throttled() {
    let mut projection = Projection::default();
    projection.asked(60_000, &asked(2, None));
    projection.asked(61_000, &asked(0, None));
    check(
        &mut projection,
        expect![[r#"ThrottledEvents [APIName=CreateActivity] 1x2 Count"#]],
    );
}

#[test]
fn map_runs_that_wait_have_a_value_only_while_some_do() {
    let mut projection = Projection::default();
    projection.map_runs(60_000, 7, 0);
    check(
        &mut projection,
        expect![[r#"ApproximateOpenMapRunCount [] 7x1 Count"#]],
    );
    projection.map_runs(120_000, 0, 2);
    check(
        &mut projection,
        expect![[r#"
            ApproximateMapRunBacklogSize [] 2x1 Count
            ApproximateOpenMapRunCount [] 0x1 Count"#]],
    );
}
