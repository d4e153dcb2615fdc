//! A rule's comparison, checked and compiled.

use serde_json::{Map, Value};

use crate::Timestamp;
use crate::diagnostic::{Diagnostic, Severity};
use crate::path::{self, ValuePath};

use super::{Claim, Comparand, Family, Glob, Relation, TEST_DEPTH_MAX, Test, ValueKind};

/// Members of a rule that say nothing about its comparison.
const RULE_FIELDS: [&str; 5] = ["Next", "Assign", "Output", "Comment", "Variable"];

/// Operators that take rules.
const JUNCTIONS: [&str; 3] = ["And", "Or", "Not"];

/// As [`Test::compile`].
pub(super) fn test(rule: &Value, pointer: &str) -> Result<Test, Vec<Diagnostic>> {
    let mut compiler = Compiler {
        problems: Vec::new(),
    };
    let root = compiler.claim(rule, pointer, 0);
    match root {
        Some(root) if compiler.problems.is_empty() => Ok(Test { root }),
        _ => Err(compiler.problems),
    }
}

/// Whether `name` is one of the 39 comparison operators.
pub(super) fn is_operator(name: &str) -> bool {
    Comparison::named(name).is_some()
}

struct Compiler {
    problems: Vec<Diagnostic>,
}

impl Compiler {
    fn refuse<T>(&mut self, pointer: &str, message: impl Into<String>) -> Option<T> {
        self.problems.push(Diagnostic {
            severity: Severity::Error,
            code: "SCHEMA_VALIDATION_FAILED",
            message: message.into(),
            location: Some(pointer.to_owned()),
        });
        None
    }

    fn claim(&mut self, rule: &Value, pointer: &str, depth: usize) -> Option<Claim> {
        let Some(rule) = rule.as_object() else {
            return self.refuse(pointer, "Expected value of type Object");
        };
        if depth > TEST_DEPTH_MAX {
            return self.refuse(
                pointer,
                format!("Choice rules nest at most {TEST_DEPTH_MAX} levels"),
            );
        }
        let mut operators: Vec<&str> = rule
            .keys()
            .map(String::as_str)
            .filter(|name| !RULE_FIELDS.contains(name))
            .collect();
        operators.sort_unstable();
        let joined = operators.iter().filter(|name| JUNCTIONS.contains(name));
        if joined.count() + usize::from(rule.contains_key("Variable")) != 1 {
            return self.refuse(
                pointer,
                "The object must have only one of the following fields, [And, Or, Not, Variable, Condition]",
            );
        }
        match operators.as_slice() {
            [] => self.refuse(
                pointer,
                "A choice rule must have exactly one comparison operator",
            ),
            [operator] => self.operator(operator, rule, pointer, depth),
            [_, ..] => self.refuse(
                pointer,
                format!(
                    "There should only be one of the following fields: [{}]",
                    operators.join(", ")
                ),
            ),
        }
    }

    fn operator(
        &mut self,
        operator: &str,
        rule: &Map<String, Value>,
        pointer: &str,
        depth: usize,
    ) -> Option<Claim> {
        let value = &rule[operator];
        let at = format!("{pointer}/{operator}");
        match operator {
            "And" => self.claims(value, &at, depth).map(Claim::And),
            "Or" => self.claims(value, &at, depth).map(Claim::Or),
            "Not" => self
                .claim(value, &at, depth + 1)
                .map(|claim| Claim::Not(Box::new(claim))),
            _ => {
                let Some(comparison) = Comparison::named(operator) else {
                    return self.refuse(&at, format!("Field '{operator}' is not supported"));
                };
                let variable = self.path(&rule["Variable"], &format!("{pointer}/Variable"))?;
                self.comparison(comparison, variable, value, &at)
            }
        }
    }

    /// AWS: `And` and `Or` take a list of at least one rule.
    fn claims(&mut self, value: &Value, pointer: &str, depth: usize) -> Option<Vec<Claim>> {
        let Some(rules) = value.as_array() else {
            return self.refuse(pointer, "Expected value of type Array");
        };
        if rules.is_empty() {
            return self.refuse(pointer, "Value cannot be empty");
        }
        let claims: Vec<Option<Claim>> = rules
            .iter()
            .enumerate()
            .map(|(index, rule)| self.claim(rule, &format!("{pointer}[{index}]"), depth + 1))
            .collect();
        claims.into_iter().collect()
    }

    fn path(&mut self, value: &Value, pointer: &str) -> Option<ValuePath> {
        match value.as_str().map(ValuePath::parse) {
            Some(Ok(path)) => Some(path),
            Some(Err(reason)) => {
                let text = value.as_str().unwrap_or_default();
                self.refuse(pointer, path::not_a_reference(text, &reason))
            }
            None => self.refuse(pointer, "Expected value of type String"),
        }
    }

    fn comparison(
        &mut self,
        comparison: Comparison,
        variable: ValuePath,
        value: &Value,
        pointer: &str,
    ) -> Option<Claim> {
        match comparison {
            Comparison::IsPresent => {
                let expected = self.flag(value, pointer)?;
                Some(Claim::Present { variable, expected })
            }
            Comparison::Is(kind) => {
                let expected = self.flag(value, pointer)?;
                Some(Claim::Kind {
                    variable,
                    kind,
                    expected,
                })
            }
            Comparison::Matches => match value.as_str() {
                Some(pattern) => Some(Claim::Matches {
                    variable,
                    pattern: globs(pattern),
                }),
                None => self.refuse(pointer, "Expected value of type String"),
            },
            Comparison::Path(family, relation) => {
                let with = Comparand::Path(self.path(value, pointer)?);
                Some(Claim::Compare {
                    variable,
                    family,
                    relation,
                    with,
                })
            }
            Comparison::Literal(family, relation) => {
                let with = Comparand::Literal(self.literal(family, value, pointer)?);
                Some(Claim::Compare {
                    variable,
                    family,
                    relation,
                    with,
                })
            }
        }
    }

    fn flag(&mut self, value: &Value, pointer: &str) -> Option<bool> {
        value
            .as_bool()
            .or_else(|| self.refuse(pointer, "Expected value of type Boolean"))
    }

    fn literal(&mut self, family: Family, value: &Value, pointer: &str) -> Option<Value> {
        let expected = match family {
            Family::Boolean if !value.is_boolean() => "Boolean",
            Family::Numeric if !value.is_number() => "Number",
            Family::String | Family::Timestamp if !value.is_string() => "String",
            _ => {
                let is_instant = value
                    .as_str()
                    .is_some_and(|text| Timestamp::parse(text).is_some());
                if family == Family::Timestamp && !is_instant {
                    return self.refuse(pointer, "String does not match RFC3339 timestamp");
                }
                return Some(value.clone());
            }
        };
        self.refuse(pointer, format!("Expected value of type {expected}"))
    }
}

/// One of the 39 comparison operators.
enum Comparison {
    IsPresent,
    Is(ValueKind),
    Matches,
    Literal(Family, Relation),
    /// With the suffix `Path`.
    Path(Family, Relation),
}

impl Comparison {
    fn named(operator: &str) -> Option<Comparison> {
        match operator {
            "IsPresent" => return Some(Comparison::IsPresent),
            "IsNull" => return Some(Comparison::Is(ValueKind::Null)),
            "IsNumeric" => return Some(Comparison::Is(ValueKind::Numeric)),
            "IsString" => return Some(Comparison::Is(ValueKind::String)),
            "IsBoolean" => return Some(Comparison::Is(ValueKind::Boolean)),
            "IsTimestamp" => return Some(Comparison::Is(ValueKind::Timestamp)),
            "StringMatches" => return Some(Comparison::Matches),
            _ => {}
        }
        let (name, is_path) = match operator.strip_suffix("Path") {
            Some(name) => (name, true),
            None => (operator, false),
        };
        let (family, relation) = [
            ("String", Family::String),
            ("Numeric", Family::Numeric),
            ("Boolean", Family::Boolean),
            ("Timestamp", Family::Timestamp),
        ]
        .into_iter()
        .find_map(|(prefix, family)| Some((family, name.strip_prefix(prefix)?)))?;
        let relation = match relation {
            "Equals" => Relation::Equals,
            "LessThan" => Relation::LessThan,
            "GreaterThan" => Relation::GreaterThan,
            "LessThanEquals" => Relation::LessThanEquals,
            "GreaterThanEquals" => Relation::GreaterThanEquals,
            _ => return None,
        };
        // The language orders texts, numbers and instants only.
        if family == Family::Boolean && relation != Relation::Equals {
            return None;
        }
        Some(if is_path {
            Comparison::Path(family, relation)
        } else {
            Comparison::Literal(family, relation)
        })
    }
}

/// AWS: `*` matches anything; `\*` is a star, `\\` a backslash.
fn globs(pattern: &str) -> Vec<Glob> {
    let mut globs = Vec::new();
    let mut characters = pattern.chars().peekable();
    while let Some(c) = characters.next() {
        globs.push(match c {
            '*' => Glob::Any,
            '\\' if matches!(characters.peek(), Some('*' | '\\')) => {
                Glob::Character(characters.next().unwrap_or('\\'))
            }
            c => Glob::Character(c),
        });
    }
    globs
}
