//! The answers of IAM: elements and texts. No attributes are read, as the answers have none but a namespace.

/// One element of an answer.
#[derive(Debug, Default)]
pub struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

/// Levels of nesting in an answer.
const DEPTH_MAX: usize = 32;

impl Element {
    /// The document's root, or nothing if it is not well formed.
    pub fn parse(document: &str) -> Option<Element> {
        let start = document.find('<')?;
        let mut rest = &document[start..];
        if rest.starts_with("<?") {
            rest = rest[rest.find("?>")? + 2..].trim_start();
        }
        let (element, _) = element(rest, 0)?;
        Some(element)
    }

    /// The first element of this name below this one, at any depth.
    pub fn find(&self, name: &str) -> Option<&Element> {
        self.children
            .iter()
            .find(|child| child.name == name)
            .or_else(|| self.children.iter().find_map(|child| child.find(name)))
    }

    /// The text of the first element of this name.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.find(name).map(|element| element.text.as_str())
    }

    /// The members of the first list of this name.
    pub fn members(&self, name: &str) -> impl Iterator<Item = &Element> {
        let list = self.find(name).into_iter();
        list.flat_map(|list| list.children.iter().filter(|child| child.name == "member"))
    }

    pub fn own_text(&self) -> &str {
        &self.text
    }
}

/// The element at the start of a text, and what comes after it.
fn element(text: &str, depth: usize) -> Option<(Element, &str)> {
    let rest = text.strip_prefix('<')?;
    let end = rest.find('>')?;
    let tag = &rest[..end];
    let mut rest = &rest[end + 1..];
    let name = tag.split_whitespace().next()?.trim_end_matches('/');
    let mut element = Element {
        name: name.to_owned(),
        ..Element::default()
    };
    if tag.ends_with('/') {
        return Some((element, rest));
    }
    loop {
        let next = rest.find('<')?;
        element.text.push_str(&unescaped(&rest[..next]));
        rest = &rest[next..];
        if let Some(closing) = rest.strip_prefix("</") {
            let end = closing.find('>')?;
            if closing[..end].trim() != name {
                return None;
            }
            if !element.children.is_empty() {
                element.text.clear();
            }
            return Some((element, &closing[end + 1..]));
        }
        if depth >= DEPTH_MAX {
            return None;
        }
        let (child, after) = self::element(rest, depth + 1)?;
        element.children.push(child);
        rest = after;
    }
}

fn unescaped(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        let entity = rest[start + 1..].split_once(';');
        let found = entity.and_then(|(name, after)| {
            let c = match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                _ => {
                    let number = name.strip_prefix('#')?;
                    let code = match number.strip_prefix('x') {
                        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                        None => number.parse().ok()?,
                    };
                    char::from_u32(code)?
                }
            };
            Some((c, after))
        });
        match found {
            Some((c, after)) => {
                out.push(c);
                rest = after;
            }
            None => {
                out.push('&');
                rest = &rest[start + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn texts_and_members_are_found() {
        let answer = "<?xml version=\"1.0\"?>\n<R xmlns=\"x\"><Role><Path>/a&amp;b/</Path><Tags>\
            <member><Key>k</Key><Value>&lt;&#65;</Value></member><member><Key>l</Key><Value/></member></Tags></Role></R>";
        let root = Element::parse(answer).unwrap();
        assert_eq!(root.text("Path"), Some("/a&b/"));
        let tags: Vec<_> = root
            .members("Tags")
            .map(|tag| (tag.text("Key").unwrap(), tag.text("Value").unwrap()))
            .collect();
        assert_eq!(tags, [("k", "<A"), ("l", "")]);
    }

    #[test]
    fn what_is_not_well_formed_is_nothing() {
        for text in ["", "x", "<a>", "<a></b>", "<a", "<a><b></a>"] {
            assert!(Element::parse(text).is_none(), "{text}");
        }
        assert!(Element::parse(&"<a>".repeat(10_000)).is_none());
    }
}
