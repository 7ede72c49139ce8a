//! What goes wrong, and when: drawn once for the whole stream, from the seed.

use super::grid::{Drive, Grid};
use super::random::Random;
use super::{Request, START};
use gridweaver_model::record::{InterfaceLimit, LineStatus, Shortfall};
use gridweaver_model::{Data, Millis, Text, Time, Watts};
use std::collections::BTreeMap;

const MINUTE_MS: i64 = 60_000;

/// From when to when something is the case.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: Time,
    until: Time,
}

impl Span {
    fn holds(self, time: Time) -> bool {
        self.from <= time && time < self.until
    }
}

/// Who tells of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Teller {
    /// The control system of a region.
    Region(usize),
    Operator,
    Market,
}

/// Something that is told at a time.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) time: Time,
    pub(super) teller: Teller,
    pub(super) data: Data,
}

/// All incidents of a stream.
pub(super) struct Incidents {
    /// Waves of load by region, with the load in thousandths.
    waves: BTreeMap<usize, Vec<(Span, i64)>>,
    /// Units that tripped, by node.
    tripped: BTreeMap<usize, Vec<Span>>,
    /// Meters that are silent, by node.
    silent: BTreeMap<usize, Vec<Span>>,
    /// Lines, limits and declared shortfalls.
    pub(super) told: Vec<Told>,
}

impl Incidents {
    pub(super) fn new(request: &Request, grid: &Grid) -> Self {
        let mut draw = Draw {
            random: Random::of(request.seed, "incidents", 0),
            duration: request.duration,
            told: vec![],
        };
        let waves = draw.waves(grid);
        let tripped = draw.trips(grid);
        let silent = draw.silences(grid);
        draw.lines(grid);
        draw.cut_offs(grid);
        draw.limits(grid);
        draw.shortfalls(grid);
        Self { waves, tripped, silent, told: draw.told }
    }

    /// A region's load in thousandths of what is usual at the time.
    pub(super) fn load(&self, region: usize, time: Time) -> i64 {
        let waves = self.waves.get(&region).into_iter().flatten();
        1_000 + waves.filter(|(span, _)| span.holds(time)).map(|(_, more)| more).sum::<i64>()
    }

    /// Whether a node's unit is out.
    pub(super) fn is_tripped(&self, node: usize, time: Time) -> bool {
        self.tripped.get(&node).into_iter().flatten().any(|span| span.holds(time))
    }

    /// Whether a node's meter is silent.
    pub(super) fn is_silent(&self, node: usize, time: Time) -> bool {
        self.silent.get(&node).into_iter().flatten().any(|span| span.holds(time))
    }
}

/// Draws incidents.
struct Draw {
    random: Random,
    duration: Millis,
    told: Vec<Told>,
}

impl Draw {
    /// How many there are of what comes once in so many minutes.
    fn count(&mut self, minutes: i64) -> i64 {
        let (whole, rest) =
            (self.duration.0 / (minutes * MINUTE_MS), self.duration.0 % (minutes * MINUTE_MS));
        whole + i64::from(self.random.between(1, minutes * MINUTE_MS) <= rest)
    }

    /// A span that begins within the stream.
    fn span(&mut self, seconds_min: i64, seconds_max: i64) -> Span {
        let from = START + Millis(self.random.between(0, self.duration.0 - 1));
        let until = from + Millis(1_000 * self.random.between(seconds_min, seconds_max));
        Span { from, until }
    }

    fn tell(&mut self, time: Time, teller: Teller, data: Data) {
        self.told.push(Told { time, teller, data });
    }

    /// Each region sees a wave of load once in 15 minutes.
    fn waves(&mut self, grid: &Grid) -> BTreeMap<usize, Vec<(Span, i64)>> {
        let mut waves: BTreeMap<usize, Vec<(Span, i64)>> = BTreeMap::new();
        for region in 0..grid.regions.len() {
            for _ in 0..self.count(15) {
                let wave = (self.span(120, 360), self.random.between(20, 80));
                waves.entry(region).or_default().push(wave);
            }
        }
        waves
    }

    /// One thermal unit in forty trips once in half an hour, and at least one somewhere.
    fn trips(&mut self, grid: &Grid) -> BTreeMap<usize, Vec<Span>> {
        let units: Vec<usize> = (0..grid.nodes.len())
            .filter(|node| matches!(grid.nodes[*node].plant, Some((Drive::Thermal, _))))
            .collect();
        let mut tripped: BTreeMap<usize, Vec<Span>> = BTreeMap::new();
        if units.is_empty() {
            return tripped;
        }
        for _ in 0..(self.count(30) * units.len().div_ceil(40) as i64).max(1) {
            let unit = units[self.random.below(units.len())];
            let span = self.span(120, 480);
            tripped.entry(unit).or_default().push(span);
        }
        tripped
    }

    /// One meter in two hundred falls silent once in half an hour, for 6 to 12 minutes.
    fn silences(&mut self, grid: &Grid) -> BTreeMap<usize, Vec<Span>> {
        let mut silent: BTreeMap<usize, Vec<Span>> = BTreeMap::new();
        for _ in 0..self.count(30) * grid.nodes.len().div_ceil(200) as i64 {
            let node = self.random.below(grid.nodes.len());
            let span = self.span(360, 720);
            silent.entry(node).or_default().push(span);
        }
        silent
    }

    /// One line in two hundred trips once in 5 minutes.
    fn lines(&mut self, grid: &Grid) {
        if grid.lines.is_empty() {
            return;
        }
        for _ in 0..self.count(5) * grid.lines.len().div_ceil(200) as i64 {
            let line = &grid.lines[self.random.below(grid.lines.len())];
            let span = self.span(20, 300);
            self.switch(&line.name, grid.nodes[line.from].region, span);
        }
    }

    fn switch(&mut self, line: &Text, region: usize, out: Span) {
        for (time, in_service) in [(out.from, false), (out.until, true)] {
            let status = LineStatus { line: line.clone(), in_service };
            self.tell(time, Teller::Region(region), Data::LineStatus(status));
        }
    }

    /// Once in 20 minutes a region loses its ties, one after the other.
    fn cut_offs(&mut self, grid: &Grid) {
        for _ in 0..self.count(20) {
            let region = self.random.below(grid.regions.len());
            let mut span = self.span(90, 240);
            let of_region = |tie: &(usize, usize, &_)| tie.0 == region || tie.1 == region;
            for (from, _, tie) in grid.ties().filter(of_region) {
                span.from = span.from + Millis(1_000 * self.random.between(1, 4));
                span.until = span.until + Millis(1_000 * self.random.between(1, 30));
                self.switch(&tie.name, from, span);
            }
        }
    }

    /// Once in 5 minutes a limit is set between two neighbours, below what the ties carry.
    fn limits(&mut self, grid: &Grid) {
        let ties: Vec<(usize, usize)> = grid.ties().map(|(one, other, _)| (one, other)).collect();
        if ties.is_empty() {
            return;
        }
        for _ in 0..self.count(5) {
            let (one, other) = ties[self.random.below(ties.len())];
            let (from, to) =
                if self.random.one_in_thousand(500) { (one, other) } else { (other, one) };
            let load = grid.regions[from].load.0;
            let limit = load / 1_000 * self.random.between(5, 40) / 100_000 * 100_000;
            let span = self.span(60, 240);
            for (time, limit) in [(span.from, Some(Watts(limit))), (span.until, None)] {
                let limit = InterfaceLimit {
                    from_region: grid.regions[from].name.clone(),
                    to_region: grid.regions[to].name.clone(),
                    limit,
                    removed: limit.is_none().then_some(true),
                };
                self.tell(time, Teller::Operator, Data::InterfaceLimit(Box::new(limit)));
            }
        }
    }

    /// Once in 10 minutes the operator declares a shortfall that the meters do not show.
    fn shortfalls(&mut self, grid: &Grid) {
        for _ in 0..self.count(10) {
            let region = &grid.regions[self.random.below(grid.regions.len())];
            let shortfall = region.load.0 / 1_000 * self.random.between(20, 50);
            let span = self.span(60, 240);
            for (time, power) in [(span.from, shortfall / 100_000 * 100_000), (span.until, 0)] {
                let shortfall = Watts(power);
                let declared = Shortfall { region: region.name.clone(), shortfall };
                self.tell(time, Teller::Operator, Data::Shortfall(declared));
            }
        }
    }
}
