//! The context object (`$$`, `$states.context`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};
use stepwell_asl::Timestamp;
use stepwell_asl::definition::{ContextUse, Kind};

use crate::execution::{Execution, Frame, Mode, Place};

/// The context object as a state of `frame` sees it, as far as the definition can look at it.
///
/// AWS: members in the order of the recordings; `RedriveCount` is absent in synchronous Express.
pub(crate) fn object(execution: &Execution, frame: &Frame, token: Option<&str>) -> Value {
    let context_use = execution.definition().context_use();
    if context_use == ContextUse::Nothing {
        return Value::Null;
    }
    let inspection = execution.inspection.as_deref();
    if let Some(context) = inspection.and_then(|inspection| inspection.context.as_ref()) {
        return context.clone();
    }
    let identity = &execution.identity;
    let about_execution = execution
        .context_part
        .take()
        .unwrap_or_else(|| execution_object(execution, context_use));
    let mut context = Map::new();
    context.insert(EXECUTION.into(), about_execution);
    context.insert(
        "StateMachine".into(),
        json!({ "Id": identity.state_machine_arn, "Name": identity.state_machine_name }),
    );
    context.insert("State".into(), state_object(execution, frame));
    if let Some(token) = token {
        context.insert("Task".into(), json!({ "Token": token }));
    }
    let tested = || inspection.and_then(|inspection| inspection.map_item.clone());
    if let Some(item) = map_item(execution, frame).or_else(tested) {
        context.insert("Map".into(), json!({ "Item": item }));
    }
    Value::Object(context)
}

/// The member of the context object that is the same in all states of an execution.
const EXECUTION: &str = "Execution";

/// That member, kept from one evaluation to the next: it has a copy of the execution's input.
#[derive(Debug, Default, Clone)]
pub(crate) struct ContextPart(Arc<Mutex<Option<Value>>>);

impl ContextPart {
    /// What the execution says of itself has changed.
    pub(crate) fn forget(&self) {
        drop(self.take());
    }

    /// Takes the member out of a context object that nobody looks at any more.
    pub(crate) fn keep(&self, context: &mut Value) {
        if let Some(part) = context.get_mut(EXECUTION) {
            *self.lock() = Some(part.take());
        }
    }

    fn take(&self) -> Option<Value> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Value>> {
        // A panic cannot leave half a value in there.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn execution_object(execution: &Execution, context_use: ContextUse) -> Value {
    let identity = &execution.identity;
    let input = match context_use {
        ContextUse::Everything => execution.input.payload().value().clone(),
        ContextUse::Nothing | ContextUse::WithoutInput => Value::Null,
    };
    let mut object = json!({
        "Id": identity.arn,
        "Input": input,
        "StartTime": Timestamp::from_millis(identity.started_ms).shortest(),
        "Name": identity.name,
        // AWS: a state may be tested without a role; nothing runs without one.
        "RoleArn": (!identity.role_arn.is_empty()).then_some(&identity.role_arn),
    });
    if identity.mode != Mode::ExpressSynchronous {
        object["RedriveCount"] = json!(execution.redrives.count);
    }
    if let Some(redriven_ms) = execution.redrives.last_ms {
        object["RedriveTime"] = json!(Timestamp::from_millis(redriven_ms).to_string());
    }
    object
}

fn state_object(execution: &Execution, frame: &Frame) -> Value {
    let state = execution.state_of(frame);
    let mut object = json!({
        "Name": state.name.as_ref(),
        "EnteredTime": Timestamp::from_millis(frame.entered_ms).shortest(),
    });
    if matches!(state.kind, Kind::Task(_) | Kind::Parallel(_) | Kind::Map(_)) {
        object["RetryCount"] = json!(frame.retries.iter().sum::<u32>());
    }
    object
}

/// The item of the nearest Map iteration around `frame`.
fn map_item(execution: &Execution, frame: &Frame) -> Option<Value> {
    let mut current = frame;
    loop {
        let parent = execution.frames.get(&current.parent?)?;
        if let Place::Iteration(index) = current.place {
            let items = parent.items.as_ref()?;
            return items
                .get(index as usize)
                .map(|item| item_object(index, item));
        }
        current = parent;
    }
}

/// `Map.Item` of one item.
fn item_object(index: u32, item: &Value) -> Value {
    json!({ "Index": index, "Value": item })
}

/// `Map.Item` as an `ItemSelector` sees it.
///
/// - `is_entry`: the item is `{Key, Value}` of a member of an object; both are told apart.
/// - Source: developer guide, "Context object data for Map states".
pub(crate) fn selected_item(index: u32, item: &Value, is_entry: bool) -> Value {
    let mut about = match (is_entry, item.get("Key"), item.get("Value")) {
        (true, Some(key), Some(value)) => json!({ "Index": index, "Key": key, "Value": value }),
        _ => item_object(index, item),
    };
    about["Source"] = Value::from(STATE_DATA);
    about
}

/// The `Source` of items that come from the state's input; AWS: other sources are in S3.
const STATE_DATA: &str = "STATE_DATA";
