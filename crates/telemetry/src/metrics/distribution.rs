//! What is kept of the values of one metric in one span of time.

/// Distinct values that are kept apart; more are rounded to fewer significant bits until they are this few.
pub const BINS_MAX: usize = 160;

/// Bits of a double's mantissa.
const EXACT: u8 = 52;

/// What precision falls to, one step at a time: a value then is wrong by at most 2^-(bits + 1) of itself.
const STEPS: [u8; 9] = [10, 8, 7, 6, 5, 4, 3, 2, 0];

/// Sum, count, smallest and largest value, and how often each value came.
///
/// - Two of them can be merged; the result does not depend on the order, but for rounding.
/// - Up to [`BINS_MAX`] distinct values are kept as they are. More are rounded: relative error 0.05 % at first, 3 % where
///   values spread over many powers of two.
/// - Values that came as a statistic set (sum, count, minimum, maximum) have no distribution, unless they must all be
///   equal. AWS: percentiles are then not available.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    pub(super) sum: f64,
    pub(super) count: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) bins: Bins,
}

/// How often each value came.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bins {
    /// All are the minimum, which is the maximum.
    Same,
    /// Value and count, by value; `bits` of each mantissa are kept.
    Many { bits: u8, bins: Vec<(f64, f64)> },
    /// Not known.
    Unknown,
}

impl Default for Distribution {
    fn default() -> Distribution {
        Distribution {
            sum: 0.0,
            count: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            bins: Bins::Same,
        }
    }
}

impl Distribution {
    /// One value.
    pub fn of(value: f64) -> Distribution {
        let mut distribution = Distribution::default();
        distribution.add(value, 1.0);
        distribution
    }

    /// A statistic set.
    pub fn of_statistics(sum: f64, count: f64, min: f64, max: f64) -> Distribution {
        let is_one_value = min == max;
        Distribution {
            sum,
            count,
            min,
            max,
            bins: if is_one_value {
                Bins::Same
            } else {
                Bins::Unknown
            },
        }
    }

    /// Adds a value that came `count` times.
    ///
    /// - Neither may be NaN or infinite; a count that is not positive adds nothing.
    pub fn add(&mut self, value: f64, count: f64) {
        if count <= 0.0 {
            return;
        }
        let was_empty = self.count == 0.0;
        match &mut self.bins {
            Bins::Unknown => {}
            Bins::Same if was_empty || value == self.min => {}
            Bins::Same => {
                let mut bins = vec![(self.min, self.count)];
                put(&mut bins, value, count);
                self.bins = Bins::Many { bits: EXACT, bins };
            }
            Bins::Many { bits, bins } => {
                put(bins, rounded(value, *bits), count);
                if bins.len() > BINS_MAX {
                    coarsen(bits, bins);
                }
            }
        }
        self.sum += value * count;
        self.count += count;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// Adds all values of another one.
    pub fn merge(&mut self, other: &Distribution) {
        if other.is_empty() {
            return;
        }
        if self.is_empty() {
            self.clone_from(other);
            return;
        }
        let both_same = matches!((&self.bins, &other.bins), (Bins::Same, Bins::Same));
        if !(both_same && self.min == other.min) {
            self.bins = match (self.take_bins(), other.clone_bins()) {
                (Some((left_bits, left)), Some((right_bits, right))) => {
                    merged(left_bits.min(right_bits), left, right)
                }
                _ => Bins::Unknown,
            };
        }
        self.sum += other.sum;
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.count == 0.0
    }

    /// Sum of all values.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// How many values there are.
    pub fn count(&self) -> f64 {
        self.count
    }

    /// The smallest value; infinite if there is none.
    pub fn min(&self) -> f64 {
        self.min
    }

    /// The largest value; minus infinite if there is none.
    pub fn max(&self) -> f64 {
        self.max
    }

    /// What its bins take in memory.
    pub(super) fn bytes(&self) -> usize {
        match &self.bins {
            Bins::Many { bins, .. } => std::mem::size_of_val(bins.as_slice()),
            Bins::Same | Bins::Unknown => 0,
        }
    }

    /// Value and count, by value; `None` where only a statistic set is known.
    pub fn bins(&self) -> Option<Vec<(f64, f64)>> {
        self.clone_bins().map(|(_, bins)| bins)
    }

    fn clone_bins(&self) -> Option<(u8, Vec<(f64, f64)>)> {
        match &self.bins {
            Bins::Unknown => None,
            Bins::Same => Some((EXACT, vec![(self.min, self.count)])),
            Bins::Many { bits, bins } => Some((*bits, bins.clone())),
        }
    }

    fn take_bins(&mut self) -> Option<(u8, Vec<(f64, f64)>)> {
        match std::mem::replace(&mut self.bins, Bins::Unknown) {
            Bins::Unknown => None,
            Bins::Same => Some((EXACT, vec![(self.min, self.count)])),
            Bins::Many { bits, bins } => Some((bits, bins)),
        }
    }
}

fn merged(bits: u8, left: Vec<(f64, f64)>, right: Vec<(f64, f64)>) -> Bins {
    let mut bits = bits;
    let mut all = left;
    all.extend(right);
    let mut bins = gathered(all, bits);
    if bins.len() > BINS_MAX {
        coarsen(&mut bits, &mut bins);
    }
    Bins::Many { bits, bins }
}

fn put(bins: &mut Vec<(f64, f64)>, value: f64, count: f64) {
    match bins.binary_search_by(|(bin, _)| bin.total_cmp(&value)) {
        Ok(at) => bins[at].1 += count,
        Err(at) => bins.insert(at, (value, count)),
    }
}

/// Gives up precision until there are few enough bins.
fn coarsen(bits: &mut u8, bins: &mut Vec<(f64, f64)>) {
    for step in STEPS.into_iter().filter(|step| *step < *bits) {
        let coarser = gathered(std::mem::take(bins), step);
        *bins = coarser;
        if bins.len() <= BINS_MAX * 3 / 4 {
            *bits = step;
            return;
        }
    }
    *bits = 0;
}

/// Rounds the values and puts equal ones together.
fn gathered(mut bins: Vec<(f64, f64)>, bits: u8) -> Vec<(f64, f64)> {
    for (value, _) in &mut bins {
        *value = rounded(*value, bits);
    }
    bins.sort_by(|(left, _), (right, _)| left.total_cmp(right));
    bins.dedup_by(|(value, count), (kept, kept_count)| {
        let is_same = value == kept;
        if is_same {
            *kept_count += *count;
        }
        is_same
    });
    bins
}

/// The nearest double of which only the first `bits` bits of the mantissa are set. Zero is zero, without a sign.
fn rounded(value: f64, bits: u8) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    if bits >= EXACT {
        return value;
    }
    let dropped = EXACT - bits;
    let half = 1u64 << (dropped - 1);
    let mask = !((1u64 << dropped) - 1);
    // A carry out of the mantissa is the next power of two, as it should be.
    f64::from_bits((value.to_bits() + half) & mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = f64>) -> Distribution {
        let mut distribution = Distribution::default();
        values
            .into_iter()
            .for_each(|value| distribution.add(value, 1.0));
        distribution
    }

    #[test]
    fn few_values_are_kept_as_they_are() {
        let distribution = of([3.0, -1.5, 3.0, 0.0, -0.0]);
        assert_eq!(
            distribution.bins(),
            Some(vec![(-1.5, 1.0), (0.0, 2.0), (3.0, 2.0)])
        );
        assert_eq!((distribution.sum(), distribution.count()), (4.5, 5.0));
        assert_eq!((distribution.min(), distribution.max()), (-1.5, 3.0));
    }

    #[test]
    fn many_values_are_bounded_and_nearly_right() {
        let distribution = of((1..=100_000).map(f64::from));
        let bins = distribution.bins().expect("values have a distribution");
        assert!(bins.len() <= BINS_MAX, "{} bins", bins.len());
        let mut seen = 0.0;
        for (value, count) in bins {
            seen += count;
            let error = (seen - value).abs() / value;
            assert!(error < 0.08, "{value} stands for {seen}");
        }
        assert_eq!(seen, 100_000.0);
    }

    #[test]
    fn merging_gives_what_adding_gives() {
        let values: Vec<f64> = (0..500).map(|i| f64::from(i % 37) * 0.25).collect();
        let mut merged = of(values[..123].iter().copied());
        merged.merge(&of(values[123..124].iter().copied()));
        merged.merge(&of(values[124..].iter().copied()));
        assert_eq!(merged, of(values));
    }

    #[test]
    fn a_statistic_set_has_no_distribution_unless_its_values_are_equal() {
        assert_eq!(
            Distribution::of_statistics(10.0, 4.0, 1.0, 5.0).bins(),
            None
        );
        let equal = Distribution::of_statistics(10.0, 4.0, 2.5, 2.5);
        assert_eq!(equal.bins(), Some(vec![(2.5, 4.0)]));
        let mut mixed = of([1.0]);
        mixed.merge(&Distribution::of_statistics(10.0, 4.0, 1.0, 5.0));
        assert_eq!(mixed.bins(), None);
        assert_eq!((mixed.sum(), mixed.count()), (11.0, 5.0));
    }

    #[test]
    fn numbers_of_any_size_are_bounded() {
        let distribution = of((-360..=360).flat_map(|power| [2f64.powi(power), -2f64.powi(power)]));
        let bins = distribution.bins().expect("values have a distribution");
        assert!(bins.len() <= 1_443, "{} bins", bins.len());
    }
}
