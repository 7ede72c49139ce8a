//! Where a partition is to be read from again, by the last tick that is kept.
//!
//! That is the first record admitted to a later tick, or heard after a silence that lasted beyond what
//! is kept, or refused as `future` where a later tick is to tell of it. Records admitted to ticks that
//! are kept may lie behind it, as partitions are not in order: they are read again and passed over.

use crate::engine::choices::Chosen;
use crate::engine::intake::Reading;
use gridweaver_dataflows::admission::Partition;
use gridweaver_model::{Tick, Time};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A place in a partition, and what was true just before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The position.
    pub position: u64,
    /// The partition's watermark.
    pub partition: Partition,
    /// What was read.
    pub reading: Reading,
    /// Whether its last record was of its time as it came.
    pub was_live: bool,
    /// What the wall clock chose from there on, as far as it was written.
    pub chosen: Chosen,
}

/// A place that is to be read again unless a tick is kept.
#[derive(Debug)]
pub(in crate::engine) enum Jump {
    /// Of the first record admitted to a tick later than all before it.
    Admitted(Tick, Mark),
    /// Of the first record after a silence, which enters this tick or a later one; as if it was not
    /// heard yet, as no tick may have told of all that was closed without it.
    Heard(Tick, Mark),
    /// Of a record refused as `future`: it is told of no earlier than in the tick that is open as its
    /// worker takes it up.
    Refused(Mark),
}

/// How far a batch went.
#[derive(Debug)]
pub(in crate::engine) struct Step {
    /// In the partition's order.
    pub(in crate::engine) jumps: Vec<Jump>,
    /// Behind all of it.
    pub(in crate::engine) latest: Mark,
}

/// The marks of one partition.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Where to go on unless a tick is kept, and whether nothing behind it enters an earlier one.
    jumps: VecDeque<(Tick, Mark, bool)>,
    /// Behind all that was read.
    latest: Mark,
}

impl Marks {
    pub(super) fn at(latest: Mark) -> Self {
        Self { jumps: VecDeque::new(), latest }
    }

    /// Takes how far a batch went that its worker takes up while `open` is open.
    pub(super) fn extend(&mut self, step: Step, open: Tick) {
        for jump in step.jumps {
            match jump {
                Jump::Admitted(tick, mark) => self.jumps.push_back((tick, mark, false)),
                Jump::Heard(tick, mark) => self.jumps.push_back((tick, mark, true)),
                // Where records are refused one after the other, the first says it for all.
                Jump::Refused(_)
                    if self.jumps.back().is_some_and(|last| last.0 == open && last.2) => {}
                Jump::Refused(mark) => self.jumps.push_back((open, mark, true)),
            }
        }
        self.latest = step.latest;
    }

    /// Where to read from where all up to and including `kept`, which ends at `end`, is kept;
    /// earlier marks are forgotten. What was not read yet comes after that tick, also where the
    /// partition had ended or was passed over, and its own watermark is not so far.
    pub(super) fn after(&mut self, kept: Tick, end: Time) -> Mark {
        while self.jumps.front().is_some_and(|(tick, ..)| *tick <= kept) {
            self.jumps.pop_front();
        }
        let (mark, is_behind) = self
            .jumps
            .front()
            .map_or((&self.latest, true), |(_, mark, is_behind)| (mark, *is_behind));
        let mut mark = mark.clone();
        if is_behind {
            mark.partition = mark.partition.closed_before(end);
        }
        mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(position: u64) -> Mark {
        Mark { position, ..Mark::default() }
    }

    fn step(jumps: Vec<Jump>, latest: u64) -> Step {
        Step { jumps, latest: mark(latest) }
    }

    #[test]
    fn the_first_record_of_a_later_tick_is_where_to_go_on() {
        let mut marks = Marks::default();
        let jumps = vec![Jump::Admitted(3, mark(10)), Jump::Admitted(7, mark(50))];
        marks.extend(step(jumps, 90), 0);
        let mut after = |tick| marks.after(tick, Time(0)).position;
        assert_eq!([after(2), after(3), after(6), after(7)], [10, 50, 50, 90]);
        marks.extend(step(vec![Jump::Admitted(9, mark(100))], 120), 8);
        assert_eq!(marks.after(8, Time(0)).position, 100);
    }

    #[test]
    fn what_came_after_a_silence_is_heard_anew_where_less_of_it_is_kept() {
        let mut marks = Marks::default();
        let heard = mark(10);
        let raised = heard.partition.closed_before(Time(50));
        let admitted = Mark { partition: raised, ..heard.clone() };
        marks.extend(step(vec![Jump::Heard(50, heard), Jump::Admitted(60, admitted)], 20), 5);
        let closed = |end| Partition::default().closed_before(Time(end));
        for (kept, end, until) in [(6, 7, 7), (49, 50, 50), (50, 51, 50), (59, 60, 50)] {
            let after = marks.after(kept, Time(end));
            assert_eq!((after.position, after.partition), (10, closed(until)), "kept {kept}");
        }
        assert_eq!(marks.after(60, Time(61)).position, 20);
    }

    #[test]
    fn what_was_refused_is_read_again_unless_the_tick_that_was_open_is_kept() {
        let mut marks = Marks::default();
        marks.extend(step(vec![Jump::Refused(mark(10)), Jump::Refused(mark(20))], 30), 5);
        marks.extend(step(vec![Jump::Admitted(9, mark(40)), Jump::Refused(mark(50))], 60), 6);
        let end = Time(1_000);
        let before = marks.after(4, end);
        assert_eq!(before.position, 10);
        assert_eq!(before.partition, Partition::default().closed_before(end), "it was passed over");
        let later = marks.after(5, end);
        assert_eq!((later.position, later.partition), (40, Partition::default()));
        assert_eq!(marks.after(9, end).position, 60);
    }
}
