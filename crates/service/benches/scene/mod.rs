//! The scenes that are measured: a shard on a store in memory, and what callers, performers and the clock do to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use stepwell_api::states;
use stepwell_service::{
    Command, Committed, Effect, FunctionCall, LostTask, Payload, Reader, Request, RequestId,
    Settings, Shard, TaskOutcome, Timestamp, UnknownRole,
};
use stepwell_store::{Batch, Error, Memory, Snapshot, Store, Write};

const START_MS: i64 = 1_700_000_000_000;

/// What a scene repeats, and how often in one call.
pub struct Scene {
    pub name: &'static str,
    /// Operations in one round.
    pub operations: usize,
    /// State transitions in one round: states entered.
    pub transitions: usize,
    pub open: fn() -> Bench,
    pub round: fn(&mut Bench),
}

pub static SCENES: [Scene; 8] = [
    Scene {
        name: "standard",
        operations: 1,
        transitions: 10,
        open: || Bench::with(&[("m", "STANDARD", passes(10))]),
        round: |bench| bench.start("m", 1),
    },
    Scene {
        name: "standard-64",
        operations: 64,
        transitions: 640,
        open: || Bench::with(&[("m", "STANDARD", passes(10))]),
        round: |bench| bench.start("m", 64),
    },
    Scene {
        name: "express",
        operations: 1,
        transitions: 10,
        open: || Bench::with(&[("x", "EXPRESS", passes(10))]),
        round: |bench| bench.start_synchronous("x"),
    },
    Scene {
        name: "task",
        operations: 10,
        transitions: 10,
        open: || Bench::with(&[("t", "STANDARD", tasks(10))]),
        round: |bench| {
            bench.start("t", 1);
            bench.complete_all();
        },
    },
    Scene {
        name: "map-express-10000",
        operations: 1,
        transitions: 10_001,
        open: || Bench::with(&[("x", "EXPRESS", map(""))]),
        round: |bench| bench.start_map("x", "StartSyncExecution", 10_000),
    },
    Scene {
        name: "map-standard-6000",
        operations: 1,
        transitions: 6_001,
        open: || Bench::with(&[("m", "STANDARD", map(""))]),
        round: |bench| bench.start_map("m", "StartExecution", 6_000),
    },
    Scene {
        name: "map-selector-10000",
        operations: 1,
        transitions: 10_001,
        open: || Bench::with(&[("x", "EXPRESS", map(SELECTOR))]),
        round: |bench| bench.start_map("x", "StartSyncExecution", 10_000),
    },
    Scene {
        name: "history-page",
        operations: 1,
        transitions: 0,
        open: Bench::with_history,
        round: Bench::read_page,
    },
];

/// The scene with this name.
pub fn named(name: &str) -> &'static Scene {
    let scene = SCENES.iter().find(|scene| scene.name == name);
    scene.expect("the name of a scene")
}

/// What an item becomes that looks at the context object.
const SELECTOR: &str = r#""ItemSelector": {"at.$": "$$.Map.Item.Index", "item.$": "$$.Map.Item.Value", "of.$": "$$.Execution.Name"},"#;

/// `count` Pass states.
fn passes(count: usize) -> String {
    chain(count, &|_| r#""Type": "Pass""#.to_string())
}

/// `count` tasks of a function.
fn tasks(count: usize) -> String {
    chain(count, &|_| {
        r#""Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "ResultPath": null"#.to_string()
    })
}

fn chain(count: usize, fields: &dyn Fn(usize) -> String) -> String {
    let state = |at: usize| {
        let end = if at == count {
            r#""End": true"#.to_string()
        } else {
            format!(r#""Next": "State{}""#, at + 1)
        };
        format!(r#""State{at}": {{{}, {end}}}"#, fields(at))
    };
    let states: Vec<String> = (1..=count).map(state).collect();
    format!(
        r#"{{"StartAt": "State1", "States": {{{}}}}}"#,
        states.join(",")
    )
}

fn map(selector: &str) -> String {
    format!(
        r#"{{"StartAt": "M", "States": {{"M": {{"Type": "Map", {selector} "End": true, "ItemProcessor": {{"StartAt": "P", "States": {{"P": {{"Type": "Pass", "End": true}}}}}}}}}}}}"#
    )
}

/// A definition that goes round until its history is full.
const ROUND: &str = r#"{"StartAt": "P", "States": {"P": {"Type": "Pass", "Next": "C"}, "C": {"Type": "Choice", "Choices": [{"Variable": "$.id", "IsPresent": true, "Next": "P"}], "Default": "D"}, "D": {"Type": "Succeed"}}}"#;

/// A JSON object of 1,024 bytes.
pub fn payload() -> String {
    let mut members = vec![
        ("id".to_string(), json!("8d1f3c")),
        ("total".to_string(), json!(249.5)),
    ];
    let size = |members: &[(String, Value)]| {
        let object: serde_json::Map<String, Value> = members.iter().cloned().collect();
        Value::Object(object).to_string().len()
    };
    let mut number = 0;
    while size(&members) < 960 {
        number += 1;
        members.push((
            format!("item{number}"),
            json!({"sku": format!("SKU-{number:06}"), "quantity": number % 7}),
        ));
    }
    members.push(("rest".to_string(), json!("")));
    let rest = 1_024 - size(&members);
    members.last_mut().expect("it was pushed").1 = json!("x".repeat(rest));
    Value::Object(members.into_iter().collect()).to_string()
}

/// A shard and the world around it.
pub struct Bench {
    shard: Shard,
    written: Written,
    settings: Settings,
    now_ms: i64,
    commands: u64,
    payload: String,
    open: Vec<FunctionCall>,
    /// Of the second page of the history.
    token: Option<String>,
}

/// What was written, by the kind of row.
#[derive(Clone, Default)]
pub struct Written(Arc<Mutex<BTreeMap<u8, Count>>>);

/// Rows of one kind that were written.
#[derive(Clone, Copy, Default)]
pub struct Count {
    pub puts: usize,
    pub deletes: usize,
    pub key_bytes: usize,
    pub value_bytes: usize,
}

/// A store in memory that counts what it is given.
struct Counting {
    memory: Memory,
    written: Written,
}

impl Store for Counting {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.memory.snapshot()
    }

    fn commit(&mut self, batch: Batch) -> Result<(), Error> {
        let mut written = self
            .written
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (key, write) in batch.iter() {
            let count = written.entry(key[0]).or_default();
            count.key_bytes += key.len();
            match write {
                Write::Put(value) => {
                    count.puts += 1;
                    count.value_bytes += value.len();
                }
                Write::Delete => count.deletes += 1,
            }
        }
        self.memory.commit(batch)
    }
}

impl Bench {
    fn with(machines: &[(&str, &str, String)]) -> Bench {
        let written = Written::default();
        let settings = Settings {
            region: "us-east-1".to_string(),
            account: "123456789012".to_string(),
            lost_task: LostTask::Fail,
            unknown_role: UnknownRole::Accepted,
            retention_ms: stepwell_service::retention::DEFAULT,
        };
        let store = Counting {
            memory: Memory::new(),
            written: written.clone(),
        };
        let shard = Shard::open(Box::new(store), settings.clone()).expect("a shard opens");
        let mut bench = Bench {
            shard,
            written,
            settings,
            now_ms: START_MS,
            commands: 0,
            payload: payload(),
            open: Vec::new(),
            token: None,
        };
        let recovered = bench
            .shard
            .recover(Timestamp::from_millis(START_MS), None)
            .expect("nothing is there to recover");
        assert!(recovered.is_none());
        for (name, kind, definition) in machines {
            let input = json!({
                "name": name, "type": kind, "definition": definition,
                "roleArn": "arn:aws:iam::123456789012:role/service-role/orders",
            });
            let input = states::decode(input.to_string().as_bytes()).expect("a request");
            bench.apply(Request::CreateStateMachine(Box::new(input)));
            bench.commit();
        }
        bench
    }

    fn with_history() -> Bench {
        let mut bench = Bench::with(&[("r", "STANDARD", ROUND.to_string())]);
        bench.apply(Request::StartExecution(states::StartExecutionInput {
            state_machine_arn: machine_arn("r"),
            name: Some("long".to_string()),
            input: Some(bench.payload.clone()),
            ..Default::default()
        }));
        bench.run_on();
        bench.token = bench.page(None).next_token;
        bench
    }

    fn apply(&mut self, request: Request) -> RequestId {
        self.commands += 1;
        let id = RequestId(self.commands);
        let mut entropy = [0; 32];
        entropy[..8].copy_from_slice(&self.commands.to_be_bytes());
        let command = Command {
            id: Some(id),
            request,
        };
        self.shard
            .apply(Timestamp::from_millis(self.now_ms), entropy, command);
        id
    }

    fn commit(&mut self) -> Committed {
        let mut committed = self.shard.commit().expect("the store works");
        for effect in std::mem::take(&mut committed.effects) {
            if let Effect::InvokeFunction(call) = effect {
                self.open.push(*call);
            }
        }
        committed
    }

    /// Commits, and moves the clock to what is due until nothing is within a second.
    fn run_on(&mut self) -> usize {
        let mut answers = 0;
        loop {
            answers += self.commit().answers.len();
            let Some(due) = self.shard.next_deadline() else {
                return answers;
            };
            if due.as_millis() > self.now_ms + 1_000 {
                return answers;
            }
            self.now_ms = due.as_millis().max(self.now_ms);
            self.shard.tick(Timestamp::from_millis(self.now_ms));
        }
    }

    /// `count` executions that start in one batch.
    fn start(&mut self, machine: &str, count: usize) {
        self.now_ms += 1;
        for _ in 0..count {
            self.apply(Request::StartExecution(states::StartExecutionInput {
                state_machine_arn: machine_arn(machine),
                input: Some(self.payload.clone()),
                ..Default::default()
            }));
        }
        assert_eq!(self.commit().answers.len(), count);
    }

    fn start_synchronous(&mut self, machine: &str) {
        self.now_ms += 1;
        self.apply(Request::StartSyncExecution(
            states::StartSyncExecutionInput {
                state_machine_arn: machine_arn(machine),
                input: Some(self.payload.clone()),
                ..Default::default()
            },
        ));
        assert_eq!(self.commit().answers.len(), 1);
    }

    fn complete_all(&mut self) {
        while let Some(call) = self.open.pop() {
            self.now_ms += 1;
            self.apply(Request::CompleteTask {
                execution: call.execution,
                ticket: call.ticket,
                outcome: TaskOutcome::Succeeded(Payload::from_text(r#"{"is": "done"}"#)),
            });
            self.commit();
        }
    }

    fn start_map(&mut self, machine: &str, operation: &str, items: usize) {
        self.now_ms += 1;
        let items: Vec<String> = (0..items).map(|item| item.to_string()).collect();
        let input = Some(format!("[{}]", items.join(",")));
        let state_machine_arn = machine_arn(machine);
        self.apply(match operation {
            "StartExecution" => Request::StartExecution(states::StartExecutionInput {
                state_machine_arn,
                input,
                ..Default::default()
            }),
            _ => Request::StartSyncExecution(states::StartSyncExecutionInput {
                state_machine_arn,
                input,
                ..Default::default()
            }),
        });
        assert_eq!(self.run_on(), 1);
    }

    /// A page of 1,000 events of the history, with payloads, as a client asks for it.
    fn page(&self, token: Option<String>) -> states::GetExecutionHistoryOutput {
        let reader = Reader::new(
            self.shard.snapshot(),
            self.settings.clone(),
            Timestamp::from_millis(self.now_ms),
        );
        let input = states::GetExecutionHistoryInput {
            execution_arn: "arn:aws:states:us-east-1:123456789012:execution:r:long".to_string(),
            max_results: Some(1_000),
            next_token: token,
            ..Default::default()
        };
        reader
            .get_execution_history(&input)
            .expect("the rows are read")
            .expect("the execution is there")
    }

    fn read_page(&mut self) {
        let page = self.page(self.token.clone());
        assert_eq!(page.events.len(), 1_000);
        let body = serde_json::to_vec(&page).expect("a page is JSON");
        assert!(body.len() > 1_000);
    }

    /// What was written since this was asked last.
    pub fn take_written(&self) -> BTreeMap<u8, Count> {
        let mut written = self
            .written
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *written)
    }
}

fn machine_arn(name: &str) -> String {
    format!("arn:aws:states:us-east-1:123456789012:stateMachine:{name}")
}
