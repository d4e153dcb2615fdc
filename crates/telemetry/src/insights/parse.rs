//! The text of a query as its stages.

use super::aggregate::{Aggregate, KINDS, Kind};
use super::expression::{Comparison, Expression};
use super::functions::Function;
use super::value::Value;
use super::{Named, Parse, Query, QueryError, Stage};

/// Bytes of a query. AWS: 10,000 characters.
const QUERY_BYTES_MAX: usize = 40_000;

/// Expressions inside each other.
const DEPTH_MAX: usize = 60;

/// Parts of all expressions of a query.
const NODES_MAX: usize = 4_000;

/// Stages of a query.
const STAGES_MAX: usize = 100;

/// Rows that a `limit` asks for. Source: CloudWatch Logs Insights quotas.
pub(super) const ROWS_MAX: usize = 10_000;

/// Bytes that a compiled regular expression may take.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// Commands of AWS that are not built.
const UNBUILT_COMMANDS: [&str; 13] = [
    "pattern",
    "diff",
    "unmask",
    "unnest",
    "filterindex",
    "source",
    "anomaly",
    "relevantfields",
    "join",
    "lookup",
    "tail",
    "trend",
    "summarize",
];

/// Functions of AWS that are not built.
const UNBUILT_FUNCTIONS: [&str; 10] = [
    "isvalidip",
    "isvalidipv4",
    "isvalidipv6",
    "isipinsubnet",
    "isipv4insubnet",
    "isipv6insubnet",
    "jsonparse",
    "jsonstringify",
    "geoip",
    "case",
];

/// Words that end an expression.
const WORDS: [&str; 11] = [
    "as", "by", "asc", "desc", "and", "or", "not", "like", "in", "is", "null",
];

pub(super) fn query(text: &str) -> Result<Query, QueryError> {
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
        nodes: 0,
        aggregates: None,
    };
    if text.len() > QUERY_BYTES_MAX {
        let message = format!(
            "the query has {} bytes, at most {QUERY_BYTES_MAX}",
            text.len()
        );
        return Err(parser.error_at(0, 0, &message));
    }
    let mut stages = Vec::new();
    loop {
        stages.push(parser.stage()?);
        if stages.len() > STAGES_MAX {
            return Err(parser.wrong(&format!("at most {STAGES_MAX} commands")));
        }
        parser.skip();
        if parser.rest().is_empty() {
            return Ok(Query { stages });
        }
        if !parser.take("|") {
            return Err(parser.unexpected());
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    nodes: usize,
    /// How many aggregates there are, where there may be some.
    aggregates: Option<usize>,
}

type Parsed<T> = Result<T, QueryError>;

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Skips blanks and comments.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    fn take(&mut self, sign: &str) -> bool {
        self.skip();
        let is_next = self.rest().starts_with(sign);
        if is_next {
            self.at += sign.len();
        }
        is_next
    }

    /// The word that comes next: letters, digits, underscores.
    fn word(&mut self) -> &'t str {
        self.skip();
        let rest = self.rest();
        let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
        if !rest.starts_with(is_first) {
            return "";
        }
        let is_in = |c: char| c.is_ascii_alphanumeric() || c == '_';
        &rest[..rest.find(|c| !is_in(c)).unwrap_or(rest.len())]
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let word = self.word();
        let is_it = word.eq_ignore_ascii_case(keyword);
        if is_it {
            self.at += word.len();
        }
        is_it
    }

    fn error_at(&self, start: usize, end: usize, message: &str) -> QueryError {
        let before = &self.text[..start];
        let line = 1 + before.matches('\n').count();
        let column = before
            .rsplit('\n')
            .next()
            .map_or(0, |last| last.chars().count());
        QueryError {
            message: format!("{message} at line {line} and position {column}"),
            start: before.chars().count(),
            end: self.text[..end.max(start)].chars().count(),
        }
    }

    /// What is next is wrong.
    fn wrong(&mut self, message: &str) -> QueryError {
        self.skip();
        let end = self.at + self.symbol().len();
        self.error_at(self.at, end, message)
    }

    fn unexpected(&mut self) -> QueryError {
        self.skip();
        let symbol = self.symbol();
        if symbol.is_empty() {
            return self.wrong("unexpected end of the query");
        }
        let message = format!("unexpected symbol found {symbol}");
        self.wrong(&message)
    }

    fn symbol(&mut self) -> &'t str {
        let word = self.word();
        let rest = self.rest();
        match word {
            "" => &rest[..rest.chars().next().map_or(0, char::len_utf8)],
            word => word,
        }
    }

    fn unbuilt(&mut self, what: &str) -> QueryError {
        let message = format!("Stepwell does not implement {what} in queries yet");
        self.wrong(&message)
    }

    fn stage(&mut self) -> Parsed<Stage> {
        let word = self.word();
        let command = word.to_ascii_lowercase();
        if UNBUILT_COMMANDS.contains(&command.as_str()) {
            return Err(self.unbuilt(&format!("the command {command}")));
        }
        let begin = self.at;
        self.at += word.len();
        match command.as_str() {
            "fields" => Ok(Stage::Fields(self.named()?)),
            "display" => Ok(Stage::Display(self.named()?)),
            "filter" | "where" => Ok(Stage::Filter(self.expression()?)),
            "parse" => self.parse_stage().map(Stage::Parse),
            "stats" => self.stats(),
            "sort" => self.sort(),
            "order" if self.keyword("by") => self.sort(),
            "limit" | "head" => self.limit(),
            "dedup" => Ok(Stage::Dedup(self.named()?)),
            _ => {
                self.at = begin;
                Err(self.unexpected())
            }
        }
    }

    /// Expressions with or without a name of their own.
    fn named(&mut self) -> Parsed<Vec<Named>> {
        let mut all = Vec::new();
        loop {
            all.push(self.one_named()?);
            if !self.take(",") {
                return Ok(all);
            }
        }
    }

    fn one_named(&mut self) -> Parsed<Named> {
        self.skip();
        let start = self.at;
        let expression = self.expression()?;
        let written = self.text[start..self.at].trim();
        let name = match (&expression, self.keyword("as")) {
            (_, true) => self.name()?,
            (Expression::Field(name), false) => name.clone(),
            _ => written.to_owned(),
        };
        Ok(Named { name, expression })
    }

    /// A name: a field's, or one in backticks.
    fn name(&mut self) -> Parsed<String> {
        self.skip();
        let rest = self.rest();
        if let Some(quoted) = rest.strip_prefix('`') {
            let Some(end) = quoted.find('`').filter(|end| *end > 0) else {
                return Err(self.unexpected());
            };
            self.at += end + 2;
            return Ok(quoted[..end].to_owned());
        }
        let is_first = |c: char| c.is_alphabetic() || matches!(c, '_' | '@' | '$');
        let is_in = |c: char| c.is_alphanumeric() || matches!(c, '_' | '@' | '$' | '.' | ':');
        let end = rest.find(|c| !is_in(c)).unwrap_or(rest.len());
        let name = rest[..end].trim_end_matches(['.', ':']);
        if !rest.starts_with(is_first) || name.is_empty() {
            return Err(self.unexpected());
        }
        self.at += name.len();
        Ok(name.to_owned())
    }

    fn stats(&mut self) -> Parsed<Stage> {
        self.aggregates = Some(0);
        let mut aggregates: Vec<Named> = Vec::new();
        loop {
            self.skip();
            let start = self.at;
            let one = self.one_named()?;
            let mut has_aggregate = false;
            one.expression.aggregates(&mut |_, _| has_aggregate = true);
            if !has_aggregate {
                let message = "stats expects an aggregate such as count(*)";
                return Err(self.error_at(start, self.at, message));
            }
            aggregates.push(one);
            if !self.take(",") {
                break;
            }
        }
        self.aggregates = None;
        let by = match self.keyword("by") {
            true => self.named()?,
            false => Vec::new(),
        };
        Ok(Stage::Stats { aggregates, by })
    }

    fn sort(&mut self) -> Parsed<Stage> {
        let mut keys = Vec::new();
        loop {
            let expression = self.expression()?;
            // AWS: ascending if it does not say.
            let is_descending = !self.keyword("asc") && self.keyword("desc");
            keys.push((expression, is_descending));
            if !self.take(",") {
                return Ok(Stage::Sort(keys));
            }
        }
    }

    fn limit(&mut self) -> Parsed<Stage> {
        self.skip();
        let rest = self.rest();
        let digits = &rest[..rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len())];
        match digits.parse::<usize>() {
            Ok(rows) if (1..=ROWS_MAX).contains(&rows) => {
                self.at += digits.len();
                Ok(Stage::Limit(rows))
            }
            Ok(_) => {
                let message = format!("limit takes 1 to {ROWS_MAX} rows");
                Err(self.error_at(self.at, self.at + digits.len(), &message))
            }
            Err(_) => Err(self.unexpected()),
        }
    }

    fn parse_stage(&mut self) -> Parsed<Parse> {
        self.skip();
        let has_source = !self.rest().starts_with(['\'', '"', '/']);
        let from = match has_source {
            true => Expression::Field(self.name()?),
            false => Expression::Field("@message".to_owned()),
        };
        self.skip();
        let start = self.at;
        if self.rest().starts_with('/') {
            let pattern = self.regex()?;
            let names: Vec<(usize, String)> = pattern
                .capture_names()
                .enumerate()
                .filter_map(|(at, name)| Some((at, name?.to_owned())))
                .collect();
            if names.is_empty() {
                let message = "the regular expression of parse has no named group (?<name>...)";
                return Err(self.error_at(start, self.at, message));
            }
            return Ok(Parse {
                from,
                pattern,
                names,
            });
        }
        let glob = self.string()?;
        let wanted = glob.matches('*').count();
        if !self.keyword("as") {
            return Err(self.unexpected());
        }
        let mut names = Vec::new();
        loop {
            names.push((names.len() + 1, self.name()?));
            if !self.take(",") {
                break;
            }
        }
        if wanted != names.len() || wanted == 0 {
            let message = format!("parse has {wanted} * and {} names", names.len());
            return Err(self.error_at(start, self.at, &message));
        }
        // Each `*` takes as little as it can, but the last of all takes the rest.
        let mut expression = String::from("(?s)");
        let parts: Vec<&str> = glob.split('*').collect();
        for (at, part) in parts.iter().enumerate() {
            expression.push_str(&regex::escape(part));
            let is_last_star = at + 2 == parts.len();
            if is_last_star && parts[at + 1].is_empty() {
                expression.push_str("(.*)");
            } else if at + 1 < parts.len() {
                expression.push_str("(.*?)");
            }
        }
        let pattern = self.compiled(&expression, start)?;
        Ok(Parse {
            from,
            pattern,
            names,
        })
    }

    fn compiled(&self, expression: &str, start: usize) -> Parsed<regex::Regex> {
        regex::RegexBuilder::new(expression)
            .size_limit(REGEX_BYTES_MAX)
            .dfa_size_limit(REGEX_BYTES_MAX)
            .build()
            .map_err(|error| {
                let reason = error.to_string();
                let last = reason.lines().last().unwrap_or_default();
                let message = format!("invalid regular expression: {last}");
                self.error_at(start, self.at, &message)
            })
    }

    /// `/.../`, in which a slash is written `\/`.
    fn regex(&mut self) -> Parsed<regex::Regex> {
        self.skip();
        let start = self.at;
        let Some(rest) = self.rest().strip_prefix('/') else {
            return Err(self.unexpected());
        };
        let mut expression = String::new();
        let mut characters = rest.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '/' => {
                    self.at += at + 2;
                    return self.compiled(&expression, start);
                }
                '\\' => match characters.next() {
                    Some((_, '/')) => expression.push('/'),
                    Some((_, other)) => expression.extend(['\\', other]),
                    None => break,
                },
                _ => expression.push(c),
            }
        }
        Err(self.error_at(
            start,
            self.text.len(),
            "unexpected end of a regular expression",
        ))
    }

    fn string(&mut self) -> Parsed<String> {
        self.skip();
        let start = self.at;
        let rest = self.rest();
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            return Err(self.unexpected());
        };
        let mut text = String::new();
        let mut characters = rest[1..].char_indices();
        while let Some((at, c)) = characters.next() {
            if c == quote {
                self.at += at + 2;
                return Ok(text);
            }
            match c {
                '\\' => match characters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, escaped @ ('\\' | '"' | '\''))) => text.push(escaped),
                    Some((_, other)) => text.extend(['\\', other]),
                    None => break,
                },
                _ => text.push(c),
            }
        }
        Err(self.error_at(start, self.text.len(), "unexpected end of a text"))
    }

    fn expression(&mut self) -> Parsed<Expression> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.wrong(&format!(
                "expressions are nested more than {DEPTH_MAX} deep"
            )));
        }
        let mut one = self.and()?;
        while self.keyword("or") {
            one = Expression::Or(Box::new(one), Box::new(self.and()?));
            self.count()?;
        }
        self.depth -= 1;
        Ok(one)
    }

    /// One part more. Chains nest to the left as deep as they are long, so their length is bounded too.
    fn count(&mut self) -> Parsed<()> {
        self.nodes += 1;
        match self.nodes > NODES_MAX {
            true => Err(self.wrong(&format!("a query has at most {NODES_MAX} expressions"))),
            false => Ok(()),
        }
    }

    fn and(&mut self) -> Parsed<Expression> {
        let mut one = self.not()?;
        while self.keyword("and") {
            one = Expression::And(Box::new(one), Box::new(self.not()?));
            self.count()?;
        }
        Ok(one)
    }

    fn not(&mut self) -> Parsed<Expression> {
        let mut is_negated = false;
        while self.keyword("not") {
            is_negated = !is_negated;
        }
        let one = self.comparison()?;
        Ok(match is_negated {
            true => Expression::Not(Box::new(one)),
            false => one,
        })
    }

    fn comparison(&mut self) -> Parsed<Expression> {
        let one = self.sum()?;
        let before = self.at;
        let is_negated = self.keyword("not");
        let found = if self.keyword("like") || self.take("=~") {
            self.like(one)?
        } else if self.keyword("in") {
            self.list(one)?
        } else if is_negated {
            self.at = before;
            return Err(self.unexpected());
        } else {
            let comparisons = [
                ("!=", Comparison::NotEqual),
                ("<=", Comparison::LessOrEqual),
                (">=", Comparison::GreaterOrEqual),
                ("==", Comparison::Equal),
                ("=", Comparison::Equal),
                ("<", Comparison::Less),
                (">", Comparison::Greater),
            ];
            let Some((_, comparison)) = comparisons.into_iter().find(|(sign, _)| self.take(sign))
            else {
                return Ok(one);
            };
            let other = self.sum()?;
            Expression::Compare(comparison, Box::new(one), Box::new(other))
        };
        Ok(match is_negated {
            true => Expression::Not(Box::new(found)),
            false => found,
        })
    }

    fn like(&mut self, one: Expression) -> Parsed<Expression> {
        self.skip();
        if self.rest().starts_with('/') {
            let regex = self.regex()?;
            return Ok(Expression::Matches(Box::new(one), Box::new(regex)));
        }
        Ok(Expression::Contains(Box::new(one), self.string()?))
    }

    fn list(&mut self, one: Expression) -> Parsed<Expression> {
        if !self.take("[") {
            return Err(self.unexpected());
        }
        let mut list = Vec::new();
        loop {
            list.push(self.sum()?);
            if !self.take(",") {
                break;
            }
        }
        if !self.take("]") {
            return Err(self.unexpected());
        }
        Ok(Expression::In(Box::new(one), list))
    }

    fn sum(&mut self) -> Parsed<Expression> {
        let mut one = self.product()?;
        while let Some(operator) = self.operator(&['+', '-']) {
            let other = self.product()?;
            one = Expression::Arithmetic(operator, Box::new(one), Box::new(other));
            self.count()?;
        }
        Ok(one)
    }

    fn product(&mut self) -> Parsed<Expression> {
        let mut one = self.power()?;
        while let Some(operator) = self.operator(&['*', '/', '%']) {
            let other = self.power()?;
            one = Expression::Arithmetic(operator, Box::new(one), Box::new(other));
            self.count()?;
        }
        Ok(one)
    }

    fn power(&mut self) -> Parsed<Expression> {
        let mut one = self.unary()?;
        while let Some(operator) = self.operator(&['^']) {
            let other = self.unary()?;
            one = Expression::Arithmetic(operator, Box::new(one), Box::new(other));
            self.count()?;
        }
        Ok(one)
    }

    fn operator(&mut self, operators: &[char]) -> Option<char> {
        self.skip();
        let next = self.rest().chars().next()?;
        operators.contains(&next).then(|| {
            self.at += 1;
            next
        })
    }

    fn unary(&mut self) -> Parsed<Expression> {
        let mut is_negative = false;
        while self.operator(&['-']).is_some() {
            is_negative = !is_negative;
        }
        let one = self.primary()?;
        Ok(match is_negative {
            true => Expression::Negative(Box::new(one)),
            false => one,
        })
    }

    fn primary(&mut self) -> Parsed<Expression> {
        self.count()?;
        self.skip();
        let rest = self.rest();
        match rest.chars().next() {
            Some('(') => {
                self.at += 1;
                let inner = self.expression()?;
                match self.take(")") {
                    true => Ok(inner),
                    false => Err(self.unexpected()),
                }
            }
            Some('"' | '\'') => Ok(Expression::Constant(Value::Text(self.string()?))),
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(_) => self.field_or_call(),
            None => Err(self.unexpected()),
        }
    }

    /// `12`, `0.5`, `1e3`; with a unit it is a period in milliseconds: `5m`.
    fn number(&mut self) -> Parsed<Expression> {
        let start = self.at;
        let rest = self.rest();
        let digits =
            |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let mut length = digits(rest);
        if rest[length..].starts_with('.') {
            length += 1 + digits(&rest[length + 1..]);
        }
        let exponent = rest[length..].strip_prefix(['e', 'E']).map(|exponent| {
            let unsigned = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            (exponent.len() - unsigned.len(), digits(unsigned))
        });
        if let Some((sign, digits)) = exponent
            && digits > 0
        {
            length += 1 + sign + digits;
        }
        let Ok(number) = rest[..length].parse::<f64>() else {
            return Err(self.unexpected());
        };
        self.at += length;
        let after = &rest[length..];
        let unit = &after[..after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len())];
        let factor = match unit {
            "" => 1.0,
            "ms" => 1.0,
            "s" => 1e3,
            "m" => 60e3,
            "h" => 3_600e3,
            "d" => 86_400e3,
            "w" => 604_800e3,
            "mo" | "q" | "y" => {
                return Err(self.unbuilt(&format!("the period {unit}")));
            }
            _ => {
                let message = format!("unexpected symbol found {unit}");
                return Err(self.error_at(start + length, start + length + unit.len(), &message));
            }
        };
        self.at += unit.len();
        Ok(Expression::Constant(Value::Number(number * factor)))
    }

    fn field_or_call(&mut self) -> Parsed<Expression> {
        let word = self.word();
        let lower = word.to_ascii_lowercase();
        let after = self.rest()[word.len()..].trim_start();
        if word.is_empty() || !after.starts_with('(') {
            if WORDS.contains(&lower.as_str()) {
                return Err(self.unexpected());
            }
            return match lower.as_str() {
                "true" | "false" => {
                    self.at += word.len();
                    Ok(Expression::Constant(Value::Bool(lower == "true")))
                }
                _ => Ok(Expression::Field(self.name()?)),
            };
        }
        if UNBUILT_FUNCTIONS.contains(&lower.as_str()) {
            return Err(self.unbuilt(&format!("the function {word}")));
        }
        let start = self.at;
        if let Some((_, kind)) = KINDS.into_iter().find(|(name, _)| *name == lower) {
            let Some(number) = self.aggregates else {
                return Err(self.unexpected());
            };
            self.at += word.len();
            return self.aggregate(kind, number, start);
        }
        let Some((function, counts)) = Function::named(word) else {
            let message = format!("unknown function {word}");
            return Err(self.wrong(&message));
        };
        self.at += word.len();
        let arguments = self.arguments()?;
        if !counts.contains(&arguments.len()) {
            let message = format!("{word} takes {counts:?} arguments, not {}", arguments.len());
            return Err(self.error_at(start, self.at, &message));
        }
        Ok(Expression::Call(function, arguments))
    }

    fn aggregate(&mut self, mut kind: Kind, number: usize, start: usize) -> Parsed<Expression> {
        self.aggregates = None;
        let before = self.at;
        let is_bare = kind == Kind::Count && self.take("(") && {
            self.take("*");
            self.take(")")
        };
        let mut of = None;
        if !is_bare {
            self.at = before;
            let mut arguments = self.arguments()?;
            if let (Kind::Percentile(0.0), 2) = (kind, arguments.len()) {
                match arguments.pop() {
                    Some(Expression::Constant(Value::Number(percent)))
                        if (0.0..=100.0).contains(&percent) =>
                    {
                        kind = Kind::Percentile(percent);
                    }
                    _ => {
                        let message = "a percentile is a number from 0 to 100";
                        return Err(self.error_at(start, self.at, message));
                    }
                }
            } else if arguments.len() != 1 || kind == Kind::Percentile(0.0) {
                let message = format!("unexpected number of arguments: {}", arguments.len());
                return Err(self.error_at(start, self.at, &message));
            }
            of = arguments.pop();
        }
        self.aggregates = Some(number + 1);
        let aggregate = Box::new(Aggregate { kind, of });
        Ok(Expression::Aggregate(number, aggregate))
    }

    fn arguments(&mut self) -> Parsed<Vec<Expression>> {
        if !self.take("(") {
            return Err(self.unexpected());
        }
        let mut arguments = Vec::new();
        if self.take(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression()?);
            if self.take(")") {
                return Ok(arguments);
            }
            if !self.take(",") {
                return Err(self.unexpected());
            }
        }
    }
}
