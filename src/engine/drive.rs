//! The workers: rows in at their ticks, frontiers along the watermarks, until all is closed.
//!
//! A worker holds one capability for each partition whose rows it takes, and downgrades it to the
//! tick in which the partition's watermark stands: there is no second notion of time. While every
//! source has an end, no capability goes past the last tick that a record was admitted to, so that
//! nothing is decided past the end of history. A worker sleeps while it has nothing to do.

use super::EngineError;
use super::Shared;
use super::checkpoint::{Checkpoint, Checkpointing};
use super::observe::{Seen, Wanted, see};
use super::writer::ToWriter;
use crossbeam_channel::{Receiver, Sender, TryRecvError};
use gridweaver_dataflows::closing::ClosedTick;
use gridweaver_dataflows::pipeline::{Views, pipeline};
use gridweaver_dataflows::row::Row;
use gridweaver_model::Tick;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::{Operator, source};
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::operators::{Capability, Probe};
use timely::dataflow::{Scope, StreamVec};
use timely::scheduling::SyncActivator;
use timely::worker::Worker;

/// How long a worker sleeps at most.
const PARK: Duration = Duration::from_millis(5);
/// Deliveries that a worker takes in one go.
const DELIVERIES_MAX: usize = 16;

/// From an intake to the worker of its partition.
enum Delivered {
    /// Rows by tick, and where the watermark stands after them.
    Rows(usize, Vec<(Tick, Vec<Row>)>, Tick),
    /// The partition holds nobody back any more.
    End(usize),
    /// A partition was found; to be answered once there is a capability for it.
    Begin(usize, Sender<()>),
}

/// The worker's activators, once they run.
type Activators = Arc<Mutex<Vec<SyncActivator>>>;

/// Where an intake delivers.
#[derive(Clone)]
pub(super) struct Delivery {
    sender: Sender<Delivered>,
    activators: Activators,
}

impl Delivery {
    pub(super) fn send(&self, partition: usize, rows: Vec<(Tick, Vec<Row>)>, watermark: Tick) {
        // A worker that is gone has stopped the run already.
        let _ = self.sender.send(Delivered::Rows(partition, rows, watermark));
        self.wake();
    }

    /// Tells of a partition that was found, and waits until the worker can take its rows.
    pub(super) fn begin(&self, partition: usize) {
        let (begun, to_begin) = crossbeam_channel::bounded(1);
        let _ = self.sender.send(Delivered::Begin(partition, begun));
        self.wake();
        // An error: the worker is gone, and the run is over.
        let _ = to_begin.recv();
    }

    pub(super) fn end(&self, partition: usize) {
        let _ = self.sender.send(Delivered::End(partition));
    }

    /// Wakes all workers: what one partition brought may let another's capability go on.
    pub(super) fn wake(&self) {
        wake(&self.activators);
    }
}

/// A worker's end of the deliveries, and the partitions that it takes.
pub(super) struct Inlet {
    receiver: Receiver<Delivered>,
    /// Each with the tick in which its watermark stands at the beginning.
    partitions: Vec<(usize, Tick)>,
    activators: Activators,
    /// What its views begin with; let go as soon as they have taken their shares.
    restored: Option<Arc<Checkpoint>>,
}

/// The channels between the partitions' intakes and `workers` workers. `begins`: the ticks in which
/// the partitions' watermarks stand.
pub(super) fn inlets(
    workers: usize,
    begins: &[Tick],
    restored: Option<&Arc<Checkpoint>>,
) -> (Vec<Delivery>, Vec<Inlet>) {
    let activators = Activators::default();
    let channels = (0..workers).map(|worker| {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let own = begins.iter().copied().enumerate().skip(worker).step_by(workers);
        let partitions = own.collect();
        let activators = &activators;
        let delivery = Delivery { sender, activators: Arc::clone(activators) };
        let (activators, restored) = (Arc::clone(activators), restored.cloned());
        (delivery, Inlet { receiver, partitions, activators, restored })
    });
    channels.unzip()
}

/// Runs the dataflow until everything that can be closed is closed and handed to the writer.
pub(super) fn drive(
    workers: usize,
    inlets: Vec<Inlet>,
    wanted: Wanted,
    to_writer: Sender<ToWriter>,
    shared: &Arc<Shared>,
) -> Result<Seen, EngineError> {
    let mut config = timely::Config::process(workers);
    differential_dataflow::configure(
        &mut config.worker,
        &differential_dataflow::Config::default().idle_merge_effort(Some(1000)),
    );
    let inlets: Vec<Mutex<Option<Inlet>>> =
        inlets.into_iter().map(|inlet| Mutex::new(Some(inlet))).collect();
    let shared = Arc::clone(shared);
    let guards = timely::execute(config, move |worker| {
        let inlet = inlets[worker.index()].lock().unwrap_or_else(PoisonError::into_inner).take();
        let inlet = inlet.expect("each worker takes its inlet once");
        work(worker, inlet, wanted, to_writer.clone(), &shared)
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
    mut inlet: Inlet,
    wanted: Wanted,
    to_writer: Sender<ToWriter>,
    shared: &Arc<Shared>,
) -> Seen {
    let probe = Handle::new();
    let restored = inlet.restored.take();
    let first = worker.index() == 0;
    let activators = Arc::clone(&inlet.activators);
    let mut saving = shared.checkpointing.as_ref().map(|checkpointing| Saving {
        checkpointing,
        to_writer: first.then(|| to_writer.clone()),
        activators: Arc::clone(&inlet.activators),
        newest: None,
    });
    let views = worker.dataflow::<Tick, _, _>(|scope| {
        let rows = rows(scope, inlet, Arc::clone(shared));
        let restored = restored.as_ref().map(|checkpoint| &checkpoint.views);
        let (closed, views) = pipeline(rows, &shared.rules, wanted.observed, restored);
        if wanted.course {
            views.planner.borrow_mut().keep_course();
        }
        hand_over(closed, to_writer, shared.first_open).probe_with(&probe);
        views
    });
    drop(restored);
    let mut stood = 0;
    while !shared.is_read_out() || probe.less_than(&shared.target()) {
        worker.step_or_park(Some(PARK));
        shared.end_where_closed();
        // Event time may move without a record, by a silence or by the clock.
        if !shared.finite && shared.target() != stood {
            stood = shared.target();
            wake(&activators);
        }
        if let Some(saving) = &mut saving {
            saving.save_if_due(&probe, &views);
        }
    }
    if let (Some(saving), Some(last)) = (&mut saving, shared.target().checked_sub(1)) {
        saving.save(last, &views);
    }
    let seen = if first { see(&views) } else { Seen::default() };
    // The dataflow still holds capabilities for ticks that stay open: it is dropped, not drained.
    for dataflow in worker.installed_dataflows() {
        worker.drop_dataflow(dataflow);
    }
    seen
}

/// A worker's part in checkpoints.
struct Saving<'a> {
    checkpointing: &'a Checkpointing,
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
    }

    fn save(&mut self, tick: Tick, views: &Views) {
        if self.newest >= Some(tick) {
            return;
        }
        self.newest = Some(tick);
        if let Some(to_writer) = &self.to_writer {
            let _ = to_writer.send(ToWriter::Checkpoint(tick));
        }
        if self.checkpointing.save(tick, views.save()) {
            wake(&self.activators);
        }
    }
}

/// Wakes all workers.
fn wake(activators: &Activators) {
    for activator in activators.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let _ = activator.activate();
    }
}

/// The source operator: this worker's partitions, each under its own capability. Rows stay in the
/// batches that the intakes made.
fn rows<'scope>(
    scope: Scope<'scope, Tick>,
    inlet: Inlet,
    shared: Arc<Shared>,
) -> StreamVec<'scope, Tick, Vec<Row>> {
    source(scope, "rows", move |capability, info| {
        let activator = scope.worker().sync_activator_for(info.address.to_vec());
        inlet.activators.lock().unwrap_or_else(PoisonError::into_inner).push(activator);
        let again = scope.activator_for(info.address);
        // The watermark that each partition has reached, and the capability that follows it.
        let mut held: Vec<(usize, Tick, Option<Capability<Tick>>)> = inlet
            .partitions
            .iter()
            .map(|(partition, begin)| (*partition, *begin, Some(capability.clone())))
            .collect();
        // The first worker's own: it holds the tick behind a checkpoint open until all have saved.
        let is_spare = shared.checkpointing.is_some() && scope.index() == 0;
        let mut spare = is_spare.then(|| capability.clone());
        // For partitions yet to be found: it stands where everything stands.
        let mut base = (!shared.finite).then(|| capability.clone());
        drop(capability);
        move |output| {
            for taken in 0.. {
                if taken == DELIVERIES_MAX {
                    again.activate();
                    break;
                }
                match inlet.receiver.try_recv() {
                    Ok(Delivered::Rows(partition, rows, watermark)) => {
                        let Some((_, reached, capability)) =
                            held.iter_mut().find(|(other, ..)| *other == partition)
                        else {
                            continue;
                        };
                        let capability =
                            capability.as_ref().expect("a partition delivers, then ends");
                        for (tick, rows) in rows {
                            let at = capability.delayed(&tick.max(*capability.time()));
                            output.session(&at).give(rows);
                        }
                        *reached = watermark;
                    }
                    Ok(Delivered::End(partition)) => {
                        for (other, reached, _) in &mut held {
                            if *other == partition {
                                *reached = Tick::MAX;
                            }
                        }
                    }
                    Ok(Delivered::Begin(partition, begun)) => {
                        if let Some(base) = &base {
                            held.push((partition, *base.time(), Some(base.clone())));
                        }
                        let _ = begun.send(());
                    }
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
            }
            if let (Some(spare), Some(checkpointing)) = (&mut spare, &shared.checkpointing) {
                checkpointing.begin(*spare.time());
                let due = checkpointing.due().map_or(Tick::MAX, |due| due + 1);
                let to = shared.target().min(due);
                if to > *spare.time() {
                    spare.downgrade(&to);
                }
            }
            let limit = shared.limit();
            // Nothing that is passed over brings anything before the tick where the others stand.
            let (least, passed_over) =
                if shared.finite { (0, Vec::new()) } else { shared.gate.passed_over() };
            if let Some(base) = &mut base
                && least.min(limit) > *base.time()
            {
                base.downgrade(&least.min(limit));
            }
            for (partition, reached, capability) in &mut held {
                if passed_over.contains(partition) {
                    *reached = least.max(*reached);
                }
                if let Some(capability) = capability {
                    let to = (*reached).min(limit);
                    if to > *capability.time() {
                        capability.downgrade(&to);
                    }
                }
            }
        }
    })
}

/// Hands closed ticks to the writer, but those that a checkpoint holds. The channel has no bound of its own: what can be in it is
/// bounded by what the gate lets in flight.
fn hand_over<'scope>(
    closed: StreamVec<'scope, Tick, ClosedTick>,
    to_writer: Sender<ToWriter>,
    first_open: Tick,
) -> StreamVec<'scope, Tick, ()> {
    closed.unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(Pipeline, "to_writer", |_, _| {
        move |input, _| {
            input.for_each_stamp(|_, data| {
                let ticks = data.flat_map(|batch| batch.drain(..));
                for tick in ticks.filter(|tick| tick.tick >= first_open) {
                    let closed_at = Instant::now();
                    let _ = to_writer.send(ToWriter::Tick { tick: Box::new(tick), closed_at });
                }
            });
        }
    })
}
