//! What is durable at one moment: every execution's history, its rows, its marks and its timer; map runs and children.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stepwell_engine::{Body, Details, Event, Execution, Status, Timestamp};
use stepwell_service::audit::{Audit, MapRunEnd, StoredCounts, StoredExecution, StoredMapRun};
use stepwell_store::Snapshot;

use super::Wrong;
use super::fold::{self, wrong};

/// Checks what is durable at this moment, whatever is still open.
pub fn durable(snapshot: &Arc<dyn Snapshot>) -> Result<(), Wrong> {
    let audit = Audit::read(snapshot.as_ref()).map_err(|error| Wrong {
        checker: "rows",
        text: error.to_string(),
    })?;
    if let Some(orphan) = audit.orphans.first() {
        return Err(Wrong {
            checker: "rows",
            text: orphan.clone(),
        });
    }
    let mut timers: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
    for (due_ms, number) in &audit.timers {
        timers.entry(*number).or_default().push(*due_ms);
    }
    for (number, stored) in &audit.executions {
        ids(*number, stored)?;
        payloads(*number, stored)?;
        let folded = fold::folded(&audit, *number, stored)?;
        fold::compare(*number, &folded, stored)?;
        marks(&audit, *number, stored, &folded)?;
        timer(*number, stored, &folded, timers.remove(number))?;
    }
    // Whoever has ended in an earlier format may have left one; here nobody has.
    if let Some((number, due)) = timers.first_key_value() {
        let text = format!("a timer at {due:?} is of no execution");
        return Err(wrong("timers", *number, &text));
    }
    for (number, run) in &audit.map_runs {
        map_run(&audit, *number, run)?;
    }
    Ok(())
}

/// Ids are 1, 2, 3, ... and rows are where their first event says.
fn ids(number: u64, stored: &StoredExecution) -> Result<(), Wrong> {
    let mut next = 1;
    for (first, events) in &stored.segments {
        if *first != next || events.is_empty() {
            let text = format!("event {next} is missing: the next row of its history is {first}");
            return Err(wrong("ids", number, &text));
        }
        for event in events {
            if event.id.0 != next {
                let text = format!("event {next} is missing: {event:?} is in its place");
                return Err(wrong("ids", number, &text));
            }
            if event.previous.0 >= next {
                let text = format!("{event:?} comes after one that follows it");
                return Err(wrong("ids", number, &text));
            }
            next += 1;
        }
    }
    let last = stored.execution.last_event().0;
    if last + 1 != next {
        let text = format!(
            "its row says that its last event is {last}, and its history ends with {}",
            next - 1
        );
        return Err(wrong("ids", number, &text));
    }
    Ok(())
}

/// A payload that passes on is stored by the event that brought it, and nowhere else.
fn payloads(number: u64, stored: &StoredExecution) -> Result<(), Wrong> {
    let events: Vec<&Event> = stored.events().collect();
    let at = |id: u64| {
        let index = usize::try_from(id.checked_sub(1)?).ok()?;
        events.get(index).copied()
    };
    for event in &events {
        let Some(body) = event.details.body() else {
            continue;
        };
        if let Body::Same(origin) = body {
            let origin = (origin.0 < event.id.0).then(|| at(origin.0)).flatten();
            let text = origin
                .and_then(|origin| origin.details.body())
                .and_then(Body::text);
            if text.is_none() {
                let text = format!("{event:?} names an event that stores no payload");
                return Err(wrong("payloads", number, &text));
            }
        }
        let passes_on = match &event.details {
            Details::ExecutionSucceeded { .. } => true,
            Details::StateEntered { .. } => {
                let before = at(event.previous.0);
                event.previous.0 == 0
                    || before
                        .is_some_and(|before| matches!(before.details, Details::StateExited { .. }))
            }
            _ => false,
        };
        if passes_on && matches!(body, Body::Text(_)) {
            let text = format!("{event:?} stores a payload again");
            return Err(wrong("payloads", number, &text));
        }
    }
    Ok(())
}

/// One timer row, at the earliest instant at which something of it is due.
fn timer(
    number: u64,
    stored: &StoredExecution,
    folded: &Execution,
    timers: Option<Vec<i64>>,
) -> Result<(), Wrong> {
    let timers = timers.unwrap_or_default();
    let expected = due_ms(stored, folded).map_err(|error| wrong("rows", number, &error))?;
    if timers.iter().eq(expected.iter()) {
        return Ok(());
    }
    let text = format!("it is due at {expected:?}, and its timers are at {timers:?}");
    Err(wrong("timers", number, &text))
}

/// When the rows of an execution are due; a heartbeat moves that and writes no event, so the rows are asked.
fn due_ms(stored: &StoredExecution, folded: &Execution) -> Result<Option<i64>, String> {
    let copy = serde_json::to_value(&stored.execution).and_then(serde_json::from_value);
    let mut copy: Execution = copy.map_err(|error| error.to_string())?;
    copy.attach(Arc::clone(folded.definition()), stored.frames.clone());
    Ok(copy.next_deadline().map(Timestamp::as_millis))
}

/// The indexes that a recovery and a listing go by.
fn marks(
    audit: &Audit,
    number: u64,
    stored: &StoredExecution,
    folded: &Execution,
) -> Result<(), Wrong> {
    let is_running = stored.execution.status() == Status::Running;
    let drains = audit
        .map_runs
        .values()
        .any(|run| run.parent == number && run.ended.is_some() && run.executions.running > 0);
    let is_in_doubt = is_running
        && (!folded.attempts_in_doubt().is_empty() || !folded.open_map_runs().is_empty())
        || drains;
    // A mark more makes a recovery look in vain; a mark less makes it forget a task.
    if is_in_doubt && !stored.is_marked_in_doubt {
        let text = "a task or a map run of it is open, and no recovery would look at it";
        return Err(wrong("doubt", number, text));
    }
    let is_open = is_running && stored.map_run.is_none();
    if is_open != stored.is_marked_open {
        let text = format!(
            "its status is {:?}, and the index of open executions has it: {}",
            stored.execution.status(),
            stored.is_marked_open
        );
        return Err(wrong("indexes", number, &text));
    }
    Ok(())
}

/// The counts of a map run agree with its children, and those with their own rows.
fn map_run(audit: &Audit, number: u64, run: &StoredMapRun) -> Result<(), Wrong> {
    let say = |text: String| {
        Err(wrong(
            "map runs",
            run.parent,
            &format!("run {number}: {text}"),
        ))
    };
    let Some(parent) = audit.executions.get(&run.parent) else {
        return say("its parent has no row".to_string());
    };
    let mut executions = StoredCounts::default();
    let mut items = StoredCounts::default();
    let mut next_item = 0;
    let mut numbers = BTreeSet::new();
    for (index, child) in (0_u32..).zip(&run.children) {
        if child.index != index || child.first_item != next_item || !numbers.insert(child.number) {
            return say(format!("{child:?} is not the child number {index}"));
        }
        next_item += child.items;
        *counter(&mut executions, child.status) += 1;
        *counter(&mut items, child.status) += child.items;
        let stored = audit.executions.get(&child.number);
        match (run.is_express, stored) {
            (true, None) => {}
            (false, Some(stored)) if stored.execution.status() == child.status => {}
            (_, stored) => {
                let status = stored.map(|stored| stored.execution.status());
                return say(format!(
                    "{child:?} is an execution with the status {status:?}"
                ));
            }
        }
    }
    if next_item != run.next_item || next_item > run.items {
        return say(format!(
            "its children have {next_item} items, and {} of {} are given out",
            run.next_item, run.items
        ));
    }
    // What waits for a redrive is counted apart, under whatever status it has.
    let is_same = |counted: &StoredCounts, found: &StoredCounts| {
        let bad = |counts: &StoredCounts| {
            counts.failed + counts.timed_out + counts.aborted + counts.pending_redrive
        };
        counted.running == found.running
            && counted.succeeded == found.succeeded
            && bad(counted) == bad(found)
            && (counted.pending_redrive > 0 || run.redrive_count > 0 || counted == found)
    };
    if !is_same(&run.executions, &executions) || !is_same(&run.item_counts, &items) {
        return say(format!(
            "it counts {:?} and items {:?}, and its children are {executions:?} and items {items:?}",
            run.executions, run.item_counts
        ));
    }
    ended(run, parent).or_else(say)
}

/// The end of a run is in its parent's history.
fn ended(run: &StoredMapRun, parent: &StoredExecution) -> Result<(), String> {
    let is_of_run = |event: &&Event| match &event.details {
        Details::MapRunStarted { arn } | Details::MapRunRedriven { arn, .. } => *arn == run.arn,
        _ => false,
    };
    if !parent.events().any(|event| is_of_run(&event)) {
        return Err("its parent's history has no start of it".to_string());
    }
    let all_given = run.next_item == run.items;
    if run.ended == Some(MapRunEnd::Succeeded) && (!all_given || run.executions.running > 0) {
        return Err(format!(
            "it has succeeded with {} of {} items given out and {:?}",
            run.next_item, run.items, run.executions
        ));
    }
    let count = |is_it: fn(&Details) -> bool| {
        parent
            .events()
            .filter(|event| is_it(&event.details))
            .count()
    };
    let (succeeded, failed) = (
        count(|details| matches!(details, Details::MapRunSucceeded)),
        count(|details| matches!(details, Details::MapRunFailed { .. })),
    );
    match run.ended {
        Some(MapRunEnd::Succeeded) if succeeded == 0 => {
            Err("it has succeeded, and its parent does not know".to_string())
        }
        Some(MapRunEnd::Failed) if failed == 0 => {
            Err("it has failed, and its parent does not know".to_string())
        }
        _ => Ok(()),
    }
}

fn counter(counts: &mut StoredCounts, status: Status) -> &mut u32 {
    match status {
        Status::Running => &mut counts.running,
        Status::Succeeded => &mut counts.succeeded,
        Status::Failed => &mut counts.failed,
        Status::TimedOut => &mut counts.timed_out,
        Status::Aborted => &mut counts.aborted,
    }
}
