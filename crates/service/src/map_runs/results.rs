//! What child executions add to the output of their Map state.

use serde_json::{Value, json};
use stepwell_engine::{PAYLOAD_BYTES_MAX, Payload, Status, Transformation};
use stepwell_store::{Direction, Error};

use crate::listing::status_name;
use crate::residents::Resident;
use crate::rows::map_run::{self, Child, MapRun};
use crate::rows::{after, decode};
use crate::shard::Shard;
use crate::staging::Rows;

/// Bytes that a result adds beside itself: the comma, or the end of the line.
const SEPARATOR_BYTES: u64 = 1;

/// Keeps the result of a child that has just ended, as long as all of them fit an output.
pub(super) fn keep(run: &mut MapRun, child: &mut Child, resident: &Resident) {
    let is_success = child.status == Status::Succeeded;
    let result = match run.transformation {
        // AWS: a failed child's record is the same whatever the transformation.
        _ if !is_success => record(resident).to_string(),
        Transformation::None => record(resident).to_string(),
        Transformation::Compact | Transformation::Flatten => output_text(resident),
    };
    child.result_bytes = result.len() as u64 + SEPARATOR_BYTES;
    run.result_bytes += child.result_bytes;
    if !is_oversize(run) {
        child.result = Some(result);
    }
}

fn is_oversize(run: &MapRun) -> bool {
    run.result_bytes > PAYLOAD_BYTES_MAX as u64
}

fn output_text(resident: &Resident) -> String {
    let output = resident.row.execution.output();
    output.map_or_else(
        || "null".to_string(),
        |output| output.payload().text().to_string(),
    )
}

/// The record of a child execution.
///
/// AWS: "ResultWriter", the format of exported results; dates are texts there and input and output JSON in a text.
fn record(resident: &Resident) -> Value {
    let execution = &resident.row.execution;
    let identity = &execution.identity;
    let date = |ms: i64| stepwell_engine::Timestamp::from_millis(ms).to_string();
    let mut record = serde_json::Map::new();
    let mut put = |name: &str, value: Value| drop(record.insert(name.to_string(), value));
    if let Some(cause) = execution.cause() {
        put("Cause", cause.into());
    }
    if let Some(error) = execution.error() {
        put("Error", error.into());
    }
    put("ExecutionArn", identity.arn.as_str().into());
    put("Input", execution.input().payload().text().as_ref().into());
    put("InputDetails", json!({ "Included": true }));
    put("Name", identity.name.as_str().into());
    if let Some(output) = execution.output() {
        put("Output", output.payload().text().as_ref().into());
        put("OutputDetails", json!({ "Included": true }));
    }
    put("RedriveCount", resident.row.redrive_count.into());
    put("StartDate", date(identity.started_ms).into());
    put(
        "StateMachineArn",
        identity.state_machine_arn.as_str().into(),
    );
    put("Status", status_name(execution.status()).into());
    if let Some(stopped_ms) = execution.stopped_ms() {
        put("StopDate", date(stopped_ms).into());
    }
    Value::Object(record)
}

impl Shard {
    /// The output of a run whose children have all ended; `None` if it is larger than an output may be.
    pub(super) fn joined_results(&self, run: &MapRun) -> Result<Option<Payload>, Error> {
        if is_oversize(run) {
            return Ok(None);
        }
        let prefix = map_run::children_of(run.number);
        // Newest first in the rows, in the order of the items in the output.
        let rows =
            self.staging
                .scan(&prefix, &after(&prefix), Direction::Descending, usize::MAX)?;
        let mut results = Vec::with_capacity(rows.len());
        for (key, value) in &rows {
            let child: Child = decode(key, value)?;
            let Some(result) = child.result else {
                return Ok(None);
            };
            results.push(result);
        }
        if run.transformation == Transformation::Flatten {
            results = results.into_iter().flat_map(flattened).collect();
        }
        if run.is_lines {
            return Ok(Some(Payload::from_value(results.join("\n").into())));
        }
        let text = format!("[{}]", results.join(","));
        Ok(Some(Payload::from_text(text)))
    }
}

/// The elements of a result that is an array, or the result itself.
fn flattened(result: String) -> Vec<String> {
    match serde_json::from_str(&result) {
        Ok(Value::Array(elements)) => elements.iter().map(Value::to_string).collect(),
        _ => vec![result],
    }
}
