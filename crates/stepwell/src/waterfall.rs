//! A trace as a tree, and the tree as lines with bars over time. Pure.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::terminal::{self, Style};

/// Width of the bars.
const BAR_CELLS: i64 = 40;

/// Width of the column of names.
const NAME_CHARS: usize = 52;

/// Characters of an error that a line shows.
const ERROR_CHARS_MAX: usize = 80;

/// A segment or a subsegment with what is below it.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    id: String,
    name: String,
    /// What it is, in a word or two.
    label: String,
    start_ms: i64,
    /// `None` while it is in progress.
    end_ms: Option<i64>,
    /// `fault`, `error` or `throttle`, and what is known of it.
    failure: Option<(&'static str, String)>,
    children: Vec<Node>,
}

/// The segments of a trace in one tree: each below the subsegment that has called it.
pub fn tree(documents: Vec<Value>) -> Vec<Node> {
    let mut called: BTreeMap<String, Vec<Node>> = BTreeMap::new();
    let mut ids = Vec::new();
    for document in &documents {
        collect_ids(document, &mut ids);
    }
    let mut roots = Vec::new();
    for document in &documents {
        let parent = document["parent_id"].as_str().unwrap_or_default();
        let node = Node::read(document);
        if ids.iter().any(|id| id == parent) {
            called.entry(parent.to_owned()).or_default().push(node);
        } else {
            roots.push(node);
        }
    }
    for root in &mut roots {
        root.hang(&mut called);
    }
    // A ring of parents hangs nowhere.
    roots.extend(called.into_values().flatten());
    roots.sort_by_key(|node| node.start_ms);
    roots
}

fn collect_ids(document: &Value, ids: &mut Vec<String>) {
    ids.extend(document["id"].as_str().map(str::to_owned));
    for child in document["subsegments"].as_array().into_iter().flatten() {
        collect_ids(child, ids);
    }
}

impl Node {
    fn read(document: &Value) -> Node {
        let children = document["subsegments"].as_array().into_iter().flatten();
        Node {
            id: text(document, "id"),
            name: text(document, "name"),
            label: label(document),
            start_ms: milliseconds(&document["start_time"]).unwrap_or_default(),
            end_ms: milliseconds(&document["end_time"]),
            failure: failure(document),
            children: children.map(Node::read).collect(),
        }
    }

    /// Takes the segments that were called from here and below.
    fn hang(&mut self, called: &mut BTreeMap<String, Vec<Node>>) {
        self.children
            .extend(called.remove(&self.id).unwrap_or_default());
        for child in &mut self.children {
            child.hang(called);
        }
        self.children.sort_by_key(|node| node.start_ms);
    }

    pub fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    pub fn json(&self) -> Value {
        let mut node = json!({
            "id": self.id,
            "name": self.name,
            "kind": self.label,
            "startMs": self.start_ms,
            "endMs": self.end_ms,
        });
        if let Some((kind, error)) = &self.failure {
            node["failure"] = json!({ "kind": kind, "error": error });
        }
        node["children"] = self.children.iter().map(Node::json).collect();
        node
    }

    fn last_ms(&self) -> i64 {
        let own = self.end_ms.unwrap_or(self.start_ms);
        self.children.iter().map(Node::last_ms).fold(own, i64::max)
    }
}

fn label(document: &Value) -> String {
    let aws = &document["aws"];
    if let Some(origin) = document["origin"].as_str() {
        return match origin {
            "AWS::StepFunctions::StateMachine" => "execution".to_owned(),
            "AWS::Lambda" => "Lambda".to_owned(),
            "AWS::Lambda::Function" => "function".to_owned(),
            other => other.to_owned(),
        };
    }
    if let Some(kind) = aws["state_type"].as_str() {
        return match aws["iteration"].as_u64() {
            Some(iteration) => format!("{kind} #{iteration}"),
            None => kind.to_owned(),
        };
    }
    let operation = aws["operation"].as_str().unwrap_or_default();
    let attempt = match aws["attempt"].as_u64() {
        Some(attempt @ 2..) => format!("attempt {attempt}"),
        _ => String::new(),
    };
    let status = match document
        .pointer("/http/response/status")
        .and_then(Value::as_u64)
    {
        Some(status) => format!("HTTP {status}"),
        None => String::new(),
    };
    let said: Vec<&str> = [operation, attempt.as_str(), status.as_str()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    said.join(", ")
}

fn failure(document: &Value) -> Option<(&'static str, String)> {
    let kind = ["throttle", "fault", "error"]
        .into_iter()
        .find(|kind| document[*kind] == true)?;
    let exception = &document["cause"]["exceptions"][0];
    let said: Vec<&str> = ["type", "message"]
        .iter()
        .filter_map(|member| exception[*member].as_str())
        .collect();
    Some((kind, said.join(": ")))
}

/// The first start and the last end.
pub fn span(roots: &[Node]) -> (i64, i64) {
    let start_ms = roots
        .iter()
        .map(|node| node.start_ms)
        .min()
        .unwrap_or_default();
    let end_ms = roots.iter().map(Node::last_ms).max().unwrap_or_default();
    (start_ms, end_ms)
}

/// One line a node: its name, how long it took, when, and how it failed.
pub fn lines(roots: &[Node], style: Style) -> Vec<String> {
    let (start_ms, end_ms) = span(roots);
    let scale = Scale {
        start_ms,
        whole_ms: (end_ms - start_ms).max(1),
    };
    let mut lines = Vec::new();
    for root in roots {
        put(root, 0, &scale, style, &mut lines);
    }
    lines
}

struct Scale {
    start_ms: i64,
    whole_ms: i64,
}

impl Scale {
    fn cell(&self, at_ms: i64) -> i64 {
        ((at_ms - self.start_ms) * BAR_CELLS / self.whole_ms).clamp(0, BAR_CELLS)
    }

    /// A bar of at least one cell, with blanks before it.
    fn bar(&self, node: &Node) -> String {
        let from = self.cell(node.start_ms).min(BAR_CELLS - 1);
        let to = match node.end_ms {
            Some(end_ms) => self.cell(end_ms).max(from + 1),
            None => BAR_CELLS,
        };
        let cells =
            |count: i64, cell: &str| cell.repeat(usize::try_from(count).unwrap_or_default());
        let filled = if node.end_ms.is_some() { "█" } else { "░" };
        format!(
            "{}{}{}",
            cells(from, " "),
            cells(to - from, filled),
            cells(BAR_CELLS - to, " ")
        )
    }
}

/// The depth is that of a document, and of the segments in it: the server bounds both.
fn put(node: &Node, depth: usize, scale: &Scale, style: Style, lines: &mut Vec<String>) {
    let name = terminal::harmless(&node.name);
    let label = match node.label.as_str() {
        "" => String::new(),
        label => format!(" ({label})"),
    };
    let shown = format!("{}{name}{label}", "  ".repeat(depth));
    let shown = match shown.chars().count() {
        count if count > NAME_CHARS => {
            let mut cut: String = shown.chars().take(NAME_CHARS - 1).collect();
            cut.push('…');
            cut
        }
        count => shown + &" ".repeat(NAME_CHARS - count),
    };
    let took = match node.end_ms {
        Some(end_ms) => terminal::duration(end_ms - node.start_ms),
        None => "running".to_owned(),
    };
    let bar = scale.bar(node);
    let line = match &node.failure {
        None => format!("{shown} {took:>11}  {}", style.cyan(bar.trim_end())),
        Some((kind, error)) => {
            let error = terminal::one_line(&terminal::harmless(error), ERROR_CHARS_MAX);
            let said = format!("{kind} {error}");
            format!(
                "{} {took:>11}  {} {}",
                style.red(&shown),
                style.red(&bar),
                style.red(said.trim_end())
            )
        }
    };
    lines.push(line);
    for child in &node.children {
        put(child, depth + 1, scale, style, lines);
    }
}

fn text(document: &Value, name: &str) -> String {
    document[name].as_str().unwrap_or_default().to_owned()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "seconds since 1970 as a segment has them"
)]
fn milliseconds(seconds: &Value) -> Option<i64> {
    Some((seconds.as_f64()? * 1_000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents() -> Vec<Value> {
        vec![
            json!({
                "id": "0000000000000003", "parent_id": "0000000000000002", "name": "pay", "origin": "AWS::Lambda",
                "start_time": 100.2, "end_time": 100.8, "fault": true,
            }),
            json!({
                "id": "0000000000000001", "name": "orders", "origin": "AWS::StepFunctions::StateMachine",
                "start_time": 100.0, "in_progress": true,
                "subsegments": [{
                    "id": "0000000000000005", "name": "Pay", "start_time": 100.1, "in_progress": true,
                    "aws": { "state_type": "Task" },
                    "subsegments": [{
                        "id": "0000000000000002", "name": "Lambda", "namespace": "aws",
                        "start_time": 100.1, "end_time": 101.0, "fault": true,
                        "aws": { "operation": "Invoke", "attempt": 2 },
                        "cause": { "exceptions": [{ "type": "CardDeclined", "message": "no\nmoney" }] },
                    }],
                }],
            }),
            json!({
                "id": "0000000000000004", "parent_id": "0000000000000003", "name": "pay",
                "origin": "AWS::Lambda::Function", "start_time": 100.3, "end_time": 100.7,
                "subsegments": [{ "id": "0000000000000006", "name": "api.example.com", "namespace": "remote",
                    "start_time": 100.4, "end_time": 100.6, "http": { "response": { "status": 204 } } }],
            }),
        ]
    }

    #[test]
    fn a_trace_is_one_tree_with_bars_over_time() {
        let roots = tree(documents());
        assert_eq!(roots.len(), 1);
        let shown: Vec<String> = lines(&roots, Style::PLAIN)
            .iter()
            .map(|line| {
                let depth = (line.len() - line.trim_start().len()) / 2;
                let words = line
                    .split_whitespace()
                    .map(|word| match word.chars().next() {
                        Some(cell @ ('█' | '░')) => format!("{cell}x{}", word.chars().count()),
                        _ => word.to_owned(),
                    });
                format!("{depth} {}", words.collect::<Vec<_>>().join(" "))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "0 orders (execution) running ░x40",
                "1 Pay (Task) running ░x36",
                "2 Lambda (Invoke, attempt 2) 900 ms █x36 fault CardDeclined: no money",
                "3 pay (Lambda) 600 ms █x24 fault",
                "4 pay (function) 400 ms █x16",
                "5 api.example.com (HTTP 204) 200 ms █x8",
            ]
        );
    }

    #[test]
    fn rings_and_unknown_parents_are_shown_all_the_same() {
        let segment = |id: &str, parent: &str| json!({ "id": id, "parent_id": parent, "name": id, "start_time": 1, "end_time": 2 });
        let roots = tree(vec![
            segment("a", "b"),
            segment("b", "a"),
            segment("c", "nobody"),
        ]);
        let shown: usize = roots.iter().map(count).sum();
        assert_eq!(shown, 3);
        fn count(node: &Node) -> usize {
            1 + node.children.iter().map(count).sum::<usize>()
        }
    }
}
