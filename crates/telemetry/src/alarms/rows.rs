//! Rows of alarms in the store of metrics. Kinds, versions and fields are persisted: never change, never reuse.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stepwell_api::cloudwatch::{Dimension, MetricDataQuery};
use stepwell_store::Error;

use super::state::StateValue;
use crate::rows::{corrupt, versioned};

/// Kinds of rows in the store of metrics; see [`crate::metrics::Metrics::OTHER_KINDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Kind {
    Alarm = 20,
    History = 21,
    Transition = 22,
    Counters = 23,
}

/// A row's place: its kind, and its key within that.
pub(super) type Key = (Kind, Vec<u8>);

/// The first byte of a value; JSON follows.
const VERSION: u8 = 1;

/// An alarm with its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct AlarmRow {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) actions_enabled: bool,
    pub(super) ok_actions: Vec<String>,
    pub(super) alarm_actions: Vec<String>,
    pub(super) insufficient_data_actions: Vec<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) configured_ms: i64,
    pub(super) state: StateRow,
    pub(super) watch: Watch,
}

/// What decides the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Watch {
    Metric(MetricWatch),
    Composite(CompositeWatch),
}

/// A metric, or the result of math on several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct MetricWatch {
    pub(super) source: Source,
    pub(super) evaluation_periods: i32,
    pub(super) datapoints_to_alarm: Option<i32>,
    pub(super) threshold: f64,
    pub(super) comparison: String,
    pub(super) missing: Option<String>,
    pub(super) low_samples: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Source {
    Metric(Metric),
    Math(Vec<MetricDataQuery>),
}

/// One metric with its statistic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Metric {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) dimensions: Vec<Dimension>,
    pub(super) statistic: Option<String>,
    pub(super) extended_statistic: Option<String>,
    pub(super) period: i32,
    pub(super) unit: Option<String>,
}

/// A rule over other alarms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct CompositeWatch {
    pub(super) rule: String,
    pub(super) suppressor: Option<SuppressorRow>,
    /// The state whose actions were executed last.
    pub(super) acted: StateValue,
    /// Actions wait for the end of the suppression.
    pub(super) is_pending: bool,
    pub(super) phase: Phase,
}

/// `ActionsSuppressor` with its periods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SuppressorRow {
    /// As it was given: a name or an ARN.
    pub(super) alarm: String,
    pub(super) wait_s: i32,
    pub(super) extension_s: i32,
}

/// What suppresses the actions of a composite alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    Free,
    Wait { until_ms: i64 },
    Alarm,
    Extension { until_ms: i64 },
}

/// The state of an alarm and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StateRow {
    pub(super) value: StateValue,
    pub(super) reason: String,
    /// JSON text.
    pub(super) reason_data: Option<String>,
    pub(super) updated_ms: i64,
    pub(super) transitioned_ms: i64,
}

/// An item of the history of an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HistoryRow {
    pub(super) alarm: String,
    pub(super) is_composite: bool,
    /// `ConfigurationUpdate`, `StateUpdate` or `Action`.
    pub(super) item: String,
    pub(super) summary: String,
    /// JSON text.
    pub(super) data: String,
}

/// Of all alarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CountersRow {
    /// Names this store: transitions are numbered within it.
    pub(super) store: u64,
    /// Number of the next transition.
    pub(super) next_transition: u64,
    /// Number of the next history item.
    pub(super) next_item: u64,
    pub(super) items: u64,
}

pub(super) fn alarm_key(name: &str) -> Key {
    (Kind::Alarm, name.as_bytes().to_vec())
}

/// The order of history: by time, then by number.
pub(super) fn history_key(at_ms: i64, number: u64) -> Key {
    let mut key = history_from(at_ms);
    key.extend_from_slice(&number.to_be_bytes());
    (Kind::History, key)
}

/// Where the history of an instant begins. Instants before 1970 are not.
pub(super) fn history_from(at_ms: i64) -> Vec<u8> {
    u64::try_from(at_ms)
        .unwrap_or_default()
        .to_be_bytes()
        .to_vec()
}

/// Instant and number in a key of [`history_key`].
pub(super) fn history_place(key: &[u8]) -> Option<(i64, u64)> {
    let ms = u64::from_be_bytes(key.get(..8)?.try_into().ok()?);
    let number = u64::from_be_bytes(key.get(8..16)?.try_into().ok()?);
    Some((i64::try_from(ms).ok()?, number))
}

pub(super) fn transition_key(number: u64) -> Key {
    (Kind::Transition, number.to_be_bytes().to_vec())
}

pub(super) fn counters_key() -> Key {
    (Kind::Counters, Vec::new())
}

pub(super) fn encode(row: &impl Serialize) -> Vec<u8> {
    let mut value = vec![VERSION];
    serde_json::to_writer(&mut value, row).expect("rows have text keys only");
    value
}

pub(super) fn decode<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, Error> {
    let (_, text) = versioned("the store of metrics", key, value, VERSION)?;
    serde_json::from_slice(text).map_err(|_| corrupt(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of this release: a later one must read them.
    #[test]
    fn rows_that_were_written_are_read() {
        let (kind, key) = history_key(1, 2);
        assert_eq!(kind as u8, 21);
        assert_eq!(key, [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!(history_place(&key), Some((1, 2)));
        let golden = r#"{"name":"a","description":null,"actions_enabled":true,"ok_actions":[],"alarm_actions":["x"],"insufficient_data_actions":[],"tags":{"k":"v"},"configured_ms":1,"state":{"value":"INSUFFICIENT_DATA","reason":"r","reason_data":null,"updated_ms":2,"transitioned_ms":3},"watch":{"Metric":{"source":{"Metric":{"namespace":"n","name":"m","dimensions":[{"Name":"d","Value":"v"}],"statistic":"Sum","extended_statistic":null,"period":60,"unit":null}},"evaluation_periods":1,"datapoints_to_alarm":null,"threshold":1.0,"comparison":"GreaterThanThreshold","missing":null,"low_samples":null}}}"#;
        let mut value = vec![VERSION];
        value.extend_from_slice(golden.as_bytes());
        let row: AlarmRow = decode(b"a", &value).expect("readable");
        assert_eq!(encode(&row), value);
        let composite = r#"{"rule":"TRUE","suppressor":{"alarm":"s","wait_s":1,"extension_s":2},"acted":"OK","is_pending":true,"phase":{"Wait":{"until_ms":5}}}"#;
        let row: CompositeWatch = serde_json::from_str(composite).expect("readable");
        assert_eq!(serde_json::to_string(&row).expect("JSON"), composite);
        value[0] = VERSION + 1;
        let newer = decode::<AlarmRow>(b"a", &value);
        assert!(matches!(newer, Err(Error::NewerFormat { found: 2, .. })));
    }
}
