//! Telling that a text is JSON without building its value.

use crate::payload::PAYLOAD_DEPTH_MAX;

/// Digits of a number before it is left to the parser: below that, no number is out of range.
const DIGITS_MAX: usize = 300;

/// How deep a text nests that is certainly JSON; `None` where only the parser can tell.
///
/// - Never `Some` for a text that the parser refuses: exponents, `\u`, numbers without end and keys that
///   the parser takes for its own are left to it, and so is what nests deeper than [`PAYLOAD_DEPTH_MAX`].
pub(crate) fn depth_of_plain(text: &str) -> Option<usize> {
    let mut scan = Scan {
        bytes: text.as_bytes(),
        at: 0,
        objects: 0,
        depth: 0,
        deepest: 0,
    };
    scan.skip_space();
    while scan.value_or_opening()? {}
    Some(scan.deepest)
}

struct Scan<'t> {
    bytes: &'t [u8],
    at: usize,
    /// A bit for each open array (0) or object (1), the innermost lowest.
    objects: u128,
    depth: usize,
    deepest: usize,
}

impl Scan<'_> {
    /// Reads a value or the opening of one, and what closes after it; whether another value follows.
    fn value_or_opening(&mut self) -> Option<bool> {
        match self.peek()? {
            b'{' => {
                self.open(1)?;
                if self.peek()? != b'}' {
                    self.key()?;
                    return Some(true);
                }
            }
            b'[' => {
                self.open(0)?;
                if self.peek()? != b']' {
                    return Some(true);
                }
            }
            b'"' => self.string()?,
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => return None,
        }
        self.closings()
    }

    /// Reads closing brackets, and the comma after them; whether there was a comma.
    #[inline]
    fn closings(&mut self) -> Option<bool> {
        loop {
            self.skip_space();
            if self.depth == 0 {
                return (self.at == self.bytes.len()).then_some(false);
            }
            let is_object = self.objects & 1 == 1;
            let next = self.peek()?;
            self.at += 1;
            match (next, is_object) {
                (b',', true) => {
                    self.skip_space();
                    self.key()?;
                    return Some(true);
                }
                (b',', false) => {
                    self.skip_space();
                    return Some(true);
                }
                (b'}', true) | (b']', false) => {
                    self.depth -= 1;
                    self.objects >>= 1;
                }
                _ => return None,
            }
        }
    }

    fn open(&mut self, mark: u128) -> Option<()> {
        self.at += 1;
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        self.objects = (self.objects << 1) | mark;
        self.skip_space();
        (self.depth <= PAYLOAD_DEPTH_MAX).then_some(())
    }

    #[inline]
    fn key(&mut self) -> Option<()> {
        let start = self.at;
        self.string()?;
        // The parser's own marks, such as that of a raw value.
        if self.bytes[start..].starts_with(b"\"$serde_json") {
            return None;
        }
        self.skip_space();
        if self.peek()? != b':' {
            return None;
        }
        self.at += 1;
        self.skip_space();
        Some(())
    }

    #[inline]
    fn string(&mut self) -> Option<()> {
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        loop {
            self.skip_ordinary();
            let next = self.peek()?;
            self.at += 1;
            match next {
                b'"' => return Some(()),
                b'\\' => match self.peek()? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
                    _ => return None,
                },
                0..0x20 => return None,
                _ => {}
            }
        }
    }

    /// Goes on to what may end or escape a string, eight bytes at a time.
    #[inline]
    fn skip_ordinary(&mut self) {
        while let Some(chunk) = self.bytes[self.at..].first_chunk::<8>() {
            let found = ends_of_string(u64::from_le_bytes(*chunk));
            if found != 0 {
                self.at += (found.trailing_zeros() / 8) as usize;
                return;
            }
            self.at += 8;
        }
    }

    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        let start = self.at;
        let is_zero = self.peek()? == b'0';
        let whole = self.digits();
        if whole == 0 || (is_zero && whole > 1) {
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return None;
            }
        }
        let is_plain = !matches!(self.peek(), Some(b'e' | b'E'));
        (is_plain && self.at - start <= DIGITS_MAX).then_some(())
    }

    #[inline]
    fn digits(&mut self) -> usize {
        let rest = &self.bytes[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        if !self.bytes[self.at..].starts_with(word) {
            return None;
        }
        self.at += word.len();
        Some(())
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}

/// The high bit of the first byte that is a quote, a backslash or a control character; above it, any bits.
#[inline]
fn ends_of_string(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGH;
    let quotes = below(word ^ (ONES * u64::from(b'"')), 1);
    let escapes = below(word ^ (ONES * u64::from(b'\\')), 1);
    quotes | escapes | below(word, 0x20)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::payload::depth_of;

    /// What the scan accepts, the parser accepts, and the depths agree; returns whether it accepts.
    fn check(text: &str) -> bool {
        let scanned = depth_of_plain(text);
        if let Some(depth) = scanned {
            let parsed = serde_json::from_str::<Value>(text);
            assert!(parsed.is_ok(), "{text}: {parsed:?}");
            assert_eq!(depth, depth_of(text), "{text}");
        }
        scanned.is_some()
    }

    #[test]
    fn ordinary_texts_need_no_parser() {
        for text in [
            "0",
            "-0.5",
            " true ",
            "null",
            r#""""#,
            r#""a\n\"\\\/b""#,
            "[]",
            "{}",
            "[ 1 , [2,{}] ]",
            r#"{"a": {"b": [1, 2.25, "c"]}, "häß": false}"#,
            "\"a text that is longer than eight bytes, ümläute too\"",
        ] {
            assert!(check(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_certain_is_left_to_the_parser() {
        let digits = "9".repeat(400);
        let deep = "[".repeat(121) + &"]".repeat(121);
        for text in [
            "",
            " ",
            "01",
            "-",
            "1.",
            ".5",
            "1e999",
            "1E5",
            "tru",
            "truex",
            "1 2",
            "[1,]",
            "[,1]",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            "{1:2}",
            "[1}",
            "{\"a\":1]",
            "]",
            "[",
            "\"",
            "\"\u{1}\"",
            "\"12345678\n\"",
            r#""\ud800""#,
            r#""\x""#,
            r#"{"$serde_json::private::RawValue": 5}"#,
            r#"{"a": {"$serde_json::private::RawValue": "["}}"#,
            &digits,
            &deep,
        ] {
            assert!(!check(text), "{text}");
        }
        assert!(check(&("[".repeat(120) + &"]".repeat(120))));
    }

    #[test]
    fn no_mutation_of_a_text_is_taken_that_the_parser_refuses() {
        let seeds = [
            r#"{"a": [1, -2.5, true, null, "x\\y"], "b": {"c": "0123456789abcdef"}}"#,
            r#"[[[{"k": "v\"w"}], []], {"": 0}, 10]"#,
        ];
        let bytes = br#"{}[]",:\0-.e1 tnu$"#;
        let mut accepted = 0;
        for seed in seeds {
            for at in 0..seed.len() {
                accepted += usize::from(check(&seed[..at]));
                accepted += usize::from(check(&(seed[..at].to_string() + &seed[at + 1..])));
                for byte in bytes {
                    let middle = char::from(*byte).to_string();
                    accepted +=
                        usize::from(check(&(seed[..at].to_string() + &middle + &seed[at..])));
                    accepted +=
                        usize::from(check(&(seed[..at].to_string() + &middle + &seed[at + 1..])));
                }
            }
        }
        assert!(accepted > 500, "only {accepted}");
    }
}
