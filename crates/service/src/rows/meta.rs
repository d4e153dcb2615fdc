//! Counters of the shard.

use serde::{Deserialize, Serialize};

use super::{Kind, Part, key};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    /// Number that the next execution or map run gets.
    pub(crate) next_execution: u64,
}

pub(crate) fn meta_key() -> Vec<u8> {
    key(Kind::Meta, &[Part::Text("counters")])
}
