//! Made rows over a [`Lattice`], tick by tick, in the batches that intakes make.
#![allow(dead_code, reason = "each bench uses a part of its helpers")]

use super::lattice::{Lattice, Switchboard};
use super::random::Random;
use gridweaver_dataflows::by_tick::Batches;
use gridweaver_dataflows::row::{Family, Row};
use gridweaver_model::record::{
    Bid, EnergyPrice, Envelope, Line, LineStatus, Node, Program, Telemetry, Version,
};
use gridweaver_model::{Data, Metres, Ppm, Price, Record, Rules, Text, Tick, Time, Watts};

/// 2026-03-01T00:00:00Z
const START: Time = Time(1_772_323_200_000);
/// Rows that travel together.
const BATCH_ROWS: usize = 128;
/// Sources of what is measured.
const SOURCES: usize = 8;
const PARTICIPANTS: usize = 2_000;
/// Of a hundred lines, those that are open.
const OPEN_PERCENT: usize = 5;
/// Of a hundred regions, those that are short of capacity.
const STRESSED_PERCENT: u64 = 20;
const MW: i64 = 1_000_000;

/// See the module's documentation.
pub(crate) struct Feed {
    pub(crate) rules: Rules,
    pub(crate) lattice: Lattice,
    pub(crate) random: Random,
    tick: Tick,
    serial: u64,
    stressed: Vec<bool>,
    board: Switchboard,
}

impl Feed {
    pub(crate) fn new(nodes: usize, regions: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let lattice = Lattice::new(nodes, regions, &mut random);
        let lines = lattice.lines.len();
        let board = Switchboard::new(lines, lines * OPEN_PERCENT / 100, &mut random);
        let stressed = (0..regions).map(|_| random.chance(STRESSED_PERCENT)).collect();
        let rules = Rules::default();
        let tick = rules.tick_of(START);
        Self { rules, lattice, random, tick, serial: 0, stressed, board }
    }

    /// The tick that rows are made for.
    pub(crate) fn tick(&self) -> Tick {
        self.tick
    }

    /// Goes on to the next tick.
    pub(crate) fn next_tick(&mut self) -> Tick {
        self.tick += 1;
        self.tick
    }

    pub(crate) fn row(&mut self, source: &str, data: Data) -> Row {
        self.serial += 1;
        let time = self.rules.start_of(self.tick).0 + self.random.between(0, 3_999);
        let id = Text::from(format!("e{}", self.serial));
        let version =
            Version { time: Time(time), sequence: self.serial, source: source.into(), id };
        let envelope = Envelope { version, correlation_id: None };
        Row { record: Record { envelope, data }, origin: None }
    }

    /// Nodes and lines, those lines open that are to be.
    pub(crate) fn grid(&mut self) -> Vec<Row> {
        let nodes = (0..self.lattice.nodes).map(|node| {
            let region = Some(region_name(self.lattice.region(node)));
            let node = node_name(node);
            let (name, latitude, longitude, removed) = (None, None, None, None);
            Data::Node(Box::new(Node { node, region, name, latitude, longitude, removed }))
        });
        let mut all: Vec<Data> = nodes.collect();
        for (line, (from, to)) in self.lattice.lines.iter().enumerate() {
            all.push(Data::Line(Box::new(Line {
                line: line_name(line),
                from: Some(node_name(*from)),
                to: Some(node_name(*to)),
                capacity: Some(Watts(self.random.between(50, 799) * MW)),
                length: Some(Metres(self.random.between(2_000, 120_000))),
                loss: None,
                wheeling_price: None,
                in_service: None,
                removed: None,
            })));
        }
        all.extend(self.board.open().map(|line| status(line, false)));
        all.into_iter().map(|data| self.row("scada/0", data)).collect()
    }

    /// A price a region.
    pub(crate) fn prices(&mut self) -> Vec<Row> {
        let regions = 0..self.lattice.regions;
        regions
            .map(|region| {
                let price = Price(self.random.between(15, 90) * 1_000);
                let data = Data::EnergyPrice(EnergyPrice { region: region_name(region), price });
                self.row("scada/0", data)
            })
            .collect()
    }

    /// A program a region.
    pub(crate) fn programs(&mut self) -> Vec<Row> {
        (0..self.lattice.regions).map(|region| self.program(region, None)).collect()
    }

    /// The program of a region.
    pub(crate) fn program(&mut self, region: usize, max_price: Option<Price>) -> Row {
        let program = program_name(region);
        let capacity = Some(Watts(self.random.between(20, 400) * MW));
        let region = Some(region_name(region));
        let program = Program { program, region, capacity, max_price, removed: None };
        self.row("market", Data::Program(Box::new(program)))
    }

    /// Readings of nodes drawn at random.
    pub(crate) fn readings(&mut self, count: usize) -> Vec<Row> {
        (0..count)
            .map(|_| {
                let node = self.random.below(self.lattice.nodes);
                self.reading(node)
            })
            .collect()
    }

    /// A reading of one node; in stressed regions there is hardly enough.
    pub(crate) fn reading(&mut self, node: usize) -> Row {
        let load = self.random.between(MW, 60 * MW);
        let percent = if self.stressed[self.lattice.region(node)] {
            self.random.between(80, 105)
        } else {
            self.random.between(100, 140)
        };
        let available = load / 100 * percent;
        let source = SOURCE_NAMES[self.random.below(SOURCES)];
        let (node, quality) = (node_name(node), None);
        let (generation, load) = (Watts(available / 100 * 95), Watts(load));
        let available = Some(Watts(available));
        self.row(source, Data::Telemetry(Telemetry { node, generation, load, available, quality }))
    }

    /// New bids, open for one to thirty minutes.
    pub(crate) fn bids(&mut self, count: usize) -> Vec<Row> {
        (0..count).map(|_| self.bid()).collect()
    }

    fn bid(&mut self) -> Row {
        let now = self.rules.start_of(self.tick).0;
        let random = &mut self.random;
        let max = random.between(1, 40);
        let bid = Bid {
            bid: Text::from(format!("b{}", self.serial)),
            participant: Text::from(format!("v{}", random.below(PARTICIPANTS))),
            program: program_name(random.below(self.lattice.regions)),
            node: None,
            price: Price(random.between(20_000, 300_000)),
            min: Watts(max / 4 * MW),
            max: Watts(max * MW),
            start: Time(now - random.between(0, 600_000)),
            end: Time(now + random.between(60_000, 1_800_000)),
            notice: None,
            min_run: None,
            reliability: Some(Ppm(u32::try_from(random.between(50, 99)).unwrap_or(0) * 10_000)),
        };
        self.row("market", Data::Bid(Box::new(bid)))
    }

    /// One breaker operation; as many lines stay open.
    pub(crate) fn switching(&mut self) -> Row {
        let (line, in_service) = self.board.switch(&mut self.random);
        self.row("scada/0", status(line, in_service))
    }
}

const SOURCE_NAMES: [&str; SOURCES] =
    ["scada/1", "scada/2", "scada/3", "scada/4", "scada/5", "scada/6", "scada/7", "scada/8"];

fn status(line: usize, in_service: bool) -> Data {
    Data::LineStatus(LineStatus { line: line_name(line), in_service })
}

pub(crate) fn node_name(node: usize) -> Text {
    Text::from(format!("n{node}"))
}

pub(crate) fn line_name(line: usize) -> Text {
    Text::from(format!("l{line}"))
}

pub(crate) fn region_name(region: usize) -> Text {
    Text::from(format!("r{region}"))
}

pub(crate) fn program_name(region: usize) -> Text {
    Text::from(format!("p{region}"))
}

/// Rows in batches of one family each, in no other order than by family.
pub(crate) fn batches(rows: Vec<Row>) -> Batches<Row> {
    let mut families: Vec<(Family, Vec<Vec<Row>>)> = Vec::new();
    for row in rows {
        let family = row.family();
        let at = families.iter().position(|(other, _)| *other == family).unwrap_or_else(|| {
            families.push((family, Vec::new()));
            families.len() - 1
        });
        let batches = &mut families[at].1;
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH_ROWS => batch.push(row),
            _ => {
                let mut batch = Vec::with_capacity(BATCH_ROWS);
                batch.push(row);
                batches.push(batch);
            }
        }
    }
    families.into_iter().flat_map(|(_, batches)| batches).collect()
}
