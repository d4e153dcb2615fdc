//! Values with their names in text that is no JSON as a whole.

use super::MARK;

/// Quotation marks of JSON, JavaScript and Python.
const QUOTES: [char; 3] = ['"', '\'', '`'];

/// The text without the values of `name`; `None`: it has none.
///
/// - `"number": "4242"`, with as many backslashes before its quotation marks as JSON in texts in JSON has.
/// - `'number': '4242'`, `number: '4242'`, `number=4242` and `number = 4242`, where the name is a word. A colon without
///   a space is one of an ARN.
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
        let quote = last.filter(|last| QUOTES.contains(last));
        let quoted = quote.and_then(|quote| after_quoted_name(after, quote));
        let value = match last {
            Some(last) if last.is_alphanumeric() || last == '_' => None,
            // Or the name of a pair that a text in quotation marks begins with.
            _ => quoted.or_else(|| after_plain_name(after)),
        };
        let Some(value) = value else {
            continue;
        };
        masked.push_str(&after[..after.len() - value.len()]);
        let (open, close) = match quotes_of(value) {
            Some(quotes) => quotes,
            // In JSON always quotation marks, so that it is JSON again.
            None if quote == Some('"') && quoted.is_some() => ("\"", "\""),
            None => ("", ""),
        };
        masked.push_str(open);
        masked.push_str(MARK);
        let (left, is_closed) = after_value(value, open);
        if is_closed {
            masked.push_str(close);
        }
        rest = left;
        is_masked = true;
    }
    masked.push_str(rest);
    is_masked.then_some(masked)
}

/// The value after a name whose quotation mark ends here.
fn after_quoted_name(after: &str, quote: char) -> Option<&str> {
    let closed = after.trim_start_matches('\\').strip_prefix(quote)?;
    if let Some(value) = closed.trim_start().strip_prefix(':') {
        return Some(value.trim_start());
    }
    after_equals(closed)
}

/// The value after a name without quotation marks.
fn after_plain_name(after: &str) -> Option<&str> {
    if let Some(value) = after_equals(after) {
        return Some(value);
    }
    let value = after.trim_start().strip_prefix(':')?;
    value
        .starts_with(char::is_whitespace)
        .then(|| value.trim_start())
}

/// The value after `=` on the same line.
fn after_equals(after: &str) -> Option<&str> {
    let spaces = [' ', '\t'];
    let value = after.trim_start_matches(spaces).strip_prefix('=')?;
    Some(value.trim_start_matches(spaces))
}

/// The quotation marks that a value has. The first one of Python's bytes has a letter before it.
fn quotes_of(value: &str) -> Option<(&str, &str)> {
    let quoted = value.strip_prefix('b').unwrap_or(value);
    let slashes = quoted.len() - quoted.trim_start_matches('\\').len();
    let is_quoted = quoted[slashes..].starts_with(QUOTES);
    is_quoted.then(|| {
        let close = &quoted[..=slashes];
        let open = &value[..value.len() - quoted.len() + close.len()];
        (open, close)
    })
}

/// How many backslashes a text ends with.
fn slashes_after(text: &str) -> usize {
    text.len() - text.trim_end_matches('\\').len()
}

/// What follows a value, and whether its end was seen or it had no quotation marks of its own.
///
/// - `open`: the quotation mark that it begins with, or would.
fn after_value<'v>(value: &'v str, open: &str) -> (&'v str, bool) {
    if let Some(text) = value.strip_prefix(open)
        && let Some(quote) = open.chars().next_back()
    {
        return match after_string(text, quote, slashes_after(&open[..open.len() - 1])) {
            Some(left) => (left, true),
            None => ("", false),
        };
    }
    let mut depth = 0_usize;
    let mut from = 0;
    while let Some(letter) = value[from..].chars().next() {
        let at = from;
        from += letter.len_utf8();
        match letter {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    return (&value[from..], true);
                }
            }
            quote if depth > 0 && QUOTES.contains(&quote) => {
                let Some(left) = after_string(&value[from..], quote, slashes_after(&value[..at]))
                else {
                    return ("", true);
                };
                from = value.len() - left.len();
            }
            letter if depth == 0 && (letter.is_whitespace() || "}],;&)'\"".contains(letter)) => {
                return (&value[at..], true);
            }
            _ => {}
        }
    }
    ("", true)
}

/// What follows a string; `None`: its end is not to be seen.
///
/// - `slashes`: before the quotation mark that it began with. Each text that it is in doubles the backslashes of what it
///   holds and adds one: 0, 1, 3, 7.
fn after_string(text: &str, quote: char, slashes: usize) -> Option<&str> {
    let mut from = 0;
    loop {
        let end = from + text[from..].find(quote)?;
        let before = slashes_after(&text[from..end]);
        from = end + quote.len_utf8();
        let is_end = match quote {
            // Pairs of backslashes are of the string. With more than pairs, the quotation mark is as well.
            '"' => before % (2 * (slashes + 1)) == slashes,
            // JSON puts no backslash before these, so a pair may be the one that was before it.
            _ => before == slashes,
        };
        if is_end {
            return Some(&text[from..]);
        }
    }
}
