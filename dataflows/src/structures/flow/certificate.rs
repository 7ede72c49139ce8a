//! Prices that prove a plan: whole thousandths, and exact integers from there on.
//!
//! Any prices give a bound that no plan can beat; the optimum's give the best one. But a price that
//! is off by a fraction of a thousandth counts once for every watt of an interface or a surplus
//! that is not used up, and those may be large. So prices are lowered until nothing that still has
//! room would pay at them. Then the fraction only counts for the watts that flow.
//!
//! Where that is not proof enough, because power is nearly free and flows in gigawatts, one price
//! after another moves to where the bound is highest. It does not try combinations of prices, and
//! there are problems (lost load at a thousandth per MWh) where no whole prices prove any plan.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::linear::{Optimum, float, nearest_whole, price_error};
use super::{PPM, Problem, kept_ppm, whole};

/// What `prices` (thousandths per MWh, at least 0, one an area) prove every plan to cost at least,
/// lost load included: in thousandths per MWh × watts × [`PPM`], which makes it a whole number.
///
/// It is Σ price·need − Σ max(0, price − energy price)·surplus − Σ max(0, price − lost load)·need
/// − Σ over interfaces max(0, (1 − loss)·price there − price here − wheeling)·capacity.
///
/// # Panics
///
/// Where there are more or fewer prices than areas.
#[must_use]
pub fn bound(problem: &Problem, prices: &[i64]) -> i128 {
    assert_eq!(prices.len(), problem.areas.len(), "every area has a price");
    let areas: i128 = (0..prices.len()).map(|area| area_share(problem, prices, area)).sum();
    let interfaces = 0..problem.interfaces.len();
    areas - interfaces.map(|index| interface_share(problem, prices, index)).sum::<i128>()
}

/// What the bound owes to one area, and to the interfaces that touch it.
fn bound_around(problem: &Problem, prices: &[i64], area: usize, touching: &[usize]) -> i128 {
    let shares = touching.iter().map(|&index| interface_share(problem, prices, index));
    area_share(problem, prices, area) - shares.sum::<i128>()
}

fn area_share(problem: &Problem, prices: &[i64], index: usize) -> i128 {
    let (area, price) = (&problem.areas[index], prices[index]);
    let need = i128::from(price.min(problem.lost_load_price)) * i128::from(area.need_w);
    let over_energy = (price - area.energy_price.max(0)).max(0);
    (need - i128::from(over_energy) * i128::from(area.surplus_w)) * i128::from(PPM)
}

fn interface_share(problem: &Problem, prices: &[i64], index: usize) -> i128 {
    let interface = &problem.interfaces[index];
    let here = i128::from(prices[interface.from] + interface.wheeling_price) * i128::from(PPM);
    let there = i128::from(kept_ppm(interface)) * i128::from(prices[interface.to]);
    (there - here).max(0) * i128::from(interface.capacity_w)
}

/// How often every price may move, where it must.
const SWEEPS_MAX: usize = 50;

/// The optimum's prices in whole thousandths, none too high for what has room left.
pub(super) fn whole_prices(problem: &Problem, optimum: &Optimum) -> Vec<i64> {
    let error = price_error(problem);
    let mut prices: Vec<i64> = optimum
        .price
        .iter()
        .map(|price| round_up(price - error).min(problem.lost_load_price))
        .collect();
    for (index, area) in problem.areas.iter().enumerate() {
        if area.surplus_w > 0 && !optimum.surplus_binds[index] {
            prices[index] = prices[index].min(area.energy_price.max(0));
        }
    }
    lower(problem, &optimum.capacity_binds, &mut prices);
    prices
}

/// The best prices found by moving single ones, from `prices` or from the nearest thousandths.
pub(super) fn improved(problem: &Problem, optimum: &Optimum, mut prices: Vec<i64>) -> Vec<i64> {
    let nearest = |price: &f64| nearest_whole(price.max(0.0)).min(problem.lost_load_price);
    let mut others: Vec<i64> = optimum.price.iter().map(nearest).collect();
    climb(problem, &mut prices);
    climb(problem, &mut others);
    if bound(problem, &others) > bound(problem, &prices) { others } else { prices }
}

/// Lowers `prices`, no further than it must, until no interface with room left would pay. The
/// lowest first (Dijkstra): a hop never makes power worth less where it arrives.
fn lower(problem: &Problem, capacity_binds: &[bool], prices: &mut [i64]) {
    let mut out_of = vec![Vec::new(); prices.len()];
    for (index, interface) in problem.interfaces.iter().enumerate() {
        if interface.capacity_w > 0 && !capacity_binds[index] {
            out_of[interface.from].push(index);
        }
    }
    let mut open: BinaryHeap<Reverse<(i64, usize)>> =
        prices.iter().enumerate().map(|(area, &price)| Reverse((price, area))).collect();
    while let Some(Reverse((price, area))) = open.pop() {
        if price != prices[area] {
            continue;
        }
        for &index in &out_of[area] {
            let interface = &problem.interfaces[index];
            let paid = i128::from(price + interface.wheeling_price) * i128::from(PPM);
            let highest = whole(paid / i128::from(kept_ppm(interface)));
            if highest < prices[interface.to] {
                prices[interface.to] = highest;
                open.push(Reverse((highest, interface.to)));
            }
        }
    }
}

/// Moves one price after another to where the bound is highest, as long as that raises it.
fn climb(problem: &Problem, prices: &mut [i64]) {
    let mut touching = vec![Vec::new(); prices.len()];
    for (index, interface) in problem.interfaces.iter().enumerate() {
        touching[interface.from].push(index);
        touching[interface.to].push(index);
    }
    for _ in 0..SWEEPS_MAX {
        let mut moved = false;
        for (area, touching) in touching.iter().enumerate() {
            let before = prices[area];
            let mut bound_at = |price| {
                prices[area] = price;
                bound_around(problem, prices, area, touching)
            };
            // The bound is concave in each price: the best is the first where it rises no more.
            let (mut best, mut upper) = (0, problem.lost_load_price);
            while best < upper {
                let middle = best + (upper - best) / 2;
                if bound_at(middle + 1) > bound_at(middle) {
                    best = middle + 1;
                } else {
                    upper = middle;
                }
            }
            let raises = bound_at(best) > bound_at(before);
            prices[area] = if raises { best } else { before };
            moved |= raises;
        }
        if !moved {
            break;
        }
    }
}

/// `ceil` would do; but only + − × ÷ are the same on every machine by definition.
fn round_up(price: f64) -> i64 {
    let nearest = nearest_whole(price.max(0.0));
    if price > float(nearest) { nearest + 1 } else { nearest }
}
