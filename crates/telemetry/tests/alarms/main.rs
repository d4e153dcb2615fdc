//! Alarms through their face: tables of the user guide, reasons, rules, and a writer that is killed.

mod composite;
mod evaluation;
mod operations;
mod property;
mod world;
