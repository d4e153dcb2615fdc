//! How deployments and builds are told, to a reader or to a machine.

use serde_json::{Value, json};

use crate::{
    deployment::{Change, Outcome},
    terminal::{self, Style},
};

/// Where reports go: lines for a reader, or JSON lines.
#[derive(Clone, Copy)]
pub struct Report {
    pub is_json: bool,
    pub style: Style,
}

impl Report {
    pub fn new(is_json: bool) -> Self {
        Self {
            is_json,
            style: Style::of_stdout(),
        }
    }

    pub fn change(self, change: &Change) {
        if self.is_json {
            terminal::put_json(&change_json(change));
        } else {
            terminal::put_line(&change_line(change, self.style));
        }
    }

    pub fn warning(self, text: &str) {
        if self.is_json {
            terminal::put_json(&json!({ "event": "warning", "message": text }));
        } else {
            terminal::put_line(&format!("{} {text}", self.style.yellow("warning:")));
        }
    }

    /// What keeps a part of the application from being built; `subject` is a file or a resource.
    pub fn failure(self, subject: &str, text: &str) {
        if self.is_json {
            terminal::put_json(&json!({ "event": "error", "subject": subject, "message": text }));
        } else {
            terminal::put_line(&format!(
                "{} {subject}\n  {}",
                self.style.red("failed:"),
                text.trim_end().replace('\n', "\n  ")
            ));
        }
    }

    /// What the type checker found: errors with their places, and how many are not among them.
    pub fn types(self, errors: &[String], hidden: usize) {
        if self.is_json {
            terminal::put_json(&json!({ "event": "types", "errors": errors, "hidden": hidden }));
            return;
        }
        for error in errors {
            terminal::put_line(&format!("{} {error}", self.style.yellow("types:")));
        }
        if hidden > 0 {
            terminal::put_line(&format!(
                "{} and {hidden} more",
                self.style.yellow("types:")
            ));
        }
        if errors.is_empty() {
            terminal::put_line(&format!("{} no errors", self.style.green("types:")));
        }
    }

    /// A line that only a reader wants.
    pub fn say(self, line: &str) {
        if !self.is_json {
            terminal::put_line(line);
        }
    }

    /// A document that only a machine wants.
    pub fn document(self, document: &Value) {
        if self.is_json {
            terminal::put_json(document);
        }
    }
}

fn change_line(change: &Change, style: Style) -> String {
    let (word, detail) = match &change.outcome {
        Outcome::Created => (style.green("created  "), String::new()),
        Outcome::Updated(members) => (
            style.green("updated  "),
            format!("  {}", members.join(", ")),
        ),
        Outcome::Unchanged => (style.dim("unchanged"), String::new()),
        Outcome::Deleted => (style.yellow("deleted  "), String::new()),
        Outcome::RolledBack => (style.yellow("put back "), String::new()),
        Outcome::Failed(reason) => (style.red("failed   "), format!("\n    {reason}")),
    };
    let took = if matches!(change.outcome, Outcome::Unchanged) {
        String::new()
    } else {
        terminal::duration(change.took_ms)
    };
    format!(
        "{word}  {:<13}  {:<40} {took:>8}{}",
        change.what,
        change.name,
        style.dim(&detail)
    )
    .trim_end()
    .to_owned()
}

fn change_json(change: &Change) -> Value {
    let (event, detail) = match &change.outcome {
        Outcome::Created => ("created", Value::Null),
        Outcome::Updated(members) => ("updated", json!(members)),
        Outcome::Unchanged => ("unchanged", Value::Null),
        Outcome::Deleted => ("deleted", Value::Null),
        Outcome::RolledBack => ("rolledBack", Value::Null),
        Outcome::Failed(reason) => ("failed", json!(reason)),
    };
    let mut document = json!({ "event": event, "resource": change.what, "logicalId": change.logical_id, "name": change.name, "durationMs": change.took_ms });
    match event {
        "updated" => document["changed"] = detail,
        "failed" => document["message"] = detail,
        _ => {}
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_one_line_or_one_document() {
        let change = Change {
            what: "function",
            logical_id: "Charge".to_owned(),
            name: "shop-Charge".to_owned(),
            outcome: Outcome::Updated(vec!["Code".to_owned()]),
            took_ms: 41,
        };
        assert_eq!(
            change_line(&change, Style::PLAIN),
            "updated    function       shop-Charge                                 41 ms  Code"
        );
        assert_eq!(
            change_json(&change),
            json!({"event": "updated", "resource": "function", "logicalId": "Charge", "name": "shop-Charge", "durationMs": 41, "changed": ["Code"]})
        );
    }
}
