//! Runs a test runner, shows what it says, and keeps its summary.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Failed tests that may be run once more. Where more fail, it is not the clock.
pub const ONCE_MORE_MAX: usize = 3;

/// Runs the command with its output passed on line by line.
///
/// - Returns the lines in which the runner sums up.
/// - Errors: it cannot be run, ends with another code than 0, or has run too many tests once more.
pub fn run_and_summarise(command: Command) -> Result<Vec<String>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let (status, summary) = run(command)?;
    ensure!(status.success(), "{program}: {status}");
    let repeated = summary.iter().filter(|line| is_repetition(line)).count();
    ensure!(
        repeated <= ONCE_MORE_MAX,
        "{repeated} tests passed only at the second time; at most {ONCE_MORE_MAX} may"
    );
    Ok(summary)
}

/// Runs the command with its output passed on line by line: how it ended, and the lines in which the runner sums up.
pub fn run(mut command: Command) -> Result<(ExitStatus, Vec<String>)> {
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
    Ok((status, summary))
}

fn pass_on(from: impl Read, to: impl Fn(&str)) -> Vec<String> {
    let mut summary = Vec::new();
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        to(&line);
        if is_summary(&line) || is_repetition(&line) {
            summary.push(line.trim().to_owned());
        }
    }
    summary
}

/// A test that nextest or vitest has run once more, and that passed then.
fn is_repetition(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("FLAKY ") || line.contains("(retry x")
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
    use super::{is_repetition, is_summary};

    #[test]
    fn what_passed_at_the_second_time_is_known() {
        for line in [
            "  FLAKY 2/2 [   0.507s] (1/9) stepwell-functions::pool a_burst_is_served",
            " \u{2713} execution > an order is watched 812ms (retry x1)",
        ] {
            assert!(is_repetition(line), "{line}");
        }
        assert!(!is_repetition(
            "  TRY 1 FAIL [   0.507s] stepwell-functions::pool a_burst_is_served"
        ));
        assert!(!is_repetition(
            "        PASS [   0.005s] (1/9) stepwell-telemetry flaky"
        ));
    }

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
