//! Closed ticks to numbered, durable text.
//!
//! One thread writes. Each output is a stream of its own: the records of its types, numbered from
//! 1, each tick ended by its `dispatch.tick_closed`. What is queued is appended and made durable
//! together; only then do its records stop being in flight.

use super::checkpoint::{Checkpoint, Kept, StreamMark, WrittenUpTo};
use super::choices::Choices;
use super::letters::DeadLetters;
use super::shared::Shared;
use super::{EngineError, fault};
use crate::latency::Latencies;
use crate::unmet::Unmet;
use crossbeam_channel::{Receiver, Sender};
use gridweaver_connectors::{Guarantee, Sink, SinkError};
use gridweaver_dataflows::closing::ClosedTick;
use gridweaver_dataflows::dedup::Outcomes;
use gridweaver_model::decision::{Event, TickClosed, TickOpened};
use gridweaver_model::{DeadLetter, Decision, Text, Tick, Time, Watts};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// What the writer is sent.
pub(super) enum ToWriter {
    /// A closed tick, and when it closed.
    Tick {
        /// Its content.
        tick: Box<ClosedTick>,
        /// When the frontier had passed it.
        closed_at: Instant,
    },
    /// Dead letters of a partition.
    Letters(Letters),
    /// All ticks up to this one were sent: how far the outputs have come is to be kept.
    Checkpoint(Tick),
}

/// Records of one partition that could not be read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Letters {
    /// The process that read them.
    pub(super) process: usize,
    /// In the partition's order.
    pub(super) letters: Vec<DeadLetter>,
    /// Their raw bytes, for the budget.
    pub(super) bytes: u64,
}

/// One stream of decisions.
pub struct Output {
    /// Where it goes.
    pub sink: Box<dyn Sink>,
    /// Which records: names, or prefixes that end in `*`. Empty: all.
    pub types: Vec<String>,
    /// Ticks that end at or before it are decided and counted, not written.
    pub from: Option<Time>,
    /// What it holds from before.
    pub recorded: Recorded,
}

/// The ticks that an output holds already: they are decided again, and must come out the same.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// The end of the last one.
    pub last: Option<Time>,
    /// By their ends: the digests of those behind the checkpoint.
    pub digests: BTreeMap<Time, String>,
}

impl Output {
    /// What `dispatch.tick_closed` calls the sink at an index: its place among the sinks, so that
    /// the same decisions are the same bytes wherever they are written.
    #[must_use]
    pub fn name(index: usize) -> String {
        format!("sink/{}", index + 1)
    }
}

/// What was written.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// What it came to, earlier runs that this one goes on from included.
    pub tally: Tally,
    /// From a tick's closing to its orders being durable, in this run.
    pub latencies: Latencies,
}

/// What was written and counted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// What became of the records of closed ticks.
    pub outcomes: Outcomes,
    /// Records refused by the dataflow.
    pub refused: u64,
    /// Ticks closed.
    pub ticks: u64,
    /// Decisions, by record type.
    pub records: BTreeMap<Text, u64>,
    /// Orders by kind: how many, and their power added up.
    pub orders: BTreeMap<Text, (u64, Watts)>,
    /// Plans made.
    pub plans: u64,
    /// Their costs per hour added up, in thousandths × watts.
    pub plan_cost: i128,
    /// Greatest sum of unmet power that stood at once.
    pub unmet_max: Watts,
    unmet: Unmet,
}

/// A stream on its way out.
struct Stream {
    output: Output,
    mark: StreamMark,
}

/// The writer's thread.
pub(super) struct Writer {
    streams: Vec<Stream>,
    dead_letters: Vec<DeadLetters>,
    shared: Arc<Shared>,
    written: Written,
    started: Instant,
    /// What earlier runs wrote of the clock's choices, by the ticks that are decided again.
    chosen: BTreeMap<Time, Choices>,
    /// What was told since the last checkpoint.
    told: Choices,
    /// Where checkpoints are put together.
    to_keeper: Option<Sender<Kept>>,
}

/// Messages that are made durable together.
const COMMIT_MAX: usize = 256;

impl Writer {
    pub(super) fn new(
        outputs: Vec<Output>,
        dead_letters: Vec<DeadLetters>,
        chosen: BTreeMap<Time, Choices>,
        restored: Option<&Checkpoint>,
        to_keeper: Option<Sender<Kept>>,
        shared: Arc<Shared>,
    ) -> Self {
        let marks = restored.map(|checkpoint| checkpoint.streams.as_slice()).unwrap_or_default();
        let marks = marks.iter().copied().chain(std::iter::repeat(StreamMark::default()));
        let streams = outputs.into_iter().zip(marks);
        let tally = restored.map(|checkpoint| checkpoint.tally.clone()).unwrap_or_default();
        Self {
            streams: streams.map(|(output, mark)| Stream { output, mark }).collect(),
            dead_letters,
            written: Written { tally, latencies: Latencies::default() },
            started: Instant::now(),
            chosen,
            told: Choices::default(),
            to_keeper,
            shared,
        }
    }

    /// Writes until all senders are gone. Where a sink fails, the whole run is told to stop.
    pub(super) fn run(self, messages: &Receiver<ToWriter>) -> Result<Written, EngineError> {
        let shared = Arc::clone(&self.shared);
        let written = self.write_all(messages);
        if written.is_err() {
            shared.fail();
        }
        written
    }

    fn write_all(mut self, messages: &Receiver<ToWriter>) -> Result<Written, EngineError> {
        while let Ok(first) = messages.recv() {
            let rest = messages.try_iter().take(COMMIT_MAX - 1);
            let group: Vec<ToWriter> = std::iter::once(first).chain(rest).collect();
            self.write(group)?;
            if self.shared.is_watched {
                self.shared.progress.lock().queued = messages.len();
            }
        }
        self.commit()?;
        Ok(self.written)
    }

    fn write(&mut self, group: Vec<ToWriter>) -> Result<(), EngineError> {
        let mut durable = None;
        let mut closed = Vec::new();
        let mut letters_done: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
        let mut gathered = Vec::new();
        let mut kept = Vec::new();
        for message in group {
            match message {
                ToWriter::Letters(Letters { process, letters, bytes }) => {
                    let done = letters_done.entry(process).or_default();
                    done.0 += letters.len() as u64;
                    done.1 += bytes;
                    gathered.extend(letters);
                }
                ToWriter::Tick { mut tick, closed_at } => {
                    let refused = std::mem::take(&mut tick.refused);
                    self.written.tally.refused += refused.len() as u64;
                    if tick.tick >= self.shared.first_unwritten {
                        gathered.extend(refused);
                    }
                    self.append_letters(&mut gathered)?;
                    self.append(&tick)?;
                    durable = Some(tick.tick);
                    closed.push(closed_at);
                }
                ToWriter::Checkpoint(tick) => {
                    let marks = self.streams.iter().map(|stream| stream.mark).collect();
                    kept.push((
                        tick,
                        WrittenUpTo {
                            streams: marks,
                            tally: self.written.tally.clone(),
                            choices: std::mem::take(&mut self.told),
                        },
                    ));
                }
            }
        }
        self.append_letters(&mut gathered)?;
        self.commit()?;
        for (process, (records, bytes)) in letters_done {
            self.shared.release_letters(process, records, bytes);
        }
        if let Some(tick) = durable {
            self.shared.release_everywhere(tick);
        }
        if self.shared.is_watched {
            self.show(&closed);
        }
        closed.into_iter().for_each(|closed_at| self.note_latency(closed_at));
        if let Some(to_keeper) = &self.to_keeper {
            for (tick, written) in kept {
                // The keeper is gone only where the run has failed.
                let _ = to_keeper.send(Kept::Written(tick, Box::new(written)));
            }
        }
        Ok(())
    }

    /// Shows what was made durable to whoever watches.
    fn show(&self, closed: &[Instant]) {
        let mut board = self.shared.progress.lock();
        board.outcomes = self.written.tally.outcomes;
        board.refused = self.written.tally.refused;
        board.ticks += closed.len() as u64;
        closed.iter().for_each(|closed_at| board.latency.note(closed_at.elapsed()));
        (board.in_flight_records, board.in_flight_bytes) = self.shared.gate.in_flight();
    }

    fn append_letters(&mut self, gathered: &mut Vec<DeadLetter>) -> Result<(), SinkError> {
        for output in &mut self.dead_letters {
            output.append(gathered)?;
        }
        gathered.clear();
        Ok(())
    }

    /// Makes all durable; dead letters first, as a tick's end vouches for them.
    fn commit(&mut self) -> Result<(), SinkError> {
        for output in &mut self.dead_letters {
            output.sink.commit()?;
        }
        fault::step(fault::BEFORE_COMMIT);
        for (index, stream) in self.streams.iter_mut().enumerate() {
            if index > 0 {
                fault::step(fault::BETWEEN_OUTPUTS);
            }
            stream.output.sink.commit()?;
        }
        fault::step(fault::AFTER_COMMIT);
        Ok(())
    }

    fn append(&mut self, tick: &ClosedTick) -> Result<(), EngineError> {
        let end = self.shared.rules.end_of(tick.tick);
        self.count(tick);
        let choices = self.choices(tick, end);
        for stream in &mut self.streams {
            let (text, digest) = stream.text(&tick.decisions, end, &choices);
            let Output { sink, from, recorded, .. } = &mut stream.output;
            let before = recorded.digests.pop_first();
            if before.is_some() || recorded.last >= Some(end) {
                // It is the next one that is held, and the same.
                if before != Some((end, digest)) {
                    return Err(EngineError::Diverged { sink: sink.name().to_owned(), tick: end });
                }
            } else if from.is_none_or(|from| end > from) {
                sink.append(&text)?;
            }
        }
        Ok(())
    }

    /// What the tick depends on of what the wall clock chose: as it was written before, else as it
    /// was chosen now.
    fn choices(&mut self, tick: &ClosedTick, end: Time) -> Choices {
        let choices = self.chosen.remove(&end).unwrap_or_else(|| {
            let (passed_over, refused) = (tick.passed_over.clone(), tick.of_the_future.clone());
            Choices { passed_over, refused }
        });
        if self.to_keeper.is_some() {
            self.told.passed_over.extend_from_slice(&choices.passed_over);
            self.told.refused.extend_from_slice(&choices.refused);
        }
        choices
    }

    fn count(&mut self, tick: &ClosedTick) {
        let written = &mut self.written.tally;
        written.outcomes.add(&tick.outcomes);
        written.ticks += 1;
        for decision in &tick.decisions {
            *written.records.entry(Text::const_new(decision.event.type_name())).or_default() += 1;
            let order = match &decision.event {
                Event::DemandResponseActivated(order) => Some(("demand response", order.amount)),
                Event::TransferOrdered(order) => Some(("transfer", order.delivered)),
                Event::CurtailmentRecorded(order) => Some(("curtailment", order.amount)),
                _ => None,
            };
            if let Some((kind, power)) = order {
                let entry = written.orders.entry(Text::const_new(kind)).or_default();
                entry.0 += 1;
                entry.1 += power;
            }
            if let Event::PlanCreated(plan) = &decision.event {
                written.plans += 1;
                written.plan_cost += plan.cost;
            }
            written.unmet.note(&decision.event);
        }
        written.unmet_max = written.unmet_max.max(written.unmet.sum());
    }

    fn note_latency(&mut self, closed_at: Instant) {
        let since_start = closed_at.duration_since(self.started);
        self.written.latencies.record(since_start, closed_at.elapsed(), 1);
    }
}

impl Stream {
    /// A tick's lines: its records of this stream's types, then its end; and the records' digest.
    /// Where an output can't take back half of a tick, what it rests on goes before it.
    fn text(&mut self, decisions: &[Decision], end: Time, choices: &Choices) -> (Vec<u8>, String) {
        let mut text = Vec::new();
        let mut opening = Vec::new();
        let Choices { passed_over, refused } = choices.clone();
        let sink = self.output.sink.name().to_owned();
        if self.output.sink.guarantee() == Guarantee::Continued && !choices.is_empty() {
            let opened = TickOpened {
                sink: sink.clone(),
                tick: end,
                passed_over: passed_over.clone(),
                refused: refused.clone(),
            };
            opened.write_line(&mut opening, self.mark.sequence);
            opening.push(b'\n');
        }
        let mut records = 0;
        for decision in decisions {
            if !self.takes(decision) {
                continue;
            }
            self.mark.sequence += 1;
            records += 1;
            decision.write_line(&mut text, end, self.mark.sequence);
            text.push(b'\n');
        }
        let digest = hex(&Sha256::digest(&text));
        let closed = TickClosed {
            sink,
            tick: end,
            term: 0,
            records,
            digest: digest.clone(),
            passed_over,
            refused,
        };
        closed.write_line(&mut text, self.mark.sequence);
        text.push(b'\n');
        self.mark.tick_end = Some(end);
        opening.append(&mut text);
        (opening, digest)
    }

    fn takes(&self, decision: &Decision) -> bool {
        let name = decision.event.type_name();
        let types = &self.output.types;
        types.is_empty()
            || types.iter().any(|wanted| match wanted.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => name == wanted,
            })
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
