//! Expressions of templates.

use serde_json::{Number, Value};

use super::parse::{BlockEnd, NESTING_MAX, Parser, identifier};
use super::{Expression, Node, Operator};

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Result<Expression, String> {
        self.nested(|parser| parser.binary(0))
    }

    /// Precedence climbing over [`OPERATORS`].
    fn binary(&mut self, level: usize) -> Result<Expression, String> {
        let Some(operators) = OPERATORS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        let mut count = 0;
        loop {
            self.blank();
            let Some(operator) = self.operator(operators) else {
                return Ok(left);
            };
            count += 1;
            // A chain leans left: as deep as it is long.
            if count > NESTING_MAX {
                return Err(self.error(&format!("more than {NESTING_MAX} operators in a chain")));
            }
            let right = self.binary(level + 1)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
    }

    fn operator(&mut self, operators: &[(&str, Operator)]) -> Option<Operator> {
        let rest = self.rest();
        for (sign, operator) in operators {
            let Some(after) = rest.strip_prefix(sign) else {
                continue;
            };
            let is_word = sign.starts_with(|first: char| first.is_ascii_alphabetic());
            if is_word && after.starts_with(|next: char| next.is_ascii_alphanumeric()) {
                continue;
            }
            self.at += sign.len();
            return Some(*operator);
        }
        None
    }

    fn unary(&mut self) -> Result<Expression, String> {
        self.blank();
        let rest = self.rest();
        let is_not = rest.strip_prefix("not").is_some_and(|after| {
            after.starts_with(|next: char| next.is_whitespace() || next == '(')
        });
        if is_not {
            self.at += 3;
            return Ok(Expression::Not(Box::new(self.nested(Self::unary)?)));
        }
        if self.take("!") {
            return Ok(Expression::Not(Box::new(self.nested(Self::unary)?)));
        }
        let is_negated = rest
            .strip_prefix('-')
            .is_some_and(|after| !after.starts_with(|next: char| next.is_ascii_digit()));
        if is_negated {
            self.at += 1;
            return Ok(Expression::Negative(Box::new(self.nested(Self::unary)?)));
        }
        self.primary()
    }

    fn primary(&mut self) -> Result<Expression, String> {
        match self.peek() {
            Some('$') => match self.reference()? {
                Some(reference) => Ok(Expression::Reference(reference)),
                None => Err(self.error("'$' names no variable")),
            },
            Some('(') => {
                self.at += 1;
                let inner = self.expression()?;
                self.close("'('")?;
                Ok(inner)
            }
            Some('[') => {
                self.at += 1;
                self.bracket()
            }
            Some('{') => {
                self.at += 1;
                self.map()
            }
            Some('\'') => {
                let text = self.quoted('\'')?;
                Ok(Expression::Literal(Value::String(text)))
            }
            Some('"') => self.interpolated(),
            Some(first) if first.is_ascii_digit() || first == '-' => self.number(),
            _ => {
                let word = identifier(self.rest());
                let value = match word {
                    "true" => Value::Bool(true),
                    "false" => Value::Bool(false),
                    "null" => Value::Null,
                    _ => return Err(self.error("expected a value")),
                };
                self.at += word.len();
                Ok(Expression::Literal(value))
            }
        }
    }

    fn bracket(&mut self) -> Result<Expression, String> {
        self.blank();
        if self.take("]") {
            return Ok(Expression::List(Vec::new()));
        }
        let first = self.expression()?;
        self.blank();
        if self.take("..") {
            let last = self.expression()?;
            self.blank();
            if !self.take("]") {
                return Err(self.error("'[' has no ']'"));
            }
            return Ok(Expression::Range(Box::new(first), Box::new(last)));
        }
        let mut items = vec![first];
        loop {
            self.blank();
            if self.take("]") {
                return Ok(Expression::List(items));
            }
            if !self.take(",") {
                return Err(self.error("expected ',' or ']'"));
            }
            items.push(self.expression()?);
        }
    }

    fn map(&mut self) -> Result<Expression, String> {
        let mut entries = Vec::new();
        self.blank();
        if self.take("}") {
            return Ok(Expression::Map(entries));
        }
        loop {
            let key = self.expression()?;
            self.blank();
            if !self.take(":") {
                return Err(self.error("expected ':'"));
            }
            entries.push((key, self.expression()?));
            self.blank();
            if self.take("}") {
                return Ok(Expression::Map(entries));
            }
            if !self.take(",") {
                return Err(self.error("expected ',' or '}'"));
            }
        }
    }

    /// The text between quotes as it is written; a backslash keeps the character after it, a doubled quote is one.
    fn quoted(&mut self, quote: char) -> Result<String, String> {
        self.at += 1;
        let mut text = String::new();
        let mut characters = self.rest().char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            if character == '\\' {
                text.push(character);
                if let Some((_, next)) = characters.next() {
                    text.push(next);
                }
            } else if character == quote {
                if characters.next_if(|(_, next)| *next == quote).is_none() {
                    self.at += at + 1;
                    return Ok(text);
                }
                text.push(quote);
            } else {
                text.push(character);
            }
        }
        Err(self.error(&format!("a text that begins with {quote} has no end")))
    }

    fn interpolated(&mut self) -> Result<Expression, String> {
        let line = self.line + self.text[..self.at].matches('\n').count();
        let text = self.quoted('"')?;
        if !text.contains(['$', '#']) {
            return Ok(Expression::Literal(Value::String(text)));
        }
        let mut inner = Parser {
            text: &text,
            at: 0,
            depth: self.depth + 1,
            line,
        };
        if inner.depth > NESTING_MAX {
            return Err(self.error(&format!("more than {NESTING_MAX} levels inside each other")));
        }
        match inner.block()? {
            (nodes, BlockEnd::Text) => Ok(match nodes.as_slice() {
                [Node::Text(text)] => Expression::Literal(Value::String(text.clone())),
                _ => Expression::Interpolated(nodes),
            }),
            _ => Err(self.error("#end without #if in a text")),
        }
    }

    fn number(&mut self) -> Result<Expression, String> {
        let rest = self.rest();
        let sign = usize::from(rest.starts_with('-'));
        let digits =
            |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let mut length = sign + digits(&rest[sign..]);
        // `1..3` is a range.
        let fraction = rest[length..].strip_prefix('.').map(digits);
        if let Some(fraction @ 1..) = fraction {
            length += 1 + fraction;
        }
        let text = &rest[..length];
        let number = match text.parse::<i64>() {
            Ok(whole) => Some(Number::from(whole)),
            Err(_) => text.parse::<f64>().ok().and_then(Number::from_f64),
        };
        let number = number.ok_or_else(|| self.error(&format!("'{text}' is no number")))?;
        self.at += length;
        Ok(Expression::Literal(Value::Number(number)))
    }
}

/// From the loosest to the tightest; a longer sign before the shorter one that it begins with.
const OPERATORS: [&[(&str, Operator)]; 6] = [
    &[("||", Operator::Or), ("or", Operator::Or)],
    &[("&&", Operator::And), ("and", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("!=", Operator::Unequal),
        ("eq", Operator::Equal),
        ("ne", Operator::Unequal),
    ],
    &[
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
        ("lt", Operator::Less),
        ("le", Operator::LessOrEqual),
        ("gt", Operator::Greater),
        ("ge", Operator::GreaterOrEqual),
    ],
    &[("+", Operator::Plus), ("-", Operator::Minus)],
    &[
        ("*", Operator::Times),
        ("/", Operator::Divide),
        ("%", Operator::Remainder),
    ],
];
