//! What [`Connectivity::take_moves`] reports, and how to read it by name.
//!
//! Two views of the same change: by handle, node by node ([`Moves`]), for whoever keeps something
//! at each node or component; and by name, counted ([`Connectivity::area_flows`]), for whatever
//! leaves the worker, as handles depend on the order of arrival. It keeps nothing itself.

use std::collections::BTreeMap;

use super::{ComponentIndex, Connectivity, NodeIndex, narrow};

/// The net changes between two calls of [`Connectivity::take_moves`].
///
/// What came and went, or left and returned to the same handle, in between is not in it. A node
/// that was removed and inserted again is two nodes: one removed, one inserted.
///
/// Four nodes, `n4` in region 8 and the others in region 7, form a path; its middle line opens:
///
/// ```text
/// before:  c0 = n1 n2 n3 n4          after:  c0 = n1 n2    c1 = n3 n4
///
/// nodes       n3  (c0, 7) -> (c1, 7)         n1 and n2 stayed: they are not listed
///             n4  (c0, 8) -> (c1, 8)
/// components  c0  n1, 4 nodes -> n1, 2 nodes      regions  7: 3 -> 2   8: 1 -> 0
///             c1  none        -> n3, 2 nodes               7: 0 -> 1   8: 0 -> 1
/// rewired     c0  c1
/// area_flows  1 node  7@n1 -> 7@n3
///             1 node  8@n1 -> 8@n3
/// ```
///
/// Which part keeps the handle `c0` depends on the order of arrival. Had it been `n3 n4`, `nodes`
/// would list `n1` and `n2`, and c0 would go from `n1` to `n3`; the area flows would be the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// Nodes whose place differs, in the order they were first touched.
    pub nodes: Vec<NodeMove>,
    /// The components that `nodes` mentions, by handle; the figures of all others are as before.
    pub components: Vec<ComponentChange>,
    /// The components there now that won or lost an edge, by handle, whether or not a node moved:
    /// their bridges may differ. (A new component without edges is not among them.)
    pub rewired: Vec<ComponentIndex>,
}

/// The component and the region of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The component, by a handle that means the same before and after.
    pub component: ComponentIndex,
    /// The region.
    pub region: u32,
}

/// A node whose place differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeMove {
    /// The node; if it was removed, its name can be asked until the moves are taken again.
    pub node: NodeIndex,
    /// None if it was inserted.
    pub before: Option<Place>,
    /// None if it was removed.
    pub after: Option<Place>,
}

/// A component that a node entered or left, or in which one changed its region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentChange {
    /// The component.
    pub component: ComponentIndex,
    /// None if it was created.
    pub before: Option<Figures>,
    /// None if it vanished.
    pub after: Option<Figures>,
    /// The regions that a node entered or left, by region; the counts of all others are as before.
    pub regions: Vec<RegionChange>,
}

/// What is known of a component at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The least node by name. Compare names, not handles: a node may be removed and come back.
    pub least: NodeIndex,
    /// The number of nodes, at least one.
    pub nodes: u32,
}

/// How many nodes of a component are in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionChange {
    /// The region.
    pub region: u32,
    /// Nodes before.
    pub before: u32,
    /// Nodes now.
    pub after: u32,
}

/// A region's part inside one island, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Area<'a> {
    /// The region.
    pub region: u32,
    /// The name of the island's least node.
    pub island: &'a str,
}

/// Nodes that went from one area to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AreaFlow<'a> {
    /// None for nodes that were inserted.
    pub before: Option<Area<'a>>,
    /// None for nodes that were removed.
    pub after: Option<Area<'a>>,
    /// How many nodes, at least one.
    pub nodes: u32,
}

impl Moves {
    /// What happened to a component, if it is among those that changed.
    pub fn change(&self, component: ComponentIndex) -> Option<&ComponentChange> {
        let found = self.components.binary_search_by_key(&component, |change| change.component);
        found.ok().map(|at| &self.components[at])
    }
}

impl Connectivity {
    /// How many nodes went from each area to each other one, **by name**, in order of areas (none
    /// first, then by region and island).
    ///
    /// An area whose island has another name now is another area: all its nodes are in a flow,
    /// though few of them may be in `moves`. Nodes in no flow stayed in their area. To be asked
    /// with the moves just taken, before any other change. Costs as much as the moves, and for
    /// each island that has another name now, its regions.
    pub fn area_flows<'a>(&'a self, moves: &Moves) -> Vec<AreaFlow<'a>> {
        let mut routes: Vec<(Option<Place>, Option<Place>)> =
            moves.nodes.iter().map(|node| (node.before, node.after)).collect();
        routes.sort_unstable();
        let before = |place: Place| self.area_before(moves, place);
        let after = |place: Place| self.area_after(place);
        let mut flows: BTreeMap<(Option<Area<'a>>, Option<Area<'a>>), u32> = BTreeMap::new();
        for route in routes.chunk_by(|a, b| a == b) {
            let areas = (route[0].0.map(before), route[0].1.map(after));
            *flows.entry(areas).or_default() += narrow(route.len());
        }
        for (place, nodes) in self.stayed_in_renamed(moves) {
            *flows.entry((Some(before(place)), Some(after(place)))).or_default() += nodes;
        }
        let flows = flows.into_iter().filter(|((before, after), _)| before != after);
        flows.map(|((before, after), nodes)| AreaFlow { before, after, nodes }).collect()
    }

    /// How many nodes are in no move though their island has another name now.
    fn stayed_in_renamed(&self, moves: &Moves) -> Vec<(Place, u32)> {
        let mut entered: Vec<Place> = moves.nodes.iter().filter_map(|node| node.after).collect();
        entered.sort_unstable();
        let mut stayed = Vec::new();
        for change in &moves.components {
            let (Some(before), Some(after)) = (change.before, change.after) else {
                continue;
            };
            if self.name(before.least) == self.name(after.least) {
                continue;
            }
            for (region, nodes) in self.region_counts(change.component) {
                let place = Place { component: change.component, region };
                let first = entered.partition_point(|other| *other < place);
                let behind = entered.partition_point(|other| *other <= place);
                let nodes = nodes - narrow(behind - first);
                if nodes > 0 {
                    stayed.push((place, nodes));
                }
            }
        }
        stayed
    }

    fn area_before(&self, moves: &Moves, place: Place) -> Area<'_> {
        let change = moves.change(place.component).and_then(|change| change.before);
        let least = change.expect("a component that moved had a least node").least;
        Area { region: place.region, island: self.name(least) }
    }

    fn area_after(&self, place: Place) -> Area<'_> {
        Area { region: place.region, island: self.name(self.least_node(place.component)) }
    }
}
