//! `stepwell list`: what a server holds.

use serde_json::{Value, json};

use crate::{
    Verdict,
    arguments::List,
    client::Client,
    follow,
    history::epoch_ms,
    names,
    terminal::{self, Style},
};

/// State machines that are listed.
const STATE_MACHINES_MAX: usize = 1_000;

pub fn run(arguments: &List, is_json: bool) -> anyhow::Result<Verdict> {
    let client = Client::new(&arguments.connection.endpoint())?;
    let machines = client.list(
        "ListStateMachines",
        &json!({ "maxResults": 1000 }),
        "stateMachines",
        STATE_MACHINES_MAX,
    )?;
    let functions = client.list_functions()?;
    let mut described = Vec::new();
    for mut machine in machines {
        // AWS: executions of an Express state machine cannot be listed.
        if machine["type"] == "STANDARD" {
            let arn = machine["stateMachineArn"].as_str().unwrap_or_default();
            machine["executions"] = Value::Array(names::latest_executions(
                &client,
                arn,
                arguments.executions,
            )?);
        }
        described.push(machine);
    }
    if is_json {
        terminal::put_json(&json!({ "stateMachines": described, "functions": functions }));
        return Ok(Verdict::Well);
    }
    put_text(&described, &functions, &client);
    Ok(Verdict::Well)
}

fn put_text(machines: &[Value], functions: &[Value], client: &Client) {
    let style = Style::of_stdout();
    if machines.is_empty() && functions.is_empty() {
        terminal::put_line(&format!(
            "nothing is deployed at {}\nnext: stepwell deploy TEMPLATE",
            client.endpoint()
        ));
        return;
    }
    terminal::put_line(&style.bold("State machines"));
    for machine in machines {
        let text = |member: &str| machine[member].as_str().unwrap_or_default().to_owned();
        terminal::put_line(&format!(
            "  {}  {}  {}",
            style.cyan(&text("name")),
            text("type").to_lowercase(),
            style.dim(&text("stateMachineArn"))
        ));
        for execution in machine["executions"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
        {
            terminal::put_line(&format!("    {}", execution_line(execution, style)));
        }
    }
    terminal::put_line(&style.bold("Functions"));
    for function in functions {
        let text = |member: &str| function[member].as_str().unwrap_or_default().to_owned();
        let limits = format!(
            "{} s, {} MB",
            function["Timeout"].as_u64().unwrap_or_default(),
            function["MemorySize"].as_u64().unwrap_or_default()
        );
        terminal::put_line(&format!(
            "  {}  {}  {limits}  {}",
            style.cyan(&text("FunctionName")),
            text("Runtime"),
            style.dim(&text("Handler"))
        ));
    }
}

fn execution_line(execution: &Value, style: Style) -> String {
    let status = execution["status"].as_str().unwrap_or_default();
    let padded = format!("{status:<9}");
    let painted = match status {
        "SUCCEEDED" => style.green(&padded),
        "RUNNING" => style.cyan(&padded),
        _ => style.red(&padded),
    };
    let started = epoch_ms(&execution["startDate"]);
    let took = epoch_ms(&execution["stopDate"])
        .zip(started)
        .map(|(stop, start)| terminal::duration(stop - start));
    let ago = started
        .map(|start| terminal::duration((follow::now_ms() - start).max(0)))
        .unwrap_or_default();
    format!(
        "{painted} {}  {}",
        execution["name"].as_str().unwrap_or_default(),
        style.dim(&format!(
            "{}, started {ago} ago",
            took.as_deref().unwrap_or("running")
        ))
    )
}
