//! The workers: rows in at their ticks, frontiers along the watermarks, until all is closed.
//!
//! A worker holds one capability for each partition whose rows it takes, and downgrades it to the
//! tick in which the partition's watermark stands: there is no second notion of time. While every
//! source has an end, no capability goes past the last tick that a record was admitted to, so that
//! nothing is decided past the end of history. A worker sleeps while it has nothing to do.
//!
//! The workers of several processes are one dataflow; the first worker of all is the first process's.

use super::EngineError;
use super::checkpoint::Checkpointing;
use super::cluster::{self, Network};
use super::council::{self, Mouth};
use super::inlet::{Activators, Aside, Brought, Inlet, brought};
use super::observe::{Seen, Wanted, see};
use super::shared::Shared;
use super::writer::ToWriter;
use crossbeam_channel::Sender;
use gridweaver_dataflows::by_tick::to_first;
use gridweaver_dataflows::change::Change;
use gridweaver_dataflows::closing::ClosedTick;
use gridweaver_dataflows::pipeline::{Views, pipeline};
use gridweaver_model::Tick;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::operators::{OkErr, Probe};
use timely::worker::Worker;

/// How long a worker sleeps at most.
const PARK: Duration = Duration::from_millis(5);

/// What a worker of this process is given.
pub(super) struct Part {
    pub(super) inlet: Inlet,
    /// The first one's of a process among several: what this one says to the others.
    pub(super) mouth: Option<Mouth>,
}

/// Runs the dataflow until everything that can be closed is closed and handed to the writer.
pub(super) fn drive(
    network: Option<Network>,
    parts: Vec<Part>,
    wanted: Wanted,
    to_writer: Sender<ToWriter>,
    shared: &Arc<Shared>,
) -> Result<Seen, EngineError> {
    let mut config = timely::WorkerConfig::default();
    differential_dataflow::configure(
        &mut config,
        &differential_dataflow::Config::default().idle_merge_effort(Some(1000)),
    );
    let workers = parts.len();
    let (allocators, guard) = cluster::build(network, workers)?;
    let parts: Vec<Mutex<Option<Part>>> =
        parts.into_iter().map(|part| Mutex::new(Some(part))).collect();
    let shared = Arc::clone(shared);
    let guards = timely::execute::execute_from(allocators, guard, config, move |worker| {
        let local = worker.index() % workers;
        let part = parts[local].lock().unwrap_or_else(PoisonError::into_inner).take();
        let part = part.expect("each worker takes its part once");
        work(worker, part, wanted, to_writer.clone(), &shared)
    });
    let guards = guards.map_err(EngineError::Workers)?;
    let mut first = Seen::default();
    for (index, result) in guards.join().into_iter().enumerate() {
        let result = result.map_err(|_| EngineError::Panicked("worker"))?;
        if index == 0 {
            first = result;
        }
    }
    Ok(first)
}

/// One worker, from building the dataflow to its end.
fn work(
    worker: &mut Worker,
    part: Part,
    wanted: Wanted,
    to_writer: Sender<ToWriter>,
    shared: &Arc<Shared>,
) -> Seen {
    let Part { mut inlet, mouth } = part;
    let probe = Handle::new();
    let restored = inlet.restored.take();
    let first = worker.index() == 0;
    let activators = inlet.activators.clone();
    let mut saving = shared.checkpointing.as_ref().map(|checkpointing| Saving {
        checkpointing,
        shared,
        to_writer: first.then(|| to_writer.clone()),
        activators: activators.clone(),
        newest: None,
    });
    let says_all = mouth.is_some();
    let sits = shared.council.clone().map(|council| {
        let shared = Arc::clone(shared);
        worker.dataflow::<u64, _, _>(|scope| council::sit(scope, mouth, &council, shared))
    });
    let views = worker.dataflow::<Tick, _, _>(|scope| {
        let brought = brought(scope, inlet, Arc::clone(shared));
        let (rows, asides) = brought.ok_err(|brought| match brought {
            Brought::Rows(rows) => Ok(rows),
            Brought::Aside(aside) => Err(aside),
        });
        let chosen = forward_letters(to_first(asides), to_writer.clone());
        let restored = restored.as_ref().map(|checkpoint| &checkpoint.views);
        let (closed, views) = pipeline(rows, chosen, &shared.rules, wanted.observed, restored);
        if wanted.course {
            views.planner.borrow_mut().keep_course();
        }
        hand_over(closed, to_writer).probe_with(&probe);
        views
    });
    drop(restored);
    let mut stood = 0;
    while !shared.is_read_out() || probe.less_than(&shared.target()) {
        worker.step_or_park(Some(PARK));
        shared.end_where_closed();
        // Event time may move without a record, by a silence, by the clock or elsewhere.
        if (!shared.finite || sits.is_some()) && shared.target() != stood {
            stood = shared.target();
            activators.wake();
        }
        if let Some(saving) = &mut saving {
            saving.save_if_due(&probe, &views);
        }
        if says_all {
            shared.say_how_it_stands();
        }
    }
    if let (Some(saving), Some(last)) = (&mut saving, shared.target().checked_sub(1)) {
        saving.save(last, &views);
        saving.hand_over();
    }
    let seen = if first { see(&views) } else { Seen::default() };
    if let (Some(council), Some(sits)) = (&shared.council, sits) {
        if says_all {
            shared.say_how_it_stands();
        }
        council.leave(|| shared.gathered());
        activators.wake();
        // What others still have to say is for the checkpoint and the summary.
        while !sits.done() {
            worker.step_or_park(Some(PARK));
        }
    }
    // The dataflow still holds capabilities for ticks that stay open: it is dropped, not drained.
    for dataflow in worker.installed_dataflows() {
        worker.drop_dataflow(dataflow);
    }
    seen
}

/// A worker's part in checkpoints.
struct Saving<'a> {
    checkpointing: &'a Checkpointing,
    shared: &'a Shared,
    /// The first worker's: it alone tells the writer, which it sends all ticks.
    to_writer: Option<Sender<ToWriter>>,
    activators: Activators,
    /// The newest tick that this worker has saved.
    newest: Option<Tick>,
}

impl Saving<'_> {
    /// Saves where the tick that is due is behind the probe: then all views have closed it, and
    /// none a later one.
    fn save_if_due(&mut self, probe: &Handle<Tick>, views: &Views) {
        if let Some(due) = self.checkpointing.due()
            && !probe.less_than(&(due + 1))
        {
            self.save(due, views);
        }
        self.hand_over();
    }

    fn save(&mut self, tick: Tick, views: &Views) {
        if self.newest >= Some(tick) {
            return;
        }
        self.newest = Some(tick);
        if let Some(to_writer) = &self.to_writer {
            let _ = to_writer.send(ToWriter::Checkpoint(tick));
        }
        self.checkpointing.save(tick, views.save(), || self.shared.gate.letters().0);
    }

    fn hand_over(&self) {
        if self.checkpointing.hand_over(|| self.shared.gate.letters().1) {
            self.activators.wake();
        }
    }
}

/// Hands letters to the writer as they come, before any tick is that they must be durable before;
/// hands on what the wall clock chose.
fn forward_letters<'scope>(
    asides: StreamVec<'scope, Tick, Aside>,
    to_writer: Sender<ToWriter>,
) -> StreamVec<'scope, Tick, Change> {
    asides.unary::<CapacityContainerBuilder<Vec<Change>>, _, _, _>(Pipeline, "letters", |_, _| {
        move |input, output| {
            input.for_each_stamp(|capability, data| {
                let mut session = output.session(&capability);
                for aside in data.flat_map(|batch| batch.drain(..)) {
                    match aside {
                        Aside::Letters(letters) => {
                            let _ = to_writer.send(ToWriter::Letters(letters));
                        }
                        Aside::Chosen(change) => session.give(change),
                    }
                }
            });
        }
    })
}

/// Hands closed ticks to the writer. The channel has no bound of its own: what can be in it is bounded
/// by what the gate lets in flight.
fn hand_over<'scope>(
    closed: StreamVec<'scope, Tick, ClosedTick>,
    to_writer: Sender<ToWriter>,
) -> StreamVec<'scope, Tick, ()> {
    closed.unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(Pipeline, "to_writer", |_, _| {
        move |input, _| {
            input.for_each_stamp(|_, data| {
                for tick in data.flat_map(|batch| batch.drain(..)) {
                    let closed_at = Instant::now();
                    let _ = to_writer.send(ToWriter::Tick { tick: Box::new(tick), closed_at });
                }
            });
        }
    })
}
