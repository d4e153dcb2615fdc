//! The journals of the database, read before the engine opens them.
//!
//! The engine takes the first thing that it cannot read for the end of a journal and cuts the journal there. That is right for a write
//! that a crash has torn, which nobody was told of, and loses acknowledged commits when a byte has rotted before them. So each journal is
//! read first: what a torn write can look like is cut off, and everything else is damage, which changes nothing and names the file.
//!
//! ```text
//! batch   start item* end
//! start   01  items u32  sequence u64
//! item    02  type u8  compression u8  keyspace u64  key length u16  value length u32  length here u32  key  value
//! clear   04  keyspace u64
//! end     03  XXH3 of all items u64  "FJL" 03
//! ```
//!
//! Numbers are little-endian. A journal is made 64 MiB long, of zeros, and loses what it does not need of them when it is opened again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use crate::Error;

/// What one read of a journal brings, in bytes.
const READ_BYTES: usize = 256 * 1024;
const TRAILER: &[u8; 4] = b"FJL\x03";
/// The engine numbers batches from 1; it has other uses for the highest bits.
const SEQUENCE_MAX: u64 = 1 << 48;
/// The least that a disk writes as a whole, in bytes.
const SECTOR_BYTES: u64 = 512;

/// Checks the journals in `rows`, cuts off a torn last batch, and writes the last whole one once more.
///
/// - The last batch is written again because its fsync may have failed: what a failed fsync was to write may be gone from the disk and
///   still be read, until the machine restarts. Only one batch is ever written without a successful fsync after it.
/// - [`Error::Damaged`]: nothing was changed. [`Error::Io`].
pub(super) fn check(rows: &Path) -> Result<(), Error> {
    let journals = journals(rows)?;
    for pair in journals.windows(2) {
        if pair[0].0 + 1 != pair[1].0 {
            let missing = rows.join(format!("{}.jnl", pair[0].0 + 1));
            return Err(damaged(rows, format!("{} is missing", missing.display())));
        }
    }
    let Some(((_, newest), sealed)) = journals.split_last() else {
        return Err(damaged(rows, "it has no journal".to_owned()));
    };
    for (_, path) in sealed {
        let scan = scan(path).map_err(|cause| io_error(path, "read", cause))?;
        if scan.broken.is_some() {
            return Err(damaged(rows, does_not_match(path, scan.whole_to)));
        }
    }
    let scan = scan(newest).map_err(|cause| io_error(newest, "read", cause))?;
    if let Some(broken) = scan.broken {
        let is_torn =
            is_torn(newest, &scan, broken).map_err(|cause| io_error(newest, "read", cause))?;
        if !is_torn {
            return Err(damaged(rows, does_not_match(newest, scan.whole_to)));
        }
        cut(newest, scan.whole_to).map_err(|cause| io_error(newest, "cut", cause))?;
    }
    if let Some(last) = scan.last {
        write_again(newest, last, scan.whole_to)
            .map_err(|cause| io_error(newest, "write", cause))?;
    }
    Ok(())
}

/// The journals by number.
fn journals(rows: &Path) -> Result<Vec<(u64, PathBuf)>, Error> {
    let entries = fs::read_dir(rows)
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .map_err(|cause| io_error(rows, "list", cause))?;
    let mut found: Vec<(u64, PathBuf)> = entries
        .into_iter()
        .filter_map(|entry| {
            let name = entry.file_name();
            let number = name.to_str()?.strip_suffix(".jnl")?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    found.sort_unstable();
    Ok(found)
}

/// How far a journal is whole.
struct Scan {
    /// Where its last whole batch begins.
    last: Option<u64>,
    /// Where its last whole batch ends.
    whole_to: u64,
    /// The sequence number of that batch; batches have greater ones, in their order.
    sequence: u64,
    /// Why there is something after it that is neither a batch nor zeros.
    broken: Option<Broken>,
}

/// Why bytes are no batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    /// They end too early.
    Short,
    /// They are of a batch up to its trailer, which is another.
    Trailer([u8; 4]),
    /// They do not match their checksum, or are nothing that could.
    Content,
}

fn scan(path: &Path) -> io::Result<Scan> {
    let file = File::open(path)?;
    let mut source = Source {
        inner: BufReader::with_capacity(READ_BYTES, file),
        at: 0,
    };
    let mut scan = Scan {
        last: None,
        whole_to: 0,
        sequence: 0,
        broken: None,
    };
    loop {
        match source.batch()? {
            Ok(Some(sequence)) if scan.last.is_none() || sequence > scan.sequence => {
                scan.last = Some(scan.whole_to);
                scan.sequence = sequence;
                scan.whole_to = source.at;
            }
            Ok(Some(_)) => {
                scan.broken = Some(Broken::Content);
                return Ok(scan);
            }
            Ok(None) => {
                let is_end = is_zero(&mut source.inner)?;
                scan.broken = (!is_end).then_some(Broken::Content);
                return Ok(scan);
            }
            Err(broken) => {
                scan.broken = Some(broken);
                return Ok(scan);
            }
        }
    }
}

/// Whether what follows the last whole batch can be a write that was cut off, by a kill, a full disk or a power failure.
///
/// That is so if no whole batch follows it, and it is not complete itself: its end is missing, or a sector of it is (a disk may write
/// the sectors of one batch in any order).
fn is_torn(path: &Path, scan: &Scan, broken: Broken) -> io::Result<bool> {
    let mut rest = Vec::new();
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(scan.whole_to))?;
    file.read_to_end(&mut rest)?;
    let length = rest
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let written = &rest[..length];
    for start in 1..length {
        // Cheap to ask first: most bytes begin nothing.
        if written[start] == 1 {
            let mut source = Source {
                inner: &written[start..],
                at: 0,
            };
            let sequence = source.batch()?.ok().flatten();
            if sequence.is_some_and(|sequence| sequence > scan.sequence) {
                return Ok(false);
            }
        }
    }
    if let Broken::Trailer(found) = broken {
        // What was written of it, and then zeros: the write ended within the trailer.
        let is_cut = (0..TRAILER.len())
            .any(|cut| found[..cut] == TRAILER[..cut] && found[cut..] == [0; 4][cut..]);
        return Ok(is_cut);
    }
    Ok(!written.ends_with(TRAILER) || lacks_a_sector(written, scan.whole_to))
}

/// Whether one of the disk's sectors in `written`, which begins at `at`, is all zeros.
fn lacks_a_sector(written: &[u8], at: u64) -> bool {
    let to_next = (SECTOR_BYTES - at % SECTOR_BYTES) % SECTOR_BYTES;
    let sectors = usize::try_from(to_next)
        .ok()
        .and_then(|to_next| written.get(to_next..))
        .unwrap_or_default();
    sectors
        .chunks_exact(SECTOR_BYTES as usize)
        .any(|sector| sector.iter().all(|byte| *byte == 0))
}

/// Whether nothing but zeros is left. Holes are zeros that were never written, and are not read: a journal that was made just
/// now is one hole.
fn is_zero(rest: &mut BufReader<File>) -> io::Result<bool> {
    let zeros = vec![0; READ_BYTES];
    loop {
        let chunk = rest.fill_buf()?;
        let count = chunk.len();
        if chunk != &zeros[..count] {
            return Ok(false);
        }
        if count == 0 {
            return Ok(true);
        }
        rest.consume(count);
        // INVARIANT: nothing is buffered: the file stands behind what was read.
        if !skip_hole(rest.get_mut())? {
            return Ok(true);
        }
    }
}

/// Goes on to where something was written; `false` if nothing was up to the end.
///
/// - Where the file system tells no holes, it stays where it is.
fn skip_hole(file: &mut File) -> io::Result<bool> {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::Errno;
        let at = file.stream_position()?;
        match rustix::fs::seek(&*file, rustix::fs::SeekFrom::Data(at)) {
            Ok(_) => {}
            Err(Errno::NXIO) => return Ok(false),
            Err(Errno::INVAL | Errno::OPNOTSUPP) => {
                file.seek(SeekFrom::Start(at))?;
            }
            Err(other) => return Err(other.into()),
        }
    }
    Ok(true)
}

fn cut(path: &Path, length: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(length)?;
    file.sync_all()
}

/// Writes the same bytes to the same place, and fsync.
fn write_again(path: &Path, from: u64, to: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut chunk = vec![0; READ_BYTES];
    let mut at = from;
    while at < to {
        let count = (to - at).min(READ_BYTES as u64);
        let part = &mut chunk[..count as usize];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(part)?;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(part)?;
        at += count;
    }
    file.sync_all()
}

/// Bytes of a journal, and how many of them were read.
struct Source<R> {
    inner: R,
    at: u64,
}

type Reading<T> = io::Result<Result<T, Broken>>;

/// Gives what is broken to the caller, and what cannot be read at once.
macro_rules! whole {
    ($read:expr) => {
        match $read? {
            Ok(read) => read,
            Err(broken) => return Ok(Err(broken)),
        }
    };
}

impl<R: Read> Source<R> {
    /// The sequence number of the batch that begins here; `None` at the end, or where zeros begin.
    fn batch(&mut self) -> Reading<Option<u64>> {
        let mut tag = [0];
        if self.inner.read(&mut tag)? == 0 || tag == [0] {
            return Ok(Ok(None));
        }
        self.at += 1;
        if tag != [1] {
            return Ok(Err(Broken::Content));
        }
        let items = u32::from_le_bytes(whole!(self.bytes()));
        let sequence = u64::from_le_bytes(whole!(self.bytes()));
        if sequence > SEQUENCE_MAX {
            return Ok(Err(Broken::Content));
        }
        let mut hash = Xxh3::new();
        for _ in 0..items {
            whole!(self.item(&mut hash));
        }
        let [tag]: [u8; 1] = whole!(self.bytes());
        if tag != 3 {
            return Ok(Err(Broken::Content));
        }
        let checksum = u64::from_le_bytes(whole!(self.bytes()));
        let trailer: [u8; 4] = whole!(self.bytes());
        if checksum != hash.digest() {
            return Ok(Err(Broken::Content));
        }
        if trailer != *TRAILER {
            return Ok(Err(Broken::Trailer(trailer)));
        }
        Ok(Ok(Some(sequence)))
    }

    fn item(&mut self, hash: &mut Xxh3) -> Reading<()> {
        let [tag]: [u8; 1] = whole!(self.bytes());
        hash.update(&[tag]);
        match tag {
            2 => {}
            4 => {
                let keyspace: [u8; 8] = whole!(self.bytes());
                hash.update(&keyspace);
                return Ok(Ok(()));
            }
            _ => return Ok(Err(Broken::Content)),
        }
        let head: [u8; 20] = whole!(self.bytes());
        hash.update(&head);
        let key_length = u16::from_le_bytes([head[10], head[11]]);
        let length = u32::from_le_bytes([head[16], head[17], head[18], head[19]]);
        let mut left = u64::from(key_length) + u64::from(length);
        let mut chunk = [0; 4096];
        while left > 0 {
            let part = &mut chunk[..usize::try_from(left).unwrap_or(4096).min(4096)];
            whole!(self.fill(part));
            hash.update(part);
            left -= part.len() as u64;
        }
        Ok(Ok(()))
    }

    fn bytes<const N: usize>(&mut self) -> Reading<[u8; N]> {
        let mut bytes = [0; N];
        Ok(self.fill(&mut bytes)?.map(|()| bytes))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Reading<()> {
        match self.inner.read_exact(bytes) {
            Ok(()) => {
                self.at += bytes.len() as u64;
                Ok(Ok(()))
            }
            Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => Ok(Err(Broken::Short)),
            Err(cause) => Err(cause),
        }
    }
}

fn does_not_match(path: &Path, at: u64) -> String {
    format!(
        "{} does not match its checksums from byte {at} on",
        path.display()
    )
}

fn damaged(rows: &Path, reason: String) -> Error {
    let directory = rows.parent().unwrap_or(rows);
    Error::Damaged {
        directory: directory.display().to_string(),
        reason,
    }
}

fn io_error(path: &Path, action: &'static str, cause: io::Error) -> Error {
    Error::Io {
        action,
        place: path.display().to_string(),
        cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_zero(holes: &[u64], bytes: &[u8], expected: bool) {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("0.jnl");
        let mut file = File::create(&path).expect("a file");
        file.set_len(64 << 20).expect("it is one hole");
        for at in holes {
            file.seek(SeekFrom::Start(*at)).expect("it is within");
            file.write_all(bytes).expect("there is room");
        }
        let file = File::open(&path).expect("it is there");
        let mut source = BufReader::with_capacity(READ_BYTES, file);
        let is_zero = is_zero(&mut source).expect("it can be read");
        assert_eq!(is_zero, expected, "{holes:?}");
    }

    #[test]
    fn what_is_written_behind_a_hole_is_found_and_zeros_that_were_written_are_zeros() {
        check_zero(&[], b"", true);
        check_zero(&[0, 4 << 20, (64 << 20) - 5], &[0; 5], true);
        check_zero(&[0, 4 << 20, (64 << 20) - 5], b"later", false);
        check_zero(&[(64 << 20) - 1], b"!", false);
        check_zero(&[READ_BYTES as u64 - 1], b"!", false);
        // Longer than it was made.
        check_zero(&[64 << 20], b"!", false);
    }
}
