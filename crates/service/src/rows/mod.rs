//! Rows: key kinds, and the encoding of values.
//!
//! The first byte of a key is its kind; numbers are never reused. The first byte of a value is its
//! version. Hot rows are `postcard` (append fields and variants only, with a new version), cold rows JSON.

pub(crate) mod activity;
pub(crate) mod alarm;
pub(crate) mod delivery;
pub(crate) mod event;
mod events;
pub(crate) mod execution;
pub(crate) mod function;
pub(crate) mod gateway;
pub(crate) mod history;
pub(crate) mod index;
pub(crate) mod log_group;
pub(crate) mod machine;
pub(crate) mod map_run;
pub(crate) mod meta;
pub(crate) mod pack;
pub(crate) mod role;
pub(crate) mod schedule;
mod snapshot;
pub(crate) mod tracing;
pub(crate) mod version;
pub(crate) mod webhook;

use serde::Serialize;
use serde::de::DeserializeOwned;
use stepwell_store::Error;

/// Key kinds. Numbers are persisted: never change, never reuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Kind {
    Meta = 1,
    Machine = 2,
    Definition = 3,
    Execution = 4,
    Frame = 5,
    History = 6,
    ExecutionName = 7,
    ExecutionList = 8,
    OpenExecution = 9,
    Timer = 10,
    TaskInDoubt = 11,
    ExpressStart = 12,
    Function = 13,
    FunctionCode = 14,
    TaskReturned = 15,
    StateMachineVersion = 16,
    StateMachineAlias = 17,
    Activity = 18,
    ActivityTask = 19,
    ActivityQueue = 20,
    NestedExecution = 27,
    RedriveToken = 30,
    MapRun = 21,
    MapRunChild = 22,
    MapRunItem = 28,
    MapRunName = 29,
    Role = 23,
    LogGroup = 24,
    Policy = 25,
    LogResourcePolicy = 26,
    LogFilter = 54,
    LogQueryDefinition = 57,
    NestedTask = 31,
    Api = 45,
    ApiPart = 46,
    FunctionUrl = 47,
    FunctionVersion = 32,
    FunctionAlias = 33,
    FunctionSettings = 34,
    EventBus = 40,
    EventRule = 41,
    ScheduleGroup = 42,
    Schedule = 43,
    ScheduleDue = 44,
    Delivery = 37,
    DeliveryDue = 38,
    EventInvokeConfig = 39,
    DeliveryPayload = 48,
    DeliveryCounters = 49,
    Erasure = 50,
    AlarmTransition = 52,
    LayerVersion = 35,
    PackageUse = 36,
    Connection = 55,
    ApiDestination = 56,
    Tracing = 53,
}

impl Kind {
    /// The kind that keys beginning with this byte have; `None`: this release has none.
    pub(crate) fn of(first: u8) -> Option<Kind> {
        Some(match first {
            1 => Kind::Meta,
            2 => Kind::Machine,
            3 => Kind::Definition,
            4 => Kind::Execution,
            5 => Kind::Frame,
            6 => Kind::History,
            7 => Kind::ExecutionName,
            8 => Kind::ExecutionList,
            9 => Kind::OpenExecution,
            10 => Kind::Timer,
            11 => Kind::TaskInDoubt,
            12 => Kind::ExpressStart,
            13 => Kind::Function,
            14 => Kind::FunctionCode,
            15 => Kind::TaskReturned,
            16 => Kind::StateMachineVersion,
            17 => Kind::StateMachineAlias,
            18 => Kind::Activity,
            19 => Kind::ActivityTask,
            20 => Kind::ActivityQueue,
            21 => Kind::MapRun,
            22 => Kind::MapRunChild,
            23 => Kind::Role,
            24 => Kind::LogGroup,
            25 => Kind::Policy,
            26 => Kind::LogResourcePolicy,
            54 => Kind::LogFilter,
            57 => Kind::LogQueryDefinition,
            27 => Kind::NestedExecution,
            28 => Kind::MapRunItem,
            29 => Kind::MapRunName,
            30 => Kind::RedriveToken,
            31 => Kind::NestedTask,
            32 => Kind::FunctionVersion,
            33 => Kind::FunctionAlias,
            34 => Kind::FunctionSettings,
            35 => Kind::LayerVersion,
            36 => Kind::PackageUse,
            37 => Kind::Delivery,
            38 => Kind::DeliveryDue,
            39 => Kind::EventInvokeConfig,
            40 => Kind::EventBus,
            41 => Kind::EventRule,
            42 => Kind::ScheduleGroup,
            43 => Kind::Schedule,
            44 => Kind::ScheduleDue,
            45 => Kind::Api,
            46 => Kind::ApiPart,
            47 => Kind::FunctionUrl,
            48 => Kind::DeliveryPayload,
            49 => Kind::DeliveryCounters,
            50 => Kind::Erasure,
            55 => Kind::Connection,
            56 => Kind::ApiDestination,
            53 => Kind::Tracing,
            52 => Kind::AlarmTransition,
            _ => return None,
        })
    }
}

/// Version of a value in the present format, but for histories and executions, which are packed.
pub(crate) const VERSION: u8 = 1;

/// A key of `kind` whose parts follow.
pub(crate) fn key(kind: Kind, parts: &[Part]) -> Vec<u8> {
    let mut key = vec![kind as u8];
    for part in parts {
        match part {
            Part::Number(number) => key.extend_from_slice(&number.to_be_bytes()),
            // INVARIANT: names cannot contain control characters, so NUL ends them.
            Part::Name(name) => {
                key.extend_from_slice(name.as_bytes());
                key.push(0);
            }
            Part::Text(text) => key.extend_from_slice(text.as_bytes()),
        }
    }
    key
}

/// One part of a key.
pub(crate) enum Part<'a> {
    /// Eight bytes, big-endian.
    Number(u64),
    /// A text that ends with NUL; more parts may follow.
    Name(&'a str),
    /// The last part.
    Text(&'a str),
}

/// The first key after all keys that start with `prefix`.
pub(crate) fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    vec![u8::MAX; prefix.len() + 1]
}

/// A hot value: version, then postcard.
pub(crate) fn encode(value: &impl Serialize) -> Vec<u8> {
    let bytes = vec![VERSION];
    postcard::to_extend(value, bytes).expect("rows have no shapes that postcard cannot write")
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, Error> {
    let bytes = current(key, value)?;
    postcard::from_bytes(bytes).map_err(|_| corrupt(key))
}

/// A cold value: version, then JSON.
pub(crate) fn encode_json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, value).expect("rows have text keys only");
    bytes
}

/// Reads what [`encode_json`] wrote.
pub(crate) fn decode_json<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(current(key, value)?).map_err(|_| corrupt(key))
}

fn current<'v>(key: &[u8], value: &'v [u8]) -> Result<&'v [u8], Error> {
    let (_, rest) = versioned(key, value, VERSION)?;
    Ok(rest)
}

/// The version of a value, at most `newest`, and what follows it.
fn versioned<'v>(key: &[u8], value: &'v [u8], newest: u8) -> Result<(u8, &'v [u8]), Error> {
    match value.split_first() {
        Some((version, rest)) if (VERSION..=newest).contains(version) => Ok((*version, rest)),
        Some((version, _)) if *version > newest => Err(Error::NewerFormat {
            directory: "the store".to_string(),
            found: u32::from(*version),
            supported: u32::from(newest),
        }),
        _ => Err(corrupt(key)),
    }
}

pub(crate) fn corrupt(key: &[u8]) -> Error {
    Error::Corrupt { key: key.to_vec() }
}
