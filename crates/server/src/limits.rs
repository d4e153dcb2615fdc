//! The limits that whoever runs a server may set: `[limits]` and `[telemetry]` of `stepwell.toml`.

use stepwell_telemetry::TraceLimits;

/// How much a server takes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Starts that wait for the shard at one time, and as many other changes.
    pub requests_waiting: u64,
    /// Connections at one time.
    pub connections: u64,
    /// Bytes of all request bodies that are held at one time.
    pub body_bytes: u64,
    /// Standard executions that have not ended, without the children of map runs.
    pub open_executions: u64,
    /// Registered state machines.
    pub state_machines: u64,
    /// Registered activities.
    pub activities: u64,
    /// Free bytes on the disk of the data below which nothing new is begun; 0 begins things until the disk is full.
    pub free_disk_bytes: u64,
    /// Whether the rates of an account of AWS hold, so that a test finds out what production would.
    pub aws_quotas: bool,
    /// Whether metrics, logs of executions and traces are made of what happens.
    pub is_observed: bool,
    /// What logs, metrics and traces may take: `[telemetry]`.
    pub telemetry: TelemetryLimits,
}

/// What is kept of what can be seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetryLimits {
    /// Bytes that the store of logs may take on the disk.
    pub logs_disk_bytes: u64,
    /// Days that a trace is kept after its first document came.
    pub traces_retention_days: u64,
}

/// Bytes of the store of logs: some tens of GB of lines, packed.
const LOGS_DISK_BYTES: u64 = 4 << 30;

/// The least budget of a store: its journals take up to 192 MiB.
const DISK_BYTES_MIN: u64 = 256 << 20;

/// AWS: X-Ray keeps traces for 30 days.
const TRACES_RETENTION_DAYS: u64 = 30;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The longest time that traces are kept: ten years, as for events of logs.
const TRACES_RETENTION_DAYS_MAX: u64 = 3_653;

impl Default for TelemetryLimits {
    fn default() -> TelemetryLimits {
        TelemetryLimits {
            logs_disk_bytes: LOGS_DISK_BYTES,
            traces_retention_days: TRACES_RETENTION_DAYS,
        }
    }
}

impl TelemetryLimits {
    /// What the store of traces may hold.
    pub(crate) fn traces(&self) -> TraceLimits {
        // INVARIANT: `set` takes at most `TRACES_RETENTION_DAYS_MAX`.
        let days = i64::try_from(self.traces_retention_days).unwrap_or(i64::MAX);
        TraceLimits {
            retention_ms: days.saturating_mul(DAY_MS),
            ..TraceLimits::default()
        }
    }

    /// Sets the number with this name in a file of settings.
    ///
    /// - Errors: what is wrong with the name or the number.
    pub fn set(&mut self, name: &str, value: i64) -> Result<(), String> {
        let mut numbers = [
            (
                "logs_disk_bytes",
                &mut self.logs_disk_bytes,
                DISK_BYTES_MIN..=u64::MAX,
            ),
            (
                "traces_retention_days",
                &mut self.traces_retention_days,
                1..=TRACES_RETENTION_DAYS_MAX,
            ),
        ];
        let known: Vec<&str> = numbers.iter().map(|(name, ..)| *name).collect();
        let Some((_, number, allowed)) = numbers.iter_mut().find(|(known, ..)| *known == name)
        else {
            return Err(format!(
                "unknown key {name:?}: {} and otlp are known in [telemetry]",
                known.join(", ")
            ));
        };
        match u64::try_from(value) {
            Ok(value) if allowed.contains(&value) => {
                **number = value;
                Ok(())
            }
            _ => {
                let (least, most) = (allowed.start(), allowed.end());
                let and_most = match *most {
                    u64::MAX => String::new(),
                    most => format!(" and at most {most}"),
                };
                Err(format!(
                    "{name} is {value}, and must be at least {least}{and_most}"
                ))
            }
        }
    }
}

/// Requests that wait.
const REQUESTS_WAITING: u64 = 10_000;

/// Connections. Each takes a descriptor; a process has often 1,024, and a server takes all that it may have.
const CONNECTIONS: u64 = 10_000;

/// Bytes of bodies.
const BODY_BYTES: u64 = 256 << 20;

/// AWS: quotas "Maximum open executions per account", "Maximum number of registered state machines" and "... activities".
const OPEN_EXECUTIONS: u64 = 1_000_000;
const STATE_MACHINES: u64 = 100_000;
const ACTIVITIES: u64 = 100_000;

/// Free bytes. A commit is at most a few times 16 MiB, and the store writes each of them more than once.
const FREE_DISK_BYTES: u64 = 256 << 20;

/// A number of a file, its name and the most that it may be.
type Number<'l> = (&'static str, &'l mut u64, u64);

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            requests_waiting: REQUESTS_WAITING,
            connections: CONNECTIONS,
            body_bytes: BODY_BYTES,
            open_executions: OPEN_EXECUTIONS,
            state_machines: STATE_MACHINES,
            activities: ACTIVITIES,
            free_disk_bytes: FREE_DISK_BYTES,
            aws_quotas: false,
            is_observed: true,
            telemetry: TelemetryLimits::default(),
        }
    }
}

impl Limits {
    /// Sets the limit with this name in a file of settings.
    ///
    /// - Errors: what is wrong with the name or the number.
    pub fn set(&mut self, name: &str, value: i64) -> Result<(), String> {
        let mut numbers = self.numbers();
        let known: Vec<&str> = numbers.iter().map(|(name, ..)| *name).collect();
        let Some((_, number, most)) = numbers.iter_mut().find(|(known, ..)| *known == name) else {
            return Err(format!(
                "unknown limit {name:?}: {} and aws_quotas are known",
                known.join(", ")
            ));
        };
        let least = u64::from(name != "free_disk_bytes");
        match u64::try_from(value) {
            Ok(value) if (least..=*most).contains(&value) => {
                **number = value;
                Ok(())
            }
            _ => Err(format!(
                "the limit {name} is {value}, and must be at least {least} and at most {most}"
            )),
        }
    }

    fn numbers(&mut self) -> [Number<'_>; 7] {
        [
            ("requests_waiting", &mut self.requests_waiting, 1_000_000),
            ("connections", &mut self.connections, 1_000_000),
            ("body_bytes", &mut self.body_bytes, 1 << 31),
            ("open_executions", &mut self.open_executions, 1 << 40),
            ("state_machines", &mut self.state_machines, 1 << 40),
            ("activities", &mut self.activities, 1 << 40),
            ("free_disk_bytes", &mut self.free_disk_bytes, 1 << 50),
        ]
    }
}

/// A limit as a number of things in memory.
pub(crate) fn in_memory(limit: u64) -> usize {
    // INVARIANT: the most of each fits.
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_kept_for_as_many_days_as_are_set() {
        let mut limits = TelemetryLimits::default();
        assert_eq!(
            limits.traces().retention_ms,
            TraceLimits::default().retention_ms
        );
        assert_eq!(limits.set("traces_retention_days", 7), Ok(()));
        assert_eq!(limits.traces().retention_ms, 7 * DAY_MS);
        for days in [-1, 0, 3_654] {
            let says =
                format!("traces_retention_days is {days}, and must be at least 1 and at most 3653");
            assert_eq!(limits.set("traces_retention_days", days), Err(says));
        }
        assert_eq!(limits.traces().retention_ms, 7 * DAY_MS);
    }

    #[test]
    fn limits_are_set_by_name_and_refused_with_the_rule() {
        let mut limits = Limits::default();
        assert_eq!(limits.set("connections", 20), Ok(()));
        assert_eq!(limits.set("free_disk_bytes", 0), Ok(()));
        assert_eq!(limits.set("open_executions", 5_000_000), Ok(()));
        assert_eq!(
            limits,
            Limits {
                connections: 20,
                free_disk_bytes: 0,
                open_executions: 5_000_000,
                ..Limits::default()
            }
        );
        for (name, value, says) in [
            (
                "connection",
                1,
                "unknown limit \"connection\": requests_waiting, ",
            ),
            (
                "connections",
                0,
                "the limit connections is 0, and must be at least 1",
            ),
            ("body_bytes", -1, "the limit body_bytes is -1"),
            (
                "body_bytes",
                1 << 40,
                "the limit body_bytes is 1099511627776",
            ),
        ] {
            let refused = limits.set(name, value).expect_err("it cannot be");
            assert!(refused.starts_with(says), "{refused}");
        }
    }
}
