//! Request bodies: read whole, up to a limit, within a time, from room that all of them share.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use stepwell_api::sigv4::{Refusal, Wire};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::access::{Proof, Unread};

/// A client must send its whole body within this time.
const BODY_PATIENCE: Duration = Duration::from_secs(120);

/// Bytes of a packed body that are unpacked before room is taken for more.
const UNPACKED_AT_ONCE: usize = 64 << 10;

/// Bytes of a body that are hashed in some tens of microseconds.
const CHECKED_AT_ONCE: usize = 64 << 10;

/// Why a body could not be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    TooLarge,
    TooSlow,
    /// The room of all bodies is in use; the request may be sent again.
    NoRoom,
    Broken(String),
    /// It was not signed by who says so.
    Denied(Refusal, Wire),
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
        body: Unread,
        limit: usize,
    ) -> Result<(Vec<u8>, Share), Unreadable> {
        let Unread {
            incoming: body,
            proof,
            wire,
        } = body;
        if body.size_hint().lower() > limit as u64 {
            return Err(Unreadable::TooLarge);
        }
        match tokio::time::timeout(BODY_PATIENCE, self.collect(body, limit)).await {
            Ok(collected) => {
                let (bytes, share) = collected?;
                check(&proof, &bytes).map_err(|refusal| Unreadable::Denied(refusal, wire))?;
                Ok((bytes, share))
            }
            Err(_) => Err(Unreadable::TooSlow),
        }
    }

    /// A body without its gzip, and its share of the room; the packed one leaves the room.
    ///
    /// - `limit`: bytes of the unpacked body.
    pub(crate) fn unpack(
        &self,
        (packed, share): (Vec<u8>, Share),
        limit: usize,
    ) -> Result<(Vec<u8>, Share), Unreadable> {
        let unpacked = tokio::task::block_in_place(|| self.inflate(&packed, limit));
        drop((packed, share));
        unpacked
    }

    /// Without its gzip, and its share of the room; computes for as long as it is large.
    ///
    /// Room is taken as bytes come out: a body that says little and becomes much takes what it becomes.
    pub(crate) fn inflate(
        &self,
        packed: &[u8],
        limit: usize,
    ) -> Result<(Vec<u8>, Share), Unreadable> {
        let mut decoder = MultiGzDecoder::new(packed);
        let mut chunk = vec![0; UNPACKED_AT_ONCE];
        let mut bytes = Vec::new();
        let mut share = self.take(0)?;
        loop {
            let count = decoder
                .read(&mut chunk)
                .map_err(|error| Unreadable::Broken(format!("it is no gzip: {error}")))?;
            if count == 0 {
                return Ok((bytes, Share(share)));
            }
            if bytes.len() + count > limit {
                return Err(Unreadable::TooLarge);
            }
            share.merge(self.take(count)?);
            bytes.extend_from_slice(&chunk[..count]);
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

/// Checks what has to hold of a body.
///
/// Where that takes longer than a task may, others get the thread meanwhile; for every request that would cost as much as
/// the rest of it.
fn check(proof: &Proof, body: &[u8]) -> Result<(), Refusal> {
    match proof {
        Proof::Signature { .. } if body.len() > CHECKED_AT_ONCE => {
            tokio::task::block_in_place(|| proof.check(body))
        }
        Proof::Given | Proof::Signature { .. } => proof.check(body),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("a vector takes all");
        encoder.finish().expect("a vector takes all")
    }

    #[test]
    fn what_is_unpacked_has_room_of_its_own_and_gives_it_back() {
        let room = Room::new(1 << 20);
        let zeroes = vec![0; 300 << 10];
        let mut two = packed(&zeroes);
        two.extend(packed(&zeroes));
        let unpack = |packed: &[u8], limit| {
            let share = Share(room.take(packed.len()).expect("it is small"));
            room.unpack((packed.to_vec(), share), limit)
        };
        let (bytes, share) = unpack(&two, 1 << 20).expect("both members are unpacked");
        assert_eq!((bytes.len(), room.load().0), (600 << 10, 600 << 10));
        // Each of them is small; together they are not.
        let refused = unpack(&two, 1 << 20).map(|(bytes, _)| bytes.len());
        assert!(matches!(refused, Err(Unreadable::NoRoom)), "{refused:?}");
        assert_eq!(room.load().0, 600 << 10);
        drop(share);
        let refused = unpack(&two, 500 << 10).map(|(bytes, _)| bytes.len());
        assert!(matches!(refused, Err(Unreadable::TooLarge)), "{refused:?}");
        for length in [0, 5, two.len() - 1] {
            let refused = unpack(&two[..length], 1 << 20).map(|(bytes, _)| bytes.len());
            assert!(matches!(refused, Err(Unreadable::Broken(_))), "{refused:?}");
        }
        assert_eq!(room.load().0, 0);
    }
}
