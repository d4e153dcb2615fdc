//! A Map under test: its own fields, without the iterations, which are mocked.

use serde_json::Value;
use stepwell_asl::Failure;
use stepwell_asl::definition::distributed::Reader;
use stepwell_asl::definition::{Flow, Items, Map, State};
use stepwell_asl::path::{ReferencePath, ValuePath};

use crate::execution::FrameId;
use crate::flow::{self, Sight};
use crate::inspect::{DataStage, Inspection, MapLimits};
use crate::payload::{PAYLOAD_BYTES_MAX, Payload};
use crate::states::distributed::{ItemReader, Settings, open_run};
use crate::states::{self, map};
use crate::step::Stepper;

/// Evaluates what a Map evaluates for its iterations, or for its child executions, without starting any.
///
/// AWS: an inline Map shows the same as a distributed one (developer guide, "Testing state machines with
/// TestState").
pub(crate) fn begin(stepper: &mut Stepper, id: FrameId, state: &State, map: &Map) {
    let Some(inspection) = stepper.execution.inspection.clone() else {
        return;
    };
    if let Err(failure) = evaluate(stepper, id, state, map, &inspection) {
        stepper.evaluation_failed(id, failure);
    }
}

fn evaluate(
    stepper: &mut Stepper,
    id: FrameId,
    state: &State,
    map: &Map,
    inspection: &Inspection,
) -> Result<(), Failure> {
    let raw = stepper.execution.frame(id).input.payload().clone();
    let sight = Sight::new(stepper.execution, id, stepper.now, None);
    flow::selected_input(state, &raw, &sight)?;
    let items = match &map.distributed.reader {
        Some(reader) => items_read(reader, inspection),
        None => items_of_input(state, map, &raw, &sight, inspection)?,
    };
    let length = u32::try_from(items.len()).expect("an evaluated value has fewer items");
    let settings = Settings::evaluate(stepper, id, state, map, &raw)?;
    inspection.note_map(MapLimits {
        max_concurrency: u64::from(settings.max_concurrency),
        tolerated_failure_count: settings.tolerated_failure_count,
        tolerated_failure_percentage: settings.tolerated_failure_percentage,
        items: u64::from(length),
    });
    // Nobody performs this run: it has no ARN, and its event is the one that would come next.
    let started = stepper.next_id();
    let ticket = open_run(stepper, id, items, started, String::new(), settings.batch);
    let run = ItemReader::of(stepper.execution, ticket).expect("the run was opened just now");
    if map.item_selector.is_some() {
        let selected = (0..length).map(|index| run.item(index));
        note_array(inspection, DataStage::AfterItemSelector, selected)?;
    }
    if let (Some(batcher), Some(limits)) = (&map.distributed.batcher, settings.batch) {
        let mut first = 0;
        let batches = std::iter::from_fn(|| {
            let batch = (first < length).then(|| run.batch(batcher, limits, first))?;
            Some(batch.map(|batch| {
                first += batch.items;
                batch.input
            }))
        });
        note_array(inspection, DataStage::AfterItemBatcher, batches)?;
    }
    Ok(())
}

/// The items in the state's input.
///
/// AWS: a JSONata Map shows them at no stage (recorded with `Items`).
fn items_of_input(
    state: &State,
    map: &Map,
    raw: &Payload,
    sight: &Sight,
    inspection: &Inspection,
) -> Result<Vec<Value>, Failure> {
    let items = map::items(state, map, raw, sight)?;
    if let Flow::JsonPath(_) = &state.flow {
        let effective = flow::selected_input(state, raw, sight)?;
        let shown = match &map.items {
            Items::Path(path) => as_written(path, &effective)
                .unwrap_or_else(|| Payload::from_value(Value::Array(items.clone()))),
            Items::Input | Items::Jsonata(_) => effective,
        };
        inspection.note(DataStage::AfterItemsPath, &shown);
    }
    Ok(items)
}

/// What a reference path selects; `None` for a path of another kind.
///
/// AWS: the text of the input is shown unchanged, spaces included (recorded).
fn as_written(path: &ValuePath, effective: &Payload) -> Option<Payload> {
    let path = ReferencePath::parse(path.text()).ok()?;
    path.text_in(effective.text()).map(Payload::from_text)
}

/// The items in what the reader read: all of it, or what `ItemsPointer` points at.
fn items_read(reader: &Reader, inspection: &Inspection) -> Vec<Value> {
    let Some(read) = &inspection.items_read else {
        return Vec::new();
    };
    let Some(pointer) = &reader.items_pointer else {
        return states::members(read.clone()).unwrap_or_default();
    };
    let pointed = read.pointer(pointer).cloned().unwrap_or_default();
    inspection.note(
        DataStage::AfterItemsPointer,
        &Payload::from_value(pointed.clone()),
    );
    states::members(pointed).unwrap_or_default()
}

/// Notes an array; one over [`PAYLOAD_BYTES_MAX`], which no answer could hold, is left out.
fn note_array(
    inspection: &Inspection,
    stage: DataStage,
    elements: impl Iterator<Item = Result<Payload, Failure>>,
) -> Result<(), Failure> {
    let mut text = "[".to_string();
    for element in elements {
        if text.len() > 1 {
            text.push(',');
        }
        text += element?.text();
        if text.len() >= PAYLOAD_BYTES_MAX {
            return Ok(());
        }
    }
    inspection.note(stage, &Payload::from_text(text + "]"));
    Ok(())
}
