//! The twins from end to end: what `gridweaver state` must show of some files at an instant.
//!
//! [`Walk`] goes through a history tick by tick and keeps the collections as of the tick it stands
//! at; `verify` walks the same way. Decoding of bytes is shared with the product; all else is not.

use super::book::{Book, heirs};
use super::collections::Collections;
use super::dedup::Dedup;
use super::history::{History, Read, Reads};
use super::picture::Picture;
use super::replies::Shed;
use super::shape::Shape;
use gridweaver_model::{Decision, Reason, Rules, Text, Tick, Time, Watts, decode};
use std::collections::BTreeMap;
use std::ops::Bound;

/// How many records had which outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// All.
    pub read: u64,
    /// Took effect, or were overridden by a newer one of their key.
    pub applied: u64,
    /// Copies of what passed before.
    pub duplicates: u64,
    /// Readings of bad quality.
    pub bad_quality: u64,
    /// Watermarks.
    pub control: u64,
    /// In no closed tick yet.
    pub open: u64,
    /// Admitted to a later tick than their own.
    pub late: u64,
    /// Refused.
    pub dead_letters: BTreeMap<Reason, u64>,
}

/// A history as far as it was walked.
pub struct Walk<'a> {
    rules: Rules,
    history: History<'a>,
    dedup: Dedup,
    /// What the records up to the tick reached leave behind.
    pub collections: Collections,
    counters: Counters,
}

impl<'a> Walk<'a> {
    /// A walk that stands before the first tick.
    #[must_use]
    pub fn new(partitions: Vec<Reads<'a>>, rules: &Rules) -> Self {
        Self {
            rules: rules.clone(),
            history: History::new(partitions, rules),
            dedup: Dedup::new(rules.dedup_window),
            collections: Collections::default(),
            counters: Counters::default(),
        }
    }

    /// The next tick to which a record was admitted, not yet folded in, with its rows.
    pub fn next_tick(&mut self) -> Option<(Tick, Vec<super::history::Row>)> {
        self.history.next_tick()
    }

    /// Folds in the rows of a tick; ticks must come in order. What ended long ago is forgotten as
    /// of the tick's start before, and as of its end after.
    pub fn fold(&mut self, tick: Tick, rows: Vec<super::history::Row>) {
        let start = self.rules.start_of(tick);
        let late = rows.iter().filter(|row| row.late_by.is_some()).count();
        self.counters.late += u64::try_from(late).unwrap_or(u64::MAX);
        self.collections.forget(start, self.rules.retention);
        let (passing, duplicates) = self.dedup.settle(start, rows);
        let outcomes = self.collections.apply(passing, &self.rules);
        self.counters.duplicates += duplicates;
        self.counters.applied += outcomes.applied;
        self.counters.bad_quality += outcomes.bad_quality;
        if outcomes.refused > 0 {
            *self.counters.dead_letters.entry(Reason::Late).or_default() += outcomes.refused;
        }
        self.collections.forget(self.rules.end_of(tick), self.rules.retention);
    }

    /// Stands at a tick without records of its own: only time has passed.
    pub fn pass(&mut self, tick: Tick) {
        self.collections.answers.clear();
        self.collections.forget(self.rules.end_of(tick), self.rules.retention);
    }

    /// The counters, once the rest of the input was read: `tick` is the last one closed.
    fn finish(mut self, tick: Option<Tick>) -> Counters {
        while self.history.next_tick().is_some() {}
        let reading = self.history.reading();
        let mut counters = self.counters;
        counters.late += tick.map_or(0, |tick| self.history.late_refused_up_to(tick));
        counters.read = reading.read;
        counters.control = reading.control;
        for (reason, count) in &reading.dead_letters {
            *counters.dead_letters.entry(*reason).or_default() += count;
        }
        let settled = counters.applied
            + counters.duplicates
            + counters.bad_quality
            + counters.control
            + counters.dead_letters.values().sum::<u64>();
        counters.open = counters.read - settled;
        counters
    }
}

/// What the twins show at an instant.
#[derive(Clone, Debug)]
pub struct State {
    /// The instant asked for.
    pub time: Time,
    /// Every view; none before the end of the first tick.
    pub picture: Option<Picture>,
    /// What became of the records.
    pub counters: Counters,
}

/// The state at an instant, from the files' bytes. `decisions` are the recorded decisions, if any,
/// by the end of their tick.
#[must_use]
pub fn state_at(
    files: &[&[u8]],
    time: Time,
    decisions: &BTreeMap<Time, Vec<Decision>>,
    rules: &Rules,
    max_record_bytes: usize,
) -> State {
    let partitions = files.iter().map(|bytes| reads(bytes, max_record_bytes)).collect();
    let mut walk = Walk::new(partitions, rules);
    let mut orders = Orders {
        book: Book::default(),
        shape: Shape::default(),
        relief: BTreeMap::new(),
        decisions,
        reached: Time(i64::MIN),
    };
    // The last tick that ends by then; the first one asked for ends a tick after time zero.
    let asked = rules.tick_of(time).checked_sub(1);
    let (mut shown, mut beyond) = (None, false);
    while let Some((tick, rows)) = walk.next_tick() {
        if asked.is_none_or(|asked| tick > asked) {
            beyond = true;
            break;
        }
        orders.pass_over(&mut walk, rules.start_of(tick), rules);
        walk.fold(tick, rows);
        orders.step(&walk.collections, rules.end_of(tick), rules);
        shown = Some(tick);
    }
    if let (Some(_), true, Some(asked)) = (shown, beyond, asked) {
        orders.pass_over(&mut walk, rules.end_of(asked), rules);
        shown = Some(asked);
        walk.pass(asked);
        if orders.reached < rules.end_of(asked) {
            orders.step(&walk.collections, rules.end_of(asked), rules);
        }
    }
    let picture = shown.map(|tick| {
        let end = rules.end_of(tick);
        Picture::of(&walk.collections, &orders.book, &orders.relief, end, rules)
    });
    // The row that stopped the walk is among those still open.
    State { time, picture, counters: walk.finish(shown) }
}

/// The recorded orders beside a walk.
struct Orders<'a> {
    book: Book,
    shape: Shape,
    /// What the tick that it stands at was decided from.
    relief: BTreeMap<Text, Watts>,
    decisions: &'a BTreeMap<Time, Vec<Decision>>,
    /// The end of the tick that it stands at.
    reached: Time,
}

impl Orders<'_> {
    fn step(&mut self, collections: &Collections, end: Time, rules: &Rules) {
        let shape = Shape::of(collections, rules);
        self.book.follow(&heirs(&self.shape, &shape));
        self.book.take_answers(collections, &shape, end, rules);
        self.relief = self.book.relief(collections, &shape, end, rules, Shed::InItsArea, |_| true);
        if let Some(decisions) = self.decisions.get(&end) {
            self.book.project(end, decisions, collections);
            self.book.take_waiting(collections);
        }
        self.shape = shape;
        self.reached = end;
    }

    /// Ticks without records of their own, up to the one that ends at `until`.
    fn pass_over(&mut self, walk: &mut Walk<'_>, until: Time, rules: &Rules) {
        let decisions = self.decisions;
        let between = (Bound::Excluded(self.reached), Bound::Included(until));
        for end in decisions.range(between).map(|(end, _)| *end) {
            walk.pass(rules.first_ending_at_or_after(end));
            self.step(&walk.collections, end, rules);
        }
    }
}

/// The records of a file's lines, without its blank ones.
#[must_use]
pub fn reads(bytes: &[u8], max_record_bytes: usize) -> Reads<'_> {
    let lines =
        bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let told = lines.filter(|line| !line.iter().all(u8::is_ascii_whitespace));
    Box::new(told.map(move |line| -> Read {
        decode(line, max_record_bytes).map_err(|refusal| refusal.reason)
    }))
}
