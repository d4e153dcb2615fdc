//! Counters of the shard.

use serde::{Deserialize, Serialize};

use super::{Kind, Part, key};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    /// No execution and no map run has this number or a higher one.
    pub(crate) next_execution: u64,
}

pub(crate) fn meta_key() -> Vec<u8> {
    key(Kind::Meta, &[Part::Text("counters")])
}
