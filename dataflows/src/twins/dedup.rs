//! Twin of dedup: which copy of an identity passes.
//!
//! Ticks must be given in order. An identity is (`source`, `id`). It is remembered while the tick's
//! start is at most the window after the `time` of the copy that passed last.

use super::history::Row;
use gridweaver_model::{Millis, Record, Text, Time};
use std::cmp::Reverse;
use std::collections::BTreeMap;

type Identity = (Text, Text);

/// What is remembered of the copy that passed last.
struct Passed {
    sequence: u64,
    time: Time,
}

/// The memory of dedup.
pub struct Dedup {
    window: Millis,
    passed: BTreeMap<Identity, Passed>,
    /// Forgotten identities are swept out when the memory has grown to this size.
    sweep_at: usize,
}

impl Dedup {
    /// An empty memory.
    #[must_use]
    pub fn new(window: Millis) -> Self {
        Self { window, passed: BTreeMap::new(), sweep_at: 1 << 12 }
    }

    /// Settles one tick, which begins at `start`: the rows that pass, and how many are duplicates.
    pub fn settle(&mut self, start: Time, rows: Vec<Row>) -> (Vec<Row>, u64) {
        let total = rows.len();
        let mut winners: BTreeMap<Identity, Row> = BTreeMap::new();
        for row in rows {
            let version = &row.record.envelope.version;
            let identity = (version.source.clone(), version.id.clone());
            match winners.get_mut(&identity) {
                Some(held) if precedence(&row.record) <= precedence(&held.record) => {}
                Some(held) => *held = row,
                None => {
                    winners.insert(identity, row);
                }
            }
        }
        let mut passing = vec![];
        for (identity, row) in winners {
            let version = &row.record.envelope.version;
            let (sequence, time) = (version.sequence, version.time);
            let seen = self.passed.get(&identity).is_some_and(|passed| {
                start <= passed.time + self.window && passed.sequence >= sequence
            });
            if !seen {
                self.passed.insert(identity, Passed { sequence, time });
                passing.push(row);
            }
        }
        self.sweep(start);
        let duplicates = total - passing.len();
        (passing, u64::try_from(duplicates).unwrap_or(u64::MAX))
    }

    fn sweep(&mut self, start: Time) {
        if self.passed.len() >= self.sweep_at {
            let window = self.window;
            self.passed.retain(|_, passed| start <= passed.time + window);
            self.sweep_at = (2 * self.passed.len()).max(1 << 12);
        }
    }
}

/// Among copies in one tick the greatest sequence wins, then the least time, then the least type
/// and data.
fn precedence(record: &Record) -> (u64, Reverse<Time>, Reverse<&gridweaver_model::Data>) {
    (record.envelope.version.sequence, Reverse(record.time()), Reverse(&record.data))
}
