//! Runs Lambda functions as plain operating system processes.
//!
//! Lives here: deployment packages (zip in, unpacked directory out), TypeScript bundling with esbuild, execution
//! environments and their pool, the Lambda Runtime API (2018-06-01), the capture of a function's logs.
//!
//! Never here: durable state, the configuration of functions as a resource, anything that knows who invokes a
//! function or why, AWS wire shapes, crates of our own.
//!
//! Read first: [`Pool::invoke`].

pub mod bundle;
mod configuration;
mod environment;
mod inspector;
mod invocation;
pub mod package;
mod pool;
mod runtime_api;
pub mod sandbox;
mod timestamp;

pub use configuration::{
    Configuration, CredentialSource, Credentials, EPHEMERAL_STORAGE_MB, LogFormat, LogLevel,
    Logging, PackageId, runs_here,
};
pub use inspector::{Inspection, StartFunction};
pub use invocation::{
    Ending, Figures, FunctionError, Invocation, InvokeError, InvokeReply, LOG_BYTES_MAX,
    LOG_EVENT_BYTES_MAX, LOG_TAIL_BYTES_MAX, LogLine, LogSink, REQUEST_BYTES_MAX,
    RESPONSE_BYTES_MAX, STREAM_BYTES_MAX, StreamPart, StreamSink, ThrottleReason,
};
pub use package::PackageSource;
pub use pool::{ControlGroup, Load, Pool, PoolOptions};
