//! A pipeline that delivers window by window.

use super::stages::{self, Window};
use super::{Counts, Event, Happening, SubmitError, UnifiedPipeline};
use crate::library::lock;
use gridweaver_model::{Millis, Time};
use std::sync::Mutex;

/// A [`UnifiedPipeline`] whose events are delivered in tumbling windows of event time.
///
/// ```
/// # use gridweaver::pipeline::{Event, UnifiedPipeline, WindowedPipeline};
/// # use gridweaver::model::{Millis, Time};
/// # let node = |id: u32| -> Event { format!(r#"{{"specversion":"1.0","id":"{id}","source":"scada",
/// #     "type":"grid.node","time":"1970-01-01T00:0{id}:30Z","sequence":{id},
/// #     "data":{{"node":"n1","region":"west"}}}}"#).parse().unwrap() };
/// let pipeline: WindowedPipeline = UnifiedPipeline::new(100).window_events(Millis(60_000));
/// pipeline.submit(node(1))?;
/// pipeline.submit(node(2))?;
/// let over = pipeline.sort_by_sequence_until(Time(120_000));
/// assert_eq!((over.len(), over[0].start), (1, Time(60_000)));
/// assert_eq!(pipeline.sort_by_sequence().len(), 1);
/// # Ok::<(), gridweaver::pipeline::SubmitError>(())
/// ```
pub struct WindowedPipeline {
    pipeline: UnifiedPipeline,
    size: Millis,
    /// Through all stages, in windows that are not over.
    open: Mutex<Vec<Event>>,
}

impl WindowedPipeline {
    pub(super) fn new(pipeline: UnifiedPipeline, size: Millis) -> Self {
        Self { pipeline, size, open: Mutex::default() }
    }

    /// As [`UnifiedPipeline::submit`].
    ///
    /// # Errors
    ///
    /// [`SubmitError::BackPressure`] where the buffer is full.
    pub fn submit(&self, event: impl Into<Event>) -> Result<(), SubmitError> {
        self.pipeline.submit(event)
    }

    /// Delivers all windows that hold something, also those that may go on: what comes later for
    /// one of them begins it anew. By start, each in the order of [`stages::sort_by_sequence`].
    #[must_use]
    pub fn sort_by_sequence(&self) -> Vec<Window> {
        self.sort_by_sequence_until(Time(i64::MAX))
    }

    /// Delivers the windows that end at or before `watermark`, likewise. The others wait outside
    /// the buffer, until a later watermark ends them.
    #[must_use]
    pub fn sort_by_sequence_until(&self, watermark: Time) -> Vec<Window> {
        let mut open = lock(&self.open);
        open.extend(self.pipeline.staged());
        let mut windows = stages::window_events(&open, self.size);
        let over = windows.partition_point(|window| window.end <= watermark);
        *open = windows.split_off(over).into_iter().flat_map(|window| window.events).collect();
        for window in &mut windows {
            window.events = stages::sort_by_sequence(&window.events);
        }
        let delivered = windows.iter().map(|window| window.events.len()).sum();
        self.pipeline.counters.count(Happening::Delivered, delivered);
        windows
    }

    /// What has happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.pipeline.counts()
    }
}
