//! Text to nodes: YAML with CloudFormation's short function tags, and JSON.

use std::collections::{BTreeMap, BTreeSet};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use crate::json;
use crate::node::{Entry, Node, Value};
use crate::problem::Mark;
use crate::suggest::suggestion;

/// Nodes of one document, every use of an alias counted anew.
pub const NODES_MAX: usize = 200_000;

/// Levels of nesting in one document.
pub const DEPTH_MAX: usize = 100;

/// AWS: functions that have a short form in YAML (`!Sub` for `Fn::Sub`), those of `Rules` too.
const TAGGED_FUNCTIONS: [&str; 27] = [
    "And",
    "Base64",
    "Cidr",
    "Condition",
    "Contains",
    "EachMemberEquals",
    "EachMemberIn",
    "Equals",
    "FindInMap",
    "ForEach",
    "GetAZs",
    "GetAtt",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Not",
    "Or",
    "Ref",
    "RefAll",
    "Select",
    "Split",
    "Sub",
    "ToJsonString",
    "Transform",
    "ValueOf",
    "ValueOfAll",
];

/// A text that is neither YAML nor JSON.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub at: Mark,
    pub message: String,
}

/// Reads one document.
///
/// - Text that is valid JSON is read as JSON, so tabs and surrogate escapes are fine there.
/// - Only `true` and `false` are booleans; `yes`, `no`, `on`, `off` and dates stay text.
/// - A name twice in one map is an error. Aliases and `<<` are expanded, bounded by [`NODES_MAX`].
pub(crate) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') && json::is_valid(text) {
        return json::parse(text);
    }
    match yaml(text) {
        Err(_) if json::looks_like(text) => {
            Err(json::error(text).expect("invariant: valid JSON was read above"))
        }
        result => result,
    }
}

fn yaml(text: &str) -> Result<Node, SyntaxError> {
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| scan_error(text, &error))?;
        builder.accept(event, span)?;
    }
    builder.root.ok_or_else(|| SyntaxError {
        at: Mark::START,
        message: "the text is empty".to_owned(),
    })
}

fn scan_error(text: &str, error: &ScanError) -> SyntaxError {
    let at = mark(error.marker());
    let line = text.lines().nth(at.line.saturating_sub(1) as usize);
    let indent = line.map(|l| &l[..l.len() - l.trim_start().len()]);
    let hint = match indent {
        Some(indent) if indent.contains('\t') => " (YAML does not allow tabs as indentation)",
        _ => "",
    };
    SyntaxError {
        at,
        message: format!("not valid YAML: {}{hint}", error.info()),
    }
}

fn mark(marker: &saphyr_parser::Marker) -> Mark {
    Mark {
        line: u32::try_from(marker.line()).unwrap_or(u32::MAX).max(1),
        column: u32::try_from(marker.col())
            .unwrap_or(u32::MAX)
            .saturating_add(1),
    }
}

fn fail<T>(at: Mark, message: impl Into<String>) -> Result<T, SyntaxError> {
    Err(SyntaxError {
        at,
        message: message.into(),
    })
}

fn too_many<T>(at: Mark) -> Result<T, SyntaxError> {
    fail(
        at,
        format!("more than {NODES_MAX} values, aliases expanded"),
    )
}

#[derive(Default)]
struct Builder {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
}

/// A list or map whose end has not been read.
struct Open {
    at: Mark,
    anchor: usize,
    tag: Option<Tag>,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        keys: BTreeSet<String>,
        key: Option<(String, Mark)>,
        merged: Vec<Node>,
    },
}

impl Builder {
    fn accept(&mut self, event: Event<'_>, span: Span) -> Result<(), SyntaxError> {
        let at = mark(&span.start);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_some() => {
                fail(at, "a second document starts here, only one is allowed")
            }
            Event::DocumentStart(_) => Ok(()),
            Event::Alias(anchor) => self.alias(anchor, at),
            Event::Scalar(text, style, anchor, tag) => {
                if let Some(key) = self.awaited_key() {
                    *key = Some((text.into_owned(), at));
                    return Ok(());
                }
                let node = scalar(&text, style, tag.as_deref(), at)?;
                self.place(node, anchor, tag.as_deref())
            }
            Event::SequenceStart(anchor, tag) => {
                self.start(at, anchor, tag.as_deref(), Content::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                let content = Content::Map {
                    entries: Vec::new(),
                    keys: BTreeSet::new(),
                    key: None,
                    merged: Vec::new(),
                };
                self.start(at, anchor, tag.as_deref(), content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
    }

    /// The slot for a key, if the innermost open map waits for one.
    fn awaited_key(&mut self) -> Option<&mut Option<(String, Mark)>> {
        match &mut self.open.last_mut()?.content {
            Content::Map { key, .. } if key.is_none() => Some(key),
            _ => None,
        }
    }

    fn start(
        &mut self,
        at: Mark,
        anchor: usize,
        tag: Option<&Tag>,
        content: Content,
    ) -> Result<(), SyntaxError> {
        if self.awaited_key().is_some() {
            return fail(at, "a name in a map must be text");
        }
        if self.open.len() >= DEPTH_MAX {
            return fail(at, format!("nested more than {DEPTH_MAX} levels deep"));
        }
        self.open.push(Open {
            at,
            anchor,
            tag: tag.cloned(),
            content,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), SyntaxError> {
        let open = self
            .open
            .pop()
            .expect("invariant: the parser closes only what it opened");
        let value = match open.content {
            Content::List(items) => Value::List(items),
            Content::Map {
                mut entries,
                mut keys,
                merged,
                ..
            } => {
                // What the map itself says wins over what it merges; an earlier merge wins over a later one.
                for entry in merged.into_iter().flat_map(into_entries) {
                    if keys.insert(entry.key.clone()) {
                        entries.push(entry);
                    }
                }
                Value::Map(entries)
            }
        };
        let node = Node { at: open.at, value };
        self.place(node, open.anchor, open.tag.as_ref())
    }

    fn alias(&mut self, anchor: usize, at: Mark) -> Result<(), SyntaxError> {
        if self.awaited_key().is_some() {
            return fail(at, "an alias cannot be a name in a map");
        }
        let Some(node) = self.anchors.get(&anchor) else {
            return fail(at, "the alias refers to the value that contains it");
        };
        if self.open.len() + node.depth() > DEPTH_MAX {
            return fail(at, format!("nested more than {DEPTH_MAX} levels deep"));
        }
        let size = node.size();
        self.nodes += size;
        if self.nodes > NODES_MAX {
            return too_many(at);
        }
        let node = node.clone();
        self.put(node)
    }

    /// Counts nodes against the bound.
    fn count(&mut self, size: usize, at: Mark) -> Result<(), SyntaxError> {
        self.nodes += size;
        if self.nodes > NODES_MAX {
            return too_many(at);
        }
        Ok(())
    }

    /// Finishes a value: its tag, its anchor, its place in what is open.
    fn place(&mut self, node: Node, anchor: usize, tag: Option<&Tag>) -> Result<(), SyntaxError> {
        self.count(1, node.at)?;
        let node = match tag {
            Some(tag) => apply_tag(node, tag)?,
            None => node,
        };
        if anchor > 0 {
            self.count(node.size(), node.at)?;
            self.anchors.insert(anchor, node.clone());
        }
        self.put(node)
    }

    fn put(&mut self, node: Node) -> Result<(), SyntaxError> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.content {
            Content::List(items) => items.push(node),
            Content::Map {
                entries,
                keys,
                key,
                merged,
            } => {
                let (key, at) = key
                    .take()
                    .expect("invariant: a value in a map follows its key");
                if key == "<<" {
                    return merge(merged, node);
                }
                if !keys.insert(key.clone()) {
                    return fail(at, format!("the name \"{key}\" is already in this map"));
                }
                entries.push(Entry { key, at, node });
            }
        }
        Ok(())
    }
}

fn merge(merged: &mut Vec<Node>, node: Node) -> Result<(), SyntaxError> {
    match node.value {
        Value::Map(_) => merged.push(node),
        Value::List(items) => {
            for item in items {
                if item.entries().is_none() {
                    return fail(item.at, format!("<< merges maps, found {}", item.kind()));
                }
                merged.push(item);
            }
        }
        _ => return fail(node.at, format!("<< merges maps, found {}", node.kind())),
    }
    Ok(())
}

fn into_entries(node: Node) -> Vec<Entry> {
    match node.value {
        Value::Map(entries) => entries,
        _ => Vec::new(),
    }
}

fn scalar(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    at: Mark,
) -> Result<Node, SyntaxError> {
    let core = tag
        .filter(|tag| tag.is_yaml_core_schema())
        .map(|tag| tag.suffix.as_str());
    let value = match core {
        Some("str") => Value::Text(text.to_owned()),
        Some(_) => plain(text),
        // The argument of a function tag (`!Ref`) is text however it looks.
        None if tag.is_some() || style != ScalarStyle::Plain => Value::Text(text.to_owned()),
        None => plain(text),
    };
    match (core, &value) {
        (Some("int" | "float"), Value::Number(_))
        | (Some("bool"), Value::Bool(_))
        | (Some("null"), Value::Null)
        | (Some("str") | None, _) => Ok(Node { at, value }),
        (Some(kind), _) => fail(at, format!("\"{text}\" is not a !!{kind}")),
    }
}

/// The type of an unquoted scalar.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if json::is_number(text) => Value::Number(text.to_owned()),
        _ => Value::Text(text.to_owned()),
    }
}

/// `!Sub x` is `{"Fn::Sub": x}`; `!Ref` and `!Condition` have no prefix.
fn apply_tag(node: Node, tag: &Tag) -> Result<Node, SyntaxError> {
    let at = node.at;
    if tag.is_yaml_core_schema() {
        return match (tag.suffix.as_str(), &node.value) {
            ("map", Value::Map(_)) | ("seq", Value::List(_)) => Ok(node),
            ("str" | "int" | "float" | "bool" | "null", v)
                if !matches!(v, Value::Map(_) | Value::List(_)) =>
            {
                Ok(node)
            }
            (kind, _) => fail(at, format!("the tag !!{kind} does not fit {}", node.kind())),
        };
    }
    let name = tag.suffix.as_str();
    if tag.suffix.is_empty() || (tag.handle.is_empty() && name == "!") {
        return Ok(node);
    }
    let mut known = TAGGED_FUNCTIONS.iter().copied();
    if tag.handle != "!" || !known.clone().any(|function| function == name) {
        return fail(
            at,
            format!("unknown tag {tag}{}", suggestion(name, &mut known)),
        );
    }
    let key = match name {
        "Ref" | "Condition" => name.to_owned(),
        _ => format!("Fn::{name}"),
    };
    Ok(Node::map(at, vec![Entry { key, at, node }]))
}
