//! One seed: a world from its beginning to its end, and what was found.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::options::Options;
use crate::subject::{Opener, shard};
use crate::trace::Trace;
use crate::world::{Row, World, Wrong};

/// How a seed is run.
#[derive(Clone, Copy)]
pub struct Plan<'p> {
    pub open: &'p Opener,
    pub trace: bool,
}

impl Plan<'static> {
    /// The shard as it ships, without a trace.
    pub fn shipped() -> Plan<'static> {
        Plan {
            open: &shard,
            trace: false,
        }
    }
}

/// A world in which nothing was wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub steps: u64,
    pub commits: u64,
    pub crashes: u64,
    /// Executions of which a history was checked.
    pub executions: u64,
    /// History events that were checked.
    pub events: u64,
    /// What is durable at the end.
    pub rows: Vec<Row>,
}

/// What a checker has to say about a world.
#[derive(Debug, Clone)]
pub struct Finding {
    pub seed: u64,
    pub options: Options,
    /// The step of the world at which the checker spoke.
    pub step: u64,
    /// Which checker.
    pub checker: &'static str,
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding {
            seed,
            options,
            step,
            checker,
            text,
        } = self;
        writeln!(f, "seed {seed}, step {step}: {checker}: {text}")?;
        writeln!(f, "  options: {options:?}")?;
        write!(f, "  repeat it with: cargo xtask sim --seed {seed} --trace")
    }
}

/// Runs the world of a seed.
///
/// - Deterministic: the same seed and plan give the same report or finding.
/// - Errors: what the first checker found that spoke. A panic in the shard is a finding.
pub fn run(seed: u64, plan: &Plan<'_>) -> Result<Report, Box<Finding>> {
    let options = Options::draw(seed);
    run_with(seed, options, plan)
}

/// Runs a seed twice and compares what is durable at the end, byte for byte.
pub fn run_twice(seed: u64, plan: &Plan<'_>) -> Result<Report, Box<Finding>> {
    let (first, second) = (run(seed, plan)?, run(seed, plan)?);
    if first == second {
        return Ok(first);
    }
    let differs = first
        .rows
        .iter()
        .zip(&second.rows)
        .find(|(one, other)| one != other);
    let text = format!(
        "two runs of one seed differ: {} and {} rows, {} and {} steps; first row that differs: {differs:?}",
        first.rows.len(),
        second.rows.len(),
        first.steps,
        second.steps
    );
    Err(Box::new(Finding {
        seed,
        options: Options::draw(seed),
        step: first.steps,
        checker: "determinism",
        text,
    }))
}

fn run_with(seed: u64, options: Options, plan: &Plan<'_>) -> Result<Report, Box<Finding>> {
    let trace = if plan.trace {
        Trace::Printed
    } else {
        Trace::Off
    };
    if plan.trace {
        println!("seed {seed}: {options:#?}");
    }
    let mut world = World::new(seed, options.clone(), plan.open, trace);
    let found = |step, wrong: Wrong| {
        Box::new(Finding {
            seed,
            options: options.clone(),
            step,
            checker: wrong.checker,
            text: wrong.text,
        })
    };
    match catch_unwind(AssertUnwindSafe(|| world.run())) {
        Ok(Ok(report)) => Ok(report),
        Ok(Err(wrong)) => Err(found(world.step, wrong)),
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
                .unwrap_or_default();
            Err(found(
                world.step,
                Wrong {
                    checker: "panic",
                    text,
                },
            ))
        }
    }
}
