//! The clearing of an area: no choice of its eligible bids would have been cheaper.
//!
//! Recomputed by plain enumeration: every set of bids that could be on, each filled up in order of
//! score within what its programs have left. Bids without a minimum need no choice, so only those
//! with one are enumerated, up to sixteen. Where there are more, the published gap is held against
//! the fractional bound (all minimums at 0), and sets that differ by one or two bids are tried.
//!
//! Not judged is a plan with an activation confirmed at less than was ordered: what such a bid
//! could still give is nowhere said.

use super::breach::{mw, per_hour};
use super::held::{Held, Range};
use super::scene::{NewPlan, Scene};
use gridweaver_dataflows::twins::book::{Kind, Standing};
use gridweaver_model::{Text, Watts};
use std::collections::BTreeMap;

mod enumeration;

use enumeration::{Candidate, Clearing, Outcome};

/// More bids with a minimum than this are not enumerated.
const ENUMERATED_MAX: usize = 16;

/// The most steps that an enumeration may take: sets times bids.
const STEPS_MAX: usize = 40_000_000;

type Tell<'a> = dyn FnMut(&'static str, String) + 'a;

pub(super) fn check(scene: &Scene<'_>, plan: &NewPlan<'_>, held: &Held, tell: &mut Tell<'_>) {
    let orders: Vec<&Standing> = scene
        .orders_of(plan.area)
        .filter(|standing| matches!(standing.order.kind, Kind::DemandResponse { .. }))
        .collect();
    let unsure = orders.iter().any(|standing| Range::is_open(scene, standing));
    if unsure || !held.is_told {
        return;
    }
    let clearing = clearing(scene, plan, held, &orders);
    let chosen = chosen(scene, &clearing, held, &orders);
    let with_minimum = clearing.candidates.iter().filter(|each| each.min > 0).count();
    let sets = 1usize.checked_shl(u32::try_from(with_minimum).unwrap_or(u32::MAX));
    let steps = sets.and_then(|sets| sets.checked_mul(clearing.candidates.len()));
    if with_minimum <= ENUMERATED_MAX && steps.is_some_and(|steps| steps <= STEPS_MAX) {
        let best = clearing.best();
        if chosen > best {
            tell("a clearing is optimal", compared(chosen, best));
        }
        return;
    }
    check_gap(scene, plan, &clearing, chosen, &orders, tell);
}

/// Beyond enumeration: the gap is proven by no less than the fractional bound, and no set that
/// differs little beats what the gap allows.
fn check_gap(
    scene: &Scene<'_>,
    plan: &NewPlan<'_>,
    clearing: &Clearing,
    chosen: Outcome,
    orders: &[&Standing],
    tell: &mut Tell<'_>,
) {
    const WHOLE: i128 = 1_000_000_000;
    // Whatever other areas took of a program, no more than its capacity was left: the least bound.
    let mut widest = clearing.clone();
    for (program, left) in &mut widest.left {
        *left = capacity_of(scene, program);
    }
    let bound = widest.fractional_bound();
    let gap = i128::from(plan.created.gap).min(WHOLE);
    // cost − bound, in parts per 10⁹ of the cost, rounded up.
    if chosen.cost > 0 {
        let widest = ((chosen.cost - bound) * WHOLE + chosen.cost - 1) / chosen.cost;
        if gap > widest.max(0) + 1 {
            let detail = format!("gap {gap} · 10⁻⁹, the fractional bound proves {widest}");
            tell("a clearing's gap is proven", detail);
        }
    }
    let on = |candidate: &Candidate| orders.iter().any(|it| is_of(it, &candidate.bid));
    let near = clearing.best_near(on, STEPS_MAX);
    let allowed = chosen.cost - chosen.cost / WHOLE * gap - chosen.cost % WHOLE * gap / WHOLE;
    if near.cost < allowed - 1 {
        tell("a clearing is within its gap of the optimum", compared(chosen, near));
    }
}

fn is_of(standing: &Standing, name: &str) -> bool {
    matches!(&standing.order.kind, Kind::DemandResponse { bid, .. } if bid == name)
}

fn compared(chosen: Outcome, best: Outcome) -> String {
    let told = |outcome: Outcome| {
        let (over, total) = (watts(outcome.over), watts(outcome.power));
        format!("{} with {} ({} over)", per_hour(outcome.cost), mw(total), mw(over))
    };
    format!("score and lost load come to {}, {} can be had", told(chosen), told(best))
}

fn watts(value: i128) -> Watts {
    Watts(i64::try_from(value).unwrap_or(i64::MAX))
}

/// What there was to choose from.
fn clearing(scene: &Scene<'_>, plan: &NewPlan<'_>, held: &Held, orders: &[&Standing]) -> Clearing {
    let fixed = held.power.most;
    let fixed_orders: Vec<&Standing> = orders.iter().filter(|it| held.has(it)).copied().collect();
    let mut candidates = vec![];
    for (name, rated) in scene.rated() {
        let is_held = fixed_orders.iter().any(|it| is_of(it, name));
        if !rated.eligible() || rated.area.as_ref() != Some(plan.area) || is_held {
            continue;
        }
        let Some(known) = scene.collections.offers.bids.get(name) else { continue };
        let bid = &known.held.value;
        let most = confirmed_most(scene, name);
        if most < i128::from(bid.min.0) {
            continue;
        }
        candidates.push(Candidate {
            bid: name.clone(),
            program: bid.program.clone(),
            price: i128::from(rated.score.0.max(0)),
            min: i128::from(bid.min.0),
            max: i128::from(bid.max.0).min(most),
        });
    }
    let mut left = BTreeMap::new();
    for candidate in &candidates {
        let program = &candidate.program;
        left.entry(program.clone()).or_insert_with(|| left_of(scene, plan, program, &fixed_orders));
    }
    let need = i128::from((plan.created.shortfall - fixed).0.max(0));
    // What is held beyond the need is over already.
    let over = i128::from((fixed - plan.created.shortfall).0.max(0));
    let lost_load = i128::from(scene.rules.dispatch.lost_load_price.0);
    candidates.sort_by(|a, b| (a.price, &a.bid).cmp(&(b.price, &b.bid)));
    Clearing { need, over, lost_load, candidates, left }
}

/// The most that is sure to be had of a bid: what its participant confirmed where that is less than
/// was ordered.
fn confirmed_most(scene: &Scene<'_>, bid: &str) -> i128 {
    let orders = scene.before.values().filter(|standing| is_of(standing, bid));
    let confirmed = orders
        .filter_map(|standing| standing.confirmed().filter(|power| *power < standing.order.amount));
    confirmed.map(|power| i128::from(power.0)).min().unwrap_or(i128::MAX)
}

/// What a program has left for an area: its capacity less what is held there and what it has
/// committed to other areas. Main areas are cleared first, then by name, but what stood may have
/// been looked at again once what other islands lacked was planned. Where other areas had orders
/// before this tick too, what each had or has counts, whichever is more, as the contract does not
/// say which of them were given up first.
fn left_of(scene: &Scene<'_>, plan: &NewPlan<'_>, program: &Text, fixed: &[&Standing]) -> i128 {
    let area = plan.area;
    let stood = !plan.created.supersedes.is_empty();
    let power = |standing: &Standing| match &standing.order.kind {
        Kind::DemandResponse { program: under, .. } if under == program => {
            i128::from(standing.order.amount.0)
        }
        _ => 0,
    };
    let by_area = |orders: &BTreeMap<Text, Standing>| {
        let mut sums: BTreeMap<Text, i128> = BTreeMap::new();
        for standing in orders.values().filter(|it| it.area != *area && power(it) > 0) {
            *sums.entry(standing.area.clone()).or_default() += power(standing);
        }
        sums
    };
    let (before, mut now) = (by_area(scene.before), by_area(&scene.book.standing));
    if before.is_empty() {
        let elsewhere = |other: &Text| scene.island_of(other) != Some(&plan.created.island);
        now.retain(|other, _| cleared_first(scene, other, area) || (stood && elsewhere(other)));
    }
    for (other, power) in before {
        let most = now.entry(other).or_default();
        *most = power.max(*most);
    }
    let held: i128 = fixed.iter().map(|it| power(it)).sum();
    capacity_of(scene, program) - held - now.into_values().sum::<i128>()
}

fn capacity_of(scene: &Scene<'_>, program: &Text) -> i128 {
    let capacity = scene.collections.offers.program(program).and_then(|it| it.capacity);
    i128::from(capacity.unwrap_or_default().0)
}

fn cleared_first(scene: &Scene<'_>, one: &Text, other: &Text) -> bool {
    (!scene.shape.is_main(one), one) < (!scene.shape.is_main(other), other)
}

/// What the recorded orders come to.
fn chosen(scene: &Scene<'_>, clearing: &Clearing, held: &Held, orders: &[&Standing]) -> Outcome {
    let (mut power, mut cost) = (0, 0);
    for standing in orders.iter().filter(|standing| !held.has(standing)) {
        let Kind::DemandResponse { bid, .. } = &standing.order.kind else { continue };
        let score = scene.rated().get(bid).map_or(0, |rated| rated.score.0.max(0));
        power += i128::from(standing.order.amount.0);
        cost += i128::from(score) * i128::from(standing.order.amount.0);
    }
    clearing.outcome(power, cost)
}
