//! JSON given on the command line: a file, stdin, or the text itself.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use anyhow::{Context as _, bail};

use crate::samples;

/// AWS: a function's event has at most 6 MiB; an execution's input is smaller and refused by the server.
const INPUT_BYTES_MAX: u64 = 6 * 1024 * 1024;

/// The JSON text meant by `FILE|-|JSON`, checked to be JSON; `{}` if nothing was given.
///
/// A file of the directory `events` is known by its name alone.
pub fn read(option: &str, given: Option<&str>) -> anyhow::Result<String> {
    let Some(given) = given else {
        return Ok("{}".to_owned());
    };
    if given == "-" {
        return checked(
            option,
            "stdin",
            bounded(option, "stdin", io::stdin().lock())?,
        );
    }
    let path = Path::new(given);
    if path.is_file() {
        let file = File::open(path).with_context(|| format!("{option} {given}"))?;
        return checked(option, given, bounded(option, given, file)?);
    }
    if let Some(sample) = samples::named(Path::new("."), given) {
        let shown = sample.display().to_string();
        let file = File::open(&sample).with_context(|| format!("{option} {shown}"))?;
        return checked(option, &shown, bounded(option, &shown, file)?);
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(given) {
        Ok(_) => Ok(given.to_owned()),
        Err(reason) if given.trim_start().starts_with(['{', '[', '"']) => {
            bail!("{option} is not JSON: {reason}")
        }
        Err(_) => bail!(
            "{option} {given:?} is not a file, and not JSON text either\nnext: give a file, - for stdin, or JSON such as '{{\"orderId\": \"7\"}}'{}",
            offered()
        ),
    }
}

/// The samples of the directory that the command runs in.
fn offered() -> String {
    let samples: Vec<String> = samples::of(Path::new("."))
        .iter()
        .map(|path| path.strip_prefix(".").unwrap_or(path).display().to_string())
        .collect();
    match samples.as_slice() {
        [] => String::new(),
        samples => format!("\n      there are {}", samples.join(", ")),
    }
}

fn bounded(option: &str, source: &str, reader: impl Read) -> anyhow::Result<String> {
    let mut text = String::new();
    let length = reader
        .take(INPUT_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("{option} {source}"))?;
    if length as u64 > INPUT_BYTES_MAX {
        bail!("{option} {source} is longer than {INPUT_BYTES_MAX} bytes");
    }
    Ok(text)
}

fn checked(option: &str, source: &str, text: String) -> anyhow::Result<String> {
    serde_json::from_str::<serde::de::IgnoredAny>(&text)
        .with_context(|| format!("{option} {source} is not JSON"))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_text_is_taken_as_it_is() {
        assert_eq!(
            read("--input", Some(r#"{"a": 1}"#)).ok().as_deref(),
            Some(r#"{"a": 1}"#)
        );
        assert_eq!(read("--input", Some("7")).ok().as_deref(), Some("7"));
        assert_eq!(read("--input", None).ok().as_deref(), Some("{}"));
    }

    #[test]
    fn what_is_neither_file_nor_json_says_so() {
        let error = |given: &str| {
            read("--input", Some(given))
                .err()
                .map(|error| format!("{error:#}"))
                .unwrap_or_default()
        };
        assert!(
            error("{\"a\": }").contains("--input is not JSON: expected value at line 1"),
            "{}",
            error("{\"a\": }")
        );
        assert!(
            error("no/such/file.json").contains("is not a file"),
            "{}",
            error("no/such/file.json")
        );
    }
}
