//! What a run needs to go on from the end of a tick, taken while it runs.
//!
//! ```text
//!  workers ── pieces of the views ──┐
//!  writer ─── its numbers ──────────┤ keeper: when it has all of one tick,  ──▶ store
//!  intakes ── marks by tick ────────┘ one checkpoint, written and renamed
//! ```
//!
//! A tick is chosen that nobody has closed yet; the first worker's own capability stays in the tick
//! behind it until every worker has closed the chosen one and saved its views. So all views are
//! saved at the same instant of event time, and the stream waits only for that.
//!
//! Where there are several processes the keeper is the first one's, and it alone chooses: what the
//! others save is sent to it.
//!
//! | file | one idea |
//! | --- | --- |
//! | `marks` | where a partition is to be read from again, by the last tick kept |
//! | `keeper` | the thread that puts the parts together |
//! | `store` | the folder: written beside the old one, renamed, a damaged one passed over; where all began |

mod keeper;
mod marks;
mod store;

pub use marks::Mark;
pub use store::{Beginning, Beginnings, CheckpointError, Store};

pub(super) use keeper::{Keeping, Kept, keep};
pub(super) use marks::{Jump, Step};

use marks::Marks;

use super::choices::Choices;
use super::writer::Tally;
use gridweaver_dataflows::saved::{Piece, Restored};
use gridweaver_model::{Rules, Tick, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// All that is kept of a run at the end of a tick.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Checkpoint {
    /// What decided until then.
    pub rules: Rules,
    /// What the views held.
    pub views: Restored,
    /// Where each partition is to be read from again, by its name.
    pub partitions: BTreeMap<String, Mark>,
    /// What tells a partition's stream from another of that name, where something does.
    pub identities: BTreeMap<String, String>,
    /// How far each output had come, in the configuration's order.
    pub streams: Vec<StreamMark>,
    /// What was written and counted.
    pub tally: Tally,
}

impl Checkpoint {
    /// The end of the last tick that it holds.
    #[must_use]
    pub fn tick_end(&self) -> Time {
        self.rules.end_of(self.views.tick)
    }
}

/// How far an output had come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamMark {
    /// The last record's number.
    pub sequence: u64,
    /// The end of the last tick that was closed in it.
    pub tick_end: Option<Time>,
}

/// Where checkpoints go, and how often.
pub struct Checkpoints {
    /// Makes one durable.
    pub keep: Keep,
    /// How long after one the next is begun.
    pub every: Duration,
}

/// A partition's name, and what tells its stream from another of that name.
pub(super) type Named = (String, Option<String>);

/// How far the outputs had come at a tick's end, and what was written since the last time.
pub(super) struct WrittenUpTo {
    pub(super) streams: Vec<StreamMark>,
    pub(super) tally: Tally,
    pub(super) choices: Choices,
}

/// What is saved of a tick's end besides what was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Saved {
    /// The views of one worker.
    Views(Vec<Piece>),
    /// The partitions of one process.
    Partitions {
        /// Where each is to be read from again.
        marks: BTreeMap<String, Mark>,
        /// What tells its stream from another.
        identities: BTreeMap<String, String>,
    },
}

/// Where what is saved goes to.
pub(super) type Hand = Box<dyn Fn(Tick, Saved) + Send + Sync>;
/// How other processes are told that the end of a tick is to be saved.
pub(super) type Tell = Box<dyn Fn(Tick) + Send + Sync>;

/// Makes a checkpoint durable; returns its size in bytes.
pub type Keep = Box<dyn FnMut(&Checkpoint) -> Result<u64, CheckpointError> + Send>;

/// What the threads of a process share to take one.
pub(super) struct Checkpointing {
    /// How long after one the next is begun; where the first process chooses, that is not asked.
    every: Option<Duration>,
    workers: usize,
    /// Other processes that are waited for.
    others: usize,
    rules: Rules,
    begun: Mutex<Instant>,
    /// Whether one is being taken or written.
    busy: AtomicBool,
    /// The tick whose end is to be saved; [`NEVER`]: none.
    due: AtomicU64,
    /// Processes that have not saved it yet.
    unsaved: AtomicUsize,
    /// By how many workers of this process the newest ticks were saved.
    saved: Mutex<BTreeMap<Tick, usize>>,
    marks: Mutex<Vec<(Named, Marks)>>,
    /// What is handed over once so many dead letters are written: those before the marks.
    withheld: Mutex<Option<(u64, Tick, Saved)>>,
    hand: Hand,
    /// Tells the other processes of a tick that is due.
    tell: Tell,
}

const NEVER: Tick = Tick::MAX;

impl Checkpointing {
    /// `newest`: the tick that is kept already, if one is; `hand`: takes what is saved; `first`: how
    /// long after one the next is begun, how many other processes save, and how they are told, where
    /// it is this one that chooses.
    pub(super) fn new(
        workers: usize,
        rules: &Rules,
        marks: Vec<(Named, Mark)>,
        newest: Option<Tick>,
        hand: Hand,
        first: Option<(Duration, usize, Tell)>,
    ) -> Self {
        let (every, others, tell) = match first {
            Some((every, others, tell)) => (Some(every), others, tell),
            None => (None, 0, Box::new(|_| ()) as Tell),
        };
        let marks = marks.into_iter().map(|(named, mark)| (named, Marks::at(mark)));
        Self {
            every,
            workers,
            others,
            rules: rules.clone(),
            begun: Mutex::new(Instant::now()),
            busy: AtomicBool::new(false),
            due: AtomicU64::new(NEVER),
            unsaved: AtomicUsize::new(0),
            saved: Mutex::new(newest.into_iter().map(|newest| (newest, workers)).collect()),
            marks: Mutex::new(marks.collect()),
            withheld: Mutex::new(None),
            hand,
            tell,
        }
    }

    /// The tick whose end is to be saved: none behind it may be closed for now.
    pub(super) fn due(&self) -> Option<Tick> {
        let due = self.due.load(Ordering::SeqCst);
        (due != NEVER).then_some(due)
    }

    /// Begins one where it is time, at the end of a tick that the caller holds open.
    pub(super) fn begin(&self, open: Tick) {
        let Some(every) = self.every else { return };
        let mut begun = lock(&self.begun);
        // Before the first record nothing has happened that could be kept.
        let is_new = open > lock(&self.saved).keys().next_back().copied().unwrap_or_default();
        if is_new && begun.elapsed() >= every && !self.busy.swap(true, Ordering::SeqCst) {
            *begun = Instant::now();
            self.take_up(open);
            (self.tell)(open);
        }
    }

    /// The end of this tick is to be saved.
    pub(super) fn take_up(&self, due: Tick) {
        self.unsaved.store(self.others + 1, Ordering::SeqCst);
        self.due.store(due, Ordering::SeqCst);
    }

    /// Takes what another process has saved. True: nothing waits for it any more.
    pub(super) fn take(&self, tick: Tick, saved: Saved) -> bool {
        let is_all = matches!(saved, Saved::Partitions { .. });
        (self.hand)(tick, saved);
        is_all && self.has_saved(tick)
    }

    /// A worker has saved its views at a tick's end. The last one takes the partitions' marks, which are
    /// for [`Checkpointing::hand_over`]; `letters_sent`: how many dead letters of this process are on
    /// their way or written.
    pub(super) fn save(&self, tick: Tick, pieces: Vec<Piece>, letters_sent: impl FnOnce() -> u64) {
        (self.hand)(tick, Saved::Views(pieces));
        let mut saved = lock(&self.saved);
        let workers = saved.entry(tick).or_default();
        *workers += 1;
        if *workers == self.workers {
            *saved = saved.split_off(&tick);
            let partitions = self.partitions(tick);
            *lock(&self.withheld) = Some((letters_sent(), tick, partitions));
        }
    }

    /// Hands the partitions' marks over once the dead letters before them are written: what is not read
    /// again must be durable. True: nothing waits for the checkpoint any more.
    pub(super) fn hand_over(&self, letters_written: impl FnOnce() -> u64) -> bool {
        let is_durable = |(letters, ..): &mut (u64, _, _)| letters_written() >= *letters;
        let handed = lock(&self.withheld).take_if(is_durable);
        let Some((_, tick, partitions)) = handed else { return false };
        (self.hand)(tick, partitions);
        self.has_saved(tick)
    }

    /// A process has saved all that it has to. True: it was the last one.
    fn has_saved(&self, tick: Tick) -> bool {
        let is_due = self.due() == Some(tick);
        let is_last = is_due && self.unsaved.fetch_sub(1, Ordering::SeqCst) == 1;
        if is_last {
            self.due.store(NEVER, Ordering::SeqCst);
        }
        is_last
    }

    /// It is written: the next may be begun.
    fn is_kept(&self) {
        self.busy.store(false, Ordering::SeqCst);
    }

    /// Takes in a partition that was found while running, and where it begins.
    pub(super) fn add(&self, named: Named, mark: Mark) {
        lock(&self.marks).push((named, Marks::at(mark)));
    }

    /// Where each partition is to be read from again where all up to a tick is kept, and what tells
    /// its stream from another.
    fn partitions(&self, tick: Tick) -> Saved {
        let (mut partitions, mut identities) = (BTreeMap::new(), BTreeMap::new());
        for ((name, identity), marks) in lock(&self.marks).iter_mut() {
            partitions.insert(name.clone(), marks.after(tick, self.rules.end_of(tick)));
            identities.extend(identity.clone().map(|identity| (name.clone(), identity)));
        }
        Saved::Partitions { marks: partitions, identities }
    }

    /// A worker takes up what a partition brought, while `open` is open.
    pub(super) fn mark(&self, partition: usize, step: Step, open: Tick) {
        lock(&self.marks)[partition].1.extend(step, open);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn marks_are_handed_over_once_the_dead_letters_before_them_are_written() {
        let handed = Arc::new(Mutex::new(Vec::new()));
        let hand: Hand = {
            let handed = Arc::clone(&handed);
            let are_marks = |saved: &Saved| matches!(saved, Saved::Partitions { .. });
            Box::new(move |tick, saved| lock(&handed).push((tick, are_marks(&saved))))
        };
        let new = |first| Checkpointing::new(2, &Rules::default(), Vec::new(), None, hand, first);
        let checkpointing = new(None);
        checkpointing.take_up(7);
        checkpointing.save(7, Vec::new(), || 4);
        assert!(!checkpointing.hand_over(|| 4), "the other worker has not saved");
        checkpointing.save(7, Vec::new(), || 5);
        assert!(!checkpointing.hand_over(|| 4));
        assert!(checkpointing.hand_over(|| 5), "nothing waits for it");
        assert!(!checkpointing.hand_over(|| 6), "once");
        assert_eq!(*lock(&handed), [(7, false), (7, false), (7, true)]);
    }
}
