//! Sampling rules and groups: created, changed, deleted.

use std::collections::BTreeMap;

use stepwell_api::{EpochSeconds, xray};
use stepwell_engine::Timestamp;
use stepwell_store::{Direction, Error};

use super::sampling::{DEFAULT_RULE, default_rule};
use crate::command::{Answered, Settings, XrayRequest};
use crate::rows::tracing::{SamplingRuleRow, TraceGroupRow, group_key, is_rule_key, rule_key};
use crate::rows::{after, decode_json, encode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// AWS: 25 sampling rules an account and region, the default one not counted.
const RULES_MAX: usize = 25;

/// AWS: 25 groups an account and region.
const GROUPS_MAX: usize = 25;

/// AWS: 50 tags a resource.
const TAGS_MAX: usize = 50;

/// Priorities of rules. Source: the model of CreateSamplingRule; an update is held to the same.
const PRIORITIES: std::ops::RangeInclusive<i32> = 1..=9_999;

type Refused = xray::Error;

impl Shard {
    /// Carries out a change of rules and groups.
    pub(crate) fn change_xray(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        request: XrayRequest,
    ) -> Done<Answered> {
        // Read again when an execution asks for them.
        self.sampling_rules = None;
        match request {
            XrayRequest::CreateSamplingRule(input) => self.create_sampling_rule(now, *input),
            XrayRequest::UpdateSamplingRule(input) => self.update_sampling_rule(now, *input),
            XrayRequest::DeleteSamplingRule(input) => {
                let row = self
                    .sampling_rule_named(input.rule_name.as_deref(), input.rule_arn.as_deref())?;
                if row.name == DEFAULT_RULE {
                    return Err(invalid("The Default rule cannot be deleted.").into());
                }
                self.staging.delete(rule_key(&row.name));
                Ok(answered(&xray::DeleteSamplingRuleResult {
                    sampling_rule_record: Some(shown_rule(&row, &self.settings)),
                }))
            }
            XrayRequest::CreateGroup(input) => self.create_group(entropy, *input),
            XrayRequest::UpdateGroup(input) => self.update_group(*input),
            XrayRequest::DeleteGroup(input) => {
                let row = self
                    .trace_group_named(input.group_name.as_deref(), input.group_arn.as_deref())?;
                self.staging.delete(group_key(&row.name));
                Ok(answered(&xray::DeleteGroupResult {}))
            }
            XrayRequest::TagResource(input) => {
                self.retag(&input.resource_arn, |tags| {
                    tags.extend(input.tags.into_iter().map(|tag| (tag.key, tag.value)));
                })?;
                Ok(answered(&xray::TagResourceResponse {}))
            }
            XrayRequest::UntagResource(input) => {
                self.retag(&input.resource_arn, |tags| {
                    tags.retain(|key, _| !input.tag_keys.contains(key));
                })?;
                Ok(answered(&xray::UntagResourceResponse {}))
            }
        }
    }

    fn create_sampling_rule(
        &mut self,
        now: Timestamp,
        input: xray::CreateSamplingRuleRequest,
    ) -> Done<Answered> {
        let rule = input.sampling_rule;
        let Some(name) = rule.rule_name else {
            return Err(invalid("RuleName must be specified.").into());
        };
        if rule.version != 1 {
            let text = format!("Version must be 1, not {}.", rule.version);
            return Err(invalid(&text).into());
        }
        check_name(&name)?;
        if name == DEFAULT_RULE || found_rule(&self.staging, &name)?.is_some() {
            let text = format!("A sampling rule with the name {name} exists already.");
            return Err(invalid(&text).into());
        }
        if rules(&self.staging)?.len() > RULES_MAX {
            let text = format!("at most {RULES_MAX} sampling rules");
            return Err(xray::Error::rule_limit_exceeded_exception(text).into());
        }
        let row = SamplingRuleRow {
            name,
            resource_arn: rule.resource_arn,
            priority: rule.priority,
            fixed_rate: rule.fixed_rate,
            reservoir_size: rule.reservoir_size,
            service_name: rule.service_name,
            service_type: rule.service_type,
            host: rule.host,
            http_method: rule.http_method,
            url_path: rule.url_path,
            attributes: rule.attributes.unwrap_or_default(),
            created_ms: now.as_millis(),
            modified_ms: now.as_millis(),
            tags: checked_tags(input.tags)?,
        };
        self.staging.put(rule_key(&row.name), encode_json(&row));
        Ok(answered(&xray::CreateSamplingRuleResult {
            sampling_rule_record: Some(shown_rule(&row, &self.settings)),
        }))
    }

    fn update_sampling_rule(
        &mut self,
        now: Timestamp,
        input: xray::UpdateSamplingRuleRequest,
    ) -> Done<Answered> {
        let update = input.sampling_rule_update;
        let mut row =
            self.sampling_rule_named(update.rule_name.as_deref(), update.rule_arn.as_deref())?;
        let is_other = update.priority.is_some()
            || update.host.is_some()
            || update.service_name.is_some()
            || update.service_type.is_some()
            || update.http_method.is_some()
            || update.url_path.is_some()
            || update.resource_arn.is_some()
            || update.attributes.is_some();
        if row.name == DEFAULT_RULE && is_other {
            let text = "Only FixedRate and ReservoirSize of the Default rule can be changed.";
            return Err(invalid(text).into());
        }
        let priority = update.priority.unwrap_or(row.priority);
        if row.name != DEFAULT_RULE && !PRIORITIES.contains(&priority) {
            return Err(invalid(&format!("Priority is 1 to 9999, not {priority}.")).into());
        }
        let fixed_rate = update.fixed_rate.unwrap_or(row.fixed_rate);
        if !(0.0..=1.0).contains(&fixed_rate) {
            return Err(invalid(&format!("FixedRate is 0 to 1, not {fixed_rate}.")).into());
        }
        row = SamplingRuleRow {
            priority,
            fixed_rate,
            reservoir_size: update.reservoir_size.unwrap_or(row.reservoir_size).max(0),
            resource_arn: update.resource_arn.unwrap_or(row.resource_arn),
            service_name: update.service_name.unwrap_or(row.service_name),
            service_type: update.service_type.unwrap_or(row.service_type),
            host: update.host.unwrap_or(row.host),
            http_method: update.http_method.unwrap_or(row.http_method),
            url_path: update.url_path.unwrap_or(row.url_path),
            attributes: update.attributes.unwrap_or(row.attributes),
            modified_ms: now.as_millis(),
            ..row
        };
        self.staging.put(rule_key(&row.name), encode_json(&row));
        Ok(answered(&xray::UpdateSamplingRuleResult {
            sampling_rule_record: Some(shown_rule(&row, &self.settings)),
        }))
    }

    fn create_group(
        &mut self,
        entropy: &[u8; 32],
        input: xray::CreateGroupRequest,
    ) -> Done<Answered> {
        let name = input.group_name;
        check_name(&name)?;
        if found_group(&self.staging, &name)?.is_some() {
            let text = format!("A group with the name {name} exists already.");
            return Err(invalid(&text).into());
        }
        if groups(&self.staging)?.len() >= GROUPS_MAX {
            return Err(invalid(&format!("at most {GROUPS_MAX} groups")).into());
        }
        let insights = input.insights_configuration.unwrap_or_default();
        let row = TraceGroupRow {
            name,
            id: stepwell_engine::entropy(entropy)
                .draw_uuid()
                .replace('-', ""),
            filter_expression: input.filter_expression,
            insights_enabled: insights.insights_enabled == Some(true),
            notifications_enabled: insights.notifications_enabled == Some(true),
            tags: checked_tags(input.tags)?,
        };
        self.staging.put(group_key(&row.name), encode_json(&row));
        Ok(answered(&xray::CreateGroupResult {
            group: Some(shown_group(&row, &self.settings)),
        }))
    }

    fn update_group(&mut self, input: xray::UpdateGroupRequest) -> Done<Answered> {
        let mut row =
            self.trace_group_named(input.group_name.as_deref(), input.group_arn.as_deref())?;
        if input.filter_expression.is_some() {
            row.filter_expression = input.filter_expression;
        }
        if let Some(insights) = input.insights_configuration {
            row.insights_enabled = insights.insights_enabled.unwrap_or(row.insights_enabled);
            row.notifications_enabled = insights
                .notifications_enabled
                .unwrap_or(row.notifications_enabled);
        }
        self.staging.put(group_key(&row.name), encode_json(&row));
        Ok(answered(&xray::UpdateGroupResult {
            group: Some(shown_group(&row, &self.settings)),
        }))
    }

    fn sampling_rule_named(&self, name: Option<&str>, arn: Option<&str>) -> Done<SamplingRuleRow> {
        let name = named(name, arn, "RuleName", "RuleARN", ":sampling-rule/")?;
        let found = found_rule(&self.staging, name)?;
        Ok(found.ok_or_else(|| invalid(&format!("Sampling rule {name} does not exist.")))?)
    }

    fn trace_group_named(&self, name: Option<&str>, arn: Option<&str>) -> Done<TraceGroupRow> {
        let name = named(name, arn, "GroupName", "GroupARN", ":group/")?;
        Ok(found_group(&self.staging, name)?.ok_or_else(|| missing(name))?)
    }

    fn retag(&mut self, arn: &str, change: impl FnOnce(&mut BTreeMap<String, String>)) -> Done<()> {
        match resource(&self.staging, arn)? {
            Some(Resource::Rule(mut row)) => {
                change(&mut row.tags);
                check_tags(&row.tags)?;
                self.staging.put(rule_key(&row.name), encode_json(&row));
            }
            Some(Resource::Group(mut row)) => {
                change(&mut row.tags);
                check_tags(&row.tags)?;
                self.staging.put(group_key(&row.name), encode_json(&row));
            }
            None => {
                let text = format!("The resource {arn} does not exist.");
                return Err(xray::Error::resource_not_found_exception(text).into());
            }
        }
        Ok(())
    }
}

/// What can have tags.
pub(crate) enum Resource {
    Rule(SamplingRuleRow),
    Group(TraceGroupRow),
}

/// The rule or the group that an ARN names.
pub(crate) fn resource(rows: &dyn Rows, arn: &str) -> Result<Option<Resource>, Error> {
    if let Some((_, name)) = arn.split_once(":sampling-rule/") {
        return Ok(found_rule(rows, name)?.map(Resource::Rule));
    }
    let Some((_, rest)) = arn.split_once(":group/") else {
        return Ok(None);
    };
    let name = rest.split('/').next().unwrap_or_default();
    Ok(found_group(rows, name)?.map(Resource::Group))
}

impl Resource {
    pub(crate) fn tags(self) -> BTreeMap<String, String> {
        match self {
            Resource::Rule(row) => row.tags,
            Resource::Group(row) => row.tags,
        }
    }
}

/// The rule of this name; the default one is always there.
pub(crate) fn found_rule(rows: &dyn Rows, name: &str) -> Result<Option<SamplingRuleRow>, Error> {
    let key = rule_key(name);
    let found = rows
        .get(&key)?
        .map(|value| decode_json(&key, &value))
        .transpose()?;
    Ok(found.or_else(|| (name == DEFAULT_RULE).then(default_rule)))
}

/// The group of this name, or of this ARN.
pub(crate) fn found_group(rows: &dyn Rows, name: &str) -> Result<Option<TraceGroupRow>, Error> {
    let name = match name.split_once(":group/") {
        Some((_, rest)) => rest.split('/').next().unwrap_or_default(),
        None => name,
    };
    let key = group_key(name);
    rows.get(&key)?
        .map(|value| decode_json(&key, &value))
        .transpose()
}

/// All rules in the order in which they are asked: by priority, then by name; the default one is the last.
pub(crate) fn rules(rows: &dyn Rows) -> Result<Vec<SamplingRuleRow>, Error> {
    let prefix = rule_key("");
    let found = rows.scan(
        &prefix,
        &after(&prefix),
        Direction::Ascending,
        RULES_MAX + 1,
    )?;
    let mut rules: Vec<SamplingRuleRow> = found
        .iter()
        .filter(|(key, _)| is_rule_key(key))
        .map(|(key, value)| decode_json(key, value))
        .collect::<Result<_, _>>()?;
    if !rules.iter().any(|rule| rule.name == DEFAULT_RULE) {
        rules.push(default_rule());
    }
    rules.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
    Ok(rules)
}

/// All groups, by name.
pub(crate) fn groups(rows: &dyn Rows) -> Result<Vec<TraceGroupRow>, Error> {
    let prefix = group_key("");
    let found = rows.scan(&prefix, &after(&prefix), Direction::Ascending, GROUPS_MAX)?;
    found
        .iter()
        .map(|(key, value)| decode_json(key, value))
        .collect()
}

pub(crate) fn shown_rule(row: &SamplingRuleRow, settings: &Settings) -> xray::SamplingRuleRecord {
    let (region, account) = (&settings.region, &settings.account);
    xray::SamplingRuleRecord {
        sampling_rule: Some(xray::SamplingRule {
            rule_arn: Some(format!(
                "arn:aws:xray:{region}:{account}:sampling-rule/{}",
                row.name
            )),
            rule_name: Some(row.name.clone()),
            resource_arn: row.resource_arn.clone(),
            priority: row.priority,
            fixed_rate: row.fixed_rate,
            reservoir_size: row.reservoir_size,
            service_name: row.service_name.clone(),
            service_type: row.service_type.clone(),
            host: row.host.clone(),
            http_method: row.http_method.clone(),
            url_path: row.url_path.clone(),
            version: 1,
            attributes: Some(row.attributes.clone()),
            ..Default::default()
        }),
        created_at: Some(EpochSeconds::from_ms(row.created_ms)),
        modified_at: Some(EpochSeconds::from_ms(row.modified_ms)),
    }
}

pub(crate) fn shown_group(row: &TraceGroupRow, settings: &Settings) -> xray::Group {
    let (region, account) = (&settings.region, &settings.account);
    xray::Group {
        group_arn: Some(format!(
            "arn:aws:xray:{region}:{account}:group/{}/{}",
            row.name, row.id
        )),
        group_name: Some(row.name.clone()),
        filter_expression: row.filter_expression.clone(),
        insights_configuration: Some(xray::InsightsConfiguration {
            insights_enabled: Some(row.insights_enabled),
            notifications_enabled: Some(row.notifications_enabled),
        }),
    }
}

/// The name that one of two members gives.
fn named<'n>(
    name: Option<&'n str>,
    arn: Option<&'n str>,
    name_member: &str,
    arn_member: &str,
    prefix: &str,
) -> Result<&'n str, Refused> {
    match (name, arn) {
        (Some(name), None) => Ok(name),
        (None, Some(arn)) => {
            let rest = arn.split_once(prefix).map(|(_, rest)| rest);
            let name = rest.and_then(|rest| rest.split('/').next());
            name.ok_or_else(|| invalid(&format!("Invalid {arn_member}: {arn}")))
        }
        _ => Err(invalid(&format!(
            "Exactly one of {name_member} and {arn_member} must be specified."
        ))),
    }
}

pub(crate) fn missing(name: &str) -> Refused {
    invalid(&format!("Group {name} does not exist."))
}

fn invalid(text: &str) -> Refused {
    xray::Error::invalid_request_exception(text)
}

/// Names are parts of ARNs.
fn check_name(name: &str) -> Result<(), Refused> {
    let is_name = name
        .chars()
        .all(|character| character.is_ascii_alphanumeric() || "-_ .".contains(character));
    if is_name {
        return Ok(());
    }
    Err(invalid(&format!(
        "The name {name} has other characters than letters, digits, '-', '_' and '.'."
    )))
}

fn checked_tags(tags: Option<Vec<xray::Tag>>) -> Result<BTreeMap<String, String>, Refused> {
    let tags = tags.unwrap_or_default();
    let tags = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    check_tags(&tags)?;
    Ok(tags)
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), Refused> {
    if tags.len() <= TAGS_MAX {
        return Ok(());
    }
    let text = format!("{} tags, at most {TAGS_MAX}", tags.len());
    Err(xray::Error::too_many_tags_exception(text))
}

fn answered(output: &impl serde::Serialize) -> Answered {
    Answered::Xray(serde_json::to_vec(output).expect("a generated shape has text keys only"))
}
