//! `closing`: all that was decided and refused in a tick, in one place and in order, once.
//!
//! It hands out a [`ClosedTick`] for every tick to which a record was admitted or in which
//! something was decided; whoever writes it numbers the decisions of each stream and ends the
//! tick with its `dispatch.tick_closed`.
//!
//! That also tells whom the tick did not wait for, or one before it that had nothing to write.

use crate::by_tick::{Batches, View};
use crate::change::Change;
use crate::dedup::Outcomes;
use gridweaver_model::decision::{Event, PassedOver};
use gridweaver_model::{DeadLetter, Decision, Rules, Text, Tick};
use std::collections::BTreeMap;

/// A whole tick, as it is written.
#[derive(Clone, Debug, Default)]
pub struct ClosedTick {
    /// Which.
    pub tick: Tick,
    /// Its decisions in the order in which they are written.
    pub decisions: Vec<Decision>,
    /// Records that reached the dataflow and were refused there.
    pub refused: Vec<DeadLetter>,
    /// What became of its records.
    pub outcomes: Outcomes,
    /// Whom it was closed without: what was not told with an earlier one.
    pub passed_over: Vec<PassedOver>,
}

/// Gathers a tick. It holds nothing but what is yet to be told of silent partitions.
pub struct Closing {
    rules: Rules,
    /// By partition and the position of its next record: the ticks that do not wait for it and did
    /// not tell so, from the first to the one behind the last.
    passages: BTreeMap<(Text, u64), (Tick, Tick)>,
}

impl Closing {
    /// Decides nothing; the rules tell when ticks end.
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        Self { rules: rules.clone(), passages: BTreeMap::new() }
    }

    /// Whom a closed tick was closed without; what was told before is not told again.
    fn tell(&mut self, closed: Tick) -> Vec<PassedOver> {
        let mut told = Vec::new();
        self.passages.retain(|(partition, position), (from, to)| {
            let end = (*to).min(closed + 1);
            if end > *from {
                *from = end;
                let (partition, position) = (partition.to_string(), *position);
                let tick = self.rules.end_of(end - 1);
                told.push(PassedOver { partition, position, tick });
            }
            to > from
        });
        told
    }
}

impl View for Closing {
    type Row = Outcomes;
    type Change = Change;
    type Out = ClosedTick;

    fn close(
        &mut self,
        tick: Tick,
        rows: Batches<Outcomes>,
        changes: Batches<Change>,
        out: &mut Vec<ClosedTick>,
    ) -> Option<Tick> {
        let mut closed = ClosedTick { tick, ..ClosedTick::default() };
        for outcomes in rows.iter().flatten() {
            closed.outcomes.add(outcomes);
        }
        for change in changes.into_iter().flatten() {
            match change {
                Change::Decision(decision) => closed.decisions.push(*decision),
                Change::Violation(violation) => {
                    let event = Event::Violation(*violation);
                    closed.decisions.push(Decision::of_no_area(event));
                }
                Change::Refused(letter) => {
                    closed.outcomes.applied -= 1;
                    closed.refused.push(*letter);
                }
                Change::PassedOver { partition, position, from, to } => {
                    let passage = self.passages.entry((partition, position)).or_insert((from, to));
                    passage.1 = to.max(passage.1);
                }
                _ => {}
            }
        }
        closed.refused.sort_unstable_by(|a, b| (&a.source, a.offset).cmp(&(&b.source, b.offset)));
        closed.decisions.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
        let admitted = closed.outcomes.admitted() > 0 || !closed.refused.is_empty();
        if admitted || !closed.decisions.is_empty() {
            closed.passed_over = self.tell(tick);
            out.push(closed);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gridweaver_model::decision::{Violation, ViolationKind};

    fn close(closing: &mut Closing, tick: Tick, changes: Vec<Change>) -> Option<Vec<PassedOver>> {
        let mut closed = Vec::new();
        closing.close(tick, Vec::new(), vec![changes], &mut closed);
        closed.pop().map(|closed| closed.passed_over)
    }

    fn passed_over(from: Tick, to: Tick) -> Change {
        Change::PassedOver { partition: "p".into(), position: 77, from, to }
    }

    fn decided() -> Change {
        let violation = Violation {
            kind: ViolationKind::SelfLoop,
            subject: "l".into(),
            detail: Text::default(),
            cleared: false,
        };
        Change::Violation(Box::new(violation))
    }

    #[test]
    fn whom_a_tick_did_not_wait_for_is_told_once_with_the_next_one_that_is_written() {
        let rules = Rules::default();
        let mut closing = Closing::new(&rules);
        let told = |tick| {
            let tick = rules.end_of(tick);
            Some(vec![PassedOver { partition: "p".into(), position: 77, tick }])
        };
        assert_eq!(close(&mut closing, 5, vec![passed_over(5, 8)]), None, "nothing is written");
        assert_eq!(close(&mut closing, 6, vec![decided()]), told(6));
        assert_eq!(close(&mut closing, 8, vec![passed_over(8, 20), decided()]), told(8));
        assert_eq!(close(&mut closing, 25, vec![decided()]), told(19));
        assert_eq!(close(&mut closing, 26, vec![decided()]), Some(Vec::new()));
    }
}
