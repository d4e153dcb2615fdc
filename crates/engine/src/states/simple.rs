//! Pass, Succeed and Fail.

use serde_json::Value;
use stepwell_asl::Failure;
use stepwell_asl::definition::{Fail, Flow, Pass, State, Text, TextSource};

use crate::execution::FrameId;
use crate::failing::Fault;
use crate::flow::{self, Sight};
use crate::inspect::DataStage;
use crate::payload::Payload;
use crate::states;
use crate::step::Stepper;
use crate::text::{CAUSE_CHARS_MAX, ERROR_CHARS_MAX, cut};

pub(crate) fn pass(stepper: &mut Stepper, id: FrameId, state: &State, pass: &Pass) {
    let raw = stepper.execution.frame(id).input.payload().clone();
    let sight = Sight::new(stepper.execution, id, stepper.now, None);
    let outcome = match &state.flow {
        Flow::JsonPath(_) => {
            let result = match &pass.result {
                // AWS: `InputPath` and `Parameters` of a Pass with a `Result` are not evaluated at all
                // (recorded: TestState shows neither).
                Some(result) => {
                    let result = Payload::from_value(result.clone());
                    sight.note(DataStage::Result, &result);
                    Ok(result)
                }
                None => flow::effective_input(state, &raw, &sight),
            };
            result.and_then(|result| flow::result_to_output(state, &raw, &result, &sight))
        }
        Flow::Jsonata(_) => flow::input_to_output(state, &raw, &raw, &sight),
    };
    match outcome {
        Ok(outcome) => states::exit(stepper, id, outcome, state.next),
        Err(failure) => stepper.evaluation_failed(id, failure),
    }
}

pub(crate) fn succeed(stepper: &mut Stepper, id: FrameId, state: &State) {
    let raw = stepper.execution.frame(id).input.payload().clone();
    let sight = Sight::new(stepper.execution, id, stepper.now, None);
    let outcome = flow::selected_input(state, &raw, &sight)
        .and_then(|effective| flow::input_to_output(state, &raw, &effective, &sight));
    match outcome {
        Ok(outcome) => states::exit(stepper, id, outcome, None),
        Err(failure) => stepper.evaluation_failed(id, failure),
    }
}

pub(crate) fn fail(stepper: &mut Stepper, id: FrameId, state: &State, fail: &Fail) {
    let raw = stepper.execution.frame(id).input.payload().clone();
    let sight = Sight::new(stepper.execution, id, stepper.now, None);
    let raw = match flow::selected_input(state, &raw, &sight) {
        Ok(selected) => selected,
        Err(failure) => return stepper.evaluation_failed(id, failure),
    };
    let text = |field: &Option<Text>| {
        field
            .as_ref()
            .map(|field| text_of(field, raw.value(), &sight))
            .transpose()
    };
    let texts = text(&fail.error).and_then(|error| text(&fail.cause).map(|cause| (error, cause)));
    match texts {
        Ok((error, cause)) => {
            let (error, cause) = (cut(error, ERROR_CHARS_MAX), cut(cause, CAUSE_CHARS_MAX));
            stepper.state_failed(id, Fault::of_task(error, cause));
        }
        Err(failure) => stepper.evaluation_failed(id, failure),
    }
}

/// The characters of a text field.
fn text_of(field: &Text, input: &Value, sight: &Sight) -> Result<String, Failure> {
    let scope = sight.scope(input);
    let value = match &field.source {
        TextSource::Literal(text) => return Ok(text.clone()),
        TextSource::Path(path) => path.evaluate(&scope, field.field)?.into_owned(),
        TextSource::Intrinsic(intrinsic) => intrinsic.evaluate(&scope)?,
        TextSource::Jsonata(expression) => match expression.evaluate(&scope, field.field)? {
            Value::String(text) => return Ok(text),
            other => return Err(expression.unexpected(field.field, "string", &other)),
        },
    };
    match value {
        Value::String(text) => Ok(text),
        other => Err(Failure::runtime(format!(
            "The {} parameter does not reference a string: {other}",
            field.field
        ))),
    }
}
