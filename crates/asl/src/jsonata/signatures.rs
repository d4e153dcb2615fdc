//! What the built-in functions take, to tell which of them refused an argument.
//!
//! Source: the signatures of the reference implementation, JSONata 2.0.6.

use std::collections::BTreeSet;

/// A letter for each parameter: `s` text, `n` number, `b` boolean, `a` array, `o` object, `f` function,
/// `N` array of numbers, `S` array of texts, `O` array of objects, `x` anything or several of these.
const SIGNATURES: [(&str, &str); 58] = [
    ("abs", "n"),
    ("append", "xx"),
    ("assert", "bs"),
    ("average", "N"),
    ("base64decode", "s"),
    ("base64encode", "s"),
    ("boolean", "x"),
    ("ceil", "n"),
    ("contains", "sx"),
    ("count", "a"),
    ("decodeUrl", "s"),
    ("decodeUrlComponent", "s"),
    ("distinct", "x"),
    ("each", "of"),
    ("encodeUrl", "s"),
    ("encodeUrlComponent", "s"),
    ("error", "s"),
    ("exists", "x"),
    ("filter", "af"),
    ("floor", "n"),
    ("formatBase", "nn"),
    ("formatInteger", "ns"),
    ("formatNumber", "nso"),
    ("fromMillis", "nss"),
    ("join", "Ss"),
    ("keys", "x"),
    ("length", "s"),
    ("lookup", "xs"),
    ("lowercase", "s"),
    ("map", "af"),
    ("match", "sfn"),
    ("max", "N"),
    ("merge", "O"),
    ("min", "N"),
    ("not", "x"),
    ("number", "x"),
    ("pad", "sns"),
    ("parseInteger", "ss"),
    ("power", "nn"),
    ("reduce", "afx"),
    ("replace", "sxxn"),
    ("reverse", "a"),
    ("round", "nn"),
    ("shuffle", "a"),
    ("sift", "of"),
    ("single", "af"),
    ("sort", "af"),
    ("split", "sxn"),
    ("spread", "x"),
    ("sqrt", "n"),
    ("string", "xb"),
    ("substring", "snn"),
    ("substringAfter", "ss"),
    ("substringBefore", "ss"),
    ("sum", "N"),
    ("toMillis", "ss"),
    ("trim", "s"),
    ("uppercase", "s"),
];

/// The function of `functions` that wants `kind` as its argument `index`; `None` unless it is one only.
///
/// - `index`: counts from 1, as in messages.
/// - `kind`: the crate's word, such as `String`, `an array of Number` or `(Number or String)`.
pub(super) fn refusing<'f>(
    functions: &'f BTreeSet<String>,
    index: usize,
    kind: &str,
) -> Option<&'f str> {
    let letter = match kind {
        "String" => 's',
        "Number" => 'n',
        "Boolean" => 'b',
        "Array" => 'a',
        "Object" => 'o',
        kind if kind.starts_with("Function") => 'f',
        "an array of Number" => 'N',
        "an array of String" => 'S',
        "an array of Object" => 'O',
        _ => 'x',
    };
    only(functions, |letters| {
        letters.chars().nth(index - 1) == Some(letter)
    })
}

/// The function of `functions` that refuses `got` arguments for not being `wanted` many, and the argument that is
/// missing or too much; `None` unless it is one only.
pub(super) fn miscounting(
    functions: &BTreeSet<String>,
    wanted: usize,
    got: usize,
) -> Option<(&str, usize)> {
    let name = only(functions, |letters| wanted <= letters.len())?;
    match got {
        got if got < wanted => Some((name, got + 1)),
        _ if wanted > 0 => Some((name, wanted + 1)),
        _ => None,
    }
}

/// The one built-in function of `functions` whose parameters are as `fits` says.
fn only(functions: &BTreeSet<String>, fits: impl Fn(&str) -> bool) -> Option<&str> {
    let mut names = SIGNATURES
        .iter()
        .filter(|(name, letters)| functions.contains(*name) && fits(letters));
    match (names.next(), names.next()) {
        (Some((name, _)), None) => Some(name),
        _ => None,
    }
}
