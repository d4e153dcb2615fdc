//! Logs Insights: queries over log events.
//!
//! AWS: docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html. A query is parsed whole before anything
//! is read: what is not built is refused by its name, and nothing of a query is left out.

mod aggregate;
mod expression;
mod functions;
mod parse;
mod record;
mod run;
mod value;

pub use record::LogRecord;
pub use run::{Ended, Run};

use expression::Expression;

/// A parsed query.
#[derive(Debug)]
pub struct Query {
    stages: Vec<Stage>,
}

/// Why a text is no query, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    pub message: String,
    /// First character of what is wrong, from 0, and the first one after it.
    pub start: usize,
    pub end: usize,
}

#[derive(Debug)]
enum Stage {
    Fields(Vec<Named>),
    /// What of a record is shown from here on.
    Display(Vec<Named>),
    Filter(Expression),
    Parse(Parse),
    Stats {
        aggregates: Vec<Named>,
        by: Vec<Named>,
    },
    Sort(Vec<(Expression, bool)>),
    Limit(usize),
    Dedup(Vec<Named>),
}

/// An expression and what it is called.
#[derive(Debug)]
struct Named {
    name: String,
    expression: Expression,
}

#[derive(Debug)]
struct Parse {
    from: Expression,
    pattern: regex::Regex,
    /// Names of the groups of the pattern, from the first.
    names: Vec<(usize, String)>,
}

impl Query {
    /// - Errors: the position and, in AWS's words where they are known, what is wrong there.
    pub fn parse(text: &str) -> Result<Query, QueryError> {
        parse::query(text)
    }

    /// A text that every event that counts has in its message, if there is one.
    pub fn needle(&self) -> Option<String> {
        self.stages
            .iter()
            // What is made under the name of the message has nothing to do with it.
            .take_while(|stage| match stage {
                Stage::Filter(_) => true,
                Stage::Fields(named) => named.iter().all(|one| one.name != "@message"),
                _ => false,
            })
            .filter_map(|stage| match stage {
                Stage::Filter(condition) => condition.needle(),
                _ => None,
            })
            .max_by_key(String::len)
    }
}

#[cfg(test)]
mod tests;
