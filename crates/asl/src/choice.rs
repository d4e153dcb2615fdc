//! Choice rules of JSONPath states.
//!
//! Source: Amazon States Language, "Choice State", and recorded results.

mod compile;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::path::ValuePath;
use crate::{Failure, Scope, Timestamp};

/// Deepest nesting of `And`, `Or` and `Not`.
pub const TEST_DEPTH_MAX: usize = 64;

/// What one rule of `Choices` asks.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    root: Claim,
}

#[derive(Debug, Clone, PartialEq)]
enum Claim {
    And(Vec<Claim>),
    Or(Vec<Claim>),
    Not(Box<Claim>),
    /// `IsPresent`: the only claim that may be made of a missing value.
    Present {
        variable: ValuePath,
        expected: bool,
    },
    Kind {
        variable: ValuePath,
        kind: ValueKind,
        expected: bool,
    },
    Matches {
        variable: ValuePath,
        pattern: Vec<Glob>,
    },
    Compare {
        variable: ValuePath,
        family: Family,
        relation: Relation,
        with: Comparand,
    },
}

/// What an `Is...` operator asks of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueKind {
    Null,
    Numeric,
    String,
    Boolean,
    Timestamp,
}

/// One piece of a `StringMatches` pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Glob {
    Character(char),
    /// `*`: any characters, or none.
    Any,
}

/// Which values a comparison operator compares; others are never equal, less or greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    String,
    Numeric,
    Boolean,
    Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equals,
    LessThan,
    GreaterThan,
    LessThanEquals,
    GreaterThanEquals,
}

/// The right side of a comparison.
#[derive(Debug, Clone, PartialEq)]
enum Comparand {
    Literal(Value),
    Path(ValuePath),
}

impl Test {
    /// Compiles the comparison of one rule; `Next`, `Assign`, `Comment` and `Output` belong to the rule's reader.
    ///
    /// - `pointer`: JSON pointer of the rule within the definition, for diagnostics.
    pub fn compile(rule: &Value, pointer: &str) -> Result<Test, Vec<Diagnostic>> {
        compile::test(rule, pointer)
    }

    /// Whether `name` is a member that only a JSONPath rule has: `Variable`, `And`, a comparison operator.
    pub fn has_field(name: &str) -> bool {
        matches!(name, "Variable" | "And" | "Or" | "Not") || compile::is_operator(name)
    }

    /// Whether the rule matches.
    ///
    /// - `And` and `Or` stop at the first claim that decides.
    /// - Errors: `States.Runtime` when a path names no value, except under `IsPresent`.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, Failure> {
        holds(&self.root, scope)
    }

    /// Names of the variables that the rule reads, without their `$`.
    pub fn variables(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        collect_variables(&self.root, &mut names);
        names
    }
}

fn holds(claim: &Claim, scope: &Scope<'_>) -> Result<bool, Failure> {
    match claim {
        Claim::And(claims) => {
            for claim in claims {
                if !holds(claim, scope)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Claim::Or(claims) => {
            for claim in claims {
                if holds(claim, scope)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Claim::Not(claim) => holds(claim, scope).map(|held| !held),
        Claim::Present { variable, expected } => Ok(is_present(variable, scope) == *expected),
        Claim::Kind {
            variable,
            kind,
            expected,
        } => Ok(is_kind(value_of(variable, scope)?.as_ref(), *kind) == *expected),
        Claim::Matches { variable, pattern } => Ok(match value_of(variable, scope)?.as_ref() {
            Value::String(text) => matches(text, pattern),
            _ => false,
        }),
        Claim::Compare {
            variable,
            family,
            relation,
            with,
        } => {
            let left = value_of(variable, scope)?;
            let right = match with {
                Comparand::Literal(value) => Cow::Borrowed(value),
                Comparand::Path(path) => value_of(path, scope)?,
            };
            Ok(ordering(*family, left.as_ref(), right.as_ref())
                .is_some_and(|ordering| relation.allows(ordering)))
        }
    }
}

impl Relation {
    fn allows(self, ordering: Ordering) -> bool {
        match self {
            Relation::Equals => ordering.is_eq(),
            Relation::LessThan => ordering.is_lt(),
            Relation::GreaterThan => ordering.is_gt(),
            Relation::LessThanEquals => ordering.is_le(),
            Relation::GreaterThanEquals => ordering.is_ge(),
        }
    }
}

/// AWS: a missing value ends the execution even when there is a `Default`.
fn value_of<'a>(path: &ValuePath, scope: &Scope<'a>) -> Result<Cow<'a, Value>, Failure> {
    path.lookup(scope).ok_or_else(|| {
        Failure::runtime(format!(
            "Invalid path '{}': The choice state's condition path references an invalid value.",
            path.text()
        ))
    })
}

/// AWS: a path that may match many values is present when it matches at least one.
fn is_present(path: &ValuePath, scope: &Scope<'_>) -> bool {
    match path.lookup(scope) {
        Some(found) if !path.is_definite() => {
            found.as_array().is_some_and(|items| !items.is_empty())
        }
        found => found.is_some(),
    }
}

fn is_kind(value: &Value, kind: ValueKind) -> bool {
    match kind {
        ValueKind::Null => value.is_null(),
        ValueKind::Numeric => value.is_number(),
        ValueKind::String => value.is_string(),
        ValueKind::Boolean => value.is_boolean(),
        ValueKind::Timestamp => instant(value).is_some(),
    }
}

/// How two values of `family` compare; `None` when one is not of that family.
fn ordering(family: Family, left: &Value, right: &Value) -> Option<Ordering> {
    match family {
        Family::String => Some(utf16_order(left.as_str()?, right.as_str()?)),
        Family::Boolean => Some(left.as_bool()?.cmp(&right.as_bool()?)),
        Family::Timestamp => Some(instant(left)?.cmp(&instant(right)?)),
        Family::Numeric => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
        },
    }
}

/// AWS: Java compares texts by UTF-16 unit.
fn utf16_order(left: &str, right: &str) -> Ordering {
    left.encode_utf16().cmp(right.encode_utf16())
}

/// AWS: sub-millisecond digits count in a comparison, so this is finer than a [`Timestamp`].
fn instant(value: &Value) -> Option<(Timestamp, u32)> {
    let text = value.as_str()?;
    let timestamp = Timestamp::parse(text)?;
    let fine = chrono::DateTime::parse_from_rfc3339(text)
        .ok()?
        .timestamp_subsec_nanos();
    Some((timestamp, fine))
}

/// Whether `text` matches, in time proportional to the product of both lengths at worst.
fn matches(text: &str, pattern: &[Glob]) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut piece) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(piece) {
            Some(Glob::Any) => {
                last_star = Some((piece, at));
                piece += 1;
            }
            Some(Glob::Character(c)) if *c == text[at] => {
                at += 1;
                piece += 1;
            }
            _ => match last_star {
                Some((star, from)) => {
                    last_star = Some((star, from + 1));
                    piece = star + 1;
                    at = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[piece..].iter().all(|glob| *glob == Glob::Any)
}

fn collect_variables(claim: &Claim, names: &mut BTreeSet<String>) {
    let mut note = |path: &ValuePath| names.extend(path.variable().map(str::to_owned));
    match claim {
        Claim::And(claims) | Claim::Or(claims) => {
            claims
                .iter()
                .for_each(|claim| collect_variables(claim, names));
        }
        Claim::Not(claim) => collect_variables(claim, names),
        Claim::Present { variable, .. }
        | Claim::Kind { variable, .. }
        | Claim::Matches { variable, .. } => {
            note(variable);
        }
        Claim::Compare { variable, with, .. } => {
            note(variable);
            if let Comparand::Path(path) = with {
                note(path);
            }
        }
    }
}

#[cfg(test)]
mod tests;
