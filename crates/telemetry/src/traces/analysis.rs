//! What a trace says: its segments and subsegments as nodes, the services that they are of, and the calls between them.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::document::{SegmentId, TraceId};
use super::operations::seconds;
use super::tree::{Trace, instant_ms, parent_of, start_ms};

/// AWS: up to 50 annotations of a trace are indexed.
const ANNOTATIONS_MAX: usize = 50;

/// AWS: a key has at most 500 characters, a text 1,000.
const KEY_CHARACTERS_MAX: usize = 500;
const VALUE_CHARACTERS_MAX: usize = 1_000;

/// A trace as it is asked about.
pub(super) struct Analysis {
    pub(super) id: TraceId,
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    pub(super) revision: u32,
    pub(super) nodes: Vec<Node>,
    /// Nodes that stand for a service: segments, and calls of services that send no segments.
    pub(super) services: Vec<ServiceNode>,
    pub(super) edges: Vec<Edge>,
    /// The first segment that nobody in the trace has called.
    pub(super) root: Option<usize>,
}

/// A segment or a subsegment.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The node that it is in, or that has called it.
    pub(super) parent: Option<usize>,
    pub(super) is_entry: bool,
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) start_ms: i64,
    /// `None` while it is in progress.
    pub(super) end_ms: Option<i64>,
    pub(super) flags: Flags,
    pub(super) http: Http,
    pub(super) user: Option<String>,
    pub(super) annotations: Vec<(String, Annotation)>,
    pub(super) resources: Vec<String>,
    pub(super) instance_id: Option<String>,
    pub(super) zone: Option<String>,
    pub(super) exceptions: Vec<Exception>,
    service: ServiceName,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) error: bool,
    pub(super) throttle: bool,
    pub(super) fault: bool,
}

impl Flags {
    pub(super) fn is_ok(self) -> bool {
        !self.error && !self.throttle && !self.fault
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Http {
    pub(super) url: Option<String>,
    pub(super) method: Option<String>,
    pub(super) status: Option<i32>,
    pub(super) user_agent: Option<String>,
    pub(super) client_ip: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Annotation {
    Text(String),
    Number(f64),
    Boolean(bool),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Exception {
    pub(super) name: Option<String>,
    pub(super) message: Option<String>,
}

/// What tells services apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ServiceName {
    pub(super) name: String,
    pub(super) kind: Option<String>,
    pub(super) account_id: Option<String>,
}

/// A service that took part, once for each time.
#[derive(Debug)]
pub(super) struct ServiceNode {
    pub(super) service: ServiceName,
    pub(super) node: usize,
    /// Whether the service sent no segment itself: known from the call alone.
    pub(super) is_inferred: bool,
}

/// A call between services.
#[derive(Debug)]
pub(super) struct Edge {
    /// Index into the services; `None`: a client from outside.
    pub(super) from: Option<usize>,
    pub(super) to: usize,
    /// The node that tells how the caller saw it.
    pub(super) seen: usize,
}

impl Analysis {
    pub(super) fn of(trace: &Trace) -> Analysis {
        let mut reading = Reading::default();
        for entry in &trace.segments {
            let number = reading.read(&entry.document, None);
            reading.nodes[number].is_entry = true;
            if let Some(parent) = parent_of(&entry.document) {
                reading.called_by.push((number, parent));
            }
        }
        let Reading {
            mut nodes,
            by_id,
            called_by,
            ..
        } = reading;
        for (node, parent) in called_by {
            // A ring of parents is no tree: the first of it stays a root.
            let parent = by_id.get(&parent).copied();
            if let Some(parent) = parent.filter(|parent| !is_below(&nodes, *parent, node)) {
                nodes[node].parent = Some(parent);
            }
        }
        let (services, edges) = services_of(&nodes);
        let root = (0..nodes.len())
            .filter(|number| nodes[*number].is_entry && nodes[*number].parent.is_none())
            .min_by_key(|number| nodes[*number].start_ms);
        Analysis {
            id: trace.id,
            start_ms: trace.start_ms,
            end_ms: trace.end_ms,
            revision: trace.revision,
            nodes,
            services,
            edges,
            root,
        }
    }

    pub(super) fn root(&self) -> Option<&Node> {
        self.root.map(|root| &self.nodes[root])
    }

    /// Whether a segment has not ended.
    pub(super) fn is_partial(&self) -> bool {
        self.nodes
            .iter()
            .any(|node| node.is_entry && node.end_ms.is_none())
    }

    /// The service of the segment that a node is in.
    pub(super) fn service_of(&self, mut node: usize) -> &ServiceName {
        while !self.nodes[node].is_entry
            && let Some(parent) = self.nodes[node].parent
        {
            node = parent;
        }
        &self.nodes[node].service
    }

    /// The node and all below it in its own segment.
    pub(super) fn inside(&self, top: usize) -> Vec<usize> {
        // INVARIANT: a node comes after the one that it is in.
        let mut is_inside = vec![false; self.nodes.len()];
        is_inside[top] = true;
        for number in top + 1..self.nodes.len() {
            let node = &self.nodes[number];
            is_inside[number] =
                !node.is_entry && node.parent.is_some_and(|parent| is_inside[parent]);
        }
        (top..self.nodes.len())
            .filter(|number| is_inside[*number])
            .collect()
    }
}

impl Node {
    /// Seconds from start to end; `None` while it is in progress.
    pub(super) fn response_time(&self) -> Option<f64> {
        self.end_ms.map(|end_ms| seconds(end_ms - self.start_ms))
    }
}

/// Whether `node` has `top` above it, or is it. Steps at most as many as there are nodes.
fn is_below(nodes: &[Node], node: usize, top: usize) -> bool {
    let mut at = Some(node);
    for _ in 0..=nodes.len() {
        match at {
            Some(number) if number == top => return true,
            Some(number) => at = nodes[number].parent,
            None => return false,
        }
    }
    true
}

#[derive(Default)]
struct Reading {
    nodes: Vec<Node>,
    by_id: HashMap<SegmentId, usize>,
    called_by: Vec<(usize, SegmentId)>,
    annotations: usize,
}

impl Reading {
    fn read(&mut self, members: &Map<String, Value>, parent: Option<usize>) -> usize {
        let number = self.nodes.len();
        let mut node = node_of(members, parent);
        let room = ANNOTATIONS_MAX - self.annotations;
        node.annotations.truncate(room);
        self.annotations += node.annotations.len();
        self.nodes.push(node);
        if let Some(id) = text(members, "id").and_then(|id| SegmentId::parse(&id)) {
            self.by_id.insert(id, number);
        }
        if let Some(Value::Array(children)) = members.get("subsegments") {
            for child in children.iter().filter_map(Value::as_object) {
                self.read(child, Some(number));
            }
        }
        number
    }
}

fn node_of(members: &Map<String, Value>, parent: Option<usize>) -> Node {
    let flag = |name: &str| members.get(name).and_then(Value::as_bool) == Some(true);
    let aws = members.get("aws").and_then(Value::as_object);
    let is_in_progress = flag("in_progress");
    let mut node = Node {
        parent,
        is_entry: false,
        name: text(members, "name").unwrap_or_default(),
        namespace: text(members, "namespace"),
        start_ms: start_ms(members),
        end_ms: instant_ms(members, "end_time").filter(|_| !is_in_progress),
        flags: Flags {
            error: flag("error"),
            throttle: flag("throttle"),
            fault: flag("fault"),
        },
        http: http_of(members),
        user: text(members, "user"),
        annotations: annotations_of(members),
        resources: resources_of(members, aws),
        instance_id: pointed(members, "/aws/ec2/instance_id"),
        zone: pointed(members, "/aws/ec2/availability_zone"),
        exceptions: exceptions_of(members),
        service: ServiceName::default(),
    };
    node.service = service_of(members, &node, aws);
    node
}

fn service_of(
    members: &Map<String, Value>,
    node: &Node,
    aws: Option<&Map<String, Value>>,
) -> ServiceName {
    let account_id = aws.and_then(|aws| text(aws, "account_id"));
    let said = |name: &str| aws.and_then(|aws| text(aws, name));
    let (name, kind) = match node.namespace.as_deref() {
        Some("aws") => {
            let resource = said("table_name").or_else(|| said("queue_url"));
            let name = resource.unwrap_or_else(|| node.name.clone());
            (name, Some(kind_of(&node.name, aws)))
        }
        Some(_) => (node.name.clone(), Some("remote".to_owned())),
        None => (node.name.clone(), text(members, "origin")),
    };
    ServiceName {
        name,
        kind,
        account_id,
    }
}

/// The type of a service of AWS that was called, from what its caller knows.
///
/// - `name`: of the subsegment, such as `DynamoDB`; `aws`: its member of that name.
pub(super) fn kind_of(name: &str, aws: Option<&Map<String, Value>>) -> String {
    let has = |member: &str| aws.is_some_and(|aws| aws.get(member).is_some_and(Value::is_string));
    if has("table_name") {
        return "AWS::DynamoDB::Table".to_owned();
    }
    if has("queue_url") {
        return "AWS::SQS::Queue".to_owned();
    }
    format!("AWS::{name}")
}

fn http_of(members: &Map<String, Value>) -> Http {
    let status = pointer(members, "/http/response/status").and_then(Value::as_i64);
    Http {
        url: pointed(members, "/http/request/url"),
        method: pointed(members, "/http/request/method"),
        status: status.and_then(|status| i32::try_from(status).ok()),
        user_agent: pointed(members, "/http/request/user_agent"),
        client_ip: pointed(members, "/http/request/client_ip"),
    }
}

/// AWS: keys of letters, digits and `_` (and `.`, as Lambda and OpenTelemetry write them); the others are not indexed.
fn annotations_of(members: &Map<String, Value>) -> Vec<(String, Annotation)> {
    let Some(Value::Object(annotations)) = members.get("annotations") else {
        return Vec::new();
    };
    let is_key = |key: &str| {
        !key.is_empty()
            && key.len() <= KEY_CHARACTERS_MAX
            && key.chars().all(|character| {
                character.is_ascii_alphanumeric() || character == '_' || character == '.'
            })
    };
    annotations
        .iter()
        .filter(|(key, _)| is_key(key))
        .filter_map(|(key, value)| {
            let value = match value {
                Value::String(text) if text.chars().count() <= VALUE_CHARACTERS_MAX => {
                    Annotation::Text(text.clone())
                }
                Value::Number(number) => Annotation::Number(number.as_f64()?),
                Value::Bool(boolean) => Annotation::Boolean(*boolean),
                _ => return None,
            };
            Some((key.clone(), value))
        })
        .collect()
}

fn resources_of(members: &Map<String, Value>, aws: Option<&Map<String, Value>>) -> Vec<String> {
    let mut resources: Vec<String> = text(members, "resource_arn").into_iter().collect();
    let named = aws
        .and_then(|aws| aws.get("resource_names"))
        .and_then(Value::as_array);
    for name in named.into_iter().flatten().filter_map(Value::as_str) {
        if name.starts_with("arn:") && !resources.iter().any(|known| known == name) {
            resources.push(name.to_owned());
        }
    }
    resources
}

fn exceptions_of(members: &Map<String, Value>) -> Vec<Exception> {
    let exceptions = pointer(members, "/cause/exceptions").and_then(Value::as_array);
    exceptions
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .map(|exception| Exception {
            name: text(exception, "type"),
            message: text(exception, "message"),
        })
        .collect()
}

fn services_of(nodes: &[Node]) -> (Vec<ServiceNode>, Vec<Edge>) {
    let mut has_segment = vec![false; nodes.len()];
    for node in nodes.iter().filter(|node| node.is_entry) {
        if let Some(parent) = node.parent {
            has_segment[parent] = true;
        }
    }
    let mut service_at = vec![None; nodes.len()];
    let mut services = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        // Of a call that has come to a segment, the segment tells more.
        let is_inferred = !node.is_entry && node.namespace.is_some() && !has_segment[number];
        if node.is_entry || is_inferred {
            service_at[number] = Some(services.len());
            services.push(ServiceNode {
                service: node.service.clone(),
                node: number,
                is_inferred,
            });
        }
    }
    let segment_of = |mut number: usize| {
        // INVARIANT: parents make no ring.
        while !nodes[number].is_entry {
            number = nodes[number].parent?;
        }
        service_at[number]
    };
    let edges = services
        .iter()
        .enumerate()
        .filter_map(|(to, service)| {
            let parent = nodes[service.node].parent;
            let from = match parent {
                Some(parent) => Some(segment_of(parent)?),
                None => None,
            };
            let seen = match parent {
                Some(parent) if !service.is_inferred => parent,
                _ => service.node,
            };
            Some(Edge { from, to, seen })
        })
        .collect();
    (services, edges)
}

fn text(members: &Map<String, Value>, name: &str) -> Option<String> {
    members.get(name)?.as_str().map(str::to_owned)
}

fn pointer<'v>(members: &'v Map<String, Value>, path: &str) -> Option<&'v Value> {
    let (first, rest) = path.strip_prefix('/')?.split_once('/')?;
    members.get(first)?.pointer(&format!("/{rest}"))
}

fn pointed(members: &Map<String, Value>, path: &str) -> Option<String> {
    pointer(members, path)?.as_str().map(str::to_owned)
}
