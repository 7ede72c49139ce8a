//! What does `latest` cost a reading, on a usual grid and on one far larger than the caches?

#[path = "common/shared.rs"]
mod shared;

use criterion::{BenchmarkId, Criterion};
use gridweaver_dataflows::by_tick::View;
use gridweaver_dataflows::latest::Latest;
use gridweaver_model::Rules;
use shared::feed::{Feed, batches};
use shared::measure::{measure, run};

/// A tick of 4 s at 10 000 records/s.
const ROWS: usize = 40_000;
const NODES: [usize; 2] = [10_000, 500_000];
const REGIONS: usize = 50;
const SEED: u64 = 1;

fn main() {
    run(latest);
}

fn latest(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("latest");
    for nodes in NODES {
        let mut feed = Feed::new(nodes, REGIONS, SEED);
        let mut view = Latest::new(&Rules::default());
        let all = (0..nodes).map(|node| feed.reading(node)).collect();
        view.close(feed.tick(), batches(all), Vec::new(), &mut Vec::new());
        let prepare = || (feed.next_tick(), batches(feed.readings(ROWS)));
        let id = BenchmarkId::new("readings", format!("{nodes} nodes"));
        measure(&mut group, id, ROWS, prepare, |(tick, rows)| {
            let mut told = Vec::new();
            view.close(tick, rows, Vec::new(), &mut told);
            told
        });
    }
}
