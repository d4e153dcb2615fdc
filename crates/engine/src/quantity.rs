//! Number fields: literal, by path, or by expression.

use serde_json::Value;
use stepwell_asl::definition::{Quantity, QuantitySource};
use stepwell_asl::jsonata::JsonataTemplate;
use stepwell_asl::{Failure, Scope};

/// What a number field may be.
pub(crate) struct Rule {
    pub(crate) minimum: i64,
    pub(crate) maximum: i64,
}

/// The whole number that `quantity` gives in `scope`.
///
/// - Errors: `States.Runtime` for a path, `States.QueryEvaluationError` for an expression.
/// - AWS: texts of the path errors are those recorded for `SecondsPath`.
pub(crate) fn whole(quantity: &Quantity, rule: &Rule, scope: &Scope) -> Result<i64, Failure> {
    let field = quantity.field;
    let number = number(quantity, "long", scope)?;
    if let (QuantitySource::Path(path), true) = (&quantity.source, number < 0.0) {
        let value = path.lookup(scope).unwrap_or_default();
        let cause = format!(
            "The {field} parameter references a negative value: {} == {}",
            path.text(),
            plain(&value)
        );
        return Err(Failure::runtime(cause));
    }
    match rule.broken_by(number) {
        None => Ok(number as i64),
        Some(bound) => Err(out_of_range(quantity, number, &bound, scope)),
    }
}

impl Rule {
    /// The bound that `number` breaks, in the words of a definition's diagnostics.
    fn broken_by(&self, number: f64) -> Option<String> {
        if number < self.minimum as f64 {
            return Some(format!("Minimum value is {}", self.minimum));
        }
        (number > self.maximum as f64).then(|| format!("Maximum value is {}", self.maximum))
    }
}

/// AWS: a value out of range fails as one of the wrong type does (developer guide, "Handling expression errors").
fn out_of_range(quantity: &Quantity, number: f64, bound: &str, scope: &Scope) -> Failure {
    let field = quantity.field;
    match &quantity.source {
        QuantitySource::Jsonata(expression) => expression.out_of_range(field, bound, number),
        QuantitySource::Path(path) => {
            let value = path.lookup(scope);
            Failure::runtime(format!(
                "The {field} parameter references a value out of range. {bound}: {} == {}",
                path.text(),
                value.map_or_else(|| number.to_string(), |value| plain(&value))
            ))
        }
        QuantitySource::Literal(_) => Failure::runtime(format!(
            "The value of the field '{field}' is out of range. {bound}"
        )),
    }
}

/// The number that `quantity` gives in `scope`, whatever its size.
///
/// - `kind`: `long` for a whole number, `double` for any; AWS's word in the error text.
pub(crate) fn number(quantity: &Quantity, kind: &str, scope: &Scope) -> Result<f64, Failure> {
    let field = quantity.field;
    let is_whole = kind == "long";
    match &quantity.source {
        QuantitySource::Literal(number) => Ok(*number),
        QuantitySource::Path(path) => {
            let Some(value) = path.lookup(scope) else {
                let cause = format!(
                    "The {field} parameter does not reference an input value: {}",
                    path.text()
                );
                return Err(Failure::runtime(cause));
            };
            path_number(&value, is_whole).ok_or_else(|| {
                Failure::runtime(format!(
                    "The {field} parameter cannot be parsed as a {kind} value: {} == {}",
                    path.text(),
                    plain(&value)
                ))
            })
        }
        QuantitySource::Jsonata(expression) => {
            let value = expression.evaluate(scope, field)?;
            as_number(&value, is_whole).ok_or_else(|| {
                let expected = if value.is_number() {
                    "integer"
                } else {
                    "number"
                };
                expression.unexpected(field, expected, &value)
            })
        }
    }
}

/// The failure of a whole template that gave a value of another type than its field needs.
///
/// - A literal of the wrong type is refused when the machine is created, so this is an expression's failure.
pub(crate) fn wrong_type(template: &JsonataTemplate, expected: &str, value: &Value) -> Failure {
    match template.expression() {
        Some(expression) => expression.unexpected(template.field(), expected, value),
        None => Failure::query(
            format!(
                "The field '{}' must be of type {expected} but was: {value}",
                template.field()
            ),
            Some(template.field().to_string()),
        ),
    }
}

/// AWS: a text of digits counts as the number (recorded: `MaxConcurrencyPath` on `"1"`).
fn path_number(value: &Value, is_whole: bool) -> Option<f64> {
    match value {
        Value::String(text) => text.parse::<i64>().ok().map(|number| number as f64),
        other => as_number(other, is_whole),
    }
}

fn as_number(value: &Value, is_whole: bool) -> Option<f64> {
    value
        .as_f64()
        .filter(|number| !is_whole || number.fract() == 0.0)
}

/// A value inside a sentence: a string without its quotes.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
