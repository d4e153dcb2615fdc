//! Evaluation of a path, borrowing what it matches.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::token::Token;
use super::{CopyBudget, NoMatch, PATH_VISITS_MAX};

/// As [`super::Path::select`].
pub(super) fn select<'a>(
    tokens: &[Token],
    definite: bool,
    root: &'a Value,
) -> Result<Cow<'a, Value>, NoMatch> {
    if definite {
        return select_one(tokens, root);
    }
    let mut search = Search::default();
    search.collect(tokens, root);
    let mut budget = CopyBudget::new();
    let fits = search
        .found
        .iter()
        .all(|value| budget.take(value).is_some());
    if !fits || search.visits > PATH_VISITS_MAX {
        return Err(NoMatch(format!(
            "Too many results for path: {}",
            printed(tokens)
        )));
    }
    let values = search.found.into_iter().map(Cow::into_owned).collect();
    Ok(Cow::Owned(Value::Array(values)))
}

/// Whether the steps match anything: the claim `@.a` of a filter.
pub(super) fn matches_any(tokens: &[Token], root: &Value) -> bool {
    let mut search = Search::default();
    search.collect(tokens, root);
    !search.found.is_empty()
}

fn select_one<'a>(tokens: &[Token], root: &'a Value) -> Result<Cow<'a, Value>, NoMatch> {
    let mut at = root;
    for (position, token) in tokens.iter().enumerate() {
        let is_last = position + 1 == tokens.len();
        let walked = || printed(&tokens[..position]);
        let next = match token {
            Token::Properties(names) => {
                let Some(object) = at.as_object() else {
                    return Err(not_an_object(token, &walked(), at));
                };
                if names.len() > 1 {
                    return Ok(Cow::Owned(Value::Object(picked(object, names))));
                }
                object.get(names.first().expect("a property step has a name"))
            }
            Token::Indexes(indexes) => {
                let Some(array) = at.as_array() else {
                    return Err(not_an_array(token, &walked(), at));
                };
                element(array, *indexes.first().expect("an index step has an index"))
            }
            Token::Slice { .. } | Token::Wildcard | Token::Scan | Token::Filter(_) => {
                unreachable!("a definite path has names and indexes only")
            }
        };
        at = match next {
            Some(value) => value,
            // AWS: Jayway skips an index beyond the array wherever it stands, a missing name only at the end.
            None if is_last || matches!(token, Token::Indexes(_)) => {
                return Err(NoMatch(format!("No results for path: {}", printed(tokens))));
            }
            None => {
                let path = printed(&tokens[..=position]);
                return Err(NoMatch(format!("Missing property in path {path}")));
            }
        };
    }
    Ok(Cow::Borrowed(at))
}

/// Matches in document order.
#[derive(Default)]
struct Search<'a> {
    found: Vec<Cow<'a, Value>>,
    /// Beyond [`PATH_VISITS_MAX`] the search has stopped.
    visits: usize,
}

impl<'a> Search<'a> {
    fn collect(&mut self, tokens: &[Token], at: &'a Value) {
        self.visits += 1;
        if self.visits > PATH_VISITS_MAX {
            return;
        }
        let Some((token, rest)) = tokens.split_first() else {
            self.found.push(Cow::Borrowed(at));
            return;
        };
        match token {
            Token::Properties(names) => {
                let Some(object) = at.as_object() else { return };
                if names.len() > 1 && rest.is_empty() {
                    self.found
                        .push(Cow::Owned(Value::Object(picked(object, names))));
                    return;
                }
                for value in names.iter().filter_map(|name| object.get(name)) {
                    self.collect(rest, value);
                }
            }
            Token::Indexes(indexes) => {
                let Some(array) = at.as_array() else { return };
                for value in indexes.iter().filter_map(|index| element(array, *index)) {
                    self.collect(rest, value);
                }
            }
            Token::Slice { from, to } => {
                let Some(array) = at.as_array() else { return };
                for index in slice_indexes(array.len(), *from, *to) {
                    if let Some(value) = element(array, index) {
                        self.collect(rest, value);
                    }
                }
            }
            Token::Wildcard => {
                for value in children(at) {
                    self.collect(rest, value);
                }
            }
            Token::Scan => self.scan(rest, at),
            Token::Filter(filter) => match at {
                // AWS: a filter on an object tests the object itself.
                Value::Object(_) if filter.accepts(at) => self.collect(rest, at),
                Value::Array(items) => {
                    for item in items.iter().filter(|item| filter.accepts(item)) {
                        self.collect(rest, item);
                    }
                }
                _ => {}
            },
        }
    }

    /// Applies `rest` to `at` and to everything below it, parents first.
    fn scan(&mut self, rest: &[Token], at: &'a Value) {
        self.visits += 1;
        if self.visits > PATH_VISITS_MAX {
            return;
        }
        // Below a scan a filter sees each object once: as itself, not again as its array's element.
        let applies = match rest.first() {
            Some(Token::Filter(_)) => at.is_object(),
            // A list of names makes an object for each that has all of them.
            Some(Token::Properties(names)) => at
                .as_object()
                .is_some_and(|object| names.len() > 1 || object.contains_key(&names[0])),
            _ => true,
        };
        if applies {
            self.collect(rest, at);
        }
        for child in children(at) {
            if child.is_object() || child.is_array() {
                self.scan(rest, child);
            }
        }
    }
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(members) => Box::new(members.values()),
        _ => Box::new(std::iter::empty()),
    }
}

/// The members of `object` that `names` lists, in that order; absent ones are left out.
fn picked(object: &Map<String, Value>, names: &[String]) -> Map<String, Value> {
    names
        .iter()
        .filter_map(|name| Some((name.clone(), object.get(name)?.clone())))
        .collect()
}

/// The element at `index`, counted from the end when negative.
pub(super) fn element(array: &[Value], index: i64) -> Option<&Value> {
    let length = i64::try_from(array.len()).ok()?;
    let index = if index < 0 { length + index } else { index };
    array.get(usize::try_from(index).ok()?)
}

/// Indexes of a slice, possibly negative (then counted from the end by [`element`]).
///
/// AWS: Jayway resolves a negative bound only when it stands alone, so `[-4:2]` wraps around and `[1:-1]` is empty.
fn slice_indexes(length: usize, from: Option<i64>, to: Option<i64>) -> std::ops::Range<i64> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    match (from, to) {
        (Some(from), Some(to)) => from.max(-length)..to.min(length),
        (Some(from), None) => (if from < 0 { from + length } else { from }).max(0)..length,
        (None, Some(to)) => 0..(if to < 0 { to + length } else { to }).min(length),
        (None, None) => 0..length,
    }
}

/// The steps in Jayway's own notation, from the root: `$['a'][0]`.
fn printed(tokens: &[Token]) -> String {
    let steps: String = tokens.iter().map(fragment).collect();
    format!("${steps}")
}

fn fragment(token: &Token) -> String {
    match token {
        Token::Properties(names) => {
            let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
            format!("[{}]", quoted.join(","))
        }
        Token::Indexes(indexes) => {
            let listed: Vec<String> = indexes.iter().map(i64::to_string).collect();
            format!("[{}]", listed.join(","))
        }
        Token::Slice { from, to } => {
            let bound = |bound: &Option<i64>| bound.map(|b| b.to_string()).unwrap_or_default();
            format!("[{}:{}]", bound(from), bound(to))
        }
        Token::Wildcard => "[*]".to_owned(),
        Token::Scan => "..".to_owned(),
        Token::Filter(_) => "[?]".to_owned(),
    }
}

fn not_an_object(token: &Token, walked: &str, found: &Value) -> NoMatch {
    NoMatch(format!(
        "Expected to find an object with property {} in path {walked} but found '{}'. This is not a json object \
         according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
        fragment(token),
        java_class(found)
    ))
}

fn not_an_array(token: &Token, walked: &str, found: &Value) -> NoMatch {
    NoMatch(match found {
        Value::Null => format!("The path {walked} is null"),
        _ => format!(
            "Filter: {} can only be applied to arrays. Current context is: {}",
            fragment(token),
            crate::intrinsic::java_text(found)
        ),
    })
}

/// The class that a JSON value has in Jackson's tree of Java collections.
fn java_class(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "java.lang.Boolean",
        Value::Number(number) if number.is_f64() => "java.lang.Double",
        Value::Number(number) if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => {
            "java.lang.Integer"
        }
        Value::Number(_) => "java.lang.Long",
        Value::String(_) => "java.lang.String",
        Value::Array(_) => "java.util.ArrayList",
        Value::Object(_) => "java.util.LinkedHashMap",
    }
}
