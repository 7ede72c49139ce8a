//! What does `picture` cost a tick in which little is told, while few or many things are unresolved?

#[path = "common/shared.rs"]
mod shared;

use criterion::BenchmarkId;
use gridweaver_dataflows::by_tick::View;
use gridweaver_dataflows::change::{Change, Referrer};
use gridweaver_dataflows::dedup::Outcomes;
use gridweaver_dataflows::picture::Picture;
use gridweaver_model::decision::{Violation, ViolationKind};
use gridweaver_model::{Ppm, Text, Tick};
use shared::feed::{line_name, node_name, region_name};
use shared::measure::{measure, run};
use shared::random::Random;

/// Nodes that telemetry names and that do not exist.
const UNRESOLVED: [usize; 2] = [1_000, 100_000];
/// Changes of each kind in a tick.
const CHANGES: usize = 100;
const KINDS: usize = 4;
const PARTICIPANTS: usize = 2_000;
const REGIONS: usize = 50;
const SEED: u64 = 1;

fn main() {
    run(|criterion| {
        let mut group = criterion.benchmark_group("picture");
        for unresolved in UNRESOLVED {
            let mut random = Random::new(SEED);
            let mut view = Picture::default();
            let all = (0..unresolved).map(|node| missing(node, true)).collect();
            view.close(0, Vec::new(), vec![all], &mut Vec::new());
            let mut tick: Tick = 0;
            let prepare = || {
                tick += 1;
                (tick, told(unresolved, &mut random))
            };
            let id = BenchmarkId::new("a tick", format!("{unresolved} unresolved"));
            measure(&mut group, id, KINDS * CHANGES, prepare, |(tick, changes)| {
                let outcomes = vec![vec![Outcomes { applied: 1, ..Outcomes::default() }]];
                view.close(tick, outcomes, vec![changes], &mut Vec::new());
            });
        }
    });
}

/// A tick's changes: as many of them come as go.
fn told(unresolved: usize, random: &mut Random) -> Vec<Change> {
    let mut changes = Vec::with_capacity(KINDS * CHANGES);
    for _ in 0..CHANGES {
        changes.push(missing(random.below(unresolved), random.chance(50)));
        changes.push(violation(random.below(unresolved), random.chance(50)));
        changes.push(island(random.below(unresolved), random.chance(50)));
        changes.push(Change::Reliability {
            participant: Text::from(format!("v{}", random.below(PARTICIPANTS))),
            reliability: random.chance(50).then_some(Ppm(900_000)),
        });
    }
    changes
}

fn missing(node: usize, is_missing: bool) -> Change {
    let key = node_name(node);
    let missing = is_missing.then(|| Text::from(format!("node {key}")));
    Change::Unresolved { referrer: Referrer::Telemetry, key, missing }
}

fn violation(line: usize, cleared: bool) -> Change {
    let (kind, subject) = (ViolationKind::ZeroCapacity, line_name(line));
    let detail = "its capacity is 0 MW".into();
    Change::Violation(Box::new(Violation { kind, subject, detail, cleared }))
}

fn island(node: usize, exists: bool) -> Change {
    let shape = exists.then(|| Box::new((1, vec![region_name(node % REGIONS)])));
    Change::Island { island: node_name(node), shape }
}
