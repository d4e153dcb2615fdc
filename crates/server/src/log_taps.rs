//! What looks at each event on its way into a log group: metric filters and subscription filters.
//!
//! They run on the log writer's thread, so they only gather: values become samples, events become payloads, and both are
//! handed over at a commit or a little later. What finds no room there is counted and dropped.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stepwell_api::logs::MetricTransformation;
use stepwell_service::{EventInvocation, LogFilter, LogFilterAction, LogGroup, Request};
use stepwell_store::Error;
use stepwell_telemetry::FilterPattern;
use stepwell_telemetry::metrics::{Distribution, Metric, Sample, Unit, VALUE_MAX};

use crate::metric_writer::MetricQueue;
use crate::observers::is_worth_saying;
use crate::shard::{self, Handle};

/// Events of a stream wait for others this long, so that many make one invocation.
const GATHER: Duration = Duration::from_millis(500);

/// Bytes of the messages of one payload. What cannot be packed grows by a third, and an event has at most 1 MiB.
const PAYLOAD_BYTES_GOAL: usize = 512 << 10;

/// Bytes of all messages that wait to be sent.
const GATHERED_BYTES_MAX: usize = 32 << 20;

/// Groups whose filters are kept parsed.
const PARSED_MAX: usize = 10_000;

/// Metrics that the values of one commit become at most; dimensions may make many of one filter.
const METRICS_MAX: usize = 10_000;

/// A minute, in milliseconds: values of one are told as one.
const MINUTE_MS: i64 = 60_000;

/// The filters of a group, parsed.
pub(crate) struct GroupTaps {
    revision: u64,
    group_name: String,
    metrics: Vec<MetricTap>,
    subscriptions: Vec<SubscriptionTap>,
}

struct MetricTap {
    name: String,
    pattern: FilterPattern,
    transformation: MetricTransformation,
}

struct SubscriptionTap {
    name: String,
    pattern: FilterPattern,
    destination_arn: String,
}

/// What was gathered, and where it goes.
pub(crate) struct Taps {
    handle: Handle,
    metrics: Arc<MetricQueue>,
    parsed: BTreeMap<String, Arc<GroupTaps>>,
    values: BTreeMap<MetricKey, Distribution>,
    /// Default values: for each filter that has one, by its group and name, the minute and whether something of it matched.
    defaults: BTreeMap<(String, String), Defaulted>,
    payloads: BTreeMap<PayloadKey, Payload>,
    payload_bytes: usize,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct MetricKey {
    namespace: String,
    name: String,
    unit: &'static str,
    dimensions: Vec<(String, String)>,
    minute: i64,
}

struct Defaulted {
    minute: i64,
    has_matched: bool,
    key: MetricKey,
    value: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct PayloadKey {
    destination_arn: String,
    group: String,
    stream: String,
    filter: String,
}

struct Payload {
    events: Vec<Value>,
    bytes: usize,
    due: Instant,
}

/// An event that has just been logged.
pub(crate) struct Tapped<'a> {
    pub(crate) stream: &'a str,
    /// As FilterLogEvents gives it.
    pub(crate) id: &'a dyn Fn() -> String,
    pub(crate) timestamp_ms: i64,
    pub(crate) message: &'a str,
}

impl Taps {
    pub(crate) fn new(handle: Handle, metrics: Arc<MetricQueue>, dropped: Arc<AtomicU64>) -> Taps {
        Taps {
            handle,
            metrics,
            parsed: BTreeMap::new(),
            values: BTreeMap::new(),
            defaults: BTreeMap::new(),
            payloads: BTreeMap::new(),
            payload_bytes: 0,
            dropped,
        }
    }

    /// The filters of a group, if it has any.
    pub(crate) fn of(&mut self, group: &LogGroup) -> Result<Option<Arc<GroupTaps>>, Error> {
        if group.metric_filters + group.subscription_filters == 0 {
            return Ok(None);
        }
        if let Some(parsed) = self.parsed.get(&group.id)
            && parsed.revision == group.filters_revision
        {
            return Ok(Some(Arc::clone(parsed)));
        }
        let mut taps = GroupTaps {
            revision: group.filters_revision,
            group_name: group.name.clone(),
            metrics: Vec::new(),
            subscriptions: Vec::new(),
        };
        for filter in self.handle.reader().log_filters(&group.id)? {
            taps.add(filter);
        }
        if self.parsed.len() >= PARSED_MAX {
            self.parsed.clear();
        }
        let taps = Arc::new(taps);
        self.parsed.insert(group.id.clone(), Arc::clone(&taps));
        Ok(Some(taps))
    }

    /// Gathers what the filters of its group make of an event.
    pub(crate) fn tap(&mut self, taps: &GroupTaps, event: &Tapped) {
        for metric in &taps.metrics {
            self.count(taps, metric, event);
        }
        for subscription in &taps.subscriptions {
            if subscription.pattern.matches(event.message) {
                self.gather(taps, subscription, event);
            }
        }
    }

    fn count(&mut self, taps: &GroupTaps, metric: &MetricTap, event: &Tapped) {
        let transformation = &metric.transformation;
        let has_matched = metric.pattern.matches(event.message);
        let minute = event.timestamp_ms.div_euclid(MINUTE_MS) * MINUTE_MS;
        if let Some(value) = transformation.default_value {
            self.note_default(taps, metric, minute, has_matched, value);
        }
        if !has_matched {
            return;
        }
        let written = &transformation.metric_value;
        let value = match written.starts_with('$') {
            true => metric.pattern.select(event.message, written),
            false => Some(written.clone()),
        };
        // AWS: a value that is no number is no value; no metric takes one beyond 2^360.
        let Some(value) = value
            .and_then(|value| value.trim().parse::<f64>().ok())
            .filter(|value| value.abs() <= VALUE_MAX)
        else {
            return;
        };
        let mut dimensions = Vec::new();
        for (name, selector) in transformation.dimensions.iter().flatten() {
            // AWS: a message that lacks a dimension gives no value.
            let Some(value) = metric.pattern.select(event.message, selector) else {
                return;
            };
            dimensions.push((name.clone(), value));
        }
        let key = key_of(transformation, dimensions, minute);
        if self.values.len() >= METRICS_MAX && !self.values.contains_key(&key) {
            self.drop_one("values of metric filters");
            return;
        }
        self.values.entry(key).or_default().add(value, 1.0);
    }

    /// AWS: a minute in which events came and none matched has the default value. Each filter has its own, also where
    /// several of a group have metrics of one name.
    fn note_default(
        &mut self,
        taps: &GroupTaps,
        metric: &MetricTap,
        minute: i64,
        has_matched: bool,
        value: f64,
    ) {
        let fresh = || Defaulted {
            minute,
            has_matched: false,
            key: key_of(&metric.transformation, Vec::new(), minute),
            value,
        };
        let filter = (taps.group_name.clone(), metric.name.clone());
        let noted = self.defaults.entry(filter).or_insert_with(fresh);
        if noted.minute < minute {
            std::mem::replace(noted, fresh()).tell(&mut self.values);
        }
        if noted.minute == minute {
            noted.has_matched |= has_matched;
        }
    }

    fn gather(&mut self, taps: &GroupTaps, subscription: &SubscriptionTap, event: &Tapped) {
        let bytes = event.message.len() + 100;
        if self.payload_bytes + bytes > GATHERED_BYTES_MAX {
            self.drop_one("events of subscription filters");
            return;
        }
        let key = PayloadKey {
            destination_arn: subscription.destination_arn.clone(),
            group: taps.group_name.clone(),
            stream: event.stream.to_owned(),
            filter: subscription.name.clone(),
        };
        let payload = self.payloads.entry(key.clone()).or_insert_with(|| Payload {
            events: Vec::new(),
            bytes: 0,
            due: Instant::now() + GATHER,
        });
        let is_full = payload.bytes > 0 && payload.bytes + bytes > PAYLOAD_BYTES_GOAL;
        let full = is_full.then(|| {
            std::mem::replace(
                payload,
                Payload {
                    events: Vec::new(),
                    bytes: 0,
                    due: Instant::now() + GATHER,
                },
            )
        });
        payload.bytes += bytes;
        payload.events.push(json!({
            "id": (event.id)(),
            "timestamp": event.timestamp_ms,
            "message": event.message,
        }));
        self.payload_bytes += bytes;
        if let Some(full) = full {
            self.send(&key, full);
        }
    }

    /// Hands over what is ready; gives when there is something more to hand over.
    ///
    /// - `now_ms`: what the clock says, for the minutes that are over.
    /// - `all`: the server stops: nothing waits for others any more.
    pub(crate) fn flush(&mut self, now_ms: i64, all: bool) -> Option<Instant> {
        let over = now_ms.div_euclid(MINUTE_MS) * MINUTE_MS;
        let mut told = Vec::new();
        self.defaults.retain(|_, noted| {
            let is_over = noted.minute < over;
            if is_over {
                told.push((noted.key.clone(), noted.has_matched, noted.value));
            }
            !is_over
        });
        for (key, has_matched, value) in told {
            if !has_matched {
                self.values.entry(key).or_default().add(value, 1.0);
            }
        }
        let values = std::mem::take(&mut self.values);
        if !values.is_empty() {
            let samples = values.into_iter().filter_map(|(key, distribution)| {
                let unit = Unit::of_name(key.unit)?;
                let dimensions: Vec<(&str, &str)> = key
                    .dimensions
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                let metric = Arc::new(Metric::known(&key.namespace, &key.name, &dimensions));
                Some(Sample::new(&metric, unit, key.minute, distribution))
            });
            self.metrics.put(samples.collect());
        }
        let now = Instant::now();
        let due: Vec<PayloadKey> = self
            .payloads
            .iter()
            .filter(|(_, payload)| all || payload.due <= now)
            .map(|(key, _)| key.clone())
            .collect();
        for key in due {
            if let Some(payload) = self.payloads.remove(&key) {
                self.send(&key, payload);
            }
        }
        let payloads = self.payloads.values().map(|payload| payload.due);
        // A minute that is not over is looked at again a little later.
        let defaults = (!self.defaults.is_empty()).then(|| now + Duration::from_secs(5));
        payloads.chain(defaults).min()
    }

    /// Gives a payload to its function, as an asynchronous invocation.
    fn send(&mut self, key: &PayloadKey, payload: Payload) {
        self.payload_bytes = self.payload_bytes.saturating_sub(payload.bytes);
        let data = json!({
            "messageType": "DATA_MESSAGE",
            "owner": self.handle.settings().account,
            "logGroup": key.group,
            "logStream": key.stream,
            "subscriptionFilters": [key.filter],
            "logEvents": payload.events,
        });
        let text = json!({ "awslogs": { "data": STANDARD.encode(gzip(&data.to_string())) } });
        let event = EventInvocation {
            function: key.destination_arn.clone(),
            qualifier: None,
            request_id: shard::uuid(),
            payload: text.to_string(),
            trace_header: None,
            client_context: None,
            origin: format!("the subscription filter {} of {}", key.filter, key.group),
        };
        // Nobody waits for the answer: what the shard has taken it delivers.
        let sent = self.handle.hand_over(Request::TakeEvent(Box::new(event)));
        if sent.is_err() {
            self.drop_one("payloads of subscription filters");
        }
    }

    fn drop_one(&self, what: &str) {
        let before = self.dropped.fetch_add(1, Ordering::Relaxed);
        let dropped = before + 1;
        if is_worth_saying(before, dropped) {
            tracing::warn!(dropped, "{what} find no room; some are dropped");
        }
    }
}

impl Defaulted {
    fn tell(self, values: &mut BTreeMap<MetricKey, Distribution>) {
        if !self.has_matched && values.len() < METRICS_MAX {
            values.entry(self.key).or_default().add(self.value, 1.0);
        }
    }
}

impl GroupTaps {
    fn add(&mut self, filter: LogFilter) {
        // It was parsed before it was kept; a release that cannot parse it any more leaves it out.
        let Ok(pattern) = FilterPattern::parse(&filter.pattern) else {
            tracing::warn!(
                filter = filter.name,
                group = self.group_name,
                "the pattern of a filter is not known"
            );
            return;
        };
        match filter.action {
            LogFilterAction::Metric(transformation) => self.metrics.push(MetricTap {
                name: filter.name,
                pattern,
                transformation,
            }),
            LogFilterAction::Subscription {
                destination_arn, ..
            } => self.subscriptions.push(SubscriptionTap {
                name: filter.name,
                pattern,
                destination_arn,
            }),
        }
    }
}

fn key_of(
    transformation: &MetricTransformation,
    dimensions: Vec<(String, String)>,
    minute: i64,
) -> MetricKey {
    let unit = transformation.unit.as_deref().and_then(Unit::of_name);
    MetricKey {
        namespace: transformation.metric_namespace.clone(),
        name: transformation.metric_name.clone(),
        unit: unit.map_or("None", Unit::name),
        dimensions,
        minute,
    }
}

/// A member of gzip: head, deflated bytes, checksum and length.
fn gzip(text: &str) -> Vec<u8> {
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    bytes.extend(miniz_oxide::deflate::compress_to_vec(text.as_bytes(), 6));
    let length = text.len() as u32;
    for number in [crc32fast::hash(text.as_bytes()), length] {
        // A vector takes all that it is given.
        drop(bytes.write_all(&number.to_le_bytes()));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use stepwell_store::Memory;

    use super::*;
    use crate::shard::tests::at_rest;

    #[test]
    fn filters_of_one_metric_name_have_default_values_of_their_own() {
        let (run, _performed) = at_rest(Box::new(Memory::new()));
        let metrics = Arc::new(MetricQueue::default());
        let mut taps = Taps::new(run.handle(), Arc::clone(&metrics), Arc::default());
        let mut group = GroupTaps {
            revision: 1,
            group_name: "g".to_string(),
            metrics: Vec::new(),
            subscriptions: Vec::new(),
        };
        for (name, pattern) in [("orders", "order"), ("refunds", "refund")] {
            group.add(LogFilter {
                name: name.to_string(),
                group: "id".to_string(),
                pattern: pattern.to_string(),
                created_ms: 0,
                action: LogFilterAction::Metric(MetricTransformation {
                    metric_name: "Count".to_string(),
                    metric_namespace: name.to_string(),
                    metric_value: "1".to_string(),
                    default_value: Some(0.0),
                    dimensions: None,
                    unit: None,
                }),
            });
        }
        let event = Tapped {
            stream: "s",
            id: &String::new,
            timestamp_ms: 30_000,
            message: "an order",
        };
        taps.tap(&group, &event);
        taps.flush(2 * MINUTE_MS, false);
        let mut given: Vec<(String, f64)> = metrics
            .taken()
            .iter()
            .map(|sample| (sample.metric.namespace().to_string(), sample.values.sum()))
            .collect();
        given.sort_by(|one, other| one.0.cmp(&other.0));
        let expected = [("orders".to_string(), 1.0), ("refunds".to_string(), 0.0)];
        assert_eq!(given, expected);
    }
}
