//! Events that versions before 0.2 wrote in rows of their own move into blocks.

use std::sync::Arc;

use stepwell_store::Error;

use super::block::{self, Event};
use super::rows::{
    EventRow, after, block_key, corrupt, decode, encode_group, event_of, events, group_key,
};
use super::{Logs, PAGE_BYTES};

/// Rows that one commit moves.
const MOVED_MAX: usize = 8_192;

impl Logs {
    /// Moves a page of rows at a time: a crash on the way leaves each event in one of the two places.
    pub(super) fn migrate(&mut self) -> Result<(), Error> {
        let (from, to) = (events(), after(&events()));
        loop {
            let page = self
                .store
                .snapshot()
                .page(&from, &to, MOVED_MAX, PAGE_BYTES)?;
            if page.is_empty() {
                return Ok(());
            }
            let mut of_group: Option<String> = None;
            let mut moved: Vec<Event> = Vec::new();
            for (key, value) in page {
                let (group, place) = event_of(&key).ok_or_else(|| corrupt(&key))?;
                if of_group.as_ref().is_some_and(|of| *of != group) {
                    // The next page begins with it.
                    break;
                }
                of_group = Some(group);
                let row: EventRow = decode(&key, &value)?;
                moved.push(Event {
                    place,
                    stream: Arc::from(row.stream),
                    ingestion_ms: row.ingestion_ms,
                    message: row.message,
                });
                self.batch.delete(key);
            }
            let group = of_group.expect("the page has a row");
            let mut stored = 0;
            for events in block::cut(&moved) {
                let row = block::encode(events);
                stored += row.len() as u64;
                self.batch.put(block_key(&group, events[0].place), row);
            }
            if let Some(state) = self.groups.get_mut(&group) {
                state.row.stored += stored;
                self.batch.put(group_key(&group), encode_group(&state.row));
            }
            self.store.commit(std::mem::take(&mut self.batch))?;
        }
    }
}
