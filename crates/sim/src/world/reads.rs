//! Reads: what callers were told must be in them, and what they have seen stays as it was.

use stepwell_api::states::{self, Operation};
use stepwell_api::{Input, states::Error};
use stepwell_service::{Read, Refusal, Request};

use super::book::Known;
use super::{Go, World, Wrong, arn, failed, wrong};

/// Pages of a list or a history.
const PAGES_MAX: usize = 1_000;

/// The words of executions that have ended.
const ENDS: [&str; 4] = ["SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT"];

pub(crate) fn has_ended(status: &str) -> bool {
    ENDS.contains(&status)
}

impl World<'_> {
    /// Reads something and compares it with what is known.
    pub(crate) fn read(&mut self) -> Go {
        match self.draw.below(4) {
            0 => self.read_machine(),
            1 => self.read_list(),
            _ => match self.any_execution(|execution| {
                execution.known == Known::Acknowledged && execution.arn.is_some()
            }) {
                Some(number) if !self.is_express(number) => {
                    self.describe_known(number)?;
                    self.history_known(number).map(drop)
                }
                _ => Ok(()),
            },
        }
    }

    /// Describes an execution that was acknowledged, and compares with what was seen of it.
    pub(crate) fn describe_known(
        &mut self,
        number: usize,
    ) -> Result<states::DescribeExecutionOutput, Wrong> {
        let arn = self.book.executions[number].arn.clone().unwrap_or_default();
        let Some(described) = self.describe(&arn)? else {
            return Err(wrong(
                "durability",
                format!("{arn} was acknowledged and is gone"),
            ));
        };
        let execution = &self.book.executions[number];
        let is_over = has_ended(&described.status);
        if execution.is_stopped && !is_over {
            return Err(wrong(
                "durability",
                format!("{arn} was stopped and is {}", described.status),
            ));
        }
        if execution
            .start_ms
            .is_some_and(|ms| ms != described.start_date.ms())
        {
            return Err(wrong(
                "durability",
                format!("{arn} has another start than was acknowledged"),
            ));
        }
        if described.input.as_deref() != Some(&execution.input) {
            return Err(wrong(
                "durability",
                format!("{arn} has the input {:?}", described.input),
            ));
        }
        let seen = execution
            .seen
            .as_ref()
            .filter(|seen| has_ended(&seen.status));
        if let Some(seen) = seen
            && !is_same_end(seen, &described)
        {
            return Err(wrong(
                "ends",
                format!(
                    "{arn} had ended as {} and is {}",
                    end_of(seen),
                    end_of(&described)
                ),
            ));
        }
        // A redrive that was applied before this read and is not durable yet goes on with an end that is read here.
        if !self.book.executions[number].is_redriving {
            self.book.executions[number].seen = Some(described.clone());
        }
        Ok(described)
    }

    pub(crate) fn describe(
        &mut self,
        arn: &str,
    ) -> Result<Option<states::DescribeExecutionOutput>, Wrong> {
        let input = states::DescribeExecutionInput {
            execution_arn: arn.to_string(),
            ..Default::default()
        };
        match self.reader().describe_execution(&input).map_err(failed)? {
            Ok(described) => Ok(Some(described)),
            Err(Refusal::States(error)) if error.name() == "ExecutionDoesNotExist" => Ok(None),
            Err(refusal) => Err(wrong("reads", format!("{arn}: {refusal:?}"))),
        }
    }

    /// The history of an execution; what was seen of it before must be its beginning.
    pub(crate) fn history_known(
        &mut self,
        number: usize,
    ) -> Result<Vec<states::HistoryEvent>, Wrong> {
        let arn = self.book.executions[number].arn.clone().unwrap_or_default();
        let events = self.history(&arn)?;
        let seen = &self.book.executions[number].seen_events;
        if seen.len() > events.len() || events[..seen.len()] != seen[..] {
            let (was, is) = (seen.len(), events.len());
            let place = seen
                .iter()
                .zip(&events)
                .position(|(one, other)| one != other);
            return Err(wrong(
                "history",
                format!("{arn}: {was} events were seen, now {is}; they differ at {place:?}"),
            ));
        }
        self.book.executions[number].seen_events = events.clone();
        Ok(events)
    }

    pub(crate) fn history(&mut self, arn: &str) -> Result<Vec<states::HistoryEvent>, Wrong> {
        let mut events = Vec::new();
        let mut input = states::GetExecutionHistoryInput {
            execution_arn: arn.to_string(),
            max_results: Some(*self.draw.one_of(&[3, 100, 1_000])),
            ..Default::default()
        };
        for _ in 0..PAGES_MAX {
            let page = self
                .reader()
                .get_execution_history(&input)
                .map_err(failed)?;
            let page = page.map_err(|refusal| wrong("reads", format!("{arn}: {refusal:?}")))?;
            events.extend(page.events);
            input.next_token = page.next_token;
            if input.next_token.is_none() {
                return Ok(events);
            }
        }
        Err(wrong(
            "reads",
            format!("the history of {arn} has no last page"),
        ))
    }

    fn read_machine(&mut self) -> Go {
        let number = self.draw.below(self.book.machines.len());
        let machine = &self.book.machines[number];
        if !machine.is_there {
            return Ok(());
        }
        let arn = arn("stateMachine", &machine.name);
        let input = states::DescribeStateMachineInput {
            state_machine_arn: arn.clone(),
            ..Default::default()
        };
        let described = self
            .reader()
            .describe_state_machine(&input)
            .map_err(failed)?;
        let described =
            described.map_err(|refusal| wrong("durability", format!("{arn}: {refusal:?}")))?;
        let machine = &self.book.machines[number];
        let is_possible =
            |sample: &usize| machine.samples[*sample].definition == described.definition;
        if !machine.possible.iter().any(is_possible) {
            return Err(wrong(
                "durability",
                format!(
                    "{arn} has a definition that was replaced: {}",
                    described.definition
                ),
            ));
        }
        self.read_versions(number, &arn)?;
        self.read_alias(number, &arn)
    }

    fn read_versions(&mut self, number: usize, arn: &str) -> Go {
        let input = states::ListStateMachineVersionsInput {
            state_machine_arn: arn.to_string(),
            ..Default::default()
        };
        let listed = self
            .reader()
            .list_state_machine_versions(&input)
            .map_err(failed)?;
        let listed = listed.map_err(|refusal| wrong("reads", format!("{arn}: {refusal:?}")))?;
        let listed: Vec<String> = listed
            .state_machine_versions
            .into_iter()
            .map(|version| version.state_machine_version_arn)
            .collect();
        for (version, possible) in self.book.machines[number].versions.clone() {
            if !listed.contains(&version) {
                return Err(wrong(
                    "durability",
                    format!("{version} was published and is not listed"),
                ));
            }
            let input = states::DescribeStateMachineInput {
                state_machine_arn: version.clone(),
                ..Default::default()
            };
            let described = self
                .reader()
                .describe_state_machine(&input)
                .map_err(failed)?;
            let described = described
                .map_err(|refusal| wrong("durability", format!("{version}: {refusal:?}")))?;
            let samples = &self.book.machines[number].samples;
            if !possible
                .iter()
                .any(|sample| samples[*sample].definition == described.definition)
            {
                return Err(wrong(
                    "durability",
                    format!("{version} has another definition than was published"),
                ));
            }
        }
        Ok(())
    }

    fn read_alias(&mut self, number: usize, arn: &str) -> Go {
        let machine = &self.book.machines[number];
        let Some(possible) = machine.alias.clone() else {
            return Ok(());
        };
        let input = states::DescribeStateMachineAliasInput {
            state_machine_alias_arn: format!("{arn}:live"),
        };
        let described = self
            .reader()
            .describe_state_machine_alias(&input)
            .map_err(failed)?;
        let described =
            described.map_err(|refusal| wrong("durability", format!("{arn}:live: {refusal:?}")))?;
        let routed = described.routing_configuration.unwrap_or_default();
        let versions = &self.book.machines[number].versions;
        let is_possible = |version: &usize| {
            routed.len() == 1 && versions[*version].0 == routed[0].state_machine_version_arn
        };
        if possible.iter().any(is_possible) {
            return Ok(());
        }
        Err(wrong(
            "durability",
            format!("{arn}:live routes to {routed:?}, which was not asked for last"),
        ))
    }

    /// Every acknowledged execution of a machine is in its list, and nothing is twice.
    pub(crate) fn read_list(&mut self) -> Go {
        let number = self.draw.below(self.book.machines.len());
        let machine = &self.book.machines[number];
        if !machine.is_there || machine.is_express {
            return Ok(());
        }
        let arn = arn("stateMachine", &machine.name);
        let input = states::ListExecutionsInput {
            state_machine_arn: Some(arn.clone()),
            ..Default::default()
        };
        let mut listed: Vec<String> = self
            .list(input)?
            .into_iter()
            .map(|item| item.execution_arn)
            .collect();
        listed.sort();
        if let Some(pair) = listed.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(wrong("reads", format!("{} is listed twice", pair[0])));
        }
        for execution in self
            .book
            .executions
            .iter()
            .filter(|execution| execution.machine == number)
        {
            if let Some(arn) = &execution.arn
                && listed.binary_search(arn).is_err()
            {
                return Err(wrong(
                    "durability",
                    format!("{arn} was acknowledged and is not listed"),
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn list(
        &mut self,
        mut input: states::ListExecutionsInput,
    ) -> Result<Vec<states::ExecutionListItem>, Wrong> {
        let mut items = Vec::new();
        input.max_results = Some(*self.draw.one_of(&[2, 1_000]));
        for _ in 0..PAGES_MAX {
            let page = self.reader().list_executions(&input).map_err(failed)?;
            let page = page.map_err(|refusal| wrong("reads", format!("{input:?}: {refusal:?}")))?;
            items.extend(page.executions);
            input.next_token = page.next_token;
            if input.next_token.is_none() {
                return Ok(items);
            }
        }
        Err(wrong("reads", format!("{input:?} has no last page")))
    }

    /// A read that a task asks for.
    pub(crate) fn read_operation(
        &mut self,
        operation: Operation,
        body: &[u8],
    ) -> Result<Result<Vec<u8>, Error>, Wrong> {
        let reader = self.reader();
        match operation {
            Operation::DescribeExecution => answer(body, |input| reader.describe_execution(input)),
            Operation::DescribeStateMachine => {
                answer(body, |input| reader.describe_state_machine(input))
            }
            Operation::ListExecutions => answer(body, |input| reader.list_executions(input)),
            Operation::GetExecutionHistory => {
                answer(body, |input| reader.get_execution_history(input))
            }
            other => Err(wrong("world", format!("no world answers {}", other.name()))),
        }
    }
}

fn answer<I: Input, O: serde::Serialize>(
    body: &[u8],
    read: impl FnOnce(&I) -> Read<O>,
) -> Result<Result<Vec<u8>, Error>, Wrong> {
    let input = match states::decode(body) {
        Ok(input) => input,
        Err(error) => return Ok(Err(error)),
    };
    Ok(match read(&input).map_err(failed)? {
        Ok(output) => {
            Ok(serde_json::to_vec(&output).expect("a generated shape has text keys only"))
        }
        Err(Refusal::States(error)) => Err(error),
        Err(refusal) => return Err(wrong("reads", format!("{refusal:?}"))),
    })
}

/// The request of an operation that changes something; `None` for one that reads.
pub(crate) fn change(operation: Operation, body: &[u8]) -> Result<Option<Request>, Error> {
    Ok(Some(match operation {
        Operation::StartExecution => Request::StartExecution(states::decode(body)?),
        Operation::StartSyncExecution => Request::StartSyncExecution(states::decode(body)?),
        Operation::StopExecution => Request::StopExecution(states::decode(body)?),
        Operation::RedriveExecution => Request::RedriveExecution(states::decode(body)?),
        Operation::GetActivityTask => Request::GetActivityTask(states::decode(body)?),
        Operation::SendTaskSuccess => Request::SendTaskSuccess(states::decode(body)?),
        Operation::SendTaskFailure => Request::SendTaskFailure(states::decode(body)?),
        Operation::SendTaskHeartbeat => Request::SendTaskHeartbeat(states::decode(body)?),
        Operation::TagResource => Request::TagResource(states::decode(body)?),
        _ => return Ok(None),
    }))
}

/// Whether an execution that had ended is as it was.
fn is_same_end(
    seen: &states::DescribeExecutionOutput,
    now: &states::DescribeExecutionOutput,
) -> bool {
    seen.status == now.status
        && seen.output == now.output
        && seen.error == now.error
        && seen.cause == now.cause
        && seen.stop_date == now.stop_date
}

fn end_of(described: &states::DescribeExecutionOutput) -> String {
    format!(
        "{} with {:?}, {:?}, {:?} at {:?}",
        described.status, described.output, described.error, described.cause, described.stop_date
    )
}
