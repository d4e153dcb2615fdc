//! EventBridge: buses, rules and what their targets get.

mod buses;
mod connections;
mod destinations;
pub(crate) mod pattern;
mod permissions;
mod publish;
mod rules;
mod status;
mod targets;
mod task;
pub(crate) mod transform;
mod webhook;
mod wildcard;

use std::collections::BTreeMap;

use stepwell_api::events;
use stepwell_engine::Timestamp;

use crate::command::{Answered, EventsRequest};
use crate::shard::{Done, Shard};

pub(crate) use buses::{
    DEFAULT_BUS, bus_arn, bus_in, bus_named, dead_letter_config, find_bus, missing_bus,
};
pub(crate) use connections::{
    connection_arn, connection_at, find_connection, missing_connection, shown as shown_auth,
};
pub(crate) use destinations::{
    RATE_DEFAULT, api_destination_arn, api_destination_at, find_api_destination,
    missing_api_destination, state_of as api_destination_state,
};
pub(crate) use publish::{Compiled, OnItsWay, PublishedEvent, derived};
pub(crate) use rules::{check_pattern, find_rule, missing_rule, rule_arn, rule_in};
pub(crate) use status::StatusChange;
pub(crate) use task::{PutCall, is_put, put_call};
pub(crate) use webhook::call_of as webhook_call;

/// Tags on one resource. Source: TagResource of EventBridge.
const TAGS_MAX: usize = 50;

impl Shard {
    /// Carries out a change of EventBridge.
    pub(crate) fn change_events(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        request: EventsRequest,
    ) -> Done<Answered> {
        match request {
            EventsRequest::CreateEventBus(input) => self.create_event_bus(now, input),
            EventsRequest::UpdateEventBus(input) => self.update_event_bus(now, input),
            EventsRequest::DeleteEventBus(input) => self.delete_event_bus(&input),
            EventsRequest::PutRule(input) => self.put_rule(now, input),
            EventsRequest::DeleteRule(input) => self.delete_rule(&input),
            EventsRequest::EnableRule(input) => {
                self.set_rule_state(now, input.event_bus_name.as_deref(), &input.name, true)
            }
            EventsRequest::DisableRule(input) => {
                self.set_rule_state(now, input.event_bus_name.as_deref(), &input.name, false)
            }
            EventsRequest::PutTargets(input) => self.put_targets(input),
            EventsRequest::RemoveTargets(input) => self.remove_targets(&input),
            EventsRequest::PutPermission(input) => self.put_bus_permission(now, input),
            EventsRequest::RemovePermission(input) => self.remove_bus_permission(now, &input),
            EventsRequest::PutEvents(input) => self.put_events(now, entropy, input),
            EventsRequest::CreateConnection(input) => self.create_connection(now, entropy, *input),
            EventsRequest::UpdateConnection(input) => self.update_connection(now, *input),
            EventsRequest::DeauthorizeConnection(input) => self.deauthorize_connection(now, &input),
            EventsRequest::DeleteConnection(input) => self.delete_connection(&input),
            EventsRequest::EndAuthorization {
                connection,
                modified_ms,
                refused,
            } => self.end_authorization(now, &connection, modified_ms, refused),
            EventsRequest::CreateApiDestination(input) => {
                self.create_api_destination(now, entropy, input)
            }
            EventsRequest::UpdateApiDestination(input) => self.update_api_destination(now, input),
            EventsRequest::DeleteApiDestination(input) => self.delete_api_destination(&input),
            EventsRequest::TagResource(input) => {
                self.tag_events(now, &input.resource_arn, |tags| {
                    tags.extend(tag_map(input.tags.clone()));
                })
            }
            EventsRequest::UntagResource(input) => {
                self.tag_events(now, &input.resource_arn, |tags| {
                    tags.retain(|key, _| !input.tag_keys.contains(key));
                })
            }
        }
    }

    fn tag_events(
        &mut self,
        now: Timestamp,
        arn: &str,
        change: impl FnOnce(&mut BTreeMap<String, String>),
    ) -> Done<Answered> {
        if let Some((bus, name)) = rule_in(arn, &self.settings) {
            let mut rule = self.rule_named(Some(bus), name)?;
            change(&mut rule.tags);
            check_tags(&rule.tags)?;
            self.put_rule_row(&rule);
        } else {
            let name = bus_in(arn, &self.settings).ok_or_else(|| missing_resource(arn))?;
            let mut bus = find_bus(&self.staging, now.as_millis(), name)?
                .ok_or_else(|| missing_resource(arn))?;
            change(&mut bus.tags);
            check_tags(&bus.tags)?;
            self.put_bus(&bus);
        }
        Ok(body(&events::TagResourceResponse {}))
    }
}

/// The answer of an operation.
fn body(output: &impl serde::Serialize) -> Answered {
    Answered::Events(serde_json::to_vec(output).expect("a generated shape has text keys only"))
}

/// The answer of an operation that gives nothing: an empty body.
fn nothing() -> Answered {
    Answered::Events(Vec::new())
}

fn invalid(text: impl Into<String>) -> events::Error {
    events::Error::constraint_violation(text)
}

pub(crate) fn missing_resource(arn: &str) -> events::Error {
    events::Error::resource_not_found_exception(format!("Resource {arn} does not exist."))
}

fn too_many() -> events::Error {
    events::Error::limit_exceeded_exception(
        "The requested resource exceeds the maximum number allowed.",
    )
}

fn tag_map(tags: Vec<events::Tag>) -> BTreeMap<String, String> {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

pub(crate) fn shown_tags(tags: BTreeMap<String, String>) -> Vec<events::Tag> {
    tags.into_iter()
        .map(|(key, value)| events::Tag { key, value })
        .collect()
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), events::Error> {
    if tags.len() <= TAGS_MAX {
        return Ok(());
    }
    Err(invalid(format!("{} tags, at most {TAGS_MAX}", tags.len())))
}
