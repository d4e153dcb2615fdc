//! Patterns of columns: `[ip, user, ..., status = 4* && status != 404, bytes > 1000]`.

use std::collections::BTreeMap;

use super::value::{Operator, Regexes, Value};
use super::{RefusedPattern, invalid};

/// Columns of a pattern.
const COLUMNS_MAX: usize = 100;

/// Columns of a message that are looked at.
const MESSAGE_COLUMNS_MAX: usize = 10_000;

#[derive(Debug)]
pub(super) struct Columns {
    /// Those before `...`, or all.
    before: Vec<Column>,
    /// Those after `...`; `None` where there is none.
    after: Option<Vec<Column>>,
}

#[derive(Debug)]
struct Column {
    name: String,
    /// Any of these; each of them all of its conditions. Empty: any text.
    conditions: Vec<Vec<(Operator, Value)>>,
}

impl Column {
    fn accepts(&self, text: &str) -> bool {
        self.conditions.is_empty()
            || self.conditions.iter().any(|all| {
                all.iter()
                    .all(|(operator, value)| value.holds_of_text(*operator, text))
            })
    }
}

impl Columns {
    pub(super) fn parse(text: &str) -> Result<Columns, RefusedPattern> {
        let mut columns = Columns {
            before: Vec::new(),
            after: None,
        };
        let mut regexes = Regexes::default();
        let mut rest = text;
        let mut number = 0;
        loop {
            number += 1;
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix("...") {
                if columns.after.is_some() {
                    return Err(invalid());
                }
                columns.after = Some(Vec::new());
                rest = after.trim_start();
            } else {
                let (column, after) = column(rest, number, &mut regexes)?;
                columns
                    .after
                    .as_mut()
                    .unwrap_or(&mut columns.before)
                    .push(column);
                rest = after;
            }
            if number > COLUMNS_MAX {
                return Err(invalid());
            }
            match rest.strip_prefix(',') {
                Some(after) => rest = after,
                None if rest.is_empty() => return Ok(columns),
                None => return Err(invalid()),
            }
        }
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        self.assigned(message).is_some()
    }

    pub(super) fn extract(&self, message: &str) -> Option<BTreeMap<String, String>> {
        let assigned = self.assigned(message)?;
        Some(
            assigned
                .into_iter()
                .map(|(column, text)| (format!("${}", column.name), text.to_owned()))
                .collect(),
        )
    }

    pub(super) fn select(&self, message: &str, selector: &str) -> Option<String> {
        let name = selector.strip_prefix('$')?;
        let assigned = self.assigned(message)?;
        assigned
            .into_iter()
            .find(|(column, _)| column.name == name)
            .map(|(_, text)| text.to_owned())
    }

    /// Each column with its text; `None` if they are not as the pattern wants.
    fn assigned<'c, 'm>(&'c self, message: &'m str) -> Option<Vec<(&'c Column, &'m str)>> {
        let texts = split(message)?;
        let after = self.after.as_deref().unwrap_or_default();
        let needed = self.before.len() + after.len();
        let fits = match self.after {
            Some(_) => texts.len() >= needed,
            None => texts.len() == needed,
        };
        if !fits {
            return None;
        }
        let first = self.before.iter().zip(texts.iter().copied());
        let last = after
            .iter()
            .zip(texts[texts.len() - after.len()..].iter().copied());
        let assigned: Vec<(&Column, &str)> = first.chain(last).collect();
        assigned
            .iter()
            .all(|(column, text)| column.accepts(text))
            .then_some(assigned)
    }
}

/// The first column of a text and what comes after it: `,` or nothing.
fn column<'t>(
    text: &'t str,
    number: usize,
    regexes: &mut Regexes,
) -> Result<(Column, &'t str), RefusedPattern> {
    let is_in_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let end = text.find(|c| !is_in_name(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let mut column = Column {
        // AWS: a column without a name is known by its number.
        name: match name {
            "" => number.to_string(),
            name => name.to_owned(),
        },
        conditions: Vec::new(),
    };
    let mut rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with(',') {
        return Ok((column, rest));
    }
    column.conditions.push(Vec::new());
    loop {
        let (operator, after) = Operator::take(rest).ok_or_else(invalid)?;
        let ends = |c: char| c.is_whitespace() || ",&|".contains(c);
        let (value, after) = Value::take(after.trim_start(), &ends, regexes)?;
        if !value.suits(operator) {
            return Err(invalid());
        }
        if let Some(all) = column.conditions.last_mut() {
            all.push((operator, value));
        }
        rest = after.trim_start();
        if let Some(after) = rest.strip_prefix("||") {
            column.conditions.push(Vec::new());
            rest = after;
        } else if let Some(after) = rest.strip_prefix("&&") {
            rest = after;
        } else {
            return Ok((column, rest));
        }
        // The name may stand before each condition.
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix(name)
            && !after.starts_with(is_in_name)
        {
            rest = after.trim_start();
        }
    }
}

/// The columns of a message: words, and what is in `"..."` or `[...]`, without these.
fn split(message: &str) -> Option<Vec<&str>> {
    let mut texts = Vec::new();
    let message = message.trim();
    let (mut quotes, mut brackets) = (Closing::new('"'), Closing::new(']'));
    let mut at = 0;
    while let Some(first) = message[at..].chars().next() {
        let end = match first {
            '"' => quotes.from(message, at + 1),
            '[' => brackets.from(message, at + 1),
            _ => None,
        };
        let rest = &message[at..];
        let enclosed = end.map(|end| (&message[at + 1..end], &message[end + 1..]));
        let (text, after) = match enclosed {
            Some((text, after)) if after.is_empty() || after.starts_with(char::is_whitespace) => {
                (text, after)
            }
            _ => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        texts.push(text);
        if texts.len() > MESSAGE_COLUMNS_MAX {
            return None;
        }
        at = message.len() - after.trim_start().len();
    }
    Some(texts)
}

/// Where the next closing character is, which is looked for once however many open before it.
struct Closing {
    character: char,
    /// The length of the message where there is no more; before the first look nothing is known.
    next: Option<usize>,
}

impl Closing {
    fn new(character: char) -> Closing {
        Closing {
            character,
            next: None,
        }
    }

    /// The first one at or after a place; places only grow.
    fn from(&mut self, message: &str, place: usize) -> Option<usize> {
        let next = match self.next {
            Some(next) if next >= place => next,
            _ => {
                let found = message[place..].find(self.character);
                found.map_or(message.len(), |found| place + found)
            }
        };
        self.next = Some(next);
        (next < message.len()).then_some(next)
    }
}
