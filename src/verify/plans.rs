//! Plans: there when they are needed, made for what the input says, adding up to their orders.

use super::breach::{Breaches, mw, per_hour};
use super::ends::Pardons;
use super::held::{Held, Range};
use super::scene::{NewPlan, ONE_KILOWATT, Scene};
use gridweaver_dataflows::twins::book::Kind;
use gridweaver_dataflows::twins::totals::Totals;
use gridweaver_model::decision::{EndReason, Event, PlanInputs};
use gridweaver_model::{Text, Watts};
use std::collections::BTreeSet;

/// How far a cost per hour may be off, in thousandths × watts: a hundredth of the currency.
const COST_TOLERANCE: i128 = 10_000_000;

pub(super) fn check(scene: &Scene<'_>, pardons: &Pardons, breaches: &mut Breaches) {
    let mut planned = BTreeSet::new();
    for plan in scene.new_plans() {
        let mut tell = |rule, detail: String| {
            let detail = format!("plan {} of {}: {detail}", plan.created.plan, plan.area);
            breaches.tell(scene.end, plan.line, rule, detail);
        };
        if !planned.insert(plan.area) {
            tell("an area has one plan", "another was made in the same tick".into());
        }
        let held = Held::of(scene, &plan);
        check_need(scene, &plan, &held, &mut tell);
        check_figures(scene, &plan, &mut tell);
        check_unmet(scene, &plan, pardons, &mut tell);
        check_cost(scene, &plan, &held, &mut tell);
        super::clearing::check(scene, &plan, &held, &mut tell);
    }
    check_unmet_records(scene, breaches);
    check_losses(scene, &planned, breaches);
    for area in scene.totals.keys() {
        if scene.lacks(area) && !planned.contains(area) {
            check_standing_plan(scene, area, breaches);
        }
    }
}

type Tell<'a> = dyn FnMut(&'static str, String) + 'a;

/// The activations that serve an area.
pub(super) fn activated(scene: &Scene<'_>, area: &str) -> Range {
    let mut range = Range::default();
    for standing in scene.orders_of(area) {
        if matches!(standing.order.kind, Kind::DemandResponse { .. }) {
            range.add(scene, standing);
        }
    }
    range
}

fn told(range: Range) -> String {
    if range.least == range.most {
        mw(range.most)
    } else {
        format!("{} to {}", mw(range.least), mw(range.most))
    }
}

fn check_need(scene: &Scene<'_>, plan: &NewPlan<'_>, held: &Held, tell: &mut Tell<'_>) {
    let Some(area) = scene.shape.areas.get(plan.area) else {
        tell("a plan's area exists", "there is no such area".into());
        return;
    };
    if area.island != plan.created.island || Some(&area.region) != plan.region {
        let detail = format!("it lies in island {}, region {}", area.island, area.region);
        tell("a plan's area exists", detail);
    }
    let told = &plan.created.inputs;
    let readings = scene.readings(plan.area);
    let reading = readings.iter().find(|it| it.relief == told.relief).or(readings.first());
    let Some(twin) = reading else { return };
    if let Some((figure, told, right)) = wrong_input(told, twin) {
        let detail = format!("{figure} is {}, the input gives {}", mw(told), mw(right));
        tell("inputs are the twin's", detail);
    }
    if plan.created.shortfall != twin.shortfall {
        let (told, right) = (mw(plan.created.shortfall), mw(twin.shortfall));
        tell("a plan is made for its area's shortfall", format!("{told}, the input gives {right}"));
    }
    if !held.is_told {
        let right = self::told(held.power);
        let detail = format!("held is {}, the orders give {right}", mw(told.held));
        tell("inputs are the twin's", detail);
    }
}

fn wrong_input(told: &PlanInputs, twin: &Totals) -> Option<(&'static str, Watts, Watts)> {
    [
        ("generation", told.generation, twin.generation),
        ("available", told.available, twin.available),
        ("load", told.load, twin.load),
        ("relief", told.relief, twin.relief),
        ("reserve", told.reserve, twin.reserve),
        ("declared shortfall", told.declared_shortfall, twin.declared_shortfall),
    ]
    .into_iter()
    .find(|(_, told, twin)| told != twin)
}

fn check_figures(scene: &Scene<'_>, plan: &NewPlan<'_>, tell: &mut Tell<'_>) {
    let created = plan.created;
    let met = created.demand_response + created.transfer;
    if met + created.unmet != created.shortfall {
        let detail =
            format!("{} met and {} unmet of {}", mw(met), mw(created.unmet), mw(created.shortfall));
        tell("met and unmet are the shortfall", detail);
    }
    let figures = [created.demand_response, created.over_delivery, created.transfer, created.unmet];
    let over_early =
        created.over_delivery > Watts::ZERO && created.demand_response != created.shortfall;
    if figures.iter().any(|figure| *figure < Watts::ZERO) || over_early {
        tell("a plan's figures fit together", "a figure is negative, or over what is short".into());
    }
    let told = created.demand_response + created.over_delivery;
    let activated = activated(scene, plan.area);
    if !activated.holds(told) {
        let detail = format!("it says {}, its orders activate {}", mw(told), self::told(activated));
        tell("a plan's figures are its orders'", detail);
    }
    let delivered = sum(scene, plan.area, |kind| matches!(kind, Kind::Transfer { .. }));
    if delivered != created.transfer {
        let (told, right) = (mw(created.transfer), mw(delivered));
        let detail = format!("it says {told} are transferred, its orders deliver {right}");
        tell("a plan's figures are its orders'", detail);
    }
}

/// What an area's orders of a kind come to.
pub(super) fn sum(scene: &Scene<'_>, area: &str, of: impl Fn(&Kind) -> bool) -> Watts {
    let orders = scene.orders_of(area).filter(|standing| of(&standing.order.kind));
    orders.map(|standing| standing.order.amount).sum()
}

fn check_unmet(scene: &Scene<'_>, plan: &NewPlan<'_>, pardons: &Pardons, tell: &mut Tell<'_>) {
    let unmet = plan.created.unmet;
    let due = if unmet >= ONE_KILOWATT { unmet } else { Watts::ZERO };
    let shed = sum(scene, plan.area, |kind| *kind == Kind::Curtailment);
    if shed != due && !(shed == Watts::ZERO && pardons.area(plan.area)) {
        let detail = format!("{} stay unmet, {} are curtailed", mw(unmet), mw(shed));
        tell("what is unmet is curtailed", detail);
    }
    let told = scene.book.plans.get(&plan.created.plan).map(|it| it.told_unmet);
    let told = told.unwrap_or_default();
    let moved = Watts((told.0 - due.0).abs()) > scene.rules.dispatch.deadband;
    if (due == Watts::ZERO) != (told == Watts::ZERO) || moved {
        let detail = format!("{} stay unmet, {} were recorded last", mw(unmet), mw(told));
        tell("what is unmet is recorded", detail);
    }
}

/// A record of what is unmet says what its plan does, or that nothing is left.
fn check_unmet_records(scene: &Scene<'_>, breaches: &mut Breaches) {
    for recorded in scene.records {
        let Event::ShortfallUnmet(told) = &recorded.decision.event else { continue };
        if told.unmet == Watts::ZERO {
            continue;
        }
        let right = scene.book.plans.get(&told.plan).is_some_and(|plan| {
            plan.created.unmet == told.unmet && plan.created.shortfall == told.shortfall
        });
        if !right || told.met + told.unmet != told.shortfall {
            let detail = format!("plan {} does not leave {} unmet", told.plan, mw(told.unmet));
            breaches.tell(scene.end, recorded.line, "what is unmet is recorded", detail);
        }
    }
}

/// Price × power of the area's activations and what its transfers cost. What is held may count or
/// not, at the order's price or the bid's.
fn check_cost(scene: &Scene<'_>, plan: &NewPlan<'_>, held: &Held, tell: &mut Tell<'_>) {
    let mut transfers = 0;
    let mut activations = [0i128; 4];
    for standing in scene.orders_of(plan.area) {
        let amount = i128::from(standing.order.amount.0);
        match &standing.order.kind {
            Kind::Transfer { .. } => {
                let Some(cost) = scene.transfer_cost(standing) else { return };
                transfers += cost;
            }
            Kind::DemandResponse { bid, price, .. } => {
                if !scene.is_new(standing) && standing.confirmed().is_some() {
                    return;
                }
                let now = scene.bid(bid).map_or(*price, |bid| bid.price);
                for (at, cost) in activations.iter_mut().enumerate() {
                    let price = if at % 2 == 0 { *price } else { now };
                    if at < 2 || !held.has(standing) {
                        *cost += i128::from(price.0) * amount;
                    }
                }
            }
            Kind::Curtailment => {}
        }
    }
    let told = plan.created.cost;
    let near = |cost: &i128| (told - transfers - cost).abs() <= COST_TOLERANCE;
    if !activations.iter().any(near) {
        let right = per_hour(transfers + activations[0]);
        tell("a plan costs what its orders cost", format!("{}, not {right}", per_hour(told)));
    }
}

/// An area in shortfall without a new plan: one stands, and was made for about as much.
fn check_standing_plan(scene: &Scene<'_>, area: &Text, breaches: &mut Breaches) {
    let readings = scene.readings(area);
    let lacks = mw(readings.first().map(|it| it.shortfall).unwrap_or_default());
    let plans: Vec<_> = scene.book.plans.values().filter(|plan| plan.area == *area).collect();
    if plans.is_empty() {
        let detail = format!("{area} lacks {lacks}");
        breaches.tell(scene.end, None, "an area in shortfall has a plan", detail);
        return;
    }
    let made_for: Watts = plans.iter().map(|plan| plan.created.shortfall).sum();
    let deadband = scene.rules.dispatch.deadband;
    let moved = |it: &Totals| {
        it.shortfall >= deadband && Watts((it.shortfall.0 - made_for.0).abs()) > deadband
    };
    if readings.iter().all(moved) {
        let detail = format!("{area} lacks {lacks}, its plan is for {}", mw(made_for));
        breaches.tell(scene.end, None, "a plan follows its area's need", detail);
    }
}

/// Where an area still lacks something and loses an order, it is planned again. Not judged are
/// curtailments, which may be withheld after a failure, and what was done or released.
fn check_losses(scene: &Scene<'_>, planned: &BTreeSet<&Text>, breaches: &mut Breaches) {
    for recorded in scene.records {
        let Event::OrderCancelled(cancelled) = &recorded.decision.event else { continue };
        let Some(ended) = scene.before.get(&cancelled.order) else { continue };
        let may_stay = matches!(cancelled.reason, EndReason::Completed | EndReason::Released)
            || ended.order.kind == Kind::Curtailment
            || planned.contains(&ended.area);
        if !may_stay && scene.lacks(&ended.area) {
            let (area, order) = (&ended.area, &cancelled.order);
            let detail = format!("{area} lacks power, lost order {order} and has no new plan");
            breaches.tell(scene.end, recorded.line, "where an order ends a plan is made", detail);
        }
    }
}
