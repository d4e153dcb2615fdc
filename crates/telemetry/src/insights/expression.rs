//! Expressions of queries.

use super::functions::Function;
use super::record::Record;
use super::value::Value;

#[derive(Debug)]
pub(super) enum Expression {
    Constant(Value),
    Field(String),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Compare(Comparison, Box<Expression>, Box<Expression>),
    Arithmetic(char, Box<Expression>, Box<Expression>),
    Negative(Box<Expression>),
    /// A text that is part of it.
    Contains(Box<Expression>, String),
    Matches(Box<Expression>, Box<regex::Regex>),
    In(Box<Expression>, Vec<Expression>),
    Call(Function, Vec<Expression>),
    /// The result of an aggregate of `stats`, by its number.
    Aggregate(usize, Box<super::aggregate::Aggregate>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What an expression is evaluated with.
pub(super) struct Scope<'r, 'e> {
    pub(super) record: &'r Record<'e>,
    pub(super) now_ms: i64,
    /// Results of the aggregates, where a row of `stats` is made.
    pub(super) aggregates: &'r [Value],
}

impl Expression {
    pub(super) fn value(&self, scope: &Scope) -> Value {
        match self {
            Expression::Constant(value) => value.clone(),
            Expression::Field(name) => scope.record.field(name),
            Expression::Not(one) => Value::Bool(!one.value(scope).holds()),
            Expression::And(one, other) => {
                Value::Bool(one.value(scope).holds() && other.value(scope).holds())
            }
            Expression::Or(one, other) => {
                Value::Bool(one.value(scope).holds() || other.value(scope).holds())
            }
            Expression::Compare(comparison, one, other) => {
                Value::Bool(comparison.holds(&one.value(scope), &other.value(scope)))
            }
            Expression::Arithmetic(operator, one, other) => {
                let (one, other) = (one.value(scope).number(), other.value(scope).number());
                one.zip(other)
                    .and_then(|(one, other)| arithmetic(*operator, one, other))
                    .map_or(Value::Missing, Value::Number)
            }
            Expression::Negative(one) => one
                .value(scope)
                .number()
                .map_or(Value::Missing, |number| Value::Number(-number)),
            Expression::Contains(one, part) => {
                let text = one.value(scope).text();
                Value::Bool(text.is_some_and(|text| text.contains(part)))
            }
            Expression::Matches(one, regex) => {
                let text = one.value(scope).text();
                Value::Bool(text.is_some_and(|text| regex.is_match(&text)))
            }
            Expression::In(one, list) => {
                let one = one.value(scope);
                Value::Bool(list.iter().any(|item| item.value(scope).equals(&one)))
            }
            Expression::Call(function, arguments) => function.call(arguments, scope),
            Expression::Aggregate(number, _) => scope
                .aggregates
                .get(*number)
                .cloned()
                .unwrap_or(Value::Missing),
        }
    }

    /// The aggregates in it, which know their numbers.
    pub(super) fn aggregates<'x>(
        &'x self,
        visit: &mut dyn FnMut(usize, &'x super::aggregate::Aggregate),
    ) {
        match self {
            Expression::Aggregate(number, aggregate) => visit(*number, aggregate),
            Expression::Arithmetic(_, one, other) => {
                one.aggregates(visit);
                other.aggregates(visit);
            }
            Expression::Negative(one) => one.aggregates(visit),
            Expression::Call(_, arguments) => {
                for argument in arguments {
                    argument.aggregates(visit);
                }
            }
            _ => {}
        }
    }

    /// A text that is in the message of every event for which this holds, if there is one.
    pub(super) fn needle(&self) -> Option<String> {
        let is_message =
            |field: &Expression| matches!(field, Expression::Field(name) if name == "@message");
        match self {
            Expression::And(one, other) => [one.needle(), other.needle()]
                .into_iter()
                .flatten()
                .max_by_key(String::len),
            Expression::Contains(field, part) if is_message(field) && !part.is_empty() => {
                Some(part.clone())
            }
            Expression::Matches(field, regex) if is_message(field) => {
                let text = regex.as_str();
                let is_plain = |c: char| c.is_alphanumeric() || " _:=,\"'<>@/-".contains(c);
                (!text.is_empty() && text.chars().all(is_plain)).then(|| text.to_owned())
            }
            _ => None,
        }
    }
}

impl Comparison {
    fn holds(self, one: &Value, other: &Value) -> bool {
        match self {
            Comparison::Equal => return one.equals(other),
            Comparison::NotEqual => return !one.equals(other),
            _ => {}
        }
        if one.is_missing() || other.is_missing() {
            return false;
        }
        let order = match (one.number(), other.number()) {
            (Some(one), Some(other)) => one.total_cmp(&other),
            _ => one.text().cmp(&other.text()),
        };
        match self {
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            _ => order.is_ge(),
        }
    }
}

fn arithmetic(operator: char, one: f64, other: f64) -> Option<f64> {
    let result = match operator {
        '+' => one + other,
        '-' => one - other,
        '*' => one * other,
        '/' => one / other,
        '%' => one % other,
        _ => one.powf(other),
    };
    result.is_finite().then_some(result)
}
