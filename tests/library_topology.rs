//! The library's topology: queries against plain twins on random grids, and readers beside writers.

#[path = "common/random.rs"]
mod random;

use gridweaver::model::decision::ViolationKind;
use gridweaver::model::{Ppm, Text, Watts};
use gridweaver::topology::{Edge, Topology, TransferError};
use random::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::thread;

type Grid = BTreeMap<Text, BTreeMap<Text, u32>>;

/// A random grid of few nodes and losses that often tie, and the same as a plain map.
fn random_grid(random: &mut Random) -> (Topology, Grid, Vec<Text>) {
    let nodes: Vec<Text> = (0..random.between(2, 9)).map(|n| format!("n{n}").into()).collect();
    let topology = Topology::new();
    let mut grid = Grid::new();
    for number in 0..random.between(1, 16) {
        let (a, b) = (random.next() as usize % nodes.len(), random.next() as usize % nodes.len());
        let (a, b) = (&nodes[a], &nodes[b]);
        let joined = grid.get(a).is_some_and(|near| near.contains_key(b));
        if a == b || joined {
            continue;
        }
        let loss = [0, 100_000, 200_000, 280_000][random.next() as usize % 4];
        let edge = Edge::new(&format!("l{number}"), a, b, Watts(100));
        topology.add_edge(Edge { loss: Ppm(loss), ..edge }).unwrap();
        grid.entry(a.clone()).or_default().insert(b.clone(), loss);
        grid.entry(b.clone()).or_default().insert(a.clone(), loss);
    }
    (topology, grid, nodes)
}

/// All paths without a node twice, by brute force.
fn all_paths(grid: &Grid, path: &mut Vec<Text>, to: &Text, found: &mut Vec<Vec<Text>>) {
    let here = path.last().unwrap().clone();
    if here == *to {
        found.push(path.clone());
        return;
    }
    for near in grid.get(&here).into_iter().flat_map(BTreeMap::keys) {
        if !path.contains(near) {
            path.push(near.clone());
            all_paths(grid, path, to, found);
            path.pop();
        }
    }
}

/// What a path keeps, exactly, as a fraction of 10⁶⁺⁶ʰ made whole: at most 8 hops of tenths.
fn lost(grid: &Grid, path: &[Text]) -> std::cmp::Reverse<u128> {
    let kept = |ends: &[Text]| u128::from((1_000_000 - grid[&ends[0]][&ends[1]]) / 10_000);
    let product: u128 = path.windows(2).map(kept).product();
    std::cmp::Reverse(product * 100_u128.pow(u32::try_from(10 - path.len()).unwrap()))
}

#[test]
fn paths_are_those_of_brute_force_with_its_ties() {
    let mut paths = 0;
    for seed in 1..=400 {
        let (topology, grid, nodes) = random_grid(&mut Random::new(seed));
        for from in &nodes {
            for to in &nodes {
                let mut found = Vec::new();
                if grid.contains_key(from) && grid.contains_key(to) {
                    all_paths(&grid, &mut vec![from.clone()], to, &mut found);
                }
                let shortest = found.iter().min_by_key(|path| (path.len(), *path)).cloned();
                assert_eq!(topology.find_path(from, to), shortest, "seed {seed}");
                assert_eq!(topology.parallel_find_path(from, to), shortest, "seed {seed}");
                let cheapest =
                    found.iter().min_by_key(|path| (lost(&grid, path), path.len(), *path));
                assert_eq!(topology.cheapest_path(from, to), cheapest.cloned(), "seed {seed}");
                paths += found.len();
            }
        }
    }
    assert!(paths > 10_000, "the grids have hardly a path: {paths}");
}

#[test]
fn reach_is_that_of_repeated_neighbours() {
    for seed in 1..=200 {
        let (topology, grid, nodes) = random_grid(&mut Random::new(seed));
        for from in nodes.iter().filter(|node| grid.contains_key(*node)) {
            let mut reached = BTreeSet::from([from.clone()]);
            for hops in 0..4 {
                let now: Vec<Text> = reached.iter().cloned().collect();
                assert_eq!(topology.reachable_within(from, hops), now, "seed {seed}");
                reached.extend(now.iter().flat_map(|node| grid[node].keys().cloned()));
            }
        }
    }
}

/// Wide enough that levels are shared out over threads.
#[test]
fn a_wide_search_finds_the_same_path() {
    let topology = Topology::new();
    let name = |layer: usize, at: usize| format!("{layer:02}-{at:04}");
    let mut edges = Vec::new();
    for layer in 0..6 {
        for at in 0..1_000 {
            for to in [at, (at * 7 + layer) % 1_000] {
                let (a, b) = (name(layer, at), name(layer + 1, to));
                edges.push(Edge::new(&format!("{a}{b}"), &a, &b, Watts(1)));
            }
        }
    }
    edges.extend((0..1_000).map(|at| Edge::new(&format!("s{at}"), "s", &name(0, at), Watts(1))));
    topology.add_edges(edges).unwrap();
    for at in (0..1_000).step_by(50) {
        let path = topology.find_path(&name(6, at), "s");
        assert_eq!(path.as_ref().unwrap().len(), 8);
        assert_eq!(topology.parallel_find_path(&name(6, at), "s"), path);
    }
}

#[test]
fn standing_transfers_take_capacity_one_way_and_give_it_back() {
    let topology = Topology::new();
    topology.add_edge(Edge::new("l1", "a", "b", Watts(60))).unwrap();
    topology.add_edge(Edge::new("l2", "b", "a", Watts(40))).unwrap();
    assert_eq!(
        (topology.total_capacity(), topology.neighbors("a")),
        (Watts(100), vec!["b".into()])
    );
    topology.stand_transfer(&["a", "b"], Watts(70)).unwrap();
    assert_eq!(topology.remaining_capacity("a", "b"), Watts(30));
    assert_eq!(topology.remaining_capacity("b", "a"), Watts(100));
    let refused = topology.stand_transfer(&["a", "b"], Watts(31)).unwrap_err();
    assert!(matches!(refused, TransferError::Capacity { remaining: Watts(30), .. }));
    let against = topology.stand_transfer(&["b", "a"], Watts(1)).unwrap_err();
    assert!(matches!(against, TransferError::Against { .. }), "it would flow both ways");
    // What it took is given back, though a line is smaller and loses more by now.
    topology.add_edge(Edge { loss: Ppm(9), ..Edge::new("l1", "a", "b", Watts(30)) }).unwrap();
    assert_eq!(topology.remaining_capacity("a", "b"), Watts(0));
    assert!(topology.end_transfer(&["a", "b"], Watts(70)));
    assert!(!topology.end_transfer(&["a", "b"], Watts(70)), "it stands no more");
    assert_eq!(topology.remaining_capacity("a", "b"), Watts(70));
    assert!(topology.remove_edge("l1") && !topology.remove_edge("l1"));
    assert_eq!(topology.remaining_capacity("a", "b"), Watts(40));
    assert!(topology.remove_edge("l2"));
    let kinds = topology.validate_topology().into_iter().map(|violation| violation.kind);
    assert_eq!(kinds.collect::<Vec<_>>(), [ViolationKind::IsolatedNode; 2]);
}

#[test]
fn edges_of_many_writers_are_all_there_and_readers_see_none_go() {
    let topology = Topology::new();
    thread::scope(|scope| {
        for writer in 0..8 {
            let topology = &topology;
            scope.spawn(move || {
                for at in 0..100 {
                    let end = format!("n{writer}-{at}");
                    topology.add_edge(Edge::new(&end, "hub", &end, Watts(1))).unwrap();
                }
            });
            scope.spawn(move || {
                let mut before = 0;
                while before < 800 {
                    let now = topology.neighbors("hub").len();
                    assert!(now >= before, "{now} edges after {before}");
                    before = now;
                }
            });
        }
    });
    assert_eq!(topology.total_capacity(), Watts(800));
}

#[test]
fn queries_into_a_reused_vector_allocate_nothing() {
    let topology = Topology::new();
    let edge = |at: usize| {
        let (line, from, to) = (format!("l{at}"), format!("n{at}"), format!("n{}", at + 1));
        Edge::new(&line, &from, &to, Watts(10))
    };
    topology.add_edges((0..500).map(edge)).unwrap();
    let mut nodes = Vec::new();
    let mut ask = || {
        assert!(topology.find_path_into("n0", "n500", &mut nodes));
        let snapshot = topology.snapshot();
        assert!(snapshot.cheapest_path_into("n500", "n0", &mut nodes));
        snapshot.reachable_within_into("n250", 100, &mut nodes);
        assert_eq!((nodes.len(), snapshot.neighbors("n250").count()), (201, 2));
        assert!(snapshot.validate_transfer(&["n0", "n1", "n2"], Watts(10)).is_ok());
    };
    ask();
    assert_eq!(allocation_counter::measure(ask).count_total, 0);
}

/// A ring is cut at one place at a time, in one exchange: whoever reads finds a way round.
#[test]
fn readers_beside_a_writer_always_see_a_whole_ring() {
    const NODES: usize = 300;
    let topology = Topology::new();
    let edge = |at: usize| {
        let (from, to) = (format!("n{at}"), format!("n{}", (at + 1) % NODES));
        Edge::new(&format!("l{at}"), &from, &to, Watts(10))
    };
    topology.add_edges((0..NODES).map(edge)).unwrap();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for at in 0..2_000 {
                assert!(topology.remove_edge(&format!("l{}", at % NODES)));
                topology.add_edge(edge(at % NODES)).unwrap();
            }
        });
        for reader in 0..8 {
            let topology = &topology;
            scope.spawn(move || {
                let mut path = Vec::new();
                for query in 0..500 {
                    let (from, to) = (format!("n{}", query % NODES), format!("n{}", reader * 37));
                    assert!(topology.find_path_into(&from, &to, &mut path), "{from} {to}");
                    assert!(path.len() <= NODES && path[0] == from);
                    let snapshot = topology.snapshot();
                    let total = snapshot.total_capacity().0;
                    assert!(total == 10 * 300 || total == 10 * 299, "half of an edit: {total}");
                }
            });
        }
        writer.join().unwrap();
    });
}
