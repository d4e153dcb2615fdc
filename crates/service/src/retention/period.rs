//! How long ended executions are kept, as people write it.

/// The tag of a state machine that says how long its ended executions are kept.
pub const TAG: &str = "stepwell:retention";

/// The longest period, in seconds: 36,500 days.
const SECONDS_MAX: i64 = 36_500 * DAY_SECONDS;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// How long executions are kept after their end; `None`: for good.
pub type Period = Option<i64>;

/// What AWS does: history, name and description of a Standard execution are there for 90 days after its end.
///
/// Source: Step Functions quotas, "Execution history retention time".
pub const DEFAULT: Period = Some(90 * DAY_SECONDS * 1_000);

/// Reads a period: a whole number with its unit (`90d`, `12h`, `30m`, `45s`), or `never`.
///
/// - Returns milliseconds, at least one second and at most 36,500 days; `None` for `never`.
/// - Errors: a sentence with the text and the rule.
pub fn parse(text: &str) -> Result<Period, String> {
    if text == "never" {
        return Ok(None);
    }
    let split = text.char_indices().next_back().map_or(0, |(at, _)| at);
    let (digits, unit) = text.split_at(split);
    let unit_seconds = match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(60 * 60),
        "d" => Some(DAY_SECONDS),
        _ => None,
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    unit_seconds
        .filter(|_| is_number)
        .and_then(|seconds| digits.parse::<i64>().ok()?.checked_mul(seconds))
        .filter(|seconds| (1..=SECONDS_MAX).contains(seconds))
        .map(|seconds| Some(seconds * 1_000))
        .ok_or_else(|| {
            format!(
                "a retention is a whole number with its unit, from 1s to 36500d (90d, 12h, 30m, 45s), or never, not '{text}'"
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_a_number_with_its_unit() {
        assert_eq!(parse("1s"), Ok(Some(1_000)));
        assert_eq!(parse("30m"), Ok(Some(1_800_000)));
        assert_eq!(parse("12h"), Ok(Some(43_200_000)));
        assert_eq!(parse("90d"), Ok(DEFAULT));
        assert_eq!(parse("36500d"), Ok(Some(SECONDS_MAX * 1_000)));
        assert_eq!(parse("never"), Ok(None));
        for wrong in [
            "",
            "d",
            "90",
            "0d",
            "-1d",
            "+1d",
            "1.5d",
            "36501d",
            "1w",
            "90 d",
            "9999999999999999d",
            "1ü",
            "forever",
        ] {
            let refused = parse(wrong).expect_err("it is wrong");
            assert!(refused.ends_with(&format!("not '{wrong}'")), "{refused}");
        }
    }
}
