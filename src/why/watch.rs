//! What is noted on the walk: what stood before an order is written, the order's facts in its tick,
//! its answers and its end.

use super::bids::Choice;
use super::ending::{Course, end};
use super::facts::{Activation, Answer, Asks, Explanation, LineOut, LinePart, Replaced, Sending};
use super::plan::{Plans, kind, note, plan, serving};
use super::shortfall::{Enough, lines_out, shortfall};
use super::units::{At, Lasting, Mw, PerHour, PerMwh, Share};
use super::{paths, without};
use crate::verify::Breach;
use crate::verify::scene::{ONE_KILOWATT, Scene};
use gridweaver_dataflows::twins::book::Standing;
use gridweaver_model::decision::{DemandResponseActivated, Event, TransferOrdered};
use gridweaver_model::units::divide_rounded;
use gridweaver_model::{Price, Text, Time, Watts};
use std::collections::{BTreeMap, BTreeSet};

/// What was seen so far.
pub(super) struct Watch {
    /// The orders asked for, with their regions.
    wanted: BTreeMap<Text, Text>,
    /// Each region asked for when it last lacked nothing.
    enough: BTreeMap<Text, Enough>,
    /// Since when each plan's area has lacked less than the deadband.
    idle: BTreeMap<Text, Time>,
    answers: BTreeMap<Text, Vec<Answer>>,
    plans: Plans,
    told: BTreeMap<Text, Explanation>,
    reached: Time,
}

impl Watch {
    pub(super) fn of(wanted: BTreeMap<Text, Text>) -> Self {
        Self {
            wanted,
            enough: BTreeMap::new(),
            idle: BTreeMap::new(),
            answers: BTreeMap::new(),
            plans: Plans::new(),
            told: BTreeMap::new(),
            reached: Time(0),
        }
    }

    /// Looks at a tick.
    pub(super) fn look(&mut self, scene: &Scene<'_>) {
        self.reached = scene.end;
        note(scene, &mut self.plans);
        for answer in &scene.collections.answers {
            if self.wanted.contains_key(&answer.value.order) {
                let known = self.answers.entry(answer.value.order.clone()).or_default();
                known.push(Answer {
                    time: At(answer.version.time),
                    status: answer.value.status.name(),
                    mw: answer.value.confirmed.map(Mw),
                });
            }
        }
        self.note_idle(scene);
        self.note_ends(scene);
        for recorded in scene.records {
            let event = &recorded.decision.event;
            if let Some(region) = self.wanted.get(event.subject())
                && let Some(standing) = scene.book.standing.get(event.subject())
                && !self.told.contains_key(event.subject())
            {
                let told = explain(scene, standing, event, self.enough.get(region), &self.plans);
                self.told.extend(told.map(|told| (standing.order.id.clone(), told)));
            }
        }
        let regions: BTreeSet<&Text> = self.wanted.values().collect();
        for region in regions {
            if let Some(now) = Enough::of(scene, region) {
                self.enough.insert(region.clone(), now);
            }
        }
    }

    /// Notes since when the need of each plan that stood has been over.
    fn note_idle(&mut self, scene: &Scene<'_>) {
        self.idle.retain(|plan, _| scene.plans_before.contains_key(plan));
        for (name, plan) in scene.plans_before {
            let lacks = scene.readings(&plan.area).first().map_or(Watts::ZERO, |it| it.shortfall);
            if scene.is_under(lacks, plan.created.shortfall) {
                self.idle.entry(name.clone()).or_insert(scene.end);
            } else {
                self.idle.remove(name);
            }
        }
    }

    fn note_ends(&mut self, scene: &Scene<'_>) {
        for (id, told) in self.told.iter_mut().filter(|(_, told)| told.end.is_none()) {
            let Some(standing) = scene.before.get(id) else { continue };
            let course = Course {
                idle_since: self.idle.get(&standing.plan).copied(),
                answers: self.answers.get(id).map_or(&[], Vec::as_slice),
                plans: &self.plans,
            };
            told.end = end(scene, standing, &course);
            if let Some(end) = told.end.as_mut().filter(|_| told.area != standing.area) {
                let (then, now) = (&told.area, &standing.area);
                end.why = format!("area {then} had become part of area {now}; {}", end.why);
            }
        }
    }

    /// The explanations, with what was answered and what `verify` found in their ticks.
    pub(super) fn finish(mut self, breaches: &[Breach]) -> BTreeMap<Text, Explanation> {
        for (id, told) in &mut self.told {
            told.answers = self.answers.remove(id).unwrap_or_default();
            told.recorded_until = At(self.reached);
            let ticks = [Some(told.time.0), told.end.as_ref().map(|end| end.time.0)];
            let of_order =
                breaches.iter().filter(|it| it.tick.is_some() && ticks.contains(&it.tick));
            told.breaches = of_order.map(ToString::to_string).collect();
        }
        self.told
    }
}

/// The facts of an order in the tick that it was written in; `None` where the record is another's.
fn explain(
    scene: &Scene<'_>,
    standing: &Standing,
    event: &Event,
    enough: Option<&Enough>,
    plans: &Plans,
) -> Option<Explanation> {
    let (order, area) = (&standing.order, &standing.area);
    let created = plans.get(&order.plan).map(|(created, _)| created);
    let over = created.map_or(Watts::ZERO, |plan| plan.over_delivery);
    let unmet = created.map_or(Watts::ZERO, |plan| plan.unmet);
    let short = created.map_or(Watts::ZERO, |plan| plan.transfer + plan.unmet);
    let short = if short < ONE_KILOWATT { Watts::ZERO } else { short };
    let choice = Choice::of(scene, area, short);
    let (bids_outside_window, bids_cut_off) = choice.elsewhere(&order.region);
    let lost_load = scene.rules.dispatch.lost_load_price;
    let (asks, cost) = match event {
        Event::DemandResponseActivated(it) => {
            (activation(scene, it), PerHour::of(it.price, it.amount))
        }
        Event::TransferOrdered(it) => (sending(scene, it), PerHour(it.cost)),
        Event::CurtailmentRecorded(it) => {
            let reason = it.reason.clone();
            (Asks::Curtailment { reason }, PerHour::of(lost_load, it.amount))
        }
        _ => return None,
    };
    Some(Explanation {
        order: order.id.clone(),
        kind: kind(standing),
        time: At(scene.end),
        region: order.region.clone(),
        area: area.clone(),
        mw: Mw(order.amount),
        cost_per_h: cost,
        asks,
        supersedes: order.supersedes.as_ref().map(|old| replaced(scene, old)),
        shortfall: shortfall(scene, area, created, enough),
        plan: plan(scene, &order.plan, plans),
        serving: serving(scene, area),
        bids: choice.told(&order.id),
        bids_outside_window,
        bids_cut_off,
        neighbours: paths::neighbours(scene, area),
        island_lines_out: island_lines_out(scene, area),
        paths: paths::paths(scene, standing, unmet >= ONE_KILOWATT),
        without: without::without(scene, standing, &choice, over),
        answers: vec![],
        end: None,
        recorded_until: At(scene.end),
        breaches: vec![],
    })
}

fn island_lines_out(scene: &Scene<'_>, area: &Text) -> Vec<LineOut> {
    let island = scene.island_of(area).and_then(|island| scene.shape.islands.get(island));
    island.map_or(vec![], |island| lines_out(scene, &island.nodes, None))
}

fn replaced(scene: &Scene<'_>, old: &Text) -> Replaced {
    let before = scene.before.get(old).map(|standing| &standing.order);
    Replaced {
        order: old.clone(),
        mw: Mw(before.map_or(Watts::ZERO, |order| order.amount)),
        since: At(before.map_or(Time(0), |order| order.since)),
    }
}

fn activation(scene: &Scene<'_>, it: &DemandResponseActivated) -> Asks {
    let bid = scene.bid(&it.bid);
    let ranked = scene.rated().iter().filter(|(name, rated)| {
        rated.eligible() && scene.bid(name).is_some_and(|bid| bid.program == it.program)
    });
    Asks::DemandResponse(Activation {
        bid: it.bid.clone(),
        participant: it.participant.clone(),
        program: it.program.clone(),
        node: bid.and_then(|bid| bid.node.clone()),
        price_per_mwh: PerMwh(it.price),
        score_per_mwh: PerMwh(it.score),
        rank: it.rank,
        ranked: ranked.count(),
        reliability: Share(it.reliability),
        window_s: Lasting(bid.map(|bid| bid.end - bid.start).unwrap_or_default()),
        min_mw: Mw(it.min),
        max_mw: Mw(it.max),
        start: At(it.start),
        until: At(it.until),
        notice_s: Lasting(bid.and_then(|bid| bid.notice).unwrap_or_default()),
        min_run_s: Lasting(bid.and_then(|bid| bid.min_run).unwrap_or_default()),
        program_remaining_mw: Mw(it.program_remaining),
    })
}

fn sending(scene: &Scene<'_>, it: &TransferOrdered) -> Asks {
    let lines = it.lines.iter().map(|share| LinePart {
        line: share.line.clone(),
        mw: Mw(share.power),
        capacity_mw: scene.shape.lines.get(&share.line).map(|line| Mw(line.capacity)),
    });
    let delivered = i128::from(it.delivered.0.max(1));
    let price = i64::try_from(divide_rounded(it.cost, delivered)).unwrap_or(i64::MAX);
    Asks::Transfer(Sending {
        path: it.path.clone(),
        lines: lines.collect(),
        sent_mw: Mw(it.sent),
        delivered_mw: Mw(it.delivered),
        loss_mw: Mw(it.sent - it.delivered),
        cost_per_mwh: PerMwh(Price(price)),
        energy_price_per_mwh: PerMwh(it.energy_price),
        surplus_mw: Mw(it.surplus),
        need_mw: Mw(it.need),
    })
}
