//! What does the memory of `dedup` cost an identity, and what does bringing a dozen tags near
//! before looking at them save, where they are in no cache?

#[path = "common/shared.rs"]
mod shared;

use criterion::{BenchmarkId, Criterion};
use gridweaver_dataflows::structures::remembered::Remembered;
use gridweaver_model::Tick;
use shared::measure::{measure, run};
use shared::random::Random;

const HELD: [usize; 2] = [200_000, 8_000_000];
/// A tick of 4 s at 10 000 records/s.
const NEW: usize = 40_000;
const GROUP: usize = 12;
const SEED: u64 = 1;

fn main() {
    run(remembered);
}

fn remembered(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("remembered");
    for held in HELD {
        for approached in [true, false] {
            let mut random = Random::new(SEED);
            let (mut memory, mut tick) = (Remembered::new(), 0);
            let window = Tick::try_from(held / NEW).unwrap_or(Tick::MAX);
            for _ in 0..window {
                tick += 1;
                admit(&mut memory, &identities(&mut random), tick, window, true);
            }
            let prepare = || {
                tick += 1;
                (tick, identities(&mut random))
            };
            let manner = if approached { "a dozen at a time" } else { "one at a time" };
            let id = BenchmarkId::new(manner, format!("{held} held"));
            measure(&mut group, id, NEW, prepare, |(tick, identities)| {
                admit(&mut memory, &identities, tick, window, approached)
            });
        }
    }
}

fn identities(random: &mut Random) -> Vec<u128> {
    (0..NEW).map(|_| u128::from(random.next()) << 64 | u128::from(random.next())).collect()
}

/// Remembers those that are new; returns how many were.
fn admit(
    memory: &mut Remembered,
    identities: &[u128],
    tick: Tick,
    window: Tick,
    approached: bool,
) -> usize {
    let mut new = 0;
    for identities in identities.chunks(GROUP) {
        if approached {
            memory.approach(identities);
        }
        for identity in identities {
            new += usize::from(memory.admit(*identity, 1, tick + window, tick));
        }
    }
    new
}
