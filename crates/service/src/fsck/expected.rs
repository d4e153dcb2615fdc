//! Rows that follow from others: summed up first, named one by one only where the sums differ.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::Check;
use crate::rows::Kind;

/// A row that must be there because of another one.
pub(super) struct Expected {
    pub(super) key: Vec<u8>,
    /// `None`: whatever its value is.
    pub(super) value: Option<Vec<u8>>,
    pub(super) need: Need,
    /// A key that is as good: an earlier release wrote it.
    pub(super) or: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Must,
    /// It may be there, and need not.
    May,
}

impl Expected {
    pub(super) fn row(key: Vec<u8>, value: Vec<u8>) -> Expected {
        Expected {
            key,
            value: Some(value),
            need: Need::Must,
            or: None,
        }
    }

    pub(super) fn any(key: Vec<u8>) -> Expected {
        Expected {
            key,
            value: None,
            need: Need::Must,
            or: None,
        }
    }

    pub(super) fn may(self) -> Expected {
        Expected {
            need: Need::May,
            ..self
        }
    }

    pub(super) fn or(self, or: Vec<u8>) -> Expected {
        Expected {
            or: Some(or),
            ..self
        }
    }
}

/// Indices whose rows are compared with what they follow from.
///
/// Values of the others are looked at row by row, or mean nothing.
const WITH_VALUES: [Kind; 4] = [
    Kind::ExecutionName,
    Kind::ExecutionList,
    Kind::MapRunName,
    Kind::MapRunChild,
];

/// How many rows, and the sum of their hashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    rows: u64,
    hashes: u128,
}

impl Sum {
    fn add(&mut self, hash: u128) {
        self.rows += 1;
        self.hashes = self.hashes.wrapping_add(hash);
    }
}

/// What must be there and what is, an index at a time.
#[derive(Debug, Default)]
pub(super) struct Sums {
    expected: BTreeMap<u8, Sum>,
    found: BTreeMap<u8, Sum>,
    /// In the second walk: hashes of all keys that may be there, of the indices whose sums differ.
    collected: Option<(BTreeSet<u8>, Vec<u128>)>,
}

impl Sums {
    /// Indices whose rows are not those that must be there.
    pub(super) fn uneven(&self) -> BTreeSet<u8> {
        let kinds = self.expected.keys().chain(self.found.keys());
        kinds
            .filter(|kind| self.expected.get(kind) != self.found.get(kind))
            .copied()
            .collect()
    }

    pub(super) fn collect(&mut self, kinds: BTreeSet<u8>) {
        self.collected = Some((kinds, Vec::new()));
    }

    pub(super) fn is_collecting(&self) -> bool {
        self.collected.is_some()
    }

    fn collects(&self, kind: u8) -> bool {
        let collected = self.collected.as_ref();
        collected.is_some_and(|(kinds, _)| kinds.contains(&kind))
    }
}

impl Check<'_> {
    /// A row must be there.
    pub(super) fn expect(&mut self, expected: Expected) {
        let Some(kind) = expected.key.first().copied() else {
            return;
        };
        if self.sums.collects(kind) {
            self.look_for(&expected);
        } else if !self.sums.is_collecting() && expected.need == Need::Must {
            let hash = hash(&expected.key, expected.value.as_deref());
            self.sums.expected.entry(kind).or_default().add(hash);
        }
    }

    /// A row of an index is there.
    pub(super) fn there(&mut self, kind: Kind, key: &[u8], value: &[u8]) {
        if !self.sums.is_collecting() {
            let value = WITH_VALUES.contains(&kind).then_some(value);
            let hash = hash(key, value);
            self.sums.found.entry(kind as u8).or_default().add(hash);
        }
    }

    fn look_for(&mut self, expected: &Expected) {
        let found = self.value_of(&expected.key);
        let mut good = &expected.key;
        match (found, &expected.value) {
            (Found::Unreadable, _) | (Found::Is(_), None) => {}
            (Found::Is(found), Some(value)) if found == *value => {}
            (Found::Is(found), Some(value)) => {
                if !is_reused(&expected.key, value, &found) {
                    let text = "it is not what the row that it follows from says".to_string();
                    self.put("index-differs", &expected.key, text);
                }
            }
            (Found::Missing, _) => match &expected.or {
                Some(or) if matches!(self.value_of(or), Found::Is(_)) => good = or,
                _ if expected.need == Need::May => {}
                _ => {
                    let text = "it is missing: the row that it follows from is there".to_string();
                    self.put("index-missing", &expected.key, text);
                }
            },
        }
        let hash = hash(good, None);
        if let Some((_, hashes)) = &mut self.sums.collected {
            hashes.push(hash);
        }
    }

    /// Names the rows of the indices in question that follow from nothing.
    pub(super) fn compare(&mut self) {
        let Some((kinds, hashes)) = &mut self.sums.collected else {
            return;
        };
        let (kinds, mut hashes) = (std::mem::take(kinds), std::mem::take(hashes));
        hashes.sort_unstable();
        for kind in kinds {
            let mut walk = self.walk_over(&[kind]);
            while let Some((key, _)) = self.next_uncounted(&mut walk) {
                let is_index = !super::resources::is_own(&key);
                if is_index && hashes.binary_search(&hash(&key, None)).is_err() {
                    let text = "it is there, and no row that it could follow from".to_string();
                    self.put("index-stale", &key, text);
                }
            }
        }
    }
}

/// A row that was looked up.
pub(super) enum Found<T> {
    Is(T),
    /// It is there. What is wrong with it is found when its turn comes.
    Unreadable,
    Missing,
}

/// The name of an execution whose state machine is gone may be taken again: then it leads to the later execution.
fn is_reused(key: &[u8], expected: &[u8], found: &[u8]) -> bool {
    let number = |value: &[u8]| crate::rows::decode::<u64>(key, value).unwrap_or_default();
    key.first() == Some(&(Kind::ExecutionName as u8)) && number(found) > number(expected)
}

fn hash(key: &[u8], value: Option<&[u8]>) -> u128 {
    let mut hasher = Sha256::new();
    hasher.update((key.len() as u64).to_be_bytes());
    hasher.update(key);
    hasher.update(value.unwrap_or_default());
    let digest: [u8; 32] = hasher.finalize().into();
    let (first, _) = digest
        .split_first_chunk::<16>()
        .expect("a digest has 32 bytes");
    u128::from_be_bytes(*first)
}
