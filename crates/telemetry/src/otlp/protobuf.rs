//! Protobuf by a schema: bytes to values and back, and values of JSON brought into the same form.
//!
//! Source: protobuf.dev, "Encoding" and "ProtoJSON format".

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};
use serde_json::{Map, Value};

use super::Malformed;
use super::schema::{Field, Kind, Message};
use crate::encoding::{hex, put_varint, unhex, zigzag};

/// Messages inside each other. A span takes four, an attribute two, each level of a nested value two.
const DEPTH_MAX: usize = 64;

/// Values of one request: fields, elements and messages.
const VALUES_MAX: usize = 400_000;

/// Ids longer than this are none of OTLP.
const ID_BYTES_MAX: usize = 32;

/// How a field's bytes are told from the next field's.
mod wire {
    pub(super) const VARINT: u64 = 0;
    pub(super) const FIXED64: u64 = 1;
    pub(super) const LENGTH: u64 = 2;
    pub(super) const FIXED32: u64 = 5;
}

/// Reads a message.
pub(super) fn decode(message: &'static Message, bytes: &[u8]) -> Result<Value, Malformed> {
    let mut budget = VALUES_MAX;
    decode_message(message, bytes, 0, &mut budget)
}

/// Bytes that are read from the front.
struct Input<'b>(&'b [u8]);

impl<'b> Input<'b> {
    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for (at, byte) in self.0.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7f)
                .checked_shl(7 * at as u32)
                .unwrap_or(0);
            if byte & 0x80 == 0 {
                self.0 = &self.0[at + 1..];
                return Ok(value);
            }
        }
        Err(malformed("a varint has no end"))
    }

    fn take(&mut self, length: usize) -> Result<&'b [u8], Malformed> {
        if length > self.0.len() {
            return Err(malformed("a field is longer than its message"));
        }
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        Ok(taken)
    }

    fn fixed64(&mut self) -> Result<u64, Malformed> {
        let bytes = self.take(8)?;
        Ok(u64::from_le_bytes(
            bytes.try_into().expect("eight were taken"),
        ))
    }

    fn fixed32(&mut self) -> Result<u32, Malformed> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes(
            bytes.try_into().expect("four were taken"),
        ))
    }

    fn prefixed(&mut self) -> Result<&'b [u8], Malformed> {
        let length = self.varint()?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.take(length)
    }

    fn skip(&mut self, wire_type: u64) -> Result<(), Malformed> {
        match wire_type {
            wire::VARINT => drop(self.varint()?),
            wire::FIXED64 => drop(self.take(8)?),
            wire::LENGTH => drop(self.prefixed()?),
            wire::FIXED32 => drop(self.take(4)?),
            other => return Err(malformed(&format!("there is no wire type {other}"))),
        }
        Ok(())
    }
}

fn malformed(reason: &str) -> Malformed {
    Malformed(format!("the body is no protobuf message: {reason}"))
}

fn spend(budget: &mut usize) -> Result<(), Malformed> {
    *budget = budget
        .checked_sub(1)
        .ok_or_else(|| Malformed(format!("the request has more than {VALUES_MAX} values")))?;
    Ok(())
}

fn deeper(depth: usize) -> Result<usize, Malformed> {
    if depth >= DEPTH_MAX {
        let reason = format!("the request has more than {DEPTH_MAX} messages inside each other");
        return Err(Malformed(reason));
    }
    Ok(depth + 1)
}

fn decode_message(
    message: &'static Message,
    bytes: &[u8],
    depth: usize,
    budget: &mut usize,
) -> Result<Value, Malformed> {
    let depth = deeper(depth)?;
    let mut input = Input(bytes);
    let mut members = Map::new();
    while !input.0.is_empty() {
        let tag = input.varint()?;
        let (number, wire_type) = (tag >> 3, tag & 7);
        if number == 0 {
            return Err(malformed("a field has the number 0"));
        }
        let known = message
            .0
            .iter()
            .find(|field| u64::from(field.number) == number);
        let Some(field) = known else {
            input.skip(wire_type)?;
            continue;
        };
        let is_packed =
            wire_type == wire::LENGTH && field.is_repeated && wire_of(field.kind) != wire::LENGTH;
        if is_packed {
            let mut packed = Input(input.prefixed()?);
            while !packed.0.is_empty() {
                spend(budget)?;
                let value = decode_value(field.kind, &mut packed, depth, budget)?;
                put(&mut members, field, value);
            }
            continue;
        }
        if wire_type != wire_of(field.kind) {
            return Err(malformed(&format!("{} has another type", field.name)));
        }
        spend(budget)?;
        let value = decode_value(field.kind, &mut input, depth, budget)?;
        put(&mut members, field, value);
    }
    Ok(Value::Object(members))
}

/// A value that comes again replaces the first one, or is one more of a list.
fn put(members: &mut Map<String, Value>, field: &Field, value: Value) {
    if !field.is_repeated {
        members.insert(field.name.to_string(), value);
        return;
    }
    let list = members
        .entry(field.name)
        .or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(list) = list {
        list.push(value);
    }
}

fn wire_of(kind: Kind) -> u64 {
    match kind {
        Kind::Text | Kind::Bytes | Kind::Id | Kind::Message(_) => wire::LENGTH,
        Kind::Bool | Kind::Integer | Kind::Signed => wire::VARINT,
        Kind::Fixed32 => wire::FIXED32,
        Kind::Fixed64 | Kind::SignedFixed64 | Kind::Double => wire::FIXED64,
    }
}

fn decode_value(
    kind: Kind,
    input: &mut Input<'_>,
    depth: usize,
    budget: &mut usize,
) -> Result<Value, Malformed> {
    Ok(match kind {
        Kind::Text => {
            let text = std::str::from_utf8(input.prefixed()?);
            Value::from(text.map_err(|_| malformed("a text is not UTF-8"))?)
        }
        Kind::Bytes => Value::from(BASE64.encode(input.prefixed()?)),
        Kind::Id => {
            let id = input.prefixed()?;
            if id.len() > ID_BYTES_MAX {
                return Err(malformed("an id is too long"));
            }
            Value::from(hex(id))
        }
        Kind::Bool => Value::from(input.varint()? != 0),
        Kind::Integer => Value::from(input.varint()? as i64),
        Kind::Signed => {
            let coded = input.varint()?;
            Value::from((coded >> 1) as i64 ^ -((coded & 1) as i64))
        }
        Kind::Fixed32 => Value::from(input.fixed32()?),
        Kind::Fixed64 => Value::from(input.fixed64()?),
        Kind::SignedFixed64 => Value::from(input.fixed64()? as i64),
        Kind::Double => double(f64::from_bits(input.fixed64()?)),
        Kind::Message(message) => decode_message(message, input.prefixed()?, depth, budget)?,
    })
}

/// JSON has no number for what is none.
fn double(number: f64) -> Value {
    match number {
        number if number.is_nan() => Value::from("NaN"),
        f64::INFINITY => Value::from("Infinity"),
        f64::NEG_INFINITY => Value::from("-Infinity"),
        number => Value::from(number),
    }
}

/// The number of a value in either form.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            text => text.parse().ok(),
        },
        _ => None,
    }
}

/// Brings a message of JSON into the form that protobuf is read into: no member that the schema does not have, numbers as
/// numbers, ids in lower case.
pub(super) fn normalise(message: &'static Message, value: Value) -> Result<Value, Malformed> {
    let mut budget = VALUES_MAX;
    normalise_message(message, value, 0, &mut budget)
}

fn normalise_message(
    message: &'static Message,
    value: Value,
    depth: usize,
    budget: &mut usize,
) -> Result<Value, Malformed> {
    let depth = deeper(depth)?;
    let Value::Object(mut members) = value else {
        return Err(Malformed("a message is a JSON object".to_string()));
    };
    let mut normal = Map::new();
    for field in message.0 {
        let value = match members.remove(field.name) {
            None | Some(Value::Null) => continue,
            Some(value) => value,
        };
        let value = match (field.is_repeated, value) {
            (false, value) => {
                spend(budget)?;
                normalise_value(field, value, depth, budget)?
            }
            (true, Value::Array(values)) => {
                let mut list = Vec::with_capacity(values.len());
                for value in values {
                    spend(budget)?;
                    list.push(normalise_value(field, value, depth, budget)?);
                }
                Value::Array(list)
            }
            (true, _) => return Err(Malformed(format!("{} is a list", field.name))),
        };
        normal.insert(field.name.to_string(), value);
    }
    Ok(Value::Object(normal))
}

fn normalise_value(
    field: &Field,
    value: Value,
    depth: usize,
    budget: &mut usize,
) -> Result<Value, Malformed> {
    let wrong = |what: &str| Malformed(format!("{} is {what}", field.name));
    Ok(match field.kind {
        Kind::Message(message) => normalise_message(message, value, depth, budget)?,
        Kind::Text => match value {
            Value::String(text) => Value::String(text),
            _ => return Err(wrong("a text")),
        },
        Kind::Bytes => match value {
            Value::String(text) if unbase64(&text).is_some() => Value::String(text),
            _ => return Err(wrong("base64")),
        },
        Kind::Id => match value {
            Value::String(id)
                if id.len() <= 2 * ID_BYTES_MAX && id.bytes().all(|b| b.is_ascii_hexdigit()) =>
            {
                Value::String(id.to_ascii_lowercase())
            }
            _ => return Err(wrong("hexadecimal")),
        },
        Kind::Bool => match value {
            Value::Bool(_) => value,
            _ => return Err(wrong("true or false")),
        },
        Kind::Double => double(number(&value).ok_or_else(|| wrong("a number"))?),
        Kind::Integer | Kind::Signed | Kind::SignedFixed64 => {
            let found = integer(&value).and_then(|number| i64::try_from(number).ok());
            Value::from(found.ok_or_else(|| wrong("a whole number"))?)
        }
        Kind::Fixed32 | Kind::Fixed64 => {
            let found = integer(&value).and_then(|number| u64::try_from(number).ok());
            Value::from(found.ok_or_else(|| wrong("a whole number that is not negative"))?)
        }
    })
}

/// ProtoJSON: 64-bit numbers are texts, and numbers are taken.
fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => {
            let whole = number
                .as_i64()
                .map(i128::from)
                .or(number.as_u64().map(i128::from));
            whole.or_else(|| {
                let number = number.as_f64()?;
                (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i128)
            })
        }
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// Writes a message.
pub(super) fn encode(message: &'static Message, value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_message(message, value, &mut bytes);
    bytes
}

fn encode_message(message: &'static Message, value: &Value, bytes: &mut Vec<u8>) {
    for field in message.0 {
        let Some(value) = value.get(field.name) else {
            continue;
        };
        match value {
            Value::Array(values) if field.is_repeated => {
                if wire_of(field.kind) == wire::LENGTH {
                    for value in values {
                        encode_field(field, value, bytes);
                    }
                } else if !values.is_empty() {
                    let mut packed = Vec::new();
                    for value in values {
                        encode_value(field.kind, value, &mut packed);
                    }
                    put_prefixed(field.number, &packed, bytes);
                }
            }
            value => encode_field(field, value, bytes),
        }
    }
}

fn encode_field(field: &Field, value: &Value, bytes: &mut Vec<u8>) {
    match field.kind {
        Kind::Message(message) => {
            let mut inside = Vec::new();
            encode_message(message, value, &mut inside);
            put_prefixed(field.number, &inside, bytes);
        }
        Kind::Text => put_prefixed(field.number, text(value).as_bytes(), bytes),
        Kind::Id => put_prefixed(field.number, &unhex(text(value)).unwrap_or_default(), bytes),
        Kind::Bytes => {
            put_prefixed(
                field.number,
                &unbase64(text(value)).unwrap_or_default(),
                bytes,
            );
        }
        kind => {
            put_varint(bytes, u64::from(field.number) << 3 | wire_of(kind));
            encode_value(kind, value, bytes);
        }
    }
}

/// A value without its field's number; of a type that may be packed.
fn encode_value(kind: Kind, value: &Value, bytes: &mut Vec<u8>) {
    let whole = || integer(value).unwrap_or_default();
    match kind {
        Kind::Bool => put_varint(bytes, u64::from(value.as_bool().unwrap_or_default())),
        Kind::Integer => put_varint(bytes, whole() as u64),
        Kind::Signed => {
            let number = whole() as i64;
            put_varint(bytes, zigzag(number));
        }
        Kind::Fixed32 => bytes.extend((whole() as u32).to_le_bytes()),
        Kind::Fixed64 | Kind::SignedFixed64 => bytes.extend((whole() as u64).to_le_bytes()),
        Kind::Double => bytes.extend(number(value).unwrap_or_default().to_bits().to_le_bytes()),
        Kind::Text | Kind::Bytes | Kind::Id | Kind::Message(_) => {
            unreachable!("what has a length is written with its field")
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn put_prefixed(number: u32, inside: &[u8], bytes: &mut Vec<u8>) {
    put_varint(bytes, u64::from(number) << 3 | wire::LENGTH);
    put_varint(bytes, inside.len() as u64);
    bytes.extend(inside);
}

/// ProtoJSON takes both alphabets, with and without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

fn unbase64(text: &str) -> Option<Vec<u8>> {
    let standard: String = text
        .chars()
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    BASE64.decode(standard).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Signal;
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let request = json!({ "resourceSpans": [{
            "resource": { "attributes": [
                { "key": "service.name", "value": { "stringValue": "órders" } },
                { "key": "n", "value": { "intValue": -7 } },
                { "key": "b", "value": { "bytesValue": "AAEC/w==" } },
                { "key": "deep", "value": { "kvlistValue": { "values": [
                    { "key": "list", "value": { "arrayValue": { "values": [
                        { "boolValue": true }, { "doubleValue": 0.25 }, { "doubleValue": "NaN" },
                    ] } } },
                ] } } },
            ] },
            "scopeSpans": [{ "spans": [{
                "traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "00f067aa0ba902b7",
                "name": "pay", "kind": 2, "startTimeUnixNano": 1_700_000_000_000_000_001_u64,
                "endTimeUnixNano": 1_700_000_000_500_000_000_u64,
                "status": { "message": "no", "code": 2 },
            }] }],
        }] });
        let bytes = Signal::Traces.encode(&request);
        assert_eq!(Signal::Traces.decode(&bytes), Ok(request));
        let request = json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": [
            { "name": "h", "histogram": { "dataPoints": [{
                "count": 3, "sum": 6.5, "bucketCounts": [1, 2], "explicitBounds": [2.0], "min": 1.0, "max": 4.0,
            }], "aggregationTemporality": 1 } },
            { "name": "e", "exponentialHistogram": { "dataPoints": [{
                "count": 1, "scale": -3, "positive": { "offset": -2, "bucketCounts": [1] },
            }] } },
            { "name": "s", "sum": { "dataPoints": [{ "asInt": -5 }], "isMonotonic": true } },
        ] }] }] });
        let bytes = Signal::Metrics.encode(&request);
        assert_eq!(Signal::Metrics.decode(&bytes), Ok(request));
    }

    /// Bytes that `protoc` made of `key: "a" value { int_value: 150 }` in a resource of logs.
    #[test]
    fn the_bytes_are_those_of_protobuf() {
        let request = json!({ "resourceLogs": [{ "resource": { "attributes": [
            { "key": "a", "value": { "intValue": 150 } },
        ] } }] });
        let bytes = [
            0x0a, 0x0c, 0x0a, 0x0a, 0x0a, 0x08, 0x0a, 0x01, b'a', 0x12, 0x03, 0x18, 0x96, 0x01,
        ];
        assert_eq!(Signal::Logs.encode(&request), bytes);
        assert_eq!(Signal::Logs.decode(&bytes), Ok(request));
    }

    #[test]
    fn json_has_the_same_value_as_protobuf() {
        let text = br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{
            "timeUnixNano":"1700000000000000000","severityNumber":9,"body":{"stringValue":"x"},
            "traceId":"5B8EFFF798038103D269B633813FC60C","unknown":{"a":1},"flags":1}]}]}]}"#;
        let read = Signal::Logs.decode_json(text).expect("it is right");
        assert_eq!(
            read,
            json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [{
                "timeUnixNano": 1_700_000_000_000_000_000_u64, "severityNumber": 9,
                "body": { "stringValue": "x" }, "flags": 1,
                "traceId": "5b8efff798038103d269b633813fc60c",
            }] }] }] })
        );
        assert_eq!(Signal::Logs.decode(&Signal::Logs.encode(&read)), Ok(read));
    }

    #[test]
    fn bytes_of_json_are_base64_of_either_alphabet() {
        let body = |bytes: &str| {
            let request = json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [
                { "body": { "bytesValue": bytes } },
            ] }] }] });
            Signal::Logs.decode_json(request.to_string().as_bytes())
        };
        for (given, kept) in [
            ("AP+/", "AP+/"),
            ("AP-_", "AP+/"),
            ("AA==", "AA=="),
            ("AA", "AA=="),
            ("", ""),
        ] {
            let request = body(given).expect("it is right");
            let read = Signal::Logs.decode(&Signal::Logs.encode(&request));
            assert_eq!(read, body(kept), "{given}");
        }
        let Err(Malformed(reason)) = body("no base64!") else {
            panic!("it is none");
        };
        assert_eq!(reason, "bytesValue is base64");
    }

    fn refused(bytes: &[u8]) -> String {
        match Signal::Traces.decode(bytes) {
            Ok(value) => value.to_string(),
            Err(Malformed(reason)) => reason,
        }
    }

    #[test]
    fn what_is_no_message_is_refused_with_its_reason() {
        for (bytes, reason) in [
            (&[0x80_u8; 11][..], "a varint has no end"),
            (&[0x0a, 0x05, 0x00], "a field is longer than its message"),
            (
                &[
                    0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
                ],
                "longer than its message",
            ),
            (&[0x02, 0x00], "a field has the number 0"),
            (&[0x08, 0x00], "resourceSpans has another type"),
            (&[0x7b, 0x00], "there is no wire type 3"),
            // An unknown field is skipped.
            (&[0x78, 0x01], "{}"),
        ] {
            let told = refused(bytes);
            assert!(told.contains(reason), "{bytes:x?}: {told}");
        }
    }

    #[test]
    fn depth_and_number_of_values_are_bounded() {
        // kvlistValue inside kvlistValue, from the inside.
        let mut inside = Vec::new();
        for _ in 0..200 {
            let mut value = Vec::new();
            put_prefixed(6, &inside, &mut value);
            let mut pair = Vec::new();
            put_prefixed(2, &value, &mut pair);
            let mut list = Vec::new();
            put_prefixed(1, &pair, &mut list);
            inside = list;
        }
        let mut resource = Vec::new();
        put_prefixed(1, &inside, &mut resource);
        let mut request = Vec::new();
        put_prefixed(1, &resource, &mut request);
        assert!(refused(&request).contains("64 messages inside each other"));
        let many = [0x0a, 0x00].repeat(VALUES_MAX + 1);
        assert!(refused(&many).contains("more than 400000 values"));
    }
}
