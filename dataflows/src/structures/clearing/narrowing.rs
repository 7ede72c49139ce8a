//! Leaves out of a search whatever every plan as good as the incumbent has in common.
//!
//! Promises: no plan of at most the incumbent's cost is lost, ties included. Three steps: reduced
//! costs decide offers that would cost more than the gap to take or to leave; entries that every
//! choice still fills to the brim are settled; so are those that no choice reaches. What is left
//! is mostly a few dozen offers around the marginal score, however many were offered.

use super::relaxation::{Decision, Entry, Relaxation, Worth};

/// A plan over all usable entries.
#[derive(Clone, Debug)]
pub(super) struct Incumbent {
    pub(super) worth: Worth,
    pub(super) amounts_w: Vec<i64>,
}

/// Prices that make the relaxation's optimum: what one more watt of need, or of a program, is
/// worth. By duality an offer's cost less these bounds what deciding it the other way adds.
pub(super) struct Duals {
    need_price: i64,
    program_price: Vec<i64>,
}

impl Duals {
    /// Reads them off the relaxation as just solved with nothing decided.
    pub(super) fn of(root: &Relaxation) -> Self {
        let used = root.entries.iter().zip(&root.amounts_w).filter(|&(_, &w)| w > 0);
        let mut last = None;
        let mut left_w = root.capacity_w.clone();
        let mut last_of = vec![0; root.capacity_w.len()];
        for (entry, amount_w) in used {
            last = Some(entry.score);
            last_of[entry.program] = entry.score;
            left_w[entry.program] -= amount_w;
        }
        // Of the relaxation itself: its worth may be that of a short plan all the same.
        let short = root.amounts_w.iter().sum::<i64>() < root.need_w;
        let need_price = last.filter(|_| !short).unwrap_or(root.lost_load_price);
        let price = |(&left_w, &score): (&i64, &i64)| {
            if left_w == 0 { need_price - score } else { 0 }
        };
        Duals { need_price, program_price: left_w.iter().zip(&last_of).map(price).collect() }
    }

    /// An open entry's decision, if the other one costs more than the gap.
    fn decide(&self, entry: &Entry, gap: i128) -> Decision {
        let reduced = entry.score - self.need_price + self.program_price[entry.program];
        if i128::from(reduced) * i128::from(entry.min_w) > gap {
            Decision::Off
        } else if i128::from(-reduced) * i128::from(entry.max_w) > gap {
            Decision::On
        } else {
            Decision::Open
        }
    }
}

/// A smaller problem with the same plans of interest.
pub(super) struct Narrowed {
    pub(super) relaxation: Relaxation,
    /// Per entry of the relaxation, its index among all entries.
    origin: Vec<usize>,
    /// What is settled: index among all entries, and power.
    settled: Vec<(usize, i64)>,
}

impl Narrowed {
    pub(super) fn of(full: &Relaxation, duals: &Duals, bound: i128, best: &Incumbent) -> Self {
        let gap = best.worth.cost - bound;
        let mut decisions = full.decisions.clone();
        for (decision, entry) in decisions.iter_mut().zip(&full.entries) {
            if *decision == Decision::Open {
                *decision = duals.decide(entry, gap);
            }
        }
        let brim = brimful(full, &decisions);
        let reach = reach(full, &decisions);
        let mut narrowed = Part::new(full);
        for (index, (entry, &decision)) in full.entries.iter().zip(&decisions).enumerate() {
            let on = decision == Decision::On;
            if on && brim[index] {
                narrowed.settle(index, entry);
            } else if decision == Decision::Open || (on && (index < reach || entry.min_w > 0)) {
                narrowed.origin.push(index);
            }
        }
        narrowed.finish(full, &decisions)
    }

    /// A plan of this problem as one of the whole.
    pub(super) fn lift(&self, entries: usize, found: &Incumbent) -> Incumbent {
        let mut amounts_w = vec![0; entries];
        for &(index, amount_w) in &self.settled {
            amounts_w[index] = amount_w;
        }
        for (&index, &amount_w) in self.origin.iter().zip(&found.amounts_w) {
            amounts_w[index] = amount_w;
        }
        Incumbent { worth: found.worth, amounts_w }
    }

    /// A plan of the whole as one of this problem.
    pub(super) fn restrict(&self, best: &Incumbent) -> Incumbent {
        let amounts_w = self.origin.iter().map(|&index| best.amounts_w[index]).collect();
        Incumbent { worth: best.worth, amounts_w }
    }
}

/// A narrowed problem being put together.
struct Part {
    origin: Vec<usize>,
    settled: Vec<(usize, i64)>,
    need_w: i64,
    capacity_w: Vec<i64>,
    cost: i128,
    last: Option<usize>,
}

impl Part {
    fn new(full: &Relaxation) -> Self {
        Part {
            origin: Vec::new(),
            settled: Vec::new(),
            need_w: full.need_w,
            capacity_w: full.capacity_w.clone(),
            cost: 0,
            last: None,
        }
    }

    fn settle(&mut self, index: usize, entry: &Entry) {
        self.settled.push((index, entry.max_w));
        self.need_w -= entry.max_w;
        self.capacity_w[entry.program] -= entry.max_w;
        self.cost += i128::from(entry.score) * i128::from(entry.max_w);
        self.last = Some(entry.offer);
    }

    fn finish(self, full: &Relaxation, decisions: &[Decision]) -> Narrowed {
        let entries = self.origin.iter().map(|&index| full.entries[index]).collect();
        let kept = self.origin.iter().map(|&index| decisions[index]).collect();
        let price = full.lost_load_price;
        let mut relaxation = Relaxation::resume(entries, kept, self.need_w, self.capacity_w, price);
        relaxation.settle(self.cost, self.last);
        Narrowed { relaxation, origin: self.origin, settled: self.settled }
    }
}

/// Per entry, whether it is filled whatever is chosen: even with every open minimum set aside,
/// it and all before it fit the need and its program.
fn brimful(full: &Relaxation, decisions: &[Decision]) -> Vec<bool> {
    let mut left_w = full.need_w;
    let mut room_w = full.capacity_w.clone();
    for (entry, _) in full.entries.iter().zip(decisions).filter(|&(_, d)| *d != Decision::Off) {
        left_w -= entry.min_w;
        room_w[entry.program] -= entry.min_w;
    }
    let mut brim = vec![false; full.entries.len()];
    for (index, entry) in full.entries.iter().enumerate() {
        if decisions[index] == Decision::Off {
            continue;
        }
        let extra_w = entry.max_w - entry.min_w;
        left_w -= extra_w;
        room_w[entry.program] -= extra_w;
        if left_w < 0 {
            break;
        }
        brim[index] = room_w[entry.program] >= 0;
    }
    brim
}

/// From where on entries without a minimum get nothing whatever is chosen: what meets the need
/// with nothing chosen still does when minima take a part of the need and of the programs.
fn reach(full: &Relaxation, decisions: &[Decision]) -> usize {
    let mut left_w = full.need_w;
    let mut room_w = full.capacity_w.clone();
    for (index, entry) in full.entries.iter().enumerate() {
        if left_w <= 0 {
            return index;
        }
        if decisions[index] == Decision::On {
            let most_w = entry.max_w.min(room_w[entry.program]);
            room_w[entry.program] -= most_w;
            left_w -= most_w;
        }
    }
    full.entries.len()
}
