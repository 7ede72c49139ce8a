//! What enters the dataflow: a well-formed record, in the tick that it was admitted to.

use gridweaver_model::{Data, Record, Text};
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

impl Row {
    /// The views that take this row.
    #[must_use]
    pub fn family(&self) -> Family {
        match &self.record.data {
            Data::Node(_) | Data::Line(_) | Data::LineStatus(_) | Data::Watermark => Family::Grid,
            Data::Reserve(_)
            | Data::EnergyPrice(_)
            | Data::Shortfall(_)
            | Data::InterfaceLimit(_) => Family::Regions,
            Data::Telemetry(_) => Family::Telemetry,
            Data::Program(_) => Family::Programs,
            Data::Bid(_) | Data::BidWithdrawn(_) => Family::Bids,
            Data::Performance(_) => Family::Facts,
            Data::Response(_) => Family::Answers,
        }
    }
}

/// Which views take a row. Rows travel in batches of one family, so that a whole batch is handed
/// on without looking at its rows again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Nodes and lines. (Watermarks never enter the dataflow.)
    Grid,
    /// What is declared for regions.
    Regions,
    /// Meter readings.
    Telemetry,
    /// Programs.
    Programs,
    /// Bids and withdrawals.
    Bids,
    /// Performance.
    Facts,
    /// Answers to orders.
    Answers,
}

impl Family {
    /// How many there are.
    pub const COUNT: u64 = 7;
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

/// The hash of a key by which views are sharded.
#[must_use]
pub fn key_hash(key: &Text) -> u64 {
    xxhash_rust::xxh3::xxh3_64(key.as_bytes())
}
