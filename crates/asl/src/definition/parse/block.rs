//! `StartAt` and `States` of the machine, a branch or a processor, and the transitions between the states.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Parser;
use super::fields::Fields;
use super::report::{
    DUPLICATE_STATE_NAME, INVALID_STATE_NAME, MISSING_END_STATE, MISSING_TRANSITION_TARGET,
    TOO_DEEPLY_NESTED, error,
};
use super::variables::Assigned;
use crate::definition::{Block, BlockId, State, StateIndex};
use crate::diagnostic::Diagnostic;

/// Characters of a state name.
const STATE_NAME_CHARACTERS_MAX: usize = 80;

/// Blocks inside blocks; the language's reader and its engine both walk them.
const BLOCK_NESTING_MAX: usize = 24;

/// The states of one block by name, and what is known about the transitions between them.
pub(super) struct Links<'a> {
    index: BTreeMap<&'a str, StateIndex>,
    reached: BTreeSet<StateIndex>,
    has_terminal_state: bool,
    missing: Vec<Diagnostic>,
}

impl<'a> Links<'a> {
    fn new(states: &'a Map<String, Value>) -> Links<'a> {
        let index = states
            .keys()
            .enumerate()
            .map(|(index, name)| {
                let index =
                    u32::try_from(index).expect("a text of a megabyte has fewer than 2^32 states");
                (name.as_str(), StateIndex(index))
            })
            .collect();
        Links {
            index,
            reached: BTreeSet::new(),
            has_terminal_state: false,
            missing: Vec::new(),
        }
    }

    /// The state that the transition at `pointer` leads to; a name that is not in this block is told later.
    pub(super) fn resolve(&mut self, target: &str, pointer: &str) -> Option<StateIndex> {
        let Some(index) = self.index.get(target) else {
            // AWS: the word is `Next` for `StartAt`, `Default` and `Catch` too.
            self.missing.push(error(
                MISSING_TRANSITION_TARGET,
                Some(pointer),
                format!("Missing 'Next' target: {target}"),
            ));
            return None;
        };
        self.reached.insert(*index);
        Some(*index)
    }

    /// A state that ends the block was read.
    pub(super) fn end(&mut self) {
        self.has_terminal_state = true;
    }

    /// What is wrong with the graph. A block without a terminal state is not searched for unreachable states.
    ///
    /// AWS: "reachable" means that some transition names the state, even one out of an unreachable state.
    fn into_findings(
        mut self,
        states_pointer: &str,
        states: &Map<String, Value>,
    ) -> Vec<Diagnostic> {
        if !self.has_terminal_state {
            self.missing.push(error(
                MISSING_END_STATE,
                None,
                "Workflow has no terminal state",
            ));
            return self.missing;
        }
        for name in states
            .keys()
            .filter(|name| !self.reached.contains(&self.index[name.as_str()]))
        {
            self.missing.push(error(
                MISSING_TRANSITION_TARGET,
                Some(&format!("{states_pointer}/{name}")),
                format!("State \"{name}\" is not reachable."),
            ));
        }
        self.missing
    }
}

impl Parser<'_> {
    /// Reads the block that `fields` holds, with the blocks inside it.
    ///
    /// - `around`: names of variables that the blocks around this one assign.
    /// - `depth`: how many blocks are around this one.
    /// - Returns `None` when the block is wrong; the report then says why.
    pub(super) fn block(
        &mut self,
        fields: Fields<'_>,
        around: &Assigned<'_>,
        depth: usize,
    ) -> Option<BlockId> {
        if depth > BLOCK_NESTING_MAX {
            let message = format!("States are nested more than {BLOCK_NESTING_MAX} levels deep");
            self.report
                .error(TOO_DEEPLY_NESTED, Some(fields.pointer), message);
            return None;
        }
        let id = self.open_block();
        fields.require(&["StartAt", "States"], self.report);
        let start_at = fields.text("StartAt", self.report);
        let states = fields.object("States", self.report)?;
        let states_pointer = fields.at("States");
        if states.is_empty() {
            self.report.schema(&states_pointer, "Value cannot be empty");
            return None;
        }
        let mut links = Links::new(states);
        let start_at = start_at.and_then(|name| links.resolve(name, &fields.at("StartAt")));
        let names = self.check_names(states, &states_pointer);
        let mut read: Vec<Option<State>> = Vec::with_capacity(states.len());
        let scope = Scope {
            around,
            inside: &Assigned::of(states, around),
            depth_inside: depth + 1,
        };
        for (name, value) in states {
            let pointer = format!("{states_pointer}/{name}");
            read.push(self.state(name, value, &pointer, scope, &mut links));
        }
        let mut graph = names;
        graph.extend(links.into_findings(&states_pointer, states));
        self.graph[id.0 as usize] = graph;
        self.blocks[id.0 as usize] = Some(Block {
            start_at: start_at?,
            states: read.into_iter().collect::<Option<Vec<State>>>()?,
        });
        Some(id)
    }

    fn check_names(&mut self, states: &Map<String, Value>, pointer: &str) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        for name in states.keys() {
            let pointer = format!("{pointer}/{name}");
            if name.is_empty() {
                findings.push(error(
                    INVALID_STATE_NAME,
                    Some(&pointer),
                    "Invalid State name: State name is empty",
                ));
            }
            if name.chars().count() > STATE_NAME_CHARACTERS_MAX {
                let message = format!(
                    "Invalid State name: State '{name}' exceeds the {STATE_NAME_CHARACTERS_MAX}-character limit allowed \
                     by the service"
                );
                findings.push(error(INVALID_STATE_NAME, Some(&pointer), message));
            }
            if !self.names.insert(name.clone()) {
                let message = format!("Duplicate State name: {name}");
                findings.push(error(DUPLICATE_STATE_NAME, Some(&pointer), message));
            }
        }
        findings
    }
}

/// Where a state stands: what is around it.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    /// Variables that the state may not assign, because a block around its own does.
    pub(super) around: &'a Assigned<'a>,
    /// The same for the states of a block inside this state.
    pub(super) inside: &'a Assigned<'a>,
    /// The nesting of a block inside this state.
    pub(super) depth_inside: usize,
}
