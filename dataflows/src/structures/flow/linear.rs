//! The linear program behind the cascade, in floats: what the optimum sends where, and what power
//! is worth in each area.
//!
//! Links are the interfaces and, from and to the ground, each area's supply, unmet need and spill.
//! What power could be worth at best is known beforehand: that of the best way to any need. It
//! leaves out whatever can never pay, and gives the first basis: every area hangs on its best way.
//!
//! Two small untruths keep ties apart, and are far below what the contract allows. Every area is
//! given a little power for nothing (under half a watt, all together), so that no pivot stands
//! still. Every hop costs a little more, so that of equal plans the one with fewer hops wins and
//! no flow goes in circles. It does not deal in whole watts or prices: see `paths`, `certificate`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::simplex::{Forest, Link, Role};
use super::{Area, Interface, LEAST_NEED_W, PPM, Problem, kept_ppm};

/// The optimum's flow, in watts, and its prices.
pub(super) struct Optimum {
    /// What each area sends of its surplus.
    pub(super) supply: Vec<f64>,
    /// What each area gets of its need.
    pub(super) served: Vec<f64>,
    /// What each interface carries at its sending end; never both ways.
    pub(super) flow: Vec<f64>,
    /// Whether an area's surplus, an interface's capacity limits the plan.
    pub(super) surplus_binds: Vec<bool>,
    pub(super) capacity_binds: Vec<bool>,
    /// What a watt is worth in each area, in thousandths per MWh; off by [`price_error`].
    pub(super) price: Vec<f64>,
}

/// A hop's price, as a share of lost load's: a hundredth of a thousandth per MWh at most, and as
/// much as 10 W of lost load for the largest flow there is (10⁶ MW).
const HOP_SHARE: f64 = 1e-11;

/// What saves less than this share of lost load's price is not worth a pivot; nor is power an
/// entry in the program where it is worth less.
const TOLERANCE_SHARE: f64 = 1e-12;

/// The power each area is given: this share of all need, and no more than so many watts in all.
const GIFT_SHARE: f64 = 1e-12;
const GIFTS_MAX_W: f64 = 0.25;

/// How much the optimum's prices may be too high for what keeps ties apart.
pub(super) fn price_error(problem: &Problem) -> f64 {
    10.0 * HOP_SHARE * float(problem.lost_load_price)
}

pub(super) fn optimum(problem: &Problem) -> Optimum {
    let lost_load_price = float(problem.lost_load_price);
    let hop_price = HOP_SHARE * lost_load_price;
    let ways = Ways::to_needs(problem, hop_price);
    let program = Program::new(problem, &ways, hop_price);
    let mut forest = program.forest(problem, &ways);
    forest.minimise(TOLERANCE_SHARE * lost_load_price);
    program.read(problem, &ways, &forest)
}

/// Each area's best way to a need, were there no limits.
struct Ways {
    /// What a watt in each area is worth that way, in thousandths per MWh; 0 without a way.
    worth: Vec<f64>,
    /// The first hop of that way; none where the area is itself in need, or has no way.
    first_hop: Vec<Option<usize>>,
    /// The areas with a worth, each after the one its way goes to.
    order: Vec<usize>,
}

impl Ways {
    /// Dijkstra from the needs: a hop never makes power worth more.
    fn to_needs(problem: &Problem, hop_price: f64) -> Ways {
        let areas = problem.areas.len();
        let lost_load_price = float(problem.lost_load_price);
        let mut ways = Ways {
            worth: vec![0.0; areas],
            first_hop: vec![None; areas],
            order: Vec::with_capacity(areas),
        };
        let mut into: Vec<Vec<usize>> = vec![Vec::new(); areas];
        for (index, interface) in problem.interfaces.iter().enumerate() {
            into[interface.to].push(index);
        }
        // Floats of at least 0 are ordered like their bits.
        let mut open = BinaryHeap::new();
        for (index, area) in problem.areas.iter().enumerate() {
            if area.need_w >= LEAST_NEED_W && lost_load_price > 0.0 {
                ways.worth[index] = lost_load_price;
                open.push((lost_load_price.to_bits(), Reverse(index)));
            }
        }
        while let Some((bits, Reverse(area))) = open.pop() {
            if bits != ways.worth[area].to_bits() {
                continue;
            }
            ways.order.push(area);
            for &index in &into[area] {
                let worth = ways.worth_over(problem, index, hop_price);
                let from = problem.interfaces[index].from;
                if worth > ways.worth[from] && worth > TOLERANCE_SHARE * lost_load_price {
                    ways.worth[from] = worth;
                    ways.first_hop[from] = Some(index);
                    open.push((worth.to_bits(), Reverse(from)));
                }
            }
        }
        ways
    }

    fn is_in_need(&self, area: usize) -> bool {
        self.worth[area] > 0.0 && self.first_hop[area].is_none()
    }

    /// What a watt is worth that is sent over an interface.
    fn worth_over(&self, problem: &Problem, index: usize, hop_price: f64) -> f64 {
        let interface = &problem.interfaces[index];
        if interface.capacity_w == 0 {
            return 0.0;
        }
        let link = interface_link(problem, index, hop_price);
        link.gain * self.worth[interface.to] - link.cost
    }
}

/// The program: its links, and which of them stands for what. Those that cannot pay are left out.
struct Program {
    links: Vec<Link>,
    supply: Vec<Option<usize>>,
    unmet: Vec<Option<usize>>,
    interface: Vec<Option<usize>>,
}

impl Program {
    fn new(problem: &Problem, ways: &Ways, hop_price: f64) -> Program {
        let areas = problem.areas.len();
        let ground = areas;
        let lost_load_price = float(problem.lost_load_price);
        let least_worth = TOLERANCE_SHARE * lost_load_price;
        let mut program = Program {
            // The spills come first: an area's is the link with its own index.
            links: (0..areas).map(|area| ground_link(area, ground, 0.0, f64::INFINITY)).collect(),
            supply: vec![None; areas],
            unmet: vec![None; areas],
            interface: vec![None; problem.interfaces.len()],
        };
        for (index, area) in problem.areas.iter().enumerate() {
            let price = float(area.energy_price.max(0));
            if area.surplus_w > 0 && price + least_worth < ways.worth[index] {
                let most_w = float(area.surplus_w);
                program.supply[index] =
                    Some(program.add(ground_link(ground, index, price, most_w)));
            }
            if ways.is_in_need(index) {
                let link = ground_link(ground, index, lost_load_price, f64::INFINITY);
                program.unmet[index] = Some(program.add(link));
            }
        }
        for index in 0..problem.interfaces.len() {
            if ways.worth_over(problem, index, hop_price) > least_worth {
                let link = interface_link(problem, index, hop_price);
                program.interface[index] = Some(program.add(link));
            }
        }
        program
    }

    fn add(&mut self, link: Link) -> usize {
        self.links.push(link);
        self.links.len() - 1
    }

    /// The first basis: nothing is sent but the gifts, on everyone's best way.
    fn forest(&self, problem: &Problem, ways: &Ways) -> Forest {
        let mut amount = gifts(problem);
        let mut hanger: Vec<usize> = (0..problem.areas.len()).collect();
        // From the far ends on, so that all that comes to an area is there before it is sent on.
        for &area in ways.order.iter().rev() {
            if let Some(link) = ways.first_hop[area].and_then(|hop| self.interface[hop]) {
                hanger[area] = link;
                let Link { head, gain, .. } = self.links[link];
                amount[head] += gain * amount[area];
            } else if let Some(link) = self.unmet[area] {
                hanger[area] = link;
                amount[area] = float(problem.areas[area].need_w) - amount[area];
            }
        }
        let mut flow = vec![0.0; self.links.len()];
        for (&link, amount) in hanger.iter().zip(amount) {
            flow[link] = amount;
        }
        Forest::new(self.links.clone(), flow, hanger)
    }

    fn read(&self, problem: &Problem, ways: &Ways, forest: &Forest) -> Optimum {
        let flow_of = |link: &Option<usize>| link.map_or(0.0, |link| forest.flow[link]);
        let binds = |link: &Option<usize>| link.is_some_and(|it| forest.role[it] == Role::Full);
        let served = |(area, link): (&Area, &Option<usize>)| match link {
            Some(_) => float(area.need_w) - flow_of(link),
            None => 0.0,
        };
        let mut flow: Vec<f64> = self.interface.iter().map(flow_of).collect();
        net_both_ways(problem, &mut flow);
        // There are optimal prices that exceed no area's worth.
        let price = forest.price.iter().zip(&ways.worth).map(|(price, worth)| price.min(*worth));
        Optimum {
            supply: self.supply.iter().map(flow_of).collect(),
            served: problem.areas.iter().zip(&self.unmet).map(served).collect(),
            flow,
            surplus_binds: self.supply.iter().map(binds).collect(),
            capacity_binds: self.interface.iter().map(binds).collect(),
            price: price.collect(),
        }
    }
}

/// A little power for each area, in watts, no two alike. Less than any need or capacity.
fn gifts(problem: &Problem) -> Vec<f64> {
    let areas = u32::try_from(problem.areas.len()).expect("areas are counted in 32 bits");
    let need: f64 = problem.areas.iter().map(|area| float(area.need_w)).sum();
    let least = (GIFT_SHARE * need).min(GIFTS_MAX_W / f64::from(areas.max(1)));
    // Multiples of the golden ratio, less their whole part, come nowhere near each other.
    let mut part = 0.0;
    (0..areas)
        .map(|_| {
            part += 0.618_033_988_749_894_9;
            if part >= 1.0 {
                part -= 1.0;
            }
            least * (1.0 + part)
        })
        .collect()
}

/// Where flow goes both ways between two areas, what cancels out is taken away. What would have
/// been lost on the way is then power too much, and is not sent on.
fn net_both_ways(problem: &Problem, flow: &mut [f64]) {
    let ends = |index: usize| (problem.interfaces[index].from, problem.interfaces[index].to);
    let mut carrying: Vec<usize> = (0..flow.len()).filter(|&index| flow[index] > 0.0).collect();
    carrying.sort_by_key(|&index| (ends(index), index));
    for &index in &carrying {
        let (from, to) = ends(index);
        let first = carrying.partition_point(|&other| ends(other) < (to, from));
        for &other in carrying[first..].iter().take_while(|&&other| ends(other) == (to, from)) {
            let both_ways = flow[index].min(flow[other]);
            flow[index] -= both_ways;
            flow[other] -= both_ways;
        }
    }
}

fn ground_link(tail: usize, head: usize, cost: f64, capacity: f64) -> Link {
    Link { tail, head, gain: 1.0, cost, capacity }
}

fn interface_link(problem: &Problem, index: usize, hop_price: f64) -> Link {
    let interface = &problem.interfaces[index];
    Link {
        tail: interface.from,
        head: interface.to,
        gain: gain(interface),
        cost: float(interface.wheeling_price) + hop_price,
        capacity: float(interface.capacity_w),
    }
}

/// What an interface delivers of each watt.
pub(super) fn gain(interface: &Interface) -> f64 {
    float(kept_ppm(interface)) / float(PPM)
}

/// Exact up to 2⁵³: powers and prices in range are.
#[allow(clippy::cast_precision_loss, clippy::as_conversions, reason = "there is no other way")]
pub(super) fn float(whole: i64) -> f64 {
    whole as f64
}

/// Of amounts of at least 0. A float that is not a number counts as 0.
#[allow(clippy::cast_possible_truncation, clippy::as_conversions, reason = "meant: saturates")]
pub(super) fn nearest_whole(amount: f64) -> i64 {
    (amount + 0.5) as i64
}
