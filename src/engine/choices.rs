//! What the wall clock chose, and what it chose before.
//!
//! Two things are not in the records that were read: whom a tick did not wait for, and what was
//! refused as being of the future. Both are written with the tick that depends on them. Read back,
//! they are repeated: a partition comes to the same watermarks at the same positions, and history
//! comes out as it happened.

use gridweaver_model::Time;
use gridweaver_model::decision::{PassedOver, Refused, TickClosed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one tick depends on, as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choices {
    /// Whom it was closed without.
    pub passed_over: Vec<PassedOver>,
    /// What was refused as `future`.
    pub refused: Vec<Refused>,
}

impl Choices {
    /// Whether nothing was chosen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.passed_over.is_empty() && self.refused.is_empty()
    }
}

impl From<TickClosed> for Choices {
    fn from(closed: TickClosed) -> Self {
        Self { passed_over: closed.passed_over, refused: closed.refused }
    }
}

/// What was chosen of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// From a position on, nothing enters a tick that ends at or before a time.
    closed: BTreeMap<u64, Time>,
    /// Records that were refused: the last of a range, by the first.
    refused: BTreeMap<u64, u64>,
}

impl Chosen {
    /// Takes in that the partition was passed over.
    pub(super) fn pass_over(&mut self, position: u64, tick_end: Time) {
        let closed = self.closed.entry(position).or_insert(tick_end);
        *closed = tick_end.max(*closed);
    }

    /// Takes in that records were refused.
    pub(super) fn refuse(&mut self, from: u64, to: u64) {
        let last = self.refused.entry(from).or_insert(to);
        *last = to.max(*last);
    }

    /// Takes in what was chosen besides.
    pub(super) fn join(&mut self, other: &Self) {
        other.closed.iter().for_each(|(position, end)| self.pass_over(*position, *end));
        other.refused.iter().for_each(|(from, to)| self.refuse(*from, *to));
    }

    /// Forgets what lies before a position.
    pub(super) fn forget_before(&mut self, position: u64) {
        self.closed = self.closed.split_off(&position);
        self.refused.retain(|_, to| *to >= position);
    }

    /// Up to which time all is closed for the record at `position` and those behind it; told once.
    pub fn closed_at(&mut self, position: u64) -> Option<Time> {
        let mut latest = None;
        while let Some(first) = self.closed.first_entry()
            && *first.key() <= position
        {
            latest = latest.max(Some(first.remove()));
        }
        latest
    }

    /// Whether there is nothing left to repeat.
    pub(super) fn is_empty(&self) -> bool {
        self.closed.is_empty() && self.refused.is_empty()
    }

    /// Whether the record at a position was refused.
    #[must_use]
    pub fn is_refused(&self, position: u64) -> bool {
        let range = self.refused.range(..=position).next_back();
        range.is_some_and(|(_, to)| position <= *to)
    }
}

/// What was chosen, partition by partition.
#[must_use]
pub fn by_partition<'a>(ticks: impl IntoIterator<Item = &'a Choices>) -> BTreeMap<String, Chosen> {
    let mut chosen: BTreeMap<String, Chosen> = BTreeMap::new();
    for choices in ticks {
        for PassedOver { partition, position, tick } in &choices.passed_over {
            chosen.entry(partition.clone()).or_default().pass_over(*position, *tick);
        }
        for Refused { partition, from, to } in &choices.refused {
            chosen.entry(partition.clone()).or_default().refuse(*from, *to);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_is_repeated_at_its_position() {
        let mut chosen = Chosen::default();
        chosen.pass_over(10, Time(100));
        chosen.pass_over(10, Time(200));
        chosen.pass_over(50, Time(300));
        chosen.refuse(20, 25);
        assert_eq!(chosen.closed_at(9), None);
        assert_eq!(chosen.closed_at(12), Some(Time(200)));
        assert_eq!(chosen.closed_at(12), None);
        assert_eq!(chosen.closed_at(50), Some(Time(300)));
        assert_eq!([19, 20, 25, 26].map(|at| chosen.is_refused(at)), [false, true, true, false]);
        chosen.forget_before(25);
        assert!(chosen.is_refused(25));
        chosen.forget_before(26);
        assert!(chosen.is_empty());
    }
}
