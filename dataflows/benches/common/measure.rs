//! How every bench measures: with the program's allocator, few samples, and inputs made outside
//! the time that is taken.
#![allow(dead_code, reason = "each bench uses a part of its helpers")]

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SAMPLES: usize = 20;
const WARM_UP: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_secs(2);

/// Runs the benches that the command line asks for.
pub(crate) fn run(benches: impl FnOnce(&mut Criterion)) {
    let criterion = Criterion::default().sample_size(SAMPLES).warm_up_time(WARM_UP);
    let mut criterion = criterion.measurement_time(MEASURED).configure_from_args();
    benches(&mut criterion);
    criterion.final_summary();
}

/// Measures `work` over inputs that `prepare` makes one at a time; what it returns is dropped
/// outside the time taken. `elements`: how many things one input holds.
pub(crate) fn measure<Input, Output>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    elements: usize,
    mut prepare: impl FnMut() -> Input,
    mut work: impl FnMut(Input) -> Output,
) {
    group.throughput(Throughput::Elements(elements as u64));
    group.bench_function(id, |bencher| {
        bencher.iter_batched(&mut prepare, &mut work, BatchSize::PerIteration);
    });
}
