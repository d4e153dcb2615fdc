//! Events: taken, matched with the rules of their bus, and handed to targets.
//!
//! An event is a row in the index of what is due. The tick that follows hands it on, in the same commit where that has
//! room for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stepwell_api::events;
use stepwell_engine::Timestamp;
use stepwell_store::{Direction, Error};

use super::pattern::Pattern;
use super::transform::{self, Origin};
use super::{body, bus_in, bus_named, find_bus, rule_arn, targets, webhook};
use crate::command::{Answered, BusEvent, Settings};
use crate::rows::event::{EventRuleRow, event_rules_of};
use crate::rows::schedule::Ticking;
use crate::rows::{after, decode_json, encode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// Bytes of one PutEvents. Source: "Sending events with PutEvents" of EventBridge.
const ENTRY_BYTES_MAX: usize = 1 << 20;

/// Bytes that an entry's time counts for. Source: "Calculating event entry size".
const TIME_BYTES: usize = 14;

/// Buses that an event goes on to. AWS: from bus to bus, and not to a third one.
const BUS_HOPS_MAX: u32 = 1;

/// An event as a bus carries it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PublishedEvent {
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) detail_type: String,
    pub(crate) time_ms: i64,
    pub(crate) resources: Vec<String>,
    pub(crate) detail: Value,
    pub(crate) trace_header: Option<String>,
}

impl PublishedEvent {
    /// The event as rules and targets see it.
    fn value(&self, settings: &Settings) -> Value {
        json!({
            "version": "0",
            "id": self.id,
            "detail-type": self.detail_type,
            "source": self.source,
            "account": settings.account,
            "time": seconds(self.time_ms),
            "region": settings.region,
            "resources": self.resources,
            "detail": self.detail,
        })
    }
}

/// An event that not all rules have handed on yet: a row of the index of what is due.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OnItsWay {
    event: PublishedEvent,
    /// Buses that it has been handed on to.
    hops: u32,
    /// Rules up to this name are done.
    after_rule: Option<String>,
}

/// AWS: an event's time has no fraction.
fn seconds(ms: i64) -> String {
    Timestamp::from_millis(ms.div_euclid(1_000) * 1_000).shortest()
}

/// Code and message of an entry that is not taken.
type EntryFailure = (&'static str, String);

/// An enabled rule, read.
pub(super) type CompiledRule = (Pattern, EventRuleRow);

/// The enabled rules with a pattern, read once for each bus.
#[derive(Default)]
pub(crate) struct Compiled {
    rules: BTreeMap<String, Arc<Vec<CompiledRule>>>,
    /// Whether a rule of the default bus may want the status changes of executions; `None`: not asked yet.
    pub(super) wants_status: Option<bool>,
}

impl Compiled {
    /// A rule of the bus has changed.
    pub(crate) fn forget(&mut self, bus: &str) {
        self.rules.remove(bus);
        self.wants_status = None;
    }
}

impl Shard {
    pub(super) fn put_events(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        input: events::PutEventsRequest,
    ) -> Done<Answered> {
        if input.endpoint_id.is_some() {
            let text = "Stepwell does not implement global endpoints of EventBridge yet";
            return Err(events::Error::not_implemented(text).into());
        }
        let bytes: usize = input.entries.iter().map(entry_bytes).sum();
        if bytes > ENTRY_BYTES_MAX {
            let text = format!(
                "Total size of the entries in the request is over the limit: {bytes} bytes, at most {ENTRY_BYTES_MAX}."
            );
            return Err(super::invalid(text).into());
        }
        let mut results = Vec::new();
        for (at, entry) in input.entries.into_iter().enumerate() {
            let entropy = derived(entropy, &at.to_be_bytes());
            results.push(self.put_entry(now, &entropy, entry)?);
        }
        let failed = results
            .iter()
            .filter(|result| result.error_code.is_some())
            .count();
        Ok(body(&events::PutEventsResponse {
            failed_entry_count: Some(i32::try_from(failed).unwrap_or(i32::MAX)),
            entries: Some(results),
        }))
    }

    fn put_entry(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        entry: events::PutEventsRequestEntry,
    ) -> Done<events::PutEventsResultEntry> {
        let (bus, event) = match self.read_entry(now, entropy, entry)? {
            Ok(read) => read,
            Err((code, message)) => return Ok(failed(code, message)),
        };
        if self.deliveries.is_nearly_full() {
            return Ok(failed("ThrottlingException", "Rate exceeded".to_string()));
        }
        let event_id = Some(event.id.clone());
        self.publish_event(now, &bus, event);
        Ok(events::PutEventsResultEntry {
            event_id,
            ..Default::default()
        })
    }

    /// The event of an entry and its bus, or why it is not taken.
    fn read_entry(
        &self,
        now: Timestamp,
        entropy: &[u8; 32],
        entry: events::PutEventsRequestEntry,
    ) -> Done<Result<(String, PublishedEvent), EntryFailure>> {
        let required = |value: Option<String>, name: &str| {
            value.filter(|text| !text.is_empty()).ok_or_else(|| {
                let text = format!(
                    "Parameter {name} is not valid. Reason: {name} is a required argument."
                );
                ("InvalidArgument", text)
            })
        };
        let read = || {
            let source = required(entry.source, "Source")?;
            let detail_type = required(entry.detail_type, "DetailType")?;
            let detail = required(entry.detail, "Detail")?;
            if source.starts_with("aws.") {
                let text = "Not authorized for the source.".to_string();
                return Err(("NotAuthorizedForSourceException", text));
            }
            let detail = serde_json::from_str(&detail)
                .ok()
                .filter(Value::is_object)
                .ok_or_else(|| ("MalformedDetail", "Detail is malformed.".to_string()))?;
            Ok(PublishedEvent {
                id: crate::uuid(entropy),
                source,
                detail_type,
                time_ms: entry.time.map_or(now.as_millis(), |time| time.ms()),
                resources: entry.resources.unwrap_or_default(),
                detail,
                trace_header: entry.trace_header,
            })
        };
        let event = match read() {
            Ok(event) => event,
            Err(failure) => return Ok(Err(failure)),
        };
        let name = entry.event_bus_name;
        let Ok(bus) = bus_named(name.as_deref(), &self.settings) else {
            let text = format!("Event bus {} does not exist.", name.unwrap_or_default());
            return Ok(Err(("ResourceNotFoundException", text)));
        };
        if find_bus(&self.staging, 0, &bus)?.is_none() {
            let text = format!("Event bus {bus} does not exist.");
            return Ok(Err(("ResourceNotFoundException", text)));
        }
        Ok(Ok((bus, event)))
    }

    /// Puts an event on a bus: once this commit is durable, the targets of all rules that it matches get it.
    ///
    /// - `bus`: the name of a bus.
    pub(crate) fn publish_event(&mut self, now: Timestamp, bus: &str, event: PublishedEvent) {
        let ticking = Ticking::Event(bus.to_string(), event.id.clone());
        self.put_on_its_way(now, &ticking, event, 0);
    }

    fn put_on_its_way(
        &mut self,
        now: Timestamp,
        ticking: &Ticking,
        event: PublishedEvent,
        hops: u32,
    ) {
        let way = OnItsWay {
            event,
            hops,
            after_rule: None,
        };
        self.put_event_row(now, ticking, encode_json(&way));
    }

    /// Hands an event to the targets of rules, in the order of their names, as far as a batch has room.
    ///
    /// - `key`, `value`: the event's row in the index.
    /// - Returns whether all have it.
    pub(crate) fn hand_on(
        &mut self,
        now: Timestamp,
        bus: &str,
        key: Vec<u8>,
        value: &[u8],
    ) -> Done<bool> {
        let way: OnItsWay = decode_json(&key, value)?;
        match self.hand_on_from(now, bus, way, Shard::has_no_room)? {
            Some(rest) => {
                self.staging.put(key, encode_json(&rest));
                Ok(false)
            }
            None => {
                self.staging.delete(key);
                Ok(true)
            }
        }
    }

    fn has_no_room(&self) -> bool {
        self.is_full() || self.deliveries.is_nearly_full()
    }

    /// Hands an event of a service of ours to the targets of the rules that it matches, in the commit of what it tells.
    ///
    /// What a full batch has no room for waits in the index. What a full queue of deliveries has no room for is lost,
    /// and told. AWS: such events are delivered as well as can be.
    pub(super) fn hand_on_at_once(
        &mut self,
        now: Timestamp,
        bus: &str,
        event: PublishedEvent,
    ) -> Done<()> {
        let ticking = Ticking::Event(bus.to_string(), event.id.clone());
        let way = OnItsWay {
            event,
            hops: 0,
            after_rule: None,
        };
        if let Some(rest) = self.hand_on_from(now, bus, way, Shard::is_full)? {
            self.put_event_row(now, &ticking, encode_json(&rest));
        }
        Ok(())
    }

    /// - Returns what is left to do, once there is no room.
    fn hand_on_from(
        &mut self,
        now: Timestamp,
        bus: &str,
        mut way: OnItsWay,
        has_no_room: fn(&Shard) -> bool,
    ) -> Done<Option<OnItsWay>> {
        let rules = self.compiled_rules(bus)?;
        let event = way.event.value(&self.settings);
        for (pattern, rule) in rules.iter() {
            let is_done = way
                .after_rule
                .as_ref()
                .is_some_and(|after| rule.name <= *after);
            if is_done || !pattern.matches(&event) {
                continue;
            }
            if has_no_room(self) {
                return Ok(Some(way));
            }
            self.feed_targets(now, rule, &way.event, way.hops)?;
            way.after_rule = Some(rule.name.clone());
        }
        Ok(None)
    }

    /// Hands an event to all targets of a rule.
    pub(crate) fn feed_targets(
        &mut self,
        now: Timestamp,
        rule: &EventRuleRow,
        event: &PublishedEvent,
        hops: u32,
    ) -> Done<()> {
        let arn = rule_arn(&rule.bus, &rule.name, &self.settings);
        let value = event.value(&self.settings);
        let ingestion_time = seconds(now.as_millis());
        let origin = Origin {
            rule_arn: &arn,
            rule_name: &rule.name,
            ingestion_time: &ingestion_time,
        };
        for target in &rule.targets {
            // What is derived from names and the event is the same after a crash.
            let way = format!("{} {} {}", event.id, rule.name, target.id);
            if let Some(bus) = bus_in(&target.arn, &self.settings) {
                // AWS: a bus gets the event as it is.
                if hops < BUS_HOPS_MAX && find_bus(&self.staging, 0, bus)?.is_some() {
                    let ticking = Ticking::Event(bus.to_string(), way);
                    self.put_on_its_way(now, &ticking, event.clone(), hops + 1);
                }
                continue;
            }
            let payload = transform::input_of(target, &value, &origin);
            let on_bus = BusEvent {
                source: event.source.clone(),
                detail_type: event.detail_type.clone(),
                resources: event.resources.clone(),
            };
            let trace_header = event.trace_header.clone();
            let parameters = webhook::attributes(target, &value);
            let delivery =
                targets::delivery(target, &arn, payload, parameters, on_bus, trace_header);
            let entropy = derived(&[2; 32], format!("{arn} {way}").as_bytes());
            self.deliver_or_tell(now, &entropy, delivery)?;
        }
        Ok(())
    }

    pub(super) fn compiled_rules(&mut self, bus: &str) -> Result<Arc<Vec<CompiledRule>>, Error> {
        if let Some(rules) = self.compiled.rules.get(bus) {
            return Ok(Arc::clone(rules));
        }
        let all = event_rules_of(bus);
        let rows = self
            .staging
            .scan(&all, &after(&all), Direction::Ascending, usize::MAX)?;
        let mut rules = Vec::new();
        for (key, value) in rows {
            let rule: EventRuleRow = decode_json(&key, &value)?;
            let pattern = rule.pattern.as_deref().map(Pattern::parse);
            // A pattern that a later release refuses matches nothing.
            if let Some(Ok(pattern)) = pattern.filter(|_| rule.is_enabled()) {
                rules.push((pattern, rule));
            }
        }
        let rules = Arc::new(rules);
        self.compiled
            .rules
            .insert(bus.to_string(), Arc::clone(&rules));
        Ok(rules)
    }
}

fn failed(code: &str, message: String) -> events::PutEventsResultEntry {
    events::PutEventsResultEntry {
        error_code: Some(code.to_string()),
        error_message: Some(message),
        ..Default::default()
    }
}

/// Source: "Calculating event entry size" of EventBridge.
fn entry_bytes(entry: &events::PutEventsRequestEntry) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let resources = entry.resources.iter().flatten().map(String::len);
    entry.time.map_or(0, |_| TIME_BYTES)
        + text(&entry.source)
        + text(&entry.detail_type)
        + text(&entry.detail)
        + resources.sum::<usize>()
}

/// Entropy for one of several things that come of one command.
pub(crate) fn derived(entropy: &[u8; 32], what: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(entropy);
    hash.update(what);
    hash.finalize().into()
}
