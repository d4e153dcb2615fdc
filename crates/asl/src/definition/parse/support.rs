//! Which field belongs to which state type, and to which query language.

use super::fields::Fields;
use super::report::Report;
use crate::definition::QueryLanguage;

/// The values of `Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StateType {
    Task,
    Parallel,
    Map,
    Pass,
    Wait,
    Choice,
    Succeed,
    Fail,
}

/// `Type` as written, in the order AWS lists them.
pub(super) const STATE_TYPES: [(&str, StateType); 8] = [
    ("Task", StateType::Task),
    ("Wait", StateType::Wait),
    ("Pass", StateType::Pass),
    ("Succeed", StateType::Succeed),
    ("Fail", StateType::Fail),
    ("Choice", StateType::Choice),
    ("Parallel", StateType::Parallel),
    ("Map", StateType::Map),
];

/// Where a field may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Both,
    JsonPath,
    Jsonata,
}

use Language::{Both, JsonPath, Jsonata};

type Row = (&'static str, Language);

const EVERY_STATE: &[Row] = &[("Type", Both), ("Comment", Both), ("QueryLanguage", Both)];
const TRANSITION: &[Row] = &[("Next", Both), ("End", Both)];
const WHOLE_PATHS: &[Row] = &[("InputPath", JsonPath), ("OutputPath", JsonPath)];
const OUTPUT: &[Row] = &[("Output", Jsonata)];
const ASSIGN: &[Row] = &[("Assign", Both)];
const RESULT: &[Row] = &[
    ("Parameters", JsonPath),
    ("ResultSelector", JsonPath),
    ("ResultPath", JsonPath),
    ("Retry", Both),
    ("Catch", Both),
];
const ARGUMENTS: &[Row] = &[("Arguments", Jsonata)];

const TASK: &[Row] = &[
    ("Resource", Both),
    ("TimeoutSeconds", Both),
    ("TimeoutSecondsPath", JsonPath),
    ("HeartbeatSeconds", Both),
    ("HeartbeatSecondsPath", JsonPath),
    ("Credentials", Both),
];
const PARALLEL: &[Row] = &[("Branches", Both)];
const MAP: &[Row] = &[
    ("ItemProcessor", Both),
    ("Iterator", Both),
    ("ItemsPath", JsonPath),
    ("Items", Jsonata),
    ("ItemSelector", Both),
    ("MaxConcurrency", Both),
    ("MaxConcurrencyPath", JsonPath),
    ("Label", Both),
    ("ItemReader", Both),
    ("ItemBatcher", Both),
    ("ResultWriter", Both),
    ("ToleratedFailureCount", Both),
    ("ToleratedFailureCountPath", JsonPath),
    ("ToleratedFailurePercentage", Both),
    ("ToleratedFailurePercentagePath", JsonPath),
];
const PASS: &[Row] = &[
    ("Result", JsonPath),
    ("Parameters", JsonPath),
    ("ResultPath", JsonPath),
];
const WAIT: &[Row] = &[
    ("Seconds", Both),
    ("SecondsPath", JsonPath),
    ("Timestamp", Both),
    ("TimestampPath", JsonPath),
];
const CHOICE: &[Row] = &[("Choices", Both), ("Default", Both)];
const FAIL: &[Row] = &[
    ("Error", Both),
    ("ErrorPath", JsonPath),
    ("Cause", Both),
    ("CausePath", JsonPath),
];

fn rows(state_type: StateType) -> &'static [&'static [Row]] {
    match state_type {
        StateType::Task => &[
            EVERY_STATE,
            TRANSITION,
            WHOLE_PATHS,
            OUTPUT,
            ASSIGN,
            RESULT,
            ARGUMENTS,
            TASK,
        ],
        StateType::Parallel => &[
            EVERY_STATE,
            TRANSITION,
            WHOLE_PATHS,
            OUTPUT,
            ASSIGN,
            RESULT,
            ARGUMENTS,
            PARALLEL,
        ],
        StateType::Map => &[
            EVERY_STATE,
            TRANSITION,
            WHOLE_PATHS,
            OUTPUT,
            ASSIGN,
            RESULT,
            MAP,
        ],
        StateType::Pass => &[EVERY_STATE, TRANSITION, WHOLE_PATHS, OUTPUT, ASSIGN, PASS],
        StateType::Wait => &[EVERY_STATE, TRANSITION, WHOLE_PATHS, OUTPUT, ASSIGN, WAIT],
        StateType::Choice => &[EVERY_STATE, WHOLE_PATHS, OUTPUT, ASSIGN, CHOICE],
        StateType::Succeed => &[EVERY_STATE, WHOLE_PATHS, OUTPUT],
        StateType::Fail => &[EVERY_STATE, FAIL],
    }
}

/// Reports the fields that a state of this type, in this language, may not have.
pub(super) fn check(state_type: StateType, fields: Fields<'_>, report: &mut Report) {
    for field in fields.object.keys() {
        let row = rows(state_type)
            .iter()
            .copied()
            .flatten()
            .find(|row| row.0 == field);
        match row.map(|row| row.1) {
            None => report.schema(fields.pointer, format!("Field '{field}' is not supported")),
            Some(JsonPath) => fields.only_in(field, QueryLanguage::JsonPath, report),
            Some(Jsonata) => fields.only_in(field, QueryLanguage::Jsonata, report),
            Some(Both) => {}
        }
    }
}
