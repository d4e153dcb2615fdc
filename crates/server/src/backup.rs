//! Backups: the rows of one instant in a directory, and a data directory made of them again.
//!
//! ```text
//! DIRECTORY/store.rows      rows of the shard
//! DIRECTORY/telemetry.rows  rows of the logs
//! DIRECTORY/traces.rows     rows of the traces
//! DIRECTORY/metrics.rows    rows of metrics, dashboards and alarms
//! DIRECTORY/manifest.json   formats, counts and checksums; written last, so that a half-made backup has none
//! ```

mod asked;
mod check;
mod running;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use stepwell_api::hex;
use stepwell_service::Timestamp;
use stepwell_store::{Archive, ArchiveWriter, Batch, Embedded, Snapshot, Store as _, Value};

pub(crate) use asked::answer;
pub use check::{Checked, Finding, Repair, check};
pub(crate) use running::{Ask, Backups};

/// Of a backup's directory; the newest that is read.
const FORMAT: u32 = 1;

const MANIFEST: &str = "manifest.json";
/// The manifest until all of it is on disk.
const MANIFEST_NEW: &str = "manifest.json.new";
const MANIFEST_BYTES_MAX: u64 = 64 << 10;

/// Stores of a data directory, in the order in which a restore puts them in place: the shard's is last.
const STORES: [&str; 4] = ["telemetry", "traces", "metrics", "store"];

/// Where a restore works until everything is there. A server refuses a directory that has it.
const RESTORING: &str = "restoring";

/// Rows and bytes read at once.
const PAGE_ROWS_MAX: usize = 1_024;
const PAGE_BYTES_MAX: usize = 1 << 20;

/// Bytes after which a backup is flushed to its disk: more at once would hold up the server's own commits.
const FLUSH_BYTES: u64 = 8 << 20;

/// Bytes of one batch of a restore.
const RESTORE_BYTES: usize = 8 << 20;

/// How fast a backup reads, in MiB a second, if nothing else is asked for.
pub const DEFAULT_RATE: u32 = 64;

/// Why a backup, a restore or a check did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another directory is needed.
    #[error("{0}")]
    Refused(String),
    /// The backup cannot be relied on: take another one.
    #[error("the backup in {directory} is damaged: {reason}")]
    Damaged { directory: String, reason: String },
    #[error(transparent)]
    Store(#[from] stepwell_store::Error),
    #[error("cannot {action} {path}: {cause}")]
    Io {
        action: &'static str,
        path: String,
        cause: io::Error,
    },
}

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub format: u32,
    /// The release that made it.
    pub version: String,
    /// Milliseconds since the epoch: everything that was acknowledged before is in it.
    pub instant_ms: i64,
    pub stores: Vec<StoreEntry>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreEntry {
    pub name: String,
    pub file: String,
    pub rows: u64,
    pub bytes: u64,
    /// Hexadecimal.
    pub sha256: String,
}

/// What is to be copied: the name of a store, and its rows.
pub(crate) type Source = (&'static str, Arc<dyn Snapshot>);

/// Makes a backup of a data directory that no server has open.
///
/// - `to`: must not exist, and what is above it must.
/// - `rate`: MiB a second at most.
/// - `told`: rows and bytes so far.
pub fn back_up_offline(
    data: &Path,
    to: &Path,
    rate: u32,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Manifest, Error> {
    if !data.join("store").join("format").exists() {
        let text = format!(
            "{} is not a data directory: it has no store",
            data.display()
        );
        return Err(Error::Refused(text));
    }
    let instant = crate::shard::now();
    let mut sources: Vec<Source> = Vec::new();
    for name in STORES {
        let directory = data.join(name);
        if directory.join("format").exists() {
            sources.push((name, Embedded::open(&directory)?.snapshot()));
        }
    }
    back_up(&sources, instant, data, to, rate, told)
}

/// Writes a backup; what was written of one that fails is removed again.
///
/// - `instant`: not after that of the snapshots.
fn back_up(
    sources: &[Source],
    instant: Timestamp,
    data: &Path,
    to: &Path,
    rate: u32,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Manifest, Error> {
    create(data, to)?;
    let written = write_all(sources, instant, to, rate, told);
    if written.is_err() {
        // Only what this call has made: the directory stays if anything else is in it. The manifest first: without its
        // rows it would name a backup that is not there.
        for name in [MANIFEST, MANIFEST_NEW] {
            drop(fs::remove_file(to.join(name)));
        }
        for name in STORES {
            drop(fs::remove_file(to.join(file_of(name))));
        }
        drop(fs::remove_dir(to));
    }
    written
}

fn create(data: &Path, to: &Path) -> Result<(), Error> {
    let failed = |action| move |cause| io_error(action, to, cause);
    let above = parent_of(to)
        .canonicalize()
        .map_err(failed("find what is above"))?;
    let data = data.canonicalize().map_err(failed("find the data of"))?;
    if above.starts_with(&data) {
        let text = format!(
            "{} is in the data directory {}: a backup belongs elsewhere",
            to.display(),
            data.display()
        );
        return Err(Error::Refused(text));
    }
    match fs::create_dir(to) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Err(Error::Refused(format!(
            "{} exists already: a backup makes its own directory",
            to.display()
        ))),
        created => created.map_err(failed("create the directory")),
    }
}

fn write_all(
    sources: &[Source],
    instant: Timestamp,
    to: &Path,
    rate: u32,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Manifest, Error> {
    let mut pace = Pace::new(rate);
    let mut stores = Vec::new();
    for (name, snapshot) in sources {
        stores.push(write_rows(name, snapshot.as_ref(), to, &mut pace, told)?);
    }
    let manifest = Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instant_ms: instant.as_millis(),
        stores,
    };
    let failed = |cause| io_error("write the manifest in", to, cause);
    let text = serde_json::to_string_pretty(&manifest).expect("a manifest has text keys");
    let aside = to.join(MANIFEST_NEW);
    let mut file = File::create(&aside).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    sync(to).map_err(failed)?;
    fs::rename(&aside, to.join(MANIFEST)).map_err(failed)?;
    sync(to).map_err(failed)?;
    sync(parent_of(to)).map_err(failed)?;
    Ok(manifest)
}

fn write_rows(
    name: &str,
    snapshot: &dyn Snapshot,
    to: &Path,
    pace: &mut Pace,
    told: &mut dyn FnMut(u64, u64),
) -> Result<StoreEntry, Error> {
    let path = to.join(file_of(name));
    let failed = |cause| io_error("write", &path, cause);
    let file = File::create_new(&path).map_err(failed)?;
    let out = BufWriter::with_capacity(1 << 20, Hashing::new(file));
    let mut writer = ArchiveWriter::new(out).map_err(failed)?;
    each_page(snapshot, PAGE_ROWS_MAX, PAGE_BYTES_MAX, &mut |page| {
        let mut bytes = 0;
        for (key, value) in &page {
            writer.put(key, value).map_err(failed)?;
            bytes += (key.len() + value.len()) as u64;
        }
        pace.read(page.len() as u64, bytes);
        told(pace.rows, pace.bytes);
        Ok(())
    })?;
    let (out, rows) = writer.finish().map_err(failed)?;
    let hashing = out
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    hashing.file.sync_all().map_err(failed)?;
    Ok(StoreEntry {
        name: name.to_owned(),
        file: file_of(name),
        rows,
        bytes: hashing.bytes,
        sha256: hex(&hashing.hash.finalize()),
    })
}

/// Rows by their keys.
type Page = Vec<(Vec<u8>, Value)>;

/// Gives every row of a store, smallest key first, in pages of these bounds.
fn each_page(
    snapshot: &dyn Snapshot,
    rows_max: usize,
    bytes_max: usize,
    take: &mut dyn FnMut(Page) -> Result<(), Error>,
) -> Result<(), Error> {
    let end = [u8::MAX; stepwell_store::KEY_BYTES_MAX];
    let mut from = Vec::new();
    loop {
        let page = snapshot.page(&from, &end, rows_max, bytes_max)?;
        let Some((last, _)) = page.last() else {
            return Ok(());
        };
        from.clone_from(last);
        from.push(0);
        take(page)?;
    }
}

/// Holds a backup to its rate.
struct Pace {
    rate: f64,
    since: Instant,
    rows: u64,
    bytes: u64,
}

impl Pace {
    fn new(rate: u32) -> Pace {
        Pace {
            rate: f64::from(rate.max(1)) * f64::from(1 << 20),
            since: Instant::now(),
            rows: 0,
            bytes: 0,
        }
    }

    fn read(&mut self, rows: u64, bytes: u64) {
        self.rows += rows;
        self.bytes += bytes;
        let due = Duration::from_secs_f64(self.bytes as f64 / self.rate);
        if let Some(early) = due.checked_sub(self.since.elapsed()) {
            std::thread::sleep(early);
        }
    }
}

/// A file that knows the hash of what was written, and that is flushed to its disk bit by bit.
struct Hashing {
    file: File,
    hash: Sha256,
    bytes: u64,
    unflushed: u64,
}

impl Hashing {
    fn new(file: File) -> Hashing {
        Hashing {
            file,
            hash: Sha256::new(),
            bytes: 0,
            unflushed: 0,
        }
    }
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        self.unflushed += written as u64;
        if self.unflushed >= FLUSH_BYTES {
            self.unflushed = 0;
            self.file.sync_data()?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Makes a data directory of a backup.
///
/// - `to`: does not exist, or is empty.
/// - The whole backup is checked before anything is written.
/// - A kill at any moment leaves no data directory, or all of it: a server refuses what is in between.
pub fn restore(from: &Path, to: &Path, told: &mut dyn FnMut(u64, u64)) -> Result<Manifest, Error> {
    let (manifest, archives) = open_backup(from)?;
    let failed = |cause| io_error("write", to, cause);
    let is_there = to.exists();
    if is_there && fs::read_dir(to).map_err(failed)?.next().is_some() {
        let text = format!(
            "{} is not empty: a restore makes a new data directory",
            to.display()
        );
        return Err(Error::Refused(text));
    }
    let aside = to.join(RESTORING);
    let (mut rows, mut bytes) = (0, 0);
    for (name, archive) in &archives {
        // It makes what is missing above it too, each entry durable: a server sees from the first on that this goes on.
        let mut store = Embedded::open(&aside.join(name))?;
        each_page(archive, usize::MAX, RESTORE_BYTES, &mut |page| {
            rows += page.len() as u64;
            let mut batch = Batch::new();
            for (key, value) in page {
                batch.put(key, value.to_vec());
            }
            bytes += batch.bytes() as u64;
            store.commit(batch)?;
            told(rows, bytes);
            Ok(())
        })?;
    }
    for (name, _) in &archives {
        fs::rename(aside.join(name), to.join(name)).map_err(failed)?;
        sync(to).map_err(failed)?;
    }
    fs::remove_dir(&aside).map_err(failed)?;
    sync(to).map_err(failed)?;
    Ok(manifest)
}

/// Why a server does not open this data directory, if a restore of it was cut off.
pub(crate) fn refusal(data: &Path) -> Option<String> {
    data.join(RESTORING).exists().then(|| {
        format!(
            "a restore into {} was cut off: remove the directory and restore again",
            data.display()
        )
    })
}

/// The rows of each store, by its name.
type Archives = Vec<(&'static str, Archive)>;

/// Opens a backup whose files are those of its manifest, byte for byte.
fn open_backup(from: &Path) -> Result<(Manifest, Archives), Error> {
    let damaged = |reason: String| Error::Damaged {
        directory: from.display().to_string(),
        reason,
    };
    let manifest = read_manifest(from)?;
    let mut archives = Vec::new();
    for name in STORES {
        let Some(entry) = manifest.stores.iter().find(|entry| entry.name == name) else {
            continue;
        };
        let path = from.join(file_of(name));
        let (bytes, sha256) = hash_of(&path)?;
        if bytes != entry.bytes {
            let said = entry.bytes;
            return Err(damaged(format!(
                "{name}.rows has {bytes} bytes, and its manifest says {said}"
            )));
        }
        if sha256 != entry.sha256 {
            let reason = format!("{name}.rows does not match the checksum of its manifest");
            return Err(damaged(reason));
        }
        let archive = Archive::open(&path)?;
        if archive.rows() != entry.rows {
            return Err(damaged(format!("{name}.rows has another number of rows")));
        }
        archives.push((name, archive));
    }
    if !archives.iter().any(|(name, _)| *name == "store") {
        return Err(damaged("its manifest names no store".to_owned()));
    }
    Ok((manifest, archives))
}

fn read_manifest(from: &Path) -> Result<Manifest, Error> {
    let path = from.join(MANIFEST);
    let damaged = |reason: String| Error::Damaged {
        directory: from.display().to_string(),
        reason,
    };
    let length = match fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let is_half = STORES.iter().any(|name| from.join(file_of(name)).exists());
            return Err(if is_half {
                damaged("it is half made: it has no manifest".to_owned())
            } else {
                Error::Refused(format!(
                    "{} is no backup: it has no manifest",
                    from.display()
                ))
            });
        }
        Err(cause) => return Err(io_error("read", &path, cause)),
    };
    if length > MANIFEST_BYTES_MAX {
        let text =
            format!("its manifest has {length} bytes, at most {MANIFEST_BYTES_MAX} are read");
        return Err(damaged(text));
    }
    let text = fs::read(&path).map_err(|cause| io_error("read", &path, cause))?;
    let read: serde_json::Value = serde_json::from_slice(&text)
        .map_err(|error| damaged(format!("its manifest cannot be read: {error}")))?;
    let format = read["format"].as_u64().unwrap_or_default();
    if format > u64::from(FORMAT) {
        return Err(Error::Refused(format!(
            "{} has backup format {format}, this version reads up to {FORMAT}; use a newer version",
            from.display()
        )));
    }
    serde_json::from_value(read)
        .map_err(|error| damaged(format!("its manifest cannot be read: {error}")))
}

fn hash_of(path: &Path) -> Result<(u64, String), Error> {
    let failed = |cause| io_error("read", path, cause);
    let mut file = File::open(path).map_err(failed)?;
    let mut hash = Sha256::new();
    let bytes = io::copy(&mut file, &mut hash).map_err(failed)?;
    Ok((bytes, hex(&hash.finalize())))
}

fn file_of(name: &str) -> String {
    format!("{name}.rows")
}

/// The directory that has this entry; that of a lone name is the one that the process is in.
fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn io_error(action: &'static str, path: &Path, cause: io::Error) -> Error {
    Error::Io {
        action,
        path: path.display().to_string(),
        cause,
    }
}

/// A path that a client has named: where the server runs is not where the client does.
fn absolute(path: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(path);
    if path.is_absolute() && path.file_name().is_some() {
        Ok(path)
    } else {
        Err(format!(
            "the directory '{}' is not an absolute path of a directory to make",
            path.display()
        ))
    }
}

#[cfg(test)]
mod tests {
    use stepwell_store::Memory;

    use super::*;

    #[test]
    fn a_backup_that_fails_at_its_manifest_leaves_nothing_of_its_own() {
        let directory = tempfile::tempdir().expect("a directory");
        let data = directory.path().join("data");
        fs::create_dir(&data).expect("a data directory");
        let to = directory.path().join("backup");
        let mut store = Memory::new();
        let mut batch = Batch::new();
        batch.put(b"key".to_vec(), b"value".to_vec());
        store.commit(batch).expect("a row");
        let sources: Vec<Source> = vec![("store", store.snapshot())];
        // Somebody else's directory has the manifest's name: the rename over it fails.
        let mut told = |_, _| fs::create_dir(to.join(MANIFEST)).expect("an entry");
        let failed = back_up(
            &sources,
            Timestamp::from_millis(7),
            &data,
            &to,
            1,
            &mut told,
        );
        assert!(matches!(failed, Err(Error::Io { .. })), "{failed:?}");
        let left = fs::read_dir(&to).expect("somebody else's entry is in it");
        let left: Vec<_> = left
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        assert_eq!(left, [MANIFEST]);
    }

    #[test]
    fn the_parent_of_a_lone_name_is_where_the_process_is() {
        for (path, parent) in [("backup", "."), ("a/backup", "a"), ("/backup", "/")] {
            assert_eq!(parent_of(Path::new(path)), Path::new(parent));
        }
    }
}
