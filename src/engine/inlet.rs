//! The way into the dataflow: from the intakes' threads to the source operator of a worker.
//!
//! Everything that a partition brings travels in its order, under the partition's own capability:
//! rows, letters for the writer, and that it fell silent or was heard again. So a tick is closed
//! only once all of it is there that was brought before, wherever it was read.

use super::checkpoint::{Checkpoint, Step};
use super::shared::Shared;
use super::writer::Letters;
use crossbeam_channel::{Receiver, Sender, TryRecvError};
use gridweaver_dataflows::change::Change;
use gridweaver_dataflows::row::Row;
use gridweaver_model::decision::Refused;
use gridweaver_model::{Text, Tick};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilderSession;
use timely::dataflow::operators::generic::source;
use timely::dataflow::{Scope, StreamVec};
use timely::scheduling::SyncActivator;

/// Deliveries that a worker takes in one go.
const DELIVERIES_MAX: usize = 16;

/// What a batch of records came to.
pub(super) struct Portion {
    /// Those that were refused, on their way to the writer.
    pub(super) letters: Option<Letters>,
    /// Of them, what was refused as `future`.
    pub(super) refused: Vec<Refused>,
    /// Those that were admitted, by tick.
    pub(super) rows: Vec<(Tick, Vec<Row>)>,
    /// Where the watermark stands after them.
    pub(super) watermark: Tick,
    /// How far a checkpoint may go on behind them.
    pub(super) step: Option<Step>,
}

/// From an intake to the worker of its partition.
enum Delivered {
    /// The next of its records.
    Portion(usize, Box<Portion>),
    /// The partition is passed over; its next record lies at this position or behind it.
    PassedOver(usize, u64),
    /// It is heard again: what it brings enters this tick or later ones.
    Heard(usize, Tick),
    /// The partition holds nobody back any more.
    End(usize),
    /// A partition was found, which is passed over at a position; to be answered once there is a
    /// capability for it.
    Begin(usize, u64, Sender<()>),
}

/// The worker's activators, once they run.
#[derive(Clone, Default)]
pub(super) struct Activators(Arc<Mutex<Vec<SyncActivator>>>);

impl Activators {
    /// Wakes all workers of this process.
    pub(super) fn wake(&self) {
        for activator in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // An error: the worker is gone.
            let _ = activator.activate();
        }
    }

    pub(super) fn add(&self, activator: SyncActivator) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(activator);
    }
}

/// Where an intake delivers. A worker that is gone has stopped the run already: what can't be sent
/// is not missed.
#[derive(Clone)]
pub(super) struct Delivery {
    sender: Sender<Delivered>,
    activators: Activators,
}

impl Delivery {
    pub(super) fn send(&self, partition: usize, portion: Portion) {
        let _ = self.sender.send(Delivered::Portion(partition, Box::new(portion)));
        self.wake();
    }

    pub(super) fn pass_over(&self, partition: usize, position: u64) {
        let _ = self.sender.send(Delivered::PassedOver(partition, position));
        self.wake();
    }

    pub(super) fn hear(&self, partition: usize, open: Tick) {
        let _ = self.sender.send(Delivered::Heard(partition, open));
    }

    /// Tells of a partition that was found, and waits until the worker can take its rows.
    pub(super) fn begin(&self, partition: usize, position: u64) {
        let (begun, to_begin) = crossbeam_channel::bounded(1);
        let _ = self.sender.send(Delivered::Begin(partition, position, begun));
        self.wake();
        // An error: the worker is gone, and the run is over.
        let _ = to_begin.recv();
    }

    pub(super) fn end(&self, partition: usize) {
        let _ = self.sender.send(Delivered::End(partition));
    }

    /// Wakes all workers: what one partition brought may let another's capability go on.
    pub(super) fn wake(&self) {
        self.activators.wake();
    }
}

/// A worker's end of the deliveries, and the partitions that it takes.
pub(super) struct Inlet {
    receiver: Receiver<Delivered>,
    /// Each with the tick in which its watermark stands at the beginning.
    partitions: Vec<(usize, Tick)>,
    pub(super) activators: Activators,
    /// What its views begin with; let go as soon as they have taken their shares.
    pub(super) restored: Option<Arc<Checkpoint>>,
}

/// The channels between the partitions' intakes and `workers` workers. `begins`: the ticks in which
/// the partitions' watermarks stand.
pub(super) fn inlets(
    workers: usize,
    begins: &[Tick],
    restored: Option<&Arc<Checkpoint>>,
    activators: &Activators,
) -> (Vec<Delivery>, Vec<Inlet>) {
    let channels = (0..workers).map(|worker| {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let own = begins.iter().copied().enumerate().skip(worker).step_by(workers);
        let partitions = own.collect();
        let delivery = Delivery { sender, activators: activators.clone() };
        let (activators, restored) = (activators.clone(), restored.cloned());
        (delivery, Inlet { receiver, partitions, activators, restored })
    });
    channels.unzip()
}

/// What the partitions of a worker bring into the dataflow.
#[derive(Clone, Serialize, Deserialize)]
pub(super) enum Brought {
    /// Rows, in the batches that the intakes made.
    Rows(Vec<Row>),
    /// What is no row.
    Aside(Aside),
}

/// What goes past the views.
#[derive(Clone, Serialize, Deserialize)]
pub(super) enum Aside {
    /// Records that could not be read.
    Letters(Letters),
    /// What the wall clock chose.
    Chosen(Change),
}

type Output<'a> = OutputBuilderSession<'a, Tick, CapacityContainerBuilder<Vec<Brought>>>;

/// A partition as its worker holds it.
struct Held {
    partition: usize,
    name: Text,
    /// The tick that its watermark has reached.
    reached: Tick,
    /// Follows it.
    capability: Capability<Tick>,
    /// Where its next record lies, while it is passed over.
    silent_at: Option<u64>,
}

impl Held {
    /// Puts out a portion, rows under their ticks. What was refused goes first: it must be durable
    /// before the tick that is open is. As `future` it is for a tick to tell that is not written yet:
    /// those that are told what they had to. A tick is never closed whose mark is not there.
    fn bring(&mut self, portion: Portion, shared: &Shared, output: &mut Output<'_>) {
        let Portion { letters, refused, rows, watermark, step } = portion;
        let open = *self.capability.time();
        if let (Some(step), Some(checkpointing)) = (step, &shared.checkpointing) {
            checkpointing.mark(self.partition, step, open);
        }
        let from = open.max(shared.first_unwritten);
        let letters = letters.map(Aside::Letters);
        let refused = refused.into_iter().map(|it| Aside::Chosen(Change::OfTheFuture(from, it)));
        for aside in letters.into_iter().chain(refused) {
            output.session(&self.capability).give(Brought::Aside(aside));
        }
        for (tick, rows) in rows {
            let at = self.capability.delayed(&tick.max(*self.capability.time()));
            // In a container of its own size: each is of another tick, and would be given room for
            // many.
            output.session(&at).give_container(&mut vec![Brought::Rows(rows)]);
        }
        self.reached = watermark;
    }

    /// While it is passed over it follows the others, and that is told.
    fn follow(&mut self, to: Tick, output: &mut Output<'_>) {
        if let Some(position) = self.silent_at
            && to > self.reached
        {
            let (partition, from) = (self.name.clone(), self.reached);
            let told = Change::PassedOver { partition, position, from, to };
            output.session(&self.capability).give(Brought::Aside(Aside::Chosen(told)));
            self.reached = to;
        }
    }

    /// Lets go of the ticks that it brings nothing more to, up to a limit.
    fn let_go(&mut self, limit: Tick) {
        let to = self.reached.min(limit);
        if to > *self.capability.time() {
            self.capability.downgrade(&to);
        }
    }
}

/// The capabilities of a worker: of its partitions, and two more.
struct Holding {
    partitions: Vec<Held>,
    /// For partitions yet to be found: it stands where everything stands.
    base: Option<Capability<Tick>>,
    /// The first worker's own: it holds the tick behind a checkpoint open until all have saved.
    spare: Option<Capability<Tick>>,
    shared: Arc<Shared>,
}

impl Holding {
    fn take(&mut self, delivered: Delivered, output: &mut Output<'_>) {
        match delivered {
            Delivered::Begin(partition, position, begun) => {
                self.begin(partition, position, output);
                let _ = begun.send(());
            }
            Delivered::Portion(partition, portion) => {
                let shared = Arc::clone(&self.shared);
                if let Some(held) = self.held(partition) {
                    held.bring(*portion, &shared, output);
                }
            }
            Delivered::PassedOver(partition, position) => {
                if let Some(held) = self.held(partition) {
                    held.silent_at = Some(position);
                }
            }
            Delivered::Heard(partition, open) => {
                if let Some(held) = self.held(partition) {
                    held.follow(open, output);
                    held.silent_at = None;
                }
            }
            Delivered::End(partition) => {
                if let Some(held) = self.held(partition) {
                    (held.reached, held.silent_at) = (Tick::MAX, None);
                }
            }
        }
    }

    fn held(&mut self, partition: usize) -> Option<&mut Held> {
        self.partitions.iter_mut().find(|held| held.partition == partition)
    }

    /// What was found comes behind all that was closed without it.
    fn begin(&mut self, partition: usize, position: u64, output: &mut Output<'_>) {
        if let Some(base) = &self.base {
            let name = self.shared.name_of(partition).as_str().into();
            let (capability, silent_at) = (base.clone(), Some(position));
            let mut held = Held { partition, name, reached: 0, capability, silent_at };
            held.follow(*base.time(), output);
            self.partitions.push(held);
        }
    }

    /// Moves all capabilities as far as they may go. `least`: where event time stood before what was
    /// delivered was taken, if all of it was: else one that is heard again could be taken for one
    /// that is still silent.
    fn move_on(&mut self, least: Option<Tick>, output: &mut Output<'_>) {
        if let (Some(spare), Some(checkpointing)) = (&mut self.spare, &self.shared.checkpointing) {
            checkpointing.begin(*spare.time());
            let due = checkpointing.due().map_or(Tick::MAX, |due| due + 1);
            let to = self.shared.target().min(due);
            if to > *spare.time() {
                spare.downgrade(&to);
            }
        }
        let limit = self.shared.limit();
        let to = least.unwrap_or_default();
        if let Some(base) = &mut self.base
            && to.min(limit) > *base.time()
        {
            base.downgrade(&to.min(limit));
        }
        for held in &mut self.partitions {
            held.follow(to, output);
            held.let_go(limit);
        }
    }
}

/// The source operator: this worker's partitions, each under its own capability.
pub(super) fn brought<'scope>(
    scope: Scope<'scope, Tick>,
    inlet: Inlet,
    shared: Arc<Shared>,
) -> StreamVec<'scope, Tick, Brought> {
    source(scope, "rows", move |capability, info| {
        inlet.activators.add(scope.worker().sync_activator_for(info.address.to_vec()));
        let again = scope.activator_for(info.address);
        let held = |(partition, reached): &(usize, Tick)| Held {
            partition: *partition,
            name: shared.name_of(*partition).as_str().into(),
            reached: *reached,
            capability: capability.clone(),
            silent_at: None,
        };
        let is_spare = shared.checkpointing.is_some() && scope.index() == 0;
        let mut holding = Holding {
            partitions: inlet.partitions.iter().map(held).collect(),
            base: (!shared.finite).then(|| capability.clone()),
            spare: is_spare.then(|| capability.clone()),
            shared,
        };
        drop(capability);
        move |output| {
            let mut least = Some(holding.shared.gate.least());
            for taken in 0.. {
                if taken == DELIVERIES_MAX {
                    least = None;
                    again.activate();
                    break;
                }
                match inlet.receiver.try_recv() {
                    Ok(delivered) => holding.take(delivered, output),
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
            }
            holding.move_on(least, output);
        }
    })
}
