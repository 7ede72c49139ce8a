//! The planner's bids without its plans: for who clears a program by a clock of their own.
//!
//! It joins the `bids` view to the planner's ranking, and holds what was decided of each bid. It
//! promises what these do; what is decided, and when, is the caller's.

use super::grid::Grid;
use super::offers::{Entry, Offers};
use crate::bids::Bids;
use crate::by_tick::View;
use crate::change::{Change, Offer, Phase, Program};
use crate::row::Row;
use gridweaver_model::decision::{BidState, BidStatus};
use gridweaver_model::{Rules, Text, Time, Watts};

/// See the module's documentation.
pub struct Ranking {
    rules: Rules,
    view: Bids,
    offers: Offers,
    /// Empty: without areas, all bids of a region lie in one place.
    grid: Grid,
}

/// A bid that is held.
#[derive(Clone, Copy)]
pub struct Ranked<'a> {
    entry: &'a Entry,
    offers: &'a Offers,
}

impl Ranking {
    /// No bid and no program.
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        Self {
            rules: rules.clone(),
            view: Bids::new(rules),
            offers: Offers::default(),
            grid: Grid::default(),
        }
    }

    /// Takes records of bids and what happened around them, as of the tick that ends at or after
    /// `now`; returns the bids whose status turned. What was accepted and not yet ordered of a bid
    /// lapses where a revision no longer offers it.
    pub fn settle(&mut self, now: Time, rows: Vec<Row>, changes: Vec<Change>) -> Vec<Text> {
        for change in &changes {
            if let Change::Program { program, details } = change {
                self.offers.set_program(program.clone(), details.as_deref().cloned());
            }
        }
        let mut told = Vec::new();
        let tick = self.rules.first_ending_at_or_after(now);
        self.view.close(tick, vec![rows], vec![changes], &mut told);
        for change in told {
            if let Change::Bid { bid, offer } = change {
                let before = self.offers.get(&bid).map(|entry| entry.offer.program.clone());
                self.offers.set_offer(bid.clone(), offer);
                self.lapse(&bid, before.as_ref());
            }
        }
        self.turned()
    }

    fn lapse(&mut self, bid: &Text, program: Option<&Text>) {
        let Some(entry) = self.offers.get(bid) else { return };
        let offer = &entry.offer;
        let still_offered = |amount| {
            (offer.min..=offer.max).contains(&amount)
                && Some(&offer.program) == program
                && offer.phase != Phase::TooDear
        };
        if entry.order.is_none() && entry.accepted.is_some_and(|amount| !still_offered(amount)) {
            self.offers.update(bid, |entry| entry.accepted = None);
        }
    }

    fn turned(&mut self) -> Vec<Text> {
        // Whoever clears asks for what is eligible then, not for what it concerned.
        self.offers.take_concerned();
        let turned = self.offers.take_turned().into_iter();
        turned.map(|number| self.offers.numbered(number).bid.clone()).collect()
    }

    /// A program that exists.
    #[must_use]
    pub fn program(&self, program: &Text) -> Option<&Program> {
        self.offers.programs.get(program)
    }

    /// A bid that is held.
    #[must_use]
    pub fn get(&self, bid: &Text) -> Option<Ranked<'_>> {
        let entry = self.offers.get(bid)?;
        Some(Ranked { entry, offers: &self.offers })
    }

    /// The eligible bids of a program in rank order.
    pub fn eligible<'a>(&'a self, program: &'a Text) -> impl Iterator<Item = Ranked<'a>> {
        let region = self.program(program).map(|details| &details.region);
        let bids = region.map(|region| self.offers.eligible_in(region, region, &self.grid));
        let bids = bids.into_iter().flatten().filter(move |(of, _)| *of == program);
        bids.map(|(_, rung)| Ranked {
            entry: self.offers.numbered(rung.number),
            offers: &self.offers,
        })
    }

    /// Accepts that much of each bid; where it is nothing, the bid is left out.
    pub fn decide(&mut self, amounts: &[(Text, Watts)]) {
        for (bid, amount) in amounts {
            self.offers.update(bid, |entry| decide(entry, *amount));
        }
        self.turned();
    }

    /// Makes an order stand on a bid.
    pub fn order(&mut self, bid: &Text, order: Text) {
        self.offers.update(bid, |entry| entry.order = Some(order));
    }
}

fn decide(entry: &mut Entry, amount: Watts) {
    entry.accepted = Some(amount).filter(|amount| *amount > Watts::ZERO);
    entry.left_out = entry.accepted.is_none();
}

impl<'a> Ranked<'a> {
    /// Its name.
    #[must_use]
    pub fn bid(&self) -> &'a Text {
        &self.entry.bid
    }

    /// What it offers.
    #[must_use]
    pub fn offer(&self) -> &'a Offer {
        &self.entry.offer
    }

    /// Its place among its program's eligible bids, from 1.
    #[must_use]
    pub fn rank(&self) -> Option<u64> {
        self.offers.rank(&self.entry.bid)
    }

    /// What is accepted of it, and in force.
    #[must_use]
    pub fn accepted(&self) -> Option<Watts> {
        self.entry.accepted.filter(|_| self.entry.state() == BidState::Accepted)
    }

    /// Whether an order stands on it.
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        self.entry.order.is_some()
    }

    /// Where it stands.
    #[must_use]
    pub fn status(&self) -> BidStatus {
        self.status_of(self.entry)
    }

    /// Where it would stand, were so much of it accepted.
    #[must_use]
    pub fn status_after(&self, amount: Watts) -> BidStatus {
        let mut entry = self.entry.clone();
        decide(&mut entry, amount);
        self.status_of(&entry)
    }

    fn status_of(&self, entry: &Entry) -> BidStatus {
        let status = entry.state();
        let accepted = entry.accepted.filter(|_| status == BidState::Accepted);
        BidStatus {
            bid: self.entry.bid.clone(),
            participant: entry.offer.participant.clone(),
            program: entry.offer.program.clone(),
            status,
            amount: accepted.unwrap_or_default(),
            rank: self.rank(),
            reason: entry.reason(status).into(),
        }
    }
}
