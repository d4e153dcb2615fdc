//! Resource names: ARNs of every kind the services hand out, and the names inside them.
//!
//! An ARN type can only hold a well-formed text of its kind. Whether the resource exists is the
//! service's question, and so is whether region and account are its own.

mod execution;
mod function;
mod state_machine;

pub use execution::{ExecutionArn, ExecutionKind};
pub use function::FunctionArn;
pub use state_machine::{ActivityArn, MapRunArn, Qualifier, StateMachineArn};

use crate::generated::states::Error;

/// Where resources live: the part of an ARN that is the same for all of a server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// `aws`, `aws-cn`, ...
    pub partition: String,
    /// `us-east-1`, ...
    pub region: String,
    /// Twelve digits.
    pub account: String,
}

impl Scope {
    /// A scope in the partition `aws`.
    pub fn new(region: impl Into<String>, account: impl Into<String>) -> Self {
        Self {
            partition: "aws".to_owned(),
            region: region.into(),
            account: account.into(),
        }
    }

    fn prefix(&self, service: &str) -> String {
        format!(
            "arn:{}:{service}:{}:{}:",
            self.partition, self.region, self.account
        )
    }
}

/// Whether a text may name a state machine, an execution or an activity.
///
/// - Its length is a constraint of the model and not checked here.
/// - Errors: `InvalidName` with the name, as AWS words it.
/// - Source: API reference of Step Functions, `CreateStateMachine`.
pub fn check_name(name: &str) -> Result<(), Error> {
    if name.chars().any(forbidden_in_names) {
        return Err(Error::invalid_name(name));
    }
    Ok(())
}

fn forbidden_in_names(c: char) -> bool {
    const MARKS: &str = "<>{}[]?*\"#%\\^|~`$&,;:/";
    c.is_whitespace() || c.is_control() || MARKS.contains(c) || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// An ARN cut at its colons; `resource` keeps the rest.
#[derive(Clone, Copy)]
struct Parts<'a> {
    partition: &'a str,
    service: &'a str,
    region: &'a str,
    account: &'a str,
    kind: &'a str,
    resource: &'a str,
}

impl<'a> Parts<'a> {
    fn cut(text: &'a str) -> Option<Self> {
        let mut parts = text.strip_prefix("arn:")?.splitn(6, ':');
        let mut next = || parts.next();
        let (partition, service, region, account) = (next()?, next()?, next()?, next()?);
        Some(Self {
            partition,
            service,
            region,
            account,
            kind: next()?,
            resource: next()?,
        })
    }

    fn scope(&self) -> Scope {
        Scope {
            partition: self.partition.to_owned(),
            region: self.region.to_owned(),
            account: self.account.to_owned(),
        }
    }
}

/// The parts of an ARN of Step Functions whose kind is one of `kinds`.
fn cut_states<'a>(text: &'a str, kinds: &[&str]) -> Result<Parts<'a>, Error> {
    let parts = Parts::cut(text)
        .filter(|parts| parts.service == "states")
        .ok_or_else(|| Error::invalid_arn(format_args!("Invalid ARN prefix: {text}")))?;
    if !kinds.contains(&parts.kind) {
        let kind = parts.kind;
        return Err(Error::invalid_arn(format_args!(
            "Resource type not valid in this context: {kind}"
        )));
    }
    Ok(parts)
}

/// The ARN has the right kind, but its resource is not of that kind's form.
fn malformed(text: &str) -> Error {
    Error::invalid_arn(format_args!("Invalid ARN: {text}"))
}

/// A name and the label of a Distributed Map, cut at the slash; neither may be empty.
fn cut_label(resource: &str) -> Option<(&str, Option<&str>)> {
    match resource.split_once('/') {
        None => (!resource.is_empty()).then_some((resource, None)),
        Some((name, label)) => {
            (!name.is_empty() && !label.is_empty()).then_some((name, Some(label)))
        }
    }
}

macro_rules! arn_text {
    ($type:ty) => {
        impl $type {
            /// The ARN as text.
            pub fn as_str(&self) -> &str {
                &self.text
            }

            /// Partition, region and account.
            pub fn scope(&self) -> Scope {
                Parts::cut(&self.text)
                    .expect("invariant: an ARN type holds an ARN")
                    .scope()
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.text)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.text
            }
        }

        impl From<$type> for String {
            fn from(arn: $type) -> Self {
                arn.text
            }
        }
    };
}
use arn_text;

#[cfg(test)]
mod tests;
