//! Log groups, and the resource policies of CloudWatch Logs. Their streams and events are not rows of a shard.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stepwell_api::logs::MetricTransformation;

use super::{Kind, Part, key};

/// A log group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogGroup {
    pub name: String,
    /// Names what was logged to it: a group that is created again under the same name has another one.
    pub id: String,
    pub created_ms: i64,
    /// Days after which its events go; `None` keeps them.
    pub retention_days: Option<i32>,
    /// `STANDARD`, `INFREQUENT_ACCESS` or `DELIVERY`.
    pub class: String,
    pub kms_key_id: Option<String>,
    pub tags: BTreeMap<String, String>,
    #[serde(default)]
    pub metric_filters: u32,
    #[serde(default)]
    pub subscription_filters: u32,
    /// Another number after each change of its filters.
    #[serde(default)]
    pub filters_revision: u64,
}

/// What looks at each event of a log group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogFilter {
    pub name: String,
    /// Id of the group.
    pub group: String,
    pub pattern: String,
    pub created_ms: i64,
    pub action: LogFilterAction,
}

/// What becomes of the events that match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum LogFilterAction {
    /// They are counted, or a value of them is taken.
    Metric(MetricTransformation),
    /// They are sent to a function.
    Subscription {
        destination_arn: String,
        role_arn: Option<String>,
        distribution: Option<String>,
    },
}

/// A query of Logs Insights that is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LogQueryDefinition {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) query: String,
    pub(crate) group_names: Vec<String>,
    pub(crate) modified_ms: i64,
}

/// A resource policy: stored and shown, not enforced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LogResourcePolicy {
    pub(crate) name: String,
    pub(crate) document: String,
    pub(crate) updated_ms: i64,
}

pub(crate) fn log_group_key(name: &str) -> Vec<u8> {
    key(Kind::LogGroup, &[Part::Text(name)])
}

pub(crate) fn resource_policy_key(name: &str) -> Vec<u8> {
    key(Kind::LogResourcePolicy, &[Part::Text(name)])
}

/// - `kind`: `m` of metric filters, `s` of subscription filters.
pub(crate) fn log_filter_key(group: &str, kind: &str, name: &str) -> Vec<u8> {
    key(
        Kind::LogFilter,
        &[Part::Name(group), Part::Name(kind), Part::Text(name)],
    )
}

/// All filters of a group.
pub(crate) fn log_filters_of(group: &str) -> Vec<u8> {
    key(Kind::LogFilter, &[Part::Name(group)])
}

pub(crate) fn query_definition_key(id: &str) -> Vec<u8> {
    key(Kind::LogQueryDefinition, &[Part::Text(id)])
}

impl LogFilter {
    pub(crate) fn kind(&self) -> &'static str {
        match self.action {
            LogFilterAction::Metric(_) => METRIC,
            LogFilterAction::Subscription { .. } => SUBSCRIPTION,
        }
    }
}

pub(crate) const METRIC: &str = "m";
pub(crate) const SUBSCRIPTION: &str = "s";
