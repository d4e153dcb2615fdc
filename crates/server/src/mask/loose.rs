//! Values with their names in text that is no JSON as a whole.

use super::MARK;

/// Quotation marks of JSON, JavaScript and Python.
const QUOTES: [char; 3] = ['"', '\'', '`'];

/// What may be between a name, its sign and its value on one line.
const SPACES: [char; 2] = [' ', '\t'];

/// The text without the values of `name`; `None`: it has none.
///
/// - `"number": "4242"`, with as many backslashes before its quotation marks as JSON in texts in JSON has.
/// - `'number': '4242'`, `number: '4242'`, `number=4242` and `number = 4242`, where the name is a word. A colon without
///   a space is one of an ARN. `=` is also `==`, `===` and `=>`.
/// - A value without quotation marks ends where [`after_unquoted`] says.
/// - To the end of the text where a value's end is not to be seen.
pub(super) fn loosely(text: &str, name: &str) -> Option<String> {
    let mut masked = String::new();
    let mut rest = text;
    let mut is_masked = false;
    while let Some(at) = rest.find(name) {
        let (before, after) = rest.split_at(at + name.len());
        let before_name = &text[..text.len() - rest.len() + at];
        masked.push_str(before);
        rest = after;
        if is_in_word(before_name) {
            continue;
        }
        let quote = before_name.chars().next_back();
        let quote = quote.filter(|last| QUOTES.contains(last));
        let quoted = quote.and_then(|quote| after_quoted_name(after, quote));
        // Or the name of a pair that a text in quotation marks begins with.
        let Some(value) = quoted.or_else(|| after_plain_name(after)) else {
            continue;
        };
        let sign = &after[..after.len() - value.len()];
        masked.push_str(sign);
        let (open, close) = match quotes_of(value) {
            Some(quotes) => quotes,
            // In JSON always quotation marks, so that it is JSON again.
            None if quote == Some('"') && quoted.is_some() => ("\"", "\""),
            None => ("", ""),
        };
        masked.push_str(open);
        masked.push_str(MARK);
        let is_spaced = sign.ends_with(char::is_whitespace);
        let (left, is_closed) = after_value(value, open, is_spaced);
        if is_closed {
            masked.push_str(close);
        }
        rest = left;
        is_masked = true;
    }
    masked.push_str(rest);
    is_masked.then_some(masked)
}

/// Whether a text ends with a part of a word.
fn is_in_word(before: &str) -> bool {
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    // `\u000a`, which JSON may write for what is no letter.
    let code = before.len().checked_sub(6).and_then(|at| before.get(at..));
    let is_code = code.is_some_and(|code| {
        code.starts_with("\\u") && code[2..].bytes().all(|digit| digit.is_ascii_hexdigit())
    });
    // `\n`, `\t`: how many backslashes there are before the letter depends on how many texts the text is in.
    let ahead = before.strip_suffix(is_letter);
    ahead.is_some_and(|ahead| !ahead.ends_with('\\')) && !is_code
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

/// The value after `=`, `==`, `===` or `=>` on the same line.
fn after_equals(after: &str) -> Option<&str> {
    let sign = after.trim_start_matches(SPACES).strip_prefix('=')?;
    let sign = sign.trim_start_matches('=');
    let value = sign.strip_prefix('>').unwrap_or(sign);
    Some(value.trim_start_matches(SPACES))
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
/// - `is_spaced`: see [`after_unquoted`].
fn after_value<'v>(value: &'v str, open: &str, is_spaced: bool) -> (&'v str, bool) {
    if let Some(mut text) = value.strip_prefix(open)
        && let Some(mut quote) = open.chars().next_back()
    {
        let mut slashes = slashes_after(&open[..open.len() - 1]);
        while let Some(left) = after_string(text, quote, slashes) {
            let Some(next) = continued(left) else {
                return (left, true);
            };
            (quote, slashes, text) = next;
        }
        return ("", false);
    }
    (after_unquoted(value, is_spaced), true)
}

/// The next part of a string that goes on: its quotation mark, the backslashes before that, and what follows it.
///
/// - Node.js writes a `+` between the lines of a string, Python's pprint the end of a line alone.
fn continued(left: &str) -> Option<(char, usize, &str)> {
    let (mut next, mut is_on) = (left, false);
    loop {
        let letter = next.chars().next()?;
        let escaped = next.trim_start_matches('\\');
        next = match letter {
            '+' | '\n' => {
                is_on = true;
                &next[1..]
            }
            letter if letter.is_whitespace() => &next[letter.len_utf8()..],
            // The end of a line in JSON that is not parsed.
            '\\' if escaped.starts_with('n') => {
                is_on = true;
                &escaped[1..]
            }
            _ => break,
        };
    }
    let (open, _) = quotes_of(next).filter(|_| is_on)?;
    let quote = open.chars().next_back()?;
    let slashes = slashes_after(&open[..open.len() - 1]);
    Some((quote, slashes, &next[open.len()..]))
}

/// What follows a value without quotation marks. It ends
///
/// - at a comma, a semicolon, a bracket that closes one before it, and a quotation mark that does so;
/// - at the end of the line;
/// - at a space, unless `is_spaced`: one is before the value, as in `name: Jane Doe`. A value that begins with a bracket
///   ends at a space after its last one.
///
/// What is in brackets is of the value, and so are brackets after a space: `Card { number: '4242' }`,
/// `[Object: null prototype] { .. }`, `Set(1) { .. }`, `<ref *1> { .. }`.
fn after_unquoted(value: &str, is_spaced: bool) -> &str {
    let value = after_reference(value);
    let is_line = is_spaced && !opens(value);
    // Spaces before what ends a value are not of it.
    let ended = |at: usize| &value[value[..at].trim_end_matches(SPACES).len()..];
    let (mut depth, mut angles) = (0_usize, 0_usize);
    let mut from = 0;
    while let Some(letter) = value[from..].chars().next() {
        let at = from;
        from += letter.len_utf8();
        let (before, rest) = (&value[..at], &value[from..]);
        let is_inside = depth + angles > 0;
        match letter {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' if depth > 0 => depth -= 1,
            '<' if opens(&value[at..]) => angles += 1,
            // `=>` closes nothing.
            '>' if angles > 0 && !before.ends_with('=') => angles -= 1,
            quote if QUOTES.contains(&quote) => {
                if is_inside || (is_line && before.ends_with(SPACES)) {
                    let Some(left) = after_string(rest, quote, slashes_after(before)) else {
                        return "";
                    };
                    from = value.len() - left.len();
                } else if quote != '`' && !is_apostrophe(before, rest) {
                    return ended(at);
                }
            }
            _ if is_inside => {}
            space if SPACES.contains(&space) && is_line => {}
            space if SPACES.contains(&space) && opens(rest.trim_start_matches(SPACES)) => {
                from = value.len() - rest.trim_start_matches(SPACES).len();
            }
            '&' if is_line => {}
            letter if letter.is_whitespace() || "}],;&)".contains(letter) => return ended(at),
            _ => {}
        }
    }
    ""
}

/// A value without the `<ref *1> ` before an object that is in itself.
fn after_reference(value: &str) -> &str {
    let named = value.strip_prefix("<ref *");
    let named = named.map(|number| number.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    named
        .and_then(|named| named.strip_prefix("> "))
        .unwrap_or(value)
}

/// Whether a text begins with a bracket that opens. `<` opens `<Buffer 34 32>`, and is less than in `1 < 2`.
fn opens(text: &str) -> bool {
    let tag = text.strip_prefix('<');
    text.starts_with(['{', '[', '('])
        || tag.is_some_and(|tag| {
            tag.starts_with(|letter: char| letter.is_alphanumeric() || letter == '[')
        })
}

/// Whether a quotation mark between these is one of a word: `it's`.
fn is_apostrophe(before: &str, after: &str) -> bool {
    before.ends_with(char::is_alphanumeric) && after.starts_with(char::is_alphanumeric)
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
