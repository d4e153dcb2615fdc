//! Filters of a path: `[?(@.price < 10 && @.in_stock)]`.

use std::cmp::Ordering;

use serde_json::Value;

use super::select;
use super::token::{Reader, Token, are_definite};

/// Deepest nesting of parentheses, `!` and filters within filters.
const FILTER_DEPTH_MAX: usize = 32;

/// A claim about one value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    Or(Vec<Filter>),
    And(Vec<Filter>),
    Not(Box<Filter>),
    /// `@.a`: the path matches something, null included.
    Exists(Vec<Token>),
    Compare(Operand, Operator, Operand),
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Path(Vec<Token>),
    Literal(Value),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    /// `===` and `!==`: no number equals a text.
    SameAs,
    NotSameAs,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    NotIn,
    Contains,
    Size,
    Empty,
}

impl Filter {
    /// Whether the claim holds of `item`.
    ///
    /// AWS: `@` matches only objects; other items never pass.
    pub(super) fn accepts(&self, item: &Value) -> bool {
        item.is_object() && self.holds(item)
    }

    fn holds(&self, item: &Value) -> bool {
        match self {
            Filter::Or(claims) => claims.iter().any(|claim| claim.holds(item)),
            Filter::And(claims) => claims.iter().all(|claim| claim.holds(item)),
            Filter::Not(claim) => !claim.holds(item),
            Filter::Exists(tokens) => select::matches_any(tokens, item),
            Filter::Compare(left, operator, right) => compare(
                left.value(item).as_ref(),
                *operator,
                right.value(item).as_ref(),
            ),
        }
    }
}

impl Operand {
    fn value(&self, item: &Value) -> Option<Value> {
        match self {
            Operand::Literal(value) => Some(value.clone()),
            Operand::Path(tokens) => select::select(tokens, are_definite(tokens), item)
                .ok()
                .map(std::borrow::Cow::into_owned),
        }
    }
}

fn compare(left: Option<&Value>, operator: Operator, right: Option<&Value>) -> bool {
    let both = left.zip(right);
    match operator {
        Operator::Equal => both.is_some_and(|(l, r)| loosely_equal(l, r)),
        Operator::NotEqual => !both.is_some_and(|(l, r)| loosely_equal(l, r)),
        Operator::SameAs => both.is_some_and(|(l, r)| strictly_equal(l, r)),
        Operator::NotSameAs => !both.is_some_and(|(l, r)| strictly_equal(l, r)),
        Operator::Less => both.is_some_and(|(l, r)| order(l, r).is_some_and(Ordering::is_lt)),
        Operator::LessEqual => both.is_some_and(|(l, r)| order(l, r).is_some_and(Ordering::is_le)),
        Operator::Greater => both.is_some_and(|(l, r)| order(l, r).is_some_and(Ordering::is_gt)),
        Operator::GreaterEqual => {
            both.is_some_and(|(l, r)| order(l, r).is_some_and(Ordering::is_ge))
        }
        Operator::In => both.is_some_and(|(l, r)| is_member(l, r)),
        Operator::NotIn => !both.is_some_and(|(l, r)| is_member(l, r)),
        Operator::Contains => both.is_some_and(|(l, r)| match (l, r) {
            (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
            _ => is_member(r, l),
        }),
        Operator::Size => both.is_some_and(|(l, r)| {
            size(l).is_some_and(|size| r.as_u64() == u64::try_from(size).ok())
        }),
        Operator::Empty => {
            both.is_some_and(|(l, r)| size(l).is_some_and(|size| r.as_bool() == Some(size == 0)))
        }
    }
}

/// AWS: Jayway compares a number with a text as numbers when the text is one, else as texts.
fn loosely_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(_), Value::String(text)) => text
            .parse::<f64>()
            .is_ok_and(|number| left.as_f64() == Some(number)),
        (Value::String(text), Value::Number(number)) => *text == number.to_string(),
        _ => strictly_equal(left, right),
    }
}

fn strictly_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(_), Value::Number(_)) => order(left, right) == Some(Ordering::Equal),
        _ => left == right,
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(l), Value::Number(r)) => match (l.as_i64(), r.as_i64()) {
            (Some(l), Some(r)) => Some(l.cmp(&r)),
            _ => l.as_f64()?.partial_cmp(&r.as_f64()?),
        },
        (Value::String(l), Value::String(r)) => Some(l.cmp(r)),
        _ => None,
    }
}

fn is_member(item: &Value, list: &Value) -> bool {
    list.as_array()
        .is_some_and(|items| items.iter().any(|member| loosely_equal(item, member)))
}

fn size(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(items) => Some(items.len()),
        Value::Object(members) => Some(members.len()),
        _ => None,
    }
}

/// Parses a filter after its `?`: the parentheses and what is in them.
pub(super) fn parse(reader: &mut Reader<'_>, depth: usize) -> Result<Filter, String> {
    reader.expect("(")?;
    let filter = any_of(reader, depth)?;
    reader.skip_spaces();
    reader.expect(")")?;
    Ok(filter)
}

fn any_of(reader: &mut Reader<'_>, depth: usize) -> Result<Filter, String> {
    let mut claims = vec![all_of(reader, depth)?];
    loop {
        reader.skip_spaces();
        if !reader.eat("||") {
            return Ok(single_or(claims, Filter::Or));
        }
        claims.push(all_of(reader, depth)?);
    }
}

fn all_of(reader: &mut Reader<'_>, depth: usize) -> Result<Filter, String> {
    let mut claims = vec![claim(reader, depth)?];
    loop {
        reader.skip_spaces();
        if !reader.eat("&&") {
            return Ok(single_or(claims, Filter::And));
        }
        claims.push(claim(reader, depth)?);
    }
}

fn single_or(mut claims: Vec<Filter>, many: impl Fn(Vec<Filter>) -> Filter) -> Filter {
    match claims.pop() {
        Some(only) if claims.is_empty() => only,
        Some(last) => {
            claims.push(last);
            many(claims)
        }
        None => many(claims),
    }
}

fn claim(reader: &mut Reader<'_>, depth: usize) -> Result<Filter, String> {
    if depth > FILTER_DEPTH_MAX {
        return Err(format!("a filter nests at most {FILTER_DEPTH_MAX} levels"));
    }
    reader.skip_spaces();
    match reader.peek() {
        Some('!') => {
            reader.next();
            Ok(Filter::Not(Box::new(claim(reader, depth + 1)?)))
        }
        Some('(') => parse(reader, depth + 1),
        _ => comparison(reader, depth),
    }
}

fn comparison(reader: &mut Reader<'_>, depth: usize) -> Result<Filter, String> {
    let left = operand(reader, depth)?;
    reader.skip_spaces();
    let Some(operator) = operator(reader)? else {
        return match left {
            Operand::Path(tokens) => Ok(Filter::Exists(tokens)),
            Operand::Literal(value) => Err(format!("the literal {value} is no claim in a filter")),
        };
    };
    reader.skip_spaces();
    let right = operand(reader, depth)?;
    Ok(Filter::Compare(left, operator, right))
}

fn operator(reader: &mut Reader<'_>) -> Result<Option<Operator>, String> {
    const SYMBOLS: [(&str, Operator); 8] = [
        ("===", Operator::SameAs),
        ("!==", Operator::NotSameAs),
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessEqual),
        (">=", Operator::GreaterEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ];
    if let Some((_, operator)) = SYMBOLS.iter().find(|(symbol, _)| reader.eat(symbol)) {
        return Ok(Some(*operator));
    }
    if reader.eat("=~") {
        return Err("regular expressions are not supported in a filter".to_owned());
    }
    let word = reader.take_while(|c| c.is_ascii_alphabetic());
    match word.to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "in" => Ok(Some(Operator::In)),
        "nin" => Ok(Some(Operator::NotIn)),
        "contains" => Ok(Some(Operator::Contains)),
        "size" => Ok(Some(Operator::Size)),
        "empty" => Ok(Some(Operator::Empty)),
        _ => Err(format!(
            "the operator '{word}' is not supported in a filter"
        )),
    }
}

fn operand(reader: &mut Reader<'_>, depth: usize) -> Result<Operand, String> {
    reader.skip_spaces();
    match reader.peek() {
        Some('@') => {
            reader.next();
            Ok(Operand::Path(reader.tokens(depth)?))
        }
        Some('$') => Err("a filter refers to '@' only, not to the root of the input".to_owned()),
        Some('\'' | '"') => Ok(Operand::Literal(Value::String(reader.quoted()?))),
        Some('[' | '{') => Ok(Operand::Literal(json_literal(reader)?)),
        Some(_) => {
            let word =
                reader.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'));
            serde_json::from_str(word)
                .map(Operand::Literal)
                .map_err(|_| format!("'{word}' is not a literal of a filter"))
        }
        None => Err("the path ends inside a filter".to_owned()),
    }
}

/// An array or object literal; texts in it may have single quotes.
fn json_literal(reader: &mut Reader<'_>) -> Result<Value, String> {
    let mut text = String::new();
    let mut open = 0usize;
    loop {
        match reader.peek() {
            None => return Err("the path ends inside a literal".to_owned()),
            Some('\'' | '"') => text.push_str(&Value::String(reader.quoted()?).to_string()),
            Some(c) => {
                reader.next();
                text.push(c);
                match c {
                    '[' | '{' => open += 1,
                    ']' | '}' => open -= 1,
                    _ => {}
                }
            }
        }
        if open == 0 {
            return serde_json::from_str(&text).map_err(|_| format!("'{text}' is not a literal"));
        }
    }
}
