//! A text that is looked for in others.

use stepwell_api::states;

use super::{TEXT_CHARS_MAX, invalid};

/// Found without regard to case.
pub(super) struct Needle {
    /// In lower case.
    text: String,
}

impl Needle {
    /// - `None`: nothing is looked for, or an empty text.
    /// - `name`: the member of the request, for the error.
    pub(super) fn of(name: &str, text: Option<&str>) -> Result<Option<Needle>, states::Error> {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let characters = text.chars().count();
        if characters > TEXT_CHARS_MAX {
            return Err(invalid(format!(
                "{name} has {characters} characters, at most {TEXT_CHARS_MAX} are allowed"
            )));
        }
        let text = text.to_lowercase();
        Ok(Some(Needle { text }))
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        if !self.text.is_ascii() {
            return text.to_lowercase().contains(&self.text);
        }
        let (wanted, text) = (self.text.as_bytes(), text.as_bytes());
        let Some((first, rest)) = wanted.split_first() else {
            return true;
        };
        let upper = first.to_ascii_uppercase();
        let ends = text.len().saturating_sub(rest.len());
        text.get(..ends).is_some_and(|starts| {
            let mut starts = starts.iter().enumerate();
            starts.any(|(at, byte)| {
                (byte == first || *byte == upper)
                    && text
                        .get(at + 1..at + wanted.len())
                        .is_some_and(|after| after.eq_ignore_ascii_case(rest))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_in(needle: &str, text: &str) -> bool {
        let needle = Needle::of("text", Some(needle)).expect("it is short");
        needle.expect("it is a text").is_in(text)
    }

    #[test]
    fn a_text_is_found_without_regard_to_case() {
        for (needle, text) in [
            ("ord", "ORD-1"),
            ("D-1", "ord-1"),
            ("Ord-1", "ord-1"),
            ("ü", "MÜLLER"),
            ("a", "a"),
        ] {
            assert!(is_in(needle, text), "{needle} in {text}");
        }
        for (needle, text) in [("ord", ""), ("ord", "or"), ("aab", "aaaac"), ("ü", "u")] {
            assert!(!is_in(needle, text), "{needle} in {text}");
        }
    }

    #[test]
    fn a_long_text_is_refused_and_an_empty_one_is_none() {
        assert!(Needle::of("name", Some("")).is_ok_and(|needle| needle.is_none()));
        let error = Needle::of("name", Some(&"é".repeat(257)))
            .err()
            .expect("it is too long");
        assert_eq!(
            error.message,
            "name has 257 characters, at most 256 are allowed"
        );
    }
}
