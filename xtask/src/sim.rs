//! `cargo xtask sim`: builds the simulator and lets it run.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::root;

/// Passes `options` on to the simulator (`crates/sim`), built for speed, with assertions on (`[profile.sim]`).
///
/// - Errors: a world in which something was wrong, or a command line that is not understood; it has said so itself.
pub fn run(options: &[&str]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args([
            "run",
            "--quiet",
            "--profile",
            "sim",
            "--package",
            "stepwell-sim",
            "--",
        ])
        .args(options)
        .current_dir(root())
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "the simulator ended with {status}");
    Ok(())
}
