//! Rows in the order of their keys, and around those that cannot be read.

use std::collections::VecDeque;

use serde::de::DeserializeOwned;
use stepwell_store::Error;

use super::Check;
use super::expected::Found;
use crate::rows::index::next_key;
use crate::rows::{Kind, after, decode, decode_json};
use crate::staging::Row;

/// Rows and bytes read at once.
const PAGE_ROWS_MAX: usize = 512;
const PAGE_BYTES_MAX: usize = 1 << 20;

/// A place in a range of rows.
pub(super) struct Walk {
    from: Vec<u8>,
    to: Vec<u8>,
    page: VecDeque<Row>,
    has_ended: bool,
}

impl Check<'_> {
    /// The rows whose keys begin with `prefix`.
    pub(super) fn walk_over(&self, prefix: &[u8]) -> Walk {
        Walk {
            from: prefix.to_vec(),
            to: after(prefix),
            page: VecDeque::new(),
            has_ended: false,
        }
    }

    /// The next row, which stays the next one.
    pub(super) fn peek<'w>(&mut self, walk: &'w mut Walk) -> Option<&'w Row> {
        while walk.page.is_empty() && !walk.has_ended {
            self.turn_page(walk);
        }
        walk.page.front()
    }

    /// The next row; it counts as one that was read.
    pub(super) fn next(&mut self, walk: &mut Walk) -> Option<Row> {
        let row = self.next_uncounted(walk)?;
        if !self.sums.is_collecting() {
            let first = row.0.first().copied().unwrap_or_default();
            let (rows, bytes) = self.counts.entry(first).or_default();
            *rows += 1;
            *bytes += (row.0.len() + row.1.len()) as u64;
        }
        Some(row)
    }

    pub(super) fn next_uncounted(&mut self, walk: &mut Walk) -> Option<Row> {
        self.peek(walk)?;
        walk.page.pop_front()
    }

    fn turn_page(&mut self, walk: &mut Walk) {
        let rows = self.rows;
        let read = |to: &[u8]| rows.page(&walk.from, to, PAGE_ROWS_MAX, PAGE_BYTES_MAX);
        let (page, next) = match read(&walk.to) {
            Ok(page) => {
                let next = page.last().map(|(key, _)| next_key(key));
                (page, next)
            }
            Err(Error::Corrupt { key }) => {
                // They are fewer than a page holds, as the damaged one came into the same page.
                let before = read(&key).unwrap_or_default();
                let text = "its bytes do not match its checksum".to_string();
                self.find("row-checksum", &key, text);
                (before, Some(next_key(&key)))
            }
            Err(error) => {
                let text = format!("rows from here on cannot be read: {error}");
                self.find("store-unreadable", &walk.from.clone(), text);
                (Vec::new(), None)
            }
        };
        match next {
            Some(next) => walk.from = next,
            None => walk.has_ended = true,
        }
        let rows = page.into_iter().map(|(key, value)| (key, value.to_vec()));
        walk.page.extend(rows);
    }

    /// The value of a row that another one leads to.
    pub(super) fn value_of(&self, key: &[u8]) -> Found<Vec<u8>> {
        match self.rows.get(key) {
            Ok(Some(value)) => Found::Is(value.to_vec()),
            Ok(None) => Found::Missing,
            Err(_) => Found::Unreadable,
        }
    }

    pub(super) fn is_there(&self, key: &[u8]) -> bool {
        !matches!(self.value_of(key), Found::Missing)
    }

    /// Reads the value of a row of the kind that postcard writes.
    pub(super) fn read<T: DeserializeOwned>(&mut self, key: &[u8], value: &[u8]) -> Option<T> {
        self.readable(key, decode(key, value))
    }

    /// Reads the value of a row of the kind that is JSON.
    pub(super) fn read_json<T: DeserializeOwned>(&mut self, key: &[u8], value: &[u8]) -> Option<T> {
        self.readable(key, decode_json(key, value))
    }

    pub(super) fn readable<T>(&mut self, key: &[u8], read: Result<T, Error>) -> Option<T> {
        match read {
            Ok(read) => Some(read),
            Err(Error::NewerFormat { found, .. }) => {
                let text =
                    format!("its value has the version {found}, which this release cannot read");
                self.find("row-version", key, text);
                None
            }
            Err(_) => {
                self.find("row-value", key, "its value cannot be decoded".to_string());
                None
            }
        }
    }

    /// The row of a key must be another one: what it says does not lead to its key.
    pub(super) fn check_key(&mut self, key: &[u8], expected: &[u8]) {
        if key != expected {
            let text = format!("what it holds belongs under {}", super::readable(expected));
            self.find("row-key", key, text);
        }
    }

    /// Rows of kinds that this release does not know.
    pub(super) fn check_unknown(&mut self) {
        for first in 0..=u8::MAX {
            if Kind::of(first).is_some() {
                continue;
            }
            let mut walk = self.walk_over(&[first]);
            let mut rows = 0u64;
            while let Some((key, _)) = self.next(&mut walk) {
                if rows == 0 {
                    let text = "this release has no rows of this kind".to_string();
                    self.find("row-kind", &key, text);
                }
                rows += 1;
            }
        }
    }
}
