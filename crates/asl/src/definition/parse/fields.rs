//! Typed access to the fields of one object, with AWS's texts for what is wrong.

use serde_json::{Map, Value};

use super::report::Report;
use crate::definition::QueryLanguage;

/// An object of the definition, where it is, and the language of the expressions in it.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) object: &'a Map<String, Value>,
    /// As AWS writes it: `/States/Pay/Catch[0]`, names unescaped; empty for the definition itself.
    pub(super) pointer: &'a str,
    pub(super) language: QueryLanguage,
}

impl<'a> Fields<'a> {
    /// The pointer of `field`.
    pub(super) fn at(self, field: &str) -> String {
        format!("{}/{field}", self.pointer)
    }

    /// The pointer of element `index` of the array `field`.
    pub(super) fn at_index(self, field: &str, index: usize) -> String {
        format!("{}/{field}[{index}]", self.pointer)
    }

    pub(super) fn get(self, field: &str) -> Option<&'a Value> {
        self.object.get(field)
    }

    pub(super) fn has(self, field: &str) -> bool {
        self.object.contains_key(field)
    }

    pub(super) fn text(self, field: &str, report: &mut Report) -> Option<&'a str> {
        self.typed(field, "String", Value::as_str, report)
    }

    pub(super) fn flag(self, field: &str, report: &mut Report) -> Option<bool> {
        self.typed(field, "Boolean", Value::as_bool, report)
    }

    pub(super) fn array(self, field: &str, report: &mut Report) -> Option<&'a Vec<Value>> {
        self.typed(field, "Array", Value::as_array, report)
    }

    pub(super) fn object(self, field: &str, report: &mut Report) -> Option<&'a Map<String, Value>> {
        self.typed(field, "Object", Value::as_object, report)
    }

    /// An array with at least one element.
    pub(super) fn filled_array(self, field: &str, report: &mut Report) -> Option<&'a Vec<Value>> {
        let array = self.array(field, report)?;
        if array.is_empty() {
            report.schema(&self.at(field), "Value cannot be empty");
            return None;
        }
        Some(array)
    }

    /// A text out of a closed set.
    pub(super) fn one_of(
        self,
        field: &str,
        values: &[&'static str],
        report: &mut Report,
    ) -> Option<&'static str> {
        let text = self.text(field, report)?;
        let found = values.iter().find(|value| **value == text);
        if found.is_none() {
            let message = format!(
                "Value should be one of the following: [{}]",
                values.join(", ")
            );
            report.schema(&self.at(field), message);
        }
        found.copied()
    }

    /// An integer in `min..=max`.
    pub(super) fn integer(
        self,
        field: &str,
        min: u64,
        max: u64,
        report: &mut Report,
    ) -> Option<u64> {
        let value = self.typed(field, "Integer", integer, report)?;
        self.check_range(field, value, i128::from(min), i128::from(max), report)?;
        u64::try_from(value).ok()
    }

    /// A number in `min..=max`.
    pub(super) fn number(
        self,
        field: &str,
        min: f64,
        max: f64,
        report: &mut Report,
    ) -> Option<f64> {
        let value = self.typed(field, "Number", Value::as_f64, report)?;
        if value < min {
            report.schema(&self.at(field), format!("Minimum value is {min:?}"));
            return None;
        }
        if value > max {
            report.schema(&self.at(field), format!("Maximum value is {max:?}"));
            return None;
        }
        Some(value)
    }

    fn check_range(
        self,
        field: &str,
        value: i128,
        min: i128,
        max: i128,
        report: &mut Report,
    ) -> Option<()> {
        if value < min {
            report.schema(&self.at(field), format!("Minimum value is {min}"));
            return None;
        }
        if value > max {
            report.schema(&self.at(field), format!("Maximum value is {max}"));
            return None;
        }
        Some(())
    }

    /// Reports the fields of `names` that are absent, all in one finding.
    pub(super) fn require(self, names: &[&str], report: &mut Report) -> bool {
        let missing: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| !self.has(name))
            .collect();
        if !missing.is_empty() {
            report.schema(
                self.pointer,
                format!("These fields are required: [{}]", missing.join(", ")),
            );
        }
        missing.is_empty()
    }

    /// Reports when more than one of `names` is present.
    pub(super) fn at_most_one(self, names: &[&str], report: &mut Report) -> bool {
        let present = names.iter().filter(|name| self.has(name)).count();
        if present > 1 {
            let message = format!(
                "There should only be one of the following fields: [{}]",
                names.join(", ")
            );
            report.schema(self.pointer, message);
        }
        present <= 1
    }

    /// Reports unless exactly one of `names` is present.
    pub(super) fn exactly_one(self, names: &[&str], report: &mut Report) -> bool {
        if names.iter().any(|name| self.has(name)) {
            return self.at_most_one(names, report);
        }
        report.schema(
            self.pointer,
            format!("One of these fields is required: [{}]", names.join(", ")),
        );
        false
    }

    /// Reports every field that is not one of `names`, in document order.
    pub(super) fn allow_only(self, names: &[&str], report: &mut Report) {
        for field in self
            .object
            .keys()
            .filter(|field| !names.contains(&field.as_str()))
        {
            report.schema(self.pointer, format!("Field '{field}' is not supported"));
        }
    }

    /// Reports `field` when it is present but belongs to the other language.
    pub(super) fn only_in(self, field: &str, language: QueryLanguage, report: &mut Report) {
        if self.has(field) && self.language != language {
            let (here, there) = (self.language.as_str(), language.as_str());
            report.schema(
                self.pointer,
                format!(
                    "The QueryLanguage is set to '{here}', but field '{field}' is only supported for the '{there}' \
                     QueryLanguage"
                ),
            );
        }
    }

    fn typed<T>(
        self,
        field: &str,
        type_name: &str,
        read: impl Fn(&'a Value) -> Option<T>,
        report: &mut Report,
    ) -> Option<T> {
        let value = self.get(field)?;
        let read = read(value);
        if read.is_none() {
            report.schema(
                &self.at(field),
                format!("Expected value of type {type_name}"),
            );
        }
        read
    }
}

/// AWS shows the definition itself as `/`.
pub(super) fn display(pointer: &str) -> String {
    if pointer.is_empty() {
        "/".to_owned()
    } else {
        pointer.to_owned()
    }
}

fn integer(value: &Value) -> Option<i128> {
    value
        .as_i64()
        .map(i128::from)
        .or_else(|| value.as_u64().map(i128::from))
}
