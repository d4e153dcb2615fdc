//! `costs`: what one more state, branch, item or kilobyte costs the server, and what open executions add.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};

use super::definitions::{chain, create, passes};
use super::load::{self, Until};
use super::plan::Plan;
use super::server::Server;
use super::starts::{all_succeeded, start_request};
use super::table::{Limit, Table};

/// States of the longer machine; the shorter one has one.
const STATES: usize = 11;
/// Branches and items of the smaller and of the larger one.
const BRANCHES: (usize, usize) = (2, 22);
const ITEMS: (usize, usize) = (10, 110);
/// Bytes of payloads beside the smallest.
const PAYLOADS: [usize; 4] = [1 << 10, 16 << 10, 64 << 10, 240 << 10];
/// Executions that are asleep while others run.
const ASLEEP: u64 = 100_000;
const ROWS: &str = "  keys and values of its rows";
const SMALL: &str = r#"{"order":1}"#;

pub fn run(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    let server = plan.serve("costs")?;
    let mut bench = Costs {
        plan,
        server: &server,
        machines: 0,
    };
    bench.warm()?;
    let one = bench.of(&passes(1), SMALL)?;
    table.figure("an execution of one Pass state", one.micros, "us");
    if let Some(bytes) = one.bytes {
        table.figure(ROWS, bytes, "B");
    }
    for (what, state) in kinds() {
        let definition = chain(STATES, |_| state.clone());
        let many = bench.of(&definition, SMALL)?;
        let first = bench.of(&chain(1, |_| state.clone()), SMALL)?;
        let more = (STATES - 1) as f64;
        difference(table, &format!("one more {what}"), &first, &many, more);
    }
    let (few, many) = (bench.parallel(BRANCHES.0)?, bench.parallel(BRANCHES.1)?);
    let more = (BRANCHES.1 - BRANCHES.0) as f64;
    let what = "one more branch of a Parallel, with a Pass state";
    difference(table, what, &few, &many, more);
    let (few, many) = (bench.map(ITEMS.0)?, bench.map(ITEMS.1)?);
    let more = (ITEMS.1 - ITEMS.0) as f64;
    let what = "one more item of an inline Map, with a Pass state";
    difference(table, what, &few, &many, more);
    for bytes in PAYLOADS {
        let cost = bench.of(&passes(STATES), &payload(bytes))?;
        let small = bench.of(&passes(STATES), SMALL)?;
        let more = bytes as f64 / 1024.0;
        let what = format!(
            "each KB of an input of {} KB, {STATES} Pass states",
            bytes >> 10
        );
        difference(table, &what, &small, &cost, more);
    }
    let asleep = bench.sleep()?;
    let beside = bench.of(&passes(1), SMALL)?;
    table.beside(
        format!("an execution of one Pass state beside {asleep} asleep"),
        beside.micros,
        "us",
        Limit::new("the same beside none", one.micros, "us"),
        None,
    );
    table.note(
        "Processor time of the server's process under a closed loop, HTTP, commits and compactions included; what one more of \
         something costs is the difference of two machines, divided. Small differences drown in the noise of a busy machine.",
    );
    plan.end(server, "costs")
}

/// States that can stand in a chain, named.
fn kinds() -> Vec<(&'static str, Value)> {
    vec![
        ("Pass state", json!({ "Type": "Pass" })),
        (
            "Pass state with a payload template of four fields",
            json!({
                "Type": "Pass",
                "Parameters": {
                    "order.$": "$.order", "name.$": "$$.State.Name", "text.$": "States.Format('{}', $.order)", "kind": "x",
                },
            }),
        ),
        (
            "Pass state with a JSONata output",
            json!({
                "Type": "Pass", "QueryLanguage": "JSONata",
                "Output": { "order": "{% $states.input.order + 0 %}", "kind": "x" },
            }),
        ),
        ("Wait of 0 seconds", json!({ "Type": "Wait", "Seconds": 0 })),
    ]
}

/// Processor time of the server and bytes of rows, of one execution.
struct Cost {
    micros: f64,
    /// `None` if the server does not tell its commits.
    bytes: Option<f64>,
}

fn difference(table: &mut Table, what: &str, few: &Cost, many: &Cost, more: f64) {
    table.figure(what, (many.micros - few.micros) / more, "us");
    if let Some((many, few)) = many.bytes.zip(few.bytes) {
        table.figure(ROWS, (many - few) / more, "B");
    }
}

struct Costs<'p> {
    plan: &'p Plan,
    server: &'p Server,
    machines: usize,
}

impl Costs<'_> {
    fn create(&mut self, definition: &Value) -> anyhow::Result<String> {
        self.machines += 1;
        let name = format!("costs-{}", self.machines);
        create(self.server.endpoint(), &name, "STANDARD", definition)
    }

    fn time(&self) -> Duration {
        self.plan.time / 5
    }

    fn warm(&mut self) -> anyhow::Result<()> {
        self.of(&passes(1), SMALL).map(drop)
    }

    fn of(&mut self, definition: &Value, input: &str) -> anyhow::Result<Cost> {
        let arn = self.create(definition)?;
        let starts = [start_request(self.server.endpoint(), &arn, input)];
        let meter = self.server.meter();
        let until = Until::Over(self.time());
        let done = load::closed(self.server.endpoint(), &starts, self.plan.clients, until)?;
        all_succeeded(self.server, &arn)?;
        let used = meter.used(self.server);
        ensure!(done.calls > 0, "no execution within {:?}", self.time());
        let count = done.calls as f64;
        Ok(Cost {
            micros: used.server_cpu.as_secs_f64() * 1e6 / count,
            bytes: used.commits.map(|commits| commits.bytes as f64 / count),
        })
    }

    fn parallel(&mut self, branches: usize) -> anyhow::Result<Cost> {
        let branches: Vec<Value> = (0..branches).map(|at| pass(&format!("B{at}"))).collect();
        let definition = chain(1, |_| json!({ "Type": "Parallel", "Branches": branches }));
        self.of(&definition, SMALL)
    }

    fn map(&mut self, items: usize) -> anyhow::Result<Cost> {
        let definition = chain(
            1,
            |_| json!({ "Type": "Map", "ItemsPath": "$.items", "ItemProcessor": pass("Item") }),
        );
        self.of(&definition, &json!({ "items": vec![0; items] }).to_string())
    }

    /// Puts executions to sleep; how many.
    fn sleep(&mut self) -> anyhow::Result<u64> {
        let count = self.plan.count_or(ASLEEP);
        let definition = chain(1, |_| json!({ "Type": "Wait", "Seconds": 86_400 }));
        let arn = self.create(&definition)?;
        let starts = [start_request(self.server.endpoint(), &arn, SMALL)];
        let until = Until::Sent(count);
        load::closed(self.server.endpoint(), &starts, self.plan.clients, until)?;
        Ok(count)
    }
}

/// A branch or a processor of one Pass state; names are those of one machine.
fn pass(name: &str) -> Value {
    json!({ "StartAt": name, "States": { name: { "Type": "Pass", "End": true } } })
}

/// An input of so many bytes.
fn payload(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes);
    text.push_str(r#"{"order":1,"note":""#);
    while text.len() < bytes - 2 {
        text.push(char::from(b'a' + (text.len() * 7 % 26) as u8));
    }
    text.push_str("\"}");
    text
}
