//! Records about the grid itself: nodes, lines, meters, and what operators declare.

use crate::{Metres, Microdegrees, Ppm, Price, Text, Watts};
use serde::{Deserialize, Serialize};

/// `grid.node`, an upsert on `node`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Node {
    /// The key.
    pub node: Text,
    /// Its region; missing only where the node is removed.
    pub region: Option<Text>,
    /// A name for people.
    pub name: Option<Text>,
    /// Degrees north.
    pub latitude: Option<Microdegrees>,
    /// Degrees east.
    pub longitude: Option<Microdegrees>,
    /// True where the node ceases to exist.
    pub removed: Option<bool>,
}

impl Node {
    /// The node's region, `None` where this record removes it.
    #[must_use]
    pub fn live_region(&self) -> Option<&Text> {
        if self.removed == Some(true) { None } else { self.region.as_ref() }
    }
}

/// `grid.line`, an upsert on `line`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Line {
    /// The key.
    pub line: Text,
    /// One end; missing only where the line is removed, as are `to` and `capacity`.
    pub from: Option<Text>,
    /// The other end.
    pub to: Option<Text>,
    /// What it can carry, at the sending end; not below 0.
    pub capacity: Option<Watts>,
    /// Its length.
    pub length: Option<Metres>,
    /// The share of what is sent that is lost, at most one half.
    pub loss: Option<Ppm>,
    /// The price of using it, per MWh sent; not below 0.
    pub wheeling_price: Option<Price>,
    /// Whether it is in service, where the record says so.
    pub in_service: Option<bool>,
    /// True where the line ceases to exist.
    pub removed: Option<bool>,
}

impl Line {
    /// Whether this record removes the line.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        self.removed == Some(true)
    }
}

/// `grid.line_status`, a breaker operation; it and those `grid.line` that say `in_service` order
/// together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LineStatus {
    /// The line.
    pub line: Text,
    /// Whether it is in service.
    pub in_service: bool,
}

/// How far a meter reading can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Quality {
    /// Counted, not applied.
    Bad,
    /// Trusted.
    Good,
    /// Applied like a good one.
    Suspect,
}

/// `grid.telemetry`, an upsert on `node`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Telemetry {
    /// The key.
    pub node: Text,
    /// What is generated; not below 0.
    pub generation: Watts,
    /// What is consumed; not below 0.
    pub load: Watts,
    /// What generation could reach within the lead time; absent: `generation`.
    pub available: Option<Watts>,
    /// Absent: good.
    pub quality: Option<Quality>,
}

/// `grid.reserve`, an upsert on `region`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reserve {
    /// The key.
    pub region: Text,
    /// What the region holds back from export; not below 0.
    pub reserve: Watts,
}

/// `grid.energy_price`, an upsert on `region`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EnergyPrice {
    /// The key.
    pub region: Text,
    /// Per MWh sent.
    pub price: Price,
}

/// `grid.interface_limit`, an upsert on the directed pair of regions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InterfaceLimit {
    /// The sending region.
    pub from_region: Text,
    /// The receiving region.
    pub to_region: Text,
    /// Missing only where the limit is removed; not below 0.
    pub limit: Option<Watts>,
    /// True where the limit ceases to exist.
    pub removed: Option<bool>,
}

impl InterfaceLimit {
    /// The limit, `None` where this record removes it.
    #[must_use]
    pub fn live_limit(&self) -> Option<Watts> {
        if self.removed == Some(true) { None } else { self.limit }
    }
}

/// `grid.shortfall`, an upsert on `region`: declared by an operator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shortfall {
    /// The key.
    pub region: Text,
    /// Not below 0; 0 clears it.
    pub shortfall: Watts,
}
