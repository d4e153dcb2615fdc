//! `cargo xtask test`: everything a change must pass.
//!
//! Every step runs, also after one that failed; the runners' own summaries come last.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use crate::{codegen, crash, root, tidy};

mod clients;
pub mod console;
mod debian;
mod runner;

use runner::run_and_summarise;

/// How much is tested.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Rust, then real clients against the binary, then the example.
    Everything,
    /// Only what needs no other tool than Rust's.
    RustOnly,
}

/// What becomes of a test that fails.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// The step fails.
    None,
    /// It runs once more and is named in the summary, if it is one of few that wait for processes and a real clock on a
    /// machine that others use: real clients, browsers, environments of functions.
    OnceMore,
}

/// Runs the steps in order of cost.
///
/// - Errors: a tool is missing (named, with how to get it), or the names of the failed steps.
pub fn run(scope: Scope, patience: Patience) -> Result<()> {
    if scope == Scope::Everything {
        clients::require_tools()?;
        // Before minutes of tests, not after them.
        clients::prometheus()?;
        console::browser()?;
    }
    let mut steps = Steps::default();
    steps.run("format", || {
        plain(cargo(&["fmt", "--all", "--", "--check"]))
    });
    steps.run("tidy", || tidy::run().map(|()| Vec::new()));
    steps.run("codegen --check", || codegen::check().map(|()| Vec::new()));
    steps.run("clippy", || {
        plain(cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]))
    });
    steps.run("rust tests", || rust_tests(patience));
    steps.run("doc tests", || {
        run_and_summarise(cargo(&["test", "--doc", "--workspace"]))
    });
    if scope == Scope::Everything {
        steps.run("console", console::build);
        steps.run("build stepwell", || {
            plain(cargo(&["build", "--package", "stepwell"]))
        });
        let stepwell = target_folder().join("debug/stepwell");
        steps.run("python clients", || clients::python(&stepwell, patience));
        steps.run("node clients", || clients::node(&stepwell));
        steps.run("example", clients::example);
        steps.run("console journeys", || {
            console::journeys(&stepwell, patience)
        });
        steps.run("crash", || {
            crash::run(&["--kills", "20", "--binary", &stepwell.to_string_lossy()])
                .map(|()| Vec::new())
        });
    }
    steps.finish()
}

fn rust_tests(patience: Patience) -> Result<Vec<String>> {
    let nextest = Command::new("cargo-nextest")
        .args(["nextest", "--version"])
        .output();
    if nextest.is_ok_and(|output| output.status.success()) {
        let mut nextest = cargo(&["nextest", "run", "--workspace"]);
        if patience == Patience::OnceMore {
            nextest.args(["--profile", "once-more"]);
        }
        run_and_summarise(nextest)
    } else {
        run_and_summarise(cargo(&[
            "test",
            "--workspace",
            "--lib",
            "--bins",
            "--tests",
        ]))
    }
}

/// What was run so far.
#[derive(Default)]
struct Steps {
    failed: Vec<&'static str>,
    summaries: Vec<(&'static str, Vec<String>)>,
}

impl Steps {
    fn run(&mut self, heading: &'static str, step: impl FnOnce() -> Result<Vec<String>>) {
        println!("\n== {heading}");
        let start = Instant::now();
        let result = step();
        let seconds = start.elapsed().as_secs_f64();
        match result {
            Ok(summary) => {
                println!("== {heading}: {seconds:.1} s");
                self.summaries.push((heading, summary));
            }
            Err(error) => {
                println!("== {heading}: failed after {seconds:.1} s: {error:#}");
                self.failed.push(heading);
            }
        }
    }

    fn finish(self) -> Result<()> {
        println!();
        for (heading, summary) in self.summaries {
            for line in summary {
                println!("{heading}: {line}");
            }
        }
        if !self.failed.is_empty() {
            bail!("failed steps: {}", self.failed.join(", "));
        }
        Ok(())
    }
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Runs a command whose output needs no summary.
fn plain(mut command: Command) -> Result<Vec<String>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(status.success(), "{status}");
    Ok(Vec::new())
}

/// The server to test: the given one, else the release build, else the debug build.
pub fn stepwell(binary: Option<&Path>) -> Result<PathBuf> {
    let built = ["release", "debug"].map(|profile| target_folder().join(profile).join("stepwell"));
    match binary {
        Some(binary) => Ok(binary.to_owned()),
        None => built.into_iter().find(|binary| binary.is_file()).context(
            "no stepwell binary: `cargo build --release -p stepwell`, or give --binary FILE",
        ),
    }
}

/// Where cargo puts what it builds.
pub fn target_folder() -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root().join(Path::new(&folder))
}
