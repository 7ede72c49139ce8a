//! What an island's orders cost and shed, as they stood before a tick's decisions and after them.
//!
//! Activations count at today's scores, transfers at today's prices, as plans are compared.

use super::holds::Holds;
use super::routes::Routes;
use super::scene::{ONE_KILOWATT, Scene};
use gridweaver_dataflows::twins::book::{Kind, Plan, Standing};
use gridweaver_model::{Text, Watts};
use std::collections::{BTreeMap, BTreeSet};

/// Whether an island's new plans shed at least a kilowatt less than what stood.
pub(super) fn sheds_less(scene: &Scene<'_>, island: &Text) -> bool {
    shed_before(scene, island) - shed_after(scene, island) >= ONE_KILOWATT
}

/// Whether a plan of an island may have been due for a comparison, and the new ones are cheaper
/// than what stood by more than the gain asked for. Whether areas count whose plan only waits for
/// its hold to be over is left open by the contract.
pub(super) fn is_cheaper(scene: &Scene<'_>, holds: &Holds, island: &Text) -> bool {
    let every = scene.rules.dispatch.replan_every;
    let mut plans = plans_of(scene, island);
    if !plans.any(|(id, plan)| plan.created.tick + every <= scene.end && !holds.waits(id)) {
        return false;
    }
    let waiting = |waits: &dyn Fn(&Text) -> bool| -> BTreeSet<&Text> {
        let plans = plans_of(scene, island).filter(|(id, _)| waits(id));
        plans.map(|(_, plan)| &plan.area).collect()
    };
    let apart = [
        waiting(&|plan| holds.may_wait(plan)),
        waiting(&|plan| holds.waits(plan)),
        BTreeSet::new(),
    ];
    let lost_load = i128::from(scene.rules.dispatch.lost_load_price.0);
    let gain = 1_000_000 - i128::from(scene.rules.dispatch.replan_gain.0);
    apart.into_iter().any(|apart| {
        let counts = |area: &Text| scene.island_of(area) == Some(island) && !apart.contains(area);
        let before = lost_load * i128::from(shed_before(scene, island).0)
            + cost(scene, scene.before, scene.routes_before, counts);
        let after = lost_load * i128::from(shed_after(scene, island).0)
            + cost(scene, &scene.book.standing, scene.routes, counts);
        after * 1_000_000 < before * gain
    })
}

/// The plans that stood in an island.
pub(super) fn plans_of<'a>(
    scene: &Scene<'a>,
    island: &Text,
) -> impl Iterator<Item = (&'a Text, &'a Plan)> {
    scene.plans_before.iter().filter(move |(_, plan)| scene.island_of(&plan.area) == Some(island))
}

/// What the plans of an island left unmet, and what was confirmed below what they counted on.
fn shed_before(scene: &Scene<'_>, island: &Text) -> Watts {
    let shed = plans_of(scene, island).map(|(id, plan)| {
        let (mut demand_response, mut short) = (Watts::ZERO, Watts::ZERO);
        for standing in scene.before.values().filter(|it| it.plan == *id) {
            let amount = standing.order.amount;
            let confirmed = standing.confirmed().unwrap_or(amount).min(amount);
            match standing.order.kind {
                Kind::DemandResponse { .. } => demand_response += confirmed,
                Kind::Transfer { .. } => short += amount - confirmed,
                Kind::Curtailment => {}
            }
        }
        let unserved = (plan.created.demand_response - demand_response).max(Watts::ZERO);
        plan.created.unmet + short + unserved
    });
    shed.sum()
}

/// What the plans of an island leave unmet, where their areas still lack anything.
fn shed_after(scene: &Scene<'_>, island: &Text) -> Watts {
    let plans = scene.book.plans.values().filter(|plan| {
        let is_new = plan.created.tick == scene.end;
        scene.island_of(&plan.area) == Some(island) && (is_new || scene.lacks(&plan.area))
    });
    plans.map(|plan| plan.created.unmet).sum()
}

/// The cost of the orders of some areas, without lost load.
fn cost(
    scene: &Scene<'_>,
    orders: &BTreeMap<Text, Standing>,
    routes: &Routes,
    counts: impl Fn(&Text) -> bool,
) -> i128 {
    let counted = orders.values().filter(|standing| counts(&standing.area));
    let costs = counted.map(|standing| match &standing.order.kind {
        Kind::DemandResponse { bid, price, .. } => {
            let score = scene.rated().get(bid).map_or(*price, |rated| rated.score);
            i128::from(score.0.max(0)) * i128::from(standing.order.amount.0)
        }
        Kind::Transfer { .. } => {
            let route = routes.get(&standing.order.id);
            route.and_then(|route| scene.route_cost(route)).unwrap_or_default()
        }
        Kind::Curtailment => 0,
    });
    costs.sum()
}
