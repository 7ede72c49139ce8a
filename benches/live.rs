//! How fast is the engine with a real Kafka on both sides, and how long do its orders take?
//!
//! ```text
//! scripts/services start kafka
//! cargo bench --features kafka --bench live -- throughput [events=2000000] [rounds=5] [seed=1]
//! cargo bench --features kafka --bench live -- latency [rates=1000,5000,20000] [seconds=60]
//! ```
//!
//! `throughput`: one topic that is full already, read from its beginning to its end by two
//! contenders in turn, each a process of its own: by a bare `rdkafka` consumer with the library's own
//! settings that counts records and bytes, and by `gridweaver run` with one worker, which decides and
//! writes its orders to Kafka in transactions, until a reader gets its last tick. Once they count
//! from before they connect, and once sustained: the consumer from its first record, the engine from
//! the end of its first tick. The ratio is to the bare consumer of the same round.
//!
//! `latency`: `gridweaver run` with Kafka on both sides under `gridweaver bench`, at several rates:
//! with `tick = "100ms"` and `lateness = "0s"`, and with the defaults.

#[path = "live/bare_consumer.rs"]
mod bare_consumer;
#[path = "../connectors/tests/common/kafka.rs"]
#[allow(clippy::unwrap_used, reason = "it is a helper of tests")]
mod kafka;
#[path = "live/latency.rs"]
mod latency;
#[path = "../dataflows/benches/common/lattice.rs"]
mod lattice;
#[path = "common/parameters.rs"]
mod parameters;
#[path = "live/pipeline.rs"]
mod pipeline;
#[path = "../tests/common/random.rs"]
#[allow(clippy::unwrap_used, reason = "it is a helper of tests")]
mod random;
#[path = "common/rounds.rs"]
mod rounds;
#[path = "common/stream.rs"]
mod stream;
#[path = "live/throughput.rs"]
mod throughput;

use parameters::Parameters;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let parameters = Parameters::from_arguments();
    if let Some(topic) = parameters.text("bare") {
        return bare_consumer::run(topic);
    }
    let wants = |name: &str| std::env::args().any(|argument| argument == name);
    let wants_all = !wants("throughput") && !wants("latency");
    if wants_all || wants("throughput") {
        throughput::run(&parameters)?;
    }
    if wants_all || wants("latency") {
        latency::run(&parameters)?;
    }
    Ok(())
}
