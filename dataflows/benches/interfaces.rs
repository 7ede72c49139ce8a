//! What does `interfaces` cost: a tie that comes or goes, and an area whose identity is told anew,
//! which concerns every interface of its region?

#[path = "common/shared.rs"]
mod shared;

use criterion::{BenchmarkId, Criterion};
use gridweaver_dataflows::by_tick::View;
use gridweaver_dataflows::change::Change;
use gridweaver_dataflows::interfaces::Interfaces;
use gridweaver_dataflows::islands::Islands;
use shared::feed::{Feed, batches};
use shared::measure::{measure, run};

const NODES: [usize; 2] = [10_000, 70_000];
const REGIONS: usize = 50;
const SEED: u64 = 1;

fn main() {
    run(interfaces);
}

fn interfaces(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("interfaces");
    for nodes in NODES {
        let mut feed = Feed::new(nodes, REGIONS, SEED);
        let (mut islands, mut told) = (Islands::new(&feed.rules), Vec::new());
        islands.close(feed.tick(), batches(feed.grid()), Vec::new(), &mut told);
        let is_tie = |change: &Change| matches!(change, Change::Tie { .. });
        let is_area = |change: &Change| matches!(change, Change::Area { .. });
        let (ties, rest): (Vec<Change>, Vec<Change>) = told.into_iter().partition(is_tie);
        let areas: Vec<Change> = rest.into_iter().filter(is_area).collect();
        let mut view = Interfaces::default();
        let all = vec![areas.clone(), ties.clone()];
        view.close(feed.tick(), Vec::new(), all, &mut Vec::new());
        let mut gone = None;
        let switched = || {
            let change = gone.take().unwrap_or_else(|| {
                let tie = ties[feed.random.below(ties.len())].clone();
                gone = Some(tie.clone());
                without(tie)
            });
            (feed.next_tick(), change)
        };
        let mut close = |(tick, change)| {
            let mut told = Vec::new();
            view.close(tick, Vec::new(), vec![vec![change]], &mut told);
            told
        };
        let size = format!("{nodes} nodes");
        measure(&mut group, BenchmarkId::new("a tie", &size), 1, switched, &mut close);
        let told_anew = || {
            let area = areas[feed.random.below(areas.len())].clone();
            (feed.next_tick(), area)
        };
        measure(&mut group, BenchmarkId::new("an area", &size), 1, told_anew, &mut close);
    }
}

fn without(tie: Change) -> Change {
    match tie {
        Change::Tie { line, .. } => Change::Tie { line, tie: None },
        other => other,
    }
}
