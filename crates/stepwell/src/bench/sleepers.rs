//! `sleepers`: executions that are asleep in a Wait: memory, disk, processor, and a restart.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;

use super::definitions::create;
use super::load::{self, Until};
use super::machine;
use super::plan::Plan;
use super::server::Server;
use super::starts::{cost, start_request};
use super::table::{Limit, Table, Target};

const SLEEPERS: u64 = 1_000_000;
/// Longer than any benchmark.
const WAIT_SECONDS: u64 = 30 * 24 * 3_600;
/// How long an idle server is looked at.
const IDLE_TIME: Duration = Duration::from_secs(10);
/// How long flushes and compactions may go on after the load.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(30);
/// A server that uses no more than this in [`SETTLE_LOOK`] has settled.
const SETTLED_CPU: Duration = Duration::from_millis(10);
const SETTLE_LOOK: Duration = Duration::from_secs(1);

pub fn run(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    let count = plan.count_or(SLEEPERS);
    let server = plan.serve("sleepers")?;
    let definition = json!({
        "StartAt": "Sleep",
        "States": { "Sleep": { "Type": "Wait", "Seconds": WAIT_SECONDS, "End": true } },
    });
    let arn = create(server.endpoint(), "sleeper", "STANDARD", &definition)?;
    let (resident_before, data) = (server.resident_bytes(), plan.data("sleepers"));
    let disk_before = machine::disk_bytes(&data)?;
    let start = [start_request(server.endpoint(), &arn, r#"{"order": 1}"#)];
    let meter = server.meter();
    let until = Until::Sent(count);
    let done = load::closed(server.endpoint(), &start, plan.clients, until)?;
    let used = meter.used(&server);
    ensure!(
        done.calls == count,
        "{} starts instead of {count}",
        done.calls
    );
    table.figure(
        format!("{count} starts of a Wait, {} clients", plan.clients),
        done.rate(),
        "a second",
    );
    cost(table, &used, count, "start");
    settle(&server);
    table.target(
        format!("resident memory with {count} executions asleep"),
        mb(server.resident_bytes()),
        "MB",
        Target::AtMost(600.0),
    );
    table.figure("  of it with none", mb(resident_before), "MB");
    let disk = machine::disk_bytes(&data)?.saturating_sub(disk_before);
    let each = |bytes: u64| bytes as f64 / count as f64;
    let (what, target) = ("disk each", Target::AtMost(1_024.0));
    match used.commits {
        Some(commits) => table.beside(
            what,
            each(disk),
            "B",
            Limit::new("keys and values of its rows", each(commits.bytes), "B"),
            Some(target),
        ),
        None => table.target(what, each(disk), "B", target),
    }
    let idle = IDLE_TIME.min(plan.time * 2);
    let before = server.cpu();
    std::thread::sleep(idle);
    let busy = server.cpu().saturating_sub(before);
    table.target(
        format!("processor over {} s idle", idle.as_secs()),
        busy.as_secs_f64() / idle.as_secs_f64() * 100.0,
        "%",
        Target::AtMost(0.5),
    );
    server.kill();
    let server = plan.serve_again("sleepers")?;
    table.target(
        "from a start after kill -9 until calls are answered",
        server.started_in.as_secs_f64(),
        "s",
        Target::AtMost(5.0),
    );
    table.figure("  resident memory then", mb(server.resident_bytes()), "MB");
    table.note("The disk is what the files occupy once flushes and compactions have ended. 0 % is below 0.5 %: the processor's time is told in steps of 10 ms.");
    plan.end(server, "sleepers")
}

/// Returns when the server has nothing to do any more, or not soon.
fn settle(server: &Server) {
    let began = Instant::now();
    while began.elapsed() < SETTLE_TIME_MAX {
        let before = server.cpu();
        std::thread::sleep(SETTLE_LOOK);
        if server.cpu().saturating_sub(before) <= SETTLED_CPU {
            return;
        }
    }
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
