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
//! | `gate` | who may read on, given what is in flight |
//! | `intake` | one partition: bytes to admitted rows, dead letters, a watermark |
//! | `pace` | how fast event time passes, where that is asked for |
//! | `drive` | the workers: rows in at their ticks, frontiers along the watermarks, until all is closed |
//! | `writer` | closed ticks to numbered, durable text |
//! | `checkpoint` | what a run needs to go on from the end of a tick |
//! | `fault` | where a test lets the process die |
//! | `observe` | what the views held at the end |

mod checkpoint;
mod drive;
mod fault;
mod gate;
mod intake;
mod observe;
mod pace;
mod writer;

pub use checkpoint::{Checkpoint, CheckpointError, Checkpoints, Keep, Mark, Store, StreamMark};
pub use gate::Limits;
pub use gridweaver_dataflows::planner::{Course, Moment, RegionMoment};
pub use intake::Reading;
pub use observe::{CutOff, Observed};
pub use pace::Pace;
pub use writer::{Latencies, Output, Recorded, Tally, Written};

use checkpoint::{Checkpointing, Kept, Marks};
use crossbeam_channel::Sender;
use gate::Gate;
use gridweaver_connectors::{Sink, SinkError, Source, SourceError};
use gridweaver_dataflows::admission::Partition;
use gridweaver_model::{Rules, Tick, Time};
use intake::Intake;
use observe::{Seen, Wanted};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use writer::Writer;

/// What the engine is to do.
pub struct Job {
    /// What decides.
    pub rules: Rules,
    /// The partitions.
    pub sources: Vec<Box<dyn Source>>,
    /// Where decisions go.
    pub outputs: Vec<Output>,
    /// Where dead letters go.
    pub dead_letters: Option<Box<dyn Sink>>,
    /// Timely workers.
    pub workers: usize,
    /// What may be in flight.
    pub limits: Limits,
    /// Longer records are refused.
    pub record_bytes_max: usize,
    /// Ticks from here on stay open; `None`: all that can be closed is.
    pub open_from: Option<Tick>,
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

/// How far a run has come.
#[derive(Debug, Default)]
pub struct Watch {
    /// Records read.
    pub records: AtomicU64,
    /// Bytes read, on the scale of the sources' totals.
    pub bytes: AtomicU64,
    /// The end of the newest durable tick, in ms since the epoch.
    pub tick_end_ms: AtomicU64,
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
    /// The first tick that a checkpoint does not hold.
    pub(crate) first_open: Tick,
    checkpointing: Option<Checkpointing>,
    /// Dead letters of earlier ticks were written before.
    pub(crate) letters_from: Tick,
}

impl Shared {
    /// The first tick that must stay open for now.
    pub(crate) fn limit(&self) -> Tick {
        let horizon = if self.finite { self.horizon.load(Ordering::SeqCst) } else { Tick::MAX };
        horizon.min(self.open_from.unwrap_or(Tick::MAX))
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
    let names: Vec<String> = job.sources.iter().map(|source| source.name().to_owned()).collect();
    let marks = beginnings(&names, job.restored.as_deref(), &job.rules);
    let (to_keeper, for_keeper) = crossbeam_channel::unbounded();
    let shared = Arc::new(shared(&job, &marks, to_keeper.clone()));
    let (to_writer, for_writer) = crossbeam_channel::unbounded();
    let restored = job.restored.as_deref();
    let writer = Writer::new(job.outputs, job.dead_letters, restored, Arc::clone(&shared));
    let (deliveries, inlets) = drive::inlets(job.workers, job.sources.len(), job.restored.as_ref());
    // From here on the workers alone hold it, until their views have taken their shares.
    drop(job.restored);
    let writing = spawn("writer", move || writer.run(&for_writer))?;
    let keeping = job.checkpoints.map(|checkpoints| {
        let shared = Arc::clone(&shared);
        spawn("keeper", move || checkpoint::keep(checkpoints.keep, &names, &shared, &for_keeper))
    });
    let keeping = keeping.transpose()?;
    let mut intakes = Vec::new();
    for ((partition, source), mark) in job.sources.into_iter().enumerate().zip(marks) {
        let intake = Intake {
            partition,
            source,
            shared: Arc::clone(&shared),
            delivery: deliveries[partition % job.workers].clone(),
            letters: to_writer.clone(),
            record_bytes_max: job.record_bytes_max,
            pace: job.pace.clone(),
            mark,
        };
        intakes.push(spawn(&format!("intake-{partition}"), move || intake.run())?);
    }
    let wanted = Wanted { observed: job.observed, course: job.course };
    let seen = drive::drive(job.workers, inlets, wanted, to_writer, &shared)?;
    let outcome = finish(&shared, intakes, writing, seen);
    // The keeper may have gone already, with an error of its own.
    let _ = to_keeper.send(Kept::End);
    if let Some(keeping) = keeping {
        keeping.join().map_err(|_| EngineError::Panicked("keeper"))??;
    }
    outcome
}

/// Where each partition begins: at its mark; one that a checkpoint does not know brings nothing to
/// ticks that it holds.
fn beginnings(names: &[String], restored: Option<&Checkpoint>, rules: &Rules) -> Vec<Mark> {
    let Some(restored) = restored else { return vec![Mark::default(); names.len()] };
    let partition = Partition::default().closed_before(rules.end_of(restored.views.tick));
    let unknown = Mark { partition, ..Mark::default() };
    let mark = |name| restored.partitions.get(name).unwrap_or(&unknown).clone();
    names.iter().map(mark).collect()
}

fn shared(job: &Job, marks: &[Mark], to_keeper: Sender<Kept>) -> Shared {
    let rules = job.rules.clone();
    let first_open = job.restored.as_ref().map_or(0, |checkpoint| checkpoint.views.tick + 1);
    let watermark = |mark: &Mark| mark.partition.tick(&rules).max(first_open);
    let last_written = job.outputs.iter().filter_map(|output| output.recorded.last).max();
    let checkpointing = job.checkpoints.as_ref().map(|checkpoints| {
        let marks = marks.iter().cloned().map(Marks::at).collect();
        let newest = first_open.saturating_sub(1);
        Checkpointing::new(checkpoints.every, job.workers, marks, newest, to_keeper)
    });
    Shared {
        gate: Gate::new(marks.iter().map(watermark).collect(), job.limits),
        finite: job.sources.iter().all(|source| source.is_finite()),
        reading: AtomicU64::new(job.sources.len() as u64),
        horizon: AtomicU64::new(first_open),
        stop: Arc::clone(&job.stop),
        progress: Arc::clone(&job.progress),
        open_from: job.open_from,
        first_open,
        checkpointing,
        letters_from: last_written.map_or(0, |end| rules.tick_of(end)),
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

type IntakeThread = thread::JoinHandle<Result<Reading, SourceError>>;
type WriterThread = thread::JoinHandle<Result<Written, EngineError>>;

/// Gathers what the threads leave. The writer's error comes first: a sink that fails stops all.
fn finish(
    shared: &Shared,
    intakes: Vec<IntakeThread>,
    writing: WriterThread,
    seen: Seen,
) -> Result<Outcome, EngineError> {
    let mut outcome =
        Outcome { observed: seen.observed, course: seen.course, ..Outcome::default() };
    let mut failed = None;
    for intake in intakes {
        match intake.join().map_err(|_| EngineError::Panicked("intake"))? {
            Ok(reading) => outcome.reading.add(&reading),
            Err(error) => failed = Some(error),
        }
    }
    outcome.written = writing.join().map_err(|_| EngineError::Panicked("writer"))??;
    if let Some(error) = failed {
        return Err(error.into());
    }
    outcome.read_now = shared.progress.records.load(Ordering::SeqCst);
    outcome.stopped = shared.stop.load(Ordering::SeqCst);
    outcome.last_tick = shared.target().checked_sub(1);
    Ok(outcome)
}
