//! EventBridge: what describes and lists.

use serde_json::Value;
use stepwell_api::{EpochSeconds, events};
use stepwell_store::Direction;

use super::{Read, Reader, settle};
use crate::events::{
    DEFAULT_BUS, bus_arn, bus_in, bus_named, check_pattern, dead_letter_config, find_bus,
    find_rule, missing_bus, missing_resource, missing_rule, rule_arn, rule_in, shown_tags,
};
use crate::rows::event::{EventBusRow, EventRuleRow, event_bus_key, event_rules_of};
use crate::rows::{after, decode_json};
use crate::shard::Done;
use crate::staging::Rows;

/// Results on a page. Source: the API's `Limit`.
const PAGE_MAX: usize = 100;

/// What an event must have for TestEventPattern. Source: its documentation.
const EVENT_MEMBERS: [&str; 7] = [
    "id",
    "account",
    "source",
    "time",
    "region",
    "resources",
    "detail-type",
];

impl Reader {
    pub fn describe_event_bus(
        &self,
        input: &events::DescribeEventBusRequest,
    ) -> Read<events::DescribeEventBusResponse> {
        settle(self.described_bus(input))
    }

    fn described_bus(
        &self,
        input: &events::DescribeEventBusRequest,
    ) -> Done<events::DescribeEventBusResponse> {
        let name = bus_named(input.name.as_deref(), &self.settings)?;
        let bus = find_bus(&self.snapshot, self.now.as_millis(), &name)?
            .ok_or_else(|| missing_bus(&name))?;
        Ok(events::DescribeEventBusResponse {
            arn: Some(bus_arn(&name, &self.settings)),
            dead_letter_config: dead_letter_config(&bus),
            creation_time: Some(EpochSeconds::from_ms(bus.created_ms)),
            last_modified_time: Some(EpochSeconds::from_ms(bus.modified_ms)),
            policy: bus.policy,
            description: bus.description,
            kms_key_identifier: bus.kms_key,
            name: Some(name),
            ..Default::default()
        })
    }

    pub fn list_event_buses(
        &self,
        input: &events::ListEventBusesRequest,
    ) -> Read<events::ListEventBusesResponse> {
        settle(self.event_buses(input))
    }

    fn event_buses(
        &self,
        input: &events::ListEventBusesRequest,
    ) -> Done<events::ListEventBusesResponse> {
        let all = event_bus_key("");
        let rows = Rows::scan(
            &self.snapshot,
            &all,
            &after(&all),
            Direction::Ascending,
            usize::MAX,
        )?;
        let mut buses = rows
            .iter()
            .map(|(key, value)| decode_json(key, value))
            .collect::<Result<Vec<EventBusRow>, _>>()?;
        if !buses.iter().any(|bus| bus.name == DEFAULT_BUS) {
            buses.extend(find_bus(&self.snapshot, self.now.as_millis(), DEFAULT_BUS)?);
            buses.sort_by(|one, other| one.name.cmp(&other.name));
        }
        let prefix = input.name_prefix.as_deref().unwrap_or_default();
        buses.retain(|bus| bus.name.starts_with(prefix));
        let (buses, next_token) = self.page(buses, input.limit, input.next_token.as_deref())?;
        let shown = buses.into_iter().map(|bus| events::EventBus {
            arn: Some(bus_arn(&bus.name, &self.settings)),
            name: Some(bus.name),
            policy: bus.policy,
            description: bus.description,
            creation_time: Some(EpochSeconds::from_ms(bus.created_ms)),
            last_modified_time: Some(EpochSeconds::from_ms(bus.modified_ms)),
            ..Default::default()
        });
        Ok(events::ListEventBusesResponse {
            event_buses: Some(shown.collect()),
            next_token,
        })
    }

    pub fn describe_rule(
        &self,
        input: &events::DescribeRuleRequest,
    ) -> Read<events::DescribeRuleResponse> {
        settle(self.described_rule(input))
    }

    fn described_rule(
        &self,
        input: &events::DescribeRuleRequest,
    ) -> Done<events::DescribeRuleResponse> {
        let rule = self.rule(input.event_bus_name.as_deref(), &input.name)?;
        Ok(events::DescribeRuleResponse {
            arn: Some(rule_arn(&rule.bus, &rule.name, &self.settings)),
            name: Some(rule.name),
            event_pattern: rule.pattern,
            schedule_expression: rule.schedule,
            state: Some(rule.state),
            description: rule.description,
            role_arn: rule.role_arn,
            event_bus_name: Some(rule.bus),
            created_by: Some(self.settings.account.clone()),
            managed_by: None,
        })
    }

    pub fn list_rules(&self, input: &events::ListRulesRequest) -> Read<events::ListRulesResponse> {
        settle(self.listed_rules(input))
    }

    fn listed_rules(&self, input: &events::ListRulesRequest) -> Done<events::ListRulesResponse> {
        let bus = self.event_bus(input.event_bus_name.as_deref())?;
        let mut rules = self.rules_of(&bus)?;
        let prefix = input.name_prefix.as_deref().unwrap_or_default();
        rules.retain(|rule| rule.name.starts_with(prefix));
        let (rules, next_token) = self.page(rules, input.limit, input.next_token.as_deref())?;
        let shown = rules.into_iter().map(|rule| events::Rule {
            arn: Some(rule_arn(&rule.bus, &rule.name, &self.settings)),
            name: Some(rule.name),
            event_pattern: rule.pattern,
            state: Some(rule.state),
            description: rule.description,
            schedule_expression: rule.schedule,
            role_arn: rule.role_arn,
            event_bus_name: Some(rule.bus),
            managed_by: None,
        });
        Ok(events::ListRulesResponse {
            rules: Some(shown.collect()),
            next_token,
        })
    }

    pub fn list_rule_names_by_target(
        &self,
        input: &events::ListRuleNamesByTargetRequest,
    ) -> Read<events::ListRuleNamesByTargetResponse> {
        settle(self.rule_names_by_target(input))
    }

    fn rule_names_by_target(
        &self,
        input: &events::ListRuleNamesByTargetRequest,
    ) -> Done<events::ListRuleNamesByTargetResponse> {
        let bus = self.event_bus(input.event_bus_name.as_deref())?;
        let rules = self.rules_of(&bus)?.into_iter();
        let names = rules
            .filter(|rule| {
                rule.targets
                    .iter()
                    .any(|target| target.arn == input.target_arn)
            })
            .map(|rule| rule.name)
            .collect();
        let (names, next_token) = self.page(names, input.limit, input.next_token.as_deref())?;
        Ok(events::ListRuleNamesByTargetResponse {
            rule_names: Some(names),
            next_token,
        })
    }

    pub fn list_targets_by_rule(
        &self,
        input: &events::ListTargetsByRuleRequest,
    ) -> Read<events::ListTargetsByRuleResponse> {
        settle(self.targets_by_rule(input))
    }

    fn targets_by_rule(
        &self,
        input: &events::ListTargetsByRuleRequest,
    ) -> Done<events::ListTargetsByRuleResponse> {
        let rule = self.rule(input.event_bus_name.as_deref(), &input.rule)?;
        let page = self.page(rule.targets, input.limit, input.next_token.as_deref())?;
        Ok(events::ListTargetsByRuleResponse {
            targets: Some(page.0),
            next_token: page.1,
        })
    }

    pub fn list_event_tags(
        &self,
        input: &events::ListTagsForResourceRequest,
    ) -> Read<events::ListTagsForResourceResponse> {
        settle(self.event_tags(input))
    }

    fn event_tags(
        &self,
        input: &events::ListTagsForResourceRequest,
    ) -> Done<events::ListTagsForResourceResponse> {
        let arn = &input.resource_arn;
        let tags = match (rule_in(arn, &self.settings), bus_in(arn, &self.settings)) {
            (Some((bus, name)), _) => self.rule(Some(bus), name)?.tags,
            (None, Some(bus)) => {
                find_bus(&self.snapshot, 0, bus)?
                    .ok_or_else(|| missing_resource(arn))?
                    .tags
            }
            (None, None) => return Err(missing_resource(arn).into()),
        };
        Ok(events::ListTagsForResourceResponse {
            tags: Some(shown_tags(tags)),
        })
    }

    /// - Errors: `InvalidEventPatternException`; `ValidationException` where the event lacks a member.
    pub fn test_event_pattern(
        input: &events::TestEventPatternRequest,
    ) -> Result<events::TestEventPatternResponse, events::Error> {
        let pattern = check_pattern(&input.event_pattern)?;
        let event: Value = serde_json::from_str(&input.event).unwrap_or(Value::Null);
        let missing = EVENT_MEMBERS
            .iter()
            .find(|name| event.get(**name).is_none());
        if let Some(missing) = missing {
            return Err(events::Error::constraint_violation(format!(
                "Parameter Event is not valid. Reason: it is no event with the member {missing}."
            )));
        }
        Ok(events::TestEventPatternResponse {
            result: Some(pattern.matches(&event)),
        })
    }

    fn event_bus(&self, name: Option<&str>) -> Done<String> {
        let name = bus_named(name, &self.settings)?;
        find_bus(&self.snapshot, 0, &name)?.ok_or_else(|| missing_bus(&name))?;
        Ok(name)
    }

    fn rule(&self, bus: Option<&str>, name: &str) -> Done<EventRuleRow> {
        let bus = self.event_bus(bus)?;
        Ok(find_rule(&self.snapshot, &bus, name)?.ok_or_else(|| missing_rule(&bus, name))?)
    }

    fn rules_of(&self, bus: &str) -> Done<Vec<EventRuleRow>> {
        let all = event_rules_of(bus);
        let rows = Rows::scan(
            &self.snapshot,
            &all,
            &after(&all),
            Direction::Ascending,
            usize::MAX,
        )?;
        let rules = rows.iter().map(|(key, value)| decode_json(key, value));
        Ok(rules.collect::<Result<_, _>>()?)
    }

    /// A page of a list that is bounded anyway; its token says at which place the next one begins.
    pub(super) fn page<T>(
        &self,
        mut all: Vec<T>,
        limit: Option<i32>,
        token: Option<&str>,
    ) -> Done<(Vec<T>, Option<String>)> {
        let invalid = || events::Error::constraint_violation("Invalid pagination token.");
        let start = match token {
            None => 0,
            Some(token) => {
                let key = self.read_token(token).ok_or_else(invalid)?;
                let bytes: [u8; 8] = key.try_into().map_err(|_| invalid())?;
                usize::try_from(u64::from_be_bytes(bytes)).map_err(|_| invalid())?
            }
        };
        let limit = limit
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(PAGE_MAX);
        let mut rest = all.split_off(start.min(all.len()));
        let end = start + limit;
        let is_more = rest.len() > limit;
        rest.truncate(limit);
        let token = is_more.then(|| self.token_of(&(end as u64).to_be_bytes()));
        Ok((rest, token))
    }
}
