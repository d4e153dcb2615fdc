//! Patterns of terms: `a b` wants both, `?a ?b` one of them, `-a` none; quotes hold a phrase together, `%...%` is a
//! regular expression. Letters match in their case.

use super::value::{Regexes, quoted, regex};
use super::{RefusedPattern, invalid, invalid_term};

#[derive(Debug, Default)]
pub(super) struct Terms {
    all: Vec<Term>,
    any: Vec<Term>,
    none: Vec<Term>,
}

#[derive(Debug)]
enum Term {
    Text(String),
    Regex(Box<regex::Regex>),
}

impl Term {
    fn is_in(&self, message: &str) -> bool {
        match self {
            Term::Text(text) => message.contains(text),
            Term::Regex(regex) => regex.is_match(message),
        }
    }
}

impl Terms {
    pub(super) fn parse(text: &str) -> Result<Terms, RefusedPattern> {
        let mut terms = Terms::default();
        let mut regexes = Regexes::default();
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let of = match first {
                '?' => &mut terms.any,
                '-' => &mut terms.none,
                _ => &mut terms.all,
            };
            if matches!(first, '?' | '-') {
                rest = &rest[1..];
            }
            let (term, after) = term(rest, &mut regexes)?;
            of.push(term);
            if !(after.is_empty() || after.starts_with(char::is_whitespace)) {
                return Err(invalid());
            }
            rest = after.trim_start();
        }
        // AWS: beside other terms, those with a question mark have no effect.
        if !(terms.all.is_empty() && terms.none.is_empty()) {
            terms.any.clear();
        }
        Ok(terms)
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        self.all.iter().all(|term| term.is_in(message))
            && !self.none.iter().any(|term| term.is_in(message))
            && (self.any.is_empty() || self.any.iter().any(|term| term.is_in(message)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty() && self.any.is_empty() && self.none.is_empty()
    }

    /// The longest of the texts that must be there.
    pub(super) fn needle(&self) -> Option<String> {
        let mut only = &self.all;
        // One of one is wanted.
        if self.any.len() == 1 {
            only = &self.any;
        }
        only.iter()
            .filter_map(|term| match term {
                Term::Text(text) => Some(text),
                Term::Regex(_) => None,
            })
            .max_by_key(|text| text.len())
            .cloned()
    }
}

/// The first term of a text and what comes after it.
fn term<'t>(text: &'t str, regexes: &mut Regexes) -> Result<(Term, &'t str), RefusedPattern> {
    if text.starts_with('"') {
        let (phrase, after) = quoted(text).ok_or_else(invalid)?;
        if phrase.is_empty() {
            return Err(invalid_term("\"\""));
        }
        return Ok((Term::Text(phrase), after));
    }
    if let Some(rest) = text.strip_prefix('%') {
        let (expression, after) = rest.split_once('%').ok_or_else(invalid)?;
        return Ok((Term::Regex(Box::new(regex(expression, regexes)?)), after));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (term, after) = text.split_at(end);
    // AWS: what has other characters than letters, digits and underscores stands in quotes.
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if term.is_empty() || !term.chars().all(is_plain) {
        return Err(invalid_term(term));
    }
    Ok((Term::Text(term.to_owned()), after))
}
