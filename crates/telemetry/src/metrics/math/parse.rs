//! Reads an expression of metric math.

/// Levels of nesting.
const DEPTH_MAX: usize = 48;

/// Arguments of a call, elements of an array.
const ARGUMENTS_MAX: usize = 500;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    Text(String),
    /// The id of another query, or a word that a function knows.
    Name(String),
    Array(Vec<Expression>),
    Negate(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    Call(String, Vec<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Plus,
    Minus,
    Times,
    By,
    Power,
}

impl Operator {
    /// Higher binds more closely.
    fn precedence(self) -> u8 {
        match self {
            Operator::Or => 1,
            Operator::And => 2,
            Operator::Equal | Operator::NotEqual => 3,
            Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual => 4,
            Operator::Plus | Operator::Minus => 5,
            Operator::Times | Operator::By => 6,
            Operator::Power => 8,
        }
    }
}

/// Between times and power: `-a ^ b` is `-(a ^ b)`.
const NEGATION: u8 = 7;

impl Expression {
    /// Reads a text.
    ///
    /// - Errors: what is wrong, and at which character.
    pub(super) fn parse(text: &str) -> Result<Expression, String> {
        let tokens = tokens(text)?;
        let mut parser = Parser { tokens, at: 0 };
        let expression = parser.expression(0, 0)?;
        match parser.peek() {
            None => Ok(expression),
            Some(_) => Err(parser.unexpected()),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Word(String),
    Operator(Operator),
    Open,
    Close,
    OpenArray,
    CloseArray,
    Comma,
}

/// A token and the character that it begins at, from 1.
type Placed = (Token, usize);

fn tokens(text: &str) -> Result<Vec<Placed>, String> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(character) = characters.get(at) {
        if character.is_whitespace() {
            at += 1;
            continue;
        }
        let (token, length) = token(&characters[at..])
            .ok_or_else(|| format!("unexpected '{character}' at character {}", at + 1))?;
        tokens.push((token, at + 1));
        at += length;
    }
    Ok(tokens)
}

/// The token that a text begins with, and its length.
fn token(rest: &[char]) -> Option<(Token, usize)> {
    let first = *rest.first()?;
    let second = rest.get(1).copied();
    let operator = |operator, length| Some((Token::Operator(operator), length));
    match (first, second) {
        ('(', _) => Some((Token::Open, 1)),
        (')', _) => Some((Token::Close, 1)),
        ('[', _) => Some((Token::OpenArray, 1)),
        (']', _) => Some((Token::CloseArray, 1)),
        (',', _) => Some((Token::Comma, 1)),
        ('+', _) => operator(Operator::Plus, 1),
        ('-', _) => operator(Operator::Minus, 1),
        ('*', _) => operator(Operator::Times, 1),
        ('/', _) => operator(Operator::By, 1),
        ('^', _) => operator(Operator::Power, 1),
        ('=', Some('=')) => operator(Operator::Equal, 2),
        ('!', Some('=')) => operator(Operator::NotEqual, 2),
        ('<', Some('=')) => operator(Operator::LessOrEqual, 2),
        ('>', Some('=')) => operator(Operator::GreaterOrEqual, 2),
        ('<', _) => operator(Operator::Less, 1),
        ('>', _) => operator(Operator::Greater, 1),
        ('&', Some('&')) => operator(Operator::And, 2),
        ('|', Some('|')) => operator(Operator::Or, 2),
        ('\'' | '"', _) => quoted(rest, first),
        ('0'..='9' | '.', _) => number(rest),
        _ if first.is_ascii_alphabetic() || first == '_' => Some(word(rest)),
        _ => None,
    }
}

/// A quote within is doubled or comes after a backslash.
fn quoted(rest: &[char], quote: char) -> Option<(Token, usize)> {
    let mut text = String::new();
    let mut at = 1;
    loop {
        let character = *rest.get(at)?;
        let next = rest.get(at + 1).copied();
        if character == '\\' && next == Some(quote) || character == quote && next == Some(quote) {
            text.push(quote);
            at += 2;
        } else if character == quote {
            return Some((Token::Text(text), at + 1));
        } else {
            text.push(character);
            at += 1;
        }
    }
}

fn number(rest: &[char]) -> Option<(Token, usize)> {
    let digits = |from: usize| {
        let digits = rest[from..].iter();
        digits.take_while(|c| c.is_ascii_digit()).count()
    };
    let mut length = digits(0);
    if rest.get(length) == Some(&'.') {
        length += 1 + digits(length + 1);
    }
    if matches!(rest.get(length), Some('e' | 'E')) {
        let sign = usize::from(matches!(rest.get(length + 1), Some('+' | '-')));
        let exponent = match rest.get(length + 1 + sign) {
            Some(_) => digits(length + 1 + sign),
            None => 0,
        };
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    let text: String = rest[..length].iter().collect();
    let number: f64 = text.parse().ok()?;
    number
        .is_finite()
        .then_some((Token::Number(number), length))
}

fn word(rest: &[char]) -> (Token, usize) {
    let text: String = rest
        .iter()
        .take_while(|c| c.is_ascii_alphanumeric() || **c == '_')
        .collect();
    let length = text.len();
    let token = match text.as_str() {
        "AND" | "and" => Token::Operator(Operator::And),
        "OR" | "or" => Token::Operator(Operator::Or),
        _ => Token::Word(text),
    };
    (token, length)
}

struct Parser {
    tokens: Vec<Placed>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn takes(&mut self, token: &Token) -> bool {
        let is_it = self.peek() == Some(token);
        self.at += usize::from(is_it);
        is_it
    }

    fn unexpected(&self) -> String {
        match self.tokens.get(self.at) {
            Some((_, at)) => format!("unexpected text at character {at}"),
            None => "unexpected end".to_owned(),
        }
    }

    fn expect(&mut self, token: &Token) -> Result<(), String> {
        match self.takes(token) {
            true => Ok(()),
            false => Err(self.unexpected()),
        }
    }

    /// - `least`: operators that bind less are left to the caller.
    fn expression(&mut self, least: u8, depth: usize) -> Result<Expression, String> {
        if depth > DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} levels"));
        }
        let mut left = self.operand(depth)?;
        while let Some(Token::Operator(operator)) = self.peek().cloned() {
            let precedence = operator.precedence();
            if precedence < least {
                break;
            }
            self.at += 1;
            // A power binds to the right: 2 ^ 3 ^ 2 is 2 ^ 9.
            let least = precedence + u8::from(operator != Operator::Power);
            let right = self.expression(least, depth + 1)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn operand(&mut self, depth: usize) -> Result<Expression, String> {
        let Some((token, _)) = self.tokens.get(self.at).cloned() else {
            return Err(self.unexpected());
        };
        self.at += 1;
        match token {
            Token::Number(number) => Ok(Expression::Number(number)),
            Token::Text(text) => Ok(Expression::Text(text)),
            Token::Operator(Operator::Minus) => {
                let operand = self.expression(NEGATION, depth + 1)?;
                Ok(Expression::Negate(Box::new(operand)))
            }
            Token::Operator(Operator::Plus) => self.expression(NEGATION, depth + 1),
            Token::Open => {
                let inner = self.expression(0, depth + 1)?;
                self.expect(&Token::Close)?;
                Ok(inner)
            }
            Token::OpenArray => self.list(&Token::CloseArray, depth).map(Expression::Array),
            Token::Word(word) => match self.takes(&Token::Open) {
                true => Ok(Expression::Call(word, self.list(&Token::Close, depth)?)),
                false => Ok(Expression::Name(word)),
            },
            _ => {
                self.at -= 1;
                Err(self.unexpected())
            }
        }
    }

    fn list(&mut self, end: &Token, depth: usize) -> Result<Vec<Expression>, String> {
        let mut list = Vec::new();
        if self.takes(end) {
            return Ok(list);
        }
        loop {
            list.push(self.expression(0, depth + 1)?);
            if list.len() > ARGUMENTS_MAX {
                return Err(format!("more than {ARGUMENTS_MAX} elements"));
            }
            if self.takes(end) {
                return Ok(list);
            }
            self.expect(&Token::Comma)?;
        }
    }
}
