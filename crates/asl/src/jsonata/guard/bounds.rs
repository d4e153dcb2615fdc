//! The functions that measure operands.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use jsonata_core::evaluator::{Evaluator, EvaluatorError, HostFnResult};
use jsonata_core::functions::string::string as to_text;
use jsonata_core::value::JValue;

use super::super::{SEQUENCE_ITEMS_MAX, TEXT_CHARACTERS_MAX};
use super::MEMORY;
use super::distinct::distinct;

/// Most values inside one that is made a text.
const PRINTED_VALUES_MAX: usize = 1_000_000;
/// Most bytes that one `$replace` may make, estimated from above.
const REPLACED_BYTES_MAX: usize = 1 << 26;
/// Longest text that `$match` searches: the largest payload. A match takes hundreds of bytes.
const MATCHED_BYTES_MAX: usize = 256 << 10;
/// Deepest value of which `**` takes the descendants: the crate copies them once for every level.
const DESCENDED_DEPTH_MAX: usize = 1_000;
/// Most numbers that the ranges of one evaluation list together.
const RANGED_ITEMS_MAX: f64 = 8e6;
/// Longest range whose length can be counted: the crate counts in 64 bits, from ends of any size.
const RANGE_SPAN_MAX: f64 = 9e15;
/// Most items that one array may take from its elements, in longest sequences.
const LISTED_SEQUENCES_MAX: f64 = 8.0;
/// Widest part of a picture: more digits than a number has.
const PICTURE_WIDTH_MAX: usize = 18;
/// Largest number that is written as a Roman numeral: a thousand times `M`.
const NUMERAL_MAX: f64 = 1e6;
/// Furthest from 1970 that a date of JavaScript can be, in milliseconds (ECMA-262, 21.4.1.1).
const INSTANT_MS_MAX: f64 = 8.64e15;

pub(super) const CONCATENATE: &str = "bounded concatenation";
pub(super) const PRINT: &str = "bounded printing";
pub(super) const PRINTED: &str = "bounded value";
pub(super) const WIDTH: &str = "bounded width";
pub(super) const JOINED: &str = "bounded items";
pub(super) const SEPARATOR: &str = "bounded separator";
pub(super) const REPLACED: &str = "bounded text";
pub(super) const REPLACEMENT: &str = "bounded replacement";
pub(super) const INSTANT: &str = "bounded instant";
pub(super) const COMPARED: &str = "bounded operand";
pub(super) const COPIED: &str = "bounded copy";
pub(super) const DESCENDED: &str = "bounded descent";
pub(super) const DISTINCT: &str = "bounded distinct";
pub(super) const LISTED: &str = "bounded element";
pub(super) const MATCHED: &str = "bounded match";
pub(super) const NUMERAL: &str = "bounded numeral";
pub(super) const PICTURE: &str = "bounded picture";
pub(super) const RANGE_FIRST: &str = "bounded first";
pub(super) const RANGE_LAST: &str = "bounded last";
pub(super) const ZIPPED: &str = "bounded zip";

/// Makes those of the guards known to `evaluator` that `names` lists: each costs an allocation.
pub(in crate::jsonata) fn register(
    evaluator: &mut Evaluator,
    names: &BTreeSet<&'static str>,
) -> Result<(), EvaluatorError> {
    for name in names {
        match *name {
            CONCATENATE => evaluator.register_fn_override(CONCATENATE, concatenate)?,
            PRINT => evaluator.register_fn_override(PRINT, print)?,
            PRINTED => evaluator.register_fn_override(PRINTED, |args: &[JValue]| {
                measured(first(args), Size::LARGEST_TEXT)
            })?,
            WIDTH => evaluator.register_fn_override(WIDTH, |args: &[JValue]| {
                no_larger(args, TEXT_CHARACTERS_MAX as f64)
            })?,
            INSTANT => evaluator.register_fn_override(INSTANT, instant)?,
            COMPARED => evaluator.register_fn_override(COMPARED, compared)?,
            COPIED => evaluator.register_fn_override(COPIED, |args: &[JValue]| {
                measured(first(args), Size::LARGEST_TEXT)
            })?,
            DESCENDED => evaluator.register_fn_override(DESCENDED, |args: &[JValue]| {
                let left = Size {
                    depth: DESCENDED_DEPTH_MAX,
                    ..Size::LARGEST_TEXT
                };
                measured(first(args), left)
            })?,
            DISTINCT => evaluator
                .register_fn_override(DISTINCT, |args: &[JValue]| distinct(&first(args)))?,
            MATCHED => evaluator.register_fn_override(MATCHED, |args: &[JValue]| {
                within(args, 1, 0, MATCHED_BYTES_MAX)
            })?,
            PICTURE => {
                evaluator.register_fn_override(PICTURE, |args: &[JValue]| picture(first(args)))?
            }
            NUMERAL => evaluator
                .register_fn_override(NUMERAL, |args: &[JValue]| no_larger(args, NUMERAL_MAX))?,
            ZIPPED => {
                evaluator.register_fn_override(ZIPPED, |args: &[JValue]| shared(args, 2.0))?
            }
            LISTED => evaluator.register_fn_override(LISTED, |args: &[JValue]| {
                shared(args, LISTED_SEQUENCES_MAX)
            })?,
            RANGE_FIRST | RANGE_LAST => register_ranges(evaluator)?,
            JOINED | SEPARATOR => register_join(evaluator)?,
            REPLACED | REPLACEMENT => register_replace(evaluator)?,
            name => unreachable!("the guard '{name}' is not known"),
        }
    }
    Ok(())
}

/// The items wait until the separator is known.
fn register_join(evaluator: &mut Evaluator) -> Result<(), EvaluatorError> {
    let joined = Rc::new(Cell::new((0, 0)));
    let items = Rc::clone(&joined);
    evaluator.register_fn_override(JOINED, move |args: &[JValue]| {
        let value = first(args);
        items.set(joined_size(&value));
        Ok(value)
    })?;
    evaluator.register_fn_override(SEPARATOR, move |args: &[JValue]| {
        let (count, bytes) = joined.get();
        within(args, count, bytes, Size::LARGEST_TEXT.bytes)
    })
}

/// The text waits until the replacement is known.
fn register_replace(evaluator: &mut Evaluator) -> Result<(), EvaluatorError> {
    let replaced = Rc::new(Cell::new(0));
    let text = Rc::clone(&replaced);
    evaluator.register_fn_override(REPLACED, move |args: &[JValue]| {
        let value = first(args);
        text.set(value.as_str().map_or(0, str::len));
        Ok(value)
    })?;
    evaluator.register_fn_override(REPLACEMENT, move |args: &[JValue]| {
        within(args, replaced.get(), 0, REPLACED_BYTES_MAX)
    })
}

fn measured(value: JValue, mut left: Size) -> HostFnResult {
    left.take(&value)?;
    Ok(value)
}

/// An operand of a comparison: of a text or a number nothing is walked.
fn compared(args: &[JValue]) -> HostFnResult {
    match first(args) {
        value @ (JValue::Array(_) | JValue::Object(_)) => measured(value, Size::WALKED),
        value => Ok(value),
    }
}

fn no_larger(args: &[JValue], most: f64) -> HostFnResult {
    match first(args) {
        JValue::Number(number) if number.abs() > most => Err(too_large()),
        value => Ok(value),
    }
}

fn instant(args: &[JValue]) -> HostFnResult {
    match first(args) {
        JValue::Number(millis) if millis.abs() > INSTANT_MS_MAX => Err(
            EvaluatorError::EvaluationError("Invalid time value".to_owned()),
        ),
        value => Ok(value),
    }
}

/// Counts what `first..last` lists. Ranges nest, so the first ends wait on a stack.
fn register_ranges(evaluator: &mut Evaluator) -> Result<(), EvaluatorError> {
    let waiting = Rc::new(RefCell::new(Vec::new()));
    let firsts = Rc::clone(&waiting);
    evaluator.register_fn_override(RANGE_FIRST, move |args: &[JValue]| {
        let value = first(args);
        firsts.borrow_mut().push(value.as_f64().unwrap_or(f64::NAN));
        Ok(value)
    })?;
    let listed = Cell::new(0.0);
    evaluator.register_fn_override(RANGE_LAST, move |args: &[JValue]| {
        let value = first(args);
        let from = waiting.borrow_mut().pop().unwrap_or(f64::NAN);
        // What is no number has its own error, and one range that is too long alone is refused where it is made.
        let last = value.as_f64().unwrap_or(f64::NAN);
        let items = last - from + 1.0;
        if items > 0.0 && items <= SEQUENCE_ITEMS_MAX as f64 {
            listed.set(listed.get() + items);
        }
        if items > RANGE_SPAN_MAX || listed.get() > RANGED_ITEMS_MAX {
            return Err(too_large());
        }
        Ok(value)
    })
}

/// The picture of a date, unless a part of it is too wide.
fn picture(value: JValue) -> HostFnResult {
    let text = value.as_str().unwrap_or_default();
    let is_wide = |digits: &str| {
        let width = digits.parse::<usize>();
        digits.len() > PICTURE_WIDTH_MAX || width.is_ok_and(|width| width > PICTURE_WIDTH_MAX)
    };
    // AWS: what comes after the last comma is a width; before it, digits only show where digits go.
    for part in picture_parts(text) {
        // The crate cuts the first letter off at its first byte, and takes a comma for the end of what follows it.
        if let Some(letter) = part.chars().find(|c| !c.is_whitespace())
            && !letter.is_ascii_alphabetic()
        {
            return Err(EvaluatorError::EvaluationError(format!("D3132: {letter}")));
        }
        let (shown, widths) = part.rsplit_once(',').unwrap_or((part, ""));
        let shown = shown.split(|c: char| !c.is_ascii_digit());
        let mut widths = widths.split(|c: char| !c.is_ascii_digit());
        if shown
            .into_iter()
            .any(|digits| digits.len() > PICTURE_WIDTH_MAX)
            || widths.any(is_wide)
        {
            return Err(EvaluatorError::EvaluationError(format!(
                "a part of a date is at most {PICTURE_WIDTH_MAX} characters wide, unlike in '[{part}]'"
            )));
        }
    }
    Ok(value)
}

/// What stands between the brackets of a picture; `[[` is a bracket to be written.
fn picture_parts(picture: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = picture;
    while let Some((_, after)) = rest.split_once('[') {
        if let Some(written) = after.strip_prefix('[') {
            rest = written;
            continue;
        }
        let Some((part, after)) = after.split_once(']') else {
            parts.push(after);
            break;
        };
        parts.push(part);
        rest = after;
    }
    parts
}

/// One of several values that are put together, before how many they are: all together have no more items than
/// `sequences` of the longest sequences, and each no more than one.
fn shared(args: &[JValue], sequences: f64) -> HostFnResult {
    let value = first(args);
    let count = args.get(1).and_then(JValue::as_f64).unwrap_or(1.0);
    let most = SEQUENCE_ITEMS_MAX as f64 * (sequences / count).min(1.0);
    match &value {
        JValue::Array(items) if items.len() as f64 > most => Err(too_large()),
        _ => Ok(value),
    }
}

fn too_large() -> EvaluatorError {
    EvaluatorError::EvaluationError(MEMORY.to_owned())
}

fn first(args: &[JValue]) -> JValue {
    args.first().cloned().unwrap_or(JValue::Undefined)
}

/// The first argument, unless `count` copies of it and `bytes` more exceed `most`.
fn within(args: &[JValue], count: usize, bytes: usize, most: usize) -> HostFnResult {
    let value = first(args);
    let length = value.as_str().map_or(0, str::len);
    if count.saturating_mul(length).saturating_add(bytes) > most {
        return Err(too_large());
    }
    Ok(value)
}

/// Number and bytes of the items that `$join` puts together.
fn joined_size(value: &JValue) -> (usize, usize) {
    match value {
        JValue::Array(items) => {
            let bytes = items.iter().filter_map(JValue::as_str).map(str::len).sum();
            (items.len(), bytes)
        }
        _ => (1, value.as_str().map_or(0, str::len)),
    }
}

/// `a & b` with the length checked before the text is built.
fn concatenate(args: &[JValue]) -> HostFnResult {
    let mut left = Size::LARGEST_TEXT;
    let mut text = String::new();
    for value in args {
        left.take(value)?;
        match value {
            JValue::Undefined => {}
            JValue::String(part) => text.push_str(part),
            other => text.push_str(to_text(other, None)?.as_str().unwrap_or_default()),
        }
    }
    if text.len() > TEXT_CHARACTERS_MAX && text.chars().count() > TEXT_CHARACTERS_MAX {
        return Err(too_large());
    }
    Ok(JValue::string(text))
}

/// `$string(value)` with the size checked before the text is built.
fn print(args: &[JValue]) -> HostFnResult {
    let value = first(args);
    let mut left = Size::LARGEST_TEXT;
    left.take(&value)?;
    Ok(to_text(&value, None)?)
}

/// What is left for one text, or for one walk.
pub(super) struct Size {
    values: usize,
    bytes: usize,
    depth: usize,
}

impl Size {
    /// A character has at most four bytes.
    const LARGEST_TEXT: Size = Size {
        values: PRINTED_VALUES_MAX,
        bytes: 4 * TEXT_CHARACTERS_MAX,
        depth: usize::MAX,
    };

    /// What is walked to compare it. Shared values are walked again wherever they are.
    pub(super) const WALKED: Size = Size {
        values: 4 * PRINTED_VALUES_MAX,
        bytes: 1 << 26,
        depth: usize::MAX,
    };

    /// Takes the size of `value`; stops as soon as it is too large, so shared values cost no more than the bound.
    pub(super) fn take(&mut self, value: &JValue) -> Result<(), EvaluatorError> {
        self.values = self.values.checked_sub(1).ok_or_else(too_large)?;
        self.depth = self.depth.checked_sub(1).ok_or_else(too_large)?;
        match value {
            JValue::String(text) => self.take_bytes(text.len())?,
            JValue::Array(items) => jsonata_core::value::with_stack(|| {
                items.iter().try_for_each(|item| self.take(item))
            })?,
            JValue::Object(members) => jsonata_core::value::with_stack(|| {
                members.iter().try_for_each(|(name, value)| {
                    self.take_bytes(name.len())?;
                    self.take(value)
                })
            })?,
            _ => {}
        }
        self.depth += 1;
        Ok(())
    }

    fn take_bytes(&mut self, bytes: usize) -> Result<(), EvaluatorError> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or_else(too_large)?;
        Ok(())
    }
}
