//! The bids under each program: a ladder of those that may be accepted, and those that are too dear.
//!
//! A ladder is in order of (score, submission time, bid id): a new bid costs a walk down it, never a
//! sort, and a rank is read, never kept. A rung bears what a clearing asks of its bid, so that a
//! whole ladder is read without looking any bid up.

use super::offers::Entry;
use crate::change::Phase;
use crate::structures::order_statistics::OrderStatistics;
use gridweaver_model::{Lookup, Price, Text, Time, Watts};
use std::collections::BTreeSet;

/// An eligible bid: what it is ranked by, which no two bids share, then what a clearing asks of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rung {
    pub(super) score: Price,
    pub(super) submitted: Time,
    pub(super) bid: Text,
    /// The bid's number among the offers.
    pub(super) number: u32,
    pub(super) min: Watts,
    pub(super) max: Watts,
    /// Whether it names the node where its load falls.
    pub(super) names_node: bool,
}

/// The bids under one program.
#[derive(Default)]
pub(super) struct Shelf {
    pub(super) ladder: OrderStatistics<Rung>,
    /// Those by price above the program's limit.
    pub(super) too_dear: BTreeSet<u32>,
    concerned: bool,
}

/// All shelves; one for each program that a bid is listed under.
#[derive(Default)]
pub(super) struct Shelves {
    by_program: Lookup<Text, Shelf>,
    /// Programs under which a bid came, changed or left.
    concerned: Vec<Text>,
}

impl Shelf {
    /// Puts a bid where it belongs.
    pub(super) fn list(&mut self, number: u32, entry: &Entry) {
        if entry.is_eligible() {
            self.ladder.insert(rung(number, entry));
        } else if entry.offer.phase == Phase::TooDear {
            self.too_dear.insert(number);
        }
    }

    /// Takes a bid from where it is.
    pub(super) fn unlist(&mut self, number: u32, entry: &Entry) {
        if entry.is_eligible() {
            self.ladder.remove(&rung(number, entry));
        } else if entry.offer.phase == Phase::TooDear {
            self.too_dear.remove(&number);
        }
    }

    /// Puts a bid on the ladder or off it, as it may be accepted now or not.
    pub(super) fn set_eligible(&mut self, number: u32, entry: &Entry) {
        if entry.is_eligible() {
            self.ladder.insert(rung(number, entry));
        } else {
            self.ladder.remove(&rung(number, entry));
        }
    }

    /// A bid's place among the eligible ones, from 1.
    pub(super) fn rank(&self, number: u32, entry: &Entry) -> Option<u64> {
        let rank = self.ladder.rank_of(&rung(number, entry))?;
        u64::try_from(rank).ok()
    }
}

impl Shelves {
    pub(super) fn get(&self, program: &Text) -> Option<&Shelf> {
        self.by_program.get(program)
    }

    pub(super) fn of(&mut self, program: &Text) -> &mut Shelf {
        self.by_program.entry(program.clone()).or_default()
    }

    /// As `of`; the program is concerned.
    pub(super) fn concern(&mut self, program: &Text) -> &mut Shelf {
        let shelf = self.by_program.entry(program.clone()).or_default();
        if !std::mem::replace(&mut shelf.concerned, true) {
            self.concerned.push(program.clone());
        }
        shelf
    }

    /// The programs that were concerned since this was last asked, each once.
    pub(super) fn take_concerned(&mut self) -> Vec<Text> {
        let concerned = std::mem::take(&mut self.concerned);
        for program in &concerned {
            let Some(shelf) = self.by_program.get_mut(program) else { continue };
            shelf.concerned = false;
            if shelf.ladder.is_empty() && shelf.too_dear.is_empty() {
                self.by_program.remove(program);
            }
        }
        concerned
    }
}

fn rung(number: u32, entry: &Entry) -> Rung {
    let offer = &entry.offer;
    Rung {
        score: offer.score,
        submitted: offer.submitted,
        bid: entry.bid.clone(),
        number,
        min: offer.min,
        max: offer.max,
        names_node: offer.node.is_some(),
    }
}
