//! Frames end: halted where they are, or removed.

use crate::execution::{Frame, FrameId, Phase};
use crate::states;
use crate::step::{Effect, Stepper, Ticket};

impl Stepper<'_> {
    /// Closes and cancels the frame's open attempt or map run; the frame stays where it is.
    pub(crate) fn halt_frame(&mut self, id: FrameId) {
        let run = self.execution.frames.get(&id).and_then(Frame::open_map_run);
        if let Some(ticket) = run {
            states::distributed::close(self, ticket);
            self.transition.effects.push(Effect::StopMapRun(ticket));
        }
        let was_called = self.scheduled.remove(&id).is_none();
        let open = self.execution.frames.get(&id).and_then(Frame::open_attempt);
        let Some(attempt) = open else {
            return;
        };
        states::task::close(self, id);
        if was_called {
            self.transition
                .effects
                .push(Effect::Cancel(Ticket { frame: id, attempt }));
        }
    }

    /// Removes one frame; cancels its open attempt.
    pub(crate) fn drop_frame(&mut self, id: FrameId) {
        self.halt_frame(id);
        self.execution.remove_frame(id);
    }

    /// Removes what is below a Parallel or Map state: worked on again, it starts from its beginning.
    pub(crate) fn drop_children(&mut self, id: FrameId) {
        if !self.execution.frame(id).is_fork() {
            return;
        }
        for child in self.execution.children(id) {
            self.drop_tree(child);
        }
        self.execution.frame_mut(id).phase = Phase::Entered;
    }

    /// Removes a frame and every frame below it.
    pub(crate) fn drop_tree(&mut self, id: FrameId) {
        let has_children = self.execution.frames.get(&id).is_some_and(Frame::is_fork);
        if has_children {
            for child in self.execution.children(id) {
                self.drop_tree(child);
            }
        }
        self.drop_frame(id);
    }
}
