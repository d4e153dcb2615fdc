//! Traces, through documents in and the operations of X-Ray out.

mod emission;
mod filters;
mod inferred;
mod kept;
mod world;
