//! When all has come to rest: every execution has ended as it should, and nothing is left of it but what is read.

use std::sync::Arc;

use stepwell_api::states;
use stepwell_store::{Direction, Snapshot};

use super::agenda::Happening;
use super::book::{Asked, Known};
use super::reads::has_ended;
use super::{Go, Row, World, Wrong, failed, wrong};
use crate::check::{self, Ending, History};
use crate::definitions::Sample;

/// Kinds of rows that are there only while an execution is open or a delivery waits.
const OPEN_KINDS: [(u8, &str); 11] = [
    (9, "OpenExecution"),
    (10, "Timer"),
    (11, "TaskInDoubt"),
    (12, "ExpressStart"),
    (15, "TaskReturned"),
    (19, "ActivityTask"),
    (20, "ActivityQueue"),
    (27, "NestedExecution"),
    (31, "NestedTask"),
    (37, "Delivery"),
    (38, "DeliveryDue"),
];

/// Rows of a few kinds that are looked at for what is not durable.
const UNCOMMITTED_ROWS: usize = 20;

/// Rows of one kind that a message shows.
const SHOWN_MAX: usize = 3;

const EXECUTION_ENDS: [&str; 4] = [
    "ExecutionSucceeded",
    "ExecutionFailed",
    "ExecutionAborted",
    "ExecutionTimedOut",
];

impl World<'_> {
    /// Whether everything has come to its end.
    pub(crate) fn is_at_rest(&mut self) -> Result<bool, Wrong> {
        let waits = self
            .asked
            .values()
            .any(|asked| !matches!(asked, Asked::Poll { .. }));
        if waits || !self.agenda.is_idle() {
            return Ok(false);
        }
        for (kind, _) in [OPEN_KINDS[0], OPEN_KINDS[1], OPEN_KINDS[3], OPEN_KINDS[9]] {
            if !self.scan(&[kind], &[kind + 1], 1)?.is_empty() {
                return Ok(false);
            }
        }
        let has_work = self
            .shard()
            .next_deadline()
            .is_some_and(|due| due.as_millis() == 0);
        Ok(!has_work)
    }

    pub(crate) fn what_hangs(&mut self) -> Result<String, Wrong> {
        let deadline = self.shard().next_deadline();
        let mut text = format!(
            "after {} steps and {} ms",
            self.step,
            self.time_ms - super::START_MS
        );
        text += &format!(
            "; asked: {:?}; next deadline: {:?}, now {:?}",
            self.asked.values().collect::<Vec<_>>(),
            deadline,
            self.now()
        );
        for (kind, name) in OPEN_KINDS {
            let rows = self.scan(&[kind], &[kind + 1], SHOWN_MAX)?;
            if !rows.is_empty() {
                text += &format!(
                    "; {name}: {:?}",
                    rows.iter().map(|(key, _)| key).collect::<Vec<_>>()
                );
            }
        }
        let agenda = self
            .agenda
            .iter()
            .filter(|happening| !matches!(happening, Happening::Poll { .. }));
        text += &format!(
            "; to come: {:?}",
            agenda.take(SHOWN_MAX).collect::<Vec<_>>()
        );
        for number in 0..self.book.executions.len() {
            if let Some(arn) = self.book.executions[number].arn.clone()
                && let Some(described) = self.describe(&arn)?
                && !has_ended(&described.status)
            {
                let last = self.history(&arn)?.pop();
                text += &format!("; {arn} is {}, last event {last:?}", described.status);
            }
        }
        Ok(text)
    }

    pub(crate) fn check_ends(&mut self) -> Go {
        for number in 0..self.book.executions.len() {
            self.check_end(number)?;
        }
        self.check_lists()?;
        self.check_rows()?;
        self.check_store()?;
        self.check_left_over()
    }

    fn check_end(&mut self, number: usize) -> Go {
        let execution = &self.book.executions[number];
        match (execution.known, self.is_express(number)) {
            (Known::Planned, _) => Ok(()),
            (_, true) if execution.is_synchronous => Ok(()),
            (_, true) => self.check_asynchronous(number),
            (Known::Acknowledged, false) => self.check_standard(number),
            (Known::Perhaps, false) => {
                let name = format!(
                    "{}:{}",
                    self.book.machines[execution.machine].name, execution.name
                );
                let arn = super::arn("execution", &name);
                if self.describe(&arn)?.is_none() {
                    return Ok(());
                }
                self.book.executions[number].arn = Some(arn);
                self.check_standard(number)
            }
        }
    }

    fn check_standard(&mut self, number: usize) -> Go {
        let described = self.describe_known(number)?;
        let arn = described.execution_arn.clone();
        if !has_ended(&described.status) {
            return Err(wrong("liveness", format!("{arn} is {}", described.status)));
        }
        let events = self.history_known(number)?;
        let sample = self.sample_of(number, &arn)?;
        let redriven = self.check_terminals(&arn, &events)?;
        let execution = &self.book.executions[number];
        let (least, most) = (
            execution.redrives_acknowledged,
            execution.disturbance.redrives,
        );
        if redriven < least || redriven > most {
            let text = format!(
                "{arn}: {least} redrives were acknowledged, {most} asked for, {redriven} are in the history"
            );
            return Err(wrong("durability", text));
        }
        if described.redrive_count.unwrap_or_default() != redriven as i32 {
            return Err(wrong(
                "reads",
                format!(
                    "{arn}: {redriven} redrives, described as {:?}",
                    described.redrive_count
                ),
            ));
        }
        self.check_history(&arn, Some(&sample), number, &described, &events)?;
        self.check_map_runs(&arn, number)
    }

    fn check_history(
        &mut self,
        arn: &str,
        sample: Option<&Sample>,
        number: usize,
        described: &states::DescribeExecutionOutput,
        events: &[states::HistoryEvent],
    ) -> Go {
        self.report.executions += 1;
        self.report.events += events.len() as u64;
        let ending = Ending {
            status: described.status.clone(),
            output: described.output.clone(),
            error: described.error.clone(),
            cause: described.cause.clone(),
        };
        let disturbance = &self.book.executions[number].disturbance;
        let history = History {
            arn,
            sample,
            events,
            ending: &ending,
            disturbance,
        };
        check::ended(&history)
    }

    /// One end more than redrives, and nothing after the last one; returns how often it was redriven.
    fn check_terminals(&self, arn: &str, events: &[states::HistoryEvent]) -> Result<u32, Wrong> {
        let is_end = |event: &states::HistoryEvent| EXECUTION_ENDS.contains(&event.r#type.as_str());
        let ends = events.iter().filter(|event| is_end(event)).count();
        let redrives = events
            .iter()
            .filter(|event| event.r#type == "ExecutionRedriven")
            .count();
        if ends != redrives + 1 || !events.last().is_some_and(is_end) {
            let last = events.last().map(|event| &event.r#type);
            return Err(wrong(
                "ends",
                format!(
                    "{arn} has {ends} ends and {redrives} redrives, its last event is {last:?}"
                ),
            ));
        }
        Ok(redrives as u32)
    }

    /// The sample that an execution runs, with the input that it got.
    fn sample_of(&mut self, number: usize, arn: &str) -> Result<Sample, Wrong> {
        let input = states::DescribeStateMachineForExecutionInput {
            execution_arn: arn.to_string(),
            ..Default::default()
        };
        let described = self
            .reader()
            .describe_state_machine_for_execution(&input)
            .map_err(failed)?;
        let described =
            described.map_err(|refusal| wrong("reads", format!("{arn}: {refusal:?}")))?;
        let execution = &self.book.executions[number];
        let samples = &self.book.machines[execution.machine].samples;
        let sample = execution
            .possible
            .iter()
            .find(|sample| samples[**sample].definition == described.definition);
        let Some(sample) = sample else {
            return Err(wrong(
                "definitions",
                format!("{arn} runs a definition that it was not started with"),
            ));
        };
        Ok(Sample {
            input: execution.input.clone(),
            ..samples[*sample].clone()
        })
    }

    fn check_map_runs(&mut self, arn: &str, number: usize) -> Go {
        let input = states::ListMapRunsInput {
            execution_arn: arn.to_string(),
            ..Default::default()
        };
        let listed = self.reader().list_map_runs(&input).map_err(failed)?;
        let listed = listed.map_err(|refusal| wrong("reads", format!("{arn}: {refusal:?}")))?;
        for run in listed.map_runs {
            let input = states::DescribeMapRunInput {
                map_run_arn: run.map_run_arn.clone(),
            };
            let described = self.reader().describe_map_run(&input).map_err(failed)?;
            let described =
                described.map_err(|refusal| wrong("reads", format!("{arn}: {refusal:?}")))?;
            if !has_ended(&described.status) {
                return Err(wrong(
                    "liveness",
                    format!("{} is {}", run.map_run_arn, described.status),
                ));
            }
            let input = states::ListExecutionsInput {
                map_run_arn: Some(run.map_run_arn.clone()),
                ..Default::default()
            };
            for child in self.list(input)? {
                self.check_child(&child.execution_arn, number)?;
            }
        }
        Ok(())
    }

    fn check_child(&mut self, arn: &str, number: usize) -> Go {
        // An Express child has no history.
        if !arn.contains(":execution:") {
            return Ok(());
        }
        let Some(described) = self.describe(arn)? else {
            return Err(wrong(
                "durability",
                format!("{arn} is listed and is not there"),
            ));
        };
        if !has_ended(&described.status) {
            return Err(wrong("liveness", format!("{arn} is {}", described.status)));
        }
        let events = self.history(arn)?;
        self.check_terminals(arn, &events)?;
        self.check_history(arn, None, number, &described, &events)
    }

    /// An asynchronous Express execution: at least once. Only where nothing has died its events are all seen.
    fn check_asynchronous(&mut self, number: usize) -> Go {
        if self.report.crashes > 0 || self.options.faults.stops > 0 {
            return Ok(());
        }
        let arn = self.book.executions[number].arn.clone().unwrap_or_default();
        let events = self.express.get(&arn).cloned().unwrap_or_default();
        let ends: Vec<&stepwell_engine::Event> = events
            .iter()
            .filter(|event| event.details.is_terminal())
            .collect();
        let [end] = ends.as_slice() else {
            return Err(wrong("ends", format!("{arn} has {} ends", ends.len())));
        };
        self.report.executions += 1;
        let ending = ending_of(end, &events);
        self.check_express(number, &ending)
    }

    /// The end of an Express execution, whose sample no read tells: it must be right for one that it may run.
    pub(crate) fn check_express(&mut self, number: usize, ending: &Ending) -> Go {
        let execution = &self.book.executions[number];
        let samples = &self.book.machines[execution.machine].samples;
        let mut objections = Vec::new();
        for sample in &execution.possible {
            let sample = Sample {
                input: execution.input.clone(),
                ..samples[*sample].clone()
            };
            match check::ending(&sample, ending, &execution.disturbance) {
                Ok(()) => return Ok(()),
                Err(objection) => objections.push(objection),
            }
        }
        let objection = objections.pop();
        Err(objection.unwrap_or_else(|| {
            wrong(
                "definitions",
                format!("the Express execution {number} runs nothing"),
            )
        }))
    }

    pub(crate) fn check_rows(&mut self) -> Go {
        check::durable(&self.shard().snapshot())
    }

    /// What `stepwell fsck` says of the rows.
    fn check_store(&mut self) -> Go {
        let report = stepwell_service::fsck(&self.shard().snapshot());
        match report.findings.first() {
            None => Ok(()),
            Some(found) => Err(wrong(
                "fsck",
                format!(
                    "{} of {} at {}: {}",
                    found.rule, found.kind, found.key, found.text
                ),
            )),
        }
    }

    /// What was applied and is not durable must not show.
    ///
    /// - `before`: what was durable before it was applied.
    pub(crate) fn check_uncommitted(&mut self, before: &Arc<dyn Snapshot>) -> Go {
        let now = self.shard().snapshot();
        for key in [vec![0], vec![4], vec![6], vec![10]] {
            let to = [key[0] + 3];
            let read = |snapshot: &Arc<dyn Snapshot>| {
                snapshot
                    .scan(&key, &to, Direction::Descending, UNCOMMITTED_ROWS)
                    .map_err(failed)
            };
            let (before, now) = (read(before)?, read(&now)?);
            let is_same = before.len() == now.len()
                && before
                    .iter()
                    .zip(&now)
                    .all(|(one, other)| one.0 == other.0 && *one.1 == *other.1);
            if !is_same {
                return Err(wrong(
                    "reads",
                    format!("rows of kind {} show before their commit", key[0]),
                ));
            }
        }
        Ok(())
    }

    fn check_lists(&mut self) -> Go {
        for _ in 0..self.book.machines.len() {
            self.read_list()?;
        }
        Ok(())
    }

    /// Nothing is left of what was open.
    fn check_left_over(&mut self) -> Go {
        for (kind, name) in OPEN_KINDS {
            let left: Vec<Row> = self.scan(&[kind], &[kind + 1], SHOWN_MAX)?;
            if let Some((key, _)) = left.first() {
                return Err(wrong(
                    "left over",
                    format!("rows of kind {kind} ({name}) are left, the first is {key:?}"),
                ));
            }
        }
        Ok(())
    }
}

fn ending_of(end: &stepwell_engine::Event, events: &[stepwell_engine::Event]) -> Ending {
    use stepwell_engine::{Body, Details};
    let (status, error, cause) = match &end.details {
        Details::ExecutionSucceeded { .. } => ("SUCCEEDED", None, None),
        Details::ExecutionAborted { error, cause } => ("ABORTED", error.clone(), cause.clone()),
        Details::ExecutionTimedOut { error, cause } => ("TIMED_OUT", error.clone(), cause.clone()),
        Details::ExecutionFailed { error, cause } => ("FAILED", error.clone(), cause.clone()),
        _ => ("RUNNING", None, None),
    };
    let output = match &end.details {
        Details::ExecutionSucceeded {
            output: Body::Text(text),
        } => Some(text.to_string()),
        Details::ExecutionSucceeded {
            output: Body::Same(id),
        } => {
            let stored = events.iter().find(|event| event.id == *id);
            stored.and_then(|event| event.details.body()?.text().map(str::to_string))
        }
        _ => None,
    };
    Ending {
        status: status.to_string(),
        output,
        error,
        cause,
    }
}
