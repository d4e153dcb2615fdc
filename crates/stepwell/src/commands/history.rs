//! `stepwell history`: an execution as states with their attempts, or event by event.

use serde_json::Value;

use crate::{
    Verdict,
    arguments::History,
    client::Client,
    follow,
    history::{self, Event},
    names,
    terminal::{self, Style},
    timeline::Timeline,
};

/// Characters of an event's details that a line shows.
const DETAILS_CHARS_MAX: usize = 120;

pub fn run(arguments: &History, is_json: bool) -> anyhow::Result<Verdict> {
    let client = Client::new(&arguments.connection.endpoint())?;
    let arn = names::execution(&client, &arguments.execution)?;
    let wire = history::whole(&client, &arn)?;
    if is_json {
        for event in &wire {
            terminal::put_json(event);
        }
        return Ok(Verdict::Well);
    }
    let style = Style::of_stdout();
    terminal::put_line(&style.dim(&arn));
    let events: Vec<Event> = wire.iter().filter_map(Event::read).collect();
    if arguments.events {
        put_events(&events, style);
    } else {
        put_states(&events, style);
    }
    Ok(Verdict::Well)
}

/// The same lines that following the execution would have shown.
fn put_states(events: &[Event], style: Style) {
    let mut timeline = Timeline::default();
    for event in events {
        for notice in timeline.push(event) {
            if let Some(line) = follow::line(&timeline, &notice, style) {
                terminal::put_line(&line);
            }
        }
    }
    for line in follow::running_lines(&timeline, style) {
        terminal::put_line(&line);
    }
    let Some(ending) = &timeline.ending else {
        terminal::put_line(&style.cyan("RUNNING"));
        return;
    };
    let duration = timeline
        .duration_ms()
        .map(|ms| format!(" in {}", terminal::duration(ms)))
        .unwrap_or_default();
    let status = if ending.status == "SUCCEEDED" {
        style.green(ending.status)
    } else {
        style.red(ending.status)
    };
    let why = follow::failure_text(&ending.failure.error, &ending.failure.cause);
    let why = if why.is_empty() {
        why
    } else {
        format!("  {why}")
    };
    terminal::put_line(&format!("{status}{duration}{why}"));
}

fn put_events(events: &[Event], style: Style) {
    let start_ms = events.first().map_or(0, |event| event.at_ms);
    for event in events {
        let details = match &event.details {
            Value::Null => String::new(),
            details => {
                terminal::one_line(&terminal::harmless(&details.to_string()), DETAILS_CHARS_MAX)
            }
        };
        let at = format!("+{}", terminal::duration(event.at_ms - start_ms));
        let kind = if event.kind.ends_with("Failed") || event.kind.ends_with("TimedOut") {
            style.red(&event.kind)
        } else {
            style.bold(&event.kind)
        };
        let line = format!(
            "{:>5} < {:<5} {at:>12}  {kind}  {}",
            event.id,
            event.previous,
            style.dim(&details)
        );
        terminal::put_line(line.trim_end());
    }
}
