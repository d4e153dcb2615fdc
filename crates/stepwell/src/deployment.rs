//! What a deployment tells of each resource, and the deployment of single resources as `dev` does it.

use std::time::Instant;

use serde_json::json;

use crate::{
    client::{Client, Error},
    plan::{Application, Function, StateMachine},
    stack::{self, Known},
};

/// One resource after it was dealt with.
#[derive(Debug)]
pub struct Change {
    /// `function`, `state machine` and so on.
    pub what: &'static str,
    pub logical_id: String,
    pub name: String,
    pub outcome: Outcome,
    pub took_ms: i64,
}

#[derive(Debug)]
pub enum Outcome {
    Created,
    /// The members that were changed.
    Updated(Vec<String>),
    Unchanged,
    Deleted,
    /// Put back to what it was, because another resource failed.
    RolledBack,
    /// Nothing was changed; the reason says what to do.
    Failed(String),
}

impl Change {
    pub fn has_failed(&self) -> bool {
        matches!(self.outcome, Outcome::Failed(_))
    }
}

/// Each resource after those that it needs; one that fails does not stop the others and undoes nothing.
///
/// `known` keeps what the resources give from one deployment to the next. Fails as a whole only if the server
/// cannot be reached.
pub fn deploy(
    client: &Client,
    application: &Application,
    known: &mut Known,
    mut report: impl FnMut(Change),
) -> Result<(), Error> {
    stack::bring_each(client, &application.stack(), known, &mut report)
}

/// Deletes a function that the application no longer has.
pub fn delete_function(client: &Client, function: &Function) -> Result<Change, Error> {
    measured(
        "function",
        &function.logical_id,
        &function.name,
        || match client.delete_function(&function.name) {
            Err(error) if error.is("ResourceNotFoundException") => Ok(Outcome::Deleted),
            other => other.map(|()| Outcome::Deleted),
        },
    )
}

/// Deletes a state machine that the application no longer has; its running executions go on to their end.
pub fn delete_state_machine(client: &Client, machine: &StateMachine) -> Result<Change, Error> {
    measured("state machine", &machine.logical_id, &machine.name, || {
        let input = json!({ "stateMachineArn": machine.arn });
        client
            .states("DeleteStateMachine", &input)
            .map(|_| Outcome::Deleted)
    })
}

fn measured(
    what: &'static str,
    logical_id: &str,
    name: &str,
    bring: impl FnOnce() -> Result<Outcome, Error>,
) -> Result<Change, Error> {
    let begun = Instant::now();
    let outcome = match bring() {
        Ok(outcome) => outcome,
        Err(error @ Error::Service { .. }) => Outcome::Failed(error.to_string()),
        Err(error) => return Err(error),
    };
    let took_ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
    Ok(Change {
        what,
        logical_id: logical_id.to_owned(),
        name: name.to_owned(),
        outcome,
        took_ms,
    })
}
