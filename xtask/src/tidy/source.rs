//! Rust source without what is no code, so that a rule does not stumble over prose.

/// The text with comments and the insides of string and character literals blanked; lines stay.
pub fn code(text: &str) -> String {
    let mut scanner = Scanner {
        rest: text,
        code: String::with_capacity(text.len()),
    };
    while scanner.step() {}
    scanner.code
}

/// Code without its inline test modules: `#[cfg(test)] mod NAME { ... }`; lines stay.
pub fn without_tests(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        let (before, marked) = rest.split_at(at);
        kept.push_str(before);
        let end = end_of_item(marked);
        kept.extend(marked[..end].chars().filter(|c| *c == '\n'));
        rest = &marked[end..];
    }
    kept + rest
}

/// Names of the modules that only tests have in files of their own: `#[cfg(test)] mod NAME;`.
pub fn test_modules(code: &str) -> Vec<&str> {
    let mut modules = Vec::new();
    for (at, marker) in code.match_indices("#[cfg(test)]") {
        let item = &code[at + marker.len()..];
        let item = item[..item.find([';', '{']).map_or(item.len(), |end| end + 1)].trim();
        let declaration = item.rfind("mod ").map(|at| &item[at + "mod ".len()..]);
        modules.extend(declaration.and_then(|name| name.strip_suffix(';')));
    }
    modules
}

/// Where the item ends that begins here: after its `;` or its last brace.
fn end_of_item(item: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in item.char_indices() {
        match c {
            ';' if depth == 0 => return at + 1,
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    item.len()
}

struct Scanner<'a> {
    rest: &'a str,
    code: String,
}

impl Scanner<'_> {
    /// Takes one piece; `false` at the end.
    fn step(&mut self) -> bool {
        let Some(c) = self.rest.chars().next() else {
            return false;
        };
        let in_word = self
            .code
            .ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if self.rest.starts_with("//") {
            self.blank(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.blank(block_comment(self.rest));
        } else if c == '"' {
            self.literal(string(self.rest));
        } else if !in_word && let Some(length) = raw_string(self.rest) {
            self.literal(length);
        } else if c == '\''
            && let Some(length) = character(self.rest)
        {
            self.literal(length);
        } else {
            self.code.push(c);
            self.rest = &self.rest[c.len_utf8()..];
        }
        true
    }

    fn blank(&mut self, length: usize) {
        let (blanked, rest) = self.rest.split_at(length);
        self.code.extend(blanked.chars().filter(|c| *c == '\n'));
        self.rest = rest;
    }

    fn literal(&mut self, length: usize) {
        self.code.push('"');
        self.blank(length);
        self.code.push('"');
    }
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `r"..."`, `r#"..."#`, also with a `b` or a `c` before.
fn raw_string(text: &str) -> Option<usize> {
    let after = text
        .strip_prefix(['b', 'c'])
        .unwrap_or(text)
        .strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let begin = text.len() - after.len() + hashes;
    let inside = text[begin..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    Some(
        inside
            .find(&close)
            .map_or(text.len(), |at| begin + 1 + at + close.len()),
    )
}

/// A character literal; `None` for a lifetime.
fn character(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first == '\\' {
        chars.next()?;
        return chars.find(|(_, c)| *c == '\'').map(|(at, _)| at + 1);
    }
    let (at, second) = chars.next()?;
    (second == '\'').then_some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::{code, test_modules, without_tests};

    #[test]
    fn prose_is_blanked_and_lines_stay() {
        let text =
            "a // todo!()\n/* x /* y */\nz */ b \"todo!() \\\" \\n\" c r#\"d\"e\"# 'f' '\\'' <'g>";
        assert_eq!(code(text), "a \n\n b \"\" c \"\" \"\" \"\" <'g>");
    }

    #[test]
    fn test_modules_are_left_out_and_lines_stay() {
        let text = "a\n#[cfg(test)]\nmod tests {\n fn x() { y }\n}\nb\n#[cfg(test)]\nmod c;\nd";
        assert_eq!(without_tests(text), "a\n\n\n\n\nb\n\n\nd");
    }

    #[test]
    fn test_modules_in_files_of_their_own_are_known() {
        let text = "#[cfg(test)]\nmod tests;\n#[cfg(test)]\n#[path = \"\"]\npub mod b;\n#[cfg(test)]\nmod c {";
        assert_eq!(test_modules(text), ["tests", "b"]);
    }
}
