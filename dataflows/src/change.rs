//! What views tell one another: only what changed, net, once a tick.
//!
//! Every change gives the new value whole (`None`: it is gone), so whoever listens keeps a map and
//! needs no history. Within a tick changes come in no particular order.

use gridweaver_model::decision::{Refused, Violation};
use gridweaver_model::{DeadLetter, Decision, Millis, Ppm, Price, Text, Tick, Time, Watts};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An area's handle: an island's component and a region's number. It never orders or names
/// anything that is written: numbers depend on arrival.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct AreaKey {
    /// The island's connected component.
    pub component: u32,
    /// The region.
    pub region: u32,
}

/// Who an area is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AreaIdentity {
    /// `region`, or `region@island` where the region is split.
    pub name: Text,
    /// Its region.
    pub region: Text,
    /// Its island.
    pub island: Text,
    /// How many nodes.
    pub nodes: u64,
    /// Whether it is its region's main area.
    pub main: bool,
}

/// The newest reading of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// When it was taken.
    pub time: Time,
    /// Generated.
    pub generation: Watts,
    /// Consumed.
    pub load: Watts,
    /// What generation could reach.
    pub available: Watts,
}

/// The sums over an area's nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Generated.
    pub generation: Watts,
    /// Consumed.
    pub load: Watts,
    /// What generation could reach.
    pub available: Watts,
    /// Nodes whose newest reading is too old.
    pub stale_nodes: u64,
    /// The load that they hold.
    pub stale_load: Watts,
    /// The available power that they hold.
    pub stale_available: Watts,
    /// The newest reading's time, where there is one.
    pub newest: Option<Time>,
}

/// A live line that joins two areas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tie {
    /// The areas of its ends.
    pub areas: [AreaKey; 2],
    /// What it can carry.
    pub capacity: Watts,
    /// Lost of what is sent.
    pub loss: Ppm,
    /// Per MWh sent.
    pub wheeling_price: Price,
}

/// One direction between two areas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// What it can carry, limits applied.
    pub capacity: Watts,
    /// Whether a declared limit is what binds.
    pub limited: bool,
    /// Lost of what is sent.
    pub loss: Ppm,
    /// Per MWh sent.
    pub wheeling_price: Price,
    /// Its lines and what each can carry, sorted by name.
    pub lines: Vec<(Text, Watts)>,
}

/// A program that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Its region.
    pub region: Text,
    /// What all its accepted bids may reach together.
    pub capacity: Watts,
    /// Bids above it are not eligible.
    pub max_price: Option<Price>,
}

/// Where a bid stands by its own records and by time; whether it is accepted is the planner's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// It may be accepted now.
    Eligible,
    /// Its price is above its program's.
    TooDear,
    /// It may not be accepted now: not started, too near its end, or something it names is missing.
    Waiting,
    /// Its window is over.
    Expired,
    /// It was taken back.
    Withdrawn,
}

/// A bid as the planner needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Whose bid.
    pub participant: Text,
    /// Under which program.
    pub program: Text,
    /// Where the load falls; `None`: the main area of the program's region.
    pub node: Option<Text>,
    /// Paid per MWh.
    pub price: Price,
    /// The least it delivers once on.
    pub min: Watts,
    /// The most.
    pub max: Watts,
    /// Its window's end.
    pub end: Time,
    /// How long ahead it must be told.
    pub notice: Millis,
    /// How long it runs at least.
    pub min_run: Millis,
    /// When it was submitted.
    pub submitted: Time,
    /// What it is ranked by.
    pub score: Price,
    /// The participant's reliability that the score was made with.
    pub reliability: Ppm,
    /// Whether its program exists and the node it names lies in the program's region.
    pub placed: bool,
    /// Where it stands.
    pub phase: Phase,
}

/// What a record says that refers to something unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Referrer {
    /// A bid.
    Bid,
    /// A node's telemetry.
    Telemetry,
}

/// A line as it is known, for the rules of a sound grid.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KnownLine {
    /// Its name.
    pub line: Text,
    /// One end.
    pub from: Text,
    /// The other.
    pub to: Text,
    /// Whether it can carry anything.
    pub carries: bool,
    /// Whether it is in service.
    pub in_service: bool,
}

/// One change. Readings are by far the most: what is larger than one is boxed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Change {
    /// A node exists in a region.
    Node {
        /// The node.
        node: Text,
        /// Its region.
        region: Option<Text>,
    },
    /// A node comes to exist or ceases to: `difference` is 1 or -1.
    NodeExists {
        /// The node.
        node: Text,
        /// Whether it comes or goes.
        difference: i8,
    },
    /// A node lies in another area.
    Placed {
        /// The node.
        node: Text,
        /// Its area.
        area: Option<AreaKey>,
    },
    /// An area is, or is no longer.
    Area {
        /// Its handle.
        area: AreaKey,
        /// Who it is.
        identity: Option<Box<AreaIdentity>>,
    },
    /// How many nodes of an area of the tick before are now in which area, by name.
    Succession {
        /// The area a tick earlier.
        from: Text,
        /// The area now.
        to: Text,
        /// How many nodes of the first are in the second.
        nodes: u64,
    },
    /// An island has other figures.
    Island {
        /// Its name.
        island: Text,
        /// Nodes and regions, sorted.
        shape: Option<Box<(u64, Vec<Text>)>>,
    },
    /// A line that is known gains or loses one of its forms: `difference` is 1 or -1.
    Line {
        /// The line.
        line: Box<KnownLine>,
        /// How many of this form come or go.
        difference: i8,
    },
    /// A live line, or one that is live no longer.
    LiveLine {
        /// The line.
        line: Text,
        /// The nodes that it joins.
        ends: Option<Box<(Text, Text)>>,
    },
    /// A live line between two areas.
    Tie {
        /// The line.
        line: Text,
        /// What it joins.
        tie: Option<Box<Tie>>,
    },
    /// One direction of an interface.
    Interface {
        /// The sending area.
        from: Text,
        /// The receiving area.
        to: Text,
        /// What it can do.
        interface: Option<Box<Interface>>,
    },
    /// A limit between two regions.
    Limit {
        /// The sending region.
        from: Text,
        /// The receiving region.
        to: Text,
        /// The limit.
        limit: Option<Watts>,
    },
    /// What a region holds back.
    Reserve {
        /// The region.
        region: Text,
        /// How much.
        reserve: Watts,
    },
    /// What energy costs in a region.
    EnergyPrice {
        /// The region.
        region: Text,
        /// Per MWh.
        price: Price,
    },
    /// A shortfall declared for a region.
    Declared {
        /// The region.
        region: Text,
        /// How much.
        shortfall: Watts,
    },
    /// A node's newest reading.
    Reading {
        /// The node.
        node: Text,
        /// What it says.
        reading: Reading,
        /// The first ever heard of this node.
        first: bool,
    },
    /// When a node that a bid names was last read.
    Heard {
        /// The node.
        node: Text,
        /// Its newest reading's time.
        time: Time,
    },
    /// An area's sums.
    Figures {
        /// The area.
        area: AreaKey,
        /// Its sums.
        figures: Figures,
    },
    /// A program.
    Program {
        /// Its name.
        program: Text,
        /// What it is.
        details: Option<Box<Program>>,
    },
    /// A participant's own record.
    Reliability {
        /// The participant.
        participant: Text,
        /// Delivered of instructed.
        reliability: Option<Ppm>,
    },
    /// A bid; `None` once it is forgotten.
    Bid {
        /// Its name.
        bid: Text,
        /// What it offers and where it stands; `bids` and the planner hold the same.
        offer: Option<Arc<Offer>>,
    },
    /// A rule of a sound grid is broken, or kept again.
    Violation(Box<Violation>),
    /// Something refers to what is not there (or no longer).
    Unresolved {
        /// What kind of record.
        referrer: Referrer,
        /// Its key.
        key: Text,
        /// What is missing, e.g. `node n1`; `None` once it is resolved.
        missing: Option<Text>,
    },
    /// A record that came too late for its forgotten key.
    Refused(Box<DeadLetter>),
    /// Something to write.
    Decision(Box<Decision>),
    /// Records that were refused as `future`, and the first tick that may tell of it.
    OfTheFuture(Tick, Refused),
    /// A silent partition was not waited for.
    PassedOver {
        /// The partition.
        partition: Text,
        /// Its next record lies here or behind.
        position: u64,
        /// Ticks that may be closed without it: from this one
        from: Tick,
        /// to this one, which is the first that its next record may enter.
        to: Tick,
    },
}
