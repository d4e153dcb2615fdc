//! What the benchmarks are made of: a load generator, and a function without a state machine.

pub mod bare;
pub mod load;
