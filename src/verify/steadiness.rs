//! What stands, stands until a reason that the contract names: plans, orders, minimum runs.
//!
//! Plans are solved island by island, so what lets one plan of an island go lets all of them be
//! made anew; the areas that come out the same keep theirs. A reason in any reading of the contract
//! is enough, and only what can be known from input and records is asked for: when a plan was last
//! compared with a new one is nowhere written, only when it was made.

use super::breach::{Breaches, mw};
use super::held::followed;
use super::holds::{Holds, is_surely_held, may_be_held};
use super::scene::{NewPlan, ONE_KILOWATT, Scene};
use super::worth::{is_cheaper, plans_of, sheds_less};
use gridweaver_dataflows::twins::book::{End, Kind, Standing};
use gridweaver_model::decision::{EndReason, Event};
use gridweaver_model::{Text, Watts};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(scene: &Scene<'_>, holds: &Holds, breaches: &mut Breaches) {
    if !scene.records.is_empty() {
        let mut reasons = Reasons { scene, holds, found: BTreeMap::new() };
        check_new_plans(scene, &mut reasons, breaches);
        check_releases(scene, &mut reasons, breaches);
        check_ended(scene, breaches);
        check_new_orders(scene, breaches);
    }
    check_overdue(scene, holds, breaches);
}

/// Whether the islands of a tick may be planned anew, found once each.
struct Reasons<'a> {
    scene: &'a Scene<'a>,
    holds: &'a Holds,
    found: BTreeMap<Text, bool>,
}

impl Reasons<'_> {
    fn of_island(&mut self, island: &Text) -> bool {
        if let Some(known) = self.found.get(island) {
            return *known;
        }
        let found = may_be_planned(self.scene, self.holds, island);
        self.found.insert(island.clone(), found);
        found
    }

    /// Whether what stands in an area may be released: its need is over for long enough, or is over
    /// where its island is planned anew.
    fn of_release(&mut self, area: &Text) -> bool {
        let Some(island) = self.scene.island_of(area) else { return true };
        let over = self.scene.readings(area).iter().any(|it| it.shortfall < ONE_KILOWATT);
        self.holds.may_be_over(self.scene, area) || (over && self.of_island(island))
    }
}

/// Whether anything of an island lets its plans be made anew.
fn may_be_planned(scene: &Scene<'_>, holds: &Holds, island: &Text) -> bool {
    let areas = scene.shape.areas.iter().filter(|(_, area)| area.island == *island);
    let mut areas = areas.map(|(name, _)| name);
    loses_an_order(scene, island)
        || areas.any(|area| may_have_lapsed(scene, holds, area))
        || sheds_less(scene, island)
        || is_cheaper(scene, holds, island)
}

/// Whether an order of an island ended that had to.
fn loses_an_order(scene: &Scene<'_>, island: &Text) -> bool {
    scene.causes().keys().any(|order| {
        let area = scene.before.get(order).map(|standing| &standing.area);
        let inside = area.is_some_and(|area| scene.island_of(area) == Some(island));
        inside && !scene.book.standing.contains_key(order)
    })
}

/// Whether an area has no plan for what it lacks, or one for another need, or for one that is over.
fn may_have_lapsed(scene: &Scene<'_>, holds: &Holds, area: &Text) -> bool {
    let mut needs = scene.readings(area).iter().map(|it| it.shortfall);
    if !scene.plans_before.values().any(|plan| plan.area == *area) {
        return needs.any(|need| need >= ONE_KILOWATT);
    }
    let made_for = scene.made_for(area);
    let moved = |need: Watts| Watts((need.0 - made_for.0).abs()) > scene.rules.dispatch.deadband;
    needs.any(|need| moved(need) && !scene.is_under(need, made_for))
        || holds.may_be_over(scene, area)
}

fn check_new_plans(scene: &Scene<'_>, reasons: &mut Reasons<'_>, breaches: &mut Breaches) {
    for plan in scene.new_plans() {
        let Some(island) = scene.island_of(plan.area) else { continue };
        let mut tell = |rule, detail: &str| {
            let need = mw(plan.created.shortfall);
            let detail =
                format!("plan {} of {} for {need}: {detail}", plan.created.plan, plan.area);
            breaches.tell(scene.end, plan.line, rule, detail);
        };
        let stood = scene.plans_before.iter().filter(|(_, old)| old.area == *plan.area);
        let stood: BTreeSet<&Text> = stood.map(|(id, _)| id).collect();
        if stood != plan.created.supersedes.iter().collect() {
            tell("a plan supersedes what stood in its area", "it names other plans");
        }
        if !reasons.of_island(island) {
            let detail = match plans_of(scene, island).find(|(_, old)| old.area == *plan.area) {
                Some((id, old)) => {
                    let (need, made) = (mw(old.created.shortfall), old.created.tick);
                    format!("plan {id} of {made} for {need} could stand")
                }
                None => "nothing is lacking and nothing stood".to_owned(),
            };
            tell("a plan is made anew only for a reason", &detail);
        }
        if comes_out_the_same(scene, &plan) {
            tell("a plan that comes out the same stays", "so does the one that it replaces");
        }
    }
}

/// Whether a plan has the orders and the figures of the one that it takes the place of.
fn comes_out_the_same(scene: &Scene<'_>, plan: &NewPlan<'_>) -> bool {
    let mut replaced = scene.plans_before.values().filter(|old| old.area == *plan.area);
    let (Some(old), None) = (replaced.next(), replaced.next()) else { return false };
    let (old, new) = (&old.created, plan.created);
    let figures = (old.shortfall, old.demand_response, old.over_delivery, old.transfer, old.unmet);
    let now = (new.shortfall, new.demand_response, new.over_delivery, new.transfer, new.unmet);
    let stood = scene.before.iter().filter(|(_, it)| it.area == *plan.area);
    figures == now && stood.map(|(id, _)| id).eq(scene.orders_of(plan.area).map(|it| &it.order.id))
}

/// What is released where no new plan takes its place is released as a whole, and for a reason.
fn check_releases(scene: &Scene<'_>, reasons: &mut Reasons<'_>, breaches: &mut Breaches) {
    let mut released = BTreeMap::new();
    for recorded in scene.records {
        let (area, what) = match &recorded.decision.event {
            Event::OrderCancelled(it) if it.reason == EndReason::Released => {
                let area = scene.before.get(&it.order).map(|standing| &standing.area);
                (area, format!("order {}", it.order))
            }
            Event::ShortfallUnmet(it) if it.unmet == Watts::ZERO => {
                let area = scene.plans_before.get(&it.plan).map(|plan| &plan.area);
                (area, format!("what plan {} left unmet", it.plan))
            }
            _ => continue,
        };
        let Some(area) = area.filter(|area| scene.new_plan_of(area).is_none()) else { continue };
        released.insert(area, recorded.line);
        if !reasons.of_release(area) {
            let detail = format!("{what} in {area}, of {}", mw(scene.made_for(area)));
            breaches.tell(scene.end, recorded.line, "a release has a reason", detail);
        }
    }
    for (area, line) in released {
        for standing in scene.orders_of(area).filter(|it| !may_be_held(scene, it)) {
            let detail = format!("order {} in {area} is not", standing.order.id);
            breaches.tell(scene.end, line, "all is released that is not held", detail);
        }
    }
}

/// Orders that ended: not within their minimum run, and not to be written again as they were.
fn check_ended(scene: &Scene<'_>, breaches: &mut Breaches) {
    let ended = scene.before.iter().filter(|(id, _)| !scene.book.standing.contains_key(*id));
    for (id, old) in ended.filter(|(id, _)| !scene.causes().contains_key(*id)) {
        let successor = match scene.book.ended.get(id).map(|ended| &ended.how) {
            Some(End::Superseded(successor)) => scene.book.standing.get(successor),
            _ => None,
        };
        if successor.is_some_and(|new| is_the_same(old, new)) {
            let detail = format!("order {id} is replaced by one that says the same");
            breaches.tell(scene.end, None, "what a plan keeps is not written again", detail);
        }
        let goes_on = successor.is_some_and(|new| new.order.amount == old.order.amount);
        if !goes_on && is_surely_held(scene, old) {
            let detail =
                format!("order {id} runs since {} and had to end for nothing", old.runs_from);
            breaches.tell(scene.end, None, "a minimum run is kept", detail);
        }
    }
}

fn is_the_same(old: &Standing, new: &Standing) -> bool {
    let (one, other) = (&old.order, &new.order);
    let about = match (&one.kind, &other.kind) {
        (Kind::DemandResponse { bid, .. }, Kind::DemandResponse { bid: other, .. }) => bid == other,
        (Kind::Transfer { sent, .. }, Kind::Transfer { sent: other, .. }) => {
            sent == other && old.path == new.path
        }
        (Kind::Curtailment, Kind::Curtailment) => true,
        _ => false,
    };
    about && one.amount == other.amount && one.until == other.until
}

/// An order is written with its plan, unless it follows its bid's moved end.
fn check_new_orders(scene: &Scene<'_>, breaches: &mut Breaches) {
    let made: BTreeSet<&Text> = scene.new_plans().map(|plan| &plan.created.plan).collect();
    for standing in scene.book.standing.values().filter(|it| scene.is_new(it)) {
        let order = &standing.order;
        if !made.contains(&order.plan) && followed(scene, standing).is_none() {
            let detail = format!("order {} is of plan {}, made before", order.id, order.plan);
            breaches.tell(scene.end, None, "an order is written with its plan", detail);
        }
    }
}

/// Where a need is over for longer than the release hold, or no hold is due, nothing stands that no
/// minimum run holds, and nothing is said to stay unmet.
fn check_overdue(scene: &Scene<'_>, holds: &Holds, breaches: &mut Breaches) {
    let plans = scene.book.plans.values();
    let areas: BTreeSet<&Text> = plans.map(|plan| &plan.area).collect();
    let over = |area: &&Text| holds.is_over(scene, area) || is_gone(scene, area);
    for area in areas.into_iter().filter(over) {
        for standing in scene.orders_of(area).filter(|it| !may_be_held(scene, it)) {
            let detail = format!("order {} in {area} still stands", standing.order.id);
            breaches.tell(scene.end, None, "what is not needed any longer is released", detail);
        }
        let mut plans = scene.book.plans.values().filter(|plan| plan.area == *area);
        if scene.orders_of(area).next().is_none() && plans.any(|it| it.told_unmet > Watts::ZERO) {
            let detail = format!("power is still said to be unmet in {area}");
            breaches.tell(scene.end, None, "what is not needed any longer is released", detail);
        }
    }
}

/// Whether an area's need is over, however one reads it, and nothing is under the deadband that a
/// release could wait for: the deadband is less than what is planned for at all.
fn is_gone(scene: &Scene<'_>, area: &str) -> bool {
    if scene.new_plan_of(area).is_some() {
        return false;
    }
    let made_for = scene.made_for(area);
    scene.readings(area).iter().all(|it| {
        let moved = Watts((it.shortfall.0 - made_for.0).abs()) > scene.rules.dispatch.deadband;
        it.shortfall < ONE_KILOWATT && moved && !scene.is_under(it.shortfall, made_for)
    })
}
