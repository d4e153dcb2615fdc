//! Request bodies: read whole, up to a limit, within a time, from room that all of them share.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A client must send its whole body within this time.
const BODY_PATIENCE: Duration = Duration::from_secs(120);

/// Why a body could not be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    TooLarge,
    TooSlow,
    /// The room of all bodies is in use; the request may be sent again.
    NoRoom,
    Broken(String),
}

/// The room of all bodies.
pub(crate) struct Room {
    free: Arc<Semaphore>,
    most: usize,
}

/// A share of the room; given back when dropped.
pub(crate) struct Share(#[expect(dead_code, reason = "held, never read")] OwnedSemaphorePermit);

impl Room {
    /// - `bytes`: of all bodies together.
    pub(crate) fn new(bytes: usize) -> Room {
        Room {
            free: Arc::new(Semaphore::new(bytes)),
            most: bytes,
        }
    }

    /// Bytes that are held, and the most that may be.
    pub(crate) fn load(&self) -> (usize, usize) {
        (self.most - self.free.available_permits(), self.most)
    }

    /// The whole body, and its share of the room.
    ///
    /// - `limit`: bytes; one more is refused without being kept, and a length that is announced over the
    ///   limit without being read.
    pub(crate) async fn read(
        &self,
        body: Incoming,
        limit: usize,
    ) -> Result<(Vec<u8>, Share), Unreadable> {
        if body.size_hint().lower() > limit as u64 {
            return Err(Unreadable::TooLarge);
        }
        match tokio::time::timeout(BODY_PATIENCE, self.collect(body, limit)).await {
            Ok(collected) => collected,
            Err(_) => Err(Unreadable::TooSlow),
        }
    }

    /// Room is taken as bytes arrive: a client that announces much and sends nothing takes none.
    async fn collect(
        &self,
        mut body: Incoming,
        limit: usize,
    ) -> Result<(Vec<u8>, Share), Unreadable> {
        let mut bytes = Vec::new();
        let mut share = self.take(0)?;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Unreadable::Broken(error.to_string()))?;
            let Ok(chunk) = frame.into_data() else {
                continue;
            };
            if bytes.len() + chunk.len() > limit {
                return Err(Unreadable::TooLarge);
            }
            share.merge(self.take(chunk.len())?);
            bytes.extend_from_slice(&chunk);
        }
        Ok((bytes, Share(share)))
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Unreadable> {
        let permits = u32::try_from(bytes).map_err(|_| Unreadable::NoRoom)?;
        Arc::clone(&self.free)
            .try_acquire_many_owned(permits)
            .map_err(|_| Unreadable::NoRoom)
    }
}
