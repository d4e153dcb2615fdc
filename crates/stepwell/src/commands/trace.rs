//! `stepwell trace`: the trace of an execution as one tree, over time.

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::{
    Verdict,
    arguments::Trace,
    client::Client,
    names,
    terminal::{self, Style},
    waterfall::{self, Node},
};

/// Pages of one trace that are read.
const PAGES_MAX: usize = 50;

pub fn run(arguments: &Trace, is_json: bool) -> anyhow::Result<Verdict> {
    let client = Client::new(&arguments.connection.endpoint())?;
    let id = match arguments.execution.strip_prefix("1-") {
        Some(_) => arguments.execution.clone(),
        None => trace_of(&client, &arguments.execution)?,
    };
    let segments = segments(&client, &id)?;
    if segments.is_empty() {
        bail!(
            "there is no trace {id}\nnext: traces are kept for 30 days, or as traces_retention_days in stepwell.toml says, and go earlier when the store is full"
        );
    }
    let roots = waterfall::tree(segments);
    let is_well = roots.iter().all(|root| !root.has_failed());
    if is_json {
        let (start_ms, end_ms) = waterfall::span(&roots);
        terminal::put_json(&json!({
            "traceId": id,
            "durationMs": end_ms - start_ms,
            "segments": roots.iter().map(Node::json).collect::<Vec<Value>>(),
        }));
    } else {
        let style = Style::of_stdout();
        terminal::put_line(&style.dim(&id));
        for line in waterfall::lines(&roots, style) {
            terminal::put_line(&line);
        }
    }
    Ok(if is_well {
        Verdict::Well
    } else {
        Verdict::Badly
    })
}

/// The id of the trace of an execution.
fn trace_of(client: &Client, typed: &str) -> anyhow::Result<String> {
    let arn = names::execution(client, typed)?;
    if arn.contains(":express:") {
        bail!(
            "an Express execution cannot be described\nnext: name the trace by its id; GetTraceSummaries finds it (docs/tracing.md)"
        );
    }
    let described = client.states("DescribeExecution", &json!({ "executionArn": arn }))?;
    let Some(header) = described["traceHeader"].as_str() else {
        bail!(
            "{arn} was not traced: tracing is off for its state machine, and it was started without a trace header\n\
             next: set tracingConfiguration (SAM: Tracing: {{Enabled: true}}), and start another execution"
        );
    };
    if !header.contains("Sampled=1") {
        bail!(
            "{arn} was not sampled ({header})\n\
             next: the Default rule takes 1 execution a second and 5 % of the others; a sampling rule says otherwise (docs/tracing.md)"
        );
    }
    let root = header
        .split(';')
        .find_map(|part| part.trim().strip_prefix("Root="));
    let root = root.with_context(|| format!("the trace header {header} has no Root"))?;
    Ok(root.to_owned())
}

fn segments(client: &Client, id: &str) -> anyhow::Result<Vec<Value>> {
    let mut documents = Vec::new();
    let mut input = json!({ "TraceIds": [id] });
    for _ in 0..PAGES_MAX {
        let page = client.rest("BatchGetTraces", "POST", "/Traces", Some(&input))?;
        let traces = page["Traces"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let segments = traces
            .iter()
            .filter_map(|trace| trace["Segments"].as_array())
            .flatten();
        for segment in segments {
            let document = segment["Document"].as_str().unwrap_or_default();
            let read: Value = serde_json::from_str(document)
                .with_context(|| format!("segment {} is not JSON", segment["Id"]))?;
            // What is inferred of a call stands in the call already.
            if read["inferred"] != true {
                documents.push(read);
            }
        }
        match page["NextToken"].as_str() {
            Some(token) => input["NextToken"] = json!(token),
            None => break,
        }
    }
    Ok(documents)
}
