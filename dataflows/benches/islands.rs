//! What does `islands` cost: a breaker operation in a tick, twenty of them (a storm), and the
//! whole grid at once?

#[path = "common/shared.rs"]
mod shared;

use criterion::{BenchmarkId, Criterion};
use gridweaver_dataflows::by_tick::View;
use gridweaver_dataflows::change::Change;
use gridweaver_dataflows::islands::Islands;
use shared::feed::{Feed, batches};
use shared::measure::{measure, run};

const NODES: [usize; 2] = [10_000, 70_000];
const REGIONS: usize = 50;
const SWITCHINGS: [usize; 2] = [1, 20];
const SEED: u64 = 1;

fn main() {
    run(|criterion| {
        switchings(criterion);
        whole_grid(criterion);
    });
}

fn switchings(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("islands");
    for nodes in NODES {
        let mut feed = Feed::new(nodes, REGIONS, SEED);
        let mut view = Islands::new(&feed.rules);
        view.close(feed.tick(), batches(feed.grid()), Vec::new(), &mut Vec::new());
        for count in SWITCHINGS {
            let prepare = || {
                let tick = feed.next_tick();
                (tick, vec![(0..count).map(|_| feed.switching()).collect()])
            };
            let id = BenchmarkId::new(format!("{count} switched"), format!("{nodes} nodes"));
            measure(&mut group, id, count, prepare, |(tick, rows)| {
                let mut told: Vec<Change> = Vec::new();
                view.close(tick, rows, Vec::new(), &mut told);
                told
            });
        }
    }
}

fn whole_grid(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("islands");
    group.sample_size(10);
    for nodes in NODES {
        let mut feed = Feed::new(nodes, REGIONS, SEED);
        let (rules, tick) = (feed.rules.clone(), feed.tick());
        let prepare = || batches(feed.grid());
        let id = BenchmarkId::new("the whole grid", format!("{nodes} nodes"));
        measure(&mut group, id, nodes, prepare, |rows| {
            let (mut view, mut told) = (Islands::new(&rules), Vec::new());
            view.close(tick, rows, Vec::new(), &mut told);
            (view, told)
        });
    }
}
