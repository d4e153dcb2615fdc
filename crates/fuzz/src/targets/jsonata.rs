//! JSONata: expressions of the whole grammar, evaluated.

use serde_json::{Value, json};
use stepwell_asl::jsonata::{Expression, JsonataTemplate, Outcome};

use super::with_scope;
use crate::Target;
use crate::corpus::Corpus;
use crate::draw::Draw;

pub static TARGET: Target = Target {
    name: "jsonata",
    generate,
    read,
};

/// Deepest expression that is written on purpose; mutations nest as deep as they like.
const DEPTH_MAX: usize = 6;

const FUNCTIONS: [&str; 70] = [
    "string",
    "length",
    "substring",
    "substringBefore",
    "substringAfter",
    "uppercase",
    "lowercase",
    "trim",
    "pad",
    "contains",
    "split",
    "join",
    "match",
    "replace",
    "base64encode",
    "base64decode",
    "encodeUrlComponent",
    "decodeUrl",
    "number",
    "abs",
    "floor",
    "ceil",
    "round",
    "power",
    "sqrt",
    "random",
    "formatNumber",
    "formatBase",
    "formatInteger",
    "parseInteger",
    "sum",
    "max",
    "min",
    "average",
    "boolean",
    "not",
    "exists",
    "count",
    "append",
    "sort",
    "reverse",
    "shuffle",
    "distinct",
    "zip",
    "keys",
    "lookup",
    "spread",
    "merge",
    "sift",
    "each",
    "error",
    "assert",
    "type",
    "now",
    "millis",
    "fromMillis",
    "toMillis",
    "map",
    "filter",
    "single",
    "reduce",
    "eval",
    "partition",
    "range",
    "hash",
    "uuid",
    "parse",
    "clone",
    "f",
    "nothing",
];
const OPERATORS: [&str; 21] = [
    "+", "-", "*", "/", "%", "&", "=", "!=", "<", "<=", ">", ">=", "and", "or", "in", "~>", "..",
    ":=", "?:", "??", ".",
];
const LEAVES: [&str; 30] = [
    "$states.input",
    "$states.input.a",
    "$states.input.items",
    "$states.input.long",
    "$states.context.State.Name",
    "$states.result.r",
    "$states.errorOutput",
    "$x",
    "$text",
    "$o.k.v",
    "$o",
    "$undefined",
    "$",
    "$$",
    "null",
    "true",
    "'text'",
    "\"\\u00e9\"",
    "''",
    "[]",
    "{}",
    "[1..5]",
    "[1..1e6]",
    "/a+/i",
    "/(a+)+$/",
    "function($v){$v}",
    "function($a,$b){$a+$b}",
    "($f := function($n){$n < 1 ? 1 : $n * $f($n-1)}; $f(20))",
    "'[Y0001]-[M01]'",
    "'#,##0.00'",
];
const PIECES: [&str; 40] = [
    "$states",
    "$x",
    "$f(",
    "function($n){",
    "}",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ":=",
    "~>",
    "?",
    ":",
    ";",
    ",",
    ".",
    "..",
    "*",
    "**",
    "^(",
    "^(<a,>b)",
    "@$v",
    "#$i",
    "|a|{'b':c}|",
    "%",
    "/x/",
    "`a b`",
    "/*",
    "*/",
    "'",
    "\"",
    "\\u",
    "$pad(",
    "$range(1,1e12,1)",
    "[1..1e9]",
    "and",
    "in",
    "1e400",
];

fn generate(draw: &mut Draw, corpus: &Corpus) -> Vec<u8> {
    let text = if draw.once_in(3) {
        corpus.text(draw).to_owned()
    } else {
        let mut text = String::new();
        expression(draw, 0, &mut text);
        text
    };
    if draw.once_in(2) {
        draw.mutated(&text, &PIECES, corpus).into_bytes()
    } else {
        text.into_bytes()
    }
}

fn expression(draw: &mut Draw, depth: usize, text: &mut String) {
    if depth >= DEPTH_MAX {
        *text += draw.one_of(&LEAVES);
        return;
    }
    match draw.below(16) {
        0..=2 => *text += draw.one_of(&LEAVES),
        3 => *text += &draw.number(),
        4 | 5 => {
            expression(draw, depth + 1, text);
            *text += &format!(" {} ", draw.one_of(&OPERATORS));
            expression(draw, depth + 1, text);
        }
        6..=9 => {
            *text += &format!("${}", draw.one_of(&FUNCTIONS));
            let count = draw.below(4);
            listed(draw, depth, text, count, ["(", ", ", ")"]);
        }
        10 => {
            let count = draw.below(4);
            listed(draw, depth, text, count, ["[", ", ", "]"]);
        }
        11 => {
            let count = 1 + draw.below(3);
            listed(draw, depth, text, count, ["(", "; ", ")"]);
        }
        12 => {
            *text += "{'k': ";
            expression(draw, depth + 1, text);
            *text += "}";
        }
        13 => {
            expression(draw, depth + 1, text);
            *text += " ? ";
            expression(draw, depth + 1, text);
            *text += " : ";
            expression(draw, depth + 1, text);
        }
        14 => {
            *text += draw.one_of(&["$x", "$o", "$states.input.items", "$states.input"]);
            *text += draw.one_of(&[".", "[", "^(", "{$string($): "]);
            let close = match text.chars().last() {
                Some('[') => "]",
                Some('(') => ")",
                Some('.') => "",
                _ => "}",
            };
            expression(draw, depth + 1, text);
            *text += close;
        }
        _ => {
            *text += "($f := function($n, $m) {";
            expression(draw, depth + 1, text);
            *text += draw.one_of(&[
                "}; $f(1, 2))",
                "}; $map($x, $f))",
                "}; $f($f))",
                "}; $f($x, $f(?, 1)))",
            ]);
        }
    }
}

fn listed(
    draw: &mut Draw,
    depth: usize,
    text: &mut String,
    count: usize,
    [open, between, close]: [&str; 3],
) {
    *text += open;
    for position in 0..count {
        if position > 0 {
            *text += between;
        }
        expression(draw, depth + 1, text);
    }
    *text += close;
}

fn read(input: &[u8]) {
    let text = format!("{{% {} %}}", String::from_utf8_lossy(input));
    with_scope(|scope| {
        if let Ok(expression) = Expression::compile(&text, Outcome::Result) {
            drop(expression.variables());
            if let Ok(value) = expression.evaluate(scope, "Output") {
                let again = expression.evaluate(scope, "Output");
                // Entropy is drawn on, so only the failure may not depend on chance; what is printed must be JSON.
                drop(again);
                let printed = value.to_string();
                assert!(
                    serde_json::from_str::<Value>(&printed).is_ok(),
                    "a result is JSON: {printed}"
                );
            }
        }
        if let Ok(template) = JsonataTemplate::compile(
            &json!({"a": [text, {"b": text}]}),
            "Output",
            Outcome::Result,
        ) {
            drop(template.evaluate(scope));
        }
    });
}
