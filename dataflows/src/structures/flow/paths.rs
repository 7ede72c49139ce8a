//! From flow to orders: whole paths in whole watts.
//!
//! Again and again it takes the path with the fewest hops (ties: the least areas along it) over
//! what flow remains, at its bottleneck. Each path uses up a supply, an interface's flow or what
//! an area is to get, so there are no more paths than those, and no two alike.
//!
//! An order delivers what its path does, to the nearest watt, and what orders before it to the same
//! area had to leave out; it sends the least that does so. Limits are kept in integers: where the
//! losses, rounded up, do not fit in, it delivers up to 1 W a hop less. An order of no more than
//! that is not given at all, nor is one for a rest of an area's need under 1 kW.
//! It does not choose where flow goes: that is the optimum's affair.

use std::collections::VecDeque;

use super::linear::{Optimum, gain, nearest_whole};
use super::{Interface, LEAST_NEED_W, PPM, Path, Problem, carried_w, kept_ppm, whole};

/// What is left of a flow and is no more than this, or this share of what was taken, is nothing.
const DUST_W: f64 = 0.5;
const DUST_SHARE: f64 = 1e-12;

pub(super) fn whole_watt_paths(problem: &Problem, optimum: &Optimum) -> Vec<Path> {
    let mut rest = Rest::new(problem, optimum);
    let mut paths = Vec::new();
    while let Some(hops) = rest.shortest_path() {
        rest.take(&hops);
        paths.extend(rest.order(hops));
    }
    paths
}

/// What the paths so far leave of the flow and of the limits, in watts.
struct Rest<'a> {
    interfaces: &'a [Interface],
    /// The interfaces into and out of each area.
    into: Vec<Vec<usize>>,
    out_of: Vec<Vec<usize>>,
    /// The optimum's flow: on interfaces, from areas and to areas.
    flow: Vec<f64>,
    supply: Vec<f64>,
    wanted: Vec<f64>,
    /// What flow was taken to each area, and what the orders for it deliver.
    arrived: Vec<f64>,
    delivered_w: Vec<i64>,
    /// The limits: capacities, surpluses and needs.
    room_w: Vec<i64>,
    surplus_w: Vec<i64>,
    need_w: Vec<i64>,
}

impl<'a> Rest<'a> {
    fn new(problem: &'a Problem, optimum: &Optimum) -> Rest<'a> {
        let areas = problem.areas.len();
        let mut into = vec![Vec::new(); areas];
        let mut out_of = vec![Vec::new(); areas];
        for (index, interface) in problem.interfaces.iter().enumerate() {
            if optimum.flow[index] > DUST_W {
                into[interface.to].push(index);
                out_of[interface.from].push(index);
            }
        }
        for hops in &mut out_of {
            hops.sort_by_key(|&hop| (problem.interfaces[hop].to, hop));
        }
        Rest {
            interfaces: &problem.interfaces,
            into,
            out_of,
            flow: optimum.flow.clone(),
            supply: optimum.supply.clone(),
            wanted: optimum.served.clone(),
            arrived: vec![0.0; areas],
            delivered_w: vec![0; areas],
            room_w: problem.interfaces.iter().map(|it| it.capacity_w).collect(),
            surplus_w: problem.areas.iter().map(|area| area.surplus_w).collect(),
            need_w: problem.areas.iter().map(|area| area.need_w).collect(),
        }
    }

    /// The path with the fewest hops that has flow all along; ties: the least areas along it.
    fn shortest_path(&self) -> Option<Vec<usize>> {
        let (hops_to_need, source) = self.nearest_source()?;
        let mut area = source;
        let mut hops = Vec::new();
        while hops_to_need[area] != Some(0) {
            let nearer = self.out_of[area].iter().copied().find(|&hop| {
                let next = hops_to_need[self.interfaces[hop].to];
                self.flow[hop] > DUST_W && next.map(|hops| hops + 1) == hops_to_need[area]
            });
            let hop = nearer.expect("an area with a distance has a neighbour nearer by one");
            hops.push(hop);
            area = self.interfaces[hop].to;
        }
        Some(hops)
    }

    /// The area with supply that is the fewest hops from one that is to get some (ties: the
    /// least), and how many hops it is from where, as far as that was found out on the way.
    fn nearest_source(&self) -> Option<(Vec<Option<usize>>, usize)> {
        let mut hops_to_need = vec![None; self.wanted.len()];
        let mut open = VecDeque::new();
        for (area, hops) in hops_to_need.iter_mut().enumerate() {
            if self.wanted[area] > DUST_W && self.need_w[area] >= LEAST_NEED_W {
                *hops = Some(0);
                open.push_back((0, area));
            }
        }
        let mut nearest = None;
        while let Some((hops, area)) = open.pop_front() {
            if nearest.is_some_and(|(fewest, _)| hops >= fewest) {
                break;
            }
            for &hop in &self.into[area] {
                let from = self.interfaces[hop].from;
                if self.flow[hop] > DUST_W && hops_to_need[from].is_none() {
                    hops_to_need[from] = Some(hops + 1);
                    open.push_back((hops + 1, from));
                    let found = (hops + 1, from);
                    if self.supply[from] > DUST_W && nearest.is_none_or(|least| found < least) {
                        nearest = Some(found);
                    }
                }
            }
        }
        nearest.map(|(_, source)| (hops_to_need, source))
    }

    /// Takes as much flow along `hops` as the bottleneck lets through.
    fn take(&mut self, hops: &[usize]) {
        let (source, last) = self.ends(hops);
        let mut amount = self.wanted[last];
        for &hop in hops.iter().rev() {
            amount = (amount / gain(&self.interfaces[hop])).min(self.flow[hop]);
        }
        amount = amount.min(self.supply[source]);
        self.supply[source] = left(self.supply[source], amount);
        for &hop in hops {
            self.flow[hop] = left(self.flow[hop], amount);
            amount *= gain(&self.interfaces[hop]);
        }
        self.wanted[last] = left(self.wanted[last], amount);
        self.arrived[last] += amount;
    }

    /// The order for what was taken along `hops`, in whole watts and within all limits.
    fn order(&mut self, hops: Vec<usize>) -> Option<Path> {
        let (source, last) = self.ends(&hops);
        let due_w = nearest_whole(self.arrived[last]) - self.delivered_w[last];
        let mut most_w = due_w.clamp(0, self.need_w[last]);
        for &hop in hops.iter().rev() {
            most_w = most_sent_w(most_w, &self.interfaces[hop]).min(self.room_w[hop]);
        }
        most_w = most_w.min(self.surplus_w[source]);
        let delivered_w = carried_w(self.interfaces, &hops, most_w)[hops.len()];
        if usize::try_from(delivered_w).is_ok_and(|watts| watts <= hops.len()) {
            return None;
        }
        let mut sent_w = delivered_w;
        for &hop in hops.iter().rev() {
            sent_w = least_sent_w(sent_w, &self.interfaces[hop]);
            self.room_w[hop] -= sent_w;
        }
        self.surplus_w[source] -= sent_w;
        self.need_w[last] -= delivered_w;
        self.delivered_w[last] += delivered_w;
        Some(Path { hops, sent_w, delivered_w })
    }

    fn ends(&self, hops: &[usize]) -> (usize, usize) {
        (self.interfaces[hops[0]].from, self.interfaces[hops[hops.len() - 1]].to)
    }
}

/// What is left where `taken` is taken away. Whatever was the bottleneck is left with nothing.
fn left(amount: f64, taken: f64) -> f64 {
    let left = amount - taken;
    if left > DUST_W.max(DUST_SHARE * taken) { left } else { 0.0 }
}

/// The most that may be sent for no more than `delivered_w` to arrive.
fn most_sent_w(delivered_w: i64, interface: &Interface) -> i64 {
    let below = (i128::from(delivered_w) + 1) * i128::from(PPM);
    whole((below - 1) / i128::from(kept_ppm(interface)))
}

/// The least that must be sent for `delivered_w` to arrive.
fn least_sent_w(delivered_w: i64, interface: &Interface) -> i64 {
    let kept = i128::from(kept_ppm(interface));
    whole((i128::from(delivered_w) * i128::from(PPM) + kept - 1) / kept)
}
