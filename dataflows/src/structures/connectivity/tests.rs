//! Compares every figure with a recomputation from plain sets after every random step
//! (`random_changes_…`), and the moves with snapshots taken before and after (`Model::take`).
//! The named cases fix what the documentation promises and what grids are made of.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

type NamedArea = (String, u32);

/// The graph as plain sets, and where every node was when the moves were last taken.
#[derive(Default)]
struct Model {
    graph: Connectivity,
    nodes: BTreeMap<String, NodeIndex>,
    regions: BTreeMap<NodeIndex, u32>,
    edges: BTreeMap<EdgeIndex, [NodeIndex; 2]>,
    before: Snapshot,
}

/// The handles' and the names' view of every node, and of every component.
#[derive(Clone, Default)]
struct Snapshot {
    places: BTreeMap<NodeIndex, (Place, NamedArea)>,
    components: BTreeMap<ComponentIndex, (String, BTreeMap<u32, u32>)>,
    edges: BTreeMap<ComponentIndex, BTreeMap<EdgeIndex, [NodeIndex; 2]>>,
}

#[derive(Clone, Debug)]
enum Change {
    InsertNode { name: u32, region: u32 },
    RemoveNode { pick: usize },
    InsertEdge { a: usize, b: usize },
    RemoveEdge { pick: usize },
    SetRegion { pick: usize, region: u32 },
    Take,
}

fn change() -> impl Strategy<Value = Change> {
    let pick = any::<prop::sample::Index>().prop_map(|index| index.index(1 << 16));
    prop_oneof![
        4 => (0_u32..40, 0_u32..4).prop_map(|(name, region)| Change::InsertNode { name, region }),
        1 => pick.clone().prop_map(|pick| Change::RemoveNode { pick }),
        8 => (pick.clone(), pick.clone()).prop_map(|(a, b)| Change::InsertEdge { a, b }),
        5 => pick.clone().prop_map(|pick| Change::RemoveEdge { pick }),
        2 => (pick, 0_u32..4).prop_map(|(pick, region)| Change::SetRegion { pick, region }),
        2 => Just(Change::Take),
    ]
}

fn picked<T: Copy>(from: impl Iterator<Item = T>, pick: usize) -> Option<T> {
    let from: Vec<T> = from.collect();
    (!from.is_empty()).then(|| from[pick % from.len()])
}

impl Model {
    fn apply(&mut self, change: &Change) {
        let any_node = |pick| picked(self.nodes.values().copied(), pick);
        match *change {
            Change::InsertNode { name, region } => {
                // Names of several lengths, so that byte order differs from that of numbers.
                let name = name.to_string();
                if !self.nodes.contains_key(&name) {
                    let node = self.graph.insert_node(name.as_str(), region);
                    self.nodes.insert(name, node);
                    self.regions.insert(node, region);
                }
            }
            Change::RemoveNode { pick } => {
                let Some(node) = any_node(pick) else { return };
                let edges = self.edges.clone().into_iter().filter(|(_, ends)| ends.contains(&node));
                for (edge, _) in edges {
                    self.graph.remove_edge(edge);
                    self.edges.remove(&edge);
                }
                self.graph.remove_node(node);
                self.nodes.retain(|_, other| *other != node);
                self.regions.remove(&node);
            }
            Change::InsertEdge { a, b } => {
                let (Some(a), Some(b)) = (any_node(a), any_node(b)) else {
                    return;
                };
                if a != b {
                    let edge = self.graph.insert_edge(a, b);
                    assert!(self.edges.insert(edge, [a, b]).is_none(), "a handle is given once");
                }
            }
            Change::RemoveEdge { pick } => {
                let Some(edge) = picked(self.edges.keys().copied(), pick) else {
                    return;
                };
                self.graph.remove_edge(edge);
                self.edges.remove(&edge);
            }
            Change::SetRegion { pick, region } => {
                let Some(node) = any_node(pick) else { return };
                self.graph.set_region(node, region);
                self.regions.insert(node, region);
            }
            Change::Take => self.take(),
        }
    }

    /// The islands by name of their least nodes, from plain sets alone.
    fn islands(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut islands = BTreeMap::new();
        let mut left: BTreeSet<&String> = self.nodes.keys().collect();
        let names: BTreeMap<NodeIndex, &String> = self.nodes.iter().map(|(n, i)| (*i, n)).collect();
        while let Some(least) = left.pop_first() {
            let mut island = BTreeSet::from([least.clone()]);
            let mut grown = true;
            while grown {
                grown = false;
                for ends in self.edges.values() {
                    let inside = ends.map(|end| island.contains(names[&end]));
                    if inside[0] != inside[1] {
                        grown |= island.extend_by(names[&ends[usize::from(inside[0])]]);
                    }
                }
            }
            left.retain(|name| !island.contains(*name));
            islands.insert(least.clone(), island);
        }
        islands
    }

    /// Compares all figures with a recomputation.
    fn check(&self) {
        let islands = self.islands();
        assert_eq!(self.graph.components().count(), islands.len());
        for (least, island) in &islands {
            let component = self.graph.component_of(self.nodes[least]);
            assert_eq!(self.graph.name(self.graph.least_node(component)), least);
            let nodes = self.graph.nodes(component);
            assert_eq!(self.graph.node_count(component), narrow(island.len()));
            let named: BTreeSet<String> =
                nodes.iter().map(|node| self.graph.name(*node).to_owned()).collect();
            assert_eq!((&named, nodes.len()), (island, island.len()));
            let mut regions = BTreeMap::new();
            for (position, node) in (0..).zip(nodes) {
                assert_eq!(self.graph.nodes[node.slot()].position, position);
                assert_eq!(self.graph.component_of(*node), component);
                assert_eq!(self.graph.region_of(*node), self.regions[node]);
                *regions.entry(self.regions[node]).or_default() += 1;
            }
            assert_eq!(regions, self.graph.region_counts(component).collect());
        }
        for (name, node) in &self.nodes {
            assert_eq!(self.graph.find(name), Some(*node));
            let at_node = self.edges.iter().filter(|(_, ends)| ends.contains(node));
            let expected: BTreeSet<EdgeIndex> = at_node.map(|(edge, _)| *edge).collect();
            let links = self.graph.links(*node);
            assert_eq!(links.len(), expected.len());
            for Link { neighbour, edge } in links {
                assert!(expected.contains(edge));
                assert_ne!(neighbour, node);
                assert!(self.graph.ends(*edge).contains(neighbour));
            }
        }
    }

    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (least, island) in self.islands() {
            let component = self.graph.component_of(self.nodes[&least]);
            let mut regions = BTreeMap::new();
            for name in &island {
                let node = self.nodes[name];
                let region = self.regions[&node];
                let area = (least.clone(), region);
                snapshot.places.insert(node, (Place { component, region }, area));
                *regions.entry(region).or_default() += 1;
            }
            snapshot.components.insert(component, (least, regions));
        }
        for (edge, ends) in &self.edges {
            let component = self.graph.component_of(ends[0]);
            snapshot.edges.entry(component).or_default().insert(*edge, *ends);
        }
        snapshot
    }

    /// Takes the moves and compares them with what was before and what is now.
    fn take(&mut self) {
        let after = self.snapshot();
        let moves = self.graph.take_moves();
        let handles: BTreeSet<&NodeIndex> =
            self.before.places.keys().chain(after.places.keys()).collect();
        let mut expected = BTreeMap::new();
        let mut flows: BTreeMap<(Option<NamedArea>, Option<NamedArea>), u32> = BTreeMap::new();
        for node in handles {
            let (from, to) = (self.before.places.get(node), after.places.get(node));
            let places = (from.map(|(place, _)| *place), to.map(|(place, _)| *place));
            if places.0 != places.1 {
                expected.insert(*node, places);
            }
            let areas = (from.map(|(_, area)| area.clone()), to.map(|(_, area)| area.clone()));
            if areas.0 != areas.1 {
                *flows.entry(areas).or_default() += 1;
            }
        }
        let moved = moves.nodes.iter().map(|moved| (moved.node, (moved.before, moved.after)));
        assert_eq!(moves.nodes.len(), expected.len());
        assert_eq!(moved.collect::<BTreeMap<_, _>>(), expected);
        self.check_components(&moves, &after);
        let named = |area: Option<Area<'_>>| area.map(|area| (area.island.to_owned(), area.region));
        let reported = self.graph.area_flows(&moves);
        assert_eq!(reported.len(), flows.len());
        assert!(reported.is_sorted_by(|a, b| (a.before, a.after) < (b.before, b.after)));
        for flow in reported {
            assert_eq!(flows.get(&(named(flow.before), named(flow.after))), Some(&flow.nodes));
        }
        self.before = after;
    }

    fn check_components(&self, moves: &Moves, after: &Snapshot) {
        let mentioned = moves.nodes.iter().flat_map(|node| [node.before, node.after]).flatten();
        let mentioned: BTreeSet<ComponentIndex> = mentioned.map(|place| place.component).collect();
        let changed: Vec<ComponentIndex> = moves.components.iter().map(|c| c.component).collect();
        assert_eq!(changed, mentioned.iter().copied().collect::<Vec<_>>());
        for change in &moves.components {
            let was = self.before.components.get(&change.component);
            let now = after.components.get(&change.component);
            for (figures, known) in [(change.before, was), (change.after, now)] {
                let figures = figures.map(|f| (self.graph.name(f.least).to_owned(), f.nodes));
                assert_eq!(figures, known.map(|(least, r)| (least.clone(), r.values().sum())));
            }
            assert!(change.regions.is_sorted_by(|a, b| a.region < b.region));
            for region in 0..4 {
                let count = |known: Option<&(String, BTreeMap<u32, u32>)>| {
                    known.and_then(|(_, regions)| regions.get(&region).copied()).unwrap_or(0)
                };
                match change.regions.iter().find(|change| change.region == region) {
                    Some(change) => {
                        assert_eq!((change.before, change.after), (count(was), count(now)));
                    }
                    None => assert_eq!(count(was), count(now)),
                }
            }
        }
        assert!(moves.rewired.is_sorted_by(|a, b| a < b));
        assert!(moves.rewired.iter().all(|component| after.components.contains_key(component)));
        for (component, edges) in &after.edges {
            let known = self.before.edges.get(component) == Some(edges);
            assert!(known || moves.rewired.contains(component), "no edge changes unmentioned");
        }
        for (component, figures) in &self.before.components {
            let known = after.components.get(component) == Some(figures);
            assert!(known || mentioned.contains(component), "no figure changes unmentioned");
        }
    }
}

/// Grows a set, saying whether it did.
trait ExtendBy {
    fn extend_by(&mut self, name: &str) -> bool;
}

impl ExtendBy for BTreeSet<String> {
    fn extend_by(&mut self, name: &str) -> bool {
        self.insert(name.to_owned())
    }
}

proptest! {
    #[test]
    fn random_changes_agree_with_a_recomputation(
        changes in prop::collection::vec(change(), 1..200),
    ) {
        let mut model = Model::default();
        for change in &changes {
            model.apply(change);
            model.check();
        }
        model.take();
    }
}

/// Nodes named `n1`, `n2`, … joined in a path, all in region 7.
fn path(nodes: u32) -> (Connectivity, Vec<NodeIndex>, Vec<EdgeIndex>) {
    let mut graph = Connectivity::new();
    let nodes: Vec<NodeIndex> =
        (1..=nodes).map(|number| graph.insert_node(format!("n{number}"), 7)).collect();
    let edges = nodes.windows(2).map(|ends| graph.insert_edge(ends[0], ends[1])).collect();
    (graph, nodes, edges)
}

fn area(region: u32, island: &str) -> Option<Area<'_>> {
    Some(Area { region, island })
}

#[test]
fn the_documented_example() {
    let (mut graph, nodes, edges) = path(4);
    graph.set_region(nodes[3], 8);
    graph.take_moves();
    graph.remove_edge(edges[1]);
    let moves = graph.take_moves();
    assert_eq!(moves.nodes.len(), 2);
    assert_eq!(moves.components.len(), 2);
    let rewired: BTreeSet<ComponentIndex> = moves.rewired.iter().copied().collect();
    assert_eq!(rewired, graph.components().collect());
    let flow =
        |region| AreaFlow { before: area(region, "n1"), after: area(region, "n3"), nodes: 1 };
    assert_eq!(graph.area_flows(&moves), [flow(7), flow(8)]);
}

#[test]
fn an_island_that_loses_its_least_node_flows_under_its_new_name() {
    let (mut graph, nodes, edges) = path(5);
    graph.take_moves();
    graph.remove_edge(edges[0]);
    graph.remove_node(nodes[0]);
    let moves = graph.take_moves();
    assert!(moves.nodes.iter().all(|moved| moved.node == nodes[0] || moved.after.is_some()));
    let flows = graph.area_flows(&moves);
    let removed = AreaFlow { before: area(7, "n1"), after: None, nodes: 1 };
    let renamed = AreaFlow { before: area(7, "n1"), after: area(7, "n2"), nodes: 4 };
    assert_eq!(flows, [removed, renamed]);
}

#[test]
fn opening_and_closing_in_one_tick_leaves_no_flow() {
    let (mut graph, nodes, edges) = path(6);
    graph.take_moves();
    for edge in edges {
        let [a, b] = graph.ends(edge);
        graph.remove_edge(edge);
        graph.insert_edge(a, b);
    }
    let moves = graph.take_moves();
    assert_eq!(graph.area_flows(&moves), []);
    assert_eq!(moves.rewired, [graph.component_of(nodes[0])]);
    assert_eq!(graph.take_moves(), Moves::default());
}

#[test]
fn a_component_handle_rests_until_the_moves_are_taken() {
    let (mut graph, nodes, edges) = path(2);
    graph.take_moves();
    let joined = graph.component_of(nodes[0]);
    graph.remove_edge(edges[0]);
    graph.remove_node(nodes[0]);
    graph.remove_node(nodes[1]);
    let fresh = graph.insert_node("n1", 7);
    assert_ne!(graph.component_of(fresh), joined);
    assert!(!nodes.contains(&fresh));
    graph.take_moves();
    assert_eq!([graph.name(nodes[0]), graph.name(nodes[1])], ["n1", "n2"]);
    graph.take_moves();
    assert!(nodes.contains(&graph.insert_node("n2", 7)));
}

#[test]
fn parallel_edges_hold_until_the_last_is_removed() {
    let (mut graph, nodes, edges) = path(2);
    let parallel = graph.insert_edge(nodes[1], nodes[0]);
    graph.remove_edge(edges[0]);
    assert_eq!(graph.component_of(nodes[0]), graph.component_of(nodes[1]));
    graph.remove_edge(parallel);
    assert_ne!(graph.component_of(nodes[0]), graph.component_of(nodes[1]));
}

#[test]
fn a_hub_keeps_its_many_lines_apart() {
    let mut graph = Connectivity::new();
    let hub = graph.insert_node("hub", 0);
    let mut lines = BTreeMap::new();
    for round in 0..3 {
        for number in 0..300 {
            let end = graph.insert_node(format!("end-{round}-{number}"), 0);
            lines.insert(graph.insert_edge(end, hub), end);
        }
        for (edge, end) in std::mem::take(&mut lines) {
            assert_eq!(graph.links(end), [Link { neighbour: hub, edge }]);
            if edge.0 % 3 == round {
                graph.remove_edge(edge);
                assert!(graph.links(end).is_empty());
                assert_eq!(graph.node_count(graph.component_of(end)), 1);
            } else {
                lines.insert(edge, end);
            }
        }
        let at_hub = graph.links(hub).iter().map(|link| (link.edge, link.neighbour));
        assert_eq!(at_hub.collect::<BTreeMap<_, _>>(), lines);
    }
}

#[test]
#[should_panic(expected = "a node is removed after its edges")]
fn a_node_with_edges_is_not_removed() {
    let (mut graph, nodes, _) = path(2);
    graph.remove_node(nodes[0]);
}

#[test]
fn a_long_path_parts_and_joins_anywhere() {
    let (mut graph, nodes, edges) = path(10_000);
    assert_eq!(graph.node_count(graph.component_of(nodes[0])), 10_000);
    for cut in (0..9_999).step_by(777) {
        graph.remove_edge(edges[cut]);
        let parts = [nodes[0], nodes[9_999]].map(|node| graph.component_of(node));
        let counts = parts.map(|part| graph.node_count(part));
        assert_eq!(counts, [narrow(cut + 1), narrow(9_999 - cut)]);
        let least = nodes[cut + 1..].iter().min_by_key(|node| graph.name(**node));
        assert_eq!(Some(&graph.least_node(parts[1])), least);
        assert_eq!(graph.insert_edge(nodes[cut], nodes[cut + 1]), edges[cut]);
        assert_eq!(graph.least_node(graph.component_of(nodes[9_999])), nodes[0]);
    }
}

/// Names that come in rising, falling or scattered order between two others use up the ranks there.
#[test]
fn ranks_order_names_however_they_come() {
    let count = 20_000_u64;
    let orders: [fn(u64) -> u64; 3] =
        [|step| step, |step| 19_999 - step, |step| step * 7_919 % 20_000];
    for order in orders {
        let mut graph = Connectivity::new();
        let mut nodes = BTreeMap::new();
        for name in ["a".to_owned(), "z".to_owned()] {
            nodes.insert(name.clone(), graph.insert_node(name, 0));
        }
        for step in 0..count {
            let name = format!("m{:05}", order(step));
            nodes.insert(name.clone(), graph.insert_node(name, 0));
        }
        let ranks: Vec<u64> = nodes.values().map(|node| graph.nodes[node.slot()].rank).collect();
        assert_eq!(ranks.len(), 20_002);
        assert!(ranks.is_sorted_by(|a, b| a < b));
    }
}
