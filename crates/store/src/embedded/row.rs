//! A stored row: a checksum, then the value.
//!
//! Layout: bytes 0..4 the CRC-32 (IEEE) of key length, key and value, little endian; the rest is the value.
//! The engine has checksums of its own on blocks and journal entries; this one also covers what lies
//! between them, memory included, and a value that ends up under another key.

use crate::{Error, Value};

const CHECKSUM_BYTES: usize = 4;

pub(super) fn encode(key: &[u8], value: &[u8], stored: &mut Vec<u8>) {
    stored.clear();
    stored.extend_from_slice(&checksum(key, value));
    stored.extend_from_slice(value);
}

pub(super) fn decode(key: &[u8], stored: &[u8]) -> Result<Value, Error> {
    match stored.split_at_checked(CHECKSUM_BYTES) {
        Some((found, value)) if found == checksum(key, value) => Ok(Value::from(value)),
        _ => Err(Error::Corrupt { key: key.to_vec() }),
    }
}

fn checksum(key: &[u8], value: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = crc32fast::Hasher::new();
    // The length keeps ("ab", "c") apart from ("a", "bc").
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(value);
    hasher.finalize().to_le_bytes()
}
