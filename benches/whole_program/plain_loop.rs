//! The plain loop: what a good programmer would write in an afternoon who needs the views on one
//! machine and nothing else.
//!
//! One thread reads lines, serde_json borrows from them, hash maps hold the state. It keeps copies
//! out, newest readings and their sums by region, islands, and the ten best bids of each program;
//! each tick it tells what changed, into a digest. It orders nothing, writes nothing, survives
//! nothing, and takes amounts as floats.

use foldhash::fast::FixedState;
use gridweaver::model::{Lookup, Time};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::hash::BuildHasher as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

const TICK_MS: i64 = 4_000;
const LATENESS_MS: i64 = 2_000;
const DEDUP_WINDOW_MS: i64 = 600_000;
const FLEXIBLE_MS: f64 = 14_400_000.0;
const TOLD_BIDS: usize = 10;

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    type_name: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(default)]
    sequence: u64,
    #[serde(borrow)]
    data: Payload<'a>,
}

/// The fields of all types together.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload<'a> {
    #[serde(borrow)]
    node: Cow<'a, str>,
    #[serde(borrow)]
    region: Cow<'a, str>,
    #[serde(borrow)]
    line: Cow<'a, str>,
    #[serde(borrow)]
    from: Cow<'a, str>,
    #[serde(borrow)]
    to: Cow<'a, str>,
    #[serde(borrow)]
    program: Cow<'a, str>,
    #[serde(borrow)]
    bid: Cow<'a, str>,
    #[serde(borrow)]
    start: Cow<'a, str>,
    #[serde(borrow)]
    end: Cow<'a, str>,
    generation_mw: f64,
    load_mw: f64,
    available_mw: f64,
    capacity_mw: f64,
    max_mw: f64,
    price: f64,
    reliability: Option<f64>,
    in_service: Option<bool>,
}

/// Names as numbers, and something of each.
struct Named<T> {
    numbers: Lookup<Box<str>, usize>,
    items: Vec<T>,
}

impl<T: Default> Named<T> {
    fn new() -> Self {
        Self { numbers: Lookup::default(), items: Vec::new() }
    }

    fn number(&mut self, name: &str) -> usize {
        match self.numbers.get(name) {
            Some(number) => *number,
            None => {
                self.numbers.insert(name.into(), self.items.len());
                self.items.push(T::default());
                self.items.len() - 1
            }
        }
    }
}

/// What decides between two records of one key.
type Order = (i64, u64);

/// In kilowatts.
#[derive(Clone, Copy, Default)]
struct Power {
    generation: i64,
    load: i64,
    available: i64,
}

#[derive(Default)]
struct Node {
    exists: bool,
    region: Option<usize>,
    newest: Order,
    power: Power,
}

#[derive(Default)]
struct Line {
    ends: Option<(usize, usize)>,
    capacity_kw: i64,
    in_service: bool,
    newest: Order,
}

/// A bid in its rank: score, time, number.
type Ranked = (i64, i64, u64);

/// Bids that enter or leave a ranking at some time: the program, and the bid.
type Due = BTreeMap<i64, Vec<(usize, Ranked)>>;

struct PlainLoop {
    sources: Named<()>,
    seen: Lookup<u128, u64>,
    seen_since: VecDeque<(i64, u128)>,
    nodes: Named<Node>,
    lines: Named<Line>,
    sums: Named<Power>,
    rankings: Named<BTreeSet<Ranked>>,
    entering: Due,
    leaving: Due,
    /// What changed since the last tick.
    summed: BTreeSet<usize>,
    ranked: BTreeSet<usize>,
    rewired: bool,
    tick_end: i64,
    islands: usize,
    ticks: u64,
    duplicates: u64,
    digest: u64,
}

/// Returns the number of records read, and what the views hold at the end.
pub(crate) fn run(input: &Path) -> anyhow::Result<(u64, String)> {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(input)?);
    let mut views = PlainLoop::new();
    let (mut line, mut read, mut newest) = (String::new(), 0, None);
    while reader.read_line(&mut line)? > 0 {
        if let Ok(record) = serde_json::from_str::<Record<'_>>(&line) {
            let time = ms(&record.time);
            read += 1;
            let first = *newest.get_or_insert(time);
            newest = Some(first.max(time));
            views.close_before(first.max(time) - LATENESS_MS);
            views.take(&record, time);
        }
        line.clear();
    }
    let last = newest.unwrap_or_default();
    views.close_before(last + TICK_MS);
    let PlainLoop { ticks, duplicates, islands, digest, .. } = views;
    let detail =
        format!("{ticks} ticks, {duplicates} duplicates, {islands} islands, digest {digest:016x}");
    Ok((read, detail))
}

impl PlainLoop {
    fn new() -> Self {
        Self {
            sources: Named::new(),
            seen: Lookup::default(),
            seen_since: VecDeque::new(),
            nodes: Named::new(),
            lines: Named::new(),
            sums: Named::new(),
            rankings: Named::new(),
            entering: Due::new(),
            leaving: Due::new(),
            summed: BTreeSet::new(),
            ranked: BTreeSet::new(),
            rewired: false,
            tick_end: i64::MIN,
            islands: 0,
            ticks: 0,
            duplicates: 0,
            digest: 0,
        }
    }

    fn take(&mut self, record: &Record<'_>, time: i64) {
        if self.tick_end == i64::MIN {
            self.tick_end = (time.div_euclid(TICK_MS) + 1) * TICK_MS;
        }
        if self.is_copy(record, time) {
            self.duplicates += 1;
            return;
        }
        let (data, order) = (&record.data, (time, record.sequence));
        match &*record.type_name {
            "grid.telemetry" => self.take_reading(data, order),
            "dr.bid" => self.take_bid(data, time),
            "grid.line_status" => {
                let line = self.lines.number(&data.line);
                let line = &mut self.lines.items[line];
                if order > line.newest {
                    line.newest = order;
                    line.in_service = data.in_service.unwrap_or(true);
                    self.rewired = true;
                }
            }
            "grid.line" => {
                let ends = Some((self.nodes.number(&data.from), self.nodes.number(&data.to)));
                let line = self.lines.number(&data.line);
                let in_service = data.in_service.unwrap_or(true);
                let capacity_kw = kw(data.capacity_mw);
                self.lines.items[line] = Line { ends, capacity_kw, in_service, newest: order };
                self.rewired = true;
            }
            "grid.node" => {
                let node = self.nodes.number(&data.node);
                self.nodes.items[node].exists = true;
                self.nodes.items[node].region = Some(self.sums.number(&data.region));
                self.rewired = true;
            }
            "dr.program" => {
                self.rankings.number(&data.program);
            }
            _ => {}
        }
    }

    fn is_copy(&mut self, record: &Record<'_>, time: i64) -> bool {
        let source = self.sources.number(&record.source);
        let half = |seed| FixedState::with_seed(seed).hash_one((source, &*record.id));
        let identity = (u128::from(half(1)) << 64) | u128::from(half(2));
        if self.seen.get(&identity).is_some_and(|sequence| record.sequence <= *sequence) {
            return true;
        }
        self.seen.insert(identity, record.sequence);
        self.seen_since.push_back((time, identity));
        false
    }

    fn take_reading(&mut self, data: &Payload<'_>, order: Order) {
        let number = self.nodes.number(&data.node);
        let node = &mut self.nodes.items[number];
        if order <= node.newest {
            return;
        }
        let power = Power {
            generation: kw(data.generation_mw),
            load: kw(data.load_mw),
            available: kw(data.available_mw),
        };
        let old = std::mem::replace(&mut node.power, power);
        node.newest = order;
        if let Some(region) = node.region {
            let sum = &mut self.sums.items[region];
            sum.generation += power.generation - old.generation;
            sum.load += power.load - old.load;
            sum.available += power.available - old.available;
            self.summed.insert(region);
        }
    }

    fn take_bid(&mut self, data: &Payload<'_>, time: i64) {
        let program = self.rankings.number(&data.program);
        let (start, end) = (ms(&data.start), ms(&data.end));
        let flexible = ((end - start) as f64 / FLEXIBLE_MS).min(1.0);
        let unreliable = 1.0 - data.reliability.unwrap_or(0.9);
        let score = data.price * (1.0 + unreliable) * (1.0 - 0.1 * flexible);
        let number = data.bid.get(1..).and_then(|digits| digits.parse().ok()).unwrap_or(0);
        let bid = ((score * 1_000.0).round() as i64, time, number);
        if end <= self.tick_end || data.max_mw <= 0.0 {
            return;
        }
        self.leaving.entry(end).or_default().push((program, bid));
        if start > self.tick_end {
            self.entering.entry(start).or_default().push((program, bid));
        } else {
            self.rankings.items[program].insert(bid);
            self.ranked.insert(program);
        }
    }

    /// Closes all ticks that end by then.
    fn close_before(&mut self, watermark: i64) {
        while self.tick_end != i64::MIN && self.tick_end <= watermark {
            self.close();
            self.tick_end += TICK_MS;
        }
    }

    fn close(&mut self) {
        self.ticks += 1;
        if std::mem::take(&mut self.rewired) {
            self.islands = self.count_islands();
        }
        for region in std::mem::take(&mut self.summed) {
            let Power { generation, load, available } = self.sums.items[region];
            self.tell([generation, load, available]);
        }
        for (program, bid) in due(&mut self.entering, self.tick_end) {
            self.rankings.items[program].insert(bid);
            self.ranked.insert(program);
        }
        for (program, bid) in due(&mut self.leaving, self.tick_end) {
            self.rankings.items[program].remove(&bid);
            self.ranked.insert(program);
        }
        for program in std::mem::take(&mut self.ranked) {
            let best: Vec<Ranked> =
                self.rankings.items[program].iter().take(TOLD_BIDS).copied().collect();
            for (score, time, bid) in best {
                self.tell([score, time, bid.cast_signed()]);
            }
        }
        let forgotten = self.tick_end - DEDUP_WINDOW_MS;
        while let Some((_, identity)) = self.seen_since.pop_front_if(|(time, _)| *time < forgotten)
        {
            self.seen.remove(&identity);
        }
    }

    /// All islands anew.
    fn count_islands(&self) -> usize {
        let mut leads_to: Vec<usize> = (0..self.nodes.items.len()).collect();
        let mut islands = self.nodes.items.iter().filter(|node| node.exists).count();
        let live = self.lines.items.iter().filter(|line| line.in_service && line.capacity_kw > 0);
        for (from, to) in live.filter_map(|line| line.ends) {
            let (from, to) = (end_of(&mut leads_to, from), end_of(&mut leads_to, to));
            if from != to {
                leads_to[from] = to;
                islands -= 1;
            }
        }
        islands
    }

    fn tell(&mut self, values: [i64; 3]) {
        for value in values {
            self.digest = self.digest.rotate_left(7) ^ value.cast_unsigned();
            self.digest = self.digest.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
    }
}

/// Takes out what is due by then.
fn due(all: &mut Due, now: i64) -> Vec<(usize, Ranked)> {
    let later = all.split_off(&(now + 1));
    std::mem::replace(all, later).into_values().flatten().collect()
}

/// Where the way from a node ends, halving it on the way.
fn end_of(leads_to: &mut [usize], mut node: usize) -> usize {
    while leads_to[node] != node {
        leads_to[node] = leads_to[leads_to[node]];
        node = leads_to[node];
    }
    node
}

fn kw(mw: f64) -> i64 {
    (mw * 1_000.0).round() as i64
}

fn ms(text: &str) -> i64 {
    Time::parse(text).map_or(0, |time| time.0)
}
