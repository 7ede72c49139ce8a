//! How long a plan stands: until its need moves or is over, until a new one sheds less or is much
//! cheaper. (Why an *order* must end is in `endings`.)

use super::Planner;
use super::draft::{IslandDraft, LEAST};
use super::standing::{Instruction, Order, Plan};
use gridweaver_model::{Text, Watts};
use std::collections::BTreeSet;

impl Planner {
    /// Whether the need of a plan is over, as far as its hold is concerned.
    fn is_under(&self, need: Watts, made_for: Watts) -> bool {
        let deadband = self.rules.dispatch.deadband;
        if made_for <= deadband { need == Watts::ZERO } else { need < deadband }
    }

    /// Keeps since when each plan's need is under the deadband.
    pub(super) fn watch_holds(&mut self) {
        let under: Vec<(Text, bool)> = self
            .standing
            .plans
            .iter()
            .map(|(name, plan)| {
                let need = self.balance(&plan.area).shortfall;
                (name.clone(), self.is_under(need, plan.shortfall))
            })
            .collect();
        for (name, under) in under {
            if let Some(plan) = self.standing.plans.get_mut(&name) {
                plan.under_since = match plan.under_since {
                    Some(since) if under => Some(since),
                    _ => under.then_some(self.tick_end),
                };
            }
        }
    }

    /// Whether an area's plan no longer stands, for another reason than its orders.
    fn has_lapsed(&self, area: &Text) -> bool {
        let need = self.balance(area).shortfall;
        let plans: Vec<&Plan> = self.standing.plans_of(area).map(|(_, plan)| plan).collect();
        if plans.is_empty() {
            return need >= LEAST;
        }
        let made_for: Watts = plans.iter().map(|plan| plan.shortfall).sum();
        let moved = Watts((need - made_for).0.abs()) > self.rules.dispatch.deadband;
        if moved && !self.is_under(need, made_for) {
            return true;
        }
        let hold = self.rules.dispatch.release_hold;
        let over =
            |plan: &&Plan| plan.under_since.is_some_and(|since| self.tick_end >= since + hold);
        plans.iter().all(over) && self.can_release(area)
    }

    /// Whether a release would end anything: not all is held by its minimum run.
    fn can_release(&self, area: &Text) -> bool {
        let mut orders = self.standing.orders_of(area).peekable();
        orders.peek().is_none() || orders.any(|(_, order)| !order.is_held(self.tick_end))
    }

    /// The islands whose plans no longer stand.
    pub(super) fn lapsed_islands(&self, touched: &BTreeSet<Text>) -> BTreeSet<Text> {
        let mut lapsed = BTreeSet::new();
        let planned = self.standing.plans.values().map(|plan| &plan.area);
        let touched_areas = touched.iter().flat_map(|island| self.grid.areas_of_island(island));
        let areas: BTreeSet<&Text> = planned.chain(touched_areas).collect();
        for area in areas {
            let Some(identity) = self.grid.identity(area) else { continue };
            if !lapsed.contains(&identity.island) && self.has_lapsed(area) {
                lapsed.insert(identity.island.clone());
            }
        }
        for name in self.ending.keys() {
            let plan = self.standing.orders.get(name).map(|order| &order.plan);
            let plan = plan.and_then(|plan| self.standing.plans.get(plan));
            let identity = plan.and_then(|plan| self.grid.identity(&plan.area));
            lapsed.extend(identity.map(|identity| identity.island.clone()));
        }
        lapsed
    }

    /// Compares what stands in an island with a new plan, where the contract asks for it.
    pub(super) fn reconsider(&mut self, island: &Text) {
        let tick_end = self.tick_end;
        let every = self.rules.dispatch.replan_every;
        let areas: Vec<Text> = self.grid.areas_of_island(island).cloned().collect();
        let plans: Vec<Text> = areas
            .iter()
            .flat_map(|area| self.standing.plans_of(area).map(|(name, _)| name.clone()))
            .collect();
        let shed: Watts = plans.iter().map(|plan| self.shed(plan)).sum();
        // What only waits for its hold to be over is released by that, not for being dearer than
        // nothing.
        let due = plans.iter().any(|name| {
            let plan = &self.standing.plans[name];
            plan.changed && plan.under_since.is_none() && tick_end >= plan.looked_at + every
        });
        if plans.is_empty() || (shed < LEAST && !due) {
            return;
        }
        let islands = BTreeSet::from([island.clone()]);
        let Some(draft) = self.draft(&islands, tick_end).pop() else { return };
        let sheds_less = shed - draft.unmet() >= LEAST;
        if due {
            for name in &plans {
                if let Some(plan) = self.standing.plans.get_mut(name) {
                    plan.looked_at = tick_end;
                    plan.changed = false;
                }
            }
        }
        if sheds_less || (due && self.is_cheaper(&draft, &plans, shed)) {
            self.adopt_draft(&draft);
        }
    }

    /// What a standing plan sheds: what it leaves unmet, and what was confirmed below what it counted
    /// on.
    fn shed(&self, plan: &Text) -> Watts {
        let plan = &self.standing.plans[plan];
        let (mut demand_response, mut short) = (Watts::ZERO, Watts::ZERO);
        for order in plan.orders.iter().map(|name| &self.standing.orders[name]) {
            match order.instruction {
                Instruction::DemandResponse { .. } => demand_response += order.counted(),
                Instruction::Transfer { .. } => {
                    short += (order.amount - order.counted()).max(Watts::ZERO);
                }
                Instruction::Curtailment => {}
            }
        }
        plan.unmet + short + (plan.demand_response - demand_response).max(Watts::ZERO)
    }

    /// Whether a draft is cheaper than what stands by more than the gain asked for, areas aside whose
    /// need is over.
    fn is_cheaper(&self, draft: &IslandDraft, plans: &[Text], shed: Watts) -> bool {
        let lost_load = i128::from(self.rules.dispatch.lost_load_price.0);
        let mut standing = lost_load * i128::from(shed.0);
        let over: BTreeSet<&Text> = plans
            .iter()
            .map(|name| &self.standing.plans[name])
            .filter(|plan| plan.under_since.is_some())
            .map(|plan| &plan.area)
            .collect();
        let counted = plans.iter().map(|name| &self.standing.plans[name]);
        for plan in counted.filter(|plan| !over.contains(&plan.area)) {
            for order in &plan.orders {
                standing += self.standing_cost(&self.standing.orders[order]);
            }
        }
        let mut fresh = lost_load * i128::from(draft.unmet().0);
        for area in draft.areas.iter().filter(|draft| !over.contains(&draft.area)) {
            fresh += area.transfers.iter().map(|transfer| transfer.cost).sum::<i128>();
            for name in &area.held {
                fresh += self.standing_cost(&self.standing.orders[name]);
            }
            for (bid, amount) in &area.taken {
                let score = self.offers.get(bid).map_or(0, |entry| entry.offer.score.0);
                fresh += i128::from(score.max(0)) * i128::from(amount.0);
            }
        }
        let gain = 1_000_000 - i128::from(self.rules.dispatch.replan_gain.0);
        fresh * 1_000_000 < standing * gain
    }

    /// What an order costs by today's scores and prices.
    fn standing_cost(&self, order: &Order) -> i128 {
        match &order.instruction {
            Instruction::DemandResponse { bid, score, .. } => {
                let score = self.offers.get(bid).map_or(*score, |entry| entry.offer.score);
                i128::from(score.0.max(0)) * i128::from(order.amount.0)
            }
            Instruction::Transfer { path, hops, sent } => {
                let energy = self.grid.energy_price(&path[0], &self.rules.dispatch);
                let mut cost = i128::from(energy.0.max(0)) * i128::from(sent.0);
                for (ends, shares) in path.windows(2).zip(hops) {
                    let power: Watts = shares.iter().map(|share| share.power).sum();
                    let interface = self.grid.interface(&ends[0], &ends[1]);
                    let price = interface.map_or(0, |interface| interface.wheeling_price.0);
                    cost += i128::from(price) * i128::from(power.0);
                }
                cost
            }
            Instruction::Curtailment => 0,
        }
    }
}
