//! Random streams of a small grid: every record type, in the ways that operators, meters and
//! markets get wrong. A seed gives the same stream on every machine.
//!
//! A [`Punctual`](Manner::Punctual) stream arrives within the lateness, however it is shuffled or
//! cut into partitions; an [`Unpunctual`](Manner::Unpunctual) one has late records as well.
#![allow(dead_code, reason = "each test file uses a part of its helpers")]

use crate::playing::{Play, decisions};
use crate::random::Random;
use crate::record::line;
use crate::world::World;
use gridweaver::model::decision::Event;
use gridweaver::model::rules::{Late, Stale};
use gridweaver::model::{Millis, Ppm, Rules, Text, Time, Watts};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How a stream keeps time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// No record is late, in any order that the lateness allows.
    Punctual,
    /// Some are.
    Unpunctual,
}

/// One line of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// When it arrives: what orders the lines.
    pub(crate) arrives_ms: i64,
    /// Its event time; `None` of a line that is no record.
    pub(crate) time_ms: Option<i64>,
    pub(crate) is_watermark: bool,
    pub(crate) text: Vec<u8>,
}

/// A stream and the settings that it is meant for.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) seed: u64,
    pub(crate) rules: Rules,
    pub(crate) manner: Manner,
    pub(crate) lines: Vec<Line>,
}

/// A record that arrives this long after its time is not late, whatever came before it.
pub(crate) const DELAY_MS_MAX: i64 = 1_990;

impl Stream {
    /// A stream in which nobody answers orders.
    pub(crate) fn unanswered(seed: u64, manner: Manner) -> Self {
        let mut random = Random::new(seed);
        let rules = rules(&mut random);
        let lines = World::new(random, manner).lines();
        Self { seed, rules, manner, lines }.sorted()
    }

    /// A stream in which orders are answered. Who answers changes what is ordered next: the orders
    /// of each third are found with the thirds before it already answered.
    pub(crate) fn random(seed: u64, manner: Manner) -> Self {
        let mut stream = Self::unanswered(seed, manner);
        let mut random = Random::new(seed ^ 0x000A_2545);
        let (first, last) = stream.span();
        let third = (last - first) / 3;
        for part in 0..3 {
            let (from, until) = (first + part * third, first + (part + 1) * third);
            let orders = stream.orders(Time(from), Time(until));
            let answers = orders.iter().enumerate().flat_map(|(number, (order, time, amount))| {
                let id = format!("{part}-{number}");
                answers(&mut random, &id, order, *time, *amount)
            });
            stream.lines.extend(answers.collect::<Vec<_>>());
            stream = stream.sorted();
        }
        stream
    }

    /// The first and the last event time, ms.
    pub(crate) fn span(&self) -> (i64, i64) {
        let times = || self.lines.iter().filter_map(|line| line.time_ms);
        (times().min().unwrap(), times().max().unwrap())
    }

    /// The orders written in ticks that end after `from` and not after `until`.
    fn orders(&self, from: Time, until: Time) -> BTreeSet<(Text, Time, Watts)> {
        let played = Play::by(&self.rules).partitions(&[self.whole()]);
        let mut orders = BTreeSet::new();
        for (tick, decided) in decisions(&played.orders) {
            for decision in decided {
                let (order, amount) = match decision.event {
                    Event::DemandResponseActivated(order) => (order.order, order.amount),
                    Event::TransferOrdered(order) => (order.order, order.delivered),
                    Event::CurtailmentRecorded(order) => (order.order, order.amount),
                    _ => continue,
                };
                if tick > from && tick <= until {
                    orders.insert((order, tick, amount));
                }
            }
        }
        orders
    }

    /// All of it as one partition.
    pub(crate) fn whole(&self) -> Arc<Vec<u8>> {
        text(&self.lines)
    }

    /// The same records in another order within the lateness. Only of punctual streams.
    pub(crate) fn shuffled(&self, random: &mut Random) -> Self {
        assert_eq!(self.manner, Manner::Punctual, "late records depend on what came before");
        let mut shuffled = self.clone();
        random.shuffle(&mut shuffled.lines);
        let (first, last) = self.span();
        for line in &mut shuffled.lines {
            line.arrives_ms = match line.time_ms {
                // It promises that nothing earlier comes.
                Some(time) if line.is_watermark => time + DELAY_MS_MAX + 1,
                Some(time) => time + random.between(0, DELAY_MS_MAX),
                None => random.between(first, last),
            };
        }
        shuffled.sorted()
    }

    /// Its lines dealt out to partitions, each in the stream's order.
    pub(crate) fn cut(&self, partitions: usize, random: &mut Random) -> Vec<Arc<Vec<u8>>> {
        let mut dealt = vec![Vec::new(); partitions];
        for line in &self.lines {
            dealt[random.below(partitions)].push(line.clone());
        }
        dealt.iter().map(|lines| text(lines)).collect()
    }

    fn sorted(mut self) -> Self {
        self.lines.sort_by_key(|line| line.arrives_ms);
        self
    }
}

fn text(lines: &[Line]) -> Arc<Vec<u8>> {
    let mut text = Vec::new();
    for line in lines {
        text.extend_from_slice(&line.text);
        text.push(b'\n');
    }
    Arc::new(text)
}

/// Mostly the defaults; at times windows that are short enough to run out within the stream.
pub(crate) fn rules(random: &mut Random) -> Rules {
    let mut rules = Rules::default();
    if random.chance(50) {
        rules.stale_after = Millis(random.between(10, 60) * 1_000);
    }
    if random.chance(30) {
        rules.stale = Stale::Exclude;
    }
    if random.chance(30) {
        rules.dedup_window = Millis(random.between(0, 30) * 1_000);
    }
    if random.chance(30) {
        rules.retention = Millis(random.between(20, 90) * 1_000);
    }
    if random.chance(20) {
        rules.late = Late::DeadLetter;
    }
    if random.chance(20) {
        rules.tick = Millis(*random.pick(&[1_000, 1_700, 10_000]));
    }
    let dispatch = &mut rules.dispatch;
    if random.chance(40) {
        dispatch.release_hold = Millis(random.between(0, 20) * 1_000);
        dispatch.replan_every = Millis(random.between(1, 20) * 1_000);
    }
    if random.chance(30) {
        dispatch.response_timeout = Some(Millis(random.between(5, 40) * 1_000));
    }
    if random.chance(30) {
        dispatch.reliability_window = Millis(random.between(10, 120) * 1_000);
    }
    if random.chance(20) {
        dispatch.deadband = Watts(random.between(0, 5_000_000));
        dispatch.replan_gain = Ppm(10_000);
    }
    rules
}

/// What a participant says to an order, if anything.
fn answers(random: &mut Random, id: &str, order: &Text, time: Time, amount: Watts) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut at = time.0;
    let mut say = |random: &mut Random, at: i64, status: &str, mw: &str| {
        let number = lines.len();
        let data = format!(r#"{{"order":"{order}","status":"{status}"{mw}}}"#);
        let rest = format!(r#""sequence":{number},"data":{data}"#);
        let id = format!("answer-{id}-{number}");
        let text = line("participants", &id, "dispatch.response", at, &rest);
        let arrives_ms = at + random.between(0, DELAY_MS_MAX);
        lines.push(Line {
            arrives_ms,
            time_ms: Some(at),
            is_watermark: false,
            text: text.into_bytes(),
        });
    };
    if random.chance(20) {
        return lines;
    }
    if random.chance(10) {
        // A clock that is behind: the answer is older than its order.
        at -= random.between(0, 9_000);
    }
    at += random.between(0, 6_000);
    if random.chance(70) {
        say(random, at, "received", "");
    }
    at += random.between(0, 9_000);
    if random.chance(60) {
        let confirmed = match random.below(4) {
            0 => String::new(),
            1 => r#","mw":0"#.to_owned(),
            _ => {
                let watts = random.between(0, amount.0 + amount.0 / 4);
                format!(r#","mw":{}"#, gridweaver::model::decimal::text(watts.into(), 6))
            }
        };
        say(random, at, "started", &confirmed);
    }
    if random.chance(15) {
        at += random.between(0, 20_000);
        say(random, at, "started", "");
    }
    at += random.between(0, 30_000);
    match random.below(6) {
        0 => say(random, at, "completed", ""),
        1 => say(random, at, "failed", ""),
        2 => say(random, at, "opted_out", ""),
        _ => {}
    }
    lines
}
