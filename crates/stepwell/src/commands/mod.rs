//! One file a command. Each reads its arguments, asks a server through [`crate::client`], and prints.

pub mod access_key;
pub mod alarms;
pub mod backup;
pub mod bench;
pub mod demo;
pub mod deploy;
pub mod dev;
pub mod fsck;
pub mod history;
mod incidents;
pub mod invoke;
pub mod list;
pub mod logs;
pub mod metrics;
mod orders;
pub mod serve;
pub mod start;
pub mod trace;
pub mod validate;
