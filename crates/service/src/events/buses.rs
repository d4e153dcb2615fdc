//! Event buses.

use stepwell_api::events;
use stepwell_engine::Timestamp;
use stepwell_store::{Direction, Error};

use super::{body, check_tags, invalid, nothing, tag_map, too_many};
use crate::command::{Answered, Settings};
use crate::rows::event::{EventBusRow, event_bus_key, event_rules_of};
use crate::rows::{after, decode_json, encode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// The bus that every account has.
pub(crate) const DEFAULT_BUS: &str = "default";

/// Buses of an account. Source: EventBridge quotas.
const BUSES_MAX: usize = 100;

impl Shard {
    pub(super) fn create_event_bus(
        &mut self,
        now: Timestamp,
        input: events::CreateEventBusRequest,
    ) -> Done<Answered> {
        let name = input.name;
        if input.event_source_name.is_some() || name.starts_with("aws.") {
            let text = "Stepwell does not implement event buses of partner event sources";
            return Err(events::Error::not_implemented(text).into());
        }
        if name.contains('/') {
            let text = format!("Event bus name {name} is not valid: it must not contain '/'.");
            return Err(invalid(text).into());
        }
        if find_bus(&self.staging, now.as_millis(), &name)?.is_some() {
            let text = format!("Event bus {name} already exists.");
            return Err(events::Error::resource_already_exists_exception(text).into());
        }
        if self.buses()? >= BUSES_MAX {
            return Err(too_many().into());
        }
        let tags = tag_map(input.tags.unwrap_or_default());
        check_tags(&tags)?;
        let bus = EventBusRow {
            name,
            created_ms: now.as_millis(),
            modified_ms: now.as_millis(),
            description: input.description,
            kms_key: input.kms_key_identifier,
            dead_letter: input.dead_letter_config.and_then(|config| config.arn),
            policy: None,
            tags,
        };
        self.put_bus(&bus);
        Ok(body(&events::CreateEventBusResponse {
            event_bus_arn: Some(bus_arn(&bus.name, &self.settings)),
            description: bus.description.clone(),
            kms_key_identifier: bus.kms_key.clone(),
            dead_letter_config: dead_letter_config(&bus),
            log_config: None,
        }))
    }

    pub(super) fn update_event_bus(
        &mut self,
        now: Timestamp,
        input: events::UpdateEventBusRequest,
    ) -> Done<Answered> {
        let name = bus_named(input.name.as_deref(), &self.settings)?;
        let mut bus =
            find_bus(&self.staging, now.as_millis(), &name)?.ok_or_else(|| missing_bus(&name))?;
        bus.modified_ms = now.as_millis();
        bus.description = input.description.or(bus.description);
        bus.kms_key = input.kms_key_identifier.or(bus.kms_key);
        if let Some(config) = input.dead_letter_config {
            bus.dead_letter = config.arn;
        }
        self.put_bus(&bus);
        Ok(body(&events::UpdateEventBusResponse {
            arn: Some(bus_arn(&name, &self.settings)),
            description: bus.description.clone(),
            kms_key_identifier: bus.kms_key.clone(),
            dead_letter_config: dead_letter_config(&bus),
            name: Some(name),
            log_config: None,
        }))
    }

    /// AWS: deleting a bus that does not exist succeeds.
    pub(super) fn delete_event_bus(
        &mut self,
        input: &events::DeleteEventBusRequest,
    ) -> Done<Answered> {
        let name = bus_named(Some(&input.name), &self.settings)?;
        if name == DEFAULT_BUS {
            return Err(invalid("Cannot delete event bus default.").into());
        }
        let rules = event_rules_of(&name);
        let left = self
            .staging
            .scan(&rules, &after(&rules), Direction::Ascending, 1)?;
        if !left.is_empty() {
            let text = "Event bus can't be deleted since it has rules.";
            return Err(invalid(text).into());
        }
        self.staging.delete(event_bus_key(&name));
        Ok(nothing())
    }

    pub(super) fn put_bus(&mut self, bus: &EventBusRow) {
        self.staging.put(event_bus_key(&bus.name), encode_json(bus));
    }

    fn buses(&self) -> Result<usize, Error> {
        let all = event_bus_key("");
        let rows = self
            .staging
            .scan(&all, &after(&all), Direction::Ascending, BUSES_MAX)?;
        Ok(rows.len())
    }

    /// That the bus exists which a request names.
    pub(super) fn bus_of(&self, name: Option<&str>) -> Done<String> {
        let name = bus_named(name, &self.settings)?;
        find_bus(&self.staging, 0, &name)?.ok_or_else(|| missing_bus(&name))?;
        Ok(name)
    }
}

/// The bus with this name; the default bus is always there.
pub(crate) fn find_bus(
    rows: &dyn Rows,
    now_ms: i64,
    name: &str,
) -> Result<Option<EventBusRow>, Error> {
    let key = event_bus_key(name);
    if let Some(value) = rows.get(&key)? {
        return decode_json(&key, &value).map(Some);
    }
    Ok((name == DEFAULT_BUS).then(|| EventBusRow {
        name: name.to_string(),
        created_ms: now_ms,
        modified_ms: now_ms,
        description: None,
        kms_key: None,
        dead_letter: None,
        policy: None,
        tags: Default::default(),
    }))
}

pub(crate) fn bus_arn(name: &str, settings: &Settings) -> String {
    format!("{}{name}", arn_prefix(settings))
}

/// The name in the ARN of a bus of this account and region.
pub(crate) fn bus_in<'a>(arn: &'a str, settings: &Settings) -> Option<&'a str> {
    arn.strip_prefix(&arn_prefix(settings))
}

/// The name of the bus that a request names by name or ARN, or does not name.
pub(crate) fn bus_named(name: Option<&str>, settings: &Settings) -> Result<String, events::Error> {
    match name {
        None => Ok(DEFAULT_BUS.to_string()),
        Some(arn) if arn.starts_with("arn:") => bus_in(arn, settings)
            .map(str::to_string)
            .ok_or_else(|| missing_bus(arn)),
        Some(name) => Ok(name.to_string()),
    }
}

pub(crate) fn missing_bus(name: &str) -> events::Error {
    events::Error::resource_not_found_exception(format!("Event bus {name} does not exist."))
}

pub(crate) fn dead_letter_config(bus: &EventBusRow) -> Option<events::DeadLetterConfig> {
    bus.dead_letter
        .clone()
        .map(|arn| events::DeadLetterConfig { arn: Some(arn) })
}

fn arn_prefix(settings: &Settings) -> String {
    format!(
        "arn:aws:events:{}:{}:event-bus/",
        settings.region, settings.account
    )
}
