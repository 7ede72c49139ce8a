//! Programs, bids and what participants delivered.

use super::grid::{Grid, named};
use super::incidents::{Teller, Told};
use super::random::Random;
use super::{Request, START};
use gridweaver_model::record::{Bid, BidWithdrawn, EnergyPrice, Performance, Program, Reserve};
use gridweaver_model::{Data, Millis, Ppm, Price, Text, Time, Watts};

const MINUTE_MS: i64 = 60_000;

/// How often energy prices change.
const PRICES_EVERY_MS: i64 = 5 * MINUTE_MS;

/// What one kind of program is like.
struct Kind {
    name: &'static str,
    /// Of the region's load, in thousandths.
    capacity: i64,
    /// Above this a bid is not eligible.
    max_price: i64,
    /// The least and the most that is asked.
    price: (i64, i64),
    notice_s: [i64; 3],
    min_run_s: [i64; 3],
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "economic",
        capacity: 40,
        max_price: 170,
        price: (25, 180),
        notice_s: [0, 0, 60],
        min_run_s: [0, 0, 120],
    },
    Kind {
        name: "emergency",
        capacity: 60,
        max_price: 500,
        price: (90, 420),
        notice_s: [60, 120, 300],
        min_run_s: [300, 600, 900],
    },
];

/// What is there of the market at the beginning, and what happens in it.
pub(super) fn told(request: &Request, grid: &Grid) -> Vec<Told> {
    let mut random = Random::of(request.seed, "market", 0);
    let mut told = vec![];
    let mut tell = |time, teller, data| told.push(Told { time, teller, data });
    for region in &grid.regions {
        for kind in &KINDS {
            tell(START, Teller::Market, program(&region.name, region.load, kind));
        }
        let reserve = Watts(region.load.0 / 50 / 100_000 * 100_000);
        let reserve = Reserve { region: region.name.clone(), reserve };
        tell(START, Teller::Operator, Data::Reserve(reserve));
        for step in 0..=request.duration.0 / PRICES_EVERY_MS {
            let price = Price(1_000 * random.between(18, 70) + 10 * random.between(0, 99));
            let price = EnergyPrice { region: region.name.clone(), price };
            let time = START + Millis(step * PRICES_EVERY_MS);
            tell(time, Teller::Operator, Data::EnergyPrice(price));
        }
    }
    let mut bids = Bids { request, grid, random };
    told.extend(bids.performances());
    for number in 0..request.bids {
        told.extend(bids.course(number));
    }
    told
}

fn program(region: &Text, load: Watts, kind: &Kind) -> Data {
    Data::Program(Box::new(Program {
        program: program_name(region, kind),
        region: Some(region.clone()),
        capacity: Some(Watts(load.0 / 1_000 * kind.capacity / 100_000 * 100_000)),
        max_price: Some(Price(1_000 * kind.max_price)),
        removed: None,
    }))
}

fn program_name(region: &Text, kind: &Kind) -> Text {
    format!("{region}-{}", kind.name).into()
}

/// Makes bids.
struct Bids<'a> {
    request: &'a Request,
    grid: &'a Grid,
    random: Random,
}

impl Bids<'_> {
    fn participants(&self) -> usize {
        self.request.bids.div_ceil(3)
    }

    fn participant(&self, number: usize) -> Text {
        named("customer-", number, self.participants())
    }

    /// What a third of the participants delivered in the days before.
    fn performances(&mut self) -> Vec<Told> {
        let mut told = vec![];
        for number in (0..self.participants()).step_by(3) {
            let instructed = Watts(100_000 * self.random.between(10, 100));
            let delivered = Watts(instructed.0 / 1_000 * self.random.between(550, 1_000));
            let participant = self.participant(number);
            let fact = Performance { participant, instructed, delivered };
            let data = Data::Performance(Box::new(fact));
            told.push(Told { time: START, teller: Teller::Market, data });
        }
        told
    }

    /// A bid and what becomes of it: more than half are there at the beginning, one in twelve is
    /// revised, one in twenty is taken back.
    fn course(&mut self, number: usize) -> Vec<Told> {
        let end = START + self.request.duration;
        let made = if self.random.one_in_thousand(600) { START } else { self.within(START, end) };
        let mut bid = self.bid(number, made);
        let mut told = vec![(made, Data::Bid(Box::new(bid.clone())))];
        if self.random.one_in_thousand(80) {
            bid.price = Price(bid.price.0 / 1_000 * self.random.between(850, 1_150));
            bid.max = Watts(bid.max.0 / 1_000 * self.random.between(1_000, 1_300));
            told.push((self.within(made, end), Data::Bid(Box::new(bid.clone()))));
        }
        if self.random.one_in_thousand(50) {
            let withdrawn = BidWithdrawn { bid: bid.bid };
            told.push((self.within(made, end), Data::BidWithdrawn(withdrawn)));
        }
        let told = told.into_iter().map(|(time, data)| Told { time, teller: Teller::Market, data });
        told.collect()
    }

    /// A time after one and before another.
    fn within(&mut self, from: Time, until: Time) -> Time {
        from + Millis(self.random.between(1, (until - from).0 - 1))
    }

    fn bid(&mut self, number: usize, made: Time) -> Bid {
        let random = &mut self.random;
        let kind = &KINDS[usize::from(random.one_in_thousand(400))];
        let node = random.below(self.grid.nodes.len());
        let region = &self.grid.regions[self.grid.nodes[node].region];
        // A few percent of what a usual node consumes, up to a large customer's whole plant.
        let max = Watts(100_000 * random.between(5, 60));
        let min = match random.below(4) {
            0 | 1 => Watts::ZERO,
            2 => Watts(max.0 / 5),
            _ => Watts(max.0 / 2),
        };
        let start = made + Millis(MINUTE_MS * random.between(0, 3) * random.between(0, 1));
        let lasts_min = if random.one_in_thousand(150) { (5, 20) } else { (60, 360) };
        let end = start + Millis(MINUTE_MS * random.between(lasts_min.0, lasts_min.1));
        let seconds = |from: [i64; 3], random: &mut Random| {
            let seconds = from[random.below(3)];
            (seconds > 0).then_some(Millis(1_000 * seconds))
        };
        let notice = seconds(kind.notice_s, random);
        let min_run = seconds(kind.min_run_s, random);
        let price = Price(10 * random.between(100 * kind.price.0, 100 * kind.price.1));
        let claims = random.one_in_thousand(300);
        let reliability =
            claims.then(|| Ppm(10_000 * u32::try_from(random.between(70, 100)).unwrap_or(100)));
        let at_node = random.one_in_thousand(700);
        let participant = random.below(self.request.bids.div_ceil(3));
        Bid {
            bid: named("bid-", number, self.request.bids),
            participant: self.participant(participant),
            program: program_name(&region.name, kind),
            node: at_node.then(|| self.grid.nodes[node].name.clone()),
            price,
            min,
            max,
            start,
            end,
            notice,
            min_run,
            reliability,
        }
    }
}
