//! The state machines and the function of the workloads.

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::client::Client;
use crate::packaging;

/// What the functions of the benchmarks run on.
pub const RUNTIME: &str = "nodejs20.x";

/// A handler that does nothing.
pub const NO_OP: &str = "exports.handler = async () => ({});\n";

/// What nobody checks here.
pub const ROLE: &str = "arn:aws:iam::123456789012:role/bench";

/// Pass states, one after the other.
pub fn passes(count: usize) -> Value {
    chain(count, |_| json!({ "Type": "Pass" }))
}

/// Task states of `function`, one after the other.
pub fn tasks(function: &str, count: usize) -> Value {
    chain(count, |_| json!({ "Type": "Task", "Resource": function }))
}

/// States, one after the other, the last one the end.
pub fn chain(count: usize, state: impl Fn(usize) -> Value) -> Value {
    let mut states = serde_json::Map::new();
    for index in 0..count {
        let mut state = state(index);
        if index + 1 < count {
            state["Next"] = json!(format!("S{}", index + 1));
        } else {
            state["End"] = json!(true);
        }
        states.insert(format!("S{index}"), state);
    }
    json!({ "StartAt": "S0", "States": states })
}

/// Creates a state machine; its ARN. `kind`: `STANDARD` or `EXPRESS`.
pub fn create(
    endpoint: &str,
    name: &str,
    kind: &str,
    definition: &Value,
) -> anyhow::Result<String> {
    let input = json!({
        "name": name, "type": kind, "definition": definition.to_string(), "roleArn": ROLE,
    });
    let created = Client::new(endpoint)?.states("CreateStateMachine", &input)?;
    text(&created, "stateMachineArn")
}

/// Creates the function `no-op`; its ARN.
pub fn no_op_function(client: &Client) -> anyhow::Result<String> {
    function(client, "no-op", NO_OP)
}

/// Creates a function of one file; its ARN.
pub fn function(client: &Client, name: &str, source: &str) -> anyhow::Result<String> {
    let package = packaging::inline(source, RUNTIME).map_err(anyhow::Error::msg)?;
    let configuration = json!({
        "FunctionName": name, "Runtime": RUNTIME, "Handler": "index.handler", "Role": ROLE,
        "Timeout": 60,
    });
    let created = client.create_function(&configuration, &package.zip)?;
    text(&created, "FunctionArn")
}

/// A member of an answer that is text.
pub fn text(answer: &Value, member: &str) -> anyhow::Result<String> {
    let found = answer[member].as_str();
    let found = found.with_context(|| format!("an answer without {member}: {answer}"))?;
    Ok(found.to_owned())
}
