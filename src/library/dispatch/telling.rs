//! The records of a dispatch: what was ordered and why, or why nothing was.

use super::TransferOrder;
use super::plan::{Limit, Plan, PlannedTransfer, Surplus};
use gridweaver_model::decision::{
    ConstraintApplied, Event, LineShare, PlanCreated, PlanInputs, ShortfallUnmet, derived_id,
};
use gridweaver_model::{Text, Time, Watts};

/// The order of one transfer of a plan, over the lines that it takes.
pub(super) fn order(
    plan: &Plan,
    name: &Text,
    transfer: &PlannedTransfer,
    delivered: Watts,
    lines: Vec<LineShare>,
    surplus: Surplus,
) -> TransferOrder {
    let mut parts = vec![name.as_str()];
    parts.extend(transfer.path.iter().map(Text::as_str));
    TransferOrder {
        plan: name.clone(),
        order: derived_id("tr-", &parts),
        path: transfer.path.clone(),
        lines,
        sent: transfer.sent,
        delivered,
        cost: transfer.cost,
        supersedes: None,
        need: plan.shortfall,
        surplus: surplus.power,
        energy_price: surplus.energy_price,
    }
}

/// A plan that stands: itself, its proof, the limits that bind it, its orders.
pub(super) fn adopted(
    plan: &Plan,
    name: &Text,
    time: Time,
    orders: &[TransferOrder],
) -> Vec<Event> {
    let created = PlanCreated {
        plan: name.clone(),
        island: plan.island(),
        tick: time,
        shortfall: plan.shortfall,
        demand_response: Watts::ZERO,
        over_delivery: Watts::ZERO,
        transfer: plan.delivered(),
        unmet: plan.unmet(),
        cost: plan.solution.cost,
        gap: 0,
        supersedes: Vec::new(),
        inputs: PlanInputs { declared_shortfall: plan.shortfall, ..PlanInputs::default() },
    };
    let mut events = vec![
        Event::PlanCreated(Box::new(created)),
        Event::CascadeCleared(Box::new(plan.cleared())),
    ];
    events.extend(limits(plan, name));
    events.extend(orders.iter().map(|order| Event::TransferOrdered(Box::new(order.clone()))));
    events
}

/// A plan that does not stand, as it leaves too much unmet: the limits that bind it, and that.
pub(super) fn refused(plan: &Plan, name: &Text) -> Vec<Event> {
    let (shortfall, met) = (plan.shortfall, Watts::ZERO);
    let unmet = ShortfallUnmet { plan: name.clone(), shortfall, met, unmet: shortfall };
    limits(plan, name).chain([Event::ShortfallUnmet(unmet)]).collect()
}

fn limits(plan: &Plan, name: &Text) -> impl Iterator<Item = Event> {
    plan.limits().into_iter().map(|limit: Limit| {
        Event::ConstraintApplied(ConstraintApplied {
            plan: name.clone(),
            constraint: limit.constraint,
            subject: limit.subject,
            limit: limit.limit,
            requested: limit.granted + plan.unmet(),
            granted: limit.granted,
        })
    })
}
