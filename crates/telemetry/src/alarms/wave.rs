//! What a change of state brings with it: the composite alarms above change theirs.
//!
//! They wait in a set, those below first, so each sees the last state of all that its rule names and changes at most
//! once. Where too many transitions wait for the shard the rest goes on at a later tick.

use std::collections::{BTreeMap, BTreeSet};

use super::rows::StateRow;
use super::state::StateValue;
use super::{Alarms, TRANSITIONS_MAX, shown_phase, state_update};

/// A change that is on its way up.
#[derive(Default)]
pub(super) struct Wave {
    /// Composite alarms to be evaluated by rank and name, with the alarm whose change is the reason.
    waiting: BTreeMap<(usize, String), String>,
    /// Alarms that have changed. AWS: evaluation stops at a cycle.
    changed: BTreeSet<String>,
    /// When it last went on.
    at_ms: i64,
    /// Of composite alarms: what a rule names has a lower rank, or the same one in a cycle. `None` while not known.
    ranks: Option<BTreeMap<String, usize>>,
}

impl Wave {
    /// When it last went on, if it is not at its end.
    pub(super) fn since_ms(&self) -> Option<i64> {
        (!self.waiting.is_empty()).then_some(self.at_ms)
    }

    /// A composite alarm came or went.
    pub(super) fn forget_ranks(&mut self) {
        self.ranks = None;
    }
}

impl Alarms {
    /// Changes the state of an alarm, and of those that depend on it.
    pub(super) fn transition(
        &mut self,
        name: &str,
        value: StateValue,
        reason: String,
        reason_data: Option<String>,
        now_ms: i64,
    ) {
        self.change_state(name, value, (reason, reason_data), now_ms);
        self.spread(now_ms);
    }

    /// Evaluates the composite alarms that wait, as long as there is room for transitions.
    pub(super) fn spread(&mut self, now_ms: i64) {
        self.wave.at_ms = now_ms;
        while self.transitions.len() < TRANSITIONS_MAX
            && let Some(((_, name), changed)) = self.wave.waiting.pop_first()
        {
            if let Some((value, reason)) = self.composite_state(&name, Some(&changed)) {
                self.change_state(&name, value, reason, now_ms);
            }
        }
        if self.wave.waiting.is_empty() {
            self.wave.changed.clear();
        }
    }

    fn change_state(
        &mut self,
        name: &str,
        value: StateValue,
        (reason, reason_data): (String, Option<String>),
        now_ms: i64,
    ) {
        let Some(held) = self.alarms.get_mut(name) else {
            return;
        };
        let old = held.row.state.clone();
        let old_phase = shown_phase(&held.row);
        let has_changed = old.value != value;
        held.row.state = StateRow {
            value,
            reason,
            reason_data,
            updated_ms: now_ms,
            transitioned_ms: if has_changed {
                now_ms
            } else {
                old.transitioned_ms
            },
        };
        let data = state_update(&old, &held.row.state);
        let acts = has_changed && self.begin_action(name, now_ms);
        self.save(name);
        let summary = format!("Alarm updated from {} to {value}", old.value);
        self.remember(name, "StateUpdate", &summary, &data, now_ms);
        if !has_changed {
            return;
        }
        self.announce(name, &old, old_phase, now_ms, (true, acts));
        self.suppressor_changed(name, (old.value, value), now_ms);
        self.await_parents(name);
    }

    /// The composite alarms whose rules name an alarm that has changed wait for their evaluation.
    fn await_parents(&mut self, name: &str) {
        self.wave.changed.insert(name.to_owned());
        let Some(parents) = self.parents.get(name) else {
            return;
        };
        if self.wave.ranks.is_none() {
            self.wave.ranks = Some(self.ranks());
        }
        for parent in parents {
            let rank = self.wave.ranks.as_ref().and_then(|ranks| ranks.get(parent));
            if let Some(rank) = rank
                && !self.wave.changed.contains(parent)
            {
                let place = (*rank, parent.clone());
                self.wave.waiting.insert(place, name.to_owned());
            }
        }
    }

    fn ranks(&self) -> BTreeMap<String, usize> {
        let composite = self.alarms.iter().filter(|(_, held)| held.rule.is_some());
        let names: Vec<&str> = composite.clone().map(|(name, _)| name.as_str()).collect();
        let children: Vec<Vec<usize>> = composite
            .map(|(_, held)| {
                let children = held.rule.iter().flat_map(|rule| rule.children());
                let children = children.filter_map(|child| self.owner.name_of(child));
                children
                    .filter_map(|child| names.binary_search(&child).ok())
                    .collect()
            })
            .collect();
        let ranks = ranked(&children);
        let names = names.into_iter().map(str::to_owned);
        names.zip(ranks).collect()
    }
}

/// A rank of each node that is above those of its children; nodes of one cycle share one.
///
/// Tarjan's algorithm: it finishes the cycles below before those above. Without recursion, as chains may be long.
fn ranked(children: &[Vec<usize>]) -> Vec<usize> {
    const UNSEEN: usize = usize::MAX;
    let mut ranks = vec![UNSEEN; children.len()];
    // When a node was first seen, and the earliest one of an unfinished cycle that it leads to.
    let mut seen = vec![UNSEEN; children.len()];
    let mut earliest = vec![UNSEEN; children.len()];
    let (mut clock, mut next_rank) = (0, 0);
    let mut unfinished = Vec::new();
    for first in 0..children.len() {
        let mut path = Vec::new();
        let mut entered = (seen[first] == UNSEEN).then_some(first);
        loop {
            if let Some(node) = entered.take() {
                (seen[node], earliest[node]) = (clock, clock);
                clock += 1;
                unfinished.push(node);
                path.push((node, children[node].iter()));
            }
            let Some((node, rest)) = path.last_mut() else {
                break;
            };
            let node = *node;
            match rest.next() {
                Some(&child) if seen[child] == UNSEEN => entered = Some(child),
                Some(&child) if ranks[child] == UNSEEN => {
                    earliest[node] = earliest[node].min(seen[child]);
                }
                Some(_) => {}
                None => {
                    path.pop();
                    if let Some((parent, _)) = path.last() {
                        earliest[*parent] = earliest[*parent].min(earliest[node]);
                    }
                    if earliest[node] == seen[node] {
                        let from = unfinished.iter().rposition(|other| *other == node);
                        for member in unfinished.drain(from.unwrap_or(0)..) {
                            ranks[member] = next_rank;
                        }
                        next_rank += 1;
                    }
                }
            }
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::ranked;

    #[test]
    fn a_node_ranks_above_its_children_and_cycles_share_a_rank() {
        // A diamond over a cycle of 4 and 5, which stands over 6; 7 names itself.
        let children = [
            vec![1, 2, 4],
            vec![3],
            vec![3, 1],
            vec![4],
            vec![5],
            vec![4, 6],
            vec![],
            vec![7, 0],
        ];
        let ranks = ranked(&children);
        for (node, below) in children.iter().enumerate() {
            for child in below {
                let is_cycle =
                    (node == *child) || [node, *child].iter().all(|n| [4, 5].contains(n));
                let order = ranks[node].cmp(&ranks[*child]);
                assert_eq!(order.is_eq(), is_cycle, "{node} {child} in {ranks:?}");
                assert!(order.is_ge(), "{node} {child} in {ranks:?}");
            }
        }
    }
}
