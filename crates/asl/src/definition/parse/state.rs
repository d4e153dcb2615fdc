//! One state: its type, its language, how data flows through it, and where it goes.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::Parser;
use super::block::{Links, Scope};
use super::fields::Fields;
use super::query_language;
use super::support::{self, STATE_TYPES, StateType};
use crate::definition::{
    DataPath, Fail, Flow, JsonPathFlow, JsonataFlow, Kind, MachineKind, Parallel, Pass,
    QueryLanguage, ResultPath, State, StateIndex, Wait,
};

impl Parser<'_> {
    /// Reads the state `name` of the block that `links` belongs to.
    pub(super) fn state(
        &mut self,
        name: &str,
        value: &Value,
        pointer: &str,
        scope: Scope<'_>,
        links: &mut Links<'_>,
    ) -> Option<State> {
        let Value::Object(object) = value else {
            self.report.schema(pointer, "Expected value of type Object");
            return None;
        };
        let fields = Fields {
            object,
            pointer,
            language: self.language,
        };
        if !fields.require(&["Type"], self.report) {
            return None;
        }
        let names: Vec<&'static str> = STATE_TYPES.iter().map(|(name, _)| *name).collect();
        let type_name = fields.one_of("Type", &names, self.report)?;
        let (_, state_type) = STATE_TYPES.iter().find(|(name, _)| *name == type_name)?;
        let language = self.state_language(fields);
        let fields = Fields { language, ..fields };
        support::check(*state_type, fields, self.report);
        fields.text("Comment", self.report);

        // The variables of the state around this one wait until this one is done.
        let around = std::mem::take(&mut self.variables);
        let flow = self.flow(fields, scope);
        let kind = self.kind(*state_type, fields, scope, links);
        let (retry, catch) = match state_type {
            StateType::Task | StateType::Parallel | StateType::Map => {
                (self.retriers(fields), self.catchers(fields, scope, links))
            }
            _ => (Some(Vec::new()), Some(Vec::new())),
        };
        let next = self.transition(*state_type, fields, links);
        let mine = std::mem::replace(&mut self.variables, around);
        self.note_references(name, mine);
        Some(State {
            name: Arc::from(name),
            flow,
            kind: kind?,
            next: next?,
            retry: retry?,
            catch: catch?,
        })
    }

    fn note_references(&mut self, name: &str, variables: BTreeSet<String>) {
        if !variables.is_empty() {
            self.variable_references
                .entry(name.to_owned())
                .or_default()
                .extend(variables);
        }
    }

    fn state_language(&mut self, fields: Fields<'_>) -> QueryLanguage {
        let Some(language) = query_language(fields, self.report) else {
            return self.language;
        };
        if self.language == QueryLanguage::Jsonata && language == QueryLanguage::JsonPath {
            let message =
                "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine";
            self.report.schema(fields.pointer, message);
        }
        language
    }

    fn flow(&mut self, fields: Fields<'_>, scope: Scope<'_>) -> Flow {
        match fields.language {
            QueryLanguage::JsonPath => Flow::JsonPath(Box::new(JsonPathFlow {
                input_path: self.data_path(fields, "InputPath"),
                // A Map's `Parameters` is its old `ItemSelector`.
                parameters: if fields.get("Type").and_then(Value::as_str) == Some("Map") {
                    None
                } else {
                    self.payload_template(fields, "Parameters")
                },
                result_selector: self.payload_template(fields, "ResultSelector"),
                result_path: self.result_path(fields),
                output_path: self.data_path(fields, "OutputPath"),
                assign: self.assign_payload(fields, scope.around),
            })),
            QueryLanguage::Jsonata => Flow::Jsonata(Box::new(JsonataFlow {
                arguments: self.jsonata_template(fields, "Arguments"),
                output: self.jsonata_template(fields, "Output"),
                assign: self.assign_jsonata(fields, scope.around),
            })),
        }
    }

    fn kind(
        &mut self,
        state_type: StateType,
        fields: Fields<'_>,
        scope: Scope<'_>,
        links: &mut Links<'_>,
    ) -> Option<Kind> {
        match state_type {
            StateType::Task => self.task(fields).map(|task| Kind::Task(Box::new(task))),
            StateType::Choice => self.choice(fields, scope, links).map(Kind::Choice),
            StateType::Parallel => self.parallel(fields, scope).map(Kind::Parallel),
            StateType::Map => self.map(fields, scope).map(|map| Kind::Map(Box::new(map))),
            StateType::Wait => self.wait(fields).map(Kind::Wait),
            StateType::Pass => Some(Kind::Pass(self.pass(fields))),
            StateType::Succeed => Some(Kind::Succeed),
            StateType::Fail => Some(Kind::Fail(self.fail(fields))),
        }
    }

    /// `Next` or `End`; the outer `None` means that the state has neither, or a target that does not exist.
    fn transition(
        &mut self,
        state_type: StateType,
        fields: Fields<'_>,
        links: &mut Links<'_>,
    ) -> Option<Option<StateIndex>> {
        match state_type {
            StateType::Choice => return Some(None),
            StateType::Succeed | StateType::Fail => {
                links.end();
                return Some(None);
            }
            _ => {}
        }
        let end = fields.flag("End", self.report);
        if end == Some(true) {
            links.end();
            if fields.has("Next") {
                fields.at_most_one(&["Next", "End"], self.report);
            }
            return Some(None);
        }
        if !fields.has("Next") {
            if end == Some(false) || !fields.has("End") {
                self.report.schema(
                    fields.pointer,
                    "One of these fields is required: [Next, End]",
                );
            }
            return None;
        }
        let target = fields.text("Next", self.report)?;
        links.resolve(target, &fields.at("Next")).map(Some)
    }

    fn parallel(&mut self, fields: Fields<'_>, scope: Scope<'_>) -> Option<Parallel> {
        if !fields.require(&["Branches"], self.report) {
            return None;
        }
        let mut branches = Vec::new();
        for (index, branch) in fields
            .filled_array("Branches", self.report)?
            .iter()
            .enumerate()
        {
            let pointer = fields.at_index("Branches", index);
            let Value::Object(object) = branch else {
                self.report
                    .schema(&pointer, "Expected value of type Object");
                continue;
            };
            let branch = Fields {
                object,
                pointer: &pointer,
                language: self.language,
            };
            branch.allow_only(&["Comment", "StartAt", "States"], self.report);
            branches.extend(self.block(branch, scope.inside, scope.depth_inside));
        }
        Some(Parallel { branches })
    }

    fn wait(&mut self, fields: Fields<'_>) -> Option<Wait> {
        let choices: &[&str] = match fields.language {
            QueryLanguage::JsonPath => &["Seconds", "SecondsPath", "Timestamp", "TimestampPath"],
            QueryLanguage::Jsonata => &["Seconds", "Timestamp"],
        };
        if !fields.exactly_one(choices, self.report) {
            return None;
        }
        if fields.has("Seconds") || fields.has("SecondsPath") {
            let seconds = self.seconds(fields, "Seconds", "SecondsPath", 0)?;
            return Some(Wait::Seconds(seconds));
        }
        self.timestamp(fields).map(Wait::Until)
    }

    fn pass(&mut self, fields: Fields<'_>) -> Pass {
        let result = fields.get("Result");
        if let Some(result) = result {
            self.warn_of_static_result(&fields.at("Result"), result);
        }
        Pass {
            result: result.cloned(),
        }
    }

    fn fail(&mut self, fields: Fields<'_>) -> Fail {
        // Both are optional, and both are independent of each other.
        fields.at_most_one(&["Error", "ErrorPath"], self.report);
        fields.at_most_one(&["Cause", "CausePath"], self.report);
        Fail {
            error: self.failure_text(fields, "Error", "ErrorPath"),
            cause: self.failure_text(fields, "Cause", "CausePath"),
        }
    }

    pub(super) fn is_express(&self) -> bool {
        self.kind == MachineKind::Express
    }

    /// `InputPath` or `OutputPath`.
    fn data_path(&mut self, fields: Fields<'_>, field: &str) -> DataPath {
        match fields.get(field) {
            None => DataPath::Whole,
            Some(Value::Null) => DataPath::Discard,
            Some(_) => match fields.text(field, self.report) {
                None | Some("$") => DataPath::Whole,
                Some(text) => self
                    .any_path(&fields.at(field), text)
                    .map_or(DataPath::Whole, DataPath::Path),
            },
        }
    }

    /// `ResultPath` of a state or a catcher.
    pub(super) fn result_path(&mut self, fields: Fields<'_>) -> ResultPath {
        match fields.get("ResultPath") {
            None => ResultPath::Whole,
            Some(Value::Null) => ResultPath::Discard,
            Some(_) => match fields.text("ResultPath", self.report) {
                None | Some("$") => ResultPath::Whole,
                Some(text) => self
                    .place(&fields.at("ResultPath"), text)
                    .map_or(ResultPath::Whole, ResultPath::Reference),
            },
        }
    }
}
