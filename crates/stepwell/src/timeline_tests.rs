#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::json;

use super::*;

/// Reads `id<previous @ms Type [name] [error]`, one event a line. A name goes where the type carries one.
pub(crate) fn events(script: &str) -> Vec<Event> {
    script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(event)
        .collect()
}

fn event(line: &str) -> Event {
    let mut words = line.split_whitespace();
    let (id, previous) = words.next().unwrap().split_once('<').unwrap();
    let at_ms = words
        .next()
        .unwrap()
        .trim_start_matches('@')
        .parse()
        .unwrap();
    let kind = words.next().unwrap().to_owned();
    let word = words.next();
    let details = if kind == "EvaluationFailed" {
        json!({ "state": word, "error": "States.QueryEvaluationError", "cause": "returned nothing" })
    } else if let Some((name, index)) = word.and_then(|word| word.split_once('#')) {
        json!({ "name": name, "index": index.parse::<u64>().unwrap() })
    } else if kind.ends_with("Entered") || kind.ends_with("Exited") {
        json!({ "name": word })
    } else {
        json!({ "error": word, "cause": "because" })
    };
    Event {
        id: id.parse().unwrap(),
        previous: previous.parse().unwrap(),
        at_ms,
        kind,
        details,
    }
}

/// The notices of a script, one a line, indented by depth.
fn told(script: &str) -> String {
    let mut timeline = Timeline::default();
    let mut out = String::new();
    for event in events(script) {
        for notice in timeline.push(&event) {
            out.push_str(&line(&timeline, &notice));
            out.push('\n');
        }
    }
    out
}

fn line(timeline: &Timeline, notice: &Notice) -> String {
    let named = |visit: &usize| {
        let visit = &timeline.visits[*visit];
        let iteration = visit
            .iteration
            .map(|index| format!("[{index}]"))
            .unwrap_or_default();
        format!("{}{}{iteration}", "  ".repeat(visit.depth), visit.name)
    };
    match notice {
        Notice::Entered { visit } => format!("{} entered", named(visit)),
        Notice::AttemptFailed { visit, attempt } => {
            let failure = timeline.visits[*visit].attempts[attempt - 1]
                .failure
                .as_ref()
                .unwrap();
            format!(
                "{} attempt {attempt} failed: {}",
                named(visit),
                failure.error
            )
        }
        Notice::Retried {
            visit,
            attempt,
            delay_ms,
        } => format!("{} attempt {attempt} after {delay_ms}", named(visit)),
        Notice::Left { visit } => {
            format!(
                "{} {:?} {}",
                named(visit),
                timeline.visits[*visit].outcome,
                timeline.visits[*visit].duration_ms().unwrap()
            )
        }
        Notice::Ended => format!("ended {}", timeline.ending.as_ref().unwrap().status),
    }
}

#[track_caller]
fn check(script: &str, expected: &str) {
    let expected: String = expected
        .lines()
        .map(|line| format!("{}\n", line.trim_start_matches('|')))
        .collect();
    assert_eq!(told(script), expected.trim_start_matches('\n'));
}

#[test]
fn a_retry_shows_its_error_and_its_delay_and_a_catch_shows_as_caught() {
    check(
        "1<0 @0 ExecutionStarted
         2<0 @1 TaskStateEntered Charge
         3<2 @2 LambdaFunctionScheduled
         4<3 @3 LambdaFunctionStarted
         5<4 @10 LambdaFunctionFailed ServiceError
         6<5 @1010 LambdaFunctionScheduled
         7<6 @1011 LambdaFunctionStarted
         8<7 @1020 LambdaFunctionSucceeded
         9<8 @1020 TaskStateExited Charge
         10<9 @1021 TaskStateEntered Ship
         11<10 @1021 TaskScheduled
         12<11 @1022 TaskStarted
         13<12 @1030 TaskTimedOut States.Timeout
         14<13 @1030 TaskStateExited Ship
         15<14 @1031 FailStateEntered OrderFailed
         16<15 @1031 ExecutionFailed OrderFailed",
        "
|Charge entered
|Charge attempt 1 failed: ServiceError
|Charge attempt 2 after 1000
|Charge Exited 1019
|Ship entered
|Ship attempt 1 failed: States.Timeout
|Ship Caught 9
|OrderFailed entered
|OrderFailed Failed 0
|ended FAILED",
    );
}

// The exits of Parallel and Map share the predecessor of their Succeeded event, an event of a branch.
const PARALLEL: &str = "1<0 @0 ExecutionStarted
    2<0 @0 ParallelStateEntered Both
    3<2 @0 ParallelStateStarted
    4<3 @1 PassStateEntered Left
    5<4 @1 PassStateExited Left
    6<3 @1 TaskStateEntered Right
    7<6 @2 LambdaFunctionScheduled
    8<7 @2 LambdaFunctionStarted
    9<5 @3 PassStateEntered Left2
    10<9 @3 PassStateExited Left2";

#[test]
fn branches_are_nested_and_the_container_exit_finds_its_container() {
    check(
        &format!(
            "{PARALLEL}
             11<8 @9 LambdaFunctionSucceeded
             12<11 @9 TaskStateExited Right
             13<12 @9 ParallelStateSucceeded
             14<12 @9 ParallelStateExited Both
             15<14 @10 PassStateEntered Done
             16<15 @10 PassStateExited Done
             17<16 @10 ExecutionSucceeded"
        ),
        "
|Both entered
|  Left entered
|  Left Exited 0
|  Right entered
|  Left2 entered
|  Left2 Exited 0
|  Right Exited 8
|Both Exited 9
|Done entered
|Done Exited 0
|ended SUCCEEDED",
    );
}

#[test]
fn a_failing_branch_fails_its_container_and_a_retry_of_the_container_is_an_attempt() {
    check(
        &format!(
            "{PARALLEL}
             11<8 @9 LambdaFunctionFailed Boom
             12<11 @59 ParallelStateStarted
             13<12 @60 WaitStateEntered Left
             14<12 @61 TaskStateEntered Right
             15<14 @61 LambdaFunctionScheduled
             16<15 @70 LambdaFunctionFailed Boom
             17<16 @70 WaitStateAborted
             18<16 @70 ParallelStateFailed
             19<18 @70 ParallelStateExited Both"
        ),
        "
|Both entered
|  Left entered
|  Left Exited 0
|  Right entered
|  Left2 entered
|  Left2 Exited 0
|  Right attempt 1 failed: Boom
|  Right Failed 58
|Both attempt 1 failed: Boom
|Both attempt 2 after 0
|  Left entered
|  Right entered
|  Right attempt 1 failed: Boom
|  Right Failed 9
|  Left Aborted 10
|Both attempt 2 failed: Boom
|Both Caught 70",
    );
}

#[test]
fn iterations_carry_their_index() {
    check(
        "1<0 @0 ExecutionStarted
         2<0 @0 MapStateEntered Each
         3<2 @0 MapStateStarted
         4<3 @0 MapIterationStarted Each#0
         5<3 @0 MapIterationStarted Each#1
         6<4 @1 PassStateEntered Item
         7<6 @1 PassStateExited Item
         8<7 @1 MapIterationSucceeded Each#0
         9<5 @2 PassStateEntered Item
         10<9 @2 PassStateExited Item
         11<10 @2 MapIterationSucceeded Each#1
         12<10 @2 MapStateSucceeded
         13<10 @2 MapStateExited Each
         14<13 @2 ExecutionSucceeded",
        "
|Each entered
|  Item[0] entered
|  Item[0] Exited 0
|  Item[1] entered
|  Item[1] Exited 0
|Each Exited 2
|ended SUCCEEDED",
    );
}

// AWS: EvaluationFailed has the predecessor of its state's entry.
#[test]
fn an_evaluation_failure_belongs_to_the_state_it_names() {
    check(
        "1<0 @0 ExecutionStarted
         2<0 @0 PassStateEntered Shape
         3<0 @1 EvaluationFailed Shape
         4<3 @1 ExecutionFailed States.QueryEvaluationError",
        "
|Shape entered
|Shape attempt 1 failed: States.QueryEvaluationError
|Shape Failed 1
|ended FAILED",
    );
}

#[test]
fn what_runs_when_an_execution_is_stopped_is_aborted() {
    check(
        "1<0 @0 ExecutionStarted
         2<0 @0 WaitStateEntered Pause
         3<0 @500 ExecutionAborted Operator",
        "
|Pause entered
|Pause Aborted 500
|ended ABORTED",
    );
}

#[test]
fn an_unfinished_history_shows_what_runs() {
    let timeline = Timeline::of(&events(PARALLEL));
    assert_eq!(
        timeline
            .running()
            .map(|visit| visit.name.as_str())
            .collect::<Vec<_>>(),
        ["Right"]
    );
    assert_eq!(timeline.path(), ["Both", "Left", "Right", "Left2"]);
    assert_eq!(timeline.duration_ms(), None);
}

#[test]
fn a_history_that_starts_in_the_middle_is_read_without_panic() {
    check(
        "90<89 @5 TaskStateExited Gone\n91<90 @6 LambdaFunctionFailed X\n92<91 @6 ParallelStateFailed",
        "",
    );
}

#[test]
fn retries_count_attempts_after_the_first() {
    let timeline = Timeline::of(&events(
        "1<0 @0 ExecutionStarted
         2<0 @1 TaskStateEntered Charge
         3<2 @2 LambdaFunctionScheduled
         4<3 @3 LambdaFunctionFailed A
         5<4 @4 LambdaFunctionScheduled
         6<5 @5 LambdaFunctionFailed B
         7<6 @6 LambdaFunctionScheduled",
    ));
    assert_eq!(timeline.retries("Charge"), 2);
    assert_eq!(timeline.retries("Ship"), 0);
}
