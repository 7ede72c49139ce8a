//! Each record at its time, whatever became of those before it.

use super::schedule::Due;
use super::{BenchError, Clock};
use gridweaver_connectors::Feed;
use gridweaver_model::Time;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Records made ahead of their time.
const MADE_AHEAD: usize = 65_536;

/// What was sent.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Of what is measured: by the end of its tick, how many were due when.
    pub(super) by_tick: BTreeMap<Time, BTreeMap<Time, u64>>,
    pub(super) records: u64,
    pub(super) behind_max: Duration,
}

/// Sends all records; `tick` tells the end of a record's tick where it is measured.
pub(super) fn send(
    feed: &mut dyn Feed,
    records: impl Iterator<Item = Due> + Send,
    clock: Clock,
    is_over: &AtomicBool,
    tick: impl Fn(Time) -> Option<Time>,
) -> Result<Sent, BenchError> {
    let mut sent = Sent::default();
    let (made, due) = crossbeam_channel::bounded(MADE_AHEAD);
    thread::scope(|scope| {
        // Made beside: that must not hold sending up.
        scope.spawn(move || {
            for record in records {
                if made.send(record).is_err() {
                    return;
                }
            }
        });
        for Due { time, partition, line } in due {
            if is_over.load(Ordering::Relaxed) {
                break;
            }
            let at = clock.instant(time);
            let early = at.saturating_duration_since(Instant::now());
            if !early.is_zero() {
                feed.flush()?;
                thread::sleep(at.saturating_duration_since(Instant::now()));
            }
            feed.send(partition, &line)?;
            sent.records += 1;
            if let Some(tick) = tick(time) {
                *sent.by_tick.entry(tick).or_default().entry(time).or_default() += 1;
                sent.behind_max = sent.behind_max.max(at.elapsed());
            }
        }
        feed.finish()?;
        Ok(sent)
    })
}
