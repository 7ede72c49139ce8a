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
//! | `cluster` | several processes as one engine: what each reads, and how they meet |
//! | `council` | what the processes say to one another besides rows |
//! | `frontier` | where event time stands, and who is passed over |
//! | `gate` | who may read on, given what is in flight |
//! | `shared` | what the threads of a process share |
//! | `start` | partitions set to be read, also those found while running |
//! | `intake` | one partition: bytes to admitted rows, dead letters, a watermark |
//! | `silence` | whether a live partition is silent |
//! | `choices` | what the wall clock chose, written and repeated |
//! | `inlet` | the way into the dataflow, each partition under its own capability |
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
mod cluster;
mod council;
mod drive;
mod fault;
mod frontier;
mod gate;
mod inlet;
mod intake;
mod letters;
mod observe;
mod pace;
mod shared;
mod silence;
mod start;
mod watchdog;
mod writer;

pub use board::{Board, CheckpointBoard, LATENCY_BOUNDS_S, LatencyBoard, PartitionBoard, Watch};
pub use checkpoint::{
    Beginning, Beginnings, Checkpoint, CheckpointError, Checkpoints, Keep, Mark, Store, StreamMark,
};
pub use choices::{Choices, Chosen, by_partition};
pub use cluster::{Cluster, ClusterError, Network};
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

use checkpoint::{Keeping, Kept};
use council::{Council, Gathered, Mouth};
use drive::Part;
use gridweaver_connectors::{SinkError, Source, SourceError};
use gridweaver_dataflows::admission::Partition;
use gridweaver_model::{Rules, Tick, Time};
use inlet::{Activators, inlets};
use observe::{Seen, Wanted};
use shared::Shared;
use start::{IntakeThread, Starter, join};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// The end of the last tick that an output holds from before.
    pub written: Option<Time>,
    /// What to go on from. Sources must have been opened at its marks.
    pub restored: Option<Arc<Checkpoint>>,
    /// Whether and how often to take checkpoints; also one at the end.
    pub checkpoints: Option<Checkpoints>,
    /// The other processes, where several are one engine: each is given its own partitions; outputs,
    /// dead letters and checkpoints are the first one's.
    pub peers: Option<Peers>,
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

impl Job {
    /// A job that reads sources, with one worker, and has nowhere to write to yet.
    #[must_use]
    pub fn new(
        rules: Rules,
        sources: Vec<Box<dyn Source>>,
        limits: Limits,
        record_bytes_max: usize,
    ) -> Self {
        Self {
            rules,
            sources,
            discover: None,
            outputs: Vec::new(),
            dead_letters: Vec::new(),
            workers: 1,
            limits,
            record_bytes_max,
            open_from: None,
            live: None,
            chosen: BTreeMap::new(),
            written: None,
            restored: None,
            checkpoints: None,
            peers: None,
            pace: None,
            observed: false,
            course: false,
            stop: Arc::default(),
            progress: Arc::default(),
        }
    }
}

/// What makes a process one of several.
pub struct Peers {
    /// Which one it is.
    pub cluster: Cluster,
    /// Its connections.
    pub network: Network,
    /// Whether all sources of all processes have an end.
    pub finite: bool,
    /// Whether checkpoints are taken.
    pub keeps: bool,
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
    /// Another process of the cluster failed.
    #[error(
        "process {0} has failed, see what it says: all have stopped; start them again together"
    )]
    Peer(usize),
    /// A thread of ours ended in a way that is a bug.
    #[error(
        "a bug in the engine: its {0} thread panicked; the output up to the last tick_closed is whole"
    )]
    Panicked(&'static str),
}

/// Runs a job to its end.
///
/// # Errors
/// Where a source or sink fails. What was committed until then is whole up to its last
/// `dispatch.tick_closed`.
pub fn run(job: Job) -> Result<Outcome, EngineError> {
    let marks = beginnings(&job);
    let (to_keeper, for_keeper) = crossbeam_channel::unbounded();
    let activators = Activators::default();
    let (council, mouth) = council(&job, &activators);
    let shared = Arc::new(Shared::new(&job, &marks, council, &to_keeper));
    let (to_writer, for_writer) = crossbeam_channel::unbounded();
    let restored = job.restored.as_deref();
    let kept = chosen_before(restored, &job.chosen);
    let writes = job.peers.as_ref().is_none_or(|peers| peers.cluster.is_first());
    let writer = writes.then(|| {
        let to_keeper = job.checkpoints.is_some().then(|| to_keeper.clone());
        let (outputs, letters, shared) = (job.outputs, job.dead_letters, Arc::clone(&shared));
        Writer::new(outputs, letters, job.chosen, restored, to_keeper, shared)
    });
    let begins: Vec<Tick> =
        marks.iter().map(|mark| begin(mark, &shared.rules, shared.first_open)).collect();
    let (deliveries, inlets) = inlets(job.workers, &begins, job.restored.as_ref(), &activators);
    // From here on the workers alone hold it, until their views have taken their shares.
    drop(job.restored);
    let writing = writer.map(|writer| spawn("writer", move || writer.run(&for_writer)));
    let writing = writing.transpose()?;
    let (network, processes) = match job.peers {
        Some(Peers { cluster, network, .. }) => (Some(network), cluster.hosts.len()),
        None => (None, 1),
    };
    let keeping = job.checkpoints.map(|checkpoints| {
        let shared = Arc::clone(&shared);
        let (keep, workers) = (checkpoints.keep, job.workers * processes);
        let keeping = Keeping { keep, workers, processes, chosen: kept };
        spawn("keeper", move || checkpoint::keep(keeping, &shared, &for_keeper))
    });
    let keeping = keeping.transpose()?;
    let starter = Starter {
        shared: Arc::clone(&shared),
        deliveries,
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
    let mut mouth = mouth;
    let parts = inlets.into_iter().map(|inlet| Part { inlet, mouth: mouth.take() }).collect();
    let seen = drive::drive(network, parts, wanted, to_writer, &shared)?;
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

/// What was chosen before the run, by partition: of those that a checkpoint knows, from its marks on.
fn chosen_before(
    restored: Option<&Checkpoint>,
    written: &BTreeMap<Time, Choices>,
) -> BTreeMap<String, Chosen> {
    let mut chosen = by_partition(written.values());
    for (name, mark) in restored.iter().flat_map(|restored| &restored.partitions) {
        chosen.entry(name.clone()).or_default().join(&mark.chosen);
    }
    chosen
}

/// This process among the others, where there are any.
fn council(job: &Job, activators: &Activators) -> (Option<Arc<Council>>, Option<Mouth>) {
    let Some(Peers { cluster, .. }) = &job.peers else { return (None, None) };
    let processes = cluster.hosts.len();
    let (council, mouth) =
        Council::new(cluster.process, processes, job.workers, activators.clone());
    (Some(Arc::new(council)), Some(mouth))
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
    let untold: Vec<Choices> = restored.map(untold_choices).unwrap_or_default();
    let chosen = by_partition(job.chosen.values().chain(&untold));
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

/// What the ticks of a checkpoint depend on of what was chosen, and none of them told.
fn untold_choices(restored: &Checkpoint) -> Vec<Choices> {
    let untold = restored.views.untold();
    let untold = untold.map(|untold| untold.of(restored.views.tick, &restored.rules));
    untold.map(|(passed_over, refused)| Choices { passed_over, refused }).collect()
}

/// The tick in which a partition's watermark stands at its mark.
fn begin(mark: &Mark, rules: &Rules, first_open: Tick) -> Tick {
    mark.partition.tick(rules).max(first_open)
}

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<thread::JoinHandle<T>, EngineError> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map_err(|error| EngineError::Workers(error.to_string()))
}

type DiscoveryThread = thread::JoinHandle<Result<(), EngineError>>;
type WriterThread = thread::JoinHandle<Result<Written, EngineError>>;

/// Gathers what the threads leave. The writer's error comes first: a sink that fails stops all.
fn finish(
    shared: &Shared,
    intakes: Vec<IntakeThread>,
    discovering: Option<DiscoveryThread>,
    writing: Option<WriterThread>,
    seen: Seen,
) -> Result<Outcome, EngineError> {
    let mut outcome =
        Outcome { observed: seen.observed, course: seen.course, ..Outcome::default() };
    let peer = shared.council.as_ref().and_then(|council| council.who_failed());
    let mut failed = peer.map(EngineError::Peer);
    for intake in intakes {
        if let Err(error) = join(intake) {
            failed = Some(error);
        }
    }
    if let Some(discovering) = discovering {
        let discovered = discovering.join().map_err(|_| EngineError::Panicked("discovery"))?;
        if let Err(error) = discovered {
            failed = Some(error);
        }
    }
    if let Some(writing) = writing {
        outcome.written = writing.join().map_err(|_| EngineError::Panicked("writer"))??;
    }
    if let Some(error) = failed {
        return Err(error);
    }
    let Gathered { reading, read_now } = shared.gathered();
    (outcome.reading, outcome.read_now) = (reading, read_now);
    outcome.stopped = shared.stop.load(Ordering::SeqCst);
    outcome.last_tick = shared.target().checked_sub(1);
    Ok(outcome)
}
