//! Histories of small machines: a definition, a script of what the world does, and the events.

mod choices;
mod data_flow;
mod distributed;
mod fields;
mod limits;
mod maps;
mod parallels;
mod redrives;
mod retries;
mod spine;
mod times;
mod world;
