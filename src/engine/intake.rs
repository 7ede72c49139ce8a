//! One partition: bytes to admitted rows, dead letters and a watermark.
//!
//! Admission depends on the partition's own content alone, and on what the wall clock chose of it:
//! that it was passed over while silent, that records were of the future. Such a choice is made once
//! and repeated whenever the partition is read again. Every record read has exactly one outcome;
//! those that end here (dead letters, watermarks, records of ticks that stay open) are counted here,
//! the others by `dedup`.

use super::board::PartitionBoard;
use super::checkpoint::{Jump, Mark, Step};
use super::choices::Chosen;
use super::council::Gathered;
use super::gate::Turn;
use super::inlet::{Delivery, Portion};
use super::pace::Pace;
use super::shared::Shared;
use super::silence::{Live, Silence, now};
use super::writer::Letters;
use gridweaver_connectors::{Batch, Progress, Source, SourceError};
use gridweaver_dataflows::admission::{Admission, Partition};
use gridweaver_dataflows::row::{Family, Origin, Row};
use gridweaver_model::decision::Refused;
use gridweaver_model::{DeadLetter, Reason, Record, Tick, Time, decode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

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
    pub(super) record_bytes_max: usize,
    pub(super) pace: Option<Pace>,
    /// Where it begins, and what was true there.
    pub(super) mark: Mark,
    /// What the wall clock decides, if it may bring more for ever.
    pub(super) live: Option<Live>,
    /// Whether it was found while running.
    pub(super) is_found: bool,
}

/// What a partition has come to.
struct State {
    partition: Partition,
    reading: Reading,
    /// The latest tick that a record was admitted to.
    newest: Option<Tick>,
    /// What is to be repeated of what was chosen.
    chosen: Chosen,
    silence: Silence,
    /// The wall clock when the last batch came.
    now: Time,
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
    /// Where a checkpoint may have to begin.
    jumps: Vec<Jump>,
    /// Records refused as `future`: the first and last of each range.
    futures: Vec<(u64, u64)>,
    /// Whether the last record was one of them.
    ends_in_future: bool,
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

/// How much of a fruitless call counts as silence: one that took longer than sources wait was held
/// up here, as where the whole process stood still.
const WAIT_MAX: Duration = Duration::from_millis(250);

impl Intake {
    /// Reads to the end, or until the run is to stop.
    pub(super) fn run(mut self) -> Result<(), SourceError> {
        let read = self.read();
        if read.is_ok() && !self.shared.is_over() {
            self.shared.gate.end(self.partition);
            self.delivery.end(self.partition);
        }
        match &read {
            Ok(reading) => self.shared.gather(&Gathered { reading: reading.clone(), read_now: 0 }),
            Err(_) => self.shared.fail(),
        }
        self.shared.leave();
        self.delivery.wake();
        read.map(drop)
    }

    fn read(&mut self) -> Result<Reading, SourceError> {
        let shared = Arc::clone(&self.shared);
        let records_max = shared.gate.batch_records();
        let mut batch = Batch::new(self.pace.as_ref().map_or(records_max, |_| 1));
        let mut state = self.begin();
        let mut bytes_seen = 0;
        loop {
            match shared.gate.wait_turn(self.partition, || shared.is_over()) {
                Turn::Read => {}
                Turn::Wait => {
                    // Of a history nobody asks for the lag.
                    if self.live.is_some() {
                        self.source.look_ahead()?;
                        self.show(&state);
                    }
                    continue;
                }
                Turn::Over => return Ok(state.reading),
            }
            let asked = Instant::now();
            match self.source.read(&mut batch)? {
                Progress::Finished => return Ok(state.reading),
                Progress::Waiting => {
                    self.wait(asked, &mut state);
                    continue;
                }
                Progress::Read => {}
            }
            let sorted = self.sort(&batch, &mut state);
            if let Some(pace) = &self.pace {
                pace.wait(sorted.newest(), &shared.stop);
            }
            self.hand_over(sorted, &state);
            self.show(&state);
            let bytes = self.source.bytes_read();
            shared.progress.records.fetch_add(batch.len() as u64, Ordering::Relaxed);
            shared.progress.bytes.fetch_add(bytes - bytes_seen, Ordering::Relaxed);
            bytes_seen = bytes;
        }
    }

    /// Shows how it stands to whoever watches.
    fn show(&self, state: &State) {
        if self.live.is_none() {
            return;
        }
        let mut board = self.shared.progress.lock();
        let name = self.source.name();
        if !board.partitions.contains_key(name) {
            board.partitions.insert(name.to_owned(), PartitionBoard::default());
        }
        if let Some(shown) = board.partitions.get_mut(name) {
            shown.watermark = state.partition.watermark();
            shown.position = self.source.position();
            shown.head = self.source.head();
            shown.is_passed_over = state.silence.is_passed_over();
            shown.reading.clone_from(&state.reading);
        }
        (board.in_flight_records, board.in_flight_bytes) = self.shared.gate.in_flight();
    }

    fn begin(&mut self) -> State {
        let Mark { partition, reading, chosen, was_live, .. } = std::mem::take(&mut self.mark);
        let timeout = self.live.and_then(|live| live.idle_timeout);
        let has_brought = reading.read > 0 || self.source.position() > 0;
        let mut silence = Silence::new(timeout, has_brought, was_live);
        if self.is_found {
            silence.begin_passed_over();
        }
        State { partition, reading, newest: None, chosen, silence, now: now() }
    }

    /// It was read to its head and brought nothing.
    fn wait(&self, asked: Instant, state: &mut State) {
        let position = self.source.position();
        if self.repeat(position, state) {
            self.hand_over(Sorted::default(), state);
        }
        if self.live.is_some() && state.silence.wait(asked.elapsed().min(WAIT_MAX)) {
            self.shared.gate.pass_over(self.partition, state.silence.was_live());
            self.delivery.pass_over(self.partition, position);
        }
        self.show(state);
    }

    /// Repeats up to where the partition was passed over before the record at a position. True: its
    /// watermark may have moved.
    fn repeat(&self, position: u64, state: &mut State) -> bool {
        let Some(closed) = state.chosen.closed_at(position) else { return false };
        state.partition = state.partition.closed_before(closed);
        true
    }

    /// It brings something, at an offset: where it was passed over, that enters no tick closed
    /// meanwhile.
    fn hear(&self, offset: u64, state: &mut State, sorted: &mut Sorted) {
        if state.silence.hear() {
            let open = self.shared.gate.hear(self.partition);
            self.delivery.hear(self.partition, open);
            if self.shared.checkpointing.is_some() {
                let mark = Self::mark(offset, state.partition, state);
                sorted.jumps.push(Jump::Heard(open, mark));
            }
            let closed = self.shared.rules.start_of(open);
            state.partition = state.partition.closed_before(closed);
        }
    }

    /// A place to read on from, should this be the last that is kept.
    fn mark(position: u64, partition: Partition, state: &State) -> Mark {
        Mark {
            position,
            partition,
            reading: state.reading.clone(),
            was_live: state.silence.was_live(),
            chosen: Chosen::default(),
        }
    }

    fn sort(&self, batch: &Batch, state: &mut State) -> Sorted {
        let mut sorted = Sorted::default();
        state.now = if self.live.is_some() { now() } else { state.now };
        for (index, (offset, line)) in batch.iter().enumerate() {
            if !state.chosen.is_empty() {
                self.repeat(offset, state);
            }
            match decode(line, self.record_bytes_max) {
                Ok(record) => self.take(record, offset, line, state, &mut sorted),
                Err(refusal) => {
                    self.hear(offset, state, &mut sorted);
                    let place = Place { offset, line, before: state.partition };
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

    /// Takes a well-formed record: one of the future is refused and moves nothing.
    fn take(
        &self,
        record: Record,
        offset: u64,
        line: &[u8],
        state: &mut State,
        sorted: &mut Sorted,
    ) {
        let time = record.time();
        let was_refused = !state.chosen.is_empty() && state.chosen.is_refused(offset);
        let ahead_ms = self.live.map_or(0, |live| time.0 - state.now.0 - live.ahead_max.0);
        let is_known = self.shared.rules.tick_of(time) < self.shared.first_unwritten;
        if was_refused || (ahead_ms > 0 && !is_known) {
            let place = Place { offset, line, before: state.partition };
            self.refuse_future(&place, time, was_refused, state, sorted);
            return;
        }
        sorted.ends_in_future = false;
        if let Some(live) = self.live {
            self.hear(offset, state, sorted);
            state.silence.note(time, state.now, live.ahead_max, is_known);
        }
        let place = Place { offset, line, before: state.partition };
        self.admit(record, &place, state, sorted);
    }

    fn refuse_future(
        &self,
        place: &Place<'_>,
        time: Time,
        was_refused: bool,
        state: &mut State,
        sorted: &mut Sorted,
    ) {
        if was_refused && self.shared.goes_on {
            // It was written with the tick that told of it.
            *state.reading.refused.entry(Reason::Future).or_default() += 1;
            return;
        }
        if !was_refused {
            match sorted.futures.last_mut() {
                Some((_, to)) if sorted.ends_in_future => *to = place.offset,
                _ => {
                    sorted.futures.push((place.offset, place.offset));
                    if self.shared.checkpointing.is_some() {
                        let mark = Self::mark(place.offset, place.before, state);
                        sorted.jumps.push(Jump::Refused(mark));
                    }
                }
            }
            sorted.ends_in_future = true;
        }
        let detail = format!(
            "its time {time} is further past the clock of the machine than engine.max_ahead allows"
        );
        self.letter(Reason::Future, detail, place, state, sorted);
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
                if state.newest < Some(tick) {
                    self.jump(tick, place, state, sorted);
                }
                let first = state.reading.first_tick.map_or(tick, |first| first.min(tick));
                state.reading.first_tick = Some(first);
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

    /// A later tick than all before begins.
    fn jump(&self, tick: Tick, place: &Place<'_>, state: &mut State, sorted: &mut Sorted) {
        state.newest = Some(tick);
        self.shared.horizon.fetch_max(tick + 1, Ordering::SeqCst);
        if self.shared.checkpointing.is_some() {
            let mark = Self::mark(place.offset, place.before, state);
            sorted.jumps.push(Jump::Admitted(tick, mark));
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
        if state.partition.tick(&self.shared.rules) < self.shared.first_unwritten {
            // It was written before the tick was.
            *state.reading.refused.entry(reason).or_default() += 1;
            return;
        }
        self.letter(reason, detail, place, state, sorted);
    }

    fn letter(
        &self,
        reason: Reason,
        detail: String,
        place: &Place<'_>,
        state: &mut State,
        sorted: &mut Sorted,
    ) {
        *state.reading.refused.entry(reason).or_default() += 1;
        sorted.letter_bytes += place.line.len() as u64;
        sorted.letters.push(DeadLetter {
            source: self.source.name().to_owned(),
            offset: place.offset,
            reason,
            detail,
            raw: place.line.to_vec(),
        });
    }

    /// Hands a batch over.
    fn hand_over(&self, sorted: Sorted, state: &State) {
        let watermark = self.shared.first_open.max(state.partition.tick(&self.shared.rules));
        let Sorted { runs, letters, letter_bytes, jumps, futures, .. } = sorted;
        let letters = (!letters.is_empty()).then(|| {
            self.shared.gate.send_letters(letters.len() as u64, letter_bytes);
            Letters { process: self.shared.process(), letters, bytes: letter_bytes }
        });
        let partition = self.source.name();
        let refused = |(from, to)| Refused { partition: partition.to_owned(), from, to };
        let load = |run: &Run| (run.tick, run.rows.len() as u64, run.bytes);
        let loads: Vec<(Tick, u64, u64)> = runs.iter().map(load).collect();
        self.shared.gate.admit(self.partition, &loads, watermark);
        let delivered = Portion {
            letters,
            refused: futures.into_iter().map(refused).collect(),
            rows: runs.into_iter().map(|run| (run.tick, run.rows)).collect(),
            watermark,
            step: self.shared.checkpointing.is_some().then(|| {
                let latest = Self::mark(self.source.position(), state.partition, state);
                Step { jumps, latest }
            }),
        };
        self.delivery.send(self.partition, delivered);
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
