//! Data flow through a state: effective input, result to output, assignments.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};
use stepwell_asl::definition::{DataPath, Flow, JsonPathFlow, ResultPath, State, Template};
use stepwell_asl::jsonata::JsonataTemplate;
use stepwell_asl::payload_template::PayloadTemplate;
use stepwell_asl::{Entropy, Failure, Scope, Timestamp, Variables};

use crate::context::{self, ContextPart};
use crate::execution::{Execution, Frame, FrameId};
use crate::inspect::{DataStage, Inspection};
use crate::payload::Payload;

/// What the expressions of one state can see, owned for the length of one evaluation.
pub(crate) struct Sight {
    context: Value,
    variables: Variables,
    entropy: Entropy,
    now: Timestamp,
    inspection: Option<Arc<Inspection>>,
    /// Where the lasting part of the context object goes back to; not where a test gave the whole of it.
    context_part: Option<ContextPart>,
}

impl Drop for Sight {
    fn drop(&mut self) {
        if let Some(part) = &self.context_part {
            part.keep(&mut self.context);
        }
    }
}

impl Sight {
    /// - `token`: the task token, for the fields of a Task.
    pub(crate) fn new(
        execution: &Execution,
        frame: FrameId,
        now: Timestamp,
        token: Option<&str>,
    ) -> Sight {
        Sight::at(execution, frame, now, token, execution.last_event.0 + 1)
    }

    /// As [`Sight::new`], for an evaluation that belongs to the event `event_id`.
    pub(crate) fn at(
        execution: &Execution,
        frame: FrameId,
        now: Timestamp,
        token: Option<&str>,
        event_id: u64,
    ) -> Sight {
        let current = execution.frame(frame);
        let context = context::object(execution, current, token);
        let is_ours = context.is_object() && execution.inspection.is_none();
        Sight {
            context,
            context_part: is_ours.then(|| execution.context_part.clone()),
            variables: visible_variables(execution, current),
            entropy: Entropy::derive(&execution.identity.seed, event_id),
            now,
            inspection: execution.inspection.clone(),
        }
    }

    /// Keeps a value for whoever tests this state; nobody does in an execution.
    pub(crate) fn note(&self, stage: DataStage, payload: &Payload) {
        if let Some(inspection) = &self.inspection {
            inspection.note(stage, payload);
        }
    }

    pub(crate) fn scope<'a>(&'a self, input: &'a Value) -> Scope<'a> {
        Scope {
            input,
            context: &self.context,
            variables: &self.variables,
            result: None,
            error_output: None,
            now: self.now,
            entropy: &self.entropy,
        }
    }

    /// The same sight from inside an item of a Map.
    pub(crate) fn of_item(mut self, item: Value) -> Sight {
        if let Value::Object(context) = &mut self.context {
            let mut map = Map::new();
            map.insert("Item".into(), item);
            context.insert("Map".into(), Value::Object(map));
        }
        self
    }
}

/// Variables of the frame and of all frames around it; inner names come first.
fn visible_variables(execution: &Execution, frame: &Frame) -> Variables {
    let mut visible = frame.variables.clone();
    let mut outer = frame.parent;
    while let Some(parent) = outer.and_then(|id| execution.frames.get(&id)) {
        for (name, value) in &parent.variables {
            visible.entry(name.clone()).or_insert_with(|| value.clone());
        }
        outer = parent.parent;
    }
    if let Some(inspection) = &execution.inspection {
        for (name, value) in &inspection.variables {
            visible.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    visible
}

/// A state's output and the variables it assigns.
pub(crate) struct Outcome {
    pub(crate) output: Payload,
    pub(crate) assigned: Vec<(String, Value)>,
}

/// `InputPath`, then `Parameters`; or `Arguments`. Without any, the raw input itself.
pub(crate) fn effective_input(
    state: &State,
    raw: &Payload,
    sight: &Sight,
) -> Result<Payload, Failure> {
    match &state.flow {
        Flow::JsonPath(flow) => {
            let selected = selected_input(state, raw, sight)?;
            let effective = match &flow.parameters {
                None => selected,
                Some(template) => Payload::from_value(evaluate(template, selected.value(), sight)?),
            };
            sight.note(DataStage::AfterParameters, &effective);
            Ok(effective)
        }
        Flow::Jsonata(flow) => {
            let effective = match &flow.arguments {
                None => raw.clone(),
                Some(template) => {
                    Payload::from_value(template.evaluate(&sight.scope(raw.value()))?)
                }
            };
            sight.note(DataStage::AfterArguments, &effective);
            Ok(effective)
        }
    }
}

/// `InputPath` alone: what `ItemsPath`, `ItemSelector`, Choice rules and number paths see as `$`.
pub(crate) fn selected_input(
    state: &State,
    raw: &Payload,
    sight: &Sight,
) -> Result<Payload, Failure> {
    match &state.flow {
        Flow::JsonPath(flow) => {
            let selected = through_path(&flow.input_path, raw, sight)?;
            sight.note(DataStage::AfterInputPath, &selected);
            Ok(selected)
        }
        Flow::Jsonata(_) => Ok(raw.clone()),
    }
}

/// Output of a state that has a result: Task, Parallel, Map, and Pass in JSONPath.
///
/// - JSONPath: `ResultSelector` on the result, `ResultPath` into the raw input, `OutputPath`;
///   `Assign` sees the raw result as `$`.
/// - JSONata: `Output` and `Assign` with `$states.result`.
pub(crate) fn result_to_output(
    state: &State,
    raw: &Payload,
    result: &Payload,
    sight: &Sight,
) -> Result<Outcome, Failure> {
    match &state.flow {
        Flow::JsonPath(flow) => {
            let assigned = match &flow.assign {
                None => Vec::new(),
                Some(template) => assignments(evaluate(template, result.value(), sight)?),
            };
            let selected = match &flow.result_selector {
                None => result.clone(),
                Some(template) => Payload::from_value(evaluate(template, result.value(), sight)?),
            };
            sight.note(DataStage::AfterResultSelector, &selected);
            let merged = place(&flow.result_path, raw, selected)?;
            sight.note(DataStage::AfterResultPath, &merged);
            let output = through_path(&flow.output_path, &merged, sight)?;
            Ok(Outcome { output, assigned })
        }
        Flow::Jsonata(flow) => {
            let scope = Scope {
                result: Some(result.value()),
                ..sight.scope(raw.value())
            };
            jsonata_outcome(flow.output.as_ref(), flow.assign.as_ref(), result, &scope)
        }
    }
}

/// Output of a state without a result: Wait, Succeed, Choice, and Pass in JSONata.
///
/// - `effective`: the input after `InputPath`; JSONPath's `Assign` sees it as `$`.
pub(crate) fn input_to_output(
    state: &State,
    raw: &Payload,
    effective: &Payload,
    sight: &Sight,
) -> Result<Outcome, Failure> {
    match &state.flow {
        Flow::JsonPath(flow) => {
            let assigned = match &flow.assign {
                None => Vec::new(),
                Some(template) => assignments(evaluate(template, effective.value(), sight)?),
            };
            let output = through_path(&flow.output_path, effective, sight)?;
            Ok(Outcome { output, assigned })
        }
        Flow::Jsonata(flow) => jsonata_outcome(
            flow.output.as_ref(),
            flow.assign.as_ref(),
            raw,
            &sight.scope(raw.value()),
        ),
    }
}

/// `Output` and `Assign` of a JSONata state, rule or catcher; without `Output`, `fallback`.
pub(crate) fn jsonata_outcome(
    output: Option<&JsonataTemplate>,
    assign: Option<&JsonataTemplate>,
    fallback: &Payload,
    scope: &Scope,
) -> Result<Outcome, Failure> {
    let assigned = match assign {
        None => Vec::new(),
        Some(template) => assignments(template.evaluate(scope)?),
    };
    let output = match output {
        None => fallback.clone(),
        Some(template) => Payload::from_value(template.evaluate(scope)?),
    };
    Ok(Outcome { output, assigned })
}

/// Name and value of each member of an evaluated `Assign`.
pub(crate) fn assignments(value: Value) -> Vec<(String, Value)> {
    match value {
        Value::Object(members) => members.into_iter().collect(),
        // INVARIANT: validation admits only an object as Assign.
        _ => Vec::new(),
    }
}

/// A template of either language.
pub(crate) fn template_value(template: &Template, scope: &Scope) -> Result<Value, Failure> {
    match template {
        Template::JsonPath(template) => template.evaluate(scope),
        Template::Jsonata(template) => template.evaluate(scope),
    }
}

fn evaluate(template: &PayloadTemplate, input: &Value, sight: &Sight) -> Result<Value, Failure> {
    template.evaluate(&sight.scope(input))
}

fn through_path(path: &DataPath, payload: &Payload, sight: &Sight) -> Result<Payload, Failure> {
    match path {
        DataPath::Whole => Ok(payload.clone()),
        DataPath::Discard => Ok(Payload::empty_object()),
        DataPath::Path(path) => {
            let value = path.filter(&sight.scope(payload.value()))?;
            Ok(Payload::from_value(match value {
                Cow::Borrowed(value) => value.clone(),
                Cow::Owned(value) => value,
            }))
        }
    }
}

/// `ResultPath`: the result into the raw input.
pub(crate) fn place(path: &ResultPath, raw: &Payload, result: Payload) -> Result<Payload, Failure> {
    match path {
        ResultPath::Whole => Ok(result),
        ResultPath::Discard => Ok(raw.clone()),
        ResultPath::Reference(reference) => {
            let merged = reference.place(raw.value().clone(), result.value().clone())?;
            Ok(Payload::from_value(merged))
        }
    }
}

/// `OutputPath` of a JSONPath state on a value.
pub(crate) fn output_of_path(
    flow: &JsonPathFlow,
    value: &Payload,
    sight: &Sight,
) -> Result<Payload, Failure> {
    through_path(&flow.output_path, value, sight)
}

/// A failure whose field sits in an element such as `Catch[0]` or `Choices[0]`: location and sentence say so.
pub(crate) fn located_in(mut failure: Failure, element: &str) -> Failure {
    if let Some(location) = failure.location.take() {
        let full = format!("{element}/{location}");
        failure.cause = failure.cause.replacen(
            &format!("for the field '{location}'"),
            &format!("for the field '{full}'"),
            1,
        );
        failure.location = Some(full);
    }
    failure
}
