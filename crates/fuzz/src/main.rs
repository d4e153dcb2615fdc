//! The fuzzer's program: `cargo xtask fuzz` runs it.
//!
//! Lives here: the command line, running targets side by side, the summary.
//! Never here: what is generated, read or watched; that is the library's.
//! Read first: [`command`].

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use stepwell_fuzz::supervise::{self, Outcome, Plan};
use stepwell_fuzz::{Target, worker};

#[global_allocator]
static ALLOCATOR: worker::Allocator = worker::Allocator::new(std::alloc::System, usize::MAX);

/// Targets that run at the same time.
const AT_ONCE: usize = 2;
/// Time for each target.
const SECONDS: u64 = 60;

const USAGE: &str = "\
Usage: cargo xtask fuzz [--seconds N] [--target NAME] [--seed N]
       cargo xtask fuzz replay TARGET FILE";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match command(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether all is well.
fn command(arguments: &[&str]) -> Result<bool> {
    match arguments {
        // The two that the supervisor starts.
        ["worker", target, seed, first, progress] => {
            worker::read_on(
                named(target)?,
                seed.parse()?,
                first.parse()?,
                progress.as_ref(),
                &ALLOCATOR,
            )?;
            Ok(true)
        }
        ["one", target, file] => {
            worker::read_one(named(target)?, std::fs::read(file)?, &ALLOCATOR)?;
            Ok(true)
        }
        ["replay", target, file] => {
            let end = supervise::replay(named(target)?, file.as_ref())?;
            println!(
                "{file}: {}",
                end.as_deref().unwrap_or("read within its bounds")
            );
            Ok(end.is_none())
        }
        options => run(options),
    }
}

fn named(target: &str) -> Result<&'static Target> {
    Target::named(target).with_context(|| {
        let names = Target::ALL.map(|target| target.name).join(", ");
        format!("there is no target '{target}'; there are {names}")
    })
}

fn run(options: &[&str]) -> Result<bool> {
    let (mut seconds, mut seed, mut targets) = (SECONDS, 0, Target::ALL.to_vec());
    for option in options.chunks(2) {
        match option {
            ["--seconds", number] => seconds = number.parse().context("--seconds")?,
            ["--seed", number] => seed = number.parse().context("--seed")?,
            ["--target", name] => targets = vec![named(name)?],
            _ => bail!("{} is not understood\n{USAGE}", option.join(" ")),
        }
    }
    let plans: Vec<Plan> = targets
        .into_iter()
        .map(|target| Plan {
            target,
            time: Duration::from_secs(seconds),
            seed,
            findings: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("findings"),
        })
        .collect();
    let outcomes = run_all(&plans)?;
    let found: usize = outcomes.iter().map(|outcome| outcome.findings.len()).sum();
    let inputs: u64 = outcomes.iter().map(|outcome| outcome.inputs).sum();
    for finding in outcomes.iter().flat_map(|outcome| &outcome.findings) {
        println!(
            "finding: {}\n         {}",
            finding.what,
            finding.file.display()
        );
    }
    println!(
        "fuzz: {} targets, seed {seed}, {inputs} inputs, {found} findings",
        outcomes.len()
    );
    Ok(found == 0)
}

/// Runs the plans, a few at the same time; each says a line when it is done.
fn run_all(plans: &[Plan]) -> Result<Vec<Outcome>> {
    let waiting = Mutex::new(plans.iter());
    let next = || waiting.lock().ok()?.next();
    std::thread::scope(|scope| {
        let runners: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(|| {
                    let mut outcomes = Vec::new();
                    while let Some(plan) = next() {
                        let outcome = supervise::run(plan)?;
                        println!(
                            "{:<10} {:>4.0} s {:>9} inputs {:>2} findings",
                            outcome.target,
                            outcome.time.as_secs_f64(),
                            outcome.inputs,
                            outcome.findings.len()
                        );
                        outcomes.push(outcome);
                    }
                    Ok(outcomes)
                })
            })
            .collect();
        let mut all = Vec::new();
        for runner in runners {
            let outcomes: Result<Vec<Outcome>> = runner.join().expect("a runner only reports");
            all.extend(outcomes?);
        }
        Ok(all)
    })
}
