//! Text to an OpenAPI document: JSON, or YAML without what makes YAML large.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

/// Bytes of a document.
///
/// AWS: at most 6 MB; a document of that size takes more than one write of ours holds with its neighbours.
pub const DOCUMENT_BYTES_MAX: usize = 4 << 20;

/// Values of a document, every use of an alias counted anew.
pub(crate) const NODES_MAX: usize = 200_000;

/// Levels of a document.
pub(crate) const DEPTH_MAX: usize = 100;

/// Reads a document.
///
/// - JSON is read as JSON; in YAML only `true` and `false` are booleans, and no tag is known.
/// - Errors: text that is neither, names twice in one map of YAML, and the bounds.
pub fn parse_document(text: &[u8]) -> Result<Value, String> {
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(format!(
            "the document has {} bytes, at most {DOCUMENT_BYTES_MAX} are allowed",
            text.len()
        ));
    }
    let text = std::str::from_utf8(text).map_err(|_| "the document is not UTF-8".to_owned())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = match serde_json::from_str(text) {
        Ok(document) => document,
        Err(error) if text.trim_start().starts_with('{') => {
            return Err(format!("the document is not valid JSON: {error}"));
        }
        Err(_) => yaml(text)?,
    };
    match document {
        Value::Object(_) => Ok(document),
        _ => Err("the document is not an object".to_owned()),
    }
}

fn yaml(text: &str) -> Result<Value, String> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| format!("not valid YAML: {error}"))?;
        builder
            .accept(event)
            .map_err(|message| format!("line {}: {message}", span.start.line()))?;
    }
    builder
        .root
        .ok_or_else(|| "the document is empty".to_owned())
}

#[derive(Default)]
struct Builder {
    root: Option<Value>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Value>,
    nodes: usize,
}

struct Open {
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Value>),
    Object(Map<String, Value>, Option<String>),
}

impl Builder {
    fn accept(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_some() => {
                Err("a second document starts here, only one is allowed".to_owned())
            }
            Event::DocumentStart(_) => Ok(()),
            Event::Alias(anchor) => {
                let value = self.anchors.get(&anchor).cloned();
                let value = value.ok_or("the alias refers to the value that contains it")?;
                if self.open.len() + levels(&value) > DEPTH_MAX {
                    return Err(too_deep());
                }
                self.count(size(&value))?;
                self.put(value)
            }
            Event::Scalar(text, style, anchor, tag) => {
                if tag.is_some() {
                    return Err("a tag: OpenAPI documents have none".to_owned());
                }
                if let Some(key) = self.awaited_key() {
                    *key = Some(text.into_owned());
                    return Ok(());
                }
                self.place(scalar(&text, style), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.start(anchor, tag.is_some(), Content::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.start(anchor, tag.is_some(), Content::Object(Map::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else {
                    return Err("an end without a beginning".to_owned());
                };
                let value = match open.content {
                    Content::List(items) => Value::Array(items),
                    Content::Object(members, _) => Value::Object(members),
                };
                self.place(value, open.anchor)
            }
        }
    }

    fn awaited_key(&mut self) -> Option<&mut Option<String>> {
        match &mut self.open.last_mut()?.content {
            Content::Object(_, key) if key.is_none() => Some(key),
            _ => None,
        }
    }

    fn start(&mut self, anchor: usize, tagged: bool, content: Content) -> Result<(), String> {
        if tagged {
            return Err("a tag: OpenAPI documents have none".to_owned());
        }
        if self.awaited_key().is_some() {
            return Err("a name in a map must be text".to_owned());
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(too_deep());
        }
        self.open.push(Open { anchor, content });
        Ok(())
    }

    fn count(&mut self, size: usize) -> Result<(), String> {
        self.nodes = self.nodes.saturating_add(size);
        if self.nodes > NODES_MAX {
            return Err(format!("more than {NODES_MAX} values, aliases expanded"));
        }
        Ok(())
    }

    fn place(&mut self, value: Value, anchor: usize) -> Result<(), String> {
        self.count(1)?;
        if anchor > 0 {
            self.count(size(&value))?;
            self.anchors.insert(anchor, value.clone());
        }
        self.put(value)
    }

    fn put(&mut self, value: Value) -> Result<(), String> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(value);
            return Ok(());
        };
        match &mut open.content {
            Content::List(items) => items.push(value),
            Content::Object(members, key) => {
                let Some(key) = key.take() else {
                    return Err("a value without a name".to_owned());
                };
                if members.contains_key(&key) {
                    return Err(format!("the name \"{key}\" is already in this map"));
                }
                members.insert(key, value);
            }
        }
        Ok(())
    }
}

fn too_deep() -> String {
    format!("nested more than {DEPTH_MAX} levels deep")
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::String(text.to_owned())),
    }
}

fn number(text: &str) -> Option<Value> {
    let begins_as_one =
        text.starts_with(|first: char| first.is_ascii_digit() || first == '-' || first == '.');
    if !begins_as_one {
        return None;
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Value::Number(whole.into()));
    }
    let float = text.parse::<f64>().ok().filter(|float| float.is_finite())?;
    Number::from_f64(float).map(Value::Number)
}

fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(size).sum::<usize>(),
        _ => 1,
    }
}

fn levels(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(levels).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_and_json_give_the_same() {
        let yaml = "openapi: 3.0.1\ninfo: {title: t, version: '1.0'}\npaths:\n  /a:\n    get: &g\n      x: 200\n      y: [true, ~, 1.5]\n    put: *g\n";
        let operation = json!({"x": 200, "y": [true, null, 1.5]});
        let expected = json!({
            "openapi": "3.0.1", "info": {"title": "t", "version": "1.0"},
            "paths": {"/a": {"get": operation, "put": operation}},
        });
        assert_eq!(parse_document(yaml.as_bytes()), Ok(expected.clone()));
        assert_eq!(
            parse_document(expected.to_string().as_bytes()),
            Ok(expected)
        );
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let bomb = (1..20).fold("a0: &a0 [x, x]\n".to_owned(), |text, at| {
            let before = at - 1;
            text + &format!("a{at}: &a{at} [*a{before}, *a{before}, *a{before}, *a{before}]\n")
        });
        let deep = "[".repeat(200);
        for (text, says) in [
            ("{", "not valid JSON"),
            ("", "empty"),
            ("just text", "not an object"),
            ("a: 1\na: 2", "already"),
            ("a: !Ref b", "a tag"),
            ("a: 1\n---\nb: 2", "second document"),
            ("a: *b", "not valid YAML"),
            (bomb.as_str(), "more than"),
            (deep.as_str(), "levels deep"),
        ] {
            let error = parse_document(text.as_bytes()).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
        assert!(parse_document(&[0xff, 0xfe]).is_err());
        assert!(parse_document(&vec![b' '; DOCUMENT_BYTES_MAX + 1]).is_err());
    }
}
