//! What GridWeaver reads: an envelope and, by type, its data.
//!
//! The fields of every data struct stand in the order of the contract, and absent sorts before
//! present: the derived order *is* the order by which equal copies of a record are told apart.
//! Likewise the variants of [`Data`] stand in the byte order of their type names.

mod demand_response;
mod grid;

pub use demand_response::{Answer, Bid, BidWithdrawn, Performance, Program, Response};
pub use grid::{
    EnergyPrice, InterfaceLimit, Line, LineStatus, Node, Quality, Reserve, Shortfall, Telemetry,
};

use crate::{Text, Time};
use serde::{Deserialize, Serialize};

/// What orders the copies and the successors of a record: the greatest wins. Text goes by bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version {
    /// Event time.
    pub time: Time,
    /// Rising per source; 0 where the record had none.
    pub sequence: u64,
    /// The producer.
    pub source: Text,
    /// Unique within the source.
    pub id: Text,
}

/// The attributes of a record that outlive its reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// When, in which order, from whom.
    pub version: Version,
    /// Ties a chain of records together; absent stands for the record's own id.
    pub correlation_id: Option<Box<str>>,
}

/// One well-formed record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its attributes.
    pub envelope: Envelope,
    /// Its type and payload.
    pub data: Data,
}

impl Record {
    /// The record's event time.
    #[must_use]
    pub fn time(&self) -> Time {
        self.envelope.version.time
    }
}

/// The payload, by record type. The variants' order is the byte order of [`Data::type_name`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Data {
    /// `dispatch.response`: a participant answers an order.
    Response(Box<Response>),
    /// `dr.bid`: an offer of demand response.
    Bid(Box<Bid>),
    /// `dr.bid_withdrawn`: a bid is taken back for good.
    BidWithdrawn(BidWithdrawn),
    /// `dr.performance`: what a participant delivered of what it was instructed.
    Performance(Box<Performance>),
    /// `dr.program`: a demand-response program of a region.
    Program(Box<Program>),
    /// `grid.energy_price`: the energy price of a region.
    EnergyPrice(EnergyPrice),
    /// `grid.interface_limit`: a limit on the flow from one region to another.
    InterfaceLimit(Box<InterfaceLimit>),
    /// `grid.line`: a line between two nodes.
    Line(Box<Line>),
    /// `grid.line_status`: a breaker operation.
    LineStatus(LineStatus),
    /// `grid.node`: a node of a region.
    Node(Box<Node>),
    /// `grid.reserve`: what a region holds back.
    Reserve(Reserve),
    /// `grid.shortfall`: a shortfall declared by an operator.
    Shortfall(Shortfall),
    /// `grid.telemetry`: a meter reading of a node.
    Telemetry(Telemetry),
    /// `source.watermark`: the partition promises nothing earlier.
    Watermark,
}

impl Data {
    /// The record's `type` on the wire.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Response(_) => "dispatch.response",
            Self::Bid(_) => "dr.bid",
            Self::BidWithdrawn(_) => "dr.bid_withdrawn",
            Self::Performance(_) => "dr.performance",
            Self::Program(_) => "dr.program",
            Self::EnergyPrice(_) => "grid.energy_price",
            Self::InterfaceLimit(_) => "grid.interface_limit",
            Self::Line(_) => "grid.line",
            Self::LineStatus(_) => "grid.line_status",
            Self::Node(_) => "grid.node",
            Self::Reserve(_) => "grid.reserve",
            Self::Shortfall(_) => "grid.shortfall",
            Self::Telemetry(_) => "grid.telemetry",
            Self::Watermark => "source.watermark",
        }
    }

    /// Whether the record is a fact, added up and never overridden by a key: facts are never
    /// refused for being late.
    #[must_use]
    pub fn is_fact(&self) -> bool {
        matches!(self, Self::Performance(_) | Self::Response(_))
    }
}
