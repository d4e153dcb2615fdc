//! Matches the regular expressions of the service models.
//!
//! The expressions are parsed when the code is generated (`xtask/src/codegen/pattern.rs`), so that
//! an expression outside this grammar fails the generation and not a request.

/// Most steps one match may take; an expression that needs more does not match.
const STEPS_MAX: u32 = 200_000;

/// A compiled expression; it must match the whole text, as in the services themselves.
#[derive(Debug)]
pub struct Pattern {
    /// The expression as the model writes it; part of the error text.
    pub source: &'static str,
    /// What to match.
    pub node: Node,
}

/// A part of an expression.
#[derive(Debug)]
pub enum Node {
    /// One character that is in the set, or is not if `negated`.
    Class {
        /// Whether the set is what must not match.
        negated: bool,
        /// The set.
        items: &'static [Item],
    },
    /// One after the other.
    Sequence(&'static [Node]),
    /// The first that leads to a match.
    Alternatives(&'static [Node]),
    /// As many as possible within the bounds, fewer if the rest needs it.
    Repeat {
        /// What is repeated.
        node: &'static Node,
        /// Fewest times.
        min: u32,
        /// Most times; `u32::MAX` is unbounded.
        max: u32,
    },
    /// What follows must match, or must not if `negated`; takes no text.
    Ahead {
        /// Whether what follows must not match.
        negated: bool,
        /// What is looked for.
        node: &'static Node,
    },
    /// The character before must not be in the set; takes no text.
    NotBehind(&'static [Item]),
    /// The beginning of the text.
    Start,
    /// The end of the text.
    End,
}

/// A set of characters.
#[derive(Debug)]
pub enum Item {
    /// From the first to the last, both included.
    Range(char, char),
    /// Unicode letters (`\p{L}`).
    Letters,
    /// Unicode separators (`\p{Z}`).
    Separators,
    /// Unicode numbers (`\p{N}`).
    Numbers,
}

impl Pattern {
    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        let matcher = Matcher {
            text,
            steps: std::cell::Cell::new(0),
        };
        matcher.at(&self.node, 0, &|end| end == text.len())
    }
}

impl Item {
    fn has(&self, c: char) -> bool {
        match self {
            Self::Range(first, last) => (*first..=*last).contains(&c),
            Self::Letters => c.is_alphabetic(),
            Self::Separators => c.is_whitespace() && !c.is_control(),
            Self::Numbers => c.is_numeric(),
        }
    }
}

fn in_set(items: &[Item], c: char) -> bool {
    items.iter().any(|item| item.has(c))
}

/// A backtracking matcher; `rest` decides whether what follows a position matches.
struct Matcher<'a> {
    text: &'a str,
    steps: std::cell::Cell<u32>,
}

type Rest<'r> = &'r dyn Fn(usize) -> bool;

impl Matcher<'_> {
    fn at(&self, node: &Node, at: usize, rest: Rest<'_>) -> bool {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > STEPS_MAX {
            return false;
        }
        match node {
            Node::Class { negated, items } => self.one(*negated, items, at).is_some_and(rest),
            Node::Sequence(nodes) => match nodes.split_first() {
                None => rest(at),
                Some((first, others)) => self.at(first, at, &|next| {
                    self.at(&Node::Sequence(others), next, rest)
                }),
            },
            Node::Alternatives(nodes) => nodes.iter().any(|node| self.at(node, at, rest)),
            Node::Repeat {
                node: Node::Class { negated, items },
                min,
                max,
            } => self.run(*negated, items, (*min, *max), at, rest),
            Node::Repeat { node, min, max } => self.repeat(node, (*min, *max), 0, at, rest),
            Node::Ahead { negated, node } => self.at(node, at, &|_| true) != *negated && rest(at),
            Node::NotBehind(items) => {
                let before = self.text[..at].chars().next_back();
                !before.is_some_and(|c| in_set(items, c)) && rest(at)
            }
            Node::Start => at == 0 && rest(at),
            Node::End => at == self.text.len() && rest(at),
        }
    }

    fn one(&self, negated: bool, items: &[Item], at: usize) -> Option<usize> {
        let c = self.text[at..].chars().next()?;
        (in_set(items, c) != negated).then(|| at + c.len_utf8())
    }

    /// A run of single characters: a loop, so that a long text needs no deep stack.
    fn run(
        &self,
        negated: bool,
        items: &[Item],
        (min, max): (u32, u32),
        at: usize,
        rest: Rest<'_>,
    ) -> bool {
        let mut end = at;
        let mut count = 0;
        while count < max
            && let Some(next) = self.one(negated, items, end)
        {
            end = next;
            count += 1;
        }
        loop {
            if count < min {
                return false;
            }
            if rest(end) {
                return true;
            }
            let Some(last) = self.text[at..end].chars().next_back() else {
                return false;
            };
            end -= last.len_utf8();
            count -= 1;
        }
    }

    fn repeat(
        &self,
        node: &Node,
        (min, max): (u32, u32),
        count: u32,
        at: usize,
        rest: Rest<'_>,
    ) -> bool {
        let again = |next: usize| {
            (next > at || count < min) && self.repeat(node, (min, max), count + 1, next, rest)
        };
        (count < max && self.at(node, at, &again)) || (count >= min && rest(at))
    }
}

#[cfg(test)]
mod tests {
    use crate::generated::{lambda, states};

    #[test]
    fn restricted_names_need_one_character_that_is_no_digit() {
        let pattern = &states::PATTERN_CHARACTER_RESTRICTED_NAME;
        let accepted = |text| pattern.matches(text);
        assert!(accepted("prod") && accepted("v1") && accepted("1.2") && accepted("-"));
        assert!(
            !accepted("123") && !accepted("!INVALID") && !accepted("a b") && !accepted("ALIAS@")
        );
    }

    #[test]
    fn function_names_come_in_four_forms() {
        let pattern = &lambda::PATTERN_NAMESPACED_FUNCTION_NAME;
        for name in [
            "my-function",
            "my-function:v1",
            "123456789012:function:my-function",
            "arn:aws:lambda:us-west-2:123456789012:function:my-function:$LATEST",
        ] {
            assert!(pattern.matches(name), "{name}");
        }
        for name in [
            "",
            "my function",
            "arn:aws:lambda:us-west-2:12:function:f",
            "f:",
        ] {
            assert!(!pattern.matches(name), "{name}");
        }
    }

    #[test]
    fn a_text_made_to_backtrack_ends() {
        let text = "a:".repeat(5_000);
        assert!(!lambda::PATTERN_NAMESPACED_FUNCTION_NAME.matches(&text));
    }

    #[test]
    fn unicode_classes_and_bounds_hold() {
        assert!(lambda::PATTERN_TAG_KEY.matches("Größe 10 = ключ"));
        assert!(!lambda::PATTERN_TAG_KEY.matches("a!b"));
        assert!(lambda::PATTERN_S3_BUCKET.matches("my.bucket"));
        assert!(!lambda::PATTERN_S3_BUCKET.matches("my.bucket."));
        assert!(lambda::PATTERN_HANDLER.matches("src/app.handler"));
        assert!(!lambda::PATTERN_HANDLER.matches("src/app handler"));
    }
}
