//! The stream: the grid, then second by second what is told and read, in order of arrival.

use super::grid::Grid;
use super::incidents::{Incidents, Teller, Told};
use super::meters::Meters;
use super::random::Random;
use super::{Request, START, market};
use gridweaver_model::record::{Quality, Telemetry, Version};
use gridweaver_model::{Data, Envelope, Millis, Record, Text, Time, Watts};
use std::collections::{BTreeMap, VecDeque};

/// How many records are made at once: those of a second.
const STEP_MS: i64 = 1_000;

/// How long a record is on its way; less than the default lateness, so that it is not late.
const DELAY_MS_MAX: i64 = 900;

/// How many readings of a thousand come twice, come late, are of bad, are of suspect quality.
const TWICE: usize = 5;
const LATE: usize = 2;
const BAD: usize = 3;
const SUSPECT: usize = 5;

/// Records in order of arrival.
pub(super) struct Stream {
    request: Request,
    grid: Grid,
    incidents: Incidents,
    meters: Meters,
    random: Random,
    /// What is told, by time.
    told: VecDeque<Told>,
    /// The number of the next reading, and the node whose turn it is.
    reading: u64,
    turn: usize,
    /// Made up to here, in ms since the start.
    made_ms: i64,
    sequences: BTreeMap<Text, u64>,
    /// Made and not yet arrived, by arrival.
    on_the_way: BTreeMap<(Time, u64), Record>,
    made: u64,
    arrived: VecDeque<Record>,
}

impl Stream {
    pub(super) fn new(request: &Request) -> Self {
        let grid = Grid::new(request);
        let mut incidents = Incidents::new(request, &grid);
        let mut told = market::told(request, &grid);
        told.append(&mut incidents.told);
        let end = START + request.duration;
        told.retain(|told| told.time < end);
        told.sort_by_key(|told| told.time);
        let mut stream = Self {
            request: *request,
            grid,
            incidents,
            meters: Meters::new(request.seed),
            random: Random::of(request.seed, "stream", 0),
            told: told.into(),
            reading: 0,
            turn: 0,
            made_ms: 0,
            sequences: BTreeMap::new(),
            on_the_way: BTreeMap::new(),
            made: 0,
            arrived: VecDeque::new(),
        };
        stream.begin();
        stream
    }

    /// What is there at the beginning: the grid, the market, and a reading of every node.
    fn begin(&mut self) {
        let described: Vec<(usize, Data)> = self.grid.records().collect();
        for (region, data) in described {
            let record = self.numbered(START, Teller::Region(region), data);
            self.arrived.push_back(record);
        }
        while self.told.front().is_some_and(|told| told.time == START) {
            if let Some(Told { time, teller, data }) = self.told.pop_front() {
                let record = self.numbered(time, teller, data);
                self.arrived.push_back(record);
            }
        }
        for node in 0..self.grid.nodes.len() {
            let reading = self.meters.reading(&self.grid, &self.incidents, node, START);
            let teller = Teller::Region(self.grid.nodes[node].region);
            let record = self.numbered(START, teller, Data::Telemetry(reading));
            self.arrived.push_back(record);
        }
    }

    /// Makes the records of the next second; false where the stream is at its end.
    fn advance(&mut self) -> bool {
        let until_ms = (self.made_ms + STEP_MS).min(self.request.duration.0);
        if self.made_ms == self.request.duration.0 {
            let rest = std::mem::take(&mut self.on_the_way);
            self.arrived.extend(rest.into_values());
            return !self.arrived.is_empty();
        }
        let until = START + Millis(until_ms);
        while let Some(time) = self.next_reading_time(until_ms) {
            self.tell_before(time);
            self.read(time);
        }
        self.tell_before(until);
        self.made_ms = until_ms;
        // All that is made from now on arrives at its time or later.
        let rest = self.on_the_way.split_off(&(until, 0));
        let arrived = std::mem::replace(&mut self.on_the_way, rest);
        self.arrived.extend(arrived.into_values());
        true
    }

    /// When the next reading is taken, if that is before an instant.
    fn next_reading_time(&self, until_ms: i64) -> Option<Time> {
        let ms = i64::try_from(self.reading * 1_000 / u64::from(self.request.rate)).ok()?;
        (ms < until_ms).then(|| START + Millis(ms))
    }

    /// Sends what is told before an instant.
    fn tell_before(&mut self, until: Time) {
        while self.told.front().is_some_and(|told| told.time < until) {
            if let Some(Told { time, teller, data }) = self.told.pop_front() {
                let record = self.numbered(time, teller, data);
                self.send(record, DELAY_MS_MAX);
            }
        }
    }

    /// Reads the meter whose turn it is; one that is silent is passed over, unless all are.
    fn read(&mut self, time: Time) {
        let nodes = self.grid.nodes.len();
        for _ in 0..nodes {
            let silent = self.incidents.is_silent(self.turn, time);
            if !silent {
                break;
            }
            self.turn = (self.turn + 1) % nodes;
        }
        let node = self.turn;
        self.turn = (node + 1) % nodes;
        self.reading += 1;
        let mut reading = self.meters.reading(&self.grid, &self.incidents, node, time);
        self.blur(&mut reading);
        let teller = Teller::Region(self.grid.nodes[node].region);
        let record = self.numbered(time, teller, Data::Telemetry(reading));
        if self.request.is_punctual {
            self.arrive(record, time);
            return;
        }
        if self.random.one_in_thousand(TWICE) {
            self.send(record.clone(), 5_000);
        }
        if self.random.one_in_thousand(LATE) {
            let arrival = time + Millis(self.random.between(4_000, 30_000));
            self.arrive(record, arrival);
        } else {
            self.send(record, DELAY_MS_MAX);
        }
    }

    /// Gives a reading its quality; one of bad quality says nonsense.
    fn blur(&mut self, reading: &mut Telemetry) {
        match self.random.below(1_000) {
            case if case < BAD => {
                reading.quality = Some(Quality::Bad);
                reading.load = Watts::ZERO;
            }
            case if case < BAD + SUSPECT => reading.quality = Some(Quality::Suspect),
            _ => {}
        }
    }

    fn send(&mut self, record: Record, delay_ms_max: i64) {
        let delay_ms_max = if self.request.is_punctual { 0 } else { delay_ms_max };
        let arrival = record.time() + Millis(self.random.between(0, delay_ms_max));
        self.arrive(record, arrival);
    }

    fn arrive(&mut self, record: Record, arrival: Time) {
        self.made += 1;
        self.on_the_way.insert((arrival, self.made), record);
    }

    /// The next record of a source: its number is its id.
    fn numbered(&mut self, time: Time, teller: Teller, data: Data) -> Record {
        let source: Text = match teller {
            Teller::Region(region) => format!("scada/{}", self.grid.regions[region].name).into(),
            Teller::Operator => "operator".into(),
            Teller::Market => "market".into(),
        };
        let sequence = self.sequences.entry(source.clone()).or_default();
        *sequence += 1;
        let (sequence, id) = (*sequence, sequence.to_string().into());
        let version = Version { time, sequence, source, id };
        Record { envelope: Envelope { version, correlation_id: None }, data }
    }
}

impl Iterator for Stream {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        while self.arrived.is_empty() {
            if !self.advance() {
                return None;
            }
        }
        self.arrived.pop_front()
    }
}
