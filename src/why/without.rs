//! What would serve in an order's place, with all other orders as they stand: other bids of its area,
//! chosen as a clearing chooses, then the next paths to it, then nothing, at the price of lost load.

use super::bids::{Candidate, Choice};
use super::facts::{Instead, Without};
use super::network::{Network, Way, path_of};
use super::refill::{Offer, Refill};
use super::units::{Mw, PerHour, PerMwh};
use crate::verify::scene::{ONE_KILOWATT, Scene};
use gridweaver_dataflows::twins::book::{Kind, Standing};
use gridweaver_model::{Price, Text, Watts};
use std::collections::BTreeMap;

/// Follows what would be lacking without an order; `over` is what its plan activates beyond the
/// shortfall.
pub(super) fn without(
    scene: &Scene<'_>,
    order: &Standing,
    choice: &Choice<'_>,
    over: Watts,
) -> Without {
    let lost_load = scene.rules.dispatch.lost_load_price;
    let lacking = match order.order.kind {
        Kind::DemandResponse { .. } => (order.order.amount - over).max(Watts::ZERO),
        Kind::Transfer { .. } | Kind::Curtailment => order.order.amount,
    };
    let mut search = Search { missing: lacking, instead: vec![] };
    // A curtailment is what is left when nothing else serves.
    if !matches!(order.order.kind, Kind::Curtailment) {
        by_bids(order, choice, lost_load, &mut search);
        if let Some(mut detours) = Detours::of(scene, order) {
            detours.serve(&order.area, lost_load, &mut search);
        }
    }
    let unmet = search.missing;
    let served = search.instead.iter().map(|it| PerHour::of(it.price_per_mwh.0, it.mw.0).0);
    let cost = served.sum::<i128>() + PerHour::of(lost_load, unmet).0;
    Without {
        lacking_mw: Mw(lacking),
        instead: search.instead,
        unmet_mw: Mw(unmet),
        lost_load_price_per_mwh: PerMwh(lost_load),
        cost_per_h: PerHour(cost),
    }
}

/// What is still lacking, and what was found for the rest.
struct Search {
    missing: Watts,
    instead: Vec<Instead>,
}

impl Search {
    fn take(&mut self, kind: &'static str, name: String, power: Watts, price: Price) {
        self.missing = (self.missing - power).max(Watts::ZERO);
        self.instead.push(Instead { kind, name, mw: Mw(power), price_per_mwh: PerMwh(price) });
    }
}

/// Serves what is lacking by the other bids of the area, as a clearing would choose among what the
/// standing orders leave of them.
fn by_bids(order: &Standing, choice: &Choice<'_>, lost_load: Price, search: &mut Search) {
    if search.missing < ONE_KILOWATT {
        return;
    }
    let own = order.order.kind.bid();
    let mut others = choice.candidates();
    others.retain(|it| {
        it.rated.eligible()
            && Some(&it.bid.bid) != own
            && it.rated.score < lost_load
            && choice.confirmed_less(it).is_none()
    });
    let programs = others.iter().map(|it| it.bid.program.clone());
    let mut room: BTreeMap<Text, Watts> =
        programs.map(|program| (program.clone(), choice.room(&program))).collect();
    if let Kind::DemandResponse { program, .. } = &order.order.kind {
        room.entry(program.clone()).and_modify(|room| *room += order.order.amount);
    }
    let offers = others.iter().map(offer).collect();
    let parts = Refill { offers, room, lost_load }.fill(search.missing);
    for (it, part) in others.iter().zip(parts).filter(|(_, part)| *part > Watts::ZERO) {
        search.take("bid", it.bid.bid.to_string(), part, it.bid.price);
    }
}

/// What a bid could give beyond what is taken of it.
fn offer(it: &Candidate<'_>) -> Offer {
    Offer {
        program: it.bid.program.clone(),
        score: it.rated.score.max(Price::ZERO),
        least: if it.taken > Watts::ZERO { Watts::ZERO } else { it.bid.min },
        most: it.bid.max - it.taken,
    }
}

/// What the other orders leave of the island, and the way that is not to be used.
struct Detours<'a> {
    network: Network<'a>,
    own: Option<Way>,
}

impl<'a> Detours<'a> {
    fn of(scene: &'a Scene<'a>, order: &Standing) -> Option<Self> {
        let mut network = Network::whole(scene, scene.island_of(&order.area)?).left();
        let Kind::Transfer { path, sent, .. } = &order.order.kind else {
            return Some(Self { network, own: None });
        };
        let own = path_of(scene, &order.order.id, path);
        let hops = scene.routes.get(&order.order.id).map_or(&[][..], Vec::as_slice);
        for (pair, hop) in own.windows(2).zip(hops) {
            let pair = (pair[0].clone(), pair[1].clone());
            network.capacity.entry(pair).and_modify(|left| *left += hop.sent);
        }
        if let Some(sender) = own.first() {
            network.surplus.entry(sender.clone()).and_modify(|left| *left += *sent);
        }
        Some(Self { network, own: Some(own) })
    }

    /// The cheapest way left: from another sender, or from the same one by another first hop.
    fn cheapest(&self, to: &Text) -> Option<Way> {
        let Some([sender, next, ..]) = self.own.as_deref() else {
            return self.network.cheapest(None, to);
        };
        let (mut others, mut around) = (self.network.clone(), self.network.clone());
        others.surplus.insert(sender.clone(), Watts::ZERO);
        around.capacity.insert((sender.clone(), next.clone()), Watts::ZERO);
        let ways = [others.cheapest(None, to), around.cheapest(None, to)];
        ways.into_iter().flatten().min_by_key(|way| (self.network.price(way), way.clone()))
    }

    fn serve(&mut self, to: &Text, lost_load: Price, search: &mut Search) {
        while search.missing >= ONE_KILOWATT {
            let Some(way) = self.cheapest(to) else { return };
            let price = self.network.price(&way);
            let arrives = self.network.send(&way, search.missing);
            if arrives <= Watts::ZERO || price >= lost_load {
                return;
            }
            search.take("path", way.join(" > "), arrives, price);
        }
    }
}
