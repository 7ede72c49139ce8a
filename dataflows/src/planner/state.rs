//! What a checkpoint keeps of the planner: what stands, what it waits for, and what it told.
//!
//! The grid and the bids are not among it: the other views tell them again.

use super::Planner;
use super::answers::Waiting;
use super::offers::Fate;
use super::standing::Standing;
use crate::saved::{Piece, Restored, Saved, Share};
use gridweaver_model::decision::EndReason;
use gridweaver_model::{Text, Time, Watts};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// See the module's documentation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlannerState {
    standing: Standing,
    fates: Vec<(Text, Fate)>,
    returning: BTreeMap<Time, BTreeSet<Text>>,
    answering: BTreeSet<Text>,
    relief: BTreeMap<Text, Watts>,
    early: BTreeMap<Text, Vec<Waiting>>,
    early_forgotten: BTreeMap<Time, Vec<Text>>,
    blocked_hops: BTreeMap<(Text, Text), Time>,
    blocked_curtailments: BTreeMap<Text, Time>,
    ending: BTreeMap<Text, EndReason>,
}

impl Planner {
    /// Puts what was held in place of what the views just told: all of that was decided before.
    pub(super) fn install(&mut self, state: PlannerState) {
        self.standing = state.standing;
        self.offers.install(&state.fates, state.returning);
        self.answering = state.answering;
        self.relief = state.relief;
        self.early = state.early;
        self.early_forgotten = state.early_forgotten;
        self.blocked_hops = state.blocked_hops;
        self.blocked_curtailments = state.blocked_curtailments;
        self.ending = state.ending;
        let _ = self.grid.take_touched_islands();
    }
}

impl Saved for Planner {
    fn save(&self) -> Piece {
        Piece::Planner(Box::new(PlannerState {
            standing: self.standing.clone(),
            fates: self.offers.fates(),
            returning: self.offers.returning().clone(),
            answering: self.answering.clone(),
            relief: self.relief.clone(),
            early: self.early.clone(),
            early_forgotten: self.early_forgotten.clone(),
            blocked_hops: self.blocked_hops.clone(),
            blocked_curtailments: self.blocked_curtailments.clone(),
            ending: self.ending.clone(),
        }))
    }

    fn restore(&mut self, restored: &Restored, _: Share) {
        for piece in &restored.pieces {
            let Piece::Planner(state) = piece else { continue };
            self.restored = Some(state.clone());
        }
    }
}
