//! What a check of a whole store finds: each kind of damage by its name, and nothing where there is none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use stepwell_api::{iam, lambda, logs};
use stepwell_service::{
    Answered, ApiDocument, ApiFacts, ApiKind, FsckReport, FunctionCode, GatewayAnswer,
    GatewayRequest, IamRequest, LambdaRequest, LogsRequest, NewStage, Request, UrlRequest, fsck,
};
use stepwell_store::{Direction, Error, Snapshot, Store as _, Value};

use crate::world::{Row, World, activity_arn, check_rows, execution_arn, machine_arn, store_of};
use crate::{events, golden, schedules};

/// Kinds that no other row leads to, and that lead to no other: nobody misses a row of them.
const ALONE: [u8; 11] = [15, 18, 23, 24, 26, 27, 30, 34, 36, 39, 40];

/// Kinds of which some rows are missed, and others by nobody.
const PARTLY_ALONE: [u8; 16] = [46, 2, 4, 5, 12, 13, 16, 17, 19, 31, 32, 33, 35, 41, 44, 45];

const DISTRIBUTED: &str = r#"{"StartAt": "M", "States": {"M": {"Type": "Map", "Label": "l", "End": true, "ItemProcessor": {
    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "KIND"},
    "StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": true}}}}}}"#;

/// Everything that a shard can hold, in the middle of everything.
fn scene() -> World {
    let mut world = golden::scene();
    executions(&mut world);
    functions(&mut world);
    ticking(&mut world);
    account(&mut world);
    gateway(&mut world);
    world
}

fn executions(world: &mut World) {
    for kind in ["STANDARD", "EXPRESS"] {
        let name = format!("map-{kind}");
        world.create(&name, "STANDARD", &DISTRIBUTED.replace("KIND", kind));
        world.start(&name, "e", "[1, 2, 3]");
        world.tick();
    }
    let body = json!({ "executionArn": execution_arn("wait", "stopped"), "clientToken": "t" });
    world.ask("RedriveExecution", &body.to_string());
    world.ask("CreateActivity", r#"{"name": "a"}"#);
    let activity = format!(
        r#"{{"StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"{}","End":true}}}}}}"#,
        activity_arn("a")
    );
    world.create("activity", "STANDARD", &activity);
    world.start("activity", "queued", "{}");
    let nested = format!(
        r#"{{"StartAt":"N","States":{{"N":{{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2","Parameters":{{"StateMachineArn":"{}"}},"End":true}}}}}}"#,
        machine_arn("wait")
    );
    world.create("nested", "STANDARD", &nested);
    world.start("nested", "e", "{}");
    let version = json!({ "stateMachineArn": machine_arn("wait") }).to_string();
    world.ask("PublishStateMachineVersion", &version);
    let routing =
        json!([{ "stateMachineVersionArn": format!("{}:1", machine_arn("wait")), "weight": 100 }]);
    let alias = json!({ "name": "live", "routingConfiguration": routing }).to_string();
    let answer = world.ask("CreateStateMachineAlias", &alias);
    assert!(answer.contains("stateMachineAliasArn"), "{answer}");
}

fn functions(world: &mut World) {
    let mut send = |request: LambdaRequest| {
        let answer = world.send(Request::Lambda(request));
        answer.expect("an answer").expect("done");
    };
    fn read<T: serde::de::DeserializeOwned>(input: serde_json::Value) -> Box<T> {
        Box::new(serde_json::from_value(input).expect("an input"))
    }
    let layer = FunctionCode {
        zip: b"a layer".to_vec(),
        package: format!("{:064x}", 2),
        code_sha256: "layer".to_string(),
        unzipped_bytes: 1,
    };
    let input = read(json!({ "LayerName": "layer", "Content": {} }));
    send(LambdaRequest::PublishLayerVersion(input, layer));
    let input = read(json!({ "FunctionName": "f" }));
    send(LambdaRequest::PublishVersion(*input));
    let input = read(json!({ "FunctionName": "f", "Name": "live", "FunctionVersion": "1" }));
    send(LambdaRequest::CreateAlias(*input));
    let input = read(json!({ "FunctionName": "f", "ReservedConcurrentExecutions": 3 }));
    send(LambdaRequest::PutFunctionConcurrency(*input));
    let config = lambda::PutFunctionEventInvokeConfigRequest {
        function_name: "f".to_string(),
        maximum_retry_attempts: Some(1),
        ..Default::default()
    };
    let answer = world.send(Request::PutFunctionEventInvokeConfig(config));
    answer.expect("an answer").expect("done");
    crate::deliveries::invoke(world, "f", "1");
}

fn ticking(world: &mut World) {
    events::ask(world, "CreateEventBus", json!({ "Name": "own" }));
    let rule = json!({ "Name": "r", "ScheduleExpression": "rate(5 minutes)" });
    events::ask(world, "PutRule", rule);
    let rule =
        json!({ "Name": "s", "EventBusName": "own", "EventPattern": r#"{"source": ["x"]}"# });
    events::ask(world, "PutRule", rule);
    let schedule = json!({
        "Name": "s", "ScheduleExpression": "rate(7 minutes)", "FlexibleTimeWindow": { "Mode": "OFF" },
        "Target": { "Arn": machine_arn("done"), "RoleArn": "arn:aws:iam::123456789012:role/r" },
    });
    schedules::ask(world, "CreateSchedule", schedule);
}

fn account(world: &mut World) {
    let role = iam::CreateRoleRequest {
        role_name: "r".to_string(),
        assume_role_policy_document: r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#.to_string(),
        ..Default::default()
    };
    let policy = iam::CreatePolicyRequest {
        policy_name: "p".to_string(),
        policy_document: r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#
            .to_string(),
        ..Default::default()
    };
    let attached = iam::AttachRolePolicyRequest {
        role_name: "r".to_string(),
        policy_arn: "arn:aws:iam::123456789012:policy/p".to_string(),
    };
    let group = logs::CreateLogGroupRequest {
        log_group_name: "/g".to_string(),
        ..Default::default()
    };
    for request in [
        Request::Iam(IamRequest::CreateRole(role)),
        Request::Iam(IamRequest::CreatePolicy(policy)),
        Request::Iam(IamRequest::AttachRolePolicy(attached)),
        Request::Logs(LogsRequest::CreateLogGroup(group)),
    ] {
        world.send(request).expect("an answer").expect("done");
    }
}

fn gateway(world: &mut World) {
    let document = ApiDocument {
        text: "{}".to_string(),
        facts: ApiFacts::default(),
        tags: None,
    };
    let mut send = |request| match world.send(Request::Gateway(Box::new(request))) {
        Some(Ok(Answered::Gateway(answer))) => *answer,
        other => panic!("{other:?}"),
    };
    let GatewayAnswer::Api(api) = send(GatewayRequest::CreateApi(ApiKind::Rest, document)) else {
        panic!("an API");
    };
    send(GatewayRequest::CreateDeployment {
        api: api.id,
        description: None,
        stage: Some(NewStage {
            name: "prod".to_string(),
            deployment_id: None,
            description: None,
            variables: BTreeMap::new(),
            tags: BTreeMap::new(),
        }),
    });
    let url = lambda::CreateFunctionUrlConfigRequest {
        function_name: "f".to_string(),
        auth_type: "NONE".to_string(),
        ..Default::default()
    };
    let answer = world.send(Request::FunctionUrl(UrlRequest::Create(url)));
    answer.expect("an answer").expect("done");
}

fn checked(rows: &[Row]) -> FsckReport {
    fsck(&store_of(rows).snapshot())
}

fn rules(report: &FsckReport) -> BTreeSet<&'static str> {
    report.findings.iter().map(|found| found.rule).collect()
}

/// A number in a key.
fn number(key: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(key[at..at + 8].try_into().expect("eight bytes"))
}

#[test]
fn nothing_is_found_in_a_store_with_every_kind_of_row() {
    let world = scene();
    let rows = world.rows();
    let report = checked(&rows);
    assert_eq!(report.findings, [], "{} rows", rows.len());
    let kinds: Vec<u8> = report.kinds.iter().map(|kind| kind.number).collect();
    // All but returned tasks, which golden rows have, and policies of logs.
    let all: Vec<u8> = (1..=49).filter(|kind| *kind != 26).collect();
    assert_eq!(kinds, all);
    let counted: u64 = report.kinds.iter().map(|kind| kind.rows).sum();
    assert_eq!(counted, rows.len() as u64);
    let bytes: usize = rows
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    assert_eq!(
        report.kinds.iter().map(|kind| kind.bytes).sum::<u64>(),
        bytes as u64
    );
}

#[test]
fn nothing_is_found_in_the_rows_of_the_first_release() {
    for file in golden::FILES {
        check_rows(&store_of(&golden::golden(file)).snapshot());
    }
}

#[test]
fn a_row_that_is_missing_is_found() {
    let rows = scene().rows();
    let mut missed: BTreeSet<u8> = BTreeSet::new();
    for at in 0..rows.len() {
        let mut left = rows.clone();
        let (key, _) = left.remove(at);
        let report = checked(&left);
        if report.findings.is_empty() {
            let may = ALONE.contains(&key[0]) || PARTLY_ALONE.contains(&key[0]);
            assert!(may, "nobody misses {:?}", key.escape_ascii().to_string());
            missed.insert(key[0]);
        }
    }
    assert!(!missed.is_empty());
}

#[test]
fn a_row_that_cannot_be_read_is_found() {
    let rows = scene().rows();
    for at in 0..rows.len() {
        let kind = rows[at].0[0];
        // The chunks of a package have no version.
        if kind != 14 {
            let mut newer = rows.clone();
            newer[at].1[0] = 9;
            let found = rules(&checked(&newer));
            let is_mark = rows[at].1.len() <= 2;
            let is_found = found.contains("row-version") || found.contains("index-differs");
            assert!(is_found || is_mark, "kind {kind}: {found:?}");
        }
        if rows[at].1.len() > 2 && kind != 14 {
            let mut short = rows.clone();
            short[at].1.truncate(2);
            let found = rules(&checked(&short));
            assert!(!found.is_empty(), "kind {kind}: a short value");
        }
    }
}

/// Plants damage and says what must be found of it.
fn plant(change: impl FnOnce(&mut BTreeMap<Vec<u8>, Vec<u8>>), expected: &[&str]) {
    let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = scene().rows().into_iter().collect();
    change(&mut rows);
    let rows: Vec<Row> = rows.into_iter().collect();
    let report = checked(&rows);
    let expected: BTreeSet<&str> = expected.iter().copied().collect();
    assert_eq!(rules(&report), expected, "{:#?}", report.findings);
}

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

fn first_of(rows: &Rows, kind: u8) -> Vec<u8> {
    let found = rows.keys().find(|key| key[0] == kind);
    found.expect("a row of this kind").clone()
}

/// The row goes to another key.
fn move_to(rows: &mut Rows, from: &[u8], to: Vec<u8>) {
    let value = rows.remove(from).expect("the row is there");
    rows.insert(to, value);
}

#[test]
fn a_timer_of_nobody_and_a_lost_one_are_found() {
    plant(
        |rows| {
            let timer = first_of(rows, 10);
            let mut later = timer.clone();
            later[8] ^= 1;
            move_to(rows, &timer, later);
        },
        &["index-missing", "index-stale"],
    );
}

#[test]
fn a_mark_of_doubt_that_was_lost_is_found() {
    plant(
        |rows| drop(rows.remove(&first_of(rows, 11))),
        &["index-missing"],
    );
}

#[test]
fn an_open_mark_of_an_execution_that_has_ended_is_found() {
    plant(
        |rows| {
            let mut open = first_of(rows, 9);
            let at = open.len() - 1;
            open[at] = 1;
            rows.insert(open, vec![1]);
        },
        &["index-stale"],
    );
}

#[test]
fn another_status_in_the_list_is_found() {
    plant(
        |rows| {
            let listed = first_of(rows, 8);
            rows.insert(listed, vec![1, 4]);
        },
        &["index-differs"],
    );
}

#[test]
fn a_name_that_leads_to_another_execution_is_found() {
    plant(
        |rows| {
            let names: Vec<Vec<u8>> = rows.keys().filter(|key| key[0] == 7).cloned().collect();
            let lower = rows[&names[0]].clone().min(rows[&names[1]].clone());
            rows.insert(names[0].clone(), lower.clone());
            rows.insert(names[1].clone(), lower);
        },
        &["index-differs"],
    );
}

#[test]
fn a_hole_in_a_history_is_found() {
    plant(
        |rows| {
            let middle = rows.keys().find(|key| key[0] == 6 && number(key, 9) > 1);
            let middle = middle.expect("a later row").clone();
            // One that others follow.
            rows.remove(&middle);
        },
        &["history-length"],
    );
    plant(
        |rows| {
            let first = first_of(rows, 6);
            rows.remove(&first);
        },
        &["history-length"],
    );
}

#[test]
fn what_belongs_to_no_execution_is_found() {
    plant(
        |rows| {
            let number = 1_000u64.to_be_bytes();
            for (kind, tail) in [(6, 1u64), (5, 0), (15, 1)] {
                let model = first_of(rows, kind);
                let key = [&[kind][..], &number, &tail.to_be_bytes()].concat();
                rows.insert(key, rows[&model].clone());
            }
        },
        &["frame-stale", "history-stale", "row-stale"],
    );
}

#[test]
fn a_row_under_the_key_of_another_is_found() {
    plant(
        |rows| {
            let machine = [&[2][..], b"done"].concat();
            let other = [&[2][..], b"else"].concat();
            rows.insert(other, rows[&machine].clone());
        },
        &["row-key"],
    );
}

#[test]
fn a_lost_frame_is_found() {
    plant(
        |rows| drop(rows.remove(&frame_of_running(rows))),
        &["execution-frames", "index-missing", "index-stale"],
    );
}

/// The root frame of an execution that waits: its timer goes with it.
fn frame_of_running(rows: &Rows) -> Vec<u8> {
    let timer = first_of(rows, 10);
    [&[5][..], &timer[9..17], &0u64.to_be_bytes()].concat()
}

#[test]
fn counts_of_a_map_run_that_are_not_those_of_its_children_are_found() {
    plant(
        |rows| drop(rows.remove(&first_of(rows, 28))),
        &["index-stale", "map-run-children"],
    );
    plant(
        |rows| drop(rows.remove(&first_of(rows, 29))),
        &["index-missing"],
    );
    plant(
        |rows| drop(rows.remove(&first_of(rows, 22))),
        &["index-missing"],
    );
}

#[test]
fn a_definition_and_a_package_that_are_missing_are_found() {
    plant(
        |rows| {
            let machine = &rows[&[&[2][..], b"done"].concat()];
            let text = String::from_utf8_lossy(machine);
            let at = text.find("\"definition\":\"").expect("a hash") + 14;
            let hash = text[at..at + 64].as_bytes().to_vec();
            rows.remove(&[&[3][..], &hash].concat());
        },
        &["definition-missing"],
    );
    plant(
        |rows| {
            let chunk = first_of(rows, 14);
            rows.insert(chunk, b"half".to_vec());
        },
        &["package-missing"],
    );
    plant(
        |rows| {
            let chunk = first_of(rows, 14);
            let mut other = chunk.clone();
            other[1] = b'f';
            rows.insert(other, rows[&chunk].clone());
        },
        &["package-stale"],
    );
}

#[test]
fn counts_that_are_not_right_are_found() {
    plant(
        |rows| {
            let payload = first_of(rows, 48);
            let delivery = first_of(rows, 37);
            let due = first_of(rows, 38);
            for key in [payload, delivery, due] {
                rows.remove(&key);
            }
        },
        &["count-differs"],
    );
    plant(
        |rows| drop(rows.insert([&[1][..], b"counters"].concat(), vec![1, 2])),
        &["number-reused"],
    );
}

#[test]
fn a_kind_of_row_that_is_not_known_is_found() {
    plant(
        |rows| drop(rows.insert(vec![200, 1], vec![1])),
        &["row-kind"],
    );
}

/// A store in which the bytes of one row are damaged.
struct Damaged {
    rows: Arc<dyn Snapshot>,
    key: Vec<u8>,
}

impl Snapshot for Damaged {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, Error> {
        if key == self.key {
            return Err(Error::Corrupt { key: key.to_vec() });
        }
        self.rows.get(key)
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Value)>, Error> {
        let rows = self.rows.scan(from, to, direction, limit)?;
        match rows.iter().any(|(key, _)| *key == self.key) {
            true => Err(Error::Corrupt {
                key: self.key.clone(),
            }),
            false => Ok(rows),
        }
    }
}

/// A store that counts how often the names of executions are read from the first one on.
struct Counting {
    rows: Arc<dyn Snapshot>,
    reads: AtomicU64,
}

impl Snapshot for Counting {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, Error> {
        assert_ne!(key[0], 7, "an index is not looked up");
        self.rows.get(key)
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Value)>, Error> {
        if from == [7] {
            self.reads.fetch_add(1, Ordering::SeqCst);
        }
        self.rows.scan(from, to, direction, limit)
    }
}

#[test]
fn a_healthy_store_is_read_once() {
    let counting = Arc::new(Counting {
        rows: scene().shard.snapshot(),
        reads: AtomicU64::new(0),
    });
    let snapshot: Arc<dyn Snapshot> = Arc::clone(&counting) as _;
    check_rows(&snapshot);
    assert_eq!(counting.reads.load(Ordering::SeqCst), 1);
}

#[test]
fn a_damaged_row_is_found_whatever_it_is_and_the_others_are_read() {
    let world = scene();
    let rows = world.rows();
    for (key, _) in &rows {
        let snapshot: Arc<dyn Snapshot> = Arc::new(Damaged {
            rows: store_of(&rows).snapshot(),
            key: key.clone(),
        });
        let report = fsck(&snapshot);
        let found = report
            .findings
            .iter()
            .filter(|found| found.rule == "row-checksum");
        assert_eq!(
            found.count(),
            1,
            "{:?}: {:#?}",
            key.escape_ascii().to_string(),
            report.findings
        );
        let counted: u64 = report.kinds.iter().map(|kind| kind.rows).sum();
        assert_eq!(counted, rows.len() as u64 - 1);
    }
}
