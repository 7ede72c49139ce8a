//! What failed is not ordered again for a while: the path of a transfer, the shedding of an area.
//!
//! Paths follow their areas when islands change, as blocks do. (That a bid which failed is not
//! activated is for `activations` to say.)

use super::breach::Breaches;
use super::scene::Scene;
use gridweaver_dataflows::twins::book::{Kind, Order, Standing};
use gridweaver_model::decision::{EndReason, Event};
use gridweaver_model::{Text, Time};
use std::collections::{BTreeMap, BTreeSet};

/// What failed lately, and until when it is not ordered: a path's areas, or one area that is shed.
#[derive(Default)]
pub(super) struct Failures {
    until: BTreeMap<Vec<Text>, Time>,
}

impl Failures {
    /// Areas are renamed.
    pub(super) fn follow(&mut self, heirs: &BTreeMap<Text, Text>) {
        for (path, until) in std::mem::take(&mut self.until) {
            let heir = |area: &Text| heirs.get(area).unwrap_or(area).clone();
            let known = self.until.entry(path.iter().map(heir).collect()).or_insert(until);
            *known = (*known).max(until);
        }
    }

    /// Notes what failed in a tick, and tells what is ordered in spite of it.
    pub(super) fn check(&mut self, scene: &Scene<'_>, breaches: &mut Breaches) {
        self.until.retain(|_, until| scene.end < *until);
        let unanswered: BTreeSet<&Text> = scene.records.iter().filter_map(unanswered).collect();
        for (id, standing) in scene.before {
            let mut answers = standing.finals.iter().chain(&standing.failed_before);
            let failed = answers.any(|answer| *answer != EndReason::Completed);
            if (failed || unanswered.contains(id))
                && let Some(what) = what(&standing.order.kind, &standing.area, &standing.path)
            {
                let until = known_from(scene, standing) + scene.rules.dispatch.release_hold;
                self.until.insert(what, until);
            }
        }
        for recorded in scene.records {
            let order = Order::of(&recorded.decision, scene.end);
            let Some((order, area)) = order.zip(recorded.decision.area.as_ref()) else { continue };
            let path = if let Kind::Transfer { path, .. } = &order.kind { path } else { &vec![] };
            let Some(what) = what(&order.kind, area, path) else { continue };
            if let Some(until) = self.until.get(&what).filter(|until| scene.end < **until) {
                let detail = format!("order {} of {} before {until}", order.id, what.join(" > "));
                breaches.tell(scene.end, recorded.line, RULE, detail);
            }
        }
    }
}

const RULE: &str = "what failed is not ordered again for a while";

fn unanswered(recorded: &super::stream::Recorded) -> Option<&Text> {
    match &recorded.decision.event {
        Event::OrderCancelled(it) if it.reason == EndReason::NoResponse => Some(&it.order),
        _ => None,
    }
}

/// What an order is about, unless it activates a bid.
fn what(kind: &Kind, area: &Text, path: &[Text]) -> Option<Vec<Text>> {
    match kind {
        Kind::DemandResponse { .. } => None,
        Kind::Transfer { .. } => Some(path.to_vec()),
        Kind::Curtailment => Some(vec![area.clone()]),
    }
}

/// When a failure was known: where it was answered before its order was written, with the order.
fn known_from(scene: &Scene<'_>, standing: &Standing) -> Time {
    let since = standing.order.since;
    if since + scene.rules.tick >= scene.end { since } else { scene.end }
}
