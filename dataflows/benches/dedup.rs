//! What does `dedup` cost a row: where what is remembered fits the caches and where it does not,
//! without copies and with some?

#[path = "common/shared.rs"]
mod shared;

use criterion::{BenchmarkId, Criterion};
use gridweaver_dataflows::by_tick::{Batches, View};
use gridweaver_dataflows::dedup::Dedup;
use gridweaver_dataflows::row::Row;
use gridweaver_model::{Millis, Rules, Tick};
use shared::feed::{Feed, batches};
use shared::measure::{measure, run};

/// A tick of 4 s at 10 000 records/s.
const ROWS: usize = 40_000;
const REMEMBERED: [usize; 2] = [200_000, 4_000_000];
const COPIES_PERCENT: [usize; 2] = [0, 2];
const NODES: usize = 10_000;
const REGIONS: usize = 50;
const SEED: u64 = 1;

fn main() {
    run(dedup);
}

fn dedup(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dedup");
    for remembered in REMEMBERED {
        for copies_percent in COPIES_PERCENT {
            let mut feed = Feed::new(NODES, REGIONS, SEED);
            let ticks = remembered / ROWS;
            let window_ms = feed.rules.tick.0 * i64::try_from(ticks).unwrap_or(i64::MAX);
            let rules = Rules { dedup_window: Millis(window_ms), ..feed.rules.clone() };
            let mut view = Dedup::new(rules);
            for _ in 0..ticks {
                let (tick, rows) = rows(&mut feed, 0);
                view.close(tick, rows, Vec::new(), &mut Vec::new());
            }
            let id = BenchmarkId::new(
                format!("{remembered} remembered"),
                format!("{copies_percent} % copies"),
            );
            let prepare = || rows(&mut feed, copies_percent);
            measure(&mut group, id, ROWS, prepare, |(tick, rows)| {
                let mut told = Vec::new();
                view.close(tick, rows, Vec::new(), &mut told);
                told
            });
        }
    }
}

/// The rows of the next tick, some of them copies of others.
fn rows(feed: &mut Feed, copies_percent: usize) -> (Tick, Batches<Row>) {
    let tick = feed.next_tick();
    let mut rows = feed.readings(ROWS);
    for _ in 0..ROWS * copies_percent / 100 {
        let (from, to) = (feed.random.below(ROWS), feed.random.below(ROWS));
        rows[to] = rows[from].clone();
    }
    (tick, batches(rows))
}
