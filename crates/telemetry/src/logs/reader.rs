//! Reads: streams, and events by time, stream and what a pattern accepts.

use std::collections::BTreeMap;
use std::sync::Arc;

use memchr::memmem::Finder;
use stepwell_store::{Direction, Error, Snapshot, Value};

use super::block::{BLOCK_SPAN_MS_MAX, Block, Columns, Event};
use super::bounds::first_key;
use super::rows::{
    Place, StreamRow, after, block_key, blocks_of, decode, decode_group, group_key, stream_key,
    streams_of,
};
use super::{EVENT_BYTES, Group, PAGE_BYTES};

/// Reads of one snapshot.
pub struct LogsReader {
    snapshot: Arc<dyn Snapshot>,
}

/// The streams whose events are wanted.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    All,
    Names(&'a [String]),
    Prefixes(&'a [String]),
}

impl Scope<'_> {
    /// Whether events of this stream are wanted.
    pub fn holds(&self, stream: &str) -> bool {
        match self {
            Scope::All => true,
            Scope::Names(names) => names.iter().any(|name| name == stream),
            Scope::Prefixes(prefixes) => prefixes.iter().any(|prefix| stream.starts_with(prefix)),
        }
    }
}

/// What a search has looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scanned {
    pub events: u64,
    pub bytes: u64,
}

/// Which events of a group are wanted.
pub(super) struct Wanted<'a> {
    pub(super) from: Place,
    /// The first that is not wanted any more.
    pub(super) to: Place,
    pub(super) direction: Direction,
    /// Events at most.
    pub(super) limit: usize,
    pub(super) scope: Scope<'a>,
    /// What every message that is accepted has in it.
    pub(super) needle: Option<&'a str>,
    pub(super) accepts: &'a dyn Fn(&str) -> bool,
}

/// Events that were found, in the order of the search.
pub(super) struct Found {
    pub(super) events: Vec<Event>,
    /// Where the search goes on, if a bound ended it: the first place not looked at, or the last one going backwards.
    pub(super) next: Option<Place>,
}

/// Bytes of messages looked at for one page. A page may be short; its token goes on.
const SCANNED_BYTES_MAX: usize = 512 << 20;

/// Bytes of messages on a page. AWS: 1 MB.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// Rows that a walk from the newest to the oldest reads at once.
const BACKWARD_ROWS: usize = 32;

impl LogsReader {
    pub(super) fn new(snapshot: Arc<dyn Snapshot>) -> LogsReader {
        LogsReader { snapshot }
    }

    /// The rows that it reads.
    pub fn snapshot(&self) -> Arc<dyn Snapshot> {
        Arc::clone(&self.snapshot)
    }

    pub(super) fn stream(&self, group: &str, name: &str) -> Result<Option<StreamRow>, Error> {
        let key = stream_key(group, name);
        let value = self.snapshot.get(&key)?;
        value.map(|value| decode(&key, &value)).transpose()
    }

    pub(super) fn streams(&self, group: &str) -> Result<Vec<StreamRow>, Error> {
        let prefix = streams_of(group);
        let rows =
            self.snapshot
                .scan(&prefix, &after(&prefix), Direction::Ascending, usize::MAX)?;
        rows.iter().map(|(key, value)| decode(key, value)).collect()
    }

    /// Bytes of a group's events, as AWS counts them: before they are packed.
    pub fn stored_bytes(&self, group: &str) -> Result<u64, Error> {
        let key = group_key(group);
        let row = self
            .snapshot
            .get(&key)?
            .map(|value| decode_group(&key, &value))
            .transpose()?;
        Ok(row.map_or(0, |row| row.bytes))
    }

    /// Gives each event of a group with `from_ms <= timestamp < to_ms` to `visit`, newest blocks first, until that
    /// says to stop; within a block the newest comes first too.
    ///
    /// - `needle`: what a message must have in it to be given.
    /// - `visit` gets the stream, the timestamp, the instant of ingestion, the id of the event and the message.
    pub fn visit(
        &self,
        group: Group,
        (from_ms, to_ms): (i64, i64),
        needle: Option<&str>,
        scanned: &mut Scanned,
        visit: &mut dyn FnMut(Visited) -> bool,
    ) -> Result<(), Error> {
        let from = Place::at(from_ms.max(group.not_before_ms));
        let to = Place::at(to_ms);
        let finder = needle.map(Finder::new);
        let mut buffer = Vec::new();
        self.walk(group.id, from, to, Direction::Descending, &mut |block| {
            if block.last() < from || block.first() >= to {
                return Ok(true);
            }
            scanned.events += block.count();
            scanned.bytes += block.message_bytes() as u64 + block.count() * EVENT_BYTES;
            let text = block.text(&mut buffer)?;
            if let Some(finder) = &finder
                && finder.find(text).is_none()
            {
                return Ok(true);
            }
            let columns = block.columns()?;
            for at in (0..columns.places.len()).rev() {
                let place = columns.places[at];
                let bytes = &text[columns.range(at)];
                let is_wanted = place >= from
                    && place < to
                    && finder
                        .as_ref()
                        .is_none_or(|finder| finder.find(bytes).is_some());
                if !is_wanted {
                    continue;
                }
                let goes_on = visit(Visited {
                    stream: block.streams()[columns.streams[at] as usize],
                    timestamp_ms: place.timestamp_ms,
                    ingestion_ms: columns.ingestions_ms[at],
                    number: place.number,
                    message: block.message(bytes)?,
                });
                if !goes_on {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// The event with this id, which [`Visited::id`] and FilterLogEvents give.
    pub fn event(
        &self,
        group: Group,
        id: &str,
    ) -> Result<Option<(String, i64, i64, String)>, Error> {
        let Some(place) = Place::parse(id) else {
            return Ok(None);
        };
        let wanted = Wanted {
            from: place,
            to: place.next(),
            direction: Direction::Ascending,
            limit: 1,
            scope: Scope::All,
            needle: None,
            accepts: &|_| true,
        };
        if place.timestamp_ms < group.not_before_ms {
            return Ok(None);
        }
        let found = self.find(group.id, &wanted)?.events.into_iter().next();
        Ok(found.map(|event| {
            (
                event.stream.to_string(),
                event.place.timestamp_ms,
                event.ingestion_ms,
                event.message,
            )
        }))
    }

    /// Gives the blocks of a group that may have events of a range to `visit`, by their first event, until that says
    /// to stop.
    fn walk(
        &self,
        group: &str,
        from: Place,
        to: Place,
        direction: Direction,
        visit: &mut dyn FnMut(&Block) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let (mut from, mut to) = (first_key(group, from), block_key(group, to));
        // A key of a place is after the prefix alone.
        from = from.max(blocks_of(group));
        loop {
            let page: Vec<(Vec<u8>, Value)> = match direction {
                Direction::Ascending => {
                    self.snapshot.page(&from, &to, BACKWARD_ROWS, PAGE_BYTES)?
                }
                Direction::Descending => {
                    self.snapshot.scan(&from, &to, direction, BACKWARD_ROWS)?
                }
            };
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            match direction {
                Direction::Ascending => {
                    from.clone_from(last);
                    from.push(0);
                }
                Direction::Descending => to.clone_from(last),
            }
            for (key, value) in &page {
                if !visit(&Block::open(key, value)?)? {
                    return Ok(());
                }
            }
        }
    }

    /// The first events of a range that are wanted, at most a page of them.
    ///
    /// Blocks may overlap in time, so what is found is kept in order, and the search goes on until no later block can
    /// have anything that comes before the last of it.
    pub(super) fn find(&self, group: &str, wanted: &Wanted) -> Result<Found, Error> {
        let mut page = Page::new(wanted);
        let finder = wanted.needle.map(Finder::new);
        let mut buffer = Vec::new();
        let mut scanned = 0;
        self.walk(
            group,
            wanted.from,
            wanted.to,
            wanted.direction,
            &mut |block| {
                let frontier = match wanted.direction {
                    Direction::Ascending => block.first(),
                    // No block that comes now has anything after this.
                    Direction::Descending => Place::at(
                        block
                            .first()
                            .timestamp_ms
                            .saturating_add(BLOCK_SPAN_MS_MAX + 1),
                    ),
                };
                if page.is_over(frontier) {
                    return Ok(false);
                }
                if block.last() < wanted.from || block.first() >= wanted.to {
                    return Ok(true);
                }
                let of_streams: Vec<bool> = block
                    .streams()
                    .iter()
                    .map(|stream| wanted.scope.holds(stream))
                    .collect();
                if !of_streams.contains(&true) {
                    return Ok(true);
                }
                if scanned >= SCANNED_BYTES_MAX && page.ends_at(frontier) {
                    return Ok(false);
                }
                scanned += block.message_bytes();
                let text = block.text(&mut buffer)?;
                let mut search = Search {
                    block,
                    text,
                    finder: finder.as_ref(),
                    columns: None,
                    of_streams: &of_streams,
                };
                search.run(wanted, &mut page)
            },
        )?;
        Ok(page.found())
    }
}

/// An event that a search gives.
#[derive(Debug, Clone, Copy)]
pub struct Visited<'a> {
    pub stream: &'a str,
    pub timestamp_ms: i64,
    pub ingestion_ms: i64,
    pub(super) number: u64,
    pub message: &'a str,
}

impl Visited<'_> {
    /// Names the event in its group.
    pub fn id(&self) -> String {
        Place {
            timestamp_ms: self.timestamp_ms,
            number: self.number,
        }
        .digits()
    }
}

/// The search through one block.
struct Search<'s> {
    block: &'s Block<'s>,
    text: &'s [u8],
    finder: Option<&'s Finder<'s>>,
    /// Unpacked once something is found.
    columns: Option<Columns>,
    of_streams: &'s [bool],
}

impl Search<'_> {
    fn run(&mut self, wanted: &Wanted, page: &mut Page) -> Result<bool, Error> {
        let Some(finder) = self.finder else {
            let columns = self.block.columns()?;
            for at in 0..columns.places.len() {
                self.look_at(&columns, at, wanted, page)?;
            }
            return Ok(true);
        };
        let mut from = 0;
        while let Some(at) = finder.find(&self.text[from..]) {
            let columns = match self.columns.take() {
                Some(columns) => columns,
                None => self.block.columns()?,
            };
            let event = columns.at_byte(from + at);
            if event >= columns.places.len() {
                break;
            }
            from = columns.range(event).end;
            self.look_at(&columns, event, wanted, page)?;
            self.columns = Some(columns);
        }
        Ok(true)
    }

    fn look_at(
        &self,
        columns: &Columns,
        at: usize,
        wanted: &Wanted,
        page: &mut Page,
    ) -> Result<(), Error> {
        let place = columns.places[at];
        let stream = columns.streams[at] as usize;
        let is_candidate = place >= wanted.from
            && place < wanted.to
            && self.of_streams[stream]
            && page.has_room_for(place);
        if !is_candidate {
            return Ok(());
        }
        let message = self.block.message(&self.text[columns.range(at)])?;
        if (wanted.accepts)(message) {
            page.put(Event {
                place,
                stream: Arc::from(self.block.streams()[stream]),
                ingestion_ms: columns.ingestions_ms[at],
                message: message.to_owned(),
            });
        }
        Ok(())
    }
}

/// The first events of a search: at most as many, and as many bytes, as a page has.
struct Page {
    direction: Direction,
    /// Where the search begins.
    start: Place,
    limit: usize,
    kept: BTreeMap<Place, Event>,
    bytes: usize,
    /// The first place that found no room, or was not looked at: nothing from there on is kept.
    end: Option<Place>,
}

impl Page {
    fn new(wanted: &Wanted) -> Page {
        Page {
            direction: wanted.direction,
            start: match wanted.direction {
                Direction::Ascending => wanted.from,
                Direction::Descending => wanted.to,
            },
            limit: wanted.limit,
            kept: BTreeMap::new(),
            bytes: 0,
            end: None,
        }
    }

    fn is_before(&self, place: Place, other: Place) -> bool {
        match self.direction {
            Direction::Ascending => place < other,
            Direction::Descending => place > other,
        }
    }

    fn has_room_for(&self, place: Place) -> bool {
        self.end.is_none_or(|end| self.is_before(place, end))
    }

    /// Whether what comes at or after `frontier` finds no room.
    fn is_over(&self, frontier: Place) -> bool {
        !self.has_room_for(frontier)
    }

    /// Ends the page at `frontier`, unless the next one would then begin where this one did.
    fn ends_at(&mut self, frontier: Place) -> bool {
        let moves = self.is_before(self.start, frontier);
        if moves && self.has_room_for(frontier) {
            self.end = Some(frontier);
            let (start, direction) = (frontier, self.direction);
            self.kept.retain(|place, _| match direction {
                Direction::Ascending => *place < start,
                Direction::Descending => *place > start,
            });
        }
        moves
    }

    fn put(&mut self, event: Event) {
        self.bytes += size(&event);
        self.kept.insert(event.place, event);
        while self.kept.len() > self.limit || (self.bytes > PAGE_BYTES_MAX && self.kept.len() > 1) {
            let last = match self.direction {
                Direction::Ascending => self.kept.pop_last(),
                Direction::Descending => self.kept.pop_first(),
            };
            let Some((place, event)) = last else {
                return;
            };
            self.bytes -= size(&event);
            self.end = Some(place);
        }
    }

    fn found(self) -> Found {
        let events = self.kept.into_values();
        Found {
            events: match self.direction {
                Direction::Ascending => events.collect(),
                Direction::Descending => events.rev().collect(),
            },
            next: self.end,
        }
    }
}

fn size(event: &Event) -> usize {
    event.message.len() + EVENT_BYTES as usize
}
