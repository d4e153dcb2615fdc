//! From what a person types to the ARN a server wants.

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::client::{Client, Error};

/// State machines and functions looked through for a name.
const NAMES_MAX: usize = 10_000;

/// A state machine as a listing names it.
pub struct StateMachine {
    pub arn: String,
    /// `STANDARD` or `EXPRESS`; `None` for an ARN that was given and not looked up.
    pub kind: Option<String>,
}

/// The state machine of this ARN or name.
pub fn state_machine(client: &Client, typed: &str) -> anyhow::Result<StateMachine> {
    if is_arn(typed) {
        let kind = match client.states("DescribeStateMachine", &json!({ "stateMachineArn": typed }))
        {
            Ok(found) => found["type"].as_str().map(str::to_owned),
            // AWS: DescribeStateMachine refuses an alias ARN that StartExecution takes.
            Err(Error::Service { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        return Ok(StateMachine {
            arn: typed.to_owned(),
            kind,
        });
    }
    let found = client.list(
        "ListStateMachines",
        &json!({ "maxResults": 1000 }),
        "stateMachines",
        NAMES_MAX,
    )?;
    let names: Vec<&str> = found
        .iter()
        .filter_map(|machine| machine["name"].as_str())
        .collect();
    let name = pick("state machine", typed, &names)?;
    let machine = found
        .iter()
        .find(|machine| machine["name"] == name)
        .context("the name came from this list")?;
    Ok(StateMachine {
        arn: machine["stateMachineArn"]
            .as_str()
            .context("ListStateMachines gave a state machine without an ARN")?
            .to_owned(),
        kind: machine["type"].as_str().map(str::to_owned),
    })
}

/// The name of the function of this ARN or name.
pub fn function(client: &Client, typed: &str) -> anyhow::Result<String> {
    if is_arn(typed) {
        // arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]
        return typed
            .split(':')
            .nth(6)
            .map(str::to_owned)
            .with_context(|| format!("{typed:?} is not the ARN of a function"));
    }
    let found = client.list_functions()?;
    let names: Vec<&str> = found
        .iter()
        .filter_map(|function| function["FunctionName"].as_str())
        .collect();
    Ok(pick("function", typed, &names)?.to_owned())
}

/// The ARN of the execution of this ARN, `MACHINE:NAME`, or latest of `MACHINE`.
pub fn execution(client: &Client, typed: &str) -> anyhow::Result<String> {
    if is_arn(typed) && !typed.contains(":stateMachine:") {
        return Ok(typed.to_owned());
    }
    if let Some((machine, name)) = typed.split_once(':').filter(|_| !is_arn(typed)) {
        let machine = state_machine(client, machine)?;
        return Ok(format!(
            "{}:{name}",
            machine.arn.replacen(":stateMachine:", ":execution:", 1)
        ));
    }
    let machine = state_machine(client, typed)?;
    let latest = latest_executions(client, &machine.arn, 1)?;
    let arn = latest
        .first()
        .and_then(|execution| execution["executionArn"].as_str());
    arn.map(str::to_owned).with_context(|| {
        format!(
            "state machine {} has no executions\nnext: start one with `stepwell start {typed}`",
            machine.arn
        )
    })
}

/// The newest executions of a state machine, newest first.
pub fn latest_executions(
    client: &Client,
    state_machine_arn: &str,
    count: u16,
) -> Result<Vec<Value>, Error> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let input = json!({ "stateMachineArn": state_machine_arn, "maxResults": count });
    client.list("ListExecutions", &input, "executions", usize::from(count))
}

/// The last part of an ARN: the name a person uses.
pub fn short(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

fn is_arn(typed: &str) -> bool {
    typed.starts_with("arn:")
}

/// The one name that is meant: equal, else equal without its stack, else containing what was typed.
fn pick<'a>(what: &str, typed: &str, names: &[&'a str]) -> anyhow::Result<&'a str> {
    if let Some(name) = names.iter().find(|name| **name == typed) {
        return Ok(name);
    }
    let without_stack =
        |name: &str| name.ends_with(typed) && name[..name.len() - typed.len()].ends_with('-');
    for is_meant in [&without_stack as &dyn Fn(&str) -> bool, &|name: &str| {
        name.contains(typed)
    }] {
        let meant: Vec<&'a str> = names
            .iter()
            .copied()
            .filter(|name| is_meant(name))
            .collect();
        match meant.as_slice() {
            [] => {}
            [name] => return Ok(name),
            several => bail!(
                "{what} {typed:?} could be any of: {}\nnext: give the whole name",
                several.join(", ")
            ),
        }
    }
    if names.is_empty() {
        bail!(
            "no {what} {typed:?}: the server has none\nnext: deploy an application with `stepwell deploy TEMPLATE`"
        );
    }
    bail!("no {what} {typed:?}; there are: {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["shop-Charge", "shop-ChargeBack", "Orders", "shop-Ship"];

    #[track_caller]
    fn check(typed: &str, expected: Result<&str, &str>) {
        match (pick("function", typed, &NAMES), expected) {
            (Ok(name), Ok(expected)) => assert_eq!(name, expected),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (found, expected) => panic!("{typed}: found {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn the_whole_name_wins_then_the_name_without_its_stack_then_a_part() {
        check("Orders", Ok("Orders"));
        check("Charge", Ok("shop-Charge"));
        check("Back", Ok("shop-ChargeBack"));
    }

    #[test]
    fn what_could_be_several_or_none_is_an_error_that_names_them() {
        check(
            "shop",
            Err("could be any of: shop-Charge, shop-ChargeBack, shop-Ship"),
        );
        check("Refund", Err("there are: shop-Charge,"));
        assert!(
            pick("function", "x", &[])
                .is_err_and(|error| error.to_string().contains("the server has none"))
        );
    }

    #[test]
    fn a_short_name_is_the_last_part_of_an_arn() {
        assert_eq!(
            short("arn:aws:states:us-east-1:123456789012:execution:Orders:7f"),
            "7f"
        );
    }
}
