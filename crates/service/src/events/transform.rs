//! What a target gets: the event, a part of it, a constant, or a template filled in.
//!
//! AWS: "Amazon EventBridge input transformation".

use std::collections::BTreeMap;

use serde_json::Value;
use stepwell_api::events;

/// Variables of one transformer. Source: InputPathsMap.
const VARIABLES_MAX: usize = 100;

/// Variables that there are without a path.
const RESERVED: [&str; 5] = [
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
];

/// What a template may refer to beside its paths.
pub(crate) struct Origin<'a> {
    pub(crate) rule_arn: &'a str,
    pub(crate) rule_name: &'a str,
    /// When the event came, ISO 8601.
    pub(crate) ingestion_time: &'a str,
}

/// What is wrong with the input that a target asks for; checked when it is put.
pub(crate) fn check(target: &events::Target) -> Result<(), String> {
    let asked = [
        target.input.is_some(),
        target.input_path.is_some(),
        target.input_transformer.is_some(),
    ];
    if asked.iter().filter(|is_asked| **is_asked).count() > 1 {
        return Err(format!(
            "Only one of Input, InputPath, or InputTransformer must be provided for target {}.",
            target.id
        ));
    }
    if let Some(input) = &target.input
        && serde_json::from_str::<Value>(input).is_err()
    {
        return Err(format!(
            "JSON syntax error in input for target {}",
            target.id
        ));
    }
    if let Some(path) = &target.input_path
        && Path::parse(path).is_none()
    {
        return Err(format!("Invalid InputPath for target {}.", target.id));
    }
    match &target.input_transformer {
        Some(transformer) => check_transformer(transformer, &target.id),
        None => Ok(()),
    }
}

fn check_transformer(transformer: &events::InputTransformer, id: &str) -> Result<(), String> {
    let none = BTreeMap::new();
    let paths = transformer.input_paths_map.as_ref().unwrap_or(&none);
    if paths.len() > VARIABLES_MAX {
        return Err(format!(
            "InputPathsMap for target {id} has {} entries, at most {VARIABLES_MAX}.",
            paths.len()
        ));
    }
    for (name, path) in paths {
        if name.starts_with("AWS") || RESERVED.contains(&name.as_str()) {
            return Err(format!(
                "InputPathsMap for target {id} uses the reserved name {name}."
            ));
        }
        if Path::parse(path).is_none() {
            return Err(format!("Invalid InputPath for target {id}."));
        }
    }
    for piece in pieces(&transformer.input_template) {
        if let Piece::Variable { name, .. } = piece
            && !paths.contains_key(name)
            && !RESERVED.contains(&name)
        {
            return Err(format!(
                "InputTemplate for target {id} contains invalid placeholder {name}."
            ));
        }
    }
    // Whatever the variables will be, the text around them must be JSON.
    let sample = render(&transformer.input_template, |_| {
        Some(Value::String("x".to_string()))
    });
    match serde_json::from_str::<Value>(&sample) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("Invalid InputTemplate for target {id} : {error}")),
    }
}

/// The text that a target gets.
///
/// - `event`: the whole event.
/// - INVARIANT: the target passed [`check`] when it was put.
pub(crate) fn input_of(target: &events::Target, event: &Value, origin: &Origin) -> String {
    if let Some(input) = &target.input {
        return input.clone();
    }
    if let Some(path) = &target.input_path {
        let found = Path::parse(path).and_then(|path| path.find(event));
        return found.unwrap_or(Value::Null).to_string();
    }
    match &target.input_transformer {
        Some(transformer) => transformed(transformer, event, origin),
        None => event.to_string(),
    }
}

fn transformed(transformer: &events::InputTransformer, event: &Value, origin: &Origin) -> String {
    let text = |text: &str| Some(Value::String(text.to_string()));
    render(&transformer.input_template, |name| match name {
        "aws.events.rule-arn" => text(origin.rule_arn),
        "aws.events.rule-name" => text(origin.rule_name),
        "aws.events.event.ingestion-time" => text(origin.ingestion_time),
        "aws.events.event.json" => Some(event.clone()),
        "aws.events.event" => {
            let mut event = event.clone();
            if let Some(event) = event.as_object_mut() {
                event.shift_remove("detail");
            }
            Some(event)
        }
        name => {
            let paths = transformer.input_paths_map.as_ref()?;
            Path::parse(paths.get(name)?)?.find(event)
        }
    })
}

/// A part of a template.
#[derive(Debug, PartialEq)]
enum Piece<'t> {
    Text(&'t str),
    Variable {
        name: &'t str,
        /// Whether it stands inside a JSON string.
        is_quoted: bool,
    },
}

/// Fills a template in.
///
/// - AWS: a variable inside quotes becomes text, one outside of them a JSON value.
/// - A variable without a value is nothing inside quotes. AWS leaves it out elsewhere too; here it is `null`,
///   so that the result is JSON.
fn render(template: &str, value: impl Fn(&str) -> Option<Value>) -> String {
    let mut rendered = String::with_capacity(template.len());
    for piece in pieces(template) {
        match piece {
            Piece::Text(text) => rendered.push_str(text),
            Piece::Variable { name, is_quoted } => match (value(name), is_quoted) {
                (None, true) => {}
                (None, false) => rendered.push_str("null"),
                (Some(value), false) => rendered.push_str(&value.to_string()),
                (Some(Value::String(text)), true) => rendered.push_str(&escaped(&text)),
                (Some(value), true) => rendered.push_str(&escaped(&value.to_string())),
            },
        }
    }
    rendered
}

/// A text as it stands inside a JSON string.
fn escaped(text: &str) -> String {
    let quoted = Value::String(text.to_string()).to_string();
    quoted[1..quoted.len() - 1].to_string()
}

fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut from, mut at) = (0, 0);
    let mut is_quoted = false;
    let bytes = template.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'"' => is_quoted = !is_quoted,
            b'<' => {
                if let Some(length) = template[at + 1..].find('>')
                    && is_name(&template[at + 1..at + 1 + length])
                {
                    pieces.push(Piece::Text(&template[from..at]));
                    let name = &template[at + 1..at + 1 + length];
                    pieces.push(Piece::Variable { name, is_quoted });
                    at += 1 + length;
                    from = at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    pieces.push(Piece::Text(&template[from..]));
    pieces
}

/// AWS: variables are letters, digits, `_`, `-`; the reserved ones have dots.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

/// A path of the small dialect that EventBridge reads.
pub(super) struct Path(Vec<Step>);

enum Step {
    Name(String),
    Index(usize),
    /// All elements or members; what follows is asked of each.
    All,
}

impl Path {
    /// `$.detail.items[0].sku`, `$['detail']`, `$.resources[*]`.
    pub(super) fn parse(text: &str) -> Option<Path> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let name = &after[..end];
                steps.push(match name {
                    "" => return None,
                    "*" => Step::All,
                    name if name.bytes().all(is_plain) => Step::Name(name.to_string()),
                    _ => return None,
                });
                rest = &after[end..];
            } else {
                let inner = rest.strip_prefix('[')?;
                let end = inner.find(']')?;
                let index = &inner[..end];
                steps.push(match index {
                    "*" => Step::All,
                    index
                        if index.starts_with('\'') && index.ends_with('\'') && index.len() > 2 =>
                    {
                        Step::Name(index[1..index.len() - 1].to_string())
                    }
                    index => Step::Index(index.parse().ok()?),
                });
                rest = &inner[end + 1..];
            }
        }
        Some(Path(steps))
    }

    pub(super) fn find(&self, event: &Value) -> Option<Value> {
        find(&self.0, event)
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/' | b':')
}

fn find(steps: &[Step], value: &Value) -> Option<Value> {
    let Some((step, rest)) = steps.split_first() else {
        return Some(value.clone());
    };
    match step {
        Step::Name(name) => find(rest, value.get(name)?),
        Step::Index(index) => find(rest, value.get(index)?),
        Step::All => {
            let all: Vec<Value> = match value {
                Value::Array(elements) => {
                    elements.iter().filter_map(|one| find(rest, one)).collect()
                }
                Value::Object(members) => {
                    members.values().filter_map(|one| find(rest, one)).collect()
                }
                _ => return None,
            };
            Some(Value::Array(all))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn target(fields: Value) -> events::Target {
        let mut target =
            json!({"Id": "t", "Arn": "arn:aws:lambda:us-east-1:123456789012:function:f"});
        for (name, value) in fields.as_object().expect("an object") {
            target[name] = value.clone();
        }
        serde_json::from_value(target).expect("a target")
    }

    #[track_caller]
    fn check_input(fields: Value, expected: &str) {
        let target = target(fields);
        assert_eq!(check(&target), Ok(()));
        let event = json!({
            "version": "0", "source": "shop", "resources": ["a", "b"],
            "detail": {"id": 7, "say": "\"hi\"\n", "items": [{"sku": "x"}, {"sku": "y"}], "instance-id": "i-1"},
        });
        let origin = Origin {
            rule_arn: "arn:rule",
            rule_name: "r",
            ingestion_time: "2026-01-01T00:00:00Z",
        };
        assert_eq!(input_of(&target, &event, &origin), expected);
    }

    #[test]
    fn a_target_gets_the_event_or_what_it_asks_for() {
        check_input(json!({"Input": "{\"a\": 1}"}), "{\"a\": 1}");
        check_input(json!({"InputPath": "$.detail.id"}), "7");
        check_input(json!({"InputPath": "$.detail.items[1]"}), r#"{"sku":"y"}"#);
        check_input(
            json!({"InputPath": "$.detail.items[*].sku"}),
            r#"["x","y"]"#,
        );
        check_input(json!({"InputPath": "$.nothing"}), "null");
        check_input(json!({"InputPath": "$['source']"}), "\"shop\"");
    }

    #[test]
    fn a_template_is_filled_in() {
        let transformer = |paths: Value, template: &str| json!({"InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}});
        check_input(
            transformer(
                json!({"id": "$.detail.id", "say": "$.detail.say", "items": "$.detail.items", "none": "$.x"}),
                r#"{"id": <id>, "text": "no <id>: <say><none>", "say": <say>, "items": <items>, "none": <none>}"#,
            ),
            r#"{"id": 7, "text": "no 7: \"hi\"\n", "say": "\"hi\"\n", "items": [{"sku":"x"},{"sku":"y"}], "none": null}"#,
        );
        check_input(
            transformer(
                json!({"instance": "$.detail.instance-id"}),
                "\"<instance> of <aws.events.rule-name> at <aws.events.event.ingestion-time>\"",
            ),
            "\"i-1 of r at 2026-01-01T00:00:00Z\"",
        );
        check_input(
            transformer(
                json!({}),
                r#"{"rule": <aws.events.rule-arn>, "event": <aws.events.event>, "literal": "1 < 2 \"<x y>\""}"#,
            ),
            r#"{"rule": "arn:rule", "event": {"version":"0","source":"shop","resources":["a","b"]}, "literal": "1 < 2 \"<x y>\""}"#,
        );
    }

    #[test]
    fn no_template_and_no_path_makes_the_reader_panic() {
        let whole = r#"{"a": "<v> \"<v>\" é<", "b": <v>, "c": [<aws.events.event.json>, "\\"]}"#;
        let characters: Vec<char> = whole.chars().collect();
        for at in 0..characters.len() {
            for put in ["", "\\", "\"", "<", ">", "é", "}"] {
                let mut text: String = characters[..at].iter().collect();
                text.push_str(put);
                text.extend(&characters[at + 1..]);
                let target = target(json!({"InputTransformer": {
                    "InputPathsMap": {"v": "$.detail[0]['x'].*"}, "InputTemplate": text,
                }}));
                if check(&target).is_ok() {
                    let origin = Origin {
                        rule_arn: "",
                        rule_name: "",
                        ingestion_time: "",
                    };
                    let event = json!({"detail": [{"x": {"y": "\""}}]});
                    let made = input_of(&target, &event, &origin);
                    let is_json = serde_json::from_str::<Value>(&made).is_ok();
                    assert!(is_json, "{text}: {made}");
                }
            }
        }
        for path in [
            "", "$", "$.", "$..a", "$[", "$[]", "$['", "$['']", "$[-1]", "$.é", "$.a[*].b", "a",
        ] {
            drop(check(&target(json!({ "InputPath": path }))));
        }
    }

    #[test]
    fn a_wrong_template_is_refused() {
        let refuse = |fields: Value, reason: &str| {
            assert_eq!(check(&target(fields)), Err(reason.to_string()));
        };
        refuse(
            json!({"Input": "{}", "InputPath": "$"}),
            "Only one of Input, InputPath, or InputTransformer must be provided for target t.",
        );
        refuse(
            json!({"Input": "{"}),
            "JSON syntax error in input for target t",
        );
        refuse(
            json!({"InputPath": "detail"}),
            "Invalid InputPath for target t.",
        );
        refuse(
            json!({"InputTransformer": {"InputTemplate": "{\"a\": <b>}"}}),
            "InputTemplate for target t contains invalid placeholder b.",
        );
        refuse(
            json!({"InputTransformer": {"InputTemplate": "no quotes"}}),
            "Invalid InputTemplate for target t : expected ident at line 1 column 2",
        );
    }
}
