//! What does an upsert cost a record, and a removal with its forgetting, while few or many keys
//! are held?

#[path = "common/shared.rs"]
mod shared;

use criterion::{BenchmarkId, Criterion};
use gridweaver_dataflows::structures::upserts::Upserts;
use gridweaver_model::record::Version;
use gridweaver_model::{Millis, Rules, Text, Tick, Time};
use shared::feed::line_name;
use shared::measure::{measure, run};
use shared::random::Random;

const KEYS: [usize; 2] = [10_000, 500_000];
/// Records of a tick.
const RECORDS: usize = 1_000;
/// Of a hundred records, those that take their key away.
const REMOVALS_PERCENT: u64 = 10;
const SEED: u64 = 1;

fn main() {
    run(upserts);
}

fn upserts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("upserts");
    let rules = Rules { retention: Millis(60_000), ..Rules::default() };
    for keys in KEYS {
        let mut random = Random::new(SEED);
        let mut view = Upserts::new(&rules);
        let mut tick: Tick = 0;
        for key in 0..keys {
            view.offer(line_name(key), version(&rules, tick, 0), Some(key), false);
        }
        let prepare = || {
            tick += 1;
            let record = |number| {
                let value = (!random.chance(REMOVALS_PERCENT)).then_some(number);
                (line_name(random.below(keys)), version(&rules, tick, number), value)
            };
            (tick, (0..RECORDS).map(record).collect::<Vec<(Text, Version, Option<usize>)>>())
        };
        let id = BenchmarkId::new("a tick", format!("{keys} keys"));
        measure(&mut group, id, RECORDS, prepare, |(tick, records)| {
            for (key, version, value) in records {
                view.offer(key, version, value, false);
            }
            view.forget(tick)
        });
    }
}

fn version(rules: &Rules, tick: Tick, number: usize) -> Version {
    let time = Time(rules.end_of(tick).0 - 1);
    Version { time, sequence: number as u64, source: "scada".into(), id: "e1".into() }
}
