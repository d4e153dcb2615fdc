//! The shard: one writer over its rows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sha2::{Digest, Sha256};
use stepwell_api::catalogue::Service;
use stepwell_engine::{Body, Definition, Diagnostic, Event, MachineKind, Timestamp};
use stepwell_store::{Error, Snapshot, Store};

use crate::command::{
    Answer, Answered, Command, Committed, Effect, LiveEvents, Refusal, Request, RequestId, Settings,
};
use crate::deliveries::{self, Deliveries};
use crate::events::{Compiled, PutCall};
use crate::facts::KnownFacts;
use crate::map_runs::MapRuns;
use crate::polls::Polls;
use crate::quotas::Counts;
use crate::residents::Residents;
use crate::retention::Retention;
use crate::rows::machine::Machine;
use crate::rows::meta::{Meta, meta_key};
use crate::rows::tracing::SamplingRuleRow;
use crate::rows::{Kind, decode, encode, index, machine};
use crate::schedules::Dues;
use crate::staging::{Rows, Staging};
use crate::timers::{Timer, Timers};
use crate::tracing::Sampler;

/// Parsed definitions kept in memory.
const DEFINITIONS_MAX: usize = 512;

/// Standard executions kept in memory between commits; the others are read from their rows.
const RESIDENTS_MAX: usize = 10_000;

/// Executions that become due in one tick; the rest is due in the next, behind the callers that wait: each is read from
/// cold rows, at about 0.1 ms.
const DUE_PER_TICK_MAX: usize = 256;

/// Effects of one batch after which the rest of what is due comes in the next tick.
const EFFECTS_GOAL: usize = 4_096;

/// The same while the shell holds back: fewer than the outcomes that one batch takes in, so that what is in flight
/// grows less, and not none, so that time-outs of what hangs still come.
const EFFECTS_HELD_BACK_GOAL: usize = 128;

/// Numbers of executions that one write of the counters reserves: a synchronous Express execution then writes nothing.
const NUMBERS_RESERVED: u64 = 1_024;

/// Bytes of events waiting for the commit after which it should come first.
const RELEASED_BYTES_GOAL: usize = 16 << 20;

/// One shard: apply commands, commit once, release what the commit made durable.
///
/// The caller takes what waits, calls [`Shard::apply`] for each and [`Shard::commit`] once. After an
/// error from any of them the shard is spent: open the store again and recover.
pub struct Shard {
    store: Box<dyn Store>,
    pub(crate) settings: Settings,
    pub(crate) staging: Staging,
    /// INVARIANT: no number that was given out reaches the durable one, so a restart gives out none again.
    meta: Meta,
    next_execution: u64,
    pub(crate) residents: Residents,
    /// Residents that are Express and have not ended.
    pub(crate) open_express: usize,
    definitions: BTreeMap<String, (u64, Arc<Definition>)>,
    definition_use: u64,
    timers: Timers,
    pub(crate) deliveries: Deliveries,
    pub(crate) dues: Dues,
    pub(crate) compiled: Compiled,
    /// Task states that put events and have not been answered.
    pub(crate) put_tasks: VecDeque<PutCall>,
    pub(crate) map_runs: MapRuns,
    pub(crate) facts: KnownFacts,
    /// State machines as their rows are, by name.
    pub(crate) machines: BTreeMap<String, Arc<Machine>>,
    pub(crate) polls: Polls,
    pub(crate) sampler: Sampler,
    /// In the order in which they are asked; read when an execution asks for them.
    pub(crate) sampling_rules: Option<Vec<SamplingRuleRow>>,
    pub(crate) retention: Retention,
    /// What our own operations take and give, for tasks that call them.
    pub(crate) catalogue: Service,
    /// Executions that tasks wait for.
    pub(crate) nested: BTreeSet<u64>,
    /// Those of them of which one side has ended.
    pub(crate) unsettled: VecDeque<u64>,
    released: Committed,
    /// About how much memory the events in `released` hold.
    released_bytes: usize,
    pub(crate) counts: Counts,
    /// Whether ticks begin little.
    holds_back: bool,
    failure: Option<Error>,
}

/// Why a command stops: it is refused, or the store has failed.
#[derive(Debug)]
pub(crate) enum Stop {
    Refused(Box<Refusal>),
    Store(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Store(error)
    }
}

impl<E: Into<Refusal>> From<E> for Stop {
    fn from(refusal: E) -> Stop {
        Stop::Refused(Box::new(refusal.into()))
    }
}

/// The result of carrying out one command.
pub(crate) type Done<T> = Result<T, Stop>;

impl Shard {
    /// Opens a shard over its store.
    ///
    /// - Call [`Shard::recover`] before the first command.
    /// - Errors: the store's; a newer format of rows is refused.
    pub fn open(store: Box<dyn Store>, settings: Settings) -> Result<Shard, Error> {
        let base = store.snapshot();
        let key = meta_key();
        let meta = match Rows::get(&base, &key)? {
            Some(value) => decode(&key, &value)?,
            None => Meta { next_execution: 1 },
        };
        let deliveries = Deliveries::open(&base)?;
        let counts = Counts::open(&base)?;
        Ok(Shard {
            staging: Staging::new(base),
            store,
            retention: Retention::new(settings.retention_ms),
            settings,
            next_execution: meta.next_execution,
            meta,
            residents: Residents::default(),
            open_express: 0,
            definitions: BTreeMap::new(),
            definition_use: 0,
            timers: Timers::unread(Kind::Timer),
            deliveries,
            dues: Dues::unread(),
            compiled: Compiled::default(),
            put_tasks: VecDeque::new(),
            map_runs: MapRuns::default(),
            facts: KnownFacts::default(),
            machines: BTreeMap::new(),
            polls: Polls::default(),
            sampler: Sampler::default(),
            sampling_rules: None,
            catalogue: Service::find("sfn").expect("the catalogue has our own service"),
            nested: BTreeSet::new(),
            unsettled: VecDeque::new(),
            released: Committed::default(),
            released_bytes: 0,
            counts,
            holds_back: false,
            failure: None,
        })
    }

    /// What is durable now.
    pub fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.store.snapshot()
    }

    /// Carries out one command. Its answer and effects come out of the next [`Shard::commit`].
    ///
    /// - `entropy`: 32 random bytes, used for this command only.
    pub fn apply(&mut self, now: Timestamp, entropy: [u8; 32], command: Command) {
        if self.failure.is_some() {
            return;
        }
        let id = command.id;
        let done = self.carry_out(now, entropy, id, command.request);
        self.settle(now);
        match (done, id) {
            (Ok(Some(answered)), Some(id)) => self.released.answers.push((id, Ok(answered))),
            (Err(Stop::Refused(refusal)), Some(id)) => {
                self.released.answers.push((id, Err(*refusal)))
            }
            (Err(Stop::Store(error)), _) => self.failure = Some(error),
            // Nobody waits, or the answer comes when a synchronous execution ends or a poll does.
            (Ok(_) | Err(Stop::Refused(_)), _) => {}
        }
    }

    pub(crate) fn carry_out(
        &mut self,
        now: Timestamp,
        entropy: [u8; 32],
        id: Option<RequestId>,
        request: Request,
    ) -> Done<Option<Answered>> {
        match request {
            Request::CreateStateMachine(input) => self.create_state_machine(now, *input).map(Some),
            Request::UpdateStateMachine(input) => {
                self.update_state_machine(now, &entropy, *input).map(Some)
            }
            Request::DeleteStateMachine(input) => self.delete_state_machine(&input).map(Some),
            Request::PublishStateMachineVersion(input) => {
                self.publish_state_machine_version(now, input).map(Some)
            }
            Request::DeleteStateMachineVersion(input) => {
                self.delete_state_machine_version(&input).map(Some)
            }
            Request::CreateStateMachineAlias(input) => {
                self.create_state_machine_alias(now, input).map(Some)
            }
            Request::UpdateStateMachineAlias(input) => {
                self.update_state_machine_alias(now, input).map(Some)
            }
            Request::DeleteStateMachineAlias(input) => {
                self.delete_state_machine_alias(&input).map(Some)
            }
            Request::TagResource(input) => self.tag_resource(input).map(Some),
            Request::UntagResource(input) => self.untag_resource(&input).map(Some),
            Request::StartExecution(input) => self.start_execution(now, entropy, input).map(Some),
            Request::StartSyncExecution(input) => {
                self.start_sync_execution(now, entropy, id, input)
            }
            Request::StopExecution(input) => self.stop_execution(now, input).map(Some),
            Request::RedriveExecution(input) => self.redrive_execution(now, input).map(Some),
            Request::UpdateMapRun(input) => self.update_map_run(&input).map(Some),
            Request::CreateActivity(input) => self.create_activity(now, input).map(Some),
            Request::DeleteActivity(input) => self.delete_activity(&input).map(Some),
            Request::GetActivityTask(input) => self.get_activity_task(now, id, input),
            Request::SendTaskSuccess(input) => self.send_task_success(now, input).map(Some),
            Request::SendTaskFailure(input) => self.send_task_failure(now, input).map(Some),
            Request::SendTaskHeartbeat(input) => self.send_task_heartbeat(now, &input).map(Some),
            Request::CreateFunction(input, code) => {
                self.create_function(now, &entropy, *input, code).map(Some)
            }
            Request::UpdateFunctionCode(input, code) => self
                .update_function_code(now, &entropy, *input, code)
                .map(Some),
            Request::UpdateFunctionConfiguration(input) => self
                .update_function_configuration(now, &entropy, *input)
                .map(Some),
            Request::DeleteFunction(input) => self.delete_function(&input).map(Some),
            Request::TakeEvent(event) => self.take_event(now, &entropy, *event).map(Some),
            Request::Deliver(delivery) => match self.deliver(now, &entropy, *delivery)? {
                Ok(()) => Ok(Some(Answered::EventTaken)),
                Err(refused) => Err(deliveries::refusal(&refused).into()),
            },
            Request::TakeTransition(transition) => {
                self.take_transition(now, &entropy, *transition).map(Some)
            }
            Request::PutFunctionEventInvokeConfig(input) => {
                self.put_event_invoke(now, input.into()).map(Some)
            }
            Request::UpdateFunctionEventInvokeConfig(input) => {
                self.update_event_invoke(now, input.into()).map(Some)
            }
            Request::DeleteFunctionEventInvokeConfig(input) => {
                self.delete_event_invoke(&input).map(Some)
            }
            Request::EndDelivery { number, outcome } => {
                self.delivered(now, number, outcome)?;
                Ok(None)
            }
            Request::Events(request) => self.change_events(now, &entropy, request).map(Some),
            Request::Scheduler(request) => self.change_schedules(now, request).map(Some),
            Request::Lambda(request) => self.change_functions(now, &entropy, request).map(Some),
            Request::Logs(request) => self.change_logs(now, &entropy, request).map(Some),
            Request::Xray(request) => self.change_xray(now, &entropy, request).map(Some),
            Request::Iam(request) => self.change_iam(now, &entropy, request).map(Some),
            Request::Gateway(request) => self.change_gateway(now, &entropy, *request).map(Some),
            Request::FunctionUrl(request) => self.change_url(now, &entropy, request).map(Some),
            Request::CompleteTask {
                execution,
                ticket,
                outcome,
            } => {
                self.complete_task(now, execution, ticket, outcome)?;
                Ok(None)
            }
            Request::ReturnActivityTask(task) => {
                self.return_activity_task(now, task)?;
                Ok(None)
            }
            Request::ReturnTask { execution, ticket } => {
                self.return_task(execution, ticket)?;
                Ok(None)
            }
            Request::CallTask { call, request } => {
                self.call_task(now, entropy, &call, *request)?;
                Ok(None)
            }
            Request::AnswerTask { call, answer } => {
                self.answer_task(now, entropy, &call, answer)?;
                Ok(None)
            }
        }
    }

    /// Whether so much is staged that the caller should commit before it applies more: a batch that
    /// is too large for the store would be the end of the shard.
    ///
    /// The events of Express executions have no rows, but they wait in memory for the commit all the same.
    pub fn is_full(&self) -> bool {
        self.staging.is_full() || self.released_bytes >= RELEASED_BYTES_GOAL
    }

    /// Does what is due at `now`: waits, time-outs, heartbeats, retries, steps of map runs, schedules, deliveries, polls of workers,
    /// what is kept no longer.
    pub fn tick(&mut self, now: Timestamp) {
        if self.failure.is_some() {
            return;
        }
        let done = self
            .fire_timers(now)
            .and_then(|()| self.work_on_map_runs(now))
            .and_then(|()| self.work_on_schedules(now))
            .and_then(|()| self.work_on_deliveries(now))
            .and_then(|()| self.work_on_retention(now))
            .and_then(|()| Ok(self.counts.count_on()?));
        if let Err(Stop::Store(error)) = done {
            self.failure = Some(error);
            return;
        }
        self.settle(now);
        self.expire_polls(now);
    }

    /// Requests of workers that wait for a task.
    pub fn polls(&self) -> impl Iterator<Item = RequestId> {
        self.polls.ids()
    }

    /// The worker behind a poll has gone: no task may be given to it.
    pub fn forget_poll(&mut self, id: RequestId) {
        self.polls.forget(id);
    }

    /// No worker gets a task any more: all polls are answered without one, out of the next [`Shard::commit`].
    pub fn end_polls(&mut self) {
        self.expire_polls(Timestamp::MAX);
    }

    /// Whether ticks begin little, because what they have begun does not end fast enough: the caller has so many effects
    /// in flight that more of them would only wait in its memory.
    ///
    /// What is late then is late, and nothing is lost: timers and children of map runs wait in their rows.
    pub fn hold_back(&mut self, holds_back: bool) {
        self.holds_back = holds_back;
        self.map_runs.hold(holds_back);
    }

    /// Whether the tick that goes on has released enough.
    pub(crate) fn has_released_enough(&self) -> bool {
        let goal = match self.holds_back {
            true => EFFECTS_HELD_BACK_GOAL,
            false => EFFECTS_GOAL,
        };
        self.is_full() || self.released.effects.len() >= goal
    }

    fn settle(&mut self, now: Timestamp) {
        if self.failure.is_some() {
            return;
        }
        let settled = self
            .answer_event_tasks(now)
            .and_then(|()| self.answer_put_tasks(now))
            .and_then(|()| self.settle_all_nested(now));
        if let Err(Stop::Store(error)) = settled {
            self.failure = Some(error);
        }
    }

    /// One step at most for each execution: one that is due again at once, because its step ran out of
    /// budget, goes on in the next tick, when the clock has moved and what it released is gone.
    fn fire_timers(&mut self, now: Timestamp) -> Done<()> {
        let mut stepped = BTreeSet::new();
        let mut due_again = Vec::new();
        let fired = self.fire_each_once(now, &mut stepped, &mut due_again);
        for (timer, is_durable) in due_again {
            self.timers.insert(timer, is_durable);
        }
        fired
    }

    fn fire_each_once(
        &mut self,
        now: Timestamp,
        stepped: &mut BTreeSet<u64>,
        due_again: &mut Vec<(Timer, bool)>,
    ) -> Done<()> {
        for _ in 0..DUE_PER_TICK_MAX {
            if self.has_released_enough() {
                return Ok(());
            }
            let Some((due_ms, number)) = self.timers.take_due(&self.staging, now)? else {
                return Ok(());
            };
            if stepped.insert(number) {
                self.execution_due(now, number, due_ms)?;
            }
            // What moved its timer has put the new one in already.
            if let Some(resident) = self
                .residents
                .get(number)
                .filter(|resident| resident.due_ms == Some(due_ms))
            {
                due_again.push(((due_ms, number), resident.is_durable()));
            }
        }
        Ok(())
    }

    /// The instant of the next [`Shard::tick`] that has something to do.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        if self.map_runs.has_work() || self.counts.has_work() || self.has_tasks_to_settle() {
            return Some(Timestamp::from_millis(0));
        }
        let due = [
            self.timers.next_due(),
            self.dues.next_due(),
            self.deliveries.next_due(),
            self.polls.next_due(),
            self.retention.next_due(),
        ];
        due.into_iter().flatten().min().map(Timestamp::from_millis)
    }

    /// When the first timer of an execution is due; `None` also before timers were read.
    pub fn next_timer(&self) -> Option<Timestamp> {
        let due = self.timers.next_due().filter(|due| *due > 0);
        due.map(Timestamp::from_millis)
    }

    fn has_tasks_to_settle(&self) -> bool {
        !self.unsettled.is_empty() || !self.put_tasks.is_empty()
    }

    /// Moves an execution's timer, in its row and in memory.
    pub(crate) fn move_timer(
        &mut self,
        number: u64,
        before: Option<i64>,
        after: Option<i64>,
        is_durable: bool,
    ) {
        if before == after {
            return;
        }
        if let Some(due_ms) = before {
            self.timers.remove((due_ms, number), is_durable);
            if is_durable {
                self.staging.delete(index::timer_key(due_ms, number));
            }
        }
        if let Some(due_ms) = after {
            self.timers.insert((due_ms, number), is_durable);
            if is_durable {
                // INVARIANT: an execution has one timer row at most, the one that went above.
                self.staging
                    .put_new(index::timer_key(due_ms, number), vec![crate::rows::VERSION]);
            }
        }
    }

    /// One durable batch of everything applied since the last commit; only now do answers and effects exist.
    ///
    /// - Errors: the store's, or the one that stopped an earlier call. Nothing is released then.
    pub fn commit(&mut self) -> Result<Committed, Error> {
        if let Some(error) = self.failure.take() {
            self.failure = Some(spent());
            return Err(error);
        }
        if !self.staging.is_empty() {
            self.released.has_written = true;
            let batch = self.staging.take_batch();
            if let Err(error) = self.store.commit(batch) {
                self.failure = Some(spent());
                return Err(error);
            }
            self.staging.rebase(self.store.snapshot());
        }
        self.residents.let_go(RESIDENTS_MAX);
        self.released.events_bytes = std::mem::take(&mut self.released_bytes);
        self.released.open_executions = self.counts.open_executions();
        Ok(std::mem::take(&mut self.released))
    }

    pub(crate) fn next_execution_number(&mut self) -> u64 {
        let number = self.next_execution;
        self.next_execution += 1;
        if number >= self.meta.next_execution {
            self.meta.next_execution = number + NUMBERS_RESERVED;
            self.staging.put(meta_key(), encode(&self.meta));
        }
        number
    }

    /// Number that the next execution will get.
    pub(crate) fn next_execution(&self) -> u64 {
        self.next_execution
    }

    pub(crate) fn release_effect(&mut self, effect: Effect) {
        self.released.effects.push(effect);
    }

    pub(crate) fn release_answer(&mut self, id: RequestId, answer: Answer) {
        self.released.answers.push((id, answer));
    }

    pub(crate) fn release_events(&mut self, events: LiveEvents) {
        let bytes = events.events.iter().map(event_bytes).sum::<usize>();
        self.released_bytes += bytes;
        let stored_bytes = &events.execution.stored_bytes;
        stored_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.released.events.push(events);
    }

    /// The parsed definition with this hash, or why this release does not take it.
    ///
    /// A definition's row is written once and was validated before, but by the release of its time: one
    /// that a later release refuses must not stop the shard.
    pub(crate) fn definition(
        &mut self,
        hash: &str,
        kind: MachineKind,
    ) -> Result<Result<Arc<Definition>, String>, Error> {
        self.definition_use += 1;
        let now_used = self.definition_use;
        let key = machine::definition_key(&hash_kind(hash, kind));
        if let Some((used, definition)) = self.definitions.get_mut(hash_kind(hash, kind).as_str()) {
            *used = now_used;
            return Ok(Ok(Arc::clone(definition)));
        }
        let value = self
            .staging
            .get(&key)?
            .ok_or_else(|| Error::Corrupt { key: key.clone() })?;
        let text: String = decode(&key, &value)?;
        let definition = match Definition::parse(&text, kind) {
            Ok(definition) => Arc::new(definition),
            Err(diagnostics) => return Ok(Err(unreadable(&diagnostics))),
        };
        self.keep_definition(hash_kind(hash, kind), Arc::clone(&definition));
        Ok(Ok(definition))
    }

    /// Writes a definition's row once; returns its hash.
    pub(crate) fn store_definition(
        &mut self,
        definition: Arc<Definition>,
        kind: MachineKind,
    ) -> Result<String, Error> {
        let hash = definition_hash(&definition);
        self.retention.keep_definition(&hash_kind(&hash, kind));
        let key = machine::definition_key(&hash_kind(&hash, kind));
        if self.staging.get(&key)?.is_none() {
            self.staging.put(key, encode(&definition.text().as_ref()));
        }
        self.keep_definition(hash_kind(&hash, kind), definition);
        Ok(hash)
    }

    /// Nothing uses the definition any more.
    pub(crate) fn forget_definition(&mut self, hash_kind: &str) {
        self.definitions.remove(hash_kind);
    }

    fn keep_definition(&mut self, key: String, definition: Arc<Definition>) {
        self.definition_use += 1;
        self.definitions
            .insert(key, (self.definition_use, definition));
        if self.definitions.len() > DEFINITIONS_MAX {
            let oldest = self
                .definitions
                .iter()
                .min_by_key(|(_, (used, _))| *used)
                .map(|(key, _)| key.clone());
            oldest.map(|key| self.definitions.remove(&key));
        }
    }
}

fn unreadable(diagnostics: &[Diagnostic]) -> String {
    let texts: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
    format!(
        "The stored definition is not valid in this release of Stepwell: {}",
        texts.join(", ")
    )
}

/// About how much memory an event holds.
pub fn event_bytes(event: &Event) -> usize {
    let text = match event.details.body() {
        Some(Body::Text(text)) => text.len(),
        Some(Body::Same(_)) | None => 0,
    };
    size_of::<Event>() + text
}

/// What a shard answers after a failure.
fn spent() -> Error {
    Error::Stopped {
        place: "the shard".to_string(),
    }
}

/// Names a definition: SHA-256 of its text.
pub(crate) fn definition_hash(definition: &Definition) -> String {
    crate::rows::pack::hex_text(&Sha256::digest(definition.text().as_bytes()))
}

/// Express and Standard validate differently, so their rows differ.
pub(crate) fn hash_kind(hash: &str, kind: MachineKind) -> String {
    format!("{hash}{}", kind_mark(kind))
}

fn kind_mark(kind: MachineKind) -> &'static str {
    match kind {
        MachineKind::Standard => "",
        MachineKind::Express => "-express",
    }
}

/// The body of an answer.
pub(crate) fn body(output: &impl serde::Serialize) -> Answered {
    Answered::States(serde_json::to_vec(output).expect("a generated shape has text keys only"))
}
