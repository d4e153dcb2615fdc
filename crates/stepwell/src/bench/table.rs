//! A table of figures: each beside the machine's limit, with its target and a verdict.

use serde_json::{Value, json};

/// Rows of figures, in the order in which they were measured.
#[derive(Default)]
pub struct Table {
    workload: &'static str,
    rows: Vec<Row>,
    notes: Vec<Note>,
}

struct Row {
    workload: &'static str,
    what: String,
    value: f64,
    unit: &'static str,
    limit: Option<Limit>,
    target: Option<Target>,
}

struct Note {
    workload: &'static str,
    text: String,
}

/// What the machine gives without Stepwell, measured in the same run.
#[derive(Debug, Clone)]
pub struct Limit {
    pub what: String,
    pub value: f64,
    pub unit: &'static str,
}

impl Limit {
    pub fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Limit {
        Limit {
            what: what.into(),
            value,
            unit,
        }
    }
}

/// What a figure should be; a ratio is the figure divided by the limit beside it.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
    RatioAtLeast(f64),
    RatioAtMost(f64),
}

impl Target {
    fn is_met(self, value: f64, ratio: Option<f64>) -> bool {
        match self {
            Target::AtLeast(least) => value >= least,
            Target::AtMost(most) => value <= most,
            Target::RatioAtLeast(least) => ratio.is_some_and(|ratio| ratio >= least),
            Target::RatioAtMost(most) => ratio.is_some_and(|ratio| ratio <= most),
        }
    }

    fn text(self) -> String {
        match self {
            Target::AtLeast(least) => format!("at least {}", number(least)),
            Target::AtMost(most) => format!("at most {}", number(most)),
            Target::RatioAtLeast(least) => format!("at least {} of it", number(least)),
            Target::RatioAtMost(most) => format!("at most {} of it", number(most)),
        }
    }
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        let limit = self.limit.as_ref()?;
        (limit.value > 0.0).then(|| self.value / limit.value)
    }

    fn is_met(&self) -> Option<bool> {
        Some(self.target?.is_met(self.value, self.ratio()))
    }

    fn json(&self) -> Value {
        json!({
            "workload": self.workload,
            "what": self.what.trim_start(),
            "value": self.value,
            "unit": self.unit,
            "limit": self.limit.as_ref().map(|limit| json!({
                "what": limit.what, "value": limit.value, "unit": limit.unit,
            })),
            "ratio": self.ratio(),
            "target": self.target.map(Target::text),
            "met": self.is_met(),
        })
    }

    fn text(&self, width: usize) -> String {
        let value = format!("{} {}", number(self.value), self.unit);
        let mut line = format!("{:<width$}  {:>18}", self.what, value.trim_end());
        if let (Some(limit), Some(ratio)) = (&self.limit, self.ratio()) {
            line.push_str(&format!(
                "  = {} x {} ({} {})",
                number(ratio),
                limit.what,
                number(limit.value),
                limit.unit
            ));
        }
        if let (Some(target), Some(is_met)) = (self.target, self.is_met()) {
            let verdict = if is_met { "met" } else { "MISSED" };
            line.push_str(&format!("  {}: {verdict}", target.text()));
        }
        line
    }
}

impl Table {
    /// Figures and notes that follow are of this workload.
    pub fn begin(&mut self, workload: &'static str) {
        self.workload = workload;
    }

    pub fn figure(&mut self, what: impl Into<String>, value: f64, unit: &'static str) {
        self.row(what, value, unit, None, None);
    }

    pub fn target(
        &mut self,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
        target: Target,
    ) {
        self.row(what, value, unit, None, Some(target));
    }

    /// A figure beside a limit of the machine.
    pub fn beside(
        &mut self,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
        limit: Limit,
        target: Option<Target>,
    ) {
        self.row(what, value, unit, Some(limit), target);
    }

    /// A sentence below the figures of the workload.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(Note {
            workload: self.workload,
            text: text.into(),
        });
    }

    fn row(
        &mut self,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
        limit: Option<Limit>,
        target: Option<Target>,
    ) {
        self.rows.push(Row {
            workload: self.workload,
            what: what.into(),
            value,
            unit,
            limit,
            target,
        });
    }

    /// The workload that was begun last: its name, one line a figure, its notes.
    pub fn text(&self) -> String {
        let rows: Vec<&Row> = self
            .rows
            .iter()
            .filter(|row| row.workload == self.workload)
            .collect();
        let widths = rows.iter().map(|row| row.what.chars().count());
        let width = widths.max().unwrap_or(0);
        let mut text = format!("{}\n", self.workload);
        for row in rows {
            text.push_str(&format!("{}\n", row.text(width)));
        }
        let notes = self.notes.iter();
        for note in notes.filter(|note| note.workload == self.workload) {
            text.push_str(&format!("- {}\n", note.text));
        }
        text
    }

    /// Every member is in every row; `limit`, `ratio`, `target` and `met` are `null` where a figure has none.
    pub fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        let notes = self
            .notes
            .iter()
            .map(|note| json!({ "workload": note.workload, "text": note.text }));
        let missed = self.rows.iter().filter(|row| row.is_met() == Some(false));
        json!({ "rows": rows, "notes": notes.collect::<Vec<_>>(), "missed": missed.count() })
    }
}

/// As many digits as say something.
pub fn number(figure: f64) -> String {
    match figure.abs() {
        100.0.. => format!("{figure:.0}"),
        10.0.. => format!("{figure:.1}"),
        0.1.. => format!("{figure:.2}"),
        0.0 => "0".to_owned(),
        _ => format!("{figure:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_held_against_its_target() {
        let mut table = Table::default();
        table.begin("functions");
        table.figure("the machine", 1234.5, "a second");
        table.target("fast enough", 700.0, "runs/s", Target::AtLeast(700.0));
        table.target("slow", 6.01, "ms", Target::AtMost(6.0));
        table.note("a note");
        assert_eq!(
            table.text(),
            "functions\n\
             the machine       1234 a second\n\
             fast enough          700 runs/s  at least 700: met\n\
             slow                    6.01 ms  at most 6.00: MISSED\n\
             - a note\n"
        );
        table.begin("express");
        let echo = || Limit::new("echo", 1000.0, "calls/s");
        let half = Some(Target::RatioAtLeast(0.5));
        table.beside("  beside it", 400.0, "calls/s", echo(), half);
        table.beside("no verdict", 400.0, "calls/s", echo(), None);
        assert_eq!(
            table.text(),
            "express\n\
             \u{20} beside it         400 calls/s  = 0.40 x echo (1000 calls/s)  at least 0.50 of it: MISSED\n\
             no verdict          400 calls/s  = 0.40 x echo (1000 calls/s)\n"
        );
        let json = table.json();
        assert_eq!(json["missed"], 2);
        assert_eq!(json["rows"][1]["met"], true);
        assert_eq!(json["rows"][0]["met"], Value::Null);
        assert_eq!(
            json["rows"][3],
            json!({
                "workload": "express", "what": "beside it", "value": 400.0, "unit": "calls/s",
                "limit": { "what": "echo", "value": 1000.0, "unit": "calls/s" },
                "ratio": 0.4, "target": "at least 0.50 of it", "met": false,
            })
        );
    }
}
