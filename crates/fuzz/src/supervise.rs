//! The process that watches: it gives a worker time and memory, and keeps what the worker did not survive.

mod child;
mod minimise;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::Target;
use child::{Child, End};

/// Findings after which a target is given up: the first few are what has to be fixed.
const FINDINGS_MAX: usize = 5;

/// What one run is asked for.
#[derive(Debug, Clone)]
pub struct Plan {
    pub target: &'static Target,
    pub time: Duration,
    pub seed: u64,
    /// Where findings are written, a folder a target below it.
    pub findings: PathBuf,
}

/// What came of one run.
#[derive(Debug)]
pub struct Outcome {
    pub target: &'static str,
    pub inputs: u64,
    pub time: Duration,
    pub findings: Vec<Finding>,
}

/// An input that its worker did not survive.
#[derive(Debug)]
pub struct Finding {
    pub file: PathBuf,
    /// What happened, the place of the panic or the bound included.
    pub what: String,
}

/// Feeds one target until its time is over.
///
/// - Errors: the supervisor itself fails; a finding is no error.
pub fn run(plan: &Plan) -> Result<Outcome> {
    let start = Instant::now();
    let deadline = start + plan.time;
    let mut outcome = Outcome {
        target: plan.target.name,
        inputs: 0,
        time: Duration::ZERO,
        findings: Vec::new(),
    };
    let mut known = Vec::new();
    while Instant::now() < deadline && outcome.findings.len() < FINDINGS_MAX {
        let mut worker = Child::read_on(plan.target, plan.seed, outcome.inputs)?;
        let end = worker.watch(Some(deadline))?;
        outcome.inputs = worker.number()?;
        let End::Finding(what) = end else {
            break;
        };
        let number = outcome.inputs;
        outcome.inputs += 1;
        // The same panic again, in other words of its input, is the same finding.
        if !known.contains(&what) {
            let input = plan.target.input(plan.seed, number);
            outcome.findings.push(keep(plan, number, &input, &what)?);
            known.push(what);
        }
    }
    outcome.time = start.elapsed();
    Ok(outcome)
}

/// Reads one file with the target; what became of it, `None` if nothing did.
pub fn replay(target: &'static Target, file: &Path) -> Result<Option<String>> {
    let input = std::fs::read(file).with_context(|| file.display().to_string())?;
    match Child::read_one(target, &input)?.watch(None)? {
        End::Finding(what) => Ok(Some(what)),
        End::Fine => Ok(None),
    }
}

fn keep(plan: &Plan, number: u64, input: &[u8], what: &str) -> Result<Finding> {
    let smallest = minimise::minimise(input, |candidate| {
        let end = Child::read_one(plan.target, candidate)?.watch(None)?;
        Ok(matches!(end, End::Finding(found) if found == what))
    })?;
    let folder = plan.findings.join(plan.target.name);
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let file = folder.join(format!("{:x}-{number}", plan.seed));
    std::fs::write(&file, smallest).with_context(|| file.display().to_string())?;
    Ok(Finding {
        file,
        what: what.to_owned(),
    })
}
