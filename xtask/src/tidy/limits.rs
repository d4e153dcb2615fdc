//! The table of limits, held against the constants that it names.

use std::path::Path;

use anyhow::Result;

use super::Finding;
use crate::{read, root};

/// From the root of the workspace.
const TABLE: &str = "docs/limits.md";

/// Rows whose constant is gone or has another value.
pub fn findings() -> Result<Vec<Finding>> {
    let table = read(&root().join(TABLE))?;
    Ok(check(&table, |file| {
        read(&root().join(file)).unwrap_or_default()
    }))
}

fn check(table: &str, text_of: impl Fn(&Path) -> String) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, line) in table.lines().enumerate() {
        let Some(row) = Row::of(line) else { continue };
        let found = constant(&text_of(row.file.as_ref()), row.name);
        if found.as_deref() == Some(row.value) {
            continue;
        }
        let reason = match found {
            Some(value) => format!("{} is {value} in {}, not {}", row.name, row.file, row.value),
            None => format!("{} has no constant {}", row.file, row.name),
        };
        findings.push(Finding {
            file: TABLE.to_owned(),
            line: at + 1,
            rule: "limits",
            reason,
        });
    }
    findings
}

/// The last column of a row: `` `FILE`: `NAME = VALUE` ``.
struct Row<'t> {
    file: &'t str,
    name: &'t str,
    value: &'t str,
}

impl<'t> Row<'t> {
    fn of(line: &'t str) -> Option<Row<'t>> {
        let last = line.trim_end().strip_suffix('|')?.rsplit('|').next()?;
        let (file, constant) = last.trim().split_once(": ")?;
        let (name, value) = constant.trim_matches('`').split_once(" = ")?;
        Some(Row {
            file: file.trim_matches('`'),
            name,
            value,
        })
    }
}

/// The value of a constant, as it is written.
fn constant(code: &str, name: &str) -> Option<String> {
    let declared = format!("const {name}: ");
    let after = &code[code.find(&declared)? + declared.len()..];
    let (_, value) = after[..after.find(';')?].split_once('=')?;
    Some(value.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::check;

    const HEAD: &str = "| bound | here | code |\n|---|---|---|\n";

    fn findings(row: &str) -> Vec<String> {
        let code = "/// Most.\npub const LEVELS_MAX: usize =\n    1 << 7;\n";
        let found = check(&format!("{HEAD}{row}"), |file| {
            if file.ends_with("a.rs") {
                code.to_owned()
            } else {
                String::new()
            }
        });
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_row_says_what_the_code_says() {
        let none: [&str; 0] = [];
        assert_eq!(
            findings("| levels | 128 | `crates/a.rs`: `LEVELS_MAX = 1 << 7` |"),
            none
        );
        assert_eq!(
            findings("| levels | 64 | `crates/a.rs`: `LEVELS_MAX = 1 << 6` |"),
            ["docs/limits.md:3: limits: LEVELS_MAX is 1 << 7 in crates/a.rs, not 1 << 6"]
        );
        assert_eq!(
            findings("| levels | 64 | `crates/b.rs`: `LEVELS_MAX = 1 << 6` |"),
            ["docs/limits.md:3: limits: crates/b.rs has no constant LEVELS_MAX"]
        );
    }
}
