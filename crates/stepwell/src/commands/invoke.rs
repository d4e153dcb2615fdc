//! `stepwell invoke`: runs a function once and prints what it returned.

use serde_json::{Value, json};

use super::start::pretty;
use crate::{
    Verdict,
    arguments::Invoke,
    client::{Client, InvokeHow},
    input, names,
    terminal::{self, Style},
};

pub fn run(arguments: &Invoke, is_json: bool) -> anyhow::Result<Verdict> {
    let event = input::read("--event", arguments.event.as_deref())?;
    let client = Client::new(&arguments.connection.endpoint())?;
    let name = names::function(&client, &arguments.function)?;
    // An ARN may end with the qualifier.
    let of_arn = arguments.function.split(':').nth(7);
    let how = InvokeHow {
        qualifier: arguments.qualifier.as_deref().or(of_arn),
        is_async: arguments.is_async,
        with_log: arguments.log,
    };
    let answer = client.invoke(&name, &event, how)?;
    if arguments.is_async {
        if is_json {
            terminal::put_json(&json!({ "function": name, "accepted": true }));
        } else {
            terminal::put_line(&format!(
                "accepted: {name} runs on its own, see `{} logs {name} --follow`",
                terminal::program()
            ));
        }
        return Ok(Verdict::Well);
    }
    if is_json {
        let payload =
            serde_json::from_str::<Value>(&answer.payload).unwrap_or(Value::String(answer.payload));
        let mut document = json!({ "function": name, "payload": payload });
        if let Some(error) = &answer.function_error {
            document["functionError"] = json!(error);
        }
        if let Some(tail) = &answer.log_tail {
            document["logTail"] = json!(tail);
        }
        terminal::put_json(&document);
    } else {
        if let Some(tail) = &answer.log_tail {
            let style = Style::of_stderr();
            eprintln!("{}", style.dim(terminal::harmless(tail).trim_end()));
        }
        terminal::put_line(&pretty(&answer.payload));
        if let Some(error) = &answer.function_error {
            eprintln!(
                "{} {name} returned an error ({error})",
                Style::of_stderr().red("error:")
            );
        }
    }
    Ok(if answer.function_error.is_some() {
        Verdict::Badly
    } else {
        Verdict::Well
    })
}
