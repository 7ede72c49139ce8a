//! New transfers, and what new orders replace: paths that exist, losses to the watt, lines shared
//! as the contract says.

use super::activations::is_of_bid;
use super::breach::{Breaches, mw, per_mwh};
use super::routes::route;
use super::scene::Scene;
use gridweaver_dataflows::twins::book::{Kind, Order};
use gridweaver_dataflows::twins::picture::loss_of;
use gridweaver_model::decision::{Decision, Event, TransferOrdered};
use gridweaver_model::units::divide_rounded;
use gridweaver_model::{Text, Watts, decimal};
use std::collections::BTreeSet;

type Tell<'a> = dyn FnMut(&'static str, String) + 'a;

pub(super) fn check(scene: &Scene<'_>, breaches: &mut Breaches) {
    for recorded in scene.records {
        let mut tell = |rule, detail| breaches.tell(scene.end, recorded.line, rule, detail);
        if let Some(order) = Order::of(&recorded.decision, scene.end) {
            check_replaced(scene, &order, &mut tell);
            check_plan(scene, &order, &recorded.decision, &mut tell);
        }
        if let Event::TransferOrdered(ordered) = &recorded.decision.event {
            check_path(scene, &recorded.decision, ordered, &mut tell);
        }
    }
}

/// What an order supersedes stood, and was of the same kind: of the same bid, or a transfer or
/// curtailment too.
fn check_replaced(scene: &Scene<'_>, order: &Order, tell: &mut Tell<'_>) {
    let old = order.supersedes.as_ref().and_then(|old| scene.before.get(old));
    let Some(old) = old else { return };
    let same = match (&old.order.kind, &order.kind) {
        (kind, Kind::DemandResponse { bid, .. }) => is_of_bid(kind, bid),
        (Kind::Transfer { .. }, Kind::Transfer { .. }) | (Kind::Curtailment, Kind::Curtailment) => {
            true
        }
        _ => false,
    };
    if !same {
        let detail = format!("order {} replaces {} of another kind", order.id, old.order.id);
        tell("an order supersedes one of its kind", detail);
    }
}

/// An order belongs to a plan of its area, made in this tick or standing.
fn check_plan(scene: &Scene<'_>, order: &Order, decision: &Decision, tell: &mut Tell<'_>) {
    let plan = scene.book.plans.get(&order.plan);
    // One that follows its bid's moved end may keep the plan, also where that is replaced now.
    let old = order.supersedes.as_ref().and_then(|old| scene.before.get(old));
    let kept = old.is_some_and(|old| old.plan == order.plan && old.order.amount == order.amount);
    if !kept && plan.is_none_or(|plan| Some(&plan.area) != decision.area.as_ref()) {
        let detail = format!("no plan {} stands in its area", order.plan);
        tell("an order belongs to a plan of its area", detail);
    }
}

fn check_path(
    scene: &Scene<'_>,
    decision: &Decision,
    ordered: &TransferOrdered,
    tell: &mut Tell<'_>,
) {
    let name = ordered.path.join(" > ");
    if ordered.path.last() != decision.area.as_ref() {
        tell("a transfer is the receiver's", format!("{name} is recorded for another area"));
    }
    let distinct: BTreeSet<&Text> = ordered.path.iter().collect();
    if distinct.len() != ordered.path.len() {
        tell("a path exists", format!("{name} passes an area twice"));
    }
    let Some(sends) = hop_sends(scene, ordered) else {
        tell("a path exists", format!("{name}: two areas of it are not joined by a live line"));
        return;
    };
    let delivered = sends.last().copied().unwrap_or_default();
    if delivered != ordered.delivered {
        let (sent, told, right) = (mw(ordered.sent), mw(ordered.delivered), mw(delivered));
        let detail = format!("{name} sends {sent}, says {told} arrive, {right} do");
        tell("delivered is sent less each hop's loss", detail);
    }
    match route(&ordered.path, &ordered.lines, scene.shape) {
        Err(why) => tell("a path's lines are live and join its areas", format!("{name}: {why}")),
        Ok(hops) => {
            for ((hop, sent), pair) in hops.iter().zip(&sends).zip(ordered.path.windows(2)) {
                if hop.sent != *sent {
                    let (carried, due) = (mw(hop.sent), mw(*sent));
                    let detail = format!(
                        "{name}: lines from {} to {} carry {carried}, not {due}",
                        pair[0], pair[1]
                    );
                    tell("a hop's lines carry what it sends", detail);
                }
                check_shares(scene, hop, pair, *sent, tell);
            }
        }
    }
    check_inputs(scene, ordered, &sends, &name, tell);
}

/// What every hop sends, and last what arrives; `None` where two areas are not joined.
fn hop_sends(scene: &Scene<'_>, ordered: &TransferOrdered) -> Option<Vec<Watts>> {
    let mut power = ordered.sent;
    let mut sends = vec![power];
    for pair in ordered.path.windows(2) {
        let interface = scene.interfaces.get(&(pair[0].clone(), pair[1].clone()))?;
        power -= loss_of(power, interface.loss);
        sends.push(power);
    }
    Some(sends)
}

/// Each line carries its share in proportion to capacity, rounded down, or more where what was
/// rounded off went to it, or less where it is full: no line may be overrun, and orders that stand
/// since its capacity was another may have taken more of it.
fn check_shares(
    scene: &Scene<'_>,
    hop: &super::routes::Hop,
    pair: &[Text],
    sent: Watts,
    tell: &mut Tell<'_>,
) {
    let Some(lines) = scene.joins.get(&(pair[0].clone(), pair[1].clone())) else { return };
    let whole: i128 = lines.iter().map(|(_, capacity)| i128::from(capacity.0)).sum();
    for (name, capacity) in lines {
        let share = i128::from(sent.0) * i128::from(capacity.0) / whole;
        let wire = hop.wires.iter().find(|wire| wire.line == *name);
        let carried = wire.map_or(Watts::ZERO, |wire| wire.power);
        let is_short = i128::from(carried.0) < share;
        if is_short && scene.carried(name) < *capacity {
            let due = mw(Watts(i64::try_from(share).unwrap_or(i64::MAX)));
            let detail = format!("line {name} carries {}, its share is {due}", mw(carried));
            tell("a hop is shared over its lines by capacity", detail);
        }
    }
}

fn check_inputs(
    scene: &Scene<'_>,
    ordered: &TransferOrdered,
    sends: &[Watts],
    name: &str,
    tell: &mut Tell<'_>,
) {
    let Some(sender) = ordered.path.first() else { return };
    let surplus = scene.surplus(sender);
    let price = scene.energy_price(sender);
    if !scene.is_surplus(sender, ordered.surplus) || ordered.energy_price != price {
        let detail = format!("{name}: {sender} has {} at {}", mw(surplus), per_mwh(price));
        tell("inputs are the twin's", detail);
    }
    let mut cost = i128::from(price.0.max(0)) * i128::from(ordered.sent.0);
    for (pair, sent) in ordered.path.windows(2).zip(sends) {
        if let Some(interface) = scene.interfaces.get(&(pair[0].clone(), pair[1].clone())) {
            cost += i128::from(interface.wheeling_price.0) * i128::from(sent.0);
        }
    }
    // What is recorded is the cost per MWh delivered, to six decimals.
    let delivered = i128::from(ordered.delivered.0.max(1));
    let millionths = |cost: i128| divide_rounded(cost * 1_000, delivered);
    if (millionths(cost) - millionths(ordered.cost)).abs() > 1_000 / delivered + 1 {
        let detail = format!("{name}: a MWh costs {}", decimal::text(millionths(cost), 6));
        tell("a transfer costs what its path costs", detail);
    }
}
