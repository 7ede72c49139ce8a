//! Bids as the planner knows them: what they offer, where they rank, and what was told of them.

use super::grid::Grid;
use super::shelves::{Rung, Shelves};
use crate::change::{Offer, Phase, Program};
use crate::structures::numbered::Numbered;
use gridweaver_model::decision::BidState;
use gridweaver_model::{Text, Time, Watts};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A bid, and what became of it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) bid: Text,
    pub(super) offer: Arc<Offer>,
    /// Out after a failure until then.
    pub(super) out_until: Option<Time>,
    /// Left out of the newest clearing of its area.
    pub(super) left_out: bool,
    /// The order that stands on it.
    pub(super) order: Option<Text>,
    /// What that order accepts of it.
    pub(super) accepted: Option<Watts>,
    /// The status last written.
    told: Option<(BidState, Watts)>,
    /// Whether its status may differ from that: then it is among the unsure.
    unsure: bool,
}

/// What became of a bid, without what it offers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Fate {
    out_until: Option<Time>,
    left_out: bool,
    order: Option<Text>,
    accepted: Option<Watts>,
    told: Option<(BidState, Watts)>,
}

/// See the module's documentation.
#[derive(Default)]
pub(super) struct Offers {
    entries: Numbered<Entry>,
    shelves: Shelves,
    pub(super) programs: BTreeMap<Text, Program>,
    by_region: BTreeMap<Text, BTreeSet<Text>>,
    /// Bids whose status may differ from what was told.
    unsure: Vec<u32>,
    /// When bids that are out come back.
    returning: BTreeMap<Time, BTreeSet<Text>>,
}

impl Offers {
    pub(super) fn get(&self, bid: &Text) -> Option<&Entry> {
        self.entries.named(bid)
    }

    /// A bid with its number.
    pub(super) fn find(&self, bid: &Text) -> Option<(u32, &Entry)> {
        let number = self.entries.number(bid)?;
        Some((number, &self.entries[number]))
    }

    /// The bid of that number, for as long as no other changes are taken.
    pub(super) fn numbered(&self, number: u32) -> &Entry {
        &self.entries[number]
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

    /// Takes a bid; the programs under which it stood and stands are concerned.
    pub(super) fn set_offer(&mut self, bid: Text, offer: Option<Arc<Offer>>) {
        let held = self.entries.number(&bid);
        if let Some(number) = held {
            let entry = &self.entries[number];
            self.shelves.concern(&entry.offer.program).unlist(number, entry);
        }
        let Some(offer) = offer else {
            self.entries.remove(&bid);
            return;
        };
        let number = match held {
            Some(number) => {
                self.entries[number].offer = offer;
                number
            }
            None => self.entries.insert(bid.clone(), Entry::new(bid, offer)),
        };
        let entry = &self.entries[number];
        self.shelves.concern(&entry.offer.program).list(number, entry);
        self.doubt(number);
    }

    /// The programs that were concerned since this was last asked.
    pub(super) fn take_concerned(&mut self) -> Vec<Text> {
        self.shelves.take_concerned()
    }

    fn doubt(&mut self, number: u32) {
        if !std::mem::replace(&mut self.entries[number].unsure, true) {
            self.unsure.push(number);
        }
    }

    /// Changes what became of a bid, and marks its status as unsure.
    pub(super) fn update(&mut self, bid: &Text, change: impl FnOnce(&mut Entry)) {
        let Some(number) = self.entries.number(bid) else { return };
        let entry = &mut self.entries[number];
        let before = entry.is_eligible();
        change(entry);
        if before != entry.is_eligible() {
            let shelf = self.shelves.of(&entry.offer.program);
            shelf.set_eligible(number, entry);
        }
        self.doubt(number);
    }

    /// Marks whether the newest clearing of its area left a bid out.
    pub(super) fn set_left_out(&mut self, number: u32, left_out: bool) {
        let entry = &mut self.entries[number];
        if entry.left_out != left_out {
            entry.left_out = left_out;
            self.doubt(number);
        }
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
                if let Some(entry) = self.entries.named(&bid) {
                    programs.insert(entry.offer.program.clone());
                }
                self.update(&bid, |entry| {
                    entry.out_until = entry.out_until.filter(|until| *until > tick_end);
                });
            }
        }
        programs
    }

    /// What became of all bids.
    pub(super) fn fates(&self) -> Vec<(Text, Fate)> {
        self.entries.iter().map(|(bid, entry)| (bid.clone(), entry.fate())).collect()
    }

    /// When bids that are out come back.
    pub(super) fn returning(&self) -> &BTreeMap<Time, BTreeSet<Text>> {
        &self.returning
    }

    /// Takes what became of bids before; nothing is unsure then.
    pub(super) fn install(
        &mut self,
        fates: &[(Text, Fate)],
        returning: BTreeMap<Time, BTreeSet<Text>>,
    ) {
        for (bid, fate) in fates {
            self.update(bid, |entry| entry.suffer(fate));
        }
        self.returning = returning;
        for number in std::mem::take(&mut self.unsure) {
            if let Some(entry) = self.entries.get_mut(number) {
                entry.unsure = false;
            }
        }
    }

    /// When the next bid comes back.
    pub(super) fn next_return(&self) -> Option<Time> {
        self.returning.keys().next().copied()
    }

    /// The bid's place among its program's eligible bids, from 1.
    pub(super) fn rank(&self, bid: &Text) -> Option<u64> {
        self.rank_of(self.entries.number(bid)?)
    }

    /// As `rank`.
    pub(super) fn rank_of(&self, number: u32) -> Option<u64> {
        let entry = Some(&self.entries[number]).filter(|entry| entry.is_eligible())?;
        self.shelves.get(&entry.offer.program)?.rank(number, entry)
    }

    pub(super) fn programs_of_region(&self, region: &Text) -> impl Iterator<Item = &Text> {
        self.by_region.get(region).into_iter().flatten()
    }

    /// The area that a bid counts in.
    pub(super) fn area<'a>(&self, offer: &Offer, grid: &'a Grid) -> Option<&'a Text> {
        let program = self.programs.get(&offer.program)?;
        grid.area_of(offer.node.as_ref(), &program.region)
    }

    /// The eligible bids of an area, each with its program: program by program, and in rank order
    /// under each. `region` is the area's.
    pub(super) fn eligible_in<'a>(
        &'a self,
        area: &Text,
        region: &Text,
        grid: &Grid,
    ) -> impl Iterator<Item = (&'a Text, &'a Rung)> {
        let split = grid.areas_of_region(region).nth(1).is_some();
        let is_main = grid.main_area(region) == Some(area);
        let is_here = move |rung: &Rung| {
            if rung.names_node {
                let node = self.entries[rung.number].offer.node.as_ref();
                grid.area_of(node, region) == Some(area)
            } else {
                is_main
            }
        };
        let shelves = self
            .programs_of_region(region)
            .filter_map(|program| Some((program, &self.shelves.get(program)?.ladder)));
        shelves
            .flat_map(|(program, ladder)| ladder.iter().map(move |rung| (program, rung)))
            .filter(move |(_, rung)| !split || is_here(rung))
    }

    /// The maximum of the bids of a program that are too dear for it.
    pub(super) fn too_dear(&self, program: &Text) -> Watts {
        let bids = self.shelves.get(program).into_iter().flat_map(|shelf| &shelf.too_dear);
        bids.map(|number| self.entries[*number].offer.max).sum()
    }

    /// The bids whose status differs from what was told; they count as told.
    pub(super) fn take_turned(&mut self) -> Vec<u32> {
        let mut turned = std::mem::take(&mut self.unsure);
        turned.retain(|number| {
            // Its bid may be gone, and another come in its place.
            let Some(entry) = self.entries.get_mut(*number) else { return false };
            let now = (entry.state(), entry.accepted.unwrap_or_default());
            let unsure = std::mem::take(&mut entry.unsure);
            unsure && entry.told.replace(now) != Some(now)
        });
        turned
    }

    /// All bids, by id.
    pub(super) fn all(&self) -> BTreeMap<&Text, &Entry> {
        self.entries.iter().collect()
    }
}

impl Entry {
    fn new(bid: Text, offer: Arc<Offer>) -> Self {
        let (out_until, left_out, order) = (None, false, None);
        let (accepted, told, unsure) = (None, None, false);
        Self { bid, offer, out_until, left_out, order, accepted, told, unsure }
    }

    fn fate(&self) -> Fate {
        let Self { out_until, left_out, order, accepted, told, .. } = self.clone();
        Fate { out_until, left_out, order, accepted, told }
    }

    fn suffer(&mut self, fate: &Fate) {
        let Fate { out_until, left_out, order, accepted, told } = fate.clone();
        *self = Self { out_until, left_out, order, accepted, told, ..self.clone() };
    }

    /// Whether the bid may be accepted now.
    pub(super) fn is_eligible(&self) -> bool {
        self.offer.phase == Phase::Eligible && self.out_until.is_none()
    }

    /// Why it has a status, for a person.
    pub(super) fn reason(&self, status: BidState) -> &'static str {
        match status {
            BidState::Pending => "not decided yet",
            BidState::Accepted => "part of the least-cost set",
            BidState::Rejected if self.out_until.is_some() => "out after a failure",
            BidState::Rejected if self.left_out => "left out of the newest clearing",
            BidState::Rejected => "its price is above the program's limit",
            BidState::Expired => "its window is over",
            BidState::Withdrawn => "taken back by the participant",
        }
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
