//! History events, in the engine's own words. One file of `service` maps them to wire shapes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::payload::{Payload, Slot};

/// Id of a history event: from 1, without gaps. 0 means none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct EventId(pub u64);

impl EventId {
    /// Before the first event.
    pub const NONE: EventId = EventId(0);
}

/// One history event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    pub id: EventId,
    /// AWS: the first state entered and the end of a stopped execution have 0 here.
    pub previous: EventId,
    /// Milliseconds since the epoch.
    pub timestamp_ms: i64,
    pub details: Details,
}

/// A payload inside an event: its text, or the id of the earlier event that stores the same text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    Text(Arc<str>),
    Same(EventId),
}

impl Body {
    /// The text, if this event stores it.
    pub fn text(&self) -> Option<&str> {
        match self {
            Body::Text(text) => Some(text),
            Body::Same(_) => None,
        }
    }
}

/// Which state type an event's `...StateEntered` or `...StateExited` belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StateKind {
    Task,
    Choice,
    Parallel,
    Map,
    Wait,
    Pass,
    Succeed,
    Fail,
}

/// What happened. The order of variants and fields is part of the row format: append only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Details {
    ExecutionStarted {
        input: Body,
    },
    ExecutionSucceeded {
        output: Body,
    },
    ExecutionFailed {
        error: Option<String>,
        cause: Option<String>,
    },
    ExecutionAborted {
        error: Option<String>,
        cause: Option<String>,
    },
    ExecutionTimedOut {
        error: Option<String>,
        cause: Option<String>,
    },
    StateEntered {
        kind: StateKind,
        name: Arc<str>,
        input: Body,
    },
    StateExited {
        kind: StateKind,
        name: Arc<str>,
        output: Body,
        /// Variable name to JSON text, in the order of `Assign`.
        assigned: Vec<(String, String)>,
    },
    FunctionScheduled {
        resource: String,
        input: Body,
        timeout_seconds: Option<u64>,
        role_arn: Option<String>,
    },
    FunctionStarted,
    FunctionSucceeded {
        output: Body,
    },
    FunctionFailed {
        error: Option<String>,
        cause: Option<String>,
    },
    FunctionTimedOut {
        error: Option<String>,
        cause: Option<String>,
    },
    TaskScheduled {
        resource_type: String,
        resource: String,
        parameters: Body,
        timeout_seconds: Option<u64>,
        heartbeat_seconds: Option<u64>,
        role_arn: Option<String>,
    },
    TaskStarted {
        resource_type: String,
        resource: String,
    },
    TaskSubmitted {
        resource_type: String,
        resource: String,
        output: Body,
    },
    TaskSucceeded {
        resource_type: String,
        resource: String,
        output: Body,
    },
    TaskFailed {
        resource_type: String,
        resource: String,
        error: Option<String>,
        cause: Option<String>,
    },
    TaskTimedOut {
        resource_type: String,
        resource: String,
        error: Option<String>,
        cause: Option<String>,
    },
    TaskStateAborted,
    WaitStateAborted,
    ParallelStateStarted,
    ParallelStateSucceeded,
    ParallelStateFailed,
    ParallelStateAborted,
    MapStateStarted {
        length: u64,
    },
    MapStateSucceeded,
    MapStateFailed,
    MapStateAborted,
    MapIterationStarted {
        name: Arc<str>,
        index: u64,
    },
    MapIterationSucceeded {
        name: Arc<str>,
        index: u64,
    },
    MapIterationFailed {
        name: Arc<str>,
        index: u64,
    },
    MapIterationAborted {
        name: Arc<str>,
        index: u64,
    },
    EvaluationFailed {
        error: String,
        cause: String,
        location: Option<String>,
        state: String,
    },
    ActivityScheduled {
        resource: String,
        input: Body,
        timeout_seconds: Option<u64>,
        heartbeat_seconds: Option<u64>,
    },
    ActivityStarted {
        worker_name: Option<String>,
    },
    ActivitySucceeded {
        output: Body,
    },
    ActivityFailed {
        error: Option<String>,
        cause: Option<String>,
    },
    ActivityTimedOut {
        error: Option<String>,
        cause: Option<String>,
    },
    ExecutionRedriven {
        /// How often the execution was redriven, this time included.
        redrive_count: u32,
    },
    MapRunStarted {
        arn: String,
    },
    MapRunSucceeded,
    MapRunFailed {
        error: Option<String>,
        cause: Option<String>,
    },
    MapRunAborted,
    MapRunRedriven {
        arn: String,
        redrive_count: u32,
    },
}

impl Details {
    /// Whether this event ends the execution.
    pub fn is_terminal(&self) -> bool {
        matches!(
            self,
            Details::ExecutionSucceeded { .. }
                | Details::ExecutionFailed { .. }
                | Details::ExecutionAborted { .. }
                | Details::ExecutionTimedOut { .. }
        )
    }

    /// Bytes of the texts that this event stores, names and causes left out.
    pub(crate) fn stored_bytes(&self) -> usize {
        let body = match self.body() {
            Some(Body::Text(text)) => text.len(),
            _ => 0,
        };
        let assigned = match self {
            Details::StateExited { assigned, .. } => {
                assigned.iter().map(|(_, text)| text.len()).sum()
            }
            _ => 0,
        };
        body + assigned
    }

    /// The input, output or parameters that this event carries, if it carries one.
    pub fn body(&self) -> Option<&Body> {
        match self {
            Details::ExecutionStarted { input }
            | Details::StateEntered { input, .. }
            | Details::FunctionScheduled { input, .. }
            | Details::ActivityScheduled { input, .. } => Some(input),
            Details::ExecutionSucceeded { output }
            | Details::StateExited { output, .. }
            | Details::FunctionSucceeded { output }
            | Details::TaskSubmitted { output, .. }
            | Details::TaskSucceeded { output, .. }
            | Details::ActivitySucceeded { output } => Some(output),
            Details::TaskScheduled { parameters, .. } => Some(parameters),
            _ => None,
        }
    }
}

/// The body for `slot` in the event `id`: its text if no event stores it yet, else a reference.
pub(crate) fn body_of(slot: &mut Slot, id: EventId) -> Body {
    if slot.at == EventId::NONE {
        slot.at = id;
        Body::Text(Arc::clone(slot.payload().text()))
    } else {
        Body::Same(slot.at)
    }
}

/// The body of a payload that may be the very one of `stored`.
pub(crate) fn body_beside(payload: &Payload, stored: &Slot) -> Body {
    let is_same =
        stored.at != EventId::NONE && Arc::ptr_eq(payload.text(), stored.payload().text());
    if is_same {
        Body::Same(stored.at)
    } else {
        body_text(payload)
    }
}

/// The body of a payload that no frame keeps.
pub(crate) fn body_text(payload: &Payload) -> Body {
    Body::Text(Arc::clone(payload.text()))
}
