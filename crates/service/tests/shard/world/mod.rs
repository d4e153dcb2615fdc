//! A shard in a world of text: a script of what callers, performers and the clock do, and what comes out.

mod script;

use std::collections::BTreeMap;
use std::sync::Arc;

use stepwell_api::states;
use stepwell_service::{
    Answer, Answered, Authorization, Command, Committed, DeliveryCall, Effect, FunctionCall,
    LostTask, Reader, Refusal, Request, RequestId, ServiceCall, Settings, Shard, TaskOutcome,
    Ticket, Timestamp, UnknownRole,
};
use stepwell_store::{Batch, Direction, Disk, Error, Fault, Memory, Snapshot, Store as _};

pub use script::{check, check_with};

pub const START_MS: i64 = 1_700_000_000_000;

/// A durable row.
pub type Row = (Vec<u8>, Vec<u8>);

pub fn settings(lost_task: LostTask) -> Settings {
    Settings {
        region: "us-east-1".to_string(),
        account: "123456789012".to_string(),
        lost_task,
        unknown_role: UnknownRole::Accepted,
        retention_ms: stepwell_service::retention::DEFAULT,
    }
}

pub fn machine_arn(name: &str) -> String {
    format!("arn:aws:states:us-east-1:123456789012:stateMachine:{name}")
}

pub fn activity_arn(name: &str) -> String {
    format!("arn:aws:states:us-east-1:123456789012:activity:{name}")
}

pub fn execution_arn(machine: &str, name: &str) -> String {
    format!("arn:aws:states:us-east-1:123456789012:execution:{machine}:{name}")
}

pub struct World {
    pub shard: Shard,
    pub disk: Disk,
    pub now_ms: i64,
    /// Calls that were released and have no outcome yet, oldest first.
    pub open: Vec<FunctionCall>,
    /// Calls of Step Functions itself that were released and not made yet, oldest first.
    pub asked: Vec<ServiceCall>,
    /// Attempts to deliver that were released and have no outcome yet, oldest first.
    pub deliveries: Vec<DeliveryCall>,
    /// Tokens that connections ask for.
    pub authorizations: Vec<Authorization>,
    /// Deliveries that were given up: target and reason.
    pub given_up: Vec<String>,
    /// Everything that was ever released: function and payload.
    pub calls: Vec<String>,
    /// Events that were released, by execution.
    pub events: BTreeMap<String, Vec<stepwell_engine::Event>>,
    /// Workers that wait, oldest first.
    pub polls: Vec<RequestId>,
    /// What workers were answered after they had waited.
    pub polled: Vec<String>,
    /// Rows were damaged on purpose: they are not checked.
    pub is_damaged: bool,
    settings: Settings,
    commands: u64,
}

impl World {
    pub fn new() -> World {
        World::on(&Disk::new(), LostTask::Fail)
    }

    pub fn on(disk: &Disk, lost_task: LostTask) -> World {
        World::open(disk, lost_task, false)
    }

    /// On rows that were damaged on purpose.
    pub fn on_damaged(disk: &Disk) -> World {
        World::open(disk, LostTask::Fail, true)
    }

    fn open(disk: &Disk, lost_task: LostTask, is_damaged: bool) -> World {
        World::with(disk, settings(lost_task), is_damaged)
    }

    /// A server that keeps ended executions so long.
    pub fn keeping(retention_ms: Option<i64>) -> World {
        let settings = Settings {
            retention_ms,
            ..settings(LostTask::Fail)
        };
        World::with(&Disk::new(), settings, false)
    }

    fn with(disk: &Disk, settings: Settings, is_damaged: bool) -> World {
        let shard = Shard::open(Box::new(disk.open()), settings.clone()).expect("a shard opens");
        let mut world = World {
            shard,
            disk: disk.clone(),
            now_ms: START_MS,
            open: Vec::new(),
            asked: Vec::new(),
            deliveries: Vec::new(),
            authorizations: Vec::new(),
            given_up: Vec::new(),
            calls: Vec::new(),
            events: BTreeMap::new(),
            polls: Vec::new(),
            polled: Vec::new(),
            is_damaged,
            settings,
            commands: 0,
        };
        world.recover();
        world
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms)
    }

    /// The process dies and starts again: what was not durable is gone, and so are the calls in flight.
    pub fn crash(&mut self) {
        self.open.clear();
        self.polls.clear();
        self.asked.clear();
        self.deliveries.clear();
        self.authorizations.clear();
        self.shard =
            Shard::open(Box::new(self.disk.crash()), self.settings.clone()).expect("a shard opens");
        self.recover();
    }

    /// As the shell does before the first command.
    pub fn recover(&mut self) {
        let mut position = None;
        loop {
            let now = self.now();
            position = self.shard.recover(now, position).expect("rows can be read");
            self.commit();
            if position.is_none() {
                self.tick();
                return;
            }
        }
    }

    /// Applies a request without committing it.
    pub fn apply(&mut self, request: Request) -> RequestId {
        self.commands += 1;
        let id = RequestId(self.commands);
        let mut entropy = [0; 32];
        entropy[..8].copy_from_slice(&self.commands.to_be_bytes());
        let now = self.now();
        self.shard.apply(
            now,
            entropy,
            Command {
                id: Some(id),
                request,
            },
        );
        id
    }

    /// Commits, and does what tasks ask of Step Functions itself until none asks any more.
    pub fn commit(&mut self) -> Committed {
        let mut committed = self.try_commit().expect("the store works");
        while !self.asked.is_empty() {
            let call = self.asked.remove(0);
            let request = self.request_of(call);
            self.apply(request);
            let more = self.try_commit().expect("the store works");
            committed.answers.extend(more.answers);
            committed.effects.extend(more.effects);
        }
        committed
    }

    /// What the shell tells the shard about a task's call of Step Functions.
    pub fn request_of(&mut self, call: ServiceCall) -> Request {
        let call = Box::new(call);
        match change(call.operation.name(), &call.body) {
            Ok(Some(request)) => Request::CallTask {
                call,
                request: Box::new(request),
            },
            Ok(None) => {
                let answer = self.read(call.operation.name(), &call.body);
                let answer = Ok(answer.into_bytes());
                Request::AnswerTask { call, answer }
            }
            Err(error) => Request::AnswerTask {
                call,
                answer: Err(error),
            },
        }
    }

    pub fn try_commit(&mut self) -> Result<Committed, Error> {
        let mut committed = self.shard.commit()?;
        let snapshot = self.shard.snapshot();
        let few = snapshot.page(&[], &[u8::MAX; 8], CHECKED_ROWS_MAX, usize::MAX);
        if !self.is_damaged && few.is_ok_and(|few| few.len() < CHECKED_ROWS_MAX) {
            check_rows(&snapshot);
        }
        for effect in std::mem::take(&mut committed.effects) {
            match effect {
                Effect::InvokeFunction(call) => {
                    self.calls
                        .push(format!("{} {}", call.function, call.payload.text()));
                    self.open.push(*call);
                }
                Effect::CancelTask { execution, ticket } => {
                    self.open
                        .retain(|call| (call.execution, call.ticket) != (execution, ticket));
                    committed
                        .effects
                        .push(Effect::CancelTask { execution, ticket });
                }
                Effect::CallService(call) => self.asked.push(*call),
                Effect::Deliver(call) => self.deliveries.push(*call),
                Effect::AuthorizeConnection(asked) => self.authorizations.push(*asked),
                Effect::DeliveryGivenUp { target, reason, .. } => {
                    self.given_up.push(format!("{target} {reason}"));
                }
                other => committed.effects.push(other),
            }
        }
        let is_poll = |id: &RequestId| self.polls.contains(id);
        let (polled, answers): (Vec<_>, Vec<_>) = std::mem::take(&mut committed.answers)
            .into_iter()
            .partition(|(id, _)| is_poll(id));
        committed.answers = answers;
        for (id, answer) in polled {
            self.polls.retain(|poll| *poll != id);
            self.polled.push(answer_text(answer));
        }
        for live in &committed.events {
            self.events
                .entry(live.execution.identity.arn.clone())
                .or_default()
                .extend(live.events.iter().cloned());
        }
        Ok(committed)
    }

    /// Applies and commits; `None` when the answer comes later.
    pub fn send(&mut self, request: Request) -> Option<Answer> {
        let id = self.apply(request);
        let committed = self.commit();
        committed
            .answers
            .into_iter()
            .find(|(answered, _)| *answered == id)
            .map(|(_, answer)| answer)
    }

    /// A worker asks for a task: the answer, unless the worker waits now.
    pub fn poll(&mut self, activity: &str, worker: &str) -> Option<String> {
        let body =
            serde_json::json!({ "activityArn": activity_arn(activity), "workerName": worker });
        let input = states::decode(body.to_string().as_bytes()).expect("an input");
        let id = self.apply(Request::GetActivityTask(input));
        self.polls.push(id);
        self.commit();
        (!self.polls.contains(&id)).then(|| self.polled.pop().expect("an answer"))
    }

    /// Sends an operation as JSON; the text of its answer or refusal.
    pub fn ask(&mut self, operation: &str, body: &str) -> String {
        match change(operation, body) {
            Ok(Some(request)) => self
                .send(request)
                .map_or_else(|| "(no answer yet)".to_string(), answer_text),
            Ok(None) => self.read(operation, body),
            Err(error) => error_text(error.name(), &error.message),
        }
    }

    fn read(&self, operation: &str, body: &str) -> String {
        let reader = self.reader();
        macro_rules! read {
            ($method:ident) => {
                match states::decode(body.as_bytes()) {
                    Ok(input) => match reader.$method(&input).expect("rows can be read") {
                        Ok(output) => serde_json::to_string(&output).expect("an output is JSON"),
                        Err(refusal) => refusal_text(refusal),
                    },
                    Err(error) => error_text(error.name(), &error.message),
                }
            };
        }
        match operation {
            "DescribeStateMachine" => read!(describe_state_machine),
            "DescribeActivity" => read!(describe_activity),
            "ListActivities" => read!(list_activities),
            "ListStateMachineVersions" => read!(list_state_machine_versions),
            "DescribeStateMachineAlias" => read!(describe_state_machine_alias),
            "ListStateMachineAliases" => read!(list_state_machine_aliases),
            "ListTagsForResource" => read!(list_tags_for_resource),
            "ListStateMachines" => read!(list_state_machines),
            "DescribeExecution" => read!(describe_execution),
            "ListExecutions" => read!(list_executions),
            "DescribeMapRun" => read!(describe_map_run),
            "ListMapRuns" => read!(list_map_runs),
            "DescribeStateMachineForExecution" => read!(describe_state_machine_for_execution),
            "GetExecutionHistory" => read!(get_execution_history),
            other => panic!("{other} is not an operation of this script"),
        }
    }

    pub fn reader(&self) -> Reader {
        Reader::new(self.shard.snapshot(), self.settings.clone(), self.now())
    }

    /// Creates a machine; panics when it is refused.
    pub fn create(&mut self, name: &str, kind: &str, definition: &str) {
        let body = serde_json::json!({ "name": name, "definition": definition, "type": kind, "roleArn": "arn:aws:iam::123456789012:role/r" });
        let answer = self.ask("CreateStateMachine", &body.to_string());
        assert!(answer.starts_with('{'), "{answer}");
    }

    /// Starts an execution by name; panics when it is refused.
    pub fn start(&mut self, machine: &str, name: &str, input: &str) {
        let answer = self.ask("StartExecution", &start_body(machine, name, input));
        assert!(answer.starts_with('{'), "{answer}");
    }

    pub fn describe(&self, machine: &str, name: &str) -> serde_json::Value {
        let body = serde_json::json!({ "executionArn": execution_arn(machine, name) });
        let text = self.read("DescribeExecution", &body.to_string());
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
    }

    /// Completes the oldest open call.
    pub fn complete(&mut self, outcome: TaskOutcome) -> Ticket {
        let call = self.open.remove(0);
        let (execution, ticket) = (call.execution, call.ticket);
        self.send(Request::CompleteTask {
            execution,
            ticket,
            outcome,
        });
        ticket
    }

    /// Moves the clock and does what is due, in as many ticks as it takes.
    pub fn wait_ms(&mut self, ms: i64) {
        self.now_ms += ms;
        self.tick();
    }

    pub fn tick(&mut self) {
        let now = self.now();
        loop {
            self.shard.tick(now);
            self.commit();
            if self.shard.next_deadline().is_none_or(|due| due > now) {
                return;
            }
        }
    }

    pub fn rows(&self) -> Vec<Row> {
        rows(self.shard.snapshot().as_ref())
    }

    /// How many rows there are of each key kind.
    pub fn kinds(&self) -> BTreeMap<u8, usize> {
        let mut kinds = BTreeMap::new();
        for (key, _) in self.rows() {
            *kinds.entry(key[0]).or_default() += 1;
        }
        kinds
    }

    pub fn fail_next_commit(&self, fault: Fault) {
        self.disk.fail(fault, 0);
    }
}

/// Every world ends with rows that hold together, and has such at every commit while it is small.
impl Drop for World {
    fn drop(&mut self) {
        if !self.is_damaged && !std::thread::panicking() {
            check_rows(&self.disk.open().snapshot());
        }
    }
}

/// Rows up to which a world is checked at every commit.
const CHECKED_ROWS_MAX: usize = 300;

/// Asserts that there is nothing to find.
pub fn check_rows(snapshot: &Arc<dyn Snapshot>) {
    let report = stepwell_service::fsck(snapshot);
    assert!(
        report.findings.is_empty(),
        "the rows do not hold together: {:#?}",
        report.findings
    );
}

pub fn rows(snapshot: &dyn Snapshot) -> Vec<Row> {
    let found = snapshot
        .scan(&[], &[u8::MAX; 8], Direction::Ascending, usize::MAX)
        .expect("rows can be read");
    found
        .into_iter()
        .map(|(key, value)| (key, value.to_vec()))
        .collect()
}

/// A store with exactly these rows.
pub fn store_of(rows: &[Row]) -> Memory {
    let mut store = Memory::new();
    let mut batch = Batch::new();
    rows.iter()
        .for_each(|(key, value)| batch.put(key.clone(), value.clone()));
    store.commit(batch).expect("memory takes rows");
    store
}

pub fn start_body(machine: &str, name: &str, input: &str) -> String {
    serde_json::json!({ "stateMachineArn": machine_arn(machine), "name": name, "input": input })
        .to_string()
}

/// The request of an operation that changes something; `None` for one that reads.
pub fn change(operation: &str, body: &str) -> Result<Option<Request>, states::Error> {
    let body = body.as_bytes();
    Ok(Some(match operation {
        "CreateStateMachine" => Request::CreateStateMachine(Box::new(states::decode(body)?)),
        "UpdateStateMachine" => Request::UpdateStateMachine(Box::new(states::decode(body)?)),
        "DeleteStateMachine" => Request::DeleteStateMachine(states::decode(body)?),
        "CreateActivity" => Request::CreateActivity(states::decode(body)?),
        "DeleteActivity" => Request::DeleteActivity(states::decode(body)?),
        "PublishStateMachineVersion" => Request::PublishStateMachineVersion(states::decode(body)?),
        "DeleteStateMachineVersion" => Request::DeleteStateMachineVersion(states::decode(body)?),
        "CreateStateMachineAlias" => Request::CreateStateMachineAlias(states::decode(body)?),
        "UpdateStateMachineAlias" => Request::UpdateStateMachineAlias(states::decode(body)?),
        "DeleteStateMachineAlias" => Request::DeleteStateMachineAlias(states::decode(body)?),
        "TagResource" => Request::TagResource(states::decode(body)?),
        "UntagResource" => Request::UntagResource(states::decode(body)?),
        "StartExecution" => Request::StartExecution(states::decode(body)?),
        "StartSyncExecution" => Request::StartSyncExecution(states::decode(body)?),
        "RedriveExecution" => Request::RedriveExecution(states::decode(body)?),
        "StopExecution" => Request::StopExecution(states::decode(body)?),
        "UpdateMapRun" => Request::UpdateMapRun(states::decode(body)?),
        "SendTaskSuccess" => Request::SendTaskSuccess(states::decode(body)?),
        "SendTaskFailure" => Request::SendTaskFailure(states::decode(body)?),
        "SendTaskHeartbeat" => Request::SendTaskHeartbeat(states::decode(body)?),
        _ => return Ok(None),
    }))
}

pub fn answer_text(answer: Answer) -> String {
    match answer {
        Ok(Answered::States(body) | Answered::Task(body, _)) => {
            String::from_utf8(body).expect("an answer is JSON")
        }
        Ok(Answered::Function(configuration)) => {
            serde_json::to_string(&configuration).expect("a configuration is JSON")
        }
        Ok(Answered::FunctionDeleted | Answered::EventInvokeConfigDeleted) => "deleted".to_string(),
        Ok(Answered::EventTaken) => "taken".to_string(),
        Ok(Answered::Alarm(outcomes)) => serde_json::json!(outcomes).to_string(),
        Ok(Answered::EventInvokeConfig(config)) => {
            serde_json::to_string(&config).expect("a configuration is JSON")
        }
        Ok(Answered::LayerVersion(row)) => {
            serde_json::to_string(&row).expect("a layer version is JSON")
        }
        Ok(Answered::Lambda(body)) if body.is_empty() => "nothing".to_string(),
        Ok(Answered::Lambda(body)) => String::from_utf8(body).expect("an answer is JSON"),
        Ok(Answered::Iam(output)) => output.to_string(),
        Ok(Answered::Events(body) | Answered::Scheduler(body)) => {
            String::from_utf8(body).expect("an answer is JSON")
        }
        Ok(answered @ (Answered::Gateway(_) | Answered::FunctionUrl(_))) => format!("{answered:?}"),
        Ok(Answered::Logs(body) | Answered::Xray(body)) => {
            String::from_utf8(body).expect("an answer is JSON")
        }
        Err(refusal) => refusal_text(refusal),
    }
}

pub fn refusal_text(refusal: Refusal) -> String {
    match refusal {
        Refusal::States(error) => error_text(error.name(), &error.message),
        Refusal::Lambda(error) => error_text(error.name(), &error.message),
        Refusal::Logs(error) => error_text(error.name(), &error.message),
        Refusal::Xray(error) => error_text(error.name(), &error.message),
        Refusal::Events(error) => error_text(error.name(), &error.message),
        Refusal::Scheduler(error) => error_text(error.name(), &error.message),
        Refusal::Iam(error) => error_text(error.name(), &error.message),
        Refusal::Gateway(refusal) => format!("! {refusal:?}"),
        Refusal::Sts(error) => error_text(error.name(), &error.message),
    }
}

fn error_text(name: &str, message: &str) -> String {
    format!("! {name}: {message}")
}

/// A snapshot's reader, for a store that no shard has.
pub fn reader_of(snapshot: Arc<dyn Snapshot>) -> Reader {
    let now = Timestamp::from_millis(START_MS);
    Reader::new(snapshot, settings(LostTask::Fail), now)
}
