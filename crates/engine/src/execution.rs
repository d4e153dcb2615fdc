//! The state of one execution: a small snapshot that is rewritten, beside a history that is appended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_asl::definition::{BlockId, Definition, Kind, Resource, State, StateIndex};
use stepwell_asl::{Timestamp, Variables};

use crate::context::ContextPart;
use crate::event::EventId;
use crate::inspect::Inspection;
use crate::map_run::MapRun;
use crate::payload::{Payload, Slot};
use crate::redrive::Redrives;

/// Events a Standard execution can have; the last one is its end.
///
/// AWS: quota "Maximum execution history size".
pub const HISTORY_EVENTS_MAX: u64 = 25_000;

/// Iterations of an inline Map that run at once when `MaxConcurrency` is 0 or larger than this.
///
/// AWS: quota "Inline Map concurrency".
pub const INLINE_MAP_CONCURRENCY_MAX: usize = 40;

/// How long an Express execution rests after a step that ran out of its budget, in milliseconds.
///
/// Nothing else bounds a loop that never waits: AWS sets no limit to the events of an Express execution, and five
/// minutes of them would keep a processor busy. What is left are some 25,000 transitions a second.
const EXPRESS_PAUSE_MS: i64 = 20;

/// Names a frame within its execution; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FrameId(pub u32);

/// Whether an execution keeps a durable history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    Standard,
    /// Started by StartExecution.
    ExpressAsynchronous,
    /// Started by StartSyncExecution.
    ExpressSynchronous,
}

/// Where an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
}

/// What never changes during an execution.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Identity {
    /// Number of the execution in its shard; part of task tokens.
    pub number: u64,
    pub arn: String,
    pub name: String,
    pub state_machine_arn: String,
    pub state_machine_name: String,
    pub role_arn: String,
    pub mode: Mode,
    pub started_ms: i64,
    /// All randomness of the execution derives from this.
    pub seed: [u8; 32],
}

/// One execution.
///
/// The row of an execution is this value without its frames; every frame is a row of its own. A Standard
/// execution that ended without success keeps its frames, so that a redrive goes on from them.
/// After reading rows: [`Execution::attach`], then [`Execution::supply_all`] with the payloads that
/// [`Execution::unsupplied`] names.
#[derive(Debug, Serialize, Deserialize)]
pub struct Execution {
    pub identity: Arc<Identity>,
    pub(crate) status: Status,
    pub(crate) input: Slot,
    pub(crate) output: Option<Slot>,
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) stopped_ms: Option<i64>,
    pub(crate) last_event: EventId,
    pub(crate) next_frame: u32,
    /// When the machine's own `TimeoutSeconds` (or Express's five minutes) runs out.
    pub(crate) deadline_ms: Option<i64>,
    /// Kept beside the row: see [`Execution::restore_redrives`].
    #[serde(skip)]
    pub(crate) redrives: Redrives,
    #[serde(skip)]
    pub(crate) definition: Option<Arc<Definition>>,
    #[serde(skip)]
    pub(crate) context_part: ContextPart,
    /// See [`Execution::set_missing_activities`].
    #[serde(skip)]
    pub(crate) missing_activities: BTreeSet<String>,
    /// Only in an execution that tests one state.
    #[serde(skip)]
    pub(crate) inspection: Option<Arc<Inspection>>,
    #[serde(skip)]
    pub(crate) frames: BTreeMap<FrameId, Frame>,
    #[serde(skip)]
    pub(crate) changed: BTreeSet<FrameId>,
    #[serde(skip)]
    pub(crate) removed: BTreeSet<FrameId>,
}

impl Execution {
    /// A new execution, before its first [`crate::step`] with [`crate::Input::Start`].
    ///
    /// - `timeout_seconds`: the machine's own limit, counted from the start.
    pub fn new(
        identity: Identity,
        definition: Arc<Definition>,
        input: Payload,
        timeout_seconds: Option<u64>,
    ) -> Execution {
        let started = identity.started_ms;
        let deadline_ms = timeout_seconds.map(|seconds| started.saturating_add(millis(seconds)));
        let mut execution = Execution {
            input: Slot::fresh(input),
            deadline_ms,
            ..Execution::unattached(identity)
        };
        execution.attach(definition, Vec::new());
        execution
    }

    /// An execution of which nothing but its identity is known.
    pub(crate) fn unattached(identity: Identity) -> Execution {
        Execution {
            identity: Arc::new(identity),
            status: Status::Running,
            input: Slot {
                at: EventId::NONE,
                payload: None,
            },
            output: None,
            error: None,
            cause: None,
            stopped_ms: None,
            last_event: EventId::NONE,
            next_frame: 0,
            deadline_ms: None,
            redrives: Redrives::default(),
            definition: None,
            context_part: ContextPart::default(),
            missing_activities: BTreeSet::new(),
            inspection: None,
            frames: BTreeMap::new(),
            changed: BTreeSet::new(),
            removed: BTreeSet::new(),
        }
    }

    /// Puts back what a row does not hold: the definition and the frames.
    pub fn attach(&mut self, definition: Arc<Definition>, frames: Vec<Frame>) {
        self.context_part.forget();
        self.definition = Some(definition);
        self.frames = frames.into_iter().map(|frame| (frame.id, frame)).collect();
    }

    /// Ids of the events whose payloads are still missing after [`Execution::attach`].
    pub fn unsupplied(&self) -> BTreeSet<EventId> {
        let own = std::iter::once(&self.input).chain(self.output.as_ref());
        let framed = self.frames.values().flat_map(Frame::slots);
        own.chain(framed)
            .filter(|slot| slot.payload.is_none())
            .map(|slot| slot.at)
            .collect()
    }

    /// Fills every slot that refers to one of the events, and recomputes the items of every Map.
    pub fn supply_all(&mut self, payloads: &BTreeMap<EventId, Payload>) {
        let own = std::iter::once(&mut self.input).chain(self.output.as_mut());
        let framed = self.frames.values_mut().flat_map(Frame::slots_mut);
        for slot in own.chain(framed) {
            if slot.payload.is_none() {
                slot.payload = payloads.get(&slot.at).cloned();
            }
        }
        // Outer frames have smaller ids: an inner Map's items may depend on the outer item.
        let maps: Vec<FrameId> = self
            .frames
            .values()
            .filter(|frame| frame.is_fork())
            .map(|frame| frame.id)
            .collect();
        for id in maps {
            crate::states::map::load_items(self, id);
        }
    }

    /// Frames whose rows must be rewritten, and frames whose rows must go; the marks are cleared.
    pub fn take_changes(&mut self) -> (Vec<FrameId>, Vec<FrameId>) {
        let removed = std::mem::take(&mut self.removed);
        let changed = std::mem::take(&mut self.changed);
        let kept = changed
            .into_iter()
            .filter(|id| self.frames.contains_key(id))
            .collect();
        (kept, removed.into_iter().collect())
    }

    pub fn status(&self) -> Status {
        self.status
    }

    /// The input as it was given.
    pub fn input(&self) -> &Slot {
        &self.input
    }

    /// The output of a succeeded execution.
    pub fn output(&self) -> Option<&Slot> {
        self.output.as_ref()
    }

    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// When it ended, in milliseconds since the epoch.
    pub fn stopped_ms(&self) -> Option<i64> {
        self.stopped_ms
    }

    /// The newest event's id, which is also the number of events.
    pub fn last_event(&self) -> EventId {
        self.last_event
    }

    /// Frames by id.
    pub fn frames(&self) -> &BTreeMap<FrameId, Frame> {
        &self.frames
    }

    /// The earliest instant at which [`crate::Input::Due`] has something to do.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        if self.status != Status::Running {
            return None;
        }
        let pause_ms = match self.identity.mode {
            Mode::Standard => 0,
            Mode::ExpressAsynchronous | Mode::ExpressSynchronous => EXPRESS_PAUSE_MS,
        };
        let framed = self.frames.values().filter_map(|frame| {
            let rests = matches!(frame.phase, Phase::Ready);
            let rest_ms = if rests { pause_ms } else { 0 };
            Some(frame.deadline_ms()?.saturating_add(rest_ms))
        });
        framed
            .chain(self.deadline_ms)
            .min()
            .map(Timestamp::from_millis)
    }

    /// Attempts that have been started and have no result: after a crash their outcome is unknown.
    ///
    /// An attempt whose call has returned and that waits for its task token is not among them, nor is one
    /// of an activity: what its worker has done, the worker will tell.
    pub fn attempts_in_doubt(&self) -> Vec<crate::Ticket> {
        let has_activities = !self.definition().activities().is_empty();
        self.frames
            .values()
            .filter(|frame| !has_activities || !self.is_in_activity(frame))
            .filter_map(Frame::attempt_in_doubt)
            .collect()
    }

    fn is_in_activity(&self, frame: &Frame) -> bool {
        match &self.state_of(frame).kind {
            Kind::Task(task) => matches!(task.resource, Resource::Activity { .. }),
            _ => false,
        }
    }

    /// Says which activities of the definition are not there; asked for before each step.
    ///
    /// - AWS: a task that enters on an activity that does not exist fails the execution.
    pub fn set_missing_activities(&mut self, arns: BTreeSet<String>) {
        self.missing_activities = arns;
    }

    /// The event that stores the input of an open attempt.
    pub fn scheduled_at(&self, ticket: crate::Ticket) -> Option<EventId> {
        crate::states::task::scheduled_at(self, ticket)
    }

    /// What an open attempt calls, as [`crate::Call::resource`].
    pub fn resource_of(&self, ticket: crate::Ticket) -> Option<String> {
        crate::states::task::resource_of(self, ticket)
    }

    /// The call of an open attempt once more; `None` if the attempt is not open.
    ///
    /// - `input`: the payload of the event that [`Execution::scheduled_at`] names.
    pub fn call_again(&self, ticket: crate::Ticket, input: Payload) -> Option<crate::Call> {
        crate::states::task::call_again(self, ticket, input)
    }

    /// The definition that this execution runs.
    pub fn definition(&self) -> &Arc<Definition> {
        self.definition
            .as_ref()
            .expect("an execution is used after attach")
    }

    pub(crate) fn frame(&self, id: FrameId) -> &Frame {
        self.frames
            .get(&id)
            .expect("work refers to frames that exist")
    }

    /// The frame, marked as changed.
    pub(crate) fn frame_mut(&mut self, id: FrameId) -> &mut Frame {
        self.changed.insert(id);
        self.frames
            .get_mut(&id)
            .expect("work refers to frames that exist")
    }

    pub(crate) fn add_frame(&mut self, frame: Frame) {
        self.changed.insert(frame.id);
        self.next_frame = self.next_frame.max(frame.id.0 + 1);
        self.frames.insert(frame.id, frame);
    }

    pub(crate) fn remove_frame(&mut self, id: FrameId) -> Option<Frame> {
        self.changed.remove(&id);
        self.removed.insert(id);
        self.frames.remove(&id)
    }

    /// Ids of the frames directly below `parent`, in order of creation.
    pub(crate) fn children(&self, parent: FrameId) -> Vec<FrameId> {
        let below = self.frames.range(parent..).map(|(_, frame)| frame);
        below
            .filter(|frame| frame.parent == Some(parent))
            .map(|frame| frame.id)
            .collect()
    }

    pub(crate) fn state_of(&self, frame: &Frame) -> StateRef {
        StateRef {
            definition: Arc::clone(self.definition()),
            block: frame.block,
            index: frame.state,
        }
    }
}

/// A state that stays readable while the execution changes.
pub(crate) struct StateRef {
    definition: Arc<Definition>,
    block: BlockId,
    index: StateIndex,
}

impl std::ops::Deref for StateRef {
    type Target = State;

    fn deref(&self) -> &State {
        self.definition.state(self.block, self.index)
    }
}

/// One activation of a block of states: the top level, a branch, or an iteration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Frame {
    pub(crate) id: FrameId,
    pub(crate) parent: Option<FrameId>,
    pub(crate) place: Place,
    pub(crate) block: BlockId,
    pub(crate) state: StateIndex,
    /// Raw input of the current state.
    pub(crate) input: Slot,
    /// Event id of the current state's `...StateEntered`.
    pub(crate) entered: EventId,
    /// The event before `entered` in this frame.
    pub(crate) before: EventId,
    /// The newest event in this frame.
    pub(crate) previous: EventId,
    pub(crate) entered_ms: i64,
    /// Retries so far in this visit, by retrier.
    pub(crate) retries: Vec<u32>,
    /// Attempts ever begun in this frame; the fence of a completion.
    pub(crate) attempts: u32,
    pub(crate) phase: Phase,
    #[serde(with = "crate::variable_texts")]
    pub(crate) variables: Variables,
    /// Bytes of the variables as JSON text.
    pub(crate) variable_bytes: usize,
    /// Items of a Map, recomputed when the frame is loaded.
    #[serde(skip)]
    pub(crate) items: Option<Arc<Vec<Value>>>,
    /// Of a Map with an `ItemSelector`: what every item's selector sees; kept while the Map goes on.
    #[serde(skip)]
    pub(crate) selected: Option<Selected>,
}

/// What the selectors of all items of a Map see alike.
#[derive(Debug, Clone)]
pub(crate) struct Selected {
    /// The Map's input after `InputPath`.
    pub(crate) input: Payload,
    /// Whether the items are the members of an object.
    pub(crate) is_of_members: bool,
}

/// Where a frame sits in its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    Root,
    Branch(u32),
    Iteration(u32),
}

/// What a frame is doing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// The state is to be entered as soon as there is room in a step.
    Ready,
    /// A Wait state.
    Waiting { until_ms: i64 },
    /// A Task state with an open attempt.
    Calling(Attempt),
    /// Between a failure and the retry.
    Backoff { until_ms: i64 },
    /// A Parallel state whose branches are frames.
    Branches { count: u32, finished: u32 },
    /// A Map state whose iterations are frames.
    Iterations {
        length: u32,
        next: u32,
        finished: u32,
        concurrency: u32,
        started_ms: i64,
        /// `MapStateStarted`: the event that the evaluation of the items belongs to.
        started: EventId,
    },
    /// A branch or an iteration that has ended; its parent collects the output.
    Done { output: Slot },
    /// The state was entered and has done nothing yet that lasts: its fields are being evaluated, or they failed.
    Entered,
    /// A Map state whose items are child executions.
    MapRun(MapRun),
}

/// An open attempt of a Task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    pub(crate) stage: Stage,
    /// The event that stores the attempt's input.
    pub(crate) scheduled: EventId,
    pub(crate) timeout_ms: Option<i64>,
    pub(crate) heartbeat_ms: Option<i64>,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) heartbeat_seconds: Option<u64>,
}

/// How far an open attempt has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// Handed to a performer.
    Started,
    /// The call has returned; the task token is awaited.
    Submitted,
    /// The result is known; the state is about to be left or tried again.
    Closed,
}

impl Frame {
    /// This frame's id.
    pub fn id(&self) -> FrameId {
        self.id
    }

    /// The event with which the current state was entered; none before that.
    pub fn entered_event(&self) -> EventId {
        self.entered
    }

    /// The newest event in this frame. After a failure that nothing handled: the one that the failure began with.
    pub fn newest_event(&self) -> EventId {
        self.previous
    }

    /// The open attempt's number if the frame is in a Task state with one.
    pub fn open_attempt(&self) -> Option<u32> {
        match &self.phase {
            Phase::Calling(attempt) if attempt.stage != Stage::Closed => Some(attempt.number),
            _ => None,
        }
    }

    /// Sets variables; bounded by the caller.
    pub(crate) fn assign(&mut self, assigned: Vec<(String, Value)>) {
        if assigned.is_empty() {
            return;
        }
        self.variables.extend(assigned);
        let texts = self.variables.values().map(Value::to_string);
        self.variable_bytes = texts.map(|text| text.len()).sum();
    }

    /// Whether frames can be below this one.
    pub(crate) fn is_fork(&self) -> bool {
        // A failed Parallel or Map waits in `Backoff` with no frames below.
        matches!(
            self.phase,
            Phase::Branches { .. } | Phase::Iterations { .. }
        )
    }

    /// When this frame has something to do by itself.
    pub fn deadline_ms(&self) -> Option<i64> {
        match &self.phase {
            Phase::Waiting { until_ms } | Phase::Backoff { until_ms } => Some(*until_ms),
            Phase::Calling(attempt) => [attempt.timeout_ms, attempt.heartbeat_ms]
                .into_iter()
                .flatten()
                .min(),
            // INVARIANT: a frame is left ready only when a step ran out of its budget; the next step is due at once.
            Phase::Ready => Some(self.entered_ms),
            Phase::Branches { .. }
            | Phase::Iterations { .. }
            | Phase::Done { .. }
            | Phase::Entered
            | Phase::MapRun(_) => None,
        }
    }

    fn attempt_in_doubt(&self) -> Option<crate::Ticket> {
        match &self.phase {
            Phase::Calling(attempt) if attempt.stage == Stage::Started => Some(crate::Ticket {
                frame: self.id,
                attempt: attempt.number,
            }),
            _ => None,
        }
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        let done = match &self.phase {
            Phase::Done { output } => Some(output),
            _ => None,
        };
        std::iter::once(&self.input).chain(done)
    }

    fn slots_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        let done = match &mut self.phase {
            Phase::Done { output } => Some(output),
            _ => None,
        };
        std::iter::once(&mut self.input).chain(done)
    }
}

/// Milliseconds in `seconds`; saturates.
pub(crate) fn millis(seconds: u64) -> i64 {
    i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX)
}
