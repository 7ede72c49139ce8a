//! What does the cascade over the areas of one island cost, as areas become more, with few and
//! with many of them in need?

#[path = "common/shared.rs"]
mod shared;

use criterion::{BenchmarkId, Criterion};
use gridweaver_dataflows::structures::flow::{Area, Interface, Problem, solve};
use shared::measure::{measure, run};
use shared::random::Random;

const AREAS: [usize; 4] = [10, 50, 100, 200];
const IN_NEED_PERCENT: [u64; 2] = [5, 20];
const PROBLEMS: usize = 8;
const MW: i64 = 1_000_000;
const SEED: u64 = 1;

fn main() {
    run(flow);
}

fn flow(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("flow");
    group.sample_size(10);
    for areas in AREAS {
        for percent in IN_NEED_PERCENT {
            let mut random = Random::new(SEED);
            let problems: Vec<Problem> =
                (0..PROBLEMS).map(|_| problem(&mut random, areas, percent)).collect();
            let mut problems = problems.iter().cycle();
            let prepare = || problems.next().expect("a cycle has no end");
            let id = BenchmarkId::new(format!("{percent} % in need"), format!("{areas} areas"));
            measure(&mut group, id, areas, prepare, solve);
        }
    }
}

/// Areas in a square, each joined to its neighbours.
fn problem(random: &mut Random, count: usize, in_need_percent: u64) -> Problem {
    let areas = (0..count).map(|_| {
        let (power_w, price) = (random.between(1, 500) * MW, random.between(15, 90) * 1_000);
        let is_in_need = random.chance(in_need_percent);
        let (need_w, surplus_w) = if is_in_need { (power_w, 0) } else { (0, power_w) };
        Area { need_w, surplus_w, energy_price: price }
    });
    let areas: Vec<Area> = areas.collect();
    let width = count.isqrt();
    let mut interfaces = Vec::new();
    for from in 0..count {
        let right = (!(from + 1).is_multiple_of(width)).then_some(from + 1);
        for to in right.into_iter().chain([from + width]).filter(|to| *to < count) {
            let capacity_w = random.between(100, 2_000) * MW;
            let loss_ppm = u32::try_from(random.between(1_000, 30_000)).unwrap_or_default();
            let wheeling_price = random.between(0, 3_000);
            for (from, to) in [(from, to), (to, from)] {
                interfaces.push(Interface { from, to, capacity_w, loss_ppm, wheeling_price });
            }
        }
    }
    interfaces.sort_unstable_by_key(|interface| (interface.from, interface.to));
    Problem { areas, interfaces, lost_load_price: 10_000_000 }
}
