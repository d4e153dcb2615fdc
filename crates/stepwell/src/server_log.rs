//! The server's own log on standard error: as text for people, or one JSON object a line for machines.

use std::fmt::{self, Write as _};
use std::io;

use clap::ValueEnum;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Bytes of one value; the rest of a longer one is left out, and said to be.
const VALUE_BYTES_MAX: usize = 8 << 10;

/// Fields of a line.
const FIELDS_MAX: usize = 32;

/// What is logged if nothing else is asked for.
const DEFAULT: &str = "warn";

/// How the server's log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs to standard error from now on.
///
/// - `filter`: as in `info` or `stepwell_server=debug`; without one, what `STEPWELL_LOG` says.
/// - Errors: a filter that cannot be read.
pub fn start(format: LogFormat, filter: Option<&str>) -> anyhow::Result<()> {
    let filter = match filter {
        Some(filter) => EnvFilter::try_new(filter)
            .map_err(|error| anyhow::anyhow!("--log {filter:?} names no levels: {error}"))?,
        None => EnvFilter::try_from_env("STEPWELL_LOG").unwrap_or_else(|_| EnvFilter::new(DEFAULT)),
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_target(false);
    match format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.event_format(Json).init(),
    }
    Ok(())
}

/// A line of JSON: time, level, message, then the fields of the event.
struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let line = line(&time, event);
        writeln!(writer, "{line}")
    }
}

fn line(time: &str, event: &Event<'_>) -> Value {
    let metadata = event.metadata();
    let mut line = Map::new();
    for (name, text) in [
        ("time", time),
        ("level", metadata.level().as_str()),
        ("message", ""),
        ("target", metadata.target()),
    ] {
        line.insert(name.to_owned(), Value::from(text));
    }
    event.record(&mut Fields(&mut line));
    Value::Object(line)
}

/// The fields of an event, put into its line.
struct Fields<'l>(&'l mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        let name = field.name();
        // A field must not hide what every line has.
        let name = match name {
            "time" | "level" | "target" => format!("field_{name}"),
            name => name.trim_start_matches("r#").to_owned(),
        };
        if self.0.len() < FIELDS_MAX || self.0.contains_key(&name) {
            self.0.insert(name, value);
        }
    }

    fn put_text(&mut self, field: &Field, text: &str) {
        let mut end = text.len().min(VALUE_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let mut shown = text[..end].to_owned();
        if end < text.len() {
            let _ = write!(shown, "... ({} bytes)", text.len());
        }
        self.put(field, Value::String(shown));
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_text(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_text(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put_text(field, &value.to_string());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::from(value));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("nobody panics").extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'w> MakeWriter<'w> for Kept {
        type Writer = Kept;

        fn make_writer(&'w self) -> Kept {
            self.clone()
        }
    }

    #[test]
    fn a_line_is_one_object_with_its_fields_and_is_bounded() {
        let kept = Kept::default();
        let subscriber = tracing_subscriber::fmt()
            .event_format(Json)
            .with_writer(kept.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let error = io::Error::other("no disk");
            tracing::warn!(%error, dropped = 3, level = "mine", "it \"fails\"\nhere: {}", 7);
            tracing::info!(text = "x".repeat(VALUE_BYTES_MAX + 1), "long");
        });
        let text = String::from_utf8(kept.0.lock().expect("nobody panics").clone()).expect("text");
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("each line is JSON"))
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["level"], "WARN");
        assert_eq!(lines[0]["message"], "it \"fails\"\nhere: 7");
        assert_eq!(lines[0]["error"], "no disk");
        assert_eq!(lines[0]["dropped"], 3);
        assert_eq!(lines[0]["field_level"], "mine");
        let time = lines[0]["time"].as_str().expect("a time");
        assert!(time.ends_with('Z') && time.len() > 20, "{time}");
        let long = lines[1]["text"].as_str().expect("a text");
        assert!(long.ends_with("x... (8193 bytes)"), "{}", long.len());
    }
}
