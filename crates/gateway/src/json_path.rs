//! The paths that templates and mappings take: names, indexes and `[*]`.

use serde_json::Value;

/// Steps of one path.
const STEPS_MAX: usize = 64;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JsonPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Name(String),
    /// Counted from the end where negative.
    Index(i64),
    Each,
}

impl JsonPath {
    /// Reads `$`, `$.a.b[0]['c'][*]`; the `$` may be missing.
    ///
    /// - Errors: what is not built, by name: `..`, filters, slices, unions.
    pub(crate) fn parse(text: &str) -> Result<JsonPath, String> {
        let mut rest = text.trim();
        let mut steps = Vec::new();
        if let Some(after) = rest.strip_prefix('$') {
            rest = after;
        } else if !rest.is_empty() && !rest.starts_with(['.', '[']) {
            rest = name(rest, text, &mut steps)?;
        }
        while !rest.is_empty() {
            if steps.len() >= STEPS_MAX {
                return Err(format!("the path '{text}' has more than {STEPS_MAX} steps"));
            }
            rest = if rest.starts_with("..") {
                return Err(format!("the path '{text}': '..' is not built"));
            } else if let Some(after) = rest.strip_prefix('.') {
                name(after, text, &mut steps)?
            } else if let Some(after) = rest.strip_prefix('[') {
                bracket(after, text, &mut steps)?
            } else {
                return Err(format!("the path '{text}' cannot be read at '{rest}'"));
            };
        }
        Ok(JsonPath(steps))
    }

    /// What the path selects; with `[*]` a list of what is there, else one value or nothing.
    pub(crate) fn select(&self, root: &Value) -> Option<Value> {
        let mut found = vec![root];
        let mut is_list = false;
        for step in &self.0 {
            found = match step {
                Step::Each => {
                    is_list = true;
                    found.into_iter().flat_map(members).collect()
                }
                one => found
                    .into_iter()
                    .filter_map(|value| child(value, one))
                    .collect(),
            };
        }
        if is_list {
            return Some(Value::Array(found.into_iter().cloned().collect()));
        }
        found.first().map(|value| (*value).clone())
    }
}

fn members(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => Vec::new(),
    }
}

fn child<'v>(value: &'v Value, step: &Step) -> Option<&'v Value> {
    match step {
        Step::Name(name) => value.get(name),
        Step::Index(index) => {
            let items = value.as_array()?;
            let at = match usize::try_from(*index) {
                Ok(at) => at,
                Err(_) => items
                    .len()
                    .checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
            };
            items.get(at)
        }
        Step::Each => None,
    }
}

fn name<'t>(rest: &'t str, text: &str, steps: &mut Vec<Step>) -> Result<&'t str, String> {
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    match name {
        "" => return Err(format!("the path '{text}' has an empty name")),
        "*" => steps.push(Step::Each),
        _ if name.contains(['?', '@', '(', ')', '\'', '"', ',', ' ']) => {
            return Err(format!("the path '{text}': '{name}' is not built"));
        }
        _ => steps.push(Step::Name(name.to_owned())),
    }
    Ok(after)
}

fn bracket<'t>(rest: &'t str, text: &str, steps: &mut Vec<Step>) -> Result<&'t str, String> {
    let unclosed = || format!("the path '{text}' has no ']'");
    if let Some(quote) = rest
        .chars()
        .next()
        .filter(|first| matches!(first, '\'' | '"'))
    {
        let inner = &rest[1..];
        let end = inner.find(quote).ok_or_else(unclosed)?;
        let after = inner[end + 1..].strip_prefix(']');
        let after = after.ok_or_else(|| format!("the path '{text}': unions are not built"))?;
        steps.push(Step::Name(inner[..end].to_owned()));
        return Ok(after);
    }
    let end = rest.find(']').ok_or_else(unclosed)?;
    let inner = rest[..end].trim();
    let step = match inner {
        "*" => Step::Each,
        _ => Step::Index(
            inner
                .parse()
                .map_err(|_| format!("the path '{text}': '[{inner}]' is not built"))?,
        ),
    };
    steps.push(step);
    Ok(&rest[end + 1..])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_select() {
        let root = json!({"a": {"b c": [1, {"d": "x"}]}, "é": 3});
        for (path, found) in [
            ("$", Some(root.clone())),
            ("", Some(root.clone())),
            ("$.a['b c'][0]", Some(json!(1))),
            ("a[\"b c\"][-1].d", Some(json!("x"))),
            ("$.a['b c'][*]", Some(json!([1, {"d": "x"}]))),
            ("$.a['b c'][9]", None),
            ("$.a['b c'][-9]", None),
            ("$.é", Some(json!(3))),
            ("$.none.none", None),
            ("$.é[0]", None),
            ("$.none[*]", Some(json!([]))),
        ] {
            let parsed = JsonPath::parse(path).expect(path);
            assert_eq!(parsed.select(&root), found, "{path}");
        }
    }

    #[test]
    fn what_is_not_built_is_refused_by_name() {
        for path in [
            "$..a",
            "$.a[?(@.b)]",
            "$.a[1:2]",
            "$['a','b']",
            "$.a[",
            "$.",
            "$.a.",
            "$]",
        ] {
            assert!(JsonPath::parse(path).is_err(), "{path}");
        }
        assert!(JsonPath::parse(&"[0]".repeat(65)).is_err());
    }
}
