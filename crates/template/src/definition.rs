//! The definition of a state machine: from the template or a file, with its substitutions, to JSON text.

use std::collections::{BTreeMap, BTreeSet};

use crate::json;
use crate::names::is_supported;
use crate::node::{Entry, Node, Value};
use crate::parse::parse;
use crate::problem::{Mark, PROBLEMS_MAX, Place, Severity};
use crate::properties::Properties;
use crate::resource::Resource;
use crate::scope::Scope;
use crate::suggest::suggestion;

/// AWS: bytes of a definition.
pub const DEFINITION_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of one `${Name}`.
const SUBSTITUTION_BYTES_MAX: usize = 512;

type ReadFile<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// The JSON text, and the path of the file it comes from.
pub(crate) fn read(
    resource: &Resource,
    properties: &Properties<'_>,
    scope: &Scope<'_>,
    read_file: ReadFile<'_>,
) -> Option<(String, Option<String>)> {
    let is_sam = resource.kind == "AWS::Serverless::StateMachine";
    let names: &[&str] = if is_sam {
        &["Definition", "DefinitionUri"]
    } else {
        &["Definition", "DefinitionString", "DefinitionS3Location"]
    };
    let given: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| properties.has(name))
        .collect();
    let property = match given.as_slice() {
        [] => {
            let message = format!("a state machine needs one of {}", names.join(", "));
            properties.fail(names[0], properties.at, message);
            return None;
        }
        [only] => *only,
        [_, second, ..] => {
            let at = properties.get(second).map_or(properties.at, |node| node.at);
            properties.fail(
                second,
                at,
                format!("a state machine has only one of {}", names.join(", ")),
            );
            return None;
        }
    };
    let node = properties.get(property)?;
    let mut text = Text {
        substitutions: properties.text_map("DefinitionSubstitutions"),
        used: BTreeSet::new(),
        warned: BTreeSet::new(),
        scope,
        place: properties.place.join(property),
        file: None,
        at: node.at,
    };
    let definition = match property {
        "Definition" => text.inline(node),
        "DefinitionString" => text.string(node),
        _ => text.file(node, read_file),
    };
    text.warn_unused(properties);
    definition.map(|definition| (definition, text.file))
}

/// Evaluates an inline definition the way SAM does: what a function gives is text.
///
/// AWS SAM: a function inside `Definition` becomes a quoted `${definition_substitution_N}`, so even a
/// number from `Fn::If` arrives as text, and a list or map cannot arrive at all.
pub(crate) fn evaluate_as_text(node: &Node, scope: &Scope<'_>, place: &mut Place) -> Option<Node> {
    if node.function().is_some() {
        let value = scope.evaluate(node, place)?;
        return match (value.scalar(), &value.value) {
            (Some(text), _) => Some(Node::text(node.at, text)),
            (None, Value::Unresolved) => Some(value),
            (None, _) => {
                let message = format!(
                    "a function in a SAM definition must give text, found {}",
                    value.kind()
                );
                scope.problems.error(node.at, place, message);
                Some(Node::unresolved(node.at))
            }
        };
    }
    let value = match &node.value {
        Value::List(items) => {
            let mut values = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                place.push(&index.to_string());
                values.extend(evaluate_as_text(item, scope, place));
                place.pop();
            }
            Value::List(values)
        }
        Value::Map(entries) => {
            let mut values = Vec::with_capacity(entries.len());
            for entry in entries {
                place.push(&entry.key);
                let node = evaluate_as_text(&entry.node, scope, place);
                place.pop();
                values.extend(node.map(|node| Entry {
                    node,
                    ..entry.clone()
                }));
            }
            Value::Map(values)
        }
        value => value.clone(),
    };
    Some(Node { at: node.at, value })
}

/// One definition on its way to JSON text.
struct Text<'a> {
    substitutions: BTreeMap<String, String>,
    used: BTreeSet<String>,
    /// Names without a substitution that have been warned about.
    warned: BTreeSet<String>,
    scope: &'a Scope<'a>,
    place: Place,
    /// The definition's file; `None` for one in the template.
    file: Option<String>,
    /// Where the definition starts in the template.
    at: Mark,
}

impl Text<'_> {
    fn report(&self, severity: Severity, at: Mark, message: impl Into<String>) {
        let problems = self.scope.problems;
        match (&self.file, severity) {
            (Some(file), _) => problems.add(severity, file, at, &self.place, message.into()),
            (None, Severity::Error) => problems.error(self.at, &self.place, message),
            (None, Severity::Warning) => problems.warning(self.at, &self.place, message),
        }
    }

    fn inline(&mut self, node: &Node) -> Option<String> {
        if node.entries().is_none() {
            let message = format!("a Definition is a map, found {}", node.kind());
            self.report(Severity::Error, self.at, message);
            return None;
        }
        let text =
            serde_json::to_string_pretty(&node.to_json()).expect("invariant: a JSON value prints");
        self.json(&text)
    }

    fn string(&mut self, node: &Node) -> Option<String> {
        match node.as_text() {
            Some(text) => self.json(text),
            None => {
                let message = format!("DefinitionString is JSON text, found {}", node.kind());
                self.report(Severity::Error, self.at, message);
                None
            }
        }
    }

    /// Substitutes in JSON text that stands in the template.
    fn json(&mut self, text: &str) -> Option<String> {
        let text = self.substitute(text);
        self.within_limit(&text)?;
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text) {
            self.report(
                Severity::Error,
                self.at,
                format!("the definition is not JSON: {error}"),
            );
            return None;
        }
        Some(text)
    }

    fn file(&mut self, node: &Node, read_file: ReadFile<'_>) -> Option<String> {
        let key = node.get("Key").and_then(Node::scalar);
        let asset = key.and_then(|key| self.scope.assets.get(&key));
        let path = match (node.as_text(), node.entries()) {
            (None, Some(_)) if asset.is_some() => asset.map_or("", String::as_str),
            (Some(path), _) if !path.starts_with("s3://") => path,
            (Some(address), _) => return self.refuse_s3(address),
            (None, Some(_)) => {
                let part = |name| {
                    node.get(name)
                        .and_then(Node::scalar)
                        .unwrap_or_else(|| "?".to_owned())
                };
                return self.refuse_s3(&format!("s3://{}/{}", part("Bucket"), part("Key")));
            }
            (None, None) => {
                let message = format!("expected the path of a file, found {}", node.kind());
                self.report(Severity::Error, self.at, message);
                return None;
            }
        };
        let text = match read_file(path) {
            Ok(text) => text,
            Err(error) => {
                self.report(
                    Severity::Error,
                    self.at,
                    format!("cannot read {path}: {error}"),
                );
                return None;
            }
        };
        self.file = Some(path.to_owned());
        let text = self.substitute(text.strip_prefix('\u{feff}').unwrap_or(&text));
        self.within_limit(&text)?;
        self.file_to_json(path, text)
    }

    fn refuse_s3(&self, address: &str) -> Option<String> {
        let message = format!("the definition is at {address}: S3 is not read, name a local file");
        self.report(Severity::Error, self.at, message);
        None
    }

    fn within_limit(&self, text: &str) -> Option<()> {
        if text.len() <= DEFINITION_BYTES_MAX {
            return Some(());
        }
        let message = format!(
            "the definition has {} bytes, AWS allows {DEFINITION_BYTES_MAX}",
            text.len()
        );
        self.report(Severity::Error, Mark::START, message);
        None
    }

    /// JSON stays as it is, to the byte; YAML becomes JSON.
    fn file_to_json(&self, path: &str, text: String) -> Option<String> {
        if json::is_valid(&text) {
            return Some(text);
        }
        if path.to_ascii_lowercase().ends_with(".json")
            && let Some(error) = json::error(&text)
        {
            self.report(Severity::Error, error.at, error.message);
            return None;
        }
        match parse(&text) {
            Ok(node) if node.entries().is_some() => Some(
                serde_json::to_string_pretty(&node.to_json())
                    .expect("invariant: a JSON value prints"),
            ),
            Ok(node) => {
                let message = format!("a definition is a map, found {}", node.kind());
                self.report(Severity::Error, node.at, message);
                None
            }
            Err(error) => {
                self.report(Severity::Error, error.at, error.message);
                None
            }
        }
    }

    /// Replaces `${Name}` textually, before the text is parsed: numbers need no quotes.
    fn substitute(&mut self, text: &str) -> String {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            result.push_str(&rest[..start]);
            let end = rest
                .bytes()
                .skip(start)
                .take(SUBSTITUTION_BYTES_MAX)
                .position(|byte| byte == b'}');
            let Some(length) = end else {
                result.push_str("${");
                rest = &rest[start + 2..];
                continue;
            };
            let name = &rest[start + 2..start + length];
            let offset = text.len() - rest.len() + start;
            match self.value_of(name, text, offset) {
                Some(value) => {
                    result.push_str(&value);
                    rest = &rest[start + length + 1..];
                }
                None => {
                    result.push_str("${");
                    rest = &rest[start + 2..];
                }
            }
        }
        result.push_str(rest);
        result
    }

    fn value_of(&mut self, name: &str, text: &str, offset: usize) -> Option<String> {
        if let Some(value) = self.substitutions.get(name) {
            self.used.insert(name.to_owned());
            return Some(value.clone());
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
        if name.is_empty() || !name.chars().all(is_name) {
            return None;
        }
        let value = self.implied(name);
        // A warning for each name, not for each use, and not without end.
        if self.warned.len() < PROBLEMS_MAX && self.warned.insert(name.to_owned()) {
            let message = match &value {
                Some(value) => {
                    format!(
                        "${{{name}}} is taken to be {value}; AWS would need DefinitionSubstitutions for it"
                    )
                }
                None => {
                    let near = suggestion(name, &mut self.substitutions.keys().map(String::as_str));
                    format!("${{{name}}} has no substitution and stays as it is{near}")
                }
            };
            self.report(Severity::Warning, position(text, offset), message);
        }
        value
    }

    /// What a name without a substitution can only mean: a function or state machine of the template.
    fn implied(&self, name: &str) -> Option<String> {
        let names = &self.scope.names;
        let exists = |id: &str| {
            names
                .get(id)
                .filter(|named| is_supported(&named.kind) && named.false_condition.is_none())
        };
        if let Some(named) = exists(name) {
            return Some(named.reference(&self.scope.pseudo));
        }
        let id = name.strip_suffix("Arn")?;
        let id = id.strip_suffix('.').unwrap_or(id);
        exists(id).map(|named| named.arn(&self.scope.pseudo))
    }

    fn warn_unused(&self, properties: &Properties<'_>) {
        let place = properties.place.join("DefinitionSubstitutions");
        let entries = properties
            .get("DefinitionSubstitutions")
            .and_then(Node::entries);
        for entry in entries.unwrap_or_default() {
            if self.substitutions.contains_key(&entry.key) && !self.used.contains(&entry.key) {
                let message = format!("the definition has no ${{{}}}", entry.key);
                self.scope
                    .problems
                    .warning(entry.at, &place.join(&entry.key), message);
            }
        }
    }
}

/// Line and column of a byte in a text.
fn position(text: &str, offset: usize) -> Mark {
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Mark {
        line: u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX),
        column: u32::try_from(before[line_start..].chars().count() + 1).unwrap_or(u32::MAX),
    }
}
