//! What does the ranking of a program's bids cost: a bid that comes and one that goes, a bid's
//! rank, and the first ten?

#[path = "common/shared.rs"]
mod shared;

use criterion::{BenchmarkId, Criterion};
use gridweaver_dataflows::structures::order_statistics::OrderStatistics;
use gridweaver_model::{Price, Text, Time};
use shared::measure::{measure, run};
use shared::random::Random;
use std::collections::VecDeque;

/// A score, a submission time and a bid, as the planner ranks.
type Key = (Price, Time, Text);

const HELD: [usize; 3] = [1_000, 30_000, 500_000];
/// Keys of one measurement, as one is faster than the clock.
const KEYS: usize = 100;
const FIRST: usize = 10;
const SEED: u64 = 1;

fn main() {
    run(order_statistics);
}

fn order_statistics(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("order_statistics");
    for held in HELD {
        let mut random = Random::new(SEED);
        let mut serial = 0;
        let mut keys: VecDeque<Key> = (0..held).map(|_| key(&mut random, &mut serial)).collect();
        let mut ranking = OrderStatistics::new();
        for key in &keys {
            ranking.insert(key.clone());
        }
        let size = format!("{held} held");
        let prepare = || {
            let came: Vec<Key> = (0..KEYS).map(|_| key(&mut random, &mut serial)).collect();
            keys.extend(came.iter().cloned());
            (came, keys.drain(..KEYS).collect::<Vec<Key>>())
        };
        measure(
            &mut group,
            BenchmarkId::new("came and went", &size),
            KEYS,
            prepare,
            |(came, went)| {
                came.into_iter().for_each(|key| assert!(ranking.insert(key)));
                went.iter().for_each(|key| assert!(ranking.remove(key)));
            },
        );
        let prepare = || {
            let asked = (0..KEYS).map(|_| keys[random.below(keys.len())].clone());
            asked.collect::<Vec<Key>>()
        };
        measure(&mut group, BenchmarkId::new("rank", &size), KEYS, prepare, |asked| {
            asked.iter().filter_map(|key| ranking.rank_of(key)).sum::<usize>()
        });
        measure(
            &mut group,
            BenchmarkId::new("first ten", &size),
            FIRST,
            || (),
            |()| ranking.iter().take(FIRST).map(|(price, ..)| price.0).sum::<i64>(),
        );
    }
}

fn key(random: &mut Random, serial: &mut u64) -> Key {
    *serial += 1;
    let (price, time) = (random.between(20_000, 300_000), random.between(0, 1_800_000));
    (Price(price), Time(time), Text::from(format!("b{serial}")))
}
