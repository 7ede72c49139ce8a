//! First plans, before any branching: the better of three greedy ones.
//!
//! Promises: a plan that keeps every minimum, maximum and capacity, in a bounded number of
//! passes; it is canonical (greedy filling of its choice), as the search needs. Not optimal: it
//! only has to be close, as the search narrows its problem by how close it is.

use super::narrowing::Incumbent;
use super::relaxation::{Decision, Entry, Relaxation};

/// Passes of [`dive`]; it mostly ends after a few, and is given up where it does not.
const DIVE_PASSES_MAX: usize = 64;

/// The best of: offers that fit, the same with one more that exceeds the need, and a dive.
pub(super) fn incumbent(relaxation: &mut Relaxation) -> Incumbent {
    let mut chosen = fitting(relaxation);
    let mut best = plan_of(relaxation, &chosen).expect("offers that fit overrun nothing");
    let closed = closing(relaxation, &chosen, &best).and_then(|index| {
        chosen[index] = true;
        plan_of(relaxation, &chosen)
    });
    for plan in closed.into_iter().chain(dive(relaxation)) {
        if plan.worth < best.worth {
            best = plan;
        }
    }
    best
}

/// The plan of exactly these choices among open entries.
fn plan_of(relaxation: &mut Relaxation, chosen: &[bool]) -> Option<Incumbent> {
    let mark = relaxation.mark();
    for (index, &on) in chosen.iter().enumerate() {
        if relaxation.decisions[index] == Decision::Open {
            relaxation.decide_alone(index, if on { Decision::On } else { Decision::Off });
        }
    }
    let solved = relaxation.solve();
    let plan =
        solved.map(|s| Incumbent { worth: s.worth, amounts_w: relaxation.amounts_w.clone() });
    relaxation.undo(mark);
    plan
}

/// In order, each offer whose minimum still fits the need and its program takes all it can.
fn fitting(relaxation: &Relaxation) -> Vec<bool> {
    let mut left_w = relaxation.need_w;
    let mut room_w = relaxation.capacity_w.clone();
    let mut chosen = vec![false; relaxation.entries.len()];
    for (on, entry) in chosen.iter_mut().zip(&relaxation.entries) {
        let most_w = entry.max_w.min(left_w).min(room_w[entry.program]);
        if most_w > 0 && most_w >= entry.min_w {
            *on = true;
            left_w -= most_w;
            room_w[entry.program] -= most_w;
        }
    }
    chosen
}

/// The cheapest offer to add where the need is not met by those that fit.
fn closing(relaxation: &Relaxation, chosen: &[bool], plan: &Incumbent) -> Option<usize> {
    if plan.worth.balance_w >= 0 {
        return None;
    }
    let mut room_w = relaxation.capacity_w.clone();
    for (entry, &amount_w) in relaxation.entries.iter().zip(&plan.amounts_w) {
        room_w[entry.program] -= amount_w;
    }
    let entries = relaxation.entries.iter().enumerate();
    let fits = |&(index, entry): &(usize, &Entry)| {
        !chosen[index] && entry.min_w > 0 && entry.min_w <= room_w[entry.program]
    };
    let cost = |entry: &Entry| i128::from(entry.score) * i128::from(entry.min_w);
    entries.filter(fits).min_by_key(|&(index, entry)| (cost(entry), index)).map(|(index, _)| index)
}

/// Takes each offer the relaxation gives too little, where its minimum can be had; else drops it.
fn dive(relaxation: &mut Relaxation) -> Option<Incumbent> {
    let mark = relaxation.mark();
    let mut plan = None;
    for _ in 0..DIVE_PASSES_MAX {
        let Some(solved) = relaxation.solve() else {
            break;
        };
        let Some(index) = solved.violated else {
            let amounts_w = relaxation.amounts_w.clone();
            plan = Some(Incumbent { worth: solved.worth, amounts_w });
            break;
        };
        let min_w = relaxation.entries[index].min_w;
        let takes = relaxation.fits(index) && min_w <= relaxation.need_left_w();
        relaxation.decide(index, if takes { Decision::On } else { Decision::Off });
    }
    relaxation.undo(mark);
    plan
}
