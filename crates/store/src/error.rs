//! What can go wrong with a store, one variant a decision the caller can take.

use std::io;

use crate::{BATCH_BYTES_MAX, KEY_BYTES_MAX};

/// An operating error of a store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading or writing failed. From a commit: its outcome is unknown and the store is stopped; drop it,
    /// open it again and recover.
    #[error("cannot {action} in {place}: {cause}")]
    Io {
        /// What was tried, as a verb and its object.
        action: &'static str,
        /// The directory, or a name for a store without one.
        place: String,
        /// What the operating system said.
        cause: io::Error,
    },

    /// An earlier commit failed and nothing was written since: drop the store, open it again and recover.
    #[error("the store in {place} is stopped because an earlier commit failed; reopen it")]
    Stopped {
        /// The directory, or a name for a store without one.
        place: String,
    },

    /// Another process, or another store or snapshot in this one, has the directory open: end that one first.
    #[error(
        "{directory} is open in another process; one server at a time may use a data directory"
    )]
    Locked {
        /// The directory.
        directory: String,
    },

    /// A newer version of this program wrote the directory: run that version. Nothing was changed.
    #[error(
        "{directory} has store format {found}, this version reads up to {supported}; use a newer version"
    )]
    NewerFormat {
        /// The directory.
        directory: String,
        /// The format its marker names.
        found: u32,
        /// The newest format this version reads.
        supported: u32,
    },

    /// The directory as a whole cannot be read: restore it from a backup. Nothing was changed.
    #[error("the store in {directory} is damaged: {reason}")]
    Damaged {
        /// The directory.
        directory: String,
        /// What does not fit.
        reason: String,
    },

    /// One row's checksum does not match its bytes: restore from a backup, or do without this row.
    #[error("the row with key {} does not match its checksum", escaped(key))]
    Corrupt {
        /// The key of the row.
        key: Vec<u8>,
    },

    /// A key is empty or too long: refuse what led to it. Nothing was written.
    #[error(
        "a key of {key_bytes} bytes, keys have 1 to {KEY_BYTES_MAX} bytes: {}",
        escaped(start)
    )]
    Key {
        /// How long the key is.
        key_bytes: usize,
        /// Its first bytes, to recognise it by.
        start: Vec<u8>,
    },

    /// A batch is too large: commit less at a time. Nothing was written.
    #[error("a batch of {batch_bytes} bytes, the largest batch has {BATCH_BYTES_MAX} bytes")]
    BatchTooLarge {
        /// How large the batch is: keys and values together.
        batch_bytes: usize,
    },
}

fn escaped(key: &[u8]) -> String {
    format!("\"{}\"", key.escape_ascii())
}
