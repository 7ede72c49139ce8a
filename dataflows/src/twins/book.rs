//! Twin of the standing orders: a projection of the recorded decisions, tick by tick.
//!
//! Within a tick what ends does so before anything new stands. An order that supersedes another
//! inherits what was answered to it. Plans and orders follow their nodes when islands change. The
//! book believes what is recorded; whether it should have been recorded is for `verify` to say.
//! What cannot be projected (an order that ends twice, or was never there) is told, not hidden.

use super::collections::Collections;
use super::shape::Shape;
use gridweaver_model::decision::{BidState, Decision, EndReason, Event, LineShare, PlanCreated};
use gridweaver_model::{Price, Text, Time, Version, Watts};
use std::collections::{BTreeMap, BTreeSet};

/// What an order asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A bid is activated.
    DemandResponse {
        /// The bid.
        bid: Text,
        /// Its program.
        program: Text,
        /// Paid per MWh.
        price: Price,
    },
    /// Power is sent over a path of areas.
    Transfer {
        /// The areas as they were named when it was ordered.
        path: Vec<Text>,
        /// What each line carries, hop by hop.
        lines: Vec<LineShare>,
        /// At the sender.
        sent: Watts,
    },
    /// Load is shed.
    Curtailment,
}

/// An order as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub id: Text,
    /// What it asks for.
    pub kind: Kind,
    /// The plan that it was written with.
    pub plan: Text,
    /// The region that it serves.
    pub region: Text,
    /// Its power where it serves: activated, delivered or shed.
    pub amount: Watts,
    /// The end of the tick that it was written in.
    pub since: Time,
    /// When it begins.
    pub start: Time,
    /// When it ends at the latest.
    pub until: Option<Time>,
    /// The order that it replaced.
    pub supersedes: Option<Text>,
}

/// A `started` answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// What orders it among answers.
    pub version: Version,
    /// It counts once telemetry is newer than this.
    pub from: Time,
    /// The relief confirmed: what the answer names, else the power of the order answered.
    pub power: Watts,
    /// Whether telemetry newer than it was seen.
    pub shown: bool,
}

/// An order that stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// As recorded.
    pub order: Order,
    /// The plan that it belongs to now: a new plan takes over what it keeps.
    pub plan: Text,
    /// The area that it serves, as it is named now.
    pub area: Text,
    /// The areas that a transfer passes, as they are named now, sender first; of others none.
    pub path: Vec<Text>,
    /// When what it keeps up began: the start of the first of the orders that it goes back to.
    pub runs_from: Time,
    /// Whether its receipt was acknowledged.
    pub received: bool,
    /// The newest `started` that telemetry has shown, and all newer ones, oldest first.
    pub started: Vec<Started>,
    /// Answers that it must end for, in their order.
    pub finals: Vec<EndReason>,
    /// Failures answered to the orders that it goes back to, after they were superseded.
    pub failed_before: Vec<EndReason>,
}

impl Standing {
    /// What a participant confirmed.
    #[must_use]
    pub fn confirmed(&self) -> Option<Watts> {
        self.started.last().map(|started| started.power)
    }
}

/// How an order ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Another stands in its place.
    Superseded(Text),
    /// It was cancelled.
    Cancelled(EndReason),
}

/// An order that no longer stands.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The bid, where it activated one.
    pub bid: Option<Text>,
    /// What it stood at.
    pub amount: Watts,
    /// When it was written.
    pub since: Time,
    /// When it ended.
    pub at: Time,
    /// How.
    pub how: End,
}

/// A plan that stands.
#[derive(Clone, Debug)]
pub struct Plan {
    /// As recorded.
    pub created: PlanCreated,
    /// Its area, as it is named now.
    pub area: Text,
    /// What was last written to stay unmet, of this plan or of those it replaced.
    pub told_unmet: Watts,
}

/// All that stands, and what ended.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// Orders by id.
    pub standing: BTreeMap<Text, Standing>,
    /// Orders by id.
    pub ended: BTreeMap<Text, Ended>,
    /// Plans by id.
    pub plans: BTreeMap<Text, Plan>,
    /// The newest status written of each bid.
    pub told: BTreeMap<Text, (BidState, Watts)>,
    /// Bids that failed, each with the end that it had then.
    pub out: BTreeMap<Text, Time>,
    /// Answers to orders that are not known yet.
    pub(super) waiting: Vec<super::collections::HeldAnswer>,
}

impl Book {
    /// Lets plans and orders follow their nodes to the heirs of their areas. Orders whose area has
    /// no node left keep its name.
    pub fn follow(&mut self, heirs: &BTreeMap<Text, Text>) {
        let areas = self
            .standing
            .values_mut()
            .flat_map(|standing| std::iter::once(&mut standing.area).chain(&mut standing.path));
        for area in areas.chain(self.plans.values_mut().map(|plan| &mut plan.area)) {
            if let Some(heir) = heirs.get(area) {
                *area = heir.clone();
            }
        }
    }

    /// Folds in one tick's decisions; the answers that came before their orders are to be taken
    /// ([`Book::take_waiting`]) after it. Returns what could not be folded in.
    pub fn project(
        &mut self,
        end: Time,
        decisions: &[Decision],
        collections: &Collections,
    ) -> Vec<String> {
        let mut wrong = vec![];
        self.supersede_plans(decisions, &mut wrong);
        let mut inherited: BTreeMap<Text, Standing> = BTreeMap::new();
        for order in decisions.iter().filter_map(|each| Order::of(each, end)) {
            let Some(old) = &order.supersedes else { continue };
            let how = End::Superseded(order.id.clone());
            // A path may be split: then several orders supersede one, and each inherits from it.
            if !inherited.contains_key(old) {
                match self.end(old, end, how) {
                    Ok(standing) => {
                        inherited.insert(old.clone(), standing);
                    }
                    Err(why) => wrong.push(format!("order {} supersedes {old}: {why}", order.id)),
                }
            }
        }
        let mut emptied = BTreeSet::new();
        for decision in decisions {
            if let Event::OrderCancelled(cancelled) = &decision.event {
                match self.end(&cancelled.order, end, End::Cancelled(cancelled.reason)) {
                    Ok(standing) => {
                        if let (EndReason::NoResponse, Some(bid)) =
                            (cancelled.reason, standing.order.kind.bid())
                        {
                            self.put_out(bid, collections);
                        }
                        emptied.insert(standing.plan);
                    }
                    Err(why) => {
                        wrong.push(format!("order {} is cancelled: {why}", cancelled.order));
                    }
                }
            }
        }
        for decision in decisions {
            if let Some(order) = Order::of(decision, end) {
                let area = decision.area.clone().unwrap_or_default();
                self.open(order, area, &inherited, &mut wrong);
            } else if let Event::BidStatus(told) = &decision.event {
                self.told.insert(told.bid.clone(), (told.status, told.amount));
            } else if let Event::ShortfallUnmet(told) = &decision.event {
                if told.unmet == Watts::ZERO {
                    emptied.insert(told.plan.clone());
                }
                for (id, plan) in &mut self.plans {
                    if *id == told.plan || decision.area.as_ref() == Some(&plan.area) {
                        plan.told_unmet = told.unmet;
                    }
                }
            }
        }
        self.hand_over(end);
        self.drop_plans(&emptied, end);
        wrong
    }

    fn supersede_plans(&mut self, decisions: &[Decision], wrong: &mut Vec<String>) {
        let before = std::mem::take(&mut self.plans);
        let mut kept = before.clone();
        for decision in decisions {
            let Event::PlanCreated(created) = &decision.event else { continue };
            let area = decision.area.clone().unwrap_or_default();
            let mut told_unmet = Watts::ZERO;
            for (id, old) in &before {
                if created.supersedes.contains(id) || old.area == area {
                    told_unmet += old.told_unmet;
                    kept.remove(id);
                }
            }
            let plan = Plan { created: (**created).clone(), area, told_unmet };
            if before.contains_key(&created.plan)
                || self.plans.insert(created.plan.clone(), plan).is_some()
            {
                wrong.push(format!("plan {} is written twice", created.plan));
            }
        }
        self.plans.append(&mut kept);
    }

    fn end(&mut self, id: &Text, at: Time, how: End) -> Result<Standing, &'static str> {
        let Some(standing) = self.standing.remove(id) else {
            return Err(if self.ended.contains_key(id) {
                "it has ended already"
            } else {
                "it never stood"
            });
        };
        let bid = standing.order.kind.bid().cloned();
        let (amount, since) = (standing.order.amount, standing.order.since);
        self.ended.insert(id.clone(), Ended { bid, amount, since, at, how });
        Ok(standing)
    }

    fn open(
        &mut self,
        order: Order,
        area: Text,
        inherited: &BTreeMap<Text, Standing>,
        wrong: &mut Vec<String>,
    ) {
        if self.standing.contains_key(&order.id) || self.ended.contains_key(&order.id) {
            wrong.push(format!("order {} is written twice", order.id));
            return;
        }
        let old = order.supersedes.as_ref().and_then(|old| inherited.get(old));
        let mut started = old.map(|old| old.started.clone()).unwrap_or_default();
        for answer in &mut started {
            answer.power = answer.power.min(order.amount);
        }
        let received = old.is_some_and(|old| old.received);
        let id = order.id.clone();
        let runs_from = old.map_or(order.start, |old| old.runs_from);
        let plan = order.plan.clone();
        let path = match &order.kind {
            Kind::Transfer { path, .. } => path.clone(),
            Kind::DemandResponse { .. } | Kind::Curtailment => vec![],
        };
        let standing = Standing {
            order,
            plan,
            area,
            path,
            runs_from,
            received,
            started,
            finals: vec![],
            failed_before: vec![],
        };
        self.standing.insert(id, standing);
    }

    /// What stands in an area belongs to the plan made for it in this tick.
    fn hand_over(&mut self, end: Time) {
        let fresh = self.plans.iter().filter(|(_, plan)| plan.created.tick == end);
        let fresh: BTreeMap<&Text, &Text> = fresh.map(|(id, plan)| (&plan.area, id)).collect();
        for standing in self.standing.values_mut() {
            if let Some(plan) = fresh.get(&standing.area) {
                standing.plan = (*plan).clone();
            }
        }
    }

    /// A plan ends where its last order was cancelled, or without orders as its need is over.
    fn drop_plans(&mut self, emptied: &BTreeSet<Text>, end: Time) {
        let serving: BTreeSet<&Text> = self.standing.values().map(|each| &each.plan).collect();
        self.plans.retain(|id, plan| {
            plan.created.tick == end || !emptied.contains(id) || serving.contains(id)
        });
    }
}

impl Kind {
    /// The bid that is activated.
    #[must_use]
    pub fn bid(&self) -> Option<&Text> {
        match self {
            Self::DemandResponse { bid, .. } => Some(bid),
            Self::Transfer { .. } | Self::Curtailment => None,
        }
    }
}

/// Which area each area of one shape passes to in the next: the one that now holds most of its
/// nodes (ties: the least name). Those without a node left have none.
#[must_use]
pub fn heirs(before: &Shape, now: &Shape) -> BTreeMap<Text, Text> {
    let mut heirs = BTreeMap::new();
    for (name, area) in &before.areas {
        let mut shares: BTreeMap<&Text, usize> = BTreeMap::new();
        for node in &area.nodes {
            if let Some(heir) = now.area_of.get(node) {
                *shares.entry(heir).or_default() += 1;
            }
        }
        let mut heir: Option<(usize, &Text)> = None;
        for (candidate, nodes) in shares {
            if heir.is_none_or(|(most, _)| nodes > most) {
                heir = Some((nodes, candidate));
            }
        }
        if let Some((_, heir)) = heir {
            heirs.insert(name.clone(), heir.clone());
        }
    }
    heirs
}

impl Order {
    /// The order that a decision gives, if it gives one.
    #[must_use]
    pub fn of(decision: &Decision, end: Time) -> Option<Self> {
        let region = decision.region.clone().unwrap_or_default();
        let (id, plan, supersedes) = match &decision.event {
            Event::DemandResponseActivated(it) => (&it.order, &it.plan, &it.supersedes),
            Event::TransferOrdered(it) => (&it.order, &it.plan, &it.supersedes),
            Event::CurtailmentRecorded(it) => (&it.order, &it.plan, &it.supersedes),
            Event::IslandChanged(_)
            | Event::Violation(_)
            | Event::OrderCancelled(_)
            | Event::PlanCreated(_)
            | Event::CascadeCleared(_)
            | Event::ConstraintApplied(_)
            | Event::ShortfallUnmet(_)
            | Event::BidStatus(_)
            | Event::AuditEntry(_) => return None,
        };
        let (kind, amount, start, until) = match &decision.event {
            Event::DemandResponseActivated(it) => {
                let (bid, program) = (it.bid.clone(), it.program.clone());
                let kind = Kind::DemandResponse { bid, program, price: it.price };
                (kind, it.amount, it.start, Some(it.until))
            }
            Event::TransferOrdered(it) => {
                let (path, lines) = (it.path.clone(), it.lines.clone());
                (Kind::Transfer { path, lines, sent: it.sent }, it.delivered, end, None)
            }
            Event::CurtailmentRecorded(it) => (Kind::Curtailment, it.amount, end, None),
            _ => return None,
        };
        let (id, plan, supersedes) = (id.clone(), plan.clone(), supersedes.clone());
        Some(Self { id, kind, plan, region, amount, since: end, start, until, supersedes })
    }
}
