//! The `Parameters` section and the values given for it.

use std::collections::BTreeMap;

use regex::RegexBuilder;
use serde::Serialize;

use crate::node::{Entry, Node, Value};
use crate::problem::{Mark, Place, Problems};
use crate::suggest::suggestion;

/// AWS: parameters of one template.
pub const PARAMETERS_MAX: usize = 200;

/// AWS: bytes of one parameter's value.
pub const PARAMETER_BYTES_MAX: usize = 4096;

/// Bytes that a compiled `AllowedPattern` may take.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;

/// One parameter with its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// The declared type, such as `String` or `List<Number>`.
    pub kind: String,
    /// The value as text; lists with commas.
    pub value: String,
    /// The value is a secret: do not print it.
    pub no_echo: bool,
    /// What the template says about it.
    pub description: Option<String>,
}

/// AWS: attributes of a parameter.
const ATTRIBUTES: [&str; 11] = [
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
];

#[derive(Default)]
pub(crate) struct Parameters {
    declared: BTreeMap<String, Declared>,
}

pub(crate) struct Declared {
    pub public: Parameter,
    /// Text or a list of texts; `None` where the value is missing or wrong, which has been reported.
    pub node: Option<Node>,
}

impl Parameters {
    /// Reads the section; `given` replaces the defaults.
    pub fn read(
        section: Option<&Entry>,
        given: &BTreeMap<String, String>,
        problems: &Problems,
    ) -> Parameters {
        let mut parameters = Parameters::default();
        let place = Place::section("Parameters");
        let entries = section.and_then(|s| s.node.entries()).unwrap_or_default();
        if entries.len() > PARAMETERS_MAX {
            let at = section.map_or(Mark::START, |s| s.at);
            let count = entries.len();
            problems.error(
                at,
                &place,
                format!("{count} parameters, AWS allows {PARAMETERS_MAX}"),
            );
        }
        for entry in entries.iter().take(PARAMETERS_MAX) {
            let reader = Reader {
                entry,
                place: place.join(&entry.key),
                problems,
            };
            let declared = reader.read(given.get(&entry.key));
            parameters.declared.insert(entry.key.clone(), declared);
        }
        for name in given
            .keys()
            .filter(|name| !parameters.declared.contains_key(*name))
        {
            let near = suggestion(name, &mut parameters.names());
            let at = section.map_or(Mark::START, |s| s.at);
            problems.error(
                at,
                &place,
                format!("a value is given for {name}, but there is no parameter {name}{near}"),
            );
        }
        parameters
    }

    pub fn get(&self, name: &str) -> Option<&Declared> {
        self.declared.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.declared.keys().map(String::as_str)
    }

    pub fn into_public(self) -> BTreeMap<String, Parameter> {
        let public = |(name, declared): (String, Declared)| (name, declared.public);
        self.declared.into_iter().map(public).collect()
    }
}

struct Reader<'a> {
    entry: &'a Entry,
    place: Place,
    problems: &'a Problems,
}

impl Reader<'_> {
    fn read(&self, given: Option<&String>) -> Declared {
        let node = &self.entry.node;
        for attribute in node.entries().unwrap_or_default() {
            if !ATTRIBUTES.contains(&attribute.key.as_str()) {
                let near = suggestion(&attribute.key, &mut ATTRIBUTES.iter().copied());
                let message = format!("a parameter has no attribute {}{near}", attribute.key);
                self.problems.error(attribute.at, &self.place, message);
            }
        }
        let kind = match self.text("Type") {
            Some(kind) => kind,
            None => {
                self.fail("a parameter needs a Type");
                "String".to_owned()
            }
        };
        let default = node.get("Default").and_then(Node::scalar);
        let value = given.cloned().or(default);
        let checked = match &value {
            Some(value) => self.check(&kind, value, given.is_some()),
            None => {
                self.fail(format!(
                    "parameter {} has no value and no Default",
                    self.entry.key
                ));
                None
            }
        };
        Declared {
            public: Parameter {
                kind,
                value: value.unwrap_or_default(),
                no_echo: self.is_secret(),
                description: self.text("Description"),
            },
            node: checked,
        }
    }

    fn text(&self, attribute: &str) -> Option<String> {
        self.entry.node.get(attribute).and_then(Node::scalar)
    }

    fn is_secret(&self) -> bool {
        let no_echo = self.text("NoEcho");
        no_echo.is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// A value for a message; a secret is not shown.
    fn shown(&self, value: &str) -> String {
        match self.is_secret() {
            true => "the value (NoEcho)".to_owned(),
            false => format!("\"{value}\""),
        }
    }

    fn number(&self, attribute: &str) -> Option<f64> {
        let text = self.text(attribute)?;
        let number = text.trim().parse().ok();
        if number.is_none() {
            self.fail(format!("{attribute} must be a number, found {text}"));
        }
        number
    }

    fn fail(&self, message: impl Into<String>) {
        self.problems.error(self.entry.at, &self.place, message);
    }

    /// The value as a node, if it keeps to the declaration.
    fn check(&self, kind: &str, value: &str, is_given: bool) -> Option<Node> {
        let shown = self.shown(value);
        let is_list = kind == "CommaDelimitedList" || kind.starts_with("List<");
        let items: Vec<&str> = match is_list {
            true if value.is_empty() => Vec::new(),
            true => value.split(',').map(str::trim).collect(),
            false => vec![value],
        };
        match self.broken_rule(kind, value, &items, is_given) {
            Some(rule) => {
                let described = self.text("ConstraintDescription");
                self.fail(match described {
                    Some(described) => format!("{shown} is not allowed: {described} ({rule})"),
                    None => format!("{shown} is not allowed: {rule}"),
                });
                None
            }
            None if is_list => {
                let nodes = items.iter().map(|item| Node::text(self.entry.at, *item));
                Some(Node::list(self.entry.at, nodes.collect()))
            }
            None => Some(Node {
                at: self.entry.at,
                value: Value::Text(value.to_owned()),
            }),
        }
    }

    /// The first rule that the value breaks.
    fn broken_rule(
        &self,
        kind: &str,
        value: &str,
        items: &[&str],
        is_given: bool,
    ) -> Option<String> {
        if value.len() > PARAMETER_BYTES_MAX {
            return Some(format!("longer than {PARAMETER_BYTES_MAX} bytes"));
        }
        self.check_kind(kind, is_given);
        if let Some(allowed) = self.entry.node.get("AllowedValues") {
            let allowed: Vec<_> = allowed
                .items()
                .unwrap_or_default()
                .iter()
                .filter_map(Node::scalar)
                .collect();
            if let Some(item) = items
                .iter()
                .find(|item| !allowed.iter().any(|a| a == *item))
            {
                return Some(format!(
                    "{} is not one of AllowedValues [{}]",
                    self.shown(item),
                    allowed.join(", ")
                ));
            }
        }
        if matches!(kind, "Number" | "List<Number>") {
            return items.iter().find_map(|item| self.broken_number_rule(item));
        }
        if let Some(pattern) = self.text("AllowedPattern")
            && let Some(item) = items.iter().find(|item| !self.matches(&pattern, item))
        {
            return Some(format!(
                "{} does not match AllowedPattern {pattern}",
                self.shown(item)
            ));
        }
        let chars = value.chars().count() as f64;
        if let Some(min) = self.number("MinLength").filter(|min| chars < *min) {
            return Some(format!("shorter than MinLength {min}"));
        }
        if let Some(max) = self.number("MaxLength").filter(|max| chars > *max) {
            return Some(format!("longer than MaxLength {max}"));
        }
        None
    }

    /// AWS: a pattern must match the whole value.
    fn matches(&self, pattern: &str, item: &str) -> bool {
        let regex = RegexBuilder::new(&format!("^(?:{pattern})$"))
            .size_limit(PATTERN_BYTES_MAX)
            .build();
        match regex {
            Ok(regex) => regex.is_match(item),
            Err(_) => {
                // AWS takes Java's patterns: look-around and back references have no linear-time match.
                let message = format!("AllowedPattern {pattern} cannot be checked here");
                self.problems.warning(self.entry.at, &self.place, message);
                true
            }
        }
    }

    fn broken_number_rule(&self, item: &str) -> Option<String> {
        let Ok(number) = item.trim().parse::<f64>() else {
            return Some(format!("{} is not a number", self.shown(item)));
        };
        if let Some(min) = self.number("MinValue").filter(|min| number < *min) {
            return Some(format!("less than MinValue {min}"));
        }
        if let Some(max) = self.number("MaxValue").filter(|max| number > *max) {
            return Some(format!("more than MaxValue {max}"));
        }
        None
    }

    /// Types whose values only AWS knows are taken as text.
    fn check_kind(&self, kind: &str, is_given: bool) {
        let known = [
            "String",
            "Number",
            "CommaDelimitedList",
            "List<Number>",
            "List<String>",
        ];
        if known.contains(&kind) || kind.starts_with("List<AWS::") {
            return;
        }
        if kind.starts_with("AWS::SSM::Parameter::Value<") {
            // CDK: its version of the bootstrap stack is only there for a rule.
            let default = self.text("Default").unwrap_or_default();
            if !is_given && !default.starts_with("/cdk-bootstrap/") {
                self.fail(format!(
                    "type {kind}: the Systems Manager is not asked here, give the value itself with --parameter {}=VALUE",
                    self.entry.key
                ));
            }
        } else if !kind.starts_with("AWS::") {
            let near = suggestion(kind, &mut known.iter().copied());
            self.fail(format!("unknown parameter type {kind}{near}"));
        }
    }
}
