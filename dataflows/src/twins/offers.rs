//! Twin of programs, bids, withdrawals and delivery records.
//!
//! A bid's submission time is that of its first record; a revision that changes the price or raises
//! the maximum takes its own. A withdrawal is final while it is remembered, whichever came first.

use super::collections::{Held, upsert};
use gridweaver_model::record::{Bid, Performance, Program};
use gridweaver_model::{Millis, Text, Time, Version};
use std::collections::BTreeMap;

/// A bid and when it was submitted.
#[derive(Clone, Debug)]
pub struct HeldBid {
    /// Its newest record.
    pub held: Held<Bid>,
    /// What breaks ties of score.
    pub submitted: Time,
}

/// Where a bid stands by time and withdrawal alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It may be accepted, now or later.
    Live,
    /// Its end has passed.
    Expired,
    /// It was taken back.
    Withdrawn,
}

/// All that concerns demand response.
#[derive(Clone, Debug, Default)]
pub struct Offers {
    /// Programs, removed ones included.
    pub programs: BTreeMap<Text, Held<Program>>,
    /// Bids.
    pub bids: BTreeMap<Text, HeldBid>,
    /// The newest withdrawal of each bid, known or not.
    pub withdrawals: BTreeMap<Text, Version>,
    /// Facts by (`source`, `id`).
    pub performances: BTreeMap<(Text, Text), Held<Performance>>,
}

impl Offers {
    /// A program that exists.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<&Program> {
        self.programs.get(name).map(|held| &held.value).filter(|program| !program.is_removed())
    }

    /// Where a bid stands at an instant, the end of a tick.
    #[must_use]
    pub fn life(&self, bid: &Bid, now: Time) -> Life {
        if self.withdrawals.contains_key(&bid.bid) {
            Life::Withdrawn
        } else if bid.end <= now {
            Life::Expired
        } else {
            Life::Live
        }
    }

    pub(super) fn knows_bid(&self, bid: &str) -> bool {
        self.bids.contains_key(bid) || self.withdrawals.contains_key(bid)
    }

    pub(super) fn fold_program(&mut self, version: Version, program: Program) {
        upsert(&mut self.programs, program.program.clone(), version, program);
    }

    pub(super) fn fold_bid(&mut self, version: Version, bid: Bid) {
        let time = version.time;
        match self.bids.get_mut(&bid.bid) {
            Some(known) if known.held.version >= version => {}
            Some(known) => {
                let before = &known.held.value;
                if bid.price != before.price || bid.max > before.max {
                    known.submitted = time;
                }
                known.held = Held { version, value: bid };
            }
            None => {
                let key = bid.bid.clone();
                let held = Held { version, value: bid };
                self.bids.insert(key, HeldBid { held, submitted: time });
            }
        }
    }

    pub(super) fn fold_withdrawal(&mut self, version: Version, bid: Text) {
        let held = self.withdrawals.entry(bid).or_insert_with(|| version.clone());
        if *held < version {
            *held = version;
        }
    }

    pub(super) fn fold_performance(&mut self, version: Version, fact: Performance) {
        let key = (version.source.clone(), version.id.clone());
        upsert(&mut self.performances, key, version, fact);
    }

    pub(super) fn forget(&mut self, now: Time, retention: Millis) {
        let past = |ended: Time| ended + retention < now;
        self.programs.retain(|_, held| !held.value.is_removed() || !past(held.version.time));
        let withdrawals = &self.withdrawals;
        self.bids.retain(|bid, known| {
            let taken_back = withdrawals.get(bid).map(|version| version.time);
            !past(taken_back.unwrap_or(known.held.value.end))
        });
        self.withdrawals.retain(|_, version| !past(version.time));
    }
}
