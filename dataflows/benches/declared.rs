//! What do `regions` and `programs` cost: a new value for every region in one tick?

#[path = "common/shared.rs"]
mod shared;

use criterion::{BenchmarkId, Criterion};
use gridweaver_dataflows::by_tick::View;
use gridweaver_dataflows::change::Change;
use gridweaver_dataflows::programs::Programs;
use gridweaver_dataflows::regions::Regions;
use gridweaver_dataflows::row::Row;
use shared::feed::{Feed, batches};
use shared::measure::{measure, run};

const NODES: usize = 10_000;
const REGIONS: [usize; 2] = [50, 2_000];
const SEED: u64 = 1;

fn main() {
    run(|criterion| {
        let feed = |regions| Feed::new(NODES, regions, SEED);
        for regions in REGIONS {
            let view = Regions::new(&feed(regions).rules);
            declared(criterion, "regions", feed(regions), view, Feed::prices);
            let view = Programs::new(&feed(regions).rules);
            declared(criterion, "programs", feed(regions), view, Feed::programs);
        }
    });
}

fn declared(
    criterion: &mut Criterion,
    name: &str,
    mut feed: Feed,
    mut view: impl View<Row = Row, Change = Change, Out = Change>,
    rows: fn(&mut Feed) -> Vec<Row>,
) {
    let mut group = criterion.benchmark_group(name);
    let regions = feed.lattice.regions;
    let prepare = || (feed.next_tick(), batches(rows(&mut feed)));
    let id = BenchmarkId::new("all declared", format!("{regions} regions"));
    measure(&mut group, id, regions, prepare, |(tick, rows)| {
        let mut told = Vec::new();
        view.close(tick, rows, Vec::new(), &mut told);
        told
    });
}
