//! PutMetricAlarm and PutCompositeAlarm: what they refuse, and the alarm that comes of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use stepwell_api::arn::FunctionArn;
use stepwell_api::cloudwatch::{
    Error, MetricDataQuery, PutCompositeAlarmInput, PutMetricAlarmInput, Tag,
};

use super::evaluation::{Comparison, Missing};
use super::operations::{metric_alarm, validation};
use super::rows::{
    AlarmRow, CompositeWatch, Metric, MetricWatch, Phase, Source, StateRow, SuppressorRow, Watch,
};
use super::rule::Rule;
use super::state::StateValue;
use super::text::instant;
use super::{ALARMS_MAX, Alarms, PARENTS_MAX};

/// AWS: evaluation periods times period, for a period of less than an hour.
const RANGE_SECONDS_MAX: i64 = 86_400;

/// AWS: the same for a period of an hour or more.
const LONG_RANGE_SECONDS_MAX: i64 = 604_800;

/// AWS: "A math expression used for an alarm can include as many as 10 metrics".
const MATH_METRICS_MAX: usize = 10;

/// AWS: tags of one resource.
pub(super) const TAGS_MAX: usize = 50;

/// Bytes of the rows of one alarm. AWS: a PutMetricAlarm has 120 KB at most.
const ALARM_BYTES_MAX: usize = 120 << 10;

impl Alarms {
    /// Makes an alarm, or changes its configuration: then its state stays.
    pub fn put_metric_alarm(
        &mut self,
        input: PutMetricAlarmInput,
        now_ms: i64,
    ) -> Result<(), Error> {
        refuse_unbuilt(&input)?;
        check_name(&input.alarm_name)?;
        let watch = Watch::Metric(metric_watch(&input)?);
        let row = self.row(
            Given {
                name: input.alarm_name,
                description: input.alarm_description,
                actions_enabled: input.actions_enabled,
                ok: input.ok_actions,
                alarm: input.alarm_actions,
                insufficient_data: input.insufficient_data_actions,
                tags: input.tags,
            },
            watch,
            now_ms,
        )?;
        self.put(row, now_ms)
    }

    /// Makes a composite alarm, or changes its configuration: then its state stays.
    pub fn put_composite_alarm(
        &mut self,
        input: PutCompositeAlarmInput,
        now_ms: i64,
    ) -> Result<(), Error> {
        check_name(&input.alarm_name)?;
        refuse(input.action_configuration.is_some(), "ActionConfiguration")?;
        let rule = Rule::parse(&input.alarm_rule).map_err(|malformed| {
            validation(format!(
                "AlarmRule {} is not valid: {malformed}",
                input.alarm_rule
            ))
        })?;
        self.check_children(&input.alarm_name, &rule)?;
        let suppressor = self.suppressor(&input)?;
        let kept = self.alarms.get(&input.alarm_name).map(|held| &held.row);
        let mut composite = CompositeWatch {
            rule: input.alarm_rule,
            suppressor,
            acted: kept.map_or(StateValue::InsufficientData, |row| row.state.value),
            is_pending: false,
            phase: Phase::Free,
        };
        composite.phase = self.phase_at_first(&composite);
        let row = self.row(
            Given {
                name: input.alarm_name,
                description: input.alarm_description,
                actions_enabled: input.actions_enabled,
                ok: input.ok_actions,
                alarm: input.alarm_actions,
                insufficient_data: input.insufficient_data_actions,
                tags: input.tags,
            },
            Watch::Composite(composite),
            now_ms,
        )?;
        self.put(row, now_ms)
    }

    /// AWS: the alarms of a rule exist, and no alarm is watched by more than 150 composite ones.
    fn check_children(&self, name: &str, rule: &Rule) -> Result<(), Error> {
        let mut missing = Vec::new();
        for child in rule.children() {
            let known = self
                .owner
                .name_of(child)
                .filter(|child| *child == name || self.alarms.contains_key(*child));
            let Some(known) = known else {
                missing.push(child);
                continue;
            };
            let parents = self.parents.get(known);
            let count = parents.map_or(0, BTreeSet::len);
            let is_counted = parents.is_some_and(|parents| parents.contains(name));
            if count >= PARENTS_MAX && !is_counted {
                return Err(Error::limit_exceeded_fault(format!(
                    "The alarm {known} is watched by {count} composite alarms, and at most {PARENTS_MAX} are allowed"
                )));
            }
        }
        if !missing.is_empty() {
            return Err(validation(format!(
                "Could not save the composite alarm as alarms [{}] in the alarm rule do not exist",
                missing.join(", ")
            )));
        }
        Ok(())
    }

    fn suppressor(&self, input: &PutCompositeAlarmInput) -> Result<Option<SuppressorRow>, Error> {
        let periods = (
            input.actions_suppressor_wait_period,
            input.actions_suppressor_extension_period,
        );
        let Some(alarm) = input.actions_suppressor.as_ref().filter(|a| !a.is_empty()) else {
            return match periods {
                (None, None) => Ok(None),
                _ => Err(validation(
                    "ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod need an ActionsSuppressor"
                        .to_owned(),
                )),
            };
        };
        let (Some(wait_s), Some(extension_s)) = periods else {
            return Err(validation(
                "ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod are required when ActionsSuppressor \
                 is specified"
                    .to_owned(),
            ));
        };
        for (name, seconds) in [
            ("ActionsSuppressorWaitPeriod", wait_s),
            ("ActionsSuppressorExtensionPeriod", extension_s),
        ] {
            if seconds < 0 {
                return Err(validation(format!(
                    "{name} must not be negative: {seconds}"
                )));
            }
        }
        let is_there = self
            .owner
            .name_of(alarm)
            .is_some_and(|name| name != input.alarm_name && self.alarms.contains_key(name));
        if !is_there {
            return Err(validation(format!(
                "Could not save the composite alarm as the actions suppressor {alarm} does not exist"
            )));
        }
        Ok(Some(SuppressorRow {
            alarm: alarm.clone(),
            wait_s,
            extension_s,
        }))
    }

    /// The row of an alarm that is put: its state and its tags are those of the one in its place.
    fn row(&self, given: Given, watch: Watch, now_ms: i64) -> Result<AlarmRow, Error> {
        let kept = self.alarms.get(&given.name).map(|held| &held.row);
        let state = match kept {
            Some(row) => row.state.clone(),
            None => StateRow {
                value: StateValue::InsufficientData,
                reason: "Unchecked: Initial alarm creation".to_owned(),
                reason_data: None,
                updated_ms: now_ms,
                transitioned_ms: now_ms,
            },
        };
        let tags = match kept {
            // AWS: tags that an update carries are ignored.
            Some(row) => row.tags.clone(),
            None => tags_of(given.tags)?,
        };
        let row = AlarmRow {
            name: given.name,
            description: given.description,
            actions_enabled: given.actions_enabled.unwrap_or(true),
            ok_actions: self.actions("OKActions", given.ok)?,
            alarm_actions: self.actions("AlarmActions", given.alarm)?,
            insufficient_data_actions: self
                .actions("InsufficientDataActions", given.insufficient_data)?,
            tags,
            configured_ms: now_ms,
            state,
            watch,
        };
        if let Some(kept) = kept
            && kept.is_composite() != row.is_composite()
        {
            let (is, is_not) = match kept.is_composite() {
                true => ("composite", "metric"),
                false => ("metric", "composite"),
            };
            return Err(validation(format!(
                "The alarm {} is a {is} alarm and cannot become a {is_not} alarm",
                row.name
            )));
        }
        Ok(row)
    }

    fn put(&mut self, row: AlarmRow, now_ms: i64) -> Result<(), Error> {
        let is_new = !self.alarms.contains_key(&row.name);
        if is_new && self.alarms.len() >= ALARMS_MAX {
            return Err(Error::limit_exceeded_fault(format!(
                "The maximum number of alarms has been reached: {ALARMS_MAX}"
            )));
        }
        let bytes = super::rows::encode(&row).len();
        if bytes > ALARM_BYTES_MAX {
            return Err(validation(format!(
                "The alarm {} has {bytes} bytes, and at most {ALARM_BYTES_MAX} are allowed",
                row.name
            )));
        }
        let name = row.name.clone();
        let written = self.written(&row);
        self.hold(row, now_ms);
        self.save(&name);
        let (how, kind, member) = match is_new {
            true => ("created", "Create", "createdAlarm"),
            false => ("updated", "Update", "updatedAlarm"),
        };
        let mut data = json!({ "version": "1.0", "type": kind });
        data[member] = written;
        self.remember(
            &name,
            "ConfigurationUpdate",
            &format!("Alarm \"{name}\" {how}"),
            &data,
            now_ms,
        );
        Ok(())
    }

    /// The alarm as its history has it: names begin with small letters.
    pub(super) fn written(&self, row: &AlarmRow) -> Value {
        let value = match &row.watch {
            Watch::Metric(watch) => {
                serde_json::to_value(metric_alarm(&self.owner, row, watch, false))
            }
            Watch::Composite(composite) => serde_json::to_value(
                super::operations::composite_alarm(&self.owner, row, composite),
            ),
        };
        let mut written = value.map(lowered).unwrap_or_default();
        for (name, ms) in [
            ("alarmConfigurationUpdatedTimestamp", row.configured_ms),
            ("stateUpdatedTimestamp", row.state.updated_ms),
            ("stateTransitionedTimestamp", row.state.transitioned_ms),
        ] {
            written[name] = json!(instant(ms));
        }
        written
    }

    /// The actions, each of which this server can execute.
    fn actions(&self, member: &str, actions: Option<Vec<String>>) -> Result<Vec<String>, Error> {
        let actions = actions.unwrap_or_default();
        for action in &actions {
            self.check_action(member, action)?;
        }
        Ok(actions)
    }

    /// AWS: an action is an ARN of this region. State machines and URLs are ours.
    fn check_action(&self, member: &str, action: &str) -> Result<(), Error> {
        if let Some(rest) = action
            .strip_prefix("https://")
            .or_else(|| action.strip_prefix("http://"))
        {
            return match rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[') {
                true => Ok(()),
                false => Err(validation(format!("{member}: {action} is not a URL"))),
            };
        }
        let parts: Vec<&str> = action.splitn(6, ':').collect();
        let [prefix, _, service, region, account, resource] = parts[..] else {
            return Err(validation(format!("Invalid arn syntax: {action}")));
        };
        if prefix != "arn" || resource.is_empty() {
            return Err(validation(format!("Invalid arn syntax: {action}")));
        }
        let is_known = match service {
            "lambda" => FunctionArn::parse(action).is_ok(),
            "states" => resource.starts_with("stateMachine:"),
            "sns" => !account.is_empty(),
            "swf" | "automate" | "autoscaling" | "ssm" | "ssm-incidents" | "aiops" => {
                return Err(Error::not_implemented(format!(
                    "Stepwell does not execute {action}: an action is a Lambda function, a state machine, an SNS topic \
                     or a URL"
                )));
            }
            _ => false,
        };
        if !is_known {
            return Err(validation(format!("Invalid arn syntax: {action}")));
        }
        let own = &self.owner.region;
        if region != own {
            return Err(validation(format!(
                "Invalid region {region} specified. Only {own} is supported."
            )));
        }
        Ok(())
    }
}

/// What both kinds of alarms have.
struct Given {
    name: String,
    description: Option<String>,
    actions_enabled: Option<bool>,
    ok: Option<Vec<String>>,
    alarm: Option<Vec<String>>,
    insufficient_data: Option<Vec<String>>,
    tags: Option<Vec<Tag>>,
}

fn refuse_unbuilt(input: &PutMetricAlarmInput) -> Result<(), Error> {
    let wall_clock = input
        .evaluation_window
        .as_ref()
        .is_some_and(|window| window.wall_clock_window.is_some());
    refuse(wall_clock, "WallClockWindow")?;
    refuse(input.warm_up_configuration.is_some(), "WarmUpConfiguration")?;
    refuse(
        input.evaluation_criteria.is_some(),
        "EvaluationCriteria (PromQL)",
    )?;
    refuse(
        input.evaluation_interval.is_some(),
        "EvaluationInterval (PromQL)",
    )?;
    refuse(input.action_configuration.is_some(), "ActionConfiguration")?;
    refuse(
        input.threshold_metric_id.is_some(),
        "ThresholdMetricId (anomaly detection)",
    )
}

fn refuse(is_given: bool, what: &str) -> Result<(), Error> {
    match is_given {
        true => Err(Error::not_implemented(format!(
            "Stepwell does not implement {what} of alarms yet"
        ))),
        false => Ok(()),
    }
}

/// AWS: "Alarm names must contain only UTF-8 characters, and can't contain ASCII control characters".
fn check_name(name: &str) -> Result<(), Error> {
    match name.chars().any(|c| c.is_ascii_control()) {
        true => Err(validation(format!(
            "AlarmName must not contain control characters: {name:?}"
        ))),
        false => Ok(()),
    }
}

fn metric_watch(input: &PutMetricAlarmInput) -> Result<MetricWatch, Error> {
    let periods = required(input.evaluation_periods, "EvaluationPeriods")?;
    let threshold = required(input.threshold, "Threshold")?;
    let comparison = required(input.comparison_operator.clone(), "ComparisonOperator")?;
    if Comparison::parse(&comparison).is_none() {
        return Err(Error::not_implemented(format!(
            "Stepwell does not implement the ComparisonOperator {comparison} (anomaly detection) yet"
        )));
    }
    if let Some(minimum) = input.datapoints_to_alarm
        && minimum > periods
    {
        return Err(validation(format!(
            "DatapointsToAlarm ({minimum}) must be less than or equal to EvaluationPeriods ({periods})"
        )));
    }
    if let Some(missing) = &input.treat_missing_data
        && Missing::parse(missing).is_none()
    {
        return Err(invalid_value(
            "TreatMissingData",
            missing,
            "breaching, notBreaching, ignore, missing",
        ));
    }
    if let Some(low) = &input.evaluate_low_sample_count_percentile
        && !["evaluate", "ignore"].contains(&low.as_str())
    {
        return Err(invalid_value(
            "EvaluateLowSampleCountPercentile",
            low,
            "evaluate, ignore",
        ));
    }
    let source = source(input)?;
    let watch = MetricWatch {
        source,
        evaluation_periods: periods,
        datapoints_to_alarm: input.datapoints_to_alarm,
        threshold,
        comparison,
        missing: input.treat_missing_data.clone(),
        low_samples: input.evaluate_low_sample_count_percentile.clone(),
    };
    check_range(watch.period_s(), i64::from(periods))?;
    Ok(watch)
}

fn source(input: &PutMetricAlarmInput) -> Result<Source, Error> {
    if let Some(queries) = input.metrics.as_ref().filter(|queries| !queries.is_empty()) {
        let beside = [
            (input.metric_name.is_some(), "MetricName"),
            (input.namespace.is_some(), "Namespace"),
            (input.dimensions.is_some(), "Dimensions"),
            (input.period.is_some(), "Period"),
            (input.unit.is_some(), "Unit"),
            (input.statistic.is_some(), "Statistic"),
            (input.extended_statistic.is_some(), "ExtendedStatistic"),
        ];
        if let Some((_, name)) = beside.iter().find(|(is_given, _)| *is_given) {
            return Err(Error::invalid_parameter_combination_exception(format!(
                "{name} must not be set if Metrics is set"
            )));
        }
        check_math(queries)?;
        return Ok(Source::Math(queries.clone()));
    }
    let name = required(input.metric_name.clone(), "MetricName")?;
    let namespace = required(input.namespace.clone(), "Namespace")?;
    let period = required(input.period, "Period")?;
    match (&input.statistic, &input.extended_statistic) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid_parameter_combination_exception(
                "Statistic and ExtendedStatistic must not be set at the same time",
            ));
        }
        (None, None) => {
            return Err(Error::missing_required_parameter_exception(
                "One of Statistic and ExtendedStatistic is required",
            ));
        }
        _ => {}
    }
    check_period(period)?;
    Ok(Source::Metric(Metric {
        namespace,
        name,
        dimensions: input.dimensions.clone().unwrap_or_default(),
        statistic: input.statistic.clone(),
        extended_statistic: input.extended_statistic.clone(),
        period,
        unit: input.unit.clone(),
    }))
}

/// AWS: one query returns data, ids are unique, and all metrics have one period.
fn check_math(queries: &[MetricDataQuery]) -> Result<(), Error> {
    let returning = queries
        .iter()
        .filter(|query| query.return_data.unwrap_or(true))
        .count();
    if returning != 1 {
        return Err(validation(format!(
            "Exactly one element of the metrics list should return data, and {returning} do"
        )));
    }
    let mut ids = BTreeSet::new();
    let mut periods = BTreeSet::new();
    let mut metrics = 0;
    for query in queries {
        if !ids.insert(query.id.as_str()) {
            return Err(validation(format!(
                "The id {} is used more than once in the metrics list",
                query.id
            )));
        }
        match (&query.metric_stat, &query.expression) {
            (Some(stat), None) => {
                metrics += 1;
                check_period(stat.period)?;
                periods.insert(stat.period);
            }
            (None, Some(expression)) => check_expression(query, expression)?,
            _ => {
                return Err(validation(format!(
                    "Either MetricStat or Expression must be set for the id {}",
                    query.id
                )));
            }
        }
    }
    if metrics > MATH_METRICS_MAX {
        return Err(validation(format!(
            "The metrics list has {metrics} metrics, and at most {MATH_METRICS_MAX} are allowed"
        )));
    }
    if periods.len() > 1 {
        return Err(validation(format!(
            "All metrics of the metrics list must have the same period, and they have {periods:?}"
        )));
    }
    Ok(())
}

fn check_expression(query: &MetricDataQuery, expression: &str) -> Result<(), Error> {
    let upper = expression.to_ascii_uppercase();
    for what in ["ANOMALY_DETECTION_BAND", "SEARCH("] {
        refuse(upper.contains(what), what.trim_end_matches('('))?;
    }
    if let Some(period) = query.period {
        check_period(period)?;
    }
    Ok(())
}

fn check_period(period: i32) -> Result<(), Error> {
    match [10, 20, 30].contains(&period) || period > 0 && period % 60 == 0 {
        true => Ok(()),
        false => Err(validation(format!(
            "Period must be 10, 20, 30 or a multiple of 60: {period}"
        ))),
    }
}

fn check_range(period_s: i64, periods: i64) -> Result<(), Error> {
    let (range_max, days) = match period_s >= 3_600 {
        true => (LONG_RANGE_SECONDS_MAX, "seven days"),
        false => (RANGE_SECONDS_MAX, "a day"),
    };
    match period_s.saturating_mul(periods) > range_max {
        true => Err(validation(format!(
            "Metrics cannot be checked across more than {days} (EvaluationPeriods * Period must be <= {range_max})"
        ))),
        false => Ok(()),
    }
}

pub(super) fn tags_of(tags: Option<Vec<Tag>>) -> Result<BTreeMap<String, String>, Error> {
    let tags = tags.unwrap_or_default();
    let count = tags.len();
    if count > TAGS_MAX {
        return Err(validation(format!(
            "The alarm would have {count} tags, and at most {TAGS_MAX} are allowed"
        )));
    }
    let unique: BTreeMap<String, String> =
        tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    match unique.len() < count {
        true => Err(validation("The keys of tags must be unique".to_owned())),
        false => Ok(unique),
    }
}

fn required<T>(value: Option<T>, name: &str) -> Result<T, Error> {
    value.ok_or_else(|| {
        Error::missing_required_parameter_exception(format!("The parameter {name} is required"))
    })
}

fn invalid_value(name: &str, value: &str, valid: &str) -> Error {
    validation(format!(
        "Value {value} for parameter {name} is invalid. Valid values are [{valid}]"
    ))
}

/// The names of the members of a JSON object, and of those in it, with a small first letter.
fn lowered(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let mut letters = name.chars();
                let first = letters.next().map(|c| c.to_ascii_lowercase());
                let name = match name.as_str() {
                    // As CloudWatch writes it.
                    "OKActions" => "okactions".to_owned(),
                    _ => first.into_iter().chain(letters).collect(),
                };
                (name, lowered(value))
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(lowered).collect(),
        other => other,
    }
}
