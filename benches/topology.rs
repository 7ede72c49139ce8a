//! How many queries does the library's topology answer while a writer switches lines, beside a
//! twin that keeps one `RwLock<HashMap>` and makes fresh buffers for each query?
//!
//! One writer opens and closes a line every 100 µs; four readers ask in turn for a path of fewest
//! hops, for neighbours and for the reach of three hops, between nodes some 20 columns apart. Both
//! contenders get the same grid (a thinned square lattice), the same questions, the same time and
//! the system's allocator. Allocations are counted on the readers' threads, after a warm-up, with
//! the writer at work. What several branches at once are worth is seen on the way from one corner
//! of the grid to the other, with nobody else at work.
//!
//! ```text
//! cargo bench --bench topology            a table, then criterion's figures for one query alone
//! ```
#![allow(clippy::print_stdout, reason = "a bench says what it measured")]
#![allow(clippy::disallowed_types, reason = "the twin is what one would write at first")]

#[path = "../dataflows/benches/common/lattice.rs"]
mod lattice;
#[path = "../tests/common/random.rs"]
#[allow(clippy::unwrap_used, reason = "it is a helper of tests")]
mod random;

use criterion::Criterion;
use gridweaver::model::{Text, Watts};
use gridweaver::topology::{Edge, Topology};
use lattice::Lattice;
use random::Random;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hint::black_box;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const NODES: [usize; 3] = [1_000, 10_000, 70_000];
const READERS: usize = 4;
/// Taken in turn, so that what else the machine does falls on both; the median ratio is shown.
const ROUNDS: usize = 5;
const RUN: Duration = Duration::from_millis(1_000);
const SWITCH_EVERY: Duration = Duration::from_micros(100);

/// The twin: what one would write at first.
#[derive(Default)]
struct Twin(RwLock<HashMap<Text, Vec<Text>>>);

impl Twin {
    fn switch(&self, a: &Text, b: &Text, closed: bool) {
        let mut near = self.0.write().unwrap();
        for (from, to) in [(a, b), (b, a)] {
            let near = near.entry(from.clone()).or_default();
            near.retain(|other| other != to);
            if closed {
                near.push(to.clone());
                near.sort_unstable();
            }
        }
    }

    fn find_path(&self, from: &Text, to: &Text) -> Option<Vec<Text>> {
        let near = self.0.read().unwrap();
        let mut hops: HashMap<&Text, u32> = HashMap::from([(to, 0)]);
        let mut queue = VecDeque::from([to]);
        while let Some(node) = queue.pop_front().filter(|_| !hops.contains_key(from)) {
            let next = hops[node] + 1;
            for other in near.get(node).into_iter().flatten() {
                hops.entry(other).or_insert_with(|| {
                    queue.push_back(other);
                    next
                });
            }
        }
        let mut left = *hops.get(from)?;
        let mut path = vec![from.clone()];
        while left > 0 {
            left -= 1;
            let last = path.last()?;
            let next = near[last].iter().find(|other| hops.get(other) == Some(&left))?;
            path.push(next.clone());
        }
        Some(path)
    }

    fn neighbors(&self, node: &Text) -> Vec<Text> {
        self.0.read().unwrap().get(node).cloned().unwrap_or_default()
    }

    fn reachable_within(&self, from: &Text, hops: u32) -> Vec<Text> {
        let near = self.0.read().unwrap();
        let mut found: HashSet<&Text> = HashSet::from([from]);
        let mut level = vec![from];
        for _ in 0..hops {
            let next = level.iter().flat_map(|node| near.get(*node).into_iter().flatten());
            level = next.filter(|node| found.insert(*node)).collect();
        }
        let mut found: Vec<Text> = found.into_iter().cloned().collect();
        found.sort_unstable();
        found
    }
}

struct Made {
    lines: Vec<(Text, Text)>,
    questions: Vec<(Text, Text)>,
    topology: Topology,
    twin: Twin,
}

fn edge(line: usize, ends: &(Text, Text)) -> Edge {
    Edge::new(&format!("l{line}"), &ends.0, &ends.1, Watts(1_000_000))
}

fn made(nodes: usize) -> Made {
    let mut random = Random::new(1);
    let lattice = Lattice::new(nodes, 50, &mut random);
    let name = |node: usize| Text::from(format!("n{node}"));
    let lines: Vec<_> = lattice.lines.iter().map(|(a, b)| (name(*a), name(*b))).collect();
    let topology = Topology::new();
    topology.add_edges(lines.iter().enumerate().map(|(at, ends)| edge(at, ends))).unwrap();
    let twin = Twin::default();
    lines.iter().for_each(|(a, b)| twin.switch(a, b, true));
    let apart = 20.min(nodes - 1);
    let questions = (0..1_000)
        .map(|_| {
            let from = usize::try_from(random.next()).unwrap_or(0) % (nodes - apart);
            (name(from), name(from + apart))
        })
        .collect();
    Made { lines, questions, topology, twin }
}

/// What readers got done: queries, and allocations on their threads.
fn race<B: Default>(
    made: &Made,
    switch: impl Fn(usize, bool) + Sync,
    ask: impl Fn(&mut B, usize, &(Text, Text)) + Sync,
) -> (f64, f64) {
    let ended = AtomicBool::new(false);
    let totals = thread::scope(|scope| {
        scope.spawn(|| {
            let mut turn = 0;
            while !ended.load(Ordering::Relaxed) {
                switch(turn / 2 % made.lines.len(), turn % 2 == 1);
                turn += 1;
                thread::sleep(SWITCH_EVERY);
            }
        });
        let readers: Vec<_> = (0..READERS)
            .map(|reader| {
                let ask = &ask;
                scope.spawn(move || {
                    let mut buffers = B::default();
                    let mut at = reader;
                    let mut run = |span: Duration| {
                        let (begun, first) = (Instant::now(), at);
                        while begun.elapsed() < span {
                            ask(&mut buffers, at, &made.questions[at % made.questions.len()]);
                            at += 1;
                        }
                        ((at - first) as f64, begun.elapsed().as_secs_f64())
                    };
                    run(RUN / 5);
                    let (mut queries, mut span_s) = (0.0, 1.0);
                    let counted = allocation_counter::measure(|| (queries, span_s) = run(RUN));
                    (queries / span_s, counted.count_total as f64 / queries)
                })
            })
            .collect();
        let totals: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        ended.store(true, Ordering::Relaxed);
        totals
    });
    let per_s = totals.iter().map(|(per_s, _)| per_s).sum();
    (per_s, totals.iter().map(|(_, each)| each).sum::<f64>() / READERS as f64)
}

fn main() {
    println!("| nodes | contender | queries/s | ratio | allocations per query |");
    println!("| --- | --- | --- | --- | --- |");
    let grids = NODES.map(|nodes| (nodes, made(nodes)));
    for (nodes, made) in &grids {
        compare(*nodes, made);
    }
    let mut criterion = Criterion::default()
        .sample_size(10)
        .measurement_time(Duration::from_secs(1))
        .warm_up_time(Duration::from_millis(300));
    for (nodes, made) in &grids {
        measure_alone(&mut criterion, *nodes, made);
    }
}

fn compare(nodes: usize, made: &Made) {
    for (from, to) in &made.questions[..20] {
        assert_eq!(made.topology.find_path(from, to), made.twin.find_path(from, to));
    }
    let mut rounds: Vec<_> = (0..ROUNDS).map(|_| (race_twin(made), race_topology(made))).collect();
    let ratio = |(twin, topology): &((f64, f64), (f64, f64))| topology.0 / twin.0;
    rounds.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    let (twin, topology) = rounds[ROUNDS / 2];
    let (least, most) = (ratio(&rounds[0]), ratio(&rounds[ROUNDS - 1]));
    let middle = ratio(&rounds[ROUNDS / 2]);
    println!("| {nodes} | twin | {:.0} | 1 | {:.2} |", twin.0, twin.1);
    println!(
        "| {nodes} | topology | {:.0} | {middle:.1} ({least:.1} to {most:.1}) | {:.2} |",
        topology.0, topology.1
    );
}

fn race_twin(made: &Made) -> (f64, f64) {
    race(
        made,
        |line, closed| made.twin.switch(&made.lines[line].0, &made.lines[line].1, closed),
        |(): &mut (), at, (from, to)| match at % 3 {
            0 => drop(black_box(made.twin.find_path(from, to))),
            1 => drop(black_box(made.twin.neighbors(from))),
            _ => drop(black_box(made.twin.reachable_within(from, 3))),
        },
    )
}

fn race_topology(made: &Made) -> (f64, f64) {
    race(
        made,
        |line, closed| match closed {
            true => made.topology.add_edge(edge(line, &made.lines[line])).unwrap(),
            false => drop(made.topology.remove_edge(&format!("l{line}"))),
        },
        |buffer: &mut Vec<Text>, at, (from, to)| match at % 3 {
            0 => drop(black_box(made.topology.find_path_into(from, to, buffer))),
            1 => {
                let snapshot = made.topology.snapshot();
                buffer.clear();
                buffer.extend(snapshot.neighbors(from).cloned());
                black_box(&*buffer);
            }
            _ => made.topology.snapshot().reachable_within_into(from, 3, buffer),
        },
    )
}

fn measure_alone(criterion: &mut Criterion, nodes: usize, made: &Made) {
    let Made { topology, twin, .. } = made;
    let (from, to) = &made.questions[0];
    let mut path = Vec::new();
    let mut group = criterion.benchmark_group(format!("{nodes}/near"));
    group.bench_function("find_path", |bencher| {
        bencher.iter(|| topology.find_path_into(from, to, &mut path));
    });
    group.bench_function("cheapest_path", |bencher| {
        bencher.iter(|| topology.snapshot().cheapest_path_into(from, to, &mut path));
    });
    group.bench_function("twin", |bencher| bencher.iter(|| twin.find_path(from, to)));
    group.finish();

    let (from, to) = ("n0", format!("n{}", nodes - 1));
    let mut group = criterion.benchmark_group(format!("{nodes}/corner to corner"));
    group.bench_function("find_path", |bencher| bencher.iter(|| topology.find_path(from, &to)));
    group.bench_function("parallel_find_path", |bencher| {
        bencher.iter(|| topology.parallel_find_path(from, &to));
    });
    group.bench_function("validate_topology", |bencher| {
        bencher.iter(|| topology.validate_topology());
    });
    group.finish();
}
