//! The functions of expressions: numbers, texts, instants.

use super::expression::{Expression, Scope};
use super::value::Value;

/// Bytes of a text that a function makes.
const TEXT_BYTES_MAX: usize = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Abs,
    Ceil,
    Floor,
    Greatest,
    Least,
    Log,
    Sqrt,
    IsEmpty,
    IsBlank,
    Concat,
    Trim,
    LeftTrim,
    RightTrim,
    StringLength,
    ToUpper,
    ToLower,
    Substring,
    Replace,
    StringContains,
    IsPresent,
    Coalesce,
    If,
    Bin,
    DateFloor,
    DateCeiling,
    FromMillis,
    ToMillis,
    Now,
}

/// Name, fewest and most arguments.
const FUNCTIONS: [(&str, Function, usize, usize); 28] = [
    ("abs", Function::Abs, 1, 1),
    ("ceil", Function::Ceil, 1, 1),
    ("floor", Function::Floor, 1, 1),
    ("greatest", Function::Greatest, 1, 50),
    ("least", Function::Least, 1, 50),
    ("log", Function::Log, 1, 1),
    ("sqrt", Function::Sqrt, 1, 1),
    ("isempty", Function::IsEmpty, 1, 1),
    ("isblank", Function::IsBlank, 1, 1),
    ("concat", Function::Concat, 1, 50),
    ("trim", Function::Trim, 1, 2),
    ("ltrim", Function::LeftTrim, 1, 2),
    ("rtrim", Function::RightTrim, 1, 2),
    ("strlen", Function::StringLength, 1, 1),
    ("toupper", Function::ToUpper, 1, 1),
    ("tolower", Function::ToLower, 1, 1),
    ("substr", Function::Substring, 2, 3),
    ("replace", Function::Replace, 3, 3),
    ("strcontains", Function::StringContains, 2, 2),
    ("ispresent", Function::IsPresent, 1, 1),
    ("coalesce", Function::Coalesce, 1, 50),
    ("if", Function::If, 3, 3),
    ("bin", Function::Bin, 1, 1),
    ("datefloor", Function::DateFloor, 2, 2),
    ("dateceil", Function::DateCeiling, 2, 2),
    ("frommillis", Function::FromMillis, 1, 1),
    ("tomillis", Function::ToMillis, 1, 1),
    ("now", Function::Now, 0, 0),
];

impl Function {
    /// The function of this name, in any case, and how many arguments it takes.
    pub(super) fn named(name: &str) -> Option<(Function, std::ops::RangeInclusive<usize>)> {
        FUNCTIONS
            .into_iter()
            .find(|(known, ..)| known.eq_ignore_ascii_case(name))
            .map(|(_, function, least, most)| (function, least..=most))
    }

    pub(super) fn call(self, arguments: &[Expression], scope: &Scope) -> Value {
        let value = |at: usize| {
            let argument = arguments.get(at);
            argument.map_or(Value::Missing, |argument| argument.value(scope))
        };
        let text = |at: usize| value(at).text();
        let of_number = |f: fn(f64) -> f64| match value(0).number().map(f) {
            Some(number) if number.is_finite() => Value::Number(number),
            _ => Value::Missing,
        };
        let of_text =
            |f: fn(&str) -> String| text(0).map_or(Value::Missing, |text| Value::Text(f(&text)));
        match self {
            Function::Abs => of_number(f64::abs),
            Function::Ceil => of_number(f64::ceil),
            Function::Floor => of_number(f64::floor),
            Function::Log => of_number(f64::ln),
            Function::Sqrt => of_number(f64::sqrt),
            Function::Greatest | Function::Least => {
                let numbers = (0..arguments.len()).filter_map(|at| value(at).number());
                let found = match self {
                    Function::Greatest => numbers.max_by(f64::total_cmp),
                    _ => numbers.min_by(f64::total_cmp),
                };
                found.map_or(Value::Missing, Value::Number)
            }
            Function::IsEmpty => Value::Bool(text(0).is_none_or(|text| text.is_empty())),
            Function::IsBlank => Value::Bool(text(0).is_none_or(|text| text.trim().is_empty())),
            Function::IsPresent => Value::Bool(!value(0).is_missing()),
            Function::Concat => {
                let mut whole = String::new();
                for at in 0..arguments.len() {
                    whole.push_str(&text(at).unwrap_or_default());
                }
                bounded(whole)
            }
            Function::Trim | Function::LeftTrim | Function::RightTrim => {
                let Some(whole) = text(0) else {
                    return Value::Missing;
                };
                let of: Option<Vec<char>> = text(1).map(|characters| characters.chars().collect());
                let goes = |c: char| match &of {
                    Some(characters) => characters.contains(&c),
                    None => c.is_whitespace(),
                };
                Value::Text(match self {
                    Function::Trim => whole.trim_matches(goes).to_owned(),
                    Function::LeftTrim => whole.trim_start_matches(goes).to_owned(),
                    _ => whole.trim_end_matches(goes).to_owned(),
                })
            }
            Function::StringLength => text(0).map_or(Value::Missing, |text| {
                Value::Number(text.chars().count() as f64)
            }),
            Function::ToUpper => of_text(str::to_uppercase),
            Function::ToLower => of_text(str::to_lowercase),
            Function::Substring => substring(text(0), value(1).number(), value(2).number()),
            Function::Replace => match (text(0), text(1), text(2)) {
                (Some(whole), Some(part), _) if part.is_empty() => Value::Text(whole),
                (Some(whole), Some(part), Some(by)) => {
                    // Before it is made: how long it becomes.
                    let times = whole.matches(&part).count();
                    if whole.len() + times * by.len() > TEXT_BYTES_MAX {
                        return Value::Missing;
                    }
                    Value::Text(whole.replace(&part, &by))
                }
                _ => Value::Missing,
            },
            Function::StringContains => match (text(0), text(1)) {
                (Some(whole), Some(part)) => {
                    Value::Number(f64::from(u8::from(whole.contains(&part))))
                }
                _ => Value::Missing,
            },
            Function::Coalesce => (0..arguments.len())
                .map(value)
                .find(|value| !value.is_missing())
                .unwrap_or(Value::Missing),
            Function::If => value(if value(0).holds() { 1 } else { 2 }),
            Function::Bin => floor(&scope.record.field("@timestamp"), &value(0), false),
            Function::DateFloor => floor(&value(0), &value(1), false),
            Function::DateCeiling => floor(&value(0), &value(1), true),
            Function::FromMillis => match value(0).number() {
                Some(ms) if ms.abs() < 1e15 => Value::Time(ms as i64),
                _ => Value::Missing,
            },
            Function::ToMillis => value(0).number().map_or(Value::Missing, Value::Number),
            // AWS: seconds since 1970.
            Function::Now => Value::Number((scope.now_ms / 1_000) as f64),
        }
    }
}

fn bounded(text: String) -> Value {
    match text.len() <= TEXT_BYTES_MAX {
        true => Value::Text(text),
        false => Value::Missing,
    }
}

fn substring(text: Option<String>, start: Option<f64>, length: Option<f64>) -> Value {
    let (Some(text), Some(start)) = (text, start) else {
        return Value::Missing;
    };
    let count = |number: f64| number.clamp(0.0, 1e9) as usize;
    let rest = text.chars().skip(count(start));
    Value::Text(match length {
        Some(length) => rest.take(count(length)).collect(),
        None => rest.collect(),
    })
}

/// An instant at the begin, or at the end, of its period.
fn floor(instant: &Value, period_ms: &Value, up: bool) -> Value {
    let (Value::Time(ms), Some(period)) = (instant, period_ms.number()) else {
        return Value::Missing;
    };
    if !(1.0..1e15).contains(&period) {
        return Value::Missing;
    }
    let period = period as i64;
    let down = ms.div_euclid(period) * period;
    Value::Time(match up && down < *ms {
        true => down + period,
        false => down,
    })
}
