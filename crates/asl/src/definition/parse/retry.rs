//! `Retry` and `Catch`.

use serde_json::Value;

use super::block::{Links, Scope};
use super::fields::Fields;
use super::{Parser, SECONDS_MAX};
use crate::definition::{Catcher, Jitter, QueryLanguage, ResultPath, Retrier};

/// The error name that stands for every other; alone, and in the last element.
const ALL: &str = "States.ALL";

const MAX_ATTEMPTS_MAX: u64 = 99_999_998;
/// Developer guide: less than 31,622,400 (a leap year).
const MAX_DELAY_SECONDS_MAX: u64 = 31_622_399;

const INTERVAL_SECONDS_DEFAULT: u64 = 1;
const MAX_ATTEMPTS_DEFAULT: u64 = 3;
const BACKOFF_RATE_DEFAULT: f64 = 2.0;

impl Parser<'_> {
    pub(super) fn retriers(&mut self, fields: Fields<'_>) -> Option<Vec<Retrier>> {
        let Some(list) = self.elements(fields, "Retry") else {
            return (!fields.has("Retry")).then(Vec::new);
        };
        let mut retriers = Vec::with_capacity(list.len());
        for (index, element) in list.iter().enumerate() {
            let pointer = fields.at_index("Retry", index);
            if let Some(fields) = self.element(element, &pointer, fields.language) {
                retriers.push(self.retrier(fields, index + 1 == list.len()));
            }
        }
        retriers.into_iter().collect()
    }

    fn retrier(&mut self, fields: Fields<'_>, is_last: bool) -> Option<Retrier> {
        const FIELDS: &[&str] = &[
            "Comment",
            "ErrorEquals",
            "IntervalSeconds",
            "MaxAttempts",
            "BackoffRate",
            "MaxDelaySeconds",
            "JitterStrategy",
        ];
        fields.allow_only(FIELDS, self.report);
        let error_equals = self.error_equals(fields, is_last);
        let interval_seconds = fields.integer("IntervalSeconds", 1, SECONDS_MAX, self.report);
        let max_attempts = fields.integer("MaxAttempts", 0, MAX_ATTEMPTS_MAX, self.report);
        let backoff_rate = fields.number("BackoffRate", 1.0, f64::MAX, self.report);
        let max_delay_seconds =
            fields.integer("MaxDelaySeconds", 1, MAX_DELAY_SECONDS_MAX, self.report);
        if let (Some(interval), Some(max_delay)) = (interval_seconds, max_delay_seconds)
            && max_delay < interval
        {
            let message = format!(
                "MaxDelaySeconds {max_delay} must not be smaller than IntervalSeconds {interval}"
            );
            self.report.schema(&fields.at("MaxDelaySeconds"), message);
        }
        let jitter = fields.one_of("JitterStrategy", &["FULL", "NONE"], self.report);
        Some(Retrier {
            error_equals: error_equals?,
            interval_seconds: interval_seconds.unwrap_or(INTERVAL_SECONDS_DEFAULT),
            max_attempts: u32::try_from(max_attempts.unwrap_or(MAX_ATTEMPTS_DEFAULT)).ok()?,
            backoff_rate: backoff_rate.unwrap_or(BACKOFF_RATE_DEFAULT),
            max_delay_seconds,
            jitter: if jitter == Some("FULL") {
                Jitter::Full
            } else {
                Jitter::None
            },
        })
    }

    pub(super) fn catchers(
        &mut self,
        fields: Fields<'_>,
        scope: Scope<'_>,
        links: &mut Links<'_>,
    ) -> Option<Vec<Catcher>> {
        let Some(list) = self.elements(fields, "Catch") else {
            return (!fields.has("Catch")).then(Vec::new);
        };
        let mut catchers = Vec::with_capacity(list.len());
        for (index, element) in list.iter().enumerate() {
            let pointer = fields.at_index("Catch", index);
            if let Some(fields) = self.element(element, &pointer, fields.language) {
                catchers.push(self.catcher(fields, index + 1 == list.len(), scope, links));
            }
        }
        catchers.into_iter().collect()
    }

    fn catcher(
        &mut self,
        fields: Fields<'_>,
        is_last: bool,
        scope: Scope<'_>,
        links: &mut Links<'_>,
    ) -> Option<Catcher> {
        fields.allow_only(
            &[
                "Comment",
                "ErrorEquals",
                "Next",
                "ResultPath",
                "Output",
                "Assign",
            ],
            self.report,
        );
        fields.only_in("ResultPath", QueryLanguage::JsonPath, self.report);
        fields.only_in("Output", QueryLanguage::Jsonata, self.report);
        let complete = fields.require(&["Next"], self.report);
        let error_equals = self.error_equals(fields, is_last);
        let next = fields
            .text("Next", self.report)
            .and_then(|target| links.resolve(target, &fields.at("Next")));
        let (result_path, output) = match fields.language {
            QueryLanguage::JsonPath => (self.result_path(fields), None),
            QueryLanguage::Jsonata => (ResultPath::Whole, self.jsonata_template(fields, "Output")),
        };
        let assign = self.assign(fields, scope.around);
        if !complete {
            return None;
        }
        Some(Catcher {
            error_equals: error_equals?,
            next: next?,
            result_path,
            output,
            assign,
        })
    }

    fn error_equals(&mut self, fields: Fields<'_>, is_last: bool) -> Option<Vec<String>> {
        if !fields.require(&["ErrorEquals"], self.report) {
            return None;
        }
        let list = fields.filled_array("ErrorEquals", self.report)?;
        let mut names = Vec::with_capacity(list.len());
        for (index, name) in list.iter().enumerate() {
            match name {
                Value::String(name) => names.push(name.clone()),
                _ => self.report.schema(
                    &fields.at_index("ErrorEquals", index),
                    "Expected value of type String",
                ),
            }
        }
        if names.iter().any(|name| name == ALL) {
            let pointer = fields.at("ErrorEquals");
            if names.len() > 1 {
                self.report
                    .schema(&pointer, format!("'{ALL}' must appear alone"));
            }
            if !is_last {
                self.report.schema(
                    &pointer,
                    format!("'{ALL}' must appear in the last element only"),
                );
            }
        }
        (names.len() == list.len()).then_some(names)
    }

    fn elements<'a>(&mut self, fields: Fields<'a>, field: &str) -> Option<&'a Vec<Value>> {
        fields.array(field, self.report)
    }

    /// One element of an array of objects.
    pub(super) fn element<'a>(
        &mut self,
        element: &'a Value,
        pointer: &'a str,
        language: QueryLanguage,
    ) -> Option<Fields<'a>> {
        let Value::Object(object) = element else {
            self.report.schema(pointer, "Expected value of type Object");
            return None;
        };
        let fields = Fields {
            object,
            pointer,
            language,
        };
        fields.text("Comment", self.report);
        Some(fields)
    }
}
