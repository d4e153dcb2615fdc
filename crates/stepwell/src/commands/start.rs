//! `stepwell start`: starts an execution and, if asked, tells how it goes.

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::{
    Verdict,
    arguments::Start,
    client::Client,
    follow::{self, Ended},
    history::epoch_ms,
    input, names,
    terminal::{self, Live, Style},
};

pub fn run(arguments: &Start, is_json: bool) -> anyhow::Result<Verdict> {
    let text = input::read("--input", arguments.input.as_deref())?;
    let client = Client::new(&arguments.connection.endpoint())?;
    let machine = names::state_machine(&client, &arguments.state_machine)?;
    let mut request = json!({ "stateMachineArn": machine.arn, "input": text });
    if let Some(name) = &arguments.name {
        request["name"] = json!(name);
    }
    if machine.kind.as_deref() == Some("EXPRESS") {
        let reply = client.states("StartSyncExecution", &request)?;
        return Ok(tell_reply(&reply, is_json));
    }
    let reply = client.states("StartExecution", &request)?;
    let arn = reply["executionArn"]
        .as_str()
        .context("StartExecution gave no executionArn")?;
    if !arguments.follow {
        if is_json {
            terminal::put_json(&reply);
        } else {
            terminal::put_line(arn);
        }
        return Ok(Verdict::Well);
    }
    let ended = if is_json {
        follow_json(&client, arn)?
    } else {
        follow_text(&client, arn)?
    };
    Ok(Verdict::of_status(ended.status()))
}

fn follow_json(client: &Client, arn: &str) -> anyhow::Result<Ended> {
    terminal::put_json(&json!({ "event": "started", "executionArn": arn }));
    let ended = follow::follow(client, arn, |timeline, notice| {
        if let Some(document) = notice.and_then(|notice| follow::notice_json(timeline, notice)) {
            terminal::put_json(&document);
        }
    })?;
    let mut document = result_json(&ended.description);
    document["event"] = json!("ended");
    terminal::put_json(&document);
    Ok(ended)
}

fn follow_text(client: &Client, arn: &str) -> anyhow::Result<Ended> {
    let style = Style::of_stdout();
    terminal::put_line(&style.dim(arn));
    let mut live = Live::new(terminal::is_interactive());
    let ended = follow::follow(client, arn, |timeline, notice| match notice {
        Some(notice) => {
            if let Some(line) = follow::line(timeline, notice, style) {
                live.print(&line);
            }
        }
        None => live.draw(&follow::running_lines(timeline, style)),
    })?;
    live.draw(&[]);
    put_result(&ended.description, style);
    let header = ended.description["traceHeader"]
        .as_str()
        .unwrap_or_default();
    if header.contains("Sampled=1") {
        let program = terminal::program();
        terminal::put_line(&style.dim(&format!("trace: {program} trace {arn}")));
    }
    Ok(ended)
}

fn tell_reply(reply: &Value, is_json: bool) -> Verdict {
    if is_json {
        terminal::put_json(&result_json(reply));
    } else {
        let style = Style::of_stdout();
        terminal::put_line(&style.dim(reply["executionArn"].as_str().unwrap_or_default()));
        put_result(reply, style);
    }
    Verdict::of_status(reply["status"].as_str().unwrap_or_default())
}

/// The end of an execution for a machine; the output as JSON, not as text in JSON.
fn result_json(description: &Value) -> Value {
    let mut document =
        json!({ "executionArn": description["executionArn"], "status": description["status"] });
    for member in ["error", "cause"] {
        if let Some(text) = description.get(member) {
            document[member] = text.clone();
        }
    }
    if let Some(output) = description["output"]
        .as_str()
        .and_then(|output| serde_json::from_str::<Value>(output).ok())
    {
        document["output"] = output;
    }
    if let Some(duration_ms) = duration_ms(description) {
        document["durationMs"] = json!(duration_ms);
    }
    document
}

fn put_result(description: &Value, style: Style) {
    let status = description["status"].as_str().unwrap_or("UNKNOWN");
    let painted = if status == "SUCCEEDED" {
        style.green(status)
    } else {
        style.red(status)
    };
    let duration = duration_ms(description)
        .map(|ms| format!(" in {}", terminal::duration(ms)))
        .unwrap_or_default();
    terminal::put_line(&format!("{}{duration}", style.bold(&painted)));
    let text = |member: &str| description[member].as_str().unwrap_or_default();
    let failure = follow::failure_text(text("error"), text("cause"));
    if !failure.is_empty() {
        terminal::put_line(&style.red(&failure));
    }
    if let Some(output) = description["output"].as_str() {
        terminal::put_line(&pretty(output));
    }
}

fn duration_ms(description: &Value) -> Option<i64> {
    Some(epoch_ms(&description["stopDate"])? - epoch_ms(&description["startDate"])?)
}

/// JSON text with one member a line; any other text as it is.
pub fn pretty(text: &str) -> String {
    serde_json::from_str::<Value>(text)
        .ok()
        .and_then(|value| serde_json::to_string_pretty(&value).ok())
        .unwrap_or_else(|| terminal::harmless(text))
}
