//! What is put into a world: the shard as it ships or, in the test of the checkers, one with a bug in it.

use std::sync::Arc;

use stepwell_service::{Command, Committed, RequestId, Settings, Shard, Timestamp};
use stepwell_store::{Error, Snapshot, Store};

/// The face of a shard; see the methods of [`Shard`].
pub trait Subject {
    fn recover(
        &mut self,
        now: Timestamp,
        after_key: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, Error>;
    fn apply(&mut self, now: Timestamp, entropy: [u8; 32], command: Command);
    fn tick(&mut self, now: Timestamp);
    fn commit(&mut self) -> Result<Committed, Error>;
    fn next_deadline(&self) -> Option<Timestamp>;
    fn snapshot(&self) -> Arc<dyn Snapshot>;
    fn is_full(&self) -> bool;
    fn polls(&self) -> Vec<RequestId>;
    fn forget_poll(&mut self, id: RequestId);
    fn end_polls(&mut self);
}

/// Opens what a world tests: at its beginning and after every crash.
pub type Opener = dyn Fn(Box<dyn Store>, Settings) -> Result<Box<dyn Subject>, Error> + Sync;

/// The shard as it ships.
pub fn shard(store: Box<dyn Store>, settings: Settings) -> Result<Box<dyn Subject>, Error> {
    Ok(Box::new(Shard::open(store, settings)?))
}

impl Subject for Shard {
    fn recover(
        &mut self,
        now: Timestamp,
        after_key: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, Error> {
        Shard::recover(self, now, after_key)
    }

    fn apply(&mut self, now: Timestamp, entropy: [u8; 32], command: Command) {
        Shard::apply(self, now, entropy, command);
    }

    fn tick(&mut self, now: Timestamp) {
        Shard::tick(self, now);
    }

    fn commit(&mut self) -> Result<Committed, Error> {
        Shard::commit(self)
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        Shard::next_deadline(self)
    }

    fn snapshot(&self) -> Arc<dyn Snapshot> {
        Shard::snapshot(self)
    }

    fn is_full(&self) -> bool {
        Shard::is_full(self)
    }

    fn polls(&self) -> Vec<RequestId> {
        Shard::polls(self).collect()
    }

    fn forget_poll(&mut self, id: RequestId) {
        Shard::forget_poll(self, id);
    }

    fn end_polls(&mut self) {
        Shard::end_polls(self);
    }
}
