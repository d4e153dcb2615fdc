//! esbuild's errors and warnings.

use std::fmt;
use std::path::{Path, PathBuf};

/// One error or warning of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// An error, else a warning.
    pub is_error: bool,
    /// The file, absolute, if the problem has a place.
    pub file: Option<PathBuf>,
    /// From 1; 0 if there is no place.
    pub line: u32,
    /// From 1, in bytes; 0 if there is no place.
    pub column: u32,
    /// esbuild's words.
    pub text: String,
    /// The source lines and notes esbuild shows with it.
    pub excerpt: String,
}

impl Problem {
    /// A warning without a place.
    pub(super) fn warning(text: String) -> Problem {
        Problem {
            is_error: false,
            file: None,
            line: 0,
            column: 0,
            text,
            excerpt: String::new(),
        }
    }

    /// The errors among `problems`, one a paragraph.
    pub(super) fn list(problems: &[Problem]) -> String {
        let errors = problems.iter().filter(|problem| problem.is_error);
        errors
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl fmt::Display for Problem {
    /// `file:line:column: text`, then the excerpt.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(
                formatter,
                "{}:{}:{}: ",
                file.display(),
                self.line,
                self.column
            )?;
        }
        formatter.write_str(&self.text)?;
        if !self.excerpt.is_empty() {
            write!(formatter, "\n{}", self.excerpt)?;
        }
        Ok(())
    }
}

/// Reads esbuild's terminal output (it has no other form on its command line).
pub(super) fn parse(output: &str, directory: &Path) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    for line in output.lines() {
        if let Some((is_error, text)) = title(line) {
            if problems.len() == PROBLEMS_MAX {
                break;
            }
            problems.push(Problem {
                is_error,
                text: text.to_owned(),
                ..Problem::warning(String::new())
            });
            continue;
        }
        let Some(problem) = problems.last_mut() else {
            continue;
        };
        if problem.file.is_none()
            && problem.excerpt.is_empty()
            && let Some((file, line, column)) = place(line)
        {
            problem.file = Some(directory.join(file));
            (problem.line, problem.column) = (line, column + 1);
        } else if !line.trim().is_empty() && !is_total(line) {
            if !problem.excerpt.is_empty() {
                problem.excerpt.push('\n');
            }
            problem.excerpt.push_str(line);
        }
    }
    problems
}

/// `✘ [ERROR] text` or `▲ [WARNING] text`.
fn title(line: &str) -> Option<(bool, &str)> {
    let rest = line
        .strip_prefix("✘ ")
        .or_else(|| line.strip_prefix("▲ "))?;
    let error = rest.strip_prefix("[ERROR] ").map(|text| (true, text));
    error.or_else(|| rest.strip_prefix("[WARNING] ").map(|text| (false, text)))
}

/// `    file:line:column:`, with a column from 0.
fn place(line: &str) -> Option<(&str, u32, u32)> {
    let text = line.strip_prefix("    ")?.strip_suffix(':')?;
    let mut parts = text.rsplitn(3, ':');
    let column = parts.next()?.parse().ok()?;
    let line = parts.next()?.parse().ok()?;
    Some((parts.next()?, line, column))
}

/// `2 errors`, `1 warning and 1 error`.
fn is_total(line: &str) -> bool {
    line.starts_with(|first: char| first.is_ascii_digit())
        && (line.contains(" error") || line.contains(" warning"))
}

/// Problems of one build that are kept.
const PROBLEMS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_warnings_keep_place_text_and_excerpt() {
        let output = "✘ [ERROR] Expected \";\" but found \"c\"\n\n    src/a.ts:2:8:\n      2 │ const b c = 2;\n        │         ^\n\n▲ [WARNING] odd [plugin x]\n\n1 warning and 1 error\n";
        let problems = parse(output, Path::new("/p"));
        assert_eq!(problems.len(), 2);
        assert_eq!(
            problems[0].to_string(),
            "/p/src/a.ts:2:9: Expected \";\" but found \"c\"\n      2 │ const b c = 2;\n        │         ^"
        );
        assert_eq!(problems[1], Problem::warning("odd [plugin x]".to_owned()));
    }
}
