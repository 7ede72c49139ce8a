//! An open-loop load on a running pipeline: how long it takes until what was sent is decided.
//!
//! ```text
//!  schedule ──▶ sending ──▶ what the pipeline reads ▸ the pipeline ▸ what it writes ──▶ watching
//!  what is sent when,       at its time, whatever                                   ticks as they
//!  fixed beforehand         became of the rest                                      can be read
//! ```
//!
//! A record's latency is counted from the instant at which it was to be sent, until the end of the
//! tick that decides it (`dispatch.tick_closed`) can be read from the output, as the orders can by
//! then. Where the pipeline or the way to it stands still, what is sent late is counted from when it
//! was due: nothing that waits is left out (coordinated omission). It holds the wait for the tick's
//! end and for the watermark, and those make up most of it: [`Rules::tick`] and [`Rules::lateness`].
//!
//! The records are those of [`generate`](crate::generate), shifted to the present: each bears the
//! time at which it is to be sent.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `schedule` | what is sent when |
//! | `sending` | each at its time |
//! | `watching` | which ticks can be read since when |

mod schedule;
mod sending;
mod watching;

use crate::engine::now;
use crate::generate::Unsuited;
use crate::latency::Latencies;
use crossbeam_channel::Receiver;
use gridweaver_connectors::{Feed, SinkError, Source, SourceError};
use gridweaver_model::{Millis, Rules, Time};
pub use schedule::Load;
use schedule::schedule;
use sending::{Sent, send};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};
use watching::{Seen, watch};

/// What a bench measures.
pub const OF_RECORDS: &str =
    "from when a record was to be sent until the end of its tick could be read";

/// How long before its first record everything is set up.
const LEAD: Millis = Millis(500);
/// How often it is looked whether all is over.
const NEWS_WAITS: Duration = Duration::from_millis(50);

/// A pipeline to be put under load.
pub struct Bench {
    /// Where it reads from.
    pub feed: Box<dyn Feed>,
    /// All partitions of what it writes, from their ends on.
    pub outputs: Vec<Box<dyn Source>>,
    /// What it decides by.
    pub rules: Rules,
    /// How long an end of a tick is waited for once all is sent.
    pub patience: Duration,
}

/// How it went.
#[derive(Debug)]
pub struct Outcome {
    /// Of every record that was measured.
    pub records: Latencies,
    /// Of those whose tick brought an order.
    pub of_orders: Latencies,
    /// Records sent, those before and behind what was measured included.
    pub sent: u64,
    /// Ticks that were measured.
    pub ticks: u64,
    /// Those of them that brought orders.
    pub ticks_with_orders: u64,
    /// How far sending was behind its schedule at most; counted in the latencies.
    pub behind_max: Duration,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The load can't be made.
    #[error(transparent)]
    Unsuited(#[from] Unsuited),
    /// What the pipeline reads can't be written.
    #[error(transparent)]
    Feed(#[from] SinkError),
    /// What it writes can't be read.
    #[error(transparent)]
    Output(#[from] SourceError),
    /// What it writes is not what GridWeaver writes.
    #[error("{output} brings what GridWeaver does not write: {reason}; name what it writes to")]
    Foreign {
        /// The partition.
        output: String,
        /// What is wrong.
        reason: String,
    },
    /// No tick came.
    #[error(
        "no tick of the {sent} records sent to {feed} came out within {patience:?}: is `gridweaver run` at work with this configuration, and does nothing else hold its watermark back?"
    )]
    Silent {
        /// To where they were sent.
        feed: String,
        /// How many.
        sent: u64,
        /// How long was waited.
        patience: Duration,
    },
    /// Some ticks did not come.
    #[error(
        "{open} ticks were still open {patience:?} after the last record: the pipeline does not keep up with {rate} readings a second; give a lower --rate"
    )]
    Behind {
        /// How many.
        open: usize,
        /// What was asked of it.
        rate: u32,
        /// How long was waited.
        patience: Duration,
    },
}

/// The wall clock, read once: when is an event time?
#[derive(Clone, Copy)]
struct Clock {
    wall: Time,
    at: Instant,
}

impl Clock {
    fn instant(&self, time: Time) -> Instant {
        self.at + Duration::from_millis((time.0 - self.wall.0).max(0).unsigned_abs())
    }
}

/// Which ticks can be read since when, and which brought orders.
#[derive(Default)]
struct Ticks {
    closed: BTreeMap<Time, Instant>,
    with_orders: BTreeSet<Time>,
}

impl Bench {
    /// Sends the load and waits until all of it is decided.
    ///
    /// # Errors
    /// [`BenchError`], where the pipeline does not keep up also.
    pub fn run(self, load: &Load) -> Result<Outcome, BenchError> {
        let Self { mut feed, outputs, rules, patience } = self;
        let clock = Clock { wall: now(), at: Instant::now() };
        let start = clock.wall + LEAD;
        let records = schedule(load, &rules, start, feed.partitions())?;
        let measured = (start + load.warmup)..(start + load.warmup + load.duration);
        let (seen, ticks) = crossbeam_channel::unbounded();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for output in outputs {
                scope.spawn(|| watch(output, &seen, &is_over));
            }
            let name = feed.name().to_owned();
            let sender = scope.spawn(|| {
                send(&mut *feed, records, clock, &is_over, |time| {
                    measured.contains(&time).then(|| rules.end_of(rules.tick_of(time)))
                })
            });
            let mut found = Ticks::default();
            let sent = found.wait_for(sender, &ticks, patience);
            is_over.store(true, Ordering::SeqCst);
            let sent = sent?;
            match found.open(&sent) {
                0 => Ok(outcome(&sent, &found, clock, measured.start)),
                open if open == sent.by_tick.len() => {
                    Err(BenchError::Silent { feed: name, sent: sent.records, patience })
                }
                open => Err(BenchError::Behind { open, rate: load.request.rate, patience }),
            }
        })
    }
}

/// What is told of the output.
type News = Receiver<Result<Seen, BenchError>>;

impl Ticks {
    fn take(&mut self, seen: Option<Result<Seen, BenchError>>) -> Result<(), BenchError> {
        match seen.transpose()? {
            Some(Seen::Closed { tick, at }) => drop(self.closed.entry(tick).or_insert(at)),
            Some(Seen::Order { tick }) => drop(self.with_orders.insert(tick)),
            None => {}
        }
        Ok(())
    }

    /// How many ticks of what was sent can't be read yet.
    fn open(&self, sent: &Sent) -> usize {
        sent.by_tick.keys().filter(|tick| !self.closed.contains_key(tick)).count()
    }

    /// Waits until all is sent and can be read, the latter for no longer than `patience`.
    fn wait_for(
        &mut self,
        sender: ScopedJoinHandle<'_, Result<Sent, BenchError>>,
        news: &News,
        patience: Duration,
    ) -> Result<Sent, BenchError> {
        while !sender.is_finished() {
            self.take(news.recv_timeout(NEWS_WAITS).ok())?;
        }
        let Ok(sent) = sender.join() else { unreachable!("a panic in any thread ends it all") };
        let sent = sent?;
        let deadline = Instant::now() + patience;
        while self.open(&sent) > 0 && Instant::now() < deadline {
            self.take(news.recv_timeout(NEWS_WAITS).ok())?;
            while let Ok(seen) = news.try_recv() {
                self.take(Some(seen))?;
            }
        }
        Ok(sent)
    }
}

fn outcome(sent: &Sent, ticks: &Ticks, clock: Clock, start: Time) -> Outcome {
    let mut outcome = Outcome {
        records: Latencies::default(),
        of_orders: Latencies::default(),
        sent: sent.records,
        ticks: sent.by_tick.len() as u64,
        ticks_with_orders: 0,
        behind_max: sent.behind_max,
    };
    for (tick, records) in &sent.by_tick {
        let Some(&readable) = ticks.closed.get(tick) else { continue };
        let has_orders = ticks.with_orders.contains(tick);
        outcome.ticks_with_orders += u64::from(has_orders);
        for (&time, &count) in records {
            let due = clock.instant(time);
            let since_start = due.saturating_duration_since(clock.instant(start));
            let latency = readable.saturating_duration_since(due);
            outcome.records.record(since_start, latency, count);
            if has_orders {
                outcome.of_orders.record(since_start, latency, count);
            }
        }
    }
    outcome
}
