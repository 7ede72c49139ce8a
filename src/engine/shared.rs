//! What the threads of a process share: who may read on, how far all has come, and what the other
//! processes say.

use super::board::Watch;
use super::checkpoint::{Checkpointing, Hand, Kept, Mark, Named};
use super::council::{Council, FIRST, Gathered, Standing, Word};
use super::gate::Gate;
use super::silence::now;
use super::{Job, begin};
use crossbeam_channel::Sender;
use gridweaver_connectors::Source;
use gridweaver_model::{Rules, Tick, Time};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// See the module's documentation.
pub(super) struct Shared {
    pub(super) rules: Rules,
    pub(super) gate: Gate,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) progress: Arc<Watch>,
    pub(super) open_from: Option<Tick>,
    /// One more than the greatest tick that a record was admitted to.
    pub(super) horizon: AtomicU64,
    /// Whether every source has an end: then no tick past the horizon is decided.
    pub(super) finite: bool,
    /// Partitions still being read.
    pub(super) reading: AtomicU64,
    /// Whether all that was asked for is closed, though more could be read.
    pub(super) is_closed: AtomicBool,
    /// The first tick that a checkpoint does not hold.
    pub(super) first_open: Tick,
    pub(super) checkpointing: Option<Checkpointing>,
    /// This process among the others.
    pub(super) council: Option<Arc<Council>>,
    /// What partitions brought that are read no more.
    gathered: Mutex<Gathered>,
    /// Whether something failed here.
    has_failed: AtomicBool,
    /// The first tick that no output holds: dead letters of earlier ones were written before.
    pub(super) first_unwritten: Tick,
    /// Whether an output goes on from ticks of an earlier run.
    pub(super) goes_on: bool,
    /// Whether somebody may watch how it stands.
    pub(super) is_watched: bool,
    /// The partitions' names.
    names: Mutex<Vec<String>>,
}

impl Shared {
    /// What the threads of a job share before it begins.
    pub(super) fn new(
        job: &Job,
        marks: &[Mark],
        council: Option<Arc<Council>>,
        to_keeper: &Sender<Kept>,
    ) -> Self {
        let rules = job.rules.clone();
        let named = |source: &dyn Source| -> Named {
            (source.name().to_owned(), source.identity().map(str::to_owned))
        };
        let names: Vec<Named> = job.sources.iter().map(|source| named(&**source)).collect();
        let clock_rules = rules.clone();
        let clock = move || clock_rules.tick_of(Time(now().0 - clock_rules.lateness.0));
        let last_chosen = job.chosen.last_key_value().map_or(0, |(end, _)| rules.tick_of(*end));
        let first_open = job.restored.as_ref().map_or(0, |checkpoint| checkpoint.views.tick + 1);
        let begins = marks.iter().map(|mark| begin(mark, &rules, first_open)).collect();
        let marked = names.iter().cloned().zip(marks.iter().cloned()).collect();
        let others =
            job.peers.as_ref().map(|peers| (peers.cluster.process, peers.cluster.hosts.len()));
        let others = others.into_iter().flat_map(|(own, all)| Council::others(own, all));
        let gate = Gate::new(begins, others, job.limits, Box::new(clock));
        let reading = job.sources.len() + usize::from(job.discover.is_some());
        if reading == 0 {
            gate.rest();
        }
        Self {
            gate,
            finite: match &job.peers {
                Some(peers) => peers.finite,
                None => job.sources.iter().all(|source| source.is_finite()),
            },
            reading: AtomicU64::new(reading as u64),
            // What was closed before is closed again, also where it was the clock that closed it.
            horizon: AtomicU64::new(first_open.max(last_chosen)),
            stop: Arc::clone(&job.stop),
            progress: Arc::clone(&job.progress),
            open_from: job.open_from,
            first_open,
            checkpointing: checkpointing(job, marked, first_open, council.as_ref(), to_keeper),
            council,
            gathered: Mutex::default(),
            has_failed: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            first_unwritten: job.written.map_or(0, |end| rules.tick_of(end)),
            goes_on: job.written.is_some(),
            is_watched: job.live.is_some(),
            names: Mutex::new(names.into_iter().map(|(name, _)| name).collect()),
            rules,
        }
    }

    /// The first tick that must stay open for now.
    pub(super) fn limit(&self) -> Tick {
        let horizon = if self.finite { self.horizon.load(Ordering::SeqCst) } else { Tick::MAX };
        horizon.min(self.open_from.unwrap_or(Tick::MAX))
    }

    /// Whether nothing more is to be read.
    pub(super) fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst) || self.is_closed.load(Ordering::SeqCst)
    }

    /// Whoever failed stops all others.
    pub(super) fn fail(&self) {
        self.has_failed.store(true, Ordering::SeqCst);
        self.stop();
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.gate.wake();
    }

    /// One more partition is to be read.
    pub(super) fn join(&self) {
        self.reading.fetch_add(1, Ordering::SeqCst);
    }

    /// Takes in a partition that was found while running; returns its number.
    pub(super) fn add(&self, named: Named, mark: Mark) -> usize {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.push(named.0.clone());
        if let Some(checkpointing) = &self.checkpointing {
            checkpointing.add(named, mark);
        }
        names.len() - 1
    }

    /// The partitions' names.
    pub(super) fn names(&self) -> Vec<String> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A partition is read no more. Where it was the last one, event time comes to rest.
    pub(super) fn leave(&self) {
        if self.reading.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.gate.rest();
        }
    }

    /// Ends the reading of streams without an end once all that was asked for is closed.
    pub(super) fn end_where_closed(&self) {
        if !self.finite && self.open_from.is_some_and(|open| self.gate.least() >= open) {
            self.is_closed.store(true, Ordering::SeqCst);
            self.gate.wake();
        }
    }

    /// Adds what a partition or another process brought.
    pub(super) fn gather(&self, more: &Gathered) {
        self.lock_gathered().add(more);
    }

    /// What this process read.
    pub(super) fn gathered(&self) -> Gathered {
        let mut gathered = self.lock_gathered().clone();
        gathered.read_now += self.progress.records.load(Ordering::SeqCst);
        gathered
    }

    fn lock_gathered(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of this process.
    pub(super) fn process(&self) -> usize {
        self.council.as_ref().map_or(FIRST, |council| council.process())
    }

    /// All ticks up to this one are durable.
    pub(super) fn release_everywhere(&self, durable: Tick) {
        self.release(durable);
        if let Some(council) = &self.council {
            council.say_to_all(&Word::Durable(durable));
        }
    }

    fn release(&self, durable: Tick) {
        self.gate.release(durable);
        let end = self.rules.end_of(durable).0;
        self.progress.tick_end_ms.store(end.unsigned_abs(), Ordering::Relaxed);
    }

    /// Dead letters that a process read are durable.
    pub(super) fn release_letters(&self, process: usize, records: u64, bytes: u64) {
        match &self.council {
            Some(council) if council.process() != process => {
                council.say(process, Word::LettersWritten { records, bytes });
            }
            _ => self.gate.release_letters(records, bytes),
        }
    }

    /// Tells the other processes how this one stands, where that is news.
    pub(super) fn say_how_it_stands(&self) {
        let Some(council) = &self.council else { return };
        let is_final = self.is_read_out_here();
        council.say_standing(Standing {
            is_final,
            summary: self.gate.summary(),
            horizon: self.horizon.load(Ordering::SeqCst),
            is_stopping: self.stop.load(Ordering::SeqCst),
            has_failed: self.has_failed.load(Ordering::SeqCst),
        });
    }

    /// Takes in what another process says.
    pub(super) fn hear(&self, word: Word) {
        match word {
            Word::Standing(process, standing) => {
                self.gate.learn(process, standing.summary);
                self.horizon.fetch_max(standing.horizon, Ordering::SeqCst);
                if let Some(council) = &self.council {
                    council.hear_standing(process, standing);
                }
                if standing.is_stopping {
                    self.stop();
                }
            }
            Word::Durable(tick) => self.release(tick),
            Word::LettersWritten { records, bytes } => self.gate.release_letters(records, bytes),
            Word::Due(tick) => {
                if let Some(checkpointing) = &self.checkpointing {
                    checkpointing.take_up(tick);
                }
            }
            Word::Saved(tick, saved) => {
                if let (Some(checkpointing), Some(council)) = (&self.checkpointing, &self.council)
                    && checkpointing.take(tick, saved)
                {
                    council.wake();
                }
            }
            Word::Gathered(gathered) => self.gather(&gathered),
        }
    }

    /// A partition's name.
    pub(super) fn name_of(&self, partition: usize) -> String {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)[partition].clone()
    }

    /// Whether no more can be closed once the frontier is at [`Shared::target`].
    pub(super) fn is_read_out(&self) -> bool {
        self.is_read_out_here()
            && self.council.as_ref().is_none_or(|council| council.are_others_final())
    }

    /// Whether this process reads no more, and nothing that it read waits for the writer but ticks.
    fn is_read_out_here(&self) -> bool {
        let has_failed = || {
            let other = self.council.as_ref().and_then(|council| council.who_failed());
            other.is_some() || self.has_failed.load(Ordering::SeqCst)
        };
        self.gate.is_at_rest() && (!self.gate.has_letters() || has_failed())
    }

    /// Where the frontier comes to rest when nothing more is read.
    pub(super) fn target(&self) -> Tick {
        self.gate.least().min(self.limit())
    }
}

/// The first process keeps what all of them save.
fn checkpointing(
    job: &Job,
    marks: Vec<(Named, Mark)>,
    first_open: Tick,
    council: Option<&Arc<Council>>,
    to_keeper: &Sender<Kept>,
) -> Option<Checkpointing> {
    let newest = first_open.checked_sub(1);
    let new = |hand, first| Checkpointing::new(job.workers, &job.rules, marks, newest, hand, first);
    let Some(checkpoints) = &job.checkpoints else {
        let council =
            Arc::clone(council.filter(|_| job.peers.as_ref().is_some_and(|it| it.keeps))?);
        let hand = move |tick, saved| council.say(FIRST, Word::Saved(tick, saved));
        return Some(new(Box::new(hand) as Hand, None));
    };
    let to_keeper = to_keeper.clone();
    let hand = move |tick, saved| {
        // The keeper is gone only where the run has failed.
        let _ = to_keeper.send(Kept::Saved(tick, saved));
    };
    let others = job.peers.as_ref().map_or(0, |peers| peers.cluster.hosts.len() - 1);
    let council = council.cloned();
    let tell = move |due| {
        if let Some(council) = &council {
            council.say_to_all(&Word::Due(due));
        }
    };
    Some(new(Box::new(hand), Some((checkpoints.every, others, Box::new(tell)))))
}
