//! Twin of the capacity totals: what each area generates, needs and can spare.

use super::collections::Collections;
use super::shape::Shape;
use gridweaver_model::rules::Stale;
use gridweaver_model::{Rules, Text, Time, Watts};
use std::collections::BTreeMap;

/// The totals of one area.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many nodes are stale.
    pub stale_nodes: u64,
    /// Generated.
    pub generation: Watts,
    /// Consumed, as metered.
    pub load: Watts,
    /// What generation could reach.
    pub available: Watts,
    /// The load that stale nodes hold.
    pub stale_load: Watts,
    /// The available power that stale nodes hold.
    pub stale_available: Watts,
    /// What confirmed orders take off the meters.
    pub relief: Watts,
    /// Held back from export.
    pub reserve: Watts,
    /// Declared by an operator.
    pub declared_shortfall: Watts,
    /// What is lacking.
    pub shortfall: Watts,
    /// What can be sent.
    pub surplus: Watts,
}

/// Whether a node's newest reading is too old at a tick's end.
fn is_stale(read: Time, end: Time, rules: &Rules) -> bool {
    (end - read) > rules.stale_after
}

/// Whether a node's load counts: it was heard from, and is not excluded for being stale.
#[must_use]
pub fn counts(collections: &Collections, node: &str, end: Time, rules: &Rules) -> bool {
    collections
        .telemetry
        .get(node)
        .is_some_and(|held| rules.stale == Stale::Hold || !is_stale(held.version.time, end, rules))
}

/// The load that a node counts for.
#[must_use]
pub fn node_load(collections: &Collections, node: &str, end: Time, rules: &Rules) -> Watts {
    if !counts(collections, node, end, rules) {
        return Watts::ZERO;
    }
    collections.telemetry.get(node).map_or(Watts::ZERO, |held| held.value.load)
}

/// The totals of every area at a tick's end, given its relief.
#[must_use]
pub fn totals(
    collections: &Collections,
    shape: &Shape,
    relief: &BTreeMap<Text, Watts>,
    end: Time,
    rules: &Rules,
) -> BTreeMap<Text, Totals> {
    let mut found = BTreeMap::new();
    for (name, area) in &shape.areas {
        let mut sum = Totals::default();
        for node in &area.nodes {
            let Some(held) = collections.telemetry.get(node) else { continue };
            let reading = &held.value;
            let available = reading.available.unwrap_or(reading.generation);
            let stale = is_stale(held.version.time, end, rules);
            if stale {
                sum.stale_nodes += 1;
                sum.stale_load += reading.load;
                sum.stale_available += available;
            }
            if !stale || rules.stale == Stale::Hold {
                sum.generation += reading.generation;
                sum.load += reading.load;
                sum.available += available;
            }
        }
        if shape.is_main(name) {
            let of_region = |map: &BTreeMap<Text, super::collections::Held<Watts>>| {
                map.get(&area.region).map_or(Watts::ZERO, |held| held.value)
            };
            sum.reserve = of_region(&collections.reserves);
            sum.declared_shortfall = of_region(&collections.declared);
        }
        let relief = relief.get(name).copied().unwrap_or_default();
        found.insert(name.clone(), sum.with_relief(relief, rules));
    }
    found
}

impl Totals {
    /// The same totals with another relief.
    #[must_use]
    pub fn with_relief(mut self, relief: Watts, rules: &Rules) -> Self {
        self.relief = relief;
        self.surplus = Watts::ZERO;
        let demand = self.load + self.relief;
        let lacking = (demand - self.available).max(self.declared_shortfall);
        self.shortfall = lacking.max(Watts::ZERO);
        // Under `exclude` the stale part is not in `available` to begin with.
        let held = if rules.stale == Stale::Hold { self.stale_available } else { Watts::ZERO };
        if self.shortfall == Watts::ZERO {
            let spare = self.available - held - demand - self.reserve;
            self.surplus = spare.max(Watts::ZERO);
        }
        self
    }
}
