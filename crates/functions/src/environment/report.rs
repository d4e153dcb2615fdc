//! What the platform logs of an environment and its invocations, as text or as JSON.
//!
//! Source: docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html for the JSON objects,
//! monitoring-cloudwatchlogs-log-level.html for their levels.

use std::time::Duration;

use serde_json::{Value, json};

use crate::configuration::{Configuration, LogFormat, LogLevel, Logging};
pub(crate) use crate::invocation::Ending as Status;
use crate::invocation::Figures;
use crate::timestamp;

/// The line that an environment begins with; `None` if the level leaves it out.
pub(crate) fn init_start(configuration: &Configuration) -> Option<String> {
    let Configuration {
        runtime,
        version,
        function_name,
        logging,
        ..
    } = configuration;
    match logging.format {
        LogFormat::Text => Some(format!("INIT_START Runtime Version: {runtime}")),
        LogFormat::Json => event(*logging, LogLevel::Info, "platform.initStart", || {
            json!({
                "initializationType": "on-demand", "phase": "init", "runtimeVersion": runtime,
                "functionName": function_name, "functionVersion": version,
            })
        }),
    }
}

/// The line that an invocation begins with; `None` if the level leaves it out.
pub(crate) fn start(configuration: &Configuration, request_id: &str) -> Option<String> {
    let Configuration {
        version, logging, ..
    } = configuration;
    match logging.format {
        LogFormat::Text => Some(format!("START RequestId: {request_id} Version: {version}")),
        LogFormat::Json => event(
            *logging,
            LogLevel::Info,
            "platform.start",
            || json!({ "requestId": request_id, "version": version }),
        ),
    }
}

/// Something the service has to tell in the function's log.
pub(crate) fn message(
    logging: Logging,
    level: LogLevel,
    request_id: Option<&str>,
    text: String,
) -> String {
    if logging.format == LogFormat::Text {
        return text;
    }
    let timestamp = timestamp::iso(timestamp::now_ms());
    let mut message = json!({ "timestamp": timestamp, "level": level.as_str(), "message": text });
    if let Some(request_id) = request_id {
        message["requestId"] = request_id.into();
    }
    message.to_string()
}

fn event(
    logging: Logging,
    level: LogLevel,
    kind: &str,
    record: impl FnOnce() -> Value,
) -> Option<String> {
    let time = timestamp::iso(timestamp::now_ms());
    (level >= logging.system_level)
        .then(|| json!({ "time": time, "type": kind, "record": record() }).to_string())
}

/// The figures of one invocation.
pub(crate) struct Report<'a> {
    pub(crate) request_id: &'a str,
    /// The trace header, if the invocation has a segment: its parent is that segment.
    pub(crate) traced: Option<&'a str>,
    pub(crate) elapsed: Duration,
    pub(crate) memory_mb: u32,
    pub(crate) peak_mb: u32,
    pub(crate) init: Option<Duration>,
    pub(crate) status: Status,
}

impl Report<'_> {
    /// What is logged at the end of an invocation.
    pub(crate) fn lines(&self, logging: Logging) -> Vec<String> {
        match logging.format {
            LogFormat::Text => self.text(),
            LogFormat::Json => self.events(logging),
        }
    }

    fn events(&self, logging: Logging) -> Vec<String> {
        let (status, error_type) = match self.status {
            Status::Success => ("success", None),
            Status::Timeout => ("timeout", None),
            Status::Error(error_type) => ("error", Some(error_type)),
        };
        let is_success = self.status == Status::Success;
        let level = |of_success| {
            if is_success {
                of_success
            } else {
                LogLevel::Warn
            }
        };
        let duration = rounded(self.elapsed);
        let record = |metrics: Value| {
            let mut record =
                json!({ "requestId": self.request_id, "metrics": metrics, "status": status });
            if let Some(error_type) = error_type {
                record["errorType"] = error_type.into();
            }
            if let Some(header) = self.traced {
                let segment = member(header, "Parent=");
                record["tracing"] =
                    json!({ "spanId": segment, "type": "X-Amzn-Trace-Id", "value": header });
            }
            record
        };
        let done = event(
            logging,
            level(LogLevel::Debug),
            "platform.runtimeDone",
            || record(json!({ "durationMs": duration })),
        );
        let report = event(logging, level(LogLevel::Info), "platform.report", || {
            let mut metrics = json!({
                "durationMs": duration, "billedDurationMs": self.billed_ms(),
                "memorySizeMB": self.memory_mb, "maxMemoryUsedMB": self.peak_mb,
            });
            if let Some(init) = self.init {
                metrics["initDurationMs"] = rounded(init).into();
            }
            record(metrics)
        });
        done.into_iter().chain(report).collect()
    }

    /// The same figures for the caller.
    pub(crate) fn figures(&self) -> Figures {
        let elapsed_ms = i64::try_from(self.elapsed.as_millis()).unwrap_or(i64::MAX);
        Figures {
            started_ms: timestamp::now_ms().saturating_sub(elapsed_ms),
            init: self.init,
            duration: self.elapsed,
            billed_ms: self.billed_ms(),
            memory_used_mb: self.peak_mb,
            ending: self.status,
        }
    }

    /// AWS: whole milliseconds, rounded up.
    fn billed_ms(&self) -> u64 {
        u64::try_from(self.elapsed.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
    }

    /// END and REPORT.
    ///
    /// AWS: the fields are separated by tabs.
    fn text(&self) -> Vec<String> {
        let Report {
            request_id,
            memory_mb,
            peak_mb,
            ..
        } = self;
        let duration = milliseconds(self.elapsed);
        let billed = self.billed_ms();
        let mut report = format!(
            "REPORT RequestId: {request_id}\tDuration: {duration:.2} ms\tBilled Duration: {billed} ms\t\
             Memory Size: {memory_mb} MB\tMax Memory Used: {peak_mb} MB"
        );
        if let Some(init) = self.init {
            report.push_str(&format!("\tInit Duration: {:.2} ms", milliseconds(init)));
        }
        match self.status {
            Status::Success => {}
            Status::Timeout => report.push_str("\tStatus: timeout"),
            Status::Error(error_type) => {
                report.push_str(&format!("\tStatus: error\tError Type: {error_type}"))
            }
        }
        if let Some(header) = self.traced {
            let (trace, segment) = (member(header, "Root="), member(header, "Parent="));
            report.push_str(&format!(
                "\t\nXRAY TraceId: {trace}\tSegmentId: {segment}\tSampled: true"
            ));
        }
        vec![format!("END RequestId: {request_id}"), report]
    }
}

/// The value of one part of a trace header.
fn member<'h>(header: &'h str, name: &str) -> &'h str {
    let mut parts = header.split(';').map(str::trim);
    parts
        .find_map(|part| part.strip_prefix(name))
        .unwrap_or_default()
}

/// Milliseconds with two digits after the point.
fn rounded(duration: Duration) -> f64 {
    (milliseconds(duration) * 100.0).round() / 100.0
}

/// Milliseconds with a fraction.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_lines_read_as_on_aws() {
        let report = Report {
            request_id: "r-1",
            traced: Some("Root=1-a-b;Parent=c;Sampled=1"),
            elapsed: Duration::from_micros(1230),
            memory_mb: 128,
            peak_mb: 64,
            init: Some(Duration::from_millis(100)),
            status: Status::Error("Runtime.ExitError"),
        };
        expect_test::expect![[r#"
            [
                "END RequestId: r-1",
                "REPORT RequestId: r-1\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 64 MB\tInit Duration: 100.00 ms\tStatus: error\tError Type: Runtime.ExitError\t\nXRAY TraceId: 1-a-b\tSegmentId: c\tSampled: true",
            ]
        "#]]
        .assert_debug_eq(&report.lines(Logging::default()));
    }
    #[test]
    fn levels_leave_out_what_the_platform_logs() {
        let kinds = |system_level, status| {
            let report = Report {
                request_id: "r-1",
                traced: None,
                elapsed: Duration::from_micros(1234),
                memory_mb: 128,
                peak_mb: 64,
                init: None,
                status,
            };
            let logging = Logging {
                format: LogFormat::Json,
                system_level,
                ..Logging::default()
            };
            let lines = report.lines(logging);
            let kind = |line: &String| {
                let value: Value = serde_json::from_str(line).expect("a JSON object");
                value["type"].as_str().unwrap_or_default().to_owned()
            };
            lines.iter().map(kind).collect::<Vec<_>>().join(" ")
        };
        let both = "platform.runtimeDone platform.report";
        assert_eq!(kinds(LogLevel::Debug, Status::Success), both);
        assert_eq!(kinds(LogLevel::Info, Status::Success), "platform.report");
        assert_eq!(kinds(LogLevel::Warn, Status::Success), "");
        assert_eq!(kinds(LogLevel::Warn, Status::Timeout), both);
    }
}
