//! Executions with their frames and histories, side by side: three walks in the order of the executions' numbers.

use std::collections::BTreeSet;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use stepwell_api::arn::ExecutionArn;
use stepwell_engine::{
    Body, Definition, Details, Event, EventId, Frame, MachineKind, Mode, Status,
};

use super::Check;
use super::expected::{Expected, Found};
use super::walk::Walk;
use crate::execution_list::{listed_ms, status_byte};
use crate::residents::placeholder;
use crate::rows::execution::{OwnedExecutionRow, decode_execution, execution_key, frame_key};
use crate::rows::history::{decode_events, history_key};
use crate::rows::index;
use crate::rows::machine::definition_key;
use crate::rows::map_run::{MapRun, MapRunStatus};
use crate::rows::pack::hex_text as hex;
use crate::rows::{Kind, VERSION, decode, encode};
use crate::shard::hash_kind;
use crate::staging::Row;

/// What a history says, event by event.
#[derive(Default)]
struct Story {
    last: EventId,
    /// Events that store the text they carry.
    texts: BTreeSet<EventId>,
    ends: u32,
    redrives: u32,
    ends_last: bool,
    /// Whether something of it was said to be wrong: what follows from it is not said as well.
    is_broken: bool,
}

impl Check<'_> {
    pub(super) fn check_executions(&mut self) {
        let mut executions = self.walk_over(&[Kind::Execution as u8]);
        let mut frames = self.walk_over(&[Kind::Frame as u8]);
        let mut histories = self.walk_over(&[Kind::History as u8]);
        let mut runs = self.walk_over(&[Kind::MapRun as u8]);
        loop {
            let nexts = [&mut executions, &mut frames, &mut histories]
                .map(|walk| self.peek(walk).map(|(key, _)| number_in(key)));
            let Some(number) = nexts.into_iter().flatten().min() else {
                return;
            };
            let row = self.take(&mut executions, number);
            let frames = self.frames(&mut frames, number);
            let story = self.story(&mut histories, number);
            let runs = self.runs_up_to(&mut runs, number);
            match row {
                Some((key, value)) => {
                    self.number_max = self.number_max.max(number);
                    self.execution(&key, &value, frames, &story, &runs);
                }
                None => self.without_execution(number, &frames, &story),
            }
        }
    }

    /// The row of this execution, if it is the next one.
    fn take(&mut self, walk: &mut Walk, number: u64) -> Option<Row> {
        let is_of = self
            .peek(walk)
            .is_some_and(|(key, _)| number_in(key) == number);
        if is_of { self.next(walk) } else { None }
    }

    fn frames(&mut self, walk: &mut Walk, number: u64) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some((key, value)) = self.take(walk, number) {
            if let Some(frame) = self.read::<Frame>(&key, &value) {
                self.check_key(&key, &frame_key(number, frame.id()));
                frames.push(frame);
            }
        }
        frames
    }

    fn story(&mut self, walk: &mut Walk, number: u64) -> Story {
        let mut story = Story::default();
        while let Some((key, value)) = self.take(walk, number) {
            let events = decode_events(&key, &value, &|_| true);
            match self.readable(&key, events) {
                Some(events) => self.read_on(&mut story, number, &key, &events),
                None => story.is_broken = true,
            }
        }
        story
    }

    fn read_on(&mut self, story: &mut Story, number: u64, key: &[u8], events: &[Event]) {
        match events.first() {
            Some(first) => self.check_key(key, &history_key(number, first.id)),
            None => self.find("history-empty", key, "it holds no event".to_string()),
        }
        for event in events {
            let id = event.id;
            if id.0 != story.last.0 + 1 && !story.is_broken {
                let text = format!("event {} follows event {}", id.0, story.last.0);
                self.find("history-gap", key, text);
                story.is_broken = true;
            }
            if event.previous >= id {
                let text = format!("event {} comes of event {}", id.0, event.previous.0);
                self.find("history-order", key, text);
            }
            match event.details.body() {
                Some(Body::Text(_)) => drop(story.texts.insert(id)),
                Some(Body::Same(origin)) if !story.is_broken && !story.texts.contains(origin) => {
                    let text = format!(
                        "event {} takes its text from event {}, which stores none",
                        id.0, origin.0
                    );
                    self.find("payload-missing", key, text);
                }
                _ => {}
            }
            story.last = id;
            story.ends_last = event.details.is_terminal();
            story.ends += u32::from(story.ends_last);
            let is_redrive = matches!(event.details, Details::ExecutionRedriven { .. });
            story.redrives += u32::from(is_redrive);
            let starts = matches!(event.details, Details::ExecutionStarted { .. });
            if starts != (id == EventId(1)) {
                let text = format!("event {} is out of its place", id.0);
                self.find("history-order", key, text);
            }
        }
    }

    fn without_execution(&mut self, number: u64, frames: &[Frame], story: &Story) {
        if self.erasing.contains(&number) {
            return;
        }
        if let Some(frame) = frames.first() {
            let text = format!("there is no execution {number}");
            self.find("frame-stale", &frame_key(number, frame.id()), text);
        }
        if story.last != EventId::NONE {
            let text = format!("there is no execution {number}");
            self.find("history-stale", &history_key(number, EventId(1)), text);
        }
    }

    /// Map runs of this execution; those of smaller numbers are passed over.
    fn runs_up_to(&mut self, walk: &mut Walk, number: u64) -> Vec<MapRun> {
        let mut runs = Vec::new();
        while let Some((key, _)) = self.peek(walk)
            && number_in(key) <= number
        {
            let run = self.next_uncounted(walk);
            let run = run.filter(|(key, _)| number_in(key) == number);
            runs.extend(run.and_then(|(key, value)| decode::<MapRun>(&key, &value).ok()));
        }
        runs
    }

    fn execution(
        &mut self,
        key: &[u8],
        value: &[u8],
        frames: Vec<Frame>,
        story: &Story,
        runs: &[MapRun],
    ) {
        let Some(mut row) = self.readable(key, decode_execution(key, value)) else {
            return;
        };
        let number = number_in(key);
        self.check_key(key, &execution_key(row.execution.identity.number));
        if row.execution.identity.mode != Mode::Standard {
            let text = "it is an Express execution, which has no row".to_string();
            self.find("execution-mode", key, text);
        }
        let definition = self.definition(key, &row.definition, MachineKind::Standard);
        let is_whole = definition.is_some();
        row.execution
            .attach(definition.unwrap_or_else(placeholder), frames);
        self.expect_in_indices(number, &row);
        let mut is_sound = is_whole;
        if is_whole {
            for text in row.execution.inconsistencies() {
                self.find("execution-frames", key, text);
                is_sound = false;
            }
        }
        self.expect_doubt(number, &row, is_sound, runs);
        if !story.is_broken {
            self.check_story(key, &row, story);
        }
    }

    fn check_story(&mut self, key: &[u8], row: &OwnedExecutionRow, story: &Story) {
        let execution = &row.execution;
        let last = execution.last_event();
        if story.last != last {
            let text = format!(
                "its last event is {}, and its history ends with event {}",
                last.0, story.last.0
            );
            self.find("history-length", key, text);
            return;
        }
        let is_over = execution.status() != Status::Running;
        let ends = story.redrives + u32::from(is_over);
        if story.ends != ends || story.ends_last != is_over || story.redrives != row.redrive_count {
            let text = format!(
                "it is {}, and its history has {} ends and {} redrives",
                crate::listing::status_name(execution.status()),
                story.ends,
                story.redrives
            );
            self.find("history-end", key, text);
        }
        let missing = execution.unsupplied();
        if let Some(event) = missing.iter().find(|event| !story.texts.contains(event)) {
            let text = format!("it needs the text of event {}, which stores none", event.0);
            self.find("payload-missing", key, text);
        }
    }

    /// Rows that follow from an execution.
    fn expect_in_indices(&mut self, number: u64, row: &OwnedExecutionRow) {
        let execution = &row.execution;
        let identity = &execution.identity;
        let is_child = identity.state_machine_arn.contains('/');
        let machine = match ExecutionArn::parse_standard(&identity.arn) {
            Ok(arn) => index::machine_of(&arn),
            Err(_) => identity.state_machine_name.clone(),
        };
        let name = index::name_key(&machine, &identity.name);
        self.expect(Expected::row(name, encode(&number)));
        // Whose child an execution is follows from its map run.
        if !is_child {
            let machine = &identity.state_machine_name;
            let listed = |ms: i64| index::list_key(machine, ms, number);
            let status = vec![VERSION, status_byte(execution.status())];
            let place = Expected::row(listed(listed_ms(row)), status);
            self.expect(place.or(listed(identity.started_ms)));
            if execution.status() == Status::Running {
                self.expect(Expected::any(index::open_key(machine, number)));
            }
        }
        if let Some(due) = execution.next_deadline() {
            let key = index::timer_key(due.as_millis(), number);
            self.expect(Expected::any(key));
        }
    }

    /// The mark that a crash leaves something to look at.
    ///
    /// - `is_sound`: whether the execution can be asked.
    /// - `runs`: its map runs.
    fn expect_doubt(
        &mut self,
        number: u64,
        row: &OwnedExecutionRow,
        is_sound: bool,
        runs: &[MapRun],
    ) {
        let mark = Expected::any(index::doubt_key(number));
        let is_running = row.execution.status() == Status::Running;
        let is_open = is_sound
            && is_running
            && (!row.execution.attempts_in_doubt().is_empty()
                || !row.execution.open_map_runs().is_empty());
        // Children of a run that is over are still to be aborted.
        let drains =
            |run: &MapRun| run.status != MapRunStatus::Running && run.executions.running > 0;
        if is_open || runs.iter().any(drains) {
            self.expect(mark);
        } else if !is_sound || !runs.is_empty() {
            // It is taken off a commit after the last child has been aborted.
            self.expect(mark.may());
        }
    }

    /// The parsed definition of an execution or a machine; `None` where it cannot be had.
    ///
    /// - A text that this release refuses is no damage: who runs it is told when it goes on.
    pub(super) fn definition(
        &mut self,
        owner: &[u8],
        hash: &str,
        kind: MachineKind,
    ) -> Option<Arc<Definition>> {
        let key = definition_key(&hash_kind(hash, kind));
        if let Some(known) = self.definitions.get(&key) {
            return known.clone();
        }
        let text = match self.value_of(&key) {
            Found::Missing => {
                let text = format!("its definition {hash} is missing");
                self.find("definition-missing", owner, text);
                return None;
            }
            Found::Unreadable => None,
            Found::Is(value) => decode::<String>(&key, &value).ok(),
        };
        let parsed = text.and_then(|text| Definition::parse(&text, kind).ok());
        let parsed = parsed.map(Arc::new);
        if self.definitions.len() >= super::DEFINITIONS_MAX {
            self.definitions.clear();
        }
        self.definitions.insert(key, parsed.clone());
        parsed
    }

    /// A definition by itself: its key is made of its text.
    pub(super) fn check_definition(&mut self, key: &[u8], value: &[u8]) {
        let Some(text) = self.read::<String>(key, value) else {
            return;
        };
        let hash = hex(&Sha256::digest(text.as_bytes()));
        let is_express = key.ends_with(b"-express");
        let kind = match is_express {
            true => MachineKind::Express,
            false => MachineKind::Standard,
        };
        self.check_key(key, &definition_key(&hash_kind(&hash, kind)));
    }
}

fn number_in(key: &[u8]) -> u64 {
    index::first_number(key).unwrap_or_default()
}
