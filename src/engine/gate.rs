//! Who may read on, given what is in flight.
//!
//! A record is in flight from when it is read until its tick is behind the probe and durable. A
//! partition reads on while the records and bytes in flight are within the budget and it is not
//! more than `skew_max` ticks ahead of the least watermark. The partition with the least watermark
//! may read beyond the budget while nothing in flight could be closed without it: so a budget
//! smaller than a tick still comes through, and memory is bounded by the budget and one tick.

use super::frontier::{Frontier, Holder, Summary};
use gridweaver_model::Tick;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How much may be in flight.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Records.
    pub records: u64,
    /// Bytes.
    pub bytes: u64,
    /// Ticks that a partition may be ahead of the least.
    pub skew_max: Tick,
}

/// Records and bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    records: u64,
    bytes: u64,
}

/// See the module's documentation.
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
    limits: Limits,
    clock: Clock,
}

/// The tick that the wall clock has come to, less the allowed lateness.
pub(crate) type Clock = Box<dyn Fn() -> Tick + Send + Sync>;

struct State {
    frontier: Frontier,
    /// Whether the wall clock may drive event time.
    is_driven: bool,
    in_flight: BTreeMap<Tick, Load>,
    total: Load,
    /// Dead letters on their way to the writer.
    letters: Load,
    /// All that were ever sent there.
    letters_sent: u64,
}

/// How long to sleep before looking at the stop flag again.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How many such looks a partition waits in one go.
const LOOKS: u32 = 10;

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The partition may read a batch.
    Read,
    /// It may not, for now: ask again.
    Wait,
    /// The run is over.
    Over,
}

impl Gate {
    /// `watermarks`: the ticks in which those of the partitions stand; `others`: the processes that
    /// read besides.
    pub(crate) fn new(
        watermarks: Vec<Tick>,
        others: impl IntoIterator<Item = usize>,
        limits: Limits,
        clock: Clock,
    ) -> Self {
        let state = State {
            frontier: Frontier::new(watermarks, others),
            is_driven: true,
            in_flight: BTreeMap::new(),
            total: Load::default(),
            letters: Load::default(),
            letters_sent: 0,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), limits, clock }
    }

    /// Waits until a partition may read a batch, for a while.
    pub(crate) fn wait_turn(&self, partition: usize, is_over: impl Fn() -> bool) -> Turn {
        let mut state = self.lock();
        for _ in 0..LOOKS {
            if is_over() {
                return Turn::Over;
            }
            if self.may_read(&mut state, partition) {
                return Turn::Read;
            }
            let waited = self.changed.wait_timeout(state, LOOK_EVERY);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Turn::Wait
    }

    fn may_read(&self, state: &mut State, partition: usize) -> bool {
        // Whether it is still silent only reading tells: else we would be what keeps it so.
        if state.frontier.is_passed_over(partition) {
            return true;
        }
        let least = state.least(&self.clock);
        let own = state.frontier.of(partition);
        if state.letters.records >= self.limits.records || state.letters.bytes >= self.limits.bytes
        {
            return false;
        }
        if own > least.saturating_add(self.limits.skew_max) {
            return false;
        }
        let within =
            state.total.records < self.limits.records && state.total.bytes < self.limits.bytes;
        // Beyond the budget, only to complete the tick that all that is in flight waits for.
        within || (own <= least && state.in_flight.keys().next().is_none_or(|first| *first >= own))
    }

    /// The most records that a batch should hold.
    pub(crate) fn batch_records(&self) -> usize {
        let share = self.limits.records / 4;
        usize::try_from(share.clamp(1, 2_048)).unwrap_or(1)
    }

    /// A partition has read records for some ticks, and its watermark stands where it says.
    pub(crate) fn admit(&self, partition: usize, loads: &[(Tick, u64, u64)], watermark: Tick) {
        let mut state = self.lock();
        for (tick, records, bytes) in loads {
            let load = state.in_flight.entry(*tick).or_default();
            load.records += records;
            load.bytes += bytes;
            state.total.records += records;
            state.total.bytes += bytes;
        }
        if state.frontier.advance(partition, watermark) {
            self.changed.notify_all();
        }
    }

    /// Takes in a partition that was found while running; returns its number.
    pub(crate) fn add(&self) -> usize {
        self.lock().frontier.add()
    }

    /// A partition was read to its head and is passed over until it is heard again.
    pub(crate) fn pass_over(&self, partition: usize, was_live: bool) {
        self.lock().frontier.pass_over(partition, was_live);
        self.changed.notify_all();
    }

    /// Another process says where its partitions stand.
    pub(super) fn learn(&self, process: usize, summary: Summary) {
        self.lock().frontier.learn(process, summary);
        self.changed.notify_all();
    }

    /// Where the partitions stand, for the other processes.
    pub(super) fn summary(&self) -> Summary {
        let mut state = self.lock();
        state.least(&self.clock);
        state.frontier.summary()
    }

    /// Whether nothing that is read here can move event time any more.
    pub(super) fn is_at_rest(&self) -> bool {
        !self.lock().is_driven
    }

    /// Whether dead letters are on their way to the writer.
    pub(super) fn has_letters(&self) -> bool {
        self.lock().letters.records > 0
    }

    /// A partition that was passed over is heard again: its records enter the tick returned, or
    /// later ones.
    pub(crate) fn hear(&self, partition: usize) -> Tick {
        let mut state = self.lock();
        let is_driven = state.is_driven;
        state.frontier.hear(partition, || is_driven.then(|| (self.clock)()))
    }

    /// Who holds event time where it stands. `None`: no partition, the first tick that is in flight
    /// could be closed.
    pub(super) fn holder(&self) -> Option<Holder> {
        let mut state = self.lock();
        let least = state.least(&self.clock);
        let is_held = state.in_flight.keys().next().is_none_or(|first| *first >= least);
        is_held.then(|| state.frontier.holder())
    }

    /// Records and bytes in flight.
    pub(crate) fn in_flight(&self) -> (u64, u64) {
        let state = self.lock();
        (state.total.records, state.total.bytes)
    }

    /// From now on the wall clock moves nothing.
    pub(crate) fn rest(&self) {
        self.lock().is_driven = false;
    }

    /// A partition has ended: it holds nobody back.
    pub(crate) fn end(&self, partition: usize) {
        self.lock().frontier.end(partition);
        self.changed.notify_all();
    }

    /// All ticks up to this one are durable.
    pub(crate) fn release(&self, durable: Tick) {
        let mut state = self.lock();
        let rest = state.in_flight.split_off(&(durable.saturating_add(1)));
        for load in std::mem::replace(&mut state.in_flight, rest).into_values() {
            state.total.records -= load.records;
            state.total.bytes -= load.bytes;
        }
        self.changed.notify_all();
    }

    /// Dead letters were handed to the writer.
    pub(crate) fn send_letters(&self, records: u64, bytes: u64) {
        let mut state = self.lock();
        state.letters.records += records;
        state.letters.bytes += bytes;
        state.letters_sent += records;
    }

    /// How many dead letters were ever sent to the writer, and how many of them it has written.
    pub(crate) fn letters(&self) -> (u64, u64) {
        let state = self.lock();
        (state.letters_sent, state.letters_sent - state.letters.records)
    }

    /// The writer has written dead letters.
    pub(crate) fn release_letters(&self, records: u64, bytes: u64) {
        let mut state = self.lock();
        state.letters.records -= records;
        state.letters.bytes -= bytes;
        self.changed.notify_all();
    }

    /// The tick in which the least watermark stands: what is passed over brings nothing more to
    /// those before it.
    pub(crate) fn least(&self) -> Tick {
        self.lock().least(&self.clock)
    }

    /// Wakes whoever waits, so that it sees that the run is to stop.
    pub(crate) fn wake(&self) {
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn least(&mut self, clock: &Clock) -> Tick {
        let is_driven = self.is_driven;
        self.frontier.least(|| is_driven.then(clock))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(records: u64) -> Gate {
        let limits = Limits { records, bytes: 1 << 30, skew_max: 3 };
        Gate::new(vec![0; 2], [], limits, Box::new(|| 0))
    }

    fn may_read(gate: &Gate, partition: usize) -> bool {
        gate.may_read(&mut gate.lock(), partition)
    }

    #[test]
    fn a_partition_ahead_of_the_least_waits_for_it() {
        let gate = gate(1_000);
        gate.admit(0, &[(10, 1, 1)], 10);
        assert!(!may_read(&gate, 0));
        assert!(may_read(&gate, 1));
        gate.end(1);
        assert!(may_read(&gate, 0));
    }

    #[test]
    fn beyond_the_budget_only_the_open_tick_is_read() {
        let gate = gate(10);
        gate.end(1);
        gate.admit(0, &[(5, 20, 1)], 5);
        assert!(may_read(&gate, 0), "tick 5 can't close without this partition");
        gate.admit(0, &[(6, 1, 1)], 6);
        assert!(!may_read(&gate, 0), "tick 5 can be closed and must be written first");
        gate.release(5);
        assert!(may_read(&gate, 0));
    }
}
