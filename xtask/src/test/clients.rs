//! Real clients against the binary: boto3, the AWS CLI, the AWS SDK for JavaScript; then the
//! example's own tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use super::runner::{ONCE_MORE_MAX, run, run_and_summarise};
use super::{Patience, debian, plain, target_folder};
use crate::{read, root};

/// Tools that the client tests need, and how to get each.
const TOOLS: [(&str, &str); 3] = [
    (
        "python3",
        "install Python 3.10 or newer with its venv module (Debian: apt-get install python3-venv)",
    ),
    (
        "node",
        "install Node.js 20 or newer (Debian: apt-get install nodejs)",
    ),
    (
        "npm",
        "install npm, it comes with Node.js (Debian: apt-get install npm)",
    ),
];

/// Names every missing tool at once.
pub fn require_tools() -> Result<()> {
    let missing: Vec<String> = TOOLS
        .iter()
        .filter(|(tool, _)| {
            !Command::new(tool)
                .arg("--version")
                .output()
                .is_ok_and(|output| output.status.success())
        })
        .map(|(tool, advice)| format!("{tool} is missing: {advice}"))
        .collect();
    if !missing.is_empty() {
        bail!(
            "{}; or run `cargo xtask test --rust-only`",
            missing.join("; ")
        );
    }
    Ok(())
}

/// The code of pytest if it has run all tests, and some failed.
const SOME_FAILED: i32 = 1;

/// `tests/clients` with pytest, in a virtual environment below the target folder.
pub fn python(stepwell: &Path, patience: Patience) -> Result<Vec<String>> {
    let python = environment("venv", "tests/clients/requirements.txt")?;
    // The SAM CLI pins another boto3 than the tests do.
    let sam = environment("venv-sam", "tests/clients/requirements-sam.txt")?;
    // The last boto3 line that speaks the query protocol to CloudWatch.
    let old = environment("venv-old", "tests/clients/requirements-old.txt")?;
    // The example is deployed with what its lock file names now.
    for folder in ["tests/clients/handlers", "examples/order-processing"] {
        npm_ci(&root().join(folder))?;
    }
    let prometheus = prometheus()?;
    let cache = target_folder().join("pytest");
    let pytest = |more: &[&str]| {
        let mut pytest = Command::new(&python);
        pytest
            .args(["-m", "pytest", "-q", "-o"])
            .arg(format!("cache_dir={}", cache.display()))
            .args(more)
            .arg("tests/clients")
            .current_dir(root())
            .env("STEPWELL_BIN", stepwell)
            .env("STEPWELL_SAM_PYTHON", &sam)
            .env("STEPWELL_OLD_PYTHON", &old)
            .env("STEPWELL_PROMETHEUS", &prometheus)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        pytest
    };
    // Of this run alone.
    let failed = cache.join("v/cache/lastfailed");
    remove(&failed)?;
    let (status, summary) = run(pytest(&[]))?;
    if status.success() {
        return Ok(summary);
    }
    let failed = failed_tests(&std::fs::read(&failed).unwrap_or_default());
    let may_run_again = patience == Patience::OnceMore
        && status.code() == Some(SOME_FAILED)
        && (1..=ONCE_MORE_MAX).contains(&failed.len())
        // Otherwise a file that could not be read.
        && failed.iter().all(|test| test.contains("::"));
    ensure!(may_run_again, "{}: {status}", python.display());
    println!("once more: {}", failed.join(", "));
    let mut summary = run_and_summarise(pytest(&[
        "--last-failed",
        "--last-failed-no-failures",
        "none",
    ]))?;
    let others = format!(
        "all others passed; only at the second time: {}",
        failed.join(", ")
    );
    summary.push(others);
    Ok(summary)
}

/// The names in the file that pytest keeps of tests that failed: an object with a member for each.
fn failed_tests(file: &[u8]) -> Vec<String> {
    let tests: BTreeMap<String, bool> = serde_json::from_slice(file).unwrap_or_default();
    tests.into_keys().collect()
}

fn remove(file: &Path) -> Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", file.display()))
        }
        _ => Ok(()),
    }
}

/// The folder with `prometheus` and `promtool`: of this machine, else of Debian's package, unpacked below the target folder.
pub fn prometheus() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has_both = |folder: &PathBuf| {
        ["prometheus", "promtool"]
            .iter()
            .all(|name| folder.join(name).is_file())
    };
    let kept = target_folder().join("debian/prometheus");
    let programs = kept.join("usr/bin");
    let mut known = std::env::split_paths(&path).chain([programs.clone()]);
    if let Some(folder) = known.find(has_both) {
        return Ok(folder);
    }
    const ADVICE: &str = "prometheus and promtool are missing, and Debian's package cannot be unpacked; install them \
        (Debian: apt-get install prometheus)";
    debian::unpack("prometheus", &kept).context(ADVICE)?;
    ensure!(has_both(&programs), "{ADVICE}");
    Ok(programs)
}

/// The Python of a virtual environment below the target folder that has exactly the pinned packages.
fn environment(name: &str, requirements: &str) -> Result<PathBuf> {
    let folder = target_folder().join(name);
    let python = folder.join("bin/python");
    let requirements_file = root().join(requirements);
    let wanted = read(&requirements_file)?;
    let installed = folder.join("installed.txt");
    if std::fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let mut create = Command::new("python3");
    create.args(["-m", "venv", "--clear"]).arg(&folder);
    plain(create).context("python3 cannot make a virtual environment; it needs its venv module")?;
    let mut install = Command::new(&python);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
    ]);
    install.arg(&requirements_file);
    plain(install).with_context(|| format!("pip cannot install {requirements}"))?;
    std::fs::write(&installed, wanted)
        .with_context(|| format!("cannot write {}", installed.display()))?;
    Ok(python)
}

/// `tests/clients/node` with Node's test runner.
pub fn node(stepwell: &Path) -> Result<Vec<String>> {
    let folder = root().join("tests/clients/node");
    npm_ci(&folder)?;
    let mut node = Command::new("node");
    node.arg("--test")
        .current_dir(&folder)
        .env("STEPWELL_BIN", stepwell);
    run_and_summarise(node)
}

/// The tests of `examples/order-processing`.
pub fn example() -> Result<Vec<String>> {
    let folder = root().join("examples/order-processing");
    npm_ci(&folder)?;
    let mut npm = Command::new("npm");
    npm.arg("test").current_dir(&folder);
    run_and_summarise(npm)
}

pub fn npm_ci(folder: &Path) -> Result<()> {
    let lock = folder.join("package-lock.json");
    ensure!(lock.is_file(), "{} is missing", lock.display());
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--loglevel", "error"])
        .current_dir(folder);
    plain(npm)
        .map(drop)
        .with_context(|| format!("npm ci in {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::failed_tests;

    #[test]
    fn what_failed_is_in_the_file_of_pytest() {
        let file = br#"{"tests/clients/test_a.py::test_b[c]": true, "tests/clients/test_a.py::test_a": true}"#;
        let names = [
            "tests/clients/test_a.py::test_a",
            "tests/clients/test_a.py::test_b[c]",
        ];
        assert_eq!(failed_tests(file), names);
        assert_eq!(failed_tests(b""), [""; 0]);
    }
}
