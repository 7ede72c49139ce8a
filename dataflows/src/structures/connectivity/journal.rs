//! What changed since the moves were last taken: noted at each first touch, netted when taken.
//!
//! Only a node's place and a component's least node are noted. How many nodes a component had,
//! and how many in a region, follow from what it has now and from the nodes that moved: no
//! component's figures are ever copied, however many regions it has.

use std::mem;

use super::moves::{ComponentChange, Figures, Moves, NodeMove, Place, RegionChange};
use super::{ComponentIndex, Connectivity, NOWHERE, NodeIndex, narrow};

#[derive(Default)]
pub(super) struct Journal {
    /// Nodes touched, with their places before; none for those inserted since.
    nodes: Vec<(NodeIndex, Option<Place>)>,
    /// Components touched, with their least nodes before; none for those created since.
    components: Vec<(ComponentIndex, Option<NodeIndex>)>,
    /// Components that won or lost an edge; some may have vanished since.
    rewired: Vec<ComponentIndex>,
    /// Handles that are free once the moves are taken.
    pub(super) vanished_components: Vec<ComponentIndex>,
    /// Handles that are free once the moves after these are taken.
    pub(super) removed_nodes: Vec<NodeIndex>,
    previously_removed_nodes: Vec<NodeIndex>,
}

impl Connectivity {
    /// What changed, net, since the last call; see [`Moves`].
    pub fn take_moves(&mut self) -> Moves {
        let mut nodes = Vec::new();
        for (node, before) in mem::take(&mut self.journal.nodes) {
            self.nodes[node.slot()].noted = false;
            let after = self.place(node);
            if before != after {
                nodes.push(NodeMove { node, before, after });
            }
        }
        let mut least_before = mem::take(&mut self.journal.components);
        least_before.sort_unstable();
        for (component, _) in &least_before {
            self.components[component.slot()].noted = false;
        }
        let components = self.component_changes(&nodes, &least_before);
        let mut rewired = mem::take(&mut self.journal.rewired);
        rewired.retain(|component| {
            let slot = &mut self.components[component.slot()];
            slot.rewired = false;
            !slot.members.is_empty()
        });
        rewired.sort_unstable();
        self.free_components.append(&mut self.journal.vanished_components);
        self.free_nodes.append(&mut self.journal.previously_removed_nodes);
        mem::swap(&mut self.journal.removed_nodes, &mut self.journal.previously_removed_nodes);
        Moves { nodes, components, rewired }
    }

    /// Works out the figures before from those now and the nodes that moved.
    fn component_changes(
        &self,
        moves: &[NodeMove],
        least_before: &[(ComponentIndex, Option<NodeIndex>)],
    ) -> Vec<ComponentChange> {
        let left = moves.iter().filter_map(|node| Some((node.before?, -1)));
        let entered = moves.iter().filter_map(|node| Some((node.after?, 1)));
        let mut shifts: Vec<(Place, i64)> = left.chain(entered).collect();
        shifts.sort_unstable();
        let mut changes = Vec::new();
        for shifts in shifts.chunk_by(|a, b| a.0.component == b.0.component) {
            let component = shifts[0].0.component;
            let by_region = shifts.chunk_by(|a, b| a.0.region == b.0.region);
            let regions = by_region.map(|shifts| self.region_change(shifts)).collect();
            let noted = least_before.binary_search_by_key(&component, |(touched, _)| *touched);
            let (_, least_before) = least_before[noted.expect("a component that moved is noted")];
            let members = &self.components[component.slot()].members;
            let nodes_after = narrow(members.len());
            let nodes_before = without_shifts(nodes_after, shifts);
            assert_eq!(least_before.is_some(), nodes_before > 0, "nodes before have a least one");
            changes.push(ComponentChange {
                component,
                before: least_before.map(|least| Figures { least, nodes: nodes_before }),
                after: members.first().map(|least| Figures { least: *least, nodes: nodes_after }),
                regions,
            });
        }
        changes
    }

    fn region_change(&self, shifts: &[(Place, i64)]) -> RegionChange {
        let Place { component, region } = shifts[0].0;
        let after = self.components[component.slot()].regions.get(&region).copied().unwrap_or(0);
        RegionChange { region, before: without_shifts(after, shifts), after }
    }

    fn place(&self, node: NodeIndex) -> Option<Place> {
        let slot = &self.nodes[node.slot()];
        let place = Place { component: slot.component, region: slot.region };
        (slot.component != NOWHERE).then_some(place)
    }

    /// To be called before a node's place changes.
    pub(super) fn note_node(&mut self, node: NodeIndex) {
        if !self.nodes[node.slot()].noted {
            self.journal.nodes.push((node, self.place(node)));
            self.nodes[node.slot()].noted = true;
        }
    }

    /// To be called before a component's members or their regions change.
    pub(super) fn note_component(&mut self, component: ComponentIndex) {
        let slot = &mut self.components[component.slot()];
        if !slot.noted {
            slot.noted = true;
            self.journal.components.push((component, slot.members.first().copied()));
        }
    }

    /// To be called when a component won or lost an edge.
    pub(super) fn note_rewired(&mut self, component: ComponentIndex) {
        let slot = &mut self.components[component.slot()];
        if !slot.rewired {
            slot.rewired = true;
            self.journal.rewired.push(component);
        }
    }
}

/// A count before the shifts that led to it.
fn without_shifts(after: u32, shifts: &[(Place, i64)]) -> u32 {
    let shifted: i64 = shifts.iter().map(|(_, shift)| shift).sum();
    u32::try_from(i64::from(after) - shifted).expect("a count is never below zero")
}
