//! SEARCH: the series that words describe.
//!
//! `{Namespace,Dimension,...} words`: of exactly these dimensions, where the words are found in names and values. Words
//! stand side by side (all must be found) or with AND, OR, NOT and parentheses; `Property=word` looks in one place,
//! quotes mean the whole of it.

use super::value::{Series, Value};
use super::{Evaluation, Refusal, is_period};
use crate::metrics::rows;
use crate::metrics::{Metric, Statistic};

/// Series that a search finds. AWS: 500.
const FOUND_MAX: usize = 500;

/// Names that a search looks at.
const LOOKED_AT_MAX: usize = 200_000;

/// Levels of parentheses.
const DEPTH_MAX: usize = 20;

impl Evaluation<'_> {
    pub(super) fn search(
        &mut self,
        text: &str,
        statistic: &str,
        period: Option<usize>,
    ) -> Result<Value, Refusal> {
        let invalid = |text: String| Refusal::Invalid(format!("SEARCH: {text}"));
        let statistic = Statistic::parse(statistic)
            .ok_or_else(|| invalid(format!("{statistic} is not a valid statistic")))?;
        let period_s = match period {
            None => self.period_s,
            Some(period) => i32::try_from(period)
                .ok()
                .filter(|period| is_period(*period))
                .ok_or_else(|| invalid(format!("{period} is not a valid period")))?
                as u32,
        };
        let search = Search::parse(text).map_err(invalid)?;
        let mut found: Vec<Metric> = Vec::new();
        let prefix = rows::namespace_prefix(search.namespace.as_deref());
        let (mut from, to) = (prefix.clone(), rows::after(&prefix));
        let mut looked_at = 0;
        while found.len() < FOUND_MAX && looked_at < LOOKED_AT_MAX {
            let names = self.reader.names(&from, &to)?;
            looked_at += names.rows.len();
            self.spend(names.rows.len())?;
            for (_, row) in names.rows {
                // A metric with several units comes as often.
                if found.last() != Some(&row.metric) && search.finds(&row.metric) {
                    found.push(row.metric);
                }
            }
            match names.next {
                Some(next) => from = next,
                None => break,
            }
        }
        found.truncate(FOUND_MAX);
        let mut array = Vec::with_capacity(found.len());
        for metric in &found {
            let mut series: Series = self.read(metric, &statistic, period_s, None)?;
            series.label = label(metric);
            array.push(series);
        }
        Ok(Value::Array(array))
    }
}

fn label(metric: &Metric) -> String {
    let mut words: Vec<&str> = metric
        .dimensions()
        .iter()
        .map(|(_, value)| value.as_str())
        .collect();
    words.push(metric.name());
    words.join(" ")
}

#[derive(Debug, PartialEq)]
struct Search {
    namespace: Option<String>,
    /// Names of the dimensions, sorted.
    dimensions: Option<Vec<String>>,
    term: Option<Term>,
}

#[derive(Debug, PartialEq)]
enum Term {
    And(Vec<Term>),
    Or(Vec<Term>),
    Not(Box<Term>),
    /// In any of these places, or in the one that is named.
    Word {
        property: Option<String>,
        word: String,
        is_whole: bool,
    },
}

impl Search {
    fn parse(text: &str) -> Result<Search, String> {
        let text = text.trim();
        let (schema, rest) = match text.strip_prefix('{') {
            Some(inner) => {
                let (schema, rest) = inner.split_once('}').ok_or("'}' is missing")?;
                (Some(schema), rest)
            }
            None => (None, text),
        };
        let mut names = schema.into_iter().flat_map(|schema| schema.split(','));
        let mut names = names
            .by_ref()
            .map(|name| name.trim().trim_matches(['"', '\'']).to_owned());
        let namespace = names.next();
        let mut dimensions: Vec<String> = names.collect();
        dimensions.sort();
        let mut words = Words { rest };
        let term = match words.is_at_end() {
            true => None,
            false => Some(words.alternatives(0)?),
        };
        match words.is_at_end() {
            true => Ok(Search {
                dimensions: namespace.is_some().then_some(dimensions),
                namespace,
                term,
            }),
            false => Err(format!("unexpected '{}'", words.rest.trim())),
        }
    }

    fn finds(&self, metric: &Metric) -> bool {
        let names = || metric.dimensions().iter().map(|(name, _)| name);
        let has_schema = self.dimensions.as_ref().is_none_or(|wanted| {
            wanted.len() == metric.dimensions().len() && names().eq(wanted.iter())
        });
        has_schema && self.term.as_ref().is_none_or(|term| term.holds(metric))
    }
}

impl Term {
    fn holds(&self, metric: &Metric) -> bool {
        match self {
            Term::And(terms) => terms.iter().all(|term| term.holds(metric)),
            Term::Or(terms) => terms.iter().any(|term| term.holds(metric)),
            Term::Not(term) => !term.holds(metric),
            Term::Word {
                property,
                word,
                is_whole,
            } => {
                let places: Vec<&str> = match property.as_deref() {
                    None => {
                        let dimensions = metric.dimensions().iter();
                        let dimensions =
                            dimensions.flat_map(|(name, value)| [name.as_str(), value.as_str()]);
                        [metric.namespace(), metric.name()]
                            .into_iter()
                            .chain(dimensions)
                            .collect()
                    }
                    Some("Namespace") => vec![metric.namespace()],
                    Some("MetricName") => vec![metric.name()],
                    Some(name) => {
                        let found = metric
                            .dimensions()
                            .iter()
                            .find(|(dimension, _)| dimension == name);
                        found.map(|(_, value)| value.as_str()).into_iter().collect()
                    }
                };
                places.into_iter().any(|place| match is_whole {
                    true => place == word,
                    false => has_tokens(place, word),
                })
            }
        }
    }
}

/// Whether the tokens of a word stand side by side in a text, whatever their case. A token that is a whole word of the
/// text counts too: `cpuutilization` is found in `CPUUtilization`.
fn has_tokens(text: &str, word: &str) -> bool {
    let wanted = tokens(word);
    if wanted.is_empty() {
        return false;
    }
    let joined = wanted.concat();
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    if words.any(|word| word.to_lowercase() == joined) {
        return true;
    }
    let tokens = tokens(text);
    tokens.windows(wanted.len()).any(|window| window == wanted)
}

/// Runs of letters and of digits, cut where a capital begins, in lower case.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut before = ' ';
    let characters: Vec<char> = text.chars().collect();
    for (at, character) in characters.iter().enumerate() {
        if character.is_alphanumeric() {
            let next_is_lower = characters
                .get(at + 1)
                .is_some_and(|next| next.is_lowercase());
            let begins = !before.is_alphanumeric()
                || before.is_numeric() != character.is_numeric()
                || character.is_uppercase() && (!before.is_uppercase() || next_is_lower);
            if begins {
                tokens.push(String::new());
            }
            if let Some(token) = tokens.last_mut() {
                token.extend(character.to_lowercase());
            }
        }
        before = *character;
    }
    tokens
}

/// What is left of the words.
struct Words<'w> {
    rest: &'w str,
}

impl Words<'_> {
    fn is_at_end(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        self.rest.is_empty()
    }

    /// Takes a keyword, if it comes next.
    fn takes(&mut self, keyword: &str) -> bool {
        self.rest = self.rest.trim_start();
        let Some(after) = self.rest.strip_prefix(keyword) else {
            return false;
        };
        let is_word = keyword.starts_with(char::is_alphabetic);
        let ends = after.starts_with(|c: char| c.is_whitespace() || c == '(') || after.is_empty();
        if is_word && !ends {
            return false;
        }
        self.rest = after;
        true
    }

    fn alternatives(&mut self, depth: usize) -> Result<Term, String> {
        let mut terms = vec![self.together(depth)?];
        while self.takes("OR") {
            terms.push(self.together(depth)?);
        }
        Ok(match terms.len() {
            1 => terms.swap_remove(0),
            _ => Term::Or(terms),
        })
    }

    fn together(&mut self, depth: usize) -> Result<Term, String> {
        let mut terms = vec![self.term(depth)?];
        loop {
            self.takes("AND");
            let ends = self.is_at_end() || self.rest.starts_with(')');
            let alternative = Words { rest: self.rest }.takes("OR");
            if ends || alternative {
                break;
            }
            terms.push(self.term(depth)?);
        }
        Ok(match terms.len() {
            1 => terms.swap_remove(0),
            _ => Term::And(terms),
        })
    }

    fn term(&mut self, depth: usize) -> Result<Term, String> {
        if depth > DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} levels"));
        }
        if self.takes("NOT") {
            return Ok(Term::Not(Box::new(self.term(depth + 1)?)));
        }
        if self.takes("(") {
            let term = self.alternatives(depth + 1)?;
            return match self.takes(")") {
                true => Ok(term),
                false => Err("')' is missing".to_owned()),
            };
        }
        let (word, is_whole) = self.word()?;
        if !self.takes("=") {
            return Ok(Term::Word {
                property: None,
                word,
                is_whole,
            });
        }
        let property = Some(word);
        if self.takes("(") {
            let mut terms = Vec::new();
            while !self.takes(")") {
                self.takes("OR");
                let (word, is_whole) = self.word()?;
                terms.push(Term::Word {
                    property: property.clone(),
                    word,
                    is_whole,
                });
            }
            return Ok(Term::Or(terms));
        }
        let (word, is_whole) = self.word()?;
        Ok(Term::Word {
            property,
            word,
            is_whole,
        })
    }

    /// A word, and whether it is in quotes.
    fn word(&mut self) -> Result<(String, bool), String> {
        self.rest = self.rest.trim_start();
        if let Some(inner) = self.rest.strip_prefix('"') {
            let (word, after) = inner.split_once('"').ok_or("a quote is not closed")?;
            self.rest = after;
            return Ok((word.to_owned(), true));
        }
        let end = self
            .rest
            .find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '=' | '"'));
        let (word, after) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = after;
        match word {
            "" => Err("a word is missing".to_owned()),
            _ => Ok((word.to_owned(), false)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_find_metrics() {
        let metric = Metric::known(
            "AWS/Lambda",
            "CPUUtilization",
            &[("FunctionName", "pay-order-2")],
        );
        for (text, finds) in [
            (
                "{AWS/Lambda,FunctionName} MetricName=\"CPUUtilization\"",
                true,
            ),
            ("{AWS/Lambda} MetricName=\"CPUUtilization\"", false),
            ("{AWS/Lambda,FunctionName}", true),
            ("{AWS/Lambda,FunctionName} cpuutilization", true),
            ("{AWS/Lambda,FunctionName} utilization", true),
            ("{AWS/Lambda,FunctionName} util", false),
            ("{AWS/Lambda,FunctionName} pay order", true),
            ("{AWS/Lambda,FunctionName} pay AND NOT order", false),
            ("{AWS/Lambda,FunctionName} nothing OR order", true),
            (
                "{AWS/Lambda,FunctionName} (nothing OR order) AND lambda",
                true,
            ),
            ("{AWS/Lambda,FunctionName} FunctionName=order", true),
            ("{AWS/Lambda,FunctionName} FunctionName=\"order\"", false),
            (
                "{AWS/Lambda,FunctionName} FunctionName=(\"x\" OR \"pay-order-2\")",
                true,
            ),
            ("Namespace=\"AWS/Lambda\" order", true),
        ] {
            let search = Search::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(search.finds(&metric), finds, "{text}");
        }
    }

    #[test]
    fn what_is_no_search_is_refused() {
        for text in [
            "{AWS/Lambda",
            "a OR",
            "(a",
            "a)",
            "a=",
            "\"a",
            "NOT",
            "x=(a",
        ] {
            assert!(Search::parse(text).is_err(), "{text}");
        }
        let deep = "(".repeat(10_000);
        assert!(Search::parse(&deep).is_err());
    }
}
