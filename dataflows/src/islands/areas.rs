//! Areas: regions' parts inside islands, who they are and what became of them.
//!
//! An area is named `region` when its region lies in one island and `region@island` otherwise.
//! The main area of a split region is the one with the most nodes (ties: the least island name).
//! Only regions that the moves concern are looked at; all that is told compares the tick's end
//! with the tick before, by name.

use crate::change::{AreaIdentity, AreaKey, Change};
use crate::structures::connectivity::{ComponentIndex, Connectivity, Moves};
use gridweaver_model::decision::{Event, IslandChanged};
use gridweaver_model::{Decision, Lookup, Text};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What has been told of areas and islands.
#[derive(Default)]
pub(super) struct Areas {
    numbers: Lookup<Text, u32>,
    names: Vec<Text>,
    /// By region: the components that hold some of its nodes.
    parts: BTreeMap<u32, BTreeSet<ComponentIndex>>,
    identities: BTreeMap<AreaKey, AreaIdentity>,
    /// By island name, as told.
    islands: BTreeMap<Text, (u64, Vec<Text>)>,
}

/// Areas by region and island name, before or after.
type ByIsland = BTreeMap<(u32, Text), AreaIdentity>;

impl Areas {
    /// The number of a region; numbers depend on arrival and name nothing that is written.
    pub(super) fn region_number(&mut self, region: &Text) -> u32 {
        if let Some(number) = self.numbers.get(region) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).expect("fewer than 2^32 regions");
        self.numbers.insert(region.clone(), number);
        self.names.push(region.clone());
        number
    }

    pub(super) fn region_name(&self, number: u32) -> &Text {
        &self.names[number as usize]
    }

    /// Tells what the moves changed.
    pub(super) fn tell(&mut self, graph: &Connectivity, moves: &Moves, out: &mut Vec<Change>) {
        if moves.components.is_empty() {
            return;
        }
        let regions = self.note_parts(graph, moves);
        let before = self.take_identities(&regions);
        let after = self.identify(graph, &regions);
        tell_areas(&before, &after, out);
        tell_successions(graph, moves, &by_island(&before), &by_island(&after), out);
        self.identities.extend(after);
        self.tell_islands(graph, moves, out);
    }

    /// Keeps which components hold a region; returns the regions that the moves concern.
    fn note_parts(&mut self, graph: &Connectivity, moves: &Moves) -> BTreeSet<u32> {
        let mut regions = BTreeSet::new();
        for change in &moves.components {
            for region in &change.regions {
                regions.insert(region.region);
                let parts = self.parts.entry(region.region).or_default();
                if region.after > 0 {
                    parts.insert(change.component);
                } else {
                    parts.remove(&change.component);
                }
            }
            let renamed = change.before.map(|figures| graph.name(figures.least))
                != change.after.map(|figures| graph.name(figures.least));
            if renamed && change.after.is_some() {
                regions.extend(graph.region_counts(change.component).map(|(region, _)| region));
            }
        }
        regions
    }

    fn take_identities(&mut self, regions: &BTreeSet<u32>) -> BTreeMap<AreaKey, AreaIdentity> {
        self.identities.extract_if(.., |key, _| regions.contains(&key.region)).collect()
    }

    fn identify(
        &self,
        graph: &Connectivity,
        regions: &BTreeSet<u32>,
    ) -> BTreeMap<AreaKey, AreaIdentity> {
        let mut identities = BTreeMap::new();
        for region in regions {
            let parts: Vec<(ComponentIndex, Text, u64)> = self.parts[region]
                .iter()
                .map(|component| {
                    let island = Text::from(graph.name(graph.least_node(*component)));
                    let mut counts = graph.region_counts(*component);
                    let count = counts.find(|(other, _)| other == region).map_or(0, |(_, n)| n);
                    (*component, island, u64::from(count))
                })
                .collect();
            let main = parts.iter().min_by_key(|(_, island, nodes)| (Reverse(*nodes), island));
            let main = main.map(|(component, ..)| *component);
            let name = self.region_name(*region);
            for (component, island, nodes) in &parts {
                let split = parts.len() > 1;
                let key = AreaKey { component: component.0, region: *region };
                let identity = AreaIdentity {
                    name: if split { format!("{name}@{island}").into() } else { name.clone() },
                    region: name.clone(),
                    island: island.clone(),
                    nodes: *nodes,
                    main: main == Some(*component),
                };
                identities.insert(key, identity);
            }
        }
        identities
    }

    /// Tells each island whose nodes differ from those of the same name a tick earlier.
    fn tell_islands(&mut self, graph: &Connectivity, moves: &Moves, out: &mut Vec<Change>) {
        let mut shapes: BTreeMap<Text, Option<(u64, Vec<Text>)>> = BTreeMap::new();
        for change in &moves.components {
            if let Some(before) = change.before {
                shapes.entry(graph.name(before.least).into()).or_default();
            }
        }
        for change in moves.components.iter().filter(|change| change.after.is_some()) {
            let name = Text::from(graph.name(graph.least_node(change.component)));
            let mut regions: Vec<Text> = graph
                .region_counts(change.component)
                .map(|(region, _)| self.region_name(region).clone())
                .collect();
            regions.sort_unstable();
            let nodes = u64::from(graph.node_count(change.component));
            shapes.insert(name, Some((nodes, regions)));
        }
        let (differing, mut previous) = differing_islands(graph, moves);
        for (island, shape) in shapes {
            if self.islands.get(&island) != shape.as_ref() {
                out.push(Change::Island {
                    island: island.clone(),
                    shape: shape.clone().map(Box::new),
                });
            }
            if differing.contains(&island) {
                let (nodes, regions) = shape.clone().unwrap_or_default();
                let origins = previous.remove(&island).unwrap_or_default();
                let stayed = nodes > origins.values().map(|nodes| u64::from(*nodes)).sum();
                let mut previous: BTreeSet<Text> =
                    origins.into_keys().filter(|name| !name.is_empty()).collect();
                if stayed {
                    previous.insert(island.clone());
                }
                let previous = previous.into_iter().collect();
                let changed = IslandChanged { island: island.clone(), nodes, regions, previous };
                let event = Event::IslandChanged(changed);
                out.push(Change::Decision(Box::new(Decision::of_no_area(event))));
            }
            match shape {
                Some(shape) => self.islands.insert(island, shape),
                None => self.islands.remove(&island),
            };
        }
    }
}

/// The islands that lost or won nodes, and how many nodes each has from which other island (an
/// empty name: from none).
fn differing_islands(
    graph: &Connectivity,
    moves: &Moves,
) -> (BTreeSet<Text>, BTreeMap<Text, BTreeMap<Text, u32>>) {
    let mut differing = BTreeSet::new();
    let mut origins: BTreeMap<Text, BTreeMap<Text, u32>> = BTreeMap::new();
    for flow in graph.area_flows(moves) {
        let from = flow.before.map(|area| Text::from(area.island));
        let to = flow.after.map(|area| Text::from(area.island));
        if from == to {
            continue;
        }
        differing.extend(from.iter().chain(&to).cloned());
        if let Some(to) = to {
            *origins.entry(to).or_default().entry(from.unwrap_or_default()).or_default() +=
                flow.nodes;
        }
    }
    (differing, origins)
}

fn by_island(identities: &BTreeMap<AreaKey, AreaIdentity>) -> ByIsland {
    identities
        .iter()
        .map(|(key, identity)| ((key.region, identity.island.clone()), identity.clone()))
        .collect()
}

fn tell_areas(
    before: &BTreeMap<AreaKey, AreaIdentity>,
    after: &BTreeMap<AreaKey, AreaIdentity>,
    out: &mut Vec<Change>,
) {
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        out.push(Change::Area { area: *key, identity: None });
    }
    for (key, identity) in
        after.iter().filter(|(key, identity)| before.get(*key) != Some(*identity))
    {
        out.push(Change::Area { area: *key, identity: Some(Box::new(identity.clone())) });
    }
}

/// Tells where the nodes of the areas of a tick earlier are now.
fn tell_successions(
    graph: &Connectivity,
    moves: &Moves,
    before: &ByIsland,
    after: &ByIsland,
    out: &mut Vec<Change>,
) {
    let mut arrived: BTreeMap<(u32, Text), u64> = BTreeMap::new();
    let mut tell = |from: &AreaIdentity, to: &AreaIdentity, nodes: u64| {
        let (from, to) = (from.name.clone(), to.name.clone());
        out.push(Change::Succession { from, to, nodes });
    };
    for flow in graph.area_flows(moves) {
        let Some(to) = flow.after.map(|area| (area.region, Text::from(area.island))) else {
            continue;
        };
        *arrived.entry(to.clone()).or_default() += u64::from(flow.nodes);
        let from = flow.before.map(|area| (area.region, Text::from(area.island)));
        let from = from.and_then(|from| before.get(&from));
        if let (Some(from), Some(to)) = (from, after.get(&to)) {
            tell(from, to, flow.nodes.into());
        }
    }
    for (place, to) in after {
        let stayed = to.nodes - arrived.get(place).copied().unwrap_or_default();
        if let Some(from) = before.get(place).filter(|_| stayed > 0) {
            tell(from, to, stayed);
        }
    }
}
