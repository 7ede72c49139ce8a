//! The grid as the planner knows it: areas and their figures, interfaces, what regions declare.

use crate::change::{AreaIdentity, AreaKey, Change, Figures, Interface};
use gridweaver_model::rules::{Dispatch, Stale};
use gridweaver_model::{Lookup, Price, Text, Time, Watts};
use std::collections::{BTreeMap, BTreeSet};

/// A node's area and, where a bid names the node, its newest reading's time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NodePlace {
    pub(super) area: Option<AreaKey>,
    pub(super) newest: Option<Time>,
}

/// What an area has and lacks in a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Sums over its nodes.
    pub figures: Figures,
    /// What confirmed orders take off its meters.
    pub relief: Watts,
    /// Held back from export.
    pub reserve: Watts,
    /// Declared by an operator.
    pub declared: Watts,
    /// What it lacks.
    pub shortfall: Watts,
    /// What it can send.
    pub surplus: Watts,
}

/// See the module's documentation.
#[derive(Default)]
pub(super) struct Grid {
    names: BTreeMap<AreaKey, Text>,
    pub(super) areas: BTreeMap<Text, (AreaKey, AreaIdentity)>,
    figures: Lookup<AreaKey, Figures>,
    pub(super) nodes: Lookup<Text, NodePlace>,
    by_region: BTreeMap<Text, BTreeSet<Text>>,
    main_areas: Lookup<Text, Text>,
    by_island: BTreeMap<Text, BTreeSet<Text>>,
    pub(super) interfaces: BTreeMap<Text, BTreeMap<Text, Interface>>,
    reserves: Lookup<Text, Watts>,
    declared: Lookup<Text, Watts>,
    prices: Lookup<Text, Price>,
    /// Regions, areas (by handle, where the name may still come) whose inputs changed.
    touched_regions: BTreeSet<Text>,
    touched_areas: BTreeSet<AreaKey>,
}

impl Grid {
    /// Takes what concerns the grid; hands back what does not.
    pub(super) fn take(&mut self, change: Change) -> Option<Change> {
        match change {
            Change::Area { area, identity } => {
                self.set_area(area, identity.map(|identity| *identity));
            }
            Change::Figures { area, figures } => {
                let old = self.figures.insert(area, figures).unwrap_or_default();
                if (Figures { newest: None, ..old }) != (Figures { newest: None, ..figures }) {
                    self.touched_areas.insert(area);
                }
            }
            Change::Placed { node, area } => {
                self.nodes.entry(node).or_default().area = area;
            }
            Change::Heard { node, time } => {
                self.nodes.entry(node).or_default().newest = Some(time);
            }
            Change::Interface { from, to, interface } => {
                self.set_interface(from, to, interface.map(|interface| *interface));
            }
            Change::Reserve { region, reserve } => {
                self.reserves.insert(region.clone(), reserve);
                self.touched_regions.insert(region);
            }
            Change::Declared { region, shortfall } => {
                self.declared.insert(region.clone(), shortfall);
                self.touched_regions.insert(region);
            }
            Change::EnergyPrice { region, price } => {
                self.prices.insert(region.clone(), price);
                self.touched_regions.insert(region);
            }
            other => return Some(other),
        }
        None
    }

    fn set_area(&mut self, area: AreaKey, identity: Option<AreaIdentity>) {
        if let Some(name) = self.names.remove(&area)
            && self.areas.get(&name).is_some_and(|(key, _)| *key == area)
            && let Some((_, old)) = self.areas.remove(&name)
        {
            remove_from(&mut self.by_region, &old.region, &name);
            if self.main_areas.get(&old.region) == Some(&name) {
                self.main_areas.remove(&old.region);
            }
            remove_from(&mut self.by_island, &old.island, &name);
        }
        let Some(identity) = identity else {
            self.figures.remove(&area);
            return;
        };
        self.touched_areas.insert(area);
        let name = identity.name.clone();
        if identity.main {
            self.main_areas.insert(identity.region.clone(), name.clone());
        }
        self.names.insert(area, name.clone());
        self.by_region.entry(identity.region.clone()).or_default().insert(name.clone());
        self.by_island.entry(identity.island.clone()).or_default().insert(name.clone());
        if let Some((other, old)) = self.areas.insert(name.clone(), (area, identity)) {
            // The name passed from one handle to another within the tick.
            self.names.remove(&other);
            let (_, now) = &self.areas[&name];
            if old.island != now.island {
                remove_from(&mut self.by_island, &old.island, &name);
            }
        }
    }

    fn set_interface(&mut self, from: Text, to: Text, interface: Option<Interface>) {
        self.touched_areas.extend(self.areas.get(&from).map(|(key, _)| *key));
        self.touched_areas.extend(self.areas.get(&to).map(|(key, _)| *key));
        match interface {
            Some(interface) => {
                self.interfaces.entry(from).or_default().insert(to, interface);
            }
            None => {
                if let Some(outgoing) = self.interfaces.get_mut(&from) {
                    outgoing.remove(&to);
                    if outgoing.is_empty() {
                        self.interfaces.remove(&from);
                    }
                }
            }
        }
    }

    /// An input of a region's areas changed.
    pub(super) fn touch_region(&mut self, region: &Text) {
        self.touched_regions.insert(region.clone());
    }

    /// An input of an area changed.
    pub(super) fn touch_area(&mut self, area: &Text) {
        self.touched_areas.extend(self.areas.get(area).map(|(key, _)| *key));
    }

    /// The islands in which an input of a decision changed since this was last asked.
    pub(super) fn take_touched_islands(&mut self) -> BTreeSet<Text> {
        let regions = std::mem::take(&mut self.touched_regions);
        let areas = std::mem::take(&mut self.touched_areas);
        let named = regions.iter().flat_map(|region| self.areas_of_region(region));
        let by_handle = areas.iter().filter_map(|area| self.names.get(area));
        named
            .chain(by_handle)
            .filter_map(|area| self.identity(area))
            .map(|identity| identity.island.clone())
            .collect()
    }

    pub(super) fn identity(&self, area: &Text) -> Option<&AreaIdentity> {
        self.areas.get(area).map(|(_, identity)| identity)
    }

    pub(super) fn areas_of_region(&self, region: &Text) -> impl Iterator<Item = &Text> {
        self.by_region.get(region).into_iter().flatten()
    }

    pub(super) fn areas_of_island(&self, island: &Text) -> impl Iterator<Item = &Text> {
        self.by_island.get(island).into_iter().flatten()
    }

    /// How many islands.
    pub(super) fn island_count(&self) -> u64 {
        self.by_island.len() as u64
    }

    pub(super) fn main_area(&self, region: &Text) -> Option<&Text> {
        self.main_areas.get(region)
    }

    /// The area that a load lies in: its node's, or without one the main area of its region.
    pub(super) fn area_of(&self, node: Option<&Text>, region: &Text) -> Option<&Text> {
        match node {
            Some(node) => self.names.get(&self.nodes.get(node)?.area?),
            None => self.main_area(region),
        }
    }

    pub(super) fn energy_price(&self, area: &Text, rules: &Dispatch) -> Price {
        let region = self.identity(area).map(|identity| &identity.region);
        let price = region.and_then(|region| self.prices.get(region)).copied();
        price.unwrap_or(rules.energy_price)
    }

    pub(super) fn interface(&self, from: &Text, to: &Text) -> Option<&Interface> {
        self.interfaces.get(from)?.get(to)
    }

    /// The newest reading in an area.
    pub(super) fn newest(&self, area: &Text) -> Option<Time> {
        self.figures.get(&self.areas.get(area)?.0)?.newest
    }

    /// What an area has and lacks, given the relief that confirmed orders give.
    pub(super) fn balance(&self, area: &Text, relief: Watts, stale: Stale) -> Balance {
        let Some((key, identity)) = self.areas.get(area) else { return Balance::default() };
        let figures = self.figures.get(key).copied().unwrap_or_default();
        let of_region = |values: &Lookup<Text, Watts>| {
            let value = values.get(&identity.region).filter(|_| identity.main);
            value.copied().unwrap_or_default()
        };
        let (reserve, declared) = (of_region(&self.reserves), of_region(&self.declared));
        let demand = figures.load + relief;
        let shortfall = (demand - figures.available).max(declared).max(Watts::ZERO);
        // Under `exclude` stale power is in no sum, so there is none to take off.
        let unsafe_power = match stale {
            Stale::Hold => figures.stale_available,
            Stale::Exclude => Watts::ZERO,
        };
        let spare = figures.available - unsafe_power - demand - reserve;
        let surplus = if shortfall > Watts::ZERO { Watts::ZERO } else { spare.max(Watts::ZERO) };
        Balance { figures, relief, reserve, declared, shortfall, surplus }
    }
}

fn remove_from(index: &mut BTreeMap<Text, BTreeSet<Text>>, key: &Text, name: &Text) {
    if let Some(names) = index.get_mut(key) {
        names.remove(name);
        if names.is_empty() {
            index.remove(key);
        }
    }
}
