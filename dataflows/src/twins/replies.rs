//! Twin of the answers: what participants said of orders, and the relief that follows from it.
//!
//! An answer to a superseded order counts for its successor where it is `started`; one to an order
//! not known yet waits. Relief is what a `started` confirmed, once telemetry newer than the answer
//! has been seen, for as long as the order stands and the load it lies in counts.

use super::book::{Book, End, Kind, Standing, Started};
use super::collections::{Collections, HeldAnswer};
use super::shape::Shape;
use super::totals::counts;
use gridweaver_model::decision::EndReason;
use gridweaver_model::record::Answer;
use gridweaver_model::{Rules, Text, Time, Watts};
use std::collections::BTreeMap;

/// Where the relief of a curtailment counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shed {
    /// In the area that it sheds: where the meters fall.
    InItsArea,
    /// In the main area of its region, like that of a bid without a node.
    InTheMainArea,
    /// It is no relief.
    Nowhere,
}

impl Shed {
    /// Every reading of the contract, the likeliest first: meters fall in the area that is shed.
    pub const READINGS: [Self; 3] = [Self::InItsArea, Self::InTheMainArea, Self::Nowhere];
}

impl Book {
    /// Takes the answers of the tick folded into `collections` last, and looks which of those taken
    /// telemetry has shown. To be called once a tick, before its decisions are projected.
    pub fn take_answers(
        &mut self,
        collections: &Collections,
        shape: &Shape,
        end: Time,
        rules: &Rules,
    ) {
        self.ended.retain(|_, ended| ended.at + rules.retention > end);
        self.out.retain(|bid, _| collections.offers.bids.contains_key(bid));
        self.waiting.retain(|answer| answer.version.time + rules.retention > end);
        self.waiting.extend(collections.answers.iter().cloned());
        self.take_waiting(collections);
        let waits = |each: &Standing| each.started.iter().any(|started| !started.shown);
        if !self.standing.values().any(waits) {
            return;
        }
        let newest = newest_by_area(collections, shape);
        for standing in self.standing.values_mut() {
            let seen = newest_telemetry(standing, collections, shape, &newest);
            for started in &mut standing.started {
                started.shown |= seen.is_some_and(|seen| seen > started.from);
            }
            if let Some(last) = standing.started.iter().rposition(|started| started.shown) {
                standing.started.drain(..last);
            }
        }
    }

    /// Takes the answers whose orders are known by now.
    pub fn take_waiting(&mut self, collections: &Collections) {
        let mut answers = std::mem::take(&mut self.waiting);
        answers.sort_by(|a, b| a.version.cmp(&b.version));
        for answer in answers {
            self.take_answer(answer, collections);
        }
    }

    fn take_answer(&mut self, answer: HeldAnswer, collections: &Collections) {
        let id = answer.value.order.clone();
        if let Some(ended) = self.ended.get(&id) {
            let (amount, since, bid) = (ended.amount, ended.since, ended.bid.clone());
            match answer.value.status {
                Answer::Failed | Answer::OptedOut => {
                    let reason = failure(answer.value.status);
                    if let Some(bid) = &bid {
                        self.put_out(bid, collections);
                        let of_bid = |each: &&mut Standing| each.order.kind.bid() == Some(bid);
                        for standing in self.standing.values_mut().filter(of_bid) {
                            standing.failed_before.push(reason);
                        }
                    } else if let Some(heir) = self.heir_of(&id) {
                        heir.failed_before.push(reason);
                    }
                }
                Answer::Started => {
                    if let Some(heir) = self.heir_of(&id) {
                        let most = heir.order.amount;
                        start(heir, &answer, (amount, since), most);
                    }
                }
                Answer::Completed | Answer::Received => {}
            }
            return;
        }
        let Some(standing) = self.standing.get_mut(&id) else {
            self.waiting.push(answer);
            return;
        };
        match answer.value.status {
            Answer::Received => standing.received = true,
            Answer::Started => {
                let told = (standing.order.amount, standing.order.since);
                start(standing, &answer, told, Watts(i64::MAX));
            }
            Answer::Completed => standing.finals.push(EndReason::Completed),
            Answer::Failed | Answer::OptedOut => {
                standing.finals.push(failure(answer.value.status));
                if let Some(bid) = standing.order.kind.bid().cloned() {
                    self.put_out(&bid, collections);
                }
            }
        }
    }

    /// A bid that failed is out until the end that it has now.
    pub(super) fn put_out(&mut self, bid: &Text, collections: &Collections) {
        if let Some(known) = collections.offers.bids.get(bid) {
            let until = known.held.value.end;
            let out = self.out.entry(bid.clone()).or_insert(until);
            *out = (*out).max(until);
        }
    }

    /// The standing order that superseded one, over however many in between.
    fn heir_of(&mut self, id: &Text) -> Option<&mut Standing> {
        let mut id = id.clone();
        while let Some(ended) = self.ended.get(&id) {
            let End::Superseded(next) = &ended.how else { return None };
            id = next.clone();
        }
        self.standing.get_mut(&id)
    }

    /// The relief of every area, from the orders that `counting` lets count.
    ///
    /// What the contract leaves open is taken in one of its readings.
    #[must_use]
    pub fn relief(
        &self,
        collections: &Collections,
        shape: &Shape,
        end: Time,
        rules: &Rules,
        shed: Shed,
        counting: impl Fn(&Standing) -> bool,
    ) -> BTreeMap<Text, Watts> {
        let mut relief: BTreeMap<Text, Watts> = BTreeMap::new();
        for standing in self.standing.values().filter(|standing| counting(standing)) {
            let shown = standing.started.iter().rfind(|started| started.shown);
            let Some(shown) = shown else { continue };
            let Some((area, node)) = place(standing, collections, shape, shed) else {
                continue;
            };
            if node.is_none_or(|node| counts(collections, node, end, rules)) {
                *relief.entry(area.clone()).or_default() += shown.power;
            }
        }
        relief
    }
}

fn failure(answer: Answer) -> EndReason {
    if answer == Answer::Failed { EndReason::Failed } else { EndReason::OptedOut }
}

/// Takes a `started` to an order of some power and time: the standing one itself, or one that it
/// goes back to, which confirms at most what the standing one asks for.
fn start(standing: &mut Standing, answer: &HeldAnswer, told: (Watts, Time), most: Watts) {
    let (amount, since) = told;
    let started = Started {
        version: answer.version.clone(),
        from: answer.version.time.max(since),
        power: answer.value.confirmed.unwrap_or(amount).min(most),
        shown: false,
    };
    let at = standing.started.partition_point(|known| known.version < started.version);
    standing.started.insert(at, started);
}

/// Where an order's relief counts: the area, and the node where the bid names one.
fn place<'a>(
    standing: &'a Standing,
    collections: &'a Collections,
    shape: &'a Shape,
    shed: Shed,
) -> Option<(&'a Text, Option<&'a Text>)> {
    match &standing.order.kind {
        Kind::Transfer { .. } => None,
        Kind::Curtailment => match shed {
            Shed::InItsArea => Some((&standing.area, None)),
            Shed::InTheMainArea => Some((shape.main_area.get(&standing.order.region)?, None)),
            Shed::Nowhere => None,
        },
        Kind::DemandResponse { bid, program, .. } => {
            let node = collections.offers.bids.get(bid)?.held.value.node.as_ref();
            let region = collections.offers.program(program).and_then(|it| it.region.as_ref());
            let region = region.unwrap_or(&standing.order.region);
            let Some(node) = node else { return Some((shape.main_area.get(region)?, None)) };
            // A bid that names a node of another region counts nowhere.
            let area = shape.area_of.get(node)?;
            (shape.areas.get(area)?.region == *region).then_some((area, Some(node)))
        }
    }
}

fn newest_telemetry(
    standing: &Standing,
    collections: &Collections,
    shape: &Shape,
    newest: &BTreeMap<&Text, Time>,
) -> Option<Time> {
    let (area, node) = place(standing, collections, shape, Shed::InItsArea)?;
    match node {
        Some(node) => collections.telemetry.get(node).map(|held| held.version.time),
        None => newest.get(area).copied(),
    }
}

fn newest_by_area<'a>(collections: &Collections, shape: &'a Shape) -> BTreeMap<&'a Text, Time> {
    let mut newest: BTreeMap<&Text, Time> = BTreeMap::new();
    for (node, held) in &collections.telemetry {
        if let Some(area) = shape.area_of.get(node) {
            let time = newest.entry(area).or_insert(held.version.time);
            *time = (*time).max(held.version.time);
        }
    }
    newest
}
