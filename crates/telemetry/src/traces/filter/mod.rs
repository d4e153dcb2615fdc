//! Filter expressions of X-Ray: which traces are wanted.
//!
//! Source: docs.aws.amazon.com/xray/latest/devguide/xray-console-filters.html.

mod parse;
mod wanted;

/// AWS: a filter expression has at most 2,000 characters.
pub(super) const EXPRESSION_BYTES_MAX: usize = 2_000;

/// Expressions are inside each other at most this deep.
const DEPTH_MAX: usize = 32;

/// A filter expression.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceFilter {
    expression: Expression,
}

#[derive(Debug, Clone, PartialEq)]
enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
    /// A keyword that is true or false, or whether there is a value at all.
    Holds(Keyword),
    Compares(Keyword, Operator, Literal),
    Service(Selector, Option<Box<Expression>>),
    Edge(Selector, Selector, Option<Box<Expression>>),
    RootCause(Cause, Part, Option<Box<Expression>>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Keyword {
    Ok,
    Error,
    Throttle,
    Fault,
    Partial,
    Inferred,
    First,
    Last,
    Remote,
    Root,
    ResponseTime,
    Duration,
    Coverage,
    HttpStatus,
    HttpUrl,
    HttpMethod,
    HttpUserAgent,
    HttpClientIp,
    User,
    Name,
    Type,
    Message,
    AvailabilityZone,
    InstanceId,
    ResourceArn,
    AccountId,
    Annotation(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
    BeginsWith,
    EndsWith,
}

#[derive(Debug, Clone, PartialEq)]
enum Literal {
    Text(String),
    Number(f64),
    Boolean(bool),
}

/// Which services are meant; what is not said may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Selector {
    name: Option<String>,
    kind: Option<String>,
    account_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    ResponseTime,
    Fault,
    Error,
    Throttle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Service,
    Entity,
}

pub(super) use wanted::Selected;
