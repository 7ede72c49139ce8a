//! Twin of the topology: live lines, islands, areas and what is wrong with lines and nodes.
//!
//! Everything is found anew from the nodes and lines held; nothing is kept from tick to tick.

use super::collections::Collections;
use gridweaver_model::decision::ViolationKind;
use gridweaver_model::{Ppm, Price, Rules, Text, Watts};
use std::collections::{BTreeMap, BTreeSet};

/// A line that can carry power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveLine {
    /// One end.
    pub from: Text,
    /// The other.
    pub to: Text,
    /// What it can carry.
    pub capacity: Watts,
    /// Lost of what is sent.
    pub loss: Ppm,
    /// Per MWh sent.
    pub wheeling_price: Price,
}

/// A connected component over live lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Island {
    /// Its nodes; the least one names it.
    pub nodes: BTreeSet<Text>,
    /// Their regions.
    pub regions: BTreeSet<Text>,
}

/// A region's part inside one island.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// The region.
    pub region: Text,
    /// The island.
    pub island: Text,
    /// Its nodes.
    pub nodes: BTreeSet<Text>,
}

/// The shape of the grid at a tick's end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// By name.
    pub lines: BTreeMap<Text, LiveLine>,
    /// By name.
    pub islands: BTreeMap<Text, Island>,
    /// By name.
    pub areas: BTreeMap<Text, Area>,
    /// The area of every node.
    pub area_of: BTreeMap<Text, Text>,
    /// The main area of every region.
    pub main_area: BTreeMap<Text, Text>,
    /// What is wrong, by kind and subject.
    pub violations: BTreeSet<(ViolationKind, Text)>,
}

impl Shape {
    /// The shape that nodes and lines make.
    #[must_use]
    pub fn of(collections: &Collections, rules: &Rules) -> Self {
        let mut shape = Self::default();
        let regions: BTreeMap<&Text, &Text> = collections
            .nodes
            .iter()
            .filter_map(|(node, held)| Some((node, held.value.live_region()?)))
            .collect();
        shape.find_lines(collections, &regions, rules);
        shape.find_islands(&regions);
        shape.find_areas(&regions);
        shape
    }

    /// Whether an area is its region's main area.
    #[must_use]
    pub fn is_main(&self, area: &str) -> bool {
        self.areas
            .get(area)
            .and_then(|found| self.main_area.get(&found.region))
            .is_some_and(|main| main == area)
    }

    fn find_lines(
        &mut self,
        collections: &Collections,
        regions: &BTreeMap<&Text, &Text>,
        rules: &Rules,
    ) {
        for (name, held) in &collections.lines {
            let Some(line) = held.line() else { continue };
            let (from, to) = (line.from.clone().unwrap_or_default(), line.to.clone());
            let to = to.unwrap_or_default();
            let capacity = line.capacity.unwrap_or_default();
            let mut wrong = vec![];
            if !regions.contains_key(&from) || !regions.contains_key(&to) {
                wrong.push(ViolationKind::UnknownNode);
            }
            if from == to {
                wrong.push(ViolationKind::SelfLoop);
            }
            if capacity == Watts::ZERO {
                wrong.push(ViolationKind::ZeroCapacity);
            }
            if wrong.is_empty() && held.in_service() {
                let loss = rules.dispatch.line_loss(line.loss, line.length);
                let wheeling_price = line.wheeling_price.unwrap_or_default();
                let live = LiveLine { from, to, capacity, loss, wheeling_price };
                self.lines.insert(name.clone(), live);
            }
            self.violations.extend(wrong.into_iter().map(|kind| (kind, name.clone())));
        }
    }

    fn find_islands(&mut self, regions: &BTreeMap<&Text, &Text>) {
        let mut neighbours: BTreeMap<&Text, Vec<&Text>> = BTreeMap::new();
        for line in self.lines.values() {
            neighbours.entry(&line.from).or_default().push(&line.to);
            neighbours.entry(&line.to).or_default().push(&line.from);
        }
        let mut seen: BTreeSet<&Text> = BTreeSet::new();
        for &start in regions.keys() {
            if !neighbours.contains_key(start) {
                self.violations.insert((ViolationKind::IsolatedNode, start.clone()));
            }
            if !seen.insert(start) {
                continue;
            }
            // Nodes are taken in order, so the first one met is the least of its island.
            let mut island = Island::default();
            let mut open = vec![start];
            while let Some(node) = open.pop() {
                island.nodes.insert(node.clone());
                island.regions.insert(regions[node].clone());
                for &next in neighbours.get(node).into_iter().flatten() {
                    if seen.insert(next) {
                        open.push(next);
                    }
                }
            }
            self.islands.insert(start.clone(), island);
        }
    }

    fn find_areas(&mut self, regions: &BTreeMap<&Text, &Text>) {
        let mut parts: BTreeMap<&Text, BTreeMap<&Text, BTreeSet<Text>>> = BTreeMap::new();
        for (island, found) in &self.islands {
            for node in &found.nodes {
                let islands = parts.entry(regions[node]).or_default();
                islands.entry(island).or_default().insert(node.clone());
            }
        }
        for (region, islands) in parts {
            let whole = islands.len() == 1;
            let mut main: Option<(usize, Text)> = None;
            for (island, nodes) in islands {
                let name =
                    if whole { region.clone() } else { Text::from(format!("{region}@{island}")) };
                // Islands come in order of name, so only a larger part displaces an earlier one.
                if main.as_ref().is_none_or(|(most, _)| nodes.len() > *most) {
                    main = Some((nodes.len(), name.clone()));
                }
                for node in &nodes {
                    self.area_of.insert(node.clone(), name.clone());
                }
                let area = Area { region: region.clone(), island: island.clone(), nodes };
                self.areas.insert(name, area);
            }
            if let Some((_, name)) = main {
                self.main_area.insert(region.clone(), name);
            }
        }
    }
}
