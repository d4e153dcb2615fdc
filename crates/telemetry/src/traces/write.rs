//! Objects of JSON, written member by member: a segment is some hundred bytes, and a tree of values for each of them
//! costs more than everything else that is done with it.

use std::fmt::{Display, Write as _};

/// An object of JSON that is being written.
#[derive(Debug)]
pub(super) struct Object {
    /// Without the last brace.
    text: String,
    has_members: bool,
}

impl Object {
    pub(super) fn new() -> Object {
        Object {
            text: "{".to_owned(),
            has_members: false,
        }
    }

    /// The text of the object.
    pub(super) fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }

    /// About how many bytes it has so far.
    pub(super) fn len(&self) -> usize {
        self.text.len() + 1
    }

    pub(super) fn text(&mut self, name: &'static str, value: &str) {
        self.name(name);
        self.push_text(value);
    }

    /// - `value`: shows nothing that JSON would escape.
    pub(super) fn plain(&mut self, name: &'static str, value: impl Display) {
        self.name(name);
        self.push(format_args!("\"{value}\""));
    }

    pub(super) fn number(&mut self, name: &'static str, value: u64) {
        self.name(name);
        self.push(format_args!("{value}"));
    }

    /// An instant in seconds, to the millisecond.
    pub(super) fn instant(&mut self, name: &'static str, ms: i64) {
        self.name(name);
        let sign = if ms < 0 { "-" } else { "" };
        let (seconds, part) = (ms.unsigned_abs() / 1_000, ms.unsigned_abs() % 1_000);
        self.push(format_args!("{sign}{seconds}.{part:03}"));
    }

    pub(super) fn truth(&mut self, name: &'static str, value: bool) {
        self.name(name);
        self.text.push_str(if value { "true" } else { "false" });
    }

    pub(super) fn object(&mut self, name: &'static str, write: impl FnOnce(&mut Object)) {
        self.name(name);
        self.nested(write);
    }

    /// A list with one object.
    pub(super) fn list_of(&mut self, name: &'static str, write: impl FnOnce(&mut Object)) {
        self.name(name);
        self.text.push('[');
        self.nested(write);
        self.text.push(']');
    }

    /// A list with one text.
    pub(super) fn list_of_text(&mut self, name: &'static str, value: &str) {
        self.name(name);
        self.text.push('[');
        self.push_text(value);
        self.text.push(']');
    }

    /// A list of values that are JSON already.
    pub(super) fn list(&mut self, name: &'static str, values: &[String]) {
        self.name(name);
        self.text.push('[');
        for (number, value) in values.iter().enumerate() {
            if number > 0 {
                self.text.push(',');
            }
            self.text.push_str(value);
        }
        self.text.push(']');
    }

    fn nested(&mut self, write: impl FnOnce(&mut Object)) {
        self.text.push('{');
        self.has_members = false;
        write(self);
        self.text.push('}');
        self.has_members = true;
    }

    fn name(&mut self, name: &'static str) {
        self.comma();
        self.text.push('"');
        self.text.push_str(name);
        self.text.push_str("\":");
    }

    fn comma(&mut self) {
        if self.has_members {
            self.text.push(',');
        }
        self.has_members = true;
    }

    fn push(&mut self, arguments: std::fmt::Arguments<'_>) {
        // INVARIANT: a String takes everything.
        let _ = self.text.write_fmt(arguments);
    }

    fn push_text(&mut self, text: &str) {
        let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
        if text.bytes().all(is_plain) {
            self.push(format_args!("\"{text}\""));
        } else {
            self.push(format_args!("{}", serde_json::Value::from(text)));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_written_is_read_as_it_was_meant() {
        let mut object = Object::new();
        object.text("name", "a \"b\" \\ \u{1} ü");
        object.plain("id", 12);
        object.number("attempt", 3);
        object.instant("start_time", 1_790_000_000_120);
        object.instant("end_time", -1_005);
        object.object("empty", |_| {});
        object.object("aws", |aws| {
            aws.object("deep", |deep| deep.truth("is", false));
            aws.list_of_text("resource_names", "arn:\n");
        });
        object.list_of("exceptions", |exception| exception.plain("id", "ab"));
        object.list("subsegments", &["{}".to_owned(), "1".to_owned()]);
        let len = object.len();
        let text = object.finish();
        assert_eq!(text.len(), len);
        let read: Value = serde_json::from_str(&text).expect("JSON");
        let expected = json!({
            "name": "a \"b\" \\ \u{1} ü", "id": "12", "attempt": 3, "start_time": 1_790_000_000.12, "end_time": -1.005,
            "empty": {}, "aws": { "deep": { "is": false }, "resource_names": ["arn:\n"] },
            "exceptions": [{ "id": "ab" }], "subsegments": [{}, 1],
        });
        assert_eq!(read, expected);
    }
}
