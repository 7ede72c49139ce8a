//! Programs and bids of demand response, synthesised: there is no public data of real ones.
//!
//! In each region every bus with load has one customer, named after the bus, who makes two offers
//! for each quarter of the day (from 0, 6, 12 and 18 h), an hour before it begins:
//!
//! - to the program `<region>-economic`: 3 % of the bus's load or any part down to a fifth of that,
//!   at 1.5 times its place on the supply curve;
//! - to the program `<region>-emergency`: 6 % or any part down to half of that, at 4 times its
//!   place, told 2 minutes ahead and running for at least 15.
//!
//! The **supply curve** of a region is the cost curves of its units, step by step, ordered by
//! price. Of `n` customers the `i`-th, from the smallest load to the largest, has its place at the
//! share (i − ½)/n of the curve's power: the price of the MWh that is generated there. So bids are
//! as dear as the generation that they would stand in for, and large customers are dearer than
//! small ones. A program may use 2 % (economic) and 4 % (emergency) of its region's load in all;
//! the emergency program takes no price above 450 per MWh. Loads are those of the planned peak.

use super::system::System;
use gridweaver_model::record::{Bid, Program};
use gridweaver_model::units::divide_rounded;
use gridweaver_model::{Millis, Price, Text, Time, Watts};

/// How long a bid is offered.
pub(super) const WINDOW: Millis = Millis(6 * 3_600_000);
/// How long before its window a bid is made.
pub(super) const AHEAD: Millis = Millis(3_600_000);

/// What one kind of program is like.
struct Kind {
    name: &'static str,
    /// Of a region's load, in thousandths.
    capacity: i64,
    max_price: Option<Price>,
    /// Of a bus's load, in thousandths.
    offer: i64,
    /// The least of an offer that is taken, as its divisor.
    minimum: i64,
    /// Of the price on the supply curve, in tenths.
    price: i64,
    notice: Option<Millis>,
    min_run: Option<Millis>,
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "economic",
        capacity: 20,
        max_price: None,
        offer: 30,
        minimum: 5,
        price: 15,
        notice: None,
        min_run: None,
    },
    Kind {
        name: "emergency",
        capacity: 40,
        max_price: Some(Price(450_000)),
        offer: 60,
        minimum: 2,
        price: 40,
        notice: Some(Millis(120_000)),
        min_run: Some(Millis(900_000)),
    },
];

/// The programs of all regions.
pub(super) fn programs(system: &System) -> Vec<Program> {
    let mut programs = Vec::new();
    for (region, name) in system.regions.iter().enumerate() {
        let in_region = system.buses.iter().filter(|bus| bus.region == region);
        let load: Watts = in_region.map(|bus| bus.load).sum();
        for kind in &KINDS {
            programs.push(Program {
                program: program_name(name, kind),
                region: Some(name.clone()),
                capacity: Some(thousandths(load, kind.capacity)),
                max_price: kind.max_price,
                removed: None,
            });
        }
    }
    programs
}

/// Whose bids there are: bus, and its price on the supply curve.
pub(super) struct Customers(Vec<(usize, Price)>);

impl Customers {
    pub(super) fn new(system: &System) -> Self {
        let mut customers = Vec::new();
        for region in 0..system.regions.len() {
            let curve = supply_curve(system, region);
            let power: Watts = curve.iter().map(|(_, width)| *width).sum();
            let mut buses: Vec<_> = (0..system.buses.len())
                .filter(|bus| {
                    let bus = &system.buses[*bus];
                    bus.region == region && bus.load > Watts::ZERO
                })
                .collect();
            buses.sort_by_key(|bus| (system.buses[*bus].load, system.buses[*bus].id.clone()));
            let count = i128::try_from(buses.len()).unwrap_or(1).max(1);
            for (place, bus) in (0..).zip(buses) {
                let at = divide_rounded(i128::from(power.0) * (2 * place + 1), 2 * count);
                customers.push((bus, price_at(&curve, at)));
            }
        }
        Self(customers)
    }

    /// All bids for the window that begins at `start`.
    pub(super) fn bids(&self, system: &System, start: Time) -> Vec<Bid> {
        let mut bids = Vec::new();
        // «2020-07-26T06», enough of the time to tell the windows apart.
        let window: String = start.to_string().chars().take(13).collect();
        for (bus, price) in &self.0 {
            let bus = &system.buses[*bus];
            for kind in &KINDS {
                let max = thousandths(bus.load, kind.offer);
                bids.push(Bid {
                    bid: Text::from(format!("{}/{}/{window}", bus.name, kind.name)),
                    participant: bus.name.clone(),
                    program: program_name(&system.regions[bus.region], kind),
                    node: Some(bus.id.clone()),
                    price: Price(price.0 * kind.price / 10),
                    min: Watts(max.0 / kind.minimum),
                    max,
                    start,
                    end: start + WINDOW,
                    notice: kind.notice,
                    min_run: kind.min_run,
                    reliability: None,
                });
            }
        }
        bids
    }
}

fn program_name(region: &str, kind: &Kind) -> Text {
    Text::from(format!("{region}-{}", kind.name))
}

fn thousandths(power: Watts, thousandths: i64) -> Watts {
    Watts(power.0 / 1000 * thousandths)
}

/// The steps of all units of a region, by price: each price with the power that it is asked for.
fn supply_curve(system: &System, region: usize) -> Vec<(Price, Watts)> {
    let mut curve = Vec::new();
    for unit in system.units.iter().filter(|unit| unit.region == region) {
        let mut from = Watts::ZERO;
        for (upto, price) in &unit.curve.steps {
            curve.push((*price, *upto - from));
            from = *upto;
        }
    }
    curve.sort();
    curve
}

fn price_at(curve: &[(Price, Watts)], power: i128) -> Price {
    let mut upto = 0i128;
    for (price, width) in curve {
        upto += i128::from(width.0);
        if power < upto {
            return *price;
        }
    }
    curve.last().map_or(Price::ZERO, |(price, _)| *price)
}
