//! `wildcard` of an event pattern: `*` takes any text, `\*` and `\\` are characters.

/// The texts between the wildcards: one more than there are wildcards.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wildcard(Vec<String>);

impl Wildcard {
    /// Reads a wildcard; errors: what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Wildcard, String> {
        let mut parts = vec![String::new()];
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            match character {
                '*' => {
                    if characters.peek().is_some_and(|(_, next)| *next == '*') {
                        return Err(format!("Consecutive wildcard characters at pos {at}"));
                    }
                    parts.push(String::new());
                    continue;
                }
                '\\' => match characters.next() {
                    Some((_, escaped @ ('*' | '\\'))) => push(&mut parts, escaped),
                    _ => return Err(format!("Invalid escape character at pos {at}")),
                },
                character => push(&mut parts, character),
            }
        }
        Ok(Wildcard(parts))
    }

    /// Whether a text is as the wildcard says. Takes time in proportion to text times wildcard at most.
    pub(super) fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = &self.0[..] else {
            return self.0.iter().all(|only| only == text);
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        // The earliest place of each part leaves the most for those that follow.
        for part in middle {
            let Some(at) = rest.find(part.as_str()) else {
                return false;
            };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last.as_str())
    }
}

fn push(parts: &mut [String], character: char) {
    if let Some(last) = parts.last_mut() {
        last.push(character);
    }
}
