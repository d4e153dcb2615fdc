//! Choice: the first rule that holds.

use serde_json::Value;
use stepwell_asl::definition::{Choice, Condition, Flow, Rule, State, StateIndex};
use stepwell_asl::{Failure, Scope};

use crate::execution::FrameId;
use crate::flow::{self, Outcome, Sight};
use crate::payload::Payload;
use crate::states;
use crate::step::Stepper;

pub(crate) fn choose(stepper: &mut Stepper, id: FrameId, state: &State, choice: &Choice) {
    let raw = stepper.execution.frame(id).input.payload().clone();
    let sight = Sight::new(stepper.execution, id, stepper.now, None);
    match decide(state, choice, &raw, &sight) {
        Ok((next, outcome)) => states::exit(stepper, id, outcome, Some(next)),
        Err(failure) => stepper.evaluation_failed(id, failure),
    }
}

fn decide(
    state: &State,
    choice: &Choice,
    raw: &Payload,
    sight: &Sight,
) -> Result<(StateIndex, Outcome), Failure> {
    let effective = flow::selected_input(state, raw, sight)?;
    let scope = sight.scope(effective.value());
    for (index, rule) in choice.rules.iter().enumerate() {
        if holds(rule, index, &scope)? {
            return Ok((
                rule.next,
                rule_outcome(state, rule, index, raw, &effective, sight)?,
            ));
        }
    }
    // AWS: without a match and without Default the state has no way out; that is a runtime error.
    let Some(default) = choice.default else {
        let cause =
            "Failed to transition out of the state. The state does not point to a next state.";
        return Err(Failure::runtime(cause));
    };
    Ok((
        default,
        flow::input_to_output(state, raw, &effective, sight)?,
    ))
}

fn holds(rule: &Rule, index: usize, scope: &Scope) -> Result<bool, Failure> {
    match &rule.condition {
        Condition::JsonPath(test) => test.holds(scope),
        Condition::Jsonata(template) => match template
            .evaluate(scope)
            .map_err(|failure| in_rule(failure, index))?
        {
            Value::Bool(holds) => Ok(holds),
            other => Err(in_rule(
                crate::quantity::wrong_type(template, "boolean", &other),
                index,
            )),
        },
    }
}

/// The matching rule's own Output and Assign.
fn rule_outcome(
    state: &State,
    rule: &Rule,
    index: usize,
    raw: &Payload,
    effective: &Payload,
    sight: &Sight,
) -> Result<Outcome, Failure> {
    let scope = sight.scope(effective.value());
    let assigned = match &rule.assign {
        None => Vec::new(),
        Some(template) => flow::assignments(
            flow::template_value(template, &scope).map_err(|failure| in_rule(failure, index))?,
        ),
    };
    let output = match (&state.flow, &rule.output) {
        (Flow::Jsonata(_), Some(template)) => Payload::from_value(
            template
                .evaluate(&scope)
                .map_err(|failure| in_rule(failure, index))?,
        ),
        (Flow::Jsonata(_), None) => raw.clone(),
        // JSONPath has no Output; OutputPath applies, the state-level Assign does not.
        (Flow::JsonPath(json_path), _) => {
            return flow::output_of_path(json_path, effective, sight)
                .map(|output| Outcome { output, assigned });
        }
    };
    Ok(Outcome { output, assigned })
}

/// AWS: fields of a rule are named `Choices[0]/Condition`.
fn in_rule(failure: Failure, index: usize) -> Failure {
    flow::located_in(failure, &format!("Choices[{index}]"))
}
