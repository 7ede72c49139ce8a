//! Whether a partition of a live stream is silent, and whether it was live when it fell so.
//!
//! Only time that was spent waiting at its head counts: a partition that we ourselves do not read
//! is never silent.

use gridweaver_model::{Millis, Time};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the wall clock decides about live partitions.
#[derive(Clone, Copy, Debug)]
pub struct Live {
    /// How long a partition may be silent until it is passed over; `None`: for ever.
    pub idle_timeout: Option<Duration>,
    /// How far past the wall clock a record's time may lie.
    pub ahead_max: Millis,
    /// How long event time may stand still while records wait until that is told, besides two ticks.
    pub stalled_after: Duration,
}

/// The wall clock.
#[expect(
    clippy::disallowed_methods,
    reason = "what it chooses is written, and repeated from there"
)]
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// How one partition is heard.
#[derive(Debug)]
pub(super) struct Silence {
    timeout: Option<Duration>,
    waited: Duration,
    has_brought: bool,
    was_live: bool,
    is_passed_over: bool,
}

impl Silence {
    /// `has_brought`: whether it ever brought a record; `was_live`: whether the last one was of its
    /// time.
    pub(super) fn new(timeout: Option<Duration>, has_brought: bool, was_live: bool) -> Self {
        Self { timeout, waited: Duration::ZERO, has_brought, was_live, is_passed_over: false }
    }

    /// The partition was read at its head for so long, and brought nothing. True: it is passed over
    /// from now on.
    pub(super) fn wait(&mut self, waited: Duration) -> bool {
        self.waited += waited;
        let is_due =
            self.timeout.is_some_and(|timeout| !self.has_brought || self.waited >= timeout);
        is_due && !std::mem::replace(&mut self.is_passed_over, true)
    }

    /// It brought something. True: it was passed over until now.
    pub(super) fn hear(&mut self) -> bool {
        self.waited = Duration::ZERO;
        self.has_brought = true;
        std::mem::take(&mut self.is_passed_over)
    }

    /// Whether nobody waits for it.
    pub(super) fn is_passed_over(&self) -> bool {
        self.is_passed_over
    }

    /// Whether the last record was of its time as it came.
    pub(super) fn was_live(&self) -> bool {
        self.was_live
    }

    /// Notes a record's time. One that was read before says nothing new, unless it is of the present.
    pub(super) fn note(&mut self, time: Time, now: Time, ahead_max: Millis, is_known: bool) {
        let is_live = time.0.abs_diff(now.0) <= ahead_max.0.unsigned_abs();
        self.was_live = is_live || (is_known && self.was_live);
    }

    /// It was found while running: it starts as passed over.
    pub(super) fn begin_passed_over(&mut self) {
        self.is_passed_over = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn silence_is_what_was_waited_at_the_head() {
        let mut silence = Silence::new(Some(3 * SECOND), true, false);
        assert!(!silence.wait(2 * SECOND));
        assert!(!silence.hear());
        assert!(!silence.wait(2 * SECOND));
        assert!(silence.wait(SECOND));
        assert!(!silence.wait(SECOND), "told once");
        assert!(silence.hear());
    }

    #[test]
    fn what_never_brought_anything_is_passed_over_at_once() {
        let mut silence = Silence::new(Some(3 * SECOND), false, false);
        assert!(silence.wait(Duration::ZERO));
        let mut off = Silence::new(None, false, false);
        assert!(!off.wait(100 * SECOND));
    }
}
