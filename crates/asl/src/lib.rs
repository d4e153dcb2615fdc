//! The Amazon States Language: parse, validate, evaluate.
//!
//! Lives here: definitions and their diagnostics, JSONPath, intrinsic functions, payload templates,
//! the JSONata seam, Choice rules, timestamps of the language.
//! Never here: executions, history, AWS API shapes, a clock, a source of entropy, files, sockets.
//! Read first: [`Definition::parse`].

pub mod choice;
pub mod definition;
pub mod diagnostic;
pub mod failure;
pub mod intrinsic;
pub mod jsonata;
pub mod path;
pub mod payload_template;
pub mod scope;
pub mod timestamp;

pub use definition::Definition;
pub use diagnostic::{Diagnostic, Severity};
pub use failure::Failure;
pub use scope::{Entropy, Scope, Variables};
pub use timestamp::Timestamp;
