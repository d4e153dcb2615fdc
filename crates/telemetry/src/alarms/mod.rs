//! Alarms: what watches metrics and other alarms, and says when their state changes.
//!
//! One writer holds all of them in memory and stages the rows that change; its owner commits them together with
//! what else waits. What follows from a change of state (an event, actions) is a [`Transition`]: a row of the same
//! commit, which stays until the shard has taken it. So a crash neither loses an action nor takes a transition twice.
//!
//! Source: CloudWatch user guide, "Alarm evaluation", "Composite alarms", "Alarm suppression".

mod evaluation;
mod history;
mod notice;
mod operations;
mod putting;
mod rows;
mod rule;
mod state;
mod suppression;
mod text;
mod values;
mod wave;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use stepwell_api::cloudwatch::{Dimension, MetricDataQuery};
use stepwell_store::{Direction, Error};

pub use evaluation::{
    Comparison, Criteria, Missing, Point, Verdict, evaluate, range_periods, samples_of_percentile,
};
pub use history::AlarmHistory;
pub use notice::{Action, AlarmEvent, Owner, Transition};
pub use rule::{CHILDREN_MAX, ELEMENTS_MAX, Malformed, Rule};
pub use state::StateValue;
pub use values::points;

use crate::metrics::{Metrics, MetricsReader};
use notice::Notice;
use rows::{
    AlarmRow, CompositeWatch, CountersRow, HistoryRow, Key, Kind, Metric, MetricWatch, Phase,
    Source, StateRow, Watch, alarm_key, counters_key, decode, encode, history_key, history_place,
    transition_key,
};
use text::{instant, long_instant};
use wave::Wave;

/// Alarms. AWS: 5,000 a region.
pub const ALARMS_MAX: usize = 5_000;

/// Composite alarms that watch one alarm. Source: CloudWatch quotas.
pub const PARENTS_MAX: usize = 150;

/// Items of the history of all alarms; the oldest go first.
pub const HISTORY_ITEMS_MAX: u64 = 50_000;

/// How long an item of history is kept. AWS: 30 days.
pub const HISTORY_KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// Transitions that wait for the shard: evaluation waits when there are as many.
pub const TRANSITIONS_MAX: usize = 10_000;

/// How long after the end of a period its data points are read: what was sent in its last moment is there then.
const LATENESS_MS: i64 = 1_500;

/// How long after a composite alarm was written its rule is evaluated.
const COMPOSITE_DELAY_MS: i64 = 1_000;

/// Alarms that are evaluated between two commits.
const EVALUATED_MAX: usize = 500;

/// History items that one commit removes because they are too old or too many.
const REMOVED_MAX: usize = 100;

/// What an alarm watches, and over which periods: `count` of `period_s` each, the newest ends at `end_ms`.
#[derive(Debug, Clone, Copy)]
pub struct Watched<'a> {
    pub what: What<'a>,
    pub period_s: i64,
    pub end_ms: i64,
    pub count: usize,
}

#[derive(Debug, Clone, Copy)]
pub enum What<'a> {
    Metric {
        namespace: &'a str,
        name: &'a str,
        dimensions: &'a [Dimension],
        /// `Average`, `p99`, ...
        statistic: &'a str,
        unit: Option<&'a str>,
    },
    /// The query that returns data is watched.
    Math(&'a [MetricDataQuery]),
}

/// The data points of what is watched, newest first, one a period; an error says why they cannot be had.
pub type Values<'a> = dyn Fn(Watched<'_>) -> Result<Vec<Point>, String> + 'a;

/// An alarm in memory.
struct Held {
    row: AlarmRow,
    /// Of a composite alarm.
    rule: Option<Rule>,
    due_ms: Option<i64>,
    /// Why the last evaluation could not be made.
    failure: Option<String>,
}

/// The writer of alarms.
pub struct Alarms {
    owner: Owner,
    alarms: BTreeMap<String, Held>,
    /// Composite alarms by the alarms that their rules name.
    parents: BTreeMap<String, BTreeSet<String>>,
    /// Composite alarms by their suppressor.
    suppressed: BTreeMap<String, BTreeSet<String>>,
    due: BTreeSet<(i64, String)>,
    transitions: BTreeMap<u64, Transition>,
    wave: Wave,
    counters: CountersRow,
    /// Rows to be written; `None` deletes.
    staged: BTreeMap<Key, Option<Vec<u8>>>,
}

impl Alarms {
    /// Opens the alarms of a store, and evaluates each at its next period.
    ///
    /// - `store`: a number for a store that has none yet; drawn at random, so that no two stores have the same.
    /// - `now_ms`: when evaluation goes on.
    pub fn open(
        rows: &MetricsReader,
        owner: Owner,
        store: u64,
        now_ms: i64,
    ) -> Result<Alarms, Error> {
        let (kind, key) = counters_key();
        let counters = match rows.get(kind as u8, &key)? {
            Some(value) => decode(&key, &value)?,
            None => CountersRow {
                store,
                next_transition: 1,
                next_item: 1,
                items: 0,
            },
        };
        let mut alarms = Alarms {
            owner,
            alarms: BTreeMap::new(),
            parents: BTreeMap::new(),
            suppressed: BTreeMap::new(),
            due: BTreeSet::new(),
            transitions: BTreeMap::new(),
            wave: Wave::default(),
            counters,
            staged: BTreeMap::new(),
        };
        let all = |kind: Kind| rows.scan(kind as u8, &[], None, Direction::Ascending, usize::MAX);
        for (key, value) in all(Kind::Transition)? {
            let transition: Transition = decode(&key, &value)?;
            alarms.transitions.insert(transition.number, transition);
        }
        for (key, value) in all(Kind::Alarm)? {
            alarms.hold(decode(&key, &value)?, now_ms);
        }
        Ok(alarms)
    }

    /// When [`Alarms::tick`] has something to do.
    pub fn next_due(&self) -> Option<i64> {
        if self.transitions.len() >= TRANSITIONS_MAX {
            return None;
        }
        let due_ms = self.due.first().map(|(due_ms, _)| *due_ms);
        self.wave.since_ms().or(due_ms)
    }

    /// Evaluates what is due, a bounded number of alarms.
    ///
    /// - Returns whether anything has changed: then the rows are to be committed.
    pub fn tick(&mut self, now_ms: i64, values: &Values<'_>) -> bool {
        let before = self.staged.len();
        self.spread(now_ms);
        for _ in 0..EVALUATED_MAX {
            let Some((due_ms, name)) = self.due.first().cloned() else {
                break;
            };
            if due_ms > now_ms || self.transitions.len() >= TRANSITIONS_MAX {
                break;
            }
            self.due.remove(&(due_ms, name.clone()));
            if let Some(held) = self.alarms.get_mut(&name) {
                held.due_ms = None;
            }
            self.evaluate_one(&name, now_ms, values);
        }
        self.staged.len() != before
    }

    /// Puts the rows that have changed into the next commit of the metrics. They count as written: a commit that fails
    /// ends the writer.
    pub fn stage(&mut self, metrics: &mut Metrics) {
        for ((kind, key), value) in std::mem::take(&mut self.staged) {
            match value {
                Some(value) => metrics.put(kind as u8, &key, value),
                None => metrics.delete(kind as u8, &key),
            }
        }
    }

    /// The oldest transition that the shard has not taken; only what is committed may be handed over.
    pub fn oldest_transition(&self) -> Option<&Transition> {
        self.transitions.values().next()
    }

    /// The shard has a transition: what became of each of its actions goes into the history.
    ///
    /// - `outcomes`: for each action why it could not be taken, or `None`.
    /// - A transition that is not there any more changes nothing.
    pub fn handed_over(&mut self, number: u64, outcomes: &[Option<String>], now_ms: i64) {
        let Some(transition) = self.transitions.remove(&number) else {
            return;
        };
        self.staged.insert(transition_key(number), None);
        for (action, outcome) in transition.actions.iter().zip(outcomes) {
            self.executed(&transition.alarm, action, outcome.as_deref(), now_ms);
        }
    }

    /// An action that was taken could not be brought to its target in the end.
    pub fn given_up(&mut self, alarm_arn: &str, target: &str, reason: &str, now_ms: i64) {
        let Some(name) = self.owner.name_of(alarm_arn).map(str::to_owned) else {
            return;
        };
        let action = Action {
            target: target.to_owned(),
            payload: String::new(),
        };
        self.executed(&name, &action, Some(reason), now_ms);
    }

    fn executed(&mut self, alarm: &str, action: &Action, failure: Option<&str>, now_ms: i64) {
        let Action { target, payload } = action;
        let (summary, state) = match failure {
            None => (
                format!("Successfully executed action {target}"),
                "Succeeded",
            ),
            Some(reason) => (
                format!("Failed to execute action {target}. Reason: {reason}"),
                "Failed",
            ),
        };
        let updated_ms = self.alarms.get(alarm).map(|held| held.row.state.updated_ms);
        let data = json!({
            "actionState": state,
            "stateUpdateTimestamp": updated_ms,
            "notificationResource": target,
            "publishedMessage": payload,
            "error": failure,
        });
        self.remember(alarm, "Action", &summary, &data, now_ms);
    }

    /// Takes an alarm into memory, in place of the one with its name.
    fn hold(&mut self, row: AlarmRow, now_ms: i64) {
        self.release(&row.name);
        let mut rule = None;
        if let Watch::Composite(composite) = &row.watch {
            // A rule that a later release refuses holds never.
            rule = Rule::parse(&composite.rule).ok();
            self.wave.forget_ranks();
            for child in rule.iter().flat_map(Rule::children) {
                if let Some(child) = self.owner.name_of(child) {
                    let parents = self.parents.entry(child.to_owned()).or_default();
                    parents.insert(row.name.clone());
                }
            }
            if let Some(suppressor) = suppressor_of(&self.owner, composite) {
                let suppressed = self.suppressed.entry(suppressor).or_default();
                suppressed.insert(row.name.clone());
            }
        }
        let due_ms = first_due(&row, now_ms);
        let name = row.name.clone();
        let held = Held {
            row,
            rule,
            due_ms: None,
            failure: None,
        };
        self.alarms.insert(name.clone(), held);
        self.schedule(&name, due_ms);
    }

    /// Forgets an alarm and what refers to it from its side.
    fn release(&mut self, name: &str) -> Option<Held> {
        let held = self.alarms.remove(name)?;
        if held.rule.is_some() {
            self.wave.forget_ranks();
        }
        if let Some(due_ms) = held.due_ms {
            self.due.remove(&(due_ms, name.to_owned()));
        }
        for child in held.rule.iter().flat_map(Rule::children) {
            if let Some(child) = self.owner.name_of(child) {
                forget(&mut self.parents, child, name);
            }
        }
        if let Watch::Composite(composite) = &held.row.watch
            && let Some(suppressor) = suppressor_of(&self.owner, composite)
        {
            forget(&mut self.suppressed, &suppressor, name);
        }
        Some(held)
    }

    /// Sets when an alarm is due next; an earlier instant stays.
    fn schedule(&mut self, name: &str, due_ms: i64) {
        let Some(held) = self.alarms.get_mut(name) else {
            return;
        };
        if held.due_ms.is_some_and(|earlier| earlier <= due_ms) {
            return;
        }
        if let Some(later) = held.due_ms.replace(due_ms) {
            self.due.remove(&(later, name.to_owned()));
        }
        self.due.insert((due_ms, name.to_owned()));
    }

    fn evaluate_one(&mut self, name: &str, now_ms: i64, values: &Values<'_>) {
        let Some(held) = self.alarms.get_mut(name) else {
            return;
        };
        let Watch::Metric(watch) = &held.row.watch else {
            return self.evaluate_composite(name, now_ms);
        };
        let period_s = watch.period_s();
        let verdict = evaluate_metric(watch, now_ms, values);
        match verdict {
            Ok(verdict) => {
                held.failure = None;
                if let Verdict::State {
                    value,
                    reason,
                    reason_data,
                } = verdict
                    && value != held.row.state.value
                {
                    self.transition(name, value, reason, Some(reason_data), now_ms);
                }
            }
            Err(failure) => held.failure = Some(failure),
        }
        self.schedule(name, next_due(period_s, now_ms));
    }

    /// Leaves a transition for the shard: with the event of a change of state, with actions, or with both.
    fn announce(
        &mut self,
        name: &str,
        old: &StateRow,
        old_phase: Phase,
        now_ms: i64,
        (is_event, acts): (bool, bool),
    ) {
        let number = self.counters.next_transition;
        let Some(held) = self.alarms.get(name) else {
            return;
        };
        let notice = Notice {
            owner: &self.owner,
            alarm: &held.row,
            old,
            old_phase,
            at_ms: now_ms,
            seed: (self.counters.store, number),
        };
        let targets = match acts && held.row.actions_enabled {
            true => held.row.actions(),
            false => &[],
        };
        let transition = Transition {
            store: self.counters.store,
            number,
            alarm: name.to_owned(),
            alarm_arn: self.owner.arn(name),
            at_ms: now_ms,
            event: is_event.then(|| notice.event()),
            actions: targets.iter().map(|target| notice.action(target)).collect(),
        };
        if transition.event.is_none() && transition.actions.is_empty() {
            return;
        }
        self.counters.next_transition += 1;
        self.save_counters();
        self.staged
            .insert(transition_key(number), Some(encode(&transition)));
        self.transitions.insert(number, transition);
    }

    /// Evaluates the rule of a composite alarm after it was written, and ends what suppresses its actions.
    fn evaluate_composite(&mut self, name: &str, now_ms: i64) {
        self.end_suppression(name, now_ms);
        if let Some((value, (reason, data))) = self.composite_state(name, None) {
            self.transition(name, value, reason, data, now_ms);
        }
    }

    /// The state that a rule gives, with its reason, if it is another one than the alarm has.
    ///
    /// - `changed`: the alarm whose change is the reason; `None`: the composite alarm was written.
    fn composite_state(
        &self,
        name: &str,
        changed: Option<&str>,
    ) -> Option<(StateValue, (String, Option<String>))> {
        let held = self.alarms.get(name)?;
        let rule = held.rule.as_ref()?;
        let state_of = |child: &str| {
            let child = self.alarms.get(self.owner.name_of(child)?)?;
            Some(child.row.state.value)
        };
        let value = match rule.holds(&state_of) {
            true => StateValue::Alarm,
            false => StateValue::Ok,
        };
        if value == held.row.state.value {
            return None;
        }
        let triggering: Vec<&str> = match changed {
            Some(child) => vec![child],
            None => {
                let children = rule.children();
                children
                    .into_iter()
                    .filter_map(|child| self.owner.name_of(child))
                    .collect()
            }
        };
        let triggering: Vec<Value> = triggering
            .iter()
            .filter_map(|child| self.triggering(child))
            .collect();
        let reason = match changed.and_then(|child| self.alarms.get(child)) {
            Some(child) => format!(
                "{} transitioned to {} at {}",
                self.owner.arn(&child.row.name),
                child.row.state.value,
                long_instant(child.row.state.transitioned_ms)
            ),
            None => {
                let is_new = held.row.configured_ms >= held.row.state.updated_ms
                    && held.row.state.value == StateValue::InsufficientData;
                let how = if is_new { "created" } else { "updated" };
                let arn = self.owner.arn(name);
                format!("{arn} was {how} and its alarm rule evaluates to {value}")
            }
        };
        let data = bounded_triggering(triggering);
        Some((value, (reason, Some(data))))
    }

    fn triggering(&self, name: &str) -> Option<Value> {
        let state = &self.alarms.get(name)?.row.state;
        Some(json!({
            "arn": self.owner.arn(name),
            "state": {
                "value": state.value.as_str(),
                "timestamp": instant(state.transitioned_ms),
            },
        }))
    }

    fn save(&mut self, name: &str) {
        if let Some(held) = self.alarms.get(name) {
            self.staged.insert(alarm_key(name), Some(encode(&held.row)));
        }
    }

    fn save_counters(&mut self) {
        self.staged
            .insert(counters_key(), Some(encode(&self.counters)));
    }

    /// Appends an item to the history of an alarm.
    fn remember(&mut self, alarm: &str, item: &str, summary: &str, data: &Value, now_ms: i64) {
        let is_composite = self
            .alarms
            .get(alarm)
            .is_some_and(|held| held.row.is_composite());
        let row = HistoryRow {
            alarm: alarm.to_owned(),
            is_composite,
            item: item.to_owned(),
            summary: history::shortened(summary, history::SUMMARY_MAX),
            data: history::bounded(data),
        };
        let number = self.counters.next_item;
        self.counters.next_item += 1;
        self.counters.items += 1;
        self.save_counters();
        self.staged
            .insert(history_key(now_ms, number), Some(encode(&row)));
    }

    /// Removes items of history that are too old or too many, a bounded number of them.
    ///
    /// - `rows`: what is committed.
    pub fn trim_history(&mut self, rows: &MetricsReader, now_ms: i64) -> Result<(), Error> {
        let kind = Kind::History;
        let oldest = rows.scan(kind as u8, &[], None, Direction::Ascending, REMOVED_MAX)?;
        for (key, _) in oldest {
            let (at_ms, _) =
                history_place(&key).ok_or_else(|| Error::Corrupt { key: key.clone() })?;
            let is_old = at_ms < now_ms - HISTORY_KEPT_MS;
            if !is_old && self.counters.items <= HISTORY_ITEMS_MAX {
                break;
            }
            if self.staged.insert((kind, key), None).is_none() {
                self.counters.items = self.counters.items.saturating_sub(1);
                self.save_counters();
            }
        }
        Ok(())
    }
}

impl AlarmRow {
    fn is_composite(&self) -> bool {
        matches!(self.watch, Watch::Composite(_))
    }

    /// The actions of the state that it has.
    fn actions(&self) -> &[String] {
        match self.state.value {
            StateValue::Ok => &self.ok_actions,
            StateValue::Alarm => &self.alarm_actions,
            StateValue::InsufficientData => &self.insufficient_data_actions,
        }
    }
}

impl MetricWatch {
    fn period_s(&self) -> i64 {
        match &self.source {
            Source::Metric(metric) => i64::from(metric.period),
            Source::Math(queries) => math_period(queries),
        }
    }
}

/// The period of a math expression: that of its metrics; a minute where it has none.
fn math_period(queries: &[MetricDataQuery]) -> i64 {
    let of_metrics = queries.iter().filter_map(|query| {
        let stat = query.metric_stat.as_ref().map(|stat| stat.period);
        stat.or(query.period)
    });
    of_metrics.max().map_or(60, i64::from)
}

fn evaluate_metric(
    watch: &MetricWatch,
    now_ms: i64,
    values: &Values<'_>,
) -> Result<Verdict, String> {
    let periods = usize::try_from(watch.evaluation_periods)
        .unwrap_or(1)
        .max(1);
    let period_s = watch.period_s();
    let what = match &watch.source {
        Source::Metric(metric) => What::Metric {
            namespace: &metric.namespace,
            name: &metric.name,
            dimensions: &metric.dimensions,
            statistic: metric.stat(),
            unit: metric.unit.as_deref(),
        },
        Source::Math(queries) => What::Math(queries),
    };
    let points = values(Watched {
        what,
        period_s,
        end_ms: window_end(period_s, now_ms - LATENESS_MS),
        count: range_periods(periods),
    })?;
    let (statistic, unit) = match &watch.source {
        Source::Metric(metric) => (Some(metric.stat()), metric.unit.as_deref()),
        Source::Math(_) => (None, None),
    };
    let samples_min = match watch.low_samples.as_deref() {
        Some("ignore") => statistic.map_or(0.0, samples_of_percentile),
        _ => 0.0,
    };
    let criteria = Criteria {
        comparison: Comparison::parse(&watch.comparison)
            .ok_or_else(|| format!("{} is not built", watch.comparison))?,
        threshold: watch.threshold,
        evaluation_periods: periods,
        datapoints_to_alarm: watch
            .datapoints_to_alarm
            .and_then(|minimum| usize::try_from(minimum).ok()),
        missing: watch.treatment(),
        samples_min,
        period_s,
        statistic,
        unit,
    };
    Ok(evaluate(&criteria, now_ms, &points))
}

impl MetricWatch {
    fn treatment(&self) -> Missing {
        let is_dynamodb = match &self.source {
            Source::Metric(metric) => metric.namespace == "AWS/DynamoDB",
            Source::Math(_) => false,
        };
        match self.missing.as_deref().and_then(Missing::parse) {
            Some(missing) => missing,
            // AWS: alarms on metrics of DynamoDB ignore missing data if they are not told otherwise.
            None if is_dynamodb => Missing::Ignore,
            None => Missing::Missing,
        }
    }
}

impl Metric {
    fn stat(&self) -> &str {
        let extended = self.extended_statistic.as_deref();
        extended.or(self.statistic.as_deref()).unwrap_or_default()
    }
}

/// The end of the newest period that is over. AWS: windows slide by the minute; those of high resolution by their period.
fn window_end(period_s: i64, now_ms: i64) -> i64 {
    let step_ms = step_ms(period_s);
    now_ms.div_euclid(step_ms) * step_ms
}

/// AWS: "For any period of one minute or longer, an alarm is evaluated every minute"; shorter ones every period.
fn step_ms(period_s: i64) -> i64 {
    period_s.clamp(1, 60) * 1_000
}

fn next_due(period_s: i64, now_ms: i64) -> i64 {
    window_end(period_s, now_ms - LATENESS_MS) + step_ms(period_s) + LATENESS_MS
}

fn first_due(row: &AlarmRow, now_ms: i64) -> i64 {
    match &row.watch {
        Watch::Metric(watch) => next_due(watch.period_s(), now_ms),
        Watch::Composite(_) => now_ms + COMPOSITE_DELAY_MS,
    }
}

/// The suppressor's name.
fn suppressor_of(owner: &Owner, composite: &CompositeWatch) -> Option<String> {
    let suppressor = composite.suppressor.as_ref()?;
    owner.name_of(&suppressor.alarm).map(str::to_owned)
}

/// What suppresses actions, as long as some wait for it.
fn shown_phase(row: &AlarmRow) -> Phase {
    match &row.watch {
        Watch::Composite(composite) if composite.is_pending => composite.phase,
        _ => Phase::Free,
    }
}

fn forget(index: &mut BTreeMap<String, BTreeSet<String>>, from: &str, name: &str) {
    if let Some(names) = index.get_mut(from) {
        names.remove(name);
        if names.is_empty() {
            index.remove(from);
        }
    }
}

fn state_update(old: &StateRow, new: &StateRow) -> Value {
    let state = |row: &StateRow| {
        let mut state = json!({
            "stateValue": row.value.as_str(),
            "stateReason": row.reason,
        });
        let data: Option<Value> = row
            .reason_data
            .as_deref()
            .and_then(|text| serde_json::from_str(text).ok());
        if let Some(data) = data {
            state["stateReasonData"] = data;
        }
        state
    };
    json!({ "version": "1.0", "oldState": state(old), "newState": state(new) })
}

/// `StateReasonData` has 4,000 characters at most: the alarms that do not fit are left out.
fn bounded_triggering(mut alarms: Vec<Value>) -> String {
    const DATA_MAX: usize = 4_000;
    loop {
        let text = json!({ "triggeringAlarms": alarms }).to_string();
        if text.len() <= DATA_MAX || alarms.pop().is_none() {
            return text;
        }
    }
}
