//! The bridges of an island: the edges whose loss alone would split it (N-1 screening).
//!
//! One depth-first search (Tarjan's low-links, without recursion) from the island's least node
//! numbers the nodes in preorder. What lies beyond a bridge is then one interval of that order,
//! so that all sides of all bridges need O(nodes) memory together, and a sum over a side is a
//! difference of two prefix sums over the order. Of parallel edges none is a bridge.
//!
//! It takes the graph as it is and keeps nothing in step: search anew when an island was rewired.
//! The order of nodes and of bridges depends on the order of arrival; an output needs its own.

use super::connectivity::{ComponentIndex, Connectivity, EdgeIndex, NodeIndex};

/// The bridges of one component, as of when they were searched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bridges {
    preorder: Vec<NodeIndex>,
    bridges: Vec<Bridge>,
}

/// A bridge and the lesser of its two sides: the one with fewer nodes, or of two equal ones the
/// one without the island's least node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// The edge.
    pub edge: EdgeIndex,
    /// The far side, seen from the island's least node, is `enter..exit` of the preorder.
    pub enter: u32,
    /// See `enter`.
    pub exit: u32,
    /// Whether the far side is the lesser one; otherwise the lesser is the rest of the preorder.
    pub far_is_lesser: bool,
}

/// Searches for bridges, keeping its working memory from one component to the next.
#[derive(Default)]
pub struct BridgeSearch {
    /// By node: its preorder number. All are [`UNVISITED`] between searches.
    entered: Vec<u32>,
    /// From the least node to where the search stands.
    path: Vec<Visit>,
}

/// A node on the path from the least node to where the search stands.
struct Visit {
    node: NodeIndex,
    /// The edge it was reached by: not to be taken back, though a parallel one may be.
    reached_by: Option<EdgeIndex>,
    /// How many of its links were looked along.
    looked_along: usize,
    enter: u32,
    /// The least preorder number that it or a node beyond it reaches by one further edge.
    low: u32,
}

const UNVISITED: u32 = u32::MAX;

impl BridgeSearch {
    /// Finds the bridges of a component, in O(nodes + edges) of that component.
    pub fn bridges(&mut self, graph: &Connectivity, component: ComponentIndex) -> Bridges {
        self.entered.resize(graph.node_bound().max(self.entered.len()), UNVISITED);
        let nodes = graph.nodes(component).len();
        let mut found = Bridges { preorder: Vec::with_capacity(nodes), bridges: Vec::new() };
        self.enter(&mut found, graph.least_node(component), None);
        while let Some(visit) = self.path.last_mut() {
            let Some(link) = graph.links(visit.node).get(visit.looked_along) else {
                self.leave(&mut found);
                continue;
            };
            visit.looked_along += 1;
            match self.entered[widen(link.neighbour.0)] {
                UNVISITED => self.enter(&mut found, link.neighbour, Some(link.edge)),
                _ if visit.reached_by == Some(link.edge) => {}
                enter => visit.low = visit.low.min(enter),
            }
        }
        for node in &found.preorder {
            self.entered[widen(node.0)] = UNVISITED;
        }
        assert_eq!(found.preorder.len(), nodes, "a component is connected");
        found.compare_sides();
        found
    }

    fn enter(&mut self, found: &mut Bridges, node: NodeIndex, reached_by: Option<EdgeIndex>) {
        let enter = narrow(found.preorder.len());
        found.preorder.push(node);
        self.entered[widen(node.0)] = enter;
        self.path.push(Visit { node, reached_by, looked_along: 0, enter, low: enter });
    }

    /// Steps back from a node; if nothing led back past it, it was reached by a bridge.
    fn leave(&mut self, found: &mut Bridges) {
        let visit = self.path.pop().expect("the path has a last visit");
        let Some(previous) = self.path.last_mut() else {
            return;
        };
        previous.low = previous.low.min(visit.low);
        if visit.low == visit.enter {
            found.bridges.push(Bridge {
                edge: visit.reached_by.expect("only the first node was not reached"),
                enter: visit.enter,
                exit: narrow(found.preorder.len()),
                far_is_lesser: true,
            });
        }
    }
}

impl Bridges {
    /// All nodes of the component, its least first.
    pub fn preorder(&self) -> &[NodeIndex] {
        &self.preorder
    }

    /// The bridges, in no order that means anything.
    pub fn bridges(&self) -> &[Bridge] {
        &self.bridges
    }

    /// How many nodes the lesser side has: those that losing the bridge would cut off.
    pub fn lesser_side_count(&self, bridge: &Bridge) -> u32 {
        let far = bridge.exit - bridge.enter;
        if bridge.far_is_lesser { far } else { narrow(self.preorder.len()) - far }
    }

    /// The nodes of the lesser side: two runs of the preorder, of which one may be empty.
    pub fn lesser_side(&self, bridge: &Bridge) -> [&[NodeIndex]; 2] {
        let (enter, exit) = (widen(bridge.enter), widen(bridge.exit));
        if bridge.far_is_lesser {
            [&self.preorder[enter..exit], &[]]
        } else {
            [&self.preorder[..enter], &self.preorder[exit..]]
        }
    }

    /// The far side never has the least node, where the search began: it wins ties.
    fn compare_sides(&mut self) {
        let nodes = narrow(self.preorder.len());
        for bridge in &mut self.bridges {
            let far = bridge.exit - bridge.enter;
            bridge.far_is_lesser = far <= nodes - far;
        }
    }
}

fn widen(number: u32) -> usize {
    usize::try_from(number).expect("a number of nodes fits the address space")
}

fn narrow(length: usize) -> u32 {
    u32::try_from(length).expect("fewer than 2^32 nodes")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    type Ends = (usize, usize);

    /// Builds a graph whose handles do not follow the order of names.
    fn build(nodes: usize, ends: &[Ends]) -> (Connectivity, Vec<NodeIndex>, Vec<EdgeIndex>) {
        let mut graph = Connectivity::new();
        let mut handles = vec![NodeIndex(0); nodes];
        for node in (0..nodes).rev() {
            handles[node] = graph.insert_node(format!("n{node:05}"), 0);
        }
        let edges = ends.iter().map(|(a, b)| graph.insert_edge(handles[*a], handles[*b])).collect();
        (graph, handles, edges)
    }

    /// The nodes that can be reached without one edge.
    fn reachable(start: usize, ends: &[Ends], without: usize) -> BTreeSet<usize> {
        let mut reached = BTreeSet::from([start]);
        let mut waiting = vec![start];
        while let Some(node) = waiting.pop() {
            for (edge, (a, b)) in ends.iter().enumerate() {
                let other = if *a == node { *b } else { *a };
                if edge != without && (*a == node || *b == node) && reached.insert(other) {
                    waiting.push(other);
                }
            }
        }
        reached
    }

    /// By loss of each edge in turn: its lesser side, if it is a bridge.
    fn by_loss(ends: &[Ends], least: usize) -> BTreeMap<usize, BTreeSet<usize>> {
        let island = reachable(least, ends, ends.len());
        let mut lesser_sides = BTreeMap::new();
        for (edge, (a, _)) in ends.iter().enumerate().filter(|(_, (a, _))| island.contains(a)) {
            let one = reachable(*a, ends, edge);
            let other: BTreeSet<usize> = island.difference(&one).copied().collect();
            if other.is_empty() {
                continue;
            }
            let key = |side: &BTreeSet<usize>| (side.len(), side.contains(&least));
            lesser_sides.insert(edge, if key(&one) < key(&other) { one } else { other });
        }
        lesser_sides
    }

    fn check(nodes: usize, ends: &[Ends]) {
        let (graph, handles, edges) = build(nodes, ends);
        let mut search = BridgeSearch::default();
        for component in graph.components() {
            let least = graph.least_node(component);
            let least = handles.iter().position(|handle| *handle == least).unwrap();
            let found = search.bridges(&graph, component);
            let mut sides = BTreeMap::new();
            for bridge in found.bridges() {
                let side = found.lesser_side(bridge).concat();
                assert_eq!(side.len(), usize::try_from(found.lesser_side_count(bridge)).unwrap());
                let number = |node| handles.iter().position(|handle| handle == node).unwrap();
                let side: BTreeSet<usize> = side.iter().map(number).collect();
                let edge = edges.iter().position(|edge| *edge == bridge.edge).unwrap();
                assert!(sides.insert(edge, side).is_none(), "a bridge is found once");
            }
            assert_eq!(sides, by_loss(ends, least));
        }
    }

    proptest! {
        #[test]
        fn bridges_are_the_edges_whose_loss_splits(
            nodes in 1_usize..14,
            pairs in prop::collection::vec((0_usize..14, 0_usize..14), 0..24),
        ) {
            let within = pairs.iter().map(|(a, b)| (a % nodes, b % nodes));
            let ends: Vec<Ends> = within.filter(|(a, b)| a != b).collect();
            check(nodes, &ends);
        }
    }

    #[test]
    fn of_parallel_edges_none_is_a_bridge() {
        check(3, &[(0, 1), (1, 2), (2, 1)]);
        let (graph, handles, edges) = build(3, &[(0, 1), (1, 2), (2, 1)]);
        let found = BridgeSearch::default().bridges(&graph, graph.component_of(handles[0]));
        let found: Vec<EdgeIndex> = found.bridges().iter().map(|bridge| bridge.edge).collect();
        assert_eq!(found, [edges[0]]);
    }

    #[test]
    fn equal_sides_cut_off_the_one_without_the_least_node() {
        let (graph, handles, _) = build(4, &[(3, 1), (1, 0), (0, 2)]);
        let found = BridgeSearch::default().bridges(&graph, graph.component_of(handles[0]));
        let middle = found.bridges().iter().find(|bridge| found.lesser_side_count(bridge) == 2);
        let mut side = found.lesser_side(middle.unwrap()).concat();
        side.sort_by_key(|node| graph.name(*node));
        assert_eq!(side, [handles[1], handles[3]]);
    }

    #[test]
    fn a_long_path_is_all_bridges() {
        let ends: Vec<Ends> = (1..10_000).map(|node| (node - 1, node)).collect();
        let (graph, handles, edges) = build(10_000, &ends);
        let found = BridgeSearch::default().bridges(&graph, graph.component_of(handles[0]));
        assert_eq!(found.bridges().len(), 9_999);
        for bridge in found.bridges() {
            let edge = edges.iter().position(|edge| *edge == bridge.edge).unwrap();
            let lesser = if 9_999 - edge <= 5_000 { edge + 1..10_000 } else { 0..edge + 1 };
            let mut side = found.lesser_side(bridge).concat();
            side.sort_by_key(|node| graph.name(*node));
            assert_eq!(side, handles[lesser]);
        }
    }
}
