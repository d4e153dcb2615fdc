//! `cargo xtask crash`: the real binary is killed, frozen and starved of disk under load, and must lose nothing.

mod book;
mod campaign;
mod faults;
mod history;
mod load;
mod machines;
mod server;
mod verify;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use campaign::{Campaign, Report};
use load::Pace;
use verify::Rules;

use crate::test::{stepwell, target_folder};

/// What is asked for.
struct Options {
    kills: u64,
    seed: u64,
    minutes: u64,
    binary: Option<PathBuf>,
    log: Option<PathBuf>,
    /// One of [`faults::NAMES`], `all` or `none`.
    fault: String,
}

/// Runs everything and fails if anything acknowledged was lost, repeated or changed.
pub fn run(arguments: &[&str]) -> Result<()> {
    let options = Options::parse(arguments)?;
    let binary = stepwell(options.binary.as_deref())?;
    let binary = binary
        .canonicalize()
        .with_context(|| format!("find {}", binary.display()))?;
    if let Some(directory) = faults::inside() {
        return run_inside(&options, &binary, directory);
    }
    println!(
        "crash: seed {}, {} kills, {}",
        options.seed,
        options.kills,
        binary.display()
    );
    let mut log = match &options.log {
        Some(path) => {
            Some(File::create(path).with_context(|| format!("create {}", path.display()))?)
        }
        None => None,
    };
    let started = Instant::now();
    let until = started + Duration::from_secs(60 * options.minutes);
    let directory = target_folder().join(format!("crash-{}", std::process::id()));
    let mut report = Report::default();
    // Most of them as it is by default: no task runs twice unless its definition says so.
    let retried = options.kills / 4;
    for (name, kills, retries_lost) in [
        ("fail", options.kills - retried, false),
        ("retry", retried, true),
    ] {
        if kills == 0 {
            continue;
        }
        println!("lost tasks: {name}, {kills} kills");
        let rules = Rules {
            retries_lost,
            functions_may_fail: false,
        };
        let campaign = Campaign::new(&directory.join(name), &binary, options.seed, rules)?;
        let pace = Pace {
            pause_ms: START_PAUSE_MS,
            pad_bytes: 0,
        };
        report.add(campaign.run(pace, |campaign, report| {
            campaign.kill(kills, until, &mut log, report)
        })?);
    }
    for name in options.faults() {
        println!("fault: {name}");
        let place = faults::Place {
            directory: directory.join(name),
            binary: &binary,
            seed: options.seed,
        };
        report.add(faults::run(name, &place).with_context(|| format!("fault {name}"))?);
    }
    println!(
        "\ncrash: seed {}, {} s",
        options.seed,
        started.elapsed().as_secs()
    );
    report.show();
    let _ = std::fs::remove_dir(&directory);
    ensure!(
        report.violations.is_empty(),
        "{} violations; `cargo xtask crash --seed {}` draws the same kills again\n{}",
        report.violations.len(),
        options.seed,
        report.violations[..report.violations.len().min(VIOLATIONS_SHOWN)].join("\n")
    );
    println!("nothing acknowledged was lost");
    Ok(())
}

/// One fault, in the namespaces that were made for it.
fn run_inside(options: &Options, binary: &Path, directory: PathBuf) -> Result<()> {
    let place = faults::Place {
        directory,
        binary,
        seed: options.seed,
    };
    let report = faults::run(&options.fault, &place)?;
    println!("{}{}", faults::FIGURES, report.figures());
    ensure!(report.violations.is_empty(), "there are violations");
    Ok(())
}

impl Options {
    fn faults(&self) -> Vec<&str> {
        match self.fault.as_str() {
            "all" => faults::NAMES.to_vec(),
            "none" => Vec::new(),
            name => vec![name],
        }
    }
}

impl Options {
    fn parse(arguments: &[&str]) -> Result<Options> {
        let mut options = Options {
            kills: 20,
            seed: 1,
            minutes: 60,
            binary: None,
            log: None,
            fault: "all".to_owned(),
        };
        for pair in arguments.chunks(2) {
            let [name, value] = pair else {
                bail!("{} needs a value", pair[0]);
            };
            let number = || {
                value
                    .parse::<u64>()
                    .with_context(|| format!("{name} takes a number, not {value:?}"))
            };
            match *name {
                "--kills" => options.kills = number()?,
                "--seed" => options.seed = number()?,
                "--minutes" => options.minutes = number()?,
                "--binary" => options.binary = Some(Path::new(value).to_owned()),
                "--log" => options.log = Some(Path::new(value).to_owned()),
                "--fault" => (*value).clone_into(&mut options.fault),
                other => bail!("crash has no option {other:?}"),
            }
        }
        Ok(options)
    }
}

/// Four clients start about a hundred executions a second together.
const START_PAUSE_MS: u64 = 30;
const VIOLATIONS_SHOWN: usize = 20;
