//! What a row holds of an execution beside its identity: where it stands, without what follows from the rest.

use serde::{Deserialize, Serialize};

use crate::event::EventId;
use crate::execution::{Execution, Identity, Status};
use crate::payload::Slot;

/// Where an execution stands. The order of the fields is part of the row format: append only.
#[derive(Debug, Serialize, Deserialize)]
pub struct Course {
    status: Status,
    input: Slot,
    output: Option<Slot>,
    error: Option<String>,
    cause: Option<String>,
    /// Instants count from the start, in milliseconds.
    stopped_after_ms: Option<i64>,
    deadline_after_ms: Option<i64>,
    last_event: EventId,
    next_frame: u32,
}

impl Execution {
    /// Where the execution stands.
    pub fn course(&self) -> Course {
        let started_ms = self.identity.started_ms;
        // Both are kept exactly: the difference wraps as the sum does.
        let after = |instant_ms: i64| instant_ms.wrapping_sub(started_ms);
        Course {
            status: self.status,
            input: self.input.clone(),
            output: self.output.clone(),
            error: self.error.clone(),
            cause: self.cause.clone(),
            stopped_after_ms: self.stopped_ms.map(after),
            deadline_after_ms: self.deadline_ms.map(after),
            last_event: self.last_event,
            next_frame: self.next_frame,
        }
    }

    /// The execution that [`Execution::course`] told of; to be attached and supplied as any that comes from rows.
    pub fn at_course(identity: Identity, course: Course) -> Execution {
        let started_ms = identity.started_ms;
        let at = |after_ms: i64| started_ms.wrapping_add(after_ms);
        Execution {
            status: course.status,
            input: course.input,
            output: course.output,
            error: course.error,
            cause: course.cause,
            stopped_ms: course.stopped_after_ms.map(at),
            deadline_ms: course.deadline_after_ms.map(at),
            last_event: course.last_event,
            next_frame: course.next_frame,
            ..Execution::unattached(identity)
        }
    }
}
