//! One shard: commands in; rows, replies and effects out.
//!
//! Lives here: state machines, executions, task completions, timers, event rules and schedules, and the
//! configuration of functions; the rows that hold them; what each API operation answers; crash recovery.
//! Never here: threads, async, sockets, `SystemTime`, `Instant`, environment variables, randomness:
//! `now` and entropy are arguments.
//! Read first: [`Shard::apply`].

mod activities;
mod alarms;
mod aliases;
pub mod audit;
mod command;
mod configuration;
mod deliveries;
mod effects;
mod events;
mod execution_list;
mod executions;
mod facts;
mod fsck;
mod functions;
mod gateway;
mod history;
mod iam;
mod integration;
mod listing;
mod log_filters;
mod log_groups;
mod machines;
mod map_runs;
mod nested;
mod polls;
mod quotas;
mod reader;
mod recovery;
mod redrive;
mod residents;
pub mod retention;
mod rows;
mod schedules;
mod shard;
mod staging;
mod tags;
mod target;
mod tasks;
mod test_state;
mod timers;
mod tracing;
mod validation;
mod versions;

pub use alarms::{AlarmAction, AlarmEvent, AlarmTransition};
pub use command::{
    Answer, Answered, Authorization, BusEvent, CallStyle, Command, Committed, DeliveryAction,
    DeliveryCall, DeliveryOutcome, Effect, EventInvocation, EventsRequest, ExecutionFacts,
    FunctionCall, FunctionCode, FunctionReply, GivenUp, HttpCall, IamRequest, LambdaRequest,
    LiveEvents, LogTarget, LogsRequest, LostTask, MachineFacts, MapRunPlace, Message, Refusal,
    Request, RequestId, SchedulerRequest, Settings, TakenTask, TaskOutcome, TokenCall, UnknownRole,
    WebhookCall, XrayRequest,
};
pub use deliveries::{Delivery, RetryPolicy, Unawaited, unawaited, unawaited_outcome};
pub use fsck::{FINDINGS_MAX, Finding, KindCount, Report as FsckReport, fsck};
pub use functions::lambda_date;
pub use functions::named::Invocable;
pub use gateway::urls::UrlRequest;
pub use gateway::{ApiDocument, GatewayAnswer, GatewayRefusal, GatewayRequest, NewStage};
pub use history::type_of as event_type;
pub use integration::ServiceCall;
pub use quotas::Quotas;
pub use reader::{
    Caller, KnownTexts, OpenMapRuns, Read, Reader, ResourceCounts, Stack, StackResource, survey,
};
pub use rows::function::{FunctionRow, LayerUse, LayerVersionRow, Shown};
pub use rows::gateway::{ApiFacts, ApiKind, ApiRow, DeploymentRow, FunctionUrlRow, StageRow};
pub use rows::log_group::{LogFilter, LogFilterAction, LogGroup};
pub use rows::tracing::SamplingRuleRow;
pub use shard::{Shard, event_bytes};
pub use stepwell_engine::{
    Body, Definition, Details, Diagnostic, Event, EventId, Identity, MachineKind, Mode, Payload,
    Severity, StateKind, Ticket, Timestamp,
};
pub use test_state::{OpenTest, Tested, test_state};
pub use tracing::{Asked, DEFAULT_RULE, Sampler, default_rule, is_sampled, segment_id};
pub use validation::validate_definition;

/// A random (version 4) UUID from 32 bytes of entropy.
pub fn uuid(entropy: &[u8; 32]) -> String {
    stepwell_engine::entropy(entropy).draw_uuid()
}
