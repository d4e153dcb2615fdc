//! The shell around the service: sockets, threads, the clock, entropy.
//!
//! Lives here: the HTTP listener, the shard's thread and its inbox, performers of effects, the
//! function pool's wiring, the log lines of functions.
//! Never here: a decision that changes durable state (that is the service's), what a definition means.
//! Read first: [`Server::start`].

mod access;
mod alarms;
mod asynchronous;
pub mod backup;
mod body;
mod caller;
mod cloudwatch;
mod commits;
mod connections;
mod console;
mod deliveries;
mod disk_space;
mod embedded_metrics;
mod endpoints;
mod events;
mod front;
mod functions;
mod gateway;
mod http;
mod iam;
mod in_flight;
mod inbox;
mod inspection;
mod limits;
mod live_tail;
mod log_filters;
mod log_queries;
mod log_taps;
mod log_writer;
mod logs;
mod mask;
#[allow(dead_code, reason = "its counts are read by /metrics next")]
mod metric_writer;
mod observers;
mod options;
mod otlp;
mod packages;
mod performer;
mod priority;
mod probes;
mod prometheus;
mod quotas;
mod rest;
mod sampling_targets;
mod scheduler;
mod server;
mod shard;
mod standing;
mod states;
mod streaming;
mod test_state;
mod trace_daemon;
mod trace_emission;
mod trace_notes;
mod trace_writer;
mod unserved;
mod validation;
mod xray;

pub use access::AccessKey;
pub use console::Asset;
pub use console::project::Project;
pub use endpoints::check_endpoint;
pub use inspection::{Inspection, Ports};
pub use limits::Limits;
pub use mask::Mask;
pub use options::{LostTask, Options};
pub use otlp::{OtlpExport, OtlpOptions, OtlpProtocol, OtlpSenders};
pub use server::{Error, Server};
pub use stepwell_service::retention;
pub use validation::{Diagnostic, validate_definition};
