//! Text to [`Definition`]: every rule that AWS applies when a definition is created or validated.
//!
//! Two passes, as AWS answers: first the shape of every object (`SCHEMA_VALIDATION_FAILED`, expressions), and only
//! when that is clean the graph (names, transition targets, terminal and unreachable states).

mod actions;
mod block;
mod choice;
mod distributed;
mod fields;
mod label;
mod map;
mod report;
mod resource;
mod retry;
mod state;
mod support;
mod syntax;
mod task;
mod value;
mod variables;
mod warning;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use self::actions::Actions;
use self::fields::Fields;
use self::report::{INVALID_JSON_DESCRIPTION, MISSING_DESCRIPTION, Report, TOO_DEEPLY_NESTED};
use self::syntax::Problem;
use self::variables::Assigned;
use super::{Block, BlockId, CheckCall, Definition, Kind, MachineKind, QueryLanguage, Resource};
use crate::diagnostic::Diagnostic;

/// Characters of a definition (AWS service model: `Definition`, 1..=1,048,576).
const DEFINITION_CHARACTERS_MAX: usize = 1_048_576;

/// Largest `TimeoutSeconds` and its kin, in seconds.
const SECONDS_MAX: u64 = 99_999_999;

/// Reads `text`; the definition is `Some` exactly when no diagnostic has severity error.
pub(super) fn parse(
    text: &str,
    kind: MachineKind,
    check_call: &CheckCall<'_>,
) -> (Option<Definition>, Vec<Diagnostic>) {
    let mut report = Report::default();
    let definition = json(text, &mut report)
        .and_then(|value| machine(text, &value, kind, check_call, &mut report));
    debug_assert!(
        definition.is_some() || report.has_errors(),
        "what is missing was reported"
    );
    let definition = definition.filter(|_| !report.has_errors());
    let diagnostics = report.into_diagnostics();
    (definition, diagnostics)
}

fn json(text: &str, report: &mut Report) -> Option<Value> {
    if text.chars().count() > DEFINITION_CHARACTERS_MAX {
        report.error(
            INVALID_JSON_DESCRIPTION,
            None,
            format!("Definition is longer than {DEFINITION_CHARACTERS_MAX} characters"),
        );
        return None;
    }
    if matches!(text.trim(), "" | "null") {
        report.error(
            MISSING_DESCRIPTION,
            None,
            "Received a null or empty workflow input",
        );
        return None;
    }
    match syntax::parse(text) {
        Ok(value) => Some(value),
        Err(Problem::Invalid(message)) => {
            report.error(
                INVALID_JSON_DESCRIPTION,
                None,
                format!("Invalid JSON description: {message}"),
            );
            None
        }
        Err(Problem::TooDeep) => {
            report.error(
                TOO_DEEPLY_NESTED,
                None,
                format!("JSON is nested more than {} levels deep", syntax::DEPTH_MAX),
            );
            None
        }
    }
}

fn machine(
    text: &str,
    value: &Value,
    kind: MachineKind,
    check_call: &CheckCall<'_>,
    report: &mut Report,
) -> Option<Definition> {
    let Value::Object(object) = value else {
        report.schema("", "Expected value of type Object");
        return None;
    };
    let fields = Fields {
        object,
        pointer: "",
        language: QueryLanguage::JsonPath,
    };
    fields.allow_only(
        &[
            "Comment",
            "QueryLanguage",
            "StartAt",
            "States",
            "TimeoutSeconds",
            "Version",
        ],
        report,
    );
    let language = query_language(fields, report).unwrap_or(QueryLanguage::JsonPath);
    let fields = Fields { language, ..fields };
    let comment = fields.text("Comment", report).map(str::to_owned);
    fields.one_of("Version", &["1.0"], report);
    let timeout_seconds = fields.integer("TimeoutSeconds", 1, SECONDS_MAX, report);

    let mut parser = Parser {
        kind,
        language,
        check_call,
        actions: Actions::default(),
        report,
        blocks: Vec::new(),
        graph: Vec::new(),
        names: BTreeSet::new(),
        labels: BTreeSet::new(),
        variables: BTreeSet::new(),
        variable_references: BTreeMap::new(),
    };
    let root = parser.block(fields, &Assigned::default(), 0);
    let (blocks, graph, variable_references) =
        (parser.blocks, parser.graph, parser.variable_references);
    if !report.has_errors() {
        graph
            .into_iter()
            .flatten()
            .for_each(|diagnostic| report.push(diagnostic));
    }
    root?;
    let blocks = blocks.into_iter().collect::<Option<Vec<Block>>>()?;
    Some(Definition {
        text: Arc::from(text),
        comment,
        query_language: language,
        timeout_seconds,
        activities: activities(&blocks),
        context_use: super::context_use::context_use(text),
        blocks,
        variable_references: variable_references
            .into_iter()
            .map(|(state, names)| (state, names.into_iter().collect()))
            .collect(),
    })
}

fn activities(blocks: &[Block]) -> BTreeSet<String> {
    let states = blocks.iter().flat_map(|block| &block.states);
    let arns = states.filter_map(|state| match &state.kind {
        Kind::Task(task) => match &task.resource {
            Resource::Activity { arn } => Some(arn.clone()),
            _ => None,
        },
        _ => None,
    });
    arns.collect()
}

/// The `QueryLanguage` of a machine or a state; `None` when absent.
///
/// AWS: whatever is not exactly `JSONPath` counts as JSONata; that the value is wrong is reported beside.
fn query_language(fields: Fields<'_>, report: &mut Report) -> Option<QueryLanguage> {
    let value = fields.get("QueryLanguage")?;
    fields.one_of("QueryLanguage", &["JSONPath", "JSONata"], report);
    match value.as_str() {
        Some("JSONPath") => Some(QueryLanguage::JsonPath),
        _ => Some(QueryLanguage::Jsonata),
    }
}

/// One definition while it is read.
struct Parser<'r> {
    /// Of the block being read: the processor of a Distributed Map has its own.
    kind: MachineKind,
    /// The machine's; states inherit it, whatever the state around them says.
    language: QueryLanguage,
    check_call: &'r CheckCall<'r>,
    actions: Actions,
    report: &'r mut Report,
    /// By block id; `None` while a block is being read, or when it is wrong.
    blocks: Vec<Option<Block>>,
    /// Findings about the graph, by block id; told only when the shape is clean.
    graph: Vec<Vec<Diagnostic>>,
    /// Every state name met so far.
    names: BTreeSet<String>,
    /// Every `Label` met so far.
    labels: BTreeSet<String>,
    /// Variables that the state being read refers to.
    variables: BTreeSet<String>,
    variable_references: BTreeMap<String, BTreeSet<String>>,
}

impl Parser<'_> {
    fn open_block(&mut self) -> BlockId {
        let id = u32::try_from(self.blocks.len())
            .expect("a text of a megabyte has fewer than 2^32 blocks");
        self.blocks.push(None);
        self.graph.push(Vec::new());
        BlockId(id)
    }
}
