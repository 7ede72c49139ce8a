//! Why orders end: for the reason that is written, and always where an answer ends them.

use super::breach::Breaches;
use super::causes::unanswered_from;
use super::scene::Scene;
use gridweaver_dataflows::twins::book::Kind;
use gridweaver_model::decision::{EndReason, Event};
use gridweaver_model::{Text, Time};
use std::collections::BTreeMap;

/// Areas whose transfers or curtailment failed lately: what failed is not ordered again for a
/// while, so that a plan there may fall short of the optimum.
#[derive(Default)]
pub(super) struct Pardons {
    until: BTreeMap<Text, Time>,
    /// The islands of those areas, at the tick noted last.
    islands: Vec<Text>,
}

impl Pardons {
    /// Areas are renamed.
    pub(super) fn follow(&mut self, heirs: &BTreeMap<Text, Text>) {
        for (area, until) in std::mem::take(&mut self.until) {
            let area = heirs.get(&area).cloned().unwrap_or(area);
            let known = self.until.entry(area).or_insert(until);
            *known = (*known).max(until);
        }
    }

    /// Notes what failed in a tick.
    pub(super) fn note(&mut self, scene: &Scene<'_>) {
        self.until.retain(|_, until| scene.end <= *until);
        let cancelled: BTreeMap<&Text, EndReason> = cancellations(scene).collect();
        for standing in scene.before.values() {
            let answered = standing.finals.iter().chain(&standing.failed_before);
            let reasons = answered.chain(cancelled.get(&standing.order.id));
            let failed = reasons.copied().any(is_failure);
            if failed && !matches!(standing.order.kind, Kind::DemandResponse { .. }) {
                let until = scene.end + scene.rules.dispatch.release_hold + scene.rules.tick;
                let areas = std::iter::once(&standing.area).chain(&standing.path);
                self.until.extend(areas.map(|area| (area.clone(), until)));
            }
        }
        let islands = self.until.keys().filter_map(|area| scene.island_of(area));
        self.islands = islands.cloned().collect();
    }

    /// Whether a curtailment of an area may be missing.
    pub(super) fn area(&self, area: &str) -> bool {
        self.until.contains_key(area)
    }

    /// Whether a cascade of an island may fall short.
    pub(super) fn island(&self, island: &str) -> bool {
        self.islands.iter().any(|pardoned| pardoned == island)
    }
}

fn is_failure(reason: EndReason) -> bool {
    matches!(reason, EndReason::Failed | EndReason::OptedOut | EndReason::NoResponse)
}

fn cancellations<'a>(scene: &Scene<'a>) -> impl Iterator<Item = (&'a Text, EndReason)> {
    let records = scene.records;
    records.iter().filter_map(|recorded| match &recorded.decision.event {
        Event::OrderCancelled(cancelled) => Some((&cancelled.order, cancelled.reason)),
        _ => None,
    })
}

pub(super) fn check(scene: &Scene<'_>, breaches: &mut Breaches) {
    for (id, standing) in scene.before {
        if !scene.book.standing.contains_key(id) {
            continue;
        }
        if let Some(reason) = standing.finals.iter().chain(&standing.failed_before).next() {
            let detail = format!("order {id} was answered {} and still stands", reason.name());
            breaches.tell(scene.end, None, "a final answer ends its order", detail);
        }
        if unanswered_from(scene, standing).is_some_and(|from| from <= scene.end) {
            let detail = format!("order {id} of {} still stands", standing.order.since);
            breaches.tell(scene.end, None, "an order that nobody answers ends", detail);
        }
    }
    for recorded in scene.records {
        let Event::OrderCancelled(cancelled) = &recorded.decision.event else { continue };
        let (order, reason) = (&cancelled.order, cancelled.reason);
        let causes = scene.causes().get(order);
        let founded = causes.is_some_and(|causes| causes.contains(&reason));
        if !founded && reason != EndReason::Released && scene.before.contains_key(order) {
            let causes: Vec<&str> = causes.into_iter().flatten().map(|it| it.name()).collect();
            let why = if causes.is_empty() {
                "had to end for nothing".to_owned()
            } else {
                format!("had to end as {}", causes.join(" or "))
            };
            let detail = format!("order {order} is cancelled as {}, it {why}", reason.name());
            breaches.tell(scene.end, recorded.line, "an order ends for the reason given", detail);
        }
    }
}
