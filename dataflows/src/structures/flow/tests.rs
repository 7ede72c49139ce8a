//! `trap_*` are small plans worked out by hand, each one that a simpler method gets wrong;
//! `orders_*` look at how flow becomes paths of whole watts; `price_*` at the certificate;
//! `twin_*` compare the objective with a general LP solver on random problems; `holds_*` check
//! every promise of the module on problems made to hurt: tiny beside huge, equal prices, cycles.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{
    Area, Interface, LEAST_NEED_W, PPM, Path, Problem, Solution, bound, carried_w, delivered_w,
    solve,
};

const MW: i64 = 1_000_000;
const LOST_LOAD_PRICE: i64 = 10_000_000;

fn needs(need_w: i64) -> Area {
    Area { need_w, surplus_w: 0, energy_price: 0 }
}

fn sends(surplus_w: i64, energy_price: i64) -> Area {
    Area { need_w: 0, surplus_w, energy_price }
}

fn passes() -> Area {
    sends(0, 0)
}

fn hop(from: usize, to: usize, capacity_w: i64, loss_ppm: u32, wheeling_price: i64) -> Interface {
    Interface { from, to, capacity_w, loss_ppm, wheeling_price }
}

fn problem(areas: Vec<Area>, interfaces: Vec<Interface>) -> Problem {
    Problem { areas, interfaces, lost_load_price: LOST_LOAD_PRICE }
}

/// Solves, and holds the answer to every promise but that of the certificate.
fn solve_checked(problem: &Problem) -> Solution {
    let solution = solve(problem);
    assert_eq!(solution, solve(problem), "the same problem has the same answer");
    let interfaces = &problem.interfaces;
    let mut sent_w = vec![0; problem.areas.len()];
    let mut got_w = vec![0; problem.areas.len()];
    let mut flow_w = vec![0; interfaces.len()];
    let mut seen = BTreeSet::new();
    for Path { hops, sent_w: sent, delivered_w: delivered } in &solution.paths {
        assert!(seen.insert(hops), "no two orders alike");
        let joined = hops.windows(2).all(|two| interfaces[two[0]].to == interfaces[two[1]].from);
        assert!(joined, "hops follow one another");
        let carried = carried_w(interfaces, hops, *sent);
        assert_eq!(carried.last(), Some(delivered));
        assert!(*delivered > hops.len().try_into().unwrap(), "no order for dust");
        sent_w[interfaces[hops[0]].from] += sent;
        got_w[interfaces[hops[hops.len() - 1]].to] += delivered;
        for (&hop, amount_w) in hops.iter().zip(carried) {
            flow_w[hop] += amount_w;
        }
    }
    assert_eq!(flow_w, solution.flow_w);
    for (index, area) in problem.areas.iter().enumerate() {
        assert!(sent_w[index] <= area.surplus_w, "within the surplus");
        assert_eq!(solution.unmet_w[index], area.need_w - got_w[index]);
        assert!(solution.unmet_w[index] >= 0, "no more than needed");
        assert!(area.need_w >= LEAST_NEED_W || got_w[index] == 0, "no orders for under 1 kW");
        assert!(solution.prices[index] >= 0);
    }
    for (interface, &flow) in interfaces.iter().zip(&flow_w) {
        assert!(flow <= interface.capacity_w, "within the capacity");
    }
    assert!(flows_one_way(problem, &flow_w), "no flow in circles, let alone both ways");
    assert_eq!(solution.bound, bound(problem, &solution.prices));
    solution
}

fn flows_one_way(problem: &Problem, flow_w: &[i64]) -> bool {
    let flowing: Vec<&Interface> = problem
        .interfaces
        .iter()
        .zip(flow_w)
        .filter(|(_, flow)| **flow > 0)
        .map(|it| it.0)
        .collect();
    let mut left: BTreeSet<usize> = (0..problem.areas.len()).collect();
    while let Some(&first) = left
        .iter()
        .find(|area| !flowing.iter().any(|it| it.to == **area && left.contains(&it.from)))
    {
        left.remove(&first);
    }
    left.is_empty()
}

fn certified(problem: &Problem) -> Solution {
    let solution = solve_checked(problem);
    assert!(solution.is_certified(problem), "certified: {problem:?} {solution:?}");
    solution
}

fn orders(solution: &Solution) -> Vec<(&[usize], i64, i64)> {
    solution.paths.iter().map(|it| (it.hops.as_slice(), it.sent_w, it.delivered_w)).collect()
}

#[test]
fn trap_cheapest_path_first() {
    // 2 is near both needs, 3 only near 1. The cheapest path is 2 → 1; taken, it leaves 0 short.
    let problem = problem(
        vec![needs(10 * MW), needs(10 * MW), sends(10 * MW, 10_000), sends(10 * MW, 50_000)],
        vec![
            hop(2, 0, 20 * MW, 30_000, 1_000),
            hop(2, 1, 20 * MW, 0, 0),
            hop(3, 1, 20 * MW, 0, 2_000),
        ],
    );
    let solution = certified(&problem);
    assert_eq!(
        orders(&solution),
        [(&[0][..], 10 * MW, 9_700_000), (&[2], 10 * MW, 10 * MW)],
        "the dear one serves 1 and leaves the cheap one to 0"
    );
}

#[test]
fn trap_two_ways_at_once() {
    // 10 MW of surplus for 8 MW: by the cheap way only half would arrive; by the dear way all, but
    // it need not. The optimum splits: cheap / 2 + dear = 8, cheap + dear = 10. That holds both
    // ways open at once, in a basis with a cycle.
    let problem = problem(
        vec![needs(8 * MW), passes(), passes(), sends(10 * MW, 1_000)],
        vec![
            hop(1, 0, 20 * MW, 0, 0),
            hop(2, 0, 20 * MW, 0, 0),
            hop(3, 1, 20 * MW, 500_000, 0),
            hop(3, 2, 20 * MW, 0, 300_000),
        ],
    );
    let solution = certified(&problem);
    assert_eq!(solution.flow_w, [2 * MW, 6 * MW, 4 * MW, 6 * MW]);
    assert_eq!(solution.unmet_w[0], 0);
}

#[test]
fn trap_far_need_gives_way() {
    // Lost load costs the same everywhere, so what is scarce goes where less is lost.
    let problem = problem(
        vec![needs(5 * MW), needs(5 * MW), sends(5 * MW, 0)],
        vec![hop(2, 0, 9 * MW, 500_000, 0), hop(2, 1, 9 * MW, 100_000, 9_000_000 - 1)],
    );
    let solution = certified(&problem);
    assert_eq!(orders(&solution), [(&[0][..], 5 * MW, 2_500_000)], "wheeling may eat it up");
}

#[test]
fn trap_area_in_need_passes_power_on() {
    let problem = problem(
        vec![needs(2 * MW), needs(3 * MW), sends(9 * MW, -5_000)],
        vec![hop(0, 1, 9 * MW, 0, 1_000), hop(2, 0, 9 * MW, 500_000, 1_000)],
    );
    let solution = certified(&problem);
    assert_eq!(
        orders(&solution),
        [(&[1][..], 4 * MW, 2 * MW), (&[1, 0], 5 * MW, 2_500_000)],
        "the nearer first"
    );
    assert_eq!(solution.cost, i128::from(9 * MW * 1_000 + 2_500_000 * 1_000), "energy is free");
}

#[test]
fn orders_take_fewest_hops_then_least_names() {
    let way = |from, to, capacity_w| hop(from, to, capacity_w, 0, 0);
    let problem = problem(
        vec![sends(9 * MW, 0), passes(), passes(), needs(9 * MW)],
        vec![
            way(0, 1, 9 * MW),
            way(0, 2, 2 * MW),
            way(1, 2, 9 * MW),
            way(1, 3, 3 * MW),
            way(2, 3, 9 * MW),
        ],
    );
    let solution = certified(&problem);
    assert_eq!(
        orders(&solution),
        [(&[0, 3][..], 3 * MW, 3 * MW), (&[1, 4], 2 * MW, 2 * MW), (&[0, 2, 4], 4 * MW, 4 * MW)]
    );
}

#[test]
fn orders_prefer_fewer_hops_where_money_is_indifferent() {
    let way = |from, to| hop(from, to, 9 * MW, 0, 0);
    let ring = vec![way(0, 1), way(0, 2), way(1, 0), way(1, 2), way(2, 0), way(2, 1)];
    let problem = problem(vec![sends(5 * MW, 0), sends(5 * MW, 0), needs(5 * MW)], ring);
    let solution = certified(&problem);
    assert!(solution.paths.iter().all(|path| path.hops.len() == 1));
}

#[test]
fn orders_leave_a_rest_under_a_kilowatt() {
    let ways = vec![hop(1, 0, 5 * MW, 0, 0), hop(2, 0, 999, 0, 0)];
    let areas = vec![needs(5 * MW + 999), sends(9 * MW, 0), sends(9 * MW, 0)];
    let solution = certified(&problem(areas, ways.clone()));
    assert_eq!(orders(&solution), [(&[0][..], 5 * MW, 5 * MW)]);
    assert_eq!(solution.unmet_w[0], 999);

    let areas = vec![needs(6 * MW), sends(9 * MW, 0), sends(9 * MW, 0)];
    let solution = certified(&problem(areas, ways));
    assert_eq!(solution.paths.len(), 2, "what is left over is more than that");
}

#[test]
fn orders_send_no_more_than_arrives() {
    let ways = vec![hop(1, 0, 9 * MW, 70_001, 0), hop(2, 1, 9 * MW, 30_003, 0)];
    let solution = certified(&problem(vec![needs(MW), passes(), sends(9 * MW, 5_000)], ways));
    let [path] = &solution.paths[..] else { panic!("one order: {solution:?}") };
    assert_eq!(path.delivered_w, MW, "a need that can be met is met to the watt");
    let less =
        carried_w(&[hop(1, 0, 0, 70_001, 0), hop(2, 1, 0, 30_003, 0)], &[1, 0], path.sent_w - 1);
    assert_eq!(less[2], MW - 1);
}

#[test]
fn orders_round_every_hop_up() {
    assert_eq!(delivered_w(1, 1), 0);
    assert_eq!(delivered_w(PPM, 1), PPM - 1);
    assert_eq!(delivered_w(PPM + 1, 1), PPM - 1);
    assert_eq!(delivered_w(1_000_000_000_001, 500_000), 500_000_000_000);
    assert_eq!(delivered_w(7, 0), 7);
    let hops = [hop(0, 1, 0, 100_000, 0), hop(1, 2, 0, 500_000, 0)];
    assert_eq!(carried_w(&hops, &[0, 1], 101), [101, 90, 45]);
}

#[test]
fn price_bound_by_hand() {
    let problem = problem(
        vec![needs(100), sends(300, -7), sends(40, 2_000)],
        vec![hop(1, 0, 60, 200_000, 500), hop(2, 0, 10, 0, 0)],
    );
    // 5000·100 − 3000·300 − 1000·40 − (0.8·5000 − 3000 − 500)·60 − (5000 − 3000)·10.
    let expected = 500_000 - 900_000 - 40_000 - 30_000 - 20_000;
    assert_eq!(bound(&problem, &[5_000, 3_000, 3_000]), expected * i128::from(PPM));
    // Above lost load's price, need counts no more; below the energy's, surplus not at all.
    let capacity = (8_000_004 - 1_000 - 500) * 60 + (10_000_005 - 1_000) * 10;
    let expected = 10_000_000 * 100 - 1_000 * 300 - capacity;
    assert_eq!(bound(&problem, &[10_000_005, 1_000, 1_000]), expected * i128::from(PPM));
    assert_eq!(bound(&problem, &[0, 0, 0]), 0);
}

#[test]
fn price_proves_no_worse_plan() {
    let problem = problem(
        vec![needs(10 * MW), sends(10 * MW, 10_000)],
        vec![hop(1, 0, 20 * MW, 30_000, 1_000)],
    );
    let mut solution = certified(&problem);
    solution.unmet_w[0] += 20_000;
    assert!(!solution.is_certified(&problem), "20 kW unserved, 1 kW and a thousandth allowed");
}

#[test]
fn price_small_flow_on_large_lines() {
    // Prices rounded to the nearest thousandth would pay a third of one for each of 10¹² W.
    let large = 1_000_000 * MW;
    let chain = |index| hop(index, index - 1, large, 30_303, 333);
    let mut areas = vec![needs(50_000), passes(), passes(), passes(), passes()];
    areas.push(sends(large, 31_001));
    let solution = certified(&problem(areas, (1..6).map(chain).collect()));
    assert_eq!(solution.unmet_w[0], 0);
}

#[test]
fn holds_where_there_is_nothing_to_do() {
    for (areas, interfaces) in [
        (vec![], vec![]),
        (vec![passes()], vec![]),
        (vec![needs(5 * MW)], vec![]),
        (vec![needs(5 * MW), sends(5 * MW, 0)], vec![]),
        (vec![needs(5 * MW), sends(5 * MW, 0)], vec![hop(0, 1, MW, 0, 0), hop(1, 0, 0, 0, 0)]),
        (vec![passes(), sends(5 * MW, 0)], vec![hop(0, 1, MW, 0, 0), hop(1, 0, MW, 0, 0)]),
        (vec![needs(5 * MW), sends(5 * MW, LOST_LOAD_PRICE)], vec![hop(1, 0, 9 * MW, 0, 0)]),
        (vec![needs(5 * MW), sends(5 * MW, 0)], vec![hop(1, 0, 9 * MW, 0, LOST_LOAD_PRICE)]),
    ] {
        assert!(certified(&problem(areas, interfaces)).paths.is_empty());
    }
}

#[test]
fn holds_at_the_largest_powers() {
    let large = 1_000_000 * MW;
    let areas = vec![needs(large), sends(large, 20_000), sends(large, 30_000), needs(1_000)];
    let small = hop(2, 3, 2_000, 0, 0);
    let ways = vec![hop(1, 0, large / 2, 1, 0), hop(2, 0, large, 500_000, 1_000), small];
    let solution = certified(&problem(areas, ways));
    assert_eq!(solution.unmet_w[3], 0, "the smallest beside the largest");
}

#[test]
#[should_panic(expected = "an area in need has no surplus")]
fn holds_the_caller_to_its_side() {
    let area = Area { need_w: 5 * MW, surplus_w: MW, energy_price: 0 };
    let _ = solve(&problem(vec![area], vec![]));
}

/// A small generator, so that every run sees the same large problems.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 >> 1).unwrap() % most
    }

    fn index(&mut self, most: usize) -> usize {
        usize::try_from(self.below(i64::try_from(most).unwrap())).unwrap()
    }

    /// Some power of every magnitude up to `most`.
    fn power_w(&mut self, most: i64) -> i64 {
        let shift = self.below(i64::from(most.ilog2()));
        1 + self.below(most >> shift)
    }
}

/// Areas on a ring (the last and the first may be cut apart), with chords.
fn grid(dice: &mut Dice, areas: usize, chords: usize, losses: &[u32], most_w: i64) -> Problem {
    let free = dice.below(3) == 0;
    let price = |dice: &mut Dice| if free { 0 } else { dice.below(60_000) - 5_000 };
    let kinds = (0..areas).map(|_| match dice.below(6) {
        0 | 1 => needs(dice.power_w(most_w)),
        2 => passes(),
        _ => sends(dice.power_w(most_w), price(dice)),
    });
    let kinds = kinds.collect();
    let mut joined = BTreeMap::new();
    for index in 0..areas + chords {
        let from = if index < areas { index } else { dice.index(areas) };
        let to = if index < areas { (index + 1) % areas } else { dice.index(areas) };
        if from != to {
            let capacity_w = dice.power_w(most_w) - 1;
            let loss_ppm = losses[dice.index(losses.len())];
            let wheeling_price = if free { 0 } else { dice.below(3_000) };
            joined.insert((from, to), (capacity_w, loss_ppm, wheeling_price));
            joined.insert((to, from), (capacity_w, loss_ppm, wheeling_price));
        }
    }
    let interfaces = joined.into_iter().map(|((from, to), (capacity_w, loss_ppm, price))| {
        hop(from, to, capacity_w, loss_ppm, price)
    });
    problem(kinds, interfaces.collect())
}

#[test]
fn holds_on_hard_grids() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for round in 0..4_000 {
        let losses: &[u32] = match round % 4 {
            0 => &[0],
            1 => &[0, 1, 2],
            2 => &[10_000, 20_000, 30_000],
            _ => &[500_000, 71_234, 0],
        };
        let areas = 2 + dice.index(24);
        let chords = dice.index(30);
        let most_w = [10 * MW, 10_000 * MW, 1_000_000 * MW][round % 3];
        certified(&grid(&mut dice, areas, chords, losses, most_w));
    }
}

#[test]
fn holds_on_large_grids() {
    let mut dice = Dice(0x1234_5678_9ABC_DEF1);
    let losses = [0, 4_000, 15_000, 22_386, 38_400, 71_946];
    for (areas, chords) in [(133, 170), (133, 450), (1_000, 1_500)] {
        let problem = grid(&mut dice, areas, chords, &losses, 2_000 * MW);
        assert!(!certified(&problem).paths.is_empty());
    }
}

fn any_problem() -> impl Strategy<Value = Problem> {
    let power_w =
        prop_oneof![0..3_000_i64, 0..10 * MW, 0..10_000 * MW, 0..=1_000_000 * MW, Just(5 * MW)];
    let price = prop_oneof![Just(0), Just(1_000), -10_000..90_000_i64];
    let area = (0..10, power_w.clone(), price).prop_map(|(kind, watts, price)| match kind {
        0..=2 => needs(watts),
        3 => passes(),
        _ => sends(watts, price),
    });
    let loss_ppm = prop_oneof![Just(0), Just(20_000), Just(500_000), 0..3_u32, 0..80_000_u32];
    let wheeling_price = prop_oneof![Just(0), 0..5_000_i64];
    let ends = (any::<prop::sample::Index>(), any::<prop::sample::Index>());
    let rows = prop::collection::vec((ends, power_w, loss_ppm, wheeling_price), 0..40);
    (prop::collection::vec(area, 1..12), rows).prop_map(|(areas, rows)| {
        let mut joined = BTreeMap::new();
        for ((from, to), capacity_w, loss_ppm, wheeling_price) in rows {
            let (from, to) = (from.index(areas.len()), to.index(areas.len()));
            if from != to {
                joined.insert((from, to), hop(from, to, capacity_w, loss_ppm, wheeling_price));
            }
        }
        problem(areas, joined.into_values().collect())
    })
}

/// What a general LP solver finds, in thousandths per MWh × watts. It counts in MW.
fn twin_objective(problem: &Problem) -> f64 {
    let mut twin = microlp::Problem::new(microlp::OptimizationDirection::Minimize);
    let mut balances = vec![microlp::LinearExpr::empty(); problem.areas.len()];
    let in_mw = |watts: i64| watts as f64 / 1e6;
    for (area, balance) in problem.areas.iter().zip(&mut balances) {
        let price = area.energy_price.max(0) as f64;
        balance.add(twin.add_var(price, (0.0, in_mw(area.surplus_w))), 1.0);
        let lost_load_price = problem.lost_load_price as f64;
        balance.add(twin.add_var(lost_load_price, (0.0, f64::INFINITY)), 1.0);
    }
    for interface in &problem.interfaces {
        let limits = (0.0, in_mw(interface.capacity_w));
        let flow = twin.add_var(interface.wheeling_price as f64, limits);
        balances[interface.from].add(flow, -1.0);
        balances[interface.to].add(flow, 1.0 - f64::from(interface.loss_ppm) / 1e6);
    }
    for (balance, area) in balances.into_iter().zip(&problem.areas) {
        twin.add_constraint(balance, microlp::ComparisonOp::Ge, in_mw(area.need_w));
    }
    match twin.solve() {
        Ok(microlp::SolveOutcome::Solution(solution)) => solution.objective() * 1e6,
        other => panic!("the twin solves every problem: {other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn twin_agrees(problem in any_problem()) {
        let solution = certified(&problem);
        let hops: usize = solution.paths.iter().map(|path| path.hops.len()).sum();
        let in_need = problem.areas.iter().filter(|area| area.need_w > 0).count();
        let slack = (hops + 1_000 * in_need) as f64 * problem.lost_load_price as f64;
        let cost = solution.cost_with_lost_load(&problem) as f64;
        let optimum = twin_objective(&problem);
        prop_assert!(cost <= optimum * 1.001 + slack, "{cost} is dearer than {optimum}");
        prop_assert!(cost >= optimum * (1.0 - 1e-6) - 1e6, "{cost} is below {optimum}");
    }
}
