//! One partition: bytes to admitted rows, dead letters and a watermark.
//!
//! Admission depends on the partition's own content alone. Every record read has exactly one
//! outcome; those that end here (dead letters, watermarks, records of ticks that stay open) are
//! counted here, the others by `dedup`.

use super::Shared;
use super::checkpoint::Mark;
use super::drive::Delivery;
use super::pace::Pace;
use super::writer::ToWriter;
use crossbeam_channel::Sender;
use gridweaver_connectors::{Batch, Progress, Source, SourceError};
use gridweaver_dataflows::admission::{Admission, Partition};
use gridweaver_dataflows::row::{Family, Origin, Row};
use gridweaver_model::{DeadLetter, Reason, Record, Tick, Time, decode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a partition brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Records read.
    pub read: u64,
    /// Watermarks among them.
    pub control: u64,
    /// Records admitted to a tick that stays open.
    pub open: u64,
    /// Records refused here, by reason.
    pub refused: BTreeMap<Reason, u64>,
    /// Of those, late ones.
    pub late: u64,
    /// The first tick that a record was admitted to.
    pub first_tick: Option<Tick>,
}

impl Reading {
    /// Adds another partition's.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.control += other.control;
        self.open += other.open;
        self.late += other.late;
        for (reason, count) in &other.refused {
            *self.refused.entry(*reason).or_default() += count;
        }
        let ticks = self.first_tick.into_iter().chain(other.first_tick);
        self.first_tick = ticks.min();
    }
}

/// The thread of one partition.
pub(super) struct Intake {
    pub(super) partition: usize,
    pub(super) source: Box<dyn Source>,
    pub(super) shared: Arc<Shared>,
    pub(super) delivery: Delivery,
    pub(super) letters: Sender<ToWriter>,
    pub(super) record_bytes_max: usize,
    pub(super) pace: Option<Pace>,
    /// Where it begins, and what was true there.
    pub(super) mark: Mark,
}

/// What a partition has come to.
struct State {
    partition: Partition,
    reading: Reading,
    /// The latest tick that a record was admitted to.
    newest: Option<Tick>,
}

/// A line, where it lies, and the watermark just before it.
struct Place<'a> {
    offset: u64,
    line: &'a [u8],
    before: Partition,
}

/// What a batch came to.
#[derive(Default)]
struct Sorted {
    runs: Vec<Run>,
    letters: Vec<DeadLetter>,
    letter_bytes: u64,
    /// First records of ticks later than all before, by those ticks.
    jumps: Vec<(Tick, Mark)>,
}

/// Rows of one tick and family.
struct Run {
    tick: Tick,
    family: Family,
    rows: Vec<Row>,
    bytes: u64,
}

/// Rows that travel together: few enough that their memory is used again and again.
const RUN_ROWS: usize = 128;

impl Intake {
    /// Reads to the end, or until the run is to stop.
    pub(super) fn run(mut self) -> Result<Reading, SourceError> {
        let read = self.read();
        if read.is_ok() && !self.shared.stop.load(Ordering::SeqCst) {
            self.shared.gate.end(self.partition);
            self.delivery.end(self.partition);
        }
        if read.is_err() {
            self.shared.stop.store(true, Ordering::SeqCst);
            self.shared.gate.wake();
        }
        self.shared.reading.fetch_sub(1, Ordering::SeqCst);
        self.delivery.wake();
        read
    }

    fn read(&mut self) -> Result<Reading, SourceError> {
        let shared = Arc::clone(&self.shared);
        let records_max = shared.gate.batch_records();
        let mut batch = Batch::new(self.pace.as_ref().map_or(records_max, |_| 1));
        let Mark { partition, reading, .. } = std::mem::take(&mut self.mark);
        let mut state = State { partition, reading, newest: None };
        let mut bytes_seen = 0;
        while shared.gate.wait_turn(self.partition, &shared.stop) {
            match self.source.read(&mut batch)? {
                Progress::Finished => return Ok(state.reading),
                Progress::Waiting => continue,
                Progress::Read => {}
            }
            let mut sorted = self.sort(&batch, &mut state);
            if let Some(pace) = &self.pace {
                pace.wait(sorted.newest(), &shared.stop);
            }
            self.mark_on(std::mem::take(&mut sorted.jumps), &state);
            let watermark = shared.first_open.max(state.partition.tick(&shared.rules));
            self.hand_over(sorted, watermark);
            let bytes = self.source.bytes_read();
            shared.progress.records.fetch_add(batch.len() as u64, Ordering::Relaxed);
            shared.progress.bytes.fetch_add(bytes - bytes_seen, Ordering::Relaxed);
            bytes_seen = bytes;
        }
        Ok(state.reading)
    }

    /// Tells where to read on from, should this be the last that is kept. It comes before the rows
    /// do, so that a tick is never closed whose mark is not there.
    fn mark_on(&self, jumps: Vec<(Tick, Mark)>, state: &State) {
        if let Some(checkpointing) = &self.shared.checkpointing {
            let latest = Mark {
                position: self.source.position(),
                partition: state.partition,
                reading: state.reading.clone(),
            };
            checkpointing.mark(self.partition, jumps, latest);
        }
    }

    fn sort(&self, batch: &Batch, state: &mut State) -> Sorted {
        let mut sorted = Sorted::default();
        for (index, (offset, line)) in batch.iter().enumerate() {
            let place = Place { offset, line, before: state.partition };
            match decode(line, self.record_bytes_max) {
                Ok(record) => self.admit(record, &place, state, &mut sorted),
                Err(refusal) => {
                    let mut detail = refusal.detail;
                    let length = batch.full_length(index);
                    if length > line.len() as u64 {
                        detail = format!(
                            "{detail}; it is {length} bytes long, only its beginning is kept"
                        );
                    }
                    self.refuse(refusal.reason, detail, &place, state, &mut sorted);
                }
            }
            state.reading.read += 1;
        }
        sorted
    }

    fn admit(&self, record: Record, place: &Place<'_>, state: &mut State, sorted: &mut Sorted) {
        match state.partition.admit(&record, &self.shared.rules) {
            Admission::Control => state.reading.control += 1,
            Admission::Refused { tick, late_ms } => {
                let closes = self.shared.open_from.is_none_or(|open| tick < open);
                state.reading.late += u64::from(closes);
                let detail = format!("late by {late_ms} ms, and `late = \"dead_letter\"`");
                self.refuse(Reason::Late, detail, place, state, sorted);
            }
            Admission::Admitted { tick, very_late } => {
                self.note_jump(tick, place, state, sorted);
                let first = state.reading.first_tick.map_or(tick, |first| first.min(tick));
                state.reading.first_tick = Some(first);
                self.shared.horizon.fetch_max(tick + 1, Ordering::SeqCst);
                if self.shared.open_from.is_some_and(|open| tick >= open) {
                    state.reading.open += 1;
                } else if tick >= self.shared.first_open {
                    let origin = very_late.then(|| self.origin(place));
                    sorted.put(tick, Row { record, origin }, place.line.len() as u64);
                }
                // What a checkpoint holds was read again only to find what it does not.
            }
        }
    }

    /// Notes where a later tick than all before begins.
    fn note_jump(&self, tick: Tick, place: &Place<'_>, state: &mut State, sorted: &mut Sorted) {
        if state.newest >= Some(tick) {
            return;
        }
        state.newest = Some(tick);
        if self.shared.checkpointing.is_some() {
            let (position, partition) = (place.offset, place.before);
            let mark = Mark { position, partition, reading: state.reading.clone() };
            sorted.jumps.push((tick, mark));
        }
    }

    fn origin(&self, place: &Place<'_>) -> Box<Origin> {
        let (source, raw) = (self.source.name().to_owned(), place.line.to_vec());
        Box::new(Origin { source, offset: place.offset, raw })
    }

    fn refuse(
        &self,
        reason: Reason,
        detail: String,
        place: &Place<'_>,
        state: &mut State,
        sorted: &mut Sorted,
    ) {
        *state.reading.refused.entry(reason).or_default() += 1;
        if state.partition.tick(&self.shared.rules) < self.shared.letters_from {
            return;
        }
        sorted.letter_bytes += place.line.len() as u64;
        sorted.letters.push(DeadLetter {
            source: self.source.name().to_owned(),
            offset: place.offset,
            reason,
            detail,
            raw: place.line.to_vec(),
        });
    }

    /// Hands a batch over. Dead letters go first: they must be durable before the tick of the
    /// watermark that they were read at, which can't close before the rows behind them.
    fn hand_over(&self, sorted: Sorted, watermark: Tick) {
        let Sorted { runs, letters, letter_bytes, .. } = sorted;
        if !letters.is_empty() {
            self.shared.gate.send_letters(letters.len() as u64, letter_bytes);
            // The writer ends only with an error, and then everything is stopping.
            let _ = self.letters.send(ToWriter::Letters { letters, bytes: letter_bytes });
        }
        let load = |run: &Run| (run.tick, run.rows.len() as u64, run.bytes);
        let loads: Vec<(Tick, u64, u64)> = runs.iter().map(load).collect();
        self.shared.gate.admit(self.partition, &loads, watermark);
        let rows = runs.into_iter().map(|run| (run.tick, run.rows)).collect();
        self.delivery.send(self.partition, rows, watermark);
    }
}

impl Sorted {
    /// The greatest event time among the rows.
    fn newest(&self) -> Option<Time> {
        let rows = self.runs.iter().flat_map(|run| &run.rows);
        rows.map(|row| row.record.time()).max()
    }

    /// Puts a row to the others of its tick and family.
    fn put(&mut self, tick: Tick, row: Row, bytes: u64) {
        let family = row.family();
        let open =
            |run: &&mut Run| run.tick == tick && run.family == family && run.rows.len() < RUN_ROWS;
        // What came last is most likely to go on.
        if let Some(run) = self.runs.iter_mut().rev().find(open) {
            run.rows.push(row);
            run.bytes += bytes;
        } else {
            let mut rows = Vec::with_capacity(RUN_ROWS);
            rows.push(row);
            self.runs.push(Run { tick, family, rows, bytes });
        }
    }
}
