//! Tasks: from an engine's call to a function call, and back from tokens and performers.

use serde_json::Value;
use stepwell_api::catalogue::Naming;
use stepwell_api::{lambda, states};
use stepwell_engine::{Call, CallPattern, Input, Payload, TaskToken, Ticket, Timestamp};

use crate::command::{Answered, CallStyle, FunctionCall, TaskOutcome};
use crate::rows::{VERSION, index};
use crate::shard::{Done, Shard, body};

/// Fields of `lambda:invoke` that Step Functions supports, also of `aws-sdk:lambda:invoke`.
///
/// AWS: "Invoke an AWS Lambda function with Step Functions", optimized integration.
const INVOKE_FIELDS: [&str; 6] = [
    "ClientContext",
    "FunctionName",
    "InvocationType",
    "LogType",
    "Payload",
    "Qualifier",
];

/// A call that cannot be performed: what its task fails with.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: &'static str,
    pub(crate) cause: String,
}

impl Refused {
    pub(crate) fn runtime(cause: String) -> Refused {
        Refused {
            error: "States.Runtime",
            cause,
        }
    }
}

/// The function call that an engine's call asks for.
///
/// - Errors: `States.Runtime`, which no catcher sees: a resource that Stepwell does not perform must
///   never look as if it had worked.
pub(crate) fn function_call(
    execution: u64,
    call: Call,
    trace_header: Option<&str>,
) -> Result<FunctionCall, Refused> {
    let trace_header = trace_header.map(str::to_string);
    match call.pattern {
        CallPattern::Function => Ok(FunctionCall {
            execution,
            ticket: call.ticket,
            function: call.resource,
            qualifier: None,
            payload: call.input,
            style: CallStyle::Direct,
            trace_header,
            is_recovered: false,
        }),
        CallPattern::Activity => Err(Refused::runtime(format!(
            "The activity {} does not exist.",
            call.resource
        ))),
        CallPattern::Integration(pattern) => {
            let action = call
                .resource
                .strip_suffix(pattern.suffix())
                .unwrap_or(&call.resource);
            let is_callback = pattern.suffix() == ".waitForTaskToken";
            if let Some(operation) = lambda_operation(action) {
                return Ok(FunctionCall {
                    execution,
                    ticket: call.ticket,
                    function: String::new(),
                    qualifier: None,
                    payload: call.input,
                    style: CallStyle::Operation {
                        operation,
                        is_callback,
                    },
                    trace_header,
                    is_recovered: false,
                });
            }
            let naming = if action.ends_with(":states:::lambda:invoke") {
                Naming::Optimized
            } else if action.ends_with(":states:::aws-sdk:lambda:invoke") {
                Naming::Sdk
            } else {
                let cause = format!(
                    "NotImplemented: Stepwell does not perform the resource {} yet",
                    call.resource
                );
                return Err(Refused::runtime(cause));
            };
            invoke_call(execution, call, naming, is_callback, trace_header)
        }
    }
}

/// The operation of Lambda that an SDK integration calls, if it is none that runs a function.
fn lambda_operation(action: &str) -> Option<lambda::Operation> {
    let (_, name) = action.split_once(":states:::aws-sdk:lambda:")?;
    let first = name.get(..1)?.to_ascii_uppercase();
    let operation = lambda::Operation::from_name(&(first + &name[1..]))?;
    let runs = [
        lambda::Operation::Invoke,
        lambda::Operation::InvokeAsync,
        lambda::Operation::InvokeWithResponseStream,
    ];
    (!runs.contains(&operation)).then_some(operation)
}

fn invoke_call(
    execution: u64,
    call: Call,
    naming: Naming,
    is_callback: bool,
    trace_header: Option<String>,
) -> Result<FunctionCall, Refused> {
    let parameters = call.input.value();
    let refuse = |reason: &str| {
        Refused::runtime(format!(
            "The Parameters '{}' could not be used to start the Task: [{reason}]",
            call.input.text()
        ))
    };
    let Value::Object(fields) = parameters else {
        return Err(refuse("The Parameters must be a JSON object"));
    };
    if let Some(unknown) = fields
        .keys()
        .find(|field| !INVOKE_FIELDS.contains(&field.as_str()))
    {
        return Err(refuse(&format!(
            "The field \"{unknown}\" is not supported by Step Functions"
        )));
    }
    let text = |field: &str| -> Result<Option<String>, Refused> {
        match fields.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(refuse(&format!(
                "The value for the field '{field}' must be a STRING"
            ))),
        }
    };
    let Some(function) = text("FunctionName")? else {
        return Err(refuse(
            "The field 'FunctionName' is required but was missing",
        ));
    };
    let payload = match fields.get("Payload") {
        // AWS: no payload reaches the function as an empty object (recorded: a Payload of null).
        None | Some(Value::Null) => Payload::empty_object(),
        // An SDK integration sends the bytes it is given.
        Some(Value::String(text)) if naming == Naming::Sdk => Payload::from_text(text.as_str()),
        // AWS: a text that is JSON is sent as that JSON (recorded: a Payload of "0" is the number).
        Some(Value::String(text)) => Payload::parse(text.as_str())
            .unwrap_or_else(|_| Payload::from_value(Value::String(text.clone()))),
        Some(payload) => Payload::from_value(payload.clone()),
    };
    Ok(FunctionCall {
        execution,
        ticket: call.ticket,
        function,
        qualifier: text("Qualifier")?,
        payload,
        style: CallStyle::Integration {
            naming,
            invocation_type: text("InvocationType")?
                .unwrap_or_else(|| "RequestResponse".to_string()),
            log_tail: text("LogType")?.as_deref() == Some("Tail"),
            client_context: text("ClientContext")?,
            is_callback,
        },
        trace_header,
        is_recovered: false,
    })
}

impl Shard {
    /// A performer has finished an attempt; late outcomes change nothing.
    pub(crate) fn complete_task(
        &mut self,
        now: Timestamp,
        execution: u64,
        ticket: Ticket,
        outcome: TaskOutcome,
    ) -> Done<()> {
        let input = match outcome {
            TaskOutcome::Succeeded(output) => Input::Succeeded { ticket, output },
            TaskOutcome::Failed { error, cause } => Input::Failed {
                ticket,
                error,
                cause,
            },
            TaskOutcome::Submitted(output) => Input::Submitted { ticket, output },
        };
        self.advance(now, execution, input)
    }

    /// An attempt was not started: a recovery may call it again. Express executions have no recovery of
    /// their tasks: they start again as a whole, or not at all.
    pub(crate) fn return_task(&mut self, execution: u64, ticket: Ticket) -> Done<()> {
        let Some(resident) = self.resident(execution)? else {
            return Ok(());
        };
        let waiter = resident.waiter.take();
        if resident.is_durable() && resident.row.execution.attempts_in_doubt().contains(&ticket) {
            self.staging
                .put(index::returned_key(execution, ticket), vec![VERSION]);
        }
        // A synchronous execution is gone with the process: who waits for it may ask another server now.
        if let Some(waiter) = waiter {
            let stopping =
                states::Error::service_unavailable("the server stopped before the execution ended");
            self.release_answer(waiter, Err(stopping.into()));
        }
        Ok(())
    }

    pub(crate) fn send_task_success(
        &mut self,
        now: Timestamp,
        input: states::SendTaskSuccessInput,
    ) -> Done<Answered> {
        // AWS: the token is looked at before the output (recorded: neither is valid).
        let (execution, ticket) = self.open_ticket(&input.task_token)?;
        let output = Payload::parse(input.output)
            .map_err(|error| states::Error::invalid_output(format!("Invalid Output: '{error}'")))?;
        self.forget_nested(execution, ticket)?;
        self.unqueue_task(execution, ticket)?;
        self.advance(now, execution, Input::Succeeded { ticket, output })?;
        Ok(body(&states::SendTaskSuccessOutput {}))
    }

    pub(crate) fn send_task_failure(
        &mut self,
        now: Timestamp,
        input: states::SendTaskFailureInput,
    ) -> Done<Answered> {
        let (execution, ticket) = self.open_ticket(&input.task_token)?;
        self.forget_nested(execution, ticket)?;
        self.unqueue_task(execution, ticket)?;
        let failed = Input::Failed {
            ticket,
            error: input.error,
            cause: input.cause,
        };
        self.advance(now, execution, failed)?;
        Ok(body(&states::SendTaskFailureOutput {}))
    }

    pub(crate) fn send_task_heartbeat(
        &mut self,
        now: Timestamp,
        input: &states::SendTaskHeartbeatInput,
    ) -> Done<Answered> {
        let (execution, ticket) = self.open_ticket(&input.task_token)?;
        self.advance(now, execution, Input::Heartbeat { ticket })?;
        Ok(body(&states::SendTaskHeartbeatOutput {}))
    }

    /// The attempt that a token names, if it is still open.
    ///
    /// - Errors: `InvalidToken` for a text that is not one of our tokens, `TaskTimedOut` for one whose
    ///   attempt has closed.
    fn open_ticket(&mut self, text: &str) -> Done<(u64, Ticket)> {
        let invalid = || states::Error::invalid_token("Invalid token");
        let token = TaskToken::parse(text).ok_or_else(invalid)?;
        let gone = || states::Error::task_timed_out("Provided task does not exist anymore");
        let Some(resident) = self.resident(token.execution)? else {
            return Err(invalid().into());
        };
        let execution = &resident.row.execution;
        if !token.verifies(&execution.identity.seed) {
            return Err(invalid().into());
        }
        let ticket = Ticket {
            frame: token.frame,
            attempt: token.attempt,
        };
        if execution.scheduled_at(ticket).is_none() {
            return Err(gone().into());
        }
        Ok((token.execution, ticket))
    }
}
