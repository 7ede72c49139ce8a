//! Dispatch of transfers: a region's shortfall is sourced from the regions that have a surplus.
//!
//! ```
//! use gridweaver::dispatch::{Alone, Dispatcher, Surplus};
//! use gridweaver::model::{Price, Time, Watts};
//! use gridweaver::pipeline::UnifiedPipeline;
//! use gridweaver::topology::{Edge, Topology};
//!
//! let topology = Topology::new();
//! topology.add_edge(Edge::new("tie", "north", "south", Watts(80_000_000)))?;
//! let pipeline = UnifiedPipeline::new(1_000);
//! let mut dispatcher = Dispatcher::new(&topology, &Alone, &pipeline);
//! let surplus = Surplus { power: Watts(100_000_000), energy_price: Price(40_000) };
//! dispatcher.set_surplus("north", surplus);
//! dispatcher.set_time(Time(1_772_323_200_000));
//!
//! let orders = dispatcher.cascade_dispatch("south", Watts(50_000_000))?;
//! assert_eq!((orders.len(), orders[0].delivered), (1, Watts(50_000_000)));
//! assert_eq!(topology.remaining_capacity("north", "south"), Watts(30_000_000));
//! assert!(dispatcher.cascade_dispatch("south", Watts(50_000_000)).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The topology's nodes are the regions. Promises: only the leader decides; a shortfall is met to
//! less than 1 kW or nothing is ordered; a plan is the optimum of the engine's solver over what
//! remains of surpluses and lines; every order passes `validate_transfer`, and all of a decision
//! stand, with their events in the pipeline, or none. It keeps no time and orders no demand
//! response: see [`bids`](crate::bids) for that.

mod leadership;
mod plan;
mod telling;

pub use gridweaver_model::decision::TransferOrdered as TransferOrder;
pub use leadership::{Alone, Elected, Leadership, Vote, determine_leader, has_quorum};
pub use plan::{Constraint, Limit, Plan, PlannedTransfer, Surplus};

use super::pipeline::UnifiedPipeline;
use super::topology::{Topology, TransferError, Working};
use gridweaver_dataflows::structures::flow::LEAST_NEED_W;
use gridweaver_model::decision::{Event, derived_id};
use gridweaver_model::rules::Dispatch;
use gridweaver_model::{Decision, Price, Text, Time, Watts};
use std::collections::BTreeMap;
use thiserror::Error;

/// Why nothing was ordered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DispatchError {
    /// Another node leads, or none.
    #[error("this node does not lead: ask the leader, or wait until one is elected")]
    NotLeader,
    /// The region is not in the topology.
    #[error("region {0} is not in the topology: add its edges first")]
    UnknownRegion(Text),
    /// Not all of the shortfall can be had. The part that can is had by asking for it.
    #[error("{} of {} W can be had in {region}", available.0, shortfall.0)]
    Unmet {
        /// The region.
        region: Text,
        /// What it lacks.
        shortfall: Watts,
        /// What could be delivered.
        available: Watts,
        /// What bounds that.
        limits: Vec<Limit>,
    },
    /// The grid changed since the plan was made.
    #[error("the grid changed since the plan was made, plan again: {0}")]
    Outdated(#[from] TransferError),
    /// The surplus that the plan was made with is spent, by another plan.
    #[error("{region} has {} W of surplus left and would send {} W: plan again", left.0, sent.0)]
    Spent {
        /// The sending region.
        region: Text,
        /// What the plan sends from it.
        sent: Watts,
        /// What it has left.
        left: Watts,
    },
    /// The pipeline has no room for the decision's events.
    #[error("the pipeline has no room for the decision's events: drain it, or make it larger")]
    BackPressure,
}

/// Plans and orders transfers; see the module's documentation.
pub struct Dispatcher<'a> {
    topology: &'a Topology,
    leadership: &'a dyn Leadership,
    pipeline: &'a UnifiedPipeline,
    rules: Dispatch,
    surpluses: BTreeMap<Text, Surplus>,
    time: Time,
}

impl<'a> Dispatcher<'a> {
    /// No region has a surplus yet; it is 1970.
    #[must_use]
    pub fn new(
        topology: &'a Topology,
        leadership: &'a dyn Leadership,
        pipeline: &'a UnifiedPipeline,
    ) -> Self {
        Self {
            topology,
            leadership,
            pipeline,
            rules: Dispatch::default(),
            surpluses: BTreeMap::new(),
            time: Time(0),
        }
    }

    /// Other rules: of these, what lost load costs counts.
    #[must_use]
    pub fn with_rules(mut self, rules: Dispatch) -> Self {
        self.rules = rules;
        self
    }

    /// The time of the decisions to come.
    pub fn set_time(&mut self, time: Time) {
        self.time = time;
    }

    /// What a region can send from now on; orders take their part of it.
    pub fn set_surplus(&mut self, region: &str, surplus: Surplus) {
        self.surpluses.insert(region.into(), surplus);
    }

    /// The cheapest transfers that meet `shortfall`, or as much of it as can be had. Changes
    /// nothing. Regions that no path joins to this one are left out.
    ///
    /// ```
    /// # use gridweaver::dispatch::{Alone, Constraint, DispatchError, Dispatcher, Surplus};
    /// # use gridweaver::model::{Price, Watts};
    /// # use gridweaver::pipeline::UnifiedPipeline;
    /// # use gridweaver::topology::{Edge, Topology};
    /// # let (topology, pipeline) = (Topology::new(), UnifiedPipeline::new(100));
    /// # topology.add_edge(Edge::new("tie", "north", "south", Watts(80_000_000)))?;
    /// # let mut dispatcher = Dispatcher::new(&topology, &Alone, &pipeline);
    /// # let surplus = Surplus { power: Watts(100_000_000), energy_price: Price(40_000) };
    /// # dispatcher.set_surplus("north", surplus);
    /// let plan = dispatcher.build_plan("south", Watts(90_000_000))?;
    /// assert_eq!((plan.delivered(), plan.unmet()), (Watts(80_000_000), Watts(10_000_000)));
    /// assert_eq!(plan.transfers()[0].path, ["north", "south"]);
    /// assert_eq!(topology.remaining_capacity("north", "south"), Watts(80_000_000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where the region is unknown.
    pub fn build_plan(&self, region: &str, shortfall: Watts) -> Result<Plan, DispatchError> {
        let snapshot = self.topology.snapshot();
        let region = Text::from(region);
        if !snapshot.contains(&region) {
            return Err(DispatchError::UnknownRegion(region));
        }
        let mut path = Vec::new();
        let sources: BTreeMap<Text, Surplus> = self
            .surpluses
            .iter()
            .filter(|(_, surplus)| surplus.power > Watts::ZERO)
            .filter(|(source, _)| snapshot.find_path_into(source, &region, &mut path))
            .map(|(source, surplus)| (source.clone(), *surplus))
            .collect();
        let regions = snapshot.reachable_within(&region, u32::MAX);
        let interfaces = snapshot.left_between(&regions);
        let lost_load_price = self.rules.lost_load_price;
        Ok(Plan::solve(&region, shortfall, regions, &sources, interfaces, lost_load_price))
    }

    /// The plan under one limit more.
    ///
    /// ```
    /// # use gridweaver::dispatch::{Alone, Constraint, DispatchError, Dispatcher, Surplus};
    /// # use gridweaver::model::{Price, Watts};
    /// # use gridweaver::pipeline::UnifiedPipeline;
    /// # use gridweaver::topology::{Edge, Topology};
    /// # let (topology, pipeline) = (Topology::new(), UnifiedPipeline::new(100));
    /// # topology.add_edge(Edge::new("tie", "north", "south", Watts(80_000_000)))?;
    /// # let mut dispatcher = Dispatcher::new(&topology, &Alone, &pipeline);
    /// # let surplus = Surplus { power: Watts(100_000_000), energy_price: Price(40_000) };
    /// # dispatcher.set_surplus("north", surplus);
    /// let plan = dispatcher.build_plan("south", Watts(50_000_000))?;
    /// let limit = Watts(30_000_000);
    /// let plan = dispatcher.apply_constraint(plan, &Constraint::Surplus { region: "north".into(), limit });
    /// assert_eq!((plan.delivered(), plan.limits()[0].limit), (limit, limit));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn apply_constraint(&self, mut plan: Plan, constraint: &Constraint) -> Plan {
        plan.constrain(constraint);
        plan
    }

    /// Orders what meets `shortfall`; less than 1 kW orders nothing.
    ///
    /// ```
    /// # use gridweaver::dispatch::{Alone, Constraint, DispatchError, Dispatcher, Surplus};
    /// # use gridweaver::model::{Price, Watts};
    /// # use gridweaver::pipeline::UnifiedPipeline;
    /// # use gridweaver::topology::{Edge, Topology};
    /// # let (topology, pipeline) = (Topology::new(), UnifiedPipeline::new(100));
    /// # topology.add_edge(Edge::new("tie", "north", "south", Watts(80_000_000)))?;
    /// # let mut dispatcher = Dispatcher::new(&topology, &Alone, &pipeline);
    /// # let surplus = Surplus { power: Watts(100_000_000), energy_price: Price(40_000) };
    /// # dispatcher.set_surplus("north", surplus);
    /// let error = dispatcher.cascade_dispatch("south", Watts(90_000_000)).unwrap_err();
    /// let DispatchError::Unmet { available, limits, .. } = error else { panic!("it was met") };
    /// assert_eq!((available, limits[0].subject.as_str()), (Watts(80_000_000), "north > south"));
    /// let orders = dispatcher.cascade_dispatch("south", available)?;
    /// assert_eq!(orders[0].delivered, available);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// See [`DispatchError`]; then nothing was ordered.
    pub fn cascade_dispatch(
        &mut self,
        region: &str,
        shortfall: Watts,
    ) -> Result<Vec<TransferOrder>, DispatchError> {
        if !self.leadership.leads() {
            return Err(DispatchError::NotLeader);
        }
        let plan = self.build_plan(region, shortfall)?;
        self.adopt(&plan)
    }

    /// Makes a plan stand, and its events follow one another in the pipeline: the plan, the cascade
    /// with the prices that prove it, the limits that bind it, its orders. Where it leaves 1 kW or
    /// more unmet, nothing stands and the events say so.
    ///
    /// # Errors
    ///
    /// See [`DispatchError`]; then nothing was ordered.
    pub fn adopt(&mut self, plan: &Plan) -> Result<Vec<TransferOrder>, DispatchError> {
        if !self.leadership.leads() {
            return Err(DispatchError::NotLeader);
        }
        if plan.shortfall.0 < LEAST_NEED_W {
            return Ok(Vec::new());
        }
        // Two plans of one instant differ by it, whichever dispatchers they are of.
        let number = self.topology.next_plan().to_string();
        let name = derived_id("plan-", &[&self.time.to_string(), &plan.region, &number]);
        if !plan.is_met() {
            return self.refuse(plan, &name);
        }
        let transfers = plan.transfers();
        self.check_surpluses(&transfers)?;
        let topology = self.topology;
        let orders =
            topology.update(|working| self.make_stand(working, plan, &name, &transfers))?;
        for order in &orders {
            if let Some(surplus) = self.surpluses.get_mut(&order.path[0]) {
                surplus.power -= order.sent;
            }
        }
        Ok(orders)
    }

    fn check_surpluses(&self, transfers: &[PlannedTransfer]) -> Result<(), DispatchError> {
        let mut sums: BTreeMap<&Text, Watts> = BTreeMap::new();
        for transfer in transfers {
            *sums.entry(&transfer.path[0]).or_default() += transfer.sent;
        }
        for (region, sent) in sums {
            let left = self.surplus_of(region).power;
            if sent > left {
                return Err(DispatchError::Spent { region: region.clone(), sent, left });
            }
        }
        Ok(())
    }

    fn surplus_of(&self, region: &Text) -> Surplus {
        let none = Surplus { power: Watts::ZERO, energy_price: Price::ZERO };
        self.surpluses.get(region).copied().unwrap_or(none)
    }

    fn refuse(&self, plan: &Plan, name: &Text) -> Result<Vec<TransferOrder>, DispatchError> {
        self.tell(plan, telling::refused(plan, name))?;
        Err(DispatchError::Unmet {
            region: plan.region.clone(),
            shortfall: plan.shortfall,
            available: plan.delivered(),
            limits: plan.limits(),
        })
    }

    /// Stands all transfers, then tells them; what stood before is taken back if one can't be.
    fn make_stand(
        &self,
        working: &mut Working,
        plan: &Plan,
        name: &Text,
        transfers: &[PlannedTransfer],
    ) -> Result<Vec<TransferOrder>, DispatchError> {
        let mut orders: Vec<TransferOrder> = Vec::new();
        let undo = |working: &mut Working, orders: &[TransferOrder]| {
            for order in orders {
                working.end(&order.path, order.sent);
            }
        };
        for transfer in transfers {
            match working.stand(&transfer.path, transfer.sent) {
                Ok((delivered, hops)) => {
                    let lines = hops.iter().flat_map(|hop| &hop.lines).cloned().collect();
                    let surplus = self.surplus_of(&transfer.path[0]);
                    orders.push(telling::order(plan, name, transfer, delivered, lines, surplus));
                }
                Err(error) => {
                    undo(working, &orders);
                    return Err(error.into());
                }
            }
        }
        let events = telling::adopted(plan, name, self.time, &orders);
        if let Err(full) = self.tell(plan, events) {
            undo(working, &orders);
            return Err(full);
        }
        Ok(orders)
    }

    fn tell(&self, plan: &Plan, events: Vec<Event>) -> Result<(), DispatchError> {
        let decision = |event| match event {
            Event::CascadeCleared(_) => Decision::of_no_area(event),
            _ => Decision::of_area(event, &plan.region, &plan.region),
        };
        let decisions = events.into_iter().map(decision).collect();
        let told = self.pipeline.submit_decisions(self.time, decisions);
        told.map_err(|_| DispatchError::BackPressure)
    }
}
