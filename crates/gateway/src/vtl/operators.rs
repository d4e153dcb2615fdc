//! Operators and truth.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::Operator;
use super::render::shown;

/// Velocity: nothing and `false` are false, everything else is true.
pub(super) fn is_true(value: Option<&Value>) -> bool {
    !matches!(value, None | Some(Value::Null | Value::Bool(false)))
}

/// - Returns `None` where Velocity gives nothing: numbers of what is none, division by zero.
pub(super) fn binary(
    operator: Operator,
    left: Option<&Value>,
    right: Option<&Value>,
) -> Option<Value> {
    let compared = |accepts: fn(Ordering) -> bool| {
        let order = left.zip(right).and_then(|(left, right)| order(left, right));
        Some(Value::Bool(order.is_some_and(accepts)))
    };
    match operator {
        Operator::Or => Some(Value::Bool(is_true(left) || is_true(right))),
        Operator::And => Some(Value::Bool(is_true(left) && is_true(right))),
        Operator::Equal => Some(Value::Bool(is_equal(left, right))),
        Operator::Unequal => Some(Value::Bool(!is_equal(left, right))),
        Operator::Less => compared(Ordering::is_lt),
        Operator::LessOrEqual => compared(Ordering::is_le),
        Operator::Greater => compared(Ordering::is_gt),
        Operator::GreaterOrEqual => compared(Ordering::is_ge),
        Operator::Plus => match (left, right) {
            (Some(Value::Number(_)), Some(Value::Number(_))) => calculated(operator, left?, right?),
            (Some(left), Some(right)) => {
                Some(Value::String(shown(left).into_owned() + &shown(right)))
            }
            _ => None,
        },
        _ => calculated(operator, left?, right?),
    }
}

fn is_equal(left: Option<&Value>, right: Option<&Value>) -> bool {
    match (left, right) {
        (None, None) => true,
        (None, Some(one)) | (Some(one), None) => one.is_null(),
        (Some(Value::Number(left)), Some(Value::Number(right))) => left.as_f64() == right.as_f64(),
        // Velocity: values of two kinds are equal if they are written alike.
        (Some(left), Some(right)) => left == right || shown(left) == shown(right),
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

fn calculated(operator: Operator, left: &Value, right: &Value) -> Option<Value> {
    let (Value::Number(left), Value::Number(right)) = (left, right) else {
        return None;
    };
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64()) {
        let whole = match operator {
            Operator::Plus => left.checked_add(right),
            Operator::Minus => left.checked_sub(right),
            Operator::Times => left.checked_mul(right),
            Operator::Divide => left.checked_div(right),
            _ => left.checked_rem(right),
        };
        return whole.map(Value::from);
    }
    let (left, right) = (left.as_f64()?, right.as_f64()?);
    let number = match operator {
        Operator::Plus => left + right,
        Operator::Minus => left - right,
        Operator::Times => left * right,
        Operator::Divide => left / right,
        _ => left % right,
    };
    Number::from_f64(number).map(Value::Number)
}
