//! Colours, durations and a region of lines that is drawn again in place.

use std::{
    env,
    io::{self, IsTerminal, Write},
};

/// Colours, or their absence: only on a terminal, and never when `NO_COLOR` is set (no-color.org).
#[derive(Debug, Clone, Copy)]
pub struct Style {
    has_colour: bool,
}

impl Style {
    pub fn of_stdout() -> Self {
        let is_refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            has_colour: is_interactive() && !is_refused,
        }
    }

    pub fn of_stderr() -> Self {
        let is_refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            has_colour: io::stderr().is_terminal() && !is_refused,
        }
    }

    #[cfg(test)]
    pub const PLAIN: Self = Self { has_colour: false };

    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    pub fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    pub fn cyan(self, text: &str) -> String {
        self.paint("36", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.has_colour && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Whether stdout is a terminal that can redraw lines.
pub fn is_interactive() -> bool {
    io::stdout().is_terminal() && env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// A duration as a reader wants it: `12 ms`, `1.53 s`, `2 min 05 s`.
pub fn duration(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{:02} s", ms / 1_000, ms % 1_000 / 10),
        60_000..3_600_000 => format!("{} min {:02} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {:02} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// One line of text of at most so many characters; line breaks become spaces.
pub fn one_line(text: &str, chars_max: usize) -> String {
    let flat: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.chars().count() <= chars_max {
        return flat;
    }
    let mut cut: String = flat.chars().take(chars_max.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Control characters of a function's output must not reach the terminal.
pub fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// Lines at the bottom of the terminal that are drawn again in place; on anything else, nothing is drawn.
pub struct Live {
    is_live: bool,
    drawn: usize,
}

impl Live {
    pub fn new(is_live: bool) -> Self {
        Self { is_live, drawn: 0 }
    }

    /// Prints a line that stays, above the live ones, which must be drawn again.
    pub fn print(&mut self, line: &str) {
        let erase = self.erasure();
        put(&format!("{erase}{line}\n"));
    }

    /// Replaces the live lines. Wrapping is off meanwhile, so that a line is a row whatever the width.
    pub fn draw(&mut self, lines: &[String]) {
        if !self.is_live || (lines.is_empty() && self.drawn == 0) {
            return;
        }
        let mut out = self.erasure();
        out.push_str("\x1b[?7l");
        for line in lines {
            out.push_str(line);
            out.push('\n');
        }
        out.push_str("\x1b[?7h");
        put(&out);
        self.drawn = lines.len();
    }

    fn erasure(&mut self) -> String {
        let drawn = std::mem::take(&mut self.drawn);
        if drawn == 0 {
            String::new()
        } else {
            format!("\x1b[{drawn}A\x1b[J")
        }
    }
}

/// What a shell needs so that the AWS CLI, an SDK and `stepwell` find this server.
///
/// The region in both variables: the SDK for JavaScript reads the first, the AWS CLI and boto3 the second.
pub fn exports(endpoint: &str, region: &str) -> String {
    format!(
        "export AWS_ENDPOINT_URL={endpoint} AWS_REGION={region} AWS_DEFAULT_REGION={region} \
         AWS_ACCESS_KEY_ID=stepwell AWS_SECRET_ACCESS_KEY=stepwell"
    )
}

/// This program as it was called, for commands that can be pasted.
pub fn program() -> String {
    env::args()
        .next()
        .filter(|called| !called.is_empty())
        .unwrap_or_else(|| "stepwell".to_owned())
}

/// Prints to stdout at once. A reader that has gone (`| head`) ends the program quietly, as for any filter.
pub fn put(text: &str) {
    let mut out = io::stdout().lock();
    if out
        .write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .is_err()
    {
        std::process::exit(0);
    }
}

/// [`put`] with a line break.
pub fn put_line(line: &str) {
    put(&format!("{line}\n"));
}

/// Prints a JSON document on one line.
pub fn put_json(document: &serde_json::Value) {
    put_line(&document.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_naturally() {
        let cases = [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1.00 s"),
            (1_539, "1.53 s"),
            (125_000, "2 min 05 s"),
            (3_725_000, "1 h 02 min"),
        ];
        for (ms, text) in cases {
            assert_eq!(duration(ms), text);
        }
    }

    #[test]
    fn long_text_is_cut_to_one_line() {
        assert_eq!(one_line("a\n  b", 10), "a b");
        assert_eq!(one_line("abcdef", 4), "abc…");
        assert_eq!(harmless("a\x1b[2Jb\n"), "a\u{fffd}[2Jb\n");
    }
}
