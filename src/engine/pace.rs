//! How fast event time passes, where history is not played as fast as can be.
//!
//! All partitions share one clock: event time runs from the first record that any of them brought.
//! It delays reading and nothing else, so what is decided is the same at any speed.

use gridweaver_model::Time;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Pace {
    factor: f64,
    origin: Arc<OnceLock<(Instant, Time)>>,
}

/// How long to sleep before looking at the stop flag again.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Pace {
    /// Event time passes `factor` times as fast as the wall clock; above 0.
    #[must_use]
    pub fn of(factor: f64) -> Self {
        Self { factor, origin: Arc::default() }
    }

    /// Waits until an event time has come, or the run is to stop.
    pub(super) fn wait(&self, time: Option<Time>, stop: &AtomicBool) {
        let Some(time) = time else { return };
        let (begun, first) = *self.origin.get_or_init(|| (Instant::now(), time));
        let ahead_ms = time.0.saturating_sub(first.0).max(0) as f64 / self.factor;
        let due = begun + Duration::from_secs_f64(ahead_ms / 1000.0);
        while !stop.load(Ordering::SeqCst) {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(LOOK_EVERY));
        }
    }
}
