//! The operations that read alarms, and those that change what is not their configuration.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stepwell_api::EpochSeconds;
use stepwell_api::cloudwatch::{
    CompositeAlarm, DeleteAlarmsInput, DescribeAlarmsForMetricInput, DescribeAlarmsForMetricOutput,
    DescribeAlarmsInput, DescribeAlarmsOutput, Dimension, Error, MetricAlarm, SetAlarmStateInput,
    Tag,
};

use super::notice::{Owner, suppressed_by};
use super::putting::TAGS_MAX;
use super::rows::{AlarmRow, CompositeWatch, MetricWatch, Source, Watch, alarm_key};
use super::state::StateValue;
use super::{Alarms, Held, Rule, TRANSITIONS_MAX, shown_phase, suppressor_of};
use crate::encoding::{hex, unhex};

/// AWS: alarms of one answer, if the request does not say how many.
const RECORDS_DEFAULT: usize = 50;

impl Alarms {
    /// The alarms that pass all filters, in the order of their names: composite ones first.
    pub fn describe_alarms(
        &self,
        input: &DescribeAlarmsInput,
    ) -> Result<DescribeAlarmsOutput, Error> {
        check_filters(input)?;
        let types = types_of(input);
        let related = self.related(input)?;
        let after = input.next_token.as_deref().map(place_in).transpose()?;
        let limit = records(input.max_records);
        let mut output = DescribeAlarmsOutput::default();
        let (mut composites, mut metrics) = (Vec::new(), Vec::new());
        let mut last = None;
        for held in self.in_order() {
            let place = (!held.row.is_composite(), held.row.name.as_str());
            let is_before = after
                .as_ref()
                .is_some_and(|(kind, name)| place <= (*kind, name.as_str()));
            let passes = related
                .as_ref()
                .is_none_or(|names| names.contains(&held.row.name));
            if is_before || !passes || !matches(&held.row, input, types) {
                continue;
            }
            if composites.len() + metrics.len() == limit {
                output.next_token = last.map(|(kind, name)| token_of(kind, name));
                break;
            }
            last = Some(place);
            match &held.row.watch {
                Watch::Metric(watch) => {
                    let alarm = metric_alarm(&self.owner, &held.row, watch, held.failure.is_some());
                    metrics.push(alarm);
                }
                Watch::Composite(composite) => {
                    composites.push(composite_alarm(&self.owner, &held.row, composite));
                }
            }
        }
        if input.children_of_alarm_name.is_some() || input.parents_of_alarm_name.is_some() {
            let has_state = input.children_of_alarm_name.is_some();
            composites
                .iter_mut()
                .for_each(|alarm| *alarm = brief_composite(alarm, has_state));
            metrics
                .iter_mut()
                .for_each(|alarm| *alarm = brief_metric(alarm, has_state));
        }
        output.composite_alarms = Some(composites);
        output.metric_alarms = Some(metrics);
        Ok(output)
    }

    /// The alarms on one metric; those on math with it are not among them.
    pub fn describe_alarms_for_metric(
        &self,
        input: &DescribeAlarmsForMetricInput,
    ) -> DescribeAlarmsForMetricOutput {
        let wanted = dimension_set(input.dimensions.as_deref().unwrap_or_default());
        let watches = |held: &&Held| {
            let Watch::Metric(MetricWatch { source, .. }) = &held.row.watch else {
                return false;
            };
            let Source::Metric(metric) = source else {
                return false;
            };
            let same =
                |wanted: &Option<String>, has: &Option<String>| wanted.is_none() || wanted == has;
            metric.namespace == input.namespace
                && metric.name == input.metric_name
                && dimension_set(&metric.dimensions) == wanted
                && same(&input.statistic, &metric.statistic)
                && same(&input.extended_statistic, &metric.extended_statistic)
                && same(&input.unit, &metric.unit)
                && input.period.is_none_or(|period| period == metric.period)
        };
        let alarms =
            self.alarms
                .values()
                .filter(watches)
                .filter_map(|held| match &held.row.watch {
                    Watch::Metric(watch) => Some(metric_alarm(
                        &self.owner,
                        &held.row,
                        watch,
                        held.failure.is_some(),
                    )),
                    Watch::Composite(_) => None,
                });
        DescribeAlarmsForMetricOutput {
            metric_alarms: Some(alarms.collect()),
        }
    }

    /// Sets the state until the next evaluation. The actions of a state that is another one are executed.
    pub fn set_alarm_state(&mut self, input: SetAlarmStateInput, now_ms: i64) -> Result<(), Error> {
        let value = StateValue::parse(&input.state_value).ok_or_else(|| {
            validation(format!("{} is not a state of an alarm", input.state_value))
        })?;
        if let Some(data) = &input.state_reason_data
            && serde_json::from_str::<Value>(data).is_err()
        {
            return Err(Error::invalid_format_fault(
                "StateReasonData is not valid JSON",
            ));
        }
        if !self.alarms.contains_key(&input.alarm_name) {
            return Err(Error::resource_not_found(format!(
                "There is no alarm {}",
                input.alarm_name
            )));
        }
        self.spread(now_ms);
        if self.transitions.len() >= TRANSITIONS_MAX {
            return Err(Error::throttling_exception("Rate exceeded"));
        }
        self.transition(
            &input.alarm_name,
            value,
            input.state_reason,
            input.state_reason_data,
            now_ms,
        );
        Ok(())
    }

    /// Switches the actions of alarms on or off. Names of no alarm are passed over, as AWS does.
    pub fn set_actions_enabled(&mut self, names: &[String], is_enabled: bool, now_ms: i64) {
        for name in names {
            let Some(held) = self.alarms.get_mut(name) else {
                continue;
            };
            if held.row.actions_enabled == is_enabled {
                continue;
            }
            held.row.actions_enabled = is_enabled;
            held.row.configured_ms = now_ms;
            let row = held.row.clone();
            self.save(name);
            let data = json!({
                "version": "1.0", "type": "Update", "updatedAlarm": self.written(&row),
            });
            let summary = format!("Alarm \"{name}\" updated");
            self.remember(name, "ConfigurationUpdate", &summary, &data, now_ms);
        }
    }

    /// Deletes alarms; those that exist, even if others do not.
    pub fn delete_alarms(&mut self, input: &DeleteAlarmsInput, now_ms: i64) -> Result<(), Error> {
        let names: BTreeSet<&String> = input.alarm_names.iter().collect();
        let composites = names
            .iter()
            .filter_map(|name| self.alarms.get(name.as_str()))
            .filter(|held| held.row.is_composite())
            .count();
        if composites > 1 {
            return Err(validation(format!(
                "At most one composite alarm can be deleted in one request, and {composites} are named"
            )));
        }
        for name in &names {
            let dependent = [&self.parents, &self.suppressed]
                .into_iter()
                .filter_map(|index| index.get(name.as_str()))
                .flatten()
                .any(|other| other == *name || !names.contains(other));
            if dependent && self.alarms.contains_key(name.as_str()) {
                return Err(validation(format!(
                    "Cannot delete {name} as there are composite alarm(s) depending on it."
                )));
            }
        }
        let mut missing = Vec::new();
        for name in names {
            let Some(row) = self.alarms.get(name).map(|held| held.row.clone()) else {
                missing.push(name.as_str());
                continue;
            };
            let data = json!({
                "version": "1.0", "type": "Delete", "deletedAlarm": self.written(&row),
            });
            let summary = format!("Alarm \"{name}\" deleted");
            self.remember(name, "ConfigurationUpdate", &summary, &data, now_ms);
            self.release(name);
            self.staged.insert(alarm_key(name), None);
        }
        match missing.is_empty() {
            true => Ok(()),
            false => Err(Error::resource_not_found(format!(
                "There are no alarms [{}]",
                missing.join(", ")
            ))),
        }
    }

    /// The tags of the alarm that an ARN names; `None`: the ARN is not one of an alarm.
    pub fn tags(&self, arn: &str) -> Option<Result<Vec<Tag>, Error>> {
        let name = alarm_in(arn)?;
        let held = self.owned(arn, name);
        Some(held.map(|held| {
            held.row
                .tags
                .iter()
                .map(|(key, value)| Tag {
                    key: key.clone(),
                    value: value.clone(),
                })
                .collect()
        }))
    }

    /// Adds tags to the alarm that an ARN names; `None`: the ARN is not one of an alarm.
    pub fn tag(&mut self, arn: &str, tags: &[Tag]) -> Option<Result<(), Error>> {
        let name = alarm_in(arn)?;
        Some(self.change_tags(arn, name, |held| {
            for tag in tags {
                held.insert(tag.key.clone(), tag.value.clone());
            }
        }))
    }

    /// Removes tags from the alarm that an ARN names; `None`: the ARN is not one of an alarm.
    pub fn untag(&mut self, arn: &str, keys: &[String]) -> Option<Result<(), Error>> {
        let name = alarm_in(arn)?;
        Some(self.change_tags(arn, name, |held| held.retain(|key, _| !keys.contains(key))))
    }

    fn change_tags(
        &mut self,
        arn: &str,
        name: &str,
        change: impl Fn(&mut std::collections::BTreeMap<String, String>),
    ) -> Result<(), Error> {
        let mut tags = self.owned(arn, name)?.row.tags.clone();
        change(&mut tags);
        if tags.len() > TAGS_MAX {
            return Err(Error::invalid_parameter_value_exception(format!(
                "The alarm {name} would have {} tags, and at most {TAGS_MAX} are allowed",
                tags.len()
            )));
        }
        if let Some(held) = self.alarms.get_mut(name) {
            held.row.tags = tags;
        }
        self.save(name);
        Ok(())
    }

    fn owned(&self, arn: &str, name: &str) -> Result<&Held, Error> {
        self.alarms
            .get(name)
            .filter(|_| self.owner.arn(name) == arn)
            .ok_or_else(|| {
                Error::resource_not_found_exception(format!("There is no alarm with the ARN {arn}"))
            })
    }

    /// Composite alarms, then metric alarms, each in the order of their names.
    fn in_order(&self) -> impl Iterator<Item = &Held> {
        let of = |is_composite: bool| {
            self.alarms
                .values()
                .filter(move |held| held.row.is_composite() == is_composite)
        };
        of(true).chain(of(false))
    }

    /// The names of the children or parents that are asked for; `None`: neither is.
    fn related(&self, input: &DescribeAlarmsInput) -> Result<Option<BTreeSet<String>>, Error> {
        let names = match (&input.children_of_alarm_name, &input.parents_of_alarm_name) {
            (None, None) => return Ok(None),
            (Some(name), None) => {
                let rule = self.alarms.get(name).and_then(|held| held.rule.as_ref());
                let children = rule.into_iter().flat_map(Rule::children);
                let names = children.filter_map(|child| self.owner.name_of(child));
                names.map(str::to_owned).collect()
            }
            (_, Some(name)) => self.parents.get(name).cloned().unwrap_or_default(),
        };
        Ok(Some(names))
    }
}

/// Which kinds are asked for: composite, metric.
fn types_of(input: &DescribeAlarmsInput) -> (bool, bool) {
    let is_related =
        input.children_of_alarm_name.is_some() || input.parents_of_alarm_name.is_some();
    match &input.alarm_types {
        _ if is_related => (true, true),
        // AWS: without types only metric alarms are returned.
        None => (false, true),
        Some(types) => {
            let has = |name: &str| types.iter().any(|given| given == name);
            (has("CompositeAlarm"), has("MetricAlarm"))
        }
    }
}

fn check_filters(input: &DescribeAlarmsInput) -> Result<(), Error> {
    let has_names = input.alarm_names.as_ref().is_some_and(|n| !n.is_empty());
    if has_names && input.alarm_name_prefix.is_some() {
        return Err(Error::invalid_parameter_combination_exception(
            "AlarmNames and AlarmNamePrefix must not be set at the same time",
        ));
    }
    for (name, is_given) in [
        (
            "ChildrenOfAlarmName",
            input.children_of_alarm_name.is_some(),
        ),
        ("ParentsOfAlarmName", input.parents_of_alarm_name.is_some()),
    ] {
        let both = input.children_of_alarm_name.is_some() && input.parents_of_alarm_name.is_some();
        let others = has_names
            || both
            || input.alarm_name_prefix.is_some()
            || input.alarm_types.is_some()
            || input.state_value.is_some()
            || input.action_prefix.is_some();
        if is_given && others {
            return Err(validation(format!(
                "{name} can be specified with MaxRecords and NextToken only"
            )));
        }
    }
    Ok(())
}

fn matches(row: &AlarmRow, input: &DescribeAlarmsInput, types: (bool, bool)) -> bool {
    let (composites, metrics) = types;
    let of_type = if row.is_composite() {
        composites
    } else {
        metrics
    };
    let names = input.alarm_names.as_ref().filter(|n| !n.is_empty());
    let all_actions = || {
        row.ok_actions
            .iter()
            .chain(&row.alarm_actions)
            .chain(&row.insufficient_data_actions)
    };
    of_type
        && names.is_none_or(|names| names.contains(&row.name))
        && input
            .alarm_name_prefix
            .as_ref()
            .is_none_or(|prefix| row.name.starts_with(prefix))
        && input
            .state_value
            .as_ref()
            .is_none_or(|value| row.state.value.as_str() == value)
        && input
            .action_prefix
            .as_ref()
            .is_none_or(|prefix| all_actions().any(|action| action.starts_with(prefix)))
}

/// An alarm as DescribeAlarms gives it.
///
/// - `has_failed`: the last evaluation could not be made.
pub(super) fn metric_alarm(
    owner: &Owner,
    row: &AlarmRow,
    watch: &MetricWatch,
    has_failed: bool,
) -> MetricAlarm {
    let mut alarm = MetricAlarm {
        alarm_name: Some(row.name.clone()),
        alarm_arn: Some(owner.arn(&row.name)),
        alarm_description: row.description.clone(),
        alarm_configuration_updated_timestamp: Some(EpochSeconds::from_ms(row.configured_ms)),
        actions_enabled: Some(row.actions_enabled),
        ok_actions: Some(row.ok_actions.clone()),
        alarm_actions: Some(row.alarm_actions.clone()),
        insufficient_data_actions: Some(row.insufficient_data_actions.clone()),
        state_value: Some(row.state.value.to_string()),
        state_reason: Some(row.state.reason.clone()),
        state_reason_data: row.state.reason_data.clone(),
        state_updated_timestamp: Some(EpochSeconds::from_ms(row.state.updated_ms)),
        state_transitioned_timestamp: Some(EpochSeconds::from_ms(row.state.transitioned_ms)),
        evaluation_periods: Some(watch.evaluation_periods),
        datapoints_to_alarm: watch.datapoints_to_alarm,
        threshold: Some(watch.threshold),
        comparison_operator: Some(watch.comparison.clone()),
        treat_missing_data: watch.missing.clone(),
        evaluate_low_sample_count_percentile: watch.low_samples.clone(),
        evaluation_state: has_failed.then(|| "EVALUATION_ERROR".to_owned()),
        ..MetricAlarm::default()
    };
    match &watch.source {
        Source::Metric(metric) => {
            alarm.namespace = Some(metric.namespace.clone());
            alarm.metric_name = Some(metric.name.clone());
            alarm.dimensions = Some(metric.dimensions.clone());
            alarm.statistic = metric.statistic.clone();
            alarm.extended_statistic = metric.extended_statistic.clone();
            alarm.period = Some(metric.period);
            alarm.unit = metric.unit.clone();
        }
        Source::Math(queries) => {
            alarm.dimensions = Some(Vec::new());
            alarm.metrics = Some(queries.clone());
        }
    }
    alarm
}

/// A composite alarm as DescribeAlarms gives it.
pub(super) fn composite_alarm(
    owner: &Owner,
    row: &AlarmRow,
    composite: &CompositeWatch,
) -> CompositeAlarm {
    let by = suppressed_by(shown_phase(row));
    let suppressor = composite.suppressor.as_ref();
    CompositeAlarm {
        alarm_name: Some(row.name.clone()),
        alarm_arn: Some(owner.arn(&row.name)),
        alarm_description: row.description.clone(),
        alarm_configuration_updated_timestamp: Some(EpochSeconds::from_ms(row.configured_ms)),
        actions_enabled: Some(row.actions_enabled),
        ok_actions: Some(row.ok_actions.clone()),
        alarm_actions: Some(row.alarm_actions.clone()),
        insufficient_data_actions: Some(row.insufficient_data_actions.clone()),
        alarm_rule: Some(composite.rule.clone()),
        state_value: Some(row.state.value.to_string()),
        state_reason: Some(row.state.reason.clone()),
        state_reason_data: row.state.reason_data.clone(),
        state_updated_timestamp: Some(EpochSeconds::from_ms(row.state.updated_ms)),
        state_transitioned_timestamp: Some(EpochSeconds::from_ms(row.state.transitioned_ms)),
        actions_suppressed_by: by.map(str::to_owned),
        actions_suppressed_reason: by.map(|by| match suppressor_of(owner, composite) {
            Some(name) if by == "Alarm" => {
                format!("Actions suppressed by {}", owner.arn(&name))
            }
            _ => format!("Actions suppressed by {by}"),
        }),
        actions_suppressor: suppressor.map(|suppressor| suppressor.alarm.clone()),
        actions_suppressor_wait_period: suppressor.map(|suppressor| suppressor.wait_s),
        actions_suppressor_extension_period: suppressor.map(|suppressor| suppressor.extension_s),
        ..CompositeAlarm::default()
    }
}

/// AWS: of children only name, ARN and state are returned, of parents name and ARN.
fn brief_composite(alarm: &CompositeAlarm, has_state: bool) -> CompositeAlarm {
    CompositeAlarm {
        alarm_name: alarm.alarm_name.clone(),
        alarm_arn: alarm.alarm_arn.clone(),
        state_value: alarm.state_value.clone().filter(|_| has_state),
        state_updated_timestamp: alarm.state_updated_timestamp.filter(|_| has_state),
        ..CompositeAlarm::default()
    }
}

fn brief_metric(alarm: &MetricAlarm, has_state: bool) -> MetricAlarm {
    MetricAlarm {
        alarm_name: alarm.alarm_name.clone(),
        alarm_arn: alarm.alarm_arn.clone(),
        state_value: alarm.state_value.clone().filter(|_| has_state),
        state_updated_timestamp: alarm.state_updated_timestamp.filter(|_| has_state),
        ..MetricAlarm::default()
    }
}

fn dimension_set(dimensions: &[Dimension]) -> BTreeSet<(&str, &str)> {
    dimensions
        .iter()
        .map(|dimension| (dimension.name.as_str(), dimension.value.as_str()))
        .collect()
}

/// The name in the ARN of an alarm.
fn alarm_in(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(7, ':');
    let is_alarm = parts.nth(2) == Some("cloudwatch") && parts.nth(2) == Some("alarm");
    is_alarm.then(|| parts.next()).flatten()
}

pub(super) fn records(max: Option<i32>) -> usize {
    max.and_then(|max| usize::try_from(max).ok())
        .unwrap_or(RECORDS_DEFAULT)
}

fn token_of(is_metric: bool, name: &str) -> String {
    let kind = if is_metric { 'm' } else { 'c' };
    format!("{kind}{}", hex(name.as_bytes()))
}

fn place_in(token: &str) -> Result<(bool, String), Error> {
    let read = || {
        let is_metric = match token.as_bytes().first()? {
            b'm' => true,
            b'c' => false,
            _ => return None,
        };
        let name = unhex(token.get(1..)?)?;
        Some((is_metric, String::from_utf8(name).ok()?))
    };
    read().ok_or_else(|| Error::invalid_next_token("The NextToken is not valid"))
}

/// AWS: `ValidationError`.
pub(super) fn validation(text: String) -> Error {
    Error::constraint_violation(text)
}
