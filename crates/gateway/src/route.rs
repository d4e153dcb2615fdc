//! Path templates: which one a path takes, and what it binds.

use crate::text::decoded;

/// Routes of one API.
///
/// AWS: 300 resources of a REST API and 300 routes of an HTTP API, both can be raised.
pub const ROUTES_MAX: usize = 1_000;

/// Segments of one path template.
const SEGMENTS_MAX: usize = 64;

/// A path with parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PathTemplate {
    /// As it is written.
    pub(crate) text: String,
    segments: Vec<Segment>,
}

/// The order is that of precedence.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Parameter(String),
    /// All that is left, at least one segment.
    Greedy(String),
}

impl PathTemplate {
    pub(crate) fn parse(text: &str) -> Result<PathTemplate, String> {
        let Some(path) = text.strip_prefix('/') else {
            return Err(format!("the path '{text}' does not begin with '/'"));
        };
        let mut segments = Vec::new();
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        if parts.len() > SEGMENTS_MAX {
            return Err(format!(
                "the path '{text}' has more than {SEGMENTS_MAX} segments"
            ));
        }
        for (at, part) in parts.iter().enumerate() {
            let segment =
                segment(part).ok_or_else(|| format!("the path '{text}': '{part}' is not built"))?;
            if matches!(segment, Segment::Greedy(_)) && at + 1 < parts.len() {
                return Err(format!(
                    "the path '{text}': '{part}' must be its last segment"
                ));
            }
            segments.push(segment);
        }
        Ok(PathTemplate {
            text: text.to_owned(),
            segments,
        })
    }

    /// What the path binds, decoded; `None` where it does not match.
    ///
    /// - `path`: as it was sent.
    pub(crate) fn bind(&self, path: &str) -> Option<Vec<(String, String)>> {
        let mut bound = Vec::new();
        let mut rest = path.strip_prefix('/')?;
        for (at, segment) in self.segments.iter().enumerate() {
            if rest.is_empty() {
                return None;
            }
            if let Segment::Greedy(name) = segment {
                bound.push((name.clone(), decoded(rest, false)));
                return Some(bound);
            }
            let (part, after) = match rest.split_once('/') {
                Some((part, after)) => (part, Some(after)),
                None => (rest, None),
            };
            match segment {
                Segment::Literal(text) if decoded(part, false) == *text => {}
                Segment::Parameter(name) if !part.is_empty() => {
                    bound.push((name.clone(), decoded(part, false)));
                }
                _ => return None,
            }
            if at + 1 == self.segments.len() {
                return after.is_none().then_some(bound);
            }
            rest = after?;
        }
        rest.is_empty().then_some(bound)
    }

    /// Sorts what is more exact first: a literal beats a parameter, a parameter beats the rest.
    pub(crate) fn rank(&self) -> Vec<u8> {
        let ranks = self.segments.iter().map(|segment| match segment {
            Segment::Literal(_) => 0,
            Segment::Parameter(_) => 1,
            Segment::Greedy(_) => 2,
        });
        ranks.collect()
    }

    /// Whether two templates take the same paths.
    pub(crate) fn is_like(&self, other: &PathTemplate) -> bool {
        let same = |(one, other): (&Segment, &Segment)| match (one, other) {
            (Segment::Literal(one), Segment::Literal(other)) => one == other,
            (Segment::Parameter(_), Segment::Parameter(_))
            | (Segment::Greedy(_), Segment::Greedy(_)) => true,
            _ => false,
        };
        self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(same)
    }
}

fn segment(part: &str) -> Option<Segment> {
    let Some(inner) = part
        .strip_prefix('{')
        .and_then(|part| part.strip_suffix('}'))
    else {
        let is_literal = !part.contains(['{', '}']);
        return is_literal.then(|| Segment::Literal(decoded(part, false)));
    };
    let (name, greedy) = match inner.strip_suffix('+') {
        Some(name) => (name, true),
        None => (inner, false),
    };
    let is_name = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-'));
    is_name.then(|| match greedy {
        true => Segment::Greedy(name.to_owned()),
        false => Segment::Parameter(name.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(template: &str, path: &str) -> Option<String> {
        let template = PathTemplate::parse(template).expect(template);
        let bound = template.bind(path)?;
        let pairs = bound.iter().map(|(name, value)| format!("{name}={value}"));
        Some(pairs.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn paths_bind_their_parameters_decoded() {
        for (template, path, expected) in [
            ("/", "/", Some("")),
            ("/", "/a", None),
            ("/orders", "/orders", Some("")),
            ("/orders", "/orders/", None),
            ("/orders", "/orders/1", None),
            ("/orders/{id}", "/orders/a%20b%2Fc", Some("id=a b/c")),
            ("/orders/{id}", "/orders/", None),
            ("/orders/{id}/x", "/orders/1/x", Some("id=1")),
            ("/{proxy+}", "/a/b/c%20", Some("proxy=a/b/c ")),
            ("/{proxy+}", "/", None),
            ("/a/{p+}", "/a", None),
            ("/caf%C3%A9", "/caf%c3%a9", Some("")),
        ] {
            assert_eq!(
                bound(template, path).as_deref(),
                expected,
                "{template} {path}"
            );
        }
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for template in [
            "a",
            "/{a+}/b",
            "/a{b}",
            "/{}",
            "/{a b}",
            "/{a",
            &"/a".repeat(65),
        ] {
            assert!(PathTemplate::parse(template).is_err(), "{template}");
        }
    }
}
