//! The grid: where regions and nodes lie, what is at them, and which lines join them.

use super::Request;
use super::random::Random;
use gridweaver_model::record::{self, Line};
use gridweaver_model::{Data, Metres, Microdegrees, Price, Text, Watts};

/// Between the centres of neighbouring regions.
const REGION_SPACING_M: i64 = 120_000;

/// How far a node lies from its region's centre at most, along each axis.
const REGION_REACH_M: i64 = 50_000;

/// How many nodes are looked at for the nearest.
const LOOKED_AT: usize = 8;

/// Metres to a millionth of a degree of latitude and of longitude, in thousandths, at 46 degrees.
const LATITUDE_MM: i64 = 111_200;
const LONGITUDE_MM: i64 = 77_300;

/// What drives a node's generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drive {
    /// As much as is asked for.
    Thermal,
    Wind,
    Sun,
}

/// A node and what is at it.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) name: Text,
    pub(super) region: usize,
    /// Metres east and north.
    place: (i64, i64),
    /// At the stream's beginning, without noise.
    pub(super) load: Watts,
    /// What it could generate at most, and from what.
    pub(super) plant: Option<(Drive, Watts)>,
}

/// A line.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) name: Text,
    pub(super) from: usize,
    pub(super) to: usize,
    capacity: Watts,
    wheeling_price: Price,
}

/// A region.
#[derive(Clone, Debug)]
pub(super) struct Region {
    pub(super) name: Text,
    pub(super) load: Watts,
    /// What its plants reach at the stream's beginning, in thousandths of its load.
    pub(super) margin: i64,
    pub(super) nodes: Vec<usize>,
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    pub(super) regions: Vec<Region>,
    pub(super) nodes: Vec<Node>,
    pub(super) lines: Vec<Branch>,
}

impl Grid {
    pub(super) fn new(request: &Request) -> Self {
        let mut random = Random::of(request.seed, "grid", 0);
        let mut nodes = nodes(request, &mut random);
        let mut regions = regions(request, &mut random);
        for (at, node) in nodes.iter().enumerate() {
            regions[node.region].load += node.load;
            regions[node.region].nodes.push(at);
        }
        for region in &regions {
            build_plants(region, &mut nodes, &mut random);
        }
        let lines = Lines::new(request, &regions, &nodes).drawn(&mut random);
        Self { regions, nodes, lines }
    }

    /// The pairs of regions that ties join, each once, with the ties.
    pub(super) fn ties(&self) -> impl Iterator<Item = (usize, usize, &Branch)> {
        let regions = |line: &Branch| (self.nodes[line.from].region, self.nodes[line.to].region);
        let ties = self.lines.iter().map(move |line| (regions(line), line));
        ties.filter(|((one, other), _)| one != other).map(|((one, other), line)| (one, other, line))
    }

    /// The records of nodes and lines, with the region that tells each.
    pub(super) fn records(&self) -> impl Iterator<Item = (usize, Data)> {
        let nodes = self.nodes.iter().map(|node| (node.region, self.node_record(node)));
        let lines =
            self.lines.iter().map(|line| (self.nodes[line.from].region, self.line_record(line)));
        nodes.chain(lines)
    }

    fn node_record(&self, node: &Node) -> Data {
        let (east, north) = node.place;
        Data::Node(Box::new(record::Node {
            node: node.name.clone(),
            region: Some(self.regions[node.region].name.clone()),
            name: None,
            latitude: Some(Microdegrees(46_000_000 + north * 1_000_000 / LATITUDE_MM)),
            longitude: Some(Microdegrees(6_000_000 + east * 1_000_000 / LONGITUDE_MM)),
            removed: None,
        }))
    }

    fn line_record(&self, line: &Branch) -> Data {
        let (from, to) = (&self.nodes[line.from], &self.nodes[line.to]);
        Data::Line(Box::new(Line {
            line: line.name.clone(),
            from: Some(from.name.clone()),
            to: Some(to.name.clone()),
            capacity: Some(line.capacity),
            length: Some(Metres(distance(from.place, to.place).max(500))),
            loss: None,
            wheeling_price: (line.wheeling_price > Price::ZERO).then_some(line.wheeling_price),
            in_service: None,
            removed: None,
        }))
    }
}

/// A name with as many digits as the greatest number needs.
pub(super) fn named(prefix: &str, number: usize, count: usize) -> Text {
    let digits = count.max(1).ilog10() as usize + 1;
    format!("{prefix}{:0digits$}", number + 1).into()
}

/// To 10 kW, as meters tell.
pub(super) fn metered(power: Watts) -> Watts {
    Watts(power.0.max(0) / 10_000 * 10_000)
}

/// How many regions lie in a row of the lattice.
fn row_length(regions: usize) -> usize {
    regions.isqrt().max(1)
}

/// The neighbours of a region that come before it: beside it and below.
fn earlier_neighbours(region: usize, regions: usize) -> impl Iterator<Item = usize> {
    let row = row_length(regions);
    let beside = (!region.is_multiple_of(row)).then(|| region - 1);
    let below = region.checked_sub(row);
    beside.into_iter().chain(below)
}

fn regions(request: &Request, random: &mut Random) -> Vec<Region> {
    let count = request.regions;
    let mut margins: Vec<i64> = (0..count)
        .map(|rank| {
            // From lacking a little to a fifth more than is needed; a lone region lacks a little.
            let (rank, last) = (rank as i64, (count as i64 - 1).max(1));
            990 + 210 * rank / last
        })
        .collect();
    random.shuffle(&mut margins);
    let region = |(at, margin)| Region {
        name: named("region-", at, count),
        load: Watts::ZERO,
        margin,
        nodes: vec![],
    };
    margins.into_iter().enumerate().map(region).collect()
}

fn nodes(request: &Request, random: &mut Random) -> Vec<Node> {
    let (count, regions) = (request.nodes, request.regions);
    let row = row_length(regions);
    let node = |at: usize| {
        // Each region has a node, and some are larger than others.
        let region =
            if at < regions { at } else { random.below(regions).max(random.below(regions)) };
        let (column, line) = ((region % row) as i64, (region / row) as i64);
        let mut scatter = || {
            random.between(-REGION_REACH_M, REGION_REACH_M) / 2
                + random.between(-REGION_REACH_M, REGION_REACH_M) / 2
        };
        let place = (column * REGION_SPACING_M + scatter(), line * REGION_SPACING_M + scatter());
        let has_load = at < regions || random.one_in_thousand(850);
        let load =
            if has_load { Watts(random.between(2_000, 60_000) * 1_000) } else { Watts::ZERO };
        Node { name: named("n", at, count), region, place, load: metered(load), plant: None }
    };
    (0..count).map(node).collect()
}

/// Gives a region plants that together reach its margin at the stream's beginning.
fn build_plants(region: &Region, nodes: &mut [Node], random: &mut Random) {
    let mut shares: Vec<(usize, Drive, i64)> = vec![];
    for (place, node) in region.nodes.iter().enumerate() {
        let drive = match random.below(100) {
            _ if place == 0 => Drive::Thermal,
            0..25 => Drive::Thermal,
            25..33 => Drive::Wind,
            33..38 => Drive::Sun,
            _ => continue,
        };
        let weight = if drive == Drive::Thermal { 2 } else { 1 };
        shares.push((*node, drive, weight * random.between(40, 160)));
    }
    let whole: i64 = shares.iter().map(|(_, _, share)| share).sum();
    let wanted = region.load.0 / 1_000 * region.margin;
    for (node, drive, share) in shares {
        let reached = wanted / whole.max(1) * share;
        let usual = super::meters::usual_availability(drive);
        nodes[node].plant = Some((drive, metered(Watts(reached * 1_000 / usual))));
    }
}

/// Draws lines between nodes.
struct Lines<'a> {
    request: &'a Request,
    regions: &'a [Region],
    nodes: &'a [Node],
    drawn: Vec<Branch>,
}

impl<'a> Lines<'a> {
    fn new(request: &'a Request, regions: &'a [Region], nodes: &'a [Node]) -> Self {
        Self { request, regions, nodes, drawn: vec![] }
    }

    /// First what joins all nodes, then every neighbourhood of regions, then more of both.
    fn drawn(mut self, random: &mut Random) -> Vec<Branch> {
        for region in self.regions {
            for (place, node) in region.nodes.iter().enumerate().skip(1) {
                let nearest = self.nearest(*node, region.nodes[..place].iter().copied());
                self.draw(*node, nearest, random);
            }
        }
        let regions = self.regions.len();
        for region in 1..regions {
            if let Some(neighbour) = earlier_neighbours(region, regions).next() {
                self.tie(region, neighbour, random);
            }
        }
        for region in 1..regions {
            for neighbour in earlier_neighbours(region, regions).skip(1) {
                if self.drawn.len() < self.request.lines {
                    self.tie(region, neighbour, random);
                }
            }
        }
        while self.drawn.len() < self.request.lines {
            let region = random.below(regions);
            let neighbour = earlier_neighbours(region, regions).next();
            match neighbour {
                Some(neighbour) if random.one_in_thousand(150) => {
                    self.tie(region, neighbour, random);
                }
                _ => self.mesh(random),
            }
        }
        self.drawn
    }

    /// A line within a region between a node and one near it; between any two nodes where no
    /// region has two.
    fn mesh(&mut self, random: &mut Random) {
        let from = random.below(self.nodes.len());
        let inside = &self.regions[self.nodes[from].region].nodes;
        let others: Vec<usize> = if inside.len() > 1 {
            (0..LOOKED_AT).map(|_| inside[random.below(inside.len())]).collect()
        } else {
            (0..LOOKED_AT).map(|_| random.below(self.nodes.len())).collect()
        };
        let others: Vec<usize> = others.into_iter().filter(|other| *other != from).collect();
        if !others.is_empty() {
            let to = self.nearest(from, others.into_iter());
            self.draw(from, to, random);
        }
    }

    /// A tie between two regions, over the nearest of some nodes.
    fn tie(&mut self, one: usize, other: usize, random: &mut Random) {
        let mut pick = |region: usize| {
            let nodes = &self.regions[region].nodes;
            nodes[random.below(nodes.len())]
        };
        let pairs: Vec<(usize, usize)> = (0..LOOKED_AT).map(|_| (pick(one), pick(other))).collect();
        let apart =
            |pair: &&(usize, usize)| distance(self.nodes[pair.0].place, self.nodes[pair.1].place);
        if let Some((from, to)) = pairs.iter().min_by_key(apart).copied() {
            self.draw(from, to, random);
        }
    }

    fn nearest(&self, node: usize, others: impl Iterator<Item = usize>) -> usize {
        let apart = |other: &usize| distance(self.nodes[node].place, self.nodes[*other].place);
        others.min_by_key(apart).unwrap_or(node)
    }

    fn draw(&mut self, from: usize, to: usize, random: &mut Random) {
        let (one, other) = (self.nodes[from].region, self.nodes[to].region);
        let (capacity, price) = if one == other {
            (random.between(100, 600) * 1_000_000, 0)
        } else {
            // A tie carries 3 to 8 % of the smaller of the two regions' loads, and costs a little.
            let load = self.regions[one].load.min(self.regions[other].load);
            let capacity = (load.0 / 1_000 * random.between(30, 80)).max(5_000_000);
            (capacity / 1_000_000 * 1_000_000, random.between(0, 30) * 100)
        };
        let name = named("l", self.drawn.len(), self.request.lines);
        let (capacity, wheeling_price) = (Watts(capacity), Price(price));
        self.drawn.push(Branch { name, from, to, capacity, wheeling_price });
    }
}

/// In metres, rounded down.
fn distance(one: (i64, i64), other: (i64, i64)) -> i64 {
    let (east, north) = (one.0 - other.0, one.1 - other.1);
    (east * east + north * north).isqrt()
}
