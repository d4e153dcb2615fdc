//! Engine events to wire events: the one place where they meet.

use std::collections::BTreeMap;
use std::sync::Arc;

use stepwell_api::EpochSeconds;
use stepwell_api::states::{self, HistoryEvent};
use stepwell_engine::{Body, Details, Event, EventId, StateKind};

/// Texts by the event that stores them, for events that refer to an earlier one.
pub(crate) type Texts = BTreeMap<EventId, Arc<str>>;

/// What the events' details need beside the events.
pub(crate) struct Surroundings<'a> {
    pub(crate) region: &'a str,
    pub(crate) role_arn: &'a str,
    pub(crate) version_arn: Option<&'a str>,
    pub(crate) alias_arn: Option<&'a str>,
    /// `includeExecutionData`.
    pub(crate) includes_data: bool,
}

/// One event as `GetExecutionHistory` shows it.
pub(crate) fn wire(event: &Event, texts: &Texts, around: &Surroundings) -> HistoryEvent {
    let mut wire = HistoryEvent {
        timestamp: EpochSeconds::from_ms(event.timestamp_ms),
        r#type: type_of(&event.details).to_string(),
        id: number(event.id),
        previous_event_id: Some(number(event.previous)),
        ..Default::default()
    };
    let look = Look { texts, around };
    states_details(&mut wire, &event.details, &look);
    task_details(&mut wire, &event.details, &look);
    wire
}

struct Look<'a> {
    texts: &'a Texts,
    around: &'a Surroundings<'a>,
}

impl Look<'_> {
    fn text(&self, body: &Body) -> Option<String> {
        if !self.around.includes_data {
            return None;
        }
        Some(match body {
            Body::Text(text) => text.to_string(),
            Body::Same(origin) => self
                .texts
                .get(origin)
                .map(ToString::to_string)
                .unwrap_or_default(),
        })
    }

    fn details(&self) -> Option<states::HistoryEventExecutionDataDetails> {
        self.around
            .includes_data
            .then_some(states::HistoryEventExecutionDataDetails {
                truncated: Some(false),
            })
    }
}

fn number(id: EventId) -> i64 {
    i64::try_from(id.0).expect("at most 25,000 events")
}

fn states_details(wire: &mut HistoryEvent, details: &Details, look: &Look) {
    match details {
        Details::ExecutionStarted { input } => {
            wire.execution_started_event_details = Some(states::ExecutionStartedEventDetails {
                input: look.text(input),
                input_details: look.details(),
                role_arn: Some(look.around.role_arn.to_string()),
                state_machine_alias_arn: look.around.alias_arn.map(str::to_string),
                state_machine_version_arn: look.around.version_arn.map(str::to_string),
            });
        }
        Details::ExecutionSucceeded { output } => {
            wire.execution_succeeded_event_details = Some(states::ExecutionSucceededEventDetails {
                output: look.text(output),
                output_details: look.details(),
            });
        }
        Details::ExecutionFailed { error, cause } => {
            wire.execution_failed_event_details = Some(states::ExecutionFailedEventDetails {
                error: error.clone(),
                cause: cause.clone(),
            });
        }
        Details::ExecutionAborted { error, cause } => {
            wire.execution_aborted_event_details = Some(states::ExecutionAbortedEventDetails {
                error: error.clone(),
                cause: cause.clone(),
            });
        }
        Details::ExecutionTimedOut { error, cause } => {
            wire.execution_timed_out_event_details = Some(states::ExecutionTimedOutEventDetails {
                error: error.clone(),
                cause: cause.clone(),
            });
        }
        Details::ExecutionRedriven { redrive_count } => {
            wire.execution_redriven_event_details = Some(states::ExecutionRedrivenEventDetails {
                redrive_count: Some(i32::try_from(*redrive_count).unwrap_or(i32::MAX)),
            });
        }
        Details::StateEntered { name, input, .. } => {
            wire.state_entered_event_details = Some(states::StateEnteredEventDetails {
                name: name.to_string(),
                input: look.text(input),
                input_details: look.details(),
            });
        }
        Details::StateExited {
            name,
            output,
            assigned,
            ..
        } => {
            let has_variables = look.around.includes_data && !assigned.is_empty();
            wire.state_exited_event_details = Some(states::StateExitedEventDetails {
                name: name.to_string(),
                output: look.text(output),
                output_details: look.details(),
                assigned_variables: has_variables.then(|| assigned.iter().cloned().collect()),
                assigned_variables_details: has_variables.then_some(
                    states::AssignedVariablesDetails {
                        truncated: Some(false),
                    },
                ),
            });
        }
        Details::MapStateStarted { length } => {
            wire.map_state_started_event_details = Some(states::MapStateStartedEventDetails {
                length: Some(i32::try_from(*length).unwrap_or(i32::MAX)),
            });
        }
        Details::MapIterationStarted { name, index } => {
            wire.map_iteration_started_event_details = iteration(name, *index)
        }
        Details::MapIterationSucceeded { name, index } => {
            wire.map_iteration_succeeded_event_details = iteration(name, *index)
        }
        Details::MapIterationFailed { name, index } => {
            wire.map_iteration_failed_event_details = iteration(name, *index)
        }
        Details::MapIterationAborted { name, index } => {
            wire.map_iteration_aborted_event_details = iteration(name, *index)
        }
        Details::MapRunStarted { arn } => {
            wire.map_run_started_event_details = Some(states::MapRunStartedEventDetails {
                map_run_arn: Some(arn.clone()),
            });
        }
        Details::MapRunFailed { error, cause } => {
            wire.map_run_failed_event_details = Some(states::MapRunFailedEventDetails {
                error: error.clone(),
                cause: cause.clone(),
            });
        }
        Details::MapRunRedriven { arn, redrive_count } => {
            wire.map_run_redriven_event_details = Some(states::MapRunRedrivenEventDetails {
                map_run_arn: Some(arn.clone()),
                redrive_count: Some(i32::try_from(*redrive_count).unwrap_or(i32::MAX)),
            });
        }
        Details::EvaluationFailed {
            error,
            cause,
            location,
            state,
        } => {
            wire.evaluation_failed_event_details = Some(states::EvaluationFailedEventDetails {
                error: Some(error.clone()),
                cause: Some(cause.clone()),
                location: location.clone(),
                state: state.clone(),
            });
        }
        _ => {}
    }
}

fn iteration(name: &str, index: u64) -> Option<states::MapIterationEventDetails> {
    Some(states::MapIterationEventDetails {
        name: Some(name.to_string()),
        index: Some(i32::try_from(index).unwrap_or(i32::MAX)),
    })
}

fn task_details(wire: &mut HistoryEvent, details: &Details, look: &Look) {
    match details {
        Details::FunctionScheduled {
            resource,
            input,
            timeout_seconds,
            role_arn,
        } => {
            wire.lambda_function_scheduled_event_details =
                Some(states::LambdaFunctionScheduledEventDetails {
                    resource: resource.clone(),
                    input: look.text(input),
                    input_details: look.details(),
                    timeout_in_seconds: seconds(*timeout_seconds),
                    task_credentials: credentials(role_arn.as_deref()),
                });
        }
        Details::FunctionSucceeded { output } => {
            wire.lambda_function_succeeded_event_details =
                Some(states::LambdaFunctionSucceededEventDetails {
                    output: look.text(output),
                    output_details: look.details(),
                });
        }
        Details::FunctionFailed { error, cause } => {
            wire.lambda_function_failed_event_details =
                Some(states::LambdaFunctionFailedEventDetails {
                    error: error.clone(),
                    cause: cause.clone(),
                });
        }
        Details::FunctionTimedOut { error, cause } => {
            wire.lambda_function_timed_out_event_details =
                Some(states::LambdaFunctionTimedOutEventDetails {
                    error: error.clone(),
                    cause: cause.clone(),
                });
        }
        Details::TaskScheduled {
            resource_type,
            resource,
            parameters,
            timeout_seconds,
            heartbeat_seconds,
            role_arn,
        } => {
            wire.task_scheduled_event_details = Some(states::TaskScheduledEventDetails {
                resource_type: resource_type.clone(),
                resource: resource.clone(),
                region: look.around.region.to_string(),
                parameters: look.text(parameters).unwrap_or_default(),
                timeout_in_seconds: seconds(*timeout_seconds),
                heartbeat_in_seconds: seconds(*heartbeat_seconds),
                task_credentials: credentials(role_arn.as_deref()),
            });
        }
        Details::TaskStarted {
            resource_type,
            resource,
        } => {
            wire.task_started_event_details = Some(states::TaskStartedEventDetails {
                resource_type: resource_type.clone(),
                resource: resource.clone(),
            });
        }
        Details::TaskSubmitted {
            resource_type,
            resource,
            output,
        } => {
            wire.task_submitted_event_details = Some(states::TaskSubmittedEventDetails {
                resource_type: resource_type.clone(),
                resource: resource.clone(),
                output: look.text(output),
                output_details: look.details(),
            });
        }
        Details::TaskSucceeded {
            resource_type,
            resource,
            output,
        } => {
            wire.task_succeeded_event_details = Some(states::TaskSucceededEventDetails {
                resource_type: resource_type.clone(),
                resource: resource.clone(),
                output: look.text(output),
                output_details: look.details(),
            });
        }
        Details::TaskFailed {
            resource_type,
            resource,
            error,
            cause,
        } => {
            wire.task_failed_event_details = Some(states::TaskFailedEventDetails {
                resource_type: resource_type.clone(),
                resource: resource.clone(),
                error: error.clone(),
                cause: cause.clone(),
            });
        }
        Details::TaskTimedOut {
            resource_type,
            resource,
            error,
            cause,
        } => {
            wire.task_timed_out_event_details = Some(states::TaskTimedOutEventDetails {
                resource_type: resource_type.clone(),
                resource: resource.clone(),
                error: error.clone(),
                cause: cause.clone(),
            });
        }
        _ => activity_details(wire, details, look),
    }
}

fn activity_details(wire: &mut HistoryEvent, details: &Details, look: &Look) {
    match details {
        Details::ActivityScheduled {
            resource,
            input,
            timeout_seconds,
            heartbeat_seconds,
        } => {
            wire.activity_scheduled_event_details = Some(states::ActivityScheduledEventDetails {
                resource: resource.clone(),
                input: look.text(input),
                input_details: look.details(),
                timeout_in_seconds: seconds(*timeout_seconds),
                heartbeat_in_seconds: seconds(*heartbeat_seconds),
            });
        }
        Details::ActivityStarted { worker_name } => {
            wire.activity_started_event_details = Some(states::ActivityStartedEventDetails {
                worker_name: worker_name.clone(),
            });
        }
        Details::ActivitySucceeded { output } => {
            wire.activity_succeeded_event_details = Some(states::ActivitySucceededEventDetails {
                output: look.text(output),
                output_details: look.details(),
            });
        }
        Details::ActivityFailed { error, cause } => {
            wire.activity_failed_event_details = Some(states::ActivityFailedEventDetails {
                error: error.clone(),
                cause: cause.clone(),
            });
        }
        Details::ActivityTimedOut { error, cause } => {
            wire.activity_timed_out_event_details = Some(states::ActivityTimedOutEventDetails {
                error: error.clone(),
                cause: cause.clone(),
            });
        }
        _ => {}
    }
}

fn seconds(seconds: Option<u64>) -> Option<i64> {
    seconds.and_then(|seconds| i64::try_from(seconds).ok())
}

fn credentials(role_arn: Option<&str>) -> Option<states::TaskCredentials> {
    role_arn.map(|role_arn| states::TaskCredentials {
        role_arn: Some(role_arn.to_string()),
    })
}

/// The wire's name of an event.
pub fn type_of(details: &Details) -> &'static str {
    match details {
        Details::ExecutionStarted { .. } => "ExecutionStarted",
        Details::ExecutionSucceeded { .. } => "ExecutionSucceeded",
        Details::ExecutionFailed { .. } => "ExecutionFailed",
        Details::ExecutionAborted { .. } => "ExecutionAborted",
        Details::ExecutionTimedOut { .. } => "ExecutionTimedOut",
        Details::StateEntered { kind, .. } => entered(*kind),
        Details::StateExited { kind, .. } => exited(*kind),
        Details::FunctionScheduled { .. } => "LambdaFunctionScheduled",
        Details::FunctionStarted => "LambdaFunctionStarted",
        Details::FunctionSucceeded { .. } => "LambdaFunctionSucceeded",
        Details::FunctionFailed { .. } => "LambdaFunctionFailed",
        Details::FunctionTimedOut { .. } => "LambdaFunctionTimedOut",
        Details::TaskScheduled { .. } => "TaskScheduled",
        Details::TaskStarted { .. } => "TaskStarted",
        Details::TaskSubmitted { .. } => "TaskSubmitted",
        Details::TaskSucceeded { .. } => "TaskSucceeded",
        Details::TaskFailed { .. } => "TaskFailed",
        Details::TaskTimedOut { .. } => "TaskTimedOut",
        Details::TaskStateAborted => "TaskStateAborted",
        Details::WaitStateAborted => "WaitStateAborted",
        Details::ParallelStateStarted => "ParallelStateStarted",
        Details::ParallelStateSucceeded => "ParallelStateSucceeded",
        Details::ParallelStateFailed => "ParallelStateFailed",
        Details::ParallelStateAborted => "ParallelStateAborted",
        Details::MapStateStarted { .. } => "MapStateStarted",
        Details::MapStateSucceeded => "MapStateSucceeded",
        Details::MapStateFailed => "MapStateFailed",
        Details::MapStateAborted => "MapStateAborted",
        Details::MapIterationStarted { .. } => "MapIterationStarted",
        Details::MapIterationSucceeded { .. } => "MapIterationSucceeded",
        Details::MapIterationFailed { .. } => "MapIterationFailed",
        Details::MapIterationAborted { .. } => "MapIterationAborted",
        Details::MapRunStarted { .. } => "MapRunStarted",
        Details::MapRunSucceeded => "MapRunSucceeded",
        Details::MapRunFailed { .. } => "MapRunFailed",
        Details::MapRunAborted => "MapRunAborted",
        Details::MapRunRedriven { .. } => "MapRunRedriven",
        Details::EvaluationFailed { .. } => "EvaluationFailed",
        Details::ActivityScheduled { .. } => "ActivityScheduled",
        Details::ActivityStarted { .. } => "ActivityStarted",
        Details::ActivitySucceeded { .. } => "ActivitySucceeded",
        Details::ActivityFailed { .. } => "ActivityFailed",
        Details::ActivityTimedOut { .. } => "ActivityTimedOut",
        Details::ExecutionRedriven { .. } => "ExecutionRedriven",
    }
}

fn entered(kind: StateKind) -> &'static str {
    match kind {
        StateKind::Task => "TaskStateEntered",
        StateKind::Choice => "ChoiceStateEntered",
        StateKind::Parallel => "ParallelStateEntered",
        StateKind::Map => "MapStateEntered",
        StateKind::Wait => "WaitStateEntered",
        StateKind::Pass => "PassStateEntered",
        StateKind::Succeed => "SucceedStateEntered",
        StateKind::Fail => "FailStateEntered",
    }
}

fn exited(kind: StateKind) -> &'static str {
    match kind {
        StateKind::Task => "TaskStateExited",
        StateKind::Choice => "ChoiceStateExited",
        StateKind::Parallel => "ParallelStateExited",
        StateKind::Map => "MapStateExited",
        StateKind::Wait => "WaitStateExited",
        StateKind::Pass => "PassStateExited",
        StateKind::Succeed => "SucceedStateExited",
        // A Fail state is never left; the name exists for completeness of the match.
        StateKind::Fail => "FailStateExited",
    }
}
