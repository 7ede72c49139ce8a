//! What does clearing one area cost: with offers that can deliver any amount (one pass answers),
//! with minima, for which it may have to search, and at the worst there is, where all offers are
//! whole or nothing and their scores hardly differ?

#[path = "common/shared.rs"]
mod shared;

use criterion::{BenchmarkId, Criterion};
use gridweaver_dataflows::structures::clearing::{Offer, Problem, clear};
use shared::measure::{measure, run};
use shared::random::Random;

const OFFERS: [usize; 4] = [10, 100, 1_000, 10_000];
/// Of a hundred offers, those with a minimum.
const MINIMA_PERCENT: [u64; 3] = [0, 25, 100];
const PROGRAMS: usize = 4;
/// Offers of the worst kind.
const ALIKE: [usize; 3] = [16, 40, 400];
/// Of what all offers could deliver together.
const NEED_PERCENT: i64 = 10;
const PROBLEMS: usize = 16;
const MW: i64 = 1_000_000;
const SEED: u64 = 1;

fn main() {
    run(clearing);
}

fn clearing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("clearing");
    group.sample_size(10);
    for offers in OFFERS {
        for minima_percent in MINIMA_PERCENT {
            let mut random = Random::new(SEED);
            let problems: Vec<Problem> =
                (0..PROBLEMS).map(|_| problem(&mut random, offers, minima_percent)).collect();
            let mut problems = problems.iter().cycle();
            let prepare = || problems.next().expect("a cycle has no end");
            let id =
                BenchmarkId::new(format!("{minima_percent} % minima"), format!("{offers} offers"));
            measure(&mut group, id, offers, prepare, clear);
        }
    }
    for offers in ALIKE {
        let mut random = Random::new(SEED);
        let mut problem = problem(&mut random, offers, 0);
        for offer in &mut problem.offers {
            offer.score = 100_000 + random.between(0, 10);
            offer.max_w += random.between(0, MW);
            offer.min_w = offer.max_w;
        }
        problem.offers.sort_unstable_by_key(|offer| offer.score);
        let id = BenchmarkId::new("all alike", format!("{offers} offers"));
        measure(&mut group, id, offers, || &problem, clear);
    }
}

fn problem(random: &mut Random, offers: usize, minima_percent: u64) -> Problem {
    let mut offers: Vec<Offer> = (0..offers)
        .map(|_| {
            let max_w = random.between(1, 40) * MW;
            let has_minimum = random.chance(minima_percent);
            let min_w = if has_minimum { max_w / 4 } else { 0 };
            let score = random.between(20_000, 300_000);
            Offer { score, min_w, max_w, program: random.below(PROGRAMS) }
        })
        .collect();
    offers.sort_unstable_by_key(|offer| offer.score);
    let all_w: i64 = offers.iter().map(|offer| offer.max_w).sum();
    let need_w = all_w * NEED_PERCENT / 100 + random.between(0, MW);
    let program_capacity_w = vec![need_w; PROGRAMS];
    Problem { need_w, offers, program_capacity_w, lost_load_price: 10_000_000 }
}
