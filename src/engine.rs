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
//! | `observe` | what the views held at the end |

mod drive;
mod gate;
mod intake;
mod observe;
mod pace;
mod writer;

pub use gate::Limits;
pub use gridweaver_dataflows::planner::{Course, Moment, RegionMoment};
pub use intake::Reading;
pub use observe::{CutOff, Observed};
pub use pace::Pace;
pub use writer::{Latencies, Output, Written};

use gate::Gate;
use gridweaver_connectors::{Sink, SinkError, Source, SourceError};
use gridweaver_model::{Rules, Tick};
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
    /// What the partitions brought, added up.
    pub reading: Reading,
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
    let shared = Arc::new(Shared {
        gate: Gate::new(job.sources.len(), job.limits),
        finite: job.sources.iter().all(|source| source.is_finite()),
        reading: AtomicU64::new(job.sources.len() as u64),
        horizon: AtomicU64::new(0),
        stop: Arc::clone(&job.stop),
        progress: job.progress,
        open_from: job.open_from,
        rules: job.rules,
    });
    let (to_writer, for_writer) = crossbeam_channel::unbounded();
    let (deliveries, inlets) = drive::inlets(job.workers, job.sources.len());
    let writer = Writer::new(job.outputs, job.dead_letters, Arc::clone(&shared));
    let writing = thread::Builder::new().name("writer".into());
    let writing = writing.spawn(move || writer.run(&for_writer));
    let writing = writing.map_err(|error| EngineError::Workers(error.to_string()))?;
    let mut intakes = Vec::new();
    for (partition, source) in job.sources.into_iter().enumerate() {
        let intake = Intake {
            partition,
            source,
            shared: Arc::clone(&shared),
            delivery: deliveries[partition % job.workers].clone(),
            letters: to_writer.clone(),
            record_bytes_max: job.record_bytes_max,
            pace: job.pace.clone(),
        };
        let thread = thread::Builder::new().name(format!("intake-{partition}"));
        let thread = thread.spawn(move || intake.run());
        intakes.push(thread.map_err(|error| EngineError::Workers(error.to_string()))?);
    }
    let wanted = Wanted { observed: job.observed, course: job.course };
    let seen = drive::drive(job.workers, inlets, wanted, to_writer, &shared)?;
    finish(&shared, intakes, writing, seen)
}

type IntakeThread = thread::JoinHandle<Result<Reading, SourceError>>;
type WriterThread = thread::JoinHandle<Result<Written, SinkError>>;

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
    outcome.stopped = shared.stop.load(Ordering::SeqCst);
    outcome.last_tick = shared.target().checked_sub(1);
    Ok(outcome)
}
