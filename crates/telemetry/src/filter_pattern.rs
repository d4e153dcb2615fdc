//! Filter patterns of CloudWatch Logs on unstructured text.
//!
//! AWS: `a b` wants both, `?a ?b` wants one of them, `-a` wants none; quotes hold a phrase together; letters
//! match in their case. Patterns for JSON (`{ ... }`), for columns (`[ ... ]`) and regular expressions
//! (`%...%`) are not built.

/// A parsed pattern.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FilterPattern {
    all: Vec<String>,
    any: Vec<String>,
    none: Vec<String>,
}

impl FilterPattern {
    /// - Errors: what of the pattern is not built.
    pub(crate) fn parse(text: &str) -> Result<FilterPattern, &'static str> {
        let text = text.trim();
        if text.starts_with('{') {
            return Err("a filterPattern for JSON");
        }
        if text.starts_with('[') {
            return Err("a filterPattern for columns");
        }
        if text.contains('%') {
            return Err("a filterPattern with a regular expression");
        }
        let mut pattern = FilterPattern::default();
        let mut rest = text;
        while let Some(start) = rest.find(|c: char| !c.is_whitespace()) {
            rest = &rest[start..];
            let terms = match rest.as_bytes()[0] {
                b'?' => &mut pattern.any,
                b'-' => &mut pattern.none,
                _ => &mut pattern.all,
            };
            rest = rest.strip_prefix(['?', '-']).unwrap_or(rest);
            let (term, after) = term(rest);
            if !term.is_empty() {
                terms.push(term.to_owned());
            }
            rest = after;
        }
        Ok(pattern)
    }

    pub(crate) fn matches(&self, message: &str) -> bool {
        self.all.iter().all(|term| message.contains(term))
            && !self.none.iter().any(|term| message.contains(term))
            && (self.any.is_empty() || self.any.iter().any(|term| message.contains(term)))
    }
}

/// The first term of a text and what comes after it.
fn term(text: &str) -> (&str, &str) {
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted.split_once('"').unwrap_or((quoted, ""));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::FilterPattern;

    #[track_caller]
    fn check(pattern: &str, message: &str, expected: bool) {
        let pattern = FilterPattern::parse(pattern).expect("it is built");
        assert_eq!(pattern.matches(message), expected, "{message}");
    }

    #[test]
    fn terms_are_wanted_all_one_or_none() {
        check("", "anything", true);
        check("ERROR", "an ERROR here", true);
        check("error", "an ERROR here", false);
        check("ERROR disk", "disk ERROR", true);
        check("ERROR disk", "net ERROR", false);
        check("?disk ?net", "net ERROR", true);
        check("?disk ?net", "ERROR", false);
        check("ERROR -net", "net ERROR", false);
        check("\"disk full\"", "the disk full", true);
        check("\"disk full\"", "full disk", false);
    }

    #[test]
    fn what_is_not_built_is_named() {
        for pattern in ["{ $.a = 1 }", "[a, b]", "%[0-9]%"] {
            assert!(FilterPattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
