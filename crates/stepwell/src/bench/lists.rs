//! `lists`: a list over very many executions, as the console pages and filters it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::definitions::create;
use super::load::{self, Connection, Until};
use super::plan::Plan;
use super::starts::{ms, start_request};
use super::table::{Table, Target};

const EXECUTIONS: u64 = 1_000_000;
/// One of so many fails.
const FAILS_EVERY: u64 = 1_000;
/// Pages of a list that are read from its beginning.
const PAGES: usize = 200;
/// Longest wait for the last executions to end.
const PATIENCE: Duration = Duration::from_secs(120);
/// What an answer may take.
const TARGET: Target = Target::AtMost(200.0);

pub fn run(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    let count = plan.count_or(EXECUTIONS);
    let server = plan.serve("lists")?;
    let endpoint = server.endpoint();
    let definition = json!({
        "StartAt": "IsGood",
        "States": {
            "IsGood": {
                "Type": "Choice",
                "Choices": [{ "Variable": "$.order", "NumericEquals": 0, "Next": "Bad" }],
                "Default": "Good",
            },
            "Bad": { "Type": "Fail", "Error": "Order.Bad", "Cause": "order 0 is bad" },
            "Good": { "Type": "Succeed" },
        },
    });
    let arn = create(endpoint, "listed", "STANDARD", &definition)?;
    let start = |order: u64| start_request(endpoint, &arn, &json!({ "order": order }).to_string());
    let starts: Vec<Vec<u8>> = (0..FAILS_EVERY).map(start).collect();
    let done = load::closed(endpoint, &starts, plan.clients, Until::Sent(count))?;
    table.figure(
        format!("{count} executions of a Choice, {} clients", plan.clients),
        done.rate(),
        "a second",
    );
    let mut connection = Connection::open(endpoint)?;
    wait(&mut connection, endpoint)?;
    let page = walk(&mut connection, endpoint, json!({ "limit": 100 }), PAGES)?;
    page.tell(table, "a page of 100 of the list");
    for (what, asked) in [
        ("by status", json!({ "status": ["FAILED"], "limit": 100 })),
        (
            "by a part of the name",
            json!({ "name": "-4242-", "limit": 100 }),
        ),
        ("by error", json!({ "error": "order.bad", "limit": 100 })),
        (
            "by text in input and output",
            json!({ "text": "\"order\":424}", "limit": 100 }),
        ),
    ] {
        let walked = walk(&mut connection, endpoint, asked, usize::MAX)?;
        ensure!(
            walked.looked >= count,
            "{} of {count} executions were looked at",
            walked.looked
        );
        walked.tell(table, &format!("an answer of a search {what}"));
        table.figure(
            format!("  until all were looked at, {} found", walked.found),
            walked.times.iter().sum::<Duration>().as_secs_f64(),
            "s",
        );
    }
    table.note("Each search goes over the whole list; an answer looks at rows for 100 ms at most and says how far it came.");
    plan.end(server, "lists")
}

/// Until no execution runs.
fn wait(connection: &mut Connection, endpoint: &str) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let running = walk(
            connection,
            endpoint,
            json!({ "status": ["RUNNING"], "limit": 1 }),
            1,
        )?;
        if running.found == 0 {
            return Ok(());
        }
        ensure!(began.elapsed() < PATIENCE, "executions still run");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What came of a search and those that went on with it.
struct Walked {
    times: Vec<Duration>,
    found: usize,
    looked: u64,
}

impl Walked {
    fn tell(&self, table: &mut Table, what: &str) {
        let mut times = self.times.clone();
        times.sort_unstable();
        let at = |part: f64| ms(times[((times.len() - 1) as f64 * part).round() as usize]);
        table.figure(format!("{what}, p50"), at(0.5), "ms");
        table.target("  the slowest", at(1.0), "ms", TARGET);
    }
}

fn walk(
    connection: &mut Connection,
    endpoint: &str,
    mut asked: Value,
    answers_max: usize,
) -> anyhow::Result<Walked> {
    let mut walked = Walked {
        times: Vec::new(),
        found: 0,
        looked: 0,
    };
    while walked.times.len() < answers_max {
        let request = load::console_request(endpoint, "search", &asked.to_string());
        let began = Instant::now();
        let answer = connection.call(&request)?;
        walked.times.push(began.elapsed());
        let page: Value = serde_json::from_slice(answer)?;
        let executions = page["executions"].as_array();
        walked.found += executions.context("an answer without executions")?.len();
        walked.looked += page["looked"]["executions"].as_u64().unwrap_or_default();
        match page.get("next").filter(|next| !next.is_null()) {
            Some(next) => asked["next"] = next.clone(),
            None => break,
        }
    }
    Ok(walked)
}
