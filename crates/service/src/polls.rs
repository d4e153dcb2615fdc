//! Workers that wait for a task of an activity.
//!
//! They are in memory only: a poll that dies with the process is polled again.

use std::collections::{BTreeMap, VecDeque};

use stepwell_engine::Timestamp;

use crate::command::RequestId;

/// Milliseconds for which a worker waits. Source: API reference, GetActivityTask.
pub(crate) const POLL_MS: i64 = 60_000;

/// Workers that wait for one activity. Source: Step Functions quotas, "pollers per ARN".
pub(crate) const POLLS_MAX: usize = 1_000;

/// When a poll ends, and whose it is: polls expire in this order.
type Place = (i64, RequestId);

/// The waiting workers of all activities; those of one activity are served in the order they came.
#[derive(Default)]
pub(crate) struct Polls {
    all: BTreeMap<Place, Poll>,
    by_activity: BTreeMap<String, VecDeque<Place>>,
}

/// A worker that waits.
pub(crate) struct Poll {
    pub(crate) activity: String,
    pub(crate) worker_name: Option<String>,
}

impl Polls {
    /// How many workers wait for an activity.
    pub(crate) fn waiting(&self, activity: &str) -> usize {
        self.by_activity.get(activity).map_or(0, VecDeque::len)
    }

    pub(crate) fn add(&mut self, now: Timestamp, id: RequestId, poll: Poll) {
        let place = (now.as_millis().saturating_add(POLL_MS), id);
        self.by_activity
            .entry(poll.activity.clone())
            .or_default()
            .push_back(place);
        self.all.insert(place, poll);
    }

    /// The worker that has waited longest for an activity; it waits no more.
    pub(crate) fn take_first(&mut self, activity: &str) -> Option<(RequestId, Poll)> {
        let place = *self.by_activity.get(activity)?.front()?;
        self.remove(place)
    }

    /// A worker whose time is up at `now`; it waits no more.
    pub(crate) fn take_expired(&mut self, now: Timestamp) -> Option<RequestId> {
        let place = *self.all.first_key_value()?.0;
        if place.0 > now.as_millis() {
            return None;
        }
        self.remove(place).map(|(id, _)| id)
    }

    /// A worker that has gone.
    pub(crate) fn forget(&mut self, id: RequestId) {
        let place = self.all.keys().find(|place| place.1 == id).copied();
        place.map(|place| self.remove(place));
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = RequestId> {
        self.all.keys().map(|place| place.1)
    }

    /// When the next poll expires.
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.all.first_key_value().map(|(place, _)| place.0)
    }

    fn remove(&mut self, place: Place) -> Option<(RequestId, Poll)> {
        let poll = self.all.remove(&place)?;
        if let Some(waiting) = self.by_activity.get_mut(&poll.activity) {
            waiting.retain(|waiting| *waiting != place);
            if waiting.is_empty() {
                self.by_activity.remove(&poll.activity);
            }
        }
        Some((place.1, poll))
    }
}
