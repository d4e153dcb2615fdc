//! Aggregates of `stats`.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::expression::{Expression, Scope};
use super::value::Value;

#[derive(Debug)]
pub(super) struct Aggregate {
    pub(super) kind: Kind,
    /// `None`: `count(*)`.
    pub(super) of: Option<Expression>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Count,
    CountDistinct,
    Sum,
    Average,
    Minimum,
    Maximum,
    /// Percent.
    Percentile(f64),
    StandardDeviation,
    Earliest,
    Latest,
    SortsFirst,
    SortsLast,
}

/// Names of aggregates. `pct` takes a second argument.
pub(super) const KINDS: [(&str, Kind); 14] = [
    ("count", Kind::Count),
    ("count_distinct", Kind::CountDistinct),
    ("sum", Kind::Sum),
    ("avg", Kind::Average),
    ("min", Kind::Minimum),
    ("max", Kind::Maximum),
    ("pct", Kind::Percentile(0.0)),
    ("percentile", Kind::Percentile(0.0)),
    ("median", Kind::Percentile(50.0)),
    ("stddev", Kind::StandardDeviation),
    ("earliest", Kind::Earliest),
    ("latest", Kind::Latest),
    ("sortsfirst", Kind::SortsFirst),
    ("sortslast", Kind::SortsLast),
];

/// What an aggregate has gathered.
#[derive(Debug, Default)]
pub(super) struct State {
    count: u64,
    sum: f64,
    /// Mean and sum of squared distances from it.
    mean: f64,
    squares: f64,
    best: Option<(Value, i64)>,
    /// Of the largest value that was the best one.
    best_bytes: usize,
    distinct: BTreeSet<String>,
    numbers: Vec<f64>,
}

impl Aggregate {
    /// Adds a record; gives the bytes that are held for it.
    pub(super) fn add(&self, state: &mut State, scope: &Scope) -> usize {
        let Some(of) = &self.of else {
            state.count += 1;
            return 0;
        };
        let value = of.value(scope);
        if value.is_missing() {
            return 0;
        }
        let at_ms = match scope.record.field("@timestamp") {
            Value::Time(ms) => ms,
            _ => 0,
        };
        let mut keep_if = |wanted: &dyn Fn(&(Value, i64)) -> bool| {
            if !state.best.as_ref().is_none_or(wanted) {
                return 0;
            }
            let more = value.bytes().saturating_sub(state.best_bytes);
            state.best_bytes += more;
            state.best = Some((value.clone(), at_ms));
            more
        };
        match self.kind {
            Kind::Count => {
                state.count += 1;
                0
            }
            Kind::CountDistinct => {
                let text = value.text().unwrap_or_default();
                let bytes = 64 + text.len();
                match state.distinct.insert(text) {
                    true => bytes,
                    false => 0,
                }
            }
            Kind::Earliest => keep_if(&|(_, best_ms)| at_ms < *best_ms),
            Kind::Latest => keep_if(&|(_, best_ms)| at_ms > *best_ms),
            Kind::SortsFirst => keep_if(&|(best, _)| value.text() < best.text()),
            Kind::SortsLast => keep_if(&|(best, _)| value.text() > best.text()),
            Kind::Minimum if value.number().is_some() => {
                keep_if(&|(best, _)| value.order(best) == Ordering::Less)
            }
            Kind::Maximum if value.number().is_some() => {
                keep_if(&|(best, _)| value.order(best) == Ordering::Greater)
            }
            _ => state.add_number(self.kind, value.number()),
        }
    }

    pub(super) fn result(&self, state: &mut State) -> Value {
        let of_numbers = |number: f64| match state.count {
            0 => Value::Missing,
            _ => Value::Number(number),
        };
        match self.kind {
            Kind::Count => Value::Number(state.count as f64),
            Kind::CountDistinct => Value::Number(state.distinct.len() as f64),
            Kind::Sum => of_numbers(state.sum),
            Kind::Average => of_numbers(state.sum / state.count.max(1) as f64),
            Kind::StandardDeviation => {
                of_numbers((state.squares / state.count.max(1) as f64).sqrt())
            }
            Kind::Percentile(percent) => percentile(&mut state.numbers, percent),
            _ => state
                .best
                .as_ref()
                .map_or(Value::Missing, |(value, _)| value.clone()),
        }
    }
}

impl State {
    fn add_number(&mut self, kind: Kind, number: Option<f64>) -> usize {
        let Some(number) = number else {
            return 0;
        };
        self.count += 1;
        self.sum += number;
        // Welford: no difference of large numbers.
        let before = number - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (number - self.mean);
        if matches!(kind, Kind::Percentile(_)) {
            self.numbers.push(number);
            return 8;
        }
        0
    }
}

/// The value below which this part of the numbers is, between two of them in proportion.
fn percentile(numbers: &mut [f64], percent: f64) -> Value {
    if numbers.is_empty() {
        return Value::Missing;
    }
    numbers.sort_by(f64::total_cmp);
    let rank = percent / 100.0 * (numbers.len() - 1) as f64;
    let (below, above) = (rank.floor() as usize, rank.ceil() as usize);
    let part = rank - rank.floor();
    Value::Number(numbers[below] + (numbers[above] - numbers[below]) * part)
}
