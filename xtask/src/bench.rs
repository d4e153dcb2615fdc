//! `cargo xtask bench-language`: how fast the language is evaluated, and how fast its reference implementation is.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::root;
use crate::test::target_folder;

/// Where the reference implementation is described, from the root.
const REFERENCE: &str = "crates/asl/benches/reference";

/// Runs both benchmarks of `asl`; they print their tables.
///
/// - Errors: a tool is missing, or the median case is not as many times as fast as it has to be.
pub fn run() -> Result<()> {
    let modules = target_folder().join("jsonata-reference");
    install(&modules)?;
    cargo_bench("language", &[])?;
    cargo_bench("reference", &[&modules.to_string_lossy()])
}

/// The pinned package of the reference implementation, in a folder below the target folder.
fn install(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for file in ["package.json", "package-lock.json"] {
        let from = root().join(REFERENCE).join(file);
        std::fs::copy(&from, folder.join(file)).with_context(|| from.display().to_string())?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--loglevel", "error"])
        .current_dir(folder);
    run_to_end(npm)
}

fn cargo_bench(name: &str, arguments: &[&str]) -> Result<()> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args([
            "bench",
            "--quiet",
            "--package",
            "stepwell-asl",
            "--bench",
            name,
            "--",
        ])
        .args(arguments)
        .current_dir(root());
    run_to_end(cargo)
}

fn run_to_end(mut command: Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(status.success(), "{program} ended with {status}");
    Ok(())
}
