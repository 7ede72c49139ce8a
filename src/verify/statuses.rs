//! Bid statuses: what was written last of every bid is what holds at the tick's end.
//!
//! Looked at are the bids that something happened to. Whether a live bid that is not accepted is
//! `pending` or `rejected` depends on the clearings that it was left out of, not all of which are
//! recorded; only what the input alone decides is checked of it.

use super::breach::{Breaches, mw};
use super::scene::Scene;
use gridweaver_dataflows::twins::book::Kind;
use gridweaver_dataflows::twins::history::Row;
use gridweaver_dataflows::twins::offers::Life;
use gridweaver_dataflows::twins::picture::commitments;
use gridweaver_model::decision::{BidState, BidStatus, Event};
use gridweaver_model::{Data, Text, Time, Watts};
use std::collections::{BTreeMap, BTreeSet};

/// Which bids are to be looked at, and when.
#[derive(Default)]
pub(super) struct Statuses {
    touched: BTreeSet<Text>,
    ends: BTreeMap<Time, BTreeSet<Text>>,
}

impl Statuses {
    /// Notes the bids that a tick's records are about.
    pub(super) fn note_rows(&mut self, rows: &[Row]) {
        for row in rows {
            match &row.record.data {
                Data::Bid(bid) => {
                    self.touched.insert(bid.bid.clone());
                    self.ends.entry(bid.end).or_default().insert(bid.bid.clone());
                }
                Data::BidWithdrawn(withdrawn) => {
                    self.touched.insert(withdrawn.bid.clone());
                }
                _ => {}
            }
        }
    }

    pub(super) fn check(&mut self, scene: &Scene<'_>, breaches: &mut Breaches) {
        let touched = std::mem::take(&mut self.touched);
        let mut looked_at = touched.clone();
        while let Some(entry) = self.ends.first_entry().filter(|entry| *entry.key() <= scene.end) {
            looked_at.extend(entry.remove());
        }
        for recorded in scene.records {
            if let Event::BidStatus(told) = &recorded.decision.event {
                looked_at.insert(told.bid.clone());
                if let Some(detail) = wrong_status(scene, told, &touched) {
                    breaches.tell(scene.end, recorded.line, RULE, detail);
                }
            }
        }
        let orders = scene.before.values().chain(scene.book.standing.values());
        if !scene.records.is_empty() {
            looked_at.extend(orders.filter_map(|standing| match &standing.order.kind {
                Kind::DemandResponse { bid, .. } => Some(bid.clone()),
                Kind::Transfer { .. } | Kind::Curtailment => None,
            }));
        }
        if looked_at.is_empty() {
            return;
        }
        let (_, activated) = commitments(scene.book);
        for name in looked_at {
            let amount = activated.get(&name).copied();
            if let Some(detail) = untold(scene, &name, amount) {
                breaches.tell(scene.end, None, RULE, detail);
            }
        }
    }
}

const RULE: &str = "every change of a bid's status is recorded";

/// What is wrong with a record, whatever holds of its bid.
fn wrong_status(scene: &Scene<'_>, told: &BidStatus, touched: &BTreeSet<Text>) -> Option<String> {
    let Some(bid) = scene.bid(&told.bid) else {
        // One that came long after its end is forgotten in the tick that it came in.
        let is_new = touched.contains(&told.bid);
        return (!is_new).then(|| format!("there is no bid {}", told.bid));
    };
    if bid.participant != told.participant || bid.program != told.program {
        return Some(format!("bid {} is {}'s, under {}", told.bid, bid.participant, bid.program));
    }
    if told.status == BidState::Pending {
        let program = scene.collections.offers.program(&bid.program);
        let most = program.and_then(|program| program.max_price);
        if most.is_some_and(|most| bid.price > most) {
            return Some(format!("bid {} is pending, and over its program's limit", told.bid));
        }
    }
    None
}

/// What the newest record of a bid does not say.
fn untold(scene: &Scene<'_>, name: &Text, activated: Option<Watts>) -> Option<String> {
    let bid = scene.bid(name)?;
    let holds = match scene.collections.offers.life(bid, scene.end) {
        Life::Withdrawn => Some(BidState::Withdrawn),
        Life::Expired => Some(BidState::Expired),
        Life::Live if activated.is_some() => Some(BidState::Accepted),
        Life::Live => None,
    };
    let Some((status, amount)) = scene.book.told.get(name) else {
        return Some(format!("nothing was written of bid {name}"));
    };
    let right = match holds {
        Some(holds) => *status == holds,
        None => matches!(status, BidState::Pending | BidState::Rejected),
    };
    let standing = activated.unwrap_or_default();
    if !right {
        let holds = holds.map_or("pending or rejected", BidState::name);
        return Some(format!("bid {name} is {holds}, recorded as {}", status.name()));
    }
    (*amount != standing)
        .then(|| format!("bid {name} stands at {}, recorded as {}", mw(standing), mw(*amount)))
}
