//! One world: a shard, and everything around it that a seed decides.

mod agenda;
mod answers;
mod book;
mod callers;
mod ends;
mod faults;
mod reads;
mod tasks;

use std::collections::BTreeMap;

use stepwell_api::states;
use stepwell_engine::Event;
use stepwell_service::{
    Command, Committed, Reader, Request, RequestId, Settings, Timestamp, UnknownRole,
};
use stepwell_store::{Direction, Disk, Error};

pub use crate::check::Wrong;
use crate::draw::Draw;
use crate::options::Options;
use crate::run::Report;
use crate::subject::{Opener, Subject};
use crate::trace::Trace;

use agenda::{Act, Agenda, Happening};
use book::{Asked, Book};
use tasks::Tasks;
pub(crate) use tasks::outcome;

/// A durable row.
pub type Row = (Vec<u8>, Vec<u8>);

/// When worlds begin, in milliseconds since the epoch.
const START_MS: i64 = 1_700_000_000_000;

/// Stream of a seed for its world; the options have another one.
const STREAM: u64 = 2;

/// Steps in which things may go wrong.
const UNRULY_STEPS_MAX: u64 = 2_000;

/// Steps after which a quiet world must have come to rest.
const QUIET_STEPS_MAX: u64 = 20_000;

/// Milliseconds after which a quiet world must have come to rest: no sample waits that long.
const QUIET_MS_MAX: i64 = 7 * 24 * 60 * 60 * 1_000;

/// Characters of a request, an answer or an effect in a trace.
const LINE_CHARS_MAX: usize = 400;

/// Every how many steps all rows are checked.
const ROWS_CHECKED_EVERY: u64 = 20;

/// How often, in a hundred commits, what was applied is checked not to show before it.
const UNCOMMITTED_CHECKED: u32 = 5;

pub(crate) const REGION: &str = "us-east-1";
pub(crate) const ACCOUNT: &str = "123456789012";

pub(crate) type Go = Result<(), Wrong>;

pub(crate) fn wrong(checker: &'static str, text: impl Into<String>) -> Wrong {
    Wrong {
        checker,
        text: text.into(),
    }
}

/// A shard and its callers, performers, workers, disk and clock.
pub struct World<'p> {
    pub(crate) step: u64,
    options: Options,
    draw: Draw,
    trace: Trace,
    open: &'p Opener,
    /// `None` while the process is down.
    subject: Option<Box<dyn Subject>>,
    disk: Disk,
    settings: Settings,
    /// Milliseconds since the epoch that only move forward.
    time_ms: i64,
    /// What the server's clock is ahead of that.
    skew_ms: i64,
    agenda: Agenda,
    asked: BTreeMap<RequestId, Asked>,
    requests: u64,
    book: Book,
    tasks: Tasks,
    /// Events of Express executions, which are in no row.
    express: BTreeMap<String, Vec<Event>>,
    /// A fault was laid that no commit has met yet.
    awaits_fault: bool,
    is_quiet: bool,
    is_draining: bool,
    report: Report,
}

impl<'p> World<'p> {
    pub(crate) fn new(seed: u64, options: Options, open: &'p Opener, trace: Trace) -> World<'p> {
        let settings = Settings {
            region: REGION.to_string(),
            account: ACCOUNT.to_string(),
            lost_task: options.lost_task(),
            unknown_role: UnknownRole::Accepted,
            retention_ms: stepwell_service::retention::DEFAULT,
        };
        World {
            step: 0,
            draw: Draw::of(seed, STREAM),
            options,
            trace,
            open,
            subject: None,
            disk: Disk::new(),
            settings,
            time_ms: START_MS,
            skew_ms: 0,
            agenda: Agenda::default(),
            asked: BTreeMap::new(),
            requests: 0,
            book: Book::default(),
            tasks: Tasks::default(),
            express: BTreeMap::new(),
            awaits_fault: false,
            is_quiet: false,
            is_draining: false,
            report: Report::default(),
        }
    }

    /// Lets the world go on until all is said and done, and checks what is left.
    pub(crate) fn run(&mut self) -> Result<Report, Wrong> {
        self.plan();
        self.begin_process()?;
        while self.step < UNRULY_STEPS_MAX && !self.callers_are_done() {
            self.go_on()?;
        }
        self.become_quiet()?;
        let (steps, until_ms) = (self.step + QUIET_STEPS_MAX, self.time_ms + QUIET_MS_MAX);
        while !self.is_at_rest()? {
            if self.step >= steps || self.time_ms >= until_ms {
                return Err(wrong("liveness", self.what_hangs()?));
            }
            self.go_on()?;
        }
        self.check_ends()?;
        self.report.steps = self.step;
        self.report.rows = self.rows()?;
        Ok(std::mem::take(&mut self.report))
    }

    /// One round of the shard's thread: take what waits, apply it all, tick, commit, release.
    fn go_on(&mut self) -> Go {
        self.step += 1;
        self.move_clock();
        for _ in 0..1 + self.draw.below(self.options.batch_max) {
            let Some(happening) = self.agenda.take_due(self.time_ms) else {
                break;
            };
            self.happens(happening)?;
            if self.shard().is_full() {
                self.commit()?;
            }
        }
        self.forget_workers_that_left();
        let before = self.shard().snapshot();
        let now = self.now();
        self.shard().tick(now);
        if self.draw.percent(UNCOMMITTED_CHECKED) {
            self.check_uncommitted(&before)?;
        }
        self.commit()?;
        if self.step.is_multiple_of(ROWS_CHECKED_EVERY) {
            self.check_rows()?;
        }
        self.disturb()
    }

    /// Nothing is due: the server sleeps until something is.
    fn move_clock(&mut self) {
        let deadline = self
            .shard()
            .next_deadline()
            .map(|due| due.as_millis().saturating_sub(self.skew_ms));
        let next = [self.agenda.next_ms(), deadline]
            .into_iter()
            .flatten()
            .min();
        if let Some(next_ms) = next.filter(|next_ms| *next_ms > self.time_ms) {
            self.time_ms = next_ms;
        } else if self.draw.percent(30) {
            self.time_ms += 1;
        }
    }

    fn happens(&mut self, happening: Happening) -> Go {
        match happening {
            Happening::Act(act) => self.act(act),
            Happening::Again(asked) => self.begin(asked),
            Happening::Outcome { key, outcome } => self.task_ends(key, outcome),
            Happening::Call(call) => self.call_service(call),
            Happening::Tell(request) => self.tell_in_process(*request),
            Happening::Delivered(number) => {
                let outcome = stepwell_service::DeliveryOutcome::Delivered;
                self.tell(Request::EndDelivery { number, outcome })
            }
            Happening::Token { token, verb } => self.send_token(token, verb),
            Happening::Poll { activity, worker } => self.poll(activity, worker),
        }
    }

    /// Sends a request whose answer somebody waits for.
    fn ask(&mut self, asked: Asked, request: Request) -> Go {
        self.requests += 1;
        let id = RequestId(self.requests);
        self.say(|| format!("ask #{} {}", id.0, shown(&request)));
        self.asked.insert(id, asked);
        self.apply(Command {
            id: Some(id),
            request,
        })
    }

    /// Tells the shard something that nobody waits for an answer of.
    fn tell(&mut self, request: Request) -> Go {
        self.say(|| format!("tell {}", shown(&request)));
        self.apply(Command { id: None, request })
    }

    fn apply(&mut self, command: Command) -> Go {
        let (now, entropy) = (self.now(), self.draw.entropy());
        self.shard().apply(now, entropy, command);
        Ok(())
    }

    /// Hands out what a commit has made durable.
    fn release(&mut self, committed: Committed) -> Go {
        let Committed {
            answers,
            effects,
            events,
            ..
        } = committed;
        for live in events {
            self.note_events(&live.execution.identity.arn, live.events)?;
        }
        for (id, answer) in answers {
            self.answered(id, answer)?;
        }
        for effect in effects {
            self.perform(effect)?;
        }
        Ok(())
    }

    fn note_events(&mut self, arn: &str, events: Vec<Event>) -> Go {
        for pair in events.windows(2) {
            if pair[1].id.0 != pair[0].id.0 + 1 {
                return Err(wrong(
                    "live events",
                    format!("{arn}: {:?} is followed by {:?}", pair[0].id, pair[1].id),
                ));
            }
        }
        if arn.contains(":express:") {
            self.express
                .entry(arn.to_string())
                .or_default()
                .extend(events);
        }
        Ok(())
    }

    /// Whether callers have done what they planned.
    fn callers_are_done(&self) -> bool {
        let is_planned =
            |happening: &Happening| matches!(happening, Happening::Act(_) | Happening::Again(_));
        !self.agenda.iter().any(is_planned)
    }

    fn shard(&mut self) -> &mut dyn Subject {
        self.subject
            .as_mut()
            .expect("a process runs between a start and a crash")
            .as_mut()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.time_ms + self.skew_ms)
    }

    fn reader(&mut self) -> Reader {
        let snapshot = self.shard().snapshot();
        Reader::new(snapshot, self.settings.clone(), self.now())
    }

    fn say(&self, line: impl FnOnce() -> String) {
        self.trace
            .say(self.step, self.time_ms + self.skew_ms - START_MS, line);
    }

    fn rows(&mut self) -> Result<Vec<Row>, Wrong> {
        let found = self.scan(&[], &[u8::MAX; 8], usize::MAX)?;
        Ok(found)
    }

    fn scan(&mut self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, Wrong> {
        let found = self
            .shard()
            .snapshot()
            .scan(from, to, Direction::Ascending, limit)
            .map_err(failed)?;
        Ok(found
            .into_iter()
            .map(|(key, value)| (key, value.to_vec()))
            .collect())
    }
}

fn failed(error: Error) -> Wrong {
    wrong("store", error.to_string())
}

/// A request for people.
fn shown(request: &Request) -> String {
    shortened(&format!("{request:?}"))
}

/// A text with no more than a line can hold.
fn shortened(text: &str) -> String {
    let mut line: String = text.chars().take(LINE_CHARS_MAX).collect();
    if line.len() < text.len() {
        line.push_str(" ...");
    }
    line
}

pub(crate) fn arn(kind: &str, name: &str) -> String {
    format!("arn:aws:states:{REGION}:{ACCOUNT}:{kind}:{name}")
}

fn refusal_of(error: &states::Error) -> String {
    format!("{}: {}", error.name(), error.message)
}
