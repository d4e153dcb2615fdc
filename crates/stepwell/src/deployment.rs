//! Brings a server to an application, resource by resource, over the AWS API.

use std::time::Instant;

use serde_json::{Value, json};

use crate::{
    client::{Client, Error},
    plan::{self, Action, Application, Function, StateMachine},
};

/// One resource after it was dealt with.
#[derive(Debug)]
pub struct Change {
    /// `function` or `state machine`.
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
    /// Nothing was changed; the reason says what to do.
    Failed(String),
}

impl Change {
    pub fn has_failed(&self) -> bool {
        matches!(self.outcome, Outcome::Failed(_))
    }
}

/// Functions first, since definitions name them, then state machines; one that fails does not stop the others.
///
/// Fails as a whole only if the server cannot be reached.
pub fn deploy(
    client: &Client,
    application: &Application,
    mut report: impl FnMut(Change),
) -> Result<(), Error> {
    for function in &application.functions {
        report(measured(
            "function",
            &function.logical_id,
            &function.name,
            || bring_function(client, function),
        )?);
    }
    for machine in &application.state_machines {
        report(measured(
            "state machine",
            &machine.logical_id,
            &machine.name,
            || bring_state_machine(client, machine),
        )?);
    }
    Ok(())
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
        client
            .states(
                "DeleteStateMachine",
                &json!({ "stateMachineArn": machine.arn }),
            )
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

fn bring_function(client: &Client, function: &Function) -> Result<Outcome, Error> {
    let existing = found(
        client.get_function_configuration(&function.name),
        "ResourceNotFoundException",
    )?;
    if let Some(reason) = existing
        .as_ref()
        .and_then(|existing| foreign(&existing["FunctionArn"], &function.arn))
    {
        return Ok(Outcome::Failed(reason));
    }
    match plan::function_action(function, existing.as_ref()) {
        Action::Nothing => Ok(Outcome::Unchanged),
        Action::Refuse { reason } => Ok(Outcome::Failed(reason)),
        Action::Create => {
            let created =
                client.create_function(&plan::function_creation(function), &function.package)?;
            Ok(foreign(&created["FunctionArn"], &function.arn)
                .map_or(Outcome::Created, Outcome::Failed))
        }
        Action::Update { changed } => {
            // The configuration first: new code may need a new variable, old code does not miss it.
            if let Some(update) = plan::configuration_update(function, &changed) {
                client.update_function_configuration(&function.name, &update)?;
            }
            if changed.iter().any(|member| member == "Code") {
                client.update_function_code(&function.name, &function.package)?;
            }
            Ok(Outcome::Updated(changed))
        }
    }
}

fn bring_state_machine(client: &Client, machine: &StateMachine) -> Result<Outcome, Error> {
    let described = client.states(
        "DescribeStateMachine",
        &json!({ "stateMachineArn": machine.arn }),
    );
    let existing = found(described, "StateMachineDoesNotExist")?;
    match plan::state_machine_action(machine, existing.as_ref()) {
        Action::Nothing => Ok(Outcome::Unchanged),
        Action::Refuse { reason } => Ok(Outcome::Failed(reason)),
        Action::Create => {
            let created =
                client.states("CreateStateMachine", &plan::state_machine_creation(machine))?;
            Ok(foreign(&created["stateMachineArn"], &machine.arn)
                .map_or(Outcome::Created, Outcome::Failed))
        }
        Action::Update { changed } => {
            client.states(
                "UpdateStateMachine",
                &plan::state_machine_update(machine, &changed),
            )?;
            Ok(Outcome::Updated(changed))
        }
    }
}

fn found(reply: Result<Value, Error>, absent: &str) -> Result<Option<Value>, Error> {
    match reply {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is(absent) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Definitions name functions by ARN: a server of another region or account would never find them.
fn foreign(given: &Value, expected: &str) -> Option<String> {
    let given = given.as_str().filter(|given| *given != expected)?;
    let part = |index: usize| given.split(':').nth(index).unwrap_or("?");
    Some(format!(
        "the server made it {given}, the application calls it {expected}: deploy with --region {} --account {}",
        part(3),
        part(4)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_of_another_account_is_noticed() {
        let expected = "arn:aws:lambda:us-east-1:123456789012:function:f";
        assert_eq!(foreign(&json!(expected), expected), None);
        assert_eq!(foreign(&Value::Null, expected), None);
        let reason = foreign(
            &json!("arn:aws:lambda:eu-west-1:000000000000:function:f"),
            expected,
        );
        assert!(reason.is_some_and(|reason| {
            reason.ends_with("deploy with --region eu-west-1 --account 000000000000")
        }));
    }
}
