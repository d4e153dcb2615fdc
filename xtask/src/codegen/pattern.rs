//! Parses the regular expressions of the models into the static tree that
//! `stepwell_api::Pattern` matches. What the grammar lacks is an error here, not at run time.

use std::iter::Peekable;
use std::str::Chars;

use anyhow::{Result, bail, ensure};

/// The Rust expression of type `Node` for a regular expression.
pub fn node(expression: &str) -> Result<String> {
    let mut parser = Parser {
        chars: expression.chars().peekable(),
    };
    let node = parser.alternatives()?;
    ensure!(
        parser.chars.next().is_none(),
        "unbalanced ')' in the expression {expression}"
    );
    Ok(node)
}

struct Parser<'a> {
    chars: Peekable<Chars<'a>>,
}

impl Parser<'_> {
    fn alternatives(&mut self) -> Result<String> {
        let mut branches = vec![self.sequence()?];
        while self.chars.next_if_eq(&'|').is_some() {
            branches.push(self.sequence()?);
        }
        Ok(match branches.len() {
            1 => branches.remove(0),
            _ => format!("Node::Alternatives(&[{}])", branches.join(", ")),
        })
    }

    fn sequence(&mut self) -> Result<String> {
        let mut nodes = Vec::new();
        while let Some(c) = self.chars.peek() {
            if matches!(c, '|' | ')') {
                break;
            }
            let atom = self.atom()?;
            nodes.push(self.repeated(atom)?);
        }
        Ok(match nodes.len() {
            1 => nodes.remove(0),
            _ => format!("Node::Sequence(&[{}])", nodes.join(", ")),
        })
    }

    fn repeated(&mut self, atom: String) -> Result<String> {
        let (min, max) = match self.chars.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => return self.counted(&atom),
            _ => return Ok(atom),
        };
        self.chars.next();
        Ok(repeat(&atom, min, max))
    }

    fn counted(&mut self, atom: &str) -> Result<String> {
        self.chars.next();
        let mut bounds = String::new();
        loop {
            match self.chars.next() {
                Some('}') => break,
                Some(c) => bounds.push(c),
                None => bail!("a bound without '}}'"),
            }
        }
        let (min, max) = match bounds.split_once(',') {
            None => (bounds.parse()?, Some(bounds.parse()?)),
            Some((min, "")) => (min.parse()?, None),
            Some((min, max)) => (min.parse()?, Some(max.parse()?)),
        };
        Ok(repeat(atom, min, max))
    }

    fn atom(&mut self) -> Result<String> {
        let Some(c) = self.chars.next() else {
            bail!("an expression ends too early")
        };
        match c {
            '(' => self.group(),
            '[' => self.class(),
            '^' => Ok("Node::Start".to_owned()),
            '$' => Ok("Node::End".to_owned()),
            // Line ends are not matched by a dot.
            '.' => Ok(class(
                true,
                &["Item::Range('\\n', '\\n')", "Item::Range('\\r', '\\r')"],
            )),
            '\\' => {
                let (negated, items) = self.escape()?;
                let items: Vec<&str> = items.iter().map(String::as_str).collect();
                Ok(class(negated, &items))
            }
            c => Ok(class(false, &[&single(c)])),
        }
    }

    fn group(&mut self) -> Result<String> {
        let mut kind = String::new();
        if self.chars.next_if_eq(&'?').is_some() {
            while let Some(c) = self.chars.next_if(|c| matches!(c, '<' | '=' | '!' | ':')) {
                kind.push(c);
                if c != '<' {
                    break;
                }
            }
        } else {
            kind.push(':');
        }
        let node = self.alternatives()?;
        ensure!(self.chars.next() == Some(')'), "a group without ')'");
        match kind.as_str() {
            ":" => Ok(node),
            "=" => Ok(format!("Node::Ahead {{ negated: false, node: &{node} }}")),
            "!" => Ok(format!("Node::Ahead {{ negated: true, node: &{node} }}")),
            "<!" => {
                let items = node
                    .strip_prefix("Node::Class { negated: false, items: ")
                    .and_then(|rest| rest.strip_suffix(" }"));
                match items {
                    Some(items) => Ok(format!("Node::NotBehind({items})")),
                    None => bail!("only one character can be looked for behind"),
                }
            }
            kind => bail!("the group (?{kind} is not known"),
        }
    }

    fn class(&mut self) -> Result<String> {
        let negated = self.chars.next_if_eq(&'^').is_some();
        let mut items = Vec::new();
        loop {
            let first = match self.chars.next() {
                Some(']') => break,
                Some('\\') => match self.escaped_char()? {
                    Ok(c) => c,
                    Err(set) => {
                        items.extend(set);
                        continue;
                    }
                },
                Some(c) => c,
                None => bail!("a class without ']'"),
            };
            // `a-z` is a range; `-` before `]` or after a range stands for itself.
            let mut ahead = self.chars.clone();
            let is_range = ahead.next() == Some('-') && !matches!(ahead.peek(), Some(']') | None);
            if !is_range {
                items.push(single(first));
                continue;
            }
            self.chars.next();
            let last = match self.chars.next() {
                Some('\\') => match self.escaped_char()? {
                    Ok(c) => c,
                    Err(_) => bail!("a range ends in a set"),
                },
                Some(c) => c,
                None => bail!("a class without ']'"),
            };
            ensure!(first <= last, "the range {first}-{last} is empty");
            items.push(format!("Item::Range({first:?}, {last:?})"));
        }
        let items: Vec<&str> = items.iter().map(String::as_str).collect();
        Ok(class(negated, &items))
    }

    fn escape(&mut self) -> Result<(bool, Vec<String>)> {
        if self.chars.next_if_eq(&'S').is_some() {
            return Ok((true, spaces()));
        }
        let set = self.escaped_char()?;
        Ok((false, set.map_or_else(|set| set, |c| vec![single(c)])))
    }

    /// What follows a backslash: one character, or else a set.
    fn escaped_char(&mut self) -> Result<std::result::Result<char, Vec<String>>> {
        let Some(c) = self.chars.next() else {
            bail!("an expression ends in a backslash")
        };
        Ok(match c {
            'd' => Err(vec!["Item::Range('0', '9')".to_owned()]),
            'w' => Err(word_characters()),
            's' => Err(spaces()),
            'S' => Err(no_spaces()),
            't' => Ok('\t'),
            'x' => {
                let digits: String = self.chars.by_ref().take(2).collect();
                Ok(char::from(u8::from_str_radix(&digits, 16)?))
            }
            'u' => {
                let digits: String = self.chars.by_ref().take(4).collect();
                match char::from_u32(u32::from_str_radix(&digits, 16)?) {
                    Some(c) => Ok(c),
                    None => bail!("\\u{digits} is no character"),
                }
            }
            'p' => Err(vec![self.property()?.to_owned()]),
            c if c.is_ascii_alphanumeric() => bail!("the escape \\{c} is not known"),
            c => Ok(c),
        })
    }

    fn property(&mut self) -> Result<&'static str> {
        let name: String = self.chars.by_ref().take_while(|c| *c != '}').collect();
        Ok(match name.as_str() {
            "{ASCII" => "Item::Range('\\0', '\\x7f')",
            "{L" => "Item::Letters",
            "{Z" => "Item::Separators",
            "{N" => "Item::Numbers",
            _ => bail!("the property \\p{name}}} is not known"),
        })
    }
}

fn repeat(node: &str, min: u32, max: Option<u32>) -> String {
    let max = max.map_or("u32::MAX".to_owned(), |max| max.to_string());
    format!("Node::Repeat {{ node: &{node}, min: {min}, max: {max} }}")
}

fn class(negated: bool, items: &[&str]) -> String {
    format!(
        "Node::Class {{ negated: {negated}, items: &[{}] }}",
        items.join(", ")
    )
}

fn single(c: char) -> String {
    format!("Item::Range({c:?}, {c:?})")
}

fn word_characters() -> Vec<String> {
    let range = |first: char, last: char| format!("Item::Range({first:?}, {last:?})");
    vec![
        range('0', '9'),
        range('A', 'Z'),
        single('_'),
        range('a', 'z'),
    ]
}

fn spaces() -> Vec<String> {
    vec![single(' '), "Item::Range('\\t', '\\r')".to_owned()]
}

/// The complement of [`spaces`], for a class that holds more.
fn no_spaces() -> Vec<String> {
    vec![
        "Item::Range('\\0', '\\x08')".to_owned(),
        "Item::Range('\\x0e', '\\x1f')".to_owned(),
        "Item::Range('!', char::MAX)".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::node;

    #[test]
    fn what_the_grammar_lacks_is_an_error() {
        for expression in [
            "(a",
            "a)",
            "[a",
            "a{2",
            "\\W+",
            "\\uD800",
            "(?<!ab)c",
            "\\p{Greek}",
        ] {
            assert!(node(expression).is_err(), "{expression}");
        }
    }

    #[test]
    fn a_hyphen_after_a_range_stands_for_itself() {
        assert_eq!(
            node("[0-9-_]").expect("a class"),
            "Node::Class { negated: false, items: &[Item::Range('0', '9'), \
             Item::Range('-', '-'), Item::Range('_', '_')] }"
        );
    }
}
