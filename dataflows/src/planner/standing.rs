//! What stands: orders and the plans that they belong to.
//!
//! This is the projection of the planner's own records: an order stands from the record that
//! writes it until one that supersedes or cancels it.

use gridweaver_model::decision::LineShare;
use gridweaver_model::record::{Answer, Version};
use gridweaver_model::{Price, Text, Time, Watts};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What an order instructs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Instruction {
    /// A bid is activated.
    DemandResponse {
        /// Which.
        bid: Text,
        /// Under which program.
        program: Text,
        /// The region that it was ordered for.
        region: Text,
        /// Paid per MWh.
        price: Price,
        /// What it was chosen by.
        score: Price,
        /// Runs from here.
        start: Time,
        /// At the latest to here.
        until: Time,
        /// Held until here unless it must end.
        held_until: Time,
    },
    /// Power is sent along a path.
    Transfer {
        /// The areas as they are named now, sender first.
        path: Vec<Text>,
        /// What each hop's lines carry.
        hops: Vec<Vec<LineShare>>,
        /// At the sender.
        sent: Watts,
    },
    /// Load is shed.
    Curtailment,
}

/// What a participant confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// What orders it among answers.
    pub version: Version,
    /// The relief begins with telemetry newer than this.
    pub from: Time,
    /// Confirmed.
    pub amount: Watts,
    /// Of how much: what the order that was answered instructed.
    pub of: Watts,
    /// Telemetry newer than it was seen.
    pub shown: bool,
}

impl Started {
    /// What an order for so much instructs beyond what was answered.
    fn unanswered(&self, amount: Watts) -> Watts {
        (amount - self.of.max(self.amount)).max(Watts::ZERO)
    }
}

/// An order that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The plan that it belongs to now.
    pub plan: Text,
    /// What it instructs.
    pub instruction: Instruction,
    /// How much; of a transfer, delivered.
    pub amount: Watts,
    /// When it was written.
    pub since: Time,
    /// When nobody acknowledging it becomes a failure.
    pub acknowledged: bool,
    /// The newest `started` that telemetry has shown, and all newer ones, oldest first.
    pub started: Vec<Started>,
}

impl Order {
    /// What was confirmed of it last.
    #[must_use]
    pub fn confirmed(&self) -> Option<Watts> {
        self.started.last().map(|started| started.amount)
    }

    /// What it counts for: its amount until confirmed, then what was confirmed. What it instructs
    /// beyond the order that was answered, whose place it took, is not confirmed yet.
    #[must_use]
    pub fn counted(&self) -> Watts {
        let counted = |started: &Started| started.amount + started.unanswered(self.amount);
        self.started.last().map_or(self.amount, counted)
    }

    /// What an order for so much in its place counts for: it inherits the answer, at most its own
    /// amount.
    #[must_use]
    pub fn counted_as(&self, amount: Watts) -> Watts {
        let counted = |started: &Started| started.amount.min(amount) + started.unanswered(amount);
        self.started.last().map_or(amount, counted)
    }

    /// The least that is to be instructed in its place to count for so much: what `counted_as`
    /// turns back.
    #[must_use]
    pub fn amount_for(&self, counted: Watts) -> Watts {
        let least = |started: &Started| {
            let beyond = counted - started.amount;
            if beyond > Watts::ZERO { started.of.max(started.amount) + beyond } else { counted }
        };
        self.started.last().map_or(counted, least)
    }

    /// What the meters show of it.
    #[must_use]
    pub fn relief(&self) -> Watts {
        let shown = self.started.iter().rfind(|started| started.shown);
        shown.map_or(Watts::ZERO, |started| started.amount)
    }

    /// Takes a `started`, in its place among those taken.
    pub(super) fn start(&mut self, started: Started) {
        self.acknowledged = true;
        let at = self.started.partition_point(|known| known.version < started.version);
        self.started.insert(at, started);
    }

    /// Looks which of its `started` telemetry as new as `newest` shows; those before the last of
    /// them count no more.
    pub(super) fn show(&mut self, newest: Option<Time>) {
        for started in &mut self.started {
            started.shown |= newest > Some(started.from);
        }
        if let Some(last) = self.started.iter().rposition(|started| started.shown) {
            self.started.drain(..last);
        }
    }

    /// The bid that it activates.
    #[must_use]
    pub fn bid(&self) -> Option<&Text> {
        match &self.instruction {
            Instruction::DemandResponse { bid, .. } => Some(bid),
            _ => None,
        }
    }

    /// The program that it is committed under.
    #[must_use]
    pub fn program(&self) -> Option<&Text> {
        match &self.instruction {
            Instruction::DemandResponse { program, .. } => Some(program),
            _ => None,
        }
    }

    /// Whether its minimum run holds it at a tick's end.
    #[must_use]
    pub fn is_held(&self, tick_end: Time) -> bool {
        matches!(&self.instruction,
            Instruction::DemandResponse { held_until, .. } if *held_until > tick_end)
    }
}

/// A plan that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The area that it serves, as it is named now.
    pub area: Text,
    /// What it was made for.
    pub shortfall: Watts,
    /// Served by demand response.
    pub demand_response: Watts,
    /// Activated beyond that.
    pub over_delivery: Watts,
    /// Delivered by transfers.
    pub transfer: Watts,
    /// Left.
    pub unmet: Watts,
    /// Its orders.
    pub orders: BTreeSet<Text>,
    /// When it was made or last compared with a new one.
    pub looked_at: Time,
    /// Since when its need has been under the deadband.
    pub under_since: Option<Time>,
    /// An input of its island changed since it was last looked at.
    pub changed: bool,
}

/// An order that has ended, remembered for answers that still come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) bid: Option<Text>,
    pub(super) amount: Watts,
    pub(super) since: Time,
    /// The order that took its place.
    pub(super) successor: Option<Text>,
}

/// All that stands.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Standing {
    pub(super) orders: BTreeMap<Text, Order>,
    pub(super) plans: BTreeMap<Text, Plan>,
    by_area: BTreeMap<Text, BTreeSet<Text>>,
    committed: BTreeMap<Text, Watts>,
    pub(super) ended: BTreeMap<Text, Ended>,
    forgetting: BTreeMap<Time, Vec<Text>>,
    /// What was last reported as unmet, by plan.
    pub(super) reported: BTreeMap<Text, Watts>,
}

impl Standing {
    pub(super) fn plans_of(&self, area: &Text) -> impl Iterator<Item = (&Text, &Plan)> {
        let names = self.by_area.get(area).into_iter().flatten();
        names.map(|name| (name, &self.plans[name]))
    }

    pub(super) fn orders_of(&self, area: &Text) -> impl Iterator<Item = (&Text, &Order)> {
        let orders = self.plans_of(area).flat_map(|(_, plan)| &plan.orders);
        orders.map(|name| (name, &self.orders[name]))
    }

    /// What a program's bids are committed to.
    pub(super) fn committed(&self, program: &Text) -> Watts {
        self.committed.get(program).copied().unwrap_or_default()
    }

    pub(super) fn insert_plan(&mut self, name: Text, plan: Plan) {
        self.by_area.entry(plan.area.clone()).or_default().insert(name.clone());
        self.plans.insert(name, plan);
    }

    pub(super) fn remove_plan(&mut self, name: &Text) -> Option<Plan> {
        let plan = self.plans.remove(name)?;
        self.unlist(&plan.area, name);
        Some(plan)
    }

    pub(super) fn move_plan(&mut self, name: &Text, area: Text) {
        let Some(plan) = self.plans.get_mut(name) else { return };
        let old = std::mem::replace(&mut plan.area, area.clone());
        self.unlist(&old, name);
        self.by_area.entry(area).or_default().insert(name.clone());
    }

    fn unlist(&mut self, area: &Text, plan: &Text) {
        if let Some(plans) = self.by_area.get_mut(area) {
            plans.remove(plan);
            if plans.is_empty() {
                self.by_area.remove(area);
            }
        }
    }

    pub(super) fn insert_order(&mut self, name: Text, order: Order) {
        if let Instruction::DemandResponse { program, .. } = &order.instruction {
            *self.committed.entry(program.clone()).or_default() += order.amount;
        }
        if let Some(plan) = self.plans.get_mut(&order.plan) {
            plan.orders.insert(name.clone());
        }
        self.orders.insert(name, order);
    }

    /// Ends an order; it is remembered until `forgotten_at`.
    pub(super) fn end_order(
        &mut self,
        name: &Text,
        successor: Option<Text>,
        forgotten_at: Time,
    ) -> Option<Order> {
        let order = self.orders.remove(name)?;
        if let Instruction::DemandResponse { program, .. } = &order.instruction
            && let Some(committed) = self.committed.get_mut(program)
        {
            *committed -= order.amount;
        }
        if let Some(plan) = self.plans.get_mut(&order.plan) {
            plan.orders.remove(name);
        }
        let (bid, amount, since) = (order.bid().cloned(), order.amount, order.since);
        let ended = Ended { bid, amount, since, successor };
        self.ended.insert(name.clone(), ended);
        self.forgetting.entry(forgotten_at).or_default().push(name.clone());
        Some(order)
    }

    /// Forgets the orders whose time has come.
    pub(super) fn forget(&mut self, tick_end: Time) {
        while let Some(entry) = self.forgetting.first_entry().filter(|e| *e.key() <= tick_end) {
            for name in entry.remove() {
                self.ended.remove(&name);
            }
        }
    }
}

/// An answer's kind, as a state shows it.
#[must_use]
pub(super) fn order_status(order: &Order) -> &'static str {
    if !order.started.is_empty() {
        Answer::Started.name()
    } else if order.acknowledged {
        Answer::Received.name()
    } else {
        "issued"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A curtailment of `amount`; of an order for `of` in its place before, `confirmed` was.
    fn order(amount: i64, confirmed: i64, of: i64) -> Order {
        let version = Version { time: Time(1), sequence: 1, source: "s".into(), id: "e".into() };
        let [confirmed, of] = [confirmed, of].map(Watts);
        Order {
            plan: "plan".into(),
            instruction: Instruction::Curtailment,
            amount: Watts(amount),
            since: Time(0),
            acknowledged: true,
            started: vec![Started { version, from: Time(1), amount: confirmed, of, shown: true }],
        }
    }

    #[test]
    fn what_is_instructed_beyond_what_was_answered_counts_until_it_is_answered() {
        assert_eq!(order(10, 8, 10).counted(), Watts(8));
        assert_eq!(order(12, 8, 10).counted(), Watts(10));
        assert_eq!(order(12, 11, 10).counted(), Watts(12), "it did more than it was ordered");
        let counted = |amount| order(10, 8, 10).counted_as(Watts(amount)).0;
        assert_eq!([5, 8, 9, 10, 13].map(counted), [5, 8, 8, 8, 11]);
    }

    #[test]
    fn an_amount_is_found_for_all_that_an_order_can_count_for() {
        for (amount, confirmed, of) in
            [(10, 8, 10), (12, 8, 10), (10, 0, 10), (7, 4, 10), (12, 11, 10)]
        {
            let order = order(amount, confirmed, of);
            for counted in (0..20).map(Watts) {
                assert_eq!(order.counted_as(order.amount_for(counted)), counted);
            }
        }
    }
}
