//! Request bodies: read whole, up to a limit.

use http_body_util::{BodyExt, Limited};
use hyper::body::{Body as _, Incoming};

/// Why a body could not be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    TooLarge,
    Broken(String),
}

/// The whole body.
///
/// - `limit`: bytes; one more is refused without being kept, and a length that is announced over the
///   limit without being read.
pub(crate) async fn read(body: Incoming, limit: usize) -> Result<Vec<u8>, Unreadable> {
    if body.size_hint().lower() > limit as u64 {
        return Err(Unreadable::TooLarge);
    }
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Unreadable::TooLarge),
        Err(error) => Err(Unreadable::Broken(error.to_string())),
    }
}
