//! Follows one execution to its end, telling what happens as it happens.

use std::{
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use crate::{
    client::{Client, Error},
    history::Follower,
    terminal::{self, Style},
    timeline::{Notice, Outcome, Timeline, Visit},
};

/// Characters of an error's cause that a line shows.
const CAUSE_CHARS_MAX: usize = 100;
/// Columns of the name before a duration.
const NAME_COLUMNS: usize = 34;

/// How an execution ended, with its whole timeline.
pub struct Ended {
    pub timeline: Timeline,
    /// The reply of `DescribeExecution`.
    pub description: Value,
}

impl Ended {
    pub fn status(&self) -> &str {
        self.description["status"].as_str().unwrap_or("UNKNOWN")
    }

    /// The output as JSON, if there is one.
    pub fn output(&self) -> Option<Value> {
        serde_json::from_str(self.description["output"].as_str()?).ok()
    }
}

/// Follows until the execution ends; `tell` hears each notice, and `None` after every look at the server.
pub fn follow(
    client: &Client,
    execution_arn: &str,
    mut tell: impl FnMut(&Timeline, Option<&Notice>),
) -> Result<Ended, Error> {
    let mut follower = Follower::new(client, execution_arn);
    let mut timeline = Timeline::default();
    loop {
        for event in follower.poll()? {
            for notice in timeline.push(&event) {
                tell(&timeline, Some(&notice));
            }
        }
        tell(&timeline, None);
        if timeline.ending.is_some() {
            let description = client.states(
                "DescribeExecution",
                &json!({ "executionArn": execution_arn }),
            )?;
            return Ok(Ended {
                timeline,
                description,
            });
        }
        thread::sleep(follower.pause());
    }
}

/// The line for a notice, or nothing: a state that is over, a failed attempt, the next one, a container that opens.
pub fn line(timeline: &Timeline, notice: &Notice, style: Style) -> Option<String> {
    match notice {
        Notice::Entered { visit } => {
            let visit = &timeline.visits[*visit];
            visit.is_container().then(|| {
                format!(
                    "{} {}",
                    indented(visit, &style.cyan("▸")),
                    visit_name(visit)
                )
            })
        }
        Notice::AttemptFailed { visit, attempt } => {
            let visit = &timeline.visits[*visit];
            let failure = visit.attempts.get(attempt - 1)?.failure.as_ref()?;
            let cause = terminal::one_line(
                &terminal::harmless(&readable_cause(&failure.cause)),
                CAUSE_CHARS_MAX,
            );
            let error = if failure.error.is_empty() {
                "failed"
            } else {
                &failure.error
            };
            let what = format!("attempt {attempt}: {}", style.red(error));
            Some(
                format!(
                    "{} {}  {what}  {}",
                    indented(visit, &style.red("✗")),
                    padded(visit),
                    style.dim(&cause)
                )
                .trim_end()
                .to_owned(),
            )
        }
        Notice::Retried {
            visit,
            attempt,
            delay_ms,
        } => {
            let visit = &timeline.visits[*visit];
            let what = format!("attempt {attempt} after {}", terminal::duration(*delay_ms));
            Some(format!(
                "{} {}  {}",
                indented(visit, &style.yellow("↻")),
                padded(visit),
                style.yellow(&what)
            ))
        }
        Notice::Left { visit } => Some(left(&timeline.visits[*visit], style)),
        Notice::Ended => None,
    }
}

/// The line for a state that is over.
pub fn left(visit: &Visit, style: Style) -> String {
    let (mark, outcome) = match visit.outcome {
        Outcome::Running => (style.cyan("⋯"), style.cyan("running")),
        Outcome::Exited => (style.green("✓"), String::new()),
        Outcome::Caught => (
            style.yellow("!"),
            style.yellow(&format!("caught {}", error_of(visit))),
        ),
        Outcome::Failed => (style.red("✗"), style.red("failed")),
        Outcome::Aborted => (style.dim("■"), style.dim("aborted")),
    };
    let duration = visit
        .duration_ms()
        .map(terminal::duration)
        .unwrap_or_default();
    let attempts = match visit.attempts.len() {
        0 | 1 => String::new(),
        count => format!("({count} attempts)"),
    };
    let notes: Vec<&str> = [outcome.as_str(), attempts.as_str()]
        .into_iter()
        .filter(|note| !note.is_empty())
        .collect();
    format!(
        "{} {}  {duration:>9}  {}",
        indented(visit, &mark),
        padded(visit),
        notes.join(" ")
    )
    .trim_end()
    .to_owned()
}

/// One line for each state that runs now, with the time since it was entered.
pub fn running_lines(timeline: &Timeline, style: Style) -> Vec<String> {
    let now_ms = now_ms();
    let line = |visit: &Visit| {
        let since = terminal::duration((now_ms - visit.entered_at_ms).max(0));
        let attempt = match visit.attempts.len() {
            0 | 1 => String::new(),
            count if visit.last_failure().is_some() => format!("waiting for attempt {}", count + 1),
            count => format!("attempt {count}"),
        };
        format!(
            "{} {}  {since:>9}  {}",
            indented(visit, &style.cyan("⋯")),
            padded(visit),
            style.dim(&attempt)
        )
        .trim_end()
        .to_owned()
    };
    timeline
        .running()
        .take(RUNNING_LINES_MAX)
        .map(line)
        .collect()
}

/// Live lines for running states; a Map may run thousands.
const RUNNING_LINES_MAX: usize = 12;

/// A notice for a machine.
pub fn notice_json(timeline: &Timeline, notice: &Notice) -> Option<Value> {
    let state = |event: &str, visit: usize| {
        let visit = &timeline.visits[visit];
        let mut document = json!({ "event": event, "state": visit.name, "type": visit.state_type, "depth": visit.depth });
        if let Some(iteration) = visit.iteration {
            document["iteration"] = json!(iteration);
        }
        document
    };
    Some(match notice {
        Notice::Entered { visit } => state("stateEntered", *visit),
        Notice::AttemptFailed { visit, attempt } => {
            let failure = timeline.visits[*visit]
                .attempts
                .get(attempt - 1)?
                .failure
                .as_ref()?;
            let mut document = state("attemptFailed", *visit);
            document["attempt"] = json!(attempt);
            document["error"] = json!(failure.error);
            document["cause"] = json!(failure.cause);
            document
        }
        Notice::Retried {
            visit,
            attempt,
            delay_ms,
        } => {
            let mut document = state("retried", *visit);
            document["attempt"] = json!(attempt);
            document["delayMs"] = json!(delay_ms);
            document
        }
        Notice::Left { visit: index } => {
            let visit = &timeline.visits[*index];
            let mut document = state("stateLeft", *index);
            document["outcome"] = json!(outcome_word(visit.outcome));
            document["durationMs"] = json!(visit.duration_ms());
            document["attempts"] = json!(visit.attempts.len());
            document
        }
        Notice::Ended => return None,
    })
}

pub fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Running => "running",
        Outcome::Exited => "exited",
        Outcome::Caught => "caught",
        Outcome::Failed => "failed",
        Outcome::Aborted => "aborted",
    }
}

/// AWS: the cause of a function's error is its error document; a reader wants the message in it.
pub fn readable_cause(cause: &str) -> String {
    let document: Option<Value> = serde_json::from_str(cause).ok();
    let message = document
        .as_ref()
        .and_then(|document| document.get("errorMessage"))
        .and_then(Value::as_str);
    message.unwrap_or(cause).to_owned()
}

/// An error and its cause as one text; empty if there is neither.
pub fn failure_text(error: &str, cause: &str) -> String {
    let cause = terminal::harmless(&readable_cause(cause));
    let parts = [error, cause.as_str()];
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(": ")
}

pub fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn error_of(visit: &Visit) -> &str {
    visit.last_failure().map_or("an error", |failure| {
        if failure.error.is_empty() {
            "an error"
        } else {
            &failure.error
        }
    })
}

fn indented(visit: &Visit, mark: &str) -> String {
    format!("{}{mark}", "  ".repeat(visit.depth + 1))
}

fn visit_name(visit: &Visit) -> String {
    let iteration = visit
        .iteration
        .map(|index| format!("[{index}]"))
        .unwrap_or_default();
    terminal::harmless(&format!("{}{iteration}", visit.name))
}

/// The name, filled up so that what follows stands in one column whatever the depth.
fn padded(visit: &Visit) -> String {
    let name = visit_name(visit);
    let width = NAME_COLUMNS.saturating_sub(2 * visit.depth);
    format!("{name:<width$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::tests::events;

    const STORY: &str = "1<0 @0 ExecutionStarted
         2<0 @1 ParallelStateEntered Both
         3<2 @1 ParallelStateStarted
         4<3 @1 TaskStateEntered Charge
         5<4 @2 LambdaFunctionScheduled
         6<5 @10 LambdaFunctionFailed ServiceError
         7<6 @1010 LambdaFunctionScheduled
         8<7 @1020 LambdaFunctionFailed Declined
         9<8 @1020 TaskStateExited Charge";

    #[test]
    fn a_story_is_told_in_lines() {
        let mut timeline = Timeline::default();
        let mut told = Vec::new();
        for event in events(STORY) {
            for notice in timeline.push(&event) {
                told.extend(line(&timeline, &notice, Style::PLAIN));
            }
        }
        assert_eq!(
            told,
            [
                "  ▸ Both",
                "    ✗ Charge                            attempt 1: ServiceError  because",
                "    ↻ Charge                            attempt 2 after 1.00 s",
                "    ✗ Charge                            attempt 2: Declined  because",
                "    ! Charge                               1.01 s  caught Declined (2 attempts)",
            ]
        );
    }

    #[test]
    fn a_notice_for_machines_has_what_a_line_has() {
        let mut timeline = Timeline::default();
        let mut told = Vec::new();
        for event in events(STORY) {
            for notice in timeline.push(&event) {
                told.extend(notice_json(&timeline, &notice));
            }
        }
        assert_eq!(
            told[0],
            json!({"event": "stateEntered", "state": "Both", "type": "Parallel", "depth": 0})
        );
        assert_eq!(told[3]["delayMs"], 1000);
        assert_eq!(told[5]["outcome"], "caught");
    }

    #[test]
    fn the_cause_of_a_function_error_is_its_message() {
        assert_eq!(
            readable_cause(r#"{"errorType":"E","errorMessage":"card declined","trace":[]}"#),
            "card declined"
        );
        assert_eq!(readable_cause("plain"), "plain");
        assert_eq!(failure_text("E", "plain"), "E: plain");
        assert_eq!(failure_text("", "plain"), "plain");
        assert_eq!(failure_text("", ""), "");
    }
}
