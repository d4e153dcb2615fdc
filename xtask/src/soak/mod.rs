//! `cargo xtask soak`: many invocations with random faults on a real server, then a look at what is left.

pub mod client;
mod faults;
mod server;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use client::Client;
use faults::Faults;
use server::Server;

/// What is asked for.
struct Options {
    invocations: u64,
    functions: u64,
    clients: u64,
    seconds: u64,
    seed: u64,
    binary: Option<PathBuf>,
}

/// Runs a server through a warm-up and the soak, and fails if anything is left or was answered wrongly.
pub fn run(arguments: &[&str]) -> Result<()> {
    let options = Options::parse(arguments)?;
    let server = Server::start(options.binary.as_deref())?;
    println!(
        "soak: {} invocations over {} functions, {} clients, seed {}, {}",
        options.invocations,
        options.functions,
        options.clients,
        options.seed,
        server.binary().display()
    );
    // The warm-up is a small soak: what only grows once has grown then.
    let warm_up = (options.invocations / 20).clamp(WARM_UP_MIN, WARM_UP_MAX);
    let first = soak(&server, &options, warm_up, options.seed)?;
    let before = server.settle()?;
    let second = soak(&server, &options, options.invocations, options.seed + 1)?;
    let after = server.settle()?;
    println!("{:<28}{:>12}{:>12}", "", "warm-up", "soak");
    row("invocations", first.invocations, second.invocations);
    row("faults among them", first.faults, second.faults);
    row("seconds", first.seconds, second.seconds);
    row(
        "answered wrongly",
        first.wrong.len() as u64,
        second.wrong.len() as u64,
    );
    for (name, before, after) in before.beside(&after) {
        row(name, before, after);
    }
    let mut problems: Vec<String> = first.wrong.into_iter().chain(second.wrong).collect();
    problems.extend(after.beyond(&before));
    server.stop(&mut problems)?;
    ensure!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems[..problems.len().min(PROBLEMS_SHOWN)].join("\n")
    );
    println!("nothing is left behind");
    Ok(())
}

fn row(name: &str, before: u64, after: u64) {
    println!("{name:<28}{before:>12}{after:>12}");
}

/// One run: makes the functions, invokes them, deletes them.
struct Run {
    invocations: u64,
    faults: u64,
    seconds: u64,
    wrong: Vec<String>,
}

fn soak(server: &Server, options: &Options, invocations: u64, seed: u64) -> Result<Run> {
    let faults = Faults::new(options.functions, server.marker());
    let mut client = Client::connect(server.address())?;
    for function in faults.functions() {
        client.create(function)?;
    }
    let started = Instant::now();
    let until = started + Duration::from_secs(options.seconds);
    let (next, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| -> Result<()> {
        let work = || -> Result<()> {
            let mut client = Client::connect(server.address())?;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= invocations || Instant::now() >= until {
                    return Ok(());
                }
                let case = faults.case(seed, number);
                failed.fetch_add(u64::from(case.is_fault()), Ordering::Relaxed);
                let reply = client.invoke(&case.function, &case.payload)?;
                if let Some(problem) = case.judge(&reply) {
                    let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
                    wrong.push(problem);
                    ensure!(
                        wrong.len() < PROBLEMS_MAX,
                        "too many wrong answers: {wrong:#?}"
                    );
                }
            }
        };
        let clients: Vec<_> = (0..options.clients).map(|_| scope.spawn(work)).collect();
        for client in clients {
            client
                .join()
                .map_err(|_| anyhow::anyhow!("a client panicked"))??;
        }
        Ok(())
    })?;
    // The first connection has been idle for too long by now.
    let mut client = Client::connect(server.address())?;
    for function in faults.functions() {
        client.delete(&function.name)?;
    }
    Ok(Run {
        invocations: next.load(Ordering::Relaxed).min(invocations),
        faults: failed.load(Ordering::Relaxed),
        seconds: started.elapsed().as_secs(),
        wrong: wrong.into_inner().unwrap_or_else(PoisonError::into_inner),
    })
}

impl Options {
    fn parse(arguments: &[&str]) -> Result<Options> {
        let mut options = Options {
            invocations: 50_000,
            functions: 20,
            clients: 8,
            seconds: 3600,
            seed: 1,
            binary: None,
        };
        for pair in arguments.chunks(2) {
            let [name, value] = pair else {
                bail!("{} needs a value", pair[0]);
            };
            let number = || {
                value
                    .parse::<u64>()
                    .ok()
                    .filter(|number| *number > 0)
                    .with_context(|| format!("{name} takes a number over 0, not {value:?}"))
            };
            match *name {
                "--invocations" => options.invocations = number()?,
                "--functions" => options.functions = number()?,
                "--clients" => options.clients = number()?,
                "--seconds" => options.seconds = number()?,
                "--seed" => options.seed = number()?,
                "--binary" => options.binary = Some(PathBuf::from(value)),
                other => bail!("soak has no option {other:?}"),
            }
        }
        ensure!(
            options.functions >= faults::FUNCTIONS_MIN,
            "--functions is at least {}",
            faults::FUNCTIONS_MIN
        );
        Ok(options)
    }
}

const WARM_UP_MIN: u64 = 200;
const WARM_UP_MAX: u64 = 2_000;
const PROBLEMS_MAX: usize = 100;
const PROBLEMS_SHOWN: usize = 20;
