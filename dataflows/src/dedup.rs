//! `dedup`: of the copies of one record, which one counts.
//!
//! Identity is (`source`, `id`). Among the copies admitted to one tick the winner is the greatest
//! `sequence`, then the least time and data; it passes unless the same identity passed before with
//! the same or a higher `sequence` and is still remembered. The whole tick is settled at once, so
//! arrival order within it is gone. What passes is forwarded; what each record became is counted.
//!
//! Identities are compared by a 128-bit hash: two different ones meet with probability 2⁻⁶⁴ in a
//! window of four thousand million.

use crate::by_tick::{Batches, View};
use crate::change::Change;
use crate::row::{Family, Row};
use crate::saved::{Piece, Restored, Saved, Share};
use crate::structures::remembered::Remembered;
use gridweaver_model::record::{Quality, Record};
use gridweaver_model::{Data, Lookup, Rules, Tick, Time};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// What became of the records of one tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Took effect, or were overridden by a newer one of the same key.
    pub applied: u64,
    /// Copies.
    pub duplicates: u64,
    /// Readings that are not to be trusted.
    pub bad_quality: u64,
    /// Late, whatever else became of them.
    pub late: u64,
}

impl Outcomes {
    /// All records admitted.
    #[must_use]
    pub fn admitted(&self) -> u64 {
        self.applied + self.duplicates + self.bad_quality
    }

    /// Adds another tick's or worker's.
    pub fn add(&mut self, other: &Self) {
        self.applied += other.applied;
        self.duplicates += other.duplicates;
        self.bad_quality += other.bad_quality;
        self.late += other.late;
    }
}

/// A record that passed, or what became of all of a tick.
#[derive(Clone, Debug)]
pub enum Settled {
    /// These go on to the views of their family.
    Rows(Family, Vec<Row>),
    /// The tick's count on this worker.
    Outcomes(Outcomes),
}

/// Identities that are looked up side by side, so that their memory is fetched together.
const GROUP: usize = 12;

/// The state of `dedup` on one worker.
pub struct Dedup {
    rules: Rules,
    remembered: Remembered,
    /// What passed first in the tick at hand; its memory is used from tick to tick.
    admitted_now: Vec<(u128, Place)>,
}

/// Which batch of a tick, and which row of it.
type Place = (usize, usize);

/// What was found of the rows of a tick.
#[derive(Default)]
struct Judged {
    /// Those that lose against another copy of the same tick or against memory, in order.
    losers: Vec<Place>,
    /// Those that are not to be trusted, in order.
    bad: Vec<Place>,
    /// How many are late.
    late: u64,
    /// Of each batch, whether its rows are of several families.
    mixed: Vec<bool>,
}

impl Dedup {
    /// Remembers nothing yet.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules, remembered: Remembered::new(), admitted_now: Vec::new() }
    }

    /// The last tick in which an identity that passed at `time` is remembered: its start is at
    /// most the window after that time.
    fn remembered_until(&self, time: Time) -> Tick {
        self.rules.tick_of(time + self.rules.dedup_window)
    }

    /// Looks at every row of a tick once, and remembers those that pass.
    fn judge(&mut self, tick: Tick, batches: &Batches<Row>) -> Judged {
        let mut judged = Judged::default();
        let mut contested: Lookup<u128, Vec<Place>> = Lookup::default();
        self.admitted_now.clear();
        let begin = if tick == 0 { Time(i64::MIN) } else { self.rules.start_of(tick) };
        let mut group = [0; GROUP];
        for (batch, rows) in batches.iter().enumerate() {
            let family = rows.first().map(Row::family);
            let mut is_mixed = false;
            for (first, rows) in rows.chunks(GROUP).enumerate() {
                for (identity, row) in group.iter_mut().zip(rows) {
                    *identity = identity_of(&row.record);
                }
                self.remembered.approach(&group[..rows.len()]);
                for (at, (identity, row)) in group.into_iter().zip(rows).enumerate() {
                    let place = (batch, first * GROUP + at);
                    let version = &row.record.envelope.version;
                    let until = self.remembered_until(version.time).max(tick);
                    if self.remembered.admit(identity, version.sequence, until, tick) {
                        self.admitted_now.push((identity, place));
                    } else {
                        contested.entry(identity).or_default().push(place);
                    }
                    judged.late += u64::from(version.time < begin);
                    is_mixed |= Some(row.family()) != family;
                    if is_bad(&row.record) {
                        judged.bad.push(place);
                    }
                }
            }
            judged.mixed.push(is_mixed);
        }
        if !contested.is_empty() {
            self.settle_all(tick, contested, batches, &mut judged.losers);
        }
        judged
    }

    /// Decides the identities that came more than once.
    fn settle_all(
        &mut self,
        tick: Tick,
        contested: Lookup<u128, Vec<Place>>,
        batches: &Batches<Row>,
        losers: &mut Vec<Place>,
    ) {
        // A copy that found no memory and came first in this tick is one of its group too.
        let mut fresh: Lookup<u128, Place> = Lookup::default();
        for (identity, place) in self.admitted_now.drain(..) {
            if contested.contains_key(&identity) {
                fresh.insert(identity, place);
            }
        }
        for (identity, places) in contested {
            self.settle(tick, identity, places, fresh.get(&identity).copied(), batches, losers);
        }
        losers.sort_unstable();
    }

    /// Decides one identity that came more than once.
    fn settle(
        &mut self,
        tick: Tick,
        identity: u128,
        mut places: Vec<Place>,
        fresh: Option<Place>,
        batches: &Batches<Row>,
        losers: &mut Vec<Place>,
    ) {
        let record = |place: &Place| &batches[place.0][place.1].record;
        let passed_before =
            if fresh.is_some() { None } else { self.remembered.seen(identity, tick) };
        places.extend(fresh);
        let winner =
            places.iter().copied().min_by(|a, b| precedence(record(a)).cmp(&precedence(record(b))));
        let Some(winner) = winner else { return };
        let version = &record(&winner).envelope.version;
        let passes = passed_before.is_none_or(|sequence| version.sequence > sequence);
        if passes {
            let until = self.remembered_until(version.time).max(tick);
            self.remembered.insert(identity, version.sequence, until);
        }
        losers.extend(places.into_iter().filter(|place| *place != winner || !passes));
    }
}

/// The least of a tick's copies wins.
fn precedence(record: &Record) -> (Reverse<u64>, Time, &Data) {
    let version = &record.envelope.version;
    (Reverse(version.sequence), version.time, &record.data)
}

/// 128 bits that stand for a record's (`source`, `id`).
#[must_use]
pub fn identity_of(record: &Record) -> u128 {
    let version = &record.envelope.version;
    identity(&version.source, &version.id)
}

/// 128 bits that stand for (`source`, `id`). A byte that no UTF-8 text holds keeps them apart.
#[must_use]
pub fn identity(source: &str, id: &str) -> u128 {
    let (source, id) = (source.as_bytes(), id.as_bytes());
    let length = source.len() + 1 + id.len();
    let write = |text: &mut [u8]| {
        text[..source.len()].copy_from_slice(source);
        text[source.len()] = 0xff;
        text[source.len() + 1..].copy_from_slice(id);
        xxhash_rust::xxh3::xxh3_128(text)
    };
    // Two names of a usual length fit; longer ones cost an allocation.
    match [0; 128].get_mut(..length) {
        Some(short) => write(short),
        None => write(&mut vec![0; length]),
    }
}

/// By which of its 128 bits an identity is sharded.
#[must_use]
pub fn shard_hash(identity: u128) -> u64 {
    u64::try_from(identity >> 64).unwrap_or_default()
}

impl Saved for Dedup {
    fn save(&self) -> Piece {
        Piece::Dedup(self.remembered.entries())
    }

    fn restore(&mut self, restored: &Restored, share: Share) {
        for piece in &restored.pieces {
            let Piece::Dedup(entries) = piece else { continue };
            for (identity, sequence, until) in entries {
                if share.holds_identity(*identity) {
                    self.remembered.insert(*identity, *sequence, *until);
                }
            }
        }
    }
}

impl View for Dedup {
    type Row = Row;
    type Change = Change;
    type Out = Settled;

    fn close(
        &mut self,
        tick: Tick,
        mut rows: Batches<Row>,
        _: Batches<Change>,
        out: &mut Vec<Settled>,
    ) -> Option<Tick> {
        let Judged { mut losers, mut bad, late, mixed } = self.judge(tick, &rows);
        bad.retain(|place| losers.binary_search(place).is_err());
        let mut outcomes = Outcomes {
            applied: 0,
            duplicates: losers.len() as u64,
            bad_quality: bad.len() as u64,
            late,
        };
        losers.append(&mut bad);
        losers.sort_unstable();
        // From the end, so that what takes a removed row's place is to stay.
        for (batch, at) in losers.into_iter().rev() {
            rows[batch].swap_remove(at);
        }
        for (rows, is_mixed) in rows.into_iter().zip(mixed) {
            outcomes.applied += rows.len() as u64;
            hand_on(rows, is_mixed, out);
        }
        out.push(Settled::Outcomes(outcomes));
        None
    }
}

/// Hands a batch on: whole where it is of one family, as intakes make them, else apart.
fn hand_on(mut rows: Vec<Row>, is_mixed: bool, out: &mut Vec<Settled>) {
    while let Some(family) = rows.first().map(Row::family) {
        let others = match is_mixed {
            true => rows.extract_if(.., |row| row.family() != family).collect(),
            false => Vec::new(),
        };
        out.push(Settled::Rows(family, std::mem::replace(&mut rows, others)));
    }
}

fn is_bad(record: &Record) -> bool {
    matches!(&record.data, Data::Telemetry(telemetry) if telemetry.quality == Some(Quality::Bad))
}
