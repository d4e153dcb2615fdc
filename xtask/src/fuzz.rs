//! `cargo xtask fuzz`: builds the fuzzer and lets it run.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::root;

/// Passes `options` on to the fuzzer (`crates/fuzz`).
///
/// - Errors: the fuzzer found something, or did not understand; it has said so itself.
pub fn run(options: &[&str]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["run", "--quiet", "--package", "stepwell-fuzz", "--"])
        .args(options)
        .current_dir(root())
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "the fuzzer ended with {status}");
    Ok(())
}
