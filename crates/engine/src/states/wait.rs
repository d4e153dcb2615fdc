//! Wait: until an instant, or for a number of seconds.

use serde_json::Value;
use stepwell_asl::definition::{State, Text, TextSource, Wait};
use stepwell_asl::{Failure, Timestamp};

use crate::execution::{FrameId, Phase, millis};
use crate::flow::{self, Sight};
use crate::quantity::{self, Rule, plain};
use crate::states;
use crate::step::Stepper;

/// AWS: a wait is at most 2^31 - 1 seconds.
const WAIT_SECONDS_MAX: i64 = i32::MAX as i64;

pub(crate) fn begin(stepper: &mut Stepper, id: FrameId, state: &State, wait: &Wait) {
    let raw = stepper.execution.frame(id).input.payload().clone();
    let sight = Sight::new(stepper.execution, id, stepper.now, None);
    let until = flow::selected_input(state, &raw, &sight)
        .map_err(Refused::Field)
        .and_then(|effective| until(stepper.now, wait, effective.value(), &sight));
    match until {
        // AWS: an instant that cannot be read follows the state's entry; an expression that fails does not
        // (recorded: a JSONata Wait until 2016-13-05).
        Err(Refused::Unreadable(failure)) => stepper.work_failed(id, failure),
        Err(Refused::Field(failure)) => stepper.evaluation_failed(id, failure),
        Ok(until) if until <= stepper.now => over(stepper, id),
        Ok(until) => {
            let until_ms = until.as_millis();
            stepper.execution.frame_mut(id).phase = Phase::Waiting { until_ms };
        }
    }
}

/// The wait has ended.
pub(crate) fn over(stepper: &mut Stepper, id: FrameId) {
    let frame = stepper.execution.frame(id);
    let state = stepper.execution.state_of(frame);
    let raw = frame.input.payload().clone();
    let sight = Sight::new(stepper.execution, id, stepper.now, None);
    let outcome = flow::selected_input(&state, &raw, &sight)
        .and_then(|effective| flow::input_to_output(&state, &raw, &effective, &sight));
    match outcome {
        Ok(outcome) => states::exit(stepper, id, outcome, state.next),
        Err(failure) => stepper.evaluation_failed(id, failure),
    }
}

/// Why a wait cannot begin.
enum Refused {
    /// A field could not be evaluated.
    Field(Failure),
    /// The field has a value that is no instant.
    Unreadable(Failure),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        Refused::Field(failure)
    }
}

fn until(now: Timestamp, wait: &Wait, input: &Value, sight: &Sight) -> Result<Timestamp, Refused> {
    match wait {
        Wait::Seconds(seconds) => {
            let rule = Rule {
                minimum: 0,
                maximum: i64::MAX,
            };
            let seconds = quantity::whole(seconds, &rule, &sight.scope(input))?;
            check_delay(seconds)?;
            Ok(Timestamp::from_millis(
                now.as_millis()
                    .saturating_add(millis(seconds.unsigned_abs())),
            ))
        }
        Wait::Until(text) => {
            let until = instant(text, input, sight)?;
            check_delay(i64::try_from(until.since(now).as_secs()).unwrap_or(i64::MAX))?;
            Ok(until)
        }
    }
}

fn check_delay(seconds: i64) -> Result<(), Failure> {
    if seconds > WAIT_SECONDS_MAX {
        return Err(Failure::runtime("Wait state delay is too long."));
    }
    Ok(())
}

fn instant(text: &Text, input: &Value, sight: &Sight) -> Result<Timestamp, Refused> {
    let scope = sight.scope(input);
    match &text.source {
        TextSource::Literal(literal) => {
            Timestamp::parse(literal).ok_or_else(|| unparsable(literal))
        }
        TextSource::Jsonata(expression) => match expression.evaluate(&scope, text.field)? {
            Value::String(value) => Timestamp::parse(&value).ok_or_else(|| unparsable(&value)),
            other => Err(expression.unexpected(text.field, "string", &other).into()),
        },
        TextSource::Path(path) => {
            let Some(value) = path.lookup(&scope) else {
                let cause = format!(
                    "The {} parameter does not reference an input value: {}",
                    text.field,
                    path.text()
                );
                return Err(Failure::runtime(cause).into());
            };
            value.as_str().and_then(Timestamp::parse).ok_or_else(|| {
                Failure::runtime(format!(
                    "The {} parameter does not reference a valid ISO-8601 extended offset date-time format string: {} == {}",
                    text.field,
                    path.text(),
                    plain(&value)
                ))
                .into()
            })
        }
        // INVARIANT: validation admits no intrinsic function as Timestamp.
        TextSource::Intrinsic(_) => {
            Err(Failure::runtime("an intrinsic function is not a Timestamp").into())
        }
    }
}

fn unparsable(text: &str) -> Refused {
    let cause = format!(
        "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {text}"
    );
    Refused::Unreadable(Failure::query(cause, Some("Timestamp".to_string())))
}
