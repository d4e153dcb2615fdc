//! The lists of several state machines as one, newest first.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use stepwell_api::states;
use stepwell_store::{Direction, Error, Snapshot};

use crate::reader::page::invalid_token;
use crate::rows::{after, index};

/// Rows of a list that are read ahead, over all lists together.
const AHEAD_MAX: usize = 65_536;

/// The first page of a list, and how much larger the next one is.
const PAGE_FIRST: usize = 32;
const PAGE_GROWTH: usize = 4;
const PAGE_MAX: usize = 2_048;

/// A place in the order of all executions that are listed: by instant, then by number, newest first.
///
/// Numbers are given out once, so two executions never have one place, whatever their machines are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place([u8; 16]);

impl Place {
    fn of_key(key: &[u8]) -> Option<Place> {
        let tail = key.get(key.len().checked_sub(16)?..)?;
        Some(Place(tail.try_into().ok()?))
    }

    pub(super) fn listed_ms(self) -> i64 {
        let [instant, _] = self.halves();
        i64::try_from(u64::MAX - instant).unwrap_or(i64::MAX)
    }

    pub(super) fn number(self) -> u64 {
        let [_, number] = self.halves();
        u64::MAX - number
    }

    fn halves(self) -> [u64; 2] {
        let (instant, number) = self.0.split_at(8);
        [instant, number].map(|half| u64::from_be_bytes(half.try_into().expect("eight bytes")))
    }

    /// What a client sends to go on after this place. Any place may be sent: it names no row.
    pub(super) fn token(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub(super) fn of_token(token: &str) -> Result<Place, states::Error> {
        // Longer ones are not worth decoding.
        let bytes = (token.len() <= 32).then(|| URL_SAFE_NO_PAD.decode(token).ok());
        let place = bytes.flatten().and_then(|bytes| bytes.try_into().ok());
        place.map(Place).ok_or_else(invalid_token)
    }
}

/// The list of one state machine.
pub(super) struct List {
    /// Executions below belong to an earlier machine of the name.
    first: u64,
    to: Vec<u8>,
    /// Where the next page begins; `None`: the list has ended.
    from: Option<Vec<u8>>,
    page: usize,
    ahead: VecDeque<(Place, u8)>,
}

/// One row of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed {
    pub(super) place: Place,
    /// As in [`crate::execution_list::status_byte`].
    pub(super) status: u8,
    /// Of an earlier machine of the name.
    pub(super) is_foreign: bool,
}

/// Goes over several lists at once.
pub(super) struct Walk {
    snapshot: Arc<dyn Snapshot>,
    lists: Vec<List>,
    /// The next row of each list.
    next: BinaryHeap<Reverse<(Place, usize)>>,
    page_max: usize,
}

impl Walk {
    /// - `machines`: name and first execution of each.
    /// - `after_place`: where an earlier walk ended.
    pub(super) fn new(
        snapshot: Arc<dyn Snapshot>,
        machines: impl Iterator<Item = (String, u64)>,
        after_place: Option<Place>,
    ) -> Result<Walk, Error> {
        let lists: Vec<List> = machines
            .map(|(machine, first)| {
                let prefix = index::list_of(&machine);
                let from = match after_place {
                    None => prefix.clone(),
                    Some(place) => index::next_key(&[&prefix[..], &place.0].concat()),
                };
                List {
                    first,
                    to: after(&prefix),
                    from: Some(from),
                    page: PAGE_FIRST,
                    ahead: VecDeque::new(),
                }
            })
            .collect();
        let page_max = (AHEAD_MAX / lists.len().max(1)).clamp(PAGE_FIRST, PAGE_MAX);
        let mut walk = Walk {
            snapshot,
            next: BinaryHeap::with_capacity(lists.len()),
            lists,
            page_max,
        };
        for list in 0..walk.lists.len() {
            walk.put_next(list)?;
        }
        Ok(walk)
    }

    /// The instant by which the oldest execution of all lists is listed.
    pub(super) fn oldest_ms(&self) -> Result<Option<i64>, Error> {
        let mut oldest = None;
        for list in &self.lists {
            let Some(from) = &list.from else {
                let last = list.ahead.back().map(|(place, _)| place.listed_ms());
                oldest = earlier(oldest, last);
                continue;
            };
            let last = self
                .snapshot
                .scan(from, &list.to, Direction::Descending, 1)?;
            let last = last.last().and_then(|(key, _)| Place::of_key(key));
            let ahead = list.ahead.back().map(|(place, _)| *place);
            oldest = earlier(oldest, last.or(ahead).map(Place::listed_ms));
        }
        Ok(oldest)
    }

    /// The next execution, newest first; `None` after the oldest.
    pub(super) fn next(&mut self) -> Result<Option<Listed>, Error> {
        let Some(Reverse((_, list))) = self.next.pop() else {
            return Ok(None);
        };
        let taken = self.lists[list].ahead.pop_front();
        self.put_next(list)?;
        Ok(taken.map(|(place, status)| Listed {
            place,
            status,
            is_foreign: place.number() < self.lists[list].first,
        }))
    }

    fn put_next(&mut self, list: usize) -> Result<(), Error> {
        if self.lists[list].ahead.is_empty() {
            self.read_ahead(list)?;
        }
        if let Some((place, _)) = self.lists[list].ahead.front() {
            self.next.push(Reverse((*place, list)));
        }
        Ok(())
    }

    fn read_ahead(&mut self, list: usize) -> Result<(), Error> {
        let list = &mut self.lists[list];
        let Some(from) = list.from.take() else {
            return Ok(());
        };
        let limit = list.page.min(self.page_max);
        let rows = self
            .snapshot
            .scan(&from, &list.to, Direction::Ascending, limit)?;
        list.page = limit.saturating_mul(PAGE_GROWTH);
        if rows.len() == limit {
            list.from = rows.last().map(|(key, _)| index::next_key(key));
        }
        let known = rows.iter().filter_map(|(key, value)| {
            let status = value.get(1).copied().unwrap_or_default();
            Some((Place::of_key(key)?, status))
        });
        list.ahead.extend(known);
        Ok(())
    }
}

fn earlier(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
