//! Holds the conformance score at or above the committed baseline, and the list of differences true.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::{read, root};

/// Where the committed score is, from the root of the workspace.
const BASELINE: &str = "tests/conformance-baseline.json";

/// The page that gives the reason of every case that does not pass strictly.
const DIFFERENCES: &str = "docs/conformance.md";

/// The committed score of a class of cases.
#[derive(Debug, Deserialize)]
struct Baseline {
    class: String,
    strict: usize,
    lenient: usize,
    cases: usize,
}

/// What the conformance runner writes with `--out`; the rest of it is not needed here.
#[derive(Debug, Deserialize)]
struct Report {
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    class: String,
    strict: bool,
    lenient: bool,
}

/// Prints the score of a report beside the baseline.
///
/// - Errors: a score is below the baseline, the report covers fewer cases, or a case fails whose reason
///   is not on the page of differences.
pub fn run(report: &Path) -> Result<()> {
    let report = read(report)?;
    let score = compared(&report, &read(&root().join(BASELINE))?)?;
    unexplained(&report, &read(&root().join(DIFFERENCES))?)?;
    println!("{score}");
    Ok(())
}

/// Checks that the page names every case that does not pass strictly.
///
/// - A case is named by its own name in backquotes, or by a name that ends in `*`.
fn unexplained(report: &str, page: &str) -> Result<()> {
    let report: Report = serde_json::from_str(report).context("the report is not the runner's")?;
    let named: BTreeSet<&str> = page.split('`').skip(1).step_by(2).collect();
    let is_named = |name: &str| {
        named.contains(name)
            || named.iter().any(|pattern| {
                pattern
                    .strip_suffix('*')
                    .is_some_and(|prefix| !prefix.is_empty() && name.starts_with(prefix))
            })
    };
    let missing: Vec<&str> = report
        .cases
        .iter()
        .filter(|case| !case.strict)
        .map(Case::name)
        .filter(|name| !is_named(name))
        .collect();
    ensure!(
        missing.is_empty(),
        "cases that fail and that {DIFFERENCES} does not explain: {}",
        missing.join(", ")
    );
    Ok(())
}

impl Case {
    /// The last part of the id: the name and its parameters.
    fn name(&self) -> &str {
        self.id.rsplit("::").next().unwrap_or(&self.id)
    }
}

fn compared(report: &str, baseline: &str) -> Result<String> {
    let report: Report = serde_json::from_str(report).context("the report is not the runner's")?;
    let baseline: Baseline = serde_json::from_str(baseline)
        .with_context(|| format!("{BASELINE} must give class, strict, lenient and cases"))?;
    let class = &baseline.class;
    let cases: Vec<&Case> = report
        .cases
        .iter()
        .filter(|case| &case.class == class)
        .collect();
    let strict = cases.iter().filter(|case| case.strict).count();
    let lenient = cases.iter().filter(|case| case.lenient).count();
    let score = format!(
        "conformance {class} strict: {strict} of {} (baseline {}), lenient: {lenient} (baseline {})",
        cases.len(),
        baseline.strict,
        baseline.lenient
    );
    ensure!(
        cases.len() >= baseline.cases,
        "{score}; the report covers fewer than the {} cases of the baseline",
        baseline.cases
    );
    ensure!(
        strict >= baseline.strict,
        "{score}; the strict score is below {BASELINE}"
    );
    ensure!(
        lenient >= baseline.lenient,
        "{score}; the lenient score is below {BASELINE}"
    );
    Ok(score)
}

#[cfg(test)]
mod tests {
    use super::{compared, unexplained};

    const BASELINE: &str = r#"{"class":"core","strict":2,"lenient":2,"cases":3}"#;

    fn report(verdicts: &[bool]) -> String {
        let cases: Vec<String> = verdicts
            .iter()
            .map(|strict| {
                format!(r#"{{"id":"x","class":"core","strict":{strict},"lenient":true}}"#)
            })
            .collect();
        let other = r#"{"id":"y","class":"needs:sqs","strict":true,"lenient":true}"#;
        format!(
            r#"{{"endpoint":"e","cases":[{},{other}]}}"#,
            cases.join(",")
        )
    }

    #[test]
    fn a_score_at_the_baseline_passes() {
        assert_eq!(
            compared(&report(&[true, true, false]), BASELINE).expect("at the baseline"),
            "conformance core strict: 2 of 3 (baseline 2), lenient: 3 (baseline 2)"
        );
    }

    #[test]
    fn a_failing_case_must_be_explained() {
        let failing =
            r#"{"cases":[{"id":"f.py::T::one[A]","class":"core","strict":false,"lenient":true}]}"#;
        assert!(unexplained(failing, "| `one[A]` | why |").is_ok());
        assert!(unexplained(failing, "| `one*` | why |").is_ok());
        let unnamed = unexplained(failing, "| `other` | why |, `*`").expect_err("not named");
        assert!(unnamed.to_string().contains("one[A]"), "{unnamed}");
    }

    #[test]
    fn a_lower_score_or_fewer_cases_are_refused() {
        let lower = compared(&report(&[true, false, false]), BASELINE).expect_err("below");
        assert!(
            lower.to_string().contains("strict: 1 of 3 (baseline 2)"),
            "{lower}"
        );
        let fewer = compared(&report(&[true, true]), BASELINE).expect_err("too few cases");
        assert!(
            fewer.to_string().contains("fewer than the 3 cases"),
            "{fewer}"
        );
        assert!(compared("{}", BASELINE).is_err());
    }
}
