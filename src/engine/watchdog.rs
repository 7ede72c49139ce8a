//! Event time that stands still is told, and who holds it.

use super::frontier::Holder;
use super::shared::Shared;
use gridweaver_model::Time;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Looks until nothing is read any more.
pub(super) fn watch(shared: &Shared, stalled_after: Duration) {
    let tick_ms = shared.rules.tick.0 + shared.rules.lateness.0;
    let patience = stalled_after + Duration::from_millis(2 * tick_ms.unsigned_abs());
    let mut stands_at = 0;
    let mut since = Instant::now();
    while !shared.is_read_out() {
        thread::sleep(LOOK_EVERY);
        let reached = shared.progress.tick_end_ms.load(Ordering::Relaxed);
        let (records, _) = shared.gate.in_flight();
        if reached != stands_at || records == 0 {
            (stands_at, since) = (reached, Instant::now());
            shared.progress.lock().stalled = None;
        } else if since.elapsed() > patience && shared.progress.lock().stalled.is_none() {
            let told = tell(shared, reached, records, since.elapsed());
            tracing::warn!("{told}");
            shared.progress.lock().stalled = Some(told);
        }
    }
}

fn tell(shared: &Shared, reached_ms: u64, records: u64, since: Duration) -> String {
    let reached = Time(i64::try_from(reached_ms).unwrap_or(i64::MAX));
    let stands = if reached_ms == 0 {
        format!("no tick was closed for {} s", since.as_secs())
    } else {
        format!("event time has stood at {reached} for {} s", since.as_secs())
    };
    let queued = shared.progress.lock().queued;
    let held = match shared.gate.holder() {
        _ if queued > 0 => format!("{queued} closed ticks wait for the outputs"),
        None if shared.council.is_some() => {
            "no partition holds it: an output, or another process, is not done with it".to_owned()
        }
        None => "no partition holds it: an output is not done with it".to_owned(),
        Some(Holder::Own(partition, tick)) => {
            let name = shared.name_of(partition);
            let watermark = shared.rules.start_of(tick);
            format!("{name} holds it: its watermark is in the tick from {watermark} on")
        }
        Some(Holder::Other(process)) => {
            format!("a partition that process {process} reads holds it, or that process itself")
        }
        Some(Holder::Nobody) => {
            "all partitions are silent, and were not live as they fell so".to_owned()
        }
    };
    format!("{stands} while {records} records wait; {held}")
}
