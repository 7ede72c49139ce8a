//! Demand-response clearing: which bids of one area are taken, and how much of each, in one tick.
//!
//! Promises: the exact optimum of [`Problem`] in whole watts, by branch and bound over the greedy
//! order, and among optima the one the contract names (below). Work is bounded by a count of
//! offers read, never by time, so every machine gives up at the same place. Where it gives up, a
//! proven lower bound is published beside the objective, and `ties_settled` is false: the answer
//! is still a function of the problem. Greedy answers cost one pass. Up to sixteen offers it
//! never gives up; beyond, only many offers with minima that hardly differ in score make it.
//!
//! Ties, in order: least power over the need, least power taken, the first set, the earlier offer
//! taking more. A *plan* is what greedy filling gives for a choice of the offers with a minimum:
//! minima first, then the rest in offer order, so the earlier takes more. The *set* of a plan is
//! the offers that get power. Of two sets the first is the one whose sorted list of offers is
//! lexicographically least: at the first difference the set with the earlier offer wins, and
//! `[0]` comes before `[0, 1]`. So no offer without a minimum is ever given a token watt just to
//! make a set earlier, while one with a minimum may be, as the contract says.
//!
//! Does not: score, check eligibility, or hold state between ticks.

mod greedy;
mod narrowing;
mod relaxation;
mod search;
#[cfg(test)]
mod tests;
mod ties;

use narrowing::{Incumbent, Narrowed};
use relaxation::{Entry, Relaxation, Solved};

/// Offers read before the search for the optimum gives up: about 0.1 s at 3 ns each. Every node
/// counts as some more, for what it costs besides (`relaxation::NODE_VISITS`).
const SEARCH_VISITS_MAX: u64 = 32_000_000;

/// Offers read before the first of those searches stops, to narrow the problem by what it found.
const FIRST_SEARCH_VISITS_MAX: u64 = SEARCH_VISITS_MAX / 16;

/// Offers read before the search for the first set among optima gives up: about 50 ms.
const TIE_VISITS_MAX: u64 = 16_000_000;

/// Up to sixteen offers are always exact: at most 2^17 nodes, which read each offer four times.
const _: () = assert!((2 << 16) * (4 * 16 + relaxation::NODE_VISITS) < TIE_VISITS_MAX);
const _: () = assert!(TIE_VISITS_MAX < SEARCH_VISITS_MAX - FIRST_SEARCH_VISITS_MAX);

/// One eligible bid. Index order is (score, submission time, bid id).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Thousandths per MWh; below zero it costs nothing, but keeps its place in the order.
    pub score: i64,
    /// Least power once taken; 0 where any amount will do.
    pub min_w: i64,
    /// Most power; of 0 nothing is taken.
    pub max_w: i64,
    /// Index into [`Problem::program_capacity_w`].
    pub program: usize,
}

/// One area's need, and what may meet it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The shortfall to clear; nothing is taken where it is not above zero.
    pub need_w: i64,
    /// Sorted by (score, submission time, bid id).
    pub offers: Vec<Offer>,
    /// What each program has left; not below zero.
    pub program_capacity_w: Vec<i64>,
    /// Thousandths per MWh that stays short; not below zero.
    pub lost_load_price: i64,
}

/// What is taken, what that costs, and what is proven about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clearing {
    /// Per offer; 0 where it is left out.
    pub taken_w: Vec<i64>,
    /// Thousandths per MWh × watts: Σ max(score, 0) × taken + lost-load price × short.
    pub objective: i128,
    /// Need that no offer meets.
    pub short_w: i64,
    /// Power beyond the need, forced by minima.
    pub over_w: i64,
    /// No plan costs less than this; equal to the objective where the optimum is proven.
    pub bound: i128,
    /// Relaxations solved, of all searches.
    pub nodes_visited: u64,
    /// Whether all tie rules hold, not only the objective. Else the answer is still a function
    /// of the problem alone, but another optimum may be less over, smaller or first.
    pub ties_settled: bool,
}

impl Clearing {
    /// The proven gap as a share of the objective, rounded up; 0 only where optimal.
    pub fn gap_ppm(&self) -> u64 {
        let gap = self.objective - self.bound;
        if gap == 0 {
            return 0;
        }
        // A gap needs an objective above its bound, which is never below zero.
        let ppm = (gap * 1_000_000 + self.objective - 1) / self.objective;
        u64::try_from(ppm).expect("a gap is at most the whole objective")
    }
}

/// Clears one area. See the module's documentation for what is optimal and how ties go.
pub fn clear(problem: &Problem) -> Clearing {
    check(problem);
    let mut relaxation = relax(problem);
    let root = relaxation.solve().expect("with nothing chosen all capacities hold");
    if root.violated.is_none() && ties::is_first(&relaxation) {
        let amounts_w = relaxation.amounts_w.clone();
        return assemble(problem, &relaxation, &amounts_w, root.worth.cost, true);
    }
    optimise(problem, &mut relaxation, root)
}

/// The branching part: an incumbent, a search of what it leaves open, then the ties.
fn optimise(problem: &Problem, full: &mut Relaxation, root: Solved) -> Clearing {
    let duals = narrowing::Duals::of(full);
    let mut best = match root.violated {
        None => Incumbent { worth: root.worth, amounts_w: full.amounts_w.clone() },
        Some(_) => greedy::incumbent(full),
    };
    let mut bound = root.worth.cost;
    let mut complete = root.violated.is_none();
    for visits_max in [FIRST_SEARCH_VISITS_MAX, SEARCH_VISITS_MAX - FIRST_SEARCH_VISITS_MAX] {
        if complete {
            break;
        }
        let mut narrowed = Narrowed::of(full, &duals, root.worth.cost, &best);
        let outcome = search::search(&mut narrowed.relaxation, best.worth, visits_max);
        full.nodes += narrowed.relaxation.nodes;
        if let Some(found) = outcome.best {
            best = narrowed.lift(full.entries.len(), &found);
        }
        bound = bound.max(outcome.bound.min(best.worth.cost));
        complete = outcome.complete;
    }
    assert!(bound <= best.worth.cost, "a bound lies above a plan");
    if complete {
        assert_eq!(bound, best.worth.cost, "a finished search proves its optimum");
        let narrowed = Narrowed::of(full, &duals, root.worth.cost, &best);
        let mut relaxation = narrowed.relaxation.clone();
        let start = narrowed.restrict(&best);
        let (first, settled) = ties::settle(&mut relaxation, start, TIE_VISITS_MAX);
        full.nodes += relaxation.nodes;
        best = narrowed.lift(full.entries.len(), &first);
        complete = settled;
    }
    assemble(problem, full, &best.amounts_w, bound, complete)
}

fn check(problem: &Problem) {
    assert!(problem.lost_load_price >= 0, "the lost-load price is below zero");
    assert!(problem.program_capacity_w.iter().all(|&left_w| left_w >= 0), "a capacity below zero");
    assert!(problem.offers.is_sorted_by_key(|offer| offer.score), "offers are not sorted by score");
    let sound = |offer: &Offer| 0 <= offer.min_w && offer.min_w <= offer.max_w;
    assert!(problem.offers.iter().all(sound), "an offer's range is empty");
}

/// The usable offers. One whose minimum exceeds its program can never be taken. One that costs
/// at least as much as lost load never should be: leaving it out frees its power at its own cost
/// or more, and what then is short costs no more; other minima stay as they are.
fn relax(problem: &Problem) -> Relaxation {
    let mut dense = vec![usize::MAX; problem.program_capacity_w.len()];
    let mut capacity_w = Vec::new();
    let mut entries = Vec::with_capacity(problem.offers.len());
    for (index, offer) in problem.offers.iter().enumerate() {
        let max_w = offer.max_w.min(problem.program_capacity_w[offer.program]);
        let score = offer.score.max(0);
        if max_w == 0 || offer.min_w > max_w || score >= problem.lost_load_price {
            continue;
        }
        if dense[offer.program] == usize::MAX {
            dense[offer.program] = capacity_w.len();
            capacity_w.push(problem.program_capacity_w[offer.program]);
        }
        let program = dense[offer.program];
        entries.push(Entry { score, min_w: offer.min_w, max_w, program, offer: index });
    }
    // A program of blocks alone is used in multiples of their common divisor: the rest is no use.
    let mut grains_w = vec![0; capacity_w.len()];
    for entry in &entries {
        grains_w[entry.program] = relaxation::grain_with(grains_w[entry.program], entry);
    }
    for (capacity_w, grain_w) in capacity_w.iter_mut().zip(grains_w) {
        *capacity_w -= *capacity_w % grain_w;
    }
    Relaxation::new(entries, problem.need_w.max(0), capacity_w, problem.lost_load_price)
}

fn assemble(
    problem: &Problem,
    full: &Relaxation,
    amounts_w: &[i64],
    bound: i128,
    ties_settled: bool,
) -> Clearing {
    let mut taken_w = vec![0; problem.offers.len()];
    let mut left_w = problem.program_capacity_w.clone();
    let mut objective = 0;
    let mut met_w = 0;
    for (entry, &amount_w) in full.entries.iter().zip(amounts_w) {
        let offer = &problem.offers[entry.offer];
        let fits = amount_w >= offer.min_w && amount_w <= offer.max_w;
        assert!(amount_w == 0 || fits, "an offer is taken outside its range");
        taken_w[entry.offer] = amount_w;
        left_w[offer.program] -= amount_w;
        objective += i128::from(entry.score) * i128::from(amount_w);
        met_w += amount_w;
    }
    assert!(left_w.iter().all(|&left_w| left_w >= 0), "a program is overrun");
    let need_w = problem.need_w.max(0);
    let short_w = (need_w - met_w).max(0);
    objective += i128::from(problem.lost_load_price) * i128::from(short_w);
    assert!(bound <= objective, "a bound lies above the plan");
    let over_w = (met_w - need_w).max(0);
    let nodes_visited = full.nodes;
    Clearing { taken_w, objective, short_w, over_w, bound, nodes_visited, ties_settled }
}

/// Whether `first`'s list of offers with power comes before `second`'s; `later(i)` says whether
/// both plans hold power at offers after `i` that neither list shows.
fn comes_before(first_w: &[i64], second_w: &[i64], later: impl Fn(usize) -> bool) -> bool {
    let differs = |(a_w, b_w): (&i64, &i64)| (*a_w > 0) != (*b_w > 0);
    let Some(at) = first_w.iter().zip(second_w).position(differs) else {
        // One set: compare amounts, the earlier taking more.
        return first_w > second_w;
    };
    let goes_on = |amounts_w: &[i64]| later(at) || amounts_w[at + 1..].iter().any(|&w| w > 0);
    if first_w[at] > 0 { goes_on(second_w) } else { !goes_on(first_w) }
}
