//! What a test may ask for: every check of a request, in AWS's order.

use std::sync::Arc;

use serde_json::Value;
use stepwell_api::catalogue::ParameterCheck;
use stepwell_api::states::{self, ErrorCode};
use stepwell_engine::{Definition, MachineKind, Mock, Payload, Variables};

use super::{context, mock};
use crate::configuration::check_role;
use crate::machines::refused_definition;

/// A request whose every part is valid.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) definition: Arc<Definition>,
    pub(super) is_in_map: bool,
    pub(super) role_arn: Option<String>,
    pub(super) input: Payload,
    pub(super) variables: Variables,
    pub(super) context: Option<Value>,
    pub(super) mock: Option<Mock>,
    pub(super) retries: u32,
    pub(super) failed_iterations: Option<u32>,
    pub(super) items_read: Option<Value>,
}

pub(super) fn check(input: states::TestStateInput) -> Result<Checked, states::Error> {
    if let Some(role_arn) = &input.role_arn {
        check_role(role_arn)?;
    }
    check_members(&input)?;
    let (definition, is_in_map) = state(&input.definition, input.state_name.as_deref())?;
    mock::check_need(&definition, input.mock.is_some(), input.role_arn.is_some())?;
    let mocked = input
        .mock
        .map(|mocked| mock::read(&definition, mocked))
        .transpose()?;
    let context = input.context.as_deref().map(context::read).transpose()?;
    let text = input.input.unwrap_or_else(|| "{}".to_string());
    let configuration = input.state_configuration.unwrap_or_default();
    let number = |number: i32| number.unsigned_abs();
    Ok(Checked {
        items_read: mock::items_read(&definition, configuration.map_item_reader_data.as_deref())?,
        definition: Arc::new(definition),
        is_in_map,
        role_arn: input.role_arn,
        input: super::json(text).map_err(states::Error::invalid_execution_input)?,
        variables: variables(input.variables)?,
        context,
        mock: mocked,
        retries: configuration.retrier_retry_count.map_or(0, number),
        failed_iterations: configuration.map_iteration_failure_count.map(number),
    })
}

/// Members that exclude or need each other.
fn check_members(input: &states::TestStateInput) -> Result<(), states::Error> {
    let refuse = |text: String| Err(states::Error::validation_exception(text));
    if let Some(mock) = &input.mock {
        if mock.result.is_some() == mock.error_output.is_some() {
            return refuse(
                "A test mock should have only one of the following fields: [result, errorOutput]."
                    .to_string(),
            );
        }
        if input.reveal_secrets == Some(true) {
            return refuse(
                "TestState does not support RevealSecrets when a mock is specified.".to_string(),
            );
        }
        return Ok(());
    }
    let configuration = input.state_configuration.as_ref();
    let has = |given: fn(&states::TestStateConfiguration) -> bool| configuration.is_some_and(given);
    let mocks_only = [
        (input.context.is_some(), "Context"),
        (
            has(|given| given.retrier_retry_count.is_some()),
            "RetrierRetryCount",
        ),
        (
            has(|given| given.error_caused_by_state.is_some()),
            "ErrorCausedByState",
        ),
        (
            has(|given| given.map_iteration_failure_count.is_some()),
            "MapIterationFailureCount",
        ),
        (
            has(|given| given.map_item_reader_data.is_some()),
            "MapItemReaderData",
        ),
    ];
    match mocks_only.into_iter().find(|(is_given, _)| *is_given) {
        Some((_, member)) => refuse(format!(
            "TestState does not support {member} when a mock is not specified."
        )),
        None => Ok(()),
    }
}

/// The state under test as a machine of its own, and whether it belongs to a Map.
fn state(text: &str, name: Option<&str>) -> Result<(Definition, bool), states::Error> {
    let kind = MachineKind::Standard;
    let calls = ParameterCheck::default();
    let check_call = |resource: &str, parameters: &_| calls.problems(resource, parameters);
    let Some(name) = name else {
        let definition =
            Definition::parse_state(text, kind, &check_call).map_err(refused_definition)?;
        return Ok((definition, false));
    };
    let machine = Definition::parse_with(text, kind, &check_call).map_err(refused_definition)?;
    let Some(lone) = machine.lone_state(name, kind) else {
        let text = "State not found in definition";
        return Err(states::Error::validation_exception(text));
    };
    Ok((lone.definition, lone.is_in_map))
}

fn variables(text: Option<String>) -> Result<Variables, states::Error> {
    let Some(text) = text else {
        return Ok(Variables::new());
    };
    let refuse = |problem: &str| {
        states::Error::validation_exception(format!("Invalid variables provided: {problem}"))
    };
    let payload = super::json(text).map_err(|problem| refuse(&problem))?;
    match payload.value() {
        Value::Object(members) => Ok(members.clone().into_iter().collect()),
        _ => Err(refuse("must be a JSON object")),
    }
}

/// An `InvalidDefinition` in words that are not a diagnostic's.
pub(super) fn unsupported(text: &str) -> states::Error {
    states::Error::new(ErrorCode::InvalidDefinition, text)
}
