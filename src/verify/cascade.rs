//! Cascades: the figures are the input's and the orders', and the prices prove the plan.
//!
//! The certificate is computed anew from the recorded prices and the twin's figures, in integers
//! and without a solver: with any prices at all the bound is below the cost of every plan.

use super::breach::{Breaches, mw, per_hour, per_mwh};
use super::ends::Pardons;
use super::plans::{activated, sum};
use super::routes::path_now;
use super::scene::{ONE_KILOWATT, Scene};
use gridweaver_dataflows::twins::book::Kind;
use gridweaver_model::decision::{CascadeArea, CascadeCleared, Event};
use gridweaver_model::{Text, Watts};
use std::collections::{BTreeMap, BTreeSet};

const MILLION: i128 = 1_000_000;

/// How far a recorded cost per hour may be off, in thousandths × watts, besides a millionth of it.
const COST_TOLERANCE: i128 = 10_000_000;

type Tell<'a> = dyn FnMut(&'static str, String) + 'a;

pub(super) fn check(scene: &Scene<'_>, pardons: &Pardons, breaches: &mut Breaches) {
    let mut cleared = BTreeSet::new();
    for recorded in scene.records {
        let Event::CascadeCleared(told) = &recorded.decision.event else { continue };
        let mut tell = |rule, detail: String| {
            let detail = format!("cascade of {}: {detail}", told.island);
            breaches.tell(scene.end, recorded.line, rule, detail);
        };
        if !cleared.insert(&told.island) {
            tell("an island is cleared once a tick", "it is cleared twice".into());
        }
        check_areas(scene, told, &mut tell);
        let pardoned = pardons.island(&told.island);
        check_interfaces(scene, told, pardoned, &mut tell);
        check_certificate(scene, told, pardoned, &mut tell);
    }
    for island in scene.shape.islands.keys() {
        if !cleared.contains(island) && was_solved(scene, island) {
            let detail = format!("island {island} has new plans and no cascade_cleared");
            breaches.tell(scene.end, None, "every cascade is recorded", detail);
        }
    }
}

/// Whether a cascade of an island must have been solved: something was left to source after demand
/// response, and there was something to source it from.
fn was_solved(scene: &Scene<'_>, island: &Text) -> bool {
    let inside = |area: &&Text| scene.island_of(area) == Some(island);
    let new_transfer = scene.records.iter().any(|recorded| {
        matches!(recorded.decision.event, Event::TransferOrdered(_))
            && recorded.decision.area.as_ref().is_some_and(|area| inside(&area))
    });
    let left = scene
        .new_plans()
        .filter(|plan| inside(&plan.area))
        .any(|plan| plan.created.shortfall - plan.created.demand_response >= ONE_KILOWATT);
    let spare = scene.totals.keys().any(|area| inside(&area) && scene.surplus(area) > Watts::ZERO);
    new_transfer || (left && spare && scene.interfaces.keys().any(|(from, _)| inside(&from)))
}

fn check_areas(scene: &Scene<'_>, told: &CascadeCleared, tell: &mut Tell<'_>) {
    const RULE: &str = "a cascade's areas are the twin's";
    let inside = scene.shape.areas.iter().filter(|(_, area)| area.island == told.island);
    if !told.areas.iter().map(|row| &row.area).eq(inside.map(|(name, _)| name)) {
        tell(RULE, "its areas are not all those of the island, by name".into());
        return;
    }
    for row in &told.areas {
        let surplus = scene.surplus(&row.area);
        let price = scene.energy_price(&row.area);
        if !scene.is_surplus(&row.area, row.surplus) || row.energy_price != price {
            let detail = format!("{} can send {} at {}", row.area, mw(surplus), per_mwh(price));
            tell(RULE, detail);
        }
        if row.price.0 < 0 {
            tell(RULE, format!("the price of {} is negative", row.area));
        }
        check_need(scene, row, tell);
    }
}

/// The need of an area is what its plan leaves after demand response. One that keeps a plan from
/// before is solved for what it lacks now; one below a kilowatt may be left out.
fn check_need(scene: &Scene<'_>, row: &CascadeArea, tell: &mut Tell<'_>) {
    let after = |shortfall: Watts, response: Watts| (shortfall - response).max(Watts::ZERO);
    let mut right = vec![];
    if let Some(plan) = scene.new_plan_of(&row.area) {
        right.push(after(plan.created.shortfall, plan.created.demand_response));
    } else {
        let activated = activated(scene, &row.area);
        for reading in scene.readings(&row.area) {
            let lacks = reading.shortfall;
            right.extend([after(lacks, activated.most), after(lacks, activated.least)]);
        }
        let plans = scene.book.plans.values().filter(|plan| plan.area == row.area);
        right.extend(plans.map(|it| after(it.created.shortfall, it.created.demand_response)));
        right.push(Watts::ZERO);
    }
    if right.first().is_none_or(|first| *first < ONE_KILOWATT) {
        right.push(Watts::ZERO);
    }
    if !right.contains(&row.need) {
        let detail = format!(
            "{} needs {}, recorded {}",
            row.area,
            mw(right.first().copied().unwrap_or_default()),
            mw(row.need)
        );
        tell("a cascade's needs are what demand response leaves", detail);
    }
    let delivered = sum(scene, &row.area, |kind| matches!(kind, Kind::Transfer { .. }));
    let most = right.into_iter().max().unwrap_or_default();
    if delivered > row.need.max(most) {
        let detail = format!("{} needs {}, gets {}", row.area, mw(row.need), mw(delivered));
        tell("a cascade delivers no more than is needed", detail);
    }
}

/// A path that failed lately may be closed for a while: then less capacity may be recorded.
fn check_interfaces(scene: &Scene<'_>, told: &CascadeCleared, pardoned: bool, tell: &mut Tell<'_>) {
    const RULE: &str = "a cascade's interfaces are the twin's";
    let inside = |area: &Text| scene.island_of(area) == Some(&told.island);
    let twin: Vec<_> = scene.interfaces.iter().filter(|((from, _), _)| inside(from)).collect();
    let names = told.interfaces.iter().map(|row| (&row.from_area, &row.to_area));
    if !names.eq(twin.iter().map(|((from, to), _)| (from, to))) {
        tell(RULE, "its interfaces are not all those of the island, by name".into());
        return;
    }
    let flows = flows(scene);
    for (row, ((from, to), interface)) in told.interfaces.iter().zip(twin) {
        let closed = pardoned && row.capacity < interface.capacity;
        let figures = (row.loss, row.wheeling_price);
        if figures != (interface.loss, interface.wheeling_price)
            || (row.capacity != interface.capacity && !closed)
        {
            let (limit, loss) = (mw(interface.capacity), interface.loss.0);
            let detail = format!("{from} to {to} carries {limit} at a loss of {loss} ppm");
            tell(RULE, detail);
        }
        let flow = flows.get(&(from.clone(), to.clone())).copied().unwrap_or_default();
        if row.flow != flow {
            let (told, right) = (mw(row.flow), mw(flow));
            let detail = format!("{from} to {to}: recorded {told}, the orders send {right}");
            tell("a cascade's flows are its orders'", detail);
        }
    }
}

/// What standing transfers send over each interface.
pub(crate) fn flows(scene: &Scene<'_>) -> BTreeMap<(Text, Text), Watts> {
    let mut flows: BTreeMap<(Text, Text), Watts> = BTreeMap::new();
    for route in scene.routes.values() {
        let Ok(path) = path_now(route, scene.shape) else { continue };
        for (hop, pair) in route.iter().zip(path.windows(2)) {
            *flows.entry((pair[0].clone(), pair[1].clone())).or_default() += hop.sent;
        }
    }
    flows
}

/// What an island's transfers come to.
#[derive(Default)]
struct Solution {
    /// Thousandths × watts, without lost load.
    cost: i128,
    hops: i128,
    delivered: Watts,
}

fn solution(scene: &Scene<'_>, island: &Text) -> Solution {
    let mut solution = Solution::default();
    for (id, standing) in &scene.book.standing {
        if !matches!(standing.order.kind, Kind::Transfer { .. })
            || scene.island_of(&standing.area) != Some(island)
        {
            continue;
        }
        solution.cost += scene.transfer_cost(standing).unwrap_or_default();
        let hops = scene.routes.get(id).map_or(0, Vec::len);
        solution.hops += i128::try_from(hops).unwrap_or(i128::MAX);
        solution.delivered += standing.order.amount;
    }
    solution
}

fn check_certificate(
    scene: &Scene<'_>,
    told: &CascadeCleared,
    pardoned: bool,
    tell: &mut Tell<'_>,
) {
    let solution = solution(scene, &told.island);
    let unmet: Watts = told.areas.iter().map(|row| left_of(scene, row)).sum();
    let need: Watts = told.areas.iter().map(|row| row.need).sum();
    let served = [solution.delivered, need - unmet];
    if !served.contains(&told.served) || told.unmet != unmet {
        let (served, left) = (mw(solution.delivered), mw(unmet));
        tell("a cascade's figures are its orders'", format!("{served} are served, {left} left"));
    }
    let near =
        |told: i128, right: i128| (told - right).abs() <= COST_TOLERANCE + right.abs() / MILLION;
    if !near(told.cost, solution.cost) {
        let (told, right) = (per_hour(told.cost), per_hour(solution.cost));
        tell("a cascade costs what its orders cost", format!("{told}, not {right}"));
    }
    let lost_load = i128::from(scene.rules.dispatch.lost_load_price.0);
    let bound = bound(told, scene, lost_load);
    if !near(told.bound / MILLION, bound / MILLION) {
        let (told, right) = (per_hour(told.bound / MILLION), per_hour(bound / MILLION));
        tell("a certificate's bound follows from its prices", format!("{told}, not {right}"));
    }
    let cost = solution.cost + lost_load * i128::from(unmet.0);
    let in_need = told.areas.iter().filter(|row| row.need > Watts::ZERO).count();
    let in_need = i128::try_from(in_need).unwrap_or(i128::MAX);
    let slack = (solution.hops + i128::from(ONE_KILOWATT.0) * in_need) * lost_load;
    if !pardoned && cost * MILLION * 1_000 > 1_001 * bound + slack * MILLION * 1_000 {
        let (cost, bound) = (per_hour(cost), per_hour(bound / MILLION));
        let detail = format!("cost and lost load are {cost}, its prices prove only {bound}");
        tell("a cascade is within 0.1 % of the optimum", detail);
    }
}

/// What an area still lacks with all transfers to it.
fn left_of(scene: &Scene<'_>, row: &CascadeArea) -> Watts {
    let delivered = sum(scene, &row.area, |kind| matches!(kind, Kind::Transfer { .. }));
    (row.need - delivered).max(Watts::ZERO)
}

/// The bound that the recorded prices prove, in thousandths × watts × 10⁶. The recorded figures
/// were held against the twin's before.
fn bound(told: &CascadeCleared, scene: &Scene<'_>, lost_load: i128) -> i128 {
    let mut bound = 0;
    let mut prices: BTreeMap<&Text, i128> = BTreeMap::new();
    for row in &told.areas {
        let price = i128::from(row.price.0);
        prices.insert(&row.area, price);
        let need = i128::from(row.need.0);
        let surplus = i128::from(row.surplus.0);
        let energy = i128::from(scene.energy_price(&row.area).0.max(0));
        bound += MILLION * price * need;
        bound -= MILLION * (price - energy).max(0) * surplus;
        bound -= MILLION * (price - lost_load).max(0) * need;
    }
    for row in &told.interfaces {
        let (Some(from), Some(to)) = (prices.get(&row.from_area), prices.get(&row.to_area)) else {
            continue;
        };
        let arrives = (MILLION - i128::from(row.loss.0)) * to;
        let left = arrives - MILLION * (from + i128::from(row.wheeling_price.0));
        bound -= left.max(0) * i128::from(row.capacity.0);
    }
    bound
}
