//! Filter patterns and queries of CloudWatch Logs, and messages that they are held against.

use std::borrow::Cow;

use stepwell_telemetry::{FilterPattern, LogRecord, Query, Run};

use crate::Target;
use crate::corpus::Corpus;
use crate::draw::Draw;

pub static FILTER_PATTERN: Target = Target {
    name: "filter_pattern",
    generate: |draw, corpus| generate(draw, corpus, &PATTERN_PIECES),
    read: read_pattern,
};

pub static INSIGHTS: Target = Target {
    name: "insights",
    generate: |draw, corpus| generate(draw, corpus, &QUERY_PIECES),
    read: read_query,
};

/// Most pieces that are put together on purpose.
const PIECES_MAX: usize = 24;

const MESSAGES: [&str; 7] = [
    r#"{"level":"ERROR","ms":120,"user":{"id":"u1","tags":["a",{"b":null}]},"ok":false,"":{"a.b":1}}"#,
    "127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] \"GET /a.gif HTTP/1.0\" 404 1534",
    "REPORT RequestId: 0123\tDuration: 12.50 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: 60 MB\t",
    "2023-11-14T22:13:20.000Z\tid\tINFO\t{\"a\":1e308}",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab é 👩‍👩‍👧",
    "[ \"open",
    "",
];

const PATTERN_PIECES: [&str; 40] = [
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "$.a",
    "$.level",
    "$.user.tags[*].b",
    "$['a.b']",
    "$.x[0]",
    " = ",
    " != ",
    " > ",
    "&&",
    "||",
    "\"ERROR\"",
    "\"*\"",
    "*a*b*",
    "1e3",
    "-1",
    "...",
    ",",
    "%a*b%",
    "%[0-9]{1,3}%",
    "%(a)%",
    "%\\x28%",
    "?a",
    "-b",
    "\"",
    "\\",
    "IS TRUE",
    "IS NULL",
    "NOT EXISTS",
    "ip",
    "status=4*",
    " ",
    "é",
    "%",
    "$",
];

const QUERY_PIECES: [&str; 64] = [
    "fields ",
    "filter ",
    "stats ",
    "sort ",
    "limit ",
    "parse ",
    "dedup ",
    "display ",
    "| ",
    "@message",
    "@timestamp",
    "level",
    "user.tags.1.b",
    "`a.b`",
    "count(*)",
    "count_distinct(ms)",
    "sum(ms)",
    "pct(ms, 99)",
    "stddev(ms)",
    "earliest(level)",
    "bin(5m)",
    "bin(1ms)",
    " by ",
    " as x",
    " and ",
    " or ",
    "not ",
    " in ['a', 1]",
    " like /a+b/",
    " like 'a'",
    " =~ /[/",
    "(",
    ")",
    ",",
    "=",
    "!=",
    "<",
    ">=",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "1e308",
    "0",
    "-1",
    "5m",
    "'*a*'",
    "\"text\"",
    "/(?<n>a)/",
    "replace(@message, 'a', @message)",
    "concat(x, x, x)",
    "substr(x, -1, 1e9)",
    "datefloor(@timestamp, 0)",
    "fromMillis(1e300)",
    "strlen(",
    "if(a, b, c)",
    "desc",
    "asc",
    "#",
    "\n",
    "é",
    "pattern ",
];

fn generate(draw: &mut Draw, corpus: &Corpus, pieces: &[&str]) -> Vec<u8> {
    let text = if draw.once_in(2) {
        corpus.text(draw).to_owned()
    } else {
        let count = 1 + draw.below(PIECES_MAX);
        (0..count)
            .map(|_| match draw.below(12) {
                0 => draw.number(),
                _ => draw.one_of(pieces).to_owned(),
            })
            .collect()
    };
    match draw.once_in(3) {
        true => text.into_bytes(),
        false => draw.mutated(&text, pieces, corpus).into_bytes(),
    }
}

fn read_pattern(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok(pattern) = FilterPattern::parse(&text) else {
        return;
    };
    let needle = pattern.needle();
    for message in MESSAGES.into_iter().chain([&*text]) {
        let is_match = pattern.matches(message);
        assert_eq!(is_match, pattern.extract(message).is_some(), "{message}");
        if let (true, Some(needle)) = (is_match, &needle) {
            assert!(
                message.contains(needle) || message.contains('\\'),
                "{needle}"
            );
        }
        drop(pattern.select(message, &text));
    }
}

fn read_query(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let query = match Query::parse(&text) {
        Ok(query) => query,
        Err(error) => {
            assert!(error.start <= error.end, "{error:?}");
            assert!(error.end <= text.chars().count(), "{error:?}");
            return;
        }
    };
    let mut run = Run::new(&query, Some(5), 1_767_225_600_000);
    for (at, message) in MESSAGES.iter().enumerate() {
        let goes_on = run.take(LogRecord {
            timestamp_ms: 1_767_225_600_000 - at as i64 * 60_000,
            ingestion_ms: i64::MAX,
            stream: Cow::Borrowed("s"),
            log: Cow::Borrowed("123456789012:g"),
            pointer: Cow::Borrowed("p"),
            message: Cow::Borrowed(message),
        });
        if !goes_on {
            break;
        }
    }
    drop(run.finish());
}
