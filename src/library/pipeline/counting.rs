//! What happens to events, counted, and told to whoever asked for it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// What happens to an event.
///
/// ```
/// # use gridweaver::pipeline::{Event, Happening, UnifiedPipeline};
/// # use std::sync::Arc;
/// # use std::sync::atomic::{AtomicU64, Ordering};
/// let filtered = Arc::new(AtomicU64::new(0));
/// let count = Arc::clone(&filtered);
/// let pipeline = UnifiedPipeline::new(10).filter_by_type("dr.*").with_hook(move |what, events| {
///     if what == Happening::Filtered {
///         count.fetch_add(events, Ordering::Relaxed);
///     }
/// });
/// # let event: Event = r#"{"specversion":"1.0","id":"1","source":"scada","type":"grid.node",
/// #     "time":"2026-03-01T12:00:00Z","data":{"node":"n1","region":"west"}}"#.parse()?;
/// pipeline.submit(event)?;
/// assert_eq!((pipeline.drain().len(), filtered.load(Ordering::Relaxed)), (0, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Happening {
    /// It was taken to the buffer, or came from a merged pipeline.
    Submitted,
    /// A filter dropped it.
    Filtered,
    /// It was a copy.
    Deduplicated,
    /// It was handed to the caller.
    Delivered,
}

/// How often what has happened.
///
/// ```
/// # use gridweaver::pipeline::{Counts, Event, UnifiedPipeline};
/// let pipeline = UnifiedPipeline::new(10);
/// # let event: Event = r#"{"specversion":"1.0","id":"1","source":"scada","type":"grid.node",
/// #     "time":"2026-03-01T12:00:00Z","data":{"node":"n1","region":"west"}}"#.parse()?;
/// pipeline.submit(event)?;
/// assert_eq!(pipeline.counts(), Counts { submitted: 1, ..Counts::default() });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events taken.
    pub submitted: u64,
    /// Events that a filter dropped.
    pub filtered: u64,
    /// Events that were copies.
    pub deduplicated: u64,
    /// Events handed to the caller.
    pub delivered: u64,
}

type Hook = Box<dyn Fn(Happening, u64) + Send + Sync>;

#[derive(Default)]
pub(super) struct Counters {
    /// By happening.
    counts: [AtomicU64; 4],
    hooks: Vec<Hook>,
}

impl Counters {
    pub(super) fn add_hook(&mut self, hook: Hook) {
        self.hooks.push(hook);
    }

    /// Counts, and tells the hooks.
    pub(super) fn count(&self, happening: Happening, events: usize) {
        self.add(happening, events);
        self.tell(happening, events);
    }

    /// Counts what the hooks are told of later, with no lock held.
    pub(super) fn add(&self, happening: Happening, events: usize) {
        self.counts[happening as usize].fetch_add(events as u64, Ordering::Release);
    }

    pub(super) fn tell(&self, happening: Happening, events: usize) {
        if events > 0 {
            self.hooks.iter().for_each(|hook| hook(happening, events as u64));
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let count = |happening: Happening| self.counts[happening as usize].load(Ordering::Acquire);
        // What is submitted first is read last: no outcome is seen without its submission.
        let (delivered, filtered) = (count(Happening::Delivered), count(Happening::Filtered));
        let deduplicated = count(Happening::Deduplicated);
        Counts { submitted: count(Happening::Submitted), filtered, deduplicated, delivered }
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts().fmt(formatter)
    }
}
