//! What the operating system says of this process. The names are those that all clients of Prometheus use.

use rustix::process::{Resource, getrlimit};
use stepwell_telemetry::exposition::{Family, Kind};

use super::number;

/// What is known of the process; what the system does not say is left out.
pub(super) fn families() -> Vec<Family> {
    let mut families = Vec::new();
    if let Some(stat) = Stat::read() {
        families.push(number(
            "process_cpu_seconds",
            "Processor time of the server, its threads included, those of functions not.",
            Kind::Counter,
            stat.cpu_seconds,
        ));
        families.push(number(
            "process_resident_memory_bytes",
            "Memory of the server that is in use.",
            Kind::Gauge,
            stat.resident_bytes,
        ));
        families.push(number(
            "process_virtual_memory_bytes",
            "Address space of the server.",
            Kind::Gauge,
            stat.virtual_bytes,
        ));
        families.push(number(
            "process_threads",
            "Threads of the server.",
            Kind::Gauge,
            stat.threads,
        ));
        if let Some(started) = boot_seconds() {
            families.push(number(
                "process_start_time_seconds",
                "When the server was started, in seconds since 1970.",
                Kind::Gauge,
                started + stat.started_after_boot_seconds,
            ));
        }
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        families.push(number(
            "process_open_fds",
            "Descriptors that are open.",
            Kind::Gauge,
            open.count() as f64,
        ));
    }
    families.push(number(
        "process_max_fds",
        "Descriptors that may be open.",
        Kind::Gauge,
        getrlimit(Resource::Nofile)
            .current
            .map_or(f64::INFINITY, |most| most as f64),
    ));
    families
}

/// Parts of `/proc/self/stat`.
#[derive(Debug, PartialEq)]
struct Stat {
    cpu_seconds: f64,
    threads: f64,
    started_after_boot_seconds: f64,
    virtual_bytes: f64,
    resident_bytes: f64,
}

impl Stat {
    fn read() -> Option<Stat> {
        let text = std::fs::read_to_string("/proc/self/stat").ok()?;
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let page = rustix::param::page_size() as f64;
        Stat::parse(&text, ticks, page)
    }

    /// Source: proc(5). The name of the program, in parentheses, may have any character.
    fn parse(text: &str, ticks: f64, page: f64) -> Option<Stat> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // The third field of the page is the first one here.
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        Some(Stat {
            cpu_seconds: (field(14)? + field(15)?) / ticks,
            threads: field(20)?,
            started_after_boot_seconds: field(22)? / ticks,
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * page,
        })
    }
}

/// When the machine was started, in seconds since 1970.
fn boot_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_kernel_is_read_whatever_the_program_is_called() {
        let line = "1 (a ) b) S 2 3 4 5 6 7 8 9 10 11 150 50 0 0 20 0 7 0 1000 4096000 25 18446744073709551615 1";
        assert_eq!(
            Stat::parse(line, 100.0, 4096.0),
            Some(Stat {
                cpu_seconds: 2.0,
                threads: 7.0,
                started_after_boot_seconds: 10.0,
                virtual_bytes: 4_096_000.0,
                resident_bytes: 102_400.0,
            })
        );
        assert_eq!(Stat::parse("1 (short) S 2", 100.0, 4096.0), None);
    }
}
