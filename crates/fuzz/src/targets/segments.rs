//! X-Ray: datagrams of its daemon, segment documents in them, trace headers and filter expressions.

use stepwell_telemetry::{Segment, TraceFilter, TraceHeader, TraceId, datagram};

use crate::Target;
use crate::corpus::Corpus;
use crate::draw::Draw;

pub static TARGET: Target = Target {
    name: "segments",
    generate,
    read,
};

/// An instant close to the documents of the corpus.
const NOW_MS: i64 = 1_700_000_000_000;

const PIECES: [&str; 40] = [
    "{\"format\": \"json\", \"version\": 1}\n",
    "\"trace_id\": \"1-6553f100-000000000000000000000001\"",
    "\"id\": \"53995c3f42cd8ad8\"",
    "\"parent_id\": \"53995c3f42cd8ad8\"",
    "\"name\": \"shop\"",
    "\"start_time\": 1700000000.5",
    "\"end_time\": 1700000001e0",
    "\"end_time\": 1e308",
    "\"in_progress\": true",
    "\"type\": \"subsegment\"",
    "\"subsegments\": [",
    "\"subsegments\": [{",
    "}]",
    "\"annotations\": {\"a\": 1}",
    "\"\\ud800\"",
    "null",
    "-0",
    "1e-400",
    "Root=1-5759e988-bd862e3fe1be46a994272793;",
    "Parent=53995c3f42cd8ad8;",
    "Sampled=1",
    "Sampled=?",
    "Lineage=a87bd80c:1",
    "responsetime > 5",
    "service(\"a\") { ",
    "service(id(name: \"a\", type: \"b\"))",
    "edge(\"a\", \"b\") { fault }",
    "annotation.a = \"b\"",
    "annotation[a.b] CONTAINS \"c\"",
    "rootcause.fault.entity { name(\"x\") }",
    "group.name = \"g\"",
    " AND ",
    " OR ",
    "!",
    "(",
    ")",
    "}",
    "\\\"",
    "'",
    "é",
];

fn generate(draw: &mut Draw, corpus: &Corpus) -> Vec<u8> {
    let text = if draw.once_in(3) {
        (0..draw.below(200)).map(|_| draw.one_of(&PIECES)).collect()
    } else if draw.once_in(20) {
        draw.one_of(&PIECES).repeat(draw.one_of(&[10, 300, 3_000]))
    } else {
        corpus.text(draw).to_owned()
    };
    let mut bytes = draw.mutated(&text, &PIECES, corpus).into_bytes();
    if draw.once_in(10) && !bytes.is_empty() {
        let at = draw.below(bytes.len());
        bytes[at] = 0xff;
    }
    bytes
}

fn read(input: &[u8]) {
    if let Ok(document) = datagram(input) {
        segment(document);
    }
    let text = String::from_utf8_lossy(input);
    segment(&text);
    if let Some(id) = TraceId::parse(&text) {
        assert_eq!(id.to_string(), text.to_lowercase());
    }
    if let Some(header) = TraceHeader::parse(&text) {
        let again = header.to_string();
        assert_eq!(TraceHeader::parse(&again), Some(header), "{again}");
    }
    // A group that names itself must not go on for ever.
    let group = |_: &str| Some(text.clone().into_owned());
    if let Err(reason) = TraceFilter::parse(&text, &group) {
        assert!(!reason.is_empty());
    }
}

/// What is taken is taken again as it is, and what is refused says why.
fn segment(document: &str) {
    match Segment::parse(document.to_owned(), NOW_MS) {
        Ok(segment) => {
            assert!(segment.start_ms <= segment.end_ms);
            let again = Segment::parse(segment.text.clone(), NOW_MS).expect("it was taken before");
            assert_eq!(again, segment);
        }
        Err(rejected) => assert!(
            rejected.message.contains(rejected.code),
            "{}",
            rejected.message
        ),
    }
}
