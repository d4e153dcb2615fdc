//! All rows of a snapshot in one file: what a backup consists of. It depends on no engine.
//!
//! ```text
//! "stepwell-rows 1\n"
//! block:  bytes of its rows, number of its rows, CRC-32 of its rows (each u32, little endian), its rows
//! row:    bytes of the key, bytes of the value (each u32, little endian), key, value
//! end:    a block without rows, then the number of all rows (u64, little endian)
//! ```
//!
//! Rows are in the order of their keys, so that a reader finds one by the first keys of blocks.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::{Direction, Error, KEY_BYTES_MAX, Snapshot, Value};

const HEAD: &[u8] = b"stepwell-rows 1\n";
const HEAD_WORD: &[u8] = b"stepwell-rows ";

/// A block ends with the row that goes over this size, in bytes.
const BLOCK_BYTES_GOAL: usize = 64 << 10;

/// The largest block that is read: a row is at most as large as a batch.
const BLOCK_BYTES_MAX: u32 = (crate::BATCH_BYTES_MAX + (1 << 20)) as u32;

const BLOCK_HEAD_BYTES: usize = 12;

/// Blocks that a reader keeps.
const BLOCKS_KEPT: usize = 64;

/// Writes rows, in the order of their keys, into a file.
pub struct ArchiveWriter<W> {
    out: W,
    block: Vec<u8>,
    block_rows: u32,
    rows: u64,
}

impl<W: Write> ArchiveWriter<W> {
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(HEAD)?;
        Ok(Self {
            out,
            block: Vec::new(),
            block_rows: 0,
            rows: 0,
        })
    }

    /// - `key`: greater than that of the last row.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let bytes = |bytes: usize| {
            u32::try_from(bytes).map_err(|_| io::Error::other("a row of more than 4 GiB"))
        };
        self.block
            .extend_from_slice(&bytes(key.len())?.to_le_bytes());
        self.block
            .extend_from_slice(&bytes(value.len())?.to_le_bytes());
        self.block.extend_from_slice(key);
        self.block.extend_from_slice(value);
        self.block_rows += 1;
        self.rows += 1;
        if self.block.len() >= BLOCK_BYTES_GOAL {
            self.end_block()?;
        }
        Ok(())
    }

    /// Writes the end; what was written into, to make it durable, and the number of rows.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        if self.block_rows > 0 {
            self.end_block()?;
        }
        self.end_block()?;
        self.out.write_all(&self.rows.to_le_bytes())?;
        self.out.flush()?;
        Ok((self.out, self.rows))
    }

    fn end_block(&mut self) -> io::Result<()> {
        let bytes = u32::try_from(self.block.len());
        let bytes = bytes.map_err(|_| io::Error::other("a block of more than 4 GiB"))?;
        self.out.write_all(&bytes.to_le_bytes())?;
        self.out.write_all(&self.block_rows.to_le_bytes())?;
        self.out
            .write_all(&crc32fast::hash(&self.block).to_le_bytes())?;
        self.out.write_all(&self.block)?;
        self.block.clear();
        self.block_rows = 0;
        Ok(())
    }
}

/// Rows in a file that [`ArchiveWriter`] wrote.
///
/// Holds the first key of every block (some 64 KiB of rows) in memory, and a few blocks.
pub struct Archive {
    file: File,
    path: PathBuf,
    blocks: Vec<BlockPlace>,
    rows: u64,
    kept: Mutex<VecDeque<(usize, Arc<Block>)>>,
}

type Block = Vec<(Vec<u8>, Value)>;

struct BlockPlace {
    first_key: Vec<u8>,
    offset: u64,
    bytes: u32,
    crc: u32,
}

impl Archive {
    /// Opens the file; of its rows only the places are read.
    ///
    /// - [`Error::NewerFormat`], [`Error::Io`]; [`Error::Damaged`] where the file ends too early or too late.
    pub fn open(path: &Path) -> Result<Archive, Error> {
        let failed = |cause| match cause {
            Unreadable::Io(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {
                damaged(path, "it ends in the middle".to_owned())
            }
            Unreadable::Io(cause) => Error::Io {
                action: "read the rows",
                place: path.display().to_string(),
                cause,
            },
            Unreadable::Damaged(reason) => damaged(path, reason),
            Unreadable::Newer(found) => Error::NewerFormat {
                directory: path.display().to_string(),
                found,
                supported: 1,
            },
        };
        let file = File::open(path).map_err(|cause| failed(Unreadable::Io(cause)))?;
        let (blocks, rows) = read_places(&file).map_err(failed)?;
        Ok(Archive {
            file,
            path: path.to_owned(),
            blocks,
            rows,
            kept: Mutex::default(),
        })
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    fn block(&self, at: usize) -> Result<Arc<Block>, Error> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, block)) = kept.iter().find(|(known, _)| *known == at) {
            return Ok(Arc::clone(block));
        }
        let place = &self.blocks[at];
        let mut bytes = vec![0; place.bytes as usize];
        self.file
            .read_exact_at(&mut bytes, place.offset)
            .map_err(|cause| Error::Io {
                action: "read the rows",
                place: self.path.display().to_string(),
                cause,
            })?;
        if crc32fast::hash(&bytes) != place.crc {
            let reason = format!(
                "the rows at byte {} do not match their checksum",
                place.offset
            );
            return Err(damaged(&self.path, reason));
        }
        let block = Arc::new(rows_in(&bytes).ok_or_else(|| {
            damaged(
                &self.path,
                format!("there are no rows at byte {}", place.offset),
            )
        })?);
        kept.push_front((at, Arc::clone(&block)));
        kept.truncate(BLOCKS_KEPT);
        Ok(block)
    }

    /// The block that `key` is in, if it is in any.
    fn block_of(&self, key: &[u8]) -> Option<usize> {
        let behind = self
            .blocks
            .partition_point(|block| block.first_key.as_slice() <= key);
        behind.checked_sub(1)
    }
}

impl Snapshot for Archive {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, Error> {
        let Some(at) = self.block_of(key) else {
            return Ok(None);
        };
        let block = self.block(at)?;
        let found = block.binary_search_by(|(known, _)| known.as_slice().cmp(key));
        Ok(found.ok().map(|at| block[at].1.clone()))
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Value)>, Error> {
        if direction == Direction::Ascending {
            return self.page(from, to, limit, usize::MAX);
        }
        let mut rows = Vec::new();
        let blocks = 0..self.block_of(to).map_or(0, |at| at + 1);
        for at in blocks.rev() {
            let block = self.block(at)?;
            for (key, value) in block.iter().rev() {
                if key.as_slice() < from || rows.len() == limit {
                    return Ok(rows);
                }
                if key.as_slice() < to {
                    rows.push((key.clone(), value.clone()));
                }
            }
        }
        Ok(rows)
    }

    fn page(
        &self,
        from: &[u8],
        to: &[u8],
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<(Vec<u8>, Value)>, Error> {
        let (mut rows, mut held) = (Vec::new(), 0usize);
        for at in self.block_of(from).unwrap_or(0)..self.blocks.len() {
            let block = self.block(at)?;
            let first = block.partition_point(|(key, _)| key.as_slice() < from);
            for (key, value) in &block[first..] {
                if key.as_slice() >= to || rows.len() >= rows_max || held >= bytes_max {
                    return Ok(rows);
                }
                held = held.saturating_add(key.len() + value.len());
                rows.push((key.clone(), value.clone()));
            }
        }
        Ok(rows)
    }
}

enum Unreadable {
    Io(io::Error),
    Damaged(String),
    Newer(u32),
}

impl From<io::Error> for Unreadable {
    fn from(cause: io::Error) -> Unreadable {
        Unreadable::Io(cause)
    }
}

fn read_places(file: &File) -> Result<(Vec<BlockPlace>, u64), Unreadable> {
    let length = file.metadata()?.len();
    let mut from = BufReader::new(file);
    let mut head = [0; HEAD.len()];
    from.read_exact(&mut head)?;
    if head != HEAD {
        let version = head.strip_prefix(HEAD_WORD).and_then(|rest| rest.first());
        let newer = version.filter(|digit| (b'2'..=b'9').contains(digit));
        return Err(match newer {
            Some(digit) => Unreadable::Newer(u32::from(digit - b'0')),
            None => Unreadable::Damaged("it is no file of rows".to_owned()),
        });
    }
    let (mut blocks, mut rows, mut offset) = (Vec::new(), 0u64, HEAD.len() as u64);
    loop {
        let mut block_head = [0; BLOCK_HEAD_BYTES];
        from.read_exact(&mut block_head)?;
        offset += BLOCK_HEAD_BYTES as u64;
        let [bytes, block_rows, crc] = words(&block_head);
        if block_rows == 0 {
            let mut said = [0; 8];
            from.read_exact(&mut said)?;
            let is_whole = u64::from_le_bytes(said) == rows && offset + 8 == length && bytes == 0;
            let different = || Unreadable::Damaged("its end does not fit its rows".to_owned());
            return is_whole.then_some((blocks, rows)).ok_or_else(different);
        }
        let mut row_head = [0; 8];
        from.read_exact(&mut row_head)?;
        let [key_bytes, _] = words(&row_head);
        let is_possible = bytes <= BLOCK_BYTES_MAX
            && key_bytes as usize <= KEY_BYTES_MAX
            && key_bytes <= bytes.saturating_sub(8);
        if !is_possible {
            let text = format!("there is no block at byte {offset}");
            return Err(Unreadable::Damaged(text));
        }
        let mut first_key = vec![0; key_bytes as usize];
        from.read_exact(&mut first_key)?;
        blocks.push(BlockPlace {
            first_key,
            offset,
            bytes,
            crc,
        });
        rows += u64::from(block_rows);
        offset += u64::from(bytes);
        from.seek(SeekFrom::Start(offset))?;
    }
}

fn words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    std::array::from_fn(|at| {
        let word = bytes[at * 4..at * 4 + 4].try_into();
        u32::from_le_bytes(word.expect("four bytes"))
    })
}

fn rows_in(mut bytes: &[u8]) -> Option<Block> {
    let mut rows = Vec::new();
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_at_checked(8)?;
        let [key_bytes, value_bytes] = words(head);
        let (key, rest) = rest.split_at_checked(key_bytes as usize)?;
        let (value, rest) = rest.split_at_checked(value_bytes as usize)?;
        rows.push((key.to_vec(), Value::from(value)));
        bytes = rest;
    }
    Some(rows)
}

fn damaged(path: &Path, reason: String) -> Error {
    Error::Damaged {
        directory: path.display().to_string(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(rows: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
        let mut writer = ArchiveWriter::new(Vec::new()).expect("a head");
        for (key, value) in rows {
            writer.put(key, value).expect("a row");
        }
        let (bytes, written) = writer.finish().expect("an end");
        assert_eq!(written, rows.len() as u64);
        bytes
    }

    fn opened(bytes: &[u8]) -> (tempfile::TempDir, Result<Archive, Error>) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("rows");
        std::fs::write(&path, bytes).expect("it is written");
        let archive = Archive::open(&path);
        (directory, archive)
    }

    fn rows() -> Vec<(Vec<u8>, Vec<u8>)> {
        let row = |at: u32| (at.to_be_bytes().to_vec(), vec![at as u8; 700]);
        (0..1_000).map(|at| row(at * 2)).collect()
    }

    #[test]
    fn an_archive_reads_as_the_snapshot_that_it_was_made_of() {
        let rows = rows();
        let mut memory = crate::Memory::new();
        let mut batch = crate::Batch::new();
        rows.iter()
            .for_each(|(key, value)| batch.put(key.clone(), value.clone()));
        crate::Store::commit(&mut memory, batch).expect("it commits");
        let memory = crate::Store::snapshot(&memory);
        let (_kept, archive) = opened(&archive(&rows));
        let archive = archive.expect("it opens");
        assert_eq!(archive.rows(), 1_000);
        let edges = [0u32, 1, 2, 185, 186, 187, 1_001, 1_998, 1_999, 5_000];
        for from in edges.map(u32::to_be_bytes) {
            let get = |rows: &dyn Snapshot| rows.get(&from).expect("it reads");
            assert_eq!(get(&archive), get(memory.as_ref()));
            for to in edges.map(u32::to_be_bytes) {
                for limit in [0, 1, 200, usize::MAX] {
                    for direction in [Direction::Ascending, Direction::Descending] {
                        let scan = |rows: &dyn Snapshot| {
                            rows.scan(&from, &to, direction, limit).expect("it reads")
                        };
                        assert_eq!(scan(&archive), scan(memory.as_ref()));
                    }
                    let page = |rows: &dyn Snapshot| {
                        rows.page(&from, &to, limit, 2_000).expect("it reads")
                    };
                    assert_eq!(page(&archive), page(memory.as_ref()));
                }
            }
        }
        let (_kept, empty) = opened(&super::tests::archive(&[]));
        let empty = empty.expect("it opens");
        assert_eq!(empty.get(b"a").expect("it reads"), None);
        assert!(empty.page(&[], &[255], 9, 9).expect("it reads").is_empty());
    }

    #[test]
    fn no_cut_and_no_flipped_bit_of_an_archive_is_read_as_rows() {
        let bytes = archive(&rows()[..150]);
        for end in (0..bytes.len()).step_by(97) {
            assert!(opened(&bytes[..end]).1.is_err(), "cut at {end}");
        }
        let read_all = |bytes: &[u8]| {
            let (_kept, archive) = opened(bytes);
            archive.and_then(|archive| archive.page(&[], &[255; 8], usize::MAX, usize::MAX))
        };
        let sound = read_all(&bytes).expect("it reads");
        for at in (0..bytes.len()).step_by(61) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x04;
            assert!(read_all(&flipped).is_err(), "byte {at}");
        }
        assert_eq!(sound.len(), 150);
    }

    #[test]
    fn an_archive_of_a_newer_format_is_refused() {
        let mut bytes = archive(&[]);
        bytes[HEAD_WORD.len()] = b'3';
        let refused = opened(&bytes).1.err();
        assert!(matches!(refused, Some(Error::NewerFormat { found: 3, .. })));
    }
}
