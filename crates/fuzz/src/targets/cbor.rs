//! CBOR: bodies of CloudWatch, well formed and not.

use stepwell_api::cbor;
use stepwell_api::cloudwatch::{Call, Error, GetMetricDataInput, PutMetricDataInput};

use crate::Target;
use crate::corpus::Corpus;
use crate::draw::Draw;

pub static TARGET: Target = Target {
    name: "cbor",
    generate,
    read,
};

/// Names that shapes of CloudWatch have, and some that they do not.
const KEYS: [&str; 20] = [
    "Namespace",
    "MetricData",
    "MetricName",
    "Dimensions",
    "Name",
    "Value",
    "Values",
    "Counts",
    "Timestamp",
    "Unit",
    "StorageResolution",
    "StatisticValues",
    "EntityMetricData",
    "Entity",
    "KeyAttributes",
    "MetricDataQueries",
    "MetricStat",
    "StartTime",
    "x",
    "",
];

/// Levels that are written on purpose; the reader's bound is below.
const DEPTH_MAX: usize = 40;

/// Elements that are written on purpose.
const ELEMENTS_MAX: usize = 5;

fn generate(draw: &mut Draw, _: &Corpus) -> Vec<u8> {
    let mut bytes = Vec::new();
    match draw.below(8) {
        0 => nest(draw, &mut bytes),
        1 => (0..draw.below(64)).for_each(|_| bytes.push(draw.below(256) as u8)),
        _ => item(draw, &mut bytes, 0),
    }
    if draw.once_in(2) && !bytes.is_empty() {
        for _ in 0..=draw.below(4) {
            let at = draw.below(bytes.len());
            match draw.below(4) {
                0 => bytes[at] = draw.below(256) as u8,
                1 => bytes[at] ^= 1 << draw.below(8),
                2 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, draw.below(256) as u8),
            }
        }
    }
    bytes
}

/// Many levels of one kind.
fn nest(draw: &mut Draw, bytes: &mut Vec<u8>) {
    let first = draw.one_of(&[
        &[0x81u8][..],
        &[0x9f],
        &[0xa1, 0x61, b'a'],
        &[0xbf, 0x60],
        &[0xc1],
        &[0x5f],
    ]);
    let levels = draw.one_of(&[10, 31, 32, 33, 1_000, 50_000]);
    (0..levels).for_each(|_| bytes.extend_from_slice(first));
}

fn item(draw: &mut Draw, bytes: &mut Vec<u8>, depth: usize) {
    let kinds = if depth > DEPTH_MAX { 8 } else { 14 };
    match draw.below(kinds) {
        0 => number(draw, bytes, 0),
        1 => number(draw, bytes, 1),
        2 => float(draw, bytes),
        3 => bytes.push(0xf4 + draw.below(4) as u8),
        4 => text(draw, bytes, 2),
        5..=7 => text(draw, bytes, 3),
        8 => {
            head(draw, bytes, 6, 1);
            item(draw, bytes, depth + 1);
        }
        9..=10 => {
            let count = draw.below(ELEMENTS_MAX);
            let ends = begin(draw, bytes, 4, count);
            (0..count).for_each(|_| item(draw, bytes, depth + 1));
            bytes.extend(ends);
        }
        _ => {
            let count = draw.below(ELEMENTS_MAX);
            let ends = begin(draw, bytes, 5, count);
            for _ in 0..count {
                let key = draw.one_of(&KEYS);
                head(draw, bytes, 3, key.len() as u64);
                bytes.extend_from_slice(key.as_bytes());
                item(draw, bytes, depth + 1);
            }
            bytes.extend(ends);
        }
    }
}

/// The head of a list or a map; gives its end where the length is indefinite.
fn begin(draw: &mut Draw, bytes: &mut Vec<u8>, major: u8, count: usize) -> Option<u8> {
    if draw.once_in(3) {
        bytes.push(major << 5 | 31);
        return Some(0xff);
    }
    head(draw, bytes, major, count as u64);
    None
}

/// A head whose argument takes as many bytes as it needs, or more, or lies.
fn head(draw: &mut Draw, bytes: &mut Vec<u8>, major: u8, argument: u64) {
    let argument = if draw.once_in(60) {
        u64::MAX >> draw.below(64)
    } else {
        argument
    };
    let least = match argument {
        0..=23 => 0,
        24..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 3,
        _ => 4,
    };
    let width = least.max(if draw.once_in(8) { draw.below(5) } else { 0 });
    if width == 0 {
        bytes.push(major << 5 | argument as u8);
        return;
    }
    bytes.push(major << 5 | (23 + width as u8));
    let all = argument.to_be_bytes();
    bytes.extend_from_slice(&all[8 - (1 << (width - 1))..]);
}

fn number(draw: &mut Draw, bytes: &mut Vec<u8>, major: u8) {
    let number = u64::MAX >> draw.below(64);
    head(draw, bytes, major, number);
}

fn float(draw: &mut Draw, bytes: &mut Vec<u8>) {
    let number = draw.one_of(&[
        0.0,
        -0.0,
        1.5,
        1e300,
        f64::NAN,
        f64::INFINITY,
        f64::MIN_POSITIVE,
        2f64.powi(361),
    ]);
    match draw.below(3) {
        0 => bytes.extend([0xf9, draw.below(256) as u8, draw.below(256) as u8]),
        1 => {
            bytes.push(0xfa);
            bytes.extend((number as f32).to_be_bytes());
        }
        _ => {
            bytes.push(0xfb);
            bytes.extend(number.to_be_bytes());
        }
    }
}

fn text(draw: &mut Draw, bytes: &mut Vec<u8>, major: u8) {
    let text = draw.one_of(&[
        "a",
        "AWS/States",
        "Count",
        "é",
        "2026-01-31T10:00:00Z",
        "NaN",
        "p99",
        "",
    ]);
    if draw.once_in(6) {
        bytes.push(major << 5 | 31);
        head(draw, bytes, major, text.len() as u64);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0xff);
        return;
    }
    head(draw, bytes, major, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

fn read(input: &[u8]) {
    if let Err(refusal) = cbor::read(input) {
        assert!(refusal.starts_with("the body is no CBOR"), "{refusal}");
    }
    let refused = |error: Error| assert_eq!(error.reply("id").status, 400, "{error}");
    let call = Call::of_path("PutMetricData", input).expect("the operation is known");
    call.input::<PutMetricDataInput>()
        .map_or_else(refused, drop);
    let call = Call::of_path("GetMetricData", input).expect("the operation is known");
    call.input::<GetMetricDataInput>()
        .map_or_else(refused, drop);
}
