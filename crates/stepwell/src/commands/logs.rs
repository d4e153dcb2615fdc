//! `stepwell logs`: what a function wrote, oldest first, and what it goes on to write.

use std::{collections::BTreeSet, thread, time::Duration};

use anyhow::bail;
use serde_json::{Value, json};

use crate::{
    Verdict,
    arguments::Logs,
    client::{Client, Error, PAGES_MAX},
    names,
    terminal::{self, Style},
};

/// How often `--follow` asks.
const POLL: Duration = Duration::from_millis(300);
/// AWS: FilterLogEvents gives at most 10,000 events a page.
const PAGE_EVENTS: u32 = 1_000;
/// How far back of the newest event `--follow` asks again: two streams may deliver out of order.
const OVERLAP_MS: i64 = 2_000;

pub fn run(arguments: &Logs, is_json: bool) -> anyhow::Result<Verdict> {
    let client = Client::new(&arguments.connection.endpoint())?;
    let name = names::function(&client, &arguments.function)?;
    let mut cursor = Cursor::default();
    loop {
        for event in fresh_events(&client, &name, &mut cursor)? {
            put_event(&event, is_json);
        }
        if !arguments.follow {
            return Ok(Verdict::Well);
        }
        thread::sleep(POLL);
    }
}

/// What has been shown: the newest time, and the events since a little before it.
#[derive(Default)]
struct Cursor {
    newest_ms: i64,
    shown: BTreeSet<(i64, String)>,
}

impl Cursor {
    /// Whether this event is new; it is then shown.
    fn admit(&mut self, at_ms: i64, event_id: &str) -> bool {
        self.newest_ms = self.newest_ms.max(at_ms);
        let is_new = self.shown.insert((at_ms, event_id.to_owned()));
        let oldest = (self.newest_ms - OVERLAP_MS, String::new());
        self.shown = self.shown.split_off(&oldest);
        is_new
    }
}

fn fresh_events(
    client: &Client,
    function: &str,
    cursor: &mut Cursor,
) -> anyhow::Result<Vec<Value>> {
    let mut fresh = Vec::new();
    let start_ms = (cursor.newest_ms - OVERLAP_MS).max(0);
    let mut request = json!({ "logGroupName": format!("/aws/lambda/{function}"), "limit": PAGE_EVENTS, "startTime": start_ms });
    for _ in 0..PAGES_MAX {
        let page = match client.logs("FilterLogEvents", &request) {
            Ok(page) => page,
            // AWS: a log group appears with the first invocation.
            Err(error) if error.is("ResourceNotFoundException") => return Ok(fresh),
            Err(error @ Error::Service { .. }) => bail!("logs of {function}: {error}"),
            Err(error) => return Err(error.into()),
        };
        for event in page["events"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
        {
            let at_ms = event["timestamp"].as_i64().unwrap_or_default();
            if at_ms >= start_ms
                && cursor.admit(at_ms, event["eventId"].as_str().unwrap_or_default())
            {
                fresh.push(event.clone());
            }
        }
        let Some(token) = page["nextToken"].as_str() else {
            break;
        };
        request["nextToken"] = json!(token);
    }
    Ok(fresh)
}

fn put_event(event: &Value, is_json: bool) {
    if is_json {
        terminal::put_json(event);
        return;
    }
    let message = terminal::harmless(event["message"].as_str().unwrap_or_default());
    let message = message.trim_end();
    let style = Style::of_stdout();
    let is_platform = [
        "START RequestId",
        "END RequestId",
        "REPORT RequestId",
        "INIT_START",
    ]
    .iter()
    .any(|start| message.starts_with(start));
    terminal::put_line(&if is_platform {
        style.dim(message)
    } else {
        message.to_owned()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_shown_once_and_old_ones_are_forgotten() {
        let mut cursor = Cursor::default();
        assert!(cursor.admit(1_000, "a"));
        assert!(!cursor.admit(1_000, "a"));
        assert!(cursor.admit(900, "b"), "a little late");
        assert!(cursor.admit(10_000, "c"));
        assert_eq!(
            cursor.shown.len(),
            1,
            "the cursor does not grow with the log"
        );
    }
}
