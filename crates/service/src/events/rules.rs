//! Rules and their targets.

use stepwell_api::events;
use stepwell_engine::Timestamp;
use stepwell_store::{Direction, Error};

use super::buses::DEFAULT_BUS;
use super::pattern::Pattern;
use super::{body, check_tags, invalid, nothing, tag_map, targets, too_many, transform};
use crate::command::{Answered, Settings};
use crate::rows::event::{EventRuleRow, event_rule_key, event_rules_of};
use crate::rows::schedule::Ticking;
use crate::rows::{after, decode_json, encode_json};
use crate::schedules::expression::Expression;
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// Rules of a bus. Source: EventBridge quotas.
const RULES_MAX: usize = 300;

/// Targets of a rule. Source: EventBridge quotas.
const TARGETS_MAX: usize = 5;

impl Shard {
    pub(super) fn put_rule(
        &mut self,
        now: Timestamp,
        input: events::PutRuleRequest,
    ) -> Done<Answered> {
        let bus = self.bus_of(input.event_bus_name.as_deref())?;
        check_rule(&input, &bus)?;
        if let Some(role_arn) = &input.role_arn {
            self.check_events_role(role_arn)?;
        }
        let before = find_rule(&self.staging, &bus, &input.name)?;
        if before.is_none() && self.rules_of(&bus)? >= RULES_MAX {
            return Err(too_many().into());
        }
        // AWS: tags of a rule that exists are not touched.
        let tags = match &before {
            Some(before) => before.tags.clone(),
            None => tag_map(input.tags.unwrap_or_default()),
        };
        check_tags(&tags)?;
        let state = input.state.unwrap_or_else(|| "ENABLED".to_string());
        // A rate goes on counting unless it is another one, or was off.
        let anchor_ms = before
            .as_ref()
            .filter(|before| before.schedule == input.schedule_expression && before.is_enabled())
            .map_or(now.as_millis(), |before| before.anchor_ms);
        let mut rule = EventRuleRow {
            name: input.name,
            pattern: input.event_pattern,
            schedule: input.schedule_expression,
            state,
            description: input.description,
            role_arn: input.role_arn,
            targets: before
                .as_ref()
                .map_or_else(Vec::new, |before| before.targets.clone()),
            tags,
            anchor_ms,
            due_ms: before.and_then(|before| before.due_ms),
            bus,
        };
        self.wind_rule(now, &mut rule);
        let arn = rule_arn(&rule.bus, &rule.name, &self.settings);
        Ok(body(&events::PutRuleResponse {
            rule_arn: Some(arn),
        }))
    }

    /// AWS: deleting a rule that does not exist succeeds.
    pub(super) fn delete_rule(&mut self, input: &events::DeleteRuleRequest) -> Done<Answered> {
        let bus = self.bus_of(input.event_bus_name.as_deref())?;
        let Some(rule) = find_rule(&self.staging, &bus, &input.name)? else {
            return Ok(nothing());
        };
        if !rule.targets.is_empty() {
            let text = "Rule can't be deleted since it has targets.";
            return Err(invalid(text).into());
        }
        self.set_due(rule.ticking(), rule.due_ms, None);
        self.staging.delete(event_rule_key(&bus, &input.name));
        self.compiled.forget(&bus);
        Ok(nothing())
    }

    pub(super) fn set_rule_state(
        &mut self,
        now: Timestamp,
        bus: Option<&str>,
        name: &str,
        is_enabled: bool,
    ) -> Done<Answered> {
        let mut rule = self.rule_named(bus, name)?;
        if rule.is_enabled() != is_enabled {
            let state = if is_enabled { "ENABLED" } else { "DISABLED" };
            rule.state = state.to_string();
            rule.anchor_ms = now.as_millis();
            self.wind_rule(now, &mut rule);
        }
        Ok(nothing())
    }

    pub(super) fn put_targets(&mut self, input: events::PutTargetsRequest) -> Done<Answered> {
        let mut rule = self.rule_named(input.event_bus_name.as_deref(), &input.rule)?;
        for target in input.targets {
            targets::check(&target, &self.settings)?;
            transform::check(&target).map_err(invalid)?;
            if let Some(role_arn) = &target.role_arn {
                self.check_events_role(role_arn)?;
            }
            match rule.targets.iter_mut().find(|one| one.id == target.id) {
                Some(before) => *before = target,
                None => rule.targets.push(target),
            }
        }
        if rule.targets.len() > TARGETS_MAX {
            return Err(too_many().into());
        }
        self.put_rule_row(&rule);
        Ok(body(&events::PutTargetsResponse {
            failed_entry_count: Some(0),
            failed_entries: Some(Vec::new()),
        }))
    }

    pub(super) fn remove_targets(
        &mut self,
        input: &events::RemoveTargetsRequest,
    ) -> Done<Answered> {
        let mut rule = self.rule_named(input.event_bus_name.as_deref(), &input.rule)?;
        rule.targets
            .retain(|target| !input.ids.contains(&target.id));
        self.put_rule_row(&rule);
        Ok(body(&events::RemoveTargetsResponse {
            failed_entry_count: Some(0),
            failed_entries: Some(Vec::new()),
        }))
    }

    pub(super) fn rule_named(&self, bus: Option<&str>, name: &str) -> Done<EventRuleRow> {
        let bus = self.bus_of(bus)?;
        Ok(find_rule(&self.staging, &bus, name)?.ok_or_else(|| missing_rule(&bus, name))?)
    }

    /// Writes a rule, and when it is due next.
    fn wind_rule(&mut self, now: Timestamp, rule: &mut EventRuleRow) {
        let due_ms = rule.next_due(now.as_millis());
        self.set_due(rule.ticking(), rule.due_ms, due_ms);
        rule.due_ms = due_ms;
        self.put_rule_row(rule);
    }

    pub(crate) fn put_rule_row(&mut self, rule: &EventRuleRow) {
        self.compiled.forget(&rule.bus);
        self.staging
            .put(event_rule_key(&rule.bus, &rule.name), encode_json(rule));
    }

    fn rules_of(&self, bus: &str) -> Result<usize, Error> {
        let all = event_rules_of(bus);
        let rows = self
            .staging
            .scan(&all, &after(&all), Direction::Ascending, RULES_MAX)?;
        Ok(rows.len())
    }
}

impl EventRuleRow {
    pub(crate) fn is_enabled(&self) -> bool {
        self.state != "DISABLED"
    }

    pub(crate) fn ticking(&self) -> Ticking {
        Ticking::Rule(self.bus.clone(), self.name.clone())
    }

    /// When its schedule is due after an instant. AWS: rules are in UTC; a rate counts from the rule's beginning.
    pub(crate) fn next_due(&self, after_ms: i64) -> Option<i64> {
        if !self.is_enabled() {
            return None;
        }
        let expression = Expression::parse(self.schedule.as_deref()?)?;
        let after_ms = after_ms.max(self.anchor_ms);
        expression.next(after_ms, self.anchor_ms, &jiff::tz::TimeZone::UTC)
    }
}

/// AWS's order: what there must be, the schedule, the pattern.
fn check_rule(input: &events::PutRuleRequest, bus: &str) -> Result<(), events::Error> {
    if input.event_pattern.is_none() && input.schedule_expression.is_none() {
        return Err(invalid(
            "Parameter(s) EventPattern or ScheduleExpression must be specified.",
        ));
    }
    if let Some(text) = &input.schedule_expression {
        if bus != DEFAULT_BUS {
            return Err(invalid(
                "ScheduleExpression is supported only on the default event bus.",
            ));
        }
        // AWS: rules know rates and cron; instants are the Scheduler's.
        if !matches!(
            Expression::parse(text),
            Some(Expression::Rate(_) | Expression::Cron(_))
        ) {
            return Err(invalid("Parameter ScheduleExpression is not valid."));
        }
    }
    match &input.event_pattern {
        Some(text) => check_pattern(text).map(drop),
        None => Ok(()),
    }
}

/// Reads an event pattern; errors: `InvalidEventPatternException`.
pub(crate) fn check_pattern(text: &str) -> Result<Pattern, events::Error> {
    Pattern::parse(text).map_err(|reason| {
        events::Error::invalid_event_pattern_exception(format!(
            "Event pattern is not valid. Reason: {reason}"
        ))
    })
}

/// The rule with this name.
pub(crate) fn find_rule(
    rows: &dyn Rows,
    bus: &str,
    name: &str,
) -> Result<Option<EventRuleRow>, Error> {
    let key = event_rule_key(bus, name);
    rows.get(&key)?
        .map(|value| decode_json(&key, &value))
        .transpose()
}

/// AWS: the bus stands in a rule's ARN unless it is the default one.
pub(crate) fn rule_arn(bus: &str, name: &str, settings: &Settings) -> String {
    let prefix = arn_prefix(settings);
    if bus == DEFAULT_BUS {
        return format!("{prefix}{name}");
    }
    format!("{prefix}{bus}/{name}")
}

/// Bus and name in the ARN of a rule of this account and region.
pub(crate) fn rule_in<'a>(arn: &'a str, settings: &Settings) -> Option<(&'a str, &'a str)> {
    let rule = arn.strip_prefix(&arn_prefix(settings))?;
    Some(rule.rsplit_once('/').unwrap_or((DEFAULT_BUS, rule)))
}

pub(crate) fn missing_rule(bus: &str, name: &str) -> events::Error {
    events::Error::resource_not_found_exception(format!(
        "Rule {name} does not exist on EventBus {bus}."
    ))
}

fn arn_prefix(settings: &Settings) -> String {
    format!(
        "arn:aws:events:{}:{}:rule/",
        settings.region, settings.account
    )
}
