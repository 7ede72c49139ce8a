//! Who could send and over which paths: what was sent, and which limit kept it from being more.

use super::facts::{Neighbour, Path};
use super::network::{Network, Way, path_of, sent};
use super::units::{Mw, PerMwh, Share};
use crate::verify::cascade::flows;
use crate::verify::scene::Scene;
use gridweaver_dataflows::twins::book::{Kind, Standing};
use gridweaver_model::{Text, Watts};
use std::collections::{BTreeMap, BTreeSet};

/// The other areas of an order's island.
pub(super) fn neighbours(scene: &Scene<'_>, area: &Text) -> Vec<Neighbour> {
    let Some(island) = scene.island_of(area) else { return vec![] };
    let sent = sent(scene);
    let inside = |other: &&Text| *other != area && scene.island_of(other) == Some(island);
    let neighbour = |other: &Text| {
        let surplus = scene.surplus(other);
        Neighbour {
            area: other.clone(),
            surplus_mw: Mw(surplus),
            sent_mw: Mw(sent.get(other).copied().unwrap_or_default()),
            energy_price_per_mwh: PerMwh(scene.energy_price(other)),
            why: (surplus == Watts::ZERO).then(|| why_nothing_to_send(scene, other)),
        }
    };
    scene.totals.keys().filter(inside).map(neighbour).collect()
}

fn why_nothing_to_send(scene: &Scene<'_>, area: &Text) -> String {
    let Some(totals) = scene.readings(area).first() else { return "it has no nodes".into() };
    if totals.shortfall > Watts::ZERO {
        return format!("it lacks {} itself", Mw(totals.shortfall));
    }
    let mut terms = format!("{} available less {} load", Mw(totals.available), Mw(totals.load));
    for (name, figure) in [
        ("relief by our own orders", totals.relief),
        ("reserve held back", totals.reserve),
        ("that rests on stale readings", totals.stale_available),
    ] {
        if figure > Watts::ZERO {
            terms += &format!(", less {} {name}", Mw(figure));
        }
    }
    format!("{terms} leaves nothing")
}

/// The paths to an order's area: those in use, and each sender's cheapest, as if nothing flowed and
/// over what is left.
pub(super) fn paths(scene: &Scene<'_>, order: &Standing, short: bool) -> Vec<Path> {
    let area = &order.area;
    let Some(island) = scene.island_of(area) else { return vec![] };
    let whole = Network::whole(scene, island);
    let left = whole.clone().left();
    let mut delivered: BTreeMap<Way, Watts> = BTreeMap::new();
    for standing in scene.orders_of(area) {
        if let Kind::Transfer { path, .. } = &standing.order.kind {
            let way = path_of(scene, &standing.order.id, path);
            *delivered.entry(way).or_default() += standing.order.amount;
        }
    }
    let mut ways: BTreeSet<Way> = delivered.keys().cloned().collect();
    for sender in whole.surplus.keys() {
        ways.extend(whole.cheapest(Some(sender), area));
        ways.extend(left.cheapest(Some(sender), area));
    }
    let this = match &order.order.kind {
        Kind::Transfer { path, .. } => Some(path_of(scene, &order.order.id, path)),
        Kind::DemandResponse { .. } | Kind::Curtailment => None,
    };
    let mut paths: Vec<Path> = ways
        .into_iter()
        .map(|way| {
            let left_w = left.most(&way);
            Path {
                cost_per_mwh: PerMwh(whole.price(&way)),
                loss: Share(whole.loss(&way)),
                delivered_mw: Mw(delivered.get(&way).copied().unwrap_or_default()),
                left_mw: Mw(left_w),
                this: this.as_ref() == Some(&way),
                why: why_no_more(scene, &whole, &left, &way, short),
                path: way,
            }
        })
        .collect();
    paths.sort_by(|a, b| (a.cost_per_mwh, &a.path).cmp(&(b.cost_per_mwh, &b.path)));
    paths
}

/// Which limits of a way are reached; that there is room where none is. `short` is whether the plan
/// leaves something unmet.
fn why_no_more(
    scene: &Scene<'_>,
    whole: &Network<'_>,
    left: &Network<'_>,
    way: &[Text],
    short: bool,
) -> String {
    let mut reached = vec![];
    if let Some(sender) = way.first()
        && left.surplus.get(sender).is_none_or(|left| *left <= Watts::ZERO)
    {
        let surplus = Mw(whole.surplus.get(sender).copied().unwrap_or_default());
        reached.push(format!("area {sender} sends all it can spare, {surplus}"));
    }
    let flows = flows(scene);
    for hop in way.windows(2) {
        let (from, to) = (&hop[0], &hop[1]);
        let pair = (from.clone(), to.clone());
        if left.capacity.get(&pair).is_some_and(|left| *left > Watts::ZERO) {
            continue;
        }
        let capacity = whole.capacity.get(&pair).copied().unwrap_or_default();
        let (limit, twin) = (Mw(capacity), scene.interfaces.get(&pair));
        let back = flows.get(&(to.clone(), from.clone()));
        reached.push(if back.is_some_and(|flow| *flow > Watts::ZERO) {
            format!("power flows from area {to} to area {from} already, against it")
        } else if twin.is_some_and(|twin| capacity < twin.capacity) {
            format!("the hop from area {from} to area {to} is closed for a while, as it failed")
        } else if twin.is_some_and(|twin| twin.capacity < twin.line_capacity) {
            format!("the limit declared from area {from} to area {to}, {limit}, is reached")
        } else {
            format!("the lines from area {from} to area {to} carry all they can, {limit}")
        });
    }
    if reached.is_empty() && short {
        "it has room".to_owned()
    } else if reached.is_empty() {
        "it has room, no more was needed".to_owned()
    } else {
        reached.join("; ")
    }
}
