//! What is given to the store: values of a metric at an instant.

use std::sync::Arc;

use super::Distribution;

/// Size of a value, and how often it may come. AWS: 2^360.
pub const VALUE_MAX: f64 = 2.348_542_582_773_833_2e108;

/// Size of a sum: above all values of a request as often as they may come, and so far below the greatest number that
/// no number of samples leads there.
pub(super) const SUM_MAX: f64 = VALUE_MAX * VALUE_MAX * 1_048_576.0;

/// A metric: namespace, name, and dimensions in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Metric {
    namespace: String,
    name: String,
    dimensions: Vec<(String, String)>,
}

impl Metric {
    /// The metric with these dimensions, in any order.
    pub fn new(
        namespace: impl Into<String>,
        name: impl Into<String>,
        dimensions: impl IntoIterator<Item = (String, String)>,
    ) -> Metric {
        let mut dimensions: Vec<_> = dimensions.into_iter().collect();
        dimensions.sort();
        Metric {
            namespace: namespace.into(),
            name: name.into(),
            dimensions,
        }
    }

    /// The metric of texts in the program.
    ///
    /// ```
    /// use stepwell_telemetry::metrics::Metric;
    /// let metric = Metric::known("AWS/Lambda", "Errors", &[("FunctionName", "pay")]);
    /// assert_eq!(metric.dimensions()[0].1, "pay");
    /// ```
    pub fn known(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Metric {
        let owned = dimensions
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Metric::new(namespace, name, owned)
    }

    /// `AWS/States`, or what the application calls its own.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its name in the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Name and value, by name.
    pub fn dimensions(&self) -> &[(String, String)] {
        &self.dimensions
    }
}

/// Values of a metric at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Kept by who gives values often: nothing is copied.
    pub metric: Arc<Metric>,
    /// What the values count.
    pub unit: Unit,
    /// When they were, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Whether they are also kept by the second, for three hours. AWS: `StorageResolution` 1.
    pub is_high_resolution: bool,
    /// One value, or many gathered before they were given.
    pub values: Distribution,
}

impl Sample {
    /// Values of usual resolution.
    pub fn new(
        metric: &Arc<Metric>,
        unit: Unit,
        timestamp_ms: i64,
        values: Distribution,
    ) -> Sample {
        Sample {
            metric: Arc::clone(metric),
            unit,
            timestamp_ms,
            is_high_resolution: false,
            values,
        }
    }

    /// Whether its values can be kept: numbers, and none beyond [`VALUE_MAX`].
    pub(super) fn is_bounded(&self) -> bool {
        let values = &self.values;
        let is_value = |value: f64| value.abs() <= VALUE_MAX;
        is_value(values.min())
            && is_value(values.max())
            && (0.0..=SUM_MAX).contains(&values.count())
            && values.sum().abs() <= SUM_MAX
    }

    /// What it takes in memory at most, about.
    pub fn bytes(&self) -> usize {
        const FIXED: usize = 256;
        let metric = &self.metric;
        let dimensions = metric.dimensions.iter();
        let dimensions: usize = dimensions
            .map(|(name, value)| name.len() + value.len())
            .sum();
        FIXED + metric.namespace.len() + metric.name.len() + dimensions + self.values.bytes()
    }
}

macro_rules! units {
    ($($variant:ident = $number:literal $name:literal,)*) => {
        /// What values count. The numbers are in rows and never change.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Unit {
            #[default]
            None = 0,
            $($variant = $number,)*
        }

        impl Unit {
            const ALL: &[Unit] = &[Unit::None, $(Unit::$variant,)*];

            /// As AWS writes it, `Bytes/Second`.
            pub fn name(self) -> &'static str {
                match self {
                    Unit::None => "None",
                    $(Unit::$variant => $name,)*
                }
            }
        }
    };
}

units! {
    Seconds = 1 "Seconds",
    Microseconds = 2 "Microseconds",
    Milliseconds = 3 "Milliseconds",
    Bytes = 4 "Bytes",
    Kilobytes = 5 "Kilobytes",
    Megabytes = 6 "Megabytes",
    Gigabytes = 7 "Gigabytes",
    Terabytes = 8 "Terabytes",
    Bits = 9 "Bits",
    Kilobits = 10 "Kilobits",
    Megabits = 11 "Megabits",
    Gigabits = 12 "Gigabits",
    Terabits = 13 "Terabits",
    Percent = 14 "Percent",
    Count = 15 "Count",
    BytesSecond = 16 "Bytes/Second",
    KilobytesSecond = 17 "Kilobytes/Second",
    MegabytesSecond = 18 "Megabytes/Second",
    GigabytesSecond = 19 "Gigabytes/Second",
    TerabytesSecond = 20 "Terabytes/Second",
    BitsSecond = 21 "Bits/Second",
    KilobitsSecond = 22 "Kilobits/Second",
    MegabitsSecond = 23 "Megabits/Second",
    GigabitsSecond = 24 "Gigabits/Second",
    TerabitsSecond = 25 "Terabits/Second",
    CountSecond = 26 "Count/Second",
}

impl Unit {
    /// The unit of this name.
    pub fn of_name(name: &str) -> Option<Unit> {
        Unit::ALL.iter().copied().find(|unit| unit.name() == name)
    }

    pub(super) fn number(self) -> u8 {
        self as u8
    }

    pub(super) fn of_number(number: u8) -> Option<Unit> {
        Unit::ALL.get(usize::from(number)).copied()
    }
}
