//! Goes through input and orders side by side, and has each tick checked.
//!
//! Visited are the ticks with a record of either kind, and those in which time alone may change a
//! view: a node goes stale, a bid's window opens or closes, a delivery record no longer counts. In
//! all others everything is as it was.

use super::breach::{Breach, Breaches};
use super::routes::{Joins, Routes, joins, route};
use super::scene::Scene;
use super::stream::{Recorded, RecordedTick, Stream};
use super::{
    activations, cascade, ends, failures, holds, plans, standing, statuses, steadiness, topology,
    transfers,
};
use gridweaver_dataflows::twins::book::{Book, Kind, Standing, heirs};
use gridweaver_dataflows::twins::history::{Reads, Row};
use gridweaver_dataflows::twins::interfaces::{Interfaces, interfaces};
use gridweaver_dataflows::twins::replay::Walk;
use gridweaver_dataflows::twins::replies::Shed;
use gridweaver_dataflows::twins::shape::Shape;
use gridweaver_dataflows::twins::totals::{Totals, totals};
use gridweaver_model::decision::{Decision, EndReason, Event};
use gridweaver_model::{Data, Millis, Rules, Text, Tick, Time};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

/// The state of a check in progress.
pub(super) struct Checker<'a> {
    rules: Rules,
    walk: Walk<'a>,
    book: Book,
    shape: Shape,
    interfaces: Interfaces,
    joins: Joins,
    /// The collections' shape revision that `shape` was made from.
    revision: u64,
    routes: Routes,
    /// Ticks in which time alone may change a view.
    due: BTreeSet<Tick>,
    statuses: statuses::Statuses,
    pardons: ends::Pardons,
    failures: failures::Failures,
    holds: holds::Holds,
    breaches: Breaches,
}

impl<'a> Checker<'a> {
    pub(super) fn new(inputs: Vec<Reads<'a>>, rules: &Rules) -> Self {
        Self {
            rules: rules.clone(),
            walk: Walk::new(inputs, rules),
            book: Book::default(),
            shape: Shape::default(),
            interfaces: Interfaces::default(),
            joins: Joins::default(),
            revision: 0,
            routes: Routes::default(),
            due: BTreeSet::new(),
            statuses: statuses::Statuses::default(),
            pardons: ends::Pardons::default(),
            failures: failures::Failures::default(),
            holds: holds::Holds::default(),
            breaches: Breaches::default(),
        }
    }

    /// Checks all of it, and lets each tick be looked at.
    pub(super) fn run(
        mut self,
        mut orders: Stream<'_>,
        look: &mut dyn FnMut(&Scene<'_>),
    ) -> Vec<Breach> {
        let mut reached: Option<Tick> = None;
        let mut input = self.walk.next_tick();
        // Where all fell silent, the clock closed ticks on its own.
        let mut is_driven = false;
        loop {
            let end = orders.next_end(&mut self.breaches);
            let order_tick = end.map(|end| self.rules.first_ending_at_or_after(end));
            let input_tick = input.as_ref().map(|(tick, _)| *tick);
            let Some(next) = order_tick.into_iter().chain(input_tick).min() else {
                break;
            };
            if order_tick == Some(next) && reached.is_some_and(|reached| next <= reached) {
                // Told by the stream already; its decisions can no longer be judged.
                orders.next_tick(&mut self.breaches);
                continue;
            }
            // Past the last input nothing closes, and so nothing more comes due.
            let may_come = input_tick.is_some() || is_driven;
            let due = self.due.first().copied().filter(|due| *due < next && may_come);
            let tick = due.unwrap_or(next);
            self.due = self.due.split_off(&tick.saturating_add(1));
            let rows = if input_tick == Some(tick) { input.take() } else { None };
            if rows.is_some() {
                input = self.walk.next_tick();
            }
            let recorded = (order_tick == Some(tick) && due.is_none())
                .then(|| orders.next_tick(&mut self.breaches))
                .flatten();
            if let Some(recorded) = &recorded {
                is_driven = recorded.passed_over;
            }
            let past_history = input_tick.is_none() && !is_driven;
            self.check_closing(tick, rows.is_some(), recorded.as_ref(), past_history);
            let records = recorded.unwrap_or_default().records;
            self.step(tick, rows.map(|(_, rows)| rows), &records, look);
            reached = Some(tick);
        }
        self.breaches.finish()
    }

    fn check_closing(
        &mut self,
        tick: Tick,
        has_rows: bool,
        recorded: Option<&RecordedTick>,
        past_history: bool,
    ) {
        let end = self.rules.end_of(tick);
        match recorded {
            None if has_rows => {
                let detail = "records were admitted to it and no tick_closed was written";
                self.breaches.tell(end, None, "every tick is closed", detail);
            }
            Some(recorded) if past_history => {
                let detail = "no record was admitted to it or to a later one";
                let line = recorded.records.first().map(|first| first.line).or(recorded.closed);
                self.breaches.tell(end, line, "nothing is decided past the end of history", detail);
            }
            Some(recorded) if !has_rows && recorded.records.is_empty() => {
                let detail = "no record was admitted to it or written in it";
                self.breaches.tell(end, recorded.closed, "only such a tick is closed", detail);
            }
            _ => {}
        }
    }

    fn step(
        &mut self,
        tick: Tick,
        rows: Option<Vec<Row>>,
        records: &[Recorded],
        look: &mut dyn FnMut(&Scene<'_>),
    ) {
        let end = self.rules.end_of(tick);
        if let Some(rows) = rows {
            for row in &rows {
                self.note_due(tick, &row.record.data, row.record.time());
            }
            self.statuses.note_rows(&rows);
            self.walk.fold(tick, rows);
        } else {
            self.walk.pass(tick);
        }
        let shape_before = self.reshape();
        self.book.take_answers(&self.walk.collections, &self.shape, end, &self.rules);
        let totals = self.take_totals(end, records);
        let before = (!records.is_empty()).then(|| {
            let book = &self.book;
            (book.standing.clone(), book.plans.clone(), self.routes.clone())
        });
        let out = self.project(end, records);
        let scene = Scene {
            rules: &self.rules,
            end,
            collections: &self.walk.collections,
            shape_before: shape_before.as_ref().unwrap_or(&self.shape),
            shape: &self.shape,
            interfaces: &self.interfaces,
            joins: &self.joins,
            totals,
            before: before.as_ref().map_or(&self.book.standing, |(orders, ..)| orders),
            plans_before: before.as_ref().map_or(&self.book.plans, |(_, plans, _)| plans),
            book: &self.book,
            out: out.as_ref().unwrap_or(&self.book.out),
            routes_before: before.as_ref().map_or(&self.routes, |(.., routes)| routes),
            routes: &self.routes,
            records,
            rated: OnceCell::new(),
            causes: OnceCell::new(),
        };
        let breaches = &mut self.breaches;
        if shape_before.is_some() || !records.is_empty() {
            topology::check(&scene, breaches);
        }
        self.pardons.note(&scene);
        self.holds.note(&scene);
        ends::check(&scene, breaches);
        self.failures.check(&scene, breaches);
        activations::check(&scene, breaches);
        transfers::check(&scene, breaches);
        standing::check(&scene, breaches);
        plans::check(&scene, &self.pardons, breaches);
        cascade::check(&scene, &self.pardons, breaches);
        steadiness::check(&scene, &self.holds, breaches);
        self.statuses.check(&scene, breaches);
        look(&scene);
        let due = self.holds.due(&scene).into_iter();
        let due = due.map(|time| scene.rules.first_ending_at_or_after(time));
        self.due.extend(due.filter(|due| *due > tick));
    }

    /// Finds the shape anew where it may have changed; returns the one before.
    fn reshape(&mut self) -> Option<Shape> {
        let revision = self.walk.collections.shape_revision;
        if revision == self.revision {
            return None;
        }
        self.revision = revision;
        let shape = Shape::of(&self.walk.collections, &self.rules);
        self.interfaces = interfaces(&self.walk.collections, &shape);
        self.joins = joins(&shape);
        let heirs = heirs(&self.shape, &shape);
        self.book.follow(&heirs);
        self.pardons.follow(&heirs);
        self.failures.follow(&heirs);
        Some(std::mem::replace(&mut self.shape, shape))
    }

    /// The totals that the tick's decisions may have seen. An order that had to end in the tick
    /// counts no more; whether it did where it ended for a limit is left open, and so is whether
    /// and where a curtailment is relief.
    fn take_totals(&self, end: Time, records: &[Recorded]) -> BTreeMap<Text, Vec<Totals>> {
        let (collections, rules) = (&self.walk.collections, &self.rules);
        let had_to_end: BTreeSet<&Text> = records
            .iter()
            .filter_map(|recorded| match &recorded.decision.event {
                Event::OrderCancelled(cancelled) if cancelled.reason != EndReason::Released => {
                    Some(&cancelled.order)
                }
                _ => None,
            })
            .collect();
        let metered = totals(collections, &self.shape, &BTreeMap::new(), end, rules);
        let shown = |it: &Standing| it.started.iter().any(|started| started.shown);
        if !self.book.standing.values().any(shown) {
            return metered.into_iter().map(|(area, totals)| (area, vec![totals])).collect();
        }
        let mut readings: BTreeMap<Text, Vec<Totals>> =
            metered.keys().map(|area| (area.clone(), vec![])).collect();
        for (all, shed) in
            [false, true].into_iter().flat_map(|all| Shed::READINGS.map(|shed| (all, shed)))
        {
            let counts = |it: &Standing| all || !had_to_end.contains(&it.order.id);
            let relief = self.book.relief(collections, &self.shape, end, rules, shed, counts);
            for (area, found) in &mut readings {
                let relief = relief.get(area).copied().unwrap_or_default();
                let totals = metered[area].with_relief(relief, rules);
                if !found.contains(&totals) {
                    found.push(totals);
                }
            }
        }
        readings
    }

    /// Makes the records stand; returns the bids that were out as they were decided.
    fn project(&mut self, end: Time, records: &[Recorded]) -> Option<BTreeMap<Text, Time>> {
        if records.is_empty() {
            return None;
        }
        let decisions: Vec<Decision> =
            records.iter().map(|recorded| recorded.decision.clone()).collect();
        for wrong in self.book.project(end, &decisions, &self.walk.collections) {
            self.breaches.tell(end, None, "an order ends once and is written once", wrong);
        }
        let out = self.book.out.clone();
        self.book.take_waiting(&self.walk.collections);
        for decision in &decisions {
            if let Event::TransferOrdered(ordered) = &decision.event
                && let Ok(route) = route(&ordered.path, &ordered.lines, &self.shape)
            {
                self.routes.insert(ordered.order.clone(), route);
            }
        }
        let standing = &self.book.standing;
        self.routes.retain(|order, _| {
            standing.get(order).is_some_and(|it| matches!(it.order.kind, Kind::Transfer { .. }))
        });
        Some(out)
    }

    /// Notes the ticks to come in which a record changes a view by time alone.
    fn note_due(&mut self, now: Tick, data: &Data, time: Time) {
        let rules = &self.rules;
        let just_past = |time: Time| time + Millis(1);
        let at: Vec<Time> = match data {
            Data::Telemetry(_) => vec![just_past(time + rules.stale_after)],
            Data::Performance(_) => vec![just_past(time + rules.dispatch.reliability_window)],
            Data::Bid(bid) => {
                let lead = bid.notice.unwrap_or_default() + bid.min_run.unwrap_or_default();
                vec![bid.start, bid.end, just_past(Time(bid.end.0 - lead.0))]
            }
            _ => vec![],
        };
        let ticks = at.into_iter().map(|time| rules.first_ending_at_or_after(time));
        self.due.extend(ticks.filter(|tick| *tick > now));
    }
}
