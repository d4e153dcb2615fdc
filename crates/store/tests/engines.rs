//! Each engine against the one suite, and what each promises beyond it.

mod suite;

use std::fs;

use expect_test::{Expect, expect};
use stepwell_store::{Disk, Embedded, Error, Fault, Memory, Store};
use suite::{all, batch, put};
use tempfile::TempDir;

fn temporary() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn open(directory: &TempDir) -> Embedded {
    Embedded::open(directory.path()).expect("it opens")
}

/// The error's text, with the directory's path taken out.
fn refused(directory: &TempDir, expected: Expect) {
    let error = Embedded::open(directory.path())
        .err()
        .expect("it is refused");
    let text = error
        .to_string()
        .replace(&directory.path().display().to_string(), "DIR");
    expected.assert_eq(&text);
}

#[test]
fn memory_keeps_the_promises_of_a_store() {
    suite::check(&mut || Box::new(Memory::new()));
}

#[test]
fn embedded_keeps_the_promises_of_a_store() {
    let mut directories = Vec::new();
    suite::check(&mut || {
        let directory = temporary();
        let store = open(&directory);
        directories.push(directory);
        Box::new(store)
    });
}

#[test]
fn rows_are_there_after_reopening() {
    let directory = temporary();
    for round in 0..4 {
        let mut store = open(&directory);
        if round > 0 {
            assert_eq!(
                all(&*store.snapshot()),
                format!("kept=0 last={}", round - 1)
            );
        }
        put(
            &mut store,
            if round == 0 { "kept=0 gone=1" } else { "gone!" },
        );
        put(&mut store, &format!("gone! last={round}"));
    }
}

#[test]
fn rows_flushed_from_memory_are_there_after_reopening() {
    // Three memtables' worth, most of it overwritten: flushes, journal rotation and recovery meet.
    const ROUNDS: u8 = 48;
    let directory = temporary();
    let mut store = open(&directory);
    for round in 0..ROUNDS {
        let mut batch = stepwell_store::Batch::new();
        for row in 0..64_u8 {
            batch.put(vec![1, row], vec![round; 16 * 1024]);
        }
        batch.put(vec![2, round], vec![round]);
        store.commit(batch).expect("it commits");
    }
    drop(store);
    let snapshot = open(&directory).snapshot();
    for row in 0..64_u8 {
        let value = snapshot
            .get(&[1, row])
            .expect("it reads")
            .expect("it is there");
        assert!(
            value.len() == 16 * 1024 && value.iter().all(|byte| *byte == ROUNDS - 1),
            "row {row}"
        );
    }
    let rounds = snapshot.scan(&[2], &[3], stepwell_store::Direction::Ascending, usize::MAX);
    assert_eq!(rounds.expect("it reads").len(), usize::from(ROUNDS));
}

#[test]
fn a_directory_is_created_with_what_is_missing_above_it() {
    let directory = temporary();
    let path = directory.path().join("a/b/c");
    put(&mut Embedded::open(&path).expect("it opens"), "a=1");
    assert_eq!(
        all(&*Embedded::open(&path).expect("it opens").snapshot()),
        "a=1"
    );
    assert_eq!(
        fs::read_to_string(path.join("format")).expect("the marker"),
        "stepwell-store 1\n"
    );
}

#[test]
fn a_directory_is_open_once_and_a_snapshot_keeps_it_open() {
    let directory = temporary();
    let mut store = open(&directory);
    put(&mut store, "a=1");
    let locked =
        || expect!["DIR is open in another process; one server at a time may use a data directory"];
    refused(&directory, locked());
    let snapshot = store.snapshot();
    drop(store);
    refused(&directory, locked());
    assert_eq!(all(&*snapshot), "a=1");
    drop(snapshot);
    assert_eq!(all(&*open(&directory).snapshot()), "a=1");
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let directory = temporary();
    put(&mut open(&directory), "a=1");
    let marker = directory.path().join("format");
    fs::write(&marker, "stepwell-store 2\n").expect("the marker is written");
    refused(
        &directory,
        expect!["DIR has store format 2, this version reads up to 1; use a newer version"],
    );
    fs::write(&marker, "stepwell-store 1\n").expect("the marker is written");
    assert_eq!(all(&*open(&directory).snapshot()), "a=1");
}

#[test]
fn a_newer_format_is_refused_even_when_its_layout_is_unknown() {
    let directory = temporary();
    fs::write(directory.path().join("format"), "stepwell-store 9\n")
        .expect("the marker is written");
    refused(
        &directory,
        expect!["DIR has store format 9, this version reads up to 1; use a newer version"],
    );
    assert!(!directory.path().join("rows").exists());
}

#[test]
fn a_marker_that_is_not_ours_is_damage() {
    let directory = temporary();
    for marker in [
        "",
        "stepwell-store 1",
        "stepwell-store 0\n",
        "stepwell-store -1\n",
        "other 1\n",
    ] {
        fs::write(directory.path().join("format"), marker).expect("the marker is written");
        let opened = Embedded::open(directory.path());
        assert!(
            matches!(opened, Err(Error::Damaged { .. })),
            "marker {marker:?}"
        );
    }
    fs::write(directory.path().join("format"), "PNG\n").expect("the marker is written");
    refused(
        &directory,
        expect![[r#"the store in DIR is damaged: its format marker reads "PNG\n""#]],
    );
}

#[test]
fn a_database_that_went_missing_is_damage_not_an_empty_store() {
    let directory = temporary();
    put(&mut open(&directory), "a=1");
    fs::remove_dir_all(directory.path().join("rows")).expect("it is removed");
    refused(
        &directory,
        expect!["the store in DIR is damaged: it has a format marker but no database"],
    );
}

#[test]
fn a_creation_cut_short_is_finished() {
    // Killed while the database was being made aside: only `rows.new` is there, in any state.
    let directory = temporary();
    fs::create_dir_all(directory.path().join("rows.new/keyspaces")).expect("it is made");
    fs::write(directory.path().join("rows.new/0.jnl"), "").expect("it is made");
    put(&mut open(&directory), "a=1");
    assert!(!directory.path().join("rows.new").exists());

    // Killed between the rename and the marker: `rows` is whole and must be kept.
    fs::remove_file(directory.path().join("format")).expect("it is removed");
    fs::write(directory.path().join("format.new"), "step").expect("it is made");
    assert_eq!(all(&*open(&directory).snapshot()), "a=1");
    assert!(directory.path().join("format").exists());
}

#[test]
fn a_path_that_is_a_file_is_an_error_naming_it() {
    let directory = temporary();
    let path = directory.path().join("file");
    fs::write(&path, "").expect("it is made");
    let error = Embedded::open(&path).err().expect("it is refused");
    assert!(
        error.to_string().contains(&path.display().to_string()),
        "{error}"
    );
    assert!(matches!(error, Error::Io { .. }));
}

#[test]
fn errors_of_a_batch_name_the_value_and_the_bound() {
    let mut store = Memory::new();
    let error = store
        .commit(batch(&format!("{}=1", "k".repeat(2000))))
        .expect_err("it is refused");
    expect![[
        r#"a key of 2000 bytes, keys have 1 to 1024 bytes: "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk""#
    ]]
    .assert_eq(&error.to_string());
}

#[test]
fn a_fault_before_the_write_loses_the_batch_and_stops_the_store() {
    let mut store = Memory::new();
    put(&mut store, "a=1");
    store.disk().fail(Fault::BeforeWrite, 0);
    check_stopped(&mut store);
    assert_eq!(all(&*store.crash().snapshot()), "a=1");
}

#[test]
fn a_fault_after_the_write_keeps_the_batch_for_the_next_life_only() {
    let mut store = Memory::new();
    put(&mut store, "a=1");
    store.disk().fail(Fault::AfterWrite, 0);
    check_stopped(&mut store);
    let mut store = store.crash();
    assert_eq!(all(&*store.snapshot()), "a=2 b=2");
    put(&mut store, "c=3");
    assert_eq!(store.disk().commits(), 3);
}

fn check_stopped(store: &mut Memory) {
    assert!(matches!(
        store.commit(batch("a=2 b=2")),
        Err(Error::Io { .. })
    ));
    for _ in 0..2 {
        assert!(matches!(
            store.commit(batch("c=3")),
            Err(Error::Stopped { .. })
        ));
    }
    assert_eq!(all(&*store.snapshot()), "a=1");
}

#[test]
fn a_fault_waits_for_its_commit_and_dies_with_the_store() {
    let disk = Disk::new();
    let mut store = disk.open();
    disk.fail(Fault::BeforeWrite, 1);
    put(&mut store, "a=1");
    assert!(store.commit(batch("a=2")).is_err());
    disk.fail(Fault::BeforeWrite, 0);
    let mut store = disk.crash();
    put(&mut store, "a=3");
    assert_eq!(all(&*store.snapshot()), "a=3");
}

#[test]
fn a_store_from_before_the_crash_cannot_write() {
    let mut old = Memory::new();
    put(&mut old, "a=1");
    let new = old.disk().crash();
    assert!(matches!(
        old.commit(batch("a=2")),
        Err(Error::Stopped { .. })
    ));
    assert_eq!(all(&*new.snapshot()), "a=1");
}
