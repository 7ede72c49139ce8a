//! Why an order must end: its bid, its path, or a limit no longer holds it.
//!
//! Limits and senders' surplus hold in every tick, so everything that stands in an island is looked
//! at whenever an input of that island changed. An order that must end makes its island be planned
//! again; it is cancelled for this reason unless the new plan supersedes it.

use super::Planner;
use super::standing::{Instruction, Order};
use crate::change::Phase;
use crate::structures::flow::delivered_w;
use gridweaver_model::decision::EndReason;
use gridweaver_model::{Text, Watts};
use std::collections::BTreeMap;

/// Orders that pass a limit together: how much, and which.
type Loads<'a, K> = BTreeMap<K, (Watts, Vec<&'a Text>)>;

impl Planner {
    /// The orders of an island that must end, and why.
    pub(super) fn must_end(&self, island: &Text) -> BTreeMap<Text, EndReason> {
        let mut ending = BTreeMap::new();
        let areas: Vec<&Text> = self.grid.areas_of_island(island).collect();
        let mut transfers: Vec<(&Text, &Order)> = Vec::new();
        for area in &areas {
            for (name, order) in self.standing.orders_of(area) {
                let reason = match &order.instruction {
                    Instruction::DemandResponse { .. } => self.demand_response_ends(order, area),
                    Instruction::Transfer { .. } => self.transfer_ends(order),
                    Instruction::Curtailment => None,
                };
                match reason {
                    Some(reason) => {
                        ending.insert(name.clone(), reason);
                    }
                    None => transfers.push((name, order)),
                }
            }
        }
        for name in self.over_limits(&transfers) {
            ending.insert(name, EndReason::Constraint);
        }
        ending
    }

    fn demand_response_ends(&self, order: &Order, area: &Text) -> Option<EndReason> {
        let (bid, program) = (order.bid()?, order.program()?);
        let Some(entry) = self.offers.get(bid) else { return Some(EndReason::Expired) };
        let offer = &entry.offer;
        match offer.phase {
            Phase::Withdrawn => return Some(EndReason::Withdrawn),
            Phase::Expired => return Some(EndReason::Expired),
            Phase::TooDear => return Some(EndReason::Constraint),
            Phase::Eligible | Phase::Waiting => {}
        }
        if !offer.placed {
            return Some(EndReason::Removed);
        }
        let fits = (offer.min..=offer.max).contains(&order.amount) && offer.program == *program;
        if !fits {
            return Some(EndReason::Revised);
        }
        let moved = self.offers.area(offer, &self.grid) != Some(area);
        if moved {
            return Some(EndReason::Island);
        }
        let limits = self.offers.programs.get(program)?;
        let over = self.standing.committed(program) > limits.capacity;
        over.then_some(EndReason::Constraint)
    }

    fn transfer_ends(&self, order: &Order) -> Option<EndReason> {
        let Instruction::Transfer { path, hops, .. } = &order.instruction else { return None };
        for (ends, lines) in path.windows(2).zip(hops) {
            let Some(interface) = self.grid.interface(&ends[0], &ends[1]) else {
                return Some(EndReason::Island);
            };
            let live = |line: &Text| interface.lines.iter().any(|(other, _)| other == line);
            if !lines.iter().all(|share| live(&share.line)) {
                return Some(EndReason::Island);
            }
        }
        None
    }

    /// The transfers that pass a line, an interface or a sender that cannot hold all of them.
    fn over_limits(&self, transfers: &[(&Text, &Order)]) -> Vec<Text> {
        let mut interfaces: Loads<'_, (&Text, &Text)> = BTreeMap::new();
        let mut lines: Loads<'_, (&Text, &Text, &Text)> = BTreeMap::new();
        let mut senders: Loads<'_, &Text> = BTreeMap::new();
        let mut mismatched = Vec::new();
        for (name, order) in transfers {
            let Instruction::Transfer { path, hops, sent } = &order.instruction else { continue };
            add(&mut senders, &path[0], *sent, name);
            let mut power = *sent;
            for (ends, shares) in path.windows(2).zip(hops) {
                let Some(interface) = self.grid.interface(&ends[0], &ends[1]) else { continue };
                add(&mut interfaces, (&ends[0], &ends[1]), power, name);
                for share in shares {
                    let (least, most) = ordered(&ends[0], &ends[1]);
                    add(&mut lines, (least, most, &share.line), share.power, name);
                }
                power = Watts(delivered_w(power.0, interface.loss.0));
            }
            if power != order.amount {
                // The losses of its lines are other than those it was made with.
                mismatched.push((*name).clone());
            }
        }
        let capacity = |from: &Text, to: &Text| {
            self.grid.interface(from, to).map_or(Watts::ZERO, |interface| interface.capacity)
        };
        let line_capacity = |from: &Text, to: &Text, line: &Text| {
            let interface = self.grid.interface(from, to);
            let lines = interface.into_iter().flat_map(|interface| &interface.lines);
            lines.filter(|(name, _)| name == line).map(|(_, capacity)| *capacity).sum::<Watts>()
        };
        let mut over = mismatched;
        over.extend(exceeding(&interfaces, |(from, to)| capacity(from, to)));
        over.extend(exceeding(&lines, |(from, to, line)| line_capacity(from, to, line)));
        over.extend(exceeding(&senders, |area| self.balance(area).surplus));
        over
    }
}

fn ordered<'a>(a: &'a Text, b: &'a Text) -> (&'a Text, &'a Text) {
    if a < b { (a, b) } else { (b, a) }
}

fn add<'a, K: Ord>(loads: &mut Loads<'a, K>, key: K, power: Watts, order: &'a Text) {
    let load = loads.entry(key).or_default();
    load.0 += power;
    load.1.push(order);
}

/// The orders on whatever carries more than its limit.
fn exceeding<K: Ord + Copy>(loads: &Loads<'_, K>, limit: impl Fn(K) -> Watts) -> Vec<Text> {
    loads
        .iter()
        .filter(|(key, (power, _))| *power > limit(**key))
        .flat_map(|(_, (_, orders))| orders.iter().map(|order| (*order).clone()))
        .collect()
}
