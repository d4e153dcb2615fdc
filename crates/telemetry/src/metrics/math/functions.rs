//! The functions of metric math.

use stepwell_api::DateTime;

use super::parse::Expression;
use super::value::{Aggregate, Series, Value};
use super::{Evaluation, Refusal};

/// Functions of AWS that are not built.
const NOT_BUILT: [&str; 6] = [
    "ANOMALY_DETECTION_BAND",
    "DB_PERF_INSIGHTS",
    "INSIGHT_RULE_METRIC",
    "LAMBDA",
    "SERVICE_QUOTA",
    "SELECT",
];

/// Points that FILL and TIME_SERIES may make.
const GRID_MAX: i64 = 200_000;

impl Evaluation<'_> {
    /// What a function gives.
    pub(super) fn call(&mut self, name: &str, arguments: &[Expression]) -> Result<Value, Refusal> {
        let upper = name.to_ascii_uppercase();
        if let Some(aggregate) = Aggregate::named(&upper) {
            return self.aggregate(&upper, aggregate, arguments);
        }
        match (upper.as_str(), arguments) {
            ("IF", [condition, then]) => self.choose(condition, then, None),
            ("IF", [condition, then, otherwise]) => self.choose(condition, then, Some(otherwise)),
            ("FILL", [filled, with]) => self.fill(filled, with),
            ("METRICS", []) => self.metrics(""),
            ("METRICS", [Expression::Text(part)]) => self.metrics(part),
            ("METRIC_COUNT", [array]) => Ok(Value::Scalar(self.array(&upper, array)?.len() as f64)),
            ("PERIOD", [series]) => {
                let series = self.series(&upper, series)?;
                Ok(Value::Scalar(f64::from(series.period_s)))
            }
            ("TIME_SERIES", [scalar]) => match self.evaluate(scalar)? {
                Value::Scalar(value) => {
                    let points = self.grid(self.period_s)?.into_iter();
                    Ok(Value::Series(Series {
                        label: String::new(),
                        period_s: self.period_s,
                        points: points.map(|at| (at, value)).collect(),
                    }))
                }
                _ => Err(wrong("TIME_SERIES", "a scalar")),
            },
            ("FIRST" | "LAST", [array]) => {
                let mut array = self.array(&upper, array)?;
                let series = match upper.as_str() {
                    "LAST" => array.pop(),
                    _ if array.is_empty() => None,
                    _ => Some(array.swap_remove(0)),
                };
                Ok(Value::Series(series.unwrap_or_default()))
            }
            ("REMOVE_EMPTY", [array]) => {
                let mut array = self.array(&upper, array)?;
                array.retain(|series| !series.points.is_empty());
                Ok(Value::Array(array))
            }
            ("SLICE", [array, from]) => self.slice(array, from, None),
            ("SLICE", [array, from, to]) => self.slice(array, from, Some(to)),
            ("SORT", [array, by, order]) => self.sort(array, by, order, None),
            ("SORT", [array, by, order, most]) => self.sort(array, by, order, Some(most)),
            ("SEARCH", [Expression::Text(text), Expression::Text(statistic)]) => {
                self.search(text, statistic, None)
            }
            ("SEARCH", [Expression::Text(text), Expression::Text(statistic), period]) => {
                let period = self.whole("SEARCH", period)?;
                self.search(text, statistic, Some(period))
            }
            (_, [argument]) if each_point(&upper).is_some() || of_series(&upper).is_some() => {
                let value = self.evaluate(argument)?;
                self.each(&upper, value)
            }
            _ if NOT_BUILT.contains(&upper.as_str()) => Err(Refusal::NotImplemented(format!(
                "the function {upper} of metric math"
            ))),
            _ if is_known(&upper) => Err(Refusal::Invalid(format!(
                "{} arguments are not what the function {upper} takes",
                arguments.len()
            ))),
            _ => Err(Refusal::Invalid(format!("there is no function {name}"))),
        }
    }

    fn each(&mut self, name: &str, value: Value) -> Result<Value, Refusal> {
        if let Some(of) = each_point(name) {
            return match value {
                Value::Scalar(_) if is_of_time(name) => Err(wrong(name, "a time series")),
                Value::Scalar(scalar) => Ok(Value::Scalar(of(0, scalar))),
                Value::Series(series) => Ok(Value::Series(series.map(of))),
                Value::Array(array) => Ok(Value::Array(
                    array.iter().map(|series| series.map(of)).collect(),
                )),
            };
        }
        match (of_series(name), value) {
            (Some(of), Value::Series(series)) => Ok(Value::Series(of(&series))),
            (Some(of), Value::Array(array)) => Ok(Value::Array(array.iter().map(of).collect())),
            _ => Err(wrong(name, "a time series")),
        }
    }

    fn aggregate(
        &mut self,
        name: &str,
        aggregate: Aggregate,
        arguments: &[Expression],
    ) -> Result<Value, Refusal> {
        let [argument] = arguments else {
            return Err(wrong(name, "one argument"));
        };
        Ok(match self.evaluate(argument)? {
            Value::Array(array) => Value::Series(aggregate.across(&array)),
            Value::Series(series) => {
                let values: Vec<f64> = series.points.iter().map(|(_, value)| *value).collect();
                Value::Scalar(aggregate.of(&values))
            }
            Value::Scalar(scalar) => Value::Scalar(aggregate.of(&[scalar])),
        })
    }

    /// The value of the one or the other, where the condition is not 0, and where it is.
    fn choose(
        &mut self,
        condition: &Expression,
        then: &Expression,
        otherwise: Option<&Expression>,
    ) -> Result<Value, Refusal> {
        let condition = self.evaluate(condition)?;
        let then = self.evaluate(then)?;
        let otherwise = otherwise.map(|other| self.evaluate(other)).transpose()?;
        let condition = match condition {
            Value::Scalar(scalar) if scalar != 0.0 => return Ok(then),
            Value::Scalar(_) => return Ok(otherwise.unwrap_or(Value::Series(Series::default()))),
            Value::Series(series) => series,
            Value::Array(_) => return Err(wrong("IF", "a scalar or a time series as condition")),
        };
        let value_at = |value: &Value, at| match value {
            Value::Scalar(scalar) => Ok(Some(*scalar)),
            Value::Series(series) => Ok(series.at(at)),
            Value::Array(_) => Err(wrong("IF", "scalars or time series to choose from")),
        };
        let mut points = Vec::new();
        for (at, holds) in &condition.points {
            let chosen = match (*holds != 0.0, &otherwise) {
                (true, _) => value_at(&then, *at)?,
                (false, Some(otherwise)) => value_at(otherwise, *at)?,
                (false, None) => None,
            };
            points.extend(chosen.map(|value| (*at, value)));
        }
        Ok(Value::Series(condition.with(points)))
    }

    fn fill(&mut self, filled: &Expression, with: &Expression) -> Result<Value, Refusal> {
        let filled = self.evaluate(filled)?;
        let filler = match with {
            Expression::Name(name) if name.eq_ignore_ascii_case("REPEAT") => Filler::Repeat,
            Expression::Name(name) if name.eq_ignore_ascii_case("LINEAR") => Filler::Linear,
            _ => match self.evaluate(with)? {
                Value::Scalar(scalar) => Filler::Scalar(scalar),
                Value::Series(series) => Filler::Series(series),
                Value::Array(_) => {
                    return Err(wrong("FILL", "a scalar or a time series to fill with"));
                }
            },
        };
        match filled {
            Value::Series(series) => Ok(Value::Series(self.filled(&series, &filler)?)),
            Value::Array(array) => {
                let filled = array.iter().map(|series| self.filled(series, &filler));
                Ok(Value::Array(filled.collect::<Result<_, _>>()?))
            }
            Value::Scalar(_) => Err(wrong("FILL", "a time series to fill")),
        }
    }

    fn filled(&mut self, series: &Series, filler: &Filler) -> Result<Series, Refusal> {
        let period_s = match series.period_s {
            0 => self.period_s,
            period_s => period_s,
        };
        let mut points = Vec::new();
        let mut next = 0;
        for at in self.grid(period_s)? {
            while series
                .points
                .get(next)
                .is_some_and(|(instant, _)| *instant < at)
            {
                next += 1;
            }
            if let Some((_, value)) = series
                .points
                .get(next)
                .filter(|(instant, _)| *instant == at)
            {
                points.push((at, *value));
                continue;
            }
            let before = next.checked_sub(1).map(|before| series.points[before]);
            let value = match filler {
                Filler::Scalar(scalar) => Some(*scalar),
                Filler::Series(other) => other.at(at),
                Filler::Repeat => before.map(|(_, value)| value),
                Filler::Linear => before.zip(series.points.get(next)).map(|(before, after)| {
                    let part = (at - before.0) as f64 / (after.0 - before.0) as f64;
                    before.1 + (after.1 - before.1) * part
                }),
            };
            points.extend(value.map(|value| (at, value)));
        }
        let mut filled = series.with(points);
        filled.period_s = period_s;
        Ok(filled)
    }

    /// The instants of a period in the range of the request.
    fn grid(&mut self, period_s: u32) -> Result<Vec<i64>, Refusal> {
        let step = i64::from(period_s.max(1));
        let start = self.range.start(period_s);
        if (self.range.end_s - start) / step > GRID_MAX {
            return Err(Refusal::Invalid(format!(
                "more than {GRID_MAX} points to fill"
            )));
        }
        let count = (self.range.end_s - start + step - 1).max(0) / step;
        self.spend(usize::try_from(count).unwrap_or(usize::MAX))?;
        Ok((0..count).map(|number| start + number * step).collect())
    }

    fn slice(
        &mut self,
        array: &Expression,
        from: &Expression,
        to: Option<&Expression>,
    ) -> Result<Value, Refusal> {
        let array = self.array("SLICE", array)?;
        let from = self.whole("SLICE", from)?.min(array.len());
        let to = match to {
            Some(to) => self.whole("SLICE", to)?.min(array.len()),
            None => array.len(),
        };
        Ok(Value::Array(array[from..to.max(from)].to_vec()))
    }

    fn sort(
        &mut self,
        array: &Expression,
        by: &Expression,
        order: &Expression,
        most: Option<&Expression>,
    ) -> Result<Value, Refusal> {
        let mut array = self.array("SORT", array)?;
        let word = |expression: &Expression| match expression {
            Expression::Name(name) | Expression::Text(name) => Some(name.to_ascii_uppercase()),
            _ => None,
        };
        let by = word(by)
            .filter(|name| matches!(name.as_str(), "AVG" | "MIN" | "MAX" | "SUM"))
            .and_then(|name| Aggregate::named(&name))
            .ok_or_else(|| wrong("SORT", "AVG, MIN, MAX or SUM to sort by"))?;
        let is_descending = match word(order).as_deref() {
            Some("ASC") => false,
            Some("DESC") => true,
            _ => return Err(wrong("SORT", "ASC or DESC as order")),
        };
        let rank = |series: &Series| {
            let values: Vec<f64> = series.points.iter().map(|(_, value)| *value).collect();
            by.of(&values)
        };
        // A series without a value is the last one, either way.
        array.sort_by(|left, right| {
            let (left, right) = (rank(left), rank(right));
            let order = match is_descending {
                true => right.total_cmp(&left),
                false => left.total_cmp(&right),
            };
            left.is_nan().cmp(&right.is_nan()).then(order)
        });
        if let Some(most) = most {
            array.truncate(self.whole("SORT", most)?);
        }
        Ok(Value::Array(array))
    }

    fn array(&mut self, name: &str, argument: &Expression) -> Result<Vec<Series>, Refusal> {
        match self.evaluate(argument)? {
            Value::Array(array) => Ok(array),
            Value::Series(series) => Ok(vec![series]),
            Value::Scalar(_) => Err(wrong(name, "an array of time series")),
        }
    }

    fn series(&mut self, name: &str, argument: &Expression) -> Result<Series, Refusal> {
        match self.evaluate(argument)? {
            Value::Series(series) => Ok(series),
            _ => Err(wrong(name, "a time series")),
        }
    }

    fn whole(&mut self, name: &str, argument: &Expression) -> Result<usize, Refusal> {
        match self.evaluate(argument)? {
            Value::Scalar(scalar) if scalar.fract() == 0.0 && (0.0..1e9).contains(&scalar) => {
                Ok(scalar as usize)
            }
            _ => Err(wrong(name, "a whole number")),
        }
    }
}

enum Filler {
    Scalar(f64),
    Series(Series),
    Repeat,
    Linear,
}

fn wrong(name: &str, wanted: &str) -> Refusal {
    Refusal::Invalid(format!("the function {name} needs {wanted}"))
}

fn is_known(name: &str) -> bool {
    const OTHERS: [&str; 13] = [
        "IF",
        "FILL",
        "METRICS",
        "METRIC_COUNT",
        "PERIOD",
        "TIME_SERIES",
        "FIRST",
        "LAST",
        "REMOVE_EMPTY",
        "SLICE",
        "SORT",
        "SEARCH",
        "RATE",
    ];
    OTHERS.contains(&name) || each_point(name).is_some() || of_series(name).is_some()
}

/// Functions of the time of a point rather than its value.
fn is_of_time(name: &str) -> bool {
    matches!(
        name,
        "MINUTE" | "HOUR" | "DAY" | "DATE" | "MONTH" | "YEAR" | "EPOCH"
    )
}

/// Functions of each point by itself: its time and its value.
fn each_point(name: &str) -> Option<fn(i64, f64) -> f64> {
    Some(match name {
        "ABS" => |_, value| value.abs(),
        "CEIL" => |_, value| value.ceil(),
        "FLOOR" => |_, value| value.floor(),
        "LOG" => |_, value| value.ln(),
        "LOG10" => |_, value| value.log10(),
        "MINUTE" => |at, _| calendar(at).4 as f64,
        "HOUR" => |at, _| calendar(at).3 as f64,
        // AWS: Monday is 1. The first of January 1970 was a Thursday.
        "DAY" => |at, _| ((at.div_euclid(86_400) + 3).rem_euclid(7) + 1) as f64,
        "DATE" => |at, _| calendar(at).2 as f64,
        "MONTH" => |at, _| calendar(at).1 as f64,
        "YEAR" => |at, _| calendar(at).0 as f64,
        "EPOCH" => |at, _| at as f64,
        _ => return None,
    })
}

fn calendar(at: i64) -> (i64, i64, i64, i64, i64) {
    DateTime::from_ms(at * 1_000).minute()
}

/// Functions of a series as a whole.
fn of_series(name: &str) -> Option<fn(&Series) -> Series> {
    Some(match name {
        "DIFF" => |series| series.pairs(|before, after| after.1 - before.1),
        "DIFF_TIME" => |series| series.pairs(|before, after| (after.0 - before.0) as f64),
        "RATE" => |series| {
            series.pairs(|before, after| (after.1 - before.1) / (after.0 - before.0) as f64)
        },
        "RUNNING_SUM" => |series| {
            let mut sum = 0.0;
            let points = series.points.iter().map(|(at, value)| {
                sum += value;
                (*at, sum)
            });
            series.with(points.collect())
        },
        _ => return None,
    })
}
