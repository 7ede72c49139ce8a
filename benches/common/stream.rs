//! The stream: a grid and what is measured, switched and offered in it, the same for one seed.
//!
//! It begins with the whole grid and a program and a price a region. Then come the events, evenly
//! in event time but each held back by up to the jitter; some are sent twice. Regions under stress
//! have hardly what they need, the others more.

use crate::lattice::Lattice;
use crate::parameters::Parameters;
use crate::random::Random;
use gridweaver::model::Time;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// 2026-01-01T00:00:00Z
const START: Time = Time(1_767_225_600_000);
/// Events a second of event time, unless another rate is asked for.
pub(crate) const RATE: usize = 10_000;
/// From what was sent lately copies are drawn.
const LATELY: usize = 4_096;
const PARTICIPANTS: usize = 2_000;

/// What is sent, and in which proportion.
struct Shape {
    nodes: usize,
    regions: usize,
    events: usize,
    /// Events a second of event time.
    rate: usize,
    /// Of a million events.
    bids_ppm: usize,
    switchings_ppm: usize,
    duplicates_ppm: usize,
    jitter_ms: i64,
    sources: usize,
    stressed_percent: u64,
    seed: u64,
}

impl Shape {
    fn of(parameters: &Parameters) -> Self {
        Self {
            nodes: parameters.number("nodes", 10_000),
            regions: parameters.number("regions", 50),
            events: parameters.number("events", 2_000_000),
            rate: parameters.number("rate", RATE),
            bids_ppm: parameters.number("bids_ppm", 50_000),
            switchings_ppm: parameters.number("switchings_ppm", 500),
            duplicates_ppm: parameters.number("duplicates_ppm", 20_000),
            jitter_ms: parameters.number("jitter_ms", 1_500),
            sources: parameters.number("sources", 8),
            stressed_percent: parameters.number("stressed_percent", 20),
            seed: parameters.number("seed", 1),
        }
    }
}

/// Writes the stream; returns a line about it.
pub(crate) fn write(path: &Path, parameters: &Parameters) -> io::Result<String> {
    let shape = Shape::of(parameters);
    let mut random = Random::new(shape.seed);
    let lattice = Lattice::new(shape.nodes, shape.regions, &mut random);
    let about = format!(
        "{} nodes, {} lines, {} regions, {} events",
        shape.nodes,
        lattice.lines.len(),
        shape.regions,
        shape.events
    );
    let stressed = (0..shape.regions).map(|_| random.chance(shape.stressed_percent)).collect();
    let mut writer = Writer {
        file: BufWriter::with_capacity(1 << 20, File::create(path)?),
        sequences: vec![0; shape.sources + 1],
        serial: 0,
        line: Vec::new(),
    };
    writer.write_grid(&shape, &lattice, &mut random)?;
    let in_service = vec![true; lattice.lines.len()];
    let mut events = Events { shape, lattice, random, stressed, in_service, bids: 0 };
    let mut lately: Vec<Vec<u8>> = Vec::new();
    for number in 0..events.shape.events {
        let dice = events.random.below(1_000_000);
        if dice < events.shape.duplicates_ppm && !lately.is_empty() {
            let copy: &Vec<u8> = events.random.pick(&lately);
            writer.file.write_all(copy)?;
            continue;
        }
        let (time, type_name, data) = events.next(number, dice);
        let source = 1 + events.random.below(events.shape.sources);
        writer.write(source, type_name, time, &data)?;
        if lately.len() < LATELY {
            lately.push(writer.line.clone());
        } else {
            lately[events.random.below(LATELY)].clone_from(&writer.line);
        }
    }
    writer.file.flush()?;
    Ok(about)
}

struct Writer {
    file: BufWriter<File>,
    /// By source.
    sequences: Vec<u64>,
    serial: u64,
    /// What was written last.
    line: Vec<u8>,
}

impl Writer {
    fn write(&mut self, source: usize, type_name: &str, time: Time, data: &str) -> io::Result<()> {
        self.serial += 1;
        self.sequences[source] += 1;
        let (serial, sequence) = (self.serial, self.sequences[source]);
        self.line.clear();
        let (line, source) = (&mut self.line, format!("scada/{source}"));
        write!(line, r#"{{"specversion":"1.0","id":"e{serial}","source":"{source}","#)?;
        write!(line, r#""type":"{type_name}","time":"{time}","#)?;
        write!(line, r#""sequence":{sequence},"data":{data}}}"#)?;
        self.line.push(b'\n');
        self.file.write_all(&self.line)
    }

    fn write_grid(
        &mut self,
        shape: &Shape,
        lattice: &Lattice,
        random: &mut Random,
    ) -> io::Result<()> {
        let start = START;
        for node in 0..shape.nodes {
            let data = format!(r#"{{"node":"n{node}","region":"r{}"}}"#, lattice.region(node));
            self.write(0, "grid.node", start, &data)?;
        }
        for (line, (from, to)) in lattice.lines.iter().enumerate() {
            let (capacity, length) = (random.between(50, 799), random.between(2, 119));
            let data = format!(r#"{{"line":"l{line}","from":"n{from}","to":"n{to}","#)
                + &format!(r#""capacity_mw":{capacity},"length_km":{length}}}"#);
            self.write(0, "grid.line", start, &data)?;
        }
        for region in 0..shape.regions {
            let capacity = random.between(20, 399);
            let data = format!(
                r#"{{"program":"p{region}","region":"r{region}","capacity_mw":{capacity}}}"#
            );
            self.write(0, "dr.program", start, &data)?;
            let data = format!(r#"{{"region":"r{region}","price":{}}}"#, random.between(15, 89));
            self.write(0, "grid.energy_price", start, &data)?;
        }
        Ok(())
    }
}

struct Events {
    shape: Shape,
    lattice: Lattice,
    random: Random,
    /// By region.
    stressed: Vec<bool>,
    /// By line.
    in_service: Vec<bool>,
    bids: u64,
}

impl Events {
    /// The event of that number: its time, type and data. The dice say which type.
    fn next(&mut self, number: usize, dice: usize) -> (Time, &'static str, String) {
        let shape = &self.shape;
        let even_ms = i64::try_from(number * 1_000 / shape.rate).unwrap_or_default();
        let held_back_ms = self.random.between(0, shape.jitter_ms);
        let time = Time(START.0 + 1_000 + even_ms - held_back_ms);
        let switchings = shape.duplicates_ppm + shape.switchings_ppm;
        if dice < switchings {
            (time, "grid.line_status", self.switching())
        } else if dice < switchings + shape.bids_ppm {
            (time, "dr.bid", self.bid(time))
        } else {
            (time, "grid.telemetry", self.reading())
        }
    }

    fn switching(&mut self) -> String {
        let line = self.random.below(self.in_service.len());
        self.in_service[line] = !self.in_service[line];
        format!(r#"{{"line":"l{line}","in_service":{}}}"#, self.in_service[line])
    }

    fn bid(&mut self, time: Time) -> String {
        self.bids += 1;
        let random = &mut self.random;
        let (bid, participant) = (self.bids, random.below(PARTICIPANTS));
        let program = random.below(self.shape.regions);
        let (price, cents) = (random.between(20, 299), random.between(0, 99));
        let max = random.between(1, 39);
        let start = Time(time.0 - random.between(0, 599_999));
        let end = Time(time.0 + random.between(60_000, 1_799_999));
        let (min, reliability) = (max / 4, random.between(50, 99));
        format!(r#"{{"bid":"b{bid}","participant":"v{participant}","program":"p{program}","#)
            + &format!(r#""price":{price}.{cents:02},"min_mw":{min},"max_mw":{max},"#)
            + &format!(r#""start":"{start}","end":"{end}","reliability":0.{reliability}}}"#)
    }

    fn reading(&mut self) -> String {
        let node = self.random.below(self.shape.nodes);
        let load_kw = self.random.between(1_000, 60_000);
        let permille = if self.stressed[self.lattice.region(node)] {
            self.random.between(800, 1_050)
        } else {
            self.random.between(1_000, 1_400)
        };
        let available_kw = load_kw * permille / 1_000;
        let megawatts = |kilowatts: i64| format!("{}.{:03}", kilowatts / 1_000, kilowatts % 1_000);
        format!(
            r#"{{"node":"n{node}","generation_mw":{},"load_mw":{},"available_mw":{}}}"#,
            megawatts(available_kw * 95 / 100),
            megawatts(load_kw),
            megawatts(available_kw)
        )
    }
}
