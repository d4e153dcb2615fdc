//! Lambda functions.

use super::{Parts, Scope, arn_text};
use crate::generated::lambda::Error;

/// `arn:aws:lambda:R:A:function:NAME` or `...:NAME:QUALIFIER`.
///
/// ```
/// use stepwell_api::arn::{FunctionArn, Scope};
/// let scope = Scope::new("us-east-1", "123456789012");
/// let arn = FunctionArn::resolve(&scope, "pay:live").expect("a function");
/// assert_eq!(arn.as_str(), "arn:aws:lambda:us-east-1:123456789012:function:pay:live");
/// assert_eq!((arn.name(), arn.qualifier()), ("pay", Some("live")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionArn {
    text: String,
    name_at: usize,
    name_end: usize,
}

arn_text!(FunctionArn);

impl FunctionArn {
    /// The ARN of a function, without version or alias.
    pub fn new(scope: &Scope, name: &str) -> Self {
        let prefix = scope.prefix("lambda") + "function:";
        let (name_at, name_end) = (prefix.len(), prefix.len() + name.len());
        Self {
            text: prefix + name,
            name_at,
            name_end,
        }
    }

    /// Reads every form that Lambda takes for a function: a name, a partial ARN
    /// (`ACCOUNT:function:NAME`), an ARN; each with or without `:QUALIFIER`.
    ///
    /// - `scope`: what the shorter forms leave out.
    /// - Errors: `InvalidParameterValueException` naming the text.
    pub fn resolve(scope: &Scope, text: &str) -> Result<Self, Error> {
        if text.starts_with("arn:") {
            return Self::parse(text);
        }
        let mut scope = scope.clone();
        let resource = match text.split_once("function:") {
            None => text,
            Some((before, resource)) => {
                let mut before = before
                    .trim_end_matches(':')
                    .rsplit(':')
                    .filter(|p| !p.is_empty());
                if let Some(account) = before.next() {
                    scope.account = account.to_owned();
                }
                if let Some(region) = before.next() {
                    scope.region = region.to_owned();
                }
                resource
            }
        };
        let (name, qualifier) = cut_qualifier(resource).ok_or_else(|| refused(text))?;
        let arn = Self::new(&scope, name);
        Ok(match qualifier {
            None => arn,
            Some(qualifier) => arn.with_qualifier(qualifier),
        })
    }

    /// Reads an ARN.
    ///
    /// - Errors: `InvalidParameterValueException` naming the text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let parts = Parts::cut(text)
            .filter(|parts| parts.service == "lambda" && parts.kind == "function")
            .ok_or_else(|| refused(text))?;
        let (name, _) = cut_qualifier(parts.resource).ok_or_else(|| refused(text))?;
        let name_at = text.len() - parts.resource.len();
        Ok(Self {
            text: text.to_owned(),
            name_at,
            name_end: name_at + name.len(),
        })
    }

    /// The name of the function.
    pub fn name(&self) -> &str {
        &self.text[self.name_at..self.name_end]
    }

    /// Version or alias.
    pub fn qualifier(&self) -> Option<&str> {
        self.text.get(self.name_end + 1..)
    }

    /// The ARN without version or alias.
    #[must_use]
    pub fn unqualified(&self) -> Self {
        Self {
            text: self.text[..self.name_end].to_owned(),
            ..*self
        }
    }

    /// The ARN of a version or an alias.
    #[must_use]
    pub fn with_qualifier(&self, qualifier: &str) -> Self {
        Self {
            text: format!("{}:{qualifier}", &self.text[..self.name_end]),
            ..*self
        }
    }
}

fn cut_qualifier(resource: &str) -> Option<(&str, Option<&str>)> {
    let whole = |part: &str| !part.is_empty() && !part.contains([':', '/']);
    match resource.split_once(':') {
        None => whole(resource).then_some((resource, None)),
        Some((name, qualifier)) => {
            (whole(name) && whole(qualifier)).then_some((name, Some(qualifier)))
        }
    }
}

fn refused(text: &str) -> Error {
    Error::invalid_parameter_value_exception(format!("'{text}' names no function"))
}
