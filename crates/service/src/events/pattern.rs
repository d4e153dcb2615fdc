//! Event patterns: read once when a rule is put, then asked of each event.
//!
//! AWS: "Creating Amazon EventBridge event patterns" and "Comparison operators for use in event patterns". Reasons
//! are worded as AWS's open pattern engine words them; the position that it adds to them is left out.

use core::net::IpAddr;

use serde_json::{Map, Value};

use super::wildcard::Wildcard;

/// Numbers that a pattern may compare with. Source: the page of operators.
const NUMBER_MAX: f64 = 5.0e9;

/// Values of one field, a bound of ours. A pattern has at most 4,096 characters.
const TESTS_MAX: usize = 2_048;

/// What an event must look like.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pattern(Fields);

/// All fields must match, and of each `$or` one alternative.
#[derive(Debug, Clone, PartialEq, Default)]
struct Fields {
    fields: Vec<(String, Node)>,
    alternatives: Vec<Vec<Fields>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Nested(Fields),
    /// One of these must match one of the field's values.
    Leaf(Vec<Test>),
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Exists(bool),
    One(Comparison),
    AnythingBut(Vec<Comparison>),
}

/// A comparison with one value of an event.
#[derive(Debug, Clone, PartialEq)]
enum Comparison {
    Text(String),
    Number(f64),
    /// `true`, `false` or `null`.
    Literal(Value),
    /// In lower case.
    IgnoreCase(String),
    Prefix(String),
    PrefixIgnoreCase(String),
    Suffix(String),
    SuffixIgnoreCase(String),
    Wildcard(Wildcard),
    Numeric(Vec<(Order, f64)>),
    Cidr {
        network: u128,
        mask: u128,
        is_v4: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    Less,
    LessOrEqual,
    Equal,
    MoreOrEqual,
    More,
}

/// Why a text is no pattern: a sentence as AWS writes it.
pub(crate) type Reason = String;

impl Pattern {
    /// Reads a pattern.
    ///
    /// - Errors: what is wrong with it; AWS puts `Event pattern is not valid. Reason: ` before it.
    pub(crate) fn parse(text: &str) -> Result<Pattern, Reason> {
        match serde_json::from_str(text) {
            Ok(Value::Object(object)) => fields(&object).map(Pattern),
            Ok(_) => Err("Filter is not an object".to_string()),
            Err(error) => Err(format!("Filter is not valid JSON: {error}")),
        }
    }

    /// Whether an event is as the pattern says.
    pub(crate) fn matches(&self, event: &Value) -> bool {
        self.0.matches(Some(event))
    }

    /// Whether an event may be as the pattern says of which only `known` is known: its objects may have more members.
    pub(crate) fn may_match(&self, known: &Value) -> bool {
        self.0.may_match(known)
    }
}

impl Fields {
    fn may_match(&self, known: &Value) -> bool {
        let may = |(name, node): &(String, Node)| match (node, known.get(name)) {
            (_, None) => true,
            (Node::Nested(fields), Some(value)) => fields.may_match(value),
            (Node::Leaf(tests), value) => leaf_matches(tests, value),
        };
        let may_one = |alternatives: &Vec<Fields>| {
            alternatives
                .iter()
                .any(|alternative| alternative.may_match(known))
        };
        self.fields.iter().all(may) && self.alternatives.iter().all(may_one)
    }

    /// - `event`: `None` where the event has no such object.
    fn matches(&self, event: Option<&Value>) -> bool {
        match event {
            // AWS: of an array of objects, one and the same element must match.
            Some(Value::Array(elements)) if !elements.is_empty() => {
                elements.iter().any(|element| self.matches(Some(element)))
            }
            Some(Value::Object(object)) => self.matches_object(Some(object)),
            _ => self.matches_object(None),
        }
    }

    fn matches_object(&self, object: Option<&Map<String, Value>>) -> bool {
        let value = |name: &str| object.and_then(|object| object.get(name));
        let is_one = |alternatives: &Vec<Fields>| {
            alternatives
                .iter()
                .any(|alternative| alternative.matches_object(object))
        };
        self.fields.iter().all(|(name, node)| match node {
            Node::Nested(fields) => fields.matches(value(name)),
            Node::Leaf(tests) => leaf_matches(tests, value(name)),
        }) && self.alternatives.iter().all(is_one)
    }
}

fn leaf_matches(tests: &[Test], value: Option<&Value>) -> bool {
    let mut scalars = Vec::new();
    if let Some(value) = value {
        gather(value, &mut scalars);
    }
    if scalars.is_empty() {
        // AWS: only values exist, objects do not.
        return tests.contains(&Test::Exists(false));
    }
    tests.iter().any(|test| match test {
        Test::Exists(wanted) => *wanted,
        Test::One(comparison) => scalars.iter().any(|scalar| comparison.holds(scalar)),
        Test::AnythingBut(comparisons) => scalars.iter().any(|scalar| {
            !comparisons
                .iter()
                .any(|comparison| comparison.holds(scalar))
        }),
    })
}

/// The values in a value: an array gives those of its elements.
fn gather<'v>(value: &'v Value, scalars: &mut Vec<&'v Value>) {
    match value {
        Value::Array(elements) => {
            for element in elements {
                gather(element, scalars);
            }
        }
        Value::Object(_) => {}
        scalar => scalars.push(scalar),
    }
}

impl Comparison {
    fn holds(&self, value: &Value) -> bool {
        match (self, value) {
            (Comparison::Literal(literal), value) => literal == value,
            (Comparison::Number(wanted), value) => value.as_f64() == Some(*wanted),
            (Comparison::Numeric(bounds), value) => value.as_f64().is_some_and(|number| {
                bounds
                    .iter()
                    .all(|(order, bound)| order.holds(number, *bound))
            }),
            (comparison, Value::String(text)) => comparison.holds_text(text),
            _ => false,
        }
    }

    fn holds_text(&self, text: &str) -> bool {
        match self {
            Comparison::Text(wanted) => wanted == text,
            Comparison::IgnoreCase(wanted) => *wanted == text.to_lowercase(),
            Comparison::Prefix(prefix) => text.starts_with(prefix),
            Comparison::PrefixIgnoreCase(prefix) => text.to_lowercase().starts_with(prefix),
            Comparison::Suffix(suffix) => text.ends_with(suffix),
            Comparison::SuffixIgnoreCase(suffix) => text.to_lowercase().ends_with(suffix),
            Comparison::Wildcard(wildcard) => wildcard.matches(text),
            Comparison::Cidr {
                network,
                mask,
                is_v4,
            } => match text.parse::<IpAddr>() {
                Ok(address) => {
                    let (bits, v4) = address_bits(address);
                    v4 == *is_v4 && bits & mask == *network
                }
                Err(_) => false,
            },
            Comparison::Literal(_) | Comparison::Number(_) | Comparison::Numeric(_) => false,
        }
    }
}

impl Order {
    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Order::Less => number < bound,
            Order::LessOrEqual => number <= bound,
            Order::Equal => number == bound,
            Order::MoreOrEqual => number >= bound,
            Order::More => number > bound,
        }
    }
}

fn fields(object: &Map<String, Value>) -> Result<Fields, Reason> {
    if object.is_empty() {
        return Err("Empty objects are not allowed".to_string());
    }
    let mut all = Fields::default();
    for (name, value) in object {
        match value {
            Value::Array(elements) if name == "$or" && is_alternatives(elements) => {
                let alternatives = elements.iter().filter_map(Value::as_object).map(fields);
                all.alternatives
                    .push(alternatives.collect::<Result<_, _>>()?);
            }
            Value::Object(nested) => {
                all.fields
                    .push((name.clone(), Node::Nested(fields(nested)?)));
            }
            Value::Array(elements) => {
                all.fields
                    .push((name.clone(), Node::Leaf(tests(elements)?)));
            }
            _ => return Err(format!("\"{name}\" must be an object or an array")),
        }
    }
    Ok(all)
}

/// AWS: `$or` is a field like others unless it is an array of at least two objects.
fn is_alternatives(elements: &[Value]) -> bool {
    elements.len() >= 2 && elements.iter().all(Value::is_object)
}

fn tests(elements: &[Value]) -> Result<Vec<Test>, Reason> {
    if elements.is_empty() {
        return Err("Empty arrays are not allowed".to_string());
    }
    if elements.len() > TESTS_MAX {
        return Err(format!(
            "{} values of one field, at most {TESTS_MAX}",
            elements.len()
        ));
    }
    elements.iter().map(test).collect()
}

fn test(element: &Value) -> Result<Test, Reason> {
    let Value::Object(expression) = element else {
        return scalar(element).map(Test::One);
    };
    let (name, value) = only(expression)?;
    match name {
        "exists" => match value {
            Value::Bool(exists) => Ok(Test::Exists(*exists)),
            _ => Err("exists match pattern must be either true or false.".to_string()),
        },
        "anything-but" => anything_but(value).map(Test::AnythingBut),
        _ => comparison(name, value).map(Test::One),
    }
}

fn only(expression: &Map<String, Value>) -> Result<(&str, &Value), Reason> {
    let mut members = expression.iter();
    match (members.next(), members.next()) {
        (Some((name, value)), None) => Ok((name, value)),
        (None, _) => Err("Empty objects are not allowed".to_string()),
        _ => Err("Only one key allowed in match expression".to_string()),
    }
}

fn scalar(value: &Value) -> Result<Comparison, Reason> {
    match value {
        Value::String(text) => Ok(Comparison::Text(text.clone())),
        Value::Number(_) => Ok(Comparison::Number(value.as_f64().unwrap_or(f64::NAN))),
        Value::Null | Value::Bool(_) => Ok(Comparison::Literal(value.clone())),
        Value::Array(_) | Value::Object(_) => {
            Err("Match value must be String, number, true, false, or null".to_string())
        }
    }
}

fn comparison(name: &str, value: &Value) -> Result<Comparison, Reason> {
    match name {
        "prefix" => Ok(match affix("prefix", value)? {
            (text, false) => Comparison::Prefix(text),
            (text, true) => Comparison::PrefixIgnoreCase(text),
        }),
        "suffix" => Ok(match affix("suffix", value)? {
            (text, false) => Comparison::Suffix(text),
            (text, true) => Comparison::SuffixIgnoreCase(text),
        }),
        "equals-ignore-case" => {
            text_of(name, value).map(|text| Comparison::IgnoreCase(text.to_lowercase()))
        }
        "wildcard" => Wildcard::parse(text_of(name, value)?).map(Comparison::Wildcard),
        "numeric" => numeric(value),
        "cidr" => cidr(text_of(name, value)?),
        other => Err(format!("Unrecognized match type {other}")),
    }
}

fn text_of<'v>(name: &str, value: &'v Value) -> Result<&'v str, Reason> {
    value
        .as_str()
        .ok_or_else(|| format!("{name} match pattern must be a string"))
}

/// The text of a prefix or suffix, and whether its case does not matter.
fn affix(name: &str, value: &Value) -> Result<(String, bool), Reason> {
    let Value::Object(expression) = value else {
        return Ok((text_of(name, value)?.to_string(), false));
    };
    match only(expression)? {
        ("equals-ignore-case", value) => {
            Ok((text_of("equals-ignore-case", value)?.to_lowercase(), true))
        }
        (other, _) => Err(format!("Unsupported {name} pattern: {other}")),
    }
}

/// `"x"`, `["x", "y"]`, `[1, 2]`, `{"prefix": "x"}`, `{"wildcard": ["*x", "*y"]}` and so on.
fn anything_but(value: &Value) -> Result<Vec<Comparison>, Reason> {
    match value {
        Value::Object(expression) => {
            let (name, value) = only(expression)?;
            if !["prefix", "suffix", "equals-ignore-case", "wildcard"].contains(&name) {
                return Err(format!("Unsupported anything-but pattern: {name}"));
            }
            each(value, |element| comparison(name, element))
        }
        Value::Array(elements) => {
            let are_alike =
                elements.iter().all(Value::is_string) || elements.iter().all(Value::is_number);
            if !are_alike {
                return Err(
                    "Inside anything but list, either all values are number or string, \
                     mixed type is not supported"
                        .to_string(),
                );
            }
            each(value, scalar)
        }
        _ => each(value, scalar),
    }
}

fn each(
    value: &Value,
    read: impl Fn(&Value) -> Result<Comparison, Reason>,
) -> Result<Vec<Comparison>, Reason> {
    match value {
        Value::Array(elements) if elements.is_empty() => {
            Err("Empty arrays are not allowed".to_string())
        }
        Value::Array(elements) if elements.len() > TESTS_MAX => Err(format!(
            "{} values of one field, at most {TESTS_MAX}",
            elements.len()
        )),
        Value::Array(elements) => elements.iter().map(read).collect(),
        value => Ok(vec![read(value)?]),
    }
}

/// `[">", 0, "<=", 5]`.
fn numeric(value: &Value) -> Result<Comparison, Reason> {
    let Value::Array(members) = value else {
        return Err("Value of numeric must be an array.".to_string());
    };
    if members.is_empty() {
        return Err("Invalid member in numeric match: ]".to_string());
    }
    if members.len() > 4 {
        return Err("Too many elements in numeric expression".to_string());
    }
    let mut bounds = Vec::new();
    for pair in members.chunks(2) {
        let Some(order) = pair[0].as_str() else {
            return Err(format!("Invalid member in numeric match: {}", pair[0]));
        };
        let order = match order {
            "<" => Order::Less,
            "<=" => Order::LessOrEqual,
            "=" => Order::Equal,
            ">=" => Order::MoreOrEqual,
            ">" => Order::More,
            other => return Err(format!("Unrecognized numeric range operator: {other}")),
        };
        let number = pair.get(1).and_then(Value::as_f64);
        let Some(number) = number else {
            return Err(format!(
                "Value of {} must be numeric",
                pair[0].as_str().unwrap_or_default()
            ));
        };
        if number.abs() > NUMBER_MAX {
            return Err(format!(
                "Value must be between {:.0} and {NUMBER_MAX:.0}, inclusive",
                -NUMBER_MAX
            ));
        }
        bounds.push((order, number));
    }
    if let [(first, low), (second, high)] = bounds[..] {
        let is_range = matches!(first, Order::More | Order::MoreOrEqual)
            && matches!(second, Order::Less | Order::LessOrEqual);
        if !is_range {
            return Err(
                "Bad numeric range operator: only > or >= and then < or <= make a range"
                    .to_string(),
            );
        }
        if low >= high {
            return Err("Bottom must be less than top".to_string());
        }
    }
    Ok(Comparison::Numeric(bounds))
}

fn cidr(text: &str) -> Result<Comparison, Reason> {
    let Some((address, length)) = text.split_once('/') else {
        return Err("Malformed CIDR, one '/' required".to_string());
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return Err(format!("Malformed CIDR, nonnumeric or bad address: {text}"));
    };
    let (bits, is_v4) = address_bits(address);
    let width: u32 = if is_v4 { 32 } else { 128 };
    let Some(length) = length.parse::<u32>().ok().filter(|length| *length <= width) else {
        return Err(format!(
            "Malformed CIDR, mask bits must be 0 to {width}: {text}"
        ));
    };
    let ones = u128::MAX.checked_shl(width - length).unwrap_or(0);
    let mask = if is_v4 {
        ones & u128::from(u32::MAX)
    } else {
        ones
    };
    Ok(Comparison::Cidr {
        network: bits & mask,
        mask,
        is_v4,
    })
}

fn address_bits(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), true),
        IpAddr::V6(address) => (address.to_bits(), false),
    }
}

#[cfg(test)]
mod tests;
