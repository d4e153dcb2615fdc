//! A query over events: one after the other through the stages, of which some keep what they need.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::aggregate::State;
use super::expression::{Expression, Scope};
use super::parse::ROWS_MAX;
use super::record::{LogRecord, Record};
use super::value::Value;
use super::{Named, Query, Stage};

/// Bytes that a query may hold: groups of `stats`, records that are sorted.
const HELD_BYTES_MAX: usize = 256 << 20;

/// Rows that are kept of a sort whose rows go on into other stages than a limit.
const SORTED_MAX: usize = 100_000;

/// A query while it runs.
pub struct Run<'q> {
    query: &'q Query,
    stages: Vec<Held>,
    now_ms: i64,
    limit: usize,
    rows: Vec<Vec<(String, String)>>,
    matched: u64,
    held_bytes: usize,
    columns: Vec<String>,
}

/// How a query ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Rows of columns and values, and how many events counted.
    Complete(Vec<Vec<(String, String)>>, u64),
    /// It needs more memory than a query may have.
    TooLarge(String),
}

/// What a stage keeps.
enum Held {
    Nothing,
    Left(usize),
    Seen(BTreeSet<Vec<Option<String>>>),
    Groups(BTreeMap<Vec<Option<String>>, Group>),
    /// With the values that they are sorted by; at most as many as `usize` says, when it is sorted.
    Sorted(Vec<(Vec<Value>, Record<'static>)>, usize),
}

struct Group {
    by: Vec<(String, Value)>,
    states: Vec<State>,
}

impl<'q> Run<'q> {
    /// - `limit`: rows at most, `limit` of StartQuery.
    /// - `now_ms`: what `now()` gives.
    pub fn new(query: &'q Query, limit: Option<usize>, now_ms: i64) -> Run<'q> {
        let limit = limit.unwrap_or(ROWS_MAX).min(ROWS_MAX);
        let stages = query
            .stages
            .iter()
            .enumerate()
            .map(|(at, stage)| match stage {
                Stage::Limit(rows) => Held::Left(*rows),
                Stage::Dedup(_) => Held::Seen(BTreeSet::new()),
                Stage::Stats { .. } => Held::Groups(BTreeMap::new()),
                Stage::Sort(_) => {
                    Held::Sorted(Vec::new(), kept_of_sort(&query.stages[at + 1..], limit))
                }
                _ => Held::Nothing,
            });
        Run {
            stages: stages.collect(),
            now_ms,
            limit,
            rows: Vec::new(),
            matched: 0,
            held_bytes: 0,
            columns: columns(query),
            query,
        }
    }

    /// Takes an event; gives whether more of them can change anything.
    pub fn take(&mut self, event: LogRecord<'_>) -> bool {
        let first = Record::of_event(event);
        self.push(0, first);
        self.held_bytes <= HELD_BYTES_MAX && !self.is_over()
    }

    /// Whether a limit is reached that no later event can pass.
    fn is_over(&self) -> bool {
        let streams = self.query.stages.iter().zip(&self.stages);
        let mut before_any_end = streams
            .take_while(|(_, held)| matches!(held, Held::Nothing | Held::Left(_) | Held::Seen(_)));
        before_any_end.any(|(_, held)| matches!(held, Held::Left(0)))
            || (self.rows.len() >= self.limit
                && self
                    .stages
                    .iter()
                    .all(|held| matches!(held, Held::Nothing | Held::Left(_) | Held::Seen(_))))
    }

    /// All events have been taken.
    pub fn finish(mut self) -> Ended {
        for at in 0..self.query.stages.len() {
            if self.held_bytes > HELD_BYTES_MAX {
                break;
            }
            match std::mem::replace(&mut self.stages[at], Held::Nothing) {
                Held::Groups(groups) => {
                    let Stage::Stats { aggregates, .. } = &self.query.stages[at] else {
                        unreachable!("groups are of stats");
                    };
                    for group in groups.into_values() {
                        let row = row_of(aggregates, group, self.now_ms);
                        self.push(at + 1, row);
                    }
                }
                Held::Sorted(mut rows, kept) => {
                    let Stage::Sort(keys) = &self.query.stages[at] else {
                        unreachable!("what is sorted is of sort");
                    };
                    rows.sort_by(|one, other| order(keys, &one.0, &other.0));
                    rows.truncate(kept);
                    for (_, record) in rows {
                        self.push(at + 1, record);
                    }
                }
                other => self.stages[at] = other,
            }
        }
        if self.held_bytes > HELD_BYTES_MAX {
            return Ended::TooLarge(format!(
                "the query holds more than {HELD_BYTES_MAX} bytes: ask for a shorter time or for fewer groups"
            ));
        }
        Ended::Complete(self.rows, self.matched)
    }

    fn push(&mut self, from: usize, mut record: Record<'_>) {
        let query = self.query;
        for (at, stage) in query.stages.iter().enumerate().skip(from) {
            let scope = Scope {
                record: &record,
                now_ms: self.now_ms,
                aggregates: &[],
            };
            match (stage, &mut self.stages[at]) {
                (Stage::Fields(named) | Stage::Display(named), _) => {
                    let made = values(named, &scope);
                    record.named.extend(made);
                }
                (Stage::Filter(condition), _) => {
                    if !condition.value(&scope).holds() {
                        return;
                    }
                }
                (Stage::Parse(parse), _) => {
                    let text = parse.from.value(&scope).text().unwrap_or_default();
                    if let Some(found) = parse.pattern.captures(&text) {
                        for (number, name) in &parse.names {
                            if let Some(part) = found.get(*number) {
                                let part = Value::Text(part.as_str().to_owned());
                                record.named.insert(name.clone(), part);
                            }
                        }
                    }
                }
                (Stage::Limit(_), Held::Left(left)) => {
                    if *left == 0 {
                        return;
                    }
                    *left -= 1;
                }
                (Stage::Dedup(named), Held::Seen(seen)) => {
                    let key: Vec<Option<String>> = named
                        .iter()
                        .map(|one| one.expression.value(&scope).text())
                        .collect();
                    let bytes = key_bytes(&key);
                    if !seen.insert(key) {
                        return;
                    }
                    self.held_bytes += bytes;
                }
                (Stage::Stats { aggregates, by }, Held::Groups(groups)) => {
                    self.matched += u64::from(record.event.is_some());
                    self.held_bytes += add_to(groups, aggregates, by, &scope);
                    return;
                }
                (Stage::Sort(keys), Held::Sorted(..)) => {
                    // What counts is counted where the event leaves the stages that look at events.
                    self.matched += u64::from(record.event.is_some() && self.is_first_end(at));
                    let key: Vec<Value> = keys.iter().map(|(key, _)| key.value(&scope)).collect();
                    let Held::Sorted(rows, kept) = &mut self.stages[at] else {
                        return;
                    };
                    let bytes = record.bytes() + key.iter().map(Value::bytes).sum::<usize>();
                    self.held_bytes += bytes;
                    rows.push((key, record.into_owned()));
                    if rows.len() >= 2 * *kept {
                        rows.sort_by(|one, other| order(keys, &one.0, &other.0));
                        for (key, gone) in rows.drain(*kept..) {
                            let bytes = gone.bytes() + key.iter().map(Value::bytes).sum::<usize>();
                            self.held_bytes = self.held_bytes.saturating_sub(bytes);
                        }
                    }
                    return;
                }
                _ => unreachable!("each stage keeps what is its own"),
            }
        }
        self.matched += u64::from(from == 0);
        if self.rows.len() >= self.limit {
            return;
        }
        let mut row: Vec<(String, String)> = self
            .columns
            .iter()
            .filter_map(|name| Some((name.clone(), record.field(name).text()?)))
            .collect();
        if let Some(event) = &record.event {
            row.push(("@ptr".to_owned(), event.pointer.clone().into_owned()));
        }
        self.held_bytes += row
            .iter()
            .map(|(name, value)| 64 + name.len() + value.len())
            .sum::<usize>();
        self.rows.push(row);
    }

    /// Whether no stage before this one ends the way of an event.
    fn is_first_end(&self, at: usize) -> bool {
        !self.query.stages[..at]
            .iter()
            .any(|stage| matches!(stage, Stage::Sort(_) | Stage::Stats { .. }))
    }
}

/// How many rows of a sort can come out at the end.
fn kept_of_sort(after: &[Stage], limit: usize) -> usize {
    let mut kept = limit;
    for stage in after {
        match stage {
            Stage::Limit(rows) => kept = kept.min(*rows),
            Stage::Fields(_) | Stage::Display(_) | Stage::Parse(_) => {}
            _ => return SORTED_MAX,
        }
    }
    kept
}

/// The columns of the result: of the last `display` or `stats`, else of all `fields`.
fn columns(query: &Query) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    let mut is_told = false;
    for stage in &query.stages {
        match stage {
            Stage::Fields(named) => {
                for one in named {
                    if !columns.contains(&one.name) {
                        columns.push(one.name.clone());
                    }
                }
                is_told = true;
            }
            Stage::Display(named) => {
                columns = named.iter().map(|one| one.name.clone()).collect();
                is_told = true;
            }
            Stage::Stats { aggregates, by } => {
                let all = by.iter().chain(aggregates);
                columns = all.map(|one| one.name.clone()).collect();
                is_told = true;
            }
            _ => {}
        }
    }
    // AWS: a query that names no fields gives these.
    if !is_told {
        columns = ["@timestamp", "@message"].map(str::to_owned).to_vec();
    }
    columns
}

fn values(named: &[Named], scope: &Scope) -> Vec<(String, Value)> {
    named
        .iter()
        // A field under its own name is found anyway.
        .filter(|one| !matches!(&one.expression, Expression::Field(name) if *name == one.name))
        .map(|one| (one.name.clone(), one.expression.value(scope)))
        .collect()
}

fn order(keys: &[(Expression, bool)], one: &[Value], other: &[Value]) -> Ordering {
    for ((_, is_descending), (one, other)) in keys.iter().zip(one.iter().zip(other)) {
        let order = match (one.is_missing(), other.is_missing()) {
            // Nothing comes last either way.
            (false, false) if *is_descending => other.order(one),
            _ => one.order(other),
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn key_bytes(key: &[Option<String>]) -> usize {
    let texts = key.iter().flatten();
    100 + texts.map(|text| 32 + text.len()).sum::<usize>()
}

/// Adds a record to its group; gives the bytes that are held for it.
fn add_to(
    groups: &mut BTreeMap<Vec<Option<String>>, Group>,
    aggregates: &[Named],
    by: &[Named],
    scope: &Scope,
) -> usize {
    let of_group: Vec<(String, Value)> = by
        .iter()
        .map(|one| (one.name.clone(), one.expression.value(scope)))
        .collect();
    let key: Vec<Option<String>> = of_group.iter().map(|(_, value)| value.text()).collect();
    let mut bytes = 0;
    if !groups.contains_key(&key) {
        bytes = 2 * key_bytes(&key) + 200 * aggregates.len();
    }
    let group = groups.entry(key).or_insert_with(|| Group {
        by: of_group,
        states: Vec::new(),
    });
    for named in aggregates {
        named.expression.aggregates(&mut |number, aggregate| {
            if group.states.len() <= number {
                group.states.resize_with(number + 1, State::default);
            }
            bytes += aggregate.add(&mut group.states[number], scope);
        });
    }
    bytes
}

fn row_of(aggregates: &[Named], mut group: Group, now_ms: i64) -> Record<'static> {
    let mut results = Vec::new();
    for named in aggregates {
        named.expression.aggregates(&mut |number, aggregate| {
            if let Some(state) = group.states.get_mut(number) {
                results.push((number, aggregate.result(state)));
            }
        });
    }
    results.sort_by_key(|(number, _)| *number);
    let results: Vec<Value> = results.into_iter().map(|(_, value)| value).collect();
    let mut named: BTreeMap<String, Value> = group.by.into_iter().collect();
    let empty = Record::of_row(BTreeMap::new());
    let scope = Scope {
        record: &empty,
        now_ms,
        aggregates: &results,
    };
    let made = aggregates
        .iter()
        .map(|one| (one.name.clone(), one.expression.value(&scope)));
    named.extend(made);
    Record::of_row(named)
}
