//! What goes and what stays where the bytes of a row do not match their checksum.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;
use stepwell_service::{LostTask, Shard};
use stepwell_store::{Batch, Direction, Error, Memory, Snapshot, Store, Value};

use super::{DAY_MS, DEFINITION, PASS, TASK, distributed};
use crate::world::{Row, World, execution_arn, rows, settings, store_of};

/// Kinds of rows, the first bytes of their keys.
const META: u8 = 1;
const MACHINE: u8 = 2;
const NAME: u8 = 7;
/// History, place of a child, name of a map run, tokens of redrives.
const NEEDED_BY_NOBODY: [u8; 4] = [6, 22, 29, 30];

/// A store in which the bytes of one row are damaged until the row goes.
struct Damaged {
    memory: Memory,
    key: Vec<u8>,
}

struct DamagedRows {
    rows: Arc<dyn Snapshot>,
    key: Vec<u8>,
}

impl Store for Damaged {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        Arc::new(DamagedRows {
            rows: self.memory.snapshot(),
            key: self.key.clone(),
        })
    }

    fn commit(&mut self, batch: Batch) -> Result<(), Error> {
        self.memory.commit(batch)
    }
}

impl DamagedRows {
    fn refuse<'k>(&self, mut keys: impl Iterator<Item = &'k [u8]>) -> Result<(), Error> {
        match keys.any(|key| key == self.key) {
            true => Err(Error::Corrupt {
                key: self.key.clone(),
            }),
            false => Ok(()),
        }
    }
}

impl Snapshot for DamagedRows {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, Error> {
        let value = self.rows.get(key)?;
        self.refuse(value.iter().map(|_| key))?;
        Ok(value)
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Value)>, Error> {
        let found = self.rows.scan(from, to, direction, limit)?;
        self.refuse(found.iter().map(|(key, _)| key.as_slice()))?;
        Ok(found)
    }
}

impl World {
    /// On these rows, of which one is damaged.
    fn on_damaged_row(on: &[Row], key: &[u8]) -> World {
        let mut world = World::on_damaged(&store_of(on).disk());
        let store = Damaged {
            memory: world.disk.open(),
            key: key.to_vec(),
        };
        world.shard =
            Shard::open(Box::new(store), settings(LostTask::Fail)).expect("a shard opens");
        world.recover();
        world
    }
}

#[test]
fn a_damaged_row_holds_up_no_other_machine() {
    let mut world = World::new();
    world.create("map", "STANDARD", &distributed("STANDARD"));
    world.start("map", "e", r#"{"items":[1,2,3]}"#);
    world.tick();
    let before = world.rows();
    world.create("other", "STANDARD", PASS);
    world.start("other", "e", "1");
    let all = world.rows();
    let of_map = |row: &&Row| row.0[0] != META && row.0[0] != DEFINITION && before.contains(row);
    for (key, _) in all.iter().filter(of_map) {
        let mut world = World::on_damaged_row(&all, key);
        world.keep_ms(91 * DAY_MS);
        let shown = key.escape_ascii();
        assert!(!world.has("other", "e"), "{shown}");
        if key[0] == MACHINE {
            assert!(world.has("map", "e"), "how long it is kept is not known");
        }
    }
}

#[test]
fn a_damaged_row_that_nobody_needs_goes_with_its_execution() {
    let mut world = World::new();
    world.create("map", "STANDARD", &distributed("STANDARD"));
    world.create("task", "STANDARD", TASK);
    world.start("map", "e", r#"{"items":[1,2,3]}"#);
    world.tick();
    world.start("task", "e", "3");
    world.fail_all();
    let redrive = json!({ "executionArn": execution_arn("task", "e"), "clientToken": "t" });
    world.ask("RedriveExecution", &redrive.to_string());
    world.fail_all();
    let all = world.rows();
    let mut kinds = BTreeSet::new();
    for (key, _) in &all {
        if !NEEDED_BY_NOBODY.contains(&key[0]) {
            continue;
        }
        kinds.insert(key[0]);
        let mut world = World::on_damaged_row(&all, key);
        world.keep_ms(91 * DAY_MS);
        let disk = world.disk.clone();
        drop(world);
        let mut left = rows(disk.open().snapshot().as_ref());
        left.retain(|(key, _)| ![META, MACHINE, DEFINITION].contains(&key[0]));
        assert_eq!(left, [], "{}", key.escape_ascii());
    }
    assert_eq!(kinds, BTreeSet::from(NEEDED_BY_NOBODY));
}

#[test]
fn an_execution_with_a_damaged_name_stays_as_it_is() {
    let mut world = World::new();
    world.create("m", "STANDARD", PASS);
    world.start("m", "e", "1");
    let all = world.rows();
    let (name, _) = all.iter().find(|(key, _)| key[0] == NAME).expect("a name");
    let mut world = World::on_damaged_row(&all, name);
    world.keep_ms(91 * DAY_MS);
    let left = rows(world.disk.open().snapshot().as_ref());
    assert_eq!(left, all);
}
