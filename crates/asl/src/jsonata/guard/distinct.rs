//! `$distinct`, in the time that sorting takes: the crate compares every value with every other.

use std::collections::BTreeSet;

use jsonata_core::evaluator::HostFnResult;
use jsonata_core::value::JValue;

use super::bounds::Size;

/// The first of the equal values in an array; everything else as it is.
pub(super) fn distinct(value: &JValue) -> HostFnResult {
    let JValue::Array(items) = value else {
        return Ok(value.clone());
    };
    if items.len() <= 1 {
        return Ok(value.clone());
    }
    let mut left = Size::WALKED;
    left.take(value)?;
    let mut seen = BTreeSet::new();
    let mut kept = Vec::new();
    for item in items.iter() {
        let mut key = Vec::new();
        // A function equals nothing, not even itself.
        if !write_key(item, &mut key) || seen.insert(key) {
            kept.push(item.clone());
        }
    }
    Ok(if items.sequence {
        JValue::sequence(kept)
    } else {
        JValue::array(kept)
    })
}

/// Bytes that are the same for equal values only; `false` when `value` holds what equals nothing.
fn write_key(value: &JValue, key: &mut Vec<u8>) -> bool {
    match value {
        JValue::Null => key.push(b'n'),
        JValue::Bool(flag) => key.push(if *flag { b't' } else { b'f' }),
        JValue::Number(number) if number.is_nan() => return false,
        JValue::Number(number) => {
            key.push(b'0');
            // Zero and negative zero are equal; their sum is zero.
            key.extend((number + 0.0).to_bits().to_be_bytes());
        }
        JValue::String(text) => write_text(text, key),
        JValue::Array(items) => {
            key.push(b'[');
            key.extend(items.len().to_be_bytes());
            return jsonata_core::value::with_stack(|| {
                items.iter().all(|item| write_key(item, key))
            });
        }
        JValue::Object(members) => {
            key.push(b'{');
            key.extend(members.len().to_be_bytes());
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|left, right| left.0.cmp(right.0));
            return jsonata_core::value::with_stack(|| {
                members.into_iter().all(|(name, value)| {
                    write_text(name, key);
                    write_key(value, key)
                })
            });
        }
        _ => return false,
    }
    true
}

fn write_text(text: &str, key: &mut Vec<u8>) {
    key.push(b'"');
    key.extend(text.len().to_be_bytes());
    key.extend(text.as_bytes());
}
