//! What the benchmarks are made of: servers, load generators, the machine's own limits, and a file a workload.

pub mod bare;
pub mod costs;
pub mod definitions;
pub mod echo;
pub mod express;
pub mod functions;
pub mod histories;
pub mod lists;
pub mod load;
pub mod logs;
pub mod machine;
pub mod maps;
pub mod plan;
pub mod recovery;
pub mod server;
pub mod sleepers;
pub mod starts;
pub mod table;
pub mod tasks;
pub mod telemetry;
pub mod traces;
