//! What does the planner cost a tick: one in which every area's need moved, so that all plans are
//! made anew (clearing, then the cascade), and one in which no need moved beyond the deadband?
//!
//! The views before it run outside the time taken. What stands grows as it would in a run: bids
//! come, are accepted, and end.

#[path = "common/shared.rs"]
mod shared;

use criterion::{BenchmarkId, Criterion};
use gridweaver_dataflows::by_tick::View;
use gridweaver_dataflows::planner::Planner;
use shared::chain::{Told, Upstream};
use shared::feed::{Feed, batches};
use shared::measure::{measure, run};

const NODES: usize = 10_000;
const REGIONS: [usize; 2] = [10, 50];
/// A tick of 4 s at 10 000 records/s, 5 % of them bids.
const READINGS: usize = 38_000;
const BIDS: usize = 2_000;
/// Ticks before anything is measured.
const TICKS_BEFORE: usize = 10;
const SEED: u64 = 1;

fn main() {
    run(|criterion| {
        for regions in REGIONS {
            planner(criterion, regions, "all needs moved", READINGS, BIDS);
            planner(criterion, regions, "bids alone came", 0, BIDS);
            planner(criterion, regions, "nothing came", 0, 0);
        }
    });
}

fn planner(criterion: &mut Criterion, regions: usize, name: &str, readings: usize, bids: usize) {
    let mut group = criterion.benchmark_group("planner");
    let mut feed = Feed::new(NODES, regions, SEED);
    let mut upstream = Upstream::new(&feed.rules);
    let mut planner = Planner::new(&feed.rules);
    let mut rows = feed.grid();
    rows.extend(feed.prices());
    rows.extend(feed.programs());
    for _ in 0..TICKS_BEFORE {
        rows.extend(feed.readings(READINGS));
        rows.extend(feed.bids(BIDS));
        let tick = feed.next_tick();
        let Told { answers, planner: changes, .. } =
            upstream.close(tick, batches(std::mem::take(&mut rows)));
        planner.close(tick, answers, changes, &mut Vec::new());
    }
    let prepare = || {
        let tick = feed.next_tick();
        let mut rows = feed.readings(readings);
        rows.extend(feed.bids(bids));
        (tick, upstream.close(tick, batches(rows)))
    };
    let id = BenchmarkId::new(name, format!("{regions} regions"));
    measure(&mut group, id, 1, prepare, |(tick, told)| {
        let mut decided = Vec::new();
        planner.close(tick, told.answers, told.planner, &mut decided);
        decided
    });
}
