//! The plan that an order was written with: why it was made, what it came to, what limited it.
//!
//! The records do not say why a plan was made. It follows from what changed: the rules know few
//! reasons, and each leaves its trace in the records and in the input.

use super::facts::{Limit, Plan, Serving};
use super::misfit::misfit;
use super::network::path_of;
use super::units::{At, Lasting, Mw, PerHour, Share};
use crate::verify::scene::{NewPlan, ONE_KILOWATT, Scene};
use gridweaver_dataflows::twins::book::{Kind, Standing};
use gridweaver_model::decision::{
    ConstraintApplied, ConstraintKind, EndReason, Event, PlanCreated,
};
use gridweaver_model::{Text, Watts};
use std::collections::BTreeMap;

/// Every plan recorded so far, with its area as it was named then.
pub(super) type Plans = BTreeMap<Text, (PlanCreated, Text)>;

/// Notes the plans of a tick.
pub(super) fn note(scene: &Scene<'_>, plans: &mut Plans) {
    for plan in scene.new_plans() {
        plans.insert(plan.created.plan.clone(), (plan.created.clone(), plan.area.clone()));
    }
}

/// A plan as the explanation shows it, at the tick that wrote one of its orders.
pub(super) fn plan(scene: &Scene<'_>, name: &Text, plans: &Plans) -> Option<Plan> {
    let (created, area) = plans.get(name)?;
    let why = match scene.new_plan_of(area).filter(|new| new.created.plan == *name) {
        Some(new) => why_made(scene, &new, plans),
        None => "it stood already; this order was written anew under it".to_owned(),
    };
    let limits = scene.records.iter().filter_map(|recorded| match &recorded.decision.event {
        Event::ConstraintApplied(applied) if applied.plan == *name => Some(limit(applied)),
        _ => None,
    });
    Some(Plan {
        plan: name.clone(),
        time: At(created.tick),
        why,
        supersedes: created.supersedes.clone(),
        shortfall_mw: Mw(created.shortfall),
        demand_response_mw: Mw(created.demand_response),
        over_delivery_mw: Mw(created.over_delivery),
        transfer_mw: Mw(created.transfer),
        unmet_mw: Mw(created.unmet),
        cost_per_h: PerHour(created.cost),
        held_mw: Mw(created.inputs.held),
        limits: limits.collect(),
    })
}

/// Why a plan was made in this tick.
pub(super) fn why_made(scene: &Scene<'_>, new: &NewPlan<'_>, plans: &Plans) -> String {
    if let Some(why) = own_reason(scene, new, plans) {
        return why;
    }
    let island = &new.created.island;
    let others = scene.new_plans().filter(|it| it.area != new.area && it.created.island == *island);
    for other in others {
        if let Some(why) = own_reason(scene, &other, plans) {
            let area = other.area;
            return format!("the whole island {island} was solved anew for area {area}: {why}");
        }
    }
    for (order, reason, area) in endings(scene) {
        if scene.island_of(area) == Some(island) && reason != EndReason::Completed {
            let reason = in_words(reason);
            return format!(
                "the whole island {island} was solved anew, as order {order} of area {area} ended ({reason})"
            );
        }
    }
    let dispatch = &scene.rules.dispatch;
    format!(
        "an input of its island changed, and a new plan was found to be cheaper by more than {} \
         (standing plans are looked at again every {})",
        Share(dispatch.replan_gain),
        Lasting(dispatch.replan_every)
    )
}

/// Why a plan's own area needed a new one.
fn own_reason(scene: &Scene<'_>, new: &NewPlan<'_>, plans: &Plans) -> Option<String> {
    let (area, created) = (new.area, new.created);
    let old: Vec<&(PlanCreated, Text)> =
        created.supersedes.iter().filter_map(|plan| plans.get(plan)).collect();
    if old.is_empty() {
        return Some(format!("area {area} began to lack power and had no plan"));
    }
    let made_for: Watts = old.iter().map(|(plan, _)| plan.shortfall).sum();
    let moved = created.shortfall - made_for;
    let names = created.supersedes.iter().map(Text::as_str).collect::<Vec<_>>().join(" and ");
    let deadband = scene.rules.dispatch.deadband;
    if moved.0.abs() > deadband.0 {
        let (verb, by) = if moved.0 > 0 { ("rose", moved) } else { ("fell", -moved) };
        return Some(format!(
            "what area {area} lacks {verb} by {} since {names} was made for {}, more than the \
             deadband of {}",
            Mw(by),
            Mw(made_for),
            Mw(deadband)
        ));
    }
    let lost = endings(scene).into_iter().find(|(_, reason, of)| {
        *of == area && !matches!(reason, EndReason::Released | EndReason::Completed)
    });
    if let Some((order, reason, _)) = lost {
        return Some(format!("order {order} of {names} had to end ({})", in_words(reason)));
    }
    let ended = scene.before.values().filter(|it| {
        created.supersedes.contains(&it.plan) && !scene.book.standing.contains_key(&it.order.id)
    });
    if let Some((order, why)) = ended.filter_map(|it| Some((it, misfit(scene, it)?))).next() {
        return Some(format!("order {} could stand no longer: {why}", order.order.id));
    }
    let unmet: Watts = old.iter().map(|(plan, _)| plan.unmet).sum();
    let better = unmet - created.unmet;
    (better >= ONE_KILOWATT).then(|| {
        let (better, back) = (Mw(better), back_in(scene));
        format!("it leaves {better} less unmet than {names} did{back}")
    })
}

/// The lines that came back in this tick, in brackets; nothing where none did.
pub(super) fn back_in(scene: &Scene<'_>) -> String {
    let back = scene.collections.lines.iter().filter(|(_, held)| {
        let word = held
            .word
            .as_ref()
            .filter(|word| word.value && scene.end - word.version.time <= scene.rules.tick);
        word.is_some() && held.in_service()
    });
    let lines: Vec<&str> = back.map(|(name, _)| name.as_str()).collect();
    match lines.len() {
        0 => String::new(),
        1 => format!(" (line {} is back in service)", lines[0]),
        _ => format!(" (lines {} are back in service)", lines.join(", ")),
    }
}

/// The orders cancelled in this tick, with the area that each served.
fn endings<'a>(scene: &Scene<'a>) -> Vec<(&'a Text, EndReason, &'a Text)> {
    let (records, before) = (scene.records, scene.before);
    let cancelled = records.iter().filter_map(|recorded| match &recorded.decision.event {
        Event::OrderCancelled(it) => Some((&it.order, it.reason, &before.get(&it.order)?.area)),
        _ => None,
    });
    cancelled.collect()
}

/// A reason for an order's end, for people.
pub(super) fn in_words(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Released => "no longer needed",
        EndReason::Completed => "its participant completed it",
        EndReason::Expired => "its bid's window was over",
        EndReason::Withdrawn => "its bid was withdrawn",
        EndReason::Revised => "its bid was revised and no longer fits it",
        EndReason::Failed => "its participant failed",
        EndReason::OptedOut => "its participant opted out",
        EndReason::NoResponse => "nobody acknowledged it in time",
        EndReason::Constraint => "a limit no longer allows it",
        EndReason::Island => "its path no longer joins its areas",
        EndReason::Removed => "what it rests on was removed",
    }
}

fn limit(applied: &ConstraintApplied) -> Limit {
    let subject = &applied.subject;
    let limit = Mw(applied.limit);
    let wanted = Mw(applied.requested - applied.granted);
    let why = match applied.constraint {
        ConstraintKind::ProgramCapacity => {
            format!("program {subject} is full: its bids together may reach {limit}")
        }
        ConstraintKind::MaxPrice => {
            format!("bids for {wanted} are dearer than program {subject} allows")
        }
        ConstraintKind::BidMinimum => {
            format!("bid {subject} gives no less than its minimum of {limit}, more than was needed")
        }
        ConstraintKind::LineCapacity => {
            format!("the lines from {} carry all they can, {limit}", ends(subject))
        }
        ConstraintKind::InterfaceLimit => {
            format!("the limit declared from {}, {limit}, is reached", ends(subject))
        }
        ConstraintKind::Surplus => format!("area {subject} sends all it can spare, {limit}"),
        ConstraintKind::Island => {
            format!("island {subject} holds no other area with anything to spare")
        }
    };
    Limit {
        constraint: applied.constraint.name(),
        subject: subject.clone(),
        limit_mw: limit,
        requested_mw: Mw(applied.requested),
        granted_mw: Mw(applied.granted),
        why,
    }
}

/// `3 > 2` for people.
fn ends(subject: &str) -> String {
    match subject.split_once(" > ") {
        Some((from, to)) => format!("area {from} to area {to}"),
        None => subject.to_owned(),
    }
}

/// The name of an order's kind.
pub(super) fn kind(order: &Standing) -> &'static str {
    match order.order.kind {
        Kind::DemandResponse { .. } => "demand_response",
        Kind::Transfer { .. } => "transfer",
        Kind::Curtailment => "curtailment",
    }
}

/// All that serves an area at the tick's end.
pub(super) fn serving(scene: &Scene<'_>, area: &str) -> Vec<Serving> {
    let orders = scene.orders_of(area).map(|standing| Serving {
        order: standing.order.id.clone(),
        kind: kind(standing),
        by: match &standing.order.kind {
            Kind::DemandResponse { bid, .. } => bid.to_string(),
            Kind::Transfer { path, .. } => path_of(scene, &standing.order.id, path).join(" > "),
            Kind::Curtailment => String::new(),
        },
        mw: Mw(standing.order.amount),
        since: At(standing.order.since),
        stood: !scene.is_new(standing),
    });
    orders.collect()
}
