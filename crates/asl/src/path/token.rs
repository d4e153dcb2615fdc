//! The grammar of a path after its root.

use super::PATH_TOKENS_MAX;
use super::filter::{self, Filter};

/// One step of a path.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// `.a`, `['a']`, or `['a','b']`, which makes an object when it is the last step.
    Properties(Vec<String>),
    /// `[0]`, `[-1]`, `[0,2]`.
    Indexes(Vec<i64>),
    /// `[from:to]`; at least one of both is there.
    Slice { from: Option<i64>, to: Option<i64> },
    /// `.*` or `[*]`.
    Wildcard,
    /// `..`: the next step applies to the value and all below.
    Scan,
    /// `[?(...)]`.
    Filter(Filter),
}

/// Whether the steps match at most one value.
///
/// AWS: Jayway calls a list of properties definite when it comes last, because it makes one object.
pub(super) fn are_definite(tokens: &[Token]) -> bool {
    let last = tokens.len().saturating_sub(1);
    tokens
        .iter()
        .enumerate()
        .all(|(position, token)| match token {
            Token::Properties(names) => names.len() == 1 || position == last,
            Token::Indexes(indexes) => indexes.len() == 1,
            Token::Slice { .. } | Token::Wildcard | Token::Scan | Token::Filter(_) => false,
        })
}

/// Parses what follows `$`, to the end.
pub(super) fn parse(text: &str) -> Result<Vec<Token>, String> {
    let mut reader = Reader::new(text);
    let tokens = reader.tokens(0)?;
    match reader.peek() {
        None => Ok(tokens),
        Some(c) => Err(reader.unexpected(c)),
    }
}

/// Characters of a path with a position.
pub(super) struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Reader<'t> {
        Reader { text, at: 0 }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    pub(super) fn eat(&mut self, literal: &str) -> bool {
        let found = self.text[self.at..].starts_with(literal);
        if found {
            self.at += literal.len();
        }
        found
    }

    pub(super) fn skip_spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }

    /// Characters while `wanted` holds.
    pub(super) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let start = self.at;
        while self.peek().is_some_and(&wanted) {
            self.next();
        }
        &self.text[start..self.at]
    }

    pub(super) fn unexpected(&self, c: char) -> String {
        format!(
            "unexpected '{c}' at position {} after the root of the path",
            self.at
        )
    }

    pub(super) fn expect(&mut self, literal: &str) -> Result<(), String> {
        if self.eat(literal) {
            return Ok(());
        }
        match self.peek() {
            Some(c) => Err(format!("{}, expected '{literal}'", self.unexpected(c))),
            None => Err(format!("the path ends where '{literal}' is expected")),
        }
    }

    /// Steps up to the first character that starts none.
    pub(super) fn tokens(&mut self, depth: usize) -> Result<Vec<Token>, String> {
        let mut tokens = Vec::new();
        loop {
            if tokens.len() >= PATH_TOKENS_MAX {
                return Err(format!("a path has at most {PATH_TOKENS_MAX} steps"));
            }
            match self.peek() {
                Some('.') => {
                    self.next();
                    if self.eat(".") {
                        tokens.push(Token::Scan);
                    }
                    tokens.push(self.after_dot(depth)?);
                }
                Some('[') => tokens.push(self.bracket(depth)?),
                _ => return Ok(tokens),
            }
        }
    }

    fn after_dot(&mut self, depth: usize) -> Result<Token, String> {
        match self.peek() {
            None => Err("the path must not end with a '.'".to_owned()),
            Some('[') => self.bracket(depth),
            Some('*') => {
                self.next();
                Ok(Token::Wildcard)
            }
            Some(_) => self.property(depth),
        }
    }

    /// A name after a dot: anything but the characters that end it.
    ///
    /// AWS: there are no functions; `$.items.length()` asks for a member named `length()`, which is missing when the
    /// state runs (repost.aws, "sum() function returns error about not finding path").
    fn property(&mut self, depth: usize) -> Result<Token, String> {
        // Inside a filter a name also ends where an operator begins.
        let ends = |c: char| {
            matches!(c, '.' | '[')
                || c.is_whitespace()
                || (depth > 0
                    && matches!(c, '(' | ')' | '=' | '!' | '<' | '>' | '&' | '|' | ',' | ']'))
        };
        let name = self.take_while(|c| !ends(c));
        match self.peek() {
            Some('(') => Err(format!(
                "the function '{name}' is not supported in a filter"
            )),
            Some(c) if name.is_empty() => Err(self.unexpected(c)),
            Some(c) if depth == 0 && c.is_whitespace() => Err(format!(
                "a name with blanks needs brackets and quotes, at position {}",
                self.at
            )),
            _ => Ok(Token::Properties(vec![name.to_owned()])),
        }
    }

    fn bracket(&mut self, depth: usize) -> Result<Token, String> {
        self.expect("[")?;
        self.skip_spaces();
        let token = match self.peek() {
            Some('\'' | '"') => Token::Properties(self.quoted_names()?),
            Some('*') => {
                self.next();
                Token::Wildcard
            }
            Some('?') => {
                self.next();
                self.skip_spaces();
                Token::Filter(filter::parse(self, depth + 1)?)
            }
            Some(c) if c.is_ascii_digit() || matches!(c, '-' | ':') => self.places()?,
            Some(c) => return Err(self.unexpected(c)),
            None => return Err("the path ends inside '['".to_owned()),
        };
        self.skip_spaces();
        self.expect("]")?;
        Ok(token)
    }

    fn quoted_names(&mut self) -> Result<Vec<String>, String> {
        let mut names = Vec::new();
        loop {
            self.skip_spaces();
            names.push(self.quoted()?);
            self.skip_spaces();
            if !self.eat(",") {
                return Ok(names);
            }
            if names.len() >= PATH_TOKENS_MAX {
                return Err(format!("a list of names has at most {PATH_TOKENS_MAX}"));
            }
        }
    }

    /// A text in single or double quotes.
    ///
    /// AWS: a backslash is itself, but before the closing kind of quote and before another backslash (recorded:
    /// `['a\"b']` names the member `a\"b`).
    pub(super) fn quoted(&mut self) -> Result<String, String> {
        let Some(quote @ ('\'' | '"')) = self.next() else {
            return Err("a quoted name is expected".to_owned());
        };
        let mut name = String::new();
        loop {
            match self.next() {
                None => return Err(format!("the text '{name}' lacks its closing {quote}")),
                Some(c) if c == quote => return Ok(name),
                Some('\\') if self.peek().is_some_and(|c| c == quote || c == '\\') => {
                    name.extend(self.next())
                }
                Some(c) => name.push(c),
            }
        }
    }

    /// Indexes or a slice.
    ///
    /// AWS: a third part of a slice (the step) is read and ignored, as Jayway does.
    fn places(&mut self) -> Result<Token, String> {
        let text = self.take_while(|c| c.is_ascii_digit() || matches!(c, '-' | ':' | ',' | ' '));
        if !text.contains(':') {
            let indexes: Vec<i64> = text.split(',').map(index).collect::<Result<_, String>>()?;
            if indexes.len() > PATH_TOKENS_MAX {
                return Err(format!("a list of indexes has at most {PATH_TOKENS_MAX}"));
            }
            return Ok(Token::Indexes(indexes));
        }
        let mut parts = text.split(':').map(|part| match part.trim() {
            "" => Ok(None),
            part => index(part).map(Some),
        });
        let from = parts.next().transpose()?.flatten();
        let to = parts.next().transpose()?.flatten();
        if from.is_none() && to.is_none() {
            return Err(format!("the slice '{text}' has neither start nor end"));
        }
        Ok(Token::Slice { from, to })
    }
}

fn index(text: &str) -> Result<i64, String> {
    let index: Result<i32, _> = text.trim().parse();
    index
        .map(i64::from)
        .map_err(|_| format!("'{}' is not an index", text.trim()))
}
