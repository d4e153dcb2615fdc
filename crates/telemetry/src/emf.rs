//! The embedded metric format: a log event that is one JSON object and says which of its members are metrics.
//!
//! AWS: "Specification: Embedded metric format"
//! (docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::metrics::{Distribution, FUTURE_MAX_MS, Metric, PAST_MAX_MS, Sample, Unit, VALUE_MAX};

/// AWS: bytes of one event.
pub const EVENT_BYTES_MAX: usize = 1 << 20;

/// AWS: metrics of one directive.
pub const METRICS_MAX: usize = 100;

/// AWS: values of one metric.
pub const VALUES_MAX: usize = 100;

/// AWS: keys of one dimension set.
pub const DIMENSION_KEYS_MAX: usize = 30;

/// AWS: bytes of a dimension's value.
pub const DIMENSION_VALUE_BYTES_MAX: usize = 1_024;

/// Samples that one event gives, over all directives, dimension sets and metrics. AWS names no bound.
pub const SAMPLES_MAX: usize = 1_000;

/// AWS: a namespace, a name of a metric and a name of a dimension have so many bytes.
const NAMESPACE_BYTES_MAX: usize = 255;
const METRIC_NAME_BYTES_MAX: usize = 1_024;
const DIMENSION_NAME_BYTES_MAX: usize = 250;

/// What an event of the format gives.
#[derive(Debug, Default, PartialEq)]
pub struct Extracted {
    /// The metrics that are as they should be.
    pub samples: Vec<Sample>,
    /// What is wrong with the event, first fault alone.
    pub fault: Option<Fault>,
}

/// Why something of an event is no metric; the text names the value and the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// AWS: counted as `EMFParsingErrors`: no JSON, or not the shape of the specification.
    Parsing(String),
    /// AWS: counted as `EMFValidationErrors`: a value that the specification does not allow.
    Validation(String),
}

impl Fault {
    /// The metric of namespace `AWS/Logs` that counts it.
    pub fn metric(&self) -> &'static str {
        match self {
            Fault::Parsing(_) => "EMFParsingErrors",
            Fault::Validation(_) => "EMFValidationErrors",
        }
    }
}

/// The metrics in a log event; `None` if it is not of the format.
///
/// - An event is of the format if it is one JSON object with a member `_aws` that has `CloudWatchMetrics`. One that
///   begins as an object, names both and is no JSON is of the format too, and malformed.
/// - `now_ms`: the time at which it came.
pub fn extract(message: &str, now_ms: i64) -> Option<Extracted> {
    if !may_have_metrics(message) {
        return None;
    }
    let text = message.trim();
    let mut extracted = Extracted::default();
    match parsed(text, now_ms, &mut extracted) {
        Ok(true) => Some(extracted),
        Ok(false) => None,
        Err(fault) => {
            extracted.fault.get_or_insert(fault);
            Some(extracted)
        }
    }
}

/// A line of a function without what Node's `console` puts before it: instant, request id and level, with tabs.
///
/// AWS: the library for Node logged with the console when it was new, and its metrics came.
pub fn without_prefix(line: &str) -> &str {
    let mut parts = line.splitn(4, '\t');
    let instant = parts.next().unwrap_or_default();
    let is_instant = instant.len() == 24 && instant.ends_with('Z') && instant.starts_with('2');
    match (is_instant, parts.nth(2)) {
        (true, Some(rest)) => rest,
        _ => line,
    }
}

/// Whether [`extract`] has to read the event. Most events have no metrics: this costs next to nothing.
pub fn may_have_metrics(message: &str) -> bool {
    let text = message.trim_start();
    text.starts_with('{') && text.contains("\"_aws\"") && text.contains("CloudWatchMetrics")
}

/// False: it is an object of another kind.
fn parsed(text: &str, now_ms: i64, extracted: &mut Extracted) -> Result<bool, Fault> {
    if text.len() > EVENT_BYTES_MAX {
        return Err(Fault::Validation(format!(
            "the event has {} bytes, at most {EVENT_BYTES_MAX} are allowed",
            text.len()
        )));
    }
    let root: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| Fault::Parsing(error.to_string()))?;
    let Some(directives) = root
        .get("_aws")
        .and_then(|aws| aws.get("CloudWatchMetrics"))
    else {
        return Ok(false);
    };
    let directives = array(directives, "_aws.CloudWatchMetrics")?;
    let stamp = root.get("_aws").and_then(|aws| aws.get("Timestamp"));
    let timestamp_ms = timestamp(stamp, now_ms)?;
    for directive in directives {
        let event = Event {
            root: &root,
            timestamp_ms,
        };
        // One directive that is wrong leaves the others.
        if let Err(fault) = event.directive(directive, extracted) {
            extracted.fault.get_or_insert(fault);
        }
    }
    Ok(true)
}

fn timestamp(stamp: Option<&Value>, now_ms: i64) -> Result<i64, Fault> {
    let given = stamp.ok_or_else(|| Fault::Parsing("_aws.Timestamp is missing".to_owned()))?;
    let ms = given
        .as_i64()
        .or_else(|| given.as_f64().map(|ms| ms as i64))
        .ok_or_else(|| Fault::Parsing(format!("_aws.Timestamp {given} is no number")))?;
    if ms < now_ms - PAST_MAX_MS || ms > now_ms + FUTURE_MAX_MS {
        return Err(Fault::Validation(format!(
            "_aws.Timestamp {ms} is more than 14 days in the past or 2 hours in the future"
        )));
    }
    Ok(ms)
}

struct Event<'e> {
    root: &'e Map<String, Value>,
    timestamp_ms: i64,
}

impl Event<'_> {
    fn directive(&self, directive: &Value, extracted: &mut Extracted) -> Result<(), Fault> {
        let namespace = text(directive.get("Namespace"), "Namespace")?;
        within(namespace, 1, NAMESPACE_BYTES_MAX, "Namespace")?;
        let metrics = array(directive.get("Metrics").unwrap_or(&Value::Null), "Metrics")?;
        if metrics.len() > METRICS_MAX {
            return Err(Fault::Validation(format!(
                "{} metrics in one directive, at most {METRICS_MAX} are allowed",
                metrics.len()
            )));
        }
        let sets = self.dimension_sets(directive.get("Dimensions"), extracted)?;
        for metric in metrics {
            let (name, unit, is_high_resolution, values) = match self.metric(metric) {
                Ok(read) => read,
                Err(fault) => {
                    extracted.fault.get_or_insert(fault);
                    continue;
                }
            };
            for dimensions in &sets {
                if extracted.samples.len() >= SAMPLES_MAX {
                    return Err(Fault::Validation(format!(
                        "more than {SAMPLES_MAX} metrics times dimension sets in one event"
                    )));
                }
                let metric = Metric::new(namespace, name, dimensions.iter().cloned());
                extracted.samples.push(Sample {
                    is_high_resolution,
                    ..Sample::new(&Arc::new(metric), unit, self.timestamp_ms, values.clone())
                });
            }
        }
        Ok(())
    }

    /// The sets whose keys all have values. No set at all is the empty set.
    fn dimension_sets(
        &self,
        given: Option<&Value>,
        extracted: &mut Extracted,
    ) -> Result<Vec<Vec<(String, String)>>, Fault> {
        let given = array(given.unwrap_or(&Value::Null), "Dimensions")?;
        if given.is_empty() {
            return Ok(vec![Vec::new()]);
        }
        let mut sets = Vec::new();
        for set in given {
            match self.dimensions(array(set, "Dimensions")?) {
                Ok(dimensions) => sets.push(dimensions),
                Err(fault) => {
                    extracted.fault.get_or_insert(fault);
                }
            }
        }
        Ok(sets)
    }

    fn dimensions(&self, keys: &[Value]) -> Result<Vec<(String, String)>, Fault> {
        if keys.len() > DIMENSION_KEYS_MAX {
            return Err(Fault::Validation(format!(
                "{} keys in one dimension set, at most {DIMENSION_KEYS_MAX} are allowed",
                keys.len()
            )));
        }
        let one = |key: &Value| {
            let key = text(Some(key), "Dimensions")?;
            within(key, 1, DIMENSION_NAME_BYTES_MAX, "a dimension's key")?;
            let value = self.root.get(key).ok_or_else(|| {
                Fault::Validation(format!("dimension {key:?} is no member of the event"))
            })?;
            let value = value.as_str().ok_or_else(|| {
                Fault::Validation(format!(
                    "the value {value} of dimension {key:?} is no string"
                ))
            })?;
            within(value, 1, DIMENSION_VALUE_BYTES_MAX, "a dimension's value")?;
            Ok((key.to_owned(), value.to_owned()))
        };
        keys.iter().map(one).collect()
    }

    fn metric<'m>(&self, metric: &'m Value) -> Result<(&'m str, Unit, bool, Distribution), Fault> {
        let name = text(metric.get("Name"), "Metrics.Name")?;
        within(name, 1, METRIC_NAME_BYTES_MAX, "Metrics.Name")?;
        let unit = match metric.get("Unit") {
            None => Unit::None,
            Some(unit) => {
                let unit = text(Some(unit), "Metrics.Unit")?;
                Unit::of_name(unit).ok_or_else(|| {
                    Fault::Validation(format!("{unit:?} of metric {name:?} is no unit"))
                })?
            }
        };
        let is_high_resolution = match metric.get("StorageResolution") {
            None => false,
            Some(Value::Number(seconds)) if seconds.as_u64() == Some(60) => false,
            Some(Value::Number(seconds)) if seconds.as_u64() == Some(1) => true,
            Some(other) => {
                return Err(Fault::Validation(format!(
                    "StorageResolution {other} of metric {name:?} is neither 1 nor 60"
                )));
            }
        };
        let target = self.root.get(name).ok_or_else(|| {
            Fault::Validation(format!("metric {name:?} is no member of the event"))
        })?;
        Ok((name, unit, is_high_resolution, values(name, target)?))
    }
}

fn values(name: &str, target: &Value) -> Result<Distribution, Fault> {
    let given = match target {
        Value::Array(values) => values.as_slice(),
        one => std::slice::from_ref(one),
    };
    if given.is_empty() || given.len() > VALUES_MAX {
        return Err(Fault::Validation(format!(
            "{} values of metric {name:?}, 1 to {VALUES_MAX} are allowed",
            given.len()
        )));
    }
    let mut distribution = Distribution::default();
    for value in given {
        let number = value.as_f64().ok_or_else(|| {
            Fault::Validation(format!("the value {value} of metric {name:?} is no number"))
        })?;
        let is_value = number.abs() <= VALUE_MAX;
        if !is_value {
            return Err(Fault::Validation(format!(
                "the value {value} of metric {name:?} is beyond 2^360"
            )));
        }
        distribution.add(number, 1.0);
    }
    Ok(distribution)
}

fn array<'v>(value: &'v Value, what: &str) -> Result<&'v [Value], Fault> {
    let array = value.as_array().map(Vec::as_slice);
    array.ok_or_else(|| Fault::Parsing(format!("{what} is missing or no array")))
}

fn text<'v>(value: Option<&'v Value>, what: &str) -> Result<&'v str, Fault> {
    let text = value.and_then(Value::as_str);
    text.ok_or_else(|| Fault::Parsing(format!("{what} is missing or no string")))
}

fn within(text: &str, min: usize, max: usize, what: &str) -> Result<(), Fault> {
    if (min..=max).contains(&text.len()) {
        return Ok(());
    }
    Err(Fault::Validation(format!(
        "{what} has {} bytes, {min} to {max} are allowed",
        text.len()
    )))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const NOW_MS: i64 = 1_790_000_000_000;

    /// Samples and fault, one a line.
    fn check(message: &str, expected: Expect) {
        let shown = match extract(message, NOW_MS) {
            None => "not EMF".to_owned(),
            Some(extracted) => {
                let samples = extracted.samples.iter().map(|sample| {
                    format!(
                        "{} {} {:?} {} bins {:?} at {}{}",
                        sample.metric.namespace(),
                        sample.metric.name(),
                        sample.metric.dimensions(),
                        sample.unit.name(),
                        sample.values.bins().unwrap_or_default(),
                        sample.timestamp_ms,
                        if sample.is_high_resolution {
                            " high"
                        } else {
                            ""
                        },
                    )
                });
                let fault = extracted.fault.map(|fault| format!("{fault:?}"));
                samples.chain(fault).collect::<Vec<_>>().join("\n")
            }
        };
        expected.assert_eq(&shown);
    }

    /// An event with these directives and members.
    fn event(directives: &str, members: &str) -> String {
        format!(r#"{{"_aws":{{"Timestamp":{NOW_MS},"CloudWatchMetrics":{directives}}}{members}}}"#)
    }

    #[test]
    fn what_powertools_prints_becomes_metrics() {
        // Powertools for AWS Lambda (TypeScript), Metrics.serializeMetrics().
        let line = r#"{"_aws":{"Timestamp":1790000000000,"CloudWatchMetrics":[{"Namespace":"OrderProcessing","Dimensions":[["service"]],"Metrics":[{"Name":"PaymentFailures","Unit":"Count","StorageResolution":1},{"Name":"ColdStart","Unit":"Count"}]}]},"service":"payments","PaymentFailures":[1,1,3],"ColdStart":1,"order":"o-1"}"#;
        check(
            line,
            expect![[r#"
                OrderProcessing PaymentFailures [("service", "payments")] Count bins [(1.0, 2.0), (3.0, 1.0)] at 1790000000000 high
                OrderProcessing ColdStart [("service", "payments")] Count bins [(1.0, 1.0)] at 1790000000000"#]],
        );
    }

    #[test]
    fn what_the_embedded_metrics_library_prints_becomes_metrics() {
        // aws-embedded-metrics (Node): default dimensions and an additional set.
        let line = r#"{"LogGroup":"f","ServiceName":"f","ServiceType":"AWS::Lambda::Function","Operation":"pay","executionEnvironment":"AWS_Lambda_nodejs22.x","_aws":{"Timestamp":1790000000001,"CloudWatchMetrics":[{"Dimensions":[["LogGroup","ServiceName","ServiceType"],["Operation"],[]],"Metrics":[{"Name":"Latency","Unit":"Milliseconds"}],"Namespace":"aws-embedded-metrics"}]},"Latency":12.5}
"#;
        check(
            line,
            expect![[r#"
                aws-embedded-metrics Latency [("LogGroup", "f"), ("ServiceName", "f"), ("ServiceType", "AWS::Lambda::Function")] Milliseconds bins [(12.5, 1.0)] at 1790000000001
                aws-embedded-metrics Latency [("Operation", "pay")] Milliseconds bins [(12.5, 1.0)] at 1790000000001
                aws-embedded-metrics Latency [] Milliseconds bins [(12.5, 1.0)] at 1790000000001"#]],
        );
    }

    #[test]
    fn other_lines_are_none() {
        for line in [
            "",
            "hello",
            "START RequestId: 1 Version: $LATEST",
            r#"{"level":"INFO","message":"_aws CloudWatchMetrics"}"#,
            r#"prefix {"_aws":{"CloudWatchMetrics":[]}}"#,
            r#"{"message":{"_aws":1},"CloudWatchMetrics":[]}"#,
        ] {
            check(line, expect!["not EMF"]);
        }
    }

    #[test]
    fn what_the_console_of_node_puts_before_a_line_is_no_part_of_it() {
        let line = "2026-11-26T13:00:00.000Z\tr-1\tINFO\t{\"a\":\"b\\tc\"}";
        assert_eq!(without_prefix(line), r#"{"a":"b\tc"}"#);
        for line in ["{}", "a\tb\tc\td", "2026-11-26T13:00:00.000Z\tr-1\tINFO"] {
            assert_eq!(without_prefix(line), line);
        }
    }

    #[test]
    fn what_is_malformed_says_so() {
        let cut = r#"{"_aws":{"CloudWatchMetrics":[{"Namespace":"#;
        check(
            cut,
            expect![[r#"Parsing("EOF while parsing a value at line 1 column 43")"#]],
        );
        check(
            r#"{"_aws":{"CloudWatchMetrics":[]}}"#,
            expect![[r#"Parsing("_aws.Timestamp is missing")"#]],
        );
        check(
            r#"{"_aws":{"Timestamp":"now","CloudWatchMetrics":[]}}"#,
            expect![[r#"Parsing("_aws.Timestamp \"now\" is no number")"#]],
        );
        check(
            r#"{"_aws":{"Timestamp":1,"CloudWatchMetrics":[]}}"#,
            expect![[
                r#"Validation("_aws.Timestamp 1 is more than 14 days in the past or 2 hours in the future")"#
            ]],
        );
        check(
            &event(r#"[{"Dimensions":[],"Metrics":[]}]"#, ""),
            expect![[r#"Parsing("Namespace is missing or no string")"#]],
        );
        check(
            &event(r#"[{"Namespace":"n","Dimensions":"d","Metrics":[]}]"#, ""),
            expect![[r#"Parsing("Dimensions is missing or no array")"#]],
        );
    }

    #[test]
    fn what_is_wrong_leaves_the_rest() {
        let metrics = r#"[{"Name":"a","Unit":"Parsecs"},{"Name":"b"},{"Name":"nested.c"},{"Name":"d","StorageResolution":5},{"Name":"ok","Unit":"Bytes"}]"#;
        let directive = format!(
            r#"[{{"Namespace":"n","Dimensions":[["gone"],["there"]],"Metrics":{metrics}}}]"#
        );
        let members = r#","there":"t","a":1,"b":"text","nested":{"c":1},"d":1,"ok":7"#;
        check(
            &event(&directive, members),
            expect![[r#"
                n ok [("there", "t")] Bytes bins [(7.0, 1.0)] at 1790000000000
                Validation("dimension \"gone\" is no member of the event")"#]],
        );
    }

    #[test]
    fn values_beyond_those_of_metrics_are_none() {
        let directive =
            r#"[{"Namespace":"n","Dimensions":[[]],"Metrics":[{"Name":"a"},{"Name":"ok"}]}]"#;
        check(
            &event(directive, r#","a":[1,-1e200],"ok":2.3e108"#),
            expect![[r#"
                n ok [] None bins [(2.3e108, 1.0)] at 1790000000000
                Validation("the value -1e+200 of metric \"a\" is beyond 2^360")"#]],
        );
    }

    #[test]
    fn bounds_are_those_of_the_specification() {
        let fault = |directives: &str, members: &str| {
            let extracted = extract(&event(directives, members), NOW_MS).expect("it is EMF");
            format!("{:?}", extracted.fault.expect("something is wrong"))
        };
        let many = |count: usize| vec![r#"{"Name":"m"}"#; count].join(",");
        let directive = |metrics: &str, dimensions: &str| {
            format!(r#"[{{"Namespace":"n","Dimensions":{dimensions},"Metrics":[{metrics}]}}]"#)
        };
        assert!(fault(&directive(&many(101), "[[]]"), r#","m":1"#).contains("101 metrics"));
        let values = format!(r#","m":[{}]"#, vec!["1"; 101].join(","));
        assert!(fault(&directive(&many(1), "[[]]"), &values).contains("101 values"));
        let keys = format!("[[{}]]", vec![r#""k""#; 31].join(","));
        assert!(fault(&directive(&many(1), &keys), r#","m":1,"k":"v""#).contains("31 keys"));
        let long = format!(r#","m":1,"k":"{}""#, "v".repeat(1_025));
        assert!(fault(&directive(&many(1), r#"[["k"]]"#), &long).contains("1025 bytes"));
        let sets = format!("[{}]", ["[]"; 11].join(","));
        assert!(fault(&directive(&many(100), &sets), r#","m":1"#).contains("more than 1000"));
        // At the bound all is well.
        let members = format!(r#","m":[{}]"#, vec!["1"; 100].join(","));
        let extracted = extract(&event(&directive(&many(100), "[[]]"), &members), NOW_MS);
        let extracted = extracted.expect("it is EMF");
        assert_eq!((extracted.samples.len(), extracted.fault), (100, None));
    }
}
