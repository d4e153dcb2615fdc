//! Signatures: the heads of requests that nobody has vouched for yet.

use std::borrow::Cow;

use stepwell_api::sigv4::{Claim, Incoming};

use crate::Target;
use crate::corpus::Corpus;
use crate::draw::Draw;

pub static TARGET: Target = Target {
    name: "signature",
    generate,
    read,
};

const PIECES: [&str; 28] = [
    "AWS4-HMAC-SHA256",
    "AWS4-HMAC-SHA256 ",
    "Credential=",
    "SignedHeaders=",
    "Signature=",
    "/aws4_request",
    "AKIDEXAMPLE/20150830/us-east-1/states/aws4_request",
    "20150830T123600Z",
    "00000000T000000Z",
    "99991332T256199Z",
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&",
    "X-Amz-Credential=",
    "X-Amz-Date=",
    "X-Amz-Expires=",
    "604800",
    "-9223372036854775808",
    "X-Amz-SignedHeaders=host",
    "X-Amz-Signature=",
    "host;host;host",
    ";",
    ",",
    "%",
    "%2",
    "%FF",
    "/../",
    "//",
    "é",
    "\n",
];

fn generate(draw: &mut Draw, corpus: &Corpus) -> Vec<u8> {
    let text = corpus.text(draw).to_owned();
    draw.mutated(&text, &PIECES, corpus).into_bytes()
}

/// `METHOD PATH?QUERY`, a header a line, an empty line, the body.
fn read(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let (method, target) = first.split_once(' ').unwrap_or((first, "/"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(&str, Cow<'_, str>)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name, Cow::from(value)))
        .collect();
    let claim = Claim::read(&Incoming {
        method,
        path,
        query,
        headers: &headers,
    });
    if let Ok(Some(claim)) = claim {
        let _ = claim.check_time(1_440_938_160_000);
        let _ = claim.check("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", body.as_bytes());
    }
}
