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

pub(super) use keeper::{Kept, keep};

use marks::Marks;

use super::choices::{Choices, Chosen};
use super::writer::Tally;
use crossbeam_channel::Sender;
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

/// Makes a checkpoint durable; returns its size in bytes.
pub type Keep = Box<dyn FnMut(&Checkpoint) -> Result<u64, CheckpointError> + Send>;

/// What the threads of a run share to take one.
pub(super) struct Checkpointing {
    every: Duration,
    workers: usize,
    begun: Mutex<Instant>,
    /// Whether one is being taken or written.
    busy: AtomicBool,
    /// The tick whose end is to be saved; [`NEVER`]: none.
    due: AtomicU64,
    /// Workers that have not saved it yet.
    unsaved: AtomicUsize,
    /// The newest tick saved.
    newest: AtomicU64,
    marks: Mutex<Vec<(Named, Marks)>>,
    to_keeper: Sender<Kept>,
}

const NEVER: Tick = Tick::MAX;

impl Checkpointing {
    pub(super) fn new(
        every: Duration,
        workers: usize,
        marks: Vec<(Named, Mark)>,
        newest: Tick,
        to_keeper: Sender<Kept>,
    ) -> Self {
        Self {
            every,
            workers,
            begun: Mutex::new(Instant::now()),
            busy: AtomicBool::new(false),
            due: AtomicU64::new(NEVER),
            unsaved: AtomicUsize::new(0),
            newest: AtomicU64::new(newest),
            marks: Mutex::new(
                marks.into_iter().map(|(named, mark)| (named, Marks::at(mark))).collect(),
            ),
            to_keeper,
        }
    }

    /// The tick whose end is to be saved: none behind it may be closed for now.
    pub(super) fn due(&self) -> Option<Tick> {
        let due = self.due.load(Ordering::SeqCst);
        (due != NEVER).then_some(due)
    }

    /// Begins one where it is time, at the end of a tick that the caller holds open.
    pub(super) fn begin(&self, open: Tick) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = begun.elapsed() >= self.every && open > self.newest.load(Ordering::SeqCst);
        if is_time && !self.busy.swap(true, Ordering::SeqCst) {
            *begun = Instant::now();
            self.unsaved.store(self.workers, Ordering::SeqCst);
            self.due.store(open, Ordering::SeqCst);
        }
    }

    /// A worker has saved its views at a tick's end. True: it was the last one.
    pub(super) fn save(&self, tick: Tick, pieces: Vec<Piece>) -> bool {
        self.newest.fetch_max(tick, Ordering::SeqCst);
        // The keeper is gone only where the run has failed.
        let _ = self.to_keeper.send(Kept::Pieces(tick, pieces));
        let is_due = self.due() == Some(tick);
        let is_last = is_due && self.unsaved.fetch_sub(1, Ordering::SeqCst) == 1;
        if is_last {
            self.due.store(NEVER, Ordering::SeqCst);
        }
        is_last
    }

    /// The writer has made all up to a tick's end durable.
    pub(super) fn written(&self, tick: Tick, written: WrittenUpTo) {
        let _ = self.to_keeper.send(Kept::Written(tick, Box::new(written)));
    }

    /// Takes in a partition that was found while running, and where it begins.
    pub(super) fn add(&self, named: Named, mark: Mark) {
        self.lock_marks().push((named, Marks::at(mark)));
    }

    /// What was chosen before the run began, by partition.
    fn chosen(&self) -> BTreeMap<String, Chosen> {
        let marks = self.lock_marks();
        let chosen = marks.iter().map(|((name, _), marks)| (name.clone(), marks.begun_with()));
        chosen.collect()
    }

    /// Where each partition is to be read from again where all up to a tick is kept, and what tells
    /// its stream from another. What was chosen before there is forgotten.
    fn marks_after(
        &self,
        tick: Tick,
        chosen: &mut BTreeMap<String, Chosen>,
        rules: &Rules,
    ) -> (BTreeMap<String, Mark>, BTreeMap<String, String>) {
        let (mut partitions, mut identities) = (BTreeMap::new(), BTreeMap::new());
        for ((name, identity), marks) in self.lock_marks().iter_mut() {
            let mut mark = marks.after(tick, rules.end_of(tick));
            let own = chosen.entry(name.clone()).or_default();
            own.forget_before(mark.position);
            mark.chosen = own.clone();
            partitions.insert(name.clone(), mark);
            identities.extend(identity.clone().map(|identity| (name.clone(), identity)));
        }
        (partitions, identities)
    }

    /// A partition was read on.
    pub(super) fn mark(&self, partition: usize, jumps: Vec<(Tick, Mark)>, latest: Mark) {
        self.lock_marks()[partition].1.extend(jumps, latest);
    }

    fn lock_marks(&self) -> MutexGuard<'_, Vec<(Named, Marks)>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
