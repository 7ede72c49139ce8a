//! Since when the need of each standing plan has been under the deadband, and which activations
//! their minimum run holds.
//!
//! Where relief or a minimum run can be read in more than one way, both the most and the least that
//! the readings allow is kept: what *may* be is enough for a planner that acts, what *surely* is
//! has to be before one that does not act is told of it.

use super::causes::unanswered_from;
use super::scene::Scene;
use gridweaver_dataflows::twins::book::{Kind, Plan, Standing};
use gridweaver_model::{Millis, Text, Time, Watts};
use std::collections::BTreeMap;

/// Since when a need is under the deadband.
#[derive(Clone, Copy, Default)]
struct Under {
    /// In some reading.
    maybe: Option<Time>,
    /// In every reading.
    surely: Option<Time>,
}

/// The holds of all standing plans, by plan.
#[derive(Default)]
pub(super) struct Holds {
    under: BTreeMap<Text, Under>,
}

impl Holds {
    /// Takes a tick's needs; to be called in every tick in which one may have changed.
    pub(super) fn note(&mut self, scene: &Scene<'_>) {
        let mut under = BTreeMap::new();
        for (id, plan) in scene.plans_before {
            let known = self.under.get(id).copied().unwrap_or_default();
            // Where plans met the need may be held against each one's or against their sum.
            let bases = [plan.created.shortfall, scene.made_for(&plan.area)];
            let needs = || scene.readings(&plan.area).iter().map(|it| it.shortfall);
            let maybe = needs().any(|need| bases.iter().any(|base| scene.is_under(need, *base)));
            let surely = needs().all(|need| bases.iter().all(|base| scene.is_under(need, *base)));
            let since =
                |known: Option<Time>, holds: bool| known.or(Some(scene.end)).filter(|_| holds);
            let maybe = since(known.maybe, maybe);
            under.insert(id.clone(), Under { maybe, surely: since(known.surely, surely) });
        }
        self.under = under;
    }

    /// Whether a plan may wait for its hold to be over.
    pub(super) fn may_wait(&self, plan: &str) -> bool {
        self.under.get(plan).is_some_and(|under| under.maybe.is_some())
    }

    /// Whether a plan waits for its hold to be over, however one reads it.
    pub(super) fn waits(&self, plan: &str) -> bool {
        self.under.get(plan).is_some_and(|under| under.surely.is_some())
    }

    /// Whether what stood in an area may be released, its need having been over for long enough:
    /// if anything of it is not held.
    pub(super) fn may_be_over(&self, scene: &Scene<'_>, area: &str) -> bool {
        let since = |plan: &Text| self.under.get(plan).and_then(|under| under.maybe);
        let mut orders = scene.before.values().filter(|it| it.area == area).peekable();
        is_past(scene, plans_of(scene.plans_before, area), since)
            && (orders.peek().is_none() || orders.any(|it| !is_surely_held(scene, it)))
    }

    /// Whether an area's need has surely been over for long enough.
    pub(super) fn is_over(&self, scene: &Scene<'_>, area: &str) -> bool {
        let since = |plan: &Text| self.under.get(plan).and_then(|under| under.surely);
        is_past(scene, plans_of(&scene.book.plans, area), since)
    }

    /// When time alone may let something end: a hold, a minimum run, the wait for an answer.
    pub(super) fn due(&self, scene: &Scene<'_>) -> Vec<Time> {
        let hold = scene.rules.dispatch.release_hold;
        let mut due = vec![];
        for (id, plan) in &scene.book.plans {
            let Some(under) = self.under.get(id) else { continue };
            due.extend([under.maybe, under.surely].into_iter().flatten().map(|since| since + hold));
            if under.maybe.is_some() {
                due.extend(scene.orders_of(&plan.area).flat_map(|it| runs(scene, it)));
            }
        }
        due.extend(scene.book.standing.values().filter_map(|it| unanswered_from(scene, it)));
        if scene.before.values().any(|it| !it.started.is_empty()) && !scene.records.is_empty() {
            // Relief that the tick ended counts no more in the next.
            due.push(scene.end + Millis(1));
        }
        due
    }
}

fn plans_of<'a>(plans: &'a BTreeMap<Text, Plan>, area: &'a str) -> impl Iterator<Item = &'a Text> {
    plans.iter().filter(move |(_, plan)| plan.area == area).map(|(id, _)| id)
}

/// Whether all of some plans, one or more, have been under for the release hold.
fn is_past<'a>(
    scene: &Scene<'_>,
    plans: impl Iterator<Item = &'a Text>,
    since: impl Fn(&Text) -> Option<Time>,
) -> bool {
    let hold = scene.rules.dispatch.release_hold;
    let mut plans = plans.peekable();
    plans.peek().is_some()
        && plans.all(|plan| since(plan).is_some_and(|since| since + hold <= scene.end))
}

/// When an activation's minimum run is over: counted from its own start, and from that of the
/// first order that it goes back to. Nothing holds another order.
fn runs(scene: &Scene<'_>, standing: &Standing) -> Vec<Time> {
    let Kind::DemandResponse { bid, .. } = &standing.order.kind else { return vec![] };
    let min_run = scene.bid(bid).and_then(|bid| bid.min_run).unwrap_or_default();
    vec![standing.order.start + min_run, standing.runs_from + min_run]
}

/// Whether an order is held by its minimum run, however one reads it.
pub(super) fn is_surely_held(scene: &Scene<'_>, standing: &Standing) -> bool {
    runs(scene, standing).into_iter().min().is_some_and(|over| scene.end < over)
}

/// Whether an order may be held by its minimum run.
pub(super) fn may_be_held(scene: &Scene<'_>, standing: &Standing) -> bool {
    runs(scene, standing).into_iter().max().is_some_and(|over| scene.end < over)
}

impl Scene<'_> {
    /// Whether a need is under the deadband, as far as a plan made for so much is concerned.
    pub(crate) fn is_under(&self, need: Watts, made_for: Watts) -> bool {
        let deadband = self.rules.dispatch.deadband;
        if made_for <= deadband { need == Watts::ZERO } else { need < deadband }
    }

    /// What the plans that stood in an area were made for.
    pub(super) fn made_for(&self, area: &str) -> Watts {
        let plans = self.plans_before.values().filter(|plan| plan.area == area);
        plans.map(|plan| plan.created.shortfall).sum()
    }
}
