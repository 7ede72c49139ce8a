//! What does `totals` cost: a reading of each node in one tick, and a region that is split off
//! its island and comes back, which moves its nodes to another area?

#[path = "common/shared.rs"]
mod shared;

use criterion::{BenchmarkId, Criterion};
use gridweaver_dataflows::by_tick::View;
use gridweaver_dataflows::change::{AreaKey, Change, Reading};
use gridweaver_dataflows::totals::Totals;
use gridweaver_model::Watts;
use shared::feed::{Feed, node_name};
use shared::measure::{measure, run};

const NODES: [usize; 2] = [10_000, 70_000];
const REGIONS: usize = 50;
const SEED: u64 = 1;

fn main() {
    run(|criterion| {
        readings(criterion);
        moves(criterion);
    });
}

fn readings(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("totals");
    for nodes in NODES {
        let (mut feed, mut view) = filled(nodes);
        let prepare = || (feed.next_tick(), read(&mut feed));
        let id = BenchmarkId::new("all nodes read", format!("{nodes} nodes"));
        measure(&mut group, id, nodes, prepare, |(tick, changes)| {
            let mut told = Vec::new();
            view.close(tick, Vec::new(), vec![changes], &mut told);
            told
        });
    }
}

fn moves(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("totals");
    for nodes in NODES {
        let (mut feed, mut view) = filled(nodes);
        let region: Vec<usize> =
            (0..nodes).filter(|node| feed.lattice.region(*node) == REGIONS / 2).collect();
        let prepare = || {
            let tick = feed.next_tick();
            let component = u32::from(tick.is_multiple_of(2));
            let changes = region.iter().map(|node| placed(&feed, *node, component));
            (tick, changes.collect())
        };
        let id = BenchmarkId::new("a region moves", format!("{nodes} nodes"));
        measure(&mut group, id, region.len(), prepare, |(tick, changes)| {
            let mut told = Vec::new();
            view.close(tick, Vec::new(), vec![changes], &mut told);
            told
        });
    }
}

/// A view that knows where all nodes are and what they read.
fn filled(nodes: usize) -> (Feed, Totals) {
    let mut feed = Feed::new(nodes, REGIONS, SEED);
    let mut view = Totals::new(&feed.rules);
    let mut changes: Vec<Change> = (0..nodes).map(|node| placed(&feed, node, 0)).collect();
    changes.extend(read(&mut feed));
    view.close(feed.tick(), Vec::new(), vec![changes], &mut Vec::new());
    (feed, view)
}

fn placed(feed: &Feed, node: usize, component: u32) -> Change {
    let region = u32::try_from(feed.lattice.region(node)).unwrap_or_default();
    Change::Placed { node: node_name(node), area: Some(AreaKey { component, region }) }
}

/// A new reading of each node.
fn read(feed: &mut Feed) -> Vec<Change> {
    let time = feed.rules.start_of(feed.tick());
    let readings = (0..feed.lattice.nodes).map(|node| {
        let mut power = || Watts(feed.random.between(0, 60_000_000));
        let (generation, load, available) = (power(), power(), power());
        let reading = Reading { time, generation, load, available };
        Change::Reading { node: node_name(node), reading, first: false }
    });
    readings.collect()
}
