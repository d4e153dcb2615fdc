//! Values with their names in text that is no JSON as a whole.

use super::MARK;

/// The text without the values of `name`; `None`: it has none.
///
/// - `"number": "4242"`, with as many backslashes before its quotation marks as JSON in texts in JSON has.
/// - `number: '4242'` and `number=4242`, where the name is a word. A colon without a space is one of an ARN.
/// - To the end of the text where a value's end is not to be seen.
pub(super) fn loosely(text: &str, name: &str) -> Option<String> {
    let mut masked = String::new();
    let mut rest = text;
    let mut is_masked = false;
    while let Some(at) = rest.find(name) {
        let (before, after) = rest.split_at(at + name.len());
        let last = before[..at].chars().next_back();
        let last = last.or_else(|| masked.chars().next_back());
        masked.push_str(before);
        rest = after;
        let value = match last {
            Some('"') => after_quoted_name(after),
            Some(last) if last.is_alphanumeric() || last == '_' => None,
            _ => after_plain_name(after),
        };
        let Some(value) = value else {
            continue;
        };
        masked.push_str(&after[..after.len() - value.len()]);
        let (open, close) = match last {
            Some('"') => json_quotes(value),
            _ => plain_quotes(value),
        };
        masked.push_str(&open);
        masked.push_str(MARK);
        let (left, is_closed) = after_value(value, &open);
        if is_closed {
            masked.push_str(&close);
        }
        rest = left;
        is_masked = true;
    }
    masked.push_str(rest);
    is_masked.then_some(masked)
}

/// The value after a name whose quotation mark ends here.
fn after_quoted_name(after: &str) -> Option<&str> {
    let closed = after.trim_start_matches('\\').strip_prefix('"')?;
    Some(closed.trim_start().strip_prefix(':')?.trim_start())
}

/// The value after a name without quotation marks.
fn after_plain_name(after: &str) -> Option<&str> {
    if let Some(value) = after.strip_prefix('=') {
        return Some(value);
    }
    let value = after.trim_start().strip_prefix(':')?;
    value
        .starts_with(char::is_whitespace)
        .then(|| value.trim_start())
}

/// What a mark stands between in JSON: always quotation marks, so that it is JSON again.
fn json_quotes(value: &str) -> (String, String) {
    let slashes: String = value.chars().take_while(|letter| *letter == '\\').collect();
    let quotes = format!("{slashes}\"");
    (quotes.clone(), quotes)
}

/// The quotation marks that a value has, if it has any.
fn plain_quotes(value: &str) -> (String, String) {
    let quote = value
        .chars()
        .next()
        .filter(|letter| "'\"`".contains(*letter));
    let quote = quote.map(String::from).unwrap_or_default();
    (quote.clone(), quote)
}

/// What follows a value, and whether its end was seen or it had no quotation marks of its own.
fn after_value<'v>(value: &'v str, quotes: &str) -> (&'v str, bool) {
    if let Some(text) = value.strip_prefix(quotes).filter(|_| !quotes.is_empty()) {
        let mut from = 0;
        while let Some(at) = text.get(from..).and_then(|rest| rest.find(quotes)) {
            let end = from + at;
            // A quotation mark with more backslashes before it is one of the value.
            if !text[..end].ends_with('\\') {
                return (&text[end + quotes.len()..], true);
            }
            from = end + quotes.len();
        }
        return ("", false);
    }
    let mut depth = 0_usize;
    for (at, letter) in value.char_indices() {
        match letter {
            '{' | '[' => depth += 1,
            '}' | ']' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    return (&value[at + 1..], true);
                }
            }
            letter if depth == 0 && (letter.is_whitespace() || "}],;&)'\"".contains(letter)) => {
                return (&value[at..], true);
            }
            _ => {}
        }
    }
    ("", true)
}
