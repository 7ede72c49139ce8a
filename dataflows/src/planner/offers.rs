//! Bids as the planner knows them: what they offer, their ranking, and what was told of them.
//!
//! A program's eligible bids stand in an order-statistics ladder by (score, submission time, bid
//! id): a new bid costs a walk down it, never a sort, and a rank is read, never kept.

use super::grid::Grid;
use crate::change::{Offer, Phase, Program};
use crate::structures::order_statistics::OrderStatistics;
use gridweaver_model::decision::BidState;
use gridweaver_model::{Lookup, Price, Text, Time, Watts};
use std::collections::{BTreeMap, BTreeSet};

/// What a bid is ranked by.
type Rung = (Price, Time, Text);

/// A bid, and what became of it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) offer: Offer,
    /// Out after a failure until then.
    pub(super) out_until: Option<Time>,
    /// Left out of the newest clearing of its area.
    pub(super) left_out: bool,
    /// The order that stands on it.
    pub(super) order: Option<Text>,
    /// What that order accepts of it.
    pub(super) accepted: Option<Watts>,
    /// The status last written.
    pub(super) told: Option<(BidState, Watts)>,
}

/// See the module's documentation.
#[derive(Default)]
pub(super) struct Offers {
    entries: Lookup<Text, Entry>,
    ladders: BTreeMap<Text, OrderStatistics<Rung>>,
    pub(super) programs: BTreeMap<Text, Program>,
    by_region: BTreeMap<Text, BTreeSet<Text>>,
    /// Bids by price above their program's limit, by program.
    too_dear: BTreeMap<Text, BTreeSet<Text>>,
    /// Bids whose status may differ from what was told.
    unsure: BTreeSet<Text>,
    /// When bids that are out come back.
    returning: BTreeMap<Time, BTreeSet<Text>>,
}

impl Offers {
    pub(super) fn get(&self, bid: &Text) -> Option<&Entry> {
        self.entries.get(bid)
    }

    /// Takes a program; returns the regions whose areas it concerns.
    pub(super) fn set_program(&mut self, name: Text, details: Option<Program>) -> Vec<Text> {
        let mut regions = Vec::new();
        if let Some(old) = self.programs.remove(&name) {
            if let Some(programs) = self.by_region.get_mut(&old.region) {
                programs.remove(&name);
            }
            regions.push(old.region);
        }
        if let Some(details) = details {
            self.by_region.entry(details.region.clone()).or_default().insert(name.clone());
            regions.push(details.region.clone());
            self.programs.insert(name, details);
        }
        regions
    }

    /// Takes a bid; returns the programs that it concerns.
    pub(super) fn set_offer(&mut self, bid: Text, offer: Option<Offer>) -> BTreeSet<Text> {
        let mut programs = BTreeSet::new();
        let old = self.entries.remove(&bid);
        if let Some(old) = &old {
            self.unlist(&bid, old);
            programs.insert(old.offer.program.clone());
        }
        self.unsure.insert(bid.clone());
        let Some(offer) = offer else { return programs };
        programs.insert(offer.program.clone());
        let entry = match old {
            Some(old) => Entry { offer, ..old },
            None => Entry {
                offer,
                out_until: None,
                left_out: false,
                order: None,
                accepted: None,
                told: None,
            },
        };
        self.list(&bid, &entry);
        self.entries.insert(bid, entry);
        programs
    }

    fn list(&mut self, bid: &Text, entry: &Entry) {
        let program = entry.offer.program.clone();
        if entry.is_eligible() {
            self.ladders.entry(program).or_default().insert(entry.rung(bid));
        } else if entry.offer.phase == Phase::TooDear {
            self.too_dear.entry(program).or_default().insert(bid.clone());
        }
    }

    fn unlist(&mut self, bid: &Text, entry: &Entry) {
        if let Some(ladder) = self.ladders.get_mut(&entry.offer.program) {
            ladder.remove(&entry.rung(bid));
            if ladder.is_empty() {
                self.ladders.remove(&entry.offer.program);
            }
        }
        if let Some(bids) = self.too_dear.get_mut(&entry.offer.program) {
            bids.remove(bid);
        }
    }

    /// Changes what became of a bid, and marks its status as unsure.
    pub(super) fn update(&mut self, bid: &Text, change: impl FnOnce(&mut Entry)) {
        let Some(mut entry) = self.entries.remove(bid) else { return };
        let before = entry.is_eligible();
        change(&mut entry);
        if before != entry.is_eligible() {
            self.unlist(bid, &entry);
            self.list(bid, &entry);
        }
        self.unsure.insert(bid.clone());
        self.entries.insert(bid.clone(), entry);
    }

    /// Puts a bid out until `until`.
    pub(super) fn put_out(&mut self, bid: &Text, until: Time) {
        self.update(bid, |entry| entry.out_until = entry.out_until.max(Some(until)));
        self.returning.entry(until).or_default().insert(bid.clone());
    }

    /// Brings back the bids whose time out is over; returns their programs.
    pub(super) fn bring_back(&mut self, tick_end: Time) -> BTreeSet<Text> {
        let mut programs = BTreeSet::new();
        while let Some(entry) = self.returning.first_entry().filter(|e| *e.key() <= tick_end) {
            for bid in entry.remove() {
                if let Some(entry) = self.entries.get(&bid) {
                    programs.insert(entry.offer.program.clone());
                }
                self.update(&bid, |entry| {
                    entry.out_until = entry.out_until.filter(|until| *until > tick_end);
                });
            }
        }
        programs
    }

    /// When the next bid comes back.
    pub(super) fn next_return(&self) -> Option<Time> {
        self.returning.keys().next().copied()
    }

    /// The bid's place among its program's eligible bids, from 1.
    pub(super) fn rank(&self, bid: &Text) -> Option<u64> {
        let entry = self.entries.get(bid).filter(|entry| entry.is_eligible())?;
        let ladder = self.ladders.get(&entry.offer.program)?;
        ladder.rank_of(&entry.rung(bid)).map(|rank| rank as u64)
    }

    pub(super) fn programs_of_region(&self, region: &Text) -> impl Iterator<Item = &Text> {
        self.by_region.get(region).into_iter().flatten()
    }

    /// The area that a bid counts in.
    pub(super) fn area<'a>(&self, offer: &Offer, grid: &'a Grid) -> Option<&'a Text> {
        let program = self.programs.get(&offer.program)?;
        grid.area_of(offer.node.as_ref(), &program.region)
    }

    /// The eligible bids of an area in rank order, each with its entry; `region` is the area's.
    pub(super) fn eligible_in<'a>(
        &'a self,
        area: &Text,
        region: &Text,
        grid: &Grid,
    ) -> Vec<(&'a Text, &'a Entry)> {
        let split = grid.areas_of_region(region).nth(1).is_some();
        let is_main = grid.main_area(region) == Some(area);
        let is_here = |bid: &Text| match &self.entries[bid].offer.node {
            Some(node) => grid.area_of(Some(node), region) == Some(area),
            None => is_main,
        };
        let mut rungs: Vec<&Rung> = Vec::new();
        for program in self.programs_of_region(region) {
            let ladder = self.ladders.get(program).into_iter().flat_map(OrderStatistics::iter);
            rungs.extend(ladder.filter(|(_, _, bid)| !split || is_here(bid)));
        }
        rungs.sort_unstable();
        rungs.into_iter().map(|(_, _, bid)| (bid, &self.entries[bid])).collect()
    }

    /// The maximum of the bids of a program that are too dear for it.
    pub(super) fn too_dear(&self, program: &Text) -> Watts {
        let bids = self.too_dear.get(program).into_iter().flatten();
        bids.filter_map(|bid| Some(self.entries.get(bid)?.offer.max)).sum()
    }

    /// The bids whose status differs from what was told, with the status; they count as told.
    pub(super) fn take_statuses(&mut self) -> Vec<(Text, BidState, Watts, Option<u64>)> {
        let mut statuses = Vec::new();
        for bid in std::mem::take(&mut self.unsure) {
            let Some(entry) = self.entries.get(&bid) else { continue };
            let now = (entry.state(), entry.accepted.unwrap_or_default());
            if entry.told == Some(now) {
                continue;
            }
            let rank = self.rank(&bid);
            if let Some(entry) = self.entries.get_mut(&bid) {
                entry.told = Some(now);
            }
            statuses.push((bid, now.0, now.1, rank));
        }
        statuses
    }

    /// All bids, by id.
    pub(super) fn all(&self) -> BTreeMap<&Text, &Entry> {
        self.entries.iter().collect()
    }
}

impl Entry {
    fn rung(&self, bid: &Text) -> Rung {
        (self.offer.score, self.offer.submitted, bid.clone())
    }

    /// Whether the bid may be accepted now.
    pub(super) fn is_eligible(&self) -> bool {
        self.offer.phase == Phase::Eligible && self.out_until.is_none()
    }

    /// The status that the bid has.
    pub(super) fn state(&self) -> BidState {
        match self.offer.phase {
            Phase::Withdrawn => BidState::Withdrawn,
            Phase::Expired => BidState::Expired,
            _ if self.accepted.is_some() => BidState::Accepted,
            Phase::TooDear => BidState::Rejected,
            _ if self.out_until.is_some() || self.left_out => BidState::Rejected,
            Phase::Eligible | Phase::Waiting => BidState::Pending,
        }
    }
}
