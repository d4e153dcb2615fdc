//! Requests of OTLP: protobuf, JSON, gzip, and what becomes of their spans, points and records.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use stepwell_telemetry::otlp::{
    Accumulated, Signal, gzip, received_logs, received_points, received_segments, trace_request,
};

use crate::Target;
use crate::corpus::Corpus;
use crate::draw::Draw;

pub static TARGET: Target = Target {
    name: "otlp",
    generate,
    read,
};

/// Bytes that are changed in a message.
const CHANGES_MAX: usize = 12;

/// An unpacked request may be so large here; the server allows more.
const UNPACKED_BYTES_MAX: u64 = 1 << 20;

const NOW_MS: i64 = 1_767_225_600_000;

const PIECES: [&str; 16] = [
    r#""traceId":"5f84c7a1e7d1852db8c4fd35d88bf49a","#,
    r#""spanId":"00f067aa0ba902b7","#,
    r#""startTimeUnixNano":"18446744073709551615","#,
    r#""asDouble":"NaN","#,
    r#""asInt":"-9223372036854775808","#,
    r#""count":18446744073709551615,"#,
    r#""aggregationTemporality":2,"isMonotonic":true,"#,
    r#""kvlistValue":{"values":[{"key":"a","value":"#,
    r#""arrayValue":{"values":["#,
    r#""bytesValue":"AAEC/w==""#,
    r#"{"stringValue":"é"}"#,
    r#""key":"service.name","value":{"stringValue":"AWS/x"}"#,
    r#""key":"aws.xray.annotations","#,
    r#""key":"http.status_code","value":{"intValue":"429"}"#,
    "null",
    "1e308",
];

/// JSON of the corpus as it is or changed; or protobuf of it, with bytes changed; either packed now and then.
fn generate(draw: &mut Draw, corpus: &Corpus) -> Vec<u8> {
    let text = corpus.text(draw).to_owned();
    let signal = draw.one_of(&Signal::ALL);
    let mut input = match signal.decode_json(text.as_bytes()) {
        Ok(request) if draw.once_in(2) => {
            let mut bytes = signal.encode(&request);
            for _ in 0..draw.below(CHANGES_MAX) {
                let at = draw.below(bytes.len() + 1);
                match draw.below(3) {
                    0 if at < bytes.len() => bytes[at] = draw.below(256) as u8,
                    1 if at < bytes.len() => drop(bytes.remove(at)),
                    _ => bytes.insert(at, draw.below(256) as u8),
                }
            }
            bytes
        }
        _ => draw.mutated(&text, &PIECES, corpus).into_bytes(),
    };
    if draw.once_in(8) {
        input = gzip(&input);
        let at = draw.below(input.len());
        input[at] = draw.below(256) as u8;
    }
    input
}

fn read(input: &[u8]) {
    // As the server unpacks it.
    let mut unpacked = Vec::new();
    let decoder = MultiGzDecoder::new(input);
    let input = match decoder.take(UNPACKED_BYTES_MAX).read_to_end(&mut unpacked) {
        Ok(_) => &unpacked,
        Err(_) => input,
    };
    for signal in Signal::ALL {
        for request in [signal.decode(input), signal.decode_json(input)] {
            let Ok(request) = request else { continue };
            let again = signal.decode(&signal.encode(&request));
            assert!(again.is_ok(), "what was read can be written and read");
            match signal {
                Signal::Traces => {
                    let (documents, _) = received_segments(&request);
                    trace_request(&documents, &serde_json::Map::new());
                }
                Signal::Metrics => {
                    received_points(&request, &mut Accumulated::new(0), NOW_MS);
                }
                Signal::Logs => {
                    received_logs(&request, NOW_MS);
                }
            }
        }
    }
}
