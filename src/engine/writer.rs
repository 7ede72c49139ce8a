//! Closed ticks to numbered, durable text.
//!
//! One thread writes. Each output is a stream of its own: the records of its types, numbered from
//! 1, each tick ended by its `dispatch.tick_closed`. What is queued is appended and made durable
//! together; only then do its records stop being in flight.

use super::Shared;
use crate::unmet::Unmet;
use crossbeam_channel::Receiver;
use gridweaver_connectors::{Sink, SinkError};
use gridweaver_dataflows::closing::ClosedTick;
use gridweaver_dataflows::dedup::Outcomes;
use gridweaver_model::decision::{Event, TickClosed};
use gridweaver_model::{DeadLetter, Decision, Time, Watts};
use hdrhistogram::Histogram;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
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
    Letters {
        /// In the partition's order.
        letters: Vec<DeadLetter>,
        /// Their raw bytes, for the budget.
        bytes: u64,
    },
}

/// One stream of decisions.
pub struct Output {
    /// Where it goes.
    pub sink: Box<dyn Sink>,
    /// Which records: names, or prefixes that end in `*`. Empty: all.
    pub types: Vec<String>,
    /// Ticks that end at or before it are decided and counted, not written.
    pub from: Option<Time>,
}

impl Output {
    /// What `dispatch.tick_closed` calls the sink at an index: its place among the sinks, so that
    /// the same decisions are the same bytes wherever they are written.
    #[must_use]
    pub fn name(index: usize) -> String {
        format!("sink/{}", index + 1)
    }
}

/// An order's kind in a summary.
type Kind = &'static str;

/// What was written.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// What became of the records of closed ticks.
    pub outcomes: Outcomes,
    /// Records refused by the dataflow.
    pub refused: u64,
    /// Ticks closed.
    pub ticks: u64,
    /// Decisions, by record type.
    pub records: BTreeMap<&'static str, u64>,
    /// Orders by kind: how many, and their power added up.
    pub orders: BTreeMap<Kind, (u64, Watts)>,
    /// Plans made.
    pub plans: u64,
    /// Their costs per hour added up, in thousandths × watts.
    pub plan_cost: i128,
    /// Greatest sum of unmet power that stood at once.
    pub unmet_max: Watts,
    /// From a tick's closing to its orders being durable.
    pub latencies: Latencies,
}

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

/// From 1 µs to 10 minutes with three significant figures.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 3).expect("the bounds are sound")
}

/// A stream on its way out.
struct Stream {
    output: Output,
    sequence: u64,
}

/// The writer's thread.
pub(super) struct Writer {
    streams: Vec<Stream>,
    dead_letters: Option<Box<dyn Sink>>,
    shared: Arc<Shared>,
    written: Written,
    started: Instant,
    unmet: Unmet,
}

/// Messages that are made durable together.
const COMMIT_MAX: usize = 256;

impl Writer {
    pub(super) fn new(
        outputs: Vec<Output>,
        dead_letters: Option<Box<dyn Sink>>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            streams: outputs.into_iter().map(|output| Stream { output, sequence: 0 }).collect(),
            dead_letters,
            shared,
            written: Written::default(),
            started: Instant::now(),
            unmet: Unmet::default(),
        }
    }

    /// Writes until all senders are gone. Where a sink fails, the whole run is told to stop.
    pub(super) fn run(self, messages: &Receiver<ToWriter>) -> Result<Written, SinkError> {
        let shared = Arc::clone(&self.shared);
        let written = self.write_all(messages);
        if written.is_err() {
            shared.stop.store(true, Ordering::SeqCst);
            shared.gate.wake();
        }
        written
    }

    fn write_all(mut self, messages: &Receiver<ToWriter>) -> Result<Written, SinkError> {
        while let Ok(first) = messages.recv() {
            let rest = messages.try_iter().take(COMMIT_MAX - 1);
            let group: Vec<ToWriter> = std::iter::once(first).chain(rest).collect();
            self.write(group)?;
        }
        self.commit()?;
        Ok(self.written)
    }

    fn write(&mut self, group: Vec<ToWriter>) -> Result<(), SinkError> {
        let mut durable = None;
        let mut closed = Vec::new();
        let mut letters_done = (0, 0);
        let mut letters_text = Vec::new();
        for message in group {
            match message {
                ToWriter::Letters { letters, bytes } => {
                    letters_done.0 += letters.len() as u64;
                    letters_done.1 += bytes;
                    letters.iter().for_each(|letter| letter.write(&mut letters_text));
                }
                ToWriter::Tick { tick, closed_at } => {
                    tick.refused.iter().for_each(|letter| letter.write(&mut letters_text));
                    self.append_letters(&mut letters_text)?;
                    self.append(&tick)?;
                    durable = Some(tick.tick);
                    closed.push(closed_at);
                }
            }
        }
        self.append_letters(&mut letters_text)?;
        self.commit()?;
        self.shared.gate.release_letters(letters_done.0, letters_done.1);
        if let Some(tick) = durable {
            self.shared.gate.release(tick);
            let end = self.shared.rules.end_of(tick).0;
            self.shared.progress.tick_end_ms.store(end.unsigned_abs(), Ordering::Relaxed);
        }
        closed.into_iter().for_each(|closed_at| self.note_latency(closed_at));
        Ok(())
    }

    fn append_letters(&mut self, text: &mut Vec<u8>) -> Result<(), SinkError> {
        if let (Some(sink), false) = (&mut self.dead_letters, text.is_empty()) {
            sink.append(text)?;
        }
        text.clear();
        Ok(())
    }

    /// Makes all durable; dead letters first, as a tick's end vouches for them.
    fn commit(&mut self) -> Result<(), SinkError> {
        if let Some(sink) = &mut self.dead_letters {
            sink.commit()?;
        }
        self.streams.iter_mut().try_for_each(|stream| stream.output.sink.commit())
    }

    fn append(&mut self, tick: &ClosedTick) -> Result<(), SinkError> {
        let end = self.shared.rules.end_of(tick.tick);
        self.count(tick);
        for stream in &mut self.streams {
            let text = stream.text(&tick.decisions, end);
            if stream.output.from.is_none_or(|from| end > from) {
                stream.output.sink.append(&text)?;
            }
        }
        Ok(())
    }

    fn count(&mut self, tick: &ClosedTick) {
        let written = &mut self.written;
        written.outcomes.add(&tick.outcomes);
        written.refused += tick.refused.len() as u64;
        written.ticks += 1;
        for decision in &tick.decisions {
            *written.records.entry(decision.event.type_name()).or_default() += 1;
            let order = match &decision.event {
                Event::DemandResponseActivated(order) => Some(("demand response", order.amount)),
                Event::TransferOrdered(order) => Some(("transfer", order.delivered)),
                Event::CurtailmentRecorded(order) => Some(("curtailment", order.amount)),
                _ => None,
            };
            if let Some((kind, power)) = order {
                let entry = written.orders.entry(kind).or_default();
                entry.0 += 1;
                entry.1 += power;
            }
            if let Event::PlanCreated(plan) = &decision.event {
                written.plans += 1;
                written.plan_cost += plan.cost;
            }
            self.unmet.note(&decision.event);
        }
        written.unmet_max = written.unmet_max.max(self.unmet.sum());
    }

    fn note_latency(&mut self, closed_at: Instant) {
        let micros = u64::try_from(closed_at.elapsed().as_micros()).unwrap_or(u64::MAX);
        let second = closed_at.duration_since(self.started).as_secs();
        let latencies = &mut self.written.latencies;
        latencies.all.saturating_record(micros);
        latencies.by_second.entry(second).or_insert_with(histogram).saturating_record(micros);
    }
}

impl Stream {
    /// A tick's lines: its records of this stream's types, then its end.
    fn text(&mut self, decisions: &[Decision], end: Time) -> Vec<u8> {
        let mut text = Vec::new();
        let mut records = 0;
        for decision in decisions {
            if !self.takes(decision) {
                continue;
            }
            self.sequence += 1;
            records += 1;
            decision.write_line(&mut text, end, self.sequence);
            text.push(b'\n');
        }
        let closed = TickClosed {
            sink: self.output.sink.name().to_owned(),
            tick: end,
            term: 0,
            records,
            digest: hex(&Sha256::digest(&text)),
            passed_over: Vec::new(),
            refused: Vec::new(),
        };
        closed.write_line(&mut text, self.sequence);
        text.push(b'\n');
        text
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
