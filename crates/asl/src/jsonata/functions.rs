//! The functions that AWS adds to JSONata, and those that must not reach for a clock or for chance.
//!
//! Source: AWS Step Functions Developer Guide, "Transforming data with JSONata".

use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions, HostFnResult};
use jsonata_core::parser;
use jsonata_core::value::JValue;
use serde_json::Value;

use crate::intrinsic::{JavaRandom, hash};
use crate::{Entropy, Scope, Timestamp};

use super::{SEQUENCE_ITEMS_MAX, guard, urls, values};

/// Whole numbers below this are exact in the language's only kind of number.
const WHOLE_MAX: f64 = 9e15;

/// Makes those of our functions known to `evaluator` that `names` lists: each costs an allocation.
pub(super) fn register(
    evaluator: &mut Evaluator,
    names: &std::collections::BTreeSet<String>,
    scope: &Scope<'_>,
) -> Result<(), EvaluatorError> {
    let now = scope.now;
    for name in names {
        match name.as_str() {
            "partition" => evaluator.register_fn_override("partition", partition)?,
            "range" => evaluator.register_fn_override("range", range)?,
            "hash" => evaluator.register_fn_override("hash", digest)?,
            "parse" => evaluator.register_fn_override("parse", parse)?,
            // AWS: there is no $eval.
            "eval" => {
                evaluator.register_fn_override("eval", |_: &[JValue]| Err(not_a_function()))?
            }
            "now" => {
                evaluator.register_fn_override("now", move |args: &[JValue]| instant(now, args))?
            }
            "millis" => evaluator.register_fn_override("millis", move |_: &[JValue]| {
                Ok(JValue::Number(now.as_millis() as f64))
            })?,
            "toMillis" => evaluator
                .register_fn_override("toMillis", move |args: &[JValue]| to_millis(now, args))?,
            "encodeUrl" | "encodeUrlComponent" | "decodeUrl" | "decodeUrlComponent" => {
                let function = name.clone();
                evaluator.register_fn_override(name.as_str(), move |args: &[JValue]| {
                    urls::call(&function, args)
                })?;
            }
            "random" => {
                let entropy = own_entropy(scope);
                evaluator.register_fn_override("random", move |args: &[JValue]| {
                    random(&entropy, args)
                })?;
            }
            "uuid" => {
                let entropy = own_entropy(scope);
                evaluator.register_fn_override("uuid", move |_: &[JValue]| {
                    Ok(JValue::string(entropy.draw_uuid()))
                })?;
            }
            "shuffle" => {
                let entropy = own_entropy(scope);
                evaluator.register_fn_override("shuffle", move |args: &[JValue]| {
                    shuffle(&entropy, args)
                })?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// A stream of its own: the crate keeps a function longer than a scope lives.
fn own_entropy(scope: &Scope<'_>) -> Entropy {
    Entropy::derive(&scope.entropy.draw(), 0)
}

pub(super) fn failed(message: impl Into<String>) -> EvaluatorError {
    EvaluatorError::EvaluationError(message.into())
}

fn not_a_function() -> EvaluatorError {
    failed("T1006: Attempted to invoke a non-function")
}

/// The message with which JSONata refuses an argument; `position` counts from 1.
pub(super) fn refused<T>(function: &str, position: usize) -> Result<T, EvaluatorError> {
    Err(failed(format!(
        "T0410: Argument {position} of function \"{function}\" does not match function signature"
    )))
}

/// AWS: a fraction is rounded down (developer guide, "JSONata functions provided by Step Functions").
fn whole(args: &[JValue], function: &str, position: usize) -> Result<i64, EvaluatorError> {
    match args.get(position - 1).and_then(JValue::as_f64) {
        Some(number) if number.abs() < WHOLE_MAX => Ok(number.floor() as i64),
        _ => refused(function, position),
    }
}

/// `$partition(array, size)`: the array in parts of `size`, the last one shorter.
fn partition(args: &[JValue]) -> HostFnResult {
    let items = match args.first() {
        None | Some(JValue::Undefined) => return Ok(JValue::Undefined),
        Some(JValue::Array(items)) => items,
        Some(_) => return refused("partition", 1),
    };
    match usize::try_from(whole(args, "partition", 2)?) {
        Ok(size) if size > 0 => Ok(JValue::array(
            items
                .chunks(size)
                .map(|part| JValue::array(part.to_vec()))
                .collect(),
        )),
        _ => refused("partition", 2),
    }
}

/// `$range(first, last, step)`, both ends included.
///
/// AWS: the result is a sequence, so one number alone is not in an array.
fn range(args: &[JValue]) -> HostFnResult {
    let first = whole(args, "range", 1)?;
    let last = whole(args, "range", 2)?;
    let step = whole(args, "range", 3)?;
    if step == 0 {
        return refused("range", 3);
    }
    let span = if step > 0 { last - first } else { first - last };
    if span < 0 {
        return Ok(JValue::array(Vec::new()));
    }
    let steps = span / step.abs();
    if usize::try_from(steps).map_or(true, |steps| steps >= SEQUENCE_ITEMS_MAX) {
        return Err(failed(guard::MEMORY));
    }
    let numbers = (0..=steps).map(|n| JValue::Number((first + n * step) as f64));
    Ok(JValue::sequence(numbers.collect()))
}

/// `$hash(text, algorithm)`: lower-case hexadecimal.
fn digest(args: &[JValue]) -> HostFnResult {
    match args {
        [] | [JValue::Undefined, ..] => Ok(JValue::Undefined),
        [JValue::String(text), JValue::String(algorithm)] => hash(text, algorithm)
            .map(|digest| Ok(JValue::string(digest)))
            .unwrap_or_else(|| refused("hash", 2)),
        [JValue::String(_), ..] => refused("hash", 2),
        _ => refused("hash", 1),
    }
}

/// `$parse(json)`: the value that the text writes.
fn parse(args: &[JValue]) -> HostFnResult {
    match args {
        [] | [JValue::Undefined] => Ok(JValue::Undefined),
        [JValue::String(text)] => serde_json::from_str::<Value>(text)
            .map(|value| values::from_json(&value))
            .map_err(|problem| {
                failed(format!(
                    "the argument of $parse is not valid JSON: {problem}"
                ))
            }),
        _ => refused("parse", 1),
    }
}

/// `$random([seed])`.
///
/// AWS: a seed gives what `java.util.Random` gives.
fn random(entropy: &Entropy, args: &[JValue]) -> HostFnResult {
    match args {
        [] | [JValue::Undefined] => Ok(JValue::Number(entropy.draw_unit())),
        _ => Ok(JValue::Number(
            JavaRandom::seeded(whole(args, "random", 1)?).next_double(),
        )),
    }
}

/// `$shuffle(array)`, by Fisher and Yates.
fn shuffle(entropy: &Entropy, args: &[JValue]) -> HostFnResult {
    let mut items = match args {
        [] | [JValue::Undefined] => return Ok(JValue::Undefined),
        [JValue::Array(items)] => items.to_vec(),
        [single] => vec![single.clone()],
        _ => return refused("shuffle", 1),
    };
    for place in (1..items.len()).rev() {
        let other = (entropy.draw_unit() * (place + 1) as f64) as usize;
        items.swap(place, other.min(place));
    }
    Ok(JValue::array(items))
}

/// `$now([picture [, timezone]])` at `now`.
fn instant(now: Timestamp, args: &[JValue]) -> HostFnResult {
    let at = JValue::Number(now.as_millis() as f64);
    match args {
        [] => Ok(JValue::string(now.to_string())),
        [picture] => built_in("$fromMillis($a, $b)", &[&at, picture]),
        [picture, zone] => built_in("$fromMillis($a, $b, $c)", &[&at, picture, zone]),
        _ => refused("now", 3),
    }
}

/// `$toMillis(text [, picture])`: what a picture leaves out before its first part is taken from `now`.
fn to_millis(now: Timestamp, args: &[JValue]) -> HostFnResult {
    match args {
        [] | [JValue::Undefined, ..] => Ok(JValue::Undefined),
        [text] => built_in("$toMillis($a)", &[text]),
        [JValue::String(text), JValue::String(picture)] => {
            let (text_before, picture_before) = parts_of_now(now, picture);
            let text = JValue::string(format!("{text_before}{text}"));
            let picture = JValue::string(format!("{picture_before}{picture}"));
            built_in("$toMillis($a, $b)", &[&text, &picture])
        }
        [text, picture] => built_in("$toMillis($a, $b)", &[text, picture]),
        _ => refused("toMillis", 3),
    }
}

/// Text and picture of the parts of a date that come before the first one in `picture`, as they are at `now`.
///
/// Nothing when the picture counts weeks or days of the year, which cannot be mixed with these parts.
fn parts_of_now(now: Timestamp, picture: &str) -> (String, String) {
    const PARTS: [(char, &str, std::ops::Range<usize>); 6] = [
        ('Y', "[Y0001]", 0..4),
        ('M', "[M01]", 5..7),
        ('D', "[D01]", 8..10),
        ('H', "[H01]", 11..13),
        ('m', "[m01]", 14..16),
        ('s', "[s01]", 17..19),
    ];
    let letters: String = picture
        .replace("[[", "")
        .split('[')
        .skip(1)
        .filter_map(|marker| marker.trim_start().chars().next())
        .map(|letter| if letter == 'h' { 'H' } else { letter })
        .collect();
    let now = now.to_string();
    let (mut text_before, mut picture_before) = (String::new(), String::new());
    if letters.contains(['X', 'x', 'W', 'w', 'd', 'F'])
        || !letters.contains(PARTS.map(|(letter, ..)| letter))
    {
        return (text_before, picture_before);
    }
    for (_, part, place) in PARTS
        .into_iter()
        .take_while(|(letter, ..)| !letters.contains(*letter))
    {
        text_before.push_str(&now[place]);
        text_before.push(' ');
        picture_before.push_str(part);
        picture_before.push(' ');
    }
    (text_before, picture_before)
}

/// Calls what the crate has built in, which a function of ours hides: `call` names its arguments `$a`, `$b`, `$c`.
fn built_in(call: &str, args: &[&JValue]) -> HostFnResult {
    let mut context = Context::new();
    for (name, value) in ["a", "b", "c"].into_iter().zip(args) {
        context.bind(name.to_owned(), (*value).clone());
    }
    let ast = parser::parse(call).map_err(|problem| failed(problem.to_string()))?;
    Evaluator::with_options(context, EvaluatorOptions::default()).evaluate(&ast, &JValue::Undefined)
}
