//! `stepwell bench`: figures of this machine, beside the machine's own limits in the same run.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;

use crate::{
    Verdict,
    arguments::{Bench, Workload},
    bench::{
        costs, express, functions, histories, lists, logs, machine, maps, plan::Plan, recovery,
        server::Place, sleepers, starts, table::Table, tasks, telemetry,
    },
    interrupt, terminal,
};

/// Runs one workload or all, each against a server of its own on an empty store.
pub fn run(arguments: &Bench, is_json: bool) -> anyhow::Result<Verdict> {
    let place = Place::default();
    let directory = Directory::create(&arguments.directory, &place)?;
    let program = match &arguments.server {
        Some(program) => program.clone(),
        None => std::env::current_exe().context("cannot find this program")?,
    };
    let plan = Plan {
        program,
        place,
        directory: directory.path.clone(),
        clients: usize::from(arguments.clients),
        time: arguments.time(),
        count: arguments.count,
    };
    let mut table = Table::default();
    let mut verdict = Verdict::Well;
    for workload in arguments.workload.all() {
        let began = Instant::now();
        table.begin(workload.name());
        let measured = measure(*workload, &plan, &mut table)
            .with_context(|| format!("the workload {}", workload.name()));
        match measured {
            Ok(()) => {}
            // What the others have to say is worth the wait.
            Err(error) if arguments.workload == Workload::All => {
                table.note(format!("not measured to its end: {error:#}"));
                verdict = Verdict::Badly;
            }
            Err(error) => return Err(error),
        }
        if !is_json {
            terminal::put(&table.text());
        }
        if arguments.workload == Workload::All {
            eprintln!(
                "{}: {:.0} s",
                workload.name(),
                began.elapsed().as_secs_f64()
            );
        }
    }
    if is_json {
        terminal::put_json(&table.json());
    }
    Ok(verdict)
}

fn measure(workload: Workload, plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    match workload {
        Workload::Transitions => starts::transitions(plan, table),
        Workload::Start => starts::start(plan, table),
        Workload::Latency => starts::latency(plan, table),
        Workload::Express => express::run(plan, table),
        Workload::Costs => costs::run(plan, table),
        Workload::Map => maps::run(plan, table),
        Workload::History => histories::run(plan, table),
        Workload::Lists => lists::run(plan, table),
        Workload::Recovery => recovery::run(plan, table),
        Workload::Sleepers => sleepers::run(plan, table),
        Workload::Tasks => tasks::run(plan, table),
        Workload::Functions => functions::run(plan, table),
        Workload::Telemetry => telemetry::run(plan, table),
        Workload::Logs => logs::run(plan, table),
        Workload::Overhead => telemetry::overhead(plan, table),
        Workload::All => unreachable!("it has been taken apart"),
    }
}

/// A directory of our own that goes when the benchmark ends, interrupts included.
struct Directory {
    path: PathBuf,
}

impl Directory {
    fn create(below: &Path, place: &Place) -> anyhow::Result<Directory> {
        let path = below.join(format!("stepwell-bench-{}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        if let Some(kind @ ("tmpfs" | "ramfs")) = machine::file_system(&path).as_deref() {
            eprintln!(
                "warning: {} is on {kind}, which is memory: nothing is durable there; name a directory on a disk with --directory",
                path.display()
            );
        }
        let (interrupted, place) = (path.clone(), place.clone());
        interrupt::on_interrupt(move || {
            let _cleared = place.clear();
            // What the benchmark still writes is in the way of one try.
            for _ in 0..REMOVE_TRIES {
                if fs::remove_dir_all(&interrupted).is_ok() {
                    break;
                }
            }
            std::process::exit(interrupt::EXIT_INTERRUPTED);
        })?;
        Ok(Directory { path })
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("warning: cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Tries to remove a directory that others still write to.
const REMOVE_TRIES: usize = 20;
