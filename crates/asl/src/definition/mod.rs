//! A validated state machine definition: names resolved, expressions compiled.
//!
//! INVARIANT: a [`Definition`] exists only if AWS would accept its text.

mod context_use;
pub mod distributed;
mod lone;
mod parse;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use self::distributed::Distributed;
use crate::choice::Test;
use crate::diagnostic::{Diagnostic, Severity};
use crate::intrinsic::Intrinsic;
use crate::jsonata::{Expression, JsonataTemplate};
use crate::path::{ReferencePath, ValuePath};
use crate::payload_template::PayloadTemplate;

pub use context_use::ContextUse;
pub use lone::{LONE_STATE_NAME, LoneState};

/// A parsed and validated definition.
#[derive(Debug)]
pub struct Definition {
    pub(crate) text: Arc<str>,
    pub(crate) comment: Option<String>,
    pub(crate) query_language: QueryLanguage,
    pub(crate) timeout_seconds: Option<u64>,
    /// Block 0 is the top level; branches and processors follow in document order.
    pub(crate) blocks: Vec<Block>,
    pub(crate) variable_references: BTreeMap<String, Vec<String>>,
    pub(crate) activities: BTreeSet<String>,
    pub(crate) context_use: ContextUse,
}

/// Says what is wrong with a call, from a task's `Resource` and its parameters as the definition writes
/// them: messages of `SCHEMA_VALIDATION_FAILED`. The language does not know the services; who does,
/// passes this.
pub type CheckCall<'a> = dyn Fn(&str, &serde_json::Value) -> Vec<String> + 'a;

impl Definition {
    /// Parses and validates `text`.
    ///
    /// - Returns the definition, or every error that AWS reports, in AWS's order. Warnings do not refuse.
    pub fn parse(text: &str, kind: MachineKind) -> Result<Definition, Vec<Diagnostic>> {
        Definition::parse_with(text, kind, &|_, _| Vec::new())
    }

    /// As [`Definition::parse`], with a check of what tasks send to the services that they call.
    pub fn parse_with(
        text: &str,
        kind: MachineKind,
        check_call: &CheckCall<'_>,
    ) -> Result<Definition, Vec<Diagnostic>> {
        let (definition, diagnostics) = parse::parse(text, kind, check_call);
        match definition {
            Some(definition) => Ok(definition),
            None => Err(diagnostics
                .into_iter()
                .filter(|diagnostic| diagnostic.severity == Severity::Error)
                .collect()),
        }
    }

    /// All findings about `text`, warnings included; an empty list means that AWS has nothing to say.
    pub fn diagnose(text: &str, kind: MachineKind) -> Vec<Diagnostic> {
        Definition::diagnose_with(text, kind, &|_, _| Vec::new())
    }

    /// As [`Definition::diagnose`], with a check of what tasks send to the services that they call.
    pub fn diagnose_with(
        text: &str,
        kind: MachineKind,
        check_call: &CheckCall<'_>,
    ) -> Vec<Diagnostic> {
        parse::parse(text, kind, check_call).1
    }

    /// The text that was parsed, unchanged.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The top-level `Comment`.
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// The top-level `QueryLanguage`.
    pub fn query_language(&self) -> QueryLanguage {
        self.query_language
    }

    /// The machine's own `TimeoutSeconds`.
    pub fn timeout_seconds(&self) -> Option<u64> {
        self.timeout_seconds
    }

    /// The block that `id` names.
    ///
    /// - Ids come from [`BlockId::ROOT`], [`Parallel::branches`] and [`Map::processor`] of this definition.
    pub fn block(&self, id: BlockId) -> &Block {
        &self.blocks[id.0 as usize]
    }

    /// One state of one block.
    pub fn state(&self, block: BlockId, index: StateIndex) -> &State {
        &self.block(block).states[index.0 as usize]
    }

    /// The state that the top level starts at.
    pub fn start_state(&self) -> &State {
        self.state(BlockId::ROOT, self.block(BlockId::ROOT).start_at)
    }

    /// State name to the names of variables it refers to, as `DescribeStateMachine.variableReferences`.
    pub fn variable_references(&self) -> &BTreeMap<String, Vec<String>> {
        &self.variable_references
    }

    /// ARNs of the activities that the definition's tasks name.
    pub fn activities(&self) -> &BTreeSet<String> {
        &self.activities
    }

    /// How much of the context object its expressions can see.
    pub fn context_use(&self) -> ContextUse {
        self.context_use
    }

    /// How each Map state of the definition, nested ones included, processes its items.
    pub fn map_modes(&self) -> impl Iterator<Item = MapMode> {
        let states = self.blocks.iter().flat_map(|block| &block.states);
        states.filter_map(|state| match &state.kind {
            Kind::Map(map) => Some(map.mode),
            _ => None,
        })
    }

    /// Every block, the top level first.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }
}

/// Which kind of machine a definition is for: some fields are refused in Express.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineKind {
    Standard,
    Express,
}

/// The language of a state's expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryLanguage {
    JsonPath,
    Jsonata,
}

impl QueryLanguage {
    /// The language as a definition names it.
    pub fn as_str(self) -> &'static str {
        match self {
            QueryLanguage::JsonPath => "JSONPath",
            QueryLanguage::Jsonata => "JSONata",
        }
    }
}

/// Names a block of states within one definition.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct BlockId(pub u32);

impl BlockId {
    /// The top level.
    pub const ROOT: BlockId = BlockId(0);
}

/// Names a state within its block.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct StateIndex(pub u32);

/// `StartAt` and `States` of the top level, a branch or a processor.
#[derive(Debug)]
pub struct Block {
    pub start_at: StateIndex,
    pub states: Vec<State>,
}

/// One state.
#[derive(Debug)]
pub struct State {
    pub name: Arc<str>,
    pub flow: Flow,
    pub kind: Kind,
    /// Where a state that is neither Choice nor terminal goes. `None`: it ends its block.
    pub next: Option<StateIndex>,
    pub retry: Vec<Retrier>,
    pub catch: Vec<Catcher>,
}

impl State {
    /// The language of this state's expressions.
    pub fn query_language(&self) -> QueryLanguage {
        match self.flow {
            Flow::JsonPath(_) => QueryLanguage::JsonPath,
            Flow::Jsonata(_) => QueryLanguage::Jsonata,
        }
    }
}

/// How data passes through a state, by its query language.
#[derive(Debug)]
pub enum Flow {
    JsonPath(Box<JsonPathFlow>),
    Jsonata(Box<JsonataFlow>),
}

/// `InputPath -> Parameters -> work -> ResultSelector -> ResultPath -> OutputPath`, and `Assign` beside.
#[derive(Debug, Default)]
pub struct JsonPathFlow {
    pub input_path: DataPath,
    pub parameters: Option<PayloadTemplate>,
    pub result_selector: Option<PayloadTemplate>,
    pub result_path: ResultPath,
    pub output_path: DataPath,
    /// A template whose value is an object: variable name to value.
    pub assign: Option<PayloadTemplate>,
}

/// `Arguments -> work -> Output`, and `Assign` beside.
#[derive(Debug, Default)]
pub struct JsonataFlow {
    pub arguments: Option<JsonataTemplate>,
    pub output: Option<JsonataTemplate>,
    pub assign: Option<JsonataTemplate>,
}

/// `InputPath` or `OutputPath`.
#[derive(Debug, Default)]
pub enum DataPath {
    /// Absent or `$`.
    #[default]
    Whole,
    /// `null`: the value becomes `{}`.
    Discard,
    Path(ValuePath),
}

/// `ResultPath`.
#[derive(Debug, Default)]
pub enum ResultPath {
    /// Absent or `$`: the result replaces the input.
    #[default]
    Whole,
    /// `null`: the input stays, the result is dropped.
    Discard,
    Reference(ReferencePath),
}

/// What a state does.
#[derive(Debug)]
pub enum Kind {
    Task(Box<Task>),
    Choice(Choice),
    Parallel(Parallel),
    Map(Box<Map>),
    Wait(Wait),
    Pass(Pass),
    Succeed,
    Fail(Fail),
}

impl Kind {
    /// `Type` as a definition writes it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Kind::Task(_) => "Task",
            Kind::Choice(_) => "Choice",
            Kind::Parallel(_) => "Parallel",
            Kind::Map(_) => "Map",
            Kind::Wait(_) => "Wait",
            Kind::Pass(_) => "Pass",
            Kind::Succeed => "Succeed",
            Kind::Fail(_) => "Fail",
        }
    }
}

/// A Task state's own fields.
#[derive(Debug)]
pub struct Task {
    pub resource: Resource,
    pub timeout: Option<Quantity>,
    pub heartbeat: Option<Quantity>,
    /// `Credentials`, an object with `RoleArn`.
    pub credentials: Option<Template>,
}

/// What a Task's `Resource` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// A Lambda function ARN, qualifier included; the history shows the Lambda event family.
    Function { arn: String },
    /// An activity ARN.
    Activity { arn: String },
    /// `arn:aws:states:::service:action[.pattern]`.
    Integration {
        arn: String,
        /// `lambda`, `states`, `aws-sdk:sfn`, `http`: the history's `resourceType`.
        service: String,
        /// `invoke`, `startExecution`: without the pattern.
        action: String,
        pattern: Pattern,
    },
}

impl Resource {
    /// The ARN as the definition has it.
    pub fn arn(&self) -> &str {
        match self {
            Resource::Function { arn }
            | Resource::Activity { arn }
            | Resource::Integration { arn, .. } => arn,
        }
    }
}

/// How an integration completes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    RequestResponse,
    /// `.sync`
    Sync,
    /// `.sync:2`
    Sync2,
    /// `.waitForTaskToken`
    WaitForTaskToken,
}

impl Pattern {
    /// The suffix as written in a resource, empty for request-response.
    pub fn suffix(self) -> &'static str {
        match self {
            Pattern::RequestResponse => "",
            Pattern::Sync => ".sync",
            Pattern::Sync2 => ".sync:2",
            Pattern::WaitForTaskToken => ".waitForTaskToken",
        }
    }
}

/// A Choice state's own fields.
#[derive(Debug)]
pub struct Choice {
    pub rules: Vec<Rule>,
    pub default: Option<StateIndex>,
}

/// One element of `Choices`.
#[derive(Debug)]
pub struct Rule {
    pub condition: Condition,
    pub next: StateIndex,
    pub assign: Option<Template>,
    /// JSONata only.
    pub output: Option<JsonataTemplate>,
}

/// When a rule holds.
#[derive(Debug)]
pub enum Condition {
    JsonPath(Test),
    /// `Condition`: an expression, or a literal `true` or `false`.
    Jsonata(JsonataTemplate),
}

/// A Parallel state's own fields.
#[derive(Debug)]
pub struct Parallel {
    pub branches: Vec<BlockId>,
}

/// A Map state's own fields.
#[derive(Debug)]
pub struct Map {
    pub processor: BlockId,
    pub mode: MapMode,
    pub items: Items,
    /// `ItemSelector`, or the deprecated `Parameters`.
    pub item_selector: Option<Template>,
    pub max_concurrency: Option<Quantity>,
    pub tolerated_failure_percentage: Option<Quantity>,
    pub tolerated_failure_count: Option<Quantity>,
    /// The fields of a Distributed Map; empty for an inline one.
    pub distributed: Distributed,
}

/// `ProcessorConfig.Mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapMode {
    Inline,
    Distributed { execution_type: MachineKind },
}

/// Where a Map's items come from.
#[derive(Debug)]
pub enum Items {
    /// No `ItemsPath` and no `Items`: the effective input itself.
    Input,
    /// `ItemsPath`, on the effective input.
    Path(ValuePath),
    /// `Items` of a JSONata Map: an expression or a literal array.
    Jsonata(JsonataTemplate),
}

/// A Wait state's own fields.
#[derive(Debug)]
pub enum Wait {
    /// `Seconds` or `SecondsPath`.
    Seconds(Quantity),
    /// `Timestamp` or `TimestampPath`.
    Until(Text),
}

/// A Pass state's own fields.
#[derive(Debug)]
pub struct Pass {
    /// `Result`: literal output of a JSONPath Pass.
    pub result: Option<Value>,
}

/// A Fail state's own fields.
#[derive(Debug)]
pub struct Fail {
    pub error: Option<Text>,
    pub cause: Option<Text>,
}

/// A number field that may be literal, a path (`...Path`), or an expression.
#[derive(Debug)]
pub struct Quantity {
    /// The field as written: `TimeoutSeconds`, `SecondsPath`, `MaxConcurrency`.
    pub field: &'static str,
    pub source: QuantitySource,
}

/// Where a [`Quantity`]'s number comes from.
#[derive(Debug)]
pub enum QuantitySource {
    Literal(f64),
    Path(ValuePath),
    Jsonata(Expression),
}

/// A text field that may be literal, a path, an intrinsic function, or an expression.
#[derive(Debug)]
pub struct Text {
    /// The field as written: `Error`, `CausePath`, `Timestamp`.
    pub field: &'static str,
    pub source: TextSource,
}

/// Where a [`Text`]'s characters come from.
#[derive(Debug)]
pub enum TextSource {
    Literal(String),
    Path(ValuePath),
    Intrinsic(Intrinsic),
    Jsonata(Expression),
}

/// A value with expressions inside, in either language.
#[derive(Debug)]
pub enum Template {
    JsonPath(PayloadTemplate),
    Jsonata(JsonataTemplate),
}

/// One element of `Retry`.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrier {
    pub error_equals: Vec<String>,
    pub interval_seconds: u64,
    pub max_attempts: u32,
    pub backoff_rate: f64,
    pub max_delay_seconds: Option<u64>,
    pub jitter: Jitter,
}

/// `JitterStrategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jitter {
    None,
    /// Uniform between nothing and the whole delay.
    Full,
}

/// One element of `Catch`.
#[derive(Debug)]
pub struct Catcher {
    pub error_equals: Vec<String>,
    pub next: StateIndex,
    /// JSONPath only.
    pub result_path: ResultPath,
    /// JSONata only.
    pub output: Option<JsonataTemplate>,
    pub assign: Option<Template>,
}
