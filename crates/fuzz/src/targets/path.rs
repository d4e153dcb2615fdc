//! Paths, reference paths, and everything built of them: payload templates and Choice rules.

use serde_json::{Value, json};
use stepwell_asl::choice::Test;
use stepwell_asl::path::{Path, ReferencePath, ValuePath};
use stepwell_asl::payload_template::PayloadTemplate;

use super::with_scope;
use crate::Target;
use crate::corpus::Corpus;
use crate::draw::Draw;

pub static TARGET: Target = Target {
    name: "path",
    generate,
    read,
};

/// Deepest filter within a filter that is written on purpose.
const FILTER_DEPTH_MAX: usize = 5;
/// Most steps that are written on purpose.
const STEPS_MAX: usize = 8;

const NAMES: [&str; 14] = [
    "a", "b", "items", "id", "price", "tags", "deep", "n", "long", "length", "é", "a-b", "$", "@",
];
const OPERATORS: [&str; 22] = [
    "==", "!=", "<", "<=", ">", ">=", "=~", "in", "nin", "subsetof", "anyof", "noneof", "size",
    "empty", "contains", "&&", "||", "!", "===", "type", "is", "~",
];
const PIECES: [&str; 30] = [
    "..",
    "*",
    "[*]",
    "..*",
    "[?(@.a)]",
    "[?(@)]",
    "[?(",
    "[?",
    "@",
    "@.a",
    "$.a",
    "$$",
    "$$.State.Name",
    "$x",
    "[0]",
    "[-1]",
    "[0,1]",
    "[1:]",
    "[:2]",
    "[::2]",
    "['a','b']",
    "['']",
    "[\"a\"]",
    ".length()",
    "/a+/i",
    "=~",
    "&&",
    "||",
    "'a'",
    "[99999999999999999999]",
];

fn generate(draw: &mut Draw, corpus: &Corpus) -> Vec<u8> {
    let text = if draw.once_in(3) {
        corpus.text(draw).to_owned()
    } else {
        let mut text = draw
            .one_of(&["$", "$", "$", "$$", "$x", "$o", ""])
            .to_owned();
        steps(draw, 0, &mut text);
        text
    };
    if draw.once_in(2) {
        draw.mutated(&text, &PIECES, corpus).into_bytes()
    } else {
        text.into_bytes()
    }
}

fn steps(draw: &mut Draw, depth: usize, text: &mut String) {
    for _ in 0..draw.below(STEPS_MAX) {
        let name = draw.one_of(&NAMES);
        match draw.below(12) {
            0..=2 => *text += &format!(".{name}"),
            3 => *text += &format!("..{name}"),
            4 => *text += &format!("['{name}']"),
            5 => *text += &format!("['{name}', \"{}\"]", draw.one_of(&NAMES)),
            6 => *text += &format!("[{}]", draw.number()),
            7 => *text += &format!("[{}:{}]", draw.number(), draw.number()),
            8 => *text += draw.one_of(&[".*", "[*]", "..*", "..[*]", "..[0]", "[0, -1, 2]", "[:]"]),
            _ if depth < FILTER_DEPTH_MAX => {
                *text += "[?(";
                claim(draw, depth + 1, text);
                *text += ")]";
            }
            _ => *text += "[?(@)]",
        }
    }
}

/// What stands in a filter.
fn claim(draw: &mut Draw, depth: usize, text: &mut String) {
    match draw.below(8) {
        0 if depth < FILTER_DEPTH_MAX => {
            *text += "(";
            claim(draw, depth + 1, text);
            *text += draw.one_of(&[" && ", " || ", ") && (", ""]);
            claim(draw, depth + 1, text);
            *text += ")";
        }
        1 if depth < FILTER_DEPTH_MAX => {
            *text += "!";
            claim(draw, depth + 1, text);
        }
        2 => operand(draw, depth, text),
        _ => {
            operand(draw, depth, text);
            *text += &format!(" {} ", draw.one_of(&OPERATORS));
            operand(draw, depth, text);
        }
    }
}

fn operand(draw: &mut Draw, depth: usize, text: &mut String) {
    match draw.below(7) {
        0..=2 => {
            *text += draw.one_of(&["@", "$"]);
            if depth < FILTER_DEPTH_MAX {
                steps(draw, depth, text);
            }
        }
        3 => *text += &draw.number(),
        4 => {
            *text += draw.one_of(&[
                "'a'",
                "\"\"",
                "'\\''",
                "null",
                "true",
                "[1,2,'x']",
                "{}",
                "{\"c\":\"d\"}",
                "[]",
            ])
        }
        5 => {
            *text += draw.one_of(&[
                "/a+/",
                "/(a+)+$/i",
                "/(a|aa)*b/",
                "/[/",
                "/\\p{L}{1000}/",
                "/((((a*)*)*)*)*b/",
            ])
        }
        _ => *text += draw.one_of(&["undefined", "@.length()", "'unfinished"]),
    }
}

fn read(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    with_scope(|scope| {
        if let Ok(path) = Path::parse(&text) {
            match path.select(scope.input) {
                Ok(found) => assert!(
                    path.is_definite() || found.is_array(),
                    "many values are an array"
                ),
                Err(no_match) => assert!(!no_match.0.is_empty(), "what is missing is named"),
            }
        }
        if let Ok(path) = ReferencePath::parse(&text) {
            let before = path.get(scope.input).cloned();
            if let Ok(placed) = path.place(scope.input.clone(), json!({"placed": before})) {
                assert_eq!(
                    path.get(&placed),
                    Some(&json!({"placed": before})),
                    "what was placed is there"
                );
            }
        }
        if let Ok(path) = ValuePath::parse(&text) {
            drop(path.evaluate(scope, "value.$"));
            drop(path.filter(scope));
        }
        if let Ok(template) =
            PayloadTemplate::compile(&json!({"v.$": text, "l": [{"v.$": text}]}), "Parameters")
        {
            drop(template.evaluate(scope));
        }
        let rule = json!({"Or": [
            {"Variable": text, "IsPresent": false}, {"Variable": text, "StringMatches": "*a*a*a*"},
            {"Variable": "$.a.f", "NumericEqualsPath": text}
        ]});
        if let Ok(test) = Test::compile(&rule, "") {
            drop(test.holds(scope));
        }
        let matches = json!({"Variable": "$text", "StringMatches": Value::from(text.as_ref())});
        if let Ok(test) = Test::compile(&matches, "") {
            drop(test.holds(scope));
        }
    });
}
