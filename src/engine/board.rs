//! How a run stands, for whoever watches it. Nothing in here decides anything.

use super::intake::Reading;
use gridweaver_dataflows::dedup::Outcomes;
use gridweaver_model::Time;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How far a run has come.
#[derive(Debug, Default)]
pub struct Watch {
    /// Records read.
    pub records: AtomicU64,
    /// Bytes read, on the scale of the sources' totals.
    pub bytes: AtomicU64,
    /// The end of the newest durable tick, in ms since the epoch.
    pub tick_end_ms: AtomicU64,
    board: Mutex<Board>,
}

impl Watch {
    /// How a live run stands now.
    #[must_use]
    pub fn board(&self) -> Board {
        self.lock().clone()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a live run stands.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// Whether all was opened and is read.
    pub is_running: bool,
    /// By name.
    pub partitions: BTreeMap<String, PartitionBoard>,
    /// What became of the records of closed ticks.
    pub outcomes: Outcomes,
    /// Records refused by the dataflow.
    pub refused: u64,
    /// Ticks made durable in this run.
    pub ticks: u64,
    /// From a tick's closing to its records being durable.
    pub latency: LatencyBoard,
    /// Closed ticks and dead letters that wait for the outputs.
    pub queued: usize,
    /// Records read and not yet durably written.
    pub in_flight_records: u64,
    /// Their bytes.
    pub in_flight_bytes: u64,
    /// The newest checkpoint of this run.
    pub checkpoint: Option<CheckpointBoard>,
    /// Who holds event time where it stands, if it stands still.
    pub stalled: Option<String>,
}

/// How a partition stands.
#[derive(Clone, Debug, Default)]
pub struct PartitionBoard {
    /// Its watermark, once there is one.
    pub watermark: Option<Time>,
    /// Where its next record will lie.
    pub position: u64,
    /// Where the record behind the last one that is there will lie, where that is known.
    pub head: Option<u64>,
    /// What it brought.
    pub reading: Reading,
    /// Whether nobody waits for it.
    pub is_passed_over: bool,
}

/// A checkpoint that was written.
#[derive(Clone, Copy, Debug)]
pub struct CheckpointBoard {
    /// When.
    pub written_at: Instant,
    /// Its size.
    pub bytes: u64,
}

/// Latencies, counted up to bounds.
#[derive(Clone, Debug, Default)]
pub struct LatencyBoard {
    /// All added up, in seconds.
    pub sum_s: f64,
    /// How many.
    pub count: u64,
    /// How many lie within each of [`LATENCY_BOUNDS_S`] and above the one before.
    pub within: [u64; LATENCY_BOUNDS_S.len()],
}

/// The bounds up to which latencies are counted, in seconds.
pub const LATENCY_BOUNDS_S: [f64; 12] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];

impl LatencyBoard {
    pub(super) fn note(&mut self, latency: Duration) {
        let seconds = latency.as_secs_f64();
        self.sum_s += seconds;
        self.count += 1;
        if let Some(bound) = LATENCY_BOUNDS_S.iter().position(|bound| seconds <= *bound) {
            self.within[bound] += 1;
        }
    }
}
