//! Runs the sample orders of the demo at the same time and checks how each ends.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, SyncSender},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::{
    Verdict,
    client::Client,
    expected::{self, Expectation, Expectations},
    follow::{self, Ended},
    report::Report,
    terminal::{self, Live},
    timeline::{Outcome, Timeline, Visit},
};

const EXPECTED_FILE: &str = "expected.json";
const ORDERS_MAX: usize = 64;
/// Longest wait for all orders together.
const ORDERS_TIMEOUT: Duration = Duration::from_secs(180);
/// How often elapsed times are drawn again.
const REDRAW: Duration = Duration::from_millis(100);
/// Progress that waits to be shown.
const PROGRESS_MAX: usize = 1_024;
const ORDER_COLUMNS: usize = 26;

/// A sample order and what it says about its end.
pub struct Order {
    /// The file's name without `.json`.
    name: String,
    input: String,
    expectation: Expectation,
}

enum Progress {
    Line { order: usize, text: String },
    Running { order: usize, what: String },
    Ended { order: usize, ended: Box<Ended> },
    Failed { order: usize, reason: String },
}

/// The sample orders that say how they end, in the order of their names.
pub fn read(directory: &Path) -> anyhow::Result<Vec<Order>> {
    let path = directory.join(EXPECTED_FILE);
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let expectations: Expectations = serde_json::from_str(&text)
        .with_context(|| format!("{} is not as it should be", path.display()))?;
    if expectations.len() > ORDERS_MAX {
        bail!(
            "{} has {} orders, at most {ORDERS_MAX} are run",
            path.display(),
            expectations.len()
        );
    }
    let read = |(file, expectation): (String, Expectation)| {
        let path = directory.join(&file);
        let input = fs::read_to_string(&path)
            .with_context(|| format!("{EXPECTED_FILE} names {file}, and it cannot be read"))?;
        Ok(Order {
            name: file.trim_end_matches(".json").to_owned(),
            input,
            expectation,
        })
    };
    expectations.into_iter().map(read).collect()
}

/// Runs all orders at the same time and tells how each ended.
///
/// `goes_on`: asked again and again; an error ends the run.
pub fn run(
    client: Client,
    state_machine_arn: &str,
    orders: Vec<Order>,
    goes_on: &dyn Fn() -> anyhow::Result<()>,
    report: Report,
) -> anyhow::Result<Verdict> {
    let begun = Instant::now();
    let client = Arc::new(client);
    let orders = Arc::new(orders);
    let (sender, progress) = mpsc::sync_channel(PROGRESS_MAX);
    for index in 0..orders.len() {
        let (client, orders, sender, arn) = (
            Arc::clone(&client),
            Arc::clone(&orders),
            sender.clone(),
            state_machine_arn.to_owned(),
        );
        thread::Builder::new()
            .name(format!("order-{index}"))
            .spawn(move || {
                let last = match run_one(&client, &arn, index, &orders[index], &sender, report) {
                    Ok(ended) => Progress::Ended {
                        order: index,
                        ended: Box::new(ended),
                    },
                    Err(reason) => Progress::Failed {
                        order: index,
                        reason: format!("{reason:#}"),
                    },
                };
                // Nobody listens any more after a time-out or Ctrl-C.
                let _ = sender.send(last);
            })?;
    }
    drop(sender);
    let mut board = Board::new(&orders, report);
    while board.has_open() {
        goes_on()?;
        if begun.elapsed() > ORDERS_TIMEOUT {
            board.give_up();
            break;
        }
        match progress.recv_timeout(REDRAW) {
            Ok(progress) => board.take(progress),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        board.draw(begun);
    }
    board.clear();
    Ok(tell_results(&orders, &board.results, report, begun))
}

fn run_one(
    client: &Client,
    arn: &str,
    index: usize,
    order: &Order,
    sender: &SyncSender<Progress>,
    report: Report,
) -> anyhow::Result<Ended> {
    let reply = client.states(
        "StartExecution",
        &json!({ "stateMachineArn": arn, "name": order.name, "input": order.input }),
    )?;
    let execution_arn = reply["executionArn"]
        .as_str()
        .context("StartExecution gave no executionArn")?;
    let ended = follow::follow(client, execution_arn, |timeline, notice| {
        let progress = match notice {
            Some(notice) => follow::line(timeline, notice, report.style)
                .map(|text| Progress::Line { order: index, text }),
            None => Some(Progress::Running {
                order: index,
                what: running(timeline),
            }),
        };
        if let Some(progress) = progress {
            let _ = sender.send(progress);
        }
    })?;
    Ok(ended)
}

/// The states that run now, in a few words.
fn running(timeline: &Timeline) -> String {
    let word = |visit: &Visit| match visit.attempts.len() {
        0 => visit.name.clone(),
        count if visit.last_failure().is_some() => {
            format!("{} (waits for attempt {})", visit.name, count + 1)
        }
        1 => visit.name.clone(),
        count => format!("{} (attempt {count})", visit.name),
    };
    timeline.running().map(word).collect::<Vec<_>>().join(", ")
}

/// What came of one order.
enum Fate {
    Ended(Box<Ended>),
    Failed(String),
}

/// The live table: an order a line; on anything but a terminal, lines as things happen.
struct Board<'orders> {
    orders: &'orders [Order],
    report: Report,
    live: Live,
    is_live: bool,
    running: Vec<String>,
    results: BTreeMap<usize, Fate>,
}

impl<'orders> Board<'orders> {
    fn new(orders: &'orders [Order], report: Report) -> Self {
        let is_live = terminal::is_interactive() && !report.is_json;
        Self {
            orders,
            report,
            live: Live::new(is_live),
            is_live,
            running: vec!["starting".to_owned(); orders.len()],
            results: BTreeMap::new(),
        }
    }

    fn has_open(&self) -> bool {
        self.results.len() < self.orders.len()
    }

    fn take(&mut self, progress: Progress) {
        match progress {
            Progress::Line { order, text } if !self.is_live => self.report.say(&format!(
                "{:<ORDER_COLUMNS$}{text}",
                self.orders[order].name
            )),
            Progress::Line { .. } => {}
            Progress::Running { order, what } => self.running[order] = what,
            Progress::Ended { order, ended } => {
                self.results.insert(order, Fate::Ended(ended));
            }
            Progress::Failed { order, reason } => {
                self.results.insert(order, Fate::Failed(reason));
            }
        }
    }

    fn give_up(&mut self) {
        for order in 0..self.orders.len() {
            self.results.entry(order).or_insert_with(|| {
                Fate::Failed(format!(
                    "has not ended within {} s",
                    ORDERS_TIMEOUT.as_secs()
                ))
            });
        }
    }

    fn draw(&mut self, begun: Instant) {
        let style = self.report.style;
        let since =
            terminal::duration(i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX));
        let line = |(index, order): (usize, &Order)| {
            let name = format!("{:<ORDER_COLUMNS$}", order.name);
            match self.results.get(&index) {
                None => format!(
                    "  {} {name}{:<44} {}",
                    style.cyan("⋯"),
                    self.running[index],
                    style.dim(&since)
                ),
                Some(Fate::Failed(reason)) => format!(
                    "  {} {name}{}",
                    style.red("✗"),
                    style.red(&terminal::one_line(reason, 60))
                ),
                Some(Fate::Ended(ended)) => {
                    let took = ended
                        .timeline
                        .duration_ms()
                        .map(terminal::duration)
                        .unwrap_or_default();
                    format!(
                        "  {} {name}{:<44} {}",
                        style.green("•"),
                        ended.status().to_lowercase(),
                        style.dim(&took)
                    )
                }
            }
        };
        let lines: Vec<String> = self.orders.iter().enumerate().map(line).collect();
        self.live.draw(&lines);
    }

    fn clear(&mut self) {
        self.live.draw(&[]);
    }
}

fn tell_results(
    orders: &[Order],
    results: &BTreeMap<usize, Fate>,
    report: Report,
    begun: Instant,
) -> Verdict {
    report.say("");
    let mut kept = 0;
    for (index, order) in orders.iter().enumerate() {
        let is_kept = match results.get(&index) {
            Some(Fate::Ended(ended)) => tell_ended(order, ended, report),
            Some(Fate::Failed(reason)) => tell_failed(order, reason, report),
            None => tell_failed(order, "its thread ended early", report),
        };
        kept += usize::from(is_kept);
    }
    let took = terminal::duration(i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX));
    let summary = format!(
        "{kept} of {} orders ended as their samples say, in {took}",
        orders.len()
    );
    let is_well = kept == orders.len() && !orders.is_empty();
    report.document(&json!({ "event": "summary", "orders": orders.len(), "asExpected": kept }));
    report.say(&if is_well {
        report.style.green(&summary)
    } else {
        report.style.red(&summary)
    });
    if is_well {
        Verdict::Well
    } else {
        Verdict::Badly
    }
}

fn tell_failed(order: &Order, reason: &str, report: Report) -> bool {
    report.document(
        &json!({ "event": "order", "order": order.name, "message": reason, "asExpected": false }),
    );
    report.say(&format!(
        "{} {}\n    {}\n",
        report.style.red("✗"),
        report.style.bold(&order.name),
        report.style.red(reason)
    ));
    false
}

fn tell_ended(order: &Order, ended: &Ended, report: Report) -> bool {
    let timeline = &ended.timeline;
    let differences = expected::differences(&order.expectation, timeline, ended.output().as_ref());
    let is_kept = differences.is_empty();
    report.document(&order_json(order, ended, &differences));
    let style = report.style;
    let mark = if is_kept {
        style.green("✓")
    } else {
        style.red("✗")
    };
    let took = timeline
        .duration_ms()
        .map(terminal::duration)
        .unwrap_or_default();
    let error = timeline
        .ending
        .as_ref()
        .map(|ending| ending.failure.error.as_str())
        .filter(|error| !error.is_empty());
    let status = format!(
        "{}{}",
        ended.status(),
        error.map(|error| format!(" {error}")).unwrap_or_default()
    );
    let status = if ended.status() == "SUCCEEDED" {
        style.green(&status)
    } else {
        style.yellow(&status)
    };
    report.say(&format!(
        "{mark} {}  {status} in {took}",
        style.bold(&order.name)
    ));
    report.say(&format!("    {}", order.expectation.says));
    report.say(&format!("    {}", path_line(timeline)));
    for line in retry_lines(timeline).iter().chain(&caught_lines(timeline)) {
        report.say(&format!("    {}", style.yellow(line)));
    }
    for difference in &differences {
        report.say(&format!("    {}", style.red(difference)));
    }
    report.say("");
    is_kept
}

/// The path, with the errors that were caught.
fn path_line(timeline: &Timeline) -> String {
    let word = |visit: &Visit| match caught_error(visit) {
        Some(error) => format!("{} ({error})", visit.name),
        None => visit.name.clone(),
    };
    timeline
        .visits
        .iter()
        .map(word)
        .collect::<Vec<_>>()
        .join(" > ")
}

/// Where each caught error led: the compensation, in words.
fn caught_lines(timeline: &Timeline) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, visit) in timeline.visits.iter().enumerate() {
        let Some(error) = caught_error(visit) else {
            continue;
        };
        let after = timeline.visits[index + 1..]
            .iter()
            .filter(|later| later.parent == visit.parent);
        let led_to: Vec<&str> = after.map(|later| later.name.as_str()).collect();
        lines.push(format!(
            "↩ {}: caught {error}, so {}",
            visit.name,
            led_to.join(", then ")
        ));
    }
    lines
}

fn caught_error(visit: &Visit) -> Option<&str> {
    let failure = visit
        .last_failure()
        .filter(|_| visit.outcome == Outcome::Caught)?;
    Some(if failure.error.is_empty() {
        "an error"
    } else {
        &failure.error
    })
}

/// One line for each retry, in words.
fn retry_lines(timeline: &Timeline) -> Vec<String> {
    let mut lines = Vec::new();
    for visit in &timeline.visits {
        for (number, pair) in visit.attempts.windows(2).enumerate() {
            let [failed, next] = pair else { continue };
            let error = failed
                .failure
                .as_ref()
                .map(|failure| failure.error.as_str())
                .unwrap_or_default();
            let delay = next.started_at_ms - failed.ended_at_ms.unwrap_or(next.started_at_ms);
            lines.push(format!(
                "↻ {}: attempt {} failed with {error}, attempt {} after {}",
                visit.name,
                number + 1,
                number + 2,
                terminal::duration(delay)
            ));
        }
    }
    lines
}

fn order_json(order: &Order, ended: &Ended, differences: &[String]) -> Value {
    let timeline = &ended.timeline;
    let mut retries = BTreeMap::new();
    for state in timeline.path() {
        let count = timeline.retries(state);
        if count > 0 {
            retries.insert(state, count);
        }
    }
    json!({
        "event": "order",
        "order": order.name,
        "executionArn": ended.description["executionArn"],
        "status": ended.status(),
        "durationMs": timeline.duration_ms(),
        "path": timeline.path(),
        "retries": retries,
        "differences": differences,
        "asExpected": differences.is_empty(),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::{
        fake::{Answer, Call, Fake},
        terminal::Style,
        timeline::tests::events,
    };

    const REPORT: Report = Report {
        is_json: true,
        style: Style::PLAIN,
    };

    #[test]
    fn the_path_shows_what_was_caught_and_retries_are_told_in_words() {
        let timeline = Timeline::of(&events(
            "1<0 @0 ExecutionStarted
             2<0 @1 TaskStateEntered Ship
             3<2 @2 LambdaFunctionScheduled
             4<3 @3 LambdaFunctionFailed Busy
             5<4 @1003 LambdaFunctionScheduled
             6<5 @1005 LambdaFunctionFailed NoCarrier
             7<6 @1005 TaskStateExited Ship
             8<7 @1006 PassStateEntered Refund",
        ));
        assert_eq!(path_line(&timeline), "Ship (NoCarrier) > Refund");
        assert_eq!(
            caught_lines(&timeline),
            ["↩ Ship: caught NoCarrier, so Refund"]
        );
        assert_eq!(
            retry_lines(&timeline),
            ["↻ Ship: attempt 1 failed with Busy, attempt 2 after 1.00 s"]
        );
    }

    fn order(name: &str, status: &str) -> Order {
        let expectation = serde_json::from_value(
            json!({ "status": status, "path": ["Only"], "says": "it ends" }),
        )
        .unwrap();
        Order {
            name: name.to_owned(),
            input: "{}".to_owned(),
            expectation,
        }
    }

    /// Each execution passes through one state; the one called `bad` fails.
    fn server() -> Fake {
        Fake::serve(|call: &Call| {
            let name = call.body["executionArn"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let is_bad = name.ends_with("bad");
            match call.operation.as_str() {
                "StartExecution" => Answer::ok(
                    json!({ "executionArn": format!("execution:{}", call.body["name"].as_str().unwrap()) }),
                ),
                "GetExecutionHistory" => Answer::ok(json!({ "events": [
                    { "id": 3, "previousEventId": 2, "timestamp": 2.0, "type": if is_bad { "ExecutionFailed" } else { "ExecutionSucceeded" } },
                    { "id": 2, "previousEventId": 0, "timestamp": 1.0, "type": "PassStateEntered", "stateEnteredEventDetails": { "name": "Only" } },
                    { "id": 1, "previousEventId": 0, "timestamp": 1.0, "type": "ExecutionStarted" },
                ] })),
                _ => Answer::ok(json!({ "status": if is_bad { "FAILED" } else { "SUCCEEDED" } })),
            }
        })
    }

    #[track_caller]
    fn check(orders: Vec<Order>, expected: Verdict) {
        let fake = server();
        let verdict = run(
            Client::new(&fake.endpoint).unwrap(),
            "machine",
            orders,
            &|| Ok(()),
            REPORT,
        )
        .unwrap();
        assert_eq!(verdict, expected);
    }

    #[test]
    fn the_verdict_is_whether_every_order_ended_as_it_says() {
        check(
            vec![order("good", "SUCCEEDED"), order("bad", "FAILED")],
            Verdict::Well,
        );
        check(
            vec![order("good", "SUCCEEDED"), order("bad", "SUCCEEDED")],
            Verdict::Badly,
        );
        check(Vec::new(), Verdict::Badly);
    }

    #[test]
    fn an_order_that_cannot_be_started_is_not_as_expected() {
        let fake = Fake::serve(|_: &Call| Answer::error("StateMachineDoesNotExist", "gone"));
        let verdict = run(
            Client::new(&fake.endpoint).unwrap(),
            "machine",
            vec![order("good", "SUCCEEDED")],
            &|| Ok(()),
            REPORT,
        )
        .unwrap();
        assert_eq!(verdict, Verdict::Badly);
    }
}
