//! `planner`: the orders that stand, and what each tick's changes make of them.
//!
//! The planner is a fold: (what stands, a tick's changes) → records; what stands is the projection
//! of those records. In each tick, for the islands in which an input changed:
//!
//! ```text
//! changes ─▶ grid, offers        who needs what, who offers what
//! answers ─▶ relief, endings     what was confirmed, what must end
//!         ─▶ drafts              local demand response, then transfers within the island, then unmet
//!         ─▶ adopted or not      a plan stands until one of the reasons of the contract
//!         ─▶ records             orders, cancellations, bid statuses
//! ```
//!
//! | file | one idea |
//! | --- | --- |
//! | `grid`, `offers`, `shelves` | what the other views tell, as the planner needs it |
//! | `standing` | orders and plans that stand |
//! | `answers` | what participants say, and relief |
//! | `endings` | why an order must end |
//! | `lifetime` | how long a plan stands |
//! | `draft` | a new plan of an island, from the tick's inputs alone |
//! | `adopt`, `telling`, `constraints` | the records that make it stand, and what they rest on |
//! | `picture` | what a state shows of it |
//! | `course` | how it went over time, for whoever looks back |
//! | `state` | what a checkpoint keeps of it |

mod adopt;
mod answers;
mod constraints;
mod course;
mod draft;
mod endings;
mod grid;
mod lifetime;
mod offers;
mod picture;
pub mod ranking;
mod shelves;
mod standing;
mod state;
mod telling;

pub use self::course::{Course, Moment, RegionMoment};
pub use self::grid::Balance;
pub use self::picture::{AreaPicture, BidPicture, OrderPicture, PlannerPicture, ProgramPicture};
pub use self::standing::{Instruction, Order, Plan, Started};
pub use self::state::PlannerState;

use self::adopt::Activation;
use self::answers::Waiting;
use self::draft::IslandDraft;
use self::grid::Grid;
use self::offers::Offers;
use self::standing::Standing;
use crate::by_tick::{Batches, View};
use crate::change::Change;
use crate::row::Row;
use gridweaver_model::decision::{BidStatus, EndReason, Event};
use gridweaver_model::{Data, Decision, Millis, Rules, Text, Tick, Time, Watts};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The state of `planner`.
pub struct Planner {
    rules: Rules,
    grid: Grid,
    offers: Offers,
    standing: Standing,
    /// The end of the tick that is being decided.
    tick_end: Time,
    /// Orders with a `started`, whose meters are watched.
    answering: BTreeSet<Text>,
    relief: BTreeMap<Text, Watts>,
    /// Answers to orders that do not exist yet.
    early: BTreeMap<Text, Vec<Waiting>>,
    early_forgotten: BTreeMap<Time, Vec<Text>>,
    /// Orders of this tick that were answered before.
    answered_early: Vec<Text>,
    /// First hops of paths, and areas, that failed and are not ordered again until then.
    blocked_hops: BTreeMap<(Text, Text), Time>,
    blocked_curtailments: BTreeMap<Text, Time>,
    /// Orders that must end in this tick.
    ending: BTreeMap<Text, EndReason>,
    /// What the draft being adopted sends over interfaces and from senders.
    drafted_flow: BTreeMap<(Text, Text), Watts>,
    drafted_sent: BTreeMap<Text, Watts>,
    told: Vec<Decision>,
    course: Option<Course>,
    /// What a checkpoint brought, until the views have told the grid that it rests on.
    restored: Option<Box<PlannerState>>,
}

/// Nodes that areas of the tick before now have in which areas.
type Successions = BTreeMap<Text, BTreeMap<Text, u64>>;

impl Planner {
    /// Nothing stands.
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        Self {
            rules: rules.clone(),
            grid: Grid::default(),
            offers: Offers::default(),
            standing: Standing::default(),
            tick_end: Time(0),
            answering: BTreeSet::new(),
            relief: BTreeMap::new(),
            early: BTreeMap::new(),
            early_forgotten: BTreeMap::new(),
            answered_early: Vec::new(),
            blocked_hops: BTreeMap::new(),
            blocked_curtailments: BTreeMap::new(),
            ending: BTreeMap::new(),
            drafted_flow: BTreeMap::new(),
            drafted_sent: BTreeMap::new(),
            told: Vec::new(),
            course: None,
            restored: None,
        }
    }

    fn balance(&self, area: &Text) -> Balance {
        let relief = self.relief.get(area).copied().unwrap_or_default();
        self.grid.balance(area, relief, self.rules.stale)
    }

    fn is_blocked(&self, from: &Text, to: &Text) -> bool {
        self.blocked_hops.contains_key(&(from.clone(), to.clone()))
    }

    /// Takes what the other views tell.
    fn take(&mut self, changes: Batches<Change>) {
        let mut successions = Successions::new();
        for change in changes.into_iter().flatten() {
            match self.grid.take(change) {
                Some(Change::Succession { from, to, nodes }) => {
                    *successions.entry(from).or_default().entry(to).or_default() += nodes;
                }
                Some(Change::Program { program, details }) => {
                    for region in self.offers.set_program(program, details.map(|details| *details))
                    {
                        self.grid.touch_region(&region);
                    }
                }
                Some(Change::Bid { bid, offer }) => {
                    self.offers.set_offer(bid.clone(), offer);
                    self.hold_anew(&bid);
                }
                _ => {}
            }
        }
        // A program that changed as well has touched its region, old and new, by itself.
        for program in self.offers.take_concerned() {
            self.touch_program(&program);
        }
        self.follow(&successions);
    }

    /// The minimum run of what stands is its bid's, also where a revision changed it.
    fn hold_anew(&mut self, bid: &Text) {
        let Some(entry) = self.offers.get(bid) else { return };
        let order = entry.order.as_ref().and_then(|order| self.standing.orders.get_mut(order));
        if let Some(Instruction::DemandResponse { start, held_until, .. }) =
            order.map(|order| &mut order.instruction)
        {
            *held_until = *start + entry.offer.min_run;
        }
    }

    fn touch_program(&mut self, program: &Text) {
        if let Some(details) = self.offers.programs.get(program) {
            self.grid.touch_region(&details.region.clone());
        }
    }

    /// Plans pass to the area that now holds most of the nodes that theirs had (ties: the least
    /// name), and the paths of transfers are renamed likewise.
    fn follow(&mut self, successions: &Successions) {
        if successions.is_empty() {
            return;
        }
        let heir = |area: &Text| -> Option<Text> {
            let heirs = successions.get(area)?;
            let most = heirs.iter().max_by_key(|(name, nodes)| (**nodes, Reverse(*name)))?;
            Some(most.0.clone())
        };
        let plans: Vec<(Text, Text)> = self
            .standing
            .plans
            .iter()
            .filter_map(|(name, plan)| Some((name.clone(), heir(&plan.area)?)))
            .collect();
        for (plan, area) in plans {
            self.grid.touch_area(&area);
            self.standing.move_plan(&plan, area);
        }
        let renamed = |area: &Text| heir(area).unwrap_or_else(|| area.clone());
        self.blocked_hops = rekeyed(&self.blocked_hops, |(from, to)| (renamed(from), renamed(to)));
        self.blocked_curtailments = rekeyed(&self.blocked_curtailments, renamed);
        for order in self.standing.orders.values_mut() {
            if let Instruction::Transfer { path, .. } = &mut order.instruction {
                for area in path {
                    *area = renamed(area);
                }
            }
        }
    }

    /// Ends plans whose area is gone: all its nodes were removed.
    fn end_homeless(&mut self) {
        let homeless: Vec<Text> = self
            .standing
            .plans
            .iter()
            .filter(|(_, plan)| self.grid.identity(&plan.area).is_none())
            .map(|(name, _)| name.clone())
            .collect();
        for name in homeless {
            let orders: Vec<Text> = self.standing.plans[&name].orders.iter().cloned().collect();
            for order in orders {
                self.cancel(&order, EndReason::Removed, self.tick_end);
            }
            self.tell_unmet_over(&name);
            self.standing.remove_plan(&name);
        }
    }

    /// What is over by time alone: blocks, and bids that were out.
    fn lapse(&mut self) {
        let tick_end = self.tick_end;
        let over: Vec<Text> = self
            .blocked_hops
            .iter()
            .filter(|(_, until)| **until <= tick_end)
            .map(|((from, _), _)| from.clone())
            .chain(
                self.blocked_curtailments
                    .iter()
                    .filter(|(_, until)| **until <= tick_end)
                    .map(|(area, _)| area.clone()),
            )
            .collect();
        for area in over {
            self.grid.touch_area(&area);
        }
        self.blocked_hops.retain(|_, until| *until > tick_end);
        self.blocked_curtailments.retain(|_, until| *until > tick_end);
        for program in self.offers.bring_back(tick_end) {
            self.touch_program(&program);
        }
        self.standing.forget(tick_end);
        self.forget_answers(tick_end);
    }

    /// Collects what must end in the islands touched.
    fn collect_endings(&mut self, touched: &BTreeSet<Text>) {
        for island in touched {
            for (name, reason) in self.must_end(island) {
                self.ending.entry(name).or_insert(reason);
            }
        }
    }

    /// Where the end of a bid alone moved, a superseding order says so. What the tick planned anew
    /// bears the new end already.
    fn extend_orders(&mut self, touched: &BTreeSet<Text>) {
        let mut moved = Vec::new();
        for area in touched.iter().flat_map(|island| self.grid.areas_of_island(island)) {
            for (name, order) in self.standing.orders_of(area) {
                if let Instruction::DemandResponse { bid, until, .. } = &order.instruction
                    && !self.ending.contains_key(name)
                    && self.offers.get(bid).is_some_and(|entry| entry.offer.end != *until)
                {
                    moved.push((area.clone(), name.clone(), bid.clone()));
                }
            }
        }
        for (area, name, bid) in moved {
            let Some(order) = self.standing.orders.get(&name).cloned() else { continue };
            let Some(identity) = self.grid.identity(&area) else { continue };
            let (region, plan) = (identity.region.clone(), order.plan.clone());
            let program = order.program().and_then(|program| self.offers.programs.get(program));
            let capacity = program.map(|program| program.capacity).unwrap_or_default();
            let committed = order.program().map(|program| self.standing.committed(program));
            let context = Activation {
                plan: &plan,
                region: &region,
                area: &area,
                need: self.standing.plans[&plan].shortfall,
                program_left: capacity - committed.unwrap_or_default() + order.amount,
            };
            self.activate_bid(
                &bid,
                order.amount,
                &context,
                Some((name, order.clone())),
                self.tick_end,
            );
        }
    }

    /// Plans the islands whose plans no longer stand.
    fn plan_lapsed(&mut self, islands: &BTreeSet<Text>) {
        for draft in self.draft(islands, self.tick_end) {
            self.adopt_draft(&draft);
        }
    }

    fn adopt_draft(&mut self, draft: &IslandDraft) {
        self.drafted_flow.clear();
        self.drafted_sent.clear();
        for transfer in draft.areas.iter().flat_map(|area| &area.transfers) {
            for (hop, sent) in transfer.path.windows(2).zip(&transfer.carried) {
                *self.drafted_flow.entry((hop[0].clone(), hop[1].clone())).or_default() += *sent;
            }
            *self.drafted_sent.entry(transfer.path[0].clone()).or_default() += transfer.carried[0];
        }
        self.adopt(draft, self.tick_end);
    }

    fn tell_statuses(&mut self) {
        for number in self.offers.take_turned() {
            let entry = self.offers.numbered(number);
            let (offer, status) = (&entry.offer, entry.state());
            let area = self.offers.area(offer, &self.grid).cloned();
            let region = self.offers.programs.get(&offer.program).map(|p| p.region.clone());
            let told = BidStatus {
                bid: entry.bid.clone(),
                participant: offer.participant.clone(),
                program: offer.program.clone(),
                status,
                amount: entry.accepted.unwrap_or_default(),
                rank: self.offers.rank_of(number),
                reason: entry.reason(status).into(),
            };
            self.told.push(Decision { event: Event::BidStatus(told), region, area });
        }
    }

    /// The next tick in which time alone may change something.
    fn wake(&self) -> Option<Tick> {
        let dispatch = &self.rules.dispatch;
        let plans = self.standing.plans.values().flat_map(|plan| {
            let hold = plan.under_since.map(|since| since + dispatch.release_hold);
            let looks = plan.changed && plan.under_since.is_none();
            let look = looks.then(|| plan.looked_at + dispatch.replan_every);
            let held = plan.under_since.and_then(|_| self.held_until(plan));
            [hold, look, held]
        });
        let next_tick =
            (!self.ending.is_empty() || self.relief_is_over()).then(|| self.tick_end + Millis(1));
        let blocks = self.blocked_hops.values().chain(self.blocked_curtailments.values());
        plans
            .flatten()
            .chain(blocks.copied())
            .chain(self.offers.next_return())
            .chain(self.next_time_out())
            .chain(next_tick)
            .filter(|due| *due > self.tick_end)
            .min()
            .map(|due| self.rules.first_ending_at_or_after(due))
    }

    fn held_until(&self, plan: &Plan) -> Option<Time> {
        let orders = plan.orders.iter().map(|name| &self.standing.orders[name]);
        let held = orders.filter_map(|order| match &order.instruction {
            Instruction::DemandResponse { held_until, .. } => Some(*held_until),
            _ => None,
        });
        held.filter(|until| *until > self.tick_end).min()
    }
}

/// What is blocked until when, under other keys; where two become one, the later time counts.
fn rekeyed<K: Ord>(blocked: &BTreeMap<K, Time>, key: impl Fn(&K) -> K) -> BTreeMap<K, Time> {
    let mut rekeyed = BTreeMap::new();
    for (old, until) in blocked {
        let known = rekeyed.entry(key(old)).or_insert(*until);
        *known = (*known).max(*until);
    }
    rekeyed
}

impl View for Planner {
    type Row = Row;
    type Change = Change;
    type Out = Change;

    fn close(
        &mut self,
        tick: Tick,
        rows: Batches<Row>,
        changes: Batches<Change>,
        out: &mut Vec<Change>,
    ) -> Option<Tick> {
        self.tick_end = self.rules.end_of(tick);
        self.take(changes);
        if let Some(state) = self.restored.take() {
            self.install(*state);
            return Some(tick + 1);
        }
        self.lapse();
        let answers = rows.into_iter().flatten().filter_map(|row| match row.record.data {
            Data::Response(response) => Some((row.record.envelope.version, *response)),
            _ => None,
        });
        self.answer(answers.collect());
        self.time_out();
        self.relieve();
        self.end_homeless();
        let touched = self.grid.take_touched_islands();
        for area in touched.iter().flat_map(|island| self.grid.areas_of_island(island)) {
            let plans: Vec<Text> =
                self.standing.plans_of(area).map(|(name, _)| name.clone()).collect();
            for name in plans {
                if let Some(plan) = self.standing.plans.get_mut(&name) {
                    plan.changed = true;
                }
            }
        }
        self.collect_endings(&touched);
        self.watch_holds();
        let lapsed = self.lapsed_islands(&touched);
        self.plan_lapsed(&lapsed);
        let waiting: BTreeSet<Text> = self
            .standing
            .plans
            .values()
            .filter(|plan| plan.changed)
            .filter_map(|plan| Some(self.grid.identity(&plan.area)?.island.clone()))
            .collect();
        for island in touched.union(&waiting).filter(|island| !lapsed.contains(*island)) {
            self.reconsider(island);
        }
        self.extend_orders(&touched);
        self.ending.retain(|order, _| self.standing.orders.contains_key(order));
        self.tell_statuses();
        self.note_course();
        // A final answer that came before its order ends it in the tick after the order's.
        self.answer_early();
        out.extend(self.told.drain(..).map(|decision| Change::Decision(Box::new(decision))));
        self.wake()
    }
}
