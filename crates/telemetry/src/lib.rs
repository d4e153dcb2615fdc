//! What can be seen of executions and functions from outside: logs.
//!
//! Lives here: log streams and log events in a store of their own, with their bounds; the operations of
//! CloudWatch Logs that read and write them; filter patterns; the pure function that turns a history event into a log event.
//!
//! Never here: deciding anything about executions; threads, sockets, clocks; the rows of a shard.
//!
//! Read first: [`execution_log`], then [`Logs::append`].

pub mod alarms;
pub mod emf;
mod encoding;
mod execution_log;
pub mod exposition;
mod filter_pattern;
mod insights;
mod logs;
pub mod metrics;
pub mod otlp;
pub mod projection;
mod rows;
mod traces;

pub use execution_log::{
    Level, Source, VALIDATION_MESSAGE, VALIDATION_STREAM, execution_log, stream_name,
};
pub use filter_pattern::{FilterPattern, RefusedPattern};
pub use insights::{Ended, LogRecord, Query, QueryError, Run};
pub use logs::{
    Group, Limits, LogEvent, Logs, LogsReader, Read, Scanned, Scope, Visited, event_id,
};
pub use traces::{
    Added, Callee, DOCUMENT_BYTES_MAX, Entry, ExecutionTrace, Failing, GroupFilters, Happening,
    InvocationOutcome, Rejected, Segment, SegmentId, Trace, TraceFilter, TraceHeader, TraceId,
    TraceLimits, TraceRead, TracedExecution, TracedInvocation, Traces, TracesReader, What,
    datagram, filter_of, invocation_segments, name_of,
};
