//! The small grid behind the random streams, and what happens in it.
//!
//! Twenty nodes in four regions, rings joined by ties, programs and bids under them. Regions come
//! under stress and recover; lines trip and return; everything is now and then changed, removed,
//! misnamed, sent twice or sent broken.
#![allow(dead_code, reason = "each test file uses a part of its helpers")]

use crate::hostile;
use crate::random::Random;
use crate::record::line;
use crate::streams::{DELAY_MS_MAX, Line, Manner};
use gridweaver::model::{Time, decimal};
use std::collections::BTreeMap;

/// 2026-03-01T00:00:00Z
pub(crate) const START_MS: i64 = 1_772_323_200_000;

const REGIONS: [&str; 4] = ["A", "B", "C", "D"];
const NODES: usize = 20;
const BIDS: usize = 24;
const SOURCES: [&str; 3] = ["scada/west", "scada/east", "market"];

/// What was said before, to be said again.
#[derive(Clone)]
struct Said {
    source: &'static str,
    id: String,
    sequence: u64,
    type_name: &'static str,
    time_ms: i64,
    data: String,
}

pub(crate) struct World {
    random: Random,
    manner: Manner,
    now_ms: i64,
    lines: Vec<Line>,
    said: Vec<Said>,
    sequences: BTreeMap<&'static str, u64>,
    /// How much more load than usual each region has, percent.
    stress: [i64; REGIONS.len()],
    /// Lines and where they lead.
    ends: Vec<(String, usize, usize)>,
}

impl World {
    pub(crate) fn new(random: Random, manner: Manner) -> Self {
        let mut ends = Vec::new();
        for node in 0..NODES {
            let (block, place) = (node / 5 * 5, node % 5);
            ends.push((format!("l{node:02}"), node, block + (place + 1) % 5));
        }
        for (number, (from, to)) in
            [(0, 5), (4, 6), (5, 10), (9, 12), (10, 15), (14, 18), (15, 2), (3, 11)]
                .into_iter()
                .enumerate()
        {
            ends.push((format!("t{number}"), from, to));
        }
        Self {
            random,
            manner,
            now_ms: START_MS,
            lines: Vec::new(),
            said: Vec::new(),
            sequences: BTreeMap::new(),
            stress: [0; REGIONS.len()],
            ends,
        }
    }

    /// A stream of it.
    pub(crate) fn lines(mut self) -> Vec<Line> {
        self.now_ms += self.random.between(0, 3_999);
        self.describe();
        let events = self.random.between(250, 900);
        for _ in 0..events {
            let gap = if self.random.chance(1) { 15_000 } else { 900 };
            self.now_ms += self.random.between(0, gap);
            self.happen();
        }
        self.lines
    }

    /// The grid as it is at first. The order is random: what refers to something may come first.
    fn describe(&mut self) {
        let mut steps: Vec<(usize, usize)> = (0..NODES).map(|node| (0, node)).collect();
        steps.extend((0..self.ends.len()).map(|line| (1, line)));
        steps.extend((0..NODES).map(|node| (2, node)));
        steps.extend((0..REGIONS.len()).map(|region| (3, region)));
        steps.extend((0..BIDS).map(|bid| (4, bid)));
        self.random.shuffle(&mut steps);
        for (kind, which) in steps {
            self.now_ms += self.random.between(0, 30);
            match kind {
                0 => self.node(which, which / 5),
                1 => self.line(which),
                2 => self.telemetry(which),
                3 => self.program(which),
                _ => self.bid(which),
            }
        }
    }

    fn happen(&mut self) {
        let node = self.random.below(NODES);
        let region = self.random.below(REGIONS.len());
        match self.random.below(100) {
            0..=2 => self.stress[region] = *self.random.pick(&[0, 0, 20, 60, 150]),
            3..=49 => self.telemetry(node),
            50..=60 => self.line_status(),
            61..=63 => {
                let line = self.random.below(self.ends.len());
                self.line(line);
            }
            64..=66 => {
                let region = if self.random.chance(50) { node / 5 } else { region };
                self.node(node, region);
            }
            67..=75 => {
                let bid = self.random.below(BIDS);
                self.bid(bid);
            }
            76 => self.withdraw(),
            77..=78 => self.program(region),
            79..=80 => self.performance(),
            81..=86 => self.declare(region),
            87 => self.watermark(),
            88..=92 => self.again(),
            93 => self.unknown_order(),
            94..=96 => self.hostile(),
            _ => {
                // A meter's reading of a moment that has not come yet.
                let now_ms = self.now_ms;
                self.now_ms += self.random.between(0, 30_000);
                self.telemetry(node);
                self.now_ms = now_ms;
            }
        }
    }

    fn node(&mut self, node: usize, region: usize) {
        let mut data = format!(r#""node":"n{node:02}","region":"{}""#, REGIONS[region]);
        match self.random.below(12) {
            0 if !self.is_new() => data = format!(r#""node":"n{node:02}","removed":true"#),
            1 => data += r#","name":"Umspannwerk Süd \"3\"","latitude":47.5,"longitude":8.25"#,
            _ => {}
        }
        self.say("grid.node", &data);
    }

    fn line(&mut self, line: usize) {
        let (name, mut from, mut to) = self.ends[line].clone();
        if !self.is_new() {
            match self.random.below(10) {
                0 => return self.say("grid.line", &format!(r#""line":"{name}","removed":true"#)),
                1 => to = from,
                2 => from = 77,
                3 => to = self.random.below(NODES),
                _ => {}
            }
        }
        let capacity = if self.random.chance(4) { 0 } else { self.random.between(0, 60_000_000) };
        let mut data = format!(
            r#""line":"{name}","from":"n{from:02}","to":"n{to:02}","capacity_mw":{}"#,
            mw(capacity)
        );
        match self.random.below(4) {
            0 => data += &format!(r#","loss":0.0{}"#, self.random.between(0, 9_999)),
            1 => data += &format!(r#","length_km":{}"#, self.random.between(0, 900)),
            _ => {}
        }
        if self.random.chance(30) {
            data += &format!(r#","wheeling_price":{}"#, self.random.between(0, 20));
        }
        if self.random.chance(10) {
            data += &format!(r#","in_service":{}"#, self.random.chance(70));
        }
        self.say("grid.line", &data);
    }

    /// Ties trip more often than other lines, and most return.
    fn line_status(&mut self) {
        let tie = self.random.chance(60);
        let line = if tie { NODES + self.random.below(8) } else { self.random.below(NODES) };
        let name = self.ends[line].0.clone();
        let in_service = self.random.chance(55);
        self.say("grid.line_status", &format!(r#""line":"{name}","in_service":{in_service}"#));
    }

    fn telemetry(&mut self, node: usize) {
        let stress = self.stress[node / 5];
        let generation = self.random.between(0, 40_000_000);
        let load = self.random.between(0, 30_000_000) * (100 + stress) / 100;
        let name = if self.random.chance(1) { "ghost".to_owned() } else { format!("n{node:02}") };
        let mut data =
            format!(r#""node":"{name}","generation_mw":{},"load_mw":{}"#, mw(generation), mw(load));
        if self.random.chance(50) {
            let available = generation + self.random.between(0, 25_000_000);
            data += &format!(r#","available_mw":{}"#, mw(available));
        }
        match self.random.below(14) {
            0 => data += r#","quality":"bad""#,
            1 => data += r#","quality":"suspect""#,
            2 => data += r#","quality":"good""#,
            3 => data += r#","quality":null,"nobody_knows":[{"this":1e3}]"#,
            _ => {}
        }
        self.say("grid.telemetry", &data);
    }

    fn program(&mut self, region: usize) {
        let name = format!("p{region}");
        if !self.is_new() && self.random.chance(15) {
            let data = format!(r#""program":"{name}","removed":true"#);
            return self.say("dr.program", &data);
        }
        let moved = if self.random.chance(5) { "Z" } else { REGIONS[region] };
        let capacity = self.random.between(0, 45_000_000);
        let mut data =
            format!(r#""program":"{name}","region":"{moved}","capacity_mw":{}"#, mw(capacity));
        if self.random.chance(40) {
            data += &format!(r#","max_price":{}"#, self.random.between(40, 400));
        }
        self.say("dr.program", &data);
    }

    fn bid(&mut self, bid: usize) {
        let random = &mut self.random;
        let program = if random.chance(4) { 9 } else { bid % REGIONS.len() };
        let max = random.between(1, 12_000_000);
        let min = if random.chance(40) { random.between(0, max) } else { 0 };
        // A price that others have too, so that ties are common.
        let price =
            if random.chance(50) { 10 * random.between(3, 9) } else { random.between(-20, 500) };
        let start = self.now_ms - random.between(-20_000, 60_000);
        let end = start.max(self.now_ms) + random.between(1, 240_000);
        let whose =
            format!(r#""bid":"b{bid:02}","participant":"v{}","program":"p{program}""#, bid % 6);
        let window = format!(r#""start":"{}","end":"{}""#, Time(start), Time(end));
        let (min, max) = (mw(min), mw(max));
        let mut data = format!(r#"{whose},"price":{price},"min_mw":{min},"max_mw":{max},{window}"#);
        if random.chance(40) {
            let node = if random.chance(90) { program % 4 * 5 } else { 13 } + random.below(5);
            data += &format!(r#","node":"n{node:02}""#);
        }
        match random.below(10) {
            0 => data += r#","notice_s":301"#,
            1 | 2 => data += &format!(r#","notice_s":{}"#, random.between(0, 20)),
            _ => {}
        }
        if random.chance(40) {
            data += &format!(r#","min_run_s":{}"#, random.between(0, 40));
        }
        if random.chance(40) {
            data += &format!(r#","reliability":0.{:03}"#, random.between(0, 999));
        }
        self.say("dr.bid", &data);
    }

    fn withdraw(&mut self) {
        let bid = self.random.below(BIDS + 2);
        self.say("dr.bid_withdrawn", &format!(r#""bid":"b{bid:02}""#));
    }

    fn performance(&mut self) {
        let (participant, instructed) = (self.random.below(6), self.random.between(1, 9_000_000));
        let delivered = self.random.between(0, instructed + 1_000_000);
        let data = format!(
            r#""participant":"v{participant}","instructed_mw":{},"delivered_mw":{}"#,
            mw(instructed),
            mw(delivered)
        );
        self.say("dr.performance", &data);
    }

    /// What an operator sets for a region.
    fn declare(&mut self, region: usize) {
        let (name, other) = (REGIONS[region], REGIONS[self.random.below(REGIONS.len())]);
        let power = mw(self.random.between(0, 30_000_000));
        match self.random.below(7) {
            0 => self.say("grid.reserve", &format!(r#""region":"{name}","reserve_mw":{power}"#)),
            1 => {
                let price = self.random.between(-30, 90);
                self.say("grid.energy_price", &format!(r#""region":"{name}","price":{price}"#));
            }
            2 | 3 => {
                let power = if self.random.chance(50) { "0" } else { &power };
                let data = format!(r#""region":"{name}","shortfall_mw":{power}"#);
                self.say("grid.shortfall", &data);
            }
            _ => {
                let what = if self.random.chance(30) {
                    r#""removed":true"#.to_owned()
                } else {
                    format!(r#""limit_mw":{power}"#)
                };
                let data = format!(r#""from_region":"{name}","to_region":"{other}",{what}"#);
                self.say("grid.interface_limit", &data);
            }
        }
    }

    fn unknown_order(&mut self) {
        let status = *self.random.pick(&["received", "started", "failed", "completed"]);
        self.say("dispatch.response", &format!(r#""order":"nobody's","status":"{status}""#));
    }

    /// A promise that nothing older comes; what is on its way within the lateness comes before it.
    fn watermark(&mut self) {
        let sequence = self.count("scada/west");
        let id = format!("w{}", self.lines.len());
        let data = *self.random.pick(&["", r#","data":null"#, r#","data":{"any":1}"#]);
        let rest = format!(r#""sequence":{sequence}{data}"#);
        let text = line("scada/west", &id, "source.watermark", self.now_ms, &rest);
        self.lines.push(Line {
            arrives_ms: self.now_ms + DELAY_MS_MAX + 1,
            time_ms: Some(self.now_ms),
            is_watermark: true,
            text: text.into_bytes(),
        });
    }

    /// Something that was said lately is said again: a copy, a revision or an older version.
    fn again(&mut self) {
        let lately = self.said.len().saturating_sub(40);
        let mut copy = self.said[lately + self.random.below(self.said.len() - lately)].clone();
        match self.random.below(6) {
            0 => copy.sequence += 1_000,
            1 => copy.sequence = copy.sequence.saturating_sub(1),
            2 => copy.time_ms = self.now_ms,
            3 => {
                let other = self.random.pick(&self.said).clone();
                if other.type_name == copy.type_name {
                    copy.data = other.data;
                    copy.sequence += u64::from(self.random.chance(50));
                }
            }
            _ => {}
        }
        self.send(&copy);
    }

    fn hostile(&mut self) {
        let text = hostile::any(&mut self.random, self.now_ms);
        self.lines.push(Line { arrives_ms: self.now_ms, time_ms: None, is_watermark: false, text });
    }

    /// Whether the grid is still being described for the first time.
    fn is_new(&self) -> bool {
        self.said.len() < 2 * NODES
    }

    fn count(&mut self, source: &'static str) -> u64 {
        let sequence = self.sequences.entry(source).or_default();
        *sequence += 1;
        *sequence
    }

    fn say(&mut self, type_name: &'static str, data: &str) {
        let source = *self.random.pick(&SOURCES);
        let sequence = if self.random.chance(3) { 0 } else { self.count(source) };
        let said = Said {
            source,
            id: format!("e{}", self.said.len()),
            sequence,
            type_name,
            time_ms: self.now_ms,
            data: data.to_owned(),
        };
        self.said.push(said.clone());
        self.send(&said);
    }

    fn send(&mut self, said: &Said) {
        let Said { source, id, sequence, type_name, time_ms, data } = said;
        let sequence = match self.random.below(12) {
            0 if *sequence == 0 => String::new(),
            1 => format!(r#""sequence":"{sequence}","#),
            _ => format!(r#""sequence":{sequence},"#),
        };
        let rest = format!(r#"{sequence}"data":{{{data}}}"#);
        let text = line(source, id, type_name, *time_ms, &rest);
        let delay_ms = if self.manner == Manner::Unpunctual && self.random.chance(6) {
            self.random.between(2_000, 60_000)
        } else {
            self.random.between(0, DELAY_MS_MAX)
        };
        self.lines.push(Line {
            arrives_ms: time_ms + delay_ms,
            time_ms: Some(*time_ms),
            is_watermark: false,
            text: text.into_bytes(),
        });
    }
}

/// Watts as MW.
pub(crate) fn mw(watts: i64) -> String {
    decimal::text(watts.into(), 6)
}
