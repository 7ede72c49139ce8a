//! The cheapest choice among an area's bids, by trying all of them.
//!
//! All in integers: watts, and thousandths × watts for costs.

use gridweaver_model::Text;
use std::collections::BTreeMap;

/// A bid that may be on, between its minimum and its maximum.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) bid: Text,
    pub(super) program: Text,
    /// Its score, at least 0.
    pub(super) price: i128,
    pub(super) min: i128,
    pub(super) max: i128,
}

/// What there is to choose from.
#[derive(Clone, Debug)]
pub(super) struct Clearing {
    /// What is lacking, beyond what is held.
    pub(super) need: i128,
    /// What is held beyond the need.
    pub(super) over: i128,
    /// The price of what stays short.
    pub(super) lost_load: i128,
    /// Cheapest first.
    pub(super) candidates: Vec<Candidate>,
    /// What each program has left.
    pub(super) left: BTreeMap<Text, i128>,
}

/// What a choice comes to; the least is best: cost, then power over the need, then power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Outcome {
    /// Score × power and lost load × what stays short.
    pub(super) cost: i128,
    pub(super) over: i128,
    pub(super) power: i128,
}

impl Clearing {
    /// The outcome of activating some power at some cost.
    pub(super) fn outcome(&self, power: i128, cost: i128) -> Outcome {
        let short = (self.need - power).max(0);
        let over = self.over + (power - self.need).max(0);
        Outcome { cost: cost + self.lost_load * short, over, power }
    }

    /// The best outcome of one set of bids being on; `None` where their minimums exceed a program.
    fn filled(&self, is_on: impl Fn(usize) -> bool) -> Option<Outcome> {
        let mut left = self.left.clone();
        let (mut power, mut cost) = (0, 0);
        for (at, candidate) in self.candidates.iter().enumerate() {
            if is_on(at) {
                power += candidate.min;
                cost += candidate.price * candidate.min;
                *left.get_mut(&candidate.program)? -= candidate.min;
            }
        }
        let broken = |at: usize, it: &Candidate| is_on(at) && it.min > 0 && left[&it.program] < 0;
        if self.candidates.iter().enumerate().any(|(at, it)| broken(at, it)) {
            return None;
        }
        for (at, candidate) in self.candidates.iter().enumerate() {
            if !is_on(at) || candidate.price >= self.lost_load {
                continue;
            }
            let program = left.get_mut(&candidate.program)?;
            let more = (candidate.max - candidate.min).min(self.need - power).min(*program).max(0);
            power += more;
            cost += candidate.price * more;
            *program -= more;
        }
        Some(self.outcome(power, cost))
    }

    /// The best outcome of all.
    pub(super) fn best(&self) -> Outcome {
        let choices: Vec<usize> = self.with_minimum().collect();
        let mut best = self.outcome(0, 0);
        for set in 0u64..1 << choices.len() {
            let is_on = |at: usize| match choices.iter().position(|choice| *choice == at) {
                Some(bit) => set & (1 << bit) != 0,
                None => true,
            };
            best = self.filled(is_on).map_or(best, |outcome| outcome.min(best));
        }
        best
    }

    fn with_minimum(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.candidates.len()).filter(|at| self.candidates[*at].min > 0)
    }

    /// No choice costs less than this: the best with every minimum at 0.
    pub(super) fn fractional_bound(&self) -> i128 {
        let mut relaxed = self.clone();
        for candidate in &mut relaxed.candidates {
            candidate.min = 0;
        }
        relaxed.filled(|_| true).map_or(0, |outcome| outcome.cost)
    }

    /// The best outcome of the sets that differ from one by a bid taken out, put in, or exchanged,
    /// cheapest candidates first, within a number of steps.
    pub(super) fn best_near(
        &self,
        was_on: impl Fn(&Candidate) -> bool,
        steps_max: usize,
    ) -> Outcome {
        let set: Vec<bool> =
            self.candidates.iter().map(|each| each.min == 0 || was_on(each)).collect();
        let choices: Vec<usize> = self.with_minimum().collect();
        let (on, off): (Vec<usize>, Vec<usize>) = choices.into_iter().partition(|at| set[*at]);
        let mut tries = steps_max / self.candidates.len().max(1);
        let mut best = self.outcome(0, 0);
        let mut attempt = |out: Option<usize>, put_in: Option<usize>| {
            let is_on = |at: usize| (set[at] && out != Some(at)) || put_in == Some(at);
            best = self.filled(is_on).map_or(best, |outcome| outcome.min(best));
            tries = tries.saturating_sub(1);
            tries > 0
        };
        attempt(None, None);
        // The dearest that is on is the first to give way.
        let outs = std::iter::once(None).chain(on.iter().rev().map(|at| Some(*at)));
        'all: for out in outs {
            let ins = std::iter::once(None).chain(off.iter().map(|at| Some(*at)));
            for put_in in ins {
                if !attempt(out, put_in) {
                    break 'all;
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(bid: &str, price: i128, min: i128, max: i128) -> Candidate {
        Candidate { bid: bid.into(), program: "p".into(), price, min, max }
    }

    fn clearing(need: i128, left: i128, candidates: Vec<Candidate>) -> Clearing {
        let left = BTreeMap::from([("p".into(), left)]);
        Clearing { need, over: 0, lost_load: 1_000, candidates, left }
    }

    #[test]
    fn a_minimum_that_overshoots_is_weighed_against_a_dearer_bid() {
        let bids = vec![candidate("a", 10, 80, 90), candidate("b", 15, 0, 60)];
        let best = clearing(50, 100, bids).best();
        assert_eq!(best, Outcome { cost: 750, over: 0, power: 50 });
    }

    #[test]
    fn a_program_bounds_what_its_bids_reach_together() {
        let bids = vec![candidate("a", 10, 30, 40), candidate("b", 20, 0, 60)];
        let best = clearing(100, 50, bids).best();
        assert_eq!(best, Outcome { cost: 40 * 10 + 10 * 20 + 50 * 1_000, over: 0, power: 50 });
    }

    #[test]
    fn a_bid_as_dear_as_lost_load_stays_off() {
        let best = clearing(10, 50, vec![candidate("a", 1_000, 0, 40)]).best();
        assert_eq!(best, Outcome { cost: 10_000, over: 0, power: 0 });
    }

    #[test]
    fn the_fractional_bound_is_never_above_the_best() {
        let bids = vec![candidate("a", 10, 80, 90), candidate("b", 15, 20, 60)];
        let clearing = clearing(50, 100, bids);
        assert!(clearing.fractional_bound() <= clearing.best().cost);
        assert_eq!(clearing.best_near(|_| false, 1_000), clearing.best());
    }
}
