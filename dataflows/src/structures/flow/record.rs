//! A solved cascade as its record: the figures that it was solved from, and the prices that prove it.

use super::{Problem, Solution};
use gridweaver_model::decision::{CascadeArea, CascadeCleared, CascadeInterface};
use gridweaver_model::{Ppm, Price, Text, Watts};

/// The record of a problem whose areas and interfaces are those named.
#[must_use]
pub fn cleared(
    island: &Text,
    areas: &[Text],
    ends: &[(Text, Text)],
    problem: &Problem,
    solution: &Solution,
) -> CascadeCleared {
    let needs_w: i64 = problem.areas.iter().map(|area| area.need_w).sum();
    let unmet_w: i64 = solution.unmet_w.iter().sum();
    let areas = areas.iter().zip(&problem.areas).zip(&solution.prices);
    let interfaces = ends.iter().zip(&problem.interfaces).zip(&solution.flow_w);
    CascadeCleared {
        island: island.clone(),
        areas: areas
            .map(|((name, area), price)| CascadeArea {
                area: name.clone(),
                need: Watts(area.need_w),
                surplus: Watts(area.surplus_w),
                energy_price: Price(area.energy_price),
                price: Price(*price),
            })
            .collect(),
        interfaces: interfaces
            .map(|(((from, to), interface), flow_w)| CascadeInterface {
                from_area: from.clone(),
                to_area: to.clone(),
                capacity: Watts(interface.capacity_w),
                loss: Ppm(interface.loss_ppm),
                wheeling_price: Price(interface.wheeling_price),
                flow: Watts(*flow_w),
            })
            .collect(),
        served: Watts(needs_w - unmet_w),
        unmet: Watts(unmet_w),
        cost: solution.cost,
        bound: solution.bound,
    }
}
