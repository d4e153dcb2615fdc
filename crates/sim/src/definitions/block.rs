//! A machine, a branch or a processor: states one after another, alternatives that join again, loops with a counter.

use serde_json::{Map, Value, json};
use stepwell_engine::MachineKind;

use super::Features;
use super::values::{self, marked};
use crate::draw::Draw;

/// Blocks inside blocks.
const DEPTH_MAX: usize = 2;

/// Forks of one definition: each multiplies what is done.
const FORKS_MAX: usize = 3;

/// The language of a state's expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    JsonPath,
    Jsonata,
}

/// What a state gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// An object with the members of [`values::standard`].
    Standard,
    Other,
}

/// Where a state stands.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) depth: usize,
    /// What kind of execution runs the block.
    pub(super) kind: MachineKind,
    /// Variables that hold integers and can be read here.
    pub(super) variables: Vec<String>,
    /// Whether the input of the execution is a standard one.
    pub(super) is_top: bool,
    /// Whether the execution is a child of a map run.
    pub(super) is_child: bool,
    /// Inside a loop, where the same state is entered again.
    pub(super) is_looped: bool,
}

/// A state, but for where it leads to.
pub(super) struct Made {
    pub(super) state: Map<String, Value>,
    pub(super) shape: Shape,
    /// Variables that are assigned whenever the state is left for its `Next`.
    pub(super) assigned: Vec<String>,
}

/// The states of a block by name.
pub(super) type States = Map<String, Value>;

/// Makes one definition.
pub(super) struct Builder<'d> {
    pub(super) draw: &'d mut Draw,
    pub(super) features: &'d Features,
    pub(super) kind: MachineKind,
    pub(super) language: Language,
    /// States that may still be made.
    pub(super) left: usize,
    pub(super) forks_left: usize,
    pub(super) activities: Vec<String>,
    names: usize,
}

impl<'d> Builder<'d> {
    pub(super) fn new(
        draw: &'d mut Draw,
        features: &'d Features,
        kind: MachineKind,
        goal: usize,
    ) -> Builder<'d> {
        let is_jsonata = features.jsonata && draw.percent(45);
        Builder {
            draw,
            features,
            kind,
            language: if is_jsonata {
                Language::Jsonata
            } else {
                Language::JsonPath
            },
            left: goal,
            forks_left: FORKS_MAX,
            activities: Vec::new(),
            names: 0,
        }
    }

    /// Names of the activities that the definition uses.
    pub(super) fn activities(&mut self) -> Vec<String> {
        let mut names = std::mem::take(&mut self.activities);
        names.sort();
        names.dedup();
        names
    }

    /// The whole definition.
    pub(super) fn machine(&mut self) -> Value {
        let scope = Scope {
            depth: 0,
            kind: self.kind,
            variables: Vec::new(),
            is_top: true,
            is_child: false,
            is_looped: false,
        };
        let mut machine = Map::new();
        if self.draw.percent(20) {
            machine.insert("Comment".into(), json!("a random machine"));
        }
        if self.draw.percent(10) {
            machine.insert("Version".into(), json!("1.0"));
        }
        if self.draw.percent(8) {
            machine.insert("TimeoutSeconds".into(), json!(5_000_000));
        }
        match self.language {
            Language::Jsonata => drop(machine.insert("QueryLanguage".into(), json!("JSONata"))),
            Language::JsonPath if self.draw.percent(10) => {
                machine.insert("QueryLanguage".into(), json!("JSONPath"));
            }
            Language::JsonPath => {}
        }
        let count = 1 + self.draw.below(4);
        let Value::Object(block) = self.block(&scope, Shape::Standard, count) else {
            unreachable!("a block is an object");
        };
        machine.extend(block);
        Value::Object(machine)
    }

    /// `StartAt` and `States` of a block of about `count` parts.
    ///
    /// - `input`: what the block is given.
    pub(super) fn block(&mut self, scope: &Scope, input: Shape, count: usize) -> Value {
        let mut states = States::new();
        let mut scope = scope.clone();
        let start_at = self.fresh_name("S");
        let mut entry = start_at.clone();
        if input == Shape::Other {
            let next = self.fresh_name("S");
            let made = self.made_standard();
            self.put(&mut states, &entry, made, Some(&next));
            entry = next;
        }
        for part in 0..count {
            let is_last = part + 1 == count || self.left <= 1;
            let next = (!is_last).then(|| self.fresh_name("S"));
            let assigned = self.part(&mut states, &entry, next.as_deref(), &scope);
            scope.variables.extend(assigned);
            let Some(next) = next else { break };
            entry = next;
        }
        json!({ "StartAt": start_at, "States": states })
    }

    /// A part that begins at `entry` and leads to `next`, or ends the block; variables that it has assigned after it.
    pub(super) fn part(
        &mut self,
        states: &mut States,
        entry: &str,
        next: Option<&str>,
        scope: &Scope,
    ) -> Vec<String> {
        if self.features.choices && self.left >= 3 && self.draw.percent(25) {
            let assigned = if next.is_some() && !scope.is_looped && self.draw.percent(40) {
                self.repeated(states, entry, next, scope)
            } else {
                self.alternatives(states, entry, next, scope);
                Vec::new()
            };
            return assigned;
        }
        if next.is_none() && self.draw.percent(15) {
            self.left = self.left.saturating_sub(1);
            let state = if self.draw.percent(70) {
                self.succeed(scope)
            } else {
                self.fail(scope)
            };
            states.insert(entry.to_string(), state);
            return Vec::new();
        }
        self.single(states, entry, next, scope)
    }

    /// One state, with what catches its errors.
    pub(super) fn single(
        &mut self,
        states: &mut States,
        entry: &str,
        next: Option<&str>,
        scope: &Scope,
    ) -> Vec<String> {
        self.left = self.left.saturating_sub(1);
        let may_fork = scope.depth < DEPTH_MAX && self.forks_left > 0 && self.left >= 1;
        let mut made = match self.draw.below(100) {
            0..22 if may_fork && self.features.parallels => self.parallel(scope),
            22..44 if may_fork && self.features.maps => self.inline_map(scope),
            44..60 if may_fork && self.features.distributed_maps && self.may_distribute(scope) => {
                self.distributed_map(scope)
            }
            60..75 if self.features.waits => self.wait(scope),
            75..85 => self.pass(scope),
            _ => self.task(scope),
        };
        let has_catch = self.catch(&mut made.state, states, next);
        let assigned = if has_catch {
            Vec::new()
        } else {
            std::mem::take(&mut made.assigned)
        };
        self.put(states, entry, made, next);
        assigned
    }

    /// Puts a state where it belongs, and a Pass behind it where its output needs one.
    pub(super) fn put(
        &mut self,
        states: &mut States,
        name: &str,
        mut made: Made,
        next: Option<&str>,
    ) {
        match next {
            None => drop(made.state.insert("End".into(), json!(true))),
            Some(next) if made.shape == Shape::Standard => {
                made.state.insert("Next".into(), json!(next));
            }
            Some(next) => {
                let between = self.fresh_name("N");
                made.state.insert("Next".into(), json!(between));
                let mut standard = self.made_standard();
                standard.state.insert("Next".into(), json!(next));
                states.insert(between, Value::Object(standard.state));
            }
        }
        states.insert(name.to_string(), Value::Object(made.state));
    }

    /// A Pass that makes a standard object of anything and keeps what it was given in it.
    pub(super) fn made_standard(&mut self) -> Made {
        let language = self.state_language();
        let n = json!(self.draw.below(1_000));
        let mut members = values::standard_with(self.draw, ("n", n));
        let mut state = self.state("Pass", language);
        let keeps = self.draw.percent(60);
        match language {
            Language::JsonPath => {
                if keeps {
                    members.insert("kept.$".into(), json!("$"));
                }
                state.insert("Parameters".into(), Value::Object(members));
            }
            Language::Jsonata => {
                if keeps {
                    members.insert("kept".into(), marked("$states.input"));
                }
                state.insert("Output".into(), Value::Object(members));
            }
        }
        Made {
            state,
            shape: Shape::Standard,
            assigned: Vec::new(),
        }
    }

    /// The beginning of a state.
    pub(super) fn state(&mut self, kind: &str, language: Language) -> Map<String, Value> {
        let mut state = Map::new();
        state.insert("Type".into(), json!(kind));
        if language != self.language {
            state.insert("QueryLanguage".into(), json!("JSONata"));
        }
        if self.draw.percent(5) {
            state.insert("Comment".into(), json!("a state"));
        }
        state
    }

    /// The language of the next state: a machine in JSONata has no states in JSONPath.
    pub(super) fn state_language(&mut self) -> Language {
        if self.language == Language::JsonPath && self.features.jsonata && self.draw.percent(25) {
            return Language::Jsonata;
        }
        self.language
    }

    /// A name that no other state or variable of the definition has.
    pub(super) fn fresh_name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }
}
