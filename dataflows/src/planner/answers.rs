//! Answers from participants, and the relief that confirmed orders give.
//!
//! Answers are taken by (time, sequence, source, id). Metered load is lower by what our own orders
//! achieved; only what is *confirmed* is added back, from the first tick in which telemetry newer
//! than the answer has come, so that a working order does not undo itself.

use super::Planner;
use super::standing::{Instruction, Order, Started};
use gridweaver_model::decision::EndReason;
use gridweaver_model::record::{Answer, Response, Version};
use gridweaver_model::rules::Stale;
use gridweaver_model::{Text, Time, Watts};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An answer to an order that is not there (yet).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) version: Version,
    pub(super) response: Response,
}

impl Planner {
    /// Takes a tick's answers.
    pub(super) fn answer(&mut self, mut answers: Vec<(Version, Response)>) {
        answers.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (version, response) in answers {
            self.take_answer(version, response);
        }
    }

    fn take_answer(&mut self, version: Version, response: Response) {
        if self.standing.orders.contains_key(&response.order) {
            self.answer_standing(version, &response);
        } else if self.standing.ended.contains_key(&response.order) {
            self.answer_ended(version, &response);
        } else {
            let forgotten_at = version.time + self.rules.retention;
            let waiting = Waiting { version, response };
            self.early.entry(waiting.response.order.clone()).or_default().push(waiting.clone());
            self.early_forgotten.entry(forgotten_at).or_default().push(waiting.response.order);
        }
    }

    /// To an ended order nothing matters but that it started, which counts for the order in its
    /// place, or that it failed for good.
    fn answer_ended(&mut self, version: Version, response: &Response) {
        let heir = self.heir_of(&response.order);
        let Some(ended) = self.standing.ended.get(&response.order).cloned() else { return };
        match response.status {
            Answer::Received | Answer::Completed => {}
            Answer::Started => {
                let Some(order) = self.standing.orders.get_mut(&heir) else { return };
                let amount = response.confirmed.unwrap_or(ended.amount).min(order.amount);
                let from = version.time.max(ended.since);
                let started = Started { version, from, amount, of: ended.amount, shown: false };
                order.start(started);
                self.watch(&heir);
            }
            Answer::Failed | Answer::OptedOut => {
                let reason = failure(response.status);
                if let Some(bid) = &ended.bid {
                    self.put_out(bid, reason);
                } else if self.standing.orders.contains_key(&heir) {
                    self.fail(&heir, reason);
                }
            }
        }
    }

    /// The order that stands in the place of one that was superseded, if any does.
    fn heir_of(&self, order: &Text) -> Text {
        let mut name = order.clone();
        while let Some(next) = self.standing.ended.get(&name).and_then(|e| e.successor.clone()) {
            name = next;
        }
        name
    }

    /// Takes the answers that came before their orders, which were written in this tick. What the
    /// tick decides and tells does not rest on them.
    pub(super) fn answer_early(&mut self) {
        for order in std::mem::take(&mut self.answered_early) {
            let mut answers = self.early.remove(&order).unwrap_or_default();
            answers.sort_unstable_by(|a, b| a.version.cmp(&b.version));
            for waiting in answers {
                self.answer_standing(waiting.version, &waiting.response);
            }
        }
    }

    pub(super) fn forget_answers(&mut self, tick_end: Time) {
        while let Some(entry) = self.early_forgotten.first_entry().filter(|e| *e.key() <= tick_end)
        {
            let orders = entry.remove();
            for order in orders {
                let retention = self.rules.retention;
                if let Some(waiting) = self.early.get_mut(&order) {
                    waiting.retain(|waiting| waiting.version.time + retention > tick_end);
                    if waiting.is_empty() {
                        self.early.remove(&order);
                    }
                }
            }
        }
    }

    fn answer_standing(&mut self, version: Version, response: &Response) {
        let name = &response.order;
        let Some(order) = self.standing.orders.get_mut(name) else { return };
        match response.status {
            Answer::Received => order.acknowledged = true,
            Answer::Started => {
                let amount = response.confirmed.unwrap_or(order.amount);
                let from = version.time.max(order.since);
                let started = Started { version, from, amount, of: order.amount, shown: false };
                order.start(started);
                self.watch(name);
            }
            Answer::Completed => {
                self.ending.entry(name.clone()).or_insert(EndReason::Completed);
            }
            Answer::Failed | Answer::OptedOut => self.fail(name, failure(response.status)),
        }
    }

    /// Watches the meters of an order that started.
    fn watch(&mut self, name: &Text) {
        self.answering.insert(name.clone());
        let plan = self.standing.orders.get(name).map(|order| &order.plan);
        let area = plan.and_then(|plan| self.standing.plans.get(plan)).map(|plan| &plan.area);
        if let Some(area) = area.cloned() {
            self.grid.touch_area(&area);
        }
    }

    /// An order that failed: its bid is out, its path or curtailment is not ordered again for a
    /// while.
    pub(super) fn fail(&mut self, name: &Text, reason: EndReason) {
        self.ending.entry(name.clone()).or_insert(reason);
        let Some(order) = self.standing.orders.get(name) else { return };
        let until = self.tick_end + self.rules.dispatch.release_hold;
        match order.instruction.clone() {
            Instruction::DemandResponse { bid, .. } => self.put_out(&bid, reason),
            Instruction::Transfer { path, .. } => {
                self.blocked_hops.insert((path[0].clone(), path[1].clone()), until);
            }
            Instruction::Curtailment => {
                if let Some(plan) = self.standing.plans.get(&order.plan) {
                    self.blocked_curtailments.insert(plan.area.clone(), until);
                }
            }
        }
    }

    /// A bid is out until the end that it has now, and what stands on it ends.
    fn put_out(&mut self, bid: &Text, reason: EndReason) {
        let Some(entry) = self.offers.get(bid) else { return };
        let (until, program) = (entry.offer.end, entry.offer.program.clone());
        self.offers.put_out(bid, until);
        let standing = self.standing.orders.iter().find(|(_, order)| order.bid() == Some(bid));
        if let Some((name, _)) = standing {
            self.ending.entry(name.clone()).or_insert(reason);
        }
        if let Some(program) = self.offers.programs.get(&program) {
            self.grid.touch_region(&program.region.clone());
        }
    }

    /// Treats orders that nobody acknowledged in time as failed. One that an answer ends in this
    /// tick was answered.
    pub(super) fn time_out(&mut self) {
        let tick_end = self.tick_end;
        let late = self.unacknowledged().filter(|(_, due)| *due <= tick_end);
        let late: Vec<Text> = late.map(|(name, _)| name.clone()).collect();
        for name in late {
            self.fail(&name, EndReason::NoResponse);
            let plan = self.standing.orders.get(&name).map(|order| &order.plan);
            let area = plan.and_then(|plan| self.standing.plans.get(plan));
            if let Some(area) = area.map(|plan| plan.area.clone()) {
                self.grid.touch_area(&area);
            }
        }
    }

    /// When the next of the orders that stand now is due to fail for want of an answer.
    pub(super) fn next_time_out(&self) -> Option<Time> {
        let tick_end = self.tick_end;
        self.unacknowledged().map(|(_, due)| due).filter(|due| *due > tick_end).min()
    }

    /// Orders that nobody acknowledged, each with when that is a failure.
    fn unacknowledged(&self) -> impl Iterator<Item = (&Text, Time)> {
        let timeout = self.rules.dispatch.response_timeout;
        timeout.into_iter().flat_map(|timeout| {
            let orders =
                self.standing.orders.iter().filter(|(name, order)| {
                    !order.acknowledged && !self.ending.contains_key(*name)
                });
            orders.map(move |(name, order)| (name, order.since + timeout))
        })
    }

    /// Brings the relief of every area up to date; areas where it changed are touched.
    pub(super) fn relieve(&mut self) {
        let waits = |order: &Order| order.started.iter().any(|started| !started.shown);
        let standing = |name: &Text| Some((name.clone(), self.standing.orders.get(name)?));
        let waiting = self.answering.iter().filter_map(standing).filter(|(_, order)| waits(order));
        let meters: Vec<(Text, Option<Time>)> =
            waiting.filter_map(|(name, order)| Some((name, self.meter_of(order)?.1))).collect();
        for (name, newest) in meters {
            if let Some(order) = self.standing.orders.get_mut(&name) {
                order.show(newest);
            }
        }
        let relief = self.relief_standing();
        let old = std::mem::replace(&mut self.relief, relief);
        let changed: Vec<Text> = old
            .keys()
            .chain(self.relief.keys())
            .filter(|area| old.get(*area) != self.relief.get(*area))
            .cloned()
            .collect();
        for area in changed {
            self.grid.touch_area(&area);
        }
    }

    /// The area whose meters show an order, when they were last read, and whether that load counts.
    /// A transfer is never relief; a curtailment is where the load is shed.
    fn meter_of(&self, order: &Order) -> Option<(Text, Option<Time>, bool)> {
        if order.instruction == Instruction::Curtailment {
            let area = self.standing.plans.get(&order.plan)?.area.clone();
            let newest = self.grid.newest(&area);
            return Some((area, newest, true));
        }
        let Instruction::DemandResponse { bid, program, region, .. } = &order.instruction else {
            return None;
        };
        let node = &self.offers.get(bid)?.offer.node;
        // Where its program was removed it must end, and counts to the last.
        let region = self.offers.programs.get(program).map_or(region, |program| &program.region);
        let area = self.grid.area_of(node.as_ref(), region)?.clone();
        if self.grid.identity(&area)?.region != *region {
            // Its bid names a node elsewhere by now, and counts nowhere.
            return None;
        }
        let newest = match node {
            Some(node) => self.grid.nodes.get(node).and_then(|place| place.newest),
            None => self.grid.newest(&area),
        };
        let exclude = self.rules.stale == Stale::Exclude && node.is_some();
        let oldest = Time(self.tick_end.0 - self.rules.stale_after.0);
        let counts = !exclude || newest.is_some_and(|newest| newest >= oldest);
        Some((area, newest, counts))
    }

    /// What the orders that stand take off each area's meters.
    fn relief_standing(&self) -> BTreeMap<Text, Watts> {
        let mut relief: BTreeMap<Text, Watts> = BTreeMap::new();
        for order in self.answering.iter().filter_map(|name| self.standing.orders.get(name)) {
            let shown = order.relief();
            if shown > Watts::ZERO
                && let Some((area, _, true)) = self.meter_of(order)
            {
                *relief.entry(area).or_default() += shown;
            }
        }
        relief
    }

    /// Whether the areas' figures rest on relief that the tick ended: they change with the next.
    pub(super) fn relief_is_over(&self) -> bool {
        self.relief_standing() != self.relief
    }
}

fn failure(answer: Answer) -> EndReason {
    if answer == Answer::Failed { EndReason::Failed } else { EndReason::OptedOut }
}
