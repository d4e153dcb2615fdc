//! DescribeAlarmHistory: the items of all alarms, in the order of time.

use std::sync::Arc;

use serde_json::Value;
use stepwell_api::EpochSeconds;
use stepwell_api::cloudwatch::{
    AlarmHistoryItem, DescribeAlarmHistoryInput, DescribeAlarmHistoryOutput, Error,
};
use stepwell_store::Direction;

use super::operations::records;
use super::rows::{HistoryRow, Kind, decode, history_from, history_place};
use crate::encoding::{hex, unhex};
use crate::metrics::MetricsReader;

/// Characters of `HistorySummary`.
pub(super) const SUMMARY_MAX: usize = 255;

/// Characters of `HistoryData`.
const DATA_MAX: usize = 4_095;

/// Rows that are read at one time.
const PAGE: usize = 500;

/// AWS: items of one answer, if the request does not say how many.
const ITEMS_DEFAULT: i32 = 100;

/// What is committed of the history.
pub struct AlarmHistory {
    rows: Arc<MetricsReader>,
}

impl AlarmHistory {
    pub fn new(rows: Arc<MetricsReader>) -> AlarmHistory {
        AlarmHistory { rows }
    }

    /// The items that pass all filters, newest first if the request does not say otherwise.
    ///
    /// - The outer error is one of the store.
    pub fn describe(
        &self,
        input: &DescribeAlarmHistoryInput,
    ) -> Result<Result<DescribeAlarmHistoryOutput, Error>, stepwell_store::Error> {
        let is_ascending = input.scan_by.as_deref() == Some("TimestampAscending");
        let limit = records(input.max_records.or(Some(ITEMS_DEFAULT)));
        let (mut from, mut to) = (Vec::new(), None);
        if let Some(start) = input.start_date {
            from = history_from(start.ms());
        }
        if let Some(end) = input.end_date {
            to = Some(history_from(end.ms().saturating_add(1)));
        }
        if let Some(token) = &input.next_token {
            let Some(key) = key_of(token) else {
                let error = Error::invalid_next_token("The NextToken is not valid");
                return Ok(Err(error));
            };
            match is_ascending {
                true => from = after(&key),
                false => to = Some(key),
            }
        }
        let direction = match is_ascending {
            true => Direction::Ascending,
            false => Direction::Descending,
        };
        let mut items = Vec::new();
        let mut last_key = None;
        loop {
            let kind = Kind::History as u8;
            let rows = self
                .rows
                .scan(kind, &from, to.as_deref(), direction, PAGE)?;
            let is_last = rows.len() < PAGE;
            for (key, value) in rows {
                match is_ascending {
                    true => from = after(&key),
                    false => to = Some(key.clone()),
                }
                let row: HistoryRow = decode(&key, &value)?;
                if !passes(&row, input) {
                    continue;
                }
                if items.len() == limit {
                    let next_token = last_key.map(|key: Vec<u8>| hex(&key));
                    return Ok(Ok(DescribeAlarmHistoryOutput {
                        alarm_history_items: Some(items),
                        next_token,
                    }));
                }
                let (at_ms, _) = history_place(&key)
                    .ok_or_else(|| stepwell_store::Error::Corrupt { key: key.clone() })?;
                items.push(item(row, at_ms));
                last_key = Some(key);
            }
            if is_last {
                return Ok(Ok(DescribeAlarmHistoryOutput {
                    alarm_history_items: Some(items),
                    next_token: None,
                }));
            }
        }
    }
}

fn passes(row: &HistoryRow, input: &DescribeAlarmHistoryInput) -> bool {
    let types = input.alarm_types.as_ref().filter(|types| !types.is_empty());
    let kind = type_of(row);
    let of_type = match types {
        Some(types) => types.iter().any(|given| given == kind),
        // AWS: without a name and without types, metric alarms only.
        None => input.alarm_name.is_some() || !row.is_composite,
    };
    of_type
        && input
            .alarm_name
            .as_ref()
            .is_none_or(|name| *name == row.alarm)
        && input
            .history_item_type
            .as_ref()
            .is_none_or(|item| *item == row.item)
}

fn item(row: HistoryRow, at_ms: i64) -> AlarmHistoryItem {
    AlarmHistoryItem {
        alarm_type: Some(type_of(&row).to_owned()),
        alarm_name: Some(row.alarm),
        timestamp: Some(EpochSeconds::from_ms(at_ms)),
        history_item_type: Some(row.item),
        history_summary: Some(row.summary),
        history_data: Some(row.data),
        ..AlarmHistoryItem::default()
    }
}

fn type_of(row: &HistoryRow) -> &'static str {
    match row.is_composite {
        true => "CompositeAlarm",
        false => "MetricAlarm",
    }
}

fn key_of(token: &str) -> Option<Vec<u8>> {
    unhex(token).filter(|key| history_place(key).is_some())
}

fn after(key: &[u8]) -> Vec<u8> {
    let mut after = key.to_vec();
    after.push(0);
    after
}

/// The first characters of a text.
pub(super) fn shortened(text: &str, chars_max: usize) -> String {
    match text.chars().count() > chars_max {
        true => text.chars().take(chars_max - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

/// The data as JSON text of at most [`DATA_MAX`] characters: the longest members are left out until it fits.
pub(super) fn bounded(data: &Value) -> String {
    let mut data = data.clone();
    loop {
        let text = data.to_string();
        if text.chars().count() <= DATA_MAX || !drop_longest(&mut data) {
            return text;
        }
    }
}

/// Removes the longest member of an object or of one in it; `false`: nothing is left to remove.
fn drop_longest(data: &mut Value) -> bool {
    let Some(members) = data.as_object_mut() else {
        return false;
    };
    let longest = members
        .iter()
        .max_by_key(|(_, value)| value.to_string().len())
        .map(|(name, _)| name.clone());
    let Some(name) = longest else {
        return false;
    };
    let is_emptied = members
        .get_mut(&name)
        .filter(|value| value.as_object().is_some_and(|inner| !inner.is_empty()))
        .is_some_and(drop_longest);
    if !is_emptied {
        members.remove(&name);
    }
    true
}
