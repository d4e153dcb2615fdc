//! Events that have just become durable, as the API shows them.

use stepwell_api::states::HistoryEvent;
use stepwell_engine::{Body, Event, EventId};
use stepwell_store::Error;

use super::Reader;
use crate::command::{LiveEvents, LogTarget};
use crate::history::{self, Surroundings, Texts};
use crate::rows::history::event_at;

/// The payloads of an execution whose history has no rows, by the event that stores each.
#[derive(Debug, Default)]
pub struct KnownTexts {
    texts: Texts,
    bytes: usize,
}

impl KnownTexts {
    /// About how much memory they take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Reader {
    /// The events of an execution that is logged to `target`, those of the types that `is_wanted` accepts.
    ///
    /// - `known`: the payloads that earlier events of an Express execution stored; grows by those of these events.
    ///   An event that refers to another one shows an empty text.
    pub fn logged_events(
        &self,
        live: &LiveEvents,
        target: &LogTarget,
        known: &mut KnownTexts,
        is_wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<HistoryEvent>, Error> {
        let includes_data = target.logging.include_execution_data == Some(true);
        let execution = &*live.execution;
        let around = Surroundings {
            region: &self.settings.region,
            role_arn: &execution.identity.role_arn,
            version_arn: execution.machine.version_arn.as_deref(),
            alias_arn: execution.alias_arn.as_deref(),
            includes_data,
        };
        let read;
        let texts = match (includes_data, execution.is_durable()) {
            (false, _) => &Texts::new(),
            (true, true) => {
                read = self.texts(execution.identity.number, &live.events)?;
                &read
            }
            (true, false) => {
                remember(known, live);
                &known.texts
            }
        };
        Ok(live
            .events
            .iter()
            .filter(|event| is_wanted(history::type_of(&event.details)))
            .map(|event| history::wire(event, texts, &around))
            .collect())
    }

    /// One event of an execution whose history has rows.
    pub fn event(&self, number: u64, id: EventId) -> Result<Option<Event>, Error> {
        event_at(&self.snapshot, number, id)
    }
}

fn remember(known: &mut KnownTexts, live: &LiveEvents) {
    for event in &live.events {
        if let Some(Body::Text(text)) = event.details.body() {
            known.bytes += text.len();
            known.texts.insert(event.id, text.clone());
        }
    }
}
