//! What no longer lets an order stand that stood before a tick: its bid, or a limit as it is now.

use super::units::Mw;
use crate::verify::routes::route;
use crate::verify::scene::Scene;
use crate::verify::standing::unfit;
use gridweaver_dataflows::twins::book::{Kind, Standing};
use gridweaver_model::{Text, Watts};
use std::collections::BTreeMap;

/// Why an order can stand no longer; `None` where nothing speaks against it.
pub(super) fn misfit(scene: &Scene<'_>, order: &Standing) -> Option<String> {
    match &order.order.kind {
        Kind::DemandResponse { program, .. } => {
            unfit(scene, order).or_else(|| over_program(scene, program))
        }
        Kind::Transfer { lines, .. } => {
            if let Err(why) = route(&order.path, lines, scene.shape) {
                return Some(why);
            }
            over_path(scene, &order.path)
        }
        Kind::Curtailment => None,
    }
}

fn over_program(scene: &Scene<'_>, program: &Text) -> Option<String> {
    let stood = scene.before.values().filter(|it| {
        matches!(&it.order.kind, Kind::DemandResponse { program: under, .. } if under == program)
    });
    let stood: Watts = stood.map(|it| it.order.amount).sum();
    let limits = scene.collections.offers.program(program)?;
    let capacity = limits.capacity.unwrap_or_default();
    (stood > capacity).then(|| {
        let (capacity, stood) = (Mw(capacity), Mw(stood));
        format!("the bids of program {program} may now reach only {capacity}, and {stood} stood")
    })
}

/// The limit of a path that what flowed before the tick now exceeds.
fn over_path(scene: &Scene<'_>, path: &[Text]) -> Option<String> {
    let before = Flows::before(scene);
    let sender = path.first()?;
    let sent = before.senders.get(sender).copied().unwrap_or_default();
    let surplus = scene.surplus(sender);
    if sent > surplus {
        let (surplus, sent) = (Mw(surplus), Mw(sent));
        return Some(format!("area {sender} can now spare only {surplus}, and sent {sent}"));
    }
    path.windows(2).find_map(|hop| {
        let pair = (hop[0].clone(), hop[1].clone());
        let flow = before.hops.get(&pair).copied().unwrap_or_default();
        let capacity = scene.interfaces.get(&pair).map_or(Watts::ZERO, |it| it.capacity);
        (flow > capacity).then(|| {
            let (from, to, capacity, flow) = (&hop[0], &hop[1], Mw(capacity), Mw(flow));
            format!("from area {from} to area {to} only {capacity} may now flow, and {flow} did")
        })
    })
}

/// What the transfers that stood before the tick carried, over paths as they are named now.
#[derive(Default)]
struct Flows {
    senders: BTreeMap<Text, Watts>,
    hops: BTreeMap<(Text, Text), Watts>,
}

impl Flows {
    fn before(scene: &Scene<'_>) -> Self {
        let mut flows = Self::default();
        for standing in scene.before.values() {
            let Kind::Transfer { lines, sent, .. } = &standing.order.kind else { continue };
            let path = &standing.path;
            let Ok(route) = route(path, lines, scene.shape) else { continue };
            if let Some(sender) = path.first() {
                *flows.senders.entry(sender.clone()).or_default() += *sent;
            }
            for (pair, hop) in path.windows(2).zip(&route) {
                let pair = (pair[0].clone(), pair[1].clone());
                *flows.hops.entry(pair).or_default() += hop.sent;
            }
        }
        flows
    }
}
