//! What enters the dataflow: a well-formed record, in the tick that it was admitted to.

use gridweaver_model::Record;
use serde::{Deserialize, Serialize};

/// One admitted record. Its tick is the timestamp that it travels under.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The record.
    pub record: Record,
    /// Where it came from and its bytes, kept only for a record so late that its key may have been
    /// forgotten: it can still become a dead letter.
    pub origin: Option<Box<Origin>>,
}

/// A record's place in its source, and its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// `<connector>/<topic or path>/<partition>`.
    pub source: String,
    /// Its position there.
    pub offset: u64,
    /// The record as it came.
    pub raw: Vec<u8>,
}
