//! What do the differential views cost a tick in which little changes: `violations` with one line
//! switched, `unresolved` with one node heard of, `reliability` with some facts while few or many
//! of earlier ticks still count?

#[path = "common/shared.rs"]
mod shared;

use criterion::{Criterion, Throughput};
use differential_dataflow::input::InputSession;
use gridweaver_dataflows::change::KnownLine;
use gridweaver_dataflows::reliability::reliability;
use gridweaver_dataflows::unresolved::unresolved_telemetry;
use gridweaver_dataflows::violations::violations;
use gridweaver_model::record::Performance;
use gridweaver_model::{Text, Tick, Watts};
use shared::feed::{line_name, node_name};
use shared::lattice::Lattice;
use shared::measure::run;
use shared::random::Random;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use timely::dataflow::operators::Probe;
use timely::dataflow::operators::probe::Handle;
use timely::worker::Worker;

const NODES: usize = 10_000;
const REGIONS: usize = 50;
const PARTICIPANTS: usize = 2_000;
/// Facts a tick, and those that count when the measurement begins.
const FACTS: usize = 20;
const FACTS_BEFORE: [usize; 3] = [1_000, 10_000, 100_000];
const SEED: u64 = 1;

fn main() {
    run(|criterion| {
        bench(criterion, "violations", time_violations);
        bench(criterion, "unresolved", time_unresolved);
        for before in FACTS_BEFORE {
            let name = format!("reliability/{before} facts");
            bench(criterion, &name, move |worker, ticks| time_reliability(worker, ticks, before));
        }
    });
}

/// Each sample is a dataflow of its own: loaded first, then timed over so many ticks.
fn bench(
    criterion: &mut Criterion,
    name: &str,
    timed: impl Fn(&mut Worker, u64) -> Duration + Copy + Send + Sync + 'static,
) {
    let mut group = criterion.benchmark_group("differential");
    group.sample_size(10).throughput(Throughput::Elements(1));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|ticks| {
            let mut config = timely::Config::thread();
            differential_dataflow::configure(
                &mut config.worker,
                &differential_dataflow::Config::default().idle_merge_effort(Some(1000)),
            );
            let guards = timely::execute(config, move |worker| timed(worker, ticks));
            let mut results = guards.expect("a worker starts").join().into_iter();
            results.next().and_then(Result::ok).expect("a worker ends")
        });
    });
}

/// Times so many ticks, each of which `put` gives its input before it goes on.
fn time_ticks(
    worker: &mut Worker,
    probe: &Handle<Tick>,
    ticks: u64,
    mut put: impl FnMut(Tick),
) -> Duration {
    let started = Instant::now();
    for tick in LOADED..LOADED + ticks {
        put(tick);
        worker.step_while(|| probe.less_than(&(tick + 1)));
    }
    started.elapsed()
}

/// The first tick after all was loaded.
const LOADED: Tick = 1;

fn time_violations(worker: &mut Worker, ticks: u64) -> Duration {
    let mut random = Random::new(SEED);
    let lattice = Lattice::new(NODES, REGIONS, &mut random);
    let probe = Handle::new();
    let mut lines = InputSession::<Tick, KnownLine, isize>::new();
    let mut nodes = InputSession::<Tick, Text, isize>::new();
    worker.dataflow(|scope| {
        let broken = violations(lines.to_collection(scope), nodes.to_collection(scope));
        broken.inner.probe_with(&probe);
    });
    let known = |line: usize, in_service| {
        let (from, to) = lattice.lines[line];
        let (line, from, to) = (line_name(line), node_name(from), node_name(to));
        KnownLine { line, from, to, carries: true, in_service }
    };
    (0..NODES).for_each(|node| nodes.insert(node_name(node)));
    (0..lattice.lines.len()).for_each(|line| lines.insert(known(line, true)));
    let mut in_service = vec![true; lattice.lines.len()];
    lines.advance_to(LOADED);
    nodes.advance_to(LOADED);
    lines.flush();
    nodes.flush();
    worker.step_while(|| probe.less_than(&LOADED));
    time_ticks(worker, &probe, ticks, |tick| {
        let line = random.below(in_service.len());
        lines.remove(known(line, in_service[line]));
        in_service[line] = !in_service[line];
        lines.insert(known(line, in_service[line]));
        lines.advance_to(tick + 1);
        nodes.advance_to(tick + 1);
        lines.flush();
        nodes.flush();
    })
}

fn time_unresolved(worker: &mut Worker, ticks: u64) -> Duration {
    let probe = Handle::new();
    let mut heard = InputSession::<Tick, Text, isize>::new();
    let mut nodes = InputSession::<Tick, Text, isize>::new();
    worker.dataflow(|scope| {
        let missing = unresolved_telemetry(heard.to_collection(scope), nodes.to_collection(scope));
        missing.inner.probe_with(&probe);
    });
    (0..NODES).for_each(|node| nodes.insert(node_name(node)));
    heard.advance_to(LOADED);
    nodes.advance_to(LOADED);
    heard.flush();
    nodes.flush();
    worker.step_while(|| probe.less_than(&LOADED));
    time_ticks(worker, &probe, ticks, |tick| {
        // Every second one does not exist.
        heard.insert(node_name(usize::try_from(tick).unwrap_or(0) % (2 * NODES)));
        heard.advance_to(tick + 1);
        nodes.advance_to(tick + 1);
        heard.flush();
        nodes.flush();
    })
}

fn time_reliability(worker: &mut Worker, ticks: u64, before: usize) -> Duration {
    let mut random = Random::new(SEED);
    let probe = Handle::new();
    let mut facts = InputSession::<Tick, Performance, isize>::new();
    worker.dataflow(|scope| {
        reliability(facts.to_collection(scope)).inner.probe_with(&probe);
    });
    let mut fact = || {
        let participant = Text::from(format!("v{}", random.below(PARTICIPANTS)));
        let instructed = Watts(random.between(1_000_000, 40_000_000));
        let delivered = Watts(random.between(0, instructed.0));
        Performance { participant, instructed, delivered }
    };
    let mut counting: VecDeque<Performance> = (0..before).map(|_| fact()).collect();
    counting.iter().for_each(|fact| facts.insert(fact.clone()));
    facts.advance_to(LOADED);
    facts.flush();
    worker.step_while(|| probe.less_than(&LOADED));
    time_ticks(worker, &probe, ticks, |tick| {
        for _ in 0..FACTS {
            counting.push_back(fact());
            facts.insert(counting[counting.len() - 1].clone());
            counting.pop_front().into_iter().for_each(|over| facts.remove(over));
        }
        facts.advance_to(tick + 1);
        facts.flush();
    })
}
