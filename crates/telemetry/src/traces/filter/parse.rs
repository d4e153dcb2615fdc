//! From the text of a filter expression to the expression.

use super::{
    Cause, DEPTH_MAX, EXPRESSION_BYTES_MAX, Expression, Keyword, Literal, Operator, Part, Selector,
    TraceFilter,
};

impl TraceFilter {
    /// Reads a filter expression; an empty one wants every trace.
    ///
    /// - `group`: gives the filter expression of a group by its name or ARN.
    /// - Errors: what is wrong and where, in words.
    pub fn parse(
        text: &str,
        group: &dyn Fn(&str) -> Option<String>,
    ) -> Result<TraceFilter, String> {
        let expression = parsed(text, group, 0)?;
        Ok(TraceFilter { expression })
    }
}

fn parsed(
    text: &str,
    group: &dyn Fn(&str) -> Option<String>,
    depth: usize,
) -> Result<Expression, String> {
    if text.len() > EXPRESSION_BYTES_MAX {
        return Err(format!(
            "the expression has {} characters, at most {EXPRESSION_BYTES_MAX} are allowed",
            text.len()
        ));
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        group,
        depth,
    };
    if parser.tokens.is_empty() {
        return Ok(Expression::All(Vec::new()));
    }
    let expression = parser.any()?;
    match parser.peek() {
        None => Ok(expression),
        Some(token) => Err(format!("unexpected {token}")),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Number(f64),
    Sign(&'static str),
}

impl std::fmt::Display for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Token::Word(word) => write!(formatter, "'{word}'"),
            Token::Text(text) => write!(formatter, "\"{text}\""),
            Token::Number(number) => write!(formatter, "{number}"),
            Token::Sign(sign) => write!(formatter, "'{sign}'"),
        }
    }
}

/// Longer ones first: `!=` is not `!` and `=`.
const SIGNS: [&str; 14] = [
    "!=", "<=", ">=", "=", "<", ">", "!", "(", ")", "{", "}", "[", "]", ",",
];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '"' || first == '\'' {
            let (token, after) = quoted(rest, first)?;
            tokens.push(token);
            rest = after;
        } else if first.is_ascii_digit()
            || (first == '-' && rest[1..].starts_with(|next: char| next.is_ascii_digit()))
        {
            let end = rest
                .char_indices()
                .skip(1)
                .find(|(_, next)| !next.is_ascii_alphanumeric() && *next != '.')
                .map_or(rest.len(), |(end, _)| end);
            let (number, after) = rest.split_at(end);
            let number = number
                .parse()
                .map_err(|_| format!("{number} is not a number"))?;
            tokens.push(Token::Number(number));
            rest = after;
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else if let Some(after) = rest.strip_prefix(':') {
            tokens.push(Token::Sign(":"));
            rest = after;
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest
                .char_indices()
                .find(|(_, next)| !next.is_alphanumeric() && !"_.-".contains(*next))
                .map_or(rest.len(), |(end, _)| end);
            let (word, after) = rest.split_at(end);
            tokens.push(Token::Word(word.to_owned()));
            rest = after;
        } else {
            return Err(format!("unexpected character '{first}'"));
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

/// A text in quotation marks, and what follows it. A backslash keeps what comes after it.
fn quoted(text: &str, mark: char) -> Result<(Token, &str), String> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == mark {
            return Ok((Token::Text(value), &text[at + character.len_utf8()..]));
        }
        if character == '\\' {
            value.extend(characters.next().map(|(_, kept)| kept));
        } else {
            value.push(character);
        }
    }
    Err(format!("the text {text} has no end"))
}

struct Parser<'g> {
    tokens: Vec<Token>,
    at: usize,
    group: &'g dyn Fn(&str) -> Option<String>,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token, String> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token.ok_or_else(|| "the expression ends too early".to_owned())
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is_there = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(is_there);
        is_there
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_there =
            matches!(self.peek(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word));
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), String> {
        if self.takes(sign) {
            return Ok(());
        }
        match self.peek() {
            Some(token) => Err(format!("'{sign}' expected, {token} found")),
            None => Err(format!("'{sign}' expected at the end")),
        }
    }

    fn any(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!(
                "expressions are inside each other more than {DEPTH_MAX} deep"
            ));
        }
        let mut choices = vec![self.all()?];
        while self.takes_word("OR") {
            choices.push(self.all()?);
        }
        self.depth -= 1;
        Ok(single(choices, Expression::Any))
    }

    /// AWS: conditions that stand side by side must all hold, as with AND.
    fn all(&mut self) -> Result<Expression, String> {
        let mut conditions = vec![self.one()?];
        loop {
            if self.takes_word("AND") {
                conditions.push(self.one()?);
                continue;
            }
            let goes_on = match self.peek() {
                None => false,
                Some(Token::Word(word)) => !word.eq_ignore_ascii_case("OR"),
                Some(Token::Sign(sign)) => matches!(*sign, "!" | "("),
                Some(_) => false,
            };
            if !goes_on {
                return Ok(single(conditions, Expression::All));
            }
            conditions.push(self.one()?);
        }
    }

    fn one(&mut self) -> Result<Expression, String> {
        if self.takes("!") || self.takes_word("NOT") {
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return Err(format!(
                    "expressions are inside each other more than {DEPTH_MAX} deep"
                ));
            }
            let inner = self.one()?;
            self.depth -= 1;
            return Ok(Expression::Not(Box::new(inner)));
        }
        if self.takes("(") {
            let inner = self.any()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let Token::Word(word) = self.next()? else {
            self.at -= 1;
            let found = self.next()?;
            return Err(format!("a keyword expected, {found} found"));
        };
        self.term(&word)
    }

    fn term(&mut self, word: &str) -> Result<Expression, String> {
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "service" => {
                let selector = self.selectors()?.pop().unwrap_or_default();
                Ok(Expression::Service(selector, self.block()?))
            }
            "edge" => {
                let mut selectors = self.selectors()?;
                if selectors.len() > 2 {
                    return Err("edge() takes two services".to_owned());
                }
                selectors.resize(2, Selector::default());
                let to = selectors.pop().unwrap_or_default();
                let from = selectors.pop().unwrap_or_default();
                Ok(Expression::Edge(from, to, self.block()?))
            }
            "group.name" | "group.arn" => {
                self.expect("=")?;
                let Token::Text(name) = self.next()? else {
                    return Err(format!(
                        "{lower} is compared with a text in quotation marks"
                    ));
                };
                let expression =
                    (self.group)(&name).ok_or_else(|| format!("there is no group \"{name}\""))?;
                self.depth += 1;
                // A group has no groups in its own expression: no way leads in a ring.
                parsed(&expression, &|_| None, self.depth)
            }
            "rootcause.json" | "json" => Err(format!(
                "Stepwell does not implement {lower} in filter expressions yet"
            )),
            _ => match lower.strip_prefix("rootcause.") {
                Some(cause) => {
                    let (cause, part) =
                        root_cause(cause).ok_or_else(|| format!("unknown keyword '{word}'"))?;
                    Ok(Expression::RootCause(cause, part, self.block()?))
                }
                None => self.condition(word, &lower),
            },
        }
    }

    fn condition(&mut self, word: &str, lower: &str) -> Result<Expression, String> {
        let keyword = if lower == "annotation" {
            self.expect("[")?;
            let key = match self.next()? {
                Token::Word(key) | Token::Text(key) => key,
                other => return Err(format!("the key of an annotation expected, {other} found")),
            };
            self.expect("]")?;
            Keyword::Annotation(key)
        } else if lower.starts_with("annotation.") {
            Keyword::Annotation(word["annotation.".len()..].to_owned())
        } else {
            keyword(lower).ok_or_else(|| format!("unknown keyword '{word}'"))?
        };
        // As in `rootcause.fault.service { name("payments") }`.
        if self.takes("(") {
            let value = self.literal()?;
            self.expect(")")?;
            return Ok(Expression::Compares(keyword, Operator::Equal, value));
        }
        let Some(operator) = self.operator() else {
            return Ok(Expression::Holds(keyword));
        };
        let value = self.literal()?;
        check(&keyword, word, operator, &value)?;
        Ok(Expression::Compares(keyword, operator, value))
    }

    fn operator(&mut self) -> Option<Operator> {
        let operator = match self.peek()? {
            Token::Sign("=") => Operator::Equal,
            Token::Sign("!=") => Operator::NotEqual,
            Token::Sign("<") => Operator::Less,
            Token::Sign("<=") => Operator::LessOrEqual,
            Token::Sign(">") => Operator::Greater,
            Token::Sign(">=") => Operator::GreaterOrEqual,
            Token::Word(word) if word.eq_ignore_ascii_case("CONTAINS") => Operator::Contains,
            Token::Word(word) if word.eq_ignore_ascii_case("BEGINSWITH") => Operator::BeginsWith,
            Token::Word(word) if word.eq_ignore_ascii_case("ENDSWITH") => Operator::EndsWith,
            _ => return None,
        };
        self.at += 1;
        Some(operator)
    }

    fn literal(&mut self) -> Result<Literal, String> {
        match self.next()? {
            Token::Text(text) => Ok(Literal::Text(text)),
            Token::Number(number) => Ok(Literal::Number(number)),
            Token::Word(word) if word.eq_ignore_ascii_case("true") => Ok(Literal::Boolean(true)),
            Token::Word(word) if word.eq_ignore_ascii_case("false") => Ok(Literal::Boolean(false)),
            other => Err(format!(
                "a value expected, {other} found; texts stand in quotation marks"
            )),
        }
    }

    fn block(&mut self) -> Result<Option<Box<Expression>>, String> {
        if !self.takes("{") {
            return Ok(None);
        }
        if self.takes("}") {
            return Ok(None);
        }
        let inner = self.any()?;
        self.expect("}")?;
        Ok(Some(Box::new(inner)))
    }

    /// `("a", id(name: "b", type: "c"))`, or nothing.
    fn selectors(&mut self) -> Result<Vec<Selector>, String> {
        let mut selectors = Vec::new();
        if !self.takes("(") {
            return Ok(selectors);
        }
        if self.takes(")") {
            return Ok(selectors);
        }
        loop {
            selectors.push(self.selector()?);
            if !self.takes(",") {
                self.expect(")")?;
                return Ok(selectors);
            }
        }
    }

    fn selector(&mut self) -> Result<Selector, String> {
        match self.next()? {
            Token::Text(name) => Ok(Selector {
                name: Some(name),
                ..Selector::default()
            }),
            Token::Word(word) if word.eq_ignore_ascii_case("id") => self.id(),
            other => Err(format!(
                "the name of a service or id(...) expected, {other} found"
            )),
        }
    }

    fn id(&mut self) -> Result<Selector, String> {
        let mut selector = Selector::default();
        self.expect("(")?;
        loop {
            let Token::Word(member) = self.next()? else {
                return Err("id() takes name, type and account.id".to_owned());
            };
            self.expect(":")?;
            let Token::Text(value) = self.next()? else {
                return Err(format!("{member} is a text in quotation marks"));
            };
            match member.to_ascii_lowercase().as_str() {
                "name" => selector.name = Some(value),
                "type" => selector.kind = Some(value),
                "account.id" => selector.account_id = Some(value),
                _ => {
                    return Err(format!(
                        "id() takes name, type and account.id, not '{member}'"
                    ));
                }
            }
            if !self.takes(",") {
                self.expect(")")?;
                return Ok(selector);
            }
        }
    }
}

fn single(mut all: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    if all.len() == 1
        && let Some(one) = all.pop()
    {
        return one;
    }
    many(all)
}

fn root_cause(text: &str) -> Option<(Cause, Part)> {
    let (cause, part) = text.split_once('.')?;
    let cause = match cause {
        "responsetime" => Cause::ResponseTime,
        "fault" => Cause::Fault,
        "error" => Cause::Error,
        "throttle" => Cause::Throttle,
        _ => return None,
    };
    let part = match part {
        "service" => Part::Service,
        "entity" => Part::Entity,
        _ => return None,
    };
    Some((cause, part))
}

fn keyword(lower: &str) -> Option<Keyword> {
    Some(match lower {
        "ok" => Keyword::Ok,
        "error" => Keyword::Error,
        "throttle" => Keyword::Throttle,
        "fault" => Keyword::Fault,
        "partial" => Keyword::Partial,
        "inferred" => Keyword::Inferred,
        "first" => Keyword::First,
        "last" => Keyword::Last,
        "remote" => Keyword::Remote,
        "root" => Keyword::Root,
        "responsetime" => Keyword::ResponseTime,
        "duration" => Keyword::Duration,
        "coverage" => Keyword::Coverage,
        "http.status" => Keyword::HttpStatus,
        "http.url" => Keyword::HttpUrl,
        "http.method" => Keyword::HttpMethod,
        "http.useragent" => Keyword::HttpUserAgent,
        "http.clientip" => Keyword::HttpClientIp,
        "user" => Keyword::User,
        "name" => Keyword::Name,
        "type" => Keyword::Type,
        "message" => Keyword::Message,
        "availabilityzone" => Keyword::AvailabilityZone,
        "instance.id" => Keyword::InstanceId,
        "resource.arn" => Keyword::ResourceArn,
        "account.id" => Keyword::AccountId,
        _ => return None,
    })
}

/// AWS: operators and values go with the kind of the keyword.
fn check(keyword: &Keyword, word: &str, operator: Operator, value: &Literal) -> Result<(), String> {
    let is_equality = matches!(operator, Operator::Equal | Operator::NotEqual);
    let is_search = matches!(
        operator,
        Operator::Contains | Operator::BeginsWith | Operator::EndsWith
    );
    let fits = match (keyword, value) {
        (Keyword::Annotation(_), Literal::Text(_)) => is_equality || is_search,
        (Keyword::Annotation(_), Literal::Number(_)) => !is_search,
        (Keyword::Annotation(_), Literal::Boolean(_)) => is_equality,
        (keyword, Literal::Number(_)) => keyword.is_number() && !is_search,
        (keyword, Literal::Boolean(_)) => keyword.is_boolean() && is_equality,
        (keyword, Literal::Text(_)) => {
            !keyword.is_number() && !keyword.is_boolean() && (is_equality || is_search)
        }
    };
    if fits {
        return Ok(());
    }
    Err(format!(
        "'{word}' cannot be compared in this way with this value"
    ))
}

impl Keyword {
    pub(super) fn is_boolean(&self) -> bool {
        matches!(
            self,
            Keyword::Ok
                | Keyword::Error
                | Keyword::Throttle
                | Keyword::Fault
                | Keyword::Partial
                | Keyword::Inferred
                | Keyword::First
                | Keyword::Last
                | Keyword::Remote
                | Keyword::Root
        )
    }

    fn is_number(&self) -> bool {
        matches!(
            self,
            Keyword::ResponseTime | Keyword::Duration | Keyword::Coverage | Keyword::HttpStatus
        )
    }
}
