//! Latencies as an HdrHistogram log (`.hlog`): one line an interval, in the standard form that
//! other tools read. Values are in microseconds; the log says so in its head.

use crate::engine::Latencies;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

/// Writes the log, and makes its folder where there is none.
///
/// # Errors
/// Where the file can't be written.
pub fn write_log(latencies: &Latencies, path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
    let mut out = BufWriter::new(File::create(path)?);
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment("GridWeaver tick latency in microseconds: from a tick's closing to its orders being durable");
    let mut log = builder.begin_log_with(&mut out, &mut serializer)?;
    for (second, histogram) in &latencies.by_second {
        let start = Duration::from_secs(*second);
        log.write_histogram(histogram, start, Duration::from_secs(1), None)
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
    }
    out.flush()
}
