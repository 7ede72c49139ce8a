//! What a state shows of the views besides the planner: kept from what they tell, by name.

use crate::by_tick::{Batches, View};
use crate::change::{Change, Referrer};
use crate::dedup::Outcomes;
use gridweaver_model::decision::ViolationKind;
use gridweaver_model::{Ppm, Text, Tick};
use std::collections::{BTreeMap, BTreeSet};

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// Islands with their nodes and regions.
    pub islands: BTreeMap<Text, (u64, Vec<Text>)>,
    /// Participants with a record of their own.
    pub participants: BTreeMap<Text, Ppm>,
    /// What is wrong with lines and nodes.
    pub violations: BTreeSet<(ViolationKind, Text)>,
    /// What refers to something missing.
    pub unresolved: BTreeMap<(Referrer, Text), Text>,
    /// What became of the records of closed ticks.
    pub outcomes: Outcomes,
    /// Records refused by the views.
    pub refused: u64,
}

impl View for Picture {
    type Row = Outcomes;
    type Change = Change;
    type Out = ();

    fn close(
        &mut self,
        _: Tick,
        rows: Batches<Outcomes>,
        changes: Batches<Change>,
        _: &mut Vec<()>,
    ) -> Option<Tick> {
        for outcomes in rows.iter().flatten() {
            self.outcomes.add(outcomes);
        }
        for change in changes.into_iter().flatten() {
            self.take(change);
        }
        None
    }
}

impl Picture {
    fn take(&mut self, change: Change) {
        match change {
            Change::Island { island, shape } => {
                set(&mut self.islands, island, shape.map(|shape| *shape));
            }
            Change::Violation(violation) => {
                let key = (violation.kind, violation.subject);
                if violation.cleared {
                    self.violations.remove(&key);
                } else {
                    self.violations.insert(key);
                }
            }
            Change::Reliability { participant, reliability } => {
                set(&mut self.participants, participant, reliability);
            }
            Change::Unresolved { referrer, key, missing } => {
                set(&mut self.unresolved, (referrer, key), missing);
            }
            Change::Refused(_) => {
                self.outcomes.applied -= 1;
                self.refused += 1;
            }
            _ => {}
        }
    }
}

fn set<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}
