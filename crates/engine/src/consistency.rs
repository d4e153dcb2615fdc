//! Whether an execution that was read back holds together: its frames, and the events that they name.

use std::collections::BTreeSet;

use crate::event::EventId;
use crate::execution::{Execution, Frame, Phase, Status};

impl Execution {
    /// What of its frames cannot be, in words; empty if it holds together.
    ///
    /// - Call it after [`Execution::attach`], with all frames that are stored.
    /// - While there is something to say, nothing else of the execution may be asked: it may lead out of the
    ///   definition.
    pub fn inconsistencies(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.status == Status::Running && self.frames.is_empty() {
            found.push("it runs and has no frame".to_string());
        }
        if self.status == Status::Succeeded && !self.frames.is_empty() {
            found.push("it has succeeded and still has frames".to_string());
        }
        for frame in self.frames.values() {
            found.extend(self.inconsistency_of(frame));
        }
        found
    }

    fn inconsistency_of(&self, frame: &Frame) -> Option<String> {
        let id = frame.id.0;
        if id >= self.next_frame {
            let next = self.next_frame;
            return Some(format!(
                "frame {id} was made after the next one, {next}, is to be"
            ));
        }
        let blocks = self.definition().blocks();
        let block = blocks.get(frame.block.0 as usize);
        let state = block.and_then(|block| block.states.get(frame.state.0 as usize));
        if state.is_none() {
            return Some(format!("frame {id} is in a state that there is not"));
        }
        match frame.parent {
            Some(parent) if !self.frames.contains_key(&parent) => {
                return Some(format!("the parent {} of frame {id} is missing", parent.0));
            }
            Some(parent) if parent >= frame.id => {
                return Some(format!("frame {id} is older than its parent {}", parent.0));
            }
            _ => {}
        }
        let newest = self
            .named_by(frame)
            .into_iter()
            .max()
            .unwrap_or(EventId::NONE);
        (newest > self.last_event).then(|| {
            format!(
                "frame {id} names the event {}, and the last one is {}",
                newest.0, self.last_event.0
            )
        })
    }

    /// Events that frames name for their place in the history, payloads left out.
    fn named_by(&self, frame: &Frame) -> BTreeSet<EventId> {
        let mut named = BTreeSet::from([frame.entered, frame.before, frame.previous]);
        match &frame.phase {
            Phase::Calling(attempt) => drop(named.insert(attempt.scheduled)),
            Phase::Iterations { started, .. } => drop(named.insert(*started)),
            Phase::MapRun(run) => drop(named.insert(run.started)),
            _ => {}
        }
        named
    }
}
