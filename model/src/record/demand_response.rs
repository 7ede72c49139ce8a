//! Records about demand response: programs, bids, what participants delivered and answered.

use crate::{Millis, Ppm, Price, Text, Time, Watts};
use serde::{Deserialize, Serialize};

/// `dr.program`, an upsert on `program`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Program {
    /// The key.
    pub program: Text,
    /// Its region; missing only where the program is removed, as is `capacity`.
    pub region: Option<Text>,
    /// What all its accepted bids may reach together; not below 0.
    pub capacity: Option<Watts>,
    /// Bids above this price are not eligible.
    pub max_price: Option<Price>,
    /// True where the program ceases to exist.
    pub removed: Option<bool>,
}

impl Program {
    /// Whether this record removes the program.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        self.removed == Some(true)
    }
}

/// `dr.bid`, an upsert on `bid`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bid {
    /// The key.
    pub bid: Text,
    /// Who offers.
    pub participant: Text,
    /// The program that it is offered under.
    pub program: Text,
    /// Where the load falls; absent: the main area of the program's region.
    pub node: Option<Text>,
    /// Paid per MWh; may be negative.
    pub price: Price,
    /// The least that it delivers once it is on; not below 0.
    pub min: Watts,
    /// The most; at least `min` and above 0.
    pub max: Watts,
    /// Offered from here.
    pub start: Time,
    /// Offered to here; after `start`.
    pub end: Time,
    /// How long ahead it must be told.
    pub notice: Option<Millis>,
    /// How long it runs at least once started.
    pub min_run: Option<Millis>,
    /// What the participant claims, where it has no record of its own.
    pub reliability: Option<Ppm>,
}

/// `dr.bid_withdrawn`: final, whichever of bid and withdrawal arrives first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BidWithdrawn {
    /// The bid.
    pub bid: Text,
}

/// `dr.performance`, a fact keyed by (`source`, `id`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Performance {
    /// Whose record it is.
    pub participant: Text,
    /// What was instructed; above 0.
    pub instructed: Watts,
    /// What was delivered; not below 0.
    pub delivered: Watts,
}

/// What a participant says of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Answer {
    /// It is done.
    Completed,
    /// It cannot be done.
    Failed,
    /// The participant declines.
    OptedOut,
    /// The order has arrived.
    Received,
    /// It is being carried out.
    Started,
}

impl Answer {
    /// The `status` on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::OptedOut => "opted_out",
            Self::Received => "received",
            Self::Started => "started",
        }
    }
}

/// `dispatch.response`, a fact about an order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Response {
    /// The order.
    pub order: Text,
    /// The answer; variants stand in the byte order of their names.
    pub status: Answer,
    /// The relief confirmed; absent: the order's.
    pub confirmed: Option<Watts>,
}
