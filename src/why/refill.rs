//! Which bids would fill a gap at least cost: as a clearing chooses, its scores against lost load.
//!
//! Branch and bound. Without their minimums, bids are best filled in order of score; where that gives
//! a bid less than its minimum, it is either on, with its minimum, or off, and both are looked at.
//! The steps are bounded by a count, so that the answer is always the same; within it, it is exact.

use gridweaver_model::{Price, Text, Watts};
use std::collections::BTreeMap;

/// The most steps: sets of bids that are looked at, times bids.
const STEPS_MAX: usize = 4_000_000;

/// What could be had of a bid.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) program: Text,
    /// At least 0.
    pub(super) score: Price,
    /// What it gives at least, where it gives anything.
    pub(super) least: Watts,
    pub(super) most: Watts,
}

/// The bids to choose from.
#[derive(Debug)]
pub(super) struct Refill {
    /// Lowest score first, all below the price of lost load.
    pub(super) offers: Vec<Offer>,
    /// What each program has left.
    pub(super) room: BTreeMap<Text, Watts>,
    pub(super) lost_load: Price,
}

/// Whether a bid is on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    On,
    Off,
    Open,
}

/// What a choice gives and costs; the least is best.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Filled {
    cost: i128,
    /// Of all bids together.
    power: Watts,
    /// Of each.
    parts: Vec<Watts>,
}

impl Refill {
    /// What each bid would give towards a gap.
    pub(super) fn fill(&self, gap: Watts) -> Vec<Watts> {
        let nothing = vec![Choice::Off; self.offers.len()];
        let mut best = self.filled(gap, &nothing);
        let mut open = vec![vec![Choice::Open; self.offers.len()]];
        let mut steps = 0;
        while let Some(choices) = open.pop().filter(|_| steps < STEPS_MAX) {
            steps += choices.len().max(1);
            let Some(found) = self.filled(gap, &choices) else { continue };
            if best.as_ref().is_some_and(|best| found.cost > best.cost) {
                continue;
            }
            let mut parts = self.offers.iter().zip(&found.parts);
            match parts.position(|(offer, part)| *part > Watts::ZERO && *part < offer.least) {
                Some(at) => {
                    for choice in [Choice::Off, Choice::On] {
                        let mut next = choices.clone();
                        next[at] = choice;
                        open.push(next);
                    }
                }
                None if best.as_ref().is_none_or(|best| found < *best) => best = Some(found),
                None => {}
            }
        }
        best.map(|best| best.parts).unwrap_or_default()
    }

    /// The cheapest filling by some choices; those still open have no minimum. `None` where the
    /// minimums do not fit their programs.
    fn filled(&self, gap: Watts, choices: &[Choice]) -> Option<Filled> {
        let mut room = self.room.clone();
        let mut missing = gap;
        let mut parts = vec![Watts::ZERO; self.offers.len()];
        let on = |choice: &Choice| *choice == Choice::On;
        for at in (0..parts.len()).filter(|at| on(&choices[*at])) {
            self.give(at, self.offers[at].least, &mut parts, &mut room)?;
            missing -= self.offers[at].least;
        }
        for at in (0..parts.len()).filter(|at| choices[*at] != Choice::Off) {
            let offer = &self.offers[at];
            let left = room.get(&offer.program).copied().unwrap_or_default();
            let more = (offer.most - parts[at]).min(left).min(missing).max(Watts::ZERO);
            self.give(at, more, &mut parts, &mut room)?;
            missing -= more;
        }
        let cost = |(offer, part): (&Offer, &Watts)| i128::from(offer.score.0) * i128::from(part.0);
        let served: i128 = self.offers.iter().zip(&parts).map(cost).sum();
        let short = i128::from(missing.0.max(0));
        let power = parts.iter().copied().sum();
        Some(Filled { cost: served + short * i128::from(self.lost_load.0), power, parts })
    }

    fn give(
        &self,
        at: usize,
        power: Watts,
        parts: &mut [Watts],
        room: &mut BTreeMap<Text, Watts>,
    ) -> Option<()> {
        let left = room.get_mut(&self.offers[at].program)?;
        *left -= power;
        parts[at] += power;
        (*left >= Watts::ZERO).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refill(room: i64, offers: &[(i64, i64, i64)]) -> Refill {
        let offer = |(score, least, most): &(i64, i64, i64)| Offer {
            program: "p".into(),
            score: Price(*score),
            least: Watts(*least),
            most: Watts(*most),
        };
        Refill {
            offers: offers.iter().map(offer).collect(),
            room: BTreeMap::from([("p".into(), Watts(room))]),
            lost_load: Price(1_000),
        }
    }

    fn filled(room: i64, offers: &[(i64, i64, i64)], gap: i64) -> Vec<i64> {
        refill(room, offers).fill(Watts(gap)).into_iter().map(|part| part.0).collect()
    }

    #[test]
    fn a_cheaper_bid_gives_way_to_the_minimum_of_the_next() {
        assert_eq!(filled(30, &[(10, 0, 16), (20, 12, 40)], 21), [9, 12]);
        assert_eq!(filled(11, &[(10, 0, 16), (20, 12, 40)], 21), [11, 0]);
    }

    #[test]
    fn a_minimum_is_overshot_where_that_costs_less_than_to_shed() {
        assert_eq!(filled(99, &[(10, 30, 40)], 20), [30]);
        assert_eq!(filled(99, &[(900, 30, 40)], 20), [0]);
    }

    #[test]
    fn a_dearer_bid_without_a_minimum_serves_a_gap_that_a_cheap_one_overshoots() {
        assert_eq!(filled(99, &[(10, 80, 90), (15, 0, 60)], 50), [0, 50]);
    }
}
