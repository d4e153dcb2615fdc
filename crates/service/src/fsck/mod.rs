//! Checks of a whole store: every row is read, and what rows must say of each other is compared.
//!
//! Indices follow from the rows that they are of. One walk over everything sums up the rows that must be there and
//! those that are, an index at a time. Where the two sums are equal nothing is wrong, and nothing was looked up or
//! kept in memory. Only for an index whose sums differ a second walk names each row that is missing, is another one,
//! or belongs to nothing.
//!
//! Never here: a change of a row.

mod executions;
mod expected;
mod map_runs;
mod resources;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stepwell_engine::Definition;
use stepwell_store::Snapshot;

use crate::rows::Kind;
use expected::Sums;

/// Findings that are kept with their texts; the others are counted.
pub const FINDINGS_MAX: usize = 1_000;

/// Parsed definitions kept at one time.
const DEFINITIONS_MAX: usize = 256;

/// What a check has found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// At most 1,000 of them, in the order in which they were found.
    pub findings: Vec<Finding>,
    /// All of them.
    pub findings_total: u64,
    /// Kinds of rows that the store has, in the order of their numbers.
    pub kinds: Vec<KindCount>,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A name that does not change: `row-checksum`, `timer-missing`.
    pub rule: &'static str,
    /// The kind of row, as ARCHITECTURE.md calls it.
    pub kind: String,
    /// The key, readable.
    pub key: String,
    /// What is wrong, for people.
    pub text: String,
}

/// Rows of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindCount {
    /// The first byte of the keys.
    pub number: u8,
    pub name: String,
    pub rows: u64,
    /// Of keys and values.
    pub bytes: u64,
}

/// Checks all rows of a shard: each by itself, and what they say of each other.
///
/// - Cost: everything is read once, in the order of keys, in bounded memory. Where an index is damaged everything is
///   read again, and 16 bytes a row of the damaged indices are kept.
/// - What cannot be read is a finding and not an error.
/// - Of a store that was only ever written by a shard, and not damaged since, nothing is found: at any commit.
pub fn fsck(rows: &Arc<dyn Snapshot>) -> Report {
    let mut check = Check::new(rows);
    check.walk();
    let uneven = check.sums.uneven();
    if !uneven.is_empty() {
        check.sums.collect(uneven);
        check.walk();
        check.compare();
    }
    check.report()
}

/// A check that is being made.
struct Check<'a> {
    rows: &'a Arc<dyn Snapshot>,
    findings: Vec<Finding>,
    findings_total: u64,
    counts: BTreeMap<u8, (u64, u64)>,
    sums: Sums,
    /// By the key of the row; `None` where it cannot be read, or this release cannot parse it.
    definitions: BTreeMap<Vec<u8>, Option<Arc<Definition>>>,
    tally: resources::Tally,
    /// Executions that are being deleted, and children of theirs: of these, rows are missing that others miss.
    erasing: BTreeSet<u64>,
    /// Rows of children that runs have found.
    run_items: u64,
    /// The highest number that an execution or a map run has.
    number_max: u64,
}

impl<'a> Check<'a> {
    fn new(rows: &'a Arc<dyn Snapshot>) -> Check<'a> {
        Check {
            rows,
            findings: Vec::new(),
            findings_total: 0,
            counts: BTreeMap::new(),
            sums: Sums::default(),
            definitions: BTreeMap::new(),
            tally: resources::Tally::default(),
            erasing: BTreeSet::new(),
            run_items: 0,
            number_max: 0,
        }
    }

    fn walk(&mut self) {
        self.tally = resources::Tally::default();
        self.run_items = 0;
        self.find_erasing();
        self.check_executions();
        self.check_resources();
        self.check_tally();
        self.check_run_items();
        self.check_unknown();
    }

    /// Something is wrong with the row of `key`.
    ///
    /// What the first walk has said, the second does not say again.
    fn find(&mut self, rule: &'static str, key: &[u8], text: String) {
        if !self.sums.is_collecting() {
            self.put(rule, key, text);
        }
    }

    fn put(&mut self, rule: &'static str, key: &[u8], text: String) {
        // A row that several walks come by is damaged once.
        let key_text = readable(key);
        let is_known =
            |known: &Finding| (known.rule, &known.key, &known.text) == (rule, &key_text, &text);
        if self.findings.iter().any(is_known) {
            return;
        }
        self.findings_total += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding {
                rule,
                kind: name_of(key),
                key: key_text,
                text,
            });
        }
    }

    fn report(self) -> Report {
        let kinds = self.counts.into_iter().map(|(number, (rows, bytes))| {
            let name = name_of(&[number]);
            KindCount {
                number,
                name,
                rows,
                bytes,
            }
        });
        Report {
            kinds: kinds.collect(),
            findings: self.findings,
            findings_total: self.findings_total,
        }
    }
}

fn name_of(key: &[u8]) -> String {
    let first = key.first().copied().unwrap_or_default();
    match Kind::of(first) {
        Some(kind) => format!("{kind:?}"),
        None => format!("{first}"),
    }
}

/// The key after its kind: numbers as such where they can be told, the rest as text.
fn readable(key: &[u8]) -> String {
    let rest = key.get(1..).unwrap_or_default();
    let is_text = |part: &[u8]| part.iter().all(|byte| (b' '..=b'~').contains(byte));
    let mut parts = Vec::new();
    let mut left = rest;
    while !left.is_empty() {
        // No name begins with a byte of zero, and numbers that count do.
        let ends = left.iter().position(|byte| *byte == 0);
        let name = &left[..ends.unwrap_or(left.len())];
        if !name.is_empty() && is_text(name) {
            parts.push(String::from_utf8_lossy(name).into_owned());
            left = left.get(name.len() + 1..).unwrap_or_default();
        } else if let Some((number, behind)) = left.split_first_chunk::<8>() {
            let number = u64::from_be_bytes(*number);
            parts.push(match number > u64::MAX / 2 {
                true => format!("-{}", u64::MAX - number),
                false => number.to_string(),
            });
            left = behind;
        } else {
            parts.push(format!("\"{}\"", left.escape_ascii()));
            left = &[];
        }
    }
    parts.join(" / ")
}
