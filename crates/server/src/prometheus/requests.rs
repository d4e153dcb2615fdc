//! Requests by operation: how many, how they failed, how long they took.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use hyper::Method;
use hyper::header::HeaderMap;
use stepwell_api::{Reply, apigateway, apigatewayv2, lambda, scheduler, xray};
use stepwell_telemetry::exposition::{Family, Kind, Sample, Value};

use super::instruments::{Counter, Histogram, REQUEST_BOUNDS, SECOND};
use crate::rest::{self, RestService};

/// Operations that are told apart; those that come later are counted as `other`.
const OPERATIONS_MAX: usize = 600;

/// Error codes of one operation that are told apart; those that come later are counted as `other`.
const CODES_MAX: usize = 40;

/// Bytes of a name in a label.
const NAME_BYTES_MAX: usize = 64;

/// What is not told apart.
pub(crate) const OTHER: &str = "other";

/// What becomes of requests, by operation.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    known: RwLock<BTreeMap<&'static str, BTreeMap<String, Arc<Operation>>>>,
    in_flight: AtomicI64,
    folded: Counter,
}

#[derive(Debug)]
struct Operation {
    took: Histogram,
    errors: Mutex<BTreeMap<String, u64>>,
}

/// What a request calls: known from its head, or said while it is answered where the body names it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Called(Arc<OnceLock<(&'static str, String)>>);

impl Called {
    /// Says what is called. The first to say it is right.
    pub(crate) fn say(&self, service: &'static str, operation: &str) {
        // INVARIANT: a cell that is full was told before.
        drop(self.0.set((service, operation.to_string())));
    }

    /// Service and operation.
    pub(crate) fn names(&self) -> (&'static str, &str) {
        let named = self.0.get();
        named.map_or((OTHER, OTHER), |(service, operation)| (*service, operation))
    }

    /// What the head of a request names.
    pub(crate) fn of_head(method: &Method, target: &str, headers: &HeaderMap) -> Called {
        let called = Called::default();
        let header = headers
            .get("x-amz-target")
            .and_then(|value| value.to_str().ok());
        let path = target.split('?').next().unwrap_or_default();
        match header.and_then(|header| header.split_once('.')) {
            Some((prefix, operation)) => called.say(service_of(prefix), operation),
            None if path == "/" => {}
            None => match path.strip_prefix("/service/").map(|rest| rest.split('/')) {
                Some(mut parts) => {
                    let service = service_of(parts.next().unwrap_or_default());
                    called.say(service, parts.nth(1).unwrap_or(OTHER));
                }
                None => {
                    let (service, operation) = of_path(method.as_str(), path, target);
                    called.say(service, operation);
                }
            },
        }
        called
    }
}

/// The service that a prefix of `X-Amz-Target`, or a part of a path of RPC v2, names.
fn service_of(prefix: &str) -> &'static str {
    match prefix {
        "AWSStepFunctions" => "states",
        "Logs_20140328" => "logs",
        "AWSEvents" => "events",
        "GraniteServiceVersion20100801" => "monitoring",
        "AWSXRay" => "xray",
        _ => OTHER,
    }
}

/// The service that the `Version` of a request in the query protocol belongs to.
pub(crate) fn service_of_version(version: Option<&str>) -> &'static str {
    match version {
        Some("2010-05-08") => "iam",
        Some("2011-06-15") => "sts",
        Some("2010-08-01") => "monitoring",
        _ => OTHER,
    }
}

/// The operation of a service whose operations are bound to paths.
fn of_path(method: &str, path: &str, target: &str) -> (&'static str, &'static str) {
    match rest::service_of(path) {
        RestService::Lambda => (
            "lambda",
            lambda::route(method, target).map_or(OTHER, |routed| routed.operation.name()),
        ),
        RestService::Scheduler => (
            "scheduler",
            scheduler::route(method, target).map_or(OTHER, |routed| routed.operation.name()),
        ),
        RestService::RestApis => (
            "apigateway",
            apigateway::route(method, target).map_or(OTHER, |routed| routed.operation.name()),
        ),
        RestService::HttpApis => (
            "apigatewayv2",
            apigatewayv2::route(method, target).map_or(OTHER, |routed| routed.operation.name()),
        ),
        RestService::Xray => (
            "xray",
            xray::route(method, target).map_or(OTHER, |routed| routed.operation.name()),
        ),
    }
}

impl Requests {
    /// One more request is being answered, until what is returned goes.
    pub(crate) fn begin(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self)
    }

    /// A request was answered.
    pub(crate) fn answered(&self, called: &Called, error: Option<&str>, took: Duration) {
        let (service, operation) = called.names();
        // A name that nobody knows must not become a series.
        let is_unknown = matches!(error, Some("UnknownOperationException" | "InvalidAction"));
        let operation = if is_unknown { OTHER } else { operation };
        let found = self.operation(service, operation);
        found.took.observe_duration(took);
        if let Some(error) = error {
            let mut errors = found.errors.lock().unwrap_or_else(PoisonError::into_inner);
            let is_known = errors.contains_key(error);
            let code = if is_known || errors.len() < CODES_MAX {
                label(error)
            } else {
                OTHER
            };
            *errors.entry(code.to_string()).or_default() += 1;
        }
    }

    fn operation(&self, service: &'static str, operation: &str) -> Arc<Operation> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known
            .get(service)
            .and_then(|service| service.get(operation))
        {
            return Arc::clone(found);
        }
        let is_full = known.values().map(BTreeMap::len).sum::<usize>() >= OPERATIONS_MAX;
        drop(known);
        let name = if is_full { OTHER } else { label(operation) };
        if is_full && operation != OTHER {
            self.folded.add(1);
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let named = known.entry(service).or_default().entry(name.to_string());
        Arc::clone(named.or_insert_with(|| {
            Arc::new(Operation {
                took: Histogram::new(REQUEST_BOUNDS),
                errors: Mutex::default(),
            })
        }))
    }

    /// What is known now.
    pub(crate) fn families(&self) -> Vec<Family> {
        let (mut requests, mut took, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        for (service, operations) in known.iter() {
            for (name, operation) in operations {
                let labels = vec![
                    ("service", service.to_string()),
                    ("operation", name.clone()),
                ];
                requests.push(Sample {
                    labels: labels.clone(),
                    value: Value::Number(operation.took.count() as f64),
                });
                took.push(Sample {
                    labels: labels.clone(),
                    value: operation.took.value(SECOND),
                });
                let counted = operation
                    .errors
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                for (code, count) in counted.iter() {
                    let mut labels = labels.clone();
                    labels.push(("code", code.clone()));
                    errors.push(Sample {
                        labels,
                        value: Value::Number(*count as f64),
                    });
                }
            }
        }
        let family = |name, help, kind, samples| Family {
            name,
            help,
            kind,
            samples,
        };
        let number = |value: f64| {
            vec![Sample {
                labels: Vec::new(),
                value: Value::Number(value),
            }]
        };
        vec![
            family(
                "stepwell_api_requests",
                "Requests that were answered, by operation.",
                Kind::Counter,
                requests,
            ),
            family(
                "stepwell_api_errors",
                "Requests that were answered with an error, by operation and the code of the error.",
                Kind::Counter,
                errors,
            ),
            family(
                "stepwell_api_request_duration_seconds",
                "From the head of a request to its answer, by operation.",
                Kind::Histogram,
                took,
            ),
            family(
                "stepwell_api_requests_in_flight",
                "Requests that are being answered.",
                Kind::Gauge,
                number(self.in_flight.load(Ordering::Relaxed) as f64),
            ),
            family(
                "stepwell_api_operations_folded",
                "Requests whose operation is counted as other, because too many are told apart already.",
                Kind::Counter,
                number(self.folded.get() as f64),
            ),
        ]
    }
}

/// A request that is being answered.
pub(crate) struct InFlight<'r>(&'r Requests);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A name as a label: one that is none is `other`.
fn label(name: &str) -> &str {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(is_name);
    if fits { name } else { OTHER }
}

/// The code of a reply that is an error.
pub(crate) fn error_of(reply: &Reply) -> Option<String> {
    if reply.status < 400 {
        return None;
    }
    let header = reply
        .headers
        .iter()
        .find(|(name, _)| *name == "x-amzn-errortype");
    let code = header.map(|(_, code)| code.clone()).or_else(|| {
        let body: serde_json::Value = serde_json::from_slice(&reply.body).ok()?;
        Some(body.get("__type")?.as_str()?.to_string())
    });
    let code = code.or_else(|| {
        // XML of the query protocol.
        let body = std::str::from_utf8(&reply.body).ok()?;
        let (_, rest) = body.split_once("<Code>")?;
        Some(rest.split_once("</Code>")?.0.to_string())
    });
    let code = code.map(|code| {
        let code = code.split(':').next().unwrap_or_default();
        code.rsplit('#').next().unwrap_or_default().to_string()
    });
    Some(code.unwrap_or_else(|| reply.status.to_string()))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn called(method: &str, target: &str, header: Option<&'static str>) -> (&'static str, String) {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert("x-amz-target", HeaderValue::from_static(header));
        }
        let method = method.parse().expect("a method");
        let called = Called::of_head(&method, target, &headers);
        called
            .0
            .get()
            .cloned()
            .unwrap_or((OTHER, "unsaid".to_string()))
    }

    #[test]
    fn the_head_of_a_request_names_what_it_calls() {
        for (method, target, header, service, operation) in [
            (
                "POST",
                "/",
                Some("AWSStepFunctions.StartExecution"),
                "states",
                "StartExecution",
            ),
            (
                "POST",
                "/",
                Some("Logs_20140328.PutLogEvents"),
                "logs",
                "PutLogEvents",
            ),
            (
                "POST",
                "/",
                Some("DynamoDB_20120810.GetItem"),
                OTHER,
                "GetItem",
            ),
            ("POST", "/", None, OTHER, "unsaid"),
            (
                "POST",
                "/2015-03-31/functions/a/invocations?Qualifier=1",
                None,
                "lambda",
                "Invoke",
            ),
            ("GET", "/schedules", None, "scheduler", "ListSchedules"),
            ("GET", "/nothing/here", None, "lambda", OTHER),
            (
                "POST",
                "/service/GraniteServiceVersion20100801/operation/PutMetricData",
                None,
                "monitoring",
                "PutMetricData",
            ),
        ] {
            let found = called(method, target, header);
            assert_eq!(found, (service, operation.to_string()), "{method} {target}");
        }
    }

    fn number_of(families: &[Family], name: &str, label: &str) -> f64 {
        let family = families
            .iter()
            .find(|family| family.name == name)
            .expect("the family");
        let of_label = |sample: &&Sample| sample.labels.iter().any(|(_, text)| text == label);
        match family
            .samples
            .iter()
            .find(of_label)
            .map(|sample| &sample.value)
        {
            Some(Value::Number(number)) => *number,
            _ => 0.0,
        }
    }

    #[test]
    fn names_that_nobody_knows_become_no_series() {
        let requests = Requests::default();
        let took = Duration::from_millis(1);
        for number in 0..5_000 {
            let called = Called::default();
            called.say("states", &format!("Garbage{number}"));
            requests.answered(&called, Some("UnknownOperationException"), took);
        }
        let called = Called::default();
        called.say("states", "a{b=\"c\"}");
        requests.answered(&called, None, took);
        let families = requests.families();
        assert_eq!(families[0].samples.len(), 1);
        assert_eq!(
            number_of(&families, "stepwell_api_requests", OTHER),
            5_001.0
        );
    }

    #[test]
    fn operations_and_codes_have_bounds_and_what_is_folded_is_counted() {
        let requests = Requests::default();
        let took = Duration::from_millis(1);
        for number in 0..OPERATIONS_MAX + 10 {
            let called = Called::default();
            called.say("lambda", &format!("Operation{number}"));
            requests.answered(&called, None, took);
        }
        let called = Called::default();
        called.say("lambda", "Operation0");
        for number in 0..CODES_MAX + 10 {
            requests.answered(&called, Some(&format!("Code{number}")), took);
        }
        let families = requests.families();
        assert_eq!(families[0].samples.len(), OPERATIONS_MAX + 1);
        assert_eq!(families[1].samples.len(), CODES_MAX + 1);
        assert_eq!(number_of(&families, "stepwell_api_errors", OTHER), 10.0);
        let folded = families
            .iter()
            .find(|family| family.name == "stepwell_api_operations_folded");
        assert_eq!(
            folded.expect("it is there").samples[0].value,
            Value::Number(10.0)
        );
    }

    #[test]
    fn a_reply_says_its_error() {
        let reply = |status, headers, body: &str| Reply {
            status,
            headers,
            body: body.as_bytes().to_vec(),
        };
        for (reply, error) in [
            (reply(200, Vec::new(), "{}"), None),
            (
                reply(
                    400,
                    vec![("x-amzn-errortype", "ThrottlingException".to_string())],
                    "",
                ),
                Some("ThrottlingException"),
            ),
            (
                reply(
                    400,
                    Vec::new(),
                    r#"{"__type":"com.amazonaws.states#InvalidArn"}"#,
                ),
                Some("InvalidArn"),
            ),
            (
                reply(404, Vec::new(), "<Error><Code>NoSuchEntity</Code></Error>"),
                Some("NoSuchEntity"),
            ),
            (reply(503, Vec::new(), ""), Some("503")),
        ] {
            assert_eq!(error_of(&reply).as_deref(), error);
        }
    }
}
