//! The engine: partitions in, decisions out, nobody ahead of the probe.
//!
//! ```text
//!  one thread a partition        timely workers              one writer thread
//!  read ▸ decode ▸ admit ──────▶ the dataflow ──────────────▶ number ▸ append ▸ make durable
//!        ▲                        frontier = watermarks                     │
//!        └──────────────── gate: records in flight ◀────────────────────────┘
//! ```
//!
//! | file | one idea |
//! | --- | --- |
//! | `frontier` | where event time stands, and who is passed over |
//! | `gate` | who may read on, given what is in flight |
//! | `start` | partitions set to be read, also those found while running |
//! | `intake` | one partition: bytes to admitted rows, dead letters, a watermark |
//! | `silence` | whether a live partition is silent |
//! | `choices` | what the wall clock chose, written and repeated |
//! | `pace` | how fast event time passes, where that is asked for |
//! | `drive` | the workers: rows in at their ticks, frontiers along the watermarks, until all is closed |
//! | `letters` | dead letters to the outputs that take them |
//! | `writer` | closed ticks to numbered, durable text |
//! | `checkpoint` | what a run needs to go on from the end of a tick |
//! | `board` | how a run stands, for whoever watches |
//! | `watchdog` | event time that stands still is told |
//! | `fault` | where a test lets the process die |
//! | `observe` | what the views held at the end |

mod board;
mod checkpoint;
mod choices;
mod drive;
mod fault;
mod frontier;
mod gate;
mod intake;
mod letters;
mod observe;
mod pace;
mod silence;
mod start;
mod watchdog;
mod writer;

pub use board::{Board, CheckpointBoard, LATENCY_BOUNDS_S, LatencyBoard, PartitionBoard, Watch};
pub use checkpoint::{
    Beginning, Beginnings, Checkpoint, CheckpointError, Checkpoints, Keep, Mark, Store, StreamMark,
};
pub use choices::{Choices, Chosen, by_partition};
pub use gate::Limits;
pub use gridweaver_dataflows::planner::{Course, Moment, RegionMoment};
pub use intake::Reading;
pub use letters::DeadLetters;
pub use observe::{CutOff, Observed};
pub use pace::Pace;
pub use silence::Live;
pub(crate) use silence::now;
pub use start::Discover;
pub use writer::{Output, Recorded, Tally, Written};

use checkpoint::{Checkpointing, Kept, Named};
use crossbeam_channel::Sender;
use gate::Gate;
use gridweaver_connectors::{SinkError, Source, SourceError};
use gridweaver_dataflows::admission::Partition;
use gridweaver_model::decision::PassedOver;
use gridweaver_model::{Rules, Tick, Time};
use observe::{Seen, Wanted};
use start::{IntakeThread, Starter, join};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use writer::Writer;

/// What the engine is to do.
pub struct Job {
    /// What decides.
    pub rules: Rules,
    /// The partitions.
    pub sources: Vec<Box<dyn Source>>,
    /// Finds partitions that come to be while it runs.
    pub discover: Option<Discover>,
    /// Where decisions go.
    pub outputs: Vec<Output>,
    /// Where dead letters go.
    pub dead_letters: Vec<DeadLetters>,
    /// Timely workers.
    pub workers: usize,
    /// What may be in flight.
    pub limits: Limits,
    /// Longer records are refused.
    pub record_bytes_max: usize,
    /// Ticks from here on stay open; `None`: all that can be closed is.
    pub open_from: Option<Tick>,
    /// What the wall clock decides about partitions that may bring more for ever.
    pub live: Option<Live>,
    /// What the wall clock chose before, by the ends of the ticks that depend on it.
    pub chosen: BTreeMap<Time, Choices>,
    /// What to go on from. Sources must have been opened at its marks.
    pub restored: Option<Arc<Checkpoint>>,
    /// Whether and how often to take checkpoints; also one at the end.
    pub checkpoints: Option<Checkpoints>,
    /// How fast event time passes; `None`: as fast as can be.
    pub pace: Option<Pace>,
    /// Whether to keep and return the state of all views.
    pub observed: bool,
    /// Whether to keep and return how balances and orders went over time.
    pub course: bool,
    /// Raised from outside to end early: what was decided is written, the open tick is not decided.
    pub stop: Arc<AtomicBool>,
    /// How far it has come, for whoever watches.
    pub progress: Arc<Watch>,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What the partitions brought, added up; earlier runs that this one goes on from included.
    pub reading: Reading,
    /// Records read in this run alone.
    pub read_now: u64,
    /// What was written.
    pub written: Written,
    /// The last tick that was closed and held records, if any was.
    pub last_tick: Option<Tick>,
    /// What the views held at the end, where asked for.
    pub observed: Option<Observed>,
    /// How balances and orders went over time, where asked for.
    pub course: Option<Course>,
    /// Whether it was ended early from outside.
    pub stopped: bool,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A partition.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// An output.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// What was decided again is not what was written.
    #[error(
        "{sink} holds other records of the tick that ends at {tick} than are decided now: its input, its configuration or the program has changed; nothing was written"
    )]
    Diverged {
        /// The output.
        sink: String,
        /// The tick's end.
        tick: Time,
    },
    /// Timely could not start.
    #[error("the dataflow workers could not start: {0}")]
    Workers(String),
    /// A thread of ours ended in a way that is a bug.
    #[error(
        "a bug in the engine: its {0} thread panicked; the output up to the last tick_closed is whole"
    )]
    Panicked(&'static str),
}

/// What the threads of a run share.
pub(crate) struct Shared {
    pub(crate) rules: Rules,
    pub(crate) gate: Gate,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) progress: Arc<Watch>,
    pub(crate) open_from: Option<Tick>,
    /// One more than the greatest tick that a record was admitted to.
    pub(crate) horizon: AtomicU64,
    /// Whether every source has an end: then no tick past the horizon is decided.
    pub(crate) finite: bool,
    /// Partitions still being read.
    pub(crate) reading: AtomicU64,
    /// Whether all that was asked for is closed, though more could be read.
    pub(crate) is_closed: AtomicBool,
    /// The first tick that a checkpoint does not hold.
    pub(crate) first_open: Tick,
    checkpointing: Option<Checkpointing>,
    /// The first tick that no output holds: dead letters of earlier ones were written before.
    pub(crate) first_unwritten: Tick,
    /// Whether an output goes on from ticks of an earlier run.
    pub(crate) goes_on: bool,
    /// Whether somebody may watch how it stands.
    pub(crate) is_watched: bool,
    /// The partitions' names.
    names: Mutex<Vec<String>>,
}

impl Shared {
    /// The first tick that must stay open for now.
    pub(crate) fn limit(&self) -> Tick {
        let horizon = if self.finite { self.horizon.load(Ordering::SeqCst) } else { Tick::MAX };
        horizon.min(self.open_from.unwrap_or(Tick::MAX))
    }

    /// Whether nothing more is to be read.
    pub(crate) fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst) || self.is_closed.load(Ordering::SeqCst)
    }

    /// Whoever failed stops all others.
    pub(crate) fn fail(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.gate.wake();
    }

    /// One more partition is to be read.
    pub(crate) fn join(&self) {
        self.reading.fetch_add(1, Ordering::SeqCst);
    }

    /// Takes in a partition that was found while running; returns its number.
    fn add(&self, named: Named, mark: Mark) -> usize {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.push(named.0.clone());
        if let Some(checkpointing) = &self.checkpointing {
            checkpointing.add(named, mark);
        }
        names.len() - 1
    }

    /// The partitions' names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A partition is read no more. Where it was the last one, event time comes to rest.
    pub(crate) fn leave(&self) {
        if self.reading.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.gate.rest();
        }
    }

    /// Ends the reading of streams without an end once all that was asked for is closed.
    pub(crate) fn end_where_closed(&self) {
        if !self.finite && self.open_from.is_some_and(|open| self.gate.least() >= open) {
            self.is_closed.store(true, Ordering::SeqCst);
            self.gate.wake();
        }
    }

    /// Whom a closed tick was closed without.
    pub(crate) fn passed_over(&self, closed: Tick) -> Vec<PassedOver> {
        let names = self.names();
        let told = self.gate.tell(closed).into_iter().map(|told| PassedOver {
            partition: names[told.partition].clone(),
            position: told.position,
            tick: self.rules.end_of(told.tick),
        });
        let mut told: Vec<PassedOver> = told.collect();
        told.sort_by(|a, b| (&a.partition, a.position).cmp(&(&b.partition, b.position)));
        told
    }

    /// A partition's name.
    pub(crate) fn name_of(&self, partition: usize) -> String {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)[partition].clone()
    }

    /// Whether no more can be closed once the frontier is at [`Shared::target`].
    pub(crate) fn is_read_out(&self) -> bool {
        self.reading.load(Ordering::SeqCst) == 0
    }

    /// Where the frontier comes to rest when nothing more is read.
    pub(crate) fn target(&self) -> Tick {
        self.gate.least().min(self.limit())
    }
}

/// Runs a job to its end.
///
/// # Errors
/// Where a source or sink fails. What was committed until then is whole up to its last
/// `dispatch.tick_closed`.
pub fn run(job: Job) -> Result<Outcome, EngineError> {
    let marks = beginnings(&job);
    let (to_keeper, for_keeper) = crossbeam_channel::unbounded();
    let shared = Arc::new(shared(&job, &marks, to_keeper.clone()));
    let (to_writer, for_writer) = crossbeam_channel::unbounded();
    let restored = job.restored.as_deref();
    let chosen = job.chosen;
    let writer = Writer::new(job.outputs, job.dead_letters, chosen, restored, Arc::clone(&shared));
    let begins: Vec<Tick> =
        marks.iter().map(|mark| begin(mark, &shared.rules, shared.first_open)).collect();
    let (deliveries, inlets) = drive::inlets(job.workers, &begins, job.restored.as_ref());
    // From here on the workers alone hold it, until their views have taken their shares.
    drop(job.restored);
    let writing = spawn("writer", move || writer.run(&for_writer))?;
    let keeping = job.checkpoints.map(|checkpoints| {
        let shared = Arc::clone(&shared);
        spawn("keeper", move || checkpoint::keep(checkpoints.keep, &shared, &for_keeper))
    });
    let keeping = keeping.transpose()?;
    let starter = Starter {
        shared: Arc::clone(&shared),
        deliveries,
        letters: to_writer.clone(),
        record_bytes_max: job.record_bytes_max,
        pace: job.pace,
        live: job.live,
    };
    let mut intakes = Vec::new();
    for ((partition, source), mark) in job.sources.into_iter().enumerate().zip(marks) {
        intakes.push(starter.start(partition, source, mark, false)?);
    }
    let discovering = job.discover.map(|mut find| {
        let starter = starter.clone();
        spawn("discovery", move || starter.discover(&mut find))
    });
    let discovering = discovering.transpose()?;
    drop(starter);
    let watching = job.live.map(|live| {
        shared.progress.lock().is_running = true;
        let shared = Arc::clone(&shared);
        spawn("watchdog", move || watchdog::watch(&shared, live.stalled_after))
    });
    let watching = watching.transpose()?;
    let wanted = Wanted { observed: job.observed, course: job.course };
    let seen = drive::drive(job.workers, inlets, wanted, to_writer, &shared)?;
    let outcome = finish(&shared, intakes, discovering, writing, seen);
    if let Some(watching) = watching {
        watching.join().map_err(|_| EngineError::Panicked("watchdog"))?;
    }
    // The keeper may have gone already, with an error of its own.
    let _ = to_keeper.send(Kept::End);
    if let Some(keeping) = keeping {
        keeping.join().map_err(|_| EngineError::Panicked("keeper"))??;
    }
    outcome
}

/// Where each partition begins: at its mark; one that a checkpoint does not know brings nothing to
/// ticks that it holds. What was chosen of it later is repeated.
fn beginnings(job: &Job) -> Vec<Mark> {
    let restored = job.restored.as_deref();
    let kept = restored.map(|restored| job.rules.end_of(restored.views.tick));
    let unknown = kept.map_or_else(Mark::default, |end| Mark {
        partition: Partition::default().closed_before(end),
        ..Mark::default()
    });
    let chosen = by_partition(job.chosen.values());
    let begins = job.sources.iter().map(|source| {
        let known = restored.and_then(|restored| restored.partitions.get(source.name()));
        let mut mark = known.unwrap_or(&unknown).clone();
        mark.position = mark.position.max(source.position());
        if let Some(chosen) = chosen.get(source.name()) {
            mark.chosen.join(chosen);
        }
        mark
    });
    begins.collect()
}

/// The tick in which a partition's watermark stands at its mark.
fn begin(mark: &Mark, rules: &Rules, first_open: Tick) -> Tick {
    mark.partition.tick(rules).max(first_open)
}

fn shared(job: &Job, marks: &[Mark], to_keeper: Sender<Kept>) -> Shared {
    let rules = job.rules.clone();
    let named = |source: &dyn Source| -> Named {
        (source.name().to_owned(), source.identity().map(str::to_owned))
    };
    let names: Vec<Named> = job.sources.iter().map(|source| named(&**source)).collect();
    let clock_rules = rules.clone();
    let clock = move || clock_rules.tick_of(Time(silence::now().0 - clock_rules.lateness.0));
    let last_chosen = job.chosen.last_key_value().map_or(0, |(end, _)| rules.tick_of(*end));
    let first_open = job.restored.as_ref().map_or(0, |checkpoint| checkpoint.views.tick + 1);
    let begins = marks.iter().map(|mark| begin(mark, &rules, first_open)).collect();
    let last_written = job.outputs.iter().filter_map(|output| output.recorded.last).max();
    let checkpointing = job.checkpoints.as_ref().map(|checkpoints| {
        let marks = names.iter().cloned().zip(marks.iter().cloned()).collect();
        let newest = first_open.saturating_sub(1);
        Checkpointing::new(checkpoints.every, job.workers, marks, newest, to_keeper)
    });
    Shared {
        gate: Gate::new(begins, job.limits, Box::new(clock)),
        finite: job.sources.iter().all(|source| source.is_finite()),
        reading: AtomicU64::new(job.sources.len() as u64 + u64::from(job.discover.is_some())),
        // What was closed before is closed again, also where it was the clock that closed it.
        horizon: AtomicU64::new(first_open.max(last_chosen)),
        stop: Arc::clone(&job.stop),
        progress: Arc::clone(&job.progress),
        open_from: job.open_from,
        first_open,
        checkpointing,
        is_closed: AtomicBool::new(false),
        first_unwritten: last_written.map_or(0, |end| rules.tick_of(end)),
        goes_on: last_written.is_some(),
        is_watched: job.live.is_some(),
        names: Mutex::new(names.into_iter().map(|(name, _)| name).collect()),
        rules,
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<thread::JoinHandle<T>, EngineError> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map_err(|error| EngineError::Workers(error.to_string()))
}

type DiscoveryThread = thread::JoinHandle<Result<Reading, EngineError>>;
type WriterThread = thread::JoinHandle<Result<Written, EngineError>>;

/// Gathers what the threads leave. The writer's error comes first: a sink that fails stops all.
fn finish(
    shared: &Shared,
    intakes: Vec<IntakeThread>,
    discovering: Option<DiscoveryThread>,
    writing: WriterThread,
    seen: Seen,
) -> Result<Outcome, EngineError> {
    let mut outcome =
        Outcome { observed: seen.observed, course: seen.course, ..Outcome::default() };
    let mut failed = None;
    for intake in intakes {
        match join(intake) {
            Ok(reading) => outcome.reading.add(&reading),
            Err(error) => failed = Some(error),
        }
    }
    if let Some(discovering) = discovering {
        match discovering.join().map_err(|_| EngineError::Panicked("discovery"))? {
            Ok(reading) => outcome.reading.add(&reading),
            Err(error) => failed = Some(error),
        }
    }
    outcome.written = writing.join().map_err(|_| EngineError::Panicked("writer"))??;
    if let Some(error) = failed {
        return Err(error);
    }
    outcome.read_now = shared.progress.records.load(Ordering::SeqCst);
    outcome.stopped = shared.stop.load(Ordering::SeqCst);
    outcome.last_tick = shared.target().checked_sub(1);
    Ok(outcome)
}
