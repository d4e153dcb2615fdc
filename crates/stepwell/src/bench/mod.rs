//! What the benchmarks are made of: a load generator, a function without a state machine, the machine's own limits.

pub mod bare;
pub mod functions;
pub mod load;
pub mod machine;
pub mod table;
