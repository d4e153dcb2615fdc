//! One evaluation of a metric alarm: the points of its range in, a state with its reason out.
//!
//! Source: CloudWatch user guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data".

use serde_json::{Map, Value, json};

use super::state::StateValue;
use super::text::{datapoints, instant, number, short_instant, was};

/// How a value is compared with the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Comparison {
    /// The comparison that `ComparisonOperator` names; `None` for those of anomaly detection.
    pub fn parse(operator: &str) -> Option<Comparison> {
        match operator {
            "GreaterThanThreshold" => Some(Comparison::Greater),
            "GreaterThanOrEqualToThreshold" => Some(Comparison::GreaterOrEqual),
            "LessThanThreshold" => Some(Comparison::Less),
            "LessThanOrEqualToThreshold" => Some(Comparison::LessOrEqual),
            _ => None,
        }
    }

    fn is_breached(self, value: f64, threshold: f64) -> bool {
        match self {
            Comparison::Greater => value > threshold,
            Comparison::GreaterOrEqual => value >= threshold,
            Comparison::Less => value < threshold,
            Comparison::LessOrEqual => value <= threshold,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Comparison::Greater => "greater than",
            Comparison::GreaterOrEqual => "greater than or equal to",
            Comparison::Less => "less than",
            Comparison::LessOrEqual => "less than or equal to",
        }
    }
}

/// What a missing data point counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Missing,
    Ignore,
    Breaching,
    NotBreaching,
}

impl Missing {
    pub fn parse(text: &str) -> Option<Missing> {
        match text {
            "missing" => Some(Missing::Missing),
            "ignore" => Some(Missing::Ignore),
            "breaching" => Some(Missing::Breaching),
            "notBreaching" => Some(Missing::NotBreaching),
            _ => None,
        }
    }
}

/// What an alarm asks of its data points.
#[derive(Debug, Clone, PartialEq)]
pub struct Criteria<'a> {
    pub comparison: Comparison,
    pub threshold: f64,
    /// N.
    pub evaluation_periods: usize,
    /// M, where it is given: without it all N must breach, and the reason is worded for that.
    pub datapoints_to_alarm: Option<usize>,
    pub missing: Missing,
    /// Samples below which the state is kept; 0 evaluates any number.
    pub samples_min: f64,
    pub period_s: i64,
    /// The statistic and the unit, where one metric is watched.
    pub statistic: Option<&'a str>,
    pub unit: Option<&'a str>,
}

/// The statistic of one period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub start_ms: i64,
    /// `None` is a missing data point.
    pub value: Option<f64>,
    pub samples: f64,
}

/// What comes of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The alarm stays as it is.
    Retain,
    State {
        value: StateValue,
        reason: String,
        /// JSON text.
        reason_data: String,
    },
}

/// Periods of the evaluation range: those that are evaluated, and two further back in case some are missing.
///
/// AWS gives the number for one example only: 5 periods where 3 are evaluated.
pub fn range_periods(evaluation_periods: usize) -> usize {
    evaluation_periods + 2
}

/// Evaluates the points of the range, newest first.
///
/// - Points beyond the range are not looked at.
/// - Pure: the same points give the same verdict, whatever the state was. Only [`Verdict::Retain`] depends on it.
pub fn evaluate(criteria: &Criteria<'_>, now_ms: i64, points: &[Point]) -> Verdict {
    let periods = criteria.evaluation_periods;
    let points = &points[..points.len().min(range_periods(periods))];
    let real: Vec<&Point> = points
        .iter()
        .filter(|point| point.value.is_some())
        .take(periods)
        .collect();
    let samples: f64 = real.iter().map(|point| point.samples).sum();
    if !real.is_empty() && samples < criteria.samples_min {
        return Verdict::Retain;
    }
    let evaluation = Evaluation {
        criteria,
        now_ms,
        points,
        lacking: periods - real.len(),
        breaching: real
            .iter()
            .filter(|point| criteria.breaches(point))
            .copied()
            .collect(),
        real,
    };
    evaluation.verdict()
}

impl Criteria<'_> {
    fn breaches(&self, point: &Point) -> bool {
        point
            .value
            .is_some_and(|value| self.comparison.is_breached(value, self.threshold))
    }

    /// M.
    fn minimum(&self) -> usize {
        self.datapoints_to_alarm.unwrap_or(self.evaluation_periods)
    }
}

struct Evaluation<'a> {
    criteria: &'a Criteria<'a>,
    now_ms: i64,
    /// The range, newest first.
    points: &'a [Point],
    /// The newest points that are there, at most as many as are evaluated.
    real: Vec<&'a Point>,
    breaching: Vec<&'a Point>,
    /// Points that must be filled in.
    lacking: usize,
}

impl Evaluation<'_> {
    fn verdict(&self) -> Verdict {
        let minimum = self.criteria.minimum();
        if self.breaching.len() >= minimum {
            return self.crossed(StateValue::Alarm);
        }
        if self.lacking == 0 {
            return self.crossed(StateValue::Ok);
        }
        match self.criteria.missing {
            Missing::Breaching if self.breaching.len() + self.lacking >= minimum => {
                self.filled(StateValue::Alarm, "Breaching")
            }
            Missing::Breaching => self.filled(StateValue::Ok, "Breaching"),
            Missing::NotBreaching => self.filled(StateValue::Ok, "NonBreaching"),
            Missing::Missing | Missing::Ignore if self.breaching.len() < self.real.len() => {
                self.crossed(StateValue::Ok)
            }
            // Nothing is there, or nothing but what breaches, and that is too little.
            Missing::Ignore => Verdict::Retain,
            Missing::Missing if self.is_premature(minimum) => self.crossed(StateValue::Alarm),
            Missing::Missing => self.insufficient(),
        }
    }

    /// AWS, "Avoiding premature transitions to alarm state": a breaching point that is at least as old as the number
    /// of data points to alarm, with nothing but breaching and missing ones after it, is enough.
    fn is_premature(&self, minimum: usize) -> bool {
        let oldest = self.real.last();
        let place = oldest.and_then(|oldest| {
            self.points
                .iter()
                .position(|point| point.start_ms == oldest.start_ms)
        });
        place.is_some_and(|place| place + 1 >= minimum)
    }

    /// Points that are there decided.
    fn crossed(&self, value: StateValue) -> Verdict {
        let is_alarm = value == StateValue::Alarm;
        let said: Vec<&&Point> = self
            .real
            .iter()
            .filter(|point| self.criteria.breaches(point) == is_alarm)
            .collect();
        let shown: Vec<String> = said
            .iter()
            .filter_map(|point| Some((point.value?, point.start_ms)))
            .map(|(value, ms)| format!("{} ({})", number(value), short_instant(ms)))
            .collect();
        let periods = self.criteria.evaluation_periods;
        let count = said.len();
        let (words, threshold) = (
            self.criteria.comparison.words(),
            number(self.criteria.threshold),
        );
        let not = if is_alarm { "" } else { "not " };
        let (verb, shown) = (was(count), shown.join(", "));
        let reason = match self.criteria.datapoints_to_alarm {
            Some(minimum) => {
                let (way, minimum) = match value {
                    StateValue::Alarm => ("OK -> ALARM", minimum),
                    _ => ("ALARM -> OK", periods + 1 - minimum.min(periods)),
                };
                let minimum = datapoints(minimum);
                format!(
                    "Threshold Crossed: {count} out of the last {periods} datapoints [{shown}] {verb} {not}{words} \
                     the threshold ({threshold}) (minimum {minimum} for {way} transition)."
                )
            }
            None => {
                let count = datapoints(count);
                format!(
                    "Threshold Crossed: {count} [{shown}] {verb} {not}{words} the threshold ({threshold})."
                )
            }
        };
        self.state(value, reason)
    }

    /// What is missing was filled in.
    fn filled(&self, value: StateValue, treated: &str) -> Verdict {
        let received = match self.real.len() {
            0 => "no datapoints were".to_owned(),
            count => format!("{} {}", datapoints(count), was(count)),
        };
        let periods = match self.criteria.evaluation_periods {
            1 => "1 period".to_owned(),
            count => format!("{count} periods"),
        };
        let lacking = match self.lacking {
            1 => "1 missing datapoint".to_owned(),
            count => format!("{count} missing datapoints"),
        };
        let verb = was(self.lacking);
        let reason = format!(
            "Threshold Crossed: {received} received for {periods} and {lacking} {verb} treated as [{treated}]."
        );
        self.state(value, reason)
    }

    fn insufficient(&self) -> Verdict {
        let (unknown, verb) = (datapoints(self.lacking), was(self.lacking));
        let reason = format!("Insufficient Data: {unknown} {verb} unknown.");
        self.state(StateValue::InsufficientData, reason)
    }

    fn state(&self, value: StateValue, reason: String) -> Verdict {
        Verdict::State {
            value,
            reason,
            reason_data: self.data().to_string(),
        }
    }

    /// `StateReasonData`: what was evaluated, and the newest missing points that were filled in.
    fn data(&self) -> Value {
        let mut data = Map::new();
        data.insert("version".to_owned(), json!("1.0"));
        data.insert("queryDate".to_owned(), json!(instant(self.now_ms)));
        if let Some(oldest) = self.real.last() {
            data.insert("startDate".to_owned(), json!(instant(oldest.start_ms)));
        }
        if let Some(unit) = self.criteria.unit {
            data.insert("unit".to_owned(), json!(unit));
        }
        if let Some(statistic) = self.criteria.statistic {
            data.insert("statistic".to_owned(), json!(statistic));
        }
        data.insert("period".to_owned(), json!(self.criteria.period_s));
        let recent: Vec<f64> = self.real.iter().rev().filter_map(|p| p.value).collect();
        data.insert("recentDatapoints".to_owned(), json!(recent));
        data.insert("threshold".to_owned(), json!(self.criteria.threshold));
        let missing = self.points.iter().filter(|point| point.value.is_none());
        let mut evaluated: Vec<&Point> = missing.take(self.lacking).collect();
        evaluated.extend(&self.real);
        evaluated.sort_by_key(|point| std::cmp::Reverse(point.start_ms));
        let evaluated: Vec<Value> = evaluated.into_iter().map(evaluated_point).collect();
        data.insert("evaluatedDatapoints".to_owned(), json!(evaluated));
        Value::Object(data)
    }
}

fn evaluated_point(point: &Point) -> Value {
    let timestamp = instant(point.start_ms);
    match point.value {
        Some(value) => {
            json!({ "timestamp": timestamp, "sampleCount": point.samples, "value": value })
        }
        None => json!({ "timestamp": timestamp }),
    }
}

/// Samples below which a percentile says little: 10/(1 - percentile) for the upper half, 10/percentile for the lower.
///
/// - `statistic`: `p99`, `p99.9`; 0 for anything that is no percentile.
/// - Source: CloudWatch user guide, "Percentile-based alarms and low data samples".
pub fn samples_of_percentile(statistic: &str) -> f64 {
    let percent: Option<f64> = statistic
        .strip_prefix(['p', 'P'])
        .and_then(|text| text.parse().ok());
    let Some(percent) = percent.filter(|percent| (0.0..=100.0).contains(percent)) else {
        return 0.0;
    };
    let fraction = percent / 100.0;
    let rest = if fraction >= 0.5 {
        1.0 - fraction
    } else {
        fraction
    };
    if rest <= 0.0 { 0.0 } else { 10.0 / rest }
}
