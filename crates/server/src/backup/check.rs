//! A check of a data directory that no server has open, or of a backup.

use std::path::Path;
use std::sync::Arc;

use stepwell_service::{FINDINGS_MAX, KindCount};
use stepwell_store::{Embedded, Snapshot, Store as _};

use super::{Error, MANIFEST, PAGE_BYTES_MAX, PAGE_ROWS_MAX, STORES, file_of, open_backup};

pub use stepwell_service::Finding;

/// Whether what follows from other rows is to be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    No,
    /// Not built: it is refused by its name.
    Yes,
}

/// What a check has found.
#[derive(Debug, Clone)]
pub struct Checked {
    pub is_backup: bool,
    pub findings: Vec<Finding>,
    /// All of them; some may be left out of `findings`.
    pub findings_total: u64,
    /// Of the shard's rows.
    pub kinds: Vec<KindCount>,
    /// Of the logs.
    pub log_rows: u64,
    pub log_bytes: u64,
}

/// Reads every row of a data directory or a backup, and checks what rows say of each other.
///
/// - A data directory is opened as a server opens it: what a crash left of a last commit is settled.
pub fn check(directory: &Path, repair: Repair) -> Result<Checked, Error> {
    if repair == Repair::Yes {
        let text = "NotImplemented: fsck --repair is not built; restore a backup, or start a server: it \
                    recovers what a crash leaves";
        return Err(Error::Refused(text.to_owned()));
    }
    let has_archive = STORES
        .iter()
        .any(|name| directory.join(file_of(name)).exists());
    let is_backup = has_archive || directory.join(MANIFEST).exists();
    let mut stores: Vec<(&str, Arc<dyn Snapshot>)> = Vec::new();
    if is_backup {
        let (_, archives) = open_backup(directory)?;
        for (name, archive) in archives {
            stores.push((name, Arc::new(archive)));
        }
    } else {
        if let Some(text) = super::refusal(directory) {
            return Err(Error::Refused(text));
        }
        for name in STORES {
            let store = directory.join(name);
            if store.join("format").exists() {
                stores.push((name, Embedded::open(&store)?.snapshot()));
            }
        }
    }
    let Some((_, shard)) = stores.iter().find(|(name, _)| *name == "store") else {
        let text = format!(
            "{} is neither a data directory nor a backup: it has no store",
            directory.display()
        );
        return Err(Error::Refused(text));
    };
    let report = stepwell_service::fsck(shard);
    let mut checked = Checked {
        is_backup,
        findings: report.findings,
        findings_total: report.findings_total,
        kinds: report.kinds,
        log_rows: 0,
        log_bytes: 0,
    };
    for (name, rows) in stores.iter().filter(|(name, _)| *name != "store") {
        checked.read_beside(name, rows.as_ref());
    }
    Ok(checked)
}

impl Checked {
    /// Rows of logs and traces stand for themselves: each is read, and those of logs are counted.
    fn read_beside(&mut self, name: &str, rows: &dyn Snapshot) {
        let kind = if name == "telemetry" { "logs" } else { name };
        let end = [u8::MAX; stepwell_store::KEY_BYTES_MAX];
        let mut from = Vec::new();
        loop {
            let page = match rows.page(&from, &end, PAGE_ROWS_MAX, PAGE_BYTES_MAX) {
                Ok(page) => page,
                Err(stepwell_store::Error::Corrupt { key }) => {
                    self.find(
                        kind,
                        "row-checksum",
                        &key,
                        "its bytes do not match its checksum",
                    );
                    let before = rows.page(&from, &key, PAGE_ROWS_MAX, PAGE_BYTES_MAX);
                    self.count(kind, &before.unwrap_or_default());
                    from = key;
                    from.push(0);
                    continue;
                }
                Err(error) => {
                    let text = format!("rows from here on cannot be read: {error}");
                    self.find(kind, "store-unreadable", &from, &text);
                    return;
                }
            };
            let Some((last, _)) = page.last() else {
                return;
            };
            self.count(kind, &page);
            from.clone_from(last);
            from.push(0);
        }
    }

    fn count(&mut self, kind: &str, page: &[(Vec<u8>, stepwell_store::Value)]) {
        if kind != "logs" {
            return;
        }
        self.log_rows += page.len() as u64;
        let bytes = page.iter().map(|(key, value)| key.len() + value.len());
        self.log_bytes += bytes.sum::<usize>() as u64;
    }

    fn find(&mut self, kind: &str, rule: &'static str, key: &[u8], text: &str) {
        self.findings_total += 1;
        if self.findings.len() >= FINDINGS_MAX {
            return;
        }
        self.findings.push(Finding {
            rule,
            kind: kind.to_owned(),
            key: key.escape_ascii().to_string(),
            text: text.to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use stepwell_store::{Direction, Value};

    use super::*;

    /// So many rows, none of which can be read.
    struct Unreadable(usize);

    impl Snapshot for Unreadable {
        fn get(&self, key: &[u8]) -> Result<Option<Value>, stepwell_store::Error> {
            let key = key.to_vec();
            Err(stepwell_store::Error::Corrupt { key })
        }

        fn scan(
            &self,
            from: &[u8],
            to: &[u8],
            _: Direction,
            _: usize,
        ) -> Result<Vec<(Vec<u8>, Value)>, stepwell_store::Error> {
            // A key with a zero behind it is what a walk asks for next.
            let next = match from {
                [high, low, 0] => usize::from(u16::from_be_bytes([*high, *low])) + 1,
                _ => 0,
            };
            let key = u16::try_from(next).expect("few rows").to_be_bytes();
            if next >= self.0 || key.as_slice() >= to {
                return Ok(Vec::new());
            }
            let key = key.to_vec();
            Err(stepwell_store::Error::Corrupt { key })
        }
    }

    #[test]
    fn logs_that_are_damaged_all_over_are_counted_and_not_all_kept() {
        let mut checked = Checked {
            is_backup: false,
            findings: Vec::new(),
            findings_total: 0,
            kinds: Vec::new(),
            log_rows: 0,
            log_bytes: 0,
        };
        checked.read_beside("telemetry", &Unreadable(FINDINGS_MAX + 5));
        assert_eq!(checked.findings.len(), FINDINGS_MAX);
        assert_eq!(checked.findings_total, FINDINGS_MAX as u64 + 5);
    }
}
