//! Drafts: what the areas of an island would be ordered if they were planned now.
//!
//! A draft is a function of the tick's inputs and the standing orders alone; making one changes
//! nothing. First each area in shortfall clears its eligible bids; then what is left is sourced
//! from the island's other areas.

use super::Planner;
use super::grid::Balance;
use super::offers::Entry;
use super::shelves::Rung;
use super::standing::Order;
use crate::structures::{clearing, flow};
use gridweaver_model::decision::EndReason;
use gridweaver_model::{Price, Text, Time, Watts};
use std::collections::{BTreeMap, BTreeSet};

/// A shortfall below this gets no plan, and a rest below it orders nothing.
pub(super) const LEAST: Watts = Watts(flow::LEAST_NEED_W);

/// What one area would be ordered.
#[derive(Clone, Debug)]
pub(super) struct AreaDraft {
    pub(super) area: Text,
    pub(super) region: Text,
    pub(super) balance: Balance,
    /// Orders held by their minimum run, and what they count for.
    pub(super) held: BTreeSet<Text>,
    pub(super) held_amount: Watts,
    /// Bids considered, by number and in rank order, and what is taken of each.
    pub(super) considered: Vec<(u32, Watts)>,
    /// Those of which something is taken, by name, and what they are ordered.
    pub(super) taken: Vec<(Text, Watts)>,
    /// What that counts for.
    pub(super) taken_amount: Watts,
    /// What each program had left before.
    pub(super) program_left: BTreeMap<Text, Watts>,
    /// The proven gap of the clearing, in parts per 10⁹ of its cost.
    pub(super) gap: u64,
    pub(super) transfers: Vec<TransferDraft>,
    pub(super) transferred: Watts,
}

/// One path and what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TransferDraft {
    pub(super) path: Vec<Text>,
    /// What each hop is sent.
    pub(super) carried: Vec<Watts>,
    pub(super) delivered: Watts,
    /// Thousandths × watts.
    pub(super) cost: i128,
    pub(super) surplus: Watts,
    pub(super) energy_price: Price,
}

/// What an island's cascade came to.
#[derive(Clone, Debug)]
pub(super) struct CascadeDraft {
    pub(super) areas: Vec<Text>,
    pub(super) ends: Vec<(Text, Text)>,
    pub(super) problem: flow::Problem,
    pub(super) solution: flow::Solution,
}

/// What an island would be ordered.
#[derive(Clone, Debug)]
pub(super) struct IslandDraft {
    pub(super) island: Text,
    pub(super) areas: Vec<AreaDraft>,
    pub(super) cascade: Option<CascadeDraft>,
}

impl AreaDraft {
    pub(super) fn shortfall(&self) -> Watts {
        self.balance.shortfall
    }

    pub(super) fn demand_response(&self) -> Watts {
        (self.held_amount + self.taken_amount).min(self.shortfall())
    }

    pub(super) fn over_delivery(&self) -> Watts {
        self.held_amount + self.taken_amount - self.demand_response()
    }

    /// What demand response leaves.
    pub(super) fn left(&self) -> Watts {
        self.shortfall() - self.demand_response()
    }

    pub(super) fn unmet(&self) -> Watts {
        self.left() - self.transferred
    }

    /// Whether the area needs a plan at all.
    pub(super) fn is_in_need(&self) -> bool {
        self.shortfall() >= LEAST
    }
}

impl IslandDraft {
    pub(super) fn unmet(&self) -> Watts {
        self.areas.iter().filter(|area| area.is_in_need()).map(AreaDraft::unmet).sum()
    }
}

impl Planner {
    /// Plans `islands` afresh. Orders in `ending` are not held and not kept.
    pub(super) fn draft(&self, islands: &BTreeSet<Text>, tick_end: Time) -> Vec<IslandDraft> {
        let mut left = ProgramsLeft::of(self, islands, tick_end);
        let mut areas: Vec<(bool, &Text, &Text)> = islands
            .iter()
            .flat_map(|island| self.grid.areas_of_island(island).map(move |area| (area, island)))
            .map(|(area, island)| {
                let main = self.grid.identity(area).is_some_and(|identity| identity.main);
                (!main, area, island)
            })
            .collect();
        areas.sort_unstable();
        let mut by_island: BTreeMap<&Text, Vec<AreaDraft>> = BTreeMap::new();
        for (_, area, island) in areas {
            if let Some(draft) = self.draft_area(area, &mut left, tick_end) {
                by_island.entry(island).or_default().push(draft);
            }
        }
        islands
            .iter()
            .map(|island| {
                let mut areas = by_island.remove(island).unwrap_or_default();
                areas.sort_unstable_by(|a, b| a.area.cmp(&b.area));
                let cascade = self.draft_cascade(island, &mut areas);
                IslandDraft { island: island.clone(), areas, cascade }
            })
            .collect()
    }

    /// Clears one area's bids, if it is in need or held orders must be counted.
    fn draft_area(
        &self,
        area: &Text,
        left: &mut ProgramsLeft,
        tick_end: Time,
    ) -> Option<AreaDraft> {
        let balance = self.balance(area);
        let held: BTreeSet<Text> = self
            .standing
            .orders_of(area)
            .filter(|(name, order)| order.is_held(tick_end) && !self.ending.contains_key(*name))
            .map(|(name, _)| name.clone())
            .collect();
        if balance.shortfall < LEAST && held.is_empty() {
            return None;
        }
        let held_amount = held.iter().map(|name| self.standing.orders[name].counted()).sum();
        let region = self.grid.identity(area)?.region.clone();
        let mut draft = AreaDraft {
            area: area.clone(),
            region,
            balance,
            held,
            held_amount,
            considered: Vec::new(),
            taken: Vec::new(),
            taken_amount: Watts::ZERO,
            program_left: BTreeMap::new(),
            gap: 0,
            transfers: Vec::new(),
            transferred: Watts::ZERO,
        };
        if draft.is_in_need() && held_amount < draft.shortfall() {
            self.clear(&mut draft, left);
        }
        Some(draft)
    }

    fn clear(&self, draft: &mut AreaDraft, left: &mut ProgramsLeft) {
        let Candidates { programs, bids } = self.candidates(draft);
        let program_capacity_w: Vec<i64> =
            programs.iter().map(|program| left.of_program(program).0).collect();
        draft.program_left = programs
            .iter()
            .zip(&program_capacity_w)
            .map(|(program, left_w)| ((*program).clone(), Watts(*left_w)))
            .collect();
        let problem = clearing::Problem {
            need_w: (draft.shortfall() - draft.held_amount).0,
            offers: bids.iter().map(Candidate::offer).collect(),
            program_capacity_w,
            lost_load_price: self.rules.dispatch.lost_load_price.0,
        };
        let (clearing, is_cut) = choose(problem, &bids);
        draft.gap = gap(clearing.objective, clearing.bound);
        for (bid, taken_w) in bids.iter().zip(clearing.taken_w) {
            let taken = Watts(taken_w);
            let amount = if is_cut { taken } else { bid.ordered(taken) };
            draft.considered.push((bid.number, amount));
            if amount > Watts::ZERO {
                left.take(programs[bid.program], amount);
                draft.taken.push((bid.key.2.clone(), amount));
                draft.taken_amount += taken;
            }
        }
    }

    /// What an area may clear, in rank order: its eligible bids, and bids too near their end for a
    /// new order whose standing one still runs: those only as they stand.
    fn candidates<'a>(&'a self, draft: &AreaDraft) -> Candidates<'a> {
        let held_bids: BTreeSet<&Text> =
            draft.held.iter().filter_map(|name| self.standing.orders[name].bid()).collect();
        let mut candidates = Candidates::default();
        for (program, rung) in self.offers.eligible_in(&draft.area, &draft.region, &self.grid) {
            if held_bids.is_empty() || !held_bids.contains(&rung.bid) {
                candidates.add(program, Candidate::of(rung));
            }
        }
        for (name, order) in self.standing.orders_of(&draft.area) {
            let Some(bid) = order.bid() else { continue };
            let Some((number, entry)) = self.offers.find(bid) else { continue };
            let running = !entry.is_eligible() && !self.ending.contains_key(name);
            if running && !held_bids.contains(bid) {
                let candidate = Candidate::running(number, entry, order.amount);
                candidates.add(&entry.offer.program, candidate);
            }
        }
        candidates.sort();
        self.heed_confirmed(&draft.area, &mut candidates.bids);
        candidates
    }

    /// What bids that said that they deliver less than they were ordered count for.
    fn heed_confirmed<'a>(&'a self, area: &Text, bids: &mut [Candidate<'a>]) {
        let mut orders: BTreeMap<&Text, (&Text, &Order)> = BTreeMap::new();
        for (name, order) in self.standing.orders_of(area) {
            if let Some(bid) = order.bid() {
                orders.entry(bid).or_insert((name, order));
            }
        }
        orders.retain(|_, (name, order)| {
            let completed = self.ending.get(*name) == Some(&EndReason::Completed);
            !completed && order.counted() < order.amount
        });
        if orders.is_empty() {
            return;
        }
        for bid in bids {
            if let Some((name, order)) = orders.get(bid.key.2)
                && self.offers.numbered(bid.number).accepted.is_some()
            {
                bid.short = Some(Short { order, stays: !self.ending.contains_key(*name) });
            }
        }
    }

    /// Sources what demand response leaves from the island's other areas.
    fn draft_cascade(&self, island: &Text, drafts: &mut [AreaDraft]) -> Option<CascadeDraft> {
        let needs: BTreeMap<&Text, i64> = drafts
            .iter()
            .filter(|draft| draft.is_in_need() && draft.left() > Watts::ZERO)
            .map(|draft| (&draft.area, draft.left().0))
            .collect();
        if needs.is_empty() {
            return None;
        }
        let areas: Vec<Text> = self.grid.areas_of_island(island).cloned().collect();
        let number: BTreeMap<&Text, usize> =
            areas.iter().enumerate().map(|(at, area)| (area, at)).collect();
        let (mut ends, mut interfaces) = (Vec::new(), Vec::new());
        for (from, area) in areas.iter().enumerate() {
            for (to, interface) in self.grid.interfaces.get(area).into_iter().flatten() {
                let blocked = self.is_blocked(area, to);
                ends.push((area.clone(), to.clone()));
                interfaces.push(flow::Interface {
                    from,
                    to: number[to],
                    capacity_w: if blocked { 0 } else { interface.capacity.0 },
                    loss_ppm: interface.loss.0,
                    wheeling_price: interface.wheeling_price.0,
                });
            }
        }
        let problem = flow::Problem {
            areas: areas
                .iter()
                .map(|area| flow::Area {
                    need_w: needs.get(area).copied().unwrap_or_default(),
                    surplus_w: self.balance(area).surplus.0,
                    energy_price: self.grid.energy_price(area, &self.rules.dispatch).0,
                })
                .collect(),
            interfaces,
            lost_load_price: self.rules.dispatch.lost_load_price.0,
        };
        let solution = flow::solve(&problem);
        for path in &solution.paths {
            let transfer = transfer(path, &problem, &areas);
            let to = transfer.path.last();
            let receiver = drafts.iter_mut().find(|draft| Some(&draft.area) == to);
            if let Some(draft) = receiver {
                draft.transferred += transfer.delivered;
                draft.transfers.push(transfer);
            }
        }
        Some(CascadeDraft { areas, ends, problem, solution })
    }
}

/// A bid that an area may take.
struct Candidate<'a> {
    key: (Price, Time, &'a Text),
    number: u32,
    /// Among the candidates' programs.
    program: usize,
    min: Watts,
    max: Watts,
    /// Of one whose order that stands was confirmed at less.
    short: Option<Short<'a>>,
}

/// An order that was confirmed at less than it instructs.
struct Short<'a> {
    order: &'a Order,
    /// Whether it may stay.
    stays: bool,
}

impl<'a> Candidate<'a> {
    fn of(rung: &'a Rung) -> Self {
        let key = (rung.score, rung.submitted, &rung.bid);
        Self { key, number: rung.number, program: 0, min: rung.min, max: rung.max, short: None }
    }

    /// One that is not eligible, only as it stands.
    fn running(number: u32, entry: &'a Entry, amount: Watts) -> Self {
        let key = (entry.offer.score, entry.offer.submitted, &entry.bid);
        Self { key, number, program: 0, min: amount, max: amount, short: None }
    }

    fn offer(&self) -> clearing::Offer {
        let counted =
            |amount| self.short.as_ref().map_or(amount, |short| short.order.counted_as(amount));
        let (min_w, max_w) = (counted(self.min).0, counted(self.max).0);
        clearing::Offer { score: self.key.0.0, min_w, max_w, program: self.program }
    }

    /// The same where it is ordered no more than was confirmed: so none of its program is committed
    /// in vain.
    fn offer_cut(&self) -> clearing::Offer {
        let confirmed = self.short.as_ref().and_then(|short| short.order.confirmed());
        let most = confirmed.map_or(self.max, |confirmed| confirmed.min(self.max));
        let (min_w, max_w) = if most < self.min { (0, 0) } else { (self.min.0, most.0) };
        clearing::Offer { score: self.key.0.0, min_w, max_w, program: self.program }
    }

    /// What is ordered of it so that it counts for so much. One of which nothing was confirmed stays
    /// as it is: it would be ordered anew in the next plan.
    fn ordered(&self, counted: Watts) -> Watts {
        let Some(Short { order, stays }) = &self.short else { return counted };
        if *stays && counted == order.counted() {
            return order.amount;
        }
        if counted == Watts::ZERO { counted } else { order.amount_for(counted).max(self.min) }
    }

    /// What of its order counts for nothing, if more is asked of it or it stays.
    fn in_vain(&self) -> Watts {
        let Some(Short { order, .. }) = &self.short else { return Watts::ZERO };
        let (most, counted) = (order.counted_as(self.max), order.counted());
        let in_vain = if most > counted { self.max - most } else { order.amount - counted };
        in_vain.max(Watts::ZERO)
    }
}

/// What an area may clear.
#[derive(Default)]
struct Candidates<'a> {
    programs: Vec<&'a Text>,
    bids: Vec<Candidate<'a>>,
}

impl<'a> Candidates<'a> {
    fn add(&mut self, program: &'a Text, mut candidate: Candidate<'a>) {
        // Bids come program by program.
        let known = self.programs.iter().rposition(|other| *other == program);
        candidate.program = known.unwrap_or_else(|| {
            self.programs.push(program);
            self.programs.len() - 1
        });
        self.bids.push(candidate);
    }

    fn sort(&mut self) {
        self.bids.sort_by(|a, b| a.key.cmp(&b.key));
    }
}

/// What is taken of the bids; whether those that were confirmed at less are ordered no more than that.
fn choose(whole: clearing::Problem, bids: &[Candidate<'_>]) -> (clearing::Clearing, bool) {
    if bids.iter().all(|bid| bid.in_vain() == Watts::ZERO) {
        return (clearing::clear(&whole), false);
    }
    let mut narrowed = whole.clone();
    for bid in bids {
        // What is ordered in vain is committed all the same.
        let program_w = &mut narrowed.program_capacity_w[bid.program];
        *program_w = (*program_w - bid.in_vain().0).max(0);
    }
    let clearing = clearing::clear(&narrowed);
    let offers = bids.iter().map(Candidate::offer_cut).collect();
    let cut = clearing::clear(&clearing::Problem { offers, ..whole });
    if cut.objective < clearing.objective { (cut, true) } else { (clearing, false) }
}

/// What programs have left, besides what stands outside the areas planned and what is held.
struct ProgramsLeft {
    left: BTreeMap<Text, Watts>,
}

impl ProgramsLeft {
    fn of(planner: &Planner, islands: &BTreeSet<Text>, tick_end: Time) -> Self {
        let programs = &planner.offers.programs;
        let mut left: BTreeMap<Text, Watts> = programs
            .iter()
            .map(|(name, program)| {
                (name.clone(), program.capacity - planner.standing.committed(name))
            })
            .collect();
        for island in islands {
            for area in planner.grid.areas_of_island(island) {
                for (name, order) in planner.standing.orders_of(area) {
                    let stays = order.is_held(tick_end) && !planner.ending.contains_key(name);
                    if let (false, Some(program)) = (stays, order.program())
                        && let Some(left) = left.get_mut(program)
                    {
                        *left += order.amount;
                    }
                }
            }
        }
        Self { left }
    }

    fn of_program(&self, program: &Text) -> Watts {
        self.left.get(program).copied().unwrap_or_default().max(Watts::ZERO)
    }

    fn take(&mut self, program: &Text, amount: Watts) {
        if let Some(left) = self.left.get_mut(program) {
            *left -= amount;
        }
    }
}

/// The gap of a clearing in parts per 10⁹ of its objective, rounded up.
fn gap(objective: i128, bound: i128) -> u64 {
    let gap = objective - bound;
    if gap <= 0 || objective <= 0 {
        return 0;
    }
    u64::try_from((gap * 1_000_000_000 + objective - 1) / objective).unwrap_or(u64::MAX)
}

fn transfer(path: &flow::Path, problem: &flow::Problem, areas: &[Text]) -> TransferDraft {
    let carried = flow::carried_w(&problem.interfaces, &path.hops, path.sent_w);
    let sender = problem.interfaces[path.hops[0]].from;
    let mut names = vec![areas[sender].clone()];
    let energy_price = problem.areas[sender].energy_price;
    let mut cost = i128::from(energy_price.max(0)) * i128::from(path.sent_w);
    for (hop, sent_w) in path.hops.iter().zip(&carried) {
        let interface = &problem.interfaces[*hop];
        names.push(areas[interface.to].clone());
        cost += i128::from(interface.wheeling_price) * i128::from(*sent_w);
    }
    TransferDraft {
        path: names,
        carried: carried[..path.hops.len()].iter().copied().map(Watts).collect(),
        delivered: Watts(path.delivered_w),
        cost,
        surplus: Watts(problem.areas[sender].surplus_w),
        energy_price: Price(energy_price),
    }
}
