//! State machines, activities and map runs.

use super::{Parts, Scope, arn_text, cut_label, cut_states, malformed};
use crate::generated::states::Error;

/// What follows the name in the ARN of a state machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Qualifier {
    /// Nothing: the state machine itself.
    None,
    /// The number of a published version, from 1.
    Version(u32),
    /// The name of an alias.
    Alias(String),
    /// The label of a Distributed Map: the machine that runs its iterations.
    Label(String),
}

/// `arn:aws:states:R:A:stateMachine:NAME`, also `:VERSION`, `:ALIAS` or `/LABEL`.
///
/// ```
/// use stepwell_api::arn::{Qualifier, Scope, StateMachineArn};
/// let arn = StateMachineArn::new(&Scope::new("us-east-1", "123456789012"), "orders");
/// assert_eq!(arn.as_str(), "arn:aws:states:us-east-1:123456789012:stateMachine:orders");
/// let version = StateMachineArn::parse(arn.with_version(2).as_str()).expect("an ARN");
/// assert_eq!(version.qualifier(), &Qualifier::Version(2));
/// assert_eq!(version.unqualified(), arn);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateMachineArn {
    text: String,
    name_at: usize,
    name_end: usize,
    qualifier: Qualifier,
}

arn_text!(StateMachineArn);

impl StateMachineArn {
    /// The ARN of the state machine with this name.
    pub fn new(scope: &Scope, name: &str) -> Self {
        let prefix = scope.prefix("states") + "stateMachine:";
        let (name_at, name_end) = (prefix.len(), prefix.len() + name.len());
        Self {
            text: prefix + name,
            name_at,
            name_end,
            qualifier: Qualifier::None,
        }
    }

    /// Reads an ARN; all four forms.
    ///
    /// - Errors: `InvalidArn` with AWS's text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let parts = cut_states(text, &["stateMachine"])?;
        let (named, qualifier) = match parts.resource.split_once(':') {
            None => (parts.resource, None),
            Some((named, qualifier)) => (named, Some(qualifier)),
        };
        let (name, label) = cut_label(named).ok_or_else(|| malformed(text))?;
        let qualifier = match (label, qualifier) {
            (None, None) => Qualifier::None,
            (Some(label), None) => Qualifier::Label(label.to_owned()),
            (None, Some(qualifier)) => cut_qualifier(qualifier).ok_or_else(|| malformed(text))?,
            (Some(_), Some(_)) => return Err(malformed(text)),
        };
        let name_at = text.len() - parts.resource.len();
        Ok(Self {
            text: text.to_owned(),
            name_at,
            name_end: name_at + name.len(),
            qualifier,
        })
    }

    /// The name of the state machine.
    pub fn name(&self) -> &str {
        &self.text[self.name_at..self.name_end]
    }

    /// Version, alias or label.
    pub fn qualifier(&self) -> &Qualifier {
        &self.qualifier
    }

    /// The ARN without version, alias or label.
    #[must_use]
    pub fn unqualified(&self) -> Self {
        self.with(String::new(), Qualifier::None)
    }

    /// Whether `machine`, an ARN without a qualifier, is the state machine of this one.
    pub fn is_of(&self, machine: &str) -> bool {
        self.text[..self.name_end] == *machine
    }

    /// The ARN of a published version.
    #[must_use]
    pub fn with_version(&self, number: u32) -> Self {
        self.with(format!(":{number}"), Qualifier::Version(number))
    }

    /// The ARN of an alias.
    #[must_use]
    pub fn with_alias(&self, name: &str) -> Self {
        self.with(format!(":{name}"), Qualifier::Alias(name.to_owned()))
    }

    /// The ARN of the machine that runs the iterations of a Distributed Map.
    #[must_use]
    pub fn with_label(&self, label: &str) -> Self {
        self.with(format!("/{label}"), Qualifier::Label(label.to_owned()))
    }

    fn with(&self, suffix: String, qualifier: Qualifier) -> Self {
        let text = self.text[..self.name_end].to_owned() + &suffix;
        Self {
            text,
            qualifier,
            ..*self
        }
    }
}

/// AWS: an alias has at least one character that is no digit, so the two never collide.
fn cut_qualifier(text: &str) -> Option<Qualifier> {
    if text.is_empty() || text.contains([':', '/']) {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Qualifier::Version);
    }
    Some(Qualifier::Alias(text.to_owned()))
}

/// `arn:aws:states:R:A:activity:NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActivityArn {
    text: String,
    name_at: usize,
}

arn_text!(ActivityArn);

impl ActivityArn {
    /// The ARN of the activity with this name.
    pub fn new(scope: &Scope, name: &str) -> Self {
        let prefix = scope.prefix("states") + "activity:";
        Self {
            name_at: prefix.len(),
            text: prefix + name,
        }
    }

    /// Reads an ARN.
    ///
    /// - Errors: `InvalidArn` with AWS's text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let parts = cut_states(text, &["activity"])?;
        if parts.resource.is_empty() || parts.resource.contains([':', '/']) {
            return Err(malformed(text));
        }
        Ok(Self {
            text: text.to_owned(),
            name_at: text.len() - parts.resource.len(),
        })
    }

    /// The name of the activity.
    pub fn name(&self) -> &str {
        &self.text[self.name_at..]
    }
}

/// `arn:aws:states:R:A:mapRun:NAME/LABEL:UUID`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MapRunArn {
    text: String,
}

arn_text!(MapRunArn);

impl MapRunArn {
    /// The ARN of a map run of the state machine `name`.
    pub fn new(scope: &Scope, name: &str, label: &str, uuid: &str) -> Self {
        Self {
            text: format!("{}mapRun:{name}/{label}:{uuid}", scope.prefix("states")),
        }
    }

    /// Reads an ARN.
    ///
    /// - Errors: `InvalidArn` with AWS's text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let parts = cut_states(text, &["mapRun"])?;
        match cut_map_run(parts.resource) {
            Some(_) => Ok(Self {
                text: text.to_owned(),
            }),
            None => Err(malformed(text)),
        }
    }

    /// The name of the state machine.
    pub fn state_machine_name(&self) -> &str {
        self.cut().0
    }

    /// The label of the Distributed Map.
    pub fn label(&self) -> &str {
        self.cut().1
    }

    /// The part that tells runs apart.
    pub fn uuid(&self) -> &str {
        self.cut().2
    }

    fn cut(&self) -> (&str, &str, &str) {
        Parts::cut(&self.text)
            .and_then(|parts| cut_map_run(parts.resource))
            .expect("invariant: a map run's ARN was checked when it was made")
    }
}

fn cut_map_run(resource: &str) -> Option<(&str, &str, &str)> {
    let (named, uuid) = resource.split_once(':')?;
    let (name, label) = cut_label(named)?;
    (!uuid.is_empty() && !uuid.contains(':')).then_some((name, label?, uuid))
}
