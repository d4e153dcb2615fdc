//! `stepwell metrics`: the metrics of a server, or the values of one as a table and a line.

use std::collections::BTreeMap;

use anyhow::bail;
use serde_json::{Value, json};

use crate::{
    Verdict,
    arguments::Metrics,
    client::{Client, PAGES_MAX},
    follow,
    history::epoch_ms,
    terminal::{self, Style},
};

/// Metrics that are listed.
const METRICS_MAX: usize = 10_000;

/// How far back without `--since`.
const SINCE_MS: i64 = 60 * 60 * 1_000;

/// Rows of the table.
const ROWS_MAX: usize = 60;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

pub fn run(arguments: &Metrics, is_json: bool) -> anyhow::Result<Verdict> {
    let client = Client::new(&arguments.connection.endpoint())?;
    match (&arguments.namespace, &arguments.metric) {
        (Some(namespace), Some(name)) => values(&client, arguments, namespace, name, is_json),
        (namespace, _) => list(&client, namespace.as_deref(), is_json),
    }
}

/// The metrics of a namespace, or of all.
fn listed(client: &Client, mut input: Value) -> anyhow::Result<Vec<Value>> {
    let mut metrics = Vec::new();
    for _ in 0..PAGES_MAX {
        let mut page = client.cloudwatch("ListMetrics", &input)?;
        if let Value::Array(found) = page["Metrics"].take() {
            metrics.extend(found);
        }
        match page["NextToken"].as_str() {
            Some(token) if metrics.len() < METRICS_MAX => input["NextToken"] = json!(token),
            _ => break,
        }
    }
    Ok(metrics)
}

fn list(client: &Client, namespace: Option<&str>, is_json: bool) -> anyhow::Result<Verdict> {
    let input = match namespace {
        Some(namespace) => json!({ "Namespace": namespace }),
        None => json!({}),
    };
    let metrics = listed(client, input)?;
    if is_json {
        for metric in &metrics {
            terminal::put_json(metric);
        }
        return Ok(Verdict::Well);
    }
    let style = Style::of_stdout();
    if metrics.is_empty() {
        terminal::put_line(&match namespace {
            Some(namespace) => format!("there is no metric in {namespace}"),
            None => format!("there is no metric at {}", client.endpoint()),
        });
    }
    // By namespace, then by name: how many sets of dimensions, or each of them.
    let mut sorted: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for metric in &metrics {
        let text = |member: &str| terminal::harmless(metric[member].as_str().unwrap_or_default());
        let names = sorted.entry(text("Namespace")).or_default();
        names
            .entry(text("MetricName"))
            .or_default()
            .push(dimensions_text(metric));
    }
    for (of, names) in sorted {
        terminal::put_line(&style.bold(&of));
        for (name, mut sets) in names {
            sets.sort();
            match namespace {
                None => {
                    let count = match sets.len() {
                        1 => sets.remove(0),
                        count => format!("{count} sets of dimensions"),
                    };
                    terminal::put_line(&format!("  {}  {}", style.cyan(&name), style.dim(&count)));
                }
                Some(_) => {
                    for set in sets {
                        terminal::put_line(&format!(
                            "  {}  {}",
                            style.cyan(&name),
                            style.dim(&set)
                        ));
                    }
                }
            }
        }
    }
    Ok(Verdict::Well)
}

fn dimensions_text(metric: &Value) -> String {
    let dimensions = metric["Dimensions"].as_array().into_iter().flatten();
    let pairs: Vec<String> = dimensions
        .map(|one| {
            let text = |member: &str| one[member].as_str().unwrap_or_default();
            terminal::harmless(&format!("{}={}", text("Name"), text("Value")))
        })
        .collect();
    pairs.join(" ")
}

fn values(
    client: &Client,
    arguments: &Metrics,
    namespace: &str,
    name: &str,
    is_json: bool,
) -> anyhow::Result<Verdict> {
    let mut dimensions = Vec::new();
    for pair in &arguments.dimension {
        let Some((key, value)) = pair.split_once('=') else {
            bail!("--dimension takes NAME=VALUE, found {pair:?}");
        };
        dimensions.push(json!({ "Name": key, "Value": value }));
    }
    let period_s = i64::from(arguments.period);
    let since_ms = arguments.since.map_or(SINCE_MS, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    });
    let now_ms = follow::now_ms();
    // Whole periods: the one that is not over yet is the last.
    let end_s = now_ms.div_euclid(1_000).div_euclid(period_s) * period_s + period_s;
    let start_s = (now_ms.saturating_sub(since_ms))
        .div_euclid(1_000)
        .div_euclid(period_s)
        * period_s;
    let stat = json!({
        "Metric": { "Namespace": namespace, "MetricName": name, "Dimensions": dimensions },
        "Period": period_s,
        "Stat": arguments.stat,
    });
    let mut input = json!({
        "StartTime": start_s,
        "EndTime": end_s,
        "ScanBy": "TimestampAscending",
        "MetricDataQueries": [{ "Id": "m", "MetricStat": stat }],
    });
    let mut found: BTreeMap<i64, f64> = BTreeMap::new();
    for _ in 0..PAGES_MAX {
        let page = client.cloudwatch("GetMetricData", &input)?;
        let result = &page["MetricDataResults"][0];
        let at = result["Timestamps"].as_array().into_iter().flatten();
        let values = result["Values"].as_array().into_iter().flatten();
        found.extend(
            at.zip(values)
                .filter_map(|(at, value)| Some((epoch_ms(at)?, value.as_f64()?))),
        );
        match page["NextToken"].as_str() {
            Some(token) => input["NextToken"] = json!(token),
            None => break,
        }
    }
    if is_json {
        for (at, value) in &found {
            terminal::put_json(&json!({ "at": at, "value": value }));
        }
        return Ok(Verdict::Well);
    }
    if found.is_empty() {
        return none_found(client, namespace, name);
    }
    put_values(&found, start_s, end_s, period_s, arguments);
    Ok(Verdict::Well)
}

/// Says which metrics of the name there are: AWS takes the dimensions exactly.
fn none_found(client: &Client, namespace: &str, name: &str) -> anyhow::Result<Verdict> {
    let sets = listed(
        client,
        json!({ "Namespace": namespace, "MetricName": name }),
    )?;
    if sets.is_empty() {
        bail!("there is no metric {name} in {namespace}\nnext: stepwell metrics lists them");
    }
    terminal::put_line("no value in this time with these dimensions; there are");
    for metric in sets.iter().take(ROWS_MAX) {
        let given: Vec<String> = dimensions_text(metric)
            .split_whitespace()
            .map(|pair| format!("--dimension {pair}"))
            .collect();
        terminal::put_line(&format!("  {namespace} {name} {}", given.join(" ")));
    }
    Ok(Verdict::Badly)
}

fn put_values(
    found: &BTreeMap<i64, f64>,
    start_s: i64,
    end_s: i64,
    period_s: i64,
    arguments: &Metrics,
) {
    let style = Style::of_stdout();
    let periods = (end_s - start_s) / period_s;
    let by_period: Vec<Option<f64>> = (0..periods)
        .map(|number| found.get(&((start_s + number * period_s) * 1_000)).copied())
        .collect();
    let line = sparkline(&by_period, ROWS_MAX);
    let largest = found.values().copied().fold(f64::MIN, f64::max);
    terminal::put_line(&format!(
        "{}  {}",
        style.cyan(&line),
        style.dim(&format!(
            "{} every {} s, at most {}",
            arguments.stat,
            period_s,
            shown(largest)
        ))
    ));
    let skipped = found.len().saturating_sub(ROWS_MAX);
    for (at, value) in found.iter().skip(skipped) {
        let ago = terminal::duration((follow::now_ms() - at).max(0));
        terminal::put_line(&format!("{:>12} ago  {}", style.dim(&ago), shown(*value)));
    }
}

/// A number without more digits than it needs.
fn shown(value: f64) -> String {
    match value.fract() == 0.0 && value.abs() < 1e15 {
        true => format!("{value:.0}"),
        false => format!("{value:.3}"),
    }
}

/// One character for some periods: the largest value in them; a blank where there is none.
fn sparkline(values: &[Option<f64>], width_max: usize) -> String {
    let each = values.len().div_ceil(width_max).max(1);
    let columns: Vec<Option<f64>> = values
        .chunks(each)
        .map(|some| some.iter().flatten().copied().reduce(f64::max))
        .collect();
    let there = || columns.iter().flatten().copied();
    let (low, high) = (
        there().fold(f64::INFINITY, f64::min).min(0.0),
        there().fold(f64::NEG_INFINITY, f64::max),
    );
    let columns = columns.iter().map(|value| match value {
        None => ' ',
        Some(value) if high > low => {
            let place = (value - low) / (high - low) * (BARS.len() - 1) as f64;
            BARS[(place.round() as usize).min(BARS.len() - 1)]
        }
        Some(_) => BARS[0],
    });
    columns.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_the_largest_value_and_where_there_is_none() {
        let values = [Some(0.0), Some(7.0), None, Some(3.5), Some(1.0)];
        assert_eq!(sparkline(&values, 60), "▁█ ▅▂");
        assert_eq!(sparkline(&values, 3), "█▅▂");
        assert_eq!(sparkline(&[Some(2.0), Some(2.0)], 60), "██");
        assert_eq!(sparkline(&[None], 60), " ");
    }
}
