//! Statistics of the values of one span of time, by their names on AWS.
//!
//! AWS: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html

use super::Distribution;

/// A statistic.
#[derive(Clone, Debug, PartialEq)]
pub enum Statistic {
    /// How many values.
    SampleCount,
    /// Sum by count.
    Average,
    /// Of all values.
    Sum,
    /// The smallest value.
    Minimum,
    /// The largest value.
    Maximum,
    /// `p95`: that many percent of the values are not larger.
    Percentile(f64),
    /// `TM`, `tm90`, `IQM`: the mean of the values within bounds.
    TrimmedMean(Bounds),
    /// `WM`, `wm98`: the mean where values outside count as the bound.
    WinsorizedMean(Bounds),
    /// `TC`, `tc90`: how many values are within bounds.
    TrimmedCount(Bounds),
    /// `TS`, `ts90`: the sum of the values within bounds.
    TrimmedSum(Bounds),
    /// `PR`: the percentage of the values within bounds, which are values.
    PercentileRank(Bounds),
}

/// What is between two bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bounds {
    /// From one percentage of the values to another, by size.
    Percent(f64, f64),
    /// Values larger than the first and not larger than the second.
    Values(f64, f64),
}

/// Digits after the point of a bound. AWS: up to ten.
const DECIMALS_MAX: usize = 10;

/// The longest text that can be a statistic.
const TEXT_BYTES_MAX: usize = 100;

impl Statistic {
    /// The statistic with this name: `Average`, `p99.9`, `TM(10%:90%)`, `tm90`, `PR(:300)`, `IQM` and so on.
    ///
    /// ```
    /// use stepwell_telemetry::metrics::{Bounds, Statistic};
    /// assert_eq!(Statistic::parse("p99.9"), Some(Statistic::Percentile(99.9)));
    /// assert_eq!(Statistic::parse("tm90"), Statistic::parse("TM(:90%)"));
    /// assert_eq!(Statistic::parse("IQM"), Statistic::parse("TM(25%:75%)"));
    /// assert_eq!(Statistic::parse("p101"), None);
    /// assert_eq!(Statistic::parse("TM(10%:90)"), None);
    /// ```
    pub fn parse(name: &str) -> Option<Statistic> {
        if name.len() > TEXT_BYTES_MAX {
            return None;
        }
        match name {
            "SampleCount" => return Some(Statistic::SampleCount),
            "Average" => return Some(Statistic::Average),
            "Sum" => return Some(Statistic::Sum),
            "Minimum" => return Some(Statistic::Minimum),
            "Maximum" => return Some(Statistic::Maximum),
            "IQM" | "iqm" => return Some(Statistic::TrimmedMean(Bounds::Percent(25.0, 75.0))),
            _ => {}
        }
        if let Some(percent) = name.strip_prefix(['p', 'P']).and_then(percent) {
            return Some(Statistic::Percentile(percent));
        }
        let (kind, rest) = name.split_at_checked(2)?;
        let is_lower = kind.bytes().all(|byte| byte.is_ascii_lowercase());
        let bounds = match rest.strip_prefix('(') {
            Some(rest) => bounds(rest.strip_suffix(')')?)?,
            None if is_lower => Bounds::Percent(0.0, percent(rest)?),
            None => return None,
        };
        match (kind.to_ascii_uppercase().as_str(), bounds) {
            ("TM", _) => Some(Statistic::TrimmedMean(bounds)),
            ("WM", _) => Some(Statistic::WinsorizedMean(bounds)),
            ("TC", _) => Some(Statistic::TrimmedCount(bounds)),
            ("TS", _) => Some(Statistic::TrimmedSum(bounds)),
            ("PR", Bounds::Values(..)) => Some(Statistic::PercentileRank(bounds)),
            _ => None,
        }
    }

    /// Whether it can be had of sum, count, minimum and maximum alone.
    pub fn is_basic(&self) -> bool {
        matches!(
            self,
            Statistic::SampleCount
                | Statistic::Average
                | Statistic::Sum
                | Statistic::Minimum
                | Statistic::Maximum
        )
    }

    /// The statistic of these values.
    ///
    /// - `None` for no values, for values that came as a statistic set where it needs each value, and for a mean of none.
    pub fn of(&self, values: &Distribution) -> Option<f64> {
        if values.is_empty() {
            return None;
        }
        match self {
            Statistic::SampleCount => Some(values.count()),
            Statistic::Average => Some(values.sum() / values.count()),
            Statistic::Sum => Some(values.sum()),
            Statistic::Minimum => Some(values.min()),
            Statistic::Maximum => Some(values.max()),
            Statistic::Percentile(percent) => percentile(values, *percent),
            Statistic::TrimmedMean(bounds) => {
                let kept = trimmed(values, *bounds)?;
                let count = count(&kept);
                (count > 0.0).then(|| sum(&kept) / count)
            }
            Statistic::TrimmedCount(bounds) => Some(count(&trimmed(values, *bounds)?)),
            Statistic::TrimmedSum(bounds) => Some(sum(&trimmed(values, *bounds)?)),
            Statistic::PercentileRank(bounds) => {
                Some(count(&trimmed(values, *bounds)?) / values.count() * 100.0)
            }
            Statistic::WinsorizedMean(bounds) => {
                let (low, high) = match *bounds {
                    Bounds::Values(low, high) => (low, high),
                    Bounds::Percent(low, high) => {
                        (percentile(values, low)?, percentile(values, high)?)
                    }
                };
                let bins = bins(values)?;
                let held = bins
                    .iter()
                    .map(|(value, count)| value.max(low).min(high) * count);
                Some(held.sum::<f64>() / values.count())
            }
        }
    }
}

fn bins(values: &Distribution) -> Option<Vec<(f64, f64)>> {
    let mut bins = values.bins()?;
    // Rounding moves no value out of the range that there was.
    for (value, _) in &mut bins {
        *value = value.clamp(values.min(), values.max());
    }
    Some(bins)
}

fn count(bins: &[(f64, f64)]) -> f64 {
    bins.iter().map(|(_, count)| count).sum()
}

fn sum(bins: &[(f64, f64)]) -> f64 {
    bins.iter().map(|(value, count)| value * count).sum()
}

/// The smallest value that at least so many percent of the values do not exceed.
fn percentile(values: &Distribution, percent: f64) -> Option<f64> {
    let wanted = values.count() * percent / 100.0;
    // Sums of counts that are fractions are a little off.
    let tolerance = values.count() * 1e-12;
    let mut seen = 0.0;
    for (value, count) in bins(values)? {
        seen += count;
        if seen + tolerance >= wanted {
            return Some(value);
        }
    }
    Some(values.max())
}

/// The values within bounds, with the part of each count that is.
fn trimmed(values: &Distribution, bounds: Bounds) -> Option<Vec<(f64, f64)>> {
    let bins = bins(values)?;
    let kept = match bounds {
        Bounds::Values(low, high) => bins
            .into_iter()
            .filter(|(value, _)| *value > low && *value <= high)
            .collect(),
        Bounds::Percent(low, high) => {
            let (from, to) = (values.count() * low / 100.0, values.count() * high / 100.0);
            let mut seen = 0.0;
            let mut kept = Vec::new();
            for (value, count) in bins {
                let part = (seen + count).min(to) - f64::max(seen, from);
                if part > 0.0 {
                    kept.push((value, part));
                }
                seen += count;
            }
            kept
        }
    };
    Some(kept)
}

/// `LOW:HIGH`, both percentages or both values; either may be left out.
fn bounds(text: &str) -> Option<Bounds> {
    let (low, high) = text.split_once(':')?;
    let is_percent = match (low.ends_with('%'), high.ends_with('%')) {
        (true, true) => true,
        (true, false) => high.is_empty(),
        (false, true) => low.is_empty(),
        (false, false) => false,
    };
    if low.is_empty() && high.is_empty() {
        return None;
    }
    if is_percent {
        let read = |text: &str, default| match text {
            "" => Some(default),
            _ => percent(text.strip_suffix('%')?),
        };
        let (low, high) = (read(low, 0.0)?, read(high, 100.0)?);
        return (low < high).then_some(Bounds::Percent(low, high));
    }
    let read = |text: &str, default| match text {
        "" => Some(default),
        _ => number(text),
    };
    let (low, high) = (read(low, f64::NEG_INFINITY)?, read(high, f64::INFINITY)?);
    (low < high).then_some(Bounds::Values(low, high))
}

fn percent(text: &str) -> Option<f64> {
    number(text).filter(|number| (0.0..=100.0).contains(number))
}

fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = [whole, decimals]
        .iter()
        .all(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    if whole.is_empty() || !is_number || decimals.len() > DECIMALS_MAX {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, values: &[f64]) -> Option<f64> {
        let mut distribution = Distribution::default();
        values
            .iter()
            .for_each(|value| distribution.add(*value, 1.0));
        Statistic::parse(name)
            .unwrap_or_else(|| panic!("{name} is a statistic"))
            .of(&distribution)
    }

    #[test]
    fn statistics_of_ten_values() {
        let values: Vec<f64> = (1..=10).map(|i| f64::from(i) * 10.0).collect();
        for (name, wanted) in [
            ("SampleCount", 10.0),
            ("Average", 55.0),
            ("Sum", 550.0),
            ("Minimum", 10.0),
            ("Maximum", 100.0),
            ("p0", 10.0),
            ("p50", 50.0),
            ("p90", 90.0),
            ("p99.9", 100.0),
            ("p100", 100.0),
            ("tm90", 50.0),
            ("TM(10%:90%)", 55.0),
            ("TM(20:50)", 40.0),
            ("TM(:50)", 30.0),
            ("IQM", 55.0),
            ("TC(20:50)", 3.0),
            ("tc90", 9.0),
            ("TS(80%:)", 190.0),
            ("TS(:20)", 30.0),
            ("PR(:30)", 30.0),
            ("PR(30:50)", 20.0),
            ("PR(90:)", 10.0),
            ("WM(20:50)", 41.0),
            ("WM(10%:90%)", 54.0),
        ] {
            let found = of(name, &values).expect("it has a value");
            assert!(
                (found - wanted).abs() < 1e-9,
                "{name}: {found}, not {wanted}"
            );
        }
        assert_eq!(of("TM(1000:)", &values), None);
        assert_eq!(of("TC(1000:)", &values), Some(0.0));
        assert_eq!(of("p50", &[]), None);
    }

    #[test]
    fn what_is_no_statistic_is_refused() {
        for name in [
            "",
            "p",
            "p-1",
            "p100.1",
            "p1.12345678901",
            "average",
            "TM",
            "TM()",
            "TM(:)",
            "TM(90%:10%)",
            "TM(1%:5)",
            "PR(10%:20%)",
            "PR",
            "tm101",
            "XX(1:2)",
            "TM90",
            "ü",
            "p9ü",
        ] {
            assert_eq!(Statistic::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_statistic_set_has_no_percentiles() {
        let set = Distribution::of_statistics(10.0, 4.0, 1.0, 5.0);
        let of = |name| Statistic::parse(name).and_then(|statistic| statistic.of(&set));
        assert_eq!(of("p50"), None);
        assert_eq!(of("tm90"), None);
        assert_eq!(of("Average"), Some(2.5));
    }
}
