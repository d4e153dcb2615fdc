//! `cargo xtask tidy`: the house rules that a program can check.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::{read, root};

mod graph;
mod limits;
mod rules;
mod source;

/// A rule broken somewhere.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Path from the root of the workspace.
    pub file: String,
    /// 1-based.
    pub line: usize,
    /// Name of the rule.
    pub rule: &'static str,
    /// What is wrong and why that is a rule.
    pub reason: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}: {}",
            self.file, self.line, self.rule, self.reason
        )
    }
}

/// Prints every finding; warnings do not fail.
pub fn run() -> Result<()> {
    let mut findings = graph::findings()?;
    findings.extend(limits::findings()?);
    let mut warnings = Vec::new();
    let mut files = 0;
    let mut tests = BTreeSet::new();
    let crates = files_below(&root().join("crates"))?;
    for file in &crates {
        tests.extend(test_files(file, &source::code(&read(file)?)));
    }
    for file in &crates {
        files += 1;
        let is_test = file
            .ancestors()
            .any(|path| tests.contains(&path.with_extension("rs")));
        check_file(file, is_test, &mut findings, &mut warnings)?;
    }
    for file in files_below(&root().join("xtask/src"))? {
        files += 1;
        let text = read(&file)?;
        findings.extend(rules::unfinished(&relative(&file), &source::code(&text)));
    }
    findings.sort();
    warnings.sort();
    for warning in &warnings {
        println!("warning: {warning}");
    }
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} house rules are broken", findings.len());
    }
    println!("tidy: the crate graph and {files} files hold the house rules");
    Ok(())
}

/// Files that the tests of `file` declare as modules.
fn test_files(file: &Path, code: &str) -> Vec<PathBuf> {
    let is_root = file
        .file_name()
        .is_some_and(|n| n == "lib.rs" || n == "main.rs" || n == "mod.rs");
    let folder = if is_root {
        file.with_file_name("")
    } else {
        file.with_extension("")
    };
    let modules = source::test_modules(code).into_iter();
    modules
        .map(|module| folder.join(module).with_extension("rs"))
        .collect()
}

fn check_file(
    path: &Path,
    is_test: bool,
    findings: &mut Vec<Finding>,
    warnings: &mut Vec<Finding>,
) -> Result<()> {
    let file = relative(path);
    let text = read(path)?;
    let code = source::code(&text);
    findings.extend(rules::unfinished(&file, &code));
    let Some((krate, inside)) = file
        .strip_prefix("crates/")
        .and_then(|f| f.split_once("/src/"))
    else {
        return Ok(());
    };
    if inside.starts_with("generated/") {
        return Ok(());
    }
    if matches!(inside, "lib.rs" | "main.rs") {
        findings.extend(rules::head(&file, &text));
    }
    findings.extend(rules::names(&file, inside));
    match rules::length(&file, &text) {
        Some(rules::Length::TooLong(finding)) => findings.push(finding),
        Some(rules::Length::Long(warning)) => warnings.push(warning),
        None => {}
    }
    if !is_test {
        findings.extend(rules::banned(krate, &file, &source::without_tests(&code)));
    }
    Ok(())
}

fn relative(path: &Path) -> String {
    let path = path.strip_prefix(root()).unwrap_or(path);
    path.to_string_lossy().replace('\\', "/")
}

/// Rust files below a folder, but not those of other tools' folders.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            let skipped = path
                .file_name()
                .is_some_and(|n| n == "node_modules" || n == "target");
            if path.is_dir() && !skipped {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
