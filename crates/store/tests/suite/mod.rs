//! What every engine promises: one suite of small cases, each on a store of its own.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use stepwell_store::Direction::{Ascending, Descending};
use stepwell_store::{BATCH_BYTES_MAX, Batch, Direction, Error, KEY_BYTES_MAX, Snapshot, Store};

type Make<'a> = &'a mut dyn FnMut() -> Box<dyn Store>;
type Case = (&'static str, fn(Box<dyn Store>));
type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Holds an engine to the promises of `Store`; `make` gives an empty store each time.
pub fn check(make: Make) {
    let cases: [Case; 14] = [
        ("an empty store has no rows", empty_store),
        ("a put row is read, an overwrite replaces it", overwrite),
        ("a deleted row is gone, deleting nothing is fine", delete),
        ("an empty value is a value", empty_value),
        ("scans keep bounds, direction and limit", scan_bounds),
        ("an empty range has no rows", empty_ranges),
        ("keys compare as unsigned bytes, a prefix first", key_order),
        ("a scan pages on from its last key", paging),
        ("a snapshot never changes", snapshot_isolation),
        (
            "a snapshot outlives later commits and reads on another thread",
            snapshot_moves,
        ),
        ("the last write to a key in a batch wins", order_in_batch),
        ("an empty batch changes nothing", empty_batch),
        ("bad keys are refused and nothing is written", bad_keys),
        ("the longest key and a large value are kept", large_rows),
    ];
    for (claim, case) in cases {
        println!("{claim}");
        case(make());
    }
    batch_too_large(make());
    for seed in 1..=8 {
        println!("random operations agree with a BTreeMap, seed {seed}");
        model(make(), seed);
    }
}

fn empty_store(store: Box<dyn Store>) {
    let snapshot = store.snapshot();
    assert_eq!(get(&*snapshot, "a"), None);
    assert_eq!(get(&*snapshot, ""), None);
    assert_eq!(all(&*snapshot), "");
}

fn overwrite(mut store: Box<dyn Store>) {
    put(&mut *store, "a=1 b=2");
    assert_eq!(all(&*store.snapshot()), "a=1 b=2");
    put(&mut *store, "a=3");
    assert_eq!(get(&*store.snapshot(), "a").as_deref(), Some("3"));
    assert_eq!(all(&*store.snapshot()), "a=3 b=2");
}

fn delete(mut store: Box<dyn Store>) {
    put(&mut *store, "a=1 b=2 c=3");
    put(&mut *store, "b! x!");
    assert_eq!(get(&*store.snapshot(), "b"), None);
    assert_eq!(all(&*store.snapshot()), "a=1 c=3");
    put(&mut *store, "b=4");
    assert_eq!(all(&*store.snapshot()), "a=1 b=4 c=3");
}

fn empty_value(mut store: Box<dyn Store>) {
    put(&mut *store, "a=");
    assert_eq!(get(&*store.snapshot(), "a").as_deref(), Some(""));
    assert_eq!(all(&*store.snapshot()), "a=");
}

fn scan_bounds(mut store: Box<dyn Store>) {
    put(&mut *store, "a=1 b=2 c=3 d=4 e=5");
    let snapshot = store.snapshot();
    let check = |from: &str, to: &str, direction, limit, expected: &str| {
        assert_eq!(
            scan(&*snapshot, from, to, direction, limit),
            expected,
            "{from}..{to} {direction:?} {limit}"
        );
    };
    check("b", "d", Ascending, 9, "b=2 c=3");
    check("b", "d", Descending, 9, "c=3 b=2");
    check("", "z", Ascending, 2, "a=1 b=2");
    check("", "z", Descending, 2, "e=5 d=4");
    check("aa", "cc", Ascending, 9, "b=2 c=3");
    check("aa", "cc", Descending, 1, "c=3");
    check("a", "a\0", Ascending, 9, "a=1");
    check("a", "z", Ascending, 0, "");
    check("a", "z", Descending, 0, "");
    check("a", "z", Ascending, usize::MAX, "a=1 b=2 c=3 d=4 e=5");
    check("a", "z", Descending, usize::MAX, "e=5 d=4 c=3 b=2 a=1");
}

fn empty_ranges(mut store: Box<dyn Store>) {
    put(&mut *store, "a=1 b=2 c=3");
    for direction in [Ascending, Descending] {
        for (from, to) in [
            ("b", "b"),
            ("c", "a"),
            ("bb", "c"),
            ("d", "z"),
            ("", "a"),
            ("", ""),
        ] {
            assert_eq!(
                scan(&*store.snapshot(), from, to, direction, 9),
                "",
                "{from}..{to} {direction:?}"
            );
        }
    }
}

fn key_order(mut store: Box<dyn Store>) {
    let keys: [&[u8]; 7] = [
        b"\0",
        b"\0\0",
        b"\x7f",
        b"\x80",
        b"\xff",
        b"\xff\0",
        b"\xff\xff",
    ];
    let mut batch = Batch::new();
    for key in keys.iter().rev() {
        batch.put(key.to_vec(), vec![1]);
    }
    store.commit(batch).expect("it commits");
    let rows = store
        .snapshot()
        .scan(b"", &[0xff; 3], Ascending, 9)
        .expect("it reads");
    assert_eq!(
        rows.iter()
            .map(|(key, _)| key.as_slice())
            .collect::<Vec<_>>(),
        keys
    );
}

fn paging(mut store: Box<dyn Store>) {
    let mut batch = Batch::new();
    for number in 0..100_u8 {
        batch.put(vec![7, number], vec![number]);
    }
    store.commit(batch).expect("it commits");
    let snapshot = store.snapshot();
    let (mut from, mut up) = (vec![7], Vec::new());
    let (mut to, mut down) = (vec![8], Vec::new());
    for _ in 0..15 {
        for (key, value) in snapshot.scan(&from, &[8], Ascending, 7).expect("it reads") {
            up.push(value[0]);
            from = [key.as_slice(), &[0]].concat();
        }
        for (key, value) in snapshot.scan(&[7], &to, Descending, 7).expect("it reads") {
            down.push(value[0]);
            to = key;
        }
    }
    assert_eq!(up, (0..100).collect::<Vec<u8>>());
    assert_eq!(down, (0..100).rev().collect::<Vec<u8>>());
}

fn snapshot_isolation(mut store: Box<dyn Store>) {
    let empty = store.snapshot();
    put(&mut *store, "a=1 b=2");
    let before = store.snapshot();
    put(&mut *store, "a=9 b! c=3");
    let after = store.snapshot();
    put(&mut *store, "a! c!");
    assert_eq!(all(&*empty), "");
    assert_eq!(all(&*before), "a=1 b=2");
    assert_eq!(get(&*before, "b").as_deref(), Some("2"));
    assert_eq!(get(&*before, "c"), None);
    assert_eq!(all(&*after), "a=9 c=3");
    assert_eq!(all(&*store.snapshot()), "");
}

fn snapshot_moves(mut store: Box<dyn Store>) {
    put(&mut *store, "a=1");
    let snapshot = store.snapshot();
    let reader = Arc::clone(&snapshot);
    put(&mut *store, "a=2");
    let read = std::thread::spawn(move || all(&*reader));
    assert_eq!(read.join().expect("the reader ends"), "a=1");
    drop(store);
    assert_eq!(all(&*snapshot), "a=1");
}

fn order_in_batch(mut store: Box<dyn Store>) {
    put(&mut *store, "a=1 a! b! b=2 c=3 c=4 d=5 d! d=6");
    assert_eq!(all(&*store.snapshot()), "b=2 c=4 d=6");
    put(&mut *store, "b=7 b! c! c=8");
    assert_eq!(all(&*store.snapshot()), "c=8 d=6");
}

fn empty_batch(mut store: Box<dyn Store>) {
    put(&mut *store, "a=1");
    store.commit(Batch::new()).expect("an empty batch commits");
    assert_eq!(all(&*store.snapshot()), "a=1");
}

fn bad_keys(mut store: Box<dyn Store>) {
    for key in [vec![], vec![b'k'; KEY_BYTES_MAX + 1]] {
        let mut batch = Batch::new();
        batch.put(b"good".to_vec(), b"1".to_vec());
        batch.delete(key.clone());
        match store.commit(batch) {
            Err(Error::Key { key_bytes, .. }) => assert_eq!(key_bytes, key.len()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(all(&*store.snapshot()), "");
    put(&mut *store, "a=1");
    assert_eq!(all(&*store.snapshot()), "a=1");
}

fn large_rows(mut store: Box<dyn Store>) {
    let mut batch = Batch::new();
    batch.put(vec![b'k'; KEY_BYTES_MAX], vec![7; 1 << 20]);
    store.commit(batch).expect("it commits");
    let value = store
        .snapshot()
        .get(&[b'k'; KEY_BYTES_MAX])
        .expect("it reads")
        .expect("it is there");
    assert!(value.len() == 1 << 20 && value.iter().all(|byte| *byte == 7));
}

fn batch_too_large(mut store: Box<dyn Store>) {
    let mut batch = Batch::new();
    batch.put(b"small".to_vec(), b"1".to_vec());
    batch.put(b"large".to_vec(), vec![0; BATCH_BYTES_MAX]);
    let bytes = batch.bytes();
    match store.commit(batch) {
        Err(Error::BatchTooLarge { batch_bytes }) => assert_eq!(batch_bytes, bytes),
        other => panic!("{other:?}"),
    }
    assert_eq!(all(&*store.snapshot()), "");
    put(&mut *store, "a=1");
    assert_eq!(all(&*store.snapshot()), "a=1");
}

/// Random batches, reads and snapshots against a map, on few keys so that writes meet.
fn model(mut store: Box<dyn Store>, seed: u64) {
    const STEPS: usize = 150;
    const SNAPSHOTS_MAX: usize = 6;
    let mut random = Random(seed);
    let mut rows: Rows = BTreeMap::new();
    let mut views: Vec<(Arc<dyn Snapshot>, Rows)> = Vec::new();
    for step in 0..STEPS {
        let mut batch = Batch::new();
        for _ in 0..random.below(12) {
            let key = random.key();
            if random.below(3) == 0 {
                batch.delete(key.clone());
                rows.remove(&key);
            } else {
                let value = vec![random.below(256) as u8; random.below(400)];
                batch.put(key.clone(), value.clone());
                rows.insert(key, value);
            }
        }
        store.commit(batch).expect("it commits");
        if views.len() == SNAPSHOTS_MAX {
            views.swap_remove(random.below(SNAPSHOTS_MAX));
        }
        views.push((store.snapshot(), rows.clone()));
        for (snapshot, expected) in &views {
            let (key, from, to) = (random.key(), random.key(), random.key());
            let limit = random.below(10);
            let found = snapshot.get(&key).expect("it reads");
            assert_eq!(
                found.as_deref(),
                expected.get(&key).map(Vec::as_slice),
                "seed {seed} step {step}"
            );
            for direction in [Ascending, Descending] {
                let found = snapshot
                    .scan(&from, &to, direction, limit)
                    .expect("it reads");
                let found: Vec<_> = found
                    .iter()
                    .map(|(key, value)| (key.as_slice(), &**value))
                    .collect();
                assert_eq!(
                    found,
                    model_scan(expected, &from, &to, direction, limit),
                    "seed {seed} step {step}"
                );
            }
        }
    }
    let found = store
        .snapshot()
        .scan(b"", &[0xff; 4], Ascending, usize::MAX)
        .expect("it reads");
    assert!(!found.is_empty());
    let found: Vec<_> = found
        .iter()
        .map(|(key, value)| (key.as_slice(), &**value))
        .collect();
    assert_eq!(
        found,
        model_scan(&rows, b"", &[0xff; 4], Ascending, usize::MAX),
        "seed {seed}"
    );
}

fn model_scan<'a>(
    rows: &'a Rows,
    from: &[u8],
    to: &[u8],
    direction: Direction,
    limit: usize,
) -> Vec<(&'a [u8], &'a [u8])> {
    if from >= to {
        return Vec::new();
    }
    let range = rows.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)));
    let range = range.map(|(key, value)| (key.as_slice(), value.as_slice()));
    match direction {
        Ascending => range.take(limit).collect(),
        Descending => range.rev().take(limit).collect(),
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    fn key(&mut self) -> Vec<u8> {
        (0..=self.below(3))
            .map(|_| [0, b'a', b'b', 0xfe][self.below(4)])
            .collect()
    }
}

/// Commits writes such as `a=1 b!` (put, delete) as one batch.
pub fn put(store: &mut dyn Store, writes: &str) {
    store.commit(batch(writes)).expect("it commits");
}

/// The batch of writes such as `a=1 b!` (put, delete).
pub fn batch(writes: &str) -> Batch {
    let mut batch = Batch::new();
    for write in writes.split_whitespace() {
        match write.split_once('=') {
            Some((key, value)) => batch.put(key.into(), value.into()),
            None => batch.delete(write.trim_end_matches('!').into()),
        }
    }
    batch
}

/// All rows, as `a=1 b=2`.
pub fn all(snapshot: &dyn Snapshot) -> String {
    scan(snapshot, "", "\u{10ffff}", Ascending, usize::MAX)
}

fn get(snapshot: &dyn Snapshot, key: &str) -> Option<String> {
    let value = snapshot.get(key.as_bytes()).expect("it reads")?;
    Some(String::from_utf8(value.to_vec()).expect("values are text"))
}

fn scan(
    snapshot: &dyn Snapshot,
    from: &str,
    to: &str,
    direction: Direction,
    limit: usize,
) -> String {
    let rows = snapshot
        .scan(from.as_bytes(), to.as_bytes(), direction, limit)
        .expect("it reads");
    let rows = rows.iter().map(|(key, value)| {
        format!(
            "{}={}",
            String::from_utf8_lossy(key),
            String::from_utf8_lossy(value)
        )
    });
    rows.collect::<Vec<_>>().join(" ")
}
