//! `cargo xtask sim`: seeds on as many threads as there are processors, or one seed with its trace.
//!
//! Lives here: the command line, the threads, and the time that a run takes.
//! Never here: anything that decides what happens in a world.
//! Read first: [`run_many`].

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use stepwell_sim::{Finding, Plan, Report, run, run_twice};

const USAGE: &str = "usage: sim [--seeds N] [--from SEED] [--minutes M] | --seed SEED [--trace]";

/// Seeds of a run that says nothing else.
const SEEDS: u64 = 2_000;

/// Every how many seeds one is run twice.
const TWICE_EVERY: u64 = 10;

/// Findings after which a run ends.
const FINDINGS_MAX: usize = 10;

struct Arguments {
    seeds: u64,
    from: u64,
    minutes: Option<u64>,
    seed: Option<u64>,
    trace: bool,
}

fn main() -> ExitCode {
    match read_arguments().and_then(|arguments| work(&arguments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn read_arguments() -> Result<Arguments> {
    let mut arguments = Arguments {
        seeds: SEEDS,
        from: 0,
        minutes: None,
        seed: None,
        trace: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || -> Result<u64> {
            let text = words
                .next()
                .with_context(|| format!("{word} needs a number; {USAGE}"))?;
            text.parse()
                .with_context(|| format!("{word} {text}: not a number"))
        };
        match word.as_str() {
            "--seeds" => arguments.seeds = number()?,
            "--from" => arguments.from = number()?,
            "--minutes" => arguments.minutes = Some(number()?),
            "--seed" => arguments.seed = Some(number()?),
            "--trace" => arguments.trace = true,
            _ => bail!("{word} is not understood; {USAGE}"),
        }
    }
    Ok(arguments)
}

/// Whether nothing was found.
fn work(arguments: &Arguments) -> Result<bool> {
    if let Some(seed) = arguments.seed {
        let plan = Plan {
            trace: arguments.trace,
            ..Plan::shipped()
        };
        return Ok(match run(seed, &plan) {
            Ok(report) => {
                let Report {
                    steps,
                    commits,
                    crashes,
                    executions,
                    events,
                    rows,
                } = report;
                println!(
                    "seed {seed}: {steps} steps, {commits} commits, {crashes} crashes, {executions} executions, {events} events, {} rows: nothing is wrong",
                    rows.len()
                );
                true
            }
            Err(finding) => {
                println!("{finding}");
                false
            }
        });
    }
    let seeds = if arguments.minutes.is_some() {
        u64::MAX - arguments.from
    } else {
        arguments.seeds
    };
    let found = run_many(arguments.from, seeds, arguments.minutes);
    Ok(found)
}

#[derive(Default)]
struct Sums {
    seeds: u64,
    steps: u64,
    commits: u64,
    crashes: u64,
    executions: u64,
    events: u64,
    findings: Vec<Finding>,
}

fn run_many(from: u64, seeds: u64, minutes: Option<u64>) -> bool {
    // A panic in a world is a finding and is told as one.
    std::panic::set_hook(Box::new(|_| ()));
    let started = Instant::now();
    let until = minutes.map(|minutes| started + Duration::from_secs(minutes * 60));
    let next = AtomicU64::new(from);
    let is_enough = AtomicBool::new(false);
    let sums = Mutex::new(Sums::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !is_enough.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed - from >= seeds || until.is_some_and(|until| Instant::now() >= until) {
                        return;
                    }
                    let plan = Plan::shipped();
                    let result = if seed.is_multiple_of(TWICE_EVERY) {
                        run_twice(seed, &plan)
                    } else {
                        run(seed, &plan)
                    };
                    let mut sums = sums.lock().expect("no thread panics with the lock");
                    add(&mut sums, result);
                    if sums.findings.len() >= FINDINGS_MAX {
                        is_enough.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let sums = sums.into_inner().expect("no thread panics with the lock");
    let Sums {
        seeds,
        steps,
        commits,
        crashes,
        executions,
        events,
        findings,
    } = sums;
    println!(
        "{seeds} seeds from {from} on in {:.1} s on {threads} threads: {steps} steps, {commits} commits, {crashes} crashes, {executions} executions and {events} events checked, {} findings",
        started.elapsed().as_secs_f64(),
        findings.len()
    );
    findings.is_empty()
}

fn add(sums: &mut Sums, result: Result<Report, Box<Finding>>) {
    sums.seeds += 1;
    match result {
        Ok(report) => {
            sums.steps += report.steps;
            sums.commits += report.commits;
            sums.crashes += report.crashes;
            sums.executions += report.executions;
            sums.events += report.events;
        }
        Err(finding) => {
            println!("{finding}\n");
            sums.findings.push(*finding);
        }
    }
}
