//! Every limit, at every tick's end, over all that stands: also where an input changed and no
//! record was written.

use super::breach::{Breaches, mw};
use super::loads::Loads;
use super::routes::path_now;
use super::scene::Scene;
use gridweaver_dataflows::twins::book::{Kind, Standing};
use gridweaver_dataflows::twins::ladder::area_of;
use gridweaver_dataflows::twins::offers::Life;
use gridweaver_dataflows::twins::picture::commitments;
use gridweaver_model::{Text, Watts};
use std::collections::BTreeMap;

pub(super) fn check(scene: &Scene<'_>, breaches: &mut Breaches) {
    if scene.book.standing.is_empty() {
        return;
    }
    for standing in scene.book.standing.values() {
        if let Some(why) = unfit(scene, standing) {
            let detail = format!("order {}: {why}", standing.order.id);
            breaches.tell(scene.end, None, "a standing order fits its bid", detail);
        }
    }
    check_bids_once(scene, breaches);
    check_programs(scene, breaches);
    check_transfers(scene, breaches);
}

/// Why an activation may no longer stand; `None` where it may, or is none.
pub(crate) fn unfit(scene: &Scene<'_>, standing: &Standing) -> Option<String> {
    let Kind::DemandResponse { bid: name, program: program_name, price } = &standing.order.kind
    else {
        return None;
    };
    let Some(bid) = scene.bid(name) else {
        return Some(format!("bid {name} is gone"));
    };
    match scene.collections.offers.life(bid, scene.end) {
        Life::Withdrawn => return Some(format!("bid {name} is withdrawn")),
        Life::Expired => return Some(format!("bid {name} ended {}", bid.end)),
        Life::Live => {}
    }
    let amount = standing.order.amount;
    if amount < bid.min || amount > bid.max {
        let (least, most) = (mw(bid.min), mw(bid.max));
        return Some(format!("it stands at {}, bid {name} offers {least} to {most}", mw(amount)));
    }
    if standing.order.until != Some(bid.end) {
        return Some(format!("bid {name} ends {}, not when the order does", bid.end));
    }
    if bid.program != *program_name {
        return Some(format!("bid {name} is offered under {}", bid.program));
    }
    let Some(program) = scene.collections.offers.program(program_name) else {
        return Some(format!("program {program_name} does not exist"));
    };
    if program.max_price.is_some_and(|most| *price > most && bid.price > most) {
        return Some(format!("its price is over the limit of program {program_name}"));
    }
    let area = area_of(bid, program, scene.shape);
    (area.as_ref() != Some(&standing.area)).then(|| {
        let area = area.unwrap_or_else(|| "no area".into());
        format!("bid {name} counts in {area}, the order serves {}", standing.area)
    })
}

fn check_bids_once(scene: &Scene<'_>, breaches: &mut Breaches) {
    let mut seen: BTreeMap<&Text, &Text> = BTreeMap::new();
    for (id, standing) in &scene.book.standing {
        let Kind::DemandResponse { bid, .. } = &standing.order.kind else { continue };
        if let Some(other) = seen.insert(bid, id) {
            let detail = format!("orders {other} and {id} both activate bid {bid}");
            breaches.tell(scene.end, None, "a bid is activated once", detail);
        }
    }
}

fn check_programs(scene: &Scene<'_>, breaches: &mut Breaches) {
    let (committed, _) = commitments(scene.book);
    for (name, committed) in committed {
        let Some(program) = scene.collections.offers.program(&name) else { continue };
        let capacity = program.capacity.unwrap_or_default();
        if committed > capacity {
            let (stands, limit) = (mw(committed), mw(capacity));
            let detail = format!("{stands} stand under {name}, its capacity is {limit}");
            breaches.tell(scene.end, None, "no program exceeds its capacity", detail);
        }
    }
}

fn check_transfers(scene: &Scene<'_>, breaches: &mut Breaches) {
    let mut loads = Loads::default();
    for (id, standing) in &scene.book.standing {
        let Kind::Transfer { path, .. } = &standing.order.kind else { continue };
        let name = format!("order {id} over {}", path.join(" > "));
        let Some(route) = scene.routes.get(id) else {
            // That it has none was told when it was ordered, if not its lines broke since.
            breaches.tell(scene.end, None, "a path's lines are live", format!("{name}: no route"));
            continue;
        };
        match path_now(route, scene.shape) {
            Err(why) => {
                breaches.tell(scene.end, None, "a path's lines are live", format!("{name}: {why}"));
            }
            Ok(path) => {
                if path.last() != Some(&standing.area) {
                    let end = path.last().cloned().unwrap_or_default();
                    let detail = format!("{name} leads to {end}, not {}", standing.area);
                    breaches.tell(scene.end, None, "a transfer serves its area", detail);
                }
                let sends: Vec<Watts> = route.iter().map(|hop| hop.sent).collect();
                loads.add_path(&path, &sends);
            }
        }
        loads.add_lines(route);
    }
    check_loads(&loads, scene, breaches);
}

fn check_loads(loads: &Loads, scene: &Scene<'_>, breaches: &mut Breaches) {
    for (name, carried) in &loads.lines {
        let Some(line) = scene.shape.lines.get(name) else { continue };
        if *carried > line.capacity {
            let (carried, limit) = (mw(*carried), mw(line.capacity));
            let detail = format!("line {name} carries {carried} of {limit}");
            breaches.tell(scene.end, None, "no line carries more than its limit", detail);
        }
    }
    for (pair, carried) in &loads.interfaces {
        let (from, to) = pair;
        let limit = scene.interfaces.get(pair).map_or(Watts::ZERO, |it| it.capacity);
        if *carried > limit {
            let (carried, limit) = (mw(*carried), mw(limit));
            let detail = format!("{from} to {to} carries {carried} of {limit}");
            breaches.tell(scene.end, None, "no interface carries more than its limit", detail);
        }
        let back = loads.interfaces.get(&(to.clone(), from.clone()));
        if from < to && *carried > Watts::ZERO && back.is_some_and(|it| *it > Watts::ZERO) {
            let detail = format!("{from} and {to} send to each other");
            breaches.tell(scene.end, None, "no interface flows both ways", detail);
        }
    }
    for (area, sent) in &loads.senders {
        let surplus = scene.surplus(area);
        if *sent > surplus {
            let detail = format!("{area} sends {} of {}", mw(*sent), mw(surplus));
            breaches.tell(scene.end, None, "no area sends more than its surplus", detail);
        }
    }
}
