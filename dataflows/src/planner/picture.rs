//! What a state shows of the planner: areas, programs, bids, orders and plans, sorted.

use super::Planner;
use super::grid::Balance;
use super::standing::{Instruction, Order, Plan, order_status};
use crate::change::Interface;
use crate::structures::flow::delivered_w;
use gridweaver_model::decision::BidState;
use gridweaver_model::{Price, Text, Time, Watts};
use std::collections::BTreeMap;

/// The planner as of a tick's end.
#[derive(Clone, Debug, Default)]
pub struct PlannerPicture {
    /// By name.
    pub areas: Vec<AreaPicture>,
    /// By sender and receiver: the interface and what flows.
    pub interfaces: BTreeMap<(Text, Text), (Interface, Watts)>,
    /// By name.
    pub programs: Vec<ProgramPicture>,
    /// By id.
    pub bids: Vec<BidPicture>,
    /// By id.
    pub orders: Vec<OrderPicture>,
    /// By id.
    pub plans: BTreeMap<Text, Plan>,
}

/// An area.
#[derive(Clone, Debug)]
pub struct AreaPicture {
    /// Its name.
    pub area: Text,
    /// Its region.
    pub region: Text,
    /// Its island.
    pub island: Text,
    /// How many nodes.
    pub nodes: u64,
    /// What it has and lacks.
    pub balance: Balance,
}

/// A program.
#[derive(Clone, Debug)]
pub struct ProgramPicture {
    /// Its name.
    pub program: Text,
    /// Its region.
    pub region: Text,
    /// What its bids may reach together.
    pub capacity: Watts,
    /// What accepted ones do.
    pub committed: Watts,
}

/// A bid.
#[derive(Clone, Debug)]
pub struct BidPicture {
    /// Its id.
    pub bid: Text,
    /// Its program.
    pub program: Text,
    /// Whose.
    pub participant: Text,
    /// Where it stands.
    pub status: BidState,
    /// Whether it may be accepted now.
    pub eligible: bool,
    /// Its place in its program, where it is eligible.
    pub rank: Option<u64>,
    /// What it is ranked by, where it is eligible.
    pub score: Option<Price>,
    /// What is accepted of it.
    pub accepted: Watts,
}

/// An order.
#[derive(Clone, Debug)]
pub struct OrderPicture {
    /// Its id.
    pub order: Text,
    /// `demand_response`, `transfer` or `curtailment`.
    pub kind: &'static str,
    /// Its plan.
    pub plan: Text,
    /// The area that it serves.
    pub area: Text,
    /// The bid that it activates.
    pub bid: Option<Text>,
    /// The areas that it passes, sender first; of a transfer only.
    pub path: Vec<Text>,
    /// How much; of a transfer, delivered.
    pub amount: Watts,
    /// When it was written.
    pub since: Time,
    /// At the latest to here.
    pub until: Option<Time>,
    /// `issued`, `received` or `started`.
    pub status: &'static str,
    /// What was confirmed.
    pub confirmed: Option<Watts>,
}

impl Planner {
    /// What stands at the end of the tick decided last.
    #[must_use]
    pub fn picture(&self) -> PlannerPicture {
        PlannerPicture {
            areas: self.area_pictures(),
            interfaces: self.interface_pictures(),
            programs: self.program_pictures(),
            bids: self.bid_pictures(),
            orders: self.order_pictures(),
            plans: self.standing.plans.clone(),
        }
    }

    fn area_pictures(&self) -> Vec<AreaPicture> {
        let areas = self.grid.areas.iter().map(|(area, (_, identity))| AreaPicture {
            area: area.clone(),
            region: identity.region.clone(),
            island: identity.island.clone(),
            nodes: identity.nodes,
            balance: self.balance(area),
        });
        areas.collect()
    }

    fn interface_pictures(&self) -> BTreeMap<(Text, Text), (Interface, Watts)> {
        let mut pictures = BTreeMap::new();
        for (from, outgoing) in &self.grid.interfaces {
            for (to, interface) in outgoing {
                let entry = (interface.clone(), Watts::ZERO);
                pictures.insert((from.clone(), to.clone()), entry);
            }
        }
        for order in self.standing.orders.values() {
            let Instruction::Transfer { path, sent, .. } = &order.instruction else { continue };
            let mut power = *sent;
            for ends in path.windows(2) {
                let Some((interface, flow)) = pictures.get_mut(&(ends[0].clone(), ends[1].clone()))
                else {
                    continue;
                };
                *flow += power;
                power = Watts(delivered_w(power.0, interface.loss.0));
            }
        }
        pictures
    }

    fn program_pictures(&self) -> Vec<ProgramPicture> {
        let programs = self.offers.programs.iter().map(|(program, details)| ProgramPicture {
            program: program.clone(),
            region: details.region.clone(),
            capacity: details.capacity,
            committed: self.standing.committed(program),
        });
        programs.collect()
    }

    fn bid_pictures(&self) -> Vec<BidPicture> {
        let bids = self.offers.all().into_iter().map(|(bid, entry)| BidPicture {
            bid: bid.clone(),
            program: entry.offer.program.clone(),
            participant: entry.offer.participant.clone(),
            status: entry.state(),
            eligible: entry.is_eligible(),
            rank: self.offers.rank(bid),
            score: entry.is_eligible().then_some(entry.offer.score),
            accepted: entry.accepted.unwrap_or_default(),
        });
        bids.collect()
    }

    fn order_pictures(&self) -> Vec<OrderPicture> {
        let orders =
            self.standing.orders.iter().map(|(name, order)| self.order_picture(name, order));
        orders.collect()
    }

    fn order_picture(&self, name: &Text, order: &Order) -> OrderPicture {
        let (kind, until) = match &order.instruction {
            Instruction::DemandResponse { until, .. } => ("demand_response", Some(*until)),
            Instruction::Transfer { .. } => ("transfer", None),
            Instruction::Curtailment => ("curtailment", None),
        };
        let path = match &order.instruction {
            Instruction::Transfer { path, .. } => path.clone(),
            Instruction::DemandResponse { .. } | Instruction::Curtailment => Vec::new(),
        };
        let area = self.standing.plans.get(&order.plan).map(|plan| plan.area.clone());
        OrderPicture {
            order: name.clone(),
            kind,
            plan: order.plan.clone(),
            area: area.unwrap_or_default(),
            bid: order.bid().cloned(),
            path,
            amount: order.amount,
            since: order.since,
            until,
            status: order_status(order),
            confirmed: order.confirmed(),
        }
    }
}
