//! What is wrong with a template, and where.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

/// Problems kept of one template; what comes after is counted, not kept.
pub const PROBLEMS_MAX: usize = 200;

/// Whether a problem stops the template from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The template cannot be used.
    Error,
    /// The template works, but not wholly as AWS would run it.
    Warning,
}

/// One error or warning, with its place in the template or in a definition file.
///
/// `Display` gives `file:line:column: resource Name, property A.B: message`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// The template's name as the caller gave it, or the path of a `DefinitionUri`.
    pub file: String,
    /// 1-based line.
    pub line: u32,
    /// 1-based column, in characters.
    pub column: u32,
    /// Logical id of the resource, where there is one.
    pub resource: Option<String>,
    /// Dotted path inside the resource's properties (or inside the section), list items by index.
    pub property: Option<String>,
    /// What is wrong: lower case, no full stop.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        match (&self.resource, &self.property) {
            (Some(resource), Some(property)) => {
                write!(f, "resource {resource}, property {property}: ")?
            }
            (Some(resource), None) => write!(f, "resource {resource}: ")?,
            (None, Some(property)) => write!(f, "{property}: ")?,
            (None, None) => {}
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

/// Where something is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The template's name as the caller gave it.
    pub file: String,
    /// 1-based line.
    pub line: u32,
}

/// A position in a text: 1-based line and column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub line: u32,
    pub column: u32,
}

impl Mark {
    pub const START: Mark = Mark { line: 1, column: 1 };
}

/// The resource and property that is being read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    resource: Option<String>,
    path: Vec<String>,
}

impl Place {
    /// Inside a section that has no resources, such as `Outputs`.
    pub fn section(name: &str) -> Place {
        Place {
            resource: None,
            path: vec![name.to_owned()],
        }
    }

    pub fn resource(id: &str) -> Place {
        Place {
            resource: Some(id.to_owned()),
            path: Vec::new(),
        }
    }

    pub fn join(&self, segment: &str) -> Place {
        let mut place = self.clone();
        place.path.push(segment.to_owned());
        place
    }

    pub fn push(&mut self, segment: &str) {
        self.path.push(segment.to_owned());
    }

    pub fn pop(&mut self) {
        self.path.pop();
    }

    fn property(&self) -> Option<String> {
        (!self.path.is_empty()).then(|| self.path.join("."))
    }
}

/// Collects problems while a template is read; the same message at the same position counts once.
pub(crate) struct Problems {
    file: String,
    kept: RefCell<Vec<Problem>>,
    seen: RefCell<BTreeSet<(String, u32, u32, String)>>,
    dropped_errors: RefCell<usize>,
}

impl Problems {
    pub fn new(file: &str) -> Problems {
        Problems {
            file: file.to_owned(),
            kept: RefCell::default(),
            seen: RefCell::default(),
            dropped_errors: RefCell::default(),
        }
    }

    pub fn location(&self, at: Mark) -> Location {
        Location {
            file: self.file.clone(),
            line: at.line,
        }
    }

    pub fn error(&self, at: Mark, place: &Place, message: impl Into<String>) {
        self.add(Severity::Error, &self.file, at, place, message.into());
    }

    pub fn warning(&self, at: Mark, place: &Place, message: impl Into<String>) {
        self.add(Severity::Warning, &self.file, at, place, message.into());
    }

    /// A problem in another file than the template: a definition.
    pub fn add(&self, severity: Severity, file: &str, at: Mark, place: &Place, message: String) {
        if self.kept.borrow().len() >= PROBLEMS_MAX {
            *self.dropped_errors.borrow_mut() += usize::from(severity == Severity::Error);
            return;
        }
        let identity = (file.to_owned(), at.line, at.column, message.clone());
        if !self.seen.borrow_mut().insert(identity) {
            return;
        }
        self.kept.borrow_mut().push(Problem {
            severity,
            file: file.to_owned(),
            line: at.line,
            column: at.column,
            resource: place.resource.clone(),
            property: place.property(),
            message,
        });
    }

    pub fn has_errors(&self) -> bool {
        *self.dropped_errors.borrow() > 0
            || self
                .kept
                .borrow()
                .iter()
                .any(|p| p.severity == Severity::Error)
    }

    /// The problems of one severity, in the order of their position; the template's own file first.
    pub fn take(&self, severity: Severity) -> Vec<Problem> {
        let kept = self.kept.borrow();
        let mut problems: Vec<_> = kept
            .iter()
            .filter(|p| p.severity == severity)
            .cloned()
            .collect();
        problems.sort_by_key(|p| (p.file != self.file, p.file.clone(), p.line, p.column));
        let dropped = *self.dropped_errors.borrow();
        if severity == Severity::Error && dropped > 0 {
            problems.push(Problem {
                severity,
                file: self.file.clone(),
                line: 1,
                column: 1,
                resource: None,
                property: None,
                message: format!(
                    "{dropped} more errors are not shown (at most {PROBLEMS_MAX} problems are kept)"
                ),
            });
        }
        problems
    }
}
