//! Holds the conformance score at or above the committed baseline.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::{read, root};

/// Where the committed score is, from the root of the workspace.
const BASELINE: &str = "tests/conformance-baseline.json";

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
    class: String,
    strict: bool,
    lenient: bool,
}

/// Prints the score of a report beside the baseline.
///
/// - Errors: the strict score is below the baseline, or the report covers fewer cases.
pub fn run(report: &Path) -> Result<()> {
    println!(
        "{}",
        compared(&read(report)?, &read(&root().join(BASELINE))?)?
    );
    Ok(())
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
    Ok(score)
}

#[cfg(test)]
mod tests {
    use super::compared;

    const BASELINE: &str = r#"{"class":"core","strict":2,"lenient":2,"cases":3}"#;

    fn report(verdicts: &[bool]) -> String {
        let cases: Vec<String> = verdicts
            .iter()
            .map(|strict| {
                format!(r#"{{"id":"x","class":"core","strict":{strict},"lenient":true}}"#)
            })
            .collect();
        let other = r#"{"class":"needs:sqs","strict":true,"lenient":true}"#;
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
