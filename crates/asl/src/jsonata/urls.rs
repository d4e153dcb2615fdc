//! `$encodeUrl` and its kin: JavaScript's functions of nearly the same names, as in the reference implementation.
//!
//! The crate's own keep and escape other characters.

use jsonata_core::evaluator::HostFnResult;
use jsonata_core::value::JValue;
use serde_json::Value;

use super::functions::{failed, refused};

/// Characters that stay, besides the letters and digits of ASCII.
const PLAIN: &[u8] = b"-_.!~*'()";
/// Characters that stay in a whole URL, and whose escapes stay when one is decoded.
const RESERVED: &[u8] = b";/?:@&=+$,#";

/// Calls the function `name`.
pub(super) fn call(name: &str, args: &[JValue]) -> HostFnResult {
    let text = match args {
        [JValue::Undefined] => return Ok(JValue::Undefined),
        [JValue::String(text)] => text,
        [] | [_] => return refused(name, 1),
        _ => return refused(name, 2),
    };
    let kept = match name {
        "encodeUrl" | "decodeUrl" => RESERVED,
        _ => &[],
    };
    if name.starts_with("encode") {
        return Ok(JValue::string(encoded(text, kept)));
    }
    decoded(text, kept).map(JValue::string).ok_or_else(|| {
        let text = Value::from(&**text);
        failed(format!("D3140: Malformed URL passed to ${name}(): {text}"))
    })
}

fn encoded(text: &str, kept: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || PLAIN.contains(&byte) || kept.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// `None` when an escape is not whole, or what is escaped is not UTF-8.
fn decoded(text: &str, kept: &[u8]) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            decoded.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        rest = after;
        let [high, low] = [digits[0], digits[1]].map(|digit| char::from(digit).to_digit(16));
        let byte = u8::try_from(high? * 16 + low?).ok()?;
        if kept.contains(&byte) {
            decoded.push(b'%');
            decoded.extend(digits);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}
