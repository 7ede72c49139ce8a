//! The cascade: which areas send how much power to which, over which interfaces.
//!
//! It is a minimum-cost flow with losses: minimise energy + wheeling + lost load, where every hop
//! delivers less than it is sent. [`solve`] finds the optimum in three steps, one file each:
//! `linear` states the linear program and `simplex` solves it in floats, `paths` turns its flow
//! into orders of whole watts, and `certificate` rounds its prices so that in exact integers they
//! prove how good the orders are. `record` says it all as `dispatch.cascade_cleared`.
//!
//! Promises: the answer is a function of the problem alone; no limit is exceeded by a watt; no
//! interface flows both ways; the orders are within 1 W a hop and 1 kW an area in need of the
//! optimum. Floats only propose: whoever doubts a plan asks [`Solution::is_certified`].
//! It does not know islands, lines or standing orders, and keeps nothing between two problems.

mod certificate;
mod linear;
mod paths;
mod record;
mod simplex;
#[cfg(test)]
mod tests;

pub use certificate::bound;
pub use record::cleared;

/// The whole, in parts per million. [`bound`] is scaled by it, so that losses keep it whole.
pub const PPM: i64 = 1_000_000;

/// A need, or a rest of one, below this orders nothing. In watts.
pub const LEAST_NEED_W: i64 = 1_000;

/// One area: what it needs, what it can send and at what price. Never both a need and a surplus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// What is still short here, in watts.
    pub need_w: i64,
    /// What may be sent from here, in watts.
    pub surplus_w: i64,
    /// What the energy sent from here costs, in thousandths per MWh; below 0 it counts as 0.
    pub energy_price: i64,
}

/// One direction of an interface between two areas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The index of the sending area.
    pub from: usize,
    /// The index of the receiving area.
    pub to: usize,
    /// The most that may be sent, in watts at the sending end.
    pub capacity_w: i64,
    /// What is lost of the power sent, in parts per million; less than all of it.
    pub loss_ppm: u32,
    /// What each MWh sent costs, in thousandths.
    pub wheeling_price: i64,
}

/// The areas of an island and the interfaces between them, both in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The areas; their order breaks ties.
    pub areas: Vec<Area>,
    /// The interfaces, a row for each direction.
    pub interfaces: Vec<Interface>,
    /// What each MWh of unmet need costs, in thousandths.
    pub lost_load_price: i64,
}

/// One order: power sent along a chain of interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The indices of the interfaces, from the sender on; at least one.
    pub hops: Vec<usize>,
    /// What the first area sends, in watts.
    pub sent_w: i64,
    /// What reaches the last area, in watts.
    pub delivered_w: i64,
}

/// A plan, and the prices that prove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solution {
    /// The orders, in the order in which they were taken from the flow; no two alike.
    pub paths: Vec<Path>,
    /// What power is worth in each area, in thousandths per MWh, at least 0: the certificate.
    pub prices: Vec<i64>,
    /// What each interface carries at its sending end, all orders together, in watts.
    pub flow_w: Vec<i64>,
    /// What each area is still short of, in watts.
    pub unmet_w: Vec<i64>,
    /// What the orders cost, in thousandths per MWh × watts, without lost load.
    pub cost: i128,
    /// What `prices` prove every plan to cost at least, with lost load: [`bound`], so in
    /// thousandths per MWh × watts × [`PPM`].
    pub bound: i128,
}

impl Solution {
    /// Whether the prices prove the plan good enough: its cost with lost load is at most
    /// 1.001 × bound + (1 W a hop + 1 kW an area in need) × lost load. In integers.
    #[must_use]
    pub fn is_certified(&self, problem: &Problem) -> bool {
        let hops: usize = self.paths.iter().map(|path| path.hops.len()).sum();
        let needs = problem.areas.iter().filter(|area| area.need_w > 0).count();
        let slack_w = i128::try_from(hops + 1_000 * needs).expect("hops fit 128 bits");
        let slack = slack_w * i128::from(problem.lost_load_price);
        let cost = self.cost_with_lost_load(problem);
        (cost - slack) * 1_000 * i128::from(PPM) <= 1_001 * self.bound
    }

    /// What the plan costs, lost load included, in thousandths per MWh × watts.
    #[must_use]
    pub fn cost_with_lost_load(&self, problem: &Problem) -> i128 {
        let unmet_w: i128 = self.unmet_w.iter().copied().map(i128::from).sum();
        self.cost + i128::from(problem.lost_load_price) * unmet_w
    }
}

/// What one hop delivers of `sent_w`, in watts: less its loss, which is rounded up.
#[must_use]
pub fn delivered_w(sent_w: i64, loss_ppm: u32) -> i64 {
    let lost = i128::from(sent_w) * i128::from(loss_ppm) + i128::from(PPM - 1);
    sent_w - whole(lost / i128::from(PPM))
}

/// What `sent_w` becomes along `hops`, in watts: what each hop is sent, then what arrives.
#[must_use]
pub fn carried_w(interfaces: &[Interface], hops: &[usize], sent_w: i64) -> Vec<i64> {
    let mut carried = Vec::with_capacity(hops.len() + 1);
    carried.push(sent_w);
    let mut amount_w = sent_w;
    for &hop in hops {
        amount_w = delivered_w(amount_w, interfaces[hop].loss_ppm);
        carried.push(amount_w);
    }
    carried
}

/// Solves the cascade. See the module for what it promises.
///
/// # Panics
///
/// Where the problem is malformed, which is a bug of the caller: an amount or a fee below 0, an
/// interface that loses everything or leads nowhere, an area with both a need and a surplus.
#[must_use]
pub fn solve(problem: &Problem) -> Solution {
    assert_well_formed(problem);
    let optimum = linear::optimum(problem);
    let prices = certificate::whole_prices(problem, &optimum);
    let paths = paths::whole_watt_paths(problem, &optimum);

    let mut solution = account(problem, paths, prices);
    if !solution.is_certified(problem) {
        let prices = std::mem::take(&mut solution.prices);
        solution.prices = certificate::improved(problem, &optimum, prices);
        solution.bound = bound(problem, &solution.prices);
    }
    assert!(
        solution.bound <= solution.cost_with_lost_load(problem) * i128::from(PPM),
        "no prices prove a plan to cost more than it does"
    );
    solution
}

/// Adds up what the orders do and cost. Holds them to every limit.
fn account(problem: &Problem, paths: Vec<Path>, prices: Vec<i64>) -> Solution {
    let Problem { areas, interfaces, .. } = problem;
    let mut flow_w = vec![0; interfaces.len()];
    let mut unsent_w: Vec<i64> = areas.iter().map(|area| area.surplus_w).collect();
    let mut unmet_w: Vec<i64> = areas.iter().map(|area| area.need_w).collect();
    let mut cost = 0;
    for path in &paths {
        let source = interfaces[path.hops[0]].from;
        unsent_w[source] -= path.sent_w;
        unmet_w[interfaces[path.hops[path.hops.len() - 1]].to] -= path.delivered_w;
        cost += i128::from(areas[source].energy_price.max(0)) * i128::from(path.sent_w);
        for (&hop, amount_w) in path.hops.iter().zip(carried_w(interfaces, &path.hops, path.sent_w))
        {
            flow_w[hop] += amount_w;
            cost += i128::from(interfaces[hop].wheeling_price) * i128::from(amount_w);
        }
    }
    assert!(unsent_w.iter().all(|&unsent| unsent >= 0), "no area sends more than its surplus");
    assert!(unmet_w.iter().all(|&unmet| unmet >= 0), "no area gets more than it needs");
    let within = |(flow, interface): (&i64, &Interface)| *flow <= interface.capacity_w;
    assert!(flow_w.iter().zip(interfaces).all(within), "no interface is overrun");
    let bound = bound(problem, &prices);
    Solution { paths, prices, flow_w, unmet_w, cost, bound }
}

fn assert_well_formed(problem: &Problem) {
    assert!(problem.lost_load_price >= 0, "lost load costs at least nothing");
    for area in &problem.areas {
        assert!(area.need_w >= 0 && area.surplus_w >= 0, "need and surplus are at least 0");
        assert!(area.need_w == 0 || area.surplus_w == 0, "an area in need has no surplus");
    }
    for interface in &problem.interfaces {
        let ends = interface.from.max(interface.to);
        assert!(ends < problem.areas.len(), "an interface joins two of the areas");
        assert!(interface.from != interface.to, "an interface joins two different areas");
        assert!(interface.capacity_w >= 0, "a capacity is at least 0");
        assert!(interface.wheeling_price >= 0, "a wheeling price is at least 0");
        assert!(i64::from(interface.loss_ppm) < PPM, "an interface delivers something");
    }
}

/// What an interface delivers of [`PPM`] watts.
fn kept_ppm(interface: &Interface) -> i64 {
    PPM - i64::from(interface.loss_ppm)
}

/// Back from the wide integers in which products are taken.
fn whole(wide: i128) -> i64 {
    i64::try_from(wide).expect("amounts and prices fit 64 bits")
}
