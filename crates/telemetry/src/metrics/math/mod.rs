//! Queries of metric data: statistics of metrics over time, and metric math over them.
//!
//! AWS: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html

mod functions;
mod parse;
mod search;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use stepwell_api::cloudwatch::{self, MetricDataQuery};
use stepwell_store::Error;

use super::{Metric, MetricsReader, Statistic, Unit};
use parse::{Expression, Operator};
use value::{Series, Value};

/// Queries of one request. AWS: 500.
pub const QUERIES_MAX: usize = 500;

/// Points that the metrics of one request may have.
const POINTS_MAX: usize = 3_000_000;

/// Points that the expressions of one request make, each step of each of them counted.
const COMPUTED_MAX: usize = 4 * POINTS_MAX;

/// Series of an array. AWS: a search finds 500.
const SERIES_MAX: usize = 500;

/// Expressions that refer to each other, one behind the other.
const CHAIN_MAX: usize = 50;

/// What a query gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// Of the query; an expression that gives several series has several results.
    pub id: String,
    /// As a graph names it.
    pub label: String,
    /// Seconds from one point to the next, where there is none between.
    pub period_s: u32,
    /// Seconds since 1970 and value, in order of time.
    pub points: Vec<(i64, f64)>,
}

/// Why queries are not answered.
#[derive(Debug)]
pub enum Refusal {
    /// The request is wrong; the text is for its sender.
    Invalid(String),
    /// What it asks for is not built; the text names it.
    NotImplemented(String),
    /// The store cannot be read.
    Store(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Store(error)
    }
}

/// The time that a request asks for.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    start_ms: i64,
    end_s: i64,
    now_ms: i64,
}

impl Range {
    /// From an instant to another, which is not part of it; milliseconds since 1970.
    pub fn new(start_ms: i64, end_ms: i64, now_ms: i64) -> Range {
        Range {
            start_ms,
            end_s: end_ms.div_euclid(1_000) + i64::from(end_ms.rem_euclid(1_000) > 0),
            now_ms,
        }
    }

    /// Where the first span of this period begins, in seconds since 1970.
    ///
    /// - AWS: rounded down to whole minutes, to five minutes for a start more than 15 days ago, to hours for one more than
    ///   63 days ago; for a period below a minute to a multiple of it.
    pub fn start(&self, period_s: u32) -> i64 {
        const DAY_MS: i64 = 86_400_000;
        let age_ms = self.now_ms.saturating_sub(self.start_ms);
        let step = match period_s {
            0..60 => i64::from(period_s.max(1)),
            _ if age_ms > 63 * DAY_MS => 3_600,
            _ if age_ms > 15 * DAY_MS => 300,
            _ => 60,
        };
        let start_s = self.start_ms.div_euclid(1_000);
        start_s - start_s.rem_euclid(step)
    }

    /// Where it ends, in seconds since 1970.
    pub fn end(&self) -> i64 {
        self.end_s
    }

    /// How many spans of a period it has.
    pub fn spans(&self, period_s: u32) -> i64 {
        let step = i64::from(period_s.max(1));
        (self.end_s - self.start(period_s) + step - 1).max(0) / step
    }
}

/// Whether a period is one of AWS's: 1, 5, 10, 20, 30 or a multiple of 60 seconds.
pub fn is_period(period_s: i32) -> bool {
    matches!(period_s, 1 | 5 | 10 | 20 | 30) || period_s > 0 && period_s % 60 == 0
}

impl MetricsReader {
    /// What the queries give whose data is asked for, in their order.
    ///
    /// - Queries that are only used by others (`ReturnData` false) have no result.
    /// - Errors: what is wrong with a query, in AWS's words where they are known.
    pub fn evaluate(
        &self,
        queries: &[MetricDataQuery],
        range: Range,
    ) -> Result<Vec<Evaluated>, Refusal> {
        let checked = check(queries)?;
        let period_s = queries
            .iter()
            .filter_map(|query| query.metric_stat.as_ref())
            .map(|stat| stat.period as u32)
            .min();
        let mut evaluation = Evaluation {
            reader: self,
            range,
            queries: &checked,
            period_s: period_s.unwrap_or(60),
            done: BTreeMap::new(),
            open: BTreeSet::new(),
            points: 0,
            computed: 0,
        };
        let mut results = Vec::new();
        for query in checked.iter().filter(|query| query.returns) {
            let value = evaluation.of_id(query.id)?;
            let several = match value {
                Value::Array(array) => array,
                Value::Series(series) => vec![series],
                Value::Scalar(_) => {
                    return Err(Refusal::Invalid(format!(
                        "Error in expression '{}': the result is a scalar, not a time series",
                        query.id
                    )));
                }
            };
            let is_array = several.len() > 1;
            results.extend(several.into_iter().map(|series| Evaluated {
                id: query.id.to_owned(),
                label: query.label_of(&series, is_array),
                period_s: series.period_s,
                points: series.points,
            }));
        }
        Ok(results)
    }
}

/// A query that is right by itself.
struct Query<'q> {
    id: &'q str,
    label: Option<&'q str>,
    returns: bool,
    asks: Asks,
}

enum Asks {
    Statistic {
        metric: Metric,
        statistic: Statistic,
        period_s: u32,
        unit: Option<Unit>,
    },
    Expression {
        expression: Expression,
        period_s: Option<u32>,
    },
}

impl Query<'_> {
    fn label_of(&self, series: &Series, is_array: bool) -> String {
        let own = match &self.asks {
            Asks::Statistic { metric, .. } => metric.name(),
            Asks::Expression { .. } if series.label.is_empty() => self.id,
            Asks::Expression { .. } => &series.label,
        };
        match self.label {
            None => own.to_owned(),
            Some(label) if label.contains("${") => dynamic(label, own, series),
            // AWS: the label of an expression that gives several series stands before theirs.
            Some(label) if is_array => format!("{label} {own}"),
            Some(label) => label.to_owned(),
        }
    }
}

/// A label with values in it. AWS: `${AVG}` and the like.
fn dynamic(label: &str, own: &str, series: &Series) -> String {
    let values: Vec<f64> = series.points.iter().map(|(_, value)| *value).collect();
    let shown = |value: f64| match value.is_finite() {
        true => format!("{value}"),
        false => "--".to_owned(),
    };
    let mut text = label.to_owned();
    for (name, aggregate) in [
        ("AVG", value::Aggregate::Average),
        ("SUM", value::Aggregate::Sum),
        ("MIN", value::Aggregate::Minimum),
        ("MAX", value::Aggregate::Maximum),
        ("DATAPOINT_COUNT", value::Aggregate::Count),
    ] {
        text = text.replace(&format!("${{{name}}}"), &shown(aggregate.of(&values)));
    }
    let first = values.first().copied().unwrap_or(f64::NAN);
    let last = values.last().copied().unwrap_or(f64::NAN);
    text.replace("${FIRST}", &shown(first))
        .replace("${LAST}", &shown(last))
        .replace("${LABEL}", own)
}

fn check(queries: &[MetricDataQuery]) -> Result<Vec<Query<'_>>, Refusal> {
    if queries.is_empty() || queries.len() > QUERIES_MAX {
        return Err(Refusal::Invalid(format!(
            "The collection MetricDataQueries must not have a size greater than {QUERIES_MAX} or be empty."
        )));
    }
    let mut refused = Vec::new();
    let mut ids = BTreeSet::new();
    let mut checked = Vec::new();
    for (index, query) in queries.iter().enumerate() {
        let at = format!("MetricDataQueries.member.{}", index + 1);
        if !is_id(&query.id) {
            refused.push(format!("The value {} for parameter {at}.Id is invalid: an id begins with a lower-case letter and has letters, digits and underscores.", query.id));
        }
        if !ids.insert(query.id.as_str()) {
            refused.push(format!(
                "The values for parameter Id in MetricDataQueries are not unique: {}.",
                query.id
            ));
        }
        match asks(query, &at)? {
            Ok(asks) => checked.push(Query {
                id: &query.id,
                label: query.label.as_deref().filter(|label| !label.is_empty()),
                returns: query.return_data != Some(false),
                asks,
            }),
            Err(text) => refused.push(text),
        }
    }
    match refused.is_empty() {
        true => Ok(checked),
        false => Err(Refusal::Invalid(refused.join("\n"))),
    }
}

/// The inner error is one of several that a request may have.
fn asks(query: &MetricDataQuery, at: &str) -> Result<Result<Asks, String>, Refusal> {
    match (&query.metric_stat, &query.expression) {
        (Some(stat), None) => Ok(statistic(stat, at)),
        (None, Some(text)) => {
            if text
                .trim_start()
                .get(..7)
                .is_some_and(|word| word.eq_ignore_ascii_case("SELECT "))
            {
                return Err(Refusal::NotImplemented(
                    "queries of Metrics Insights (SELECT)".to_owned(),
                ));
            }
            let period_s = match query.period {
                Some(period) if !is_period(period) => {
                    return Ok(Err(not_a_period(period, &format!("{at}.Period"))));
                }
                period => period.map(|period| period as u32),
            };
            Ok(Expression::parse(text)
                .map(|expression| Asks::Expression {
                    expression,
                    period_s,
                })
                .map_err(|reason| format!("Error in expression '{}': {reason}", query.id)))
        }
        _ => Ok(Err(format!(
            "The parameter {at} must have either MetricStat or Expression, and not both."
        ))),
    }
}

fn statistic(stat: &cloudwatch::MetricStat, at: &str) -> Result<Asks, String> {
    let statistic = Statistic::parse(&stat.stat).ok_or_else(|| {
        // AWS: these words.
        format!(
            "The value {} for parameter {at}.MetricStat.Stat is not a valid statistic.",
            stat.stat
        )
    })?;
    if !is_period(stat.period) {
        return Err(not_a_period(
            stat.period,
            &format!("{at}.MetricStat.Period"),
        ));
    }
    let metric = &stat.metric;
    let (Some(namespace), Some(name)) = (&metric.namespace, &metric.metric_name) else {
        return Err(format!(
            "The parameter {at}.MetricStat.Metric must have Namespace and MetricName."
        ));
    };
    let dimensions = metric.dimensions.iter().flatten();
    let dimensions = dimensions.map(|dimension| (dimension.name.clone(), dimension.value.clone()));
    Ok(Asks::Statistic {
        metric: Metric::new(namespace, name, dimensions),
        statistic,
        period_s: stat.period as u32,
        unit: stat.unit.as_deref().and_then(Unit::of_name),
    })
}

fn not_a_period(period: i32, parameter: &str) -> String {
    format!(
        "The value {period} for parameter {parameter} is invalid: a period is 1, 5, 10, 20, 30 or any multiple of 60."
    )
}

fn is_id(id: &str) -> bool {
    id.starts_with(|c: char| c.is_ascii_lowercase())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// One request in evaluation.
pub(in crate::metrics) struct Evaluation<'e> {
    reader: &'e MetricsReader,
    range: Range,
    queries: &'e [Query<'e>],
    /// Of series that have none of their own.
    period_s: u32,
    done: BTreeMap<&'e str, Value>,
    /// Queries that are being evaluated: one of them that is needed again needs itself.
    open: BTreeSet<&'e str>,
    /// Of metrics, and of expressions.
    points: usize,
    computed: usize,
}

impl<'e> Evaluation<'e> {
    fn of_id(&mut self, id: &str) -> Result<Value, Refusal> {
        if let Some(value) = self.done.get(id) {
            return Ok(value.clone());
        }
        let queries: &'e [Query<'e>] = self.queries;
        let Some(query) = queries.iter().find(|query| query.id == id) else {
            return Err(Refusal::Invalid(format!(
                "there is no query with the id {id}"
            )));
        };
        if !self.open.insert(query.id) || self.open.len() > CHAIN_MAX {
            return Err(Refusal::Invalid(format!(
                "the expression {id} needs itself"
            )));
        }
        let value = match &query.asks {
            Asks::Statistic {
                metric,
                statistic,
                period_s,
                unit,
            } => self
                .read(metric, statistic, *period_s, *unit)
                .map(Value::Series),
            Asks::Expression {
                expression,
                period_s,
            } => {
                let outer = self.period_s;
                self.period_s = period_s.unwrap_or(outer);
                let value = self.evaluate(expression);
                self.period_s = outer;
                value.map_err(|refusal| match refusal {
                    Refusal::Invalid(text) if !text.starts_with("Error in expression") => {
                        Refusal::Invalid(format!("Error in expression '{id}': {text}"))
                    }
                    other => other,
                })
            }
        }?;
        self.open.remove(query.id);
        self.done.insert(query.id, value.clone());
        Ok(value)
    }

    fn read(
        &mut self,
        metric: &Metric,
        statistic: &Statistic,
        period_s: u32,
        unit: Option<Unit>,
    ) -> Result<Series, Refusal> {
        let series = self.reader.series(metric, unit)?;
        let numbers: Vec<u32> = series.iter().map(|(number, _)| *number).collect();
        self.points +=
            numbers.len() * usize::try_from(self.range.spans(period_s)).unwrap_or(usize::MAX);
        if self.points > POINTS_MAX {
            return Err(Refusal::Invalid(format!(
                "the queries ask for more than {POINTS_MAX} points: ask for less time or longer periods"
            )));
        }
        let start_s = self.range.start(period_s);
        let buckets = self
            .reader
            .buckets(&numbers, start_s, self.range.end_s, period_s)?;
        let points = buckets
            .iter()
            .filter_map(|(at, values)| Some((*at, statistic.of(values)?)));
        Ok(Series {
            label: metric.name().to_owned(),
            period_s,
            points: points.collect(),
        })
    }

    /// Takes points from what the expressions of a request may make.
    fn spend(&mut self, points: usize) -> Result<(), Refusal> {
        self.computed = self.computed.saturating_add(points);
        if self.computed > COMPUTED_MAX {
            return Err(Refusal::Invalid(format!(
                "the expressions make more than {COMPUTED_MAX} points: ask for less time, longer periods or fewer series"
            )));
        }
        Ok(())
    }

    fn evaluate(&mut self, expression: &Expression) -> Result<Value, Refusal> {
        let value = self.evaluate_free(expression)?;
        if let Value::Array(array) = &value
            && array.len() > SERIES_MAX
        {
            return Err(Refusal::Invalid(format!(
                "an array has {} time series, at most {SERIES_MAX} are allowed",
                array.len()
            )));
        }
        self.spend(value.points())?;
        Ok(value)
    }

    /// What an expression gives, before it is taken from the budget.
    fn evaluate_free(&mut self, expression: &Expression) -> Result<Value, Refusal> {
        match expression {
            Expression::Number(number) => Ok(Value::Scalar(*number)),
            Expression::Text(_) => Err(Refusal::Invalid(
                "a text stands where a value is needed".to_owned(),
            )),
            Expression::Name(id) => self.of_id(id),
            Expression::Negate(operand) => {
                let operand = self.evaluate(operand)?;
                operated(&operand, &Value::Scalar(-1.0), &|left, right| left * right)
            }
            Expression::Array(elements) => {
                let mut array = Vec::new();
                for element in elements {
                    match self.evaluate(element)? {
                        Value::Series(series) => array.push(series),
                        Value::Array(several) => array.extend(several),
                        Value::Scalar(_) => {
                            return Err(Refusal::Invalid(
                                "an array holds time series, not scalars".to_owned(),
                            ));
                        }
                    }
                }
                Ok(Value::Array(array))
            }
            Expression::Binary(operator, left, right) => {
                let (left, right) = (self.evaluate(left)?, self.evaluate(right)?);
                operated(&left, &right, &|left, right| operator.of(left, right))
            }
            Expression::Call(name, arguments) => self.call(name, arguments),
        }
    }

    /// The metrics of the request whose id has this part.
    fn metrics(&mut self, part: &str) -> Result<Value, Refusal> {
        let queries: &'e [Query<'e>] = self.queries;
        let mut array = Vec::new();
        for query in queries {
            let is_metric = matches!(query.asks, Asks::Statistic { .. });
            if is_metric
                && query.id.contains(part)
                && let Value::Series(mut series) = self.of_id(query.id)?
            {
                if let Some(label) = query.label {
                    label.clone_into(&mut series.label);
                }
                array.push(series);
            }
        }
        Ok(Value::Array(array))
    }
}

impl Operator {
    /// A comparison gives 1 or 0.
    fn of(self, left: f64, right: f64) -> f64 {
        let truth = |holds: bool| f64::from(u8::from(holds));
        match self {
            Operator::Or => truth(left != 0.0 || right != 0.0),
            Operator::And => truth(left != 0.0 && right != 0.0),
            Operator::Equal => truth(left == right),
            Operator::NotEqual => truth(left != right),
            Operator::Less => truth(left < right),
            Operator::LessOrEqual => truth(left <= right),
            Operator::Greater => truth(left > right),
            Operator::GreaterOrEqual => truth(left >= right),
            Operator::Plus => left + right,
            Operator::Minus => left - right,
            Operator::Times => left * right,
            Operator::By => left / right,
            Operator::Power => left.powf(right),
        }
    }
}

/// An operator on two values; an array with a scalar or a series gives an array.
fn operated(left: &Value, right: &Value, of: &dyn Fn(f64, f64) -> f64) -> Result<Value, Refusal> {
    let each = |array: &[Series], of: &dyn Fn(&Series) -> Series| {
        Value::Array(array.iter().map(of).collect())
    };
    Ok(match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => Value::Scalar(of(*left, *right)),
        (Value::Series(left), Value::Scalar(right)) => {
            Value::Series(left.map(|_, left| of(left, *right)))
        }
        (Value::Scalar(left), Value::Series(right)) => {
            Value::Series(right.map(|_, right| of(*left, right)))
        }
        (Value::Series(left), Value::Series(right)) => Value::Series(left.joined(right, of)),
        (Value::Array(left), Value::Scalar(right)) => {
            each(left, &|series| series.map(|_, left| of(left, *right)))
        }
        (Value::Scalar(left), Value::Array(right)) => {
            each(right, &|series| series.map(|_, right| of(*left, right)))
        }
        (Value::Array(left), Value::Series(right)) => {
            each(left, &|series| series.joined(right, of))
        }
        (Value::Series(left), Value::Array(right)) => each(right, &|series| {
            series.joined(left, |right, left| of(left, right))
        }),
        (Value::Array(_), Value::Array(_)) => {
            return Err(Refusal::Invalid(
                "an operator takes no two arrays".to_owned(),
            ));
        }
    })
}
