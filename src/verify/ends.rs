//! Why orders end: for the reason that is written, and always where an answer ends them.

use super::breach::Breaches;
use super::scene::Scene;
use gridweaver_dataflows::twins::book::{Kind, Standing};
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
        if let Some(reason) = standing.finals.first()
            && scene.book.standing.contains_key(id)
        {
            let detail = format!("order {id} was answered {} and still stands", reason.name());
            breaches.tell(scene.end, None, "a final answer ends its order", detail);
        }
    }
    for recorded in scene.records {
        let Event::OrderCancelled(cancelled) = &recorded.decision.event else { continue };
        let Some(standing) = scene.before.get(&cancelled.order) else { continue };
        if let Some(why) = unfounded(scene, standing, cancelled.reason) {
            let detail = format!(
                "order {} is cancelled as {}, but {why}",
                cancelled.order,
                cancelled.reason.name()
            );
            breaches.tell(scene.end, recorded.line, "an order ends for the reason given", detail);
        }
    }
}

/// Why an order did not have to end for the reason given; `None` where it did, or where that rests
/// on more than the input says.
fn unfounded(scene: &Scene<'_>, standing: &Standing, reason: EndReason) -> Option<&'static str> {
    let offers = &scene.collections.offers;
    // A bid that is forgotten had ended one way or the other.
    let (ended, taken_back) = match &standing.order.kind {
        Kind::DemandResponse { bid, .. } => (
            scene.bid(bid).is_none_or(|bid| bid.end <= scene.end),
            scene.bid(bid).is_none() || offers.withdrawals.contains_key(bid),
        ),
        Kind::Transfer { .. } | Kind::Curtailment => (false, false),
    };
    match reason {
        EndReason::Completed | EndReason::Failed | EndReason::OptedOut => {
            let mut answered = standing.finals.iter().chain(&standing.failed_before);
            (!answered.any(|answer| *answer == reason)).then_some("nobody answered so")
        }
        EndReason::NoResponse => {
            scene.rules.dispatch.response_timeout.is_none().then_some("no answer is waited for")
        }
        EndReason::Expired => (!ended).then_some("its bid has not ended"),
        EndReason::Withdrawn => (!taken_back).then_some("its bid was not withdrawn"),
        EndReason::Released
        | EndReason::Revised
        | EndReason::Constraint
        | EndReason::Island
        | EndReason::Removed => None,
    }
}
