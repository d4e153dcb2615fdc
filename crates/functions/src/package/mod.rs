//! Deployment packages: what a zip may hold, its identity, and its unpacked form.

mod archive;
mod layers;
mod unpacked;

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

pub use archive::{check, zip_directory, zip_files};
pub(crate) use layers::Code;
pub(crate) use unpacked::{Packages, Unpacked};

use crate::configuration::PackageId;

/// Where the zip bytes of packages are kept.
pub trait PackageSource: Send + Sync {
    /// The zip with this SHA-256. Called when a package is needed and not unpacked yet; may block.
    fn zip(&self, id: &PackageId) -> io::Result<Bytes>;
}

/// Why bytes are no deployment package.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fix the package: AWS answers `InvalidParameterValueException`.
    #[error("{0}")]
    Invalid(String),
    /// This machine's disk failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The id of a package: SHA-256 of its zip bytes.
pub fn id(zip: &[u8]) -> PackageId {
    PackageId::parse(&hex(&Sha256::digest(zip))).expect("a SHA-256 has 64 hexadecimal digits")
}

/// `CodeSha256` as Lambda shows it: base64 of the SHA-256 of the zip bytes.
pub fn code_sha256(zip: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(zip))
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

/// AWS: largest zip uploaded directly, 50 MB.
pub const ZIP_BYTES_MAX: usize = 52_428_800;
/// AWS: largest unzipped package, 250 MB.
pub const UNZIPPED_BYTES_MAX: u64 = 262_144_000;
/// Files in one package. AWS names no bound; 250 MB of empty files would otherwise be millions.
pub const FILES_MAX: usize = 100_000;
