//! `closing`: all that was decided and refused in a tick, in one place and in order, once.
//!
//! It hands out a [`ClosedTick`] for every tick to which a record was admitted or in which
//! something was decided; whoever writes it numbers the decisions of each stream and ends the
//! tick with its `dispatch.tick_closed`.
//!
//! That also tells what the wall clock chose: whom the tick did not wait for, and what was refused as
//! `future`; of one before it too that had nothing to write.

use crate::by_tick::{Batches, View};
use crate::change::Change;
use crate::dedup::Outcomes;
use crate::saved::{Piece, Restored, Saved, Share};
use gridweaver_model::decision::{Event, PassedOver, Refused};
use gridweaver_model::{DeadLetter, Decision, Rules, Text, Tick};
use serde::{Deserialize, Serialize};
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
    /// Records refused as `future` before it was closed: what was not told with an earlier one.
    pub of_the_future: Vec<Refused>,
}

/// Gathers a tick. It holds nothing but what is yet to be told.
pub struct Closing {
    rules: Rules,
    untold: Untold,
    /// The last tick of a checkpoint that the run goes on from: it was handed out before.
    kept: Option<Tick>,
}

/// What the wall clock chose, and no tick told of yet.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Untold {
    /// By partition and the position of its next record: the ticks that do not wait for it and did
    /// not tell so, from the first to the one behind the last.
    passages: BTreeMap<(Text, u64), (Tick, Tick)>,
    /// Records refused as `future`, each with the first tick that may tell of it.
    refused: Vec<(Tick, Refused)>,
}

impl Untold {
    /// What is yet to be told of the ticks up to and including `kept`: whom they did not wait for, and
    /// what was refused before they were closed.
    #[must_use]
    pub fn of(&self, kept: Tick, rules: &Rules) -> (Vec<PassedOver>, Vec<Refused>) {
        let passages = self.passages.iter().filter(|(_, (from, _))| *from <= kept);
        let passed_over = passages.map(|((partition, position), (_, to))| PassedOver {
            partition: partition.to_string(),
            position: *position,
            tick: rules.end_of((*to - 1).min(kept)),
        });
        (passed_over.collect(), self.refused.iter().map(|(_, refused)| refused.clone()).collect())
    }
}

impl Closing {
    /// Decides nothing; the rules tell when ticks end.
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        Self { rules: rules.clone(), untold: Untold::default(), kept: None }
    }

    /// What a closed tick depends on of what the wall clock chose; what was told before is not told
    /// again.
    fn tell(&mut self, closed: Tick) -> (Vec<PassedOver>, Vec<Refused>) {
        let mut told = Vec::new();
        self.untold.passages.retain(|(partition, position), (from, to)| {
            let end = (*to).min(closed + 1);
            if end > *from {
                *from = end;
                let (partition, position) = (partition.to_string(), *position);
                let tick = self.rules.end_of(end - 1);
                told.push(PassedOver { partition, position, tick });
            }
            to > from
        });
        let due = self.untold.refused.extract_if(.., |(from, _)| *from <= closed);
        let mut refused: Vec<Refused> = due.map(|(_, refused)| refused).collect();
        refused.sort_unstable_by(|a, b| (&a.partition, a.from).cmp(&(&b.partition, b.from)));
        (told, refused)
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
        let is_decision = |change: &&Change| matches!(change, Change::Decision(_));
        closed.decisions.reserve(changes.iter().flatten().filter(is_decision).count());
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
                    let passages = &mut self.untold.passages;
                    let passage = passages.entry((partition, position)).or_insert((from, to));
                    passage.1 = to.max(passage.1);
                }
                Change::OfTheFuture(from, refused) => self.untold.refused.push((from, refused)),
                _ => {}
            }
        }
        closed.refused.sort_unstable_by(|a, b| (&a.source, a.offset).cmp(&(&b.source, b.offset)));
        closed.decisions.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
        let admitted = closed.outcomes.admitted() > 0 || !closed.refused.is_empty();
        let is_kept = self.kept >= Some(tick);
        if !is_kept && (admitted || !closed.decisions.is_empty()) {
            (closed.passed_over, closed.of_the_future) = self.tell(tick);
            out.push(closed);
        }
        None
    }
}

impl Saved for Closing {
    fn save(&self) -> Piece {
        Piece::Closing(self.untold.clone())
    }

    /// A partition that was passed over may bring records to all ticks behind the checkpoint again.
    fn restore(&mut self, restored: &Restored, share: Share) {
        self.kept = Some(restored.tick);
        // All ticks are the first worker's.
        if share.index != 0 {
            return;
        }
        for untold in restored.untold() {
            let Untold { passages, refused } = untold.clone();
            self.untold.refused.extend(refused);
            for (silent, (from, to)) in passages {
                let to = to.min(restored.tick + 1);
                if to > from {
                    self.untold.passages.insert(silent, (from, to));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gridweaver_model::decision::{Violation, ViolationKind};

    fn closed(closing: &mut Closing, tick: Tick, changes: Vec<Change>) -> Option<ClosedTick> {
        let mut closed = Vec::new();
        closing.close(tick, Vec::new(), vec![changes], &mut closed);
        closed.pop()
    }

    fn close(closing: &mut Closing, tick: Tick, changes: Vec<Change>) -> Option<Vec<PassedOver>> {
        closed(closing, tick, changes).map(|closed| closed.passed_over)
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

    #[test]
    fn what_was_not_told_at_a_checkpoint_is_told_behind_it() {
        let rules = Rules::default();
        let mut closing = Closing::new(&rules);
        let refused = Refused { partition: "p".into(), from: 5, to: 6 };
        let untold = vec![Change::OfTheFuture(3, refused.clone()), passed_over(3, 30)];
        assert_eq!(close(&mut closing, 3, untold), None, "nothing is written");
        let restored = Restored { tick: 20, pieces: vec![closing.save()] };
        let mut other = Closing::new(&rules);
        other.restore(&restored, Share { index: 1, peers: 2 });
        assert!(other.untold.passages.is_empty() && other.untold.refused.is_empty());
        let mut closing = Closing::new(&rules);
        closing.restore(&restored, Share { index: 0, peers: 1 });
        assert_eq!(close(&mut closing, 20, vec![decided()]), None, "it was written before");
        let told = closed(&mut closing, 25, vec![decided()]).expect("something was decided");
        let silent = PassedOver { partition: "p".into(), position: 77, tick: rules.end_of(20) };
        let wanted = (vec![silent], vec![refused]);
        assert_eq!((told.passed_over, told.of_the_future), wanted);
        assert_eq!(restored.untold().next().map(|untold| untold.of(20, &rules)), Some(wanted));
    }

    #[test]
    fn what_was_refused_is_told_by_no_tick_that_is_written_already() {
        let mut closing = Closing::new(&Rules::default());
        let refused = Refused { partition: "p".into(), from: 5, to: 6 };
        let changes = vec![Change::OfTheFuture(9, refused.clone()), decided()];
        let mut told =
            |tick, changes| closed(&mut closing, tick, changes).map(|closed| closed.of_the_future);
        assert_eq!(told(3, changes), Some(Vec::new()));
        assert_eq!(told(8, vec![decided()]), Some(Vec::new()));
        assert_eq!(told(12, vec![decided()]), Some(vec![refused]));
        assert_eq!(told(13, vec![decided()]), Some(Vec::new()));
    }
}
