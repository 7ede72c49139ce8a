//! Islands: the connected components of a multigraph whose nodes carry a name and a region.
//!
//! Promises: the island of a node, an island's least node by name (byte order), its number of
//! nodes and its nodes per region are exact after every call, and [`Connectivity::take_moves`]
//! says what changed since it was last asked, at a cost that follows the change, not the grid.
//! Closing a line relabels the smaller island. Opening one searches from both ends in step, until
//! the searches meet (nothing changed) or one is exhausted (it found the new island): the cost is
//! that of the cheaper answer, and at worst, for a bridge between two halves, that of the island.
//!
//! Handles are dense numbers, reused, and depend on the order of arrival: they must neither order
//! nor name anything in an output. Names do that.
//!
//! It does not know lines' states or capacities (an edge is what its owner inserted), answers no
//! path query, and holds no dataflow state: one owner calls it in order.

mod adjacency;
mod journal;
mod members;
mod moves;
mod order;
mod search;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::mem;
use std::sync::Arc;

use adjacency::Adjacency;
use journal::Journal;
use order::NameOrder;
use search::Search;

pub use adjacency::Link;
pub use moves::{Area, AreaFlow, ComponentChange, Figures, Moves, NodeMove, Place, RegionChange};

/// Handle of a node. A removed node's handle, and [`Connectivity::name`] of it, stay its own until
/// the second [`Connectivity::take_moves`] after the removal, so that moves can be read by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(pub u32);

/// Handle of an edge, free for reuse as soon as the edge is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeIndex(pub u32);

/// Handle of a component. It is not reused before the next [`Connectivity::take_moves`], so that
/// what was before and what is now cannot be confused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentIndex(pub u32);

/// The component of a node that is not there.
const NOWHERE: ComponentIndex = ComponentIndex(u32::MAX);

/// See the module's documentation.
#[derive(Default)]
pub struct Connectivity {
    nodes: Vec<Node>,
    /// By node; apart from `nodes`, as searches never need them.
    names: Vec<Arc<str>>,
    adjacency: Adjacency,
    components: Vec<Component>,
    order: NameOrder,
    search: Search,
    journal: Journal,
    free_nodes: Vec<NodeIndex>,
    free_components: Vec<ComponentIndex>,
}

/// A node that is not there is in no component.
struct Node {
    /// Ranks order nodes as their names do; see [`order`].
    rank: u64,
    component: ComponentIndex,
    /// Where the node stands among its component's members; see [`members`].
    position: u32,
    region: u32,
    /// The journal has the node's place before the tick.
    noted: bool,
}

/// A component that is not there has no members.
#[derive(Default)]
struct Component {
    /// A heap by rank: the least node comes first; see [`members`].
    members: Vec<NodeIndex>,
    regions: BTreeMap<u32, u32>,
    /// The journal has the component's least node before the tick.
    noted: bool,
    /// The journal lists the component as rewired.
    rewired: bool,
}

impl Connectivity {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node as a component of its own. No node of that name may be there.
    pub fn insert_node(&mut self, name: impl Into<Arc<str>>, region: u32) -> NodeIndex {
        let name = name.into();
        let node = self.free_nodes.pop().unwrap_or_else(|| NodeIndex(narrow(self.nodes.len())));
        if node.slot() == self.nodes.len() {
            self.nodes.push(Node::default());
            self.adjacency.push_node();
            self.names.push(Arc::clone(&name));
        } else {
            self.names[node.slot()] = Arc::clone(&name);
        }
        self.order.insert(name, node, &mut self.nodes);
        self.note_node(node);
        let component = self.create_component();
        self.nodes[node.slot()].region = region;
        self.join(node, component);
        self.components[component.slot()].add_to_region(region, 1);
        node
    }

    /// Removes a node, all of whose edges must have been removed.
    pub fn remove_node(&mut self, node: NodeIndex) {
        let component = self.component_of(node);
        assert!(self.links(node).is_empty(), "a node is removed after its edges");
        assert_eq!(self.node_count(component), 1, "a node without edges is alone");
        self.note_node(node);
        self.note_component(component);
        self.retire_component(component);
        self.nodes[node.slot()].component = NOWHERE;
        self.order.remove(&self.names[node.slot()]);
        self.journal.removed_nodes.push(node);
    }

    /// Joins two nodes; more than one edge may join the same two.
    pub fn insert_edge(&mut self, a: NodeIndex, b: NodeIndex) -> EdgeIndex {
        let (component_a, component_b) = (self.component_of(a), self.component_of(b));
        let edge = self.adjacency.insert_edge(a, b);
        if component_a != component_b {
            self.merge(component_a, component_b);
        }
        self.note_rewired(self.component_of(a));
        edge
    }

    /// Removes an edge, which may part a component in two.
    pub fn remove_edge(&mut self, edge: EdgeIndex) {
        let [a, b] = self.adjacency.remove_edge(edge);
        if let Some(side) = self.search.part(&self.adjacency, a, b) {
            self.split(self.component_of(a), side);
        }
        self.note_rewired(self.component_of(a));
        self.note_rewired(self.component_of(b));
    }

    /// Moves a node to another region.
    pub fn set_region(&mut self, node: NodeIndex, region: u32) {
        let component = self.component_of(node);
        let old_region = self.nodes[node.slot()].region;
        if region != old_region {
            self.note_node(node);
            self.note_component(component);
            self.components[component.slot()].take_from_region(old_region, 1);
            self.components[component.slot()].add_to_region(region, 1);
            self.nodes[node.slot()].region = region;
        }
    }

    /// The component of a node that is there.
    pub fn component_of(&self, node: NodeIndex) -> ComponentIndex {
        let component = self.nodes[node.slot()].component;
        assert_ne!(component, NOWHERE, "the node was removed");
        component
    }

    /// The region of a node that is there.
    pub fn region_of(&self, node: NodeIndex) -> u32 {
        assert_ne!(self.nodes[node.slot()].component, NOWHERE, "the node was removed");
        self.nodes[node.slot()].region
    }

    /// The name of a node, also of a removed one as long as its handle is its own.
    pub fn name(&self, node: NodeIndex) -> &str {
        &self.names[node.slot()]
    }

    /// The node of a name, if it is there.
    pub fn find(&self, name: &str) -> Option<NodeIndex> {
        self.order.find(name)
    }

    /// The two ends of an edge that is there.
    pub fn ends(&self, edge: EdgeIndex) -> [NodeIndex; 2] {
        self.adjacency.ends(edge)
    }

    /// The edges at a node, in no order that means anything.
    pub fn links(&self, node: NodeIndex) -> &[Link] {
        self.adjacency.links(node)
    }

    /// The components that are there, by handle.
    pub fn components(&self) -> impl Iterator<Item = ComponentIndex> + '_ {
        let slots = (0u32..).zip(&self.components);
        slots.filter(|(_, slot)| !slot.members.is_empty()).map(|(index, _)| ComponentIndex(index))
    }

    /// The least node of a component by name, in O(1): it names the island.
    pub fn least_node(&self, component: ComponentIndex) -> NodeIndex {
        self.nodes(component)[0]
    }

    /// How many nodes a component has.
    pub fn node_count(&self, component: ComponentIndex) -> u32 {
        narrow(self.nodes(component).len())
    }

    /// How many nodes a component has in each region where it has some, by region.
    pub fn region_counts(
        &self,
        component: ComponentIndex,
    ) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.components[component.slot()].regions.iter().map(|(region, nodes)| (*region, *nodes))
    }

    /// The nodes of a component, the least by name first and the others in no order that means
    /// anything.
    pub fn nodes(&self, component: ComponentIndex) -> &[NodeIndex] {
        let members = &self.components[component.slot()].members;
        assert!(!members.is_empty(), "the component vanished");
        members
    }

    /// One more than the greatest handle a node had so far: a length for arrays by node.
    pub fn node_bound(&self) -> usize {
        self.nodes.len()
    }

    /// Makes one component of two, giving the nodes of the smaller to the larger.
    fn merge(&mut self, a: ComponentIndex, b: ComponentIndex) {
        let (from, into) = if self.node_count(a) < self.node_count(b) { (a, b) } else { (b, a) };
        self.note_component(from);
        self.note_component(into);
        let absorbed = self.retire_component(from);
        for node in absorbed.members {
            self.note_node(node);
            self.join(node, into);
        }
        for (region, nodes) in absorbed.regions {
            self.components[into.slot()].add_to_region(region, nodes);
        }
    }

    /// Makes a new component of the nodes that the search found from one side.
    fn split(&mut self, from: ComponentIndex, side: search::Side) {
        self.note_component(from);
        let into = self.create_component();
        let found = self.search.take_found(side);
        // Neighbours mostly share a region, so regions are counted by runs.
        let nodes = &self.nodes;
        let region = |node: &NodeIndex| nodes[node.slot()].region;
        for run in found.chunk_by(|a, b| region(a) == region(b)) {
            let (region, count) = (region(&run[0]), narrow(run.len()));
            self.components[from.slot()].take_from_region(region, count);
            self.components[into.slot()].add_to_region(region, count);
        }
        for node in &found {
            self.note_node(*node);
            members::remove(&mut self.components[from.slot()].members, *node, &mut self.nodes);
            self.join(*node, into);
        }
        self.search.give_back(side, found);
        assert!(!self.components[from.slot()].members.is_empty(), "a split leaves two components");
    }

    fn join(&mut self, node: NodeIndex, component: ComponentIndex) {
        self.nodes[node.slot()].component = component;
        members::insert(&mut self.components[component.slot()].members, node, &mut self.nodes);
    }

    fn create_component(&mut self) -> ComponentIndex {
        let component = self
            .free_components
            .pop()
            .unwrap_or_else(|| ComponentIndex(narrow(self.components.len())));
        if component.slot() == self.components.len() {
            self.components.push(Component::default());
        }
        self.note_component(component);
        component
    }

    /// Empties a component that is noted, and hands out what it held.
    fn retire_component(&mut self, component: ComponentIndex) -> Component {
        let slot = &mut self.components[component.slot()];
        assert!(slot.noted, "a component is noted before it vanishes");
        self.journal.vanished_components.push(component);
        // The flags stay: the journal still lists the component.
        let (noted, rewired) = (slot.noted, slot.rewired);
        mem::replace(slot, Component { noted, rewired, ..Component::default() })
    }
}

impl Component {
    fn add_to_region(&mut self, region: u32, nodes: u32) {
        *self.regions.entry(region).or_default() += nodes;
    }

    fn take_from_region(&mut self, region: u32, nodes: u32) {
        let Entry::Occupied(mut count) = self.regions.entry(region) else {
            panic!("a component counts the regions of all its nodes")
        };
        assert!(*count.get() >= nodes, "a region counts all its nodes");
        *count.get_mut() -= nodes;
        if *count.get() == 0 {
            count.remove();
        }
    }
}

impl Default for Node {
    fn default() -> Self {
        Self { rank: 0, component: NOWHERE, position: 0, region: 0, noted: false }
    }
}

impl NodeIndex {
    fn slot(self) -> usize {
        widen(self.0)
    }
}

impl EdgeIndex {
    fn slot(self) -> usize {
        widen(self.0)
    }
}

impl ComponentIndex {
    fn slot(self) -> usize {
        widen(self.0)
    }
}

fn widen(index: u32) -> usize {
    usize::try_from(index).expect("a handle fits the address space")
}

fn narrow(length: usize) -> u32 {
    u32::try_from(length).expect("fewer than 2^32 of a kind")
}
