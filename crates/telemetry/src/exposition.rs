//! Families of values of the server itself, and their text for Prometheus.
//!
//! Source: Prometheus text format 0.0.4; OpenMetrics 1.0.0.

use std::fmt::Write as _;

/// All values with one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Without the `_total` of a counter.
    pub name: &'static str,
    pub help: &'static str,
    pub kind: Kind,
    pub samples: Vec<Sample>,
}

/// How the values of a family behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, from the start of the server.
    Counter,
    Gauge,
    Histogram,
}

/// One value with its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub labels: Vec<(&'static str, String)>,
    pub value: Value,
}

/// What a sample says.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Number(f64),
    Distribution(Distribution),
}

/// How often a value fell into each of some ranges.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Upper bounds, rising; the last range has none.
    pub bounds: Vec<f64>,
    /// How many values fell into each range: one more than there are bounds.
    pub counts: Vec<u64>,
    pub sum: f64,
}

impl Distribution {
    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// How a page of values is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The format that an `Accept` header asks for.
    pub fn of(accept: Option<&str>) -> Format {
        let weight = |media: &str| {
            let quality = media.split(';').find_map(|part| {
                let (name, value) = part.trim().split_once('=')?;
                (name.trim() == "q").then(|| value.trim().parse::<f64>().unwrap_or(0.0))
            });
            quality.unwrap_or(1.0)
        };
        let best = |wanted: &[&str]| {
            let all = accept.unwrap_or_default().split(',');
            all.filter(|media| {
                let name = media.split(';').next().unwrap_or_default().trim();
                wanted
                    .iter()
                    .any(|wanted| name.eq_ignore_ascii_case(wanted))
            })
            .map(weight)
            .fold(0.0, f64::max)
        };
        let open = best(&["application/openmetrics-text"]);
        if open > 0.0 && open >= best(&["text/plain", "text/*", "*/*"]) {
            return Format::OpenMetrics;
        }
        Format::Text
    }

    /// The `Content-Type` of a page.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The page of some families. A family without samples still has its name and its help.
pub fn page(families: &[Family], format: Format) -> String {
    let mut page = String::with_capacity(families.len() * 256);
    for family in families {
        write_family(&mut page, family, format);
    }
    if format == Format::OpenMetrics {
        page.push_str("# EOF\n");
    }
    page
}

fn write_family(page: &mut String, family: &Family, format: Format) {
    let Family {
        name, help, kind, ..
    } = family;
    let (kind_name, suffix) = match kind {
        Kind::Counter => ("counter", "_total"),
        Kind::Gauge => ("gauge", ""),
        Kind::Histogram => ("histogram", ""),
    };
    let told = match format {
        Format::Text => suffix,
        Format::OpenMetrics => "",
    };
    // INVARIANT: a text grows without an error.
    let _ = writeln!(page, "# HELP {name}{told} {}", escaped(help, format, false));
    let _ = writeln!(page, "# TYPE {name}{told} {kind_name}");
    for Sample { labels, value } in &family.samples {
        match value {
            Value::Number(number) => {
                write_line(page, name, suffix, labels, None, *number, format);
            }
            Value::Distribution(distribution) => {
                let mut below = 0;
                for (at, count) in distribution.counts.iter().enumerate() {
                    below += count;
                    let bound = match distribution.bounds.get(at) {
                        Some(bound) => format!("{bound:?}"),
                        None => "+Inf".to_string(),
                    };
                    write_line(
                        page,
                        name,
                        "_bucket",
                        labels,
                        Some(&bound),
                        below as f64,
                        format,
                    );
                }
                write_line(page, name, "_sum", labels, None, distribution.sum, format);
                write_line(page, name, "_count", labels, None, below as f64, format);
            }
        }
    }
}

fn write_line(
    page: &mut String,
    name: &str,
    suffix: &str,
    labels: &[(&'static str, String)],
    bound: Option<&str>,
    value: f64,
    format: Format,
) {
    page.push_str(name);
    page.push_str(suffix);
    if !labels.is_empty() || bound.is_some() {
        page.push('{');
        for (at, (label, text)) in labels.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let _ = write!(page, "{comma}{label}=\"{}\"", escaped(text, format, true));
        }
        if let Some(bound) = bound {
            let comma = if labels.is_empty() { "" } else { "," };
            let _ = write!(page, "{comma}le=\"{bound}\"");
        }
        page.push('}');
    }
    let _ = writeln!(page, " {value}");
}

/// Backslash, line feed, and in labels (and everywhere in OpenMetrics) the quotation mark.
fn escaped(text: &str, format: Format, is_label: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '"' if is_label || format == Format::OpenMetrics => escaped.push_str("\\\""),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn families() -> Vec<Family> {
        vec![
            Family {
                name: "stepwell_starts",
                help: "Starts that were \"taken\".",
                kind: Kind::Counter,
                samples: vec![
                    Sample {
                        labels: vec![
                            ("machine", "a\"b\\c\nd".to_string()),
                            ("kind", "x".to_string()),
                        ],
                        value: Value::Number(3.0),
                    },
                    Sample {
                        labels: Vec::new(),
                        value: Value::Number(12_345_678_901.0),
                    },
                ],
            },
            Family {
                name: "stepwell_wait_seconds",
                help: "Waits.",
                kind: Kind::Histogram,
                samples: vec![Sample {
                    labels: vec![("pool", "a".to_string())],
                    value: Value::Distribution(Distribution {
                        bounds: vec![0.005, 1.0],
                        counts: vec![1, 0, 2],
                        sum: 8.25,
                    }),
                }],
            },
            Family {
                name: "stepwell_idle",
                help: "Nothing yet.",
                kind: Kind::Gauge,
                samples: Vec::new(),
            },
        ]
    }

    #[test]
    fn the_page_is_what_prometheus_reads() {
        expect_test::expect![[r#"
            # HELP stepwell_starts_total Starts that were "taken".
            # TYPE stepwell_starts_total counter
            stepwell_starts_total{machine="a\"b\\c\nd",kind="x"} 3
            stepwell_starts_total 12345678901
            # HELP stepwell_wait_seconds Waits.
            # TYPE stepwell_wait_seconds histogram
            stepwell_wait_seconds_bucket{pool="a",le="0.005"} 1
            stepwell_wait_seconds_bucket{pool="a",le="1.0"} 1
            stepwell_wait_seconds_bucket{pool="a",le="+Inf"} 3
            stepwell_wait_seconds_sum{pool="a"} 8.25
            stepwell_wait_seconds_count{pool="a"} 3
            # HELP stepwell_idle Nothing yet.
            # TYPE stepwell_idle gauge
        "#]]
        .assert_eq(&page(&families(), Format::Text));
    }

    #[test]
    fn open_metrics_names_a_counter_without_its_suffix_and_ends_with_a_mark() {
        expect_test::expect![[r#"
            # HELP stepwell_starts Starts that were \"taken\".
            # TYPE stepwell_starts counter
            stepwell_starts_total{machine="a\"b\\c\nd",kind="x"} 3
            stepwell_starts_total 12345678901
            # EOF
        "#]]
        .assert_eq(&page(&families()[..1], Format::OpenMetrics));
    }

    #[test]
    fn the_format_is_the_one_that_is_asked_for() {
        for (accept, format) in [
            (None, Format::Text),
            (Some("*/*"), Format::Text),
            (Some("text/plain"), Format::Text),
            (Some("application/openmetrics-text"), Format::OpenMetrics),
            // What Prometheus 2.42 sends.
            (
                Some(
                    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                ),
                Format::OpenMetrics,
            ),
            (
                Some("text/plain;version=0.0.4, application/openmetrics-text;q=0.3"),
                Format::Text,
            ),
            (Some("application/openmetrics-text;q=0"), Format::Text),
        ] {
            assert_eq!(Format::of(accept), format, "{accept:?}");
        }
    }
}
