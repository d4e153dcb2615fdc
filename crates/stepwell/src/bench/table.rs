//! A table of figures with targets and verdicts.

use serde_json::{Value, json};

/// Rows of figures, in the order in which they were measured.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
    notes: Vec<String>,
}

struct Row {
    what: String,
    figure: f64,
    unit: &'static str,
    target: Option<Target>,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    fn is_met(self, figure: f64) -> bool {
        match self {
            Target::AtLeast(least) => figure >= least,
            Target::AtMost(most) => figure <= most,
        }
    }

    fn text(self) -> String {
        match self {
            Target::AtLeast(least) => format!("at least {}", number(least)),
            Target::AtMost(most) => format!("at most {}", number(most)),
        }
    }
}

impl Table {
    pub fn figure(&mut self, what: impl Into<String>, figure: f64, unit: &'static str) {
        self.push(what.into(), figure, unit, None);
    }

    pub fn target(
        &mut self,
        what: impl Into<String>,
        figure: f64,
        unit: &'static str,
        target: Target,
    ) {
        self.push(what.into(), figure, unit, Some(target));
    }

    /// A sentence below the table.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    fn push(&mut self, what: String, figure: f64, unit: &'static str, target: Option<Target>) {
        self.rows.push(Row {
            what,
            figure,
            unit,
            target,
        });
    }

    pub fn text(&self) -> String {
        let width = self
            .rows
            .iter()
            .map(|row| row.what.len())
            .max()
            .unwrap_or(0);
        let mut text = String::new();
        for row in &self.rows {
            let figure = format!("{} {}", number(row.figure), row.unit);
            let verdict = match row.target {
                None => String::new(),
                Some(target) if target.is_met(row.figure) => format!("{}: met", target.text()),
                Some(target) => format!("{}: MISSED", target.text()),
            };
            let line = format!("{:<width$}  {figure:>18}  {verdict}", row.what);
            text.push_str(line.trim_end());
            text.push('\n');
        }
        for note in &self.notes {
            text.push_str(note);
            text.push('\n');
        }
        text
    }

    pub fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let mut shown = json!({ "what": row.what, "figure": row.figure, "unit": row.unit });
            match row.target {
                Some(Target::AtLeast(least)) => shown["atLeast"] = json!(least),
                Some(Target::AtMost(most)) => shown["atMost"] = json!(most),
                None => {}
            }
            if let Some(target) = row.target {
                shown["isMet"] = json!(target.is_met(row.figure));
            }
            shown
        });
        json!({ "workload": "functions", "rows": rows.collect::<Vec<_>>(), "notes": self.notes })
    }
}

/// As many digits as say something.
fn number(figure: f64) -> String {
    if figure.abs() >= 100.0 {
        format!("{figure:.0}")
    } else if figure.abs() >= 10.0 {
        format!("{figure:.1}")
    } else {
        format!("{figure:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_held_against_its_target() {
        let mut table = Table::default();
        table.figure("the machine", 1234.5, "a second");
        table.target("fast enough", 700.0, "runs/s", Target::AtLeast(700.0));
        table.target("slow", 6.01, "ms", Target::AtMost(6.0));
        table.note("a note");
        assert_eq!(
            table.text(),
            "the machine       1234 a second\n\
             fast enough          700 runs/s  at least 700: met\n\
             slow                    6.01 ms  at most 6.00: MISSED\n\
             a note\n"
        );
        assert_eq!(table.json()["rows"][2]["isMet"], false);
        assert_eq!(table.json()["rows"][0].get("isMet"), None);
    }
}
