//! Records: a log event with what a query has made of it, or a row of `stats`.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::value::Value;

/// A log event as a query sees it.
#[derive(Debug, Clone)]
pub struct LogRecord<'e> {
    pub timestamp_ms: i64,
    pub ingestion_ms: i64,
    pub stream: Cow<'e, str>,
    /// `ACCOUNT:GROUP`.
    pub log: Cow<'e, str>,
    /// What GetLogRecord takes.
    pub pointer: Cow<'e, str>,
    pub message: Cow<'e, str>,
}

/// Fields of JSON that are discovered in one event. AWS: 200.
const FIELDS_MAX: usize = 200;

/// Names of what Lambda writes.
const OF_LAMBDA: [&str; 9] = [
    "@type",
    "@requestId",
    "@duration",
    "@billedDuration",
    "@memorySize",
    "@maxMemoryUsed",
    "@initDuration",
    "@xrayTraceId",
    "@xraySegmentId",
];

impl LogRecord<'_> {
    /// All fields that it has: what every event has, what Lambda writes, members of the message's JSON.
    pub fn fields(&self) -> BTreeMap<String, String> {
        let mut fields = BTreeMap::new();
        let built_ins = [
            "@timestamp",
            "@ingestionTime",
            "@message",
            "@logStream",
            "@log",
            "@ptr",
        ];
        for name in built_ins.into_iter().chain(OF_LAMBDA) {
            let value = match built_in(self, name) {
                // AWS: GetLogRecord gives instants as numbers.
                Value::Time(ms) => Some(ms.to_string()),
                value => value.text(),
            };
            fields.extend(value.map(|value| (name.to_owned(), value)));
        }
        if let Some(json) = json_of(&self.message) {
            discover(&json, "", &mut fields);
        }
        fields
    }

    fn into_owned(self) -> LogRecord<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        LogRecord {
            timestamp_ms: self.timestamp_ms,
            ingestion_ms: self.ingestion_ms,
            stream: owned(self.stream),
            log: owned(self.log),
            pointer: owned(self.pointer),
            message: owned(self.message),
        }
    }
}

#[derive(Debug)]
pub(super) struct Record<'e> {
    /// `None`: a row of `stats`.
    pub(super) event: Option<LogRecord<'e>>,
    /// What the query has named.
    pub(super) named: BTreeMap<String, Value>,
    /// The JSON of the message, looked for once; a message without any has `None`.
    json: OnceCell<Option<Json>>,
}

impl<'e> Record<'e> {
    pub(super) fn of_event(event: LogRecord<'e>) -> Record<'e> {
        Record {
            event: Some(event),
            named: BTreeMap::new(),
            json: OnceCell::new(),
        }
    }

    pub(super) fn of_row(named: BTreeMap<String, Value>) -> Record<'e> {
        Record {
            event: None,
            named,
            json: OnceCell::new(),
        }
    }

    pub(super) fn into_owned(self) -> Record<'static> {
        Record {
            event: self.event.map(LogRecord::into_owned),
            named: self.named,
            json: self.json,
        }
    }

    /// What it takes in memory, about. JSON takes a few times its text.
    pub(super) fn bytes(&self) -> usize {
        let event = self.event.as_ref().map_or(0, |event| {
            let json = if self.json.get().is_some_and(Option::is_some) {
                4
            } else {
                0
            };
            200 + event.message.len() * (1 + json)
        });
        let named = self.named.iter();
        event
            + named
                .map(|(name, value)| 64 + name.len() + value.bytes())
                .sum::<usize>()
    }

    /// The value of a field: what the query has named, what every event has, what Lambda writes, a member of the
    /// message's JSON.
    pub(super) fn field(&self, name: &str) -> Value {
        if let Some(value) = self.named.get(name) {
            return value.clone();
        }
        let Some(event) = &self.event else {
            return Value::Missing;
        };
        if name.starts_with('@') {
            let found = built_in(event, name);
            if !found.is_missing() {
                return found;
            }
        }
        let json = self.json.get_or_init(|| json_of(&event.message));
        json.as_ref()
            .and_then(|json| member(json, name))
            .map_or(Value::Missing, Value::of_json)
    }
}

fn built_in(event: &LogRecord, name: &str) -> Value {
    let text = |text: &str| Value::Text(text.to_owned());
    match name {
        "@timestamp" => Value::Time(event.timestamp_ms),
        "@ingestionTime" => Value::Time(event.ingestion_ms),
        "@message" => text(&event.message),
        "@logStream" => text(&event.stream),
        "@log" => text(&event.log),
        "@ptr" => text(&event.pointer),
        _ => of_lambda(&event.message, name),
    }
}

/// The fields that are discovered in what Lambda writes. Source: "Supported logs and discovered fields".
fn of_lambda(message: &str, name: &str) -> Value {
    let kind = ["START", "END", "REPORT"].into_iter().find(|kind| {
        message.starts_with(kind) && message[kind.len()..].starts_with(" RequestId: ")
    });
    let after = |label: &str| {
        let (_, rest) = message.split_once(label)?;
        rest.split(['\t', '\n', ' ']).find(|word| !word.is_empty())
    };
    let found = match (name, kind) {
        ("@type", kind) => {
            kind.or_else(|| message.starts_with("INIT_START").then_some("INIT_START"))
        }
        ("@requestId", Some(_)) => after("RequestId: "),
        // A line of a function: instant, request, level, text.
        ("@requestId", None) => message
            .split('\t')
            .nth(1)
            .filter(|id| id.len() == 36 && id.bytes().filter(|byte| *byte == b'-').count() == 4),
        ("@duration", Some("REPORT")) => after("\tDuration: "),
        ("@billedDuration", Some("REPORT")) => after("\tBilled Duration: "),
        ("@memorySize", Some("REPORT")) => return bytes_of(after("\tMemory Size: ")),
        ("@maxMemoryUsed", Some("REPORT")) => return bytes_of(after("\tMax Memory Used: ")),
        ("@initDuration", Some("REPORT")) => after("\tInit Duration: "),
        ("@xrayTraceId", Some("REPORT")) => after("XRAY TraceId: "),
        ("@xraySegmentId", Some("REPORT")) => after("SegmentId: "),
        _ => None,
    };
    match (name, found) {
        (_, None) => Value::Missing,
        ("@duration" | "@billedDuration" | "@initDuration", Some(number)) => {
            number.parse().map_or(Value::Missing, Value::Number)
        }
        (_, Some(text)) => Value::Text(text.to_owned()),
    }
}

/// AWS: the memory of a REPORT, in MB, is shown in bytes.
fn bytes_of(megabytes: Option<&str>) -> Value {
    let number = megabytes.and_then(|number| number.parse::<f64>().ok());
    number.map_or(Value::Missing, |number| Value::Number(number * 1_000_000.0))
}

/// The object that a message is, or that the text of a line of Lambda ends with.
fn json_of(message: &str) -> Option<Json> {
    let trimmed = message.trim();
    let from = match trimmed.starts_with('{') {
        true => 0,
        false if trimmed.contains('\t') => trimmed.find('{')?,
        false => return None,
    };
    serde_json::from_str(&trimmed[from..])
        .ok()
        .filter(Json::is_object)
}

/// Adds the members of an object, those of inner ones behind a dot.
fn discover(json: &Json, before: &str, fields: &mut BTreeMap<String, String>) {
    let named: Vec<(String, &Json)> = match json {
        Json::Object(members) => members
            .iter()
            .map(|(name, value)| (format!("{before}{name}"), value))
            .collect(),
        Json::Array(elements) => elements
            .iter()
            .enumerate()
            .map(|(at, value)| (format!("{before}{at}"), value))
            .collect(),
        _ => return,
    };
    for (name, value) in named {
        if fields.len() >= FIELDS_MAX {
            return;
        }
        match value {
            Json::Object(_) | Json::Array(_) => discover(value, &format!("{name}."), fields),
            value => fields.extend(Value::of_json(value).text().map(|text| (name, text))),
        }
    }
}

/// `a.b.0.c`; a name with dots in it comes before a way through objects.
fn member<'j>(json: &'j Json, path: &str) -> Option<&'j Json> {
    if let Some(found) = json.get(path) {
        return Some(found);
    }
    let (first, rest) = path.split_once('.')?;
    let inner = match json {
        Json::Array(elements) => elements.get(first.parse::<usize>().ok()?)?,
        object => object.get(first)?,
    };
    member_of(inner, rest)
}

fn member_of<'j>(json: &'j Json, path: &str) -> Option<&'j Json> {
    if let Json::Array(elements) = json
        && let Ok(at) = path.parse::<usize>()
    {
        return elements.get(at);
    }
    member(json, path)
}
