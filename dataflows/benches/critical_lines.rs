//! What does `critical_lines` cost a tick with one breaker operation: it searches the whole
//! island anew, so does it follow the grid's size and nothing worse?

#[path = "common/shared.rs"]
mod shared;

use criterion::{BenchmarkId, Criterion};
use gridweaver_dataflows::by_tick::View;
use gridweaver_dataflows::critical_lines::CriticalLines;
use gridweaver_dataflows::islands::Islands;
use shared::feed::{Feed, batches};
use shared::measure::{measure, run};

const NODES: [usize; 3] = [1_000, 10_000, 70_000];
const REGIONS: usize = 50;
const SEED: u64 = 1;

fn main() {
    run(critical_lines);
}

fn critical_lines(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("critical_lines");
    for nodes in NODES {
        let mut feed = Feed::new(nodes, REGIONS, SEED);
        let mut islands = Islands::new(&feed.rules);
        let mut told = Vec::new();
        islands.close(feed.tick(), batches(feed.grid()), Vec::new(), &mut told);
        let mut view = CriticalLines::default();
        view.close(feed.tick(), Vec::new(), vec![told], &mut Vec::new());
        let prepare = || {
            let (tick, mut told) = (feed.next_tick(), Vec::new());
            islands.close(tick, vec![vec![feed.switching()]], Vec::new(), &mut told);
            (tick, told)
        };
        let id = BenchmarkId::new("1 switched", format!("{nodes} nodes"));
        measure(&mut group, id, nodes, prepare, |(tick, changes)| {
            view.close(tick, Vec::new(), vec![changes], &mut Vec::new())
        });
    }
}
