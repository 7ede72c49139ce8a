//! What the processes of a cluster say to one another, besides what flows between the views.
//!
//! It is a dataflow of its own over the same connections: a word goes to one process and is heard
//! there by its first worker. Each says where its partitions stand, and leaves once it has nothing
//! more to say; the first one says what is durable and which tick is to be kept. Words between two
//! processes come in order, but they are not in step with the rows: nothing that decides may hang on
//! when one is heard.

use super::checkpoint::Saved;
use super::frontier::Summary;
use super::inlet::Activators;
use super::intake::Reading;
use super::shared::Shared;
use crossbeam_channel::{Receiver, Sender};
use gridweaver_model::Tick;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Scope;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::{Operator, source};
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::operators::{Exchange, Probe};

/// The process that writes, and whose first worker sees the whole grid.
pub(super) const FIRST: usize = 0;

/// What one process says to another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Word {
    /// How a process stands.
    Standing(usize, Standing),
    /// All up to this tick is durable.
    Durable(Tick),
    /// Dead letters of the listener are durable.
    LettersWritten {
        /// How many.
        records: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// The end of this tick is to be kept.
    Due(Tick),
    /// For the checkpoint of a tick.
    Saved(Tick, Saved),
    /// What was read in all.
    Gathered(Gathered),
}

/// How a process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// Where its partitions do.
    pub(super) summary: Summary,
    /// Whether that is final.
    pub(super) is_final: bool,
    /// One more than the greatest tick that it admitted a record to.
    pub(super) horizon: Tick,
    /// Whether all are to stop.
    pub(super) is_stopping: bool,
    /// Whether that is so because it failed.
    pub(super) has_failed: bool,
}

/// What was read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Gathered {
    /// Of the partitions, earlier runs included.
    pub(super) reading: Reading,
    /// In this run.
    pub(super) read_now: u64,
}

impl Gathered {
    pub(super) fn add(&mut self, other: &Self) {
        self.reading.add(&other.reading);
        self.read_now += other.read_now;
    }
}

/// What goes to the council's operator.
enum Said {
    To(usize, Word),
    Nothing,
}

/// Where the operator gets what is said here.
pub(super) struct Mouth(Receiver<Said>);

/// This process among the others.
pub(super) struct Council {
    process: usize,
    processes: usize,
    sender: Sender<Said>,
    activators: Activators,
    /// Workers of this process that have not left.
    present: AtomicUsize,
    /// What was said last of how this one stands.
    said: Mutex<Option<Standing>>,
    heard: Mutex<BTreeMap<usize, Standing>>,
}

impl Council {
    /// A process among several, with so many workers each.
    pub(super) fn new(
        process: usize,
        processes: usize,
        workers: usize,
        activators: Activators,
    ) -> (Self, Mouth) {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let council = Self {
            process,
            processes,
            sender,
            activators,
            present: AtomicUsize::new(workers),
            said: Mutex::default(),
            heard: Mutex::default(),
        };
        (council, Mouth(receiver))
    }

    pub(super) fn process(&self) -> usize {
        self.process
    }

    /// The numbers of the others.
    pub(super) fn others(process: usize, processes: usize) -> impl Iterator<Item = usize> {
        (0..processes).filter(move |other| *other != process)
    }

    /// Wakes the workers of this process: something that they wait for was heard.
    pub(super) fn wake(&self) {
        self.activators.wake();
    }

    pub(super) fn say(&self, to: usize, word: Word) {
        // The operator is gone only where the run has failed.
        let _ = self.sender.send(Said::To(to, word));
        self.activators.wake();
    }

    pub(super) fn say_to_all(&self, word: &Word) {
        Self::others(self.process, self.processes).for_each(|to| self.say(to, word.clone()));
    }

    /// Says how this process stands, where that is news.
    pub(super) fn say_standing(&self, standing: Standing) {
        let mut said = lock(&self.said);
        if *said != Some(standing) {
            *said = Some(standing);
            self.say_to_all(&Word::Standing(self.process, standing));
        }
    }

    pub(super) fn hear_standing(&self, process: usize, standing: Standing) {
        lock(&self.heard).insert(process, standing);
    }

    /// Whether nothing more is read anywhere else.
    pub(super) fn are_others_final(&self) -> bool {
        let heard = lock(&self.heard);
        heard.len() == self.processes - 1 && heard.values().all(|standing| standing.is_final)
    }

    /// Another process that has failed.
    pub(super) fn who_failed(&self) -> Option<usize> {
        let heard = lock(&self.heard);
        heard.iter().find(|(_, standing)| standing.has_failed).map(|(process, _)| *process)
    }

    /// A worker has nothing more to say. The last one tells the first process what was read.
    pub(super) fn leave(&self, gathered: impl FnOnce() -> Gathered) {
        if self.present.fetch_sub(1, Ordering::SeqCst) == 1 {
            if self.process != FIRST {
                self.say(FIRST, Word::Gathered(gathered()));
            }
            let _ = self.sender.send(Said::Nothing);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Builds the dataflow of words; done once all have left. `mouth`: of the first worker of a process.
pub(super) fn sit(
    scope: Scope<'_, u64>,
    mouth: Option<Mouth>,
    council: &Council,
    shared: Arc<Shared>,
) -> Handle<u64> {
    let workers = scope.peers() / council.processes;
    let said = source::<_, CapacityContainerBuilder<Vec<(u64, Word)>>, _, _>(
        scope,
        "said",
        |capability, info| {
            council.activators.add(scope.worker().sync_activator_for(info.address.to_vec()));
            let mut open = mouth.map(|mouth| (mouth, capability));
            move |output| {
                let Some((mouth, capability)) = &open else { return };
                let mut is_over = false;
                let mut session = output.session(capability);
                for said in mouth.0.try_iter() {
                    match said {
                        Said::To(process, word) => session.give(((process * workers) as u64, word)),
                        Said::Nothing => is_over = true,
                    }
                }
                drop(session);
                if is_over {
                    open = None;
                }
            }
        },
    );
    let heard = Handle::new();
    let at_its_process = said.exchange(|(worker, _)| *worker);
    let hearing = at_its_process.unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(
        Pipeline,
        "heard",
        |_, _| {
            move |input, _| {
                input.for_each_stamp(|_, data| {
                    data.flat_map(|batch| batch.drain(..)).for_each(|(_, word)| shared.hear(word));
                });
            }
        },
    );
    hearing.probe_with(&heard);
    heard
}
