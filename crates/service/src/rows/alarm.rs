//! Alarms: which of their transitions the shard has taken.

use serde::{Deserialize, Serialize};

use super::{Kind, Part, key};

/// The newest transition of a store of alarms that was taken.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct TransitionRow {
    pub(crate) number: u64,
    /// For each of its actions why it cannot be delivered.
    pub(crate) outcomes: Vec<Option<String>>,
}

pub(crate) fn transition_key(store: u64) -> Vec<u8> {
    key(Kind::AlarmTransition, &[Part::Number(store)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{decode, encode};

    /// Rows of this release, byte for byte: a later one must read them.
    #[test]
    fn rows_that_were_written_are_read() {
        let row = TransitionRow {
            number: 7,
            outcomes: vec![None, Some("no".to_string())],
        };
        let value = [1, 7, 2, 0, 1, 2, b'n', b'o'];
        assert_eq!(encode(&row), value);
        let key = transition_key(1);
        assert_eq!(key, [52, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(
            decode::<TransitionRow>(&key, &value).expect("readable"),
            row
        );
    }
}
