//! Adopting a draft: the records that turn what stands into what was drafted.
//!
//! Orders that come out the same are kept and not written again; an area whose orders and figures
//! all come out the same keeps its plan. Everything else is superseded, cancelled or new.

use super::Planner;
use super::draft::{AreaDraft, IslandDraft, LEAST, TransferDraft};
use super::standing::{Instruction, Order, Plan};
use crate::structures::parallel_lines::{Used, share};
use gridweaver_model::decision::{
    CurtailmentRecorded, DemandResponseActivated, EndReason, Event, OrderCancelled,
    TransferOrdered, derived_id,
};
use gridweaver_model::{Decision, Text, Time, Watts};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An area's draft, compared with what stands there.
pub(super) struct Step<'a> {
    pub(super) draft: &'a AreaDraft,
    pub(super) island: &'a Text,
    pub(super) plan: Text,
    /// The plans that it takes the place of.
    pub(super) superseded: Vec<Text>,
    /// The orders that stay as they are.
    kept: BTreeSet<Text>,
    /// What a final answer ended: nothing new supersedes it.
    answered: Vec<Text>,
    /// What stands and does not stay: by what a new order would have to be about.
    replaced: BTreeMap<Subject, Vec<(Text, Order)>>,
}

impl Step<'_> {
    /// An order that does not stay, for a new one about the same to supersede.
    fn take_replaced(&mut self, subject: &Subject) -> Option<(Text, Order)> {
        self.replaced.get_mut(subject)?.pop()
    }
}

/// What an order is about: two orders of an area about the same supersede each other.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Bid(Text),
    Path(Vec<Text>),
    Curtailment,
}

impl Subject {
    fn of(order: &Order) -> Self {
        match &order.instruction {
            Instruction::DemandResponse { bid, .. } => Self::Bid(bid.clone()),
            Instruction::Transfer { path, .. } => Self::Path(path.clone()),
            Instruction::Curtailment => Self::Curtailment,
        }
    }
}

impl Planner {
    /// Makes the drafts of an island what stands.
    pub(super) fn adopt(&mut self, draft: &IslandDraft, tick_end: Time) {
        let mut used = Used::new();
        let mut steps = Vec::new();
        let drafted: BTreeSet<&Text> = draft.areas.iter().map(|area| &area.area).collect();
        let over: Vec<Text> = self
            .grid
            .areas_of_island(&draft.island)
            .filter(|area| !drafted.contains(area))
            .cloned()
            .collect();
        for area in over {
            self.release(&area, tick_end);
        }
        for area in &draft.areas {
            if !area.is_in_need() {
                self.release(&area.area, tick_end);
                continue;
            }
            let step = self.compare(area, &draft.island, tick_end);
            for name in &step.kept {
                note_used(&mut used, &self.standing.orders[name]);
            }
            steps.push(step);
        }
        let mut adopted = false;
        for step in steps {
            if self.is_unchanged(&step) {
                self.keep(&step, tick_end);
            } else {
                adopted = true;
                self.replace(step, &mut used, tick_end);
            }
        }
        if adopted {
            self.tell_cascade(draft);
        }
    }

    /// Finds what of an area's orders stays.
    fn compare<'a>(&self, draft: &'a AreaDraft, island: &'a Text, tick_end: Time) -> Step<'a> {
        let plan = derived_id("plan-", &[&tick_end.to_string(), &draft.area]);
        let superseded =
            self.standing.plans_of(&draft.area).map(|(name, _)| name.clone()).collect();
        let mut step = Step {
            draft,
            island,
            plan,
            superseded,
            kept: BTreeSet::new(),
            answered: Vec::new(),
            replaced: BTreeMap::new(),
        };
        // Where plans met, two of their orders may be about the same: one of them can stay.
        let mut kept = BTreeSet::new();
        for (name, order) in self.standing.orders_of(&draft.area) {
            if self.ending.get(name).is_some_and(is_answered) {
                step.answered.push(name.clone());
                continue;
            }
            let subject = Subject::of(order);
            let stays = !self.ending.contains_key(name) && self.is_drafted(order, name, draft);
            if stays && kept.insert(subject.clone()) {
                step.kept.insert(name.clone());
            } else {
                step.replaced.entry(subject).or_default().push((name.clone(), order.clone()));
            }
        }
        step
    }

    /// Whether the draft has this very order.
    fn is_drafted(&self, order: &Order, name: &Text, draft: &AreaDraft) -> bool {
        match &order.instruction {
            Instruction::DemandResponse { bid, .. } => {
                let same =
                    |(other, amount): &(Text, Watts)| other == bid && *amount == order.amount;
                draft.held.contains(name) || draft.taken.iter().any(same)
            }
            Instruction::Transfer { path, sent, .. } => draft
                .transfers
                .iter()
                .any(|transfer| transfer.path == *path && transfer.carried[0] == *sent),
            Instruction::Curtailment => self.curtailed(draft) == Some(order.amount),
        }
    }

    /// What is to be shed, if anything is and may be ordered.
    fn curtailed(&self, draft: &AreaDraft) -> Option<Watts> {
        let blocked = self.blocked_curtailments.contains_key(&draft.area);
        Some(draft.unmet()).filter(|unmet| *unmet >= LEAST && !blocked)
    }

    fn is_unchanged(&self, step: &Step<'_>) -> bool {
        let [name] = step.superseded.as_slice() else { return false };
        let draft = step.draft;
        let orders = draft.held.len()
            + draft.taken.len()
            + draft.transfers.len()
            + usize::from(self.curtailed(draft).is_some());
        let plan = &self.standing.plans[name];
        step.replaced.is_empty()
            && step.answered.is_empty()
            && step.kept.len() == orders
            && plan.shortfall == draft.shortfall()
            && plan.demand_response == draft.demand_response()
            && plan.over_delivery == draft.over_delivery()
            && plan.transfer == draft.transferred
            && plan.unmet == draft.unmet()
    }

    /// A plan that stays counts as looked at; its clearing is the newest of its area all the same.
    fn keep(&mut self, step: &Step<'_>, tick_end: Time) {
        for name in &step.superseded {
            if let Some(plan) = self.standing.plans.get_mut(name) {
                plan.looked_at = tick_end;
                plan.changed = false;
            }
        }
        self.mark_left_out(step.draft);
    }

    fn mark_left_out(&mut self, draft: &AreaDraft) {
        for (bid, amount) in &draft.considered {
            self.offers.set_left_out(*bid, *amount == Watts::ZERO);
        }
    }

    fn replace(&mut self, mut step: Step<'_>, used: &mut Used, tick_end: Time) {
        let draft = step.draft;
        self.tell_plan(&step, tick_end);
        let plan = Plan {
            area: draft.area.clone(),
            shortfall: draft.shortfall(),
            demand_response: draft.demand_response(),
            over_delivery: draft.over_delivery(),
            transfer: draft.transferred,
            unmet: draft.unmet(),
            orders: step.kept.clone(),
            looked_at: tick_end,
            under_since: None,
            changed: false,
        };
        for name in &step.kept {
            if let Some(order) = self.standing.orders.get_mut(name) {
                order.plan = step.plan.clone();
            }
        }
        self.standing.insert_plan(step.plan.clone(), plan);
        for name in std::mem::take(&mut step.answered) {
            self.cancel(&name, EndReason::Released, tick_end);
        }
        self.activate(&mut step, tick_end);
        self.transfer(&mut step, used, tick_end);
        self.curtail(&mut step, tick_end);
        for (name, _) in std::mem::take(&mut step.replaced).into_values().flatten() {
            self.cancel(&name, EndReason::Released, tick_end);
        }
        self.tell_unmet(&step);
        for name in &step.superseded {
            self.standing.remove_plan(name);
        }
        self.tell_constraints(draft, &step.plan);
        self.mark_left_out(draft);
        self.tell_audit(&step);
    }

    pub(super) fn tell(&mut self, event: Event, region: &Text, area: &Text) {
        self.told.push(Decision::of_area(event, region, area));
    }

    fn activate(&mut self, step: &mut Step<'_>, tick_end: Time) {
        let draft = step.draft;
        for (bid, amount) in &draft.taken {
            let stands = step.kept.iter().any(|name| self.standing.orders[name].bid() == Some(bid));
            if stands {
                continue;
            }
            let replaced = step.take_replaced(&Subject::Bid(bid.clone()));
            let program = self.offers.get(bid).map(|entry| entry.offer.program.clone());
            let left = program.and_then(|program| draft.program_left.get(&program).copied());
            let context = Activation {
                plan: &step.plan,
                region: &draft.region,
                area: &draft.area,
                need: draft.shortfall(),
                program_left: left.unwrap_or_default(),
            };
            self.activate_bid(bid, *amount, &context, replaced, tick_end);
        }
    }

    /// Writes an activation, in the place of the one that it supersedes if there is one.
    pub(super) fn activate_bid(
        &mut self,
        bid: &Text,
        amount: Watts,
        context: &Activation<'_>,
        replaced: Option<(Text, Order)>,
        tick_end: Time,
    ) {
        let rank = self.offers.rank(bid).unwrap_or_default();
        let Some(offer) = self.offers.get(bid).map(|entry| Arc::clone(&entry.offer)) else {
            return;
        };
        let order = derived_id("dr-", &[&tick_end.to_string(), bid]);
        let start = match replaced.as_ref().map(|(_, order)| &order.instruction) {
            // What runs already needs no new notice.
            Some(Instruction::DemandResponse { start, .. }) => *start,
            _ => tick_end + offer.notice,
        };
        let activated = DemandResponseActivated {
            plan: context.plan.clone(),
            order: order.clone(),
            bid: bid.clone(),
            participant: offer.participant.clone(),
            program: offer.program.clone(),
            amount,
            price: offer.price,
            score: offer.score,
            rank,
            start: tick_end + offer.notice,
            until: offer.end,
            supersedes: replaced.as_ref().map(|(name, _)| name.clone()),
            need: context.need,
            min: offer.min,
            max: offer.max,
            program_remaining: context.program_left,
            reliability: offer.reliability,
        };
        let event = Event::DemandResponseActivated(Box::new(activated));
        self.tell(event, context.region, context.area);
        let instruction = Instruction::DemandResponse {
            bid: bid.clone(),
            program: offer.program.clone(),
            region: context.region.clone(),
            price: offer.price,
            score: offer.score,
            start,
            until: offer.end,
            held_until: start + offer.min_run,
        };
        self.stand(&order, context.plan, instruction, amount, replaced, tick_end);
        self.offers.update(bid, |entry| {
            entry.order = Some(order);
            entry.accepted = Some(amount);
            entry.left_out = false;
        });
    }

    /// Makes an order stand; it inherits answer and relief of the one that it supersedes, at most
    /// its own amount.
    fn stand(
        &mut self,
        name: &Text,
        plan: &Text,
        instruction: Instruction,
        amount: Watts,
        replaced: Option<(Text, Order)>,
        tick_end: Time,
    ) {
        let mut order = Order {
            plan: plan.clone(),
            instruction,
            amount,
            since: tick_end,
            acknowledged: false,
            started: Vec::new(),
        };
        if let Some((old_name, old)) = replaced {
            order.acknowledged = old.acknowledged;
            order.started = old.started;
            for started in &mut order.started {
                started.amount = started.amount.min(amount);
            }
            let forgotten_at = tick_end + self.rules.retention;
            self.standing.end_order(&old_name, Some(name.clone()), forgotten_at);
            if self.answering.remove(&old_name) {
                self.answering.insert(name.clone());
            }
        }
        self.standing.insert_order(name.clone(), order);
        if self.early.contains_key(name) {
            self.answered_early.push(name.clone());
        }
    }

    fn transfer(&mut self, step: &mut Step<'_>, used: &mut Used, tick_end: Time) {
        let draft = step.draft;
        for transfer in &draft.transfers {
            let stands = step.kept.iter().any(|name| {
                matches!(&self.standing.orders[name].instruction,
                    Instruction::Transfer { path, .. } if *path == transfer.path)
            });
            if !stands {
                let replaced = step.take_replaced(&Subject::Path(transfer.path.clone()));
                self.order_transfer(step, transfer, used, replaced, tick_end);
            }
        }
    }

    fn order_transfer(
        &mut self,
        step: &Step<'_>,
        transfer: &TransferDraft,
        used: &mut Used,
        replaced: Option<(Text, Order)>,
        tick_end: Time,
    ) {
        let mut hops = Vec::new();
        for (ends, sent) in transfer.path.windows(2).zip(&transfer.carried) {
            if let Some(interface) = self.grid.interface(&ends[0], &ends[1]) {
                hops.push(share(*sent, &interface.lines, used));
            }
        }
        let mut parts = vec![tick_end.to_string()];
        parts.extend(transfer.path.iter().map(ToString::to_string));
        let order = derived_id("tr-", &parts.iter().map(String::as_str).collect::<Vec<_>>());
        let ordered = TransferOrdered {
            plan: step.plan.clone(),
            order: order.clone(),
            path: transfer.path.clone(),
            lines: hops.iter().flatten().cloned().collect(),
            sent: transfer.carried[0],
            delivered: transfer.delivered,
            cost: transfer.cost,
            supersedes: replaced.as_ref().map(|(name, _)| name.clone()),
            need: step.draft.left(),
            surplus: transfer.surplus,
            energy_price: transfer.energy_price,
        };
        let event = Event::TransferOrdered(Box::new(ordered));
        self.tell(event, &step.draft.region, &step.draft.area);
        let instruction =
            Instruction::Transfer { path: transfer.path.clone(), hops, sent: transfer.carried[0] };
        self.stand(&order, &step.plan, instruction, transfer.delivered, replaced, tick_end);
    }

    fn curtail(&mut self, step: &mut Step<'_>, tick_end: Time) {
        let draft = step.draft;
        let Some(amount) = self.curtailed(draft) else { return };
        let stands = step
            .kept
            .iter()
            .any(|name| self.standing.orders[name].instruction == Instruction::Curtailment);
        if stands {
            return;
        }
        let replaced = step.take_replaced(&Subject::Curtailment);
        let order = derived_id("cu-", &[&tick_end.to_string(), &draft.area]);
        let recorded = CurtailmentRecorded {
            plan: step.plan.clone(),
            order: order.clone(),
            amount,
            reason: "neither demand response nor transfers can serve it".into(),
            supersedes: replaced.as_ref().map(|(name, _)| name.clone()),
            need: draft.shortfall(),
            demand_response: draft.demand_response(),
            transfer: draft.transferred,
        };
        let event = Event::CurtailmentRecorded(Box::new(recorded));
        self.tell(event, &draft.region, &draft.area);
        self.stand(&order, &step.plan, Instruction::Curtailment, amount, replaced, tick_end);
    }

    /// Ends an order without a successor, for the reason that it must end for, else for `reason`.
    pub(super) fn cancel(&mut self, name: &Text, reason: EndReason, tick_end: Time) {
        let reason = self.ending.get(name).copied().unwrap_or(reason);
        let forgotten_at = tick_end + self.rules.retention;
        let Some(order) = self.standing.end_order(name, None, forgotten_at) else { return };
        let area = self.standing.plans.get(&order.plan).map(|plan| plan.area.clone());
        let region = area.as_ref().and_then(|area| self.grid.identity(area));
        let region = region.map(|identity| identity.region.clone());
        let cancelled = OrderCancelled {
            plan: order.plan.clone(),
            order: name.clone(),
            reason,
            amount: order.amount,
        };
        self.told.push(Decision { event: Event::OrderCancelled(cancelled), region, area });
        self.answering.remove(name);
        if let Some(bid) = order.bid() {
            // It may have been accepted anew in another area meanwhile.
            self.offers.update(bid, |entry| {
                if entry.order.as_ref() == Some(name) {
                    (entry.order, entry.accepted) = (None, None);
                }
            });
        }
    }

    /// Ends all orders of an area that nothing holds, and its plans with the last of them.
    pub(super) fn release(&mut self, area: &Text, tick_end: Time) {
        let plans: Vec<Text> = self.standing.plans_of(area).map(|(name, _)| name.clone()).collect();
        for plan in plans {
            let orders: Vec<Text> = self.standing.plans[&plan].orders.iter().cloned().collect();
            for name in orders {
                let forced = self.ending.contains_key(&name);
                if forced || !self.standing.orders[&name].is_held(tick_end) {
                    self.cancel(&name, EndReason::Released, tick_end);
                }
            }
            self.tell_unmet_over(&plan);
            if self.standing.plans[&plan].orders.is_empty() {
                self.standing.remove_plan(&plan);
            }
        }
    }
}

/// What surrounds an activation.
pub(super) struct Activation<'a> {
    pub(super) plan: &'a Text,
    pub(super) region: &'a Text,
    pub(super) area: &'a Text,
    pub(super) need: Watts,
    pub(super) program_left: Watts,
}

/// Whether an order ends by what its participant answered, or did not.
fn is_answered(reason: &EndReason) -> bool {
    use EndReason::{Completed, Failed, NoResponse, OptedOut};
    matches!(reason, Completed | Failed | NoResponse | OptedOut)
}

fn note_used(used: &mut Used, order: &Order) {
    if let Instruction::Transfer { hops, .. } = &order.instruction {
        for share in hops.iter().flatten() {
            *used.entry(share.line.clone()).or_default() += share.power;
        }
    }
}
