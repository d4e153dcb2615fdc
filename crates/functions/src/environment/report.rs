//! The END and REPORT lines of an invocation.

use std::time::Duration;

/// The outcome as REPORT tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Also a function that answered with its own error.
    Success,
    Timeout,
    /// The runtime ended; the type of the error.
    Error(&'static str),
}

/// The figures of one invocation.
pub(crate) struct Report<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) elapsed: Duration,
    pub(crate) memory_mb: u32,
    pub(crate) peak_mb: u32,
    pub(crate) init: Option<Duration>,
    pub(crate) status: Status,
}

impl Report<'_> {
    /// END and REPORT.
    ///
    /// AWS: the fields are separated by tabs, the billed duration is whole milliseconds, rounded up.
    pub(crate) fn lines(&self) -> Vec<String> {
        let Report {
            request_id,
            memory_mb,
            peak_mb,
            ..
        } = self;
        let duration = milliseconds(self.elapsed);
        let billed = self.elapsed.as_micros().div_ceil(1000);
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
        vec![format!("END RequestId: {request_id}"), report]
    }
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
            elapsed: Duration::from_micros(1230),
            memory_mb: 128,
            peak_mb: 64,
            init: Some(Duration::from_millis(100)),
            status: Status::Error("Runtime.ExitError"),
        };
        expect_test::expect![[r#"
            [
                "END RequestId: r-1",
                "REPORT RequestId: r-1\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 64 MB\tInit Duration: 100.00 ms\tStatus: error\tError Type: Runtime.ExitError",
            ]
        "#]]
        .assert_debug_eq(&report.lines());
    }
}
