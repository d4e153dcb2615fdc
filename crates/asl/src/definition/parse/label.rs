//! The `Label` of a Distributed Map.

use super::Parser;
use super::fields::Fields;
use super::report::{DUPLICATE_LABEL_NAME, INVALID_LABEL_NAME};

/// Characters of a label.
const LABEL_CHARACTERS_MAX: usize = 40;

const FORBIDDEN: &str = "?*<>{}[]:;,\\|^~$#%&`\"";

impl Parser<'_> {
    pub(super) fn check_label(&mut self, fields: Fields<'_>) {
        let Some(label) = fields.text("Label", self.report) else {
            return;
        };
        let pointer = fields.at("Label");
        let mut refuse = |message: String| {
            self.report
                .error(INVALID_LABEL_NAME, Some(&pointer), message)
        };
        if label.is_empty() {
            refuse("Label cannot be empty".to_owned());
        } else if label.chars().count() > LABEL_CHARACTERS_MAX {
            refuse(format!(
                "Label '{label}' exceeds the {LABEL_CHARACTERS_MAX}-character limit"
            ));
        } else if let Some(c) = label.chars().find(|c| is_forbidden(*c)) {
            refuse(format!(
                "Label contains invalid character: '{}'",
                c.escape_debug()
            ));
        } else if !self.labels.insert(label.to_owned()) {
            let message = format!("Duplicate Label name: {label}");
            self.report
                .error(DUPLICATE_LABEL_NAME, Some(&pointer), message);
        }
    }
}

fn is_forbidden(c: char) -> bool {
    c.is_whitespace() || c.is_control() || FORBIDDEN.contains(c)
}
