//! Attributes, ids and instants, in OpenTelemetry's form and in AWS's.

use serde_json::{Map, Value, json};

use super::protobuf::number;

/// Levels of a value that is nested in an attribute; what is deeper is left out.
const DEPTH_MAX: usize = 16;

/// The plain JSON of an `AnyValue`.
pub(super) fn plain(any: &Value) -> Value {
    plain_at(any, 0)
}

fn plain_at(any: &Value, depth: usize) -> Value {
    if depth > DEPTH_MAX {
        return Value::Null;
    }
    let Some((kind, value)) = any.as_object().and_then(|any| any.iter().next_back()) else {
        return Value::Null;
    };
    match kind.as_str() {
        "arrayValue" => {
            let values = value["values"].as_array().into_iter().flatten();
            values.map(|value| plain_at(value, depth + 1)).collect()
        }
        "kvlistValue" => {
            let pairs = value["values"].as_array().into_iter().flatten();
            let pairs = pairs.filter_map(|pair| {
                let key = pair["key"].as_str()?;
                Some((key.to_string(), plain_at(&pair["value"], depth + 1)))
            });
            Value::Object(pairs.collect())
        }
        _ => value.clone(),
    }
}

/// The attributes of a resource, span, point or record, as plain JSON by key.
pub(super) fn attributes(of: &Value) -> Map<String, Value> {
    let pairs = of["attributes"].as_array().into_iter().flatten();
    pairs
        .filter_map(|pair| Some((pair["key"].as_str()?.to_string(), plain(&pair["value"]))))
        .collect()
}

/// The `AnyValue` of plain JSON.
pub(super) fn any(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(value) => json!({ "boolValue": value }),
        Value::Number(number) if number.is_f64() => json!({ "doubleValue": number }),
        Value::Number(number) => json!({ "intValue": number }),
        Value::String(text) => json!({ "stringValue": text }),
        Value::Array(values) => {
            let values: Vec<Value> = values.iter().map(any).collect();
            json!({ "arrayValue": { "values": values } })
        }
        Value::Object(members) => json!({ "kvlistValue": { "values": pairs(members) } }),
    }
}

/// Attributes as a list of pairs.
pub(super) fn pairs(members: &Map<String, Value>) -> Vec<Value> {
    let pairs = members.iter();
    pairs
        .map(|(key, value)| json!({ "key": key, "value": any(value) }))
        .collect()
}

/// A text of an attribute; `None` also for an empty one.
pub(super) fn text<'v>(attributes: &'v Map<String, Value>, keys: &[&str]) -> Option<&'v str> {
    let mut found = keys.iter().filter_map(|key| attributes.get(*key)?.as_str());
    found.find(|text| !text.is_empty())
}

/// A whole number of an attribute.
pub(super) fn whole(attributes: &Map<String, Value>, keys: &[&str]) -> Option<i64> {
    keys.iter().find_map(|key| {
        let value = attributes.get(*key)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    })
}

/// Elements of a list member.
pub(super) fn list<'v>(of: &'v Value, member: &str) -> impl Iterator<Item = &'v Value> {
    of[member].as_array().into_iter().flatten()
}

/// Nanoseconds since 1970 of a member.
pub(super) fn nanos(of: &Value, member: &str) -> u64 {
    of[member].as_u64().unwrap_or_default()
}

pub(super) fn float(of: &Value, member: &str) -> Option<f64> {
    number(of.get(member)?)
}

/// Nanoseconds as seconds with a fraction, as X-Ray writes instants. Exact to the microsecond.
pub(super) fn seconds(nanos: u64) -> f64 {
    (nanos / 1_000) as f64 / 1e6
}

/// Seconds with a fraction as nanoseconds, to the microsecond.
pub(super) fn nanos_of_seconds(seconds: f64) -> u64 {
    // A float of seconds has no more digits than that.
    ((seconds * 1e6).round().max(0.0) as u64).saturating_mul(1_000)
}

/// `1-5f84c7a1-e7d1852db8c4fd35d88bf49a` of 32 hexadecimal digits; `None` where they are no id.
pub(super) fn xray_trace_id(w3c: &str) -> Option<String> {
    is_id(w3c, 32).then(|| format!("1-{}-{}", &w3c[..8], &w3c[8..]))
}

/// The 32 hexadecimal digits of an X-Ray trace id.
pub fn w3c_trace_id(xray: &str) -> Option<String> {
    let rest = xray.strip_prefix("1-")?;
    let (time, random) = rest.split_once('-')?;
    let id = format!("{time}{random}").to_ascii_lowercase();
    (time.len() == 8 && is_id(&id, 32)).then_some(id)
}

/// Whether a text is an id: so many hexadecimal digits, not all of them 0.
pub(super) fn is_id(text: &str, digits: usize) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == digits && text.bytes().all(is_hex) && text.bytes().any(|byte| byte != b'0')
}

/// The `X-Amzn-Trace-Id` that says what a W3C `traceparent` says; `None` where that is none.
///
/// Source: W3C Trace Context, 3.2; AWS X-Ray, "Tracing header".
pub fn trace_header_of_w3c(traceparent: &str) -> Option<String> {
    let mut parts = traceparent.trim().split('-');
    let (version, trace, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    // A later version may have more parts.
    let ends = version != "00" || parts.next().is_none();
    if !is_hex(version) || version == "ff" || !is_hex(flags) || !ends || !is_id(parent, 16) {
        return None;
    }
    let root = xray_trace_id(trace)?;
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1;
    Some(format!("Root={root};Parent={parent};Sampled={sampled}"))
}

/// Trace id and parent span id, in W3C's form, that an `X-Amzn-Trace-Id` names.
pub fn w3c_of_trace_header(header: &str) -> Option<(String, Option<String>)> {
    let part = |name: &str| {
        let mut parts = header
            .split(';')
            .filter_map(|part| part.trim().split_once('='));
        parts
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    };
    let trace = w3c_trace_id(part("Root")?)?;
    let parent = part("Parent").map(str::to_ascii_lowercase);
    Some((trace, parent.filter(|parent| is_id(parent, 16))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traceparent_and_the_header_of_x_ray_say_the_same() {
        let header = trace_header_of_w3c("00-5f84c7a1e7d1852db8c4fd35d88bf49a-00f067aa0ba902b7-01");
        let header = header.expect("it is one");
        assert_eq!(
            header,
            "Root=1-5f84c7a1-e7d1852db8c4fd35d88bf49a;Parent=00f067aa0ba902b7;Sampled=1"
        );
        assert_eq!(
            w3c_of_trace_header(&header),
            Some((
                "5f84c7a1e7d1852db8c4fd35d88bf49a".to_string(),
                Some("00f067aa0ba902b7".to_string())
            ))
        );
        assert_eq!(
            w3c_of_trace_header("Root=1-5F84C7A1-e7d1852db8c4fd35d88bf49a;Sampled=0"),
            Some(("5f84c7a1e7d1852db8c4fd35d88bf49a".to_string(), None))
        );
        let later = "cc-5f84c7a1e7d1852db8c4fd35d88bf49a-00f067aa0ba902b7-00-what-comes";
        assert!(trace_header_of_w3c(later).is_some_and(|header| header.ends_with("Sampled=0")));
    }

    #[test]
    fn what_is_no_traceparent_becomes_no_header() {
        for text in [
            "",
            "00",
            "00-5f84c7a1e7d1852db8c4fd35d88bf49a-00f067aa0ba902b7",
            "00-5f84c7a1e7d1852db8c4fd35d88bf49a-00f067aa0ba902b7-01-more",
            "ff-5f84c7a1e7d1852db8c4fd35d88bf49a-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-5f84c7a1e7d1852db8c4fd35d88bf49a-0000000000000000-01",
            "00-5F84C7A1e7d1852db8c4fd35d88bf49a-00f067aa0ba902b7-01",
            "00-5f84c7a1e7d1852db8c4fd35d88bf49é-00f067aa0ba902b7-01",
        ] {
            assert_eq!(trace_header_of_w3c(text), None, "{text}");
        }
    }

    #[test]
    fn attributes_survive_both_ways() {
        let members =
            json!({ "a": "x", "b": 1, "c": 0.5, "d": true, "e": [1, "y"], "f": { "g": null } });
        let members = members.as_object().expect("it is one");
        let of = json!({ "attributes": pairs(members) });
        assert_eq!(&attributes(&of), members);
    }
}
