//! `ActionsSuppressor`: when a composite alarm's actions wait, and for how long.
//!
//! A change of state waits `ActionsSuppressorWaitPeriod` for the suppressor to go to ALARM. While the suppressor is in
//! ALARM, and `ActionsSuppressorExtensionPeriod` after it, actions wait. When nothing suppresses them any more, the
//! actions of the state that the alarm has then are executed, unless that is the state whose actions were last.

use super::rows::{CompositeWatch, Phase, Watch};
use super::state::StateValue;
use super::{Alarms, shown_phase, suppressor_of};

impl Alarms {
    /// The state has changed: whether its actions are executed now. Otherwise they wait.
    pub(super) fn begin_action(&mut self, name: &str, now_ms: i64) -> bool {
        let Some(held) = self.alarms.get_mut(name) else {
            return false;
        };
        let value = held.row.state.value;
        let Watch::Composite(composite) = &mut held.row.watch else {
            return true;
        };
        let wait_ms = match &composite.suppressor {
            Some(suppressor) => i64::from(suppressor.wait_s) * 1_000,
            None => 0,
        };
        match composite.phase {
            Phase::Free | Phase::Wait { .. } if wait_ms == 0 => {
                composite.act(value);
                true
            }
            Phase::Free | Phase::Wait { .. } => {
                let until_ms = now_ms + wait_ms;
                composite.phase = Phase::Wait { until_ms };
                composite.is_pending = true;
                self.schedule(name, until_ms);
                false
            }
            Phase::Alarm | Phase::Extension { .. } => {
                composite.is_pending = true;
                false
            }
        }
    }

    /// An alarm has changed its state: those that it suppresses notice.
    pub(super) fn suppressor_changed(
        &mut self,
        name: &str,
        (old, new): (StateValue, StateValue),
        now_ms: i64,
    ) {
        let is_alarm = new == StateValue::Alarm;
        if is_alarm == (old == StateValue::Alarm) {
            return;
        }
        let suppressed: Vec<String> = self
            .suppressed
            .get(name)
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        for composite in suppressed {
            match is_alarm {
                true => self.set_phase(&composite, Phase::Alarm),
                false => self.extend(&composite, now_ms),
            }
        }
    }

    /// The suppressor has left ALARM, or is not there any more.
    fn extend(&mut self, name: &str, now_ms: i64) {
        let Some(held) = self.alarms.get(name) else {
            return;
        };
        let Watch::Composite(composite) = &held.row.watch else {
            return;
        };
        let extension_s = composite
            .suppressor
            .as_ref()
            .map_or(0, |suppressor| suppressor.extension_s);
        let until_ms = now_ms + i64::from(extension_s) * 1_000;
        self.set_phase(name, Phase::Extension { until_ms });
        match extension_s {
            0 => self.end_suppression(name, now_ms),
            _ => self.schedule(name, until_ms),
        }
    }

    fn set_phase(&mut self, name: &str, phase: Phase) {
        if let Some(held) = self.alarms.get_mut(name)
            && let Watch::Composite(composite) = &mut held.row.watch
        {
            composite.phase = phase;
            self.save(name);
        }
    }

    /// Ends a period that is over, and executes what waited for it.
    pub(super) fn end_suppression(&mut self, name: &str, now_ms: i64) {
        let Some(held) = self.alarms.get_mut(name) else {
            return;
        };
        let (old, old_phase) = (held.row.state.clone(), shown_phase(&held.row));
        let Watch::Composite(composite) = &mut held.row.watch else {
            return;
        };
        let (Phase::Wait { until_ms } | Phase::Extension { until_ms }) = composite.phase else {
            return;
        };
        if until_ms > now_ms {
            return self.schedule(name, until_ms);
        }
        composite.phase = Phase::Free;
        let acts = composite.is_pending && composite.acted != old.value;
        composite.is_pending = false;
        if acts {
            composite.act(old.value);
            // AWS: the time of what is sent is that of the end of the suppression.
            held.row.state.updated_ms = now_ms;
        }
        self.save(name);
        if acts {
            self.announce(name, &old, old_phase, now_ms, (false, true));
        }
    }

    /// What suppresses the actions of a composite alarm that was written just now.
    pub(super) fn phase_at_first(&self, composite: &CompositeWatch) -> Phase {
        let suppressor = suppressor_of(&self.owner, composite);
        let state = suppressor
            .and_then(|name| self.alarms.get(&name))
            .map(|held| held.row.state.value);
        match state {
            Some(StateValue::Alarm) => Phase::Alarm,
            _ => Phase::Free,
        }
    }
}

impl CompositeWatch {
    fn act(&mut self, value: StateValue) {
        self.acted = value;
        self.is_pending = false;
    }
}
