//! Among plans of the least worth, finds the one with the first set (see the parent module).
//!
//! Promises: where it finishes, no plan of the same worth has an earlier set. It branches in
//! offer order, taking before leaving, and drops a node where no plan below it can come first.
//! A plan that beats the incumbent either is a proper start of its list (tried apart, in
//! [`Ties::shorten`]) or agrees with it up to a *candidate*: an offer that the incumbent leaves
//! out although it holds later ones, and that the node still allows. Not a search for lower cost.

use super::comes_before;
use super::narrowing::Incumbent;
use super::relaxation::{Decision, Relaxation};

/// Whether the relaxation's own plan, just solved with nothing decided, has the first set: there
/// is no candidate, and greedy filling leaves no shorter start of its list with the same power.
pub(super) fn is_first(relaxation: &Relaxation) -> bool {
    candidate(relaxation, &relaxation.amounts_w).is_none()
}

/// The first plan of the given one's worth, and whether that is proven.
pub(super) fn settle(
    relaxation: &mut Relaxation,
    start: Incumbent,
    visits_max: u64,
) -> (Incumbent, bool) {
    let mut ties = Ties { whole: relaxation.clone(), best: start };
    ties.shorten(relaxation);
    let mut frames: Vec<(usize, usize)> = Vec::new();
    loop {
        if relaxation.visits >= visits_max {
            return (ties.best, false);
        }
        if let Some(index) = ties.branch(relaxation) {
            frames.push((relaxation.mark(), index));
            relaxation.decide(index, Decision::On);
            continue;
        }
        let Some((mark, index)) = frames.pop() else {
            return (ties.best, true);
        };
        relaxation.undo(mark);
        relaxation.decide(index, Decision::Off);
    }
}

struct Ties {
    /// The problem with nothing decided, to try sets outside the node at hand.
    whole: Relaxation,
    best: Incumbent,
}

impl Ties {
    /// Solves the node at hand; the entry to branch on, or none where nothing below comes first.
    fn branch(&mut self, relaxation: &mut Relaxation) -> Option<usize> {
        loop {
            let solved = relaxation.solve()?;
            assert!(solved.worth >= self.best.worth || solved.violated.is_some(), "not optimal");
            if solved.worth > self.best.worth {
                return None;
            }
            if solved.violated.is_none() && self.beats(&relaxation.amounts_w) {
                self.best.amounts_w.clone_from(&relaxation.amounts_w);
                self.shorten(relaxation);
            }
            relaxation.visits += 2 * relaxation.entries.len() as u64;
            let candidate = candidate(relaxation, &self.best.amounts_w)?;
            // Before the candidate, what comes first agrees with the incumbent.
            let mut forced = false;
            for index in 0..candidate {
                let held = self.best.amounts_w[index] > 0;
                match relaxation.decisions[index] {
                    Decision::Open => {
                        let decision = if held { Decision::On } else { Decision::Off };
                        relaxation.decide_alone(index, decision);
                        forced = true;
                    }
                    Decision::Off if held => return None,
                    Decision::On | Decision::Off => {}
                }
            }
            if !forced {
                let open = relaxation.decisions[candidate..].iter();
                let next = open.clone().position(|decision| *decision == Decision::Open);
                return next.map(|offset| candidate + offset);
            }
        }
    }

    fn beats(&self, amounts_w: &[i64]) -> bool {
        comes_before(amounts_w, &self.best.amounts_w, |index| settled_after(&self.whole, index))
    }

    /// Replaces the incumbent until no start of its list comes first. Its work counts as the
    /// search's.
    fn shorten(&mut self, relaxation: &mut Relaxation) {
        let visits = self.whole.visits;
        while self.shorten_once() {}
        relaxation.visits += self.whole.visits - visits;
    }

    /// Tries the starts of the incumbent's list, shortest first, as sets of their own. Only those
    /// that could carry all its power are solved. What replaces it need not be a start of its
    /// list (offers without a minimum may come in), so it has starts of its own to try.
    fn shorten_once(&mut self) -> bool {
        let total_w: i64 = self.best.amounts_w.iter().sum();
        let held = (0..self.best.amounts_w.len()).filter(|&index| self.best.amounts_w[index] > 0);
        let held: Vec<usize> = held.collect();
        let mut held_w = 0;
        for pair in held.windows(2) {
            held_w += self.whole.entries[pair[0]].max_w;
            let may = held_w >= total_w && !settled_after(&self.whole, pair[1]);
            if may && self.try_start(pair[0]) {
                return true;
            }
        }
        false
    }

    /// Replaces the incumbent by the plan of its list up to `last`, if that comes first.
    fn try_start(&mut self, last: usize) -> bool {
        let mark = self.whole.mark();
        for index in 0..self.best.amounts_w.len() {
            if self.whole.decisions[index] == Decision::Open {
                let on = index <= last && self.best.amounts_w[index] > 0;
                self.whole.decide_alone(index, if on { Decision::On } else { Decision::Off });
            }
        }
        let solved = self.whole.solve();
        let equal = solved.is_some_and(|solved| solved.worth == self.best.worth);
        let first = equal && self.beats(&self.whole.amounts_w);
        if first {
            self.best.amounts_w.clone_from(&self.whole.amounts_w);
        }
        self.whole.undo(mark);
        first
    }
}

/// Whether power is settled outside the entries at an offer after this one.
fn settled_after(relaxation: &Relaxation, index: usize) -> bool {
    relaxation.settled_last > Some(relaxation.entries[index].offer)
}

/// The first entry that `best_w` leaves out although it holds later ones, that is not decided
/// off, and that some plan agreeing with `best_w` before it could hold: its minimum fits its
/// program beside the minima before it; or, where it has none, what is before it, filled, leaves
/// room in its program and in the need (greedy filling gives it power only then).
fn candidate(relaxation: &Relaxation, best_w: &[i64]) -> Option<usize> {
    let last = best_w.iter().rposition(|&amount_w| amount_w > 0);
    let mut minima_w = vec![0; relaxation.capacity_w.len()];
    let mut room_w = relaxation.capacity_w.clone();
    let mut left_w = relaxation.need_w;
    for (index, entry) in relaxation.entries.iter().enumerate() {
        if last <= Some(index) && !settled_after(relaxation, index) {
            return None;
        }
        let program = entry.program;
        if best_w[index] > 0 {
            minima_w[program] += entry.min_w;
            let most_w = entry.max_w.min(room_w[program]);
            room_w[program] -= most_w;
            left_w -= most_w;
        } else if relaxation.decisions[index] != Decision::Off {
            let fits = if entry.min_w > 0 {
                minima_w[program] + entry.min_w <= relaxation.capacity_w[program]
            } else {
                room_w[program] > 0 && left_w > 0
            };
            if fits {
                return Some(index);
            }
        }
    }
    None
}
