//! Map runs and their children: each is counted once, where it stands.

use stepwell_engine::{MachineKind, Status};

use super::Check;
use super::expected::{Expected, Found};
use crate::rows::execution::{decode_execution, execution_key};
use crate::rows::map_run::{
    Child, ChildOf, Counts, MapRun, child_key, child_of_key, children_of, index_in_key, name_key,
    run_key, runs_of,
};
use crate::rows::{Kind, decode, encode, index};

/// Children of a run by status, as their rows have it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    running: u64,
    succeeded: u64,
    others: u64,
}

impl Counted {
    fn add(&mut self, status: Status, count: u32) {
        let counter = match status {
            Status::Running => &mut self.running,
            Status::Succeeded => &mut self.succeeded,
            _ => &mut self.others,
        };
        *counter += u64::from(count);
    }

    /// What a run says.
    fn said(counts: &Counts) -> Counted {
        let others = [
            counts.failed,
            counts.timed_out,
            counts.aborted,
            counts.pending_redrive,
        ];
        Counted {
            running: u64::from(counts.running),
            succeeded: u64::from(counts.succeeded),
            others: others.into_iter().map(u64::from).sum(),
        }
    }
}

impl Check<'_> {
    pub(super) fn check_map_run(&mut self, key: &[u8], value: &[u8]) {
        let Some(run) = self.read::<MapRun>(key, value) else {
            return;
        };
        self.check_key(key, &run_key(run.parent, run.number));
        self.number_max = self.number_max.max(run.number);
        let name = (run.parent, run.number);
        let name = Expected::row(name_key(&run.arn), encode(&name));
        if self.erasing.contains(&run.parent) {
            self.expect(name.may());
            return self.pass_children(&run);
        }
        self.expect(name);
        if !self.is_there(&execution_key(run.parent)) {
            let text = format!("there is no execution {} that it is of", run.parent);
            self.find("map-run-stale", key, text);
        }
        let kind = match run.is_express {
            true => MachineKind::Express,
            false => MachineKind::Standard,
        };
        self.definition(key, &run.definition, kind);
        self.check_children(key, &run);
    }

    /// Executions that are being deleted go child by child, the deepest rows first.
    pub(super) fn find_erasing(&mut self) {
        let mut marks = self.walk_over(&[Kind::Erasure as u8]);
        let mut left = Vec::new();
        while let Some((key, _)) = self.next_uncounted(&mut marks) {
            left.extend(index::first_number(&key));
        }
        while let Some(number) = left.pop() {
            if self.erasing.insert(number) {
                left.extend(self.children_of_execution(number));
            }
        }
    }

    fn children_of_execution(&mut self, parent: u64) -> Vec<u64> {
        let mut numbers = Vec::new();
        let mut runs = self.walk_over(&runs_of(parent));
        while let Some((key, value)) = self.next_uncounted(&mut runs) {
            let Ok(run) = decode::<MapRun>(&key, &value) else {
                continue;
            };
            let mut children = self.walk_over(&children_of(run.number));
            while let Some((key, value)) = self.next_uncounted(&mut children) {
                let child = decode::<Child>(&key, &value);
                numbers.extend(child.map(|child| child.number));
            }
        }
        numbers
    }

    /// Children of a run that is being deleted.
    fn pass_children(&mut self, run: &MapRun) {
        let mut walk = self.walk_over(&children_of(run.number));
        while let Some((key, value)) = self.next_uncounted(&mut walk) {
            self.run_items += 1;
            if let Ok(child) = decode::<Child>(&key, &value) {
                self.expect(Expected::any(child_of_key(child.number)).may());
            }
        }
    }

    fn check_children(&mut self, key: &[u8], run: &MapRun) {
        let mut walk = self.walk_over(&children_of(run.number));
        let (mut children, mut items) = (Counted::default(), Counted::default());
        let mut rows = 0u32;
        let mut is_readable = true;
        while let Some((child_row_key, value)) = self.next_uncounted(&mut walk) {
            rows += 1;
            let Some(child) = self.read::<Child>(&child_row_key, &value) else {
                is_readable = false;
                continue;
            };
            children.add(child.status, 1);
            items.add(child.status, child.items);
            let place = index_in_key(&child_row_key).unwrap_or_default();
            self.check_key(&child_row_key, &child_key(run.number, place));
            self.check_child(&child_row_key, run, place, &child);
        }
        self.run_items += u64::from(rows);
        if rows != run.next_child {
            let text = format!(
                "it has opened {} children, and {rows} are there",
                run.next_child
            );
            self.find("map-run-children", key, text);
            return;
        }
        let said = [&run.executions, &run.item_counts].map(Counted::said);
        if is_readable && said != [children, items] {
            let text = "its counts are not those of its children".to_string();
            self.find("map-run-counts", key, text);
        }
    }

    fn check_child(&mut self, key: &[u8], run: &MapRun, place: u32, child: &Child) {
        let is_open = child.status == Status::Running;
        if !run.is_express || is_open {
            let place = ChildOf {
                parent: run.parent,
                run: run.number,
                index: place,
                items: child.items,
            };
            self.expect(Expected::row(child_of_key(child.number), encode(&place)));
        }
        if run.is_express {
            if is_open && !self.is_there(&index::express_key(child.number)) {
                let text = format!(
                    "the start of its Express execution {} is missing",
                    child.number
                );
                self.find("map-run-child-missing", key, text);
            }
            return;
        }
        let execution = execution_key(child.number);
        match self.value_of(&execution) {
            Found::Missing => {
                let text = format!("its execution {} is missing", child.number);
                self.find("map-run-child-missing", key, text);
            }
            Found::Unreadable => {}
            Found::Is(value) => {
                let row = decode_execution(&execution, &value);
                let differs = row.is_ok_and(|row| row.execution.status() != child.status);
                if differs {
                    let text = format!(
                        "it is {} to its run, and its execution {} is not",
                        crate::listing::status_name(child.status),
                        child.number
                    );
                    self.find("map-run-child-status", key, text);
                }
            }
        }
    }

    /// Rows of children that no run has.
    pub(super) fn check_run_items(&mut self) {
        let mut walk = self.walk_over(&[Kind::MapRunItem as u8]);
        let mut rows = 0u64;
        while self.next(&mut walk).is_some() {
            rows += 1;
        }
        if rows == self.run_items || self.sums.is_collecting() {
            return;
        }
        let runs = self.run_numbers();
        let mut walk = self.walk_over(&[Kind::MapRunItem as u8]);
        while let Some((key, _)) = self.next_uncounted(&mut walk) {
            let run = index::first_number(&key).unwrap_or_default();
            if runs.binary_search(&run).is_err() {
                let text = format!("there is no map run {run}");
                self.find("map-run-child-stale", &key, text);
            }
        }
    }

    fn run_numbers(&mut self) -> Vec<u64> {
        let mut runs = Vec::new();
        let mut walk = self.walk_over(&[Kind::MapRun as u8]);
        while let Some((key, _)) = self.next_uncounted(&mut walk) {
            let number = key.get(9..17).and_then(|bytes| bytes.try_into().ok());
            runs.extend(number.map(u64::from_be_bytes));
        }
        runs.sort_unstable();
        runs
    }
}
