//! Runs a test runner, shows what it says, and keeps its summary.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Runs the command with its output passed on line by line.
///
/// - Returns the lines in which the runner sums up.
/// - Errors: it cannot be run, or ends with another code than 0.
pub fn run_and_summarise(mut command: Command) -> Result<Vec<String>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let stderr = child.stderr.take().expect("stderr is piped");
    let stdout = child.stdout.take().expect("stdout is piped");
    // Reading both at once: either pipe may fill up first.
    let errors = std::thread::spawn(move || pass_on(stderr, |line| eprintln!("{line}")));
    let mut summary = pass_on(stdout, |line| println!("{line}"));
    summary.extend(errors.join().expect("reading lines does not panic"));
    let status = child
        .wait()
        .with_context(|| format!("{program} did not end"))?;
    ensure!(status.success(), "{program}: {status}");
    Ok(summary)
}

fn pass_on(from: impl Read, to: impl Fn(&str)) -> Vec<String> {
    let mut summary = Vec::new();
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        to(&line);
        if is_summary(&line) {
            summary.push(line.trim().to_owned());
        }
    }
    summary
}

/// nextest, cargo test, pytest, vitest, and Node's test runner in both of its formats.
fn is_summary(line: &str) -> bool {
    let line = line.trim();
    let pytest = line.trim_matches(['=', ' ']);
    let vitest = line.strip_prefix("Tests").map(str::trim_start);
    let node = line
        .strip_prefix(['\u{2139}', '#'])
        .map(str::trim_start)
        .unwrap_or_default();
    // A binary without tests says nothing.
    (line.starts_with("test result:") && !line.contains(" 0 passed; 0 failed;"))
        || line.starts_with("Summary [")
        || (pytest.starts_with(|c: char| c.is_ascii_digit())
            && pytest.contains(" passed")
            && pytest.contains(" in "))
        || vitest.is_some_and(|counts| {
            counts.starts_with(|c: char| c.is_ascii_digit()) && counts.ends_with(')')
        })
        || ["tests ", "pass ", "fail "]
            .iter()
            .any(|word| node.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::is_summary;

    #[test]
    fn summaries_of_the_runners_are_known() {
        for line in [
            "     Summary [   0.507s] 42 tests run: 42 passed, 0 skipped",
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
            "============ 3 passed in 2.10s ============",
            "3 passed, 1 skipped in 0.12s",
            "\u{2139} tests 3",
            "# pass 3",
            "# fail 0",
            "      Tests  2 failed | 34 passed (36)",
        ] {
            assert!(is_summary(line), "{line}");
        }
        for line in [
            "# Subtest: pays",
            "ok 1 - passed in time",
            "running 3 tests",
            "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
        ] {
            assert!(!is_summary(line), "{line}");
        }
    }
}
