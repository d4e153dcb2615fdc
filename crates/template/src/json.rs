//! JSON text to nodes with positions.

use serde::de::IgnoredAny;

use crate::node::{Entry, Node, Value};
use crate::parse::{DEPTH_MAX, NODES_MAX, SyntaxError};
use crate::problem::Mark;

pub(crate) fn is_valid(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Whether a text is meant as JSON: a brace, then a quoted name.
pub(crate) fn looks_like(text: &str) -> bool {
    let inside = text.trim_start().strip_prefix('{');
    inside.is_some_and(|inside| inside.trim_start().starts_with('"'))
}

/// Why a text is not JSON, with serde_json's position; `None` for valid JSON.
pub(crate) fn error(text: &str) -> Option<SyntaxError> {
    let error = serde_json::from_str::<IgnoredAny>(text).err()?;
    let message = error.to_string();
    let reason = message.split(" at line ").next().unwrap_or_default();
    Some(SyntaxError {
        at: Mark {
            line: u32::try_from(error.line()).unwrap_or(u32::MAX).max(1),
            column: u32::try_from(error.column()).unwrap_or(u32::MAX).max(1),
        },
        message: format!("not valid JSON: {reason}"),
    })
}

/// Whether a scalar is a JSON number that serde_json can hold.
pub(crate) fn is_number(text: &str) -> bool {
    let number = text
        .as_bytes()
        .first()
        .is_some_and(|b| *b == b'-' || b.is_ascii_digit())
        && !text.ends_with(|c: char| c.is_ascii_whitespace());
    number && serde_json::from_str::<serde_json::Number>(text).is_ok()
}

/// Reads text that [`is_valid`] accepts.
pub(crate) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut reader = Reader {
        text,
        offset: 0,
        at: Mark::START,
        depth: 0,
        nodes: 0,
    };
    reader.skip_space();
    reader.value()
}

/// Walks valid JSON; validity was checked before, so what may come next is known.
struct Reader<'a> {
    text: &'a str,
    offset: usize,
    at: Mark,
    depth: usize,
    nodes: usize,
}

impl Reader<'_> {
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.offset).copied().unwrap_or(0)
    }

    /// Moves over `bytes` bytes and keeps the position.
    fn advance(&mut self, bytes: usize) {
        for c in self.text[self.offset..self.offset + bytes].chars() {
            if c == '\n' {
                self.at.line += 1;
                self.at.column = 1;
            } else {
                self.at.column += 1;
            }
        }
        self.offset += bytes;
    }

    fn skip_space(&mut self) {
        while self.peek().is_ascii_whitespace() {
            self.advance(1);
        }
    }

    fn value(&mut self) -> Result<Node, SyntaxError> {
        let at = self.at;
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(SyntaxError {
                at,
                message: format!("more than {NODES_MAX} values"),
            });
        }
        let value = match self.peek() {
            b'{' => self.nested(Self::map)?,
            b'[' => self.nested(Self::list)?,
            b'"' => Value::Text(self.string()),
            _ => self.word()?,
        };
        Ok(Node { at, value })
    }

    fn nested(
        &mut self,
        read: fn(&mut Self) -> Result<Value, SyntaxError>,
    ) -> Result<Value, SyntaxError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(SyntaxError {
                at: self.at,
                message: format!("nested more than {DEPTH_MAX} levels deep"),
            });
        }
        self.advance(1);
        self.skip_space();
        let value = read(self)?;
        self.advance(1);
        self.depth -= 1;
        Ok(value)
    }

    fn map(&mut self) -> Result<Value, SyntaxError> {
        let mut entries = Vec::new();
        let mut keys = std::collections::BTreeSet::new();
        while self.peek() != b'}' {
            let at = self.at;
            let key = self.string();
            if !keys.insert(key.clone()) {
                return Err(SyntaxError {
                    at,
                    message: format!("the name \"{key}\" is already in this map"),
                });
            }
            self.skip_space();
            self.advance(1);
            self.skip_space();
            let node = self.value()?;
            entries.push(Entry { key, at, node });
            self.separator();
        }
        Ok(Value::Map(entries))
    }

    fn list(&mut self) -> Result<Value, SyntaxError> {
        let mut items = Vec::new();
        while self.peek() != b']' {
            items.push(self.value()?);
            self.separator();
        }
        Ok(Value::List(items))
    }

    fn separator(&mut self) {
        self.skip_space();
        if self.peek() == b',' {
            self.advance(1);
            self.skip_space();
        }
    }

    fn string(&mut self) -> String {
        let rest = &self.text.as_bytes()[self.offset..];
        let mut end = 1;
        while rest[end] != b'"' {
            end += if rest[end] == b'\\' { 2 } else { 1 };
        }
        let literal = &self.text[self.offset..=self.offset + end];
        let text = serde_json::from_str(literal).expect("invariant: the whole text is valid JSON");
        self.advance(end + 1);
        text
    }

    fn word(&mut self) -> Result<Value, SyntaxError> {
        let at = self.at;
        let rest = &self.text[self.offset..];
        let end = rest
            .find(|c: char| matches!(c, ',' | ']' | '}') || c.is_ascii_whitespace())
            .unwrap_or(rest.len());
        let word = rest[..end].to_owned();
        self.advance(end);
        match word.as_str() {
            "null" => Ok(Value::Null),
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ if is_number(&word) => Ok(Value::Number(word)),
            _ => Err(SyntaxError {
                at,
                message: format!("the number {word} is out of range"),
            }),
        }
    }
}
