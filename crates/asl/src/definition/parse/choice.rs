//! Fields of a Choice state. What a JSONPath rule compares is read by [`Test::compile`].

use serde_json::Value;

use super::Parser;
use super::block::{Links, Scope};
use super::fields::Fields;
use crate::choice::Test;
use crate::definition::{Choice, Condition, QueryLanguage, Rule};
use crate::jsonata::Expression;

impl Parser<'_> {
    pub(super) fn choice(
        &mut self,
        fields: Fields<'_>,
        scope: Scope<'_>,
        links: &mut Links<'_>,
    ) -> Option<Choice> {
        let list = if fields.require(&["Choices"], self.report) {
            fields.filled_array("Choices", self.report)
        } else {
            None
        };
        let mut rules = Vec::new();
        for (index, element) in list.into_iter().flatten().enumerate() {
            let pointer = fields.at_index("Choices", index);
            if let Some(rule) = self.element(element, &pointer, fields.language) {
                rules.push(self.rule(element, rule, scope, links));
            }
        }
        let default = fields.text("Default", self.report);
        let default = default.map(|target| links.resolve(target, &fields.at("Default")));
        list?;
        Some(Choice {
            rules: rules.into_iter().collect::<Option<Vec<Rule>>>()?,
            default: match default {
                None => None,
                Some(found) => Some(found?),
            },
        })
    }

    fn rule(
        &mut self,
        value: &Value,
        fields: Fields<'_>,
        scope: Scope<'_>,
        links: &mut Links<'_>,
    ) -> Option<Rule> {
        let complete = fields.require(&["Next"], self.report);
        let (condition, output) = match fields.language {
            QueryLanguage::JsonPath => (self.test(value, fields), None),
            QueryLanguage::Jsonata => (
                self.condition(fields),
                self.jsonata_template(fields, "Output"),
            ),
        };
        let assign = self.assign(fields, scope.around);
        let target = fields.text("Next", self.report);
        let next = target.and_then(|target| links.resolve(target, &fields.at("Next")));
        if !complete {
            return None;
        }
        Some(Rule {
            condition: condition?,
            next: next?,
            assign,
            output,
        })
    }

    fn test(&mut self, value: &Value, fields: Fields<'_>) -> Option<Condition> {
        for field in JSONATA_FIELDS {
            fields.only_in(field, QueryLanguage::Jsonata, self.report);
        }
        let strangers = self.refuse_strangers(fields, &RULE_FIELDS);
        let nested = self.refuse_nested(fields);
        if strangers || nested || JSONATA_FIELDS.iter().any(|field| fields.has(field)) {
            return None;
        }
        match Test::compile(value, fields.pointer) {
            Ok(test) => {
                self.note(test.variables());
                Some(Condition::JsonPath(test))
            }
            Err(diagnostics) => {
                diagnostics
                    .into_iter()
                    .for_each(|diagnostic| self.report.push(diagnostic));
                None
            }
        }
    }

    fn condition(&mut self, fields: Fields<'_>) -> Option<Condition> {
        for field in fields.object.keys().filter(|field| is_comparison(field)) {
            fields.only_in(field, QueryLanguage::JsonPath, self.report);
        }
        self.refuse_strangers(fields, &RULE_FIELDS);
        if !fields.require(&["Condition"], self.report) {
            return None;
        }
        match fields.get("Condition") {
            Some(Value::Bool(_)) => self.jsonata_condition(fields),
            Some(Value::String(text)) if Expression::is_marked(text) => {
                self.jsonata_condition(fields)
            }
            _ => {
                self.report
                    .schema(&fields.at("Condition"), "Expected value of type Boolean");
                None
            }
        }
    }

    fn jsonata_condition(&mut self, fields: Fields<'_>) -> Option<Condition> {
        self.jsonata_template(fields, "Condition")
            .map(Condition::Jsonata)
    }

    /// Reports fields that no rule has; returns whether there were any.
    fn refuse_strangers(&mut self, fields: Fields<'_>, known: &[&str]) -> bool {
        let is_stranger =
            |field: &&String| !known.contains(&field.as_str()) && !is_comparison(field);
        let mut found = false;
        for field in fields.object.keys().filter(is_stranger) {
            self.report
                .schema(fields.pointer, format!("Field '{field}' is not supported"));
            found = true;
        }
        found
    }

    /// Reports what the rules inside `And`, `Or` and `Not` may not have: only the outermost rule transitions.
    fn refuse_nested(&mut self, fields: Fields<'_>) -> bool {
        let mut found = false;
        for (operator, value) in fields
            .object
            .iter()
            .filter(|(field, _)| matches!(field.as_str(), "And" | "Or" | "Not"))
        {
            let inner: Vec<(String, &Value)> = match value {
                Value::Array(rules) => rules
                    .iter()
                    .enumerate()
                    .map(|(index, rule)| (fields.at_index(operator, index), rule))
                    .collect(),
                rule => vec![(fields.at(operator), rule)],
            };
            for (pointer, rule) in inner {
                if let Value::Object(object) = rule {
                    let rule = Fields {
                        object,
                        pointer: &pointer,
                        language: fields.language,
                    };
                    found |= self.refuse_strangers(rule, &["Comment"]);
                    found |= self.refuse_nested(rule);
                }
            }
        }
        found
    }
}

/// Fields of a rule beside what it compares.
const RULE_FIELDS: [&str; 5] = ["Comment", "Next", "Assign", "Condition", "Output"];

const JSONATA_FIELDS: [&str; 2] = ["Condition", "Output"];

/// Whether `field` says what a JSONPath rule compares.
fn is_comparison(field: &str) -> bool {
    const PREFIXES: [&str; 5] = ["Boolean", "Is", "Numeric", "String", "Timestamp"];
    matches!(field, "Variable" | "And" | "Or" | "Not")
        || PREFIXES.iter().any(|prefix| field.starts_with(prefix))
}
