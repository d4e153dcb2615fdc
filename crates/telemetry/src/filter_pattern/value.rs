//! What a field is compared with: numbers, texts with `*`, regular expressions.

use super::{REGEXES_MAX, RefusedPattern, invalid, invalid_term};

/// Bytes that a compiled regular expression may take.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// Regular expressions that a pattern has had so far.
#[derive(Debug, Default)]
pub(super) struct Regexes(usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    /// The operator that a text begins with, and what comes after it.
    pub(super) fn take(text: &str) -> Option<(Operator, &str)> {
        [
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ]
        .into_iter()
        .find_map(|(sign, operator)| Some((operator, text.strip_prefix(sign)?)))
    }

    fn holds(self, one: f64, other: f64) -> bool {
        match self {
            Operator::Equal => one == other,
            Operator::NotEqual => one != other,
            Operator::Less => one < other,
            Operator::LessOrEqual => one <= other,
            Operator::Greater => one > other,
            Operator::GreaterOrEqual => one >= other,
        }
    }
}

/// What a field is compared with.
#[derive(Debug)]
pub(super) enum Value {
    Number(f64),
    Text(Text),
    Regex(Box<regex::Regex>),
}

/// A text in which `*` stands for any characters.
#[derive(Debug)]
pub(super) struct Text {
    parts: Vec<String>,
}

impl Text {
    fn of(text: &str) -> Text {
        Text {
            parts: text.split('*').map(str::to_owned).collect(),
        }
    }

    /// The text, if nothing in it stands for something else.
    pub(super) fn whole(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [whole] => Some(whole),
            _ => None,
        }
    }

    fn has_wildcard(&self) -> bool {
        self.parts.len() > 1
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let [first, between @ .., last] = self.parts.as_slice() else {
            return self.parts[0] == text;
        };
        let Some(rest) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else {
            return false;
        };
        for part in between {
            match rest.split_once(part.as_str()) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        true
    }
}

impl Value {
    /// The value that a text begins with, and what comes after it. A bare value ends where `ends` says.
    pub(super) fn take<'t>(
        text: &'t str,
        ends: &dyn Fn(char) -> bool,
        regexes: &mut Regexes,
    ) -> Result<(Value, &'t str), RefusedPattern> {
        if text.starts_with('"') {
            let (phrase, after) = quoted(text).ok_or_else(invalid)?;
            return Ok((Value::Text(Text::of(&phrase)), after));
        }
        if let Some(rest) = text.strip_prefix('%') {
            let (expression, after) = rest.split_once('%').ok_or_else(invalid)?;
            return Ok((Value::Regex(Box::new(regex(expression, regexes)?)), after));
        }
        let end = text.find(ends).unwrap_or(text.len());
        let (bare, after) = text.split_at(end);
        if bare.is_empty() {
            return Err(invalid());
        }
        let is_plain = |c: char| c.is_alphanumeric() || "_-.*:/+$@#".contains(c);
        if !bare.chars().all(is_plain) {
            return Err(invalid_term(bare));
        }
        let value = match number(bare) {
            Some(number) => Value::Number(number),
            None => Value::Text(Text::of(bare)),
        };
        Ok((value, after))
    }

    /// Whether it may stand after this operator. AWS: texts and regular expressions are equal or not.
    pub(super) fn suits(&self, operator: Operator) -> bool {
        matches!(self, Value::Number(_)) || matches!(operator, Operator::Equal | Operator::NotEqual)
    }

    /// Compares the text of a column.
    pub(super) fn holds_of_text(&self, operator: Operator, text: &str) -> bool {
        let is_equal = match self {
            Value::Number(wanted) => match number(text) {
                Some(found) => return operator.holds(found, *wanted),
                None => false,
            },
            Value::Text(wanted) => wanted.matches(text),
            Value::Regex(regex) => regex.is_match(text),
        };
        match operator {
            Operator::Equal => is_equal,
            Operator::NotEqual => !is_equal,
            _ => false,
        }
    }

    /// Compares a value of JSON.
    pub(super) fn holds_of_json(&self, operator: Operator, found: &serde_json::Value) -> bool {
        let is_equal = match (self, found) {
            (Value::Number(wanted), serde_json::Value::Number(found)) => {
                return found
                    .as_f64()
                    .is_some_and(|found| operator.holds(found, *wanted));
            }
            (Value::Text(wanted), serde_json::Value::String(found)) => wanted.matches(found),
            (Value::Text(wanted), serde_json::Value::Number(found)) => {
                wanted.has_wildcard() && wanted.matches(&found.to_string())
            }
            (Value::Regex(regex), serde_json::Value::String(found)) => regex.is_match(found),
            (Value::Regex(regex), serde_json::Value::Number(found)) => {
                regex.is_match(&found.to_string())
            }
            (_, serde_json::Value::Array(_) | serde_json::Value::Object(_)) => return false,
            _ => false,
        };
        match operator {
            Operator::Equal => is_equal,
            Operator::NotEqual => !is_equal,
            _ => false,
        }
    }
}

/// A number as JSON writes it, or with a plus sign; no `inf` and no `nan`.
pub(super) fn number(text: &str) -> Option<f64> {
    let begins = text
        .trim_start_matches(['-', '+'])
        .starts_with(|c: char| c.is_ascii_digit() || c == '.');
    begins
        .then(|| text.parse().ok())?
        .filter(|number: &f64| number.is_finite())
}

/// The phrase in the quotes that a text begins with, and what comes after them. A backslash keeps the next character.
pub(super) fn quoted(text: &str) -> Option<(String, &str)> {
    let rest = text.strip_prefix('"')?;
    let mut phrase = String::new();
    let mut characters = rest.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((phrase, &rest[at + 1..])),
            '\\' => match characters.next()? {
                (_, escaped @ ('"' | '\\')) => phrase.push(escaped),
                (_, other) => phrase.extend(['\\', other]),
            },
            _ => phrase.push(c),
        }
    }
    None
}

/// A regular expression as filter patterns have them.
///
/// - Source: docs.aws.amazon.com/AmazonCloudWatch/latest/logs/regex-expressions.html: no groups, few symbols; others
///   are written as `\xHH`.
pub(super) fn regex(
    expression: &str,
    regexes: &mut Regexes,
) -> Result<regex::Regex, RefusedPattern> {
    regexes.0 += 1;
    if regexes.0 > REGEXES_MAX {
        return Err(invalid());
    }
    let mut is_escaped = false;
    for c in expression.chars() {
        let is_known = c.is_ascii_alphanumeric() || "_#=@/;,-^$?[]{}|\\*+. :".contains(c);
        if !is_known && !is_escaped {
            return Err(invalid_term(&format!("%{expression}%")));
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    if expression.is_empty() {
        return Err(invalid_term("%%"));
    }
    regex::RegexBuilder::new(expression)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|_| invalid())
}
