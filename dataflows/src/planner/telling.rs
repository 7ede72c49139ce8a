//! The records that say what a plan came to: the plan itself, its cascade, what it leaves unmet, its
//! clearing. (The orders are written where they are made to stand, in `adopt`.)

use super::Planner;
use super::adopt::Step;
use super::draft::{IslandDraft, LEAST};
use super::standing::{Instruction, Order};
use crate::structures::flow;
use gridweaver_model::decision::{AuditEntry, Event, PlanCreated, PlanInputs, ShortfallUnmet};
use gridweaver_model::{Decision, Price, Text, Time, Watts};

impl Planner {
    pub(super) fn tell_plan(&mut self, step: &Step<'_>, tick_end: Time) {
        let draft = step.draft;
        let mut cost: i128 = draft.transfers.iter().map(|transfer| transfer.cost).sum();
        for name in &draft.held {
            let order = &self.standing.orders[name];
            cost += i128::from(self.price_of(order).0) * i128::from(order.amount.0);
        }
        for (bid, amount) in &draft.taken {
            let price = self.offers.get(bid).map_or(Price::ZERO, |entry| entry.offer.price);
            cost += i128::from(price.0) * i128::from(amount.0);
        }
        let balance = &draft.balance;
        let created = PlanCreated {
            plan: step.plan.clone(),
            island: step.island.clone(),
            tick: tick_end,
            shortfall: draft.shortfall(),
            demand_response: draft.demand_response(),
            over_delivery: draft.over_delivery(),
            transfer: draft.transferred,
            unmet: draft.unmet(),
            cost,
            gap: draft.gap,
            supersedes: step.superseded.clone(),
            inputs: PlanInputs {
                generation: balance.figures.generation,
                available: balance.figures.available,
                load: balance.figures.load,
                relief: balance.relief,
                reserve: balance.reserve,
                declared_shortfall: balance.declared,
                held: draft.held_amount,
            },
        };
        self.tell(Event::PlanCreated(Box::new(created)), &draft.region, &draft.area);
    }

    /// What an activation is paid: its price, and of one whose end moved, so that it is written
    /// again in this tick, the bid's price now.
    fn price_of(&self, order: &Order) -> Price {
        let Instruction::DemandResponse { bid, price, until, .. } = &order.instruction else {
            return Price::ZERO;
        };
        let moved = self.offers.get(bid).filter(|entry| entry.offer.end != *until);
        moved.map_or(*price, |entry| entry.offer.price)
    }

    /// Says that a plan leaves nothing unmet any more, if it was said that it does.
    pub(super) fn tell_unmet_over(&mut self, plan: &Text) {
        if self.standing.reported.remove(plan).is_none() {
            return;
        }
        let Some(standing) = self.standing.plans.get(plan) else { return };
        let area = standing.area.clone();
        let (shortfall, unmet) = (standing.shortfall, Watts::ZERO);
        let told = ShortfallUnmet { plan: plan.clone(), shortfall, met: shortfall, unmet };
        let region = self.grid.identity(&area).map(|identity| identity.region.clone());
        let event = Event::ShortfallUnmet(told);
        self.told.push(Decision { event, region, area: Some(area) });
    }

    pub(super) fn tell_unmet(&mut self, step: &Step<'_>) {
        let draft = step.draft;
        let mut said = false;
        for name in &step.superseded {
            said |= self.standing.reported.remove(name).is_some();
        }
        let unmet = Some(draft.unmet()).filter(|unmet| *unmet >= LEAST);
        if let Some(unmet) = unmet {
            self.standing.reported.insert(step.plan.clone(), unmet);
        }
        if unmet.is_none() && !said {
            return;
        }
        let unmet = unmet.unwrap_or_default();
        let shortfall = draft.shortfall();
        let (plan, met) = (step.plan.clone(), shortfall - unmet);
        let told = ShortfallUnmet { plan, shortfall, met, unmet };
        self.tell(Event::ShortfallUnmet(told), &draft.region, &draft.area);
    }

    pub(super) fn tell_audit(&mut self, step: &Step<'_>) {
        let draft = step.draft;
        let (considered, accepted) = (draft.considered.len(), draft.taken.len());
        let entry = AuditEntry {
            action: "clear".into(),
            subject: draft.area.clone(),
            plan: Some(step.plan.clone()),
            decision: format!("{accepted} of {considered} bids accepted").into(),
            reason: "least cost of bids and lost load for the shortfall".into(),
            considered: considered as u64,
            accepted: accepted as u64,
            rejected: (considered - accepted) as u64,
            marginal_bid: draft.taken.last().map(|(bid, _)| bid.clone()),
        };
        self.tell(Event::AuditEntry(entry), &draft.region, &draft.area);
    }

    pub(super) fn tell_cascade(&mut self, draft: &IslandDraft) {
        let Some(cascade) = &draft.cascade else { return };
        let cleared = flow::cleared(
            &draft.island,
            &cascade.areas,
            &cascade.ends,
            &cascade.problem,
            &cascade.solution,
        );
        self.told.push(Decision::of_no_area(Event::CascadeCleared(Box::new(cleared))));
    }
}
