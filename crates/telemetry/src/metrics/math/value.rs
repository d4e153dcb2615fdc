//! Values of metric math.

/// What an expression gives.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Scalar(f64),
    Series(Series),
    Array(Vec<Series>),
}

impl Value {
    /// How many points it takes the room of.
    pub(super) fn points(&self) -> usize {
        match self {
            Value::Scalar(_) => 1,
            Value::Series(series) => series.room(),
            Value::Array(array) => array.iter().map(Series::room).sum(),
        }
    }
}

/// A time series.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Series {
    pub(super) label: String,
    pub(super) period_s: u32,
    /// Seconds since 1970 and value, in order of time.
    pub(super) points: Vec<(i64, f64)>,
}

impl Series {
    /// Its points, and what it takes beside them in such.
    fn room(&self) -> usize {
        const BYTES_OF_POINT: usize = 16;
        let beside = size_of::<Series>() + self.label.len();
        self.points.len() + beside / BYTES_OF_POINT
    }

    /// The same series with other points.
    pub(super) fn with(&self, points: Vec<(i64, f64)>) -> Series {
        Series {
            label: self.label.clone(),
            period_s: self.period_s,
            points: finite(points),
        }
    }

    /// Each point through a function.
    pub(super) fn map(&self, of: impl Fn(i64, f64) -> f64) -> Series {
        let points = self.points.iter();
        self.with(points.map(|(at, value)| (*at, of(*at, *value))).collect())
    }

    /// The value at an instant.
    pub(super) fn at(&self, instant: i64) -> Option<f64> {
        let found = self.points.binary_search_by_key(&instant, |(at, _)| *at);
        found.ok().map(|at| self.points[at].1)
    }

    /// Each point with the one before it.
    pub(super) fn pairs(&self, of: impl Fn((i64, f64), (i64, f64)) -> f64) -> Series {
        let pairs = self.points.windows(2);
        self.with(
            pairs
                .map(|pair| (pair[1].0, of(pair[0], pair[1])))
                .collect(),
        )
    }

    /// The values where both have one.
    pub(super) fn joined(&self, other: &Series, of: impl Fn(f64, f64) -> f64) -> Series {
        let points = self.points.iter();
        let points = points.filter_map(|(at, value)| Some((*at, of(*value, other.at(*at)?))));
        let mut joined = self.with(points.collect());
        joined.period_s = self.period_s.max(other.period_s);
        joined
    }
}

/// A division by zero gives no point.
fn finite(mut points: Vec<(i64, f64)>) -> Vec<(i64, f64)> {
    points.retain(|(_, value)| value.is_finite());
    points
}

/// What puts values together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregate {
    Sum,
    Average,
    Minimum,
    Maximum,
    Deviation,
    Count,
}

impl Aggregate {
    pub(super) fn named(name: &str) -> Option<Aggregate> {
        Some(match name {
            "SUM" => Aggregate::Sum,
            "AVG" => Aggregate::Average,
            "MIN" => Aggregate::Minimum,
            "MAX" => Aggregate::Maximum,
            "STDDEV" => Aggregate::Deviation,
            "DATAPOINT_COUNT" => Aggregate::Count,
            _ => return None,
        })
    }

    /// Of some values; NaN for none where that has no meaning.
    pub(super) fn of(self, values: &[f64]) -> f64 {
        let count = values.len() as f64;
        let sum: f64 = values.iter().sum();
        match self {
            Aggregate::Sum => sum,
            Aggregate::Average => sum / count,
            Aggregate::Minimum => values.iter().copied().fold(f64::NAN, f64::min),
            Aggregate::Maximum => values.iter().copied().fold(f64::NAN, f64::max),
            Aggregate::Count => count,
            Aggregate::Deviation => {
                let mean = sum / count;
                let squares = values.iter().map(|value| (value - mean) * (value - mean));
                (squares.sum::<f64>() / count).sqrt()
            }
        }
    }

    /// Of all values at each instant at which any series has one.
    pub(super) fn across(self, array: &[Series]) -> Series {
        let mut points: Vec<(i64, f64)> = array
            .iter()
            .flat_map(|series| series.points.iter().copied())
            .collect();
        points.sort_by_key(|(at, _)| *at);
        let groups = points.chunk_by(|left, right| left.0 == right.0);
        let points = groups.map(|group| {
            let values: Vec<f64> = group.iter().map(|(_, value)| *value).collect();
            (group[0].0, self.of(&values))
        });
        Series {
            label: String::new(),
            period_s: array
                .iter()
                .map(|series| series.period_s)
                .max()
                .unwrap_or(0),
            points: finite(points.collect()),
        }
    }
}
