//! Map runs as the engine sees them: what starts one, what a frame knows of it, and the inputs of its children.

use serde::{Deserialize, Serialize};
use stepwell_asl::definition::MachineKind;
use stepwell_asl::definition::distributed::Transformation;

use crate::event::{Details, EventId};
use crate::execution::{Execution, Frame, FrameId, Phase};
use crate::payload::Payload;
use crate::step::{Effect, Stepper, Ticket};

/// A map run to start: its children come from [`Execution::map_run_child`].
#[derive(Debug, Clone)]
pub struct MapRunStart {
    pub ticket: Ticket,
    pub arn: String,
    /// The `Label` of the Map state, or the one made for it.
    pub label: String,
    /// Name of the Map state, whose processor the children run.
    pub state: String,
    /// What its child executions are.
    pub execution_type: MachineKind,
    /// Number of items.
    pub items: u32,
    /// `MaxItemsPerBatch`; `None` where a child has one item, or as many as its input holds.
    pub items_per_child: Option<u32>,
    /// 0: as many as possible.
    pub max_concurrency: u32,
    pub tolerated_failure_count: Option<u64>,
    /// 0 to 100.
    pub tolerated_failure_percentage: Option<f64>,
    pub transformation: Transformation,
    /// The results are JSON Lines in a text.
    pub is_lines: bool,
    /// Randomness of the child executions derives from this.
    pub seed: [u8; 32],
}

/// The input of one child execution.
#[derive(Debug, Clone)]
pub struct MapRunChild {
    pub input: Payload,
    /// How many items are in it.
    pub items: u32,
}

/// Why a map run fails.
#[derive(Debug, Clone)]
pub struct MapRunFault {
    pub error: String,
    pub cause: String,
}

/// What a frame knows of its map run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MapRun {
    /// With the frame's id, the ticket of the run.
    pub(crate) attempt: u32,
    /// Whether the run's end is awaited.
    pub(crate) is_open: bool,
    pub(crate) length: u32,
    pub(crate) started_ms: i64,
    /// `MapStateStarted`: the event that the evaluation of the items belongs to.
    pub(crate) started: EventId,
    pub(crate) arn: String,
    pub(crate) redrive_count: u32,
    /// Limits of one batch, where there is an `ItemBatcher`.
    pub(crate) batch: Option<BatchLimits>,
}

/// `MaxItemsPerBatch` and `MaxInputBytesPerBatch` as evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BatchLimits {
    pub(crate) items_max: u32,
    pub(crate) bytes_max: u32,
}

impl Execution {
    /// Map runs whose end this execution awaits.
    pub fn open_map_runs(&self) -> Vec<Ticket> {
        self.frames
            .values()
            .filter_map(Frame::open_map_run)
            .collect()
    }

    /// The input of the next child execution of an open map run.
    ///
    /// - `first_item`: the first item that no child execution has been given yet.
    /// - Errors: what the map run fails with: a selector that cannot be evaluated, an input that is too large.
    pub fn map_run_child(
        &mut self,
        ticket: Ticket,
        first_item: u32,
    ) -> Result<MapRunChild, MapRunFault> {
        crate::states::distributed::child(self, ticket, first_item)
    }
}

impl Frame {
    /// The ticket of the frame's map run, if its end is awaited.
    pub fn open_map_run(&self) -> Option<Ticket> {
        match &self.phase {
            Phase::MapRun(run) if run.is_open => Some(Ticket {
                frame: self.id,
                attempt: run.attempt,
            }),
            _ => None,
        }
    }
}

impl Stepper<'_> {
    /// Every open map run ends with its execution.
    pub(crate) fn abort_map_runs(&mut self) {
        for ticket in self.execution.open_map_runs() {
            self.emit_in(ticket.frame, Details::MapRunAborted);
        }
    }

    /// A map run that ended with its execution, or ended it, goes on.
    ///
    /// AWS: results of children that succeeded stay; the others are run again (developer guide, "Redriving Map Runs").
    pub(crate) fn redrive_map_run(&mut self, id: FrameId) {
        let frame = self.execution.frame_mut(id);
        frame.attempts += 1;
        let attempt = frame.attempts;
        let Phase::MapRun(run) = &mut frame.phase else {
            return;
        };
        let before = Ticket {
            frame: id,
            attempt: run.attempt,
        };
        run.attempt = attempt;
        run.is_open = true;
        run.redrive_count += 1;
        let details = Details::MapRunRedriven {
            arn: run.arn.clone(),
            redrive_count: run.redrive_count,
        };
        self.emit_in(id, details);
        let ticket = Ticket { frame: id, attempt };
        self.transition
            .effects
            .push(Effect::RedriveMapRun { before, ticket });
    }
}
