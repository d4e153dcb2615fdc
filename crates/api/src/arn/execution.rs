//! Executions, standard and express.

use super::{Parts, Scope, StateMachineArn, arn_text, cut_label, cut_states, malformed};
use crate::generated::states::Error;

/// Which kind of execution an ARN names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExecutionKind {
    /// `execution`: durable, with a history.
    Standard,
    /// `express`.
    Express,
}

/// `arn:aws:states:R:A:execution:NAME:EXECUTION`, `...:express:NAME:EXECUTION:UUID`; `NAME/LABEL`
/// for the iterations of a Distributed Map.
///
/// ```
/// use stepwell_api::arn::{ExecutionArn, Scope, StateMachineArn};
/// let machine = StateMachineArn::new(&Scope::new("eu-west-1", "123456789012"), "orders");
/// let arn = ExecutionArn::standard(&machine, "run-1");
/// assert_eq!(arn.as_str(), "arn:aws:states:eu-west-1:123456789012:execution:orders:run-1");
/// assert_eq!(arn.name(), "run-1");
/// assert_eq!(arn.state_machine_arn(), machine);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutionArn {
    text: String,
    kind: ExecutionKind,
}

arn_text!(ExecutionArn);

/// State machine, label, execution name, and what tells express runs of one name apart.
struct Resource<'a> {
    state_machine: &'a str,
    label: Option<&'a str>,
    name: &'a str,
    uuid: Option<&'a str>,
}

impl ExecutionArn {
    /// The ARN of a standard execution.
    ///
    /// - `machine`: version and alias are left out of the ARN, the label of a Distributed Map stays.
    /// - `name`: the name of the execution.
    pub fn standard(machine: &StateMachineArn, name: &str) -> Self {
        let text = format!("{}execution:{}:{name}", prefix(machine), named(machine));
        Self {
            text,
            kind: ExecutionKind::Standard,
        }
    }

    /// The ARN of an express execution.
    ///
    /// - `machine`: as for [`ExecutionArn::standard`].
    /// - `uuid`: tells runs of the same `name` apart.
    pub fn express(machine: &StateMachineArn, name: &str, uuid: &str) -> Self {
        let text = format!(
            "{}express:{}:{name}:{uuid}",
            prefix(machine),
            named(machine)
        );
        Self {
            text,
            kind: ExecutionKind::Express,
        }
    }

    /// Reads the ARN of an execution of either kind.
    ///
    /// - Errors: `InvalidArn` with AWS's text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let parts = cut_states(text, &["execution", "express"])?;
        let kind = match parts.kind {
            "express" => ExecutionKind::Express,
            _ => ExecutionKind::Standard,
        };
        match cut(kind, parts.resource) {
            Some(_) => Ok(Self {
                text: text.to_owned(),
                kind,
            }),
            None => Err(malformed(text)),
        }
    }

    /// Reads the ARN of a standard execution, for operations that express executions lack.
    ///
    /// - Errors: `InvalidArn` with AWS's text, also for an express execution.
    pub fn parse_standard(text: &str) -> Result<Self, Error> {
        cut_states(text, &["execution"])?;
        Self::parse(text)
    }

    /// Standard or express.
    pub fn kind(&self) -> ExecutionKind {
        self.kind
    }

    /// The name of the execution.
    pub fn name(&self) -> &str {
        self.resource().name
    }

    /// The name of the state machine.
    pub fn state_machine_name(&self) -> &str {
        self.resource().state_machine
    }

    /// The label, if the execution is an iteration of a Distributed Map.
    pub fn label(&self) -> Option<&str> {
        self.resource().label
    }

    /// What tells express executions of one name apart.
    pub fn uuid(&self) -> Option<&str> {
        self.resource().uuid
    }

    /// The ARN of the state machine, with the label if there is one.
    pub fn state_machine_arn(&self) -> StateMachineArn {
        let resource = self.resource();
        let machine = StateMachineArn::new(&self.scope(), resource.state_machine);
        resource
            .label
            .map_or_else(|| machine.clone(), |label| machine.with_label(label))
    }

    fn resource(&self) -> Resource<'_> {
        Parts::cut(&self.text)
            .and_then(|parts| cut(self.kind, parts.resource))
            .expect("invariant: an execution's ARN was checked when it was made")
    }
}

fn prefix(machine: &StateMachineArn) -> &str {
    let text = machine.as_str();
    let at = text
        .find("stateMachine:")
        .expect("invariant: the ARN of a state machine says so");
    &text[..at]
}

/// `NAME` or `NAME/LABEL`.
fn named(machine: &StateMachineArn) -> String {
    match machine.qualifier() {
        super::Qualifier::Label(label) => format!("{}/{label}", machine.name()),
        _ => machine.name().to_owned(),
    }
}

fn cut(kind: ExecutionKind, resource: &str) -> Option<Resource<'_>> {
    let (named, rest) = resource.split_once(':')?;
    let (state_machine, label) = cut_label(named)?;
    let (name, uuid) = match kind {
        ExecutionKind::Standard => (rest, None),
        ExecutionKind::Express => {
            let (name, uuid) = rest.split_once(':')?;
            (name, Some(uuid))
        }
    };
    let whole = |part: &str| !part.is_empty() && !part.contains(':');
    (whole(name) && uuid.is_none_or(whole)).then_some(Resource {
        state_machine,
        label,
        name,
        uuid,
    })
}
