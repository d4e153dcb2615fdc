//! The query protocol: operation and members in a form, XML back, always `POST /`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::constraint::{self, Shape};
use crate::error::{Code, Error};
use crate::{DateTime, Input, Reply, rest};

/// `Content-Type` of every reply.
const CONTENT_TYPE: &str = "text/xml";

/// Steps in a field's name, `Tags.member.1.Key`; the deepest member of an input takes fewer.
const STEPS_MAX: usize = 16;

/// The fields of a form, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    fields: Vec<(String, String)>,
}

impl Form {
    /// Reads a body of type `application/x-www-form-urlencoded`.
    pub fn parse(body: &[u8]) -> Form {
        Form {
            fields: rest::query_parameters(&String::from_utf8_lossy(body)),
        }
    }

    /// The operation it asks for, if it is a request of this protocol.
    pub fn action(&self) -> Option<&str> {
        self.field("Action")
    }

    /// The version of the service that it asks for.
    pub fn version(&self) -> Option<&str> {
        self.field("Version")
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What a field's name leads to: `Tags.member.1.Key` is four steps.
#[derive(Default)]
struct Tree<'f> {
    text: Option<&'f str>,
    below: BTreeMap<&'f str, Tree<'f>>,
}

/// The operation that a form names.
pub(crate) fn operation<O, C: Code>(
    form: &Form,
    version: &str,
    from_name: impl Fn(&str) -> Option<O>,
) -> Result<O, Error<C>> {
    let action = form.action().unwrap_or_default();
    from_name(action).ok_or_else(|| {
        // AWS: the text of an unknown action.
        let text = format!("Could not find operation {action} for version {version}");
        Error::new(C::UNKNOWN_OPERATION, text)
    })
}

/// The input of an operation, with every constraint of the model checked.
pub(crate) fn decode<T: Input, C: Code>(form: &Form) -> Result<T, Error<C>> {
    constraint::checked(value::<T>(form))
}

/// The input of an operation as JSON would give it, unchecked.
pub(crate) fn value<T: Input>(form: &Form) -> Value {
    let mut root = Tree::default();
    let fields = form
        .fields
        .iter()
        .filter(|(name, _)| name.split('.').count() <= STEPS_MAX);
    for (name, value) in fields {
        let mut tree = &mut root;
        for step in name.split('.') {
            tree = tree.below.entry(step).or_default();
        }
        tree.text = Some(value);
    }
    value_of(T::SHAPE, &root).unwrap_or(Value::Object(Map::new()))
}

/// What a tree holds, read as a shape. The shape bounds the depth.
fn value_of(shape: &Shape, tree: &Tree) -> Option<Value> {
    match shape {
        Shape::Structure(members) => {
            let members = members.iter().filter_map(|member| {
                let value = value_of(member.shape, tree.below.get(member.name)?)?;
                Some((member.name.to_owned(), value))
            });
            Some(Value::Object(members.collect()))
        }
        Shape::List { member, .. } => {
            let Some(elements) = tree.below.get("member") else {
                // AWS: an empty list is sent as a name without a value.
                return tree.text.map(|_| Value::Array(Vec::new()));
            };
            let mut numbered: Vec<(u32, &Tree)> = elements
                .below
                .iter()
                .filter_map(|(number, element)| Some((number.parse().ok()?, element)))
                .collect();
            numbered.sort_by_key(|(number, _)| *number);
            let elements = numbered
                .into_iter()
                .filter_map(|(_, element)| value_of(member, element));
            Some(Value::Array(elements.collect()))
        }
        Shape::Map { value, .. } => {
            let entries = tree.below.get("entry")?.below.values();
            let entries = entries.filter_map(|entry| {
                let key = entry.below.get("key")?.text?;
                Some((key.to_owned(), value_of(value, entry.below.get("value")?)?))
            });
            Some(Value::Object(entries.collect()))
        }
        Shape::Timestamp => tree.text.map(instant),
        scalar => tree.text.map(|text| scalar.value_of_text(text.to_owned())),
    }
}

/// Seconds since 1970 of an instant in ISO 8601; what is none stays a text, which the type check refuses.
fn instant(text: &str) -> Value {
    let ms = DateTime::parse(text).map(|instant| instant.ms());
    ms.map_or(Value::from(text), |ms| Value::from(ms as f64 / 1000.0))
}

/// HTTP 200: `<ActionResponse>` around `<ActionResult>`, which is left out where there is no output.
pub(crate) fn reply(action: &str, xml_namespace: &str, request_id: &str, output: &Value) -> Reply {
    let mut xml = format!("<{action}Response xmlns=\"{xml_namespace}\">");
    if !output.is_null() {
        element(&mut xml, &format!("{action}Result"), output);
    }
    xml.push_str("<ResponseMetadata>");
    element(&mut xml, "RequestId", &Value::from(request_id));
    xml.push_str("</ResponseMetadata>");
    xml.push_str(&format!("</{action}Response>"));
    Reply::new(200, CONTENT_TYPE, request_id, xml.into_bytes())
}

/// The error reply of the protocol: who is at fault, the code, the text.
pub(crate) fn error_reply<C: Code>(
    error: &Error<C>,
    xml_namespace: &str,
    request_id: &str,
) -> Reply {
    let fault = error.code.fault();
    let named = (fault.name, fault.status, error.message.as_str());
    named_error_reply(named, xml_namespace, request_id)
}

/// The error reply with this code, status and text.
pub(crate) fn named_error_reply(
    (code, status, message): (&str, u16, &str),
    xml_namespace: &str,
    request_id: &str,
) -> Reply {
    let who = if status < 500 { "Sender" } else { "Receiver" };
    let body = serde_json::json!({
        "Error": { "Type": who, "Code": code, "Message": message },
        "RequestId": request_id,
    });
    let mut xml = format!("<ErrorResponse xmlns=\"{xml_namespace}\">");
    members(&mut xml, &body);
    xml.push_str("</ErrorResponse>");
    Reply::new(status, CONTENT_TYPE, request_id, xml.into_bytes())
}

fn element(xml: &mut String, name: &str, value: &Value) {
    xml.push_str(&format!("<{name}>"));
    members(xml, value);
    xml.push_str(&format!("</{name}>"));
}

fn members(xml: &mut String, value: &Value) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                element(xml, name, value);
            }
        }
        Value::Array(elements) => {
            for value in elements {
                element(xml, "member", value);
            }
        }
        Value::String(text) => escaped(xml, text),
        Value::Null => {}
        scalar => xml.push_str(&scalar.to_string()),
    }
}

/// A text as XML; characters that XML 1.0 cannot carry become U+FFFD.
fn escaped(xml: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            // A parser would read a bare one as a line feed.
            '\r' => xml.push_str("&#13;"),
            '\t' | '\n' => xml.push(c),
            c if c.is_ascii_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                xml.push(char::REPLACEMENT_CHARACTER);
            }
            c => xml.push(c),
        }
    }
}
