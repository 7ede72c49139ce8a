//! Dead letters, each to the outputs that take those of its partition.

use gridweaver_connectors::{Sink, SinkError};
use gridweaver_model::DeadLetter;

/// An output for records that could not be read.
pub struct DeadLetters {
    /// Where they go.
    pub sink: Box<dyn Sink>,
    /// Whether it takes those of a partition, by the partition's name.
    pub takes: Box<dyn Fn(&str) -> bool + Send>,
}

impl DeadLetters {
    /// An output for those of all partitions.
    #[must_use]
    pub fn of_all(sink: Box<dyn Sink>) -> Self {
        Self { sink, takes: Box::new(|_| true) }
    }

    pub(super) fn append(&mut self, letters: &[DeadLetter]) -> Result<(), SinkError> {
        let mut text = Vec::new();
        let own = letters.iter().filter(|letter| (self.takes)(&letter.source));
        own.for_each(|letter| letter.write(&mut text));
        if text.is_empty() { Ok(()) } else { self.sink.append(&text) }
    }
}
