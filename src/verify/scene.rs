//! What a tick's checks look at: the twins' views at its end, what stood before, what was recorded.

use super::causes::{Causes, causes};
use super::routes::{Hop, Joins, Routes};
use super::stream::Recorded;
use gridweaver_dataflows::twins::book::{Book, Plan, Standing};
use gridweaver_dataflows::twins::collections::Collections;
use gridweaver_dataflows::twins::interfaces::Interfaces;
use gridweaver_dataflows::twins::ladder::{Rated, ladder};
use gridweaver_dataflows::twins::shape::Shape;
use gridweaver_dataflows::twins::totals::Totals;
use gridweaver_model::decision::{Event, PlanCreated};
use gridweaver_model::record::Bid;
use gridweaver_model::{Price, Rules, Text, Time, Watts};
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// Below this nothing is planned or ordered.
pub(crate) const ONE_KILOWATT: Watts = Watts(1_000);

/// One tick, as its checks see it.
pub(crate) struct Scene<'a> {
    pub(crate) rules: &'a Rules,
    /// The tick's end.
    pub(crate) end: Time,
    pub(crate) collections: &'a Collections,
    /// The shape at the tick before.
    pub(crate) shape_before: &'a Shape,
    pub(crate) shape: &'a Shape,
    pub(crate) interfaces: &'a Interfaces,
    pub(crate) joins: &'a Joins,
    /// Every area's totals as the tick's decisions may have seen them: more than one where the
    /// contract leaves open what counts as relief, the likeliest first.
    pub(crate) totals: BTreeMap<Text, Vec<Totals>>,
    /// What stood before the tick's decisions, its areas as they are named now.
    pub(crate) before: &'a BTreeMap<Text, Standing>,
    /// The plans that stood before them, likewise.
    pub(crate) plans_before: &'a BTreeMap<Text, Plan>,
    /// What stands after them.
    pub(crate) book: &'a Book,
    /// Bids that were out after a failure as the tick was decided: what was answered to its orders
    /// before they were written counts from the next tick on.
    pub(crate) out: &'a BTreeMap<Text, Time>,
    /// Where the transfers ran that stood before the tick's decisions.
    pub(crate) routes_before: &'a Routes,
    pub(crate) routes: &'a Routes,
    pub(crate) records: &'a [Recorded],
    pub(crate) rated: OnceCell<BTreeMap<Text, Rated>>,
    pub(super) causes: OnceCell<Causes>,
}

/// A plan made in the tick.
pub(crate) struct NewPlan<'a> {
    pub(crate) line: u64,
    pub(crate) area: &'a Text,
    pub(crate) region: Option<&'a Text>,
    pub(crate) created: &'a PlanCreated,
}

impl<'a> Scene<'a> {
    /// An area's totals, in every reading; empty where there is no such area.
    pub(crate) fn readings(&self, area: &str) -> &[Totals] {
        self.totals.get(area).map_or(&[], Vec::as_slice)
    }

    /// Whether an area lacks a kilowatt or more, however one reads it.
    pub(crate) fn lacks(&self, area: &str) -> bool {
        let readings = self.readings(area);
        !readings.is_empty() && readings.iter().all(|it| it.shortfall >= ONE_KILOWATT)
    }

    /// The most that an area may send.
    pub(crate) fn surplus(&self, area: &str) -> Watts {
        self.readings(area).iter().map(|it| it.surplus).max().unwrap_or_default()
    }

    /// Whether a figure is an area's surplus.
    pub(crate) fn is_surplus(&self, area: &str, told: Watts) -> bool {
        self.readings(area).iter().any(|it| it.surplus == told)
    }

    /// Every bid, rated at the tick's end.
    pub(crate) fn rated(&self) -> &BTreeMap<Text, Rated> {
        self.rated
            .get_or_init(|| ladder(self.collections, self.shape, self.out, self.end, self.rules))
    }

    /// What the orders that stood may have to end for.
    pub(super) fn causes(&self) -> &Causes {
        self.causes.get_or_init(|| causes(self))
    }

    /// The plans made in this tick.
    pub(crate) fn new_plans(&self) -> impl Iterator<Item = NewPlan<'a>> + use<'a> {
        let records: &'a [Recorded] = self.records;
        records.iter().filter_map(|recorded| {
            let Event::PlanCreated(created) = &recorded.decision.event else { return None };
            let (area, region) = (recorded.decision.area.as_ref()?, &recorded.decision.region);
            Some(NewPlan { line: recorded.line, area, region: region.as_ref(), created })
        })
    }

    /// The plan made for an area in this tick.
    pub(crate) fn new_plan_of(&self, area: &str) -> Option<NewPlan<'a>> {
        self.new_plans().find(|plan| plan.area == area)
    }

    /// The orders that serve an area at the tick's end.
    pub(crate) fn orders_of(&self, area: &str) -> impl Iterator<Item = &'a Standing> {
        self.book.standing.values().filter(move |standing| standing.area == area)
    }

    /// Whether an order was written in this tick.
    pub(crate) fn is_new(&self, standing: &Standing) -> bool {
        standing.order.since == self.end
    }

    pub(crate) fn bid(&self, name: &str) -> Option<&'a Bid> {
        self.collections.offers.bids.get(name).map(|known| &known.held.value)
    }

    /// An area's island.
    pub(crate) fn island_of(&self, area: &str) -> Option<&'a Text> {
        self.shape.areas.get(area).map(|found| &found.island)
    }

    /// The energy price of an area's region.
    pub(crate) fn energy_price(&self, area: &str) -> Price {
        match self.shape.areas.get(area) {
            Some(found) => self.collections.energy_price(&found.region, self.rules),
            None => self.rules.dispatch.energy_price,
        }
    }

    /// What all standing orders together send over a line.
    pub(crate) fn carried(&self, line: &str) -> Watts {
        let wires = self.routes.values().flatten().flat_map(|hop| &hop.wires);
        wires.filter(|wire| wire.line == *line).map(|wire| wire.power).sum()
    }

    /// What an order's transfer costs at this tick's prices, in thousandths × watts.
    pub(crate) fn transfer_cost(&self, standing: &Standing) -> Option<i128> {
        self.route_cost(self.routes.get(&standing.order.id)?)
    }

    /// What a transfer over a route costs at this tick's prices, in thousandths × watts.
    pub(super) fn route_cost(&self, route: &[Hop]) -> Option<i128> {
        let mut cost = 0;
        for (at, hop) in route.iter().enumerate() {
            let (from, to) = hop.areas_now(self.shape).ok()?;
            let sent = i128::from(hop.sent.0);
            if at == 0 {
                cost += i128::from(self.energy_price(&from).0.max(0)) * sent;
            }
            let interface = self.interfaces.get(&(from, to))?;
            cost += i128::from(interface.wheeling_price.0) * sent;
        }
        Some(cost)
    }
}
