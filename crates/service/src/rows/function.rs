//! Functions and their packages.

use super::{Kind, Part, key};

/// Bytes of a package in one row: a row is rewritten by compaction as a whole.
pub(crate) const CODE_CHUNK_BYTES: usize = 1 << 20;

pub(crate) fn function_key(name: &str) -> Vec<u8> {
    key(Kind::Function, &[Part::Text(name)])
}

pub(crate) fn functions() -> Vec<u8> {
    key(Kind::Function, &[])
}

/// One chunk of a package, named by its SHA-256.
pub(crate) fn code_key(package: &str, chunk: u64) -> Vec<u8> {
    key(
        Kind::FunctionCode,
        &[Part::Name(package), Part::Number(chunk)],
    )
}

pub(crate) fn code_of(package: &str) -> Vec<u8> {
    key(Kind::FunctionCode, &[Part::Name(package)])
}
