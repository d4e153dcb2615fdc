//! Journals that a crash has torn, and journals that have rotted: the first open, the second are refused and named.

use std::fs;
use std::path::{Path, PathBuf};

use stepwell_store::{Batch, Embedded, Error, Store};
use tempfile::TempDir;

const ROW_BYTES: usize = 1500;

/// A store with three commits, closed, and its journal without the zeros at its end.
struct Closed {
    directory: TempDir,
    journal: PathBuf,
    /// The journal's length after each commit.
    lengths: Vec<usize>,
}

impl Closed {
    fn new() -> Closed {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let journal = directory.path().join("rows/0.jnl");
        let mut lengths = Vec::new();
        for number in 0..3_u8 {
            let mut store = open(directory.path()).expect("it opens");
            let mut batch = Batch::new();
            batch.put(vec![b'a', number], vec![b'x' + number; ROW_BYTES]);
            batch.put(b"head".to_vec(), vec![number]);
            store.commit(batch).expect("it commits");
            drop(store);
            // What the engine keeps free for itself goes when it opens the journal.
            drop(open(directory.path()).expect("it opens"));
            let length = fs::metadata(&journal).expect("a journal").len();
            lengths.push(usize::try_from(length).expect("a short file"));
        }
        Closed {
            directory,
            journal,
            lengths,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.journal).expect("the journal is read")
    }

    /// Opens it with this journal: how many commits are there.
    fn opened(&self, journal: &[u8]) -> Result<usize, Error> {
        fs::write(&self.journal, journal).expect("the journal is written");
        let store = open(self.directory.path())?;
        let snapshot = store.snapshot();
        let count = (0..3_u8)
            .take_while(|number| {
                let row = snapshot.get(&[b'a', *number]).expect("it reads");
                row.is_some_and(|row| row.len() == ROW_BYTES)
            })
            .count();
        let head = snapshot.get(b"head").expect("it reads").expect("a head");
        assert_eq!(
            usize::from(head[0]) + 1,
            count,
            "no commit is there in part"
        );
        Ok(count)
    }

    #[track_caller]
    fn refused(&self, journal: &[u8], name: &Path) {
        let error = self.opened(journal).expect_err("it is refused");
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&name.display().to_string()), "{text}");
        assert_eq!(self.bytes(), journal, "it is left as it was");
    }
}

fn open(directory: &Path) -> Result<Embedded, Error> {
    Embedded::open(directory)
}

#[test]
fn a_last_commit_that_was_cut_off_is_dropped_and_nothing_before_it() {
    let closed = Closed::new();
    let whole = closed.bytes();
    assert_eq!(closed.opened(&whole).expect("it opens"), 3);
    let (from, to) = (closed.lengths[1], closed.lengths[2]);
    // All of the short beginnings and ends, some of the long middle.
    let cuts = (from..from + 40)
        .chain((from + 40..to - 90).step_by(97))
        .chain(to - 90..to);
    for cut in cuts {
        let mut torn = whole[..cut].to_vec();
        assert_eq!(closed.opened(&torn).expect("it opens"), 2, "cut at {cut}");
        torn.resize(to + 5000, 0);
        assert_eq!(
            closed.opened(&torn).expect("it opens"),
            2,
            "zeros from {cut}"
        );
    }
    let mut torn = whole.clone();
    let sector = from.next_multiple_of(512);
    torn[sector..sector + 512].fill(0);
    assert_eq!(
        closed.opened(&torn).expect("it opens"),
        2,
        "a sector is missing"
    );
    assert_eq!(closed.opened(&whole).expect("it opens"), 3);
}

#[test]
fn a_flipped_bit_loses_nothing_or_is_refused() {
    let closed = Closed::new();
    let whole = closed.bytes();
    let mut refused = 0;
    let mut random = 7_u32;
    for at in (0..whole.len()).filter(|at| at % 7 == 0 || at % 1500 < 80) {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (random >> 29);
        match closed.opened(&flipped) {
            Ok(count) => assert_eq!(count, 3, "a bit of byte {at} is flipped"),
            Err(Error::Damaged { reason, .. }) => {
                assert!(reason.contains("0.jnl"), "{reason}");
                assert_eq!(closed.bytes(), flipped, "it is left as it was");
                refused += 1;
            }
            Err(error) => panic!("a bit of byte {at} is flipped: {error}"),
        }
    }
    assert!(refused > 500, "{refused} were refused");
    assert_eq!(closed.opened(&whole).expect("it opens"), 3);
}

#[test]
fn what_lacks_before_a_whole_commit_is_refused() {
    let closed = Closed::new();
    let whole = closed.bytes();
    let mut gap = whole.clone();
    gap[closed.lengths[0]..closed.lengths[1]].fill(0);
    closed.refused(&gap, &closed.journal);
    let mut sector = whole.clone();
    sector[512..1024].fill(0);
    closed.refused(&sector, &closed.journal);
    let mut removed = whole.clone();
    removed.drain(closed.lengths[0] - 1..closed.lengths[0]);
    closed.refused(&removed, &closed.journal);
    let rows = closed.journal.parent().expect("a directory");
    fs::write(rows.join("2.jnl"), "").expect("it is written");
    closed.refused(&whole, &rows.join("1.jnl"));
    fs::remove_file(rows.join("2.jnl")).expect("it is removed");
    assert_eq!(closed.opened(&whole).expect("it opens"), 3);
    fs::remove_file(&closed.journal).expect("it is removed");
    let error = open(closed.directory.path()).err().expect("it is refused");
    assert!(error.to_string().ends_with("it has no journal"), "{error}");
}
