//! Twin of the interfaces: what joins two areas, in each direction.

use super::collections::Collections;
use super::shape::Shape;
use gridweaver_model::{Ppm, Price, Text, Watts};
use std::collections::BTreeMap;

/// One direction of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// What it can carry at its sending end: its lines' capacities, lowered by a limit.
    pub capacity: Watts,
    /// The sum of its lines' capacities.
    pub line_capacity: Watts,
    /// The capacity-weighted mean of its lines' losses, rounded up.
    pub loss: Ppm,
    /// The capacity-weighted mean of its lines' prices, rounded up.
    pub wheeling_price: Price,
}

/// Interfaces by sending and receiving area.
pub type Interfaces = BTreeMap<(Text, Text), Interface>;

#[derive(Default)]
struct Sums {
    capacity: i128,
    loss: i128,
    price: i128,
}

/// All interfaces, both directions of each.
#[must_use]
pub fn interfaces(collections: &Collections, shape: &Shape) -> Interfaces {
    let mut sums: BTreeMap<(&Text, &Text), Sums> = BTreeMap::new();
    for line in shape.lines.values() {
        let (from, to) = (&shape.area_of[&line.from], &shape.area_of[&line.to]);
        if from == to {
            continue;
        }
        let capacity = i128::from(line.capacity.0);
        for pair in [(from, to), (to, from)] {
            let sum = sums.entry(pair).or_default();
            sum.capacity += capacity;
            sum.loss += capacity * i128::from(line.loss.0);
            sum.price += capacity * i128::from(line.wheeling_price.0);
        }
    }
    let mut regions: BTreeMap<(&Text, &Text), i128> = BTreeMap::new();
    for ((from, to), sum) in &sums {
        *regions.entry(regions_of(shape, from, to)).or_default() += sum.capacity;
    }
    let mut found = Interfaces::new();
    for ((from, to), sum) in &sums {
        let pair = regions_of(shape, from, to);
        let limit = collections
            .limits
            .get(&(pair.0.clone(), pair.1.clone()))
            .and_then(|held| held.value)
            .map(|limit| i128::from(limit.0) * sum.capacity / regions[&pair]);
        let interface = Interface {
            capacity: watts(limit.map_or(sum.capacity, |limit| limit.min(sum.capacity))),
            line_capacity: watts(sum.capacity),
            loss: Ppm(u32::try_from(rounded_up(sum.loss, sum.capacity)).unwrap_or(u32::MAX)),
            wheeling_price: Price(watts(rounded_up(sum.price, sum.capacity)).0),
        };
        found.insert(((*from).clone(), (*to).clone()), interface);
    }
    found
}

fn regions_of<'a>(shape: &'a Shape, from: &Text, to: &Text) -> (&'a Text, &'a Text) {
    (&shape.areas[from].region, &shape.areas[to].region)
}

fn rounded_up(dividend: i128, divisor: i128) -> i128 {
    (dividend + divisor - 1) / divisor
}

fn watts(value: i128) -> Watts {
    Watts(i64::try_from(value).unwrap_or(i64::MAX))
}
