//! One state by itself: the machine that TestState runs it in.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{CheckCall, Definition, MachineKind, QueryLanguage};
use crate::diagnostic::Diagnostic;

/// The name of a state under test, whatever its machine calls it.
///
/// AWS: recorded in locations (`/States/StateName/Branches`) and in the context object of a state that a
/// `stateName` picked out of a machine.
pub const LONE_STATE_NAME: &str = "StateName";

/// A state that was taken out of its machine.
#[derive(Debug)]
pub struct LoneState {
    /// A machine of this state alone.
    pub definition: Definition,
    /// The state belongs to the processor of a Map, or to a branch inside one.
    pub is_in_map: bool,
}

impl Definition {
    /// A machine of one state, called [`LONE_STATE_NAME`].
    ///
    /// - `text`: the state alone. The states that it leads to need not exist; here they succeed at once.
    /// - Returns the definition, or what AWS has to say, as [`Definition::parse_with`].
    pub fn parse_state(
        text: &str,
        kind: MachineKind,
        check_call: &CheckCall<'_>,
    ) -> Result<Definition, Vec<Diagnostic>> {
        parse_in(QueryLanguage::JsonPath, text, kind, check_call)
    }

    /// The state `name`, at whatever depth it stands, as a machine of its own; `None` if there is none.
    pub fn lone_state(&self, name: &str, kind: MachineKind) -> Option<LoneState> {
        let machine: Value = serde_json::from_str(&self.text)
            .expect("the text of a definition was read when it was made");
        // The calls were checked with the machine, if anybody wanted that.
        let unchecked = |_: &str, _: &Value| Vec::new();
        let (state, is_in_map) = find(&machine, name, false)?;
        // What is valid in its machine is valid alone in a machine of the same language, but for a state that
        // leads to another one of the name that it gets here.
        let definition =
            parse_in(self.query_language, &state.to_string(), kind, &unchecked).ok()?;
        Some(LoneState {
            definition,
            is_in_map,
        })
    }
}

/// The machine of the state `text` whose states speak `language` unless they say otherwise.
fn parse_in(
    language: QueryLanguage,
    text: &str,
    kind: MachineKind,
    check_call: &CheckCall<'_>,
) -> Result<Definition, Vec<Diagnostic>> {
    let Ok(state) = serde_json::from_str::<Value>(text) else {
        return Definition::parse_with(text, kind, check_call);
    };
    let mut targets: BTreeSet<&str> = BTreeSet::new();
    targets_of(&state, &mut targets);
    targets.remove(LONE_STATE_NAME);
    let ends: String = targets
        .iter()
        .map(|target| format!(",{}:{{\"Type\":\"Succeed\"}}", json!(target)))
        .collect();
    let (name, language) = (json!(LONE_STATE_NAME), json!(language.as_str()));
    // The state's own text stands in the machine unchanged: numbers and duplicate keys stay as they are.
    let machine = format!(
        "{{\"QueryLanguage\":{language},\"StartAt\":{name},\"States\":{{{name}:{text}{ends}}}}}"
    );
    Definition::parse_with(&machine, kind, check_call)
}

/// Names of the states that `state` leads to.
fn targets_of<'a>(state: &'a Value, targets: &mut BTreeSet<&'a str>) {
    let own = ["Next", "Default"].map(|field| &state[field]);
    let elements = ["Choices", "Catch"].map(|field| state[field].as_array());
    let theirs = elements
        .into_iter()
        .flatten()
        .flatten()
        .map(|element| &element["Next"]);
    targets.extend(own.into_iter().chain(theirs).filter_map(Value::as_str));
}

/// The state `name` in a block or in the blocks below it, and whether a Map is around it.
fn find<'a>(block: &'a Value, name: &str, is_in_map: bool) -> Option<(&'a Value, bool)> {
    let states = block["States"].as_object()?;
    if let Some(state) = states.get(name) {
        return Some((state, is_in_map));
    }
    states.values().find_map(|state| {
        let branches = state["Branches"].as_array().into_iter().flatten();
        let processors = ["ItemProcessor", "Iterator"].map(|field| &state[field]);
        branches
            .map(|branch| (branch, is_in_map))
            .chain(processors.into_iter().map(|processor| (processor, true)))
            .find_map(|(inner, is_in_map)| find(inner, name, is_in_map))
    })
}
