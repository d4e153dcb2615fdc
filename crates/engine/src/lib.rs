//! One execution: `(execution, now, input) -> (events, effects)`.
//!
//! Lives here: the interpreter of one execution of a state machine: frames, transitions, retry and
//! catch, data flow, timeouts, the events of its history, and the effects it asks for.
//! Never here: a clock, a source of entropy, disk, sockets, async, wire shapes.
//! Read first: [`step`].

mod consistency;
mod context;
mod course;
mod event;
mod execution;
mod failing;
mod flow;
mod frames;
mod inspect;
mod json_scan;
mod map_run;
mod payload;
mod quantity;
mod redrive;
mod retry;
mod states;
mod step;
mod text;
mod token;
mod variable_texts;

pub use course::Course;
pub use event::{Body, Details, Event, EventId, StateKind};
pub use execution::{
    Execution, Frame, FrameId, HISTORY_EVENTS_MAX, INLINE_MAP_CONCURRENCY_MAX, Identity, Mode,
    Status,
};
pub use inspect::{
    DataStage, Ending, MapLimits, Mock, Progress, StateTest, StateUnderTest, TEST_SECONDS_MAX,
};
pub use map_run::{MapRunChild, MapRunFault, MapRunStart};
pub use payload::{PAYLOAD_BYTES_MAX, PAYLOAD_DEPTH_MAX, Payload, Slot};
pub use redrive::Redrives;
pub use step::{Call, CallPattern, Effect, Input, Ticket, Transition, step};
pub use stepwell_asl::definition::distributed::Transformation;
pub use stepwell_asl::definition::{Kind, MachineKind, Map, MapMode, Pattern, Resource, Task};
pub use stepwell_asl::{Definition, Diagnostic, Entropy, Severity, Timestamp, Variables};
pub use token::TaskToken;

/// The stream of randomness that a command's 32 bytes of entropy give.
pub fn entropy(bytes: &[u8; 32]) -> stepwell_asl::Entropy {
    stepwell_asl::Entropy::derive(bytes, 0)
}
