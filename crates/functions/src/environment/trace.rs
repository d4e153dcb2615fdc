//! The trace header of an invocation, as the X-Ray SDK in a handler needs it.

use sha2::{Digest, Sha256};

use crate::package::hex;

/// `Root=...;Parent=...;Sampled=...`, with what the caller gave kept.
///
/// - AWS: Lambda gives all three to every invocation (docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html,
///   Tracing header); without them the SDK complains in the log of each one.
/// - Whoever calls decides whether it is sampled; nobody else does, since traces are not built.
/// - `request_id` and `seconds` since 1970 name a trace that the caller did not.
pub(crate) fn header(given: Option<&str>, request_id: &str, seconds: i64) -> String {
    let given = given.unwrap_or_default();
    let digits = hex(&Sha256::digest(request_id));
    let mut parts: Vec<String> = given
        .split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect();
    let lacks = |parts: &[String], name: &str| !parts.iter().any(|part| part.starts_with(name));
    if lacks(&parts, "Root=") {
        let seconds = u32::try_from(seconds).unwrap_or_default();
        parts.insert(0, format!("Root=1-{seconds:08x}-{}", &digits[..24]));
    }
    if lacks(&parts, "Parent=") {
        parts.insert(1, format!("Parent={}", &digits[24..40]));
    }
    if lacks(&parts, "Sampled=") {
        parts.push("Sampled=0".to_owned());
    }
    parts.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_whole_and_what_was_given_is_kept() {
        let made = header(None, "a", 0x6553_f100);
        assert_eq!(
            made.len(),
            "Root=1-6553f100-000000000000000000000000;Parent=0000000000000000;Sampled=0".len()
        );
        assert!(
            made.starts_with("Root=1-6553f100-") && made.ends_with(";Sampled=0"),
            "{made}"
        );
        let whole = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        assert_eq!(header(Some(whole), "a", 0), whole);
        let root = header(
            Some("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"),
            "a",
            0,
        );
        assert!(
            root.starts_with("Root=1-5759e988-bd862e3fe1be46a994272793;Parent="),
            "{root}"
        );
        assert!(root.ends_with(";Sampled=1"), "{root}");
    }
}
