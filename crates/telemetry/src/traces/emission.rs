//! What executions and functions emit: their history as segment documents.
//!
//! AWS: one segment for an execution, a subsegment for each state, and under it one for each call, so that retries show
//! (docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html). The members beside those that every
//! segment has are ours where AWS documents none.

use std::sync::Arc;

use super::document::{DOCUMENT_BYTES_MAX, Segment, SegmentId, TraceId, name_of};
use super::write::Object;

/// A document is split when it would be larger: room is left for what is written around subsegments.
const SPLIT_BYTES: usize = DOCUMENT_BYTES_MAX - 4 * 1024;

/// States and calls of one execution that are shown. AWS bounds a trace by its size.
const SUBSEGMENTS_MAX: usize = 5_000;

/// Characters of a cause that are shown.
const CAUSE_CHARACTERS_MAX: usize = 1_000;

/// What is known of an execution before anything happens in it.
#[derive(Debug, Clone, PartialEq)]
pub struct TracedExecution {
    pub trace_id: TraceId,
    pub id: SegmentId,
    /// The segment or subsegment that has started it.
    pub parent: Option<SegmentId>,
    pub name: String,
    pub execution_arn: String,
    pub state_machine_arn: String,
    pub region: String,
    pub account_id: String,
    pub start_ms: i64,
}

/// Something that happened in an execution.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// Number of the history event.
    pub event: u64,
    pub previous: u64,
    pub at_ms: i64,
    /// The id of the subsegment that begins here.
    pub id: SegmentId,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A state was entered: its name and its type.
    Entered(Arc<str>, &'static str),
    Exited,
    /// The state is to call something.
    Called(Callee),
    /// The call goes on: it has begun, or its token is awaited.
    GoesOn,
    /// The call has ended; with an error, or well.
    Returned(Option<Failing>),
    /// An iteration of a Map state has begun.
    Iteration(u64),
    /// The state failed by itself, without a call.
    Failed(Option<Failing>),
    /// The execution has ended; with an error, or well.
    Ended(Option<Failing>),
    /// An execution that had failed goes on.
    Redriven,
    Other,
}

/// What a Task state calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Callee {
    /// The service as X-Ray names it, such as `Lambda`.
    pub name: String,
    /// `aws` or `remote`.
    pub namespace: &'static str,
    pub operation: String,
    pub resource: Option<String>,
}

/// An error by its name and cause.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Failing {
    pub error: Option<String>,
    pub cause: Option<String>,
    /// Asked for by a caller: AWS calls it an error, not a fault.
    pub is_client_error: bool,
}

impl Callee {
    /// What a resource of a Task state calls, by its ARN: of a function, an activity, or of an integration.
    pub fn of(resource: &str) -> Callee {
        if let Some((_, call)) = resource.split_once(":states:::") {
            return Callee::of_integration(call);
        }
        let (name, operation) = match resource.split(':').nth(2) {
            Some("lambda") => ("Lambda", "Invoke"),
            _ => ("Step Functions", "Activity"),
        };
        Callee {
            name: name.to_owned(),
            namespace: "aws",
            operation: operation.to_owned(),
            resource: Some(resource.to_owned()),
        }
    }

    /// - `call`: `lambda:invoke`, `aws-sdk:dynamodb:getItem`, `states:startExecution.sync:2`.
    pub fn of_integration(call: &str) -> Callee {
        let call = call.strip_prefix("aws-sdk:").unwrap_or(call);
        let (service, action) = call.split_once(':').unwrap_or((call, ""));
        let action = action.split('.').next().unwrap_or_default();
        let name = SERVICE_NAMES
            .iter()
            .find(|(known, _)| *known == service)
            .map_or_else(|| service.to_owned(), |(_, name)| (*name).to_owned());
        let mut operation = action.to_owned();
        if let Some(first) = operation.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Callee {
            name,
            namespace: if service == "http" { "remote" } else { "aws" },
            operation,
            resource: None,
        }
    }
}

/// Services as the SDKs of X-Ray name them.
const SERVICE_NAMES: [(&str, &str); 12] = [
    ("lambda", "Lambda"),
    ("sqs", "SQS"),
    ("sns", "SNS"),
    ("dynamodb", "DynamoDB"),
    ("events", "EventBridge"),
    ("eventbridge", "EventBridge"),
    ("states", "Step Functions"),
    ("sfn", "Step Functions"),
    ("s3", "S3"),
    ("apigateway", "API Gateway"),
    ("http", "HTTP"),
    ("cloudwatch", "CloudWatch"),
];

/// A trace of one execution while it runs.
#[derive(Debug, Clone)]
pub struct ExecutionTrace {
    about: TracedExecution,
    nodes: Vec<Node>,
    /// What each event leaves: where what follows it belongs. In the order of events.
    after: Vec<(u64, Place)>,
    last_event: u64,
    end: Option<(i64, Option<Failing>)>,
    /// States and calls that are not shown.
    left_out: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// The state that what follows is in; `None`: the execution itself.
    state: Option<usize>,
    /// The call that goes on.
    call: Option<usize>,
    /// The iteration that the next state is of.
    iteration: Option<u64>,
}

#[derive(Debug, Clone)]
struct Node {
    parent: Option<usize>,
    id: SegmentId,
    start_ms: i64,
    end_ms: Option<i64>,
    failing: Option<Failing>,
    iteration: Option<u64>,
    /// Of a state: how its last call ended.
    last_call: Option<Failing>,
    /// Of a state: calls so far. Of a call: its number in the state.
    attempt: u32,
    kind: NodeKind,
}

#[derive(Debug, Clone)]
enum NodeKind {
    State(Arc<str>, &'static str),
    Call(Callee),
}

impl ExecutionTrace {
    pub fn new(about: TracedExecution) -> ExecutionTrace {
        ExecutionTrace {
            about,
            nodes: Vec::new(),
            after: Vec::new(),
            last_event: 0,
            end: None,
            left_out: 0,
        }
    }

    /// Number of the last event that it has seen.
    pub fn last_event(&self) -> u64 {
        self.last_event
    }

    /// Whether the execution has ended.
    pub fn is_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Takes what happened next. An event that it has seen already changes nothing.
    pub fn happened(&mut self, happening: Happening) {
        if happening.event <= self.last_event {
            return;
        }
        self.last_event = happening.event;
        let place = self.after(happening.previous);
        let Happening {
            event,
            at_ms,
            id,
            what,
            ..
        } = happening;
        let next = match what {
            What::Entered(name, kind) => {
                let node = Node {
                    iteration: place.iteration,
                    ..Node::new(place.state, id, at_ms, NodeKind::State(name, kind))
                };
                match self.push(node) {
                    Some(state) => Place {
                        state: Some(state),
                        ..Place::default()
                    },
                    None => place,
                }
            }
            What::Exited => match place.state {
                Some(state) => {
                    let node = &mut self.nodes[state];
                    node.end_ms = Some(at_ms);
                    // A state that caught an error has seen it all the same.
                    node.failing = node.last_call.take();
                    Place {
                        state: node.parent,
                        call: None,
                        iteration: node.iteration,
                    }
                }
                None => place,
            },
            What::Called(callee) => {
                let attempt = place.state.map_or(0, |state| {
                    self.nodes[state].attempt += 1;
                    self.nodes[state].attempt
                });
                let node = Node {
                    attempt,
                    ..Node::new(place.state, id, at_ms, NodeKind::Call(callee))
                };
                Place {
                    call: self.push(node),
                    ..place
                }
            }
            What::GoesOn | What::Other => place,
            What::Returned(failing) => {
                if let Some(call) = place.call {
                    self.nodes[call].end_ms = Some(at_ms);
                    self.nodes[call].failing.clone_from(&failing);
                }
                if let Some(state) = place.state {
                    self.nodes[state].last_call = failing;
                }
                Place {
                    call: None,
                    ..place
                }
            }
            What::Iteration(index) => Place {
                iteration: Some(index),
                ..place
            },
            What::Failed(failing) => {
                if let Some(state) = place.state {
                    self.nodes[state].last_call = failing.or_else(|| Some(Failing::default()));
                }
                place
            }
            What::Ended(failing) => {
                self.end(place, at_ms, failing);
                place
            }
            What::Redriven => {
                self.end = None;
                place
            }
        };
        self.after.push((event, next));
    }

    fn after(&self, event: u64) -> Place {
        let at = self.after.binary_search_by_key(&event, |(event, _)| *event);
        at.map(|at| self.after[at].1).unwrap_or_default()
    }

    fn push(&mut self, node: Node) -> Option<usize> {
        if self.nodes.len() >= SUBSEGMENTS_MAX {
            self.left_out += 1;
            return None;
        }
        self.nodes.push(node);
        Some(self.nodes.len() - 1)
    }

    /// All that is open ends; what the execution has failed in has failed too.
    fn end(&mut self, place: Place, at_ms: i64, failing: Option<Failing>) {
        for node in &mut self.nodes {
            if node.end_ms.is_none() {
                node.end_ms = Some(at_ms.max(node.start_ms));
                if let Some(last) = node.last_call.take() {
                    node.failing = Some(last);
                }
            }
        }
        let mut at = place.state.filter(|_| failing.is_some());
        // INVARIANT: a node comes after its parent.
        while let Some(state) = at {
            let node = &mut self.nodes[state];
            if node.failing.is_none() {
                node.failing.clone_from(&failing);
            }
            at = node.parent;
        }
        self.end = Some((at_ms, failing));
    }

    /// The trace as documents: the segment, and subsegments that are sent alone because it would be too large.
    pub fn documents(&self) -> Vec<Segment> {
        let mut children = vec![Vec::new(); self.nodes.len()];
        let mut top = Vec::new();
        for (number, node) in self.nodes.iter().enumerate() {
            match node.parent {
                Some(parent) => children[parent].push(number),
                None => top.push(number),
            }
        }
        let mut documents = Vec::new();
        // From the last: children come after their parents, so they are written before them.
        let mut written: Vec<Option<Written>> = self.nodes.iter().map(|_| None).collect();
        for number in (0..self.nodes.len()).rev() {
            let node = &self.nodes[number];
            let inside = take(&mut written, &children[number]);
            let mut members = self.subsegment(node);
            self.fill(&mut members, node.id, inside, &mut documents);
            written[number] = Some(Written { number, members });
        }
        let mut members = self.segment();
        let inside = take(&mut written, &top);
        self.fill(&mut members, self.about.id, inside, &mut documents);
        let is_in_progress = self.end.is_none();
        documents.push(Segment {
            trace_id: self.about.trace_id,
            id: self.about.id,
            is_subsegment: false,
            is_in_progress,
            start_ms: self.about.start_ms,
            end_ms: self
                .end
                .as_ref()
                .map_or(self.about.start_ms, |(at_ms, _)| *at_ms),
            text: members.finish(),
        });
        documents
    }

    /// Puts into a segment the subsegments that find room; the others become documents of their own.
    ///
    /// - `members`: of the segment. Each subsegment is written once, however deep it is.
    fn fill(
        &self,
        members: &mut Object,
        id: SegmentId,
        inside: Vec<Written>,
        documents: &mut Vec<Segment>,
    ) {
        let mut room = SPLIT_BYTES.saturating_sub(members.len());
        let mut kept = Vec::with_capacity(inside.len());
        for mut written in inside {
            let bytes = written.members.len() + 1;
            if bytes <= room {
                room -= bytes;
                kept.push(written.members.finish());
                continue;
            }
            let node = &self.nodes[written.number];
            written.members.text("type", "subsegment");
            written.members.plain("trace_id", self.about.trace_id);
            written.members.plain("parent_id", id);
            documents.push(Segment {
                trace_id: self.about.trace_id,
                id: node.id,
                is_subsegment: true,
                is_in_progress: node.end_ms.is_none(),
                start_ms: node.start_ms,
                end_ms: node.end_ms.unwrap_or(node.start_ms),
                text: written.members.finish(),
            });
        }
        if !kept.is_empty() {
            members.list("subsegments", &kept);
        }
    }

    fn segment(&self) -> Object {
        let about = &self.about;
        let mut segment = Object::new();
        segment.plain("id", about.id);
        segment.text("name", &name_of(&about.name));
        segment.plain("trace_id", about.trace_id);
        if let Some(parent) = about.parent {
            segment.plain("parent_id", parent);
        }
        segment.text("origin", "AWS::StepFunctions::StateMachine");
        segment.text("resource_arn", &about.state_machine_arn);
        let (end_ms, failing) = match &self.end {
            Some((end_ms, failing)) => (Some(*end_ms), failing.as_ref()),
            None => (None, None),
        };
        put_times(&mut segment, about.start_ms, end_ms);
        put_failing(&mut segment, about.id, failing, false);
        segment.object("aws", |aws| {
            aws.text("account_id", &about.account_id);
            aws.text("region", &about.region);
            aws.text("execution_arn", &about.execution_arn);
            if self.left_out > 0 {
                aws.number("subsegments_left_out", self.left_out);
            }
        });
        segment
    }

    fn subsegment(&self, node: &Node) -> Object {
        let mut members = Object::new();
        members.plain("id", node.id);
        let name = match &node.kind {
            NodeKind::State(name, _) => name_of(name),
            NodeKind::Call(callee) => name_of(&callee.name),
        };
        members.text("name", &name);
        put_times(&mut members, node.start_ms, node.end_ms);
        let is_call = matches!(node.kind, NodeKind::Call(_));
        put_failing(&mut members, node.id, node.failing.as_ref(), is_call);
        match &node.kind {
            NodeKind::State(_, kind) => members.object("aws", |aws| {
                aws.text("state_type", kind);
                if let Some(iteration) = node.iteration {
                    aws.number("iteration", iteration);
                }
            }),
            NodeKind::Call(callee) => {
                members.text("namespace", callee.namespace);
                members.object("aws", |aws| {
                    aws.text("operation", &callee.operation);
                    aws.text("region", &self.about.region);
                    aws.number("attempt", node.attempt.into());
                    if let Some(resource) = &callee.resource {
                        aws.list_of_text("resource_names", resource);
                    }
                });
            }
        }
        members
    }
}

impl Node {
    fn new(parent: Option<usize>, id: SegmentId, start_ms: i64, kind: NodeKind) -> Node {
        Node {
            parent,
            id,
            start_ms,
            end_ms: None,
            failing: None,
            iteration: None,
            last_call: None,
            attempt: 0,
            kind,
        }
    }
}

/// A subsegment with what is in it.
#[derive(Debug)]
struct Written {
    number: usize,
    members: Object,
}

fn take(written: &mut [Option<Written>], numbers: &[usize]) -> Vec<Written> {
    numbers
        .iter()
        .filter_map(|number| written[*number].take())
        .collect()
}

fn put_times(members: &mut Object, start_ms: i64, end_ms: Option<i64>) {
    members.instant("start_time", start_ms);
    match end_ms {
        Some(end_ms) => members.instant("end_time", end_ms),
        None => members.truth("in_progress", true),
    }
}

/// AWS: 429 is a throttle and an error, what the caller did wrong an error, everything else a fault.
fn put_failing(members: &mut Object, id: SegmentId, failing: Option<&Failing>, is_remote: bool) {
    let Some(failing) = failing else {
        return;
    };
    let error = failing.error.as_deref().unwrap_or_default();
    let is_throttle =
        error.ends_with("TooManyRequestsException") || error.ends_with("ThrottlingException");
    if is_throttle {
        members.truth("throttle", true);
    }
    let kind = if is_throttle || failing.is_client_error {
        "error"
    } else {
        "fault"
    };
    members.truth(kind, true);
    members.object("cause", |cause| {
        cause.list_of("exceptions", |exception| {
            exception.plain("id", id);
            exception.truth("remote", is_remote);
            if !error.is_empty() {
                exception.text("type", error);
            }
            if let Some(cause) = &failing.cause {
                let shown: String = cause.chars().take(CAUSE_CHARACTERS_MAX).collect();
                exception.text("message", &shown);
            }
        });
    });
}

/// What is known of an invocation of a function that is traced.
#[derive(Debug, Clone, PartialEq)]
pub struct TracedInvocation {
    pub trace_id: TraceId,
    /// The segment or subsegment that has called it.
    pub parent: Option<SegmentId>,
    /// Ids of the two segments: of the service, and of the function.
    pub ids: (SegmentId, SegmentId),
    pub function_name: String,
    pub function_arn: String,
    pub account_id: String,
    pub request_id: String,
    /// When it was asked for, or queued.
    pub asked_ms: i64,
    /// How long the environment took to start, if it was started for this invocation.
    pub init_ms: Option<f64>,
    /// When the handler began.
    pub started_ms: i64,
    pub duration_ms: f64,
    /// How often it has been tried, if it came from the queue.
    pub attempt: Option<u32>,
    pub outcome: InvocationOutcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvocationOutcome {
    Succeeded,
    /// The function failed.
    Failed,
    /// There was no room for it: it did not run.
    Throttled,
    /// The service failed.
    Unrun,
}

/// The segments of an invocation: one of the service, and one of the function if it ran.
///
/// AWS: origins `AWS::Lambda` and `AWS::Lambda::Function`; the second is below the first, and subsegments of the
/// handler hang under the second (docs.aws.amazon.com/lambda/latest/dg/services-xray.html).
pub fn invocation_segments(about: &TracedInvocation) -> Vec<Segment> {
    let did_run = matches!(
        about.outcome,
        InvocationOutcome::Succeeded | InvocationOutcome::Failed
    );
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a duration is at most 15 minutes"
    )]
    let end_ms = match did_run {
        true => about.started_ms + about.duration_ms.ceil() as i64,
        false => about.asked_ms,
    };
    let end_ms = end_ms.max(about.asked_ms);
    let status = match about.outcome {
        InvocationOutcome::Throttled => 429,
        InvocationOutcome::Unrun => 500,
        _ => 200,
    };
    let name = name_of(&about.function_name);
    let base = |id: SegmentId, parent: Option<SegmentId>, origin: &str, start_ms: i64| {
        let mut segment = Object::new();
        segment.plain("id", id);
        segment.text("name", &name);
        segment.plain("trace_id", about.trace_id);
        if let Some(parent) = parent {
            segment.plain("parent_id", parent);
        }
        segment.text("origin", origin);
        segment.text("resource_arn", &about.function_arn);
        put_times(&mut segment, start_ms, Some(end_ms));
        segment.object("aws", |aws| {
            aws.text("request_id", &about.request_id);
            aws.text("account_id", &about.account_id);
            if let Some(attempt) = about.attempt {
                aws.number("attempt", attempt.into());
            }
        });
        segment
    };
    let (service_id, function_id) = about.ids;
    let mut service = base(service_id, about.parent, "AWS::Lambda", about.asked_ms);
    service.object("http", |http| {
        http.object("response", |response| response.number("status", status));
    });
    match about.outcome {
        InvocationOutcome::Succeeded => {}
        InvocationOutcome::Failed | InvocationOutcome::Unrun => service.truth("fault", true),
        InvocationOutcome::Throttled => {
            service.truth("error", true);
            service.truth("throttle", true);
        }
    }
    let written = |id: SegmentId, start_ms: i64, members: Object| Segment {
        trace_id: about.trace_id,
        id,
        is_subsegment: false,
        is_in_progress: false,
        start_ms,
        end_ms,
        text: members.finish(),
    };
    let mut segments = vec![written(service_id, about.asked_ms, service)];
    if did_run {
        // AWS: the segment of the function begins with Init, if there was one.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an init takes at most 10 seconds"
        )]
        let init_ms = about.init_ms.map_or(0, |init_ms| init_ms.ceil() as i64);
        let start_ms = (about.started_ms - init_ms).max(about.asked_ms.min(about.started_ms));
        let origin = "AWS::Lambda::Function";
        let mut function = base(function_id, Some(service_id), origin, start_ms);
        if about.outcome == InvocationOutcome::Failed {
            function.truth("fault", true);
        }
        if about.init_ms.is_some() {
            function.list_of("subsegments", |init| {
                init.plain("id", SegmentId(function_id.0.rotate_left(17) ^ 1));
                init.text("name", "Init");
                put_times(init, start_ms, Some(about.started_ms.max(start_ms)));
            });
        }
        segments.push(written(function_id, start_ms, function));
    }
    segments
}
