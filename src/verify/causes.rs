//! What an order may have to end for, as far as the input and what stood before the tick say it.
//!
//! A cause is told where any reading of the contract has it. So an order that ends without one, or
//! for another, ended wrongly; one that has a cause and stands is for `standing` and `ends` to
//! judge, who tell only what no reading excuses.

use super::loads::Loads;
use super::routes::path_now;
use super::scene::Scene;
use gridweaver_dataflows::twins::book::{Kind, Standing};
use gridweaver_dataflows::twins::ladder::area_of;
use gridweaver_dataflows::twins::picture::loss_of;
use gridweaver_model::decision::EndReason;
use gridweaver_model::{Text, Time, Watts};
use std::collections::{BTreeMap, BTreeSet};

/// For each order that stood before the tick and may have to end in it, what for.
pub(super) type Causes = BTreeMap<Text, BTreeSet<EndReason>>;

/// The causes of a tick.
pub(super) fn causes(scene: &Scene<'_>) -> Causes {
    let (loads, committed) = (loads(scene), committed(scene));
    let mut causes = Causes::new();
    for (id, standing) in scene.before {
        let mut found = answered(scene, standing);
        if !scene.shape.areas.contains_key(&standing.area) {
            found.insert(EndReason::Removed);
        }
        match &standing.order.kind {
            Kind::DemandResponse { bid, program, .. } => {
                of_bid(scene, standing, bid, &mut found);
                let held = scene.collections.offers.program(program);
                let capacity = held.and_then(|it| it.capacity).unwrap_or_default();
                if committed.get(program).is_some_and(|committed| *committed > capacity) {
                    found.insert(EndReason::Constraint);
                }
            }
            Kind::Transfer { sent, .. } => of_path(scene, standing, *sent, &loads, &mut found),
            Kind::Curtailment => {}
        }
        if !found.is_empty() {
            causes.insert(id.clone(), found);
        }
    }
    causes
}

/// When an order that nobody acknowledged counts as failed.
pub(super) fn unanswered_from(scene: &Scene<'_>, standing: &Standing) -> Option<Time> {
    let timeout = scene.rules.dispatch.response_timeout?;
    let acknowledged = standing.received || !standing.started.is_empty();
    (!acknowledged).then(|| standing.order.since + timeout)
}

fn answered(scene: &Scene<'_>, standing: &Standing) -> BTreeSet<EndReason> {
    let answers = standing.finals.iter().chain(&standing.failed_before);
    let mut found: BTreeSet<EndReason> = answers.copied().collect();
    if unanswered_from(scene, standing).is_some_and(|from| from <= scene.end) {
        found.insert(EndReason::NoResponse);
    }
    found
}

/// What its bid and program say of an activation. A bid that is forgotten had ended one way or the
/// other.
fn of_bid(scene: &Scene<'_>, standing: &Standing, name: &Text, found: &mut BTreeSet<EndReason>) {
    let (order, offers) = (&standing.order, &scene.collections.offers);
    let Kind::DemandResponse { program, price, .. } = &order.kind else { return };
    let Some(bid) = scene.bid(name) else {
        found.extend([EndReason::Expired, EndReason::Withdrawn]);
        return;
    };
    let mut note = |holds: bool, reason| found.extend(holds.then_some(reason));
    note(bid.end <= scene.end, EndReason::Expired);
    note(offers.withdrawals.contains_key(name), EndReason::Withdrawn);
    let fits = (bid.min..=bid.max).contains(&order.amount) && bid.program == *program;
    note(!fits, EndReason::Revised);
    let held = offers.program(&bid.program);
    let most = held.and_then(|held| held.max_price);
    note(most.is_some_and(|most| bid.price > most || *price > most), EndReason::Constraint);
    let area = held.and_then(|held| area_of(bid, held, scene.shape));
    note(area.is_none(), EndReason::Removed);
    note(area.is_some_and(|area| area != standing.area), EndReason::Island);
}

/// What stood under each program.
fn committed<'a>(scene: &Scene<'a>) -> BTreeMap<&'a Text, Watts> {
    let mut committed: BTreeMap<&Text, Watts> = BTreeMap::new();
    for standing in scene.before.values() {
        if let Kind::DemandResponse { program, .. } = &standing.order.kind {
            *committed.entry(program).or_default() += standing.order.amount;
        }
    }
    committed
}

/// What the transfers that stood carry. Losses may have changed since: then a hop counts for what
/// its lines were to carry, or for what would reach it now, whichever is more.
fn loads(scene: &Scene<'_>) -> Loads {
    let mut loads = Loads::default();
    for (id, route) in scene.routes_before {
        let Some(standing) = scene.before.get(id) else { continue };
        let Kind::Transfer { sent, .. } = &standing.order.kind else { continue };
        loads.add_lines(route);
        let now = sends(scene, &standing.path, *sent);
        let most = route.iter().zip(now).map(|(hop, now)| hop.sent.max(now));
        loads.add_path(&standing.path, &most.collect::<Vec<_>>());
    }
    loads
}

/// What each hop of a path would send now, and last what would arrive.
fn sends(scene: &Scene<'_>, path: &[Text], sent: Watts) -> Vec<Watts> {
    let mut sends = vec![sent];
    let mut power = sent;
    for pair in path.windows(2) {
        let interface = scene.interfaces.get(&(pair[0].clone(), pair[1].clone()));
        power -= interface.map_or(Watts::ZERO, |it| loss_of(power, it.loss));
        sends.push(power);
    }
    sends
}

/// What its lines, their limits and its sender say of a transfer. Its path goes by its areas' heirs
/// or by its lines: where the two differ, either may be held against it.
fn of_path(
    scene: &Scene<'_>,
    standing: &Standing,
    sent: Watts,
    loads: &Loads,
    found: &mut BTreeSet<EndReason>,
) {
    let path = &standing.path;
    let Some(route) = scene.routes_before.get(&standing.order.id) else {
        found.insert(EndReason::Island);
        return;
    };
    if path_now(route, scene.shape).as_ref() != Ok(path) {
        found.insert(EndReason::Island);
    }
    let over_line = route.iter().flat_map(|hop| &hop.wires).any(|wire| {
        let capacity = scene.shape.lines.get(&wire.line).map(|line| line.capacity);
        loads.lines.get(&wire.line).copied() > capacity
    });
    let over_interface = path.windows(2).any(|pair| {
        let pair = (pair[0].clone(), pair[1].clone());
        let capacity = scene.interfaces.get(&pair).map(|interface| interface.capacity);
        loads.interfaces.get(&pair).copied() > capacity
    });
    let over_surplus = path.first().is_some_and(|sender| {
        let spare = scene.readings(sender).iter().map(|it| it.surplus).min();
        loads.senders.get(sender).copied() > spare
    });
    let arrives = sends(scene, path, sent).last().copied();
    let other_losses = arrives != Some(standing.order.amount);
    if over_line || over_interface || over_surplus || other_losses {
        found.insert(EndReason::Constraint);
    }
}
