//! `express`: StartSyncExecution beside an HTTP server that only answers.

use super::definitions::{create, passes};
use super::echo::Echo;
use super::load::{self, Connection, Until};
use super::plan::Plan;
use super::starts::{cost, sync_request};
use super::table::{Limit, Table, Target};

/// Turns of echo and server; the middle ratio counts.
const TURNS: usize = 3;

/// Express executions of one Pass state, in their calls.
pub fn run(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    let server = plan.serve("express")?;
    let endpoint = server.endpoint();
    let arn = create(endpoint, "one", "EXPRESS", &passes(1))?;
    let request = [sync_request(endpoint, &arn, r#"{"order": 1}"#)];
    let answer_bytes = Connection::open(endpoint)?.call(&request[0])?.len();
    let echo = Echo::start(answer_bytes)?;
    let echoed = echo.endpoint();
    let quarter = Until::Over(plan.time / 4);
    load::closed(&echoed, &request, plan.clients, quarter)?;
    load::closed(endpoint, &request, plan.clients, quarter)?;
    let mut turns = Vec::new();
    for _ in 0..TURNS {
        let until = Until::Over(plan.time / TURNS as u32);
        let bare = load::closed(&echoed, &request, plan.clients, until)?;
        let meter = server.meter();
        let ran = load::closed(endpoint, &request, plan.clients, until)?;
        turns.push((bare, ran, meter.used(&server)));
    }
    turns.sort_by(|one, other| {
        let ratio = |turn: &(load::Done, load::Done, _)| turn.1.rate() / turn.0.rate();
        ratio(one).total_cmp(&ratio(other))
    });
    let (bare, ran, used) = &turns[TURNS / 2];
    table.beside(
        format!(
            "Express StartSyncExecution, {} clients, one Pass state",
            plan.clients
        ),
        ran.rate(),
        "calls/s",
        Limit::new("HTTP echo of the same bodies", bare.rate(), "calls/s"),
        Some(Target::RatioAtLeast(0.5)),
    );
    table.beside(
        "  p99",
        ran.ms(0.99),
        "ms",
        Limit::new("HTTP echo", bare.ms(0.99), "ms"),
        None,
    );
    cost(table, used, ran.calls, "call");
    let rate = ran.rate() / 2.0;
    load::open(endpoint, &request[0], rate, plan.time / 4)?;
    let half = load::open(endpoint, &request[0], rate, plan.time)?;
    table.figure("calls that came at half of it", half.rate(), "calls/s");
    table.figure("  p50", half.ms(0.5), "ms");
    table.target("  p99", half.ms(0.99), "ms", Target::AtMost(5.0));
    table.note(format!(
        "The echo is hyper on 2 threads, as the server is, in the process of the load generator; it reads {} bytes of \
         request and answers {answer_bytes} bytes of body. Calls at half come at their instants, evenly; latency \
         counts from the instant.",
        request[0].len()
    ));
    plan.end(server, "express")
}
