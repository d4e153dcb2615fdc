//! Filter patterns of CloudWatch Logs: terms, columns, JSON.
//!
//! AWS: docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html. The words of what is refused are
//! AWS's where they are known from reports of its users.

mod columns;
mod json;
mod terms;
mod value;

use std::collections::BTreeMap;

use columns::Columns;
use json::Json;
use terms::Terms;

/// Bytes of a pattern. AWS: 1,024 characters.
const PATTERN_BYTES_MAX: usize = 4_096;

/// Regular expressions of one pattern. Source: CloudWatch Logs quotas.
const REGEXES_MAX: usize = 2;

/// A parsed pattern.
#[derive(Debug)]
pub struct FilterPattern {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Terms(Terms),
    Columns(Columns),
    Json(Json),
}

/// Why a pattern is none, in AWS's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedPattern(pub String);

impl FilterPattern {
    /// - Errors: what AWS answers as `InvalidParameterException`.
    pub fn parse(text: &str) -> Result<FilterPattern, RefusedPattern> {
        let text = text.trim();
        if text.len() > PATTERN_BYTES_MAX {
            return Err(invalid());
        }
        let enclosed = |start: char, end: char| match text.strip_prefix(start) {
            None => Ok(None),
            Some(rest) => rest.strip_suffix(end).map(Some).ok_or_else(|| {
                RefusedPattern(format!(
                    "If a filter pattern starts with '{start}' it must end with '{end}'"
                ))
            }),
        };
        let kind = if let Some(inner) = enclosed('{', '}')? {
            Kind::Json(Json::parse(inner)?)
        } else if let Some(inner) = enclosed('[', ']')? {
            Kind::Columns(Columns::parse(inner)?)
        } else {
            Kind::Terms(Terms::parse(text)?)
        };
        Ok(FilterPattern { kind })
    }

    /// Whether an event with this message is wanted.
    pub fn matches(&self, message: &str) -> bool {
        match &self.kind {
            Kind::Terms(terms) => terms.matches(message),
            Kind::Columns(columns) => columns.matches(message),
            Kind::Json(json) => json.matches(message),
        }
    }

    /// Whether it accepts everything.
    pub fn is_empty(&self) -> bool {
        matches!(&self.kind, Kind::Terms(terms) if terms.is_empty())
    }

    /// A text that every message it accepts has in it, if there is one.
    pub fn needle(&self) -> Option<String> {
        match &self.kind {
            Kind::Terms(terms) => terms.needle(),
            Kind::Columns(_) => None,
            Kind::Json(json) => json.needle(),
        }
    }

    /// The values of a message that it names, if it accepts the message: `$.a.b` of JSON, `$name` of columns.
    ///
    /// - AWS: `extractedValues` of TestMetricFilter.
    pub fn extract(&self, message: &str) -> Option<BTreeMap<String, String>> {
        match &self.kind {
            Kind::Terms(terms) => terms.matches(message).then(BTreeMap::new),
            Kind::Columns(columns) => columns.extract(message),
            Kind::Json(json) => json.extract(message),
        }
    }

    /// The value of a message at `selector`, for a metric or a dimension: `$.a.b` of JSON, `$name` of columns.
    pub fn select(&self, message: &str, selector: &str) -> Option<String> {
        match &self.kind {
            Kind::Terms(_) => None,
            Kind::Columns(columns) => columns.select(message, selector),
            Kind::Json(_) => json::select(message, selector),
        }
    }

    /// Whether its messages have fields to select. AWS: only then a metric filter may have dimensions.
    pub fn has_fields(&self) -> bool {
        !matches!(self.kind, Kind::Terms(_))
    }
}

fn invalid() -> RefusedPattern {
    RefusedPattern("Invalid filter pattern".to_string())
}

fn invalid_term(term: &str) -> RefusedPattern {
    RefusedPattern(format!("Invalid character(s) in term '{term}'"))
}

#[cfg(test)]
mod tests;
