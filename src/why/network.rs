//! The island as a network: what each area can send and each interface can carry, all of it or what
//! the standing orders leave, and the cheapest way through it.

use crate::verify::cascade::flows;
use crate::verify::scene::Scene;
use gridweaver_dataflows::twins::book::Kind;
use gridweaver_model::decision::Event;
use gridweaver_model::{Ppm, Price, Text, Watts};
use std::collections::BTreeMap;

/// Parts of a thousandth that a cost is kept to on its way through losses.
const MILLION: i128 = 1_000_000;

/// Areas, sender first.
pub(super) type Way = Vec<Text>;

/// What can flow.
#[derive(Clone)]
pub(super) struct Network<'a> {
    scene: &'a Scene<'a>,
    pub(super) surplus: BTreeMap<Text, Watts>,
    pub(super) capacity: BTreeMap<(Text, Text), Watts>,
}

impl<'a> Network<'a> {
    /// An island as if nothing flowed. A hop that the tick's cascade counted at less than its lines
    /// and limits carry, as one that failed lately, counts at that.
    pub(super) fn whole(scene: &'a Scene<'a>, island: &Text) -> Self {
        let inside = |area: &Text| scene.island_of(area) == Some(island);
        let areas = scene.totals.keys().filter(|area| inside(area));
        let surplus = areas.map(|area| (area.clone(), scene.surplus(area))).collect();
        let found = scene.interfaces.iter().filter(|((from, _), _)| inside(from));
        let mut capacity: BTreeMap<_, _> =
            found.map(|(pair, interface)| (pair.clone(), interface.capacity)).collect();
        for recorded in scene.records {
            let Event::CascadeCleared(cleared) = &recorded.decision.event else { continue };
            for row in &cleared.interfaces {
                let pair = (row.from_area.clone(), row.to_area.clone());
                capacity.entry(pair).and_modify(|most| *most = (*most).min(row.capacity));
            }
        }
        Self { scene, surplus, capacity }
    }

    /// What the orders that stand at the tick's end leave of it. Where power flows one way none
    /// flows the other.
    pub(super) fn left(mut self) -> Self {
        for ((from, to), flow) in flows(self.scene).into_iter().filter(|it| it.1 > Watts::ZERO) {
            self.capacity.insert((to.clone(), from.clone()), Watts::ZERO);
            self.capacity.entry((from, to)).and_modify(|left| *left -= flow);
        }
        for (sender, sent) in sent(self.scene) {
            self.surplus.entry(sender).and_modify(|left| *left -= sent);
        }
        self
    }

    /// The cheapest way from a sender, or from any, that a watt can take; ties go to the fewest
    /// hops, then the least names.
    pub(super) fn cheapest(&self, from: Option<&Text>, to: &Text) -> Option<Way> {
        let mut ways: BTreeMap<Text, (i128, usize, Way)> = BTreeMap::new();
        for (area, surplus) in &self.surplus {
            if *surplus > Watts::ZERO && area != to && from.is_none_or(|from| from == area) {
                let price = i128::from(self.scene.energy_price(area).0.max(0)) * MILLION;
                ways.insert(area.clone(), (price, 0, vec![area.clone()]));
            }
        }
        let mut changed = true;
        while changed {
            changed = false;
            for (hop, capacity) in &self.capacity {
                let Some((cost, hops, way)) = ways.get(&hop.0).cloned() else { continue };
                if *capacity <= Watts::ZERO || way.contains(&hop.1) || hop.0 == *to {
                    continue;
                }
                let way: Way = way.into_iter().chain([hop.1.clone()]).collect();
                let found = (self.over(cost, hop), hops + 1, way);
                if ways.get(&hop.1).is_none_or(|known| found < *known) {
                    ways.insert(hop.1.clone(), found);
                    changed = true;
                }
            }
        }
        ways.remove(to).map(|(_, _, way)| way).filter(|way| way.len() > 1)
    }

    /// What a MWh costs that arrives by a way.
    pub(super) fn price(&self, way: &[Text]) -> Price {
        let Some(sender) = way.first() else { return Price::ZERO };
        let mut cost = i128::from(self.scene.energy_price(sender).0.max(0)) * MILLION;
        for hop in way.windows(2) {
            cost = self.over(cost, &(hop[0].clone(), hop[1].clone()));
        }
        let rounded = gridweaver_model::units::divide_rounded(cost, MILLION);
        Price(i64::try_from(rounded).unwrap_or(i64::MAX))
    }

    /// What a MWh costs behind a hop that cost so much before it.
    fn over(&self, cost: i128, hop: &(Text, Text)) -> i128 {
        let Some(interface) = self.scene.interfaces.get(hop) else { return i128::MAX / 4 };
        let arriving = MILLION - i128::from(interface.loss.0);
        (cost + i128::from(interface.wheeling_price.0) * MILLION) * MILLION / arriving.max(1)
    }

    /// What is lost on a way, of what is sent.
    pub(super) fn loss(&self, way: &[Text]) -> Ppm {
        let mut arriving = MILLION * MILLION;
        for hop in self.losses(way) {
            arriving = arriving * (MILLION - hop) / MILLION;
        }
        Ppm(u32::try_from((MILLION * MILLION - arriving) / MILLION).unwrap_or(u32::MAX))
    }

    /// What each hop loses, in millionths.
    fn losses(&self, way: &[Text]) -> Vec<i128> {
        let loss = |hop: &[Text]| {
            let pair = (hop[0].clone(), hop[1].clone());
            self.scene.interfaces.get(&pair).map_or(0, |interface| i128::from(interface.loss.0))
        };
        way.windows(2).map(loss).collect()
    }

    /// The most that can be sent over a way.
    pub(super) fn most(&self, way: &[Text]) -> Watts {
        let mut most = i128::MAX / MILLION;
        for (hop, loss) in way.windows(2).zip(self.losses(way)).rev() {
            let pair = (hop[0].clone(), hop[1].clone());
            let capacity = self.capacity.get(&pair).copied().unwrap_or_default();
            most = (most * MILLION / (MILLION - loss)).min(i128::from(capacity.0.max(0)));
        }
        let surplus = way.first().and_then(|sender| self.surplus.get(sender)).copied();
        let most = most.min(i128::from(surplus.unwrap_or_default().0.max(0)));
        Watts(i64::try_from(most).unwrap_or(i64::MAX))
    }

    /// Sends what can be sent over a way, but no more than is wanted at its end. What arrives.
    pub(super) fn send(&mut self, way: &[Text], wanted: Watts) -> Watts {
        let enough =
            self.losses(way).into_iter().rev().fold(i128::from(wanted.0), |arriving, loss| {
                let divisor = MILLION - loss;
                (arriving * MILLION + divisor - 1) / divisor
            });
        let mut flow = i128::from(self.most(way).0).min(enough);
        let sent = Watts(i64::try_from(flow).unwrap_or(i64::MAX));
        if let Some(sender) = way.first() {
            self.surplus.entry(sender.clone()).and_modify(|left| *left -= sent);
        }
        for (hop, loss) in way.windows(2).zip(self.losses(way)) {
            let carried = Watts(i64::try_from(flow).unwrap_or(i64::MAX));
            let pair = (hop[0].clone(), hop[1].clone());
            self.capacity.entry(pair).and_modify(|left| *left -= carried);
            flow -= (flow * loss + MILLION - 1) / MILLION;
        }
        Watts(i64::try_from(flow).unwrap_or(i64::MAX)).min(wanted)
    }
}

/// What each area sends, all standing orders together.
pub(super) fn sent(scene: &Scene<'_>) -> BTreeMap<Text, Watts> {
    let mut sums: BTreeMap<Text, Watts> = BTreeMap::new();
    for standing in scene.book.standing.values() {
        if let Kind::Transfer { path, sent, .. } = &standing.order.kind
            && let Some(sender) = path_of(scene, &standing.order.id, path).first()
        {
            *sums.entry(sender.clone()).or_default() += *sent;
        }
    }
    sums
}

/// The areas that an order's path passes as they are named now; as recorded where it is broken.
pub(super) fn path_of(scene: &Scene<'_>, order: &Text, recorded: &[Text]) -> Way {
    let route = scene.routes.get(order);
    let now = route.and_then(|route| crate::verify::routes::path_now(route, scene.shape).ok());
    now.unwrap_or_else(|| recorded.to_vec())
}
