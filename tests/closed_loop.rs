//! Orders that a grid obeys: they settle, serve what can be served, and end when they are not needed.
//!
//! A small grid is simulated over 2000 ticks, in which load really falls when an order starts and
//! rises when it ends, after 0, 1 or 3 ticks, and participants deliver 80 to 100 % of what they are
//! ordered. Whatever the seed:
//!
//! - no bid goes on, off and on again within the release hold, unless the need itself moves or
//!   somebody says that less was done than was ordered;
//! - nothing is shed that could be served;
//! - nothing stays activated that is not needed;
//! - `verify` finds no breach in all that was decided;
//!
//! beyond what hold, minimum run, deadband and 1 kW allow.

#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails its test")]

#[path = "common/playing.rs"]
mod playing;
#[path = "common/random.rs"]
mod random;
#[path = "common/record.rs"]
mod record;
#[path = "common/simulator.rs"]
mod simulator;

use gridweaver::connectors::{Batch, Guarantee, Progress, Sink, SinkError, Source, SourceError};
use gridweaver::engine::{Output, Recorded, run};
use gridweaver::model::{Rules, Text, Watts};
use playing::{Play, breaches, decisions};
use random::seeds_and_kept;
use simulator::{Simulator, TICK_MS};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

const SEEDS: u64 = 3;
/// Orders that fell with every plan (70), and came and went (14).
const KEPT: [u64; 2] = [14, 70];
const TICKS: i64 = 2_000;
/// Far beyond what a tick of these takes, on however slow a machine.
const HANGS_AFTER: Duration = Duration::from_secs(60);
/// What a plan may leave that could be ordered.
const REST: Watts = Watts(1_000);

/// A partition that is fed while it is read.
struct Fed {
    texts: Receiver<String>,
    position: u64,
}

impl Source for Fed {
    fn name(&self) -> &str {
        "simulator/grid/0"
    }

    fn is_finite(&self) -> bool {
        false
    }

    fn read(&mut self, batch: &mut Batch) -> Result<Progress, SourceError> {
        batch.clear();
        match self.texts.recv_timeout(Duration::from_millis(50)) {
            Ok(text) => {
                for line in text.lines() {
                    batch.push(self.position, &[line.as_bytes()], line.len() as u64);
                    self.position += line.len() as u64 + 1;
                }
                Ok(Progress::Read)
            }
            Err(RecvTimeoutError::Timeout) => Ok(Progress::Waiting),
            Err(RecvTimeoutError::Disconnected) => Ok(Progress::Finished),
        }
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn bytes_total(&self) -> Option<u64> {
        None
    }

    fn bytes_read(&self) -> u64 {
        self.position
    }
}

/// An output that hands each tick on.
struct HandedOn(Sender<Vec<u8>>);

impl Sink for HandedOn {
    fn name(&self) -> &str {
        "sink/1"
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::BestEffort
    }

    fn append(&mut self, tick_text: &[u8]) -> Result<(), SinkError> {
        // Whoever listened has seen enough.
        let _ = self.0.send(tick_text.to_vec());
        Ok(())
    }

    fn commit(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// What is promised, watched tick by tick.
struct Watch {
    rules: Rules,
    /// When each bid went on and off last.
    switched: BTreeMap<Text, Switched>,
    held_ticks: i64,
    activations: u64,
}

#[derive(Default)]
struct Switched {
    is_on: bool,
    off_tick: Option<i64>,
    on_tick: i64,
}

impl Watch {
    fn new(rules: &Rules, simulator: &Simulator) -> Self {
        let min_run_s = simulator.participants.iter().map(|participant| participant.min_run_s);
        let hold_ms = rules.dispatch.release_hold.0;
        let longest_ms = hold_ms + 1_000 * min_run_s.max().unwrap();
        Self {
            rules: rules.clone(),
            switched: BTreeMap::new(),
            // And the three ticks that an answer may take.
            held_ticks: longest_ms / TICK_MS + 4,
            activations: 0,
        }
    }

    fn look(&mut self, tick: i64, simulator: &Simulator) {
        self.look_at_switching(tick, simulator);
        let deadband = self.rules.dispatch.deadband;
        let need = Watts(*simulator.needs_w.last().unwrap());
        let beyond = Watts((need.0 - simulator.servable_w(tick)).max(0));
        let unmet = simulator.unmet();
        assert!(
            unmet <= beyond + deadband + REST,
            "tick {tick}: {} W are shed, {} W are needed, {} W can't be served",
            unmet.0,
            need.0,
            beyond.0
        );
        let recent = simulator.needs_w.iter().rev().take(usize::try_from(self.held_ticks).unwrap());
        let most = Watts(recent.copied().max().unwrap());
        let counted = simulator.counted();
        assert!(
            counted <= most + deadband + simulator.greatest_minimum() + REST,
            "tick {tick}: {} W are activated, {} W were needed at most for {} ticks",
            counted.0,
            most.0,
            self.held_ticks
        );
        if most == Watts::ZERO {
            assert!(simulator.orders.is_empty(), "tick {tick}: nothing was needed for long");
        }
    }

    fn look_at_switching(&mut self, tick: i64, simulator: &Simulator) {
        let hold_ticks = self.rules.dispatch.release_hold.0 / TICK_MS;
        let deadband = self.rules.dispatch.deadband;
        for participant in &simulator.participants {
            let is_on = simulator.order_on(&participant.bid).is_some();
            let switched = self.switched.entry(participant.bid.clone()).or_default();
            if is_on == switched.is_on {
                continue;
            }
            switched.is_on = is_on;
            if !is_on {
                switched.off_tick = Some(tick);
                continue;
            }
            self.activations += 1;
            if let Some(off_tick) = switched.off_tick {
                let since = usize::try_from(switched.on_tick).unwrap();
                let needs = &simulator.needs_w[since..];
                let range = needs.iter().max().unwrap() - needs.iter().min().unwrap();
                assert!(
                    tick - switched.on_tick >= hold_ticks
                        || range > deadband.0
                        || simulator.fell_short_in >= Some(switched.on_tick),
                    "tick {tick}: {} was on from {}, off from {off_tick}, and is on again",
                    participant.bid,
                    switched.on_tick
                );
            }
            switched.on_tick = tick;
        }
    }
}

/// Lets engine and grid answer one another over all ticks.
fn close_the_loop(seed: u64, delay_ticks: &[i64]) {
    let rules = Rules::default();
    let mut simulator = Simulator::new(seed, delay_ticks);
    let mut watch = Watch::new(&rules, &simulator);
    let (feed, texts) = channel();
    let (hand_on, ticks) = channel();
    let mut job = Play::by(&rules).job(vec![Box::new(Fed { texts, position: 0 })]);
    let sink = Box::new(HandedOn(hand_on));
    job.outputs.push(Output { sink, types: Vec::new(), from: None, recorded: Recorded::default() });
    let engine = thread::spawn(move || run(job));
    let (mut input, mut orders) = (Vec::new(), Vec::new());
    for tick in 0..TICKS {
        let records = simulator.records(tick);
        input.extend_from_slice(records.as_bytes());
        feed.send(records).unwrap();
        let text = ticks.recv_timeout(HANGS_AFTER).expect("every tick is closed");
        orders.extend_from_slice(&text);
        let decided: Vec<_> = decisions(&text).into_values().flatten().collect();
        simulator.take(tick, &decided);
        watch.look(tick, &simulator);
    }
    drop(feed);
    engine.join().unwrap().unwrap();
    assert!(watch.activations > 10, "seed {seed}: hardly anything was ordered");
    assert_eq!(breaches(&[Arc::new(input)], &orders, &rules), [], "seed {seed}");
}

fn close_the_loops(delay_ticks: &[i64]) {
    for seed in seeds_and_kept(SEEDS, &KEPT) {
        close_the_loop(seed, delay_ticks);
    }
}

#[test]
fn orders_settle_where_load_follows_at_once() {
    close_the_loops(&[0]);
}

#[test]
fn orders_settle_where_load_follows_a_tick_later() {
    close_the_loops(&[1]);
}

#[test]
fn orders_settle_where_load_follows_three_ticks_later() {
    close_the_loops(&[3]);
}

#[test]
fn orders_settle_where_participants_differ() {
    close_the_loops(&[0, 1, 3]);
}
