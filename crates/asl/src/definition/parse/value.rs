//! Fields that hold expressions: paths, templates, numbers and texts in either language.

use serde_json::Value;

use super::Parser;
use super::SECONDS_MAX;
use super::fields::Fields;
use super::variables::{self, Assigned};
use crate::Timestamp;
use crate::definition::{Quantity, QuantitySource, QueryLanguage, Template, Text, TextSource};
use crate::intrinsic::Intrinsic;
use crate::jsonata::{CompileProblem, Expression, JsonataTemplate, Outcome};
use crate::path::{self, ReferencePath, ValuePath};
use crate::payload_template::PayloadTemplate;

/// Intrinsic functions that give a text, so that `ErrorPath` and `CausePath` may call them (developer guide, "Fail").
const TEXT_FUNCTIONS: [&str; 7] = [
    "States.Format",
    "States.JsonToString",
    "States.ArrayGetItem",
    "States.Base64Encode",
    "States.Base64Decode",
    "States.Hash",
    "States.UUID",
];

/// What a literal number may be.
#[derive(Clone, Copy)]
enum Bounds {
    Integer { min: u64, max: u64 },
    Decimal { min: f64, max: f64 },
}

/// Paths.
impl Parser<'_> {
    /// A path of `InputPath` and `OutputPath`: any path, any source.
    pub(super) fn any_path(&mut self, pointer: &str, text: &str) -> Option<ValuePath> {
        match ValuePath::parse(text) {
            Ok(path) => {
                self.note(path.variable());
                Some(path)
            }
            Err(_) => {
                self.report
                    .schema(pointer, "Value must be a valid JSONPath.");
                None
            }
        }
    }

    /// A path that names one value: `ItemsPath`, `ErrorPath`, `CausePath`.
    pub(super) fn items_path(&mut self, pointer: &str, text: &str) -> Option<ValuePath> {
        let path = ValuePath::parse(text).and_then(|path| {
            if path.is_definite() {
                Ok(path)
            } else {
                Err("the path may match many values".to_owned())
            }
        });
        match path {
            Ok(path) => {
                self.note(path.variable());
                Some(path)
            }
            Err(reason) => {
                self.refuse_reference(pointer, text, &reason);
                None
            }
        }
    }

    /// A path of a number or a timestamp. AWS: only `ItemsPath` and its kin may read the context object.
    fn scalar_path(&mut self, pointer: &str, text: &str) -> Option<ValuePath> {
        let path = self.items_path(pointer, text)?;
        if path.is_context() {
            self.refuse_reference(pointer, text, "the path reads the context object");
            return None;
        }
        Some(path)
    }

    /// The path of `ResultPath`.
    pub(super) fn place(&mut self, pointer: &str, text: &str) -> Option<ReferencePath> {
        match ReferencePath::parse(text) {
            Ok(path) => Some(path),
            Err(reason) => {
                self.refuse_reference(pointer, text, &reason);
                None
            }
        }
    }

    fn refuse_reference(&mut self, pointer: &str, text: &str, reason: &str) {
        self.report
            .schema(pointer, path::not_a_reference(text, reason));
    }
}

/// Templates.
impl Parser<'_> {
    pub(super) fn template(&mut self, fields: Fields<'_>, field: &'static str) -> Option<Template> {
        match fields.language {
            QueryLanguage::JsonPath => self.payload_template(fields, field).map(Template::JsonPath),
            QueryLanguage::Jsonata => self.jsonata_template(fields, field).map(Template::Jsonata),
        }
    }

    pub(super) fn payload_template(
        &mut self,
        fields: Fields<'_>,
        field: &'static str,
    ) -> Option<PayloadTemplate> {
        let value = match field {
            // A fixed input is any JSON.
            "BatchInput" => fields.get(field)?,
            _ => {
                fields.object(field, self.report)?;
                fields.get(field)?
            }
        };
        let pointer = fields.at(field);
        self.warn_of_missing_dollar(&pointer, value);
        match PayloadTemplate::compile(value, field) {
            Ok(template) => {
                self.note(template.variables());
                Some(template)
            }
            Err(problems) => {
                for problem in problems {
                    self.report
                        .schema(&format!("{pointer}{}", problem.pointer), problem.message);
                }
                None
            }
        }
    }

    pub(super) fn jsonata_template(
        &mut self,
        fields: Fields<'_>,
        field: &'static str,
    ) -> Option<JsonataTemplate> {
        let value = fields.get(field)?;
        match JsonataTemplate::compile(value, field, outcome(fields, field)) {
            Ok(template) => {
                self.note(template.variables());
                Some(template)
            }
            Err(problems) => {
                for problem in problems {
                    self.refuse_expression(
                        &format!("{}{}", fields.at(field), problem.pointer),
                        &problem.problem,
                    );
                }
                None
            }
        }
    }

    /// `Assign` of a rule or a catcher.
    pub(super) fn assign(&mut self, fields: Fields<'_>, around: &Assigned<'_>) -> Option<Template> {
        match fields.language {
            QueryLanguage::JsonPath => self.assign_payload(fields, around).map(Template::JsonPath),
            QueryLanguage::Jsonata => self.assign_jsonata(fields, around).map(Template::Jsonata),
        }
    }

    pub(super) fn assign_payload(
        &mut self,
        fields: Fields<'_>,
        around: &Assigned<'_>,
    ) -> Option<PayloadTemplate> {
        let assign = fields.object("Assign", self.report)?;
        variables::check_assign(fields, assign, around, self.report);
        self.payload_template(fields, "Assign")
    }

    pub(super) fn assign_jsonata(
        &mut self,
        fields: Fields<'_>,
        around: &Assigned<'_>,
    ) -> Option<JsonataTemplate> {
        let assign = fields.object("Assign", self.report)?;
        variables::check_assign(fields, assign, around, self.report);
        self.jsonata_template(fields, "Assign")
    }

    fn expression(&mut self, pointer: &str, text: &str) -> Option<Expression> {
        match Expression::compile(text, Outcome::None) {
            Ok(expression) => {
                self.note(expression.variables());
                Some(expression)
            }
            Err(problem) => {
                self.refuse_expression(pointer, &problem);
                None
            }
        }
    }

    fn refuse_expression(&mut self, pointer: &str, problem: &CompileProblem) {
        self.report
            .error(problem.code(), Some(pointer), problem.message());
    }

    /// The state being read refers to these variables.
    pub(super) fn note<N: ToString>(&mut self, names: impl IntoIterator<Item = N>) {
        self.variables
            .extend(names.into_iter().map(|name| name.to_string()));
    }
}

/// What `$states` holds when `field` is evaluated.
fn outcome(fields: Fields<'_>, field: &str) -> Outcome {
    if !matches!(field, "Output" | "Assign") {
        return Outcome::None;
    }
    match fields.get("Type").and_then(Value::as_str) {
        Some("Task" | "Parallel" | "Map") => Outcome::Result,
        None if fields.has("ErrorEquals") => Outcome::Error,
        _ => Outcome::None,
    }
}

/// Numbers.
impl Parser<'_> {
    /// A number of seconds, at least `min`.
    pub(super) fn seconds(
        &mut self,
        fields: Fields<'_>,
        literal: &'static str,
        path: &'static str,
        min: u64,
    ) -> Option<Quantity> {
        self.quantity(
            fields,
            literal,
            path,
            Bounds::Integer {
                min,
                max: SECONDS_MAX,
            },
        )
    }

    /// A count of anything.
    pub(super) fn count(
        &mut self,
        fields: Fields<'_>,
        literal: &'static str,
        path: &'static str,
    ) -> Option<Quantity> {
        self.quantity(
            fields,
            literal,
            path,
            Bounds::Integer {
                min: 0,
                max: u64::from(u32::MAX),
            },
        )
    }

    pub(super) fn percentage(
        &mut self,
        fields: Fields<'_>,
        literal: &'static str,
        path: &'static str,
    ) -> Option<Quantity> {
        self.quantity(
            fields,
            literal,
            path,
            Bounds::Decimal {
                min: 0.0,
                max: 100.0,
            },
        )
    }

    /// A count in an object below a state, where nobody has yet asked which language the fields belong to.
    pub(super) fn bounded(
        &mut self,
        fields: Fields<'_>,
        literal: &'static str,
        path: &'static str,
        max: u64,
    ) -> Option<Quantity> {
        fields.only_in(path, QueryLanguage::JsonPath, self.report);
        self.quantity(fields, literal, path, Bounds::Integer { min: 0, max })
    }

    fn quantity(
        &mut self,
        fields: Fields<'_>,
        literal: &'static str,
        path: &'static str,
        bounds: Bounds,
    ) -> Option<Quantity> {
        if !fields.at_most_one(&[literal, path], self.report) {
            return None;
        }
        if fields.has(path) && fields.language == QueryLanguage::JsonPath {
            let text = fields.text(path, self.report)?;
            let path_read = self.scalar_path(&fields.at(path), text)?;
            return Some(Quantity {
                field: path,
                source: QuantitySource::Path(path_read),
            });
        }
        let source = match fields.get(literal)? {
            Value::String(text)
                if fields.language == QueryLanguage::Jsonata && Expression::is_marked(text) =>
            {
                QuantitySource::Jsonata(self.expression(&fields.at(literal), text)?)
            }
            _ => QuantitySource::Literal(match bounds {
                Bounds::Integer { min, max } => {
                    fields.integer(literal, min, max, self.report)? as f64
                }
                Bounds::Decimal { min, max } => fields.number(literal, min, max, self.report)?,
            }),
        };
        Some(Quantity {
            field: literal,
            source,
        })
    }
}

/// Texts.
impl Parser<'_> {
    /// `Timestamp` or `TimestampPath` of a Wait.
    pub(super) fn timestamp(&mut self, fields: Fields<'_>) -> Option<Text> {
        if fields.has("TimestampPath") && fields.language == QueryLanguage::JsonPath {
            let text = fields.text("TimestampPath", self.report)?;
            let path = self.scalar_path(&fields.at("TimestampPath"), text)?;
            return Some(Text {
                field: "TimestampPath",
                source: TextSource::Path(path),
            });
        }
        let text = fields.text("Timestamp", self.report)?;
        let pointer = fields.at("Timestamp");
        if fields.language == QueryLanguage::Jsonata && Expression::is_marked(text) {
            let source = TextSource::Jsonata(self.expression(&pointer, text)?);
            return Some(Text {
                field: "Timestamp",
                source,
            });
        }
        if Timestamp::parse(text).is_none() {
            self.report
                .schema(&pointer, "String does not match RFC3339 timestamp");
            return None;
        }
        Some(Text {
            field: "Timestamp",
            source: TextSource::Literal(text.to_owned()),
        })
    }

    /// `Error` or `Cause` of a Fail, or the path beside it.
    pub(super) fn failure_text(
        &mut self,
        fields: Fields<'_>,
        literal: &'static str,
        path: &'static str,
    ) -> Option<Text> {
        if fields.has(path) && fields.language == QueryLanguage::JsonPath {
            let text = fields.text(path, self.report)?;
            let pointer = fields.at(path);
            let source = if text.starts_with("States.") {
                TextSource::Intrinsic(self.text_function(&pointer, text)?)
            } else {
                TextSource::Path(self.items_path(&pointer, text)?)
            };
            return Some(Text {
                field: path,
                source,
            });
        }
        let text = fields.text(literal, self.report)?;
        let source = match fields.language {
            QueryLanguage::Jsonata if Expression::is_marked(text) => {
                TextSource::Jsonata(self.expression(&fields.at(literal), text)?)
            }
            QueryLanguage::Jsonata => TextSource::Literal(text.to_owned()),
            QueryLanguage::JsonPath => {
                self.warn_of_missing_path(&fields.at(literal), literal, text);
                TextSource::Literal(text.to_owned())
            }
        };
        Some(Text {
            field: literal,
            source,
        })
    }

    fn text_function(&mut self, pointer: &str, text: &str) -> Option<Intrinsic> {
        let name = text.split('(').next().unwrap_or(text);
        let intrinsic = Intrinsic::parse(text);
        match intrinsic {
            Ok(intrinsic) if TEXT_FUNCTIONS.contains(&name) => {
                self.note(intrinsic.variables());
                Some(intrinsic)
            }
            _ => {
                let message = "Value must be a valid Reference Path or an intrinsic function that returns a string";
                self.report.schema(pointer, message);
                None
            }
        }
    }
}
