//! `cargo xtask bench-service`: what the shard costs: time, instructions, and bytes written.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::root;

/// Rounds that are counted; the same number goes before them, so that start and warming up cancel out.
const ROUNDS: [(&str, u64); 8] = [
    ("standard", 200),
    ("standard-64", 4),
    ("express", 200),
    ("task", 20),
    ("map-express-10000", 1),
    ("map-standard-6000", 1),
    ("map-selector-10000", 1),
    ("history-page", 2),
];

/// Prints the table of times, then that of instructions and bytes.
///
/// - Instructions need `valgrind`; without it they are left out, and the output says so. Valgrind knows no
///   instructions for SHA-256, so hashing counts about ten times what it takes.
pub fn run() -> Result<()> {
    let status = cargo(&["--bench", "shard"])
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "the bench ended with {status}");
    let binary = built()?;
    let scenes = scenes(&binary)?;
    let has_valgrind = Command::new("valgrind").arg("--version").output().is_ok();
    if !has_valgrind {
        println!("\nno valgrind: instructions are not counted");
    }
    for (name, rounds) in ROUNDS {
        println!();
        let mut bytes = Command::new(&binary);
        let status = bytes.args(["bytes", name, "1"]).status()?;
        ensure!(status.success(), "{name} ended with {status}");
        if has_valgrind {
            let operations = scenes.iter().find(|(scene, _)| scene == name);
            let (_, operations) = operations.with_context(|| format!("no scene {name}"))?;
            let counted = instructions(&binary, name, rounds * 2)?
                .saturating_sub(instructions(&binary, name, rounds)?);
            println!(
                "{} instructions an operation",
                counted / (rounds * operations)
            );
        }
    }
    Ok(())
}

fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["bench", "--quiet", "--package", "stepwell-service"])
        .args(arguments)
        .current_dir(root());
    cargo
}

/// The program with the scenes, as cargo says where it is.
fn built() -> Result<PathBuf> {
    let output = cargo(&[
        "--bench",
        "instructions",
        "--no-run",
        "--message-format",
        "json",
    ])
    .output()
    .context("cannot run cargo")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8(output.stdout)?;
    let executable = lines.lines().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message["executable"].as_str()?))
    });
    executable.context("cargo names no program")
}

/// Scenes, and how many operations a round of each has.
fn scenes(binary: &PathBuf) -> Result<Vec<(String, u64)>> {
    let output = Command::new(binary).output()?;
    let text = String::from_utf8(output.stdout)?;
    let scene = |line: &str| {
        let mut words = line.split(' ');
        Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
    };
    Ok(text.lines().filter_map(scene).collect())
}

fn instructions(binary: &PathBuf, scene: &str, rounds: u64) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(binary)
        .args([scene, &rounds.to_string()])
        .output()
        .context("cannot run valgrind")?;
    let report = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{report}");
    let count = report.split("Collected : ").nth(1);
    let digits = count.and_then(|rest| rest.split_whitespace().next());
    let digits = digits.context("valgrind counts nothing")?;
    Ok(digits.parse()?)
}
