//! Shards in worlds that are decided by one number: callers, performers, workers, a clock that jumps, commits that fail.
//!
//! Lives here: the worlds, what their callers do, their faults, random definitions, and the checkers.
//! Never here: a clock, threads, sockets or files inside a world; anything that ships. Threads are in `main.rs`.
//! Read first: [`World::run`].

pub mod check;
pub mod definitions;
mod draw;
mod options;
mod run;
mod subject;
mod trace;
mod world;

pub use draw::Draw;
pub use options::{Callers, Faults, Options};
pub use run::{Finding, Plan, Report, run, run_twice};
pub use subject::{Opener, Subject, shard};
pub use world::World;
