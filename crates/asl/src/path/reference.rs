//! Reference paths: they name exactly one place, so a value can be put there.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::Failure;

use super::select::element;
use super::token::{self, Token};

/// Largest array index that a reference path may name.
const REFERENCE_INDEX_MAX: usize = 1_000_000;

/// A path of names and indexes only, such as `$.order.items[0]`; `$` alone is the whole document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferencePath {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
}

impl ReferencePath {
    /// Compiles `text`, which starts with `$`.
    ///
    /// - Refuses `@ .. , : ? *`, negative indexes and functions.
    pub fn parse(text: &str) -> Result<ReferencePath, String> {
        let Some(rest) = text.strip_prefix('$') else {
            return Err(format!("the path '{text}' does not start with '$'"));
        };
        if text.len() > super::PATH_BYTES_MAX {
            return Err(format!("a path is at most {} bytes", super::PATH_BYTES_MAX));
        }
        let steps: Result<Vec<Step>, String> = token::parse(rest)?
            .into_iter()
            .map(|token| step(text, token))
            .collect();
        Ok(ReferencePath {
            text: text.to_owned(),
            steps: steps?,
        })
    }

    /// The path as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value at the place, if there is one.
    pub fn get<'a>(&self, root: &'a Value) -> Option<&'a Value> {
        self.steps.iter().try_fold(root, |at, step| match step {
            Step::Name(name) => at.as_object()?.get(name),
            Step::Index(index) => element(at.as_array()?, i64::try_from(*index).ok()?),
        })
    }

    /// The value at the place in a JSON text, as that text writes it.
    ///
    /// - `None`: nothing is there, or `document` is not JSON.
    pub fn text_in<'t>(&self, document: &'t str) -> Option<&'t str> {
        self.steps
            .iter()
            .try_fold(document.trim(), |at, step| match step {
                Step::Name(name) => {
                    let members: BTreeMap<String, &'t RawValue> = serde_json::from_str(at).ok()?;
                    members.get(name).map(|value| value.get())
                }
                Step::Index(index) => {
                    let elements: Vec<&'t RawValue> = serde_json::from_str(at).ok()?;
                    elements.get(*index).map(|value| value.get())
                }
            })
    }

    /// `target` with `value` at the place: what `ResultPath` does.
    ///
    /// - Objects that are missing on the way are made; array elements must exist.
    /// - Errors: `States.ReferencePathConflict` when a name meets something that is not an object, or an index no
    ///   element. AWS: this name, not the specification's `States.ResultPathMatchFailure`, is in histories.
    pub fn place(&self, mut target: Value, value: Value) -> Result<Value, Failure> {
        if !self.fits(&target) {
            return Err(Failure {
                error: Cow::Borrowed("States.ReferencePathConflict"),
                cause: format!(
                    "Unable to apply ReferencePath {} to input {target}",
                    self.text
                ),
                location: None,
            });
        }
        let mut at = &mut target;
        for step in &self.steps {
            at = match step {
                Step::Name(name) => at
                    .as_object_mut()
                    .expect("fits() has seen an object here")
                    .entry(name.clone())
                    .or_insert_with(|| Value::Object(Map::new())),
                Step::Index(index) => at
                    .as_array_mut()
                    .and_then(|items| items.get_mut(*index))
                    .expect("fits() has seen this element"),
            };
        }
        *at = value;
        Ok(target)
    }

    fn fits(&self, target: &Value) -> bool {
        let mut at = Some(target);
        for step in &self.steps {
            at = match (step, at) {
                (Step::Name(name), Some(Value::Object(members))) => members.get(name),
                // Below a member that is missing everything is made, except elements.
                (Step::Name(_), None) => None,
                (Step::Index(index), Some(Value::Array(items))) if *index < items.len() => {
                    items.get(*index)
                }
                _ => return false,
            };
        }
        true
    }
}

fn step(text: &str, token: Token) -> Result<Step, String> {
    match token {
        Token::Properties(mut names) if names.len() == 1 => {
            let name = names.pop().expect("one name");
            if name.ends_with("()") {
                return Err(format!(
                    "'{text}' is not a reference path: it may not call a function"
                ));
            }
            Ok(Step::Name(name))
        }
        Token::Indexes(indexes) if indexes.len() == 1 => match usize::try_from(indexes[0]) {
            Ok(index) if index <= REFERENCE_INDEX_MAX => Ok(Step::Index(index)),
            _ => Err(format!(
                "the index {} of '{text}' is not allowed in a reference path",
                indexes[0]
            )),
        },
        _ => Err(format!(
            "'{text}' is not a reference path: it may not use '@', '..', ',', ':', '?' or '*'"
        )),
    }
}
