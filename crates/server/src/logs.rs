//! Log lines of functions, and the one CloudWatch Logs operation that reads them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde_json::{Value, json};
use stepwell_api::Reply;
use stepwell_functions::LogLine;

/// Lines kept for each function; older ones are forgotten.
const LINES_MAX: usize = 10_000;

/// Bytes kept for all functions together.
const BYTES_MAX: usize = 64 << 20;

/// Events on a page when the caller does not say. Source: FilterLogEvents.
const PAGE_MAX: usize = 10_000;

/// What the log group of a function is called.
const GROUP_PREFIX: &str = "/aws/lambda/";

/// The newest lines of every function, in memory.
#[derive(Default)]
pub(crate) struct Logs {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    functions: BTreeMap<String, VecDeque<Entry>>,
    bytes: usize,
    next: u64,
}

struct Entry {
    number: u64,
    line: LogLine,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FilterLogEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<usize>,
    filter_pattern: Option<String>,
}

impl Logs {
    /// Keeps a line; the oldest go when there are too many.
    pub(crate) fn keep(&self, line: LogLine) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let number = kept.next;
        kept.next += 1;
        kept.bytes += line.text.len();
        let name = line.function_name.clone();
        let lines = kept.functions.entry(name).or_default();
        lines.push_back(Entry { number, line });
        let mut freed = 0;
        if lines.len() > LINES_MAX {
            freed += lines.pop_front().map_or(0, |entry| entry.line.text.len());
        }
        kept.bytes -= freed;
        while kept.bytes > BYTES_MAX {
            let Some(oldest) = kept
                .functions
                .values_mut()
                .filter(|lines| !lines.is_empty())
                .min_by_key(|lines| lines[0].number)
            else {
                return;
            };
            let freed = oldest.pop_front().map_or(0, |entry| entry.line.text.len());
            kept.bytes -= freed;
        }
    }

    /// `FilterLogEvents` on the log group of a function.
    pub(crate) fn filter(&self, body: &[u8], request_id: &str) -> Reply {
        let request: FilterLogEvents = match serde_json::from_slice(body) {
            Ok(request) => request,
            Err(error) => {
                return refuse(
                    request_id,
                    400,
                    "SerializationException",
                    &error.to_string(),
                );
            }
        };
        if request
            .filter_pattern
            .as_deref()
            .is_some_and(|pattern| !pattern.is_empty())
        {
            return refuse(
                request_id,
                501,
                "NotImplemented",
                "Stepwell does not implement filterPattern yet",
            );
        }
        let group = request
            .log_group_name
            .or(request.log_group_identifier)
            .unwrap_or_default();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = group
            .strip_prefix(GROUP_PREFIX)
            .and_then(|name| kept.functions.get(name));
        let Some(lines) = lines else {
            return refuse(
                request_id,
                400,
                "ResourceNotFoundException",
                "The specified log group does not exist.",
            );
        };
        let from: u64 = request
            .next_token
            .and_then(|token| token.parse().ok())
            .unwrap_or(0);
        let (start, end) = (
            request.start_time.unwrap_or(i64::MIN),
            request.end_time.unwrap_or(i64::MAX),
        );
        let limit = request.limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
        let is_wanted = |entry: &&Entry| {
            entry.number >= from && (start..=end).contains(&entry.line.timestamp_ms)
        };
        let mut wanted = lines.iter().filter(is_wanted);
        let events: Vec<Value> = wanted.by_ref().take(limit).map(event).collect();
        let next = wanted.next().map(|entry| entry.number.to_string());
        let mut answer = json!({ "events": events, "searchedLogStreams": [] });
        if let Some(next) = next {
            answer["nextToken"] = json!(next);
        }
        reply(request_id, 200, &answer)
    }
}

fn event(entry: &Entry) -> Value {
    json!({
        "logStreamName": entry.line.log_stream.as_ref(),
        "timestamp": entry.line.timestamp_ms,
        "message": entry.line.text,
        "ingestionTime": entry.line.timestamp_ms,
        "eventId": format!("{:056}", entry.number),
    })
}

fn refuse(request_id: &str, status: u16, code: &str, message: &str) -> Reply {
    reply(
        request_id,
        status,
        &json!({ "__type": code, "message": message }),
    )
}

fn reply(request_id: &str, status: u16, body: &Value) -> Reply {
    Reply {
        status,
        headers: vec![
            ("x-amzn-requestid", request_id.to_string()),
            ("content-type", "application/x-amz-json-1.1".to_string()),
        ],
        body: body.to_string().into_bytes(),
    }
}
