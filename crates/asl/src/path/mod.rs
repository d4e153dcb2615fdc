//! Paths into JSON values: Jayway's dialect of JSONPath, which AWS speaks, in two grammars.
//!
//! A [`Path`] may match many values (`*`, `..`, slices, filters); a [`ReferencePath`] names one place and can
//! be written to; a [`ValuePath`] says besides which document it starts from (`$`, `$$` or a variable).

mod filter;
mod reference;
mod select;
mod size;
mod token;

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use crate::{Failure, Scope};

pub use reference::ReferencePath;
pub(crate) use size::CopyBudget;
use token::Token;

/// Longest path that is accepted, in bytes: a definition is at most 1 MB, a path in it far below.
pub const PATH_BYTES_MAX: usize = 16 * 1024;
/// Most tokens of one path, and most nested levels of one filter: keeps evaluation off the end of the stack.
pub const PATH_TOKENS_MAX: usize = 256;
/// Most values that one path visits: `$..a..a..a` can visit the same ones again and again.
pub const PATH_VISITS_MAX: usize = 5_000_000;

/// A compiled path below some root, such as `$.orders[?(@.paid == true)].id`.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    text: String,
    tokens: Vec<Token>,
    definite: bool,
}

impl Path {
    /// Compiles `text`, which starts with `$`.
    ///
    /// - Errors name the character that does not fit and its position, for the author of the definition.
    pub fn parse(text: &str) -> Result<Path, String> {
        let Some(rest) = text.strip_prefix('$') else {
            return Err(format!("the path '{text}' does not start with '$'"));
        };
        Path::parse_after_root(text, rest)
    }

    fn parse_after_root(text: &str, rest: &str) -> Result<Path, String> {
        if text.len() > PATH_BYTES_MAX {
            return Err(format!(
                "a path is at most {PATH_BYTES_MAX} bytes, this one has {}",
                text.len()
            ));
        }
        let tokens = token::parse(rest)?;
        let definite = token::are_definite(&tokens);
        Ok(Path {
            text: text.to_owned(),
            tokens,
            definite,
        })
    }

    /// The path as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the path matches at most one value: no `*`, `..`, slice, filter or list of places.
    pub fn is_definite(&self) -> bool {
        self.definite
    }

    /// What the path matches in `root`.
    ///
    /// - A definite path gives the value itself, or [`NoMatch`].
    /// - An indefinite path always gives an array, empty when nothing matches.
    pub fn select<'a>(&self, root: &'a Value) -> Result<Cow<'a, Value>, NoMatch> {
        select::select(&self.tokens, self.definite, root)
    }
}

/// Why a definite path matched nothing, in Jayway's words, such as `Missing property in path $['a']`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoMatch(pub String);

impl fmt::Display for NoMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The document that a [`ValuePath`] starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Input,
    Context,
    Variable(String),
}

/// A path with its source: `$.a` (the field's input), `$$.State.Name` (the context object), `$name.a` (a variable).
#[derive(Debug, Clone, PartialEq)]
pub struct ValuePath {
    text: String,
    source: Source,
    path: Path,
}

impl ValuePath {
    /// Compiles `text`; errors as [`Path::parse`].
    pub fn parse(text: &str) -> Result<ValuePath, String> {
        let Some(after) = text.strip_prefix('$') else {
            return Err(format!("the path '{text}' does not start with '$'"));
        };
        let (source, rest) = if let Some(rest) = after.strip_prefix('$') {
            (Source::Context, rest)
        } else {
            let end = after
                .find(|c: char| !is_name_continue(c))
                .unwrap_or(after.len());
            match &after[..end] {
                "" => (Source::Input, after),
                name if name.starts_with(is_name_start) => {
                    (Source::Variable(name.to_owned()), &after[end..])
                }
                name => return Err(format!("'{name}' is not the name of a variable")),
            }
        };
        let path = Path::parse_after_root(text, rest)?;
        Ok(ValuePath {
            text: text.to_owned(),
            source,
            path,
        })
    }

    /// The path as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The variable that the path reads, without its `$`.
    pub fn variable(&self) -> Option<&str> {
        match &self.source {
            Source::Variable(name) => Some(name),
            Source::Input | Source::Context => None,
        }
    }

    /// Whether the path reads the context object.
    pub fn is_context(&self) -> bool {
        self.source == Source::Context
    }

    /// Whether the path matches at most one value.
    pub fn is_definite(&self) -> bool {
        self.path.is_definite()
    }

    /// The value that the path names in `scope`, if there is one.
    pub fn lookup<'a>(&self, scope: &Scope<'a>) -> Option<Cow<'a, Value>> {
        self.path.select(self.root(scope)?).ok()
    }

    /// The value for a field that needs one: a `.$` member, `ErrorPath`, `CausePath`, an intrinsic's argument.
    ///
    /// - `field`: the field as written, such as `value.$`.
    /// - AWS: a missing value names field and input (recorded for `Parameters` and `ErrorPath`).
    pub fn evaluate<'a>(&self, scope: &Scope<'a>, field: &str) -> Result<Cow<'a, Value>, Failure> {
        self.lookup(scope).ok_or_else(|| {
            Failure::runtime(format!(
                "The JSONPath '{}' specified for the field '{field}' could not be found in the input '{}'",
                self.text, scope.input
            ))
        })
    }

    /// The value for `InputPath`, `OutputPath` or `ItemsPath`.
    ///
    /// - AWS: a missing value carries Jayway's own words (recorded for `OutputPath`).
    pub fn filter<'a>(&self, scope: &Scope<'a>) -> Result<Cow<'a, Value>, Failure> {
        let selected = match self.root(scope) {
            Some(root) => self.path.select(root),
            None => Err(NoMatch(format!("No results for path: {}", self.text))),
        };
        selected.map_err(|no_match| {
            Failure::runtime(format!("Invalid path '{}' : {no_match}", self.text))
        })
    }

    fn root<'a>(&self, scope: &Scope<'a>) -> Option<&'a Value> {
        match &self.source {
            Source::Input => Some(scope.input),
            Source::Context => Some(scope.context),
            Source::Variable(name) => scope.variables.get(name),
        }
    }
}

/// AWS's sentence for a text that is no reference path; `reason` is ours.
pub(crate) fn not_a_reference(text: &str, reason: &str) -> String {
    let reason = if text.starts_with('$') {
        reason
    } else {
        "Reference path didn't start with '$'"
    };
    format!("Value is not a Reference Path: {reason}")
}

/// Whether `c` may start the name of a variable (Unicode `ID_Start`, as far as the standard library tells).
pub(crate) fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

/// Whether `c` may continue the name of a variable (Unicode `ID_Continue`, likewise).
pub(crate) fn is_name_continue(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests;
