//! Where a test lets the process die, as if the machine had failed. Release builds have no such
//! places.
//!
//! `GRIDWEAVER_DIES_AT=step:n` ends the process without a word when it comes to the step for the
//! n-th time. Steps are those between which a crash may leave something half done.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Before an output is asked to make a tick durable.
pub(super) const BEFORE_COMMIT: &str = "before_commit";
/// One of several outputs has done so, the next has not.
pub(super) const BETWEEN_OUTPUTS: &str = "between_outputs";
/// All outputs have done so.
pub(super) const AFTER_COMMIT: &str = "after_commit";
/// A checkpoint is half written.
pub(super) const IN_CHECKPOINT: &str = "in_checkpoint";
/// It is written, but does not bear its name.
pub(super) const BEFORE_RENAME: &str = "before_rename";
/// It bears its name; older ones were not removed yet.
pub(super) const AFTER_RENAME: &str = "after_rename";

/// Dies here where that was asked for.
pub(super) fn step(name: &str) {
    if cfg!(debug_assertions) {
        die_at(name);
    }
}

fn die_at(name: &str) {
    static DIES_AT: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static COME_TO: AtomicU64 = AtomicU64::new(0);
    let dies_at = DIES_AT.get_or_init(|| {
        let asked = std::env::var("GRIDWEAVER_DIES_AT").ok()?;
        let (step, count) = asked.split_once(':')?;
        Some((step.to_owned(), count.parse().ok()?))
    });
    if let Some((step, count)) = dies_at
        && step == name
        && COME_TO.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        std::process::abort();
    }
}
