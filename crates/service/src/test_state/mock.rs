//! The mock of a test: which states need one, and what it may be.

use serde_json::Value;
use stepwell_api::catalogue::{self, FieldValidation};
use stepwell_api::states;
use stepwell_engine::{Definition, Kind, Map, Mock, Pattern, Resource, Task};

use super::request::unsupported;

/// Whether the state may, or must, be mocked.
///
/// - `has_role`: the test names a role to call with.
pub(super) fn check_need(
    definition: &Definition,
    has_mock: bool,
    has_role: bool,
) -> Result<(), states::Error> {
    let refuse = |text: String| Err(states::Error::validation_exception(text));
    let kind = &definition.start_state().kind;
    match kind {
        Kind::Map(_) | Kind::Parallel(_) if !has_mock => Err(unsupported(
            "TestState API does not support Map or Parallel states. Supported state types include: \
             [Task, Wait, Pass, Succeed, Fail, Choice]",
        )),
        Kind::Task(task) if !has_mock && is_awaited(task) => refuse(format!(
            "TestState does not support the resource {} when a mock is not specified.",
            task.resource.arn()
        )),
        Kind::Task(_) if !has_mock && !has_role => {
            refuse("RoleArn must be specified when testing a Task state".to_string())
        }
        Kind::Map(_) | Kind::Parallel(_) | Kind::Task(_) => Ok(()),
        _ if has_mock => refuse(format!(
            "State type '{}' is not supported when a mock is specified",
            kind.type_name()
        )),
        _ => Ok(()),
    }
}

/// Whether something else than the call's return completes the task.
fn is_awaited(task: &Task) -> bool {
    match &task.resource {
        Resource::Function { .. } => false,
        Resource::Activity { .. } => true,
        Resource::Integration { pattern, .. } => *pattern != Pattern::RequestResponse,
    }
}

/// The mock, if it can stand in for what the state calls or runs.
pub(super) fn read(
    definition: &Definition,
    mock: states::MockInput,
) -> Result<Mock, states::Error> {
    let mode = FieldValidation::of(mock.field_validation_mode.as_deref());
    let Some(text) = mock.result else {
        let output = mock.error_output.unwrap_or_default();
        return Ok(Mock::Error {
            error: output.error,
            cause: output.cause,
        });
    };
    let result = super::json(text)
        .map_err(|_| "Mocked result must be valid JSON".to_string())
        .and_then(|result| {
            check_result(definition, result.value(), mode)?;
            Ok(result)
        });
    result
        .map(Mock::Result)
        .map_err(states::Error::validation_exception)
}

fn check_result(
    definition: &Definition,
    result: &Value,
    mode: FieldValidation,
) -> Result<(), String> {
    let items = || {
        let items = result.as_array();
        items.ok_or_else(|| "Mocked result must be an array.".to_string())
    };
    match &definition.start_state().kind {
        Kind::Map(map) if is_written_elsewhere(map) => {
            let object = result.as_object();
            object.ok_or_else(|| "Mocked result must be a JSON object.".to_string())?;
            Ok(())
        }
        Kind::Map(_) => items().map(drop),
        Kind::Parallel(parallel) if items()?.len() != parallel.branches.len() => Err(
            "Mocked result must contain the same number of items as number of Parallel branches."
                .to_string(),
        ),
        Kind::Task(task) => catalogue::check_mock_result(task.resource.arn(), result, mode),
        _ => Ok(()),
    }
}

/// Whether `ResultWriter` leaves no more than a reference in the state's output.
fn is_written_elsewhere(map: &Map) -> bool {
    let writer = map.distributed.writer.as_ref();
    writer.is_some_and(|writer| writer.resource.is_some())
}

/// What the `ItemReader` of a Map has read, from `mapItemReaderData`.
pub(super) fn items_read(
    definition: &Definition,
    text: Option<&str>,
) -> Result<Option<Value>, states::Error> {
    let (Kind::Map(map), Some(text)) = (&definition.start_state().kind, text) else {
        return Ok(None);
    };
    let Some(reader) = &map.distributed.reader else {
        return Ok(None);
    };
    if reader.input_type.as_deref() == Some("JSON") {
        let refuse =
            |_| states::Error::validation_exception("MapItemReaderData must be valid JSON");
        return serde_json::from_str(text).map(Some).map_err(refuse);
    }
    // Nothing of the state looks at the items: they need not be read.
    if map.item_selector.is_none() && map.distributed.batcher.is_none() {
        return Ok(None);
    }
    let text = "Stepwell does not implement mapItemReaderData of an InputType other than JSON yet";
    Err(states::Error::not_implemented(text))
}
