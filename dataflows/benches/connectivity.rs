//! What does one switched line cost the islands themselves, beside building all of them anew, and
//! what does a search for all bridges cost?

#[path = "common/shared.rs"]
mod shared;

use criterion::{BenchmarkId, Criterion};
use gridweaver_dataflows::structures::bridges::BridgeSearch;
use gridweaver_dataflows::structures::connectivity::{
    ComponentIndex, Connectivity, EdgeIndex, NodeIndex,
};
use shared::lattice::{Lattice, Switchboard};
use shared::measure::{measure, run};
use shared::random::Random;

const NODES: [usize; 3] = [10_000, 70_000, 500_000];
const REGIONS: usize = 50;
const OPEN_PERCENT: usize = 5;
/// Lines switched in one measurement, as one is faster than the clock.
const SWITCHED: usize = 100;
const SEED: u64 = 1;

fn main() {
    run(|criterion| {
        for nodes in NODES {
            switched(criterion, nodes);
            built(criterion, nodes);
            bridges(criterion, nodes);
        }
    });
}

/// A graph, its edges by line, and which lines are open.
struct Made {
    random: Random,
    lattice: Lattice,
    graph: Connectivity,
    nodes: Vec<NodeIndex>,
    edges: Vec<EdgeIndex>,
}

fn made(nodes: usize) -> Made {
    let mut random = Random::new(SEED);
    let lattice = Lattice::new(nodes, REGIONS, &mut random);
    let (graph, nodes, edges) = graph_of(&lattice);
    Made { random, lattice, graph, nodes, edges }
}

fn graph_of(lattice: &Lattice) -> (Connectivity, Vec<NodeIndex>, Vec<EdgeIndex>) {
    let mut graph = Connectivity::new();
    let nodes: Vec<NodeIndex> = (0..lattice.nodes)
        .map(|node| {
            let region = u32::try_from(lattice.region(node)).unwrap_or_default();
            graph.insert_node(format!("n{node}"), region)
        })
        .collect();
    let lines = lattice.lines.iter();
    let edges = lines.map(|(from, to)| graph.insert_edge(nodes[*from], nodes[*to])).collect();
    graph.take_moves();
    (graph, nodes, edges)
}

fn switched(criterion: &mut Criterion, size: usize) {
    let mut group = criterion.benchmark_group("connectivity");
    let Made { mut random, lattice, mut graph, nodes, mut edges } = made(size);
    let open = lattice.lines.len() * OPEN_PERCENT / 100;
    let mut board = Switchboard::new(lattice.lines.len(), open, &mut random);
    board.open().for_each(|line| graph.remove_edge(edges[line]));
    graph.take_moves();
    let prepare = || (0..SWITCHED).map(|_| board.switch(&mut random)).collect::<Vec<_>>();
    let id = BenchmarkId::new("switched", format!("{size} nodes"));
    measure(&mut group, id, SWITCHED, prepare, |switchings| {
        let mut moved = 0;
        for (line, in_service) in switchings {
            if in_service {
                let (from, to) = lattice.lines[line];
                edges[line] = graph.insert_edge(nodes[from], nodes[to]);
            } else {
                graph.remove_edge(edges[line]);
            }
            moved += graph.take_moves().nodes.len();
        }
        moved
    });
}

fn built(criterion: &mut Criterion, size: usize) {
    let mut group = criterion.benchmark_group("connectivity");
    group.sample_size(10);
    let lattice = made(size).lattice;
    let id = BenchmarkId::new("built", format!("{size} nodes"));
    measure(&mut group, id, size, || (), |()| graph_of(&lattice));
}

fn bridges(criterion: &mut Criterion, size: usize) {
    let mut group = criterion.benchmark_group("bridges");
    let graph = made(size).graph;
    let components: Vec<ComponentIndex> = graph.components().collect();
    let mut search = BridgeSearch::default();
    let id = BenchmarkId::new("searched", format!("{size} nodes"));
    measure(
        &mut group,
        id,
        size,
        || (),
        |()| {
            let found = components.iter().map(|component| search.bridges(&graph, *component));
            found.collect::<Vec<_>>()
        },
    );
}
