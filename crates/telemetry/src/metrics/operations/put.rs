//! PutMetricData: a request as samples.

use std::sync::Arc;

use stepwell_api::cloudwatch::{Error, MetricDatum, PutMetricDataInput};

use crate::metrics::{Distribution, FUTURE_MAX_MS, Metric, PAST_MAX_MS, Sample, Unit, VALUE_MAX};

/// Data of one request. AWS: 1,000 metrics.
pub const DATA_MAX: usize = 1_000;

/// Values of one datum. AWS: 150.
pub const VALUES_MAX: usize = 150;

/// Violations that one answer spells out.
const VIOLATIONS_MAX: usize = 100;

/// The samples of a request.
///
/// - A datum without a timestamp is of now.
/// - Errors: AWS's codes and, where they are known, words; nothing of a request with an error is kept.
/// - The entities that data are put to are read and not kept.
pub fn samples(input: PutMetricDataInput, now_ms: i64) -> Result<Vec<Sample>, Error> {
    let namespace = &input.namespace;
    // AWS: namespaces of its services are its own.
    if namespace.starts_with("AWS/") {
        let text = format!("The value {namespace} for parameter Namespace is invalid.");
        return Err(Error::invalid_parameter_value_exception(text));
    }
    let plain = input.metric_data.unwrap_or_default();
    let entities = input.entity_metric_data.unwrap_or_default();
    let of_entities = entities
        .iter()
        .map(|entity| entity.metric_data.iter().flatten());
    let count = plain.len() + of_entities.clone().map(Iterator::count).sum::<usize>();
    if count == 0 {
        let text = "The parameter MetricData is required.";
        return Err(Error::missing_required_parameter_exception(text));
    }
    if count > DATA_MAX {
        let text =
            format!("The collection MetricData must not have a size greater than {DATA_MAX}.");
        return Err(Error::invalid_parameter_value_exception(text));
    }
    let mut reader = Reader {
        namespace,
        now_ms,
        refused: Vec::new(),
        last: None,
    };
    let mut samples = Vec::with_capacity(count);
    for (index, datum) in plain.iter().enumerate() {
        let at = format!("MetricData.member.{}", index + 1);
        samples.extend(reader.sample(datum, &at)?);
    }
    for (number, data) in of_entities.enumerate() {
        for (index, datum) in data.enumerate() {
            let at = format!(
                "EntityMetricData.member.{}.MetricData.member.{}",
                number + 1,
                index + 1
            );
            samples.extend(reader.sample(datum, &at)?);
        }
    }
    match reader.refused.is_empty() {
        true => Ok(samples),
        false => Err(Error::invalid_parameter_value_exception(
            reader.refused.join("\n"),
        )),
    }
}

struct Reader<'r> {
    namespace: &'r str,
    now_ms: i64,
    refused: Vec<String>,
    /// The metric before: data of one metric often come together.
    last: Option<Arc<Metric>>,
}

impl Reader<'_> {
    /// The sample of a datum; `None` if something about it is refused.
    fn sample(&mut self, datum: &MetricDatum, at: &str) -> Result<Option<Sample>, Error> {
        let refused = self.refused.len();
        let values = self.values(datum, at)?;
        let metric = self.metric(datum, at);
        let timestamp_ms = datum
            .timestamp
            .map_or(self.now_ms, |timestamp| timestamp.ms());
        // AWS: these words.
        if timestamp_ms < self.now_ms - PAST_MAX_MS {
            self.refuse(format!(
                "The parameter {at}.Timestamp must specify a time within the past two weeks."
            ));
        }
        if timestamp_ms > self.now_ms + FUTURE_MAX_MS {
            self.refuse(format!(
                "The parameter {at}.Timestamp must specify a time no more than two hours in the future."
            ));
        }
        let resolution = datum.storage_resolution.unwrap_or(60);
        if !matches!(resolution, 1 | 60) {
            self.refuse(format!(
                "The value {resolution} for parameter {at}.StorageResolution is invalid."
            ));
        }
        if self.refused.len() > refused {
            return Ok(None);
        }
        let unit = datum.unit.as_deref().and_then(Unit::of_name);
        Ok(Some(Sample {
            metric,
            unit: unit.unwrap_or_default(),
            timestamp_ms,
            is_high_resolution: resolution == 1,
            values,
        }))
    }

    fn refuse(&mut self, text: String) {
        if self.refused.len() < VIOLATIONS_MAX {
            self.refused.push(text);
        }
    }

    fn number(&mut self, number: f64, at: &str, member: &str) {
        let is_value = number.abs() <= VALUE_MAX;
        if !is_value {
            self.refuse(format!(
                "The value {number} for parameter {at}.{member} is invalid."
            ));
        }
    }

    fn values(&mut self, datum: &MetricDatum, at: &str) -> Result<Distribution, Error> {
        let given = [
            ("Value", datum.value.is_some()),
            ("StatisticValues", datum.statistic_values.is_some()),
            ("Values", datum.values.is_some()),
        ];
        let given: Vec<&str> = given
            .iter()
            .filter(|(_, is_given)| *is_given)
            .map(|(name, _)| *name)
            .collect();
        if let [first, second, ..] = given.as_slice() {
            let text = format!(
                "The parameters {at}.{first} and {at}.{second} are mutually exclusive and you have specified both."
            );
            return Err(Error::invalid_parameter_combination_exception(text));
        }
        if datum.counts.is_some() && datum.values.is_none() {
            let text = format!("The parameter {at}.Counts needs the parameter {at}.Values.");
            return Err(Error::invalid_parameter_combination_exception(text));
        }
        if let Some(value) = datum.value {
            self.number(value, at, "Value");
            return Ok(Distribution::of(value));
        }
        if let Some(set) = &datum.statistic_values {
            for (member, number) in [
                ("StatisticValues.SampleCount", set.sample_count),
                ("StatisticValues.Sum", set.sum),
                ("StatisticValues.Minimum", set.minimum),
                ("StatisticValues.Maximum", set.maximum),
            ] {
                self.number(number, at, member);
            }
            if set.sample_count <= 0.0 {
                let count = set.sample_count;
                self.refuse(format!(
                    "The value {count} for parameter {at}.StatisticValues.SampleCount is invalid."
                ));
            }
            if set.minimum > set.maximum {
                self.refuse(format!(
                    "The parameter {at}.StatisticValues.Maximum must be greater than or equal to {at}.StatisticValues.Minimum."
                ));
            }
            return Ok(Distribution::of_statistics(
                set.sum,
                set.sample_count,
                set.minimum,
                set.maximum,
            ));
        }
        let Some(values) = &datum.values else {
            let text = format!(
                "At least one of the parameters must be specified: {at}.Value, {at}.Values, {at}.StatisticValues."
            );
            return Err(Error::missing_required_parameter_exception(text));
        };
        Ok(self.counted(values, datum.counts.as_deref(), at))
    }

    fn counted(&mut self, values: &[f64], counts: Option<&[f64]>, at: &str) -> Distribution {
        let mut distribution = Distribution::default();
        if values.is_empty() {
            self.refuse(format!("The collection {at}.Values must not be empty."));
        }
        if values.len() > VALUES_MAX {
            self.refuse(format!(
                "The collection {at}.Values must not have a size greater than {VALUES_MAX}."
            ));
            return distribution;
        }
        if counts.is_some_and(|counts| counts.len() != values.len()) {
            self.refuse(format!(
                "The collections {at}.Values and {at}.Counts must have the same size."
            ));
            return distribution;
        }
        for (index, value) in values.iter().enumerate() {
            let count = counts.map_or(1.0, |counts| counts[index]);
            self.number(*value, at, &format!("Values.member.{}", index + 1));
            if !(0.0..=VALUE_MAX).contains(&count) {
                self.refuse(format!(
                    "The value {count} for parameter {at}.Counts.member.{} is invalid.",
                    index + 1
                ));
            }
            distribution.add(*value, count);
        }
        distribution
    }

    fn metric(&mut self, datum: &MetricDatum, at: &str) -> Arc<Metric> {
        let dimensions = datum.dimensions.as_deref().unwrap_or_default();
        for (index, dimension) in dimensions.iter().enumerate() {
            let at = format!("{at}.Dimensions.member.{}", index + 1);
            let (name, value) = (&dimension.name, &dimension.value);
            // AWS: ASCII without control characters, not blank alone; a name does not begin with a colon.
            let is_text = |text: &str| {
                text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && !text.trim().is_empty()
            };
            if !is_text(name) || name.starts_with(':') {
                self.refuse(format!(
                    "The value {name} for parameter {at}.Name is invalid."
                ));
            }
            if !is_text(value) {
                self.refuse(format!(
                    "The value {value} for parameter {at}.Value is invalid."
                ));
            }
            if dimensions[..index].iter().any(|other| other.name == *name) {
                self.refuse(format!(
                    "The value {name} for parameter {at}.Name is invalid: it is there twice."
                ));
            }
        }
        let pairs = dimensions
            .iter()
            .map(|dimension| (dimension.name.clone(), dimension.value.clone()));
        let metric = Metric::new(self.namespace, &datum.metric_name, pairs);
        if let Some(last) = self.last.as_ref().filter(|last| ***last == metric) {
            return Arc::clone(last);
        }
        let metric = Arc::new(metric);
        self.last = Some(Arc::clone(&metric));
        metric
    }
}
