//! Causes that differ only in what is of one execution are one cause.

use serde_json::Value;

use super::{Shown, cut};

/// Characters of a cause that tell it from others.
const CHARS_MAX: usize = 200;

/// Characters of a cause that are looked at: AWS allows 32,768.
const LOOKED_AT_MAX: usize = 4_096;

/// What stands for a number or an id.
const NUMBER: char = '#';

/// The cause as a group has it, and as it is shown.
pub(super) fn of_group(cause: &str, shown: Shown) -> String {
    // What is not shown goes while its name is there, and once more where the cause was cut in what stands for it.
    shown(normalised(&shown(cause.to_string())))
}

/// The cause without numbers, ids and payloads.
///
/// - Of what a function threw, the message alone; of several lines, the first.
/// - Text in braces or brackets becomes `{…}` and `[…]`; runs of digits and ids become `#`.
/// - At most 200 characters.
fn normalised(cause: &str) -> String {
    let message = message_of(cause);
    let line = message.as_deref().unwrap_or(cause);
    let line = line.lines().find(|line| !line.trim().is_empty());
    let line = cut(line.unwrap_or_default(), LOOKED_AT_MAX);
    let mut shown = String::new();
    for word in words(&without_payloads(&line)) {
        match word {
            Word::Uuid => number(&mut shown),
            Word::Letters(letters) if is_id(letters) => number(&mut shown),
            Word::Letters(letters) => {
                for letter in letters.chars() {
                    match letter.is_ascii_digit() {
                        true => number(&mut shown),
                        false => shown.push(letter),
                    }
                }
            }
            Word::Other(other) => shown.push(other),
        }
    }
    cut(&joined(&shown), CHARS_MAX)
}

/// What a function threw is JSON with its message.
fn message_of(cause: &str) -> Option<String> {
    if !cause.trim_start().starts_with('{') {
        return None;
    }
    let thrown: Value = serde_json::from_str(cause).ok()?;
    let message = thrown.get("errorMessage").or(thrown.get("Cause"))?;
    message.as_str().map(str::to_string)
}

enum Word<'t> {
    Uuid,
    /// Letters and digits.
    Letters(&'t str),
    Other(char),
}

fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        if let Some(after) = after_uuid(rest) {
            rest = after;
            return Some(Word::Uuid);
        }
        let end = rest
            .find(|letter: char| !letter.is_alphanumeric())
            .unwrap_or(rest.len());
        if end == 0 {
            rest = &rest[first.len_utf8()..];
            return Some(Word::Other(first));
        }
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(Word::Letters(word))
    })
}

/// What follows a UUID that a text begins with.
fn after_uuid(text: &str) -> Option<&str> {
    let (uuid, after) = text.split_at_checked(36)?;
    let is_uuid = uuid.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    is_uuid.then_some(after)
}

/// Hexadecimal digits, or a mix of letters and digits that nobody writes by hand.
fn is_id(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let is_hex = word.len() >= 6 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hex && digits >= 1) || (word.len() >= 12 && digits >= 3)
}

fn number(shown: &mut String) {
    if !shown.ends_with(NUMBER) {
        shown.push(NUMBER);
    }
}

/// Text between braces, brackets and what they enclose, left out. An opening one without its end takes the rest.
fn without_payloads(text: &str) -> String {
    let mut shown = String::new();
    let (mut depth, mut closing) = (0_usize, '}');
    let mut opening = '{';
    for letter in text.chars() {
        if depth == 0 {
            shown.push(letter);
            if letter == '{' || letter == '[' {
                (opening, closing) = match letter {
                    '{' => ('{', '}'),
                    _ => ('[', ']'),
                };
                depth = 1;
                shown.push('…');
            }
            continue;
        }
        if letter == opening {
            depth += 1;
        } else if letter == closing {
            depth -= 1;
            if depth == 0 {
                shown.push(letter);
            }
        }
    }
    shown
}

/// Parts of one number, date or id are one.
fn joined(shown: &str) -> String {
    let mut text = shown.to_string();
    for between in ["#-#", "#:#", "#.#", "#,#", "#/#", "#_#", "#T#"] {
        while text.contains(between) {
            text = text.replace(between, "#");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_one_execution_is_left_out() {
        for (cause, expected) in [
            ("order ord-1042 declined", "order ord-# declined"),
            (
                r#"{"errorType":"Error","errorMessage":"card 4242 4242 declined","trace":["x"]}"#,
                "card # # declined",
            ),
            (
                "no order 550e8400-e29b-41d4-a716-446655440000 since 2026-11-26T16:00:58.123Z",
                "no order # since #Z",
            ),
            (
                "The JSONPath '$.a' could not be found in the input '{\"id\":{\"n\":7}}'",
                "The JSONPath '$.a' could not be found in the input '{…}'",
            ),
            ("got [1, [2]] and {", "got […] and {…"),
            ("first line 1\n    at f (x.ts:3:4)", "first line #"),
            (
                "connect ECONNREFUSED 127.0.0.1:8080",
                "connect ECONNREFUSED #",
            ),
            ("request 7Kq29xLmPz04Ab failed", "request # failed"),
            ("naïve café 3€", "naïve café #€"),
            ("", ""),
        ] {
            assert_eq!(normalised(cause), expected, "{cause}");
        }
    }

    #[test]
    fn a_cause_is_bounded_in_characters() {
        let long = "ä".repeat(40_000);
        assert_eq!(normalised(&long).chars().count(), CHARS_MAX);
        let dashes = "1-".repeat(20_000);
        assert!(normalised(&dashes).len() <= 2);
    }
}
