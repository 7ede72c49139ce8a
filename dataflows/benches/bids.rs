//! What does `bids` cost: a tick's new bids while many are held, and a program's new price limit,
//! which concerns all bids under it?

#[path = "common/shared.rs"]
mod shared;

use criterion::{BenchmarkId, Criterion};
use gridweaver_dataflows::bids::Bids;
use gridweaver_dataflows::by_tick::View;
use gridweaver_dataflows::change::Change;
use gridweaver_dataflows::islands::Islands;
use gridweaver_dataflows::programs::Programs;
use gridweaver_model::Price;
use shared::feed::{Feed, batches};
use shared::measure::{measure, run};

/// A tick of 4 s in which 5 % of 10 000 records/s are bids.
const NEW: usize = 2_000;
const HELD: [usize; 2] = [20_000, 400_000];
const NODES: usize = 10_000;
const REGIONS: usize = 50;
const SEED: u64 = 1;

fn main() {
    run(|criterion| {
        submitted(criterion);
        program_changed(criterion);
    });
}

fn submitted(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bids");
    for held in HELD {
        let (mut feed, mut view, _) = filled(held);
        let prepare = || (feed.next_tick(), batches(feed.bids(NEW)));
        let id = BenchmarkId::new("submitted", format!("{held} held"));
        measure(&mut group, id, NEW, prepare, |(tick, rows)| {
            let mut told = Vec::new();
            view.close(tick, rows, Vec::new(), &mut told);
            told
        });
    }
}

fn program_changed(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bids");
    for held in HELD {
        let (mut feed, mut view, mut programs) = filled(held);
        let prepare = || {
            let (tick, mut told) = (feed.next_tick(), Vec::new());
            let region = feed.random.below(REGIONS);
            let max_price = Price(feed.random.between(100_000, 200_000));
            let row = feed.program(region, Some(max_price));
            programs.close(tick, vec![vec![row]], Vec::new(), &mut told);
            (tick, told)
        };
        let id = BenchmarkId::new("a program changed", format!("{held} held"));
        measure(&mut group, id, held / REGIONS, prepare, |(tick, changes)| {
            let mut told = Vec::new();
            view.close(tick, Vec::new(), vec![changes], &mut told);
            told
        });
    }
}

/// A view that holds so many bids.
fn filled(held: usize) -> (Feed, Bids, Programs) {
    let mut feed = Feed::new(NODES, REGIONS, SEED);
    let (mut islands, mut programs) = (Islands::new(&feed.rules), Programs::new(&feed.rules));
    let mut around = Vec::new();
    islands.close(feed.tick(), batches(feed.grid()), Vec::new(), &mut around);
    around.retain(|change| matches!(change, Change::Node { .. }));
    programs.close(feed.tick(), batches(feed.programs()), Vec::new(), &mut around);
    let mut view = Bids::new(&feed.rules);
    view.close(feed.tick(), batches(feed.bids(held)), vec![around], &mut Vec::new());
    (feed, view, programs)
}
