//! A plan: the cheapest transfers for a shortfall under the limits given, by the engine's solver.

use gridweaver_dataflows::structures::flow::{self, LEAST_NEED_W};
use gridweaver_model::decision::{CascadeCleared, ConstraintKind};
use gridweaver_model::{Ppm, Price, Text, Watts};
use std::collections::BTreeMap;

/// What the solver is asked for at most: its sums stay far from their ends.
const POWER_MAX_W: i64 = 1_000_000_000_000_000;
const PRICE_MAX: i64 = 1_000_000_000;

/// What a region can send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surplus {
    /// How much; not below 0.
    pub power: Watts,
    /// Per MWh; below 0 it counts as 0.
    pub energy_price: Price,
}

/// A limit that a caller sets on a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// The most that may be sent from a region to its neighbour.
    Interface {
        /// The sending region.
        from: Text,
        /// The receiving region.
        to: Text,
        /// The most, besides what stands.
        limit: Watts,
    },
    /// The most that a region may send.
    Surplus {
        /// The region.
        region: Text,
        /// The most.
        limit: Watts,
    },
}

/// A limit that binds a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What kind.
    pub constraint: ConstraintKind,
    /// Whose: a region, or `FROM > TO`.
    pub subject: Text,
    /// The limit.
    pub limit: Watts,
    /// What the plan takes of it.
    pub granted: Watts,
}

/// One transfer of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTransfer {
    /// The regions, sender first.
    pub path: Vec<Text>,
    /// At the sender.
    pub sent: Watts,
    /// At the receiver.
    pub delivered: Watts,
    /// Thousandths per MWh × watts.
    pub cost: i128,
}

/// What would be ordered for a shortfall; nothing stands yet.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) region: Text,
    pub(super) shortfall: Watts,
    /// All regions that could take part, by name.
    pub(super) regions: Vec<Text>,
    pub(super) problem: flow::Problem,
    pub(super) solution: flow::Solution,
    /// Interfaces that a caller limited.
    pub(super) limited: BTreeMap<usize, Watts>,
}

impl Plan {
    /// The plan for `region`, which is one of `regions`.
    pub(super) fn solve(
        region: &Text,
        shortfall: Watts,
        regions: Vec<Text>,
        surpluses: &BTreeMap<Text, Surplus>,
        interfaces: Vec<(usize, usize, Watts, Ppm, Price)>,
        lost_load_price: Price,
    ) -> Self {
        let areas = regions.iter().map(|name| {
            let surplus = surpluses.get(name).filter(|_| name != region);
            flow::Area {
                need_w: if name == region { shortfall.0.clamp(0, POWER_MAX_W) } else { 0 },
                surplus_w: surplus.map_or(0, |surplus| surplus.power.0.clamp(0, POWER_MAX_W)),
                energy_price: surplus.map_or(0, |surplus| surplus.energy_price.0.min(PRICE_MAX)),
            }
        });
        let interfaces = interfaces.into_iter().map(|(from, to, left, loss, price)| {
            let (capacity_w, wheeling_price) = (left.0, price.0);
            flow::Interface { from, to, capacity_w, loss_ppm: loss.0, wheeling_price }
        });
        let problem = flow::Problem {
            areas: areas.collect(),
            interfaces: interfaces.collect(),
            lost_load_price: lost_load_price.0.max(0),
        };
        let solution = flow::solve(&problem);
        let (region, limited) = (region.clone(), BTreeMap::new());
        Self { region, shortfall, regions, problem, solution, limited }
    }

    /// Lowers a limit and solves anew; one that concerns nothing of the plan changes nothing.
    pub(super) fn constrain(&mut self, constraint: &Constraint) {
        match constraint {
            Constraint::Interface { from, to, limit } => {
                let (from, to) = (self.number(from), self.number(to));
                let limit_w = limit.0.max(0);
                for (at, interface) in self.problem.interfaces.iter_mut().enumerate() {
                    let is_it = (Some(interface.from), Some(interface.to)) == (from, to);
                    if is_it && limit_w < interface.capacity_w {
                        interface.capacity_w = limit_w;
                        self.limited.insert(at, Watts(limit_w));
                    }
                }
            }
            Constraint::Surplus { region, limit } => {
                if let Some(at) = self.number(region) {
                    let area = &mut self.problem.areas[at];
                    area.surplus_w = area.surplus_w.min(limit.0.max(0));
                }
            }
        }
        self.solution = flow::solve(&self.problem);
    }

    fn number(&self, region: &Text) -> Option<usize> {
        self.regions.binary_search(region).ok()
    }

    /// The region that it is for.
    #[must_use]
    pub fn region(&self) -> &Text {
        &self.region
    }

    /// What the region lacks.
    #[must_use]
    pub fn shortfall(&self) -> Watts {
        self.shortfall
    }

    /// What the plan delivers.
    #[must_use]
    pub fn delivered(&self) -> Watts {
        self.solution.paths.iter().map(|path| Watts(path.delivered_w)).sum()
    }

    /// What it leaves.
    #[must_use]
    pub fn unmet(&self) -> Watts {
        self.shortfall - self.delivered()
    }

    /// The island that it is made in: its least region.
    pub(super) fn island(&self) -> Text {
        self.regions.first().cloned().unwrap_or_default()
    }

    /// The figures that it was solved from, and the prices that prove it.
    pub(super) fn cleared(&self) -> CascadeCleared {
        let Self { problem, regions, .. } = self;
        let ends = problem.interfaces.iter();
        let ends: Vec<(Text, Text)> =
            ends.map(|one| (regions[one.from].clone(), regions[one.to].clone())).collect();
        flow::cleared(&self.island(), regions, &ends, problem, &self.solution)
    }

    /// Whether what it leaves is too little to be ordered: less than 1 kW.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.unmet().0 < LEAST_NEED_W
    }

    /// Its transfers, in the order in which they were taken from the optimum's flow.
    #[must_use]
    pub fn transfers(&self) -> Vec<PlannedTransfer> {
        let Self { problem, regions, .. } = self;
        let transfer = |path: &flow::Path| {
            let sender = problem.interfaces[path.hops[0]].from;
            let carried = flow::carried_w(&problem.interfaces, &path.hops, path.sent_w);
            let energy = problem.areas[sender].energy_price.max(0);
            let mut cost = i128::from(energy) * i128::from(path.sent_w);
            let mut names = vec![regions[sender].clone()];
            for (hop, sent_w) in path.hops.iter().zip(&carried) {
                let interface = &problem.interfaces[*hop];
                names.push(regions[interface.to].clone());
                cost += i128::from(interface.wheeling_price) * i128::from(*sent_w);
            }
            let (sent, delivered) = (Watts(path.sent_w), Watts(path.delivered_w));
            PlannedTransfer { path: names, sent, delivered, cost }
        };
        self.solution.paths.iter().map(transfer).collect()
    }

    /// The limits that bind it, all of them reached to less than 1 kW; where nothing can be sent at
    /// all, the region itself.
    #[must_use]
    pub fn limits(&self) -> Vec<Limit> {
        let Self { problem, solution, regions, .. } = self;
        let is_reached = |limit_w: i64, granted_w: i64| limit_w - granted_w < LEAST_NEED_W;
        let mut limits = Vec::new();
        let mut sent_w = vec![0; regions.len()];
        for path in &solution.paths {
            sent_w[problem.interfaces[path.hops[0]].from] += path.sent_w;
        }
        for (at, area) in problem.areas.iter().enumerate() {
            if area.surplus_w > 0 && is_reached(area.surplus_w, sent_w[at]) {
                let (limit, granted) = (Watts(area.surplus_w), Watts(sent_w[at]));
                let constraint = ConstraintKind::Surplus;
                limits.push(Limit { constraint, subject: regions[at].clone(), limit, granted });
            }
        }
        for (at, interface) in problem.interfaces.iter().enumerate() {
            let (limit, granted) = (interface.capacity_w, solution.flow_w[at]);
            // A line that standing orders fill binds whoever still has something to send.
            let is_full = limit == 0 && problem.areas[interface.from].surplus_w > 0;
            let is_used = granted > 0 || is_full || self.limited.contains_key(&at);
            if is_used && is_reached(limit, granted) {
                let subject = format!("{} > {}", regions[interface.from], regions[interface.to]);
                limits.push(Limit {
                    constraint: match self.limited.contains_key(&at) {
                        true => ConstraintKind::InterfaceLimit,
                        false => ConstraintKind::LineCapacity,
                    },
                    subject: subject.into(),
                    limit: Watts(limit),
                    granted: Watts(granted),
                });
            }
        }
        if limits.is_empty() && !self.is_met() {
            limits.push(Limit {
                constraint: ConstraintKind::Island,
                subject: self.region.clone(),
                limit: Watts::ZERO,
                granted: Watts::ZERO,
            });
        }
        limits
    }
}
