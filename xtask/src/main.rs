//! Developer commands of the workspace: `cargo xtask COMMAND`.
//!
//! Lives here: the test run, code generation, the checks of the house rules, the conformance gate.
//!
//! Never here: anything that ships.
//!
//! Read first: [`main`].

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

mod bench;
mod bench_service;
mod codegen;
mod conformance;
mod crash;
mod fuzz;
mod random;
mod sim;
mod soak;
mod test;
mod tidy;

const USAGE: &str = "\
Developer commands of Stepwell.

Usage: cargo xtask COMMAND

Commands:
  test [--rust-only] [--once-more]
                                everything a change must pass; --rust-only leaves out real clients; --once-more runs a
                                failed test of real clients, of the browser or of functions' processes again (at
                                most three of each) and names it in the summary
  screenshots                   pictures of every page of the console, in both themes, at three widths
  tidy                          the house rules: crate graph, crate heads, banned calls, file sizes
  codegen [--check|--refresh]   shapes and names that come from the models; --check only compares,
                                --refresh first takes new models from the botocore package
  conformance --report FILE     compares a conformance report with tests/conformance-baseline.json
  bench-language                the language's speed, beside the reference implementation of JSONata in Node.js
  bench-service                 the shard's speed, instructions (with valgrind) and bytes written, by scene
  fuzz [--seconds N] [--target NAME] [--seed N]
                                bad input for N seconds (60) a target; findings are kept in crates/fuzz/findings
  fuzz replay TARGET FILE       reads one input again
  soak [--invocations N] [--functions N] [--clients N] [--seconds N] [--seed N] [--binary FILE]
                                50,000 invocations with random faults on a real server; fails if a process, a descriptor,
                                a directory or memory is left behind
  sim [--seeds N] [--from SEED] [--minutes M]
                                worlds of shards with crashes, late answers and clocks that jump, one a seed (2,000 of them)
  sim --seed SEED [--trace]     one world again, with what happens in it
  crash [--kills N] [--fault all|none|NAME] [--seed N] [--minutes M] [--binary FILE] [--log FILE]
                                kills a real server N times (20) under load, takes its disk away, and looks for anything
                                acknowledged that is lost, repeated or changed; --log keeps one line a kill
";

/// Exit code of a command line that is not understood.
const EXIT_USAGE: u8 = 2;

fn test(options: &[&str]) -> Result<()> {
    let (mut scope, mut patience) = (test::Scope::Everything, test::Patience::None);
    for option in options {
        match *option {
            "--rust-only" => scope = test::Scope::RustOnly,
            "--once-more" => patience = test::Patience::OnceMore,
            option => bail!("test has no option {option:?}"),
        }
    }
    test::run(scope, patience)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["test", options @ ..] => test(options),
        ["screenshots"] => test::console::screenshots(),
        ["tidy"] => tidy::run(),
        ["codegen"] => codegen::write(),
        ["codegen", "--check"] => codegen::check(),
        ["codegen", "--refresh"] => codegen::refresh(),
        ["conformance", "--report", report] => conformance::run(Path::new(report)),
        ["bench-language"] => bench::run(),
        ["bench-service"] => bench_service::run(),
        ["fuzz", options @ ..] => fuzz::run(options),
        ["soak", options @ ..] => soak::run(options),
        ["sim", options @ ..] => sim::run(options),
        ["crash", options @ ..] => crash::run(options),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the workspace.
fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask
        .parent()
        .expect("xtask lives in the workspace")
        .to_owned()
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
