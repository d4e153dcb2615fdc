//! The grammar of a call.

use serde_json::Value;

use crate::path::ValuePath;

use super::functions::Function;
use super::{Argument, CALL_ARGUMENTS_MAX, CALL_DEPTH_MAX, Intrinsic};

/// Parses one call and nothing after it.
pub(super) fn parse(text: &str) -> Result<Intrinsic, String> {
    let mut reader = Reader { text, at: 0 };
    reader.skip_blanks();
    let call = reader.call(1)?;
    reader.skip_blanks();
    match reader.peek() {
        None => Ok(call),
        Some(c) => Err(format!("unexpected '{c}' after the call '{}'", call.text)),
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }

    fn call(&mut self, depth: usize) -> Result<Intrinsic, String> {
        if depth > CALL_DEPTH_MAX {
            return Err(format!(
                "intrinsic functions nest at most {CALL_DEPTH_MAX} levels"
            ));
        }
        let start = self.at;
        let name = self.word(|c| c.is_ascii_alphanumeric() || c == '.');
        let function = Function::named(name)
            .ok_or_else(|| format!("'{name}' is not the name of an intrinsic function"))?;
        self.skip_blanks();
        if self.next() != Some('(') {
            return Err(format!("'(' is expected after {name}"));
        }
        let arguments = self.arguments(depth)?;
        let (least, most) = function.arity();
        if arguments.len() < least || arguments.len() > most {
            return Err(format!(
                "{name} takes {}, not {}",
                described_arity(least, most),
                arguments.len()
            ));
        }
        Ok(Intrinsic {
            text: self.text[start..self.at].to_owned(),
            function,
            arguments,
        })
    }

    /// The arguments up to and with the closing parenthesis.
    fn arguments(&mut self, depth: usize) -> Result<Vec<Argument>, String> {
        let mut arguments = Vec::new();
        self.skip_blanks();
        if self.peek() == Some(')') {
            self.next();
            return Ok(arguments);
        }
        loop {
            if arguments.len() >= CALL_ARGUMENTS_MAX {
                return Err(format!("a call has at most {CALL_ARGUMENTS_MAX} arguments"));
            }
            self.skip_blanks();
            arguments.push(self.argument(depth)?);
            self.skip_blanks();
            match self.next() {
                Some(',') => {}
                Some(')') => return Ok(arguments),
                Some(c) => return Err(format!("unexpected '{c}' between arguments")),
                None => return Err("the call lacks its closing parenthesis".to_owned()),
            }
        }
    }

    fn argument(&mut self, depth: usize) -> Result<Argument, String> {
        match self.peek() {
            Some('\'') => self.quoted(),
            Some('$') => {
                let text = self.path_text();
                ValuePath::parse(text).map(Argument::Path)
            }
            Some('S') => Ok(Argument::Call(Box::new(self.call(depth + 1)?))),
            _ => {
                let word = self.word(|c| !matches!(c, ',' | ')') && !c.is_whitespace());
                match serde_json::from_str(word) {
                    Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_))) => {
                        Ok(Argument::Literal(value))
                    }
                    _ => Err(format!("'{word}' is not an argument")),
                }
            }
        }
    }

    /// AWS: `\'`, `\{`, `\}` and `\\` are escapes, and there are no others (developer guide, "Reserved characters in
    /// intrinsic functions").
    fn quoted(&mut self) -> Result<Argument, String> {
        self.next();
        let (mut plain, mut template) = (String::new(), String::new());
        loop {
            match self.next() {
                None => return Err(format!("the text '{plain} lacks its closing quote")),
                Some('\'') => return Ok(Argument::Text { plain, template }),
                Some('\\') => match self.peek() {
                    Some(c @ ('\'' | '{' | '}' | '\\')) => {
                        self.next();
                        plain.push(c);
                        if c != '\'' {
                            template.push('\\');
                        }
                        template.push(c);
                    }
                    _ => return Err(format!("the text '{plain}' has an open escape")),
                },
                Some(c) => {
                    plain.push(c);
                    template.push(c);
                }
            }
        }
    }

    /// A path up to the comma or parenthesis that ends the argument; brackets and quotes protect both.
    fn path_text(&mut self) -> &'t str {
        let start = self.at;
        let (mut open, mut quote) = (0usize, None);
        while let Some(c) = self.peek() {
            match (quote, c) {
                (Some(_), '\\') => {
                    self.next();
                }
                (Some(q), c) if q == c => quote = None,
                (Some(_), _) => {}
                (None, '\'' | '"') => quote = Some(c),
                (None, '[' | '(') => open += 1,
                (None, ']' | ')') if open > 0 => open -= 1,
                (None, ')' | ',') if open == 0 => break,
                _ => {}
            }
            self.next();
        }
        self.text[start..self.at].trim_end()
    }

    fn word(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let start = self.at;
        while self.peek().is_some_and(&wanted) {
            self.next();
        }
        &self.text[start..self.at]
    }
}

fn described_arity(least: usize, most: usize) -> String {
    match (least, most) {
        (least, most) if least == most => format!("{least} arguments"),
        (least, CALL_ARGUMENTS_MAX) => format!("at least {least} arguments"),
        (least, most) => format!("{least} to {most} arguments"),
    }
}
