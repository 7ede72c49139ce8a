//! What a pipeline carries: records that were read, and decisions that were made from them.

use gridweaver_model::decision::GRIDWEAVER;
use gridweaver_model::{Decision, Record, Refusal, Text, Time, decode_text};
use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

/// What is longer is no record, as with the engine's default.
const RECORD_BYTES_MAX: usize = 1 << 20;

/// A decision, when it was made and its number in its pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// When.
    pub time: Time,
    /// From 1, without gaps, over all decisions submitted to one pipeline.
    pub sequence: u64,
    /// What.
    pub decision: Decision,
}

/// One event; cheap to clone.
///
/// ```
/// # use gridweaver::pipeline::Event;
/// let text = r#"{"specversion":"1.0","id":"e1","source":"scada","type":"grid.node",
///     "time":"2026-03-01T12:00:00Z","sequence":7,"data":{"node":"n1","region":"west"}}"#;
/// let event: Event = text.parse()?;
/// assert_eq!((event.type_name(), event.source(), event.sequence()), ("grid.node", "scada", 7));
/// # Ok::<(), gridweaver::model::Refusal>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A record that was read.
    Record(Arc<Record>),
    /// A decision.
    Decision(Arc<Decided>),
}

impl From<Record> for Event {
    fn from(record: Record) -> Self {
        Self::Record(Arc::new(record))
    }
}

impl From<Arc<Record>> for Event {
    fn from(record: Arc<Record>) -> Self {
        Self::Record(record)
    }
}

/// Reads a record from its line, by the engine's own rules.
impl FromStr for Event {
    type Err = Refusal;

    fn from_str(line: &str) -> Result<Self, Refusal> {
        decode_text(line, RECORD_BYTES_MAX).map(Self::from)
    }
}

impl Event {
    /// Its `type` on the wire.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Record(record) => record.data.type_name(),
            Self::Decision(decided) => decided.decision.event.type_name(),
        }
    }

    /// When it happened.
    #[must_use]
    pub fn time(&self) -> Time {
        match self {
            Self::Record(record) => record.time(),
            Self::Decision(decided) => decided.time,
        }
    }

    /// Its number at its source; 0 where the record has none.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        match self {
            Self::Record(record) => record.envelope.version.sequence,
            Self::Decision(decided) => decided.sequence,
        }
    }

    /// Its producer.
    #[must_use]
    pub fn source(&self) -> &str {
        match self {
            Self::Record(record) => &record.envelope.version.source,
            Self::Decision(_) => GRIDWEAVER,
        }
    }

    /// Unique within its source.
    #[must_use]
    pub fn id(&self) -> Cow<'_, Text> {
        match self {
            Self::Record(record) => Cow::Borrowed(&record.envelope.version.id),
            Self::Decision(decided) => Cow::Owned(decided.decision.id(decided.time)),
        }
    }
}
