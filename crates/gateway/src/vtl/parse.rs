//! Text to a template.

use serde_json::Value;

use super::methods::{INPUT_METHODS, METHODS, MUTATORS, UTIL_METHODS};
use super::{Expression, Node, Reference, Step, Target};

/// Bytes of a template. AWS: 300 KB.
pub const TEMPLATE_BYTES_MAX: usize = 300 * 1024;

/// Blocks and expressions inside each other.
pub const NESTING_MAX: usize = 40;

/// Steps of one reference.
const REFERENCE_STEPS_MAX: usize = 32;

/// Directives of Velocity that are not built.
const UNBUILT: [&str; 10] = [
    "include", "parse", "macro", "define", "evaluate", "break", "stop", "return", "literal",
    "switch",
];

pub(super) fn template(text: &str) -> Result<Vec<Node>, String> {
    if text.len() > TEMPLATE_BYTES_MAX {
        return Err(format!(
            "the template has {} bytes, at most {TEMPLATE_BYTES_MAX} are allowed",
            text.len()
        ));
    }
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
        line: 1,
    };
    let (block, end) = parser.block()?;
    match end {
        BlockEnd::Text => Ok(block),
        BlockEnd::Else | BlockEnd::ElseIf | BlockEnd::End => {
            Err(parser.error("#else or #end without #if"))
        }
    }
}

pub(super) struct Parser<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    pub(super) depth: usize,
    /// Line that the text begins at.
    pub(super) line: usize,
}

/// What ended a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BlockEnd {
    Text,
    Else,
    ElseIf,
    End,
}

impl<'t> Parser<'t> {
    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn take(&mut self, prefix: &str) -> bool {
        let found = self.rest().starts_with(prefix);
        if found {
            self.at += prefix.len();
        }
        found
    }

    pub(super) fn error(&self, message: &str) -> String {
        let line = self.line + self.text[..self.at].matches('\n').count();
        format!("line {line} of the template: {message}")
    }

    pub(super) fn nested<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, String>,
    ) -> Result<T, String> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(self.error(&format!("more than {NESTING_MAX} levels inside each other")));
        }
        let done = inner(self);
        self.depth -= 1;
        done
    }

    pub(super) fn block(&mut self) -> Result<(Vec<Node>, BlockEnd), String> {
        let mut nodes = Vec::new();
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let Some(at) = rest.find(['$', '#', '\\']) else {
                text.push_str(rest);
                self.at = self.text.len();
                flush(&mut nodes, &mut text);
                return Ok((nodes, BlockEnd::Text));
            };
            text.push_str(&rest[..at]);
            self.at += at;
            match self.peek() {
                Some('\\') => self.escape(&mut text),
                Some('$') => match self.reference()? {
                    Some(reference) => {
                        flush(&mut nodes, &mut text);
                        nodes.push(Node::Reference(reference));
                    }
                    None => {
                        text.push('$');
                        self.at += 1;
                    }
                },
                _ => match self.directive(&mut nodes, &mut text)? {
                    None => {}
                    Some(end) => {
                        flush(&mut nodes, &mut text);
                        return Ok((nodes, end));
                    }
                },
            }
        }
    }

    /// `\$name` and `\#if` are text.
    fn escape(&mut self, text: &mut String) {
        self.at += 1;
        let mut after = self.rest().chars();
        match (after.next(), after.next()) {
            (Some(sign @ ('$' | '#')), Some(next))
                if next.is_ascii_alphabetic() || next == '{' || next == '!' =>
            {
                text.push(sign);
                self.at += 1;
            }
            _ => text.push('\\'),
        }
    }

    /// `None`: the block goes on.
    fn directive(
        &mut self,
        nodes: &mut Vec<Node>,
        text: &mut String,
    ) -> Result<Option<BlockEnd>, String> {
        if self.take("##") {
            let line = self
                .rest()
                .find('\n')
                .map_or(self.rest().len(), |at| at + 1);
            self.at += line;
            return Ok(None);
        }
        if self.take("#*") {
            let end = self.rest().find("*#");
            let end = end.ok_or_else(|| self.error("'#*' has no '*#'"))?;
            self.at += end + 2;
            return Ok(None);
        }
        let begin = self.at;
        let after = &self.rest()[1..];
        let (word, length) = match after.strip_prefix('{') {
            Some(inner) => {
                let word = identifier(inner);
                match inner[word.len()..].starts_with('}') {
                    true => (word, word.len() + 3),
                    false => ("", 1),
                }
            }
            None => {
                let word: &str = identifier(after);
                // `#else"text"` and `#end]`: the directive ends with its letters; so does `#endfoo` in Velocity not.
                (word, word.len() + 1)
            }
        };
        self.at += length;
        let end = match word {
            "set" => {
                flush(nodes, text);
                nodes.push(self.set()?);
                self.end_of_line();
                return Ok(None);
            }
            "if" => {
                flush(nodes, text);
                let node = self.nested(Self::conditional)?;
                nodes.push(node);
                return Ok(None);
            }
            "foreach" => {
                flush(nodes, text);
                let node = self.nested(Self::foreach)?;
                nodes.push(node);
                return Ok(None);
            }
            "else" => BlockEnd::Else,
            "elseif" => BlockEnd::ElseIf,
            "end" => BlockEnd::End,
            _ if UNBUILT.contains(&word) => {
                self.at = begin;
                return Err(self.error(&format!("#{word} is not built")));
            }
            _ => {
                self.at = begin + 1;
                text.push('#');
                return Ok(None);
            }
        };
        if end != BlockEnd::ElseIf {
            self.end_of_line();
        }
        Ok(Some(end))
    }

    /// Velocity: a directive takes the end of its line with it.
    fn end_of_line(&mut self) {
        let rest = self.rest();
        let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let line_end = &rest[blank..];
        if line_end.starts_with('\n') {
            self.at += blank + 1;
        } else if line_end.starts_with("\r\n") {
            self.at += blank + 2;
        }
    }

    fn set(&mut self) -> Result<Node, String> {
        self.open("#set")?;
        let begin = self.at;
        let Some(reference) = self.reference()? else {
            return Err(self.error("#set needs a variable"));
        };
        let target = self.target(reference, begin)?;
        self.blank();
        if !self.take("=") {
            return Err(self.error("#set needs '='"));
        }
        let value = self.expression()?;
        self.close("#set")?;
        Ok(Node::Set(target, value))
    }

    fn target(&self, reference: Reference, begin: usize) -> Result<Target, String> {
        let unbuilt = || {
            let line = self.line + self.text[..begin].matches('\n').count();
            format!(
                "line {line} of the template: #set of {} is not built",
                reference.source
            )
        };
        let names: Option<Vec<&str>> = reference
            .steps
            .iter()
            .map(|step| match step {
                Step::Property(name) => Some(name.as_str()),
                Step::Index(index) => match index.as_ref() {
                    Expression::Literal(Value::String(name)) => Some(name.as_str()),
                    _ => None,
                },
                Step::Method(..) => None,
            })
            .collect();
        let names = names.ok_or_else(unbuilt)?;
        match (reference.name.as_str(), names.as_slice()) {
            ("context", ["responseOverride", "status"]) => Ok(Target::ResponseStatus),
            ("context", ["responseOverride", "header", name]) => {
                Ok(Target::ResponseHeader((*name).to_owned()))
            }
            ("context" | "input" | "util" | "stageVariables" | "foreach", _) => Err(unbuilt()),
            (name, []) => Ok(Target::Variable(name.to_owned())),
            (name, [member]) => Ok(Target::Member(name.to_owned(), (*member).to_owned())),
            _ => Err(unbuilt()),
        }
    }

    fn conditional(&mut self) -> Result<Node, String> {
        let mut arms = Vec::new();
        loop {
            self.open("#if")?;
            let condition = self.expression()?;
            self.close("#if")?;
            self.end_of_line();
            let (block, end) = self.block()?;
            arms.push((condition, block));
            match end {
                BlockEnd::ElseIf => {}
                BlockEnd::End => return Ok(Node::If(arms, Vec::new())),
                BlockEnd::Text => return Err(self.error("#if has no #end")),
                BlockEnd::Else => {
                    return match self.block()? {
                        (otherwise, BlockEnd::End) => Ok(Node::If(arms, otherwise)),
                        _ => Err(self.error("#else has no #end")),
                    };
                }
            }
        }
    }

    fn foreach(&mut self) -> Result<Node, String> {
        self.open("#foreach")?;
        let variable = match self.reference()? {
            Some(reference) if reference.steps.is_empty() => reference.name,
            _ => return Err(self.error("#foreach needs a variable")),
        };
        self.blank();
        if !self.take("in") {
            return Err(self.error("#foreach needs 'in'"));
        }
        let list = self.expression()?;
        self.close("#foreach")?;
        self.end_of_line();
        match self.block()? {
            (block, BlockEnd::End) => Ok(Node::Foreach(variable, list, block)),
            _ => Err(self.error("#foreach has no #end")),
        }
    }

    fn open(&mut self, what: &str) -> Result<(), String> {
        self.blank();
        if !self.take("(") {
            return Err(self.error(&format!("{what} needs '('")));
        }
        self.blank();
        Ok(())
    }

    pub(super) fn close(&mut self, what: &str) -> Result<(), String> {
        self.blank();
        if !self.take(")") {
            return Err(self.error(&format!("{what} needs ')'")));
        }
        Ok(())
    }

    pub(super) fn blank(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// A reference at `$`; `None` where the `$` is text.
    pub(super) fn reference(&mut self) -> Result<Option<Reference>, String> {
        let begin = self.at;
        let Some(after) = self.rest().strip_prefix('$') else {
            return Ok(None);
        };
        let after = after.strip_prefix('!').unwrap_or(after);
        let braced = after.strip_prefix('{');
        let name = identifier(braced.unwrap_or(after));
        if name.is_empty() {
            return Ok(None);
        }
        let inner = braced.unwrap_or(after);
        self.at = self.text.len() - inner.len() + name.len();
        let steps = self.nested(Self::steps)?;
        if braced.is_some() && !self.take("}") {
            return Err(self.error("'${' has no '}'"));
        }
        let reference = Reference {
            name: name.to_owned(),
            steps,
            source: self.text[begin..self.at].to_owned(),
        };
        check(&reference).map_err(|message| self.error(&message))?;
        Ok(Some(reference))
    }

    fn steps(&mut self) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        loop {
            let rest = self.rest();
            let step = if let Some(after) = rest.strip_prefix('.') {
                let name = identifier(after);
                if name.is_empty() {
                    return Ok(steps);
                }
                self.at += 1 + name.len();
                if self.take("(") {
                    Step::Method(name.to_owned(), self.list(")")?)
                } else {
                    Step::Property(name.to_owned())
                }
            } else if rest.starts_with('[') && !steps_end_before_bracket(rest) {
                self.at += 1;
                let index = self.expression()?;
                self.blank();
                if !self.take("]") {
                    return Err(self.error("'[' has no ']'"));
                }
                Step::Index(Box::new(index))
            } else {
                return Ok(steps);
            };
            steps.push(step);
            if steps.len() > REFERENCE_STEPS_MAX {
                return Err(self.error(&format!(
                    "a reference has more than {REFERENCE_STEPS_MAX} steps"
                )));
            }
        }
    }

    fn list(&mut self, end: &str) -> Result<Vec<Expression>, String> {
        let mut items = Vec::new();
        self.blank();
        if self.take(end) {
            return Ok(items);
        }
        loop {
            items.push(self.expression()?);
            self.blank();
            if self.take(end) {
                return Ok(items);
            }
            if !self.take(",") {
                return Err(self.error(&format!("expected ',' or '{end}'")));
            }
        }
    }
}

fn flush(nodes: &mut Vec<Node>, text: &mut String) {
    if !text.is_empty() {
        nodes.push(Node::Text(std::mem::take(text)));
    }
}

/// Velocity: a letter, then letters, digits, `_` and `-`.
pub(super) fn identifier(text: &str) -> &str {
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if !begins {
        return "";
    }
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
    &text[..end.unwrap_or(text.len())]
}

/// `$name[]` and `$name[ ` of plain text.
fn steps_end_before_bracket(rest: &str) -> bool {
    let inner = rest[1..].trim_start();
    !inner.starts_with(|first: char| {
        first.is_ascii_digit() || matches!(first, '$' | '\'' | '"' | '-')
    })
}

/// What a reference may call is known when it is read.
fn check(reference: &Reference) -> Result<(), String> {
    let unbuilt = |what: &str| Err(format!("${}.{what} is not built", reference.name));
    let mut steps = reference.steps.as_slice();
    match reference.name.as_str() {
        "input" => match steps.split_first() {
            Some((Step::Property(name), rest)) if name == "body" => steps = rest,
            Some((Step::Method(name, arguments), rest))
                if INPUT_METHODS.contains(&name.as_str()) =>
            {
                if let (Some(Expression::Literal(Value::String(path))), "json" | "path") =
                    (arguments.first(), name.as_str())
                {
                    crate::json_path::JsonPath::parse(path)?;
                }
                steps = rest;
            }
            Some((Step::Property(name) | Step::Method(name, _), _)) => return unbuilt(name),
            _ => return Err("$input alone is not built".to_owned()),
        },
        "util" => match steps.split_first() {
            Some((Step::Method(name, _), rest)) if UTIL_METHODS.contains(&name.as_str()) => {
                steps = rest;
            }
            Some((Step::Property(name) | Step::Method(name, _), _)) => return unbuilt(name),
            _ => return Err("$util alone is not built".to_owned()),
        },
        _ => {}
    }
    for (at, step) in steps.iter().enumerate() {
        let Step::Method(name, arguments) = step else {
            continue;
        };
        let is_variable = at == 0 && steps.len() == 1 && reference.steps.len() == 1;
        if MUTATORS.contains(&name.as_str()) {
            if !is_variable {
                return Err(format!("{name}() is built for a variable alone"));
            }
        } else if !METHODS.contains(&name.as_str()) {
            return Err(format!("the method {name}() is not built"));
        }
        if let ("replaceAll" | "matches", Some(Expression::Literal(Value::String(pattern)))) =
            (name.as_str(), arguments.first())
        {
            super::methods::pattern(pattern)?;
        }
    }
    Ok(())
}
