//! `bids`: every bid as its newest record says, and where it stands by time and by what it names.
//!
//! A bid is held by its id. Its submission time is its first record's; a revision that changes the
//! price or raises the maximum takes its own. A withdrawal is final, whichever of the two arrives
//! first. Whether a bid is eligible follows from its window, its program, its node and its price;
//! its score from its participant's record. A bid acts by time alone when its window opens, when
//! too little of it is left, and when it ends. Whether it is *accepted* is the planner's.

mod held;

pub use self::held::HeldBid;

use self::held::{Held, Surroundings};
use crate::by_tick::{Batches, View};
use crate::change::{Change, Phase, Referrer};
use crate::refused::refused;
use crate::row::{Row, key_hash};
use crate::saved::{Piece, Restored, Saved, Share};
use crate::structures::numbered::Numbered;
use gridweaver_model::record::{Bid, Version};
use gridweaver_model::{Data, Lookup, Rules, Text, Tick, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The state of `bids` on one worker: the bids whose ids hash there.
pub struct Bids {
    rules: Rules,
    surroundings: Surroundings,
    held: Numbered<Held>,
    by_program: Lookup<Text, BTreeSet<u32>>,
    by_node: Lookup<Text, BTreeSet<u32>>,
    by_participant: Lookup<Text, BTreeSet<u32>>,
    due: BTreeMap<Tick, Vec<u32>>,
    touched: BTreeSet<u32>,
}

impl Bids {
    /// Holds no bid.
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        Self {
            rules: rules.clone(),
            surroundings: Surroundings::default(),
            held: Numbered::default(),
            by_program: Lookup::default(),
            by_node: Lookup::default(),
            by_participant: Lookup::default(),
            due: BTreeMap::new(),
            touched: BTreeSet::new(),
        }
    }

    fn number(&mut self, bid: &Text) -> u32 {
        let held = self.held.number(bid);
        held.unwrap_or_else(|| self.held.insert(bid.clone(), Held::of(bid.clone())))
    }

    fn submit(&mut self, version: Version, bid: Box<Bid>) {
        let number = self.number(&bid.bid);
        self.touched.insert(number);
        let held = &mut self.held[number];
        let old = held.names();
        held.submit(version, bid);
        let new = held.names();
        if old != new {
            self.index(number, old, false);
            self.index(number, new, true);
        }
    }

    /// Lists or unlists a bid under its program, node and participant.
    fn index(&mut self, number: u32, names: Option<[Option<Text>; 3]>, listed: bool) {
        let indices = [&mut self.by_program, &mut self.by_node, &mut self.by_participant];
        for (index, name) in indices.into_iter().zip(names.into_iter().flatten()) {
            let Some(name) = name else { continue };
            if listed {
                index.entry(name).or_default().insert(number);
            } else if let Some(numbers) = index.get_mut(&name) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    index.remove(&name);
                }
            }
        }
    }

    /// Takes what happened around the bids and marks those that it concerns.
    fn notice(&mut self, change: Change) {
        match change {
            Change::Node { node, region } => {
                self.touched.extend(self.by_node.get(&node).into_iter().flatten());
                for region in self.surroundings.place(node, region) {
                    for program in self.surroundings.programs_of(&region) {
                        self.touched.extend(self.by_program.get(program).into_iter().flatten());
                    }
                }
            }
            Change::Program { program, details } => {
                let details = details.map(|details| *details);
                self.touched.extend(self.by_program.get(&program).into_iter().flatten());
                self.surroundings.set_program(program, details);
            }
            Change::Reliability { participant, reliability } => {
                self.touched.extend(self.by_participant.get(&participant).into_iter().flatten());
                self.surroundings.set_reliability(participant, reliability);
            }
            _ => {}
        }
    }

    /// Tells one bid anew if anything about it differs, and when it must be looked at again.
    fn look(&mut self, number: u32, tick: Tick, out: &mut Vec<Change>) {
        let tick_end = self.rules.end_of(tick);
        // It may have been forgotten since it was marked.
        let Some(held) = self.held.get_mut(number) else { return };
        if held.is_forgotten(tick_end, &self.rules) {
            self.forget(number, out);
            return;
        }
        if let Some((offer, missing)) = held.offer(tick_end, &self.surroundings, &self.rules) {
            if held.told.as_deref() != Some(&offer) {
                let offer = Some(Arc::new(offer));
                held.told.clone_from(&offer);
                out.push(Change::Bid { bid: held.bid.clone(), offer });
            }
            if held.missing != missing {
                held.missing.clone_from(&missing);
                let (referrer, key) = (Referrer::Bid, held.bid.clone());
                out.push(Change::Unresolved { referrer, key, missing });
            }
        }
        if let Some(due) = held.due_after(tick_end, &self.rules) {
            let due = self.rules.first_ending_at_or_after(due);
            self.due.entry(due.max(tick + 1)).or_default().push(number);
        }
    }

    fn forget(&mut self, number: u32, out: &mut Vec<Change>) {
        let names = self.held[number].names();
        self.index(number, names, false);
        let bid = self.held[number].bid.clone();
        let Some(held) = self.held.remove(&bid) else { return };
        if held.missing.is_some() {
            let (referrer, key) = (Referrer::Bid, held.bid.clone());
            out.push(Change::Unresolved { referrer, key, missing: None });
        }
        if held.told.is_some() {
            out.push(Change::Bid { bid: held.bid, offer: None });
        }
    }

    /// Folds a tick's records in upsert order, those that may be refused for their age last.
    fn fold(&mut self, rows: Batches<Row>, out: &mut Vec<Change>) {
        let mut rows: Vec<Row> = rows.into_iter().flatten().collect();
        rows.sort_unstable_by(|a, b| {
            let (newer, older) = (&a.record.envelope.version, &b.record.envelope.version);
            a.origin.is_some().cmp(&b.origin.is_some()).then_with(|| newer.cmp(older))
        });
        for row in rows {
            let Some(bid) = bid_of(&row.record.data).cloned() else { continue };
            if row.origin.is_some() && self.held.number(&bid).is_none() {
                out.extend(refused(row.origin, &bid, &self.rules));
                continue;
            }
            let version = row.record.envelope.version;
            match row.record.data {
                Data::Bid(bid) => self.submit(version, bid),
                Data::BidWithdrawn(_) => {
                    let number = self.number(&bid);
                    self.touched.insert(number);
                    self.held[number].withdraw(version.time);
                }
                _ => {}
            }
        }
    }
}

fn bid_of(data: &Data) -> Option<&Text> {
    match data {
        Data::Bid(bid) => Some(&bid.bid),
        Data::BidWithdrawn(withdrawn) => Some(&withdrawn.bid),
        _ => None,
    }
}

/// Where a bid stands by its own words and by time.
fn phase(
    bid: &Bid,
    withdrawn: bool,
    placed: bool,
    too_dear: bool,
    tick_end: Time,
    rules: &Rules,
) -> Phase {
    let notice = bid.notice.unwrap_or_default();
    let last_start = bid.end.0 - notice.0 - bid.min_run.unwrap_or_default().0;
    if withdrawn {
        Phase::Withdrawn
    } else if bid.end <= tick_end {
        Phase::Expired
    } else if too_dear {
        Phase::TooDear
    } else if placed
        && bid.start <= tick_end
        && tick_end.0 <= last_start
        && notice <= rules.dispatch.lead_time
    {
        Phase::Eligible
    } else {
        Phase::Waiting
    }
}

impl View for Bids {
    type Row = Row;
    type Change = Change;
    type Out = Change;

    fn close(
        &mut self,
        tick: Tick,
        rows: Batches<Row>,
        changes: Batches<Change>,
        out: &mut Vec<Change>,
    ) -> Option<Tick> {
        for change in changes.into_iter().flatten() {
            self.notice(change);
        }
        self.fold(rows, out);
        while let Some(entry) = self.due.first_entry().filter(|entry| *entry.key() <= tick) {
            self.touched.extend(entry.remove());
        }
        for number in std::mem::take(&mut self.touched) {
            self.look(number, tick, out);
        }
        self.due.keys().next().copied()
    }
}

impl Saved for Bids {
    fn save(&self) -> Piece {
        Piece::Bids(self.held.iter().map(|(_, held)| held.save()).collect())
    }

    fn restore(&mut self, restored: &Restored, share: Share) {
        for piece in &restored.pieces {
            let Piece::Bids(bids) = piece else { continue };
            for held in bids.iter().filter(|held| share.holds(key_hash(&held.bid))) {
                let bid = Held::restored(held);
                let names = bid.names();
                let number = self.held.insert(held.bid.clone(), bid);
                self.index(number, names, true);
                self.touched.insert(number);
            }
        }
    }
}
