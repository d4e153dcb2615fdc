//! Intrinsic functions: calls in calls, with arguments of every kind and size.

use stepwell_asl::intrinsic::Intrinsic;

use super::with_scope;
use crate::Target;
use crate::corpus::Corpus;
use crate::draw::Draw;

pub static TARGET: Target = Target {
    name: "intrinsic",
    generate,
    read,
};

/// Deepest call in a call that is written on purpose; the language allows ten.
const CALL_DEPTH_MAX: usize = 12;

const FUNCTIONS: [&str; 19] = [
    "Format",
    "StringToJson",
    "JsonToString",
    "Array",
    "ArrayPartition",
    "ArrayContains",
    "ArrayRange",
    "ArrayGetItem",
    "ArrayLength",
    "ArrayUnique",
    "Base64Encode",
    "Base64Decode",
    "Hash",
    "JsonMerge",
    "MathRandom",
    "MathAdd",
    "StringSplit",
    "UUID",
    "Unknown",
];
const PIECES: [&str; 22] = [
    "States.",
    "States.Format(",
    "States.Array(",
    "States.ArrayRange(0, 1000000000, 1)",
    "'",
    "\\'",
    "\\{",
    "{}",
    "{",
    "}",
    ",",
    "(",
    ")",
    "$",
    "$.a",
    "$$.x",
    "$x[0]",
    "null",
    "true",
    "'MD5'",
    "States.MathRandom(0, 1)",
    "1e3",
];
const ARGUMENTS: [&str; 22] = [
    "$",
    "$.a",
    "$.items",
    "$.items[*].id",
    "$.long",
    "$.gone",
    "$$",
    "$$.State.Name",
    "$x",
    "$text",
    "$o.k",
    "''",
    "'{}'",
    "'\\{\\}'",
    "'{}{}{}'",
    "'SHA-256'",
    "'eyJhIjoxfQ=='",
    "'{\"a\":[1]}'",
    "null",
    "true",
    "false",
    "'é👩‍👩‍👧'",
];

fn generate(draw: &mut Draw, corpus: &Corpus) -> Vec<u8> {
    let text = if draw.once_in(4) {
        corpus.text(draw).to_owned()
    } else {
        let mut text = String::new();
        call(draw, 0, &mut text);
        text
    };
    if draw.once_in(2) {
        draw.mutated(&text, &PIECES, corpus).into_bytes()
    } else {
        text.into_bytes()
    }
}

fn call(draw: &mut Draw, depth: usize, text: &mut String) {
    *text += &format!("States.{}(", draw.one_of(&FUNCTIONS));
    for position in 0..draw.below(4) {
        if position > 0 {
            *text += ", ";
        }
        match draw.below(5) {
            0 | 1 if depth < CALL_DEPTH_MAX => call(draw, depth + 1, text),
            2 => *text += &draw.number(),
            _ => *text += draw.one_of(&ARGUMENTS),
        }
    }
    *text += ")";
}

fn read(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    with_scope(|scope| {
        if let Ok(intrinsic) = Intrinsic::parse(&text) {
            assert!(!intrinsic.name().is_empty(), "a call has a name");
            drop(intrinsic.variables());
            drop(intrinsic.evaluate(scope));
        }
    });
}
