//! The history of an execution as what a reader wants to know: which states ran, where, how long, in how
//! many attempts, and how each ended. Pure: events in, notices out; nothing here prints or asks a server.

use std::collections::BTreeMap;

use crate::history::Event;

/// The states of one execution so far, in the order they were entered.
#[derive(Debug, Default)]
pub struct Timeline {
    pub visits: Vec<Visit>,
    pub started_at_ms: Option<i64>,
    pub ending: Option<Ending>,
    positions: BTreeMap<u64, Position>,
}

/// One activation of a state.
#[derive(Debug, Clone, PartialEq)]
pub struct Visit {
    pub name: String,
    /// AWS's type of the state: `Task`, `Parallel`.
    pub state_type: String,
    /// The Parallel or Map state this visit runs in.
    pub parent: Option<usize>,
    /// The item of the Map state this visit runs for.
    pub iteration: Option<u64>,
    /// Number of Parallel and Map states around it.
    pub depth: usize,
    pub entered_at_ms: i64,
    pub ended_at_ms: Option<i64>,
    pub outcome: Outcome,
    pub attempts: Vec<Attempt>,
    /// The event before the entry; `EvaluationFailed` names its state by it.
    entered_after: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Running,
    Exited,
    /// Exited through a Catch.
    Caught,
    Failed,
    Aborted,
}

/// One try of the work of a Task, or of all branches of a Parallel or Map.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    pub started_at_ms: i64,
    pub ended_at_ms: Option<i64>,
    pub failure: Option<Failure>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Failure {
    pub error: String,
    pub cause: String,
}

/// How the execution ended; `status` is AWS's (`SUCCEEDED`, `FAILED`, `ABORTED`, `TIMED_OUT`).
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    pub status: &'static str,
    pub at_ms: i64,
    pub failure: Failure,
}

/// One thing worth telling, in the order it happened. Indexes are into [`Timeline::visits`].
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    Entered {
        visit: usize,
    },
    /// The attempt with this 1-based number failed.
    AttemptFailed {
        visit: usize,
        attempt: usize,
    },
    /// The attempt with this 1-based number began, so long after the one before it failed.
    Retried {
        visit: usize,
        attempt: usize,
        delay_ms: i64,
    },
    /// The state is over; its outcome says how.
    Left {
        visit: usize,
    },
    Ended,
}

/// Where an event lies: the visit it belongs to, and whether what follows it runs inside that visit.
#[derive(Debug, Clone, Copy, Default)]
struct Position {
    visit: Option<usize>,
    is_inside: bool,
    iteration: Option<u64>,
}

impl Visit {
    pub fn duration_ms(&self) -> Option<i64> {
        Some(self.ended_at_ms? - self.entered_at_ms)
    }

    pub fn is_open(&self) -> bool {
        self.outcome == Outcome::Running
    }

    pub fn is_container(&self) -> bool {
        matches!(self.state_type.as_str(), "Parallel" | "Map")
    }

    pub fn last_failure(&self) -> Option<&Failure> {
        self.attempts.last()?.failure.as_ref()
    }
}

impl Timeline {
    /// The timeline of a whole history.
    #[cfg(test)]
    pub fn of(events: &[Event]) -> Self {
        let mut timeline = Self::default();
        for event in events {
            timeline.push(event);
        }
        timeline
    }

    /// Takes the next event, oldest first, and says what it means. Unknown event types say nothing.
    pub fn push(&mut self, event: &Event) -> Vec<Notice> {
        let before = self
            .positions
            .get(&event.previous)
            .copied()
            .unwrap_or_default();
        let kind = event.kind.as_str();
        let mut notices = Vec::new();
        let position = match kind {
            "ExecutionStarted" => {
                self.started_at_ms = Some(event.at_ms);
                Position::default()
            }
            "ExecutionRedriven" => {
                self.ending = None;
                Position::default()
            }
            "ExecutionSucceeded" => self.end(event, "SUCCEEDED", before, &mut notices),
            "ExecutionFailed" => self.end(event, "FAILED", before, &mut notices),
            "ExecutionAborted" => self.end(event, "ABORTED", before, &mut notices),
            "ExecutionTimedOut" => self.end(event, "TIMED_OUT", before, &mut notices),
            "EvaluationFailed" => self.evaluation_failed(event, before, &mut notices),
            "ParallelStateStarted" | "MapStateStarted" => {
                self.container_started(event, before, &mut notices)
            }
            "ParallelStateFailed" | "MapStateFailed" => {
                self.container_failed(event, before, &mut notices)
            }
            "MapRunFailed" => self.attempt_failed(event, before.visit, &mut notices),
            "MapIterationStarted" => Position {
                visit: self.named(event, before),
                is_inside: true,
                iteration: event
                    .details
                    .get("index")
                    .and_then(serde_json::Value::as_u64),
            },
            _ if kind.ends_with("StateEntered") => self.entered(event, before, &mut notices),
            _ if kind.ends_with("StateExited") => self.exited(event, before, &mut notices),
            _ if kind.ends_with("Scheduled") => self.attempt_started(event, before, &mut notices),
            _ if is_attempt_failure(kind) => self.attempt_failed(event, before.visit, &mut notices),
            _ if is_attempt_success(kind) => self.attempt_succeeded(event, before),
            _ => Position {
                is_inside: false,
                ..before
            },
        };
        self.positions.insert(event.id, position);
        notices
    }

    /// Names of the states that were entered, in the order of their first entry.
    pub fn path(&self) -> Vec<&str> {
        let mut path: Vec<&str> = Vec::new();
        for visit in &self.visits {
            if !path.contains(&visit.name.as_str()) {
                path.push(&visit.name);
            }
        }
        path
    }

    /// Attempts after the first, summed over all visits of the state.
    pub fn retries(&self, state: &str) -> usize {
        self.visits
            .iter()
            .filter(|visit| visit.name == state)
            .map(|visit| visit.attempts.len().saturating_sub(1))
            .sum()
    }

    /// The states that run now and are not merely around others.
    pub fn running(&self) -> impl Iterator<Item = &Visit> {
        self.visits
            .iter()
            .filter(|visit| visit.is_open() && !visit.is_container())
    }

    pub fn duration_ms(&self) -> Option<i64> {
        Some(self.ending.as_ref()?.at_ms - self.started_at_ms?)
    }

    fn entered(&mut self, event: &Event, before: Position, notices: &mut Vec<Notice>) -> Position {
        let (parent, iteration) = match before.visit {
            Some(container) if before.is_inside => (Some(container), before.iteration),
            Some(sibling) => (self.visits[sibling].parent, self.visits[sibling].iteration),
            None => (None, None),
        };
        let state_type = event.kind.trim_end_matches("StateEntered");
        let visit = self.visits.len();
        self.visits.push(Visit {
            name: event.detail("name").unwrap_or("(unnamed)").to_owned(),
            state_type: state_type.to_owned(),
            parent,
            iteration,
            depth: parent.map_or(0, |parent| self.visits[parent].depth + 1),
            entered_at_ms: event.at_ms,
            ended_at_ms: None,
            outcome: Outcome::Running,
            attempts: Vec::new(),
            entered_after: event.previous,
        });
        notices.push(Notice::Entered { visit });
        // AWS: a Fail state has no Exited event; entering it is its end.
        if state_type == "Fail" {
            self.leave(visit, Outcome::Failed, event.at_ms, notices);
        }
        Position {
            visit: Some(visit),
            ..Position::default()
        }
    }

    fn exited(&mut self, event: &Event, before: Position, notices: &mut Vec<Notice>) -> Position {
        let Some(visit) = self.named(event, before) else {
            return Position::default();
        };
        let outcome = if self.visits[visit].last_failure().is_some() {
            Outcome::Caught
        } else {
            Outcome::Exited
        };
        self.finish_last_attempt(visit, event.at_ms);
        self.leave(visit, outcome, event.at_ms, notices);
        Position {
            visit: Some(visit),
            ..Position::default()
        }
    }

    fn attempt_started(
        &mut self,
        event: &Event,
        before: Position,
        notices: &mut Vec<Notice>,
    ) -> Position {
        if let Some(visit) = before.visit {
            self.open_attempt(visit, event.at_ms, notices);
        }
        Position {
            is_inside: false,
            ..before
        }
    }

    fn attempt_succeeded(&mut self, event: &Event, before: Position) -> Position {
        if let Some(visit) = before.visit {
            self.finish_last_attempt(visit, event.at_ms);
        }
        Position {
            is_inside: false,
            ..before
        }
    }

    fn attempt_failed(
        &mut self,
        event: &Event,
        visit: Option<usize>,
        notices: &mut Vec<Notice>,
    ) -> Position {
        let position = Position {
            visit,
            ..Position::default()
        };
        let Some(visit) = visit else { return position };
        self.fail_last_attempt(visit, event.at_ms, failure_of(event), notices);
        position
    }

    /// AWS: `EvaluationFailed` shares the predecessor of its state's entry unless the work had begun.
    fn evaluation_failed(
        &mut self,
        event: &Event,
        before: Position,
        notices: &mut Vec<Notice>,
    ) -> Position {
        let state = event.detail("state").unwrap_or_default();
        let is_it = |visit: &Visit| visit.is_open() && visit.name == state;
        let visit = self
            .visits
            .iter()
            .rposition(|visit| is_it(visit) && visit.entered_after == event.previous)
            .or(before.visit.filter(|visit| is_it(&self.visits[*visit])))
            .or_else(|| self.visits.iter().rposition(is_it));
        self.attempt_failed(event, visit, notices)
    }

    /// A second start of the same Parallel or Map is its retry; the failed try left no event of its own.
    fn container_started(
        &mut self,
        event: &Event,
        before: Position,
        notices: &mut Vec<Notice>,
    ) -> Position {
        let state_type = event.kind.trim_end_matches("StateStarted");
        let Some(visit) = self.enclosing(before, |visit| visit.state_type == state_type) else {
            return Position::default();
        };
        if self.visits[visit]
            .attempts
            .last()
            .is_some_and(|attempt| attempt.failure.is_none())
        {
            let failure = self.failure_below(before);
            self.close_descendants(visit, before, event.at_ms, notices);
            self.fail_last_attempt(visit, event.at_ms, failure, notices);
        }
        self.open_attempt(visit, event.at_ms, notices);
        Position {
            visit: Some(visit),
            is_inside: true,
            iteration: None,
        }
    }

    fn container_failed(
        &mut self,
        event: &Event,
        before: Position,
        notices: &mut Vec<Notice>,
    ) -> Position {
        let state_type = event.kind.trim_end_matches("StateFailed");
        let Some(visit) = self.enclosing(before, |visit| visit.state_type == state_type) else {
            return Position::default();
        };
        let failure = self.failure_below(before);
        self.close_descendants(visit, before, event.at_ms, notices);
        if self.visits[visit].last_failure().is_none() {
            self.fail_last_attempt(visit, event.at_ms, failure, notices);
        }
        Position {
            visit: Some(visit),
            ..Position::default()
        }
    }

    fn end(
        &mut self,
        event: &Event,
        status: &'static str,
        before: Position,
        notices: &mut Vec<Notice>,
    ) -> Position {
        let failure = failure_of(event);
        let mut culprits = Vec::new();
        let mut visit = before.visit.filter(|_| status == "FAILED");
        while let Some(index) = visit {
            culprits.push(index);
            visit = self.visits[index].parent;
        }
        for index in (0..self.visits.len()).rev() {
            if self.visits[index].is_open() {
                let outcome = if culprits.contains(&index) {
                    Outcome::Failed
                } else {
                    Outcome::Aborted
                };
                self.leave(index, outcome, event.at_ms, notices);
            }
        }
        self.ending = Some(Ending {
            status,
            at_ms: event.at_ms,
            failure,
        });
        notices.push(Notice::Ended);
        Position::default()
    }

    fn open_attempt(&mut self, visit: usize, at_ms: i64, notices: &mut Vec<Notice>) {
        let attempts = &mut self.visits[visit].attempts;
        if let Some(last) = attempts.last() {
            let delay_ms = at_ms - last.ended_at_ms.unwrap_or(at_ms);
            notices.push(Notice::Retried {
                visit,
                attempt: attempts.len() + 1,
                delay_ms,
            });
        }
        attempts.push(Attempt {
            started_at_ms: at_ms,
            ended_at_ms: None,
            failure: None,
        });
    }

    fn finish_last_attempt(&mut self, visit: usize, at_ms: i64) {
        if let Some(attempt) = self.visits[visit].attempts.last_mut() {
            attempt.ended_at_ms.get_or_insert(at_ms);
        }
    }

    /// A failure before any attempt began counts as the first attempt.
    fn fail_last_attempt(
        &mut self,
        visit: usize,
        at_ms: i64,
        failure: Failure,
        notices: &mut Vec<Notice>,
    ) {
        let entered_at_ms = self.visits[visit].entered_at_ms;
        let attempts = &mut self.visits[visit].attempts;
        if attempts.is_empty() {
            attempts.push(Attempt {
                started_at_ms: entered_at_ms,
                ended_at_ms: None,
                failure: None,
            });
        }
        let number = attempts.len();
        let last = &mut attempts[number - 1];
        last.ended_at_ms = Some(at_ms);
        last.failure = Some(failure);
        notices.push(Notice::AttemptFailed {
            visit,
            attempt: number,
        });
    }

    fn leave(&mut self, visit: usize, outcome: Outcome, at_ms: i64, notices: &mut Vec<Notice>) {
        self.visits[visit].outcome = outcome;
        self.visits[visit].ended_at_ms = Some(at_ms);
        notices.push(Notice::Left { visit });
    }

    /// Ends what still runs inside a container: the failing visit as failed, its siblings as aborted.
    fn close_descendants(
        &mut self,
        container: usize,
        failing: Position,
        at_ms: i64,
        notices: &mut Vec<Notice>,
    ) {
        for index in (container + 1..self.visits.len()).rev() {
            if self.visits[index].is_open() && self.is_inside(index, container) {
                let is_failing = failing
                    .visit
                    .is_some_and(|visit| visit == index || self.is_inside(visit, index));
                let outcome = if is_failing {
                    Outcome::Failed
                } else {
                    Outcome::Aborted
                };
                self.leave(index, outcome, at_ms, notices);
            }
        }
    }

    fn is_inside(&self, visit: usize, container: usize) -> bool {
        let mut parent = self.visits[visit].parent;
        while let Some(index) = parent {
            if index == container {
                return true;
            }
            parent = self.visits[index].parent;
        }
        false
    }

    /// Why the visit at this position failed, for the container around it.
    fn failure_below(&self, position: Position) -> Failure {
        position
            .visit
            .and_then(|visit| self.visits[visit].last_failure())
            .cloned()
            .unwrap_or_default()
    }

    /// The nearest open visit at or around a position that passes the test.
    fn enclosing(&self, position: Position, is_it: impl Fn(&Visit) -> bool) -> Option<usize> {
        let mut visit = position.visit;
        while let Some(index) = visit {
            if self.visits[index].is_open() && is_it(&self.visits[index]) {
                return Some(index);
            }
            visit = self.visits[index].parent;
        }
        None
    }

    /// The open visit whose name the event carries, nearest to its predecessor first.
    ///
    /// AWS: `ParallelStateExited` and `MapStateExited` share the predecessor of `...Succeeded`, an event
    /// inside the container, so the predecessor alone does not say whose exit it is.
    fn named(&self, event: &Event, before: Position) -> Option<usize> {
        let name = event.detail("name")?;
        self.enclosing(before, |visit| visit.name == name)
            .or_else(|| {
                self.visits
                    .iter()
                    .rposition(|visit| visit.is_open() && visit.name == name)
            })
    }
}

fn failure_of(event: &Event) -> Failure {
    let text = |member: &str| event.detail(member).unwrap_or_default().to_owned();
    Failure {
        error: text("error"),
        cause: text("cause"),
    }
}

fn is_attempt_failure(kind: &str) -> bool {
    let is_work = ["LambdaFunction", "Task", "Activity"]
        .iter()
        .any(|prefix| kind.starts_with(prefix));
    is_work && (kind.ends_with("Failed") || kind.ends_with("TimedOut"))
}

fn is_attempt_success(kind: &str) -> bool {
    matches!(
        kind,
        "LambdaFunctionSucceeded" | "TaskSucceeded" | "ActivitySucceeded"
    )
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
pub(crate) mod tests;
