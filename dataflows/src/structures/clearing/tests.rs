//! The clearing against slow twins: `twin_*` compare it, ties included, with plain enumeration of
//! sets (and that, on tiny problems, with enumeration of every amount); `large_*` check bounds,
//! invariants and the amount of work where enumeration is out of reach; the rest are named cases.
//! Problems come from seeded generators; a failure prints its problem.

use super::*;

/// xorshift64*: enough for tests, and the same everywhere.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn below(&mut self, limit: i64) -> i64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        i64::try_from(high).expect("31 bits") % limit
    }
}

/// What plans are compared by, least first: cost, over, taken; then set; then amounts.
fn precedes(a: &Clearing, b: &Clearing) -> bool {
    let worth = |c: &Clearing| (c.objective, c.over_w, c.taken_w.iter().sum::<i64>());
    let set = |c: &Clearing| -> Vec<usize> {
        (0..c.taken_w.len()).filter(|&index| c.taken_w[index] > 0).collect()
    };
    (worth(a), set(a), b.taken_w.clone()) < (worth(b), set(b), a.taken_w.clone())
}

fn price(problem: &Problem, taken_w: Vec<i64>) -> Clearing {
    let met_w: i64 = taken_w.iter().sum();
    let short_w = (problem.need_w - met_w).max(0);
    let mut objective = i128::from(problem.lost_load_price) * i128::from(short_w);
    for (offer, &amount_w) in problem.offers.iter().zip(&taken_w) {
        objective += i128::from(offer.score.max(0)) * i128::from(amount_w);
    }
    let over_w = (met_w - problem.need_w).max(0);
    let (bound, nodes_visited, ties_settled) = (objective, 0, true);
    Clearing { taken_w, objective, short_w, over_w, bound, nodes_visited, ties_settled }
}

/// The cheapest amounts of one set: minima, then in order while it saves lost load.
fn fill(problem: &Problem, set: u32) -> Option<Vec<i64>> {
    let on = |index: usize| set >> index & 1 == 1;
    let mut left_w = problem.program_capacity_w.clone();
    let mut taken_w = vec![0; problem.offers.len()];
    let mut need_w = problem.need_w;
    for (index, offer) in problem.offers.iter().enumerate().filter(|&(index, _)| on(index)) {
        taken_w[index] = offer.min_w;
        left_w[offer.program] -= offer.min_w;
        need_w -= offer.min_w;
    }
    for (index, offer) in problem.offers.iter().enumerate().filter(|&(index, _)| on(index)) {
        let extra_w = (offer.max_w - offer.min_w).min(left_w[offer.program]).min(need_w.max(0));
        if extra_w > 0 && offer.score.max(0) < problem.lost_load_price {
            taken_w[index] += extra_w;
            left_w[offer.program] -= extra_w;
            need_w -= extra_w;
        }
    }
    left_w.iter().all(|&left_w| left_w >= 0).then_some(taken_w)
}

fn enumerate_sets(problem: &Problem) -> Clearing {
    let mut best = price(problem, vec![0; problem.offers.len()]);
    for set in 0..1_u32 << problem.offers.len() {
        if let Some(taken_w) = fill(problem, set) {
            let plan = price(problem, taken_w);
            if precedes(&plan, &best) {
                best = plan;
            }
        }
    }
    best
}

/// The least (objective, over, taken) over every amount of every offer.
fn enumerate_amounts(problem: &Problem) -> (i128, i64, i64) {
    let mut best = (i128::MAX, 0, 0);
    let mut taken_w = vec![0; problem.offers.len()];
    loop {
        let mut left_w = problem.program_capacity_w.clone();
        let mut fits = true;
        for (offer, &amount_w) in problem.offers.iter().zip(&taken_w) {
            left_w[offer.program] -= amount_w;
            fits &= amount_w == 0 || amount_w >= offer.min_w;
        }
        if fits && left_w.iter().all(|&left_w| left_w >= 0) {
            let plan = price(problem, taken_w.clone());
            best = best.min((plan.objective, plan.over_w, taken_w.iter().sum()));
        }
        let full = |(amount_w, offer): (&i64, &Offer)| *amount_w == offer.max_w;
        let at = taken_w.iter().zip(&problem.offers).take_while(|&pair| full(pair)).count();
        taken_w[..at].fill(0);
        match taken_w.get_mut(at) {
            Some(amount_w) => *amount_w += 1,
            None => return best,
        }
    }
}

/// Few scores, minima that force power over, shared programs, scores below 0 and above lost load.
fn random_problem(random: &mut Random, offers: i64, power_max_w: i64) -> Problem {
    let programs = 1 + random.below(3);
    let scores = 1 + random.below(8);
    let loose = random.below(3);
    let (blocks, unit_w) = (random.below(4) == 0, 1 + random.below(3));
    let mut list: Vec<Offer> = (0..offers)
        .map(|_| {
            let mut max_w = 1 + random.below(power_max_w);
            if blocks {
                max_w *= unit_w;
            }
            let min_w = if blocks {
                max_w
            } else if random.below(3) < loose {
                0
            } else {
                random.below(max_w + 1)
            };
            let program = usize::try_from(random.below(programs)).expect("small");
            Offer { score: (random.below(scores) - 1) * 7, min_w, max_w, program }
        })
        .collect();
    list.sort_by_key(|offer| offer.score);
    let capacity_max_w = 1 + power_max_w * (1 + random.below(offers));
    Problem {
        need_w: random.below(power_max_w * offers),
        offers: list,
        program_capacity_w: (0..programs).map(|_| random.below(capacity_max_w)).collect(),
        lost_load_price: [0, 1, 14, 30, 30, 1000, 1000][index_below(random, 7)],
    }
}

fn index_below(random: &mut Random, limit: i64) -> usize {
    usize::try_from(random.below(limit)).expect("not below zero")
}

fn assert_same(problem: &Problem, got: &Clearing, want: &Clearing) {
    assert_eq!(got.taken_w, want.taken_w, "{problem:?}");
    assert_eq!(got.objective, want.objective, "{problem:?}");
    assert_eq!((got.short_w, got.over_w), (want.short_w, want.over_w), "{problem:?}");
    assert!(got.ties_settled && got.bound == got.objective && got.gap_ppm() == 0, "{problem:?}");
}

#[test]
fn twin_sets_agree_with_ties() {
    for seed in 1..=10_000 {
        let mut random = Random::new(seed);
        let offers = 1 + random.below(if seed % 10 == 0 { 12 } else { 8 });
        let power_max_w = [3, 10, 40][index_below(&mut random, 3)];
        let problem = random_problem(&mut random, offers, power_max_w);
        assert_same(&problem, &clear(&problem), &enumerate_sets(&problem));
    }
}

#[test]
fn twin_amounts_agree_on_tiny_problems() {
    for seed in 1..=3_000 {
        let mut random = Random::new(seed);
        let offers = 1 + random.below(5);
        let problem = random_problem(&mut random, offers, 4);
        let got = clear(&problem);
        let want = enumerate_amounts(&problem);
        assert_eq!((got.objective, got.over_w, got.taken_w.iter().sum()), want, "{problem:?}");
    }
}

#[test]
fn twin_sets_agree_at_sixteen_offers() {
    for seed in 1..=8 {
        let mut random = Random::new(seed);
        let problem = random_problem(&mut random, 16, 30);
        assert_same(&problem, &clear(&problem), &enumerate_sets(&problem));
    }
}

fn problem(need_w: i64, offers: &[(i64, i64, i64, usize)], capacity_w: &[i64]) -> Problem {
    let offer = |&(score, min_w, max_w, program)| Offer { score, min_w, max_w, program };
    Problem {
        need_w,
        offers: offers.iter().map(offer).collect(),
        program_capacity_w: capacity_w.to_vec(),
        lost_load_price: 10_000,
    }
}

#[test]
fn a_minimum_is_exceeded_only_where_that_is_cheapest() {
    let over = clear(&problem(10, &[(60, 12, 12, 0)], &[500]));
    assert_eq!((over.taken_w, over.over_w, over.objective), (vec![12], 2, 720));
    let skips = clear(&problem(10, &[(60, 50, 50, 0), (90, 0, 20, 0)], &[500]));
    assert_eq!((skips.taken_w, skips.objective), (vec![0, 10], 900));
}

#[test]
fn ties_go_to_less_over_then_less_power_then_the_first_set() {
    // Free power: the one that fits, not the earlier one that exceeds the need.
    assert_eq!(clear(&problem(10, &[(-5, 12, 12, 0), (0, 10, 10, 0)], &[500])).taken_w, [0, 10]);
    // Being short at the same price is less power.
    assert_eq!(clear(&problem(10, &[(10_000, 0, 10, 0)], &[500])).taken_w, [0]);
    // Earlier offers first, and all that the earlier one can.
    let equal = [(50, 0, 8, 0), (50, 0, 8, 0), (50, 8, 8, 0)];
    assert_eq!(clear(&problem(10, &equal, &[500])).taken_w, [8, 2, 0]);
    // A set is compared before amounts: {0, 1} though 1 leaves less to 0 than 2 would.
    let equal = [(50, 0, 8, 0), (50, 8, 8, 0), (50, 2, 2, 0)];
    assert_eq!(clear(&problem(10, &equal, &[500])).taken_w, [2, 8, 0]);
    // No token for 1, which the program of 0 has no room for.
    let equal = [(50, 0, 8, 0), (50, 0, 8, 0), (50, 0, 8, 1)];
    assert_eq!(clear(&problem(10, &equal, &[5, 500])).taken_w, [5, 0, 5]);
}

#[test]
fn a_shorter_set_may_itself_be_shortened() {
    // From {1, 2, 3} the start {1, 2} lets 0 in, and of that {0, 1} is enough.
    let free = [(-7, 0, 5, 0), (0, 9, 9, 0), (0, 1, 2, 0), (0, 1, 3, 1)];
    assert_eq!(clear(&problem(11, &free, &[23, 23])).taken_w, [2, 9, 0, 0]);
}

#[test]
fn nothing_to_clear_takes_nothing() {
    let none = clear(&problem(0, &[(-5, 0, 10, 0)], &[500]));
    assert_eq!((none.gap_ppm(), none.taken_w, none.objective), (0, vec![0], 0));
    assert_eq!(clear(&problem(7, &[], &[])).short_w, 7);
    assert_eq!(clear(&problem(7, &[(5, 3, 9, 0)], &[2])).short_w, 7);
}

/// Offers in watts of 0.1 to 10 MW; `scores` distinct ones, `blocks` with no range.
fn market(random: &mut Random, offers: i64, scores: i64, blocks: bool, programs: i64) -> Problem {
    let mut list: Vec<Offer> = (0..offers)
        .map(|_| {
            let max_w = 100_000 * (1 + random.below(100));
            let min_w = if blocks { max_w } else { max_w / (1 + random.below(4)) };
            let score = 20_000 + random.below(scores) * (100_000 / scores);
            Offer { score, min_w, max_w, program: index_below(random, programs) }
        })
        .collect();
    list.sort_by_key(|offer| offer.score);
    let total_w: i64 = list.iter().map(|offer| offer.max_w).sum();
    let need_w = total_w / 3 + random.below(1_000_000);
    let count = usize::try_from(programs).expect("small");
    let program_capacity_w = vec![total_w / programs / 2 + 12_345; count];
    Problem { need_w, offers: list, program_capacity_w, lost_load_price: 10_000_000 }
}

fn check_large(problem: &Problem) -> Clearing {
    let got = clear(problem);
    let fits = |(offer, &w): (&Offer, &i64)| w == 0 || (offer.min_w..=offer.max_w).contains(&w);
    assert!(problem.offers.iter().zip(&got.taken_w).all(fits));
    let again = price(problem, got.taken_w.clone());
    assert_eq!((again.objective, again.over_w), (got.objective, got.over_w));
    assert!(got.bound <= got.objective);
    assert_eq!(got, clear(problem), "the same problem clears the same");
    got
}

#[test]
fn large_markets_are_proven_or_bounded() {
    for (seed, offers) in (1..).zip([200, 500, 1000, 2000, 5000]) {
        for (scores, blocks, programs) in [(100_000, false, 1), (20, false, 3), (100_000, true, 4)]
        {
            let mut random = Random::new(seed);
            let problem = market(&mut random, offers, scores, blocks, programs);
            let got = check_large(&problem);
            assert!(got.gap_ppm() <= 100, "{offers} {scores} {blocks}: {} ppm", got.gap_ppm());
        }
    }
}

#[test]
fn large_without_minima_is_one_pass() {
    let mut random = Random::new(7);
    let mut problem = market(&mut random, 100_000, 100, false, 5);
    for offer in &mut problem.offers {
        offer.min_w = 0;
    }
    let got = check_large(&problem);
    assert_eq!((got.nodes_visited, got.gap_ppm(), got.ties_settled), (1, 0, true));
}

#[test]
fn large_equal_blocks_do_not_blow_up() {
    let offers = vec![(50, 3_000_000, 3_000_000, 0); 400];
    let got = clear(&problem(100_000_001, &offers, &[i64::MAX]));
    assert!(got.ties_settled && got.gap_ppm() == 0 && got.nodes_visited < 1000, "{got:?}");
    assert_eq!(got.taken_w.iter().position(|&w| w == 0), Some(34));
}
