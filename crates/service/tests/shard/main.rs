//! One shard through its face: commands and time in, answers, effects and rows out.

mod activities;
mod crashes;
mod deliveries;
mod events;
mod executions;
mod express;
mod fsck;
mod functions;
mod gateway;
mod golden;
mod hardening;
mod iam;
mod lambda;
mod log_groups;
mod machines;
mod map_runs;
mod nested;
mod quotas;
mod reads;
mod redrives;
mod retention;
mod schedules;
mod tasks;
mod timers;
mod versions;
mod world;
