//! Where a partition is to be read from again, by the last tick that is kept.
//!
//! That is the first record admitted to a later tick. Records admitted to ticks that are kept may
//! lie behind it, as partitions are not in order: they are read again and passed over.

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

/// The marks of one partition.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// The first record admitted to a tick later than all before it, by that tick.
    jumps: VecDeque<(Tick, Mark)>,
    /// Behind all that was read.
    latest: Mark,
}

impl Marks {
    pub(super) fn at(latest: Mark) -> Self {
        Self { jumps: VecDeque::new(), latest }
    }

    /// Takes what a batch brought: jumps to ever later ticks, and where it ended.
    pub(super) fn extend(&mut self, jumps: Vec<(Tick, Mark)>, latest: Mark) {
        self.jumps.extend(jumps);
        self.latest = latest;
    }

    /// Where to read from where all up to and including `kept`, which ends at `end`, is kept;
    /// earlier marks are forgotten. What was not read yet comes after that tick, also where the
    /// partition had ended and its own watermark is not so far.
    pub(super) fn after(&mut self, kept: Tick, end: Time) -> Mark {
        while self.jumps.front().is_some_and(|(tick, _)| *tick <= kept) {
            self.jumps.pop_front();
        }
        match self.jumps.front() {
            Some((_, mark)) => mark.clone(),
            None => {
                let partition = self.latest.partition.closed_before(end);
                Mark { partition, ..self.latest.clone() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(position: u64) -> Mark {
        Mark { position, ..Mark::default() }
    }

    #[test]
    fn the_first_record_of_a_later_tick_is_where_to_go_on() {
        let mut marks = Marks::default();
        marks.extend(vec![(3, mark(10)), (7, mark(50))], mark(90));
        let mut after = |tick| marks.after(tick, Time(0)).position;
        assert_eq!([after(2), after(3), after(6), after(7)], [10, 50, 50, 90]);
        marks.extend(vec![(9, mark(100))], mark(120));
        assert_eq!(marks.after(8, Time(0)).position, 100);
    }
}
