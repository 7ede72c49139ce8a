//! Latencies, and their HdrHistogram log (`.hlog`): one line an interval, in the standard form that
//! other tools read. Values are in microseconds; the log says in its head what was measured.

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

/// What a run measures.
pub const OF_TICKS: &str = "from a tick's closing to its orders being durable";

/// What stands in a log before what was measured.
pub(crate) const HEAD: &str = "GridWeaver latency in microseconds: ";

/// Latencies in microseconds, in all and second by second.
#[derive(Clone, Debug)]
pub struct Latencies {
    /// All of them.
    pub all: Histogram<u64>,
    /// By whole seconds since the start.
    pub by_second: BTreeMap<u64, Histogram<u64>>,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { all: histogram(), by_second: BTreeMap::new() }
    }
}

impl Latencies {
    /// Counts some that were the same, so long after the start.
    pub fn record(&mut self, since_start: Duration, latency: Duration, count: u64) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let of_second = self.by_second.entry(since_start.as_secs()).or_insert_with(histogram);
        self.all.saturating_record_n(micros, count);
        of_second.saturating_record_n(micros, count);
    }
}

/// From 1 µs to 10 minutes with three significant figures.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 3).expect("the bounds are sound")
}

/// Writes the log, and makes its folder where there is none. `what` was measured: from when until
/// when.
///
/// # Errors
/// Where the file can't be written.
pub fn write_log(latencies: &Latencies, what: &str, path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
    let mut out = BufWriter::new(File::create(path)?);
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment(&format!("{HEAD}{what}"));
    let mut log = builder.begin_log_with(&mut out, &mut serializer)?;
    for (second, histogram) in &latencies.by_second {
        let start = Duration::from_secs(*second);
        log.write_histogram(histogram, start, Duration::from_secs(1), None)
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
    }
    out.flush()
}
