//! RedriveExecution: which executions may go on, and what that writes.

use stepwell_api::arn::ExecutionArn;
use stepwell_api::{EpochSeconds, states};
use stepwell_engine::{HISTORY_EVENTS_MAX, Input, Status, Timestamp};
use stepwell_store::{Direction, Error};

use crate::command::Answered;
use crate::executions::{missing_execution, standard_deadline};
use crate::rows::execution::{OwnedExecutionRow, RedriveTokens, frames_of, redrive_tokens_key};
use crate::rows::machine::{Machine, machine_key};
use crate::rows::{VERSION, after, decode, decode_json, encode, index};
use crate::shard::{Done, Shard, body};
use crate::staging::Rows;

/// AWS: why an execution that runs cannot be redriven.
pub(crate) const IS_RUNNING: &str = "Execution is RUNNING and cannot be redriven";

/// AWS: an execution may be redriven for 14 days after its end.
const REDRIVABLE_MS: i64 = 14 * 24 * 60 * 60 * 1_000;

/// AWS: the last ten client tokens are remembered ...
const TOKENS_MAX: usize = 10;

/// AWS: ... for 15 minutes after their redrive.
const TOKEN_MS: i64 = 15 * 60 * 1_000;

impl Shard {
    pub(crate) fn redrive_execution(
        &mut self,
        now: Timestamp,
        input: states::RedriveExecutionInput,
    ) -> Done<Answered> {
        let arn = &input.execution_arn;
        let parsed = ExecutionArn::parse_standard(arn)?;
        let number = self
            .number_of(&index::machine_of(&parsed), parsed.name())?
            .ok_or_else(|| missing_execution(arn))?;
        let tokens = self.redrive_tokens(now, number)?;
        if let Some(token) = &input.client_token
            && let Some((_, at_ms)) = tokens.iter().find(|(known, _)| known == token)
        {
            return Ok(redriven(*at_ms));
        }
        let Some(resident) = self.resident(number)? else {
            return Err(missing_execution(arn).into());
        };
        let row = &resident.row;
        if row.execution.identity.arn != *arn {
            return Err(missing_execution(arn).into());
        }
        if resident.child_of.is_some() {
            let text = "Execution Not Redrivable: 'Execution can only be redriven by its Map Run'";
            return Err(states::Error::execution_not_redrivable(text).into());
        }
        let started_ms = row.execution.identity.started_ms;
        let timeout = row.execution.definition().timeout_seconds();
        if let Some(obstacle) = obstacle(&self.staging, &self.residents[number].row, now)? {
            let text = format!("Execution Not Redrivable: '{obstacle}'");
            return Err(states::Error::execution_not_redrivable(text).into());
        }
        let deadline = standard_deadline(started_ms, now.as_millis(), timeout);
        self.check_open_executions()?;
        self.staging.put(
            index::open_key(parsed.state_machine_name(), number),
            vec![VERSION],
        );
        self.counts.execution_opened();
        self.keep_redrive_token(now, number, tokens, input.client_token);
        let deadline = Some(Timestamp::from_millis(deadline));
        self.advance(now, number, Input::Redrive { deadline })?;
        Ok(redriven(now.as_millis()))
    }

    /// The client tokens that still count.
    fn redrive_tokens(&self, now: Timestamp, number: u64) -> Result<RedriveTokens, Error> {
        let key = redrive_tokens_key(number);
        let Some(value) = self.staging.get(&key)? else {
            return Ok(Vec::new());
        };
        let mut tokens: RedriveTokens = decode(&key, &value)?;
        tokens.retain(|(_, at_ms)| now.as_millis().saturating_sub(*at_ms) < TOKEN_MS);
        Ok(tokens)
    }

    fn keep_redrive_token(
        &mut self,
        now: Timestamp,
        number: u64,
        mut tokens: RedriveTokens,
        token: Option<String>,
    ) {
        let Some(token) = token else {
            return;
        };
        tokens.push((token, now.as_millis()));
        let forgotten = tokens.len().saturating_sub(TOKENS_MAX);
        tokens.drain(..forgotten);
        self.staging
            .put(redrive_tokens_key(number), encode(&tokens));
    }
}

/// Why an execution cannot be redriven at `now`, in AWS's words; `None` if it can.
pub(crate) fn obstacle(
    rows: &dyn Rows,
    row: &OwnedExecutionRow,
    now: Timestamp,
) -> Result<Option<&'static str>, Error> {
    let execution = &row.execution;
    match execution.status() {
        Status::Running => return Ok(Some(IS_RUNNING)),
        Status::Succeeded => return Ok(Some("Execution is SUCCEEDED and cannot be redriven")),
        Status::Failed | Status::TimedOut | Status::Aborted => {}
    }
    if is_machine_going(rows, row)? {
        return Ok(Some("State machine is in DELETING status."));
    }
    // Executions that ended under a release without redrive have left no frames to go on from.
    let frames = frames_of(execution.identity.number);
    let kept = rows.scan(&frames, &after(&frames), Direction::Ascending, 1)?;
    if kept.is_empty() {
        return Ok(Some(
            "Execution was started before the launch of RedriveExecution",
        ));
    }
    // AWS: room must be left for ExecutionRedriven and one event more.
    if execution.last_event().0 >= HISTORY_EVENTS_MAX - 1 {
        return Ok(Some("Execution history event limit exceeded"));
    }
    let now_ms = now.as_millis();
    let identity = &execution.identity;
    if now_ms >= standard_deadline(identity.started_ms, now_ms, None) {
        return Ok(Some("Execution has exceeded the max execution time"));
    }
    let stopped_ms = execution.stopped_ms().unwrap_or(identity.started_ms);
    if now_ms.saturating_sub(stopped_ms) > REDRIVABLE_MS {
        return Ok(Some("Execution redrivable period exceeded"));
    }
    Ok(None)
}

/// Whether the execution's state machine is being deleted or is gone.
fn is_machine_going(rows: &dyn Rows, row: &OwnedExecutionRow) -> Result<bool, Error> {
    let key = machine_key(&row.execution.identity.state_machine_name);
    let Some(value) = rows.get(&key)? else {
        return Ok(true);
    };
    let machine: Machine = decode_json(&key, &value)?;
    Ok(machine.is_deleting)
}

fn redriven(at_ms: i64) -> Answered {
    body(&states::RedriveExecutionOutput {
        redrive_date: EpochSeconds::from_ms(at_ms),
    })
}
