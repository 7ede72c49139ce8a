//! What a checkpoint keeps of the views: the accumulated inputs, and what was decided.
//!
//! Only views that take records hold any of it, the planner, and `closing` of what it is yet to
//! tell; all other views are told everything again by those in the tick of the checkpoint, and so
//! come to hold what they held. What is told in that tick was written before and is for the views
//! alone.
//!
//! A piece is what one view held on one worker. All pieces of a view are handed to all its
//! workers, and each takes its share: so a state can be restored on another number of workers.

use crate::bids::HeldBid;
use crate::change::Program;
use crate::closing::Untold;
use crate::facts::Revision;
use crate::islands::GridState;
use crate::latest::LatestState;
use crate::planner::PlannerState;
use crate::regions::RegionsState;
use crate::structures::upserts::UpsertsState;
use gridweaver_model::{Text, Tick};
use serde::{Deserialize, Serialize};

/// What one view held on one worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Piece {
    /// Identities: (hash, sequence, last tick in which it is remembered).
    Dedup(Vec<(u128, u64, Tick)>),
    /// Nodes and lines.
    Islands(GridState),
    /// What is declared for regions.
    Regions(RegionsState),
    /// Programs.
    Programs(UpsertsState<Text, Program>),
    /// The newest reading of each node.
    Latest(LatestState),
    /// Bids and the memory of withdrawals.
    Bids(Vec<HeldBid>),
    /// Performance that counts, by identity.
    Facts(Vec<(u128, Vec<Revision>)>),
    /// Orders, plans and what was told.
    Planner(Box<PlannerState>),
    /// What no tick told of yet.
    Closing(Untold),
}

/// A view of which a checkpoint keeps something.
pub trait Saved {
    /// What it holds now.
    fn save(&self) -> Piece;

    /// Takes its share of what was held. Its next `close` tells all of it.
    fn restore(&mut self, restored: &Restored, share: Share);
}

/// The views' state at the end of a tick.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Restored {
    /// The tick.
    pub tick: Tick,
    /// All pieces of all views and workers.
    pub pieces: Vec<Piece>,
}

impl Restored {
    /// What no tick told of yet.
    pub fn untold(&self) -> impl Iterator<Item = &Untold> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Closing(untold) => Some(untold),
            _ => None,
        })
    }
}

/// A worker among its peers.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// Its number, from 0.
    pub index: usize,
    /// How many there are.
    pub peers: usize,
}

impl Share {
    /// Whether what hashes so is this worker's, as timely's exchange has it.
    #[must_use]
    pub fn holds(self, hash: u64) -> bool {
        hash % self.peers as u64 == self.index as u64
    }

    /// As `holds`, of what is sharded by the identity of its record.
    #[must_use]
    pub fn holds_identity(self, identity: u128) -> bool {
        self.holds(crate::dedup::shard_hash(identity))
    }

    /// Whether this worker is the one that sees the whole grid.
    #[must_use]
    pub fn is_first(self) -> bool {
        self.index == 0
    }
}
