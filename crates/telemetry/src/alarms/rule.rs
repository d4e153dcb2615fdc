//! `AlarmRule`: the expression of a composite alarm.
//!
//! Source: CloudWatch user guide, "Composite alarms".

use std::collections::BTreeSet;

use super::state::StateValue;

/// AWS: an expression names as many as 100 alarms.
pub const CHILDREN_MAX: usize = 100;

/// AWS: an expression has as many as 500 elements: alarms, `TRUE`, `FALSE`, and pairs of parentheses.
pub const ELEMENTS_MAX: usize = 500;

/// A rule that was parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    root: Expression,
}

#[derive(Debug, Clone, PartialEq)]
enum Expression {
    Constant(bool),
    In(StateValue, String),
    Not(Box<Expression>),
    All(Vec<Expression>),
    Any(Vec<Expression>),
    AtLeast(AtLeast),
}

#[derive(Debug, Clone, PartialEq)]
struct AtLeast {
    minimum: Minimum,
    is_negated: bool,
    state: StateValue,
    names: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Minimum {
    Count(usize),
    Percent(f64),
}

/// Why a rule does not parse: what was expected at which character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(String);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Rule {
    /// Parses the expression.
    ///
    /// - Words are read in any case; names with spaces, brackets or commas stand in double quotes.
    /// - At most [`CHILDREN_MAX`] alarms and [`ELEMENTS_MAX`] elements, which bounds its depth too.
    pub fn parse(text: &str) -> Result<Rule, Malformed> {
        let mut parser = Parser {
            text,
            at: 0,
            elements: 0,
        };
        let root = parser.any()?;
        parser.blank();
        if parser.at < text.len() {
            return Err(parser.expected("AND, OR or the end"));
        }
        let rule = Rule { root };
        let children = rule.children().len();
        if children > CHILDREN_MAX {
            return Err(Malformed(format!(
                "it names {children} alarms, and at most {CHILDREN_MAX} are allowed"
            )));
        }
        Ok(rule)
    }

    /// Whether the rule holds, given the state of each alarm; `None` is an alarm that is not there.
    pub fn holds(&self, state_of: &dyn Fn(&str) -> Option<StateValue>) -> bool {
        self.root.holds(state_of)
    }

    /// The names or ARNs in it, each once, in the order of their first place.
    pub fn children(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.root.names(&mut names);
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(*name));
        names
    }
}

impl Expression {
    fn holds(&self, state_of: &dyn Fn(&str) -> Option<StateValue>) -> bool {
        match self {
            Expression::Constant(value) => *value,
            Expression::In(state, name) => state_of(name) == Some(*state),
            Expression::Not(inner) => !inner.holds(state_of),
            Expression::All(parts) => parts.iter().all(|part| part.holds(state_of)),
            Expression::Any(parts) => parts.iter().any(|part| part.holds(state_of)),
            Expression::AtLeast(at_least) => at_least.holds(state_of),
        }
    }

    fn names<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Expression::Constant(_) => {}
            Expression::In(_, name) => names.push(name),
            Expression::Not(inner) => inner.names(names),
            Expression::All(parts) | Expression::Any(parts) => {
                for part in parts {
                    part.names(names);
                }
            }
            Expression::AtLeast(at_least) => {
                names.extend(at_least.names.iter().map(String::as_str));
            }
        }
    }
}

impl AtLeast {
    fn holds(&self, state_of: &dyn Fn(&str) -> Option<StateValue>) -> bool {
        let count = self
            .names
            .iter()
            .filter_map(|name| state_of(name))
            .filter(|state| (*state == self.state) != self.is_negated)
            .count();
        match self.minimum {
            Minimum::Count(minimum) => count >= minimum,
            Minimum::Percent(percent) => count as f64 * 100.0 >= percent * self.names.len() as f64,
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    /// Bytes that have been read.
    at: usize,
    elements: usize,
}

impl<'a> Parser<'a> {
    fn any(&mut self) -> Result<Expression, Malformed> {
        let mut parts = vec![self.all()?];
        while self.takes_word("OR") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, Malformed> {
        let mut parts = vec![self.negated()?];
        while self.takes_word("AND") {
            parts.push(self.negated()?);
        }
        Ok(one_or(parts, Expression::All))
    }

    fn negated(&mut self) -> Result<Expression, Malformed> {
        // A loop: a rule may have thousands of NOTs.
        let mut is_negated = false;
        while self.takes_word("NOT") {
            is_negated = !is_negated;
        }
        let inner = self.primary()?;
        Ok(match is_negated {
            true => Expression::Not(Box::new(inner)),
            false => inner,
        })
    }

    fn primary(&mut self) -> Result<Expression, Malformed> {
        self.blank();
        if self.takes("(") {
            self.count()?;
            let inner = self.any()?;
            self.needs(")")?;
            return Ok(inner);
        }
        let begin = self.at;
        let word = self.word();
        let upper = word.to_ascii_uppercase();
        match upper.as_str() {
            "TRUE" | "FALSE" => {
                self.count()?;
                Ok(Expression::Constant(upper == "TRUE"))
            }
            "AT_LEAST" => self.at_least(),
            _ => match StateValue::parse(&upper) {
                Some(state) => {
                    self.needs("(")?;
                    let name = self.name()?;
                    self.needs(")")?;
                    Ok(Expression::In(state, name))
                }
                None => {
                    self.at = begin;
                    Err(self.expected(
                        "ALARM(...), OK(...), INSUFFICIENT_DATA(...), AT_LEAST(...), TRUE, FALSE, NOT or (",
                    ))
                }
            },
        }
    }

    /// `AT_LEAST(2, ALARM, (a, b, c))`, `AT_LEAST(50%, NOT OK, (a, b))`.
    fn at_least(&mut self) -> Result<Expression, Malformed> {
        self.needs("(")?;
        let minimum = self.minimum()?;
        self.needs(",")?;
        let is_negated = self.takes_word("NOT");
        self.blank();
        let begin = self.at;
        let Some(state) = StateValue::parse(&self.word().to_ascii_uppercase()) else {
            self.at = begin;
            return Err(self.expected("ALARM, OK or INSUFFICIENT_DATA"));
        };
        self.needs(",")?;
        self.needs("(")?;
        let mut names = vec![self.name()?];
        while {
            self.blank();
            self.takes(",")
        } {
            names.push(self.name()?);
        }
        self.needs(")")?;
        self.needs(")")?;
        Ok(Expression::AtLeast(AtLeast {
            minimum,
            is_negated,
            state,
            names,
        }))
    }

    fn minimum(&mut self) -> Result<Minimum, Malformed> {
        self.blank();
        let is_quoted = self.takes("\"");
        let digits: String = self
            .rest()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        let Ok(number) = digits.parse::<usize>() else {
            return Err(self.expected("a number or a percentage"));
        };
        self.at += digits.len();
        let is_percent = self.takes("%");
        if is_quoted {
            self.needs("\"")?;
        }
        match is_percent {
            true if number > 100 => Err(self.expected("a percentage of at most 100 before this")),
            true => Ok(Minimum::Percent(number as f64)),
            false => Ok(Minimum::Count(number)),
        }
    }

    /// A name or an ARN: in double quotes with `\"` in it, or bare, without spaces, brackets and commas.
    fn name(&mut self) -> Result<String, Malformed> {
        self.count()?;
        self.blank();
        if !self.takes("\"") {
            let bare: &str = self
                .rest()
                .split(|c: char| c.is_whitespace() || "(),\"".contains(c))
                .next()
                .unwrap_or_default();
            if bare.is_empty() {
                return Err(self.expected("the name of an alarm"));
            }
            self.at += bare.len();
            return Ok(bare.to_owned());
        }
        let mut name = String::new();
        let mut is_escaped = false;
        for (offset, c) in self.rest().char_indices() {
            match c {
                '\\' if !is_escaped => is_escaped = true,
                '"' if !is_escaped => {
                    self.at += offset + 1;
                    return match name.is_empty() {
                        true => Err(self.expected("the name of an alarm before this")),
                        false => Ok(name),
                    };
                }
                c => {
                    if is_escaped && c != '"' && c != '\\' {
                        name.push('\\');
                    }
                    name.push(c);
                    is_escaped = false;
                }
            }
        }
        self.at = self.text.len();
        Err(self.expected("a closing quote"))
    }

    fn count(&mut self) -> Result<(), Malformed> {
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            return Err(Malformed(format!(
                "it has more than {ELEMENTS_MAX} elements"
            )));
        }
        Ok(())
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn blank(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn takes(&mut self, token: &str) -> bool {
        let is_there = self.rest().starts_with(token);
        if is_there {
            self.at += token.len();
        }
        is_there
    }

    fn needs(&mut self, token: &str) -> Result<(), Malformed> {
        self.blank();
        match self.takes(token) {
            true => Ok(()),
            false => Err(self.expected(token)),
        }
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Takes the next word if it is this one.
    fn takes_word(&mut self, expected: &str) -> bool {
        self.blank();
        let begin = self.at;
        let is_it = self.word().eq_ignore_ascii_case(expected);
        if !is_it {
            self.at = begin;
        }
        is_it
    }

    fn expected(&self, what: &str) -> Malformed {
        let place = self.text[..self.at.min(self.text.len())].chars().count() + 1;
        Malformed(format!("{what} is expected at character {place}"))
    }
}

fn one_or(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.len() {
        1 => parts.remove(0),
        _ => many(parts),
    }
}
