//! `closing`: all that was decided and refused in a tick, in one place and in order, once.
//!
//! It hands out a [`ClosedTick`] for every tick to which a record was admitted or in which
//! something was decided; whoever writes it numbers the decisions of each stream and ends the
//! tick with its `dispatch.tick_closed`.

use crate::by_tick::{Batches, View};
use crate::change::Change;
use crate::dedup::Outcomes;
use gridweaver_model::decision::Event;
use gridweaver_model::{DeadLetter, Decision, Tick};

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
}

/// Gathers a tick. It has no state of its own.
#[derive(Default)]
pub struct Closing;

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
                _ => {}
            }
        }
        closed.refused.sort_unstable_by(|a, b| (&a.source, a.offset).cmp(&(&b.source, b.offset)));
        closed.decisions.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
        let admitted = closed.outcomes.admitted() > 0 || !closed.refused.is_empty();
        if admitted || !closed.decisions.is_empty() {
            out.push(closed);
        }
        None
    }
}
