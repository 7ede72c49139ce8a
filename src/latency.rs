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

/// The greatest that is told apart: 10 minutes.
const GREATEST_US: u64 = 600_000_000;

/// More intervals than this become half as many, each twice as long: what is kept has a bounded size
/// however long the run.
const INTERVALS_MAX: usize = 3_600;

/// How often each value came, to the resolution of a histogram, which would take 170 kB for the few
/// values of an interval.
type Counts = BTreeMap<u64, u64>;

/// Latencies in microseconds, in all and over time.
#[derive(Clone, Debug)]
pub struct Latencies {
    /// All of them.
    pub all: Histogram<u64>,
    /// By when each interval begins, in seconds since the start.
    intervals: BTreeMap<u64, Counts>,
    /// How long an interval is: at first 1.
    interval_s: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { all: histogram(), intervals: BTreeMap::new(), interval_s: 1 }
    }
}

impl Latencies {
    /// Counts some that were the same, so long after the start.
    pub fn record(&mut self, since_start: Duration, latency: Duration, count: u64) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.all.saturating_record_n(micros, count);
        let value = self.all.lowest_equivalent(micros.min(GREATEST_US));
        let counts = self.intervals.entry(self.begin_of(since_start.as_secs())).or_default();
        *counts.entry(value).or_default() += count;
        while self.intervals.len() > INTERVALS_MAX {
            self.thin_out();
        }
    }

    /// What was measured in each interval, by when it begins, in seconds since the start.
    pub fn intervals(&self) -> impl Iterator<Item = (u64, Histogram<u64>)> {
        self.intervals.iter().map(|(begin, counts)| {
            let mut histogram = histogram();
            counts.iter().for_each(|(value, count)| histogram.saturating_record_n(*value, *count));
            (*begin, histogram)
        })
    }

    fn begin_of(&self, second: u64) -> u64 {
        second - second % self.interval_s
    }

    /// Joins neighbouring intervals.
    fn thin_out(&mut self) {
        self.interval_s *= 2;
        for (begin, counts) in std::mem::take(&mut self.intervals) {
            let joined = self.intervals.entry(self.begin_of(begin)).or_default();
            for (value, count) in counts {
                *joined.entry(value).or_default() += count;
            }
        }
    }
}

/// From 1 µs to 10 minutes with three significant figures.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, GREATEST_US, 3).expect("the bounds are sound")
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
    let interval = Duration::from_secs(latencies.interval_s);
    for (begin, histogram) in latencies.intervals() {
        log.write_histogram(&histogram, Duration::from_secs(begin), interval, None)
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_days_is_kept_in_fewer_and_longer_intervals() {
        let mut latencies = Latencies::default();
        let seconds = 3 * 86_400;
        for second in 0..seconds {
            let latency = Duration::from_micros(second % 50_000);
            latencies.record(Duration::from_secs(second), latency, 2);
        }
        assert_eq!(latencies.interval_s, 128);
        let mut in_all = histogram();
        for (at, (begin, counts)) in (0..).zip(latencies.intervals()) {
            assert_eq!(begin, at * 128);
            assert_eq!(counts.len(), 2 * (seconds - begin).min(128));
            in_all.add(counts).unwrap();
        }
        assert_eq!(in_all, latencies.all);
    }
}
