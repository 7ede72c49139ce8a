//! A bounded pipeline of events: many threads submit, one drains it through composable stages.
//!
//! ```
//! use gridweaver::model::Millis;
//! use gridweaver::pipeline::{Event, SubmitError, UnifiedPipeline};
//! # let reading = |id: &str, second: u32| -> Event { format!(r#"{{"specversion":"1.0","id":"{id}",
//! #   "source":"scada","type":"grid.telemetry","time":"2026-03-01T00:00:{second:02}Z",
//! #   "sequence":{second},"data":{{"node":"n1","generation_mw":1,"load_mw":2}}}}"#)
//! #   .parse().unwrap() };
//!
//! let pipeline = UnifiedPipeline::new(2)
//!     .filter_by_type("grid.*")
//!     .with_deduplication(Millis(600_000));
//! pipeline.submit(reading("b", 2))?;
//! pipeline.submit(reading("a", 1))?;
//! assert_eq!(pipeline.submit(reading("c", 3)), Err(SubmitError::BackPressure));
//!
//! let events = pipeline.sort_by_sequence();
//! assert_eq!(events.iter().map(Event::sequence).collect::<Vec<_>>(), [1, 2]);
//! assert_eq!(pipeline.counts().delivered, 2);
//! # Ok::<(), SubmitError>(())
//! ```
//!
//! Promises: nothing is dropped in silence, so that of what was submitted each event is counted
//! once, as filtered, deduplicated or delivered, or still waits; a refused event leaves no trace;
//! one submitter's events keep their order. Stages run when the pipeline is drained, in the order
//! in which they were added, and are the plain functions of [`stages`]. It keeps no time: windows
//! and deduplication go by event time.

mod counting;
mod event;
pub mod stages;
mod windowed;

pub use counting::{Counts, Happening};
pub use event::{Decided, Event};
pub use stages::{
    Window, deduplicate_events, filter_by_region, filter_by_type, sort_by_sequence, window_events,
};
pub use windowed::WindowedPipeline;

use super::lock;
use counting::Counters;
use gridweaver_model::{Decision, Millis, Time};
use stages::Stage;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use thiserror::Error;

/// Why an event was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SubmitError {
    /// The buffer is full; nothing was taken. Drain the pipeline, or slow down and try again.
    #[error("the pipeline's buffer is full: drain it, or slow down and submit again")]
    BackPressure,
}

/// See the module's documentation.
pub struct UnifiedPipeline {
    capacity: usize,
    buffer: Mutex<Buffer>,
    stages: Mutex<Vec<Stage>>,
    sources: Vec<Arc<UnifiedPipeline>>,
    counters: Counters,
}

#[derive(Default)]
struct Buffer {
    events: VecDeque<Event>,
    /// The sequence of the last decision submitted.
    decided: u64,
}

impl UnifiedPipeline {
    /// A pipeline without stages that holds at most `capacity` events, one at least.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            buffer: Mutex::default(),
            stages: Mutex::default(),
            sources: Vec::new(),
            counters: Counters::default(),
        }
    }

    /// One pipeline that delivers what `pipelines` deliver, each through its own stages first, in
    /// the order given. It can be submitted to as well, with as much room as they have together.
    ///
    /// ```
    /// # use gridweaver::pipeline::UnifiedPipeline;
    /// # use std::sync::Arc;
    /// # use gridweaver::pipeline::Event;
    /// let (scada, market) = (Arc::new(UnifiedPipeline::new(10)), Arc::new(UnifiedPipeline::new(5)));
    /// let merged = UnifiedPipeline::merge([Arc::clone(&scada), Arc::clone(&market)]);
    /// # let price: Event = r#"{"specversion":"1.0","id":"1","source":"market",
    /// #     "type":"grid.energy_price","time":"2026-03-01T12:00:00Z",
    /// #     "data":{"region":"west","price":55}}"#.parse()?;
    /// market.submit(price)?;
    /// assert_eq!((merged.drain().len(), merged.capacity()), (1, 15));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn merge<P: Into<Arc<Self>>>(pipelines: impl IntoIterator<Item = P>) -> Self {
        let sources: Vec<Arc<Self>> = pipelines.into_iter().map(Into::into).collect();
        let capacity = sources.iter().fold(0, |all: usize, one| all.saturating_add(one.capacity));
        Self { sources, ..Self::new(capacity) }
    }

    /// Keeps events of one type; a trailing `*` stands for any ending (`dispatch.*`).
    #[must_use]
    pub fn filter_by_type(self, type_name: &str) -> Self {
        self.with_stage(Stage::of_type(type_name))
    }

    /// Keeps events of one region: those that name it, and those whose node, line or program lies
    /// there by the records that came this way before. See [`stages::filter_by_region`].
    #[must_use]
    pub fn filter_by_region(self, region: &str) -> Self {
        self.with_stage(Stage::of_region(region))
    }

    /// Drops copies: events whose (`source`, `id`) passed within `window` of event time with the
    /// same or a higher sequence.
    #[must_use]
    pub fn with_deduplication(self, window: Millis) -> Self {
        self.with_stage(Stage::deduplicating(window))
    }

    /// Delivers in event-time windows of `size`, aligned to the epoch.
    #[must_use]
    pub fn window_events(self, size: Millis) -> WindowedPipeline {
        WindowedPipeline::new(self, size)
    }

    /// Calls `hook` with what happened, and to how many events. It is called after the fact, on
    /// the thread that caused it, and must not submit to or drain this pipeline, nor decide into it.
    #[must_use]
    pub fn with_hook(mut self, hook: impl Fn(Happening, u64) + Send + Sync + 'static) -> Self {
        self.counters.add_hook(Box::new(hook));
        self
    }

    fn with_stage(self, stage: Stage) -> Self {
        lock(&self.stages).push(stage);
        self
    }

    /// Takes an event to its buffer. Safe from many threads.
    ///
    /// # Errors
    ///
    /// [`SubmitError::BackPressure`] where the buffer is full.
    pub fn submit(&self, event: impl Into<Event>) -> Result<(), SubmitError> {
        let mut buffer = lock(&self.buffer);
        if buffer.events.len() >= self.capacity {
            return Err(SubmitError::BackPressure);
        }
        buffer.events.push_back(event.into());
        self.counters.add(Happening::Submitted, 1);
        drop(buffer);
        self.counters.tell(Happening::Submitted, 1);
        Ok(())
    }

    /// Takes decisions, all or none, in the order of a tick's records; they are numbered on from
    /// the last one that this pipeline took.
    ///
    /// # Errors
    ///
    /// [`SubmitError::BackPressure`] where not all of them fit.
    pub fn submit_decisions(
        &self,
        time: Time,
        mut decisions: Vec<Decision>,
    ) -> Result<(), SubmitError> {
        decisions.sort_by(|a, b| a.place().cmp(&b.place()));
        let mut buffer = lock(&self.buffer);
        if decisions.len() > self.capacity.saturating_sub(buffer.events.len()) {
            return Err(SubmitError::BackPressure);
        }
        let count = decisions.len();
        for decision in decisions {
            buffer.decided += 1;
            let decided = Decided { time, sequence: buffer.decided, decision };
            buffer.events.push_back(Event::Decision(Arc::new(decided)));
        }
        self.counters.add(Happening::Submitted, count);
        drop(buffer);
        self.counters.tell(Happening::Submitted, count);
        Ok(())
    }

    /// Delivers what waits, in the order of its submission.
    #[must_use]
    pub fn drain(&self) -> Vec<Event> {
        let events = self.staged();
        self.counters.count(Happening::Delivered, events.len());
        events
    }

    /// Delivers what waits, in the order of [`stages::sort_by_sequence`].
    #[must_use]
    pub fn sort_by_sequence(&self) -> Vec<Event> {
        stages::sort_by_sequence(&self.drain())
    }

    /// What waits, through all stages, not yet delivered.
    fn staged(&self) -> Vec<Event> {
        let mut stages = lock(&self.stages);
        let mut events: Vec<Event> = Vec::new();
        for source in &self.sources {
            events.extend(source.drain());
        }
        self.counters.count(Happening::Submitted, events.len());
        events.extend(std::mem::take(&mut lock(&self.buffer).events));
        for stage in stages.iter_mut() {
            let before = events.len();
            events.retain(|event| stage.keeps(event));
            self.counters.count(stage.drops_as(), before - events.len());
        }
        events
    }

    /// What has happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.counts()
    }

    /// How many events wait in its own buffer.
    #[must_use]
    pub fn waiting(&self) -> usize {
        lock(&self.buffer).events.len()
    }

    /// How many events may wait.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }
}
