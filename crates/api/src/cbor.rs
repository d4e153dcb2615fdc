//! CBOR (RFC 8949) as the Smithy protocol RPC v2 CBOR uses it: a bounded reader to JSON values, a writer of [`Tree`]s.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};

use crate::tree::Tree;

/// Levels of arrays, maps and tags; the deepest shape has fewer than ten.
const DEPTH_MAX: usize = 32;

/// Items of one body. An item of one byte becomes a value of some thirty.
const ITEMS_MAX: usize = 2_000_000;

/// Bytes that an announced length may reserve before they are there.
const RESERVED_MAX: usize = 1_024;

/// Tag of an instant in seconds since 1970.
const EPOCH_SECONDS: u64 = 1;

/// The value of a body, as JSON would give it.
///
/// - Bytes become base64, an instant (tag 1) its number; NaN and the infinities become the texts `NaN`, `Infinity`,
///   `-Infinity`, as AWS JSON writes them. `undefined` is `null`. Other tags are taken off.
/// - A key that comes twice has its last value. Definite and indefinite lengths mean the same.
/// - Errors: what is wrong and at which byte; also for bytes after the value.
pub fn read(body: &[u8]) -> Result<Value, String> {
    let mut reader = Reader {
        body,
        at: 0,
        items: 0,
    };
    let value = reader.value(0)?;
    match reader.at == body.len() {
        true => Ok(value),
        false => Err(reader.refusal("bytes after the value")),
    }
}

struct Reader<'a> {
    body: &'a [u8],
    at: usize,
    items: usize,
}

/// The first byte of an item and the number that belongs to it.
struct Head {
    major: u8,
    /// The low five bits: 24 to 27 announce a longer argument, 31 an indefinite length.
    short: u8,
    argument: u64,
}

const INDEFINITE: u8 = 31;
const BREAK: u8 = 0xff;

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEPTH_MAX {
            return Err(self.refusal(&format!("more than {DEPTH_MAX} levels")));
        }
        self.items += 1;
        if self.items > ITEMS_MAX {
            return Err(self.refusal(&format!("more than {ITEMS_MAX} items")));
        }
        let head = self.head()?;
        match head.major {
            0 => Ok(Value::from(head.argument)),
            1 => Ok(negative(head.argument)),
            2 => Ok(Value::String(STANDARD.encode(self.bytes(&head)?))),
            3 => self.text(&head).map(Value::String),
            4 => self.list(&head, depth),
            5 => self.map(&head, depth),
            6 => self.tagged(&head, depth),
            _ => self.simple(&head),
        }
    }

    fn head(&mut self) -> Result<Head, String> {
        let first = self.take(1)?[0];
        let (major, short) = (first >> 5, first & 0x1f);
        let argument = match short {
            0..=23 => u64::from(short),
            24..=27 => {
                let bytes = self.take(1 << (short - 24))?;
                bytes
                    .iter()
                    .fold(0, |number, byte| number << 8 | u64::from(*byte))
            }
            INDEFINITE if matches!(major, 2..=5) => 0,
            _ => return Err(self.refusal("a first byte that means nothing here")),
        };
        Ok(Head {
            major,
            short,
            argument,
        })
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.body.get(self.at..end));
        let taken = taken.ok_or_else(|| self.refusal("the body ends in the middle"))?;
        self.at += count;
        Ok(taken)
    }

    fn counted(&mut self, head: &Head) -> Result<&'a [u8], String> {
        let count = usize::try_from(head.argument).unwrap_or(usize::MAX);
        self.take(count)
    }

    /// Bytes or the bytes of a text; in chunks where the length is indefinite.
    fn bytes(&mut self, head: &Head) -> Result<Vec<u8>, String> {
        if head.short != INDEFINITE {
            return self.counted(head).map(<[u8]>::to_vec);
        }
        let mut bytes = Vec::new();
        while !self.is_at_break()? {
            let chunk = self.head()?;
            if chunk.major != head.major || chunk.short == INDEFINITE {
                return Err(self.refusal("a chunk of another kind"));
            }
            bytes.extend_from_slice(self.counted(&chunk)?);
        }
        Ok(bytes)
    }

    fn text(&mut self, head: &Head) -> Result<String, String> {
        let bytes = self.bytes(head)?;
        String::from_utf8(bytes).map_err(|_| self.refusal("a text that is not UTF-8"))
    }

    /// Whether the next byte ends an item of indefinite length; then it is taken.
    fn is_at_break(&mut self) -> Result<bool, String> {
        let is_break = match self.body.get(self.at) {
            Some(byte) => *byte == BREAK,
            None => return Err(self.refusal("the body ends in the middle")),
        };
        self.at += usize::from(is_break);
        Ok(is_break)
    }

    /// Whether there is another element after `count` of them.
    fn goes_on(&mut self, head: &Head, count: u64) -> Result<bool, String> {
        match head.short {
            INDEFINITE => self.is_at_break().map(|ends| !ends),
            _ => Ok(count < head.argument),
        }
    }

    fn list(&mut self, head: &Head, depth: usize) -> Result<Value, String> {
        let announced = usize::try_from(head.argument).unwrap_or(usize::MAX);
        let mut elements = Vec::with_capacity(announced.min(RESERVED_MAX));
        let mut count = 0;
        while self.goes_on(head, count)? {
            elements.push(self.value(depth + 1)?);
            count += 1;
        }
        Ok(Value::Array(elements))
    }

    fn map(&mut self, head: &Head, depth: usize) -> Result<Value, String> {
        let mut members = Map::new();
        let mut count = 0;
        while self.goes_on(head, count)? {
            let key = self.head()?;
            if key.major != 3 {
                return Err(self.refusal("a key that is no text"));
            }
            let key = self.text(&key)?;
            members.insert(key, self.value(depth + 1)?);
            count += 1;
        }
        Ok(Value::Object(members))
    }

    fn tagged(&mut self, head: &Head, depth: usize) -> Result<Value, String> {
        let value = self.value(depth + 1)?;
        if head.argument == EPOCH_SECONDS && !value.is_number() {
            return Err(self.refusal("an instant that is no number"));
        }
        Ok(value)
    }

    fn simple(&mut self, head: &Head) -> Result<Value, String> {
        match (head.short, head.argument) {
            (20, _) => Ok(Value::Bool(false)),
            (21, _) => Ok(Value::Bool(true)),
            (22 | 23, _) => Ok(Value::Null),
            (25, bits) => Ok(float(half(bits as u16))),
            (26, bits) => Ok(float(f64::from(f32::from_bits(bits as u32)))),
            (27, bits) => Ok(float(f64::from_bits(bits))),
            _ => Err(self.refusal("a simple value that means nothing here")),
        }
    }

    fn refusal(&self, reason: &str) -> String {
        format!("the body is no CBOR: {reason} (at byte {})", self.at)
    }
}

/// `-1 - argument`.
fn negative(argument: u64) -> Value {
    match i64::try_from(argument) {
        Ok(argument) => Value::from(-1 - argument),
        Err(_) => float(-1.0 - argument as f64),
    }
}

/// A whole number reads as such, because clients write integers as floats and the other way round.
fn float(number: f64) -> Value {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0
        && number.abs() < EXACT_MAX
        && (number != 0.0 || number.is_sign_positive())
    {
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or_else(
        || {
            let text = match number {
                f64::INFINITY => "Infinity",
                f64::NEG_INFINITY => "-Infinity",
                _ => "NaN",
            };
            Value::String(text.to_owned())
        },
        Value::Number,
    )
}

/// IEEE 754 binary16. Source: RFC 8949, appendix D.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (fraction + 1024.0) * 2f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// The bytes of a value, with definite lengths; an instant is tag 1 and a double.
pub(crate) fn write(tree: &Tree) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    put(&mut bytes, tree);
    bytes
}

fn put(bytes: &mut Vec<u8>, tree: &Tree) {
    match tree {
        Tree::Null => bytes.push(0xf6),
        Tree::Bool(value) => bytes.push(0xf4 + u8::from(*value)),
        Tree::Int(number) => match u64::try_from(*number) {
            Ok(number) => head(bytes, 0, number),
            Err(_) => head(bytes, 1, number.unsigned_abs() - 1),
        },
        Tree::Float(number) => {
            bytes.push(0xfb);
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        Tree::Moment(seconds) => {
            head(bytes, 6, EPOCH_SECONDS);
            put(bytes, &Tree::Float(*seconds));
        }
        Tree::Text(text) => put_text(bytes, text),
        Tree::List(elements) => {
            head(bytes, 4, elements.len() as u64);
            elements.iter().for_each(|element| put(bytes, element));
        }
        Tree::Map(members) => {
            head(bytes, 5, members.len() as u64);
            for (key, value) in members {
                put_text(bytes, key);
                put(bytes, value);
            }
        }
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    head(bytes, 3, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

fn head(bytes: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    match argument {
        0..=23 => bytes.push(major | argument as u8),
        24..=0xff => bytes.extend([major | 24, argument as u8]),
        0x100..=0xffff => {
            bytes.push(major | 25);
            bytes.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            bytes.push(major | 26);
            bytes.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            bytes.push(major | 27);
            bytes.extend_from_slice(&argument.to_be_bytes());
        }
    }
}

/// A value in diagnostic notation, for tests and findings.
#[doc(hidden)]
pub fn spelt(body: &[u8]) -> String {
    let mut text = String::new();
    match read(body) {
        Ok(value) => write!(text, "{value}").expect("writing to a String"),
        Err(refusal) => text.push_str(&refusal),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text
            .chars()
            .filter_map(|c| c.to_digit(16).map(|digit| digit as u8))
            .collect();
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()
    }

    #[test]
    fn examples_of_the_standard_are_read() {
        // RFC 8949, appendix A.
        for (bytes, value) in [
            ("00", "0"),
            ("1818", "24"),
            ("1903e8", "1000"),
            ("1bffffffffffffffff", "18446744073709551615"),
            ("3903e7", "-1000"),
            ("3bffffffffffffffff", "-1.8446744073709552e+19"),
            ("f90000", "0"),
            ("f98000", "-0.0"),
            ("f93c00", "1"),
            ("fb3ff199999999999a", "1.1"),
            ("f93e00", "1.5"),
            ("f97bff", "65504"),
            ("fa47c35000", "100000"),
            ("f90001", "5.960464477539063e-8"),
            ("f9c400", "-4"),
            ("f97c00", "\"Infinity\""),
            ("f97e00", "\"NaN\""),
            ("fbfff0000000000000", "\"-Infinity\""),
            ("f4", "false"),
            ("f7", "null"),
            ("c11a514b67b0", "1363896240"),
            ("c1fb41d452d9ec200000", "1363896240.5"),
            ("4401020304", "\"AQIDBA==\""),
            ("62c3bc", "\"ü\""),
            ("83010203", "[1,2,3]"),
            ("a26161016162820203", "{\"a\":1,\"b\":[2,3]}"),
            ("5f42010243030405ff", "\"AQIDBAU=\""),
            ("7f657374726561646d696e67ff", "\"streaming\""),
            ("9f018202039f0405ffff", "[1,[2,3],[4,5]]"),
            ("bf61610161629f0203ffff", "{\"a\":1,\"b\":[2,3]}"),
        ] {
            assert_eq!(spelt(&hex(bytes)), value, "{bytes}");
        }
    }

    #[test]
    fn what_is_no_cbor_is_refused_with_its_place() {
        for (bytes, refusal) in [
            ("", "the body ends in the middle (at byte 0)"),
            ("62c3", "the body ends in the middle (at byte 1)"),
            ("0000", "bytes after the value (at byte 1)"),
            ("ff", "a first byte that means nothing here (at byte 1)"),
            ("1c", "a first byte that means nothing here (at byte 1)"),
            (
                "9bffffffffffffffff",
                "the body ends in the middle (at byte 9)",
            ),
            ("a10101", "a key that is no text (at byte 2)"),
            ("61ff", "a text that is not UTF-8 (at byte 2)"),
            ("7f4161ff", "a chunk of another kind (at byte 2)"),
            ("c16161", "an instant that is no number (at byte 3)"),
            ("f8ff", "a simple value that means nothing here (at byte 2)"),
        ] {
            assert_eq!(
                spelt(&hex(bytes)),
                format!("the body is no CBOR: {refusal}"),
                "{bytes}"
            );
        }
        let deep = vec![0x81; 100_000];
        assert!(spelt(&deep).contains("more than 32 levels"));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let tree = Tree::Map(vec![
            ("small".into(), Tree::Int(-25)),
            ("large".into(), Tree::Int(i64::MAX)),
            ("when".into(), Tree::Moment(1.5)),
            (
                "list".into(),
                Tree::List(vec![Tree::Null, Tree::Bool(true), Tree::Float(0.1)]),
            ),
            ("text".into(), Tree::Text("x".repeat(300))),
        ]);
        let value = read(&write(&tree)).expect("it is CBOR");
        let text = "x".repeat(300);
        let wanted = serde_json::json!({
            "small": -25, "large": i64::MAX, "when": 1.5, "list": [null, true, 0.1], "text": text
        });
        assert_eq!(value, wanted);
    }
}
