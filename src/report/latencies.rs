//! Latency logs (`.hlog`) read back, in whole and interval by interval. Values are microseconds.

use crate::latency::{HEAD, Latencies};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// Why a log can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file can't be read.
    #[error("the latency log `{path}` cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// It is no such log.
    #[error(
        "`{path}`: interval {interval} is no HdrHistogram interval: {problem}; name a .hlog file, as run and replay --latency-log leave it"
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Which, from 1.
        interval: usize,
        /// What is wrong.
        problem: String,
    },
    /// It holds nothing.
    #[error("`{path}` holds no interval: nothing was measured, or it is no HdrHistogram log")]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// A log.
pub struct Log {
    /// As it is called in tables: the file's name.
    pub name: String,
    /// From when until when was measured, where the log says so.
    pub what: Option<String>,
    /// All intervals together.
    pub all: Histogram<u64>,
    /// Each interval with the second in which it begins.
    pub intervals: Vec<(f64, Histogram<u64>)>,
}

impl Log {
    /// Reads a log.
    ///
    /// # Errors
    /// [`LogError`] where it can't be read or is no such log.
    pub fn read(path: &Path) -> Result<Self, LogError> {
        let bytes = std::fs::read(path)
            .map_err(|cause| LogError::Unreadable { path: path.to_owned(), cause })?;
        let malformed = |interval: usize, problem: String| LogError::Malformed {
            path: path.to_owned(),
            interval,
            problem,
        };
        let mut intervals: Vec<(f64, Histogram<u64>)> = Vec::new();
        for entry in IntervalLogIterator::new(&bytes) {
            let number = intervals.len() + 1;
            let entry = entry.map_err(|error| malformed(number, format!("{error:?}")))?;
            let LogEntry::Interval(interval) = entry else { continue };
            let encoded = STANDARD
                .decode(interval.encoded_histogram())
                .map_err(|error| malformed(number, error.to_string()))?;
            let histogram = Deserializer::new()
                .deserialize(&mut io::Cursor::new(encoded))
                .map_err(|error| malformed(number, format!("{error:?}")))?;
            intervals.push((interval.start_timestamp().as_secs_f64(), histogram));
        }
        let Some((_, first)) = intervals.first() else {
            return Err(LogError::Empty { path: path.to_owned() });
        };
        let mut all = first.clone();
        all.auto(true);
        for (index, (_, histogram)) in intervals.iter().enumerate().skip(1) {
            all.add(histogram).map_err(|error| malformed(index + 1, format!("{error:?}")))?;
        }
        let name = path.file_name().map_or_else(|| path.into(), PathBuf::from);
        let name = name.display().to_string();
        Ok(Self { name, what: what_was_measured(&bytes), all, intervals })
    }

    /// Of what was just measured.
    #[must_use]
    pub fn of(name: &str, latencies: &Latencies) -> Self {
        let intervals = latencies.intervals().map(|(begin, histogram)| (begin as f64, histogram));
        let (all, intervals) = (latencies.all.clone(), intervals.collect());
        Self { name: name.to_owned(), what: None, all, intervals }
    }

    /// Percentiles, greatest and mean in ms, with their names.
    #[must_use]
    pub fn figures(&self) -> Vec<(&'static str, f64)> {
        let percentiles =
            [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9), ("p99.99", 99.99)];
        let mut figures: Vec<(&str, f64)> = percentiles
            .into_iter()
            .map(|(name, at)| (name, self.all.value_at_percentile(at) as f64 / 1_000.0))
            .collect();
        figures.push(("max", self.all.max() as f64 / 1_000.0));
        figures.push(("mean", self.all.mean() / 1_000.0));
        figures
    }
}

/// What the comment at a log's head says.
fn what_was_measured(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let comments = text.lines().take_while(|line| line.starts_with('#'));
    let mut told = comments.filter_map(|line| line.split_once(HEAD));
    told.next().map(|(_, what)| what.trim().to_owned())
}

/// The logs as a table, latencies in ms.
#[must_use]
pub fn table(logs: &[Log]) -> String {
    let width = logs.iter().map(|log| log.name.chars().count()).max().unwrap_or(0).max(12);
    let mut out = format!("{:<width$} {:>9}", "latency, ms", "count");
    for (name, _) in logs.first().map(Log::figures).unwrap_or_default() {
        let _ = write!(out, " {name:>9}");
    }
    out.push('\n');
    for log in logs {
        let _ = write!(out, "{:<width$} {:>9}", log.name, log.all.len());
        for (_, value) in log.figures() {
            let _ = write!(out, " {value:>9.3}");
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::write_log;
    use std::time::Duration;

    #[test]
    fn what_was_written_is_read_back() {
        let mut latencies = Latencies::default();
        for (second, values) in [(0, 1..=90), (3, 91..=100)] {
            for milliseconds in values {
                let latency = Duration::from_millis(milliseconds);
                latencies.record(Duration::from_secs(second), latency, 1);
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/for/it.hlog");
        write_log(&latencies, "from here to there", &path).unwrap();
        let log = Log::read(&path).unwrap();
        assert_eq!((log.name.as_str(), log.all.len()), ("it.hlog", 100));
        assert_eq!(log.what.as_deref(), Some("from here to there"));
        let starts: Vec<f64> = log.intervals.iter().map(|(start, _)| *start).collect();
        assert_eq!(starts, [0.0, 3.0]);
        for (name, wanted_ms) in [("p50", 50.0), ("p99", 99.0), ("max", 100.0), ("mean", 50.5)] {
            let figures = log.figures();
            let (_, found_ms) = figures.iter().find(|(figure, _)| *figure == name).unwrap();
            assert!((found_ms / wanted_ms - 1.0).abs() < 2e-3, "{name}: {found_ms} ms");
        }
    }
}
